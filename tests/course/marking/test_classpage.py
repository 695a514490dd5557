"""The page on what the class thinks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from marking.classpage import summarise, write_class_page
from marking.deadlines import Deadlines
from marking.grading import Grade, grade
from submissions import ALL
from test_grading import result
from test_likeness import HONEST, disguised

from esa4_helpers.exercises import questions

IMPORT = "import numpy as np"
MARKUP = "<script>alert('1')</script> & \"<b>\""


def told(sentence: str) -> dict:
    return {id: "right" for id in questions(1)} | {"1.2": sentence}


@pytest.fixture(scope="module")
def rows() -> list[Grade]:
    results = [
        result(
            name,
            told=told(f"{i}.5 dB too loud"),
            code=[IMPORT, HONEST[name]],
            points={"1.1": i},
        )
        for i, name in enumerate(("ada", "bo", "cy"), start=1)
    ]
    results += [
        result("zoe", told=told(MARKUP), code=[disguised(HONEST["cy"])], seconds=9.0),
        result("zoe", told=told("old"), attempt=0, key="old"),
        result(MARKUP, sheet=None, told={}, points={}, remarks=[MARKUP]),
    ]
    return grade(results, {}, Deadlines(), {})


def test_counts_right_answers_wrong_sentences_marks_and_time(rows):
    view = summarise(rows)
    (sheet,) = view.sheets
    first, second = sheet.answers[:2]
    assert (view.students, sheet.handed_in, sheet.out_of) == (5, 4, ALL)
    assert (first.right, first.asked, first.wrong) == (4, 4, [])
    assert second.share == 0
    # One sentence, whatever each one's number is.
    assert second.wrong == [("1.5 dB too loud", 3), (MARKUP, 1)]
    assert sheet.marks == [0, 1, 1, 2] + [0] * (ALL - 3)
    assert (sheet.usual_seconds, max(sheet.seconds)) == (2, 9)
    assert [(pair.first, pair.second) for pair in view.pairs] == [("cy", "zoe")]


@pytest.fixture(scope="module")
def page(rows, tmp_path_factory) -> BeautifulSoup:
    file: Path = tmp_path_factory.mktemp("results") / "class.html"
    write_class_page(rows, file, lambda name: f"student {len(name)}")
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


def test_names_students_only_as_they_are_to_be_shown(page):
    cells = [td.get_text() for td in page.find_all("table")[-1].find_all("td")]
    assert cells == ["student 2", "student 3", "100 %"]
    text = page.get_text()
    assert not re.search(r"\b(ada|bo|cy|zoe)\b", text)


def test_shows_text_and_never_markup(page):
    assert page.find("script") is None
    assert page.find("b") is None
    assert MARKUP in page.get_text()


def test_needs_nothing_from_elsewhere_and_reads_well_aloud(page):
    assert not page.find_all(src=True)
    assert not page.find_all(href=True)
    for table in page.find_all("table"):
        assert table.caption.get_text(strip=True)
        assert all(th.has_attr("scope") for th in table.find_all("th"))
        assert len({len(tr.find_all(["td", "th"])) for tr in table.find_all("tr")}) == 1
    assert all(svg["aria-hidden"] == "true" for svg in page.find_all("svg"))


def test_of_nobody_is_a_page_too(tmp_path):
    view = write_class_page([], tmp_path / "class.html")
    assert (view.students, view.sheets, view.pairs) == (0, [], [])
