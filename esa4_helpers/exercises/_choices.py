"""Answers other than code: letters that are chosen, numbers that are read from a figure.

Whatever is typed in stays as it is when a sheet is marked with other clips. So it can't
depend on the seed of marking. It depends on a number of the student's own instead, which
is handed in with the answer: the options are turned by it, and figures are drawn from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from . import Wrong

KINDS = ("predict", "read a plot", "find the bug", "referee", "which control?")
_LETTERS = "abcdefgh"
_NUMBERS = 10**9


def own_answer(answer: Any) -> tuple[int, Any]:
    """Take an answer apart.

    Parameters
    ----------
    answer : Any
        What a student has typed in.

    Returns
    -------
    tuple of int and Any
        The student's number, and what was chosen or read.

    Raises
    ------
    Wrong
        If it is no list of these two.

    Examples
    --------
    >>> own_answer([1234, "b"])
    (1234, 'b')
    """
    answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
    if not isinstance(answer, (list, tuple)) or len(answer) != 2:
        raise Wrong(
            "the answer is a list of two, your number and what you have found: "
            "[my_number, ...], with your answer in the place of the dots"
        )
    number, given = answer
    if given is Ellipsis:
        raise Wrong("not answered yet: put your answer in the place of the three dots")
    if (
        not isinstance(number, Real)
        or isinstance(number, (bool, np.bool_))
        or not 0 <= number < _NUMBERS
        or number % 1 != 0
    ):
        raise Wrong(
            "the first in the list should be my_number, a whole number of 0 or more "
            "with nine digits at most"
        )
    return int(number), given


def choose(answer: Any, right: Collection[int], because: Sequence[str]) -> None:
    """Compare chosen letters with the options that are right.

    Parameters
    ----------
    answer : Any
        The student's number, and a letter or several, such as ``[1234, "b"]``,
        ``[1234, "A, C"]`` or ``[1234, {"a", "c"}]``.
    right : collection of int
        Which options are right, counted from 0 in the order of the sheet's source.
        The sheet turns them by the student's number, as `numpy.roll` does.
    because : sequence of str
        A sentence for each option. That of a wrong one says why it is wrong. That of
        a right one is a hint, for those who left it out.

    Raises
    ------
    Wrong
        Unless these and no others are chosen.

    Examples
    --------
    >>> because = ["that is the power", "", "that is a level"]
    >>> choose([0, "b"], {1}, because)
    >>> choose([1, "(C)"], {1}, because)
    >>> choose([1, "a"], {1}, because)
    Traceback (most recent call last):
    esa4_helpers.exercises.Wrong: a: that is a level
    """
    number, given = own_answer(answer)
    letters = _LETTERS[: len(because)]
    chosen = {
        (letters.index(letter) - number) % len(letters): letter
        for letter in sorted(_as_letters(given, letters))
    }
    if len(chosen) == len(letters):
        raise Wrong("whoever chooses everything has decided nothing")
    if len(right) == 1 and len(chosen) > 1:
        raise Wrong("choose one letter: only one of the options is right")
    for option, letter in chosen.items():
        if option not in right:
            raise Wrong(f"{letter}: {because[option]}")
    missing = sorted(set(right) - set(chosen))
    if missing:
        raise Wrong(
            f"what you have chosen is right, but not yet all. {because[missing[0]]}"
        )


def _as_letters(given: Any, letters: str) -> set[str]:
    given = given.tolist() if isinstance(given, np.ndarray) else given
    parts = [given] if isinstance(given, str) else given
    if (
        not isinstance(parts, (list, tuple, set, frozenset))
        or not len(parts)
        or not all(isinstance(part, str) for part in parts)
    ):
        raise Wrong(
            f'answer with letters between quotation marks, such as "{letters[1]}"'
        )
    words = re.split(r"[\W_]+|\band\b", " ".join(parts).lower())
    chosen = set("".join(words))
    if not chosen or not chosen <= set(letters):
        raise Wrong(
            f"the options have the letters {letters[0]} to {letters[-1]}: answer with "
            "these alone"
        )
    return chosen


def one_number(given: Any, what: str) -> float:
    """Take what was read from a figure as a number.

    Parameters
    ----------
    given : Any
        What a student has typed in.
    what : str
        What to call it.

    Returns
    -------
    float
        The number.

    Raises
    ------
    Wrong
        If it is no finite number.

    Examples
    --------
    >>> one_number(0.5, "the rate")
    0.5
    """
    if (
        not isinstance(given, Real)
        or isinstance(given, (bool, np.bool_))
        or not np.isfinite(given)
    ):
        raise Wrong(f"{what} should be one finite number")
    return float(given)


def repaired(returned: Any, right: int, because: Mapping[int, str]) -> Any:
    """Take what a repaired function returns, if the line with the bug is named.

    Parameters
    ----------
    returned : Any
        Should be the line's number, and the result.
    right : int
        Number of the line with the bug.
    because : mapping of int to str
        For each other line why there is nothing wrong with it.

    Returns
    -------
    Any
        The result.

    Raises
    ------
    Wrong
        If another line is named, or none.

    Examples
    --------
    >>> repaired((2, [0.5]), 2, {1: "a sum may be negative"})
    [0.5]
    >>> repaired((1, [0.5]), 2, {1: "a sum may be negative"})
    Traceback (most recent call last):
    esa4_helpers.exercises.Wrong: line 1 is right: a sum may be negative
    """
    if not isinstance(returned, (list, tuple)) or len(returned) != 2:
        raise Wrong(
            "return two things: the number of the line with the bug, and the result of "
            "the repaired function"
        )
    line, result = returned
    number = one_number(line, "the first, the number of the line,")
    if number != right:
        if number not in because:
            raise Wrong(f"the lines have the numbers 1 to {max(right, *because)}")
        raise Wrong(f"line {number:g} is right: {because[number]}")
    return result
