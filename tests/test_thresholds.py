from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from common import lowest_share
from scipy.stats import gamma, norm
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from esa4_helpers import (
    FewRecordingsWarning,
    MahalanobisDetector,
    conformal_threshold,
    gamma_threshold,
    own_threshold,
)
from esa4_helpers.detectors import PanelDetector
from esa4_helpers.thresholds import _warn_of_few_recordings

RNG = np.random.default_rng(0)


class TestGammaThreshold:
    @pytest.mark.parametrize("shape", [1.0, 4.0, 100.0])
    @pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
    def test_finds_the_quantile_of_a_true_gamma(self, shape, quantile):
        scores = gamma.rvs(shape, loc=-50, scale=3, size=200_000, random_state=RNG)
        threshold = gamma_threshold(scores, quantile)
        found = gamma.cdf(threshold, shape, loc=-50, scale=3)
        assert found == pytest.approx(quantile, abs=0.01)

    def test_finds_the_quantile_of_normal_and_of_mirrored_scores(self):
        normal = RNG.normal(size=200_000)
        assert gamma_threshold(normal) == pytest.approx(norm.ppf(0.9), abs=0.02)
        mirrored = -gamma.rvs(4, size=200_000, random_state=RNG)
        expected = -gamma.ppf(0.1, 4)
        assert gamma_threshold(mirrored) == pytest.approx(expected, abs=0.02)

    @pytest.mark.parametrize("shift", [-1e6, 0.0, 1e6])
    @pytest.mark.parametrize("stretch", [1e-3, 1.0, 1e6])
    def test_moves_with_the_scores(self, shift, stretch):
        scores = RNG.gamma(2.0, size=30)
        expected = shift + stretch * gamma_threshold(scores)
        moved = gamma_threshold(shift + stretch * scores)
        assert moved == pytest.approx(expected, rel=1e-9, abs=1e-6 * stretch)

    @pytest.mark.parametrize("scores", [[1, 2, 4], [0, 3, 4], [-5, 1, 2, 2, 9]])
    def test_agrees_with_the_moments_of_a_sample(self, scores):
        # The third one's unbiased estimate, after Joanes & Gill (1998).
        n, mean, spread = len(scores), np.mean(scores), np.std(scores, ddof=1)
        third = np.sum((scores - mean) ** 3) / spread**3
        skewness = n / ((n - 1) * (n - 2)) * third
        shape = 4 / skewness**2
        q = 0.9 if skewness > 0 else 0.1
        standard = skewness / 2 * (gamma.ppf(q, shape) - shape)
        assert gamma_threshold(scores) == pytest.approx(mean + spread * standard)

    def test_three_clips_will_do_and_a_higher_quantile_is_higher(self):
        thresholds = [gamma_threshold([1, 2, 4], q) for q in (0.1, 0.5, 0.9, 0.999)]
        assert np.all(np.diff(thresholds) > 0)
        assert isinstance(thresholds[0], float)

    @pytest.mark.parametrize(
        ("scores", "quantile", "message"),
        [
            ([1, 2], 0.9, "at least 3 scores to have a skewness, got 2"),
            ([], 0.9, "at least 3 scores"),
            ([2, 2, 2, 2], 0.9, "training_scores are all the same, 2.0: no"),
            ([1, 2, np.nan], 0.9, "training_scores must be finite, got nan for clip 2"),
            ([[1, 2, 3]], 0.9, "training_scores must have one entry a clip"),
            ([1e308, 1.2e308, 1.7e308], 0.9, "too large or too much alike"),
            ([1, 2, 3], 1.0, "quantile must be above 0 and below 1, got 1.0"),
            ([1, 2, 3], 0.0, "quantile must be above 0"),
        ],
    )
    def test_bad_input_is_named(self, scores, quantile, message):
        with pytest.raises(ValueError, match=message):
            gamma_threshold(scores, quantile)


