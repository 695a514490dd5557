"""From clips to spectrograms to one row of numbers a clip.

Each step is a function of arrays. For use in a scikit-learn `Pipeline`, where test
clips must be treated as the training clips were, there is a transformer for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import librosa
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ._checks import (
    check_clip_length,
    check_clips,
    check_count,
    check_number,
    check_sample_rate,
    check_spectrograms,
    check_training_clips,
)

# What a hum moves, what a modulation moves, what knocking moves, and what a single click
# moves.
BAND_PROFILE = ("mean", "std", "p95", "max")
POOLING_STATISTICS = ("mean", "max", "min", "median", "std", "gwrp", "p0 to p100")

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
    return _amplitude_to_db(np.abs(check_clips(audio).astype(np.float64)).max(axis=1))


def loudness(audio: ArrayLike) -> np.ndarray:
    """Measure how loud each clip is, in three ways.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1].

    Returns
    -------
    ndarray of shape (n_clips, 3)
        float64, in dB: the root mean square (RMS) level, the peak level, both
        relative to full scale and -100 dB at least, and the crest factor, which is
        the peak level minus the RMS level: high for clicks, low for hum.

    Raises
    ------
    ValueError
        If ``audio`` has another shape, is empty or holds NaN or infinity.
    TypeError
        If ``audio`` does not hold floats.

    Examples
    --------
    A full-scale square wave has a crest factor of 0 dB:

    >>> loudness([[1.0, -1.0, 1.0, -1.0], [0.1, 0.0, 0.0, 0.0]]).round(1)
    array([[  0.,   0.,   0.],
           [-26., -20.,   6.]])
    """
    audio = check_clips(audio).astype(np.float64)
    rms = _amplitude_to_db(np.sqrt(np.mean(audio**2, axis=1)))
    peak = peak_level(audio)
    return np.column_stack([rms, peak, peak - rms])


def _amplitude_to_db(amplitude: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(amplitude, 10 ** (_SILENCE_DB / 20)))


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
    statistic : {"mean", "max", "min", "median", "std", "gwrp"} or "p0" to "p100"
        ``"p95"`` is the 95th percentile: the level that 95 % of the frames stay
        below. ``"gwrp"`` is global weighted ranking pooling: the frames of a band
        are sorted from high to low, and the i-th is weighted by ``decay ** i``.
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
    >>> pool_over_time(S, "p75")
    array([[3. , 2.5]])
    """
    S = check_spectrograms(S)
    if not 0 <= check_number(decay, "decay") <= 1:
        raise ValueError(f"decay must be between 0 and 1, got {decay!r}")
    percentile = re.fullmatch(r"p(\d{1,3}(?:\.\d+)?)", str(statistic))
    if percentile and float(percentile[1]) <= 100:
        return np.percentile(S, float(percentile[1]), axis=2)
    if statistic == "gwrp":
        weights = decay ** np.arange(S.shape[2])
        return np.sort(S, axis=2)[:, :, ::-1] @ (weights / weights.sum())
    if statistic in ("mean", "max", "min", "median", "std"):
        return getattr(np, statistic)(S, axis=2)
    raise ValueError(
        f"unknown statistic {statistic!r}: expected one of "
        f"{', '.join(map(repr, POOLING_STATISTICS))}"
    )


