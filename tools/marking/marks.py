"""Judges the answers of submissions, and gives points for those that are right."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import esa4_helpers
from esa4_helpers.exercises import Question, exercise_clips, explain
from marking import crew
from marking.reading import (
    EXERCISES,
    HandedIn,
    Unmarkable,
    beside,
    other_sheets,
    read_cells,
    which_sheet,
)
from marking.sandbox import Ended, Limits, Submission, Zygote
from marking.store import Result, Store, key_of

PACKAGE = Path(esa4_helpers.__file__).parent
OWN_CODE = [
    Path(__file__).with_name(f"{name}.py")
    for name in ("marks", "reading", "wire", "worker")
]
LARGEST_BESIDE = 256 * 2**20


@dataclass(frozen=True)
class Terms:
    """What holds for all submissions of one marking."""

    seed: int
    limits: Limits = field(default_factory=Limits)

    def seed_of(self, what: str) -> int:
        """A seed that says nothing of the other, nor of the one both come from."""
        digest = hashlib.sha256(f"{what} of {self.seed}".encode()).digest()
        return 10**6 + int.from_bytes(digest[:4])

    @property
    def of_clips(self) -> int:
        """From which the clips are made that a submission works with."""
        return self.seed_of("clips")

    @property
    def of_checks(self) -> int:
        """From which the checks make what they call functions with."""
        return self.seed_of("checks")


@dataclass(frozen=True)
class Marking:
    """A folder that is being marked."""

    folder: Path
    terms: Terms
    zygote: Zygote

    def mark(self, one: HandedIn) -> tuple[Result, bool]:
        """Mark one file; tell, too, whether something took too long.

        Whatever it does ends up in the result.
        """
        start = time.monotonic()
        result = new_result(one, self.folder)
        too_long = False
        try:
            self._fill(result, one)
        except (Unmarkable, ChildProcessError) as reason:
            result.remarks.append(str(reason))
        except Ended as end:
            result.remarks.append(str(end))
            too_long = isinstance(end.reason, TimeoutError)
        except Exception as error:
            result.remarks.append(f"can't be marked: {type(error).__name__}: {error}")
        too_long = too_long or any("TimeoutError" in text for text in result.remarks)
        result.seconds = round(time.monotonic() - start, 2)
        result.digest = digest_of(one, self.folder, result.sheet, self.terms)
        return self._without_seeds(result.tidied()), too_long

    def _fill(self, result: Result, one: HandedIn) -> None:
        cells, metadata = read_cells(one.path)
        result.sheet = which_sheet(one.path, cells, metadata)
        result.code = cells
        if others := other_sheets(result.sheet, cells):
            listed = " and ".join(str(n) for n in others)
            result.remarks.append(
                f"holds checks of sheet {listed}, too: only sheet {result.sheet} is "
                "marked, as each sheet should be a file of its own"
            )
        result.points = dict.fromkeys(result.asked, 0)
        keep_clips(self.zygote.clips, result.sheet, self.terms)
        names = {question.id: question.name for question in result.asked.values()}
        with (
            Submission(self.zygote, self.terms.limits) as submission,
            temporary_files_in(submission.given),
        ):
            lay_beside(one, self.folder, submission.own)
            answers, problems = submission.run(cells, names)
            result.remarks += problems
            for question in result.asked.values():
                told = judge(question, answers[question.id], self.terms)
                _enter(result, question, told)

    def _without_seeds(self, result: Result) -> Result:
        seeds = (self.terms.seed, self.terms.of_clips, self.terms.of_checks)
        # A number of few digits gives nothing away, and may be a part of a sentence.
        hidden = re.compile("|".join(rf"\b{n}\b" for n in seeds if n > 999) or "(?!)")
        told = {id: hidden.sub("…", text) for id, text in result.told.items()}
        remarks = [hidden.sub("…", text) for text in result.remarks]
        return replace(result, told=told, remarks=remarks)


def mark_all(
    found: list[HandedIn], folder: Path, terms: Terms, store: Store, jobs: int
) -> None:
    """Mark all files of which the store has no valid result, and keep what comes out."""
    todo = [one for one in found if not _is_known(one, folder, terms, store)]
    if not todo:
        return
    with Zygote() as zygote:
        mark = Marking(folder, terms, zygote).mark
        again = []
        for one, outcome in _in_turn(mark, todo, jobs, "marking"):
            zygote.demand_alive()
            result, too_long = outcome or (_lost(one, folder, terms), False)
            # It may have been in the way of others, or they in its.
            if too_long:
                again.append(one)
            else:
                store.append(result)
        for one, outcome in _in_turn(mark, again, 1, "once more"):
            zygote.demand_alive()
            store.append(outcome[0] if outcome else _lost(one, folder, terms))


def _in_turn(
    mark: Callable[[HandedIn], Any], many: list[HandedIn], jobs: int, title: str
) -> Iterator[tuple[HandedIn, Any]]:
    """What comes of each, with a bar that moves when one is finished."""
    if not many:
        return iter(())
    # Its thread would be in the way of processes that are forked.
    tqdm.monitor_interval = 0
    return iter(tqdm(crew.each(mark, many, jobs), title, len(many), disable=None))


def new_result(one: HandedIn, folder: Path) -> Result:
    """What is known of a file before it is opened."""
    return Result(
        key_of(one.path, folder),
        one.student,
        handed_in=one.moment.isoformat(),
        attempt=one.attempt,
        platform_id=one.platform_id,
    )


def _lost(one: HandedIn, folder: Path, terms: Terms) -> Result:
    result = new_result(one, folder)
    result.remarks.append("can't be marked: it makes its checks take too much")
    result.digest = digest_of(one, folder, None, terms)
    return result.tidied()


def _is_known(one: HandedIn, folder: Path, terms: Terms, store: Store) -> bool:
    """Whether there is a result that holds; when a file was handed in may have changed."""
    known = store.results.get(key_of(one.path, folder))
    if known is None or known.digest != digest_of(one, folder, known.sheet, terms):
        return False
    new = new_result(one, folder).tidied()
    facts = ("student", "handed_in", "attempt", "platform_id")
    now = replace(known, **{name: getattr(new, name) for name in facts})
    if now != known:
        store.append(now)
    return True


def digest_of(
    one: HandedIn, folder: Path, sheet: int | None, terms: Terms
) -> dict[str, str | int]:
    """What a result depends on: once any of it has changed, it holds no longer."""
    return {
        "file": _hash_of([one.path, *beside(one.path, folder)]),
        "checks": _hash_of_checks(sheet, terms.limits),
        "seed": terms.seed_of("digest"),
    }


@functools.cache
def _hash_of_checks(sheet: int | None, limits: Limits) -> str:
    others = re.compile(rf"sheet(?!{sheet}\b|{sheet}_)\d+.*")
    used = [*PACKAGE.rglob("*.py"), *EXERCISES.glob("sheet*_*.py"), *OWN_CODE]
    used = [path for path in sorted(used) if not others.fullmatch(path.stem)]
    return hashlib.sha256(f"{_hash_of(used)} {limits}".encode()).hexdigest()


def _hash_of(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(os.fsencode(path.name) + b"\0")
        if path.is_file() and not path.is_symlink():
            # What can't be read gets its remark when it is marked.
            with contextlib.suppress(OSError), path.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def reported(
    found: list[HandedIn],
    folder: Path,
    store: Store,
    asked: list[HandedIn],
    terms: Terms,
) -> list[Result]:
    """All results, with the remarks that depend on more than one file.

    Of the files that were to be marked, those that hold; all others as they were.
    """
    results = []
    for one in found:
        result = store.results.get(key_of(one.path, folder))
        outdated = (
            result
            and one in asked
            and result.digest != digest_of(one, folder, result.sheet, terms)
        )
        if result and not outdated:
            results.append(result)
    of_each = Counter((r.student, r.sheet) for r in results if r.sheet)
    reports = []
    for result in results:
        remarks = list(result.remarks)
        if of_each[result.student, result.sheet] > 1:
            remarks.append("more than one file for this sheet")
        reports.append(replace(result, remarks=remarks))
    return reports


@contextlib.contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Where a submission can read what a check has written, and not change it."""
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = usual


