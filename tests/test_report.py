"""The report tells what `judge_recordings` says, to everybody, and asks the net for nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browser import barriers, chromium, complaints, cut_off, overflow
from bs4 import BeautifulSoup

from esa4_helpers import (
    Recordings,
    judge_recordings,
    make_detector,
    read_recordings,
    write_report,
)
from esa4_helpers.report import _media
from esa4_helpers.report.page import _write

SR = 16000
N_DAYS = 24
# All that a file's name can hold to break a page; the last one is no text at all.
NASTY = "<script>alert(1)<b> \"a\" 'b' & {{ 7 * 7 }} äöü.wav"
NO_TEXT = os.fsdecode(b"no text \xff\xfe.wav")


def noise(seconds: float, seed: int) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal(round(seconds * SR))


def squeak(seconds: float) -> np.ndarray:
    return 0.02 * np.sin(2 * np.pi * 2000 / SR * np.arange(round(seconds * SR)))


def write(folder: Path, sounds: dict[str, np.ndarray], gain_db: float = 0.0) -> Path:
    folder.mkdir(exist_ok=True)
    for name, sound in sounds.items():
        with (folder / name).open("wb") as file:
            soundfile.write(file, 10 ** (gain_db / 20) * sound, SR, format="WAV")
    return folder


def read(folder: Path, clip_seconds: float = 1.0) -> Recordings:
    return read_recordings(folder, clip_seconds, sr=SR, keep_silent=True)


def parsed(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


def cells(page: BeautifulSoup, section: str) -> list[list[str]]:
    """The rows of a section's first table; of numbers, those of which they are short."""
    rows = page.find(id=section).find("tbody").find_all("tr")
    return [
        [
            cell.data["value"] if cell.data else cell.get_text(strip=True)
            for cell in row.find_all(["th", "td"])
        ]
        for row in rows
    ]


class Loudest:
    """Somebody else's detector, that knows scores and maybe a threshold, and no more."""

    def __init__(self, **known: float) -> None:
        vars(self).update(known)

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        return -np.abs(X).max(axis=1)


@pytest.fixture(scope="module")
def detector():
    clips = np.stack([noise(1, 100 + day) for day in range(N_DAYS)])
    return make_detector("mahalanobis", SR, false_alarm_rate=0.05).fit(clips)


@pytest.fixture(scope="module")
def new(tmp_path_factory) -> Recordings:
    """A fault, a sensor that fails, names of all kinds, and a file that is none."""
    sounds = {"day 1.wav": noise(3, 1), "day 2.wav": noise(4, 2)}
    sounds["day 2.wav"][:SR] += squeak(1)
    sounds[NASTY] = np.concatenate(
        [noise(1, 3), noise(1, 4) + 2 * squeak(1), np.zeros(SR)]
    )
    sounds[NO_TEXT] = noise(1, 5) + squeak(1)
    folder = write(tmp_path_factory.mktemp("new"), sounds)
    (folder / "<b>empty.wav").touch()
    return read(folder)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("report") / "report.html"


@pytest.fixture(scope="module")
def told(detector, new, file) -> dict:
    return write_report(detector, new, file, title='A "pump" <i>1</i>', most_alarms=2)


@pytest.fixture(scope="module")
def page(told, file) -> BeautifulSoup:
    return parsed(file)


@pytest.fixture(scope="module")
def rows(detector, new) -> list:
    return judge_recordings(detector, new)


