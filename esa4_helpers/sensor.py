"""Is it the machine that sounds odd, or does the sensor fail?

A dead microphone, a cable that comes loose and a gain that is set too high all give
sound that no machine makes. Detectors call it abnormal, but there is nothing to repair
on the machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._checks import is_silent

# What `sensor_fault` names, and what to do about it.
SENSOR_FAULTS = {
    "NaN": "some samples are NaN or infinite: see what lies before this program",
    "silence": "there is no sound at all: is the microphone connected and switched on?",
    "clipping": "the loudest parts are cut off: turn the gain down",
    "dropouts": "sound is missing in between: check cable, connection and recorder",
    "band limit": (
        "high frequencies are missing, or were missing in training: another recorder, "
        "sample rate or coder (such as MP3) is at work"
    ),
    "level": (
        "all bands alike are louder or quieter than in training, and nothing else is odd: "
        "gain or distance has changed, or the machine runs louder as a whole. Until it is "
        "known which, the promised rate of false alarms does not hold"
    ),
}

# What is cut off or missing begins and ends with a jump. The smooth top of a quiet hum is
# left by a step or two of the converter, and a click dies away in such steps.
_STEPS_OF_A_JUMP = 4
# From 16 bits to 8 bits: a signal's finest step is looked for in between.
_FINEST_STEP, _COARSEST_STEP = 2**-15, 2**-7
# A pure tone can touch its maximum once a period with a single sample, which is no rest.
# One knock that is cut off leaves the clip as it sounded. From one sample in a thousand
# on, cut peaks are heard as distortion, and spread over all frequencies.
_CLIPPED_SHARE = 1e-3
# Recorders leave out the last tenth of the band, gently. A coder or an upsampled file has a
# cliff, of 20 dB within 2 % of the band, and nothing behind it.
_CLIFF_DB = 20.0
_HIGHEST_EDGE = 0.9
# Recordings of nine machines rest for 10 samples at most. A recorder that can't keep up
# loses blocks of 64 or more; resampling to a lower rate leaves fewer.
_DROPOUT_SAMPLES = 32


def sensor_fault(clip: ArrayLike) -> str | None:
    """Name what is wrong with the sensor, if something is.

    Parameters
    ----------
    clip : array of shape (n_samples,)
        Floats in [-1, 1].

    Returns
    -------
    str or None
        One of ``SENSOR_FAULTS``, the gravest first (its last two take a detector that knows
        its training, see `judge_clips`): ``"NaN"`` for samples that are no
        numbers; ``"silence"`` for a clip that never changes; ``"clipping"`` if one sample
        in a thousand or more rests at the clip's maximum or minimum, reached and left in
        jumps; ``"dropouts"`` if the sound stands still for 32 samples or more between
        jumps, or between one and an end of the clip. None for what a machine can sound like.

    Notes
    -----
    Clipping is told by samples that are exactly the same. Resampling blurs them: look at
    what was recorded, at its own rate, with `hidden_fault`.

    Examples
    --------
    >>> sound = np.random.default_rng(0).normal(0, 0.1, 16000)
    >>> sensor_fault(sound) is None
    True
    >>> sensor_fault(np.clip(20 * sound, -1, 1))
    'clipping'
    >>> sound[4000:4320] = 0.0
    >>> sensor_fault(sound)
    'dropouts'
    """
    clip = np.asarray(clip)
    if not np.isfinite(clip).all():
        return "NaN"
    if is_silent(clip):
        return "silence"
    rests = _Rests.of(clip)
    if rests.n_clipped(len(clip)):
        return "clipping"
    return "dropouts" if len(rests.dropouts()) else None


def hidden_fault(recorded: ArrayLike) -> str | None:
    """Name what is wrong with the sensor, where resampling or mixing would hide it.

    Parameters
    ----------
    recorded : array of shape (n_frames, n_channels)
        What a clip is made of, as it was recorded: floats in [-1, 1].

    Returns
    -------
    str or None
        ``"clipping"`` if a channel is clipped, else ``"dropouts"`` if one drops out. All
        else is seen in the clip itself.

    Examples
    --------
    >>> sound = np.random.default_rng(0).normal(0, 0.1, (48000, 2))
    >>> hidden_fault(sound) is None
    True
    >>> sound[:, 1] = np.clip(20 * sound[:, 1], -1, 1)
    >>> hidden_fault(sound)
    'clipping'
    """
    faults = {sensor_fault(channel) for channel in np.asarray(recorded).T}
    return next((fault for fault in ("clipping", "dropouts") if fault in faults), None)


class _Rests(NamedTuple):
    """Where a signal rests between jumps: from where, for how many samples, and how."""

    starts: np.ndarray
    lengths: np.ndarray
    is_extreme: np.ndarray

    @classmethod
    def of(cls, clip: np.ndarray) -> _Rests:
        steps = np.abs(np.diff(clip))
        finest = steps.min(initial=_COARSEST_STEP, where=steps.astype(bool))
        least_jump = _STEPS_OF_A_JUMP * max(finest, _FINEST_STEP)
        # The clip's own ends count as jumps, too.
        steps = np.concatenate([[np.inf], steps, [np.inf]])
        borders = np.flatnonzero(np.diff(steps.astype(bool)))
        before, after = borders[::2], borders[1::2] + 1
        is_abrupt = (steps[before] > least_jump) & (steps[after] > least_jump)
        starts, values = before[is_abrupt], clip[before[is_abrupt]]
        # Of a clip that never changes, they are both.
        is_extreme = (values == clip.max()) != (values == clip.min())
        return cls(starts, (after - before)[is_abrupt], is_extreme)

    def n_clipped(self, n_samples: int) -> int:
        """How many of so many samples are cut off; 0 if they are too few to matter."""
        n = int(self.lengths[self.is_extreme].sum())
        return n if n >= _CLIPPED_SHARE * n_samples else 0

    def dropouts(self) -> np.ndarray:
        """Where sound is missing for a while."""
        return self.starts[(self.lengths >= _DROPOUT_SAMPLES) & ~self.is_extreme]


def edge_of_band(levels: np.ndarray) -> float | None:
    """Find where a spectrum falls off a cliff, with nothing behind it.

    Parameters
    ----------
    levels : array of shape (n_bands,)
        Level in dB in a hundred or so bands of equal width, from 0 to half the sample rate.

    Returns
    -------
    float or None
        The edge, as a share of the range, if there is one below nine tenths of it.

    Examples
    --------
    >>> levels = np.full(100, -60.0)
    >>> edge_of_band(levels) is None
    True
    >>> levels[41:] = -100.0
    >>> edge_of_band(levels)
    0.4
    """
    for i in range(5, int(_HIGHEST_EDGE * len(levels))):
        if np.median(levels[i - 5 : i]) - levels[i + 1 :].max() >= _CLIFF_DB:
            return i / len(levels)
    return None
