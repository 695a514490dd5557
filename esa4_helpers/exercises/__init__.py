"""Student sheets: the clips to work with, and checks that answer in a sentence.

What each question expects stands in this package, one module for each sheet.
A check looks at answers from outside only: it calls functions with clips that it has
made from a seed, and compares values with those that the clips of that seed have. So
the same check serves while practising, and for marking with another, secret seed.
"""

from __future__ import annotations

import functools
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._checks import check_count
from ..datasets import Dataset, make_synthetic_dataset

SHEETS = tuple(
    sorted(
        int(module.name.removeprefix("sheet"))
        for module in pkgutil.iter_modules(__path__)
        if module.name.startswith("sheet")
    )
)
LEVELS = ("first steps", "practice", "design")
_PRACTICE_SEED = 0


class Wrong(Exception):
    """An answer that is not right; the message tells the student why."""


@dataclass(frozen=True)
class Question:
    """A question of a sheet.

    Attributes
    ----------
    id : str
        Number of the sheet and of the question, such as ``"1.2"``.
    name : str
        Name of the function or variable that holds the answer.
    points : int
        What a right answer is worth.
    level : str
        One of ``LEVELS``.
    trains : str
        The learning goal that it serves.
    is_function : bool
        Whether a function is asked for, or else a value.
    examine : callable
        ``examine(answer, seed)`` raises `Wrong` unless the answer is right.

    Examples
    --------
    >>> questions(1)["1.1"].name
    'duration'
    """

    id: str
    name: str
    points: int
    level: str
    trains: str
    is_function: bool
    examine: Callable[[Any, int], None]


def exercise_seed() -> int:
    """Tell which seed the sheets' clips are made from.

    Returns
    -------
    int
        0 while practising. Marking sets another in the variable
        ``ESA4_EXERCISE_SEED`` of the environment.

    Raises
    ------
    ValueError
        If that is not a whole number of 0 or more.

    Examples
    --------
    >>> exercise_seed()
    0
    """
    text = os.environ.get("ESA4_EXERCISE_SEED", "").strip() or str(_PRACTICE_SEED)
    if not text.isdecimal():
        raise ValueError(
            f"ESA4_EXERCISE_SEED must be a whole number of 0 or more, got {text!r}"
        )
    return int(text)


def exercise_clips(sheet: int, seed: int | None = None) -> Dataset:
    """Make the clips that a sheet works with.

    Parameters
    ----------
    sheet : int
        Number of the sheet; each has clips of its own.
    seed : int, optional
        By default `exercise_seed`.

    Returns
    -------
    Dataset
        Synthetic clips at 16 kHz: about 20 normal ones for training, and about 10
        normal and 10 abnormal ones for testing. How many and how long depends on the
        seed, too.

    Raises
    ------
    ValueError
        If there is no such sheet, or the seed is negative.

    Examples
    --------
    >>> clips = exercise_clips(1)
    >>> clips.sr, len(clips.train.audio) > 10
    (16000, True)
    """
    _check_sheet(sheet)
    seed = exercise_seed() if seed is None else check_count(seed, "seed")
    return _make_clips(sheet, seed)


def questions(sheet: int) -> dict[str, Question]:
    """List the questions of a sheet.

    Parameters
    ----------
    sheet : int
        Number of the sheet.

    Returns
    -------
    dict of str to Question
        By id, in the sheet's order.

    Raises
    ------
    ValueError
        If there is no such sheet.

    Examples
    --------
    >>> list(questions(1))[:2]
    ['1.1', '1.2']
    """
    _check_sheet(sheet)
    module = import_module(f".sheet{sheet}", __package__)
    found = [thing for thing in vars(module).values() if isinstance(thing, Question)]
    return {question.id: question for question in found}


def explain(id: str, answer: Any, seed: int | None = None) -> str | None:
    """Say in a sentence what is wrong with an answer.

    Parameters
    ----------
    id : str
        The question's number, such as ``"1.2"``.
    answer : function or value
        What the question asks for.
    seed : int, optional
        Seed of the clips; by default `exercise_seed`.

    Returns
    -------
    str or None
        None if the answer is right.

    Raises
    ------
    ValueError
        If there is no such question.

    Examples
    --------
    >>> explain("1.1", ...)
    'not answered yet: put your answer in the place of the three dots'
    """
    question = _find(id)
    seed = exercise_seed() if seed is None else check_count(seed, "seed")
    try:
        if answer is Ellipsis:
            raise Wrong(
                "not answered yet: put your answer in the place of the three dots"
            )
        if question.is_function and not callable(answer):
            raise Wrong(
                f"this question asks for a function: check({id!r}, {question.name}) "
                "takes its name, without brackets"
            )
        if callable(answer) and not question.is_function:
            raise Wrong("this question asks for a value, and you gave a function")
        question.examine(answer, seed)
    except Wrong as reason:
        return str(reason)
    return None


def check(id: str, answer: Any) -> None:
    """Tell at once whether an answer is right, and if not, why.

    Parameters
    ----------
    id : str
        The question's number, such as ``"1.2"``.
    answer : function or value
        What the question asks for.

    Raises
    ------
    ValueError
        If there is no such question.

    Examples
    --------
    >>> check("1.1", ...)
    1.1: not answered yet: put your answer in the place of the three dots
    """
    reason = explain(id, answer)
    points = _find(id).points
    print(f"{id}: {reason or f'right! {points} point' + 's' * (points > 1)}")