class TestNumbers:
    """What the report says is what the clips' own table says."""

    def test_the_summary_counts_the_rows(self, told, rows):
        json.dumps(told, allow_nan=False)
        assert told["clips"] == len(rows) == told["seconds"] == 11
        assert told["recordings"] == 4
        assert list(told["unusable"]) == ["<b>empty.wav"]
        assert told["alarms"] == sum(row.alarm for row in rows) == 3
        assert told["sensor_faults"] == sum(row.sensor is not None for row in rows) == 1
        assert told["threshold"] == rows[0].threshold
        assert told["expected_false_alarms"] == pytest.approx(10 * 0.05)

    def test_the_alarms_are_the_worst_rows(self, page, rows):
        worst = sorted((row for row in rows if row.alarm), key=lambda row: -row.score)
        assert cells(page, "alarms") == [
            [str(i), row.recording, str(row.start), str(row.end), str(row.score)]
            for i, row in enumerate(worst[:2], 1)
        ]
        assert "The worst 2 are shown" in page.find(id="alarms").get_text()

    def test_sensor_problems_stand_apart(self, page):
        assert cells(page, "sensor") == [[NASTY, "silence", "1", "2.0", "3.0"]]
        assert [row[1] for row in cells(page, "alarms")].count(NASTY) == 1

    def test_each_recording_has_its_row(self, page, rows):
        for name, *numbers in cells(page, "recordings"):
            own = [row for row in rows if row.recording == name]
            scores = [row.score for row in own if row.score is not None]
            assert [float(number) for number in numbers] == pytest.approx(
                [
                    len(own),
                    sum(row.alarm for row in own),
                    sum(row.sensor is not None for row in own),
                    np.median(scores),
                    max(scores),
                ]
            )

    def test_a_file_that_can_not_be_used_is_named_with_its_reason(self, page):
        assert "<b>empty.wav: empty" in page.find(id="health").get_text()
        assert page.get_text().count("empty.wav") == 1

    def test_all_that_took_part_in_the_training_tells_its_version(self, page, detector):
        then = detector.training_.versions
        assert cells(page, "about") == [
            [name, version, version] for name, version in then.items()
        ]

    def test_the_promise_is_told_for_a_day(self, page, told):
        assert told["false_alarms_a_day"] == pytest.approx(0.05 * 86400)
        text = " ".join(page.find(id="promise").get_text().split())
        assert "4300 false alarms a day" in text
        assert "of 24 training clips of 24 recordings" in text


class TestFile:
    """One file, which is all that is needed."""

    def test_nothing_leads_to_the_net(self, page, file):
        addresses = [
            tag[name]
            for name in ("src", "href", "action", "data", "poster", "srcset")
            for tag in page.find_all(attrs={name: True})
        ]
        assert len(addresses) > 10
        assert all(
            re.match("#|data:(audio/mpeg|image/png);|data:,", a) for a in addresses
        )
        assert all(page.find(id=a[1:]) for a in addresses if a.startswith("#"))
        assert not re.search(r"https?:|url\(|@import", file.read_text(encoding="utf-8"))

    def test_names_are_text_whatever_they_hold(self, page):
        assert page.h1.get_text() == 'A "pump" <i>1</i>'
        assert NASTY in [row[0] for row in cells(page, "recordings")]
        assert len(page.find_all("script")) == 2
        assert not page.find_all(["b", "i"])

    def test_each_alarm_is_heard_and_seen(self, page):
        clips = page.find_all("article")
        assert [clip["id"] for clip in clips] == ["typical", "alarm-1", "alarm-2"]
        for clip in clips:
            assert clip.audio["src"].startswith("data:audio/mpeg")
            assert len(clip.find_all("img")) == 2

    def test_a_report_that_fails_leaves_the_old_one(self, detector, new, tmp_path):
        old = tmp_path / "report.html"
        old.write_text("old")
        shorter = read(write(tmp_path, {"a.wav": noise(2, 0)}), clip_seconds=0.5)
        with pytest.raises(ValueError, match="training"):
            write_report(detector, shorter, old)
        assert old.read_text() == "old"
        assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "report.html"}

    @pytest.mark.parametrize(
        ("name", "error", "why"),
        [
            ("day 1.wav", ValueError, "ends in .html"),
            ("gone/report.html", FileNotFoundError, "no folder"),
            ("folder.html", ValueError, "is a folder"),
        ],
    )
    def test_what_can_not_be_written_is_refused(
        self, detector, new, tmp_path, name, error, why
    ):
        (tmp_path / "folder.html").mkdir()
        with pytest.raises(error, match=why):
            write_report(detector, new, tmp_path / name)

    def test_a_report_that_can_not_be_written_in_full_leaves_the_old_one(
        self, tmp_path, full_disk
    ):
        old = tmp_path / "report.html"
        old.write_text("old")
        full_disk(100)
        with pytest.raises(OSError, match=r"\[Errno 27\]"):
            _write("new" * 10_000, old)
        assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]

    def test_only_recordings_are_reported_on(self, detector, new, tmp_path):
        with pytest.raises(TypeError, match=r"read_recordings returns, got str$"):
            write_report(detector, "folder", tmp_path / "report.html")
        with pytest.raises(TypeError, match=r"^title must be a text, got 3$"):
            write_report(detector, new, tmp_path / "report.html", title=3)
        with pytest.raises(ValueError, match="most_alarms must be"):
            write_report(detector, new, tmp_path / "report.html", most_alarms=-1)


