"""Finds and reads what was handed in: whose it is, which sheet, and whether in time."""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esa4_helpers.exercises import SHEETS

DEADLINES = Path(__file__).resolve().parents[2] / "exercises" / "deadlines.toml"
LARGEST_FILE = 20 * 2**20


class Unmarkable(Exception):
    """A file that can't be marked; the message says why."""


@dataclass(frozen=True)
class HandedIn:
    """One file that was handed in, and what a learning platform says of it."""

    student: str
    path: Path
    # None where only the file's own time is known.
    handed_in: dt.datetime | None = None
    attempt: int = 1
    platform_id: str | None = None
    late: bool | None = None


def find_submissions(folder: Path) -> list[HandedIn]:
    """Students and their files: student/file, student__file or student.ipynb."""
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        if path.is_dir() and not path.is_symlink():
            # A folder without a file is a student who handed in nothing.
            if len(parts) == 1 and not any(p.is_file() for p in path.rglob("*")):
                found.append(HandedIn(path.name, path))
            continue
        student = parts[0] if len(parts) > 1 else path.stem.split("__")[0]
        found.append(HandedIn(student, path))
    return found


def read_cells(path: Path) -> tuple[list[str], dict[str, Any]]:
    """The code cells and the metadata of a notebook, however damaged."""
    _demand_notebook_file(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unmarkable("is no notebook, or a damaged one: it is no JSON") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise Unmarkable("is no notebook: it has no list of cells")
    code = [
        _source(cell)
        for cell in cells
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    ]
    if not any(source.strip() for source in code):
        raise Unmarkable("holds no code: all its cells are lost or empty")
    metadata = document.get("metadata")
    return code, metadata if isinstance(metadata, dict) else {}


def _demand_notebook_file(path: Path) -> None:
    if path.is_symlink():
        raise Unmarkable("is a link and no file of its own")
    if not path.is_file():
        raise Unmarkable("nothing was handed in")
    size = path.stat().st_size
    if size == 0:
        raise Unmarkable("the file is empty")
    if path.suffix.lower() != ".ipynb":
        raise Unmarkable("is no notebook: hand in the .ipynb file")
    if size > LARGEST_FILE:
        raise Unmarkable(
            f"is too large to be a sheet ({size / 2**20:.0f} MiB, at most "
            f"{LARGEST_FILE // 2**20} are read): clear the outputs"
        )


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    parts = source if isinstance(source, list) else [source]
    return "".join(part for part in parts if isinstance(part, str))


def which_sheet(path: Path, cells: list[str], metadata: Mapping[str, Any]) -> int:
    """Tell the sheet by its checks, its clips, its metadata or the file's name."""
    code = "\n".join(cells)
    named = metadata.get("esa4")
    named = str(named.get("sheet", "")) if isinstance(named, dict) else ""
    for found in (
        re.findall(r"check\(\s*[\"'](\d+)\.\d", code),
        re.findall(r"exercise_clips\(\s*(\d+)", code),
        re.findall(r"sheet(\d+)", named),
        re.findall(r"sheet[ _-]?(\d+)", path.name.lower()),
    ):
        for number, _ in Counter(found).most_common():
            if int(number) in SHEETS:
                return int(number)
    raise Unmarkable("can't tell which sheet this is: all its checks are gone")


def read_deadlines(file: Path = DEADLINES) -> dict[str, dt.datetime]:
    """Until when each sheet is to be handed in, for those that have a deadline."""
    if not file.exists():
        return {}
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("deadlines", {})
    except tomllib.TOMLDecodeError as error:
        raise ValueError(
            f"{file.name} can't be read as TOML: {error}. Each line should be like "
            "sheet1_dataset = 2026-12-01T23:59:00+01:00"
        ) from error
    for name, moment in table.items():
        if not isinstance(moment, dt.datetime) or moment.tzinfo is None:
            raise ValueError(
                f"{file.name}: {name} should be a moment with its time zone, such "
                f"as 2026-12-01T23:59:00+01:00, and is {moment}"
            )
    return table


def lateness(
    path: Path, sheet: int, deadlines: Mapping[str, dt.datetime]
) -> str | None:
    """Say by how much a file is newer than its sheet's deadline."""
    for name, moment in deadlines.items():
        handed_in = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        if name.startswith(f"sheet{sheet}_") and handed_in > moment:
            late = dt.timedelta(minutes=(handed_in - moment) // dt.timedelta(minutes=1))
            return f"late by {late} (days, h:min:s)"
    return None
