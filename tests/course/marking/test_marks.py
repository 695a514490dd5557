"""Points for answers, whatever a submission does."""

from __future__ import annotations

import errno
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from marking import marks
from marking.marks import Marking, Terms, mark_all, new_result, reported
from marking.reading import HandedIn
from marking.sandbox import Limits
from marking.store import Result, Store, key_of
from submissions import ALL, SEED, of_cells, solved

from esa4_helpers.exercises import questions

LOOPS = (
    "import numpy as np",
    "def rms_level(x): return 10 * np.log10(np.mean(x**2, axis=1))",
    "while True: sum(range(99))",
    "def duration(audio, sr):\n    while True: sum(range(99))",
    'check("1.1", duration)',
)
CHECK = "from esa4_helpers.exercises import check\n"


def hand_in(folder: Path, text: str, name: str = "ada__sheet1.ipynb") -> HandedIn:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return HandedIn("ada", file)


class TestMarking:
    def test_a_cell_and_a_call_that_loop_cost_only_their_share(self, tmp_path, zygote):
        one = hand_in(tmp_path, of_cells(*LOOPS))
        terms = Terms(SEED, Limits(300, share=1 / 300))
        result, disturbed = Marking(tmp_path, terms, zygote).mark(one)
        cell, call = result.remarks[0], result.remarks[-1]
        assert cell.startswith("code cell 3 stops with TimeoutError: stopped after 1 s")
        assert call.startswith("1.1: your function stops with TimeoutError")
        assert result.points == dict.fromkeys(questions(1), 0) | {"1.2": 2}
        assert disturbed

    def test_a_full_disk_costs_nobody_a_point(self, tmp_path, monkeypatch):
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        one = hand_in(tmp_path / "in", of_cells('check("1.1", 0)'))
        zygote = MagicMock()
        zygote().__enter__().folder = tmp_path / "where"
        monkeypatch.setattr(marks, "Zygote", zygote)
        monkeypatch.setattr(marks, "keep_clips", full)
        store = Store(tmp_path / "results")
        with pytest.raises(OSError, match="No space left.*where"):
            mark_all([one], tmp_path / "in", Terms(SEED), store, 1)
        assert not store.results

    def test_a_name_that_is_used_again_costs_nothing(self, tmp_path, zygote):
        one = hand_in(tmp_path, solved(1, "margin, duration, rms_level = 0, 1, None"))
        result, _ = Marking(tmp_path, Terms(SEED), zygote).mark(one)
        assert (sum(result.points.values()), result.remarks) == (ALL, [])
        assert result.handed_in == one.moment.isoformat()
        assert len(result.code) > 5

    def test_two_sheets_in_a_file_are_named(self, tmp_path, zygote):
        cells = (
            'check("1.1", 0)\ncheck("1.2", 0)\ncheck("1.3", 0)',
            ('check("2.1", 0)\ncheck("2.2", 0)'),
        )
        result, _ = Marking(tmp_path, Terms(SEED), zygote).mark(
            hand_in(tmp_path, of_cells(*cells))
        )
        assert "holds checks of sheet 2, too: only sheet 1" in result.remarks[0]

    def test_recordings_beside_the_sheet_are_there(self, tmp_path, zygote):
        one = hand_in(
            tmp_path, of_cells(f"{CHECK}check('1.1', 0)", "len(open('a/b.wav').read())")
        )
        inside = hand_in(tmp_path, one.path.read_text(), "bo/sheet1.ipynb")
        (tmp_path / "bo" / "a").mkdir()
        (tmp_path / "bo" / "a" / "b.wav").write_text("x")
        marking = Marking(tmp_path, Terms(SEED), zygote)
        assert "FileNotFoundError" in marking.mark(one)[0].remarks[0]
        assert not any("cell" in text for text in marking.mark(inside)[0].remarks)

    def test_neither_a_seed_nor_a_path_is_told(self, tmp_path, zygote, monkeypatch):
        terms = Terms(271828182)

        def talkative(*_: object) -> str:
            return f"{terms.seed} {terms.of_clips} {terms.of_checks} /srv/secret/x 31"

        monkeypatch.setattr(marks, "judge", talkative)
        one = hand_in(
            tmp_path, of_cells(CHECK + 'check("1.1", 3)\nraise OSError("/a/b/c")')
        )
        result, _ = Marking(tmp_path, terms, zygote).mark(one)
        assert result.told["1.1"] == "… … … x 31"
        said = 'code cell 1 stops with OSError: c (in line 3: `raise OSError("c")`)'
        assert result.remarks == [said]
        assert len({terms.seed, terms.of_clips, terms.of_checks}) == 3


