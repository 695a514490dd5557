"""What a detector promises, and whether new recordings are such that it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..alarms import _LARGEST_UNEVENNESS, _known_edge
from ..features import level
from ..health import _DRIFT_DB
from ..training import Training, band_levels, unevenness

# Faults in which there is no sound to compare with that of the training.
NO_SOUND = ("NaN", "silence", "clipping", "dropouts")
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


@dataclass
class Tally:
    """What tells of drift in clips that hold sound, and no more of each than that."""

    levels: list[float] = field(default_factory=list)
    uneven: list[float] = field(default_factory=list)
    sensor: list[str | None] = field(default_factory=list)

    def hear(
        self, training: Training, audio: np.ndarray, sensor: Sequence[str | None]
    ) -> None:
        """Take the next clips, and what is wrong with the sensor in each."""
        sounding = audio[[fault not in NO_SOUND for fault in sensor]]
        if not len(sounding):
            return
        self.levels += level(sounding)[:, 0].tolist()
        self.uneven += _uneven(training, band_levels(sounding)).tolist()
        self.sensor += [fault for fault in sensor if fault not in NO_SOUND]

    def add(self, other: Tally) -> None:
        """Take what another one has heard."""
        self.levels += other.levels
        self.uneven += other.uneven
        self.sensor += other.sensor

    def promise(self, training: Training) -> Promise:
        """Say what the detector's own threshold promises for all of it."""
        reasons = ()
        if self.levels:
            levels, uneven = np.array(self.levels), np.array(self.uneven)
            reasons = _drift(training, levels, uneven, self.sensor).reasons
        return promise_of(training, True, reasons, self.sensor.count(None))


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
    return _drift(training, levels, _uneven(training, spectra), sensor)


def _uneven(training: Training, spectra: np.ndarray) -> np.ndarray:
    return unevenness(spectra, training.spectrum, _known_edge(training))


def _drift(
    training: Training,
    levels: np.ndarray,
    uneven: np.ndarray,
    sensor: Sequence[str | None],
) -> Drift:
    by_sensor = Counter(sensor)
    gain = float(np.median(levels)) - training.typical_level
    quietest, loudest = training.levels
    outside = float(np.mean((levels < quietest) | (levels > loudest)))
    odd = float(np.mean(uneven > _LARGEST_UNEVENNESS * training.unevenness))
    reasons = []
    if abs(gain) >= _DRIFT_DB:
        reasons.append(
            f"the new recordings are {abs(gain):.1f} dB {_louder(gain)} than those of the "
            "training"
        )
    else:
        reasons += _by_level(by_sensor, len(sensor))
    if odd > _MOST:
        reasons.append(
            f"{percent(odd)} of the new clips have a spectrum much further from the "
            "typical one than any in training: another microphone, place or machine, or a "
            "fault that lasts"
        )
    reasons += _by_band(by_sensor, len(sensor))
    return Drift(gain, outside, odd, tuple(reasons))


def _by_level(faults: Counter[str | None], n: int) -> list[str]:
    if faults["level"] <= _OFTEN * n:
        return []
    return [
        f"{percent(faults['level'] / n)} of the new clips differ by their level alone from "
        "those of the training"
    ]


def _by_band(faults: Counter[str | None], n: int) -> list[str]:
    if faults["band limit"] <= _MOST * n:
        return []
    return [
        f"in {percent(faults['band limit'] / n)} of the new clips, the band ends elsewhere "
        "than in training"
    ]


def promise_of_stream(
    training: Training, is_own: bool, faults: Counter[str | None], n: int
) -> Promise:
    """Say what is promised for so many windows, by what is wrong with the sensor in them."""
    sounding = n - sum(faults[fault] for fault in NO_SOUND)
    reasons = (*_by_level(faults, sounding), *_by_band(faults, sounding))
    return promise_of(training, is_own, reasons, n - sum(faults.values()))


def promise_of(
    training: Training | None, is_own: bool, reasons: tuple[str, ...], n_judged: int
) -> Promise:
    """Say what is promised for so many clips, if no drift is a reason against it."""
    if training is None:
        unknown = "this detector does not know how its threshold came about"
        return Promise(None, None, False, (unknown,))
    if not is_own:
        other = "the threshold was set by hand, and is not the detector's own"
        return Promise(None, None, False, (other,))
    if training.promised_rate >= 1:
        nothing = (
            "it takes several recordings, and this detector knows one or none apart"
        )
        return Promise(None, None, False, (nothing,))
    rate = training.promised_rate
    return Promise(rate, rate * n_judged, not reasons, reasons)


def in_words(promise: Promise) -> str:
    """Keep the promise or withdraw it, in one sentence."""
    if promise.kept:
        expected = about(promise.expected)
        return (
            f"Promised: about {expected} false alarm{'' if expected == '1' else 's'}."
        )
    return f"No promise holds: {'; '.join(promise.reasons)}."


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
