from __future__ import annotations

import gzip
import http.server
import io
import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from esa4_helpers import _files, load_mimii, mimii
from esa4_helpers.datasets import DatasetError, DatasetUnreachableError
from esa4_helpers.mimii import mimii_folder

# No setting of the computer that the tests run on.
pytestmark = pytest.mark.usefixtures("cache")

WAYS_OUT = (
    r"(?s:.*)internet(?s:.*)fetch -6_dB_fan\.zip(?s:.*)ESA4_MIMII=(?s:.*)"
    r"ESA4_MIMII_URL=(?s:.*)ESA4_DATA_HOME=(?s:.*)make_synthetic_dataset"
)
N_NORMAL, N_ABNORMAL, N_SAMPLES = 12, 5, 1600
ARCHIVE = "-6_dB_fan"
MEMBER = "fan/id_02/{}/{:08d}.wav"


def wav(samples: np.ndarray, sr: int = 16000, subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sr, format="WAV", subtype=subtype)
    return buffer.getvalue()


def make_clips() -> dict[str, np.ndarray]:
    """Noise of eight channels, in the order of the published archives."""
    rng = np.random.default_rng(0)
    counts = {"abnormal": N_ABNORMAL, "normal": N_NORMAL}
    return {
        f"fan/{model}/{label}/{i:08d}.wav": rng.integers(
            -(2**15), 2**15, (N_SAMPLES, 8), dtype=np.int16
        )
        for model in ("id_00", "id_02", "id_04")
        for label, count in counts.items()
        for i in range(count)
    }


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def place_of(member: str, archive: bytes) -> slice:
    """Where the data of a member lie in an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        info = files.getinfo(member)
    start = info.header_offset + 30 + len(member)
    return slice(start, start + info.compress_size)


def declared(member: str, offset: int, n_bytes: int) -> bytes:
    """An archive that gives a member this size, at a place of its entry."""
    archive, entry = bytearray(ZIP), ZIP.rindex(member.encode()) - 46
    archive[entry + offset : entry + offset + 4] = n_bytes.to_bytes(4, "little")
    return bytes(archive)


def damaged(member: str, archive: bytes) -> bytes:
    middle = place_of(member, archive).start + 10_000
    return archive[:middle] + b"damaged" + archive[middle + 7 :]


CLIPS = make_clips()
WAVS = {member: wav(clip) for member, clip in CLIPS.items()}
ZIP = zipped(WAVS)
BAD = MEMBER.format("normal", 3)


class Server:
    """A web server on this machine that hands out parts of an archive, and fails on call.

    Each request takes the next of its ``faults``; None is no fault.
    """

    def __init__(self, data: bytes = ZIP) -> None:
        self.data = data
        self.faults: Iterator[str | None] = iter(())
        self.has_ranges = True
        self.paths: list[str] = []
        self.ranges: list[str] = []
        self.n_bytes = 0
        self.pause = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                server.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # A client that has had enough of an answer is no error.
        self.server.handle_error = lambda *args: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        serve = self.server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.paths.append(request.path)
        self.ranges.append(request.headers["Range"])
        fault = next(self.faults, None)
        if fault == "drop":
            request.close_connection = True
        elif fault == "login":
            self.send_login_page(request)
        elif fault and fault[0].isdecimal():
            status, _, retry_after = fault.partition(" ")
            request.send_response(int(status))
            if retry_after:
                request.send_header("Retry-After", retry_after)
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif not self.has_ranges:
            self.send_all_of_it(request)
        else:
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"])
            start, last = map(int, asked.groups())
            data = self.data if fault != "damage" else damaged(BAD, self.data)
            part = data[start : last + 1]
            request.send_response(206)
            if "gzip" in request.headers["Accept-Encoding"]:
                part = gzip.compress(part)
                request.send_header("Content-Encoding", "gzip")
            request.send_header("Content-Length", str(len(part)))
            last = min(last, len(self.data) - 1)
            sent = f"bytes {start}-{last}/{len(self.data)}"
            request.send_header("Content-Range", sent)
            request.end_headers()
            if fault == "cut":
                part = part[: len(part) // 2]
                request.close_connection = True
            if fault == "drip":
                self.drip(request, part)
                return
            self.n_bytes += len(part)
            request.wfile.write(part)

    def drip(self, request: http.server.BaseHTTPRequestHandler, part: bytes) -> None:
        for i in range(min(len(part), 1000)):
            self.n_bytes += request.wfile.write(part[i : i + 1])
            self.pause.wait(0.02)

    @staticmethod
    def send_login_page(request: http.server.BaseHTTPRequestHandler) -> None:
        page = b"<!doctype html><p>Welcome to our hotel"
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.send_header("Content-Length", str(len(page)))
        request.end_headers()
        request.wfile.write(page)

    def send_all_of_it(self, request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(10**10))
        request.end_headers()
        try:
            for _ in range(1000):
                self.n_bytes += request.wfile.write(bytes(2**17))
        except ConnectionError:
            request.close_connection = True

    def stop(self) -> None:
        self.pause.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setenv("ESA4_MIMII_URL", server.url)
    yield server
    server.stop()


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """How long it has been waited, without waiting."""
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder that ESA4_MIMII names."""
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.setenv("ESA4_MIMII", str(folder))
    return folder


