"""Scores with a threshold to move, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix

from .._checks import check_number
from ..datasets import Dataset
from ..evaluation import alarm_report, auc
from ..plotting import plot_scores
from ._shared import (
    DB_RANGE,
    Widget,
    check_id,
    check_mapping,
    check_maps,
    check_scores,
    check_shown,
    figure_picture,
    plain,
    render,
    scaled_maps,
    sound_data,
    spectrogram_pictures,
    svg_points,
    two_digits,
)

# The axis, in units of its drawing. A dot is as wide as a finger needs.
_WIDTH, _MARGIN, _DOT = 340, 18, 26
# Above and below each band of dots.
_SPACE = 4
# Where scores reach this many times further than the normal clips lie apart, these would
# be one heap: the axis then is stretched around them.
_FAR = 20
# What a letter and a line of text take.
_LETTER, _LINE = 7, 15


class ThresholdExplorer(Widget):
    """The scores of all clips, with a threshold to move.

    A clip raises an alarm if its score is above the threshold, as in
    `alarm_report`, which computes the numbers. The line can be dragged, and follows a
    click on the axis or on a point of the ROC curve. The keyboard's steps lie between
    neighbouring scores and beyond both ends, so that each outcome that is possible
    can be reached, and on the named thresholds.

    The detector whose AUC is the nearest below 1 comes first: there is something to
    gain. Where some scores are very far from those of the normal clips, the axis is
    linear near these and logarithmic further out.

    Parameters
    ----------
    dataset : Dataset
        The clips that were scored, normal and abnormal ones.
    scores : mapping of str to array of shape (n_clips,)
        The anomaly scores of each detector, higher for more anomalous.
    maps : mapping of str to array of shape (n_clips, n_mels, n_frames), optional
        Anomaly maps of some of the detectors. Their colours end at the 99.5th
        percentile of all clips, or of the clip that is shown.
    thresholds : mapping of str to mapping of str to float, optional
        For some of the detectors, thresholds by their names, to go to at a press.
    id : str
        The widget's id in the page, a different one for each.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If there are more than 200 clips or 600 s, which a page can't carry. Also if
        shapes disagree, there is no detector or not both kinds of clips, a map or a
        threshold is of an unknown detector, a number is not finite, a clip is beyond
        [-1, 1] after the gain, or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import make_synthetic_dataset, peak_level
    >>> test = make_synthetic_dataset(n_train=2, n_test_normal=3, n_test_anomaly=3).test
    >>> ThresholdExplorer(test, {"quietness": -peak_level(test.audio)})
    ThresholdExplorer(id='explorer')
    """

    def __init__(
        self,
        dataset: Dataset,
        scores: Mapping[str, ArrayLike],
        maps: Mapping[str, ArrayLike] | None = None,
        *,
        thresholds: Mapping[str, Mapping[str, float]] | None = None,
        id: str = "explorer",
        gain_db: float = 0.0,
    ) -> None:
        self.id = check_id(id)
        dataset = check_shown(dataset)
        scores = check_scores(scores, dataset)
        maps = _check_maps({} if maps is None else maps, scores, len(dataset))
        named = _check_thresholds({} if thresholds is None else thresholds, scores)
        scores = _imperfect_first(dataset.is_anomaly, scores)
        pictures = spectrogram_pictures(dataset.audio, dataset.sr)
        axes = {
            detector: _Axis(dataset.is_anomaly, values, named.get(detector, {}))
            for detector, values in scores.items()
        }
        detectors = [
            _detector_data(dataset, values, axes[detector], maps.get(detector))
            for detector, values in scores.items()
        ]
        data = sound_data(dataset, gain_db) | {
            "names": dataset.names,
            "pictures": pictures,
            "detectors": detectors,
            "width": _WIDTH,
            "margin": _MARGIN,
        }
        self.html = render(
            "explorer",
            id=self.id,
            still=_still(dataset.is_anomaly, scores),
            detectors=list(scores),
            axes=[
                _drawing(dataset, values, axes[name]) for name, values in scores.items()
            ],
            width=_WIDTH,
            margin=_MARGIN,
            dot_radius=_DOT // 2,
            picture=pictures[0],
            has_maps=bool(maps),
            db_range=DB_RANGE,
            data=data,
        )


def _check_maps(
    maps: Mapping[str, ArrayLike], scores: Mapping[str, np.ndarray], n_clips: int
) -> dict[str, np.ndarray]:
    _check_detectors(maps, "maps", scores)
    return {
        detector: check_maps(values, f"maps[{detector!r}]", n_clips)
        for detector, values in maps.items()
    }


def _check_thresholds(
    thresholds: Mapping[str, Mapping[str, float]], scores: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    _check_detectors(thresholds, "thresholds", scores)
    checked = {}
    for detector, named in thresholds.items():
        what = f"thresholds[{detector!r}]"
        checked[detector] = {
            name: float(check_number(value, f"{what}[{name!r}]"))
            for name, value in check_mapping(named, what).items()
        }
    return checked


def _check_detectors(
    values: Mapping[str, Any], name: str, scores: Mapping[str, np.ndarray]
) -> None:
    unknown = set(check_mapping(values, name)) - set(scores)
    if unknown:
        raise ValueError(
            f"{name} must be of detectors in scores, {sorted(scores)}, "
            f"got one of {sorted(unknown)[0]!r}"
        )


def _imperfect_first(
    is_anomaly: np.ndarray, scores: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Sort detectors by their AUC from high to low, but put the perfect ones last."""
    aucs = {detector: auc(is_anomaly, values) for detector, values in scores.items()}
    order = sorted(scores, key=lambda detector: (aucs[detector] == 1, -aucs[detector]))
    return {detector: scores[detector] for detector in order}


