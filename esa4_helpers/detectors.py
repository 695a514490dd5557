"""Outlier detectors: fitted to normal clips, they tell how normal a new one is.

All follow scikit-learn's conventions for outlier detection, where a *higher*
`score_samples` means *more normal*. The field's anomaly score is the other way
round, and `anomaly_score` is the one place where the sign is turned.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import svd
from sklearn.base import BaseEstimator, OutlierMixin, TransformerMixin, clone
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from ._checks import check_count

# Scales the median absolute deviation of a normal distribution to its standard deviation.
_MAD_TO_STD = 1.4826
# Of standardised features: samples on a line would else have no width across it.
_LEAST_VARIANCE = 1e-6
# Rounding puts a whitened sample this share of its length from itself at most.
_SAME_SAMPLE = 1e-6


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
    n_folds: int = 5,
    random_state: int | np.random.RandomState | None = 0,
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
    n_folds : int
        Number of folds, from 2 to the number of clips.
    random_state : int, RandomState or None
        Seed of the dealing of clips to folds.

    Returns
    -------
    ndarray of shape (n_clips,)
        Anomaly scores, higher for more anomalous, in the order of ``X``.

    Raises
    ------
    ValueError
        If ``n_folds`` is out of its range, or the detector can't be fitted to
        the clips outside a fold.
    TypeError
        If the detector has no ``score_samples`` or ``n_folds`` is not a whole
        number.

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
    X = np.asarray(X)
    n_folds = check_count(n_folds, "n_folds", at_least=2)
    if n_folds > len(X):
        raise ValueError(
            f"n_folds must be at most the number of clips, {len(X)}, got {n_folds}"
        )
    if not hasattr(detector, "score_samples"):
        raise TypeError(
            f"detector must have the method score_samples, got {detector!r}"
        )
    folds = KFold(n_folds, shuffle=True, random_state=random_state)
    scores = np.empty(len(X))
    # By hand, because cross_val_predict refuses the method score_samples.
    for others, fold in folds.split(X):
        scores[fold] = anomaly_score(clone(detector).fit(X[others]), X[fold])
    return scores


def _check_folds(cv: int, n_samples: int) -> int:
    cv = check_count(cv, "cv", at_least=2)
    if n_samples < cv:
        raise ValueError(
            f"training needs at least {cv} clips, so that some can be held out in each "
            f"of cv={cv} folds; got {n_samples}"
        )
    return cv


class OutlierDetector(OutlierMixin, BaseEstimator):
    """What all detectors share: from scores to the labels +1 and -1.

    A subclass has the parameters ``contamination`` and ``cv``, computes ``score_samples`` and
    calls ``_set_offset`` at the end of its ``fit``. Those that are fitted to rows of
    features keep the median of each as ``typical_``, for `anomaly_map`.
    """

    def _check_contamination(self) -> None:
        if not 0 < self.contamination <= 0.5:
            raise ValueError(
                "contamination is the share of training samples beyond the "
                f"threshold, above 0 and at most 0.5, got {self.contamination!r}"
            )

    def _set_offset(self, X: np.ndarray) -> None:
        if self.cv is None:
            scores = self.score_samples(X)
        else:
            copy = clone(self).set_params(cv=None)
            scores = -held_out_scores(copy, X, _check_folds(self.cv, len(X)))
        self.offset_ = float(np.quantile(scores, self.contamination))

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
    directions_ : ndarray of shape (n_directions, n_features)
        Directions in which the standardised training samples vary, of length 1.
    widths_ : ndarray of shape (n_directions,)
        Shrunken standard deviations along them.
    width_ : float
        That in all other directions.
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
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.scaler_ = StandardScaler().fit(X)
        Z = self.scaler_.transform(X)
        if (X == X[0]).all():
            raise ValueError(
                f"all {len(X)} training samples are the same: there is nothing to "
                "learn about how normal ones differ"
            )
        self.shrinkage_ = float(ledoit_wolf_shrinkage(Z, assume_centered=True))
        _, lengths, self.directions_ = svd(Z, full_matrices=False)
        round_part = self.shrinkage_ * np.mean(Z**2) + _LEAST_VARIANCE
        variances = lengths**2 / len(Z)
        self.widths_ = np.sqrt((1 - self.shrinkage_) * variances + round_part)
        self.width_ = float(np.sqrt(round_part))
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
        X = validate_data(self, X, dtype=np.float64, reset=False)
        Z = self.scaler_.transform(X)
        along = Z @ self.directions_.T
        across = Z - along @ self.directions_
        return (along / self.widths_) @ self.directions_ + across / self.width_


class GMMDetector(OutlierDetector):
    """Model the density of normal samples by a Gaussian mixture.

    Features are standardised (mean 0, standard deviation 1 over the training
    samples) and computed with in float64. A feature that is the same in all
    training samples has no scale of its own: any other value of it counts as
    extremely unusual.

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
        the threshold ``offset_``.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds.
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

    def fit(self, X: ArrayLike, y: Any = None) -> GMMDetector:
        """Fit the standardisation, the mixture and the threshold.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features of normal samples.
        y : ignored

        Returns
        -------
        GMMDetector
            Itself.

        Raises
        ------
        ValueError
            If ``X`` has another shape, holds NaN or infinity, has fewer samples
            than components, or if the covariances can't be estimated from it.
        """
        self._check_contamination()
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.typical_ = np.median(X, axis=0)
        shrunk = self.covariance_type == "shrunk"
        self.scaler_ = (ShrunkWhitening() if shrunk else StandardScaler()).fit(X)
        self.gmm_ = GaussianMixture(
            self.n_components,
            covariance_type="spherical" if shrunk else self.covariance_type,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
        ).fit(self.scaler_.transform(X))
        self._set_offset(X)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute the log-likelihood of each sample: higher means more normal.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the density of the standardised features.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.gmm_.score_samples(self.scaler_.transform(X))


