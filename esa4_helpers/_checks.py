"""Checks of what comes in, shared by the whole package.

Each returns its argument in the form that the caller computes with, or raises
a ValueError or TypeError that names the argument and says how to mend it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# Floats beyond this are no audio in [-1, 1], but 16-bit samples in disguise. It leaves
# room for what filters and synthetic noise overshoot.
LARGEST_SAMPLE = 32.0

# Squares of other numbers than these, summed up, are lost as 0 or infinity.
_RANGE_OF_SQUARES = 1e-140, 1e140

# Recorders for sound start at 8 kHz; less than this is no rate in Hz.
LEAST_RATE = 1000

# A clip whose samples differ by less holds no sound: one step of 16 bits is 3e-5.
_LEAST_SWING = 1e-5


def check_number(value: float, name: str) -> float:
    """Return a finite real number as it came."""
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return value


def check_sample_rate(sr: float, *, at_least: float = LEAST_RATE) -> float:
    check_number(sr, "sr")
    if sr < at_least:
        hint = f": give it in Hz, sr={1000 * sr:g}" if 4 <= sr < LEAST_RATE else ""
        raise ValueError(f"sr must be at least {at_least:g} Hz, got {sr!r}{hint}")
    return sr


def check_duration(duration: float, *, at_least: float) -> float:
    check_number(duration, "duration")
    if duration < at_least:
        raise ValueError(f"duration must be at least {at_least} s, got {duration!r}")
    return float(duration)


def check_count(count: int, name: str, *, at_least: int = 0) -> int:
    if not isinstance(count, Integral) or isinstance(count, (bool, np.bool_)):
        raise TypeError(f"{name} must be a whole number, got {count!r}")
    if count < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {count}")
    return int(count)


def check_array(array: ArrayLike, name: str) -> np.ndarray:
    """Return an array as numpy has it, unless some of it is masked."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost: leave out what is "
            "masked, or fill it by its filled() method"
        )
    return np.asarray(array)


def check_choice(value: object, name: str, choices: Sequence[Any]) -> Any:
    """Return the one of the choices that equals a value."""
    if isinstance(value, bool) or value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}"
        )
    return choices[choices.index(value)]


def check_clips(audio: ArrayLike, name: str = "audio") -> np.ndarray:
    """Return clips as a float array of shape (n_clips, n_samples), all numbers finite."""
    audio = check_sound(audio, name)
    # No larger array is made on the way than one number a clip.
    low, high = audio.min(axis=1), audio.max(axis=1)
    check_finite(np.column_stack([low, high]), name)
    largest = max(-low.min(), high.max())
    if largest > LARGEST_SAMPLE:
        raise ValueError(
            f"{name} should lie in [-1, 1] and reaches {largest:g}: these look like "
            "integer samples; divide 16-bit ones by 32768"
        )
    return audio


def check_sound(audio: ArrayLike, name: str = "audio") -> np.ndarray:
    """Return clips as a float array (n_clips, n_samples), whatever the sensor sent."""
    audio = _check_floats(audio, name, hint=" (divide 16-bit samples by 32768)")
    if audio.ndim != 2:
        hint = f"; use {name}[np.newaxis] for one clip" if audio.ndim == 1 else ""
        raise ValueError(
            f"{name} must have the shape (n_clips, n_samples), got {audio.shape}{hint}"
        )
    if not audio.shape[0]:
        raise ValueError(f"{name} holds no clip: its shape is {audio.shape}")
    if not audio.shape[1]:
        raise ValueError(f"the clips in {name} have length zero, shape {audio.shape}")
    return audio


def is_silent(audio: np.ndarray) -> np.ndarray:
    """Tell of each clip whether it holds no sound."""
    return np.ptp(audio, axis=-1) < _LEAST_SWING


def check_training_clips(audio: ArrayLike) -> np.ndarray:
    """Return clips that something can be learned from."""
    audio = check_clips(audio)
    if len(audio) < 2:
        raise ValueError(f"training needs at least 2 clips, got {len(audio)} in audio")
    silent = is_silent(audio)
    if silent.any():
        raise ValueError(
            f"{silent.sum()} of {len(audio)} training clips in audio are silent or "
            f"constant, first clip {np.flatnonzero(silent)[0]}: drop them, and see "
            "whether the recorder was on"
        )
    if not np.ptp(audio, axis=0).any():
        raise ValueError(
            f"all {len(audio)} training clips in audio are the same recording: there "
            "is nothing to learn about how normal clips differ"
        )
    return audio


def check_clip_length(audio: np.ndarray, n_samples: int, sr: float) -> None:
    """Compare clips with those that a detector was fitted to."""
    if audio.shape[1] != n_samples:
        raise ValueError(
            f"these clips have {audio.shape[1]} samples, the training clips had "
            f"{n_samples} ({n_samples / sr:g} s at {sr:g} Hz): cut the clips to the "
            "same length, and resample them first if they were recorded at another rate"
        )


