"""Helpers of ESA 4, the open course on acoustic anomaly detection.

Data flows one way through the modules, from clips to features, detectors and scores,
and on to what judges, shows and plays them. None imports a later one: the book's API
pages stand in that order.
"""

from .autoencoder import AutoencoderDetector
from .datasets import Dataset, load_dataset, make_synthetic_dataset
from .detectors import (
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    PanelDetector,
    ShrunkWhitening,
    TwoSidedDetector,
    anomaly_score,
    held_out_scores,
)
from .evaluation import (
    alarm_report,
    auc,
    auc_interval,
    conformal_threshold,
    gamma_threshold,
    map_auc,
    mass_inside,
    partial_auc,
    permutation_p_value,
    score_report,
)
from .explanation import anomaly_map, has_anomaly_map
from .features import (
    LogMelSpectrogram,
    Loudness,
    PoolOverTime,
    change_mask,
    log_mel_spectrogram,
    loudness,
    peak_level,
    pool_over_time,
)
from .interactive import (
    ClipGallery,
    ErrorMapViewer,
    ListeningTest,
    ThresholdExplorer,
)
from .networks import (
    build_autoencoder,
    build_dense_autoencoder,
    build_interpolator,
    reconstruct,
    reconstruction_error,
)
from .players import ClipPlayer
from .plotting import (
    plot_points,
    plot_roc,
    plot_scores,
    plot_spectrogram,
    plot_training,
    set_style,
)
from .recipes import detector_names, make_detector
from .storage import load_detector, save_detector
from .synthesis import synthesize_clip

__all__ = [
    "AutoencoderDetector",
    "ClipGallery",
    "ClipPlayer",
    "Dataset",
    "ErrorMapViewer",
    "GMMDetector",
    "KNNDetector",
    "ListeningTest",
    "LogMelSpectrogram",
    "Loudness",
    "MahalanobisDetector",
    "PanelDetector",
    "PoolOverTime",
    "ShrunkWhitening",
    "ThresholdExplorer",
    "TwoSidedDetector",
    "alarm_report",
    "anomaly_map",
    "anomaly_score",
    "auc",
    "auc_interval",
    "build_autoencoder",
    "build_dense_autoencoder",
    "build_interpolator",
    "change_mask",
    "conformal_threshold",
    "detector_names",
    "gamma_threshold",
    "has_anomaly_map",
    "held_out_scores",
    "load_dataset",
    "load_detector",
    "log_mel_spectrogram",
    "loudness",
    "make_detector",
    "make_synthetic_dataset",
    "map_auc",
    "mass_inside",
    "partial_auc",
    "peak_level",
    "permutation_p_value",
    "plot_points",
    "plot_roc",
    "plot_scores",
    "plot_spectrogram",
    "plot_training",
    "pool_over_time",
    "reconstruct",
    "reconstruction_error",
    "save_detector",
    "score_report",
    "set_style",
    "synthesize_clip",
]
