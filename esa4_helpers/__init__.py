"""Helpers of ESA 4, the open course on acoustic anomaly detection.

Data flows one way through the modules, and none imports a later one: synthesis,
datasets, features, detectors, networks, autoencoder, recipes, explanation, storage,
evaluation, plotting. What one can listen to and move (`esa4_helpers.widgets`) stands
beside plotting. The sheets' checks are in `esa4_helpers.exercises`.
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
from .networks import (
    build_autoencoder,
    build_dense_autoencoder,
    build_interpolator,
    reconstruct,
    reconstruction_error,
)
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
from .synthesis import iterate_clips, synthesize_clip
from .widgets import (
    ClipGallery,
    ClipPlayer,
    ErrorMapViewer,
    ListeningTest,
    ThresholdExplorer,
)

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
    "iterate_clips",
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
