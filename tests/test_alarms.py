"""Alarms are for the machine: what the sensor does is told from it."""

from __future__ import annotations

import io
from pathlib import Path
from warnings import catch_warnings, simplefilter

import librosa
import numpy as np
import pytest
import soundfile

from esa4_helpers import (
    FewRecordingsWarning,
    StreamScorer,
    anomaly_score,
    judge_clips,
    judge_recordings,
    make_detector,
    make_synthetic_machine,
    own_threshold,
    read_recordings,
)
from esa4_helpers.sensor import SENSOR_FAULTS

SR = 16000


@pytest.fixture(scope="module")
def machine() -> np.ndarray:
    """Recordings of 2 s of a normal machine, on 36 days."""
    return make_synthetic_machine(36, 0, duration=2.0, noise_spread_db=1.0).audio


@pytest.fixture(scope="module")
def normal(machine) -> np.ndarray:
    return machine[24:]


@pytest.fixture(scope="module", params=["gmm", "level"])
def detector(request, machine) -> object:
    return make_detector(request.param).fit(machine[:24])


@pytest.fixture(scope="module")
def gmm(machine) -> object:
    return make_detector("gmm").fit(machine[:24])


def through(audio: np.ndarray, sr: int) -> np.ndarray:
    """What a chain leaves that works at a lower rate."""
    lower = librosa.resample(audio, orig_sr=SR, target_sr=sr)
    return librosa.resample(lower, orig_sr=sr, target_sr=SR)[:, : audio.shape[1]]


def through_mp3(audio: np.ndarray) -> np.ndarray:
    coded = []
    for clip in audio:
        file = io.BytesIO()
        soundfile.write(file, clip, SR, format="MP3", compression_level=0.99)
        file.seek(0)
        coded.append(soundfile.read(file)[0][: len(clip)])
    return np.stack(coded)


def faults(detector: object, audio: np.ndarray) -> set[str | None]:
    verdicts = judge_clips(detector, audio)
    assert not any(verdict.alarm for verdict in verdicts if verdict.fault)
    return {verdict.fault for verdict in verdicts}


def test_normal_clips_have_no_fault_and_few_alarms(detector, normal):
    verdicts = judge_clips(detector, normal)
    assert {verdict.fault for verdict in verdicts} == {None}
    assert np.mean([verdict.alarm for verdict in verdicts]) <= 0.2
    scores = [verdict.score for verdict in verdicts]
    np.testing.assert_allclose(scores, anomaly_score(detector, normal))


@pytest.mark.parametrize(("n", "promised"), [(3, 1 / 4), (12, 0.1)])
def test_pieces_of_few_recordings_keep_twice_the_promise(n, promised):
    shares = []
    for seed in range(3):
        machine = make_synthetic_machine(
            n + 40, 0, duration=2.0, noise_spread_db=1, hall=seed, random_state=seed
        ).audio
        # Of 1 s, and each shares 80 % with the next.
        starts = range(0, SR + 1, SR // 5)
        pieces = [machine[:n, start : start + SR] for start in starts]
        groups = np.tile(np.arange(n), len(pieces))
        with catch_warnings():
            simplefilter("ignore", FewRecordingsWarning)
            detector = make_detector("mahalanobis")
            detector.fit(np.concatenate(pieces), groups=groups)
        assert detector.training_.promised_rate == promised
        verdicts = judge_clips(detector, machine[n:, :SR])
        # What is told to be a level is a false alarm of another name.
        shares.append(np.mean([v.alarm or v.fault is not None for v in verdicts]))
    assert np.mean(shares) <= 2 * promised


@pytest.mark.parametrize("gain_db", [3, -3, 10, -20, -35])
def test_another_gain_is_no_alarm_but_another_level(detector, normal, gain_db):
    quiet = normal[[not verdict.alarm for verdict in judge_clips(detector, normal)]]
    verdicts = judge_clips(detector, quiet * 10 ** (gain_db / 20))
    assert {verdict.fault for verdict in verdicts} == {"level"}
    assert min(verdict.score for verdict in verdicts) > own_threshold(detector)


def test_a_fault_of_the_machine_is_an_alarm_at_any_gain(gmm, normal):
    whine = 0.01 * np.sin(2 * np.pi * 3000 * np.arange(normal.shape[1]) / SR)
    for gain_db in (0, 3, -3):
        gained = (normal + whine) * 10 ** (gain_db / 20)
        assert all(verdict.alarm for verdict in judge_clips(gmm, gained))


def test_a_fault_of_low_frequency_with_an_end_is_an_alarm(gmm, normal):
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(normal.shape[1]))
    spectrum[np.fft.rfftfreq(normal.shape[1], 1 / SR) > 1500] = 0
    rumble = 0.2 * np.fft.irfft(spectrum)
    assert all(verdict.alarm for verdict in judge_clips(gmm, normal[:3] + rumble))


@pytest.mark.parametrize("sr", [6000, 8000, 11025, 12000])
def test_a_chain_of_a_lower_rate_limits_the_band(detector, normal, sr):
    assert faults(detector, through(normal, sr)) == {"band limit"}


def test_a_coder_limits_the_band(gmm, normal):
    assert faults(gmm, through_mp3(normal)) == {"band limit"}


def test_so_does_sound_above_the_edge_of_training(machine, normal):
    limited = make_detector("gmm").fit(through(machine[:24], 8000))
    assert limited.training_.edge == pytest.approx(3800, abs=200)
    assert faults(limited, through(normal, 8000)) <= {None}
    assert faults(limited, normal) == {"band limit"}


