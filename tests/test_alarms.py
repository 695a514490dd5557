"""Alarms are for the machine: what the sensor does is told from it."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from warnings import catch_warnings, simplefilter

import librosa
import numpy as np
import pytest
import soundfile

from esa4_helpers import (
    FewRecordingsWarning,
    StreamScorer,
    alarms,
    anomaly_score,
    judge_clips,
    judge_recordings,
    make_detector,
    make_synthetic_machine,
    own_threshold,
    read_recordings,
)
from esa4_helpers.features import level
from esa4_helpers.sensor import SENSOR_FAULTS
from esa4_helpers.training import band_levels

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
    with pytest.raises(ValueError, match="recordings are read") as error:
        judge_recordings(gmm, clips)
    assert str(error.value) == (
        "the recordings are read at 32000 Hz, and the detector was fitted at 16000 Hz: "
        "call read_recordings with sr=16000"
    )


def trained(**known: object) -> SimpleNamespace:
    """What a detector knows of clips that were as loud in all bands, but for what is given."""
    usual = {
        "sr": 20000,
        "n_samples": 4000,
        "spectrum": np.full(100, -60.0),
        "edge": None,
        "levels": (-42.0, -38.0),
        "typical_level": -40.0,
        "unevenness": 1.0,
    }
    return SimpleNamespace(**(usual | known))


def ending(at: int, behind: float, before: float = -60.0) -> np.ndarray:
    """Levels of a hundred bands, of which the last so many have another one."""
    return np.where(np.arange(100) <= at, before, behind)


@pytest.mark.parametrize(
    ("levels", "edge", "expected"),
    [
        (np.full(100, -60.0), None, False),
        (ending(40, -90.0), None, True),
        # Behind the edge it is as quiet as it was, to 10 dB, and before it louder.
        (ending(40, -60.0, -30.0), None, False),
        (ending(40, -70.0, -30.0), None, False),
        (ending(40, -70.1, -30.0), None, True),
        # Edges as far apart as three hundredths of the range are the same.
        (ending(47, -90.0), 5000.0, False),
        (ending(46, -90.0), 5000.0, True),
        (ending(52, -90.0), 5000.0, False),
        # What goes on above the edge of training, by 10 dB.
        (ending(50, -50.0), 5000.0, False),
        (ending(50, -49.9), 5000.0, True),
        (ending(50, -49.9), None, False),
    ],
)
def test_a_limit_is_another_edge_by_10_db(levels, edge, expected):
    training = trained(edge=edge)
    assert alarms._has_other_limit(levels, training) == expected


def test_most_bands_between_both_edges_tell():
    levels, spectrum = ending(46, -90.0), ending(47, -90.0)
    # Of the bands from 48 to 49, between the edges.
    spectrum[48:51] = -76, -83, -200
    assert alarms._has_other_limit(levels, trained(spectrum=spectrum, edge=5000.0))
    spectrum[48] = -77.1
    assert not alarms._has_other_limit(levels, trained(spectrum=spectrum, edge=5000.0))


def test_most_bands_above_the_edge_tell():
    training = trained(edge=8900.0)
    levels = np.full(100, -60.0)
    levels[91:] = -40, -40, -40, -40, -49.9, -60, -60, -60, -60
    assert alarms._has_other_limit(levels, training)
    levels[95] = -50.1
    assert not alarms._has_other_limit(levels, training)


class Hears:
    """A stand-in that takes for normal only what is as loud as this, in dB."""

    def __init__(self, loudness: float, training: SimpleNamespace) -> None:
        self.loudness, self.training_ = loudness, training

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        assert np.abs(X).max() <= 32
        return -np.abs(level(X)[:, 0] - self.loudness).round(3)


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """Of -30 dB."""
    noise = np.random.default_rng(0).standard_normal(4000)
    return noise * 10 ** (-30 / 20) / np.sqrt(np.mean(noise**2))


def change_of(clip: np.ndarray, loudness: float, **known: object) -> str | None:
    """What is said to have changed, if this is as loud as normal clips are."""
    known.setdefault("spectrum", band_levels(clip[np.newaxis])[0] - 13.0)
    return alarms._change(Hears(loudness, trained(**known)), clip, True, 0.0)


@pytest.mark.parametrize(
    ("loudness", "expected"),
    [
        # The quietest and the loudest of training, the typical one, and by its spectrum.
        (-42, "level"),
        (-38, "level"),
        (-40, "level"),
        (-43, "level"),
        (-39, None),
        (-30, None),
    ],
)
def test_it_is_the_level_if_the_clip_would_be_normal_without_it(
    clip, loudness, expected
):
    assert change_of(clip, loudness) == expected


@pytest.mark.parametrize(
    ("typical", "expected"),
    [(-28.01, None), (-27.99, "level"), (-31.99, None), (-32.01, "level")],
)
def test_a_gain_is_2_db_at_least(clip, typical, expected):
    assert change_of(clip, typical, typical_level=typical) == expected


@pytest.mark.parametrize(
    ("uneven", "edge", "expected"),
    [(1.49, None, "level"), (1.51, None, None), (1.49, 5000.0, "level")],
)
def test_a_spectrum_may_be_half_as_uneven_again(clip, uneven, edge, expected):
    spectrum = band_levels(clip[np.newaxis])[0] + np.tile([uneven, -uneven], 50)
    if edge:
        # There was nothing, and there still is next to nothing.
        spectrum[50:] += np.tile([9.0, -9.0], 25)
    assert change_of(clip, -40, spectrum=spectrum, edge=edge) == expected


def test_gains_that_no_recorder_has_are_left_out(clip):
    known = {"typical_level": 40.0, "spectrum": band_levels(clip[np.newaxis])[0] + 70}
    assert change_of(clip, 40, levels=(40.0, 40.0), **known) is None
    assert change_of(clip, -42, levels=(-42.0, 40.0), **known) == "level"


def test_a_score_on_the_threshold_is_none_above_it(clip):
    detector = Hears(-40, trained(spectrum=band_levels(clip[np.newaxis])[0]))
    assert judge_clips(detector, [clip], 10.0) == [(10.0, False, None)]
    assert judge_clips(detector, [clip], 9.999) == [(10.0, False, "level")]
    del detector.training_
    assert judge_clips(detector, [clip], 10.0) == [(10.0, False, None)]
    assert judge_clips(detector, [clip], 9.999) == [(10.0, True, None)]


def test_what_is_known_of_the_sensor_counts_as_if_it_was_heard(clip):
    detector = Hears(-40, trained())
    hidden, heard = judge_clips(detector, [clip, clip], 99, ["clipping", None])
    assert hidden[1:] == (False, "clipping")
    assert np.isnan(hidden.score)
    assert heard == (10.0, False, None)
