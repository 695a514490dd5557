"""Finding what was handed in, and reading it, however damaged."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from marking import reading
from marking.reading import (
    HandedIn,
    Unmarkable,
    beside,
    find_submissions,
    other_sheets,
    read_cells,
    which_sheet,
)
from submissions import of_cells

CHANGED = dt.datetime(2001, 9, 9, 1, 46, 40, tzinfo=dt.UTC)


class TestFiles:
    def test_name_their_student_by_folder_underscores_or_name(self, tmp_path):
        for name in (
            "ada/deep/x.ipynb",
            "bo__x.ipynb",
            "cy.ipynb",
            ".git/x.ipynb",
            "__MACOSX/y.ipynb",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")
        (tmp_path / "dee" / "empty").mkdir(parents=True)
        assert find_submissions(tmp_path) == [
            HandedIn("ada", tmp_path / "ada/deep/x.ipynb"),
            HandedIn("bo", tmp_path / "bo__x.ipynb"),
            HandedIn("cy", tmp_path / "cy.ipynb"),
            HandedIn("dee", tmp_path / "dee"),
        ]

    def test_lie_no_deeper_than_anybody_needs(self, tmp_path):
        os.makedirs(tmp_path / "ada" / ("d/" * 20))
        (tmp_path / "ada" / ("d/" * 20) / "x.ipynb").write_text("x")
        with contextlib.chdir(tmp_path):
            for part in ["bo"] + 1400 * ["d"]:
                os.mkdir(part)
                os.chdir(part)
            Path("x.ipynb").write_text("x")
        assert [(one.student, one.path.name) for one in find_submissions(tmp_path)] == [
            ("ada", "x.ipynb"),
            ("bo", "bo"),
        ]
        subprocess.run(["rm", "-rf", tmp_path / "bo"], check=True)

    def test_may_hold_cells_of_any_form(self, tmp_path):
        file = tmp_path / "odd.ipynb"
        file.write_text(
            '{"metadata": 3, "cells": [null, {"cell_type": "code"}, '
            '{"cell_type": "code", "source": ["a", 1, "b"]}, '
            '{"cell_type": "markdown", "source": "c"}]}'
        )
        assert read_cells(file) == (["", "ab"], {})

    def test_are_refused_when_too_large_to_be_a_sheet(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reading, "LARGEST_FILE", 2**20)
        file = tmp_path / "large.ipynb"
        file.write_text(of_cells("x = 1") + " " * 2**21)
        with pytest.raises(Unmarkable, match=r"\(above 1 MiB\): clear the outputs"):
            read_cells(file)
        packed = tmp_path / "large.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(file, "large.ipynb")
        with pytest.raises(Unmarkable, match="above 1 MiB"):
            read_cells(packed)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
    def test_may_be_written_in_other_ways(self, tmp_path, encoding):
        file = tmp_path / "other.ipynb"
        text = of_cells("x = 'Grüße'").replace("\\u00fc", "ü")
        file.write_text(text, encoding=encoding)
        assert read_cells(file)[0] == ["x = 'Grüße'"]

    def test_may_be_of_the_old_format(self, tmp_path):
        file = tmp_path / "old.ipynb"
        cell = {"cell_type": "code", "input": ["a = 1\n", "b"], "language": "python"}
        old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}
        file.write_text(json.dumps(old))
        assert read_cells(file) == (["a = 1\nb"], {})

    def test_may_be_zipped_alone(self, tmp_path):
        file = tmp_path / "x.zip"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/x.ipynb", of_cells("x = 1"))
            archive.writestr("__MACOSX/a/._x.ipynb", "")
        assert read_cells(file)[0] == ["x = 1"]
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("b.ipynb", of_cells("x = 1"))
        with pytest.raises(Unmarkable, match="a zip with 2 notebooks"):
            read_cells(file)
        file.write_bytes(b"PK no")
        with pytest.raises(Unmarkable, match="damaged zip"):
            read_cells(file)

    def test_beside_a_notebook_belong_to_it(self, tmp_path):
        for name in ("ada/x.ipynb", "ada/1.zip", "bo/essay.docx", "cy.txt"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")
        (tmp_path / "ada" / "link.wav").symlink_to("/etc/passwd")
        found = {one.path.name for one in find_submissions(tmp_path)}
        assert found == {"x.ipynb", "essay.docx", "cy.txt"}
        beside_it = tmp_path / "ada" / "1.zip"
        assert beside(tmp_path / "ada" / "x.ipynb", tmp_path) == [beside_it]
        assert beside(tmp_path / "cy.txt", tmp_path) == []

    def test_nested_too_deeply_are_refused(self, tmp_path):
        file = tmp_path / "deep.ipynb"
        file.write_text("[" * 200_000)
        with pytest.raises(Unmarkable, match="no JSON"):
            read_cells(file)


class TestWhichSheet:
    @pytest.mark.parametrize(
        ("code", "metadata", "name", "sheet"),
        [
            ('check("2.1", x)\ncheck("2.2", y)\ncheck("3.1", z)', {}, "sheet4", 2),
            ("clips = exercise_clips(6)", {"esa4": {"sheet": "sheet3_gmm"}}, "x", 6),
            ("x = 1", {"esa4": {"sheet": "sheet3_gmm"}}, "sheet4", 3),
            ("x = 1", {"esa4": "damaged"}, "my Sheet-4 (1)", 4),
            ('check("99.1", x)', {}, "sheet_5", 5),
        ],
    )
    def test_is_told_by_checks_clips_metadata_and_name_in_turn(
        self, code, metadata, name, sheet
    ):
        assert which_sheet(Path(f"{name}.ipynb"), [code], metadata) == sheet

    def test_is_not_guessed(self):
        with pytest.raises(Unmarkable, match="can't tell which sheet"):
            which_sheet(Path("essay.ipynb"), ["x = 1"], {})

    def test_may_be_more_than_one(self):
        cells = ['check("1.1", x)\ncheck("1.2", y)\ncheck("2.1", z)', 'check("2.3", a)']
        assert other_sheets(1, cells) == [2]
        assert other_sheets(1, ['check("2.1", x)'] * 2) == []


class TestMoment:
    def test_a_file_was_handed_in_when_it_was_changed_unless_we_know(self, tmp_path):
        file = tmp_path / "a.ipynb"
        file.write_text("x")
        os.utime(file, (0, 1_000_000_000))
        assert HandedIn("a", file).moment == CHANGED
        known = CHANGED + dt.timedelta(days=1)
        assert HandedIn("a", file, known).moment == known
