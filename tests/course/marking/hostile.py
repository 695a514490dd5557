"""What a submission may try against files, programs, the network and other processes.

Each gets the path of a hidden file (``secret``), of its folder (``folder``), and the
number of the marking process (``grader``); each should get nothing.
"""

from __future__ import annotations

FENCE = """
import ctypes, os, socket, sqlite3, subprocess, sys
import numpy as np
LIBC = ctypes.CDLL(None, use_errno=True)
def refused(answer):
    if answer == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""
FILES = {
    "open": "open({secret!r}).read()",
    "os.open": "os.open({secret!r}, os.O_RDONLY)",
    "dir_fd": "os.open('secret.txt', 0, dir_fd=os.open({folder!r}, os.O_PATH))",
    "listdir": "os.listdir({folder!r})",
    "walk of the root": "os.listdir('/')",
    "realpath": (
        "real, os.path.realpath = os.path.realpath, lambda *_, **__: '.'\n"
        "try: open({secret!r}).read()\nfinally: os.path.realpath = real"
    ),
    "chdir": "os.chdir({folder!r})\ntry: open('secret.txt')\nfinally: os.chdir(os.environ['HOME'])",
    "link": "os.symlink({secret!r}, 'lnk')\nopen('lnk').read()",
    "hard link": "os.link({secret!r}, 'hard')\nopen('hard').read()",
    "libc": "refused(LIBC.open({secret!r}.encode(), 0))",
    "sqlite3": "sqlite3.connect({folder!r} + '/new.db').execute('create table a (b)')",
    "h5py": "import h5py\nh5py.File({folder!r} + '/new.h5', 'w')",
    "soundfile reads": "import soundfile\nsoundfile.read({secret!r}, format='RAW', samplerate=8000, channels=1, subtype='PCM_S8')",
    "soundfile writes": "import soundfile\nsoundfile.write({folder!r} + '/n.raw', [0.0], 8000, format='RAW', subtype='PCM_16')",
    "fromfile": "np.fromfile({secret!r})",
    "memmap": "np.memmap({secret!r}, mode='r')",
    "write": "open({folder!r} + '/new', 'w')",
    "overwrite": "open({secret!r}, 'a')",
    "truncate": "os.truncate({secret!r}, 0)",
    "remove": "os.remove({secret!r})",
    "rename": "os.rename({secret!r}, 'here')",
    "outside": "open('/tmp/from_a_submission', 'a')",
    "shared memory": "open('/dev/shm/from_a_submission', 'w')",
    "the package": "import esa4_helpers\nopen(esa4_helpers.__file__, 'a')",
    "its cache": "import esa4_helpers\nopen(os.path.dirname(esa4_helpers.__file__) + '/__pycache__/x', 'w')",
    "libraries": "open(np.__file__, 'a')",
    "the checks": "import esa4_helpers.exercises as e\nopen(e.__path__[0] + '/sheet1.py').read()",
    "compiled checks": "import esa4_helpers.exercises as e\nos.listdir(e.__path__[0] + '/__pycache__')",
    "import": "import esa4_helpers.exercises.sheet1",
    "globals": "import esa4_helpers.exercises as e\ne.explain.__globals__['import_module']('esa4_helpers.exercises.sheet1')",
    "explain": "import esa4_helpers.exercises as e\ne.explain('1.1', 3)",
    "users": "open('/etc/passwd').read()",
    "environment": "open('/proc/{grader}/environ').read()",
    "memory": "open('/proc/{grader}/mem', 'rb')",
    "root of another": "open('/proc/{grader}/root' + {secret!r})",
}
OTHERS = {
    "system": "os.system('touch here')",
    "subprocess": "subprocess.run(['true'])",
    "fork": "os.fork()",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {{}})",
    "exec": "os.execv('/bin/true', ['true'])",
    "fork by libc": "refused(LIBC.fork())",
    "exec by libc": "refused(LIBC.execv(b'/bin/true', (ctypes.c_char_p * 2)(b'true')))",
    "system by libc": "if LIBC.system(b'true'): raise PermissionError('no program')",
    "_posixsubprocess": "import multiprocessing.util as u\nu.spawnv_passfds(b'/bin/true', [b'true'], [])",
    "kill": "os.kill({grader}, 9)",
    "kill by libc": "refused(LIBC.kill({grader}, 9))",
    "signal of a file": "import fcntl\nr, w = os.pipe()\nfcntl.fcntl(r, fcntl.F_SETOWN, {grader})",
    "limits of another": "import resource\nresource.prlimit({grader}, resource.RLIMIT_CPU, (1, 1))",
    "own limits": "import resource\nresource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
    "nice of another": "os.setpriority(os.PRIO_PROCESS, {grader}, 19)",
    "trace": "refused(LIBC.ptrace(16, {grader}, 0, 0))",
    "tcp": "socket.create_connection(('127.0.0.1', 9))",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "raw": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "unix": "socket.socket(socket.AF_UNIX)",
    "tcp by libc": "refused(LIBC.socket(2, 1, 0))",
    "names": "socket.gethostbyname('localhost')",
    "memory without a file": "refused(LIBC.memfd_create(b'x', 0))",
    "shared and anonymous": "import mmap\nmmap.mmap(-1, 2**20)",
    "a stack without end": "LIBC.mmap.restype = ctypes.c_ssize_t\nrefused(LIBC.mmap(None, ctypes.c_size_t(2**32), 3, 0x122, -1, None))",
    "System V": "refused(LIBC.shmget(0, 2**20, 0o1600))",
    "memory of another": "refused(LIBC.shmat(2**30, None, 0))",
    "end of it": "refused(LIBC.shmctl(2**30, 0, None))",
    "semaphore of another": "refused(LIBC.semctl(2**30, 0, 0))",
    "queue of another": "refused(LIBC.mq_unlink(b'/x'))",
    "lease": "import fcntl\nfcntl.fcntl(os.open(np.__file__, 0), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "flags of a file": "import fcntl\nflags = fcntl.ioctl(os.open(np.__file__, 0), 0x80086601, bytes(8))",
    "io_uring": "refused(LIBC.syscall(425, 8, None))",
    "namespaces": "refused(LIBC.unshare(0x10000000))",
}
# These raise no error, and change nothing.
WITHOUT_EFFECT = {
    "chmod": "os.chmod({secret!r}, 0)",
    "utime": "os.utime({secret!r}, (0, 0))",
    "shell": "!touch {folder}/here",
    "bash": "%%bash\ntouch {folder}/here",
    "joblib": "from joblib import Parallel, delayed\npids = set(Parallel(2)(delayed(os.getpid)() for _ in range(4)))\nassert pids == {{os.getpid()}}",
}
# Each is ended as a whole, with this in the remark.
DEADLY = {
    "spins": (
        "while True:\n  try:\n    while True: sum(range(999))\n  except BaseException: pass",
        "of computing allowed",
    ),
    "sleeps": (
        "import time\nwhile True:\n  try: time.sleep(99)\n  except BaseException: pass",
        "never comes",
    ),
    "fills the disk": (
        "n = 0\nwhile True:\n  open(str(n), 'wb').write(bytes(2**25)); n += 1",
        "GiB allowed",
    ),
    "fills it unseen": (
        "import os\nkept = []\nwhile True:\n  kept.append(open('x', 'wb')); os.remove('x'); kept[-1].write(bytes(2**25))",
        "GiB allowed",
    ),
    "starts threads": (
        "import threading, time\nthreading.stack_size(2**16)\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
        "threads",
    ),
    "ends": ("import os; os._exit(0)", "process ended"),
    "floods": ("import os\nwhile True: os.write(3, bytes(2**20))", "can't be read"),
    "lies": ("import os\nos.write(3, (2).to_bytes(4) + b'{{}}')", "can't be read"),
    "nests": (
        "import os\nos.write(3, (10**6).to_bytes(4) + b'[' * 10**6)\nimport time; time.sleep(99)",
        "can't be read",
    ),
}
