"""Grades made of results: by hand, late, and of which attempt."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from marking.deadlines import Deadlines, LateRule
from marking.grading import grade
from marking.manual import Given
from marking.reading import HandedIn
from submissions import ALL

NOON = dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DEADLINES = Deadlines({"sheet1_dataset": NOON}, {}, LateRule(1, DAY))


def result(student: str = "ada", **more: object) -> dict:
    made = {"key": f"{student}/x.ipynb", "student": student, "sheet": 1}
    made |= {"points": {"1.1": 1, "1.2": 2, "1.3": 0}, "told": {"1.1": "right"}}
    made |= {"remarks": [], "seconds": 2.0, "handed_in": None, "attempt": 1}
    return made | {"platform_id": "7", "code": []} | more


def test_the_total_is_what_the_questions_got():
    (row,) = grade([result()], {}, DEADLINES, {})
    assert (row.total, row.out_of, row.counts) == (3, ALL, True)


def test_by_hand_a_question_is_replaced_and_a_sheet_is_added():
    manual = {
        ("ada", "1.2"): Given(1.5, "half"),
        ("ada", "1"): Given(2, "well said"),
        ("ada", "1.1"): Given(None, "only a word"),
    }
    (row,) = grade([result()], {}, DEADLINES, manual)
    assert row.total == 1 + 1.5 + 0 + 2
    assert row.comments == {"1": "well said", "1.1": "only a word", "1.2": "half"}


def test_results_stay_as_they_are_so_that_grades_are_always_the_same():
    results = [result(), result(attempt=2)]
    manual = {("ada", "1"): Given(2, "")}
    once = grade(results, {}, DEADLINES, manual)
    assert results == [result(), result(attempt=2)]
    assert grade(results, {}, DEADLINES, manual) == once


def test_lateness_is_taken_off_and_said():
    one = HandedIn("ada", Path("x"), NOON + 1.5 * DAY)
    (row,) = grade([result()], {"ada/x.ipynb": one}, DEADLINES, {})
    assert row.total == 1
    assert row.remarks == [
        "late by 1 day, 12:00:00 (days, h:min:s), which costs 2 of 3 points"
    ]


def test_the_newest_attempt_counts_and_alone_gets_what_was_given():
    results = [
        result(key="c", attempt=10),
        result(key="a", attempt=9),
        result(key="b", sheet=2, points={}, told={}),
        result("bo"),
    ]
    rows = grade(results, {}, DEADLINES, {("ada", "1"): Given(1, "")})
    assert [row.counts for row in rows] == [True, False, True, True]
    assert [row.total for row in rows] == [4, 3, 0, 3]
    assert rows[1].remarks == ["doesn't count: a newer one was handed in"]


def test_of_two_files_of_the_same_moment_the_better_one_counts():
    good, worse = grade(
        [result(key="a"), result(key="b", points={"1.1": 1})], {}, DEADLINES, {}
    )
    assert (good.counts, worse.counts) == (True, False)
    assert worse.remarks == [
        "doesn't count: another one, at least as good, was handed in"
    ]


def test_who_handed_in_nothing_can_be_marked_by_hand():
    nothing = result(sheet=None, points={}, told={}, remarks=["nothing was handed in"])
    rows = grade([nothing], {}, DEADLINES, {("ada", "6"): Given(2, "by talk")})
    assert [(row.sheet, row.total) for row in rows] == [(None, 0), (6, 2)]
    assert rows[1].platform_id == "7"
    assert rows[1].remarks == ["marked by hand only"]
