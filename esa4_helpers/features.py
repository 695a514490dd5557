"""From clips to spectrograms to one row of numbers a clip.

Each step is a function of arrays. For use in a scikit-learn `Pipeline`, where test
clips must be treated as the training clips were, there is a transformer for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Any

import librosa
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from scipy import fft, sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ._checks import (
    check_clip_length,
    check_clips,
    check_count,
    check_levels,
    check_number,
    check_sample_rate,
    check_training_clips,
)

# What a hum moves, what a modulation moves, what knocking moves, and what a single click
# moves.
BAND_PROFILE = ("mean", "std", "p95", "max")
POOLING_STATISTICS = ("mean", "max", "min", "median", "std", "gwrp", "p0 to p100")
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d+)?)")

# An amplitude of -100 dB, which stands for silence.
_SILENCE = 1e-5
_LEVEL_DECIMALS = 3
# So many frames at a time stay in the processor's cache.
_FRAMES_AT_A_TIME = 256
# Rounding in 32 bits adds to each bin of a spectrum up to a millionth of what an average
# bin holds. In bands this far below the average, that could change the level by 0.001 dB.
_TOO_QUIET_FOR_32_BITS = 3e-5


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
    audio = check_clips(audio)
    peak = np.maximum(audio.max(axis=1), -audio.min(axis=1))
    return _amplitude_to_db(peak)


def level(audio: ArrayLike) -> np.ndarray:
    """Measure the level of each clip in three ways.

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

    >>> level([[1.0, -1.0, 1.0, -1.0], [0.1, 0.0, 0.0, 0.0]]).round(1)
    array([[  0.,   0.,   0.],
           [-26., -20.,   6.]])
    """
    audio = check_clips(audio)
    # One frame as long as the clip; in 32 bits a sum over it would lose digits.
    n_samples = audio.shape[1]
    rms = librosa.feature.rms(
        y=audio,
        frame_length=n_samples,
        hop_length=n_samples,
        center=False,
        dtype=np.float64,
    )
    rms, peak = _amplitude_to_db(rms.ravel()), peak_level(audio)
    return np.column_stack([rms, peak, peak - rms])


def _amplitude_to_db(amplitude: np.ndarray) -> np.ndarray:
    amplitude = amplitude.astype(np.float64)
    return librosa.amplitude_to_db(amplitude, amin=_SILENCE, top_db=None)


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

    Notes
    -----
    The result is that of `librosa.feature.melspectrogram` in 64 bits to within 0.001 dB,
    and is computed in 32 bits where those are enough. A few frames are worked on at a
    time, so that the spectra of an hour of audio never are in memory together.

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

    n_frames = 1 + (audio.shape[1] + 2 * (n_fft // 2) - n_fft) // hop_length
    mel_power = _MelPower(sr, n_mels, n_fft)
    # What depends on all frames of a clip has to wait until they are there.
    at_once = not callable(ref) and top_db is None
    S = np.empty((len(audio), n_mels, n_frames))
    for clips, frames in _blocks(len(audio), n_frames):
        excerpts = _cut_frames(audio[clips], frames, n_fft, hop_length)
        power = mel_power(np.concatenate(excerpts))
        if at_once:
            power = librosa.power_to_db(power, ref=ref, top_db=None)
        S[clips, :, frames] = power.reshape(*excerpts.shape[:2], n_mels).swapaxes(1, 2)
    if not at_once:
        for i, clip in enumerate(S):
            S[i] = librosa.power_to_db(clip, ref=ref, top_db=top_db)
    return S


def _blocks(n_clips: int, n_frames: int) -> Iterator[tuple[slice, slice]]:
    """Deal out a data set in blocks of some clips, or of some frames of one clip."""
    clips_at_a_time = ceil(_FRAMES_AT_A_TIME / n_frames)
    for i in range(0, n_clips, clips_at_a_time):
        for j in range(0, n_frames, _FRAMES_AT_A_TIME):
            yield (
                slice(i, i + clips_at_a_time),
                slice(j, min(j + _FRAMES_AT_A_TIME, n_frames)),
            )


def _cut_frames(
    audio: np.ndarray, frames: slice, n_fft: int, hop_length: int
) -> np.ndarray:
    """Cut frames out of clips, with silence before and after: (n_clips, n_frames, n_fft)."""
    first = frames.start * hop_length - n_fft // 2
    stop = (frames.stop - 1) * hop_length - n_fft // 2 + n_fft
    before, after = max(0, -first), max(0, stop - audio.shape[1])
    excerpt = audio[:, first + before : stop - after]
    excerpt = np.pad(excerpt, ((0, 0), (before, after)))
    return sliding_window_view(excerpt, n_fft, axis=1)[:, ::hop_length]


class _MelPower:
    """Computes the power of frames in mel bands, in 32 bits where those are enough."""

    def __init__(self, sr: float, n_mels: int, n_fft: int) -> None:
        self.window = librosa.filters.get_window("hann", n_fft)
        # Each band takes few of the frequencies: nearly all weights are zero.
        self.weights = sparse.csr_array(
            librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
        )
        self.window_32 = self.window.astype(np.float32)
        self.weights_32 = self.weights.astype(np.float32)
        self.too_quiet = _TOO_QUIET_FOR_32_BITS * self.weights_32.sum(axis=1)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """From frames (n_frames, n_fft) to powers (n_frames, n_mels)."""
        power = _power_spectrum(frames, self.window_32)
        bands = (self.weights_32 @ power.T).T
        average = power.mean(axis=1, keepdims=True)
        unsure = np.maximum(bands, _SILENCE**2) < average * self.too_quiet
        unsure = unsure.any(axis=1)
        bands = bands.astype(np.float64)
        if unsure.any():
            exact = _power_spectrum(frames[unsure], self.window)
            bands[unsure] = (self.weights @ exact.T).T
        return bands


def _power_spectrum(frames: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Compute the power of each frame at each frequency, in the window's precision."""
    windowed = np.multiply(frames, window, dtype=window.dtype, casting="same_kind")
    spectrum = fft.rfft(windowed)
    power = spectrum.real**2
    power += spectrum.imag**2
    return power


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
    _check_pooling(statistic, decay)
    return _pool(check_levels(S), statistic, decay)


