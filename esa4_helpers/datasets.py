"""The course's clips: the recordings of *anomaly_mini*, or synthetic ones.

Settings come from the environment, so that a classroom can be prepared without
touching a notebook: ``ESA4_DATASET`` names the data set, ``ESA4_DATA_HOME`` the
folder that downloads go to, ``ESA4_ARCHIVE`` a copy of ``anomaly_mini.zip``.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import librosa
import numpy as np
import pooch
import requests
import soundfile

from ._checks import check_clips, check_count, check_labels, check_sample_rate
from .synthesis import ANOMALY_KINDS, NORMAL, RECORDED_ANOMALY_KINDS, synthesize_clip

# The kind of an abnormal clip of which no more is known.
ABNORMAL = "abnormal"
DATASET_NAMES = ("anomaly_mini", "synthetic")

ARCHIVE_URL = (
    "https://raw.githubusercontent.com/machinelistening/machinelistening.github.io/"
    "e5b440fdc0658756681d62b418199bcad04dbee4/anomaly_mini.zip"
)
ARCHIVE_SHA256 = "53fa0ab5613ca129f7c62b303fe27109418622f91e551f6c4e61253940f352e9"

_WAYS_OUT = f"""Ways out:
  - connect to the internet and try again: the download is 3.3 MiB;
  - on a machine that is online, fetch
      {ARCHIVE_URL}
    and name your copy here: ESA4_ARCHIVE=/path/to/anomaly_mini.zip;
  - choose another, writable folder for the download: ESA4_DATA_HOME=/path/to/folder;
  - work with made-up clips instead: ESA4_DATASET=synthetic,
    or load_dataset("synthetic")."""


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
    shape; see `make_synthetic_dataset`.

    One is never swapped for the other: if the recordings can't be had, that is
    an error.

    Parameters
    ----------
    name : {"anomaly_mini", "synthetic"}, optional
        By default what ``ESA4_DATASET`` says, else ``"anomaly_mini"``.

    Returns
    -------
    Dataset
        30 clips of 2.5 s at 44 100 Hz, ``audio`` of shape (30, 110250).

    Raises
    ------
    ValueError
        If there is no data set of that name.
    DatasetUnreachableError
        If the recordings are not on this machine and can't be downloaded.
    DatasetError
        If ``ESA4_ARCHIVE`` names no file or another one, or if the folder for
        downloads can't be written to.

    References
    ----------
    Purohit et al., "MIMII Dataset: Sound Dataset for Malfunctioning Industrial
    Machine Investigation and Inspection", DCASE 2019 Workshop.
    https://doi.org/10.5281/zenodo.3384388

    Examples
    --------
    >>> dataset = load_dataset("synthetic")
    >>> dataset.audio.shape, int(dataset.is_train.sum()), int(dataset.is_anomaly.sum())
    ((30, 110250), 20, 5)
    """
    source = "load_dataset()"
    if name is None:
        source = "ESA4_DATASET"
        name = os.environ.get("ESA4_DATASET") or "anomaly_mini"
    if name not in DATASET_NAMES:
        raise ValueError(
            f"{source} asks for a data set {name!r}: expected one of "
            f"{', '.join(map(repr, DATASET_NAMES))}"
        )
    if name == "synthetic":
        return make_synthetic_dataset()
    return _read_archive(fetch_archive())


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
    # Unlike Path.expanduser, this leaves the home of an unknown user as it is.
    return Path(os.path.expanduser(chosen))


def _reason(error: Exception) -> Exception | str:
    """Say in short why there was no answer: a server's own words, or what went wrong."""
    return error if isinstance(error, requests.HTTPError) else type(error).__name__


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
        return _verified(Path(os.path.expanduser(given)))
    folder = cache_folder()
    target = folder / "anomaly_mini.zip"
    # Pooch announces a download on stderr, which would end up in a notebook.
    pooch.get_logger().setLevel("INFO" if progressbar else "WARNING")
    try:
        pooch.retrieve(
            ARCHIVE_URL,
            known_hash=f"sha256:{ARCHIVE_SHA256}",
            fname=target.name,
            path=folder,
            progressbar=progressbar,
        )
    except requests.RequestException as error:
        damaged = (
            f"\n{target} is there, but damaged (its SHA-256 differs), and was left alone."
            if target.exists()
            else ""
        )
        # The chain of causes is a hundred lines long and tells a student nothing.
        raise DatasetUnreachableError(
            f"The recordings can't be reached: {ARCHIVE_URL} did not answer as "
            f"expected ({_reason(error)}).{damaged}\n{_WAYS_OUT}"
        ) from None
    except OSError as error:
        raise DatasetError(
            f"The folder for downloads, {folder}, can't be used: {error}\n{_WAYS_OUT}"
        ) from error
    except ValueError as error:
        raise DatasetError(
            f"What came from {ARCHIVE_URL} is not anomaly_mini.zip: {error}\n"
            f"The cache in {folder} was left as it was.\n{_WAYS_OUT}"
        ) from error
    return target


def _verified(archive: Path) -> Path:
    """Check that a user's own copy of the archive is the right one."""
    if not archive.is_file():
        raise DatasetError(
            f"ESA4_ARCHIVE names {archive}, and there is no such file.\n{_WAYS_OUT}"
        )
    try:
        found = pooch.file_hash(str(archive), alg="sha256")
    except OSError as error:
        raise DatasetError(
            f"ESA4_ARCHIVE names {archive}, which can't be read: {error}\n{_WAYS_OUT}"
        ) from error
    if found != ARCHIVE_SHA256:
        raise DatasetError(
            f"ESA4_ARCHIVE names {archive}, which is not a whole anomaly_mini.zip: "
            f"expected SHA-256 {ARCHIVE_SHA256}, found {found}.\n{_WAYS_OUT}"
        )
    return archive


def _read_archive(archive: Path) -> Dataset:
    """Unzip and decode the clips in memory; nothing is left on disk to go stale."""
    names, audio = [], []
    with zipfile.ZipFile(archive) as files:
        for member in files.namelist():
            if not member.endswith(".wav"):
                continue
            clip, sr = soundfile.read(io.BytesIO(files.read(member)), dtype="float32")
            # The folder is called anomaly_mini: only the file's own name tells
            # the class of a clip, its path would call every clip abnormal.
            names.append(PurePosixPath(member).stem)
            audio.append(clip)
    return Dataset(
        audio=np.stack(audio),
        sr=sr,
        names=tuple(names),
        is_train=[name.startswith("train_") for name in names],
        is_anomaly=["_anomaly_" in name for name in names],
        title="anomaly_mini",
    )
