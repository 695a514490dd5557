from __future__ import annotations

import json
import re

import pytest

from esa4_helpers import check_recordings

from .conftest import BAD, CLIPPED, GOOD


def test_names_each_bad_file_once_with_its_reason_and_loses_no_good_one(esa4, mixed):
    result = esa4("check", mixed, "--clip", 1)
    assert result.exit_code == 0
    *lines, summary = result.stdout.splitlines()
    for name, reason in (BAD | {CLIPPED: "clipped", "truncated.wav": "4 s"}).items():
        about = [line for line in lines if line.split(": ", 1)[1].startswith(name)]
        assert re.search(reason, about[0]), about
        assert sum("can't be used" in line for line in about) == (
            name in BAD and name != "silent.wav"
        )
    assert not any("two\nlines" in line for line in lines)
    assert summary.startswith(f"{len(GOOD) + 1} of {len(GOOD) + 1 + len(BAD)} files")
    assert "5 at 16000 Hz, 1 at 22050 Hz" in summary


def test_json_says_the_same_and_nothing_else(esa4, mixed):
    found = json.loads(esa4("check", mixed, "--json").stdout)
    expected = [finding.sentence for finding in check_recordings(mixed)]
    assert [finding["sentence"] for finding in found["findings"]] == expected
    assert found["recordings"] == len(GOOD) + 1
    assert found["rates"]["48000"] == 1
    assert found["hours"] == pytest.approx(18.6 / 3600, rel=0.01)


@pytest.mark.parametrize(("folder", "code"), [("mixed", 4), ("clean", 0)])
def test_strict_tells_by_the_exit_code_what_was_found(esa4, request, folder, code):
    result = esa4("check", request.getfixturevalue(folder), "--strict")
    assert result.exit_code == code


def test_a_clip_longer_than_all_recordings_leaves_none(esa4, clean):
    result = esa4("check", clean, "--clip", 60)
    assert result.exit_code == 1
    assert result.stdout.count("too short: 2 s, and a clip takes 60 s") == 10
    assert result.stderr == f"Error: no recording in {clean} can be used\n"


def test_no_sound_or_no_folder_is_one_line(esa4, tmp_path):
    assert esa4("check", tmp_path).exit_code == 1
    result = esa4("check", tmp_path / "mistyped")
    assert result.exit_code == 1
    assert result.stderr == f"Error: there is no folder or file {tmp_path}/mistyped\n"


@pytest.mark.parametrize("options", [("--clip", 0), ("--channel", "left")])
def test_nonsense_is_refused(esa4, clean, options):
    result = esa4("check", clean, *options)
    assert result.exit_code == 2
    assert options[0] in result.stderr
