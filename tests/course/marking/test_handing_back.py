"""From a platform's zip to what goes back, with marks that are made up."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from marking.deadlines import Deadlines
from marking.files import read_rows, write_rows
from marking.grading import Grade, grade
from marking.handing_back import as_shown, hand_back, known_names, only
from marking.manual import read_manual
from marking.participants import join
from marking.platforms import from_zip
from marking.pseudonyms import pseudonym
from test_grading import result
from test_participants import CANVAS, MOODLE, listed

ZIPS = {
    "moodle": (
        "Ada Lovelace_101_assignsubmission_file_/sheet1_dataset.ipynb",
        "Bo Yü_102_assignsubmission_file_/mine.ipynb",
    ),
    "canvas": (
        "lovelaceada_11_900_sheet1_dataset.ipynb",
        "lovelaceada_11_901_sheet1_dataset-1.ipynb",
        "yübo_LATE_12_902_mine.ipynb",
    ),
}
LISTS = {"moodle": MOODLE, "canvas": CANVAS}


def round_trip(folder: Path, platform: str, shown=str) -> list[str]:
    """Everything but the marking, in which each attempt gets a point more."""
    with zipfile.ZipFile(folder / "download.zip", "w") as archive:
        for name in ZIPS[platform]:
            archive.writestr(name, "{}")
    results = folder / "results"
    download = from_zip(folder / "download.zip", results / "unpacked")
    known = listed(folder, LISTS[platform])
    handed, problems = join(download.handed, known)
    assert problems == download.problems == []
    keys = {one.path.relative_to(download.folder).as_posix(): one for one in handed}
    made = [
        result(
            one.student,
            key=key,
            points={"1.1": one.attempt},
            attempt=one.attempt,
            platform_id=one.platform_id,
        )
        for key, one in keys.items()
    ]
    names = known_names(handed, known, shown)
    manual = read_manual(folder / "manual.csv", names)
    grades = grade(made, keys, Deadlines(), manual)
    write_rows(results / "grades.csv", [["student", "total"]])
    return hand_back(grades, known, results, lambda g: f"{g.student} {g.total}", shown)


def test_moodle_gets_grades_and_pages(tmp_path):
    write_rows(
        tmp_path / "manual.csv",
        [["student", "asked", "points", "comment"], ["102", "1", "2,5", "well said"]],
    )
    (said,) = round_trip(tmp_path, "moodle")
    assert said.startswith("2 in list.csv have nothing that is marked")
    rows = read_rows(tmp_path / "results" / "moodle-grades.csv")
    assert [row[5] for row in rows] == ["Grade", "1", "3.5", "", ""]
    assert rows[2][-1].endswith("1: well said.")
    with zipfile.ZipFile(tmp_path / "results" / "moodle-feedback.zip") as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {
            "Ada Lovelace_101_assignsubmission_file_/feedback.html": "Ada Lovelace 1",
            "Bo Yü_102_assignsubmission_file_/feedback.html": "Bo Yü 3.5",
        }


def test_canvas_gets_the_grade_of_the_newest_attempt(tmp_path):
    (said,) = round_trip(tmp_path, "canvas")
    assert said.startswith("1 in list.csv have nothing that is marked")
    rows = read_rows(tmp_path / "results" / "canvas-grades.csv")
    assert [row[-1] for row in rows[2:]] == ["2", "1", ""]


def test_pseudonyms_are_on_the_page_and_real_names_go_back(tmp_path):
    def shown(student: str) -> str:
        return pseudonym(student, bytes(32))

    round_trip(tmp_path, "moodle", shown)
    results = tmp_path / "results"
    assert "Lovelace" not in (results / "class.html").read_text(encoding="utf-8")
    assert read_rows(results / "moodle-grades.csv")[1][5] == "1"
    (one,) = as_shown([Grade("Ada/x.ipynb", "Ada")], shown)
    assert one.student == shown("Ada")
    assert "Ada" not in one.key


def test_without_a_list_moodles_pages_go_back_all_the_same(tmp_path):
    write_rows(tmp_path / "grades.csv", [["student", "total"]])
    grades = [Grade("x", "Ada", 1, {"1.1": 1}, platform_id="101")]
    assert hand_back(grades, None, tmp_path, lambda g: g.student) == []
    assert (tmp_path / "moodle-feedback.zip").exists()
    assert not (tmp_path / "moodle-grades.csv").exists()


def test_excel_in_german_reads_the_table(tmp_path):
    write_rows(
        tmp_path / "grades.csv", [["student", "1.1", "total"], ["Bo Yü", "1", "0.5"]]
    )
    hand_back([], None, tmp_path, str)
    content = (tmp_path / "grades-excel.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfstudent;question 1.1;total")
    assert "Bo Yü;1;0,5" in content.decode("utf-8-sig")
    page = BeautifulSoup((tmp_path / "class.html").read_text(), "html.parser")
    assert page.h1.string == "What the class thinks"


class TestOnly:
    @pytest.fixture
    def handed(self, tmp_path) -> list:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in ZIPS["moodle"]:
                archive.writestr(name, "{}")
        return from_zip(tmp_path / "a.zip", tmp_path / "out").handed

    @pytest.mark.parametrize("wanted", ["ada lovelace", "101", "ADA LOVELACE "])
    def test_one_student_is_found_by_name_or_number(self, handed, wanted):
        (one,) = only(handed, wanted, known_names(handed, None, str))
        assert one.student == "Ada Lovelace"

    def test_everybody_is_meant_where_nobody_is_named(self, handed):
        assert only(handed, None, {}) == handed

    def test_a_misspelt_name_is_an_error_with_those_that_are_near(self, handed):
        with pytest.raises(ValueError, match="by 'Ada Lovelase': did you mean 'Ada Lo"):
            only(handed, "Ada Lovelase", known_names(handed, None, str))
