from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from common import eager_tensorflow
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from esa4_helpers import (
    AutoencoderDetector,
    FewRecordingsWarning,
    anomaly_score,
    autoencoder,
    features,
    log_mel_spectrogram,
    make_synthetic_dataset,
    networks,
    pool_over_time,
    reconstruct,
)
from esa4_helpers._checks import check_levels
from esa4_helpers.features import BAND_PROFILE
from esa4_helpers.networks import import_keras

RNG = np.random.default_rng(0)
# In this order, so that the first one is not the first that the process trains.
NETWORKS = ("interpolation", "bottleneck", "dense")
SCORES = ("profile", "mean", "max")


def striped(
    n_clips: int, n_mels: int = 16, n_frames: int = 12, seed: int | None = None
) -> np.ndarray:
    """Spectrograms in dB that a small code can describe: a level for each clip."""
    rng = RNG if seed is None else np.random.default_rng(seed)
    profile = np.linspace(-40, -80, n_mels)[:, np.newaxis]
    level = rng.uniform(-6, 6, (n_clips, 1, 1))
    return profile + level + rng.normal(0, 0.5, (n_clips, n_mels, n_frames))


def squeaking(n_clips: int) -> np.ndarray:
    S = striped(n_clips)
    S[:, -4:, 3:8] += 40
    return S


def wandering(n_clips: int, n_mels: int = 4, n_frames: int = 60) -> np.ndarray:
    """Levels that remember those of the frame before, but not all of it."""
    S = RNG.normal(size=(n_clips, n_mels, n_frames))
    for t in range(1, n_frames):
        S[:, :, t] = 0.8 * S[:, :, t - 1] + 0.6 * S[:, :, t]
    return -60 + 5 * S


@pytest.fixture(scope="module")
def fitted() -> dict[str, AutoencoderDetector]:
    return {
        network: AutoencoderDetector(network, code_size=2, n_updates=300).fit(
            striped(24, seed=1)
        )
        for network in NETWORKS
    }


@pytest.fixture(params=NETWORKS)
def trained(fitted, request: pytest.FixtureRequest) -> AutoencoderDetector:
    return fitted[request.param]


@pytest.fixture
def _eagerly() -> Iterator[None]:
    with eager_tensorflow():
        yield


