"""Runs one submission in the process that `zygote.py` has made for it.

It gets the cells of a notebook, runs them in order and then answers: what was given to
this check, what does that function return for these arguments?

The kernel keeps the process from all that is none of its business (`landlock.py`,
`seccomp.py`). The audit hook here only says so in a friendly sentence.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import types
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np

from marking.wire import LARGEST_MESSAGE, LARGEST_VALUE, decode, encode, send

PROGRAMS = "a submission may not start programs or processes"
NETWORK = "a submission has no network"
SIGNALS = "a submission may not send signals"
FORBIDDEN = {
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
        PROGRAMS,
    ),
    **dict.fromkeys(("os.fork", "os.forkpty", "pty.spawn"), PROGRAMS),
    **dict.fromkeys(("socket.connect", "socket.bind", "socket.getaddrinfo"), NETWORK),
    **dict.fromkeys(("socket.sendto", "socket.sendmsg"), NETWORK),
    **dict.fromkeys(("os.kill", "os.killpg"), SIGNALS),
}
REFUSED = {
    errno.EACCES: "a submission may read and write files in its own folder only",
    errno.EPERM: "a submission may not use this",
}
# All others, such as %pip and %matplotlib, have no effect on an answer.
MAGICS = {"time", "timeit", "capture", "prun", "pwd", "who", "whos", "precision"}
MAGICS |= {"writefile", "reset"}
# For sleeping, which takes no time of the processor, there is so much more by the clock.
PATIENCE = 2
LONGEST_TEXT, MOST_PROBLEMS = 300, 1000


class TooSlow(BaseException):
    """Raised by the alarm clock; no `except Exception` of a student catches it."""


def say_it_kindly() -> None:
    """Answer what the kernel would refuse with a sentence."""

    def hook(event: str, _: tuple) -> None:
        if event in FORBIDDEN:
            raise PermissionError(FORBIDDEN[event])

    sys.addaudithook(hook)


class Answers:
    """Stands in for `check`: keeps the last answer that was given to each."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def __call__(self, id: str, answer: Any) -> None:
        self.given[str(id)] = as_it_is_now(answer)

    def progress(self, *_: Any, **__: Any) -> None:
        """Say nothing: points are given elsewhere."""


def as_it_is_now(answer: Any) -> Any:
    """A copy that doesn't change when its name, or one that it uses, is used again."""
    if isinstance(answer, np.ndarray):
        return answer.copy()
    if isinstance(answer, types.FunctionType):
        again = types.FunctionType(
            answer.__code__,
            dict(answer.__globals__),
            answer.__name__,
            answer.__defaults__,
            answer.__closure__,
        )
        again.__kwdefaults__ = answer.__kwdefaults__
        again.__dict__.update(answer.__dict__)
        return again
    return answer


def stand_in_for_the_checks(clips: Path) -> Answers:
    """Let `check` keep answers only, and take the sheets' clips from files.

    So no seed is in this process but that of the practice, which is no secret.
    """
    from esa4_helpers import Dataset, exercises

    make = exercises.exercise_clips

    def exercise_clips(sheet: int, seed: int | None = None) -> Dataset:
        file = clips / f"sheet{sheet}.npz"
        if seed is not None or not file.exists():
            return make(sheet, seed)
        with np.load(file, allow_pickle=False) as arrays:
            return Dataset(**{name: arrays[name][()] for name in arrays})

    answers = Answers()
    exercises.check, exercises.exercise_clips = answers, exercise_clips
    return answers


def quieten(plots: Any) -> None:
    """Let what works in a browser or in Colab only do nothing."""
    import concurrent.futures
    import multiprocessing.dummy
    import multiprocessing.pool
    import multiprocessing.synchronize

    import matplotlib

    def nothing(*_: Any, **__: Any) -> None:
        return None

    matplotlib.use = plots.switch_backend = nothing
    for name in ("", ".drive", ".files", ".output", ".userdata", ".widgets"):
        sys.modules[f"google.colab{name}"] = MagicMock()
    # Threads do the work of processes, which a submission can't start.
    multiprocessing.synchronize.Lock = lambda **_: threading.Lock()
    multiprocessing.Pool = multiprocessing.pool.ThreadPool
    multiprocessing.Process = multiprocessing.dummy.Process
    concurrent.futures.ProcessPoolExecutor = concurrent.futures.ThreadPoolExecutor


