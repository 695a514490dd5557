from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from esa4_helpers import (
    anomaly_score,
    auc,
    conformal_threshold,
    detector_names,
    make_detector,
    score_in_folds,
)
from esa4_helpers.pipelines import DetectorPipeline

NAMES = detector_names()
NETWORKS = ("autoencoder", "interpolation", "dense")
HEARING = [name for name in NAMES if name not in ("level", "dense")]
CLASSICAL = [name for name in NAMES if name not in NETWORKS]
SR, N_SAMPLES = 16000, 4000


def noise(n_clips: int, n_samples: int = N_SAMPLES, seed: int = 0) -> np.ndarray:
    """A machine that hisses, in one clip a bit louder than in the next."""
    rng = np.random.default_rng(seed)
    level_db = rng.normal(-40, 1, (n_clips, 1))
    return 10 ** (level_db / 20) * rng.standard_normal((n_clips, n_samples))


def squeaking(n_clips: int, sr: float = SR) -> np.ndarray:
    squeak = 0.05 * np.sin(2 * np.pi * 3000 * np.arange(N_SAMPLES) / sr)
    return noise(n_clips, seed=2) + squeak


def make(name: str, **settings: object) -> Pipeline:
    detector = make_detector(name, **settings)
    if name in NETWORKS:
        detector.set_params(detector__n_updates=2)
    return detector


@pytest.fixture(scope="module")
def fitted() -> dict[str, Pipeline]:
    return {name: make(name).fit(noise(20)) for name in NAMES}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize(
    ("sr", "n_samples"), [(8000, 2048), (16000, 8000), (44100, 22050), (44100, 2048)]
)
def test_clips_from_one_window_on_can_be_judged_at_any_rate(name, sr, n_samples):
    detector = make(name, sr=sr).fit(noise(6, n_samples))
    new = noise(3, n_samples, seed=1)
    scores = detector.score_samples(new)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    assert set(detector.predict(new)) <= {-1, 1}


class TestOfAFittedDetector:
    def test_anomaly_score_is_the_negated_score(self, fitted, name):
        clips = noise(3, seed=1)
        np.testing.assert_array_equal(
            anomaly_score(fitted[name], clips), -fitted[name].score_samples(clips)
        )

    def test_a_squeak_is_more_abnormal_than_any_normal_clip(self, fitted, name):
        normal = anomaly_score(fitted[name], noise(20, seed=1))
        assert anomaly_score(fitted[name], squeaking(5)).min() > normal.max()
        assert (fitted[name].predict(squeaking(5)) == -1).all()

    def test_a_silent_clip_is_no_error_but_an_anomaly(self, fitted, name):
        silence = np.zeros((1, N_SAMPLES))
        normal = anomaly_score(fitted[name], noise(20, seed=1))
        assert anomaly_score(fitted[name], silence)[0] > normal.max()
        assert fitted[name].predict(silence)[0] == -1

    def test_permuting_clips_permutes_scores(self, fitted, name):
        clips, order = noise(5, seed=1), np.array([3, 0, 4, 1, 2])
        np.testing.assert_allclose(
            fitted[name].score_samples(clips[order]),
            fitted[name].score_samples(clips)[order],
            rtol=1e-4,
        )

    def test_fitting_anew_gives_identical_scores(self, fitted, name):
        clips = noise(3, seed=1)
        expected = fitted[name].score_samples(clips)
        again = clone(fitted[name])
        with pytest.raises(NotFittedError):
            again.score_samples(clips)
        # What it learned before must not matter.
        again.fit(noise(8, seed=3))
        assert not np.array_equal(again.score_samples(clips), expected)
        again.fit(noise(20))
        np.testing.assert_array_equal(again.score_samples(clips), expected)
        np.testing.assert_array_equal(fitted[name].score_samples(clips), expected)

    @pytest.mark.parametrize("n_samples", [2048, N_SAMPLES - 1, 2 * N_SAMPLES])
    def test_test_clips_of_another_length_are_refused(self, fitted, name, n_samples):
        with pytest.raises(
            ValueError,
            match=rf"have {n_samples} samples.*had {N_SAMPLES} \(0.25 s at 16000 Hz\)",
        ):
            fitted[name].score_samples(noise(2, n_samples))

    @pytest.mark.parametrize(
        ("audio", "error", "message"),
        [
            (noise(2) * [[1], [np.nan]], ValueError, "NaN or infinity in 1 of 2"),
            (noise(1)[0], ValueError, r"use audio\[np.newaxis\] for one clip"),
            (np.zeros((1, N_SAMPLES), np.int16), TypeError, "must hold floats"),
        ],
        ids=["NaN", "one clip", "integers"],
    )
    def test_bad_test_clips_are_refused(self, fitted, name, audio, error, message):
        with pytest.raises(error, match=message):
            fitted[name].predict(audio)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (noise(6) * (np.arange(6) != 2)[:, None], "1 of 6 .* silent .*first clip 2"),
        (np.full((6, N_SAMPLES), 0.25), "6 of 6 .* silent or constant"),
        (noise(6) * np.where(np.arange(6) == 4, np.nan, 1)[:, None], "NaN.* clip 4"),
        (noise(1), "training needs at least 2 clips, got 1"),
        (np.tile(noise(1), (6, 1)), "all 6 .* the same recording"),
        (noise(6, 0), "length zero"),
        (noise(6)[:, :, np.newaxis], r"shape \(n_clips, n_samples\)"),
        (32768 * noise(6), "look like integer samples"),
    ],
    ids=["silent", "constant", "NaN", "one", "same", "empty", "shape", "integers"],
)
def test_training_clips_without_use_are_refused(name, audio, message):
    with pytest.raises(ValueError, match=message):
        make(name).fit(audio)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "level"])
