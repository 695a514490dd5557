"""Runs one submission in a process of its own, within limits, and questions it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from marking import landlock, seccomp
from marking.wire import LARGEST_MESSAGE, decode, encode, send
from marking.worker import PATIENCE
from marking.zygote import readable, remove

TOOLS = Path(__file__).resolve().parents[1]
START = "import sys; sys.path.insert(0, sys.argv.pop()); from marking.zygote import main; main()"
MOST_THREADS = 512
BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Limits:
    """What a submission may take: s of the processor, bytes of memory and of disk."""

    seconds: float = 60.0
    memory: int = 2 * 2**30
    disk: int = 2**30
    # Of the whole time, for one cell or one call.
    share: float = 0.25


def missing_protection(secret: Iterable[Path]) -> list[str]:
    """Say in a sentence each what submissions can't be kept from on this computer."""
    missing = []
    if not landlock.version():
        missing.append(
            "its kernel has no Landlock (Linux 5.13 or newer, switched on), so a "
            "submission could read and change all your files"
        )
    if not seccomp.available():
        missing.append(
            "its kernel filters no calls on this processor (seccomp), so a submission "
            "could start programs, use the network and end other processes"
        )
    libraries = [path.resolve() for path in readable()]
    missing += [
        f"{path} lies in a folder that Python's libraries are read from, so a "
        "submission could read it: move it elsewhere"
        for path in secret
        if any(path.resolve().is_relative_to(library) for library in libraries)
    ]
    return missing


class Zygote:
    """The process that has loaded all libraries, from which the others are forked.

    Used in a ``with`` block, at whose end it is gone with all that came from it.
    """

    def __enter__(self) -> Zygote:
        self.folder = Path(tempfile.mkdtemp(prefix="marking-"))
        self.clips = self.folder / "clips"
        self.clips.mkdir()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        home = self.folder / "home"
        home.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", START]
            + [str(theirs.fileno()), str(self.folder), str(TOOLS)],
            pass_fds=[theirs.fileno()],
            cwd=home,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        # Not only for this process, but for all that have been forked from it.
        self.control.shutdown(socket.SHUT_RDWR)
        self.control.close()
        self.process.wait()
        remove(self.folder)

    def demand_alive(self) -> None:
        """Raise unless it still runs: results from after its end would be none."""
        if self.process.poll() is not None:
            raise ChildProcessError(
                "the process that submissions are forked from has ended; what it said "
                "stands above. Nothing was lost: start again to go on"
            )

    def fork(self, request: dict[str, Any]) -> Connection:
        """Have a process forked; return the way to it."""
        ours, theirs = socket.socketpair()
        request = {**request, "clips": str(self.clips)}
        with theirs:
            socket.send_fds(
                self.control, [json.dumps(request).encode()], [theirs.fileno()]
            )
        return Connection(ours.detach())


def _environment(home: Path) -> dict[str, str]:
    one_thread = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    one_thread += ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        **dict.fromkeys(("HOME", "TMPDIR", "IPYTHONDIR"), str(home)),
        **dict.fromkeys(("USER", "LOGNAME"), "student"),
        "MPLBACKEND": "agg",
        **dict.fromkeys(one_thread, "1"),
        # So joblib does in turn what it would else start processes for.
        "JOBLIB_MULTIPROCESSING": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "ESA4_DATASET": "synthetic",
    }


