"""Marking a folder as lecturers do, from the command to the table and the pages."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from marking.__main__ import GRADES, main, parse
from submissions import (
    ROOT,
    SEED,
    SOURCES,
    of_cells,
    solved,
    untouched,
    with_one_answer_left,
    without_metadata,
)

from esa4_helpers.exercises import SHEETS, questions

TOTAL = {n: sum(q.points for q in questions(n).values()) for n in SHEETS}
# After each, the remark that its cell must get.
MISCHIEF = {
    "1 / 0": "ZeroDivisionError",
    f"open({str(SOURCES[1])!r}).read()": "may not read",
    "from esa4_helpers.exercises import sheet1": "sheet1 halted",
    "import sys, importlib\n"
    "del sys.modules['esa4_helpers.exercises.sheet1']\n"
    "importlib.import_module('esa4_helpers.exercises.sheet1')": "No module named",
    "from esa4_helpers.exercises import explain\n"
    "print(explain('1.1', duration))": "esa4_helpers.exercises.sheet1",
    "!touch here": "may not use",
    "x = []\nwhile True: x.append(np.zeros(2**27))": "MemoryError",
}
# Makes all comparisons agree, and takes numpy's name: but only in its own process.
SHADOWS = """
duration = lambda audio, sr: 0.0
np.allclose = np.array_equal = lambda *_, **__: True
np.isfinite = np.abs = lambda *_, **__: np.ones(1, bool)
np = "mine"
"""
# What each is, the points that it gets of sheet 1, and a part of the remark.
BROKEN = {
    "misbehaves": (solved(1, *MISCHIEF), 8, "ZeroDivisionError"),
    "ends_itself": (solved(1, "import os; os._exit(0)"), 0, "process ended"),
    "shadows_numpy": (solved(1, SHADOWS), 3, "1.2: your function stops with Attribute"),
    "lost_cells": (with_one_answer_left(), 2, "NameError"),
    "is_empty": ("", 0, "the file is empty"),
    "is_no_notebook": ("PK\x03\x04", 0, "no notebook"),
    "has_no_cells": ('{"cells": [], "metadata": {}}', 0, "holds no code"),
    "is_a_list": ("[1, 2]", 0, "no list of cells"),
    "says_no_sheet": (of_cells("x = 1"), 0, "can't tell which sheet"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A class's submissions, of which those above are broken."""
    folder = tmp_path_factory.mktemp("handed in")
    for name in ("ada", "cy", "dee"):
        (folder / name).mkdir()
    for sheet in SHEETS:
        text = without_metadata(sheet) if sheet == 1 else solved(sheet)
        (folder / "ada" / f"no{sheet}.ipynb").write_text(text, encoding="utf-8")
    (folder / "cy" / "renamed by the browser (1).ipynb").write_text(untouched(2))
    (folder / "eve__essay.docx").write_text("It was a dark night.")
    (folder / "fay__sheet1.ipynb").symlink_to(SOURCES[1])
    (folder / ".DS_Store").write_text("")
    for name, (text, *_) in BROKEN.items():
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def marked(folder, tmp_path_factory) -> dict:
    """The folder, marked once by the command."""
    results = tmp_path_factory.mktemp("results")
    # So long that no processor is too busy for it; what loops is tried elsewhere.
    options = ["--seed", str(SEED), "--results", str(results), "--time-limit", "280"]
    result = subprocess.run(
        [sys.executable, "-m", "marking", folder, *options],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tools")},
        capture_output=True,
        text=True,
        check=True,
    )
    with (results / "grades.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {
        "rows": rows,
        "by": {row["student"]: row for row in rows},
        "pages": results / "feedback",
        "said": result.stdout,
    }


