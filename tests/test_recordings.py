"""A folder of recordings of all kinds, as engineers bring them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from esa4_helpers import Recordings, read_recordings
from esa4_helpers.datasets import DatasetError

RATE = 16000
GOOD = {
    "rec2.wav": (16000, "PCM_16", 1),
    "rec10 Prüfstand/lauf 1.wav": (48000, "PCM_24", 2),
    "rec10.WAV": (44100, "FLOAT", 1),
    "rec11.flac": (22050, "PCM_24", 3),
    "rec12.ogg": (32000, "VORBIS", 1),
    "rec13.mp3": (44100, "MPEG_LAYER_III", 2),
    "rec14.aiff": (8000, "PCM_16", 1),
}


def noise(seconds: float, sr: int, n_channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.1 * rng.standard_normal((round(seconds * sr), n_channels))


def write(path: Path, audio: np.ndarray, sr: int = RATE, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, sr, **options)
    return path


def cut_short(path: Path, share: float = 0.55) -> None:
    """As if the power had failed while the file was copied."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Good recordings of 3.5 s, bad ones, and what is no recording."""
    root = tmp_path_factory.mktemp("Meine Anlage äöü")
    for name, (sr, subtype, n_channels) in GOOD.items():
        write(root / name, noise(3.5, sr, n_channels), sr, subtype=subtype)
    write(root / "short.wav", noise(0.3, RATE))
    write(root / "silent.wav", np.zeros(3 * RATE))
    (root / "empty.wav").touch()
    write(root / "no samples.wav", np.zeros(0))
    (root / "text.flac").write_text("no sound at all")
    (root / "phone.m4a").touch()
    (root / "table.csv").touch()
    (root / "._rec2.wav").touch()
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / "rec2.wav").touch()
    (root / "loop").symlink_to(root)
    (root / "gone.wav").symlink_to(root / "nowhere.wav")
    os.mkfifo(root / "pipe.wav")
    return root


@pytest.fixture(scope="module")
def clips(folder) -> Recordings:
    return read_recordings(folder, clip_seconds=1.0)


def test_no_good_recording_is_lost_and_their_order_is_natural(clips):
    assert list(dict.fromkeys(clips.recordings)) == [
        "rec2.wav",
        "rec10.WAV",
        "rec10 Prüfstand/lauf 1.wav",
        *list(GOOD)[3:],
    ]
    assert len(clips) == 3 * len(GOOD)
    assert clips.audio.shape == (len(clips), RATE)
    assert clips.audio.dtype == np.float32
    assert clips.starts[:4].tolist() == [0.0, 1.0, 2.0, 0.0]
    assert len(set(clips.names)) == len(clips)


def test_each_bad_file_is_listed_once_with_its_reason(clips):
    reasons = {
        "empty.wav": "0 bytes",
        "gone.wav": "leads nowhere",
        "loop": "link to a folder",
        "no samples.wav": "no sample",
        "phone.m4a": "convert",
        "pipe.wav": "not a file",
        "short.wav": "too short: 0.3 s, and a clip takes 1 s",
        "silent.wav": "silent",
        "text.flac": "no sound file",
    }
    assert list(clips.skipped) == list(reasons)
    for name, reason in reasons.items():
        assert reason in clips.skipped[name]
    assert clips.partial == {}


@pytest.mark.parametrize("name", GOOD)
def test_clips_are_what_librosa_makes_of_the_whole_file(folder, clips, name):
    audio, sr = librosa.load(folder / name, sr=None, mono=True)
    expected = librosa.resample(audio, orig_sr=sr, target_sr=RATE)[: 3 * RATE]
    found = clips.audio[clips.recordings == name].ravel()
    np.testing.assert_allclose(found, expected.clip(-1, 1), atol=2e-6)