def check_spectrograms(S: ArrayLike, name: str = "S") -> np.ndarray:
    """Return spectrograms as a float64 array (n_clips, n_mels, n_frames)."""
    S = _check_floats(S, name)
    if S.ndim != 3:
        hint = f"; use {name}[np.newaxis] for one clip" if S.ndim == 2 else ""
        raise ValueError(
            f"{name} must have the shape (n_clips, n_mels, n_frames), "
            f"got {S.shape}{hint}"
        )
    if not S.size:
        raise ValueError(f"{name} is empty: its shape is {S.shape}")
    check_finite(S, name)
    return S.astype(np.float64)


def check_levels(S: ArrayLike, name: str = "S") -> np.ndarray:
    """Return spectrograms that can be squared: levels in dB, or of any other unit."""
    S = check_spectrograms(S, name)
    how = "Give levels in dB, such as -60 to 20, as log_mel_spectrogram() does"
    return check_squares(S, name, how)


def check_squares(values: np.ndarray, name: str, how: str) -> np.ndarray:
    """Refuse numbers whose squares are lost, and say how to give them instead."""
    largest, (least, most) = np.abs(values).max(initial=0), _RANGE_OF_SQUARES
    if largest and not least <= largest <= most:
        raise ValueError(
            f"the largest amount in {name} is {largest:g}, and the squares of numbers "
            f"outside {least:g} to {most:g} are lost. {how}"
        )
    return values


def check_labels(labels: ArrayLike, name: str, n_clips: int) -> np.ndarray:
    """Return one bool for each clip, from True and False or 1 and 0."""
    labels = check_array(labels, name)
    if labels.shape != (n_clips,):
        raise ValueError(
            f"{name} must have one entry for each of the {n_clips} clips, "
            f"got the shape {labels.shape}"
        )
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"{name} must hold 0 and 1, or False and True, only; got {labels}"
        )
    return labels.astype(bool)


def check_scores(scores: ArrayLike, name: str) -> np.ndarray:
    """Return scores as float64, one for each clip, all of them finite."""
    scores = check_array(scores, name)
    if scores.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {scores.dtype}")
    scores = scores.astype(np.float64)
    if scores.ndim != 1:
        raise ValueError(f"{name} must have one entry a clip, got shape {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{name} must be finite, got {scores[~np.isfinite(scores)][0]} for clip "
            f"{np.flatnonzero(~np.isfinite(scores))[0]}"
        )
    return scores


def check_share(share: float, name: str) -> float:
    """Return a share that is neither nothing nor all."""
    check_number(share, name)
    if not 0 < share < 1:
        raise ValueError(f"{name} must be above 0 and below 1, got {share!r}")
    return float(share)


def check_groups(groups: ArrayLike | None, n_clips: int) -> np.ndarray | None:
    """Return which recording each clip comes from, of at least two, if that is known."""
    groups = as_groups(groups, n_clips)
    if groups is None:
        return None
    first, *others = np.unique(groups)
    if not others:
        raise ValueError(
            f"all {n_clips} clips come from one recording, {first}: none can be held "
            "out to place a threshold. Record the machine at least twice; nine recordings "
            "allow for one false alarm in ten"
        )
    return groups


def as_groups(groups: ArrayLike | None, n_clips: int) -> np.ndarray | None:
    """Return which recording each clip comes from, if that is known."""
    if groups is None:
        return None
    groups = check_array(groups, "groups")
    if groups.shape != (n_clips,):
        raise ValueError(
            f"groups must name the recording of each of the {n_clips} clips, got the "
            f"shape {groups.shape}"
        )
    if groups.dtype.kind == "O":
        groups = groups.astype(str)
    if groups.dtype.kind == "f" and np.isnan(groups).any():
        raise ValueError("groups holds NaN: say which recording each clip comes from")
    return groups


def check_finite(clips: np.ndarray, name: str) -> None:
    """Name the first clip that holds NaN or infinity."""
    bad = np.array([not np.isfinite(clip).all() for clip in clips])
    if bad.any():
        raise ValueError(
            f"{name} holds NaN or infinity in {bad.sum()} of {len(clips)} clips, "
            f"first in clip {np.flatnonzero(bad)[0]}: repair or drop these clips"
        )


def _check_floats(array: ArrayLike, name: str, hint: str = "") -> np.ndarray:
    try:
        array = check_array(array, name)
    except ValueError as error:
        raise ValueError(
            f"{name} must be one array of clips of the same length: {error}"
        ) from error
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"{name} must hold floats, got {array.dtype}{hint}")
    return array
