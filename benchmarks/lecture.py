"""The computation of the lecture's notebook, in our own words.

It is what the course's detectors are measured against, so it uses nothing of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import librosa
import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    import keras

EPOCHS = 100


def log_mel(audio: np.ndarray, sr: int) -> np.ndarray:
    """Log-mel spectrograms relative to each clip's maximum, of what precision audio has."""
    powers = [
        librosa.feature.melspectrogram(y=clip, sr=sr, n_mels=128) for clip in audio
    ]
    return np.stack([librosa.power_to_db(p, ref=np.max, top_db=80) for p in powers])


def mean_over_time(audio: np.ndarray, sr: int) -> np.ndarray:
    """One number a mel band, in 64 bits, without which the mixture can't be fitted."""
    return log_mel(audio, sr).mean(axis=2).astype(np.float64)


def make_mixture(seed: int) -> Pipeline:
    """The first method: two Gaussians with full covariances, on standardised features."""
    return make_pipeline(StandardScaler(), GaussianMixture(2, random_state=seed))


def fails_in_32_bits(features: np.ndarray, seed: int) -> bool:
    """Whether the mixture can't be fitted in the lecture's own precision."""
    try:
        make_mixture(seed).fit(features.astype(np.float32))
    except ValueError as error:
        if "ill-defined empirical covariance" not in str(error):
            raise
        return True
    return False


class Autoencoder:
    """The second method: a convolutional autoencoder and its mean error."""

    def __init__(self, seed: int, epochs: int = EPOCHS) -> None:
        self.seed = seed
        self.epochs = epochs

    def fit(self, spectrograms: np.ndarray) -> Autoencoder:
        """Train it to return what it is given."""
        import keras

        keras.utils.set_random_seed(self.seed)
        self.minimum, self.range = spectrograms.min(), np.ptp(spectrograms)
        inputs = self._scale(spectrograms)
        self.model = build_autoencoder(inputs.shape[1:])
        self.model.fit(inputs, inputs, batch_size=2, epochs=self.epochs, verbose=0)
        return self

    def score_samples(self, spectrograms: np.ndarray) -> np.ndarray:
        """Minus the mean squared error of each clip, as higher is to mean more normal."""
        inputs = self._scale(spectrograms)
        errors = inputs - self.model.predict(inputs, verbose=0)
        return -np.mean(errors**2, axis=(1, 2, 3))

    def _scale(self, spectrograms: np.ndarray) -> np.ndarray:
        return ((spectrograms - self.minimum) / self.range)[..., np.newaxis]


def build_autoencoder(shape: tuple[int, int, int]) -> keras.Model:
    """The lecture's network, whose code is larger than its input."""
    import keras
    from keras import layers

    def convolution(filters: int, activation: str = "relu") -> layers.Layer:
        return layers.Conv2D(filters, 3, activation=activation, padding="same")

    model = keras.Sequential(
        [
            keras.Input(shape),
            convolution(8),
            layers.MaxPooling2D(2, padding="same"),
            convolution(16),
            convolution(8),
            layers.UpSampling2D(2),
            convolution(1, "sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="mse")
    return model
