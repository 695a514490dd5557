"""Keep a fitted detector in a file, and get it back without trusting that file.

The file is a zip archive. Its member ``detector.json`` says in plain text what the
detector is for and what it comes from; the others hold the detector itself (see `skops
<https://skops.readthedocs.io/en/stable/persistence.html>`_).
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import warnings
import zipfile
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from ._checks import check_number, check_sample_rate
from ._files import alone_in, unfinished_in
from .autoencoder import AutoencoderDetector
from .detectors import (
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    OutlierDetector,
    PanelDetector,
    ShrunkWhitening,
    TwoSidedDetector,
)
from .explanation import anomaly_map, has_anomaly_map
from .features import Level, LogMelSpectrogram, PoolOverTime
from .pipelines import DetectorPipeline, PipelineWithLevel
from .training import _PACKAGES, Training, _versions, check_training

# Raised by one when files change so that an earlier version of the package would read
# them wrongly or not at all. Files from before there was a record count as 0.
_FORMAT = 2
_RECORD = "detector.json"
# Far more than any detector needs, and what a computer has: no file may unpack to more.
_LARGEST = 2**29
_TOO_LARGE = f"it takes more than {_LARGEST // 2**20} MiB, which no detector needs"
# Networks compute in single precision, and not in the same order on each computer.
_SAME_SCORE = 1e-4
_LIBRARIES = (*_PACKAGES, "skops")
_LIBRARIES_OF_NETWORKS = ("tensorflow", "keras")


def _names(*kinds: type) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}


# All that a file may ask for, and how it may be made. What skops calls harmless is more:
# estimators whose numbers are indices into memory, such as trees, are among it.
_OURS = _names(
    AutoencoderDetector,
    DetectorPipeline,
    GMMDetector,
    KNNDetector,
    Level,
    LogMelSpectrogram,
    MahalanobisDetector,
    PanelDetector,
    PipelineWithLevel,
    PoolOverTime,
    ShrunkWhitening,
    Training,
    TwoSidedDetector,
)
_MAKERS: dict[str, set[str]] = {
    "ObjectNode": _OURS
    | _names(GaussianMixture, NearestNeighbors, PCA, Pipeline, StandardScaler),
    "NdArrayNode": _names(np.ndarray, *set(np.sctypeDict.values()) - {np.object_}),
    "BytesNode": _names(bytes),
    "DictNode": _names(dict),
    "JsonNode": _names(str),
    "ListNode": _names(list),
    "TupleNode": _names(tuple),
    # The kinds of a dict's keys.
    "TypeNode": _names(str),
    "RandomStateNode": _names(np.random.RandomState),
}


# Where what files of format 1 and earlier ask for is today.
_MOVED = {
    "esa4_helpers.detectors.DetectorPipeline": "esa4_helpers.pipelines",
    "esa4_helpers.detectors.PipelineWithLevel": "esa4_helpers.pipelines",
}


class _RefusedError(ValueError):
    """Why a detector can't be kept or had, in words that follow "it can't be: "."""


class OldDetectorWarning(UserWarning):
    """A detector was saved by a version that kept no record of the training.

    It scores as it did. But which clips it was trained on, how loud they were and what its
    threshold promises can't be known, so that nobody can tell whether recordings of today
    are still like them. Fit it to the recordings again to renew it.
    """


