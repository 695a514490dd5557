"""Parts of a page that answer: listen, sort, move a threshold, guess.

Each is one piece of HTML for a notebook, Colab or the website, which needs nothing
from elsewhere and keeps nothing. Python writes all of it, with every number that is
known beforehand; ``static/interactive.js`` listens to the controls and shows what
they ask for. Where scripts are off, a picture with a description remains.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from math import comb, isnan
from typing import Any

import librosa
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix, roc_curve

from ._checks import (
    check_clips,
    check_finite,
    check_labels,
    check_number,
    check_sample_rate,
    check_spectrograms,
)
from .evaluation import alarm_report, auc, check_labels_and_scores
from .features import log_mel_spectrogram
from .players import ClipPlayer
from .plotting import plot_roc, plot_scores

# Pictures show what is heard: the players' sample rate. Half as many mel bands as
# in the chapters are enough for a small picture.
_SR = 16000
_N_MELS = 64

# The browser goes through all ways to guess; so many take it a blink.
_MOST_WAYS = 200_000

# The explorer's axis, in units of its drawing. A dot is as wide as a finger needs.
_WIDTH, _MARGIN, _DOT = 340, 18, 26
# Where the explorer is on its ROC curve.
_POINT = '<circle class="esa4-point" r="0.03" data-part="point"/>'


class _Widget:
    """What the widgets share: HTML that was written when they were made."""

    id: str
    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r})"


class ClipGallery(_Widget):
    """All clips as small spectrograms, to play and to sort.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        The clips, floats in [-1, 1].
    sr : float
        Sample rate in Hz.
    names : sequence of n_clips str
        What the clips are called.
    groups : mapping of str to array of shape (n_clips,)
        For each group, in the order of the page, 1 or True for the clips in it.
        Each clip is in one group.
    sort_keys : mapping of str to array of shape (n_clips,), optional
        Numbers to sort the clips by, such as their loudness in dB.
    id : str
        The widget's id in the page, a different one for each.
    vmin, vmax : float
        Levels in dB at the ends of the colour scale.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If shapes disagree, a clip is in no group or in two, a number is not finite,
        a clip is beyond [-1, 1] after the gain, the limits are not in order, or the
        id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import make_synthetic_dataset
    >>> clips = make_synthetic_dataset(n_train=2, n_test_normal=1, n_test_anomaly=1)
    >>> groups = {"training": clips.is_train, "test": ~clips.is_train}
    >>> ClipGallery(clips.audio, clips.sr, clips.names, groups)
    ClipGallery(id='gallery')
    """

    def __init__(
        self,
        audio: ArrayLike,
        sr: float,
        names: Sequence[str],
        groups: Mapping[str, ArrayLike],
        sort_keys: Mapping[str, ArrayLike] | None = None,
        id: str = "gallery",
        *,
        vmin: float = -80.0,
        vmax: float = -10.0,
        gain_db: float = 0.0,
    ) -> None:
        self.id = _check_id(id)
        audio = check_clips(audio)
        names = _check_names(names, len(audio))
        members = _check_groups(groups, names)
        keys = _check_numbers(sort_keys or {}, "sort_keys", len(audio))
        pictures = _spectrogram_pictures(audio, sr, vmin, vmax)
        sorts = [_sort_by_name(names), *map(_sort_by_number, keys.values())]
        options = ["name", *(f"{key} (low to high)" for key in keys)]
        body = (
            f'<p class="esa4-live" hidden>Choose a picture to hear its clip, and again '
            f"to pause. {_select(f'{id}-sort', 'Sort by', options, 'sort')}</p>"
            + "".join(
                _tiles(f"{id}-group-{i}", group, clips, names, pictures)
                for i, (group, clips) in enumerate(members.items())
            )
            + f"<p>{_axes_text(audio, sr, ' to 8 kHz')} {_scale(vmin, vmax, 'dB')}</p>"
        )
        data = _sound_data(audio, sr, names, gain_db) | {"sorts": sorts}
        self.html = _fragment("gallery", self.id, "Gallery of clips", body, data)


class ThresholdExplorer(_Widget):
    """The scores of all test clips, with a threshold to move.

    A clip raises an alarm if its score is above the threshold, as in
    `alarm_report`, which computes the numbers. The steps of the threshold lie
    between neighbouring scores and beyond both ends, so that each outcome that is
    possible can be reached.

    Parameters
    ----------
    labels : array of shape (n_clips,)
        1 or True for abnormal clips, 0 or False for normal ones.
    scores : mapping of str to array of shape (n_clips,)
        The anomaly scores of each detector, higher for more anomalous.
    audio : array of shape (n_clips, n_samples)
        The clips, floats in [-1, 1].
    sr : float
        Sample rate in Hz.
    names : sequence of n_clips str
        What the clips are called.
    maps : mapping of str to array of shape (n_clips, n_mels, n_frames), optional
        Anomaly maps of some of the detectors.
    id : str
        The widget's id in the page, a different one for each.
    vmin, vmax : float
        Levels in dB at the ends of the spectrograms' colour scale.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If shapes disagree, there is no detector or not both kinds of clips, a map
        is of an unknown detector, a number is not finite, a clip is beyond [-1, 1]
        after the gain, the limits are not in order, or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import loudness, make_synthetic_dataset
    >>> test = make_synthetic_dataset(n_train=2, n_test_normal=3, n_test_anomaly=3).test
    >>> scores = {"quietness": -loudness(test.audio)[:, 0]}
    >>> ThresholdExplorer(test.is_anomaly, scores, test.audio, test.sr, test.names)
    ThresholdExplorer(id='explorer')
    """

    def __init__(
        self,
        labels: ArrayLike,
        scores: Mapping[str, ArrayLike],
        audio: ArrayLike,
        sr: float,
        names: Sequence[str],
        maps: Mapping[str, ArrayLike] | None = None,
        id: str = "explorer",
        *,
        vmin: float = -80.0,
        vmax: float = -10.0,
        gain_db: float = 0.0,
    ) -> None:
        self.id = _check_id(id)
        audio = check_clips(audio)
        names = _check_names(names, len(audio))
        labels = check_labels(labels, "labels", len(audio))
        scores = _check_scores(labels, scores)
        maps = _check_maps(maps or {}, scores, len(audio))
        pictures = _spectrogram_pictures(audio, sr, vmin, vmax)
        detectors = [
            _detector_data(labels, values, names, maps.get(detector))
            for detector, values in scores.items()
        ]
        body = (
            _scores_still(labels, scores)
            + '<div class="esa4-live" hidden>'
            + f"<p>{_select(f'{id}-detector', 'Detector', list(scores), 'detector')}</p>"
            + '<div class="esa4-columns"><div>'
            + "".join(
                _score_axis(i, labels, values, names)
                for i, values in enumerate(scores.values())
            )
            + f'<label for="{id}-threshold">Threshold: '
            + '<span data-part="threshold_text"></span></label>'
            + f'<input type="range" id="{id}-threshold" min="0" max="0" step="1" '
            + 'data-part="threshold">'
            + "<p>Choose a dot to hear its clip, and again to pause. "
            + "What lies above the threshold, on the shaded side, raises an alarm.</p>"
            + _clip_pictures(audio, sr, pictures, maps, vmin, vmax)
            + f"</div><div>{_outcome_tables()}{_roc_drawing(_POINT)}</div></div></div>"
        )
        data = _sound_data(audio, sr, names, gain_db) | {
            "pictures": pictures,
            "detectors": detectors,
            "width": _WIDTH,
        }
        self.html = _fragment("explorer", self.id, "Threshold explorer", body, data)


class ListeningTest(_Widget):
    """You against the detectors: rate the test clips by ear, then compare.

    The training clips can be heard first. The test clips come without a name, in an
    order that the browser draws anew each time. Nothing is stored or sent.

    Parameters
    ----------
    train_audio : array of shape (n_train, n_samples)
        Normal clips to get used to, floats in [-1, 1].
    test_audio : array of shape (n_test, n_samples)
        The clips to rate, as long as those.
    sr : float
        Sample rate in Hz.
    labels : array of shape (n_test,)
        1 or True for abnormal clips, 0 or False for normal ones.
    scores : mapping of str to array of shape (n_test,)
        The anomaly scores of each detector, higher for more anomalous.
    id : str
        The widget's id in the page, a different one for each.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If shapes disagree, there is no detector or not both kinds of clips, there
        are more than 200 000 ways to deal out the labels, a number is not finite, a
        clip is beyond [-1, 1] after the gain, or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import loudness, make_synthetic_dataset
    >>> clips = make_synthetic_dataset(n_train=2, n_test_normal=3, n_test_anomaly=3)
    >>> train, test = clips.train, clips.test
    >>> scores = {"quietness": -loudness(test.audio)[:, 0]}
    >>> ListeningTest(train.audio, test.audio, test.sr, test.is_anomaly, scores)
    ListeningTest(id='listening')
    """

    def __init__(
        self,
        train_audio: ArrayLike,
        test_audio: ArrayLike,
        sr: float,
        labels: ArrayLike,
        scores: Mapping[str, ArrayLike],
        id: str = "listening",
        *,
        gain_db: float = 0.0,
    ) -> None:
        self.id = _check_id(id)
        train_audio = check_clips(train_audio, "train_audio")
        test_audio = check_clips(test_audio, "test_audio")
        if train_audio.shape[1] != test_audio.shape[1]:
            raise ValueError(
                "train_audio and test_audio must hold clips of the same length, got "
                f"{train_audio.shape[1]} and {test_audio.shape[1]} samples"
            )
        labels = check_labels(labels, "labels", len(test_audio))
        scores = _check_scores(labels, scores)
        n_ways = comb(len(labels), int(labels.sum()))
        if n_ways > _MOST_WAYS:
            raise ValueError(
                f"labels can be dealt out to the clips in {n_ways} ways, more than the "
                f"{_MOST_WAYS} that a browser can go through: use fewer clips"
            )
        names = [f"normal clip {i + 1}" for i in range(len(train_audio))] + [
            f"test clip {i + 1}" for i in range(len(test_audio))
        ]
        body = (
            _roc_still(labels, scores)
            + '<div class="esa4-live" hidden>'
            + '<p class="esa4-heading">1. Learn what normal sounds like</p>'
            + f'<div class="esa4-buttons">{_training_buttons(len(train_audio))}</div>'
            + '<p class="esa4-heading">2. How abnormal does each clip sound, '
            + "from 0 (normal) to 100 (abnormal)?</p>"
            + f'<ol class="esa4-rows">{_rating_rows(id, len(test_audio))}</ol>'
            + '<p class="esa4-heading">3. Compare</p>'
            + "<p>You can compare once you have heard every clip, as a rating is worth "
            + "nothing otherwise. Sliders that you leave alone count as 50. Your ratings "
            + "stay in this page: nothing is stored or sent.</p>"
            + f'<p role="status" data-part="status">Heard 0 of {len(labels)} clips.</p>'
            + '<button type="button" data-part="compare" disabled>Compare</button>'
            + '<div data-part="results" tabindex="-1" hidden>'
            + '<p data-part="sentence"></p><div class="esa4-columns">'
            + f"<div>{_roc_drawing(_roc_curves(labels, scores))}</div>"
            + f"<div>{_auc_table(labels, scores)}</div></div></div></div>"
        )
        audio = np.concatenate([train_audio, test_audio])
        data = _sound_data(audio, sr, names, gain_db) | {"labels": labels.tolist()}
        self.html = _fragment(
            "listening", self.id, "You against the detectors", body, data
        )


class ErrorMapViewer(_Widget):
    """What went into an autoencoder, what came out, and the error, with the sound.

    Parameters
    ----------
    spectrograms : array of shape (n_clips, n_mels, n_frames)
        What the autoencoder was given.
    reconstructions : array of the same shape
        What it made of it, in the same unit.
    errors : array of the same shape
        How far the two are apart, 0 or more.
    audio : array of shape (n_clips, n_samples)
        The clips, floats in [-1, 1].
    sr : float
        Sample rate in Hz.
    names : sequence of n_clips str
        What the clips are called.
    id : str
        The widget's id in the page, a different one for each.
    vmin, vmax : float, optional
        Values at the ends of the colour scale of spectrograms and reconstructions;
        by default the lowest and the highest value of all spectrograms.
    max_error : float, optional
        Error at the end of its colour scale, which starts at 0; by default the
        largest one of all clips.
    unit, error_unit : str
        What spectrograms and errors are measured in.
    gain_db : float
        Gain in dB of what is heard, the same for all clips. What then exceeds
        [-1, 1] is an error, as it would distort.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, a clip is beyond [-1, 1] after
        the gain, limits are not in order, or the id is no plain word.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> from esa4_helpers import log_mel_spectrogram, make_synthetic_dataset
    >>> clips = make_synthetic_dataset(n_train=2, n_test_normal=1, n_test_anomaly=1)
    >>> S = log_mel_spectrogram(clips.audio, clips.sr)
    >>> flat = np.broadcast_to(S.mean(axis=2, keepdims=True), S.shape)
    >>> ErrorMapViewer(S, flat, (S - flat) ** 2, clips.audio, clips.sr, clips.names)
    ErrorMapViewer(id='errormaps')
    """

    def __init__(
        self,
        spectrograms: ArrayLike,
        reconstructions: ArrayLike,
        errors: ArrayLike,
        audio: ArrayLike,
        sr: float,
        names: Sequence[str],
        id: str = "errormaps",
        *,
        vmin: float | None = None,
        vmax: float | None = None,
        max_error: float | None = None,
        unit: str = "dB",
        error_unit: str = "squared error",
        gain_db: float = 0.0,
    ) -> None:
        self.id = _check_id(id)
        audio = check_clips(audio)
        names = _check_names(names, len(audio))
        S = _check_map(spectrograms, "spectrograms", len(audio))
        rebuilt = _check_map(reconstructions, "reconstructions", len(audio), S.shape)
        errors = _check_map(errors, "errors", len(audio), S.shape)
        limits = (S.min() if vmin is None else vmin, S.max() if vmax is None else vmax)
        error_limits = (0.0, errors.max() if max_error is None else max_error)
        panels = (
            ("spectrogram", "Mel spectrogram", S, limits, unit),
            ("reconstruction", "Reconstructed spectrogram", rebuilt, limits, unit),
            ("error", "Map of the error", errors, error_limits, error_unit),
        )
        pictures = {key: _pngs(maps, *ends) for key, _, maps, ends, _ in panels}
        figures = "".join(
            _figure(
                title,
                _picture(
                    pictures[key][0],
                    f"{title} of {names[0]}",
                    f'data-image="{key}" data-what="{title}"',
                ),
                _scale(*ends, measure),
            )
            for key, title, _, ends, measure in panels
        )
        body = (
            f'<p class="esa4-live" hidden>{_select(f"{id}-clip", "Clip", names, "clip")} '
            '<button type="button" data-part="play">Play</button></p>'
            f'<div class="esa4-columns">{figures}</div><p>{_axes_text(audio, sr)}</p>'
        )
        data = _sound_data(audio, sr, names, gain_db) | pictures
        self.html = _fragment("errormaps", self.id, "Error maps", body, data)


# What comes in.


def _check_id(id: str) -> str:
    if not isinstance(id, str):
        raise TypeError(f"id must be a text, got {id!r}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", id):
        raise ValueError(
            f"id must start with a letter and go on with letters, digits, - or _ only, "
            f"got {id!r}"
        )
    return id


def _check_names(names: Sequence[str], n_clips: int) -> list[str]:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"names must be a sequence of texts, one for each clip, got {names!r}"
        )
    if len(names) != n_clips:
        raise ValueError(f"names has {len(names)} entries for {n_clips} clips in audio")
    return list(map(str, names))


def _check_mapping(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(values, Mapping) or not all(
        isinstance(key, str) for key in values
    ):
        raise TypeError(f"{name} must map a text to an array each, got {values!r}")
    return values


def _check_numbers(
    values: Mapping[str, ArrayLike], name: str, n_clips: int
) -> dict[str, np.ndarray]:
    """Return one float64 for each clip under each key."""
    checked = {}
    for key, numbers in _check_mapping(values, name).items():
        numbers = np.asarray(numbers, dtype=np.float64)
        if numbers.shape != (n_clips,):
            raise ValueError(
                f"{name}[{key!r}] must have one entry for each of the {n_clips} clips, "
                f"got the shape {numbers.shape}"
            )
        check_finite(numbers, f"{name}[{key!r}]")
        checked[key] = numbers
    return checked


def _check_groups(
    groups: Mapping[str, ArrayLike], names: list[str]
) -> dict[str, np.ndarray]:
    """Return the clips of each group, by their numbers."""
    masks = {
        group: check_labels(mask, f"groups[{group!r}]", len(names))
        for group, mask in _check_mapping(groups, "groups").items()
    }
    memberships = sum(masks.values(), np.zeros(len(names), dtype=int))
    wrong = np.flatnonzero(memberships != 1)
    if wrong.size:
        raise ValueError(
            f"groups must hold each clip once, but hold {names[wrong[0]]!r} "
            f"{memberships[wrong[0]]} times"
        )
    return {group: np.flatnonzero(mask) for group, mask in masks.items()}


def _check_scores(
    labels: np.ndarray, scores: Mapping[str, ArrayLike]
) -> dict[str, np.ndarray]:
    checked = _check_numbers(scores, "scores", len(labels))
    if not checked:
        raise ValueError("scores must hold at least one detector, got none")
    for values in checked.values():
        check_labels_and_scores(labels, values)
    return checked


def _check_map(
    maps: ArrayLike, name: str, n_clips: int, shape: tuple[int, ...] | None = None
) -> np.ndarray:
    maps = check_spectrograms(maps, name)
    if len(maps) != n_clips:
        raise ValueError(f"{name} has {len(maps)} entries for {n_clips} clips in audio")
    if shape is not None and maps.shape != shape:
        raise ValueError(
            f"{name} must have the shape of the spectrograms, {shape}, got {maps.shape}"
        )
    return maps


def _check_maps(
    maps: Mapping[str, ArrayLike], scores: Mapping[str, np.ndarray], n_clips: int
) -> dict[str, np.ndarray]:
    unknown = set(_check_mapping(maps, "maps")) - set(scores)
    if unknown:
        raise ValueError(
            f"maps must be of detectors in scores, {sorted(scores)}, "
            f"got one of {sorted(unknown)[0]!r}"
        )
    return {
        detector: _check_map(values, f"maps[{detector!r}]", n_clips)
        for detector, values in maps.items()
    }


# Sounds and pictures, as addresses that hold all they lead to.


def _sound_data(
    audio: np.ndarray, sr: float, names: list[str], gain_db: float
) -> dict[str, Any]:
    """What the script needs to play the clips."""
    players = [
        ClipPlayer(clip, sr, name, gain_db=gain_db)
        for clip, name in zip(audio, names, strict=True)
    ]
    return {
        "names": names,
        "duration": audio.shape[1] / sr,
        "sounds": [_address(player.mp3, "audio/mpeg") for player in players],
    }


def _spectrogram_pictures(
    audio: np.ndarray, sr: float, vmin: float, vmax: float
) -> list[str]:
    sr = check_sample_rate(sr)
    heard = librosa.resample(audio.astype(np.float64), orig_sr=sr, target_sr=_SR)
    return _pngs(log_mel_spectrogram(heard, _SR, n_mels=_N_MELS), vmin, vmax)


def _pngs(maps: np.ndarray, vmin: float, vmax: float) -> list[str]:
    """Draw each map without axes, low frequencies at the bottom."""
    if check_number(vmin, "vmin") > check_number(vmax, "vmax"):
        raise ValueError(f"vmin must not be above vmax, got {vmin:g} and {vmax:g}")
    return [_png(S, vmin, vmax) for S in maps]


def _png(S: np.ndarray, vmin: float, vmax: float) -> str:
    buffer = io.BytesIO()
    imsave(
        buffer,
        S,
        vmin=vmin,
        vmax=vmax,
        cmap="magma",
        origin="lower",
        format="png",
        metadata={"Software": None},
    )
    return _address(buffer.getvalue(), "image/png")


def _figure_png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return _address(buffer.getvalue(), "image/png")


def _address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


# What the gallery shows.


def _sort_by_name(names: list[str]) -> dict[str, list]:
    order = sorted(range(len(names)), key=names.__getitem__)
    return {"order": order, "values": [""] * len(names)}


def _sort_by_number(numbers: np.ndarray) -> dict[str, list]:
    order = np.argsort(numbers, kind="stable").tolist()
    return {"order": order, "values": [f"{number:.4g}" for number in numbers]}


def _tiles(
    id: str, group: str, clips: np.ndarray, names: list[str], pictures: list[str]
) -> str:
    tiles = "".join(
        f'<li><button type="button" class="esa4-tile" data-clip="{i}" aria-pressed="false">'
        + _picture(pictures[i], f"Log-mel spectrogram of {names[i]}")
        + f'<span aria-hidden="true">{html.escape(names[i])}</span>'
        + '<span class="esa4-value"></span></button></li>'
        for i in clips
    )
    return (
        f'<p class="esa4-heading" id="{id}">{html.escape(group)}</p>'
        f'<ul class="esa4-tiles" aria-labelledby="{id}">{tiles}</ul>'
    )


# What the threshold explorer shows.


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
    labels: np.ndarray, scores: np.ndarray, names: list[str], maps: np.ndarray | None
) -> dict[str, Any]:
    """Everything about one detector that the script shows on demand."""
    thresholds = _thresholds(scores)
    place = _axis_scale(thresholds)
    cuts = [_cut(labels, scores, threshold, place) for threshold in thresholds]
    data = {
        "auc": _two_digits(auc(labels, scores)),
        "roc": _points([cut["point"] for cut in cuts]),
        "cuts": cuts,
        "labels": _dot_labels(labels, scores, names),
    }
    if maps is None:
        return data
    low, high = min(0.0, maps.min()), maps.max()
    return data | {
        "maps": _pngs(maps, low, high),
        "mapends": [f"{low:.4g}", f"{high:.4g}"],
    }


def _cut(
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    place: Callable[[float], float],
) -> dict[str, Any]:
    """What one threshold leads to, as texts for the tables and places to draw."""
    report = alarm_report(labels, scores, threshold)
    counts = confusion_matrix(labels, scores > threshold, labels=[False, True])
    (quiet, false_alarms), (missed, found) = counts.tolist()
    return {
        "x": place(threshold),
        "point": [report["false_alarm_rate"], report["recall"]],
        "texts": {name: _two_digits(value) for name, value in report.items()}
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


def _two_digits(value: float) -> str:
    return "NaN (no alarm)" if isnan(value) else f"{value:.2f}"


def _axis_scale(thresholds: list[float]) -> Callable[[float], float]:
    """Return a function from scores to places on the axis."""
    ends, places = (thresholds[0], thresholds[-1]), (_MARGIN, _WIDTH - _MARGIN)
    return lambda value: round(float(np.interp(value, ends, places)), 1)


def _dot_labels(labels: np.ndarray, scores: np.ndarray, names: list[str]) -> list[str]:
    return [
        f"{name}, {'abnormal' if label else 'normal'}, score {score:.4g}"
        for name, label, score in zip(names, labels, scores, strict=True)
    ]


def _lanes(places: np.ndarray) -> np.ndarray:
    """Spread dots over lanes, each in the first one where it touches no other."""
    lanes, ends = np.zeros(len(places), dtype=int), []
    for i in np.argsort(places, kind="stable"):
        free = (lane for lane, end in enumerate(ends) if places[i] - end >= _DOT)
        lanes[i] = next(free, len(ends))
        ends[lanes[i] : lanes[i] + 1] = [places[i]]
    return lanes


def _score_axis(
    detector: int, labels: np.ndarray, scores: np.ndarray, names: list[str]
) -> str:
    """Draw one detector's scores: a band for each class, above a common axis."""
    thresholds = _thresholds(scores)
    place = _axis_scale(thresholds)
    places = np.array([place(score) for score in scores])
    texts = _dot_labels(labels, scores, names)
    drawing, top = [], 0
    for abnormal, title in ((False, "● normal"), (True, "◆ abnormal")):
        clips = np.flatnonzero(labels == abnormal)
        lanes = _lanes(places[clips])
        drawing.append(f'<text x="2" y="{top + 14}">{title}</text>')
        drawing += [
            _dot(i, places[i], top + 20 + _DOT * (lane + 0.5), abnormal, texts[i])
            for i, lane in zip(clips, lanes, strict=True)
        ]
        top += 24 + _DOT * (int(lanes.max()) + 1)
    ticks = "".join(
        f'<path class="esa4-frame" d="M{place(tick)} {top}v5"/>'
        f'<text x="{place(tick)}" y="{top + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in MaxNLocator(5).tick_values(thresholds[0], thresholds[-1])
        if thresholds[0] <= tick <= thresholds[-1]
    )
    return (
        f'<div data-axis="{detector}" hidden><svg viewBox="0 0 {_WIDTH} {top + 38}" '
        'role="group" aria-label="Scores of the test clips">'
        f'<rect class="esa4-alarm" y="0" height="{top}"/>'
        f'<path class="esa4-frame" d="M0 {top}H{_WIDTH}"/>{ticks}'
        f'<text x="{_WIDTH / 2:g}" y="{top + 34}" text-anchor="middle">anomaly score</text>'
        f'<line class="esa4-threshold" y1="0" y2="{top}"/>{"".join(drawing)}</svg></div>'
    )


