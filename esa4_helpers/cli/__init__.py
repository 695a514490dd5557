"""The command line: ``esa4 COMMAND``, or ``python -m esa4_helpers COMMAND``.

Each command does one thing and has an example in its ``--help``. Results are printed to
standard output, with ``--json`` for programs; progress, remarks and errors go to standard
error. The exit code is 0 if all was done, 1 if it could not be done, 2 for wrong usage,
3 if the net can't be reached, 4 if ``--strict`` was asked for and something was found,
and 130 if it was interrupted.
"""

from __future__ import annotations

import os

import click

from . import _shared
from .check import check
from .detectors import detectors
from .download import download
from .fit import fit
from .report import report
from .score import score
from .watch import watch


@click.group(
    cls=_shared.Commands,
    commands=[check, detectors, download, fit, report, score, watch],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="esa4-helpers")
def main() -> None:
    """From a folder of recordings of your machine to an alarm.

    Each command has a --help with an example.
    """
    # Else TensorFlow says much about itself on stderr, in workers, too.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
