from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from esa4_helpers import (
    GMMDetector,
    KNNDetector,
    MahalanobisDetector,
    NearDuplicatesWarning,
    TwoSidedDetector,
    anomaly_score,
    auc,
    conformal_threshold,
    held_out_scores,
    make_detector,
    score_in_folds,
)
from esa4_helpers.scoring import _split

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(5, 2, (60, 3))


def test_anomaly_score_works_with_scikit_learns_detectors():
    detector = LocalOutlierFactor(novelty=True).fit(NORMAL)
    near, far = anomaly_score(detector, [NORMAL.mean(axis=0), NORMAL.mean(axis=0) + 50])
    assert far > near


class TestFolds:
    def test_recordings_stay_together_and_folds_are_even(self):
        sizes = RNG.permutation([40, 9, 9, 8, 7, 6, 5, 5, 5, 3, 2, 1])
        groups = RNG.permutation(np.repeat(np.arange(len(sizes)), sizes))
        folds = [fold for _, fold in _split(len(groups), 3, groups=groups)]
        assert sorted(np.concatenate(folds)) == list(range(len(groups)))
        owners = [set(groups[fold]) for fold in folds]
        assert sum(map(len, owners)) == len(set.union(*owners))
        assert sorted(map(len, folds)) == [30, 30, 40]

    def test_what_is_outside_a_fold_is_everything_else(self):
        groups = np.repeat(np.arange(5), 2)
        for others, fold in _split(10, 5, groups=groups):
            assert sorted([*others, *fold]) == list(range(10))

    def test_fewer_recordings_than_folds_get_one_each(self):
        assert len(list(_split(6, 5, groups=np.repeat([0, 1, 2], 2)))) == 3

    def test_recordings_of_one_size_are_dealt_alike_everywhere(self):
        # scikit-learn's own order of equals once depended on its version.
        groups = np.repeat([f"day {i:02}" for i in range(40)], 3)
        for i, (_, fold) in enumerate(_split(120, 5, groups=groups)):
            assert sorted(set(groups[fold])) == [
                f"day {j:02}" for j in range(4 - i, 40, 5)
            ]


