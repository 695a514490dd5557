"""Valve-like clips made from a seed: the course's stand-in for the recordings.

A solenoid valve clicks when it opens and, more quietly, when it closes. The
microphone also hears the room (a low rumble and hiss) and, in some clips,
other machines humming along. Each of these parts is one small function here.
"""

from __future__ import annotations

import numpy as np

from ._checks import check_duration, check_sample_rate

NORMAL = "normal"
ANOMALY_KINDS = ("weak click", "missing click")

# The recordings hold nothing above this, because they were made at 16 kHz.
_BAND_LIMIT_HZ = 8000.0
_LEAST_DURATION_S = 2.5
_LEAST_RATE_HZ = 8000.0


def synthesize_clip(
    kind: str = NORMAL,
    *,
    sr: int = 44100,
    duration: float = 2.5,
    random_state: int | np.random.SeedSequence | np.random.Generator | None = None,
) -> np.ndarray:
    """Make one clip of a clicking valve in a noisy hall.

    A normal clip holds two or more strong clicks, one every 1.0 to 1.15 s,
    each followed half a period later by a weak one. In a ``"weak click"``
    clip every click has lost 10 to 18 dB; in a ``"missing click"`` clip the
    valve is stuck and only the hall is heard.

    Parameters
    ----------
    kind : str
        ``"normal"``, ``"weak click"`` or ``"missing click"``.
    sr : int
        Sample rate in Hz, at least 8000.
    duration : float
        Length in s, at least 2.5 so that two clicks fit.
    random_state : int, SeedSequence, Generator or None
        The same seed gives the same clip; None draws a new one each time.

    Returns
    -------
    ndarray of shape (n_samples,)
        float32 in [-1, 1], rounded to 16 bits as in a WAV file.

    Raises
    ------
    ValueError
        If ``kind`` is unknown, ``sr`` is below 8000 Hz or ``duration`` is
        below 2.5 s.
    TypeError
        If ``sr`` or ``duration`` is no number.

    Examples
    --------
    >>> clip = synthesize_clip("weak click", sr=16000, random_state=0)
    >>> clip.shape, clip.dtype
    ((40000,), dtype('float32'))
    """
    if kind not in (NORMAL, *ANOMALY_KINDS):
        raise ValueError(
            f"unknown kind of clip {kind!r}: expected one of "
            f"{', '.join(map(repr, (NORMAL, *ANOMALY_KINDS)))}"
        )
    sr = check_sample_rate(sr, at_least=_LEAST_RATE_HZ)
    duration = check_duration(duration, at_least=_LEAST_DURATION_S)
    rng = np.random.default_rng(random_state)
    n_samples = round(sr * duration)

    audio = _room(rng, n_samples, sr) + _hum(rng, n_samples, sr)
    audio += _microphone_noise(rng, n_samples)
    clicks = _clicks(rng, n_samples, sr)
    loss_db = rng.uniform(10.0, 18.0)
    if kind == NORMAL:
        audio += clicks
    elif kind == "weak click":
        audio += clicks * _db_to_amplitude(-loss_db)
    return (np.round(np.clip(audio, -1, 1) * 32767) / 32767).astype(np.float32)


def _db_to_amplitude(level_db: float) -> float:
    return 10.0 ** (level_db / 20.0)


def _coloured_noise(
    rng: np.random.Generator, n_samples: int, sr: float, slope_db_per_octave: float
) -> np.ndarray:
    """Noise of RMS 1 between 50 Hz and 8 kHz with a spectrum of a given slope."""
    frequencies = np.fft.rfftfreq(n_samples, 1 / sr)
    in_band = (frequencies >= 50.0) & (frequencies < _BAND_LIMIT_HZ)
    gain = np.zeros_like(frequencies)
    octaves = np.log2(frequencies[in_band] / 1000.0)
    gain[in_band] = 10.0 ** (slope_db_per_octave * octaves / 20.0)
    spectrum = gain * (
        rng.standard_normal(frequencies.size)
        + 1j * rng.standard_normal(frequencies.size)
    )
    noise = np.fft.irfft(spectrum, n_samples)
    return noise / np.sqrt(np.mean(noise**2))


def _room(rng: np.random.Generator, n_samples: int, sr: float) -> np.ndarray:
    """Room tone and hiss, whose level and colour differ from clip to clip."""
    slope = rng.uniform(-8.0, -5.5)
    level_db = rng.uniform(-52.0, -48.0)
    return _db_to_amplitude(level_db) * _coloured_noise(rng, n_samples, sr, slope)


def _microphone_noise(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """White noise, the only thing above 8 kHz."""
    level_db = rng.uniform(-92.0, -84.0)
    return _db_to_amplitude(level_db) * rng.standard_normal(n_samples)


def _hum(rng: np.random.Generator, n_samples: int, sr: float) -> np.ndarray:
    """The harmonics of another machine, in two clips out of five."""
    fundamental = rng.uniform(120.0, 500.0)
    level_db = rng.uniform(-68.0, -60.0)
    phases = rng.uniform(0, 2 * np.pi, 4)
    if rng.uniform() < 0.6:
        return np.zeros(n_samples)
    t = np.arange(n_samples) / sr
    hum = sum(
        np.sin(2 * np.pi * k * fundamental * t + phase) / k
        for k, phase in enumerate(phases, start=1)
    )
    return _db_to_amplitude(level_db) * hum


def _clicks(rng: np.random.Generator, n_samples: int, sr: float) -> np.ndarray:
    """Strong clicks a period apart, and a weak one midway between each two."""
    period = rng.uniform(1.0, 1.15)
    # The valve is somewhere in its cycle when the clip starts, but early enough
    # for two strong clicks even in the shortest clip.
    first_strong = rng.uniform(0.05, period)
    onsets = np.arange(first_strong % (period / 2), n_samples / sr - 0.1, period / 2)
    audio = np.zeros(n_samples)
    for onset in onsets:
        is_strong = round((onset - first_strong) / (period / 2)) % 2 == 0
        level_db = rng.uniform(-24.5, -22.5) if is_strong else rng.uniform(-40, -34)
        start = max(round((onset + rng.normal(0, 0.005)) * sr), 0)
        click = _click(rng, sr)[: n_samples - start]
        audio[start : start + click.size] += _db_to_amplitude(level_db) * click
    return audio


def _click(rng: np.random.Generator, sr: float) -> np.ndarray:
    """One click of peak 1: a burst of noise that rises at once and rings off."""
    n_samples = round(0.2 * sr)
    t = np.arange(n_samples) / sr
    burst = _coloured_noise(rng, n_samples, sr, slope_db_per_octave=0.0)
    burst *= (1 - np.exp(-t / 0.0005)) * (np.exp(-t / 0.01) + 0.1 * np.exp(-t / 0.04))
    # The sudden rise has spread the burst beyond the band: take that off again.
    spectrum = np.fft.rfft(burst)
    spectrum[np.fft.rfftfreq(n_samples, 1 / sr) >= _BAND_LIMIT_HZ] = 0.0
    burst = np.fft.irfft(spectrum, n_samples)
    return burst / np.max(np.abs(burst))
