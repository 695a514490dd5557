"""Student sheets: the clips to work with, and checks that answer in a sentence.

What each question expects stands in this package, one module for each sheet.
A check looks at answers from outside only: it calls functions with clips that it has
made from a seed, and compares values with those that the clips of that seed have. So
the same check serves while practising, and for marking with another, secret seed.
A function is tried on several data sets, and what is said of it holds on all of them.
"""

from __future__ import annotations

import functools
import os
import pkgutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._checks import check_count
from .._relations import relations
from ..datasets import Dataset, make_synthetic_dataset

SHEETS = tuple(
    sorted(
        int(module.name.removeprefix("sheet"))
        for module in pkgutil.iter_modules(__path__)
        if module.name.startswith("sheet")
    )
)
LEVELS = ("first steps", "practice", "design")
N_DATA_SETS = 8
_PRACTICE_SEED = 0
# Which answers were right when they were checked last, by id.
_SESSION: dict[str, bool] = {}


class Wrong(Exception):
    """An answer that is not right; the message tells the student why.

    Parameters
    ----------
    sentence : str
        What is wrong.
    also : sequence of str
        Other sentences that explain the same numbers. Of all data sets on which an
        answer is wrong, `explain` says what holds on each.
    general : str
        What to say if there is no such sentence; by default the sentence itself.
    example : str
        What came out, and what should have.
    """

    def __init__(
        self,
        sentence: str,
        *,
        also: Sequence[str] = (),
        general: str = "",
        example: str = "",
    ) -> None:
        super().__init__(sentence)
        self.sentences = (sentence, *also)
        self.general = general or sentence
        self.example = example


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
    data_sets : int
        On how many data sets a function is tried, each with a seed of its own. A value
        is about the student's clips, so there is one.

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
    data_sets: int = N_DATA_SETS

    @property
    def worth(self) -> str:
        """Its points, in words."""
        return _in_words(self.points, "point")

    def seeds(self, seed: int) -> Sequence[int]:
        """List the seeds of the data sets.

        Parameters
        ----------
        seed : int
            The seed that they are derived from.

        Returns
        -------
        sequence of int
            They follow each other, so each remainder gets its turn.
        """
        if not self.is_function or self.data_sets == 1:
            return [seed]
        return range(N_DATA_SETS * seed, N_DATA_SETS * seed + self.data_sets)


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
    return _judge(_find(id), answer, seed).told


def check(id: str, answer: Any) -> None:
    """Tell at once whether an answer is right, and if not, why.

    The last question of a sheet comes with the sheet's total, and ``check.progress()``
    tells how far you are with all sheets.

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
    >>> check("1.1", lambda audio, sr: audio.shape[1] / sr)  # doctest: +SKIP
    1.1: right on 8 of 8! 1 point
    """
    question = _find(id)
    verdict = _judge(question, answer)
    _SESSION[id] = verdict.told is None
    on = f" on {verdict.n_tried} of {verdict.n_tried}" if verdict.n_tried > 1 else ""
    print(f"{id}: {verdict.told or f'right{on}! {question.worth}'}")
    if verdict.example:
        print(f"     For example, {verdict.example}")
    sheet = int(id.split(".")[0])
    if id == list(questions(sheet))[-1]:
        print(_total(sheet))


def progress() -> None:
    """Tell how far you are with all sheets, since this session began.

    Also called as ``check.progress()``.

    Examples
    --------
    >>> progress()  # doctest: +ELLIPSIS
    Sheet 1: ... points...
    """
    for sheet in SHEETS:
        print(_total(sheet))
    every = [asked for sheet in SHEETS for asked in questions(sheet).values()]
    print(f"All sheets: {_points_of(every)}")


check.progress = progress


def where_it_failed(error: BaseException, *others: str) -> str:
    """Tell which line of a student's code an error comes from.

    Parameters
    ----------
    error : BaseException
        As it was caught.
    *others : str
        Files that are not the student's, besides libraries and this course.

    Returns
    -------
    str
        Such as ``" (in line 3: `return x / y`)"``, to be added to the error's message;
        empty if it comes from no line of theirs.

    Examples
    --------
    >>> where_it_failed(ValueError("raised nowhere"))
    ''
    """
    theirs = [
        line
        for frame, line in zip(
            traceback.walk_tb(error.__traceback__),
            traceback.extract_tb(error.__traceback__),
            strict=True,
        )
        if _is_students(frame[0].f_globals.get("__name__", ""), line.filename, others)
    ]
    if not theirs:
        return ""
    code = f": `{theirs[-1].line}`" if theirs[-1].line else ""
    return f" (in line {theirs[-1].lineno}{code})"


