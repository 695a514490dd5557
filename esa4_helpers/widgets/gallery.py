"""All clips at a glance, to play and to sort."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from math import floor, log10
from typing import Any

import numpy as np
from natsort import index_natsorted
from numpy.typing import ArrayLike

from ..datasets import Dataset
from ._shared import (
    DB_RANGE,
    Widget,
    check_id,
    check_numbers,
    check_shown,
    render,
    sound_data,
    spectrogram_pictures,
)


class ClipGallery(Widget):
    """All clips as small spectrograms, to play and to sort.

    By name, training and test clips, normal and abnormal ones, stand in groups of
    their own, and train_2 before train_10. By a number, all clips are one list, and
    each says what it is.

    Parameters
    ----------
    dataset : Dataset
        The clips.
    sort_keys : mapping of str to array of shape (n_clips,), optional
        Numbers to sort the clips by. A unit in brackets at the end of a key, as in
        ``"RMS level (dB)"``, is shown after each number.
    id : str
        The widget's id in the page, a different one for each.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If there are more than 200 clips or 600 s, which a page can't carry. Also if
        there is not one number for each clip, a number is not finite, a clip is beyond
        [-1, 1] after the gain, or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import make_synthetic_dataset, peak_level
    >>> clips = make_synthetic_dataset(n_train=2, n_test_normal=1, n_test_anomaly=1)
    >>> ClipGallery(clips, {"peak level (dB)": peak_level(clips.audio)})
    ClipGallery(id='gallery')
    """

    def __init__(
        self,
        dataset: Dataset,
        sort_keys: Mapping[str, ArrayLike] | None = None,
        *,
        id: str = "gallery",
        gain_db: float = 0.0,
    ) -> None:
        self.id = check_id(id)
        dataset = check_shown(dataset)
        keys = {} if sort_keys is None else sort_keys
        keys = check_numbers(keys, "sort_keys", len(dataset))
        sorts = [_by_name(dataset.names), *map(_by_number, keys, keys.values())]
        data = sound_data(dataset, gain_db) | {"sorts": sorts}
        self.html = render(
            "gallery",
            id=self.id,
            names=dataset.names,
            groups=_groups(dataset),
            is_anomaly=dataset.is_anomaly.tolist(),
            sort_options=["name", *(f"{key} (low to high)" for key in keys)],
            pictures=spectrogram_pictures(dataset.audio, dataset.sr),
            db_range=DB_RANGE,
            data=data,
        )


def _groups(dataset: Dataset) -> dict[str, list[int]]:
    """The numbers of the clips of each sort that there is."""
    groups = {}
    for train, abnormal in product((True, False), (False, True)):
        clips = (dataset.is_train == train) & (dataset.is_anomaly == abnormal)
        title = (
            f"{'training' if train else 'test'}, {'abnormal' if abnormal else 'normal'}"
        )
        if clips.any():
            groups[title] = np.flatnonzero(clips).tolist()
    return groups


def _by_name(names: Sequence[str]) -> dict[str, list[Any]]:
    return {"order": index_natsorted(names)}


def _by_number(key: str, numbers: np.ndarray) -> dict[str, list[Any]]:
    unit = re.search(r"\(([^()]+)\)$", key)
    after = f" {unit[1]}" if unit else ""
    order = np.argsort(numbers, kind="stable").tolist()
    style = _style(float(np.abs(numbers).max()))
    values = [f"{number:{style}}{after}" for number in numbers]
    return {
        "order": order,
        "values": [value.replace("-", "\N{MINUS SIGN}") for value in values],
    }


def _style(largest: float) -> str:
    """How to write all numbers of a key, so that the largest has three digits."""
    decimals = 2 - floor(log10(largest)) if largest else 0
    return f".{max(decimals, 0)}f" if -4 < decimals < 6 else ".3g"
