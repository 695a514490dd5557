"""Outlier detectors: fitted to normal clips, they tell how normal a new one is.

They take rows of features and follow scikit-learn's conventions for outlier detection,
where a *higher* `score_samples` means *more normal*; `anomaly_score` turns the sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin, TransformerMixin, clone
from sklearn.covariance import LedoitWolf
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from ._checks import (
    check_array,
    check_count,
    check_groups,
    check_number,
    check_squares,
)
from .scoring import _check_that_it_scores, _Scorer, anomaly_score, held_out_scores
from .thresholds import _conformal, _warn_of_few_recordings

# Scales the median absolute deviation of a normal distribution to its standard deviation.
_MAD_TO_STD = 1.4826
# Of standardised features: samples on a line would else have no width across it.
_LEAST_VARIANCE = 1e-6
# Sound is kept and its spectra are computed in 32 bits. What differs by less than a
# millionth of itself is how they round.
_ROUNDING = 1e-6
# Rounding puts a whitened sample this share of its length from itself at most.
_SAME_SAMPLE = 1e-6


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
    X = validate_data(estimator, X, dtype=np.float64, **how)
    return check_squares(X, "X", "Give the features in another unit")


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
        fitted = clone(self)
        X = _check_features(fitted, X, ensure_min_samples=2)
        _check_that_they_differ(X)
        fitted.scaler_ = StandardScaler().fit(X)
        varies = _is_more_than_rounding(fitted.scaler_.scale_, X)
        fitted.scaler_.scale_ = np.where(varies, fitted.scaler_.scale_, 1.0)
        Z = fitted.scaler_.transform(X)
        estimate = LedoitWolf(store_precision=False, assume_centered=True).fit(Z)
        fitted.shrinkage_ = float(estimate.shrinkage_)
        covariance = estimate.covariance_ + _LEAST_VARIANCE * np.eye(Z.shape[1])
        fitted.whitener_ = np.linalg.inv(np.linalg.cholesky(covariance)).T
        _take_over(self, fitted)
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


def _take_over(estimator: BaseEstimator, fitted: BaseEstimator) -> None:
    """Know what a fitted copy knows, and nothing of an earlier fit any more.

    A copy is fitted first, so that a failure leaves a fitted estimator as it was.
    """
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
    learned = {name: of for name, of in vars(fitted).items() if name.endswith("_")}
    vars(estimator).update(learned)
