"""A listening test: your own ROC curve next to those of the detectors."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from sklearn.metrics import roc_curve

from ..datasets import Dataset
from ..evaluation import auc
from ..plotting import plot_roc
from ._shared import (
    DB_RANGE,
    Widget,
    check_id,
    check_scores,
    check_shown,
    figure_picture,
    plain,
    render,
    sound_data,
    spectrogram_pictures,
    svg_points,
    two_digits,
)

# The browser goes through all ways to guess; so many take it a blink.
_MOST_WAYS = 200_000

# As wide as a curve is drawn.
_SHIFT = 0.0125


class ListeningTest(Widget):
    """You against the detectors: rate the test clips by ear, then compare.

    The training clips can be heard first. The test clips come without a name, in an
    order that the browser draws anew each time; who has heard most of each can compare
    and sees clip by clip what it was. Ratings survive a reload, and are forgotten when
    the tab is closed. Nothing is sent.

    Parameters
    ----------
    dataset : Dataset
        Normal training clips to get used to, and the test clips to rate.
    scores : mapping of str to array of shape (n_test,)
        The anomaly scores that each detector gives the test clips, higher for more
        anomalous.
    id : str
        The widget's id in the page, a different one for each.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If there are more than 200 clips or 600 s, which a page can't carry. Also if
        there are no training clips or abnormal ones among them, not both kinds of test
        clips, more than 200 000 ways to tell these apart, or no detector; if there is
        not one score for each test clip, a number is not finite, a clip is beyond [-1,
        1] after the gain, or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import make_synthetic_dataset, peak_level
    >>> clips = make_synthetic_dataset(n_train=2, n_test_normal=3, n_test_anomaly=3)
    >>> ListeningTest(clips, {"quietness": -peak_level(clips.test.audio)})
    ListeningTest(id='listening')
    """

    def __init__(
        self,
        dataset: Dataset,
        scores: Mapping[str, ArrayLike],
        *,
        id: str = "listening",
        gain_db: float = 0.0,
    ) -> None:
        self.id = check_id(id)
        train, test = check_shown(dataset).train, dataset.test
        _check_training(train)
        scores = check_scores(scores, test)
        _check_ways(test.is_anomaly)
        train_sounds, test_sounds = (
            sound_data(train, gain_db),
            sound_data(test, gain_db),
        )
        data = {
            "duration": train_sounds["duration"],
            "sounds": train_sounds["sounds"] + test_sounds["sounds"],
            "is_anomaly": test.is_anomaly.tolist(),
            "pictures": spectrogram_pictures(test.audio, test.sr),
            "scores": [
                [_score_text(name, values, clip) for name, values in scores.items()]
                for clip in range(len(test))
            ],
        }
        self.html = render(
            "listening",
            id=self.id,
            still=_still(test.is_anomaly, scores),
            n_train=len(train),
            n_test=len(test),
            detectors=[
                _detector(name, test.is_anomaly, values) | {"shift": _shift(number)}
                for number, (name, values) in enumerate(scores.items())
            ],
            db_range=DB_RANGE,
            data=data,
        )


def _check_training(train: Dataset) -> None:
    if train.is_anomaly.any():
        name = train.names[int(train.is_anomaly.argmax())]
        raise ValueError(
            "the training clips must be normal, as they show what normal sounds like: "
            f"{name!r} is abnormal"
        )


def _check_ways(is_anomaly: np.ndarray) -> None:
    n_clips, n_abnormal = len(is_anomaly), int(is_anomaly.sum())
    n_ways = comb(n_clips, n_abnormal)
    if n_ways > _MOST_WAYS:
        raise ValueError(
            f"{n_abnormal} of the {n_clips} test clips can be called abnormal in {n_ways} "
            f"ways, more than the {_MOST_WAYS} that a browser can go through: use fewer "
            "clips"
        )


def _detector(name: str, is_anomaly: np.ndarray, scores: np.ndarray) -> dict[str, str]:
    false_alarms, recall, _ = roc_curve(is_anomaly, scores, drop_intermediate=False)
    return {
        "name": name,
        "auc": two_digits(auc(is_anomaly, scores)),
        "roc": svg_points(np.column_stack([false_alarms, recall])),
    }


def _shift(number: int) -> float:
    """How far to move a curve to the right and down, so that none hides another."""
    return _SHIFT * (number // 2 + 1) * (-1) ** number


def _score_text(name: str, scores: np.ndarray, clip: int) -> str:
    rank = 1 + int((scores > scores[clip]).sum())
    # The number stays beside its word.
    return f"{name}: {scores[clip]:.4g} (rank\N{NO-BREAK SPACE}{rank})"


def _still(is_anomaly: np.ndarray, scores: dict[str, np.ndarray]) -> str:
    # The default style, whatever the notebook has set: the same bytes each time.
    with plt.style.context("default"):
        figure = Figure(figsize=(4, 4), layout="constrained")
        ax = figure.subplots()
        for detector, values in scores.items():
            plot_roc(is_anomaly, values, label=plain(detector), ax=ax)
        return figure_picture(figure)