def unpack(folder: Path, members: dict[str, bytes] = WAVS) -> None:
    for member, data in members.items():
        (folder / member).parent.mkdir(parents=True, exist_ok=True)
        (folder / member).write_bytes(data)


def load(n_normal: int | None = 8, n_abnormal: int | None = 3, **options: int):
    return load_mimii("fan", "id_02", -6, n_normal, n_abnormal, **options)


def names(n_normal: int = 8, n_abnormal: int = 3) -> tuple[str, ...]:
    return (
        *(f"abnormal_{i:08d}" for i in range(n_abnormal)),
        *(f"normal_{i:08d}" for i in range(n_normal)),
    )


def demand_right_clips(dataset, channel: int = 0) -> None:
    """Each clip is the one of its name, to the last bit."""
    for name, clip in zip(dataset.names, dataset.audio, strict=True):
        label, number = name.split("_")
        expected = CLIPS[MEMBER.format(label, int(number))][:, channel]
        np.testing.assert_array_equal(clip * 2**15, expected)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def n_wanted_bytes(chosen: Iterable[str], archive: bytes = ZIP) -> int:
    places = [place_of(MEMBER.format(*name), archive) for name in chosen]
    return sum(place.stop - place.start for place in places)


def wanted(n_normal: int, n_abnormal: int) -> list[tuple[str, int]]:
    return [
        *(("normal", i) for i in range(n_normal)),
        *(("abnormal", i) for i in range(n_abnormal)),
    ]


class TestWhatIsLoaded:
    @pytest.fixture(params=["plain", "unpacked", "unpacked flat", "zip", "server"])
    def source(self, request, tmp_path, monkeypatch) -> None:
        """Each source in turn that the same clips can come from."""
        if request.param == "server":
            request.getfixturevalue("server")
            return
        folder = request.getfixturevalue("folder")
        if request.param == "plain":
            unpack(folder)
        elif request.param == "unpacked":
            unpack(folder / ARCHIVE)
        elif request.param == "unpacked flat":
            unpack(folder)
            (folder / "fan").rename(folder / ARCHIVE)
        else:
            (folder / f"{ARCHIVE}.zip").write_bytes(ZIP)

    def test_clips_are_the_first_of_the_machine_with_all_that_belongs_to_them(
        self, source
    ):
        dataset = load()
        assert dataset.names == names()
        assert (dataset.sr, dataset.title) == (16000, "mimii fan id_02 -6 dB")
        assert dataset.audio.shape == (11, N_SAMPLES)
        assert dataset.is_anomaly.tolist() == [True] * 3 + [False] * 8
        assert dataset.kinds.tolist() == ["abnormal"] * 3 + ["normal"] * 8
        demand_right_clips(dataset)

    def test_by_default_it_is_all_clips(self, source):
        dataset = load(None, None)
        assert dataset.names == names(N_NORMAL, N_ABNORMAL)
        demand_right_clips(dataset)

    def test_the_first_normal_clips_are_for_the_test_as_many_as_there_are_abnormal_ones(
        self, source
    ):
        dataset = load()
        assert dataset.test.names == names(3, 3)
        assert dataset.train.names == names()[-5:]

    @pytest.mark.parametrize("channel", [3, 7])
    def test_channel_is_the_one_asked_for(self, source, channel):
        demand_right_clips(load(channel=channel), channel)
        demand_right_clips(load(channel=0), 0)

    def test_training_clips_alone_may_be_asked_for(self, source):
        dataset = load(4, 0)
        assert dataset.names == names(4, 0)
        assert dataset.is_train.all()

    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal", "message"),
        [
            (13, 3, "n_normal asks for 13 clips, and .* holds 12 normal ones of fan"),
            (12, 6, "n_abnormal asks for 6 clips, and .* holds 5 abnormal ones"),
            (5, None, "5 normal clips leave none to train on.* at least 6"),
        ],
    )
    def test_more_clips_than_there_are_is_an_error(
        self, source, n_normal, n_abnormal, message
    ):
        with pytest.raises(ValueError, match=message):
            load(n_normal, n_abnormal)

    def test_a_machine_that_is_not_there_is_an_error(self, source):
        with pytest.raises(DatasetError, match="id_06" + WAYS_OUT):
            load_mimii("fan", "id_06", -6)

    def test_numbers_without_leading_zeros_come_in_natural_order(self, folder):
        few = {MEMBER.format("abnormal", 0): WAVS[MEMBER.format("abnormal", 0)]}
        for i in (1, 2, 10, 11):
            few[f"fan/id_02/normal/{i}.wav"] = WAVS[MEMBER.format("normal", i)]
        unpack(folder, few)
        dataset = load(None, None)
        assert [name[-2:] for name in dataset.names[1:]] == ["01", "02", "10", "11"]
        assert dataset.test.names == ("abnormal_00000000", "normal_00000001")
        demand_right_clips(dataset)
        assert load(3, 1).names[-1] == "normal_00000010"
        assert load(1, 0).names == ("normal_00000001",)

    def test_other_files_are_passed_over(self, folder):
        unpack(folder)
        (folder / "fan" / "id_02" / "normal" / "readme.txt").write_text("mine")
        (folder / "fan" / "id_02" / "normal" / "00000099.xml").write_text("mine")
        (folder / "fan" / "id_02" / "normal" / "._00000000.wav").write_text("Finder's")
        (folder / "fan" / "id_02" / "checked").mkdir()
        assert load(None, None).names == names(N_NORMAL, N_ABNORMAL)

    @pytest.mark.parametrize("snr_db", [-6, 0, 6, 6.0])
    def test_noise_level_chooses_the_archive(self, folder, snr_db):
        for level in (-6, 0, 6):
            clip = np.full((10, 8), level + 100, dtype=np.int16)
            few = {
                MEMBER.format(label, i): wav(clip)
                for label, i in (("normal", 0), ("normal", 1), ("abnormal", 0))
            }
            (folder / f"{level}_dB_fan.zip").write_bytes(zipped(few))
        dataset = load_mimii("fan", "id_02", snr_db)
        assert (dataset.audio * 2**15 == snr_db + 100).all()
        assert dataset.title == f"mimii fan id_02 {snr_db:.0f} dB"