class TestConformalThreshold:
    @pytest.mark.parametrize(
        ("n_clips", "rate"),
        [(1, 0.5), (3, 0.3), (9, 0.1), (10, 0.1), (30, 0.1), (19, 0.05)],
    )
    @pytest.mark.parametrize("draw", [RNG.normal, RNG.standard_cauchy])
    def test_new_normal_clips_raise_alarms_at_the_rate(self, n_clips, rate, draw):
        n_draws = 4000
        alarms = np.mean(
            [
                draw() > conformal_threshold(draw(size=n_clips), rate)
                for _ in range(n_draws)
            ]
        )
        # With no ties the chance is known: a new clip may take any of n + 1 places.
        chance = np.floor((n_clips + 1) * rate + 1e-9) / (n_clips + 1)
        assert chance <= rate + 1e-9
        assert alarms == pytest.approx(
            chance, abs=4 * np.sqrt(chance * (1 - chance) / n_draws)
        )

    def test_ties_raise_no_more_alarms(self):
        alarms = np.mean(
            [
                RNG.integers(4) > conformal_threshold(RNG.integers(4, size=9), 0.1)
                for _ in range(4000)
            ]
        )
        assert 1 - alarms >= lowest_share(0.9, 4000)

    @pytest.mark.parametrize(
        ("n_clips", "rate", "expected"),
        [
            (9, 0.1, 9),
            (9, 1 - 0.9, 9),
            (9, 0.3, 7),
            (9, 0.7, 3),
            (19, 0.05, 19),
            (99, 0.01, 99),
            (20, 0.1, 19),
            (999, 0.001, 999),
            (9, np.nextafter(1, 0), 1),
        ],
    )
    def test_is_the_right_one_in_spite_of_rounding(self, n_clips, rate, expected):
        scores = RNG.permutation(n_clips) + 1
        assert conformal_threshold(scores, rate) == expected

    @pytest.mark.parametrize(
        ("rate", "needed"),
        [(0.1, 9), (1 - 0.9, 9), (0.05, 19), (0.01, 99), (0.3, 3), (1 / 3, 2)],
    )
    def test_is_infinite_with_one_clip_too_few(self, rate, needed):
        assert conformal_threshold(np.arange(needed), rate) == needed - 1
        assert conformal_threshold(np.arange(needed - 1), rate) == np.inf

    @pytest.mark.parametrize(
        ("scores", "rate", "message"),
        [
            ([], 0.5, "calibration_scores must hold at least 1 score"),
            ([1, np.inf], 0.5, "calibration_scores must be finite, got inf for clip 1"),
            ([1, 2], 0.0, "false_alarm_rate must be above 0 and below 1"),
            ([1, 2], 1, "false_alarm_rate must be above 0 and below 1"),
        ],
    )
    def test_bad_input_is_named(self, scores, rate, message):
        with pytest.raises(ValueError, match=message):
            conformal_threshold(scores, rate)

    def test_by_default_it_is_one_in_ten(self):
        assert conformal_threshold(np.arange(9)) == 8
        assert conformal_threshold(np.arange(19)) == 17
        assert conformal_threshold(np.arange(8)) == np.inf


class TestConformalThresholdOfRecordings:
    def test_clips_that_are_recordings_of_their_own_change_nothing(self):
        scores = np.random.default_rng(0).normal(size=50)
        for rate in (0.02, 0.1, 0.5, 0.95):
            assert conformal_threshold(scores, rate, np.arange(50)) == (
                conformal_threshold(scores, rate)
            )

    @pytest.mark.parametrize("n_clips", [(20,) * 9, (1, 1, 1, 2, 2, 3, 50, 50, 90)])
    def test_keeps_its_promise_for_new_recordings(self, n_clips):
        rng = np.random.default_rng(0)
        groups = np.repeat(np.arange(9), n_clips)
        with_groups, without = [], []
        for _ in range(400):
            scores = rng.normal(size=9)[groups] + 0.2 * rng.normal(size=len(groups))
            new = rng.normal() + 0.2 * rng.normal(size=100)
            with_groups.append(np.mean(new > conformal_threshold(scores, 0.1, groups)))
            without.append(np.mean(new > conformal_threshold(scores, 0.1)))
        assert np.mean(with_groups) < 0.115
        assert np.mean(without) > 0.13

    def test_too_few_recordings_can_not_keep_the_rate(self):
        scores = np.arange(100.0)
        assert conformal_threshold(scores, 0.1, np.arange(100) % 5) == np.inf
        assert conformal_threshold(scores, 0.1, np.arange(100) % 9) < np.inf


