"""Valve-like clips made from a seed: the course's stand-in for the recordings.

A solenoid valve clicks when it opens and, more quietly, when it closes. The
microphone also hears the hall: the room (a low rumble and hiss) and, in some
clips, other machines humming along. Each of these parts is one small function
here, and so is each thing that can go wrong with the valve. The same faults can be put
into recordings of a real one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from librosa import db_to_amplitude
from numpy.typing import ArrayLike
from scipy import fft
from scipy.signal import find_peaks
from scipy.signal.windows import tukey

from ._checks import check_choice, check_clips, check_duration, check_sample_rate

NORMAL = "normal"
RECORDED_ANOMALY_KINDS = ("weak click", "missing click")
ANOMALY_KINDS = (
    *RECORDED_ANOMALY_KINDS,
    "late click",
    "double click",
    "hiss",
    "squeak",
)

# The recordings hold nothing above this, because they were made at 16 kHz.
_BAND_LIMIT_HZ = 8000.0
_LEAST_DURATION_S = 2.5
_LEAST_RATE_HZ = 8000.0

# How loud a click is against the rest of a recording, and the others against it.
_LEAST_CLICK_DB = 12.0
_STRONG_WITHIN_DB = 6.0
_ENVELOPE_HOP_S = 0.005
# What is cut out with a recorded click: the moment before, and the ringing.
_BEFORE_CLICK_S = 0.02
_CLICK_WINDOW_S = 0.22


def synthesize_clip(
    kind: str = NORMAL,
    *,
    sr: int = 44100,
    duration: float = 2.5,
    random_state: int | np.random.SeedSequence | np.random.Generator | None = None,
    return_healthy: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Make one clip of a clicking valve in a noisy hall.

    A normal clip holds two or more strong clicks, one every 1.0 to 1.15 s,
    each followed half a period later by a weak one. The anomalies are:

    - ``"weak click"``: every click has lost 10 to 18 dB;
    - ``"missing click"``: the valve is stuck and only the hall is heard;
    - ``"late click"``: one strong click comes 0.15 to 0.3 s late;
    - ``"double click"``: each strong click is followed, 40 to 120 ms later, by
      a second one that is 3 to 9 dB weaker;
    - ``"hiss"``: air leaks for 0.6 to 1.5 s, which is heard above 2 kHz;
    - ``"squeak"``: something rubs for 0.2 to 0.6 s, a tone with harmonics and a
      wavering pitch of 2 to 3.8 kHz (at rates below 16 kHz as much lower as
      the rate is).

    An anomaly is made from the same random numbers as the normal clip of the
    same seed, its healthy twin: what differs between the two is the anomaly.

    Parameters
    ----------
    kind : str
        ``"normal"`` or one of ``ANOMALY_KINDS``.
    sr : int
        Sample rate in Hz, at least 8000.
    duration : float
        Length in s, at least 2.5 so that two clicks fit.
    random_state : int, SeedSequence, Generator or None
        The same seed gives the same clip; None draws a new one each time.
    return_healthy : bool
        Whether to return the healthy twin as well.

    Returns
    -------
    ndarray of shape (n_samples,), or a pair of them
        float32 in [-1, 1], rounded to 16 bits as in a WAV file; with
        ``return_healthy`` the clip and its healthy twin, which for a normal
        clip are the same.

    Raises
    ------
    ValueError
        If ``kind`` is unknown, ``sr`` is below 8000 Hz or ``duration`` is below
        2.5 s.
    TypeError
        If ``sr`` or ``duration`` is no number.

    Examples
    --------
    >>> clip = synthesize_clip("weak click", sr=16000, random_state=0)
    >>> clip.shape, clip.dtype
    ((40000,), dtype('float32'))

    The squeak is all in which this clip differs from its healthy twin:

    >>> clip, healthy = synthesize_clip(
    ...     "squeak", sr=16000, random_state=0, return_healthy=True
    ... )
    >>> changed = np.flatnonzero(clip != healthy) / 16000
    >>> bool(0.1 < changed[-1] - changed[0] < 0.6)
    True
    """
    check_choice(kind, "kind", (NORMAL, *ANOMALY_KINDS))
    sr = check_sample_rate(sr, at_least=_LEAST_RATE_HZ)
    duration = check_duration(duration, at_least=_LEAST_DURATION_S)
    rng = np.random.default_rng(random_state)
    n_samples = round(sr * duration)

    # Whatever the kind, the healthy twin is drawn first and in this order, so
    # that a seed keeps its clip.
    hall = _room(rng, n_samples, sr)
    hall += _hum(rng, n_samples, sr)
    microphone = _microphone_noise(rng, n_samples)
    clicks = _clicks(rng, n_samples, sr)
    healthy = _mix(clicks, n_samples)
    machine = _machine(kind, rng, clicks, n_samples, sr)

    hall += microphone
    clip = _to_16_bits(hall + machine)
    if not return_healthy:
        return clip
    return clip, clip.copy() if kind == NORMAL else _to_16_bits(hall + healthy)