# Each threshold, and what it leads to.


def _thresholds(scores: np.ndarray) -> list[float]:
    """One threshold for each way to split the scores, from all alarms to none."""
    values = np.unique(scores)
    low, high = float(values[0]), float(values[-1])
    margin = high / 20 - low / 20 or 1.0
    # Halfway may round to the upper score, which would then raise no alarm.
    between = [
        float(middle if (middle := a / 2 + b / 2) < b else a)
        for a, b in pairwise(values)
    ]
    return [
        float(min(low - margin, np.nextafter(low, -np.inf))),
        *between,
        float(max(high + margin, np.nextafter(high, np.inf))),
    ]


class _Axis:
    """Where a detector's scores and thresholds are drawn. The script reckons alike."""

    def __init__(
        self, is_anomaly: np.ndarray, scores: np.ndarray, named: dict[str, float]
    ) -> None:
        self.named = named
        self.thresholds = _thresholds(scores)
        self.stops = sorted({*self.thresholds, *named.values()})
        self.ends = self.stops[0], self.stops[-1]
        normal = scores[~is_anomaly]
        self.centre = float(np.median(normal))
        # Halves, as the difference of two very large numbers may be infinite.
        apart = float(np.max(normal) / 2 - np.min(normal) / 2)
        reach = self.ends[1] / 2 - self.ends[0] / 2
        self.stretch = apart if 0 < apart < reach / _FAR else None

    def place_of(self, score: ArrayLike) -> np.ndarray:
        low, high = self._bend(np.array(self.ends))
        share = (self._bend(np.asarray(score)) - low) / (high - low)
        return np.round(_MARGIN + (_WIDTH - 2 * _MARGIN) * share, 1)

    def _bend(self, score: np.ndarray) -> np.ndarray:
        if self.stretch is None:
            return score / 2
        return np.arcsinh((score - self.centre) / self.stretch)

    def ticks(self) -> list[dict[str, Any]]:
        """Round numbers, as many as there is room for."""
        if self.stretch is None:
            wanted = MaxNLocator(5).tick_values(*self.ends)
        else:
            decades = 10.0 ** np.arange(-3, 16)
            wanted = [0.0, *(sign * d for d in decades[::-1] for sign in (1, -1))]
        ticks = []
        for number in wanted:
            place, text = float(self.place_of(number)), f"{number:g}"
            room = _LETTER * (len(text) + 1)
            if self.ends[0] <= number <= self.ends[1] and all(
                abs(place - tick["x"]) >= room for tick in ticks
            ):
                ticks.append({"x": place, "text": text})
        return ticks

    def marks(self) -> list[dict[str, Any]]:
        """The named thresholds; names that would overlap go into lines of their own."""
        marks, ends = [], []
        for name, value in sorted(self.named.items(), key=lambda item: item[1]):
            place = float(self.place_of(value))
            half = _LETTER * len(name) / 2
            middle = float(np.clip(place, half, max(half, _WIDTH - half)))
            free = (i for i, end in enumerate(ends) if middle - half >= end + _LETTER)
            line = next(free, len(ends))
            ends[line : line + 1] = [middle + half]
            marks.append({"x": place, "name": name, "middle": middle, "line": line})
        return marks


