"""``esa4 score``: where in recordings does a machine sound odd?"""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import click
import numpy as np
from sklearn.pipeline import Pipeline

from ..alarms import Judged, judge_clips
from ..recordings import (
    _check_cut,
    _Clip,
    _clips_of,
    _Cut,
    _DamagedError,
    _RefusedError,
    find_recordings,
)
from ..report._promise import Tally, in_words
from ..sensor import SENSOR_FAULTS
from ..thresholds import own_threshold
from ..training import Training
from . import _shared

# So few that a block of long clips is small, too.
_BLOCK = 8


class _Task(NamedTuple):
    machine: str
    detector: Pipeline
    recording: str
    path: Path
    cut: _Cut
    # The recording's name among those of all machines.
    label: str


@dataclass
class _Outcome:
    n_recordings: int = 0
    n_clips: int = 0
    n_alarms: int = 0
    n_sensor: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    # By machine.
    heard: dict[str, tuple[Training, Tally]] = field(default_factory=dict)


@click.command()
@click.argument("detector", type=click.Path(path_type=Path))
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one line for each clip to a table; - is standard output.",
)
@_shared.hop_option
@click.option(
    "--each",
    is_flag=True,
    help="DETECTOR is a folder of detectors and RECORDINGS one of machines.",
)
@_shared.jobs_option
@_shared.scheduler_option
@_shared.json_option
@_shared.strict_option
@_shared.quiet_option
@click.pass_context
def score(
    context: click.Context,
    detector: Path,
    recordings: tuple[Path, ...],
    table: Path | None,
    hop_seconds: float | None,
    each: bool,
    jobs: int,
    scheduler: str | None,
    as_json: bool,
    strict: bool,
    quiet: bool,
) -> None:
    """Score the clips of RECORDINGS, files or folders, and name those that sound odd.

    What is the sensor's fault is told from what is the machine's. Each file that can't be
    used is named with its reason. The table that --csv writes has the columns machine,
    recording, start and end (in s), score, threshold, alarm (0 or 1) and sensor (its
    fault, if there is one). With --strict, alarms count as found.

    \b
    Example:
        esa4 score machine.esa4 recordings --csv scores.csv -j 4
        esa4 score detectors machines --each --csv scores.csv
    """
    to_stdout = str(table) == "-"
    if to_stdout and as_json:
        raise click.UsageError("--csv - and --json would both go to standard output")
    if table and not to_stdout:
        _check_table(table)
    outcome = _Outcome()
    if each:
        tasks = _tasks_of_each(detector, recordings, hop_seconds, outcome)
    else:
        tasks = _tasks_of(detector, detector.stem, recordings, hop_seconds, outcome)
    kept: list[Judged] = []
    with ExitStack() as stack:
        if to_stdout:
            lines = csv_writer(sys.stdout)
        elif table:
            lines = csv_writer(stack.enter_context(_shared.written(table)))
        else:
            lines = None
        for rows in _scored(tasks, jobs, scheduler, quiet, outcome):
            if lines:
                lines.writerows(map(_cells, rows))
            if as_json:
                kept += rows
            elif not to_stdout:
                for line in _told(rows, with_machine=each):
                    click.echo(_shared.one_line(line))
        if not outcome.n_clips:
            _shared.fail(_reason(outcome, recordings))
    if as_json:
        told = {
            "clips": [row._asdict() for row in kept],
            "unusable": outcome.lost,
            "damaged": outcome.damaged,
            "promises": {
                machine: tally.promise(training)._asdict()
                for machine, (training, tally) in outcome.heard.items()
            },
        }
        _shared.print_json(told | ({"failed": outcome.failed} if each else {}))
    else:
        for line in (_summary(outcome), *_promises(outcome, with_machine=each)):
            click.echo(_shared.one_line(line), err=to_stdout)
    if outcome.failed:
        _shared.fail(f"{len(outcome.failed)} machines could not be scored")
    if strict and outcome.n_alarms:
        context.exit(_shared.EXIT_FOUND)


def csv_writer(file: TextIO) -> Any:
    """Begin a table of scores."""
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(Judged._fields)
    return lines


def _check_table(table: Path) -> None:
    """Refuse to write over what is no table of scores, such as a recording."""
    _shared.check_place(table)
    if not table.exists():
        return
    header = ",".join(Judged._fields).encode()
    with table.open("rb") as file:
        start = file.read(len(header))
    if start not in (b"", header):
        _shared.fail(
            f"{table} is there already and is no table of scores: choose another name"
        )


def _tasks_of(
    file: Path,
    machine: str,
    recordings: Iterable[Path],
    hop_seconds: float | None,
    outcome: _Outcome,
    label: str = "",
) -> list[_Task]:
    detector = _shared.load(file)
    training = detector.training_
    cut = _check_cut(
        training.clip_seconds,
        hop_seconds,
        int(training.sr),
        training.source.get("channel", "mean"),
    )
    places = [*dict.fromkeys(recordings)]
    tasks, seen = [], set()
    for place in places:
        found, skipped = find_recordings(place)
        # With several places, names within one could be the same as within another.
        root = f"{place.as_posix()}/" if places[1:] and place.is_dir() else ""
        outcome.lost |= {label + root + name: why for name, why in skipped.items()}
        for name, path in found.items():
            if path.resolve() not in seen:
                seen.add(path.resolve())
                tasks.append(
                    _Task(
                        machine,
                        detector,
                        root + name,
                        # For workers that were started elsewhere.
                        path.absolute(),
                        cut,
                        label + root + name,
                    )
                )
    return tasks