class TestArguments:
    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            (
                {"machine": "Fan"},
                ValueError,
                "machine.*'fan', 'pump', 'slider', 'valve'",
            ),
            (
                {"model": "id_01"},
                ValueError,
                "model.*'id_00', 'id_02', 'id_04', 'id_06'",
            ),
            ({"model": 2}, ValueError, "model must be one of"),
            ({"snr_db": 3}, ValueError, "snr_db must be one of -6, 0, 6, got 3"),
            ({"snr_db": False}, ValueError, "snr_db must be one of"),
            ({"snr_db": "6"}, ValueError, "snr_db must be one of"),
            ({"n_normal": 0}, ValueError, "n_normal must be at least 1"),
            ({"n_normal": 2.5}, TypeError, "n_normal must be a whole number"),
            ({"n_abnormal": -1}, ValueError, "n_abnormal must be at least 0"),
            ({"n_normal": 3, "n_abnormal": 3}, ValueError, "leave none to train on"),
            (
                {"channel": 8},
                ValueError,
                "channel is 8, and MIMII has only channels 0 to 7$",
            ),
            ({"channel": 9}, ValueError, "channel is 9, and MIMII has only"),
            (
                {"n_normal": 6, "n_abnormal": 9},
                ValueError,
                "^6 normal clips leave none to train on: the test takes as many as there "
                "are abnormal ones, here 9. Ask for n_normal of at least 10, or for "
                "n_abnormal of at most 5$",
            ),
            ({"channel": -1}, ValueError, "channel must be at least 0"),
            ({"channel": True}, TypeError, "channel must be a whole number"),
        ],
    )
    def test_bad_ones_are_named_before_anything_is_fetched(
        self, server, change, error, message
    ):
        with pytest.raises(error, match=message):
            load_mimii(**{"machine": "fan", "model": "id_00"} | change)
        assert server.paths == []