def _dot(clip: int, x: float, y: float, abnormal: bool, text: str) -> str:
    shape = (
        '<path class="esa4-abnormal" d="M0-8 8 0 0 8-8 0Z"/>'
        if abnormal
        else '<circle class="esa4-normal" r="6.5"/>'
    )
    return (
        f'<g class="esa4-dot" role="button" tabindex="0" aria-pressed="false" '
        f'data-clip="{clip}" aria-label="{html.escape(text)}" '
        f'transform="translate({x:g} {y:g})">'
        f'<circle class="esa4-hit" r="{_DOT / 2:g}"/>{shape}</g>'
    )


def _clip_pictures(
    audio: np.ndarray,
    sr: float,
    pictures: list[str],
    maps: dict[str, np.ndarray],
    vmin: float,
    vmax: float,
) -> str:
    """The chosen clip's spectrogram and map; before a choice, some clip's, hidden."""
    spectrogram = _picture(
        pictures[0], "Log-mel spectrogram of a clip", 'data-part="spectrogram"'
    )
    figures = _figure(
        "Spectrogram, to 8 kHz",
        spectrogram,
        _scale(vmin, vmax, "dB"),
        ' class="esa4-small"',
    )
    if maps:
        picture = _picture(pictures[0], "Anomaly map of a clip", 'data-part="map"')
        scale = _scale_between(
            '<span data-part="maplow"></span>',
            '<span data-part="maphigh"></span>',
        )
        figures += _figure(
            "Anomaly map (no unit)",
            picture,
            scale,
            ' class="esa4-small" data-part="mapfigure"',
        )
    return (
        '<div data-part="pictures" hidden><p data-part="clip"></p>'
        f'<div class="esa4-columns">{figures}</div><p>{_axes_text(audio, sr)}</p></div>'
    )


