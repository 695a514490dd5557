"""Sheet 4: copy and compare."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from . import Wrong, call, compare, question
from ._choices import choose


@question(
    "4.1",
    points=1,
    level="first steps",
    trains="counting the values in a code",
)
def compression(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for code_dimensions in (3, 3, 1):
        outer = (*(int(n) for n in rng.integers(40, 100, 2)), int(rng.integers(1, 4)))
        inner = tuple(int(n) for n in rng.integers(6, 30, code_dimensions))
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
                "this divides only the first number of each shape: the number of "
                "values is the product of all": outer[0] / inner[0],
                "this adds the numbers of a shape: multiply them to count values": (
                    sum(outer) / sum(inner)
                ),
                "this is the difference of the two counts: divide them": (
                    n_outer - n_inner
                ),
            },
            what="the ratio",
            hint="Count the values of input and code: multiply all numbers of a shape.",
        )


@question(
    "4.2",
    points=1,
    level="first steps",
    trains="scaling by what is known of the training clips",
)
def scale(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(2):
        n_train, n_test = (int(n) for n in rng.integers((7, 3), (12, 7)))
        n_mels, n_frames = (int(n) for n in rng.integers(5, 20, 2))
        low, high = rng.uniform(-90, -70), rng.uniform(-30, -10)
        train = rng.uniform(low, high, (n_train, n_mels, n_frames))
        # They stick out at one end only, so that both sets together differ from each.
        shift = rng.choice([-9, 9])
        test = rng.uniform(low + shift, high + shift, (n_test, n_mels, n_frames))
        both = np.concatenate([train, test])

        def fraction(values: np.ndarray, of: np.ndarray, axes: Any = None) -> Any:
            start = of.min(axis=axes, keepdims=True)
            return (values - start) / np.ptp(of, axis=axes, keepdims=True)

        right = fraction(test, train)
        compare(
            call(answer, train, test),
            right,
            {
                "this uses the extremes of the test clips: the network was trained "
                "with those of the training clips": fraction(test, test),
                "the values below 0 and above 1 are cut off: leave them, as they show "
                "that a clip is unlike all training clips": np.clip(right, 0, 1),
                "this scales each clip by itself: then a quiet clip looks like a loud "
                "one": fraction(test, test, (1, 2)),
                "this takes the extremes of training and test clips together: only "
                "training clips may set the scale": fraction(test, both),
                "this scales each band: take one minimum and one maximum for all": (
                    fraction(test, train, (0, 2))
                ),
                "these are the training clips: return the scaled test clips": (
                    fraction(train, train)
                ),
                "this divides by the maximum: divide by the range, so that the maximum "
                "becomes 1": (test - train.min()) / train.max(),
                "the training clips' minimum does not become 0: subtract it first": (
                    test / np.ptp(train)
                ),
                "this standardises by mean and standard deviation: the question asks "
                "for minimum and maximum": (test - train.mean()) / train.std(),
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
    for k in rng.permutation([2, 3, 4]).tolist():
        n_train, n_test, n_features = rng.integers((30, 14, 10), (41, 20, 15)).tolist()
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
        top = columns[:, n_features - k :]
        all_rows = np.concatenate([train, test])
        not_centred = _directions(train, np.zeros(n_features))[:, n_features - k :]
        # Signs are arbitrary here, and matter: the same call gives the same signs.
        across = np.linalg.svd(train - mean, full_matrices=False)[2][:, :k]
        right = _linear_copy(train, test, k)
        copied = call(answer, train, test, k)
        if isinstance(copied, np.ndarray) and copied.shape == (n_test, k):
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
    for _ in range(2):
        n_clips, n_mels, n_frames = rng.integers((5, 16, 50), (9, 25, 80)).tolist()
        sr, hop = int(rng.choice([8000, 16000, 22050])), int(rng.choice([256, 512]))
        clip, sign = np.arange(n_clips), rng.permutation(np.arange(n_clips) % 2 * 2 - 1)
        # Three frames that stand out: by a single cell, by an error in the other
        # direction, and, worst of all, by an error in all bands.
        cell = rng.integers(1, 10, n_clips)
        other = rng.integers(10, 30, n_clips)
        worst = rng.integers(30, n_frames, n_clips)
        band = rng.integers(n_mels, size=n_clips)
        error = rng.normal(0, 0.1, (n_clips, n_mels, n_frames))
        error[clip, band, cell] = 3
        error[clip, :, other] = -0.7 * sign[:, np.newaxis]
        error[clip, :, worst] = sign[:, np.newaxis]
        original = rng.uniform(-80, -20, error.shape)
        seconds = hop / sr
        calmest = np.argmin(np.linalg.norm(error, axis=1), axis=1)
        compare(
            call(answer, original, original - error, sr, hop),
            worst * seconds,
            {
                "this is the number of the frame: turn it into seconds": worst,
                "this is one frame too late: numpy counts frames from 0, as the "
                "question does": (worst + 1) * seconds,
                "these are samples: there are `sr` of them in each second": worst * hop,
                "this forgets the hop: one frame is `hop_length` samples": worst / sr,
                "the errors are signed (original minus copy), so negative ones go "
                "unnoticed: square them first": np.where(sign > 0, worst, other)
                * seconds,
                "the errors are signed (copy minus original), so negative ones go "
                "unnoticed: square them first": np.where(sign > 0, other, worst)
                * seconds,
                "this is the worst band: the frames lie along the last axis, so take "
                "the mean over the bands": band * seconds,
                "this is the frame of the single worst cell: take the mean over the "
                "bands before you look for the worst frame": cell * seconds,
                "this is the best frame: look for the highest error": (
                    calmest * seconds
                ),
            },
            what="the time",
            hint="Mean squared error of each frame, its highest place, then seconds.",
        )


def _score_each(answer: Any, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Scores from a student's function, if they are such."""
    given = call(answer, train, test)
    try:
        scores = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        scores = np.array(np.nan)
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
    for _ in range(2):
        n_train, n_pairs, n_frames = rng.integers((40, 4, 50), (61, 7, 71)).tolist()
        n_mels = 2 * n_pairs
        usual = rng.permutation(np.geomspace(0.01, 1, n_mels))
        half = rng.permutation(np.arange(n_mels) % 2 == 0)
        factors = np.array(
            [
                np.ones(n_mels),
                np.full(n_mels, 2.5),
                np.full(n_mels, 0.4),
                np.where(usual <= np.sort(usual)[1], 4, 1),
                np.where(half, 1.6, 0.4),
            ]
        )
        kinds = rng.permutation(np.repeat(np.arange(5), rng.integers(5, 9, 5)))

        def maps(level: np.ndarray, n_frames: int = n_frames) -> np.ndarray:
            level = level * rng.normal(1, 0.03, level.shape)
            return level[..., np.newaxis] * rng.gamma(4, 0.25, (*level.shape, n_frames))

        train = maps(np.tile(usual, (n_train, 1)))
        test = maps(usual * factors[kinds])
        scores = _score_each(answer, train, test)
        alone = _score_each(answer, train, test[kinds < 2])
        if not np.allclose(alone, scores[kinds < 2], rtol=1e-3):
            raise Wrong(
                "the score of a clip changes with the clips that are tested together "
                "with it: learn what is usual from training clips only"
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
