"""Mark submissions: python tools/grade.py FOLDER [--seed 7] [--results FOLDER]

Each notebook in the folder runs in a process of its own, with limits of time and
memory, on clips from a seed that students don't know. The checks stay on this side: they
see a submission only through the values that it sends. Whatever a submission does, it
gets a row in grades.csv and a feedback page.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import datetime as dt
import html
import json
import multiprocessing
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from esa4_helpers.exercises import SHEETS, Question, explain, questions

sys.path.insert(0, str(Path(__file__).resolve().parent))
from grade_worker import decode, encode, send

ROOT = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).with_name("grade_worker.py")
DEADLINES = ROOT / "exercises" / "deadlines.toml"
# What the process of a submission may not read.
SECRETS = ("exercises", "tests", "tools", ".git", "_build")
LARGEST_FILE = 20 * 2**20
LARGEST_MESSAGE = 2**26
# A cell or a call may take this share of the whole time.
SHARE_OF_TIME = 0.25


class Unmarkable(Exception):
    """A file that can't be marked; the message says why."""


@dataclass
class Result:
    """What became of one file."""

    student: str
    path: Path
    sheet: int | None = None
    points: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.points.values())

    @property
    def out_of(self) -> int:
        return (
            sum(q.points for q in questions(self.sheet).values()) if self.sheet else 0
        )


@dataclass(frozen=True)
class Limits:
    """How long a submission may take, in s, and how much memory, in bytes."""

    seconds: float = 60.0
    memory: int = 2 * 2**30


class Submission:
    """One notebook, running in a process of its own.

    Used in a ``with`` block, at whose end the process and all that it started is gone.
    """

    def __init__(
        self,
        cells: list[str],
        names: list[str],
        seed: int,
        limits: Limits,
        hidden: list,
    ) -> None:
        self.limits = limits
        self.job = {
            "cells": cells,
            "names": names,
            "seconds": limits.seconds * SHARE_OF_TIME,
            "memory": limits.memory,
            "hidden": [str(path) for path in hidden],
        }
        self.seed = seed

    def __enter__(self) -> Submission:
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.connection, theirs = multiprocessing.Pipe()
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": self.folder.name,
            "TMPDIR": self.folder.name,
            "IPYTHONDIR": self.folder.name,
            "MPLBACKEND": "agg",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "ESA4_DATASET": "synthetic",
            "ESA4_EXERCISE_SEED": str(self.seed),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=self.folder.name,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self.deadline = time.monotonic() + self.limits.seconds
        self.watchdog = threading.Timer(self.limits.seconds, self._kill)
        self.watchdog.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.watchdog.cancel()
        self._kill()
        self.process.wait()
        self.connection.close()
        self.folder.cleanup()

    def _kill(self) -> None:
        # The whole group, even if its leader has ended: others may go on without it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def run(self) -> tuple[dict[str, Any], list[str]]:
        """Run the cells; return the answers, and what went wrong in which cell."""
        reply = self._ask(self.job)
        answers = {
            name: decode(
                reply["answers"][name],
                lambda kind, type_name, name=name: self._stand_in(
                    name, kind, type_name
                ),
            )
            for name in self.job["names"]
        }
        return answers, [str(problem) for problem in reply["problems"]]

    def _stand_in(self, name: str, kind: str, type_name: str) -> Any:
        if kind != "function":
            return _Other(str(type_name))

        def remote(*arguments: Any) -> Any:
            question = {"name": name, "arguments": encode(list(arguments))}
            reply = self._ask(question)
            if "error" in reply:
                raise _error_like(reply["error"], reply["message"])
            return decode(reply["result"], lambda _, other: _Other(str(other)))

        return remote

    def _ask(self, message: Any) -> Any:
        try:
            send(self.connection, message)
            return json.loads(self.connection.recv_bytes(LARGEST_MESSAGE))
        except (EOFError, OSError, ValueError) as error:
            if time.monotonic() >= self.deadline:
                raise TimeoutError(
                    f"took more than the {self.limits.seconds:g} s allowed"
                ) from error
            raise ChildProcessError(
                "its process ended or sent what can't be read; it may have run out of "
                "memory"
            ) from error


