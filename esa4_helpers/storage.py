"""Keep a fitted detector in a file, and get it back without trusting that file."""

from __future__ import annotations

import zipfile
from pathlib import Path

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from skops.io import dump, get_untrusted_types, load

from .autoencoder import AutoencoderDetector
from .detectors import (
    DetectorPipeline,
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    PanelDetector,
    PipelineWithLevel,
    ShrunkWhitening,
    TwoSidedDetector,
)
from .features import Level, LogMelSpectrogram, PoolOverTime
from .training import Training

# All that a file may ask for, besides scikit-learn's and numpy's own harmless types.
_OURS = [
    f"{kind.__module__}.{kind.__qualname__}"
    for kind in (
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
]


def save_detector(detector: Pipeline, file: str | Path) -> Path:
    """Write a fitted detector to a file.

    Numbers are kept as arrays and names of classes as text (by skops); the weights
    of a network lie inside in Keras' own format.

    Parameters
    ----------
    detector : Pipeline
        From `make_detector`, fitted.
    file : str or path
        Where to write; a file of that name is replaced once all is written.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the detector has not been fitted.
    OSError
        If the file can't be written.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> detector = make_detector("knn", sr=16000).fit(normal)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save_detector(detector, Path(folder, "pump.esa4"))
    ...     same = load_detector(file)
    >>> bool((same.score_samples(normal) == detector.score_samples(normal)).all())
    True
    """
    check_is_fitted(detector[-1])
    file = Path(file)
    unfinished = file.with_name(file.name + ".part")
    try:
        dump(detector, unfinished, compression=zipfile.ZIP_DEFLATED)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return file


def load_detector(file: str | Path) -> Pipeline:
    """Read a detector that `save_detector` wrote.

    No code from the file is run: only classes of scikit-learn and of this package
    are made from it, and networks are built by this package and given the file's
    weights.

    Parameters
    ----------
    file : str or path
        The file.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Fitted; gives the same scores as the one that was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, holds something else, or asks for types that are
        not allowed.

    Examples
    --------
    >>> load_detector("README.md")
    Traceback (most recent call last):
    ValueError: README.md is no saved detector: it is not a zip file
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if not zipfile.is_zipfile(file):
        raise ValueError(f"{file} is no saved detector: it is not a zip file")
    try:
        foreign = set(get_untrusted_types(file=file)) - set(_OURS)
        detector = None if foreign else load(file, trusted=_OURS)
        last = detector[-1] if isinstance(detector, Pipeline) else None
    except ImportError:
        # The file is sound, but TensorFlow is missing.
        raise
    except Exception as error:
        # A damaged file can fail anywhere: while it is unpacked, read or rebuilt.
        raise ValueError(
            f"{file} is no saved detector, or is damaged: {error}"
        ) from error
    if foreign:
        raise ValueError(
            f"{file} was not loaded: it asks for {', '.join(sorted(foreign))}, which "
            "no detector of this package needs"
        )
    # A pipeline that ends in another package's estimator is none of ours.
    is_ours = type(last).__module__.startswith(f"{__package__}.")
    if not (is_ours and hasattr(last, "score_samples")):
        raise ValueError(f"{file} holds a {type(detector).__name__}, not a detector")
    return detector
