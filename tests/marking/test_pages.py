"""The pages of feedback."""

from __future__ import annotations

from pathlib import Path

from bs4 import BeautifulSoup
from marking.marks import Result
from marking.pages import write_page

from esa4_helpers.exercises import questions

OUT_OF = sum(asked.points for asked in questions(1).values())
MARKUP = "<script>alert('1')</script> & \"<b>\""


def page_of(result: Result, folder: Path) -> BeautifulSoup:
    write_page(result, folder / "page.html")
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    return BeautifulSoup(text, "html.parser")


def test_a_page_says_what_each_question_got_and_why(tmp_path):
    points = dict.fromkeys(questions(1), 0) | {"1.1": 1}
    told = {"1.1": "right", "1.2": "too loud"}
    result = Result("Ada", tmp_path, 1, points, told, ["late by 1 day", "and more"])
    page = page_of(result, tmp_path)
    assert page.title.string == page.h1.string == "Sheet 1"
    assert page.p.string == f"Ada: 1 of {OUT_OF} points"
    rows = [[td.string for td in tr.find_all("td")] for tr in page.find_all("tr")[1:]]
    assert rows[:3] == [
        ["1.1", "1 of 1", "right"],
        ["1.2", "0 of 2", "too loud"],
        ["1.3", "0 of 1", "not reached"],
    ]
    assert len(rows) == len(questions(1))
    assert [li.string for li in page.find_all("li")] == ["late by 1 day", "and more"]


def test_a_page_of_what_is_no_sheet_says_only_why(tmp_path):
    page = page_of(Result("Bo", tmp_path, remarks=["the file is empty"]), tmp_path)
    assert page.h1.string == "Not marked"
    assert page.table is None
    assert page.li.string == "the file is empty"


def test_feedback_is_text_and_never_markup(tmp_path):
    points = dict.fromkeys(questions(1), 0)
    told = dict.fromkeys(points, MARKUP)
    page = page_of(Result(MARKUP, tmp_path, 1, points, told, [MARKUP]), tmp_path)
    assert page.find("script") is None
    assert page.find("b") is None
    assert page.p.string == f"{MARKUP}: 0 of {OUT_OF} points"
    assert page.li.string == MARKUP
    assert [tr.find_all("td")[2].string for tr in page.find_all("tr")[1:]] == [
        MARKUP
    ] * len(points)
