"""Outlier detectors: fitted to normal clips, they tell how normal a new one is.

All follow scikit-learn's conventions for outlier detection, where a *higher*
`score_samples` means *more normal*. The field's anomaly score is the other way
round, and `anomaly_score` is the one place where the sign is turned.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data


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


class OutlierDetector(OutlierMixin, BaseEstimator):
    """What all detectors share: from scores to the labels +1 and -1.

    A subclass has a parameter ``contamination``, computes ``score_samples`` and
    calls ``_set_offset`` at the end of its ``fit``.
    """

    def _check_contamination(self) -> None:
        if not 0 < self.contamination <= 0.5:
            raise ValueError(
                "contamination is the share of training samples beyond the "
                f"threshold, above 0 and at most 0.5, got {self.contamination!r}"
            )

    def _set_offset(self, training_scores: np.ndarray) -> None:
        self.offset_ = float(np.quantile(training_scores, self.contamination))

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
    covariance_type : {"diag", "full", "tied", "spherical"}
        ``"diag"``, the default, has one variance for each feature. ``"full"``
        has a whole matrix, which needs many more samples than features.
    reg_covar : float
        Added to the variances of the standardised features.
    contamination : float
        Share of training samples that ``predict`` would call anomalous; it sets
        the threshold ``offset_``.
    random_state : int, RandomState or None
        Seed of the mixture's starting point.

    Attributes
    ----------
    scaler_ : StandardScaler
        The fitted standardisation.
    gmm_ : GaussianMixture
        The fitted mixture, in standardised features.
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
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
        self.contamination = contamination
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
        self.scaler_ = StandardScaler().fit(X)
        self.gmm_ = GaussianMixture(
            self.n_components,
            covariance_type=self.covariance_type,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
        ).fit(self.scaler_.transform(X))
        self._set_offset(self.score_samples(X))
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
