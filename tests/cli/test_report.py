"""``esa4 report``."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bs4 import BeautifulSoup

from esa4_helpers import make_detector, save_detector

# The command has the module's name, and hides it.
report = importlib.import_module("esa4_helpers.cli.report")

SR = 16000
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A detector, and new recordings: one is normal, one squeaks, one is none."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    detector = make_detector("level", SR).fit(0.01 * rng.standard_normal((20, SR)))
    save_detector(detector, folder / "pump.esa4")
    (folder / "new").mkdir()
    sound = 0.01 * rng.standard_normal(2 * SR)
    soundfile.write(folder / "new" / "day 1.wav", sound, SR)
    sound[SR:] += 0.02 * np.sin(np.arange(SR))
    soundfile.write(folder / "new" / "day 2.wav", sound, SR)
    (folder / "new" / "empty.wav").touch()
    (folder / "more").mkdir()
    sound[SR:] += 0.01 * np.sin(np.arange(SR))
    soundfile.write(folder / "more" / "day 3.wav", np.pad(sound, (0, SR)), SR)
    return folder


def test_writes_the_report_and_says_what_is_in_it(esa4, folder):
    result = esa4(
        "report", folder / "pump.esa4", folder / "new", "-o", folder / "r.html"
    )
    assert result.exit_code == 0
    assert "4 clips of 2 recordings, 1 alarm" in result.stdout
    assert result.stderr.count("empty.wav") == 1
    assert "<h1>pump</h1>" in (folder / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("places", [["new"], ["new", "more"]])
def test_its_numbers_are_those_of_the_table_of_scores(esa4, folder, places):
    places = [folder / place for place in places]
    esa4(
        "score", folder / "pump.esa4", *places, "--hop", 0.5, "--csv", folder / "s.csv"
    )
    with (folder / "s.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    esa4("report", folder / "pump.esa4", *places, "--hop", 0.5, "-o", folder / "r.html")
    page = BeautifulSoup((folder / "r.html").read_text(encoding="utf-8"), "html.parser")
    shown = [
        [
            row.td.get_text(),
            *(float(number["value"]) for number in row.find_all("data")),
        ]
        for row in page.find(id="alarms").find("tbody").find_all("tr")
    ]
    alarms = [
        [row["recording"], *(float(row[key]) for key in ("start", "end", "score"))]
        for row in rows
        if row["alarm"] == "1"
    ]
    assert len(alarms) >= 2
    assert shown == sorted(alarms, key=lambda alarm: -alarm[-1])
    assert f"{len(rows)} clips of" in page.header.get_text()


def test_strict_counts_alarms_as_found_and_json_is_all_there_is(esa4, folder):
    result = esa4(
        "report", folder / "pump.esa4", folder / "new/day 1.wav", folder / "new/day 2.wav",
        "-o", folder / "r.html", "--json", "--strict", "--most", 0,
    )  # fmt: skip
    assert result.exit_code == 4
    told = json.loads(result.stdout)
    assert (told["clips"], told["alarms"]) == (4, 1)
    assert told["report"] == str(folder / "r.html")
    assert "<audio" not in (folder / "r.html").read_text(encoding="utf-8")


def test_what_is_silent_or_damaged_is_counted_and_told(esa4, folder):
    odd = folder / "odd"
    odd.mkdir()
    soundfile.write(odd / "off.wav", np.zeros(SR), SR)
    soundfile.write(odd / "torn.wav", 0.01 * RNG.standard_normal(2 * SR), SR)
    (odd / "torn.wav").write_bytes((odd / "torn.wav").read_bytes()[: 3 * SR])
    options = ("report", folder / "pump.esa4", odd, "-o", folder / "r.html")
    result = esa4(*options, "--title", "Pump 7", "--strict")
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: torn.wav: damaged: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout.startswith(
        f"{folder / 'r.html'}: 2 clips of 2 recordings, 0 alarms, 1 clip with a sensor "
        "problem. "
    )
    assert "<h1>Pump 7</h1>" in (folder / "r.html").read_text(encoding="utf-8")
    assert esa4(*options, "-q").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "r.html"), "Missing argument 'RECORDINGS...'"),
        (("new",), "Missing option '-o' / '--output'"),
        (("new", "-o", "r.html", "--most", -1), "-1 is not in the range x>=0"),
    ],
)
def test_what_is_missing_is_named(esa4, arguments, message):
    result = esa4("report", "pump.esa4", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_by_default_it_shows_the_twenty_worst_alarms(esa4, folder, monkeypatch):
    def write_report(*_: object, **asked: object) -> None:
        raise ValueError(f"asked for {asked}")

    monkeypatch.setattr(report, "write_report", write_report)
    options = ("report", folder / "pump.esa4", folder / "more", "-o", "r.html", "-q")
    asked = {"title": "pump", "most_alarms": 20}
    assert esa4(*options).stderr == f"Error: asked for {asked}\n"
    told = " ".join(esa4("report", "--help").stdout.split())
    assert "the worst first. [default: 20; x>=0]" in told


def test_never_writes_over_a_recording(esa4, folder):
    recording = folder / "new" / "day 1.wav"
    before = recording.read_bytes()
    result = esa4("report", folder / "pump.esa4", folder / "new", "-o", recording)
    assert result.exit_code == 1
    assert "ends in .html" in result.stderr
    assert recording.read_bytes() == before
