from __future__ import annotations

import librosa
import numpy as np
import pytest
from common import eager_tensorflow, pairs_won
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline

from esa4_helpers import (
    Dataset,
    GMMDetector,
    LogMelSpectrogram,
    PoolOverTime,
    anomaly_map,
    anomaly_score,
    change_mask,
    contrast_map,
    detector_names,
    has_anomaly_map,
    make_detector,
    make_synthetic_dataset,
    map_auc,
    mass_inside,
)
from esa4_helpers.synthesis import ANOMALY_KINDS, synthesize_clip

SR, HOP = 16000, 512
RNG = np.random.default_rng(0)
NAMES = [name for name in detector_names() if name != "level"]
NETWORKS = ("autoencoder", "interpolation", "dense")
CENTRES = librosa.mel_frequencies(128 + 2, fmin=0, fmax=SR / 2)[1:-1]


def noise(n_clips: int, seed: int = 0) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal((n_clips, 8000))


def with_gain(clips: np.ndarray, gain: float, start: float, stop: float) -> np.ndarray:
    clips = clips.copy()
    clips[:, round(start * SR) : round(stop * SR)] *= gain
    return clips


def with_notch(clips: np.ndarray, lowest: float, highest: float) -> np.ndarray:
    spectrum = np.fft.rfft(clips)
    frequencies = np.fft.rfftfreq(clips.shape[1], 1 / SR)
    spectrum[:, (frequencies > lowest) & (frequencies < highest)] *= 0.03
    return np.fft.irfft(spectrum, clips.shape[1])


def fitted_to(clips: np.ndarray, name: str, n_updates: int) -> Pipeline:
    detector = make_detector(name, sr=SR)
    if name in NETWORKS:
        detector.set_params(detector__n_updates=n_updates)
    return detector.fit(clips)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def hissing() -> dict[str, Pipeline]:
    """Detectors that know nothing but steady noise."""
    with eager_tensorflow():
        return {name: fitted_to(noise(24), name, 2) for name in NAMES}


@pytest.fixture(scope="module")
def squeaks() -> Dataset:
    return make_synthetic_dataset(
        24, 0, 4, sr=SR, kinds=("squeak",), random_state=1, with_healthy=True
    )


