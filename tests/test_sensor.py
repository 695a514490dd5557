"""Faults of the sensor are told from sounds that a machine makes."""

from __future__ import annotations

import numpy as np
import pytest

from esa4_helpers import Dataset, insert_fault, sensor_fault
from esa4_helpers.sensor import SENSOR_FAULTS, _Rests, edge_of_band, hidden_fault
from esa4_helpers.synthesis import ANOMALY_KINDS

SR = 16000


def sound(scale: float = 0.05, seconds: float = 2.5) -> np.ndarray:
    """A hum in noise, as a converter of 16 bits gives it."""
    n_samples = round(seconds * SR)
    hum = np.sin(2 * np.pi * 50 * np.arange(n_samples) / SR)
    noise = np.random.default_rng(0).standard_normal(n_samples)
    return np.round(2**15 * scale * (hum + 0.3 * noise)) / 2**15


def with_rest(seconds: float, value: float = 0.0, start: int = 8000) -> np.ndarray:
    clip = sound()
    clip[start : start + round(seconds * SR)] = value
    return clip


def with_sample(value: float) -> np.ndarray:
    clip = sound()
    clip[1000] = value
    return clip


@pytest.mark.parametrize("name", ["synthetic", "recordings"])
def test_none_in_the_clips_of_the_course(name, request):
    clips: Dataset = request.getfixturevalue(name)
    assert {sensor_fault(clip) for clip in clips.audio} == {None}


def test_none_in_real_machines(mimii_machines):
    for clips in mimii_machines.values():
        assert {sensor_fault(clip) for clip in clips.audio} == {None}


@pytest.mark.parametrize("kind", ANOMALY_KINDS)
def test_no_fault_of_a_machine_is_taken_for_one(synthetic, kind):
    clip = insert_fault(synthetic.train.audio[0], synthetic.sr, kind, random_state=0)
    assert sensor_fault(clip) is None


