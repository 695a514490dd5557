"""Points for answers, whatever a submission does."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from threading import Barrier

import pytest
from marking import marks
from marking.marks import Result, Terms, mark, mark_all
from marking.sandbox import Limits
from submissions import SEED, of_cells

from esa4_helpers.exercises import questions

LOOPS = (
    "import numpy as np",
    "def rms_level(x): return 10 * np.log10(np.mean(x**2, axis=1))",
    "while True: pass",
    "import time\ndef duration(audio, sr):\n    while True: time.sleep(1)",
    'check("1.1", duration)',
)
STUBBORN = """
import time
while True:
    try:
        while True:
            time.sleep(1)
    except BaseException:
        pass
"""


def hand_in(folder: Path, *cells: str) -> Path:
    file = folder / "ada__sheet1.ipynb"
    file.write_text(of_cells(*cells), encoding="utf-8")
    return file


def test_a_cell_and_a_call_that_loop_cost_only_their_share_of_the_time(tmp_path):
    file = hand_in(tmp_path, *LOOPS)
    result = mark("ada", file, Terms(SEED, Limits(300, share=1 / 150)))
    cell, call = result.remarks[0], result.remarks[-1]
    assert cell.startswith("code cell 3 stops with TimeoutError: stopped after 2 s")
    assert call.startswith("1.1: your function stops with TimeoutError")
    assert result.points == dict.fromkeys(questions(1), 0) | {"1.2": 2}


def test_a_submission_that_never_ends_is_ended(tmp_path):
    file = hand_in(tmp_path, STUBBORN)
    result = mark("ada", file, Terms(SEED, Limits(7)))
    assert result.remarks == ["took more than the 7 s allowed"]
    assert (result.sheet, result.total) == (1, 0)


def test_a_late_file_gets_a_remark_beside_what_else_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "Submission", no_process)
    file = hand_in(tmp_path, "x = 1")
    deadlines = {"sheet1_dataset": dt.datetime(2001, 9, 9, tzinfo=dt.UTC)}
    result = mark("ada", file, Terms(SEED, deadlines=deadlines))
    assert [remark[:8] for remark in result.remarks] == ["late by ", "can't be"]
    assert "OSError: no process" in result.remarks[1]


def no_process(*_: object) -> None:
    raise OSError("no process")


class TestMarkAll:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for name in ("ada__a", "ada__b", "bo", "cy"):
            (tmp_path / f"{name}.ipynb").write_text("x")
        return tmp_path

    def test_says_who_handed_in_a_sheet_twice(self, folder, monkeypatch):
        monkeypatch.setattr(
            marks, "mark", lambda student, path, _: Result(student, path, sheet=1)
        )
        remarks = {r.path.stem: r.remarks for r in mark_all(folder, Terms(SEED))}
        twice = ["more than one file for this sheet"]
        assert remarks == {"ada__a": twice, "ada__b": twice, "bo": [], "cy": []}

    def test_marks_as_many_at_a_time_as_there_are_cores(self, folder, monkeypatch):
        together = Barrier(min(4, os.cpu_count()))

        def wait_for_others(student: str, path: Path, terms: Terms) -> Result:
            together.wait(timeout=60)
            return Result(student, path)

        monkeypatch.setattr(marks, "mark", wait_for_others)
        assert len(mark_all(folder, Terms(SEED))) == 4