class TestOfAValve:
    @pytest.mark.parametrize("name", [name for name in NAMES if name != "dense"])
    def test_a_squeak_lights_up_where_it_sounds(self, squeaks, name):
        detector = fitted_to(squeaks.train.audio, name, 80)
        audio, healthy = squeaks.test.audio, squeaks.test.healthy
        mask = change_mask(audio, healthy, SR)
        cells = anomaly_map(detector, audio)
        assert cells.shape == mask.shape == (4, 128, 1 + 40000 // HOP)

        chance = mask.mean(axis=(1, 2))
        inside = mass_inside(cells, mask)
        assert inside.min() > 3 * chance.max()
        assert (inside > 5 * chance).all()
        assert map_auc(cells, mask).mean() > 0.7

        of_twins = mass_inside(anomaly_map(detector, healthy), mask)
        assert (inside > 1.5 * of_twins).all()

    def test_one_clip_is_enough(self, squeaks):
        detector = fitted_to(squeaks.audio[4:], "mahalanobis", 0)
        clip, healthy = synthesize_clip(
            "squeak", sr=SR, random_state=5, return_healthy=True
        )
        mask = change_mask([clip], [healthy], SR)
        assert mass_inside(anomaly_map(detector, [clip]), mask)[0] > 5 * mask.mean()


class TestOfNoise:
    def test_has_one_cell_for_each_of_the_spectrogram_and_none_below_zero(
        self, hissing, name
    ):
        for clips in (noise(3, 1), with_gain(noise(3, 1), 0.0, 0, 1)):
            cells = anomaly_map(hissing[name], clips)
            assert cells.shape == (3, 128, 1 + 8000 // HOP)
            assert np.isfinite(cells).all()
            assert cells.min() >= 0
            assert (cells.max(axis=(1, 2)) > 0).all()

    def test_each_clip_has_its_own(self, hissing, name):
        clips = np.vstack([noise(2, 1), with_notch(noise(1, 2), 2000, 3000)])
        together = anomaly_map(hissing[name], clips)
        alone = np.vstack([anomaly_map(hissing[name], clips[[i]]) for i in (2, 0, 1)])
        np.testing.assert_allclose(alone, together[[2, 0, 1]], rtol=1e-3, atol=1e-4)

    def test_what_is_abnormal_lights_up_more(self, hissing, name):
        normal, loud = noise(3, 1), with_gain(noise(3, 1), 4.0, 0.2, 0.3)
        brightness = [
            anomaly_map(hissing[name], clips).sum(axis=(1, 2))
            for clips in (normal, loud)
        ]
        assert brightness[1].min() > 3 * brightness[0].max()

    @pytest.mark.parametrize(("lowest", "highest"), [(500, 800), (2000, 3000)])
    def test_a_missing_band_lights_up(self, hissing, name, lowest, highest):
        cells = anomaly_map(hissing[name], with_notch(noise(3, 1), lowest, highest))
        is_missing = (CENTRES > lowest - 50) & (CENTRES < highest + 50)
        mask = np.broadcast_to(is_missing[:, np.newaxis], cells.shape)
        assert is_missing.mean() < 0.2
        assert mass_inside(cells, mask).min() > 0.9

    def test_a_burst_lights_up_when_it_comes(self, hissing, name):
        cells = anomaly_map(hissing[name], with_gain(noise(3, 1), 8.0, 0.19, 0.25))
        mask = np.zeros(cells.shape, bool)
        mask[:, :, 4:11] = True
        assert mass_inside(cells, mask).min() > 0.85

    def test_a_tone_lights_up_at_its_pitch(self, hissing, name):
        tone = 0.003 * np.sin(2 * np.pi * 4000 * np.arange(8000) / SR)
        cells = anomaly_map(hissing[name], noise(3, 1) + tone)
        brightest = CENTRES[cells.sum(axis=2).argmax(axis=1)]
        np.testing.assert_allclose(brightest, 4000, rtol=0.03)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_gap_lights_up_when_it_comes(self, hissing, name):
        cells = anomaly_map(hissing[name], with_gain(noise(3, 1), 0.03, 0.19, 0.31))
        mask = np.zeros(cells.shape, bool)
        mask[:, :, 5:11] = True
        assert mass_inside(cells, mask).min() > 0.6


@pytest.mark.parametrize("score", ["mean", "max"])
def test_of_a_reconstruction_error_is_the_error_itself(hissing, score, monkeypatch):
    detector, clips = Pipeline(hissing["interpolation"].steps), noise(3, 1)
    monkeypatch.setattr(detector[-1], "score", score)
    cells = anomaly_map(detector, clips)
    by_frame = cells.mean(axis=1)
    expected = by_frame.mean(axis=1) if score == "mean" else by_frame.max(axis=1)
    np.testing.assert_allclose(anomaly_score(detector, clips), expected)


def test_a_pipeline_of_ones_own_has_one():
    for statistics in ("max", ("max",)):
        steps = [
            ("spectrogram", LogMelSpectrogram(SR)),
            ("pool", PoolOverTime(statistics)),
            ("detector", GMMDetector(1)),
        ]
        detector = Pipeline(steps).fit(noise(24))
        cells = anomaly_map(detector, with_gain(noise(3, 1), 8.0, 0.19, 0.25))
        mask = np.zeros(cells.shape, bool)
        mask[:, :, 4:11] = True
        assert mass_inside(cells, mask).min() > 0.85


def test_only_a_pool_before_a_judge_that_explains_makes_one():
    pool = ("pool", PoolOverTime("max"))
    for steps, has_one in (
        ([pool, ("judge", GMMDetector())], True),
        ([("spectrogram", LogMelSpectrogram()), pool, ("judge", GMMDetector())], True),
        ([pool, ("judge", KernelDensity())], False),
        ([("judge", GMMDetector())], False),
    ):
        assert has_anomaly_map(Pipeline(steps)) is has_one


def test_all_but_level_have_one():
    assert not has_anomaly_map(make_detector("level"))
    assert all(has_anomaly_map(make_detector(name)) for name in NAMES)
    with pytest.raises(ValueError, match="as a whole.*has_anomaly_map"):
        anomaly_map(make_detector("level").fit(noise(6)), noise(1))


def test_asking_before_fitting_is_refused(name):
    with pytest.raises(NotFittedError):
        anomaly_map(make_detector(name), noise(1))


def test_clips_of_another_length_are_refused(hissing, name):
    with pytest.raises(ValueError, match="have 4000 samples.*had 8000"):
        anomaly_map(hissing[name], noise(2)[:, :4000])


def mask_of(kind: str, seed: int, sr: int = SR) -> np.ndarray:
    clip, healthy = synthesize_clip(kind, sr=sr, random_state=seed, return_healthy=True)
    return change_mask(clip[np.newaxis], healthy[np.newaxis], sr)[0]


def changed_bands_hz(mask: np.ndarray, sr: int) -> np.ndarray:
    """Centres of those mel bands in which something has changed."""
    centres = librosa.mel_frequencies(len(mask) + 2, fmin=0, fmax=sr / 2)[1:-1]
    return centres[mask.any(axis=1)]


def white(shape: tuple[int, ...] = (1, SR)) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, shape)


class TestChangeMask:
    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    def test_normal_clips_have_an_empty_mask(self, sr):
        assert not mask_of("normal", 0, sr).any()

    @pytest.mark.parametrize("sr", [8000, 16000, 44100])
    @pytest.mark.parametrize("kind", ANOMALY_KINDS)
    def test_anomalies_change_some_of_the_clip_and_not_all(self, kind, sr):
        for seed in range(5):
            share = mask_of(kind, seed, sr).mean()
            assert 0.001 < share < 0.4

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


class TestChangeMaskOfNoise:
    def test_it_covers_what_is_louder_and_what_is_quieter(self):
        healthy = white((2, SR))
        audio = healthy.copy()
        audio[0, SR // 2 :] *= 2
        audio[1, SR // 2 :] /= 2
        mask = change_mask(audio, healthy, SR)
        assert not mask[:, :, :14].any()
        assert mask[:, :, 18:].all()

    def test_three_db_are_a_change(self):
        for gain_db, changed in (
            (3.1, True),
            (2.9, False),
            (-3.1, True),
            (-2.9, False),
        ):
            other = white() * 10 ** (gain_db / 20)
            assert (change_mask(other, white(), SR) == changed).all()

    def test_each_clip_is_held_against_its_own_twin(self):
        healthy = np.random.default_rng(1).normal(0, 0.1, (3, SR))
        audio = healthy * [[1.0], [2.0], [1.0]]
        mask = change_mask(audio, healthy, SR)
        np.testing.assert_array_equal(mask.mean(axis=(1, 2)), [0, 1, 0])

    def test_it_has_the_bands_and_frames_of_the_spectrogram_at_this_rate(self):
        healthy = white()
        audio = healthy.copy()
        time = np.arange(SR) / SR
        audio[0] += 0.5 * np.sin(2 * np.pi * 3000 * time)
        for sr in (SR, 2 * SR):
            # Where it begins and ends, a tone is heard in all bands.
            mask = change_mask(audio, healthy, sr)[0, :, 3:-3]
            # At twice the rate, the same samples are a tone of twice the pitch.
            bands = changed_bands_hz(mask, sr)
            assert bands.min() < 3000 * sr / SR < bands.max()
            assert np.ptp(bands) < 600 * sr / SR

    def test_both_ways_it_is_the_same(self):
        clip, healthy = synthesize_clip(
            "squeak", sr=SR, random_state=0, return_healthy=True
        )
        np.testing.assert_array_equal(
            change_mask([clip], [healthy], SR), change_mask([healthy], [clip], SR)
        )

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            ({"healthy": white((2, SR))}, ValueError, "same shape.*1, 16000.*2, 16000"),
            ({"healthy": white((1, SR - 1))}, ValueError, "audio and healthy must"),
            ({"healthy": white()[0]}, ValueError, "healthy must have the shape"),
            ({"healthy": None}, TypeError, "healthy must hold floats"),
            ({"healthy": white() * np.nan}, ValueError, "healthy holds NaN"),
            ({"audio": white() * np.nan}, ValueError, "audio holds NaN"),
            ({"sr": 0}, ValueError, "sr must be at least 1000 Hz"),
        ],
    )
    def test_bad_input_is_named(self, change, error, message):
        arguments = {"audio": white(), "healthy": white(), "sr": SR} | change
        with pytest.raises(error, match=message):
            change_mask(**arguments)


class TestMapsAgainstMasks:
    MAP = RNG.uniform(0.1, 1, (3, 6, 5))
    MASK = RNG.uniform(size=(3, 6, 5)) < 0.3

    def test_mass_inside_is_a_share_of_the_sum(self):
        expected = [
            sum(clip[inside]) / sum(clip.ravel())
            for clip, inside in zip(self.MAP, self.MASK, strict=True)
        ]
        assert mass_inside(self.MAP, self.MASK) == pytest.approx(expected)
        assert mass_inside(self.MASK * 7.0, self.MASK) == pytest.approx(1)
        assert mass_inside(self.MAP * ~self.MASK, self.MASK) == pytest.approx(0)
        assert mass_inside(self.MAP, ~self.MASK) == pytest.approx(
            1 - np.array(expected)
        )

    def test_mass_inside_of_a_flat_map_is_the_masks_area(self):
        area = self.MASK.mean(axis=(1, 2))
        for value in (1e-320, 1.0, 1e308):
            flat = np.full(self.MAP.shape, value)
            assert mass_inside(flat, self.MASK) == pytest.approx(area)

    def test_mass_inside_knows_no_unit_but_map_auc_no_more_than_order(self):
        assert mass_inside(5 * self.MAP, self.MASK) == pytest.approx(
            mass_inside(self.MAP, self.MASK)
        )
        assert map_auc(np.log(self.MAP) - 9, self.MASK) == pytest.approx(
            map_auc(self.MAP, self.MASK)
        )

    def test_map_auc_compares_the_cells_of_each_clip(self):
        expected = [
            pairs_won(inside.ravel(), clip.ravel())
            for clip, inside in zip(self.MAP, self.MASK, strict=True)
        ]
        assert map_auc(self.MAP, self.MASK) == pytest.approx(expected)
        assert map_auc(self.MASK * 1.0, self.MASK) == pytest.approx(1)
        assert map_auc(self.MASK * -1.0, self.MASK) == pytest.approx(0)

    def test_a_random_map_agrees_with_nothing(self):
        noise, mask = (
            RNG.uniform(size=(20, 64, 60)),
            RNG.uniform(size=(20, 64, 60)) < 0.2,
        )
        assert mass_inside(noise, mask) == pytest.approx(0.2, abs=0.03)
        assert map_auc(noise, mask) == pytest.approx(0.5, abs=0.06)

    @pytest.mark.parametrize("function", [mass_inside, map_auc])
    def test_bad_shapes_and_values_are_named(self, function):
        with pytest.raises(ValueError, match="anomaly_map must have the shape"):
            function(self.MAP[0], self.MASK[0])
        with pytest.raises(ValueError, match=r"\(3, 6, 5\), got \(3, 6, 4\)"):
            function(self.MAP, self.MASK[:, :, :4])
        with pytest.raises(ValueError, match="mask must hold 0 and 1"):
            function(self.MAP, self.MAP)
        with pytest.raises(ValueError, match="anomaly_map holds NaN or infinity"):
            function(np.full(self.MAP.shape, np.nan), self.MASK)
        with pytest.raises(TypeError, match="anomaly_map must hold floats"):
            function(self.MASK.astype(int), self.MASK)

    def test_maps_without_mass_or_with_negative_cells_are_refused(self):
        zero, negative = self.MAP.copy(), self.MAP.copy()
        zero[1:] = 0
        negative[1:, 0, 0] = [-0.25, -0.5]
        with pytest.raises(ValueError, match="only zeros in clip 1$"):
            mass_inside(zero, self.MASK)
        with pytest.raises(ValueError, match="got -0.5 at worst, first in clip 1$"):
            mass_inside(negative, self.MASK)

    @pytest.mark.parametrize(("value", "word"), [(False, "empty"), (True, "full")])
    def test_masks_with_nothing_to_rank_are_refused(self, value, word):
        mask = self.MASK.copy()
        mask[1:] = value
        with pytest.raises(ValueError, match=f"is {word} in clip 1$"):
            map_auc(self.MAP, mask)


class TestContrastMap:
    def test_a_level_that_never_changes_stands_out_nowhere(self):
        S = np.full((2, 4, 9), -40.0) - np.arange(4)[:, None]
        assert not contrast_map(S).any()

    def test_each_cell_is_measured_against_its_own_band_of_its_own_clip(self):
        S = np.random.default_rng(0).normal(-60, 5, (2, 3, 8))
        moved = S + np.array([[[-7.0], [0.0], [20.0]], [[3.0], [3.0], [3.0]]])
        np.testing.assert_allclose(contrast_map(moved), contrast_map(S), atol=1e-9)
        S[1, 2, 5] = np.median(S[1, 2]) + 30
        others = np.delete(S[1, 2], 5)
        expected = S[1, 2, 5] - np.median(np.append(others, 1e3))
        assert contrast_map(S)[1, 2, 5] == pytest.approx(expected)
        assert (contrast_map(S) >= 0).all()

    def test_what_it_cannot_measure_is_refused(self):
        with pytest.raises(ValueError, match=r"S must have the shape"):
            contrast_map(np.zeros((3, 4)))
        with pytest.raises(ValueError, match="S holds NaN or infinity"):
            contrast_map(np.full((1, 3, 4), np.nan))
