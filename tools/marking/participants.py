"""Reads a platform's list of participants: Moodle's worksheet or Canvas' gradebook.

The list joins names with numbers, and says who handed in nothing. It is kept as it is,
row for row: what goes back to the platform is the same list with the grades filled in.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from dateutil.parser import parse, parserinfo

from marking.files import read_rows
from marking.reading import HandedIn

# "Participant 12345" in English; in German "Teilnehmer/in12345".
IDENTIFIER = re.compile(r"\D*[^\W\d]\D*?(\d+)")
HEADERS = {
    "name": ("full name", "vollständiger name"),
    "grade": ("grade", "bewertung"),
    "most": ("maximum grade", "bestwertung", "höchste bewertung"),
    "comment": ("feedback comments", "feedback als kommentar"),
    "handed_in": ("last modified (submission)", "zuletzt geändert (abgabe)"),
}
GERMAN_MONTHS = ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli")
GERMAN_MONTHS += ("August", "September", "Oktober", "November", "Dezember")
GERMAN_DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag")
GERMAN_DAYS += ("Samstag", "Sonntag")
# Other names by which a student may be known.
OTHER_NAMES = re.compile(r"id[- ]?(number|nummer)|e-?mail|matrikel|user ?name|anmelde")


class _Moments(parserinfo):
    """Moments as Moodle writes them, in English or in German."""

    MONTHS: ClassVar = [
        (*english, german)
        for english, german in zip(parserinfo.MONTHS, GERMAN_MONTHS, strict=True)
    ]
    WEEKDAYS: ClassVar = [
        (*english, german)
        for english, german in zip(parserinfo.WEEKDAYS, GERMAN_DAYS, strict=True)
    ]


@dataclass(frozen=True)
class Participant:
    """One student of a platform's list."""

    id: str
    # Empty where the list tells no names, or calls them in a language unknown here.
    name: str
    # Number of matriculation, address, login, and the name in another order.
    others: frozenset[str] = frozenset()
    handed_in: dt.datetime | None = None

    @property
    def names(self) -> frozenset[str]:
        return (self.others | {self.name, self.id}) - {""}


@dataclass(frozen=True)
class Participants:
    """A platform's list, and what stands in which column."""

    file: str
    platform: str
    rows: list[list[str]]
    columns: dict[str, int]
    people: dict[int, Participant] = field(default_factory=dict)

    @property
    def header(self) -> list[str]:
        return self.rows[0]


def read_participants(file: Path) -> Participants:
    """Read Moodle's grading worksheet or Canvas' gradebook."""
    rows = [row for row in read_rows(file) if any(cell.strip() for cell in row)]
    if not rows:
        raise ValueError(f"{file.name} is empty: download the list again")
    # Excel leaves out empty cells at the end.
    width = len(rows[0])
    rows = [row + [""] * (width - len(row)) for row in rows]
    if "Student" in rows[0][0] and "ID" in rows[0]:
        return _canvas(file, rows)
    return _moodle(file, rows)


def _canvas(file: Path, rows: list[list[str]]) -> Participants:
    header = rows[0]
    columns = {"id": header.index("ID"), "name": 0}
    others = [i for i, name in enumerate(header) if name.startswith("SIS ")]
    people = {
        number: Participant(
            row[columns["id"]].strip(), row[0].strip(), _others(row[0], row, others)
        )
        for number, row in enumerate(rows[1:], start=1)
        if row[columns["id"]].strip().isdecimal()
    }
    return Participants(file.name, "canvas", rows, columns, _told_apart(people))