def test_few_recordings_say_what_they_can_not_promise():
    X = np.random.default_rng(0).normal(size=(60, 4))
    groups = np.tile(np.arange(12), 5)
    message = r"5 recordings only: .* 1 in 6 \(17%\), and not 10%, which takes 9"
    single = MahalanobisDetector(cv=5)
    for detector in (single, PanelDetector(MahalanobisDetector(), 2, cv=5)):
        with pytest.warns(FewRecordingsWarning, match=message) as caught:
            detector.fit(X, groups=groups % 5)
        # It points at whoever called fit.
        assert [Path(warning.filename).name for warning in caught] == [
            Path(__file__).name
        ]
    with pytest.warns(FewRecordingsWarning, match="differ can't be told"):
        MahalanobisDetector(cv=5, contamination=0.5).fit(X, groups=groups % 5)
    MahalanobisDetector(cv=5).fit(X, groups=groups % 9)


LOWEST = "the lowest share of false alarms that {0} recordings can promise is 1 in {1}"
UNKNOWN = "how much recordings of this machine differ can't be told from so few"


@pytest.mark.parametrize(
    ("n", "rate", "has_groups", "told"),
    [
        (4, 0.2, True, UNKNOWN),
        (5, 0.2, True, UNKNOWN),
        (6, 0.2, True, None),
        (3, 0.2, True, f"{LOWEST.format(3, 4)} (25%), and not 20%, which takes 4"),
        (8, 0.1, True, f"{LOWEST.format(8, 9)} (11%), and not 10%, which takes 9"),
        (9, 0.1, True, None),
        # All detectors promise one in ten at least, of which nobody needs to hear.
        (8, 0.1, False, None),
        (4, 0.2, False, None),
        (10, 0.09, False, f"{LOWEST.format(10, 11)} (9.1%), and not 9%, which takes 11"),
        (11, 0.09, False, None),
        (98, 0.01, False, f"{LOWEST.format(98, 99)} (1%), and not 1%, which takes 99"),
        (99, 0.01, False, None),
        (1, 0.6, True, "how one recording differs from the next can't be known at all. "
            "Stretches of it were held out instead, and nothing is promised for any "
            "other recording"),
    ],
)  # fmt: skip
def test_what_few_recordings_can_not_promise_is_told_in_full(n, rate, has_groups, told):
    groups = np.repeat(np.arange(n), 3) if has_groups else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _warn_of_few_recordings(groups, rate, n)
        if has_groups:
            _warn_of_few_recordings(groups, rate)
    several = "" if n == 1 else "s"
    sentence = (
        f"the clips come from {n} recording{several} only: {told}. More clips of the same "
        "recordings don't help; record on other days and under other conditions"
    )
    assert {str(warning.message) for warning in caught} == (
        {sentence} if told else set()
    )
    assert len(caught) == (0 if told is None else 1 + has_groups)


def test_without_groups_and_their_number_nothing_can_be_told():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _warn_of_few_recordings(None, 0.001)


def test_own_threshold_is_that_of_a_detector_or_of_the_last_step():
    X = np.random.default_rng(0).normal(size=(20, 2))
    detector = MahalanobisDetector().fit(X)
    assert own_threshold(detector) == -detector.offset_
    plain = make_pipeline(StandardScaler(), MahalanobisDetector()).fit(X)
    assert own_threshold(plain) == -plain[-1].offset_
    longer = make_pipeline(StandardScaler(), StandardScaler(), MahalanobisDetector())
    assert own_threshold(longer.fit(X)) == -longer[-1].offset_
    with pytest.raises(ValueError, match=r"no threshold of its own: give threshold="):
        own_threshold(KernelDensity().fit(X))
