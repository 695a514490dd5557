from __future__ import annotations

import csv
import errno
import importlib
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from joblib import parallel_config

from esa4_helpers import judge_clips, load_detector, own_threshold, read_recordings
from esa4_helpers.alarms import Judged
from esa4_helpers.recordings import _DamagedError
from esa4_helpers.sensor import SENSOR_FAULTS

from .conftest import BAD, CLIPPED, GOOD, machine_sound, write

score = importlib.import_module("esa4_helpers.cli.score")


@pytest.fixture(scope="module")
def scored(esa4, machine, mixed, tmp_path_factory):
    table = tmp_path_factory.mktemp("scores") / "scores.csv"
    result = esa4("score", machine, mixed, "--csv", table)
    assert result.exit_code == 0
    return table, result


def rows_of(table) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_is_what_the_detector_says_of_each_clip(scored, machine, mixed):
    detector = load_detector(machine)
    clips = read_recordings(mixed, 1.0, keep_silent=True)
    verdicts = judge_clips(detector, clips.audio)
    rows = rows_of(scored[0])
    assert [row["recording"] for row in rows] == clips.recordings.tolist()
    assert [float(row["start"]) for row in rows] == clips.starts.tolist()
    assert [float(row["end"]) for row in rows] == (clips.starts + 1).tolist()
    for row, verdict in zip(rows, verdicts, strict=True):
        assert row["machine"] == "machine"
        assert float(row["threshold"]) == own_threshold(detector)
        assert row["alarm"] == str(int(verdict.alarm))
        assert row["sensor"] == (verdict.fault or "")
        expected = float(verdict.score)
        np.testing.assert_equal(float(row["score"] or "nan"), expected)


def test_no_good_recording_is_lost_and_each_bad_one_named_once(scored):
    table, result = scored
    silent = "silent.wav"
    assert {row["recording"] for row in rows_of(table)} == {*GOOD, CLIPPED, silent}
    for name in BAD.keys() - {silent}:
        assert result.stderr.count(name) == 1
    assert result.stderr.count("truncated.wav is damaged") == 1
    assert "silent.wav, 0 to 2 s: sensor: silence" in result.stdout
    assert f"{CLIPPED}, 0 to 2 s: sensor: clipping" in result.stdout


def test_what_is_lost_and_damaged_is_told_and_the_rest_is_counted(scored, mixed):
    table, result = scored
    clips, rows = read_recordings(mixed, 1.0, keep_silent=True), rows_of(table)
    lost = [f"{name} can't be used: {why}" for name, why in clips.skipped.items()]
    damaged = [f"{name} is {why}" for name, why in clips.partial.items()]
    expected = {f"Warning: {line}" for line in lost + damaged}
    assert {*result.stderr.splitlines()} == expected
    n_alarms = sum(row["alarm"] == "1" for row in rows)
    n_faults = sum(row["sensor"] != "" for row in rows)
    assert result.stdout.splitlines()[-2] == (
        f"{len(rows)} clips of {len({row['recording'] for row in rows})} recordings: "
        f"{n_alarms} alarms, {n_faults} faults of the sensor."
    )


def judged(start: float, score: float, sensor: str | None = None) -> Judged:
    alarm = sensor is None and score > 2
    return Judged("fan", "day 1.wav", start, start + 0.5, score, 2.0, alarm, sensor)


def test_a_line_for_each_stretch_that_is_not_as_it_should_be():
    scores = [1, 3, 4.123456, 2.5, 2.0, 5]
    rows = [judged(i / 2, value) for i, value in enumerate(scores)]
    rows += [judged(3 + i / 2, np.nan, "silence") for i in range(3)]
    rows += [judged(4.5, 2.25), judged(5, 1)]
    lines = [
        "day 1.wav, 0.5 to 2 s: alarm: score 4.123, above 2",
        "day 1.wav, 2.5 to 3 s: alarm: score 5, above 2",
        f"day 1.wav, 3 to 4.5 s: sensor: silence: {SENSOR_FAULTS['silence']}",
        "day 1.wav, 4.5 to 5 s: alarm: score 2.25, above 2",
    ]
    assert [*score._told(rows, with_machine=False)] == lines
    assert [*score._told(rows, True)] == [f"fan: {line}" for line in lines]


