"""Sheet 4: copy and compare."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from . import Wrong, as_numbers, call, compare, question
from ._choices import choose


@question(
    "4.1",
    points=1,
    level="first steps",
    trains="counting the values in a code",
)
def compression(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Codes have one to three dimensions, and inputs two or three.
    outer = tuple(int(n) for n in rng.integers(40, 100, 2))
    outer += () if seed % 4 == 1 else (int(rng.integers(2 - seed % 2, 4)),)
    inner = tuple(int(n) for n in rng.integers(6, 30, (3, 2, 1, 3)[seed % 4]))
    n_outer, n_inner = prod(outer), prod(inner)
    compare(
        call(answer, outer, inner),
        n_outer / n_inner,
        {
            "this is upside down: the ratio is high if the code is small": (
                n_inner / n_outer
            ),
            "this leaves out the last dimension: the channels hold values, too": (
                prod(outer[:2]) / prod(inner[:2])
            ),
            "this leaves out the input's last dimension: the channels hold values, "
            "too": prod(outer[:-1]) / n_inner,
            "this leaves out the last dimension of both: the channels hold values, "
            "too": prod(outer[:-1]) / prod(inner[:-1]),
            "this divides only the first number of each shape: the number of values is "
            "the product of all": outer[0] / inner[0],
            "this divides only the last number of each shape: the number of values is "
            "the product of all": outer[-1] / inner[-1],
            "this adds the numbers of a shape: multiply them to count values": (
                sum(outer) / sum(inner)
            ),
            "this divides the numbers of dimensions: count values": (
                len(outer) / len(inner)
            ),
            "this is the difference of the two counts: divide them": n_outer - n_inner,
            "this is the number of values in the input: divide it by that of the code": (
                n_outer
            ),
            "this is the number of values in the code: divide that of the input by "
            "it": n_inner,
            "this is rounded down: // drops the rest, / keeps it": n_outer // n_inner,
            "this is the share of values that is saved: divide one count by the other": (
                1 - n_inner / n_outer
            ),
            "this divides the means of the shapes: multiply the numbers of each": np.mean(
                outer
            )
            / np.mean(inner),
            "this divides the largest numbers of the shapes: multiply all of each": max(
                outer
            )
            / max(inner),
            "this is upside down, and in percent": 100 * n_inner / n_outer,
            "this counts only the first number of the code: multiply all of them": n_outer
            / inner[0],
            "this counts only two numbers of the input, and one of the code": outer[0]
            * outer[1]
            / inner[0],
            "this is the ratio in percent": 100 * n_outer / n_inner,
        },
        what="the ratio",
        hint="Count the values of input and code: multiply all numbers of a shape.",
        tolerance=1e-6,
    )


@question(
    "4.2",
    points=1,
    level="first steps",
    trains="scaling by what is known of the training clips",
)
def scale(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_train, n_test = (int(n) for n in rng.integers((3, 2), (6, 5)))
    n_test = 1 if seed % 4 == 3 else n_test
    n_mels, n_frames = (int(n) for n in rng.integers(3, 8, 2))
    low, high = rng.uniform(-90, -70), rng.uniform(-30, -10)
    train = rng.uniform(low, high, (n_train, n_mels, n_frames))
    # They stick out at one end only, so that both sets together differ from each.
    shift = (-9, 9)[seed % 2]
    test = rng.uniform(low + shift, high + shift, (n_test, n_mels, n_frames))
    # One at the other end, so that both extremes can't be had from the test clips.
    test[0, 0, 0] = (train.min(), train.max())[seed % 2] + shift
    both = np.concatenate([train, test])

    def fraction(values: np.ndarray, of: np.ndarray, axes: Any = None) -> Any:
        start = of.min(axis=axes, keepdims=True)
        return (values - start) / np.ptp(of, axis=axes, keepdims=True)

    right = fraction(test, train)
    compare(
        call(answer, train, test),
        right,
        {
            "this uses the extremes of the test clips: the network was trained with "
            "those of the training clips": fraction(test, test),
            "the values below 0 and above 1 are cut off: leave them, as they show that "
            "a clip is unlike all training clips": np.clip(right, 0, 1),
            "this scales each clip by itself: then a quiet clip looks like a loud one": (
                fraction(test, test, (1, 2))
            ),
            "this takes the extremes of training and test clips together: only training "
            "clips may set the scale": fraction(test, both),
            "this scales each band: take one minimum and one maximum for all": (
                fraction(test, train, (0, 2))
            ),
            "this scales each cell by itself: take one minimum and one maximum for "
            "all": fraction(test, train, 0),
            "these are the training clips: return the scaled test clips": (
                fraction(train, train)
            ),
            "this divides by the maximum: divide by the range, so that the maximum "
            "becomes 1": (test - train.min()) / train.max(),
            "this divides by the maximum alone: subtract the minimum, and divide by the "
            "range": test / train.max(),
            "the training clips' minimum does not become 0: subtract it first": (
                test / np.ptp(train)
            ),
            "this has not been divided by the range: the maximum becomes 1": (
                test - train.min()
            ),
            "only the minimum is divided by the range: put test minus minimum in "
            "brackets": test - train.min() / np.ptp(train),
            "this is turned round: the lowest value becomes 0, the highest 1": (
                1 - right
            ),
            "the highest value is subtracted: subtract the lowest": right - 1,
            "this scales to -1 and 1: the lowest value becomes 0": 2 * right - 1,
            "the minimum is that of the test clips: take that of the training clips": (
                (test - test.min()) / np.ptp(train)
            ),
            "the range is that of the test clips: take that of the training clips": (
                (test - train.min()) / np.ptp(test)
            ),
            "this subtracts the mean: the lowest value becomes 0, so subtract the "
            "minimum": (test - train.mean()) / np.ptp(train),
            "this standardises by mean and standard deviation: the question asks for "
            "minimum and maximum": (test - train.mean()) / train.std(),
        },
        what="the scaled array",
        hint="The training clips' minimum must become 0, their maximum 1.",
    )


def _directions(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Principal directions as columns, the least important first."""
    return np.linalg.eigh((rows - centre).T @ (rows - centre))[1]


