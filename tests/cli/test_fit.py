from __future__ import annotations

import importlib
import json
import os
import shutil

import numpy as np
import pytest

from esa4_helpers import load_detector, read_recordings

from .conftest import BAD, CLIPPED, GOOD, machine_sound, write

# The quickest detector; what is said of it holds for all.
LEVEL = ("--detector", "level", "--clip", "1")
training = importlib.import_module("esa4_helpers.cli._training")


class TestNewDetector:
    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, esa4, mixed, tmp_path_factory):
        file = tmp_path_factory.mktemp("fit") / "machine.esa4"
        result = esa4("fit", mixed, "-o", file, *LEVEL, "--false-alarms", "1 %")
        assert result.exit_code == 0
        return file, result

    def test_it_loads_and_knows_where_it_comes_from(self, fitted, mixed):
        known = load_detector(fitted[0]).training_
        files = {str((mixed / name).resolve()) for name in GOOD}
        assert set(known.source["files"]) == files
        assert known.n_recordings == len(GOOD)
        assert known.false_alarm_rate == 0.01

    def test_every_bad_file_is_named_once_and_the_detector_keeps_that(self, fitted):
        file, result = fitted
        for name in BAD:
            assert result.stderr.count(name) == 1
        findings = load_detector(file).training_.findings
        assert set(findings) < set(result.stderr.splitlines())
        assert any(CLIPPED in finding for finding in findings)

    def test_clips_of_a_failing_sensor_are_left_out(self, fitted, mixed):
        known = load_detector(fitted[0]).training_
        clips = read_recordings(mixed, 1.0)
        assert known.n_clips == np.sum(clips.recordings != CLIPPED)
        assert "2 clips are left out, as the sensor fails" in fitted[1].stderr

    def test_it_says_what_it_promises_and_what_it_can_not(self, fitted):
        output = fitted[1].stdout
        # With n recordings, one in n + 1 at best; a day has 86400 clips.
        promised = 1 / (len(GOOD) + 1)
        assert f"about {promised * 86400:.0f} false alarms a day" in output
        assert "can't promise 1 %: that takes 99 recordings" in output

    def test_json_is_for_programs(self, esa4, clean, tmp_path):
        file = tmp_path / "machine.esa4"
        result = esa4("fit", clean, "-o", file, *LEVEL, "--json", "-q")
        told = json.loads(result.stdout)
        assert result.stderr == ""
        assert told["file"] == str(file)
        assert told["training"] == load_detector(file).training_.as_dict()

    def test_fewer_clips_are_spread_over_all_recordings(self, esa4, clean, tmp_path):
        file = tmp_path / "machine.esa4"
        result = esa4("fit", clean, "-o", file, *LEVEL, "--clips", 10)
        assert "10 of 20 clips are used" in result.stderr
        known = load_detector(file).training_
        assert (known.n_clips, known.n_recordings) == (10, 10)

    def test_the_least_clips_are_as_many_as_the_rate_takes(self, monkeypatch, clean):
        monkeypatch.setattr(training, "_MOST_AUDIO", 0)
        clips = read_recordings(clean, 0.1)
        assert len(training._chosen(clips, None, 0.01, True)[0]) == 99


def test_a_name_that_is_no_text_is_kept_and_found_again(esa4, clean, tmp_path):
    shutil.copytree(clean, tmp_path / "all")
    odd = os.fsencode(tmp_path / "all") + b"/pr\xfcfstand.wav"
    (tmp_path / "all" / "day 1.wav").rename(os.fsdecode(odd))
    file = tmp_path / "m.esa4"
    assert esa4("fit", tmp_path / "all", "-o", file, *LEVEL, "-q").exit_code == 0
    assert os.fsdecode(odd) in load_detector(file).training_.source["files"]
    write(tmp_path / "new" / "a.wav", machine_sound(2, seed=77))
    added = esa4("fit", tmp_path / "new", "--add", file, "-q", "--json")
    assert json.loads(added.stdout)["training"]["n_recordings"] == 11


def test_a_single_recording_promises_nothing(esa4, clean, tmp_path):
    write(tmp_path / "one" / "a.wav", machine_sound(6))
    file = tmp_path / "m.esa4"
    fitted = esa4("fit", tmp_path / "one", "-o", file, *LEVEL, "-q")
    assert "It promises nothing about false alarms." in fitted.stdout
    scored = esa4("score", file, clean / "day 1.wav")
    assert "No promise holds: it takes several recordings" in scored.stdout


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            ([], 2, "-o"),
            (["-o", "{tmp}/missing/m.esa4"], 1, "there is no folder"),
            (["-o", "{tmp}"], 1, "not a file"),
            (["-o", "{tmp}/m.esa4", "--false-alarms", "0"], 2, "between 0 and 1"),
            (["-o", "{tmp}/m.esa4", "--false-alarms", "1"], 2, "between 0 and 1"),
            (["-o", "{tmp}/m.esa4", "--false-alarms", "5"], 2, "1%"),
            (["-o", "{tmp}/m.esa4", "--clip", "99"], 1, "a clip takes 99 s"),
            (["-o", "{tmp}/m.esa4", "--clip", "nan"], 2, "not above 0"),
            (["-o", "{tmp}/m.esa4", "--detector", "magic"], 2, "mahalanobis"),
            (["-o", "{tmp}/m.esa4", "--channel", "7"], 1, "no channel 7"),
            (["-o", "{tmp}/m.esa4", "--from", "{tmp}"], 2, "--add"),
            (["-o", "{tmp}/m.esa4", "-j", "0"], 2, "-j"),
        ],
    )
    def test_nothing_is_written(self, esa4, clean, tmp_path, options, code, message):
        options = [option.format(tmp=tmp_path) for option in options]
        result = esa4("fit", clean, *options)
        assert (result.exit_code, result.stdout) == (code, "")
        assert message in result.stderr
        assert not [*tmp_path.iterdir()]

    def test_what_is_no_detector_is_never_replaced(self, esa4, clean, tmp_path):
        recording = tmp_path / "day.wav"
        shutil.copy(clean / "day 1.wav", recording)
        result = esa4("fit", clean, "-o", recording, *LEVEL, "--force")
        assert result.exit_code == 1
        assert "is no detector" in result.stderr
        assert recording.read_bytes() == (clean / "day 1.wav").read_bytes()

    def test_a_detector_is_replaced_only_if_it_is_meant(
        self, esa4, machine, clean, tmp_path
    ):
        file = tmp_path / "machine.esa4"
        shutil.copy(machine, file)
        options = (clean, "-o", file, *LEVEL, "--false-alarms", 0.2)
        result = esa4("fit", *options)
        assert result.exit_code == 1
        assert "--force" in result.stderr
        assert file.read_bytes() == machine.read_bytes()
        assert esa4("fit", *options, "--force").exit_code == 0
        assert load_detector(file).training_.false_alarm_rate == 0.2


