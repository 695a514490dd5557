"""Mark submissions: ``python -m marking FOLDER [--seed 7] [--results FOLDER]``."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from marking.marks import Terms, mark_all
from marking.pages import write_results
from marking.reading import read_deadlines
from marking.sandbox import Limits

ROOT = Path(__file__).resolve().parents[2]
GRADES = ROOT / "grades"
# What the process of a submission may not read.
SECRETS = ("exercises", "tests", "tools", ".git", "_build", "grades")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; end with a message where it can't be followed."""
    parser = argparse.ArgumentParser("python -m marking", description="Mark sheets.")
    parser.add_argument("submissions", type=Path, help="folder with one file a sheet")
    parser.add_argument("--seed", type=int, help="secret; drawn if not given")
    parser.add_argument("--results", type=Path, default=GRADES)
    parser.add_argument("--time-limit", type=float, default=60.0, help="s a submission")
    parser.add_argument("--memory-limit", type=float, default=2.0, help="GiB each")
    options = parser.parse_args(arguments)
    folder, results = options.submissions.resolve(), options.results.resolve()
    if not folder.is_dir():
        parser.error(
            f"there is no folder {options.submissions}: name the one that holds what "
            "students handed in"
        )
    if results.is_relative_to(folder):
        parser.error(
            f"the results can't lie in the folder with the submissions: {results} is "
            f"inside {folder}; name another with --results"
        )
    if options.seed is not None and options.seed < 0:
        parser.error(f"the seed must be 0 or more, got {options.seed}")
    for name in ("time_limit", "memory_limit"):
        if getattr(options, name) <= 0:
            option = "--" + name.replace("_", "-")
            parser.error(f"{option} must be above 0, got {getattr(options, name):g}")
    options.submissions, options.results = folder, results
    return options


def terms_of(options: argparse.Namespace) -> Terms:
    """What the command line sets for all submissions."""
    return Terms(
        seed=secrets.randbelow(10**6) if options.seed is None else options.seed,
        limits=Limits(options.time_limit, int(options.memory_limit * 2**30)),
        deadlines=read_deadlines(),
        hidden=(
            options.submissions,
            options.results,
            *(ROOT / name for name in SECRETS),
        ),
    )


def main(arguments: list[str] | None = None) -> None:
    """Mark a folder, and say where the results are."""
    options = parse(arguments)
    try:
        terms = terms_of(options)
    except ValueError as error:
        sys.exit(str(error))
    marked = mark_all(options.submissions, terms)
    write_results(marked, options.submissions, options.results)
    print(f"{len(marked)} files marked with the clips of seed {terms.seed}.")
    print(f"Table: {options.results / 'grades.csv'}")
    print(f"Feedback: {options.results / 'feedback'}")


if __name__ == "__main__":
    main()
