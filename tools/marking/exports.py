"""Writes what Moodle and Canvas import: grades, and Moodle's zip of feedback pages.

Who handed in nothing, or nothing that could be marked, keeps the grade that the platform
has, which mostly is none: whether that becomes 0 is for the lecturer to say.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from marking.files import write_rows, written_whole
from marking.grading import Grade
from marking.participants import Participants, as_number

# The part of Canvas' gradebook that says whose a row is.
WHOSE = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID")
WHOSE += ("Root Account", "Section")
# The columns of the table of grades that hold points.
NUMBERS = re.compile(r"\d+\.\d+|by hand|late|total|out of")


def number(points: float) -> str:
    """Points with as many digits as they need, for programs."""
    return f"{round(points, 2):g}"


def by_id(graded: Iterable[Grade]) -> dict[str, list[Grade]]:
    """What counts, by the platform's number of the student."""
    rows = defaultdict(list)
    for row in graded:
        if row.platform_id and row.counts:
            rows[row.platform_id].append(row)
    return rows


def marked(graded: Iterable[Grade]) -> dict[str, list[Grade]]:
    """What can go back as a grade, by the platform's number of the student."""
    return by_id(row for row in graded if row.sheet)


def write_moodle(
    listed: Participants, graded: Iterable[Grade], file: Path
) -> list[str]:
    """Fill in Moodle's worksheet; say what to look at."""
    of_student = by_id(graded)
    rows = [list(row) for row in listed.rows]
    for place, person in listed.people.items():
        mine = of_student.get(person.id, [])
        if any(row.sheet for row in mine):
            total = sum(row.total for row in mine)
            rows[place][listed.columns["grade"]] = number(total)
        # What could not be marked has no grade, but the student should know why.
        if mine and "comment" in listed.columns:
            rows[place][listed.columns["comment"]] = _comment(mine)
    write_rows(file, rows)
    return _maxima(listed, marked(graded))


def _comment(mine: list[Grade]) -> str:
    """A sentence a question. Moodle takes it for HTML, so a < is to stay a <."""
    said = []
    for row in mine:
        if row.sheet:
            said.append(
                f"Sheet {row.sheet}: {number(row.total)} of {row.out_of} points"
            )
        said += [f"{id}: {told}" for id, told in row.told.items()]
        said += [*row.remarks, *(f"{id}: {text}" for id, text in row.comments.items())]
    text = " ".join(f"{sentence.rstrip('.')}." for sentence in said)
    return html.escape(text, quote=False)


def _maxima(listed: Participants, of_student: Mapping[str, list[Grade]]) -> list[str]:
    column = listed.columns.get("most")
    if column is None:
        return []
    cells = {listed.rows[place][column].strip() for place in listed.people}
    most = {as_number(cell) for cell in cells}
    out_of = {sum(row.out_of for row in rows) for rows in of_student.values()}
    if len(most) == len(out_of) == 1 and most != out_of:
        return [
            f"{listed.file} says a maximum grade of {cells.pop()}, and the sheet has "
            f"{out_of.pop()} points: set the maximum in Moodle before you import"
        ]
    return []


def write_canvas(
    listed: Participants, graded: Iterable[Grade], file: Path
) -> list[str]:
    """Fill in the sheets' columns of Canvas' gradebook, and leave out the others."""
    of_student = marked(graded)
    sheets = sorted({row.sheet for rows in of_student.values() for row in rows})
    columns, problems = {}, []
    for sheet in sheets:
        found = assignment_columns(listed.header, sheet, len(sheets) == 1)
        if len(found) == 1:
            columns[sheet] = found[0]
        else:
            problems.append(_no_column(listed, sheet, found))
    whose = [i for i, name in enumerate(listed.header) if name in WHOSE]
    kept = [*whose, *columns.values()]
    rows = [list(row) for row in listed.rows]
    for place, person in listed.people.items():
        for row in of_student.get(person.id, ()):
            if row.sheet in columns:
                rows[place][columns[row.sheet]] = number(row.total)
    write_rows(file, ([row[i] for i in kept] for row in rows))
    return problems


def assignment_columns(header: list[str], sheet: int, is_only: bool) -> list[int]:
    """The columns of a sheet: "Sheet 2 ... (4711)"; or of the only assignment."""
    assignments = [i for i, name in enumerate(header) if re.search(r"\(\d+\)$", name)]
    word = re.compile(rf"(sheet|blatt|exercise|übung)[ _-]*0?{sheet}(?!\d)", re.I)
    named = [i for i in assignments if word.search(header[i])]
    return assignments if not named and is_only else named


def _no_column(listed: Participants, sheet: int, found: list[int]) -> str:
    number = "more than one column" if found else "no column"
    return (
        f"{listed.file} has {number} for sheet {sheet}: no grade of it goes back. Call "
        f"the assignment 'Sheet {sheet}' in Canvas, or delete the other assignments' "
        "columns from the file"
    )


def for_german_excel(rows: Iterable[list[str]]) -> list[list[str]]:
    """The table with commas in numbers, and no heading that looks like a day.

    Excel in German takes 1.2 for the first of February.
    """
    header, *others = rows
    is_number = [bool(NUMBERS.fullmatch(name)) for name in header]
    named = [f"question {name}" if "." in name else name for name in header]
    return [named] + [
        [
            cell.replace(".", ",") if of_number else cell
            for cell, of_number in zip(row, is_number, strict=True)
        ]
        for row in others
    ]


def write_feedback(
    graded: Iterable[Grade], page_of: Callable[[Grade], str], file: Path
) -> None:
    """A zip of pages in the folders that Moodle takes back."""
    with written_whole(file) as stream, zipfile.ZipFile(stream, "w") as archive:
        for id, rows in by_id(graded).items():
            # Moodle finds the number between the first two underscores.
            name = re.sub(r'[_/\\:*?"<>|\x00-\x1f]+', " ", rows[0].student).strip()
            folder = f"{name}_{id}_assignsubmission_file_"
            for place, row in enumerate(rows, start=1):
                which = f"_{place}" if len(rows) > 1 else ""
                page = page_of(row).encode("utf-8", "replace")
                archive.writestr(
                    zipfile.ZipInfo(f"{folder}/feedback{which}.html"),
                    page,
                    zipfile.ZIP_DEFLATED,
                )
