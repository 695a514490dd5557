"""Mark submissions: ``python -m marking FOLDER_OR_ZIP [--results FOLDER]``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from marking.deadlines import Deadlines, read_deadlines
from marking.grading import grade
from marking.handing_back import as_shown, hand_back, only
from marking.marks import Terms, mark_all, reported
from marking.pages import page_of, write_results
from marking.sandbox import Limits, missing_protection
from marking.store import Result, Store, alone, printable
from marking.taking_in import TakenIn, take_in

ROOT = Path(__file__).resolve().parents[2]
GRADES = ROOT / "grades"
CLEANED = ("_build", "build", "dist", ".venv", ".colab", ".pytest_cache", ".ruff_cache")
SECRETS = ("exercises", "esa4_helpers/exercises/sheet1.py", "tests", "tools", ".git")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; end with a message where it can't be followed."""
    parser = argparse.ArgumentParser("python -m marking", description="Mark sheets.")
    parser.add_argument("submissions", type=Path, help="folder, or a platform's zip")
    parser.add_argument("--participants", type=Path, help="the platform's list, a CSV")
    parser.add_argument("--only", metavar="STUDENT", help="mark this student only")
    parser.add_argument("--pseudonyms", action="store_true", help="show no names")
    parser.add_argument(
        "--seed", type=int, help="secret; by default the last, or drawn"
    )
    parser.add_argument("--results", type=Path, default=GRADES)
    parser.add_argument("--time-limit", type=float, default=60.0, help="s a submission")
    parser.add_argument("--memory-limit", type=float, default=2.0, help="GiB each")
    cores = os.cpu_count()
    parser.add_argument("--jobs", type=int, default=cores, help="how many at a time")
    parser.add_argument("--unsafe", action="store_true", help="trust all submissions")
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("marking works on Linux only: use a container (see the guide)")
    folder, results = options.submissions.resolve(), options.results.resolve()
    if not folder.is_dir() and not (
        folder.is_file() and folder.suffix.lower() == ".zip"
    ):
        parser.error(
            f"there is no folder {options.submissions}, and no zip: name the one that "
            "holds what students handed in"
        )
    if results.is_relative_to(folder):
        parser.error(
            f"the results can't lie in the folder with the submissions: {results} is "
            f"inside {folder}; name another with --results"
        )
    if any(results.is_relative_to(ROOT / name) for name in CLEANED):
        parser.error(f"make clean would delete {results}: name another with --results")
    if options.seed is not None and options.seed < 0:
        parser.error(f"the seed must be 0 or more, got {options.seed}")
    for name in ("time_limit", "memory_limit", "jobs"):
        if getattr(options, name) <= 0:
            option = "--" + name.replace("_", "-")
            parser.error(f"{option} must be above 0, got {getattr(options, name):g}")
    options.submissions, options.results = folder, results
    return options


def demand_protection(options: argparse.Namespace) -> None:
    """End here where submissions can't be kept apart, unless that is accepted."""
    secret = [options.submissions, options.results, *(ROOT / name for name in SECRETS)]
    missing = missing_protection(secret)
    if missing and not options.unsafe:
        sys.exit(
            "Submissions can't be kept apart on this computer:\n"
            + "".join(f"- {sentence}\n" for sentence in missing)
            + "Mark in a container or on another computer, or, if you trust all who "
            "handed in, say UNSAFE=1 (--unsafe)."
        )


def main(arguments: list[str] | None = None) -> None:
    """Mark a folder, and say where the results are."""
    options = parse(arguments)
    demand_protection(options)
    try:
        deadlines = read_deadlines()
        with alone(options.results):
            mark(options, deadlines)
    except (ValueError, ChildProcessError) as error:
        sys.exit(str(error))


def mark(options: argparse.Namespace, deadlines: Deadlines) -> None:
    """Mark what has no result yet; write table and pages, also when interrupted."""
    taken = take_in(
        options.submissions,
        options.results,
        deadlines,
        options.participants,
        options.pseudonyms,
    )
    chosen = only(taken.handed, options.only, taken.names)
    for line in taken.problems:
        print(line)
    store = Store(options.results)
    limits = Limits(options.time_limit, int(options.memory_limit * 2**30))
    terms = Terms(store.seed(options.seed), limits)
    before = dict(store.results)
    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    stopped = False
    try:
        mark_all(chosen, taken.folder, terms, store, options.jobs)
    except KeyboardInterrupt:
        stopped = True
    finally:
        signal.signal(signal.SIGTERM, usual)
    results = reported(taken.handed, taken.folder, store, chosen, terms)
    said = write_all(results, taken, options.results)
    for line in [*said, *changes(before, results)]:
        print(line)
    print(f"{len(results)} files marked with the clips of seed {terms.seed}.")
    print(f"Table: {options.results / 'grades.csv'}")
    print(f"Feedback: {options.results / 'feedback'}")
    print(f"The class: {options.results / 'class.html'}")
    if stopped:
        left = {*map(taken.key, chosen)} - {result.key for result in results}
        sys.exit(
            f"Interrupted: {len(left)} files are not marked yet. The same command goes "
            "on from here."
        )


def write_all(results: list[Result], taken: TakenIn, folder: Path) -> list[str]:
    """Write all that is made of the results; say what to look at."""
    handed = {taken.key(one): one for one in taken.handed}
    grades = grade(map(asdict, results), handed, taken.deadlines, taken.manual)
    write_results(as_shown(grades, taken.shown), folder)
    return hand_back(grades, taken.listed, folder, page_of, taken.shown)


def changes(before: Mapping[str, Result], results: list[Result]) -> list[str]:
    """Say in a line each which marks are not what they were before."""
    lines = []
    for result in results:
        old = before.get(result.key)
        for id in sorted({*old.points, *result.points} if old else ()):
            was, now = old.points.get(id, 0), result.points.get(id, 0)
            if was != now:
                key = printable(result.key)
                lines.append(f"Changed: {key}, {id}: {was} -> {now}")
    return lines


if __name__ == "__main__":
    main()
