"""Typical wrong answers to sheet 2, each with a part of the sentence it must get.

Of a question for a function, the answer is one. Of a question for a value, it is a
function that computes the value from the sheet's clips.
"""

from functools import lru_cache

import numpy as np

from esa4_helpers import log_mel_spectrogram


def spread_evenly(n_samples, sr, hop):
    return np.linspace(0, n_samples / sr, n_samples // hop + 1)


def floor_at_half(power, floor):
    return 10 * np.log10(np.maximum(power, 10 ** (floor / 20)))


def relative_level(power, floor):
    level = np.maximum(10 * np.log10(power), floor)
    return level - level.max()


def natural_level(power, floor):
    return 10 * np.log(np.maximum(power, 10 ** (floor / 10)))


def same_frames_for_all_bands(S, k):
    loudest = np.argsort(S.mean(axis=1), axis=1)[:, -k:]
    return np.take_along_axis(S, loudest[:, np.newaxis], axis=2).mean(axis=2)


def _z(x, of, axis=0):
    return (x - of.mean(axis=axis, keepdims=True)) / of.std(axis=axis, keepdims=True)


@lru_cache(maxsize=2)
def _pooled(clips):
    """Mean over time, and mean of the three loudest frames."""
    S = log_mel_spectrogram(clips.audio, clips.sr)
    return S.mean(axis=2), np.sort(S, axis=2)[:, :, -3:].mean(axis=2)


def _contrast(X, clips, fitted_to=None, among=None, combine=np.divide, odd=np.abs):
    fitted_to = clips.is_train if fitted_to is None else fitted_to
    among = ~clips.is_train if among is None else among
    score = odd(_z(X, X[fitted_to])).mean(axis=1)
    normal = score[among & ~clips.is_anomaly].mean()
    return combine(score[clips.is_anomaly].mean(), normal)


def upside_down(clips):
    mean, loudest = _pooled(clips)
    return _contrast(mean, clips) / _contrast(loudest, clips)


def only_the_loudest(clips):
    return _contrast(_pooled(clips)[1], clips)


def scaled_by_test_clips(clips):
    mean, loudest = (_contrast(X, clips, ~clips.is_train) for X in _pooled(clips))
    return loudest / mean


def scaled_by_all_clips(clips):
    every = np.ones(len(clips.audio), dtype=bool)
    mean, loudest = (_contrast(X, clips, every) for X in _pooled(clips))
    return loudest / mean


def training_clips_among_normal(clips):
    every = np.ones(len(clips.audio), dtype=bool)
    mean, loudest = (_contrast(X, clips, among=every) for X in _pooled(clips))
    return loudest / mean


def differences(clips):
    mean, loudest = (_contrast(X, clips, combine=np.subtract) for X in _pooled(clips))
    return loudest / mean


def signed(clips):
    mean, loudest = (_contrast(X, clips, odd=np.asarray) for X in _pooled(clips))
    return loudest / mean


def above_typical(level):
    return level - np.median(level, axis=1, keepdims=True)


def prominence(S, size, typical=lambda x: np.median(x, axis=1, keepdims=True)):
    """Right with a size of 10, but for the typical level that is asked for."""
    level = size * np.log10((10 ** (S / size)).mean(axis=2))
    return level - typical(level)


def below_the_floor_dropped(power, floor):
    level = 10 * np.log10(power + 1e-30)
    return level[level >= floor]


def floor_below_the_loudest(power, floor):
    level = 10 * np.log10(power)
    return np.maximum(level, level.max() + floor)


def in_powers(S, k):
    return 10 * np.log10((10 ** (np.sort(S, axis=2)[:, :, -k:] / 10)).mean(axis=2))


def _ratio(clips, **options):
    mean, loudest = (_contrast(X, clips, **options) for X in _pooled(clips))
    return loudest / mean


def difference_of_contrasts(clips):
    mean, loudest = (_contrast(X, clips) for X in _pooled(clips))
    return loudest - mean


def single_loudest(clips):
    loudest = log_mel_spectrogram(clips.audio, clips.sr).max(axis=2)
    return _contrast(loudest, clips) / _contrast(_pooled(clips)[0], clips)


def _scores_of(clips):
    return np.abs(_z(_pooled(clips)[0], _pooled(clips)[0][clips.is_train])).mean(axis=1)


MISTAKES = {
    "2.1": [
        (lambda n, sr, hop: np.arange(n // hop) * hop / sr, "last frame is missing"),
        (lambda n, sr, hop: np.arange(0, n, hop) / sr, "but n + 1 frames"),
        (lambda n, sr, hop: np.arange(n // hop + 2) * hop / sr, "one frame too many"),
        (lambda n, sr, hop: np.arange(1, n // hop + 1) * hop / sr, "frame 0 is"),
        (lambda n, sr, hop: np.arange(1, n // hop + 2) * hop / sr, "one hop late"),
        (
            lambda n, sr, hop: (np.arange(n // hop + 1) * hop + 1024) / sr,
            "half a frame",
        ),
        (lambda n, sr, hop: np.arange(n // hop + 1) * hop, "in samples"),
        (lambda n, sr, hop: np.arange(n // hop + 1), "numbers of the frames"),
        (lambda n, sr, hop: np.arange(n // hop + 1) * sr / hop, "upside down"),
        (lambda n, sr, hop: 1 + n // hop, "how many frames there are"),
        (spread_evenly, "evenly"),
        (
            lambda n, sr, hop: np.arange(n // hop + 1) * hop / 16000,
            "written in as 16000",
        ),
        (lambda n, sr, hop: np.arange(n // 512 + 1) * 512 / sr, "as 512 samples"),
        (
            lambda n, sr, hop: np.arange(round(n / hop) + 1) * hop / sr,
            "lies beyond the end",
        ),
        (lambda n, sr, hop: n // hop * hop / sr, "last frame only"),
        (lambda n, sr, hop: np.arange(n) / sr, "times of all samples"),
        (lambda n, sr, hop: np.arange(n // hop + 1) / sr, "one sample apart"),
        (
            lambda n, sr, hop: (np.arange(n // hop + 1) + 0.5) * hop / sr,
            "half a hop late",
        ),
        (lambda n, sr, hop: 1000 * np.arange(n // hop + 1) * hop / sr, "milliseconds"),
        (
            lambda n, sr, hop: [str(i * hop / sr) for i in range(n // hop + 1)],
            "(texts)",
        ),
    ],
    "2.2": [
        (lambda p, floor: np.maximum(20 * np.log10(p), floor), "for pressures"),
        (lambda p, floor: 10 * np.log10(p), "floor is missing"),
        (lambda p, floor: 10 * np.log10(np.maximum(p, floor)), "in dB, not a power"),
        (lambda p, floor: np.minimum(10 * np.log10(p), floor), "lowers what is above"),
        (lambda p, floor: 10 * np.log10(p + 10 ** (floor / 10)), "added"),
        (floor_at_half, "half of `floor_db`"),
        (natural_level, "natural logarithm"),
        (relative_level, "loudest value"),
        (
            lambda p, floor: np.where(p > 0, 10 * np.log10(p + (p == 0)), floor),
            "only silence",
        ),
        (
            lambda p, floor: np.maximum(np.log10(p), floor),
            "not multiplied by 10",
        ),
        (
            lambda p, floor: 2 * np.maximum(10 * np.log10(p + 1e-30), floor),
            "twice what",
        ),
        (
            lambda p, floor: -np.maximum(10 * np.log10(p + 1e-30), floor),
            "sign is turned",
        ),
        (below_the_floor_dropped, "is dropped"),
        (lambda p, floor: np.maximum(p, 10 ** (floor / 10)), "powers with a floor"),
        (
            lambda p, floor: np.maximum(10 * np.log(p + 1e-300), floor),
            "the floor is right, but np.log",
        ),
        (floor_below_the_loudest, "counts from the loudest"),
    ],
    "2.3": [
        (lambda S, k: np.sort(S, axis=2)[:, :, :k].mean(axis=2), "quietest"),
        (lambda S, k: np.sort(S, axis=1)[:, -k:].mean(axis=1), "loudest bands"),
        (lambda S, k: S[:, :, -k:].mean(axis=2), "the last"),
        (lambda S, k: S[:, :, :k].mean(axis=2), "the first"),
        (lambda S, k: np.sort(S, axis=2)[:, :, -k], "one frame only"),
        (lambda S, k: np.sort(S, axis=2)[:, :, -k:].sum(axis=2), "is the sum"),
        (lambda S, k: S.max(axis=2), "is the maximum"),
        (lambda S, k: S.mean(axis=2), "over all frames"),
        (same_frames_for_all_bands, "same frames for all bands"),
        (
            lambda S, k: np.median(np.sort(S, axis=2)[:, :, -k:], axis=2),
            "median of the loudest",
        ),
        (
            lambda S, k: np.sort(S, axis=2)[:, :, -k - 1 :].mean(axis=2),
            "one frame too many",
        ),
        (lambda S, k: np.sort(S, axis=2)[:, :, -3:].mean(axis=2), "written in as 3"),
        (lambda S, k: np.sort(S, axis=2)[:, :, -k:], "from low to high: take"),
        (
            lambda S, k: np.sort(S, axis=2)[:, :, -k:].mean(axis=(1, 2)),
            "over the bands, too",
        ),
        (in_powers, "averages powers"),
        (
            lambda S, k: np.argsort(S, axis=2)[:, :, -k:].mean(axis=2),
            "positions, as argsort",
        ),
    ],
    "2.4": [
        (lambda train, test: _z(test, test), "test clips' own"),
        (lambda train, test: _z(test, np.vstack([train, test])), "all clips together"),
        (lambda train, test: _z(train, train), "standardised training clips"),
        (lambda train, test: test - train.mean(axis=0), "has not been divided"),
        (lambda train, test: test / train.std(axis=0), "has not been subtracted"),
        (
            lambda train, test: (test - train.mean(axis=0)) / train.var(axis=0),
            "the variance",
        ),
        (
            lambda train, test: (test - train.mean(axis=0)) / train.std(axis=0, ddof=1),
            "n - 1",
        ),
        (lambda train, test: _z(test, test, axis=1), "each clip by itself"),
        (
            lambda train, test: (test - train.mean()) / train.std(),
            "all features together",
        ),
        (
            lambda train, test: (test - test.mean(axis=0)) / train.std(axis=0),
            "the mean is that of the test",
        ),
        (
            lambda train, test: (test - train.mean(axis=0)) / test.std(axis=0),
            "deviation is that of the test",
        ),
        (
            lambda train, test: test - train.mean(axis=0) / train.std(axis=0),
            "in brackets",
        ),
        (
            lambda train, test: (test - train.mean(axis=0)) * train.std(axis=0),
            "is multiplied by",
        ),
        (lambda train, test: -_z(test, train), "sign is turned"),
        (
            lambda train, test: (test - np.median(train, axis=0)) / train.std(axis=0),
            "subtracts the median",
        ),
        (
            lambda train, test: (test - train.min(axis=0)) / np.ptp(train, axis=0),
            "minimum and maximum",
        ),
        (
            lambda train, test: (test + train.mean(axis=0)) / train.std(axis=0),
            "the mean is added",
        ),
    ],
    "2.5": [
        (upside_down, "upside down"),
        (only_the_loudest, "contrast of the loudest frames alone"),
        (scaled_by_test_clips, "fitted to the test clips"),
        (scaled_by_all_clips, "fitted to all clips"),
        (training_clips_among_normal, "training clips among the normal"),
        (differences, "differences"),
        (signed, "sign"),
        (lambda clips: _contrast(_pooled(clips)[0], clips), "mean over time alone"),
        (difference_of_contrasts, "difference of the two"),
        (lambda clips: _ratio(clips, odd=np.square), "mean squares"),
        (single_loudest, "single loudest"),
        (lambda clips: _scores_of(clips), "one number"),
    ],
    "2.6": [
        (lambda S: (2, prominence(S, 10)), "a mean of powers is asked for"),
        (lambda S: (3, prominence(S, 10)), "10 times the logarithm"),
        (lambda S: (4, prominence(S, 10)), "`keepdims`"),
        (lambda S: (5, prominence(S, 10)), "their difference"),
        (lambda S: (6, prominence(S, 10)), "numbers 1 to 5"),
        (lambda S: prominence(S, 10), "two things"),
        (lambda S: (1, prominence(S, 20) / 2), "with the bug: repair"),
        (lambda S: (1, prominence(S, 20)), "averages pressures"),
        (lambda S: (1, prominence(S, 10, typical=lambda x: 0)), "the level itself"),
        (lambda S: (1, above_typical(S.mean(axis=2))), "averages levels in dB"),
        (
            lambda S: (1, prominence(S, 10, typical=lambda x: np.median(x, axis=0))),
            "of a band over the clips",
        ),
    ],
}
