from __future__ import annotations

import contextlib
import errno
import io
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import urllib3

from esa4_helpers import _files
from esa4_helpers._files import (
    LargeDownloadError,
    LoginPageError,
    SlowDownloadError,
    alone_in,
    fetch,
    given_path,
    make_folder,
    reason,
    trouble_with,
    unfinished_in,
    write_whole,
)


class TestNames:
    def test_home_is_the_users_own(self, monkeypatch):
        monkeypatch.setenv("HOME", "/home/me")
        assert given_path("~/a") == Path("/home/me/a")
        assert given_path("~nobody-of-that-name/a") == Path("~nobody-of-that-name/a")

    def test_trouble_is_told_before_anything_is_read(self, tmp_path):
        file, loop = tmp_path / "file", tmp_path / "loop"
        file.touch()
        loop.symlink_to(loop)
        assert trouble_with(file) == trouble_with(tmp_path) == ""
        for missing in (tmp_path / "none", file / "none"):
            assert trouble_with(missing) == "and there is no such file"
        assert trouble_with(missing, "folder") == "and there is no such folder"
        assert trouble_with(loop) == (
            "a link that leads back to itself: name what it should lead to"
        )
        told = f"which can't be read: {os.strerror(errno.ENAMETOOLONG)}"
        assert trouble_with(tmp_path / ("a" * 300)) == told


class TestFetch:
    @pytest.fixture
    def answer(self, monkeypatch) -> SimpleNamespace:
        """What a server answers to the next question, and how it was asked."""
        answer = SimpleNamespace(content=b"", headers={}, raw=None, asked=None)

        @contextlib.contextmanager
        def get(url: str, **how: object) -> Iterator[SimpleNamespace]:
            answer.asked = how
            answer.raw = io.BytesIO(answer.content)
            answer.raise_for_status = lambda: None
            yield answer

        monkeypatch.setattr(_files.requests, "get", get)
        return answer

    def test_it_asks_for_a_stream_and_waits_for_10_s_and_30_s(self, answer):
        answer.content = b"PK and so on"
        assert fetch("http://localhost", 12) == b"PK and so on"
        assert answer.asked == {
            "stream": True,
            "timeout": (10, 30),
            "headers": {"Accept-Encoding": "identity"},
        }

    @pytest.mark.parametrize("announced", [{}, {"Content-Length": "12"}])
    def test_what_is_larger_is_refused(self, answer, announced):
        answer.content, answer.headers = b"PK and so on", announced
        assert len(fetch("http://localhost", 12)) == 12
        with pytest.raises(
            LargeDownloadError, match=r"^it is larger than the 0\.0 MiB expected$"
        ):
            fetch("http://localhost", 11)

    def test_what_is_announced_as_larger_is_refused_at_once(self, answer):
        answer.content, answer.headers = b"PK", {"Content-Length": str(3 * 2**20)}
        assert fetch("http://localhost", 3 * 2**20) == b"PK"
        with pytest.raises(LargeDownloadError, match=r"than the 3\.0 MiB expected$"):
            fetch("http://localhost", 3 * 2**20 - 1)
        answer.headers = {"Content-Length": "many"}
        assert fetch("http://localhost", 2) == b"PK"

    def test_10_minutes_are_not_too_long(self, answer, monkeypatch):
        answer.content = bytes(2**20)
        clock = itertools.chain([0], itertools.repeat(600))
        monkeypatch.setattr(_files.time, "monotonic", lambda: next(clock))
        assert len(fetch("http://localhost", 2**21)) == 2**20
        clock = itertools.chain([0], itertools.repeat(600, 15), [600.5])
        with pytest.raises(SlowDownloadError, match=r"^only 1\.0 MiB came in 10 min$"):
            fetch("http://localhost", 2**21)

    def test_pieces_are_of_64_kib_and_counted(self, answer, capsys):
        answer.content = bytes(2**16 + 1)
        answer.raw = io.BytesIO(answer.content)
        assert [len(piece) for piece in _files._pieces(answer)] == [2**16, 1]
        fetch("http://localhost", 2**20)
        assert capsys.readouterr().err == ""
        answer.content = bytes(5 * 2**20)
        answer.headers = {"Content-Length": str(5 * 2**20)}
        fetch("http://localhost", 2**23, progressbar=True)
        assert " 5.00M/5.00M " in capsys.readouterr().err
        with _files.progress(2**20):
            pass
        assert " 0.00/1.00M " in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("error", "expected", "told"),
        [
            (
                urllib3.exceptions.ReadTimeoutError(None, None, "read"),
                requests.ReadTimeout,
                "^nothing more came for 30 s, so it was given up$",
            ),
            (
                urllib3.exceptions.ProtocolError("reset"),
                requests.ConnectionError,
                "reset",
            ),
        ],
    )
    def test_a_broken_answer_is_one_of_requests_errors(self, error, expected, told):
        def read1(size: int) -> bytes:
            raise error

        answer = SimpleNamespace(raw=SimpleNamespace(read1=read1))
        with pytest.raises(expected, match=told):
            next(_files._pieces(answer))

    @pytest.mark.parametrize(
        ("kind", "start", "is_page"),
        [
            ("text/html", b"anything", True),
            ("text/html", b"PK\x03\x04", False),
            ("text/html", b" pk", False),
            ("", b"<!DOCTYPE html><p>", True),
            ("", b"\n <HTML>", True),
            ("application/zip", b"<!doctype xml>", False),
            ("", b"", False),
            # Only the first 100 bytes are looked at.
            ("", b" " * 95 + b"<html", True),
            ("", b" " * 96 + b"<html", False),
        ],
    )
    def test_a_page_is_told_from_a_file(self, answer, kind, start, is_page):
        assert _files._is_web_page(kind, bytearray(start)) is is_page
        if is_page:
            answer.content, answer.headers = start, {"Content-Type": kind}
            with pytest.raises(LoginPageError, match="log in, and try again$"):
                fetch("http://localhost", 1000)

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (requests.HTTPError("404 Not found"), "404 Not found"),
            (SlowDownloadError("only so much"), "only so much"),
            (
                requests.exceptions.ProxyError("secret"),
                "ProxyError: the proxy that HTTP_PROXY or HTTPS_PROXY names did not help",
            ),
            (
                requests.exceptions.SSLError("x"),
                "SSLError: no trust, as where a login page or a proxy stands in between",
            ),
            (requests.ReadTimeout("x"), "ReadTimeout: nothing more came for 30 s"),
            (requests.ConnectionError("<object at 0x>"), "ConnectionError"),
            (
                LoginPageError(),
                "a web page came in its place, as where a network asks to log in first: "
                "open any page in a browser, log in, and try again",
            ),
        ],
    )
    def test_a_reason_is_short(self, error, told):
        assert reason(error) == told


