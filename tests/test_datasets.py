from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import hashlib
import http.server
import io
import os
import socketserver
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from esa4_helpers import (
    ClipPlayer,
    Dataset,
    _files,
    datasets,
    load_dataset,
    make_synthetic_dataset,
)
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
        serve = self.server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()

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

    def test_it_equals_none_but_itself(self):
        dataset = Dataset(**clips())
        assert dataset != Dataset(**clips())
        assert dataset in {dataset}

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
            ({"audio": -np.full((3, 10), 1.0625)}, r"'clip_0' reaches 1\.0625, beyond"),
            ({"names": ["a", "b"]}, "^got 2 names for 3 clips$"),
            ({"names": ["a", "b", "c", "d"]}, "^got 4 names for 3 clips$"),
            (
                {"names": ["a", "b", "b"]},
                "^two clips are called 'b': names must differ$",
            ),
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
            (
                ["hiss", "normal", "squeak"],
                ValueError,
                "^clip 'b' is of the kind 'hiss', and is_anomaly is False for it$",
            ),
            (["normal", "hiss"], ValueError, "got 2 kinds for 3 clips"),
            ("normal", TypeError, "kinds must be a sequence of texts"),
            ([0, 1, 0], TypeError, "kinds must be a sequence of texts"),
        ],
    )
    def test_must_agree_with_the_labels(self, kinds, error, message):
        with pytest.raises(error, match=message):
            self.make(kinds=kinds)


class TestForPages:
    def test_quiet_clips_are_turned_up_and_loud_ones_as_far_as_there_is_room(
        self, course_clips
    ):
        assert course_clips.gain_db == course_clips.test.gain_db == 18
        for peak in (0.01, 0.5, 1.0):
            loud = Dataset(**clips(audio=np.full((3, 10), -peak)))
            assert peak * 10 ** (loud.gain_db / 20) <= 0.71
            ClipPlayer(loud.audio[0], loud.sr, "loud", gain_db=loud.gain_db)
            assert loud.gain_db == pytest.approx(min(18, -3 - 20 * np.log10(peak)))
        assert Dataset(**clips()).gain_db == 18
        assert Dataset(**clips(audio=np.full((3, 10), 0.08))).gain_db == 18
        ones = Dataset(**clips(audio=np.ones((3, 10))))
        assert (ones.audio.max(), ones.gain_db) == (1, -3)

    def test_fewer_test_clips_are_the_first_of_each_sort(self):
        names = [f"{sort}_{i}" for sort in ("a", "b", "c") for i in range(4)]
        is_train, is_anomaly = np.repeat([[1, 0, 0], [0, 0, 1]], 4, axis=1)
        few = Dataset(np.zeros((12, 10)), 16000, names, is_train, is_anomaly)
        assert few.fewer_test_clips(9).names == few.names
        fewer = few.fewer_test_clips(1)
        assert fewer.names == ("a_0", "a_1", "a_2", "a_3", "b_0", "c_0")
        assert fewer.is_anomaly.tolist() == [False] * 5 + [True]
        with pytest.raises(ValueError, match="n_each must be at least 1"):
            few.fewer_test_clips(0)


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
        audio[0, 2000:2100] = -1.0
        square = Dataset(audio, 44100, ["a"], [1], [0]).resampled(16000)
        assert (square.audio.min(), square.audio.max()) == (-1, 1)

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

    def test_the_real_archive_is_as_large_as_is_told(self, recordings):
        assert fetch_archive().stat().st_size == datasets.ARCHIVE_BYTES

    def test_nothing_larger_is_fetched_and_progress_shown_on_demand(
        self, cache, monkeypatch
    ):
        asked, sha256 = [], hashlib.sha256(SMALL_ARCHIVE).hexdigest()

        def fetch(url: str, largest: int, progressbar: bool) -> bytes:
            asked.append((url, largest, progressbar))
            return SMALL_ARCHIVE

        monkeypatch.setattr(datasets, "fetch", fetch)
        monkeypatch.setattr(datasets, "ARCHIVE_SHA256", sha256)
        archive = (datasets.ARCHIVE_URL, datasets.ARCHIVE_BYTES)
        for take in (fetch_archive, datasets.fetch_recordings):
            for how, shown in (({}, False), ({"progressbar": True}, True)):
                asked.clear()
                take(**how).unlink()
                assert asked == [(*archive, shown)]
        url = "https://example.org/mine.zip"
        monkeypatch.setenv("ESA4_RECORDINGS", url)
        monkeypatch.setenv("ESA4_RECORDINGS_SHA256", sha256)
        asked.clear()
        file = datasets.fetch_recordings()
        assert file == cache / f"recordings-{sha256[:16]}.zip"
        assert asked == [(url, 200 * 2**20, False)]

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

    def test_what_a_killed_process_left_behind_is_swept_away(self, upstream, cache):
        cache.mkdir()
        _files.unfinished_in(cache).write_bytes(SMALL_ARCHIVE[:50])
        mine = cache / "tmpabcd1234"
        mine.write_text("a file of the user's")
        fetch_archive()
        assert set(cache.iterdir()) == {cache / "anomaly_mini.zip", mine}


