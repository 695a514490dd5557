"""Detectors that go all the way from audio to scores, and know their training."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ._checks import as_groups, check_clips
from .detectors import OutlierDetector, _take_over
from .duplicates import NearDuplicatesWarning, _warn_of_duplicates, near_duplicates
from .recordings import Recordings
from .thresholds import FewRecordingsWarning, _warn_of_few_recordings
from .training import _source_of, _training_on

# One recording is cut into so many, to be held out in turn.
_STRETCHES = 5


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
        first = self._find_duplicates(X) if groups is None else groups
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

    _find_duplicates = staticmethod(near_duplicates)

    def _fit_quietly(
        self, X: ArrayLike, groups: np.ndarray | None = None
    ) -> DetectorPipeline:
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
        level: DetectorPipeline | None = None,
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
        if not isinstance(self.level, DetectorPipeline):
            raise TypeError(
                "level must be a DetectorPipeline of Level and a PanelDetector, got "
                f"{self.level!r}: to hear no level, make a DetectorPipeline instead"
            )
        for judge in (self[-1], self.level[-1]):
            if not judge._scores_as_a_panel():
                raise ValueError(
                    "scores can be compared with that of the level only if both are in "
                    f"the unit of PanelDetector, unlike those of {judge!r}: make the "
                    "detector with level=False"
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
