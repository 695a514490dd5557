"""Make the student notebooks from the sheets' sources: python tools/student_sheets.py

The sources in exercises/ hold the solutions. Otter cuts these out; what is left goes
to book/exercises/. Nothing is run: a student's notebook starts without outputs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import jupytext
import nbformat
from otter.assign import main as assign

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "exercises"
NOTEBOOKS = ROOT / "book" / "exercises"


def sources() -> list[Path]:
    """The sheets' sources, in order."""
    return sorted(SOURCES.glob("sheet*.py"))


def student_notebook(source: Path) -> nbformat.NotebookNode:
    """What a student gets: the sheet without its solutions."""
    with tempfile.TemporaryDirectory() as folder:
        settings = SOURCES / "otter.yml"
        Path(folder, settings.name).write_bytes(settings.read_bytes())
        master = Path(folder, source.stem + ".ipynb")
        nbformat.write(jupytext.read(source), master)
        assign(str(master), str(Path(folder, "out")), no_pdfs=True)
        result = Path(folder, "out", "student", master.name)
        notebook = nbformat.read(result, as_version=4)
    # Ids that stay the same from run to run, and only metadata that others need.
    for i, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{i}"
        cell.metadata = {}
    kept = {
        "kernelspec": notebook.metadata["kernelspec"],
        "esa4": {"sheet": source.stem},
    }
    notebook.metadata = nbformat.from_dict(kept)
    return notebook


def main() -> None:
    """Make and store them all."""
    NOTEBOOKS.mkdir(exist_ok=True)
    for source in sources():
        target = NOTEBOOKS / f"{source.stem}.ipynb"
        nbformat.write(student_notebook(source), target)
        print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
