"""The course's clips: the recordings of *anomaly_mini*, or synthetic ones.

Settings come from the environment, so that a classroom can be prepared without
touching a notebook: ``ESA4_DATASET`` names the data set, ``ESA4_DATA_HOME`` the
folder that downloads go to, ``ESA4_ARCHIVE`` a copy of ``anomaly_mini.zip``.
``ESA4_RECORDINGS`` names other recordings in their place; a fork of the course names its
own once and for all in ``own_recordings.toml``. Other machines come from
``esa4_helpers.mimii``, which has settings of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from math import log10
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import librosa
import numpy as np
import pooch
import requests

from ._checks import check_clips, check_count, check_labels, check_sample_rate
from ._clip_files import ClipFilesError, read_clip_files
from ._files import fetch, given_path, make_folder, reason, trouble_with, write_whole
from .synthesis import ANOMALY_KINDS, NORMAL, RECORDED_ANOMALY_KINDS, synthesize_clip

# The kind of an abnormal clip of which no more is known.
ABNORMAL = "abnormal"
DATASET_NAMES = ("recordings", "anomaly_mini", "synthetic")

ARCHIVE_URL = (
    "https://raw.githubusercontent.com/machinelistening/machinelistening.github.io/"
    "e5b440fdc0658756681d62b418199bcad04dbee4/anomaly_mini.zip"
)
ARCHIVE_SHA256 = "53fa0ab5613ca129f7c62b303fe27109418622f91e551f6c4e61253940f352e9"

ARCHIVE_BYTES = 3480512

# What the chapters can do with, and a page can carry.
FEWEST_CLIPS = {"train_": 10, "test_normal_": 5, "test_anomaly_": 5}
MOST_CLIPS = 200
LEAST_SECONDS, MOST_SECONDS = 2.5, 600
LEAST_SR, MOST_SR = 16000, 48000
OWN_RECORDINGS = "own_recordings.toml"
_LARGEST_ZIP = 200 * 2**20

_WAYS_OUT = f"""Ways out:
  - connect to the internet and try again: the download is 3.3 MiB;
  - on a machine that is online, fetch
      {ARCHIVE_URL}
    and name your copy here: ESA4_ARCHIVE=/path/to/anomaly_mini.zip;
  - choose another, writable folder for the download: ESA4_DATA_HOME=/path/to/folder;
  - for recordings of your own, name their zip or folder: ESA4_RECORDINGS=/path/to/it;
  - work with made-up clips instead: ESA4_DATASET=synthetic,
    or load_dataset("synthetic")."""

_OWN_WAYS_OUT = """Ways out:
  - name a zip or a folder on this machine: ESA4_RECORDINGS=/path/to/recordings;
  - or the address of a zip, with its fingerprint in ESA4_RECORDINGS_SHA256;
  - choose another, writable folder for the download: ESA4_DATA_HOME=/path/to/folder;
  - work with the course's valve instead: ESA4_DATASET=anomaly_mini;
  - or with made-up clips: ESA4_DATASET=synthetic."""


class DatasetError(RuntimeError):
    """The data set can't be had as asked for; the message lists the ways out."""


