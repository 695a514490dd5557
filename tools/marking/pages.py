"""Writes what came out: a table for the lecturer, a page of feedback for each file."""

from __future__ import annotations

import csv
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from esa4_helpers.exercises import SHEETS, questions
from marking.marks import Result

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def write_results(marked: list[Result], folder: Path, results: Path) -> None:
    """grades.csv, and one feedback page for each file."""
    pages = results / "feedback"
    pages.mkdir(parents=True, exist_ok=True)
    for result in marked:
        name = "__".join(result.path.relative_to(folder).parts)
        write_page(result, pages / f"{name}.html")
    write_table(marked, results / "grades.csv")


def write_table(marked: list[Result], file: Path) -> None:
    """One row for each file, one column for each question."""
    ids = [id for sheet in SHEETS for id in questions(sheet)]
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["student", "sheet", *ids, "total", "out of", "remark"])
        for r in marked:
            points = [r.points.get(id, "") for id in ids]
            remark = "; ".join(r.remarks)
            table.writerow(
                [r.student, r.sheet or "", *points, r.total, r.out_of, remark]
            )


def write_page(result: Result, file: Path) -> None:
    """What a student is told, as a page."""
    page = TEMPLATES.get_template("feedback.html").render(result=result)
    file.write_text(page, encoding="utf-8")
