from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from esa4_helpers import _clip_files
from esa4_helpers._clip_files import ClipFilesError, is_hidden, read_clip_files

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 100).astype(np.float32)


def sound(clip: np.ndarray = NOISE, sr: int = 16000, **kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, clip, sr, **{"format": "WAV", "subtype": "FLOAT"} | kind)
    return file.getvalue()


NAMES = ("test_anomaly_0", "test_normal_0", "train_0", "train_1")
SOUNDS = {f"{name}.wav": sound(NOISE * 0.9**i) for i, name in enumerate(NAMES)}


def at(clip: np.ndarray, value: float) -> bytes:
    """A clip with one other sample."""
    clip = clip.copy()
    clip[3] = value
    return sound(clip)


@pytest.fixture(params=["folder", "archive.zip"])
def put(request, tmp_path):
    """Write files to a folder or a zip."""

    def write(files: dict[str, bytes]) -> Path:
        place = tmp_path / request.param
        if place.suffix:
            with zipfile.ZipFile(place, "w") as archive:
                for name, data in files.items():
                    archive.writestr(name, data)
        else:
            for name, data in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(data)
        return place

    return write


def refusal(place: Path) -> str:
    with pytest.raises(ClipFilesError) as caught:
        read_clip_files(place)
    return str(caught.value)


def test_clips_come_with_their_names_and_their_rate(put):
    rest = {
        ".hidden.wav": b"?",
        ".a/b.wav": b"?",
        "__MACOSX/c.wav": b"?",
        "d.txt": b"?",
    }
    names, audio, sr = read_clip_files(put(SOUNDS | rest))
    assert (tuple(names), sr) == (NAMES, 16000)
    for i, clip in enumerate(audio):
        np.testing.assert_allclose(clip, NOISE * 0.9**i, rtol=1e-6)


LOUD = "it reaches 1.00012, beyond [-1, 1]: turn it down"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("train_2.m4a", b"phone", "can't be read: convert it to WAV or FLAC"),
        ("train_2.wav", b"", "empty: the file has 0 bytes"),
        (
            "train_2.wav",
            sound(np.stack([NOISE] * 2, axis=1)),
            "2 channels: expected one, so choose one or mix them",
        ),
        ("train_2.wav", sound(NOISE[:0]), "empty: it holds no sample"),
        ("train_2.wav", at(NOISE, np.nan), "it holds NaN or infinity"),
        ("train_2.wav", at(NOISE, np.inf), "it holds NaN or infinity"),
        ("train_2.wav", at(NOISE, 1 + 2**-13), LOUD),
        ("train_2.wav", at(NOISE, -1 - 2**-13), LOUD),
        (
            "train_2.wav",
            sound(NOISE * 0),
            "silent from start to end: was the recorder on?",
        ),
        (
            "run_2.wav",
            sound(),
            "its name should be train_*, test_normal_* or test_anomaly_*",
        ),
        (
            "train_.wav",
            sound(),
            "its name should be train_*, test_normal_* or test_anomaly_*",
        ),
        (
            "train_anomaly.wav",
            sound(),
            "for training there are normal clips only: test_anomaly_*",
        ),
        (
            "train_2.wav",
            sound(NOISE[1:]),
            "16000 Hz and 99 samples, expected 16000 Hz and 100 samples as most clips have",
        ),
        (
            "a/train_2.wav",
            sound(sr=8000),
            "8000 Hz and 100 samples, expected 16000 Hz and 100 samples as most clips have",
        ),
    ],
)
def test_a_clip_that_can_not_be_used_is_named(put, name, data, told):
    assert refusal(put(SOUNDS | {name: data})) == f"\n  - {name}: {told}"


def test_full_scale_is_not_too_loud(put):
    ends = {"train_2.wav": at(NOISE, 1.0), "train_3.wav": at(NOISE, -1.0)}
    _, audio, _ = read_clip_files(put(SOUNDS | ends))
    assert (audio.min(), audio.max()) == (-1, 1)


def test_a_name_that_comes_twice_is_told_with_its_place(put):
    again = {
        f"{folder}/train_0.flac": sound(format="FLAC", subtype="PCM_16")
        for folder in "ab"
    }
    told = sorted(refusal(put(again | SOUNDS)).split("\n  - ")[1:])
    assert len(told) == 2
    assert all(
        line.endswith("train_0.wav has the same name")
        or line.endswith("a/train_0.flac has the same name")
        for line in told
    )


def test_of_many_troubles_five_are_named_and_the_others_counted(put):
    for n_bad in (1, 5, 6, 8):
        bad = {f"train_x{i}.wav": b"" for i in range(n_bad)}
        told = [f"{name}: empty: the file has 0 bytes" for name in bad]
        told[5:] = [f"and {n_bad - 5} more"] if n_bad > 5 else []
        assert refusal(put(SOUNDS | bad)) == "\n  - ".join(["", *told])


