"""Makes grades of results: with what people gave, what lateness costs, which counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from esa4_helpers.exercises import Question, questions
from marking.deadlines import Deadlines, after_lateness, lateness
from marking.manual import Manual
from marking.reading import HandedIn


@dataclass
class Grade:
    """A result, and what has become of it."""

    key: str
    student: str
    sheet: int | None = None
    points: dict[str, float] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    handed_in: str | None = None
    attempt: int = 1
    platform_id: str | None = None
    code: list[str] = field(default_factory=list)
    # Points given by hand for the sheet as a whole, and lost by lateness.
    extra: float = 0
    lost: float = 0
    comments: dict[str, str] = field(default_factory=dict)
    has_file: bool = True
    # Whether it is the newest of its student and sheet.
    counts: bool = True

    @property
    def asked(self) -> dict[str, Question]:
        return questions(self.sheet) if self.sheet else {}

    @property
    def total(self) -> float:
        return round(sum(self.points.values()) + self.extra - self.lost, 2)

    @property
    def out_of(self) -> int:
        return sum(question.points for question in self.asked.values())


def grade(
    results: Iterable[Mapping[str, Any]],
    handed: Mapping[str, HandedIn],
    deadlines: Deadlines,
    manual: Manual,
) -> list[Grade]:
    """Make a grade of each result, and of what was given to those without one.

    `handed` leads from a result's key to what was handed in. Results stay as they are:
    the same results, rules and gifts always make the same grades.
    """
    grades = [_begun(result) for result in results]
    _choose_newest(grades)
    grades += _only_by_hand(grades, manual)
    for one in grades:
        if one.sheet:
            _add_manual(one, manual)
            _take_off(one, handed.get(one.key), deadlines)
    return grades


def _begun(result: Mapping[str, Any]) -> Grade:
    known = {f.name: result[f.name] for f in fields(Grade) if f.name in result}
    own = {
        "points": dict(result["points"]),
        "told": dict(result["told"]),
        "remarks": list(result["remarks"]),
    }
    return Grade(**known | own)


def _choose_newest(grades: list[Grade]) -> None:
    """Of one student's files for one sheet the newest counts."""
    of_sheet = defaultdict(list)
    for one in grades:
        if one.sheet:
            of_sheet[one.student, one.sheet].append(one)
    for several in of_sheet.values():
        several.sort(key=lambda one: (one.attempt, one.handed_in or "", one.key))
        for one in several[:-1]:
            one.counts = False
            one.remarks.append("doesn't count: a newer one was handed in")


def _only_by_hand(grades: list[Grade], manual: Manual) -> list[Grade]:
    """Grades of those who got points by hand for a sheet without a file."""
    there = {(one.student, one.sheet) for one in grades}
    ids = {one.student: one.platform_id for one in grades}
    missing = {(who, int(asked.split(".")[0])) for who, asked in manual} - there
    return [
        Grade(
            key=f"{student}/by hand/sheet{sheet}",
            student=student,
            sheet=sheet,
            remarks=["marked by hand only"],
            has_file=False,
            platform_id=ids.get(student),
        )
        for student, sheet in sorted(missing)
    ]


def _add_manual(one: Grade, manual: Manual) -> None:
    for asked in (str(one.sheet), *one.asked):
        given = manual.get((one.student, asked))
        if given is None or not one.counts:
            continue
        if given.points is not None and asked in one.asked:
            one.points[asked] = given.points
        elif given.points is not None:
            one.extra = given.points
        if given.comment:
            one.comments[asked] = given.comment


def _take_off(one: Grade, handed: HandedIn | None, deadlines: Deadlines) -> None:
    late = lateness(handed, one.sheet, deadlines) if handed else None
    if late is None:
        return
    late_by, remark = late
    reached = one.total
    one.lost = round(reached - after_lateness(reached, late_by, deadlines.rule), 2)
    if one.lost:
        remark += f", which costs {one.lost:g} of {reached:g} points"
    one.remarks.append(remark)
