"""Runs one submission in a process of its own, within limits of time and memory."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marking.worker import decode, encode, send

WORKER = Path(__file__).with_name("worker.py")
LARGEST_MESSAGE = 2**26


@dataclass(frozen=True)
class Limits:
    """How long a submission may take, in s, and how much memory, in bytes."""

    seconds: float = 60.0
    memory: int = 2 * 2**30
    # Of the whole time, for one cell or one call.
    share: float = 0.25


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
        hidden: Iterable[Path],
    ) -> None:
        self.limits = limits
        self.job = {
            "cells": cells,
            "names": names,
            "seconds": limits.seconds * limits.share,
            "memory": limits.memory,
            "hidden": [str(path) for path in hidden],
        }
        self.seed = seed

    def __enter__(self) -> Submission:
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.connection, theirs = multiprocessing.Pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=self.folder.name,
            env=self._environment(),
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL),
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

    def run(self) -> tuple[dict[str, Any], list[str]]:
        """Run the cells; return the answers, and what went wrong in which cell."""
        reply = self._ask(self.job)
        answers = {
            name: self._received(name, reply["answers"][name])
            for name in self.job["names"]
        }
        return answers, [str(problem) for problem in reply["problems"]]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            **dict.fromkeys(("HOME", "TMPDIR", "IPYTHONDIR"), self.folder.name),
            "MPLBACKEND": "agg",
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "ESA4_DATASET": "synthetic",
            "ESA4_EXERCISE_SEED": str(self.seed),
        }

    def _kill(self) -> None:
        # The whole group, even if its leader has ended: others may go on without it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _received(self, name: str, message: Any) -> Any:
        def stand_in(kind: str, type_name: str) -> Any:
            if kind != "function":
                return Other(str(type_name))
            return lambda *arguments: self._call(name, arguments)

        return decode(message, stand_in)

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        reply = self._ask({"name": name, "arguments": encode(arguments)})
        if "error" in reply:
            raise _error_like(reply["error"], reply["message"])
        return decode(reply["result"], lambda _, type_name: Other(str(type_name)))

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


class Other:
    """Something of a type that can't be sent; checks see that it is no number."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name


def _error_like(name: str, message: str) -> Exception:
    """An exception that bears the name of one in another process."""
    known = name if str(name).isidentifier() else "Exception"
    return type(known, (Exception,), {})(str(message))
