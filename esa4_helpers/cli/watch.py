"""``esa4 watch``: listen without end, and say when the machine sounds odd."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from ..recordings import _Recent
from ..report._promise import in_words, promise_of_stream
from ..sensor import hidden_fault
from ..sources import (
    SAMPLE_FORMATS,
    Block,
    SampleFormat,
    Source,
    SourceError,
    microphones,
    open_file,
    open_microphone,
    open_stream,
)
from ..streaming import StreamEvent, StreamScorer
from ..thresholds import own_threshold
from . import _shared
from ._alarm_clips import AlarmClips, clip_name

# Further behind the clock than this, sound was lost on its way, or the recorder's clock
# is slow.
_SLACK_SECONDS = 2.0
# In samples: a line is written before much of what follows in its block is judged.
_AT_A_TIME = 512


def _list_devices(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        found = microphones()
        if not found:
            raise SourceError("there is no microphone that sounddevice can use")
        for number, text in found.items():
            click.echo(f"{number:3} {text}")
        context.exit()


@click.command()
@click.argument("machine", metavar="MACHINE")
@click.argument("source", metavar="[FILE|-]", required=False)
@click.option("--device", metavar="N", help="Which microphone: its number or name.")
@click.option(
    "--list-devices",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_devices,
    help="Show which microphones there are.",
)
@click.option(
    "--channel",
    type=_shared._Channel(),
    metavar="N|mean",
    help="Which channel, counted from 0, or the mean of all. By default as in training.",
)
@click.option(
    "--channels",
    type=click.IntRange(1),
    help="How many channels the microphone or --raw has. By default 1.",
)
@click.option("--raw", is_flag=True, help="Standard input has no WAV header.")
@click.option(
    "--rate", type=click.IntRange(1000), help="Sample rate of --raw sound in Hz."
)
@click.option(
    "--format",
    "encoding",
    type=click.Choice(SAMPLE_FORMATS),
    help="Samples of --raw sound. By default S16_LE.",
)
@click.option(
    "--hop",
    type=_shared.positive,
    metavar="SECONDS",
    help="Step from one window to the next in s. By default a window's length.",
)
@click.option(
    "--threshold", type=float, help="Score for an alarm. By default the detector's own."
)
@click.option(
    "--of",
    "k_of_n",
    nargs=2,
    type=click.IntRange(1),
    default=(1, 1),
    metavar="K N",
    help="An alarm takes K of the latest N windows. By default 1 1.",
)
@click.option(
    "--hold-off",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="After an alarm, no other one for so many s. By default 0.",
)
@click.option(
    "--only-alarms", is_flag=True, help="Print alarms and changes of the sensor only."
)
@click.option(
    "--log", type=click.Path(dir_okay=False, path_type=Path), help="Append lines here."
)
@click.option(
    "--clips",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the sound around each alarm, as FLAC.",
)
@click.option(
    "--around",
    type=click.FloatRange(0, 600),
    default=5.0,
    metavar="SECONDS",
    help="How much of it before and after the window, in s. By default 5.",
)
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=100,
    metavar="N",
    help="Keep the newest N alarms in that folder, and delete older ones. By default 100.",
)
@click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    help="For programs. It is always so.",
)
@_shared.strict_option
@_shared.quiet_option
def watch(
    machine: str,
    source: str | None,
    device: str | None,
    channel: int | str | None,
    channels: int | None,
    raw: bool,
    rate: int | None,
    encoding: str | None,
    hop: float | None,
    threshold: float | None,
    k_of_n: tuple[int, int],
    hold_off: float,
    only_alarms: bool,
    log: Path | None,
    clips: Path | None,
    around: float,
    keep: int,
    strict: bool,
    quiet: bool,
) -> None:
    """Listen to a microphone, to a FILE or to standard input (-), window by window.

    For each window, one line of JSON is printed: its time and end in s since the
    beginning, its start by the clock in UTC (null for a FILE), its score (null if the
    sensor fails), whether it raises an alarm, and what is wrong with the sensor, if
    anything is. Ctrl-C ends it.

    \b
    Example:
        esa4 watch machine.esa4 --only-alarms --log alarms.jsonl --clips alarms
        arecord -q -f S16_LE -r 16000 | esa4 watch machine.esa4 -
    """
    if source is not None and device is not None:
        raise click.UsageError("--device is for a microphone, and none was asked for.")
    if raw and (source != "-" or rate is None):
        raise click.UsageError("--raw takes standard input (-), and its --rate.")
    if not raw and (rate or encoding):
        raise click.UsageError("--rate and --format are for --raw sound.")
    if k_of_n[0] > k_of_n[1]:
        raise click.UsageError("--of K N: K must be at most N.")
    detector = _shared.load(machine)
    scorer = StreamScorer(
        detector,
        hop_seconds=hop,
        threshold=threshold,
        k=k_of_n[0],
        n=k_of_n[1],
        hold_off_seconds=hold_off,
    )
    if channel is None:
        channel = detector.training_.source.get("channel", "mean")
    clip_seconds = detector[0].n_features_in_ / scorer.sr
    raw_format = (
        SampleFormat(rate, encoding or "S16_LE", channels or 1) if raw else None
    )
    ending = _Ending()
    try:
        with ending:
            heard = _open(source, scorer.sr, device, channel, channels, raw_format)
    except KeyboardInterrupt:
        _shared.remark("Nothing was heard.", quiet)
        return
    watcher = _Watcher(
        scorer,
        heard,
        clip_seconds,
        None if log is None else _open_log(log),
        clips and AlarmClips(clips, scorer.sr, clip_seconds, around, keep),
        only_alarms,
    )
    _shared.remark(_introduction(heard, scorer, clip_seconds, channel), quiet)
    try:
        with closing(watcher), closing(heard.blocks), ending:
            for block in ending.blocks(heard):
                watcher.hear(block)
    except BrokenPipeError:
        # Whoever reads the lines has had enough of them.
        _shared._drop_what_is_not_printed()
        return
    except SourceError as error:
        # The end of a file may be missing; a microphone should not.
        if heard.is_live or not watcher.n_windows:
            _shared.fail(error)
        _shared.remark(error)
    if not watcher.n_windows and not ending.was_asked:
        _shared.fail(
            f"{heard.name} ended after {watcher.seconds:.4g} s, and a window takes "
            f"{clip_seconds:.4g} s"
        )
    _shared.remark(watcher.summary(), quiet)
    if strict and watcher.n_alarms:
        click.get_current_context().exit(_shared.EXIT_FOUND)


def _open(
    source: str | None,
    sr: float,
    device: str | None,
    channel: int | str,
    n_channels: int | None,
    raw: SampleFormat | None,
) -> Source:
    if source is None:
        number = int(device) if device and device.isdecimal() else device
        return open_microphone(sr, number, channel, n_channels)
    if source != "-":
        return open_file(source, sr, channel)
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError("Nothing is sent to standard input (-).")
    return open_stream(sys.stdin.buffer, sr, channel, raw)


def _open_log(file: Path) -> BinaryIO:
    """Where lines are appended, after one that was cut off when the computer stopped."""
    _shared.check_folder(file)
    log = file.open("ab", buffering=0)
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as written:
            written.seek(-1, os.SEEK_END)
            if written.read() != b"\n":
                log.write(b"\n")
    return log


def _introduction(
    heard: Source, scorer: StreamScorer, clip_seconds: float, channel: int | str
) -> str:
    several = (
        f", {heard.n_channels} channels ({channel})" if heard.n_channels > 1 else ""
    )
    other = f", resampled to {scorer.sr:g} Hz" if heard.sr != scorer.sr else ""
    return (
        f"Listening to {heard.name}: {heard.sr} Hz{several}{other}; windows of "
        f"{clip_seconds:g} s, alarms above {scorer.threshold:.4g}"
    )


class _Watcher:
    """Hears one block after another, and writes down what comes of it."""

    def __init__(
        self,
        scorer: StreamScorer,
        heard: Source,
        clip_seconds: float,
        log: BinaryIO | None,
        clips: AlarmClips | None,
        only_alarms: bool,
    ) -> None:
        self._scorer = scorer
        self._source = heard
        self._log = log
        self._clips = clips
        self._only_alarms = only_alarms
        is_changed = heard.sr != scorer.sr or heard.n_channels > 1
        self._recorded = (
            _Recent.for_clips(clip_seconds, heard.sr) if is_changed else None
        )
        # By the clock, in s since 1970, as soon as there is sound.
        self._began = -math.inf
        self._fault: str | None = None
        self._faults: Counter[str] = Counter()
        self._lost = 0.0
        self.seconds = 0.0
        self.n_windows = 0
        self.n_alarms = 0

    def hear(self, block: Block) -> None:
        """Judge the windows that a block completes."""
        self._lost += block.lost
        self.seconds += block.lost + len(block.sound) / self._scorer.sr
        began = time.time() - self.seconds
        if self._began < began - _SLACK_SECONDS:
            self._began = began
        self._scorer.skip(block.lost)
        if self._recorded and block.recorded is not None:
            self._recorded.hear(block.recorded, round(block.lost * self._source.sr))
        events = []
        for start in range(0, len(block.sound), _AT_A_TIME):
            for event in self._scorer.push(block.sound[start : start + _AT_A_TIME]):
                if self._recorded and self._recorded.end:
                    event = self._as_recorded(event)
                self._tell(event)
                events.append(event)
        if self._clips:
            self._clips.hear(block)
            for event in events:
                if event.alarm:
                    name = clip_name(event, self._start(event), self._source.name)
                    self._clips.want(event, name)
            self._write_clips()

    def close(self) -> None:
        """Write what waits for sound that will not come."""
        if self._clips:
            self._write_clips(is_over=True)
        if self._log:
            self._log.close()

    def summary(self) -> str:
        """Say what has been heard."""
        found = [f"{self.n_alarms} alarm(s)"]
        found += [f"{n} with {fault}" for fault, n in self._faults.most_common()]
        lost = f"; {self._lost:.4g} s of sound lost" if self._lost else ""
        heard = f"{self.n_windows} window(s), {', '.join(found)}{lost}"
        return f"{heard}. {self._promise()}" if self.n_windows else heard

    def _promise(self) -> str:
        training = self._scorer.detector.training_
        is_own = self._scorer.threshold == own_threshold(self._scorer.detector)
        return in_words(
            promise_of_stream(training, is_own, self._faults, self.n_windows)
        )

    def _as_recorded(self, event: StreamEvent) -> StreamEvent:
        """Look for what resampling and mixing hide in the sound as it was recorded."""
        start, stop = (round(t * self._source.sr) for t in (event.time, event.end))
        hidden = hidden_fault(self._recorded.cut(start, stop))
        if hidden is None:
            return event
        return event._replace(score=math.nan, alarm=False, fault=hidden)

    def _start(self, event: StreamEvent) -> datetime | None:
        if not self._source.is_live:
            return None
        return datetime.fromtimestamp(self._began + event.time, UTC)

    def _tell(self, event: StreamEvent) -> None:
        self.n_windows += 1
        self.n_alarms += event.alarm
        if event.fault:
            self._faults[event.fault] += 1
        is_news = event.alarm or event.fault != self._fault
        self._fault = event.fault
        if is_news or not self._only_alarms:
            line = _line(event, self._start(event))
            if self._log:
                _append(self._log, line)
            # Each line with one call to the system, so that none is ever cut.
            click.echo(line)

    def _write_clips(self, is_over: bool = False) -> None:
        try:
            self._clips.write(is_over)
        except OSError as error:
            _shared.remark(f"The sound of an alarm can't be kept: {error}")


def _line(event: StreamEvent, start: datetime | None) -> str:
    return json.dumps(
        {
            "time": event.time,
            "start": start and f"{start:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "end": event.end,
            "score": event.score if math.isfinite(event.score) else None,
            "alarm": event.alarm,
            "sensor": event.fault,
        }
    )


def _append(log: BinaryIO, line: str) -> None:
    data = f"{line}\n".encode()
    if log.write(data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), log.name)


class _Ending:
    """Lets SIGINT and SIGTERM end a wait for sound, and the listening between two blocks."""

    def __init__(self) -> None:
        self._is_waiting = True
        self.was_asked = False

    def __enter__(self) -> _Ending:
        self._before = {
            number: signal.signal(number, self._end)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end(self, *_: Any) -> None:
        # Who asks twice does not want to wait.
        if self._is_waiting or self.was_asked:
            self.was_asked = True
            raise KeyboardInterrupt
        self.was_asked = True

    def blocks(self, heard: Source) -> Iterator[Block]:
        """The blocks of the source, until the end is asked for."""
        try:
            while not self.was_asked:
                # A file is there at once, and an exception in its reader would be lost.
                self._is_waiting = heard.is_live
                block = next(heard.blocks, None)
                self._is_waiting = False
                if block is None:
                    return
                yield block
        except KeyboardInterrupt:
            return
