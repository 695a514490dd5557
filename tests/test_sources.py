"""Sound comes in as it was sent, however it is cut on its way."""

from __future__ import annotations

import builtins
import struct
import sys
from dataclasses import FrozenInstanceError
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from esa4_helpers import read_recordings, sources
from esa4_helpers.sources import (
    Block,
    SampleFormat,
    Source,
    SourceError,
    microphones,
    open_file,
    open_microphone,
    open_stream,
)

SR = 8000
ENDLESS = 2**31
RNG = np.random.default_rng(0)
STEREO = RNG.uniform(-0.9, 0.9, (1000, 2))


class Dribble(BytesIO):
    """A pipe that gives a few bytes at a time, never a whole number of samples."""

    def read1(self, n_bytes: int = -1) -> bytes:
        return super().read1(min(n_bytes, 7))


def wav(sound: np.ndarray = STEREO, sr: int = SR, **kind: str) -> bytes:
    file = BytesIO()
    soundfile.write(file, sound, sr, **({"format": "WAV", "subtype": "PCM_16"} | kind))
    return file.getvalue()


def with_length(data: bytes, n_bytes: int) -> bytes:
    """A WAV whose header promises so many bytes of sound."""
    at = data.index(b"data") + 4
    return data[:at] + struct.pack("<I", n_bytes) + data[at + 4 :]


def raw(sound: np.ndarray, subtype: str, endian: str = "LITTLE") -> bytes:
    file = BytesIO()
    soundfile.write(file, sound, SR, format="RAW", subtype=subtype, endian=endian)
    return file.getvalue()


def all_of(source: Source) -> np.ndarray:
    return np.concatenate([block.sound for block in source.blocks])


def heard(data: bytes, channel: int | str = 0, kind: SampleFormat | None = None):
    return all_of(open_stream(Dribble(data), SR, channel, kind))


def as_read(data: bytes, channel: int = 0) -> np.ndarray:
    sound, _ = soundfile.read(BytesIO(data), dtype="float32", always_2d=True)
    return sound[:, channel]


