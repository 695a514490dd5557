"""From clips to spectrograms to one row of numbers a clip."""

from __future__ import annotations

from collections.abc import Callable

import librosa
import numpy as np
from numpy.typing import ArrayLike

from ._checks import (
    check_clips,
    check_count,
    check_number,
    check_sample_rate,
    check_spectrograms,
)

POOLING_STATISTICS = ("mean", "max", "std", "gwrp")

_SILENCE_DB = -100.0


def peak_level(audio: ArrayLike) -> np.ndarray:
    """Measure the loudest sample of each clip, in dB relative to full scale.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1].

    Returns
    -------
    ndarray of shape (n_clips,)
        float64, in dB: 0 dB is a sample of 1 or -1, and anything below -100 dB,
        silence included, is given as -100 dB.

    Raises
    ------
    ValueError
        If ``audio`` has another shape, is empty or holds NaN or infinity.
    TypeError
        If ``audio`` does not hold floats.

    Examples
    --------
    >>> peak_level([[0.0, 1.0, -0.5], [0.1, 0.0, 0.0], [0.0, 0.0, 0.0]])
    array([   0.,  -20., -100.])
    """
    peaks = np.abs(check_clips(audio).astype(np.float64)).max(axis=1)
    return 20 * np.log10(np.maximum(peaks, 10 ** (_SILENCE_DB / 20)))


def log_mel_spectrogram(
    audio: ArrayLike,
    sr: float,
    *,
    n_mels: int = 128,
    n_fft: int = 2048,
    hop_length: int = 512,
    ref: float | Callable[[np.ndarray], float] = 1.0,
    top_db: float | None = None,
) -> np.ndarray:
    """Compute the log-mel spectrogram of each clip, in dB.

    The mel bands share the range from 0 Hz to half the sample rate. By default
    the level is absolute (0 dB is a mel power of 1), so that a quiet clip stays
    quieter than a loud one; powers below -100 dB are raised to it.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1], each at least one window long.
    sr : float
        Sample rate in Hz.
    n_mels : int
        Number of mel bands.
    n_fft, hop_length : int
        Length of the analysis window and the step between frames, in samples.
    ref : float or callable
        The power that becomes 0 dB. A callable such as ``np.max`` is asked for
        each clip anew, which takes the differences in level between clips away.
    top_db : float, optional
        Raise everything further than this below a clip's maximum, in dB.

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        float64, in dB, with ``n_frames = 1 + n_samples // hop_length``.

    Raises
    ------
    ValueError
        If ``audio`` has another shape, is empty, shorter than one window, or
        holds NaN or infinity; or if a number is out of its range.
    TypeError
        If ``audio`` does not hold floats, or if something else than a number is
        given for one.

    References
    ----------
    `librosa.feature.melspectrogram` and `librosa.power_to_db` do the work.

    Examples
    --------
    >>> t = np.arange(16000) / 16000
    >>> S = log_mel_spectrogram([0.5 * np.sin(2 * np.pi * 1000 * t)], sr=16000)
    >>> S.shape
    (1, 128, 32)
    """
    audio = check_clips(audio)
    sr = check_sample_rate(sr)
    n_mels = check_count(n_mels, "n_mels", at_least=1)
    n_fft = check_count(n_fft, "n_fft", at_least=2)
    hop_length = check_count(hop_length, "hop_length", at_least=1)
    if not callable(ref) and check_number(ref, "ref") <= 0:
        raise ValueError(f"ref must be a power above 0, got {ref!r}")
    if top_db is not None and check_number(top_db, "top_db") < 0:
        raise ValueError(f"top_db must be 0 dB or more, got {top_db!r}")
    if audio.shape[1] < n_fft:
        raise ValueError(
            f"the clips have {audio.shape[1]} samples, less than one window of "
            f"n_fft={n_fft}: use longer clips or a shorter window"
        )

    def one_clip(clip: np.ndarray) -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=clip, sr=sr, n_mels=n_mels, n_fft=n_fft, hop_length=hop_length
        )
        return librosa.power_to_db(power, ref=ref, top_db=top_db)

    return np.stack([one_clip(clip) for clip in audio.astype(np.float64)])


def pool_over_time(
    S: ArrayLike, statistic: str = "mean", *, decay: float = 0.9
) -> np.ndarray:
    """Describe each clip by one number a mel band.

    Parameters
    ----------
    S : array of shape (n_clips, n_mels, n_frames)
        Log-mel spectrograms in dB, or any other feature that has frames.
    statistic : {"mean", "max", "std", "gwrp"}
        ``"gwrp"`` is global weighted ranking pooling: the frames of a band are
        sorted from high to low, and the i-th is weighted by ``decay ** i``.
    decay : float
        For ``"gwrp"`` only, between 0 (the maximum) and 1 (the mean).

    Returns
    -------
    ndarray of shape (n_clips, n_mels)
        float64, in the unit of ``S``. In float32, covariances of these features
        can lose the digits that a Gaussian mixture needs.

    Raises
    ------
    ValueError
        If ``S`` has another shape, is empty or holds NaN or infinity, if there
        is no such statistic, or if ``decay`` is outside [0, 1].
    TypeError
        If ``S`` does not hold floats or ``decay`` is no number.

    References
    ----------
    GWRP for anomalous sounds: Guan et al., "Time-weighted frequency domain audio
    representation with GMM estimator for anomalous sound detection", ICASSP 2023.
    https://arxiv.org/abs/2305.03328

    Examples
    --------
    >>> S = np.array([[[0.0, 0.0, 6.0], [1.0, 2.0, 3.0]]])
    >>> pool_over_time(S, "mean")
    array([[2., 2.]])
    >>> pool_over_time(S, "max")
    array([[6., 3.]])
    """
    S = check_spectrograms(S)
    if statistic == "mean":
        return S.mean(axis=2)
    if statistic == "max":
        return S.max(axis=2)
    if statistic == "std":
        return S.std(axis=2)
    if statistic == "gwrp":
        if not 0 <= check_number(decay, "decay") <= 1:
            raise ValueError(f"decay must be between 0 and 1, got {decay!r}")
        weights = decay ** np.arange(S.shape[2])
        return np.sort(S, axis=2)[:, :, ::-1] @ (weights / weights.sum())
    raise ValueError(
        f"unknown statistic {statistic!r}: expected one of "
        f"{', '.join(map(repr, POOLING_STATISTICS))}"
    )
