"""Typical wrong answers to sheet 5, each with a part of the sentence it must get."""

from itertools import combinations
from math import ceil

import numpy as np


def ratios(alarm, real):
    """Precision, recall and F1."""
    precision, recall = real[alarm].mean(), alarm[real].mean()
    return precision, recall, 2 / (1 / precision + 1 / recall)


def swapped(real, scores, threshold):
    precision, recall, f1 = ratios(scores > threshold, real)
    return recall, precision, f1


def arithmetic(real, scores, threshold):
    precision, recall, _ = ratios(scores > threshold, real)
    return precision, recall, (precision + recall) / 2


def accuracy(real, scores, threshold):
    precision, recall, _ = ratios(scores > threshold, real)
    return precision, recall, ((scores > threshold) == real).mean()


def false_alarm_rate(real, scores, threshold):
    precision, _, f1 = ratios(scores > threshold, real)
    return precision, (scores > threshold)[~real].mean(), f1


def by_all_clips(real, scores, threshold):
    share = np.mean((scores > threshold) & real)
    return share, share, share


def pairs(abnormal, normal):
    return (np.asarray(abnormal)[:, np.newaxis] > normal).sum()


def all_pairs(abnormal, normal):
    """Pairs in the right order for each way to pick, and for the real one."""
    every = np.append(abnormal, normal)
    ways = combinations(range(len(every)), len(abnormal))
    won = [pairs(every[list(way)], np.delete(every, way)) for way in ways]
    return np.array(won), pairs(abnormal, normal)


