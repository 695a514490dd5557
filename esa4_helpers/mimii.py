"""Any machine of MIMII, from a folder or clip by clip out of the published archives.

MIMII is the data set that the course's recordings come from: fans, pumps, sliders and
valves, four models of each, at three noise levels (Purohit et al. 2019). Each archive
holds 7 to 11 GB, of which an experiment needs some hundred MB; so only the wanted
clips are fetched. Settings come from the environment: ``ESA4_MIMII`` names a folder
that has the clips already, ``ESA4_MIMII_URL`` another server to fetch them from, and
``ESA4_DATA_HOME`` the folder that they are kept in.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import requests
import soundfile
import urllib3
from natsort import natsorted
from remotezip import (
    RangeNotSupported,
    RemoteFetcher,
    RemoteIOError,
    RemoteZip,
    RemoteZipError,
)
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.util import Retry

from . import _files
from ._checks import check_choice, check_count
from ._files import (
    TIMEOUT,
    LoginPageError,
    SlowDownloadError,
    given_path,
    progress,
    reason,
    trouble_with,
    write_whole,
)
from .datasets import (
    ABNORMAL,
    Dataset,
    DatasetError,
    DatasetUnreachableError,
    cache_folder,
)
from .synthesis import NORMAL

MACHINES = ("fan", "pump", "slider", "valve")
MODELS = ("id_00", "id_02", "id_04", "id_06")
SNRS_DB = (-6, 0, 6)
N_CHANNELS = 8
SAMPLE_RATE = 16000

ZENODO = "https://zenodo.org/records/3384388/files"

# To join neighbours in one request, this share of the wanted bytes may be fetched in vain.
_LARGEST_WASTE = 0.15
# What the end of a zip says of its directory, in bytes. The directory itself is read by
# its exact size.
_ZIP_END = 1024
# In bytes, unpacked: 10 s of 8 channels are 2.5 MB.
_LARGEST_CLIP = 2**25
# In bytes; some thousand clips take less than one million.
_LARGEST_DIRECTORY = 2**25
# In s. A server that asks for more patience than this is given up.
_LONGEST_WAIT = 120
# So often may an answer break off, or a clip come damaged, with no other clip between.
_MOST_FAILURES = 3

# The last is of a way to pack that zipfile does not know, or a damaged note of it.
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError)
_BROKEN_OFF = (EOFError, urllib3.exceptions.HTTPError)


def load_mimii(
    machine: str,
    model: str,
    snr_db: int = 6,
    n_normal: int | None = None,
    n_abnormal: int | None = None,
    channel: int = 0,
) -> Dataset:
    """Load clips of one of MIMII's machines, to train on and to test with.

    As in the baseline of MIMII's authors, the test are all abnormal clips and as many
    normal ones, the *first* in the order of their numbers; all later normal clips are
    for training.

    Where the clips come from:

    - If ``ESA4_MIMII`` names a folder, from there and nowhere else. It holds the
      archives as published (``-6_dB_fan.zip``), or what was unpacked from them, in
      folders of their names (``-6_dB_fan/fan/id_00/normal/00000000.wav``) or without
      (``fan/id_00/normal/00000000.wav``). The last says nothing about the noise:
      there ``snr_db`` is *your* statement about the folder, and goes into the title
      unchecked. Where a folder names the noise level of a machine, it is taken at its
      word.
    - Else from the archives on Zenodo, or on the server that ``ESA4_MIMII_URL`` names,
      by HTTP range requests that fetch the wanted clips only, 2.5 MB each. The size is
      announced on stderr first. Each clip is checked by the archive's CRC-32, and its
      channel kept as FLAC, which loses nothing, in ``ESA4_DATA_HOME`` (by default the
      user's cache folder). What is there is not fetched again, unless it is damaged,
      which the MD5 inside each FLAC file shows. A clip, or the archive's directory,
      is given up if a part of it takes longer than 10 min, or all of it more than 32 MiB.

    Parameters
    ----------
    machine : {"fan", "pump", "slider", "valve"}
        The kind of machine.
    model : {"id_00", "id_02", "id_04", "id_06"}
        Which of the machines of this kind.
    snr_db : {6, 0, -6}
        Nominal signal-to-noise ratio in dB.
    n_normal, n_abnormal : int, optional
        How many clips to load, those with the lowest numbers. By default all that there
        are. More normal than abnormal ones are needed, as only those that are left
        over from the test are for training.
    channel : int
        Which of the 8 microphones, from 0 on.

    Returns
    -------
    Dataset
        Clips of 10 s at 16 000 Hz, ``audio`` of shape (n_normal + n_abnormal, 160000),
        called ``"normal_00000000"`` or ``"abnormal_00000000"`` by their numbers in
        MIMII.

    Raises
    ------
    ValueError, TypeError
        If there is no such machine, model, noise level or channel, a number of clips is
        not whole, there are fewer clips than asked for, or none are left to train on.
    DatasetUnreachableError
        If the clips can't be fetched: there is no connection, it breaks off time and
        again or is too slow, or the server refuses or can't send parts of a file.
    DatasetError
        If ``ESA4_MIMII`` names no folder or one without the clips, a clip or an archive
        is damaged or of another format, or the folder for downloads can't be used.

    References
    ----------
    Purohit et al., "MIMII Dataset: Sound Dataset for Malfunctioning Industrial
    Machine Investigation and Inspection", DCASE 2019 Workshop.
    https://doi.org/10.33682/m76f-d618

    The data, CC BY-SA 4.0: https://doi.org/10.5281/zenodo.3384388

    The split is that of ``dataset_generator`` in the authors' baseline,
    https://github.com/MIMII-hitachi/mimii_baseline

    Examples
    --------
    >>> dataset = load_mimii("fan", "id_00", -6, 30, 10)  # doctest: +SKIP
    >>> dataset.train.audio.shape, dataset.test.audio.shape  # doctest: +SKIP
    ((20, 160000), (20, 160000))

    Names are checked before anything is fetched:

    >>> load_mimii("toaster", "id_00")
    Traceback (most recent call last):
    ValueError: machine must be one of 'fan', 'pump', 'slider', 'valve', got 'toaster'
    """
    wanted = _Wanted(machine, model, snr_db, n_normal, n_abnormal, channel)
    folder = mimii_folder()
    given = os.environ.get("ESA4_MIMII")
    clips = _read_given(folder, wanted) if given else _read_fetched(folder, wanted)
    return _as_dataset(clips, wanted)


def mimii_folder() -> Path:
    """Say in which folder `load_mimii` looks for clips.

    Returns
    -------
    pathlib.Path
        What ``ESA4_MIMII`` names, else where fetched clips are kept. The latter need not
        exist yet.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, ESA4_MIMII="recordings"):
    ...     print(mimii_folder())
    recordings
    """
    given = os.environ.get("ESA4_MIMII")
    return given_path(given) if given else cache_folder() / "mimii"


@dataclass
class _Wanted:
    """What `load_mimii` was asked for, checked."""

    machine: str
    model: str
    snr_db: int
    n_normal: int | None
    n_abnormal: int | None
    channel: int

    def __post_init__(self) -> None:
        check_choice(self.machine, "machine", MACHINES)
        check_choice(self.model, "model", MODELS)
        # So that 6.0 is 6 in the name of the archive, too.
        self.snr_db = check_choice(self.snr_db, "snr_db", SNRS_DB)
        if self.n_normal is not None:
            check_count(self.n_normal, "n_normal", at_least=1)
        if self.n_abnormal is not None:
            check_count(self.n_abnormal, "n_abnormal")
        if None not in (self.n_normal, self.n_abnormal):
            _check_training_clips(self.n_normal, self.n_abnormal)
        if check_count(self.channel, "channel") >= N_CHANNELS:
            raise ValueError(
                f"channel is {self.channel}, and MIMII has only {_channels(N_CHANNELS)}"
            )

    @property
    def title(self) -> str:
        return f"mimii {self.machine} {self.model} {self.snr_db} dB"

    @property
    def archive(self) -> str:
        """The name of the archive that the clips are in, without its ending."""
        return f"{self.snr_db}_dB_{self.machine}"

    @property
    def ways_out(self) -> str:
        return f"""Ways out:
  - connect to the internet and try again, some minutes later if the server is busy: what
    has come already is not fetched again;
  - on a machine that is online, fetch {self.archive}.zip from
      https://doi.org/10.5281/zenodo.3384388
    and name the folder that holds it, packed or unpacked: ESA4_MIMII=/path/to/folder;
    without ESA4_MIMII, the clips are fetched for you;
  - name another server that has it: ESA4_MIMII_URL=https://example.org/folder;
  - choose another, writable folder for the download: ESA4_DATA_HOME=/path/to/folder;
  - work with made-up clips instead: make_synthetic_dataset()."""

    def choose(self, members: Iterable[str], source: Path | str) -> list[str]:
        """Pick the wanted of all clips of a source, normal ones first, in natural order."""
        chosen = {NORMAL: [], ABNORMAL: []}
        for member in members:
            path = PurePosixPath(member)
            # Some computers put hidden files beside the clips.
            if path.suffix.lower() == ".wav" and not path.name.startswith("."):
                for label, clips in chosen.items():
                    if path.parts[-3:-1] == (self.model, label):
                        clips.append(member)
        for label, count in ((NORMAL, self.n_normal), (ABNORMAL, self.n_abnormal)):
            n_found = len(chosen[label])
            if not n_found and count != 0:
                raise DatasetError(
                    f"{source} holds no {label} clips of {self.machine} {self.model}: "
                    f"expected .../{self.model}/{label}/00000000.wav and so on.\n"
                    f"{self.ways_out}"
                )
            if count is not None and count > n_found:
                raise ValueError(
                    f"n_{label} asks for {count} clips, and {source} holds {n_found} "
                    f"{label} ones of {self.machine} {self.model}"
                )
            chosen[label] = natsorted(chosen[label])[:count]
        _check_training_clips(len(chosen[NORMAL]), len(chosen[ABNORMAL]))
        return chosen[NORMAL] + chosen[ABNORMAL]

    def decode(self, data: bytes, source: Path | str) -> np.ndarray:
        """Take the wanted channel out of a WAV file: int16 of shape (n_samples,)."""
        try:
            with soundfile.SoundFile(io.BytesIO(data)) as file:
                if (file.samplerate, file.subtype) != (SAMPLE_RATE, "PCM_16"):
                    raise DatasetError(
                        f"{source} has {file.samplerate} Hz and samples of the type "
                        f"{file.subtype}: MIMII's clips have {SAMPLE_RATE} Hz and PCM_16."
                        f"\n{self.ways_out}"
                    )
                if self.channel >= file.channels:
                    raise ValueError(
                        f"channel is {self.channel}, and {source} has only "
                        f"{_channels(file.channels)}"
                    )
                samples = file.read(dtype="int16", always_2d=True)[:, self.channel]
        except soundfile.LibsndfileError as error:
            raise DatasetError(
                f"{source} is no WAV file that can be read: {error}\n{self.ways_out}"
            ) from error
        if not samples.size:
            raise DatasetError(f"{source} holds no samples.\n{self.ways_out}")
        return np.ascontiguousarray(samples)


def _channels(n_channels: int) -> str:
    return (
        "channel 0: it is mono"
        if n_channels == 1
        else f"channels 0 to {n_channels - 1}"
    )


def _check_training_clips(n_normal: int, n_abnormal: int) -> None:
    if n_normal <= n_abnormal:
        raise ValueError(
            f"{n_normal} normal clips leave none to train on: the test takes as many as "
            f"there are abnormal ones, here {n_abnormal}. Ask for n_normal of at least "
            f"{n_abnormal + 1}, or for n_abnormal of at most {n_normal - 1}"
        )


def _as_dataset(clips: dict[str, np.ndarray], wanted: _Wanted) -> Dataset:
    """Make a data set of int16 samples by path, the normal clips first."""
    names, is_anomaly = [], []
    first, n_samples = next((m, len(samples)) for m, samples in clips.items())
    audio = np.empty((len(clips), n_samples), dtype=np.float32)
    for i, (member, samples) in enumerate(clips.items()):
        if len(samples) != n_samples:
            raise DatasetError(
                f"{member} has {len(samples)} samples and {first} has {n_samples}: "
                f"all clips should be equally long.\n{wanted.ways_out}"
            )
        audio[i] = samples / np.float32(32768)
        path = PurePosixPath(member)
        # With leading zeros, the order of the names is that of the numbers.
        number = re.sub(r"\d+", lambda digits: digits[0].zfill(8), path.stem)
        names.append(f"{path.parent.name}_{number}")
        is_anomaly.append(path.parent.name == ABNORMAL)
    n_abnormal = sum(is_anomaly)
    is_train = [not bad and i >= n_abnormal for i, bad in enumerate(is_anomaly)]
    return Dataset(audio, SAMPLE_RATE, names, is_train, is_anomaly, wanted.title)


# ------------------------------------------------------------ a folder that is there


def _read_given(folder: Path, wanted: _Wanted) -> dict[str, np.ndarray]:
    """Read clips from the folder that a user has named."""
    place = _find(folder, wanted)
    try:
        if place.suffix == ".zip":
            with zipfile.ZipFile(place) as archive:
                return _decode_all(archive.namelist(), archive.read, place, wanted)
        files = place.glob(f"{wanted.model}/*/*")
        members = [file.relative_to(place).as_posix() for file in files]
        return _decode_all(members, lambda m: (place / m).read_bytes(), place, wanted)
    except (OSError, *_DAMAGED) as error:
        raise DatasetError(
            f"ESA4_MIMII names {folder}, and {place} can't be read: {error}\n"
            f"{wanted.ways_out}"
        ) from error


def _find(folder: Path, wanted: _Wanted) -> Path:
    """Say which folder or zip has the wanted machine, at the wanted noise level."""
    trouble = trouble_with(folder, "folder")
    if trouble or not folder.is_dir():
        raise DatasetError(
            f"ESA4_MIMII names {folder}, {trouble or 'which is no folder'}.\n"
            f"{wanted.ways_out}"
        )
    unpacked = folder / wanted.archive
    places = [
        unpacked / wanted.machine,
        unpacked,
        folder / f"{wanted.archive}.zip",
    ]
    named = {
        path.name.removesuffix(".zip")
        for path in folder.glob(f"*_dB_{wanted.machine}*")
    }
    # Clips without a noise level can't be those of a level that is not there by name.
    if named.isdisjoint(f"{snr_db}_dB_{wanted.machine}" for snr_db in SNRS_DB):
        places.append(folder / wanted.machine)
    for place in places:
        if place.suffix == ".zip" and place.is_file():
            return place
        if (place / wanted.model).is_dir():
            return place
    raise DatasetError(
        f"ESA4_MIMII names {folder}, which has no {wanted.machine} {wanted.model} at "
        f"{wanted.snr_db} dB: expected one of "
        f"{', '.join(str(place.relative_to(folder)) for place in places)}, found "
        f"{', '.join(sorted(path.name for path in folder.iterdir())) or 'nothing'}.\n"
        f"{wanted.ways_out}"
    )


def _decode_all(
    members: Iterable[str],
    read: Callable[[str], bytes],
    place: Path,
    wanted: _Wanted,
) -> dict[str, np.ndarray]:
    clips = {}
    for member in wanted.choose(members, place):
        try:
            data = read(member)
        except (EOFError, *_DAMAGED) as error:
            raise DatasetError(
                f"{place} holds a damaged clip, {member}: {error}\n{wanted.ways_out}"
            ) from error
        clips[member] = wanted.decode(data, f"{place}: {member}")
    return clips


# ------------------------------------------------------------ fetching, and keeping


def _read_fetched(folder: Path, wanted: _Wanted) -> dict[str, np.ndarray]:
    """Read clips that are kept in a folder, after fetching those that are missing."""
    kept = _Kept(folder / wanted.archive, wanted.channel)
    base = os.environ.get("ESA4_MIMII_URL")
    url = f"{(base or ZENODO).rstrip('/')}/{wanted.archive}.zip"
    if not base:
        url += "?download=1"
    try:
        members = kept.members()
        chosen = wanted.choose(members, url) if members else []
        clips = kept.clips(chosen)
        if not chosen or len(clips) < len(chosen):
            chosen, clips = _fetch(url, kept, wanted)
    except OSError as error:
        raise DatasetError(
            f"The folder for downloads, {folder}, can't be used: {error}\n"
            f"{wanted.ways_out}"
        ) from error
    return {member: clips[member] for member in chosen}


@dataclass
class _Kept:
    """What has been fetched of one archive."""

    folder: Path
    channel: int

    def members(self) -> list[str]:
        """Names of all files in the archive, if it has been asked before."""
        try:
            return json.loads((self.folder / "members.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return []

    def keep_members(self, members: list[str]) -> None:
        write_whole(self.folder / "members.json", json.dumps(members).encode())

    def clips(self, members: Iterable[str]) -> dict[str, np.ndarray]:
        """Those of some clips that are there, and sound."""
        clips = {member: _read_flac(self._file(member)) for member in members}
        return {member: clip for member, clip in clips.items() if clip is not None}

    def keep_clip(self, member: str, clip: np.ndarray) -> None:
        flac = io.BytesIO()
        soundfile.write(flac, clip, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        write_whole(self._file(member), flac.getvalue())

    def _file(self, member: str) -> Path:
        model, label, name = PurePosixPath(member).parts[-3:]
        stem = PurePosixPath(name).stem
        return self.folder / model / label / f"{stem}_channel_{self.channel}.flac"


def _read_flac(path: Path) -> np.ndarray | None:
    """Read the samples of a clip as int16; None if it is not there, or damaged."""
    try:
        data = path.read_bytes()
        clip, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    except (FileNotFoundError, soundfile.LibsndfileError):
        return None
    # FLAC notes the MD5 of its samples at a fixed place, which libsndfile passes over.
    md5 = hashlib.md5(clip.astype("<i2").tobytes(), usedforsecurity=False)
    return clip if data[26:42] == md5.digest() else None


def _fetch(
    url: str, kept: _Kept, wanted: _Wanted
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Fetch the clips that are missing, and keep each at once; go on after a failure."""
    clips, n_failures = {}, 0
    while True:
        n_before, what = len(clips), "its directory"
        try:
            with _open(url) as archive:
                chosen = wanted.choose(archive.namelist(), url)
                kept.keep_members(archive.namelist())
                clips = kept.clips(chosen)
                missing = [member for member in chosen if member not in clips]
                if not missing:
                    return chosen, clips
                with _announced(archive, missing, wanted.title, kept.folder) as bar:
                    for what in _joined(archive, missing):
                        info = archive.getinfo(what)
                        size = max(info.file_size, info.compress_size)
                        if size > _LARGEST_CLIP:
                            raise DatasetError(
                                f"{url}: {what} would take {size} bytes, larger than "
                                f"any clip of MIMII.\n{wanted.ways_out}"
                            )
                        clip = wanted.decode(archive.read(what), f"{url}: {what}")
                        kept.keep_clip(what, clip)
                        clips[what] = clip
                        bar.update(info.compress_size)
            return chosen, clips
        except RangeNotSupported:
            raise DatasetUnreachableError(
                f"{url} does not send parts of a file, as HTTP range requests ask for: "
                "the whole archive, of up to 11 GB, was not downloaded.\n"
                f"{wanted.ways_out}"
            ) from None
        except (RemoteZipError, SlowDownloadError) as error:
            io_failed = isinstance(error, RemoteIOError)
            why = reason(error.__context__) if io_failed else error
            # The chain of causes is a hundred lines long and tells a student nothing.
            raise DatasetUnreachableError(
                f"{wanted.title} can't be reached: {url} did not answer as expected "
                f"({why}).\n{wanted.ways_out}"
            ) from None
        except (*_DAMAGED, *_BROKEN_OFF) as error:
            n_failures = 1 if len(clips) > n_before else n_failures + 1
            if n_failures < _MOST_FAILURES:
                time.sleep(n_failures)
                continue
            if isinstance(error, _DAMAGED):
                raise DatasetError(
                    f"What came from {url} is damaged in {what}: {error}\n"
                    f"All that came sound is kept.\n{wanted.ways_out}"
                ) from error
            raise DatasetUnreachableError(
                f"{wanted.title} can't be reached: {url} breaks off in {what}, time and "
                f"again ({type(error).__name__}).\n{wanted.ways_out}"
            ) from None


