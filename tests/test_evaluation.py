from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from esa4_helpers import auc, partial_auc, permutation_p_value

LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
RNG = np.random.default_rng(0)


def pairs_won(labels: np.ndarray, scores: np.ndarray) -> float:
    """AUC by its definition: compare every anomaly with every normal clip."""
    difference = scores[labels == 1][:, np.newaxis] - scores[labels == 0]
    return np.mean((difference > 0) + 0.5 * (difference == 0))


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
        aucs = [auc(RNG.permutation(LABELS), scores) for _ in range(2000)]
        assert np.mean(aucs) == pytest.approx(0.5, abs=0.02)

    def test_permuting_clips_or_stretching_scores_changes_nothing(self):
        scores = RNG.normal(size=10)
        order = RNG.permutation(10)
        assert auc(LABELS[order], scores[order]) == auc(LABELS, scores)
        assert auc(LABELS, np.exp(3 * scores)) == auc(LABELS, scores)


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


class TestPermutationPValue:
    @pytest.mark.parametrize("n_values", [3, 1000])
    def test_agrees_with_counting_all_ways_to_label(self, n_values):
        for _ in range(5):
            scores = RNG.integers(0, n_values, 8).astype(float)
            labels = np.array([0, 0, 0, 0, 0, 1, 1, 1])
            observed = pairs_won(labels, scores)
            ways = []
            for chosen in combinations(range(8), 3):
                relabelled = np.zeros(8)
                relabelled[list(chosen)] = 1
                ways.append(pairs_won(relabelled, scores))
            expected = np.mean(np.array(ways) >= observed - 1e-12)
            assert permutation_p_value(labels, scores) == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("order", "observed_auc", "expected"),
        [("0000011111", 1.0, 1 / 252), ("1111100000", 0.0, 1.0)],
    )
    def test_extremes(self, order, observed_auc, expected):
        labels = np.array(list(order), dtype=int)
        assert auc(labels, range(10)) == observed_auc
        assert permutation_p_value(labels, range(10)) == pytest.approx(expected)

    def test_is_uniform_or_more_careful_when_there_is_nothing_to_find(self):
        p = np.array(
            [permutation_p_value(LABELS, RNG.normal(size=10)) for _ in range(500)]
        )
        for level in (0.05, 0.2, 0.5):
            assert np.mean(p <= level) <= level + 3 * np.sqrt(level * (1 - level) / 500)

    def test_many_clips_are_sampled_the_same_way_each_time(self):
        labels = np.repeat([0, 1], 200)
        scores = RNG.normal(size=400) + 0.1 * labels
        first, again = (permutation_p_value(labels, scores) for _ in range(2))
        assert first == again
        assert 0 < first < 0.6
        assert permutation_p_value(labels, scores + 10 * labels) == pytest.approx(1e-4)


@pytest.mark.parametrize("function", [auc, partial_auc, permutation_p_value])
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
