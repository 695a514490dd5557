from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from common import lowest_share, pairs_won
from scipy.stats import (
    brunnermunzel,
    hypergeom,
    kstest,
    mannwhitneyu,
    norm,
    rankdata,
)

from esa4_helpers import auc, evaluation, permutation_p_value
from esa4_helpers.evaluation import (
    alarm_report,
    auc_interval,
    partial_auc,
    score_report,
)

LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
RNG = np.random.default_rng(0)


class TestAuc:
    @pytest.mark.parametrize("n_values", [3, 1000])
    def test_is_the_share_of_pairs_in_the_right_order(self, n_values):
        for _ in range(20):
            scores = RNG.integers(0, n_values, 10).astype(float)
            assert auc(LABELS, scores) == pytest.approx(pairs_won(LABELS, scores))

    def test_perfect_upside_down_and_constant(self):
        assert auc(LABELS, LABELS) == 1
        assert auc(LABELS, -LABELS) == 0
        assert auc(LABELS, np.zeros(10)) == 0.5

    def test_shuffled_labels_give_one_half_on_average(self):
        scores = RNG.normal(size=10)
        ways = combinations(range(10), int(LABELS.sum()))
        aucs = [auc(np.isin(np.arange(10), way), scores) for way in ways]
        assert np.mean(aucs) == pytest.approx(0.5, abs=1e-12)

    def test_permuting_clips_or_stretching_scores_changes_nothing(self):
        scores = RNG.normal(size=10)
        order = RNG.permutation(10)
        assert auc(LABELS[order], scores[order]) == auc(LABELS, scores)
        assert auc(LABELS, np.exp(3 * scores)) == auc(LABELS, scores)