class TestTraining:
    def test_makes_a_network_know_more_than_the_mean_of_a_band(self, trained):
        levels, errors = trained._maps(striped(20))
        assert np.mean(errors**2) < 0.6 * np.mean(levels**2)

    def test_keeps_the_loss_of_each_update(self, trained):
        losses = trained.losses_
        assert losses.shape == (300,)
        assert losses[-20:].mean() < losses[:20].mean() / 2

    # That it does so in another process, too, is tested with the saved files.
    def test_same_seed_same_scores_bit_for_bit(self, fitted):
        S, first = striped(6), fitted["bottleneck"]
        again = clone(first).fit(striped(24, seed=1))
        np.testing.assert_array_equal(again.score_samples(S), first.score_samples(S))

    @pytest.mark.usefixtures("_eagerly")
    def test_what_the_import_of_keras_draws_makes_no_difference(self, monkeypatch):
        def importing() -> object:
            if not imported:
                imported.append(random.random())
            return import_keras()

        S, imported, weights = striped(6), [], []
        for module in (autoencoder, networks):
            monkeypatch.setattr(module, "import_keras", importing)
        for _ in range(2):
            fitted = AutoencoderDetector(code_size=2, n_updates=1).fit(S)
            weights.append(fitted.model_.get_weights()[0])
        np.testing.assert_array_equal(*weights)

    def test_another_seed_gives_another_network(self):
        S = striped(6)
        rebuilt = []
        for seed in (0, 1):
            detector = AutoencoderDetector(
                code_size=2, n_updates=1, random_state=np.int64(seed)
            )
            levels, errors = detector.fit(S)._maps(S)
            rebuilt.append((levels - errors).ravel())
        # Other windows alone would leave them alike.
        assert np.corrcoef(rebuilt)[0, 1] < 0.8

    @pytest.mark.usefixtures("_eagerly")
    @pytest.mark.parametrize("network", NETWORKS)
    def test_five_frames_are_enough(self, network):
        S = striped(6, n_frames=5)
        detector = AutoencoderDetector(network, code_size=2, n_updates=1).fit(S)
        assert np.isfinite(detector.score_samples(S)).all()

    @pytest.mark.parametrize("network", ["interpolation", "dense"])
    def test_clips_shorter_than_a_window_are_refused(self, network):
        with pytest.raises(ValueError, match=f"{network} .* at least 5 frames, got 4"):
            AutoencoderDetector(network, code_size=2).fit(striped(6, n_frames=4))

    def test_a_band_that_never_changes_does_not_hurt(self):
        S = striped(6)
        S[:, 3] = -100
        detector = AutoencoderDetector(code_size=2, n_updates=1).fit(S)
        assert np.isfinite(detector.score_samples(striped(2))).all()

    @pytest.mark.usefixtures("_eagerly")
    def test_levels_are_told_in_standard_deviations_whatever_these_are(self):
        S = 0.1 * striped(4)
        S[:, 3] = -100
        detector = AutoencoderDetector(code_size=2, n_updates=1).fit(S)
        scale = S.std(axis=(0, 2))[:, np.newaxis]
        scale[3] = 1
        np.testing.assert_allclose(detector.scale_, scale)

    @pytest.mark.parametrize(
        ("network", "n_frames", "batch_size", "learning_rate"),
        [
            ("bottleneck", 32, 8, 3e-3),
            ("interpolation", 5, 256, 1e-3),
            ("dense", 5, 256, 1e-3),
        ],
    )
    def test_each_network_has_windows_batches_and_steps_of_its_own(
        self, monkeypatch, network, n_frames, batch_size, learning_rate
    ):
        def windows_of(model, Z, size, seed):
            asked.append((model.input_shape, size, seed))
            return iter(())

        asked = []
        monkeypatch.setattr(autoencoder, "_random_windows", windows_of)
        detector = AutoencoderDetector(network, code_size=2, random_state=7)
        detector.set_params(n_updates=0)
        model = detector._build((8, 40))
        assert detector._train(model, np.zeros((2, 8, 40))).size == 0
        assert asked == [((None, 8, n_frames, 1), batch_size, 7)]
        shape = (8, n_frames, 2)
        stand_in, _ = autoencoder._stand_in(network, *shape)
        assert float(stand_in.optimizer.learning_rate) == pytest.approx(learning_rate)
        # To draw up its graph takes longer than to train it.
        assert stand_in is autoencoder._stand_in(network, *shape)[0]

    def test_windows_are_drawn_from_all_clips_and_moments(self):
        model = SimpleNamespace(
            input_shape=(None, 1, 3, 1), output_shape=(None, 1, 1, 1)
        )
        Z = np.arange(2 * 12.0).reshape(2, 1, 12)
        batches = autoencoder._random_windows(model, Z, 5, 0)
        seen, middles = zip(*(next(batches) for _ in range(60)), strict=True)
        assert seen[0].shape == (5, 1, 3, 1)
        assert seen[0].dtype == np.float32
        np.testing.assert_array_equal(
            np.concatenate(middles), np.concatenate(seen)[:, :, 1:2]
        )
        assert {tuple(window.ravel()) for window in np.concatenate(seen)} == {
            (first, first + 1, first + 2)
            for clip in (0, 12)
            for first in range(clip, clip + 10)
        }

    def test_code_is_as_large_as_asked_for(self, trained):
        assert trained.model_.get_layer("code").output.shape[1] == 2


class TestMaps:
    def test_bands_of_the_training_clips_are_standardised(self, trained):
        levels, _ = trained._maps(striped(24, seed=1))
        np.testing.assert_allclose(levels.mean(axis=(0, 2)), 0, atol=1e-9)
        np.testing.assert_allclose(levels.std(axis=(0, 2)), 1)

    def test_errors_are_what_the_network_left_over(self, trained):
        S = striped(3)
        levels, errors = trained._maps(S)
        rebuilt = reconstruct(trained.model_, levels)
        np.testing.assert_allclose(rebuilt + errors, levels)
        np.testing.assert_allclose(trained.error_map(S), errors**2)
        assert errors.min() < 0 < errors.max()

    @pytest.mark.parametrize("trained", ["bottleneck", "interpolation"], indirect=True)
    def test_the_error_map_shows_where(self, trained):
        errors = trained.error_map(squeaking(10))
        assert errors[:, -4:, 3:8].mean() > 5 * errors[:, :8].mean()

    def test_a_profile_holds_statistics_of_levels_then_of_errors(self, trained):
        S = striped(3)
        expected = [
            pool_over_time(m, statistic)
            for m in trained._maps(S)
            for statistic in BAND_PROFILE
        ]
        np.testing.assert_allclose(
            trained._profile(*trained._maps(S)), np.hstack(expected)
        )