class TestAFolderOfSubmissions:
    def test_every_file_has_its_row_and_its_page(self, marked):
        assert len(marked["rows"]) == len(BROKEN) + len(SHEETS) + 4
        assert len(list(marked["pages"].iterdir())) == len(marked["rows"])
        assert f"{len(marked['rows'])} files marked" in marked["said"]
        assert f"seed {SEED}" in marked["said"]

    def test_solutions_get_all_points_of_every_sheet(self, marked):
        rows = [row for row in marked["rows"] if row["student"] == "ada"]
        assert {int(row["sheet"]): int(row["total"]) for row in rows} == TOTAL
        assert all(row["total"] == row["out of"] for row in rows)
        assert all(row["remark"] == "" for row in rows)

    def test_points_stand_under_their_question(self, marked):
        for row in marked["rows"]:
            given = {id: int(p) for id, p in row.items() if "." in id and p}
            assert sum(given.values()) == int(row["total"])
            assert {id.split(".")[0] for id in given} <= {row["sheet"]}

    @pytest.mark.parametrize("name", BROKEN)
    def test_what_is_broken_is_said_and_what_is_right_counts(self, marked, name):
        _, points, remark = BROKEN[name]
        assert int(marked["by"][name]["total"]) == points
        assert remark in marked["by"][name]["remark"]

    def test_each_mischief_is_told_by_its_cell(self, marked):
        told = re.findall(r"code cell (\d+) stops with ([^;]*)", remark_of(marked))
        numbers = [int(number) for number, _ in told]
        assert numbers == list(range(numbers[0], numbers[0] + len(MISCHIEF)))
        for (_, said), expected in zip(told, MISCHIEF.values(), strict=True):
            assert expected in said

    def test_who_shadows_numpy_deceives_only_their_own_functions(self, marked):
        row = marked["by"]["shadows_numpy"]
        points = [int(row[id]) for id in questions(1)]
        assert points == [0, 0, 1, 0, 2]
        page = next(marked["pages"].glob("shadows*")).read_text(encoding="utf-8")
        assert "the duration is" in page

    def test_an_untouched_sheet_gets_nothing_and_is_recognised(self, marked):
        row = marked["by"]["cy"]
        assert (row["sheet"], row["total"]) == ("2", "0")
        page = next(marked["pages"].glob("cy*")).read_text(encoding="utf-8")
        assert page.count("not answered yet") + page.count("returns nothing") == len(
            questions(2)
        )

    def test_what_is_no_file_of_ours_is_said(self, marked):
        assert "nothing was handed in" in marked["by"]["dee"]["remark"]
        assert "no notebook" in marked["by"]["eve"]["remark"]
        assert "is a link" in marked["by"]["fay"]["remark"]

    def test_nothing_is_left_behind(self, marked, folder):
        assert not list(folder.rglob("here"))
        assert not Path("here").exists()


def remark_of(marked: dict) -> str:
    return marked["by"]["misbehaves"]["remark"]


class TestCommand:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nowhere"], "no folder nowhere"),
            ([".", "--results", "./inside"], "can't lie in the folder"),
            ([".", "--seed", "-1"], "seed must be 0 or more"),
            ([".", "--time-limit", "0"], "--time-limit must be above 0, got 0"),
            ([".", "--memory-limit", "-2"], "--memory-limit must be above 0, got -2"),
        ],
    )
    def test_bad_options_are_refused(
        self, tmp_path, monkeypatch, capsys, arguments, message
    ):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit):
            parse(arguments)
        assert message in capsys.readouterr().err

    def test_unreadable_deadlines_stop_it_before_anything_is_marked(
        self, tmp_path, monkeypatch
    ):
        def refuse() -> None:
            raise ValueError("deadlines.toml: no time zone")

        monkeypatch.setattr("marking.__main__.read_deadlines", refuse)
        with pytest.raises(SystemExit, match=r"deadlines\.toml: no time zone"):
            main([str(tmp_path), "--results", str(tmp_path.parent / "results")])
        assert not (tmp_path.parent / "results").exists()

    def test_without_a_seed_each_marking_has_another(self, tmp_path, capsys):
        folder = tmp_path / "empty"
        folder.mkdir()
        for _ in range(2):
            main([str(folder), "--results", str(tmp_path / "results")])
        seeds = re.findall(r"seed (\d+)", capsys.readouterr().out)
        assert len(set(seeds)) == 2


class TestGrades:
    def test_go_where_cleaning_deletes_nothing(self, tmp_path):
        result = subprocess.run(
            ["make", "-n", "clean"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert parse([str(tmp_path)]).results == GRADES
        _, *deleted = result.stdout.split()
        holding = [str(f) for f in (GRADES, *GRADES.parents) if f.is_relative_to(ROOT)]
        for pattern in deleted:
            target = os.path.normpath(ROOT / pattern)
            assert not any(fnmatch(name, target) for name in holding), pattern

    def test_are_kept_out_of_git(self):
        subprocess.run(
            ["git", "check-ignore", "--quiet", GRADES / "grades.csv"],
            cwd=ROOT,
            check=True,
        )
