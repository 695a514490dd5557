"""Recordings of your own machine: from a folder of sound files to clips.

Files may differ in format, sample rate, length and number of channels. They are read in
blocks and cut one by one, so that no more is in memory than what is asked for, and what
can't be used is listed with its reason instead of stopping the rest.
"""

from __future__ import annotations

import os
import re
import unicodedata
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import soundfile
import soxr
from natsort import natsort_keygen, ns
from numpy.typing import ArrayLike

from ._checks import (
    LARGEST_SAMPLE,
    LEAST_RATE,
    check_count,
    check_labels,
    check_number,
    check_sample_rate,
    is_silent,
)
from ._clip_files import UNREADABLE, shown, walk_sounds
from .datasets import DatasetError
from .sensor import hidden_fault

_BY_VALUE = natsort_keygen(alg=ns.IGNORECASE | ns.PATH)
_FLOATS = ("FLOAT", "DOUBLE")

# In frames: short, as of a damaged file the block that holds the damage is lost.
_BLOCK = 16384
# In Hz: beyond what any recorder takes, a second would not fit in memory.
_HIGHEST_RATE = 10_000_000
_LARGEST_AUDIO = 2 * 2**30
# So much later than its sound comes what a resampler makes of it, at the lowest rate.
_DELAY_SECONDS = 1.0
# Of an Ogg file, its last page is within so many bytes of the end.
_LARGEST_OGG_PAGE = 65307


class _RefusedError(Exception):
    """Nothing of a file can be used."""


class _DamagedError(Exception):
    """A file ends before its time; what came before can be used."""


@dataclass
class _Cut:
    """How files become clips, in samples of the wanted rate."""

    sr: int
    n_samples: int
    hop: int
    channel: int | str


class _Recent:
    """The latest stretch of a stream, of so many samples and a block."""

    def __init__(self, n_samples: int) -> None:
        self._n_samples = n_samples
        # Each with the sample that it begins at; what was lost is missing in between.
        self._blocks: deque[tuple[int, np.ndarray]] = deque()
        self.end = 0

    @classmethod
    def for_clips(cls, seconds: float, sr: int) -> _Recent:
        """Keep what a clip was made of until a resampler has come to the clip's end."""
        return cls(round((seconds + _DELAY_SECONDS) * sr))

    def hear(self, sound: np.ndarray, n_lost: int = 0) -> None:
        """Take the next block, and forget what is too old."""
        while self._blocks and _end(*self._blocks[0]) <= self.end - self._n_samples:
            self._blocks.popleft()
        start = self.end + n_lost
        self._blocks.append((start, sound))
        self.end = start + len(sound)

    def cut(self, start: int, stop: int) -> np.ndarray:
        """Some of it, with zeros for what was lost."""
        piece = np.zeros((stop - start, *self._blocks[-1][1].shape[1:]), np.float32)
        for at, sound in self._blocks:
            first, last = max(at, start), min(_end(at, sound), stop)
            if first < last:
                piece[first - start : last - start] = sound[first - at : last - at]
        return piece


def _end(start: int, sound: np.ndarray) -> int:
    return start + len(sound)


class _Clip(NamedTuple):
    """A clip, and what it was made of, if that was resampled or mixed."""

    sound: np.ndarray
    recorded: _Recent | None
    start: int
    stop: int

    def hidden_fault(self) -> str | None:
        """To be asked for before the next clip is read."""
        if self.recorded is None:
            return None
        return hidden_fault(self.recorded.cut(self.start, self.stop))