def test_what_the_clip_itself_shows_comes_first(gmm, normal):
    clip = normal[0]
    gap = np.where(np.arange(len(clip)) // 800 == 5, 0.0, clip)
    broken = np.where(np.arange(len(clip)) == 5, np.nan, clip)
    odd = [0 * clip, broken, np.clip(1000 * clip, -1, 1), gap, clip]
    verdicts = judge_clips(gmm, odd)
    expected = ["silence", "NaN", "clipping", "dropouts", None]
    assert [verdict.fault for verdict in verdicts] == expected
    assert np.isnan([verdict.score for verdict in verdicts[:4]]).all()
    assert set(expected) - {None} | {"level", "band limit"} == set(SENSOR_FAULTS)


def test_real_faults_keep_their_alarms(mimii_machines):
    alarms, levels = 0, 0
    for title in ("fan id_00", "pump id_00", "valve id_00"):
        clips = mimii_machines[title]
        detector = make_detector("gmm").fit(clips.train.audio)
        abnormal = clips.test.audio[clips.test.is_anomaly]
        verdicts = judge_clips(detector, abnormal)
        alarms += sum(verdict.alarm for verdict in verdicts)
        levels += sum(verdict.fault is not None for verdict in verdicts)
    # These are louder by 2 dB and more, and nothing else about them is odd.
    assert levels <= 5
    assert alarms >= 8


def test_a_detector_that_does_not_know_its_training_is_asked_for_less(gmm, normal):
    louder = 1.5 * normal
    old = make_detector("gmm")
    vars(old).update({k: v for k, v in vars(gmm).items() if k != "training_"})
    assert all(v.alarm and v.fault is None for v in judge_clips(old, louder))
    assert faults(old, 0 * normal) == {"silence"}


def test_a_threshold_of_ones_own(gmm, normal):
    highest = anomaly_score(gmm, normal).max()
    assert not any(v.alarm for v in judge_clips(gmm, normal, highest))
    lowest = anomaly_score(gmm, normal).min() - 1
    assert all(v.alarm for v in judge_clips(gmm, normal, lowest))


@pytest.mark.parametrize(
    ("audio", "error", "message"),
    [
        (np.zeros(SR), ValueError, r"audio\[np.newaxis\]"),
        (
            np.zeros((2, SR)),
            ValueError,
            "have 16000 samples, the training clips had 32",
        ),
        (np.zeros((2, 2 * SR), int), TypeError, "must hold floats"),
    ],
)
def test_what_are_no_such_clips_is_refused(gmm, audio, error, message):
    with pytest.raises(error, match=message):
        judge_clips(gmm, audio)


def test_without_a_threshold_one_must_be_given(normal):
    class Scorer:
        def score_samples(self, X: np.ndarray) -> np.ndarray:
            return -X.mean(axis=1)

    with pytest.raises(ValueError, match="no threshold of its own"):
        judge_clips(Scorer(), normal)
    assert not any(v.alarm for v in judge_clips(Scorer(), normal, 1.0))


def test_a_gain_that_drifts_in_a_stream_is_said(gmm, normal):
    quiet = normal[[not verdict.alarm for verdict in judge_clips(gmm, normal)]]
    gain_db = np.linspace(0, 6, quiet.size)
    events = StreamScorer(gmm).push(quiet.ravel() * 10 ** (gain_db / 20))
    assert [event.fault for event in events[:3]] == 3 * [None]
    # From 3 dB on; below 2 dB, it may be the machine.
    late = events[len(events) // 2 :]
    assert not any(event.alarm for event in late)
    assert {event.fault for event in late} == {"level"}


@pytest.fixture
def recorded(tmp_path, normal) -> Path:
    """A recording of three clips, the last one silent, and one of a clip."""
    three = np.concatenate([normal[0], 2 * normal[1], np.zeros_like(normal[0])])
    soundfile.write(tmp_path / "day 2.wav", three, SR, subtype="FLOAT")
    soundfile.write(tmp_path / "day 10.wav", normal[2], SR, subtype="FLOAT")
    return tmp_path


def test_recordings_are_judged_as_their_clips_are(gmm, recorded):
    clips = read_recordings(recorded, 2.0, sr=SR, keep_silent=True)
    heard = []
    rows = judge_recordings(gmm, clips, machine="pump", listen=heard.append)
    assert [(row.machine, row.recording, row.start, row.end) for row in rows] == [
        ("pump", "day 2.wav", 0.0, 2.0),
        ("pump", "day 2.wav", 2.0, 4.0),
        ("pump", "day 2.wav", 4.0, 6.0),
        ("pump", "day 10.wav", 0.0, 2.0),
    ]
    verdicts = judge_clips(gmm, clips.audio)
    assert [(row.alarm, row.sensor) for row in rows] == [v[1:] for v in verdicts]
    scores = [np.nan if row.score is None else row.score for row in rows]
    np.testing.assert_allclose(scores, [v.score for v in verdicts], rtol=1e-9)
    assert rows[2].score is None
    assert {row.threshold for row in rows} == {own_threshold(gmm)}
    assert (np.concatenate(heard) == clips.audio).all()


def test_recordings_at_another_rate_are_refused(gmm, recorded):
    # As many samples as in training.
    clips = read_recordings(recorded, 1.0, sr=2 * SR)
    with pytest.raises(ValueError, match="32000 Hz.*16000 Hz"):
        judge_recordings(gmm, clips)
