"""``esa4 download``: fetch recordings ahead of a class."""

from __future__ import annotations

import click

from ..datasets import fetch_recordings, load_dataset
from ..machines import load_machines
from ..mimii import MACHINES, MODELS, SNRS_DB, load_mimii, mimii_folder


@click.group(invoke_without_command=True)
@click.pass_context
def download(context: click.Context) -> None:
    """Fetch the course's recordings, and say where they are.

    Without a further command, those of chapters 1 to 6.

    \b
    Example:
        esa4 download
    """
    if context.invoked_subcommand is None:
        place = fetch_recordings(progressbar=True)
        # Other recordings than the course's are checked clip by clip.
        load_dataset("recordings")
        click.echo(f"The recordings are at {place}")


@download.command()
@click.argument("machine", type=click.Choice(MACHINES))
@click.argument("model", type=click.Choice(MODELS))
@click.option(
    "--snr",
    # Choices are texts, and so are shown in the usage.
    type=click.Choice([str(snr) for snr in SNRS_DB]),
    default="6",
    show_default=True,
    help="Nominal signal-to-noise ratio in dB.",
)
@click.option("--normal", type=int, metavar="N", help="How many normal clips [all].")
@click.option("--abnormal", type=int, metavar="N", help="How many abnormal ones [all].")
@click.option(
    "--channel",
    type=int,
    default=0,
    show_default=True,
    help="Which microphone, 0 to 7.",
)
def mimii(
    machine: str,
    model: str,
    snr: str,
    normal: int | None,
    abnormal: int | None,
    channel: int,
) -> None:
    """Fetch clips of one of MIMII's machines.

    \b
    Example:
        esa4 download mimii fan id_00 --snr -6 --normal 30 --abnormal 10
    """
    try:
        clips = load_mimii(
            machine,
            model,
            int(snr),
            n_normal=normal,
            n_abnormal=abnormal,
            channel=channel,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{clips.title}: {len(clips)} clips are in {mimii_folder()}")


@download.command()
def machines() -> None:
    """Fetch the clips of chapter 7's eight machines.

    \b
    Example:
        esa4 download machines
    """
    n_machines = len(load_machines("mimii"))
    click.echo(f"The clips of {n_machines} machines are in {mimii_folder()}")