@dataclass(frozen=True, eq=False)
class Recordings:
    """Clips cut from sound files, which are read only when their sound is asked for.

    Made by `read_recordings`. Clips are in the natural order of the files, and within a file
    in the order of time.

    Parameters
    ----------
    cut : object
        How files become clips.
    files : mapping from str to pathlib.Path
        Where each recording lies.
    recordings : array of shape (n_clips,)
        The recording that each clip comes from, as its path within the folder: what
        detectors take as ``groups``.
    positions : array of shape (n_clips,)
        Which clip of its recording each one is, counted from 0.
    faults : array of shape (n_clips,)
        What was wrong with the sensor and is hidden in the clip, as it was resampled or
        mixed: see `hidden_fault`. None where nothing was seen.
    checksums : array of shape (n_clips,)
        CRC-32 of each clip's samples, by which a file that has changed shows.
    skipped : mapping from str to str
        Files of which nothing is used, and why.
    partial : mapping from str to str
        Recordings of which some is missing, and why.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("run 10.wav", "run 2.wav"):
    ...         noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    ...         soundfile.write(Path(folder, name), noise, samplerate=4000)
    ...     clips = read_recordings(folder, clip_seconds=1.0)
    ...     audio = clips.audio
    >>> audio.shape, clips.sr
    ((4, 16000), 16000)
    >>> clips.names
    ('run 2.wav at 0 s', 'run 2.wav at 1 s', 'run 10.wav at 0 s', 'run 10.wav at 1 s')
    """

    cut: _Cut
    files: Mapping[str, Path]
    recordings: np.ndarray
    positions: np.ndarray
    faults: np.ndarray
    checksums: np.ndarray
    skipped: Mapping[str, str]
    partial: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def sr(self) -> int:
        """Sample rate of the clips in Hz."""
        return self.cut.sr

    @property
    def starts(self) -> np.ndarray:
        """Where in its recording each clip starts, in s."""
        return self.positions * (self.cut.hop / self.sr)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One name for each clip, each different."""
        pairs = zip(self.recordings, self.starts, strict=True)
        return tuple(f"{recording} at {start:.10g} s" for recording, start in pairs)

    @cached_property
    def audio(self) -> np.ndarray:
        """All clips at once, float32 of shape (n_clips, n_samples), read-only."""
        shape = (len(self), self.cut.n_samples)
        n_bytes = 4 * shape[0] * shape[1]
        if n_bytes > _LARGEST_AUDIO:
            raise MemoryError(
                f"all {shape[0]} clips together would take {n_bytes / 2**30:.1f} GiB of "
                "memory: go through them with blocks(), take some of them with select(), "
                "or read them with a longer hop_seconds"
            )
        audio = np.empty(shape, np.float32)
        for clips, block in self.blocks():
            audio[clips] = block
        audio.setflags(write=False)
        return audio

    def blocks(self, n_clips: int = 16) -> Iterator[tuple[slice, np.ndarray]]:
        """Go through all clips, a few at a time, without keeping any.

        Parameters
        ----------
        n_clips : int
            Most clips in a block.

        Returns
        -------
        iterator of (slice, ndarray)
            Which clips they are, and their sound: float32 of shape (n, n_samples).

        Raises
        ------
        ValueError, TypeError
            If ``n_clips`` is not a whole number above 0.
        DatasetError
            If a file has changed since it was found.
        """
        n_clips = check_count(n_clips, "n_clips", at_least=1)
        start, block = 0, []
        for clip in self._clips():
            block.append(clip)
            if len(block) == n_clips:
                yield slice(start, start + n_clips), np.stack(block)
                start, block = start + n_clips, []
        if block:
            yield slice(start, start + len(block)), np.stack(block)

    def select(self, keep: ArrayLike) -> Recordings:
        """Take some of the clips.

        Parameters
        ----------
        keep : array of shape (n_clips,)
            True for each clip to keep.

        Returns
        -------
        Recordings
            With all else as it was.

        Raises
        ------
        ValueError
            If ``keep`` has another shape, or no clip is left.
        """
        keep = check_labels(keep, "keep", len(self))
        if not keep.any():
            raise ValueError("keep selects no clip")
        return replace(
            self,
            recordings=self.recordings[keep],
            positions=self.positions[keep],
            faults=self.faults[keep],
            checksums=self.checksums[keep],
        )

    def thin(self, n_clips: int) -> Recordings:
        """Take so many clips at most, spread evenly over the recordings and their time.

        Parameters
        ----------
        n_clips : int
            Most clips to keep.

        Returns
        -------
        Recordings
            All clips if there are no more than that. Else as many of each recording as of
            any other, as far as it has them, so that none is lost while there are enough.

        Raises
        ------
        ValueError, TypeError
            If ``n_clips`` is not a whole number above 0.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, n_seconds in (("long.wav", 6), ("short.wav", 1)):
        ...         noise = np.random.default_rng(0).normal(0, 0.1, n_seconds * 4000)
        ...         soundfile.write(Path(folder, name), noise, samplerate=4000)
        ...     clips = read_recordings(folder, clip_seconds=1.0)
        >>> clips.thin(3).names
        ('long.wav at 1 s', 'long.wav at 4 s', 'short.wav at 0 s')
        """
        n_clips = check_count(n_clips, "n_clips", at_least=1)
        _, starts, counts = np.unique(
            self.recordings, return_index=True, return_counts=True
        )
        in_order = np.argsort(starts)
        starts, counts = starts[in_order], counts[in_order]
        kept = _spread(len(counts), min(n_clips, len(counts)))
        keep, n_left = np.zeros(len(self), bool), min(n_clips, len(self))
        # The shortest first: what they can't fill is left to the others.
        for done, i in enumerate(sorted(kept, key=lambda i: counts[i])):
            n = min(counts[i], n_left // (len(kept) - done))
            keep[starts[i] + _spread(counts[i], n)] = True
            n_left -= n
        return self.select(keep)

    def _clips(self) -> Iterator[np.ndarray]:
        for recording in dict.fromkeys(self.recordings):
            of_it = self.recordings == recording
            wanted, checksums = self.positions[of_it], self.checksums[of_it]
            found, news = 0, "gone"
            try:
                for position, clip in enumerate(
                    _clips_of(self.files[recording], self.cut)
                ):
                    if position == wanted[found]:
                        if _checksum(clip.sound) != checksums[found]:
                            news = "another"
                            break
                        yield clip.sound
                        found += 1
                        if found == len(wanted):
                            break
            except (_RefusedError, _DamagedError):
                # Known since it was first read; only a clip that is missing is news.
                pass
            if found < len(wanted):
                raise DatasetError(
                    f"{self.files[recording]} has changed since it was found: clip "
                    f"{wanted[found]} of it is {news}. Call read_recordings again"
                )


def _checksum(sound: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(sound))


def _spread(n: int, n_wanted: int) -> np.ndarray:
    """So many of the numbers below n, as far from each other and the ends as can be."""
    return ((np.arange(n_wanted) + 0.5) * (n / n_wanted)).astype(int)


def read_recordings(
    folder: str | Path | Sequence[str | Path],
    clip_seconds: float,
    hop_seconds: float | None = None,
    sr: int = 16000,
    channel: int | str = "mean",
    *,
    keep_silent: bool = False,
) -> Recordings:
    """Find the recordings in a folder and cut each into clips of the same length.

    All formats that libsndfile reads may be mixed (WAV, FLAC, OGG, MP3 and more), and
    so may sample rates, lengths and numbers of channels. Sub-folders are searched, too.
    Hidden files and files that hold no sound are passed over. Each file is read once
    from end to end, in blocks, to see what of it can be used; its sound is kept only when
    ``audio`` or ``blocks`` asks for it, so even ten hours take little memory.

    Parameters
    ----------
    folder : str or path, or a sequence of them
        A folder, a file, or several of them.
    clip_seconds : float
        Length of each clip in s.
    hop_seconds : float, optional
        Step from the start of one clip to the start of the next, in s. By default the
        clip's length. What is left at the end of a file is shorter than a clip and is
        dropped. Clips that overlap share their sound: train with ``groups``.
    sr : int
        Sample rate in Hz that all clips are brought to.
    channel : int or "mean"
        Which channel of each file to use, counted from 0, or the mean of all.
    keep_silent : bool
        Whether to keep clips without any sound. They have no place in training, but
        while a machine is watched they show that a sensor has failed.

    Returns
    -------
    Recordings
        ``audio``, ``sr`` and ``names`` as a `Dataset` has them; ``recordings`` and
        ``starts`` say where each clip comes from, and ``skipped`` and ``partial`` what
        was left out: files that are damaged, empty, too short or silent. A damaged file
        is used up to the damage.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    DatasetError
        If nothing in the folder can be used.
    ValueError, TypeError
        If a number is out of its range.

    References
    ----------
    ``soxr.ResampleStream`` does the resampling, with the same result as
    `librosa.resample` on the whole file.

    Examples
    --------
    >>> import tempfile
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (110250, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(Path(folder, "pump.flac"), noise, samplerate=44100)
    ...     soundfile.write(Path(folder, "short.wav"), noise[:4410], samplerate=44100)
    ...     clips = read_recordings(folder, clip_seconds=1.0, hop_seconds=0.5)
    >>> clips.starts
    array([0. , 0.5, 1. , 1.5])
    >>> clips.skipped
    {'short.wav': 'too short: 0.1 s, and a clip takes 1 s'}
    """
    cut = _check_cut(clip_seconds, hop_seconds, sr, channel)
    files, skipped = find_recordings(folder)
    recordings, positions, faults, checksums, partial = [], [], [], [], {}
    for name, path in files.items():
        kept, missing = _look_through(path, cut, keep_silent)
        recordings += [name] * len(kept)
        positions += kept.keys()
        faults += [fault for fault, _ in kept.values()]
        checksums += [checksum for _, checksum in kept.values()]
        if missing:
            (partial if kept else skipped)[name] = missing
    if not recordings:
        raise DatasetError(f"no recording in {folder} can be used: {_found(skipped)}")
    return Recordings(
        cut=cut,
        files=files,
        recordings=np.array(recordings),
        positions=np.array(positions),
        faults=np.array(faults, dtype=object),
        checksums=np.array(checksums),
        skipped=dict(sorted(skipped.items(), key=lambda item: _natural_order(item[0]))),
        partial=partial,
    )


def find_recordings(
    folder: str | Path | Sequence[str | Path],
) -> tuple[dict[str, Path], dict[str, str]]:
    """List the sound files in a folder, in natural order: 2 comes before 10.

    Parameters
    ----------
    folder : str or path, or a sequence of them
        A folder, a file, or several of them. Sub-folders are searched, but links to
        folders are not followed.

    Returns
    -------
    files : dict from str to pathlib.Path
        Each file by its path within the folder; of several, with the folder's own.
    skipped : dict from str to str
        What looks like a sound file and can't be read, with the reason.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b10.wav", "b2.wav", "phone.m4a", "notes.txt"):
    ...         Path(folder, name).touch()
    ...     files, skipped = find_recordings(folder)
    >>> list(files), list(skipped)
    (['b2.wav', 'b10.wav'], ['phone.m4a'])
    """
    if isinstance(folder, (str, Path)) and Path(folder).is_dir():
        root = Path(folder)
        found = {shown(path.relative_to(root)): path for path in walk_sounds(root)}
    else:
        given = [folder] if isinstance(folder, (str, Path)) else folder
        paths = (
            path
            for place in map(Path, given)
            for path in (walk_sounds(place) if place.is_dir() else [place])
        )
        found = {shown(path): path for path in paths}
    files, skipped = {}, {}
    for name in sorted(found, key=_natural_order):
        path = found[name]
        reason = _no_sound(path)
        if reason:
            skipped[name] = reason
        else:
            files[name] = path
    gone = [name for name, path in found.items() if not os.path.lexists(path)]
    if gone:
        raise FileNotFoundError(f"there is no folder or file {gone[0]}")
    return files, skipped


def _natural_order(name: str) -> tuple[Any, str]:
    """A key that sorts numbers within names by their value, whatever the system."""
    text = unicodedata.normalize("NFC", name)
    return _BY_VALUE(text), text


def _no_sound(path: Path) -> str | None:
    """Say why a path can't be a recording, before it is opened."""
    if path.is_dir():
        return "a link to a folder, which is not followed: name that folder itself"
    if path.suffix.lower() in UNREADABLE:
        return (
            f"{path.suffix} files can't be read: convert it to WAV or FLAC, for instance "
            "with ffmpeg"
        )
    if not path.exists():
        return "a link that leads nowhere"
    if not path.is_file():
        return "not a file"
    return None


def _found(skipped: Mapping[str, str]) -> str:
    if not skipped:
        return "it holds no sound files (such as .wav, .flac, .ogg or .mp3)"
    first = [f"{name} ({reason})" for name, reason in list(skipped.items())[:5]]
    more = [f"and {len(skipped) - 5} more"] if len(skipped) > 5 else []
    return "; ".join(first + more)


def _check_cut(
    clip_seconds: float, hop_seconds: float | None, sr: int, channel: int | str
) -> _Cut:
    sr = check_count(check_sample_rate(sr), "sr")
    if channel != "mean":
        channel = check_count(channel, "channel")
    hop_seconds = clip_seconds if hop_seconds is None else hop_seconds
    lengths = []
    for seconds, name in ((clip_seconds, "clip_seconds"), (hop_seconds, "hop_seconds")):
        length = round(check_number(seconds, name) * sr)
        if length < 1:
            raise ValueError(
                f"{name} must be above 0, at least one sample, got {seconds!r}"
            )
        lengths.append(length)
    return _Cut(sr, *lengths, channel)


def _look_through(
    path: Path, cut: _Cut, keep_silent: bool
) -> tuple[dict[int, tuple[str | None, int]], str]:
    """Which clips of a file to use, with hidden faults and checksums; and what it lacks."""
    kept, n_clips, missing = {}, 0, ""
    try:
        for clip in _clips_of(path, cut):
            if keep_silent or not is_silent(clip.sound):
                kept[n_clips] = clip.hidden_fault(), _checksum(clip.sound)
            n_clips += 1
    except _RefusedError as error:
        return {}, str(error)
    except _DamagedError as error:
        missing = str(error)
    reasons = [missing] if missing else []
    if n_clips and not kept:
        reasons.append("silent from start to end: was the recorder on?")
    elif len(kept) < n_clips:
        reasons.append(
            f"{n_clips - len(kept)} of {n_clips} clips are silent and left out"
        )
    return kept, "; ".join(reasons)


def _clips_of(path: Path, cut: _Cut) -> Iterator[_Clip]:
    """All whole clips of a file, in turn."""
    pending, n_pending, start, n_clips = [], 0, 0, 0
    damage, n_found = None, 0
    with _open(path) as sound:
        recorded = _Recent.for_clips(cut.n_samples / cut.sr, sound.samplerate)
        is_changed = _is_changed(sound, cut)
        try:
            for block, frames in _resampled(sound, cut):
                if is_changed:
                    recorded.hear(frames)
                n_found += len(block)
                pending.append(block)
                n_pending += len(block)
                if n_pending < start + cut.n_samples:
                    continue
                waiting = np.concatenate(pending)
                while start + cut.n_samples <= len(waiting):
                    begin = n_clips * cut.hop
                    yield _Clip(
                        waiting[start : start + cut.n_samples],
                        recorded if is_changed else None,
                        *(
                            round(n / cut.sr * sound.samplerate)
                            for n in (begin, begin + cut.n_samples)
                        ),
                    )
                    n_clips += 1
                    start += cut.hop
                done = min(start, len(waiting))
                pending, n_pending, start = (
                    [waiting[done:]],
                    len(waiting) - done,
                    start - done,
                )
        except _DamagedError as error:
            damage = error
    if damage:
        raise damage
    if not n_clips:
        raise _RefusedError(
            f"too short: {n_found / cut.sr:.4g} s, and a clip takes "
            f"{cut.n_samples / cut.sr:.4g} s"
        )


@contextmanager
def _open(path: Path) -> Iterator[soundfile.SoundFile]:
    """A recording, ready to be read, with the file that it reads as its name."""
    try:
        # By Python, as the name may hold bytes that are no text.
        with path.open("rb") as file:
            if not file.read(1):
                raise _RefusedError("empty: the file has 0 bytes")
            file.seek(0)
            with soundfile.SoundFile(file) as sound:
                if not sound.frames:
                    raise _RefusedError("empty: it holds no sample")
                if not LEAST_RATE <= sound.samplerate <= _HIGHEST_RATE:
                    raise _RefusedError(
                        f"its sample rate is {sound.samplerate} Hz: the header is "
                        "damaged, or this is no sound"
                    )
                yield sound
    except soundfile.LibsndfileError as error:
        raise _RefusedError(
            f"damaged, or no sound file: {error.error_string.rstrip('.')}"
        ) from None
    except OSError as error:
        raise _RefusedError(f"can't be opened: {error.strerror}") from None


def _is_changed(sound: soundfile.SoundFile, cut: _Cut) -> bool:
    """Whether clips differ from what is in the file, so that faults may be hidden."""
    is_mixed = sound.channels > 1 and cut.channel == "mean"
    return is_mixed or sound.samplerate != cut.sr


def _frames_of(
    sound: soundfile.SoundFile, channel: int | str = "mean"
) -> Iterator[np.ndarray]:
    """One channel of an open file, or all for their mean, in blocks."""
    if channel != "mean" and channel >= sound.channels:
        raise _RefusedError(
            f"it has no channel {channel}: it has {sound.channels}, counted from 0"
        )
    n_frames = 0
    while len(block := _read(sound, n_frames)):
        if channel != "mean":
            block = block[:, [channel]]
        usable = np.isfinite(block).all(axis=1)
        n_usable = len(block) if usable.all() else int(usable.argmin())
        yield block[:n_usable]
        n_frames += n_usable
        if n_usable < len(block):
            raise _damaged(sound, n_frames, "NaN or infinity follow")
    n_promised = _promised_frames(sound)
    if n_frames < n_promised:
        raise _damaged(
            sound, n_frames, f"{n_promised / sound.samplerate:.4g} s were recorded"
        )
    if sound.format == "OGG" and not _has_last_page(sound.name):
        raise _damaged(sound, n_frames, "the end of the file is missing")


def _read(sound: soundfile.SoundFile, n_frames: int) -> np.ndarray:
    try:
        block = sound.read(_BLOCK, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise _damaged(sound, n_frames, error.error_string.rstrip(".")) from None
    largest = np.abs(block).max(initial=0, where=np.isfinite(block))
    if largest > LARGEST_SAMPLE:
        raise _RefusedError(
            f"its samples reach {largest:g} and should lie in [-1, 1]: these look like "
            "integers stored as floats"
        )
    return block


def _damaged(sound: soundfile.SoundFile, n_frames: int, why: str) -> _DamagedError:
    end = n_frames / sound.samplerate
    return _DamagedError(f"damaged: it can be read up to {end:.4g} s only ({why})")


def _promised_frames(sound: soundfile.SoundFile) -> int:
    """How many frames there would be if the file were whole."""
    told = re.search(r"(?:data|SSND) *: *(\d+) \(should be (\d+)\)", sound.extra_info)
    if not told:
        return sound.frames
    written, there = map(int, told.groups())
    # A recorder that never came to write the length leaves the largest one there is.
    return sound.frames * written // there if there and written < 2**31 - 2**16 else 0


def _has_last_page(file: BinaryIO) -> bool:
    """Whether an Ogg file ends with the page that is marked as the last."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LARGEST_OGG_PAGE))
    tail = file.read()
    start = tail.rfind(b"OggS")
    return start >= 0 and len(tail) > start + 5 and bool(tail[start + 5] & 4)


def _resampled(
    sound: soundfile.SoundFile, cut: _Cut
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks at the wanted rate, each with the frames that were read for it."""
    blocks = _frames_of(sound, cut.channel)
    if sound.samplerate == cut.sr:
        for frames in blocks:
            yield frames.mean(axis=1), frames
        return
    stream = soxr.ResampleStream(sound.samplerate, cut.sr, 1)
    frames, damage = np.zeros((0, 1), np.float32), None
    try:
        for frames in blocks:
            block = stream.resample_chunk(frames.mean(axis=1))
            yield _within_scale(block, sound), frames
    except _DamagedError as error:
        damage = error
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
    yield _within_scale(rest, sound), frames[:0]
    if damage:
        raise damage


def _within_scale(block: np.ndarray, sound: soundfile.SoundFile) -> np.ndarray:
    """Cut off what a filter overshoots; only files of floats may go beyond full scale."""
    return block if sound.subtype in _FLOATS else block.clip(-1, 1)