def _outcome_tables() -> str:
    """Empty tables: the script fills in the parts by their names."""
    measures = {
        "precision": "Precision",
        "recall": "Recall",
        "f1": "F1",
        "false_alarm_rate": "False-alarm rate",
        "auc": "AUC (any threshold)",
    }
    rows = "".join(
        f'<tr><th scope="row">{title}</th><td data-part="{part}"></td></tr>'
        for part, title in measures.items()
    )
    return (
        "<table><caption>Confusion matrix</caption>"
        '<thead><tr><th scope="col">Clip</th><th scope="col">No alarm</th>'
        '<th scope="col">Alarm</th></tr></thead><tbody>'
        '<tr><th scope="row">normal</th>'
        '<td data-part="quiet"></td><td data-part="false_alarms"></td></tr>'
        '<tr><th scope="row">abnormal</th>'
        '<td data-part="missed"></td><td data-part="found"></td></tr></tbody></table>'
        f"<table><caption>Measures</caption><tbody>{rows}</tbody></table>"
    )


def _scores_still(labels: np.ndarray, scores: dict[str, np.ndarray]) -> str:
    # The default style, whatever the notebook has set: the same bytes each time.
    with plt.style.context("default"):
        figure = Figure(figsize=(4, 3 * len(scores)), layout="constrained")
        panels = figure.subplots(len(scores), squeeze=False)[:, 0]
        for ax, (detector, values) in zip(panels, scores.items(), strict=True):
            title = f"{detector}, AUC = {_two_digits(auc(labels, values))}"
            plot_scores(labels, values, title=_plain(title), ax=ax)
        alt = f"Anomaly scores of normal and abnormal test clips by {', '.join(scores)}"
        return _still(figure, alt)


