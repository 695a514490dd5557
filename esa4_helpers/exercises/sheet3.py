"""Sheet 3: model what is normal."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.stats import norm

from ..datasets import make_synthetic_dataset
from ..evaluation import auc
from . import Wrong, as_numbers, call, compare, question
from ._choices import choose, one_number, own_answer

_CLICK_FAULTS = ("weak click", "missing click")
# Squeaks are harder to tell, so the AUC of few would be left to chance.
_FAULTS = ("weak click", *["squeak"] * 2, "missing click", *["squeak"] * 2) * 4
_LEAST_AUC_CLICK, _LEAST_AUC_SQUEAK = 0.95, 0.75


@question(
    "3.1",
    points=1,
    level="first steps",
    trains="counting the unknowns of a Gaussian mixture",
)
def count_unknowns(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Two Gaussians and a single feature are among them, and many features.
    K = 2 if seed % 4 == 1 else int(rng.integers(3, 9))
    d = 1 if seed % 4 == 3 else int(rng.integers(4, (10, 200)[seed % 2]))
    symmetric = len(np.tril_indices(d)[0])
    expected = sum([K - 1, K * d, K * symmetric])
    compare(
        call(answer, K, d),
        expected,
        {
            "one too many: the weights add up to 1, so one of them is known": (
                expected + 1
            ),
            "one too few: of K weights K - 1 are unknown": expected - 1,
            "right for two components only: how many weights are unknown if there are "
            "more?": expected - K + 2,
            "the weights are missing": expected - K + 1,
            "one is taken away, but the weights have not been added": expected - K,
            "this counts all d² numbers of each covariance matrix, but it is "
            "symmetric": K - 1 + K * d + K * d**2,
            "some are missing: each Gaussian has the d means, and its covariance matrix "
            "has d variances on its diagonal": expected - K * d,
            "this is right for diagonal covariances: full ones have more": (
                K - 1 + 2 * K * d
            ),
            "this is right for one variance for each Gaussian: full covariance matrices "
            "have more": K - 1 + K * (d + 1),
            "this counts one covariance matrix for all: each Gaussian has its own": (
                K - 1 + K * d + symmetric
            ),
            "this counts d means for all together: each Gaussian has means of its own": (
                K - 1 + d + K * symmetric
            ),
            "each Gaussian has d means, one for each feature: this counts one": (
                K - 1 + K + K * symmetric
            ),
            "this is one Gaussian only, without its weight: there are K of them": (
                d + symmetric
            ),
            "the two numbers are mixed up: components come first, then features": (
                K * d - 1 + d + d * len(np.tril_indices(K)[0])
            ),
            "each covariance matrix is counted in full, and without the weights": (
                K * d + K * d**2
            ),
        },
        what="the number of unknowns",
        hint="Count means, variances and covariances of one Gaussian, then weights.",
        tolerance=1e-9,
    )


@question(
    "3.2",
    points=2,
    level="practice",
    trains="log-likelihood and its sign as an anomaly score",
)
def gaussian_score(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_clips = 1 if seed % 4 == 1 else int(rng.integers(3, 6))
    n_features = 1 if seed % 4 == 3 else int(rng.integers(2, 5))
    mean = rng.uniform(-60, -20, n_features)
    variance = rng.uniform(0.1, 0.4, n_features)
    deviation = np.sqrt(variance)
    X = rng.normal(mean, 1.5 * deviation, (n_clips, n_features))
    log_density = norm.logpdf(X, mean, deviation)
    expected = -log_density.sum(axis=1)
    peak = norm.logpdf(mean, mean, deviation)
    far = peak - log_density
    compare(
        call(answer, X, mean, variance),
        expected,
        {
            "the sign is that of the log-likelihood: an anomaly score must be higher "
            "for less likely clips": -expected,
            "the first term is missing, the one with the logarithm of the variance": (
                far.sum(axis=1)
            ),
            "this is the first term alone: the distance from the mean is missing": (
                np.tile(-peak.sum(), n_clips)
            ),
            "the two terms have different signs here: turn both": (
                (far + peak).sum(axis=1)
            ),
            "this is twice what it should be: both terms have a factor of a half": (
                2 * expected
            ),
            "the first term needs a factor of a half": (far - 2 * peak).sum(axis=1),
            "the second term needs a factor of a half": (2 * far - peak).sum(axis=1),
            "the 2 pi in the logarithm is missing": (
                expected - n_features * np.log(2 * np.pi) / 2
            ),
            "the 2 in front of pi is missing": expected - n_features * np.log(2) / 2,
            "the first term is counted once for each clip: it is a term of each "
            "feature": far.sum(axis=1) - peak.mean(),
            "the distance from the mean is not squared": (
                ((X - mean) / variance / 2 - peak).sum(axis=1)
            ),
            "the absolute distance is not its square": (
                (np.abs(X - mean) / variance / 2 - peak).sum(axis=1)
            ),
            "the squared distance is not divided by the variance": (
                (far * variance - peak).sum(axis=1)
            ),
            "in the second term the variance is squared: it is a square already": (
                far / variance - peak
            ).sum(axis=1),
            "this multiplies by the variance: what stands below the fraction line needs brackets": (
                far * variance**2 - peak
            ).sum(axis=1),
            "this is the sum of the squared distances in standard deviations: the first term and the half are missing": 2
            * far.sum(axis=1),
            "the mean is that of these clips: use the `mean` that is given": (
                np.square(X - np.mean(X, axis=0)) / variance / 2 - peak
            ).sum(axis=1),
            "np.log2 has the base 2: the formula has the natural logarithm": (
                far - peak / np.log(2)
            ).sum(axis=1),
            "this multiplies the features' scores: log-densities are added up": np.prod(
                -log_density, axis=1
            ),
            "the first term has a root and a half: one of them is enough": (
                far - peak / 2
            ).sum(axis=1),
            "the first term has the 2 pi only once: there is one for each feature": expected
            - (n_features - 1) * np.log(2 * np.pi) / 2,
            "these are densities without their logarithm": -np.exp(-far).sum(axis=1),
            "this is the mean over the features: log-densities are added up": (
                -log_density.mean(axis=1)
            ),
            "this adds up over the clips: add up over the features, the other axis": (
                -log_density.sum(axis=0)
            ),
            "this adds up all clips together: return one score for each": (
                -log_density.sum()
            ),
            "these are scores of each feature: add those of a clip up": -log_density,
            "this is the highest score of the features: add all of them up": (
                (-log_density).max(axis=1)
            ),
            "this takes the variance for a standard deviation: it is squared already": (
                -norm.logpdf(X, mean, variance).sum(axis=1)
            ),
            "this takes the root of the variance: the formula needs the variance "
            "itself": -norm.logpdf(X, mean, variance**0.25).sum(axis=1),
            "this is the density itself: take its logarithm, with the sign turned": (
                np.prod(norm.pdf(X, mean, deviation), axis=1)
            ),
            "np.log10 has the base 10: the formula has the natural logarithm": (
                expected / np.log(10)
            ),
            "np.log10 has the base 10: the first term needs the natural logarithm": (
                (far - peak / np.log(10)).sum(axis=1)
            ),
        },
        what="the array of scores",
        hint="Go through the formula term by term, then add up over the features.",
    )


@question(
    "3.3",
    points=2,
    level="first steps",
    trains="reading the AUC as a share of pairs",
)
def share_of_pairs(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_abnormal, n_normal = rng.integers(1, 5, 2).tolist()
    # Both sorts hold a 4, a tie; and an abnormal clip is below all others.
    abnormal = rng.permutation(np.append(rng.integers(3, 10, n_abnormal), [4, -1]))
    normal = rng.permutation(np.append(rng.integers(0, 7, n_normal), [4, 4]))
    if seed % 4 == 3:
        abnormal, normal = abnormal[:1], normal[:1]
    in_order = np.sort(normal)
    below = np.searchsorted(in_order, abnormal, "left").sum()
    not_above = np.searchsorted(in_order, abnormal, "right").sum()
    n_pairs = abnormal.size * normal.size
    wins = (below + not_above) / 2
    ties = not_above - below
    compare(
        call(answer, abnormal.astype(float), normal.astype(float)),
        wins / n_pairs,
        {
            "this is turned round: count the pairs in which the abnormal clip scores "
            "higher": 1 - wins / n_pairs,
            "this is turned round, and ties count nothing": (
                (n_pairs - not_above) / n_pairs
            ),
            "here ties count nothing, but they should count half": below / n_pairs,
            "here ties count in full, but they should count half": not_above / n_pairs,
            "these are ties only, and half of them: add the pairs that are won": (
                ties / 2 / n_pairs
            ),
            "this leaves ties out of the pairs: they count, and half of them as won": (
                below / max(1, n_pairs - ties)
            ),
            "this is the number of pairs: divide it by how many there are in all": wins,
            "this is the number of pairs won, without ties: divide it by how many there "
            "are in all, and count ties half": below,
            "this divides by the number of abnormal clips: there are more pairs": (
                wins / abnormal.size
            ),
            "this divides by the number of normal clips: there are more pairs": (
                wins / normal.size
            ),
            "this divides by the number of clips: there are more pairs": (
                wins / (abnormal.size + normal.size)
            ),
            "lost pairs are subtracted here: count those that are won": (
                2 * wins / n_pairs - 1
            ),
            "this is the share of abnormal clips above all normal ones: compare each "
            "with each": np.mean(abnormal > in_order[-1]),
            "this compares the scores in pairs of the same place: compare each with each": np.mean(
                [a > b for a, b in zip(abnormal, normal, strict=False)]
            ),
            "this is the difference of the means: count pairs": abnormal.mean()
            - normal.mean(),
            "this compares the two highest scores: compare each with each": float(
                abnormal.max() > normal.max()
            ),
            "this compares with the mean of the normal clips: compare each with each": (
                np.mean(abnormal > normal.mean())
            ),
            "this compares with the median of the normal clips: compare each with "
            "each": np.mean(abnormal > np.median(normal)),
        },
        what="the AUC",
        hint="Compare each abnormal score with each normal one.",
    )


@question(
    "3.4",
    points=2,
    level="practice",
    trains="a threshold that is set by training clips alone",
)
def alarms(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    share = (0.1, 0.25, 0.2, 0.5)[seed % 4]
    # The second and fourth threshold are scores of training clips.
    n_train = 4 * int(rng.integers(3, 7)) + 1 + 2 * (seed % 2 == 0)
    steps = np.append(rng.integers(1, 9, n_train - 2), 40)
    train = int(rng.integers(-50, 50)) + np.append(0, np.cumsum(steps)).astype(float)
    below, part = divmod((n_train - 1) * (1 - share), 1)
    low, high = train[int(below)], train[int(below) + (part > 0)]
    limit = low + part * (high - low)
    near = (0.08, 0.3, 0.6) if part else (0, 0.4, 1.5)
    test = np.concatenate(
        [
            *(limit + np.outer((-1, 1), near)),
            np.linspace(train[0] - 9, train[-1] + 9, 80),
        ]
    )
    train, test = rng.permutation(train), rng.permutation(test)
    both = np.concatenate([train, test])
    compare(
        call(answer, train, test, share),
        test > limit,
        {
            "a score that is just at the threshold raises no alarm: it must lie above": (
                test >= limit
            ),
            "this threshold is set by the test scores: in a factory they are still to "
            "come": test > np.quantile(test, 1 - share),
            "this threshold is set by training and test scores, both together: only "
            "training scores may set it": test > np.quantile(both, 1 - share),
            "this threshold is at the wrong end: most training clips score above it, "
            "not a small share": test > np.quantile(train, share),
            "this is turned round: scores above the threshold raise an alarm": (
                test < limit
            ),
            "this is turned round, and at the wrong end": (
                test < np.quantile(train, share)
            ),
            "this threshold is the highest training score: a share of them should "
            "score above it": test > train.max(),
            "this threshold is a share of the highest score: np.quantile says which "
            "share of the *clips* lies below": test > (1 - share) * train.max(),
            "np.percentile counts from 0 to 100, np.quantile from 0 to 1": (
                test > np.percentile(train, 1 - share)
            ),
            "this threshold is the mean plus two standard deviations: set it by the "
            "share": test > train.mean() + 2 * train.std(),
            "this threshold is the mean plus three standard deviations: set it by the "
            "share": test > train.mean() + 3 * train.std(),
            "the share is written in as 0.1: use `share`": (
                test > np.quantile(train, 0.9)
            ),
            "this threshold is one of the training scores, the one below the quantile: "
            "leave np.quantile as it is by default": (
                test > np.quantile(train, 1 - share, method="lower")
            ),
            "this threshold is one of the training scores, the one above the quantile: "
            "leave np.quantile as it is by default": (
                test > np.quantile(train, 1 - share, method="higher")
            ),
            "this threshold is the training score nearest to the quantile: leave np.quantile as it is by default": test
            > np.quantile(train, 1 - share, method="nearest"),
            "the training scores come in no order: np.quantile sorts them": test
            > train[int((1 - share) * n_train)],
            "these are the alarms of the training clips": train > limit,
            "this is the share of alarms: return one for each test clip": (
                np.mean(test > limit)
            ),
        },
        what="the array of alarms",
        hint="A share of 0.1 above the threshold means a share of 0.9 below it.",
    )


@question(
    "3.5",
    points=3,
    level="design",
    trains="building a detector that hears more than one fault",
    data_sets=2,
)
def detect(answer: Any, seed: int) -> None:
    train, test, faults, sr = _clips_with_faults(seed)
    scores = _one_for_each(call(answer, train, test, sr), len(test), len(train))
    if len(np.unique(scores)) <= 2:
        raise Wrong(
            "these scores have no more than two values: return how odd each clip is, "
            "and not labels such as 1 and -1"
        )
    allowed = 1e-3 * max(1e-12, float(scores.std()))
    again = _one_for_each(call(answer, train, test[:6], sr), 6)
    if np.abs(again - scores[:6]).max() > allowed:
        repeated = _one_for_each(call(answer, train, test, sr), len(test))
        raise Wrong(
            "with the same clips your detector gives other scores each time: set its "
            "random_state"
            if np.abs(repeated - scores).max() > allowed
            else "the score of a clip changes when other test clips are left out: it may "
            "depend on the training clips and on the clip itself only"
        )
    is_click, is_squeak = np.isin(faults, _CLICK_FAULTS), faults == "squeak"
    clicks = auc(is_click[~is_squeak], scores[~is_squeak])
    squeaks = auc(is_squeak[~is_click], scores[~is_click])
    if clicks <= 1 - _LEAST_AUC_CLICK:
        raise Wrong(
            "the scores are upside down: higher must mean more anomalous "
            f"(AUC {clicks:.2f} for weak and missing clicks)"
        )
    if clicks < _LEAST_AUC_CLICK:
        raise Wrong(
            f"AUC {clicks:.2f} for weak and missing clicks, and {_LEAST_AUC_CLICK} is "
            "asked for. Do your features keep something as short as a click, and is what "
            "is too faint as odd as what is too loud?"
        )
    if squeaks < _LEAST_AUC_SQUEAK:
        raise Wrong(
            f"weak and missing clicks are found, but the squeaks have AUC {squeaks:.2f}, "
            f"and {_LEAST_AUC_SQUEAK} is asked for: a soft tone changes a few frequency "
            "bands, for longer than a click"
        )


@lru_cache(maxsize=2)
def _clips_with_faults(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Training clips, test clips in random order with their faults, sample rate."""
    rng = np.random.default_rng(seed)
    n_train, n_normal = int(rng.integers(24, 28)), int(rng.integers(18, 22))
    clips = make_synthetic_dataset(
        n_train,
        n_normal,
        len(_FAULTS),
        sr=16000,
        kinds=_FAULTS,
        random_state=int(rng.integers(2**31)),
    )
    # The abnormal clips come first.
    faults = np.array([*_FAULTS, *["none"] * n_normal])
    order = rng.permutation(faults.size)
    return clips.train.audio, clips.test.audio[order], faults[order], clips.sr


