"""Command line: ``python -m esa4_helpers download``, ``... mimii`` and ``... machines``."""

from __future__ import annotations

import argparse
import sys

from .datasets import DatasetError, DatasetUnreachableError, fetch_archive
from .machines import load_machines
from .mimii import MACHINES, MODELS, SNRS_DB, load_mimii, mimii_folder

EXIT_ERROR = 1
EXIT_UNREACHABLE = 3


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 if all went well, 3 if the recordings can't be reached, 1 otherwise.

    Raises
    ------
    SystemExit
        If the arguments are not understood, or ask for help.

    Examples
    --------
    >>> main(["--help"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    SystemExit: 0
    """
    parser = argparse.ArgumentParser(
        prog="python -m esa4_helpers",
        description="Prepare a computer for the course ESA 4.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    download = commands.add_parser(
        "download",
        help="fetch the recordings ahead of a class and say where they are",
    )
    others = download.add_subparsers(dest="data")
    mimii = others.add_parser("mimii", help="fetch clips of one of MIMII's machines")
    mimii.add_argument("machine", choices=MACHINES)
    mimii.add_argument("model", choices=MODELS)
    mimii.add_argument(
        "--snr",
        type=int,
        choices=SNRS_DB,
        default=6,
        help="nominal signal-to-noise ratio in dB (default: 6)",
    )
    for label in ("normal", "abnormal"):
        mimii.add_argument(
            f"--{label}",
            type=int,
            metavar="N",
            help=f"how many {label} clips (default: all)",
        )
    mimii.add_argument(
        "--channel", type=int, default=0, help="which microphone, 0 to 7 (default: 0)"
    )
    others.add_parser("machines", help="fetch the clips of chapter 7's eight machines")
    asked = parser.parse_args(arguments)
    try:
        if asked.data == "mimii":
            done = _download_mimii(asked)
        elif asked.data == "machines":
            n_machines = len(load_machines("mimii"))
            done = f"The clips of {n_machines} machines are in {mimii_folder()}"
        else:
            done = f"The recordings are at {fetch_archive(progressbar=True)}"
    except ValueError as error:
        parser.error(str(error))
    except DatasetError as error:
        print(error, file=sys.stderr)
        unreachable = isinstance(error, DatasetUnreachableError)
        return EXIT_UNREACHABLE if unreachable else EXIT_ERROR
    print(done)
    return 0


def _download_mimii(asked: argparse.Namespace) -> str:
    clips = load_mimii(
        asked.machine,
        asked.model,
        asked.snr,
        n_normal=asked.normal,
        n_abnormal=asked.abnormal,
        channel=asked.channel,
    )
    return f"{clips.title}: {len(clips)} clips are in {mimii_folder()}"


if __name__ == "__main__":
    sys.exit(main())