class DatasetUnreachableError(DatasetError):
    """The recordings are neither on this machine nor to be had from the internet."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Clips of one machine, in the order of their names.

    Whatever order the clips come in, they are kept sorted by name. The arrays
    are copies and read-only, so no cell of a notebook can change the data that
    another one relies on.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        The clips, floats in [-1, 1]; kept as float32.
    sr : int
        Sample rate in Hz.
    names : sequence of n_clips str
        One name for each clip, each different.
    is_train, is_anomaly : array of shape (n_clips,)
        Whether a clip is for training, and whether it is abnormal.
    title : str, optional
        What the data set is called.
    kinds : sequence of n_clips str, optional
        What each clip is: ``"normal"``, or the fault. By default ``"abnormal"`` where
        it is not known which.
    healthy : array of shape (n_clips, n_samples), optional
        Of synthetic clips, what each would be if nothing were wrong with the
        machine; kept as float32. None for recordings.

    Raises
    ------
    ValueError, TypeError
        If the shapes disagree, a clip is empty or holds NaN, infinity or values
        beyond [-1, 1], two clips share a name or have none, a clip is of another kind
        than ``is_anomaly`` says, or ``sr`` is not positive.

    Examples
    --------
    >>> dataset = load_dataset("synthetic")
    >>> dataset.train.audio.shape, dataset.test.audio.shape, dataset.sr
    ((20, 110250), (10, 110250), 44100)
    >>> dataset.test.names[0], bool(dataset.test.is_anomaly[0])
    ('test_anomaly_0', True)
    """

    audio: np.ndarray
    sr: int
    names: tuple[str, ...]
    is_train: np.ndarray
    is_anomaly: np.ndarray
    title: str = ""
    kinds: np.ndarray | None = None
    healthy: np.ndarray | None = None

    def __post_init__(self) -> None:
        # Sorting copies: no second copy is made of what may be 1 GB.
        audio = check_clips(self.audio).astype(np.float32, copy=False)
        n_clips = len(audio)
        names = _check_texts(self.names, "names", n_clips)
        if len(set(names)) != n_clips:
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two clips are called {twice!r}: names must differ")
        _check_peaks(audio, names)
        is_anomaly = check_labels(self.is_anomaly, "is_anomaly", n_clips)
        order = sorted(range(n_clips), key=names.__getitem__)
        fields = {
            "audio": audio[order],
            "sr": check_sample_rate(self.sr),
            "names": tuple(names[i] for i in order),
            "is_train": check_labels(self.is_train, "is_train", n_clips)[order],
            "is_anomaly": is_anomaly[order],
            "kinds": _check_kinds(self.kinds, is_anomaly, names)[order],
        }
        if self.healthy is not None:
            healthy = check_clips(self.healthy, "healthy").astype(np.float32)
            if healthy.shape != audio.shape:
                raise ValueError(
                    f"healthy must have the shape of audio, {audio.shape}, "
                    f"got {healthy.shape}"
                )
            _check_peaks(healthy, names, "the healthy twin of clip")
            fields["healthy"] = healthy[order]
        for name, value in fields.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def train(self) -> Dataset:
        """The training clips alone."""
        return self._subset(self.is_train, "training")

    @cached_property
    def test(self) -> Dataset:
        """The test clips alone."""
        return self._subset(~self.is_train, "test")

    @property
    def gain_db(self) -> float:
        """Gain of all players in dB, at most 18, that leaves the loudest clip 3 dB."""
        loudest = max(float(np.abs(self.audio).max()), 1e-6)
        return min(18.0, -3 - 20 * log10(loudest))

    def fewer_test_clips(self, n_each: int) -> Dataset:
        """Keep so many normal and so many abnormal test clips at most.

        Parameters
        ----------
        n_each : int
            How many to keep of each sort: the first by name.

        Returns
        -------
        Dataset
            With all training clips, and all else as it was.

        Raises
        ------
        ValueError, TypeError
            If ``n_each`` is not a whole number above 0.

        Examples
        --------
        >>> load_dataset("synthetic").fewer_test_clips(2).test.names
        ('test_anomaly_0', 'test_anomaly_1', 'test_normal_0', 'test_normal_1')
        """
        check_count(n_each, "n_each", at_least=1)
        keep = self.is_train.copy()
        for sort in (False, True):
            of_sort = ~self.is_train & (self.is_anomaly == sort)
            keep[np.flatnonzero(of_sort)[:n_each]] = True
        return self._subset(keep, "such")

    def resampled(self, sr: float) -> Dataset:
        """Give the same clips at another sample rate.

        Parameters
        ----------
        sr : float
            Sample rate in Hz.

        Returns
        -------
        Dataset
            With all else as it was. Where the filter overshoots full scale, as it can
            by a little next to a loud click, the sample is cut off at -1 or 1.

        Raises
        ------
        ValueError
            If ``sr`` is not positive.
        TypeError
            If ``sr`` is no number.

        References
        ----------
        `librosa.resample` does the work.

        Examples
        --------
        >>> dataset = load_dataset("synthetic").resampled(16000)
        >>> dataset.sr, dataset.audio.shape, dataset.test.audio.shape
        (16000, (30, 40000), (10, 40000))
        """
        check_sample_rate(sr)
        healthy = None if self.healthy is None else self._resample(self.healthy, sr)
        return replace(
            self, audio=self._resample(self.audio, sr), sr=sr, healthy=healthy
        )

    def _resample(self, audio: np.ndarray, sr: float) -> np.ndarray:
        return librosa.resample(audio, orig_sr=self.sr, target_sr=sr).clip(-1, 1)

    def _subset(self, keep: np.ndarray, what: str) -> Dataset:
        if not keep.any():
            raise ValueError(f"the data set {self.title!r} has no {what} clips")
        return replace(
            self,
            audio=self.audio[keep],
            names=tuple(np.array(self.names)[keep]),
            is_train=self.is_train[keep],
            is_anomaly=self.is_anomaly[keep],
            kinds=self.kinds[keep],
            healthy=None if self.healthy is None else self.healthy[keep],
        )


