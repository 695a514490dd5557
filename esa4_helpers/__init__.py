"""Helpers of ESA 4, the open course on acoustic anomaly detection.

Data flows one way through the modules, and none imports a later one: synthesis,
datasets, features, detectors, autoencoder, evaluation, plotting. Listening
(players) stands beside plotting.
"""

from .autoencoder import AutoencoderDetector, build_autoencoder, reconstruction_error
from .datasets import Dataset, load_dataset, make_synthetic_dataset
from .detectors import GMMDetector, anomaly_score
from .evaluation import auc, partial_auc, permutation_p_value
from .features import log_mel_spectrogram, peak_level, pool_over_time
from .players import ClipPlayer
from .plotting import (
    plot_points,
    plot_roc,
    plot_scores,
    plot_spectrogram,
    plot_training,
    set_style,
)

__all__ = [
    "AutoencoderDetector",
    "ClipPlayer",
    "Dataset",
    "GMMDetector",
    "anomaly_score",
    "auc",
    "build_autoencoder",
    "load_dataset",
    "log_mel_spectrogram",
    "make_synthetic_dataset",
    "partial_auc",
    "peak_level",
    "permutation_p_value",
    "plot_points",
    "plot_roc",
    "plot_scores",
    "plot_spectrogram",
    "plot_training",
    "pool_over_time",
    "reconstruction_error",
    "set_style",
]
