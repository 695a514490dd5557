"""Make the environment that make runs all else in: python tools/environment.py .venv/site

What is there is kept if it fits this Python and this place and nothing cut its installation
short; else it is made anew. Of two that want to make it, one waits for the other.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from venv import EnvBuilder

from alone import alone

# All that decides what is installed.
SOURCES = [Path("pyproject.toml"), Path("constraints.txt")]
# The file that says that all is there, and the group of packages that it speaks for.
GROUPS = {"site": "site", "installed": "test"}
TAG = "import sys; print(sys.implementation.cache_tag)"
# What an environment holds before it says that it is one.
BEGUN = {"bin", "include", "lib", "lib64", ".gitignore"}


def place(environment: Path) -> str:
    """Say which Python an environment is made for, and where."""
    here = (sys.implementation.cache_tag, sysconfig.get_platform(), environment)
    return " ".join(map(str, here))


def contents(environment: Path) -> str:
    """Say what an environment in which all is there was made from."""
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in SOURCES))
    return f"{place(environment)}\n{digest.hexdigest()}\n"


def said(stamp: Path) -> str:
    """Read what a stamp says: nothing, where nothing was installed to the end."""
    try:
        return os.fsdecode(stamp.read_bytes())
    except FileNotFoundError:
        return ""


def fits(environment: Path) -> bool:
    """Whether it is whole, of this Python, and where it was made."""
    python = environment / "bin" / "python"
    if said(environment / "site").partition("\n")[0] != place(environment):
        return False
    try:
        answer = subprocess.run([python, "-c", TAG], capture_output=True, text=True)
    except OSError:
        return False
    return answer.stdout.strip() == sys.implementation.cache_tag


def is_ready(stamp: Path) -> bool:
    """Whether nothing is left to do."""
    return said(stamp) == contents(stamp.parent) and fits(stamp.parent)


def run(*command: str | Path) -> None:
    """Run a command; end here if it fails, which has said why."""
    if subprocess.run(command).returncode != 0:
        sys.exit(f"This failed: {' '.join(map(str, command))}")


def create(environment: Path) -> None:
    """Make an empty environment in place of what is there."""
    is_none = not (environment / "pyvenv.cfg").exists()
    if environment.exists() and is_none and {*os.listdir(environment)} - BEGUN:
        sys.exit(
            f"{environment} is no environment, and is left as it is: move it away, or "
            "name another folder: VENV=.venv-mine"
        )
    version = "{}.{}".format(*sys.version_info)
    print(f"Making an environment for Python {version} in {environment}", flush=True)
    try:
        EnvBuilder(clear=True, symlinks=True, with_pip=True).create(environment)
    except (subprocess.CalledProcessError, ImportError):
        sys.exit(
            f"{sys.executable} can't make environments. On Debian and Ubuntu, install "
            f"python{version}-venv; elsewhere, name another with PYTHON=python3"
        )


def install(stamp: Path) -> None:
    """Install a group of packages, and say so once all of them are there."""
    environment = stamp.parent
    for name in GROUPS:
        (environment / name).unlink(missing_ok=True)
    python = environment / "bin" / "python"
    pinned = ("--constraint", "constraints.txt")
    # uv installs in seconds what pip takes minutes for.
    run(python, "-m", "pip", "install", "--quiet", *pinned, "uv")
    uv = (environment / "bin" / "uv", "pip", "install", "--quiet", "--python", python)
    # Compiled at once, as some computers never keep what Python compiles.
    what = ("--editable", ".", "--group", GROUPS[stamp.name])
    run(*uv, "--compile-bytecode", *pinned, *what)
    # Tests need all that the site does.
    for name in {"site", stamp.name}:
        (environment / name).write_bytes(os.fsencode(contents(environment)))


def main(target: str) -> None:
    """Make an environment, or what is missing in it."""
    stamp = Path(target).absolute()
    environment = stamp.parent
    if is_ready(stamp):
        return
    try:
        with alone(environment.with_name(f"{environment.name}.lock")):
            if not fits(environment):
                create(environment)
            if not is_ready(stamp):
                install(stamp)
    except PermissionError as error:
        sys.exit(
            f"{error.filename} can't be written: does it belong to another user? "
            "Name one of your own, VENV=.venv-mine, or work in a copy of the course"
        )


if __name__ == "__main__":
    main(sys.argv[1])
