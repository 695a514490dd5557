"""A folder of recordings of all kinds, as engineers bring them."""

from __future__ import annotations

import io
import os
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile

from esa4_helpers import Recordings, read_recordings
from esa4_helpers import recordings as module
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
    assert not clips.audio.flags.writeable


def test_they_are_not_changed_and_equal_to_none_but_themselves(clips):
    with pytest.raises(FrozenInstanceError):
        clips.partial = {}
    assert clips != replace(clips)


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
    for channel in (1, 2):
        write(tmp_path / "three.wav", noise(1, RATE, 3))
        skipped = read_recordings(tmp_path, 1.0, channel=channel).skipped
        told = f"it has no channel {channel}: it has 1, counted from 0"
        assert skipped["mono.wav"] == told
    (tmp_path / "three.wav").unlink()
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
    for n_clips in (1, 4, 7, 21, 22):
        blocks = list(clips.blocks(n_clips))
        assert [where for where, _ in blocks] == [
            slice(start, min(start + n_clips, 21)) for start in range(0, 21, n_clips)
        ]
        np.testing.assert_array_equal(
            np.concatenate([block for _, block in blocks]), clips.audio
        )
    assert [len(block) for _, block in clips.blocks()] == [16, 5]
    with pytest.raises(ValueError, match="^n_clips must be at least 1, got 0$"):
        next(clips.blocks(0))
    with pytest.raises(ValueError, match="^keep selects no clip$"):
        clips.select(np.zeros(21))
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


def test_2_gib_of_audio_are_not_too_much(clips):
    def many(n_clips: int) -> Recordings:
        return replace(
            clips,
            cut=replace(clips.cut, n_samples=2**14),
            recordings=np.repeat(clips.recordings[:1], n_clips),
            positions=np.arange(n_clips),
            checksums=np.zeros(n_clips),
        )

    # There is room for them, and so it is seen that they are not in the file.
    with pytest.raises(DatasetError, match="has changed since it was found: clip 0 "):
        _ = many(2**15).audio
    for n_clips, size in ((2**15 + 1, "2.0"), (50_000, "3.1")):
        with pytest.raises(MemoryError) as caught:
            _ = many(n_clips).audio
        assert str(caught.value) == (
            f"all {n_clips} clips together would take {size} GiB of memory: go through "
            "them with blocks(), take some of them with select(), or read them with a "
            "longer hop_seconds"
        )


def test_of_many_bad_files_the_first_five_are_named_and_the_others_counted(tmp_path):
    named = []
    for number in range(7):
        (tmp_path / f"{number}.wav").write_bytes(b"")
        named.append(f"{number}.wav (empty: the file has 0 bytes)")
        if number > 4:
            named[5:] = [f"and {number - 4} more"]
        with pytest.raises(DatasetError) as caught:
            read_recordings(tmp_path, 1.0)
        assert str(caught.value) == (
            f"no recording in {tmp_path} can be used: {'; '.join(named)}"
        )


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
    with pytest.raises(FileNotFoundError, match="^there is no folder or file nowhere$"):
        read_recordings(["nowhere", tmp_path, "elsewhere"], 1.0)


def test_a_file_that_has_changed_since_is_named(tmp_path):
    path = write(tmp_path / "a.wav", noise(3, RATE))
    clips = read_recordings(tmp_path, 1.0)
    cut_short(path)
    with pytest.raises(DatasetError, match=r"a\.wav has changed .* clip 1 "):
        _ = clips.audio
    path.unlink()
    with pytest.raises(DatasetError, match=r"a\.wav has changed .* clip 0 "):
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
        (
            {"clip_seconds": 0},
            "clip_seconds must be above 0, at least one sample, got 0",
        ),
        ({"clip_seconds": 0.4 / RATE}, "clip_seconds must be above 0"),
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


