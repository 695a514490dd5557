"""``esa4 fit``: let a detector learn what is normal, and add to that later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ..recipes import detector_names
from . import _shared
from ._training import Outcome, Settings, add_recordings, fit_machine, fit_recordings

# All else belongs to a new detector.
_WITH_ADD = {"folder", "output", "n_clips", "old", "moved_to", "force"} | {
    "as_json",
    "quiet",
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the detector goes; with --each, a folder.",
)
@click.option(
    "--detector",
    type=click.Choice(detector_names()),
    default="gmm",
    show_default=True,
    help="Which kind; esa4 detectors tells of each.",
)
@click.option(
    "--clip",
    "clip_seconds",
    type=_shared.positive,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Length of the clips that recordings are cut into.",
)
@_shared.hop_option
@click.option(
    "--false-alarms",
    "false_alarm_rate",
    type=_shared.rate,
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of normal clips that may raise an alarm, such as 0.01 or 1%.",
)
@_shared.channel_option
@click.option(
    "--sr",
    type=click.IntRange(min=1000),
    default=16000,
    show_default=True,
    metavar="HZ",
    help="Sample rate that all recordings are brought to.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of all that is random.",
)
@click.option(
    "--level/--no-level",
    default=True,
    show_default=True,
    help="Whether to listen to how loud the machine is, too.",
)
@click.option(
    "--clips",
    "n_clips",
    type=click.IntRange(min=5),
    metavar="N",
    help="Most clips to train on, spread evenly over the recordings  [default: 256 MiB "
    "of sound, or as many as the share of false alarms takes]",
)
@click.option(
    "--add",
    "old",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Fit this detector anew, to its recordings and those of FOLDER.",
)
@click.option(
    "--from",
    "moved_to",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="With --add: where the detector's own recordings are now.",
)
@click.option("--force", is_flag=True, help="Replace a detector that is there already.")
@click.option(
    "--each",
    is_flag=True,
    help="Each sub-folder of FOLDER is a machine, and gets a detector.",
)
@_shared.jobs_option
@_shared.scheduler_option
@_shared.json_option
@_shared.quiet_option
@click.pass_context
def fit(
    context: click.Context,
    folder: Path,
    output: Path | None,
    n_clips: int | None,
    old: Path | None,
    moved_to: Path | None,
    force: bool,
    each: bool,
    jobs: int,
    scheduler: str | None,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Fit a detector to the recordings of a machine that runs as it should.

    First it says what is wrong with the recordings in FOLDER. Then it fits a detector,
    writes it to a file, and says what it promises.

    With --add, the recordings in FOLDER are new ones that somebody has confirmed to be
    normal. The detector is fitted anew to them and to all that it was fitted to before,
    and its false alarms on the new ones are shown before and after. It keeps its
    settings, and its file keeps the history.

    \b
    Example:
        esa4 fit recordings -o machine.esa4 --clip 10 --false-alarms 0.01
        esa4 fit new_recordings --add machine.esa4
        esa4 fit machines --each -o detectors --clip 10 -j 4
    """
    if old:
        _refuse_settings(context)
        target = output or old
        if not (target.exists() and os.path.samefile(target, old)):
            _shared.check_place_of_detector(target, force)
        done = add_recordings(folder, old, target, moved_to, n_clips, quiet)
    elif moved_to:
        raise click.UsageError("--from goes with --add")
    elif output is None:
        raise click.UsageError("say with -o where the detector goes")
    elif each:
        wanted = Settings(n_clips=n_clips, **settings)
        _fit_each(folder, output, wanted, force, jobs, scheduler, as_json, quiet)
        return
    else:
        _shared.check_place_of_detector(output, force)
        wanted = Settings(n_clips=n_clips, **settings)
        done = fit_recordings(folder, output, wanted, quiet)
    if as_json:
        _shared.print_json(done.as_dict())
    else:
        for line in done.lines():
            click.echo(_shared.one_line(line))


def _refuse_settings(context: click.Context) -> None:
    """A detector that is fitted anew keeps its settings."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name)
        is_given = source is click.core.ParameterSource.COMMANDLINE
        if is_given and parameter.name not in _WITH_ADD:
            raise click.UsageError(
                f"{parameter.opts[0]} does not go with --add: the detector keeps its "
                "settings"
            )


def _fit_each(
    folder: Path,
    output: Path,
    settings: Settings,
    force: bool,
    jobs: int,
    scheduler: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    machines = _shared.machines_in(folder)
    output.mkdir(exist_ok=True)
    tasks = [
        (path.resolve(), output.resolve() / f"{name}.esa4", settings, force, quiet)
        for name, path in machines.items()
    ]
    results = _shared.run_each(fit_machine, tasks, jobs, scheduler)
    shown = _shared.progress(results, quiet=quiet, total=len(tasks), unit="machine")
    done: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name, (outcome, said) in zip(machines, shown, strict=True):
        for line in said:
            _shared.remark(f"{name}: {line}")
        if isinstance(outcome, Outcome):
            done[name] = outcome.as_dict()
            if not as_json:
                for line in outcome.lines():
                    click.echo(_shared.one_line(line))
        else:
            failed[name] = outcome
            _shared.remark(f"Error: {name}: {outcome}")
    if as_json:
        _shared.print_json({"machines": done, "failed": failed})
    if failed:
        _shared.fail(f"{len(failed)} of {len(tasks)} machines could not be fitted")
