"""Unpacking what strangers have packed."""

from __future__ import annotations

import datetime as dt
import stat
import zipfile
from pathlib import Path

import pytest
from marking import unpacking
from marking.unpacking import MARK, unpack


class WithoutFlag(zipfile.ZipInfo):
    """An entry whose name is in UTF-8, as some programs write it, without saying so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode(), self.flag_bits


def packed(file: Path, *entries: tuple[str | zipfile.ZipInfo, str | bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file


def unpacked(tmp_path: Path, *entries: tuple) -> tuple[dict[str, bytes], list[str]]:
    """What came out of a zip, by name, and what was said."""
    folder = tmp_path / "results" / "out"
    problems = unpack(packed(tmp_path / "a.zip", *entries), folder)
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != MARK
    }, problems


@pytest.mark.parametrize(
    "name", ["../up.ipynb", "a/../../up.ipynb", "/etc/up", "C:\\up", "a\\..\\..\\up"]
)
def test_nothing_leaves_the_folder(tmp_path, name):
    files, (problem,) = unpacked(tmp_path, (name, "bad"), ("ada/x.ipynb", "good"))
    assert files == {"ada/x.ipynb": b"good"}
    assert "leads out of the zip" in problem
    assert not list(tmp_path.rglob("up*"))


def test_a_link_is_not_made_but_named(tmp_path):
    link = zipfile.ZipInfo("ada/x.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    files, problems = unpacked(tmp_path, (link, "/etc/passwd"))
    assert problems == ["'ada/x.ipynb' is a link and no file of its own"]
    assert files["ada/x.ipynb"] == b"This file is a link and no file of its own.\n"


def test_a_file_that_grows_too_large_is_not_written_but_named(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "LARGEST_FILE", 2**20)
    files, (problem,) = unpacked(
        tmp_path, ("ada/x.ipynb", bytes(3 * 2**20)), ("bo/x.ipynb", "fine")
    )
    assert problem == "'ada/x.ipynb' is too large (3 MiB, at most 1 are unpacked)"
    assert files["bo/x.ipynb"] == b"fine"
    assert len(files["ada/x.ipynb"]) < 100


@pytest.mark.parametrize(
    ("limit", "what"), [("MOST_FILES", "2 files"), ("LARGEST_TOTAL", "8 bytes")]
)
def test_too_much_is_refused_and_leaves_what_was_there(
    tmp_path, monkeypatch, limit, what
):
    unpacked(tmp_path, ("old", "x"))
    monkeypatch.setattr(unpacking, limit, 1)
    with pytest.raises(ValueError, match=f"a.zip holds {what}, and at most 1"):
        unpacked(tmp_path, ("a", "1234"), ("b", "1234"))
    left = sorted(file.name for file in (tmp_path / "results").rglob("*"))
    assert left == [MARK, "old", "out"]


def test_names_that_differ_in_nothing_but_case_stay_apart(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        files, _ = unpacked(
            tmp_path, ("a/x.ipynb", "1"), ("a/x.ipynb", "2"), ("A/X.ipynb", "3")
        )
    assert sorted(files.values()) == [b"1", b"2", b"3"]
    assert "a/x (2).ipynb" in files


def test_names_in_other_codes_too_long_or_odd_become_ones_that_can_be_read(tmp_path):
    files, problems = unpacked(
        tmp_path,
        (WithoutFlag("Jürgen/ü.ipynb"), "in UTF-8, which it doesn't say"),
        ("Ju\u0308rgen/v.ipynb", "of two parts"),
        ("b\nc/x.ipynb", "line"),
        ("ä" * 150 + ".ipynb", "long"),
    )
    assert problems == []
    names = sorted(files)
    assert names[:3] == ["Jürgen/v.ipynb", "Jürgen/ü.ipynb", "b_c/x.ipynb"]
    assert names[3].startswith("äää")
    assert names[3].endswith("ä.ipynb")


def test_what_a_computer_hides_is_left_out_and_a_nested_zip_stays_one(tmp_path):
    inner = packed(tmp_path / "inner.zip", ("x", "y")).read_bytes()
    files, problems = unpacked(
        tmp_path, ("__MACOSX/._x", "-"), (".DS_Store", "-"), ("ada/work.zip", inner)
    )
    assert files == {"ada/work.zip": inner}
    assert problems == []


def test_a_damaged_file_is_named_and_the_others_are_kept(tmp_path):
    file = packed(tmp_path / "a.zip", ("ada.ipynb", "a" * 99), ("bo.ipynb", "b" * 99))
    content = bytearray(file.read_bytes())
    content[content.find(b"ada.ipynb") + 10] ^= 0xFF
    file.write_bytes(content)
    (problem,) = unpack(file, tmp_path / "out")
    assert problem.startswith("'ada.ipynb' can't be unpacked")
    assert (tmp_path / "out" / "bo.ipynb").read_text() == "b" * 99


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip"])
def test_what_is_no_zip_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(ValueError, match="bad.zip can't be read as a zip"):
        unpack(tmp_path / "bad.zip", tmp_path / "out")
    assert [f.name for f in tmp_path.iterdir()] == ["bad.zip"]


def test_times_are_kept(tmp_path):
    entry = zipfile.ZipInfo("x", (2026, 3, 4, 5, 6, 8))
    unpack(packed(tmp_path / "a.zip", (entry, "x")), tmp_path / "out")
    odd = zipfile.ZipInfo("x", (2026, 0, 4, 5, 6, 8))
    unpack(packed(tmp_path / "b.zip", (odd, "x")), tmp_path / "odd")
    seconds = (tmp_path / "out" / "x").stat().st_mtime
    assert dt.datetime.fromtimestamp(seconds) == dt.datetime(2026, 3, 4, 5, 6, 8)


def test_a_folder_of_somebody_elses_is_never_replaced(tmp_path):
    (tmp_path / "results" / "out").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds something else: move that away"):
        unpacked(tmp_path, ("x", "y"))
    assert unpack(packed(tmp_path / "b.zip", ("x", "y")), tmp_path / "new") == []
    assert unpack(packed(tmp_path / "b.zip", ("z", "y")), tmp_path / "new") == []
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [MARK, "z"]
