"""Finding what was handed in, and reading it, however damaged."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from marking import reading
from marking.reading import (
    HandedIn,
    Unmarkable,
    beside,
    find_submissions,
    lateness,
    other_sheets,
    read_cells,
    read_deadlines,
    which_sheet,
)
from submissions import SOURCES, of_cells

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


class TestDeadlines:
    def test_a_file_was_handed_in_when_it_was_changed_unless_we_know(self, tmp_path):
        file = tmp_path / "a.ipynb"
        file.write_text("x")
        os.utime(file, (0, 1_000_000_000))
        assert HandedIn("a", file).moment == CHANGED
        known = CHANGED + dt.timedelta(days=1)
        assert HandedIn("a", file, known).moment == known

    @staticmethod
    def of(folder: Path, text: str) -> dict:
        (folder / "deadlines.toml").write_text(text)
        return read_deadlines(folder / "deadlines.toml")

    def test_what_is_newer_is_late(self, tmp_path):
        deadlines = self.of(
            tmp_path,
            "[deadlines]\nsheet1_dataset = 2001-09-07T23:46:40Z\n"
            "sheet2_features = 2001-09-09T03:46:41+02:00\n",
        )
        late = lateness(CHANGED, 1, deadlines)
        assert late == "late by 1 day, 2:00:00 (days, h:min:s)"
        assert lateness(CHANGED, 2, deadlines) is None
        assert lateness(CHANGED, 3, deadlines) is None

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (
                "[deadlines]\nsheet1_dataset = 2001-09-08T23:46:40\n",
                "deadlines.toml: sheet1_dataset should be a moment with its time zone",
            ),
            ("[deadlines]\nsheet1_dataset = 'soon'\n", "and is soon"),
            ("[deadlines]\nsheet9_x = 2001-09-08T23:46:40Z\n", "no sheet sheet9_x"),
            ("[deadline]\n", "there is no table deadline: expected one of deadlines"),
            ("[deadlines\n", "deadlines.toml can't be read as TOML"),
        ],
    )
    def test_what_is_no_moment_with_its_time_zone_is_refused(
        self, tmp_path, text, told
    ):
        with pytest.raises(ValueError, match=re.escape(told)):
            self.of(tmp_path, text)

    def test_there_need_not_be_any(self, tmp_path):
        assert read_deadlines(tmp_path / "deadlines.toml") == {}

    def test_ours_are_fine(self):
        assert set(read_deadlines()) <= {path.stem for path in SOURCES.values()}
