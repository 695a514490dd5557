"""What a detector knows of its training is true, and comes with every fit."""

from __future__ import annotations

import json
from dataclasses import replace
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
from esa4_helpers.training import band_levels, check_training

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


def test_recordings_at_another_rate_are_refused(folder):
    found = read_recordings(folder, 0.5, sr=4000)
    with pytest.raises(ValueError, match="read at 4000 Hz.*made for 8000 Hz"):
        make_detector("level", sr=SR).fit(found)


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
