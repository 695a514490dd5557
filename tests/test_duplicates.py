"""Clips that share their sound are found, and clips that only sound alike are not."""

from __future__ import annotations

from itertools import pairwise

import librosa
import numpy as np
import pytest
from scipy import fft

from esa4_helpers import (
    NearDuplicatesWarning,
    duplicates,
    make_detector,
    make_synthetic_dataset,
    make_synthetic_machine,
    near_duplicates,
)

RATE = 16000


@pytest.fixture(scope="module")
def steady() -> np.ndarray:
    return make_synthetic_machine(8, 0, duration=4.0, snr_db=6.0).audio


def windows(audio: np.ndarray, hop: int, length: int = RATE) -> np.ndarray:
    starts = range(0, len(audio) - length + 1, hop)
    return np.stack([audio[start : start + length] for start in starts])


def test_clips_of_the_same_machine_are_no_duplicates(steady):
    own = np.arange(len(steady))
    np.testing.assert_array_equal(near_duplicates(steady), own)
    pieces = windows(steady[0], RATE)
    np.testing.assert_array_equal(near_duplicates(pieces), np.arange(4))


@pytest.mark.parametrize("snr_db", [-6.0, 30.0, 60.0])
def test_however_little_noise_there_is(snr_db):
    clips = make_synthetic_machine(10, 0, snr_db=snr_db, random_state=1).audio
    assert len(np.unique(near_duplicates(clips))) == 10


def test_clicks_of_a_valve_and_hum_are_no_duplicates():
    clips = make_synthetic_dataset(20, 0, 0, sr=RATE).audio
    assert len(np.unique(near_duplicates(clips))) == 20
    time = np.arange(10 * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * time + k) / k for k in range(1, 20))
    noise = np.random.default_rng(0).standard_normal(len(time))
    pieces = windows(0.1 * hum + 0.0005 * noise, RATE)
    assert len(np.unique(near_duplicates(pieces))) == 10


@pytest.mark.parametrize("name", ["recordings", "mimii_machines"])
def test_real_clips_are_no_duplicates(request, name):
    found = request.getfixturevalue(name)
    for clips in found.values() if isinstance(found, dict) else [found]:
        assert len(np.unique(near_duplicates(clips.audio))) == len(clips)


@pytest.mark.parametrize("gain", [1.0, 0.3, 0.02, -2.0])
def test_copies_are_found_at_any_gain(steady, gain):
    copies = np.round(gain * steady[:4] * 2**15) / 2**15
    found = near_duplicates(np.concatenate([steady, copies]))
    np.testing.assert_array_equal(found, [*range(8), 0, 1, 2, 3])


@pytest.mark.parametrize("overlap", [0.8, 0.5])
def test_windows_that_overlap_are_found(steady, overlap):
    hop = round((1 - overlap) * RATE)
    pieces = [windows(clip, hop) for clip in steady[:2]]
    found = near_duplicates(np.concatenate(pieces))
    n = len(pieces[0])
    np.testing.assert_array_equal(found, [0] * n + [n] * n)


@pytest.fixture(scope="module")
def long() -> np.ndarray:
    return make_synthetic_machine(4, 0, duration=18.0, snr_db=6.0, random_state=7).audio


@pytest.mark.parametrize("overlap", [20, 35, 50, 65, 80, 95])
@pytest.mark.parametrize("seconds", [0.25, 0.5, 1, 2, 10])
def test_overlaps_are_found_from_the_promised_length_on(long, seconds, overlap):
    length = round(seconds * RATE)
    shared = length * overlap // 100
    others = long[:, length - shared : 2 * length - shared]
    found = near_duplicates(np.concatenate([long[:, :length], others]))
    # However little they share, nothing is joined that does not belong together.
    np.testing.assert_array_equal(found[:4], range(4))
    assert all(other in (i, 4 + i) for i, other in enumerate(found[4:]))
    if shared >= 6400 or overlap == 95 or (seconds, overlap) == (0.5, 65):
        np.testing.assert_array_equal(found[4:], range(4))


def test_windows_that_were_resampled_one_by_one_are_found(steady):
    fine = librosa.resample(steady[0], orig_sr=RATE, target_sr=44100)
    pieces = windows(fine, 8821, 44100)
    pieces = librosa.resample(pieces, orig_sr=44100, target_sr=RATE)
    found = near_duplicates(pieces)
    assert len(np.unique(found)) < len(found) / 2


def test_fitting_warns_of_them_once_and_names_two_of_them(steady):
    clips = np.concatenate([steady, 0.5 * steady[[3, 5]]])
    with pytest.warns(NearDuplicatesWarning) as caught:
        make_detector("level").fit(clips)
    [warning] = caught
    assert str(warning.message) == (
        "4 of 10 training clips share their sound with others (such as clips 3 and 8): they "
        "count as 8 clips at most, and new clips will raise more false alarms than "
        "promised. Say with groups= which recording each clip comes from, or drop the "
        "repeated ones"
    )
    # It points at who fits.
    assert warning.filename == __file__


def test_fitting_is_quiet_without_them_and_if_the_recordings_are_named(steady):
    make_detector("level").fit(steady)
    thrice = np.concatenate([steady, steady, steady])
    make_detector("level").fit(thrice, groups=np.repeat(np.arange(12), 2))


def test_a_clock_that_is_one_sample_off_hides_nothing():
    sound, first, second = 0.1 * np.random.default_rng(4).standard_normal((3, 16000))
    first[:4800] = sound[:4800]
    # Each half alone is too little to be joined by.
    second[6000:8400], second[8401:10801] = sound[:2400], sound[2400:4800]
    assert near_duplicates([first, second]).tolist() == [0, 0]


