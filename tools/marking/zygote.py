"""The process from which that of each submission is forked: it has loaded all before.

It holds no secret: no seed of the marking, no check, no solution. It ends, with all that
it has started and with the folder of the run, when the marking side is gone, however
that ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import mimetypes
import os
import pkgutil
import resource
import shutil
import signal
import site
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from marking import landlock, seccomp, worker

LIBC = ctypes.CDLL(None, use_errno=True)
PARENT_DIES = 1
USED_BY_SHEETS = ("esa4_helpers.exercises", "IPython.core.interactiveshell", "pandas")
USED_BY_SHEETS += ("sklearn.mixture", "sklearn.model_selection", "sklearn.pipeline")
FILE_SIZE, OPEN_FILES = 2**26, 256
# What Python's libraries look at; none of it is about anybody.
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/lib")
SYSTEM += ("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs", "/dev/urandom")
SYSTEM += ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
SYSTEM += ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu")


def readable() -> list[Path]:
    """Python, its libraries, and the package without its checks."""
    import esa4_helpers

    package = Path(esa4_helpers.__file__).parent
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    libraries |= {sysconfig.get_config_var("LIBDIR")} - {None}
    libraries |= {*site.getsitepackages(), *site.PREFIXES} - {"/usr", "/usr/local"}
    return [
        *(Path(path) for path in sorted(libraries)),
        *(path for path in package.iterdir() if path.name != "exercises"),
        package / "exercises" / "__init__.py",
        *map(Path, SYSTEM),
    ]


def warm_up() -> None:
    """Load what all sheets use."""
    import librosa
    import matplotlib.pyplot as plt
    import numpy as np
    from numba.core.caching import IndexDataCacheFile

    from esa4_helpers import log_mel_spectrogram

    # librosa loads its parts when they are needed, and numba then reads for seconds.
    parts = pkgutil.walk_packages(librosa.__path__, "librosa.")
    for name in (*USED_BY_SHEETS, *(part.name for part in parts)):
        importlib.import_module(name)
    log_mel_spectrogram(np.random.default_rng(0).normal(0, 0.1, (1, 4096)), 16000)
    plt.switch_backend("agg")
    plt.ioff()
    mimetypes.init()
    # What numba compiles for one submission is never kept for another.
    IndexDataCacheFile.save = lambda *_: None


def serve(control: socket.socket, folder: Path) -> None:
    """Fork a process for each that is asked for, until the other side is gone."""
    children: set[int] = set()
    may_read = readable()
    while True:
        message, received, *_ = socket.recv_fds(control, 2**16, 1)
        if not message:
            break
        children -= set(_ended(children))
        if pid := os.fork():
            os.close(received[0])
            children.add(pid)
            continue
        try:
            control.close()
            become(received[0], json.loads(message), may_read)
        finally:
            os._exit(0)
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    remove(folder)


def _ended(children: set[int]) -> list[int]:
    return [pid for pid in children if os.waitpid(pid, os.WNOHANG) != (0, 0)]


def become(channel: int, request: dict[str, Any], may_read: list[Path]) -> None:
    """Turn this process into that of one submission."""
    LIBC.prctl(PARENT_DIES, signal.SIGKILL, 0, 0, 0)
    os.dup2(channel, 3)
    os.dup2(0, 1)
    os.dup2(0, 2)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    own = Path(request["own"])
    os.chdir(own)
    os.environ |= dict.fromkeys(
        ("HOME", "TMPDIR", "IPYTHONDIR", "XDG_CACHE_HOME"), str(own)
    )
    tempfile.tempdir = None
    tools = Path(__file__).resolve().parents[1]
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != tools]
    connection = Connection(3)
    worker.send(connection, {"pid": os.getpid()})
    limit(request["seconds"], request["memory"])
    close_off([*may_read, *map(Path, request["readable"])], own)
    worker.run(connection, Path(request["clips"]))


def limit(seconds: float, memory: int) -> None:
    """Set what the kernel counts; the rest is counted from outside."""
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, int(seconds) + 2),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def close_off(may_read: list[Path], own: Path) -> None:
    """Give up all rights that a submission doesn't need, as far as the kernel can."""
    if landlock.version():
        landlock.restrict(may_read, [own, Path(os.devnull)])
    # Root's rights, if it has any.
    LIBC.capset(struct.pack("Ii", 0x20080522, 0), bytes(24))
    if seccomp.available():
        seccomp.restrict()


def remove(folder: Path) -> None:
    """Delete a folder, however deep it is."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwx", folder], stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", folder], stderr=subprocess.DEVNULL)


def main() -> None:
    """Get ready, then serve on the socket whose number the command line gives."""
    control = socket.socket(fileno=int(sys.argv[1]))
    warm_up()
    serve(control, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