def question(
    id: str, *, points: int, level: str, trains: str, is_function: bool = True
) -> Callable[[Callable[[Any, int], None]], Question]:
    """Make a `Question` of the function below, which bears the answer's name.

    Parameters
    ----------
    id : str
        Number of the sheet and of the question.
    points : int
        What a right answer is worth.
    level : str
        One of ``LEVELS``.
    trains : str
        The learning goal that it serves.
    is_function : bool
        Whether a function is asked for, or else a value.

    Returns
    -------
    callable
        A decorator.

    Raises
    ------
    ValueError
        If there is no such level.

    Examples
    --------
    >>> @question("1.9", points=1, level="practice", trains="adding", is_function=False)
    ... def total(answer, seed):
    ...     compare(answer, 3)
    >>> total.name, total.points
    ('total', 1)
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {LEVELS}, got {level!r}")

    def decorate(examine: Callable[[Any, int], None]) -> Question:
        name = examine.__name__
        return Question(id, name, points, level, trains, is_function, examine)

    return decorate


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a student's function; whatever goes wrong becomes a sentence.

    Parameters
    ----------
    function : callable
        The answer.
    *arguments : Any
        Arrays, numbers, texts, and lists of them. Arrays are copied first, so that a
        function that changes its input spoils nothing.

    Returns
    -------
    Any
        What it returned.

    Raises
    ------
    Wrong
        If it raises an error or returns nothing.

    Examples
    --------
    >>> call(lambda x: 2 * x, 3)
    6
    """
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        result = function(*copies)
    except Exception as error:
        raise Wrong(
            f"your function stops with {type(error).__name__}: {error}"
        ) from error
    if result is None or result is Ellipsis:
        raise Wrong(
            "your function returns nothing yet: its last line should be `return ...`, "
            "with your result in the place of the dots"
        )
    return result


def compare(
    answer: Any,
    expected: ArrayLike,
    mistakes: Mapping[str, ArrayLike] | None = None,
    *,
    what: str = "your result",
    hint: str = "",
    tolerance: float = 1e-4,
) -> None:
    """Compare numbers with what they should be, and with what known mistakes give.

    Parameters
    ----------
    answer : Any
        What the student's code gave.
    expected : array
        What is right.
    mistakes : mapping of str to array, optional
        The sentence to answer with, and the numbers that give the mistake away.
    what : str
        What to call the numbers.
    hint : str
        A sentence for all other wrong numbers.
    tolerance : float
        By how much of the largest expected value the numbers may differ.

    Raises
    ------
    Wrong
        Unless the numbers agree.

    Examples
    --------
    >>> compare([1.0, 2.0], [1, 2])
    >>> compare([2, 1], [1, 2], {"sort them from low to high": [2, 1]})
    Traceback (most recent call last):
    esa4_helpers.exercises.Wrong: sort them from low to high
    """
    expected = np.asarray(expected)
    got = _as_numbers(answer, expected.dtype.kind, what)
    allowed = tolerance * max(1e-12, float(np.abs(expected.astype(float)).max()))
    if _agree(got, expected, allowed):
        return
    for sentence, wrong in (mistakes or {}).items():
        if _agree(got, np.asarray(wrong), allowed):
            raise Wrong(sentence)
    if got.shape != expected.shape:
        raise Wrong(
            f"{what} should have the shape {expected.shape}, and has {got.shape}"
        )
    if not np.isfinite(got.astype(float)).all():
        raise Wrong(f"{what} should be finite, and holds NaN or infinity")
    shown = f" ({got.item():.6g})" if got.size == 1 else ""
    raise Wrong(f"{what} has the right form but not the right value{shown}. {hint}")


def _as_numbers(answer: Any, kind: str, what: str) -> np.ndarray:
    try:
        got = np.asarray(answer)
    except ValueError as error:
        raise Wrong(f"{what} should be one array of numbers: {error}") from error
    if got.dtype.kind not in "biuf":
        raise Wrong(
            f"{what} should be {'a number' if got.ndim == 0 else 'an array of numbers'}, "
            f"and is of the type {type(answer).__name__}"
        )
    if kind == "b" and got.dtype.kind != "b":
        raise Wrong(f"{what} should be True or False, and is {got.dtype}")
    return got


def _agree(got: np.ndarray, expected: np.ndarray, allowed: float) -> bool:
    return got.shape == expected.shape and np.allclose(
        got.astype(float), expected.astype(float), rtol=0, atol=allowed
    )


@functools.lru_cache(maxsize=8)
def _make_clips(sheet: int, seed: int) -> Dataset:
    rng = np.random.default_rng([seed, sheet])
    n_train, n_normal, n_abnormal = rng.integers((18, 9, 9), (25, 14, 14)).tolist()
    return make_synthetic_dataset(
        n_train,
        n_normal,
        n_abnormal,
        sr=16000,
        duration=2.5 + int(rng.integers(10)) / 10,
        random_state=int(rng.integers(2**31)),
    )


def _check_sheet(sheet: int) -> None:
    if sheet not in SHEETS:
        raise ValueError(f"there is no sheet {sheet!r}: expected one of {SHEETS}")


def _find(id: str) -> Question:
    sheet = str(id).split(".")[0]
    if sheet.isdecimal() and int(sheet) in SHEETS and id in questions(int(sheet)):
        return questions(int(sheet))[id]
    raise ValueError(f"there is no question {id!r}: expected one such as '1.2'")
