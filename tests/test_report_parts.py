"""What the report says and where its figures put things, without a page."""

from __future__ import annotations

from types import SimpleNamespace

import librosa
import pytest

from esa4_helpers.alarms import Judged
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