class MahalanobisDetector(OutlierDetector):
    """Measure how far a sample is from the mean, in units of the normal spread.

    The *Mahalanobis distance* counts a step in a direction in which normal samples
    hardly vary for more than one in a direction in which they vary a lot. The
    covariance is estimated with shrinkage, see `ShrunkWhitening`.

    Parameters
    ----------
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds.

    Attributes
    ----------
    whitening_ : ShrunkWhitening
        The fitted mean and covariance.
    typical_ : ndarray of shape (n_features,)
        Median of the training samples.
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

    def fit(self, X: ArrayLike, y: Any = None) -> MahalanobisDetector:
        """Fit mean, covariance and threshold.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features of normal samples, two or more.
        y : ignored

        Returns
        -------
        MahalanobisDetector
            Itself.

        Raises
        ------
        ValueError
            If ``X`` has another shape, holds NaN or infinity, or if all samples
            are the same.
        """
        self._check_contamination()
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.typical_ = np.median(X, axis=0)
        self.whitening_ = ShrunkWhitening().fit(X)
        self._set_offset(X)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute minus the squared distance: higher means more normal.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Without a unit, 0 at most.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return -np.sum(self.whitening_.transform(X) ** 2, axis=1)


class KNNDetector(OutlierDetector):
    """Measure how far a sample is from its nearest neighbours among normal ones.

    Nothing is assumed about the shape of the cloud of normal samples, not even that
    it is one. Distances are measured after `ShrunkWhitening`. A training sample is
    never counted as a neighbour of itself.

    Parameters
    ----------
    n_neighbors : int
        How many neighbours the distance is averaged over.
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds.

    Attributes
    ----------
    whitening_ : ShrunkWhitening
        The fitted standardisation.
    neighbors_ : NearestNeighbors
        The training samples, ready to be searched.
    typical_ : ndarray of shape (n_features,)
        Median of the training samples.
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

    def fit(self, X: ArrayLike, y: Any = None) -> KNNDetector:
        """Keep the samples, and set the threshold.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features of normal samples, more than ``n_neighbors``.
        y : ignored

        Returns
        -------
        KNNDetector
            Itself.

        Raises
        ------
        ValueError
            If ``X`` has another shape, holds NaN or infinity, has too few samples,
            or if all samples are the same.
        """
        self._check_contamination()
        n_neighbors = check_count(self.n_neighbors, "n_neighbors", at_least=1)
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if len(X) <= n_neighbors:
            raise ValueError(
                f"n_neighbors={n_neighbors} needs more than {n_neighbors} training "
                f"samples, got {len(X)}"
            )
        self.typical_ = np.median(X, axis=0)
        self.whitening_ = ShrunkWhitening().fit(X)
        self.neighbors_ = NearestNeighbors(n_neighbors=n_neighbors + 1)
        self.neighbors_.fit(self.whitening_.transform(X))
        self._set_offset(X)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute minus the mean distance to the neighbours: higher is more normal.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            In standard deviations of whitened features, 0 at most.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        whitened = self.whitening_.transform(X)
        distances, _ = self.neighbors_.kneighbors(whitened)
        length = np.linalg.norm(whitened, axis=1, keepdims=True)
        is_itself = distances[:, :1] < _SAME_SAMPLE * (1 + length)
        return -np.where(is_itself, distances[:, 1:], distances[:, :-1]).mean(axis=1)


