"""Typical wrong answers to sheet 3, each with a part of the sentence it must get."""

from functools import lru_cache

import numpy as np

from esa4_helpers import (
    GMMDetector,
    MahalanobisDetector,
    PoolOverTime,
    anomaly_score,
    auc,
    log_mel_spectrogram,
    peak_level,
)


def _terms(x, mean, variance):
    """Minus the log-density of each feature, in two terms."""
    return np.log(2 * np.pi * variance) / 2, (x - mean) ** 2 / variance / 2


@lru_cache(maxsize=8)
def _spectrograms(audio, n_clips, sr):
    clips = np.frombuffer(audio, dtype=np.float32).reshape(n_clips, -1)
    return log_mel_spectrogram(clips, sr)


def _features(audio, sr, statistics=("max", "p95")):
    S = _spectrograms(audio.tobytes(), len(audio), sr)
    return PoolOverTime(statistics).transform(S)


def good_scores(train, test, sr):
    detector = MahalanobisDetector().fit(_features(train, sr))
    return anomaly_score(detector, _features(test, sr))


def scores_of_training_clips(train, test, sr):
    return good_scores(train, train, sr)


def mean_over_time(train, test, sr):
    detector = GMMDetector(random_state=0).fit(_features(train, sr, "mean"))
    return anomaly_score(detector, _features(test, sr, "mean"))


def peak_level_only(train, test, sr):
    return np.abs(peak_level(test) - np.median(peak_level(train)))


def scaled_with_test_scores(train, test, sr):
    score = good_scores(train, test, sr)
    return (score - score.min()) / (score.max() - score.min())


def fitted_to_test_clips(train, test, sr):
    return good_scores(np.concatenate([train, test]), test, sr)


def unseeded(train, test, sr):
    score = good_scores(train, test, sr)
    return score + score.std() * np.random.default_rng().normal(size=len(score))


def _ranked(number):
    """Labels and scores behind the curve of a student with this number."""
    labels = np.arange(95) < 50
    return labels, np.random.default_rng(number).normal(1.8 * labels)


def _found(number):
    """What is to be read from it."""
    labels, scores = _ranked(number)
    return (scores[labels] > np.quantile(scores[~labels], 0.9)).mean()


