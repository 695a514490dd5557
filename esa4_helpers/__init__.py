"""Helpers of ESA 4, the open course on acoustic anomaly detection.

Data flows one way through the modules, from clips to features, detectors and scores,
and on to what judges, shows and plays them. None imports a later one: the book's API
pages stand in that order.
"""

from .alarms import (
    Judged,
    Verdict,
    judge_clips,
    judge_recordings,
)
from .autoencoder import AutoencoderDetector
from .datasets import Dataset, load_dataset, make_synthetic_dataset
from .detectors import (
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    ShrunkWhitening,
    TwoSidedDetector,
)
from .duplicates import NearDuplicatesWarning, near_duplicates
from .evaluation import (
    alarm_report,
    auc,
    auc_interval,
    permutation_p_value,
    score_report,
)
from .explanation import (
    anomaly_map,
    change_mask,
    contrast_map,
    has_anomaly_map,
    map_auc,
    mass_inside,
)
from .features import (
    LogMelSpectrogram,
    PoolOverTime,
    level,
    log_mel_spectrogram,
    peak_level,
    pool_over_time,
)
from .health import Finding, check_recordings
from .machines import load_machines, make_synthetic_machine
from .mimii import load_mimii
from .networks import (
    build_autoencoder,
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
from .recorder import record_sound
from .recordings import Recordings, read_recordings
from .report import write_report
from .scoring import anomaly_score, held_out_scores, score_in_folds
from .sensor import sensor_fault
from .storage import OldDetectorWarning, load_detector, save_detector
from .streaming import StreamEvent, StreamScorer
from .synthesis import insert_fault
from .thresholds import (
    FewRecordingsWarning,
    conformal_threshold,
    gamma_threshold,
    own_threshold,
)
from .training import Training
from .widgets import (
    ClipGallery,
    ClipPlayer,
    ClipQuiz,
    ErrorMapViewer,
    ListeningTest,
    ResultTable,
    ThresholdExplorer,
)

__all__ = [
    "AutoencoderDetector",
    "ClipGallery",
    "ClipPlayer",
    "ClipQuiz",
    "Dataset",
    "ErrorMapViewer",
    "FewRecordingsWarning",
    "Finding",
    "GMMDetector",
    "Judged",
    "KNNDetector",
    "ListeningTest",
    "LogMelSpectrogram",
    "MahalanobisDetector",
    "NearDuplicatesWarning",
    "OldDetectorWarning",
    "PoolOverTime",
    "Recordings",
    "ResultTable",
    "ShrunkWhitening",
    "StreamEvent",
    "StreamScorer",
    "ThresholdExplorer",
    "Training",
    "TwoSidedDetector",
    "Verdict",
    "alarm_report",
    "anomaly_map",
    "anomaly_score",
    "auc",
    "auc_interval",
    "build_autoencoder",
    "change_mask",
    "check_recordings",
    "conformal_threshold",
    "contrast_map",
    "detector_names",
    "gamma_threshold",
    "has_anomaly_map",
    "held_out_scores",
    "insert_fault",
    "judge_clips",
    "judge_recordings",
    "level",
    "load_dataset",
    "load_detector",
    "load_machines",
    "load_mimii",
    "log_mel_spectrogram",
    "make_detector",
    "make_synthetic_dataset",
    "make_synthetic_machine",
    "map_auc",
    "mass_inside",
    "near_duplicates",
    "own_threshold",
    "peak_level",
    "permutation_p_value",
    "plot_points",
    "plot_roc",
    "plot_scores",
    "plot_spectrogram",
    "plot_training",
    "pool_over_time",
    "read_recordings",
    "reconstruct",
    "reconstruction_error",
    "record_sound",
    "save_detector",
    "score_in_folds",
    "score_report",
    "sensor_fault",
    "set_style",
    "write_report",
]