def _tasks_of_each(
    detectors: Path,
    recordings: tuple[Path, ...],
    hop_seconds: float | None,
    outcome: _Outcome,
) -> list[_Task]:
    fleet, *others = recordings
    if others:
        raise click.UsageError("--each takes one folder, with a sub-folder a machine")
    tasks = []
    for machine, folder in _shared.machines_in(fleet).items():
        file = detectors / f"{machine}.esa4"
        try:
            tasks += _tasks_of(
                file, machine, [folder], hop_seconds, outcome, f"{machine}/"
            )
        except _shared.FAILURES as error:
            outcome.failed[machine] = str(error)
            _shared.remark(f"Error: {machine}: {error}")
    return tasks


def _scored(
    tasks: list[_Task],
    jobs: int,
    scheduler: str | None,
    quiet: bool,
    outcome: _Outcome,
) -> Iterator[list[Judged]]:
    """The rows of each recording in turn."""
    for name, reason in outcome.lost.items():
        _shared.remark(f"Warning: {name} can't be used: {reason}")
    results = _shared.run_each(_score_recording, tasks, jobs, scheduler)
    shown = _shared.progress(results, quiet=quiet, total=len(tasks), unit="file")
    for task, (rows, heard, reason) in zip(tasks, shown, strict=True):
        if reason:
            how = "is " if rows else "can't be used: "
            _shared.remark(f"Warning: {task.label} {how}{reason}")
            (outcome.damaged if rows else outcome.lost)[task.label] = reason
        if rows:
            known = (task.detector.training_, Tally())
            _, tally = outcome.heard.setdefault(task.machine, known)
            tally.add(heard)
            outcome.n_recordings += 1
            outcome.n_clips += len(rows)
            outcome.n_alarms += sum(row.alarm for row in rows)
            outcome.n_sensor += sum(row.sensor is not None for row in rows)
            yield rows


def _score_recording(
    machine: str,
    detector: Pipeline,
    recording: str,
    path: Path,
    cut: _Cut,
    label: str,
) -> tuple[list[Judged], Tally, str]:
    """Score all clips of a file, and say what is wrong with the file, if anything is."""
    heard = Tally()
    threshold, seconds = own_threshold(detector), cut.n_samples / cut.sr
    rows: list[Judged] = []
    try:
        for block, faults in _blocks(_clips_of(path, cut)):
            verdicts = judge_clips(detector, block, threshold, faults)
            heard.hear(detector.training_, block, [v.fault for v in verdicts])
            for verdict in verdicts:
                start = len(rows) * (cut.hop / cut.sr)
                rows.append(
                    Judged.of(verdict, machine, recording, start, seconds, threshold)
                )
    except _RefusedError as error:
        return [], heard, str(error)
    except _DamagedError as error:
        return rows, heard, str(error)
    return rows, heard, ""


def _blocks(
    clips: Iterator[_Clip],
) -> Iterator[tuple[np.ndarray, list[str | None]]]:
    """A few clips at a time and their hidden faults, with the last before a damage, too."""
    block, faults, damage = [], [], None
    try:
        for clip in clips:
            block.append(clip.sound)
            faults.append(clip.hidden_fault())
            if len(block) == _BLOCK:
                yield np.stack(block), faults
                block, faults = [], []
    except _DamagedError as error:
        damage = error
    if block:
        yield np.stack(block), faults
    if damage:
        raise damage


def _cells(row: Judged) -> tuple[Any, ...]:
    return row._replace(
        start=f"{row.start:.10g}", end=f"{row.end:.10g}", alarm=int(row.alarm)
    )


def _told(rows: list[Judged], with_machine: bool) -> Iterator[str]:
    """A line for each stretch of a recording that is not as it should be."""
    for (alarm, fault), alike in itertools.groupby(
        rows, key=lambda row: (row.alarm, row.sensor)
    ):
        if not (alarm or fault):
            continue
        stretch = list(alike)
        first, last = stretch[0], stretch[-1]
        where = f"{first.machine}: " if with_machine else ""
        where += f"{first.recording}, {first.start:.10g} to {last.end:.10g} s"
        if fault:
            yield f"{where}: sensor: {fault}: {SENSOR_FAULTS[fault]}"
        else:
            highest = max(row.score for row in stretch)
            yield f"{where}: alarm: score {highest:.4g}, above {first.threshold:.4g}"


def _summary(outcome: _Outcome) -> str:
    return (
        f"{outcome.n_clips} clips of {outcome.n_recordings} recordings: "
        f"{outcome.n_alarms} alarms, {outcome.n_sensor} faults of the sensor."
    )


def _promises(outcome: _Outcome, with_machine: bool) -> Iterator[str]:
    """Whether what each detector promises holds for what was heard of its machine."""
    for machine, (training, tally) in outcome.heard.items():
        where = f"{machine}: " if with_machine else ""
        yield where + in_words(tally.promise(training))


def _reason(outcome: _Outcome, recordings: tuple[Path, ...]) -> str:
    if outcome.failed and not outcome.lost:
        return "no machine could be scored"
    places = ", ".join(map(str, recordings))
    what = "can be used" if outcome.lost else "was found"
    return f"in {places} no recording {what}"
