from __future__ import annotations

import importlib
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import click
import numpy as np
import pytest
from sklearn.base import BaseEstimator

from esa4_helpers import load_detector, make_detector, read_recordings, save_detector
from esa4_helpers.health import Finding

from .conftest import BAD, CLIPPED, GOOD, machine_sound, write

# The quickest detector; what is said of it holds for all.
LEVEL = ("--detector", "level", "--clip", "1")
training = importlib.import_module("esa4_helpers.cli._training")
fit = importlib.import_module("esa4_helpers.cli.fit")


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

    @pytest.mark.parametrize(
        ("n_samples", "rate", "expected"),
        # 256 MiB hold 64 clips of 2**20 samples, of 4 bytes each.
        [(2**20, 0.1, 64), (2**20, 0.01, 99), (2**26, 0.1, 9), (2**26, 0.5, 5)],
    )
    def test_so_many_clips_as_fit_into_memory_or_as_the_rate_takes(
        self, n_samples, rate, expected
    ):
        assert training._usual_clips(n_samples, rate) == expected

    def test_nothing_is_said_of_clips_if_all_are_used(self, clean, capsys):
        clips = read_recordings(clean, 1.0)
        chosen = [training._chosen(clips, n, 0.1, quiet=False) for n in (None, 20)]
        assert [(len(clips), n) for clips, n in chosen] == [(20, 20), (20, 20)]
        assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def known(machine):
    return load_detector(machine).training_


class TestOutcome:
    @pytest.mark.parametrize(
        ("share", "text"),
        [
            (0.0, "0 %"),
            (0.0012, "0.12 %"),
            (3 / 7, "43 %"),
            (0.9949, "99 %"),
            (0.995, "100 %"),
            (1.0, "100 %"),
        ],
    )
    def test_shares_are_short(self, share, text):
        assert training._percent(share) == text

    def test_it_says_what_it_knows_and_promises(self, known):
        known = replace(
            known, n_samples=32000, n_recordings=6, promised_rate=0.2, n_clips=7,
            false_alarm_rate=0.2,
        )  # fmt: skip
        knows = "m.esa4 knows 7 clips of 2 s from {} recordings."
        promises = (
            "It promises that of normal clips like these, {} at most raise an alarm on "
            "average: about {} false alarms a day, if it listens without a pause."
        )
        file = Path("m.esa4")
        lines = [knows.format(6), promises.format("20 %", 8640)]
        assert training.Outcome(file, known).lines() == lines
        assert training.Outcome(file, known, (8, 4, 1)).lines() == [
            "False alarms on the 8 new clips: 4 before (50 %), 1 now (12 %), by copies "
            "that were fitted to all but their recordings.",
            *lines,
        ]
        few = replace(known, n_recordings=5, promised_rate=0.25)
        assert training.Outcome(file, few).lines() == [
            knows.format(5),
            promises.format("25 %", 10800),
            "It can't promise 20 %: that takes 4 recordings, into however many clips they "
            "are cut.",
            "From 5 recordings nobody can tell how much they differ from day to day. "
            "Record on other days before you trust it.",
        ]
        nothing = training.Outcome(file, replace(known, promised_rate=1.0)).lines()
        assert nothing[1] == "It promises nothing about false alarms."


def test_of_what_is_wrong_each_lost_file_is_told_once(monkeypatch, capsys):
    def finding(kind: str, *files: str) -> Finding:
        return Finding(kind, "warning", files, f"{kind} of {files}.", None)

    kept = [finding("silence", "a", "b"), finding("few"), finding("wide", "b")]
    gone = [finding("unusable", "b"), finding("silence", "a"), finding("few", "a", "c")]
    monkeypatch.setattr(training, "check_recordings", lambda *_: [*gone, *kept])
    clips = SimpleNamespace(
        skipped={"a": "empty", "c": "torn", "d": "odd"}, cut=SimpleNamespace(channel=0)
    )
    said = training._look_at(Path("here"), clips, quiet=False)
    assert said == (
        "problem: a can't be used: empty",
        "problem: c can't be used: torn",
        "problem: d can't be used: odd",
        *(f"warning: {finding.sentence}" for finding in kept),
    )
    assert capsys.readouterr().err.splitlines() == [*said]
    training._look_at(Path("here"), clips, quiet=True)
    assert capsys.readouterr().err == ""


