from __future__ import annotations

import itertools
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from esa4_helpers import __main__ as command_line
from esa4_helpers import load_mimii
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


class TestDownloadMimii:
    @pytest.fixture
    def asked(self, monkeypatch, tmp_path) -> list[tuple[tuple, dict]]:
        """What `load_mimii` is asked for; a copy that is at hand answers."""
        folder = tmp_path / "fan" / "id_00"
        for label, i in itertools.product(("normal", "abnormal"), range(3)):
            file = folder / label / f"{i:08d}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, np.full((100, 8), i / 10), 16000, subtype="PCM_16")
        monkeypatch.setenv("ESA4_MIMII", str(tmp_path))
        asked = []

        def spy(*args, **kwargs):
            asked.append((args, kwargs))
            return load_mimii(*args, **kwargs)

        monkeypatch.setattr(command_line, "load_mimii", spy)
        return asked

    def test_asks_for_the_clips_and_says_where_they_are(self, asked, capsys, tmp_path):
        options = ["--snr", "-6", "--normal", "3", "--abnormal", "1", "--channel", "2"]
        assert command_line.main(["download", "mimii", "fan", "id_00", *options]) == 0
        counts = {"n_normal": 3, "n_abnormal": 1, "channel": 2}
        assert asked == [(("fan", "id_00", -6), counts)]
        expected = f"mimii fan id_00 -6 dB: 4 clips are in {tmp_path}\n"
        assert capsys.readouterr() == (expected, "")

    def test_by_default_it_asks_for_all_clips_at_6_db(self, asked, capsys):
        with pytest.raises(SystemExit, match="2"):
            command_line.main(["download", "mimii", "fan", "id_00"])
        counts = {"n_normal": None, "n_abnormal": None, "channel": 0}
        assert asked == [(("fan", "id_00", 6), counts)]
        assert "error: 3 normal clips leave none to train on" in capsys.readouterr().err

    def test_clips_that_are_not_there_are_an_error(self, asked, capsys):
        assert command_line.main(["download", "mimii", "pump", "id_02"]) == 1
        output, errors = capsys.readouterr()
        assert "no pump id_02 at 6 dB" in errors
        assert output == ""

    def test_without_a_connection_it_says_so(self, monkeypatch, capsys, tmp_path):
        monkeypatch.delenv("ESA4_MIMII", raising=False)
        monkeypatch.setenv("ESA4_DATA_HOME", str(tmp_path))
        # Nothing listens there.
        monkeypatch.setenv("ESA4_MIMII_URL", "http://127.0.0.1:1")
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        assert command_line.main(["download", "mimii", "pump", "id_02"]) == 3
        assert "mimii pump id_02 6 dB can't be reached" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments",
        [
            ["fan"],
            ["toaster", "id_00"],
            ["fan", "id_01"],
            ["fan", "id_00", "--snr", "3"],
        ],
    )
    def test_names_that_do_not_exist_show_those_that_do(self, asked, capsys, arguments):
        with pytest.raises(SystemExit, match="2"):
            command_line.main(["download", "mimii", *arguments])
        assert "usage: python -m esa4_helpers download mimii" in capsys.readouterr().err
        assert asked == []


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


class TestDownloadMachines:
    def test_says_where_they_are(self, monkeypatch, capsys, tmp_path):
        asked = []
        monkeypatch.setenv("ESA4_MIMII", str(tmp_path))
        monkeypatch.setattr(
            command_line, "load_machines", lambda name: asked.append(name) or [1, 2]
        )
        assert command_line.main(["download", "machines"]) == 0
        # Never the synthetic ones, whatever the settings say.
        assert asked == ["mimii"]
        output = capsys.readouterr().out
        assert output == f"The clips of 2 machines are in {tmp_path}\n"

    def test_a_failure_is_told_apart(self, monkeypatch, capsys):
        def load_machines(name: str) -> None:
            raise DatasetUnreachableError("no network")

        monkeypatch.setattr(command_line, "load_machines", load_machines)
        assert command_line.main(["download", "machines"]) == 3
        assert capsys.readouterr().err == "no network\n"