class TwoSidedDetector(OutlierDetector):
    """Measure how far a sample is from the median, above or below it.

    Each feature is judged alone: its distance from the median, in units of the usual
    distance. The most unusual feature decides. That is as simple as a detector gets,
    and a good baseline for any other.

    Parameters
    ----------
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``.
    cv : int, optional
        By default the threshold comes from the scores of the samples that the
        detector was fitted to, which are better than those of any new sample. With
        ``cv=5`` it comes from `held_out_scores` in five folds.

    Attributes
    ----------
    typical_, spread_ : ndarray of shape (n_features,)
        Median and spread of the training samples. The spread is the median absolute deviation, scaled
        to agree with the standard deviation of a normal distribution.
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

    def fit(self, X: ArrayLike, y: Any = None) -> TwoSidedDetector:
        """Compute median, spread and threshold.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features of normal samples, two or more.
        y : ignored

        Returns
        -------
        TwoSidedDetector
            Itself.

        Raises
        ------
        ValueError
            If ``X`` has another shape, holds NaN or infinity, or if all samples
            are the same.
        """
        self._check_contamination()
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        # Rounding gives a feature that never changes a standard deviation, too.
        deviation = np.where(np.ptp(X, axis=0) > 0, X.std(axis=0), 0.0)
        if not deviation.any():
            raise ValueError(
                f"all {len(X)} training samples are the same: there is nothing to "
                "learn about how normal ones differ"
            )
        self.typical_ = np.median(X, axis=0)
        spread = _MAD_TO_STD * np.median(np.abs(X - self.typical_), axis=0)
        # Where more than half of the samples agree, the median deviation is zero.
        spread = np.where(spread > 0, spread, deviation)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        self._set_offset(X)
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute minus the largest distance: higher means more normal.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            In units of the features' usual distances, 0 at most.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return -np.max(np.abs(X - self.typical_) / self.spread_, axis=1)


class PanelDetector(OutlierDetector):
    """Give each part of the features a detector of its own; the most surprised decides.

    A fault may show in one statistic only, such as the maximum over time, and drown
    among all others if they are added up. So each part is judged alone. To compare
    the scores, each is expressed in standard deviations from the median of normal
    samples.

    Parameters
    ----------
    detector : estimator with ``fit`` and ``score_samples``
        Copied for each part.
    n_parts : int
        Split the features into so many equal parts. `PoolOverTime` with several
        statistics makes one part of each.
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``.
    cv : int, optional
        By default the scores of normal samples, and with them the threshold, are
        those of the samples that the detectors were fitted to, which are better
        than those of any new sample. With ``cv=5`` they are `held_out_scores` in
        five folds.

    Attributes
    ----------
    detectors_ : list of n_parts estimators
        One for each part.
    centre_, spread_ : ndarray of shape (n_parts,)
        Median and standard deviation of the normal samples' anomaly scores.
    typical_ : ndarray of shape (n_features,)
        Median of the training samples.
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

    def fit(self, X: ArrayLike, y: Any = None) -> PanelDetector:
        """Fit a detector to each part, and learn how its scores vary.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features of normal samples.
        y : ignored

        Returns
        -------
        PanelDetector
            Itself.

        Raises
        ------
        ValueError
            If ``X`` has another shape, holds NaN or infinity, can't be split, or
            does not suit the detector.
        """
        self._check_contamination()
        n_parts = check_count(self.n_parts, "n_parts", at_least=1)
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        if self.cv is not None:
            _check_folds(self.cv, len(X))
        if X.shape[1] % n_parts:
            raise ValueError(
                f"{X.shape[1]} features can't be split into n_parts={n_parts} equal parts"
            )
        self.typical_ = np.median(X, axis=0)
        parts = np.split(X, n_parts, axis=1)
        self.detectors_ = [clone(self.detector).fit(part) for part in parts]
        normal = np.stack(
            [
                self._normal_scores(detector, part)
                for detector, part in zip(self.detectors_, parts, strict=True)
            ],
            axis=1,
        )
        self.centre_ = np.median(normal, axis=0)
        spread = normal.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        self.offset_ = float(np.quantile(self._combine(normal), self.contamination))
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Compute minus the largest deviation: higher means more normal.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Features, as many as in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            In standard deviations of the normal samples' scores.

        Raises
        ------
        ValueError
            If ``X`` has another number of features or holds NaN or infinity.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        parts = np.split(X, len(self.detectors_), axis=1)
        scores = [
            anomaly_score(detector, part)
            for detector, part in zip(self.detectors_, parts, strict=True)
        ]
        return self._combine(np.stack(scores, axis=1))

    def _combine(self, scores: np.ndarray) -> np.ndarray:
        return -np.max((scores - self.centre_) / self.spread_, axis=1)

    def _normal_scores(self, detector: BaseEstimator, part: np.ndarray) -> np.ndarray:
        if self.cv is None:
            return anomaly_score(detector, part)
        return held_out_scores(self.detector, part, self.cv)