def keep_clips(folder: Path, sheet: int, terms: Terms) -> None:
    """Lay down the clips of a sheet, from which nobody can tell their seed."""
    file = folder / f"sheet{sheet}.npz"
    if file.exists():
        return
    clips = exercise_clips(sheet, terms.of_clips)
    arrays = {f.name: getattr(clips, f.name) for f in fields(clips)}
    new = file.with_name(f"{os.getpid()}.npz")
    np.savez(new, **{name: a for name, a in arrays.items() if a is not None})
    new.replace(file)


def lay_beside(one: HandedIn, folder: Path, own: Path) -> None:
    """Copy what was handed in with a notebook to where that runs."""
    files = beside(one.path, folder)
    size = sum(path.stat().st_size for path in files)
    if size > LARGEST_BESIDE:
        raise Unmarkable(
            f"comes with more than the {LARGEST_BESIDE // 2**20} MiB of other files "
            "that are allowed"
        )
    for path in files:
        copy = own / path.relative_to(folder / path.relative_to(folder).parts[0])
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _enter(result: Result, question: Question, told: str | None) -> None:
    result.told[question.id] = told or "right"
    result.points[question.id] = 0 if told else question.points
    if told and told.startswith("your function stops"):
        result.remarks.append(f"{question.id}: {told}")


def judge(question: Question, answer: Any, terms: Terms) -> str | None:
    """What is wrong with an answer, or None.

    Values are computed from the submission's own clips. Functions are called with what
    another seed gives, which the process of the submission never sees.
    """
    seed = terms.of_checks if question.is_function else terms.of_clips
    try:
        return explain(question.id, answer, seed)
    except Exception as error:
        return (
            "this is not the kind of answer that was asked for "
            f"({type(error).__name__}: {error})"
        )
