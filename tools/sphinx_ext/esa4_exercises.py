"""Directives for the exercise pages (a Sphinx extension).

``{questions}`` makes a table of all questions; ``{solutions} sheet1_dataset`` shows the
solutions of a sheet, folded away. Both read the sources, so that no copy can go stale.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import jupytext
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tabulate import tabulate

from esa4_helpers.exercises import SHEETS, questions

SOURCES = Path(__file__).resolve().parents[2] / "exercises"
MARKERS = re.compile(r"^ *# (BEGIN|END) SOLUTION.*\n?|  # SOLUTION$", re.MULTILINE)


def solutions(source: Path) -> dict[str, str]:
    """The code that answers each question of a sheet."""
    cells = [cell for cell in jupytext.read(source).cells if cell.cell_type == "code"]
    found = {}
    for answer, check in pairwise(cells):
        asked = re.match(r'check\("(\d+\.\d+)"', check.source)
        if asked:
            found[asked[1]] = MARKERS.sub("", answer.source).strip()
    return found


class Solutions(SphinxDirective):
    """The solutions of one sheet, each under a title that opens it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        source = SOURCES / f"{self.arguments[0]}.py"
        self.env.note_dependency(str(source))
        return [self.folded(id, code) for id, code in solutions(source).items()]

    def folded(self, id: str, code: str) -> nodes.Node:
        box = nodes.admonition(classes=["dropdown"])
        box += nodes.title("", f"Solution to {id}")
        box += nodes.literal_block(code, code, language="python")
        return box


class QuestionsTable(SphinxDirective):
    """All questions: what each is worth, how hard it is, which goal it serves."""

    HEAD: ClassVar = ("question", "asks for", "points", "level", "trains")

    def run(self) -> list[nodes.Node]:
        rows = [
            (id, of.name, of.points, of.level, of.trains)
            for sheet in SHEETS
            for id, of in questions(sheet).items()
        ]
        table = tabulate(rows, self.HEAD, "pipe", disable_numparse=True)
        return self.parse_text_to_nodes(table)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives."""
    app.add_directive("solutions", Solutions)
    app.add_directive("questions", QuestionsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
