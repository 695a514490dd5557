from __future__ import annotations

import dataclasses
import errno
import functools
import hashlib
import http.server
import io
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from esa4_helpers import Dataset, datasets, load_dataset, make_synthetic_dataset
from esa4_helpers.datasets import DatasetError, DatasetUnreachableError, fetch_archive
from esa4_helpers.synthesis import ANOMALY_KINDS

WAYS_OUT = r"internet.*ESA4_ARCHIVE=.*ESA4_DATA_HOME=.*ESA4_DATASET=synthetic"


def small_archive() -> bytes:
    """A zip like anomaly_mini's, with four short clips in no particular order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as files:
        files.writestr("anomaly_mini/metadata.csv", "train_0.wav,00000000.wav\n")
        for i, name in enumerate(
            ("train_1", "test_normal_0", "train_0", "test_anomaly_0")
        ):
            wav = io.BytesIO()
            clip = np.full(100, (i + 1) / 100)
            clip[1:] = 0
            soundfile.write(wav, clip, 44100, format="WAV", subtype="PCM_16")
            files.writestr(f"anomaly_mini/{name}.wav", wav.getvalue())
    return buffer.getvalue()


SMALL_ARCHIVE = small_archive()


class Upstream:
    """A web server on this machine that hands out the archive."""

    def __init__(self, folder: Path) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

        self.file = folder / "anomaly_mini.zip"
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
        )
        self.url = f"http://127.0.0.1:{self.server.server_port}/{self.file.name}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def upstream(tmp_path, monkeypatch, cache) -> Upstream:
    folder = tmp_path / "upstream"
    folder.mkdir()
    server = Upstream(folder)
    server.file.write_bytes(SMALL_ARCHIVE)
    monkeypatch.setattr(datasets, "ARCHIVE_URL", server.url)
    digest = hashlib.sha256(SMALL_ARCHIVE).hexdigest()
    monkeypatch.setattr(datasets, "ARCHIVE_SHA256", digest)
    yield server
    server.stop()


def clips(n: int = 3, **changes: object) -> dict[str, object]:
    arguments = {
        "audio": np.zeros((n, 10), dtype=np.float32),
        "sr": 16000,
        "names": [f"clip_{i}" for i in range(n)],
        "is_train": [True] * (n - 1) + [False],
        "is_anomaly": [False] * n,
    }
    return arguments | changes


class TestDataset:
    def test_clips_are_sorted_by_name_with_all_that_belongs_to_them(self):
        dataset = Dataset(
            audio=np.array([[0.3], [0.1], [0.2]]),
            sr=16000,
            names=("c", "a", "b"),
            is_train=[False, True, True],
            is_anomaly=[True, False, False],
        )
        assert dataset.names == ("a", "b", "c")
        np.testing.assert_allclose(dataset.audio[:, 0], [0.1, 0.2, 0.3], rtol=1e-6)
        assert dataset.is_train.tolist() == [True, True, False]
        assert dataset.is_anomaly.tolist() == [False, False, True]

    def test_healthy_twins_stay_with_their_clips(self):
        healthy = np.array([[0.6], [0.4], [0.5]])
        dataset = Dataset(
            audio=healthy / 2,
            sr=16000,
            names=("c", "a", "b"),
            is_train=[False, True, True],
            is_anomaly=[True, False, False],
            healthy=healthy,
        )
        for part in (dataset, dataset.train, dataset.test):
            np.testing.assert_array_equal(part.healthy, 2 * part.audio)
            assert part.healthy.dtype == np.float32
            with pytest.raises(ValueError, match="read-only"):
                part.healthy[0] = 1
        healthy[0, 0] = 0
        assert dataset.healthy[2, 0] != 0

    def test_without_healthy_twins_there_are_none_in_its_parts(self):
        dataset = Dataset(**clips())
        assert dataset.healthy is dataset.train.healthy is dataset.test.healthy is None

    def test_views_split_the_clips(self):
        dataset = Dataset(**clips(4))
        assert len(dataset) == 4
        assert dataset.train.names == ("clip_0", "clip_1", "clip_2")
        assert dataset.test.names == ("clip_3",)
        assert dataset.train.is_train.all()
        assert not dataset.test.is_train.any()
        assert dataset.test.sr == 16000

    @pytest.mark.parametrize("part", ["train", "test"])
    def test_a_view_without_clips_is_an_error(self, part):
        everything_else = part == "test"
        dataset = Dataset(**clips(2, is_train=[everything_else] * 2, title="mine"))
        with pytest.raises(ValueError, match="'mine' has no"):
            getattr(dataset, part)

    def test_nothing_in_it_can_be_changed(self):
        dataset = Dataset(**clips())
        with pytest.raises(dataclasses.FrozenInstanceError):
            dataset.sr = 8000
        for name in ("audio", "is_train", "is_anomaly"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(dataset, name)[0] = 1

    def test_the_arrays_it_was_made_from_stay_the_users_own(self):
        audio = np.zeros((3, 10), dtype=np.float32)
        dataset = Dataset(**clips(audio=audio))
        audio[0, 0] = 0.5
        assert dataset.audio[0, 0] == 0

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"audio": np.full((3, 10), np.nan)}, "NaN or infinity in 3 of 3 clips"),
            ({"audio": np.full((3, 10), np.inf)}, "NaN or infinity"),
            ({"audio": np.zeros((3, 0))}, "length zero"),
            ({"audio": np.zeros((0, 10))}, "no clip"),
            ({"audio": np.zeros(10)}, r"\(n_clips, n_samples\), got \(10,\).*newaxis"),
            ({"audio": np.zeros((3, 10, 2))}, r"\(n_clips, n_samples\)"),
            ({"audio": [[0.0, 0.1], [0.2]]}, "same length"),
            ({"audio": np.full((3, 10), 1.5)}, r"'clip_0' reaches 1\.5, beyond"),
            ({"sr": 0}, "sr must be at least 1000 Hz"),
            ({"sr": -44100}, "sr must be at least 1000 Hz"),
            ({"names": ["a", "b"]}, "2 names for 3 clips"),
            ({"names": ["a", "b", "a"]}, "two clips are called 'a'"),
            ({"is_train": [True, False]}, "is_train must have one entry"),
            ({"is_anomaly": [0, 1, 2]}, "is_anomaly must hold 0 and 1"),
            ({"audio": np.full((3, 10), 3276.8)}, "look like integer samples"),
            (
                {"healthy": np.zeros((2, 10))},
                r"healthy must have the shape of audio, \(3, 10\), got \(2, 10\)",
            ),
            ({"healthy": np.zeros((3, 9))}, "healthy must have the shape of audio"),
            ({"healthy": np.full((3, 10), np.nan)}, "healthy holds NaN"),
            ({"healthy": np.full((3, 10), 1.5)}, "healthy twin of clip 'clip_0'"),
        ],
    )
    def test_bad_input_is_named(self, change, message):
        with pytest.raises(ValueError, match=message):
            Dataset(**clips(**change))

    def test_integer_samples_are_refused(self):
        with pytest.raises(TypeError, match="floats, got int16.*32768"):
            Dataset(**clips(audio=np.zeros((3, 10), dtype=np.int16)))

    def test_healthy_twins_of_integers_are_refused(self):
        with pytest.raises(TypeError, match="healthy must hold floats"):
            Dataset(**clips(healthy=np.zeros((3, 10), dtype=np.int16)))

    @pytest.mark.parametrize("names", ["abc", [1, "b", "c"], [None] * 3])
    def test_names_must_be_texts(self, names):
        with pytest.raises(TypeError, match="names must be a sequence of texts"):
            Dataset(**clips(names=names))


class TestKinds:
    def make(self, **changes: object) -> Dataset:
        arguments = {
            "audio": np.zeros((3, 10)),
            "sr": 16000,
            "names": ["b", "a", "c"],
            "is_train": [1, 0, 0],
            "is_anomaly": [0, 1, 0],
        }
        return Dataset(**arguments | changes)

    def test_stay_with_their_clips(self):
        dataset = self.make(kinds=["normal", "squeak", "normal"])
        assert dataset.kinds.tolist() == ["squeak", "normal", "normal"]
        assert dataset.test.kinds.tolist() == ["squeak", "normal"]
        assert dataset.resampled(8000).kinds.tolist() == dataset.kinds.tolist()

    def test_are_abnormal_where_no_more_is_known(self, recordings):
        assert self.make().kinds.tolist() == ["abnormal", "normal", "normal"]
        expected = np.where(recordings.is_anomaly, "abnormal", "normal")
        np.testing.assert_array_equal(recordings.kinds, expected)

    @pytest.mark.parametrize(
        ("kinds", "error", "message"),
        [
            (["normal", "normal", "normal"], ValueError, "'a' is of the kind 'normal'"),
            (["hiss", "hiss", "normal"], ValueError, "'b' is of the kind 'hiss'"),
            (["normal", "hiss"], ValueError, "got 2 kinds for 3 clips"),
            ("normal", TypeError, "kinds must be a sequence of texts"),
            ([0, 1, 0], TypeError, "kinds must be a sequence of texts"),
        ],
    )
    def test_must_agree_with_the_labels(self, kinds, error, message):
        with pytest.raises(error, match=message):
            self.make(kinds=kinds)


class TestResampled:
    def test_clips_are_librosas_and_all_else_stays(self):
        dataset = make_synthetic_dataset(2, 1, 1, with_healthy=True)
        lower = dataset.resampled(16000)
        for name in ("audio", "healthy"):
            expected = librosa.resample(
                getattr(dataset, name), orig_sr=44100, target_sr=16000
            )
            np.testing.assert_array_equal(getattr(lower, name), expected)
        assert (lower.sr, lower.names, lower.title) == (
            16000,
            dataset.names,
            dataset.title,
        )
        for name in ("is_train", "is_anomaly", "kinds"):
            np.testing.assert_array_equal(getattr(lower, name), getattr(dataset, name))
        assert lower.train.sr == 16000

    def test_a_full_scale_click_stays_within_full_scale(self):
        audio = np.zeros((1, 44100))
        audio[0, 1000:1100] = 1.0
        square = Dataset(audio, 44100, ["a"], [1], [0])
        assert np.abs(square.resampled(16000).audio).max() == 1

    @pytest.mark.parametrize("sr", [0, -1, np.nan])
    def test_impossible_rates_are_refused(self, synthetic, sr):
        with pytest.raises(ValueError, match="sr must be"):
            synthetic.resampled(sr)


def test_parts_are_made_once(synthetic):
    assert synthetic.train is synthetic.train
    assert synthetic.test is synthetic.test


class TestLoadDataset:
    def test_contract(self, course_clips):
        dataset = course_clips
        assert dataset.audio.shape == (30, 110250)
        assert dataset.audio.dtype == np.float32
        assert np.abs(dataset.audio).max() <= 1
        assert dataset.sr == 44100
        assert list(dataset.names) == sorted(dataset.names)
        assert dataset.is_train.dtype == dataset.is_anomaly.dtype == bool
        assert dataset.is_train.sum() == 20
        assert dataset.test.is_anomaly.sum() == 5
        assert not dataset.train.is_anomaly.any()
        assert dataset.healthy is None
        for name, is_train, is_anomaly in zip(
            dataset.names, dataset.is_train, dataset.is_anomaly, strict=True
        ):
            assert name.startswith("train") == is_train
            assert ("anomaly" in name) == is_anomaly

    def test_environment_chooses_and_the_argument_overrules_it(
        self, monkeypatch, upstream
    ):
        monkeypatch.setenv("ESA4_DATASET", "synthetic")
        assert load_dataset().title == "synthetic"
        assert load_dataset("anomaly_mini").title == "anomaly_mini"
        monkeypatch.delenv("ESA4_DATASET")
        assert load_dataset().title == "anomaly_mini"
        assert load_dataset("synthetic").title == "synthetic"

    def test_unknown_names_are_refused_wherever_they_come_from(self, monkeypatch):
        with pytest.raises(
            ValueError, match=r"load_dataset\(\).*'mimii'.*'anomaly_mini'"
        ):
            load_dataset("mimii")
        monkeypatch.setenv("ESA4_DATASET", "mimii")
        with pytest.raises(ValueError, match="ESA4_DATASET.*'mimii'"):
            load_dataset()

    def test_archive_is_read_by_the_names_of_its_files(self, upstream):
        dataset = load_dataset("anomaly_mini")
        assert dataset.names == (
            "test_anomaly_0",
            "test_normal_0",
            "train_0",
            "train_1",
        )
        np.testing.assert_allclose(
            dataset.audio[:, 0], [0.04, 0.02, 0.03, 0.01], atol=1e-4
        )
        assert dataset.is_anomaly.tolist() == [True, False, False, False]


class TestFetchArchive:
    def test_second_call_needs_no_internet(self, upstream, cache):
        first = fetch_archive()
        assert first == cache / "anomaly_mini.zip"
        upstream.stop()
        assert fetch_archive() == first

    def test_default_folder_is_the_users_cache(self, upstream, monkeypatch, tmp_path):
        monkeypatch.delenv("ESA4_DATA_HOME")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        monkeypatch.setattr(
            datasets.pooch, "os_cache", lambda name: tmp_path / "xdg" / name
        )
        assert fetch_archive() == tmp_path / "xdg" / "esa4_helpers" / "anomaly_mini.zip"

    def test_no_internet_lists_the_ways_out(self, upstream, cache):
        upstream.stop()
        with pytest.raises(DatasetUnreachableError, match="(?s)" + WAYS_OUT):
            load_dataset("anomaly_mini")
        assert not (cache / "anomaly_mini.zip").exists()

    def test_missing_upstream_file_says_so(self, upstream):
        upstream.file.unlink()
        with pytest.raises(DatasetUnreachableError, match="404"):
            fetch_archive()

    @pytest.mark.parametrize("damage", [b"", b"not a zip", SMALL_ARCHIVE[:-50]])
    def test_wrong_download_is_refused_and_not_kept(self, upstream, cache, damage):
        upstream.file.write_bytes(damage)
        with pytest.raises(
            DatasetError, match=r"(?s)is not anomaly_mini\.zip.*" + WAYS_OUT
        ):
            fetch_archive()
        assert list(cache.iterdir()) == []

    def test_damaged_cache_is_mended_by_a_sound_download_only(self, upstream, cache):
        cache.mkdir()
        cached = cache / "anomaly_mini.zip"
        cached.write_bytes(SMALL_ARCHIVE[:-50])
        upstream.file.write_bytes(b"something else")
        with pytest.raises(DatasetError):
            fetch_archive()
        assert cached.read_bytes() == SMALL_ARCHIVE[:-50]
        upstream.file.write_bytes(SMALL_ARCHIVE)
        assert fetch_archive().read_bytes() == SMALL_ARCHIVE

    def test_damaged_cache_without_internet_is_named_and_left_alone(
        self, upstream, cache
    ):
        upstream.stop()
        cache.mkdir()
        cached = cache / "anomaly_mini.zip"
        cached.write_bytes(b"half a zip")
        with pytest.raises(
            DatasetUnreachableError, match=r"anomaly_mini\.zip is there, but damaged"
        ):
            fetch_archive()
        assert cached.read_bytes() == b"half a zip"

    def test_unusable_folder_is_named(self, upstream, monkeypatch, tmp_path):
        file = tmp_path / "a file"
        file.write_text("mine")
        monkeypatch.setenv("ESA4_DATA_HOME", str(file / "cache"))
        with pytest.raises(
            DatasetError, match="(?s)folder for downloads.*a file"
        ) as caught:
            fetch_archive()
        assert not isinstance(caught.value, DatasetUnreachableError)
        assert file.read_text() == "mine"

    def test_a_full_disk_is_named_and_keeps_nothing(self, upstream, cache, full_disk):
        cache.mkdir()
        full_disk(len(SMALL_ARCHIVE) - 1)
        with pytest.raises(
            DatasetError, match=f"(?s){cache}, can't be used.*{WAYS_OUT}"
        ):
            fetch_archive()
        assert list(cache.iterdir()) == []

    def test_a_folder_that_can_only_be_read_is_named(
        self, upstream, cache, monkeypatch
    ):
        # As root, a folder's mode would keep nobody out.
        def refuse(path: Path, *args: object) -> None:
            raise OSError(errno.EROFS, "Read-only file system", str(path))

        monkeypatch.setattr(os, "mkdir", refuse)
        with pytest.raises(DatasetError, match=f"(?s){cache}.*Read-only.*{WAYS_OUT}"):
            fetch_archive()

    def test_given_archive_is_used_and_never_touched(
        self, upstream, cache, monkeypatch, tmp_path
    ):
        upstream.stop()
        given = tmp_path / "usb stick" / "copy.zip"
        given.parent.mkdir()
        given.write_bytes(SMALL_ARCHIVE)
        monkeypatch.setenv("ESA4_ARCHIVE", str(given))
        assert fetch_archive() == given
        assert load_dataset("anomaly_mini").title == "anomaly_mini"
        assert not cache.exists()

    @pytest.mark.parametrize("content", [b"", b"not a zip", SMALL_ARCHIVE[:-50]])
    def test_given_wrong_archive_is_refused(
        self, upstream, cache, monkeypatch, tmp_path, content
    ):
        given = tmp_path / "copy.zip"
        given.write_bytes(content)
        cached = fetch_archive()
        monkeypatch.setenv("ESA4_ARCHIVE", str(given))
        expected = r"(?s)copy\.zip, which is not a whole.*expected SHA-256.*found.*"
        with pytest.raises(DatasetError, match=expected + WAYS_OUT):
            load_dataset("anomaly_mini")
        assert given.read_bytes() == content
        assert cached.read_bytes() == SMALL_ARCHIVE

    def test_home_of_an_unknown_user_is_taken_as_it_stands(self, cache, monkeypatch):
        monkeypatch.setenv("ESA4_ARCHIVE", "~nobody-of-that-name/copy.zip")
        with pytest.raises(DatasetError, match="there is no such file"):
            fetch_archive()

    @pytest.mark.parametrize("name", ["missing.zip", "."])
    def test_given_archive_that_is_no_file_is_refused(
        self, cache, monkeypatch, tmp_path, name
    ):
        monkeypatch.setenv("ESA4_ARCHIVE", str(tmp_path / name))
        with pytest.raises(DatasetError, match="there is no such file"):
            fetch_archive()

    def test_given_archive_that_cannot_be_read_is_named(
        self, upstream, monkeypatch, tmp_path
    ):
        given = tmp_path / "copy.zip"
        given.write_bytes(SMALL_ARCHIVE)
        monkeypatch.setenv("ESA4_ARCHIVE", str(given))

        def refuse(*args: object, **kwargs: object) -> str:
            raise PermissionError("permission denied")

        monkeypatch.setattr(datasets.pooch, "file_hash", refuse)
        with pytest.raises(DatasetError, match=r"copy\.zip, which can't be read"):
            fetch_archive()

    def test_nothing_is_printed_that_would_end_up_in_a_notebook(self, upstream, capfd):
        fetch_archive()
        assert capfd.readouterr() == ("", "")

    def test_two_processes_at_once_both_succeed(self, upstream, cache):
        code = (
            "from esa4_helpers import datasets\n"
            f"datasets.ARCHIVE_URL = {upstream.url!r}\n"
            f"datasets.ARCHIVE_SHA256 = {datasets.ARCHIVE_SHA256!r}\n"
            "print(len(datasets.load_dataset('anomaly_mini')))"
        )
        environment = os.environ | {"ESA4_DATA_HOME": str(cache)}
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for process in processes:
            output, errors = process.communicate(timeout=120)
            assert (output, process.returncode) == ("4\n", 0), errors
        assert [file.name for file in cache.iterdir()] == ["anomaly_mini.zip"]


class TestMakeSyntheticDataset:
    def test_any_number_of_clips(self):
        dataset = make_synthetic_dataset(3, 0, 12, sr=16000)
        assert len(dataset) == 15
        assert dataset.is_train.sum() == 3
        assert dataset.is_anomaly.sum() == 12
        assert dataset.names[:2] == ("test_anomaly_00", "test_anomaly_01")

    def test_first_clips_stay_the_same_when_more_are_asked_for(self):
        few = make_synthetic_dataset(1, 1, 1, sr=16000, random_state=5)
        more = make_synthetic_dataset(4, 3, 2, sr=16000, random_state=5)
        for name in few.names:
            np.testing.assert_array_equal(
                few.audio[few.names.index(name)], more.audio[more.names.index(name)]
            )

    def test_seed_decides(self):
        a, b = (
            make_synthetic_dataset(1, 0, 0, sr=16000, random_state=s).audio
            for s in (0, 1)
        )
        assert not np.array_equal(a, b)

    def test_kinds_take_turns(self):
        both = make_synthetic_dataset(0, 0, 2, sr=16000)
        weak = make_synthetic_dataset(0, 0, 2, sr=16000, kinds="weak click")
        np.testing.assert_array_equal(both.audio[0], weak.audio[0])
        assert not np.array_equal(both.audio[1], weak.audio[1])

    def test_by_default_the_anomalies_are_those_of_the_recordings(self, synthetic):
        names = synthetic.test.names[:5]
        assert all("anomaly" in name for name in names)
        given = make_synthetic_dataset(kinds=("weak click", "missing click"))
        np.testing.assert_array_equal(synthetic.audio, given.audio)

    def test_healthy_twins_differ_from_the_anomalies_alone(self):
        arguments = {"sr": 16000, "kinds": ANOMALY_KINDS}
        with_twins = make_synthetic_dataset(2, 1, 6, **arguments, with_healthy=True)
        changed = (with_twins.audio != with_twins.healthy).any(axis=1)
        np.testing.assert_array_equal(changed, with_twins.is_anomaly)
        alone = make_synthetic_dataset(2, 1, 6, **arguments)
        assert alone.healthy is None
        np.testing.assert_array_equal(alone.audio, with_twins.audio)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"n_train": -1}, ValueError, "n_train must be at least 0"),
            ({"n_train": 1.5}, TypeError, "n_train must be a whole number"),
            ({"random_state": -1}, ValueError, "random_state must be at least 0"),
            ({"kinds": ["squeak!"]}, ValueError, r"kinds must name.*squeak!"),
            ({"kinds": []}, ValueError, "kinds must name one or more"),
            ({"kinds": ["normal"]}, ValueError, "kinds must name.*normal"),
            (
                {"n_train": 0, "n_test_normal": 0, "n_test_anomaly": 0},
                ValueError,
                "at least one clip",
            ),
        ],
    )
    def test_bad_input_is_named(self, arguments, error, message):
        with pytest.raises(error, match=message):
            make_synthetic_dataset(**arguments)
