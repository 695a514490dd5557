"""What a detector promises, and whether new recordings are such that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..alarms import _LARGEST_UNEVENNESS, _known_edge
from ..health import _DRIFT_DB
from ..training import Training, unevenness

# Now and then a normal clip is loud by itself.
_OFTEN = 0.05
# What is so with fewer clips is a matter of those clips, which are named one by one.
_MOST = 0.5
_SECONDS_OF_A_DAY = 86400


class Drift(NamedTuple):
    """How new clips differ from those of the training, as a whole."""

    gain: float
    share_outside: float
    share_uneven: float
    reasons: tuple[str, ...]


class Promise(NamedTuple):
    """What share of normal clips may raise an alarm, and what speaks against it."""

    rate: float | None
    expected: float | None
    kept: bool
    reasons: tuple[str, ...]


def drift_since(
    training: Training,
    levels: np.ndarray,
    spectra: np.ndarray,
    sensor: Sequence[str | None],
) -> Drift:
    """Compare clips that hold sound with those of the training."""
    by_level, by_band = (
        np.mean([fault == kind for fault in sensor]) for kind in ("level", "band limit")
    )
    gain = float(np.median(levels)) - training.typical_level
    quietest, loudest = training.levels
    outside = float(np.mean((levels < quietest) | (levels > loudest)))
    found = unevenness(spectra, training.spectrum, _known_edge(training))
    uneven = float(np.mean(found > _LARGEST_UNEVENNESS * training.unevenness))
    reasons = []
    if abs(gain) >= _DRIFT_DB:
        reasons.append(
            f"the new recordings are {abs(gain):.1f} dB {_louder(gain)} than those of the "
            "training"
        )
    elif by_level > _OFTEN:
        reasons.append(
            f"{percent(by_level)} of the new clips differ by their level alone from those of "
            "the training"
        )
    if uneven > _MOST:
        reasons.append(
            f"{percent(uneven)} of the new clips have a spectrum much further from the "
            "typical one than any in training: another microphone, place or machine, or a "
            "fault that lasts"
        )
    if by_band > _MOST:
        reasons.append(
            f"in {percent(by_band)} of the new clips, the band ends elsewhere than in "
            "training"
        )
    return Drift(gain, outside, uneven, tuple(reasons))


def promise_of(
    training: Training | None, is_own: bool, drift: Drift | None, n_judged: int
) -> Promise:
    """Say what is promised for so many clips."""
    if training is None:
        unknown = "this detector does not know how its threshold came about"
        return Promise(None, None, False, (unknown,))
    if not is_own:
        other = "the threshold was set by hand, and is not the detector's own"
        return Promise(None, None, False, (other,))
    reasons = () if drift is None else drift.reasons
    rate = training.promised_rate
    return Promise(rate, rate * n_judged, not reasons, reasons)


def clips_of_a_day(clip_seconds: float) -> float:
    return _SECONDS_OF_A_DAY / clip_seconds


def counted(n: int, thing: str) -> str:
    return f"{n} {thing}{'' if n == 1 else 's'}"


def about(number: float) -> str:
    """A number of which two digits are known, without any power of ten."""
    return f"{float(f'{number:.2g}'):.15g}"


def percent(share: float) -> str:
    return f"{about(100 * share)} %"


def _louder(gain: float) -> str:
    return "louder" if gain > 0 else "quieter"