class TestWav:
    @pytest.mark.parametrize("format", ["WAV", "WAVEX"])
    @pytest.mark.parametrize(
        "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]
    )
    def test_samples_are_those_that_soundfile_reads(self, format, subtype):
        data = wav(format=format, subtype=subtype)
        np.testing.assert_array_equal(heard(data, 1), as_read(data, 1))

    @pytest.mark.parametrize("promised", [0, 2**31 - 36, ENDLESS, 2**32 - 1])
    def test_a_length_that_the_recorder_could_not_know_does_not_count(self, promised):
        data = wav()
        assert len(heard(with_length(data, promised))) == len(STEREO)

    def test_what_follows_on_the_sound_is_not_heard(self):
        data = wav() + b"LIST" + struct.pack("<I", 5000) + b"\1" * 5000
        np.testing.assert_array_equal(heard(data), as_read(wav()))

    def test_several_follow_each_other(self):
        odd = wav(STEREO[:501, 0], subtype="PCM_U8")
        one = as_read(odd)
        np.testing.assert_array_equal(heard(3 * odd), np.tile(one, 3))

    def test_a_recorder_that_begins_anew_after_its_longest_file_is_followed(
        self, monkeypatch
    ):
        # What arecord does after 2 GiB, even within a frame.
        monkeypatch.setattr(sources, "_LEAST_UNKNOWN", 100)
        data = wav(subtype="PCM_24")
        start = data.index(b"data") + 8
        first = with_length(data, 602)[: start + 602]
        found = heard(first + with_length(data, 602)[:start] + data[start:])
        whole = as_read(data)
        np.testing.assert_array_equal(found, [*whole[:100], *whole])

    def test_lengths_below_2_gib_are_known_and_count(self):
        other = b"LIST" + struct.pack("<I", 4) + b"name"
        for n_bytes, n_more in ((2**31 - 2**17, 0), (2**31 - 2**16, sources._ENDLESS)):
            pipe = sources._Pipe(BytesIO(other))
            found = SampleFormat(SR, "S16_LE", 1)
            assert sources._bytes_to_come(pipe, found, n_bytes, b"") == n_more

    def test_the_end_may_come_within_a_sample(self):
        data = with_length(wav(), ENDLESS)
        np.testing.assert_array_equal(heard(data[:-3]), as_read(wav())[:-1])

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "ended before any sound came"),
            (wav(format="FLAC"), r"begins with b'fLaC.*arecord -t wav.*--raw"),
            (wav()[:8] + b"AVI " + wav()[12:], "begins with b'RIFF.*AVI"),
            (wav()[:20], "ended within its header"),
            (wav()[:40], "ended within its header"),
            (wav(subtype="IMA_ADPCM"), "format 17.*16-bit samples"),
            (wav(sr=100), "claims to be 100 Hz"),
        ],
    )
    def test_what_is_no_sound_is_refused(self, data, message):
        with pytest.raises(SourceError, match=message):
            open_stream(BytesIO(data), SR)

    @pytest.mark.parametrize(
        ("tag", "n_channels", "frame_bytes", "bits", "encoding"),
        [
            (1, 2, 2, 8, "U8"),
            (1, 3, 6, 16, "S16_LE"),
            (1, 1, 3, 24, "S24_3LE"),
            # 24 bits in the upper part of 32.
            (1, 2, 8, 24, "S32_LE"),
            (3, 2, 8, 32, "FLOAT_LE"),
            (3, 1, 8, 64, "FLOAT64_LE"),
        ],
    )
    @pytest.mark.parametrize("is_extensible", [False, True])
    def test_a_header_says_what_samples_are(
        self, tag, n_channels, frame_bytes, bits, encoding, is_extensible
    ):
        first = 0xFFFE if is_extensible else tag
        body = struct.pack("<HHIIHH", first, n_channels, SR, 0, frame_bytes, bits)
        if is_extensible:
            body += bytes(8) + struct.pack("<H", tag) + bytes(14)
        found = sources._parse_format(body)
        assert found == SampleFormat(SR, encoding, n_channels)
        assert found.frame_bytes == frame_bytes

    def test_only_a_long_header_is_extensible(self):
        body = struct.pack("<HHIIHH", 1, 1, SR, 0, 2, 16) + 24 * b"\3"
        assert sources._parse_format(body).encoding == "S16_LE"
        body = struct.pack("<HHIIHH", 0xFFFE, 1, SR, 0, 2, 16)
        with pytest.raises(SourceError, match=r"\(format 65534, 16 bits\)"):
            sources._parse_format(body)

    @pytest.mark.parametrize(
        ("n_bytes", "between", "n_more"),
        [(3, b"", 4000), (3, b"\0", 4000), (2, b"", 4000), (2, b"\0", 0)],
    )
    def test_a_wav_of_an_odd_length_may_be_filled_up(self, n_bytes, between, n_more):
        pipe = sources._Pipe(BytesIO(between + wav()))
        found = SampleFormat(SR, "S16_LE", 2)
        assert sources._bytes_to_come(pipe, found, n_bytes, b"") == n_more

    @pytest.mark.parametrize("n_bytes", [3, 4, 50, 51])
    def test_other_chunks_are_passed_over_with_what_fills_them(self, n_bytes):
        data = wav()
        other = b"LIST" + struct.pack("<I", n_bytes) + (n_bytes + n_bytes % 2) * b"\1"
        for name in (b"fmt ", b"data"):
            at = data.index(name)
            found = heard(data[:at] + other + data[at:])
            np.testing.assert_array_equal(found, as_read(data))

    @pytest.mark.parametrize(("n_bytes", "is_header"), [(15, False), (16, True)])
    def test_a_description_of_samples_has_16_bytes(self, n_bytes, is_header):
        body = struct.pack("<HHIIHH", 1, 1, SR, 2 * SR, 2, 16)[:n_bytes]
        size = struct.pack("<I", n_bytes)
        data = b"fmt " + size + body + bytes(n_bytes % 2) + b"data" + bytes(4)
        found = sources._read_header(sources._Pipe(BytesIO(data)))
        expected = (SampleFormat(SR, "S16_LE", 1), sources._ENDLESS)
        assert found == (expected if is_header else None)

    @pytest.mark.parametrize(
        ("sr", "n_channels", "is_sound"),
        [
            (1000, 1, True),
            (999, 1, False),
            (1000, 0, False),
            (1000, 1024, True),
            (1000, 1025, False),
        ],
    )
    def test_rates_and_channels_have_limits(self, sr, n_channels, is_sound):
        found = SampleFormat(sr, "U8", n_channels)
        if is_sound:
            assert sources._check_format(found) == found
            return
        with pytest.raises(SourceError) as error:
            sources._check_format(found)
        assert str(error.value) == (
            f"standard input claims to be {sr} Hz, U8, {n_channels} channel(s): its header "
            "is damaged, or this is no sound"
        )

    def test_a_pipe_is_read_in_pieces_of_64_kib(self):
        asked = []

        class Stream(BytesIO):
            def read1(self, n_bytes: int = -1) -> bytes:
                asked.append(n_bytes)
                return super().read1(n_bytes)

        pipe = sources._Pipe(Stream(bytes(100_000)))
        assert [len(pipe.some(n)) for n in (10, 70_000, 70_000, 1)] == [
            *(10, 65536, 34454, 0)
        ]
        assert asked == [10, 65536, 65536, 1]

    def test_channels_that_are_not_there_are_refused(self):
        with pytest.raises(SourceError, match="no channel 2: there are 2"):
            open_stream(BytesIO(wav()), SR, channel=2)

    def test_another_rate_in_between_is_no_sound_to_go_on_with(self):
        data = wav() + wav(sr=44100)
        with pytest.raises(SourceError, match="changes from 8000 Hz.* to 44100 Hz"):
            heard(data)