def _detector_data(
    dataset: Dataset, scores: np.ndarray, axis: _Axis, maps: np.ndarray | None
) -> dict[str, Any]:
    """Everything about one detector that the script shows on demand."""
    cuts = [
        _cut(dataset.is_anomaly, scores, threshold) for threshold in axis.thresholds
    ]
    data = {
        "auc": two_digits(auc(dataset.is_anomaly, scores)),
        "roc": svg_points([cut["point"] for cut in cuts]),
        "cuts": cuts,
        "values": np.unique(scores).tolist(),
        "stops": axis.stops,
        "first": next(iter(axis.named.values()), axis.thresholds[len(cuts) // 2]),
        "ends": axis.ends,
        "centre": axis.centre,
        "stretch": axis.stretch,
        "dots": _dot_texts(dataset, scores),
    }
    return data if maps is None else data | {"maps": scaled_maps(maps)}


def _cut(
    is_anomaly: np.ndarray, scores: np.ndarray, threshold: float
) -> dict[str, Any]:
    """What one threshold leads to, as texts for the tables and a point to draw."""
    report = alarm_report(is_anomaly, scores, threshold)
    counts = confusion_matrix(is_anomaly, scores > threshold, labels=[False, True])
    (quiet, false_alarms), (missed, found) = counts.tolist()
    return {
        "at": threshold,
        "point": [report["false_alarm_rate"], report["recall"]],
        "texts": {name: two_digits(value) for name, value in report.items()}
        | {
            "quiet": str(quiet),
            "false_alarms": str(false_alarms),
            "missed": str(missed),
            "found": str(found),
        },
        "summary": (
            f"{found} of {found + missed} abnormal clips found, "
            f"{false_alarms} of {false_alarms + quiet} normal clips raise a false alarm"
        ),
    }


# The drawing of the scores.


def _drawing(dataset: Dataset, scores: np.ndarray, axis: _Axis) -> dict[str, Any]:
    """Where one detector's scores go: a band for each class, above a common axis."""
    places = axis.place_of(scores)
    texts = _dot_texts(dataset, scores)
    bands, top = [], 0
    for abnormal in (False, True):
        clips = np.flatnonzero(dataset.is_anomaly == abnormal)
        lanes = _lanes(places[clips])
        dots = [
            {
                "clip": clip,
                "x": places[clip],
                "y": top + _SPACE + _DOT * (lane + 0.5),
                "text": texts[clip],
            }
            for clip, lane in zip(clips, lanes, strict=True)
        ]
        bands.append({"abnormal": abnormal, "top": top, "dots": dots})
        top += _DOT * (int(lanes.max()) + 1) + 2 * _SPACE
    marks = axis.marks()
    n_lines = max((mark["line"] + 1 for mark in marks), default=0)
    return {
        "bands": bands,
        "height": top,
        "ticks": axis.ticks(),
        "marks": marks,
        "marks_height": _LINE * n_lines,
        "line_height": _LINE,
        "presets": axis.named,
        "stretched": axis.stretch is not None,
    }


def _dot_texts(dataset: Dataset, scores: np.ndarray) -> list[str]:
    return [
        f"{name}, {'abnormal' if abnormal else 'normal'}, score {score:.4g}"
        for name, abnormal, score in zip(
            dataset.names, dataset.is_anomaly, scores, strict=True
        )
    ]


def _lanes(places: np.ndarray) -> np.ndarray:
    """Spread dots over lanes, each in the first one where it touches no other."""
    lanes, ends = np.zeros(len(places), dtype=int), []
    for i in np.argsort(places, kind="stable"):
        free = (lane for lane, end in enumerate(ends) if places[i] - end >= _DOT)
        lanes[i] = next(free, len(ends))
        ends[lanes[i] : lanes[i] + 1] = [places[i]]
    return lanes


def _still(is_anomaly: np.ndarray, scores: dict[str, np.ndarray]) -> str:
    # The default style, whatever the notebook has set: the same bytes each time.
    with plt.style.context("default"):
        figure = Figure(figsize=(4, 3 * len(scores)), layout="constrained")
        panels = figure.subplots(len(scores), squeeze=False)
        for ax, (detector, values) in zip(panels.flat, scores.items(), strict=True):
            title = f"{detector}, AUC = {two_digits(auc(is_anomaly, values))}"
            plot_scores(is_anomaly, values, title=plain(title), ax=ax)
        return figure_picture(figure)
