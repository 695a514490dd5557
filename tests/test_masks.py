"""What differs between an anomaly and its healthy twin, seen in spectrograms."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from esa4_helpers import make_synthetic_dataset
from esa4_helpers.features import change_mask
from esa4_helpers.synthesis import ANOMALY_KINDS, synthesize_clip

SR = 16000
HOP = 512


def mask_of(kind: str, seed: int, sr: int = SR, **settings: float) -> np.ndarray:
    clip, healthy = synthesize_clip(
        kind, sr=sr, random_state=seed, return_healthy=True, **settings
    )
    return change_mask(clip[np.newaxis], healthy[np.newaxis], sr)[0]


def changed_bands_hz(mask: np.ndarray, sr: int) -> np.ndarray:
    """Centres of those mel bands in which something has changed."""
    centres = librosa.mel_frequencies(len(mask) + 2, fmin=0, fmax=sr / 2)[1:-1]
    return centres[mask.any(axis=1)]


def noise(shape: tuple[int, ...] = (1, SR)) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, shape)


class TestOfClips:
    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    def test_normal_clips_have_an_empty_mask(self, sr):
        assert not mask_of("normal", 0, sr).any()

    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    @pytest.mark.parametrize("kind", ANOMALY_KINDS)
    def test_anomalies_change_some_of_the_clip_and_not_all(self, kind, sr):
        for seed in range(5):
            share = mask_of(kind, seed, sr).mean()
            assert 0.001 < share < 0.4

    @pytest.mark.parametrize("kind", ANOMALY_KINDS)
    def test_anomalies_are_still_there_in_a_loud_hall(self, kind):
        usual, loud = (mask_of(kind, 1, snr_db=snr_db) for snr_db in (None, -6))
        assert 0 < loud.sum() <= usual.sum() * 1.1

    @pytest.mark.parametrize("seed", range(5))
    def test_hiss_and_squeak_are_high(self, seed):
        assert changed_bands_hz(mask_of("hiss", seed), SR).min() > 1500
        assert changed_bands_hz(mask_of("squeak", seed), SR).min() > 1500
        assert changed_bands_hz(mask_of("hiss", seed, 44100), 44100).max() < 8500

    @pytest.mark.parametrize("seed", range(5))
    def test_squeak_takes_fewer_bands_than_hiss(self, seed):
        hiss, squeak = (
            changed_bands_hz(mask_of(kind, seed), SR) for kind in ("hiss", "squeak")
        )
        assert squeak.size < hiss.size / 2

    @pytest.mark.parametrize("seed", range(5))
    def test_late_click_changes_two_moments(self, seed):
        # The upper bands, where the click rings shortest above the hall.
        frames = np.flatnonzero(mask_of("late click", seed)[-40:].mean(axis=0) > 0.5)
        gaps = np.diff(frames)
        assert (gaps > 1).sum() >= 1
        span = (frames[-1] - frames[0]) * HOP / SR
        assert 0.12 < span < 0.5

    def test_of_a_data_set(self):
        dataset = make_synthetic_dataset(
            1, 1, 6, sr=SR, kinds=ANOMALY_KINDS, with_healthy=True
        )
        mask = change_mask(dataset.audio, dataset.healthy, dataset.sr)
        assert mask.shape == (8, 128, 1 + 40000 // HOP)
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask.any(axis=(1, 2)), dataset.is_anomaly)


class TestOfNoise:
    def test_it_covers_what_is_louder_and_what_is_quieter(self):
        healthy = noise((2, SR))
        audio = healthy.copy()
        audio[0, SR // 2 :] *= 2
        audio[1, SR // 2 :] /= 2
        mask = change_mask(audio, healthy, SR)
        assert not mask[:, :, :14].any()
        assert mask[:, :, 18:].all()

    def test_threshold_decides_how_much_is_a_change(self):
        louder = noise() * 10 ** (4 / 20)
        assert change_mask(louder, noise(), SR).all()
        assert change_mask(louder, noise(), SR, threshold_db=3.9).all()
        assert not change_mask(louder, noise(), SR, threshold_db=4.1).any()

    def test_both_ways_it_is_the_same(self):
        clip, healthy = synthesize_clip(
            "squeak", sr=SR, random_state=0, return_healthy=True
        )
        np.testing.assert_array_equal(
            change_mask([clip], [healthy], SR), change_mask([healthy], [clip], SR)
        )

    def test_settings_of_the_spectrogram_are_those_asked_for(self):
        mask = change_mask(noise(), noise(), SR, n_mels=40, n_fft=1024, hop_length=256)
        assert mask.shape == (1, 40, 1 + SR // 256)

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            ({"healthy": noise((2, SR))}, ValueError, "same shape.*1, 16000.*2, 16000"),
            ({"healthy": noise((1, SR - 1))}, ValueError, "audio and healthy must"),
            ({"healthy": noise()[0]}, ValueError, "healthy must have the shape"),
            ({"healthy": None}, TypeError, "healthy must hold floats"),
            ({"healthy": noise() * np.nan}, ValueError, "healthy holds NaN"),
            ({"audio": noise() * np.nan}, ValueError, "audio holds NaN"),
            ({"sr": 0}, ValueError, "sr must be above 0"),
            ({"threshold_db": -1}, ValueError, "threshold_db must be 0 dB or more"),
            ({"threshold_db": np.nan}, ValueError, "threshold_db must be finite"),
            ({"threshold_db": "3"}, TypeError, "threshold_db must be a number"),
            ({"n_mels": 0}, ValueError, "n_mels must be at least 1"),
            ({"n_fft": 2 * SR}, ValueError, "less than one window"),
        ],
    )
    def test_bad_input_is_named(self, change, error, message):
        arguments = {"audio": noise(), "healthy": noise(), "sr": SR} | change
        with pytest.raises(error, match=message):
            change_mask(**arguments)
