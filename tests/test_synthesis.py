from __future__ import annotations

import numpy as np
import pytest
from common import trace

from esa4_helpers import change_mask, log_mel_spectrogram
from esa4_helpers.synthesis import (
    ANOMALY_KINDS,
    RECORDED_ANOMALY_KINDS,
    _band,
    _click_envelope,
    _clicks,
    _hum,
    _microphone_noise,
    _mix,
    _octaves,
    _room,
    _to_16_bits,
    insert_fault,
    synthesize_clip,
)

SR = 16000
KINDS = ("normal", *ANOMALY_KINDS)
# The step of a 16-bit file, by whose half every sample may be off.
STEP = 1 / 32767
# Of a clip that is made, and of what a fault adds to another one.
TRACES = {
    "normal": (-0.89665, 0.0),
    "weak click": (-0.83624, -0.46895525),
    "missing click": (-0.82481, -0.59074221),
    "late click": (-0.47019, -0.27666314),
    "double click": (-0.92427, -0.15990890),
    "hiss": (-1.01969, -0.15332801),
    "squeak": (-0.97662, -0.15816842),
}


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_keeps_its_clip_from_version_to_version(kind):
    clip = synthesize_clip(kind, sr=SR, random_state=3)
    healthy = synthesize_clip(sr=SR, duration=4.0, random_state=4).astype(np.float64)
    change = 0 * healthy
    if kind != "normal":
        change = insert_fault(healthy, SR, kind, random_state=3) - healthy
    traces = TRACES[kind]
    # Some samples may be rounded to the next step elsewhere.
    assert trace(clip) == pytest.approx(traces[0], abs=5 * STEP)
    assert trace(change) == pytest.approx(traces[1], abs=1e-7)


@pytest.mark.parametrize(
    ("seed", "traces"),
    [
        (1, [0.21212867, 0.1151592, 0.00827395, 0.39933906]),
        # No other machine hums.
        (2, [0.21700122, 0.0, -0.00363378, -0.03598293]),
    ],
)
def test_a_seed_keeps_the_parts_of_its_clip(seed, traces):
    rng, size = np.random.default_rng(seed), (40000, SR)
    parts = [
        _room(rng, *size),
        _hum(rng, *size) + np.zeros(40000),
        _microphone_noise(rng, 40000),
        _mix(_clicks(rng, *size), 40000),
    ]
    assert [trace(part) for part in parts] == pytest.approx(traces, abs=1e-7)


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100])
def test_length_follows_rate_and_duration(sr):
    clip = synthesize_clip(sr=sr, duration=3.0, random_state=0)
    assert clip.shape == (3 * sr,)
    assert clip.dtype == np.float32
    assert np.abs(clip).max() <= 1


def test_what_depends_on_the_length_alone_is_computed_once():
    for function, given in (
        (_band, (1000, SR, 50.0)),
        (_octaves, (1000, SR, 50.0)),
        (_click_envelope, (1000, SR)),
    ):
        assert function(*given) is function(*given)


def test_a_click_that_would_come_too_early_comes_at_once():
    # One clip in some hundred begins so near to a click.
    assert _clicks(np.random.default_rng(255), 20000, 8000)[0].start == 0


def test_what_is_beyond_a_16_bit_file_is_clipped():
    values = _to_16_bits(np.array([-2, -1, 0.5, 2]))
    np.testing.assert_allclose(values, [-1, -1, 16384 / 32767, 1], rtol=1e-7)


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
    with pytest.raises(
        ValueError, match=r"'weak click', 'missing click'.*got 'broken'"
    ):
        synthesize_clip("broken")


@pytest.mark.parametrize("duration", [0.0, -1.0, 2.499, np.nan, np.inf])
def test_too_short_a_duration_is_refused(duration):
    with pytest.raises(ValueError, match=r"duration must be (at least 2\.5 s|finite)"):
        synthesize_clip(duration=duration)


@pytest.mark.parametrize("sr", [0, -16000, np.nan, np.inf])
def test_impossible_rate_is_refused(sr):
    with pytest.raises(ValueError, match="sr must be (at least 8000 Hz|finite)"):
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
        _, change = clip_and_change("late click", seed, duration=duration)
        clicks = machine_alone("normal", seed, duration=duration)
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


def test_clicks_stand_out_of_the_hall_as_in_the_recordings():
    ratios_db = []
    for seed in range(20):
        hall = synthesize_clip("missing click", sr=SR, random_state=seed)
        ratios_db.append(
            10 * np.log10(power(machine_alone("normal", seed)) / power(hall))
        )
    assert -9 < min(ratios_db) < max(ratios_db) < 3


