from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from esa4_helpers import (
    AutoencoderDetector,
    anomaly_score,
    build_autoencoder,
    reconstruction_error,
)

RNG = np.random.default_rng(0)


def striped(n_clips: int, n_mels: int = 16, n_frames: int = 12) -> np.ndarray:
    """Spectrograms in dB that a small code can describe: a level for each clip."""
    profile = np.linspace(-40, -80, n_mels)[:, np.newaxis]
    level = RNG.uniform(-6, 6, (n_clips, 1, 1))
    return profile + level + RNG.normal(0, 0.5, (n_clips, n_mels, n_frames))


@pytest.fixture(scope="module")
def trained() -> AutoencoderDetector:
    return AutoencoderDetector("mean", code_size=2, epochs=60).fit(striped(24))


class TestBuildAutoencoder:
    @pytest.mark.parametrize(
        "shape", [(128, 79), (128, 216), (40, 33), (8, 8), (1, 17)]
    )
    def test_returns_the_shape_and_range_it_was_given(self, shape):
        model = build_autoencoder(*shape, code_size=4)
        rebuilt = np.asarray(model(RNG.uniform(size=(2, *shape, 1))))
        assert rebuilt.shape == (2, *shape, 1)
        assert ((rebuilt >= 0) & (rebuilt <= 1)).all()

    def test_everything_passes_through_a_code_smaller_than_the_input(self):
        import keras

        model = build_autoencoder(128, 79, code_size=16)
        code = model.get_layer("code").output
        assert int(np.prod(code.shape[1:])) == 16 < 128 * 79
        # The way back can be rebuilt from the code alone: nothing goes around it.
        keras.Model(code, model.output)

    def test_other_inputs_with_the_same_code_are_rebuilt_alike(self):
        import keras

        model = build_autoencoder(8, 8, code_size=1)
        decode = keras.Model(model.get_layer("code").output, model.output)
        encode = keras.Model(model.input, model.get_layer("code").output)
        inputs = RNG.uniform(size=(1, 8, 8, 1))
        np.testing.assert_allclose(decode(encode(inputs)), model(inputs), rtol=1e-5)

    @pytest.mark.parametrize(
        ("sizes", "message"),
        [
            ((0, 8, 1), "n_mels must be at least 1"),
            ((8, 0, 1), "n_frames must be at least 1"),
            ((8, 8, 0), "code_size must be at least 1"),
            ((8, 8, 64), "below the 64 values.*bottleneck, got 64"),
        ],
    )
    def test_impossible_sizes_are_refused(self, sizes, message):
        n_mels, n_frames, code_size = sizes
        with pytest.raises(ValueError, match=message):
            build_autoencoder(n_mels, n_frames, code_size=code_size)

    @pytest.mark.parametrize("learning_rate", [0.0, -1e-3, np.nan])
    def test_impossible_learning_rate_is_refused(self, learning_rate):
        with pytest.raises(ValueError, match="learning_rate must be"):
            build_autoencoder(8, 8, code_size=1, learning_rate=learning_rate)

    def test_without_tensorflow_the_error_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "keras", None)
        with pytest.raises(ImportError, match="pip install.*tensorflow"):
            build_autoencoder(8, 8, code_size=1)


class TestReconstructionError:
    @staticmethod
    def shifting_model(n_mels: int, n_frames: int):
        import keras

        inputs = keras.Input((n_mels, n_frames, 1))
        return keras.Model(inputs, keras.layers.Rescaling(1.0, offset=0.5)(inputs))

    def test_is_the_squared_difference_in_each_cell(self):
        S = RNG.uniform(size=(40, 4, 6))
        errors = reconstruction_error(self.shifting_model(4, 6), S)
        assert errors.dtype == np.float64
        np.testing.assert_allclose(errors, np.full((40, 4, 6), 0.25), rtol=1e-5)

    def test_belongs_to_the_cell_it_arose_in(self):
        import keras

        inputs = keras.Input((4, 6, 1))
        zeros = keras.Model(inputs, keras.layers.Rescaling(0.0)(inputs))
        S = RNG.uniform(size=(3, 4, 6))
        np.testing.assert_allclose(reconstruction_error(zeros, S), S**2, rtol=1e-6)

    @pytest.mark.parametrize("shape", [(2, 4, 7), (2, 5, 6), (2, 6, 4)])
    def test_clips_of_another_shape_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"shape \(4, 6\).*got"):
            reconstruction_error(self.shifting_model(4, 6), np.zeros(shape))

    def test_a_model_that_returns_something_else_is_refused(self):
        import keras

        inputs = keras.Input((4, 6, 1))
        flat = keras.Model(inputs, keras.layers.Flatten()(inputs))
        with pytest.raises(
            ValueError, match="an autoencoder returns what it was given"
        ):
            reconstruction_error(flat, np.zeros((2, 4, 6)))

    def test_a_model_gone_astray_is_refused(self):
        import keras

        inputs = keras.Input((4, 6, 1))
        astray = keras.Model(inputs, keras.layers.Rescaling(float("nan"))(inputs))
        with pytest.raises(ValueError, match="the model returned NaN"):
            reconstruction_error(astray, np.ones((2, 4, 6)))

    @pytest.mark.parametrize("S", [np.full((1, 4, 6), np.nan), np.zeros((4, 6))])
    def test_bad_spectrograms_are_refused(self, S):
        with pytest.raises(ValueError, match="S "):
            reconstruction_error(self.shifting_model(4, 6), S)