@contextmanager
def _announced(
    archive: RemoteZip, members: list[str], title: str, folder: Path
) -> Iterator[tqdm]:
    """Say how much will be fetched, and show how far it is."""
    n_bytes = sum(archive.getinfo(member).compress_size for member in members)
    print(
        f"{title}: clips to fetch: {len(members)} ({n_bytes / 2**20:.1f} MiB), "
        f"to be kept in {folder}",
        file=sys.stderr,
    )
    with progress(n_bytes) as bar:
        yield bar


# ------------------------------------------------------------ one archive on a server


class _InTime:
    """An answer of which no piece is waited for longer than for a whole download."""

    def __init__(self, answer: urllib3.HTTPResponse) -> None:
        self._answer = answer

    def read(self, size: int) -> bytes:
        data, deadline = bytearray(), time.monotonic() + _files.LONGEST_DOWNLOAD
        while piece := self._answer.read1(size - len(data)):
            data += piece
            if time.monotonic() > deadline:
                raise SlowDownloadError(
                    f"only {len(data)} of {size} bytes came in "
                    f"{_files.LONGEST_DOWNLOAD / 60:g} min"
                )
        return bytes(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)


class _Ranges(RemoteFetcher):
    """Ask for ranges in the form that all servers with ranges know."""

    def _request(self, kwargs: dict[str, Any]) -> tuple[_InTime, str]:
        answer, content_range = super()._request(kwargs)
        return _InTime(answer), content_range

    def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> Any:
        first, last = data_range
        # Clips come as a stream, bit by bit; the directory is read at once.
        if not stream and last is not None and last - first >= _LARGEST_DIRECTORY:
            raise RemoteZipError(
                f"its directory would take {last + 1 - first} bytes, far more than MIMII's"
            )
        return super().fetch(data_range, stream)

    def get_file_size(self) -> int:
        # Some servers answer neither HEAD nor a range that is counted from the end.
        first_byte = self.prepare_request((0, 0))
        try:
            with self._session.get(self._url, stream=True, **first_byte) as response:
                response.raise_for_status()
                size = response.headers.get("Content-Range", "").rpartition("/")[2]
                if not size and "html" in response.headers.get("Content-Type", ""):
                    raise LoginPageError
        except requests.RequestException as error:
            # zipfile takes any OSError for a sign that this is no zip.
            raise RemoteIOError(str(error)) from error
        if not size.isdecimal():
            raise RangeNotSupported("no range of known size was sent")
        return int(size)


