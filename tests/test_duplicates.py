"""Clips that share their sound are found, and clips that only sound alike are not."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from esa4_helpers import (
    NearDuplicatesWarning,
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
    clips = np.concatenate([steady, 0.5 * steady[3:4]])
    with pytest.warns(NearDuplicatesWarning, match="2 of 9 .* clips 3 and 8") as caught:
        make_detector("level").fit(clips)
    assert len(caught) == 1


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