class TestGivenFolder:
    def test_a_loop_of_links_is_named(self, monkeypatch, tmp_path):
        loop = tmp_path / "loop"
        loop.symlink_to(loop)
        monkeypatch.setenv("ESA4_MIMII", str(loop))
        with pytest.raises(
            DatasetError, match="loop, a link that leads back to itself"
        ):
            load()

    def test_it_is_never_written_to_and_nothing_is_fetched_or_kept(
        self, folder, server, cache
    ):
        unpack(folder)
        before = files(folder)
        assert mimii_folder() == folder
        load()
        assert files(folder) == before
        assert (server.paths, cache.exists()) == ([], False)

    def test_plain_clips_pass_for_the_level_that_is_asked_for(self, folder):
        unpack(folder)
        assert load_mimii("fan", "id_02", 0, 8, 3).title == "mimii fan id_02 0 dB"

    @pytest.mark.parametrize("named", ["0_dB_fan.zip", "0_dB_fan"])
    def test_plain_clips_do_not_where_levels_have_names(self, folder, named):
        unpack(folder)
        (folder / named).mkdir()
        with pytest.raises(DatasetError, match="no fan id_02 at -6 dB.*0_dB_fan"):
            load()
        (folder / named).rename(folder / "0_dB_pump")
        assert load().names == names()

    @pytest.mark.parametrize("missing", ["nowhere", "~nobody-of-that-name/mimii"])
    def test_a_folder_that_is_not_there_is_named(self, monkeypatch, missing):
        monkeypatch.setenv("ESA4_MIMII", missing)
        with pytest.raises(
            DatasetError, match=f"{missing}, and there is no" + WAYS_OUT
        ):
            load()

    def test_a_file_is_no_folder(self, monkeypatch, tmp_path):
        file = tmp_path / "file"
        file.touch()
        monkeypatch.setenv("ESA4_MIMII", str(file))
        with pytest.raises(
            DatasetError, match=r"/file, which is no folder\.\n" + WAYS_OUT
        ):
            load()

    @pytest.mark.parametrize(
        ("found", "listed"),
        [
            ((), "nothing"),
            (("fan",), "fan"),
            (("valve/", f"{ARCHIVE}.zip/"), f"{ARCHIVE}.zip, valve"),
        ],
    )
    def test_what_is_expected_and_what_is_found_is_named(self, folder, found, listed):
        for name in found:
            (folder / name).mkdir() if name.endswith("/") else (folder / name).touch()
        expected = [f"{ARCHIVE}/fan", ARCHIVE, f"{ARCHIVE}.zip"]
        if f"{ARCHIVE}.zip/" not in found:
            expected.append("fan")
        with pytest.raises(DatasetError) as caught:
            load()
        assert str(caught.value).startswith(
            f"ESA4_MIMII names {folder}, which has no fan id_02 at -6 dB: expected one "
            f"of {', '.join(expected)}, found {listed}.\nWays out:\n"
        )

    def test_a_clip_that_can_not_be_read_is_named(self, folder):
        unpack(folder)
        (folder / BAD).unlink()
        (folder / BAD).mkdir()
        with pytest.raises(
            DatasetError, match=f"fan can't be read: .*{BAD}'\n" + WAYS_OUT
        ):
            load()

    def test_a_clip_that_ends_too_early_in_a_zip_is_named(self):
        def read(member: str) -> bytes:
            raise EOFError

        chosen = mimii._Wanted("fan", "id_02", -6, 1, 0, 0)
        with pytest.raises(DatasetError, match=f"^a.zip holds a damaged clip, {BAD}: "):
            mimii._decode_all([BAD], read, Path("a.zip"), chosen)

    def test_a_folder_without_abnormal_clips_says_so(self, folder):
        unpack(folder)
        shutil.rmtree(folder / "fan" / "id_02" / "abnormal")
        with pytest.raises(DatasetError, match="holds no abnormal clips of fan id_02"):
            load(8, None)
        assert load(8, 0).is_train.all()

    @pytest.mark.parametrize(
        ("data", "error", "message"),
        [
            (b"RIFF", DatasetError, r"00000003\.wav is no WAV file"),
            (b"", DatasetError, r"00000003\.wav is no WAV file"),
            (WAVS[BAD][:-100], DatasetError, r"00000003\.wav has \d+ samples and"),
            (
                wav(CLIPS[BAD][:9]),
                DatasetError,
                f"{BAD[4:]} has 9 samples and .*id_02/normal/00000000.wav has 1600: all "
                r"clips should be equally long\.\n",
            ),
            (wav(np.tile(CLIPS[BAD], (2, 1))), DatasetError, "has 3200 samples and"),
            (WAVS[BAD][:44], DatasetError, r"00000003\.wav holds no samples"),
            (wav(CLIPS[BAD], sr=44100), DatasetError, "44100 Hz.*16000 Hz"),
            (wav(CLIPS[BAD] / 2**15, subtype="FLOAT"), DatasetError, "FLOAT.*PCM_16"),
        ],
    )
    def test_a_bad_clip_is_named(self, folder, data, error, message):
        unpack(folder, WAVS | {BAD: data})
        with pytest.raises(error, match=message + WAYS_OUT):
            load()

    @pytest.mark.parametrize("channel", [1, 2])
    def test_a_mono_clip_has_channel_0_only(self, folder, channel):
        unpack(folder, {m: wav(clip[:, 0]) for m, clip in CLIPS.items()})
        demand_right_clips(load())
        with pytest.raises(
            ValueError,
            match=f"^channel is {channel}, and .*00000000.wav has only channel 0: it is "
            "mono$",
        ):
            load(channel=channel)

    def test_clips_of_a_few_channels_say_which(self, folder):
        unpack(folder, {m: wav(clip[:, :2]) for m, clip in CLIPS.items()})
        demand_right_clips(load(channel=1), 1)
        with pytest.raises(ValueError, match="has only channels 0 to 1$"):
            load(channel=2)

    @pytest.mark.parametrize("data", [damaged(BAD, ZIP), zipped(WAVS | {BAD: b"RIFF"})])
    def test_a_damaged_clip_in_a_zip_is_named(self, folder, data):
        (folder / f"{ARCHIVE}.zip").write_bytes(data)
        with pytest.raises(DatasetError, match=BAD + WAYS_OUT):
            load()
        assert load(3, 1).names == names(3, 1)

    @pytest.mark.parametrize("data", [ZIP[:-100], b"", b"not a zip"])
    def test_a_damaged_zip_is_named(self, folder, data):
        (folder / f"{ARCHIVE}.zip").write_bytes(data)
        with pytest.raises(
            DatasetError, match=r"-6_dB_fan\.zip can't be read" + WAYS_OUT
        ):
            load()


