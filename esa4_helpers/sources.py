"""Sound as it comes in: from a microphone, from another program, or from a file.

Each source gives one channel at the rate that is asked for, in blocks, as soon as they
are there. What a recorder loses in between is told, so that nobody takes the sound before
and after for one piece.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from time import monotonic
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import soxr

from ._checks import LEAST_RATE, check_count
from .recordings import (
    _Cut,
    _DamagedError,
    _no_sound,
    _open,
    _RefusedError,
    _resampled,
)

# How samples may be written, by the names that arecord gives them.
_DTYPES = {
    "U8": "u1",
    "S8": "i1",
    "S16_LE": "<i2",
    "S16_BE": ">i2",
    "S24_LE": "<i4",
    "S24_3LE": "V3",
    "S32_LE": "<i4",
    "S32_BE": ">i4",
    "FLOAT_LE": "<f4",
    "FLOAT_BE": ">f4",
    "FLOAT64_LE": "<f8",
    "FLOAT64_BE": ">f8",
}
SAMPLE_FORMATS = tuple(_DTYPES)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_WAV_FORMATS = {
    (_PCM, 8): "U8",
    (_PCM, 16): "S16_LE",
    (_PCM, 24): "S24_3LE",
    (_PCM, 32): "S32_LE",
    (_FLOAT, 32): "FLOAT_LE",
    (_FLOAT, 64): "FLOAT64_LE",
}
# A recorder that can't know how much is to come says the most that there can be.
_LEAST_UNKNOWN = 2**31 - 2**16
_ENDLESS = 2**63
# In bytes: a header's chunk that says what the samples are.
_SHORTEST_FORMAT, _LONGEST_FORMAT = 16, 40
_MOST_CHANNELS = 1024

# In bytes: what a pipe holds.
_READ = 65536
_NOTHING = np.zeros(0, np.float32)

# Blocks from a sound card, in s, and how many wait for a computer that is busy.
_BLOCK_SECONDS = 0.02
_MOST_WAITING = 1500
# Sound cards send something all the time, be it zeros.
_PATIENCE_SECONDS = 5.0


class SourceError(OSError):
    """Sound can't be had from where it is asked for."""


class Block(NamedTuple):
    """A stretch of sound, as it comes from a source.

    Parameters
    ----------
    sound : array of shape (n_samples,)
        float32.
    lost : float
        How much sound was lost just before it, in s.
    recorded : array of shape (n_frames, n_channels), optional
        What it was made of, if it was resampled or mixed as it was heard. There, clipping
        and dropouts can still be seen.

    Examples
    --------
    >>> Block(np.zeros(320, np.float32)).lost
    0.0
    """

    sound: np.ndarray
    lost: float = 0.0
    recorded: np.ndarray | None = None


class SampleFormat(NamedTuple):
    """How sound without a header is to be read.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    encoding : str
        One of ``SAMPLE_FORMATS``, such as ``"S16_LE"``.
    n_channels : int
        How many samples there are at each moment.

    Examples
    --------
    >>> SampleFormat(16000, "S16_LE", 2).frame_bytes
    4
    """

    sr: int
    encoding: str
    n_channels: int

    @property
    def frame_bytes(self) -> int:
        """How many bytes the samples of one moment take."""
        return self.n_channels * np.dtype(_DTYPES[self.encoding]).itemsize


@dataclass(frozen=True, eq=False)
class Source:
    """An open source of sound.

    Parameters
    ----------
    name : str
        What it is called.
    sr : int
        Sample rate at which it is recorded, in Hz.
    n_channels : int
        How many channels are recorded.
    is_live : bool
        Whether it is heard as it is recorded, so that its time is that of the clock.
    blocks : generator of Block
        Its sound: one channel, at the rate that was asked for. Its ``close`` ends the
        recording.

    Examples
    --------
    >>> no_blocks = (Block(sound) for sound in ())
    >>> Source("a test", 16000, 1, is_live=False, blocks=no_blocks).name
    'a test'
    """

    name: str
    sr: int
    n_channels: int
    is_live: bool
    blocks: Generator[Block, None, None]


