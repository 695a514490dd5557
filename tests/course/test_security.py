"""What SECURITY.md and the guide promise about marking is what the code does."""

from __future__ import annotations

from pathlib import Path

from marking.sandbox import MOST_THREADS, Limits

ROOT = Path(__file__).resolve().parents[2]


def words(file: str) -> str:
    return " ".join((ROOT / file).read_text("utf-8").split())


def test_the_limits_are_those_that_are_promised():
    limits = Limits()
    disk = f"{limits.disk / 2**30:g} GiB on the disk"
    assert (
        f"{limits.seconds:g} s of computing and {limits.memory / 2**30:g} GiB of memory, "
        f"unless you say otherwise, {disk}, and {MOST_THREADS} threads"
    ) in words("SECURITY.md")
    assert disk in words("book/exercises/guide.md")


def test_both_name_the_same_fences_and_gaps():
    for said in (
        "Landlock",
        "Linux 5.13 or newer",
        "seccomp",
        "UNSAFE=1",
        "whether a file with a given name exists",
        "x86-64",
    ):
        for file in ("SECURITY.md", "book/exercises/guide.md"):
            assert said in words(file), (said, file)
