"""``esa4 report``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bs4 import BeautifulSoup

from esa4_helpers import make_detector, save_detector

SR = 16000


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
    assert "<audio" not in (folder / "r.html").read_text(encoding="utf-8")


def test_never_writes_over_a_recording(esa4, folder):
    recording = folder / "new" / "day 1.wav"
    before = recording.read_bytes()
    result = esa4("report", folder / "pump.esa4", folder / "new", "-o", recording)
    assert result.exit_code == 1
    assert "ends in .html" in result.stderr
    assert recording.read_bytes() == before
