"""Points and comments that people give, in a file of their own beside the results.

Points for a question take the place of the check's; points for a whole sheet are added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from esa4_helpers.exercises import SHEETS, questions
from marking.files import read_rows, write_rows
from marking.participants import as_number, same

HEADER = ["student", "question or sheet", "points", "comment"]


@dataclass(frozen=True)
class Given:
    """What a person has given to a question, such as "1.2", or to a sheet, "1"."""

    points: float | None
    comment: str


Manual = Mapping[tuple[str, str], Given]


def read_manual(
    file: Path, students: Mapping[str, str]
) -> dict[tuple[str, str], Given]:
    """Read what was given to whom; begin the file where there is none.

    `students` leads from each name that may be written to the student's own.
    """
    if not file.exists():
        write_rows(file, [HEADER])
        return {}
    known = {same(written): student for written, student in students.items()}
    given: dict[tuple[str, str], Given] = {}
    following = 1
    for row in read_rows(file):
        line = following
        # A comment may go over several lines.
        following += 1 + sum(cell.count("\n") for cell in row)
        cells = [cell.strip() for cell in row]
        if not any(cells) or (line == 1 and cells[:1] == HEADER[:1]):
            continue
        where = f"{file.name}, line {line}"
        name, asked, points, comment = _four(where, cells)
        if same(name) not in known:
            raise ValueError(
                f"{where}: there is no student {name!r}; write the name as it stands in "
                "grades.csv"
            )
        asked = _asked(where, asked)
        key = known[same(name)], asked
        if key in given:
            raise ValueError(f"{where}: {name!r} has a line for {asked} already")
        given[key] = Given(_points(where, asked, points), comment)
    return given


def _four(where: str, cells: list[str]) -> list[str]:
    if len(cells) > len(HEADER) and any(cells[len(HEADER) :]):
        raise ValueError(
            f"{where}: expected {', '.join(HEADER)}, and found {len(cells)} cells; put a "
            "comment with commas in quotes"
        )
    return (cells + [""] * len(HEADER))[: len(HEADER)]


def _asked(where: str, text: str) -> str:
    asked = text.casefold().removeprefix("question").removeprefix("sheet").strip()
    known = _all_asked()
    if asked not in known:
        raise ValueError(
            f"{where}: there is no question or sheet {text!r}; expected one such as "
            f"{', '.join(sorted(known)[:3])}"
        )
    return asked


def _all_asked() -> Set[str]:
    return {str(sheet) for sheet in SHEETS} | {
        id for sheet in SHEETS for id in questions(sheet)
    }


def _points(where: str, asked: str, text: str) -> float | None:
    if not text:
        return None
    points = as_number(text)
    if points is None or not math.isfinite(points):
        raise ValueError(f"{where}: the points should be a number, and are {text!r}")
    if "." in asked:
        most = questions(int(asked.split(".")[0]))[asked].points
        if not 0 <= points <= most:
            raise ValueError(
                f"{where}: question {asked} has {most} points at most, and got {text}"
            )
    return int(points) if points == int(points) else points
