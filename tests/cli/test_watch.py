"""What `esa4 watch` hears, writes, and leaves behind when it ends."""

from __future__ import annotations

import importlib
import json
import re
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
import soundfile

from esa4_helpers import StreamScorer, make_detector, read_recordings, save_detector
from esa4_helpers.alarms import judge_clips
from esa4_helpers.cli._alarm_clips import AlarmClips, clip_name
from esa4_helpers.sources import Block, Source, SourceError
from esa4_helpers.streaming import StreamEvent
from esa4_helpers.thresholds import own_threshold

from .conftest import BAD, CLIPPED, GOOD

# The command has the module's name, and hides it.
watch = importlib.import_module("esa4_helpers.cli.watch")

SR = 8000
SIZE = 2400
SECONDS = SIZE / SR
TONE = 0.05 * np.sin(0.9 * np.arange(SIZE))


def normal(n_windows: int, seed: int = 0) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal((n_windows, SIZE))


DETECTOR = make_detector("gmm", sr=SR, false_alarm_rate=0.01)
# Twelve windows: two with a fault, then one of silence, all else as in training.
SOUND = normal(12, seed=1)
SOUND[[4, 5]] += TONE
SOUND[8] = 0


def wav(sound: np.ndarray, sr: int = SR, subtype: str = "PCM_16") -> bytes:
    file = BytesIO()
    soundfile.write(file, sound, sr, format="WAV", subtype=subtype)
    return file.getvalue()


