from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline

from esa4_helpers import (
    LogMelSpectrogram,
    MahalanobisDetector,
    NearDuplicatesWarning,
    PoolOverTime,
    anomaly_score,
    conformal_threshold,
    make_detector,
    make_synthetic_machine,
)
from esa4_helpers.detectors import PanelDetector
from esa4_helpers.features import Level
from esa4_helpers.pipelines import DetectorPipeline, PipelineWithLevel


class TestPipelineWithLevel:
    """Clips of noise, whose bands and level are judged beside each other."""

    @staticmethod
    def noise(n_clips: int, seed: int = 0) -> np.ndarray:
        return 0.01 * np.random.default_rng(seed).standard_normal((n_clips, 4000))

    @staticmethod
    def make() -> PipelineWithLevel:
        def panel() -> PanelDetector:
            return PanelDetector(MahalanobisDetector(), cv=5)

        steps = [
            ("spectrogram", LogMelSpectrogram()),
            ("pool", PoolOverTime("max")),
            ("detector", panel()),
        ]
        level = DetectorPipeline([("level", Level()), ("detector", panel())])
        return PipelineWithLevel(steps, level=level)

    def test_scores_as_one_more_part_of_the_panel(self):
        clips, new = (
            self.noise(20),
            self.noise(9, 1) * np.linspace(0.97, 1.03, 9)[:, None],
        )
        both = self.make().fit(clips)
        bands, level = Pipeline(both.steps), both.level_
        expected = np.maximum(*(anomaly_score(part, new) for part in (bands, level)))
        np.testing.assert_array_equal(anomaly_score(both, new), expected)
        for part in (bands, level):
            assert (anomaly_score(part, new) == expected).any()

    def test_the_threshold_is_that_of_the_more_surprised_one(self):
        both = self.make().fit(self.noise(30))
        parts = both[-1].normal_scores_, both.level_[-1].normal_scores_
        assert -both.offset_ == conformal_threshold(np.maximum(*parts), 0.1)
        assert -both.offset_ > conformal_threshold(parts[0], 0.1)
        new = self.noise(300, 2)
        alarms = both.predict(new) == -1
        assert 0.01 < alarms.mean() < 0.3
        np.testing.assert_array_equal(alarms, both.decision_function(new) < 0)

    def test_without_folds_a_share_of_the_known_clips_is_beyond_it(self):
        both = self.make().set_params(detector__cv=None, level__detector__cv=None)
        clips = self.noise(20)
        assert np.sum(both.fit(clips).predict(clips) == -1) == 2
        parts = both[-1].normal_scores_, both.level_[-1].normal_scores_
        assert both.offset_ == np.quantile(-np.maximum(*parts), 0.1)

    def test_a_part_of_it_takes_features_and_has_no_level(self):
        both = self.make().fit(self.noise(20))
        first, rest = both[:1], both[1:]
        assert type(first) is type(rest) is Pipeline
        louder = 2 * self.noise(3, 1)
        S = first.transform(louder)
        np.testing.assert_array_equal(
            rest.score_samples(S), Pipeline(both.steps).score_samples(louder)
        )
        assert both["pool"] is both[1] is both.named_steps["pool"]

    def test_nor_has_one_of_a_pipeline_without_level(self):
        whole = DetectorPipeline(self.make().steps)
        S = whole[:1].fit_transform(self.noise(20))
        assert type(whole[1:]) is Pipeline
        assert whole[1:].fit(S).score_samples(S).shape == (20,)

    def test_a_failed_fit_leaves_it_as_it_was(self):
        both, clips = self.make().fit(self.noise(20)), self.noise(3, 1)
        scores, training = both.score_samples(clips), both.training_
        with pytest.raises(ValueError, match="at least 5 clips"):
            both.fit(np.tile(self.noise(4, 2), 2))
        np.testing.assert_array_equal(both.score_samples(clips), scores)
        assert both.training_ is training

    def test_scores_in_another_unit_are_refused(self):
        both = self.make().set_params(detector=MahalanobisDetector(cv=5))
        with pytest.raises(ValueError, match=r"unit of PanelDetector.*level=False"):
            both.fit(self.noise(20))

    @pytest.mark.parametrize(
        "level", [None, MahalanobisDetector(), make_pipeline(Level())]
    )
    def test_what_is_no_detector_of_the_level_is_refused(self, level):
        message = "level must be a DetectorPipeline .* got .*: to hear no level, make"
        with pytest.raises(TypeError, match=message):
            self.make().set_params(level=level).fit(self.noise(20))

    def test_a_level_in_another_unit_is_refused(self):
        both = self.make().set_params(level__detector=MahalanobisDetector(cv=5))
        with pytest.raises(ValueError, match=r"unit of PanelDetector.*Mahalanobis"):
            both.fit(self.noise(20))

    def test_a_copy_is_not_fitted_and_learns_the_same(self):
        clips, new = self.noise(20), self.noise(3, 1)
        both = self.make().fit(clips)
        again = clone(both)
        with pytest.raises(NotFittedError):
            again.score_samples(new)
        np.testing.assert_array_equal(
            again.fit(clips).score_samples(new), both.score_samples(new)
        )
        assert both.get_params()["level__detector__cv"] == 5


class TestGroups:
    @pytest.mark.parametrize("name", ["level", "mahalanobis"])
    def test_pipelines_pass_them_on_with_metadata_routing_too(self, name):
        clips = 0.01 * np.random.default_rng(0).standard_normal((24, 8000))
        groups = np.arange(24) // 2
        usual = make_detector(name).fit(clips, groups=groups)
        with config_context(enable_metadata_routing=True):
            routed = make_detector(name).fit(clips, groups=groups)
        np.testing.assert_array_equal(routed.predict(clips), usual.predict(clips))

    @pytest.mark.parametrize(
        ("name", "how"), [("gmm", "repeated"), ("knn", "overlapping")]
    )
    def test_pieces_of_recordings_raise_no_more_alarms_than_promised(self, name, how):
        n, length = (20, 1.0) if how == "repeated" else (12, 5.0)
        machine = make_synthetic_machine(n + 100, 0, duration=length, noise_spread_db=1)
        new = machine.audio[n:, :16000]
        if how == "repeated":
            clips = np.tile(machine.audio[:n], (12, 1))
            groups = np.tile(np.arange(n), 12)
        else:
            starts = range(0, 4 * 16000 + 1, 3200)
            pieces = [machine.audio[:n, start : start + 16000] for start in starts]
            clips, groups = np.concatenate(pieces), np.tile(np.arange(n), len(starts))
        with pytest.warns(NearDuplicatesWarning, match=f"count as {n} clips at most"):
            alone = make_detector(name).fit(clips)
        together = make_detector(name).fit(clips, groups=groups)
        assert np.mean(alone.predict(new) == -1) > 0.9
        assert np.mean(together.predict(new) == -1) <= 0.2
