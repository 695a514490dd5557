"""Tests the tests: make a small mistake in the package and see whether they notice.

cosmic-ray finds all places where a mistake can be made, makes it and runs a command.
From here come what its own command lacks: a sample drawn with a seed, for each module
the tests that must notice, and copies of the tree, so that nobody's code is touched.
"""

from __future__ import annotations

import ast
import compileall
import os
import random
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click
from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("esa4_helpers")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
AT_LEAST = 0.93
JOBS = 2

# The sheets have mutants of their own, see tests/course/mutants.py, and with them what only
# they use. Two modules do nothing but import.
LEFT_OUT = ("exercises/*", "_relations.py", "__init__.py", "__main__.py")
# Tests have the name of their module; these modules have none of that name.
TESTS = {
    "cli/_alarm_clips.py": ("tests/cli/test_watch.py",),
    "cli/_shared.py": ("tests/cli",),
    "cli/_training.py": ("tests/cli/test_fit.py", "tests/cli/test_score.py"),
    "cli/detectors.py": ("tests/cli/test_cli.py",),
    "pipelines.py": ("tests/test_pipelines.py", "tests/test_training.py"),
    "report/*": ("tests/test_report_parts.py", "tests/test_report.py"),
    "thresholds.py": ("tests/test_thresholds.py", "tests/test_training.py"),
}


class Verdict(NamedTuple):
    """What became of a mutant, and how it differs from the package."""

    module: str
    killed: bool
    diff: str

    @property
    def change(self) -> tuple[str, ...]:
        """The lines that were taken out and put in, without their place."""
        lines = self.diff.splitlines()
        return tuple(
            line[0] + line[1:].strip()
            for line in lines
            if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")
        )


def modules() -> list[Path]:
    """All modules of the package with logic, relative to the project's folder."""
    inside = [file.relative_to(ROOT) for file in (ROOT / PACKAGE).rglob("*.py")]
    return sorted(
        file
        for file in inside
        if not any(file.relative_to(PACKAGE).match(pattern) for pattern in LEFT_OUT)
    )


def tests_of(module: Path) -> tuple[str, ...]:
    """The doctests of a module and its tests, those that are quick first."""
    place = module.relative_to(PACKAGE)
    own = (str(Path("tests") / place.with_name(f"test_{place.name.lstrip('_')}")),)
    for pattern, files in TESTS.items():
        if place.match(pattern):
            own = files
    return (str(module), *own)


def sample(seed: int, count: int, chosen: list[Path]) -> list[MutationSpec]:
    """Draw places in the code, and for each of them one of the mistakes to make there."""
    at_place = defaultdict(list)
    for item in _all_work_items(chosen, {}):
        [mutation] = item.mutations
        at_place[mutation.module_path, mutation.start_pos].append(mutation)
    silent = {place for module in chosen for place in unnoticeable(module)}
    places = sorted(place for place in at_place if place not in silent)
    draw = random.Random(seed)
    return [
        draw.choice(at_place[place])
        for place in draw.sample(places, min(count, len(places)))
    ]


def unnoticeable(module: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Where a mistake changes nothing or can't be made: in hints and idle guards."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "strict":
            yield module, (node.value.lineno, node.value.col_offset)
        # cosmic-ray can replace plain names only among several exceptions.
        if isinstance(node, ast.Tuple):
            for part in node.elts:
                if isinstance(part, (ast.Starred, ast.Attribute)):
                    yield module, (part.lineno, part.col_offset)
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            for part in ast.walk(hint) if hint else ():
                # The operator of a union stands between its two sides.
                if isinstance(part, ast.BinOp):
                    line, column = part.left.end_lineno, part.left.end_col_offset
                    yield module, (line, column + 1)


def enter_a_copy(folder: str) -> None:
    """Give each process a copy of the tree, as mistakes are made in the files."""
    copy = Path(folder, str(os.getpid()))
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    files = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    for file in filter(None, files):
        if (ROOT / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy / file)
    # By their content: two mistakes within a second may have the same length.
    mode = PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(copy / PACKAGE, quiet=1, invalidation_mode=mode)
    os.chdir(copy)


def try_all(module: Path, mutations: list[MutationSpec]) -> list[Verdict]:
    """Make the mistakes in a module one by one, and run its tests each time."""
    # Notebooks and their kernels are no part of this.
    options = (
        "-q -x -p no:cacheprovider -p no:nbval -o addopts=--doctest-modules"
        " --confcutdir=tests"
    )
    command = shlex.join(
        [sys.executable, "-m", "pytest", *options.split(), *tests_of(module)]
    )
    start = time.monotonic()
    run = subprocess.run(shlex.split(command), capture_output=True, text=True)
    if run.returncode:
        raise click.ClickException(
            f"the tests of {module} fail without a mistake:\n{run.stdout[-3000:]}"
        )
    limit = 30 + 3 * (time.monotonic() - start)
    verdicts = []
    for mutation in mutations:
        result = mutate_and_test([mutation], command, limit)
        if result.diff is None:
            raise click.ClickException(f"{mutation} can't be tried:\n{result.output}")
        verdicts.append(Verdict(str(module), result.is_killed, result.diff))
    return verdicts


def equivalent() -> set[tuple[str, tuple[str, ...]]]:
    """Changes that no test can notice; each must be one of a line that there is."""
    listed = tomllib.loads(EQUIVALENT.read_text("utf-8"))["equivalent"]
    for entry in listed:
        lines = (ROOT / entry["module"]).read_text("utf-8").splitlines()
        if entry["old"] not in [line.strip() for line in lines]:
            raise click.ClickException(
                f"{EQUIVALENT.name}: {entry['module']} has no line {entry['old']!r} "
                "any more; take the entry out"
            )
    return {
        (entry["module"], (f"-{entry['old']}", f"+{entry['new']}")) for entry in listed
    }


@click.command()
@click.option("--seed", default=0, show_default=True, help="Draws the mutants.")
@click.option("-n", "count", default=100, show_default=True, help="How many to draw.")
@click.option("--only", multiple=True, help="A module such as features.py, or several.")
@click.option("--jobs", default=JOBS, show_default=True, help="How many run at a time.")
def main(seed: int, count: int, only: tuple[str, ...], jobs: int) -> None:
    """Count the mutants of the package that its own tests kill."""
    os.chdir(ROOT)
    known = equivalent()
    chosen = [PACKAGE / name for name in only] or modules()
    of_module = defaultdict(list)
    for mutation in sample(seed, count, chosen):
        of_module[mutation.module_path].append(mutation)
    verdicts = []
    with (
        TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, initializer=enter_a_copy, initargs=[folder]) as pool,
    ):
        for found in pool.map(try_all, of_module, of_module.values()):
            counted = [v for v in found if (v.module, v.change) not in known]
            verdicts += counted
            for verdict in counted:
                if not verdict.killed:
                    click.echo(f"\nSurvived:\n{verdict.diff}")
    report(verdicts)


def report(verdicts: list[Verdict]) -> None:
    """Print a line a module and one for all, and fail if too many have survived."""
    killed = Counter(verdict.module for verdict in verdicts if verdict.killed)
    drawn = Counter(verdict.module for verdict in verdicts)
    click.echo("\nkilled/all")
    for module in sorted(drawn):
        click.echo(f"{killed[module]:6}/{drawn[module]:<6} {module}")
    share = killed.total() / drawn.total()
    click.echo(f"{killed.total():6}/{drawn.total():<6} {share:.0%} of the package")
    if share < AT_LEAST:
        raise click.ClickException(f"at least {AT_LEAST:.0%} must be killed")


if __name__ == "__main__":
    main()
