"""Each fault in the table is held by a test that there is, and that runs."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from sphinx_ext.esa4_faults import as_markdown, read_faults

TESTS = Path(__file__).resolve().parents[1]
FAULTS = read_faults()
ROWS = [row for rows in FAULTS.values() for row in rows]
AREAS = (
    "Network",
    "Archive",
    "Disk",
    "Arrays",
    "Detectors",
    "Recordings and streams",
    "Saved files",
    "Notebooks",
    "make",
    "Widgets",
    "Sheets",
    "Submissions",
    "Command line",
    "Reports",
)


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((TESTS / file).read_text(encoding="utf-8"))


def nodes_of(test: str) -> list[ast.AST]:
    """The file of a test, its class if it has one, and its function, if they exist."""
    file, *names = test.partition("[")[0].split("::")
    found = [parsed(file)]
    for name in names:
        found += [n for n in found[-1].body if getattr(n, "name", "") == name]
    return found if len(found) == len(names) + 1 else []


def never_runs(node: ast.AST) -> bool:
    """Whether a mark, or its first statement, leaves it out whatever the computer."""
    marks = [
        *getattr(node, "decorator_list", []),
        *(
            of.value
            for of in node.body
            if isinstance(of, ast.Assign) and ast.unparse(of.targets[0]) == "pytestmark"
        ),
    ]
    first = ast.unparse(node.body[0]) if isinstance(node, ast.FunctionDef) else ""
    left_out = ("pytest.mark.skip(", "pytest.mark.skipif(True", "pytest.mark.xfail")
    return first.startswith("pytest.skip(") or any(
        part in f"{ast.unparse(mark)}(" for mark in marks for part in left_out
    )


def test_each_area_has_its_rows():
    assert tuple(FAULTS) == AREAS
    assert min(map(len, FAULTS.values())) >= 5
    assert len(ROWS) >= 60


def test_no_fault_stands_there_twice():
    for column in ("fault", "test"):
        told = [row[column] for row in ROWS]
        assert sorted(set(told)) == sorted(told)


def test_each_is_held_by_a_test_that_is_there_and_runs():
    assert all(set(row) == {"fault", "promise", "test"} for row in ROWS)
    assert all("::test_" in row["test"] for row in ROWS)
    found = {row["test"]: nodes_of(row["test"]) for row in ROWS}
    assert [test for test, nodes in found.items() if not nodes] == []
    assert [test for test, nodes in found.items() if any(map(never_runs, nodes))] == []


def test_a_test_that_never_runs_is_noticed():
    left_out = """
@pytest.mark.skip
def test_a(): ...
@pytest.mark.skip(reason="slow")
class TestB: ...
@pytest.mark.skipif(True, reason="slow")
def test_c(): ...
def test_d():
    pytest.skip("slow")
@pytest.mark.skipif(os.name == "nt", reason="another system")
def test_e(): ...
"""
    of_file = ast.parse("pytestmark = [pytest.mark.skip(reason='slow')]")
    found = [never_runs(node) for node in [of_file, *ast.parse(left_out).body]]
    assert found == [True] * 5 + [False]


def test_the_page_shows_all_of_them():
    page = as_markdown(FAULTS, "https://example.org/tests")
    for row in ROWS:
        assert f"| {row['fault']} " in page
        assert f"| {row['promise']} " in page
    assert (
        "[two processes at once both succeed](https://example.org/tests/test_d" in page
    )