def test_clips_overlap_as_asked_and_never_reach_into_another_file(tmp_path):
    lengths = {"a.wav": 2.6, "b.wav": 1.0, "c.wav": 3.0}
    for i, (name, seconds) in enumerate(lengths.items()):
        write(tmp_path / name, noise(seconds, RATE, seed=i), subtype="FLOAT")
    clips = read_recordings(tmp_path, 1.0, hop_seconds=0.2)
    for clip, name, start in zip(
        clips.audio, clips.recordings, clips.starts, strict=True
    ):
        whole, _ = soundfile.read(tmp_path / name, dtype="float32")
        first = round(start * RATE)
        np.testing.assert_array_equal(clip, whole[first : first + RATE])
    counts = [(clips.recordings == name).sum() for name in lengths]
    assert counts == [9, 1, 11]
    apart = read_recordings(tmp_path, 0.5, hop_seconds=1.25)
    assert apart.starts.tolist() == [0.0, 1.25, 0.0, 0.0, 1.25, 2.5]


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_24"),
        ("a.flac", "PCM_16"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
        ("a.aiff", "PCM_16"),
    ],
)
def test_a_damaged_file_is_used_up_to_the_damage(tmp_path, name, subtype):
    cut_short(write(tmp_path / name, noise(8, RATE), subtype=subtype))
    clips = read_recordings(tmp_path, 1.0)
    assert 3 <= len(clips) <= 5
    assert clips.partial[name].startswith("damaged: it can be read up to ")
    cut_short(tmp_path / name, 0.1)
    write(tmp_path / "good.wav", noise(1, RATE))
    assert name in read_recordings(tmp_path, 1.0).skipped


def test_a_file_whose_length_was_never_written_is_whole(tmp_path):
    path = write(tmp_path / "a.wav", noise(2, RATE))
    whole = bytearray(path.read_bytes())
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(whole)
    clips = read_recordings(tmp_path, 1.0)
    assert (len(clips), clips.partial) == (2, {})


def test_channels_are_chosen_or_averaged(tmp_path):
    both = noise(1, RATE, 2)
    write(tmp_path / "stereo.wav", both, subtype="FLOAT")
    write(tmp_path / "mono.wav", both[:, 0], subtype="FLOAT")
    right = read_recordings(tmp_path, 1.0, channel=1)
    np.testing.assert_allclose(right.audio[0], both[:, 1], atol=1e-7)
    assert "no channel 1" in right.skipped["mono.wav"]
    mean = read_recordings(tmp_path, 1.0)
    np.testing.assert_allclose(mean.audio[1], both.mean(axis=1), atol=1e-7)


def test_samples_that_are_no_audio_are_refused_or_cut_off(tmp_path):
    write(tmp_path / "integers.wav", 30000 * noise(1, RATE), subtype="FLOAT")
    broken = noise(3, RATE)
    broken[int(1.5 * RATE)] = np.nan
    write(tmp_path / "nan.wav", broken, subtype="FLOAT")
    loud = 12 * noise(1, RATE)
    write(tmp_path / "over.wav", loud, subtype="FLOAT")
    clips = read_recordings(tmp_path, 1.0)
    assert clips.recordings.tolist() == ["nan.wav", "over.wav"]
    assert "integers" in clips.skipped["integers.wav"]
    assert clips.partial["nan.wav"].startswith("damaged: it can be read up to 1.5 s")
    np.testing.assert_allclose(clips.audio[1], loud[:, 0], rtol=1e-6)


def test_silent_clips_are_left_out_unless_they_are_asked_for(tmp_path):
    audio = noise(4, RATE)
    audio[RATE : 2 * RATE] = 0
    write(tmp_path / "a.wav", audio)
    clips = read_recordings(tmp_path, 1.0)
    assert clips.starts.tolist() == [0.0, 2.0, 3.0]
    assert clips.partial == {"a.wav": "1 of 4 clips are silent and left out"}
    assert len(read_recordings(tmp_path, 1.0, keep_silent=True)) == 4


