"""Many machines: the eight real ones of chapter 7, or synthetic ones in noisy halls.

A synthetic machine is something that turns: harmonics of its rotation, and air. It
stands in a hall, whose noise is mixed in as in MIMII, to the same power in every clip.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from librosa import db_to_amplitude

from ._checks import check_count, check_duration, check_number, check_sample_rate
from .datasets import ABNORMAL, Dataset
from .mimii import load_mimii
from .synthesis import NORMAL, _coloured_noise

DEVELOPMENT_MACHINES = tuple(
    (machine, model)
    for machine in ("fan", "pump", "slider", "valve")
    for model in ("id_00", "id_02")
)
MACHINE_SETS = ("mimii", "synthetic")

_N_HARMONICS = 12
# Of a healthy machine alone: at -6 dB, a clip has about the level of MIMII's then.
_MACHINE_DB = -46.0


def load_machines(name: str | None = None) -> dict[str, Dataset]:
    """Load eight machines, 10 normal and 5 abnormal clips of each.

    ``"mimii"`` are fan, pump, slider and valve of MIMII, models id_00 and id_02 at
    -6 dB, as `load_mimii` gives them. They are *development machines*: the settings of
    this package were compared on them. ``"synthetic"`` are made by
    `make_synthetic_machine`. One is never swapped for the other.

    Parameters
    ----------
    name : {"mimii", "synthetic"}, optional
        By default what ``ESA4_MACHINES`` says; else ``"synthetic"`` if ``ESA4_DATASET``
        says so, and otherwise ``"mimii"``.

    Returns
    -------
    dict of str to Dataset
        At 16 000 Hz, by the machine's name, such as ``"fan id_00"``.

    Raises
    ------
    ValueError
        If there is no such set of machines.
    DatasetUnreachableError
        If MIMII is not on this computer and can't be reached.
    DatasetError
        If the folder that ``ESA4_MIMII`` names does not hold these clips.

    Examples
    --------
    >>> machines = load_machines("synthetic")
    >>> list(machines)[:3], machines["machine 1"].audio.shape
    (['machine 1', 'machine 2', 'machine 3'], (15, 40000))
    """
    source = "load_machines()"
    if name is None:
        source = "ESA4_MACHINES"
        everything = (
            "synthetic" if os.environ.get("ESA4_DATASET") == "synthetic" else ""
        )
        name = os.environ.get("ESA4_MACHINES") or everything or "mimii"
    if name not in MACHINE_SETS:
        raise ValueError(
            f"{source} asks for machines {name!r}: expected one of "
            f"{', '.join(map(repr, MACHINE_SETS))}"
        )
    if name == "synthetic":
        return {
            f"machine {i + 1}": make_synthetic_machine(random_state=i, hall=i)
            for i in range(len(DEVELOPMENT_MACHINES))
        }
    return {
        f"{machine} {model}": load_mimii(
            machine, model, snr_db=-6, n_normal=10, n_abnormal=5
        )
        for machine, model in DEVELOPMENT_MACHINES
    }


def make_synthetic_machine(
    n_normal: int = 10,
    n_abnormal: int = 5,
    *,
    snr_db: float = -6.0,
    noise_spread_db: float = 0.0,
    hall: int = 0,
    sr: int = 16000,
    duration: float = 2.5,
    random_state: int = 0,
) -> Dataset:
    """Make clips of a machine that turns in a noisy hall.

    The machine has harmonics of its rotation, and air that rushes. Its fault is one of
    four, which take turns with ``random_state``: ``"hiss"`` (a leak, above 2 kHz),
    ``"whine"`` (a tone) and ``"knock"`` (a blow every eighth turn), each 0 to 6 dB
    quieter than the healthy machine, which goes on; or ``"slack"`` (the machine loses 3
    to 6 dB).

    The noise is scaled to the same power in every clip, as in MIMII. In a real hall
    it is not: ``noise_spread_db`` lets it vary.

    Parameters
    ----------
    n_normal, n_abnormal : int
        How many clips to make. As in `load_mimii`, all abnormal clips and as many
        normal ones (but not all of these) are for testing.
    snr_db : float
        Power of the healthy machine over that of the noise, in dB.
    noise_spread_db : float
        The noise is up to so much louder or quieter from clip to clip, in dB.
    hall : int
        Seed of the hall: the colour of its noise, and how room and microphone change
        the spectrum and the level of all that is heard.
    sr : int
        Sample rate in Hz, at least 16 000.
    duration : float
        Length of each clip in s, at least 1.
    random_state : int
        Seed of the machine. The same machine in another hall gives other clips.

    Returns
    -------
    Dataset
        ``audio`` of shape (n_normal + n_abnormal, n_samples).

    Raises
    ------
    ValueError, TypeError
        If a number is out of its range or not whole, or there are fewer than two
        normal clips.

    References
    ----------
    Purohit et al., "MIMII Dataset", DCASE 2019 Workshop, for the mixing.
    https://arxiv.org/abs/1909.09347

    Examples
    --------
    >>> clips = make_synthetic_machine(20, 5, random_state=1)
    >>> clips.title, clips.train.audio.shape, clips.test.audio.shape
    ('synthetic machine 1', (15, 40000), (10, 40000))
    >>> sorted(set(clips.kinds.tolist()))
    ['normal', 'whine']
    """
    n_normal = check_count(n_normal, "n_normal", at_least=2)
    n_abnormal = check_count(n_abnormal, "n_abnormal")
    check_number(snr_db, "snr_db")
    if check_number(noise_spread_db, "noise_spread_db") < 0:
        raise ValueError(f"noise_spread_db must not be negative, got {noise_spread_db}")
    hall = check_count(hall, "hall")
    sr = check_sample_rate(sr, at_least=16000)
    n_samples = round(check_duration(duration, at_least=1.0) * sr)
    seed = check_count(random_state, "random_state")

    fault = tuple(_FAULTS)[seed % len(_FAULTS)]
    machine = np.random.default_rng([seed, 0])
    rotation_hz = machine.uniform(30.0, 90.0)
    harmonics_db = machine.normal(-1.5 * np.arange(_N_HARMONICS), 3.0)
    turns = np.exp(2j * np.pi * rotation_hz * np.arange(n_samples) / sr)
    response = _hall_response(hall, n_samples, sr)
    slope = np.random.default_rng([hall, 1]).uniform(-7.0, -3.0)

    def clip(kind: str, number: int) -> np.ndarray:
        rng = np.random.default_rng([seed, 1, hall, kind == NORMAL, number])
        gain_db = harmonics_db + 0.2 * rng.standard_normal(_N_HARMONICS)
        audio = _turning(rng, turns, gain_db, sr)
        if kind != NORMAL:
            audio = _FAULTS[kind](rng, audio, rotation_hz, sr)
        noise_db = rng.uniform(-noise_spread_db, noise_spread_db) - snr_db
        noise = _coloured_noise(rng, n_samples, sr, slope_db_per_octave=slope)
        audio = audio + db_to_amplitude(noise_db) * noise
        audio = np.fft.irfft(response * np.fft.rfft(audio), n_samples)
        return np.clip(db_to_amplitude(_MACHINE_DB) * audio, -1, 1)

    kinds = [NORMAL] * n_normal + [fault] * n_abnormal
    numbers = [*range(n_normal), *range(n_abnormal)]
    pairs = list(zip(kinds, numbers, strict=True))
    names = [
        f"{NORMAL if kind == NORMAL else ABNORMAL}_{number:08d}"
        for kind, number in pairs
    ]
    n_test = min(n_abnormal, n_normal - 1)
    return Dataset(
        audio=np.stack([clip(*pair) for pair in pairs]),
        sr=sr,
        names=names,
        is_train=[kind == NORMAL and number >= n_test for kind, number in pairs],
        is_anomaly=[kind != NORMAL for kind in kinds],
        title=f"synthetic machine {seed}",
        kinds=kinds,
    )


def _hall_response(hall: int, n_samples: int, sr: float) -> np.ndarray:
    """What room and microphone do to each frequency, as a factor."""
    rng = np.random.default_rng([hall, 0])
    points_hz = np.geomspace(50.0, 8000.0, 6)
    response_db = rng.uniform(-3.0, 3.0) + rng.normal(0, 3.0, len(points_hz))
    frequencies = np.fft.rfftfreq(n_samples, 1 / sr).clip(points_hz[0], points_hz[-1])
    return db_to_amplitude(
        np.interp(np.log(frequencies), np.log(points_hz), response_db)
    )


def _turning(
    rng: np.random.Generator, turns: np.ndarray, gain_db: np.ndarray, sr: float
) -> np.ndarray:
    """Harmonics and rushing air, half of the power each."""
    phases = rng.uniform(0, 2 * np.pi, len(gain_db))
    partials = db_to_amplitude(gain_db) * np.exp(1j * phases)
    # The harmonics are powers of the first: a tenth of the time of as many sines.
    tones = (turns * np.polyval(partials[::-1], turns)).imag
    air = _coloured_noise(rng, turns.size, sr, slope_db_per_octave=-3.0)
    return (_unit(tones) + air) / np.sqrt(2)


def _unit(audio: np.ndarray) -> np.ndarray:
    return audio / np.sqrt(np.mean(audio**2))


def _hiss(
    rng: np.random.Generator, audio: np.ndarray, rotation_hz: float, sr: float
) -> np.ndarray:
    leak = _coloured_noise(rng, audio.size, sr, above_hz=2000.0)
    return audio + db_to_amplitude(rng.uniform(-6.0, 0.0)) * leak


def _whine(
    rng: np.random.Generator, audio: np.ndarray, rotation_hz: float, sr: float
) -> np.ndarray:
    # At a fixed multiple of the rotation, as of a gear.
    tone = np.sin(2 * np.pi * 29.5 * rotation_hz * np.arange(audio.size) / sr)
    return audio + db_to_amplitude(rng.uniform(-6.0, 0.0)) * _unit(tone)


def _knock(
    rng: np.random.Generator, audio: np.ndarray, rotation_hz: float, sr: float
) -> np.ndarray:
    since_blow = (np.arange(audio.size) / sr + rng.uniform(0, 1)) % (8 / rotation_hz)
    ringing = _coloured_noise(rng, audio.size, sr, above_hz=500.0)
    blows = _unit(np.exp(-since_blow / 0.01) * ringing)
    return audio + db_to_amplitude(rng.uniform(-6.0, 0.0)) * blows


def _slack(
    rng: np.random.Generator, audio: np.ndarray, rotation_hz: float, sr: float
) -> np.ndarray:
    return db_to_amplitude(rng.uniform(-6.0, -3.0)) * audio


_FAULTS: dict[str, Callable[..., np.ndarray]] = {
    "hiss": _hiss,
    "whine": _whine,
    "knock": _knock,
    "slack": _slack,
}