class Slowly:
    """A server that sends one answer, piece by piece, and then waits for ever."""

    def __init__(self, *pieces: bytes, headers: str = "", pause: float = 0) -> None:
        self.over = threading.Event()
        self.n_sent = 0
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.rfile.readline()
                self.wfile.write(f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode())
                with contextlib.suppress(OSError):
                    for piece in pieces:
                        self.wfile.write(piece)
                        server.n_sent += len(piece)
                        server.over.wait(pause)
                    server.over.wait()

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        serve = self.server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/anomaly_mini.zip"

    def stop(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


class TestLimits:
    """Downloads end, and take no more than they should."""

    @pytest.fixture
    def slowly(self, upstream, monkeypatch):
        servers = []

        def start(*pieces: bytes, **answer: object) -> Slowly:
            servers.append(Slowly(*pieces, **answer))
            monkeypatch.setattr(datasets, "ARCHIVE_URL", servers[0].url)
            return servers[0]

        yield start
        servers[0].stop()

    def test_a_stalled_connection_is_given_up(self, slowly, cache, monkeypatch):
        monkeypatch.setattr(_files, "TIMEOUT", (1, 0.1))
        slowly(SMALL_ARCHIVE[:100])
        with pytest.raises(
            DatasetUnreachableError, match="nothing more came for 0.1 s"
        ):
            fetch_archive()
        assert list(cache.iterdir()) == []

    def test_drops_that_never_end_are_given_up(self, slowly, monkeypatch):
        monkeypatch.setattr(_files, "LONGEST_DOWNLOAD", 0.2)
        server = slowly(*[b"P"] * 1000, pause=0.02)
        with pytest.raises(
            DatasetUnreachableError, match=r"only 0\.0 MiB came in 0\.00333333 min"
        ):
            fetch_archive()
        assert server.n_sent < 1000

    def test_what_is_announced_as_too_large_is_not_fetched(self, slowly, cache):
        slowly(b"PK", headers="Content-Length: 200000000\r\n")
        with pytest.raises(DatasetError, match=r"larger than the 3\.3 MiB expected"):
            fetch_archive()
        assert list(cache.iterdir()) == []

    def test_what_turns_out_to_be_too_large_is_not_fetched_to_its_end(self, slowly):
        server = slowly(*[bytes(2**20)] * 100)
        with pytest.raises(DatasetError, match=r"larger than the 3\.3 MiB expected"):
            fetch_archive()
        assert server.n_sent < 50 * 2**20

    @pytest.mark.parametrize(
        ("page", "kind"),
        [(b"\n<!DOCTYPE html><p>Log in", "text/plain"), (b"Log in", "text/html")],
    )
    def test_a_login_page_is_told_as_what_it_is(self, slowly, cache, page, kind):
        slowly(page, headers=f"Content-Type: {kind}\r\n")
        with pytest.raises(DatasetUnreachableError, match="log in, and try again"):
            fetch_archive()
        assert list(cache.iterdir()) == []

    def test_a_proxy_that_does_not_answer_is_told(self, upstream, monkeypatch):
        monkeypatch.setattr(datasets, "ARCHIVE_URL", "https://example.org/a.zip")
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, "http://someone:secret@127.0.0.1:9")
        with pytest.raises(DatasetUnreachableError, match="proxy that HTTP") as caught:
            fetch_archive()
        assert "secret" not in str(caught.value)

    def test_a_loop_of_links_is_named(self, upstream, monkeypatch, tmp_path):
        loop = tmp_path / "loop"
        loop.symlink_to(loop)
        monkeypatch.setenv("ESA4_DATA_HOME", str(loop))
        with pytest.raises(DatasetError, match="(?s)loop.*symbolic links"):
            fetch_archive()
        for name in ("ESA4_ARCHIVE", "ESA4_RECORDINGS"):
            monkeypatch.setenv(name, str(loop))
            with pytest.raises(DatasetError, match=f"{name}.*leads back to itself"):
                load_dataset()


