"""A convolutional autoencoder, and its reconstruction error as a detector.

Keras, and with it TensorFlow, is imported only when a network is built or run.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ._checks import check_count, check_number, check_spectrograms
from .detectors import GMMDetector, OutlierDetector

if TYPE_CHECKING:
    import keras

_FILTERS = (8, 16, 16)
_SMALLEST_ERROR = 1e-12
_BATCH_SIZE = 32


def _import_keras() -> Any:
    try:
        import keras
    except ImportError as error:
        raise ImportError(
            "autoencoders need TensorFlow, which is not installed: "
            'pip install "tensorflow>=2.18" (or tensorflow-cpu)'
        ) from error
    return keras


def build_autoencoder(
    n_mels: int, n_frames: int, *, code_size: int = 16, learning_rate: float = 1e-3
) -> keras.Model:
    """Build a convolutional autoencoder with a real bottleneck.

    Three strided convolutions shrink the spectrogram, a dense layer called
    ``"code"`` holds all that is known of the clip, and the way back mirrors the
    way in. Sizes that 8 does not divide are padded inside.

    Parameters
    ----------
    n_mels, n_frames : int
        Shape of one spectrogram.
    code_size : int
        Number of values in the bottleneck, fewer than ``n_mels * n_frames``.
    learning_rate : float
        Step size of the optimiser (Adam).

    Returns
    -------
    keras.Model
        Compiled with the mean squared error; maps (n_clips, n_mels, n_frames, 1)
        in [0, 1] to the same shape and range.

    Raises
    ------
    ValueError
        If a size is below 1, the code is not smaller than the input, or the
        learning rate is not positive.
    TypeError
        If a size is not a whole number or the learning rate no number.
    ImportError
        If Keras or TensorFlow is not installed.

    Examples
    --------
    >>> model = build_autoencoder(n_mels=32, n_frames=20, code_size=4)
    >>> model.output_shape, model.get_layer("code").output.shape
    ((None, 32, 20, 1), (None, 4))
    """
    n_mels = check_count(n_mels, "n_mels", at_least=1)
    n_frames = check_count(n_frames, "n_frames", at_least=1)
    code_size = check_count(code_size, "code_size", at_least=1)
    if code_size >= n_mels * n_frames:
        raise ValueError(
            f"code_size must be below the {n_mels * n_frames} values of a "
            f"spectrogram to be a bottleneck, got {code_size}"
        )
    if check_number(learning_rate, "learning_rate") <= 0:
        raise ValueError(f"learning_rate must be above 0, got {learning_rate!r}")
    keras = _import_keras()
    layers = keras.layers
    stride = 2 ** len(_FILTERS)
    padding = ((0, -n_mels % stride), (0, -n_frames % stride))
    conv = {"kernel_size": 3, "strides": 2, "padding": "same"}

    inputs = keras.Input((n_mels, n_frames, 1))
    x = layers.ZeroPadding2D(padding)(inputs)
    for filters in _FILTERS:
        x = layers.Conv2D(filters, activation="relu", **conv)(x)
    shape = x.shape[1:]
    x = layers.Flatten()(x)
    x = layers.Dense(code_size, name="code")(x)
    x = layers.Dense(prod(shape), activation="relu")(x)
    x = layers.Reshape(shape)(x)
    for filters in reversed(_FILTERS[:-1]):
        x = layers.Conv2DTranspose(filters, activation="relu", **conv)(x)
    x = layers.Conv2DTranspose(1, activation="sigmoid", **conv)(x)
    outputs = layers.Cropping2D(padding)(x)
    model = keras.Model(inputs, outputs, name="bottleneck_autoencoder")
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="mse")
    return model


def reconstruction_error(model: keras.Model, S: ArrayLike) -> np.ndarray:
    """Compute the squared error of an autoencoder in every time-frequency cell.

    Parameters
    ----------
    model : keras.Model
        Maps (n_clips, n_mels, n_frames, 1) to the same shape.
    S : array of shape (n_clips, n_mels, n_frames)
        Spectrograms, scaled as the model was trained.

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        float64, in the squared unit of ``S``. The mean over the last two axes is
        the clip's mean squared error.

    Raises
    ------
    ValueError
        If ``S`` has another shape than the model expects, or holds NaN or
        infinity, or if the model returns such.
    TypeError
        If ``S`` does not hold floats.

    Examples
    --------
    >>> model = build_autoencoder(n_mels=8, n_frames=8, code_size=2)
    >>> reconstruction_error(model, np.zeros((3, 8, 8))).shape
    (3, 8, 8)
    """
    S = check_spectrograms(S)
    expected = tuple(model.input_shape[1:3])
    if any(
        e is not None and e != s for e, s in zip(expected, S.shape[1:], strict=True)
    ):
        raise ValueError(
            f"the model was built for spectrograms of the shape {expected} "
            f"(n_mels, n_frames), got {S.shape[1:]}"
        )
    rebuilt = _rebuild(model, S[..., np.newaxis])
    if rebuilt.shape != (*S.shape, 1):
        raise ValueError(
            f"an autoencoder returns what it was given, of the shape {(*S.shape, 1)}; "
            f"this model returned {rebuilt.shape}"
        )
    if not np.isfinite(rebuilt).all():
        raise ValueError(
            "the model returned NaN or infinity: its training went astray; try another "
            "seed or a smaller learning rate"
        )
    return (S - rebuilt[..., 0]) ** 2


def _rebuild(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    # model.predict would compile itself anew for each model, which takes longer
    # than running it and fills notebooks with warnings.
    batches = range(0, len(inputs), _BATCH_SIZE)
    return np.concatenate(
        [
            _import_keras().ops.convert_to_numpy(
                model(inputs[i : i + _BATCH_SIZE], training=False)
            )
            for i in batches
        ]
    )


class AutoencoderDetector(OutlierDetector):
    """Train an autoencoder on normal spectrograms; score by what it can't rebuild.

    Spectrograms are scaled to [0, 1] by the extremes of the training clips.

    Parameters
    ----------
    score : {"profile", "mean"}
        ``"mean"`` calls a clip abnormal if its mean error is high: anomalies are
        taken to be hard to rebuild. ``"profile"`` calls it abnormal if its error
        is *unlike that of the training clips*, higher or lower: a Gaussian is
        fitted to the logarithm of their mean error in each mel band.
    code_size : int
        Number of values in the bottleneck.
    epochs, batch_size : int
        How often to go through the training clips, and how many at a time.
    contamination : float
        Share of training clips that ``predict`` would call anomalous; it sets
        the threshold ``offset_``.
    random_state : int
        Seed of the network and of the order of the clips. Training sets the
        seeds of Python, numpy and Keras with it.

    Attributes
    ----------
    model_ : keras.Model
        The trained network.
    minimum_, range_ : float
        The scaling, in dB.
    profile_ : GMMDetector
        The density of the training clips' errors, for ``score="profile"``.
    offset_ : float
        Score below which a clip is called anomalous.

    Examples
    --------
    >>> S = np.random.default_rng(0).normal(-60, 5, (4, 16, 16))
    >>> detector = AutoencoderDetector(code_size=2, epochs=1).fit(S)
    >>> detector.score_samples(S).shape
    (4,)
    """

    def __init__(
        self,
        score: str = "profile",
        *,
        code_size: int = 16,
        epochs: int = 50,
        batch_size: int = 2,
        contamination: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.score = score
        self.code_size = code_size
        self.epochs = epochs
        self.batch_size = batch_size
        self.contamination = contamination
        self.random_state = random_state

    def fit(self, S: ArrayLike, y: Any = None) -> AutoencoderDetector:
        """Train the network on normal clips, and set the threshold.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Log-mel spectrograms of two or more normal clips, in dB.
        y : ignored

        Returns
        -------
        AutoencoderDetector
            Itself.

        Raises
        ------
        ValueError
            If ``S`` has another shape, holds NaN or infinity, has one clip only,
            is the same value everywhere, or if a parameter is out of its range.
        TypeError
            If ``S`` does not hold floats, or a parameter is not a whole number.
        """
        self._check_contamination()
        epochs = check_count(self.epochs, "epochs", at_least=1)
        batch_size = check_count(self.batch_size, "batch_size", at_least=1)
        seed = check_count(self.random_state, "random_state")
        if self.score not in ("profile", "mean"):
            raise ValueError(
                f"unknown score {self.score!r}: expected 'profile' or 'mean'"
            )
        S = check_spectrograms(S)
        if len(S) < 2:
            raise ValueError("training needs at least 2 clips, got 1")
        minimum, value_range = float(S.min()), float(np.ptp(S))
        if value_range == 0:
            raise ValueError(
                f"all training spectrograms are {minimum:g} dB everywhere: are the "
                "clips silent?"
            )
        _import_keras().utils.set_random_seed(seed)
        model = build_autoencoder(*S.shape[1:], code_size=self.code_size)
        inputs = ((S - minimum) / value_range)[..., np.newaxis]
        model.fit(inputs, inputs, epochs=epochs, batch_size=batch_size, verbose=0)
        # Only now, so that a failed fit leaves no half of a new detector behind.
        self.minimum_, self.range_, self.model_ = minimum, value_range, model
        if self.score == "profile":
            self.profile_ = GMMDetector(n_components=1).fit(self._error_profile(S))
        self._set_offset(self.score_samples(S))
        return self

    def error_map(self, S: ArrayLike) -> np.ndarray:
        """Compute the squared error in every time-frequency cell.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Log-mel spectrograms in dB, of the same shape as in training.

        Returns
        -------
        ndarray of shape (n_clips, n_mels, n_frames)
            In squared units of the scaled spectrogram.

        Raises
        ------
        ValueError
            If ``S`` has another shape or holds NaN or infinity.
        TypeError
            If ``S`` does not hold floats.
        """
        check_is_fitted(self, "model_")
        return reconstruction_error(self.model_, self._scale(check_spectrograms(S)))

    def score_samples(self, S: ArrayLike) -> np.ndarray:
        """Score each clip: higher means more normal.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Log-mel spectrograms in dB, of the same shape as in training.

        Returns
        -------
        ndarray of shape (n_clips,)
            Minus the mean error, or the log-likelihood of the error profile.

        Raises
        ------
        ValueError
            If ``S`` has another shape or holds NaN or infinity.
        TypeError
            If ``S`` does not hold floats.
        """
        check_is_fitted(self, "model_")
        if self.score == "mean":
            return -self.error_map(S).mean(axis=(1, 2))
        return self.profile_.score_samples(self._error_profile(S))

    def _scale(self, S: np.ndarray) -> np.ndarray:
        return (S - self.minimum_) / self.range_

    def _error_profile(self, S: ArrayLike) -> np.ndarray:
        # A band rebuilt without any error would have a profile of minus infinity.
        return np.log(np.maximum(self.error_map(S).mean(axis=2), _SMALLEST_ERROR))