def _check_texts(texts: Sequence[str], name: str, n_clips: int) -> tuple[str, ...]:
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise TypeError(
            f"{name} must be a sequence of texts, one for each clip, got {texts!r}"
        )
    if len(texts) != n_clips:
        raise ValueError(f"got {len(texts)} {name} for {n_clips} clips")
    return tuple(map(str, texts))


def _check_kinds(
    kinds: Sequence[str] | None, is_anomaly: np.ndarray, names: tuple[str, ...]
) -> np.ndarray:
    if kinds is None:
        return np.where(is_anomaly, ABNORMAL, NORMAL)
    kinds = np.array(_check_texts(kinds, "kinds", len(names)))
    wrong = np.flatnonzero((kinds == NORMAL) == is_anomaly)
    if wrong.size:
        raise ValueError(
            f"clip {names[wrong[0]]!r} is of the kind {str(kinds[wrong[0]])!r}, and "
            f"is_anomaly is {bool(is_anomaly[wrong[0]])} for it"
        )
    return kinds


def _check_peaks(audio: np.ndarray, names: Sequence[str], what: str = "clip") -> None:
    peaks = np.abs(audio).max(axis=1)
    if peaks.max() > 1:
        loudest = int(peaks.argmax())
        raise ValueError(
            f"{what} {names[loudest]!r} reaches {peaks[loudest]:g}, beyond [-1, 1]: "
            "divide 16-bit samples by 32768, or turn the clip down"
        )