def marks_by_definition(clip: np.ndarray) -> list[tuple[int, int]]:
    """What the notes of `near_duplicates` say, step by step."""
    n = len(clip)
    spectrum = fft.rfft(np.float32(clip))
    width = max(3, n // 320)
    before, after = width // 2, (width - 1) // 2
    padded = np.pad(np.abs(spectrum) ** 2, (before, after), mode="edge")
    smooth = np.convolve(padded, np.full(width, 1 / width), mode="valid")
    # 20 dB above the noise of a step of 16 bits.
    flattened = spectrum / np.sqrt(smooth + n * 100 * 2**-30 / 12)
    flattened[round(len(spectrum) / 4) :] = 0
    flat = np.abs(fft.irfft(flattened, n))
    anchors = [
        i for i in range(1, n - 1) if flat[i] == max(flat[max(0, i - 80) : i + 81]) > 0
    ]
    # Their places between samples, by a parabola.
    places = []
    for i in anchors:
        square, slope, _ = np.polyfit([-1, 0, 1], flat[i - 1 : i + 2], 2)
        places.append(i - slope / (2 * square))
    distances = [round((b - a) / 2) for a, b in pairwise(places)]
    runs = zip(distances, distances[1:], distances[2:], strict=False)
    return [
        (i, first + 2**12 * second + 2**24 * third)
        for i, (first, second, third) in zip(anchors, runs, strict=False)
    ]


@pytest.mark.parametrize("n", [*range(330, 660, 10), 640, 3200, 3509, 16000])
def test_marks_are_distances_between_largest_samples(n):
    rng = np.random.default_rng(n)
    # Quieter in the upper half of the band, and of a few steps of 16 bits.
    clip = np.convolve(rng.standard_normal(n + 1), [1, 1], "valid") * 2**-13
    found = [tuple(mark) for mark in duplicates._marks_of(clip).tolist()]
    assert found == marks_by_definition(clip)


def test_the_nearest_anchors_are_81_samples_apart():
    noise = 0.1 * np.random.default_rng(0).standard_normal(400_000)
    assert np.diff(duplicates._marks_of(noise)[:, 0]).min() == 81


def test_clips_that_never_change_have_no_two_marks():
    assert duplicates._marks_of(np.zeros(3200)).shape == (0, 2)
    constant = duplicates._marks_of(np.full(3200, 0.5))
    assert len(np.unique(constant[:, 1])) <= 1


def joined(first: list[int], second: list[int], n_met: int = 0) -> bool:
    """Whether clips of 2000 samples are, of which the same marks are at these positions.

    So many anchors more are at the same moments, 30 samples later in the second one.
    """
    more = 1900 + 5 * np.arange(n_met)
    marks = [
        np.column_stack(
            [np.append(own, more + late), np.append(np.arange(len(own)), new + more)]
        )
        for own, late, new in ((first, 0, 10_000), (second, 30, 20_000))
    ]
    return duplicates._join_marks(marks, 2000).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("first", "second", "n_met", "expected"),
    [
        # Four of twenty parts, of 100 samples each.
        ([0, 100, 200, 300], [30, 130, 230, 330], 0, True),
        ([0, 99, 200, 300], [30, 129, 230, 330], 0, False),
        ([0, 100, 299, 300], [30, 130, 329, 330], 0, True),
        ([100, 200, 300], [130, 230, 330], 0, False),
        # A sample more or less is the same shift.
        ([0, 100, 200, 300], [29, 130, 231, 330], 0, True),
        ([0, 100, 200, 300], [29, 130, 232, 330], 0, False),
        ([0, 100, 200, 300], [28, 130, 231, 330], 0, False),
        # Earlier ones, too.
        ([30, 130, 230, 330], [0, 101, 199, 300], 0, True),
        # Two parts, and twelve anchors; more anchors in one part tell nothing.
        ([0, 100], [30, 130], 10, True),
        ([0, 100], [30, 130], 9, False),
        ([0, 100, 200], [30, 130, 230], 9, True),
        ([0, 10], [30, 40], 20, False),
    ],
)
def test_clips_are_joined_by_marks_in_enough_parts(first, second, n_met, expected):
    assert joined(first, second, n_met) == expected


@pytest.mark.parametrize(("n_between", "expected"), [(7, 0), (8, 9)])
def test_a_mark_is_compared_with_its_eight_neighbours(n_between, expected):
    own = np.arange(4)
    # Those in between have the same marks, each later by another time.
    between = [400 * own + 9 * i * (own + 1) for i in range(1, n_between + 1)]
    marks = [
        np.column_stack([position, own])
        for position in (400 * own, *between, 400 * own + 3)
    ]
    found = duplicates._join_marks(marks, 2000)
    np.testing.assert_array_equal(found, [*range(n_between + 1), expected])


def test_clips_are_joined_over_others():
    at = 400 * np.arange(4)
    numbers = [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]
    marks = [np.column_stack([np.tile(at, 2)[: len(n)], n]) for n in numbers]
    assert duplicates._join_marks(marks, 2000).tolist() == [0, 0, 0, 3]


@pytest.mark.parametrize(
    ("n", "n_others", "n_met", "expected"),
    [
        (12, 50, 12, True),
        (50, 11, 11, False),
        (120, 120, 12, True),
        (121, 300, 12, False),
        (300, 200, 20, True),
        (300, 200, 19, False),
    ],
)
@pytest.mark.parametrize("late", [-2, 2])
def test_clips_meet_in_twelve_anchors_and_a_tenth(n, n_others, n_met, expected, late):
    anchors = 100 * np.arange(n)
    others = 100 * np.arange(n_others) + 50
    others[:n_met] += late - 50
    assert duplicates._meet(anchors, others) == expected
    # Three samples are too far.
    others[:n_met] += np.sign(late)
    assert not duplicates._meet(anchors, others)
