"""How well do scores tell abnormal clips from normal ones?

Labels are 1 (or True) for abnormal clips and 0 for normal ones, and a higher
score means more anomalous.
"""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import permutation_test, rankdata
from sklearn.metrics import roc_auc_score

from ._checks import check_labels

# Up to this many ways to deal out the labels are all gone through.
_MOST_EXACT = 200_000
_RANDOM_RELABELLINGS = 9_999


def auc(is_anomaly: ArrayLike, scores: ArrayLike) -> float:
    """Compute the area under the ROC curve.

    It is the chance that an abnormal clip, drawn at random, scores higher than
    a normal one; ties count half.

    Parameters
    ----------
    is_anomaly : array of shape (n_clips,)
        1 or True for abnormal clips, 0 or False for normal ones.
    scores : array of shape (n_clips,)
        Anomaly scores, higher for more anomalous.

    Returns
    -------
    float
        Between 0 and 1: 0.5 is guessing, below 0.5 the ranking is upside down.

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite, a label is neither 0 nor 1
        or there are not both normal and abnormal clips.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.9])
    0.75
    """
    is_anomaly, scores = check_labels_and_scores(is_anomaly, scores)
    return float(roc_auc_score(is_anomaly, scores))


def partial_auc(
    is_anomaly: ArrayLike, scores: ArrayLike, max_fpr: float = 0.1
) -> float:
    """Compute the area under the ROC curve at low false-alarm rates only.

    Parameters
    ----------
    is_anomaly : array of shape (n_clips,)
        1 or True for abnormal clips, 0 or False for normal ones.
    scores : array of shape (n_clips,)
        Anomaly scores, higher for more anomalous.
    max_fpr : float
        Highest false positive rate that counts, above 0 and at most 1.

    Returns
    -------
    float
        The area up to ``max_fpr``, rescaled so that guessing gives 0.5 and a
        perfect ranking 1 (McClish 1989), as in the DCASE challenges.

    Raises
    ------
    ValueError
        As in `auc`, or if ``max_fpr`` is out of its range.

    References
    ----------
    McClish, "Analyzing a portion of the ROC curve", Medical Decision Making 9,
    1989. https://doi.org/10.1177/0272989X8900900307

    Examples
    --------
    >>> partial_auc([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9])
    1.0
    """
    is_anomaly, scores = check_labels_and_scores(is_anomaly, scores)
    if not 0 < max_fpr <= 1:
        raise ValueError(f"max_fpr must be above 0 and at most 1, got {max_fpr!r}")
    return float(roc_auc_score(is_anomaly, scores, max_fpr=max_fpr))


def permutation_p_value(is_anomaly: ArrayLike, scores: ArrayLike) -> float:
    """Compute how often guessing would reach this AUC or a higher one.

    The labels are dealt out to the scores in every possible way, and the share
    of ways with at least the observed AUC is counted: an exact one-sided test,
    also with ties. Where there are more than 200 000 ways, 9 999 random ones
    are drawn instead, always the same.

    Parameters
    ----------
    is_anomaly : array of shape (n_clips,)
        1 or True for abnormal clips, 0 or False for normal ones.
    scores : array of shape (n_clips,)
        Anomaly scores, higher for more anomalous.

    Returns
    -------
    float
        The p-value, above 0 and at most 1.

    Raises
    ------
    ValueError
        As in `auc`.

    Examples
    --------
    Of the 252 ways to call 5 out of 10 clips abnormal, one has AUC 1:

    >>> p = permutation_p_value([0] * 5 + [1] * 5, range(10))
    >>> round(p * 252)
    1
    """
    is_anomaly, scores = check_labels_and_scores(is_anomaly, scores)
    ranks = rankdata(scores)
    n_ways = comb(len(ranks), int(is_anomaly.sum()))

    # For given group sizes, the AUC grows with the sum of the anomalies' ranks.
    def rank_sum(anomalies: np.ndarray, normals: np.ndarray, axis: int) -> np.ndarray:
        return anomalies.sum(axis=axis)

    result = permutation_test(
        (ranks[is_anomaly], ranks[~is_anomaly]),
        rank_sum,
        vectorized=True,
        n_resamples=np.inf if n_ways <= _MOST_EXACT else _RANDOM_RELABELLINGS,
        batch=1000,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def check_labels_and_scores(
    is_anomaly: ArrayLike, scores: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as bool and scores as float64, or say what is wrong with them.

    Parameters
    ----------
    is_anomaly, scores : array of shape (n_clips,)
        Labels and anomaly scores.

    Returns
    -------
    is_anomaly : ndarray of bool, shape (n_clips,)
    scores : ndarray of float64, shape (n_clips,)

    Raises
    ------
    ValueError
        If the lengths differ, a score is not finite, a label is neither 0 nor 1
        or there are not both normal and abnormal clips.

    Examples
    --------
    >>> labels, scores = check_labels_and_scores([0, 1], [2, 3])
    >>> labels.dtype, scores.dtype
    (dtype('bool'), dtype('float64'))
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"scores must have one entry a clip, got shape {scores.shape}")
    is_anomaly = check_labels(is_anomaly, "is_anomaly", len(scores))
    if not np.isfinite(scores).all():
        raise ValueError(
            f"scores must be finite, got {scores[~np.isfinite(scores)][0]} for clip "
            f"{np.flatnonzero(~np.isfinite(scores))[0]}"
        )
    if is_anomaly.all() or not is_anomaly.any():
        raise ValueError(
            "a ranking needs normal and abnormal clips to be judged, got "
            f"{(~is_anomaly).sum()} normal and {is_anomaly.sum()} abnormal ones"
        )
    return is_anomaly, scores
