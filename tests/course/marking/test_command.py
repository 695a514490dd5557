"""Marking a folder as lecturers do, from the command to the table and the pages."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from marking.__main__ import CLEANED, GRADES, changes, main, parse
from marking.files import read_rows, write_rows
from marking.store import Result, printable
from submissions import (
    ALL,
    ROOT,
    SEED,
    SOURCES,
    of_cells,
    solved,
    untouched,
    with_one_answer_left,
    without_metadata,
)
from test_participants import MOODLE

from esa4_helpers.exercises import SHEETS, questions

KIND = "assignsubmission_file_"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
TOTAL = {n: sum(q.points for q in questions(n).values()) for n in SHEETS}
# After each, the remark that its cell must get.
MISCHIEF = {
    "1 / 0": "ZeroDivisionError",
    f"open({str(SOURCES[1])!r}).read()": "own folder only",
    "from esa4_helpers.exercises import sheet1": "cannot import name 'sheet1'",
    "from esa4_helpers.exercises import explain\n"
    "print(explain('1.1', duration))": "No module named 'esa4_helpers.exercises.sheet1'",
    "x = []\nwhile True: x.append(np.zeros(2**27))": "MemoryError",
}
# Makes all comparisons agree, but only in its own process, and after its answers.
SHADOWS = """
duration = lambda audio, sr: 0.0
np.allclose = np.array_equal = lambda *_, **__: True
np.isfinite = np.abs = lambda *_, **__: np.ones(1, bool)
np = "mine"
"""
# Several letters need not be one text.
AS_A_SET = 'controls = [my_number, {"b", "f"}]\ncheck("4.6", controls)'
# What each is, the points that it gets of sheet 1, and a part of the remark.
BROKEN = {
    "misbehaves": (solved(1, *MISCHIEF), 10, "ZeroDivisionError"),
    "ends_itself": (solved(1, "import os; os._exit(0)"), 0, "process ended"),
    "deceives": (solved(1, SHADOWS), 8, ""),
    "=HYPERLINK(1)": (of_cells("x = 1"), 0, "can't tell which sheet"),
    "b\udcff" + "x" * 200: (of_cells("x = 1"), 0, "can't tell which sheet"),
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
        extra = [AS_A_SET] if sheet == 4 else []
        text = without_metadata(sheet) if sheet == 1 else solved(sheet, *extra)
        (folder / "ada" / f"no{sheet}.ipynb").write_text(text, encoding="utf-8")
    (folder / "cy" / "renamed by the browser (1).ipynb").write_text(untouched(2))
    (folder / "eve__essay.docx").write_text("It was a dark night.")
    (folder / "fay__sheet1.ipynb").symlink_to(SOURCES[1])
    (folder / ".DS_Store").write_text("")
    for name, (text, *_) in BROKEN.items():
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return folder


def stop_after_the_first_result(command: list[str], file: Path) -> None:
    """Begin to mark, and end that in the hardest way; half a line is left behind."""
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as first:
        while not (file.exists() and file.stat().st_size):
            time.sleep(0.1)
        first.kill()
    with file.open("ab") as stream:
        stream.write(file.read_bytes()[:50])


@pytest.fixture(scope="module")
def marked(folder, tmp_path_factory) -> dict:
    """The folder, marked once by the command."""
    results = tmp_path_factory.mktemp("results")
    # So long that no processor is too busy for it; what loops is tried elsewhere.
    options = ["--seed", str(SEED), "--results", str(results), "--time-limit", "280"]
    command = [sys.executable, "-m", "marking", str(folder), *options]
    stop_after_the_first_result(command, results / "results.jsonl")
    result = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    with (results / "grades.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {
        "rows": rows,
        "by": {row["student"].lstrip("'"): row for row in rows},
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
        assert int(marked["by"][printable(name)]["total"]) == points
        assert remark in marked["by"][printable(name)]["remark"]

    def test_each_mischief_is_told_by_its_cell(self, marked):
        told = re.findall(r"code cell (\d+) stops with ([^;]*)", remark_of(marked))
        numbers = [int(number) for number, _ in told]
        assert numbers == list(range(numbers[0], numbers[0] + len(MISCHIEF)))
        for (_, said), expected in zip(told, MISCHIEF.values(), strict=True):
            assert expected in said

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
            ([".", "--time-limit", "nan"], "--time-limit must be above 0, got nan"),
            ([".", "--jobs", "0"], "--jobs must be above 0"),
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

    def test_says_which_file_is_in_the_way(self, tmp_path):
        (tmp_path / "in").mkdir()
        (tmp_path / "results").write_text("mine")
        with pytest.raises(SystemExit, match=r"results can't be read or written: File"):
            main([str(tmp_path / "in"), "--results", str(tmp_path / "results")])

    @pytest.mark.parametrize(("value", "is_on"), [("0", False), ("1", True)])
    def test_a_switch_that_is_0_is_off(self, value, is_on):
        switches = [f"PSEUDONYMS={value}", f"UNSAFE={value}"]
        command = ["make", "-n", "grade", "SUBMISSIONS=x", *switches]
        said = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert ("--pseudonyms" in said) == ("--unsafe" in said) == is_on

    def test_ends_where_nothing_keeps_submissions_apart(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            "marking.__main__.missing_protection", lambda _: ["no Landlock"]
        )
        options = [str(tmp_path / "in"), "--results", str(tmp_path / "results")]
        (tmp_path / "in").mkdir()
        with pytest.raises(SystemExit, match="- no Landlock\n.*UNSAFE=1"):
            main(options)
        assert not (tmp_path / "results").exists()
        main([*options, "--unsafe"])
        assert (tmp_path / "results" / "grades.csv").exists()

    def test_says_which_marks_have_changed(self):
        old = {"a": Result("a", "Ada", 1, {"1.1": 1, "1.2": 2}), "b": Result("b", "")}
        new = [
            Result("a", "Ada", 1, {"1.1": 1, "1.2": 0}),
            Result("c", "", 1, {"1.1": 1}),
        ]
        assert changes(old, new) == ["Changed: a, 1.2: 2 -> 0"]


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

    @pytest.mark.parametrize("name", CLEANED)
    def test_are_not_written_where_cleaning_deletes_them(self, tmp_path, capsys, name):
        with pytest.raises(SystemExit):
            parse([str(tmp_path), "--results", str(ROOT / name / "grades")])
        assert "make clean would delete" in capsys.readouterr().err
        rule = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nclean:")[1]
        assert name in rule.split("\n")[1].replace("$(VENV)", ".venv").split()

    def test_are_kept_out_of_git(self):
        subprocess.run(
            ["git", "check-ignore", "--quiet", GRADES / "grades.csv"],
            cwd=ROOT,
            check=True,
        )


class TestADownload:
    @pytest.fixture(scope="class")
    @classmethod
    def marked(cls, tmp_path_factory) -> Path:
        """Moodle's zip and worksheet, marked once; the folder of results."""
        folder = tmp_path_factory.mktemp("download")
        with zipfile.ZipFile(folder / "all.zip", "w") as archive:
            archive.writestr(f"Ada L_101_{KIND}/a.ipynb", solved(1))
            archive.writestr(f"Bo Y_102_{KIND}/b.ipynb", "")
        write_rows(folder / "list.csv", MOODLE)
        # As a process of its own, since what marks forks itself.
        subprocess.run(
            [sys.executable, "-m", "marking", *cls.options(folder / "results")],
            env=ENVIRONMENT,
            check=True,
        )
        return folder / "results"

    @staticmethod
    def options(results: Path) -> list[str]:
        folder = results.parent
        known = ["--participants", str(folder / "list.csv"), "--results", str(results)]
        return [str(folder / "all.zip"), *known, "--time-limit", "280"]

    def mark(self, results: Path, *options: str) -> dict[str, dict[str, str]]:
        """Write all anew, with nothing left to mark; the table's rows by student."""
        main([*self.options(results), *options])
        header, *rows = read_rows(results / "grades.csv")
        return {row[0]: dict(zip(header, row, strict=True)) for row in rows}

    def test_goes_back_to_the_platform(self, marked):
        rows = read_rows(marked / "moodle-grades.csv")
        assert [row[5] for row in rows[1:]] == [str(ALL), "", "", ""]
        with zipfile.ZipFile(marked / "moodle-feedback.zip") as archive:
            ada, bo = archive.namelist()
            assert ada == f"Ada Lovelace_101_{KIND}/feedback.html"
            assert f"{ALL} of {ALL} points" in archive.read(ada).decode()
            assert "the file is empty" in archive.read(bo).decode()
        assert "What the class thinks" in (marked / "class.html").read_text()

    def test_takes_points_by_hand_without_marking_again(self, marked):
        before = (marked / "results.jsonl").read_bytes()
        lines = [["Ada Lovelace", "1.2", "1,5", "<b>"], ["102", "1", "2", "by talk"]]
        write_rows(marked / "manual.csv", lines)
        assert self.mark(marked)["Ada Lovelace"]["total"] == str(ALL - 0.5)
        assert (marked / "results.jsonl").read_bytes() == before
        assert read_rows(marked / "manual.csv") == lines
        assert [r[5] for r in read_rows(marked / "moodle-grades.csv")[1:3]] == [
            str(ALL - 0.5),
            "2",
        ]
        page = next((marked / "feedback").glob("Ada*")).read_text(encoding="utf-8")
        assert f"{ALL - 0.5} of {ALL} points" in page
        assert "&lt;b&gt;" in page

    def test_says_whose_files_are_gone(self, marked, tmp_path, capsys):
        copytree(marked, tmp_path / "results", ignore=ignore_patterns("manual*"))
        folder = tmp_path / "in"
        folder.mkdir()
        main([str(folder), "--results", str(tmp_path / "results")])
        said = capsys.readouterr().out
        assert "No longer handed in: 2 files with a result, such as Ada L_101" in said
        assert not list((tmp_path / "results" / "feedback").iterdir())

    def test_has_one_seed_for_all(self, marked):
        kept = (marked / "seed.txt").read_text()
        with pytest.raises(SystemExit, match="can't have another seed than the rest"):
            self.mark(marked, "--only", "102", "--seed", str(int(kept) + 1))
        assert (marked / "seed.txt").read_text() == kept
        assert self.mark(marked, "--only", "102", "--seed", kept.strip())

    def test_can_be_for_one_student_and_without_names(self, marked):
        rows = self.mark(marked, "--only", "ada lovelace", "--pseudonyms")
        assert all(name.startswith("student-") for name in rows)
        shown = [
            *marked.glob("feedback/*"),
            marked / "class.html",
            marked / "grades.csv",
        ]
        assert not [f for f in shown if "Ada" in f.name + f.read_text(encoding="utf-8")]
        with zipfile.ZipFile(marked / "moodle-feedback.zip") as archive:
            assert "Ada Lovelace" in archive.read(archive.namelist()[0]).decode()
        with pytest.raises(SystemExit, match="did you mean 'Ada Lovelace'"):
            self.mark(marked, "--only", "Ada Lovelase")