OWN_SR, OWN_SECONDS = 16000, 2.5
OWN_NAMES = [
    f"{group}_{i:02}"
    for group, n in (("train", 10), ("test_normal", 5), ("test_anomaly", 5))
    for i in range(n)
]
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, int(OWN_SR * OWN_SECONDS))


def sound(clip: np.ndarray = NOISE, sr: int = OWN_SR, **kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, clip, sr, **{"format": "WAV", "subtype": "FLOAT"} | kind)
    return file.getvalue()


OWN_SOUNDS = {f"{name}.wav": sound(NOISE * 0.9**i) for i, name in enumerate(OWN_NAMES)}


def put(folder: Path, files: dict[str, bytes | None]) -> Path:
    """Fill a folder, or a zip if its name ends so. None takes a file away."""
    files = {name: data for name, data in files.items() if data is not None}
    if folder.suffix == ".zip":
        with zipfile.ZipFile(folder, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    for name, data in () if folder.suffix == ".zip" else files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def renamed(name: str, to: str) -> dict[str, bytes | None]:
    return {name: None, to: OWN_SOUNDS[name]}


class TestOwnRecordings:
    @pytest.fixture
    def own(self, cache, monkeypatch, tmp_path):
        def prepare(place: str = "my pumps", **changes: bytes | None) -> Path:
            where = put(tmp_path / place, OWN_SOUNDS | changes)
            monkeypatch.setenv("ESA4_RECORDINGS", str(where))
            return where

        return prepare

    @pytest.mark.parametrize("place", ["my pumps", "my pumps.zip"])
    def test_take_the_place_of_the_courses(self, own, place):
        rest = {
            **renamed("train_03.wav", "More/train_03.WAV"),
            "test_anomaly_01.wav": None,
            "test_anomaly_01.flac": sound(format="FLAC", subtype="PCM_16"),
            "__MACOSX/._train_00.wav": b"rubbish",
            ".hidden/train_00.wav": b"rubbish",
            "notes.txt": b"bearing 3, Tuesday",
        }
        own(place, **rest)
        dataset = load_dataset()
        assert dataset.title == "my pumps"
        assert dataset.names == tuple(sorted(OWN_NAMES))
        assert (dataset.sr, dataset.audio.shape) == (16000, (20, 40000))
        assert dataset.is_train.sum() == 10
        assert all("anomaly" in n for n in np.array(dataset.names)[dataset.is_anomaly])

    def test_give_way_where_others_are_asked_for(self, own, upstream, monkeypatch):
        own()
        assert load_dataset("anomaly_mini").title == "anomaly_mini"
        monkeypatch.setenv("ESA4_DATASET", "synthetic")
        assert load_dataset().title == "synthetic"
        assert load_dataset("recordings").title == "my pumps"

    @pytest.mark.parametrize("place", ["my pumps", "my pumps.zip"])
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"train_04.wav": sound(sr=44100)},
                r"train_04\.wav: 44100 Hz and 40000 samples, expected 16000 Hz and 40000",
            ),
            (
                {"train_04.wav": sound(NOISE[1:])},
                r"train_04\.wav: 16000 Hz and 39999 samples, expected 16000 Hz and 40000",
            ),
            (
                renamed("train_04.wav", "run4.wav"),
                r"run4\.wav: its name.*test_normal_\*",
            ),
            (
                renamed("train_04.wav", "train_anomaly_04.wav"),
                r"train_anomaly_04\.wav: for training there are normal clips only",
            ),
            ({"b/train_04.flac": OWN_SOUNDS["train_04.wav"]}, "has the same name"),
            (
                {"train_04.wav": sound(np.stack([NOISE, NOISE], axis=1))},
                r"train_04\.wav: 2 channels",
            ),
            ({"train_04.wav": sound(NOISE * 0)}, r"train_04\.wav: silent"),
            ({"train_04.wav": sound(NOISE * np.nan)}, r"train_04\.wav: it holds NaN"),
            (
                {"train_04.wav": sound(NOISE * 3)},
                r"train_04\.wav: it reaches 1\.\d+, bey",
            ),
            ({"train_04.wav": b"RIFF, or not"}, r"train_04\.wav: damaged, or no sound"),
            ({"train_04.wav": b""}, r"train_04\.wav: empty"),
            ({"train_04.wav": sound(NOISE[:0])}, r"train_04\.wav: empty"),
            ({"train_99.m4a": b"phone"}, r"train_99\.m4a: .*convert it to WAV"),
            (
                dict.fromkeys(n for n in OWN_SOUNDS if "anomaly" in n),
                r"no clip is called test_anomaly_\*",
            ),
            (
                dict.fromkeys(n for n in OWN_SOUNDS if n > "train_05"),
                r"train_\*: found 5, and the chapters need at least 10",
            ),
            (dict.fromkeys(OWN_SOUNDS), "holds no sound files"),
            ({n: sound(NOISE[:20000]) for n in OWN_SOUNDS}, r"last 1\.25 s.*2\.5 s"),
            (
                {n: sound(sr=8000) for n in OWN_SOUNDS},
                "sample rate is 8000 Hz, and the chapters take 16000 to 48000",
            ),
            ({f"train_x{i}.wav": sound() for i in range(181)}, "201 clips.*shows 200"),
        ],
    )
    def test_what_cannot_be_used_is_named(self, own, place, changes, message):
        where = own(place, **changes)
        where.exists() or where.mkdir()
        with pytest.raises(DatasetError, match=rf"(?s){where.name}.*{message}"):
            load_dataset()

    def test_a_link_that_leads_nowhere_is_named(self, own):
        folder = own()
        (folder / "train_77.wav").symlink_to("train_77.wav")
        (folder / "more").symlink_to(folder)
        with pytest.raises(
            DatasetError, match=r"(?s)more: .*train_77\.wav: can't be op"
        ):
            load_dataset()

    def test_a_replaced_archive_is_checked_too(self, upstream, monkeypatch):
        sounds = {f"run{i}.wav": sound() for i in range(4)}
        data = put(upstream.file, sounds).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        monkeypatch.setattr(datasets, "ARCHIVE_SHA256", digest)
        with pytest.raises(DatasetError, match=r"run0\.wav: its name should be train_"):
            load_dataset()

    def test_names_that_are_no_text_can_be_printed(self, own):
        folder = os.fsencode(own())
        Path(os.fsdecode(folder + b"/train_\xff.wav")).write_bytes(b"rubbish")
        with pytest.raises(
            DatasetError, match="train_\N{REPLACEMENT CHARACTER}.wav"
        ) as e:
            load_dataset()
        str(e.value).encode()

    def test_more_than_a_few_troubles_are_counted(self, own):
        own(**dict.fromkeys(list(OWN_SOUNDS)[:8], b"rubbish"))
        with pytest.raises(DatasetError, match="(?s)train_04.*and 3 more"):
            load_dataset()

    def test_a_damaged_clip_in_a_zip_is_named(self, own):
        archive = own("my pumps.zip")
        data = bytearray(archive.read_bytes())
        data[data.index(b"train_06.wav") + 1000] ^= 255
        archive.write_bytes(data)
        with pytest.raises(DatasetError, match=r"train_06\.wav: can't be unpacked"):
            load_dataset()

    @pytest.mark.parametrize("content", [b"", b"no zip", SMALL_ARCHIVE[:-50]])
    def test_what_is_no_zip_is_named(self, own, content):
        own("my pumps.zip").write_bytes(content)
        with pytest.raises(
            DatasetError, match=r"my pumps\.zip can't be used: it is no zip"
        ):
            load_dataset()

    def test_a_missing_place_is_named(self, own, monkeypatch):
        monkeypatch.setenv("ESA4_RECORDINGS", "nowhere")
        with pytest.raises(
            DatasetError, match="ESA4_RECORDINGS names nowhere, and ther"
        ):
            load_dataset()

    def test_a_copy_is_compared_with_a_fingerprint(self, own, monkeypatch):
        archive = own("my pumps.zip")
        right = hashlib.sha256(archive.read_bytes()).hexdigest()
        monkeypatch.setenv("ESA4_RECORDINGS_SHA256", f" {right.upper()} ")
        assert load_dataset().title == "my pumps"
        monkeypatch.setenv("ESA4_RECORDINGS_SHA256", "0" * 64)
        with pytest.raises(DatasetError, match="expected SHA-256 000"):
            load_dataset()

    def test_are_fetched_once_for_a_whole_fork(self, own, upstream, cache, monkeypatch):
        monkeypatch.delenv("ESA4_RECORDINGS", raising=False)
        archive = put(upstream.file.with_name("pumps.zip"), OWN_SOUNDS)
        url = upstream.url.replace(upstream.file.name, "pumps.zip")
        sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
        file = cache.parent / "own_recordings.toml"
        file.write_text(f'url = "{url}"\nsha256 = "{sha256}"\n')
        monkeypatch.setattr(datasets, "OWN_RECORDINGS", file)
        assert load_dataset().title == "pumps"
        upstream.stop()
        assert load_dataset().title == "pumps"
        file.write_text(f'url = "{url}"\nsha256 = "{"1" * 64}"\n')
        with pytest.raises(DatasetUnreachableError, match="(?s)pumps.zip.*ESA4_RECORD"):
            load_dataset()

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (
                'url = "https://example.org/a.zip"\nsha256 = ""',
                "is missing: without it, nobody would notice another file. Give it in "
                r"sha256 in .*own_recordings\.toml$",
            ),
            ('url = "https://example.org/a.zip"\nsha256 = "abc"', "64 digits.*'abc'"),
            ('url = "https://example.org/a.zip"', "should hold two lines.*sha256"),
            ("url = https://example.org", "should hold two lines"),
            ("url = 1", "should hold two lines"),
        ],
    )
    def test_what_a_fork_got_wrong_is_named(
        self, cache, monkeypatch, tmp_path, lines, message
    ):
        file = tmp_path / "own_recordings.toml"
        file.write_text(lines)
        monkeypatch.setattr(datasets, "OWN_RECORDINGS", file)
        with pytest.raises(DatasetError, match=rf"(?s)own_recordings\.toml.*{message}"):
            load_dataset()

    def test_an_address_needs_a_fingerprint(self, cache, monkeypatch):
        monkeypatch.setenv("ESA4_RECORDINGS", "https://example.org/a.zip")
        with pytest.raises(DatasetError, match="Give it in ESA4_RECORDINGS_SHA256"):
            load_dataset()


