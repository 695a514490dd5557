"""What the subcommands share: how they speak, end and fail."""

from __future__ import annotations

import errno
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click
from joblib import Parallel, delayed, parallel_config
from natsort import natsorted
from sklearn.pipeline import Pipeline
from tqdm import tqdm

from ..datasets import DatasetError, DatasetUnreachableError
from ..storage import OldDetectorWarning, load_detector

EXIT_UNREACHABLE = 3
EXIT_FOUND = 4
EXIT_INTERRUPTED = 130

# What can go wrong through no fault of the program's.
FAILURES = (
    click.ClickException,
    DatasetError,
    ValueError,
    OSError,
    MemoryError,
    ImportError,
)


class _Channel(click.ParamType):
    name = "channel"

    def convert(self, value: Any, *_: Any) -> int | str:
        text = str(value).strip()
        if text.isdecimal():
            return int(text)
        if text != "mean":
            self.fail(f"{value} is neither 'mean' nor a number from 0 on")
        return text


class _Rate(click.ParamType):
    """A share such as 0.01, which may be written as 1 %, too."""

    name = "rate"

    def convert(self, value: Any, *_: Any) -> float:
        text = str(value).strip()
        try:
            rate = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{value} is no number")
        if not 0 < rate < 1:
            self.fail(
                f"{value} is no share between 0 and 1: write 0.01, or 1%, for one normal "
                "clip in a hundred"
            )
        return rate


class _Positive(click.ParamType):
    name = "seconds"

    def convert(self, value: Any, *_: Any) -> float:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value} is no number")
        if not 0 < number < float("inf"):
            self.fail(f"{value} is not above 0")
        return number


positive, rate = _Positive(), _Rate()
hop_option = click.option(
    "--hop",
    "hop_seconds",
    type=positive,
    metavar="SECONDS",
    help="Step from one clip to the next  [default: the clip's length]",
)
channel_option = click.option(
    "--channel",
    type=_Channel(),
    default="mean",
    show_default=True,
    metavar="N|mean",
    help="Which channel of each file, counted from 0, or the mean of all.",
)
jobs_option = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many processes work at a time.",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Let the workers of this Dask scheduler do it, who need the same files.",
)
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
        with _some_stdout(), plain_warnings():
            try:
                result = super().invoke(ctx)
                sys.stdout.flush()
                return result
            except KeyboardInterrupt:
                raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
            except DatasetUnreachableError as error:
                fail(error, EXIT_UNREACHABLE)
            except click.ClickException:
                raise
            except OSError as error:
                _drop_what_is_not_printed()
                # Whoever reads what is printed has had enough of it; click ends quietly.
                if error.errno == errno.EPIPE:
                    raise
                fail(error)
            except FAILURES as error:
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
    with warnings.catch_warnings():
        # It is refused below.
        warnings.simplefilter("ignore", OldDetectorWarning)
        detector = load_detector(file)
    if getattr(detector, "training_", None) is None:
        fail(
            f"{file} holds no record of its training, so that its clips' rate and length "
            "are not known: renew it with esa4 fit"
        )
    return detector


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Say warnings that are for people in one line, and leave out where they come from."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = lambda message, *_, **__: remark(f"Warning: {message}")
        yield


@contextmanager
def _some_stdout() -> Iterator[None]:
    """Where there is no standard output (>&-), what would be printed is not wanted."""
    if sys.stdout is not None:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def _drop_what_is_not_printed() -> None:
    """Keep Python from trying again at its end to print to what is full or closed."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_each(
    function: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    jobs: int,
    scheduler: str | None,
) -> Iterator[Any]:
    """Call a function for each task, in several processes, with the results in order."""
    calls = (delayed(function)(*task) for task in tasks)
    if scheduler is None:
        yield from Parallel(n_jobs=jobs, return_as="generator")(calls)
        return
    try:
        from distributed import Client
    except ImportError:
        fail(
            "--scheduler takes Dask, which is not installed: pip install "
            "'distributed>=2024.8'"
        )
    with Client(scheduler), parallel_config(backend="dask"):
        yield from Parallel(return_as="generator")(calls)


@contextmanager
def written(file: Path) -> Iterator[TextIO]:
    """Open a text file that takes its place only once all is written."""
    # A link keeps pointing where it points.
    file = file.resolve()
    unfinished = file.with_name(f".esa4-unfinished-{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as text:
            yield text
            text.flush()
            os.fsync(text.fileno())
        unfinished.replace(file)
    except OSError as error:
        # A stream that finds no room does not know its name.
        if error.errno == errno.ENOSPC:
            fail(f"{file} was not written: {error.strerror}")
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def check_folder(file: Path) -> None:
    """Refuse to write into a folder that is not there."""
    if not file.parent.is_dir():
        fail(f"{file} can't be written: there is no folder {file.parent}")


def check_place(file: Path) -> None:
    """Refuse to write where it can't be, before there is anything to write."""
    check_folder(file)
    if file.exists() and not file.is_file():
        fail(f"{file} can't be written: it is a folder or a device, not a file")


def check_place_of_detector(file: Path, force: bool) -> None:
    """Refuse to write over what is no detector, and over one unless it is meant."""
    check_place(file)
    if not file.exists():
        return
    try:
        load_detector(file)
    except ValueError as error:
        fail(f"{file} is there already, and is no detector to be replaced: {error}")
    if not force:
        fail(
            f"{file} is there already: --force replaces it, and --add fits it anew with "
            "more recordings"
        )


def machines_in(folder: Path) -> dict[str, Path]:
    """The sub-folders of a folder of machines, by name."""
    if not folder.is_dir():
        fail(f"there is no folder {folder}")
    subfolders = {
        path.name: path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    }
    if not subfolders:
        fail(f"{folder} has no sub-folders: --each takes one for each machine")
    return {name: subfolders[name] for name in natsorted(subfolders)}