# What the listening test shows.


def _training_buttons(n_clips: int) -> str:
    return "".join(
        f'<button type="button" data-train="{i}" data-what="normal clip {i + 1}">'
        f"Play normal clip {i + 1}</button>"
        for i in range(n_clips)
    )


def _rating_rows(id: str, n_clips: int) -> str:
    return "".join(
        f'<li data-row="{i}"><button type="button" data-what="clip {i}">'
        f'Play clip {i}</button><input type="range" id="{id}-rating-{i}" min="0" '
        f'max="100" step="1" value="50" aria-label="How abnormal does clip {i} sound?">'
        f'<output for="{id}-rating-{i}"></output><span class="esa4-truth"></span></li>'
        for i in range(1, n_clips + 1)
    )


def _roc_curves(labels: np.ndarray, scores: dict[str, np.ndarray]) -> str:
    """Draw the detectors' curves, each in its own colour and dashes."""
    drawing = ""
    for i, values in enumerate(scores.values()):
        false_alarms, recall, _ = roc_curve(labels, values, drop_intermediate=False)
        points = _points(np.column_stack([false_alarms, recall]))
        drawing += f'<polyline class="esa4-curve {_line(i)}" points="{points}"/>'
    return drawing


def _line(detector: int) -> str:
    return f"esa4-curve-{detector % 4}"


