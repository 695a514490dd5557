"""Solutions that are wrong in one place: a check must refuse them, each and every one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import Any

import jupytext
import pytest
import student_sheets as tool
from mutants import Mutant, mutants

from esa4_helpers.exercises import SHEETS, Question, questions

# Changes that make no difference to what a question asks for, and why not.
SCALES = "sum and mean of equally many numbers put them in the same order"
CANCELS = "the factor is in both of the numbers that are divided"
DESIGN = "only the order of the scores is asked for, and this is another way to get it"
NO_TIES = "no score of a new clip lies just at the threshold"
CLOSE = "a rule of one's own, as good: the question leaves it open"
EQUIVALENT = {
    "2.3": {"np.sort(S, axis=2) -> np.sort(S)": "the last axis is the default"},
    "2.5": {
        "np.abs(z).mean(axis=1) -> np.sum(np.abs(z), axis=1)": CANCELS,
        "oddness[faulty].mean() -> np.sum(oddness[faulty])": CANCELS,
        "oddness[~faulty].mean() -> np.sum(oddness[~faulty])": CANCELS,
        "S.mean(axis=2) -> np.sum(S, axis=2)": "standardising removes the factor",
    },
    "2.6": {
        "np.mean(10 ** (S / 10), axis=2) -> np.sum(10 ** (S / 10), axis=2)": (
            "all levels rise alike, and so does their median"
        )
    },
    "3.1": {
        "n_features * (n_features + 1) // 2 -> n_features * (n_features + 1) / 2": (
            "one of two numbers that follow each other is even"
        )
    },
    "4.3": {"False -> True": "the first k directions are the same"},
    "4.4": {
        "np.mean((original - copy) ** 2, axis=1) -> "
        "np.sum((original - copy) ** 2, axis=1)": SCALES
    },
    "4.5": {
        f"{before} -> {after}": DESIGN
        for before, after in (
            (
                "np.mean(np.abs(new - typical) / spread, axis=1)",
                "np.sum(np.abs(new - typical) / spread, axis=1)",
            ),
            (
                "np.mean(np.abs(new - typical) / spread, axis=1)",
                "np.max(np.abs(new - typical) / spread, axis=1)",
            ),
            ("train_errors.mean(axis=2)", "np.median(train_errors, axis=2)"),
            ("test_errors.mean(axis=2)", "np.median(test_errors, axis=2)"),
            ("known.mean(axis=0)", "np.median(known, axis=0)"),
            ("known.mean(axis=0)", "np.max(known, axis=0)"),
            ("known.std(axis=0)", "np.var(known, axis=0)"),
            ("known.std(axis=0)", "np.ptp(known, axis=0)"),
        )
    },
    "5.2": {
        "np.sum(a[:, np.newaxis] > b) -> np.mean(a[:, np.newaxis] > b)": SCALES,
        "a[:, np.newaxis] > b -> a[:, np.newaxis] >= b": "no two scores are equal",
    },
    "5.4": {"validation.mean(axis=1) -> np.sum(validation, axis=1)": SCALES},
    "5.5": {
        "distance(train, new) > promised_threshold(np.concatenate(unseen), 0.1) -> "
        "distance(train, new) >= promised_threshold(np.concatenate(unseen), 0.1)": (
            NO_TIES
        ),
        "np.mean(z ** 2, axis=1) -> np.sum(z ** 2, axis=1)": SCALES,
        "np.mean(z ** 2, axis=1) -> np.max(z ** 2, axis=1)": CLOSE,
        "known.std(axis=0) -> np.ptp(known, axis=0)": CLOSE,
        "known.mean(axis=0) -> np.median(known, axis=0)": CLOSE,
        "5 -> 4": "one turn is left out, or there are four of them: the others suffice",
        "5 -> 6": "one of six turns is left out, or an empty one added: the others suffice",
    },
    "6.2": {"1 -> 2": "in reshape, any negative number stands for what is left"},
    "6.4": {
        "anomaly_score(listener, new) > limit -> "
        "anomaly_score(listener, new) >= limit": NO_TIES,
        "86400 -> 86401": "a second more in a day changes no rank among 40 clips",
        "86400 -> 86399": "nor does a second less",
        "2 -> 3": CLOSE,
    },
    "6.7": {
        "86400 -> 86401": "a second more in a day is within the tolerance",
        "86400 -> 86399": "so is a second less",
    },
}


class TooSlow(BaseException):
    """A mutant may run on for ever."""


@pytest.fixture
def clock() -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@cache
def cells_of(sheet: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """The code of each answer, and the names that there are before it."""
    source = next(p for p in tool.sources() if p.stem.startswith(f"sheet{sheet}"))
    names: dict[str, Any] = {}
    found = {}
    for cell in jupytext.read(source).cells:
        if cell.cell_type != "code" or "google.colab" in cell.source:
            continue
        for asked in questions(sheet).values():
            if f"{asked.name}(" in cell.source or f"{asked.name} = " in cell.source:
                found.setdefault(asked.id, (cell.source, dict(names)))
        with redirect_stdout(StringIO()):
            exec(cell.source, names)
    return found


def is_refused(asked: Question, mutant: Mutant, names: dict[str, Any]) -> bool:
    names = dict(names)
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        exec(mutant.code, names)
        for seed in asked.seeds(0):
            asked.examine(names[asked.name], seed)
    except (Exception, TooSlow):
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


ASKED = [asked for sheet in SHEETS for asked in questions(sheet).values()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("asked", ASKED, ids=[asked.id for asked in ASKED])
def test_every_mutant_is_refused_or_makes_no_difference(asked, clock):
    sheet = int(asked.id.split(".")[0])
    code, names = cells_of(sheet).get(asked.id, ("", {}))
    accepted = {m.change for m in mutants(code) if not is_refused(asked, m, names)}
    assert accepted == set(EQUIVALENT.get(asked.id, ()))


def test_a_mutant_is_changed_in_one_place():
    changed = {m.code for m in mutants("def f(x):\n    return x.mean(axis=1) > 0.5")}
    bodies = {code.removeprefix("def f(x):\n    return ") for code in changed}
    assert {
        "x.mean(axis=1) >= 0.5",
        "x.mean(axis=1) < 0.5",
        "x.mean(axis=0) > 0.5",
        "x.mean(axis=1) > 1.0",
        "x.mean() > 0.5",
        "np.median(x, axis=1) > 0.5",
    } <= bodies