class _Other:
    """Something of a type that can't be sent; checks see that it is no number."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name


def _error_like(name: str, message: str) -> Exception:
    """An exception that bears the name of one in another process."""
    known = name if str(name).isidentifier() else "Exception"
    return type(known, (Exception,), {})(str(message))


def read_cells(path: Path) -> tuple[list[str], dict]:
    """The code cells and the metadata of a notebook, however damaged."""
    if path.is_symlink():
        raise Unmarkable("is a link and no file of its own")
    if not path.is_file():
        raise Unmarkable("nothing was handed in")
    if path.stat().st_size == 0:
        raise Unmarkable("the file is empty")
    if path.suffix.lower() != ".ipynb":
        raise Unmarkable("is no notebook: hand in the .ipynb file")
    if path.stat().st_size > LARGEST_FILE:
        raise Unmarkable("is too large to be a sheet: clear the outputs")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unmarkable("is no notebook, or a damaged one: it is no JSON") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise Unmarkable("is no notebook: it has no list of cells")
    sources = []
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            parts = source if isinstance(source, list) else [source]
            sources.append("".join(part for part in parts if isinstance(part, str)))
    if not any(source.strip() for source in sources):
        raise Unmarkable("holds no code: all its cells are lost or empty")
    metadata = document.get("metadata")
    return sources, metadata if isinstance(metadata, dict) else {}


def which_sheet(path: Path, cells: list[str], metadata: dict) -> int:
    """Tell the sheet by its checks, its clips, its metadata or the file's name."""
    code = "\n".join(cells)
    named = metadata.get("esa4")
    named = str(named.get("sheet", "")) if isinstance(named, dict) else ""
    for found in (
        re.findall(r"check\(\s*[\"'](\d+)\.\d", code),
        re.findall(r"exercise_clips\(\s*(\d+)", code),
        re.findall(r"sheet(\d+)", named),
        re.findall(r"sheet[ _-]?(\d+)", path.name.lower()),
    ):
        for number, _ in Counter(found).most_common():
            if int(number) in SHEETS:
                return int(number)
    raise Unmarkable("can't tell which sheet this is: all its checks are gone")


def deadlines() -> dict[str, dt.datetime]:
    """Until when each sheet is to be handed in, for those that have a deadline."""
    if not DEADLINES.exists():
        return {}
    table = tomllib.loads(DEADLINES.read_text(encoding="utf-8")).get("deadlines", {})
    for name, moment in table.items():
        if not isinstance(moment, dt.datetime) or moment.tzinfo is None:
            raise SystemExit(
                f"{DEADLINES.name}: {name} should be a moment with its time zone, such "
                f"as 2026-12-01T23:59:00+01:00, and is {moment}"
            )
    return table


