"""Points and comments that people give."""

from __future__ import annotations

import pytest
from marking.manual import Given, read_manual

STUDENTS = {"Ada Lovelace": "Ada Lovelace", "101": "Ada Lovelace", "Bo": "Bo"}
HEAD = "student,question or sheet,points,comment\n"


def test_the_file_is_begun_and_never_written_over(tmp_path):
    file = tmp_path / "manual.csv"
    assert read_manual(file, STUDENTS) == {}
    assert file.read_text() == HEAD.replace("\n", "\r\n") or file.read_text() == HEAD
    with file.open("a") as stream:
        stream.write("Bo,1,2,good\n")
    assert read_manual(file, STUDENTS) == {("Bo", "1"): Given(2, "good")}
    assert "good" in file.read_text()


def test_points_go_to_questions_and_sheets_by_name_or_number(tmp_path):
    (tmp_path / "m.csv").write_text(
        HEAD + ' ada  LOVELACE,1.2,"1,5","half, at least"\n'
        "101,Sheet 6,-1\n\nBo,question 1.1,,only a word\n"
    )
    assert read_manual(tmp_path / "m.csv", STUDENTS) == {
        ("Ada Lovelace", "1.2"): Given(1.5, "half, at least"),
        ("Ada Lovelace", "6"): Given(-1, ""),
        ("Bo", "1.1"): Given(None, "only a word"),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Cy,1.1,1,", "there is no student 'Cy'"),
        ("Bo,1.9,1,", "there is no question or sheet '1.9'"),
        ("Bo,77,1,", "there is no question or sheet '77'"),
        ("Bo,1.1,one,", "should be a number, and are 'one'"),
        ("Bo,1.1,nan,", "should be a number"),
        ("Bo,1.1,11,", "question 1.1 has 1 points at most, and got 11"),
        ("Bo,1.1,-1,", "question 1.1 has 1 points at most, and got -1"),
        ("Bo,1.2,1,5", "are the points 1 or 1.5"),
        ("Bo,1,1,good, but", "found 5 cells; put a comment with commas in quotes"),
        ("Bo,1.2,1,\nBo,1.2,2,", "'Bo' has a line for 1.2 already"),
    ],
)
def test_a_slip_is_an_error_with_its_line(tmp_path, line, message):
    (tmp_path / "m.csv").write_text(
        HEAD + 'Ada Lovelace,1.1,1,"of two\nlines"\n' + line + "\n"
    )
    number = 4 + line.count("\n")
    with pytest.raises(ValueError, match=f"m.csv, line {number}: .*{message}"):
        read_manual(tmp_path / "m.csv", STUDENTS)
