"""Names for those who mark without knowing whom."""

from __future__ import annotations

import re

import pytest
from marking.pseudonyms import pseudonym, read_key


def test_are_the_same_in_every_run_and_differ_with_the_key(tmp_path):
    key = read_key(tmp_path / "new" / "key")
    assert key == read_key(tmp_path / "new" / "key")
    assert key != read_key(tmp_path / "other")
    assert pseudonym("Ada", key) == pseudonym("Ada", key)
    assert pseudonym("Ada", key) != pseudonym("Ada", read_key(tmp_path / "other"))
    assert re.fullmatch("student-[a-z2-7]{8}", pseudonym("Ad\udcff", key))


def test_the_key_is_for_its_owner_only(tmp_path):
    read_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_differ_in_a_large_class(tmp_path):
    key = bytes(32)
    assert len({pseudonym(str(i), key) for i in range(3000)}) == 3000


@pytest.mark.parametrize("text", ["", "no key", "abcd"])
def test_a_key_that_was_spoilt_is_an_error(tmp_path, text):
    (tmp_path / "key").write_text(text)
    with pytest.raises(ValueError, match="delete it for new pseudonyms"):
        read_key(tmp_path / "key")