class TestDisk:
    def test_folders_are_made_unless_they_are_there(self, tmp_path):
        folder = tmp_path / "a" / "b"
        make_folder(folder)
        make_folder(folder)
        assert folder.is_dir()

    def test_what_stands_in_the_way_of_a_folder_is_told(self, tmp_path):
        file, loop = tmp_path / "file", tmp_path / "loop"
        file.touch()
        loop.symlink_to(loop)
        with pytest.raises(FileExistsError):
            make_folder(file)
        with pytest.raises(OSError, match="symbolic links"):
            make_folder(loop)

    def test_a_file_is_there_as_a_whole_or_as_it_was(self, tmp_path, monkeypatch):
        file = tmp_path / "new" / "file"
        write_whole(file, b"one")
        write_whole(file, b"two")
        assert file.read_bytes() == b"two"

        def refuse(source: Path, target: Path) -> None:
            assert Path(source).read_bytes() == b"three"
            assert Path(source).parent == file.parent
            raise OSError("no")

        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(OSError, match="^no$"):
            write_whole(file, b"three")
        assert file.read_bytes() == b"two"
        assert list(file.parent.iterdir()) == [file]

    def test_unfinished_files_have_a_name_of_their_own(self, tmp_path):
        one, other = unfinished_in(tmp_path), unfinished_in(tmp_path)
        assert one != other
        assert one.parent == tmp_path
        assert re.fullmatch(r"\.esa4-unfinished-[0-9a-f]{16}", one.name)

    @pytest.fixture
    def rubbish(self, tmp_path) -> Path:
        rubbish = unfinished_in(tmp_path)
        rubbish.touch()
        return rubbish

    def is_locked(self, folder: Path) -> bool:
        fcntl = pytest.importorskip("fcntl")
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def test_nobody_else_saves_meanwhile(self, tmp_path, rubbish):
        mine = tmp_path / "mine"
        mine.touch()
        with alone_in(tmp_path):
            assert self.is_locked(tmp_path)
            assert list(tmp_path.iterdir()) == [mine]
        assert not self.is_locked(tmp_path)
        with pytest.raises(KeyError), alone_in(tmp_path):
            raise KeyError
        assert not self.is_locked(tmp_path)

    def test_without_locks_nothing_is_swept_away(self, tmp_path, rubbish, monkeypatch):
        fcntl = pytest.importorskip("fcntl")

        def refuse(handle: int, what: int) -> None:
            raise OSError(errno.ENOLCK, "no locks")

        monkeypatch.setattr(fcntl, "flock", refuse)
        with alone_in(tmp_path):
            assert rubbish.exists()
        monkeypatch.setattr(_files, "fcntl", None)
        with alone_in(tmp_path):
            assert rubbish.exists()
        write_whole(tmp_path / "file", b"saved")
        assert sorted(tmp_path.iterdir()) == sorted([rubbish, tmp_path / "file"])