class TestAutoencoderDetector:
    def test_training_makes_the_error_smaller(self, trained):
        S = striped(10)
        untrained = clone(trained).set_params(epochs=1).fit(striped(24))
        assert trained.error_map(S).mean() < untrained.error_map(S).mean() / 2

    def test_what_it_never_heard_is_rebuilt_worse(self, trained):
        squeak = striped(10)
        squeak[:, -4:, 3:8] += 40
        assert (
            anomaly_score(trained, squeak).min()
            > anomaly_score(trained, striped(10)).max()
        )
        assert (trained.predict(squeak) == -1).all()

    def test_the_error_map_shows_where(self, trained):
        squeak = striped(10)
        squeak[:, -4:, 3:8] += 40
        errors = trained.error_map(squeak)
        inside = errors[:, -4:, 3:8].mean()
        assert inside > 5 * errors[:, :8, :].mean()

    def test_the_profile_also_finds_errors_that_are_too_small(self):
        normal = striped(24)
        normal[:, :, ::4] += RNG.normal(0, 10, (24, 16, 3))
        flat = np.repeat(normal.mean(axis=(0, 2), keepdims=True), 12, axis=2)
        flat = np.repeat(flat, 2, axis=0)
        mean, profile = (
            AutoencoderDetector(score, code_size=2, epochs=40).fit(normal)
            for score in ("mean", "profile")
        )
        assert (mean.predict(flat) == 1).all()
        assert (profile.predict(flat) == -1).all()

    def test_permuting_clips_permutes_scores(self, trained):
        S = striped(6)
        np.testing.assert_allclose(
            trained.score_samples(S[::-1]), trained.score_samples(S)[::-1], rtol=1e-5
        )

    def test_mean_score_is_minus_the_mean_error(self, trained):
        S = striped(6)
        np.testing.assert_allclose(
            trained.score_samples(S), -trained.error_map(S).mean(axis=(1, 2))
        )

    def test_same_seed_same_scores_and_other_seed_other_scores(self):
        S = striped(6)
        first, again, other = (
            AutoencoderDetector("mean", code_size=2, epochs=3, random_state=seed)
            .fit(S)
            .score_samples(S)
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.allclose(first, other, rtol=1e-3)

    def test_scaling_comes_from_training_clips(self, trained):
        assert trained.minimum_ < -80
        assert 40 < trained.range_ < 70

    def test_contamination_sets_the_threshold(self):
        S = striped(20)
        detector = AutoencoderDetector(code_size=2, epochs=2, contamination=0.25).fit(S)
        assert np.mean(detector.predict(S) == -1) == pytest.approx(0.25)

    @pytest.mark.parametrize(
        ("S", "message"),
        [
            (np.full((4, 8, 8), np.nan), "NaN or infinity in 4 of 4"),
            (np.zeros((8, 8)), r"\(n_clips, n_mels, n_frames\)"),
            (np.zeros((1, 8, 8)), "at least 2 clips"),
            (np.full((4, 8, 8), -100.0), "-100 dB everywhere: are the clips silent"),
        ],
    )
    def test_bad_training_clips_are_refused(self, S, message):
        with pytest.raises(ValueError, match=message):
            AutoencoderDetector(code_size=2).fit(S)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            (
                {"score": "median"},
                "unknown score 'median': expected 'profile' or 'mean'",
            ),
            ({"contamination": 0}, "contamination"),
            ({"epochs": 0}, "epochs must be at least 1"),
            ({"batch_size": 0}, "batch_size must be at least 1"),
            ({"random_state": -1}, "random_state must be at least 0"),
            ({"code_size": 9999}, "code_size must be below"),
        ],
    )
    def test_bad_parameters_are_refused(self, parameters, message):
        with pytest.raises(ValueError, match=message):
            AutoencoderDetector(**parameters).fit(striped(4))

    def test_a_failed_fit_leaves_the_detector_as_it_was(self):
        S = striped(4)
        detector = AutoencoderDetector("mean", code_size=2, epochs=1).fit(S)
        before = detector.score_samples(S)
        for bad, code_size in ((S + 500, 9999), (np.full_like(S, -100), 2)):
            with pytest.raises(ValueError, match=r"code_size|silent"):
                detector.set_params(code_size=code_size).fit(bad)
            np.testing.assert_array_equal(detector.score_samples(S), before)

    def test_seeds_of_numpy_are_seeds(self):
        AutoencoderDetector(code_size=2, epochs=1, random_state=np.int64(1)).fit(
            striped(3)
        )

    def test_test_clips_of_another_length_are_refused(self, trained):
        with pytest.raises(ValueError, match=r"shape \(16, 12\).*got \(16, 20\)"):
            trained.score_samples(striped(2, n_frames=20))

    def test_asking_before_fitting_is_refused(self):
        with pytest.raises(NotFittedError):
            AutoencoderDetector().score_samples(striped(2))
        with pytest.raises(NotFittedError):
            AutoencoderDetector().error_map(striped(2))
