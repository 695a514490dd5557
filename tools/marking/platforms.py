"""Reads from the names in a Moodle or Canvas download whose each file is.

Moodle: ``Full Name_12345_assignsubmission_file_/sheet.ipynb``, or the same without the
folder's slash; since version 4.1 the last underscore of a folder may be missing. Canvas:
``lovelaceada_LATE_4711_98765_sheet-1.ipynb``, where ``LATE``, and the number of the
attempt after the first, may be missing. Where names are hidden, Moodle writes
``Participant`` and Canvas ``anon``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from marking.reading import HandedIn, find_submissions, is_notebook
from marking.unpacking import unpack

MOODLE = re.compile(
    r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<rest>.*))?"
)
CANVAS = re.compile(
    r"(?:(?P<name>(?!(?:LATE_)?anon_).*?)_)?(?P<late>LATE_)?(?P<id>\d+|anon_\w+?)"
    r"_(?:(?P<upload>\d+)_(?P<rest>.+)|(?P<kind>text|link)\.html)",
    re.DOTALL,
)
ATTEMPT = re.compile(r"(?P<name>.+)-(?P<number>\d{1,3})")


@dataclass(frozen=True)
class _Named:
    """What the name of a file says; `upload` grows with time."""

    student: str
    id: str
    rest: str
    is_file: bool = True
    late: bool | None = None
    upload: int = 0


@dataclass(frozen=True)
class Download:
    """What was handed in, below a folder, and in a line each what is odd about it."""

    folder: Path
    handed: list[HandedIn]
    problems: list[str]


def from_zip(archive: Path, folder: Path) -> Download:
    """Unpack a zip into a folder, and read what is in it."""
    problems = unpack(archive, folder)
    found = from_folder(folder, archive.stem)
    if not found.handed:
        problems.append(f"{archive.name} holds no file")
    return replace(found, problems=problems + found.problems)


def from_folder(folder: Path, wrapped_as: str | None = None) -> Download:
    """What was handed in, by the platforms' names or else by our own."""
    folder = _unwrapped(folder, wrapped_as)
    found = find_submissions(folder)
    named = [_read_name(one.path.relative_to(folder)) for one in found]
    # One file called group_3_2026_sheet.ipynb among others doesn't come from Canvas.
    if 2 * sum(name is not None for name in named) <= len(named):
        named = [name if name and name.late is None else None for name in named]
    with_notebook = {
        name.id
        for one, name in zip(found, named, strict=True)
        if name and is_notebook(one.path)
    }
    problems, known = [], []
    for one, name in zip(found, named, strict=True):
        where = one.path.relative_to(folder).as_posix()
        if name is None:
            known.append((one, name))
            if any(named):
                problems.append(
                    f"{where!r} isn't named as the platform names files: "
                    f"taken for {one.student}'s"
                )
        elif name.is_file and name.id in with_notebook and not is_notebook(one.path):
            problems.append(f"{where!r} is no notebook: {name.student} has one besides")
        elif name.is_file:
            known.append((one, name))
        else:
            problems.append(f"{where!r} is a text of {name.student}'s, and no file")
    return Download(folder, _with_attempts(known), problems)


def _unwrapped(folder: Path, wrapped_as: str | None) -> Path:
    """The folder inside, where a computer has put all into one of the zip's name."""
    inside = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
    if len(inside) != 1 or inside[0].is_symlink() or not inside[0].is_dir():
        return folder
    names = [path.name for path in inside[0].iterdir()]
    is_download = any(MOODLE.fullmatch(n) or CANVAS.fullmatch(n) for n in names)
    if MOODLE.fullmatch(inside[0].name):
        return folder
    return inside[0] if is_download or inside[0].name == wrapped_as else folder


def _read_name(path: PurePath) -> _Named | None:
    first, *below = path.parts
    if match := MOODLE.fullmatch(first):
        student = match["name"].strip()
        if student == "Participant":
            student = f"Participant {match['id']}"
        rest = "/".join(below) or match["rest"] or ""
        return _Named(student, match["id"], rest, match["kind"] == "file")
    if any(MOODLE.fullmatch(part) for part in below):
        raise ValueError(
            f"{first!r} is a download in a folder of its own: mark one download at a "
            "time, each with its own RESULTS"
        )
    if not below and (match := CANVAS.fullmatch(first)):
        return _Named(
            match["name"] or match["id"],
            match["id"].removeprefix("anon_"),
            match["rest"] or first,
            match["kind"] is None,
            match["late"] is not None,
            int(match["upload"] or 0),
        )
    return None


def _with_attempts(
    known: Iterable[tuple[HandedIn, _Named | None]],
) -> list[HandedIn]:
    """Add what names say; two students of one name are told apart by their number."""
    known = list(known)
    ids = defaultdict(set)
    for one, name in known:
        ids[name.student if name else one.student].add(name.id if name else None)
    attempts = _attempts([name for _, name in known if name])
    handed = []
    for one, name in known:
        if name is None:
            handed.append(replace(one, handed_in=one.handed_in or _changed(one.path)))
            continue
        is_shared = len(ids[name.student]) > 1
        handed.append(
            replace(
                one,
                student=f"{name.student} ({name.id})" if is_shared else name.student,
                attempt=attempts[name],
                platform_id=name.id,
                late=name.late,
            )
        )
    return handed


def _changed(path: Path) -> dt.datetime | None:
    """When a file was changed; in a platform's zip that is when it was downloaded."""
    if path.is_dir():
        return None
    return dt.datetime.fromtimestamp(path.lstat().st_mtime, dt.UTC)


def _attempts(names: list[_Named]) -> dict[_Named, int]:
    """Number the uploads of one file; Canvas writes -1 after the first that came again."""

    def parts(name: _Named) -> tuple[str, int]:
        path = PurePath(name.rest)
        match = ATTEMPT.fullmatch(path.stem) if name.late is not None else None
        if match is None:
            return name.rest, 0
        return str(path.with_stem(match["name"])), int(match["number"])

    uploads = defaultdict(list)
    for name in names:
        file, number = parts(name)
        uploads[name.id, file].append((number, name.upload, name))
    attempts = {}
    for of_one in uploads.values():
        attempt = 0
        for number, _, name in sorted(of_one, key=lambda upload: upload[:2]):
            attempt = max(number + 1, attempt + 1)
            attempts[name] = attempt
    return attempts
