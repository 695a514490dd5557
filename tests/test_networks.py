from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from esa4_helpers import build_autoencoder, reconstruct, reconstruction_error
from esa4_helpers.networks import build_dense_autoencoder, build_interpolator

RNG = np.random.default_rng(0)
BUILDERS = {
    "bottleneck": build_autoencoder,
    "dense": build_dense_autoencoder,
    "interpolator": build_interpolator,
}


@pytest.fixture(params=BUILDERS)
def build(request: pytest.FixtureRequest) -> Callable:
    return BUILDERS[request.param]


def model_of(shape: tuple[int | None, int | None], layers: Callable):
    """A model whose answers can be told without running it."""
    import keras

    inputs = keras.Input((*shape, 1))
    return keras.Model(inputs, layers(keras.layers, inputs))


def shifting(n_mels: int | None, n_frames: int | None):
    return model_of(
        (n_mels, n_frames), lambda layers, x: layers.Rescaling(1.0, offset=0.5)(x)
    )


def middle_of(n_mels: int, n_frames: int):
    half = n_frames // 2
    return model_of(
        (n_mels, n_frames), lambda layers, x: layers.Cropping2D((0, half))(x)
    )


class TestBuilders:
    @pytest.mark.parametrize(
        "shape", [(128, 79), (128, 216), (40, 33), (8, 8), (1, 17)]
    )
    def test_an_autoencoder_returns_the_shape_it_was_given(self, shape):
        windows = RNG.normal(size=(2, *shape, 1))
        for build in (build_autoencoder, build_dense_autoencoder):
            assert build(*shape, code_size=4)(windows).shape == (2, *shape, 1)

    @pytest.mark.parametrize("shape", [(128, 5), (40, 11), (3, 3)])
    def test_an_interpolator_returns_one_frame(self, shape):
        windows = RNG.normal(size=(2, *shape, 1))
        rebuilt = build_interpolator(*shape, code_size=4)(windows)
        assert rebuilt.shape == (2, shape[0], 1, 1)

    def test_levels_above_and_below_the_average_can_be_returned(self, build):
        windows = 1e4 * RNG.normal(size=(50, 16, 5, 1))
        rebuilt = np.asarray(build(16, 5, code_size=4)(windows))
        assert rebuilt.min() < -1
        assert rebuilt.max() > 1

    def test_all_that_comes_out_has_passed_a_code_smaller_than_what_went_in(
        self, build
    ):
        import keras

        model = build(16, 5, code_size=6)
        code = model.get_layer("code").output
        assert code.shape == (None, 6)
        encode, decode = (
            keras.Model(model.input, code),
            # Keras refuses this if anything goes around the code.
            keras.Model(code, model.output),
        )
        windows = RNG.normal(size=(3, 16, 5, 1))
        np.testing.assert_allclose(
            decode(encode(windows)), model(windows), rtol=1e-5, atol=1e-7
        )

    def test_the_code_listens(self, build):
        model = build(16, 5, code_size=6)
        a, b = np.asarray(model(RNG.normal(size=(2, 16, 5, 1))))
        assert not np.allclose(a, b)

    def test_an_interpolator_never_sees_the_middle_frame(self):
        model = build_interpolator(16, 7, code_size=8)
        windows = RNG.normal(size=(1, 16, 7, 1))
        rebuilt = np.asarray(model(windows))
        for frame in range(7):
            changed = windows.copy()
            changed[:, :, frame] += 10
            is_same = np.array_equal(model(changed), rebuilt)
            assert is_same == (frame == 3)

    def test_training_minimises_the_mean_squared_error(self, build):
        model = build(8, 5, code_size=2)
        windows = RNG.normal(size=(4, 8, 5, 1))
        truth = RNG.normal(size=(4, *model.output_shape[1:]))
        expected = np.mean((np.asarray(model(windows)) - truth) ** 2)
        model.run_eagerly = True
        assert model.test_on_batch(windows, truth) == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize(
        ("name", "kernels"),
        [
            (
                "bottleneck",
                [
                    *[(3, 3, 1, 8), (3, 3, 8, 16), (3, 3, 16, 16)],
                    # 16 bands and 5 frames are padded to 16 and 8, and halved three times.
                    *[(2 * 16, 16), (16, 2 * 16)],
                    *[(3, 3, 16, 16), (3, 3, 8, 16), (3, 3, 1, 8)],
                ],
            ),
            (
                "dense",
                [
                    *[(80, 128), (128, 128), (128, 128), (128, 128), (128, 8)],
                    *[(8, 128), (128, 128), (128, 128), (128, 128), (128, 80)],
                ],
            ),
            (
                "interpolator",
                [(64, 128), (128, 64), (64, 32), (32, 64), (64, 128), (128, 16)],
            ),
        ],
    )
    def test_by_default_they_narrow_down_and_widen_again(self, name, kernels):
        frames = {"n_frames": 5} if name == "bottleneck" else {}
        model = BUILDERS[name](16, **frames)
        shapes = [w.shape for w in model.get_weights() if w.ndim > 1]
        assert shapes == kernels
        assert model.input_shape == (None, 16, 5, 1)
        assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
        # To translate it takes longer than to train it.
        assert not model.jit_compile

    def test_learning_rate_is_the_one_asked_for(self, build):
        model = build(8, 5, code_size=2, learning_rate=0.02)
        assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
        assert not build(8, 5, code_size=2, learning_rate=None).compiled

    @pytest.mark.parametrize(
        ("sizes", "message"),
        [
            ({"n_mels": 0}, "n_mels must be at least 1"),
            ({"n_frames": 0}, "n_frames must be at least [13]"),
            ({"code_size": 0}, "code_size must be at least 1"),
            ({"code_size": 999}, "below the [0-9]+ values.*bottleneck, got 999"),
        ],
    )
    def test_impossible_sizes_are_refused(self, build, sizes, message):
        with pytest.raises(ValueError, match=message):
            build(**{"n_mels": 8, "n_frames": 5, "code_size": 2} | sizes)

    @pytest.mark.parametrize("name", ["n_mels", "n_frames", "code_size"])
    def test_sizes_are_whole_numbers(self, build, name):
        sizes = {"n_mels": 8, "n_frames": 5, "code_size": 2} | {name: 3.0}
        with pytest.raises(TypeError, match=f"{name} must be a whole number"):
            build(**sizes)

    def test_a_code_as_large_as_what_goes_in_is_no_bottleneck(self):
        for build, n_values in (
            (build_autoencoder, 4 * 3),
            (build_dense_autoencoder, 4 * 3),
            # The middle frame does not go in.
            (build_interpolator, 4 * 2),
        ):
            build(4, 3, code_size=n_values - 1)
            with pytest.raises(ValueError, match=f"below the {n_values} values"):
                build(4, 3, code_size=n_values)

    @pytest.mark.parametrize(
        ("n_frames", "message"), [(4, "odd to have a middle, got 4"), (1, "at least 3")]
    )
    def test_a_window_without_a_middle_can_not_be_interpolated(self, n_frames, message):
        with pytest.raises(ValueError, match=f"n_frames must be {message}"):
            build_interpolator(8, n_frames)

    @pytest.mark.parametrize("learning_rate", [0.0, -1e-3, np.nan])
    def test_impossible_learning_rate_is_refused(self, build, learning_rate):
        with pytest.raises(ValueError, match="learning_rate must be"):
            build(8, 5, code_size=1, learning_rate=learning_rate)

    def test_without_tensorflow_the_error_says_what_to_install(
        self, build, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, "keras", None)
        with pytest.raises(ImportError, match="pip install.*tensorflow"):
            build(8, 5, code_size=1)


