"""Works on many things at a time, in processes that are forked for it.

What goes wrong with one thing, down to a crash, costs that one only.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from marking.landlock import LIBC

Item = TypeVar("Item")
FORK = multiprocessing.get_context("fork")
PARENT_DIES = 1
# Far more than checks need; who makes them compute without end gets no further.
SECONDS, MEMORY = 900, 4 * 2**30


@dataclass
class Helper:
    """A process that works on one thing after the other."""

    connection: Connection
    process: multiprocessing.Process

    @classmethod
    def start(cls, work: Callable[[Any], Any]) -> Helper:
        ours, theirs = FORK.Pipe()
        process = FORK.Process(target=_work, args=(theirs, ours, work), daemon=True)
        process.start()
        theirs.close()
        return cls(ours, process)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def each(
    work: Callable[[Item], Any], items: Iterable[Item], jobs: int
) -> Iterator[tuple[Item, Any]]:
    """Yield each item with what came of it, as it comes; None where nothing did."""
    waiting = list(items)[::-1]
    idle: list[Helper] = []
    busy: dict[Connection, tuple[Helper, Item]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                helper = idle.pop() if idle else Helper.start(work)
                item = waiting.pop()
                busy[helper.connection] = (helper, item)
                helper.connection.send(item)
            for connection in wait(list(busy)):
                helper, item = busy.pop(connection)
                try:
                    outcome = connection.recv()
                    idle.append(helper)
                except (EOFError, OSError):
                    outcome = None
                    helper.end()
                yield item, outcome
    finally:
        for helper in idle + [helper for helper, _ in busy.values()]:
            helper.end()


def _work(
    connection: Connection, other_end: Connection, work: Callable[[Any], Any]
) -> None:
    LIBC.prctl(PARENT_DIES, signal.SIGKILL, 0, 0, 0)
    other_end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    while True:
        item = connection.recv()
        until = int(time.process_time()) + SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
        connection.send(work(item))