def test_rates_from_1_kHz_to_10_MHz_are_read(tmp_path):
    write(tmp_path / "good.wav", noise(1, RATE))
    for sr in (999, 1000, 10_000_000, 10_000_001):
        write(tmp_path / f"{sr}.wav", noise(0.6, 1000), sr)
    clips = read_recordings(tmp_path, 0.5)
    assert clips.recordings.tolist() == ["1000.wav", "good.wav", "good.wav"]
    assert clips.skipped == {
        "999.wav": "its sample rate is 999 Hz: the header is damaged, or this is no sound",
        "10000000.wav": "too short: 6.25e-05 s, and a clip takes 0.5 s",
        "10000001.wav": "its sample rate is 10000001 Hz: the header is damaged, or this is "
        "no sound",
    }


def test_case_and_accents_do_not_disturb_the_order(tmp_path):
    names = ["a 2.wav", "A 10.wav", "b.wav", "B2/c.wav", "C.wav"]
    for name in names:
        write(tmp_path / name, noise(0.1, RATE))
    assert list(module.find_recordings(tmp_path)[0]) == names


def test_a_clip_may_be_one_sample(tmp_path):
    write(tmp_path / "a.wav", noise(20 / RATE, RATE))
    clips = read_recordings(tmp_path, 1 / RATE, keep_silent=True)
    assert clips.audio.shape == (20, 1)


def test_a_file_that_lacks_one_sample_is_damaged(tmp_path):
    path = write(tmp_path / "a.wav", noise(201 / RATE, RATE))
    assert read_recordings(tmp_path, 0.01).partial == {}
    path.write_bytes(path.read_bytes()[:-2])
    assert read_recordings(tmp_path, 0.01).partial == {
        "a.wav": "damaged: it can be read up to 0.0125 s only (0.01256 s were recorded)"
    }


def test_a_file_may_be_damaged_and_partly_silent(tmp_path):
    audio = noise(4, RATE)
    audio[RATE : 3 * RATE] = 0
    audio[int(3.5 * RATE)] = np.inf
    write(tmp_path / "a.wav", audio, subtype="FLOAT")
    damage = "damaged: it can be read up to 3.5 s only (NaN or infinity follow)"
    assert read_recordings(tmp_path, 1.0).partial == {
        "a.wav": f"{damage}; 2 of 3 clips are silent and left out"
    }
    audio[:RATE] = 0
    write(tmp_path / "a.wav", audio, subtype="FLOAT")
    write(tmp_path / "b.wav", noise(1, RATE))
    assert read_recordings(tmp_path, 1.0).skipped == {
        "a.wav": f"{damage}; silent from start to end: was the recorder on?"
    }


@pytest.mark.parametrize(("n_frames", "n_clips"), [(7999, 0), (8000, 1), (15999, 1)])
def test_a_resampled_file_is_as_long_as_before(tmp_path, n_frames, n_clips):
    write(tmp_path / "a.wav", noise(n_frames / 8000, 8000), 8000)
    write(tmp_path / "b.wav", noise(1, RATE))
    clips = read_recordings(tmp_path, 1.0)
    assert len(clips) == n_clips + 1
    if not n_clips:
        told = "too short: 0.9999 s, and a clip takes 1 s"
        assert clips.skipped == {"a.wav": told}


def test_a_filter_leads_beyond_full_scale_in_files_of_floats_only(tmp_path):
    square = np.sign(np.sin(np.arange(8000) / 5) + 1e-9)[:, np.newaxis]
    write(tmp_path / "float.wav", square, 8000, subtype="FLOAT")
    write(tmp_path / "double.wav", square, 8000, subtype="DOUBLE")
    write(tmp_path / "ints.wav", square, 8000, subtype="PCM_16")
    *floats, ints = read_recordings(tmp_path, 1.0).audio
    assert (ints.min(), ints.max()) == (-1, 1)
    for clip in floats:
        assert clip.min() < -1.05
        assert clip.max() > 1.05


def test_samples_of_up_to_32_are_no_integers(tmp_path):
    for largest in (32, 33):
        audio = noise(1, RATE)
        audio[100] = -largest
        write(tmp_path / f"{largest}.wav", audio, subtype="FLOAT")
    clips = read_recordings(tmp_path, 1.0)
    assert clips.recordings.tolist() == ["32.wav"]
    assert clips.skipped["33.wav"] == (
        "its samples reach 33 and should lie in [-1, 1]: these look like integers stored "
        "as floats"
    )