def insert_fault(
    clip: ArrayLike,
    sr: float,
    kind: str,
    random_state: int | np.random.SeedSequence | np.random.Generator | None = None,
) -> np.ndarray:
    """Put a fault into the recording of a healthy machine that clicks.

    The clip is the fault's healthy twin: `change_mask` of the two is the exact truth
    about where the fault sits. The faults are those of `synthesize_clip`. Strong clicks
    are those within 6 dB of the loudest, after a first difference that tells them from
    low rumble. What is taken away is filled with the clip's own background, from where
    it is stillest, and every seam is a cross-fade that keeps the power. Hiss and squeak
    are added at the same level in dB as in `synthesize_clip`, however loud the clip.

    Parameters
    ----------
    clip : array of shape (n_samples,)
        One recording, floats in [-1, 1], of at least 2.5 s.
    sr : float
        Sample rate in Hz, at least 8000.
    kind : str
        One of ``ANOMALY_KINDS``.
    random_state : int, SeedSequence, Generator or None
        The same seed gives the same fault; None draws a new one each time.

    Returns
    -------
    ndarray of shape (n_samples,)
        A copy of the clip with the fault, of the same dtype. Outside of the fault each
        sample is the same.

    Raises
    ------
    ValueError
        If ``kind`` is unknown, ``sr`` is below 8000 Hz, or the clip is shorter than
        2.5 s, has another shape or holds NaN or infinity; for faults of a click, also
        if nothing in the clip stands 12 dB out of it, if its clicks leave no still
        moment of 0.22 s, or if none of them can be moved or doubled within the clip.
    TypeError
        If the clip does not hold floats, or ``sr`` is no number.

    Examples
    --------
    >>> healthy = synthesize_clip(sr=16000, random_state=0)
    >>> faulty = insert_fault(healthy, 16000, "late click", random_state=0)
    >>> changed = np.flatnonzero(faulty != healthy) / 16000
    >>> bool(0.3 < changed[-1] - changed[0] < 0.6)
    True
    """
    check_choice(kind, "kind", ANOMALY_KINDS)
    sr = check_sample_rate(sr, at_least=_LEAST_RATE_HZ)
    clip = np.asarray(clip)
    if clip.ndim != 1:
        raise ValueError(
            f"clip must be one recording of shape (n_samples,), got {clip.shape}"
        )
    check_clips(clip[np.newaxis], "clip")
    if clip.size < _LEAST_DURATION_S * sr:
        raise ValueError(
            f"clip must be at least {_LEAST_DURATION_S} s long, got {clip.size} samples "
            f"at {sr:g} Hz, {clip.size / sr:.2f} s"
        )
    rng = np.random.default_rng(random_state)
    audio = clip.astype(np.float64)
    if kind == "hiss":
        audio += _hiss(rng, clip.size, sr)
    elif kind == "squeak":
        audio += _squeak(rng, clip.size, sr)
    else:
        _change_clicks(kind, rng, audio, sr)
    return audio.astype(clip.dtype)


def _change_clicks(
    kind: str, rng: np.random.Generator, audio: np.ndarray, sr: float
) -> None:
    """Weaken, remove, move or double the strong clicks of a recording, in place."""
    clicks, still = _strong_clicks_and_still_moment(audio, sr)
    length = round(_CLICK_WINDOW_S * sr)
    weight = _cross_fade(length, sr)
    background = audio[still:].copy()
    if kind in RECORDED_ANOMALY_KINDS:
        kept = db_to_amplitude(-rng.uniform(10.0, 18.0)) if kind == "weak click" else 0
        for start in clicks:
            _blend(audio, background, start, math.sqrt(1 - kept**2) * weight)
        return
    longest = {"late click": 0.3 * sr + length, "double click": 0.12 * sr}[kind]
    able = clicks[(clicks >= 0) & (clicks + longest < audio.size)]
    if able.size == 0:
        raise ValueError(
            f"no click of this clip has room for a {kind!r}: its strong clicks are at "
            f"{np.round(clicks / sr + _BEFORE_CLICK_S, 2)} s of {audio.size / sr:g} s"
        )
    if kind == "late click":
        start = able[rng.integers(able.size)]
        click = audio[start:].copy()
        _blend(audio, background, start, weight)
        _blend(audio, click, start + round(rng.uniform(0.15, 0.3) * sr), weight)
        return
    for start in able:
        click = audio[start:].copy()
        weaker = db_to_amplitude(-rng.uniform(3.0, 9.0))
        delay = round(rng.uniform(0.04, 0.12) * sr)
        _blend(audio, click, start + delay, weaker * weight)


