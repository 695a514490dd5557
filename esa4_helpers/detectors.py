"""Outlier detectors: fitted to normal clips, they tell how normal a new one is.

All follow scikit-learn's conventions for outlier detection, where a *higher*
`score_samples` means *more normal*. The field's anomaly score is the other way
round, and `anomaly_score` is the one place where the sign is turned.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator, OutlierMixin, TransformerMixin, clone
from sklearn.covariance import LedoitWolf
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold, PredefinedSplit
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import (
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)

from ._checks import (
    as_groups,
    check_array,
    check_clips,
    check_count,
    check_groups,
    check_number,
)
from .duplicates import (
    NearDuplicatesWarning,
    _repeats,
    _warn_of_duplicates,
    near_duplicates,
)
from .recordings import Recordings
from .training import _source_of, _training_on

# Scales the median absolute deviation of a normal distribution to its standard deviation.
_MAD_TO_STD = 1.4826
# Of standardised features: samples on a line would else have no width across it.
_LEAST_VARIANCE = 1e-6
# Sound is kept and its spectra are computed in 32 bits. What differs by less than a
# millionth of itself is how they round.
_ROUNDING = 1e-6
# Rounding puts a whitened sample this share of its length from itself at most.
_SAME_SAMPLE = 1e-6


# The rate of false alarms that detectors keep if nobody says another one.
_USUAL_RATE = 0.1
# One recording is cut into so many, to be held out in turn.
_STRETCHES = 5
# With so few recordings it can't be told how one differs from the next.
_FEW_RECORDINGS = 5


class FewRecordingsWarning(UserWarning):
    """There are too few independent recordings for what is asked of them.

    With n recordings, no threshold can promise fewer false alarms than one in n + 1,
    however many clips they are cut into.
    """


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
    >>> normal = np.random.default_rng(0).normal(size=(50, 4))
    >>> scores = held_out_scores(GMMDetector(random_state=0), normal)
    >>> scores.shape
    (50,)
    """
    X = check_array(X, "X")
    cv = check_count(cv, "cv", at_least=2)
    if cv > len(X):
        raise ValueError(f"cv must be at most the number of clips, {len(X)}, got {cv}")
    groups = check_groups(groups, len(X))
    _check_that_it_scores(detector)
    if groups is None:
        from_audio = isinstance(detector, DetectorPipeline)
        _warn_of_duplicates(near_duplicates(X) if from_audio else _repeats(X))
    scores = np.empty(len(X))
    # By hand, because cross_val_predict refuses the method score_samples.
    for others, fold in _split(len(X), cv, random_state, groups):
        scores[fold] = anomaly_score(_fit_copy(detector, X, others, groups), X[fold])
    return scores


def _check_that_it_scores(detector: Any) -> None:
    if not hasattr(detector, "score_samples"):
        raise TypeError(
            f"detector must have the method score_samples, got {detector!r}"
        )


def _take_over(estimator: BaseEstimator, fitted: BaseEstimator) -> None:
    """Know what a fitted copy knows, and nothing of an earlier fit any more.

    A copy is fitted first, so that a failure leaves a fitted estimator as it was.
    """
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
    learned = {name: of for name, of in vars(fitted).items() if name.endswith("_")}
    vars(estimator).update(learned)


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewRecordingsWarning)
        kept = groups if groups is None else groups[keep]
        try:
            if isinstance(copy, DetectorPipeline):
                return copy._fit_quietly(X[keep], kept)
            if groups is not None and has_fit_parameter(copy, "groups"):
                return copy.fit(X[keep], groups=kept)
            return copy.fit(X[keep])
        except ValueError as error:
            n, n_out = len(X), len(X) - len(keep)
            n_same = np.unique(_repeats(X), return_counts=True)[1].max()
            same = f"{n_same} of {n} samples are the same, and " if n_same > 1 else ""
            raise ValueError(f"{same}with {n_out} of {n} held out: {error}") from error


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