MISTAKES = {
    "3.1": [
        (lambda K, d: K * (d + d * (d + 1) // 2) + K, "one too many"),
        (lambda K, d: K * (d + d * (d + 1) // 2) + 1, "two components"),
        (lambda K, d: K * (d + d * (d + 1) // 2), "weights are missing"),
        (lambda K, d: K * (d + d**2) + K - 1, "symmetric"),
        (lambda K, d: K * d * (d + 1) // 2 + K - 1, "the d means"),
        (lambda K, d: K * (d + d * (d - 1) // 2) + K - 1, "on its diagonal"),
        (lambda K, d: K * 2 * d + K - 1, "diagonal covariances"),
        (lambda K, d: K * (d + d * (d + 1) // 2) + K - 2, "one too few"),
        (
            lambda K, d: K * d + d * (d + 1) // 2 + K - 1,
            "one covariance matrix for all",
        ),
        (lambda K, d: d + K * d * (d + 1) // 2 + K - 1, "d means for all"),
        (lambda K, d: d + d * (d + 1) // 2, "one Gaussian only"),
        (lambda d, K: K * (d + d * (d + 1) // 2) + K - 1, "mixed up"),
        (lambda K, d: K * (d + 1) + K - 1, "one variance for each"),
        (lambda K, d: K * (d + d * (d + 1) // 2) - 1, "have not been added"),
    ],
    "3.2": [
        (lambda *x: -np.add(*_terms(*x)).sum(axis=1), "the sign"),
        (lambda *x: _terms(*x)[1].sum(axis=1), "first term is missing"),
        (lambda *x: np.add(*_terms(*x)).mean(axis=1), "is the mean"),
        (lambda *x: np.add(*_terms(*x)).sum(axis=0), "over the clips"),
        (lambda *x: np.add(*_terms(*x)).sum(), "all clips together"),
        (lambda *x: np.add(*_terms(*x)), "of each feature"),
        (lambda x, m, v: np.add(*_terms(x, m, v**2)).sum(axis=1), "squared already"),
        (lambda x, m, v: np.add(*_terms(x, m, v**0.5)).sum(axis=1), "takes the root"),
        (lambda *x: np.exp(-np.add(*_terms(*x)).sum(axis=1)), "density itself"),
        (lambda *x: np.add(*_terms(*x)).sum(axis=1) / np.log(10), "np.log10"),
        (lambda x, m, v: 2 * np.add(*_terms(x, m, v)).sum(axis=1), "twice what"),
        (lambda x, m, v: ((x - m) ** 2 / v / 2 + np.log(v) / 2).sum(axis=1), "2 pi"),
        (
            lambda x, m, v: ((x - m) ** 2 / v / 2 + np.log(2 * np.pi * v)).sum(axis=1),
            "first term needs a factor",
        ),
        (
            lambda x, m, v: ((x - m) ** 2 / v + np.log(2 * np.pi * v) / 2).sum(axis=1),
            "second term needs a factor",
        ),
        (
            lambda x, m, v: ((x - m) / v / 2 + np.log(2 * np.pi * v) / 2).sum(axis=1),
            "is not squared",
        ),
        (
            lambda x, m, v: ((x - m) ** 2 / 2 + np.log(2 * np.pi * v) / 2).sum(axis=1),
            "not divided by the variance",
        ),
        (
            lambda x, m, v: np.add(*_terms(x, m, v)).max(axis=1),
            "highest score of the features",
        ),
        (
            lambda x, m, v: (_terms(x, m, v)[1] - _terms(x, m, v)[0]).sum(axis=1),
            "different signs",
        ),
    ],
    "3.3": [
        (
            lambda a, n: (np.less.outer(a, n) + np.equal.outer(a, n) / 2).mean(),
            "turned",
        ),
        (lambda a, n: np.greater.outer(a, n).mean(), "ties count nothing"),
        (lambda a, n: np.greater_equal.outer(a, n).mean(), "ties count in full"),
        (
            lambda a, n: (np.greater.outer(a, n) + np.equal.outer(a, n) / 2).sum(),
            "the number of pairs",
        ),
        (lambda a, n: (a > n.max()).mean(), "above all normal"),
        (
            lambda a, n: (
                (np.greater.outer(a, n) + np.equal.outer(a, n) / 2).sum() / len(a)
            ),
            "number of abnormal",
        ),
        (
            lambda a, n: (
                (np.greater.outer(a, n) + np.equal.outer(a, n) / 2).sum() / len(n)
            ),
            "number of normal",
        ),
        (lambda a, n: np.greater.outer(a, n).sum(), "without ties"),
        (lambda a, n: (a > n.mean()).mean(), "the mean of the normal"),
        (lambda a, n: (a > np.median(n)).mean(), "the median of the normal"),
        (lambda a, n: np.sign(np.subtract.outer(a, n)).mean(), "lost pairs"),
    ],
    "3.4": [
        (lambda train, test, share: test > np.quantile(test, 1 - share), "test scores"),
        (
            lambda train, test, share: (
                test > np.quantile(np.append(train, test), 1 - share)
            ),
            "both together",
        ),
        (lambda train, test, share: test > np.quantile(train, share), "wrong end"),
        (lambda train, test, share: test < np.quantile(train, 1 - share), "turned"),
        (lambda train, test, share: test > train.max(), "highest training score"),
        (lambda train, test, share: train > np.quantile(train, 1 - share), "of the tr"),
        (lambda train, test, share: np.quantile(train, 1 - share), "True or False"),
        (
            lambda train, test, share: test >= np.quantile(train, 1 - share),
            "just at the threshold",
        ),
        (
            lambda train, test, share: test > np.quantile(train, 0.9),
            "written in as 0.1",
        ),
        (
            lambda train, test, share: test > np.percentile(train, 1 - share),
            "from 0 to 100",
        ),
        (
            lambda train, test, share: test > train.mean() + 2 * train.std(),
            "plus two standard",
        ),
        (
            lambda train, test, share: test > (1 - share) * train.max(),
            "share of the highest",
        ),
        (
            lambda train, test, share: (test > np.quantile(train, 1 - share)).astype(
                int
            ),
            "and is int",
        ),
        (
            lambda train, test, share: (test > np.quantile(train, 1 - share)).mean(),
            "and is float",
        ),
        (
            lambda train, test, share: (
                test > np.quantile(train, 1 - share, method="higher")
            ),
            "the one above",
        ),
        (
            lambda train, test, share: (
                np.flatnonzero(test > np.quantile(train, 1 - share)) > -1
            ),
            "should have the shape",
        ),
    ],
    "3.5": [
        (lambda *x: -good_scores(*x), "upside down"),
        (scores_of_training_clips, "training clips"),
        (mean_over_time, "something as short as a click"),
        (peak_level_only, "the squeaks"),
        (scaled_with_test_scores, "other test clips"),
        (fitted_to_test_clips, "are left out"),
        (unseeded, "random_state"),
        (lambda *x: good_scores(*x)[:, np.newaxis], "one score for each test clip"),
        (lambda *x: np.where(good_scores(*x) > 5, -1, 1), "two values"),
        (lambda *x: None, "returns nothing yet"),
    ],
    "3.6": [
        (lambda clips: [0, "a"], "labels that are all turned"),
        (lambda clips: [0, "c"], "compares scores with labels"),
        (lambda clips: [2, "a"], "right on average only"),
        (lambda clips: [1, ["a"]], "extreme values are rare"),
    ],
    "3.7": [
        (lambda clips: [0, 77], "divide by 100"),
        (lambda clips: [0, -0.5], "negative"),
        (lambda clips: [0, auc(*_ranked(0))], "area under the whole curve"),
        (lambda clips: [0, 1 - _found(0)], "*missed*"),
        (lambda clips: [0, 0.1], "on the axis of false alarms"),
        (lambda clips: [0, 1], "a height of 1 at about"),
    ],
}