def events(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The detector, and the sound as a file."""
    folder = tmp_path_factory.mktemp("watch")
    save_detector(DETECTOR.fit(normal(200)), folder / "machine.esa4")
    (folder / "fan 1.wav").write_bytes(wav(SOUND.ravel()))
    return folder


@pytest.fixture
def listen(esa4, folder, monkeypatch):
    """Run the command in that folder."""
    monkeypatch.chdir(folder)
    # Reading it takes longer than all that is heard here.
    monkeypatch.setattr(watch._shared, "load", lambda file: DETECTOR)

    def run(*arguments: object, **settings: object):
        return esa4("watch", "machine.esa4", *arguments, **settings)

    return run


class TestLines:
    def test_a_file_gives_what_the_batch_gives(self, listen, folder):
        result = listen("fan 1.wav", "--hop", 0.1)
        clips = read_recordings(
            folder / "fan 1.wav", SECONDS, 0.1, SR, keep_silent=True
        )
        found = events(result)
        assert result.exit_code == 0
        assert len(found) == len(clips) == 34
        for event, start, verdict in zip(
            found, clips.starts, judge_clips(DETECTOR, clips.audio), strict=True
        ):
            assert list(event) == ["time", "start", "end", "score", "alarm", "sensor"]
            assert event["time"] == pytest.approx(start)
            assert event["end"] == pytest.approx(start + SECONDS)
            assert (event["alarm"], event["sensor"]) == verdict[1:]
            if event["score"] is None:
                assert np.isnan(verdict.score)
            else:
                assert event["score"] == pytest.approx(verdict.score, rel=1e-6)
            assert event["start"] is None

    def test_standard_input_gives_the_same_by_the_clock(self, listen):
        filed, piped = listen("fan 1.wav"), listen("-", input=wav(SOUND.ravel()))
        found = events(piped)
        starts = [datetime.fromisoformat(event["start"]) for event in found]
        now = datetime.now(starts[0].tzinfo)
        assert timedelta(0) < now - starts[0] < timedelta(minutes=1)
        assert starts[7] - starts[0] == pytest.approx(
            timedelta(seconds=7 * SECONDS), abs=timedelta(milliseconds=2)
        )
        assert [event | {"start": None} for event in found] == events(filed)

    def test_only_alarms_and_changes_of_the_sensor(self, listen):
        all_of, some = events(listen("fan 1.wav")), listen("fan 1.wav", "--only-alarms")
        assert events(some) == [all_of[i] for i in (4, 5, 8, 9)]

    def test_another_rate_and_channels_are_told_once(self, listen):
        sound = np.stack([np.zeros(12 * SIZE), SOUND.ravel()], axis=1)
        data = wav(sound.repeat(2, axis=0), 2 * SR)
        result = listen("-", "--channel", 1, input=data)
        assert len(events(result)) == 12
        first, last = result.stderr.splitlines()
        assert "standard input: 16000 Hz, 2 channels (1), resampled to 8000 Hz" in first
        assert last.startswith("12 window(s), ")
        assert listen("-", "--channel", 1, "-q", input=data).stderr == ""

    @pytest.mark.parametrize(("rate", "channel"), [(48000, 0), (SR, "mean")])
    def test_clipping_is_seen_before_it_is_resampled_or_mixed(
        self, listen, rate, channel
    ):
        n_times = rate // SR
        smooth = np.repeat(normal(6).ravel(), n_times)
        smooth = np.convolve(smooth, np.hanning(4 * n_times), "same")
        sound = np.stack([0.5 * smooth / np.abs(smooth).max()] * 2, axis=1)
        third = slice(2 * SIZE * n_times, 4 * SIZE * n_times)
        sound[third, 0] = np.clip(20 * sound[third, 0], -1, 1)
        result = listen("-", "--channel", channel, input=wav(sound, rate))
        found = events(result)
        for event in found[2:4]:
            kept = [event[name] for name in ("score", "alarm", "sensor")]
            assert kept == [None, False, "clipping"]
        assert "clipping" not in {found[i]["sensor"] for i in (0, 1, 4, 5)}

    @pytest.mark.parametrize("rate", [6000, 48000])
    def test_sound_in_small_blocks_at_another_rate_never_drops_out(self, listen, rate):
        class Slowly(BytesIO):
            def read1(self, _: int = -1) -> bytes:
                return super().read1(320)

        sound = 0.01 * np.random.default_rng(0).standard_normal(3 * rate)
        found = events(listen("-", input=Slowly(wav(sound, rate))))
        assert "dropouts" not in {event["sensor"] for event in found}

    def test_raw_samples(self, listen):
        samples = (32768 * SOUND.ravel()).astype(">i2").tobytes()
        kind = ("--raw", "--rate", SR, "--format", "S16_BE")
        result = listen("-", *kind, input=samples + b"\0")
        alarms = [event["alarm"] for event in events(result)]
        assert alarms == [i in (4, 5) for i in range(12)]
        swapped = np.frombuffer(samples, ">i2").astype("<i2")
        usual = listen("-", "--raw", "--rate", SR, "--json", input=swapped.tobytes())
        expected = [event | {"start": None} for event in events(result)]
        assert [event | {"start": None} for event in events(usual)] == expected
        two = np.stack([swapped, 0 * swapped], axis=1).tobytes()
        kind = ("--raw", "--rate", SR, "--channels", 2, "--channel", 0)
        first = events(listen("-", *kind, input=two))
        assert [event | {"start": None} for event in first] == expected

    def test_k_of_n_hold_off_and_threshold(self, listen):
        def alarms(*options: object) -> list[int]:
            found = events(listen("fan 1.wav", *options))
            return [i for i, event in enumerate(found) if event["alarm"]]

        assert alarms("--of", 2, 3) == [5, 6]
        assert alarms("--of", 2, 2) == [5]
        assert alarms("--hold-off", 0.5) == [4]
        assert alarms("--threshold", 1e9) == []

    @pytest.mark.parametrize("gain_db", [-3, 3])
    def test_a_change_of_gain_is_the_sensors(self, listen, gain_db):
        sound = (
            normal(40, seed=2) * 10 ** (np.repeat([0, gain_db], 20) / 20)[:, np.newaxis]
        )
        found = events(listen("-", input=wav(sound.ravel(), subtype="PCM_24")))
        before, after = found[:20], found[20:]
        assert all(event["sensor"] is None for event in before)
        assert [event["sensor"] for event in after].count("level") >= 16
        # Without the word, all would be alarms.
        assert all(event["score"] > own_threshold(DETECTOR) for event in after)

    def test_the_default_is_a_microphone(self, listen, monkeypatch):
        asked = []

        def microphone(*arguments: object) -> Source:
            asked.append(arguments)
            blocks = (
                Block(SOUND[i].astype("f4"), lost=10.0 * (i == 1)) for i in (0, 1)
            )
            return Source("USB", SR, 1, True, blocks)

        monkeypatch.setattr(watch, "open_microphone", microphone)
        result = listen("--device", "2", "--channels", 4)
        assert asked.pop() == (SR, 2, "mean", 4)
        assert [event["time"] for event in events(result)] == [0, SECONDS + 10]
        assert "; 10 s of sound lost. " in result.stderr.splitlines()[-1]
        listen("--device", "USB")
        listen()
        assert asked == [(SR, "USB", "mean", None), (SR, None, "mean", None)]

    def test_microphones_are_listed_without_a_detector(self, esa4, monkeypatch):
        found = {3: "USB (1 channel)", 10: "HDMI"}
        monkeypatch.setattr(watch, "microphones", lambda: found)
        result = esa4("watch", "--list-devices")
        listed = "  3 USB (1 channel)\n 10 HDMI\n"
        assert (result.exit_code, result.output) == (0, listed)
        # It needs nothing that is otherwise asked for, and hears of nothing else.
        assert esa4("watch", "--of", 3, 2, "--list-devices").output == listed
        monkeypatch.setattr(watch, "microphones", dict)
        assert "no microphone" in esa4("watch", "--list-devices").stderr


class TestLog:
    def test_it_holds_the_lines_and_mends_one_that_was_cut(self, listen, tmp_path):
        log = tmp_path / "log.jsonl"
        printed = listen("fan 1.wav", "--log", log).stdout
        assert log.read_text() == printed
        log.write_text(printed[:-20])
        for _ in range(2):
            listen("fan 1.wav", "--log", log)
        assert log.read_text() == f"{printed[:-20]}\n{printed}{printed}"

    def test_a_line_that_finds_no_room_is_an_error(self):
        class Full(BytesIO):
            name = "log.jsonl"

            def write(self, data: bytes) -> int:
                return super().write(data[:-1])

        with pytest.raises(OSError, match=r"No space left on device: 'log\.jsonl'"):
            watch._append(Full(), "line")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
    def test_a_full_disk_is_said(self, listen):
        result = listen("fan 1.wav", "--log", "/dev/full")
        assert result.exit_code == 1
        assert "No space left" in result.stderr


class TestClips:
    def test_they_hold_the_sound_around_the_alarm(self, listen, tmp_path):
        place = tmp_path / "alarms" / "fan"
        listen("fan 1.wav", "--hold-off", 1, "--clips", place, "--around", 0.5)
        (file,) = place.iterdir()
        assert file.name == "alarm_fan 1_000001.200s.flac"
        sound, sr = soundfile.read(file)
        assert sr == SR
        np.testing.assert_allclose(
            sound, SOUND.ravel()[5600 : 4 * SIZE + SIZE + 4000], atol=2**-15
        )

    def test_they_end_with_the_stream_and_are_named_by_the_clock(
        self, listen, tmp_path
    ):
        result = listen(
            *("-", "--hold-off", 1, "--clips", tmp_path), input=wav(SOUND.ravel())
        )
        (file,) = tmp_path.iterdir()
        start = events(result)[4]["start"]
        digits = "".join(filter(str.isdecimal, start))
        assert file.name == f"alarm_{digits[:8]}T{digits[8:]}Z.flac"
        assert soundfile.info(file).frames == SOUND.size

    def test_only_the_newest_are_kept_and_nothing_else_is_touched(
        self, listen, tmp_path
    ):
        others = {tmp_path / "alarm_bearing.flac", tmp_path / "notes.txt"}
        for other in others:
            other.touch()
        for _ in range(2):
            listen(
                *("fan 1.wav", "--threshold", -1e9, "--clips", tmp_path, "--keep", 3)
            )
            left = {file.name for file in {*tmp_path.iterdir()} - others}
            times = ("000002.700s", "000003.000s", "000003.300s")
            assert left == {f"alarm_fan 1_{time}.flac" for time in times}
        assert all(other.exists() for other in others)

    def test_one_that_can_not_be_kept_ends_nothing(self, listen, tmp_path, monkeypatch):
        def full(*_: object) -> None:
            raise OSError("No space left")

        monkeypatch.setattr(Path, "write_bytes", full)
        result = listen("fan 1.wav", "--clips", tmp_path)
        assert (result.exit_code, len(events(result))) == (0, 12)
        assert "can't be kept: No space left" in result.stderr
        assert [*tmp_path.iterdir()] == []

    def test_they_wait_for_the_sound_that_follows(self, listen, tmp_path):
        class Slowly(BytesIO):
            def read1(self, _: int = -1) -> bytes:
                return super().read1(1600)

        data = Slowly(wav(SOUND.ravel()))
        options = ("--hold-off", 1, "--clips", tmp_path, "--around", 0.5, "-q")
        assert listen("-", *options, input=data).exit_code == 0
        (file,) = tmp_path.iterdir()
        assert soundfile.info(file).frames == SIZE + 2 * 4000

    def test_each_is_written_as_soon_as_all_of_it_was_heard(self, tmp_path):
        clips = AlarmClips(tmp_path, 10, window_seconds=1.0, around=1.0, n_kept=9)
        sound, written = np.arange(1, 61) / 64, {}
        asked = {10: (0.0, "first"), 25: (1.5, "second"), 40: (3.0, "third")}
        for i, value in enumerate(sound, start=1):
            clips.hear(Block(np.array([value], np.float32)))
            if i in asked:
                time, name = asked[i]
                clips.want(StreamEvent(time, 1.0, True, time + 1, None), name)
            clips.write()
            for file in tmp_path.iterdir():
                written.setdefault(file.name, i)
            # So much and a block.
            assert len(clips._recent._blocks) <= 31
        places = {"first": (0, 20), "second": (5, 35), "third": (20, 50)}
        assert written == {f"alarm_{n}.flac": stop for n, (_, stop) in places.items()}
        for name, (start, stop) in places.items():
            kept, sr = soundfile.read(tmp_path / f"alarm_{name}.flac")
            assert sr == 10
            np.testing.assert_array_equal(kept, sound[start:stop])

    @pytest.mark.parametrize(
        ("start", "name"),
        [
            (None, "fan 1_000012.346s"),
            (datetime(2026, 1, 2, 3, 4, 5, 6999, UTC), "20260102T030405006Z"),
            (datetime(2026, 1, 2, 3, 4, 5, 999999, UTC), "20260102T030405999Z"),
        ],
    )
    def test_their_names_tell_when_or_where(self, start, name):
        event = StreamEvent(12.3456, 1.0, True, 13.0, None)
        assert clip_name(event, start, "a.b/fan 1.wav") == name

    def test_by_default_they_are_as_the_help_says(self, listen, monkeypatch, tmp_path):
        def spy(*asked: object) -> None:
            raise ValueError(f"asked for {asked}")

        monkeypatch.setattr(watch, "AlarmClips", spy)
        asked = (tmp_path, SR, SECONDS, 5.0, 100)
        told = listen("fan 1.wav", "--clips", tmp_path).stderr
        assert told == f"Error: asked for {asked}\n"
        help_ = " ".join(listen("--help").stdout.split())
        assert "after the window, in s. By default 5." in help_
        assert "delete older ones. By default 100." in help_

    def test_what_was_lost_is_silent_in_them(self, tmp_path):
        clips = AlarmClips(tmp_path, 10, window_seconds=1.0, around=1.0, n_kept=9)
        scorer = StreamScorer(Mean(), sr=10, clip_seconds=1.0)
        for lost in (0.0, 0.5):
            block = Block(np.full(10, 0.5, np.float32), lost)
            scorer.skip(lost)
            clips.hear(block)
            for event in scorer.push(block.sound):
                clips.want(event, f"{event.time}")
        clips.write(is_over=True)
        sound, _ = soundfile.read(tmp_path / "alarm_1.5.flac")
        np.testing.assert_array_equal(
            sound, 0.5 * np.repeat([1, 0, 1], (5, 5, 10))[-20:]
        )


class Mean:
    """A stand-in whose anomaly score is the mean of the clip."""

    offset_ = -0.2

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        return -X.mean(axis=1)


def test_memory_stays_the_same_however_long_it_listens(tmp_path, monkeypatch):
    monkeypatch.setattr(click, "echo", lambda line: None)
    monkeypatch.setattr(AlarmClips, "_save", lambda *_: None)
    scorer = StreamScorer(Mean(), sr=1000, clip_seconds=1.0)
    source = Source("test", 1000, 1, True, iter(()))
    clips = AlarmClips(tmp_path, 1000, 1.0, around=2.0, n_kept=5)
    watcher = watch._Watcher(scorer, source, 1.0, None, clips, only_alarms=False)
    rng, used = np.random.default_rng(0), []
    tracemalloc.start()
    for _ in range(4):
        for _ in range(1000):
            watcher.hear(Block(rng.uniform(0, 1, 20).astype("f4")))
        used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert watcher.n_alarms == watcher.n_windows == 80
    assert used[-1] - used[0] < 5000


class TestWatcher:
    """Listens at 1000 Hz to windows of 1 s, and calls abnormal what is above 0.2."""

    @staticmethod
    def watcher(sr: int = 1000, n_channels: int = 1, is_live: bool = True):
        scorer = StreamScorer(Mean(), sr=1000, clip_seconds=1.0)
        source = Source("fan", sr, n_channels, is_live, iter(()))
        return watch._Watcher(scorer, source, 1.0, None, None, only_alarms=False)

    def test_it_follows_the_clock_once_it_is_two_seconds_off(self, monkeypatch, capsys):
        clock = iter([1001.0, 1004.0, 1005.5, 1016.5, 1017.0])
        monkeypatch.setattr(watch, "time", SimpleNamespace(time=lambda: next(clock)))
        watcher = self.watcher()
        for lost in (0.0, 0.0, 0.0, 10.0, 0.0):
            watcher.hear(Block(np.full(1000, 0.1, np.float32), lost))
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["time"] for line in lines] == [0, 1, 2, 13, 14]
        assert [line["start"] for line in lines] == [
            f"1970-01-01T00:{start}Z"
            for start in (
                *("16:40.000", "16:41.000"),
                *("16:44.500", "16:55.500", "16:56.500"),
            )
        ]
        assert watcher.seconds == 15

    @pytest.mark.parametrize("recorded", [False, True])
    def test_hidden_clipping_is_found_after_sound_that_was_lost(self, capsys, recorded):
        rng = np.random.default_rng(0)
        smooth = np.convolve(rng.standard_normal(2000), np.hanning(8), "same")
        smooth *= 0.5 / np.abs(smooth).max()
        clipped = np.clip(20 * smooth, -1, 1)
        watcher = self.watcher(2000, is_live=False)
        for lost, original in ((0.0, smooth), (0.5, clipped), (0.25, smooth)):
            sound = (0.25 + 0.1 * rng.standard_normal(1000)).astype("f4")
            original = original.astype("f4")[:, np.newaxis]
            watcher.hear(Block(sound, lost, original if recorded else None))
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["time"] for line in lines] == [0, 1.5, 2.75]
        fault = "clipping" if recorded else None
        assert [line["sensor"] for line in lines] == [None, fault, None]
        assert [line["alarm"] for line in lines] == [True, not recorded, True]

    @pytest.mark.parametrize(
        ("sr", "n_channels", "is_kept"),
        [(1000, 1, False), (1000, 2, True), (500, 1, True), (2000, 1, True)],
    )
    def test_it_keeps_what_was_recorded_only_if_it_is_changed(
        self, sr, n_channels, is_kept
    ):
        assert (self.watcher(sr, n_channels)._recorded is not None) is is_kept


class TestEnd:
    @pytest.mark.parametrize(
        ("n_signals", "exit_code", "n_lines"), [(1, 0, 2), (2, 130, 1)]
    )
    def test_a_signal_lets_a_block_be_judged_and_two_do_not(
        self, listen, monkeypatch, n_signals, exit_code, n_lines
    ):
        def microphone(*_: object) -> Source:
            blocks = (Block(SOUND[i : i + 2].astype("f4").ravel()) for i in (0, 2))
            return Source("USB", SR, 1, True, blocks)

        def echo(line: str, **_: object) -> None:
            told.append(line)
            for _ in range(n_signals if len(told) == 1 else 0):
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(watch, "open_microphone", microphone)
        monkeypatch.setattr(click, "echo", echo)
        told: list[str] = []
        assert listen("-q").exit_code == exit_code
        assert len(told) == n_lines

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("n_windows", [None, 0, 3])
    def test_signals_end_it_cleanly(self, listen, tmp_path, number, n_windows):
        class Waiting(BytesIO):
            def read1(self, n_bytes: int = -1) -> bytes:
                data = super().read1(n_bytes)
                if not data:
                    signal.raise_signal(number)
                return data

        before = signal.getsignal(number)
        data = wav(normal(4).ravel())
        data = b"" if n_windows is None else data[: 44 + 2 * SIZE * n_windows + 101]
        result = listen("-", input=Waiting(data))
        assert result.exit_code == 0
        assert len(events(result)) == (n_windows or 0)
        said = f"{n_windows} window(s), 0 alarm(s)"
        if n_windows is None:
            said = "Nothing was heard."
        elif n_windows:
            said += ". Promised: about 0.03 false alarms."
        assert result.stderr.splitlines()[-1] == said
        assert signal.getsignal(number) == before

    def test_a_signal_lets_a_file_be_read_to_the_end_of_the_block(
        self, listen, monkeypatch
    ):
        blocks = (Block(row.astype("f4")) for row in SOUND)

        def interrupted():
            yield next(blocks)
            signal.raise_signal(signal.SIGINT)
            yield next(blocks)
            raise AssertionError("the next block was asked for")

        source = Source("fan", SR, 1, False, interrupted())
        monkeypatch.setattr(watch, "open_file", lambda *_: source)
        result = listen("fan 1.wav")
        assert (result.exit_code, len(events(result))) == (0, 2)

    def test_a_reader_that_goes_away_is_no_matter(self, listen, monkeypatch):
        def closed(*_: object, **__: object) -> None:
            raise BrokenPipeError

        monkeypatch.setattr(click, "echo", closed)
        result = listen("fan 1.wav", "-q")
        assert (result.exit_code, result.output) == (0, "")

    def test_strict_tells_of_an_alarm(self, listen):
        assert listen("fan 1.wav", "--strict").exit_code == 4
        assert listen("fan 1.wav", "--strict", "--threshold", 1e9).exit_code == 0

    @pytest.mark.parametrize("n_windows", [0, 1])
    def test_a_microphone_that_is_unplugged_is_an_error(
        self, listen, monkeypatch, n_windows
    ):
        def unplugged():
            yield Block(
                SOUND[: n_windows or 1].astype("f4").ravel()[: 2400 * n_windows]
            )
            raise SourceError("USB has sent nothing")

        source = Source("USB", SR, 1, True, unplugged())
        monkeypatch.setattr(watch, "open_microphone", lambda *_: source)
        result = listen("-q")
        assert (result.exit_code, len(events(result))) == (1, n_windows)
        assert result.stderr == "Error: USB has sent nothing\n"

    def test_of_a_damaged_file_no_window_is_lost(self, listen, tmp_path):
        file = tmp_path / "cut.wav"
        file.write_bytes(wav(SOUND.ravel())[: 2 * 5 * SIZE + 100])
        result = listen(file, "-q")
        assert (result.exit_code, len(events(result))) == (0, 5)
        assert result.stderr.count("cut.wav: damaged: it can be read up to 1.5") == 1
        file.write_bytes(wav(SOUND.ravel())[: SIZE + 44])
        result = listen(file, "-q")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "cut.wav: damaged: it can be read up to 0.15" in result.stderr

    def test_killing_it_loses_no_line(self, folder, tmp_path):
        log = tmp_path / "log.jsonl"
        process = subprocess.Popen(
            [sys.executable, "-m", "esa4_helpers", "watch"]
            + [folder / "machine.esa4", "-", "--log", log, "-q"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            # Four windows and a half; the next never comes.
            process.stdin.write(wav(SOUND.ravel())[: 9 * SIZE + 44])
            process.stdin.flush()
            lines = [process.stdout.readline() for _ in range(4)]
            process.kill()
            assert process.stdout.read() == b""
        assert log.read_bytes() == b"".join(lines)
        assert [json.loads(line)["time"] for line in lines] == [
            pytest.approx(i * SECONDS) for i in range(4)
        ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'MACHINE'"),
        (("m", "fan.wav", "--device", "1"), "--device is for a microphone"),
        (("m", "fan.wav", "--raw", "--rate", "8000"), "--raw takes standard input"),
        (("m", "-", "--raw"), "--raw takes standard input (-), and its --rate"),
        (("m", "!.wav", "--raw", "--rate", "8000"), "--raw takes standard input (-)"),
        (("m", "-", "--rate", "8000"), "--rate and --format are for --raw"),
        (("m", "-", "--format", "S16_LE"), "--rate and --format are for --raw"),
        (("m", "-", "--channel", "left"), "left is neither 'mean' nor a number"),
        (("m", "-", "--of", "3", "2"), "K must be at most N"),
        (("m", "-", "--log", "/"), "File '/' is a directory"),
        (("m", "-", "--clips", __file__), "is a file"),
    ],
)
def test_usage_that_means_nothing_is_refused(esa4, arguments, message):
    result = esa4("watch", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("option", "refused", "accepted"),
    [
        ("--channels", [0], [1]),
        ("--rate", [999], [1000]),
        ("--hold-off", [-1e-9], [0]),
        ("--around", [-1e-9, 600.1], [0, 600]),
        ("--keep", [0], [1]),
    ],
)
def test_the_least_and_the_most_of_each_option(esa4, option, refused, accepted):
    for value, is_refused in [(v, True) for v in refused] + [
        (v, False) for v in accepted
    ]:
        said = esa4("watch", "nowhere.esa4", "-", option, value).stderr
        assert (f"'{option}': " in said) is is_refused
    assert "0 is not in the range" in esa4("watch", "m", "-", "--of", 0, 1).stderr


@pytest.mark.parametrize("stdin", [None, SimpleNamespace(isatty=lambda: True)])
def test_nobody_types_sound(monkeypatch, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(click.UsageError, match=r"Nothing is sent to standard input"):
        watch._open("-", SR, None, "mean", None, None)


@pytest.mark.parametrize(
    ("arguments", "data", "message"),
    [
        (("nowhere.wav",), None, "nowhere.wav: there is no such file"),
        (("!.wav",), None, "!.wav: there is no such file"),
        (("-",), b"", "ended before any sound came"),
        (("-",), wav(SOUND[0, :1200]), "ended after 0.15 s, and a window takes 0.3 s"),
        (("-",), wav(9 * SOUND.ravel(), subtype="FLOAT")[:100], "a window takes"),
        (("fan 1.wav", "--channel", 1), None, "no channel 1"),
        (("fan 1.wav", "--hop", 1e-9), None, "hop_seconds must be at least one sample"),
        (("fan 1.wav", "--log", "nowhere/log"), None, "there is no folder nowhere"),
    ],
    # Of bytes that hold the time of day, each process would make another name.
    ids=[
        "no file",
        "odd name",
        "nothing",
        "too little",
        "cut off",
        "channel",
        "hop",
        "log",
    ],
)
def test_what_can_not_be_heard_takes_one_line(listen, arguments, data, message):
    result = listen(*arguments, "-q", input=data)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", [*GOOD, CLIPPED, *BAD])
def test_all_that_engineers_bring_is_heard_or_named_once(esa4, mixed, machine, name):
    result = esa4("watch", "-q", "--", machine, mixed / name)
    if name in BAD and name != "silent.wav":
        assert (result.exit_code, result.stdout) == (1, "")
        assert re.search(BAD[name], result.stderr) or "a window takes" in result.stderr
        assert result.stderr.count("\n") == 1
        return
    seconds = soundfile.info(mixed / name).duration
    assert (result.exit_code, len(events(result))) == (0, int(seconds))
    assert result.stderr.count("damaged") == (name == "truncated.wav")
    sensor = {"silent.wav": "silence", CLIPPED: "clipping"}.get(name)
    if sensor:
        assert {event["sensor"] for event in events(result)} == {sensor}


def test_the_channel_is_that_of_training(listen, monkeypatch):
    training = replace(DETECTOR.training_, source={"channel": 1})
    monkeypatch.setattr(DETECTOR, "training_", training)
    sound = wav(np.stack([np.zeros(12 * SIZE), SOUND.ravel()], axis=1))
    heard, mixed = listen("-", input=sound), listen("-", "--channel", 0, input=sound)
    assert [i for i, event in enumerate(events(heard)) if event["alarm"]] == [4, 5]
    assert {event["sensor"] for event in events(mixed)} == {"silence"}


def test_the_threshold_is_the_detectors_own(listen):
    first, last = listen("fan 1.wav").stderr.splitlines()
    assert first == (
        "Listening to fan 1.wav: 8000 Hz; windows of 0.3 s, alarms above "
        f"{own_threshold(DETECTOR):.4g}"
    )
    assert last == (
        "12 window(s), 2 alarm(s), 1 with silence. Promised: about 0.11 false alarms."
    )
    by_hand = listen("fan 1.wav", "--threshold", -1e9).stderr
    assert "No promise holds: the threshold was set by hand" in by_hand


def test_faults_are_counted_the_most_frequent_first(listen):
    sound = normal(7, seed=1)
    sound[[1, 2, 6]] = 0
    sound[4] = np.clip(500 * sound[4], -1, 1)
    last = listen("-", input=wav(sound.ravel())).stderr.splitlines()[-1]
    assert last.startswith("7 window(s), 0 alarm(s), 3 with silence, 1 with clipping. ")


def test_a_slower_recording_is_told_too(listen):
    data = wav(0.01 * np.random.default_rng(0).standard_normal(4000), 4000)
    first, _ = listen("-", input=data).stderr.splitlines()
    assert first.startswith(
        "Listening to standard input: 4000 Hz, resampled to 8000 Hz; "
    )
