"""Until when whom a sheet is due, who was late by how much, and what that costs."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marking.participants import same
from marking.reading import HandedIn

ROOT = Path(__file__).resolve().parents[2]
DEADLINES = ROOT / "exercises" / "deadlines.toml"
NAMES = tuple(sorted(file.stem for file in (ROOT / "exercises").glob("sheet*_*.py")))
PERIODS = {"hour": dt.timedelta(hours=1), "day": dt.timedelta(days=1)}
RULE = {"points", "per_cent", "per", "at_most", "grace_minutes"}


@dataclass(frozen=True)
class LateRule:
    """What each started hour or day costs, once the time of grace is over."""

    off: float
    per: dt.timedelta
    # Whether `off` and `at_most` are per cent of the points that were reached.
    in_per_cent: bool = False
    at_most: float = math.inf
    grace: dt.timedelta = dt.timedelta(0)


@dataclass(frozen=True)
class Deadlines:
    """What deadlines.toml says."""

    moments: Mapping[str, dt.datetime] = field(default_factory=dict)
    extensions: Mapping[str, Mapping[str, dt.datetime]] = field(default_factory=dict)
    rule: LateRule | None = None

    def of(self, one: HandedIn, sheet: int) -> dt.datetime | None:
        """Until when a student may hand in a sheet."""
        mine = {same(one.student), same(one.platform_id or one.student)}
        name = next((n for n in self.moments if n.startswith(f"sheet{sheet}_")), None)
        longer = [
            moments[name]
            for student, moments in self.extensions.items()
            if same(student) in mine and name in moments
        ]
        return max(longer, default=self.moments.get(name))

    def unknown(self, handed: Iterable[HandedIn]) -> list[str]:
        """Say whose extension is nobody's, as a name may be misspelt."""
        known = {same(n) for one in handed for n in (one.student, one.platform_id) if n}
        return [
            f"an extension is for {student!r}, of whom nothing was handed in"
            for student in self.extensions
            if same(student) not in known
        ]


def after_lateness(
    points: float, late_by: dt.timedelta, rule: LateRule | None
) -> float:
    """Take off what lateness costs; never below 0, and never more than the rule's most.

    >>> rule = LateRule(off=1, per=dt.timedelta(days=1), at_most=2)
    >>> after_lateness(8, dt.timedelta(hours=25), rule)
    6
    """
    if rule is None or late_by <= max(rule.grace, dt.timedelta(0)) or points <= 0:
        return points
    off = min(math.ceil(late_by / rule.per) * rule.off, rule.at_most)
    lost = points * off / 100 if rule.in_per_cent else off
    return max(0, round(points - lost, 2))


def lateness(
    one: HandedIn, sheet: int, deadlines: Deadlines
) -> tuple[dt.timedelta, str] | None:
    """By how much a file is late, and how to say so; None if it isn't."""
    deadline = deadlines.of(one, sheet)
    if deadline and one.handed_in:
        late_by = one.handed_in - deadline
        if late_by <= dt.timedelta(0):
            return None
        shown = dt.timedelta(minutes=late_by // dt.timedelta(minutes=1))
        return late_by, f"late by {shown} (days, h:min:s)"
    if one.late:
        return dt.timedelta(0), (
            "late, says the platform, but not by how much: no points are taken off"
        )
    return None


def read_deadlines(file: Path = DEADLINES) -> Deadlines:
    """Read deadlines.toml; whatever may be a slip is an error."""
    if not file.exists():
        return Deadlines()
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{file.name} can't be read as TOML: {error}. Each line should be like "
            "sheet1_dataset = 2026-12-01T23:59:00+01:00"
        ) from error
    _demand_known(file, "table", table, {"deadlines", "extensions", "late"})
    for name in table:
        _demand_table(file, name, table[name])
    moments = _moments(file, "deadlines", table.get("deadlines", {}))
    extensions = {
        student: _moments(file, f"extensions.{student!r}", given)
        for student, given in table.get("extensions", {}).items()
    }
    for student, given in extensions.items():
        for name, moment in given.items():
            if name not in moments or moment < moments[name]:
                raise ValueError(
                    f"{file.name}: the extension of {student!r} for {name} ends before "
                    "the deadline, or there is no deadline for that sheet"
                )
    return Deadlines(moments, extensions, _rule(file, table.get("late")))


def _demand_table(file: Path, name: str, table: Any) -> None:
    if not isinstance(table, dict):
        raise ValueError(f"{file.name}: write [{name}] on a line of its own")


def _demand_known(
    file: Path, what: str, found: Iterable[str], known: Iterable[str]
) -> None:
    for name in found:
        if name not in known:
            raise ValueError(
                f"{file.name}: there is no {what} {name!r}; expected "
                f"{', '.join(sorted(known))}"
            )


def _moments(file: Path, where: str, table: Any) -> dict[str, dt.datetime]:
    _demand_table(file, where, table)
    _demand_known(file, "sheet", table, NAMES)
    for name, moment in table.items():
        if not isinstance(moment, dt.datetime) or moment.tzinfo is None:
            raise ValueError(
                f"{file.name}: {name} in [{where}] should be a moment with its time "
                f"zone, such as 2026-12-01T23:59:00+01:00, and is {moment}"
            )
    return table


def _rule(file: Path, table: Mapping[str, Any] | None) -> LateRule | None:
    if table is None:
        return None
    _demand_known(file, "setting in [late]", table, RULE)
    if len({"points", "per_cent"} & set(table)) != 1:
        raise ValueError(f"{file.name}: [late] needs either points or per_cent")
    if table.get("per") not in PERIODS:
        raise ValueError(
            f'{file.name}: [late] needs per = "hour" or per = "day", and has '
            f"{table.get('per')!r}"
        )
    for name in set(table) - {"per"}:
        value = table[name]
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise ValueError(
                f"{file.name}: {name} in [late] should be a number of 0 or more, and is "
                f"{value!r}"
            )
    in_per_cent = "per_cent" in table
    return LateRule(
        table["per_cent" if in_per_cent else "points"],
        PERIODS[table["per"]],
        in_per_cent,
        min(table.get("at_most", math.inf), 100 if in_per_cent else math.inf),
        dt.timedelta(minutes=table.get("grace_minutes", 0)),
    )