class LogMelSpectrogram(TransformerMixin, BaseEstimator):
    """Turn clips into log-mel spectrograms, as a step of a pipeline.

    ``fit`` learns nothing but how long a clip is: statistics of clips of different
    lengths can't be compared, so later ones must have the same. It also makes sure
    that the training clips hold sound.

    Parameters
    ----------
    sr : float
        Sample rate of all clips, in Hz.
    n_mels, n_fft, hop_length : int
        As in `log_mel_spectrogram`.

    Attributes
    ----------
    n_features_in_ : int
        Number of samples in a clip.

    Examples
    --------
    >>> audio = np.random.default_rng(0).uniform(-1, 1, (3, 16000))
    >>> LogMelSpectrogram(sr=16000).fit_transform(audio).shape
    (3, 128, 32)
    """

    def __init__(
        self,
        sr: float = 16000,
        *,
        n_mels: int = 128,
        n_fft: int = 2048,
        hop_length: int = 512,
    ) -> None:
        self.sr = sr
        self.n_mels = n_mels
        self.n_fft = n_fft
        self.hop_length = hop_length

    def fit(self, audio: ArrayLike, y: Any = None) -> LogMelSpectrogram:
        """Check the training clips, and remember their length.

        Parameters
        ----------
        audio : array of shape (n_clips, n_samples)
            Two or more clips, floats in [-1, 1], at least one window long.
        y : ignored

        Returns
        -------
        LogMelSpectrogram
            Itself.

        Raises
        ------
        ValueError
            If ``audio`` has another shape or holds NaN or infinity, if a clip is
            silent or constant, if all clips are the same, there is one only, or they
            are shorter than a window; or if a parameter is out of its range.
        TypeError
            If ``audio`` does not hold floats.
        """
        audio = check_training_clips(audio)
        # All that could be wrong with the parameters shows in the first clip.
        self._spectrograms(audio[:1])
        self.n_features_in_ = audio.shape[1]
        return self

    def transform(self, audio: ArrayLike) -> np.ndarray:
        """Compute the spectrograms.

        Parameters
        ----------
        audio : array of shape (n_clips, n_samples)
            Clips as long as those in ``fit``, floats in [-1, 1].

        Returns
        -------
        ndarray of shape (n_clips, n_mels, n_frames)
            float64, in dB.

        Raises
        ------
        ValueError
            If the clips have another length, or hold NaN or infinity.
        TypeError
            If ``audio`` does not hold floats.
        """
        check_is_fitted(self)
        audio = check_clips(audio)
        check_clip_length(audio, self.n_features_in_, self.sr)
        return self._spectrograms(audio)

    def _spectrograms(self, audio: np.ndarray) -> np.ndarray:
        return log_mel_spectrogram(
            audio,
            self.sr,
            n_mels=self.n_mels,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
        )


class PoolOverTime(TransformerMixin, BaseEstimator):
    """Describe each clip by one or more statistics a mel band, as a pipeline's step.

    Parameters
    ----------
    statistics : str or sequence of str
        As in `pool_over_time`. Of several, the features stand side by side.
    decay : float
        For ``"gwrp"`` only.

    Examples
    --------
    >>> S = np.array([[[0.0, 0.0, 6.0], [1.0, 2.0, 3.0]]])
    >>> PoolOverTime(("mean", "max")).fit_transform(S)
    array([[2., 2., 6., 3.]])
    """

    def __init__(
        self, statistics: str | Sequence[str] = ("mean", "max"), *, decay: float = 0.9
    ) -> None:
        self.statistics = statistics
        self.decay = decay

    @property
    def names(self) -> tuple[str, ...]:
        """The statistics, of which a single one may have been given as a text."""
        one = isinstance(self.statistics, str)
        return (self.statistics,) if one else tuple(self.statistics)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, S: ArrayLike, y: Any = None) -> PoolOverTime:
        """Check the parameters: there is nothing to learn.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Spectrograms.
        y : ignored

        Returns
        -------
        PoolOverTime
            Itself.

        Raises
        ------
        ValueError
            If ``S`` or a parameter is not as in `pool_over_time`, or if no
            statistic is named.
        TypeError
            If ``S`` does not hold floats or ``decay`` is no number.
        """
        self.transform(S)
        return self

    def transform(self, S: ArrayLike) -> np.ndarray:
        """Pool each clip.

        Parameters
        ----------
        S : array of shape (n_clips, n_mels, n_frames)
            Spectrograms, or any other feature that has frames.

        Returns
        -------
        ndarray of shape (n_clips, n_statistics * n_mels)
            float64: all bands of the first statistic, then of the second, and so on.

        Raises
        ------
        ValueError
            If ``S`` or a parameter is not as in `pool_over_time`, or if no
            statistic is named.
        TypeError
            If ``S`` does not hold floats or ``decay`` is no number.
        """
        if not self.names:
            raise ValueError("statistics must name one or more, got none")
        return np.hstack(
            [pool_over_time(S, name, decay=self.decay) for name in self.names]
        )


