"""Where in a clip a detector found what it calls abnormal, and whether it is there.

A map of cells in time and frequency comes from a detector (`anomaly_map`). Of synthetic
clips it is known which cells have changed (`change_mask`), so that maps can be judged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from ._checks import check_clips, check_labels, check_spectrograms
from .features import log_mel_spectrogram

# From here on, a cell is taken to have changed.
_CHANGE_DB = 3.0


def has_anomaly_map(detector: Pipeline) -> bool:
    """Tell whether a detector can say where it found something.

    Parameters
    ----------
    detector : Pipeline
        From `make_detector`.

    Returns
    -------
    bool
        False for ``"level"``, which judges a clip as a whole.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> has_anomaly_map(make_detector("gmm")), has_anomaly_map(make_detector("level"))
    (True, False)
    """
    *before, judge = (step for _, step in detector.steps)
    if hasattr(judge, "anomaly_map"):
        return True
    pools = bool(before) and hasattr(before[-1], "spread_back")
    return pools and hasattr(judge, "explain")


def anomaly_map(detector: Pipeline, audio: ArrayLike) -> np.ndarray:
    """Spread the anomaly of each clip over time and frequency.

    A detector that scores by reconstruction error has the error itself as map. One
    that judges statistics over time in each mel band is asked, for each of them: how
    much more abnormal would a typical clip be with *this* number of the clip in
    question? The answer is spread over the frames of the band that pulled the number
    away from its typical value: for a level too high, those above it. Where something
    is missing, that can be the whole band, because nobody knows when it should have
    come.

    A map shows what the bands contribute. The level of a clip as a whole sits in no cell:
    of a detector that hears it, ``anomaly_score(detector.level_, audio)`` tells how
    unusual it is, in the unit of the detector's own scores.

    Parameters
    ----------
    detector : Pipeline
        From `make_detector`, fitted, or made of the same parts.
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
    judge = detector[-1]
    if hasattr(judge, "anomaly_map"):
        return judge.anomaly_map(detector[:-1].transform(audio))
    pool = detector[-2]
    S = detector[:-2].transform(audio)
    shares = judge.explain(pool.transform(S))
    return pool.spread_back(shares, judge.typical_, S)


def change_mask(
    audio: ArrayLike,
    healthy: ArrayLike,
    sr: float,
) -> np.ndarray:
    """Mark where in its log-mel spectrogram each clip differs from its healthy twin.

    For synthetic clips this is the truth about where an anomaly sits, to hold
    against what a detector points at.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1], each at least one window long.
    healthy : array of shape (n_clips, n_samples)
        The same clips without the anomaly, as in `Dataset.healthy`.
    sr : float
        Sample rate in Hz.

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        bool, True where the levels in `log_mel_spectrogram` are more than 3 dB apart.

    Raises
    ------
    ValueError
        If ``audio`` or ``healthy`` has another shape, the two shapes differ,
        one of them is shorter than one window or holds NaN or infinity; or if
        ``sr`` is not positive.
    TypeError
        If ``audio`` or ``healthy`` does not hold floats, or ``sr`` is no number.

    Examples
    --------
    >>> healthy = np.random.default_rng(0).normal(0, 0.1, (1, 16000))
    >>> audio = healthy.copy()
    >>> audio[0, 8000:] *= 2
    >>> mask = change_mask(audio, healthy, sr=16000)
    >>> bool(mask[0, :, :14].any()), bool(mask[0, :, 18:].all())
    (False, True)
    """
    audio, healthy = check_clips(audio), check_clips(healthy, "healthy")
    if audio.shape != healthy.shape:
        raise ValueError(
            f"audio and healthy must have the same shape, got {audio.shape} and "
            f"{healthy.shape}"
        )
    levels = (log_mel_spectrogram(clips, sr) for clips in (audio, healthy))
    return np.abs(np.subtract(*levels)) > _CHANGE_DB


