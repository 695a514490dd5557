"""What holds whatever the input: Hypothesis looks for one with which it does not.

A few examples in `make test`; `make mutants` tries a few hundred for each.
"""

from __future__ import annotations

import numpy as np
import pytest
from common import pairs_won
from hypothesis import given
from hypothesis import strategies as st

from esa4_helpers import (
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    StreamScorer,
    TwoSidedDetector,
    anomaly_score,
    auc,
    change_mask,
    conformal_threshold,
    gamma_threshold,
    level,
    log_mel_spectrogram,
    map_auc,
    mass_inside,
    near_duplicates,
    peak_level,
    permutation_p_value,
    pool_over_time,
    sensor_fault,
)
from esa4_helpers.detectors import OutlierDetector, PanelDetector
from esa4_helpers.evaluation import (
    alarm_report,
    auc_interval,
    partial_auc,
    score_report,
)
from esa4_helpers.features import Level
from esa4_helpers.pipelines import DetectorPipeline

SR, HOP = 16000, 512
SEEDS = st.integers(0, 2**32 - 1)
GAINS_DB = st.floats(-20, 20)


@st.composite
def ranked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Labels of both classes and scores with ties, and a source of order."""
    n_normal, n_abnormal = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    n = n_normal + n_abnormal
    values = st.integers(-draw(st.integers(0, 30)), 30)
    scores = draw(st.lists(values, min_size=n, max_size=n))
    rng = np.random.default_rng(draw(SEEDS))
    labels = rng.permutation(np.repeat([0, 1], [n_normal, n_abnormal]))
    return labels, np.array(scores, float), rng


def noise(
    rng: np.random.Generator, n_clips: int = 3, n_samples: int = 4096
) -> np.ndarray:
    return 0.01 * rng.standard_normal((n_clips, n_samples))


RANKINGS = {
    "auc": auc,
    "partial_auc": partial_auc,
    "p-value": permutation_p_value,
    "interval": auc_interval,
    "report": lambda *given: list(score_report(*given).values()),
}


@pytest.mark.parametrize("judge", RANKINGS.values(), ids=RANKINGS)
@given(ranked())
def test_a_ranking_knows_no_order_of_clips_and_no_unit(judge, clips):
    labels, scores, rng = clips
    order = rng.permutation(len(labels))
    found = judge(labels, scores)
    assert judge(labels[order], scores[order]) == pytest.approx(found, rel=1e-9)
    assert judge(labels, 0.25 * scores - 7) == pytest.approx(found, rel=1e-9)


class TestRankings:
    @given(ranked())
    def test_ties_count_half_and_swapped_labels_turn_them_round(self, clips):
        labels, scores, _ = clips
        assert auc(labels, scores) == pytest.approx(pairs_won(labels, scores))
        assert auc(1 - labels, scores) == pytest.approx(1 - auc(labels, scores))
        assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores))

    @given(ranked(), st.floats(0.01, 0.99))
    def test_an_interval_holds_its_estimate_and_turns_round_too(self, clips, share):
        labels, scores, _ = clips
        low, high = auc_interval(labels, scores, share)
        assert 0 <= low <= auc(labels, scores) <= high <= 1
        swapped = auc_interval(1 - labels, scores, share)
        assert swapped == pytest.approx((1 - high, 1 - low))

    @given(ranked())
    def test_as_good_or_as_bad_is_more_than_everything(self, clips):
        labels, scores, _ = clips
        p, swapped = (
            permutation_p_value(side, scores) for side in (labels, 1 - labels)
        )
        assert 0 < p <= 1 + 1e-12
        assert p + swapped > 1

    @given(ranked(), st.integers(-31, 31))
    def test_alarms_are_counted(self, clips, threshold):
        labels, scores, _ = clips
        report = alarm_report(labels, scores, threshold)
        right = np.sum((scores > threshold) & (labels == 1))
        wrong = np.sum((scores > threshold) & (labels == 0))
        assert report["recall"] == pytest.approx(right / labels.sum())
        assert report["false_alarm_rate"] == pytest.approx(wrong / (1 - labels).sum())
        share = right / (right + wrong) if right + wrong else np.nan
        assert report["precision"] == pytest.approx(share, nan_ok=True)


class TestThresholds:
    @given(ranked(), st.floats(0.02, 0.98))
    def test_whichever_clip_is_the_new_one_the_rate_is_kept(self, clips, rate):
        _, scores, _ = clips
        alarms = [
            new > conformal_threshold(np.delete(scores, i), rate)
            for i, new in enumerate(scores)
        ]
        assert np.mean(alarms) <= rate + 1e-9

    @given(ranked(), st.floats(0.02, 0.98))
    def test_another_order_or_unit_moves_them_along(self, clips, rate):
        _, scores, rng = clips
        order = rng.permutation(len(scores))
        found = conformal_threshold(scores, rate)
        assert conformal_threshold(scores[order], rate) == found
        assert conformal_threshold(4 * scores - 7, rate) == 4 * found - 7
        assert conformal_threshold(scores, rate, groups=order) == found

    @given(SEEDS, st.floats(0.05, 0.95))
    def test_a_fitted_one_moves_along_too(self, seed, quantile):
        scores = np.random.default_rng(seed).gamma(2, size=12)
        found = gamma_threshold(scores, quantile)
        assert gamma_threshold(scores[::-1], quantile) == pytest.approx(found)
        assert gamma_threshold(4 * scores - 7, quantile) == pytest.approx(4 * found - 7)


class TestFeatures:
    @given(SEEDS, GAINS_DB)
    def test_a_gain_is_added_to_every_level(self, seed, gain_db):
        clips = noise(np.random.default_rng(seed))
        louder = clips * 10 ** (gain_db / 20)
        np.testing.assert_allclose(
            log_mel_spectrogram(louder, SR),
            log_mel_spectrogram(clips, SR) + gain_db,
            atol=0.002,
        )
        np.testing.assert_allclose(peak_level(louder), peak_level(clips) + gain_db)
        np.testing.assert_allclose(
            level(louder), level(clips) + [gain_db, gain_db, 0], atol=1e-6
        )

    @given(SEEDS)
    def test_clips_are_looked_at_one_by_one_and_have_no_polarity(self, seed):
        rng = np.random.default_rng(seed)
        clips, order = noise(rng), rng.permutation(3)
        for feature in (level, lambda audio: log_mel_spectrogram(audio, SR)):
            found = feature(clips)
            np.testing.assert_allclose(feature(clips[order]), found[order], atol=1e-3)
            np.testing.assert_allclose(feature(-clips), found, atol=1e-3)

    @given(SEEDS, st.integers(1, 3))
    def test_what_comes_later_shows_later(self, seed, n_frames):
        clips = noise(np.random.default_rng(seed))
        later = np.roll(clips, n_frames * HOP, axis=1)
        # Near its ends, a clip is continued with silence.
        np.testing.assert_allclose(
            log_mel_spectrogram(later, SR)[:, :, 2 + n_frames : -2],
            log_mel_spectrogram(clips, SR)[:, :, 2 : -2 - n_frames],
            atol=0.002,
        )
        np.testing.assert_allclose(level(later), level(clips))

    @pytest.mark.parametrize(
        "statistic", ["mean", "max", "min", "median", "std", "gwrp", "p95"]
    )
    @given(SEEDS)
    def test_pooling_knows_no_order_of_frames_and_no_unit(self, statistic, seed):
        rng = np.random.default_rng(seed)
        S = rng.normal(size=(2, 3, rng.integers(1, 20)))
        found = pool_over_time(S, statistic)
        shuffled = rng.permutation(S, axis=2)
        np.testing.assert_allclose(pool_over_time(shuffled, statistic), found)
        moved = 3 * found - 40 * (statistic != "std")
        np.testing.assert_allclose(pool_over_time(3 * S - 40, statistic), moved)


@pytest.mark.parametrize(
    "detector",
    [
        GMMDetector(n_components=1),
        MahalanobisDetector(),
        KNNDetector(),
        TwoSidedDetector(),
        PanelDetector(MahalanobisDetector(), n_parts=2),
    ],
    ids=lambda detector: type(detector).__name__,
)
class TestDetectors:
    @given(SEEDS)
    def test_knows_no_order_of_clips_and_no_unit(self, detector: OutlierDetector, seed):
        rng = np.random.default_rng(seed)
        normal, new = rng.normal(size=(12, 4)), 2 * rng.normal(size=(5, 4))
        order, of_new = rng.permutation(12), rng.permutation(5)
        scores = anomaly_score(detector.fit(normal), new)
        threshold = detector.offset_
        np.testing.assert_allclose(anomaly_score(detector, new[of_new]), scores[of_new])
        units, zeros = 10 ** rng.uniform(-3, 3, 4), rng.normal(size=4)
        detector.fit(normal[order] * units + zeros)
        again = anomaly_score(detector, new * units + zeros)
        np.testing.assert_allclose(again, scores, rtol=1e-4, atol=1e-6)
        assert detector.offset_ == pytest.approx(threshold, rel=1e-4, abs=1e-6)


class TestStreams:
    DETECTOR = DetectorPipeline(
        [("level", Level()), ("detector", TwoSidedDetector())]
    ).fit(noise(np.random.default_rng(0), 12, 400))

    @given(SEEDS, st.integers(90, 400), st.lists(st.integers(0, 900), max_size=8))
    def test_blocks_of_any_size_give_the_same_events(self, seed, hop, cuts):
        stream = noise(np.random.default_rng(seed), 1, 900)[0]

        def events_of(blocks: list[np.ndarray]) -> list:
            scorer = StreamScorer(
                self.DETECTOR, sr=SR, clip_seconds=400 / SR, hop_seconds=hop / SR
            )
            return [event for block in blocks for event in scorer.push(block)]

        whole = events_of([stream])
        assert len(whole) == 1 + 500 // hop
        assert events_of(np.split(stream, sorted(cuts))) == whole
        windows = [stream[start : start + 400] for start in range(0, 501, hop)]
        expected = anomaly_score(self.DETECTOR, windows)
        np.testing.assert_allclose([event.score for event in whole], expected)


class TestDuplicates:
    @given(SEEDS, GAINS_DB, st.integers(0, 8000))
    def test_pieces_are_joined_at_any_gain_and_in_any_order(self, seed, gain_db, shift):
        rng = np.random.default_rng(seed)
        a, b = noise(rng, 2, 24000)
        gain = 10 ** (gain_db / 20)
        clips = np.array([a[:16000], b[:16000], gain * a[shift : shift + 16000]])
        order = rng.permutation(3)
        found = near_duplicates(clips[order])
        is_of_b = order == 1
        assert len(set(found[~is_of_b])) == 1
        assert found[is_of_b] == np.flatnonzero(is_of_b)


class TestSensors:
    @given(SEEDS, st.sampled_from(["none", "clipped", "dropout"]))
    def test_a_fault_has_no_polarity_and_no_direction(self, seed, fault):
        rng = np.random.default_rng(seed)
        # Never so near to zero that it could fade into a dropout.
        clip = rng.uniform(0.1, 0.2, 4096) * rng.choice([-1, 1], 4096)
        if fault == "clipped":
            clip = np.clip(clip, *np.quantile(clip, [0.2, 0.8]))
        if fault == "dropout":
            start = rng.integers(0, 4000)
            clip[start : start + rng.integers(33, 96)] = 0.0
        expected = {"none": None, "clipped": "clipping", "dropout": "dropouts"}[fault]
        for same in (clip, -clip, clip[::-1]):
            assert sensor_fault(same) == expected


class TestExplanations:
    @given(SEEDS, GAINS_DB)
    def test_a_map_has_no_unit_and_its_clips_no_order(self, seed, gain_db):
        rng = np.random.default_rng(seed)
        cells = rng.integers(0, 9, (3, 4, 5)) + 0.5
        mask = rng.permuted(
            np.arange(20).reshape(4, 5) < 7 * np.ones((3, 1, 1)), axis=2
        )
        order = rng.permutation(3)
        for measure in (mass_inside, map_auc):
            found = measure(cells, mask)
            gain = 10 ** (gain_db / 20)
            np.testing.assert_allclose(measure(gain * cells, mask), found)
            np.testing.assert_allclose(measure(cells[order], mask[order]), found[order])
            np.testing.assert_allclose(measure(cells, ~mask), 1 - found)

    @given(SEEDS, st.floats(4, 20))
    def test_a_change_is_the_same_both_ways_and_at_any_level(self, seed, change_db):
        rng = np.random.default_rng(seed)
        healthy = noise(rng)
        audio = healthy.copy()
        audio[0, rng.integers(1000, 3000) :] *= 10 ** (change_db / 20)
        mask = change_mask(audio, healthy, SR)
        assert mask[0].any()
        assert not mask[1:].any()
        np.testing.assert_array_equal(change_mask(healthy, audio, SR), mask)
        order = rng.permutation(3)
        found = change_mask(audio[order], healthy[order], SR)
        np.testing.assert_array_equal(found, mask[order])