def test_clips_are_judged_in_small_blocks_with_what_comes_before_a_damage():
    class Clip(SimpleNamespace):
        def hidden_fault(self) -> str | None:
            return self.fault

    def clips(n: int):
        for i in range(n):
            yield Clip(sound=np.full(3, i), fault="clipping" if i == 1 else None)
        raise _DamagedError("torn")

    for n, sizes in ((16, [8, 8]), (17, [8, 8, 1]), (0, [])):
        blocks = []
        with pytest.raises(_DamagedError, match="torn"):
            blocks.extend(score._blocks(clips(n)))
        assert [len(sound) for sound, _ in blocks] == sizes
        found = [
            (sound[0], f) for block in blocks for sound, f in zip(*block, strict=True)
        ]
        assert found == [(i, "clipping" if i == 1 else None) for i in range(n)]


@pytest.mark.parametrize(
    ("failed", "lost", "reason"),
    [
        ({}, {}, "in a, b no recording was found"),
        ({}, {"x.wav": "torn"}, "in a, b no recording can be used"),
        ({"fan": "torn"}, {}, "no machine could be scored"),
        ({"fan": "torn"}, {"x.wav": "torn"}, "in a, b no recording can be used"),
    ],
)
def test_why_there_is_no_clip(failed, lost, reason):
    outcome = score._Outcome(failed=failed, lost=lost)
    assert score._reason(outcome, (Path("a"), Path("b"))) == reason


def test_the_order_is_the_same_with_many_workers(
    scored, esa4, machine, mixed, tmp_path
):
    # Threads, as other processes take long to start.
    with parallel_config(backend="threading"):
        result = esa4("score", machine, mixed, "--csv", tmp_path / "s.csv", "-j", 3)
    assert result.exit_code == 0
    assert (tmp_path / "s.csv").read_bytes() == scored[0].read_bytes()


def test_json_and_a_table_on_standard_output_have_nothing_else(
    scored, esa4, machine, mixed
):
    table = scored[0].read_text(encoding="utf-8")
    printed = esa4("score", machine, mixed, "--csv", "-")
    assert printed.stdout == table
    assert printed.stderr.splitlines()[-2:] == scored[1].stdout.splitlines()[-2:]
    told = json.loads(esa4("score", machine, mixed, "--json").stdout)
    assert [*told] == ["clips", "unusable", "damaged", "promises"]
    assert [clip["recording"] for clip in told["clips"]] == [
        row["recording"] for row in rows_of(scored[0])
    ]
    assert {clip["sensor"] for clip in told["clips"]} >= {None, "silence"}
    assert told["unusable"].keys() == BAD.keys() - {"silent.wav"}
    assert told["damaged"].keys() == {"truncated.wav"}


def test_an_alarm_is_told_and_strict_ends_with_4(
    esa4, machine, clean, tmp_path, monkeypatch
):
    sound = machine_sound(4)
    sound[17000:17200] += 0.5 * np.hanning(200)
    write(tmp_path / "knock.wav", sound)
    # A name that begins with a sign is one of a file, all but the sign alone.
    monkeypatch.chdir(tmp_path)
    assert esa4("score", machine, "knock.wav", "--csv", "!.csv").exit_code == 0
    assert len(rows_of(tmp_path / "!.csv")) == 4
    calm = ("score", machine, clean / "day 1.wav", "--strict")
    assert esa4(*calm).exit_code == 0
    result = esa4("score", machine, tmp_path / "knock.wav", "--strict")
    assert result.exit_code == 4
    assert "knock.wav, 1 to 2 s: alarm: score" in result.stdout
    assert "4 clips of 1 recordings: 1 alarms" in result.stdout


def test_files_are_scored_once_and_names_in_two_folders_stay_apart(
    esa4, machine, clean, tmp_path
):
    for folder in ("a", "b"):
        write(tmp_path / folder / "day.wav", machine_sound(1))
    places = [tmp_path / "a", tmp_path / "b", tmp_path / "a" / "day.wav"]
    result = esa4("score", machine, *places, "--json")
    names = [clip["recording"] for clip in json.loads(result.stdout)["clips"]]
    assert names == [f"{place.as_posix()}/day.wav" for place in places[:2]]


def test_overlapping_clips(esa4, machine, clean):
    file = clean / "day 0.wav"
    told = json.loads(esa4("score", machine, file, "--hop", 0.5, "--json").stdout)
    assert [clip["start"] for clip in told["clips"]] == [0.0, 0.5, 1.0]
    assert [clip["end"] for clip in told["clips"]] == [1.0, 1.5, 2.0]