class TestRaw:
    @pytest.mark.parametrize(
        ("encoding", "subtype", "endian"),
        [
            ("U8", "PCM_U8", "LITTLE"),
            ("S8", "PCM_S8", "LITTLE"),
            ("S16_LE", "PCM_16", "LITTLE"),
            ("S16_BE", "PCM_16", "BIG"),
            ("S24_3LE", "PCM_24", "LITTLE"),
            ("S32_LE", "PCM_32", "LITTLE"),
            ("S32_BE", "PCM_32", "BIG"),
            ("FLOAT_LE", "FLOAT", "LITTLE"),
            ("FLOAT_BE", "FLOAT", "BIG"),
            ("FLOAT64_LE", "DOUBLE", "LITTLE"),
            ("FLOAT64_BE", "DOUBLE", "BIG"),
        ],
    )
    def test_samples_are_those_that_were_sent(self, encoding, subtype, endian):
        data = raw(STEREO, subtype, endian)
        found = heard(data, 1, SampleFormat(SR, encoding, 2))
        np.testing.assert_allclose(found, STEREO[:, 1], atol=0.01)
        assert np.abs(found - STEREO[:, 1]).max() < (0.01 if "8" in encoding else 4e-5)

    def test_24_bits_in_the_lower_part_of_32(self):
        samples = np.array([-(2**23), -1, 0, 2**22], "<i4")
        # Whatever the fourth byte is.
        for data in (samples.tobytes(), (samples & 0xFFFFFF).astype("<i4").tobytes()):
            found = heard(data, kind=SampleFormat(SR, "S24_LE", 1))
            assert found.tolist() == [-1.0, -(2.0**-23), 0.0, 0.5]

    def test_unknown_formats_are_named(self):
        with pytest.raises(SourceError, match="no sample format 'S20_LE'.*S16_LE"):
            open_stream(BytesIO(b"abcd"), SR, raw=SampleFormat(SR, "S20_LE", 1))


