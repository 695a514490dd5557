from __future__ import annotations

import importlib
import json
import re
from typing import ClassVar

import pytest

from esa4_helpers import check_recordings
from esa4_helpers.health import Finding

from .conftest import BAD, CLIPPED, GOOD, machine_sound, write

check = importlib.import_module("esa4_helpers.cli.check")


def finding(kind: str, severity: str, *files: str, number: float | None = None):
    return Finding(kind, severity, files, f"{', '.join(files)}: {kind}.", number)


class TestSummary:
    """Of three good recordings, a damaged one, one too short, and what is lost."""

    SECONDS: ClassVar[dict[str, float]] = {
        "a.wav": 2.5,
        "b.wav": 1.0,
        "c.wav": 5.0,
        "d.wav": 0.9,
        "e.wav": 0.999,
    }
    FINDINGS = (
        finding("unusable", "problem", "empty.wav"),
        finding("silence", "problem", "lost.wav", "lost too.wav"),
        finding("silence", "warning", "a.wav"),
        finding("clipping", "problem", "b.wav"),
        finding("damaged", "warning", "c.wav", number=1.75),
        finding("few", "note"),
    )

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory):
        root = tmp_path_factory.mktemp("sums")
        for name, seconds in cls.SECONDS.items():
            sr = 8000 if name == "b.wav" else 16000
            write(root / name, machine_sound(seconds, sr), sr)
        for name in ("lost.wav", "lost too.wav"):
            write(root / name, machine_sound(2))
        (root / "empty.wav").touch()
        return root

    def test_it_counts_what_there_is_to_use(self, folder):
        found, too_short = check._sum_up(folder, [*self.FINDINGS], 1.0)
        assert found.pop("hours") == pytest.approx(5.25 / 3600, rel=1e-9)
        assert found == {
            "files": 8,
            "recordings": 3,
            "rates": {"8000": 1, "16000": 2},
            "clip_seconds": 1.0,
            "clips": 2 + 1 + 1,
        }
        assert [*found["rates"]] == ["8000", "16000"]
        assert too_short == [
            Finding(
                "unusable",
                "problem",
                (name,),
                f"{name} can't be used: too short: {self.SECONDS[name]} s, and a clip "
                "takes 1 s.",
                self.SECONDS[name],
            )
            for name in ("d.wav", "e.wav")
        ]

    def test_ten_tenths_are_a_whole(self, clean):
        found, _ = check._sum_up(clean, [], 0.1)
        assert found["clips"] == 10 * 20

    def test_without_a_clip_nothing_is_too_short(self, folder, esa4, monkeypatch):
        found, too_short = check._sum_up(folder, [*self.FINDINGS], None)
        assert found.pop("hours") == pytest.approx(7.149 / 3600, rel=1e-9)
        assert found == {
            "files": 8,
            "recordings": 5,
            "rates": {"8000": 1, "16000": 4},
        }
        assert too_short == []
        monkeypatch.setattr(check, "check_recordings", lambda *_: self.FINDINGS)
        said = esa4("check", folder, "--clip", 1).stdout.splitlines()
        assert said[2:] == [
            *map(str, self.FINDINGS),
            "3 of 8 files can be used: 0.00146 hours (1 at 8000 Hz, 2 at 16000 Hz); 4 "
            "clips of 1 s.",
        ]
        said = esa4("check", folder).stdout.splitlines()
        assert said[-1] == (
            "5 of 8 files can be used: 0.00199 hours (1 at 8000 Hz, 4 at 16000 Hz)."
        )

    @pytest.mark.parametrize(
        ("severity", "code"), [("problem", 4), ("warning", 4), ("note", 0)]
    )
    def test_strict_lets_notes_be(self, clean, esa4, monkeypatch, severity, code):
        found = [finding("few", "note"), finding("loud", severity, "day 1.wav")]
        monkeypatch.setattr(check, "check_recordings", lambda *_: found)
        assert esa4("check", clean, "--strict").exit_code == code
        assert esa4("check", clean).exit_code == 0


@pytest.mark.parametrize(
    ("sentence", "also"),
    [
        ("a.wav and b.wav differ.", ""),
        ("a.wav is loud.", " Also: b.wav."),
        ("Some are loud.", ""),
    ],
)
def test_who_stands_for_others_names_them(sentence, also):
    found = Finding("loud", "warning", ("a.wav", "b.wav"), sentence, None)
    assert check.told(found) == f"warning: {sentence}{also}"


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
    assert result.stdout.splitlines()[-1] == (
        "0 of 10 files can be used: 0 hours (none); 0 clips of 60 s."
    )
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