def save_detector(detector: Pipeline, file: str | Path) -> Path:
    """Write a fitted detector to a file.

    It is written beside the file first and loaded from there. Only if it then scores
    as it did, it takes the file's place. A save that fails, or is killed, leaves the file
    as it was.

    Parameters
    ----------
    detector : Pipeline
        From `make_detector`, fitted, or made of the same parts.
    file : str or path
        Where to write. A file of that name is replaced and keeps its permissions; a
        link keeps pointing to where it points.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the detector has not been fitted.
    TypeError
        If it is no detector.
    ValueError
        If `load_detector` would refuse it, for instance because of a step of one's own.
    OSError
        If the file can't be written.

    Notes
    -----
    Numbers are kept as arrays and names of classes as text. A process that is killed while
    it saves leaves a file ``.esa4-unfinished-...``, which the next save into that folder
    removes (except on Windows).

    Examples
    --------
    >>> import tempfile
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> detector = make_detector("knn", sr=16000).fit(normal)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_detector(detector, Path(folder, "pump.esa4"))
    ...     same = load_detector(file)
    >>> bool((same.score_samples(normal) == detector.score_samples(normal)).all())
    True
    """
    if not isinstance(detector, Pipeline):
        raise TypeError(
            f"detector must be one from make_detector, fitted, got {detector!r}"
        )
    file = Path(file)
    try:
        _write(_packed(detector), file)
    except NotFittedError:
        raise
    except ValueError as error:
        raise ValueError(f"this detector can't be saved: {error}") from error
    except OSError as error:
        reason = error.strerror or error
        raise OSError(error.errno, f"{file} was not saved: {reason}") from error
    return file


def load_detector(
    file: str | Path, *, sr: float | None = None, clip_seconds: float | None = None
) -> Pipeline:
    """Read a detector that `save_detector` wrote.

    No code from the file is run: only classes of this package and a few of scikit-learn
    are made from it, and networks are built by this package and given the file's
    weights. The detector is tried out on a clip of noise. If it scores that as it did when
    it was saved, other versions of the libraries make no difference, and nothing is said.

    Parameters
    ----------
    file : str or path
        The file.
    sr : float, optional
        Sample rate in Hz of the clips that are to be scored. A detector for another one
        is refused.
    clip_seconds : float, optional
        Length of these clips in s, likewise.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Fitted; gives the same scores as the one that was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, holds something else, asks for types that are not
        allowed, is for other clips, was written by a newer version of the package in a
        way that this one does not know, or scores otherwise than when it was saved.
    ImportError
        If the detector needs TensorFlow, which is not installed.

    Warns
    -----
    OldDetectorWarning
        If the file holds no record of the training, as from earlier versions.

    Examples
    --------
    >>> load_detector("README.md")
    Traceback (most recent call last):
    ValueError: README.md was not loaded: it is no saved detector: it is not a zip file
    """
    file = Path(file)
    if sr is not None:
        check_sample_rate(sr)
    if clip_seconds is not None:
        check_number(clip_seconds, "clip_seconds")
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        if file.stat().st_size > _LARGEST:
            raise ValueError(_TOO_LARGE)
        detector = _unpacked(file.read_bytes())
        _check_fits(detector, sr, clip_seconds)
    except ValueError as error:
        raise ValueError(f"{file} was not loaded: {error}") from error
    if isinstance(detector, DetectorPipeline) and not hasattr(detector, "training_"):
        warnings.warn(
            f"{file} holds no record of the training: it was saved by an earlier version "
            "of the package. It scores as it did, but how loud its training clips were "
            "and what its threshold promises is not known. Fit it to its recordings "
            "again to renew it",
            OldDetectorWarning,
            stacklevel=2,
        )
    return detector


def _check_fits(
    detector: Pipeline, sr: float | None, clip_seconds: float | None
) -> None:
    first = detector[0]
    if sr is not None and sr != first.sr:
        raise ValueError(
            f"it is for clips at {first.sr:g} Hz, not at {sr:g} Hz. Read the recordings "
            f"with sr={first.sr:g}, or fit a detector to clips at {sr:g} Hz"
        )
    if clip_seconds is None:
        return
    if round(clip_seconds * first.sr) != first.n_features_in_:
        known = first.n_features_in_ / first.sr
        raise ValueError(
            f"it is for clips of {known:g} s, not of {clip_seconds:g} s. Cut the recordings "
            f"into clips of {known:g} s, or fit a detector to clips of {clip_seconds:g} s"
        )


def _packed(detector: Pipeline) -> bytes:
    """What the file is to hold; ValueError if it could not be read again."""
    # Imported late: it imports all of scikit-learn, and few programs keep detectors.
    import skops.io

    _check_kind(detector)
    check_is_fitted(detector[-1])
    try:
        record = _record_of(detector)
        buffer = io.BytesIO(skops.io.dumps(detector, compression=zipfile.ZIP_DEFLATED))
    except _RefusedError:
        raise
    except Exception as error:
        # Other people's steps can fail in any way.
        raise ValueError(f"{type(error).__name__}: {error}") from error
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(record, indent=2, ensure_ascii=False)
        # Names of files can hold bytes that are no text.
        archive.writestr(_RECORD, text.encode("utf-8", "backslashreplace"))
    _checked_schema(_members(buffer))
    return buffer.getvalue()


