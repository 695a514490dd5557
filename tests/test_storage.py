from __future__ import annotations

import contextlib
import copy
import errno
import functools
import io
import json
import operator
import os
import pickle
import re
import stat
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skops.io
from sklearn.cluster import Birch
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import esa4_helpers.storage
from esa4_helpers import (
    GMMDetector,
    OldDetectorWarning,
    anomaly_map,
    anomaly_score,
    detector_names,
    has_anomaly_map,
    load_detector,
    make_detector,
    save_detector,
    storage,
)
from esa4_helpers.detectors import PanelDetector
from esa4_helpers.pipelines import DetectorPipeline

pytestmark = pytest.mark.usefixtures("eagerly")

NAMES = detector_names()
NETWORKS = ("autoencoder", "interpolation", "dense")
# Saved when there was no record of the training yet, with 16 mel bands.
OLD_FOLDER = Path(__file__).parent / "data" / "before_training"
OLD_FILES = {file.stem: file for file in OLD_FOLDER.glob("*.esa4")}


def noise(n_clips: int, seed: int = 0) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal((n_clips, 2560))


def judgement(detector: Pipeline) -> dict[str, np.ndarray]:
    """All that a detector says about some clips."""
    clips = np.vstack([noise(3, 1), 5 * noise(1, 2), np.zeros((1, 2560))])
    said = {
        "scores": detector.score_samples(clips),
        "labels": detector.predict(clips),
        "decisions": detector.decision_function(clips),
    }
    if has_anomaly_map(detector):
        said["maps"] = anomaly_map(detector, clips)
    return said


def digests(detector: Pipeline) -> dict[str, str]:
    return {what: said.tobytes().hex() for what, said in judgement(detector).items()}


@pytest.fixture(scope="module")
def fitted() -> dict[str, Pipeline]:
    detectors = {}
    for name in NAMES:
        detectors[name] = make_detector(name)
        if name in NETWORKS:
            detectors[name].set_params(detector__n_updates=2)
        detectors[name].fit(noise(8))
    return detectors


@pytest.fixture(scope="module")
def files(fitted, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("saved")
    return {
        name: save_detector(detector, folder / f"{name}.esa4")
        for name, detector in fitted.items()
    }


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file that appears as soon as code from another file is run."""
    return tmp_path / "trapped"


def tampered(
    file: Path,
    target: Path,
    edit_schema: Callable[[str], str] = str,
    edit: dict[str, Callable[[bytes], bytes | None]] | None = None,
) -> Path:
    """Copy a saved detector with its schema, or members of some endings, changed."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["schema.json"] = edit_schema(members["schema.json"].decode()).encode()
    for ending, change in (edit or {}).items():
        found = [name for name in members if name.endswith(ending)]
        assert found
        for name in found:
            members[name] = change(members[name])
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return target


def with_record(file: Path, target: Path, **changes: object) -> Path:
    """Copy a saved detector with something else in its record."""
    return tampered(
        file,
        target,
        edit={
            "detector.json": lambda content: json.dumps(
                json.loads(content) | changes
            ).encode()
        },
    )


def record_of(file: Path) -> dict:
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("detector.json"))


def replaced(old: str, new: str) -> Callable[[str], str]:
    def replace(schema: str) -> str:
        assert old in schema
        return schema.replace(old, new)

    return replace


def with_function(node: dict) -> Callable[[str], str]:
    """Put something that is run when it is loaded in the place of a setting."""

    def edit(schema: str) -> str:
        pipeline = json.loads(schema)
        pipeline["content"]["content"]["verbose"] = node
        return json.dumps(pipeline)

    return edit


def json_node(value: object) -> dict:
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
        "is_json": True,
    }


def tuple_node(*values: object) -> dict:
    return {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "content": [json_node(value) for value in values],
    }


def edited_members(
    edit: Callable[[str, bytes], bytes | None],
) -> Callable[[bytes], bytes]:
    """Change the members of the Keras file inside a saved detector."""

    def edit_keras_file(content: bytes) -> bytes:
        changed = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(content)) as old,
            zipfile.ZipFile(changed, "w") as new,
        ):
            for name in old.namelist():
                if (member := edit(name, old.read(name))) is not None:
                    new.writestr(name, member)
        return changed.getvalue()

    return edit_keras_file