def open_file(file: str | Path, sr: int, channel: int | str = "mean") -> Source:
    """Hear a recording in any format that `read_recordings` takes.

    Parameters
    ----------
    file : str or path
        The recording.
    sr : int
        Sample rate in Hz that it is brought to.
    channel : int or "mean"
        Which channel, counted from 0, or the mean of all.

    Returns
    -------
    Source
        Its sound is the same as in the clips of `read_recordings`. Of a damaged file comes
        what can be read, and then a `SourceError`.

    Raises
    ------
    SourceError
        If it can't be read.

    Examples
    --------
    >>> import tempfile, soundfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/fan.wav", np.zeros(44100), samplerate=44100)
    ...     source = open_file(f"{folder}/fan.wav", sr=16000)
    ...     sum(len(block.sound) for block in source.blocks)
    16000
    """
    path = Path(file)
    reason = _no_sound(path) if path.exists() else "there is no such file"
    if reason:
        raise SourceError(f"{file}: {reason}")
    cut = _Cut(sr, 1, 1, _check_channel(channel))
    with _as_source_errors(path), _open(path) as sound:
        recorded, n_channels = sound.samplerate, sound.channels
    return Source(str(file), recorded, n_channels, False, _blocks_of_file(path, cut))


def open_stream(
    stream: BinaryIO,
    sr: int,
    channel: int | str = "mean",
    raw: SampleFormat | None = None,
) -> Source:
    """Hear what another program sends, such as ``arecord``.

    Parameters
    ----------
    stream : buffered binary stream
        WAV, of any length and with any length in its header; several after each other
        if they are of one kind. Or samples without a header.
    sr : int
        Sample rate in Hz that it is brought to.
    channel : int or "mean"
        Which channel, counted from 0, or the mean of all.
    raw : SampleFormat, optional
        What the samples without a header are.

    Returns
    -------
    Source
        It waits for what is to come, and ends when the stream does.

    Raises
    ------
    SourceError
        If the stream is empty or no WAV, or has no such channel.

    Examples
    --------
    >>> from io import BytesIO
    >>> samples = np.arange(4, dtype="<i2") * 8192
    >>> raw = SampleFormat(16000, "S16_LE", n_channels=2)
    >>> source = open_stream(BytesIO(samples.tobytes()), sr=16000, channel=1, raw=raw)
    >>> [block.sound.tolist() for block in source.blocks]
    [[0.25, 0.75]]
    """
    pipe = _Pipe(stream)
    if not pipe.peek(1):
        raise SourceError(
            "standard input ended before any sound came: does the recorder run, and did it "
            "say why it stopped?"
        )
    found, n_bytes = (_check_format(raw), _ENDLESS) if raw else _first_header(pipe)
    channel = _check_channel(channel, found.n_channels)
    blocks = (
        _mixed(_decode(piece, found), channel)
        for piece in _pieces(pipe, found, n_bytes)
    )
    is_float = found.encoding.startswith("FLOAT")
    return Source(
        name="standard input",
        sr=found.sr,
        n_channels=found.n_channels,
        is_live=True,
        blocks=_at_rate(blocks, found.sr, sr, limit=np.inf if is_float else 1.0),
    )