def lateness(path: Path, sheet: int) -> str | None:
    """Say by how much a file is newer than its sheet's deadline."""
    for name, moment in deadlines().items():
        handed_in = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        if name.startswith(f"sheet{sheet}_") and handed_in > moment:
            late = dt.timedelta(minutes=(handed_in - moment) // dt.timedelta(minutes=1))
            return f"late by {late} (days, h:min:s)"
    return None


def mark(path: Path, student: str, seed: int, limits: Limits, hidden: list) -> Result:
    """Mark one file; whatever it does ends up in the result."""
    result = Result(student, path)
    try:
        cells, metadata = read_cells(path)
        result.sheet = which_sheet(path, cells, metadata)
        late = lateness(path, result.sheet)
        result.remarks += [late] if late else []
        asked = questions(result.sheet)
        names = [question.name for question in asked.values()]
        result.points = dict.fromkeys(asked, 0)
        with Submission(cells, names, seed, limits, hidden) as submission:
            answers, problems = submission.run()
            result.remarks += problems
            for id, question in asked.items():
                told = judge(question, answers[question.name], seed)
                result.told[id] = told or "right"
                result.points[id] = 0 if told else question.points
                if told and told.startswith("your function stops"):
                    result.remarks.append(f"{id}: {told}")
    except (Unmarkable, TimeoutError, ChildProcessError) as reason:
        result.remarks.append(str(reason))
    except Exception as error:
        result.remarks.append(f"can't be marked: {type(error).__name__}: {error}")
    return result


def judge(question: Question, answer: Any, seed: int) -> str | None:
    """What is wrong with an answer, or None."""
    try:
        return explain(question.id, answer, seed)
    except Exception as error:
        return (
            "this is not the kind of answer that was asked for "
            f"({type(error).__name__}: {error})"
        )


def find_submissions(folder: Path) -> list[tuple[str, Path]]:
    """Students and their files: student/file, student__file or student.ipynb."""
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        if path.is_dir() and not path.is_symlink():
            # A folder without a file is a student who handed in nothing.
            if len(parts) == 1 and not any(p.is_file() for p in path.rglob("*")):
                found.append((path.name, path))
            continue
        student = parts[0] if len(parts) > 1 else path.stem.split("__")[0]
        found.append((student, path))
    return found


def mark_all(folder: Path, seed: int, limits: Limits, results: Path) -> list[Result]:
    """Mark all files in a folder, as many at a time as there are cores."""
    hidden = [folder, results, *(ROOT / name for name in SECRETS)]

    def one(found: tuple[str, Path]) -> Result:
        return mark(found[1], found[0], seed, limits, hidden)

    found = find_submissions(folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(one, found)
        marked = list(tqdm(done, total=len(found), desc="marking", disable=None))
    of_each = Counter((r.student, r.sheet) for r in marked if r.sheet)
    for result in marked:
        if of_each[result.student, result.sheet] > 1:
            result.remarks.append("more than one file for this sheet")
    return marked


def write_table(marked: list[Result], file: Path) -> None:
    """One row for each file, one column for each question."""
    ids = [id for sheet in SHEETS for id in questions(sheet)]
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["student", "sheet", *ids, "total", "out of", "remark"])
        for r in marked:
            points = [r.points.get(id, "") for id in ids]
            remark = "; ".join(r.remarks)
            table.writerow(
                [r.student, r.sheet or "", *points, r.total, r.out_of, remark]
            )


PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem; }}
td, th {{ text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; }}
</style>
<h1>{title}</h1>
<p>{student}: {total} of {out_of} points</p>
<table><tr><th>question<th>points<th>feedback</tr>
{rows}
</table>
<ul>{remarks}</ul>
</html>
"""


def write_page(result: Result, file: Path) -> None:
    """What a student is told, as a page."""
    asked = questions(result.sheet) if result.sheet else {}
    rows = "\n".join(
        f"<tr><td>{id}<td>{result.points[id]} of {question.points}"
        f"<td>{html.escape(result.told.get(id, 'not reached'))}</tr>"
        for id, question in asked.items()
    )
    page = PAGE.format(
        title=f"Sheet {result.sheet}" if result.sheet else "Not marked",
        student=html.escape(result.student),
        total=result.total,
        out_of=result.out_of,
        rows=rows,
        remarks="".join(f"<li>{html.escape(text)}</li>" for text in result.remarks),
    )
    file.write_text(page, encoding="utf-8")


def write_results(marked: list[Result], folder: Path, results: Path) -> None:
    """grades.csv, and one feedback page for each file."""
    pages = results / "feedback"
    pages.mkdir(parents=True, exist_ok=True)
    for result in marked:
        name = "__".join(result.path.relative_to(folder).parts)
        write_page(result, pages / f"{name}.html")
    write_table(marked, results / "grades.csv")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mark submissions.")
    parser.add_argument("submissions", type=Path, help="folder with one file a sheet")
    parser.add_argument("--seed", type=int, help="secret; drawn if not given")
    parser.add_argument("--results", type=Path, default=ROOT / "_build" / "grades")
    parser.add_argument("--time-limit", type=float, default=60.0, help="s a submission")
    parser.add_argument("--memory-limit", type=float, default=2.0, help="GiB each")
    options = parser.parse_args(arguments)
    folder, results = options.submissions.resolve(), options.results.resolve()
    if not folder.is_dir():
        parser.error(f"there is no folder {options.submissions}")
    if results.is_relative_to(folder):
        parser.error("the results can't lie in the folder with the submissions")
    if options.seed is not None and options.seed < 0:
        parser.error(f"the seed must be 0 or more, got {options.seed}")
    if options.time_limit <= 0 or options.memory_limit <= 0:
        parser.error("the limits must be above 0")
    options.submissions, options.results = folder, results
    return options


def main(arguments: list[str] | None = None) -> None:
    """Mark a folder, and say where the results are."""
    options = parse(arguments)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    limits = Limits(options.time_limit, int(options.memory_limit * 2**30))
    marked = mark_all(options.submissions, seed, limits, options.results)
    write_results(marked, options.submissions, options.results)
    print(f"{len(marked)} files marked with the clips of seed {seed}.")
    print(f"Table: {options.results / 'grades.csv'}")
    print(f"Feedback: {options.results / 'feedback'}")


if __name__ == "__main__":
    main()
