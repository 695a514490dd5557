"""Landlock: the kernel's allow-list of files for a process and all that it starts.

It needs no root, and no code in the process can undo it. See
https://docs.kernel.org/userspace-api/landlock.html for the numbers below.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
SET_NO_NEW_PRIVS = 38
WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
OF_FILES = WRITE_FILE | READ_FILE | TRUNCATE
# Links, folders and plain files may be made, moved and removed; devices and pipes not.
CHANGING = WRITE_FILE | TRUNCATE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 12 | 1 << 13
# How many kinds of access each version knows; from version 5 on there are 16.
KINDS = {1: 13, 2: 14, 3: 15, 4: 15}

LIBC = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """Tell the kernel's version of Landlock: 0 if it has none."""
    return max(0, LIBC.syscall(CREATE_RULESET, None, 0, 1))


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """From here on, this thread opens nothing but these files and folders."""
    known = version()
    handled = (1 << KINDS.get(known, 16)) - 1
    network, scope = 3 * (known >= 4), 3 * (known >= 6)
    attributes = struct.pack("3Q", handled, network, scope)
    ruleset = _ask(CREATE_RULESET, attributes, len(attributes), 0)
    for paths, access in (
        (readable, READ_FILE | READ_DIR),
        (writable, READ_FILE | READ_DIR | CHANGING),
    ):
        for path in filter(Path.exists, paths):
            _allow(ruleset, path, access & handled)
    LIBC.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _ask(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: Path, access: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    allowed = access if path.is_dir() else access & OF_FILES
    _ask(ADD_RULE, ruleset, 1, struct.pack("=Qi", allowed, beneath), 0)
    os.close(beneath)


def _ask(*arguments: object) -> int:
    answer = LIBC.syscall(*arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "the kernel refused a rule of Landlock")
    return answer