def _unpacked(content: bytes) -> Pipeline:
    """The detector in a file; ValueError if there is none, or none that works."""
    record: dict[str, Any] = {}
    try:
        members = _members(io.BytesIO(content))
        record = _record_in(members)
        detector = _made_of(members | {"schema.json": _checked_schema(members)})
        _check_kind(detector)
        if hasattr(detector, "training_") != bool(record.get("training")):
            raise _RefusedError("it is damaged: its record tells of another training")
        scores = _try_out(detector)
        if record:
            _check_scores(scores, record)
    except (ImportError, _RefusedError):
        # Without TensorFlow a sound file can't be loaded.
        raise
    except Exception as error:
        # A damaged file can fail anywhere: while it is unpacked, rebuilt or tried out.
        raise ValueError(
            "it is no saved detector, is damaged, or does not fit this version of the "
            f"package ({type(error).__name__}: {error}). {_then_and_now(record)}"
        ) from error
    return detector


def _check_kind(detector: Any) -> None:
    if not (isinstance(detector, Pipeline) and detector.steps):
        raise _RefusedError(f"it holds a {type(detector).__name__}, not a detector")
    first, last = detector[0], detector[-1]
    if not isinstance(last, OutlierDetector):
        raise _RefusedError(
            f"its last step is a {type(last).__name__}, not a detector of this package"
        )
    if not isinstance(first, LogMelSpectrogram | Level):
        raise _RefusedError(
            f"its first step is a {type(first).__name__}, which takes no audio: expected "
            "LogMelSpectrogram or Level"
        )


def _members(file: io.BytesIO) -> dict[str, bytes]:
    """All that is in an archive, which may claim to be smaller than it is."""
    members, left = {}, _LARGEST
    if not zipfile.is_zipfile(file):
        raise _RefusedError("it is no saved detector: it is not a zip file")
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            # Others can't be unpacked piece by piece.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _RefusedError(
                    f"{info.filename} in it is packed in an unknown way"
                )
            with archive.open(info) as member:
                members[info.filename] = member.read(left + 1)
            left -= len(members[info.filename])
            if left < 0:
                raise _RefusedError(_TOO_LARGE)
    for name, content in members.items():
        # Of earlier versions: a network's file, an archive itself.
        if name.endswith(".bin"):
            _members(io.BytesIO(content))
    return members


def _checked_schema(members: dict[str, bytes]) -> bytes:
    """What is to be made of the numbers, if nothing in it is foreign."""
    foreign: set[str] = set()
    schema = _without_references(json.loads(members["schema.json"]), foreign)
    if foreign:
        raise _RefusedError(
            f"it asks for {', '.join(sorted(foreign))}, which no detector of this package "
            "needs"
        )
    return json.dumps(schema).encode()


def _without_references(part: Any, foreign: set[str]) -> Any:
    """A copy in which each part stands for itself, so that none can be used for ever."""
    if isinstance(part, list):
        return [_without_references(item, foreign) for item in part]
    if not isinstance(part, dict):
        return part
    if "__loader__" in part:
        module = _MOVED.get(_kind_of(part), part["__module__"])
        part = part | {"__module__": module}
        # Checked after it was renamed, so that an old name can stand for nothing else.
        if _kind_of(part) not in _MAKERS.get(part["__loader__"], ()):
            foreign.add(_kind_of(part))
    return {
        key: _without_references(value, foreign)
        for key, value in part.items()
        if key != "__id__"
    }


def _kind_of(part: dict[str, Any]) -> str:
    return f"{part['__module__']}.{part['__class__']}"


def _made_of(members: dict[str, bytes]) -> Any:
    import skops.io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with warnings.catch_warnings():
        # Whether another version matters is found out below.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return skops.io.loads(buffer.getvalue(), trusted=sorted(_OURS))


