"""``esa4 report``: one page on what a detector heard in new recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..recordings import read_recordings
from ..report import write_report
from ..report._promise import Promise, counted, in_words
from . import _shared


@click.command()
@click.argument("detector", type=click.Path(path_type=Path))
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write the page: a name that ends in .html",
)
@_shared.hop_option
@click.option("--title", help="Its heading  [default: the detector's name]")
@click.option(
    "--most",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="How many alarms to show with sound and pictures, the worst first.",
)
@_shared.json_option
@_shared.strict_option
@_shared.quiet_option
@click.pass_context
def report(
    context: click.Context,
    detector: Path,
    recordings: tuple[Path, ...],
    output: Path,
    hop_seconds: float | None,
    title: str | None,
    most: int,
    as_json: bool,
    strict: bool,
    quiet: bool,
) -> None:
    """Judge RECORDINGS, files or folders, and write a page that opens offline.

    It holds the scores over time, the alarms with sound and pictures, what is wrong with the
    sensor, how the threshold came about and what it promises, and how the recordings
    differ from the training. With --strict, alarms count as found.

    \b
    Example:
        esa4 report machine.esa4 recordings -o report.html
    """
    fitted = _shared.load(detector)
    known = fitted.training_
    place, *others = dict.fromkeys(recordings)
    new = read_recordings(
        [place, *others] if others else place,
        known.clip_seconds,
        hop_seconds,
        sr=round(known.sr),
        channel=known.source.get("channel", "mean"),
        keep_silent=True,
    )
    for name, reason in {**new.skipped, **new.partial}.items():
        _shared.remark(f"Warning: {name}: {reason}", quiet)
    told = write_report(
        fitted, new, output, title=title or detector.stem, most_alarms=most
    )
    if as_json:
        _shared.print_json({"report": str(output), **told})
    else:
        click.echo(_shared.one_line(f"{output}: {_in_words(told)}"))
    if strict and told["alarms"]:
        context.exit(_shared.EXIT_FOUND)


def _in_words(told: dict[str, Any]) -> str:
    """The first sentence of the page."""
    heard = (
        f"{counted(told['clips'], 'clip')} of "
        f"{counted(told['recordings'], 'recording')}, "
        f"{counted(told['alarms'], 'alarm')}, "
        f"{counted(told['sensor_faults'], 'clip')} with a sensor problem."
    )
    names = ("promised_rate", "expected_false_alarms", "promise_kept", "reasons")
    return f"{heard} {in_words(Promise(*(told[name] for name in names)))}"