@pytest.mark.parametrize("seed", range(5))
def test_above_8_khz_is_the_microphones_white_noise(seed):
    stuck = synthesize_clip("missing click", random_state=seed)
    for low, high in ((9000, 13000), (17000, 21000)):
        share = band_share(stuck, low, high, 44100)
        level_db = 10 * np.log10(share * power(stuck) * 22050 / 4000)
        assert -93 < level_db < -83


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_clips(kind, sr):
    for seed in range(5):
        clip = synthesize_clip(kind, sr=sr, random_state=seed)
        assert np.abs(clip).max() < 0.5


FAULTS_OF_CLICKS = ("weak click", "missing click", "late click", "double click")


@pytest.fixture(scope="module")
def recorded() -> np.ndarray:
    """Stands for a recording: strong clicks at known moments, in steady noise."""
    rng = np.random.default_rng(0)
    clip = 0.001 * rng.standard_normal(round(2.5 * SR))
    ringing = np.exp(-np.arange(round(0.15 * SR)) / (0.01 * SR))
    for onset, peak in ((0.4, 0.2), (0.95, 0.02), (1.5, 0.2), (2.05, 0.02)):
        start = round(onset * SR)
        burst = peak * ringing * rng.standard_normal(ringing.size)
        clip[start : start + ringing.size] += burst
    return clip.astype(np.float32)


def spans(clip: np.ndarray, faulty: np.ndarray) -> list[tuple[float, float]]:
    """Where two clips differ: start and end in s."""
    return events(np.where(clip != faulty, 1.0, 0.0), gap=0.03)


def high_level(clip: np.ndarray, start: float, stop: float) -> float:
    """RMS level in dB of the first difference, where clicks stand out."""
    part = np.diff(clip[round(start * SR) : round(stop * SR)].astype(np.float64))
    return 10 * np.log10(power(part))


def clicking(*frames: int) -> np.ndarray:
    """Three seconds of faint noise, with a click in each of these 5 ms."""
    clip = 1e-4 * np.random.default_rng(0).standard_normal(3 * SR)
    clip[np.array(frames) * 80 + 40] = 0.5
    return clip


