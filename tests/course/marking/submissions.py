"""Notebooks to hand in: solved ones, and some that are broken in every way we know."""

from __future__ import annotations

import json
from pathlib import Path

import jupytext
import nbformat

from esa4_helpers.exercises import SHEETS, questions

ROOT = Path(__file__).resolve().parents[3]
SOURCES = {n: next((ROOT / "exercises").glob(f"sheet{n}_*.py")) for n in SHEETS}
SEED = 31
# Points of sheet 1.
ALL = sum(question.points for question in questions(1).values())


def of_cells(*cells: str) -> str:
    """A notebook of these code cells."""
    new = nbformat.v4.new_code_cell
    return nbformat.writes(nbformat.v4.new_notebook(cells=[new(c) for c in cells]))


def solved(sheet: int, *extra: str) -> str:
    """A sheet with all solutions, and perhaps more cells."""
    notebook = jupytext.read(SOURCES[sheet])
    notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in extra]
    return nbformat.writes(notebook)


def untouched(sheet: int) -> str:
    """A sheet as students get it."""
    name = f"{SOURCES[sheet].stem}.ipynb"
    return (ROOT / "book" / "exercises" / name).read_text(encoding="utf-8")


def without_metadata(sheet: int) -> str:
    """A solved sheet that some other program has stripped."""
    document = json.loads(solved(sheet))
    del document["metadata"], document["nbformat"], document["nbformat_minor"]
    for cell in document["cells"]:
        del cell["metadata"], cell["id"]
    return json.dumps(document)


def with_one_answer_left() -> str:
    """Sheet 1, of whose answers all but one are lost."""
    document = json.loads(solved(1))
    document["cells"] = [
        cell
        for cell in document["cells"]
        if "SOLUTION" not in "".join(cell["source"])
        or "def rms_level" in "".join(cell["source"])
    ]
    return json.dumps(document)