def load_dataset(name: str | None = None) -> Dataset:
    """Load the course's clips: 20 normal ones to train on, 5 + 5 to test with.

    ``"anomaly_mini"`` are recordings of an industrial valve from MIMII (Purohit
    et al. 2019). They are taken from the zip that ``ESA4_ARCHIVE`` names, if it
    is set, and are otherwise downloaded once into ``ESA4_DATA_HOME`` (by
    default the user's cache folder). Either way the archive's SHA-256 is
    checked first. ``"synthetic"`` are made-up clips of the same number and
    shape; see `make_synthetic_dataset`. ``"recordings"`` are anomaly_mini, unless
    others are named in their place; see `fetch_recordings`. Each of these is checked
    for what the chapters need.

    One is never swapped for the other: if the recordings can't be had, that is
    an error.

    Parameters
    ----------
    name : {"recordings", "anomaly_mini", "synthetic"}, optional
        By default what ``ESA4_DATASET`` says, else ``"recordings"``.

    Returns
    -------
    Dataset
        30 clips of 2.5 s at 44 100 Hz, ``audio`` of shape (30, 110250); of other
        recordings, as many as there are, named as their files.

    Raises
    ------
    ValueError
        If there is no data set of that name.
    DatasetUnreachableError
        If the recordings are not on this machine and can't be downloaded.
    DatasetError
        If a setting names no file or another one, the folder for downloads can't be
        written to, or other recordings are damaged, named otherwise, of different
        rates or lengths, or too few.

    References
    ----------
    Purohit et al., "MIMII Dataset: Sound Dataset for Malfunctioning Industrial
    Machine Investigation and Inspection", DCASE 2019 Workshop.
    https://doi.org/10.33682/m76f-d618

    The data, CC BY-SA 4.0: https://doi.org/10.5281/zenodo.3384388

    Examples
    --------
    >>> dataset = load_dataset("synthetic")
    >>> dataset.audio.shape, int(dataset.is_train.sum()), int(dataset.is_anomaly.sum())
    ((30, 110250), 20, 5)
    """
    source = "load_dataset()"
    if name is None:
        source = "ESA4_DATASET"
        name = os.environ.get("ESA4_DATASET") or "recordings"
    if name not in DATASET_NAMES:
        raise ValueError(
            f"{source} asks for a data set {name!r}: expected one of "
            f"{', '.join(map(repr, DATASET_NAMES))}"
        )
    if name == "synthetic":
        return make_synthetic_dataset()
    own = _own_recordings() if name == "recordings" else None
    source = own.source if own else ARCHIVE_URL
    try:
        if own is None:
            return _read_clips(fetch_archive(), "anomaly_mini")
        dataset = _read_clips(fetch_recordings(), own.title)
        _check_for_chapters(dataset)
    except ClipFilesError as error:
        raise DatasetError(
            f"The recordings in {source} can't be used: {error}\n{_OWN_WAYS_OUT}"
        ) from None
    return dataset


def make_synthetic_dataset(
    n_train: int = 20,
    n_test_normal: int = 5,
    n_test_anomaly: int = 5,
    *,
    sr: int = 44100,
    duration: float = 2.5,
    kinds: Sequence[str] = RECORDED_ANOMALY_KINDS,
    random_state: int = 0,
    with_healthy: bool = False,
) -> Dataset:
    """Make a data set of valve-like clips, as many as you ask for.

    Every clip has a seed of its own, so that the first clips stay the same when
    more are asked for. The anomalies take turns through ``kinds``.

    Parameters
    ----------
    n_train, n_test_normal, n_test_anomaly : int
        How many clips of each sort to make; at least one in all.
    sr : int
        Sample rate in Hz, at least 8000.
    duration : float
        Length of each clip in s, at least 2.5.
    kinds : sequence of str
        Kinds of anomaly, see `synthesize_clip`. By default those that the
        recordings hold, too.
    random_state : int
        The same seed gives the same clips.
    with_healthy : bool
        Whether to keep the healthy twin of each clip, too, as ``healthy``. This
        takes twice the memory.

    Returns
    -------
    Dataset
        ``audio`` of shape (n_train + n_test_normal + n_test_anomaly, n_samples).

    Raises
    ------
    ValueError, TypeError
        If a number is out of its range or not whole, no clip is asked for, a
        kind is unknown or none is given for the anomalies.

    Examples
    --------
    >>> few = make_synthetic_dataset(2, 1, 1, sr=16000)
    >>> few.names
    ('test_anomaly_0', 'test_normal_0', 'train_0', 'train_1')

    Where each clip differs from its healthy twin, here but for one not at all:

    >>> few = make_synthetic_dataset(2, 1, 1, sr=16000, with_healthy=True)
    >>> (few.audio != few.healthy).any(axis=1)
    array([ True, False, False, False])
    """
    counts = {
        "train": check_count(n_train, "n_train"),
        "test_normal": check_count(n_test_normal, "n_test_normal"),
        "test_anomaly": check_count(n_test_anomaly, "n_test_anomaly"),
    }
    random_state = check_count(random_state, "random_state")
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [kind for kind in kinds if kind not in ANOMALY_KINDS]
    if unknown or not kinds:
        raise ValueError(
            f"kinds must name one or more of {', '.join(map(repr, ANOMALY_KINDS))}, "
            f"got {unknown or kinds!r}"
        )
    names, kind_of, pairs = [], [], []
    for number, (group, count) in enumerate(counts.items()):
        width = len(str(count - 1))
        for i in range(count):
            kind = kinds[i % len(kinds)] if group == "test_anomaly" else NORMAL
            seed = np.random.SeedSequence([random_state, number, i])
            names.append(f"{group}_{i:0{width}d}")
            kind_of.append(kind)
            pair = synthesize_clip(
                kind,
                sr=sr,
                duration=duration,
                random_state=seed,
                return_healthy=True,
            )
            pairs.append(pair if with_healthy else pair[:1])
    if not pairs:
        raise ValueError("a data set needs at least one clip: all counts are 0")
    audio, *healthy = map(np.stack, zip(*pairs, strict=True))
    return Dataset(
        audio=audio,
        sr=sr,
        names=tuple(names),
        is_train=[name.startswith("train") for name in names],
        is_anomaly=[name.startswith("test_anomaly") for name in names],
        title="synthetic",
        kinds=kind_of,
        healthy=healthy[0] if healthy else None,
    )


