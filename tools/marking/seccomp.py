"""Seccomp: keeps a process from calls of the kernel that files alone don't guard.

What is refused here needs no limit: no second process, no other program, no network, no
signal, and no memory or file beyond what is counted.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

PROCESSOR = platform.machine()
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Number of each call on both kinds of processor; None where it has no such call.
REFUSED = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "socket": (41, 198),
    # Could keep files open that nobody sees.
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    # Memory that no limit counts.
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    # Would act on other processes of the same user.
    "setrlimit": (160, 164),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # Work by name, which older versions of Landlock don't guard.
    "truncate": (76, 45),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
}
# Do nothing and say that all is well: copies of files keep working.
IGNORED = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
}
CLONE, MMAP, FCNTL, IOCTL, PRLIMIT = (56, 220), (9, 222), (72, 25), (16, 29), (302, 261)
KILL, TGKILL = (62, 129), (234, 131)
# From the first number on, calls have the same one everywhere. All that is not in this
# list is as if it didn't exist, so that libraries take the older way.
FIRST_COMMON = 424
COMMON = (436, 437, 439, 441, 449)  # close_range openat2 faccessat2 epoll_pwait2 futex
ONLY_X32 = 0x40000000

LOAD, AND, EQUAL, AT_LEAST, ANY_OF, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL_PROCESS, ANSWER = 0x7FFF0000, 0x80000000, 0x00050000
REFUSE, NOT_THERE = ANSWER | errno.EPERM, ANSWER | errno.ENOSYS
NUMBER = (LOAD, 0, 0, 0)
SET_NO_NEW_PRIVS, SET_SECCOMP, GET_SECCOMP = 38, 22, 21

LIBC = ctypes.CDLL(None, use_errno=True)
Step = tuple[int, int, int, int]


def available() -> bool:
    """Whether this kernel filters calls, and we know the numbers of its processor."""
    return PROCESSOR in ARCHITECTURE and LIBC.prctl(GET_SECCOMP, 0, 0, 0, 0) >= 0


def restrict() -> None:
    """From here on, this thread and those that it starts make no such call."""
    steps = _filter()
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(buffer))
    LIBC.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if LIBC.prctl(SET_SECCOMP, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refused the filter of calls")


def _filter() -> list[Step]:
    steps: list[Step] = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, ARCHITECTURE[PROCESSOR]),
        (RETURN, 0, 0, KILL_PROCESS),
        NUMBER,
        (AT_LEAST, 0, 1, ONLY_X32),
        (RETURN, 0, 0, KILL_PROCESS),
    ]
    for number in COMMON:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    steps += [(AT_LEAST, 0, 1, FIRST_COMMON), (RETURN, 0, 0, NOT_THERE)]
    for calls, answer in ((REFUSED, REFUSE), (IGNORED, ANSWER)):
        for numbers in calls.values():
            steps += _when(numbers, [(RETURN, 0, 0, answer)])
    own = os.getpid()
    steps += [
        # A new thread is a clone that shares its process; anything else is refused.
        *_when(CLONE, [_argument(0), (ANY_OF, 1, 0, 0x10000), (RETURN, 0, 0, REFUSE)]),
        # Memory that is shared and has no file (0x21) counts in no limit.
        *_when(MMAP, [_argument(3), (AND, 0, 0, 0x21), *_refuse(0x21)]),
        # Who gets the signals of a file: that would be a way to send some.
        *_when(FCNTL, [_argument(1), *_refuse(8, 10, 15)]),
        *_when(IOCTL, [_argument(1), *_refuse(0x8901, 0x8902)]),
        # Limits may be read, not set: both halves of the address are zero.
        *_when(
            PRLIMIT,
            [
                *(_argument(2), (EQUAL, 1, 0, 0), (RETURN, 0, 0, REFUSE)),
                *((LOAD, 0, 0, 36), (EQUAL, 1, 0, 0), (RETURN, 0, 0, REFUSE)),
            ],
        ),
        *_when(KILL, [_argument(0), (EQUAL, 1, 0, own), (RETURN, 0, 0, REFUSE)]),
        *_when(TGKILL, [_argument(0), (EQUAL, 1, 0, own), (RETURN, 0, 0, REFUSE)]),
    ]
    return [*steps, (RETURN, 0, 0, ALLOW)]


def _when(numbers: tuple[int | None, ...], body: list[Step]) -> list[Step]:
    number = numbers[list(ARCHITECTURE).index(PROCESSOR)]
    if number is None:
        return []
    body = [*body, NUMBER]
    return [(EQUAL, 0, len(body), number), *body]


def _argument(position: int) -> Step:
    return (LOAD, 0, 0, 16 + 8 * position)


def _refuse(*values: int) -> list[Step]:
    return [s for v in values for s in ((EQUAL, 0, 1, v), (RETURN, 0, 0, REFUSE))]
