from __future__ import annotations

import importlib
import itertools
import time

import numpy as np
import pytest
import soundfile

from esa4_helpers import load_mimii
from esa4_helpers.datasets import DatasetError, DatasetUnreachableError

# The command has the module's name, and hides it.
download = importlib.import_module("esa4_helpers.cli.download")


def fetch_that(outcome, monkeypatch) -> dict[str, bool]:
    asked = {}

    def fetch_recordings(progressbar: bool = False):
        asked["progressbar"] = progressbar
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(download, "fetch_recordings", fetch_recordings)
    monkeypatch.setattr(download, "load_dataset", asked.setdefault)
    return asked


def test_download_shows_progress_and_says_where_the_file_is(
    monkeypatch, esa4, tmp_path
):
    asked = fetch_that(tmp_path / "anomaly_mini.zip", monkeypatch)
    result = esa4("download")
    assert asked == {"progressbar": True, "recordings": None}
    assert result.stdout == f"The recordings are at {tmp_path / 'anomaly_mini.zip'}\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [(DatasetUnreachableError("no network"), 3), (DatasetError("wrong zip"), 1)],
)
def test_failures_are_told_apart_and_explained(monkeypatch, esa4, error, code):
    fetch_that(error, monkeypatch)
    result = esa4("download")
    assert result.exit_code == code
    assert result.stderr == f"Error: {error}\n"
    assert result.stdout == ""


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

        monkeypatch.setattr(download, "load_mimii", spy)
        return asked

    def test_asks_for_the_clips_and_says_where_they_are(self, asked, esa4, tmp_path):
        options = ["--snr", "-6", "--normal", "3", "--abnormal", "1", "--channel", "2"]
        result = esa4("download", "mimii", "fan", "id_00", *options)
        counts = {"n_normal": 3, "n_abnormal": 1, "channel": 2}
        assert asked == [(("fan", "id_00", -6), counts)]
        assert result.exit_code == 0
        assert result.output == f"mimii fan id_00 -6 dB: 4 clips are in {tmp_path}\n"

    def test_its_help_tells_what_it_asks_for_by_default(self, esa4):
        told = " ".join(esa4("download", "mimii", "--help").stdout.split())
        assert "Nominal signal-to-noise ratio in dB. [default: 6]" in told
        assert "Which microphone, 0 to 7. [default: 0]" in told

    def test_by_default_it_asks_for_all_clips_at_6_db(self, asked, esa4):
        result = esa4("download", "mimii", "fan", "id_00")
        counts = {"n_normal": None, "n_abnormal": None, "channel": 0}
        assert asked == [(("fan", "id_00", 6), counts)]
        assert result.exit_code == 2
        assert "Error: 3 normal clips leave none to train on" in result.stderr

    def test_clips_that_are_not_there_are_an_error(self, asked, esa4):
        result = esa4("download", "mimii", "pump", "id_02")
        assert result.exit_code == 1
        assert "no pump id_02 at 6 dB" in result.stderr
        assert result.stdout == ""

    def test_without_a_connection_it_says_so(self, monkeypatch, esa4, tmp_path):
        monkeypatch.delenv("ESA4_MIMII", raising=False)
        monkeypatch.setenv("ESA4_DATA_HOME", str(tmp_path))
        # Nothing listens there.
        monkeypatch.setenv("ESA4_MIMII_URL", "http://127.0.0.1:1")
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        result = esa4("download", "mimii", "pump", "id_02")
        assert result.exit_code == 3
        assert "mimii pump id_02 6 dB can't be reached" in result.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ["fan"],
            ["toaster", "id_00"],
            ["fan", "id_01"],
            ["fan", "id_00", "--snr", "3"],
        ],
    )
    def test_names_that_do_not_exist_show_those_that_do(self, asked, esa4, arguments):
        result = esa4("download", "mimii", *arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("Usage: main download mimii")
        assert asked == []


class TestDownloadMachines:
    def test_says_where_they_are(self, monkeypatch, esa4, tmp_path):
        asked = []
        monkeypatch.setenv("ESA4_MIMII", str(tmp_path))
        monkeypatch.setattr(
            download, "load_machines", lambda name: asked.append(name) or [1, 2]
        )
        result = esa4("download", "machines")
        assert result.exit_code == 0
        # Never the synthetic ones, whatever the settings say.
        assert asked == ["mimii"]
        assert result.output == f"The clips of 2 machines are in {tmp_path}\n"

    def test_a_failure_is_told_apart(self, monkeypatch, esa4):
        def load_machines(name: str) -> None:
            raise DatasetUnreachableError("no network")

        monkeypatch.setattr(download, "load_machines", load_machines)
        result = esa4("download", "machines")
        assert (result.exit_code, result.stderr) == (3, "Error: no network\n")