def cache_folder() -> Path:
    """Say in which folder downloads are kept.

    Returns
    -------
    pathlib.Path
        What ``ESA4_DATA_HOME`` names, else the package's part of the user's cache
        folder. It need not exist yet.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, ESA4_DATA_HOME="downloads"):
    ...     print(cache_folder())
    downloads
    """
    chosen = os.environ.get("ESA4_DATA_HOME") or pooch.os_cache("esa4_helpers")
    return given_path(chosen)


def fetch_archive(progressbar: bool = False) -> Path:
    """Say where ``anomaly_mini.zip`` is, after downloading it if need be.

    The file is checked by its SHA-256 each time. A copy that ``ESA4_ARCHIVE``
    names is only ever read. A damaged download in the cache is replaced, but
    not before a sound one has arrived.

    Parameters
    ----------
    progressbar : bool
        Whether to show the progress of a download on stderr.

    Returns
    -------
    pathlib.Path
        The verified archive.

    Raises
    ------
    DatasetUnreachableError
        If the archive is not on this machine and can't be downloaded.
    DatasetError
        If ``ESA4_ARCHIVE`` names no file or another one, or if the folder for
        downloads can't be written to.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, ESA4_ARCHIVE="mistyped.zip"):
    ...     fetch_archive()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    esa4_helpers.datasets.DatasetError: ESA4_ARCHIVE names mistyped.zip, and ...
    """
    given = os.environ.get("ESA4_ARCHIVE")
    if given:
        named = f"ESA4_ARCHIVE names {given_path(given)}"
        return _verified(given_path(given), named, ARCHIVE_SHA256, _WAYS_OUT)
    web = _Download(
        ARCHIVE_URL, ARCHIVE_SHA256, "anomaly_mini.zip", ARCHIVE_BYTES, _WAYS_OUT
    )
    return web.cached(progressbar)