def mass_inside(anomaly_map: ArrayLike, mask: ArrayLike) -> np.ndarray:
    """Measure how much of each clip's anomaly map lies where the anomaly is.

    Compare it with the share of cells inside the mask, which is what a map with
    the same value everywhere would reach.

    Parameters
    ----------
    anomaly_map : array of shape (n_clips, n_mels, n_frames)
        How much each cell of the spectrogram speaks for an anomaly; not
        negative, and above zero somewhere in each clip.
    mask : array of the same shape
        1 or True in the cells in which the anomaly is known to sound.

    Returns
    -------
    ndarray of shape (n_clips,)
        The share of the map's sum that lies inside the mask, 0 to 1.

    Raises
    ------
    ValueError
        If the shapes differ or are not three-dimensional, the map holds NaN,
        infinity or a negative value or is zero all over in a clip, or the mask
        holds anything but 0 and 1.
    TypeError
        If the map does not hold floats.

    References
    ----------
    Known as relevance mass accuracy: Arras, Osman and Samek, "CLEVR-XAI: a benchmark
    dataset for the ground truth evaluation of neural network explanations",
    Information Fusion 81, 2022. https://doi.org/10.1016/j.inffus.2021.11.008

    Examples
    --------
    >>> mass_inside([[[3.0, 1.0], [0.0, 0.0]]], [[[1, 0], [1, 0]]])
    array([0.75])
    """
    anomaly_map, mask = _check_map_and_mask(anomaly_map, mask)
    negative = (anomaly_map < 0).any(axis=(1, 2))
    if negative.any():
        raise ValueError(
            f"anomaly_map must not be negative, got {anomaly_map.min():g} at worst, "
            f"first in clip {np.flatnonzero(negative)[0]}"
        )
    empty = ~anomaly_map.any(axis=(1, 2))
    if empty.any():
        raise ValueError(
            "anomaly_map must be above zero somewhere in each clip, got only zeros "
            f"in clip {np.flatnonzero(empty)[0]}"
        )
    # By its maximum, lest a sum overflows or shrinks to nothing.
    anomaly_map = anomaly_map / anomaly_map.max(axis=(1, 2), keepdims=True)
    inside = anomaly_map.sum(axis=(1, 2), where=mask)
    return inside / anomaly_map.sum(axis=(1, 2))


def map_auc(anomaly_map: ArrayLike, mask: ArrayLike) -> np.ndarray:
    """Compute, clip by clip, how well an anomaly map ranks the anomaly's cells.

    It is the chance that a cell inside the mask, drawn at random, has a higher
    value in the map than one outside; ties count half.

    Parameters
    ----------
    anomaly_map : array of shape (n_clips, n_mels, n_frames)
        How much each cell of the spectrogram speaks for an anomaly, of either
        sign.
    mask : array of the same shape
        1 or True in the cells in which the anomaly is known to sound, 0 or False
        elsewhere; both in each clip.

    Returns
    -------
    ndarray of shape (n_clips,)
        Between 0 and 1; 0.5 is guessing.

    Raises
    ------
    ValueError
        If the shapes differ or are not three-dimensional, the map holds NaN or
        infinity, the mask holds anything but 0 and 1, or it is empty or full in
        a clip.
    TypeError
        If the map does not hold floats.

    Examples
    --------
    >>> map_auc([[[3.0, 1.0], [0.0, 0.5]]], [[[1, 0], [0, 1]]])
    array([0.75])
    """
    anomaly_map, mask = _check_map_and_mask(anomaly_map, mask)
    share = mask.mean(axis=(1, 2))
    for bad, word in ((share == 0, "empty"), (share == 1, "full")):
        if bad.any():
            raise ValueError(
                "mask must have cells inside and outside in each clip, but is "
                f"{word} in clip {np.flatnonzero(bad)[0]}"
            )
    return np.array(
        [
            roc_auc_score(inside.ravel(), values.ravel())
            for inside, values in zip(mask, anomaly_map, strict=True)
        ]
    )


def _check_map_and_mask(
    anomaly_map: ArrayLike, mask: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    anomaly_map = check_spectrograms(anomaly_map, "anomaly_map")
    mask = np.asarray(mask)
    if mask.shape != anomaly_map.shape:
        raise ValueError(
            "mask must have the shape of anomaly_map, "
            f"{anomaly_map.shape}, got {mask.shape}"
        )
    labels = check_labels(mask.ravel(), "mask", mask.size)
    return anomaly_map, labels.reshape(mask.shape)


def contrast_map(S: ArrayLike) -> np.ndarray:
    """Measure how far each cell stands out of its own clip.

    The baseline for `anomaly_map`: it has learned nothing about what is normal and has
    no setting, so an explanation is worth something where it does better.

    Parameters
    ----------
    S : array of shape (n_clips, n_mels, n_frames)
        Log-mel spectrograms, in dB.

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        dB above the clip's median over time in the same mel band; 0 below it.

    Raises
    ------
    ValueError
        If ``S`` has another shape, is empty or holds NaN or infinity.
    TypeError
        If ``S`` does not hold floats.

    Examples
    --------
    >>> contrast_map([[[-60.0, -50.0, -40.0], [-60.0, -60.0, -57.0]]])
    array([[[ 0.,  0., 10.],
            [ 0.,  0.,  3.]]])
    """
    S = check_spectrograms(S)
    return np.maximum(S - np.median(S, axis=2, keepdims=True), 0.0)