def test_training_clips_shorter_than_a_window_are_refused(name):
    with pytest.raises(ValueError, match="2047 samples, less than one window"):
        make(name).fit(noise(6, 2047))


def test_fewer_training_clips_than_can_be_held_out_are_refused(name):
    least = 4 if name == "dense" else 5
    with pytest.raises(ValueError, match=f"needs at least [45] clips.*got {least - 1}"):
        make(name).fit(noise(least - 1))


@pytest.mark.parametrize("name", CLASSICAL)
def test_one_in_ten_new_normal_clips_at_most_raises_an_alarm(name):
    new, alarms = noise(200, seed=99), []
    for seed in range(20):
        detector = make(name).fit(noise(20, seed=seed))
        alarms.append(np.mean(detector.predict(new) == -1))
    # Drawn from the same clips in half of all cases, it is above a tenth by chance.
    assert np.mean(alarms) < 0.13


def test_the_threshold_keeps_the_rate_that_is_asked_for(name):
    groups = np.arange(14) % 10
    detector = make(name, false_alarm_rate=0.3).fit(noise(14), groups=groups)
    judge = detector if hasattr(detector, "offset_") else detector[-1]
    expected = conformal_threshold(judge.normal_scores_, 0.3, groups)
    assert -judge.offset_ == expected < judge.normal_scores_.max()
    assert detector.training_.promised_rate == 0.3


@pytest.mark.parametrize("name", CLASSICAL)
def test_by_default_it_is_for_16_khz_and_one_alarm_in_ten(name):
    by_hand = make_detector(name, 16000, 0, level=True, false_alarm_rate=0.1)
    assert str(make_detector(name)) == str(by_hand)


def test_the_highest_rate_is_a_half():
    assert make_detector("knn", false_alarm_rate=0.5)[-1].contamination == 0.5


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("level", {"cv": 5}),
        # Two Gaussians, the three nearest clips: of four statistics each.
        ("gmm", {"cv": 5, "n_parts": 4, "detector__n_components": 2}),
        ("mahalanobis", {"cv": 5, "n_parts": 4}),
        ("knn", {"cv": 5, "n_parts": 4, "detector__n_neighbors": 3}),
        ("autoencoder", {"cv": 5, "code_size": 16, "n_updates": 200}),
        (
            "interpolation",
            {"cv": 5, "network_cv": 2, "code_size": 32, "n_updates": 400},
        ),
        ("dense", {"cv": None, "network_cv": 2, "code_size": 8, "n_updates": 300}),
    ],
)
def test_a_recipe_is_one_on_which_results_were_published(name, settings):
    detector = make_detector(name)
    known = detector[-1].get_params()
    assert {key: known[key] for key in settings} == settings
    if name in HEARING:
        assert detector.level[-1].cv == 5