class _Patience(Retry):
    """Wait as long as a server asks, but not for ever."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Retry:
        if response is not None:
            wait = self.get_retry_after(response)
            if wait and wait > _LONGEST_WAIT:
                raise urllib3.exceptions.MaxRetryError(None, url, None)
        return super().increment(method, url, response, *args, **kwargs)


@contextmanager
def _open(url: str) -> Iterator[RemoteZip]:
    """Open a zip on a server; its members are fetched as they are read."""
    patience = _Patience(
        total=5,
        connect=2,
        status_forcelist=(429, 500, 502, 503, 504),
        backoff_factor=0.5,
        raise_on_status=False,
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=patience))
        # A range of a compressed copy would be of no use.
        session.headers["Accept-Encoding"] = "identity"
        archive = RemoteZip(
            url,
            initial_buffer_size=_ZIP_END,
            session=session,
            fetcher=_Ranges,
            support_suffix_range=False,
            timeout=TIMEOUT,
        )
        with closing(archive.fp), archive:
            yield archive


def _joined(archive: RemoteZip, members: Iterable[str]) -> list[str]:
    """Put members in the order to read them, so that few requests fetch them all."""
    starts = sorted(info.header_offset for info in archive.infolist())
    stops = dict(zip(starts, [*starts[1:], archive.start_dir], strict=True))
    start_of = {member: archive.getinfo(member).header_offset for member in members}
    members = sorted(members, key=start_of.__getitem__)
    starts = np.array([start_of[member] for member in members])
    blocks = _blocks(starts, np.array([stops[start] for start in starts]))
    # remotezip fetches what begins at a place in this size: here not one member, but
    # all up to the end of its block.
    archive.fp.set_position_to_size(blocks)
    return members


def _blocks(starts: np.ndarray, stops: np.ndarray) -> dict[int, int]:
    """Join pieces over the smallest gaps between them: start and size of each block."""
    gaps = starts[1:] - stops[:-1]
    by_size = np.argsort(gaps, kind="stable")
    waste = np.cumsum(gaps[by_size])
    spare = _LARGEST_WASTE * (stops - starts).sum()
    splits = np.sort(by_size[waste > spare])
    firsts, lasts = starts[np.r_[0, splits + 1]], stops[np.r_[splits, -1]]
    return dict(zip(firsts.tolist(), (lasts - firsts).tolist(), strict=True))