class TestInsertFault:
    @pytest.mark.parametrize("kind", ANOMALY_KINDS)
    def test_same_seed_same_fault_and_the_clip_stays_as_it_was(self, recorded, kind):
        before = recorded.copy()
        first, again, other = (
            insert_fault(recorded, SR, kind, random_state=seed) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(recorded, before)
        assert first.dtype == recorded.dtype
        assert first.shape == recorded.shape
        assert not np.array_equal(first, recorded)
        # What is taken away entirely, is so whatever the seed.
        assert np.array_equal(first, other) == (kind == "missing click")

    def test_missing_clicks_are_gone_and_sound_like_the_rest_of_the_clip(
        self, recorded
    ):
        faulty = insert_fault(recorded, SR, "missing click", 0)
        assert [round(a, 1) for a, _ in spans(recorded, faulty)] == [0.4, 1.5]
        hall = high_level(recorded, 0.65, 0.9)
        for start in (0.35, 0.4, 0.45, 0.5, 0.55, 1.45, 1.5, 1.55, 1.6):
            assert abs(high_level(faulty, start, start + 0.05) - hall) < 1.5

    def test_the_background_is_taken_from_where_nothing_clicks(self, recorded):
        # Now the clip begins with a weak click.
        clip = np.roll(recorded, -round(0.93 * SR))
        faulty = insert_fault(clip, SR, "missing click", 0)
        hall = high_level(clip, 0.25, 0.5)
        for start in (0.52, 0.57, 0.62, 1.92, 1.97, 2.02):
            assert abs(high_level(faulty, start, start + 0.05) - hall) < 1.5

    @pytest.mark.parametrize("seed", range(5))
    def test_weak_clicks_lose_10_to_18_db_and_the_hall_nothing(self, recorded, seed):
        faulty = insert_fault(recorded, SR, "weak click", seed)
        assert [round(a, 1) for a, _ in spans(recorded, faulty)] == [0.4, 1.5]
        hall = high_level(recorded, 0.65, 0.9)
        for onset in (0.4, 1.5):
            lost = high_level(recorded, onset, onset + 0.02) - high_level(
                faulty, onset, onset + 0.02
            )
            assert 9.5 < lost < 18.5
            assert abs(high_level(faulty, onset + 0.1, onset + 0.2) - hall) < 2

    @pytest.mark.parametrize("seed", range(8))
    def test_late_click_is_the_same_click_015_to_03_s_later(self, recorded, seed):
        faulty = insert_fault(recorded, SR, "late click", seed)
        where = spans(recorded, faulty)
        start, end = where[0][0], where[-1][1]
        onset = 0.4 if start < 1 else 1.5
        click = recorded[round(onset * SR) :][: round(0.05 * SR)]
        lags = np.arange(round(0.14 * SR), round(0.31 * SR))
        likeness = [
            np.dot(faulty[round(onset * SR) + lag :][: click.size], click)
            for lag in lags
        ]
        assert 0.15 <= lags[np.argmax(likeness)] / SR <= 0.3
        assert max(likeness) == pytest.approx(np.dot(click, click), rel=0.02)
        assert high_level(faulty, onset, onset + 0.05) < -50
        assert end < onset + 0.3 + 0.21

    @pytest.mark.parametrize("seed", range(8))
    def test_double_click_is_a_weaker_copy_4_to_12_hundredths_later(
        self, recorded, seed
    ):
        faulty = insert_fault(recorded, SR, "double click", seed)
        assert len(spans(recorded, faulty)) == 2
        for onset in (0.4, 1.5):
            start = round(onset * SR)
            click = recorded[start:][: round(0.03 * SR)].astype(np.float64)
            added = faulty[start:].astype(np.float64) - recorded[start:]
            lags = np.arange(round(0.03 * SR), round(0.13 * SR))
            likeness = [np.dot(added[lag:][: click.size], click) for lag in lags]
            assert 0.04 <= lags[np.argmax(likeness)] / SR <= 0.12
            weaker = -20 * np.log10(max(likeness) / np.dot(click, click))
            assert 2.8 < weaker < 9.2

    @pytest.mark.parametrize("kind", ["hiss", "squeak"])
    @pytest.mark.parametrize("seed", range(4))
    def test_hiss_and_squeak_are_those_of_the_generator(self, recorded, kind, seed):
        faulty = insert_fault(recorded.astype(np.float64), SR, kind, seed)
        ((start, end),) = spans(recorded.astype(np.float64), faulty)
        shortest, longest = {"hiss": (0.6, 1.5), "squeak": (0.2, 0.6)}[kind]
        assert shortest - 0.01 < end - start < longest + 0.01
        added = faulty - recorded
        assert band_share(added, 1500, 8001) > 0.99
        peak_db = 10 * np.log10(np.max(added**2))
        assert -55 < peak_db < -35
        # As in a clip of silence: what is added does not depend on the clip.
        alone = insert_fault(np.zeros(recorded.size), SR, kind, seed)
        np.testing.assert_allclose(added, alone, atol=1e-9)

    @pytest.mark.parametrize("kind", ANOMALY_KINDS)
    def test_the_mask_lies_where_the_clip_was_changed_and_nowhere_else(
        self, recorded, kind
    ):
        faulty = insert_fault(recorded, SR, kind, 3)
        mask = change_mask(faulty[np.newaxis], recorded[np.newaxis], SR)[0]
        frames = np.flatnonzero(mask.any(axis=0)) * 512 / SR
        assert frames.size
        for moment in frames:
            assert any(
                start - 0.07 < moment < end + 0.07
                for start, end in spans(recorded, faulty)
            )

    def test_a_click_that_the_end_cuts_off_is_weakened_too(self, recorded):
        cut = np.concatenate(
            [recorded[round(0.5 * SR) :], recorded[: round(0.45 * SR)]]
        )
        long = np.concatenate([recorded[: round(0.3 * SR)], cut])
        faulty = insert_fault(long, SR, "missing click", 0)
        assert spans(long, faulty)[-1][1] == pytest.approx(long.size / SR, abs=0.01)
        assert np.abs(faulty).max() < 0.1

    @pytest.mark.parametrize("kind", FAULTS_OF_CLICKS)
    def test_a_slow_rise_and_a_broken_length_make_no_click(self, recorded, kind):
        clip = np.append(recorded, recorded[:30]).astype(np.float64)
        risen = clip + np.linspace(-0.4, 0.4, clip.size)
        where = spans(risen, insert_fault(risen, SR, kind, 0))
        assert where == pytest.approx(
            np.array(spans(clip, insert_fault(clip, SR, kind, 0))), abs=0.01
        )

    @pytest.mark.parametrize(("below_db", "n_strong"), [(5.9, 2), (6.1, 1)])
    def test_strong_clicks_are_those_within_6_db_of_the_loudest(
        self, below_db, n_strong
    ):
        clip = clicking(100, 300)
        clip[300 * 80 + 40] *= 10 ** (-below_db / 20)
        assert len(spans(clip, insert_fault(clip, SR, "missing click", 0))) == n_strong

    @pytest.mark.parametrize(("gap", "n_strong"), [(43, 1), (44, 2)])
    def test_a_click_within_022_s_of_a_louder_one_is_its_echo(self, gap, n_strong):
        clip = clicking(200, 200 + gap)
        clip[200 * 80 + 40] *= 1.1
        faulty = insert_fault(clip, SR, "missing click", 0)
        # A window begins 0.02 s before its click, and ends 0.22 s later.
        changed = np.flatnonzero(faulty != clip)
        assert changed[0] == 196 * 80 + 1
        last = 200 + (gap if n_strong == 2 else 0)
        assert changed[-1] == (last - 4) * 80 + 3520 - 2

    @pytest.mark.parametrize(("out_db", "is_found"), [(11.9, False), (12.2, True)])
    def test_a_click_stands_12_db_out_of_its_clip(self, out_db, is_found):
        clip = 0.01 * (-1.0) ** np.arange(3 * SR)
        clip[300 * 80 : 301 * 80] *= 10 ** (out_db / 20)
        if is_found:
            insert_fault(clip, SR, "missing click", 0)
            return
        with pytest.raises(
            ValueError, match="expected one that stands at least 12 dB out of it"
        ):
            insert_fault(clip, SR, "missing click", 0)

    @pytest.mark.parametrize(
        ("kind", "frame", "has_room"),
        [
            ("late click", 4, True),
            ("late click", 3, False),
            ("late click", 499, True),
            ("late click", 500, False),
            ("double click", 3, False),
            ("double click", 579, True),
            ("double click", 580, False),
        ],
    )
    def test_a_click_has_room_where_all_of_its_fault_has(self, kind, frame, has_room):
        clip = clicking(frame)
        if has_room:
            assert spans(clip, insert_fault(clip, SR, kind, 0))
            return
        with pytest.raises(ValueError, match=f"no click .* has room for a {kind!r}"):
            insert_fault(clip, SR, kind, 0)

    @pytest.mark.parametrize("kind", FAULTS_OF_CLICKS)
    def test_without_a_click_there_is_nothing_to_change(self, kind):
        for clip in (
            np.zeros(3 * SR),
            0.01 * np.random.default_rng(0).standard_normal(3 * SR),
        ):
            with pytest.raises(ValueError, match="no click found in this clip"):
                insert_fault(clip, SR, kind, 0)

    def test_clicks_without_a_still_moment_between_them_are_refused(self):
        clip = 1e-4 * np.random.default_rng(0).standard_normal(3 * SR)
        clip[:: round(0.3 * SR)] = 0.5
        with pytest.raises(ValueError, match=r"10 clicks .* leave no 0\.22 s"):
            insert_fault(clip, SR, "weak click", 0)

    def test_a_click_at_the_very_end_has_no_room_to_be_late(self):
        clip = 1e-4 * np.random.default_rng(0).standard_normal(3 * SR)
        clip[round(2.8 * SR)] = 0.5
        with pytest.raises(
            ValueError, match=r"no click .* has room .*\[2\.8\] s of 3 s"
        ):
            insert_fault(clip, SR, "late click", 0)

    @pytest.mark.parametrize("kind", ["normal", "broken", ""])
    def test_what_is_no_fault_is_refused(self, recorded, kind):
        with pytest.raises(ValueError, match=f"'weak click'.*got {kind!r}"):
            insert_fault(recorded, SR, kind, 0)

    @pytest.mark.parametrize(
        ("bad", "error", "message"),
        [
            (
                np.zeros((2, 40000)),
                ValueError,
                r"one recording of shape \(n_samples,\)",
            ),
            (np.zeros(39999), ValueError, r"at least 2\.5 s long, got 39999 samples"),
            (np.full(40000, np.nan), ValueError, "clip holds NaN or infinity"),
            (np.zeros(40000, int), TypeError, "clip must hold floats"),
            (np.full(40000, 12000.0), ValueError, "divide 16-bit"),
        ],
    )
    def test_what_is_no_clip_is_refused(self, bad, error, message):
        with pytest.raises(error, match=message):
            insert_fault(bad, SR, "hiss", 0)

    def test_too_low_a_rate_is_refused(self, recorded):
        with pytest.raises(ValueError, match="sr must be at least 8000 Hz"):
            insert_fault(recorded, 4000, "hiss", 0)