def test_blocks_and_a_selection_give_the_same_clips(clips):
    np.testing.assert_array_equal(
        np.concatenate([block for _, block in clips.blocks(4)]), clips.audio
    )
    keep = np.arange(len(clips)) % 2 == 1
    some = clips.select(keep)
    np.testing.assert_array_equal(some.audio, clips.audio[keep])
    assert some.names == tuple(np.array(clips.names)[keep])


def test_files_can_be_named_one_by_one(folder):
    clips = read_recordings([folder / "rec2.wav", folder / "short.wav"], 1.0)
    assert set(clips.recordings) == {(folder / "rec2.wav").as_posix()}
    assert "too short" in clips.skipped[(folder / "short.wav").as_posix()]


def test_a_name_that_is_no_text_is_read_all_the_same(tmp_path):
    path = write(tmp_path / "a.wav", noise(1, RATE))
    os.rename(path, os.fsencode(tmp_path) + b"/\xff 1.wav")
    assert read_recordings(tmp_path, 1.0).recordings.tolist() == ["\ufffd 1.wav"]


def test_too_much_audio_is_refused_as_a_whole_and_says_how_large_it_is(
    clips, monkeypatch
):
    monkeypatch.setattr("esa4_helpers.recordings._LARGEST_AUDIO", 10**6)
    with pytest.raises(MemoryError, match=r"21 clips .* 0\.0 GiB .* blocks\(\)"):
        _ = clips.select(np.ones(len(clips))).audio
    many = replace(
        clips,
        recordings=np.repeat(clips.recordings[:1], 50_000),
        positions=np.arange(50_000),
    )
    size = 50_000 * clips.cut.n_samples * 4 / 1024**3
    with pytest.raises(MemoryError, match=f"50000 clips .* {size:.1f} GiB"):
        _ = many.audio