class TestRecent:
    @pytest.fixture
    def recent(self) -> module._Recent:
        """Numbered frames of two channels, of which some have been lost."""
        recent = module._Recent(10)
        for start, n_frames, n_lost in ((0, 4, 0), (4, 3, 0), (9, 5, 2), (14, 2, 0)):
            frames = np.arange(start + 1, start + n_frames + 1, dtype=np.float32)
            recent.hear(np.column_stack([frames, -frames]), n_lost)
        return recent

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [
            (4, 7, [5, 6, 7]),
            (6, 11, [7, 0, 0, 10, 11]),
            (12, 16, [13, 14, 15, 16]),
            (7, 9, [0, 0]),
            # Too old, or still to come.
            (2, 6, [0, 0, 5, 6]),
            (15, 18, [16, 0, 0]),
        ],
    )
    def test_a_piece_has_zeros_for_what_was_lost(self, recent, start, stop, expected):
        piece = recent.cut(start, stop)
        assert piece.T.tolist() == [expected, [-n for n in expected]]
        assert recent.end == 16

    def test_it_keeps_a_clip_and_a_second_before(self):
        recent = module._Recent.for_clips(0.5, 1000)
        for i in range(4000):
            recent.hear(np.full((1, 1), i, np.float32))
        expected = [0, *range(2499, 4000)]
        assert recent.cut(2498, 4000)[:, 0].tolist() == expected


@pytest.mark.parametrize(
    ("sr", "n_channels", "channel", "is_changed"),
    [
        (RATE, 1, "mean", False),
        (RATE, 2, 1, False),
        (RATE, 2, "mean", True),
        (2 * RATE, 1, "mean", True),
        (2 * RATE, 1, 0, True),
    ],
)
def test_a_clip_knows_what_it_was_made_of(
    tmp_path, sr, n_channels, channel, is_changed
):
    path = write(tmp_path / "a.wav", noise(2, sr, n_channels), sr, subtype="FLOAT")
    cut = module._Cut(RATE, RATE // 2, RATE // 4, channel)
    clips = []
    for clip in module._clips_of(path, cut):
        clips.append(clip)
        assert (clip.recorded is not None) == is_changed
        if clip.recorded:
            assert np.ptp(clip.recorded.cut(clip.start, clip.stop), axis=0).all()
            assert clip.recorded._n_samples == 1.5 * sr
    starts = np.arange(7) * sr // 4
    assert [(c.start, c.stop) for c in clips] == [(n, n + sr // 2) for n in starts]


@pytest.mark.parametrize(
    ("told", "promised"),
    [
        ("no such line", 10),
        ("data : 101 (should be 50)", 20),
        ("SSND: 95 (should be 50)", 19),
        ("data : 101 (should be 0)", 0),
        ("data : 2147418111 (should be 2147418111)", 10),
        ("data : 2147418112 (should be 2147418112)", 0),
        ("data : 4294967295 (should be 50)", 0),
    ],
)
def test_a_length_that_was_never_written_promises_nothing(told, promised):
    sound = SimpleNamespace(frames=10, extra_info=f"first line\n  {told}\nlast line")
    assert module._promised_frames(sound) == promised


PAGE = b"OggS\0"


def test_of_a_long_ogg_file_only_the_end_is_read():
    class Counted(io.BytesIO):
        n_read = 0

        def read(self, *given: int) -> bytes:
            data = super().read(*given)
            self.n_read += len(data)
            return data

    file = Counted(PAGE.rjust(100_000, b"."))
    assert not module._has_last_page(file)
    assert file.n_read == 65307


@pytest.mark.parametrize(
    ("content", "is_whole"),
    [
        (b"", False),
        (b"the dog has no page", False),
        (b"OggS", False),
        (PAGE, False),
        *((PAGE + bytes([flags]), bool(flags & 4)) for flags in range(8)),
        (PAGE + b"\4" + PAGE + b"\0", False),
        (b"before" + PAGE + b"\0" + PAGE + b"\4 and its sound", True),
        # The largest page that there is.
        (b"before" + (PAGE + b"\4").ljust(65307, b"."), True),
    ],
)
def test_the_last_page_of_an_ogg_file_is_marked(content, is_whole):
    assert module._has_last_page(io.BytesIO(content)) is is_whole


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
