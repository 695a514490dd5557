"""Finds and reads what was handed in: whose it is, which sheet, and whether in time."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esa4_helpers.exercises import SHEETS

EXERCISES = Path(__file__).resolve().parents[2] / "exercises"
LARGEST_FILE = 100 * 2**20


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

    @property
    def moment(self) -> dt.datetime:
        """When it was handed in, or else when the file was last changed."""
        changed = dt.datetime.fromtimestamp(self.path.lstat().st_mtime, dt.UTC)
        return self.handed_in or changed


def find_submissions(folder: Path) -> list[HandedIn]:
    """Students and their files: student/file, student__file or student.ipynb."""
    found = []
    paths = sorted(folder.rglob("*"))
    with_notebook = {p.relative_to(folder).parts[0] for p in paths if is_notebook(p)}
    for path in paths:
        parts = path.relative_to(folder).parts
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        if path.is_dir() and not path.is_symlink():
            # A folder without a file is a student who handed in nothing.
            if len(parts) == 1 and not any(p.is_file() for p in path.rglob("*")):
                found.append(HandedIn(path.name, path))
            continue
        if len(parts) > 1 and not is_notebook(path) and parts[0] in with_notebook:
            continue
        student = parts[0] if len(parts) > 1 else path.stem.split("__")[0]
        found.append(HandedIn(student, path))
    return found


def is_notebook(path: Path) -> bool:
    """Whether a file's name says that it is a notebook, as in "x.ipynb.txt"."""
    return ".ipynb" in [suffix.lower() for suffix in path.suffixes]


def beside(path: Path, folder: Path) -> list[Path]:
    """The files that lie in a student's folder with a notebook, such as recordings."""
    own = path.relative_to(folder).parts[0]
    if path.parent == folder or path.is_dir():
        return []
    return [
        other
        for other in sorted((folder / own).rglob("*"))
        if other != path and not is_notebook(other)
        if other.is_file() and not other.is_symlink()
    ]


def read_cells(path: Path) -> tuple[list[str], dict[str, Any]]:
    """The code cells and the metadata of a notebook, however damaged."""
    _demand_notebook_file(path)
    data = _unzipped(path) if path.suffix.lower() == ".zip" else path.read_bytes()
    try:
        document = json.loads(_as_text(data))
    except (ValueError, RecursionError) as error:
        raise Unmarkable("is no notebook, or a damaged one: it is no JSON") from error
    cells = _cells(document) if isinstance(document, dict) else None
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


def _as_text(data: bytes) -> str:
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name
                for name in archive.namelist()
                if name.lower().endswith(".ipynb") and "__MACOSX" not in name
            ]
            if len(names) != 1:
                raise Unmarkable(
                    f"is a zip with {len(names)} notebooks: hand in the one .ipynb file"
                )
            with archive.open(names[0]) as stream:
                data = stream.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise Unmarkable("is a damaged zip: hand in the .ipynb file") from error
    _demand_size(len(data))
    return data


def _cells(document: dict[str, Any]) -> Any:
    """The cells of a notebook, also of one in the format of before 2015."""
    sheets = document.get("worksheets")
    if "cells" in document or not isinstance(sheets, list):
        return document.get("cells")
    found = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [cell for cells in found if isinstance(cells, list) for cell in cells]


def _demand_notebook_file(path: Path) -> None:
    if path.is_symlink():
        raise Unmarkable("is a link and no file of its own")
    if not path.is_file():
        raise Unmarkable("nothing was handed in")
    size = path.stat().st_size
    if size == 0:
        raise Unmarkable("the file is empty")
    if not is_notebook(path) and path.suffix.lower() != ".zip":
        raise Unmarkable("is no notebook: hand in the .ipynb file")
    _demand_size(size)


def _demand_size(size: int) -> None:
    if size > LARGEST_FILE:
        raise Unmarkable(
            f"is too large to be a sheet (above {LARGEST_FILE // 2**20} MiB): clear "
            "the outputs"
        )


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", cell.get("input", ""))
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


def other_sheets(sheet: int, cells: list[str]) -> list[int]:
    """Other sheets of which a notebook calls several checks, too."""
    found = Counter(
        int(number)
        for number, _ in set(
            re.findall(r"check\(\s*[\"'](\d+)\.(\d)", "\n".join(cells))
        )
    )
    return sorted(n for n in SHEETS if n != sheet and found[n] > 1)