class TestScores:
    @pytest.mark.parametrize("score", SCORES)
    def test_what_it_never_heard_is_abnormal(self, trained, score, monkeypatch):
        monkeypatch.setattr(trained, "score", score)
        normal = anomaly_score(trained, striped(10))
        assert anomaly_score(trained, squeaking(10)).min() > normal.max()

    @pytest.mark.parametrize("score", SCORES)
    def test_permuting_clips_permutes_scores(self, trained, score, monkeypatch):
        monkeypatch.setattr(trained, "score", score)
        S, order = striped(6), RNG.permutation(6)
        np.testing.assert_allclose(
            trained.score_samples(S[order]), trained.score_samples(S)[order], rtol=1e-4
        )

    def test_mean_and_max_are_those_of_the_error_map(self, trained, monkeypatch):
        S = squeaking(6)
        of_frames = trained.error_map(S).mean(axis=1)
        monkeypatch.setattr(trained, "score", "mean")
        np.testing.assert_allclose(anomaly_score(trained, S), of_frames.mean(axis=1))
        monkeypatch.setattr(trained, "score", "max")
        np.testing.assert_allclose(anomaly_score(trained, S), of_frames.max(axis=1))

    def test_the_profile_finds_errors_too_small_as_well_as_too_large(self):
        normal = wandering(60)
        settings = {"code_size": 8, "n_updates": 400, "cv": 5}
        detector = AutoencoderDetector("interpolation", **settings).fit(normal)
        clips = wandering(10)
        easy, hard = np.sort(clips, axis=2), RNG.permuted(clips, axis=2)

        # The levels give nothing away: only their order has changed.
        of_levels = slice(0, len(BAND_PROFILE) * normal.shape[1])
        for changed in (easy, hard):
            np.testing.assert_allclose(
                detector._profile(*detector._maps(changed))[:, of_levels],
                detector._profile(*detector._maps(clips))[:, of_levels],
            )
        usual = np.mean(detector.error_map(clips))
        assert np.mean(detector.error_map(easy)) < usual / 2
        assert np.mean(detector.error_map(hard)) > usual * 2
        for changed in (easy, hard):
            scores = anomaly_score(detector, changed)
            assert scores.min() > anomaly_score(detector, clips).max()
            assert (detector.predict(changed) == -1).all()


class TestThreshold:
    @pytest.mark.parametrize("score", SCORES)
    def test_contamination_is_the_share_of_training_clips_beyond_it(self, score):
        S = striped(20)
        detector = AutoencoderDetector(
            score=score, code_size=2, n_updates=1, contamination=0.25
        ).fit(S)
        assert np.mean(detector.predict(S) == -1) == pytest.approx(0.25)
        decision = detector.score_samples(S) - detector.offset_
        np.testing.assert_allclose(detector.decision_function(S), decision)

    def test_from_held_out_profiles_it_holds_for_new_clips(self):
        rng = np.random.default_rng(0)
        train, new = (rng.normal(-60, 5, (n_clips, 16, 12)) for n_clips in (20, 200))
        share_of_alarms = {
            cv: np.mean(
                AutoencoderDetector(code_size=2, n_updates=1, cv=cv)
                .fit(train)
                .predict(new)
                == -1
            )
            for cv in (None, 5)
        }
        assert share_of_alarms[5] < 0.25
        assert share_of_alarms[None] > 0.4

    @pytest.mark.parametrize("score", ["mean", "profile"])
    def test_clips_held_out_of_the_network_are_compared_with_what_it_never_saw(
        self, score, monkeypatch
    ):
        seen = []

        def build(self, shape):
            seen.append(self.n_updates)
            return real_build(self, shape)

        real_build = AutoencoderDetector._build
        monkeypatch.setattr(AutoencoderDetector, "_build", build)
        settings = {"code_size": 2, "n_updates": 5, "cv": 2}
        detector = AutoencoderDetector(score=score, network_cv=2, **settings)
        S = striped(4)
        detector.fit(S)
        # Each copy takes half as long, so that all of them take as long as the first.
        assert seen == [5, 3, 3]
        expected = np.empty(4)
        for one, others, fold in detector._copies(S, None):
            if score == "mean":
                usual = anomaly_score(detector, S).mean()
                known = anomaly_score(one, S[others]).mean()
                expected[fold] = anomaly_score(one, S[fold]) * usual / known
        if score == "mean":
            np.testing.assert_allclose(detector.normal_scores_, expected, rtol=1e-4)