class TestReconstruct:
    S = RNG.normal(size=(3, 4, 15))

    @pytest.mark.parametrize("window", [1, 4, 5, 6, 15])
    def test_a_network_that_rebuilds_all_gives_the_clips_back(self, window):
        model = model_of((4, window), lambda layers, x: layers.Rescaling(1.0)(x))
        np.testing.assert_allclose(reconstruct(model, self.S), self.S, rtol=1e-6)

    def test_windows_lie_side_by_side_and_the_last_one_at_the_end(self):
        def position(layers, x):
            ramp = np.arange(6.0).reshape(1, 1, 6, 1)
            return layers.Rescaling(0.0)(x) + ramp

        rebuilt = reconstruct(model_of((4, 6), position), self.S)
        expected = [0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2, 3, 4, 5]
        np.testing.assert_array_equal(rebuilt, np.tile(expected, (3, 4, 1)))

    @pytest.mark.parametrize("window", [1, 3, 5, 15])
    def test_a_network_that_returns_the_middle_is_asked_for_every_frame(self, window):
        np.testing.assert_allclose(
            reconstruct(middle_of(4, window), self.S), self.S, rtol=1e-6
        )

    def test_ends_of_a_clip_have_mirrored_neighbours(self):
        def average_of_neighbours(layers, x):
            before, after = (
                layers.Cropping2D(((0, 0), crop))(x) for crop in ((0, 2), (2, 0))
            )
            return layers.Average()([before, after])

        rebuilt = reconstruct(model_of((4, 3), average_of_neighbours), self.S)
        inside = (self.S[:, :, :-2] + self.S[:, :, 2:]) / 2
        np.testing.assert_allclose(rebuilt[:, :, 1:-1], inside, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(rebuilt[:, :, 0], self.S[:, :, 1], rtol=1e-5)
        np.testing.assert_allclose(rebuilt[:, :, -1], self.S[:, :, -2], rtol=1e-5)

    def test_a_network_without_a_fixed_size_gets_whole_clips(self):
        np.testing.assert_allclose(
            reconstruct(shifting(None, None), self.S), self.S + 0.5, rtol=1e-5
        )

    def test_more_clips_than_are_run_at_a_time_keep_their_order(self):
        S = np.repeat(np.arange(40.0), 64 * 300).reshape(40, 64, 300)
        np.testing.assert_array_equal(reconstruct(middle_of(64, 5), S), S)

    def test_each_clip_is_rebuilt_by_itself(self):
        model = build_interpolator(4, 5, code_size=2)
        rebuilt = reconstruct(model, self.S)
        assert rebuilt.dtype == np.float64
        for i in range(3):
            alone = reconstruct(model, self.S[[i]])
            np.testing.assert_allclose(alone[0], rebuilt[i], rtol=1e-4, atol=1e-7)

    @pytest.mark.parametrize("shape", [(2, 4, 5), (2, 5, 6), (2, 6, 4), (2, 3, 12)])
    def test_clips_that_do_not_fit_the_network_are_refused(self, shape):
        message = rf"4 mel bands and windows of 6 frames.*\({shape[1]}, {shape[2]}\)"
        with pytest.raises(ValueError, match=message):
            reconstruct(shifting(4, 6), np.zeros(shape))

    @pytest.mark.parametrize(
        "layers",
        [
            lambda layers, x: layers.Flatten()(x),
            lambda layers, x: layers.Cropping2D(((1, 1), (0, 0)))(x),
            lambda layers, x: layers.Concatenate()([x, x]),
            lambda layers, x: layers.GlobalAveragePooling2D()(x),
        ],
        ids=["flat", "fewer bands", "two channels", "one number"],
    )
    def test_a_model_that_returns_something_else_is_refused(self, layers):
        with pytest.raises(
            ValueError, match="an autoencoder returns what it was given"
        ):
            reconstruct(model_of((4, 6), layers), np.zeros((2, 4, 6)))

    @pytest.mark.parametrize("astray", [np.nan, np.inf])
    def test_a_model_gone_astray_is_refused(self, astray):
        model = model_of((4, 6), lambda layers, x: layers.Rescaling(float(astray))(x))
        with pytest.raises(ValueError, match="the model returned NaN"):
            reconstruct(model, np.ones((2, 4, 6)))

    @pytest.mark.parametrize(
        ("S", "error", "message"),
        [
            (np.full((1, 4, 6), np.nan), ValueError, "S holds NaN"),
            (np.zeros((4, 6)), ValueError, r"S must have the shape.*S\[np.newaxis\]"),
            (np.zeros((1, 4, 6), int), TypeError, "S must hold floats"),
        ],
    )
    def test_bad_spectrograms_are_refused(self, S, error, message):
        for function in (reconstruct, reconstruction_error):
            with pytest.raises(error, match=message):
                function(shifting(4, 6), S)


class TestReconstructionError:
    def test_is_the_squared_difference_in_each_cell(self):
        errors = reconstruction_error(shifting(4, 6), RNG.uniform(size=(40, 4, 6)))
        assert errors.dtype == np.float64
        np.testing.assert_allclose(errors, np.full((40, 4, 6), 0.25), rtol=1e-5)

    def test_belongs_to_the_cell_it_arose_in(self):
        zeros = model_of((4, 6), lambda layers, x: layers.Rescaling(0.0)(x))
        S = RNG.uniform(size=(3, 4, 13))
        np.testing.assert_allclose(reconstruction_error(zeros, S), S**2, rtol=1e-6)