class Loudness(TransformerMixin, BaseEstimator):
    """Measure RMS level, peak level and crest factor, as a step of a pipeline.

    Parameters
    ----------
    sr : float
        Sample rate of all clips, in Hz; named if a clip of another length comes.

    Attributes
    ----------
    n_features_in_ : int
        Number of samples in a clip.

    Examples
    --------
    >>> audio = [[1.0, -1.0, 1.0, -1.0], [0.1, 0.0, 0.0, 0.0]]
    >>> Loudness(sr=16000).fit_transform(audio).shape
    (2, 3)
    """

    def __init__(self, sr: float = 16000) -> None:
        self.sr = sr

    def fit(self, audio: ArrayLike, y: Any = None) -> Loudness:
        """Check the training clips, and remember their length.

        Parameters
        ----------
        audio : array of shape (n_clips, n_samples)
            Two or more clips, floats in [-1, 1].
        y : ignored

        Returns
        -------
        Loudness
            Itself.

        Raises
        ------
        ValueError
            If ``audio`` has another shape or holds NaN or infinity, if a clip is
            silent or constant, if all clips are the same or there is one only, or if
            ``sr`` is not positive.
        TypeError
            If ``audio`` does not hold floats.
        """
        check_sample_rate(self.sr)
        self.n_features_in_ = check_training_clips(audio).shape[1]
        return self

    def transform(self, audio: ArrayLike) -> np.ndarray:
        """Measure each clip.

        Parameters
        ----------
        audio : array of shape (n_clips, n_samples)
            Clips as long as those in ``fit``, floats in [-1, 1].

        Returns
        -------
        ndarray of shape (n_clips, 3)
            float64, in dB, as in `loudness`.

        Raises
        ------
        ValueError
            If the clips have another length, or hold NaN or infinity.
        TypeError
            If ``audio`` does not hold floats.
        """
        check_is_fitted(self)
        audio = check_clips(audio)
        check_clip_length(audio, self.n_features_in_, self.sr)
        return loudness(audio)


def change_mask(
    audio: ArrayLike,
    healthy: ArrayLike,
    sr: float,
    *,
    threshold_db: float = 3.0,
    n_mels: int = 128,
    n_fft: int = 2048,
    hop_length: int = 512,
) -> np.ndarray:
    """Mark where in its log-mel spectrogram each clip differs from its healthy twin.

    For synthetic clips this is the truth about where an anomaly sits, to hold
    against what a detector points at.

    Parameters
    ----------
    audio : array of shape (n_clips, n_samples)
        Clips, floats in [-1, 1], each at least one window long.
    healthy : array of shape (n_clips, n_samples)
        The same clips without the anomaly, as in `Dataset.healthy`.
    sr : float
        Sample rate in Hz.
    threshold_db : float
        How much louder or quieter a cell must be to count, at least 0. Clips
        with an ``snr_db`` above 20 need 10 dB: in so quiet a hall, rounding to
        16 bits alone changes single cells by more than 3 dB.
    n_mels, n_fft, hop_length : int
        See `log_mel_spectrogram`.

    Returns
    -------
    ndarray of shape (n_clips, n_mels, n_frames)
        bool, True where the levels are more than ``threshold_db`` apart.

    Raises
    ------
    ValueError
        If ``audio`` or ``healthy`` has another shape, the two shapes differ,
        one of them is shorter than one window or holds NaN or infinity; or if
        a number is out of its range.
    TypeError
        If ``audio`` or ``healthy`` does not hold floats, or if something else
        than a number is given for one.

    Examples
    --------
    >>> healthy = np.random.default_rng(0).normal(0, 0.1, (1, 16000))
    >>> audio = healthy.copy()
    >>> audio[0, 8000:] *= 2
    >>> mask = change_mask(audio, healthy, sr=16000)
    >>> bool(mask[0, :, :14].any()), bool(mask[0, :, 18:].all())
    (False, True)
    """
    audio, healthy = check_clips(audio), check_clips(healthy, "healthy")
    if audio.shape != healthy.shape:
        raise ValueError(
            f"audio and healthy must have the same shape, got {audio.shape} and "
            f"{healthy.shape}"
        )
    if check_number(threshold_db, "threshold_db") < 0:
        raise ValueError(f"threshold_db must be 0 dB or more, got {threshold_db!r}")
    levels = (
        log_mel_spectrogram(
            clips, sr, n_mels=n_mels, n_fft=n_fft, hop_length=hop_length
        )
        for clips in (audio, healthy)
    )
    return np.abs(np.subtract(*levels)) > threshold_db