class TestRate:
    @pytest.mark.parametrize("channel", ["mean", 1])
    @pytest.mark.parametrize("recorded", [SR, 11025])
    def test_stream_and_file_sound_like_the_clips(self, tmp_path, recorded, channel):
        # Full scale, so that the filter overshoots.
        sound = np.sign(RNG.standard_normal((recorded, 2)))
        data = wav(sound, recorded)
        file = tmp_path / "fan.wav"
        file.write_bytes(data)
        clip = read_recordings(file, 0.9, sr=SR, channel=channel).audio[0]
        for source in (
            open_stream(Dribble(data), SR, channel),
            open_file(file, SR, channel),
        ):
            assert (source.sr, source.n_channels) == (recorded, 2)
            found = all_of(source)
            assert len(found) == SR
            np.testing.assert_array_equal(found[: len(clip)], clip)

    @pytest.mark.parametrize(("subtype", "most"), [("FLOAT", 3.0), ("PCM_16", 1.0)])
    def test_only_floats_reach_beyond_full_scale(self, subtype, most):
        sound = np.repeat([3.0, -3.0], 1000)
        found = heard(wav(sound, 2 * SR, subtype=subtype))
        assert (found.max(), found.min()) == pytest.approx((most, -most), rel=0.3)
        assert most == 3 or np.abs(found).max() == 1.0

    def test_sound_before_a_gap_and_after_it_is_resampled_by_itself(self):
        tone = np.sin(np.arange(1000) / 3).astype(np.float32)
        blocks = [Block(tone), Block(tone, lost=2.0)]
        found = list(sources._at_rate(iter(blocks), 2 * SR, SR, limit=1.0))
        gap = [block.lost for block in found].index(2.0)
        pieces = [
            [block.sound for block in part] for part in (found[:gap], found[gap:])
        ]
        before, after = map(np.concatenate, pieces)
        assert len(before) == 500
        np.testing.assert_array_equal(before, after)


class TestFile:
    def test_of_a_damaged_one_comes_what_can_be_read(self, tmp_path):
        file = tmp_path / "cut off.wav"
        file.write_bytes(wav()[:2000])
        blocks = open_file(file, SR, 0).blocks
        assert len(next(blocks).sound) == 489
        with pytest.raises(SourceError, match="cut off.wav: damaged: .* up to 0.061"):
            next(blocks)

    @pytest.mark.parametrize(
        ("name", "data", "message"),
        [
            ("fan.wav", None, "fan.wav: there is no such file"),
            ("fan.wav", b"", "fan.wav: empty"),
            ("fan.wav", b"RIFF or not", "fan.wav: damaged, or no sound"),
            ("fan.m4a", b"any", "fan.m4a: .*convert it"),
        ],
    )
    def test_others_are_refused_at_once(self, tmp_path: Path, name, data, message):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(SourceError, match=message):
            open_file(tmp_path / name, SR)


class FakeCard:
    """Stands in for sounddevice: a card with two inputs, which takes some rates only."""

    class PortAudioError(Exception):
        pass

    DEVICES = (
        {
            "index": 0,
            "name": "speaker",
            "max_input_channels": 0,
            "default_samplerate": 1.0,
        },
        {
            "index": 1,
            "name": "USB",
            "max_input_channels": 2,
            "default_samplerate": 16000.0,
        },
    )

    def __init__(self, rates: tuple[int, ...] = (SR,)) -> None:
        self._rates = rates
        self.is_open = False

    def query_devices(self, device: object = None, kind: str | None = None):
        if kind is None:
            return self.DEVICES
        if device not in (None, 1, "USB"):
            raise ValueError(f"No input device matching {device!r}")
        return self.DEVICES[1]

    def check_input_settings(self, device: int, *, samplerate: int, **_: object):
        if samplerate not in self._rates:
            raise self.PortAudioError("Invalid sample rate")

    def InputStream(self, *, callback, channels: int, **settings: object):
        self.settings, self.channels, self.callback = settings, channels, callback
        return self

    def start(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def send(self, value: float, overflow: bool = False) -> None:
        """Call back with a block of 20 ms of which the second channel is zero."""
        frames = np.zeros((self.settings["blocksize"], self.channels), np.float32)
        frames[:, 0] = value
        status = SimpleNamespace(input_overflow=overflow)
        self.callback(frames, len(frames), None, status)
        # The card takes its memory back.
        frames[:] = np.nan


@pytest.fixture
def card(monkeypatch) -> FakeCard:
    card = FakeCard()
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    return card


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1.0)
    monkeypatch.setattr(sources, "monotonic", lambda: clock.now)
    return clock


