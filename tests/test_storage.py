from __future__ import annotations

import contextlib
import copy
import functools
import io
import json
import operator
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.cluster import Birch
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import esa4_helpers.storage
from esa4_helpers import (
    anomaly_map,
    detector_names,
    has_anomaly_map,
    load_detector,
    make_detector,
    save_detector,
)

pytestmark = pytest.mark.usefixtures("eagerly")

NAMES = detector_names()
NETWORKS = ("autoencoder", "interpolation", "dense")


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

    def test_a_full_disk_leaves_the_file_as_it_was(self, fitted, tmp_path, monkeypatch):
        def dump_half(detector: Pipeline, file: Path, **settings: object) -> None:
            Path(file).write_bytes(b"half a detec")
            raise OSError("No space left on device")

        file = save_detector(fitted["level"], tmp_path / "pump")
        before = file.read_bytes()
        monkeypatch.setattr(esa4_helpers.storage, "dump", dump_half)
        with pytest.raises(OSError, match="No space left"):
            save_detector(fitted["mahalanobis"], file)
        assert file.read_bytes() == before
        assert list(tmp_path.iterdir()) == [file]

    @pytest.mark.parametrize("name", NAMES)
    def test_before_fitting_is_refused(self, name, tmp_path):
        with pytest.raises(NotFittedError):
            save_detector(make_detector(name), tmp_path / "pump")
        assert not list(tmp_path.iterdir())

    def test_into_a_folder_that_is_not_there_is_refused(self, fitted, tmp_path):
        with pytest.raises(OSError, match="nowhere"):
            save_detector(fitted["level"], tmp_path / "nowhere" / "pump")


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
        self.assert_refused(file, "holds a|no saved detector")

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
        "edit",
        [
            {".npy": lambda content: None},
            {".npy": lambda content: b""},
            {".npy": lambda content: b"junk"},
            {".npy": lambda content: content[: len(content) // 2]},
            {".bin": lambda content: None},
            {".bin": lambda content: b"junk"},
            {".bin": edited_members(lambda name, c: None if "h5" in name else c)},
            {".bin": edited_members(lambda name, c: b"junk" if "h5" in name else c)},
            {
                ".bin": edited_members(
                    lambda name, c: c[: len(c) // 2] if "h5" in name else c
                )
            },
        ],
    )
    def test_changed_numbers_are_refused(self, files, tmp_path, edit):
        self.assert_refused(
            tampered(files["interpolation"], tmp_path / "pump.esa4", edit=edit)
        )


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
            ("esa4_helpers.detectors", "esa4_helpers.storage"),
        ],
    )
    def test_a_schema_with_another_class_is_refused(
        self, files, tmp_path, trap, old, new
    ):
        file = tampered(files["level"], tmp_path / "pump.esa4", replaced(old, new))
        self.assert_refused(file, trap, "was not loaded: it asks for")

    def test_pickled_contents_are_refused_and_not_unpickled(
        self, files, tmp_path, trap
    ):
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
                files["interpolation"], file, edit={ending: lambda c, p=payload: p}
            )
            self.assert_refused(file, trap)
        plain = tmp_path / "plain.esa4"
        plain.write_bytes(pickle.dumps(bomb))
        self.assert_refused(plain, trap)
        # The trap itself works.
        pickle.loads(pickle.dumps(bomb))
        assert trap.exists()

    def test_the_description_of_a_network_is_never_read(
        self, fitted, files, tmp_path, trap
    ):
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
            files["interpolation"],
            tmp_path / "pump.esa4",
            edit={".bin": edited_members(swap)},
        )
        assert digests(load_detector(file)) == digests(fitted["interpolation"])
        assert not trap.exists()
