"""Run a command while no other does so in this folder: python tools/alone.py COMMAND ...

Two builds of the site at once would write to the same files.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

BUILD = Path("_build")


@contextmanager
def alone(lock: Path) -> Iterator[TextIO]:
    """Wait until nobody holds this file; who ends, however hard, lets go of it."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is at work in this folder: waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def main(command: list[str]) -> None:
    """Become the command, once nobody else holds the folder of what is built."""
    try:
        BUILD.mkdir(exist_ok=True)
        with alone(BUILD / ".lock") as held:
            # The command holds it from here on, until it ends.
            os.set_inheritable(held.fileno(), True)
            os.execvp(command[0], command)
    except PermissionError as error:
        sys.exit(
            f"{error.filename} can't be written: does {BUILD} belong to another user? "
            "Let its owner run make clean, or work in a copy of your own"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
