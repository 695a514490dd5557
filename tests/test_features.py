from __future__ import annotations

import tracemalloc
import warnings

import librosa
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from esa4_helpers import (
    LogMelSpectrogram,
    PoolOverTime,
    features,
    level,
    log_mel_spectrogram,
    peak_level,
    pool_over_time,
)
from esa4_helpers.features import BAND_PROFILE, Level, _blocks, _MelPower

SR = 16000


def tone(frequency: float, amplitude: float = 0.5, sr: int = SR) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(sr) / sr)


def click(sr: int) -> np.ndarray:
    clip = np.zeros(sr)
    clip[sr // 3] = 0.9
    return clip


# Loud and very quiet side by side: what 32 bits find hard.
HARD_SOUNDS = {
    "tone": lambda sr: np.stack([tone(f, 0.9, sr) for f in (50, 1000, 7900)]),
    "noise": lambda sr: np.random.default_rng(0).normal(0, 0.1, (2, 2 * sr)),
    "offset": lambda sr: 0.9 + np.random.default_rng(0).normal(0, 1e-6, (1, sr)),
    "click": lambda sr: click(sr)[np.newaxis],
    "rumble": lambda sr: np.clip(
        np.cumsum(np.random.default_rng(0).normal(0, 1e-3, (1, sr)), axis=1), -1, 1
    ),
    "nothing": lambda sr: np.zeros((1, sr), np.float32),
}


class TestLogMelSpectrogram:
    @pytest.mark.parametrize("sr", [16000, 44100])
    @pytest.mark.parametrize("frequency", [440.0, 1000.0, 3000.0, 7000.0])
    def test_a_sine_peaks_in_its_mel_band(self, sr, frequency):
        S = log_mel_spectrogram([tone(frequency, sr=sr)], sr)
        centres = librosa.mel_frequencies(128 + 2, fmin=0, fmax=sr / 2)[1:-1]
        band = S[0].mean(axis=1).argmax()
        assert abs(band - np.abs(centres - frequency).argmin()) <= 1

    def test_shape_and_type(self):
        S = log_mel_spectrogram(
            np.zeros((3, 5000), np.float32), SR, n_mels=40, hop_length=256
        )
        assert S.shape == (3, 40, 1 + 5000 // 256)
        assert S.dtype == np.float64

    def test_doubling_the_amplitude_adds_6_db(self):
        quiet, loud = log_mel_spectrogram([tone(1000, 0.1), tone(1000, 0.2)], SR)
        band = loud.mean(axis=1).argmax()
        np.testing.assert_allclose((loud - quiet)[band], 20 * np.log10(2), atol=1e-6)

    def test_reference_of_each_clip_takes_the_level_away(self):
        clips = [tone(1000, 0.1), tone(1000, 0.2)]
        quiet, loud = log_mel_spectrogram(clips, SR, ref=np.max, top_db=80)
        np.testing.assert_allclose(quiet, loud, atol=1e-6)
        assert quiet.max() == 0
        assert quiet.min() >= -80

    def test_clips_do_not_influence_one_another(self):
        rng = np.random.default_rng(0)
        clips = rng.normal(0, [[0.01], [0.1], [0.5]], (3, 4000))
        together = log_mel_spectrogram(clips, SR)
        np.testing.assert_array_equal(
            log_mel_spectrogram(clips[[2, 0, 1]], SR), together[[2, 0, 1]]
        )
        np.testing.assert_array_equal(log_mel_spectrogram(clips[:1], SR), together[:1])

    def test_a_block_is_some_clips_or_256_frames_of_one(self):
        assert list(_blocks(7, 100)) == [
            (slice(i, i + 3), slice(0, 100)) for i in (0, 3, 6)
        ]
        assert list(_blocks(2, 600)) == [
            (slice(i, i + 1), slice(j, min(j + 256, 600)))
            for i in (0, 1)
            for j in (0, 256, 512)
        ]

    def test_noise_of_all_frequencies_needs_no_64_bits(self):
        power = _MelPower(SR, 128, 2048)
        power.window = None
        assert power(noise(2, 2048)).shape == (2, 128)

    @pytest.mark.filterwarnings("ignore:Empty filters")
    def test_the_least_sizes_will_do(self):
        S = log_mel_spectrogram(noise(1, 9), SR, n_mels=1, n_fft=2, hop_length=1)
        assert S.shape == (1, 1, 10)
        with pytest.raises(ValueError, match="n_fft must be at least 2, got 1"):
            log_mel_spectrogram(noise(1, 9), SR, n_fft=1)

    def test_no_room_below_the_maximum_leaves_the_maximum(self):
        S = log_mel_spectrogram([tone(1000)], SR, top_db=0)
        assert np.ptp(S) == 0

    def test_silence_is_finite(self):
        S = log_mel_spectrogram(np.zeros((1, 4000)), SR)
        assert (S == -100).all()

    def test_input_is_left_alone(self):
        clip = np.stack([tone(1000)])
        clip.setflags(write=False)
        log_mel_spectrogram(clip, SR)

    @pytest.mark.parametrize("sr", [16000, 44100])
    @pytest.mark.parametrize("sound", HARD_SOUNDS)
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"n_mels": 40, "n_fft": 1001, "hop_length": 333},
            {"n_fft": 512, "hop_length": 700},
            {"ref": np.max, "top_db": 60.0},
            {"ref": 2.0},
        ],
    )
    def test_agrees_with_librosa_in_64_bits(self, sr, sound, settings):
        clips = HARD_SOUNDS[sound](sr)
        levels = {"ref": 1.0, "top_db": None} | {
            name: settings[name] for name in ("ref", "top_db") if name in settings
        }
        sizes = {name: settings[name] for name in settings if name not in levels}
        sizes = {"n_mels": 128} | sizes
        with warnings.catch_warnings():
            # So short a window leaves some bands without any frequency.
            warnings.filterwarnings("ignore", "Empty filters")
            expected = [
                librosa.power_to_db(
                    librosa.feature.melspectrogram(y=clip, sr=sr, **sizes), **levels
                )
                for clip in clips.astype(np.float64)
            ]
            S = log_mel_spectrogram(clips, sr, **settings)
        np.testing.assert_allclose(S, expected, atol=1e-3, rtol=0)

    def test_an_hour_takes_little_more_memory_than_its_result(self):
        hour = np.zeros((6, SR * 600), np.float32)
        hour[:, ::5000] = 0.5
        for clips in (hour, hour.reshape(1, -1)):
            tracemalloc.start()
            S = log_mel_spectrogram(clips, SR)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < S.nbytes + 30e6 < 200e6

    def test_a_long_clip_has_the_frames_of_its_pieces(self):
        long = np.random.default_rng(0).normal(0, 0.1, (1, 512 * 1000))
        S = log_mel_spectrogram(long, SR)
        middle = log_mel_spectrogram(long[:, 512 * 200 : 512 * 700], SR)
        # At its ends the piece lacks what the whole clip goes on with.
        np.testing.assert_allclose(middle[:, :, 2:-3], S[:, :, 202:698], atol=1e-3)

    @pytest.mark.parametrize(
        ("audio", "message"),
        [
            (
                [[0.0] * 4000, [np.nan] * 4000],
                "NaN or infinity in 1 of 2 clips, first in clip 1",
            ),
            (np.full((1, 4000), -np.inf), "NaN or infinity"),
            (np.zeros((2, 0)), "length zero"),
            (np.zeros((0, 4000)), "no clip"),
            (np.zeros(4000), r"\(n_clips, n_samples\).*audio\[np.newaxis\]"),
            (np.zeros((1, 2, 4000)), r"\(n_clips, n_samples\)"),
            (np.zeros((1, 2047)), "2047 samples, less than one window of n_fft=2048"),
        ],
    )
    def test_bad_clips_are_named(self, audio, message):
        with pytest.raises(ValueError, match=message):
            log_mel_spectrogram(audio, SR)

    @pytest.mark.parametrize("dtype", [np.int16, complex, str])
    def test_other_types_than_floats_are_refused(self, dtype):
        with pytest.raises(TypeError, match="must hold floats"):
            log_mel_spectrogram(np.zeros((1, 4000), dtype), SR)

    def test_masks_are_not_taken_off(self):
        with pytest.raises(TypeError, match="audio is a masked array"):
            log_mel_spectrogram(np.ma.masked_all((1, 4000)), SR)

    def test_a_rate_in_kilohertz_is_told_in_hertz(self):
        with pytest.raises(ValueError, match=r"got 44\.1: give it in Hz, sr=44100"):
            log_mel_spectrogram(np.zeros((1, 4000)), 44.1)

    @pytest.mark.parametrize("sr", [0, -1, np.nan, np.inf])
    def test_impossible_rates_are_refused(self, sr):
        with pytest.raises(ValueError, match="sr must be (at least 1000|finite)"):
            log_mel_spectrogram(np.zeros((1, 4000)), sr)

    @pytest.mark.parametrize("name", ["n_mels", "n_fft", "hop_length"])
    @pytest.mark.parametrize("value", [0, -5])
    def test_sizes_must_be_positive(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must be at least"):
            log_mel_spectrogram(np.zeros((1, 4000)), SR, **{name: value})

    @pytest.mark.parametrize(
        ("argument", "message"),
        [
            ({"ref": 0.0}, "ref must be a power above 0"),
            ({"ref": -1.0}, "ref must be a power above 0"),
            ({"ref": np.nan}, "ref must be finite"),
            ({"top_db": -1}, "top_db must be 0 dB or more"),
            ({"top_db": np.nan}, "top_db must be finite"),
        ],
    )
    def test_impossible_levels_are_refused(self, argument, message):
        with pytest.raises(ValueError, match=message):
            log_mel_spectrogram(np.zeros((1, 4000)), SR, **argument)

    @pytest.mark.parametrize(
        "argument", [{"ref": "max"}, {"top_db": "80"}, {"n_mels": 2.5}]
    )
    def test_other_things_than_numbers_are_refused(self, argument):
        with pytest.raises(TypeError, match=f"{next(iter(argument))} must be a"):
            log_mel_spectrogram(np.zeros((1, 4000)), SR, **argument)

    def test_integer_samples_in_disguise_are_refused(self):
        with pytest.raises(ValueError, match="look like integer samples"):
            log_mel_spectrogram([32768 * tone(1000)], SR)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("gain", [1e-200, 1e-310, 1e-30, 1e-41])
def test_what_is_too_quiet_for_its_squares_is_silence(kind, gain):
    clip = (gain * tone(1000)).astype(kind)[np.newaxis]
    assert (log_mel_spectrogram(clip, SR) == -100).all()
    np.testing.assert_array_equal(level(clip), [[-100, -100, 0]])
    assert peak_level(clip) == -100


@pytest.mark.parametrize("measure", [level, peak_level])
@pytest.mark.parametrize("gain", [32768.0, 1e200])
def test_levels_of_what_is_too_large_are_refused(measure, gain):
    with pytest.raises(ValueError, match=r"audio should lie in .* divide .* by 32768"):
        measure([gain * tone(1000)])


class TestPeakLevel:
    def test_known_levels(self):
        clips = [[0.0, -1.0], [0.5, 0.1], [1e-9, 0.0]]
        np.testing.assert_allclose(peak_level(clips), [0, 20 * np.log10(0.5), -100])

    def test_one_short_moment_decides(self):
        clip = np.zeros((1, 1000))
        clip[0, 500] = 0.1
        assert peak_level(clip)[0] == pytest.approx(-20)

    def test_bad_clips_are_named(self):
        with pytest.raises(ValueError, match="NaN"):
            peak_level([[0.0, np.nan]])


class TestLevel:
    def test_a_sine_has_a_crest_factor_of_3_db(self):
        rms, peak, crest = level([tone(1000, 0.5)])[0]
        assert peak == pytest.approx(20 * np.log10(0.5), abs=1e-3)
        assert crest == pytest.approx(3.01, abs=0.01)
        assert rms == pytest.approx(peak - crest)

    @pytest.mark.parametrize("frequency", [100, 440, 3000])
    def test_does_not_depend_on_the_pitch_of_a_tone(self, frequency):
        np.testing.assert_allclose(
            level([tone(frequency)]), level([tone(1000)]), atol=0.02
        )

    def test_a_gain_of_6_db_moves_both_levels_and_not_the_crest_factor(self):
        clip = np.random.default_rng(0).normal(0, 0.1, (1, 4000))
        louder = clip * 10 ** (6 / 20)
        np.testing.assert_allclose(level(louder) - level(clip), [[6, 6, 0]], atol=1e-9)

    def test_a_click_raises_the_crest_factor(self):
        hum = tone(100, 0.01)
        click = hum.copy()
        click[8000] = 0.5
        (_, _, of_hum), (_, _, of_click) = level([hum, click])
        assert of_click > of_hum + 30

    def test_of_silence_is_the_least_level_and_finite(self):
        np.testing.assert_array_equal(level(np.zeros((1, 100))), [[-100, -100, 0]])

    def test_clips_do_not_influence_one_another(self):
        clips = np.stack([tone(440, a) for a in (0.1, 0.5, 0.2)])
        together = level(clips.astype(np.float32))
        assert together.dtype == np.float64
        np.testing.assert_array_equal(
            level(clips[[2, 0, 1]].astype(np.float32)), together[[2, 0, 1]]
        )

    def test_bad_clips_are_named(self):
        with pytest.raises(ValueError, match="NaN or infinity in 1 of 2.*clip 1"):
            level([[0.0, 0.1], [0.0, np.nan]])


class TestPoolOverTime:
    S = np.random.default_rng(0).normal(-50, 10, (4, 6, 30))

    @pytest.mark.parametrize(
        ("statistic", "function"),
        [
            ("mean", np.mean),
            ("max", np.max),
            ("min", np.min),
            ("median", np.median),
            ("std", np.std),
        ],
    )
    def test_agrees_with_numpy(self, statistic, function):
        pooled = pool_over_time(self.S, statistic)
        assert pooled.shape == (4, 6)
        np.testing.assert_allclose(pooled, function(self.S, axis=-1))

    @pytest.mark.parametrize(
        ("percentile", "other"), [("p0", "min"), ("p50", "median"), ("p100", "max")]
    )
    def test_some_percentiles_have_a_name_of_their_own(self, percentile, other):
        np.testing.assert_allclose(
            pool_over_time(self.S, percentile), pool_over_time(self.S, other)
        )

    @pytest.mark.parametrize("percent", [5, 25, 75, 95, 99, 2.5])
    def test_a_percentile_has_its_share_of_frames_below(self, percent):
        S = np.random.default_rng(1).normal(size=(2, 3, 1000))
        pooled = pool_over_time(S, f"p{percent}")
        below = np.mean(S < pooled[:, :, np.newaxis], axis=2)
        np.testing.assert_allclose(below, percent / 100, atol=1e-3)

    @pytest.mark.parametrize(
        "statistic", ["p101", "p-1", "p", "p100.1", "95", "P95", "p95 ", "pp95"]
    )
    def test_other_percentiles_are_refused(self, statistic):
        with pytest.raises(ValueError, match="unknown statistic.*'p0 to p100'"):
            pool_over_time(self.S, statistic)

    @pytest.mark.parametrize(("decay", "statistic"), [(0.0, "max"), (1.0, "mean")])
    def test_gwrp_spans_from_maximum_to_mean(self, decay, statistic):
        np.testing.assert_allclose(
            pool_over_time(self.S, "gwrp", decay=decay),
            pool_over_time(self.S, statistic),
        )

    def test_gwrp_by_hand(self):
        S = np.array([[[1.0, 4.0, 2.0]]])
        expected = (4 + 0.5 * 2 + 0.25 * 1) / 1.75
        assert pool_over_time(S, "gwrp", decay=0.5)[0, 0] == pytest.approx(expected)

    def test_gwrp_gives_each_frame_nine_tenths_of_the_one_before_by_default(self):
        pooled = pool_over_time(self.S, "gwrp", decay=0.9)
        np.testing.assert_array_equal(pool_over_time(self.S, "gwrp"), pooled)
        np.testing.assert_array_equal(PoolOverTime("gwrp").transform(self.S), pooled)

    def test_gwrp_falls_as_decay_grows(self):
        pooled = [pool_over_time(self.S, "gwrp", decay=r) for r in (0.0, 0.5, 0.9, 1.0)]
        assert (np.diff(pooled, axis=0) < 0).all()

    @pytest.mark.parametrize(
        "statistic", ["mean", "max", "min", "median", "std", "gwrp", "p95"]
    )
    def test_order_of_frames_does_not_matter_and_order_of_clips_does(self, statistic):
        pooled = pool_over_time(self.S, statistic)
        np.testing.assert_allclose(
            pool_over_time(self.S[:, :, ::-1], statistic), pooled
        )
        np.testing.assert_allclose(
            pool_over_time(self.S[::-1], statistic), pooled[::-1]
        )

    def test_result_is_float64_whatever_came_in(self):
        assert pool_over_time(self.S.astype(np.float32)).dtype == np.float64

    def test_a_short_click_moves_the_maximum_and_hardly_the_mean(self):
        S = np.full((1, 1, 100), -60.0)
        S[0, 0, 50] = -20.0
        assert pool_over_time(S, "max")[0, 0] == -20
        assert pool_over_time(S, "mean")[0, 0] < -59

    @pytest.mark.parametrize(
        ("S", "message"),
        [
            (
                np.zeros((6, 30)),
                r"\(n_clips, n_mels, n_frames\), got \(6, 30\); use S\[np",
            ),
            (np.zeros(30), r"\(n_clips, n_mels, n_frames\)"),
            (np.zeros((4, 6, 0)), "empty"),
            (np.full((2, 6, 30), np.nan), "NaN or infinity in 2 of 2"),
            (1e-200 * S, r"amount in S is 8\.\d+e-199.* 1e-140 to 1e\+140"),
            (1e200 * S, r"amount in S is 8\.\d+e\+201"),
        ],
    )
    def test_bad_spectrograms_are_named(self, S, message):
        with pytest.raises(ValueError, match=message):
            pool_over_time(S)
        with pytest.raises(ValueError, match=message):
            PoolOverTime().fit(S)

    @pytest.mark.parametrize("unit", [1e-130, 1e130])
    def test_any_unit_will_do(self, unit):
        pooled = pool_over_time(unit * self.S, "std") / unit
        np.testing.assert_allclose(pooled, self.S.std(axis=-1))

    def test_unknown_statistic_names_the_known_ones(self):
        with pytest.raises(
            ValueError, match="'mode'.*'mean', 'max', 'min', 'median', 'std', 'gwrp'"
        ):
            pool_over_time(self.S, "mode")

    @pytest.mark.parametrize("decay", [-0.1, 1.1, np.nan])
    def test_decay_out_of_range_is_refused(self, decay):
        with pytest.raises(ValueError, match="decay must be (between 0 and 1|finite)"):
            pool_over_time(self.S, "gwrp", decay=decay)


def noise(n_clips: int, n_samples: int = 4000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (n_clips, n_samples))


@pytest.fixture(params=["spectrogram", "level"])
def first_step(request: pytest.FixtureRequest) -> LogMelSpectrogram | Level:
    """What takes audio in a pipeline."""
    return {"spectrogram": LogMelSpectrogram(SR), "level": Level(SR)}[request.param]


def test_clips_of_the_same_level_differ_by_no_rounding():
    clips = noise(20)
    clips *= 0.02 / np.sqrt(np.mean(clips**2, axis=1, keepdims=True))
    clips = clips.astype(np.float32)
    assert np.ptp(level(clips)[:, 0]) > 0
    assert np.ptp(Level(SR).fit_transform(clips)[:, 0]) == 0


class TestFirstSteps:
    def test_measure_what_the_functions_do(self):
        clips = noise(3)
        np.testing.assert_array_equal(
            Level(SR).fit(noise(2)).transform(clips), level(clips).round(3)
        )
        np.testing.assert_array_equal(
            LogMelSpectrogram(8000, n_mels=40, n_fft=1024, hop_length=256)
            .fit(noise(2))
            .transform(clips),
            log_mel_spectrogram(clips, 8000, n_mels=40, n_fft=1024, hop_length=256),
        )

    def test_have_the_settings_of_the_functions_by_default(self):
        clips = noise(3)
        default = LogMelSpectrogram().fit(clips)
        np.testing.assert_array_equal(
            default.transform(clips),
            log_mel_spectrogram(clips, 16000, n_mels=128, n_fft=2048, hop_length=512),
        )
        for step in (default, Level().fit(clips)):
            with pytest.raises(ValueError, match=r"0\.25 s at 16000 Hz"):
                step.transform(noise(1, 3000))

    def test_learn_nothing_from_the_training_clips_but_their_length(self, first_step):
        a, b = (
            clone(first_step).fit(noise(3, seed=seed)).transform(noise(2))
            for seed in (1, 2)
        )
        np.testing.assert_array_equal(a, b)

    def test_a_clone_is_not_fitted_and_keeps_its_settings(self, first_step):
        first_step.set_params(sr=8000).fit(noise(2))
        copied = clone(first_step)
        assert copied.get_params() == first_step.get_params()
        with pytest.raises(NotFittedError):
            copied.transform(noise(2))

    @pytest.mark.parametrize(
        ("audio", "error", "message"),
        [
            (
                noise(4) * [[1.0], [0.0], [1.0], [0.0]],
                ValueError,
                "2 of 4 training clips in audio are silent or constant, first clip 1",
            ),
            (
                noise(3) * [[1.0], [1.0], [0.0]] + 0.1,
                ValueError,
                "1 of 3 training clips.*silent or constant, first clip 2",
            ),
            (
                noise(3) + [[0.0], [np.nan], [0.0]],
                ValueError,
                "NaN or infinity in 1 of 3 clips, first in clip 1",
            ),
            (noise(1), ValueError, "at least 2 clips, got 1"),
            (
                np.tile(noise(1), (3, 1)),
                ValueError,
                "all 3 training clips.*same recording",
            ),
            (noise(1)[0], ValueError, r"shape \(n_clips, n_samples\)"),
            (noise(3, 0), ValueError, "length zero"),
            ([[0.1, 0.2], [0.1]], ValueError, "clips of the same length"),
            (3000 * noise(3), ValueError, "look like integer samples"),
            ((3000 * noise(3)).astype(np.int16), TypeError, "must hold floats"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_training_clips_without_use_are_refused(
        self, first_step, audio, error, message
    ):
        with pytest.raises(error, match=message):
            first_step.fit(audio)
        with pytest.raises(NotFittedError):
            first_step.transform(noise(2))

    def test_training_clips_shorter_than_a_window_have_no_spectrogram(self):
        with pytest.raises(ValueError, match="2047 samples, less than one window"):
            LogMelSpectrogram(SR).fit(noise(3, 2047))
        LogMelSpectrogram(SR).fit(noise(3, 2048))

    def test_the_quietest_sound_of_16_bits_is_no_silence(self, first_step):
        clips = np.zeros((2, 4000))
        clips[0, 100] = clips[1, 200] = 1 / 32768
        first_step.fit(clips)

    @pytest.mark.parametrize("n_samples", [3999, 8000])
    def test_test_clips_of_another_length_are_refused(self, first_step, n_samples):
        first_step.fit(noise(2))
        with pytest.raises(
            ValueError,
            match=rf"have {n_samples} samples.*had 4000 \(0.25 s at 16000 Hz",
        ):
            first_step.transform(noise(2, n_samples))

    def test_a_silent_test_clip_is_measured(self, first_step):
        first_step.fit(noise(2))
        assert np.isfinite(first_step.transform(np.zeros((1, 4000)))).all()

    @pytest.mark.parametrize("sr", [0, -16000, np.nan])
    def test_impossible_rates_are_refused(self, first_step, sr):
        with pytest.raises(ValueError, match="sr must be (at least 1000|finite)"):
            first_step.set_params(sr=sr).fit(noise(2))


class TestPoolOverTimeAsAStep:
    S = np.random.default_rng(0).normal(-50, 10, (4, 6, 30))

    def test_all_bands_of_a_statistic_stand_before_the_next(self):
        pooled = PoolOverTime(("p5", "max", "mean")).fit_transform(self.S)
        assert pooled.shape == (4, 3 * 6)
        for i, statistic in enumerate(("p5", "max", "mean")):
            np.testing.assert_array_equal(
                pooled[:, 6 * i : 6 * (i + 1)], pool_over_time(self.S, statistic)
            )

    def test_one_statistic_needs_no_list(self):
        np.testing.assert_array_equal(
            PoolOverTime("median").fit_transform(self.S),
            pool_over_time(self.S, "median"),
        )

    def test_decay_is_passed_on(self):
        np.testing.assert_array_equal(
            PoolOverTime("gwrp", decay=0.5).fit_transform(self.S),
            pool_over_time(self.S, "gwrp", decay=0.5),
        )

    def test_needs_no_training(self):
        pool = PoolOverTime(("mean", "max"))
        np.testing.assert_array_equal(
            pool.transform(self.S), pool.fit_transform(self.S)
        )
        assert clone(pool).get_params() == pool.get_params()
        check_is_fitted(pool)

    def test_works_in_a_pipeline(self):
        pipeline = make_pipeline(LogMelSpectrogram(SR), PoolOverTime(BAND_PROFILE))
        clips = noise(3)
        S = log_mel_spectrogram(clips, SR)
        np.testing.assert_array_equal(
            pipeline.fit_transform(clips),
            np.hstack([pool_over_time(S, name) for name in BAND_PROFILE]),
        )

    def test_its_settings_can_be_changed_from_outside_a_pipeline(self):
        pipeline = make_pipeline(LogMelSpectrogram(SR), PoolOverTime(BAND_PROFILE))
        pipeline.set_params(
            logmelspectrogram__n_mels=20, poolovertime__statistics="max"
        )
        clips = noise(3)
        np.testing.assert_array_equal(
            clone(pipeline).fit_transform(clips),
            log_mel_spectrogram(clips, SR, n_mels=20).max(axis=2),
        )

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"statistics": ()}, "must name one or more, got none"),
            ({"statistics": ("mean", "mode")}, "unknown statistic 'mode'"),
            ({"statistics": "gwrp", "decay": 2.0}, "decay must be between 0 and 1"),
        ],
    )
    def test_impossible_settings_are_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            PoolOverTime(**settings).fit(self.S)