class TestAucInterval:
    @staticmethod
    def coverage(true_auc, n_normal, n_abnormal, spread, n_draws=500):
        """How often the interval holds the true AUC of two normal distributions."""
        labels = np.repeat([0, 1], [n_normal, n_abnormal])
        distance = norm.ppf(true_auc) * np.hypot(1, spread) if true_auc < 1 else 1e3
        held = 0
        for _ in range(n_draws):
            scores = RNG.normal(size=len(labels))
            scores[labels == 1] = distance + spread * scores[labels == 1]
            low, high = auc_interval(labels, scores)
            held += low <= true_auc <= high
        return held / n_draws

    @pytest.mark.parametrize("true_auc", [0.5, 0.7, 0.9, 1.0])
    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal", "spread"),
        [(5, 5, 1), (10, 10, 1), (30, 30, 2), (100, 10, 3), (10, 100, 3)],
    )
    def test_holds_the_true_auc_as_often_as_it_says(
        self, true_auc, n_normal, n_abnormal, spread
    ):
        coverage = self.coverage(true_auc, n_normal, n_abnormal, spread)
        assert coverage >= lowest_share(0.94, 500)

    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal", "spread"), [(6, 60, 0.3), (60, 6, 8), (8, 8, 8)]
    )
    def test_where_classes_scatter_unlike_it_agrees_with_brunner_and_munzel(
        self, n_normal, n_abnormal, spread
    ):
        # At the confidence at which their test just can't rule out guessing, both ends of
        # the interval are as many standard errors away as guessing is.
        rng = np.random.default_rng(1)
        labels = np.repeat([0, 1], [n_normal, n_abnormal])
        scores = rng.normal(size=len(labels))
        scores[labels == 1] = spread * scores[labels == 1] + 0.5
        test = brunnermunzel(scores[labels == 0], scores[labels == 1])
        estimate = auc(labels, scores)
        expected = (0.5 - estimate) ** 2 / (estimate * (1 - estimate))
        for end in auc_interval(labels, scores, 1 - test.pvalue):
            assert (end - estimate) ** 2 / (end * (1 - end)) == pytest.approx(
                expected, rel=1e-6
            )

    def test_a_perfect_ranking_is_as_far_away_as_newcombe_says(self):
        m, n, z = 7, 12, norm.ppf(0.95)
        low, high = auc_interval(np.repeat([0, 1], [n, m]), range(m + n), 0.9)
        hanley_mcneil = (1 - low) / (2 - low) + low / (1 + low)
        variance = low * (1 - low) * (1 + ((m + n) / 2 - 1) * hanley_mcneil) / (m * n)
        assert high == 1
        assert 1 - low == pytest.approx(z * np.sqrt(variance))

    @pytest.mark.parametrize("n", [1, 4])
    def test_fewer_than_five_clips_are_as_many_independent_pairs(self, n):
        low, high = auc_interval(np.repeat([0, 1], [9, n]), range(9 + n))
        # Wilson's interval for as many hits without a miss.
        assert (low, high) == (pytest.approx(n / (n + norm.ppf(0.975) ** 2)), 1)

    def test_knows_that_few_clips_may_miss_the_few_that_are_ranked_badly(self):
        held = 0
        for _ in range(1000):
            missed = RNG.uniform(size=5) < 0.03
            scores = np.concatenate([np.arange(5), np.where(missed, -1, 9)])
            low, high = auc_interval(LABELS, scores)
            held += low <= 0.97 <= high
        assert held / 1000 >= lowest_share(0.95, 1000)

    def test_is_no_wider_than_it_need_be(self):
        assert self.coverage(0.7, 30, 30, 1, n_draws=1000) < 0.98

    @pytest.mark.parametrize("n", [1, 2, 5, 10, 100])
    def test_a_perfect_ranking_of_few_clips_leaves_room_for_a_worse_one(self, n):
        labels = np.repeat([0, 1], n)
        low, high = auc_interval(labels, labels)
        assert high == 1
        assert 0.2 < low < 1 - 1 / (2 * n)

    def test_a_perfect_ranking_says_more_the_more_clips_it_has(self):
        lows = [
            auc_interval(np.repeat([0, 1], n), np.repeat([0, 1], n))[0]
            for n in (1, 2, 4, 5, 10, 100)
        ]
        assert np.all(np.diff(lows) > 0)

    @pytest.mark.parametrize(("n_normal", "n_abnormal"), [(1, 4), (5, 5), (9, 30)])
    @pytest.mark.parametrize("n_values", [3, 1000])
    def test_holds_the_estimate_and_is_mirrored_with_the_labels(
        self, n_normal, n_abnormal, n_values
    ):
        labels = np.repeat([0, 1], [n_normal, n_abnormal])
        for _ in range(20):
            scores = RNG.integers(0, n_values, len(labels)) + 0.4 * n_values * labels
            low, high = auc_interval(labels, scores)
            assert 0 <= low <= auc(labels, scores) <= high <= 1
            assert low < high
            mirrored = (1 - high, 1 - low)
            assert auc_interval(1 - labels, scores) == pytest.approx(mirrored)
            assert auc_interval(labels, -scores) == pytest.approx(mirrored)

    @pytest.mark.parametrize("distance", [0, 1, 100])
    def test_more_confidence_is_wider(self, distance):
        scores = RNG.normal(size=10) + distance * LABELS
        ends = [auc_interval(LABELS, scores, c) for c in (0.01, 0.5, 0.9, 0.99, 0.9999)]
        lows, highs = np.transpose(ends)
        assert np.all(np.diff(lows) < 0)
        assert np.all(np.diff(highs) >= 0)
        assert highs[-1] > highs[0] or distance == 100

    def test_only_the_order_of_the_scores_counts(self):
        scores = RNG.normal(size=10)
        assert auc_interval(LABELS, np.exp(3 * scores)) == auc_interval(LABELS, scores)

    def test_no_difference_between_scores_is_no_knowledge_of_the_ranking(self):
        low, high = auc_interval(LABELS, np.zeros(10))
        assert low == pytest.approx(1 - high)
        assert low < 0.3

    @pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 95, np.nan])
    def test_impossible_confidence_is_refused(self, confidence):
        with pytest.raises(ValueError, match="confidence must be"):
            auc_interval(LABELS, LABELS, confidence)
        with pytest.raises(TypeError, match="confidence must be a number"):
            auc_interval(LABELS, LABELS, "95 %")


class TestPartialAuc:
    def test_a_single_false_alarm_above_all_anomalies_costs_everything(self):
        scores = LABELS + 0.0
        assert partial_auc(LABELS, scores) == 1
        scores[0] = 2.0
        assert partial_auc(LABELS, scores) < 0.5
        assert auc(LABELS, scores) == pytest.approx(0.8)

    def test_guessing_gives_one_half(self):
        labels = RNG.integers(0, 2, 100_000)
        assert partial_auc(labels, RNG.normal(size=100_000)) == pytest.approx(
            0.5, abs=0.01
        )

    def test_whole_range_is_the_auc(self):
        scores = RNG.normal(size=10)
        assert partial_auc(LABELS, scores, max_fpr=1) == pytest.approx(
            auc(LABELS, scores)
        )

    @pytest.mark.parametrize("max_fpr", [0.0, -0.1, 1.1, np.nan])
    def test_impossible_rate_is_refused(self, max_fpr):
        with pytest.raises(ValueError, match="max_fpr must be above 0"):
            partial_auc(LABELS, LABELS, max_fpr)


