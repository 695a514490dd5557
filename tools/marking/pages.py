"""Writes what came out: a table for the lecturer, a page of feedback for each file."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from esa4_helpers.exercises import SHEETS, questions
from marking.files import write_text
from marking.grading import Grade
from marking.store import printable

# In bytes, so that all file systems can hold it with an ending.
LONGEST_NAME = 150

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def write_results(results: list[Grade], folder: Path) -> None:
    """grades.csv, and one feedback page for each file; those of before are removed."""
    pages = folder / "feedback"
    pages.mkdir(parents=True, exist_ok=True)
    names = page_names([result.key for result in results])
    for result in results:
        write_page(result, pages / names[result.key])
    for page in pages.glob("*.html"):
        if page.name not in names.values():
            page.unlink()
    write_table(results, folder / "grades.csv")


def page_names(keys: list[str]) -> dict[str, str]:
    """A name for the page of each, which every file system can hold and tell apart."""
    plain = {key: _plain(key) for key in keys}
    alike = Counter(name.casefold() for name in plain.values())
    return {
        key: f"{name}.html"
        if alike[name.casefold()] == 1 and name == key.replace("/", "__")
        else f"{name}.{hashlib.sha256(key.encode()).hexdigest()[:10]}.html"
        for key, name in plain.items()
    }


def _plain(key: str) -> str:
    name = unicodedata.normalize("NFC", key.replace("/", "__"))
    name = re.sub(r"[^\w .,()+@=-]", "_", name)
    return name.encode()[:LONGEST_NAME].decode(errors="ignore").strip(" .")


def write_table(results: list[Grade], file: Path) -> None:
    """One row for each file, one column for each question."""
    ids = [id for sheet in SHEETS for id in questions(sheet)]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(
        ["student", "sheet", *ids, "by hand", "late", "total"] + ["out of", "remark"]
    )
    for r in results:
        points = [r.points.get(id, "") for id in ids]
        extra = [r.extra or "", -r.lost or ""]
        remark = cell("; ".join(r.remarks))
        table.writerow(
            [cell(r.student), r.sheet or "", *points, *extra, r.total, r.out_of, remark]
        )
    write_text(file, text.getvalue())


def cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = printable(text)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def write_page(result: Grade, file: Path) -> None:
    """Write what a student is told."""
    write_text(file, page_of(result))


def page_of(result: Grade) -> str:
    """What a student is told, as a page."""
    return TEMPLATES.get_template("feedback.html").render(result=result)
