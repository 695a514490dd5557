"""Hands everything back: the class page, Excel's table, and what the platform takes.

What those who mark look at may show pseudonyms; what goes to the platform never does.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from marking.classpage import write_class_page
from marking.exports import (
    for_german_excel,
    write_canvas,
    write_feedback,
    write_moodle,
)
from marking.files import read_rows, write_rows
from marking.grading import Grade
from marking.participants import Participants, same
from marking.reading import HandedIn

Shown = Callable[[str], str]


def known_names(
    handed: Iterable[HandedIn], listed: Participants | None, shown: Shown
) -> dict[str, str]:
    """Each way in which a student may be written, and the student's own name."""
    names = {}
    for person in listed.people.values() if listed else ():
        name = person.name or person.id
        names |= dict.fromkeys((person.id, shown(name), name), name)
    for one in handed:
        names |= dict.fromkeys((one.student, shown(one.student)), one.student)
        if one.platform_id:
            names[one.platform_id] = one.student
    return names


def only(
    handed: list[HandedIn], wanted: str | None, names: dict[str, str]
) -> list[HandedIn]:
    """What one student has handed in, or everything if none is named."""
    if wanted is None:
        return handed
    found = {student for name, student in names.items() if same(name) == same(wanted)}
    chosen = [one for one in handed if one.student in found]
    if not chosen:
        near = difflib.get_close_matches(wanted, names, 3, 0.4)
        meant = f": did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(f"nothing was handed in by {wanted!r}{meant}")
    return chosen


def as_shown(grades: Iterable[Grade], shown: Shown) -> list[Grade]:
    """The grades as those see them who mark: also the files' names tell no name."""
    masked = []
    for place, one in enumerate(grades):
        student = shown(one.student)
        if student != one.student:
            one = replace(one, student=student, key=f"{student}/{place}.ipynb")
        masked.append(one)
    return masked


def hand_back(
    grades: list[Grade],
    listed: Participants | None,
    results: Path,
    page_of: Callable[[Grade], str],
    shown: Shown = str,
) -> list[str]:
    """Write all that is made of the grades; say what to look at."""
    write_class_page(grades, results / "class.html", shown)
    write_rows(
        results / "grades-excel.csv",
        for_german_excel(read_rows(results / "grades.csv")),
        delimiter=";",
        encoding="utf-8-sig",
    )
    if listed is None:
        if any(one.platform_id for one in grades):
            write_feedback(grades, page_of, results / "moodle-feedback.zip")
        return []
    said = _without(grades, listed)
    if listed.platform == "canvas":
        return said + write_canvas(listed, grades, results / "canvas-grades.csv")
    write_feedback(grades, page_of, results / "moodle-feedback.zip")
    return said + write_moodle(listed, grades, results / "moodle-grades.csv")


def _without(grades: Iterable[Grade], listed: Participants) -> list[str]:
    marked = {one.platform_id for one in grades if one.sheet}
    missing = [p for p in listed.people.values() if p.id not in marked]
    if not missing:
        return []
    return [
        f"{len(missing)} in {listed.file} have nothing that is marked: they keep the "
        "grade that the platform has, if any"
    ]