class TestAdd:
    @pytest.fixture
    def home(self, machine, clean, tmp_path, esa4):
        """A detector and its recordings, which can be changed, and new ones."""
        shutil.copytree(clean, tmp_path / "known")
        write(tmp_path / "new" / "odd.wav", 1.5 * machine_sound(3, seed=20))
        for seed in (23, 24):
            sound = machine_sound(2, seed=seed)
            write(tmp_path / "new" / f"as before {seed}.wav", sound)
        file = tmp_path / "machine.esa4"
        assert esa4("fit", tmp_path / "known", "-o", file, *LEVEL, "-q").exit_code == 0
        return tmp_path

    def test_fits_anew_and_compares_without_having_heard_the_clips(self, esa4, home):
        file = home / "machine.esa4"
        before = load_detector(file)
        result = esa4("fit", home / "new", "--add", file)
        assert result.exit_code == 0
        # The odd recording is alone, so a fit that leaves it out calls it abnormal, too.
        told = "False alarms on the 7 new clips: 3 before (43 %), 3 now (43 %)"
        assert told in result.stdout
        known = load_detector(file).training_
        assert (known.n_clips, known.n_recordings) == (27, 13)
        assert known.false_alarm_rate == before.training_.false_alarm_rate
        (last,) = known.history
        assert last["data_hash"] == before.training_.data_hash
        assert last["added"] == {"clips": 7, "alarms_before": 3, "alarms_after": 3}

    def test_what_is_known_already_is_not_added_again(self, esa4, home):
        result = esa4("fit", home / "known", "--add", home / "machine.esa4")
        assert result.exit_code == 1
        assert "holds no recording that" in result.stderr

    def test_what_is_known_is_told_from_what_can_not_be_used(self, esa4, home):
        write(home / "known" / "silent.wav", np.zeros(32000))
        result = esa4("fit", home / "known", "--add", home / "machine.esa4")
        assert result.exit_code == 1
        assert "no new recording in" in result.stderr
        assert "silent.wav (silent from start" in result.stderr
        assert "; the other 10 are known to" in result.stderr

    def test_recordings_that_are_gone_are_named_and_may_have_moved(self, esa4, home):
        (home / "known").rename(home / "moved")
        options = ("fit", home / "new", "--add", home / "machine.esa4")
        result = esa4(*options)
        assert result.exit_code == 1
        assert f"{home / 'known' / 'day 7.wav'}" in result.stderr
        assert esa4(*options, "--from", home / "moved").exit_code == 0

    def test_recordings_that_have_changed_are_named(self, esa4, home):
        write(home / "known" / "day 3.wav", machine_sound(2, seed=99))
        whole = (home / "machine.esa4").read_bytes()
        result = esa4("fit", home / "new", "--add", home / "machine.esa4")
        assert result.exit_code == 1
        assert "have changed" in result.stderr
        assert "day 3.wav" in result.stderr
        assert "day 4.wav" not in result.stderr
        assert (home / "machine.esa4").read_bytes() == whole

    def test_settings_are_kept_not_given(self, esa4, home):
        options = ("--add", home / "machine.esa4", "--false-alarms", 0.5)
        result = esa4("fit", home / "new", *options)
        assert result.exit_code == 2
        assert "--false-alarms does not go with --add" in result.stderr

    def test_a_failure_leaves_the_old_file_whole(self, esa4, home, monkeypatch):
        def save_detector(*_: object) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(training, "save_detector", save_detector)
        whole = (home / "machine.esa4").read_bytes()
        result = esa4("fit", home / "new", "--add", home / "machine.esa4")
        assert result.exit_code == 1
        assert (home / "machine.esa4").read_bytes() == whole


def test_one_machines_failure_is_named_and_the_others_go_on(esa4, clean, tmp_path):
    for name in ("fan 2", "fan 10"):
        shutil.copytree(clean, tmp_path / "machines" / name)
    (tmp_path / "machines" / "broken").mkdir()
    output = tmp_path / "detectors"
    result = esa4("fit", tmp_path / "machines", "--each", "-o", output, *LEVEL)
    assert result.exit_code == 1
    assert "Error: broken: no recording in" in result.stderr
    assert "fan 2: fitting a detector to 20 clips" in result.stderr
    assert result.stderr.endswith("Error: 1 of 3 machines could not be fitted\n")
    assert sorted(path.name for path in output.iterdir()) == [
        "fan 10.esa4",
        "fan 2.esa4",
    ]
    assert load_detector(output / "fan 10.esa4").training_.n_clips == 20
