"""The table over many machines: what is measured, kept, resumed and shared out."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import mimii
from esa4_helpers import anomaly_score, make_detector
from esa4_helpers.mimii import SAMPLE_RATE

FAN = mimii.Machine("fan", "id_00", -6)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Two short machines in MIMII's layout; the faulty clips of the fan are louder."""
    rng = np.random.default_rng(0)
    for machine, gain in (("fan", 2.0), ("pump", 1.0)):
        for label, count in (("normal", 10), ("abnormal", 5)):
            place = tmp_path / "clips" / machine / "id_00" / label
            place.mkdir(parents=True)
            for i in range(count):
                noise = 0.01 * rng.standard_normal(8000)
                noise *= gain if label == "abnormal" else 1.0
                soundfile.write(place / f"{i:08d}.wav", noise, SAMPLE_RATE)
    monkeypatch.setenv("ESA4_MIMII", str(tmp_path / "clips"))
    return tmp_path


def options(folder: Path, *machines: str) -> list[str]:
    return [
        *("--machines", *machines, "--models", "id_00", "--snrs", "-6"),
        *("--detectors", "level", "gmm", "--seeds", "1"),
        *("--rows", str(folder / "rows.csv"), "--output", str(folder / "table.md")),
    ]


def row(**values: object) -> mimii.Row:
    numbers = (0, 0, 8, 10, 5, 0.5, 0.5)
    some = mimii.Row("fan", "id_00", -6, "same RMS", "gmm", 0, "c", *numbers)
    return replace(some, **values)


class TestMeasuring:
    def test_without_its_level_a_machine_that_is_only_louder_can_not_be_told(
        self, folder
    ):
        rows = mimii.measure(mimii.Task(FAN, (("level", 0),)))
        aucs = {row.level: row.auc for row in rows}
        assert aucs["as recorded"] == 1
        assert 0.1 < aucs["same RMS"] < 0.9
        assert {(r.n_train, r.n_normal, r.n_abnormal) for r in rows} == {(8, 10, 5)}

    def test_all_clips_have_the_same_rms_and_none_is_distorted(self):
        audio = np.random.default_rng(0).normal(0, [[0.001], [0.1], [5.0]], (3, 1000))
        levelled = mimii.same_rms(audio)
        np.testing.assert_allclose(levelled.std(axis=1), levelled.std(), rtol=0.01)
        assert np.abs(levelled).max() == pytest.approx(1)
        np.testing.assert_allclose(np.corrcoef(audio[2], levelled[2])[0, 1], 1)

    def test_many_clips_are_split_as_in_mimii(self, synthetic):
        clips = synthetic.resampled(SAMPLE_RATE)
        n_train, is_anomaly, scores = mimii.run(
            make_detector("level"), clips, clips.audio
        )
        detector = make_detector("level").fit(clips.train.audio)
        assert n_train == len(clips.train)
        np.testing.assert_array_equal(is_anomaly, clips.test.is_anomaly)
        np.testing.assert_allclose(scores, anomaly_score(detector, clips.test.audio))

    def test_every_detector_can_be_made_and_chance_gets_several_seeds(self):
        for name in mimii.all_detectors():
            assert hasattr(mimii.make(name, 0), "score_samples")
        assert len(mimii.seeds_of("autoencoder", 3)) == 3
        assert len(mimii.seeds_of("gmm", 3)) == 3
        assert len(mimii.seeds_of("level", 3)) == 1
        assert len(mimii.seeds_of("max over time", 3)) == 1

    def test_a_machine_that_is_not_there_is_said_to_be_missing(self, folder):
        missing = mimii.measure(
            mimii.Task(mimii.Machine("valve", "id_06", 6), (("level", 0),))
        )
        assert missing.machine.machine == "valve"
        assert "ESA4_MIMII" in missing.reason