class Clips:
    """Clips whose sound takes no room, with names of which each sort is first."""

    def __init__(self, *counts: int, seconds: float = 2.5, sr: int = 16000) -> None:
        self.sr = sr
        self.names = [
            f"{sort}_{i}"
            for sort, n in zip(
                ("train", "test_normal", "test_anomaly"), counts, strict=True
            )
            for i in range(n)
        ]
        self.audio = np.broadcast_to(0.0, (len(self), round(seconds * sr)))

    def __len__(self) -> int:
        return len(self.names)


class TestForChapters:
    @pytest.mark.parametrize(
        ("counts", "sound"),
        [
            ((10, 5, 5), {}),
            ((190, 5, 5), {"seconds": 3}),
            ((10, 5, 5), {"seconds": 30}),
            ((10, 5, 5), {"sr": 48000}),
        ],
    )
    def test_what_they_need_may_be_just_so(self, counts, sound):
        datasets._check_for_chapters(Clips(*counts, **sound))

    def test_all_that_is_lacking_is_told_at_once(self):
        with pytest.raises(datasets.ClipFilesError) as caught:
            datasets._check_for_chapters(Clips(9, 4, 0, seconds=2.4999, sr=48001))
        assert str(caught.value) == (
            "\n  - clips called train_*: found 9, and the chapters need at least 10"
            "\n  - clips called test_normal_*: found 4, and the chapters need at least 5"
            "\n  - clips called test_anomaly_*: found 0, and the chapters need at least 5"
            "\n  - clips last 2.5 s, and the faults that chapter 6 puts into them need "
            "2.5 s"
            "\n  - the sample rate is 48001 Hz, and the chapters take 16000 to 48000 Hz"
        )

    @pytest.mark.parametrize(
        ("counts", "sound", "told"),
        [
            ((190, 6, 5), {}, "there are 201 clips, and a page shows 200 at most"),
            (
                (10, 5, 5),
                {"seconds": 30.05},
                "all clips last 601 s together, and a page plays 600 s at most",
            ),
            (
                (10, 5, 5),
                {"sr": 15999, "seconds": 3},
                "the sample rate is 15999 Hz, and the chapters take 16000 to 48000 Hz",
            ),
        ],
    )
    def test_what_they_can_not_do_with_is_told(self, counts, sound, told):
        with pytest.raises(datasets.ClipFilesError) as caught:
            datasets._check_for_chapters(Clips(*counts, **sound))
        assert str(caught.value) == f"\n  - {told}"