def strictly(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return (won > real).mean()


def fewer(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return (won < real).mean()


def at_most(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return (won <= real).mean()


def two_sided(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return 2 * (won >= real).mean()


def one_more(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return (1 + (won >= real).sum()) / (1 + len(won))


def as_auc(normal, abnormal):
    return pairs(abnormal, normal) / (len(normal) * len(abnormal))


def count(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return (won >= real).sum()


def place(scores, rate, shift=0):
    k = ceil((1 - rate) * (len(scores) + 1)) + shift
    return np.sort(scores)[k - 1] if k <= len(scores) else np.inf


def n_for_n_plus_one(scores, rate):
    return np.sort(scores)[ceil((1 - rate) * len(scores)) - 1]


def unsorted(scores, rate):
    return scores[ceil((1 - rate) * (len(scores) + 1)) - 1]


def lower_end(scores, rate):
    return np.sort(scores)[ceil(rate * (len(scores) + 1)) - 1]


def highest_if_few(scores, rate):
    return min(place(scores, rate), scores.max())


def stops_if_few(scores, rate):
    return np.sort(scores)[ceil((1 - rate) * (len(scores) + 1)) - 1]


def summary(aucs, ddof=1):
    return aucs.mean(), aucs.min(), aucs.std(ddof=ddof)


def best(aucs):
    return aucs.mean(axis=1).argmax()


def with_maximum(validation, test):
    chosen = test[best(validation)]
    return chosen.mean(), chosen.max(), chosen.std(ddof=1)


def luckiest(validation, test):
    return summary(test[validation.max(axis=1).argmax()])


def distance(known, rows):
    """Mean squared distance in standard deviations."""
    return (((rows - known.mean(axis=0)) / known.std(axis=0)) ** 2).mean(axis=1)


def signed(known, rows):
    return ((rows - known.mean(axis=0)) / known.std(axis=0)).mean(axis=1)


def unscaled(known, rows):
    return ((rows - known.mean(axis=0)) ** 2).sum(axis=1)


def mahalanobis(known, rows):
    offset = rows - known.mean(axis=0)
    return np.sum(offset @ np.linalg.inv(np.cov(known.T)) * offset, axis=1)


def alarms(score):
    """A detector with an honest threshold."""

    def detect(train, new):
        fold = np.arange(len(train)) % 4
        held_out = [score(train[fold != i], train[fold == i]) for i in range(4)]
        return score(train, new) > place(np.concatenate(held_out), 0.1)

    return detect


def fitted_to(train, new):
    known = mahalanobis(train, train)
    return mahalanobis(train, new) > place(known, 0.1)


def simple_but_fitted_to(train, new):
    return distance(train, new) > place(distance(train, train), 0.1)


def from_new(train, new):
    scores = distance(train, new)
    return scores > np.quantile(scores, 0.9)


def share(
    train,
    new,
    rate,
    known=lambda train, new: train,
    typical=np.median,
    above=np.greater,
):
    """The share of alarms, right but for what is asked for."""
    middle = typical(known(train, new))
    limit = np.quantile(np.abs(train - middle), 1 - rate)
    return above(np.abs(new - middle), limit).mean()


def geometric(real, scores, threshold):
    precision, recall, _ = ratios(scores > threshold, real)
    return precision, recall, (precision * recall) ** 0.5


def half_f1(real, scores, threshold):
    precision, recall, f1 = ratios(scores > threshold, real)
    return precision, recall, f1 / 2


def exactly(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return (won == real).mean()


def without_the_real_one(normal, abnormal):
    won, real = all_pairs(abnormal, normal)
    return ((won >= real).sum() - 1) / len(won)


def by_mean_scores(normal, abnormal):
    every = np.append(abnormal, normal)
    ways = combinations(every, len(abnormal))
    return np.mean([np.mean(way) >= np.mean(abnormal) - 1e-9 for way in ways])


def infinite_at_the_end(scores, rate):
    k = ceil((1 - rate) * (len(scores) + 1))
    return np.sort(scores)[k - 1] if k < len(scores) else np.inf


def with_variance(validation, test):
    chosen = test[best(validation)]
    return chosen.mean(), chosen.min(), chosen.var(ddof=1)


def with_median(validation, test):
    chosen = test[best(validation)]
    return np.median(chosen), chosen.min(), chosen.std(ddof=1)


def any_beyond_three(train, new):
    return (np.abs(new - train.mean(axis=0)) / train.std(axis=0) > 3).any(axis=1)


def mean_and_three_deviations(train, new):
    known = distance(train, train)
    return distance(train, new) > known.mean() + 3 * known.std()


MISTAKES = {
    "5.1": [
        (swapped, "mixed up"),
        (arithmetic, "arithmetic mean"),
        (accuracy, "accuracy"),
        (false_alarm_rate, "false-alarm rate"),
        (by_all_clips, "number of all clips"),
        (lambda real, s, t: ratios(s >= t, real), "exactly at the threshold"),
        (lambda real, s, t: ratios(s < t, real), "below the threshold"),
        (lambda real, s, t: ratios(s > t, ~real), "normal clips as those"),
        (geometric, "geometric mean"),
        (lambda real, s, t: 100 * np.array(ratios(s > t, real)), "in percent"),
        (lambda real, s, t: ratios(s > t, real)[:2], "F1 is missing"),
        (lambda real, s, t: ratios(s <= t, real), "or at it"),
        (lambda real, s, t: ratios(s <= t, ~real), "silence for an alarm"),
        (half_f1, "the 2 is missing"),
        (lambda real, s, t: dict(enumerate(ratios(s > t, real))), "of the type dict"),
    ],
    "5.2": [
        (strictly, "just as many"),
        (fewer, "1 minus"),
        (at_most, "at most as many"),
        (two_sided, "both directions"),
        (one_more, "drawn at random"),
        (as_auc, "this is the AUC"),
        (count, "number of ways"),
        (exactly, "exactly as many"),
        (lambda normal, abnormal: pairs(abnormal, normal), "number of pairs won"),
        (without_the_real_one, "is not counted"),
        (by_mean_scores, "compares mean scores"),
    ],
    "5.3": [
        (n_for_n_plus_one, "one place too low"),
        (lambda s, rate: place(s, rate, 1), "one place too high"),
        (lambda s, rate: np.quantile(s, 1 - rate), "np.quantile"),
        (unsorted, "sort"),
        (lower_end, "lower end"),
        (lambda s, rate: s.max(), "the highest score"),
        (highest_if_few, "return infinity"),
        (stops_if_few, "with IndexError"),
        (infinite_at_the_end, "where k equals n"),
        (lambda s, rate: s.mean() + 3 * s.std(), "plus three standard"),
        (lambda s, rate: s.mean() + 2 * s.std(), "plus two standard"),
        (lambda s, rate: ceil((1 - rate) * (len(s) + 1)), "this is k itself"),
        (
            lambda s, rate: (
                np.sort(s)[::-1][ceil((1 - rate) * (len(s) + 1)) - 1]
                if (1 - rate) * (len(s) + 1) <= len(s)
                else np.inf
            ),
            "k-th largest",
        ),
    ],
    "5.4": [
        (lambda v, t: summary(t[best(t)]), "chosen by the test"),
        (luckiest, "luckiest seed"),
        (lambda v, t: summary(v[best(v)]), "validation AUCs"),
        (lambda v, t: summary(t[best(v)], ddof=0), "ddof"),
        (with_maximum, "maximum"),
        (lambda v, t: summary(t[best(v.T)]), "over the settings"),
        (lambda v, t: summary(t), "all settings"),
        (lambda v, t: summary(t[np.median(v, axis=1).argmax()]), "middle seed"),
        (lambda v, t: summary(t[v.min(axis=1).argmax()]), "worst seed"),
        (lambda v, t: summary(t[(v + t).mean(axis=1).argmax()]), "had a say"),
        (lambda v, t: summary(t[v.mean(axis=1).argmin()]), "lowest mean"),
        (lambda v, t: t[best(v)], "sum them up"),
        (lambda v, t: t[best(v)].mean(), "mean only"),
        (with_variance, "the variance in"),
        (with_median, "the median in"),
    ],
    "5.5": [
        (fitted_to, "was fitted to"),
        (simple_but_fitted_to, "too many: were all scores"),
        (from_new, "together with it"),
        (lambda train, new: np.zeros(len(new), dtype=bool), "no abnormal clip"),
        (lambda a, b: ~alarms(distance)(a, b), "other way round"),
        (alarms(unscaled), "small numbers"),
        (alarms(signed), "too low"),
        (distance, "True or False"),
        (lambda a, b: np.flatnonzero(alarms(distance)(a, b)), "for each new clip"),
        (any_beyond_three, "restless"),
        (lambda train, new: distance(train, new) > 2, "promises nothing for another"),
        (mean_and_three_deviations, "a single clip must not"),
        (lambda train, new: distance(train, new) > np.inf, "is the threshold too high"),
        (lambda train, new: (distance(train, new) > 3).astype(int), "is of type int64"),
    ],
    "5.6": [
        (lambda *of: (2, share(*of)), "by their distance"),
        (lambda *of: (3, share(*of)), "both suspicious"),
        (lambda *of: (4, share(*of)), "just the given share"),
        (lambda *of: (5, share(*of)), "share of True"),
        (lambda *of: (0, share(*of)), "numbers 1 to 5"),
        (share, "two things"),
        (lambda *of: (1, share(*of, lambda a, b: [*a, *b])), "with the bug: repair"),
        (lambda *of: (1, share(*of, lambda train, new: new)), "new clips' median"),
        (lambda *of: (1, share(*of, above=np.greater_equal)), "exactly at"),
        (lambda *of: (1, share(*of) * len(of[1])), "number of alarms"),
        (lambda *of: (1, share(*of, typical=np.mean)), "takes the mean"),
    ],
    "5.7": [
        (lambda clips: [0, "b"], "it is the precision that drops"),
        (lambda clips: [0, "a, C, d"], "sums up all thresholds"),
        (lambda clips: [0, "f"], "faults are rare and new ones"),
        (lambda clips: [0, "ac"], "what does an AUC count"),
        (lambda clips: [0, ["a", "e"]], "How wide"),
        (lambda clips: [0, "c and e"], "told the authors"),
        (lambda clips: [0, "abcdef"], "decided nothing"),
        (lambda clips: [0, 3], "letters between quotation marks"),
        (lambda clips: [-1, "a"], "a whole number of 0 or more"),
    ],
}
