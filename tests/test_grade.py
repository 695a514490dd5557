"""Marking, tried with submissions of which some are broken in every way we know."""

from __future__ import annotations

import base64
import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import jupytext
import nbformat
import numpy as np
import pytest

from esa4_helpers.exercises import SHEETS, questions

ROOT = Path(__file__).resolve().parent.parent
SEED = 31


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look up their annotations.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


grade = load("grade")
worker = load("grade_worker")
SOURCES = {n: next((ROOT / "exercises").glob(f"sheet{n}_*.py")) for n in SHEETS}
TOTAL = {n: sum(q.points for q in questions(n).values()) for n in SHEETS}


def solved(sheet: int = 1, extra: str = "") -> nbformat.NotebookNode:
    """A sheet with all solutions, and perhaps one more cell."""
    notebook = jupytext.read(SOURCES[sheet])
    if extra:
        notebook.cells.append(nbformat.v4.new_code_cell(extra))
    return notebook


def untouched(sheet: int) -> str:
    name = f"{SOURCES[sheet].stem}.ipynb"
    return (ROOT / "book" / "exercises" / name).read_text(encoding="utf-8")


def without_metadata() -> str:
    document = json.loads(nbformat.writes(solved()))
    del document["metadata"], document["nbformat"], document["nbformat_minor"]
    for cell in document["cells"]:
        del cell["metadata"], cell["id"]
    return json.dumps(document)


def with_one_answer_left() -> str:
    document = json.loads(nbformat.writes(solved()))
    document["cells"] = [
        cell
        for cell in document["cells"]
        if "SOLUTION" not in "".join(cell["source"])
        or "def rms_level" in "".join(cell["source"])
    ]
    return json.dumps(document)


STUBBORN = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
# What each tries, the points that it gets of sheet 1, and a part of the remark.
BROKEN = {
    "crashes": (solved(extra="1 / 0"), 8, "ZeroDivisionError"),
    "loops": (solved(extra="while True: pass"), 8, "stopped after"),
    "loops_on": (solved(extra=STUBBORN), 0, "took more than the 30 s"),
    "loops_when_called": (
        solved(extra="def duration(a, sr):\n    while True: pass"),
        7,
        "1.1: your function stops with TimeoutError",
    ),
    "fills_memory": (
        solved(extra="x = []\nwhile True: x.append(np.zeros(2**27))"),
        8,
        "MemoryError",
    ),
    "ends_itself": (solved(extra="import os; os._exit(0)"), 0, "process ended"),
    "lost_cells": (with_one_answer_left(), 2, "NameError"),
    "lost_metadata": (without_metadata(), 8, ""),
    "is_empty": ("", 0, "the file is empty"),
    "is_no_notebook": ("PK\x03\x04", 0, "no notebook"),
    "has_no_cells": ('{"cells": [], "metadata": {}}', 0, "holds no code"),
    "is_a_list": ("[1, 2]", 0, "no list of cells"),
    "says_no_sheet": (
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")]),
        0,
        "can't tell which sheet",
    ),
    "reads_solutions": (
        solved(extra=f"open({str(SOURCES[1])!r}).read()"),
        8,
        "may not read",
    ),
    "imports_checks": (
        solved(extra="from esa4_helpers.sheets import sheet1"),
        8,
        "sheet1",
    ),
    "starts_programs": (solved(extra="!touch here"), 8, "may not use"),
    "shadows_numpy": (solved(extra="margin = {'a': [None, lambda: 3]}"), 6, ""),
}


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> dict:
    """Thirty submissions and more, of which those above are broken, marked once."""
    folder = tmp_path_factory.mktemp("handed in")
    for name, (content, *_) in BROKEN.items():
        text = content if isinstance(content, str) else nbformat.writes(content)
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    for sheet in SHEETS:
        for student in ("ada", "bo"):
            (folder / student).mkdir(exist_ok=True)
            nbformat.write(solved(sheet), folder / student / f"no{sheet}.ipynb")
    (folder / "cy").mkdir()
    (folder / "cy" / "renamed by the browser (1).ipynb").write_text(untouched(2))
    (folder / "dee").mkdir()
    (folder / "eve__essay.docx").write_text("It was a dark night.")
    (folder / "fay__sheet1.ipynb").symlink_to(SOURCES[1])
    (folder / ".DS_Store").write_text("")
    began = time.monotonic()
    results = tmp_path_factory.mktemp("results")
    options = ["--seed", str(SEED), "--results", str(results), "--time-limit", "30"]
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "grade.py", folder, *options],
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
        "seconds": time.monotonic() - began,
        "said": result.stdout,
        "folder": folder,
    }