def p_value_of_all_ways(labels: np.ndarray, scores: np.ndarray) -> float:
    """The share of all ways to label with at least the observed AUC, one by one."""
    observed = pairs_won(labels, scores)
    ways = []
    for chosen in combinations(range(len(labels)), int(labels.sum())):
        relabelled = np.zeros(len(labels))
        relabelled[list(chosen)] = 1
        ways.append(pairs_won(relabelled, scores))
    return np.mean(np.array(ways) >= observed - 1e-12)


class TestPermutationPValue:
    @pytest.mark.parametrize("n_values", [1, 2, 3, 5, 1000])
    def test_agrees_with_going_through_all_ways_to_label(self, n_values):
        for _ in range(40):
            n_normal, n_abnormal = RNG.integers(1, 6, 2)
            labels = RNG.permutation(np.repeat([0, 1], [n_normal, n_abnormal]))
            scores = RNG.integers(0, n_values, len(labels)).astype(float)
            expected = p_value_of_all_ways(labels, scores)
            assert permutation_p_value(labels, scores) == pytest.approx(
                expected, rel=1e-12
            )

    @pytest.mark.parametrize("n_values", [3, 1000])
    def test_agrees_with_all_ways_to_label_ten_and_ten(self, n_values):
        labels = np.repeat([0, 1], 10)
        scores = RNG.integers(0, n_values, 20) + 0.2 * n_values * labels
        ranks = rankdata(scores)
        sums = ranks[np.array(list(combinations(range(20), 10)))].sum(axis=1)
        expected = np.mean(sums >= ranks[labels == 1].sum())
        assert permutation_p_value(labels, scores) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal"), [(30, 30), (100, 100), (3, 99)]
    )
    def test_is_exact_for_more_clips_than_one_could_go_through(
        self, n_normal, n_abnormal
    ):
        labels = np.repeat([0, 1], [n_normal, n_abnormal])
        scores = RNG.normal(size=len(labels)) + 0.3 * labels
        expected = mannwhitneyu(
            scores[labels == 1],
            scores[labels == 0],
            alternative="greater",
            method="exact",
        ).pvalue
        assert permutation_p_value(labels, scores) == pytest.approx(expected, rel=1e-9)
        # With two values, a ranking is a table of two by two.
        binary = scores > np.median(scores)
        found = binary[labels == 1].sum()
        expected = hypergeom.sf(found - 1, len(labels), binary.sum(), n_abnormal)
        assert permutation_p_value(labels, binary) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("n", [1, 2, 30, 5000])
    def test_a_class_of_one_clip_counts_those_that_score_as_high(self, n):
        scores = RNG.integers(0, 100, n + 1).astype(float)
        one = np.arange(n + 1) == n
        at_least, at_most = np.mean(scores >= scores[n]), np.mean(scores <= scores[n])
        assert permutation_p_value(one, scores) == pytest.approx(at_least)
        assert permutation_p_value(~one, scores) == pytest.approx(at_most)

    @pytest.mark.parametrize(("n_normal", "n_abnormal"), [(3, 7), (40, 20), (250, 200)])
    @pytest.mark.parametrize("n_values", [3, 1000])
    def test_swapping_the_labels_turns_the_scores_round(
        self, n_normal, n_abnormal, n_values
    ):
        labels = np.repeat([0, 1], [n_normal, n_abnormal])
        scores = RNG.integers(0, n_values, len(labels)).astype(float)
        p = permutation_p_value(labels, scores)
        order = RNG.permutation(len(labels))
        assert permutation_p_value(1 - labels, -scores) == pytest.approx(p)
        assert permutation_p_value(labels[order], scores[order]) == pytest.approx(p)
        assert permutation_p_value(labels, np.exp(scores / n_values)) == pytest.approx(
            p
        )

    @pytest.mark.parametrize("n", [5, 60, 130])
    @pytest.mark.parametrize("n_values", [4, 10_000])
    def test_a_higher_auc_has_a_lower_p_value(self, n, n_values):
        scores = np.sort(RNG.integers(0, n_values, 2 * n)).astype(float)
        labels = np.repeat([1, 0], n)
        ranked = []
        for i in range(n):
            labels[[i, -1 - i]] = [0, 1]
            if i % (n // 30 + 1) == 0:
                p = permutation_p_value(labels, scores)
                ranked.append((auc(labels, scores), p))
        aucs, p = np.transpose(sorted(ranked))
        # Next to 1, all that is left of a difference is rounding.
        higher = (np.diff(aucs) > 1e-12) & (p[1:] < 0.999)
        assert np.all(np.diff(p)[higher] < 0)
        assert np.all(np.diff(p) < 1e-12)

    @pytest.mark.parametrize(
        ("order", "observed_auc", "expected"),
        [("0000011111", 1.0, 1 / 252), ("1111100000", 0.0, 1.0)],
    )
    def test_extremes(self, order, observed_auc, expected):
        labels = np.array(list(order), dtype=int)
        assert auc(labels, range(10)) == observed_auc
        assert permutation_p_value(labels, range(10)) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal"),
        [(1, 1), (50, 50), (5000, 5000), (5000, 1), (9, 5000)],
    )
    def test_is_never_0_and_never_above_1(self, n_normal, n_abnormal):
        labels = np.repeat([0, 1], [n_normal, n_abnormal])
        for scores in (labels, np.arange(len(labels))):
            assert 0 < permutation_p_value(labels, scores) < 1
            assert 0.99 < permutation_p_value(labels, -scores) <= 1
        assert permutation_p_value(labels, np.zeros(len(labels))) == pytest.approx(1)

    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal", "is_counted"),
        [
            (100, 100, True),
            (101, 101, False),
            (5000, 3, True),
            (3, 5000, True),
            (10_000, 1, True),
            (5000, 10, False),
        ],
    )
    def test_all_ways_are_counted_where_that_takes_a_moment(
        self, monkeypatch, n_normal, n_abnormal, is_counted
    ):
        # It takes longest where the AUC is 0.
        labels = np.repeat([1, 0], [n_abnormal, n_normal])
        for share, p_value in ((0.25, 0.25), (0, np.finfo(float).tiny), (1.01, 1)):
            monkeypatch.setattr(
                evaluation,
                "_count_choices",
                lambda costs, size, most, share=share: share * comb(len(costs), size),
            )
            p = permutation_p_value(labels, range(len(labels)))
            assert p == pytest.approx(p_value if is_counted else 1)

    @pytest.mark.parametrize("n_values", [5, 10**6])
    def test_many_clips_are_approximated_by_a_normal_distribution(self, n_values):
        labels = np.repeat([0, 1], [4000, 5000])
        scores = RNG.integers(0, n_values, 9000) + 0.03 * n_values * labels
        for ranked in (scores, -scores):
            expected = mannwhitneyu(
                ranked[labels == 1],
                ranked[labels == 0],
                alternative="greater",
                method="asymptotic",
            ).pvalue
            assert permutation_p_value(labels, ranked) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal", "error"), [(101, 101, 0.02), (5000, 10, 0.08)]
    )
    def test_the_approximation_is_as_good_as_it_says(
        self, monkeypatch, n_normal, n_abnormal, error
    ):
        labels = np.repeat([0, 1], [n_normal, n_abnormal])
        scores = np.random.default_rng(0).normal(size=len(labels)) + 0.25 * labels
        exact = []
        for most in (0, np.inf):
            monkeypatch.setattr(evaluation, "_MOST_ADDITIONS", most)
            exact.append(permutation_p_value(labels, scores))
        assert exact[0] != exact[1] > 0.01
        assert exact[0] == pytest.approx(exact[1], rel=error)

    def test_is_uniform_or_more_careful_when_there_is_nothing_to_find(self):
        p = np.array(
            [permutation_p_value(LABELS, RNG.normal(size=10)) for _ in range(500)]
        )
        for level in (0.05, 0.2, 0.5):
            assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / 500)

    def test_is_uniform_for_shuffled_labels_of_many_clips(self):
        labels = np.repeat([0, 1], 30)
        scores = RNG.normal(size=60)
        p, aucs = np.transpose(
            [
                (permutation_p_value(shuffled, scores), auc(shuffled, scores))
                for shuffled in (RNG.permutation(labels) for _ in range(500))
            ]
        )
        assert kstest(p, "uniform").pvalue > 1e-4
        assert np.mean(aucs) == pytest.approx(0.5, abs=0.02)