class TestResuming:
    def test_only_what_is_missing_is_measured(self, folder, monkeypatch, capsys):
        measured = []

        def measure(task: mimii.Task, **settings: object) -> list[mimii.Row]:
            measured.append((task.machine.machine, *task.wanted))
            return original(task, **settings)

        original = mimii.measure
        monkeypatch.setattr(mimii, "measure", measure)
        # In this process, where the list above is.
        monkeypatch.setattr(mimii, "run_all", map)
        mimii.main(options(folder, "fan"))
        mimii.main(options(folder, "fan", "pump", "slider"))
        one = ("level", 0), ("gmm", 0)
        assert measured == [("fan", *one), ("pump", *one), ("slider", *one)]
        table = (folder / "table.md").read_text(encoding="utf-8")
        assert "| fan " in table
        assert "| pump " in table
        assert "could not be had: slider id_00 -6 dB" in table
        assert table in capsys.readouterr().out

    def test_what_another_package_has_measured_counts_no_more(self, tmp_path):
        file = tmp_path / "rows.csv"
        rows = [row(code=mimii.code()), row(code="other", detector="level")]
        mimii.write_rows(rows, file)
        assert mimii.read_rows(file) == rows[:1]

    def test_more_detectors_and_more_seeds_are_added_to_what_is_there(self):
        def wanted(machine: mimii.Machine, n_seeds: int = 1) -> tuple:
            names = ("gmm", "level")
            return mimii.still_wanted(machine, [row()], names, n_seeds).wanted

        assert wanted(FAN) == (("level", 0),)
        assert wanted(FAN, 2) == (("gmm", 1), ("level", 0))
        assert wanted(FAN._replace(model="id_02")) == (("gmm", 0), ("level", 0))

    def test_other_numbers_of_clips_are_measured_anew_and_kept_apart(
        self, folder, monkeypatch
    ):
        monkeypatch.setattr(mimii, "run_all", map)
        asked = [*options(folder, "fan"), "--seeds", "1", "--detectors", "level"]
        mimii.main(asked)
        everything = (folder / "table.md").read_text(encoding="utf-8")
        mimii.main([*asked, "--abnormal", "4"])
        rows = mimii.read_rows(folder / "rows.csv")
        assert [row.n_abnormal for row in rows] == [5, 5, 4, 4]
        mimii.main(asked)
        assert (folder / "table.md").read_text(encoding="utf-8") == everything

    def test_rows_are_replaced_as_a_whole(self, tmp_path, monkeypatch):
        file = tmp_path / "rows.csv"
        rows = [row(code=mimii.code())]
        mimii.write_rows(rows, file)
        with pytest.raises(TypeError):
            mimii.write_rows([rows[0], None], file)
        assert mimii.read_rows(file) == rows


class TestTable:
    def test_is_the_mean_over_seeds_and_over_machines(self):
        rows = [
            row(seed=0, auc=0.8),
            row(seed=1, auc=0.6),
            row(model="id_02", auc=0.9),
            row(level="as recorded", auc=1.0),
        ]
        lines = [
            [cell.strip() for cell in line.split("|")]
            for line in mimii.table(rows).splitlines()
        ]
        assert ["", "fan", "id_00", "-6", "same RMS", "0.70", ""] in lines
        assert ["", "mean of 2", "", "", "same RMS", "0.80", ""] in lines
        assert ["", "mean of 1", "", "", "as recorded", "1.00", ""] in lines
        assert "gmm had 2 (standard deviation 0.141)" in mimii.notes(rows, [])

    def test_published_values_are_of_all_sixteen_machines(self):
        lines = mimii.published().splitlines()
        assert len(lines) == 2 + 16
        cells = [cell.strip() for cell in lines[2].split("|")]
        assert cells[1:-1] == ["fan", "id_00", "0.766", "0.590", "0.563", "0.540"]


class TestCommand:
    def test_a_folder_without_noise_levels_is_not_taken_for_three(self, folder):
        with pytest.raises(SystemExit, match="--snrs -6"):
            mimii.main(["--machines", "fan", "--models", "id_00"])

    def test_nothing_measured_is_an_error(self, folder):
        with pytest.raises(SystemExit, match="no machine"):
            mimii.main(options(folder, "slider"))


def half(number: int) -> float:
    return number / 2


def end_the_first_worker(number: int, mark: Path) -> float:
    """Kill the process that meets the number 3 first."""
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return half(number)


class TestSharingOut:
    def test_on_all_cores_of_this_computer(self, monkeypatch):
        monkeypatch.delenv("DASK_SCHEDULER", raising=False)
        assert sorted(mimii.run_all(half, range(4))) == [0, 0.5, 1, 1.5]

    def test_on_a_cluster_of_which_a_worker_dies(self, tmp_path, monkeypatch):
        distributed = pytest.importorskip("distributed")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster:
            monkeypatch.setenv("DASK_SCHEDULER", cluster.scheduler_address)
            job = partial(end_the_first_worker, mark=tmp_path / "mark")
            assert sorted(mimii.run_all(job, range(6))) == [0, 0.5, 1, 1.5, 2, 2.5]
        assert (tmp_path / "mark").exists()

    def test_who_names_a_cluster_without_dask_is_told(self, monkeypatch):
        monkeypatch.setenv("DASK_SCHEDULER", "tcp://127.0.0.1:1")
        monkeypatch.setitem(__import__("sys").modules, "distributed", None)
        with pytest.raises(SystemExit, match="Dask is not installed"):
            list(mimii.run_all(half, [1]))