class Submission:
    """One notebook, running in a process of its own.

    Used in a ``with`` block, at whose end the process and all that it made is gone.
    ``own`` is its folder; what stands in ``given`` it can read and not change.
    """

    def __init__(self, zygote: Zygote, limits: Limits) -> None:
        self.zygote, self.limits = zygote, limits
        self.excess: Exception | None = None
        self.asked: float | None = None
        self.waited = 0.0
        self.done = threading.Event()

    def __enter__(self) -> Submission:
        self.folder = Path(tempfile.mkdtemp(dir=self.zygote.folder))
        self.own, self.given = self.folder / "own", self.folder / "given"
        self.own.mkdir()
        self.given.mkdir()
        self.connection = self.zygote.fork(
            {
                "own": str(self.own),
                "readable": [str(self.given), str(self.zygote.clips)],
                "seconds": self.limits.seconds,
                "memory": self.limits.memory,
            }
        )
        self.pid = json.loads(self.connection.recv_bytes())["pid"]
        self.handle = os.pidfd_open(self.pid)
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.watch.join()
        self._kill()
        select.select([self.handle], [], [])
        os.close(self.handle)
        self.connection.close()
        remove(self.folder)

    def run(
        self, cells: list[str], names: dict[str, str]
    ) -> tuple[dict[str, Any], list[str]]:
        """Run cells; return the answer to each question, and what went wrong.

        ``names`` says for each question what its answer is called.
        """
        seconds = self.limits.seconds * self.limits.share
        reply = self._ask({"cells": cells, "names": names, "seconds": seconds})
        try:
            answers = {id: self._received(id, reply["answers"][id]) for id in names}
            return answers, [str(problem) for problem in reply["problems"]]
        except Exception as error:
            raise ChildProcessError("its process sent what can't be read") from error

    def _received(self, id: str, message: Any) -> Any:
        def stand_in(kind: str, type_name: str) -> Any:
            if kind != "function":
                return something(type_name)
            return lambda *arguments: self._call(id, arguments)

        return decode(message, stand_in)

    def _call(self, id: str, arguments: tuple[Any, ...]) -> Any:
        reply = self._ask({"id": id, "arguments": encode(arguments)})
        if "error" in reply:
            raise _error_like(reply["error"], reply["message"])
        return decode(reply["result"], lambda _, type_name: something(type_name))

    def _ask(self, message: Any) -> Any:
        self.asked = time.monotonic()
        try:
            send(self.connection, message)
            return json.loads(self.connection.recv_bytes(LARGEST_MESSAGE))
        except (EOFError, OSError, ValueError, RecursionError) as error:
            if self.excess:
                raise Ended(self.excess) from error
            raise Ended(
                ChildProcessError(
                    "its process ended or sent what can't be read; it may have run "
                    "out of memory"
                )
            ) from error
        finally:
            self.waited += time.monotonic() - self.asked
            self.asked = None

    def _watch(self) -> None:
        while not self.done.wait(BETWEEN_LOOKS):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                self.excess = self._look()
            if self.excess:
                return self._kill()

    def _look(self) -> Exception | None:
        seconds, held_up, threads = usage(self.pid)
        if seconds > self.limits.seconds:
            return TimeoutError(
                f"took more than the {self.limits.seconds:g} s of computing allowed"
            )
        asked = self.asked
        waiting = self.waited + (time.monotonic() - asked if asked else 0)
        if waiting - held_up > PATIENCE * self.limits.seconds:
            return TimeoutError(
                f"took more than the {self.limits.seconds:g} s allowed: it waits for "
                "something that never comes"
            )
        if threads > MOST_THREADS:
            return ChildProcessError(f"started more than {MOST_THREADS} threads")
        try:
            used = disk_used(self.pid, self.own)
        except (PermissionError, OverflowError):
            return ChildProcessError("hides what it keeps on the disk")
        if used > self.limits.disk:
            return ChildProcessError(
                f"wrote more than the {self.limits.disk / 2**30:g} GiB allowed"
            )
        return None

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)


class Ended(BaseException):
    """A submission is over; no check takes it for an error of a student's function."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def usage(pid: int) -> tuple[float, float, int]:
    """Seconds that a process has computed and queued to compute; number of threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    # Not all kernels count how long others were in the way.
    schedule = Path(f"/proc/{pid}/schedstat")
    queued = int(schedule.read_text().split()[1]) if schedule.exists() else 0
    return ticks / os.sysconf("SC_CLK_TCK"), queued / 1e9, int(fields[17])


def disk_used(pid: int, folder: Path) -> int:
    """Bytes in a folder, and in files that a process keeps open though deleted."""
    used = 0
    for path, folders, files in os.walk(folder, onerror=_unless_gone):
        if len(path) > 2000:
            raise OverflowError("too deep to be counted")
        for name in folders + files:
            with contextlib.suppress(FileNotFoundError):
                blocks = os.lstat(os.path.join(path, name)).st_blocks
                used += max(4096, 512 * blocks)
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            status = entry.stat()
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                used += 512 * status.st_blocks
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        if line.endswith(" (deleted)"):
            start, _, end = line.split(maxsplit=1)[0].partition("-")
            used += int(end, 16) - int(start, 16)
    return used


def _unless_gone(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise error


def something(type_name: str) -> Any:
    """What stands in for a thing of a type that can't be sent; it is no number."""
    return type(str(type_name), (), {})()


def _error_like(name: str, message: str) -> Exception:
    """An exception that bears the name of one in another process."""
    known = name if str(name).isidentifier() else "Exception"
    return type(known, (Exception,), {})(str(message))
