"""Whose each file is, by the names that Moodle and Canvas give."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from marking.platforms import from_folder, from_zip
from marking.reading import HandedIn


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def said(handed: list[HandedIn]) -> dict[str, tuple]:
    return {
        one.path.name: (one.student, one.platform_id, one.attempt, one.late)
        for one in handed
    }


class TestMoodle:
    def test_names_students_and_their_numbers_with_folders_and_without(self, tmp_path):
        made(
            tmp_path,
            "Ada Lovelace_101_assignsubmission_file_/sheet.ipynb",
            "Jean-Luc O'Neill_102_assignsubmission_file/deep/a_b_1.ipynb",
            "Bo Yü_103_assignsubmission_file_work_7.ipynb",
            "Participant_104_assignsubmission_file_/hidden.ipynb",
        )
        found = from_folder(tmp_path)
        handed, problems = found.handed, found.problems
        assert said(handed) == {
            "sheet.ipynb": ("Ada Lovelace", "101", 1, None),
            "a_b_1.ipynb": ("Jean-Luc O'Neill", "102", 1, None),
            "Bo Yü_103_assignsubmission_file_work_7.ipynb": ("Bo Yü", "103", 1, None),
            "hidden.ipynb": ("Participant 104", "104", 1, None),
        }
        # The files' times are those of the download.
        assert all(one.handed_in is None for one in handed)
        assert problems == []

    def test_a_text_is_named_and_no_file(self, tmp_path):
        made(
            tmp_path,
            "Ada_101_assignsubmission_file_/sheet.ipynb",
            "Ada_101_assignsubmission_onlinetext_/onlinetext.html",
        )
        found = from_folder(tmp_path)
        handed, (problem,) = found.handed, found.problems
        assert [one.path.name for one in handed] == ["sheet.ipynb"]
        assert "onlinetext.html' is a text of Ada's, and no file" in problem

    def test_two_of_one_name_are_told_apart(self, tmp_path):
        made(
            tmp_path,
            "Anna Bau_5_assignsubmission_file_/a.ipynb",
            "Anna Bau_6_assignsubmission_file_/b.ipynb",
        )
        handed = from_folder(tmp_path).handed
        assert [one.student for one in handed] == ["Anna Bau (5)", "Anna Bau (6)"]


class TestCanvas:
    def test_names_students_numbers_lateness_and_attempts(self, tmp_path):
        made(
            tmp_path,
            "lovelaceada_11_900_sheet1_dataset.ipynb",
            "lovelaceada_11_901_sheet1_dataset-1.ipynb",
            "lovelaceada_11_950_sheet1_dataset-12.ipynb",
            "o_brien_LATE_12_902_sheet_3_4.ipynb",
            "anon_Xy1Z_903_sheet.ipynb",
            "LATE_anon_Ab2_904_sheet.ipynb",
            "yubo_13_text.html",
        )
        found = from_folder(tmp_path)
        handed, (problem,) = found.handed, found.problems
        assert said(handed) == {
            "lovelaceada_11_900_sheet1_dataset.ipynb": ("lovelaceada", "11", 1, False),
            "lovelaceada_11_901_sheet1_dataset-1.ipynb": (
                "lovelaceada",
                "11",
                2,
                False,
            ),
            "lovelaceada_11_950_sheet1_dataset-12.ipynb": (
                "lovelaceada",
                "11",
                13,
                False,
            ),
            "o_brien_LATE_12_902_sheet_3_4.ipynb": ("o_brien", "12", 1, True),
            "anon_Xy1Z_903_sheet.ipynb": ("anon_Xy1Z", "Xy1Z", 1, False),
            "LATE_anon_Ab2_904_sheet.ipynb": ("anon_Ab2", "Ab2", 1, True),
        }
        assert "a text of yubo's" in problem

    def test_a_file_that_the_student_has_called_so_comes_before_its_second_upload(
        self, tmp_path
    ):
        made(tmp_path, "a_11_900_sheet-1.ipynb", "a_LATE_11_901_sheet-1-1.ipynb")
        attempts = [one.attempt for one in from_folder(tmp_path).handed]
        assert attempts == [1, 2]

    def test_of_one_name_the_later_upload_is_the_newer(self, tmp_path):
        made(tmp_path, "ada_1_20_s.ipynb", "ada_1_7_s.ipynb", "bo_2_5_s.ipynb")
        handed = from_folder(tmp_path).handed
        assert [one.attempt for one in handed] == [2, 1, 1]

    def test_other_files_beside_a_notebook_are_named_and_no_submission(self, tmp_path):
        made(tmp_path, "ada_1_20_s.ipynb", "ada_1_21_clip.wav", "bo_2_5_essay.docx")
        found = from_folder(tmp_path)
        assert [one.path.suffix for one in found.handed] == [".ipynb", ".docx"]
        assert found.problems == [
            "'ada_1_21_clip.wav' is no notebook: ada has one besides"
        ]


class TestFolders:
    def test_of_our_own_names_stay_as_they_are(self, tmp_path):
        made(tmp_path, "ada/x.ipynb", "bo__x.ipynb", "group_3_2026_sheet1.ipynb")
        found = from_folder(tmp_path)
        handed, problems = found.handed, found.problems
        assert [one.student for one in handed] == ["ada", "bo", "group_3_2026_sheet1"]
        assert all(one.platform_id is None for one in handed)
        assert all(one.handed_in.year > 2000 for one in handed)
        assert problems == []

    def test_a_file_among_others_that_is_named_otherwise_is_named_and_not_lost(
        self, tmp_path
    ):
        made(tmp_path, "Ada_1_assignsubmission_file_/x.ipynb", "late mail.ipynb")
        found = from_folder(tmp_path)
        handed, (problem,) = found.handed, found.problems
        assert [one.student for one in handed] == ["Ada", "late mail"]
        assert problem.startswith("'late mail.ipynb' isn't named as the platform")


def zipped(file: Path, *names: str) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file


@pytest.mark.parametrize(
    ("names", "students"),
    [
        (["Sheet 1/Ada_1_assignsubmission_file_/x.ipynb"], ["Ada"]),
        (["any/ada_1_2_x.ipynb", "any/bo_2_3_x.ipynb"], ["ada", "bo"]),
        (["class/ada/x.ipynb", "class/bo/x.ipynb"], ["ada", "bo"]),
        (["ada/x.ipynb", "ada/y.ipynb"], ["ada", "ada"]),
    ],
)
def test_a_zip_wrapped_in_a_folder_is_understood(tmp_path, names, students):
    found = from_zip(zipped(tmp_path / "class.zip", *names), tmp_path / "out")
    assert [one.student for one in found.handed] == students
    assert found.problems == []
    assert all(one.path.is_relative_to(found.folder) for one in found.handed)


def test_several_downloads_at_once_are_refused(tmp_path):
    names = [f"Sheet {n}/Ada_1_assignsubmission_file_/x.ipynb" for n in (1, 2)]
    with pytest.raises(ValueError, match="'Sheet 1' is a download in a folder of"):
        from_folder(made(tmp_path, *names))


def test_an_empty_zip_is_named(tmp_path):
    found = from_zip(zipped(tmp_path / "a.zip"), tmp_path / "out")
    assert (found.handed, found.problems) == ([], ["a.zip holds no file"])