class TestAFolderOfSubmissions:
    def test_every_file_has_its_row_and_its_page(self, marked):
        assert len(marked["rows"]) == len(BROKEN) + 2 * len(SHEETS) + 4
        assert len(list(marked["pages"].iterdir())) == len(marked["rows"])
        assert f"{len(marked['rows'])} files marked" in marked["said"]
        assert f"seed {SEED}" in marked["said"]

    def test_it_takes_less_than_five_minutes(self, marked):
        assert len(marked["rows"]) >= 30
        assert marked["seconds"] < 300

    @pytest.mark.parametrize("student", ["ada", "bo"])
    def test_solutions_get_all_points_of_every_sheet(self, marked, student):
        rows = [row for row in marked["rows"] if row["student"] == student]
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

    def test_nothing_is_left_behind(self, marked):
        assert not list(marked["folder"].rglob("here"))
        assert not Path("here").exists()


# Each of these would harm another submission, or show what is hidden.
ATTACKS = (
    "open({secret!r}).read()",
    "import os; os.open({secret!r}, os.O_RDONLY)",
    "import os; os.listdir({folder!r})",
    "import pathlib; list(pathlib.Path({folder!r}).iterdir())",
    "import os; os.remove({secret!r})",
    "import os; os.rename({secret!r}, 'here')",
    "import shutil; shutil.rmtree({folder!r})",
    "open({folder!r} + '/new', 'w')",
    "open('/tmp/from_a_submission', 'a')",
    "import numpy as np; np.save({folder!r} + '/new', [1])",
    "import os; os.system('true')",
    "import subprocess; subprocess.run(['true'])",
    "import os; os.kill(os.getppid(), 9)",
    "import os; os.fork()",
    "import socket; socket.create_connection(('127.0.0.1', 9))",
    "import ctypes; ctypes.CDLL(None)",
    "import resource; resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
    "import os; open(f'/proc/{{os.getppid()}}/environ').read()",
)
HARMLESS = """
open('mine', 'w').write('x')
import numpy as np
from esa4_helpers import make_detector
clips = np.random.default_rng(0).normal(0, 0.1, (6, 20000))
detector = make_detector('autoencoder').set_params(detector__n_updates=2)
"""
VALUES = {
    "whole": ("3", 3),
    "nested": ("[1, (2.5, 'x'), None, True]", [1, [2.5, "x"], None, True]),
    "table": ("{'a': 1, 'b': {'c': [2]}}", {"a": 1, "b": {"c": [2]}}),
    "dots": ("...", ...),
    "scalar": ("np.float32(0.5)", 0.5),
    "read": ("open('mine').read()", "x"),
    "network": ("detector.fit(clips).score_samples(clips).shape", [6]),
}
FUNCTIONS = """
def twice(x, n): return {'y': x * n, 'z': -x}
def stops(*_): raise KeyError('no such key')
thing = object()
"""


def start(cells: list[str], names: list[str], hidden: Path) -> grade.Submission:
    return grade.Submission(cells, names, SEED, grade.Limits(300.0), [hidden])