# --- what is known of a file's detector --------------------------------------------------


def _record_of(detector: Pipeline) -> dict[str, Any]:
    first, training = detector[0], getattr(detector, "training_", None)
    networks = _LIBRARIES_OF_NETWORKS if hasattr(detector[-1], "model_") else ()
    return {
        "format": _FORMAT,
        "steps": [type(step).__name__ for _, step in detector.steps],
        "sr": first.sr,
        "n_samples": first.n_features_in_,
        "clip_seconds": first.n_features_in_ / first.sr,
        "probe_scores": _try_out(detector),
        "versions": _versions((*_LIBRARIES, *networks)),
        "training": None if training is None else training.as_dict(),
    }


def _record_in(members: dict[str, bytes]) -> dict[str, Any]:
    """What is known of a detector; nothing if an earlier version saved it."""
    if _RECORD not in members:
        return {}
    record = json.loads(members[_RECORD])
    record["versions"] = dict(record["versions"])
    if record["format"] > _FORMAT:
        raise _RefusedError(
            f"esa4-helpers {record['versions']['esa4-helpers']} wrote it in format "
            f"{record['format']}, and this version reads up to format {_FORMAT}: install "
            "that version or a newer one"
        )
    return record


def _try_out(detector: Pipeline) -> list[float]:
    """Scores of a clip that never changes; whatever else can be asked is asked, too."""
    n_samples = detector[0].n_features_in_
    if n_samples * np.float64().nbytes > _LARGEST:
        raise _RefusedError(f"its clips have {n_samples} samples, which is too long")
    # The old generator, since it alone promises the same numbers in all versions.
    noise = np.random.RandomState(0).standard_normal(n_samples)
    probe = (np.linspace(0.01, 0.3, n_samples) * noise)[np.newaxis]
    # With the level and without it, which may surprise more than all else.
    scores = [float(part.score_samples(probe)[0]) for part in (detector, detector[:])]
    if not np.isfinite(scores).all():
        raise _RefusedError(f"a clip of noise scores {scores}")
    # What a file of another version may lack shows now, not when it is needed.
    detector.predict(probe)
    detector.get_params()
    if has_anomaly_map(detector):
        anomaly_map(detector, probe)
    if hasattr(detector, "training_"):
        check_training(detector.training_)
        detector.training_.as_dict()
    return scores


def _check_scores(scores: list[float], record: dict[str, Any]) -> None:
    for here, then in zip(scores, record["probe_scores"], strict=True):
        if not isclose(here, then, rel_tol=_SAME_SCORE):
            raise _RefusedError(
                f"a clip of noise scores {here:.6g} here, and scored {then:.6g} when it was "
                f"saved ({abs(here - then) / max(abs(here), abs(then)):.2%} off; up to "
                f"{_SAME_SCORE:.2%} would not matter). So neither its scores nor its "
                f"threshold hold. {_then_and_now(record)}"
            )


def _then_and_now(record: dict[str, Any]) -> str:
    """How the libraries differ, and what to do about it."""
    then = record.get("versions", {})
    changed = [
        f"{package} {then[package]} (here {here})"
        for package, here in _versions((*_LIBRARIES, *_LIBRARIES_OF_NETWORKS)).items()
        if then.get(package, here) != here
    ]
    if not changed:
        return "Fit the detector again, and save it"
    return (
        f"It was saved with {', '.join(changed)}: install these versions, or fit the "
        "detector again"
    )


# --- onto the disk -------------------------------------------------------------------------


def _write(content: bytes, file: Path) -> None:
    """Replace a file, once its new content has been read back from the disk and works."""
    target = Path(os.path.realpath(file))
    if os.path.lexists(target) and not target.is_file():
        raise OSError(errno.EINVAL, "it is a folder, a device or a link to itself")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected")
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {target.parent}")
    with alone_in(target.parent):
        unfinished = unfinished_in(target.parent)
        try:
            with unfinished.open("xb") as stream:
                if target.exists():
                    shutil.copymode(target, unfinished)
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            _unpacked(unfinished.read_bytes())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
