"""Sheet 2: from clips to features."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..features import log_mel_spectrogram
from . import Wrong, call, compare, exercise_clips, question
from ._choices import repaired


@question(
    "2.1",
    points=2,
    level="first steps",
    trains="telling frames, samples and seconds apart",
)
def frame_times(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # What is left after the last whole hop: nothing, most of one, little, all but one.
    hop = int(rng.choice([100, 128, 256, 512]))
    rest = (0, int(0.7 * hop), int(0.3 * hop), hop - 1)[seed % 4]
    # The fifth clip is shorter than a hop.
    last = 0 if seed % 8 == 5 else int(rng.integers(4, 12))
    sr = int(rng.choice([8000, 16000, 22050, 44100]))
    n_samples = last * hop + rest
    expected = np.linspace(0, last * hop / sr, last + 1)
    step = hop / sr
    whole = 1 + max(0, n_samples - 1024) // hop
    compare(
        call(answer, n_samples, sr, hop),
        expected,
        {
            "the last frame is missing: from the first frame to the last there are n "
            "hops, but n + 1 frames": expected[:-1],
            "one frame too many: the middle of the last one lies beyond the end of the "
            "clip": np.append(expected, expected[-1] + step),
            "frame 0 is missing: its middle lies at 0 s": expected[1:],
            "this is one hop late: the middle of frame 0 lies at 0 s": expected + step,
            "this is half a frame late: 0 s is where frame 0 has its middle, not where "
            "it begins": expected + 1024 / sr,
            "this is half a frame early: 0 s is where frame 0 has its middle": expected
            - 1024 / sr,
            "this is half a hop late: 0 s is where frame 0 has its middle": (
                expected + step / 2
            ),
            "these are times in samples: there are `sr` samples in each second": (
                expected * sr
            ),
            "these are milliseconds: return seconds": 1000 * expected,
            "these are the numbers of the frames: tell when they are, in seconds": (
                np.arange(last + 1)
            ),
            "here frames are one sample apart: they are a hop apart": (
                np.arange(last + 1) / sr
            ),
            "this is upside down: the higher the sample rate, the shorter a hop": (
                expected / step**2
            ),
            "this is how many frames there are: return the time of each": last + 1,
            "this is the time of the last frame only: return those of all": (
                expected[-1]
            ),
            "these are the times of all samples: frames are a hop apart": (
                np.arange(n_samples) / sr
            ),
            "this spreads the frames evenly up to the clip's end: the step from one to "
            "the next is always one hop": np.linspace(0, n_samples / sr, last + 1),
            "the sample rate is written in as 16000 Hz: use `sr`": (
                expected * sr / 16000
            ),
            "the hop is written in as 512 samples: use `hop_length`": (
                np.arange(n_samples // 512 + 1) * 512 / sr
            ),
            "the hop is written in as 256 samples: use `hop_length`": (
                np.arange(n_samples // 256 + 1) * 256 / sr
            ),
            "these frames end with the clip: they are centred, so all whose middle "
            "lies in the clip count": np.arange(whole) * step,
        },
        what="the array of times",
        hint="Frame i has its middle i hops after the start of the clip.",
        tolerance=1e-6,
    )


@question(
    "2.2",
    points=1,
    level="first steps",
    trains="levels of powers, and what to do with silence",
)
def power_to_level(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = ((12,), (2, 3, 2))[seed % 2]
    floor = float(rng.uniform(-100, -60))
    offset = np.append(rng.uniform(-25, 50, 9), [-30.0, 1.0, 55.0])
    level = floor + rng.permutation(offset).reshape(shape)
    power = 10 ** (level / 10)
    if seed % 4 > 1:
        power[level == level.min()] = 0.0
    expected = np.clip(level, floor, None)
    compare(
        call(answer, power, floor),
        expected,
        {
            "20 times the logarithm is for pressures: for powers it is 10 times": (
                np.clip(2 * level, floor, None)
            ),
            "twice what it should be: 20 times the logarithm is not for powers": (
                2 * expected
            ),
            "the floor is missing: raise every level below `floor_db` to it (it is a "
            "level in dB, not a power)": 10 * np.log10(power),
            "this lowers what is above the floor: raise what is below": (
                np.clip(10 * np.log10(power), None, floor)
            ),
            "the floor is half of `floor_db`: it is the level of a power, too": (
                np.clip(level, floor / 2, None)
            ),
            "this has a power added to all: levels above the floor should stay as they "
            "are": 10 * np.log10(power + 10 ** (floor / 10)),
            "np.log is the natural logarithm: dB use that to the base 10": (
                expected * np.log(10)
            ),
            "the floor is right, but np.log is the natural logarithm: dB use that to "
            "the base 10": np.maximum(10 * np.log(power), floor),
            "the logarithm is not multiplied by 10": np.maximum(np.log10(power), floor),
            "the floor is right in dB, but the whole is a tenth of it: multiply the "
            "logarithm by 10": expected / 10,
            "0 dB is a power of 1, not the loudest value": expected - level.max(),
            "the floor counts from the loudest value here: 0 dB is a power of 1": (
                np.maximum(10 * np.log10(power), level.max() + floor)
            ),
            "`floor_db` is added to all levels: raise only those below it": 10
            * np.log10(power)
            + floor,
            "this takes the root of the power first, which halves the level": np.maximum(
                5 * np.log10(power), floor
            ),
            "only silence is raised to the floor: raise all levels below it": (
                np.where(power > 0, level, floor)
            ),
            "what is below the floor becomes 0 dB, which is loud: raise it to "
            "`floor_db`": np.where(level < floor, 0, level),
            "what is below the floor is dropped: the result has the shape of `power`": (
                level[level >= floor]
            ),
            "the sign is turned: a power below 1 is below 0 dB": -expected,
            "these are powers with a floor: turn them into dB": (10 ** (expected / 10)),
        },
        what="the level",
        hint="A tenth of the power is 10 dB less. Look at levels below the floor.",
    )


@question(
    "2.3",
    points=2,
    level="practice",
    trains="pooling over time, along the right axis",
)
def loudest_frames(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_clips, n_bands, n_frames = rng.integers((2, 4, 8), (4, 7, 12)).tolist()
    n_clips = 1 if seed % 4 == 3 else n_clips
    # One frame, a few, and all of them.
    k = (int(rng.integers(4, 7)), 1, 2, n_frames)[seed % 4]
    S = rng.uniform(-80, -10, (n_clips, n_bands, n_frames))
    falling = -np.sort(-S, axis=2)
    level_of_frames = S.sum(axis=1, keepdims=True)
    kth = -np.sort(-level_of_frames, axis=2)[:, :, k - 1 : k]
    compare(
        call(answer, S, k),
        [[sum(sorted(band)[-k:]) / k for band in clip] for clip in S.tolist()],
        {
            "these are the quietest frames: np.sort sorts from low to high": (
                falling[:, :, n_frames - k :].mean(axis=2)
            ),
            "this averages the loudest bands of each frame: frames are the last axis": (
                -np.sort(-S, axis=1)[:, :k].mean(axis=1)
            ),
            "these are the last frames of the clip, not the loudest: sort them first": (
                S[:, :, n_frames - k :].mean(axis=2)
            ),
            "these are the first frames of the clip, not the loudest: sort them "
            "first": S[:, :, :k].mean(axis=2),
            "this is one frame only, the k-th loudest: average it with those that are "
            "louder": falling[:, :, k - 1],
            "this is the sum of the loudest frames: take their mean": (
                falling[:, :, :k].sum(axis=2)
            ),
            "this is the maximum: take the k loudest frames": falling[:, :, 0],
            "this is the mean over all frames: take the k loudest only": S.mean(axis=2),
            "this ranks the clips for each cell: rank the frames, along the last axis": np.sort(
                S, axis=0
            )[:, :, n_frames - k :].mean(axis=2),
            "this is the median of the loudest frames: take their mean": (
                np.median(falling[:, :, :k], axis=2)
            ),
            "this takes one frame too many: k of them are asked for": (
                falling[:, :, : k + 1].mean(axis=2)
            ),
            "this takes one frame too few: k of them are asked for": (
                falling[:, :, : max(1, k - 1)].mean(axis=2)
            ),
            "the loudest frame is left out: [-k:-1] ends before the last one": (
                falling[:, :, 1 : max(2, k)].mean(axis=2)
            ),
            "the number of frames is written in as 3: use `k`": (
                falling[:, :, :3].mean(axis=2)
            ),
            "this averages powers: average the levels in dB as they are": (
                10 * np.log10((10 ** (falling[:, :, :k] / 10)).mean(axis=2))
            ),
            "this averages over the bands, too: return one number for each clip and "
            "band": falling[:, :, :k].mean(axis=(1, 2)),
            "these are the loudest frames themselves: take their mean": (
                falling[:, :, :k]
            ),
            "these are the loudest frames themselves, from low to high: take their "
            "mean": falling[:, :, :k][:, :, ::-1],
            "these are positions, as argsort gives them: average the levels there": (
                np.argsort(S, axis=2)[:, :, n_frames - k :].mean(axis=2)
            ),
            "these are the same frames for all bands: each band has loudest frames of "
            "its own": np.mean(S, axis=2, where=level_of_frames >= kth),
        },
        what="the array of features",
        hint="Sort the frames of each band, and take the mean of the k highest.",
    )


@question(
    "2.4",
    points=2,
    level="practice",
    trains="standardising without looking at the test clips",
)
def standardise(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    quarter, n_test, n_features = rng.integers((2, 3, 2), (4, 6, 5)).tolist()
    n_test = 1 if seed % 4 == 3 else n_test
    # Columns of mean 0 and standard deviation 1, whose median is another number.
    column = np.repeat([3, -1, -1, -1], quarter) / np.sqrt(3)
    z_train = rng.permuted(np.tile(column, (n_features, 1)), axis=1).T
    z_test = rng.uniform(-1, 5, (n_test, n_features))
    spread = rng.uniform(2, 9, n_features)
    centre = rng.uniform(-60, -20, n_features)
    train, test = centre + spread * z_train, centre + spread * z_test
    both = np.concatenate([train, test])
    rows = test - test.mean(axis=1, keepdims=True)
    reach = test.max(axis=0) - test.min(axis=0)
    compare(
        call(answer, train, test),
        z_test,
        {
            "this uses the test clips' own mean and standard deviation: the future must "
            "not leak into the scaling": (test - test.mean(axis=0)) / test.std(axis=0),
            "this uses the mean and standard deviation of all clips together: take "
            "those of the training clips only": (
                (test - both.mean(axis=0)) / both.std(axis=0)
            ),
            "the standard deviation is that of the test clips: take the training "
            "clips', as for the mean": spread * z_test / test.std(axis=0),
            "the mean is that of the test clips: take the training clips', as for the "
            "standard deviation": (test - test.mean(axis=0)) / spread,
            "these are the standardised training clips: return the test clips": z_train,
            "the mean is gone, but this has not been divided by the standard "
            "deviation": spread * z_test,
            "the mean has not been subtracted": test / spread,
            "this is divided by the variance: its root is the standard deviation": (
                z_test / spread
            ),
            "this is divided by the root of the standard deviation: divide by that "
            "itself": z_test * np.sqrt(spread),
            "this is multiplied by the standard deviation: divide by it": (
                z_test * spread**2
            ),
            "only the mean is divided by the standard deviation: put test minus mean "
            "in brackets": test - centre / spread,
            "the mean is added: subtract it": z_test + 2 * centre / spread,
            "values beyond three standard deviations are cut off: leave them": np.clip(
                z_test, -3, 3
            ),
            "the sign is turned: a clip above the mean is positive": -z_test,
            "this subtracts the median: the question asks for the mean": (
                z_test + 1 / np.sqrt(3)
            ),
            "this scales by minimum and maximum: the question asks for mean and "
            "standard deviation": (test - train.min(axis=0)) / np.ptp(train, axis=0),
            "this scales by the test clips' minimum and maximum: the question asks for "
            "mean and standard deviation, of the training clips": (
                (test - test.min(axis=0)) / reach
            ),
            "this standard deviation is divided by n - 1 inside: the question asks for "
            "n, the default of np.std": z_test * np.sqrt(1 - 1 / (4 * quarter)),
            "this scales each clip by itself: mean and standard deviation are those of "
            "a feature, over the training clips": (
                rows / test.std(axis=1, keepdims=True)
            ),
            "this uses one mean and standard deviation for all features together: each "
            "feature has its own": (test - train.mean()) / train.std(),
        },
        what="the array of standardised test clips",
        hint="Mean and standard deviation: of each column of X_train.",
    )


@question(
    "2.5",
    points=3,
    level="design",
    trains="comparing two features fairly",
    is_function=False,
)
def advantage(answer: Any, seed: int) -> None:
    clips = exercise_clips(2, seed)
    pooled = _pooled(seed)
    train, test = clips.is_train, ~clips.is_train
    every = train | test
    normal, abnormal = test & ~clips.is_anomaly, clips.is_anomaly

    def means(X: np.ndarray, fitted_to: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Mean score of the abnormal clips, and of the normal ones."""
        distance = np.abs(X - X[fitted_to].mean(axis=0)) / X[fitted_to].std(axis=0)
        return np.array([distance[abnormal].mean(), distance[among].mean()])

    def ratio_of_contrasts(fitted_to: np.ndarray, among: np.ndarray) -> float:
        mean, loudest = (means(X, fitted_to, among) for X in pooled)
        return loudest[0] * mean[1] / (loudest[1] * mean[0])

    def signed(X: np.ndarray) -> float:
        z = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
        return z[abnormal].mean() / z[normal].mean()

    def summed_up(summary: Any, odd: Any = np.abs, ranked: int = 3) -> float:
        """The answer, if scores or clips are summed up otherwise."""
        contrasts = []
        for X in (pooled[0], _loudest(seed, ranked)):
            z = odd((X - X[train].mean(axis=0)) / X[train].std(axis=0))
            score = summary(z, axis=1)
            contrasts.append(score[abnormal].mean() / score[normal].mean())
        return contrasts[1] / contrasts[0]

    def medians(X: np.ndarray) -> float:
        z = np.abs(X - X[train].mean(axis=0)) / X[train].std(axis=0)
        return np.median(z.mean(axis=1)[abnormal]) / np.median(z.mean(axis=1)[normal])

    if np.ndim(answer) > 0:
        raise Wrong("the advantage is one number: one contrast divided by the other")
    mean, loudest = (means(X, train, normal) for X in pooled)
    expected = ratio_of_contrasts(train, normal)
    compare(
        answer,
        expected,
        {
            "this is upside down: divide by the contrast with the mean over time": (
                1 / expected
            ),
            "this is the contrast of the loudest frames alone: divide it by the "
            "contrast with the mean over time": loudest[0] / loudest[1],
            "the scaling is fitted to the test clips: only training clips may set it": (
                ratio_of_contrasts(test, normal)
            ),
            "the scaling is fitted to all clips: only training clips may set it": (
                ratio_of_contrasts(every, normal)
            ),
            "this counts the training clips among the normal ones: they have set the "
            "scale, so they score too low": (
                ratio_of_contrasts(train, ~clips.is_anomaly)
            ),
            "these are differences of mean scores: a contrast divides one by the other": (
                -np.diff(loudest).item() / -np.diff(mean).item()
            ),
            "this is the contrast of the mean over time alone: divide that of the "
            "loudest frames by it": mean[0] / mean[1],
            "this is the difference of the two contrasts: divide one by the other": (
                loudest[0] / loudest[1] - mean[0] / mean[1]
            ),
            "these scores are root mean squares: take the mean of the absolute values": (
                summed_up(lambda z, axis: np.sqrt(np.mean(z**2, axis=axis)))
            ),
            "these scores are mean squares: take the mean of the absolute values": (
                summed_up(np.mean, np.square)
            ),
            "these scores are maxima: take the mean over the features": (
                summed_up(np.max)
            ),
            "these scores are medians: take the mean over the features": (
                summed_up(np.median)
            ),
            "these contrasts divide medians: divide the mean scores": (
                medians(pooled[1]) / medians(pooled[0])
            ),
            "this takes the single loudest frame: take the mean of three": (
                summed_up(np.mean, ranked=1)
            ),
            "this takes two frames: take the mean of the three loudest": (
                summed_up(np.mean, ranked=2)
            ),
            "this takes four frames: take the mean of the three loudest": (
                summed_up(np.mean, ranked=4)
            ),
            "these features are not standardised: divide by the standard deviation": (
                _unscaled(pooled[1], train, abnormal, normal)
                / _unscaled(pooled[0], train, abnormal, normal)
            ),
            "these scores keep the sign of the features, and too loud cancels too "
            "quiet: take absolute values": signed(pooled[1]) / signed(pooled[0]),
        },
        what="the advantage",
        hint="Check 2.3 and 2.4 first, then go through the steps one by one.",
        tolerance=1e-3,
    )