def _moodle(file: Path, rows: list[list[str]]) -> Participants:
    header = [name.strip().casefold() for name in rows[0]]
    columns = {
        what: header.index(name)
        for what, names in HEADERS.items()
        for name in names
        if name in header
    }
    columns["id"] = _identifier_column(file, rows)
    # In every language, the maximum follows the grade.
    if "grade" not in columns:
        columns["grade"] = _grade_column(file, rows, columns)
    if columns["grade"] + 1 < len(header):
        columns.setdefault("most", columns["grade"] + 1)
    others = [i for i, name in enumerate(header) if OTHER_NAMES.search(name)]
    people = {}
    for number, row in enumerate(rows[1:], start=1):
        match = IDENTIFIER.fullmatch(row[columns["id"]].strip())
        if match is None:
            continue
        name = row[columns["name"]].strip() if "name" in columns else ""
        people[number] = Participant(
            match[1],
            name,
            _others(name, row, others),
            moment(row[columns["handed_in"]]) if "handed_in" in columns else None,
        )
    return Participants(file.name, "moodle", rows, columns, _told_apart(people))


def _told_apart(people: dict[int, Participant]) -> dict[int, Participant]:
    """Give those who share a name their number, too."""
    shared = Counter(same(person.name) for person in people.values())
    return {
        place: person
        if not person.name or shared[same(person.name)] == 1
        else replace(
            person,
            name=f"{person.name} ({person.id})",
            others=person.others | {person.name},
        )
        for place, person in people.items()
    }


def _identifier_column(file: Path, rows: list[list[str]]) -> int:
    """The first column with one word and a number in each row."""
    for column in range(len(rows[0])):
        cells = [row[column].strip() for row in rows[1:]]
        matches = [IDENTIFIER.fullmatch(cell) for cell in cells]
        words = {m[0].removesuffix(m[1]) for m in matches if m}
        if cells and all(matches) and len(words) == 1:
            return column
    raise ValueError(
        f"{file.name} is neither Moodle's grading worksheet nor Canvas' gradebook: it "
        "has no column like 'Participant 12345', and none called Student and ID. "
        "Download one of these from your platform"
    )


def _grade_column(file: Path, rows: list[list[str]], columns: dict[str, int]) -> int:
    """The column before that of the maximum, which says the same number in each row."""
    most = columns.get("most")
    for column in range(columns["id"] + 2, len(rows[0])):
        cells = {row[column].strip() for row in rows[1:]}
        if most is None and len(cells) == 1 and as_number(*cells):
            most = column
    if most is None:
        raise ValueError(
            f"{file.name} has no column that is called Grade or comes before the "
            "maximum: download Moodle's grading worksheet again"
        )
    return most - 1


def _others(name: str, row: list[str], columns: Iterable[int]) -> frozenset[str]:
    others = {row[i].strip() for i in columns}
    others |= {other.partition("@")[0] for other in others}
    last, comma, first = name.partition(",")
    if comma:
        others.add(f"{first} {last}")
    return frozenset(others - {""})


def as_number(text: str) -> float | None:
    """A number with a point or a comma, or None."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def moment(text: str) -> dt.datetime | None:
    """When something was handed in, in this computer's time zone; None if not told."""
    try:
        return dt.datetime.fromisoformat(text.strip()).astimezone()
    except ValueError:
        pass
    # Without the name of a month, 3/4/2026 may mean two days.
    if not re.search(r"[^\W\d]{3}", text):
        return None
    try:
        return parse(text, _Moments()).astimezone()
    except (ValueError, OverflowError):
        return None


def same(name: str) -> str:
    """A name without what people write in different ways."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def join(
    handed: list[HandedIn], listed: Participants
) -> tuple[list[HandedIn], list[str]]:
    """Give each file the name and the number of the list; say who isn't on it."""
    by_id = {person.id: person for person in listed.people.values()}
    by_name = defaultdict(set)
    for person in by_id.values():
        for name in person.names:
            by_name[same(name)].add(person)
    joined, problems = [], {}
    for one in handed:
        found = by_name[same(one.student)]
        if one.platform_id is not None:
            found = {by_id[one.platform_id]} if one.platform_id in by_id else set()
        if len(found) == 1:
            (person,) = found
            when = one.handed_in or person.handed_in
            name = person.name or one.student
            one = replace(one, student=name, platform_id=person.id, handed_in=when)
        else:
            why = "fits more than one line of" if found else "isn't in"
            problems[f"{one.student} {why} {listed.file}: no grade goes back"] = None
        joined.append(one)
    return joined, list(problems)