class TestScoreReport:
    def test_gathers_what_the_single_functions_say(self):
        scores = np.array([0.0, 1, 2, 3, 9, 9.5, 4, 5, 6, 1])
        report = score_report(LABELS, scores)
        assert list(report) == ["auc", "pauc", "p_value", "low", "high"]
        assert report["auc"] == pytest.approx(pairs_won(LABELS, scores))
        assert report["pauc"] == partial_auc(LABELS, scores, 0.1)
        assert report["p_value"] == permutation_p_value(LABELS, scores)
        assert (report["low"], report["high"]) == auc_interval(LABELS, scores, 0.95)
        assert {type(value) for value in report.values()} == {float}


class TestAlarmReport:
    def test_counts_as_by_hand(self):
        #         normal           abnormal
        scores = [0, 1, 2, 3, 9, 9, 9, 9, 1, 0]
        assert alarm_report(LABELS, scores, 5) == pytest.approx(
            {
                "precision": 3 / 4,
                "recall": 3 / 5,
                "f1": 2 * 3 / (4 + 5),
                "false_alarm_rate": 1 / 5,
            }
        )

    def test_a_score_at_the_threshold_raises_no_alarm(self):
        report = alarm_report(LABELS, LABELS, 1.0)
        assert report["recall"] == 0
        assert alarm_report(LABELS, LABELS, np.nextafter(1, 0))["recall"] == 1

    def test_without_alarms_nothing_is_known_of_their_precision(self):
        report = alarm_report(LABELS, LABELS, np.inf)
        assert np.isnan(report.pop("precision"))
        assert report == {"recall": 0, "f1": 0, "false_alarm_rate": 0}

    def test_only_alarms(self):
        report = alarm_report(LABELS, LABELS, -np.inf)
        assert report == pytest.approx(
            {"precision": 0.5, "recall": 1, "f1": 2 / 3, "false_alarm_rate": 1}
        )
        assert {type(value) for value in report.values()} == {float}

    def test_bad_threshold_is_refused(self):
        with pytest.raises(ValueError, match="threshold must be finite, got nan"):
            alarm_report(LABELS, LABELS, np.nan)
        with pytest.raises(TypeError, match="threshold must be a number, got None"):
            alarm_report(LABELS, LABELS, None)


