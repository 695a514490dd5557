"""What the report shows, made ready for its page: numbers, sentences and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from ..alarms import Judged
from ..features import level
from ..recordings import Recordings
from ..training import Training, band_levels
from ._figures import Axis, Column, axis, columns, line, stems, steps, time_axis
from ._promise import counted

# With more recordings, the lines between them would be all that is seen.
_MOST_BORDERS = 40
# Of scores far beyond the threshold, so much of the room below it is drawn.
_ROOM_ABOVE = 2.0
_N_BARS = 30


class Heard:
    """What is kept of each clip while all go by: a few numbers."""

    def __init__(self, with_spectra: bool) -> None:
        self._with_spectra = with_spectra
        self._levels: list[np.ndarray] = []
        self._peaks: list[np.ndarray] = []
        self._spectra: list[np.ndarray] = []

    def listen(self, audio: np.ndarray) -> None:
        """Take the next clips."""
        self._levels.append(level(audio)[:, 0])
        self._peaks.append(np.abs(audio).max(axis=1))
        if self._with_spectra:
            self._spectra.append(band_levels(audio).astype(np.float32))

    @property
    def levels(self) -> np.ndarray:
        """RMS level of each clip in dB."""
        return np.concatenate(self._levels)

    @property
    def peaks(self) -> np.ndarray:
        """Largest sample of each clip."""
        return np.concatenate(self._peaks)

    @property
    def spectra(self) -> np.ndarray:
        """Levels of each clip by band, in dB."""
        return np.concatenate(self._spectra)


class Stems(NamedTuple):
    """A figure of one number for each clip, over the time of all recordings."""

    x: Axis
    y: Axis
    path: str
    borders: str
    columns: list[Column]
    places: np.ndarray


def stems_of(values: np.ndarray, recordings: Recordings, y: Axis) -> Stems:
    """Draw a number of each clip, one recording after the other."""
    seconds = len(values) * recordings.cut.hop / recordings.sr
    x, _ = time_axis("time, one recording after the other", seconds)
    drawn = columns(values)
    places = np.array([50 * (c.first + c.last + 1) / len(values) for c in drawn])
    changes = np.flatnonzero(recordings.recordings[1:] != recordings.recordings[:-1])
    borders = changes + 1 if len(changes) <= _MOST_BORDERS else []
    return Stems(
        x=x,
        y=y,
        path=stems(drawn, places, y),
        borders="".join(f"M{100 * i / len(values):.5g} 0V100" for i in borders),
        columns=drawn,
        places=places,
    )


def dots(figure: Stems, chosen: np.ndarray) -> str:
    """Mark the top of each column in which there is a chosen clip."""
    return "".join(
        f"M{x:.5g} {100 - figure.y.place(column.high):.4g}h0"
        for column, x in zip(figure.columns, figure.places, strict=True)
        if chosen[column.first : column.last + 1].any()
    )


def strokes(figure: Stems, chosen: np.ndarray) -> str:
    """Mark the bottom of each column in which there is a chosen clip."""
    return "".join(
        f"M{x:.5g} 100v-6"
        for column, x in zip(figure.columns, figure.places, strict=True)
        if chosen[column.first : column.last + 1].any()
    )


def score_axis(scores: np.ndarray, threshold: float) -> Axis:
    """From the lowest score to the highest, unless that is far beyond the threshold."""
    known = np.append(scores[np.isfinite(scores)], threshold)
    low, high = float(known.min()), float(known.max())
    # With no score below the threshold, all above it have the room.
    room = (threshold - low) or np.inf
    top = min(high, threshold + _ROOM_ABOVE * room)
    return axis("score", low - 0.05 * (top - low), top + 0.1 * (top - low))


def place_of_clip(row: Judged) -> str:
    return f"{row.recording}, {clock(row.start)} to {clock(row.end)}"


def clock(seconds: float) -> str:
    """A time within a recording as people write it: 0:02:05, or 0:02:05.50."""
    minutes, rest = divmod(round(seconds, 2), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:05.2f}".removesuffix(".00")


def readings(figure: Stems, rows: Sequence[Judged]) -> Iterator[dict[str, Any]]:
    """What is to be said of each column of the timeline, as one moves over it."""
    for column, x in zip(figure.columns, figure.places, strict=True):
        clips = rows[column.first : column.last + 1]
        first, last = clips[0], clips[-1]
        where = f"{first.recording}, {clock(first.start)}"
        if last.recording == first.recording:
            where += f" to {clock(last.end)}"
        else:
            where += f" to {last.recording}, {clock(last.end)}"
        yield {"x": round(float(x), 3), "text": f"{where}: {'; '.join(_said(clips))}"}


def _said(clips: Sequence[Judged]) -> list[str]:
    scored = [row for row in clips if row.score is not None]
    is_one = len(clips) == 1
    said = []
    if scored:
        highest = "score" if is_one else f"highest of {len(clips)} scores"
        said.append(f"{highest} {max(row.score for row in scored):.4g}")
    n_alarms = sum(row.alarm for row in clips)
    if n_alarms:
        said.append("alarm" if is_one else counted(n_alarms, "alarm"))
    faults = Counter(row.sensor for row in clips if row.sensor)
    said += [f"sensor: {fault} ({counted(n, 'clip')})" for fault, n in faults.items()]
    return said


class Group(NamedTuple):
    """Clips of one recording in which the sensor had the same fault."""

    recording: str
    fault: str
    n: int
    first: float
    last: float


def sensor_groups(rows: Sequence[Judged]) -> list[Group]:
    """Sensor faults by recording and kind, in the order of time."""
    found: dict[tuple[str, str], list[Judged]] = {}
    for row in rows:
        if row.sensor:
            found.setdefault((row.recording, row.sensor), []).append(row)
    return [
        Group(recording, fault, len(group), group[0].start, group[-1].end)
        for (recording, fault), group in found.items()
    ]


class Recording(NamedTuple):
    """The scores of one recording in short."""

    name: str
    n: int
    n_alarms: int
    n_sensor: int
    median: float | None
    highest: float | None


def by_recording(rows: Sequence[Judged]) -> list[Recording]:
    """Each recording in short, in natural order."""
    found: dict[str, list[Judged]] = {}
    for row in rows:
        found.setdefault(row.recording, []).append(row)
    return [_one_recording(name, group) for name, group in found.items()]


def _one_recording(name: str, rows: list[Judged]) -> Recording:
    scores = [row.score for row in rows if row.score is not None]
    return Recording(
        name,
        len(rows),
        sum(row.alarm for row in rows),
        sum(bool(row.sensor) for row in rows),
        float(np.median(scores)) if scores else None,
        max(scores, default=None),
    )


def training_scores(detector: Any) -> np.ndarray | None:
    """The training clips' own scores, where the detector has kept them."""
    last = detector[-1] if isinstance(detector, Pipeline) else detector
    for judge in (detector, last):
        if hasattr(judge, "normal_scores_"):
            return np.asarray(judge.normal_scores_, np.float64)
    return None