def fetch_recordings(progressbar: bool = False) -> Path:
    """Say where the course's recordings are, after downloading them if need be.

    They are what ``ESA4_RECORDINGS`` names: a folder, a zip, or the address of a zip, of
    which ``ESA4_RECORDINGS_SHA256`` must give the SHA-256, too. Where this is not set,
    they are the zip in ``own_recordings.toml`` beside this module, in which a fork of the
    course names its recordings; and where that names none, ``anomaly_mini.zip``.

    Parameters
    ----------
    progressbar : bool
        Whether to show the progress of a download on stderr.

    Returns
    -------
    pathlib.Path
        The zip, or the folder.

    Raises
    ------
    DatasetUnreachableError
        If a zip is not on this machine and can't be downloaded.
    DatasetError
        If a setting names no file or folder or another one, or if the folder for
        downloads can't be written to.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, ESA4_RECORDINGS="my pumps"):
    ...     fetch_recordings()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    esa4_helpers.datasets.DatasetError: ESA4_RECORDINGS names my pumps, and there is ...
    """
    own = _own_recordings()
    if own is None:
        return fetch_archive(progressbar)
    if own.is_on_the_web:
        # With the fingerprint in its name, another version is another file.
        file = f"recordings-{own.sha256[:16]}.zip"
        web = _Download(own.source, own.sha256, file, _LARGEST_ZIP, _OWN_WAYS_OUT)
        return web.cached(progressbar)
    path = given_path(own.source)
    if path.is_dir():
        return path
    named = f"{own.setting} names {path}"
    return _verified(path, named, own.sha256, _OWN_WAYS_OUT)


def recordings_title() -> str:
    """Say what the course's recordings are called, without reading them.

    Returns
    -------
    str
        ``"anomaly_mini"``, or the name of the zip or folder that is named in its place;
        see `fetch_recordings`.

    Raises
    ------
    DatasetError
        If it is named in a way that can't be understood.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, ESA4_RECORDINGS="data/pumps.zip"):
    ...     recordings_title()
    'pumps'
    """
    own = _own_recordings()
    return own.title if own else "anomaly_mini"


@dataclass
class _Own:
    """Recordings that are named in place of anomaly_mini."""

    setting: str
    source: str
    sha256: str

    def __post_init__(self) -> None:
        of = f"the SHA-256 of {self.source}, which {self.setting} names,"
        if self.sha256 and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise DatasetError(
                f"{of} should be 64 digits from 0 to f, found {self.sha256!r}"
            )
        if self.is_on_the_web and not self.sha256:
            raise DatasetError(
                f"{of} is missing: without it, nobody would notice another file. "
                f"Give it in {self.sha256_setting}"
            )

    @property
    def sha256_setting(self) -> str:
        return (
            "ESA4_RECORDINGS_SHA256"
            if self.setting == "ESA4_RECORDINGS"
            else f"sha256 in {self.setting}"
        )

    @property
    def is_on_the_web(self) -> bool:
        return self.source.lower().startswith(("http://", "https://"))

    @property
    def title(self) -> str:
        """The name of the zip or the folder, as what the data set is called."""
        if self.is_on_the_web:
            return PurePosixPath(urlsplit(self.source).path).stem
        path = given_path(self.source).absolute()
        return path.name if path.is_dir() else path.stem


