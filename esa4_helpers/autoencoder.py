"""Anomaly detectors from what a network can't rebuild.

They take log-mel spectrograms and follow scikit-learn's conventions.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from math import ceil
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ._checks import check_choice, check_count, check_groups, check_levels
from .detectors import (
    MahalanobisDetector,
    OutlierDetector,
    PanelDetector,
    _take_over,
)
from .features import BAND_PROFILE, PoolOverTime
from .networks import (
    _reconstruct,
    build_autoencoder,
    build_dense_autoencoder,
    build_interpolator,
    import_keras,
)
from .scoring import _split
from .thresholds import _warn_of_few_recordings

if TYPE_CHECKING:
    import keras


class _Network(NamedTuple):
    """How a kind of network is built and trained."""

    build: Any
    n_frames: int
    batch_size: int
    learning_rate: float


_NETWORKS = {
    "bottleneck": _Network(build_autoencoder, 32, batch_size=8, learning_rate=3e-3),
    "interpolation": _Network(
        build_interpolator, 5, batch_size=256, learning_rate=1e-3
    ),
    "dense": _Network(build_dense_autoencoder, 5, batch_size=256, learning_rate=1e-3),
}
SCORES = ("profile", "errors", "mean", "max")
_PROFILES = SCORES[:2]
_POOL = PoolOverTime(BAND_PROFILE)
_TRAINING = Lock()


class AutoencoderDetector(OutlierDetector):
    """Train a network to rebuild normal spectrograms; score by how it fails.

    Each mel band is standardised by its mean and standard deviation over the
    training clips. The network is trained on windows cut at random moments, so that
    it can't learn the clips by heart.

    Parameters
    ----------
    network : {"bottleneck", "interpolation", "dense"}
        See `build_autoencoder`, `build_interpolator` and `build_dense_autoencoder`.
    score : {"profile", "errors", "mean", "max"}
        ``"mean"`` calls a clip abnormal if its mean squared error is high, ``"max"``
        if that of its worst frame is: anomalies are taken to be hard to rebuild.
        ``"profile"`` calls it abnormal if its errors are *unlike those of the
        training clips*, higher or lower. Their profile are mean, standard
        deviation, 95th percentile and maximum over time of the level and of the error
        in each mel band. Each statistic is judged by its Mahalanobis distance, and
        the most surprising decides (see `PanelDetector`). ``"errors"`` leaves the
        levels out, for which no network is needed.
    code_size : int
        Number of values in the bottleneck.
    n_updates : int
        How often the weights are adjusted, each time after a batch of windows.
    contamination : float
        Share of training clips that ``predict`` would call anomalous; it sets
        the threshold ``offset_``. With ``cv``, or with ``network_cv``, it is the share of
        *new* normal clips.
    cv : int, optional
        For a profile: compare with `held_out_scores` of the training clips' profiles in
        so many folds. The network itself has seen them all. That keeps the promise of
        ``contamination`` as long as it does not know them by heart, as the narrow
        ``"bottleneck"`` does not.
    network_cv : int, optional
        For all other networks: hold clips out of the network, too. In each of so many
        folds a copy is trained without them, for ``n_updates / network_cv`` updates, so
        that training takes twice as long in all. For ``"mean"`` and ``"max"`` a copy's
        errors are compared with those that it makes on clips it knows, as it knows less
        of all clips. Networks that still learn what clips have in common get too few
        alarms that way (``"dense"`` one to two in a hundred of synthetic clips). Those
        that are trained until they know their clips by heart can get too many: only
        `held_out_scores` on the whole detector is proof against that.
    random_state : int
        Seed of the network and of the windows. Training sets the seed of Python's
        ``random`` with it.

    Attributes
    ----------
    model_ : keras.Model
        The trained network.
    mean_, scale_ : ndarray of shape (n_mels, 1)
        The standardisation, in dB.
    profile_ : PanelDetector
        What the training clips' profiles are like, for ``score="profile"``.
    losses_ : ndarray of shape (n_updates,)
        Mean squared error of each batch during training.
    normal_scores_ : ndarray of shape (n_clips,)
        Anomaly scores of the training clips, held out if ``cv`` or ``network_cv`` says so.
    offset_ : float
        Score below which a clip is called anomalous.

    References
    ----------
    A profile is compared instead of thresholding the error because anomalies may be
    easier to rebuild than normal clips, as chapter 4 of the course shows.

    Examples
    --------
    >>> S = np.random.default_rng(0).normal(-60, 5, (4, 16, 16))
    >>> detector = AutoencoderDetector(code_size=2, n_updates=20).fit(S)
    >>> detector.score_samples(S).shape
    (4,)
    """

    def __init__(
        self,
        network: str = "bottleneck",
        score: str = "profile",
        *,
        code_size: int = 16,
        n_updates: int = 200,
        contamination: float = 0.1,
        cv: int | None = None,
        network_cv: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.network = network
        self.score = score
        self.code_size = code_size
        self.n_updates = n_updates
        self.contamination = contamination
        self.cv = cv
        self.network_cv = network_cv
        self.random_state = random_state

    def fit(
        self, S: ArrayLike, y: Any = None, groups: ArrayLike | None = None
    ) -> AutoencoderDetector:
        """Train the network on normal clips, and set the threshold.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Log-mel spectrograms of two or more normal clips, in dB.
        y : ignored
        groups : array of shape (n_clips,), optional
            Which recording each clip comes from. With ``cv`` or ``network_cv``, those of
            one recording are held out together, and each counts as one for the threshold.

        Returns
        -------
        AutoencoderDetector
            Itself.

        Raises
        ------
        ValueError
            If ``S`` has another shape, holds NaN or infinity, has one clip only or
            too few frames, is the same value everywhere, or if a parameter is out of
            its range.
        TypeError
            If ``S`` does not hold floats, or a parameter is not a whole number.
        """
        self._check_contamination()
        check_count(self.n_updates, "n_updates", at_least=1)
        seed = check_count(self.random_state, "random_state")
        check_choice(self.network, "network", tuple(_NETWORKS))
        check_choice(self.score, "score", SCORES)
        if self.cv is not None:
            check_count(self.cv, "cv", at_least=2)
        S = check_levels(S)
        if self.network_cv is not None:
            least = 2 * check_count(self.network_cv, "network_cv", at_least=2)
            if 2 <= len(S) < least:
                raise ValueError(
                    f"training needs at least {least} clips, so that some can be held "
                    f"out of the network in each of network_cv={self.network_cv} folds; "
                    f"got {len(S)}"
                )
        if len(S) < 2:
            raise ValueError("training needs at least 2 clips, got 1")
        if np.ptp(S) == 0:
            raise ValueError(
                f"all training spectrograms are {S.flat[0]:g} dB everywhere: are the "
                "clips silent?"
            )
        by_profile = self.cv is not None and self.score in _PROFILES
        holds_out = by_profile or self.network_cv is not None
        groups = check_groups(groups, len(S)) if holds_out else None
        mean, scale = S.mean(axis=(0, 2))[:, None], S.std(axis=(0, 2))[:, None]
        scale = np.where(scale > 0, scale, 1.0)
        # Keras draws the first weights from there, and may draw from it when it is imported.
        # Its own set_random_seed would make TensorFlow forget, too, what it has compiled,
        # which takes longest of all.
        import_keras()
        random.seed(seed)
        model = self._build(S.shape[1:])
        losses = self._train(model, (S - mean) / scale)
        fitted = clone(self)
        fitted.mean_, fitted.scale_, fitted.losses_ = mean, scale, losses
        fitted.model_, fitted.shape_ = model, S.shape[1:]
        fitted._set_offset(S, groups)
        _take_over(self, fitted)
        if not by_profile:
            # Else the profile has said so.
            _warn_of_few_recordings(groups, self.contamination)
        return self

    def _scores_as_a_panel(self) -> bool:
        return self.score in _PROFILES

    def _set_offset(self, S: np.ndarray, groups: np.ndarray | None) -> None:
        """Learn what training clips' errors are like, and place the threshold there."""
        if self.score in _PROFILES:
            self._learn_profile(S, groups)
            return
        scores = -self._score(S)
        if self.network_cv is not None:
            usual = scores.mean()
            for copy, others, fold in self._copies(S, groups):
                # It knows less than this one, so that all its errors are larger.
                known = -copy._score(S[others]).mean()
                scores[fold] = -copy._score(S[fold]) / known * usual
        held_out = self.network_cv is not None
        self._place_threshold(scores, held_out=held_out, groups=groups)

    def _learn_profile(self, S: np.ndarray, groups: np.ndarray | None) -> None:
        maps = self._judged_maps(S)
        self.profile_ = PanelDetector(
            MahalanobisDetector(),
            n_parts=len(maps) * len(BAND_PROFILE),
            contamination=self.contamination,
            cv=self.cv,
        ).fit(self._profile(*maps), groups=groups)
        if self.network_cv is not None:
            normal = np.empty((len(S), len(self.profile_.detectors_)))
            for copy, _, fold in self._copies(S, groups):
                profile = copy._profile(*copy._judged_maps(S[fold]))
                normal[fold] = copy.profile_._scores_of_parts(profile)
            self.profile_._compare_with(normal, held_out=True, groups=groups)
        self.normal_scores_ = self.profile_.normal_scores_
        self.offset_ = self.profile_.offset_

    def _copies(
        self, S: np.ndarray, groups: np.ndarray | None
    ) -> Iterator[tuple[AutoencoderDetector, np.ndarray, np.ndarray]]:
        """Copies that were trained without a fold, all other clips, and the fold."""
        n_updates = ceil(self.n_updates / self.network_cv)
        for others, fold in _split(len(S), self.network_cv, groups=groups):
            copy = clone(self).set_params(cv=None, network_cv=None, n_updates=n_updates)
            yield copy.fit(S[others]), others, fold

    def error_map(self, S: ArrayLike) -> np.ndarray:
        """Compute the squared error in every time-frequency cell.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Log-mel spectrograms in dB, of the same shape as in training.

        Returns
        -------
        ndarray of shape (n_clips, n_mels, n_frames)
            In squared standard deviations of the band.

        Raises
        ------
        ValueError
            If ``S`` has another shape or holds NaN or infinity.
        TypeError
            If ``S`` does not hold floats.
        """
        return self._maps(self._check(S))[1] ** 2

    def anomaly_map(self, S: ArrayLike) -> np.ndarray:
        """Tell what each time-frequency cell adds to the anomaly.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Log-mel spectrograms in dB, of the same shape as in training.

        Returns
        -------
        ndarray of shape (n_clips, n_mels, n_frames)
            0 or more: the error itself, or for a profile its explanation, spread over the frames that it comes from.

        Raises
        ------
        ValueError
            If ``S`` has another shape or holds NaN or infinity.
        TypeError
            If ``S`` does not hold floats.
        """
        S = self._check(S)
        if self.score not in _PROFILES:
            return self._maps(S)[1] ** 2
        maps = self._judged_maps(S)
        shares = self.profile_.explain(self._profile(*maps))
        return sum(
            _POOL.spread_back(share, usual, m)
            for share, usual, m in zip(
                np.split(shares, len(maps), axis=1),
                np.split(self.profile_.typical_, len(maps)),
                maps,
                strict=True,
            )
        )

    def score_samples(self, S: ArrayLike) -> np.ndarray:
        """Score each clip: higher means more normal.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Log-mel spectrograms in dB, of the same shape as in training.

        Returns
        -------
        ndarray of shape (n_clips,)
            Minus the mean error, that of the worst frame, or the squared distance of
            the profile.

        Raises
        ------
        ValueError
            If ``S`` has another shape or holds NaN or infinity.
        TypeError
            If ``S`` does not hold floats.
        """
        return self._score(self._check(S))

    def _score(self, S: np.ndarray) -> np.ndarray:
        if self.score in _PROFILES:
            return self.profile_.score_samples(self._profile(*self._judged_maps(S)))
        by_frame = (self._maps(S)[1] ** 2).mean(axis=1)
        return -(
            by_frame.mean(axis=1) if self.score == "mean" else by_frame.max(axis=1)
        )

    def _maps(self, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Levels and errors, with their sign, in standard deviations of the bands."""
        levels = (S - self.mean_) / self.scale_
        return levels, levels - _reconstruct(self.model_, levels)

    def _judged_maps(self, S: np.ndarray) -> tuple[np.ndarray, ...]:
        """Those whose profile is judged."""
        levels, errors = self._maps(S)
        return (errors,) if self.score == "errors" else (levels, errors)

    def _profile(self, *maps: np.ndarray) -> np.ndarray:
        """Statistics over time: all of the first map, then all of the second."""
        return np.hstack([_POOL._transform(m) for m in maps])

    def _build(self, shape: tuple[int, int]) -> keras.Model:
        n_mels, n_frames = shape
        kind = _NETWORKS[self.network]
        if self.network != "bottleneck" and n_frames < kind.n_frames:
            raise ValueError(
                f"the {self.network} network needs clips of at least {kind.n_frames} "
                f"frames, got {n_frames}"
            )
        window = min(kind.n_frames, n_frames)
        # Another one is trained in its place, so it needs no optimiser.
        return kind.build(n_mels, window, code_size=self.code_size, learning_rate=None)

    def _train(self, model: keras.Model, Z: np.ndarray) -> np.ndarray:
        batch_size = _NETWORKS[self.network].batch_size
        batches = _random_windows(model, Z, batch_size, self.random_state)
        losses = []
        with _TRAINING:
            stand_in, beginning = _stand_in(
                self.network, *model.input_shape[1:3], self.code_size
            )
            stand_in.set_weights(model.get_weights())
            stand_in.optimizer.load_own_variables(beginning)
            for _ in range(self.n_updates):
                # Keras would otherwise return the mean over all batches so far.
                stand_in.reset_metrics()
                losses.append(float(stand_in.train_on_batch(*next(batches))))
            model.set_weights(stand_in.get_weights())
        return np.array(losses)

    def _check(self, S: ArrayLike) -> np.ndarray:
        check_is_fitted(self, "model_")
        S = check_levels(S)
        if S.shape[1:] != self.shape_:
            raise ValueError(
                f"the detector was fitted to spectrograms of the shape {self.shape_} "
                f"(n_mels, n_frames), got {S.shape[1:]}"
            )
        return S

    def __getstate__(self) -> dict[str, Any]:
        """Keep of the network its weights alone, as plain arrays."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["weights"] = state.pop("model_").get_weights()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the network anew and give it the weights that were kept."""
        # Files from before there was this parameter do without it.
        state = {"network_cv": None, **state}
        weights, keras_file = state.pop("weights", None), state.pop("keras_file", None)
        super().__setstate__(state)
        if weights is None and keras_file is None:
            return
        self.model_ = self._build(self.shape_)
        if keras_file is None:
            self.model_.set_weights(weights)
        else:
            _take_weights(self.model_, keras_file)


def _take_weights(model: keras.Model, keras_file: bytes) -> None:
    """Read weights as earlier versions kept them, in a file of Keras' own format.

    Keras can run code that the model's description in it asks for, so that is not read.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        file.write_bytes(keras_file)
        model.load_weights(file)


@lru_cache(maxsize=8)
def _stand_in(
    network: str, n_mels: int, n_frames: int, code_size: int
) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """A network that is trained in the place of others, and how its optimiser begins.

    Keras draws up the graph of an update for each network anew, which takes longer than
    a hundred updates do.
    """
    kind, beginning = _NETWORKS[network], {}
    model = kind.build(
        n_mels, n_frames, code_size=code_size, learning_rate=kind.learning_rate
    )
    model.optimizer.save_own_variables(beginning)
    return model, beginning


def _random_windows(
    model: keras.Model, Z: np.ndarray, batch_size: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of windows, and the frames that a network should make of them."""
    rng = np.random.default_rng(seed)
    window, returned = model.input_shape[2], model.output_shape[2]
    margin = (window - returned) // 2
    Z = Z.astype(np.float32)
    # A view: (n_clips, n_mels, n_starts, window)
    all_windows = np.lib.stride_tricks.sliding_window_view(Z, window, axis=2)
    while True:
        clips = rng.integers(0, len(Z), batch_size)
        starts = rng.integers(0, all_windows.shape[2], batch_size)
        batch = all_windows[clips, :, starts][..., np.newaxis]
        yield batch, batch[:, :, margin : margin + returned]
