"""Scores with a threshold to move, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix

from ..datasets import Dataset
from ..evaluation import alarm_report, auc
from ..plotting import plot_scores
from ._shared import (
    DB_RANGE,
    Widget,
    check_dataset,
    check_id,
    check_mapping,
    check_maps,
    check_scores,
    figure_picture,
    map_pictures,
    plain,
    render,
    sound_data,
    spectrogram_pictures,
    svg_points,
    two_digits,
)

# The axis, in units of its drawing. A dot is as wide as a finger needs.
_WIDTH, _MARGIN, _DOT = 340, 18, 26
# Heights of the title above a band of dots, and of the space below them.
_TITLE, _SPACE = 20, 4


class ThresholdExplorer(Widget):
    """The scores of all clips, with a threshold to move.

    A clip raises an alarm if its score is above the threshold, as in
    `alarm_report`, which computes the numbers. The steps of the threshold lie
    between neighbouring scores and beyond both ends, so that each outcome that is
    possible can be reached.

    Parameters
    ----------
    dataset : Dataset
        The clips that were scored, normal and abnormal ones.
    scores : mapping of str to array of shape (n_clips,)
        The anomaly scores of each detector, higher for more anomalous.
    maps : mapping of str to array of shape (n_clips, n_mels, n_frames), optional
        Anomaly maps of some of the detectors.
    id : str
        The widget's id in the page, a different one for each.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If shapes disagree, there is no detector or not both kinds of clips, a map
        is of an unknown detector, a number is not finite, a clip is beyond [-1, 1]
        after the gain, or the id is no plain word.
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
        id: str = "explorer",
        gain_db: float = 0.0,
    ) -> None:
        self.id = check_id(id)
        dataset = check_dataset(dataset)
        scores = check_scores(scores, dataset)
        maps = _check_maps({} if maps is None else maps, scores, len(dataset))
        pictures = spectrogram_pictures(dataset)
        detectors = [
            _detector_data(dataset, values, maps.get(detector))
            for detector, values in scores.items()
        ]
        data = sound_data(dataset, gain_db) | {
            "names": dataset.names,
            "pictures": pictures,
            "detectors": detectors,
            "width": _WIDTH,
        }
        self.html = render(
            "explorer",
            id=self.id,
            still=_still(dataset.is_anomaly, scores),
            detectors=list(scores),
            axes=[_axis(dataset, values) for values in scores.values()],
            width=_WIDTH,
            dot_radius=_DOT // 2,
            picture=pictures[0],
            has_maps=bool(maps),
            db_range=DB_RANGE,
            data=data,
        )


def _check_maps(
    maps: Mapping[str, ArrayLike], scores: Mapping[str, np.ndarray], n_clips: int
) -> dict[str, np.ndarray]:
    unknown = set(check_mapping(maps, "maps")) - set(scores)
    if unknown:
        raise ValueError(
            f"maps must be of detectors in scores, {sorted(scores)}, "
            f"got one of {sorted(unknown)[0]!r}"
        )
    return {
        detector: check_maps(values, f"maps[{detector!r}]", n_clips)
        for detector, values in maps.items()
    }


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


def _detector_data(
    dataset: Dataset, scores: np.ndarray, maps: np.ndarray | None
) -> dict[str, Any]:
    """Everything about one detector that the script shows on demand."""
    thresholds = _thresholds(scores)
    place = _axis_scale(thresholds)
    cuts = [
        _cut(dataset.is_anomaly, scores, threshold, place) for threshold in thresholds
    ]
    data = {
        "auc": two_digits(auc(dataset.is_anomaly, scores)),
        "roc": svg_points([cut["point"] for cut in cuts]),
        "cuts": cuts,
        "dots": _dot_texts(dataset, scores),
    }
    if maps is None:
        return data
    low, high = min(0.0, maps.min()), maps.max()
    return data | {
        "maps": map_pictures(maps, low, high),
        "mapends": [f"{low:.4g}", f"{high:.4g}"],
    }


def _cut(
    is_anomaly: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    place: Callable[[float], float],
) -> dict[str, Any]:
    """What one threshold leads to, as texts for the tables and places to draw."""
    report = alarm_report(is_anomaly, scores, threshold)
    counts = confusion_matrix(is_anomaly, scores > threshold, labels=[False, True])
    (quiet, false_alarms), (missed, found) = counts.tolist()
    return {
        "x": place(threshold),
        "point": [report["false_alarm_rate"], report["recall"]],
        "texts": {name: two_digits(value) for name, value in report.items()}
        | {
            "quiet": str(quiet),
            "false_alarms": str(false_alarms),
            "missed": str(missed),
            "found": str(found),
            "threshold_text": f"{threshold:.4g}",
        },
        "summary": (
            f"threshold {threshold:.4g}: {found} of {found + missed} abnormal clips found, "
            f"{false_alarms} of {false_alarms + quiet} normal clips raise a false alarm"
        ),
    }


# The drawing of the scores.


def _axis(dataset: Dataset, scores: np.ndarray) -> dict[str, Any]:
    """Where one detector's scores go: a band for each class, above a common axis."""
    thresholds = _thresholds(scores)
    place = _axis_scale(thresholds)
    places = np.array([place(score) for score in scores])
    texts = _dot_texts(dataset, scores)
    bands, top = [], 0
    for abnormal in (False, True):
        clips = np.flatnonzero(dataset.is_anomaly == abnormal)
        lanes = _lanes(places[clips])
        dots = [
            {
                "clip": clip,
                "x": places[clip],
                "y": top + _TITLE + _DOT * (lane + 0.5),
                "text": texts[clip],
            }
            for clip, lane in zip(clips, lanes, strict=True)
        ]
        bands.append({"abnormal": abnormal, "top": top, "dots": dots})
        top += _TITLE + _DOT * (int(lanes.max()) + 1) + _SPACE
    ticks = [
        {"x": place(tick), "text": f"{tick:g}"}
        for tick in MaxNLocator(5).tick_values(thresholds[0], thresholds[-1])
        if thresholds[0] <= tick <= thresholds[-1]
    ]
    return {"bands": bands, "height": top, "ticks": ticks}


def _axis_scale(thresholds: list[float]) -> Callable[[float], float]:
    """Return a function from scores to places on the axis."""
    ends, places = (thresholds[0], thresholds[-1]), (_MARGIN, _WIDTH - _MARGIN)
    return lambda value: round(float(np.interp(value, ends, places)), 1)


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
        panels = figure.subplots(len(scores), squeeze=False)[:, 0]
        for ax, (detector, values) in zip(panels, scores.items(), strict=True):
            title = f"{detector}, AUC = {two_digits(auc(is_anomaly, values))}"
            plot_scores(is_anomaly, values, title=plain(title), ax=ax)
        return figure_picture(figure)
