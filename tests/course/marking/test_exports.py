"""What goes back to Moodle and to Canvas."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from marking.exports import (
    assignment_columns,
    for_german_excel,
    write_canvas,
    write_feedback,
    write_moodle,
)
from marking.files import read_rows
from marking.grading import Grade
from submissions import ALL
from test_participants import CANVAS, FINNISH, GERMAN, MOODLE, listed


def graded(
    id: str | None, total: float, sheet: int | None = 1, **more: object
) -> Grade:
    known = {"student": "Ada Lovelace", "platform_id": id, "sheet": sheet} | more
    known |= {"told": {"1.1": "right", "1.2": "<b>&"}, "remarks": ["late"]}
    return Grade("x", points={"1.1": total}, **known)


class TestMoodle:
    @pytest.mark.parametrize("rows", [MOODLE, GERMAN, FINNISH])
    def test_gets_its_worksheet_back_with_the_grade_and_nothing_else_changed(
        self, tmp_path, rows
    ):
        known = listed(tmp_path, rows)
        assert write_moodle(known, [graded("101", 6.5)], tmp_path / "m.csv") == []
        back = read_rows(tmp_path / "m.csv")
        assert back[1][known.columns["grade"]] == "6.5"
        changed = {known.columns["grade"], known.columns.get("comment")}
        for old, new in zip(rows, back, strict=True):
            for column in set(range(len(old))) - changed:
                assert old[column] == new[column]
        assert back[2:] == rows[2:]

    def test_gets_comments_that_are_text_and_no_markup(self, tmp_path):
        known = listed(tmp_path, MOODLE)
        write_moodle(known, [graded("101", 6)], tmp_path / "m.csv")
        assert read_rows(tmp_path / "m.csv")[1][-1] == (
            f"Sheet 1: 6 of {ALL} points. 1.1: right. 1.2: &lt;b&gt;&amp;. late."
        )

    def test_gets_no_grade_for_what_could_not_be_marked(self, tmp_path):
        known = listed(tmp_path, MOODLE)
        empty = Grade("x", "Ada", remarks=["the file is empty"], platform_id="101")
        write_moodle(known, [empty, graded(None, 3)], tmp_path / "m.csv")
        back = read_rows(tmp_path / "m.csv")
        assert back[1][:-1] == MOODLE[1][:-1]
        assert back[1][-1] == "the file is empty."
        assert back[2:] == MOODLE[2:]

    def test_is_warned_of_when_its_maximum_differs(self, tmp_path):
        known = listed(
            tmp_path, [[c.replace(f"{ALL}.00", "100") for c in r] for r in MOODLE]
        )
        (said,) = write_moodle(known, [graded("101", 6)], tmp_path / "m.csv")
        assert f"a maximum grade of 100, and the sheet has {ALL} points" in said


class TestCanvas:
    def test_gets_whose_each_row_is_and_the_sheets_column(self, tmp_path):
        known = listed(tmp_path, CANVAS)
        rows = [graded("11", 6.25), graded("99", 1), graded("12", 0, sheet=None)]
        assert write_canvas(known, rows, tmp_path / "c.csv") == []
        assert read_rows(tmp_path / "c.csv") == [
            ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", CANVAS[0][5]],
            ["    Points Possible", "", "", "", "", str(ALL)],
            ["Lovelace, Ada", "11", "s11", "ada@uni.edu", "A", "6.25"],
            ["Yü, Bo", "12", "s12", "bo@uni.edu", "B", "3"],
            ["Student, Test", "13", "", "abc", "A", ""],
        ]

    def test_has_a_column_for_each_sheet_or_is_named(self, tmp_path):
        known = listed(tmp_path, CANVAS)
        rows = [graded("11", 6), graded("11", 5, sheet=2)]
        (said,) = write_canvas(known, rows, tmp_path / "c.csv")
        assert said.startswith("list.csv has no column for sheet 2")
        assert read_rows(tmp_path / "c.csv")[2][-1] == "6"


@pytest.mark.parametrize(
    ("titles", "sheet", "is_only", "found"),
    [
        (["Sheet 1 (5)", "Sheet 12 (6)"], 1, False, [0]),
        (["sheet1_dataset (5)", "Blatt 02 (6)"], 2, False, [1]),
        (["Homework A (5)", "Total"], 3, True, [0]),
        (["Homework A (5)", "Total"], 3, False, []),
        (["A (5)", "B (6)"], 3, True, [0, 1]),
        (["Sheet 3 (5)", "Sheet 3 again (6)"], 3, True, [0, 1]),
    ],
)
def test_assignments_are_found_by_their_title(titles, sheet, is_only, found):
    assert assignment_columns(titles, sheet, is_only) == found


def test_feedback_goes_to_the_folders_that_moodle_takes_back(tmp_path):
    rows = [
        graded("101", 6, student="Ada_of/Lovelace"),
        graded("102", 6, student="Bo"),
        graded("102", 6, sheet=2, student="Bo"),
        graded(None, 6),
        graded("103", 0, sheet=None, student="Cy"),
        graded("103", 6, counts=False, student="Cy"),
    ]
    file: Path = tmp_path / "f.zip"
    write_feedback(rows, lambda row: f"page of {row.student} ü", file)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [
            "Ada of Lovelace_101_assignsubmission_file_/feedback.html",
            "Bo_102_assignsubmission_file_/feedback_1.html",
            "Bo_102_assignsubmission_file_/feedback_2.html",
            "Cy_103_assignsubmission_file_/feedback.html",
        ]
        assert archive.read(archive.namelist()[1]).decode() == "page of Bo ü"


def test_excel_in_german_gets_commas_in_numbers_and_no_days():
    rows = [
        ["student", "sheet", "1.2", "total", "remark"],
        ["J. Ü", "1", "1.5", "2", "a.b"],
    ]
    assert for_german_excel(rows) == [
        ["student", "sheet", "question 1.2", "total", "remark"],
        ["J. Ü", "1", "1,5", "2", "a.b"],
    ]
