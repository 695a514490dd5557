"""What the report says and where its figures put things, without a page."""

from __future__ import annotations

from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile

from esa4_helpers import read_recordings
from esa4_helpers.alarms import Judged
from esa4_helpers.report import _media
from esa4_helpers.report._contents import Group, clock, readings, sensor_groups
from esa4_helpers.report._figures import Column, axis, mel_axis, time_axis

ROWS = [
    Judged("pump", "a.wav", 0.0, 10.0, 1.5, 2.0, False, None),
    Judged("pump", "a.wav", 10.0, 20.0, None, 2.0, False, "silence"),
    Judged("pump", "a.wav", 60.0, 70.5, None, 2.0, False, "silence"),
    Judged("pump", "b.wav", 0.0, 10.0, 2.5, 2.0, True, None),
]


def test_times_are_told_as_on_a_clock():
    times = {0: "0:00:00", 59.999: "0:01:00", 125.5: "0:02:05.50", 3600: "1:00:00"}
    assert {seconds: clock(seconds) for seconds in times} == times


def test_an_axis_has_round_numbers_where_they_belong_and_none_beyond():
    places, texts = zip(*axis("score", 0, 1).ticks, strict=True)
    assert texts == ("0", "0.2", "0.4", "0.6", "0.8", "1")
    assert places == pytest.approx((0, 20, 40, 60, 80, 100))
    ticks = axis("score", -1.9, 2.1).ticks
    assert [text for _, text in ticks] == ["-1", "0", "1", "2"]
    assert [place for place, _ in ticks] == pytest.approx([22.5, 47.5, 72.5, 97.5])
    same = axis("score", 3, 3)
    assert (same.low, same.high) == (2.5, 3.5)


@pytest.mark.parametrize(
    ("seconds", "unit", "length"),
    [(180, "s", 1), (181, "min", 60), (10800, "min", 60), (10801, "h", 3600)],
)
def test_time_has_the_unit_that_suits_it(seconds, unit, length):
    found, n_seconds = time_axis("time", seconds)
    assert (found.label, n_seconds) == (f"time ({unit})", length)
    assert (found.low, found.high) == (0, seconds / length)


@pytest.mark.parametrize(
    ("sr", "texts"),
    [(16000, "0.5 1 2 5"), (44100, "0.5 1 2 5 10"), (200_000, "0.5 1 2 5 10 20 50")],
)
def test_frequencies_stand_at_their_mel_bands(sr, texts):
    found = mel_axis(sr)
    assert [text for _, text in found.ticks] == texts.split()
    for place, text in found.ticks:
        mel = librosa.hz_to_mel([1000 * float(text), sr / 2])
        assert place == pytest.approx(100 * mel[0] / mel[1])


def test_sensor_faults_are_told_from_their_first_clip_to_their_last():
    assert sensor_groups(ROWS) == [Group("a.wav", "silence", 2, 10.0, 70.5)]


def test_a_column_says_where_its_clips_are():
    columns = [Column(first, last, 0, 1) for first, last in ((0, 0), (0, 2), (2, 3))]
    figure = SimpleNamespace(columns=columns, places=[10, 20, 30])
    assert list(readings(figure, ROWS)) == [
        {"x": 10, "text": "a.wav, 0:00:00 to 0:00:10: score 1.5"},
        {
            "x": 20,
            "text": "a.wav, 0:00:00 to 0:01:10.50: highest of 3 scores 1.5; "
            "sensor: silence (2 clips)",
        },
        {
            "x": 30,
            "text": "a.wav, 0:01:00 to b.wav, 0:00:10: highest of 2 scores 2.5; "
            "1 alarm; sensor: silence (1 clip)",
        },
    ]


def shown(folder, *amplitudes: float, n_samples: int = 16000):
    """What is shown of clips of noise that reach so far."""
    noise = np.random.default_rng(0).uniform(-1, 1, n_samples)
    for i, amplitude in enumerate(amplitudes):
        sound = amplitude * noise / np.abs(noise).max()
        soundfile.write(folder / f"{i}.wav", sound, 16000, subtype="FLOAT")
    clips = read_recordings(folder, n_samples / 16000)
    wanted = list(range(len(amplitudes)))
    return _media.media_of(object(), clips, wanted, np.array(amplitudes))


@pytest.mark.parametrize(
    ("amplitudes", "gain"), [((0.1, 0.01), 19), ((0.001,), 40), ((1.0,), -1)]
)
def test_the_loudest_clip_is_played_just_below_full_scale(tmp_path, amplitudes, gain):
    media = shown(tmp_path, *amplitudes)
    assert media.gain_db == pytest.approx(gain)
    assert not media.is_full
    assert all(c.sound.startswith("data:audio/mpeg") for c in media.clips.values())


def test_colours_span_the_levels_of_all_clips_but_the_rarest(tmp_path):
    low, high = shown(tmp_path, 1.0).db_range
    assert 5 < high - low < 40
    both = shown(tmp_path, 1.0, 0.01).db_range
    assert both[0] == pytest.approx(low - 40, abs=3)
    assert both[1] == pytest.approx(high, abs=3)


@pytest.mark.parametrize(("n_samples", "is_drawn"), [(2000, False), (2048, True)])
def test_a_clip_shorter_than_a_window_has_no_picture(tmp_path, n_samples, is_drawn):
    [clip] = shown(tmp_path, 0.5, n_samples=n_samples).clips.values()
    assert bool(clip.spectrogram) == is_drawn
    assert clip.sound


def test_once_a_page_is_full_no_more_is_put_in(tmp_path, monkeypatch):
    first = shown(tmp_path, 0.5, 0.5, 0.5).clips[0]
    n_bytes = len(first.sound) + len(first.spectrogram)
    monkeypatch.setattr(_media, "MOST_BYTES", n_bytes)
    media = shown(tmp_path, 0.5, 0.5, 0.5)
    assert media.is_full
    assert media.clips[0] == first
    assert media.clips[1] == media.clips[2] == _media.ClipMedia()


def test_a_wide_picture_keeps_what_is_brief_and_strong():
    wide = np.zeros((2, 1001))
    wide[0, 777], wide[1, 1000] = 5, 3
    narrow = _media._narrow(wide)
    assert narrow.shape == (2, 400)
    assert narrow.max(axis=1).tolist() == [5, 3]
    assert narrow.argmax(axis=1).tolist() == [777 * 400 // 1001, 399]
    np.testing.assert_array_equal(_media._narrow(wide[:, :400]), wide[:, :400])