def test_clipping_is_seen_at_the_rate_of_the_file_by_all_commands(
    esa4, machine, clean, tmp_path
):
    smooth = np.convolve(machine_sound(2, 48000), np.hanning(12), "same")
    smooth *= 0.5 / np.abs(smooth).max()
    smooth[48000:] = np.clip(8 * smooth[48000:], -1, 1)
    file = tmp_path / "day.wav"
    write(file, smooth, 48000)
    told = json.loads(esa4("score", machine, file, "--json").stdout)
    assert [clip["sensor"] for clip in told["clips"]][1] == "clipping"
    assert told["clips"][1]["score"] is None
    watched = esa4("watch", machine, file).stdout.splitlines()
    assert [json.loads(line)["sensor"] for line in watched] == [
        clip["sensor"] for clip in told["clips"]
    ]
    page = json.loads(
        esa4("report", machine, file, "-o", tmp_path / "r.html", "--json").stdout
    )
    assert page["sensor_faults"] == sum(c["sensor"] is not None for c in told["clips"])
    shutil.copytree(clean, tmp_path / "all")
    shutil.copy(file, tmp_path / "all")
    fit = ("fit", tmp_path / "all", "-o", tmp_path / "m.esa4", "--detector", "level")
    fitted = esa4(*fit, "--clip", 1)
    assert (
        "1 clips are left out, as the sensor fails in them: clipping" in fitted.stderr
    )


def test_each_command_keeps_the_promise_or_withdraws_it_in_words(
    esa4, machine, clean, tmp_path
):
    for seed in range(5):
        sound = machine_sound(2, seed=50 + seed)
        write(tmp_path / "as before" / f"{seed}.wav", sound)
        write(tmp_path / "louder" / f"{seed}.wav", 10 ** (3 / 20) * sound)
    kept = esa4("score", machine, tmp_path / "as before")
    assert kept.stdout.endswith("Promised: about 1 false alarm.\n")
    withdrawn = "No promise holds: "
    louder = esa4("score", machine, tmp_path / "louder")
    assert f"{withdrawn}the new recordings are 3.0 dB louder" in louder.stdout
    told = json.loads(esa4("score", machine, tmp_path / "louder", "--json").stdout)
    assert told["promises"]["machine"]["kept"] is False
    # As many as without the gain: one in ten.
    assert sum(clip["alarm"] for clip in told["clips"]) <= 1
    page = esa4("report", machine, tmp_path / "louder", "-o", tmp_path / "r.html")
    assert louder.stdout.splitlines()[-1] in page.stdout
    watched = esa4("watch", machine, tmp_path / "louder" / "1.wav")
    assert f"{withdrawn}100 % of the new clips differ by their level" in watched.stderr
    watched = esa4("watch", machine, tmp_path / "as before" / "1.wav")
    assert "Promised: about 0.2 false alarms." in watched.stderr
    by_hand = ("watch", machine, tmp_path / "louder" / "1.wav", "--threshold", 1e9)
    assert f"{withdrawn}the threshold was set by hand" in esa4(*by_hand).stderr


