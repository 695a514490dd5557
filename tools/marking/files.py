"""Writes files whole or not at all, and reads the tables that other programs write."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

TRIED = ("utf-8-sig", "cp1252", "latin-1")


@contextlib.contextmanager
def written_whole(file: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes its name only once all of it is written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as to:
            yield to
            to.flush()
            os.fsync(to.fileno())
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)


def write_text(file: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a text; what no encoding can hold becomes a question mark."""
    with written_whole(file) as stream:
        stream.write(text.encode(encoding, "replace"))


def write_rows(
    file: Path,
    rows: Iterable[Iterable[object]],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> None:
    """Write a table."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    write_text(file, text.getvalue(), encoding)


def read_rows(file: Path) -> list[list[str]]:
    """Read a table with commas, semicolons or tabs, as a platform or Excel wrote it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} can't be read: {error.strerror}") from error
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(f"{file.name} is no table (CSV): {error}") from error


def _decoded(content: bytes) -> str:
    # Excel's "Unicode text".
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    for encoding in TRIED:
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode(encoding)
    raise AssertionError("latin-1 reads all there is")
