"""Sheet 5: promise only what you can keep."""

from __future__ import annotations

from itertools import combinations
from math import ceil
from statistics import mean, pstdev, stdev
from typing import Any

import numpy as np

from . import Wrong, call, compare, question
from ._choices import choose, repaired


def _ratios(hits: int, false: int, missed: int) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    return (
        hits / (hits + false),
        hits / (hits + missed),
        hits / (hits + (false + missed) / 2),
    )


@question(
    "5.1",
    points=2,
    level="first steps",
    trains="precision, recall and F1",
)
def alarm_quality(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(3):
        hits, false, quiet = rng.integers((15, 3, 20), (30, 8, 40)).tolist()
        missed = false + int(rng.integers(6, 12))
        n_clips = hits + false + missed + quiet
        counts = (hits, missed, false, quiet)
        faulty = np.repeat([True, True, False, False], counts)
        above = np.repeat([1, -1, 1, -1], counts)
        threshold = rng.uniform(1, 9)
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
                "precision and recall are mixed up: the precision comes first, and is "
                "about the alarms": (recall, precision, f1),
                "F1 is the harmonic mean, and this is the arithmetic mean": (
                    precision,
                    recall,
                    (precision + recall) / 2,
                ),
                "this is the accuracy in the place of F1: it also counts silent normal "
                "clips": (precision, recall, (hits + quiet) / n_clips),
                "this is the false-alarm rate in the place of the recall: that is about "
                "abnormal clips": (precision, false / (false + quiet), f1),
                "this divides by the number of all clips: the precision is a share of "
                "the alarms, the recall one of the abnormal clips": (share,) * 3,
                "a clip that scores exactly at the threshold raises no alarm": (
                    _ratios(hits + 1, false + 1, missed - 1)
                ),
                "these are alarms for scores below the threshold": (
                    _ratios(missed - 1, quiet - 1, hits + 1)
                ),
                "this takes the normal clips as those to be found": (
                    _ratios(false, hits, quiet)
                ),
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
    for n_abnormal in rng.permutation([3, 4, 5]).tolist():
        n_normal = int(rng.integers(4, 7))
        n_clips = n_normal + n_abnormal
        ways = np.array(list(combinations(range(n_clips), n_abnormal)))
        # Among the abnormal clips, each wins against as many others as its rank says.
        won = ways.sum(axis=1) - n_abnormal * (n_abnormal - 1) // 2
        p_values = np.mean(won >= won[:, np.newaxis], axis=1)
        real = int(rng.choice(np.flatnonzero((p_values > 0.03) & (p_values < 0.35))))
        scores = rng.normal(0, 5) + np.cumsum(rng.uniform(0.1, 1, n_clips))
        abnormal = rng.permutation(scores[ways[real]])
        normal = rng.permutation(np.setdiff1d(scores, abnormal))
        p_value, others = p_values[real], won[real]
        compare(
            call(answer, normal, abnormal),
            p_value,
            {
                "ways that win just as many pairs as the real one count, too": (
                    np.mean(won > others)
                ),
                "this is 1 minus the p-value: it is the share of ways that win fewer "
                "pairs": np.mean(won < others),
                "this counts ways that win at most as many pairs: count those that win "
                "at least as many, and give the normal scores first": (
                    np.mean(won <= others)
                ),
                "this counts both directions: only ways that win many pairs are as "
                "good": 2 * p_value,
                "the extra 1 is for ways drawn at random: here all ways are counted, "
                "and the real one is among them": (
                    (1 + p_value * len(won)) / (1 + len(won))
                ),
                "this is the AUC, the share of pairs won by the real choice: how many "
                "ways do as well?": others / (n_normal * n_abnormal),
                "this is the number of ways: divide by that of all ways": (
                    p_value * len(won)
                ),
            },
            what="the p-value",
            hint="Of all ways to pick clips, which share wins at least as many pairs?",
        )


def _place(scores: np.ndarray, k: int) -> float:
    """The k-th smallest, by counting."""
    return next(float(s) for s in scores if np.count_nonzero(scores <= s) == k)


@question(
    "5.3",
    points=2,
    level="practice",
    trains="conformal thresholds, and when there is none",
)
def promised_threshold(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def draw(n: int) -> np.ndarray:
        return rng.permutation(rng.normal(0, 5) + np.cumsum(rng.uniform(0.5, 1.5, n)))

    rates = rng.permutation([0.05, 0.1, 0.2]).tolist()
    for rate in rates:
        # So many that k < n - 1; neither rounding errors nor whole numbers may decide.
        sizes = np.arange(59, 120)
        n = int(rng.choice(sizes[np.abs((1 - rate) * (sizes + 1) % 1 - 0.3) < 0.14]))
        k, k_low = n + 1 - int(rate * (n + 1)), ceil(rate * (n + 1))
        # In the k-th place without sorting: the lowest, which no other mistake gives.
        scores = draw(n)
        scores = np.roll(scores, k - 1 - scores.argmin())
        compare(
            call(answer, scores, rate),
            _place(scores, k),
            {
                "this is one place too low: there are n + 1 places for a new clip, and "
                "k is rounded up": _place(scores, k - 1),
                "this is one place too high: numpy counts from 0": (
                    _place(scores, k + 1)
                ),
                "this lies between two scores, as np.quantile does it: the promise "
                "needs the k-th smallest score itself": np.quantile(scores, 1 - rate),
                "these scores come in no order: sort them first": scores[k - 1],
                "this is at the lower end: alarms are for high scores": (
                    _place(scores, k_low)
                ),
                "this is the highest score: it keeps the promise, but misses more "
                "anomalies than it must": scores.max(),
            },
            what="the threshold",
            hint="Sort the scores and take the k-th smallest.",
        )
    for rate in rates:
        n = int(0.5 / rate)
        story = (
            f"with {n} clips and a rate of {rate} no score keeps the promise, as k is "
            "larger than n: return infinity"
        )
        try:
            given = call(answer, draw(n), rate)
        except Wrong as reason:
            raise Wrong(f"{story}. Here {reason}") from reason
        if np.ndim(given) > 0 or given != np.inf:
            raise Wrong(story)


@question(
    "5.4",
    points=2,
    level="practice",
    trains="choosing a setting without looking at the test clips",
)
def honest_report(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(2):
        n_seeds = int(rng.integers(4, 6))
        n_settings = n_seeds + int(rng.integers(4, 8))

        def spread(level: np.ndarray, n_seeds: int = n_seeds) -> np.ndarray:
            around = np.linspace(-0.04, 0.04, n_seeds) + rng.normal(0, 0.003, n_seeds)
            return level[:, np.newaxis] + rng.permuted(
                np.tile(around, (len(level), 1)), axis=1
            )

        # The best setting, one with a lucky seed, and one that the test clips favour;
        # none has a number that could be taken for that of a seed.
        best, lucky, favoured = rng.permutation(np.arange(n_seeds, n_settings))[:3]
        level, test_level = rng.uniform(0.6, 0.7, (2, n_settings))
        level[best], test_level[favoured] = 0.85, 0.92
        validation, test = spread(level), spread(test_level)
        validation[lucky, rng.integers(n_seeds)] = 0.97
        by_seeds = int(np.argmax(validation.sum(axis=0)))

        def report(values: np.ndarray) -> tuple[float, float, float]:
            numbers = values.ravel().tolist()
            return mean(numbers), min(numbers), stdev(numbers)

        right = report(test[best])
        compare(
            call(answer, validation, test),
            right,
            {
                "the setting was chosen by the test AUCs: what you report is then luck "
                "as well as skill": report(test[favoured]),
                "this chooses the setting with the luckiest seed: take the highest mean "
                "over the seeds": report(test[lucky]),
                "these are the validation AUCs of the right setting: it was chosen "
                "because they are high, so report its test AUCs": (
                    report(validation[best])
                ),
                "the standard deviation should be that with ddof=1": (
                    *right[:2],
                    pstdev(test[best].tolist()),
                ),
                "this has the maximum in the place of the minimum": (
                    right[0],
                    max(test[best]),
                    right[2],
                ),
                "this averages over the settings, and so chooses a seed: average over "
                "the seeds, the second axis": report(test[by_seeds]),
                "this is about all settings: report the chosen one": report(test),
            },
            what="the report (mean, minimum, standard deviation)",
            hint="Choose one row by the validation AUCs, then look at that row of `test`.",
        )


def _alarm_each(answer: Any, train: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Alarms from a student's function, if they are such."""
    given = call(answer, train, new)
    if not isinstance(given, np.ndarray) or given.shape != (len(new),):
        raise Wrong(
            "return an array with one entry for each new clip: its shape should be "
            f"{(len(new),)}"
        )
    if given.dtype != bool:
        raise Wrong(
            f"the array should hold True or False, and is of type {given.dtype}: "
            "compare the scores with a threshold"
        )
    return given


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
)
def raise_alarm(answer: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # So many machines, and so few clips for each, that a threshold from clips that a
    # simple detector was fitted to can be told from an honest one.
    rates = []
    for trial in range(100):
        n_train, n_features = rng.integers((29, 12), (32, 15)).tolist()
        unit = rng.permutation(np.geomspace(0.01, 100, n_features))
        usual = unit * rng.normal(0, 3, n_features)
        small = unit < np.median(unit)
        # Normal, too high, too low, and wrong in small numbers only.
        kinds = rng.permutation(np.repeat(np.arange(4), (60, 8, 8, 8)))
        shifts = np.array([0 * small, 8 + 0 * small, -8 + 0 * small, 10 * small])
        flip = np.where(kinds == 3, rng.choice([-1, 1], len(kinds)), 1)
        train = usual + unit * rng.standard_normal((n_train, n_features))
        new = usual + unit * (
            rng.standard_normal((len(kinds), n_features))
            + flip[:, np.newaxis] * shifts[kinds]
        )
        alarms = _alarm_each(answer, train, new)
        if trial < 3:
            again = _alarm_each(answer, train, new[kinds == 0])
            if not np.array_equal(again, alarms[kinds == 0]):
                raise Wrong(
                    "the answer for a clip changes with the clips that are tested "
                    "together with it, or by chance: learn from training clips only"
                )
        rates.append([alarms[kinds == kind].mean() for kind in range(4)])
    false, *found = np.mean(rates, axis=0).tolist()
    if false > 0.5 and max(found) < 0.5:
        raise Wrong("this is the other way round: True stands for an alarm")
    if max(found) == 0:
        raise Wrong("no abnormal clip raises an alarm: is the threshold too high?")
    if false > 0.25:
        raise Wrong(
            f"{false:.0%} of new normal clips raise an alarm: the threshold seems to "
            "come from clips that the detector was fitted to, and knows"
        )
    if false > 0.12:
        raise Wrong(
            f"{false:.0%} of new normal clips raise an alarm, too many: were all "
            "scores for the threshold held out, and did you count the new clip, as in "
            "5.3?"
        )
    for share, kind in zip(found, _DEAF_TO, strict=True):
        if share < 0.9:
            raise Wrong(f"too few alarms ({share:.0%}) for {kind}")


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
