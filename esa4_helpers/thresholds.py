"""Where alarms begin: a threshold from the scores of normal clips alone.

How far it keeps a rate of false alarms is up to the number of independent recordings.
"""

from __future__ import annotations

import warnings
from math import ceil, inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import pearson3, skew
from sklearn.pipeline import Pipeline

from ._checks import check_groups, check_scores, check_share

# The rate of false alarms that detectors keep if nobody says another one.
_USUAL_RATE = 0.1
# With so few recordings it can't be told how one differs from the next.
_FEW_RECORDINGS = 5


class FewRecordingsWarning(UserWarning):
    """There are too few independent recordings for what is asked of them.

    With n recordings, no threshold can promise fewer false alarms than one in n + 1,
    however many clips they are cut into.
    """


def gamma_threshold(training_scores: ArrayLike, quantile: float = 0.9) -> float:
    """Compute a threshold from a gamma distribution of the normal clips' scores.

    The way of the DCASE challenges' baselines: a gamma distribution is fitted to
    the anomaly scores of normal clips, and its 90th percentile is the threshold.

    Parameters
    ----------
    training_scores : array of shape (n_clips,)
        Anomaly scores of at least 3 normal clips, of either sign. Clips that the
        detector was fitted to score too low, and so is the threshold then:
        `held_out_scores` are safer.
    quantile : float
        Share of normal clips meant to stay below, above 0 and below 1.

    Returns
    -------
    float
        The threshold, in the unit of the scores. It moves with them if they are
        shifted or stretched.

    Raises
    ------
    ValueError
        If there are fewer than 3 scores, one is not finite or all are the same,
        or ``quantile`` is out of its range.
    TypeError
        If ``quantile`` is no number.

    Notes
    -----
    Log-likelihoods may be negative, so the distribution begins where it likes:
    it is the three-parameter gamma, or Pearson type III, with the scores' mean,
    standard deviation and skewness. Scores with a tail to the left get its
    mirror image, and symmetric ones a normal distribution. The baselines fit
    the same three parameters by maximum likelihood, which may not converge for
    few clips.

    A fit promises nothing: by the quantile 0.9 of ten clips whose scores really
    are gamma distributed, 14 % of new normal clips raise an alarm on average.
    `conformal_threshold` keeps its rate.

    References
    ----------
    Dohi et al., "Description and discussion on DCASE 2022 challenge task 2:
    unsupervised anomalous sound detection for machine condition monitoring
    applying domain generalization techniques", DCASE Workshop 2022.
    https://doi.org/10.48550/arXiv.2206.05876

    Harada et al., "First-shot anomaly sound detection for machine condition
    monitoring: a domain generalization baseline", EUSIPCO 2023.
    https://doi.org/10.23919/EUSIPCO58844.2023.10289721

    Examples
    --------
    >>> scores = np.random.default_rng(0).gamma(4.0, size=100_000)
    >>> round(gamma_threshold(scores), 1)  # the gamma's own quantile is 6.68
    6.7
    """
    training_scores = check_scores(training_scores, "training_scores")
    quantile = check_share(quantile, "quantile")
    if len(training_scores) < 3:
        raise ValueError(
            "training_scores must hold at least 3 scores to have a skewness, "
            f"got {len(training_scores)}"
        )
    if not np.ptp(training_scores):
        raise ValueError(
            f"training_scores are all the same, {training_scores.max()}: "
            "no distribution can be fitted to them"
        )
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean, spread = training_scores.mean(), training_scores.std(ddof=1)
        # Standardised first, because scores far from zero would lose their digits.
        skewness = skew((training_scores - mean) / spread, bias=False)
        threshold = float(pearson3.ppf(quantile, skewness, loc=mean, scale=spread))
    if not isfinite(threshold):
        raise ValueError(
            "training_scores are too large or too much alike for a distribution: their "
            f"mean is {mean:g}, their standard deviation {spread:g}"
        )
    return threshold


