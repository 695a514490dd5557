from __future__ import annotations

import numpy as np
import pytest

from esa4_helpers import log_mel_spectrogram
from esa4_helpers.synthesis import ANOMALY_KINDS, synthesize_clip

SR = 16000


def click_peaks(clip: np.ndarray) -> np.ndarray:
    """Loudest sample in each 50 ms above 4 kHz, where only clicks are loud."""
    spectrum = np.fft.rfft(clip)
    spectrum[np.fft.rfftfreq(clip.size, 1 / SR) < 4000] = 0
    high = np.abs(np.fft.irfft(spectrum, clip.size))
    return high[: high.size // 800 * 800].reshape(-1, 800).max(axis=1)


@pytest.mark.parametrize("kind", ["normal", *ANOMALY_KINDS])
def test_same_seed_same_clip_and_other_seed_other_clip(kind):
    first, again, other = (
        synthesize_clip(kind, sr=SR, random_state=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100])
def test_length_follows_rate_and_duration(sr):
    clip = synthesize_clip(sr=sr, duration=3.0, random_state=0)
    assert clip.shape == (3 * sr,)
    assert clip.dtype == np.float32
    assert np.abs(clip).max() <= 1


def test_clip_holds_only_values_of_a_16_bit_file():
    clip = synthesize_clip(sr=SR, random_state=0).astype(np.float64) * 32767
    np.testing.assert_allclose(clip, np.round(clip), atol=1e-2)


@pytest.mark.parametrize("seed", range(20))
def test_normal_clips_hold_two_or_more_clicks(seed):
    peaks = click_peaks(synthesize_clip(sr=SR, random_state=seed))
    loud = peaks > 10 * np.median(peaks)
    onsets = np.flatnonzero(loud[1:] & ~loud[:-1]).size + loud[0]
    assert onsets >= 2


@pytest.mark.parametrize("seed", range(20))
def test_anomalies_differ_from_the_normal_clip_of_the_same_seed_in_their_clicks(seed):
    normal, weak, missing = (
        click_peaks(synthesize_clip(kind, sr=SR, random_state=seed))
        for kind in ("normal", *ANOMALY_KINDS)
    )
    weaker_db = 20 * np.log10(normal.max() / weak.max())
    assert 6 < weaker_db < 19
    assert missing.max() < weak.max()
    assert missing.max() < 5 * np.median(missing), "something still clicks"
    # Where nothing clicks, the three sound the same.
    quiet = normal < 1.5 * np.median(normal)
    np.testing.assert_allclose(missing[quiet], normal[quiet], rtol=0.5)


def test_nothing_but_noise_above_8_khz():
    clip = synthesize_clip(sr=44100, random_state=0)
    S = log_mel_spectrogram(clip[np.newaxis], 44100)[0]
    assert S[-20:].max() < S[:90].max() - 40


def test_clicks_come_at_other_moments_in_other_clips():
    onsets = {
        int(click_peaks(synthesize_clip(sr=SR, random_state=seed)).argmax())
        for seed in range(10)
    }
    assert len(onsets) > 3


def test_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'broken'.*'weak click', 'missing click'"):
        synthesize_clip("broken")


@pytest.mark.parametrize("duration", [0.0, -1.0, 2.4, np.nan, np.inf])
def test_too_short_a_duration_is_refused(duration):
    with pytest.raises(ValueError, match=r"duration must be (at least 2\.5 s|finite)"):
        synthesize_clip(duration=duration)


@pytest.mark.parametrize("sr", [0, -16000, np.nan, np.inf])
def test_impossible_rate_is_refused(sr):
    with pytest.raises(ValueError, match="sr must be (above 0|finite)"):
        synthesize_clip(sr=sr)


@pytest.mark.parametrize("sr", [1, 80, 7999])
def test_too_low_a_rate_is_refused(sr):
    with pytest.raises(ValueError, match="sr must be at least 8000 Hz"):
        synthesize_clip(sr=sr)


@pytest.mark.parametrize("argument", [{"sr": "16000"}, {"sr": True}, {"duration": "3"}])
def test_wrong_type_is_refused(argument):
    with pytest.raises(TypeError, match="must be a number"):
        synthesize_clip(**argument)
