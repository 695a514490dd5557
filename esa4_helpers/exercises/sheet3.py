"""Sheet 3: model what is normal."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.stats import norm

from ..datasets import make_synthetic_dataset
from ..evaluation import auc
from . import Wrong, call, compare, question

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
    for most_features in (10, 200):
        K, d = int(rng.integers(3, 9)), int(rng.integers(4, most_features))
        symmetric = len(np.tril_indices(d)[0])
        expected = sum([K - 1, K * d, K * symmetric])
        compare(
            call(answer, K, d),
            expected,
            {
                "one too many: the weights add up to 1, so one of them is known": (
                    expected + 1
                ),
                "right for two components only: how many weights are unknown if there "
                "are more?": expected - K + 2,
                "the weights are missing": expected - K + 1,
                "this counts all d² numbers of each covariance matrix, but it is "
                "symmetric": K - 1 + K * d + K * d**2,
                "some are missing: each Gaussian has the d means, and its covariance "
                "matrix has d variances on its diagonal": expected - K * d,
                "this is right for diagonal covariances: full ones have more": (
                    K - 1 + 2 * K * d
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
    for _ in range(2):
        n_clips, n_features = int(rng.integers(7, 12)), int(rng.integers(3, 6))
        mean = rng.uniform(-60, -20, n_features)
        variance = rng.uniform(0.1, 0.4, n_features)
        deviation = np.sqrt(variance)
        X = rng.normal(mean, 1.5 * deviation, (n_clips, n_features))
        log_density = norm.logpdf(X, mean, deviation)
        expected = -log_density.sum(axis=1)
        peak = norm.logpdf(mean, mean, deviation)
        compare(
            call(answer, X, mean, variance),
            expected,
            {
                "the sign is that of the log-likelihood: an anomaly score must be "
                "higher for less likely clips": -expected,
                "the first term is missing, the one with the logarithm of the "
                "variance": (peak - log_density).sum(axis=1),
                "this is the mean over the features: log-densities are added up": (
                    -log_density.mean(axis=1)
                ),
                "this adds up over the clips: add up over the features, the other "
                "axis": -log_density.sum(axis=0),
                "this adds up all clips together: return one score for each": (
                    -log_density.sum()
                ),
                "these are scores of each feature: add those of a clip up": -log_density,
                "this takes the variance for a standard deviation: it is squared "
                "already": -norm.logpdf(X, mean, variance).sum(axis=1),
                "this takes the root of the variance: the formula needs the variance "
                "itself": -norm.logpdf(X, mean, variance**0.25).sum(axis=1),
                "this is the density itself: take its logarithm, with the sign turned": (
                    np.prod(norm.pdf(X, mean, deviation), axis=1)
                ),
                "np.log10 has the base 10: the formula has the natural logarithm": (
                    expected / np.log(10)
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
    for _ in range(3):
        n_abnormal, n_normal = rng.integers(6, 15, 2).tolist()
        # Both sorts hold a 4, a tie; and an abnormal clip is below all others.
        abnormal = rng.permutation(np.append(rng.integers(3, 10, n_abnormal), [4, -1]))
        normal = rng.permutation(np.append(rng.integers(0, 7, n_normal), [4, 4]))
        in_order = np.sort(normal)
        below = np.searchsorted(in_order, abnormal, "left").sum()
        not_above = np.searchsorted(in_order, abnormal, "right").sum()
        n_pairs = abnormal.size * normal.size
        wins = (below + not_above) / 2
        compare(
            call(answer, abnormal.astype(float), normal.astype(float)),
            wins / n_pairs,
            {
                "this is turned round: count the pairs in which the abnormal clip "
                "scores higher": 1 - wins / n_pairs,
                "here ties count nothing, but they should count half": below / n_pairs,
                "here ties count in full, but they should count half": (
                    not_above / n_pairs
                ),
                "this is the number of pairs: divide it by how many there are in all": (
                    wins
                ),
                "this is the share of abnormal clips above all normal ones: compare "
                "each with each": np.mean(abnormal > in_order[-1]),
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
    for share in rng.permutation([0.1, 0.15, 0.2]).tolist():
        # Evenly spaced scores, whose quantiles are plain, but for an odd clip.
        n_train, n_test = int(rng.integers(31, 61)), int(rng.integers(70, 101))
        train = np.linspace(0, 1, n_train)
        train[-1] = 1.6
        test = np.linspace(rng.uniform(-0.6, -0.4), 4, n_test)
        train, test = rng.permutation(train), rng.permutation(test)
        offset, unit = rng.uniform(-50, 50), rng.uniform(1, 9)
        compare(
            call(answer, offset + unit * train, offset + unit * test, share),
            test > 1 - share,
            {
                "this threshold is set by the test scores: in a factory they are still "
                "to come": test > np.quantile(test, 1 - share),
                "this threshold is set by training and test scores, both together: only "
                "training scores may set it": (
                    test > np.quantile(np.concatenate([train, test]), 1 - share)
                ),
                "this threshold is at the wrong end: most training clips score above "
                "it, not a small share": test > share,
                "this is turned round: scores above the threshold raise an alarm": (
                    test < 1 - share
                ),
                "this threshold is the highest training score: a share of them should "
                "score above it": test > 1.6,
                "these are the alarms of the training clips": train > 1 - share,
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
            "asked for: do your features keep something as short as a click?"
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
    try:
        scores = np.asarray(result, dtype=float)
    except (TypeError, ValueError) as error:
        raise Wrong("the scores should be one array of numbers") from error
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