def _unscaled(
    X: np.ndarray, train: np.ndarray, abnormal: np.ndarray, normal: np.ndarray
) -> float:
    score = np.abs(X - X[train].mean(axis=0)).mean(axis=1)
    return score[abnormal].mean() / score[normal].mean()


@lru_cache(maxsize=2)
def _spectrograms(seed: int) -> np.ndarray:
    clips = exercise_clips(2, seed)
    return log_mel_spectrogram(clips.audio, clips.sr)


def _loudest(seed: int, k: int) -> np.ndarray:
    """Mean of the k loudest frames."""
    return -np.sort(-_spectrograms(seed), axis=2)[:, :, :k].mean(axis=2)


def _pooled(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean over time, and mean of the three loudest frames."""
    return _spectrograms(seed).mean(axis=2), _loudest(seed, 3)


_LINES_OF_PROMINENCE = {
    2: "the frames lie along the last axis, and a mean of powers is asked for",
    3: "it makes a level of a power, and that takes 10 times the logarithm",
    4: "the bands are on the second axis, and `keepdims` leaves a place for them, so that "
    "each clip has a typical level of its own",
    5: "a distance of two levels in dB is their difference",
}


@question(
    "2.6",
    points=2,
    level="practice",
    trains="checking code line by line",
)
def prominence_repaired(answer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, 26])
    for n_bands in rng.choice(range(5, 12), 2, replace=False).tolist():
        # Some bands are steady and others are not, so that no two means agree.
        around = rng.uniform(0, 12, (4, n_bands, 1)) * rng.standard_normal((1, 1, 30))
        S = rng.uniform(-70, -30, (4, n_bands, 1)) + around

        def above_typical(level: np.ndarray) -> np.ndarray:
            return level - np.median(level, axis=1)[:, np.newaxis]

        def mean_level(size: float, S: np.ndarray = S) -> np.ndarray:
            """The level of a mean: of powers for 10, of pressures for 20."""
            return size * np.log10(np.mean(np.exp(S * np.log(10) / size), axis=2))

        right = mean_level(10)
        compare(
            repaired(call(answer, S), 1, _LINES_OF_PROMINENCE),
            above_typical(right),
            {
                "the line is right, but the result is that of the function with the bug: "
                "repair it": above_typical(mean_level(20) / 2),
                "this averages pressures: the mean of the powers is asked for": (
                    above_typical(mean_level(20))
                ),
                "this is the level itself: its distance to the clip's typical level is "
                "asked for": right,
                "this averages levels in dB: take the mean of the powers": (
                    above_typical(S.mean(axis=2))
                ),
                "this takes the typical level of a band over the clips: take that of a "
                "clip over the bands": right - np.median(right, axis=0),
            },
            what="the result of the repaired function",
            hint="Mean of the powers, level in dB, then minus the clip's median.",
        )