def _own_recordings() -> _Own | None:
    """What is named in place of anomaly_mini: for this run, or for the whole fork."""
    given = os.environ.get("ESA4_RECORDINGS")
    if given:
        sha256 = os.environ.get("ESA4_RECORDINGS_SHA256", "")
        return _Own("ESA4_RECORDINGS", given, sha256.strip().lower())
    file = files(__package__) / OWN_RECORDINGS
    try:
        of_fork = tomllib.loads(file.read_text(encoding="utf-8"))
        url, sha256 = of_fork["url"].strip(), of_fork["sha256"].strip().lower()
    except (tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise DatasetError(
            f'{OWN_RECORDINGS} should hold two lines, url = "..." and sha256 = "...": '
            f"{error}"
        ) from None
    return _Own(OWN_RECORDINGS, url, sha256) if url else None


@dataclass
class _Download:
    """A zip on the web, and what is known of it."""

    url: str
    sha256: str
    file: str
    largest: int
    ways_out: str

    def cached(self, progressbar: bool) -> Path:
        """Say where it is kept, after downloading it if need be."""
        folder = cache_folder()
        target = folder / self.file
        try:
            make_folder(folder)
            if not _has_sha256(target, self.sha256):
                write_whole(target, self._sound(target, progressbar))
        except requests.RequestException as error:
            damaged = (
                f"\n{target} is there, but damaged (its SHA-256 differs), and was left "
                "alone."
                if target.exists()
                else ""
            )
            # The chain of causes is a hundred lines long and tells a student nothing.
            raise DatasetUnreachableError(
                f"The recordings can't be reached: {self.url} did not answer as "
                f"expected ({reason(error)}).{damaged}\n{self.ways_out}"
            ) from None
        except OSError as error:
            raise DatasetError(
                f"The folder for downloads, {folder}, can't be used: {error}\n"
                f"{self.ways_out}"
            ) from error
        return target

    def _sound(self, target: Path, progressbar: bool) -> bytes:
        try:
            data = fetch(self.url, self.largest, progressbar)
            found = hashlib.sha256(data).hexdigest()
            if found != self.sha256:
                raise ValueError(f"expected SHA-256 {self.sha256}, found {found}")
        except ValueError as error:
            # requests' own errors for addresses that are none are values, too.
            if isinstance(error, requests.RequestException):
                raise
            raise DatasetError(
                f"What came from {self.url} is not {_file_of(self.url)}: {error}\n"
                f"The cache in {target.parent} was left as it was.\n{self.ways_out}"
            ) from error
        return data


def _file_of(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name or "a zip"


def _has_sha256(file: Path, sha256: str) -> bool:
    return file.is_file() and pooch.file_hash(str(file), alg="sha256") == sha256


def _verified(archive: Path, named: str, sha256: str, ways_out: str) -> Path:
    """Check that a user's own copy of an archive is the right one."""
    trouble = trouble_with(archive)
    if trouble or not archive.is_file():
        trouble = trouble or "and there is no such file"
        raise DatasetError(f"{named}, {trouble}.\n{ways_out}")
    try:
        found = pooch.file_hash(str(archive), alg="sha256")
    except OSError as error:
        raise DatasetError(
            f"{named}, which can't be read: {error}\n{ways_out}"
        ) from error
    if sha256 and found != sha256:
        raise DatasetError(
            f"{named}, which is not a whole {archive.name}: "
            f"expected SHA-256 {sha256}, found {found}.\n{ways_out}"
        )
    return archive


def _read_clips(place: Path, title: str) -> Dataset:
    """Decode the clips in memory; nothing is left on disk to go stale."""
    names, audio, sr = read_clip_files(place)
    return Dataset(
        audio=audio,
        sr=sr,
        names=tuple(names),
        is_train=[name.startswith("train_") for name in names],
        is_anomaly=[name.startswith("test_anomaly_") for name in names],
        title=title,
    )


def _check_for_chapters(dataset: Dataset) -> None:
    """Say what is lacking for the chapters to run on other recordings, all at once."""
    found = {
        group: sum(name.startswith(group) for name in dataset.names)
        for group in FEWEST_CLIPS
    }
    lacking = [
        f"clips called {group}*: found {found[group]}, and the chapters need at least "
        f"{fewest}"
        for group, fewest in FEWEST_CLIPS.items()
        if found[group] < fewest
    ]
    if len(dataset) > MOST_CLIPS:
        lacking.append(
            f"there are {len(dataset)} clips, and a page shows {MOST_CLIPS} at most"
        )
    seconds = dataset.audio.shape[1] / dataset.sr
    if seconds < LEAST_SECONDS:
        lacking.append(
            f"clips last {seconds:.4g} s, and the faults that chapter 6 puts into them "
            f"need {LEAST_SECONDS:g} s"
        )
    if seconds * len(dataset) > MOST_SECONDS:
        lacking.append(
            f"all clips last {seconds * len(dataset):.0f} s together, and a page plays "
            f"{MOST_SECONDS} s at most"
        )
    if not LEAST_SR <= dataset.sr <= MOST_SR:
        lacking.append(
            f"the sample rate is {dataset.sr} Hz, and the chapters take {LEAST_SR} to "
            f"{MOST_SR} Hz"
        )
    if lacking:
        raise ClipFilesError("\n  - ".join(["", *lacking]))
