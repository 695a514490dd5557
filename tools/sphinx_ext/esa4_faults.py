"""Makes the page of faults from the table that the tests check (a Sphinx extension)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tabulate import tabulate

TABLE = Path(__file__).resolve().parents[2] / "tests" / "faults.toml"
HEAD = ("what goes wrong", "what is promised", "held by the test")


def read_faults() -> dict[str, list[dict[str, str]]]:
    """The rows of each area: a fault, what is promised then, and the test's name."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def linked(test: str, tests: str) -> str:
    """A test's name, which is a sentence, as a link to the file that holds it."""
    file, *_, name = test.split("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}]({tests}/{file})"


def as_markdown(faults: dict[str, list[dict[str, str]]], tests: str) -> str:
    """A heading and a table for each area."""
    parts = []
    for area, rows in faults.items():
        cells = [(of["fault"], of["promise"], linked(of["test"], tests)) for of in rows]
        parts += [f"## {area}", tabulate(cells, HEAD, "pipe", disable_numparse=True)]
    return "\n\n".join(parts)


class FaultsTable(SphinxDirective):
    """All faults, area by area."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(TABLE))
        theme = self.config.html_theme_options
        tests = f"{theme['repository_url']}/blob/{theme['repository_branch']}/tests"
        return self.parse_text_to_nodes(
            as_markdown(read_faults(), tests), allow_section_headings=True
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("faults", FaultsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