def _one_for_each(result: Any, n_test: int, n_train: int = 0) -> np.ndarray:
    """The result as one finite score for each test clip."""
    scores = as_numbers(result, "the array of scores").astype(float)
    if scores.shape == (n_train,):
        raise Wrong("these are scores of the training clips: score the test clips")
    if scores.shape != (n_test,):
        raise Wrong(
            "return one score for each test clip: the shape should be "
            f"{(n_test,)}, and is {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise Wrong("the scores should be finite, and hold NaN or infinity")
    return scores


@question(
    "3.6",
    points=1,
    level="first steps",
    trains="what an AUC says of a detector that knows nothing",
    is_function=False,
)
def shuffled(answer: Any, seed: int) -> None:
    choose(
        answer,
        {1},
        [
            "an AUC of 0 takes labels that are all turned, which is knowledge, too: "
            "shuffled ones are wrong about half of the time",
            "",
            "the AUC compares scores with labels: however good the scores are, they know "
            "nothing about labels that were drawn at random",
            "that is right on average only: each shuffle is another one, and by luck some "
            "put more abnormal labels at the top than others",
            "an AUC is a mean over 400 pairs, and many pairs rarely all fall the same "
            "way: extreme values are rare",
        ],
    )


@question(
    "3.7",
    points=1,
    level="practice",
    trains="from an ROC curve to what a threshold achieves",
    is_function=False,
)
def share_found(answer: Any, seed: int) -> None:
    number, given = own_answer(answer)
    given = one_number(given, "the share")
    labels = np.arange(95) < 50
    scores = np.random.default_rng(number).normal(1.8 * labels)
    # With 45 normal clips, 4 false alarms are less than a tenth of them and 5 are more.
    normal, abnormal = np.sort(scores[~labels])[::-1], scores[labels]
    right = np.mean(abnormal > normal[4])
    if abs(given - right) <= 0.04 + 1e-9:
        return
    if given > 1:
        raise Wrong("a share lies between 0 and 1: if these are percent, divide by 100")
    if given < 0:
        raise Wrong("a share can't be negative")
    if abs(given - auc(labels, scores)) < 0.006:
        raise Wrong(
            "this is the area under the whole curve: one point of the curve is asked for"
        )
    if abs(given - (1 - right)) <= 0.04:
        raise Wrong(
            "about this share of the abnormal clips is *missed*: how many are found?"
        )
    reached = np.mean(normal > np.quantile(abnormal, 1 - given))
    raise Wrong(
        f"the curve reaches a height of {given:g} at about {reached:.2f} on the axis of "
        "false alarms: go to 0.1 on that axis, straight up to the curve, and then to the "
        "left"
    )
