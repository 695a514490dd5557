"""Keeps each result as soon as it is there: one line of JSON, only ever appended.

Tables and pages are made from these lines. The last line of a key counts. A line that
was cut off, as when the computer stopped, is as if it had never been begun.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from esa4_helpers.exercises import Question, questions
from marking.files import write_text

ROOT = Path(__file__).resolve().parents[2]
PATHS = re.compile(r"(?<![\w.)])/(?:[^\s/:'\"]+/)*([^\s/:'\"]+)")
LONGEST_TEXT, MOST_REMARKS, MOST_CODE = 500, 20, 200_000


@dataclass
class Result:
    """What became of one file."""

    key: str
    student: str
    sheet: int | None = None
    points: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    handed_in: str | None = None
    attempt: int = 1
    platform_id: str | None = None
    digest: dict[str, str | int] = field(default_factory=dict)
    code: list[str] = field(default_factory=list)

    @property
    def asked(self) -> dict[str, Question]:
        return questions(self.sheet) if self.sheet else {}

    def tidied(self) -> Result:
        """The same within bounds, and without what is nobody's business."""
        code, room = [], MOST_CODE
        for cell in self.code:
            if room <= 0:
                break
            code.append(printable(cell[:room], keep="\n\t"))
            room -= len(code[-1])
        tidy = {
            "student": _told_apart(self.student)[:LONGEST_TEXT],
            "told": {id: without_paths(text) for id, text in self.told.items()},
            "remarks": [without_paths(text) for text in self.remarks[:MOST_REMARKS]],
            "code": code,
        }
        return Result(**asdict(self) | tidy)


def key_of(path: Path, folder: Path) -> str:
    """What a file is called in the results, whatever bytes its name is made of."""
    name = path.relative_to(folder).as_posix().replace("\\", "\\\\")
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def printable(text: str, keep: str = "") -> str:
    """Text that any file and any page can hold."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c in keep else " " for c in text)


def _told_apart(name: str) -> str:
    """A printable name; of two that look alike without it, each keeps its own."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def without_paths(text: str) -> str:
    """Printable text in which of each path only the last name is left."""
    words = printable(text[: 10 * LONGEST_TEXT])
    return PATHS.sub(r"\1", words)[:LONGEST_TEXT]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other marking writes into a folder, and keep others waiting."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another marking writes to {folder}: waiting for its end.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Store:
    """The results in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.file = folder, folder / "results.jsonl"
        self.results = {r.key: r for line in self._lines() if (r := _result(line))}

    def _lines(self) -> list[bytes]:
        if not self.file.exists():
            return []
        text = self.file.read_bytes()
        if text and not text.endswith(b"\n"):
            self._write(b"\n")
        return text.splitlines()

    def append(self, result: Result) -> None:
        """Keep a result, for good before this returns."""
        self._write(json.dumps(asdict(result)).encode() + b"\n")
        self.results[result.key] = result

    def _write(self, line: bytes) -> None:
        handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.write(handle, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)

    def seed(self, wanted: int | None) -> int:
        """The secret seed: as wanted, or else that of the last marking, or a new one."""
        file = self.folder / "seed.txt"
        if wanted is None and file.exists():
            text = file.read_text(encoding="utf-8").strip()
            if not text.isdecimal():
                raise ValueError(
                    f"{file} should hold the secret seed of the last marking, a whole "
                    f"number, and holds {text[:20]!r}: write it there, or say SEED="
                )
            return int(text)
        seed = secrets.randbelow(10**9) if wanted is None else wanted
        write_text(file, f"{seed}\n")
        return seed


def _result(line: bytes) -> Result | None:
    try:
        return Result(**json.loads(line))
    except (ValueError, TypeError):
        return None
