"""Makes grades of results: with what people gave, what lateness costs, which counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from esa4_helpers.exercises import questions
from marking.deadlines import Deadlines, after_lateness, lateness
from marking.manual import Manual
from marking.reading import HandedIn

Row = dict[str, Any]


def grade(
    results: Iterable[Mapping[str, Any]],
    handed: Mapping[str, HandedIn],
    deadlines: Deadlines,
    manual: Manual,
) -> list[Row]:
    """Add to each result its total, what it is out of, and whether it counts.

    `handed` leads from a result's key to what was handed in. Results stay as they are:
    the same results, rules and gifts always make the same grades.
    """
    rows = [_begun(result) for result in results]
    _choose_newest(rows)
    rows += _only_by_hand(rows, manual)
    for row in rows:
        if row["sheet"]:
            _add_manual(row, manual)
            _add_total(row, handed.get(row["key"]), deadlines)
    return rows


def _begun(result: Mapping[str, Any]) -> Row:
    more = {"total": 0, "out_of": 0, "counts": True, "comments": {}}
    copied = {
        "points": dict(result["points"]),
        "told": dict(result["told"]),
        "remarks": list(result["remarks"]),
    }
    return {**result, **copied, **more}


def _choose_newest(rows: list[Row]) -> None:
    """Of one student's files for one sheet the newest counts."""
    of_sheet = defaultdict(list)
    for row in rows:
        if row["sheet"]:
            of_sheet[row["student"], row["sheet"]].append(row)
    for several in of_sheet.values():
        several.sort(key=lambda r: (r["attempt"], r["handed_in"] or "", r["key"]))
        for row in several[:-1]:
            row["counts"] = False
            row["remarks"].append(f"doesn't count: {several[-1]['key']} is newer")


def _only_by_hand(rows: list[Row], manual: Manual) -> list[Row]:
    """Rows of those who got points by hand for a sheet without a file."""
    there = {(row["student"], row["sheet"]) for row in rows}
    ids = {row["student"]: row["platform_id"] for row in rows}
    missing = {(who, int(asked.split(".")[0])) for who, asked in manual} - there
    return [
        {
            "key": "",
            "student": student,
            "sheet": sheet,
            "points": {},
            "told": {},
            "remarks": ["marked by hand only"],
            "seconds": 0.0,
            "handed_in": None,
            "attempt": 1,
            "platform_id": ids.get(student),
            "code": [],
            "total": 0,
            "out_of": 0,
            "counts": True,
            "comments": {},
        }
        for student, sheet in sorted(missing)
    ]


def _add_manual(row: Row, manual: Manual) -> None:
    for asked in (str(row["sheet"]), *questions(row["sheet"])):
        given = manual.get((row["student"], asked))
        if given is None or not row["counts"]:
            continue
        if given.points is not None:
            row["points"][asked] = given.points
        if given.comment:
            row["comments"][asked] = given.comment


def _add_total(row: Row, one: HandedIn | None, deadlines: Deadlines) -> None:
    row["out_of"] = sum(q.points for q in questions(row["sheet"]).values())
    reached = sum(row["points"].values())
    late = lateness(one, row["sheet"], deadlines) if one else None
    if late is None:
        row["total"] = reached
        return
    late_by, remark = late
    row["total"] = after_lateness(reached, late_by, deadlines.rule)
    if row["total"] != reached:
        remark += f", which costs {reached - row['total']:g} of {reached:g} points"
    row["remarks"].append(remark)