def conformal_threshold(
    calibration_scores: ArrayLike,
    false_alarm_rate: float = 0.1,
    groups: ArrayLike | None = None,
) -> float:
    """Compute a threshold that keeps a false-alarm rate, whatever the scores.

    It is one of the scores itself: the k-th smallest of n, with
    ``k = ceil((n + 1) * (1 - false_alarm_rate))``. With too few clips for the rate
    (0.1 takes 9, 0.01 takes 99), k is larger than n, and only infinity keeps it. With
    ``groups``, n is the number of recordings, and each clip counts for its share of one.

    Parameters
    ----------
    calibration_scores : array of shape (n_clips,)
        Anomaly scores of normal clips that the detector was *not* fitted to.
    false_alarm_rate : float
        Highest share of new normal clips to score strictly above the threshold,
        above 0 and below 1.
    groups : array of shape (n_clips,), optional
        Which recording each clip comes from. The promise is then for clips of *new*
        recordings, and clips of the same one need not be independent.

    Returns
    -------
    float
        The threshold, in the unit of the scores. Infinity, which no score ever
        exceeds, if the clips are too few to promise the rate with any other.

    Raises
    ------
    ValueError
        If there is no score, one is not finite, or ``false_alarm_rate`` is out of
        its range.
    TypeError
        If ``false_alarm_rate`` is no number.

    Notes
    -----
    If the new clip and the calibration clips are exchangeable, meaning that any
    order of them is as likely as any other, then the new score is equally likely
    to take each place among all n + 1, and so lies strictly above the k-th
    smallest with a chance of at most the rate. The chance is over new clips
    *and* calibration clips: for one set of few clips, the rate of false alarms
    may well be higher or lower. A machine that ages, or a new room, breaks the
    assumption.

    References
    ----------
    Vovk et al., "Algorithmic learning in a random world", Springer 2005.
    https://doi.org/10.1007/b106715

    Lei et al., "Distribution-free predictive inference for regression", Journal
    of the American Statistical Association 113, 2018.
    https://doi.org/10.1080/01621459.2017.1307116

    Dunn, Wasserman & Ramdas, "Distribution-free prediction sets for two-layer
    hierarchical models", Journal of the American Statistical Association 118, 2023.
    https://doi.org/10.1080/01621459.2022.2060112

    Examples
    --------
    >>> conformal_threshold([4, 8, 1, 9, 3, 7, 2, 6, 5], false_alarm_rate=0.2)
    8.0
    >>> conformal_threshold([4, 8, 1, 9, 3, 7, 2, 6, 5], false_alarm_rate=0.05)
    inf
    """
    calibration_scores = check_scores(calibration_scores, "calibration_scores")
    rate = check_share(false_alarm_rate, "false_alarm_rate")
    if not len(calibration_scores):
        raise ValueError("calibration_scores must hold at least 1 score, got none")
    groups = check_groups(groups, len(calibration_scores))
    threshold = _conformal(calibration_scores, rate, groups)
    return inf if threshold is None else threshold


def own_threshold(detector: Any) -> float:
    """Look up the anomaly score above which ``predict`` calls a clip abnormal.

    Parameters
    ----------
    detector : fitted estimator
        From `make_detector` or `load_detector`, or any other with ``offset_``.

    Returns
    -------
    float
        Higher for more anomalous, as from `anomaly_score`.

    Raises
    ------
    ValueError
        If the detector has no threshold of its own.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> detector = make_detector("knn").fit(normal)
    >>> own_threshold(detector) == -detector.offset_
    True
    """
    last = detector[-1] if isinstance(detector, Pipeline) else detector
    for judge in (detector, last):
        if hasattr(judge, "offset_"):
            return -float(judge.offset_)
    raise ValueError(
        "the detector has no threshold of its own: give threshold=, for instance from "
        "conformal_threshold"
    )


def _conformal(
    scores: np.ndarray, rate: float, groups: np.ndarray | None = None
) -> float | None:
    """The threshold that keeps a rate of false alarms, if there are recordings enough.

    See `conformal_threshold` for why it takes one more recording than there are. Each
    recording has the same weight, shared out among its clips.
    """
    groups = np.arange(len(scores)) if groups is None else groups
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(-scores, kind="stable")
    weight = 1 / sizes[which[order]]
    at_most_above = (len(sizes) + 1) * rate - 1
    # The smallest amount more, so that ten times 0.1, or 1 - 0.9, is one in full.
    is_allowed = weight.cumsum() - weight <= at_most_above + 1e-9
    return float(scores[order[is_allowed][-1]]) if is_allowed.any() else None


def _least_recordings(rate: float) -> int:
    """How many independent recordings a rate of false alarms takes."""
    return ceil(1 / (rate * (1 + 1e-12))) - 1


def _warn_of_few_recordings(
    groups: np.ndarray | None, rate: float, n_recordings: int | None = None
) -> None:
    """Say what the recordings can't promise.

    Of clips without groups, only if more was asked for than what all detectors promise.
    """
    if groups is None and (n_recordings is None or rate >= _USUAL_RATE):
        return
    if n_recordings is None:
        n_recordings = len(np.unique(groups))
    needed = _least_recordings(rate)
    is_few = groups is not None and n_recordings <= _FEW_RECORDINGS
    if n_recordings >= needed and not is_few:
        return
    lowest = 1 / (n_recordings + 1)
    unknown = (
        f"the lowest share of false alarms that {n_recordings} recordings can promise is "
        f"1 in {n_recordings + 1} ({100 * lowest:.2g}%), and not {100 * rate:.3g}%, which takes {needed}"
        if n_recordings < needed
        else "how much recordings of this machine differ can't be told from so few"
    )
    if n_recordings == 1:
        unknown = (
            "how one recording differs from the next can't be known at all. Stretches of it "
            "were held out instead, and nothing is promised for any other recording"
        )
    warnings.warn(
        f"the clips come from {_number(n_recordings)} only: {unknown}. More clips of the "
        "same recordings don't help; record on other days and under other conditions",
        FewRecordingsWarning,
        stacklevel=3,
    )


def _number(n_recordings: int) -> str:
    return f"{n_recordings} recording{'s' * (n_recordings > 1)}"
