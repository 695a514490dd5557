from __future__ import annotations

import subprocess
import sys

import pytest

from esa4_helpers import __main__ as command_line
from esa4_helpers.datasets import DatasetError, DatasetUnreachableError


def fetch_that(outcome, monkeypatch) -> dict[str, bool]:
    asked = {}

    def fetch_archive(progressbar: bool = False):
        asked["progressbar"] = progressbar
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(command_line, "fetch_archive", fetch_archive)
    return asked


def test_download_shows_progress_and_says_where_the_file_is(
    monkeypatch, capsys, tmp_path
):
    asked = fetch_that(tmp_path / "anomaly_mini.zip", monkeypatch)
    assert command_line.main(["download"]) == 0
    assert asked == {"progressbar": True}
    output = capsys.readouterr().out
    assert output == f"The recordings are at {tmp_path / 'anomaly_mini.zip'}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [(DatasetUnreachableError("no network"), 3), (DatasetError("wrong zip"), 1)],
)
def test_failures_are_told_apart_and_explained(monkeypatch, capsys, error, code):
    fetch_that(error, monkeypatch)
    assert command_line.main(["download"]) == code
    captured = capsys.readouterr()
    assert captured.err == f"{error}\n"
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [[], ["upload"]])
def test_anything_else_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        command_line.main(arguments)
    assert "usage: python -m esa4_helpers" in capsys.readouterr().err


def test_runs_as_a_module(monkeypatch, tmp_path):
    monkeypatch.setenv("ESA4_ARCHIVE", str(tmp_path / "mistyped.zip"))
    result = subprocess.run(
        [sys.executable, "-m", "esa4_helpers", "download"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "mistyped.zip, and there is no such file" in result.stderr
    assert "Traceback" not in result.stderr
