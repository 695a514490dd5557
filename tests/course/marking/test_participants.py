"""Reading a platform's list, and joining names with numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from marking.files import write_rows
from marking.participants import Participants, join, moment, read_participants
from marking.reading import HandedIn
from submissions import ALL

MOODLE = [
    ["Identifier", "Full name", "ID number", "Email address", "Status", "Grade"]
    + ["Maximum grade", "Grade can be changed", "Last modified (submission)"]
    + ["Last modified (grade)", "Feedback comments"],
    [
        "Participant 101",
        "Ada Lovelace",
        "s11",
        "ada@uni.edu",
        "Submitted",
        "",
        f"{ALL}.00",
    ]
    + ["Yes", "Tuesday, 1 December 2026, 1:30 PM", "-", ""],
    ["Participant 102", "Bo Yü", "s12", "bo@uni.edu", "No submission", "", f"{ALL}.00"]
    + ["Yes", "-", "-", ""],
    ["Participant 103", "Anna Bau", "s13", "anna@uni.edu", "Submitted", "", f"{ALL}.00"]
    + ["Yes", "-", "-", ""],
    ["Participant 104", "Anna Bau", "s14", "abau@uni.edu", "Submitted", "", f"{ALL}.00"]
    + ["Yes", "-", "-", ""],
]
GERMAN = [
    ["ID", "Vollständiger Name", "E-Mail-Adresse", "Status", "Bewertung"]
    + ["Bestwertung", "Zuletzt geändert (Abgabe)", "Feedback als Kommentar"],
    ["Teilnehmer/in101", "Ada Lovelace", "ada@uni.de", "Abgegeben", "", f"{ALL},00"]
    + ["Dienstag, 1. Dezember 2026, 13:30", ""],
    [
        "Teilnehmer/in102",
        "Bo Yü",
        "bo@uni.de",
        "Keine Abgabe",
        "",
        f"{ALL},00",
        "-",
        "",
    ],
]
FINNISH = [
    ["Tunniste", "Koko nimi", "Tila", "Arvosana", "Korkein arvosana"],
    ["Osallistuja 101", "Ada Lovelace", "Palautettu", "", f"{ALL},00"],
    ["Osallistuja 102", "Bo Yü", "Palautettu", "3,00", f"{ALL},00"],
]
CANVAS = [
    ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    + ["Sheet 1: know your clips (5001)", "Essay (5002)", "Current Score"],
    ["    Points Possible", "", "", "", "", str(ALL), "10", "(read only)"],
    ["Lovelace, Ada", "11", "s11", "ada@uni.edu", "A", "", "9", "90"],
    ["Yü, Bo", "12", "s12", "bo@uni.edu", "B", "3", "", ""],
    ["Student, Test", "13", "", "abc", "A", "", "", ""],
]


def listed(folder: Path, rows: list[list[str]], **how: str) -> Participants:
    write_rows(folder / "list.csv", rows, **how)
    return read_participants(folder / "list.csv")


def handed(student: str, id: str | None = None) -> HandedIn:
    return HandedIn(student, Path(student), platform_id=id)


class TestReading:
    @pytest.mark.parametrize("rows", [MOODLE, GERMAN, FINNISH])
    def test_finds_moodles_columns_in_any_language(self, tmp_path, rows):
        found = listed(tmp_path, rows)
        assert found.platform == "moodle"
        assert found.people[1].id == "101"
        grade = found.columns["grade"]
        assert found.header[grade] in ("Grade", "Bewertung", "Arvosana")
        assert found.rows[1][found.columns["most"]] in (f"{ALL}.00", f"{ALL},00")

    @pytest.mark.parametrize("rows", [MOODLE, GERMAN])
    def test_finds_names_and_moments(self, tmp_path, rows):
        ada, bo = list(listed(tmp_path, rows).people.values())[:2]
        assert (ada.name, bo.name) == ("Ada Lovelace", "Bo Yü")
        assert ada.handed_in == dt.datetime(2026, 12, 1, 13, 30).astimezone()
        assert bo.handed_in is None

    def test_finds_canvas_students_and_nothing_else(self, tmp_path):
        found = listed(tmp_path, CANVAS)
        assert found.platform == "canvas"
        assert [(p, who.id) for p, who in found.people.items()] == [
            (2, "11"),
            (3, "12"),
            (4, "13"),
        ]

    def test_takes_what_excel_has_made_of_it(self, tmp_path):
        short = [row[: 2 + 6 * (i != 1)] for i, row in enumerate(MOODLE)]
        found = listed(tmp_path, MOODLE, delimiter=";", encoding="cp1252")
        assert found.people[2].name == "Bo Yü"
        with pytest.raises(ValueError, match="list.csv"):
            listed(tmp_path, [row[1:2] for row in short])

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ([], "is empty"),
            ([["name", "age"], ["Ada", "3"]], "neither Moodle's grading worksheet nor"),
            (
                [["ID", "name"], ["Participant 1", "Ada"]],
                "no column that is called Grade",
            ),
        ],
    )
    def test_of_another_file_is_refused(self, tmp_path, rows, message):
        with pytest.raises(ValueError, match=f"list.csv .*{message}"):
            listed(tmp_path, rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wednesday, September 23, 2020, 9:00 PM", (2020, 9, 23, 21, 0)),
        ("Donnerstag, 5. März 2026, 08:07", (2026, 3, 5, 8, 7)),
        ("2026-03-05 08:07", (2026, 3, 5, 8, 7)),
    ],
)
def test_moments_are_read(text, expected):
    assert moment(text) == dt.datetime(*expected).astimezone()


@pytest.mark.parametrize("text", ["", "-", "3/4/2026", "mardi 3 mars 2026", "soon"])
def test_moments_that_may_mean_something_else_are_not(text):
    assert moment(text) is None


class TestJoin:
    def test_by_number_gives_the_name_and_the_moment(self, tmp_path):
        (one,), problems = join([handed("ada l", "101")], listed(tmp_path, MOODLE))
        assert (one.student, one.platform_id) == ("Ada Lovelace", "101")
        assert one.handed_in.year == 2026
        assert problems == []

    @pytest.mark.parametrize(
        "name", ["ada lovelace", "S11", "ada@uni.edu", "ada", "101"]
    )
    def test_by_name_number_address_or_login_gives_the_number(self, tmp_path, name):
        (one,), _ = join([handed(name)], listed(tmp_path, MOODLE))
        assert (one.student, one.platform_id) == ("Ada Lovelace", "101")

    @pytest.mark.parametrize("name", ["Ada Lovelace", "lovelace, ada", "s11"])
    def test_knows_canvas_names_in_both_orders(self, tmp_path, name):
        (one,), _ = join([handed(name)], listed(tmp_path, CANVAS))
        assert one.platform_id == "11"

    def test_tells_two_of_one_name_apart(self, tmp_path):
        known = listed(tmp_path, MOODLE)
        joined, _ = join([handed("x", "103"), handed("x", "104")], known)
        assert [one.student for one in joined] == ["Anna Bau (103)", "Anna Bau (104)"]
        (one,), (problem,) = join([handed("Anna Bau")], known)
        assert one.platform_id is None
        assert problem.startswith("Anna Bau fits more than one line of list.csv")

    def test_names_those_who_are_not_on_the_list_and_keeps_them(self, tmp_path):
        known = listed(tmp_path, MOODLE)
        joined, problems = join([handed("Cy"), handed("Ada Lovelace", "999")], known)
        assert [one.student for one in joined] == ["Cy", "Ada Lovelace"]
        assert [problem.split(":")[0] for problem in problems] == [
            "Cy isn't in list.csv",
            "Ada Lovelace isn't in list.csv",
        ]
