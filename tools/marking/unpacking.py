"""Unpacks a platform's zip without trusting a name or a size in it."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from pathlib import Path

# Only a folder with this file in it is ever replaced.
MARK = ".unpacked"
MOST_FILES = 20_000
LARGEST_FILE = 200 * 2**20
LARGEST_TOTAL = 8 * 2**30
# File systems allow 255 bytes; a number for duplicates is to fit in, too.
LONGEST_NAME = 240
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
DAMAGED += (OSError, ValueError)


def unpack(archive: Path, folder: Path) -> list[str]:
    """Unpack into a folder in place of what was there; say what can't be had.

    A file that can't be had leaves a note in its place, so that its student isn't lost.
    """
    if folder.exists() and not (folder / MARK).exists():
        raise ValueError(
            f"{folder} is to hold what is unpacked, and holds something else: move that "
            "away, or name another folder for the results"
        )
    new = folder.with_name(f".{folder.name}.new")
    # There may be one from a time when the computer stopped.
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True, mode=0o700)
    try:
        with _opened(archive) as opened:
            problems = _unpack_all(opened, new)
        (new / MARK).touch()
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return problems


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ValueError(
            f"{archive.name} can't be read as a zip ({error}): download it again"
        ) from error
    found = opened.infolist()
    total = sum(info.file_size for info in found)
    for name, number, most in (
        ("files", len(found), MOST_FILES),
        ("bytes", total, LARGEST_TOTAL),
    ):
        if number > most:
            opened.close()
            raise ValueError(
                f"{archive.name} holds {number} {name}, and at most {most} are "
                "unpacked: look at what is in it, and split it or hand on a folder"
            )
    return opened


def _unpack_all(archive: zipfile.ZipFile, folder: Path) -> list[str]:
    problems = []
    taken: set[str] = set()
    for info in archive.infolist():
        name = _name_of(info)
        parts = safe_parts(name)
        if parts is None:
            problems.append(f"{name!r} leads out of the zip: left out")
        elif parts and not info.is_dir():
            file = _free(folder.joinpath(*parts), taken)
            problem = _unpack_one(archive, info, file)
            if problem:
                problems.append(f"{'/'.join(parts)!r} {problem}")
    return problems


def _name_of(info: zipfile.ZipInfo) -> str:
    """The name in Unicode; not all programs say that they have written UTF-8."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name)


def safe_parts(name: str) -> list[str] | None:
    """Cut a name into parts that can be made anywhere; None if it leads elsewhere."""
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in parts:
        return None
    # What a computer hides or adds of its own is nobody's work.
    if any(part.startswith((".", "__MACOSX")) for part in parts):
        return []
    return [_shortened(re.sub(r"[\x00-\x1f\x7f]", "_", part)) for part in parts]


def _shortened(part: str) -> str:
    stem, dot, suffix = part.rpartition(".")
    ending = dot + suffix if stem and len(suffix) <= 8 else ""
    kept = part.removesuffix(ending).encode("utf-8", "replace")
    kept = kept[: LONGEST_NAME - len(ending.encode("utf-8", "replace"))]
    return kept.decode("utf-8", "ignore") + ending


def _free(file: Path, taken: set[str]) -> Path:
    """A name that no other file has, on computers that ignore case, too."""
    wanted, number = file, 1
    while str(file).casefold() in taken:
        number += 1
        file = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
    taken.add(str(file).casefold())
    return file


def _unpack_one(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: Path
) -> str | None:
    """Write one file, or a note why not."""
    problem = _reason_against(info)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if problem is None:
            with archive.open(info) as source, file.open("xb") as target:
                shutil.copyfileobj(source, target)
            _keep_time(info, file)
            return None
    except DAMAGED as error:
        problem = f"can't be unpacked ({error})"
    with contextlib.suppress(OSError):
        file.write_text(f"This file {problem}.\n", encoding="utf-8")
    return problem


def _reason_against(info: zipfile.ZipInfo) -> str | None:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link and no file of its own"
    if info.flag_bits & 0x1:
        return "is protected by a password"
    if info.file_size > LARGEST_FILE:
        return (
            f"is too large ({info.file_size / 2**20:.0f} MiB, at most "
            f"{LARGEST_FILE // 2**20} are unpacked)"
        )
    return None


def _keep_time(info: zipfile.ZipInfo, file: Path) -> None:
    # A zip may hold a time that never was, such as month 0.
    with contextlib.suppress(ValueError, OverflowError, OSError):
        seconds = dt.datetime(*info.date_time).timestamp()
        os.utime(file, (seconds, seconds))
