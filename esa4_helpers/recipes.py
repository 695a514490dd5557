"""One door to all detectors: from audio to score, ready to be fitted.

Each recipe is a scikit-learn `Pipeline`. The settings are the same for all machines.
They were chosen on three development sets, whose test clips were looked at: the course's
recordings, the synthetic clips and eight machines of MIMII. So results on those flatter
the recipes; only machines that nobody tuned anything to tell what they are worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._checks import check_count, check_number, check_sample_rate
from .autoencoder import AutoencoderDetector
from .detectors import (
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    OutlierDetector,
    PanelDetector,
    TwoSidedDetector,
)
from .features import BAND_PROFILE, Level, LogMelSpectrogram, PoolOverTime
from .pipelines import DetectorPipeline, PipelineWithLevel

# The threshold of `predict` comes from clips that a detector was not fitted to.
_FOLDS = 5
_NETWORK_FOLDS = 2

_ON_LEVELS: dict[str, Callable[[int], OutlierDetector]] = {
    "level": lambda seed: TwoSidedDetector(cv=_FOLDS),
}
_ON_BAND_PROFILES: dict[str, Callable[[int], OutlierDetector]] = {
    "gmm": lambda seed: GMMDetector(2, "shrunk", random_state=seed),
    "mahalanobis": lambda seed: MahalanobisDetector(),
    "knn": lambda seed: KNNDetector(),
}
_ON_ERROR_PROFILES: dict[str, Callable[[int], OutlierDetector]] = {
    "autoencoder": lambda seed: AutoencoderDetector(cv=_FOLDS, random_state=seed),
    "interpolation": lambda seed: AutoencoderDetector(
        "interpolation",
        code_size=32,
        n_updates=400,
        cv=_FOLDS,
        network_cv=_NETWORK_FOLDS,
        random_state=seed,
    ),
}
_ON_ERRORS: dict[str, Callable[[int], OutlierDetector]] = {
    "dense": lambda seed: AutoencoderDetector(
        "dense",
        "mean",
        code_size=8,
        n_updates=300,
        network_cv=_NETWORK_FOLDS,
        random_state=seed,
    ),
}


def _with_level(steps: list[tuple[str, Any]], sr: float) -> PipelineWithLevel:
    panel = PanelDetector(MahalanobisDetector(), cv=_FOLDS)
    return PipelineWithLevel(
        steps, level=DetectorPipeline([("level", Level(sr)), ("detector", panel)])
    )


def detector_names() -> tuple[str, ...]:
    """List the detectors that `make_detector` makes.

    Returns
    -------
    tuple of str
        From the simplest to the most costly.

    Examples
    --------
    >>> detector_names()
    ('level', 'gmm', 'mahalanobis', 'knn', 'autoencoder', 'interpolation', 'dense')
    """
    return (*_ON_LEVELS, *_ON_BAND_PROFILES, *_ON_ERROR_PROFILES, *_ON_ERRORS)


def make_detector(
    name: str,
    sr: float = 16000,
    random_state: int = 0,
    *,
    level: bool = True,
    false_alarm_rate: float = 0.1,
) -> DetectorPipeline:
    """Make a detector that goes all the way from audio to score.

    Fit it to clips of a machine that runs as it should; then
    ``score_samples(audio)`` tells how normal other clips are (higher is more
    normal), `anomaly_score` how abnormal, and ``predict(audio)`` gives +1 or -1. All
    clips must be equally long, at least one window of 2048 samples (which only
    ``"level"`` can do without). Five training clips are the least; twenty are better.

    Parameters
    ----------
    name : str
        One of `detector_names`. ``"level"`` is the baseline for all others: how far
        RMS level, peak level and crest factor are from the training clips',
        whichever is furthest. ``"gmm"`` (two Gaussians with a shrunken covariance),
        ``"mahalanobis"`` (distance from the mean) and ``"knn"`` (distance to the 3
        nearest training clips) judge mean, standard deviation, 95th percentile and
        maximum over time of the level in 128 mel bands, each statistic by itself; the
        most surprised decides. ``"autoencoder"`` (a convolutional one with a narrow
        code) and ``"interpolation"`` (each frame predicted from its neighbours) judge
        such a profile of the levels and of a network's errors. ``"dense"`` is like the
        baseline of the DCASE challenges, a dense autoencoder and its mean error, for
        comparison; it differs by standardised bands, windows of 2048 samples, 5 frames,
        random excerpts and 300 updates. The last three need TensorFlow.
    sr : float
        Sample rate of the clips, in Hz.
    random_state : int
        Seed of all that is random in training.
    level : bool
        Whether a detector of RMS level, peak level and crest factor listens, too (see
        `PipelineWithLevel`). Turn it off for clips whose level tells nothing, such as
        recordings with varying gain, or to see what the detector hears besides it.
        ``"level"`` hears nothing else, and ``"dense"`` never hears it.
    false_alarm_rate : float
        Share of new normal clips that may raise an alarm, above 0 and at most 0.5: where
        ``predict`` draws the line. A rate of 0.01 takes 99 independent recordings.

    Returns
    -------
    DetectorPipeline
        Not fitted yet; takes audio of shape (n_clips, n_samples), floats in [-1, 1].

    Raises
    ------
    ValueError
        If there is no such detector, ``sr`` is not positive, the seed negative or the
        rate out of its range.
        The pipeline's own methods raise it for clips that are silent, constant, too
        short, too few, of another length than in training, or hold NaN or infinity.
    TypeError
        If ``sr``, ``random_state`` or ``false_alarm_rate`` is no number.

    Notes
    -----
    ``predict`` promises that no larger share of new normal clips than
    ``false_alarm_rate`` is called abnormal, on average over machines, if they are like
    the training clips. Its threshold comes from held-out recordings, as in
    `conformal_threshold`. One in ten takes nine of them: with n fewer, the rate is about
    one in n + 1, which a `FewRecordingsWarning` and ``training_.promised_rate`` say.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> normal = 0.01 * rng.standard_normal((20, 16000))
    >>> detector = make_detector("gmm", sr=16000).fit(normal)
    >>> squeaking = normal[:1] + 0.01 * np.sin(np.arange(16000))
    >>> bool(detector.score_samples(squeaking)[0] < detector.score_samples(normal).min())
    True
    """
    check_sample_rate(sr)
    seed = check_count(random_state, "random_state")
    check_number(false_alarm_rate, "false_alarm_rate")
    if not 0 < false_alarm_rate <= 0.5:
        raise ValueError(
            "false_alarm_rate is a share of new normal clips, above 0 and at most 0.5, got "
            f"{false_alarm_rate!r}"
        )
    detector = _assemble(name, sr, seed, level)
    detector[-1].set_params(contamination=float(false_alarm_rate))
    return detector


def _assemble(name: str, sr: float, seed: int, level: bool) -> DetectorPipeline:
    spectrogram = ("spectrogram", LogMelSpectrogram(sr))
    if name in _ON_LEVELS:
        return DetectorPipeline(
            [("level", Level(sr)), ("detector", _ON_LEVELS[name](seed))]
        )
    if name in _ON_ERRORS:
        return DetectorPipeline([spectrogram, ("detector", _ON_ERRORS[name](seed))])
    if name in _ON_BAND_PROFILES:
        judge = _ON_BAND_PROFILES[name](seed)
        panel = PanelDetector(judge, len(BAND_PROFILE), cv=_FOLDS)
        steps = [spectrogram, ("pool", PoolOverTime(BAND_PROFILE)), ("detector", panel)]
    elif name in _ON_ERROR_PROFILES:
        steps = [spectrogram, ("detector", _ON_ERROR_PROFILES[name](seed))]
    else:
        renamed = ': "loudness" is now called "level"' if name == "loudness" else ""
        raise ValueError(
            f"there is no detector {name!r}{renamed}: expected one of "
            f"{', '.join(map(repr, detector_names()))}"
        )
    return _with_level(steps, sr) if level else DetectorPipeline(steps)