def open_microphone(
    sr: int,
    device: int | str | None = None,
    channel: int | str = "mean",
    n_channels: int | None = None,
) -> Source:
    """Hear a microphone, by way of the package sounddevice.

    Parameters
    ----------
    sr : int
        Sample rate in Hz that it is brought to. It is recorded at this rate if the sound
        card can, else at the card's own.
    device : int or str, optional
        Its number in `microphones`, or a part of its name. By default the one that the
        system takes.
    channel : int or "mean"
        Which channel, counted from 0, or the mean of all.
    n_channels : int, optional
        How many channels to record. By default as few as ``channel`` takes: one for
        the mean.

    Returns
    -------
    Source
        It never ends by itself.

    Raises
    ------
    SourceError
        If sounddevice, PortAudio or the microphone is missing, or does not record so.

    Examples
    --------
    >>> next(open_microphone(sr=16000).blocks).sound.shape  # doctest: +SKIP
    (320,)
    """
    sounddevice = _sounddevice()
    channel = _check_channel(channel)
    if n_channels is None:
        # The default device of many systems claims dozens of channels.
        n_channels = 1 if channel == "mean" else channel + 1
    _check_channel(channel, n_channels)
    try:
        found = sounddevice.query_devices(device, "input")
        recorded = _recorded_rate(sounddevice, found, n_channels, sr)
        listener = _Listener(found["name"], recorded)
        stream = sounddevice.InputStream(
            samplerate=recorded,
            blocksize=round(_BLOCK_SECONDS * recorded),
            device=found["index"],
            channels=n_channels,
            dtype="float32",
            callback=listener,
        )
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        which = "the default one" if device is None else f"device {device}"
        raise SourceError(
            f"no microphone to listen to: {which} can't be used ({error}). esa4 watch "
            "--list-devices shows which there are"
        ) from None
    blocks = _at_rate(listener.blocks(stream, channel), recorded, sr, limit=1.0)
    return Source(found["name"], recorded, n_channels, True, blocks)


def microphones() -> dict[int, str]:
    """List the devices that record sound.

    Returns
    -------
    dict from int to str
        What each is, by its number.

    Raises
    ------
    SourceError
        If sounddevice or PortAudio is missing.

    Examples
    --------
    >>> microphones()  # doctest: +SKIP
    {0: 'USB microphone (1 channel, 48000 Hz)'}
    """
    return {
        device["index"]: (
            f"{device['name']} ({device['max_input_channels']} channel"
            f"{'s' if device['max_input_channels'] > 1 else ''}, "
            f"{device['default_samplerate']:g} Hz)"
        )
        for device in _sounddevice().query_devices()
        if device["max_input_channels"] > 0
    }


def _check_channel(channel: int | str, n_channels: int | None = None) -> int | str:
    if channel != "mean":
        channel = check_count(channel, "channel")
        if n_channels is not None and channel >= n_channels:
            raise SourceError(
                f"there is no channel {channel}: there are {n_channels}, counted from 0"
            )
    return channel


@contextmanager
def _as_source_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (_RefusedError, _DamagedError) as error:
        raise SourceError(f"{path}: {error}") from None


def _blocks_of_file(path: Path, cut: _Cut) -> Generator[Block, None, None]:
    with _as_source_errors(path), _open(path) as sound:
        for block, frames in _resampled(sound, cut):
            yield Block(block, recorded=frames)


def _mixed(frames: np.ndarray, channel: int | str, lost: float = 0.0) -> Block:
    if channel != "mean":
        frames = frames[:, [channel]]
    return Block(frames.mean(axis=1), lost, frames)


def _at_rate(
    blocks: Iterable[Block], recorded: int, sr: int, limit: float
) -> Generator[Block, None, None]:
    """Resample each stretch of sound between gaps, and cut off what the filter overshoots."""
    if recorded == sr:
        yield from blocks
        return

    def resampled(sound: np.ndarray, last: bool = False) -> np.ndarray:
        return resampler.resample_chunk(sound, last=last).clip(-limit, limit)

    resampler = soxr.ResampleStream(recorded, sr, 1)
    for sound, lost, frames in blocks:
        if lost:
            yield Block(resampled(_NOTHING, last=True))
            resampler = soxr.ResampleStream(recorded, sr, 1)
        yield Block(resampled(sound), lost, frames)
    yield Block(resampled(_NOTHING, last=True))


