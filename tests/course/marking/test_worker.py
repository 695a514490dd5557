"""How a submission's answers are kept, in its own process."""

from __future__ import annotations

import numpy as np
from marking.worker import Answers, in_words, sendable


class TestAnswers:
    def test_are_those_that_were_given_to_a_check_last(self):
        keep = Answers()
        keep("1.1", 3)
        keep("1.1", 4)
        assert keep.given == {"1.1": 4}
        assert keep.progress() is None

    def test_do_not_change_with_what_is_computed_later(self):
        keep = Answers()
        names: dict = {"scale": 2}
        exec("def f(x, *, n=1): return scale * x + n", names)
        array = np.ones(2)
        keep("1.1", names["f"])
        keep("1.2", array)
        names["scale"], array[:] = None, 5
        assert keep.given["1.1"](3) == 7
        np.testing.assert_array_equal(keep.given["1.2"], [1, 1])


class Strange(Exception):
    def __str__(self) -> str:
        raise ValueError


def test_errors_are_told_in_few_words():
    assert in_words(ValueError("x" * 10**6)) == "ValueError: " + "x" * 300
    assert in_words(Strange()) == "Strange: an error that can't say what it is"
    told = "PermissionError: a submission may read and write files in its own folder"
    assert in_words(PermissionError(13, "no", "/home/x")).startswith(told)


def test_answers_that_are_too_large_are_not_sent():
    assert sendable(np.ones(3))["array"]
    assert sendable(np.ones(10**6)) == {"other": "ndarray of 10.2 MB"}
    endless: list = []
    endless.append(endless)
    assert sendable(endless) == {"other": "list"}