class OutlierDetector(OutlierMixin, BaseEstimator):
    """What all detectors share: from scores to the labels +1 and -1.

    A subclass has the parameter ``contamination``, computes ``score_samples`` and places
    the threshold at the end of its ``fit``.
    """

    def _scores_as_a_panel(self) -> bool:
        """Whether the unit is a standard deviation of normal samples' scores."""
        return False

    def _place_threshold(
        self,
        scores: np.ndarray,
        *,
        held_out: bool,
        groups: np.ndarray | None = None,
    ) -> None:
        """Remember the training clips' anomaly scores, and go as far as they do."""
        self.normal_scores_ = scores
        if held_out:
            threshold = _conformal(scores, self.contamination, groups)
            # With too few clips for the rate, their highest score is the best there is.
            self.offset_ = -float(scores.max() if threshold is None else threshold)
        else:
            self.offset_ = float(np.quantile(-scores, self.contamination))

    def _check_contamination(self) -> None:
        if not 0 < check_number(self.contamination, "contamination") <= 0.5:
            raise ValueError(
                "contamination is the share of training samples beyond the "
                f"threshold, above 0 and at most 0.5, got {self.contamination!r}"
            )

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Score samples relative to the threshold: negative means anomalous.

        Parameters
        ----------
        X : array of shape (n_samples, ...)
            Samples like those that the detector was fitted to.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Label samples: +1 for normal, -1 for anomalous.

        Parameters
        ----------
        X : array of shape (n_samples, ...)
            Samples like those that the detector was fitted to.

        Returns
        -------
        ndarray of shape (n_samples,)
            int, +1 or -1.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)


class FeatureDetector(OutlierDetector):
    """What detectors share that are fitted to rows of features.

    A subclass has the parameters ``contamination`` and ``cv``. It learns in ``_fit`` and
    scores in ``_score`` what has been checked here.
    """

    def fit(
        self, X: ArrayLike, y: Any = None, groups: ArrayLike | None = None
    ) -> FeatureDetector:
        """Learn what normal samples are like, and set the threshold.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features of normal samples, two or more.
        y : ignored
        groups : array of shape (n_samples,), optional
            Which recording each sample comes from. With ``cv``, those of one recording
            are held out together, and each recording counts as one for the threshold.

        Returns
        -------
        FeatureDetector
            Itself.

        Raises
        ------
        ValueError
            If ``X`` has another shape, holds NaN or infinity or too few samples, if
            all samples are the same, or if a parameter is out of its range.
        TypeError
            If a parameter is no number.
        """
        self._check_contamination()
        fitted = clone(self)
        X = _check_features(fitted, X, ensure_min_samples=2)
        if self.cv is not None and len(X) < check_count(self.cv, "cv", at_least=2):
            raise ValueError(
                f"training needs at least {self.cv} clips, so that some can be held "
                f"out in each of cv={self.cv} folds; got {len(X)}"
            )
        _check_that_they_differ(X)
        groups = check_groups(groups, len(X)) if self.cv is not None else None
        fitted.typical_ = np.median(X, axis=0)
        fitted._fit(X)
        fitted._set_offset(X, groups)
        _take_over(self, fitted)
        _warn_of_few_recordings(groups, self.contamination)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Score samples: higher means more normal.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            What the class's description says, in the unit that it says.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        return self._score(_check_features(self, X, reset=False))

    def explain(self, X: ArrayLike) -> np.ndarray:
        """Tell what each feature adds to the anomaly score of a typical sample.

        A typical sample has the median of the training samples in each feature,
        ``typical_``. It is given the features of the sample in question, one at a
        time: how much more abnormal does each make it?

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            0 where a feature makes a typical sample no more abnormal, and above
            where it does, in the unit of the scores.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = _check_features(self, X, reset=False)
        return _one_at_a_time(self, X, self.typical_)

    def _set_offset(self, X: np.ndarray, groups: np.ndarray | None) -> None:
        """Place the threshold among the scores of normal samples."""
        if self.cv is None:
            scores = -self._score(X)
        else:
            copy = clone(self).set_params(cv=None)
            scores = held_out_scores(copy, X, self.cv, groups=groups)
        self._place_threshold(scores, held_out=self.cv is not None, groups=groups)


def _check_features(estimator: BaseEstimator, X: ArrayLike, **how: Any) -> np.ndarray:
    """Check features as scikit-learn does, which would take off masks and read texts."""
    if check_array(X, "X").dtype.kind in "SU":
        raise TypeError("X must hold numbers, got texts")
    return validate_data(estimator, X, dtype=np.float64, **how)


def _spread(X: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The usual distance from the median, which single strays don't move."""
    spread = _MAD_TO_STD * np.median(np.abs(X - centre), axis=0)
    # Where more than half of the samples agree, the median deviation is zero.
    spread = np.where(_is_more_than_rounding(spread, X), spread, X.std(axis=0))
    return np.where(_is_more_than_rounding(spread, X), spread, 1.0)


