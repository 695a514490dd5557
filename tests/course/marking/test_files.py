"""Writing whole files, and reading tables of many dialects."""

from __future__ import annotations

import pytest
from marking.files import read_rows, write_rows, write_text, written_whole


def interrupted(file) -> None:
    with written_whole(file) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt


def test_an_interrupted_file_stays_as_it_was(tmp_path):
    file = tmp_path / "new" / "a.txt"
    write_text(file, "old \udcff")
    with pytest.raises(KeyboardInterrupt):
        interrupted(file)
    assert file.read_text() == "old ?"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_tables_of_all_programs_are_read(tmp_path, delimiter, encoding):
    rows = [["Name", "Points", "Remark"], ["Jürgen", "1,5", "a; b, c\nd"]]
    write_rows(tmp_path / "t.csv", rows, delimiter=delimiter, encoding=encoding)
    assert read_rows(tmp_path / "t.csv") == rows


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no.csv can't be read: No such file"):
        read_rows(tmp_path / "no.csv")