def _pool(S: np.ndarray, statistic: str, decay: float) -> np.ndarray:
    if percentile := _PERCENTILE.fullmatch(statistic):
        return np.percentile(S, float(percentile[1]), axis=2)
    if statistic == "gwrp":
        weights = decay ** np.arange(S.shape[2])
        return np.sort(S, axis=2)[:, :, ::-1] @ (weights / weights.sum())
    return getattr(np, statistic)(S, axis=2)


def _check_pooling(statistic: str, decay: float) -> None:
    if not 0 <= check_number(decay, "decay") <= 1:
        raise ValueError(f"decay must be between 0 and 1, got {decay!r}")
    percentile = _PERCENTILE.fullmatch(str(statistic))
    if percentile and float(percentile[1]) <= 100:
        return
    if statistic not in POOLING_STATISTICS[:-1]:
        raise ValueError(
            f"unknown statistic {statistic!r}: expected one of "
            f"{', '.join(map(repr, POOLING_STATISTICS))}"
        )


def _pull(
    S: np.ndarray, statistic: str, usual: np.ndarray, pooled: np.ndarray
) -> np.ndarray:
    """How far each frame pulled a statistic to the side on which it came out."""
    direction = np.sign(pooled - usual)[..., np.newaxis]
    if statistic == "std":
        # What is averaged over the frames is the squared distance from the mean.
        S, usual = (S - S.mean(axis=2, keepdims=True)) ** 2, usual**2
    return np.maximum(direction * (S - usual[:, np.newaxis]), 0.0)


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

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, S: ArrayLike, y: Any = None) -> PoolOverTime:
        """Check the parameters and the spectrograms: there is nothing to learn.

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
        self._check_parameters()
        check_levels(S)
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
        self._check_parameters()
        return self._transform(check_levels(S))

    def spread_back(
        self, shares: np.ndarray, usual: np.ndarray, S: np.ndarray
    ) -> np.ndarray:
        """Spread what each feature contributed over the frames that it came from.

        It goes to the frames of the band that pulled the feature away from its usual
        value: for a level too high, those above it.

        Parameters
        ----------
        shares : ndarray of shape (n_clips, n_statistics * n_mels)
            What each feature of each clip contributed, 0 or more.
        usual : ndarray of shape (n_statistics * n_mels,)
            The usual value of each feature.
        S : ndarray of shape (n_clips, n_mels, n_frames)
            The spectrograms that were pooled.

        Returns
        -------
        ndarray of shape (n_clips, n_mels, n_frames)
            0 or more, summed over the statistics.

        Examples
        --------
        >>> S = np.array([[[0.0, 2.0, 3.0]]])
        >>> PoolOverTime("max").spread_back(np.array([[6.0]]), np.array([1.0]), S)
        array([[[0., 2., 4.]]])
        """
        shares = np.split(shares, len(self._names), axis=1)
        usual = np.split(usual, len(self._names))
        cells = np.zeros_like(S)
        for statistic, share, value in zip(self._names, shares, usual, strict=True):
            pull = _pull(S, statistic, value, _pool(S, statistic, self.decay))
            total = pull.sum(axis=2, keepdims=True)
            weights = np.divide(pull, total, out=np.zeros_like(pull), where=total > 0)
            cells += share[..., np.newaxis] * weights
        return cells

    def _transform(self, S: np.ndarray) -> np.ndarray:
        return np.hstack([_pool(S, name, self.decay) for name in self._names])

    def _check_parameters(self) -> None:
        if not self._names:
            raise ValueError("statistics must name one or more, got none")
        for name in self._names:
            _check_pooling(name, self.decay)

    @property
    def _names(self) -> tuple[str, ...]:
        """The statistics, of which a single one may have been given as a text."""
        one = isinstance(self.statistics, str)
        return (self.statistics,) if one else tuple(self.statistics)


class Level(TransformerMixin, BaseEstimator):
    """Measure RMS level, peak level and crest factor, as a step of a pipeline.

    They are rounded to 0.001 dB. Clips that were scaled to the same level differ by
    less, which is rounding and tells nothing.

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
    >>> Level(sr=16000).fit_transform(audio).shape
    (2, 3)
    """

    def __init__(self, sr: float = 16000) -> None:
        self.sr = sr

    def fit(self, audio: ArrayLike, y: Any = None) -> Level:
        """Check the training clips, and remember their length.

        Parameters
        ----------
        audio : array of shape (n_clips, n_samples)
            Two or more clips, floats in [-1, 1].
        y : ignored

        Returns
        -------
        Level
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
            float64, in dB, as in `level`, to three decimals.

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
        return level(audio).round(_LEVEL_DECIMALS)