class TestFetching:
    @pytest.mark.parametrize(
        ("n_normal", "n_abnormal"), [(2, 1), (8, 3), (N_NORMAL, N_ABNORMAL)]
    )
    def test_takes_few_requests_and_little_more_than_the_clips(
        self, server, n_normal, n_abnormal
    ):
        load(n_normal, n_abnormal)
        assert len(server.paths) <= 5
        assert set(server.paths) == {f"/{ARCHIVE}.zip"}
        assert server.ranges[0] == "bytes=0-0"
        assert server.n_bytes < 1.3 * n_wanted_bytes(wanted(n_normal, n_abnormal))

    def test_joins_clips_over_a_small_gap_and_not_over_a_large_one(self, server):
        # In the order of a text, as some tools pack: 0, 1, 10, 11, 2, 3 and so on.
        order = sorted(WAVS, key=lambda m: m.replace("/0000000", "/"))
        server.data = zipped({member: WAVS[member] for member in order})
        demand_right_clips(load(11, 3))
        assert len(server.paths) <= 5
        assert server.n_bytes < 1.3 * n_wanted_bytes(wanted(11, 3), server.data)

    def test_needs_no_internet_the_second_time(self, server, cache, capsys):
        first = load()
        assert mimii_folder() == cache / "mimii"
        server.stop()
        before = files(cache)
        capsys.readouterr()
        np.testing.assert_array_equal(load().audio, first.audio)
        assert load(4, 2).names == names(4, 2)
        assert files(cache) == before
        assert capsys.readouterr() == ("", "")

    def test_fetches_only_what_is_missing(self, server):
        load(8, 3)
        server.paths.clear()
        server.n_bytes = 0
        dataset = load(10, 3)
        demand_right_clips(dataset)
        assert len(server.paths) == 4
        new = n_wanted_bytes([("normal", 8), ("normal", 9)])
        assert new < server.n_bytes < 1.3 * new

    @pytest.mark.parametrize(
        ("starts", "stops", "blocks"),
        [
            ([5], [9], {5: 4}),
            ([0, 100], [100, 200], {0: 200}),
            # 15 % of 200 wanted bytes are 30.
            ([0, 130], [100, 230], {0: 230}),
            ([7, 138], [107, 238], {7: 100, 138: 100}),
            # The smallest gaps first, as far as 45 bytes last.
            ([0, 140, 246], [100, 240, 346], {0: 100, 140: 206}),
            ([0, 106, 246], [100, 206, 346], {0: 206, 246: 100}),
            ([0, 122, 245], [100, 222, 345], {0: 345}),
            ([0, 23, 400, 900], [20, 43, 450, 910], {0: 43, 400: 50, 900: 10}),
        ],
    )
    def test_a_request_takes_in_gaps_of_at_most_15_percent(self, starts, stops, blocks):
        assert mimii._blocks(np.array(starts), np.array(stops)) == blocks

    def test_progress_is_counted_in_powers_of_1024(self, capsys):
        info = SimpleNamespace(compress_size=5 * 2**20)
        archive = SimpleNamespace(getinfo=lambda member: info)
        with mimii._announced(archive, ["a", "b"], "fans", Path("kept")) as bar:
            bar.update(5 * 2**20)
        line, *_, last = re.split("[\r\n]+", capsys.readouterr().err.strip())
        assert line == "fans: clips to fetch: 2 (10.0 MiB), to be kept in kept"
        assert " 5.00M/10.0M " in last

    def test_announces_its_size_and_shows_how_far_it_is(self, server, capsys):
        load()
        output, errors = capsys.readouterr()
        assert output == ""
        mib = n_wanted_bytes(wanted(8, 3)) / 2**20
        line, bar = errors.split("\n", 1)
        assert line.startswith(
            f"mimii fan id_02 -6 dB: clips to fetch: 11 ({mib:.1f} MiB)"
        )
        assert "100%" in bar

    def test_by_default_it_asks_zenodo(self, server, monkeypatch):
        monkeypatch.delenv("ESA4_MIMII_URL")
        assert mimii.ZENODO == "https://zenodo.org/records/3384388/files"
        monkeypatch.setattr(mimii, "ZENODO", server.url)
        demand_right_clips(load())
        assert set(server.paths) == {f"/{ARCHIVE}.zip?download=1"}

    def test_address_of_a_server_may_end_with_a_slash(self, server, monkeypatch):
        monkeypatch.setenv("ESA4_MIMII_URL", f"{server.url}/copies/")
        demand_right_clips(load())
        assert set(server.paths) == {f"/copies/{ARCHIVE}.zip"}

    def test_two_processes_at_once_both_succeed(self, server, cache):
        code = (
            "from esa4_helpers import load_mimii\n"
            "print(len(load_mimii('fan', 'id_02', -6)))"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=os.environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for process in processes:
            output, errors = process.communicate(timeout=120)
            assert (output, process.returncode) == ("17\n", 0), errors
        server.stop()
        demand_right_clips(load(None, None))
        assert len(files(cache)) == 18

    def test_an_unusable_folder_is_named(self, server, monkeypatch, tmp_path):
        file = tmp_path / "a file"
        file.write_text("mine")
        monkeypatch.setenv("ESA4_DATA_HOME", str(file / "cache"))
        with pytest.raises(
            DatasetError, match="folder for downloads.*a file" + WAYS_OUT
        ) as caught:
            load()
        assert not isinstance(caught.value, DatasetUnreachableError)
        assert file.read_text() == "mine"


class TestKeeping:
    def kept(self, cache: Path) -> Path:
        load()
        (file,) = cache.rglob("normal/00000003_channel_0.flac")
        assert "abnormal" not in str(file)
        return file

    @pytest.fixture(params=["bit", "cut", "empty", "other clip's header"])
    def damage(self, request, server, cache) -> Path:
        """A kept clip that something has happened to."""
        file = self.kept(cache)
        data = bytearray(file.read_bytes())
        if request.param == "bit":
            data[len(data) // 2] ^= 1
        elif request.param == "cut":
            del data[-100:]
        elif request.param == "empty":
            data.clear()
        else:
            other = file.with_name("00000004_channel_0.flac").read_bytes()
            data[26:42] = other[26:42]
        file.write_bytes(data)
        return file

    def test_a_damaged_clip_is_fetched_again(self, server, damage):
        server.paths.clear()
        demand_right_clips(load())
        assert len(server.paths) == 4
        assert soundfile.read(damage, dtype="int16")[0].tolist() == (
            CLIPS[BAD][:, 0].tolist()
        )

    def test_a_damaged_clip_is_left_alone_without_internet(
        self, server, cache, damage, waits
    ):
        server.stop()
        before = files(cache)
        with pytest.raises(DatasetUnreachableError, match=WAYS_OUT):
            load()
        assert files(cache) == before

    @pytest.mark.parametrize("content", ["", "[", None])
    def test_a_damaged_list_of_members_is_fetched_again_and_no_clip(
        self, server, cache, content
    ):
        self.kept(cache)
        (index,) = cache.rglob("members.json")
        sound = index.read_text()
        index.unlink() if content is None else index.write_text(content)
        server.paths.clear()
        demand_right_clips(load())
        assert len(server.paths) == 3
        assert index.read_text() == sound

    def test_an_interrupted_fetch_goes_on_where_it_was(
        self, server, cache, monkeypatch
    ):
        write, written = mimii.os.replace, []

        def interrupt(source: Path, target: Path) -> None:
            if len(written) == 6:
                raise KeyboardInterrupt
            written.append(target)
            write(source, target)

        monkeypatch.setattr(mimii.os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load()
        assert len(files(cache)) == 6
        monkeypatch.setattr(mimii.os, "replace", write)
        server.n_bytes = 0
        demand_right_clips(load())
        # The list of members and five clips were there.
        assert server.n_bytes < 0.6 * n_wanted_bytes(wanted(8, 3))

    def test_works_where_md5_is_banned_for_secrets(self, server, monkeypatch):
        md5 = mimii.hashlib.md5

        def md5_for_checksums(data: bytes, usedforsecurity: bool = True):
            assert not usedforsecurity
            return md5(data)

        monkeypatch.setattr(mimii.hashlib, "md5", md5_for_checksums)
        load(2, 1)
        server.stop()
        demand_right_clips(load(2, 1))

    def test_a_full_disk_is_named_and_keeps_no_half(self, server, cache, full_disk):
        load(2, 1)
        before = files(cache)
        full_disk(1000)
        with pytest.raises(DatasetError, match="folder for downloads.*" + WAYS_OUT):
            load()
        assert files(cache) == before


ALWAYS = itertools.repeat


class TestFaults:
    """Of servers: what they do now and then is mended, what they do always is named."""

    @pytest.mark.parametrize(
        ("fault", "n_before"),
        [
            *itertools.product(
                ["500", "503", "429 1", "drop", "cut", "damage"], range(5)
            ),
            ("502", 1),
            ("504", 1),
        ],
    )
    def test_one_fault_is_mended(self, server, waits, fault, n_before):
        server.faults = iter([None] * n_before + [fault])
        demand_right_clips(load())
        assert max(waits, default=0) <= 1

    def test_many_faults_are_mended_as_long_as_clips_come(self, server, waits):
        server.faults = iter([None, None, None, "cut"] * 5)
        demand_right_clips(load(None, None))
        assert len(server.paths) > 20
        # After each clip that has come, patience begins anew.
        assert set(waits) == {1}

    def test_it_waits_as_long_as_the_server_asks(self, server, waits):
        server.faults = iter([None, "429 17", "429 120"])
        demand_right_clips(load())
        assert waits == [17, 120]

    def test_it_does_not_wait_for_more_than_two_minutes(self, server, waits):
        server.faults = ALWAYS("429 121")
        with pytest.raises(DatasetUnreachableError, match="429" + WAYS_OUT):
            load()
        assert (waits, len(server.paths)) == ([], 1)

    @pytest.mark.parametrize("n_before", [0, 2, 3])
    @pytest.mark.parametrize(
        ("fault", "message", "waited"),
        [
            ("500", "500", [1, 2, 4, 8]),
            ("429 1", "429", [1, 1, 1, 1, 1]),
            ("404", "404", []),
            ("403", "403", []),
            ("drop", "ConnectionError", [1, 2, 4, 8]),
        ],
    )
    def test_refusal_is_told(
        self, server, cache, waits, n_before, fault, message, waited
    ):
        server.faults = itertools.chain([None] * n_before, ALWAYS(fault))
        with pytest.raises(DatasetUnreachableError, match=message + WAYS_OUT):
            load()
        assert waits == waited
        assert len(server.paths) == n_before + (6 if waited else 1)
        assert set(files(cache)) <= {f"mimii/{ARCHIVE}/members.json"}

    def test_what_has_come_is_kept_when_the_connection_ends_for_good(
        self, server, cache, waits
    ):
        server.faults = itertools.chain([None] * 4, ["cut"], ALWAYS("drop"))
        with pytest.raises(DatasetUnreachableError, match="ConnectionError" + WAYS_OUT):
            load(9, 3)
        # All abnormal clips, and the first half of the block of normal ones.
        kept = [file for file in files(cache) if file.endswith(".flac")]
        assert len(kept) == 3 + 4
        server.faults = iter(())
        server.n_bytes = 0
        demand_right_clips(load(9, 3))
        assert server.n_bytes < 1.3 * n_wanted_bytes(wanted(9, 0)[4:])

    def test_a_connection_that_always_breaks_off_is_told(self, server, waits):
        server.faults = itertools.cycle([None, None, "cut"])
        with pytest.raises(DatasetUnreachableError, match="breaks off" + WAYS_OUT):
            load()
        assert len(server.paths) == 9
        assert waits == [1, 2]

    def test_a_login_page_is_told_as_what_it_is(self, server, cache, waits):
        server.faults = ALWAYS("login")
        with pytest.raises(
            DatasetUnreachableError, match=r"log in, and try again\)" + WAYS_OUT
        ):
            load()
        assert not cache.exists()

    # Where an archive says how large a clip is, packed and unpacked.
    @pytest.mark.parametrize("offset", [20, 24])
    def test_a_clip_of_more_than_32_mib_is_not_fetched(self, server, waits, offset):
        server.data = declared(MEMBER.format("abnormal", 0), offset, 2**25 + 1)
        with pytest.raises(
            DatasetError,
            match=r"\.zip: .*abnormal/00000000\.wav would take 33554433 bytes, larger "
            r"than any clip of MIMII\.\n" + WAYS_OUT,
        ):
            load()
        assert server.n_bytes < len(ZIP) / 10
        # Of packed sizes, newer Pythons notice themselves that they are wrong.
        server.data = declared(MEMBER.format("abnormal", 0), 24, 2**25)
        demand_right_clips(load())

    @pytest.mark.parametrize(
        ("n_before", "message"),
        [(1, "of 1024 bytes came"), (3, "of 30 bytes came")],
    )
    def test_drops_that_never_end_are_given_up(
        self, server, cache, monkeypatch, n_before, message
    ):
        monkeypatch.setattr(_files, "LONGEST_DOWNLOAD", 0.2)
        server.faults = iter([None] * n_before + ["drip"])
        with pytest.raises(DatasetUnreachableError, match=message + WAYS_OUT):
            load()
        server.pause.set()
        monkeypatch.setattr(_files, "LONGEST_DOWNLOAD", 60)
        demand_right_clips(load())

    def test_a_slow_line_is_fine_as_long_as_each_clip_is_in_time(
        self, server, monkeypatch
    ):
        clock = itertools.count(step=50)
        monkeypatch.setattr(mimii.time, "monotonic", lambda: next(clock))
        demand_right_clips(load())

    def test_a_piece_may_take_10_minutes(self, monkeypatch):
        clock = iter([0, 600, 600.5])
        monkeypatch.setattr(mimii.time, "monotonic", lambda: next(clock))
        answer = mimii._InTime(SimpleNamespace(read1=lambda size: b"ab"))
        with pytest.raises(_files.SlowDownloadError) as caught:
            answer.read(1000)
        assert str(caught.value) == "only 4 of 1000 bytes came in 10 min"

    def test_a_directory_of_more_than_32_mib_is_not_asked_for(self, monkeypatch):
        asked = "asked"
        monkeypatch.setattr(mimii.RemoteFetcher, "fetch", lambda *given: asked)
        ranges = mimii._Ranges("http://localhost/a.zip", None)
        assert ranges.fetch((5, 2**25 + 4)) == asked
        # A clip, of which a piece is read at a time; and where the size is not known.
        assert ranges.fetch((5, 2**25 + 5), stream=True) == asked
        assert ranges.fetch((2**26, None)) == asked
        for last, size in ((2**25 + 5, 33554433), (2**25 + 6, 33554434)):
            with pytest.raises(mimii.RemoteZipError) as caught:
                ranges.fetch((5, last))
            assert str(caught.value) == (
                f"its directory would take {size} bytes, far more than MIMII's"
            )

    def test_a_directory_larger_than_any_is_not_fetched(self, server, monkeypatch):
        monkeypatch.setattr(mimii, "_LARGEST_DIRECTORY", 2000)
        with pytest.raises(DatasetUnreachableError, match="directory would take"):
            load()
        assert server.n_bytes < 2000

    def test_what_a_killed_process_left_behind_is_swept_away(self, server, cache):
        load(9, 3)
        for folder in [file.parent for file in cache.rglob("*.flac")]:
            _files.unfinished_in(folder).write_bytes(b"half a clip")
        for file in cache.rglob("00000000*"):
            file.unlink()
        load(9, 3)
        assert not list(cache.rglob(f"{_files.UNFINISHED}*"))

    def test_no_connection_is_told(self, server, cache, waits):
        server.stop()
        with pytest.raises(
            DatasetUnreachableError, match=r"ConnectionError\)" + WAYS_OUT
        ) as caught:
            load()
        assert "\n\n" not in str(caught.value)
        # Twice more: at once, and after a second.
        assert waits == [1]
        assert not cache.exists()

    def test_a_server_without_ranges_is_told_and_the_archive_not_downloaded(
        self, server, cache, waits
    ):
        server.has_ranges = False
        with pytest.raises(
            DatasetUnreachableError, match="not send parts of a file" + WAYS_OUT
        ):
            load()
        assert len(server.paths) == 1
        assert server.n_bytes < 2**26
        assert not cache.exists()

    def test_a_damaged_clip_is_named_and_all_others_kept(self, server, cache, waits):
        server.data = damaged(BAD, ZIP)
        with pytest.raises(
            DatasetError, match=f"damaged in {BAD}" + WAYS_OUT
        ) as caught:
            load()
        assert not isinstance(caught.value, DatasetUnreachableError)
        assert not any(f"normal/{3:08d}" in f for f in files(cache) if "abn" not in f)
        assert load(3, 2).names == names(3, 2)
        server.data = ZIP
        demand_right_clips(load())

    def test_a_clip_that_is_no_recording_is_named(self, server, cache, waits):
        server.data = zipped(WAVS | {BAD: b"a sound CRC-32, and no sound"})
        with pytest.raises(DatasetError, match=f"{BAD} is no WAV file" + WAYS_OUT):
            load()
        server.data = ZIP
        demand_right_clips(load())

    @pytest.mark.parametrize(
        "data", [ZIP[:-100], ZIP[: len(ZIP) // 2], b"<html>Please log in</html>" * 100]
    )
    def test_a_damaged_archive_is_told(self, server, cache, waits, data):
        server.data = data
        with pytest.raises(DatasetError, match=r"-6_dB_fan\.zip is damaged" + WAYS_OUT):
            load()
        assert not cache.exists()
        server.data = ZIP
        demand_right_clips(load())