class TestSpreadingBack:
    S = np.random.default_rng(0).normal(-60, 3, (3, 8, 20))

    @pytest.mark.parametrize("statistics", ["mean", "max", "std", BAND_PROFILE])
    def test_gives_all_to_frames_on_the_side_that_is_unusual(self, statistics):
        pool = PoolOverTime(statistics)
        X = pool.fit_transform(self.S)
        shares, usual = np.ones_like(X), np.median(X, axis=0) - 1
        cells = pool.spread_back(shares, usual, self.S)
        assert cells.min() >= 0
        np.testing.assert_allclose(
            cells.sum(axis=2), shares.reshape(3, -1, 8).sum(axis=1)
        )

    @pytest.mark.parametrize(
        ("statistic", "usual", "cells"),
        [
            ("mean", 1, [0, 0, 5]),
            ("mean", 3, [3, 3, 0]),
            ("max", -1, [1, 1, 7]),
            # The mean is 2: what counts is 4, 4 and 16, against the square of the usual.
            ("std", 1.5, [1.75, 1.75, 13.75]),
            ("std", 4, [12, 12, 0]),
        ],
    )
    def test_gives_each_frame_as_much_as_it_pulled(self, statistic, usual, cells):
        S, cells = np.array([[[0.0, 0, 6]]]), np.array([[cells]])
        found = PoolOverTime(statistic).spread_back(
            np.array([[cells.sum()]]), np.array([usual]), S
        )
        np.testing.assert_allclose(found, cells)

    def test_little_is_spread_as_much_is(self):
        S = np.array([[[0.0, 0, 6e-3]]])
        found = PoolOverTime("mean").spread_back(np.array([[1.0]]), np.array([1e-3]), S)
        assert found.tolist() == [[[0, 0, 1]]]

    def test_what_is_usual_gets_nothing(self):
        pool = PoolOverTime("max")
        X = pool.fit_transform(self.S)
        cells = pool.spread_back(np.zeros_like(X), X[0], self.S)
        assert not cells.any()


def test_fitting_the_pooling_checks_everything_and_pools_nothing(monkeypatch):
    monkeypatch.setattr(features, "_pool", None)
    PoolOverTime(BAND_PROFILE).fit(np.zeros((2, 4, 5)))
    for pool, message in (
        (PoolOverTime(()), "one or more"),
        (PoolOverTime("p101"), "unknown statistic 'p101'"),
        (PoolOverTime("gwrp", decay=2.0), "decay must be between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=message):
            pool.fit(np.zeros((2, 4, 5)))