class _Pipe:
    """Bytes that come in pieces of any size."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting = b""

    def some(self, at_most: int) -> bytes:
        """What is there, as soon as anything is; nothing at the end."""
        data = self._waiting or self._stream.read1(min(at_most, _READ))
        self._waiting = data[at_most:]
        return data[:at_most]

    def exactly(self, n_bytes: int) -> bytes:
        """So many bytes, or fewer at the end."""
        pieces = []
        while n_bytes and (piece := self.some(n_bytes)):
            pieces.append(piece)
            n_bytes -= len(piece)
        return b"".join(pieces)

    def peek(self, n_bytes: int) -> bytes:
        """What comes next, which stays to be read."""
        data = self.exactly(n_bytes)
        self.unread(data)
        return data

    def skip(self, n_bytes: int) -> None:
        while n_bytes and (piece := self.some(n_bytes)):
            n_bytes -= len(piece)

    def unread(self, data: bytes) -> None:
        self._waiting = data + self._waiting

    def frames(self, frame_bytes: int, n_bytes: int) -> Generator[bytes, None, bytes]:
        """All that comes within so many bytes, in whole frames, and what is left over."""
        rest = b""
        while n_bytes and (piece := self.some(n_bytes)):
            n_bytes -= len(piece)
            piece = rest + piece
            whole = len(piece) - len(piece) % frame_bytes
            rest = piece[whole:]
            if whole:
                yield piece[:whole]
        return rest


def _pieces(pipe: _Pipe, found: SampleFormat, n_bytes: int) -> Iterator[bytes]:
    """The samples of one WAV, and of those that follow in the same pipe."""
    while n_bytes:
        rest = yield from pipe.frames(found.frame_bytes, n_bytes)
        n_bytes = _bytes_to_come(pipe, found, n_bytes, rest)


def _bytes_to_come(pipe: _Pipe, found: SampleFormat, n_bytes: int, rest: bytes) -> int:
    """How many bytes of samples follow on those that were promised."""
    if not pipe.peek(1):
        return 0
    # After 2 GiB, which may be less than a day, arecord sends another header.
    if n_bytes >= _LEAST_UNKNOWN and pipe.peek(4) != b"RIFF":
        pipe.unread(rest)
        return _ENDLESS
    if n_bytes % 2 and pipe.peek(1) == b"\0":
        pipe.skip(1)
    header = _read_header(pipe, found)
    if header is None:
        return 0
    if header[0] != found:
        raise SourceError(
            f"standard input changes from {_described(found)} to "
            f"{_described(header[0])}: run esa4 watch once for each"
        )
    return header[1]


def _first_header(pipe: _Pipe) -> tuple[SampleFormat, int]:
    start = pipe.peek(12)
    if start[:4] not in (b"RIFF", b"RF64") or start[8:] != b"WAVE":
        raise SourceError(
            f"standard input is no WAV, it begins with {start!r}: let the recorder send "
            "WAV (arecord -t wav; ffmpeg ... -f wav -), or say what its samples are, for "
            "instance with --raw --rate 16000 --format S16_LE --channels 1"
        )
    header = _read_header(pipe)
    if header is None:
        raise SourceError("standard input ended within its header, before any sound")
    return header


def _read_header(
    pipe: _Pipe, found: SampleFormat | None = None
) -> tuple[SampleFormat, int] | None:
    """Go on to the next sample: what it is, and how many bytes are promised."""
    while len(head := pipe.exactly(8)) == 8:
        kind, n_bytes = struct.unpack("<4sI", head)
        if kind == b"data" and found:
            return found, n_bytes or _ENDLESS
        if kind in (b"RIFF", b"RF64"):
            n_bytes = 4
        body = pipe.exactly(min(n_bytes, _LONGEST_FORMAT))
        pipe.skip(n_bytes + n_bytes % 2 - len(body))
        if kind == b"fmt ":
            if len(body) < _SHORTEST_FORMAT:
                return None
            found = _parse_format(body)
    return None


def _parse_format(body: bytes) -> SampleFormat:
    tag, n_channels, sr, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) == _LONGEST_FORMAT:
        (tag,) = struct.unpack_from("<H", body, 24)
    # 24 bits may lie in the upper part of 32.
    width = 8 * frame_bytes // n_channels if n_channels else bits
    encoding = _WAV_FORMATS.get((tag, width))
    if encoding is None:
        raise SourceError(
            f"standard input is WAV of a kind that can't be read (format {tag}, {width} "
            "bits): let the recorder send 16-bit samples, arecord with -f S16_LE"
        )
    return _check_format(SampleFormat(sr, encoding, n_channels))


def _check_format(found: SampleFormat) -> SampleFormat:
    if found.encoding not in _DTYPES:
        raise SourceError(
            f"there is no sample format {found.encoding!r}: choose one of "
            f"{', '.join(SAMPLE_FORMATS)}"
        )
    if found.sr < LEAST_RATE or not 1 <= found.n_channels <= _MOST_CHANNELS:
        raise SourceError(
            f"standard input claims to be {_described(found)}: its header is damaged, or "
            "this is no sound"
        )
    return found


def _described(found: SampleFormat) -> str:
    return f"{found.sr} Hz, {found.encoding}, {found.n_channels} channel(s)"


def _decode(data: bytes, found: SampleFormat) -> np.ndarray:
    """Samples as floats in [-1, 1], as soundfile gives them, of shape (n, n_channels)."""
    encoding = found.encoding
    if encoding == "S24_3LE":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(len(wide), 3)
        samples = wide.view("<i4")[:, 0]
    else:
        samples = np.frombuffer(data, _DTYPES[encoding])
    if encoding == "S24_LE":
        samples = samples << 8
    if encoding == "U8":
        samples = (samples ^ 0x80).view(np.int8)
    if not encoding.startswith("FLOAT"):
        samples = samples / -float(np.iinfo(samples.dtype).min)
    n_frames = len(samples) // found.n_channels
    return samples.astype(np.float32).reshape(n_frames, found.n_channels)


class _Listener:
    """Takes what a sound card sends, in a thread of its own, and counts what is lost."""

    def __init__(self, name: str, sr: int) -> None:
        self._name = name
        self._sr = sr
        self._waiting: Queue[tuple[np.ndarray, float]] = Queue(_MOST_WAITING)
        self._lost = 0.0
        self._due: float | None = None

    def __call__(self, frames: np.ndarray, n_frames: int, _: Any, status: Any) -> None:
        now, seconds = monotonic(), n_frames / self._sr
        if self._due is None:
            self._due = now
        if status.input_overflow:
            # The card does not say how much, but the clock does.
            late = max(now - self._due, seconds)
            self._lost += late
            self._due += late
        self._due += seconds
        try:
            self._waiting.put_nowait((frames.copy(), self._lost))
            self._lost = 0.0
        except Full:
            self._lost += seconds

    def blocks(self, stream: Any, channel: int | str) -> Generator[Block, None, None]:
        with closing(stream):
            while True:
                try:
                    frames, lost = self._waiting.get(timeout=_PATIENCE_SECONDS)
                except Empty:
                    raise SourceError(
                        f"{self._name} has sent nothing for {_PATIENCE_SECONDS:g} s: is "
                        "it still connected?"
                    ) from None
                yield _mixed(frames, channel, lost)


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except ImportError:
        raise SourceError(
            "a microphone takes the package sounddevice: pip install "
            "'esa4-helpers[microphone]'. Or let another program record: arecord -f S16_LE "
            "-r 16000 | esa4 watch machine.esa4 -"
        ) from None
    except OSError as error:
        raise SourceError(
            f"sounddevice can't work ({error}): install PortAudio, on Debian and Ubuntu "
            "with apt install libportaudio2"
        ) from None
    return sounddevice


def _recorded_rate(
    sounddevice: ModuleType, device: dict[str, Any], n_channels: int, sr: int
) -> int:
    """The wanted rate, or the card's own if it can't."""
    try:
        sounddevice.check_input_settings(
            device["index"], channels=n_channels, dtype="float32", samplerate=sr
        )
    except sounddevice.PortAudioError:
        return round(device["default_samplerate"])
    return sr