def test_held_out_clips_keep_the_promise_that_known_ones_break():
    train, new = (
        log_mel_spectrogram(
            make_synthetic_dataset(n, 0, 0, sr=16000, random_state=n).audio,
            16000,
            n_mels=32,
        )
        for n in (20, 100)
    )
    settings = {"code_size": 8, "n_updates": 500, "network_cv": 2}
    detector = AutoencoderDetector("dense", "mean", **settings).fit(train)
    known = np.quantile(anomaly_score(detector, train), 0.9)
    assert np.mean(anomaly_score(detector, new) > known) > 0.3
    assert np.mean(detector.predict(new) == -1) < 0.15


def test_the_map_of_a_mean_error_adds_up_to_the_score(trained):
    S = striped(6)
    detector = copy.copy(trained).set_params(score="mean")
    of_map = detector.anomaly_map(S).mean(axis=(1, 2))
    np.testing.assert_allclose(of_map, anomaly_score(detector, S))


def test_the_profile_of_errors_leaves_the_levels_out(trained, monkeypatch):
    S = striped(24, seed=1)
    detector = clone(trained).set_params(score="errors", n_updates=20).fit(S)
    _, errors = detector._maps(S)
    of_errors = [pool_over_time(errors, statistic) for statistic in BAND_PROFILE]
    np.testing.assert_allclose(
        detector.profile_.typical_, np.median(np.hstack(of_errors), axis=0)
    )
    assert detector.anomaly_map(S).shape == S.shape


def test_settings_by_default():
    assert AutoencoderDetector().get_params() == {
        "network": "bottleneck",
        "score": "profile",
        "code_size": 16,
        "n_updates": 200,
        "contamination": 0.1,
        "cv": None,
        "network_cv": None,
        "random_state": 0,
    }


class TestMisuse:
    @pytest.mark.parametrize(
        ("S", "error", "message"),
        [
            (np.full((4, 8, 8), np.nan), ValueError, "NaN or infinity in 4 of 4"),
            (np.zeros((8, 8)), ValueError, r"\(n_clips, n_mels, n_frames\)"),
            (striped(1), ValueError, "at least 2 clips, got 1"),
            (np.full((4, 8, 8), -100.0), ValueError, "-100 dB everywhere: .*silent"),
            (np.ones((4, 8, 8), int), TypeError, "S must hold floats"),
        ],
    )
    def test_bad_training_clips_are_refused(self, S, error, message):
        with pytest.raises(error, match=message):
            AutoencoderDetector(code_size=2, network_cv=2).fit(S)

    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            (
                {"score": "median"},
                ValueError,
                "score must be one of 'profile', 'errors', 'mean', 'max', got 'median'",
            ),
            (
                {"network": "deep"},
                ValueError,
                "network must be one of 'bottleneck', 'interpolation', 'dense', got 'deep'",
            ),
            ({"contamination": 0}, ValueError, "contamination"),
            ({"cv": 1}, ValueError, "cv must be at least 2"),
            ({"cv": "five"}, TypeError, "cv must be a whole number"),
            ({"network_cv": 1}, ValueError, "network_cv must be at least 2"),
            ({"network_cv": 3}, ValueError, "at least 6 clips.*network_cv=3.*got 4"),
            ({"n_updates": 0}, ValueError, "n_updates must be at least 1"),
            ({"n_updates": 1.5}, TypeError, "n_updates must be a whole number"),
            ({"random_state": -1}, ValueError, "random_state must be at least 0"),
            ({"code_size": 9999}, ValueError, "code_size must be below"),
        ],
    )
    def test_bad_parameters_are_refused(self, parameters, error, message):
        with pytest.raises(error, match=message):
            AutoencoderDetector(**{"code_size": 2} | parameters).fit(striped(4))

    @pytest.mark.parametrize(
        ("parameters", "change"),
        [
            ({"code_size": 9999}, lambda S: S + 500),
            ({"cv": 1}, lambda S: S + 500),
            ({}, lambda S: np.full_like(S, -100)),
            # Of these clips there is a network, but no typical difference.
            ({}, lambda S: np.repeat(S[:1], 4, axis=0) + 500),
        ],
    )
    def test_a_failed_fit_leaves_the_detector_as_it_was(self, parameters, change):
        S = striped(4)
        detector = AutoencoderDetector(code_size=2, n_updates=1).fit(S)
        scores, labels = detector.score_samples(S), detector.predict(S)
        with pytest.raises(ValueError, match=r"code_size|cv|silent|the same"):
            detector.set_params(**parameters).fit(change(S))
        np.testing.assert_array_equal(detector.score_samples(S), scores)
        np.testing.assert_array_equal(detector.predict(S), labels)

    @pytest.mark.parametrize("n_frames", [11, 13, 24])
    def test_test_clips_of_another_length_are_refused(self, trained, n_frames):
        S = striped(2, n_frames=n_frames)
        with pytest.raises(ValueError, match=rf"\(16, 12\).*got \(16, {n_frames}\)"):
            trained.score_samples(S)

    def test_bad_test_clips_are_refused(self, trained):
        with pytest.raises(ValueError, match="NaN or infinity in 1 of 2.* clip 1"):
            trained.predict([striped(1)[0], np.full((16, 12), np.nan)])

    @pytest.mark.parametrize("score", SCORES)
    def test_asking_before_fitting_is_refused(self, score):
        detector = AutoencoderDetector(score=score)
        for ask in (detector.score_samples, detector.error_map, detector.anomaly_map):
            with pytest.raises(NotFittedError):
                ask(striped(2))


