"""How abnormal is each clip, to a detector that was not fitted to it?

scikit-learn's `score_samples` is *higher* for what is more normal. The field's anomaly
score is the other way round, and `anomaly_score` is the one place where the sign is turned.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import KFold, PredefinedSplit
from sklearn.utils.validation import has_fit_parameter

from ._checks import check_array, check_count, check_groups
from .duplicates import _repeats, _warn_of_duplicates
from .thresholds import FewRecordingsWarning


class _Scorer(Protocol):
    """Whatever tells how normal samples are."""

    def score_samples(self, X: ArrayLike) -> np.ndarray: ...


def anomaly_score(detector: _Scorer, X: ArrayLike) -> np.ndarray:
    """Tell how abnormal each sample is: higher means more anomalous.

    Parameters
    ----------
    detector : fitted estimator with ``score_samples``
        One of this package's detectors, or of scikit-learn's.
    X : array of shape (n_clips, ...)
        What the detector was fitted to, for the clips in question.

    Returns
    -------
    ndarray of shape (n_clips,)
        ``-detector.score_samples(X)``, in the detector's own unit.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the detector has not been fitted.
    ValueError
        If ``X`` does not fit the detector.

    Examples
    --------
    >>> from esa4_helpers import GMMDetector
    >>> detector = GMMDetector(n_components=1).fit([[0.0], [1.0], [2.0]])
    >>> near, far = anomaly_score(detector, [[1.0], [9.0]])
    >>> bool(far > near)
    True
    """
    return -np.asarray(detector.score_samples(X), dtype=np.float64)


def held_out_scores(
    detector: BaseEstimator,
    X: ArrayLike,
    cv: int = 5,
    random_state: int | np.random.RandomState | None = 0,
    groups: ArrayLike | None = None,
) -> np.ndarray:
    """Score each training clip by a detector that was fitted without it.

    The clips are dealt into folds, and each fold is scored by a copy of the
    detector that was fitted to all others. A detector knows the clips it was
    fitted to and scores them too low, so that a threshold from those scores
    raises more alarms than it should; these scores are free of that.

    Parameters
    ----------
    detector : estimator with ``fit`` and ``score_samples``
        One of this package's detectors, of scikit-learn's, or a Pipeline that
        ends in one. It is copied, never changed, and need not be fitted.
    X : array of shape (n_clips, ...)
        What the detector is fitted to: normal clips.
    cv : int
        Number of folds, from 2 to the number of clips.
    random_state : int, RandomState or None
        Seed of the dealing of clips to folds. Groups are dealt by their size.
    groups : array of shape (n_clips,), optional
        Which recording each clip comes from. Clips of the same one stay together, in as
        many folds as there are recordings if those are fewer than ``cv``.

    Returns
    -------
    ndarray of shape (n_clips,)
        Anomaly scores, higher for more anomalous, in the order of ``X``.

    Raises
    ------
    ValueError
        If ``cv`` is out of its range, all clips are of one group, or the detector
        can't be fitted to the clips outside a fold.
    TypeError
        If the detector has no ``score_samples`` or ``cv`` is not a whole number.

    Notes
    -----
    The guarantee of `conformal_threshold` is exact for one detector and clips
    that it was not fitted to. With these scores (cross-conformal prediction) it
    is an approximation: each comes from another copy, and from a slightly
    smaller training set than that of a detector fitted to all clips.

    References
    ----------
    Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial
    Intelligence 74, 2015. https://doi.org/10.1007/s10472-013-9368-4

    Examples
    --------
    >>> from esa4_helpers import GMMDetector
    >>> normal = np.random.default_rng(0).normal(size=(50, 4))
    >>> scores = held_out_scores(GMMDetector(random_state=0), normal)
    >>> scores.shape
    (50,)
    """
    X = check_array(X, "X")
    cv, groups = _check_folds(detector, len(X), cv, groups)
    if groups is None:
        # A pipeline from audio knows clips that overlap, too.
        _warn_of_duplicates(getattr(detector, "_find_duplicates", _repeats)(X))
    scores = np.empty(len(X))
    for copy, fold in _fit_in_folds(detector, X, cv, random_state, groups):
        scores[fold] = anomaly_score(copy, X[fold])
    return scores


def score_in_folds(
    detector: BaseEstimator,
    normal: ArrayLike,
    abnormal: ArrayLike,
    cv: int = 5,
    random_state: int = 0,
    groups: ArrayLike | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Train and test on the same few normal clips, but never on the same at a time.

    The normal clips are dealt into folds. Each fold is scored by a copy of the detector
    that was fitted to all others, as in `held_out_scores`. Every copy scores the abnormal
    clips, too; their scores are averaged.

    Parameters
    ----------
    detector : estimator with ``fit`` and ``score_samples``
        One of this package's detectors, of scikit-learn's, or a Pipeline that
        ends in one. It is copied, never changed, and need not be fitted.
    normal, abnormal : arrays of shape (n_normal, ...) and (n_abnormal, ...)
        What the detector takes, for normal and for abnormal clips.
    cv : int
        Number of folds, from 2 to the number of normal clips.
    random_state : int
        Seed of the dealing of clips to folds.
    groups : array of shape (n_normal,), optional
        Which recording each normal clip comes from, as in `held_out_scores`.

    Returns
    -------
    is_anomaly : ndarray of shape (n_normal + n_abnormal,)
        False for the normal clips, which come first, True for the abnormal ones.
    scores : ndarray of shape (n_normal + n_abnormal,)
        Anomaly scores, higher for more anomalous.

    Raises
    ------
    ValueError
        If ``cv`` is out of its range, there is no abnormal clip, or the detector can't
        be fitted to the clips outside a fold.
    TypeError
        If the detector has no ``score_samples``, ``cv`` is not a whole number or some of
        the clips are masked.

    Notes
    -----
    Scores of copies are pooled, so they must be comparable: of the same unit, from
    training sets of nearly the same size.

    Examples
    --------
    >>> from esa4_helpers import GMMDetector, auc
    >>> rng = np.random.default_rng(0)
    >>> normal, abnormal = rng.normal(size=(10, 2)), rng.normal(9, size=(5, 2))
    >>> auc(*score_in_folds(GMMDetector(), normal, abnormal))
    1.0
    """
    normal = check_array(normal, "normal")
    abnormal = check_array(abnormal, "abnormal")
    cv, groups = _check_folds(detector, len(normal), cv, groups)
    if not len(abnormal):
        raise ValueError("abnormal must hold at least one clip, got none")
    of_normal, of_abnormal = np.empty(len(normal)), []
    for copy, fold in _fit_in_folds(detector, normal, cv, random_state, groups):
        of_normal[fold] = anomaly_score(copy, normal[fold])
        of_abnormal.append(anomaly_score(copy, abnormal))
    is_anomaly = np.arange(len(normal) + len(abnormal)) >= len(normal)
    return is_anomaly, np.concatenate([of_normal, np.mean(of_abnormal, axis=0)])


