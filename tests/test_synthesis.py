from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from esa4_helpers import log_mel_spectrogram
from esa4_helpers.synthesis import (
    ANOMALY_KINDS,
    RECORDED_ANOMALY_KINDS,
    iterate_clips,
    synthesize_clip,
)

SR = 16000
KINDS = ("normal", *ANOMALY_KINDS)
# The step of a 16-bit file, by whose half every sample may be off.
STEP = 1 / 32767


def click_peaks(clip: np.ndarray) -> np.ndarray:
    """Loudest sample in each 50 ms above 4 kHz, where only clicks are loud."""
    spectrum = np.fft.rfft(clip)
    spectrum[np.fft.rfftfreq(clip.size, 1 / SR) < 4000] = 0
    high = np.abs(np.fft.irfft(spectrum, clip.size))
    return high[: high.size // 800 * 800].reshape(-1, 800).max(axis=1)


def clip_and_change(kind: str, seed: int, **settings: float) -> tuple:
    """A clip, and what was added to its healthy twin."""
    clip, healthy = synthesize_clip(
        kind, **{"sr": SR, "random_state": seed, "return_healthy": True} | settings
    )
    return clip, clip.astype(np.float64) - healthy


def machine_alone(kind: str, seed: int, **settings: float) -> np.ndarray:
    """What the valve does in a clip: all that one with missing clicks lacks."""
    arguments = {"sr": SR, "random_state": seed} | settings
    stuck = synthesize_clip("missing click", **arguments).astype(np.float64)
    return synthesize_clip(kind, **arguments) - stuck


def hall_alone(seed: int, **settings: float) -> np.ndarray:
    """Room and hum: what a clip without clicks has more than a clean one."""
    arguments = {"sr": SR, "random_state": seed} | settings
    noisy = synthesize_clip("missing click", **arguments).astype(np.float64)
    return noisy - synthesize_clip("missing click", **arguments | {"snr_db": np.inf})


def power(audio: np.ndarray) -> float:
    return float(np.mean(audio**2))


def events(audio: np.ndarray, gap: float = 0.02) -> list[tuple[float, float]]:
    """When something sounds: start and end in s, further than ``gap`` apart."""
    sounding = np.flatnonzero(np.abs(audio) > 1.5 * STEP)
    if sounding.size == 0:
        return []
    parts = np.split(sounding, np.flatnonzero(np.diff(sounding) > gap * SR) + 1)
    return [(part[0] / SR, part[-1] / SR) for part in parts]


def band_share(audio: np.ndarray, low: float, high: float, sr: int = SR) -> float:
    """How much of the energy lies in a band."""
    energy = np.abs(np.fft.rfft(audio)) ** 2
    frequencies = np.fft.rfftfreq(audio.size, 1 / sr)
    return energy[(frequencies >= low) & (frequencies < high)].sum() / energy.sum()


@pytest.mark.parametrize("kind", KINDS)
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
        for kind in ("normal", *RECORDED_ANOMALY_KINDS)
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


@pytest.mark.parametrize(
    ("kind", "loudest", "samples"),
    [
        ("normal", 12569, [-107, 55, -44, 39, 183, -116, 159, -55, -77, 101]),
        ("weak click", 12518, [-107, 55, -44, 39, 183, -116, 152, -55, -63, 101]),
        ("missing click", 53473, [-107, 55, -44, 39, 183, -116, 150, -55, -59, 101]),
    ],
)
def test_seeds_keep_the_clips_that_the_course_was_written_with(kind, loudest, samples):
    clip = synthesize_clip(kind, random_state=0)
    assert np.abs(clip).argmax() == loudest
    np.testing.assert_allclose(clip[::11025] / STEP, samples, atol=0.1)


class TestHealthyTwin:
    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    @pytest.mark.parametrize("kind", KINDS)
    def test_pair_holds_the_clip_itself_and_the_normal_clip_of_its_seed(self, kind, sr):
        clip, healthy = synthesize_clip(
            kind, sr=sr, random_state=1, return_healthy=True
        )
        alone, normal = (
            synthesize_clip(k, sr=sr, random_state=1) for k in (kind, "normal")
        )
        np.testing.assert_array_equal(clip, alone)
        np.testing.assert_array_equal(healthy, normal)
        assert clip.dtype == healthy.dtype == np.float32
        assert clip.shape == healthy.shape == (round(2.5 * sr),)
        assert max(np.abs(clip).max(), np.abs(healthy).max()) < 1
        assert (kind == "normal") == np.array_equal(clip, healthy)

    def test_pair_of_a_normal_clip_are_two_arrays(self):
        clip, healthy = synthesize_clip(random_state=0, return_healthy=True)
        clip[0] = 1
        assert healthy[0] != 1

    @pytest.mark.parametrize("kind", ANOMALY_KINDS)
    def test_change_does_not_depend_on_the_hall(self, kind):
        _, usual = clip_and_change(kind, 2)
        _, noisy = clip_and_change(kind, 2, snr_db=-20)
        np.testing.assert_allclose(usual, noisy, atol=2.1 * STEP)


@pytest.mark.parametrize("seed", range(10))
class TestAnomalies:
    @pytest.mark.parametrize("kind", RECORDED_ANOMALY_KINDS)
    def test_weak_and_missing_clicks_take_away(self, kind, seed):
        _, change = clip_and_change(kind, seed)
        clicks = machine_alone("normal", seed)
        lost = -np.dot(change, clicks) / np.dot(clicks, clicks)
        least, most = {"weak click": (0.68, 0.88), "missing click": (0.99, 1.01)}[kind]
        assert least < lost < most
        np.testing.assert_allclose(change, -lost * clicks, atol=2.1 * STEP)

    @pytest.mark.parametrize("duration", [2.5, 6.0])
    def test_late_click_is_a_strong_one_moved(self, seed, duration):
        settings = {"duration": duration, "snr_db": np.inf}
        _, change = clip_and_change("late click", seed, **settings)
        clicks = machine_alone("normal", seed, **settings)
        gone, come = np.minimum(change * clicks, 0), change
        # Where it was, the change is the click with the opposite sign.
        (start, _), *_ = events(np.sqrt(-gone))
        first = round(start * SR) - 2
        size = round(0.14 * SR)
        click = clicks[first : first + size]
        np.testing.assert_allclose(
            change[first : first + size], -click, atol=2.1 * STEP
        )
        assert np.abs(click).max() > 0.05, "a weak click was moved"
        lags = range(round(0.14 * SR), round(0.31 * SR))
        likeness = [np.dot(come[first + lag :][:size], click) for lag in lags]
        lag = lags[int(np.argmax(likeness))]
        assert 0.15 <= lag / SR <= 0.3
        assert max(likeness) == pytest.approx(np.dot(click, click), rel=0.1)
        assert first + lag + 0.2 * SR <= change.size + 2
        # Nothing else has changed.
        change[first : first + lag + round(0.2 * SR) + 4] = 0
        assert not change.any()

    def test_double_click_adds_a_weaker_click_after_each_strong_one(self, seed):
        _, change = clip_and_change("double click", seed)
        clicks = np.abs(machine_alone("normal", seed))
        strong = [
            (start, clicks[round(start * SR) : round(end * SR) + 1].max())
            for start, end in events(clicks)
        ]
        strong = [(start, peak) for start, peak in strong if peak > 0.03]
        second = events(change, gap=0.2)
        assert len(strong) >= 2
        assert len(second) in (len(strong), len(strong) - 1)
        if len(second) < len(strong):
            assert strong[-1][0] > 2.5 - 0.13
        for (first, peak), (start, end) in zip(strong, second, strict=False):
            assert 0.037 < start - first < 0.123
            loud = np.abs(change[round(start * SR) : round(end * SR) + 1]).max()
            # The clip's end may have cut off the loudest part of the last one.
            if end < 2.45:
                assert 2.9 < 20 * np.log10(peak / loud) < 9.1

    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    def test_hiss_is_high_short_and_well_above_the_hall(self, seed, sr):
        clip, change = clip_and_change("hiss", seed, sr=sr)
        changed = np.flatnonzero(change)
        assert 0.5 < np.ptp(changed) / sr <= 1.5
        assert band_share(change, 1500, min(8000, sr / 2) + 1, sr) > 0.99
        within = slice(changed[0], changed[-1])
        hall = synthesize_clip("missing click", sr=sr, random_state=seed)[within]
        top = min(8000, sr / 2)
        high_in_hall = band_share(hall, 2000, top, sr) * power(hall)
        assert power(change[within]) > 10**0.8 * high_in_hall
        assert np.abs(change).max() < 0.5 * np.abs(clip).max()
        quarter = np.ptp(changed) // 4
        middle = power(change[changed[0] + quarter : changed[-1] - quarter])
        for edge in (changed[:quarter], changed[-quarter:]):
            assert power(change[edge]) < 0.6 * middle, "no fade"

    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    def test_squeak_is_a_short_wavering_tone_with_harmonics(self, seed, sr):
        clip, change = clip_and_change("squeak", seed, sr=sr)
        top = min(8000, sr / 2)
        changed = np.flatnonzero(change)
        assert 0.15 < np.ptp(changed) / sr <= 0.6
        energy = np.abs(np.fft.rfft(change)) ** 2
        pitch = np.fft.rfftfreq(change.size, 1 / sr)[energy.argmax()]
        assert 0.24 * top < pitch < 0.5 * top
        tone = band_share(change, 0.95 * pitch, 1.05 * pitch, sr)
        overtone = band_share(change, 1.9 * pitch, 2.1 * pitch, sr)
        assert tone > 0.85
        assert 0.02 < overtone < 0.15
        assert band_share(change, top * 1.01, sr, sr) < 1e-3
        # A steady tone would keep nearly all of its energy in one narrow line.
        assert band_share(change, pitch - 4, pitch + 4, sr) < 0.7
        assert np.abs(change).max() < 0.5 * np.abs(clip).max()


class TestSignalToNoiseRatio:
    @pytest.mark.parametrize("snr_db", [-30, -6, 0.0, 10, np.float32(20.0)])
    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    def test_it_is_what_was_asked_for(self, snr_db, sr):
        for seed in range(5):
            clicks = power(machine_alone("normal", seed, sr=sr, snr_db=snr_db))
            # Rounding adds its own noise, twice a twelfth of a step squared.
            hall = power(hall_alone(seed, sr=sr, snr_db=snr_db)) - STEP**2 / 6
            assert 10 * np.log10(clicks / hall) == pytest.approx(snr_db, abs=0.03)

    @pytest.mark.parametrize("kind", ANOMALY_KINDS)
    def test_hall_is_as_loud_around_an_anomaly_as_around_its_healthy_twin(self, kind):
        noisy, clean = (
            clip_and_change(kind, 0, snr_db=snr_db)[0] for snr_db in (-6, np.inf)
        )
        hall = hall_alone(0, snr_db=-6)
        np.testing.assert_allclose(noisy - clean, hall, atol=2.1 * STEP)

    def test_by_default_it_is_as_in_the_recordings(self):
        ratios = [
            10
            * np.log10(power(machine_alone("normal", seed)) / power(hall_alone(seed)))
            for seed in range(20)
        ]
        assert -9 < min(ratios) < max(ratios) < 3

    def test_clean_clip_holds_nothing_but_clicks_and_the_microphones_noise(self):
        clean = synthesize_clip("missing click", random_state=0, snr_db=np.inf)
        assert -93 < 10 * np.log10(power(clean)) < -83
        # White noise: as much in each half of the spectrum.
        assert band_share(clean, 0, 11025, 44100) == pytest.approx(0.5, abs=0.02)

    def test_one_gain_turns_the_whole_hall(self):
        usual, loud = (hall_alone(3, snr_db=snr_db) for snr_db in (None, -20))
        gain = np.dot(usual, loud) / np.dot(usual, usual)
        np.testing.assert_allclose(loud, gain * usual, atol=(2 + gain) * STEP)

    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    @pytest.mark.parametrize("kind", KINDS)
    def test_nothing_clips_in_a_loud_hall(self, kind, sr):
        for seed in range(5):
            clip = synthesize_clip(kind, sr=sr, random_state=seed, snr_db=-6)
            assert np.abs(clip).max() < 0.5

    @pytest.mark.parametrize("snr_db", [np.nan, -np.inf, -30.1, 60.1, 10**30])
    def test_impossible_ratio_is_refused(self, snr_db):
        with pytest.raises(ValueError, match="snr_db must be from -30 to 60 dB"):
            synthesize_clip(sr=SR, snr_db=snr_db)

    @pytest.mark.parametrize("snr_db", ["6", True, [6], 6j])
    def test_ratio_that_is_no_number_is_refused(self, snr_db):
        with pytest.raises(TypeError, match="snr_db must be a number"):
            synthesize_clip(sr=SR, snr_db=snr_db)


def largest_growth(clips: Iterator, pause: float) -> float:
    """Memory in MB that iterating takes at most, with a caller who is slow."""
    tracemalloc.start()
    try:
        for _ in clips:
            time.sleep(pause)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


class TestIterateClips:
    def test_clips_take_turns_and_are_those_of_their_seeds(self):
        kinds = ("hiss", "normal", "late click")
        clips = list(iterate_clips(5, kinds=kinds, sr=SR, snr_db=3, seed=7))
        assert [kind for kind, _ in clips] == [*kinds, *kinds[:2]]
        for i, (kind, clip) in enumerate(clips):
            random_state = np.random.SeedSequence([7, 3, i])
            np.testing.assert_array_equal(
                clip, synthesize_clip(kind, sr=SR, snr_db=3, random_state=random_state)
            )

    def test_they_are_normal_by_default_and_all_different(self):
        clips = list(iterate_clips(10, sr=SR))
        assert {kind for kind, _ in clips} == {"normal"}
        assert len({clip.tobytes() for _, clip in clips}) == 10

    def test_one_kind_may_be_given_by_its_name(self):
        assert {kind for kind, _ in iterate_clips(3, kinds="hiss", sr=SR)} == {"hiss"}

    @pytest.mark.parametrize("n_jobs", [2, 3])
    def test_number_of_jobs_changes_nothing(self, n_jobs):
        arguments = {"n_clips": 70, "kinds": KINDS, "sr": 8000, "seed": 1}
        pairs = zip(
            iterate_clips(**arguments),
            iterate_clips(**arguments, n_jobs=n_jobs),
            strict=True,
        )
        for (kind, clip), (same_kind, same_clip) in pairs:
            assert kind == same_kind
            np.testing.assert_array_equal(clip, same_clip)

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_first_clips_stay_the_same_when_more_are_asked_for(self, n_jobs):
        few = iterate_clips(3, sr=SR, seed=2)
        more = iterate_clips(50, sr=SR, seed=2, n_jobs=n_jobs)
        for (_, clip), (_, same) in zip(few, islice(more, 3), strict=True):
            np.testing.assert_array_equal(clip, same)

    # 200 clips of 8 kHz take 16 MB.
    @pytest.mark.parametrize(("n_jobs", "most"), [(1, 3), (2, 8)])
    def test_memory_does_not_grow_however_slow_the_caller(self, n_jobs, most):
        list(iterate_clips(1, sr=8000))
        clips = iterate_clips(200, sr=8000, n_jobs=n_jobs)
        assert largest_growth(clips, pause=0.005) < most

    def test_caller_may_stop_early(self, recwarn, capfd):
        for n_jobs in (1, 2):
            for _ in iterate_clips(10**9, sr=8000, n_jobs=n_jobs):
                break
        assert not recwarn.list
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"n_clips": 0}, ValueError, "n_clips must be at least 1"),
            ({"n_clips": 2.0}, TypeError, "n_clips must be a whole number"),
            ({"kinds": ("normal", "broken")}, ValueError, "'broken'.*'squeak'"),
            ({"kinds": ()}, ValueError, "kinds must name one or more"),
            ({"sr": 7999}, ValueError, "sr must be at least 8000 Hz"),
            ({"duration": 1.0}, ValueError, r"duration must be at least 2\.5 s"),
            ({"snr_db": np.nan}, ValueError, "snr_db must be from"),
            ({"snr_db": "6"}, TypeError, "snr_db must be a number"),
            ({"seed": -1}, ValueError, "seed must be at least 0"),
            ({"seed": None}, TypeError, "seed must be a whole number"),
            ({"n_jobs": 0}, ValueError, "n_jobs must be at least 1"),
            ({"n_jobs": 1.5}, TypeError, "n_jobs must be a whole number"),
        ],
    )
    def test_bad_input_is_named_at_the_call(self, arguments, error, message):
        with pytest.raises(error, match=message):
            iterate_clips(**{"n_clips": 1} | arguments)