def test_a_copy_scores_alike_and_can_be_fitted_anew(trained):
    S = striped(6)
    scores = trained.score_samples(S)
    copied = copy.deepcopy(trained)
    np.testing.assert_array_equal(copied.score_samples(S), scores)
    copied.set_params(n_updates=1).fit(S)
    np.testing.assert_array_equal(trained.score_samples(S), scores)
    assert not np.allclose(copied.score_samples(S), scores)


@pytest.mark.usefixtures("_eagerly")
def test_weights_of_earlier_versions_are_taken_from_their_files(tmp_path):
    S = striped(4)
    detector = AutoencoderDetector(code_size=2, n_updates=1).fit(S)
    detector.model_.save(tmp_path / "model.keras")
    state = detector.__getstate__()
    del state["weights"], state["network_cv"]
    state["keras_file"] = (tmp_path / "model.keras").read_bytes()
    old = AutoencoderDetector.__new__(AutoencoderDetector)
    old.__setstate__(state)
    assert old.network_cv is None
    np.testing.assert_array_equal(old.score_samples(S), detector.score_samples(S))
    assert not hasattr(copy.deepcopy(clone(old)), "model_")


@pytest.mark.usefixtures("_eagerly")
def test_nothing_of_an_earlier_fit_is_left_behind():
    detector = AutoencoderDetector(n_updates=1).fit(striped(4))
    detector.set_params(score="mean").fit(striped(4))
    assert set(vars(detector)) == set(
        vars(AutoencoderDetector(score="mean", n_updates=1).fit(striped(4)))
    )


@pytest.mark.parametrize("score", SCORES)
def test_clips_are_checked_once_where_they_come_in(trained, score, monkeypatch):
    counted = []

    def count(S, name="S"):
        counted.append(name)
        return check_levels(S, name)

    for module in (features, networks, autoencoder):
        monkeypatch.setattr(module, "check_levels", count)
    monkeypatch.setattr(trained, "score", score)
    for ask in (trained.score_samples, trained.error_map, trained.anomaly_map):
        counted.clear()
        ask(striped(2))
        assert counted == ["S"]


@pytest.mark.parametrize("score", ["profile", "mean"])
def test_networks_are_trained_without_any_piece_of_a_held_out_recording(score):
    S = np.concatenate([squeaking(6)] * 2)
    groups = np.tile(np.arange(6), 2)
    settings = {"code_size": 2, "n_updates": 2, "network_cv": 2}
    detector = AutoencoderDetector("dense", score, **settings)
    for _, others, fold in detector._copies(S, groups):
        assert set(groups[others]).isdisjoint(groups[fold])
    with pytest.warns(FewRecordingsWarning, match="1 in 7"):
        detector.fit(S, groups=groups)
    assert detector.offset_ == -detector.normal_scores_.max()
