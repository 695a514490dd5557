"""What a marking starts from, and what ends it before it has begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from marking.deadlines import Deadlines
from marking.files import write_rows
from marking.taking_in import TakenIn, take_in
from test_participants import MOODLE
from test_platforms import zipped

ADA = "Ada L_101_assignsubmission_file_/x.ipynb"


@pytest.fixture
def handed_in(tmp_path) -> Path:
    write_rows(tmp_path / "list.csv", MOODLE)
    return zipped(tmp_path / "a.zip", ADA, "odd.ipynb")


def taken(file: Path, **how: object) -> TakenIn:
    return take_in(file, file.parent / "results", Deadlines(), **how)


def test_a_zip_is_unpacked_into_the_results_and_joined_with_the_list(handed_in):
    found = taken(handed_in, participants=handed_in.parent / "list.csv")
    assert found.folder == handed_in.parent / "results" / "unpacked"
    assert [one.student for one in found.handed] == ["Ada Lovelace", "odd"]
    assert [problem.split(" ")[0] for problem in found.problems] == [
        "'odd.ipynb'",
        "odd",
    ]
    assert found.names["101"] == found.names["Ada Lovelace"] == "Ada Lovelace"
    assert (found.manual, found.deadlines) == ({}, Deadlines())


def test_a_folder_stays_as_it_is(handed_in, tmp_path):
    folder = taken(handed_in).folder
    before = sorted(folder.rglob("*"))
    assert take_in(folder, tmp_path / "others", Deadlines()).folder == folder
    assert sorted(folder.rglob("*")) == before


def test_an_odd_name_can_be_written_as_the_table_shows_it(tmp_path):
    (tmp_path / "in" / "Bo\x01\udcff").mkdir(parents=True)
    found = take_in(tmp_path / "in", tmp_path / "results", Deadlines())
    assert found.names == {r"Bo \udcff": r"Bo \udcff"}
    assert found.handed[0].student == r"Bo \udcff"


def test_with_pseudonyms_students_may_be_written_by_them(handed_in):
    found = taken(handed_in, pseudonyms=True)
    hidden = found.shown("Ada L")
    assert hidden.startswith("student-")
    assert found.names[hidden] == "Ada L"
    assert taken(handed_in, pseudonyms=True).shown("Ada L") == hidden


def test_a_slip_in_points_by_hand_is_an_error(handed_in):
    file = handed_in.parent / "results" / "manual.csv"
    write_rows(file, [["Nobody", "1.1", "1", ""]])
    with pytest.raises(ValueError, match="manual.csv, line 1: there is no student 'No"):
        taken(handed_in)
