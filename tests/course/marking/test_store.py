"""Results that nothing can lose."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from marking.store import (
    Result,
    Store,
    alone,
    key_of,
    printable,
    without_paths,
)


class TestStore:
    def test_gives_back_the_last_result_of_each_key(self, tmp_path):
        store = Store(tmp_path / "new")
        for key, points in (("a", 1), ("b", 2), ("a", 3)):
            store.append(Result(key, "Ada", 1, {"1.1": points}))
        again = Store(tmp_path / "new").results
        assert again == store.results
        assert {key: sum(r.points.values()) for key, r in again.items()} == {
            "a": 3,
            "b": 2,
        }
        assert (tmp_path / "new" / "results.jsonl").stat().st_mode & 0o77 == 0

    def test_forgets_only_what_was_cut_off(self, tmp_path):
        store = Store(tmp_path)
        store.append(Result("a", "Ada"))
        whole = store.file.read_bytes()
        store.append(Result("b", "Bo"))
        two = store.file.read_bytes()
        for length in range(len(whole), len(two) - 1):
            store.file.write_bytes(two[:length])
            again = Store(tmp_path)
            assert list(again.results) == ["a"]
            again.append(Result("c", "Cy"))
            assert list(Store(tmp_path).results) == ["a", "c"]

    def test_has_the_fields_that_were_agreed_on(self, tmp_path):
        store = Store(tmp_path)
        store.append(Result("a", "Ada"))
        assert list(json.loads(store.file.read_text())) == [
            *("key", "student", "sheet", "points", "told", "remarks", "seconds"),
            *("handed_in", "attempt", "platform_id", "digest", "code"),
        ]

    def test_keeps_the_secret_seed(self, tmp_path):
        drawn = Store(tmp_path).seed(None)
        assert Store(tmp_path).seed(None) == drawn
        assert Store(tmp_path).seed(7) == Store(tmp_path).seed(None) == 7
        assert Store(tmp_path / "other").seed(None) not in (drawn, 7)
        (tmp_path / "seed.txt").write_text("what?")
        with pytest.raises(ValueError, match=r"seed.txt should hold .*'what\?'"):
            Store(tmp_path).seed(None)

    def test_says_when_the_disk_is_full(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "write", lambda handle, line: 3)
        with pytest.raises(OSError, match="No space left"):
            Store(tmp_path).append(Result("a", "Ada"))


def test_only_one_marking_writes_at_a_time(tmp_path, capsys):
    with alone(tmp_path / "new"):
        second = threading.Thread(target=lambda: alone(tmp_path / "new").__enter__())
        second.start()
        second.join(0.2)
        assert second.is_alive()
        assert "waiting for its end" in capsys.readouterr().out
    second.join()


class TestNames:
    def test_become_keys_that_differ(self, tmp_path):
        names = [b"a\xff", rb"a\xff", "aÿ".encode(), b"a\n", b"a\\n"]
        keys = {key_of(Path(os.fsdecode(b"/f/" + n)), Path("/f")) for n in names}
        assert len(keys) == len(names)
        assert all(key.encode() for key in keys)

    def test_become_text_that_can_be_printed(self):
        assert printable("a\ud800\0\x1b[1m\u202eb\n") == "a\\ud800  [1m b "
        assert printable("a\nb", keep="\n") == "a\nb"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("No such file: '/home/ada/x.wav'", "No such file: 'x.wav'"),
        ("at /tmp/marking-3_a/own/b.py:3", "at b.py:3"),
        ("(file:///srv/a/b)", "(file://b)"),
        ("km/h, 1 / 2 and 3/4", "km/h, 1 / 2 and 3/4"),
    ],
)
def test_of_paths_only_the_last_name_is_told(text, left):
    assert without_paths(text) == left


def test_results_are_kept_within_bounds():
    long = "x" * 10**7
    result = Result(
        "a", long, told={"1.1": long}, remarks=[long] * 999, code=[long] * 9
    )
    assert len(str(result.tidied())) < 300_000


def test_names_that_only_look_alike_stay_apart():
    names = ["n l", "n\nl", "n\rl", "n\u200bl", "n\udcffl"]
    tidy = [Result("x", name).tidied().student for name in names]
    assert len(set(tidy)) == len(names)
    assert all(name.isprintable() for name in tidy)