def test_of_many_bad_files_the_first_five_are_named_and_the_others_counted(tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.wav").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"0\.wav .*4\.wav .*; and 2 more") as error:
        read_recordings(tmp_path, 1.0)
    assert "5.wav" not in str(error.value)


def test_by_default_clips_follow_each_other_at_16_kHz(tmp_path):
    write(tmp_path / "a.wav", noise(3, 44100), 44100)
    clips = read_recordings(tmp_path, 1.0)
    assert clips.sr == 16000
    assert clips.starts.tolist() == [0, 1, 2]


def test_nothing_usable_is_an_error_that_names_what_was_found(tmp_path):
    with pytest.raises(DatasetError, match="it holds no sound files"):
        read_recordings(tmp_path, 1.0)
    write(tmp_path / "a.wav", noise(0.3, RATE))
    with pytest.raises(DatasetError, match=r"a\.wav \(too short: 0\.3 s"):
        read_recordings(tmp_path, 1.0)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_recordings(tmp_path / "nowhere", 1.0)


def test_a_file_that_has_changed_since_is_named(tmp_path):
    path = write(tmp_path / "a.wav", noise(3, RATE))
    clips = read_recordings(tmp_path, 1.0)
    cut_short(path)
    with pytest.raises(DatasetError, match=r"a\.wav has changed .* clip 1 "):
        _ = clips.audio


@pytest.mark.parametrize("seconds", [3, 5])
def test_another_recording_of_its_name_is_not_taken_for_it(tmp_path, seconds):
    path = write(tmp_path / "a.wav", noise(3, RATE))
    clips = read_recordings(tmp_path, 1.0)
    write(path, noise(seconds, RATE, seed=1))
    with pytest.raises(DatasetError, match=r"a\.wav has changed .* clip 0 of it is an"):
        next(clips.blocks())


def test_a_recording_that_has_grown_since_keeps_its_clips(tmp_path):
    path = write(tmp_path / "a.wav", noise(3, RATE))
    clips = read_recordings(tmp_path, 1.0).select([False, True, True])
    audio, rate = soundfile.read(path, dtype="float32")
    write(path, np.concatenate([audio, audio]), rate)
    np.testing.assert_array_equal(clips.audio.ravel(), audio[RATE:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_seconds": 0}, "clip_seconds must be above 0"),
        ({"clip_seconds": "1"}, "clip_seconds must be a number"),
        ({"hop_seconds": -1}, "hop_seconds must be above 0"),
        ({"sr": 0}, "sr must be at least 1000 Hz"),
        ({"sr": 16000.5}, "sr must be a whole number"),
        ({"channel": "left"}, "channel must be a whole number"),
        ({"channel": -1}, "channel must be at least 0"),
    ],
)
def test_wrong_settings_are_refused(folder, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        read_recordings(folder, **{"clip_seconds": 1.0, **options})


class TestThinning:
    def counts(self, clips: Recordings, n_clips: int) -> dict[str, int]:
        names, counts = np.unique(clips.thin(n_clips).recordings, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @pytest.fixture(scope="class")
    @classmethod
    def uneven(cls, tmp_path_factory) -> Recordings:
        root = tmp_path_factory.mktemp("uneven")
        for name, seconds in {"a": 2, "b": 30, "c": 1, "d": 40}.items():
            write(root / f"{name}.wav", noise(seconds, 2000), 2000)
        return read_recordings(root, 1.0, sr=2000)

    @pytest.mark.parametrize("n_clips", [*range(1, 12), 40, 72, 73, 99])
    def test_it_takes_as_many_as_were_asked_for(self, uneven, n_clips):
        assert len(uneven.thin(n_clips)) == min(n_clips, len(uneven))

    def test_no_recording_is_lost_and_none_outweighs_the_others(self, uneven):
        counts = {"a.wav": 2, "b.wav": 9, "c.wav": 1, "d.wav": 9}
        assert self.counts(uneven, 21) == counts
        assert self.counts(uneven, 4) == dict.fromkeys(counts, 1)

    def test_what_is_kept_is_spread_evenly(self, uneven):
        long = uneven.thin(13)
        gaps = np.diff(long.starts[long.recordings == "d.wav"])
        assert set(gaps.tolist()) == {8.0}
        assert list(self.counts(uneven, 2)) == ["b.wav", "d.wav"]


def test_several_folders_and_files_may_be_named_at_once(tmp_path):
    for name in ("a/1.wav", "b/1.wav", "c.wav"):
        write(tmp_path / name, noise(1, RATE))
    (tmp_path / "b" / "phone.m4a").touch()
    places = [tmp_path / "b", tmp_path / "a", tmp_path / "c.wav"]
    clips = read_recordings(places, clip_seconds=1.0)
    names = [str(tmp_path / name) for name in ("a/1.wav", "b/1.wav", "c.wav")]
    assert clips.recordings.tolist() == names
    assert list(clips.skipped) == [str(tmp_path / "b" / "phone.m4a")]


def test_an_absurd_rate_is_refused_before_anything_is_made_of_it(tmp_path):
    write(tmp_path / "good.wav", noise(1, RATE))
    header = bytearray((tmp_path / "good.wav").read_bytes())
    header[24:28] = b"\xff\xff\xff\x7f"
    (tmp_path / "bad.wav").write_bytes(header)
    clips = read_recordings(tmp_path, 0.5)
    assert "sample rate is 2147483647 Hz" in clips.skipped["bad.wav"]
    assert len(clips) == 2


@pytest.mark.parametrize(("sr", "n_channels"), [(3 * RATE, 1), (RATE, 2), (8000, 2)])
def test_faults_that_resampling_or_mixing_hides_are_seen_in_the_file(
    tmp_path, sr, n_channels
):
    sound = np.repeat(noise(4, sr), n_channels, axis=1)
    sound[2 * sr : 3 * sr, 0] = np.clip(20 * sound[2 * sr : 3 * sr, 0], -1, 1)
    write(tmp_path / "a.wav", sound, sr)
    clips = read_recordings(tmp_path, 0.5)
    assert clips.faults.tolist() == [*[None] * 4, "clipping", "clipping", None, None]
    assert clips.select(clips.positions == 5).faults.tolist() == ["clipping"]
