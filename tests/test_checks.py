"""What all modules demand of their arguments; what they do with them is tested there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from esa4_helpers import _checks

NOISE = 0.1 * np.random.default_rng(0).standard_normal((3, 50))
MIN, MAX = 1e-140, 1e140


def damaged(array: np.ndarray, *bad: int, value: float = np.nan) -> np.ndarray:
    """Some clips of an array with one bad number each, in the middle."""
    array = array.copy()
    array.reshape(len(array), -1)[list(bad), 3] = value
    return array


def silent(*clips: int, swing: float = 0.0) -> np.ndarray:
    audio = NOISE.copy()
    audio[list(clips)] = 0.5
    audio[list(clips), 7] += swing
    return audio


def refusal(check: Callable[..., Any], *given: Any, **options: Any) -> tuple[type, str]:
    with pytest.raises((TypeError, ValueError)) as caught:
        check(*given, **options)
    return caught.type, str(caught.value)


@pytest.mark.parametrize("value", [0, -3, 2.5, np.float32(0.5), np.int16(7)])
def test_numbers_come_back_as_they_came(value):
    assert _checks.check_number(value, "n") is value


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, [1]])
def test_a_number_is_of_no_other_type(value):
    told = f"n must be a number, got {value!r}"
    assert refusal(_checks.check_number, value, "n") == (TypeError, told)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_is_finite(value):
    told = f"n must be finite, got {value!r}"
    assert refusal(_checks.check_number, value, "n") == (ValueError, told)


@pytest.mark.parametrize(
    ("sr", "least", "hint"),
    [
        (999, 1000, ": give it in Hz, sr=999000"),
        (44.1, 1000, ": give it in Hz, sr=44100"),
        (4, 1000, ": give it in Hz, sr=4000"),
        (3, 1000, ""),
        (0, 1000, ""),
        (-16, 1000, ""),
        (1000, 4000, ""),
        (1001, 4000, ""),
    ],
)
def test_a_rate_in_kHz_is_taken_for_what_it_is(sr, least, hint):
    told = f"sr must be at least {least} Hz, got {sr}{hint}"
    found = refusal(_checks.check_sample_rate, sr, at_least=least)
    assert found == (ValueError, told)


def test_rates_from_1000_Hz_on_are_taken_as_they_are():
    assert _checks.check_sample_rate(1000) == 1000
    assert _checks.check_sample_rate(44100.5) == 44100.5
    assert _checks.check_sample_rate(10, at_least=10) == 10
    told = "sr must be at least 1000 Hz, got 999.5: give it in Hz, sr=999500"
    assert refusal(_checks.check_sample_rate, 999.5) == (ValueError, told)


def test_a_duration_has_a_least_one():
    found = _checks.check_duration(2, at_least=2)
    assert (found, type(found)) == (2.0, float)
    told = "duration must be at least 2 s, got 1.5"
    assert refusal(_checks.check_duration, 1.5, at_least=2) == (ValueError, told)


@pytest.mark.parametrize("count", [3, 4, np.int8(3), np.uint32(9)])
def test_counts_come_back_as_whole_numbers(count):
    found = _checks.check_count(count, "n", at_least=3)
    assert (found, type(found)) == (count, int)


@pytest.mark.parametrize("count", [True, np.False_, 3.0, "3", None])
def test_a_count_is_of_no_other_type(count):
    told = f"n must be a whole number, got {count!r}"
    assert refusal(_checks.check_count, count, "n") == (TypeError, told)


def test_a_count_has_a_least_one():
    assert _checks.check_count(0, "n") == 0
    told = "n must be at least 0, got -1"
    assert refusal(_checks.check_count, -1, "n") == (ValueError, told)
    told = "n must be at least 3, got 2"
    assert refusal(_checks.check_count, 2, "n", at_least=3) == (ValueError, told)


def test_a_mask_is_not_lost():
    assert _checks.check_array([1, 2], "x").tolist() == [1, 2]
    told = (
        "x is a masked array, whose mask would be lost: leave out what is masked, or fill "
        "it by its filled() method"
    )
    assert refusal(_checks.check_array, np.ma.array([1]), "x") == (TypeError, told)


def test_a_choice_is_the_one_that_was_offered():
    found = _checks.check_choice(6.0, "snr", (-6, 0, 6))
    assert (found, type(found)) == (6, int)
    for value in (False, 7, "6"):
        told = f"snr must be one of -6, 0, 6, got {value!r}"
        refused = refusal(_checks.check_choice, value, "snr", (-6, 0, 6))
        assert refused == (ValueError, told)


@pytest.mark.parametrize("check", [_checks.check_sound, _checks.check_clips])
@pytest.mark.parametrize(
    ("audio", "error", "told"),
    [
        (
            NOISE[0],
            ValueError,
            "x must have the shape (n_clips, n_samples), got (50,); use x[np.newaxis] for "
            "one clip",
        ),
        (
            NOISE[np.newaxis],
            ValueError,
            "x must have the shape (n_clips, n_samples), got (1, 3, 50)",
        ),
        (
            np.float64(0.5),
            ValueError,
            "x must have the shape (n_clips, n_samples), got ()",
        ),
        (np.zeros((0, 5)), ValueError, "x holds no clip: its shape is (0, 5)"),
        (
            np.zeros((5, 0)),
            ValueError,
            "the clips in x have length zero, shape (5, 0)",
        ),
        (
            np.zeros((1, 5), np.int16),
            TypeError,
            "x must hold floats, got int16 (divide 16-bit samples by 32768)",
        ),
        (
            np.zeros((1, 5), complex),
            TypeError,
            "x must hold floats, got complex128 (divide 16-bit samples by 32768)",
        ),
    ],
)
def test_clips_have_a_shape(check, audio, error, told):
    assert refusal(check, audio, "x") == (error, told)
    assert check(np.float32([[0.5]])).tolist() == [[0.5]]


def test_clips_of_different_lengths_are_no_array():
    error, told = refusal(_checks.check_sound, [[0.1], [0.1, 0.2]])
    assert error is ValueError
    assert told.startswith("audio must be one array of clips of the same length: ")


@pytest.mark.parametrize("largest", [32, -32])
def test_clips_reach_32_at_most(largest):
    audio = damaged(NOISE, 1, value=largest)
    assert _checks.check_clips(audio) is audio
    loud = damaged(NOISE, 1, value=1.015625 * largest)
    told = (
        "audio should lie in [-1, 1] and reaches 32.5: these look like integer samples; "
        "divide 16-bit ones by 32768"
    )
    assert refusal(_checks.check_clips, loud) == (ValueError, told)
    assert _checks.check_sound(loud) is loud


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("bad", [(0,), (2,), (1, 2)])
def test_the_first_clip_that_is_not_finite_is_named(value, bad):
    told = (
        f"x holds NaN or infinity in {len(bad)} of 3 clips, first in clip {bad[0]}: repair "
        "or drop these clips"
    )
    audio = damaged(NOISE, *bad, value=value)
    assert refusal(_checks.check_clips, audio, "x") == (ValueError, told)
    S = damaged(NOISE.reshape(3, 5, 10), *bad, value=value)
    assert refusal(_checks.check_spectrograms, S, "x") == (ValueError, told)


def test_a_clip_that_moves_by_less_than_a_step_is_silent():
    audio = np.zeros((4, 9))
    audio[:, 3] = [0, 0.99e-5, 1e-5, -1.01e-5]
    assert _checks.is_silent(audio + 0.0).tolist() == [True, True, False, False]
    assert not _checks.is_silent(audio[3])


@pytest.mark.parametrize(
    ("audio", "told"),
    [
        (NOISE[:1], "training needs at least 2 clips, got 1 in audio"),
        (
            silent(1),
            "1 of 3 training clips in audio are silent or constant, first clip 1: drop "
            "them, and see whether the recorder was on",
        ),
        (
            silent(1, 2, swing=9e-6),
            "2 of 3 training clips in audio are silent or constant, first clip 1: drop "
            "them, and see whether the recorder was on",
        ),
        (
            NOISE[[0, 0]],
            "all 2 training clips in audio are the same recording: there is nothing to "
            "learn about how normal clips differ",
        ),
    ],
)
def test_there_is_something_to_learn(audio, told):
    assert refusal(_checks.check_training_clips, audio) == (ValueError, told)


def test_two_clips_are_enough_to_learn_from():
    for audio in (NOISE[:2], NOISE[[0, 0, 1]], NOISE[[1, 0, 0]]):
        assert _checks.check_training_clips(audio) is audio
    # They differ in one sample.
    assert len(_checks.check_training_clips(damaged(NOISE[[0, 0]], 1, value=0))) == 2


def test_clips_are_as_long_as_those_of_the_training():
    _checks.check_clip_length(NOISE, 50, 20)
    for n_samples in (49, 51):
        told = (
            f"these clips have 50 samples, the training clips had {n_samples} "
            f"({n_samples / 20} s at 20 Hz): cut the clips to the same length, and "
            "resample them first if they were recorded at another rate"
        )
        found = refusal(_checks.check_clip_length, NOISE, n_samples, 20)
        assert found == (ValueError, told)


@pytest.mark.parametrize(
    ("S", "error", "told"),
    [
        (
            NOISE,
            ValueError,
            "S must have the shape (n_clips, n_mels, n_frames), got (3, 50); use "
            "S[np.newaxis] for one clip",
        ),
        (
            NOISE[0],
            ValueError,
            "S must have the shape (n_clips, n_mels, n_frames), got (50,)",
        ),
        (
            NOISE[np.newaxis, np.newaxis],
            ValueError,
            "S must have the shape (n_clips, n_mels, n_frames), got (1, 1, 3, 50)",
        ),
        (np.zeros((0, 2, 3)), ValueError, "S is empty: its shape is (0, 2, 3)"),
        (np.zeros((2, 2, 0)), ValueError, "S is empty: its shape is (2, 2, 0)"),
        (np.zeros((1, 2, 2), bool), TypeError, "S must hold floats, got bool"),
    ],
)
def test_spectrograms_have_a_shape(S, error, told):
    assert refusal(_checks.check_spectrograms, S) == (error, told)


def test_spectrograms_come_back_as_float64():
    S = _checks.check_spectrograms(np.float32([[[0.5]]]))
    assert (S.tolist(), S.dtype) == ([[[0.5]]], np.float64)


@pytest.mark.parametrize("sign", [1, -1])
def test_levels_are_of_amounts_that_can_be_squared(sign):
    for amount in (0.0, MIN, 1.0, MAX):
        S = np.array([[[0.0, sign * amount]]])
        assert _checks.check_levels(S).tolist() == S.tolist()
    for amount in (0.99 * MIN, 1.01 * MAX):
        told = (
            f"the largest amount in S is {amount:g}, and the squares of numbers outside "
            "1e-140 to 1e+140 are lost. Give levels in dB, such as -60 to 20, as "
            "log_mel_spectrogram() does"
        )
        S = np.array([[[0.0, sign * amount]]])
        assert refusal(_checks.check_levels, S) == (ValueError, told)
    assert _checks.check_squares(np.zeros(0), "x", "").size == 0


@pytest.mark.parametrize(
    "labels", [[1, 0, 1], [True, False, True], np.uint8([1, 0, 1]), [1.0, 0.0, 1.0]]
)
def test_labels_come_back_as_true_and_false(labels):
    found = _checks.check_labels(labels, "y", 3)
    assert (found.tolist(), found.dtype) == ([True, False, True], bool)


@pytest.mark.parametrize(
    "labels", [[0, 1, 2], [-1, 0, 1], [0, 1, 0.5], ["0", "1", "0"], [0, 1, math.nan]]
)
def test_labels_are_0_and_1_only(labels):
    told = f"y must hold 0 and 1, or False and True, only; got {np.array(labels)}"
    assert refusal(_checks.check_labels, labels, "y", 3) == (ValueError, told)


@pytest.mark.parametrize("labels", [[0, 1], [[0, 1, 0]], [0, 1, 0, 1], 0])
def test_there_is_one_label_a_clip(labels):
    told = f"y must have one entry for each of the 3 clips, got the shape {np.shape(labels)}"
    assert refusal(_checks.check_labels, labels, "y", 3) == (ValueError, told)


def test_scores_come_back_as_float64():
    for scores in ([1, 2], [True, False], np.float32([0.5]), np.uint8([7])):
        found = _checks.check_scores(scores, "s")
        assert (found.tolist(), found.dtype) == (list(scores), np.float64)


@pytest.mark.parametrize(
    ("scores", "error", "told"),
    [
        (["a"], TypeError, "s must hold real numbers, got <U1"),
        ([1j], TypeError, "s must hold real numbers, got complex128"),
        ([[1, 2]], ValueError, "s must have one entry a clip, got shape (1, 2)"),
        (3.0, ValueError, "s must have one entry a clip, got shape ()"),
        (
            [0, 1, -math.inf, math.nan],
            ValueError,
            "s must be finite, got -inf for clip 2",
        ),
        ([math.nan], ValueError, "s must be finite, got nan for clip 0"),
    ],
)
def test_scores_are_finite_numbers_one_a_clip(scores, error, told):
    assert refusal(_checks.check_scores, scores, "s") == (error, told)


def test_a_share_is_neither_nothing_nor_all():
    for share in (1e-300, np.float32(0.5), 1 - 2**-53):
        found = _checks.check_share(share, "p")
        assert (found, type(found)) == (share, float)
    for share in (0, 1, -0.5, 1.5):
        told = f"p must be above 0 and below 1, got {share}"
        assert refusal(_checks.check_share, share, "p") == (ValueError, told)


def test_groups_are_of_two_recordings_at_least():
    assert _checks.check_groups(None, 3) is None
    for groups in (["a", "b", "b"], ["a", "a", "b"], [0.5, 1.5, 0.5], [7, 7, 8]):
        assert _checks.check_groups(groups, 3).tolist() == groups
    for name, groups in (("a", ["a"] * 3), (4, np.full(3, 4)), ("None", [None] * 3)):
        told = (
            f"all 3 clips come from one recording, {name}: none can be held out to place "
            "a threshold. Record the machine at least twice; nine recordings allow for "
            "one false alarm in ten"
        )
        assert refusal(_checks.check_groups, groups, 3) == (ValueError, told)
        assert _checks.as_groups(groups, 3).tolist() == [name] * 3


def test_groups_name_the_recording_of_each_clip():
    assert _checks.as_groups(None, 3) is None
    assert _checks.as_groups(np.array(["b", 7], dtype=object), 2).tolist() == ["b", "7"]
    for groups in (["a", "b"], [["a", "b", "c"]]):
        told = (
            "groups must name the recording of each of the 3 clips, got the shape "
            f"{np.shape(groups)}"
        )
        assert refusal(_checks.as_groups, groups, 3) == (ValueError, told)
    told = "groups holds NaN: say which recording each clip comes from"
    assert refusal(_checks.as_groups, [1.0, math.nan], 2) == (ValueError, told)
