"""What the subcommands share: how they speak, end and fail."""

from __future__ import annotations

import errno
import json
import os
import sys
import warnings
from collections.abc import Iterable
from typing import Any, NoReturn

import click
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from ..datasets import DatasetError, DatasetUnreachableError
from ..storage import load_detector

EXIT_UNREACHABLE = 3
EXIT_FOUND = 4
EXIT_INTERRUPTED = 130

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for programs, and nothing else."
)
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="No progress and no remarks, but errors."
)
strict_option = click.option(
    "--strict",
    is_flag=True,
    help=f"End with exit code {EXIT_FOUND} if something was found.",
)


class Commands(click.Group):
    """Subcommands whose failures end in one line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand, and say in plain lines what Python would say in its own."""
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
            except DatasetUnreachableError as error:
                fail(error, EXIT_UNREACHABLE)
            except (DatasetError, ValueError, MemoryError, ImportError) as error:
                fail(error)
            except OSError as error:
                _drop_what_is_not_printed()
                # Whoever reads what is printed has had enough of it; click ends quietly.
                if error.errno == errno.EPIPE:
                    raise
                fail(error)


def fail(reason: object, exit_code: int = 1) -> NoReturn:
    """End the command with one line on stderr."""
    failure = click.ClickException(one_line(reason))
    failure.exit_code = exit_code
    raise failure


def remark(text: object, quiet: bool = False) -> None:
    """Say something beside the result, in one line on stderr."""
    if not quiet:
        click.echo(one_line(text), err=True)


def print_json(result: Any) -> None:
    """Print a result for programs."""
    click.echo(json.dumps(result, indent=2, allow_nan=False))


def progress(items: Iterable[Any], *, quiet: bool, **options: Any) -> Iterable[Any]:
    """Show on stderr how far it is, if a person is there to see it."""
    return tqdm(items, disable=quiet or None, leave=False, file=sys.stderr, **options)


def one_line(text: object) -> str:
    """What can be printed in one line, whatever the names in it are made of."""
    return "".join(
        char if char.isprintable() else ascii(char)[1:-1] for char in str(text).strip()
    )


def load(file: str | os.PathLike[str]) -> Pipeline:
    """Read the detector that a command was given."""
    return load_detector(file)


def _show_warning(message: Warning | str, *_: Any) -> None:
    remark(f"Warning: {message}")


def _drop_what_is_not_printed() -> None:
    """Keep Python from trying again at its end to print to what is full or closed."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