def _check_folds(
    detector: BaseEstimator, n_normal: int, cv: int, groups: ArrayLike | None
) -> tuple[int, np.ndarray | None]:
    """Return the number of folds and which recording each normal clip comes from."""
    cv = check_count(cv, "cv", at_least=2)
    if cv > n_normal:
        raise ValueError(
            f"cv must be at most the number of normal clips, {n_normal}, got {cv}"
        )
    groups = check_groups(groups, n_normal)
    _check_that_it_scores(detector)
    return cv, groups


def _fit_in_folds(
    detector: BaseEstimator,
    X: np.ndarray,
    cv: int,
    random_state: int | np.random.RandomState | None,
    groups: np.ndarray | None,
) -> Iterator[tuple[BaseEstimator, np.ndarray]]:
    """For each fold, fit a copy to all other clips.

    By hand, because cross_val_predict refuses the method score_samples.
    """
    for others, fold in _split(len(X), cv, random_state, groups):
        yield _fit_copy(detector, X, others, groups), fold


def _check_that_it_scores(detector: Any) -> None:
    if not hasattr(detector, "score_samples"):
        raise TypeError(
            f"detector must have the method score_samples, got {detector!r}"
        )


def _split(
    n_clips: int,
    cv: int,
    random_state: int | np.random.RandomState | None = 0,
    groups: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Deal clips into folds, with those of one recording in the same fold."""
    if groups is None:
        folds = KFold(cv, shuffle=True, random_state=random_state)
    else:
        folds = PredefinedSplit(_deal(groups, cv))
    return folds.split(np.empty(n_clips))


def _deal(groups: np.ndarray, cv: int) -> np.ndarray:
    """Name a fold for each clip: the largest recordings first, each to the smallest fold.

    So does GroupKFold, but in older versions of scikit-learn the order of recordings of one
    size, and with it a detector's threshold, depended on the version and the computer.
    """
    _, of_clip, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    fold_of = np.empty(len(sizes), int)
    filled = np.zeros(min(cv, len(sizes)))
    for recording in np.argsort(sizes, kind="stable")[::-1]:
        fold_of[recording] = filled.argmin()
        filled[fold_of[recording]] += sizes[recording]
    return fold_of[of_clip]


def _fit_copy(
    detector: BaseEstimator, X: np.ndarray, keep: np.ndarray, groups: np.ndarray | None
) -> BaseEstimator:
    """Fit to some clips; what is wrong with all of them is said elsewhere."""
    copy = clone(detector)
    # A pipeline from audio can leave out what only the whole needs to know.
    fit = getattr(copy, "_fit_quietly", copy.fit)
    takes_groups = groups is not None and has_fit_parameter(copy, "groups")
    kept = {"groups": groups[keep]} if takes_groups else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewRecordingsWarning)
        try:
            return fit(X[keep], **kept)
        except ValueError as error:
            n, n_out = len(X), len(X) - len(keep)
            n_same = np.unique(_repeats(X), return_counts=True)[1].max()
            same = f"{n_same} of {n} samples are the same, and " if n_same > 1 else ""
            raise ValueError(f"{same}with {n_out} of {n} held out: {error}") from error
