"""Bring every stored notebook in line with its .py file: python tools/notebooks.py

The .py files in book/ are what people edit. For each, this script copies the text
into the .ipynb of the same name, runs that from top to bottom on the recordings and
stores the outputs. Cells tagged "listen" are run, but their outputs are left out:
they hold the recordings, which are never committed. Name files to do only those.

It also copies the repository's address from _config.yml, the one place where it is
edited, to the other files that need it.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbclient import NotebookClient

from esa4_helpers import load_dataset

ROOT = Path(__file__).resolve().parent.parent
# Wherever else the repository's address stands: what comes before it, and where.
ADDRESS = re.compile(
    r'(pip install --quiet "git\+|^repository-code: ")([^"]+)', re.MULTILINE
)


def chapters() -> list[Path]:
    """The sources of the notebooks, in reading order."""
    return sorted((ROOT / "book").glob("[0-9]*.py"))


def repository_url() -> str:
    """The address of the repository, from the one place where it is edited."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"]


def stamp_address(files: list[Path]) -> None:
    """Write the repository's address into files that quote it."""
    for file in files:
        old = file.read_text(encoding="utf-8")
        new = ADDRESS.sub(lambda match: match[1] + repository_url(), old)
        if new != old:
            file.write_text(new, encoding="utf-8")


def merge(source: Path) -> nbformat.NotebookNode:
    """The notebook with the source's cells, and the ids of those it had before."""
    notebook = jupytext.read(source)
    target = source.with_suffix(".ipynb")
    if target.exists():
        notebook = jupytext.combine.combine_inputs_with_outputs(
            notebook, nbformat.read(target, as_version=4)
        )
    return notebook


def run(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run every cell in order; leave out what may not be stored."""
    NotebookClient(
        notebook,
        timeout=900,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    # Which Python it was is of no use to a reader and would differ at every run.
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        if "listen" in cell.metadata.get("tags", []):
            cell.outputs = []
    return notebook


def main(names: list[str]) -> None:
    """Stamp, merge, run and store the named notebooks, or all."""
    sheets = sorted((ROOT / "exercises").glob("*.py"))
    stamp_address([*chapters(), *sheets, ROOT / "CITATION.cff"])
    if load_dataset().title == "synthetic" or os.environ.get("ESA4_RECORDINGS"):
        sys.exit(
            "stored outputs must come from the recordings that the repository names: "
            "unset ESA4_DATASET and ESA4_RECORDINGS"
        )
    for source in [Path(name).resolve() for name in names] or chapters():
        print(f"{source.name} ...", flush=True)
        notebook = run(merge(source), source.parent)
        jupytext.write(notebook, source.with_suffix(".ipynb"))
        jupytext.write(notebook, source)


if __name__ == "__main__":
    main(sys.argv[1:])
