"""Typical wrong answers to sheet 4, each with a part of the sentence it must get."""

from math import prod

import numpy as np


def scaled(values, low, high):
    return (values - low) / (high - low)


def scaled_by_clip(train, test):
    low = test.min(axis=(1, 2), keepdims=True)
    return scaled(test, low, test.max(axis=(1, 2), keepdims=True))


def scaled_by_band(train, test):
    low = train.min(axis=(0, 2), keepdims=True)
    return scaled(test, low, train.max(axis=(0, 2), keepdims=True))


def scaled_by_all(train, test):
    both = np.concatenate([train, test])
    return scaled(test, both.min(), both.max())


def axes_of(rows):
    return np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2]


def rebuilt(fit_to, rows, directions):
    middle = fit_to.mean(axis=0)
    return (rows - middle) @ directions.T @ directions + middle


def uncentred(train, test, k):
    directions = np.linalg.svd(train, full_matrices=False)[2][:k]
    return test @ directions.T @ directions


def without_mean(train, test, k):
    return rebuilt(train, test, axes_of(train)[:k]) - train.mean(axis=0)


def centred_by_test(train, test, k):
    return rebuilt(test, test, axes_of(train)[:k])


def columns_for_rows(train, test, k):
    return rebuilt(train, test, axes_of(train).T[:k])


def code(train, test, k):
    return (test - train.mean(axis=0)) @ axes_of(train)[:k].T


def worst(original, copy):
    return ((original - copy) ** 2).mean(axis=1).argmax(axis=1)


def worst_band(original, copy, sr, hop):
    return ((original - copy) ** 2).mean(axis=2).argmax(axis=1) * hop / sr


def worst_cell(original, copy, sr, hop):
    return ((original - copy) ** 2).max(axis=1).argmax(axis=1) * hop / sr


def distances(train, test, fit_to=None):
    """How far each band's mean error is from what is usual, with its sign."""
    usual = (train if fit_to is None else fit_to).mean(axis=2)
    return (test.mean(axis=2) - usual.mean(axis=0)) / usual.std(axis=0)


def overall(train, test):
    return np.abs(test.mean(axis=(1, 2)) - train.mean())


def one_mean_for_all(train, test, k):
    axes = axes_of(train)[:k]
    return (test - train.mean()) @ axes.T @ axes + train.mean()


def mean_subtracted_twice(train, test, k):
    return rebuilt(train, test, axes_of(train)[:k]) - 2 * train.mean(axis=0)


def not_centred_before_encoding(train, test, k):
    axes = axes_of(train)[:k]
    return test @ axes.T @ axes + train.mean(axis=0)