def histogram(
    training: np.ndarray, new: np.ndarray, threshold: float
) -> dict[str, Any]:
    """How the scores of training and those of the new clips are spread."""
    x = score_axis(np.concatenate([training, new]), threshold)
    edges = np.linspace(x.low, x.high, _N_BARS + 1)
    shares = [
        np.histogram(np.clip(scores, x.low, x.high), edges)[0] / max(len(scores), 1)
        for scores in (training, new)
    ]
    y = axis("share of clips (%)", 0.0, 100 * 1.05 * float(np.max(shares)))
    places = x.place(edges)
    return {
        "x": x,
        "y": y,
        "training": steps(places, y.place(100 * shares[0])),
        "new": steps(places, y.place(100 * shares[1])),
        "threshold": float(x.place(threshold)),
    }


def spectra(training: Training, typical: np.ndarray) -> dict[str, Any]:
    """The typical spectrum of the new clips beside that of the training."""
    both = np.concatenate([training.spectrum, typical])
    x = axis("frequency (kHz)", 0.0, training.sr / 2000)
    y = axis("power (dB)", float(both.min()) - 2, float(both.max()) + 2)
    middles = (np.arange(len(typical)) + 0.5) * 100 / len(typical)
    return {
        "x": x,
        "y": y,
        "training": line(middles, y.place(training.spectrum)),
        "new": line(middles, y.place(typical)),
    }
