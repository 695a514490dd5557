from __future__ import annotations

import librosa
import numpy as np
import pytest

from esa4_helpers import log_mel_spectrogram, peak_level, pool_over_time

SR = 16000


def tone(frequency: float, amplitude: float = 0.5, sr: int = SR) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(sr) / sr)


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

    def test_silence_is_finite(self):
        S = log_mel_spectrogram(np.zeros((1, 4000)), SR)
        assert (S == -100).all()

    def test_input_is_left_alone(self):
        clip = np.stack([tone(1000)])
        clip.setflags(write=False)
        log_mel_spectrogram(clip, SR)

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

    @pytest.mark.parametrize("sr", [0, -1, np.nan, np.inf])
    def test_impossible_rates_are_refused(self, sr):
        with pytest.raises(ValueError, match="sr must be (above 0|finite)"):
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


class TestPoolOverTime:
    S = np.random.default_rng(0).normal(-50, 10, (4, 6, 30))

    @pytest.mark.parametrize(
        ("statistic", "function"), [("mean", np.mean), ("max", np.max), ("std", np.std)]
    )
    def test_agrees_with_numpy(self, statistic, function):
        pooled = pool_over_time(self.S, statistic)
        assert pooled.shape == (4, 6)
        np.testing.assert_allclose(pooled, function(self.S, axis=-1))

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

    def test_gwrp_falls_as_decay_grows(self):
        pooled = [pool_over_time(self.S, "gwrp", decay=r) for r in (0.0, 0.5, 0.9, 1.0)]
        assert (np.diff(pooled, axis=0) < 0).all()

    @pytest.mark.parametrize("statistic", ["mean", "max", "std", "gwrp"])
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
        ],
    )
    def test_bad_spectrograms_are_named(self, S, message):
        with pytest.raises(ValueError, match=message):
            pool_over_time(S)

    def test_unknown_statistic_names_the_known_ones(self):
        with pytest.raises(ValueError, match="'median'.*'mean', 'max', 'std', 'gwrp'"):
            pool_over_time(self.S, "median")

    @pytest.mark.parametrize("decay", [-0.1, 1.1, np.nan])
    def test_decay_out_of_range_is_refused(self, decay):
        with pytest.raises(ValueError, match="decay must be (between 0 and 1|finite)"):
            pool_over_time(self.S, "gwrp", decay=decay)
