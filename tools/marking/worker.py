"""The process in which one submission runs; `sandbox.py` starts and questions it.

It gets the cells of a notebook, runs them in order and then answers: what is the value
of this name, what does that function return for these arguments? Only numbers, texts,
arrays and lists of them pass between the two processes, never code and never pickles.

An audit hook keeps Python code from what is none of its business: the sheets' checks
and solutions, other submissions, other programs, the network. It is a fence, not a
prison: native code could get round it.
"""

from __future__ import annotations

import base64
import io
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

MAY_ONLY_WRITE = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link")
MAY_ONLY_WRITE += ("os.symlink", "os.chmod", "os.chown", "os.truncate", "os.utime")
MAY_ONLY_READ = ("os.listdir", "os.scandir", "os.chdir")
FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")
FORBIDDEN += ("os.fork", "os.forkpty", "os.kill", "os.killpg", "pty.spawn")
FORBIDDEN += ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")
FORBIDDEN += ("ctypes.dlopen", "resource.setrlimit", "resource.prlimit")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def encode(value: Any) -> Any:
    """Turn a value into what JSON can hold."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"plain": value}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufU":
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        return {"array": base64.b64encode(buffer.getvalue()).decode()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return {"list": [encode(item) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(item) for key, item in value.items()}}
    if value is Ellipsis:
        return {"dots": True}
    if callable(value):
        return {"function": True}
    return {"other": type(value).__name__}


def decode(message: Any, other: Callable[[str, Any], Any]) -> Any:
    """Undo `encode`; functions and other things are left to the caller."""
    ((kind, content),) = message.items()
    if kind == "plain":
        return content
    if kind == "array":
        data = io.BytesIO(base64.b64decode(content))
        array = np.load(data, allow_pickle=False)
        return array if array.ndim else array[()]
    if kind == "list":
        return [decode(item, other) for item in content]
    if kind == "dict":
        return {key: decode(item, other) for key, item in content.items()}
    return ... if kind == "dots" else other(kind, content)


def send(connection: Connection, message: Any) -> None:
    """Send what JSON can hold."""
    connection.send_bytes(json.dumps(message).encode())


def warm_up() -> None:
    """Load what all sheets use, while files may still be written: numba keeps some."""
    import matplotlib.pyplot as plt
    import sklearn.mixture
    import sklearn.model_selection
    import sklearn.pipeline  # noqa: F401

    from esa4_helpers import log_mel_spectrogram

    log_mel_spectrogram(np.random.default_rng(0).normal(0, 0.1, (1, 4096)), 16000)
    plt.ioff()


def hide_the_checks() -> list[str]:
    """Let `check` do nothing, and make the sheets' modules impossible to import."""
    from esa4_helpers import exercises

    for sheet in exercises.SHEETS:
        sys.modules[f"esa4_helpers.exercises.sheet{sheet}"] = None
    exercises.check = lambda id, answer: None
    return list(exercises.__path__)


def put_up_fence(own_folder: str, hidden: list[str]) -> None:
    """From here on, the process reads nothing hidden and writes to its folder only."""
    own = os.path.realpath(own_folder)
    hidden = [os.path.realpath(path) for path in hidden]

    def is_in(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder + os.sep)

    def look(path: Any, writing: bool) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        path = os.path.realpath(os.fsdecode(path))
        others = path.startswith("/proc/") and not is_in(path, f"/proc/{os.getpid()}")
        secret = others and path[6:7].isdigit()
        if secret or any(is_in(path, folder) for folder in hidden):
            raise PermissionError(f"a submission may not read {path}")
        if writing and not is_in(path, own) and path != os.devnull:
            raise PermissionError(f"a submission may not write {path}")

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            look(path, bool(set(mode or "") & set("wax+")) or bool(flags & WRITING))
        elif event in MAY_ONLY_WRITE:
            for path in arguments[:2]:
                look(path, writing=True)
        elif event in MAY_ONLY_READ:
            look(arguments[0], writing=False)
        elif event in FORBIDDEN:
            raise PermissionError(f"a submission may not use {event}")

    sys.addaudithook(hook)


class TooSlow(BaseException):
    """Raised by the alarm clock; no `except Exception` of a student catches it."""


def in_time(seconds: float, function: Callable[[], Any]) -> Any:
    """Call a function and stop it after some time."""

    def ring(*_: Any) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function()
    except TooSlow:
        raise TimeoutError(f"stopped after {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run_cells(cells: list[str], seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Run cells in order, whatever happens in each; return names and what went wrong."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=config)
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
        if error is not None:
            text = f"{type(error).__name__}: {error}"
            problems.append(f"code cell {number} stops with {text[:300]}")
    return shell.user_ns, problems


def answer_questions(
    connection: Connection, answers: dict[str, Any], seconds: float
) -> None:
    """Call functions of the submission until the other side hangs up."""
    while True:
        try:
            question = json.loads(connection.recv_bytes())
        except EOFError:
            return
        function = answers[question["name"]]
        arguments = decode(question["arguments"], lambda kind, _: kind)
        try:
            result = in_time(seconds, lambda f=function, a=arguments: f(*a))
            reply = {"result": encode(result)}
        except BaseException as error:
            reply = {"error": type(error).__name__, "message": str(error)[:1000]}
        send(connection, reply)


def main() -> None:
    """Run one submission, send its answers, and answer questions about them."""
    connection = Connection(int(sys.argv[1]))
    job = json.loads(connection.recv_bytes())
    warm_up()
    hidden = [*job["hidden"], *hide_the_checks()]
    resource.setrlimit(resource.RLIMIT_DATA, (job["memory"], job["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**27, 2**27))
    put_up_fence(str(Path.cwd()), hidden)

    names, problems = run_cells(job["cells"], job["seconds"])
    answers = {name: names.get(name, ...) for name in job["names"]}
    send(
        connection,
        {"answers": {k: encode(v) for k, v in answers.items()}, "problems": problems},
    )
    answer_questions(connection, answers, job["seconds"])


if __name__ == "__main__":
    main()
