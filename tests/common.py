"""What several test files reckon with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def eager_tensorflow() -> Iterator[None]:
    """For a few updates it takes longer to compile a network than to train it."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def pairs_won(labels: np.ndarray, scores: np.ndarray) -> float:
    """AUC by its definition: compare every anomaly with every normal clip."""
    difference = scores[labels == 1][:, np.newaxis] - scores[labels == 0]
    return np.mean((difference > 0) + 0.5 * (difference == 0))


def lowest_share(expected: float, n_draws: int) -> float:
    """What a simulated share stays above, but for one time in 30 000."""
    return expected - 4 * np.sqrt(expected * (1 - expected) / n_draws)


def trace(audio: np.ndarray) -> float:
    """One number that almost any change of a clip would change."""
    # A tone that runs through all frequencies again and again.
    return float(audio @ np.sin(np.arange(audio.size) ** 2 / 1000))
