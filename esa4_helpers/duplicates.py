"""Clips that share their sound: repeated ones, and pieces that overlap.

Such clips are no independent witnesses. Dealt to folds one by one, a copy of each held-out
clip stays among those that a detector is fitted to, and its threshold promises too much.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ._checks import check_clips

# An anchor is larger than all samples so near to it: about a hundred in a second.
_REACH = 80
# So many distances in a row make a mark. By chance, the same one comes twice among some
# million.
_DISTANCES = 3
# More than any distance between anchors.
_DISTANCE_RANGE = 2**12
# The lowest of so many parts of the band is so smooth that anchors can be placed between
# samples: pieces that were resampled one by one have their anchors there, too.
_BANDS = 4
# In samples: distances that differ by less are the same.
_STEP = 2
# In samples, how far back the flattening of a spectrum hears: tones are longer.
_MEMORY = 320
# Below this power, 16 bits hold rounding and no sound: 20 dB above the noise of their step.
_ROUNDING = 100 * 2.0**-30 / 12
# A clip is looked at in so many parts, and so many must be shared. Of all pairs of different
# clips that were tried, real and synthetic, none shared more than two parts; windows that
# overlap by half share six or more, by 80 % seven or more.
_PARTS = 20
_SHARED_PARTS = 4
# Short clips have few marks. With two in common they are suspected, and all their anchors
# are compared. No pair of different clips had more than ten of these, or a tenth, in common.
_SUSPECT_PARTS = 2
_LEAST_MET = 12
_SHARE_MET = 0.1
# In samples: a shift is known to one, and anchors lie between samples.
_NEAR = 2
# Neighbours in a list of equal marks that are compared; copies of copies are joined anyhow.
_NEIGHBOURS = 8


class NearDuplicatesWarning(UserWarning):
    """Training clips share their sound, and nobody said which ones belong together.

    A detector is fitted all the same, but its threshold is too low for new clips: say
    with ``groups`` which recording each clip comes from.
    """


def near_duplicates(audio: ArrayLike) -> np.ndarray:
    """Find clips that share a fifth of their sound or more, and some tenths of a second.

    Repeated clips are found at any gain, and pieces of one recording if they overlap. Two
    takes of the same steady machine are not: however alike they sound, their samples
    differ.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1].

    Returns
    -------
    ndarray of shape (n_clips,)
        For each clip the number of the first one that it shares sound with, directly or
        over others: its own number if there is none. Can be used as ``groups``.

    Raises
    ------
    ValueError
        If ``audio`` has another shape, is empty or holds NaN or infinity.
    TypeError
        If ``audio`` does not hold floats.

    Notes
    -----
    The spectrum of a clip is flattened, so that tones and hum don't count. What is left
    has a largest sample in every few milliseconds, and the distances between these are
    a mark of that very moment, whatever the gain. Clips are taken for the same if they
    have such marks in common, all shifted by the same time, in at least a fifth of their
    length; or two marks, and then at least twelve such largest samples and a tenth of all.

    So an overlap shows if it is a fifth of the clips' length or more *and* lasts 6,400
    samples (0.4 s at 16 kHz): 80 % of clips of 0.5 s, 40 % of 1 s, 20 % of 2 s. Most of
    those from 4,800 samples on are found as well. Clips of 4,000 samples must overlap by
    95 %; shorter ones have too few marks.

    Examples
    --------
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal(40000)
    >>> near_duplicates([noise[:16000], noise[20000:36000], 0.5 * noise[4000:20000]])
    array([0, 1, 0])
    """
    audio = check_clips(audio)
    return _join_marks([_marks_of(clip) for clip in audio], audio.shape[1])


def _marks_of(clip: np.ndarray) -> np.ndarray:
    """Where in a clip each mark is, and a number that is the same for the same mark."""
    n_samples = len(clip)
    spectrum = fft.rfft(clip.astype(np.float32))
    power = spectrum.real**2 + spectrum.imag**2
    smooth = uniform_filter1d(power, max(3, n_samples // _MEMORY), mode="nearest")
    spectrum /= np.sqrt(smooth + _ROUNDING * n_samples)
    spectrum[round(len(spectrum) / _BANDS) :] = 0
    flat = np.abs(fft.irfft(spectrum, n_samples))
    is_largest = (flat == maximum_filter1d(flat, 2 * _REACH + 1)) & (flat > 0)
    anchors = np.flatnonzero(is_largest[1:-1]) + 1
    if len(anchors) <= _DISTANCES:
        return np.empty((0, 2), np.int64)
    before, top, after = flat[anchors - 1], flat[anchors], flat[anchors + 1]
    # The top of a parabola through three samples; at least one of the two lies lower.
    between = (before - after) / (2 * (before - 2 * top + after) - 1e-20)
    distances = (np.diff(anchors + between) / _STEP).round().astype(np.int64)
    runs = np.lib.stride_tricks.sliding_window_view(distances, _DISTANCES)
    marks = runs @ _DISTANCE_RANGE ** np.arange(_DISTANCES)
    return np.column_stack([anchors[: len(marks)], marks])


def _join_marks(marks: list[np.ndarray], n_samples: int) -> np.ndarray:
    """As from `near_duplicates`, by marks alone, which take a thousandth of the memory."""
    n_clips = len(marks)
    clip = np.repeat(np.arange(n_clips), [len(m) for m in marks])
    position, mark = np.concatenate(marks).T
    order = np.lexsort((clip, mark))
    clip, position, mark = clip[order], position[order], mark[order]
    pairs = []
    for step in range(1, _NEIGHBOURS + 1):
        same = (mark[step:] == mark[:-step]) & (clip[step:] != clip[:-step])
        a = np.flatnonzero(same)
        # Rounded, as anchors between samples may go to either.
        shift = (position[a + step] - position[a] + 1) // 3
        part = position[a] * _PARTS // n_samples
        pairs.append(np.column_stack([clip[a], clip[a + step], shift, part]))
    parts = np.unique(np.concatenate(pairs), axis=0)
    pairs, n_parts = np.unique(parts[:, :3], axis=0, return_counts=True)
    is_sure = n_parts >= _SHARED_PARTS
    for i in np.flatnonzero((n_parts >= _SUSPECT_PARTS) & ~is_sure):
        one, other, shift = pairs[i]
        is_sure[i] = _meet(marks[one][:, 0] + 3 * shift, marks[other][:, 0])
    one, other = pairs[is_sure, :2].T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(n_clips, n_clips))
    _, group = connected_components(graph)
    _, first = np.unique(group, return_index=True)
    return first[group]


def _meet(anchors: np.ndarray, others: np.ndarray) -> bool:
    """Tell whether two clips have more anchors at the same moments than by chance."""
    first = np.searchsorted(others, anchors - _NEAR)
    last = np.searchsorted(others, anchors + _NEAR, side="right")
    n_met = np.count_nonzero(last > first)
    return n_met >= max(_LEAST_MET, _SHARE_MET * min(len(anchors), len(others)))


def _repeats(X: ArrayLike) -> np.ndarray:
    """As from `near_duplicates`, for exact copies of samples of whatever kind."""
    first: dict[bytes, int] = {}
    rows = np.asarray(X)
    return np.array([first.setdefault(row.tobytes(), i) for i, row in enumerate(rows)])


def _warn_of_duplicates(first: np.ndarray) -> None:
    """Say how many clips share their sound, and name two of them."""
    alike = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    if not alike.size:
        return
    one, other = np.flatnonzero(first == first[alike[0]])[:2]
    warnings.warn(
        f"{len(alike)} of {len(first)} training clips share their sound with others (such "
        f"as clips {one} and {other}): they count as {len(np.unique(first))} clips at "
        "most, and new clips will raise more false alarms than promised. Say with groups= "
        "which recording each clip comes from, or drop the repeated ones",
        NearDuplicatesWarning,
        stacklevel=3,
    )
