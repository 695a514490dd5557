"""Run the course as a student in Google Colab would: python tools/try_colab.py

Chapters that are named after --without are left out.

In an environment with Colab's versions of what the course touches, each chapter is
executed from its first cell, which must install the helper package from this very
checkout and may not change any package that is there already, and must print what is
stored. So is each student sheet, untouched, which must reach all its checks. Then detectors
must say the same there as here.

It needs a Python of Colab's version; where there is none, it says so and ends.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from difflib import ndiff
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from notebooks import repository_url
from pythons import UV, find_python, is_version

from esa4_helpers import load_dataset

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".colab"
# Two, so that two notebooks can run at a time, and none installs under another's feet.
ENVIRONMENTS = [FOLDER / "venv1", FOLDER / "venv2"]
VERSIONS = ROOT / "tools" / "colab-versions.txt"
COLAB_PYTHON = "3.13"

# What the helper needs and Colab lacks may be added, as long as it moves nothing.
MAY_BE_ADDED = ["esa4-helpers", "remotezip", "skops"]

# Colab's kernel has imported google.colab before the first cell runs. A line in a
# .pth file that starts with "import" is run when Python starts.
PRETEND = (
    "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')"
)


SCORING = """
import json
from esa4_helpers import anomaly_score, load_dataset, make_detector

clips = load_dataset().resampled(16000)
scores = {}
# The other two networks train for longest, and by the same functions.
for name in ("level", "gmm", "mahalanobis", "knn", "autoencoder"):
    detector = make_detector(name).fit(clips.train.audio)
    scores[name] = anomaly_score(detector, clips.test.audio).tolist()
print(json.dumps(scores))
"""


def run(*command: str | Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run a command; end the whole script if it fails."""
    result = subprocess.run([str(part) for part in command], text=True, **kwargs)
    if result.returncode != 0:
        for stream in (result.stdout, result.stderr):
            print(stream or "", end="")
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return result


def find_colabs_python() -> str | None:
    """The Python that was named, or one of Colab's version on this machine."""
    named = os.environ.get("COLAB_PYTHON")
    if named and not is_version(named, COLAB_PYTHON):
        sys.exit(f"COLAB_PYTHON names {named}, which is no Python {COLAB_PYTHON}")
    return named or find_python(COLAB_PYTHON)


def make_environment(environment: Path, python: str) -> None:
    """Install Colab's versions, pip included, and pretend to be Colab."""
    run(UV, "venv", "--quiet", "--clear", "--python", python, environment)
    install = (UV, "pip", "install", "--quiet", "--compile-bytecode")
    run(*install, "--python", environment, "-r", VERSIONS)
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "pretend_colab.pth").write_text(PRETEND + "\n", encoding="utf-8")


def snapshot(checkout: Path, repository: Path) -> None:
    """Make a repository of the tracked files of a checkout, as they are there now."""
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    # What is not tracked is not in what a student installs either.
    listing = run("git", "ls-files", "-z", cwd=checkout, capture_output=True).stdout
    for name in filter(None, listing.split("\0")):
        if (checkout / name).is_file():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, repository / name)
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
    run(*git, "init", "--quiet", cwd=repository)
    # Forced: a tracked file may bear a name that is ignored.
    run(*git, "add", "--all", "--force", cwd=repository)
    run(*git, "commit", "--quiet", "--message", "snapshot", cwd=repository)


def installed(environment: Path) -> dict[str, str]:
    """Names and versions of all packages in the environment."""
    listing = run(
        UV, "pip", "freeze", "--quiet", "--python", environment, capture_output=True
    )
    return dict(
        line.replace(" @ ", "==").split("==", 1) for line in listing.stdout.splitlines()
    )


def execute(notebook: Path, environment: Path, repository: Path) -> None:
    """Run a notebook; its set-up cell installs from the snapshot, not from GitHub."""
    variables = os.environ | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{repository}.insteadOf",
        "GIT_CONFIG_VALUE_0": repository_url(),
    }
    run(
        environment / "bin" / "jupyter",
        *("nbconvert", "--to", "notebook", "--execute", "--log-level", "ERROR"),
        *("--output-dir", FOLDER / "executed", notebook),
        cwd=FOLDER,
        env=variables,
        capture_output=True,
    )


def code_cells(notebook: Path) -> list[nbformat.NotebookNode]:
    """The cells of a notebook that can print something."""
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def printed(cell: nbformat.NotebookNode) -> list[str]:
    """The lines that a cell has printed or shown, in their plain form."""
    texts = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
        if output.get("name") != "stderr"
    ]
    return "".join(texts).splitlines()