@pytest.fixture(scope="class")
def open_report(told, file) -> Iterator:
    with chromium() as browser:
        yield lambda **settings: opened(browser, file, **settings)


def opened(browser, file: Path, **settings):
    page = browser.new_context(**settings).new_page()
    page.wrong = complaints(page)
    page.goto(file.as_uri())
    return page


class TestInTheBrowser:
    """Everybody can read it, on any screen, with the net or without."""

    @pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1400, "dark")])
    def test_nobody_is_kept_out(self, open_report, width, scheme):
        size = {"width": width, "height": 800}
        page = open_report(color_scheme=scheme, viewport=size, offline=True)
        assert barriers(page) == []
        assert overflow(page) <= 0
        assert cut_off(page) == []
        assert page.wrong == []

    def test_the_timeline_is_read_out_by_keyboard(self, open_report, rows):
        page = open_report()
        slider = page.get_by_role("slider")
        slider.press("End")
        reading = page.locator("output").text_content()
        assert reading.startswith(rows[-1].recording)
        assert f"score {rows[-1].score:.4g}; alarm" in reading
        slider.press("Home")
        assert page.locator("output").text_content().startswith(rows[0].recording)

    def test_a_mark_leads_to_its_alarm(self, open_report):
        page = open_report()
        page.locator('[href="#alarm-2"]').first.press("Enter")
        assert page.locator(":target").get_attribute("id") == "alarm-2"

    def test_it_prints_without_what_paper_can_not_do(self, open_report):
        page = open_report()
        page.emulate_media(media="print")
        assert not page.locator("audio").first.is_visible()
        assert page.locator("#alarm-1 img").first.is_visible()


class TestPromise:
    """A promise holds for sound like that of the training only, and the report says so."""

    @pytest.mark.parametrize("gain_db", [-3.0, 3.0])
    def test_a_change_of_gain_is_drift_and_no_fault(self, detector, tmp_path, gain_db):
        sounds = {f"{day}.wav": noise(2, 50 + day) for day in range(8)}
        new = read(write(tmp_path / "new", sounds, gain_db))
        told = write_report(detector, new, tmp_path / "report.html")
        # Twice the promised share of 16 clips.
        assert told["alarms"] <= 2 * 0.05 * 16
        assert told["sensor_faults"] > 8
        assert not told["promise_kept"]
        louder = "louder" if gain_db > 0 else "quieter"
        assert f"3.0 dB {louder} than those of the training" in told["reasons"][0]
        page = parsed(tmp_path / "report.html")
        assert "The promise is withdrawn" in page.find(id="promise").get_text()
        assert f"3.0 dB {louder}" in page.find(id="drift").get_text()

    def test_a_gain_that_was_changed_for_a_while_is_drift_too(self, detector, tmp_path):
        sounds = {f"{day}.wav": noise(2, 50 + day) for day in range(8)}
        for day in range(3):
            sounds[f"{day}.wav"] *= 10 ** (3 / 20)
        new = read(write(tmp_path / "new", sounds))
        told = write_report(detector, new, tmp_path / "report.html")
        assert not told["promise_kept"]
        assert "differ by their level alone" in told["reasons"][0]

    def test_recordings_of_the_training_are_no_news(self, tmp_path):
        sounds = {f"{day}.wav": noise(1, day) for day in range(20)}
        known = read(write(tmp_path / "known", sounds))
        learned = make_detector("level", SR).fit(known)
        write(tmp_path / "known", {"new.wav": noise(1, 99)})
        write_report(learned, read(tmp_path / "known"), tmp_path / "report.html")
        text = parsed(tmp_path / "report.html").find(id="health").get_text()
        assert "20 recordings of these, 0.wav first, were in the training" in text

    def test_without_drift_it_is_kept(self, detector, tmp_path):
        sounds = {f"{day}.wav": noise(2, 50 + day) for day in range(8)}
        new = read(write(tmp_path / "new", sounds))
        told = write_report(detector, new, tmp_path / "report.html")
        assert told["promise_kept"]
        assert told["reasons"] == []
        page = parsed(tmp_path / "report.html")
        assert "The promise is kept" in page.find(id="promise").get_text()
        assert "no drift" in page.find(id="drift").get_text()

    def test_few_recordings_promise_less_than_was_asked_for(self, new, tmp_path):
        clips = np.stack([noise(1, 100 + day) for day in range(20)])
        days = np.arange(20) // 5
        few = make_detector("level", SR, false_alarm_rate=0.01)
        with pytest.warns(UserWarning, match="4 recordings"):
            few.fit(clips, groups=days)
        told = write_report(few, new, tmp_path / "report.html")
        assert told["promised_rate"] == pytest.approx(1 / 5)
        text = parsed(tmp_path / "report.html").find(id="promise").get_text()
        assert "no less than 1 in 5" in text

    def test_a_threshold_of_ones_own_is_promised_nothing(self, detector, new, tmp_path):
        told = write_report(detector, new, tmp_path / "report.html", threshold=1e9)
        assert (told["alarms"], told["promised_rate"]) == (0, None)
        assert "set by hand" in parsed(tmp_path / "report.html").header.get_text()