class TestFalseAlarms:
    """Those of an old detector on new clips, and of copies that don't know them."""

    class Loud(BaseEstimator):
        """Calls abnormal what is above 1, and tells what each copy was fitted to."""

        offset_ = -1.0
        heard: ClassVar[list[set[str]]] = []

        def fit(self, X: np.ndarray, groups: np.ndarray) -> TestFalseAlarms.Loud:
            self.heard.append({*groups})
            return self

        def score_samples(self, X: np.ndarray) -> np.ndarray:
            return -X[:, 0]

    def test_the_threshold_itself_is_no_alarm(self):
        audio = np.array([[0.9], [1.0], [np.nextafter(1, 2)], [3.0]])
        assert training._alarms(self.Loud(), audio) == 2

    @pytest.mark.parametrize(
        ("new", "left_out"), [("abcde", ["ad", "be", "c"]), ("ab", ["a", "b"])]
    )
    def test_new_recordings_are_left_out_in_three_parts_at_most(self, new, left_out):
        names = np.array([*"xyxz", *new, *new])
        clips = SimpleNamespace(recordings=names, audio=np.full((len(names), 1), 2.0))
        self.Loud.heard.clear()
        is_new = np.isin(names, [*new])
        found = training._alarms_without(self.Loud(), clips, is_new)
        assert found == 2 * len(new)
        assert self.Loud.heard == [{*names} - {*part} for part in left_out]


def test_a_sensor_that_leaves_no_clip_is_told(esa4, tmp_path):
    write(tmp_path / "in" / "a.wav", np.clip(30 * machine_sound(2), -1, 1))
    result = esa4("fit", tmp_path / "in", "-o", tmp_path / "m.esa4", *LEVEL, "-q")
    told = "Error: the sensor fails in every clip: clipping\n"
    assert (result.exit_code, result.stderr) == (1, told)


def test_what_a_user_gets_who_asks_for_nothing(esa4, monkeypatch):
    asked = []

    def fit_recordings(folder, output, settings, quiet):
        asked.append((folder, output, settings, quiet))
        raise ValueError("enough")

    monkeypatch.setattr(fit, "fit_recordings", fit_recordings)
    esa4("fit", "in", "-o", "m.esa4")
    settings = training.Settings(
        detector="gmm",
        clip_seconds=10.0,
        hop_seconds=None,
        false_alarm_rate=0.1,
        channel="mean",
        sr=16000,
        seed=0,
        level=True,
        n_clips=None,
    )
    assert asked == [(Path("in"), Path("m.esa4"), settings, False)]
    told = " ".join(esa4("fit", "--help").stdout.split())
    assert re.findall(r"\[default: ([^];]+)", told) == [
        *("gmm", "10.0", "the clip's length", "0.1", "mean", "16000", "0", "level"),
        *("256 MiB of sound, or as many as the share of false alarms takes", "1"),
    ]