def _auc_table(labels: np.ndarray, scores: dict[str, np.ndarray]) -> str:
    def row(line: str, who: str, value: str) -> str:
        key = (
            '<svg class="esa4-key" width="32" height="8" aria-hidden="true">'
            f'<path class="esa4-curve {line}" d="M0 4H32"/></svg>'
        )
        return f'<tr><th scope="row">{key} {html.escape(who)}</th>{value}</tr>'

    rows = row("", "You", '<td data-part="auc"></td>') + "".join(
        row(_line(i), detector, f"<td>{_two_digits(auc(labels, values))}</td>")
        for i, (detector, values) in enumerate(scores.items())
    )
    return (
        "<table><caption>Who tells them apart?</caption>"
        '<thead><tr><th scope="col">Who</th><th scope="col">AUC</th></tr></thead>'
        f"<tbody>{rows}</tbody></table><p>An AUC of 1 is perfect, 0.5 is guessing.</p>"
    )


def _roc_still(labels: np.ndarray, scores: dict[str, np.ndarray]) -> str:
    with plt.style.context("default"):
        figure = Figure(figsize=(4, 4), layout="constrained")
        ax = figure.subplots()
        for detector, values in scores.items():
            plot_roc(labels, values, label=_plain(detector), ax=ax)
        return _still(figure, f"ROC curves of the detectors {', '.join(scores)}")