class TestMakeSyntheticDataset:
    def test_any_number_of_clips(self):
        dataset = make_synthetic_dataset(3, 0, 12, sr=16000)
        assert len(dataset) == 15
        assert dataset.is_train.sum() == 3
        assert dataset.is_anomaly.sum() == 12
        assert dataset.names[:2] == ("test_anomaly_00", "test_anomaly_01")

    @pytest.mark.parametrize(("n", "n_digits"), [(1, 1), (10, 1), (11, 2)])
    def test_names_have_as_many_digits_as_the_last_one_needs(self, n, n_digits):
        names = make_synthetic_dataset(n, 0, 0, sr=8000).names
        assert names == tuple(f"train_{str(i).zfill(n_digits)}" for i in range(n))

    def test_by_default_it_is_made_like_the_recordings(self, synthetic):
        assert synthetic.sr == 44100
        assert synthetic.audio.shape == (30, 110250)
        assert synthetic.is_train.sum() == 20
        assert synthetic.is_anomaly.sum() == 5
        again = make_synthetic_dataset(20, 5, 5, sr=44100, duration=2.5, random_state=0)
        np.testing.assert_array_equal(again.audio, synthetic.audio)

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
            ({"kinds": ["squeak!"]}, ValueError, r"got \['squeak!'\]"),
            ({"kinds": ["squeak", "hum"]}, ValueError, r"got \['hum'\]"),
            ({"kinds": []}, ValueError, r"kinds must name one or more.*got \(\)"),
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