@pytest.mark.parametrize("rate", [0, -0.1, 0.6, 1, np.nan, "0.1"])
def test_impossible_rates_are_refused(rate):
    with pytest.raises((ValueError, TypeError), match="false_alarm_rate"):
        make_detector("gmm", false_alarm_rate=rate)


class TestWithLevel:
    @pytest.mark.parametrize("name", HEARING)
    def test_what_is_a_little_louder_is_heard_by_its_level_alone(self, name):
        # Clips of equal level, as in data sets that were mixed that way.
        def clips(n_clips: int, seed: int) -> np.ndarray:
            audio = noise(n_clips, seed=seed)
            return 0.01 * audio / audio.std(axis=1, keepdims=True)

        train, normal = clips(20, 0), clips(20, 1)
        # Rounding to 16 bits would do as much.
        train *= 10 ** (np.random.default_rng(0).normal(0, 0.02, (20, 1)) / 20)
        louder = 1.03 * normal
        heard = {}
        for level in (True, False):
            detector = make(name, level=level).fit(train)
            heard[level] = np.mean(detector.predict(louder) == -1)
        assert heard[True] == 1
        assert heard[False] < 0.6

    @pytest.mark.parametrize("name", HEARING)
    def test_turned_off_all_else_stays_the_same(self, fitted, name):
        without = make(name, level=False).fit(noise(20))
        clips = noise(3, seed=1)
        np.testing.assert_array_equal(
            Pipeline(fitted[name].steps).score_samples(clips),
            without.score_samples(clips),
        )
        assert type(without) is DetectorPipeline

    @pytest.mark.parametrize("name", ["level", "dense"])
    def test_the_others_have_nothing_to_turn_off(self, name):
        assert str(make_detector(name)) == str(make_detector(name, level=False))


def test_seed_is_passed_on_to_what_is_random():
    for name in ("gmm", "autoencoder", "interpolation", "dense"):
        seeds = make_detector(name, random_state=7).get_params()
        assert 7 in [v for k, v in seeds.items() if k.endswith("random_state")]


def test_sample_rate_is_passed_on(name):
    first = make_detector(name, sr=44100)[0]
    assert first.sr == 44100


def test_clips_at_another_rate_are_heard_at_another_pitch():
    # The same samples, taken for 16 kHz and for 8 kHz audio.
    maps = [
        make("gmm", sr=sr).fit(noise(6))[0].transform(squeaking(1)) for sr in (8000, SR)
    ]
    assert not np.allclose(*maps)


@pytest.mark.parametrize("unknown", ["GMM", "", "isolation forest", "zero", None])
def test_unknown_names_are_refused_and_the_known_ones_named(unknown):
    with pytest.raises(ValueError, match="no detector") as caught:
        make_detector(unknown)
    assert str(caught.value) == (
        f"there is no detector {unknown!r}: expected one of 'level', 'gmm', "
        "'mahalanobis', 'knn', 'autoencoder', 'interpolation', 'dense'"
    )


def test_the_old_name_of_the_level_leads_to_the_new_one():
    with pytest.raises(ValueError, match='"loudness" is now called "level"'):
        make_detector("loudness")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sr": 0}, ValueError, "sr must be at least 1000 Hz"),
        ({"sr": np.nan}, ValueError, "sr must be finite"),
        ({"sr": "16000"}, TypeError, "sr must be a number"),
        ({"random_state": -1}, ValueError, "random_state must be at least 0"),
        ({"random_state": None}, TypeError, "random_state must be a whole number"),
    ],
)
def test_impossible_settings_are_refused(name, settings, error, message):
    with pytest.raises(error, match=message):
        make_detector(name, **settings)


@pytest.mark.parametrize("index", range(8))
def test_real_machines_are_told_by_their_level(mimii_machines, index):
    clips = list(mimii_machines.values())[index]
    normal, abnormal = clips.audio[~clips.is_anomaly], clips.audio[clips.is_anomaly]
    with_level, without = (
        auc(*score_in_folds(make_detector("gmm", level=level), normal, abnormal))
        for level in (True, False)
    )
    assert with_level > 0.9
    assert with_level >= without - 0.05
