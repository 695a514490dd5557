"""Finds Pythons of other versions on this computer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

UV = Path(sys.executable).with_name("uv")


def is_version(python: str | Path, version: str) -> bool:
    """Whether a command runs a Python of this version, such as 3.12."""
    # A command of that name may be a mere switch to a version that is not there.
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        result = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError:
        return False
    return result.stdout.strip() == version


def find_python(version: str) -> str | None:
    """A Python of this version on this computer, or one that uv can get."""
    name = f"python{version}"
    candidates = [
        shutil.which(name),
        *sorted(Path.home().glob(f".pyenv/versions/*/bin/{name}")),
    ]
    for candidate in filter(None, candidates):
        if is_version(candidate, version):
            return str(candidate)
    # Looks among those that it has fetched, and fetches one if it can.
    subprocess.run([UV, "python", "install", "--quiet", version], capture_output=True)
    found = subprocess.run(
        [UV, "python", "find", "--no-project", version], capture_output=True, text=True
    )
    return found.stdout.strip() if found.returncode == 0 else None
