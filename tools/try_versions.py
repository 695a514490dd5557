"""Run package and chapters with other versions: python tools/try_versions.py

For each Python, all that the course builds on is installed as old as pyproject.toml allows
and is published for it, and as new as there is, in an environment of its own. There package
and chapters are tested, and then what is made with them, but for the site. A Python that
can't be had is named at the end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from pythons import UV, find_python

FOLDER = Path(".versions")
# As old as there are wheels for a Python: their sources ask for compilers, and for tools of
# their own day.
COMPILED = ("matplotlib", "numpy", "pillow", "scikit-learn", "scipy", "soxr")
# How uv is asked to choose.
VERSIONS = {
    "lowest": [
        *("--resolution", "lowest-direct"),
        *(f"--only-binary={name}" for name in COMPILED),
    ],
    "newest": ["--resolution", "highest"],
    "prereleases": ["--resolution", "highest", "--prerelease", "allow"],
}
# Old libraries use what is deprecated in new ones that they build on: only of those that go
# together it is a word to us.
LENIENT = {"lowest": ["-W", "ignore::DeprecationWarning"]}
TESTS = {
    "package and chapters": ["book", "tests", "esa4_helpers"],
    "course": ["tests/course", "--deselect", "tests/course/test_site.py"],
}


def run(*command: str | Path) -> bool:
    """Run a command; tell whether all went well."""
    print("$", *command, flush=True)
    return subprocess.run(command).returncode == 0


def install(environment: Path, python: str, versions: str) -> bool:
    """Make an environment in which the course's tests can run."""
    return run(
        *(UV, "venv", "--quiet", "--clear", "--seed", "--python", python, environment)
    ) and run(
        *(UV, "pip", "install", "--quiet", "--compile-bytecode"),
        *("--python", environment, *VERSIONS[versions]),
        *("--editable", ".", "--group", "test"),
    )


def try_out(version: str, versions: str) -> str:
    """Say in a word how it went on one Python, with the lowest versions or others."""
    python = find_python(version)
    if python is None:
        return "NOT TRIED: this Python is not at hand, and uv can't fetch it"
    environment = FOLDER / f"{version}-{versions}"
    if not install(environment, python, versions):
        return "can't be installed"
    pytest = (environment / "bin" / "python", "-m", "pytest", "-n", "2", "-q")
    # The second also if the first fails: a long run should say all that it can.
    failed = [
        name
        for name, what in TESTS.items()
        if not run(*pytest, *LENIENT.get(versions, []), *what)
    ]
    return f"{' and '.join(failed)} failed" if failed else "passed"


def main(arguments: Iterable[str] | None = None) -> None:
    """Try all that was asked for; fail if anything did, or nothing could be tried."""
    parser = argparse.ArgumentParser(
        description="Run package and chapters with other versions."
    )
    parser.add_argument("--pythons", nargs="+", required=True)
    parser.add_argument(
        "--versions", nargs="+", choices=VERSIONS, default=["lowest", "newest"]
    )
    asked = parser.parse_args(arguments)
    results = {
        f"Python {version}, {versions}": try_out(version, versions)
        for version in asked.pythons
        for versions in asked.versions
    }
    for name, result in results.items():
        print(f"{name}: {result}")
    tried = [result for result in results.values() if not result.startswith("NOT")]
    if not tried or set(tried) != {"passed"}:
        sys.exit(1)


if __name__ == "__main__":
    main()