class TestOtherDetectors:
    def test_one_that_knows_no_training_is_promised_nothing(self, new, tmp_path):
        told = write_report(Loudest(offset_=-0.05), new, tmp_path / "report.html")
        assert told["promised_rate"] is None
        assert told["threshold"] == 0.05
        page = parsed(tmp_path / "report.html")
        assert "does not know how loud its training was" in page.get_text()
        assert page.h1.get_text() == "What the machine sounded like"
        assert [row[:2] for row in cells(page, "about")] == [
            ["python", "unknown"],
            ["esa4-helpers", "unknown"],
        ]
        drawn = {part["id"]: len(part.find_all("svg")) for part in page("section")}
        assert {name for name, n in drawn.items() if n} == {"scores", "drift"}
        assert drawn["drift"] == 1

    def test_one_without_a_threshold_needs_one(self, new, tmp_path):
        file = tmp_path / "report.html"
        with pytest.raises(ValueError, match="threshold"):
            write_report(Loudest(), new, file)
        assert write_report(Loudest(), new, file, threshold=0.05)["threshold"] == 0.05


class TestSize:
    def test_thousands_of_clips_make_no_larger_page(self, tmp_path):
        sound = noise(50, 0).clip(-0.05, 0.05)
        sound[round(31.415 * SR)] = 0.5
        new = read(write(tmp_path / "new", {"day.wav": sound}), clip_seconds=0.01)
        told = write_report(Loudest(offset_=-0.04), new, tmp_path / "report.html")
        assert told["clips"] == 5000
        assert told["alarms"] > 40
        page = parsed(tmp_path / "report.html")
        assert "The worst 20 are shown" in page.find(id="alarms").get_text()
        assert len(page.find_all("article")) == 1 + 20
        readings = json.loads(page.find(id="readings").string)
        assert len(readings) == 480
        # What is brief is not lost, neither in words nor in the drawing.
        heights = page.select_one("path.values.alarms")["d"]
        assert min(float(y) for y in re.findall(r" ([\d.]+)h0", heights)) < 1
        (at,) = [i for i, one in enumerate(readings) if "scores 0.5;" in one["text"]]
        assert at == int(31.415 / 50 * 480)
        assert (tmp_path / "report.html").stat().st_size < 250_000

    def test_sounds_and_pictures_take_no_more_than_there_is_room_for(
        self, detector, new, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(_media, "MOST_BYTES", 45_000)
        write_report(detector, new, tmp_path / "report.html")
        shown = parsed(tmp_path / "report.html").find_all("article")
        heard = [bool(clip.audio) for clip in shown]
        assert heard[0]
        assert not heard[-1]
        assert heard == sorted(heard, reverse=True)
        assert "so that this file stays below 10 MB" in shown[-1].get_text()

    def test_long_lists_say_how_much_of_them_is_shown(self, tmp_path):
        folder = write(tmp_path / "new", {"a.wav": noise(1, 0)})
        for i in range(101):
            (folder / f"empty {i}.wav").touch()
        write_report(
            Loudest(offset_=-0.001),
            read(folder),
            tmp_path / "report.html",
            most_alarms=0,
        )
        page = parsed(tmp_path / "report.html")
        health = page.find(id="health")
        assert "The first 100 of 101 are shown." in health.get_text()
        assert len(health.find_all("li")) == 100
        assert not page.find_all("article")

    def test_no_sound_at_all_is_a_report_too(self, detector, tmp_path):
        silent = read(write(tmp_path / "new", {"a.wav": np.zeros(2 * SR)}))
        told = write_report(detector, silent, tmp_path / "report.html")
        assert (told["alarms"], told["sensor_faults"]) == (0, 2)
        assert len(parsed(tmp_path / "report.html").find_all("svg")) == 1
        assert "No clip has a score" in parsed(tmp_path / "report.html").get_text()
