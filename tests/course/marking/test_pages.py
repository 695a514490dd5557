"""The pages of feedback."""

from __future__ import annotations

import csv
from pathlib import Path

from browser import barriers, chromium, overflow
from bs4 import BeautifulSoup
from marking.classpage import write_class_page
from marking.grading import Grade
from marking.pages import page_names, write_page, write_results

from esa4_helpers.exercises import questions

OUT_OF = sum(asked.points for asked in questions(1).values())
MARKUP = "<script>alert('1')</script> & \"<b>\""


def page_of(result: Grade, folder: Path) -> BeautifulSoup:
    write_page(result, folder / "page.html")
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    return BeautifulSoup(text, "html.parser")


def test_a_page_says_what_each_question_got_and_why(tmp_path):
    points = dict.fromkeys(questions(1), 0) | {"1.1": 1}
    told = {"1.1": "right", "1.2": "too loud"}
    result = Grade("a", "Ada", 1, points, told, ["late by 1 day", "and more"])
    page = page_of(result, tmp_path)
    assert page.title.string == page.h1.string == "Sheet 1"
    assert page.p.string == f"Ada: 1 of {OUT_OF} points"
    rows = [
        [td.string for td in tr.find_all(["th", "td"])]
        for tr in page.find_all("tr")[1:]
    ]
    assert rows[:3] == [
        ["1.1", "1 of 1", "right"],
        ["1.2", "0 of 2", "too loud"],
        ["1.3", "0 of 1", "not reached"],
    ]
    assert len(rows) == len(questions(1))
    assert [li.string for li in page.find_all("li")] == ["late by 1 day", "and more"]


def test_a_page_of_what_is_no_sheet_says_only_why(tmp_path):
    page = page_of(Grade("b", "Bo", remarks=["the file is empty"]), tmp_path)
    assert page.h1.string == "Not marked"
    assert page.table is None
    assert page.li.string == "the file is empty"


def test_feedback_is_text_and_never_markup(tmp_path):
    points = dict.fromkeys(questions(1), 0)
    told = dict.fromkeys(points, MARKUP)
    page = page_of(Grade(MARKUP, MARKUP, 1, points, told, [MARKUP]), tmp_path)
    assert page.find("script") is None
    assert page.find("b") is None
    assert page.p.string == f"{MARKUP}: 0 of {OUT_OF} points"
    assert page.li.string == MARKUP
    assert [tr.find_all("td")[1].string for tr in page.find_all("tr")[1:]] == [
        MARKUP
    ] * len(points)


class TestPageNames:
    def test_say_whose_page_it_is(self):
        assert page_names(["ada/x.ipynb", "bö.ipynb"]) == {
            "ada/x.ipynb": "ada__x.ipynb.html",
            "bö.ipynb": "bö.ipynb.html",
        }

    def test_differ_for_all_file_systems(self):
        keys = [
            "a/b",
            "a__b",
            "A/B",
            "a\\xff",
            "a?",
            "a*",
            "é",
            "e\u0301",
            "é.",
            "ß",
            "ss",
        ]
        keys += ["x" * 300, "x" * 299 + "y", "\n", "..", "", "con|", "aux.ipynb", "Con"]
        names = page_names(keys)
        plain = [name.casefold() for name in names.values()]
        assert len(set(plain)) == len(keys)
        assert all(len(name.encode()) < 200 for name in plain)
        assert not any(set(name) & set("/\\\n?*|") for name in plain)
        assert not {name.split(".")[0] for name in plain} & {"con", "aux"}

    def test_of_others_can_not_be_taken(self):
        (name,) = page_names(["bo/a?.ipynb"]).values()
        taken = name.removesuffix(".html")
        assert len(set(page_names(["bo/a?.ipynb", taken]).values())) == 2

    def test_do_not_depend_on_the_order(self):
        keys = ["a/b", "A/b", "c"]
        assert page_names(keys) == page_names(keys[::-1])


class TestResults:
    def test_hold_no_formula_and_no_control_character(self, tmp_path):
        evil = [
            "=HYPERLINK(1)",
            "+1",
            "-1",
            "@a",
            "\t=1",
            "\uff1d1",
            "a\x00\r\nb",
            "a,b",
        ]
        results = [Grade(f"{i}", name, remarks=[name]) for i, name in enumerate(evil)]
        write_results(results, tmp_path)
        with (tmp_path / "grades.csv").open(encoding="utf-8", newline="") as stream:
            _, *rows = csv.reader(stream)
        cells = [cell for row in rows for cell in row]
        assert not any(
            cell.lstrip()[:1] in tuple("=+-@\uff1d") for cell in cells if cell
        )
        assert rows[6][0] == rows[6][-1] == "a   b"

    def test_of_an_earlier_round_do_not_stay(self, tmp_path):
        write_results([Grade("a", "Ada"), Grade("b", "Bo")], tmp_path)
        write_results([Grade("b", "Bo")], tmp_path)
        assert [f.name for f in (tmp_path / "feedback").iterdir()] == ["b.html"]


def test_pages_can_be_read_by_day_and_by_night_and_on_a_telephone(tmp_path):
    told = dict.fromkeys(questions(1), "long" * 70)
    grades = [
        Grade("a", "Ö" * 99, 1, told=told, remarks=["x" * 300]),
        Grade("b", "B" * 200, remarks=["y" * 300]),
    ]
    write_class_page(grades, tmp_path / "class.html")
    write_page(grades[0], tmp_path / "feedback.html")
    with chromium() as browser:
        for scheme in ("light", "dark"):
            size = {"width": 390, "height": 800}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            for file in tmp_path.glob("*.html"):
                page.goto(file.as_uri())
                assert (overflow(page), barriers(page)) == (0, []), file.name
                shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
                assert (shade == "rgb(255, 255, 255)") == (scheme == "light")