@pytest.mark.parametrize("amplitude", [1.0, 0.3, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("frequency", [5, 20, 50, 440, 1000, 4000])
def test_none_in_a_pure_tone_of_16_bits(frequency, amplitude):
    tone = amplitude * np.sin(2 * np.pi * frequency * np.arange(SR) / SR + 0.1)
    assert sensor_fault(np.round(2**15 * tone) / 2**15) is None


@pytest.mark.parametrize("scale", [3.0, 1.0, 0.3])
def test_none_in_sound_of_a_few_steps(scale):
    quiet = np.round(scale * np.random.default_rng(0).standard_normal(SR))
    assert sensor_fault(quiet / 2**15) is None
    # Those of 8 bits are 256 times as large.
    assert sensor_fault(quiet / 2**7) is None


@pytest.mark.parametrize(
    ("clip", "fault"),
    [
        (with_sample(np.nan), "NaN"),
        (with_sample(np.inf), "NaN"),
        (np.full(SR, np.nan), "NaN"),
        (np.zeros(SR), "silence"),
        (np.full(SR, 0.1), "silence"),
        (np.clip(30 * sound(), -1, 1), "clipping"),
        (np.clip(1000 * sound(), -1, 1), "clipping"),
        (np.clip(30 * sound(), -9, 1), "clipping"),
        # Cut before it was turned down.
        (0.1 * np.clip(30 * sound(), -1, 1), "clipping"),
        (np.float32(np.clip(30 * sound(), -1, 1)), "clipping"),
        (np.clip(np.random.default_rng(0).normal(0, 0.5, SR), -1, 1), "clipping"),
        (with_rest(0.01), "dropouts"),
        # The recorder repeats its last sample, comes late or dies early.
        (with_rest(0.02, value=0.01), "dropouts"),
        (with_rest(0.02, start=0), "dropouts"),
        (with_rest(2.0), "dropouts"),
    ],
)
def test_it_is_named(clip, fault):
    assert sensor_fault(clip) == fault
    assert fault in SENSOR_FAULTS


def test_little_is_forgiven():
    knock = np.append(sound(), np.ones(36))
    assert sensor_fault(knock) is None
    assert sensor_fault(with_rest(0.001)) is None


@pytest.mark.parametrize("finest", [0.0, 2.0**-20])
def test_clicks_that_die_away_in_silence_are_no_dropouts(finest):
    time = np.arange(SR // 4) / SR
    click = 0.2 * np.cos(2 * np.pi * 1000 * time) * np.exp(-100 * time)
    clip = np.tile(np.round(2**15 * click) / 2**15, 8)
    clip[SR // 4 - 10] += finest
    assert sensor_fault(clip) is None


@pytest.mark.parametrize(("drop", "edge"), [(20, 0.4), (19.9, None)])
def test_a_cliff_is_20_db_high(drop, edge):
    levels = np.full(100, -60.0)
    levels[41:] -= drop
    assert edge_of_band(levels) == edge


def test_a_few_cut_peaks_are_forgiven_and_many_are_not():
    loud = sound()
    peaks = np.sort(np.abs(loud))
    for share, fault in ((0.02, "clipping"), (0.0002, None)):
        limit = peaks[-round(share * len(peaks))]
        assert sensor_fault(np.clip(loud, -limit, limit)) == fault


STEP = 2.0**-15
SWING = np.array([-0.5, 0.5])


def entered_and_left(
    enter: float, leave: float, finest: float = STEP, n: int = 32
) -> np.ndarray:
    """A rest of n samples that begins and ends with steps of these sizes."""
    rest = [0.0] + [enter] * n + [enter + leave]
    return np.concatenate(
        [np.tile(SWING, 30), rest, np.tile(SWING, 30), [0.5 - finest]]
    )


@pytest.mark.parametrize(
    ("clip", "fault"),
    [
        # Of 16 bits: four steps are none, and five are a jump, on both sides.
        (entered_and_left(5 * STEP, 5 * STEP), "dropouts"),
        (entered_and_left(-5 * STEP, -5 * STEP), "dropouts"),
        (entered_and_left(4 * STEP, 0.1), None),
        (entered_and_left(0.1, 4 * STEP), None),
        (entered_and_left(3 * STEP, 0.1), None),
        (entered_and_left(0.1, 3 * STEP), None),
        (entered_and_left(0.1, 0.1, n=31), None),
        # Of 10 bits; of floats, as if they had 16; and without any small step, as if 8.
        (entered_and_left(5 * 64 * STEP, 5 * 64 * STEP, 64 * STEP), "dropouts"),
        (entered_and_left(4 * 64 * STEP, 0.1, 64 * STEP), None),
        (entered_and_left(4.1 * STEP, 4.1 * STEP, 1e-9), "dropouts"),
        (entered_and_left(4 * STEP, 4 * STEP, 1e-9), None),
        (entered_and_left(2**-5 + 1e-3, 2**-5 + 1e-3, 0.5), "dropouts"),
        (entered_and_left(2**-5, 2**-5, 0.5), None),
    ],
)
def test_a_jump_is_more_than_four_of_the_finest_steps(clip, fault):
    assert sensor_fault(clip) == fault


@pytest.mark.parametrize(
    ("n_high", "n_low", "fault"),
    [
        (16, 0, "clipping"),
        (0, 16, "clipping"),
        (8, 8, "clipping"),
        (15, 0, None),
        (8, 7, None),
    ],
)
def test_one_in_a_thousand_samples_at_the_extremes_is_clipping(n_high, n_low, fault):
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, SR)
    # An extreme that is touched is no rest.
    clip[[100, 200]] = -0.9, 0.9
    clip[1000 : 1000 + n_high] = 0.9
    clip[2000 : 2000 + n_low] = -0.9
    assert sensor_fault(clip) == fault


def test_rests_are_told_by_where_how_long_and_how():
    clip = np.array([0.1, 0.1, 0.5, 0.9, 0.9, 0.9, 0.0, -0.3, -0.3, 0.2, -0.9, -0.9])
    rests = _Rests.of(clip)
    assert rests.starts.tolist() == [0, 3, 7, 10]
    assert rests.lengths.tolist() == [2, 3, 2, 2]
    assert rests.is_extreme.tolist() == [False, True, False, True]
    assert rests.n_clipped(5000) == 5
    assert rests.n_clipped(5001) == 0
    # A constant is no limit that anything is cut off at.
    constant = _Rests.of(np.full(32, 0.9))
    assert constant.n_clipped(32) == 0
    assert constant.dropouts().tolist() == [0]


def test_of_several_channels_clipping_is_named_first():
    clean = sound()
    clipped, gap = np.clip(30 * clean, -1, 1), with_rest(0.01)
    for channels, fault in (
        ([clean, clean], None),
        ([clean, gap], "dropouts"),
        ([gap, clipped], "clipping"),
        ([clipped, gap], "clipping"),
        ([clean, np.zeros_like(clean)], None),
    ):
        assert hidden_fault(np.stack(channels, axis=1)) == fault


@pytest.mark.parametrize(
    ("first_low", "edge"),
    [(2, None), (3, 0.05), (5, 0.05), (6, 0.05), (7, 0.06), (90, 0.89), (91, None)],
)
def test_edges_are_looked_for_up_to_nine_tenths(first_low, edge):
    levels = np.full(100, -60.0)
    levels[first_low:] = -80.0
    assert edge_of_band(levels) == edge


@pytest.mark.parametrize(
    ("band", "edge"), [(40, 0.4), (41, 0.41), (43, 0.43), (44, None), (99, None)]
)
def test_behind_an_edge_there_is_nothing(band, edge):
    levels = np.full(100, -60.0)
    levels[41:] = -90.0
    levels[band] = max(levels[band], -79.9)
    assert edge_of_band(levels) == edge
    # Two odd bands before it are no matter.
    levels[[36, 38]] = 0.0
    assert edge_of_band(levels) == edge
