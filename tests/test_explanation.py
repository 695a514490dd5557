from __future__ import annotations

import librosa
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from esa4_helpers import (
    Dataset,
    GMMDetector,
    LogMelSpectrogram,
    PoolOverTime,
    anomaly_map,
    anomaly_score,
    change_mask,
    detector_names,
    has_anomaly_map,
    make_detector,
    make_synthetic_dataset,
    map_auc,
    mass_inside,
    synthesize_clip,
)

SR, HOP = 16000, 512
NAMES = [name for name in detector_names() if name != "loudness"]
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
    import tensorflow as tf

    # For a few updates it takes longer to compile a network than to train it.
    tf.config.run_functions_eagerly(True)
    detectors = {name: fitted_to(noise(24), name, 2) for name in NAMES}
    tf.config.run_functions_eagerly(False)
    return detectors


@pytest.fixture(scope="module")
def squeaks() -> Dataset:
    return make_synthetic_dataset(
        24, 0, 4, sr=SR, kinds=("squeak",), seed=1, with_healthy=True
    )


class TestOfAValve:
    @pytest.mark.parametrize("name", [name for name in NAMES if name != "dense"])
    def test_a_squeak_lights_up_where_it_sounds(self, squeaks, name):
        is_train = np.array([n.startswith("train") for n in squeaks.names])
        detector = fitted_to(squeaks.audio[is_train], name, 80)
        audio, healthy = squeaks.audio[~is_train], squeaks.healthy[~is_train]
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
    detector, clips = hissing["interpolation"], noise(3, 1)
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


def test_all_but_loudness_have_one():
    assert not has_anomaly_map(make_detector("loudness"))
    assert all(has_anomaly_map(make_detector(name)) for name in NAMES)
    with pytest.raises(ValueError, match="as a whole.*has_anomaly_map"):
        anomaly_map(make_detector("loudness").fit(noise(6)), noise(1))


def test_asking_before_fitting_is_refused(name):
    with pytest.raises(NotFittedError):
        anomaly_map(make_detector(name), noise(1))


def test_clips_of_another_length_are_refused(hissing, name):
    with pytest.raises(ValueError, match="have 4000 samples.*had 8000"):
        anomaly_map(hissing[name], noise(2)[:, :4000])
