"""What a detector knows of its training, so that its promises can be judged later.

A threshold holds only for clips like those that it comes from. So a fitted detector keeps
with it how many recordings there were, how loud they were and what their spectrum was.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ._checks import check_count, check_number, check_sample_rate
from .features import level
from .recordings import Recordings
from .sensor import edge_of_band

_PACKAGES = ("esa4-helpers", "numpy", "scipy", "scikit-learn", "librosa")
# In samples: bands of a hundredth of the range each, from ten bins, without the constant.
_N_FFT = 2000
_N_BANDS = 100
# In dB: what is quieter is nothing, and its exact value tells nothing.
_NOTHING = -120.0


@dataclass(frozen=True, eq=False)
class Training:
    """What a fitted detector knows of its training: its attribute ``training_``.

    Parameters
    ----------
    sr : float
        Sample rate of the clips in Hz.
    n_samples : int
        Length of each clip.
    n_clips, n_recordings : int
        How many there were. Without groups, each clip counts as a recording, and those
        that share their sound as one.
    false_alarm_rate : float
        Share of new normal clips that may raise an alarm, as asked for.
    promised_rate : float
        The share that so many recordings can promise: with n, no less than 1 in n + 1.
        Nothing is promised, which is a share of 1, by a single recording, or by clips
        without groups that share their sound.
    levels : tuple of float
        RMS level of the quietest and of the loudest clip, in dB relative to full scale.
    typical_level : float
        The median of all clips' RMS levels.
    spectrum : array of shape (100,)
        Power in dB in a hundred bands of equal width from 0 to half the sample rate: the
        median over the clips.
    unevenness : float
        How far the shape of a clip's spectrum was from the typical one at most, in dB,
        whatever its gain (see `unevenness`).
    edge : float or None
        Frequency in Hz above which there was nothing, if there is such an edge.
    data_hash : str
        SHA-256 of the clips, as 32-bit floats.
    versions : dict from str to str
        Of Python and of the packages that took part.
    source : dict
        Where the clips come from: for `Recordings` their files as absolute paths,
        ``hop_seconds`` and ``channel``; empty for arrays.
    findings : tuple of str
        What a health check said before the training.
    history : tuple of dict
        Earlier trainings of the same detector, the oldest first, as from ``as_dict``.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> training = make_detector("gmm").fit(normal).training_
    >>> training.n_recordings, training.clip_seconds, training.promised_rate
    (20, 1.0, 0.1)
    """

    sr: float
    n_samples: int
    n_clips: int
    n_recordings: int
    false_alarm_rate: float
    promised_rate: float
    levels: tuple[float, float]
    typical_level: float
    spectrum: np.ndarray
    unevenness: float
    edge: float | None
    data_hash: str
    versions: dict[str, str]
    source: dict[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    history: tuple[dict[str, Any], ...] = ()

    @property
    def clip_seconds(self) -> float:
        """Length of each clip in s."""
        return self.n_samples / self.sr

    def as_dict(self) -> dict[str, Any]:
        """Say all of it in types that JSON knows.

        Returns
        -------
        dict
            From the names above, and ``clip_seconds``, to numbers, texts, lists and dicts.

        Examples
        --------
        >>> import json
        >>> from esa4_helpers import make_detector
        >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
        >>> text = json.dumps(make_detector("gmm").fit(normal).training_.as_dict())
        """
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        return told | {
            "levels": list(self.levels),
            "spectrum": self.spectrum.tolist(),
            "findings": list(self.findings),
            "history": list(self.history),
            "clip_seconds": self.clip_seconds,
        }


def check_training(training: Training) -> None:
    """Raise an error if what a file tells of a training can't be true.

    Parameters
    ----------
    training : Training
        As it was read.

    Raises
    ------
    ValueError, TypeError
        If a number is missing, NaN, infinite or out of its range.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from esa4_helpers import make_detector
    >>> normal = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    >>> training = make_detector("gmm").fit(normal).training_
    >>> check_training(replace(training, promised_rate=float("nan")))
    Traceback (most recent call last):
    ValueError: promised_rate must be finite, got nan
    """
    for name in ("n_samples", "n_clips", "n_recordings"):
        check_count(getattr(training, name), name, at_least=1)
    check_sample_rate(training.sr)
    for name in ("false_alarm_rate", "promised_rate"):
        if not 0 < check_number(getattr(training, name), name) <= 1:
            raise ValueError(f"{name} must be a share, got {getattr(training, name)!r}")
    low, high = (check_number(level, "levels") for level in training.levels)
    if low > high:
        raise ValueError(f"levels must rise, got {training.levels}")
    check_number(training.typical_level, "typical_level")
    check_number(training.unevenness, "unevenness")
    if training.edge is not None:
        check_number(training.edge, "edge")
    if np.shape(training.spectrum) != (_N_BANDS,):
        raise ValueError(f"spectrum must have {_N_BANDS} bands")
    if not np.isfinite(training.spectrum).all():
        raise ValueError("spectrum holds NaN or infinity")


def band_levels(audio: np.ndarray) -> np.ndarray:
    """Measure the level in each hundredth of the frequency range.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1].

    Returns
    -------
    ndarray of shape (n_clips, 100)
        Mean power in dB, from 0 Hz to half the sample rate; -120 dB at least.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 0.2525 * np.arange(16000))
    >>> int(band_levels(tone[np.newaxis])[0].argmax())
    50
    """
    return np.stack([_band_levels(clip) for clip in audio])


def _band_levels(clip: np.ndarray) -> np.ndarray:
    clip = np.pad(clip, (0, max(0, _N_FFT - len(clip))))
    frames = np.lib.stride_tricks.sliding_window_view(clip, _N_FFT)[:: _N_FFT // 2]
    window = np.hanning(_N_FFT)
    spectra = np.fft.rfft(frames * window)[:, 1:]
    power = np.mean(spectra.real**2 + spectra.imag**2, axis=0)
    power *= 2 / (_N_FFT * np.sum(window**2))
    bands = power.reshape(_N_BANDS, -1).sum(axis=1)
    return 10 * np.log10(bands + 10 ** (_NOTHING / 10))


def unevenness(
    levels: np.ndarray, spectrum: np.ndarray, edge: float | None = None
) -> np.ndarray:
    """Measure how much the shapes of spectra differ from a typical one, at any gain.

    Parameters
    ----------
    levels : array of shape (n_clips, n_bands)
        In dB, as from `band_levels`.
    spectrum : array of shape (n_bands,)
        The typical one, in dB.
    edge : float, optional
        Leave out the bands above this share of the range, where there is nothing.

    Returns
    -------
    ndarray of shape (n_clips,)
        Root mean square, in dB, of what is left of the differences without their median.

    Examples
    --------
    >>> unevenness(np.array([[-57.0, -47.0, -37.0]]), np.array([-60.0, -50.0, -40.0]))
    array([0.])
    """
    n_bands = None if edge is None else round(edge * len(spectrum))
    change = (levels - spectrum)[:, :n_bands]
    change -= np.median(change, axis=1, keepdims=True)
    return np.sqrt(np.mean(change**2, axis=1))


def _training_on(
    audio: np.ndarray,
    sr: float,
    *,
    n_recordings: int,
    false_alarm_rate: float,
    is_held_out: bool,
    source: dict[str, Any],
    packages: Sequence[str] = (),
) -> Training:
    """Put down what there is to know of training clips."""
    # A single recording does not tell how one differs from the next.
    lowest = 1 / (n_recordings + 1) if is_held_out and n_recordings > 1 else 1.0
    levels = band_levels(audio)
    spectrum = np.median(levels, axis=0)
    edge = edge_of_band(spectrum)
    rms = level(audio)[:, 0]
    return Training(
        sr=sr,
        n_samples=audio.shape[1],
        n_clips=len(audio),
        n_recordings=n_recordings,
        false_alarm_rate=false_alarm_rate,
        promised_rate=max(false_alarm_rate, lowest),
        levels=(float(rms.min()), float(rms.max())),
        typical_level=float(np.median(rms)),
        spectrum=spectrum,
        unevenness=float(unevenness(levels, spectrum, edge).max()),
        edge=None if edge is None else edge * sr / 2,
        data_hash=_hash_of(audio),
        versions=_versions((*_PACKAGES, *packages)),
        source=source,
    )


def _source_of(recordings: Recordings) -> dict[str, Any]:
    used = dict.fromkeys(recordings.recordings.tolist())
    return {
        "files": [str(recordings.files[name].resolve()) for name in used],
        "hop_seconds": recordings.cut.hop / recordings.sr,
        "channel": recordings.cut.channel,
    }


def _hash_of(audio: np.ndarray) -> str:
    found = hashlib.sha256(repr(audio.shape).encode())
    for clip in audio:
        found.update(np.ascontiguousarray(clip, dtype="<f4").data)
    return found.hexdigest()


def _versions(packages: Sequence[str]) -> dict[str, str]:
    known = {"python": platform.python_version()}
    for package in packages:
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            # Run from a folder of its sources, or under another name, as tf-nightly.
            known[package] = "unknown"
    return known
