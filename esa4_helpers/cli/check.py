"""``esa4 check``: are these recordings fit to train on?"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..health import Finding, check_recordings
from ..recordings import _open, find_recordings
from ._shared import (
    EXIT_FOUND,
    channel_option,
    fail,
    json_option,
    one_line,
    positive,
    print_json,
    strict_option,
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--clip",
    "clip_seconds",
    type=positive,
    metavar="SECONDS",
    help="Name the files that are too short for such a clip, too.",
)
@channel_option
@json_option
@strict_option
@click.pass_context
def check(
    context: click.Context,
    folder: Path,
    clip_seconds: float | None,
    channel: int | str,
    as_json: bool,
    strict: bool,
) -> None:
    """Say in plain sentences what is wrong with the recordings in FOLDER.

    Each file that can't be used is named with its reason. With --strict, problems and
    warnings count as found, and notes don't.

    \b
    Example:
        esa4 check recordings --clip 10
    """
    findings = check_recordings(folder, channel)
    found, too_short = _sum_up(folder, findings, clip_seconds)
    findings = too_short + [f for f in findings if f.kind != "empty"]
    if as_json:
        print_json({**found, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(told(finding))
        click.echo(_summary(found))
    if not found["recordings"]:
        fail(f"no recording in {folder} can be used")
    if strict and any(finding.severity != "note" for finding in findings):
        context.exit(EXIT_FOUND)


def told(finding: Finding) -> str:
    """A finding in one line; one that stands for others names those, too."""
    named = [name for name in finding.files if name in finding.sentence]
    others = [name for name in finding.files if named and name not in named]
    also = f" Also: {', '.join(others)}." if others else ""
    return one_line(f"{finding}{also}")


def _sum_up(
    folder: Path, findings: list[Finding], clip_seconds: float | None
) -> tuple[dict[str, Any], list[Finding]]:
    """How much there is that can be used, and what is too short for a clip."""
    lost = {
        name
        for f in findings
        if f.severity == "problem" and f.kind in ("unusable", "silence")
        for name in f.files
    }
    # Of a damaged file, the header may promise more than there is.
    there = {f.files[0]: f.number for f in findings if f.kind == "damaged"}
    files, skipped = find_recordings(folder)
    seconds: list[float] = []
    rates: Counter[int] = Counter()
    too_short = []
    for name in (name for name in files if name not in lost):
        sr, length = _header(files[name])
        length = there.get(name, length)
        if clip_seconds and length < clip_seconds:
            why = f"too short: {length:.4g} s, and a clip takes {clip_seconds:g} s"
            sentence = f"{name} can't be used: {why}."
            too_short.append(Finding("unusable", "problem", (name,), sentence, length))
        else:
            seconds.append(length)
            rates[sr] += 1
    found = {
        "files": len(files) + len(skipped),
        "recordings": len(seconds),
        "hours": sum(seconds) / 3600,
        "rates": {str(sr): rates[sr] for sr in sorted(rates)},
    }
    if clip_seconds:
        found["clip_seconds"] = clip_seconds
        found["clips"] = sum(int(length / clip_seconds) for length in seconds)
    return found, too_short


def _header(path: Path) -> tuple[int, float]:
    """Sample rate and length in s, as the file says."""
    with _open(path) as sound:
        return sound.samplerate, sound.frames / sound.samplerate


def _summary(found: dict[str, Any]) -> str:
    rates = ", ".join(f"{n} at {sr} Hz" for sr, n in found["rates"].items())
    clips = (
        f"; {found['clips']} clips of {found['clip_seconds']:g} s"
        if "clips" in found
        else ""
    )
    return (
        f"{found['recordings']} of {found['files']} files can be used: "
        f"{found['hours']:.3g} hours ({rates or 'none'}){clips}."
    )