def _strong_clicks_and_still_moment(
    audio: np.ndarray, sr: float
) -> tuple[np.ndarray, int]:
    """Where the windows of the strong clicks begin, and the stillest window."""
    hop = round(_ENVELOPE_HOP_S * sr)
    frames = np.diff(audio, prepend=audio[0])[: audio.size // hop * hop]
    envelope = np.sqrt((frames.reshape(-1, hop) ** 2).mean(axis=1))
    loudest = envelope.max()
    if loudest <= db_to_amplitude(_LEAST_CLICK_DB) * np.median(envelope):
        raise ValueError(
            "no click found in this clip: expected one that stands at least "
            f"{_LEAST_CLICK_DB:g} dB out of it; is the machine running, and does it click?"
        )
    # The padding lets a click at the very edge be a peak.
    peaks, _ = find_peaks(
        np.pad(envelope, 1),
        height=loudest * db_to_amplitude(-_STRONG_WITHIN_DB),
        distance=round(_CLICK_WINDOW_S / _ENVELOPE_HOP_S),
    )
    clicks = (peaks - 1) * hop - round(_BEFORE_CLICK_S * sr)
    length = round(_CLICK_WINDOW_S * sr)
    starts = np.arange(0, audio.size - length, hop)
    free = (np.abs(starts[:, None] - clicks) >= length).all(axis=1)
    if not free.any():
        raise ValueError(
            f"the {clicks.size} clicks of this clip leave no {_CLICK_WINDOW_S} s without "
            "one, from which its background could be taken"
        )
    width = length // hop
    windows = np.lib.stride_tricks.sliding_window_view(envelope, width)
    starts = starts[free]
    return clicks, int(starts[windows[starts // hop].max(axis=1).argmin()])


def _cross_fade(length: int, sr: float) -> np.ndarray:
    """Rise just before a click and fall while it rings off."""
    weight = np.ones(length)
    for size, edge in ((0.01, weight), (0.08, weight[::-1])):
        n_samples = round(size * sr)
        edge[:n_samples] = np.sin(np.pi / 2 * np.arange(n_samples) / n_samples) ** 2
    return weight


def _blend(
    audio: np.ndarray, other: np.ndarray, start: int, weight: np.ndarray
) -> None:
    """Fade over to another sound and back, in place; keep the power of noise."""
    skipped = max(-start, 0)
    place = audio[start + skipped : start + weight.size]
    weight, other = (part[skipped:][: place.size] for part in (weight, other))
    place *= np.sqrt(1 - weight**2)
    place += weight * other


def _rms(audio: np.ndarray) -> float:
    # np.dot would start threads, which on a busy machine wait for one another
    # longer than the whole clip takes.
    return math.sqrt(np.einsum("i,i", audio, audio) / audio.size)


def _to_16_bits(audio: np.ndarray) -> np.ndarray:
    """Round as a WAV file does, and overwrite ``audio``, to save time."""
    np.clip(audio, -1, 1, out=audio)
    audio *= 32767
    np.rint(audio, out=audio)
    audio /= 32767
    return audio.astype(np.float32)


def _machine(
    kind: str,
    rng: np.random.Generator,
    clicks: list[_Click],
    n_samples: int,
    sr: float,
) -> np.ndarray:
    """What the valve does, healthy or not."""
    # Drawn even where it is not needed, or else a generator that is used for
    # several clips would make others after a normal one than it used to.
    loss_db = rng.uniform(10.0, 18.0)
    if kind == "missing click":
        return np.zeros(n_samples)
    if kind == "late click":
        return _mix(_with_one_late(rng, clicks, n_samples, sr), n_samples)
    audio = _mix(clicks, n_samples)
    if kind == "weak click":
        audio *= db_to_amplitude(-loss_db)
    elif kind == "double click":
        audio += _mix(_rebounds(rng, clicks, sr), n_samples)
    elif kind == "hiss":
        audio += _hiss(rng, n_samples, sr)
    elif kind == "squeak":
        audio += _squeak(rng, n_samples, sr)
    return audio


def _coloured_noise(
    rng: np.random.Generator,
    n_samples: int,
    sr: float,
    *,
    slope_db_per_octave: float = 0.0,
    above_hz: float = 50.0,
) -> np.ndarray:
    """Noise of RMS 1 up to 8 kHz with a spectrum of a given slope."""
    band = _band(n_samples, sr, above_hz)
    n_bins = n_samples // 2 + 1
    spectrum = np.empty(n_bins, dtype=complex)
    spectrum.real = rng.standard_normal(n_bins)
    spectrum.imag = rng.standard_normal(n_bins)
    spectrum[: band.start] = 0.0
    spectrum[band.stop :] = 0.0
    if slope_db_per_octave:
        # np.exp takes a tenth of the time of a power of ten.
        exponent = slope_db_per_octave * math.log(10) / 20
        spectrum[band] *= np.exp(exponent * _octaves(n_samples, sr, above_hz))
    noise = fft.irfft(spectrum, n_samples)
    noise /= _rms(noise)
    return noise


@lru_cache
def _band(n_samples: int, sr: float, above_hz: float) -> slice:
    """The bins of a spectrum from a frequency up to the band limit."""
    frequencies = np.fft.rfftfreq(n_samples, 1 / sr)
    return slice(*np.searchsorted(frequencies, [above_hz, _BAND_LIMIT_HZ]))


@lru_cache
def _octaves(n_samples: int, sr: float, above_hz: float) -> np.ndarray:
    """How far the bins of a band are above 1 kHz."""
    frequencies = np.fft.rfftfreq(n_samples, 1 / sr)
    return np.log2(frequencies[_band(n_samples, sr, above_hz)] / 1000.0)


def _room(rng: np.random.Generator, n_samples: int, sr: float) -> np.ndarray:
    """Room tone and hiss, whose level and colour differ from clip to clip."""
    slope = rng.uniform(-8.0, -5.5)
    level_db = rng.uniform(-52.0, -48.0)
    room = _coloured_noise(rng, n_samples, sr, slope_db_per_octave=slope)
    room *= db_to_amplitude(level_db)
    return room


def _microphone_noise(rng: np.random.Generator, n_samples: int) -> np.ndarray:
    """White noise, the only thing above 8 kHz."""
    level_db = rng.uniform(-92.0, -84.0)
    noise = rng.standard_normal(n_samples)
    noise *= db_to_amplitude(level_db)
    return noise


def _hum(rng: np.random.Generator, n_samples: int, sr: float) -> np.ndarray | float:
    """The harmonics of another machine, in two clips out of five."""
    fundamental = rng.uniform(120.0, 500.0)
    level_db = rng.uniform(-68.0, -60.0)
    phases = rng.uniform(0, 2 * np.pi, 4)
    if rng.uniform() < 0.6:
        return 0.0
    # A sine of every sample would take as long as all the rest of the clip. With
    # the samples laid out in rows, sin(a + b) = sin(a) cos(b) + cos(a) sin(b)
    # needs only those of the rows' first samples and those of one row.
    width = math.isqrt(n_samples) + 1
    k = np.arange(1, 5)
    step = 2 * np.pi * k * fundamental / sr
    a = np.outer(np.arange(width) * width, step) + phases
    b = np.outer(step, np.arange(width))
    hum = np.einsum("ik,kj", np.sin(a) / k, np.cos(b))
    hum += np.einsum("ik,kj", np.cos(a) / k, np.sin(b))
    return db_to_amplitude(level_db) * hum.ravel()[:n_samples]


class _Click(NamedTuple):
    start: int
    samples: np.ndarray
    is_strong: bool


def _clicks(rng: np.random.Generator, n_samples: int, sr: float) -> list[_Click]:
    """Strong clicks a period apart, and a weak one midway between each two."""
    period = rng.uniform(1.0, 1.15)
    # The valve is somewhere in its cycle when the clip starts, but early enough
    # for two strong clicks even in the shortest clip.
    first_strong = rng.uniform(0.05, period)
    onsets = np.arange(first_strong % (period / 2), n_samples / sr - 0.1, period / 2)
    clicks = []
    for onset in onsets:
        is_strong = round((onset - first_strong) / (period / 2)) % 2 == 0
        level_db = rng.uniform(-24.5, -22.5) if is_strong else rng.uniform(-40, -34)
        start = max(round((onset + rng.normal(0, 0.005)) * sr), 0)
        samples = db_to_amplitude(level_db) * _click(rng, sr)
        clicks.append(_Click(start, samples, is_strong))
    return clicks


def _click(rng: np.random.Generator, sr: float) -> np.ndarray:
    """One click of peak 1: a burst of noise that rises at once and rings off."""
    n_samples = round(0.2 * sr)
    burst = _coloured_noise(rng, n_samples, sr) * _click_envelope(n_samples, sr)
    # The sudden rise has spread the burst beyond the band: take that off again.
    spectrum = fft.rfft(burst)
    spectrum[_band(n_samples, sr, 0.0).stop :] = 0.0
    burst = fft.irfft(spectrum, n_samples)
    burst /= np.max(np.abs(burst))
    return burst


@lru_cache
def _click_envelope(n_samples: int, sr: float) -> np.ndarray:
    t = np.arange(n_samples) / sr
    return (1 - np.exp(-t / 0.0005)) * (np.exp(-t / 0.01) + 0.1 * np.exp(-t / 0.04))


def _mix(clicks: Sequence[_Click], n_samples: int) -> np.ndarray:
    """Put each click where it belongs; the clip's end cuts off what passes it."""
    audio = np.zeros(n_samples)
    for click in clicks:
        place = audio[click.start : click.start + click.samples.size]
        place += click.samples[: place.size]
    return audio


def _with_one_late(
    rng: np.random.Generator, clicks: list[_Click], n_samples: int, sr: float
) -> list[_Click]:
    """The same clicks, but one of the strong ones later."""
    delay = round(rng.uniform(0.15, 0.3) * sr)
    able = [
        i
        for i, click in enumerate(clicks)
        if click.is_strong and click.start + delay + click.samples.size <= n_samples
    ]
    late = able[rng.integers(len(able))]
    moved = clicks[late]._replace(start=clicks[late].start + delay)
    return [*clicks[:late], moved, *clicks[late + 1 :]]


def _rebounds(
    rng: np.random.Generator, clicks: list[_Click], sr: float
) -> list[_Click]:
    """A second, weaker click for each strong one."""
    rebounds = []
    for click in clicks:
        if click.is_strong:
            start = click.start + round(rng.uniform(0.04, 0.12) * sr)
            weaker = db_to_amplitude(-rng.uniform(3.0, 9.0))
            samples = weaker * np.max(np.abs(click.samples)) * _click(rng, sr)
            rebounds.append(_Click(start, samples, False))
    return rebounds


def _hiss(rng: np.random.Generator, n_samples: int, sr: float) -> np.ndarray:
    """Leaking air: high noise that fades in and out."""
    length = round(rng.uniform(0.6, 1.5) * sr)
    level_db = rng.uniform(-54.0, -48.0)
    start = rng.integers(n_samples - length + 1)
    noise = _coloured_noise(rng, fft.next_fast_len(length, True), sr, above_hz=2000.0)
    audio = np.zeros(n_samples)
    audio[start : start + length] = (
        db_to_amplitude(level_db) * _fade(length) * noise[:length]
    )
    return audio


def _squeak(rng: np.random.Generator, n_samples: int, sr: float) -> np.ndarray:
    """Something rubs: a tone of wavering pitch and those harmonics that fit."""
    limit_hz = min(_BAND_LIMIT_HZ, sr / 2)
    length = round(rng.uniform(0.2, 0.6) * sr)
    level_db = rng.uniform(-46.0, -40.0)
    start = rng.integers(n_samples - length + 1)
    pitch = rng.uniform(0.25, 0.475) * limit_hz
    depth = rng.uniform(0.01, 0.03)
    rate, phase = rng.uniform(6.0, 14.0), rng.uniform(0, 2 * np.pi)
    t = np.arange(length) / sr
    # The integral of the wavering pitch over time, in periods.
    periods = pitch * (
        t - depth / (2 * np.pi * rate) * np.cos(2 * np.pi * rate * t + phase)
    )
    tone = sum(
        np.sin(2 * np.pi * k * periods) / k**2
        for k in range(1, int(limit_hz / (pitch * (1 + depth))) + 1)
    )
    audio = np.zeros(n_samples)
    audio[start : start + length] = db_to_amplitude(level_db) * _fade(length) * tone
    return audio


def _fade(length: int) -> np.ndarray:
    """Rise over the first third and fall over the last, without corners."""
    return tukey(length, 2 / 3)
