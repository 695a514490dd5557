"""The last word on a clip: its score, whether that is an alarm, or why it can't be one.

Detectors call abnormal whatever differs from training. Where the sensor has failed, or its
gain or its recorder is another one, there is nothing to repair on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._checks import LARGEST_SAMPLE, check_clip_length, check_number, check_sound
from .features import level
from .recordings import Recordings
from .scoring import anomaly_score
from .sensor import edge_of_band, sensor_fault
from .thresholds import own_threshold
from .training import Training, band_levels, unevenness

# As a share of the range: edges that differ by less are the same.
_EDGES_APART = 0.03
# Where one recorder hears nothing, another one hears more by so much, in most bands.
_CLEARLY_DB = 10.0
# Smaller changes of gain are within what machines vary by from day to day; faults of real
# machines that show in the level alone are mostly smaller, too.
_LEAST_GAIN_DB = 2.0
# New normal clips are a little less even than those of training; with a fault of a few
# bands, spectra are uneven by twice as much and more.
_LARGEST_UNEVENNESS = 1.5


class Verdict(NamedTuple):
    """What is to be said of one clip.

    Parameters
    ----------
    score : float
        Its anomaly score, higher for more anomalous. NaN if the sensor failed, so that the
        clip tells nothing about the machine.
    alarm : bool
        Whether the score is above the threshold, and no fault explains it.
    fault : str or None
        One of ``SENSOR_FAULTS``, if the sensor and not the machine is what differs.

    Examples
    --------
    >>> score, alarm, fault = Verdict(score=1.5, alarm=True, fault=None)
    """

    score: float
    alarm: bool
    fault: str | None


def judge_clips(
    detector: Any,
    audio: ArrayLike,
    threshold: float | None = None,
    faults: Sequence[str | None] | None = None,
) -> list[Verdict]:
    """Score clips, and tell alarms from faults of the sensor.

    Parameters
    ----------
    detector : fitted estimator with ``score_samples``
        From `make_detector` or `load_detector`, or any other that takes clips.
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1]. Those of a broken sensor may hold NaN or infinity.
    threshold : float, optional
        Anomaly score above which a clip raises an alarm. By default `own_threshold`.
    faults : sequence of str or None, optional
        For each clip, what is known to be wrong with the sensor and can't be seen in the
        clip any more, such as ``faults`` of `Recordings`.

    Returns
    -------
    list of Verdict
        One for each clip, in order.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the detector has not been fitted.
    ValueError
        If ``audio`` has another shape or length than in training, or there is no
        threshold.
    TypeError
        If ``audio`` does not hold floats.

    Notes
    -----
    `sensor_fault` looks at the clip alone. A detector with ``training_`` knows more.
    ``"band limit"``: the spectrum ends at an edge where that of training went on, or goes
    on where that of training ended. ``"level"``: the score is above the threshold, the
    spectrum has a shape as in training, and the clip would be normal if it were as loud as
    in training. That is a change of gain or distance, or a machine that is louder in all
    bands alike, which no microphone can tell apart.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> rng = np.random.default_rng(0)
    >>> detector = make_detector("gmm").fit(0.01 * rng.standard_normal((20, 16000)))
    >>> normal, louder, silent = 0.01 * rng.standard_normal((3, 16000))
    >>> verdicts = judge_clips(detector, [normal, 1.4 * louder, 0 * silent])
    >>> [(verdict.alarm, verdict.fault) for verdict in verdicts]
    [(False, None), (False, 'level'), (False, 'silence')]
    """
    audio = check_sound(audio)
    threshold = own_threshold(detector) if threshold is None else threshold
    check_number(threshold, "threshold")
    training: Training | None = getattr(detector, "training_", None)
    if training is not None:
        check_clip_length(audio, training.n_samples, training.sr)
    known = [None] * len(audio) if faults is None else faults
    faults = [
        fault or sensor_fault(clip) for clip, fault in zip(audio, known, strict=True)
    ]
    scores = np.full(len(audio), np.nan)
    heard = np.flatnonzero([fault is None for fault in faults])
    if heard.size:
        scores[heard] = anomaly_score(detector, audio[heard])
    if training is not None:
        for i in heard:
            faults[i] = _change(detector, audio[i], scores[i] > threshold, threshold)
    return [
        Verdict(float(score), fault is None and bool(score > threshold), fault)
        for score, fault in zip(scores, faults, strict=True)
    ]


def _change(
    detector: Any, clip: np.ndarray, is_odd: bool, threshold: float
) -> str | None:
    """Name what has changed on the way from the machine to the clip since training."""
    training: Training = detector.training_
    [levels] = band_levels(clip[np.newaxis])
    if _has_other_limit(levels, training):
        return "band limit"
    if not is_odd:
        return None
    [loudness] = level(clip[np.newaxis])[:, 0]
    [uneven] = unevenness(levels[np.newaxis], training.spectrum, _known_edge(training))
    if (
        abs(loudness - training.typical_level) < _LEAST_GAIN_DB
        or uneven > _LARGEST_UNEVENNESS * training.unevenness
    ):
        return None
    # How loud it would have been is not known: as clips of training, or as its spectrum says.
    by_level = np.array([*training.levels, training.typical_level]) - loudness
    gains = np.append(by_level, np.median(training.spectrum - levels))
    undone = clip * 10 ** (gains[:, np.newaxis] / 20)
    undone = undone[np.abs(undone).max(axis=1) <= LARGEST_SAMPLE]
    if not len(undone):
        return None
    return "level" if anomaly_score(detector, undone).min() <= threshold else None


def _has_other_limit(levels: np.ndarray, training: Training) -> bool:
    """Whether a clip ends at an edge below that of training, or goes on above it."""
    edge, known = edge_of_band(levels), _known_edge(training)
    if edge is not None and (known is None or edge < known - _EDGES_APART):
        # A fault that is loud below the edge leaves above it what was there in training.
        end = None if known is None else round(known * len(levels))
        behind = slice(round(edge * len(levels)) + 2, end)
        return _more(training.spectrum[behind], levels[behind]) > _CLEARLY_DB
    if known is None:
        return False
    above = slice(round(known * len(levels)) + 2, None)
    return _more(levels[above], training.spectrum[above]) > _CLEARLY_DB


def _more(levels: np.ndarray, others: np.ndarray) -> float:
    """In most bands, in dB."""
    return float(np.median(levels - others))


def _known_edge(training: Training) -> float | None:
    """As a share of the range."""
    return None if training.edge is None else training.edge / (training.sr / 2)


class Judged(NamedTuple):
    """A clip of a recording, and what is to be said of it: a row of a table.

    Parameters
    ----------
    machine : str
        Which machine it is of, where there are several.
    recording : str
        The file that it was cut from.
    start, end : float
        When it begins and ends within the recording, in s.
    score : float or None
        Its anomaly score; None if the sensor failed.
    threshold : float
        Anomaly score above which there would be an alarm.
    alarm : bool
        Whether the score is above the threshold, and no fault explains it.
    sensor : str or None
        What is wrong with the sensor, as in `Verdict`.

    Examples
    --------
    >>> row = Judged("pump", "day 1.wav", 0.0, 10.0, 1.5, 1.2, alarm=True, sensor=None)
    >>> row._fields[:3]
    ('machine', 'recording', 'start')
    """

    machine: str
    recording: str
    start: float
    end: float
    score: float | None
    threshold: float
    alarm: bool
    sensor: str | None

    @classmethod
    def of(
        cls,
        verdict: Verdict,
        machine: str,
        recording: str,
        start: float,
        seconds: float,
        threshold: float,
    ) -> Judged:
        """Make a row of a verdict.

        Parameters
        ----------
        verdict : Verdict
            From `judge_clips`.
        machine, recording : str
            Where the clip comes from.
        start, seconds : float
            When it begins within the recording, and how long it is, in s.
        threshold : float
            What its score was compared with.

        Returns
        -------
        Judged
            In types that JSON knows.

        Examples
        --------
        >>> verdict = Verdict(score=np.nan, alarm=False, fault="silence")
        >>> Judged.of(verdict, "pump", "day 1.wav", 5.0, 10.0, 1.2)[2:]
        (5.0, 15.0, None, 1.2, False, 'silence')
        """
        return cls(
            machine,
            recording,
            float(start),
            float(start + seconds),
            None if np.isnan(verdict.score) else verdict.score,
            float(threshold),
            verdict.alarm,
            verdict.fault,
        )


def judge_recordings(
    detector: Any,
    recordings: Recordings,
    threshold: float | None = None,
    *,
    machine: str = "",
    listen: Callable[[np.ndarray], object] | None = None,
) -> list[Judged]:
    """Judge all clips of recordings, block by block, as `judge_clips` does.

    Parameters
    ----------
    detector : fitted estimator with ``score_samples``
        From `make_detector` or `load_detector`, or any other that takes clips.
    recordings : Recordings
        From `read_recordings`, with the sample rate and clip length of the training.
    threshold : float, optional
        Anomaly score above which a clip raises an alarm. By default `own_threshold`.
    machine : str
        What is to stand in the rows as machine.
    listen : callable, optional
        Is called with the audio of each block, once it is judged.

    Returns
    -------
    list of Judged
        One row for each clip, in order.

    Raises
    ------
    ValueError
        If rate or length of the clips are not those of the training, or there is no
        threshold.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> from esa4_helpers import make_detector, read_recordings
    >>> rng = np.random.default_rng(0)
    >>> detector = make_detector("level").fit(0.01 * rng.standard_normal((20, 16000)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/a.wav", 0.01 * rng.standard_normal(32000), 16000)
    ...     rows = judge_recordings(detector, read_recordings(folder, clip_seconds=1.0))
    >>> [(row.recording, row.start, row.end, row.sensor) for row in rows]
    [('a.wav', 0.0, 1.0, None), ('a.wav', 1.0, 2.0, None)]
    """
    threshold = own_threshold(detector) if threshold is None else threshold
    training: Training | None = getattr(detector, "training_", None)
    if training is not None and training.sr != recordings.sr:
        raise ValueError(
            f"the recordings are read at {recordings.sr} Hz, and the detector was fitted "
            f"at {training.sr:g} Hz: call read_recordings with sr={training.sr:g}"
        )
    seconds = recordings.cut.n_samples / recordings.sr
    rows = []
    for place, audio in recordings.blocks():
        verdicts = judge_clips(detector, audio, threshold, recordings.faults[place])
        names, starts = recordings.recordings[place], recordings.starts[place]
        rows += [
            Judged.of(verdict, machine, str(name), start, seconds, threshold)
            for name, start, verdict in zip(names, starts, verdicts, strict=True)
        ]
        if listen is not None:
            listen(audio)
    return rows
