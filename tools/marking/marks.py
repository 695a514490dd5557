"""Judges the answers of submissions, and gives points for those that are right."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm.contrib.concurrent import thread_map

from esa4_helpers.exercises import Question, explain, questions
from marking.reading import (
    Unmarkable,
    find_submissions,
    lateness,
    read_cells,
    which_sheet,
)
from marking.sandbox import Limits, Submission


@dataclass(frozen=True)
class Terms:
    """What holds for all submissions of one marking."""

    seed: int
    limits: Limits = field(default_factory=Limits)
    deadlines: Mapping[str, dt.datetime] = field(default_factory=dict)
    # What the process of a submission may not read.
    hidden: tuple[Path, ...] = ()


@dataclass
class Result:
    """What became of one file."""

    student: str
    path: Path
    sheet: int | None = None
    points: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def asked(self) -> dict[str, Question]:
        return questions(self.sheet) if self.sheet else {}

    @property
    def total(self) -> int:
        return sum(self.points.values())

    @property
    def out_of(self) -> int:
        return sum(question.points for question in self.asked.values())


def mark_all(folder: Path, terms: Terms) -> list[Result]:
    """Mark all files in a folder, as many at a time as there are cores."""
    found = find_submissions(folder)
    marked = thread_map(
        lambda one: mark(one.student, one.path, terms),
        found,
        max_workers=os.cpu_count(),
        desc="marking",
        disable=None,
    )
    of_each = Counter((r.student, r.sheet) for r in marked if r.sheet)
    for result in marked:
        if of_each[result.student, result.sheet] > 1:
            result.remarks.append("more than one file for this sheet")
    return marked


def mark(student: str, path: Path, terms: Terms) -> Result:
    """Mark one file; whatever it does ends up in the result."""
    result = Result(student, path)
    try:
        _fill(result, terms)
    except (Unmarkable, TimeoutError, ChildProcessError) as reason:
        result.remarks.append(str(reason))
    except Exception as error:
        result.remarks.append(f"can't be marked: {type(error).__name__}: {error}")
    return result


def _fill(result: Result, terms: Terms) -> None:
    cells, metadata = read_cells(result.path)
    result.sheet = which_sheet(result.path, cells, metadata)
    late = lateness(result.path, result.sheet, terms.deadlines)
    result.remarks += [late] if late else []
    result.points = dict.fromkeys(result.asked, 0)
    names = [question.name for question in result.asked.values()]
    with Submission(cells, names, terms.seed, terms.limits, terms.hidden) as submission:
        answers, problems = submission.run()
        result.remarks += problems
        for question in result.asked.values():
            told = judge(question, answers[question.name], terms.seed)
            _enter(result, question, told)


def _enter(result: Result, question: Question, told: str | None) -> None:
    result.told[question.id] = told or "right"
    result.points[question.id] = 0 if told else question.points
    if told and told.startswith("your function stops"):
        result.remarks.append(f"{question.id}: {told}")


def judge(question: Question, answer: Any, seed: int) -> str | None:
    """What is wrong with an answer, or None."""
    try:
        return explain(question.id, answer, seed)
    except Exception as error:
        return (
            "this is not the kind of answer that was asked for "
            f"({type(error).__name__}: {error})"
        )