def question(
    id: str,
    *,
    points: int,
    level: str,
    trains: str,
    is_function: bool = True,
    data_sets: int = N_DATA_SETS,
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
    data_sets : int
        On how many data sets to try a function: fewer than usual if that takes long.

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
        return Question(
            id, name, points, level, trains, is_function, examine, data_sets
        )

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
            f"{where_it_failed(error)}"
        ) from error
    if result is None or result is Ellipsis:
        raise Wrong(
            "your function returns nothing yet: its last line should be `return ...`, "
            "with your result in the place of the dots (`print` only shows it)"
        )
    return result


def compare(
    answer: Any,
    expected: ArrayLike,
    mistakes: Mapping[str, ArrayLike]
    | Callable[[], Mapping[str, ArrayLike]]
    | None = None,
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
        The sentence to answer with, and the numbers that give the mistake away; or a
        function that returns it, if that takes time.
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
    got = as_numbers(answer, what, truth=expected.dtype.kind == "b")
    sizes = np.abs(expected[np.isfinite(expected)].astype(float))
    allowed = tolerance * max(1e-12, sizes.max(initial=0))
    if _agree(got, expected, allowed):
        return
    known = [
        sentence
        for sentence, wrong in (
            mistakes() if callable(mistakes) else mistakes or {}
        ).items()
        if _agree(got, np.asarray(wrong), allowed)
    ]
    general = _describe(got, expected, what, hint)
    if got.shape == expected.shape:
        known += [
            f"{what} {relation}. {hint}".strip()
            for relation in relations(got, expected, allowed)
        ]
    example = _first_difference(got, expected, allowed)
    sentence, *also = known or [general]
    raise Wrong(sentence, also=also, general=general, example=example)


def as_numbers(
    answer: Any, what: str = "your result", *, truth: bool = False
) -> np.ndarray:
    """Take an answer for what `numpy.asarray` makes of it, if that is numbers.

    Parameters
    ----------
    answer : Any
        A number, a list, an array, a column of pandas, a tensor, ...
    what : str
        What to call it.
    truth : bool
        Whether it must hold True and False.

    Returns
    -------
    array
        Of numbers or of truth values.

    Raises
    ------
    Wrong
        If it is something else.

    Examples
    --------
    >>> as_numbers([1, 2.5])
    array([1. , 2.5])
    """
    try:
        got = np.asarray(answer)
        if got.dtype.kind == "O":
            got = np.array(got.tolist())
        if got.dtype.kind == "O" and all(hasattr(x, "__float__") for x in got.flat):
            got = got.astype(float)
    except (TypeError, ValueError) as error:
        if isinstance(answer, (list, tuple)):
            raise Wrong(f"{what} should be one array of numbers: {error}") from error
        got = np.array("")
    if got.dtype.kind not in "biuf":
        texts = " (texts)" if got.dtype.kind == "U" and got.ndim else ""
        raise Wrong(
            f"{what} should be {'a number' if got.ndim == 0 else 'an array of numbers'}, "
            f"and is of the type {type(answer).__name__}{texts}"
        )
    if truth and got.dtype.kind != "b":
        raise Wrong(f"{what} should be True or False, and is {got.dtype}")
    return got


@dataclass(frozen=True)
class _Verdict:
    """What became of an answer."""

    n_tried: int
    told: str | None = None
    example: str = ""


class _Watched:
    """An answer that remembers how it was called last."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self.name = name
        self.called = ""

    def __call__(self, *arguments: Any) -> Any:
        self.called = f"{self.name}({', '.join(map(_shown, arguments))})"
        return self.function(*arguments)


def _judge(question: Question, answer: Any, seed: int | None = None) -> _Verdict:
    """Try an answer on all data sets; what is told holds on each on which it is wrong."""
    seed = exercise_seed() if seed is None else check_count(seed, "seed")
    if misfit := _misfit(question, answer):
        return _Verdict(0, misfit)
    seeds = question.seeds(seed)
    reasons = []
    for one in seeds:
        tried = _Watched(answer, question.name) if question.is_function else answer
        try:
            # What a mistake gives may be a division by 0.
            with np.errstate(all="ignore"):
                question.examine(tried, one)
        except Wrong as reason:
            stopped = reason.__cause__ is not None
            if not reasons and question.is_function and tried.called:
                example = f"{tried.called} {reason.example}".strip()
            if not (stopped and reasons):
                reasons.append(reason)
            # Whatever stops or never ends does so again.
            if stopped:
                break
    if not reasons:
        return _Verdict(len(seeds))
    first, *others = reasons
    held = [s for s in first.sentences if all(s in r.sentences for r in others)]
    told = held[0] if held else first.general
    return _Verdict(len(seeds), told, example if question.is_function else "")


def _misfit(question: Question, answer: Any) -> str | None:
    if answer is Ellipsis:
        return "not answered yet: put your answer in the place of the three dots"
    if question.is_function and not callable(answer):
        return (
            f"this question asks for a function: check({question.id!r}, "
            f"{question.name}) takes its name, without brackets"
        )
    if callable(answer) and not question.is_function:
        return "this question asks for a value, and you gave a function"
    return None


def _shown(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, (str, int, float, bool, type(None))):
        return f"{value:.6g}" if isinstance(value, float) else repr(value)
    try:
        array = np.asarray(value)
    except ValueError:
        return type(value).__name__
    if array.dtype.kind not in "biuf":
        return repr(value) if len(repr(value)) < 60 else type(value).__name__
    if array.size > 12:
        return f"an array of shape {array.shape}"
    return " ".join(np.array2string(array, precision=4, separator=", ").split())


def _first_difference(got: np.ndarray, expected: np.ndarray, allowed: float) -> str:
    if got.shape != expected.shape:
        return f"gives {_shown(got)}, and {_shown(expected)} is expected"
    same = np.isclose(got.astype(float), expected.astype(float), rtol=0, atol=allowed)
    if got.ndim == 0:
        return f"gives {_shown(got.item())}, and {_shown(expected.item())} is expected"
    place = tuple(np.argwhere(~same)[0].tolist())
    return (
        f"gives {_shown(got[place].item())} at {list(place)}, and "
        f"{_shown(expected[place].item())} is expected there"
    )


def _describe(got: np.ndarray, expected: np.ndarray, what: str, hint: str) -> str:
    if got.shape != expected.shape:
        return f"{what} should have the shape {expected.shape}, and has {got.shape}"
    if np.isfinite(expected).all() and not np.isfinite(got).all():
        return f"{what} should be finite, and holds NaN or infinity"
    shown = f" ({got.item():.6g})" if got.size == 1 else ""
    return f"{what} has the right form but not the right value{shown}. {hint}"


def _is_students(module: str, file: str, others: tuple[str, ...]) -> bool:
    parts = Path(file).parts
    return not (
        module.split(".")[0] in ("esa4_helpers", "marking")
        or file in others
        or file.startswith(("<frozen", "<__array_function__"))
        or file.startswith(os.path.dirname(os.__file__) + os.sep)
        or {"site-packages", "dist-packages"} & set(parts)
    )


def _in_words(n: int, thing: str) -> str:
    return f"{n} {thing}" + "s" * (n != 1)


def _points_of(asked: Sequence[Question]) -> str:
    got = sum(q.points for q in asked if _SESSION.get(q.id))
    return f"{got} of {_in_words(sum(q.points for q in asked), 'point')}"


def _total(sheet: int) -> str:
    """The points of a sheet so far, and what to repeat."""
    asked = list(questions(sheet).values())
    n_right = sum(_SESSION.get(q.id, False) for q in asked)
    n_tried = sum(q.id in _SESSION for q in asked)
    head = (
        f"Sheet {sheet}: {_points_of(asked)}, {n_right} of {len(asked)} questions right, "
        f"{n_tried} tried."
    )
    if not n_tried or n_right == len(asked):
        return head
    left = [
        f"     {q.id} {'again' if q.id in _SESSION else 'not tried yet'} "
        f"({q.level}, {q.worth}): {q.trains}"
        for q in asked
        if not _SESSION.get(q.id)
    ]
    return "\n".join([head, "   To repeat:", *left])


def _agree(got: np.ndarray, expected: np.ndarray, allowed: float) -> bool:
    return got.shape == expected.shape and np.allclose(
        got.astype(float),
        expected.astype(float),
        rtol=0,
        atol=allowed,
        equal_nan=True,
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
