"""Deadlines, extensions, and what lateness costs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from marking.deadlines import (
    Deadlines,
    LateRule,
    after_lateness,
    lateness,
    read_deadlines,
)
from marking.reading import HandedIn

NOON = dt.datetime(2026, 12, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
WEEK_FOR_ADA = Deadlines(
    {"sheet1_dataset": NOON, "sheet2_features": NOON},
    {"Ada Lovelace": {"sheet1_dataset": NOON + 7 * DAY}},
)
HEAD = "[deadlines]\nsheet1_dataset = 2026-12-01T12:00:00Z\n"


@pytest.fixture
def ada(tmp_path) -> HandedIn:
    """A file of Ada's, handed in an hour and a half late."""
    file = tmp_path / "x.ipynb"
    file.write_text("x")
    return HandedIn("Ada Lovelace", file, NOON + 1.5 * HOUR)


class TestAfterLateness:
    @pytest.mark.parametrize(
        ("late_by", "left"),
        [
            (-DAY, 8),
            (dt.timedelta(0), 8),
            (dt.timedelta(seconds=1), 7),
            (DAY, 7),
            (DAY + HOUR, 6),
            (30 * DAY, 5),
        ],
    )
    def test_each_started_day_costs_points_up_to_a_most(self, late_by, left):
        assert after_lateness(8, late_by, LateRule(1, DAY, at_most=3)) == left

    @pytest.mark.parametrize(("hours", "left"), [(1, 7.2), (2, 6.4), (3, 6), (99, 6)])
    def test_per_cent_are_of_the_points_reached(self, hours, left):
        rule = LateRule(10, HOUR, in_per_cent=True, at_most=25)
        assert after_lateness(8, hours * HOUR, rule) == left

    def test_grace_is_no_extension(self):
        rule = LateRule(1, HOUR, grace=HOUR / 4)
        assert after_lateness(8, HOUR / 4, rule) == 8
        assert after_lateness(8, HOUR / 3, rule) == 7
        assert after_lateness(8, HOUR + HOUR / 8, rule) == 6

    def test_never_leads_below_zero_and_never_adds(self):
        assert after_lateness(2, 9 * DAY, LateRule(1, DAY)) == 0
        assert after_lateness(0, 9 * DAY, LateRule(50, DAY, in_per_cent=True)) == 0
        assert after_lateness(-1, 9 * DAY, LateRule(1, DAY)) == -1

    def test_costs_nothing_without_a_rule(self):
        assert after_lateness(8, 9 * DAY, None) == 8


class TestLateness:
    def test_is_told_by_the_moment_of_the_platform(self, ada):
        late_by, remark = lateness(ada, 2, WEEK_FOR_ADA)
        assert late_by == 1.5 * HOUR
        assert remark == "late by 1:30:00 (days, h:min:s)"

    def test_respects_an_extension_by_name_in_any_case_or_by_number(self, ada):
        assert lateness(ada, 1, WEEK_FOR_ADA) is None
        assert (
            lateness(replace(ada, student=" ADA  lovelace "), 1, WEEK_FOR_ADA) is None
        )
        assert lateness(replace(ada, student="bo"), 1, WEEK_FOR_ADA) is not None
        later = {"17": {"sheet1_dataset": NOON + 7 * DAY}}
        by_number = replace(WEEK_FOR_ADA, extensions=later)
        assert lateness(replace(ada, platform_id="17"), 1, by_number) is None
        both = replace(
            by_number, extensions=later | {"ada lovelace": by_number.moments}
        )
        assert lateness(replace(ada, platform_id="17"), 1, both) is None

    def test_may_be_known_to_the_platform_only(self, ada):
        one = replace(ada, handed_in=None, platform_id="3")
        assert lateness(one, 2, WEEK_FOR_ADA) is None
        late_by, remark = lateness(replace(one, late=True), 2, WEEK_FOR_ADA)
        assert late_by == dt.timedelta(0)
        assert remark.startswith("late, says the platform, but not by how much")

    def test_needs_a_deadline(self, ada):
        assert lateness(ada, 3, WEEK_FOR_ADA) is None


class TestFile:
    def test_says_deadlines_extensions_and_a_rule(self, tmp_path):
        (tmp_path / "d.toml").write_text(
            HEAD + '[extensions."Ada"]\nsheet1_dataset = 2026-12-08T12:00:00Z\n'
            '[late]\nper_cent = 10\nper = "hour"\ngrace_minutes = 15\n'
        )
        found = read_deadlines(tmp_path / "d.toml")
        assert found.moments == {"sheet1_dataset": NOON}
        assert found.extensions == {"Ada": {"sheet1_dataset": NOON + 7 * DAY}}
        assert found.rule == LateRule(10, HOUR, True, 100, HOUR / 4)
        assert found.unknown([HandedIn("ada", tmp_path)]) == []
        assert found.unknown([]) == [
            "an extension is for 'Ada', of whom nothing was handed in"
        ]

    def test_may_be_missing_or_say_nothing(self, tmp_path):
        assert read_deadlines(tmp_path / "none.toml") == Deadlines()
        assert read_deadlines() == Deadlines()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("sheet1 = ", "can't be read as TOML"),
            ("[deadline]\n", "no table 'deadline'; expected deadlines, ext"),
            ('[late]\npoints = 1\nper = ["day"]', r"has \['day'\]"),
            ("deadlines = 3\n", r"write \[deadlines\] on a line"),
            (
                "[deadlines]\nsheet1_datset = 2026-12-01T12:00:00Z",
                "no sheet 'sheet1_dats",
            ),
            ("[deadlines]\nsheet1_dataset = 2026-12-01T12:00:00", "with its time zone"),
            (HEAD + "[extensions]\nada = 3", "write .*ada.* on a line of its own"),
            (
                HEAD + "[extensions.ada]\nsheet1_dataset = 2026-11-01T12:00:00Z",
                "before",
            ),
            (
                HEAD + "[extensions.ada]\nsheet2_features = 2026-12-09T12:00:00Z",
                "no dead",
            ),
            (HEAD + '[late]\nper = "day"', "either points or per_cent"),
            (HEAD + "[late]\npoints = 1", 'per = "hour" or per = "day", and has None'),
            (HEAD + '[late]\npoints = -1\nper = "day"', "a number of 0 or more"),
            (HEAD + '[late]\npoints = nan\nper = "day"', "a number of 0 or more"),
            (HEAD + '[late]\npoints = 1\nper = "day"\nmost = 3', "no setting in"),
        ],
    )
    def test_with_a_slip_is_refused(self, tmp_path, text, message):
        (tmp_path / "d.toml").write_text(text)
        with pytest.raises(ValueError, match=f"d.toml.*{message}"):
            read_deadlines(tmp_path / "d.toml")