def _check_that_they_differ(X: np.ndarray) -> None:
    if not _is_more_than_rounding(np.ptp(X, axis=0), X).any():
        raise ValueError(
            f"all {len(X)} training samples are the same, but for rounding: there is "
            "nothing to learn about how normal ones differ. See whether clips are copies "
            "of one another, or copies at other levels"
        )


def _is_more_than_rounding(spread: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Tell of each feature whether it varies, or is one value with rounding."""
    return spread > _ROUNDING * np.abs(X).max(axis=0)


def _one_at_a_time(detector: _Scorer, X: np.ndarray, typical: np.ndarray) -> np.ndarray:
    usual_score = anomaly_score(detector, typical[np.newaxis])[0]
    added = np.empty_like(X)
    for i, x in enumerate(X):
        changed = np.tile(typical, (len(x), 1))
        np.fill_diagonal(changed, x)
        added[i] = anomaly_score(detector, changed) - usual_score
    return np.maximum(added, 0.0)


class ShrunkWhitening(TransformerMixin, BaseEstimator):
    """Turn and stretch features so that the training samples form a round cloud.

    Neighbouring mel bands rise and fall together. Whitening takes such common
    movements out, so that a change against the usual pattern counts for more than
    a large one along it. It needs the covariance matrix of the features, which few
    samples can't settle; *shrinkage* pulls the estimate towards a round one, as far
    as the samples themselves show it to be uncertain.

    Attributes
    ----------
    scaler_ : StandardScaler
        The standardisation that comes first.
    shrinkage_ : float
        From 0 (the samples' own covariance) to 1 (a round cloud).
    whitener_ : ndarray of shape (n_features, n_features)
        What standardised features are multiplied by: a Cholesky factor of the inverse
        of their shrunken covariance matrix.
    n_features_in_ : int
        Number of features seen in ``fit``.

    References
    ----------
    Ledoit & Wolf, "A well-conditioned estimator for large-dimensional covariance
    matrices", Journal of Multivariate Analysis 88, 2004.
    https://doi.org/10.1016/S0047-259X(03)00096-4

    Examples
    --------
    A step along the line on which the samples lie is a small one, across it a large one:

    >>> whitening = ShrunkWhitening().fit([[0.0, 0.1], [1.0, 0.9], [2.0, 2.1], [3.0, 2.9]])
    >>> along, across = np.abs(whitening.transform([[2.5, 2.5], [0.5, 2.5]])).max(axis=1)
    >>> bool(across > along)
    True
    """

    def fit(self, X: ArrayLike, y: Any = None) -> ShrunkWhitening:
        """Estimate the covariance of normal samples.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features of two or more samples.
        y : ignored

        Returns
        -------
        ShrunkWhitening
            Itself.

        Raises
        ------
        ValueError
            If ``X`` has another shape, holds NaN or infinity, or if all samples
            are the same.
        """
        X = _check_features(self, X, ensure_min_samples=2)
        _check_that_they_differ(X)
        self.scaler_ = StandardScaler().fit(X)
        varies = _is_more_than_rounding(self.scaler_.scale_, X)
        self.scaler_.scale_ = np.where(varies, self.scaler_.scale_, 1.0)
        Z = self.scaler_.transform(X)
        estimate = LedoitWolf(store_precision=False, assume_centered=True).fit(Z)
        self.shrinkage_ = float(estimate.shrinkage_)
        covariance = estimate.covariance_ + _LEAST_VARIANCE * np.eye(Z.shape[1])
        self.whitener_ = np.linalg.inv(np.linalg.cholesky(covariance)).T
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Whiten samples.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float64; the squared length of a row is the sample's squared
            Mahalanobis distance from the mean.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = _check_features(self, X, reset=False)
        return self.scaler_.transform(X) @ self.whitener_


class GMMDetector(FeatureDetector):
    """Model the density of normal samples by a Gaussian mixture.

    Features are standardised (mean 0, standard deviation 1 over the training
    samples) and computed with in float64. A feature that is the same in all
    training samples has no scale of its own: any other value of it counts as
    extremely unusual. The scores are log-likelihoods: natural logarithms of the density
    of the standardised features.

    Parameters
    ----------
    n_components : int
        Number of Gaussians.
    covariance_type : {"diag", "full", "tied", "spherical", "shrunk"}
        ``"diag"``, the default, has one variance for each feature. ``"full"``
        has a whole matrix, which needs many more samples than features.
        ``"shrunk"`` has one whole matrix that fits the samples' number: round
        Gaussians after `ShrunkWhitening`.
    reg_covar : float
        Added to the variances of the standardised features.
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``. With ``cv`` it is the share of *new* normal samples.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds, as in
        `conformal_threshold`; of n samples too few for the share (0.1 takes 9), the
        highest score is the threshold, which one new sample in n + 1 exceeds.
    random_state : int, RandomState or None
        Seed of the mixture's starting point.

    Attributes
    ----------
    scaler_ : StandardScaler or ShrunkWhitening
        The fitted standardisation.
    gmm_ : GaussianMixture
        The fitted mixture, in standardised features.
    typical_ : ndarray of shape (n_features,)
        Median of the training samples.
    normal_scores_ : ndarray of shape (n_samples,)
        Anomaly scores of the training samples; with ``cv``, those held out.
    offset_ : float
        Log-likelihood below which a sample is called anomalous.
    n_features_in_ : int
        Number of features seen in ``fit``.

    Examples
    --------
    >>> normal = np.random.default_rng(0).normal(size=(100, 4))
    >>> detector = GMMDetector(random_state=0).fit(normal)
    >>> detector.predict([[0.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        n_components: int = 2,
        covariance_type: str = "diag",
        *,
        reg_covar: float = 1e-6,
        contamination: float = 0.1,
        cv: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
        self.contamination = contamination
        self.cv = cv
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        shrunk = self.covariance_type == "shrunk"
        self.scaler_ = (ShrunkWhitening() if shrunk else StandardScaler()).fit(X)
        self.gmm_ = GaussianMixture(
            self.n_components,
            covariance_type="spherical" if shrunk else self.covariance_type,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
        ).fit(self.scaler_.transform(X))

    def _score(self, X: np.ndarray) -> np.ndarray:
        return self.gmm_.score_samples(self.scaler_.transform(X))


class MahalanobisDetector(FeatureDetector):
    """Measure how far a sample is from the mean, in units of the normal spread.

    The *Mahalanobis distance* counts a step in a direction in which normal samples
    hardly vary for more than one in a direction in which they vary a lot. The
    covariance is estimated with shrinkage, see `ShrunkWhitening`. The scores are minus the
    squared distance: 0 at most, without a unit.

    Parameters
    ----------
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``. With ``cv`` it is the share of *new* normal samples.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds, as in
        `conformal_threshold`; of n samples too few for the share (0.1 takes 9), the
        highest score is the threshold, which one new sample in n + 1 exceeds.

    Attributes
    ----------
    whitening_ : ShrunkWhitening
        The fitted mean and covariance.
    typical_ : ndarray of shape (n_features,)
        Median of the training samples.
    normal_scores_ : ndarray of shape (n_samples,)
        Anomaly scores of the training samples; with ``cv``, those held out.
    offset_ : float
        Score below which a sample is called anomalous.
    n_features_in_ : int
        Number of features seen in ``fit``.

    Examples
    --------
    >>> normal = np.random.default_rng(0).normal(size=(100, 2)) * [10.0, 1.0]
    >>> detector = MahalanobisDetector().fit(normal)
    >>> along, across = detector.score_samples([[10.0, 0.0], [0.0, 10.0]])
    >>> bool(across < along)
    True
    """

    def __init__(self, *, contamination: float = 0.1, cv: int | None = None) -> None:
        self.contamination = contamination
        self.cv = cv

    def _fit(self, X: np.ndarray) -> None:
        self.whitening_ = ShrunkWhitening().fit(X)

    def _score(self, X: np.ndarray) -> np.ndarray:
        return -np.sum(self.whitening_.transform(X) ** 2, axis=1)


class KNNDetector(FeatureDetector):
    """Measure how far a sample is from its nearest neighbours among normal ones.

    Nothing is assumed about the shape of the cloud of normal samples, not even that
    it is one. Distances are measured after `ShrunkWhitening`, and the scores are minus
    their mean. A training sample is never counted as a neighbour of itself.

    Parameters
    ----------
    n_neighbors : int
        How many neighbours the distance is averaged over.
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``. With ``cv`` it is the share of *new* normal samples.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds, as in
        `conformal_threshold`; of n samples too few for the share (0.1 takes 9), the
        highest score is the threshold, which one new sample in n + 1 exceeds.

    Attributes
    ----------
    whitening_ : ShrunkWhitening
        The fitted standardisation.
    neighbors_ : NearestNeighbors
        The training samples, ready to be searched.
    typical_ : ndarray of shape (n_features,)
        Median of the training samples.
    normal_scores_ : ndarray of shape (n_samples,)
        Anomaly scores of the training samples; with ``cv``, those held out.
    offset_ : float
        Score below which a sample is called anomalous.
    n_features_in_ : int
        Number of features seen in ``fit``.

    Examples
    --------
    >>> detector = KNNDetector(n_neighbors=1).fit([[0.0], [1.0], [10.0], [11.0]])
    >>> inside, between = detector.score_samples([[0.5], [5.5]])
    >>> bool(between < inside)
    True
    """

    def __init__(
        self,
        n_neighbors: int = 3,
        *,
        contamination: float = 0.1,
        cv: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.contamination = contamination
        self.cv = cv

    def _fit(self, X: np.ndarray) -> None:
        n_neighbors = check_count(self.n_neighbors, "n_neighbors", at_least=1)
        if len(X) <= n_neighbors:
            raise ValueError(
                f"n_neighbors={n_neighbors} needs more than {n_neighbors} training "
                f"samples, got {len(X)}"
            )
        self.whitening_ = ShrunkWhitening().fit(X)
        self.neighbors_ = NearestNeighbors(
            n_neighbors=n_neighbors + 1, algorithm="brute"
        )
        self.neighbors_.fit(self.whitening_.transform(X))

    def _score(self, X: np.ndarray) -> np.ndarray:
        whitened = self.whitening_.transform(X)
        distances, _ = self.neighbors_.kneighbors(whitened)
        length = np.linalg.norm(whitened, axis=1, keepdims=True)
        is_itself = distances[:, :1] < _SAME_SAMPLE * (1 + length)
        return -np.where(is_itself, distances[:, 1:], distances[:, :-1]).mean(axis=1)


class TwoSidedDetector(FeatureDetector):
    """Measure how far a sample is from the median, above or below it.

    Each feature is judged alone: its distance from the median, in units of the usual
    distance. The most unusual feature decides, and the scores are minus its distance. That
    is as simple as a detector gets, and a good baseline for any other.

    Parameters
    ----------
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``. With ``cv`` it is the share of *new* normal samples.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds, as in
        `conformal_threshold`; of n samples too few for the share (0.1 takes 9), the
        highest score is the threshold, which one new sample in n + 1 exceeds.

    Attributes
    ----------
    typical_, spread_ : ndarray of shape (n_features,)
        Median and spread of the training samples. The spread is the median absolute deviation, scaled
        to agree with the standard deviation of a normal distribution.
    normal_scores_ : ndarray of shape (n_samples,)
        Anomaly scores of the training samples; with ``cv``, those held out.
    offset_ : float
        Score below which a sample is called anomalous.
    n_features_in_ : int
        Number of features seen in ``fit``.

    Examples
    --------
    >>> detector = TwoSidedDetector().fit([[-30.0], [-29.0], [-31.0]])
    >>> detector.predict([[-30.5], [-10.0], [-60.0]])
    array([ 1, -1, -1])
    """

    def __init__(self, *, contamination: float = 0.1, cv: int | None = None) -> None:
        self.contamination = contamination
        self.cv = cv

    def _fit(self, X: np.ndarray) -> None:
        self.spread_ = _spread(X, self.typical_)

    def _score(self, X: np.ndarray) -> np.ndarray:
        return -np.max(np.abs(X - self.typical_) / self.spread_, axis=1)


class PanelDetector(FeatureDetector):
    """Give each part of the features a detector of its own; the most surprised decides.

    A fault may show in one statistic only, such as the maximum over time, and drown
    among all others if they are added up. So each part is judged alone. To compare
    the scores, each is expressed in standard deviations from the median of normal
    samples; the panel's scores are minus the largest of these. The standard deviation
    is told from the median absolute deviation: a single stray among few normal samples
    would else make its part deaf.

    Parameters
    ----------
    detector : estimator with ``fit`` and ``score_samples``
        Copied for each part.
    n_parts : int
        Split the features into so many equal parts. `PoolOverTime` with several
        statistics makes one part of each.
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``. With ``cv`` it is the share of *new* normal samples.
    cv : int, optional
        By default the scores of normal samples, and with them the threshold, are
        those of the samples that the detectors were fitted to, which are better
        than those of any new sample. With ``cv=5`` they are `held_out_scores` in
        five folds, and the threshold is placed among them as in
        `conformal_threshold`; of n samples too few for the share (0.1 takes 9), the
        highest score is the threshold, which one new sample in n + 1 exceeds.

    Attributes
    ----------
    detectors_ : list of n_parts estimators
        One for each part.
    centre_, spread_ : ndarray of shape (n_parts,)
        Median of the normal samples' anomaly scores, and their median absolute
        deviation, scaled to agree with the standard deviation of a normal distribution.
    typical_ : ndarray of shape (n_features,)
        Median of the training samples.
    normal_scores_ : ndarray of shape (n_samples,)
        Anomaly scores of the training samples; with ``cv``, those held out.
    offset_ : float
        Score below which a sample is called anomalous.
    n_features_in_ : int
        Number of features seen in ``fit``.

    Examples
    --------
    >>> normal = np.random.default_rng(0).normal(size=(100, 4))
    >>> panel = PanelDetector(MahalanobisDetector(), n_parts=2).fit(normal)
    >>> panel.predict([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        detector: BaseEstimator,
        n_parts: int = 1,
        *,
        contamination: float = 0.1,
        cv: int | None = None,
    ) -> None:
        self.detector = detector
        self.n_parts = n_parts
        self.contamination = contamination
        self.cv = cv

    def _scores_as_a_panel(self) -> bool:
        return True

    def _fit(self, X: np.ndarray) -> None:
        n_parts = check_count(self.n_parts, "n_parts", at_least=1)
        _check_that_it_scores(self.detector)
        if X.shape[1] % n_parts:
            raise ValueError(
                f"{X.shape[1]} features can't be split into n_parts={n_parts} equal parts"
            )
        parts = np.split(X, n_parts, axis=1)
        self.detectors_ = [clone(self.detector).fit(part) for part in parts]

    def _set_offset(self, X: np.ndarray, groups: np.ndarray | None) -> None:
        """Learn how each detector's scores vary among normal samples, too."""
        if self.cv is None:
            normal = self._scores_of_parts(X)
        else:
            held_out = [
                held_out_scores(self.detector, part, self.cv, groups=groups)
                for part in np.split(X, len(self.detectors_), axis=1)
            ]
            normal = np.stack(held_out, axis=1)
        self._compare_with(normal, held_out=self.cv is not None, groups=groups)

    def _compare_with(
        self,
        normal: np.ndarray,
        *,
        held_out: bool,
        groups: np.ndarray | None = None,
    ) -> None:
        """Express scores by how those of normal samples vary, (n_samples, n_parts)."""
        self.centre_ = np.median(normal, axis=0)
        self.spread_ = _spread(normal, self.centre_)
        scores = -self._combine(normal)
        self._place_threshold(scores, held_out=held_out, groups=groups)

    def _score(self, X: np.ndarray) -> np.ndarray:
        return self._combine(self._scores_of_parts(X))

    def explain(self, X: ArrayLike) -> np.ndarray:
        """Tell what each feature adds to the score that its part has for a typical sample.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            As in the other detectors, but for each part by itself: in standard
            deviations of normal samples' scores.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = _check_features(self, X, reset=False)
        n_parts = len(self.detectors_)
        parts = zip(
            self.detectors_,
            np.split(X, n_parts, axis=1),
            np.split(self.typical_, n_parts),
            self.spread_,
            strict=True,
        )
        return np.hstack(
            [
                _one_at_a_time(detector, part, typical) / spread
                for detector, part, typical, spread in parts
            ]
        )

    def _scores_of_parts(self, X: np.ndarray) -> np.ndarray:
        parts = np.split(X, len(self.detectors_), axis=1)
        scores = [
            anomaly_score(detector, part)
            for detector, part in zip(self.detectors_, parts, strict=True)
        ]
        return np.stack(scores, axis=1)

    def _combine(self, scores: np.ndarray) -> np.ndarray:
        return -np.max((scores - self.centre_) / self.spread_, axis=1)


class DetectorPipeline(Pipeline):
    """A pipeline from audio to scores that knows which clips belong together.

    Parameters
    ----------
    steps : list of (name, estimator)
        As in scikit-learn's `Pipeline`. The first takes audio, the last is a detector.
    memory, verbose
        As in scikit-learn's `Pipeline`.

    Attributes
    ----------
    training_ : Training
        What there is to know of the training clips, if the first step knows their rate.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> recordings = np.arange(20) // 2
    >>> detector = make_detector("level").fit(normal, groups=recordings)
    >>> type(detector).__name__
    'DetectorPipeline'
    """

    def fit(
        self,
        X: ArrayLike | Recordings,
        y: Any = None,
        groups: ArrayLike | None = None,
    ) -> DetectorPipeline:
        """Fit all steps, set the threshold, and remember the training.

        If that fails, the pipeline stays what it was.

        Parameters
        ----------
        X : Recordings, or array of shape (n_clips, n_samples)
            Normal clips, as the first step takes them. `Recordings` say themselves which
            recording each clip comes from.
        y : ignored
        groups : array of shape (n_clips,), optional
            Which recording each clip comes from, as `read_recordings` tells. Clips of
            one recording are held out together, and each recording counts as one for
            the threshold. Without them every clip is taken to be a recording of its own,
            and a `NearDuplicatesWarning` says if that can't be. Of a single recording,
            five stretches of time stand in for recordings; a `FewRecordingsWarning` says
            what can't be known then.

        Returns
        -------
        DetectorPipeline
            Itself.

        Raises
        ------
        ValueError, TypeError
            As the steps do; ValueError, too, if recordings have another sample rate
            than the detector.
        """
        sr, source = getattr(self[0], "sr", None), {}
        if isinstance(X, Recordings):
            if sr is not None and X.sr != sr:
                raise ValueError(
                    f"the recordings were read at {X.sr} Hz, and the detector was made for "
                    f"{sr:g} Hz: give the same sr to read_recordings and make_detector"
                )
            groups = X.recordings if groups is None else groups
            sr, source, X = X.sr, _source_of(X), X.audio
        groups = as_groups(groups, len(X))
        fitted = clone(self)._fit_quietly(X, groups)
        first = near_duplicates(X) if groups is None else groups
        if groups is None:
            _warn_of_duplicates(first)
        n_recordings = len(np.unique(first))
        rate = fitted[-1].contamination
        if sr is not None:
            fitted.training_ = _training_on(
                check_clips(X),
                sr,
                n_recordings=n_recordings,
                false_alarm_rate=rate,
                # Copies of what is held out were among what was fitted to.
                is_held_out=groups is not None or n_recordings == len(X),
                source=source,
                packages=("tensorflow",) if hasattr(fitted[-1], "model_") else (),
            )
        self.steps = fitted.steps
        _take_over(self, fitted)
        _warn_of_few_recordings(groups, rate, n_recordings)
        return self

    def fit_predict(
        self, X: ArrayLike, y: Any = None, groups: ArrayLike | None = None
    ) -> np.ndarray:
        """Fit, and tell which of the same clips are beyond the threshold.

        Parameters
        ----------
        X : array of shape (n_clips, n_samples)
            Clips, as in ``fit``.
        y : ignored
        groups : array of shape (n_clips,), optional
            As in ``fit``.

        Returns
        -------
        ndarray of shape (n_clips,)
            -1 for clips beyond the threshold, else 1.

        Raises
        ------
        ValueError, TypeError
            As ``fit`` does.
        """
        return self.fit(X, y, groups).predict(X)

    def __getitem__(self, ind: int | str | slice) -> Any:
        """Return a step, or some of them as a plain `Pipeline`: they may take no audio."""
        return Pipeline(self.steps, memory=self.memory, verbose=self.verbose)[ind]

    def _fit_quietly(self, X: ArrayLike, groups: np.ndarray | None) -> DetectorPipeline:
        """Fit without warnings, which would come once for each step."""
        if groups is not None and (groups == groups[0]).all():
            # Stretches of time are the best witnesses that one recording has.
            groups = np.arange(len(groups)) * _STRETCHES // len(groups)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NearDuplicatesWarning)
            warnings.simplefilter("ignore", FewRecordingsWarning)
            self._fit_steps(X, groups)
        return self

    def _fit_steps(self, X: ArrayLike, groups: np.ndarray | None) -> None:
        to_last = {} if groups is None else {f"{self.steps[-1][0]}__groups": groups}
        with config_context(enable_metadata_routing=False):
            super().fit(X, **to_last)


class PipelineWithLevel(OutlierDetector, DetectorPipeline):
    """A pipeline that hears the level of a clip, too; the more surprised decides.

    Many a fault makes a machine a little louder or quieter in all bands, which shows in
    the level of the clip long before it shows in any one band. So a detector of the
    level listens beside the detector at the end of the pipeline. Both score in the unit
    of `PanelDetector`, as if the level were one more part of its panel.

    Parameters
    ----------
    steps : list of (name, estimator)
        As in scikit-learn's `Pipeline`. The last one is a detector whose scores are
        those of a panel.
    level : DetectorPipeline
        Of `Level` and a `PanelDetector`.
    memory, verbose
        As in scikit-learn's `Pipeline`.

    Attributes
    ----------
    level_ : Pipeline
        The fitted one.
    normal_scores_ : ndarray of shape (n_clips,)
        Anomaly scores of the training clips, held out if the detectors do that.
    offset_ : float
        Score below which a clip is called anomalous.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> detector = make_detector("mahalanobis").fit(normal)
    >>> type(detector).__name__
    'PipelineWithLevel'
    >>> louder = 1.2 * normal
    >>> (detector.level_.score_samples(louder) == detector.score_samples(louder)).all()
    np.True_
    """

    def __init__(
        self,
        steps: Sequence[tuple[str, Any]],
        *,
        level: Pipeline | None = None,
        memory: Any = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(steps, memory=memory, verbose=verbose)
        self.level = level

    @property
    def contamination(self) -> float:
        """The last step's share of normal clips beyond the threshold."""
        return self[-1].contamination

    def _fit_steps(self, X: ArrayLike, groups: np.ndarray | None) -> None:
        """Fit the detector of the level, too, and compare."""
        if not self[-1]._scores_as_a_panel():
            raise ValueError(
                "scores can be compared with that of the level only if they are in the "
                f"unit of PanelDetector, unlike those of {self[-1]!r}: make the detector "
                "with level=False"
            )
        super()._fit_steps(X, groups)
        self.level_ = clone(self.level)._fit_quietly(X, groups)
        both = [part[-1].normal_scores_ for part in (self, self.level_)]
        held_out = self[-1].cv is not None
        self._place_threshold(np.maximum(*both), held_out=held_out, groups=groups)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Score clips: higher means more normal.

        Parameters
        ----------
        X : array of shape (n_clips, n_samples)
            Clips like those in ``fit``.

        Returns
        -------
        ndarray of shape (n_clips,)
            The lower of the last step's score and that of the level.

        Raises
        ------
        ValueError, TypeError
            As the steps do.
        """
        return np.minimum(super().score_samples(X), self.level_.score_samples(X))