def demand_all_checks(sheet: Path) -> None:
    """Look whether each check of a sheet has answered in its executed copy."""
    cells = code_cells(FOLDER / "executed" / sheet.name)
    asked = [
        id
        for cell in cells
        for id in re.findall(r'^check\("(.+?)"', cell.source, re.MULTILINE)
    ]
    said = [line for cell in cells for line in printed(cell)]
    silent = [id for id in asked if not any(re.match(f"{id}: .", s) for s in said)]
    if silent or not asked:
        sys.exit(f"{sheet.name} does not reach its checks: {silent or 'it has none'}")


def demand_same_lines(chapter: Path) -> None:
    """Compare all that a chapter prints there with what is stored, line by line."""
    pairs = zip(
        code_cells(chapter), code_cells(FOLDER / "executed" / chapter.name), strict=True
    )
    for stored, executed in pairs:
        # Or what installs the helper, which says so.
        exempt = "nbval-ignore-output" in stored.metadata.get("tags", [])
        exempt |= "google.colab" in stored.source
        if not exempt and printed(stored) != printed(executed):
            difference = "\n".join(ndiff(printed(stored), printed(executed)))
            sys.exit(f"{chapter.name} prints something else there:\n{difference}")


same_numbers = partial(np.allclose, rtol=1e-4)


def same_order(*scores: list[float]) -> bool:
    """Whether scores rank the clips alike."""
    return np.array_equal(*map(np.argsort, scores))


def demand_same_scores() -> None:
    """Compare what detectors say there and here, on other versions of everything."""

    def score(python: str | Path) -> dict[str, list[float]]:
        printed = run(
            *(python, "-c", SCORING),
            cwd=FOLDER,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
        ).stdout
        return json.loads(printed)

    with ThreadPoolExecutor() as pool:
        here, there = pool.map(
            score, (sys.executable, ENVIRONMENTS[0] / "bin" / "python")
        )
    for name, scores in here.items():
        # A network may round otherwise, but ranks the clips alike.
        compare = same_order if name == "autoencoder" else same_numbers
        if not compare(scores, there[name]):
            sys.exit(f"{name} scores the clips differently there: {there[name]}")


def try_out(
    environment: Path, waiting: Iterator[Path], python: str, repository: Path
) -> int:
    """Run notebooks while some are waiting, and compare the packages before and after."""
    make_environment(environment, python)
    before = installed(environment)
    for notebook in waiting:
        print(f"{notebook.name} ...", flush=True)
        execute(notebook, environment, repository)
    after = installed(environment)
    added = sorted(set(after) - set(before))
    changed = dict(before.items() - after.items())
    if changed:
        sys.exit(f"installing the helper changed packages that Colab has: {changed}")
    if added != MAY_BE_ADDED:
        sys.exit(f"the set-up cells should add {MAY_BE_ADDED}, and added {added}")
    return len(before)


def main(arguments: list[str] | None = None) -> None:
    """Make the environments, run the notebooks, compare packages and scores."""
    parser = argparse.ArgumentParser(
        description="Run the course with Colab's versions."
    )
    known = [path.stem for path in sorted((ROOT / "book").glob("[0-9]*.ipynb"))]
    parser.add_argument("--without", nargs="+", choices=known, default=[])
    left_out = parser.parse_args(arguments).without
    FOLDER.mkdir(exist_ok=True)
    python = find_colabs_python()
    if python is None:
        print(
            f"No Python {COLAB_PYTHON} is at hand: the course was NOT tried with "
            "Colab's versions. Name one with COLAB_PYTHON=/path/to/python."
        )
        return
    repository = FOLDER / "repository"
    snapshot(ROOT, repository)
    chapters = [repository / "book" / f"{n}.ipynb" for n in known if n not in left_out]
    sheets = sorted((repository / "book" / "exercises").glob("sheet*.ipynb"))
    # Both take the next from here. Later chapters take longer, so they come first.
    waiting = iter([*reversed(chapters), *sheets])
    with ThreadPoolExecutor() as pool:
        tried = pool.map(
            lambda environment: try_out(environment, waiting, python, repository),
            ENVIRONMENTS,
        )
        n_packages = max(tried)
    for sheet in sheets:
        demand_all_checks(sheet)
    if load_dataset().title != "synthetic" and not os.environ.get("ESA4_RECORDINGS"):
        for chapter in chapters:
            demand_same_lines(chapter)
    demand_same_scores()
    print(
        f"{len(chapters)} chapters and {len(sheets)} sheets run with Colab's versions and "
        f"print the same; of its "
        f"{n_packages} packages here none was changed, and "
        f"{' and '.join(MAY_BE_ADDED)} were added. Detectors say the same there as here."
    )


if __name__ == "__main__":
    main()
