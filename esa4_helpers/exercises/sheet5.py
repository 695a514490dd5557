"""Sheet 5: promise only what you can keep."""

from __future__ import annotations

from itertools import combinations
from math import ceil
from statistics import mean, pstdev, stdev
from typing import Any

import numpy as np
from scipy.stats import ttest_ind

from . import Wrong, as_numbers, call, compare, question
from ._choices import choose, repaired


def _ratios(hits: int, false: int, missed: int) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    return (
        hits / (hits + false),
        hits / (hits + missed),
        hits / (hits + (false + missed) / 2),
    )


def _counted(alarms: np.ndarray, faulty: np.ndarray) -> tuple[float, float, float]:
    hits = np.count_nonzero(alarms & faulty)
    return _ratios(hits, alarms.sum() - hits, faulty.sum() - hits)


@question(
    "5.1",
    points=2,
    level="first steps",
    trains="precision, recall and F1",
)
def alarm_quality(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hits, false, quiet = rng.integers((5, 2, 6), (9, 5, 12)).tolist()
    false = 0 if seed % 4 == 3 else false
    missed = false + int(rng.integers(2, 6))
    n_clips = hits + false + missed + quiet
    counts = (hits, missed, false, quiet)
    faulty = np.repeat([True, True, False, False], counts)
    above = np.repeat([1, -1, 1, -1], counts)
    threshold = float(rng.uniform(1, 9)) * (-1) ** seed
    scores = threshold + above * rng.uniform(0.1, 2, n_clips)
    # One abnormal and one normal clip lie just on the border.
    scores[[hits, n_clips - 1]] = threshold
    order = rng.permutation(n_clips)
    precision, recall, f1 = right = _ratios(hits, false, missed)
    share = hits / n_clips
    compare(
        call(answer, faulty[order], scores[order], threshold),
        right,
        {
            "precision and recall are mixed up: the precision comes first, and is about "
            "the alarms": (recall, precision, f1),
            "F1 is the harmonic mean, and this is the arithmetic mean": (
                precision,
                recall,
                (precision + recall) / 2,
            ),
            "F1 is the harmonic mean, and this is the geometric mean": (
                precision,
                recall,
                np.sqrt(precision * recall),
            ),
            "F1 is twice the product divided by the sum: the 2 is missing": (
                precision,
                recall,
                f1 / 2,
            ),
            "F1 is the product divided by the sum, twice: this is the product": (
                precision,
                recall,
                precision * recall,
            ),
            "this is the accuracy in the place of F1: it also counts silent normal "
            "clips": (precision, recall, (hits + quiet) / n_clips),
            "this is the accuracy in the place of the precision, which is a share of "
            "the alarms": ((hits + quiet) / n_clips, recall, f1),
            "this is the false-alarm rate in the place of the recall: that is about "
            "abnormal clips": (precision, false / (false + quiet), f1),
            "this is the share of normal clips without an alarm in the place of the "
            "recall, which is about abnormal clips": (
                precision,
                quiet / (false + quiet),
                f1,
            ),
            "this is in percent: return numbers between 0 and 1": np.multiply(
                100, right
            ),
            "these are counts: divide by the number of alarms, and by that of abnormal "
            "clips": (hits, hits, hits),
            "this divides by the number of all clips: the precision is a share of the "
            "alarms, the recall one of the abnormal clips": (share,) * 3,
            "a clip that scores exactly at the threshold raises no alarm": (
                _ratios(hits + 1, false + 1, missed - 1)
            ),
            "these are alarms for scores below the threshold": (
                _ratios(missed - 1, quiet - 1, hits + 1)
            ),
            "these are alarms for scores below the threshold or at it": (
                _ratios(missed, quiet, hits)
            ),
            "this takes the normal clips as those to be found": (
                _ratios(false, hits, quiet)
            ),
            "this takes silence for an alarm, and normal clips as those to be found": (
                _ratios(quiet, missed, false)
            ),
            "this takes the median score for the threshold: use `threshold`": _counted(
                scores > np.median(scores), faulty
            ),
            "F1 is missing: return three numbers": (precision, recall),
        },
        what="the result (precision, recall, F1)",
        hint="Count alarms, abnormal clips, and clips that are both.",
    )


@question(
    "5.2",
    points=3,
    level="practice",
    trains="an exact p-value by trying all possibilities",
)
def luck(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_abnormal = (3, 4, 2, 3)[seed % 4]
    n_normal = int(rng.integers(4, 6))
    n_clips = n_normal + n_abnormal
    ways = np.array(list(combinations(range(n_clips), n_abnormal)))
    # Among the abnormal clips, each wins against as many others as its rank says.
    won = ways.sum(axis=1) - n_abnormal * (n_abnormal - 1) // 2
    p_values = np.mean(won >= won[:, np.newaxis], axis=1)
    fits = (p_values > 0.03) & (p_values < 0.35)
    real = int(rng.choice(np.flatnonzero(fits)))
    if seed % 8 == 5:
        # The real choice wins all pairs.
        real = int(np.argmax(won))
    scores = rng.normal(0, 5) + np.cumsum(rng.uniform(0.1, 1, n_clips))
    # Where sums of scores rank the ways as pairs do, they could be taken for each other.
    scores[-1] += 50 * (seed % 2)
    abnormal = rng.permutation(scores[ways[real]])
    normal = rng.permutation(np.setdiff1d(scores, abnormal))
    p_value, others = p_values[real], won[real]
    means, lows = scores[ways].mean(axis=1), scores[ways].min(axis=1)
    medians = np.median(scores[ways], axis=1)
    compare(
        call(answer, normal, abnormal),
        p_value,
        {
            "ways that win just as many pairs as the real one count, too": (
                np.mean(won > others)
            ),
            "this is 1 minus the p-value: it is the share of ways that win fewer pairs": (
                np.mean(won < others)
            ),
            "this counts ways that win at most as many pairs: count those that win at "
            "least as many, and give the normal scores first": np.mean(won <= others),
            "this counts ways that win exactly as many pairs: count those that win "
            "more, too": np.mean(won == others),
            "this counts both directions: only ways that win many pairs are as good": (
                2 * p_value
            ),
            "this takes the real choice out of the ways: it is one of them and counts": (
                (p_value * len(won) - 1) / (len(won) - 1)
            ),
            "the real choice is not counted, but it is one of the ways": (
                p_value - 1 / len(won)
            ),
            "the extra 1 is for ways drawn at random: here all ways are counted, and "
            "the real one is among them": (1 + p_value * len(won)) / (1 + len(won)),
            "this is the AUC, the share of pairs won by the real choice: how many ways "
            "do as well?": others / (n_normal * n_abnormal),
            "this is the number of pairs won by the real choice: how many ways do as "
            "well?": others,
            "this is the number of ways: divide by that of all ways": (
                p_value * len(won)
            ),
            "this compares median scores of the picked clips: count the pairs that are won": np.mean(
                medians >= medians[real] - 1e-9
            ),
            "this compares the lowest scores of the picked clips: count the pairs that are won": np.mean(
                lows >= lows[real] - 1e-9
            ),
            "this is the p-value of a t-test, which takes the scores for Gaussian: go through all ways": ttest_ind(
                abnormal, normal, alternative="greater"
            ).pvalue,
            "only one of all ways is counted: how many win at least as many pairs?": 1
            / len(won),
            "this compares mean scores of the picked clips: count the pairs that are "
            "won": np.mean(means >= means[real] - 1e-9),
        },
        what="the p-value",
        hint="Of all ways to pick clips, which share wins at least as many pairs?",
    )


def _place(scores: np.ndarray, k: int) -> float:
    """The k-th smallest, by counting; beyond the last there is only infinity."""
    found = [float(s) for s in scores if np.count_nonzero(scores <= s) == max(1, k)]
    return found[0] if found else np.inf


# With n scores and a rate: many, just so many that k = n, one less, and too few. Nowhere
# do rounding errors decide.
_SIZES = (
    (62, 0.1), (14, 0.1), (8, 0.1), (71, 0.2), (28, 0.05), (5, 0.2), (3, 0.1), (1, 0.6),
)  # fmt: skip


@question(
    "5.3",
    points=2,
    level="practice",
    trains="conformal thresholds, and when there is none",
)
def promised_threshold(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, rate = _SIZES[seed % len(_SIZES)]
    n += int(rng.integers(3)) if n > 60 else 0
    k, k_low = n + 1 - int(rate * (n + 1)), ceil(rate * (n + 1))
    scores = rng.normal(0, 5) + np.cumsum(rng.uniform(0.5, 1.5, n))
    # In the k-th place without sorting: the lowest, which no other mistake gives.
    scores = rng.permutation(scores)
    scores = np.roll(scores, min(k, n) - 1 - scores.argmin())
    mistakes = {
        "where k equals n this returns infinity, but the highest score still keeps "
        "the promise": np.inf if k == n else np.nan,
        "this is one place too low: there are n + 1 places for a new clip, and k is "
        "rounded up": _place(scores, k - 1),
        "this is one place too high: numpy counts from 0": (
            _place(scores, k + 1) if k < n else np.inf
        ),
        "this lies between two scores, as np.quantile does it: the promise needs "
        "the k-th smallest score itself": np.quantile(scores, 1 - rate),
        "these scores come in no order: sort them first": scores[min(k, n) - 1],
        "this is at the lower end: alarms are for high scores": _place(scores, k_low),
        "this is the k-th largest score: take the k-th smallest": (
            _place(scores, n + 1 - k)
        ),
        "the rate is written in as 0.1: use `rate`": _place(
            scores, ceil(0.9 * (n + 1))
        ),
        "this is the quantile of the rate itself: alarms are for high scores": np.quantile(
            scores, rate
        ),
        "this is k itself: return the score in that place": k,
        "this is the highest score: it keeps the promise, but misses more anomalies "
        "than it must": scores.max(),
        "this is the mean plus two standard deviations, which promises nothing": (
            scores.mean() + 2 * scores.std()
        ),
        "this is the mean plus three standard deviations, which promises nothing": (
            scores.mean() + 3 * scores.std()
        ),
    }
    try:
        compare(
            call(answer, scores, rate),
            _place(scores, k),
            mistakes,
            what="the threshold",
            hint="Sort the scores and take the k-th smallest.",
        )
    except Wrong as reason:
        if k <= n:
            raise
        here = (
            f". With {n} clips and a rate of {rate}, {reason}"
            if reason.__cause__
            else ""
        )
        raise Wrong(
            "if no score keeps the promise, as k is larger than n, return infinity: it "
            f"never raises an alarm{here}",
            also=reason.sentences,
            example=reason.example,
        ) from reason.__cause__


@question(
    "5.4",
    points=2,
    level="practice",
    trains="choosing a setting without looking at the test clips",
)
def honest_report(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_seeds = 4 + seed % 2
    n_settings = n_seeds + int(rng.integers(6, 9))

    def around(level: Any, reach: float = 0.04) -> np.ndarray:
        """AUCs of all seeds around each level, whose mean is no AUC itself."""
        ends = np.linspace(-reach, reach, n_seeds) + rng.normal(0, reach / 15, n_seeds)
        rows = np.tile(ends - ends.mean(), (np.size(level), 1))
        return np.reshape(level, (-1, 1)) + rng.permuted(rows, axis=1)

    # The best setting by its mean, others by the luckiest, the worst and the middle
    # seed one that the test clips favour, and one that both
    # do. None has a
    # number that could be taken for that of a seed.
    best, lucky, steady, middling, favoured, between = rng.permutation(
        np.arange(n_seeds, n_settings)
    )[:6]
    level, test_level = rng.uniform(0.6, 0.7, (2, n_settings))
    level[best], test_level[favoured] = 0.85, 0.92
    level[between], test_level[between] = 0.8, 0.85
    validation, test = around(level), around(test_level)
    validation[lucky, rng.integers(n_seeds)] = 0.97
    validation[steady] = around(0.83, 0.004)
    validation[middling] = around(0.9, 0.01)
    validation[middling, rng.integers(n_seeds)] = 0.5
    by_seeds = int(np.argmax(validation.sum(axis=0)))
    both = (validation + test).sum(axis=1).argmax()

    def report(values: np.ndarray) -> tuple[float, float, float]:
        numbers = values.ravel().tolist()
        return mean(numbers), min(numbers), stdev(numbers)

    right = report(test[best])
    compare(
        call(answer, validation, test),
        right,
        {
            "the setting was chosen by the test AUCs: what you report is then luck as "
            "well as skill": report(test[favoured]),
            "the test AUCs had a say in the choice: choose by the validation AUCs "
            "alone": report(test[both]),
            "the setting was chosen by the best single test AUC: choose by the "
            "validation AUCs": report(test[test.max(axis=1).argmax()]),
            "this chooses the setting with the luckiest seed: take the highest mean "
            "over the seeds": report(test[lucky]),
            "this chooses the setting whose worst seed is best: take the highest mean "
            "over the seeds": report(test[steady]),
            "this chooses the setting whose middle seed is best, the highest median: "
            "take the highest mean": report(test[middling]),
            "this chooses the setting with the lowest mean: take the highest": (
                report(test[validation.mean(axis=1).argmin()])
            ),
            "these are the validation AUCs of the right setting: it was chosen because "
            "they are high, so report its test AUCs": report(validation[best]),
            "the standard deviation should be that with ddof=1": (
                *right[:2],
                pstdev(test[best].tolist()),
            ),
            "this has the variance in the place of the standard deviation": (
                *right[:2],
                right[2] ** 2,
            ),
            "this has the standard error in the place of the standard deviation": (
                *right[:2],
                right[2] / np.sqrt(n_seeds),
            ),
            "this has the maximum in the place of the minimum": (
                right[0],
                max(test[best]),
                right[2],
            ),
            "this has the median in the place of the mean": (
                np.median(test[best]),
                *right[1:],
            ),
            "the order should be mean, minimum, standard deviation": (
                right[0],
                right[2],
                right[1],
            ),
            "the mean comes first, then the minimum": (right[1], right[0], right[2]),
            "this averages over the settings, and so chooses a seed: average over the "
            "seeds, the second axis": report(test[by_seeds]),
            "this is about all settings: report the chosen one": report(test),
            "this is the mean only: return mean, minimum and standard deviation": (
                right[0]
            ),
            "these are the test AUCs of the right setting: sum them up in three "
            "numbers": test[best],
        },
        what="the report (mean, minimum, standard deviation)",
        hint="Choose one row by the validation AUCs, then look at that row of `test`.",
    )


def _alarm_each(answer: Any, train: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Alarms from a student's function, if they are such."""
    alarms = as_numbers(call(answer, train, new), "the array of alarms")
    if alarms.shape != (len(new),):
        raise Wrong(
            "return an array with one entry for each new clip: its shape should be "
            f"{(len(new),)}, and is {alarms.shape}"
        )
    if alarms.dtype != bool:
        raise Wrong(
            f"the array should hold True or False, and is of type {alarms.dtype}: "
            "compare the scores with a threshold"
        )
    return alarms


# Most are like Gaussians. The second sort has heavy tails, so that no fixed number of
# standard deviations fits all; and one clip of the third is far off.
_MACHINES = ("even",) * 40 + ("restless",) * 60 + ("odd",) * 17
_DEAF_TO = (
    "clips in which all features are too high",
    "clips in which all features are too low: ask how far they are, above or below",
    "clips in which only features with small numbers are wrong: scale all features",
)


@question(
    "5.5",
    points=3,
    level="design",
    trains="a detector and its threshold, from normal clips alone",
    data_sets=1,
)
def raise_alarm(answer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, 55])
    # So many machines, and so few clips for each, that a threshold from clips that a
    # simple detector was fitted to can be told from an honest one.
    rates: dict[str, list[list[float]]] = {"even": [], "restless": [], "odd": []}
    for trial, machine in enumerate(rng.permutation(_MACHINES).tolist()):
        train, new, kinds = _features(rng, machine)
        alarms = _alarm_each(answer, train, new)
        if trial < 3:
            again = _alarm_each(answer, train, new[kinds == 0])
            if not np.array_equal(again, alarms[kinds == 0]):
                raise Wrong(
                    "the answer for a clip changes with the clips that are tested "
                    "together with it, or by chance: learn from training clips only"
                )
        rates[machine].append([alarms[kinds == kind].mean() for kind in range(4)])
    every = [rate for of_machine in rates.values() for rate in of_machine]
    false, *found = np.mean(every, axis=0).tolist()
    even, restless = (np.mean(rates[m], axis=0)[0] for m in ("even", "restless"))
    odd = np.min(np.mean(rates["odd"], axis=0)[1:])
    if false > 0.5 and max(found) < 0.5:
        raise Wrong("this is the other way round: True stands for an alarm")
    if max(found) == 0:
        raise Wrong("no abnormal clip raises an alarm: is the threshold too high?")
    if even <= 0.12 and restless > 0.135:
        raise Wrong(
            f"{restless:.0%} of new normal clips raise an alarm where a machine is "
            "restless, so that some normal clips vary more than others: a threshold "
            "that fits some machines promises nothing for another, so set it by the "
            "scores of held-out clips, as in 5.3"
        )
    if false > 0.25:
        raise Wrong(
            f"{false:.0%} of new normal clips raise an alarm, and 12 % are allowed. "
            "Either the threshold comes from clips that the detector was fitted to, "
            "and knows, or it was not set by a rate of 0.1"
        )
    if false > 0.12 or restless > 0.135:
        raise Wrong(
            f"{max(false, restless):.0%} of new normal clips raise an alarm, too many: were all "
            "scores for the threshold held out, and did you count the new clip, as in "
            "5.3?"
        )
    for share, kind in zip(found, _DEAF_TO, strict=True):
        if share < 0.9:
            raise Wrong(f"too few alarms ({share:.0%}) for {kind}{_where(odd)}")


def _where(odd: float) -> str:
    if odd >= 0.5:
        return ""
    return (
        f". They are missed above all where one training clip is odd ({odd:.0%} raise an "
        "alarm there): a single clip must not set the threshold, nor its mean and "
        "standard deviation"
    )


def _features(
    rng: np.random.Generator, machine: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of training clips and new clips of a machine, and the new ones' kinds."""
    n_train, n_features = rng.integers((29, 12), (32, 15)).tolist()
    unit = rng.permutation(np.geomspace(0.01, 100, n_features))
    usual = unit * rng.normal(0, 3, n_features)
    small = unit < np.median(unit)
    # Normal, too high, too low, and wrong in small numbers only.
    kinds = rng.permutation(np.repeat(np.arange(4), (60, 8, 8, 8)))
    far = {"even": 8, "restless": 8, "odd": 3.5}[machine]
    shifts = far * np.array([0 * small, 1 + 0 * small, -1 - 0 * small, 1.4 * small])
    flip = np.where(kinds == 3, rng.choice([-1, 1], len(kinds)), 1)
    train = rng.standard_normal((n_train, n_features))
    new = rng.standard_normal((len(kinds), n_features))
    if machine == "restless":
        # Nearly all of the variance is that of a few clips.
        train *= np.where(rng.random((n_train, 1)) < 0.18, 2.3, 0.2)
        new[kinds == 0] *= np.where(rng.random((60, 1)) < 0.18, 2.3, 0.2)
    if machine == "odd":
        # Far off in each feature, so that none of them is spared.
        in_train, in_new = [rng.integers(n_train)], np.flatnonzero(kinds == 0)[:2]
        train[in_train] = 10 * np.sign(train[in_train])
        new[in_new] = 10 * np.sign(new[in_new])
    new += flip[:, np.newaxis] * shifts[kinds]
    return usual + unit * train, usual + unit * new, kinds


_LINES_OF_ALARMS = {
    2: "the training clips are scored as the new ones are, by their distance",
    3: "too loud and too quiet are both suspicious, and each clip is scored by itself",
    4: "it has just the given share of the training clips above it, as was asked for",
    5: "a mean of True and False is the share of True",
}


def _levels(rng: np.random.Generator, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Levels of training clips, and of new ones, of which two score at the threshold."""
    while True:
        # Some are too quiet in training, and most new ones too loud, so that no other
        # typical level leads to the same alarms.
        n_train, n_new = rng.integers((41, 200), (60, 300)).tolist()
        quiet = rng.uniform(-44, -40, n_train // 8)
        train = np.append(rng.normal(-30, 2, n_train), quiet).round()
        middle = np.median(train)
        known = np.sort(np.abs(train - middle))
        place = (1 - share) * (len(known) - 1)
        limit = known[int(place)]
        # Not between two scores, where rounding errors would decide.
        if known[int(place - 0.01)] == known[int(place + 1.01)]:
            ties = [middle - limit, middle + limit]
            return train, np.append(np.linspace(-38, -15, n_new), ties)


@question(
    "5.6",
    points=2,
    level="practice",
    trains="noticing where test clips leak into a detector",
)
def share_repaired(answer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, 56])
    for share in rng.choice([0.15, 0.2, 0.25], 2, replace=False).tolist():
        train, new = _levels(rng, share)

        def alarms(middle: float, train=train, new=new, share=share) -> np.ndarray:
            known, unknown = (np.sort(np.abs(x - middle)) for x in (train, new))
            return unknown > np.quantile(known, 1 - share)

        middle = np.median(train)
        border = np.quantile(np.abs(train - middle), 1 - share)
        compare(
            repaired(call(answer, train, new, share), 1, _LINES_OF_ALARMS),
            alarms(middle).mean(),
            {
                "the line is right, but the result is that of the function with the bug: "
                "repair it": alarms(np.median(np.append(train, new))).mean(),
                "this takes the new clips' median as typical: nobody knows whether they "
                "are normal": alarms(np.median(new)).mean(),
                "a clip that scores exactly at the threshold is not above it": np.mean(
                    np.abs(new - middle) >= border
                ),
                "this is the number of alarms: divide it by that of the new clips": (
                    alarms(middle).sum()
                ),
                "this takes the mean, which a few odd clips pull away: the median was not "
                "the bug": alarms(train.mean()).mean(),
            },
            what="the result of the repaired function",
            hint="Learn from the training clips alone, and judge the new ones by that.",
        )


@question(
    "5.7",
    points=2,
    level="design",
    trains="objections that hold, and those that don't",
    is_function=False,
)
def objections(answer: Any, seed: int) -> None:
    choose(
        answer,
        {0, 2, 4},
        [
            "Which clips told the authors what to choose, and which clips were left to "
            "report on?",
            "an AUC is a share of pairs of one abnormal and one normal clip, and does not "
            "depend on how many there are of each: it is the precision that drops",
            "How wide are the intervals of two results from so few clips?",
            "an AUC sums up all thresholds and needs none; that is its strength, and its "
            "limit",
            "What does the last sentence promise, and what does an AUC count?",
            "detectors here learn from normal clips alone, as faults are rare and new ones "
            "look different; an AUC needs both sorts for testing only",
        ],
    )