# What several of them show. Texts are escaped here, where they enter the page.


def _select(id: str, label: str, options: list[str], part: str) -> str:
    items = "".join(
        f'<option value="{i}">{html.escape(text)}</option>'
        for i, text in enumerate(options)
    )
    return (
        f'<label for="{id}">{label}:</label> '
        f'<select id="{id}" data-part="{part}">{items}</select>'
    )


def _picture(address: str, alt: str, attributes: str = "") -> str:
    return (
        f'<span class="esa4-picture"><img src="{address}" alt="{html.escape(alt)}" '
        f'{attributes}><span class="esa4-head" hidden></span></span>'
    )


def _figure(title: str, picture: str, scale: str, attributes: str = "") -> str:
    return (
        f"<figure{attributes}><figcaption>{title}</figcaption>{picture}{scale}</figure>"
    )


def _scale(low: float, high: float, unit: str) -> str:
    return _scale_between(f"{low:.4g}", f"{high:.4g} {html.escape(unit)}")


def _scale_between(low: str, high: str) -> str:
    return (
        f'<span class="esa4-scale">{low} <span class="esa4-bar" role="img" '
        f'aria-label="(black) to (light yellow)"></span> {high}</span>'
    )


def _axes_text(audio: np.ndarray, sr: float, top: str = "") -> str:
    return (
        f"Time runs to the right, from 0 to {audio.shape[1] / sr:.3g} s; frequency runs "
        f"upwards{top} on a mel scale."
    )