@pytest.mark.parametrize(
    ("option", "least"), [("--clips", 5), ("--sr", 1000), ("--seed", 0), ("-j", 1)]
)
def test_the_least_of_each_option(esa4, option, least):
    fit = ("fit", "nowhere", "-o", "m.esa4", option)
    assert (
        f"{least - 1} is not in the range x>={least}." in esa4(*fit, least - 1).stderr
    )
    assert esa4(*fit, least).stderr == "Error: there is no folder or file nowhere\n"


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

    def test_into_another_file_it_leaves_the_old_one(self, esa4, home):
        file, other = home / "machine.esa4", home / "other.esa4"
        whole = file.read_bytes()
        options = ("fit", home / "new", "--add", file, "-o", other, "-q")
        assert esa4(*options).exit_code == 0
        assert file.read_bytes() == whole
        assert load_detector(other).training_.n_recordings == 13
        assert f"{other} is there already: --force" in esa4(*options).stderr
        assert esa4(*options, "--clips", 13, "--force").exit_code == 0
        assert load_detector(other).training_.n_clips == 13

    def test_its_own_recordings_must_be_of_use_still(self, esa4, home):
        for file in (home / "known").iterdir():
            file.write_bytes(b"")
        result = esa4("fit", home / "new", "--add", home / "machine.esa4", "-q")
        assert result.stderr == (
            f"Error: the recordings that {home / 'machine.esa4'} was fitted to can't be "
            "used any more\n"
        )

    def test_what_is_new_must_be_of_use(self, esa4, home):
        write(home / "bad" / "a.wav", machine_sound(0.3))
        result = esa4("fit", home / "bad", "--add", home / "machine.esa4", "-q")
        assert result.stderr.startswith(
            f"Error: no new recording in {home / 'bad'} can be used: "
        )
        assert result.stderr.endswith(
            "a.wav (too short: 0.3 s, and a clip takes 1 s)\n"
        )

    def test_a_detector_that_does_not_know_its_recordings_is_refused(
        self, esa4, home, clean
    ):
        clips = read_recordings(clean, 1.0)
        detector = make_detector("level").fit(clips.audio, groups=clips.recordings)
        save_detector(detector, home / "arrays.esa4")
        result = esa4("fit", home / "new", "--add", home / "arrays.esa4", "-q")
        assert result.stderr == (
            f"Error: {home / 'arrays.esa4'} was fitted to clips of which it does not know "
            "the recordings: fit a new detector to the old and the new ones\n"
        )

    def test_without_hashes_of_files_that_of_all_their_sound_must_do(
        self, known, clean
    ):
        clips = read_recordings(clean, 1.0)
        files = [Path(file) for file in known.source["files"]]
        source = {"files": known.source["files"]}
        training._check_unchanged(clips, files, replace(known, source=source))
        other = replace(known, source=source, data_hash="0")
        with pytest.raises(click.ClickException) as caught:
            training._check_unchanged(clips, files[:2], other)
        assert caught.value.message == (
            "recordings have changed since the detector was fitted: at least one of "
            f"{files[0]}, {files[1]}"
        )

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
        gone = ", ".join(str(home / "known" / f"day {i}.wav") for i in range(10))
        assert (result.exit_code, result.stderr) == (
            1,
            f"Error: 10 of the 10 recordings that {home / 'machine.esa4'} was fitted to "
            f"are gone: {gone}. If they have moved, say where with --from\n",
        )
        assert esa4(*options, "--from", home / "moved").exit_code == 0

    def test_clips_of_a_failing_sensor_are_told_of_once(self, esa4, home):
        good, bad = machine_sound(2), np.clip(30 * machine_sound(2), -1, 1)
        write(home / "known" / CLIPPED, np.concatenate([good, bad]))
        file = home / "machine.esa4"
        fit = ("fit", home / "known", "-o", file, *LEVEL, "-q", "--force")
        assert esa4(*fit).exit_code == 0
        added = esa4("fit", home / "new", "--add", file)
        assert added.exit_code == 0
        assert added.stderr.count("as the sensor fails in them: clipping") == 1

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
        add = ("fit", home / "new", "--add", home / "machine.esa4")
        for option, value in (("--false-alarms", 0.5), ("-j", 2)):
            result = esa4(*add, option, value)
            assert result.exit_code == 2
            assert f"Error: {option} does not go with --add: " in result.stderr

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
    training = load_detector(output / "fan 10.esa4").training_
    assert training.n_clips == 20
    assert [line for line in result.stdout.splitlines() if " knows " in line] == [
        f"{output / name}.esa4 knows 20 clips of 1 s from 10 recordings."
        for name in ("fan 2", "fan 10")
    ]
    (tmp_path / "machines" / "broken").rmdir()
    again = ("fit", tmp_path / "machines", "--each", "-o", output, *LEVEL, "-q")
    refused = esa4(*again)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.count("--force replaces it") == 2
    result = esa4(*again, "--force", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert told["failed"] == {}
    assert [*told["machines"]] == ["fan 2", "fan 10"]
    file = output / "fan 10.esa4"
    assert told["machines"]["fan 10"]["file"] == str(file)
    assert (
        told["machines"]["fan 10"]["training"]
        == load_detector(file).training_.as_dict()
    )