MISTAKES = {
    "4.1": [
        (lambda i, c: prod(c) / prod(i), "upside down"),
        (lambda i, c: prod(i[:2]) / prod(c[:2]), "leaves out the last"),
        (lambda i, c: i[0] / c[0], "first number"),
        (lambda i, c: sum(i) / sum(c), "adds"),
        (lambda i, c: prod(i) - prod(c), "difference"),
        (lambda i, c: prod(i[:-1]) / prod(c), "leaves out the input's last"),
        (lambda i, c: prod(i) // prod(c), "rounded down"),
        (lambda i, c: prod(i), "values in the input"),
        (lambda i, c: prod(c), "values in the code"),
        (lambda i, c: len(i) / len(c), "numbers of dimensions"),
        (lambda i, c: 1 - prod(c) / prod(i), "that is saved"),
        (lambda i, c: i[-1] / c[-1], "only the last number"),
    ],
    "4.2": [
        (lambda a, b: scaled(b, b.min(), b.max()), "extremes of the test clips"),
        (lambda a, b: np.clip(scaled(b, a.min(), a.max()), 0, 1), "cut off"),
        (scaled_by_clip, "by itself"),
        (scaled_by_all, "together"),
        (scaled_by_band, "each band"),
        (lambda a, b: scaled(a, a.min(), a.max()), "these are the training clips"),
        (lambda a, b: (b - a.min()) / a.max(), "divides by the maximum"),
        (lambda a, b: b / np.ptp(a), "does not become 0"),
        (lambda a, b: (b - a.mean()) / a.std(), "standardises"),
        (lambda a, b: b - a.min(), "not been divided by the range"),
        (lambda a, b: (b - b.min()) / np.ptp(a), "minimum is that of the test"),
        (lambda a, b: (b - a.min()) / np.ptp(b), "range is that of the test"),
        (lambda a, b: 1 - scaled(b, a.min(), a.max()), "turned round"),
        (lambda a, b: 2 * scaled(b, a.min(), a.max()) - 1, "-1 and 1"),
        (lambda a, b: b / a.max(), "maximum alone"),
        (lambda a, b: b - a.min() / np.ptp(a), "in brackets"),
    ],
    "4.3": [
        (without_mean, "add the mean"),
        (lambda a, b, k: rebuilt(b, b, axes_of(b)[:k]), "learnt from the test"),
        (
            lambda a, b, k: rebuilt(
                np.concatenate([a, b]), b, axes_of(np.concatenate([a, b]))[:k]
            ),
            "training and test rows together",
        ),
        (uncentred, "without subtracting"),
        (centred_by_test, "the test rows' own mean"),
        (lambda a, b, k: rebuilt(a, b, axes_of(a)), "exact copy"),
        (lambda a, b, k: rebuilt(a, b, axes_of(a)[: k + 1]), "one direction too many"),
        (lambda a, b, k: rebuilt(a, b, axes_of(a)[: k - 1]), "one direction too few"),
        (lambda a, b, k: rebuilt(a, b, axes_of(a)[-k:]), "least important"),
        (lambda a, b, k: rebuilt(a, a, axes_of(a)[:k]), "the training rows, rebuilt"),
        (columns_for_rows, "columns"),
        (code, "this is the code"),
        (one_mean_for_all, "one mean for all"),
        (mean_subtracted_twice, "subtracted at the end"),
        (lambda a, b, k: b - rebuilt(a, b, axes_of(a)[:k]), "what is lost"),
        (not_centred_before_encoding, "before they are encoded"),
    ],
    "4.4": [
        (lambda x, y, sr, hop: worst(x, y), "number of the frame"),
        (lambda x, y, sr, hop: (worst(x, y) + 1) * hop / sr, "one frame too late"),
        (lambda x, y, sr, hop: worst(x, y) * hop, "these are samples"),
        (lambda x, y, sr, hop: worst(x, y) / sr, "forgets the hop"),
        (
            lambda x, y, sr, hop: (x - y).mean(axis=1).argmax(axis=1) * hop / sr,
            "original minus copy",
        ),
        (
            lambda x, y, sr, hop: (y - x).mean(axis=1).argmax(axis=1) * hop / sr,
            "copy minus original",
        ),
        (worst_band, "worst band"),
        (worst_cell, "single worst cell"),
        (
            lambda x, y, sr, hop: ((x - y) ** 2).mean(axis=1).argmin(axis=1) * hop / sr,
            "best frame",
        ),
        (
            lambda x, y, sr, hop: ((x - y).mean(axis=1) ** 2).argmax(axis=1) * hop / sr,
            "before the square",
        ),
        (
            lambda x, y, sr, hop: np.abs(x - y).mean(axis=1).argmax(axis=1) * hop / sr,
            "absolute errors",
        ),
        (
            lambda x, y, sr, hop: (
                np.median((x - y) ** 2, axis=1).argmax(axis=1) * hop / sr
            ),
            "median over the bands",
        ),
        (lambda x, y, sr, hop: worst(x, y) * 512 / sr, "hop is written in as 512"),
        (lambda x, y, sr, hop: worst(x, y) * hop / 16000, "written in as 16000"),
        (lambda x, y, sr, hop: worst(x, y) * 512 / 16000, "hop and sample rate"),
        (lambda x, y, sr, hop: 1000 * worst(x, y) * hop / sr, "milliseconds"),
        (lambda x, y, sr, hop: worst(x, y) * sr / hop, "upside down"),
    ],
    "4.5": [
        (lambda a, b: b.mean(axis=(1, 2)), "easier in all bands"),
        (lambda a, b: -b.mean(axis=(1, 2)), "higher must mean"),
        (overall, "faintest bands"),
        (lambda a, b: np.abs(distances(a, b).mean(axis=1)), "cancel"),
        (lambda a, b: np.abs(distances(a, b, b)).mean(axis=1), "together with it"),
        (lambda a, b: np.abs(distances(a, b)), "one score for each test clip"),
        (lambda a, b: np.abs(distances(a, b).sum(axis=1)) ** 2, "ups and downs"),
        (
            lambda a, b: distances(a, b).sum(axis=1),
            "that are easier in all bands do not",
        ),
        (
            lambda a, b: np.abs(
                np.log(b.mean(axis=2) / a.mean(axis=(0, 2))).sum(axis=1)
            ),
            "half of the bands",
        ),
        (
            lambda a, b: np.abs(b.mean(axis=2) - a.mean(axis=(0, 2))).mean(axis=1),
            "four times the usual error",
        ),
        (lambda a, b: np.abs(distances(a, a)).mean(axis=1), "its shape should be"),
        (
            lambda a, b: -np.abs(distances(a, b)).mean(axis=1),
            "that are harder to copy in all bands do not",
        ),
        (
            lambda a, b: (np.abs(distances(a, b)).mean(axis=1) > 2) * 1.0 - 2 * np.nan,
            "finite numbers",
        ),
    ],
    "4.6": [
        (lambda clips: [0, "a"], "nothing is taken away"),
        (lambda clips: [0, "bcd"], "more training adds"),
        (lambda clips: [0, "e"], "by heart"),
        (lambda clips: [1, ["a"]], "same trained network"),
        (lambda clips: [0, {"b"}], "no network?"),
        (lambda clips: [0, "d"], "learnt nothing at all?"),
        (lambda clips: [0, "a b c d e f"], "decided nothing"),
    ],
}