def test_each_group_has_a_clip(put):
    place = put({"notes.txt": b"?"})
    assert refusal(place) == "it holds no sound files (such as .wav or .flac)"
    some = {}
    for name, missing in (
        ("train_0", "test_normal"),
        ("test_normal_0", "test_anomaly"),
    ):
        some[f"{name}.wav"] = sound()
        assert refusal(put(some)) == f"no clip is called {missing}_*"
    place = put({"test_normal_0.wav": sound(), "test_anomaly_0.wav": sound()})
    if place.is_file():
        assert refusal(place) == "no clip is called train_*"


def test_all_clips_together_fit_into_memory(put, monkeypatch):
    place = put(SOUNDS)
    monkeypatch.setattr(_clip_files, "_MOST_SAMPLES", 400)
    assert len(read_clip_files(place)[0]) == 4
    monkeypatch.setattr(_clip_files, "_MOST_SAMPLES", 399)
    assert refusal(place) == (
        "all clips together have more than 399 samples, 1 GiB of memory: take fewer or "
        "shorter ones"
    )


def test_one_clip_alone_fits_into_memory(monkeypatch):
    flac = sound(format="FLAC", subtype="PCM_16")
    monkeypatch.setattr(_clip_files, "_MOST_SAMPLES", 100)
    assert len(_clip_files._decode("train_0.flac", flac).audio) == 100
    monkeypatch.setattr(_clip_files, "_MOST_SAMPLES", 99)
    with pytest.raises(ClipFilesError, match="^longer than all clips together may be$"):
        _clip_files._decode("train_0.flac", flac)


def test_a_file_of_more_than_1_gib_is_not_opened():
    for n_bytes in (2**30, 2**30 + 1):
        path = SimpleNamespace(
            stat=lambda n_bytes=n_bytes: SimpleNamespace(st_size=n_bytes),
            read_bytes=lambda: b"read",
        )
        info = SimpleNamespace(file_size=n_bytes)
        files = SimpleNamespace(read=lambda info: b"read")
        if n_bytes == 2**30:
            assert _clip_files._read(path) == b"read"
            assert _clip_files._unpack(files, info) == b"read"
            continue
        for read, given in (
            (_clip_files._read, (path,)),
            (_clip_files._unpack, (files, info)),
        ):
            with pytest.raises(
                ClipFilesError, match="^larger than all clips together may be$"
            ):
                read(*given)


def test_what_can_not_be_opened_is_named(tmp_path):
    for name, data in SOUNDS.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "train_2.wav").symlink_to("nowhere")
    assert refusal(tmp_path) == (
        "\n  - train_2.wav: can't be opened: No such file or directory"
    )


def test_what_is_no_zip_is_told(tmp_path):
    place = tmp_path / "a.zip"
    place.write_bytes(b"rubbish")
    assert refusal(place) == "it is no zip, or a damaged one: File is not a zip file"
    assert refusal(tmp_path / "b.zip").startswith("it is no zip, or a damaged one: ")


@pytest.mark.parametrize("error", [RuntimeError("password"), EOFError("end")])
def test_a_member_that_can_not_be_unpacked_is_named(error):
    def read(info: object) -> bytes:
        raise error

    with pytest.raises(ClipFilesError, match=f"^can't be unpacked: {error}$"):
        _clip_files._unpack(SimpleNamespace(read=read), SimpleNamespace(file_size=1))


def test_hidden_is_what_begins_with_a_dot_and_what_macos_adds():
    names = [".a", "__MACOSX", "a.wav", "__macosx", "_a"]
    assert [is_hidden(name) for name in names] == [True, True, False, False, False]


def test_sounds_are_found_at_any_depth_and_links_to_folders_named(tmp_path):
    for name in (
        *("a.WAV", "b.mp3", "c.m4a", "d/e/f.flac", "d/g.opus"),
        *("h.txt", ".i.wav", ".j/k.wav", "__MACOSX/l.wav", "wav"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "d")
    (tmp_path / ".link").symlink_to(tmp_path / "d")
    found = {str(p.relative_to(tmp_path)) for p in _clip_files.walk_sounds(tmp_path)}
    assert found == {"a.WAV", "b.mp3", "c.m4a", "d/e/f.flac", "d/g.opus", "link"}


def test_any_name_can_be_printed():
    name = Path(os.fsdecode(b"a/\xff 1.wav"))
    assert _clip_files.shown(name) == "a/\ufffd 1.wav"
