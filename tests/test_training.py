"""What a detector knows of its training is true, and comes with every fit."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.base import clone

from esa4_helpers import (
    FewRecordingsWarning,
    NearDuplicatesWarning,
    Training,
    held_out_scores,
    make_detector,
    read_recordings,
)
from esa4_helpers.training import _versions, band_levels, check_training, unevenness

SR = 8000


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    return 0.01 * np.random.default_rng(0).standard_normal((20, SR // 2))


def trained(clips: np.ndarray, **settings: object) -> Training:
    groups = settings.pop("groups", None)
    return make_detector("level", sr=SR, **settings).fit(clips, groups=groups).training_


def test_it_says_what_the_clips_were(clips):
    training = trained(clips, groups=np.arange(20) // 2, false_alarm_rate=0.2)
    assert training.sr == SR
    assert training.n_samples == SR // 2
    assert training.clip_seconds == 0.5
    assert (training.n_clips, training.n_recordings) == (20, 10)
    assert training.false_alarm_rate == training.promised_rate == 0.2
    levels = 20 * np.log10(clips.std(axis=1))
    assert training.levels == pytest.approx((levels.min(), levels.max()), abs=0.01)
    assert training.typical_level == pytest.approx(np.median(levels), abs=0.01)
    assert training.edge is None
    assert {"python", "numpy", "esa4-helpers"} <= set(training.versions)
    assert "tensorflow" not in training.versions
    assert training.source == {}


@pytest.mark.parametrize("name", ["level", "knn"])
def test_whoever_fits_and_predicts_at_once_gets_the_same(clips, name):
    at_once, groups = make_detector(name, sr=SR), np.arange(20) // 2
    predicted = at_once.fit_predict(clips, groups=groups)
    fitted = make_detector(name, sr=SR).fit(clips, groups=groups)
    np.testing.assert_array_equal(predicted, fitted.predict(clips))
    assert at_once.training_.n_recordings == 10


def test_its_edge_is_where_the_sound_ends_in_hz(clips):
    spectrum = np.fft.rfft(clips)
    spectrum[:, np.fft.rfftfreq(clips.shape[1], 1 / SR) > 2500] = 0
    assert trained(np.fft.irfft(spectrum)).edge == pytest.approx(2500, abs=60)


def test_its_spectrum_is_the_power_in_each_band(clips):
    power = 10 ** (trained(clips).spectrum / 10)
    assert power.sum() == pytest.approx(1e-4, rel=0.05)
    for part in np.split(power, 5):
        assert part.sum() == pytest.approx(1e-4 / 5, rel=0.1)
    louder = band_levels(10 * clips) - band_levels(clips)
    np.testing.assert_allclose(louder, 20, atol=0.01)


class TestBandLevels:
    """From windows of 2000 samples, with the next one after each thousand."""

    def test_a_tone_of_full_scale_has_minus_three_decibels_in_its_band(self):
        tone = np.sin(2 * np.pi * 0.2525 * np.arange(6000))
        (levels,) = band_levels(tone[np.newaxis])
        assert levels.argmax() == 50
        assert levels[50] == pytest.approx(10 * np.log10(1 / 2), abs=1e-4)
        assert np.delete(levels, 50).max() < -90

    def test_silence_is_at_the_least_level(self):
        np.testing.assert_allclose(band_levels(np.zeros((2, 4000))), -120)

    def test_windows_overlap_by_half_and_are_averaged(self, clips):
        (long,) = band_levels(clips[:1, :3000])
        power = 10 ** (
            band_levels(np.stack([clips[0, :2000], clips[0, 1000:3000]])) / 10
        )
        # But for what is added lest it be the logarithm of nothing.
        np.testing.assert_allclose(10 ** (long / 10), power.mean(axis=0), rtol=1e-6)
        np.testing.assert_array_equal(
            band_levels(clips[:, :2999]), band_levels(clips[:, :2000])
        )

    def test_what_is_shorter_than_a_window_ends_in_silence(self, clips):
        longer = np.pad(clips[:, :700], [(0, 0), (0, 1300)])
        np.testing.assert_array_equal(band_levels(clips[:, :700]), band_levels(longer))


def test_unevenness_is_what_a_change_of_gain_leaves_up_to_the_edge():
    spectrum = np.array([-60.0, -50.0, -40.0, -90.0])
    levels = spectrum + [[0, 0, 3, 100], [5, 9, 5, 5], [7, 7, 7, 7]]
    expected = [np.sqrt((1.5**2 + 1.5**2 + 1.5**2 + 98.5**2) / 4), 2.0, 0.0]
    assert unevenness(levels, spectrum) == pytest.approx(expected)
    expected = [np.sqrt(3), 4 / np.sqrt(3), 0.0]
    for edge in (0.7, 0.75, 0.8):
        assert unevenness(levels, spectrum, edge) == pytest.approx(expected)
    assert levels[0, 3] == 10


def test_it_says_how_uneven_clips_were_at_most(clips):
    training = trained(clips)
    change = band_levels(clips) - training.spectrum
    change -= np.median(change, axis=1)[:, np.newaxis]
    expected = np.sqrt((change**2).mean(axis=1)).max()
    assert training.unevenness == pytest.approx(expected)


def test_it_can_not_be_changed_and_is_itself_only(clips):
    training = trained(clips)
    with pytest.raises(FrozenInstanceError):
        training.sr = 1
    assert training != replace(training)
    assert len({training, training}) == 1


def test_versions_that_nobody_knows_are_told_so():
    known = _versions(("numpy", "no-such-package"))
    assert known["numpy"] == np.__version__
    assert known["no-such-package"] == "unknown"


def test_the_hash_is_that_of_the_sound_however_it_is_stored(clips):
    single = clips.astype(np.float32)
    usual = trained(single).data_hash
    assert trained(single.astype(np.float64)).data_hash == usual
    assert trained(single[::-1]).data_hash != usual


@pytest.mark.parametrize("n", [2, 6, 9])
def test_few_recordings_promise_less(clips, n):
    groups = np.arange(20) % n
    with pytest.warns(FewRecordingsWarning, match=f"{n} recordings only"):
        training = trained(clips, groups=groups, false_alarm_rate=0.05)
    assert training.false_alarm_rate == 0.05
    assert training.promised_rate == pytest.approx(1 / (n + 1))


def test_clips_without_groups_promise_no_more_than_as_many_recordings(clips):
    with pytest.warns(FewRecordingsWarning, match="not 1%, which takes 99"):
        assert trained(clips, false_alarm_rate=0.01).promised_rate == 1 / 21


def test_copies_without_groups_promise_nothing(clips):
    with pytest.warns(NearDuplicatesWarning):
        training = trained(np.concatenate([clips, clips[:3]]))
    assert (training.n_clips, training.n_recordings) == (23, 20)
    assert training.promised_rate == 1


def test_one_recording_is_held_out_in_stretches_of_time(clips):
    one = np.full(20, "run")
    stretches = np.arange(20) // 4
    with pytest.warns(FewRecordingsWarning, match="1 recording only: .*can't be known"):
        detector = make_detector("gmm", sr=SR).fit(clips, groups=one)
    with pytest.warns(FewRecordingsWarning):
        as_known = make_detector("gmm", sr=SR).fit(clips, groups=stretches)
    assert detector.offset_ == as_known.offset_
    assert detector.training_.n_recordings == 1
    assert detector.training_.promised_rate == 1


def test_it_belongs_to_the_whole_and_not_to_copies(clips):
    detector = make_detector("gmm", sr=SR).fit(clips)
    assert not hasattr(detector.level_, "training_")
    assert not hasattr(clone(detector), "training_")
    whole = make_detector("level", sr=SR).fit(clips)
    held_out_scores(whole, clips, groups=np.arange(20))
    assert whole.training_.n_clips == 20


def test_it_can_be_written_as_json(clips):
    training = replace(trained(clips), findings=("Hum.",), history=({"n_clips": 3},))
    told = json.loads(json.dumps(training.as_dict()))
    assert told["clip_seconds"] == 0.5
    assert told["spectrum"] == training.spectrum.tolist()
    assert told["findings"] == ["Hum."]
    assert told["history"] == [{"n_clips": 3}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, clips) -> Path:
    folder = tmp_path_factory.mktemp("pump")
    for day in range(10):
        sound = clips[2 * day : 2 * day + 2].ravel()
        soundfile.write(folder / f"day {day}.wav", sound, SR, subtype="FLOAT")
    return folder


def test_recordings_say_themselves_where_clips_come_from(folder):
    found = read_recordings(folder, 0.5, 0.25, sr=SR)
    detector = make_detector("level", sr=SR).fit(found)
    by_hand = make_detector("level", sr=SR).fit(found.audio, groups=found.recordings)
    assert detector[-1].offset_ == by_hand[-1].offset_
    training = detector.training_
    assert (training.n_recordings, training.n_clips) == (10, 30)
    assert training.data_hash == by_hand.training_.data_hash
    files = [str((folder / f"day {day}.wav").resolve()) for day in range(10)]
    expected = {"files": files, "hop_seconds": 0.25, "channel": "mean"}
    assert training.source == expected


@pytest.mark.parametrize("sr", [4000, 16000])
def test_recordings_at_another_rate_are_refused(folder, sr):
    found = read_recordings(folder, 0.5, sr=sr)
    with pytest.raises(ValueError, match=f"read at {sr} Hz.*made for 8000 Hz"):
        make_detector("level", sr=SR).fit(found)


def test_groups_that_are_given_come_before_those_of_recordings(folder):
    found = read_recordings(folder, 0.5, sr=SR)
    days = np.arange(20) // 4
    with pytest.warns(FewRecordingsWarning, match="5 recordings only"):
        training = make_detector("level", sr=SR).fit(found, groups=days).training_
    assert (training.n_recordings, training.promised_rate) == (5, 1 / 6)


def test_a_single_clip_is_too_few_in_words(clips):
    with pytest.raises(ValueError, match="needs at least 2 clips, got 1"):
        make_detector("level", sr=SR).fit(clips[:1], groups=["a"])


def test_the_least_and_the_most_that_can_be_true(clips):
    training = trained(clips)
    counts = dict.fromkeys(("n_samples", "n_clips", "n_recordings"), 1)
    shares = {"false_alarm_rate": 1.0, "promised_rate": 1.0}
    check_training(
        replace(training, **counts, **shares, levels=(-40.0, -40.0), edge=None)
    )
    shares = {"false_alarm_rate": 1e-9, "promised_rate": 1e-9}
    check_training(replace(training, **shares, edge=3000.0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sr", 0.0),
        ("n_samples", 0),
        ("n_clips", 1.5),
        ("n_recordings", None),
        ("false_alarm_rate", 0.0),
        ("promised_rate", 1.01),
        ("levels", (-30.0, -40.0)),
        ("levels", (-40.0, float("inf"))),
        ("typical_level", "loud"),
        ("unevenness", float("nan")),
        ("edge", float("nan")),
        ("spectrum", np.zeros(99)),
        ("spectrum", np.full(100, np.nan)),
    ],
)
def test_what_can_not_be_true_is_named(clips, name, value):
    training = trained(clips)
    check_training(training)
    with pytest.raises((ValueError, TypeError), match=f"^{name} "):
        check_training(replace(training, **{name: value}))