def _project(rows: np.ndarray, columns: np.ndarray, centre: Any) -> np.ndarray:
    return centre + (rows - centre) @ (columns @ columns.T)


def _linear_copy(fit_to: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    centre = np.mean(fit_to, axis=0)
    n_features = fit_to.shape[1]
    return _project(rows, _directions(fit_to, centre)[:, n_features - k :], centre)


@question(
    "4.3",
    points=3,
    level="practice",
    trains="principal components as an autoencoder without a network",
)
def rebuild(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = (3, 2, 4, 1)[seed % 4]
    n_train, n_test, n_features = rng.integers((20, 3, 6), (31, 6, 9)).tolist()
    n_test = 1 if seed % 4 == 2 else n_test
    strengths = 8 * 0.7 ** np.arange(n_features)
    middle = rng.uniform(5, 15, n_features)
    train, test = (
        middle
        + shift
        + (rng.standard_normal((n, n_features)) * strengths)
        @ np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
        for n, shift in ((n_train, 0), (n_test, 3))
    )
    mean, test_mean = np.mean(train, axis=0), np.mean(test, axis=0)
    columns = _directions(train, mean)
    deviation = np.std(train, axis=0)
    top = columns[:, n_features - k :]
    all_rows = np.concatenate([train, test])
    not_centred = _directions(train, np.zeros(n_features))[:, n_features - k :]
    # Signs are arbitrary here, and matter: the same call gives the same signs.
    across = np.linalg.svd(train - mean, full_matrices=False)[2][:, :k]
    right = _linear_copy(train, test, k)
    copied = call(answer, train, test, k)
    if np.ndim(copied) == 2 and np.shape(copied) == (n_test, k):
        raise Wrong(
            "this is the code, k numbers for each row: now decode it, back to the "
            "shape of the input"
        )
    compare(
        copied,
        right,
        {
            "you forgot to add the mean again at the end": right - mean,
            "mean and directions are learnt from the test rows: learn them from "
            "training rows only": _linear_copy(test, test, k),
            "mean and directions are learnt from training and test rows together: "
            "learn them from training rows only": _linear_copy(all_rows, test, k),
            "this works without subtracting the mean: the first direction then "
            "only points at the mean": _project(test, not_centred, 0),
            "this uses the test rows' own mean: subtract and add the training "
            "mean": _project(test, top, test_mean),
            "this is an exact copy of the test rows: with all directions there is "
            "no bottleneck, so keep only k": test,
            "this keeps one direction too many: k of them are asked for": (
                _linear_copy(train, test, k + 1)
            ),
            "this keeps one direction too few: k of them are asked for": (
                _linear_copy(train, test, k - 1)
            ),
            "these are the k least important directions: the order is the other "
            "way round": _project(test, columns[:, :k], mean),
            "this uses one mean for all features together: each has its own": (
                _project(test, top, train.mean())
            ),
            "the mean is subtracted at the end: add it": right - 2 * mean,
            "the test rows have not been centred before they are encoded: subtract the "
            "training mean": test @ top @ top.T + mean,
            "this is the mean alone: no direction is kept": np.tile(mean, (n_test, 1)),
            "this is what is lost, the original minus its copy": test - right,
            "the features are standardised here: subtract the mean only": (
                _linear_copy(train / deviation, test / deviation, k) * deviation
            ),
            "these are the training rows, rebuilt: return the test rows": (
                _linear_copy(train, train, k)
            ),
            "you took columns for directions: they are the rows of the third "
            "array": _project(test, across, mean),
        },
        what="the rebuilt array",
        hint="Subtract the training mean, encode, decode, and add the same mean.",
    )


@question(
    "4.4",
    points=2,
    level="practice",
    trains="from an error map to a moment in time",
)
def worst_moment(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_clips = 1 if seed % 4 == 3 else int(rng.integers(2, 5))
    n_mels, n_frames = int(rng.integers(12, 17)), int(rng.integers(12, 20))
    sr = (16000, 22050, 8000, 44100)[seed % 4]
    hop = (512, 256, 160, 512, 256, 1000, 512, 128)[seed % 8]
    clip, sign = np.arange(n_clips), rng.permutation(np.arange(n_clips) % 2 * 2 - 1)
    frames = rng.permuted(np.tile(np.arange(1, n_frames), (n_clips, 1)), axis=1)
    worst, cell, other, spread, common = frames[:, :5].T
    # The worst frame has the highest mean square. Others have the highest single cell,
    # the highest mean in the other direction, the highest mean of absolute errors, and
    # the highest median.
    few = np.arange(n_mels) < n_mels // 2 - 1
    most = np.arange(n_mels) < n_mels // 2 + 1
    band = rng.integers(n_mels // 2 + 1, n_mels, n_clips)
    turns = np.where(np.arange(n_mels) % 2, 1, -1)
    error = rng.normal(0, 0.01, (n_clips, n_mels, n_frames))
    error[clip, :, worst] = (
        1.14 * sign[:, np.newaxis] * few * np.sqrt(n_mels / few.sum())
    )
    error[clip, band, cell] = 3
    error[clip, :, other] = -0.9 * sign[:, np.newaxis]
    error[clip, :, spread] = turns
    error[clip, :, common] = 1.05 * most * turns
    order = rng.permutation(n_mels)
    error, band = error[:, order], np.argsort(order)[band]
    original = rng.uniform(-80, -20, error.shape)
    copied = original - error
    seconds = hop / sr
    calmest = np.argmin(np.linalg.norm(error, axis=1), axis=1)
    compare(
        call(answer, original, copied, sr, hop),
        worst * seconds,
        {
            "this is the number of the frame: turn it into seconds": worst,
            "this is one frame too late: numpy counts frames from 0, as the question "
            "does": (worst + 1) * seconds,
            "this is half a frame too late: frame 0 is at 0 seconds": (
                (worst + 0.5) * seconds
            ),
            "these are samples: there are `sr` of them in each second": worst * hop,
            "these are milliseconds: return seconds": 1000 * worst * seconds,
            "this forgets the hop: one frame is `hop_length` samples": worst / sr,
            "the sample rate is written in as 16000 Hz: use `sr`": worst * hop / 16000,
            "the hop is written in as 512 samples: use `hop_length`": worst * 512 / sr,
            "the hop is written in as 256 samples: use `hop_length`": worst * 256 / sr,
            "hop and sample rate are written in, as 512 samples and 16000 Hz": (
                worst * 512 / 16000
            ),
            "the sample rate is written in as 22050 Hz: use `sr`": worst * hop / 22050,
            "this is half a frame of 2048 samples late: frame 0 is at 0 seconds": (
                worst * hop + 1024
            )
            / sr,
            "this is the highest error itself: return when it occurs": np.square(error)
            .mean(axis=1)
            .max(axis=1),
            "this is the loudest frame of the original: look for the highest error": original.mean(
                axis=1
            ).argmax(axis=1)
            * seconds,
            "this is upside down: the higher the sample rate, the earlier": (
                worst / seconds
            ),
            "the errors are signed (original minus copy), so negative ones go "
            "unnoticed: square them first": np.where(sign > 0, worst, other) * seconds,
            "the errors are signed (copy minus original), so negative ones go "
            "unnoticed: square them first": np.where(sign > 0, other, worst) * seconds,
            "the mean is taken before the square here, so errors of different signs "
            "cancel: square in each cell first": other * seconds,
            "these are absolute errors: square them, so that large ones count more": (
                spread * seconds
            ),
            "this takes the median over the bands: the question asks for the mean": (
                common * seconds
            ),
            "this is the worst band: the frames lie along the last axis, so take the "
            "mean over the bands": band * seconds,
            "this is the number of the worst band: the frames lie along the last "
            "axis": band,
            "this is the frame of the single worst cell: take the mean over the bands "
            "before you look for the worst frame": cell * seconds,
            "this is the best frame: look for the highest error": calmest * seconds,
            "this is one moment for all clips: return one for each": (
                np.argmax(np.square(error).mean(axis=(0, 1))) * seconds
            ),
        },
        what="the time",
        hint="Mean squared error of each frame, its highest place, then seconds.",
        tolerance=1e-6,
    )


def _score_each(answer: Any, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Scores from a student's function, if they are such."""
    scores = as_numbers(call(answer, train, test), "the array of scores")
    if scores.dtype == bool:
        raise Wrong("these are alarms, True or False: return how odd each clip is")
    scores = scores.astype(float)
    if scores.shape != (len(test),) or not np.isfinite(scores).all():
        raise Wrong(
            "return an array with one score for each test clip, finite numbers: its "
            f"shape should be {(len(test),)}"
        )
    return scores


_MISSED = (
    "clips that are harder to copy in all bands do not score above the normal ones: "
    "higher must mean more anomalous",
    "clips that are easier in all bands do not score above the normal ones: ask how far "
    "an error is from what is usual, above or below",
    "clips with four times the usual error in the faintest bands do not score above the "
    "normal ones: compare each band with how much it varies among training clips",
    "clips that are harder in half of the bands and easier in the others do not score "
    "above the normal ones: ups and downs cancel if you average before you ask how far",
)


@question(
    "4.5",
    points=3,
    level="design",
    trains="scores that assume nothing about the direction of a fault",
)
def surprise(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_train, n_pairs, n_frames = rng.integers((40, 4, 50), (61, 6, 61)).tolist()
    n_mels = 2 * n_pairs
    usual = rng.permutation(np.geomspace(0.01, 1, n_mels))
    half = rng.permutation(np.arange(n_mels) % 2 == 0)
    kinds = rng.permutation(np.repeat(np.arange(5), [*rng.integers(4, 7, 4), 12]))
    factors = np.ones((len(kinds), n_mels))
    factors[kinds == 1] = 2.5
    factors[kinds == 2] = 0.4
    factors[kinds == 3] = np.where(usual <= np.sort(usual)[1], 4, 1)
    # Ups and downs cancel in sums of errors, in sums of levels, or in between.
    up = rng.permutation(np.linspace(1.5, 2.5, 12))
    factors[kinds == 4] = np.where(half, up[:, np.newaxis], 0.4)

    def maps(level: np.ndarray) -> np.ndarray:
        level = level * rng.normal(1, 0.03, level.shape)
        return level[..., np.newaxis] * rng.gamma(4, 0.25, (*level.shape, n_frames))

    train = maps(np.tile(usual, (n_train, 1)))
    test = maps(usual * factors)
    scores = _score_each(answer, train, test)
    alone = _score_each(answer, train, test[kinds < 2])
    if not np.allclose(alone, scores[kinds < 2], rtol=1e-3):
        raise Wrong(
            "the score of a clip changes with the clips that are tested together with "
            "it: learn what is usual from training clips only"
        )
    normal = scores[kinds == 0].max()
    for kind, sentence in enumerate(_MISSED, start=1):
        if scores[kinds == kind].min() <= normal:
            raise Wrong(sentence)


@question(
    "4.6",
    points=2,
    level="design",
    trains="finding the comparison that a claim needs",
    is_function=False,
)
def controls(answer: Any, seed: int) -> None:
    choose(
        answer,
        {1, 3},
        [
            "more seeds say how much the result depends on chance, and in all of them the "
            "network has been trained: nothing is taken away",
            "What would still be there if the network had learnt nothing at all?",
            "more training adds to the part in question: a control takes it away",
            "How would something do that knows the valve's usual spectrum, and has no "
            "network?",
            "that tells whether the network knows its training clips by heart, and not "
            "what ranks the test clips",
            "this changes how the profiles are judged; they come from the same trained "
            "network",
        ],
    )