class TestMicrophone:
    def test_one_channel_comes_in_blocks_until_it_is_closed(self, card):
        source = open_microphone(SR, "USB", "mean", n_channels=2)
        assert (source.name, source.sr, source.n_channels) == ("USB", SR, 2)
        card.send(0.5)
        card.send(0.25)
        first, second = next(source.blocks), next(source.blocks)
        assert card.is_open
        np.testing.assert_array_equal(first.sound, np.full(160, 0.25))
        np.testing.assert_array_equal(second.sound, np.full(160, 0.125))
        assert first.lost == second.lost == 0
        source.blocks.close()
        assert not card.is_open

    def test_only_as_many_channels_are_recorded_as_are_needed(self, card):
        for channel, n_channels in (("mean", 1), (0, 1), (1, 2)):
            open_microphone(SR, channel=channel)
            assert card.channels == n_channels

    def test_a_card_that_has_another_rate_records_at_its_own(self, card):
        card._rates = ()
        source = open_microphone(SR)
        assert source.sr == card.settings["samplerate"] == 16000
        for _ in range(50):
            card.send(0.5)
        sound = np.concatenate([next(source.blocks).sound for _ in range(50)])
        assert 0.85 * SR < len(sound) <= SR
        np.testing.assert_allclose(sound[200:-200], 0.5, atol=1e-3)

    def test_what_an_overflow_loses_is_told_by_the_clock(self, card, clock):
        source = open_microphone(SR)
        for late, overflow in ((0, False), (0.005, False), (3, True), (0, False)):
            clock.now += 0.02 + late
            card.send(0.5, overflow)
        lost = [next(source.blocks).lost for _ in range(4)]
        np.testing.assert_allclose(lost, [0, 0, 3.005, 0])

    def test_what_a_busy_computer_can_not_take_is_counted_too(self, card, monkeypatch):
        monkeypatch.setattr(sources, "_MOST_WAITING", 2)
        source = open_microphone(SR)
        for _ in range(5):
            card.send(0.5)
        assert [next(source.blocks).lost for _ in range(2)] == [0, 0]
        card.send(0.5)
        assert next(source.blocks).lost == pytest.approx(0.06)

    def test_an_overflow_loses_a_block_at_least(self, card, clock):
        source = open_microphone(SR)
        for overflow in (False, True, False, True):
            card.send(0.5, overflow)
        assert [next(source.blocks).lost for _ in range(4)] == [0, 0.02, 0, 0.02]

    def test_one_that_falls_silent_is_reported(self, card, monkeypatch):
        monkeypatch.setattr(sources, "_PATIENCE_SECONDS", 0.01)
        with pytest.raises(SourceError, match="USB has sent nothing for 0.01 s"):
            next(open_microphone(SR).blocks)
        assert not card.is_open

    def test_one_that_is_not_there_is_named(self, card):
        with pytest.raises(SourceError, match=r"device 7 .*No input.*--list-devices"):
            open_microphone(SR, 7)

        with pytest.raises(SourceError, match="there is no channel 2: there are 2"):
            open_microphone(SR, channel=2, n_channels=2)
        card.start = lambda: (_ for _ in ()).throw(card.PortAudioError("busy"))
        with pytest.raises(SourceError) as error:
            open_microphone(SR)
        assert str(error.value) == (
            "no microphone to listen to: the default one can't be used (busy). esa4 watch "
            "--list-devices shows which there are"
        )

    def test_those_that_record_are_listed(self, card):
        one = card.DEVICES[1] | {"index": 2, "max_input_channels": 1}
        card.DEVICES = (*card.DEVICES, one)
        assert microphones() == {
            1: "USB (2 channels, 16000 Hz)",
            2: "USB (1 channel, 16000 Hz)",
        }

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (ImportError(), r"pip install 'esa4-helpers\[microphone\]'.*arecord"),
            (
                OSError("PortAudio library not found"),
                "PortAudio library.*libportaudio2",
            ),
        ],
    )
    def test_what_is_to_be_installed_is_said(self, monkeypatch, error, message):
        usual = builtins.__import__

        def without(name, *arguments, **settings):
            if name == "sounddevice":
                raise error
            return usual(name, *arguments, **settings)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(SourceError, match=message):
            open_microphone(SR)


def test_what_is_live_is_said(tmp_path, card):
    (tmp_path / "fan.wav").write_bytes(wav())
    file = open_file(tmp_path / "fan.wav", SR)
    stream = open_stream(BytesIO(wav()), SR)
    assert [file.is_live, stream.is_live, open_microphone(SR).is_live] == [
        *(False, True, True)
    ]
    with pytest.raises(FrozenInstanceError):
        file.sr = 1