class TestASubmission:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_meets_a_fence(self, attack, after_all_attacks):
        problem = after_all_attacks[ATTACKS.index(attack)]
        assert "PermissionError: a submission may not" in problem

    @pytest.fixture(scope="class")
    @classmethod
    def after_all_attacks(cls, tmp_path_factory) -> list[str]:
        folder = tmp_path_factory.mktemp("hidden")
        secret = folder / "secret.txt"
        secret.write_text("42")
        paths = {"secret": str(secret), "folder": str(folder)}
        cells = [attack.format(**paths) for attack in ATTACKS]
        with start(cells, [], folder) as submission:
            _, problems = submission.run()
        assert secret.read_text() == "42"
        assert list(folder.iterdir()) == [secret]
        return problems

    def test_may_do_what_sheets_need_and_send_values_and_functions(self, tmp_path):
        lines = [f"{name} = {code}" for name, (code, _) in VALUES.items()]
        names = [*VALUES, "twice", "stops", "thing", "missing"]
        with start([HARMLESS, "\n".join(lines), FUNCTIONS], names, tmp_path) as one:
            answers, problems = one.run()
            returned = answers["twice"](np.arange(3.0), 2)
            with pytest.raises(Exception, match="no such key") as caught:
                answers["stops"]()
        assert problems == []
        assert {name: answers[name] for name in VALUES} == {
            name: value for name, (_, value) in VALUES.items()
        }
        np.testing.assert_array_equal(returned["y"], [0, 2, 4])
        np.testing.assert_array_equal(returned["z"], [0, -1, -2])
        assert type(caught.value).__name__ == "KeyError"
        assert answers["missing"] is ...
        told = grade.judge(questions(1)["1.5"], answers["thing"], 0)
        assert "type _Other" in told

    def test_nothing_is_ever_unpickled(self):
        data = np.array([lambda: 3], dtype=object)
        assert worker.encode(data) == {"other": "ndarray"}
        buffer = io.BytesIO()
        np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
        message = {"array": base64.b64encode(buffer.getvalue()).decode()}
        with pytest.raises(ValueError, match="allow_pickle=False"):
            worker.decode(message, lambda *_: None)


class TestDeadlines:
    def write(self, tmp_path: Path, monkeypatch, text: str) -> Path:
        (tmp_path / "deadlines.toml").write_text(text)
        monkeypatch.setattr(grade, "DEADLINES", tmp_path / "deadlines.toml")
        file = tmp_path / "a.ipynb"
        file.write_text("x")
        os.utime(file, (0, 1_000_000_000))
        return file

    def test_what_is_newer_is_late(self, tmp_path, monkeypatch):
        file = self.write(
            tmp_path,
            monkeypatch,
            "[deadlines]\nsheet1_dataset = 2001-09-07T23:46:40Z\n"
            "sheet2_features = 2001-09-09T03:46:41+02:00\n",
        )
        assert grade.lateness(file, 1) == "late by 1 day, 2:00:00 (days, h:min:s)"
        assert grade.lateness(file, 2) is None
        assert grade.lateness(file, 3) is None

    def test_a_moment_without_its_time_zone_is_refused(self, tmp_path, monkeypatch):
        file = self.write(
            tmp_path, monkeypatch, "[deadlines]\nsheet1_dataset = 2001-09-08T23:46:40\n"
        )
        with pytest.raises(SystemExit, match="time zone"):
            grade.lateness(file, 1)

    def test_ours_are_fine(self):
        assert set(grade.deadlines()) <= {path.stem for path in SOURCES.values()}


class TestCommand:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nowhere"], "no folder nowhere"),
            ([".", "--results", "./inside"], "can't lie in the folder"),
            ([".", "--seed", "-1"], "seed must be 0 or more"),
            ([".", "--time-limit", "0"], "limits must be above 0"),
        ],
    )
    def test_bad_options_are_refused(
        self, tmp_path, monkeypatch, capsys, arguments, message
    ):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit):
            grade.parse(arguments)
        assert message in capsys.readouterr().err

    def test_without_a_seed_each_marking_has_another(
        self, tmp_path, monkeypatch, capsys
    ):
        for _ in range(2):
            grade.main([str(tmp_path), "--results", str(tmp_path.parent / "results")])
        seeds = re.findall(r"seed (\d+)", capsys.readouterr().out)
        assert len(set(seeds)) == 2

    def test_feedback_is_text_and_never_markup(self, tmp_path):
        result = grade.Result("<b>x", tmp_path / "a", remarks=["<script>alert(1)"])
        grade.write_page(result, tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert "<script>" not in page
        assert "&lt;b&gt;x" in page
