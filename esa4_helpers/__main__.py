"""Command line: ``python -m esa4_helpers download``."""

from __future__ import annotations

import argparse
import sys

from .datasets import DatasetError, DatasetUnreachableError, fetch_archive

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
    commands.add_parser(
        "download",
        help="fetch the recordings ahead of a class and say where they are",
    )
    parser.parse_args(arguments)
    try:
        archive = fetch_archive(progressbar=True)
    except DatasetError as error:
        print(error, file=sys.stderr)
        unreachable = isinstance(error, DatasetUnreachableError)
        return EXIT_UNREACHABLE if unreachable else EXIT_ERROR
    print(f"The recordings are at {archive}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