def _roc_drawing(inside: str) -> str:
    """Frame a ROC curve of the script's and more; both rates run from 0 to 1 inside."""
    return (
        '<svg class="esa4-roc" viewBox="0 0 240 246" role="img" data-part="roc" '
        'aria-label="ROC curves: recall against false-alarm rate">'
        '<g transform="translate(32 208) scale(200 -200)">'
        '<path class="esa4-frame" d="M0 0H1V1H0Z"/>'
        f'<path class="esa4-guess" d="M0 0 1 1"/>{inside}'
        '<polyline class="esa4-curve" data-part="curve"/></g>'
        '<text x="32" y="222" text-anchor="middle">0</text>'
        '<text x="232" y="222" text-anchor="middle">1</text>'
        '<text x="22" y="212" text-anchor="end">0</text>'
        '<text x="22" y="14" text-anchor="end">1</text>'
        '<text x="132" y="238" text-anchor="middle">false-alarm rate</text>'
        '<text transform="translate(16 108) rotate(-90)" text-anchor="middle">'
        "recall</text></svg>"
    )


def _points(points: Sequence) -> str:
    return " ".join(f"{x:.4g},{y:.4g}" for x, y in points)


def _plain(text: str) -> str:
    """Keep matplotlib from reading a formula into a name."""
    return text.replace("$", r"\$")


def _still(figure: Figure, alt: str) -> str:
    """A picture for where scripts are off; the script takes it away."""
    return (
        f'<p class="esa4-still"><img src="{_figure_png(figure)}" '
        f'alt="{html.escape(alt)}"></p>'
    )


def _fragment(kind: str, id: str, title: str, body: str, data: dict[str, Any]) -> str:
    # A "<" in a name must not end the script that holds the data.
    numbers = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<section class="esa4-widget" id="{id}" data-kind="{kind}" aria-label="{title}">'
        f'{body}<script type="application/json">{numbers}</script></section>'
        f"<style>{_static('interactive.css')}</style>"
        f"<script>{_static('interactive.js')}</script>"
    )


@cache
def _static(name: str) -> str:
    return (files(__package__) / "static" / name).read_text(encoding="utf-8")