@pytest.mark.parametrize(
    "function",
    [
        auc,
        auc_interval,
        partial_auc,
        permutation_p_value,
        score_report,
        lambda labels, scores: alarm_report(labels, scores, 0.15),
    ],
)
@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1, 1], [0.1, 0.2], r"each of the 2 clips, got the shape \(3,\)"),
        ([[0, 1]], [[0.1, 0.2]], "one entry a clip"),
        ([0, 2], [0.1, 0.2], "is_anomaly must hold 0 and 1"),
        ([-1, 1], [0.1, 0.2], "is_anomaly must hold 0 and 1"),
        ([0, 1], [0.1, np.nan], "scores must be finite, got nan for clip 1"),
        ([0, 0], [0.1, 0.2], "2 normal and 0 abnormal"),
        ([1, 1], [0.1, 0.2], "0 normal and 2 abnormal"),
        ([], [], "0 normal and 0 abnormal"),
    ],
)
def test_bad_input_is_named(function, labels, scores, message):
    with pytest.raises(ValueError, match=message):
        function(labels, scores)


@pytest.mark.parametrize(
    ("labels", "scores", "error", "message"),
    [
        (["0", "1"], [0.1, 0.2], ValueError, "is_anomaly must hold 0 and 1"),
        ([0, 1], ["0.1", "0.2"], TypeError, "scores must hold real numbers"),
        ([0, 1], [0.1j, 0.2], TypeError, "scores must hold real numbers"),
        ([0, 1], np.ma.array([0.1, 0.2], mask=[0, 1]), TypeError, "masked array"),
        (np.ma.array([0, 1], mask=[0, 1]), [0.1, 0.2], TypeError, "masked array"),
    ],
)
def test_what_only_looks_like_numbers_is_refused(labels, scores, error, message):
    with pytest.raises(error, match=message):
        auc(labels, scores)
