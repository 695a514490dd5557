"""Where in a clip a detector found what it calls abnormal."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .autoencoder import AutoencoderDetector
from .detectors import OutlierDetector, PanelDetector, anomaly_score
from .features import BAND_PROFILE, pool_over_time


def has_anomaly_map(detector: Pipeline) -> bool:
    """Tell whether a detector can say where it found something.

    Parameters
    ----------
    detector : Pipeline
        From `make_detector`.

    Returns
    -------
    bool
        False for ``"loudness"``, which judges a clip as a whole.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> has_anomaly_map(make_detector("gmm")), has_anomaly_map(make_detector("loudness"))
    (True, False)
    """
    return "spectrogram" in detector.named_steps


def anomaly_map(detector: Pipeline, audio: ArrayLike) -> np.ndarray:
    """Spread the anomaly of each clip over time and frequency.

    A detector that scores by reconstruction error has the error itself as map. One
    that judges statistics over time in each mel band is asked, for each of them: how
    much more abnormal would a typical clip be with *this* number of the clip in
    question? The answer is spread over the frames of the band that pulled the number
    away from its typical value: for a level too high, those above it. Where something
    is missing, that can be the whole band, because nobody knows when it should have
    come.

    Parameters
    ----------
    detector : Pipeline
        From `make_detector`, or one whose steps have the same names; fitted.
    audio : array of shape (n_clips, n_samples)
        Clips as long as those that it was fitted to, floats in [-1, 1].

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        0 or more; the larger, the more a cell contributed. Units differ between
        detectors.

    Raises
    ------
    ValueError
        If the detector has no map (see `has_anomaly_map`), or if ``audio`` is not as
        in training.
    TypeError
        If ``audio`` does not hold floats.
    sklearn.exceptions.NotFittedError
        If the detector has not been fitted.

    References
    ----------
    Changing one input at a time to see what a model looks at goes back to Zeiler &
    Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    https://doi.org/10.1007/978-3-319-10590-1_53

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> detector = make_detector("mahalanobis", sr=16000).fit(normal)
    >>> squeak = normal[:1].copy()
    >>> squeak[0, 8000:10000] += 0.03 * np.sin(2 * np.pi * 2000 / 16000 * np.arange(2000))
    >>> cells = anomaly_map(detector, squeak)[0]
    >>> band, frame = np.unravel_index(cells.argmax(), cells.shape)
    >>> print(f"{frame * 512 / 16000:.1f} s")
    0.6 s
    """
    if not has_anomaly_map(detector):
        raise ValueError(
            "this detector judges a clip as a whole and has no time-frequency map: ask "
            "has_anomaly_map(detector) first"
        )
    check_is_fitted(detector["detector"])
    S = detector["spectrogram"].transform(audio)
    judge = detector["detector"]
    if not isinstance(judge, AutoencoderDetector):
        return _from_statistics(judge, (S,), detector["pool"].names)
    if judge.score != "profile":
        return judge.error_map(S)
    return _from_statistics(judge.profile_, judge.profile_maps(S), BAND_PROFILE)


def _from_statistics(
    judge: OutlierDetector, maps: tuple[np.ndarray, ...], statistics: tuple[str, ...]
) -> np.ndarray:
    """Ask about each statistic, and spread the answer over the frames behind it."""
    pooled = [pool_over_time(m, name) for m in maps for name in statistics]
    shares = _shares(judge, np.hstack(pooled))
    typical = np.split(judge.typical_, len(pooled))
    shares = np.split(shares, len(pooled), axis=1)
    cells = np.zeros_like(maps[0])
    sources = [(m, name) for m in maps for name in statistics]
    for (source, statistic), value, usual, share in zip(
        sources, pooled, typical, shares, strict=True
    ):
        direction = np.sign(value - usual)[..., np.newaxis]
        if statistic == "std":
            # What is averaged over the frames is the squared distance from the mean.
            source = (source - source.mean(axis=2, keepdims=True)) ** 2
            usual = usual**2
        pull = np.maximum(direction * (source - usual[:, np.newaxis]), 0.0)
        total = pull.sum(axis=2, keepdims=True)
        weights = np.divide(pull, total, out=np.zeros_like(pull), where=total > 0)
        cells += share[..., np.newaxis] * weights
    return cells


def _shares(judge: OutlierDetector, X: np.ndarray) -> np.ndarray:
    """What each feature of each clip adds to the score of a typical clip."""
    if not isinstance(judge, PanelDetector):
        return _one_at_a_time(judge, X, judge.typical_)
    n_parts = len(judge.detectors_)
    parts = zip(
        judge.detectors_,
        np.split(X, n_parts, axis=1),
        np.split(judge.typical_, n_parts),
        judge.spread_,
        strict=True,
    )
    return np.hstack(
        [_one_at_a_time(one, x, typical) / spread for one, x, typical, spread in parts]
    )


def _one_at_a_time(
    judge: OutlierDetector, X: np.ndarray, typical: np.ndarray
) -> np.ndarray:
    usual_score = anomaly_score(judge, typical[np.newaxis])[0]
    shares = np.empty_like(X)
    for i, x in enumerate(X):
        changed = np.tile(typical, (len(x), 1))
        np.fill_diagonal(changed, x)
        shares[i] = anomaly_score(judge, changed) - usual_score
    return np.maximum(shares, 0.0)
