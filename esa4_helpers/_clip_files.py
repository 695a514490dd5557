"""Clips in files that are named for what they are, in a zip or a folder."""

from __future__ import annotations

import io
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile

from ._checks import is_silent

# What libsndfile reads, but for files without a header, of which rate and width are unknown.
READABLE = frozenset(
    {".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus"}
    | {".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf"}
)
# Other sound files, such as phones write: left out without a word, they would be missed.
UNREADABLE = frozenset(
    {".m4a", ".aac", ".mp4", ".wma", ".amr", ".3gp", ".webm", ".mka", ".ape", ".ac3"}
)

_GROUPS = ("train", "test_normal", "test_anomaly")
_NAME = re.compile(rf"({'|'.join(_GROUPS)})_\w")
_SCHEME = "train_*, test_normal_* or test_anomaly_*"
# In samples of all clips together, before they are in memory.
_MOST_SAMPLES = 2**28
# So many faulty files are named at once.
_MOST_NAMED = 5

# What a damaged zip ends in; the last are of another way to pack, or of a password.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class ClipFilesError(ValueError):
    """Files can't be used as clips; the message names them."""


@dataclass
class _Clip:
    file: str
    audio: np.ndarray
    sr: int

    @property
    def name(self) -> str:
        # A folder may well be called anomaly_mini: only the file's own name tells the
        # class of a clip, its path would call every clip abnormal.
        return PurePosixPath(self.file).stem

    @property
    def shape(self) -> str:
        """Rate and length, as people say them."""
        return f"{self.sr} Hz and {len(self.audio)} samples"


def read_clip_files(place: Path) -> tuple[list[str], np.ndarray, int]:
    """Read clips of one rate and one length from a zip or a folder.

    Returns their names, their sound and their sample rate. Files that are no sound and
    hidden ones are passed over; `ClipFilesError` names those that can't be used.
    """
    clips, troubles, n_samples = [], [], 0
    for file, read in _sounds(place):
        try:
            clip = _decode(file, read())
        except ClipFilesError as error:
            troubles.append(f"{file}: {error}")
            continue
        clips.append(clip)
        n_samples += len(clip.audio)
        if n_samples > _MOST_SAMPLES:
            raise ClipFilesError(
                f"all clips together have more than {_MOST_SAMPLES} samples, 1 GiB of "
                "memory: take fewer or shorter ones"
            )
    troubles += _disagreements(clips)
    if troubles:
        more = len(troubles) - _MOST_NAMED
        rest = [f"and {more} more"] if more > 0 else []
        raise ClipFilesError("\n  - ".join(["", *troubles[:_MOST_NAMED], *rest]))
    if not clips:
        raise ClipFilesError("it holds no sound files (such as .wav or .flac)")
    for group in _GROUPS:
        if not any(clip.name.startswith(f"{group}_") for clip in clips):
            raise ClipFilesError(f"no clip is called {group}_*")
    return [c.name for c in clips], np.stack([c.audio for c in clips]), clips[0].sr


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is not meant to be seen."""
    # The latter is what macOS puts into zips beside the files.
    return name.startswith(".") or name == "__MACOSX"


def shown(path: Path) -> str:
    """A path as text that can be printed, whatever bytes its name is made of."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def walk_sounds(root: Path) -> Iterator[Path]:
    """What looks like a sound file, and links to folders, which are not followed."""
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not is_hidden(name)]
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in (*files, *links):
            if (name in links or _is_sound(name)) and not is_hidden(name):
                yield Path(place, name)


def _is_sound(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in READABLE | UNREADABLE


def _sounds(place: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each sound file, and how to read it."""
    if place.is_dir():
        for path in sorted(walk_sounds(place)):
            yield shown(path.relative_to(place)), lambda path=path: _read(path)
        return
    try:
        with zipfile.ZipFile(place) as files:
            for info in files.infolist():
                parts = PurePosixPath(info.filename).parts
                if not any(map(is_hidden, parts)) and _is_sound(info.filename):
                    yield info.filename, lambda info=info: _unpack(files, info)
    except (*_DAMAGED, OSError, ValueError) as error:
        raise ClipFilesError(f"it is no zip, or a damaged one: {error}") from error


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > 4 * _MOST_SAMPLES:
            raise ClipFilesError("larger than all clips together may be")
        return path.read_bytes()
    except OSError as error:
        raise ClipFilesError(f"can't be opened: {error.strerror}") from None


def _unpack(files: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > 4 * _MOST_SAMPLES:
        raise ClipFilesError("larger than all clips together may be")
    try:
        return files.read(info)
    except _DAMAGED as error:
        raise ClipFilesError(f"can't be unpacked: {error}") from None


def _decode(file: str, data: bytes) -> _Clip:
    if PurePosixPath(file).suffix.lower() in UNREADABLE:
        raise ClipFilesError("can't be read: convert it to WAV or FLAC")
    if not data:
        raise ClipFilesError("empty: the file has 0 bytes")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            if sound.channels != 1:
                raise ClipFilesError(
                    f"{sound.channels} channels: expected one, so choose one or mix them"
                )
            if sound.frames > _MOST_SAMPLES:
                raise ClipFilesError("longer than all clips together may be")
            clip = _Clip(file, sound.read(dtype="float32"), sound.samplerate)
    except soundfile.LibsndfileError as error:
        raise ClipFilesError(
            f"damaged, or no sound file: {error.error_string}"
        ) from None
    if not len(clip.audio):
        raise ClipFilesError("empty: it holds no sample")
    if not np.isfinite(clip.audio).all():
        raise ClipFilesError("it holds NaN or infinity")
    if np.abs(clip.audio).max() > 1:
        raise ClipFilesError(
            f"it reaches {np.abs(clip.audio).max():g}, beyond [-1, 1]: turn it down"
        )
    if is_silent(clip.audio):
        raise ClipFilesError("silent from start to end: was the recorder on?")
    if not _NAME.match(clip.name):
        raise ClipFilesError(f"its name should be {_SCHEME}")
    if clip.name.startswith("train_") and "anomaly" in clip.name:
        raise ClipFilesError("for training there are normal clips only: test_anomaly_*")
    return clip


def _disagreements(clips: list[_Clip]) -> Iterator[str]:
    """Clips that differ from most others in rate or length, and names that come twice."""
    usual = Counter(clip.shape for clip in clips).most_common()
    for clip in clips:
        if (shape := clip.shape) != usual[0][0]:
            yield f"{clip.file}: {shape}, expected {usual[0][0]} as most clips have"
    files = {}
    for clip in clips:
        if clip.name in files:
            yield f"{clip.file}: {files[clip.name]} has the same name"
        files.setdefault(clip.name, clip.file)