class TestRefusals:
    def test_what_is_no_table_is_never_replaced(self, esa4, machine, clean, tmp_path):
        shutil.copy(machine, tmp_path / "m.esa4")
        result = esa4("score", machine, clean, "--csv", tmp_path / "m.esa4")
        assert result.exit_code == 1
        assert "is no table of scores" in result.stderr
        assert (tmp_path / "m.esa4").read_bytes() == machine.read_bytes()

    def test_a_failure_leaves_the_old_table_whole(
        self, scored, esa4, machine, clean, tmp_path, monkeypatch
    ):
        table = tmp_path / "scores.csv"
        shutil.copy(scored[0], table)
        monkeypatch.setattr(score, "_told", lambda *_, **__: 1 / 0)
        with pytest.raises(AssertionError, match="division"):
            esa4("score", machine, clean, "--csv", table)
        assert table.read_bytes() == scored[0].read_bytes()
        assert [*tmp_path.iterdir()] == [table]

    def test_a_full_disk_names_the_table_and_leaves_the_old_one_whole(
        self, scored, esa4, machine, clean, tmp_path, monkeypatch
    ):
        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        table = tmp_path / "scores.csv"
        shutil.copy(scored[0], table)
        monkeypatch.setattr(os, "fsync", full)
        result = esa4("score", machine, clean, "--csv", table, "-q")
        told = f"Error: {table} was not written: No space left on device\n"
        assert (result.exit_code, result.stderr) == (1, told)
        assert table.read_bytes() == scored[0].read_bytes()
        assert [*tmp_path.iterdir()] == [table]

    @pytest.mark.parametrize(
        ("detector", "recordings", "options", "code", "message"),
        [
            ("{clean}/day 1.wav", "{clean}", [], 1, "no saved detector"),
            ("nowhere.esa4", "{clean}", [], 1, "there is no file nowhere.esa4"),
            ("{machine}", "nowhere", [], 1, "there is no folder or file nowhere"),
            ("{machine}", "{tmp}", [], 1, "no recording was found"),
            ("{machine}", "{clean}", ["--csv", "{tmp}/no/s.csv"], 1, "no folder"),
            ("{machine}", "{clean}", ["--csv", "-", "--json"], 2, "--json"),
            ("{machine}", "{clean}", ["-j", "0"], 2, "-j"),
            ("{clean}", "{clean}", ["--each"], 1, "has no sub-folders"),
            ("{clean}", "{clean}", ["{tmp}", "--each"], 2, "--each takes one folder"),
            ("{machine}", "--json", [], 2, "Missing argument 'RECORDINGS...'"),
        ],
    )
    def test_mistakes_take_a_line(
        self,
        esa4,
        machine,
        clean,
        tmp_path,
        detector,
        recordings,
        options,
        code,
        message,
    ):
        places = {"machine": machine, "clean": clean, "tmp": tmp_path}
        parts = [p.format(**places) for p in (detector, recordings, *options)]
        result = esa4("score", *parts)
        assert (result.exit_code, result.stdout) == (code, "")
        assert message in result.stderr


class TestEach:
    @pytest.fixture
    def fleet(self, machine, clean, tmp_path):
        for name in ("fan 2", "fan 10", "lost"):
            shutil.copytree(clean, tmp_path / "machines" / name)
        (tmp_path / "detectors").mkdir()
        for name in ("fan 2", "fan 10"):
            shutil.copy(machine, tmp_path / "detectors" / f"{name}.esa4")
        return tmp_path

    @pytest.fixture
    def options(self, fleet):
        table = fleet / "scores.csv"
        return (fleet / "detectors", fleet / "machines", "--each", "--csv", table)

    def test_one_table_for_all_and_the_failure_named(self, esa4, fleet, options):
        knock = machine_sound(2)
        knock[17000:17200] += 0.5 * np.hanning(200)
        write(fleet / "machines" / "fan 2" / "knock.wav", knock)
        (fleet / "machines" / "fan 2" / "empty.wav").touch()
        result = esa4("score", *options)
        assert result.exit_code == 1
        first, second, last = result.stderr.splitlines()
        assert first.startswith("Error: lost: there is no file")
        assert second.startswith("Warning: fan 2/empty.wav can't be used: ")
        assert last == "Error: 1 machines could not be scored"
        lines = result.stdout.splitlines()
        assert lines[0].startswith("fan 2: ")
        assert "fan 2: knock.wav, 1 to 2 s: alarm" in result.stdout
        assert [line.split(":")[0] for line in lines[-2:]] == ["fan 2", "fan 10"]
        assert lines[-3].startswith("42 clips of 21 recordings: ")
        machines = [row["machine"] for row in rows_of(fleet / "scores.csv")]
        assert machines == 22 * ["fan 2"] + 20 * ["fan 10"]
        told = json.loads(esa4("score", *options, "--json").stdout)
        assert [*told["failed"]] == ["lost"]
        assert [*told["promises"]] == ["fan 2", "fan 10"]
        assert [*told["unusable"]] == ["fan 2/empty.wav"]

    def test_a_scheduler_gives_the_same_table(self, esa4, fleet, options):
        from distributed import LocalCluster

        esa4("score", *options)
        alone = (fleet / "scores.csv").read_bytes()
        with LocalCluster(
            n_workers=1, processes=False, dashboard_address=None
        ) as cluster:
            address = cluster.scheduler_address
            result = esa4("score", *options, "--scheduler", address)
        assert "Error: lost: " in result.stderr
        assert (fleet / "scores.csv").read_bytes() == alone
