"""Where things stand in the report's figures, in percent of their width and height.

The page draws them: so lines take the colours of the page, in the light and in the dark,
and texts keep their size on a narrow screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import librosa
import numpy as np
from matplotlib.ticker import MaxNLocator

# However many clips there are, no more columns are drawn: about two pixels for each.
MOST_COLUMNS = 480
_N_TICKS = 6
# Those below would stand on top of each other.
_HERTZ = (500, 1000, 2000, 5000, 10000, 20000, 50000)


class Axis(NamedTuple):
    """What is at the two ends of a figure, and the numbers between."""

    label: str
    low: float
    high: float
    ticks: list[tuple[float, str]]

    def place(self, values: np.ndarray | float) -> np.ndarray:
        """Where values stand, in percent; those beyond the ends stand at the ends."""
        share = (np.asarray(values) - self.low) / (self.high - self.low)
        return np.clip(100 * share, 0, 100)


class Column(NamedTuple):
    """Some clips in a row, drawn as one."""

    first: int
    last: int
    low: float
    high: float


def axis(label: str, low: float, high: float) -> Axis:
    """An axis with round numbers; its ends are moved apart if they are the same."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    bare = Axis(label, low, high, [])
    found = MaxNLocator(_N_TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    inside = [value for value in found if low <= value <= high]
    ticks = [(float(bare.place(value)), f"{value:.6g}") for value in inside]
    return bare._replace(ticks=ticks)


def time_axis(label: str, seconds: float) -> tuple[Axis, float]:
    """An axis of time in a unit that suits it, and how many seconds that unit has."""
    units = (("s", 1.0, 180.0), ("min", 60.0, 10800.0), ("h", 3600.0, np.inf))
    name, unit = next((name, unit) for name, unit, end in units if seconds <= end)
    return axis(f"{label} ({name})", 0.0, seconds / unit), unit


def mel_axis(sr: float) -> Axis:
    """The frequencies beside a mel spectrogram."""
    top = float(librosa.hz_to_mel(sr / 2))
    ticks = [
        (100 * float(librosa.hz_to_mel(hertz)) / top, f"{hertz / 1000:g}")
        for hertz in _HERTZ
        if hertz < 0.45 * sr
    ]
    return Axis("frequency (kHz)", 0.0, top, ticks)


def columns(values: np.ndarray) -> list[Column]:
    """The lowest and highest of clips in a row; NaN where there are none."""
    n_columns = min(len(values), MOST_COLUMNS)
    edges = np.linspace(0, len(values), n_columns + 1).round().astype(int)
    lows, highs = (f.reduceat(values, edges[:-1]) for f in (np.fmin, np.fmax))
    return [
        Column(int(first), int(end) - 1, float(low), float(high))
        for first, end, low, high in zip(
            edges[:-1], edges[1:], lows, highs, strict=True
        )
    ]


def stems(drawn: Sequence[Column], x: np.ndarray, y: Axis) -> str:
    """A line from the lowest to the highest of each column; a dot where they agree."""
    return "".join(
        f"M{at:.5g} {100 - y.place(column.low):.4g}V{100 - y.place(column.high):.4g}"
        for at, column in zip(x, drawn, strict=True)
        if not np.isnan(column.high)
    )


def line(x: np.ndarray, y: np.ndarray) -> str:
    """A line through points that are given in percent."""
    return "M" + "L".join(f"{a:.4g} {100 - b:.4g}" for a, b in zip(x, y, strict=True))


def steps(edges: np.ndarray, heights: np.ndarray) -> str:
    """The outline of a histogram, given in percent."""
    tops = "".join(
        f"V{100 - height:.4g}H{edge:.4g}"
        for edge, height in zip(edges[1:], heights, strict=True)
    )
    return f"M{edges[0]:.4g} 100{tops}V100"