class TestHeldOutScores:
    def test_each_clip_is_scored_by_a_detector_fitted_to_all_others(self):
        X = RNG.normal(size=(8, 2))
        scores = held_out_scores(GMMDetector(1), X, cv=8)
        for i in range(8):
            others = GMMDetector(1).fit(np.delete(X, i, axis=0))
            assert scores[i] == pytest.approx(anomaly_score(others, X[[i]])[0])

    def test_are_higher_than_scores_of_clips_the_detector_knows(self):
        X = RNG.normal(size=(30, 10))
        detector = GMMDetector(1, "full")
        known = anomaly_score(detector.fit(X), X)
        assert np.median(held_out_scores(detector, X)) > np.median(known) + 2

    def test_follow_the_clips(self):
        X = RNG.normal(size=(8, 2))
        order = RNG.permutation(8)
        scores = held_out_scores(GMMDetector(1), X, cv=8)
        permuted = held_out_scores(GMMDetector(1), X[order], cv=8)
        assert permuted == pytest.approx(scores[order])

    def test_a_threshold_from_them_keeps_its_rate_where_one_from_known_clips_fails(
        self,
    ):
        alarms = {"known": [], "held out": []}
        for _ in range(100):
            X, new = RNG.normal(size=(29, 5)), RNG.normal(size=(100, 5))
            detector = KernelDensity(bandwidth=0.5).fit(X)
            for name, scores in (
                ("known", anomaly_score(detector, X)),
                ("held out", held_out_scores(detector, X)),
            ):
                threshold = conformal_threshold(scores, 0.1)
                alarms[name].append(np.mean(anomaly_score(detector, new) > threshold))
        assert np.mean(alarms["held out"]) < 0.12
        assert np.mean(alarms["known"]) > 0.15

    def test_leaves_the_detector_alone_and_takes_maps_and_pipelines(self):
        X = RNG.normal(size=(20, 4, 3))
        detector = make_pipeline(
            FunctionTransformer(lambda S: S.mean(axis=2)), PCA(2), GMMDetector(1)
        )
        scores = held_out_scores(detector, X)
        assert scores.shape == (20,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
        assert not hasattr(detector[-1], "gmm_")

    def test_takes_scikit_learns_detectors_and_lists(self):
        detector = LocalOutlierFactor(n_neighbors=2, novelty=True)
        scores = held_out_scores(detector, [[0.0], [0.1], [0.2], [0.3], [9.0]])
        assert scores.argmax() == 4

    def test_a_seed_makes_the_folds(self):
        X = RNG.normal(size=(20, 2))
        first, again = (held_out_scores(GMMDetector(1), X) for _ in range(2))
        other = held_out_scores(GMMDetector(1), X, random_state=1)
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    @pytest.mark.parametrize(
        ("cv", "error", "message"),
        [
            (1, ValueError, "cv must be at least 2, got 1"),
            (7, ValueError, "cv must be at most the number of normal clips, 6, got 7"),
            (2.0, TypeError, "cv must be a whole number"),
        ],
    )
    def test_impossible_folds_are_refused(self, cv, error, message):
        with pytest.raises(error, match=message):
            held_out_scores(GMMDetector(1), np.zeros((6, 2)), cv)

    def test_by_default_there_are_five_folds_of_the_same_seed(self):
        X, new = RNG.normal(size=(11, 2)), RNG.normal(size=(2, 2))
        detector, by_hand = GMMDetector(1), {"cv": 5, "random_state": 0}
        np.testing.assert_array_equal(
            held_out_scores(detector, X), held_out_scores(detector, X, **by_hand)
        )
        np.testing.assert_array_equal(
            score_in_folds(detector, X, new)[1],
            score_in_folds(detector, X, new, **by_hand)[1],
        )

    @pytest.mark.parametrize(
        ("n_same", "told"),
        [
            (1, "with 2 of 10 held out: no"),
            (2, "2 of 10 samples are the same, and with 2 of 10 held out: no"),
            (4, "4 of 10 samples are the same, and with 2 of 10 held out: no"),
        ],
    )
    def test_a_copy_that_can_not_be_fitted_says_of_what(self, n_same, told):
        class Fails(Remembers):
            def fit(self, X: np.ndarray, y: object = None) -> Fails:
                raise ValueError("no")

        X = np.arange(30.0).reshape(10, 3)
        X[:n_same] = X[0]
        with pytest.raises(ValueError, match="no") as caught:
            held_out_scores(Fails(), X, groups=np.arange(10))
        assert str(caught.value) == told

    def test_masked_clips_are_refused(self):
        with pytest.raises(TypeError, match="X is a masked array"):
            held_out_scores(GMMDetector(1), np.ma.masked_less(NORMAL, 0))

    def test_no_detector_is_refused(self):
        with pytest.raises(TypeError, match=r"score_samples, got KMeans\(\)"):
            held_out_scores(KMeans(), np.zeros((6, 2)))


class Remembers(OutlierMixin, BaseEstimator):
    """Scores 0 what it was fitted to, and -1 all else."""

    def fit(self, X: np.ndarray, y: object = None) -> Remembers:
        self.known_ = {row.tobytes() for row in X}
        return self

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        return np.array([0.0 if row.tobytes() in self.known_ else -1.0 for row in X])


class TakesGroups(Remembers):
    """Tells, too, which recordings each copy of it was fitted to."""

    told: ClassVar[list[set[int]]] = []

    def fit(self, X: np.ndarray, y: object = None, groups=None) -> TakesGroups:
        self.told.append(set(groups))
        return super().fit(X)


class TestGroups:
    X = np.tile(np.random.default_rng(0).normal(size=(12, 4)), (5, 1))
    groups = np.tile(np.arange(12), 5)

    def test_no_piece_of_a_held_out_recording_is_fitted_to(self):
        assert (held_out_scores(Remembers(), self.X, groups=self.groups) == 1).all()
        names = np.array([f"run {i}" for i in self.groups])
        assert (held_out_scores(Remembers(), self.X, groups=names) == 1).all()
        with pytest.warns(NearDuplicatesWarning, match="60 of 60 .* clips 0 and 12"):
            assert (held_out_scores(Remembers(), self.X) == 0).any()

    def test_a_detector_that_takes_them_is_told_those_of_the_others(self):
        held_out_scores(TakesGroups(), self.X, cv=12, groups=self.groups)
        held_out = [set(range(12)) - told for told in TakesGroups.told]
        assert sorted(held_out, key=min) == [{i} for i in range(12)]

    def test_a_pipeline_from_audio_tells_once_of_clips_that_overlap(self):
        sound = 0.01 * np.random.default_rng(0).standard_normal(64000)
        clips = np.lib.stride_tricks.sliding_window_view(sound, 16000)[::8000]
        with pytest.warns(NearDuplicatesWarning) as caught:
            held_out_scores(make_detector("level"), clips)
        assert len(caught) == 1

    def test_fewer_recordings_than_folds_are_held_out_one_by_one(self):
        few = self.groups % 3
        scores = held_out_scores(Remembers(), self.X, cv=5, groups=few)
        assert (scores == 1).all()

    @pytest.mark.parametrize("cv", [2, 5])
    def test_one_recording_can_hold_nothing_out(self, cv):
        one = np.zeros(60)
        with pytest.raises(ValueError, match="all 60 clips come from one recording"):
            held_out_scores(MahalanobisDetector(), self.X, cv, groups=one)
        with pytest.raises(ValueError, match="all 60 clips come from one recording"):
            MahalanobisDetector(cv=cv).fit(self.X, groups=one)

    def test_groups_must_fit_the_clips(self):
        with pytest.raises(
            ValueError, match=r"each of the 60 clips, got the shape \(3,\)"
        ):
            held_out_scores(MahalanobisDetector(), self.X, groups=[1, 2, 3])
        with pytest.raises(ValueError, match="groups holds NaN"):
            held_out_scores(MahalanobisDetector(), self.X, groups=np.full(60, np.nan))


class TestScoreInFolds:
    NORMAL = np.random.default_rng(3).normal(size=(10, 2))
    ABNORMAL = np.random.default_rng(4).normal(3, 1, size=(5, 2))

    def test_normal_clips_come_first_with_their_held_out_scores(self):
        is_anomaly, scores = score_in_folds(GMMDetector(1), self.NORMAL, self.ABNORMAL)
        assert is_anomaly.tolist() == [False] * 10 + [True] * 5
        assert scores[:10] == pytest.approx(
            held_out_scores(GMMDetector(1), self.NORMAL)
        )

    def test_abnormal_clips_get_the_mean_of_all_copies(self):
        # Fitted to all but one of 0, 2 and 10: the distances of 100 from each median.
        normal, abnormal = np.array([[0.0], [2.0], [10.0]]), np.array([[100.0]])
        copies = [TwoSidedDetector().fit(np.delete(normal, i, 0)) for i in range(3)]
        expected = np.mean([-copy.score_samples(abnormal)[0] for copy in copies])
        _, scores = score_in_folds(TwoSidedDetector(), normal, abnormal, cv=3)
        assert scores[3] == pytest.approx(expected)

    def test_masked_clips_and_what_gives_no_scores_are_refused(self):
        masked = np.ma.masked_less(self.NORMAL, 0)
        for clips, name in (
            ((masked, self.ABNORMAL), "normal"),
            ((self.NORMAL, masked), "abnormal"),
        ):
            with pytest.raises(TypeError, match=f"^{name} is a masked array"):
                score_in_folds(GMMDetector(1), *clips)
        with pytest.raises(TypeError, match=r"score_samples, got KMeans\(\)"):
            score_in_folds(KMeans(), self.NORMAL, self.ABNORMAL)

    def test_clips_that_are_no_different_are_ranked_by_chance(self):
        rng, aucs = np.random.default_rng(0), []
        for _ in range(50):
            clips = rng.normal(size=(15, 3))
            aucs.append(auc(*score_in_folds(GMMDetector(1), clips[:10], clips[10:])))
        # A detector that knew its normal clips would have a mean AUC of about 0.7.
        assert abs(np.mean(aucs) - 0.5) < 4 * np.std(aucs) / np.sqrt(50)

    @pytest.mark.parametrize(
        ("abnormal", "cv", "message"),
        [
            (ABNORMAL, 1, "cv must be"),
            (ABNORMAL, 11, "cv must be at most the number of normal clips, 10, got 11"),
            (ABNORMAL[:0], 5, "abnormal must hold at least one clip"),
        ],
    )
    def test_bad_input_is_named(self, abnormal, cv, message):
        with pytest.raises(ValueError, match=message):
            score_in_folds(GMMDetector(1), self.NORMAL, abnormal, cv)


def test_score_in_folds_keeps_recordings_together():
    normal = np.tile(np.random.default_rng(0).normal(size=(10, 2)), (3, 1))
    abnormal = np.full((5, 2), 9.0)
    apart = score_in_folds(KNNDetector(1), normal, abnormal)[1]
    groups = np.tile(np.arange(10), 3)
    together = score_in_folds(KNNDetector(1), normal, abnormal, groups=groups)[1]
    assert together[:30].min() > apart[:30].min()
    assert len(together) == 35