def make_shell() -> Any:
    """IPython's shell, in which commands for a computer or a browser do nothing."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1):
            if magic_name in MAGICS:
                return super().run_line_magic(magic_name, line, _stack_depth + 1)

        def run_cell_magic(self, magic_name: str, line: str, cell: str):
            if magic_name in MAGICS:
                return super().run_cell_magic(magic_name, line, cell)

        def system(self, cmd: str) -> None:
            """Run no program."""

        def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> list[str]:
            return []

        def enable_gui(self, gui: str | None = None) -> None:
            """Open no window."""

        def ask_exit(self) -> None:
            """Go on: there is nobody to leave."""

        def showtraceback(self, *_: Any, **__: Any) -> None:
            """Print nothing: nobody reads it."""

        showsyntaxerror = showtraceback

    return Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))


def in_time(seconds: float, function: Callable[[], Any]) -> Any:
    """Call a function and stop it after some time of the processor, or much of rest."""

    def ring(*_: Any) -> None:
        raise TooSlow

    clocks = {signal.ITIMER_PROF: signal.SIGPROF, signal.ITIMER_REAL: signal.SIGALRM}
    for clock, bell in clocks.items():
        signal.signal(bell, ring)
        signal.setitimer(
            clock, seconds * (PATIENCE if clock == signal.ITIMER_REAL else 1)
        )
    try:
        return function()
    except TooSlow:
        raise TimeoutError(f"stopped after {seconds:g} s") from None
    finally:
        for clock in clocks:
            signal.setitimer(clock, 0)


def run_cells(cells: list[str], seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Run cells in order, whatever happens in each; return names and what went wrong."""
    shell = make_shell()
    problems = []
    for number, cell in enumerate(cells, start=1):
        try:
            result = in_time(seconds, lambda cell=cell: shell.run_cell(cell))
            error = result.error_before_exec or result.error_in_exec
        except BaseException as stopped:
            error = stopped
        # IPython catches the alarm's exception like any other.
        if isinstance(error, TooSlow):
            error = TimeoutError(f"stopped after {seconds:g} s")
        if error is not None and len(problems) < MOST_PROBLEMS:
            problems.append(f"code cell {number} stops with {in_words(error)}")
    return shell.user_ns, problems


def in_words(error: BaseException) -> str:
    """The kind of an error, what it says, however long that is, and in which line."""
    from esa4_helpers.exercises import where_it_failed

    try:
        text, where = str(error)[:LONGEST_TEXT], where_it_failed(error, __file__)
    except BaseException:
        text, where = "an error that can't say what it is", ""
    if isinstance(error, PermissionError):
        text = REFUSED.get(error.errno, text)
    return f"{type(error).__name__}: {text}{where[:LONGEST_TEXT]}"


def sendable(value: Any, most: int = LARGEST_VALUE) -> Any:
    """What `encode` makes of a value, unless that is too much."""
    try:
        message = encode(value)
        size = len(json.dumps(message))
    except BaseException:
        return {"other": type(value).__name__}
    if size > most:
        return {"other": f"{type(value).__name__} of {size / 2**20:.1f} MB"}
    return message


def answer_questions(
    connection: Connection, answers: dict[str, Any], seconds: float
) -> None:
    """Call functions of the submission until the other side hangs up."""
    while True:
        try:
            question = json.loads(connection.recv_bytes())
        except EOFError:
            return
        function = answers[question["id"]]
        arguments = decode(question["arguments"], lambda kind, _: kind)
        try:
            result = in_time(seconds, lambda f=function, a=arguments: f(*a))
            reply = {"result": sendable(result, LARGEST_MESSAGE - 99)}
        except BaseException as error:
            name, message = in_words(error).split(": ", 1)
            reply = {"error": name, "message": message}
        send(connection, reply)


def run(connection: Connection, clips: Path) -> None:
    """Run one submission, send its answers, and answer questions about them."""
    import matplotlib.pyplot as plt

    job = json.loads(connection.recv_bytes())
    given = stand_in_for_the_checks(clips).given
    quieten(plt)
    say_it_kindly()
    sys.path.insert(0, os.curdir)

    names, problems = run_cells(job["cells"], job["seconds"])
    # An answer that no check has seen counts, too.
    answers = {
        id: names.get(name, ...) if given.get(id, ...) is ... else given[id]
        for id, name in job["names"].items()
    }
    reply = {id: sendable(answer) for id, answer in answers.items()}
    send(connection, {"answers": reply, "problems": problems})
    answer_questions(connection, answers, job["seconds"])