class TestMarkAll:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for name in ("ada__a", "ada__b", "bo", "cy"):
            hand_in(tmp_path / "in", "x", f"{name}.ipynb")
        return tmp_path / "in"

    @pytest.fixture
    def calls(self, monkeypatch) -> list[str]:
        """Which files were marked, without any process."""
        calls = []

        def mark(marking: Marking, one: HandedIn) -> tuple[Result, bool]:
            calls.append(one.path.stem)
            result = new_result(one, marking.folder)
            result.sheet = 1
            result.digest = marks.digest_of(one, marking.folder, 1, marking.terms)
            return result, one.path.stem == "bo"

        monkeypatch.setattr(Marking, "mark", mark)
        monkeypatch.setattr(
            marks.crew, "each", lambda f, items, _: ((one, f(one)) for one in items)
        )
        monkeypatch.setattr(marks, "Zygote", MagicMock)
        return calls

    @staticmethod
    def found(folder: Path) -> list[HandedIn]:
        return [HandedIn(f.stem.split("__")[0], f) for f in sorted(folder.iterdir())]

    def test_marks_each_once_and_again_alone_what_took_too_long(
        self, folder, tmp_path, calls
    ):
        found, store = self.found(folder), Store(tmp_path / "results")
        mark_all(found, folder, Terms(SEED), store, 2)
        assert calls == ["ada__a", "ada__b", "bo", "cy", "bo"]
        mark_all(found, folder, Terms(SEED), Store(tmp_path / "results"), 2)
        assert len(calls) == 5

    def test_tries_once_more_alone_what_got_lost(
        self, folder, tmp_path, calls, monkeypatch
    ):
        lost = ["cy"]
        monkeypatch.setattr(
            marks.crew,
            "each",
            lambda f, items, _: (
                (one, None if one.path.stem in lost and not lost.clear() else f(one))
                for one in items
            ),
        )
        store = Store(tmp_path / "results")
        mark_all(self.found(folder), folder, Terms(SEED), store, 2)
        assert sorted(calls) == ["ada__a", "ada__b", "bo", "bo", "cy"]
        assert store.results["cy.ipynb"].remarks == []

    def test_marks_again_only_what_has_changed(self, folder, tmp_path, calls):
        store = Store(tmp_path / "results")
        mark_all(self.found(folder), folder, Terms(SEED), store, 2)
        calls.clear()
        (folder / "cy.ipynb").write_text("y")
        mark_all(self.found(folder), folder, Terms(SEED), store, 2)
        assert calls == ["cy"]
        other, found = Terms(SEED + 1), self.found(folder)
        assert reported(found, folder, store, found, other) == []
        # Who asks for one student leaves the others' marks as they are.
        kept = reported(found, folder, store, found[:1], other)
        assert [r.key for r in kept] == [key_of(o.path, folder) for o in found[1:]]
        mark_all(self.found(folder), folder, other, store, 2)
        assert len(calls) == 1 + 5

    def test_goes_on_where_it_was_stopped(self, folder, tmp_path, calls):
        found, whole = self.found(folder), Store(tmp_path / "whole")
        mark_all(found, folder, Terms(SEED), whole, 2)
        lines = whole.file.read_bytes().splitlines(keepends=True)
        for kept in (lines[:1], lines[:2], [*lines[:2], lines[2][:40]]):
            part = Store(tmp_path / "part")
            part.file.write_bytes(b"".join(kept))
            part = Store(tmp_path / "part")
            mark_all(found, folder, Terms(SEED), part, 2)
            assert part.results == whole.results

    def test_says_who_handed_in_a_sheet_twice(self, folder, tmp_path, calls):
        found, store = self.found(folder), Store(tmp_path / "results")
        mark_all(found, folder, Terms(SEED), store, 2)
        remarks = [
            r.remarks for r in reported(found, folder, store, found, Terms(SEED))
        ]
        twice = ["more than one file for this sheet"]
        assert remarks == [twice, twice, [], []]
        assert store.results["bo.ipynb"].remarks == []


@pytest.mark.parametrize(
    ("cell", "loaded"), [("import tensorflow as tf", ["tensorflow"]), ("x = 1", [])]
)
def test_what_is_slow_to_load_is_loaded_once_if_anybody_uses_it(tmp_path, cell, loaded):
    found = [
        hand_in(tmp_path, of_cells(text), f"{text[0]}.ipynb") for text in ("y", cell)
    ]
    gone = HandedIn("bo", tmp_path / "gone")
    assert marks._slow_libraries([gone, *found]) == loaded


def test_a_result_depends_on_its_own_checks_and_no_others(tmp_path, monkeypatch):
    for name in ("sheet1.py", "sheet10.py", "sheet2.py", "gmm.py"):
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(marks, "PACKAGE", tmp_path)
    monkeypatch.setattr(marks, "EXERCISES", tmp_path / "none")
    hash_of = marks._hash_of_checks.__wrapped__

    def changed_by(name: str) -> list[int]:
        before = {n: hash_of(n, Limits()) for n in (1, 2)}
        (tmp_path / name).write_text("2")
        return [n for n in (1, 2) if hash_of(n, Limits()) != before[n]]

    assert changed_by("sheet1.py") == [1]
    assert changed_by("sheet10.py") == []
    assert changed_by("gmm.py") == [1, 2]