class Bomb:
    """Runs a command as soon as it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


class MyPipeline(DetectorPipeline):
    """One that no other computer knows."""


class MyDetector(GMMDetector):
    """Another one."""


def unsavable(kind: str) -> Pipeline:
    """Detectors that work, but that `load_detector` would refuse."""
    detector = make_detector("gmm", level=False)
    spectrogram, pool, (name, panel) = detector.steps
    if kind == "subclass":
        detector = MyPipeline(detector.steps)
    elif kind == "part":
        panel.set_params(detector=MyDetector(1))
    elif kind == "forest":
        panel.set_params(detector=IsolationForest(n_estimators=5))
    else:
        function = np.abs if kind == "function" else lambda x: x
        scaled = ("function", FunctionTransformer(function))
        detector = DetectorPipeline([spectrogram, pool, scaled, (name, panel)])
    return detector.fit(noise(8))


class TestSavedAndLoaded:
    @pytest.mark.parametrize("name", NAMES)
    def test_it_says_the_same_bit_for_bit(self, fitted, files, name):
        loaded = load_detector(files[name])
        expected = judgement(fitted[name])
        for what, said in judgement(loaded).items():
            np.testing.assert_array_equal(said, expected[what])
        assert str(loaded.get_params()) == str(fitted[name].get_params())

    def test_it_says_the_same_in_another_process_loaded_or_fitted_anew(
        self, fitted, files
    ):
        code = (
            "import sys, json\n"
            "from sklearn.base import clone\n"
            "from test_storage import digests, load_detector, noise\n"
            "loaded = [load_detector(file) for file in sys.argv[1:]]\n"
            "print(json.dumps([digests(detector) for detector in loaded]))\n"
            "import tensorflow; tensorflow.config.run_functions_eagerly(True)\n"
            "again = [clone(detector).fit(noise(8)) for detector in loaded]\n"
            "print(json.dumps([digests(detector) for detector in again]))\n"
        )
        result = subprocess.run(
            [sys.executable, "-c", code, *files.values()],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
        expected = [digests(detector) for detector in fitted.values()]
        loaded, fitted_anew = map(json.loads, result.stdout.splitlines())
        assert loaded == expected
        assert fitted_anew == expected

    @pytest.mark.parametrize("name", ["knn", "interpolation"])
    def test_it_can_be_fitted_anew_and_saved_again(self, files, tmp_path, name):
        loaded = load_detector(files[name]).fit(noise(8, seed=3))
        again = load_detector(save_detector(loaded, tmp_path / "again"))
        assert digests(again) == digests(loaded)
        assert digests(again) != digests(load_detector(files[name]))

    def test_what_it_knows_of_its_training_comes_back_exactly(self, fitted, files):
        for name in ("level", "gmm", "dense"):
            training = vars(fitted[name].training_)
            loaded = vars(load_detector(files[name]).training_)
            np.testing.assert_array_equal(
                loaded.pop("spectrum"), training["spectrum"], strict=True
            )
            assert loaded == {k: v for k, v in training.items() if k != "spectrum"}

    def test_what_it_is_for_can_be_read_without_loading_it(self, fitted, files):
        record = record_of(files["gmm"])
        training = fitted["gmm"].training_.as_dict()
        assert record["training"] == json.loads(json.dumps(training))
        assert (record["sr"], record["n_samples"]) == (16000, 2560)
        assert record["clip_seconds"] == 0.16
        assert record["versions"]["numpy"] == np.__version__

    def test_the_file_is_small(self, files):
        for name, file in files.items():
            assert file.stat().st_size < (2e6 if name in NETWORKS else 5e5)


class TestSaving:
    def test_returns_the_file_and_replaces_an_older_one(self, fitted, tmp_path):
        file = tmp_path / "pump"
        for name in ("level", "mahalanobis"):
            assert save_detector(fitted[name], str(file)) == file
            assert digests(load_detector(file)) == digests(fitted[name])
        assert [f.name for f in tmp_path.iterdir()] == ["pump"]

    def test_a_detector_that_can_not_be_saved_leaves_the_file_as_it_was(
        self, fitted, tmp_path
    ):
        file = save_detector(fitted["level"], tmp_path / "pump")
        before = file.read_bytes()
        impossible = copy.deepcopy(fitted["level"])
        impossible[-1].note = Birch()
        with pytest.raises(Exception, match="Birch"):
            save_detector(impossible, file)
        assert file.read_bytes() == before
        assert list(tmp_path.iterdir()) == [file]

    @pytest.mark.parametrize(
        "error",
        [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
    )
    def test_a_full_disk_or_an_end_leaves_the_file_as_it_was(
        self, fitted, tmp_path, monkeypatch, error
    ):
        def fail(handle: int) -> None:
            raise error

        file = save_detector(fitted["level"], tmp_path / "pump")
        before = file.read_bytes()
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(type(error), match=f"{file}.*No space left|^$"):
            save_detector(fitted["mahalanobis"], file)
        assert file.read_bytes() == before
        assert list(tmp_path.iterdir()) == [file]

    def test_what_would_not_score_the_same_replaces_nothing(
        self, fitted, tmp_path, monkeypatch
    ):
        file = save_detector(fitted["level"], tmp_path / "pump")
        before = file.read_bytes()
        monkeypatch.setattr(
            esa4_helpers.storage, "_made_of", lambda members: fitted["mahalanobis"]
        )
        with pytest.raises(ValueError, match="a clip of noise scores .* here"):
            save_detector(fitted["gmm"], file)
        assert file.read_bytes() == before
        assert list(tmp_path.iterdir()) == [file]

    def test_what_a_killed_save_left_behind_is_swept_away(self, fitted, tmp_path):
        (tmp_path / ".esa4-unfinished-0123456789abcdef").write_bytes(b"half")
        file = save_detector(fitted["level"], tmp_path / "pump")
        assert list(tmp_path.iterdir()) == [file]

    def test_other_files_beside_it_are_left_alone(self, fitted, tmp_path):
        mine = [tmp_path / name for name in ("pump.part", ".pump", "pump.esa4~")]
        for file in mine:
            file.write_text("mine")
        save_detector(fitted["level"], tmp_path / "pump")
        assert [file.read_text() for file in mine] == ["mine"] * 3

    def test_threads_that_save_at_once_each_write_a_whole_file(self, fitted, tmp_path):
        file = tmp_path / "pump"
        expected = {str(digests(fitted[name])) for name in ("level", "mahalanobis")}
        with ThreadPoolExecutor(4) as pool:
            saves = [
                pool.submit(save_detector, fitted[name], file)
                for name in ("level", "mahalanobis") * 3
            ]
            for save in saves:
                assert save.result() == file
                assert str(digests(load_detector(file))) in expected
        assert list(tmp_path.iterdir()) == [file]

    @pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
    def test_the_mode_stays_and_a_new_file_has_the_usual_one(self, fitted, tmp_path):
        usual, private = tmp_path / "usual", tmp_path / "private"
        usual.touch()
        private.touch(mode=0o600)
        new = tmp_path / "new"
        for file in (private, new):
            save_detector(fitted["level"], file)
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
        assert new.stat().st_mode == usual.stat().st_mode

    def test_a_link_keeps_pointing_to_where_it_points(self, fitted, tmp_path):
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        link = tmp_path / "pump"
        link.symlink_to(folder / "v1")
        for name in ("level", "mahalanobis"):
            assert save_detector(fitted[name], link) == link
            assert link.is_symlink()
            assert digests(load_detector(folder / "v1")) == digests(fitted[name])
        assert [file.name for file in folder.iterdir()] == ["v1"]

    def test_what_is_no_plain_file_is_not_replaced(self, fitted, tmp_path):
        folder, loop, pipe = (tmp_path / name for name in ("folder", "loop", "pipe"))
        folder.mkdir()
        loop.symlink_to(loop)
        os.mkfifo(pipe)
        for file in (folder, loop, pipe):
            with pytest.raises(OSError, match=f"{file} was not saved"):
                save_detector(fitted["level"], file)
        assert folder.is_dir()
        assert loop.is_symlink()
        assert pipe.is_fifo()

    def test_a_write_protected_file_is_not_replaced(
        self, fitted, tmp_path, monkeypatch
    ):
        file = save_detector(fitted["level"], tmp_path / "pump")
        before = file.read_bytes()
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(PermissionError, match="write-protected"):
            save_detector(fitted["mahalanobis"], file)
        assert file.read_bytes() == before

    @pytest.mark.parametrize(
        "kind", ["subclass", "part", "function", "lambda", "forest"]
    )
    def test_what_would_not_be_loaded_is_not_saved(self, fitted, tmp_path, kind):
        file = save_detector(fitted["level"], tmp_path / "pump")
        before = file.read_bytes()
        with pytest.raises(ValueError, match="can't be saved: it asks for"):
            save_detector(unsavable(kind), file)
        assert file.read_bytes() == before
        assert list(tmp_path.iterdir()) == [file]

    @pytest.mark.parametrize("thing", [{}, None, [], "gmm", GMMDetector()])
    def test_what_is_no_pipeline_is_refused(self, tmp_path, thing):
        with pytest.raises(TypeError, match="must be one from make_detector"):
            save_detector(thing, tmp_path / "pump")
        assert not list(tmp_path.iterdir())

    def test_what_takes_no_audio_is_refused(self, fitted, tmp_path):
        for part in (fitted["gmm"][1:], fitted["gmm"][:-1], Pipeline([])):
            with pytest.raises(ValueError, match="can't be saved: it"):
                save_detector(part, tmp_path / "pump")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", NAMES)
    def test_before_fitting_is_refused(self, name, tmp_path):
        with pytest.raises(NotFittedError):
            save_detector(make_detector(name), tmp_path / "pump")
        assert not list(tmp_path.iterdir())

    def test_into_a_folder_that_is_not_there_is_refused(self, fitted, tmp_path):
        with pytest.raises(OSError, match="nowhere"):
            save_detector(fitted["level"], tmp_path / "nowhere" / "pump")


class TestLoading:
    def test_clips_that_it_is_not_for_are_refused(self, files):
        file = files["level"]
        assert load_detector(file, sr=16000, clip_seconds=0.16)
        for given, message in (
            ({"sr": 48000}, "clips at 16000 Hz, not at 48000 Hz"),
            ({"clip_seconds": 10}, "clips of 0.16 s, not of 10 s"),
        ):
            with pytest.raises(ValueError, match=message) as info:
                load_detector(file, **given)
            assert str(file) in str(info.value)

    def test_another_version_is_no_matter_if_the_scores_are_the_same(
        self, files, tmp_path
    ):
        versions = record_of(files["level"])["versions"] | {"numpy": "1.0.0"}
        file = with_record(files["level"], tmp_path / "pump", versions=versions)
        assert digests(load_detector(file)) == digests(load_detector(files["level"]))

    @pytest.mark.parametrize("place", [0, 1])
    def test_another_version_matters_if_the_scores_are_not(
        self, files, tmp_path, place
    ):
        record = record_of(files["mahalanobis"])
        record["versions"]["numpy"] = "1.0.0"
        record["probe_scores"][place] *= 1.25
        file = with_record(files["mahalanobis"], tmp_path / "pump", **record)
        with pytest.raises(ValueError, match=r"20.00% off.* numpy 1\.0\.0 \(here "):
            load_detector(file)

    def test_scores_that_another_computer_rounds_are_the_same(self, files, tmp_path):
        scores = [
            score * (1 + 2e-5) for score in record_of(files["level"])["probe_scores"]
        ]
        assert load_detector(
            with_record(files["level"], tmp_path / "pump", probe_scores=scores)
        )

    def test_a_format_of_the_future_is_refused(self, files, tmp_path):
        versions = {"esa4-helpers": "9.1"}
        file = with_record(
            files["level"], tmp_path / "pump", format=3, versions=versions
        )
        with pytest.raises(
            ValueError, match=r"esa4-helpers 9\.1 .*format 3.*up to .*2"
        ):
            load_detector(file)

    @pytest.mark.parametrize(
        "record",
        [b"", b"[]", b"{}", b'{"format": "1"}', b'{"format": 1, "versions": 1}', None],
    )
    def test_a_damaged_record_is_refused(self, files, tmp_path, record):
        file = tampered(
            files["level"], tmp_path / "pump", edit={"detector.json": lambda c: record}
        )
        with pytest.raises(ValueError, match="damaged"):
            load_detector(file)

    def test_an_attribute_of_another_name_is_told_of_when_loading(
        self, files, tmp_path
    ):
        expected = digests(load_detector(files["level"]))
        with zipfile.ZipFile(files["level"]) as archive:
            schema = json.loads(archive.read("schema.json"))
        steps = schema["content"]["content"]["steps"]["content"]
        names = {
            *schema["content"]["content"],
            *(
                name
                for step in steps
                for name in step["content"][1]["content"]["content"]
            ),
        }
        refused = set()
        for name in names:
            file = tampered(
                files["level"], tmp_path / "pump", replaced(f'"{name}"', f'"{name}x"')
            )
            try:
                assert digests(load_detector(file)) == expected
            except ValueError as error:
                assert str(file) in str(error)  # noqa: PT017
                refused.add(name)
        assert refused > {"steps", "sr", "n_features_in_", "offset_", "contamination"}

    def test_other_classes_of_this_package_are_told_of_when_loading(
        self, files, tmp_path, monkeypatch
    ):
        """As if a later version had renamed what it needs."""
        monkeypatch.setattr(
            PanelDetector, "_combine", lambda self, scores: self.renamed_
        )
        with pytest.raises(ValueError, match="no attribute 'renamed_'"):
            load_detector(files["gmm"])


class TestOldFiles:
    def test_there_is_one_of_each_kind(self):
        assert {"autoencoder", *NAMES} - {*NETWORKS[1:]} == {*OLD_FILES}

    @pytest.mark.parametrize("name", OLD_FILES)
    def test_it_scores_as_it_did_and_says_what_it_does_not_know(self, name, tmp_path):
        clips = np.random.RandomState(0)
        clips.standard_normal((8, 2560))
        clips = 0.02 * clips.standard_normal((3, 2560))
        with pytest.warns(OldDetectorWarning, match="Fit it to its recordings again"):
            detector = load_detector(OLD_FILES[name], sr=16000, clip_seconds=0.16)
        expected = json.loads((OLD_FOLDER / "scores.json").read_text("utf-8"))[name]
        np.testing.assert_allclose(detector.score_samples(clips), expected, rtol=1e-4)
        file = save_detector(detector, tmp_path / "again")
        with pytest.warns(OldDetectorWarning):
            load_detector(file)

    def test_of_format_1_it_tells_its_training_too(self, files, tmp_path):
        file = tampered(
            with_record(files["mahalanobis"], tmp_path / "1", format=1),
            tmp_path / "old",
            replaced("esa4_helpers.pipelines", "esa4_helpers.detectors"),
        )
        old, new = load_detector(file), load_detector(files["mahalanobis"])
        assert digests(old) == digests(new)
        assert old.training_.as_dict() == new.training_.as_dict()

    def test_fitted_again_it_is_new(self, tmp_path):
        with pytest.warns(OldDetectorWarning):
            detector = load_detector(OLD_FILES["level"])
        file = save_detector(detector.fit(noise(8)), tmp_path / "new")
        with warnings.catch_warnings(action="error"):
            assert load_detector(file).training_.n_clips == 8


class TestDamagedFiles:
    @staticmethod
    def assert_refused(file: Path, message: str | None = None) -> None:
        with pytest.raises(ValueError, match=message) as info:
            load_detector(file)
        assert str(file) in str(info.value)

    def test_a_file_that_is_not_there_is_named(self, tmp_path):
        for file in (tmp_path / "nothing", tmp_path):
            with pytest.raises(FileNotFoundError, match=str(file)):
                load_detector(file)

    @pytest.mark.parametrize("content", [b"", b"Hello!\n", pickle.dumps([1])])
    def test_other_files_are_refused(self, tmp_path, content):
        file = tmp_path / "pump.esa4"
        file.write_bytes(content)
        self.assert_refused(file, "not a zip file")

    @pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
    @pytest.mark.parametrize("name", ["mahalanobis", "interpolation"])
    def test_the_first_part_of_a_file_is_refused(self, files, tmp_path, name, share):
        content = files[name].read_bytes()
        file = tmp_path / "pump.esa4"
        file.write_bytes(content[: round(share * len(content))])
        self.assert_refused(file)

    def test_a_file_with_a_changed_byte_is_refused_or_says_the_same(
        self, fitted, files, tmp_path
    ):
        content = files["level"].read_bytes()
        expected = digests(fitted["level"])
        file = tmp_path / "pump.esa4"
        rng = np.random.default_rng(0)
        n_loaded = 0
        for place in rng.integers(len(content), size=60):
            changed = bytearray(content)
            changed[place] ^= 1 << rng.integers(8)
            file.write_bytes(changed)
            with contextlib.suppress(ValueError):
                assert digests(load_detector(file)) == expected
                n_loaded += 1
        assert n_loaded < 40

    def test_another_zip_file_is_refused(self, tmp_path):
        file = tmp_path / "pump.esa4"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("hello.txt", "Hello!")
        self.assert_refused(file, "no saved detector")

    @pytest.mark.parametrize(
        "thing",
        [
            LogisticRegression(),
            StandardScaler().fit(noise(4)),
            make_pipeline(StandardScaler(), PCA(2)).fit(noise(4)),
            make_detector("gmm")[:-1],
            make_detector("gmm")[-1],
            {"detector": 1},
            [],
        ],
        ids=lambda thing: type(thing).__name__,
    )
    def test_what_skops_saved_of_something_else_is_refused(self, tmp_path, thing):
        file = tmp_path / "pump.esa4"
        skops.io.dump(thing, file)
        self.assert_refused(file, "holds a|last step is|it asks for|no saved detector")

    @pytest.mark.parametrize(
        "edit_schema",
        [
            lambda schema: "not json",
            lambda schema: "[]",
            lambda schema: "{}",
            lambda schema: schema[: len(schema) // 2],
            replaced('"shape_"', '"shap_"'),
            replaced("interpolation", "nothing"),
            replaced("interpolation", "bottleneck"),
            replaced("AutoencoderDetector", "NoDetector"),
            replaced("ObjectNode", "NoNode"),
            replaced('"steps"', '"stops"'),
        ],
    )
    def test_a_changed_schema_is_refused(self, files, tmp_path, edit_schema):
        self.assert_refused(
            tampered(files["interpolation"], tmp_path / "pump.esa4", edit_schema)
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("promised_rate", "NaN"),
            ("promised_rate", "-5"),
            ("n_recordings", "-5"),
            ("typical_level", "NaN"),
            ("typical_level", "null"),
            ("levels", "NaN"),
        ],
    )
    def test_what_can_not_be_true_of_a_training_is_refused(
        self, files, tmp_path, name, value
    ):
        def edit(schema: str) -> str:
            number = rf'("{name}": (?:(?!"content": ").)*"content": )"[^"]*"'
            edited, n = re.subn(number, rf'\1"{value}"', schema, flags=re.DOTALL)
            assert n
            return edited

        file = tampered(files["level"], tmp_path / "pump", edit)
        with pytest.raises(ValueError, match=f"was not loaded: .*{name}"):
            load_detector(file)

    @pytest.mark.parametrize(
        "edit",
        [
            {".npy": lambda content: None},
            {".npy": lambda content: b""},
            {".npy": lambda content: b"junk"},
            {".npy": lambda content: content[: len(content) // 2]},
        ],
    )
    def test_changed_numbers_are_refused(self, files, tmp_path, edit):
        self.assert_refused(
            tampered(files["interpolation"], tmp_path / "pump.esa4", edit=edit)
        )

    @pytest.mark.parametrize(
        "edit",
        [
            lambda content: None,
            lambda content: b"junk",
            edited_members(lambda name, c: None if "h5" in name else c),
            edited_members(lambda name, c: b"junk" if "h5" in name else c),
            edited_members(lambda name, c: c[: len(c) // 2] if "h5" in name else c),
        ],
    )
    def test_a_changed_file_of_a_network_is_refused(self, tmp_path, edit):
        self.assert_refused(
            tampered(
                OLD_FILES["autoencoder"], tmp_path / "pump.esa4", edit={".bin": edit}
            )
        )


def refusal(check: Callable, *given: object) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        check(*given)
    return str(caught.value)


class TestLimits:
    def test_the_clip_to_try_it_on_never_changes(self, monkeypatch):
        """As another one would refuse all files that were saved before."""
        heard = []

        class Deaf(list):
            def score_samples(self, X: np.ndarray) -> np.ndarray:
                heard.append(X)
                return np.zeros(1)

            def predict(self, X: np.ndarray) -> None:
                heard.append(X)

            def get_params(self) -> None:
                pass

            def __getitem__(self, place: int | slice) -> object:
                part = super().__getitem__(place)
                return Deaf(part) if isinstance(place, slice) else part

        monkeypatch.setattr(storage, "has_anomaly_map", lambda detector: False)
        assert storage._try_out(Deaf([SimpleNamespace(n_features_in_=5)])) == [0, 0]
        expected = [[0.0176405, 0.0330130, 0.1517044, 0.5098032, 0.5602674]]
        assert len(heard) == 3
        for probe in heard:
            np.testing.assert_allclose(probe, expected, rtol=1e-5)

    @pytest.mark.parametrize("n_samples", [2**26, 2**26 + 1])
    def test_no_clip_is_made_that_takes_more_than_512_mib(self, monkeypatch, n_samples):
        class MadeError(Exception):
            pass

        def make(seed: int) -> None:
            raise MadeError

        monkeypatch.setattr(np.random, "RandomState", make)
        detector = [SimpleNamespace(n_features_in_=n_samples)]
        if n_samples == 2**26:
            with pytest.raises(MadeError):
                storage._try_out(detector)
        else:
            told = f"its clips have {n_samples} samples, which is too long"
            assert refusal(storage._try_out, detector) == told

    def test_what_is_packed_is_512_mib_at_most(self, monkeypatch, tmp_path):
        told = "it takes more than 512 MiB, which no detector needs"
        file = tmp_path / "sparse"
        file.touch()
        os.truncate(file, 2**29 + 1)
        assert refusal(load_detector, file) == f"{file} was not loaded: {told}"
        monkeypatch.setattr(storage, "_LARGEST", 10)
        for sizes, is_refused in (
            ((10,), False),
            ((4, 6), False),
            ((11,), True),
            ((9, 2), True),
            ((0, 12), True),
        ):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for i, size in enumerate(sizes):
                    archive.writestr(str(i), b"a" * size)
            if is_refused:
                assert refusal(storage._members, packed) == told
            else:
                members = storage._members(packed)
                assert [len(m) for m in members.values()] == list(sizes)

    @pytest.mark.parametrize("given", [{"clip_seconds": 0.16002}, {"sr": 16000.0}])
    def test_what_rounds_to_the_same_clips_is_no_other(self, files, given):
        assert load_detector(files["level"], **given)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            (
                {"sr": 8000},
                "it is for clips at 16000 Hz, not at 8000 Hz. Read the recordings with "
                "sr=16000, or fit a detector to clips at 8000 Hz",
            ),
            (
                {"clip_seconds": 0.16005},
                "it is for clips of 0.16 s, not of 0.16005 s. Cut the recordings into "
                "clips of 0.16 s, or fit a detector to clips of 0.16005 s",
            ),
            (
                {"clip_seconds": 0.1},
                "it is for clips of 0.16 s, not of 0.1 s. Cut the recordings into clips "
                "of 0.16 s, or fit a detector to clips of 0.1 s",
            ),
        ],
    )
    def test_other_clips_are_told_with_the_way_out(self, files, given, told):
        def load() -> None:
            load_detector(files["level"], **given)

        assert refusal(load) == f"{files['level']} was not loaded: {told}"

    def test_scores_may_differ_by_one_in_ten_thousand(self):
        for then in (1 + 0.99e-4, 1 - 0.99e-4):
            storage._check_scores([then, 1.0], {"probe_scores": [1.0, then]})
            storage._check_scores([-then], {"probe_scores": [-1.0]})
        for here, then, told in (
            (1.0, 1.25, "1 here, and scored 1.25 when it was saved (20.00% off; "),
            (-1.0, -0.75, "-1 here, and scored -0.75 when it was saved (25.00% off; "),
            (1.0, 1.00011, "1 here, and scored 1.00011 when it was saved (0.01% off; "),
        ):
            assert refusal(
                storage._check_scores, [1.0, here], {"probe_scores": [1.0, then]}
            ) == (
                f"a clip of noise scores {told}up to 0.01% would not matter). So neither "
                "its scores nor its threshold hold. Fit the detector again, and save it"
            )

    def test_what_has_changed_since_is_told(self):
        here = storage._versions(("numpy", "librosa"))
        then = {"versions": {"numpy": "1.0", "librosa": here["librosa"], "other": "7"}}
        assert storage._then_and_now(then) == (
            f"It was saved with numpy 1.0 (here {here['numpy']}): install these versions, "
            "or fit the detector again"
        )
        newer = storage._then_and_now({"versions": {"numpy": "99.0"}})
        assert newer.startswith(
            f"It was saved with numpy 99.0 (here {here['numpy']}): "
        )
        assert storage._then_and_now({}) == "Fit the detector again, and save it"

    def test_a_score_that_is_no_number_is_refused(self, fitted, monkeypatch):
        detector = copy.deepcopy(fitted["level"])
        for value in (np.nan, np.inf):
            monkeypatch.setattr(
                type(detector), "score_samples", lambda self, X, v=value: np.array([v])
            )
            told = refusal(storage._try_out, detector)
            assert told.startswith(f"a clip of noise scores [{value}, ")

    @pytest.mark.parametrize(
        ("make", "told"),
        [
            (lambda d: {}, "it holds a dict, not a detector"),
            (lambda d: Pipeline([]), "it holds a Pipeline, not a detector"),
            (
                lambda d: d[:-1],
                "its last step is a PoolOverTime, not a detector of this package",
            ),
            (
                lambda d: d[1:],
                "its first step is a PoolOverTime, which takes no audio: expected "
                "LogMelSpectrogram or Level",
            ),
        ],
    )
    def test_what_is_no_detector_is_told(self, fitted, make, told):
        assert refusal(storage._check_kind, make(fitted["gmm"])) == told
        assert storage._check_kind(fitted["gmm"]) is None

    def test_arrays_are_of_numbers_and_texts_only(self):
        def schema(kind: str) -> dict[str, bytes]:
            node = {"__loader__": "NdArrayNode", "__module__": "numpy"}
            return {"schema.json": json.dumps(node | {"__class__": kind}).encode()}

        assert storage._checked_schema(schema("float64"))
        assert refusal(storage._checked_schema, schema("object_")) == (
            "it asks for numpy.object_, which no detector of this package needs"
        )

    def test_the_record_is_text_to_read(self, fitted, files, tmp_path):
        with zipfile.ZipFile(files["level"]) as archive:
            text = archive.read("detector.json").decode()
        assert text.startswith('{\n  "format": 2,\n  "steps": [\n    "Level",\n')
        detector = copy.deepcopy(fitted["level"])
        findings = ("Prüfstand 1.wav: too loud",)
        detector.training_ = replace(detector.training_, findings=findings)
        with zipfile.ZipFile(save_detector(detector, tmp_path / "pump")) as archive:
            assert findings[0].encode() in archive.read("detector.json")
        record = record_of(files["level"])
        assert record["steps"] == ["Level", "TwoSidedDetector"]
        assert set(record["versions"]) == {"python", *storage._PACKAGES, "skops"}
        networks = record_of(files["dense"])["versions"]
        assert set(networks) == {*record["versions"], "tensorflow", "keras"}

    def test_a_training_that_only_the_record_tells_of_is_refused(self, files, tmp_path):
        told = "it is damaged: its record tells of another training"
        for name in ("level", "old"):
            if name == "level":
                file = with_record(files[name], tmp_path / name, training=None)
            else:
                record = record_of(files["level"])
                with zipfile.ZipFile(OLD_FILES["level"]) as archive:
                    members = {n: archive.read(n) for n in archive.namelist()}
                file = tmp_path / name
                with zipfile.ZipFile(file, "w") as archive:
                    members["detector.json"] = json.dumps(record).encode()
                    for n, content in members.items():
                        archive.writestr(n, content)
            assert refusal(load_detector, file) == f"{file} was not loaded: {told}"

    def test_an_old_detector_is_warned_of_where_it_is_loaded(self):
        with pytest.warns(OldDetectorWarning) as caught:
            load_detector(OLD_FILES["level"])
        assert [warning.filename for warning in caught] == [__file__]

    def test_where_nothing_can_be_saved_is_told(self, fitted, tmp_path, monkeypatch):
        file = tmp_path / "pump"
        file.mkdir()
        nowhere = tmp_path / "nowhere" / "pump"
        for target, told in (
            (file, "it is a folder, a device or a link to itself"),
            (nowhere, f"there is no folder {nowhere.parent}"),
        ):
            with pytest.raises(OSError, match=f"] {target} was not saved: {told}$"):
                save_detector(fitted["level"], target)


class TestMaliciousFiles:
    @staticmethod
    def assert_refused(file: Path, trap: Path, message: str | None = None) -> None:
        with pytest.raises(ValueError, match=message) as info:
            load_detector(file)
        assert str(file) in str(info.value)
        assert not trap.exists()

    @pytest.mark.parametrize(
        "make",
        [
            lambda trap: os.system,
            lambda trap: exec,
            lambda trap: open,
            lambda trap: functools.partial(os.system, f"touch {trap}"),
            lambda trap: functools.partial(open, str(trap), "w"),
            lambda trap: operator.methodcaller("touch"),
            lambda trap: operator.attrgetter("__class__"),
            lambda trap: trap.touch,
            lambda trap: make_detector("gmm").fit,
            lambda trap: subprocess.Popen,
            lambda trap: Path,
        ],
    )
    def test_what_skops_saved_with_a_function_inside_is_refused(
        self, fitted, tmp_path, trap, make
    ):
        file = tmp_path / "pump.esa4"
        malicious = make_pipeline(FunctionTransformer(make(trap)), fitted["gmm"][-1])
        skops.io.dump(malicious, file)
        self.assert_refused(file, trap, "was not loaded: it asks for")

    @pytest.mark.parametrize(
        "make",
        [
            lambda trap: {
                "__class__": "system",
                "__module__": "os",
                "__loader__": "ConstructorFromReduceNode",
                "content": tuple_node(f"touch {trap}"),
            },
            lambda trap: {
                "__class__": "open",
                "__module__": "builtins",
                "__loader__": "ConstructorFromReduceNode",
                "content": tuple_node(str(trap), "w"),
            },
            lambda trap: {
                "__class__": "Popen",
                "__module__": "subprocess",
                "__loader__": "ConstructorFromReduceNode",
                "content": tuple_node(["touch", str(trap)]),
            },
            # An operator is called with what the file holds when it is loaded.
            lambda trap: {
                "__class__": "methodcaller",
                "__module__": "operator",
                "__loader__": "OperatorFuncNode",
                "attrs": tuple_node("system", f"touch {trap}"),
            },
            lambda trap: {
                "__class__": "system",
                "__module__": "os",
                "__loader__": "OperatorFuncNode",
                "attrs": tuple_node(f"touch {trap}"),
            },
            # A harmless name for the owner of a method, and a dangerous owner.
            lambda trap: {
                "__class__": "str",
                "__module__": "builtins",
                "__loader__": "MethodNode",
                "content": {
                    "func": "system",
                    "obj": {
                        "__class__": "os",
                        "__module__": "os",
                        "__loader__": "TypeNode",
                    },
                },
            },
            lambda trap: {
                "__class__": "Pipeline",
                "__module__": "sklearn.pipeline",
                "__loader__": "MethodNode",
                "content": {
                    "func": "__init__.__globals__",
                    "obj": {
                        "__class__": "Pipeline",
                        "__module__": "sklearn.pipeline",
                        "__loader__": "ObjectNode",
                    },
                },
            },
            lambda trap: {
                "__class__": "partial",
                "__module__": "functools",
                "__loader__": "PartialNode",
                "content": {
                    "func": {
                        "__class__": "system",
                        "__module__": "os",
                        "__loader__": "FunctionNode",
                    },
                    "args": tuple_node(f"touch {trap}"),
                    "kwds": json_node({}),
                    "namespace": json_node(None),
                },
            },
            lambda trap: {
                "__class__": "system",
                "__module__": "os",
                "__loader__": "FunctionNode",
            },
            lambda trap: {
                "__class__": "system",
                "__module__": "os",
                "__loader__": "TypeNode",
            },
            # An old name, which a file may ask for to make a detector and for nothing else.
            lambda trap: {
                "__class__": "PipelineWithLevel",
                "__module__": "esa4_helpers.detectors",
                "__loader__": "TypeNode",
            },
            lambda trap: {
                "__class__": "import_keras",
                "__module__": "esa4_helpers.networks",
                "__loader__": "FunctionNode",
            },
        ],
        ids=lambda make: "-".join(
            make(Path()).get(k) for k in ("__loader__", "__class__")
        ),
    )
    def test_a_schema_that_names_a_function_is_refused(
        self, files, tmp_path, trap, make
    ):
        file = tampered(
            files["level"], tmp_path / "pump.esa4", with_function(make(trap))
        )
        self.assert_refused(file, trap, "it asks for|a malicious file")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("TwoSidedDetector", "import_module"),
            ("esa4_helpers.detectors", "os"),
            ("esa4_helpers.pipelines", "os"),
            ("esa4_helpers.detectors", "esa4_helpers.storage"),
        ],
    )
    def test_a_schema_with_another_class_is_refused(
        self, files, tmp_path, trap, old, new
    ):
        file = tampered(files["level"], tmp_path / "pump.esa4", replaced(old, new))
        self.assert_refused(file, trap, "was not loaded: it asks for")

    def test_pickled_contents_are_refused_and_not_unpickled(self, tmp_path, trap):
        bomb = Bomb(f"touch {trap}")
        array = io.BytesIO()
        np.save(array, np.array([bomb], dtype=object), allow_pickle=True)
        for i, (ending, payload) in enumerate(
            [
                (".npy", array.getvalue()),
                (".npy", pickle.dumps(bomb)),
                (".bin", pickle.dumps(bomb)),
            ]
        ):
            file = tmp_path / f"{i}.esa4"
            tampered(
                OLD_FILES["autoencoder"], file, edit={ending: lambda c, p=payload: p}
            )
            self.assert_refused(file, trap)
        plain = tmp_path / "plain.esa4"
        plain.write_bytes(pickle.dumps(bomb))
        self.assert_refused(plain, trap)
        # The trap itself works.
        pickle.loads(pickle.dumps(bomb))
        assert trap.exists()

    def test_the_description_of_a_network_is_never_read(self, tmp_path, trap):
        import keras

        code = f"__import__('pathlib').Path({str(trap)!r}).touch() or x"
        inputs = keras.Input((128, 5, 1))
        layer = keras.layers.Lambda(eval(f"lambda x: {code}"))
        malicious = keras.Model(inputs, layer(inputs))
        malicious.save(tmp_path / "malicious.keras")
        with zipfile.ZipFile(tmp_path / "malicious.keras") as archive:
            config = archive.read("config.json")
        trap.unlink()
        assert b"Lambda" in config

        def swap(name: str, content: bytes) -> bytes:
            return config if name == "config.json" else content

        file = tampered(
            OLD_FILES["autoencoder"],
            tmp_path / "pump.esa4",
            edit={".bin": edited_members(swap)},
        )
        said = []
        for loaded in (file, OLD_FILES["autoencoder"]):
            with pytest.warns(OldDetectorWarning):
                said.append(anomaly_score(load_detector(loaded), noise(1)))
        np.testing.assert_array_equal(*said)
        assert not trap.exists()

    @pytest.mark.parametrize("kind", ["function", "forest"])
    def test_harmless_or_not_nothing_is_made_that_no_detector_needs(
        self, tmp_path, kind
    ):
        """Skops trusts all of scikit-learn, also trees, whose nodes point into memory."""
        file = tmp_path / "pump.esa4"
        skops.io.dump(unsavable(kind), file)
        with pytest.raises(ValueError, match="it asks for .*sklearn"):
            load_detector(file)

    def test_parts_that_stand_for_others_many_times_over_take_no_time(
        self, files, tmp_path
    ):
        def doubled(node: dict, depth: int) -> dict:
            for i in range(depth):
                twice = [node | {"__id__": i}, {"__id__": i}]
                node = json_node(None) | {"__class__": "list", "__loader__": "ListNode"}
                node["content"] = twice
            return node

        file = tampered(
            files["level"],
            tmp_path / "pump.esa4",
            with_function(doubled(json_node(1), 60)),
        )
        with pytest.raises(ValueError, match="damaged"):
            load_detector(file)

    def test_what_unpacks_to_more_than_it_says_or_may_is_refused(
        self, files, tmp_path, monkeypatch
    ):
        content = files["gmm"].read_bytes()
        size = sum(info.file_size for info in zipfile.ZipFile(files["gmm"]).infolist())
        monkeypatch.setattr(esa4_helpers.storage, "_LARGEST", size)
        assert load_detector(files["gmm"])
        monkeypatch.setattr(esa4_helpers.storage, "_LARGEST", size - 1)
        with pytest.raises(ValueError, match="takes more than"):
            load_detector(files["gmm"])
        # The directory at the end claims that the largest member is tiny.
        largest = max(
            zipfile.ZipFile(files["gmm"]).infolist(), key=lambda info: info.file_size
        )
        liar = tmp_path / "liar"
        liar.write_bytes(
            content.replace(
                largest.file_size.to_bytes(4, "little"), (9).to_bytes(4, "little")
            )
        )
        with pytest.raises(ValueError, match="CRC|damaged"):
            load_detector(liar)

    def test_what_can_not_be_unpacked_piece_by_piece_is_refused(self, files, tmp_path):
        file = tmp_path / "pump"
        with zipfile.ZipFile(files["level"]) as old:
            members = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as new:
            for name, content in members.items():
                new.writestr(name, content)
        with pytest.raises(ValueError, match="packed in an unknown way"):
            load_detector(file)
