"""What the class thinks: one page on all submissions, for the lecturer."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from esa4_helpers.exercises import Question, questions
from marking.files import write_text
from marking.grading import Grade
from marking.likeness import ALIKE, Pair, alike
from marking.pages import TEMPLATES

MOST_SENTENCES = 3
MOST_PAIRS = 50
NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Answers:
    """What came back to one question."""

    question: Question
    right: int
    asked: int
    # The most frequent wrong sentences and how many got each.
    wrong: list[tuple[str, int]]

    @property
    def share(self) -> float:
        return self.right / self.asked


@dataclass(frozen=True)
class Sheet:
    """What came back to one sheet."""

    number: int
    handed_in: int
    out_of: int
    answers: list[Answers]
    totals: list[float]
    # How many got 0, 1, 2, ... points and the parts above each.
    marks: list[int]
    seconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.totals)

    @property
    def usual_seconds(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class ClassView:
    """All that the page shows."""

    students: int
    unmarked: list[Grade]
    sheets: list[Sheet]
    pairs: list[Pair]
    more_pairs: int
    alike_from: float = ALIKE


def summarise(rows: Iterable[Grade]) -> ClassView:
    """Count what counts; of several attempts that is the newest."""
    counting = [row for row in rows if row.counts]
    of_sheet = defaultdict(list)
    for row in counting:
        if row.sheet and row.has_file:
            of_sheet[row.sheet].append(row)
    pairs = alike(counting)
    return ClassView(
        students=len({row.student for row in counting}),
        unmarked=[row for row in counting if not row.sheet],
        sheets=[_sheet(number, of_sheet[number]) for number in sorted(of_sheet)],
        pairs=pairs[:MOST_PAIRS],
        more_pairs=max(0, len(pairs) - MOST_PAIRS),
    )


def _sheet(number: int, rows: list[Grade]) -> Sheet:
    asked = questions(number)
    out_of = sum(question.points for question in asked.values())
    totals = [row.total for row in rows]
    # Points by hand may lead beyond what the sheet offers.
    marks = [0] * (max(out_of, *map(int, totals)) + 1)
    for total in totals:
        marks[max(0, int(total))] += 1
    return Sheet(
        number,
        len(rows),
        out_of,
        [_answers(question, rows) for question in asked.values()],
        totals,
        marks,
        [row.seconds for row in rows],
    )


def _answers(question: Question, rows: list[Grade]) -> Answers:
    told = [row.told.get(question.id, "not reached") for row in rows]
    said = Counter()
    example = {}
    for sentence in told:
        if sentence != "right":
            # The numbers in a sentence are each student's own.
            kind = NUMBER.sub("…", sentence)
            said[kind] += 1
            example.setdefault(kind, sentence)
    right = len(told) - said.total()
    wrong = [(example[kind], count) for kind, count in said.most_common(MOST_SENTENCES)]
    return Answers(question, right, len(told), wrong)


def write_class_page(
    rows: Iterable[Grade], file: Path, shown: Callable[[str], str] = str
) -> ClassView:
    """Write the page; `shown` is how a student is called on it."""
    view = summarise(rows)
    page = TEMPLATES.get_template("class.html").render(view=view, shown=shown)
    write_text(file, page)
    return view
