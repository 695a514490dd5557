"""What holds for every chapter, besides running: nbval sees to that."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import notebooks as tool
import pytest
import yaml
from jupyter_cache import get_cache
from sphinx_ext.esa4_site import banner_for, results_folder

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
SOURCES = sorted((ROOT / "book").glob("*.py"))

for_each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS]
)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def essence(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    """What a person edits: kinds, texts and tags of the cells."""
    return [
        (cell.cell_type, cell.source, json.dumps(cell.metadata, sort_keys=True))
        for cell in notebook.cells
    ]


def test_there_are_notebooks_and_each_has_its_source():
    assert len(NOTEBOOKS) >= 4
    assert [p.with_suffix("") for p in NOTEBOOKS] == [
        p.with_suffix("") for p in SOURCES
    ]


@for_each_notebook
def test_pairs_say_the_same(path):
    """After a change of a .py file: make notebooks."""
    notebook = nbformat.read(path, as_version=4)
    source = jupytext.read(path.with_suffix(".py"))
    assert essence(notebook) == essence(source)
    assert notebook.metadata["kernelspec"] == source.metadata["kernelspec"]


@for_each_notebook
def test_every_cell_was_run_once_from_top_to_bottom(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@for_each_notebook
def test_no_output_is_an_error_or_a_warning(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"


@for_each_notebook
def test_no_code_takes_the_valves_rate_length_or_loudness_for_granted(path):
    cells = code_cells(path)
    if not any("load_dataset()" in cell.source for cell in cells):
        pytest.skip("its sounds are not the course's recordings")
    for cell in cells:
        assert not re.search(r"44\.1|44_?100|110_?250|gain_db=18", cell.source)


@for_each_notebook
def test_no_recording_is_stored(path):
    for cell in code_cells(path):
        outputs = json.dumps(cell.outputs)
        assert not re.search(r"data:audio|audio/|<audio|UklGR", outputs)
        if re.search(r"Clip(Player|Quiz|Gallery)\(", cell.source):
            assert "listen" in cell.metadata["tags"]
        if "listen" in cell.metadata.get("tags", []):
            assert cell.outputs == []


@for_each_notebook
def test_stored_outputs_come_from_the_recordings(path):
    text = json.dumps([cell.outputs for cell in code_cells(path)])
    # A fork stores those of its own recordings.
    assert re.search(r"data set: \w", text)
    assert "data set: synthetic" not in text


@for_each_notebook
def test_stored_outputs_name_no_folder_of_a_machine(path):
    text = json.dumps([cell.outputs for cell in code_cells(path)])
    assert not re.search(
        r"(?<![\w.])/(home|Users|root|tmp|work|usr|var)/|[A-Z]:\\\\", text
    )


@for_each_notebook
def test_every_figure_has_alt_text_and_nothing_else_does(path):
    for cell in code_cells(path):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        draws = "image/svg+xml" in kinds
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert draws == (len(alt) > 20), cell.source
        # Sharp on any screen, and the only kind that the site can make dark.
        assert "image/png" not in kinds


def test_no_notebook_is_heavy():
    assert all(path.stat().st_size < 1e6 for path in NOTEBOOKS)


@for_each_notebook
def test_results_are_tables_and_have_a_plain_form(path):
    stored = [
        output.get("data", {}) for cell in code_cells(path) for output in cell.outputs
    ]
    tables = [data for data in stored if "text/html" in data]
    assert tables
    for table in tables:
        assert "<table>" in table["text/html"]
        assert table["text/plain"].count("\n") >= 3


@for_each_notebook
def test_cells_are_short_and_each_is_introduced(path):
    before = None
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert before == "markdown", cell.source
            assert len(cell.source.splitlines()) <= 16, cell.source
        before = cell.cell_type


@for_each_notebook
def test_only_cells_that_train_or_listen_are_not_compared(path):
    for cell in code_cells(path):
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            trains = path.stem in ("04_autoencoder", "05_evaluation", "06_faults")
            assert trains or "listen" in cell.metadata.tags


@for_each_notebook
def test_chapters_open_and_close_alike(path):
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].source.startswith("# ")
    first_section = next(i for i, c in enumerate(cells) if c.source.startswith("## "))
    opening = "\n".join(cell.source for cell in cells[:first_section])
    for part in ("**What you will learn**", "**What you need**", "**Time**"):
        assert part in opening
    everything = "\n".join(cell.source for cell in cells)
    for heading in ("\n## Summary\n", "\n## Questions to think about\n"):
        assert heading in everything


@for_each_notebook
def test_a_question_to_hear_comes_first_and_what_prepares_it_folds(path):
    cells = nbformat.read(path, as_version=4).cells
    first_section = next(i for i, c in enumerate(cells) if c.source.startswith("## "))
    *before, question = [c for c in cells[:first_section] if c.cell_type == "code"]
    assert "ClipQuiz(" in question.source
    assert all("hide-input" in cell.metadata.tags for cell in before)
    # Nothing long to read before it.
    text = [
        c.source for c in cells[: cells.index(question)] if c.cell_type == "markdown"
    ]
    assert sum(map(len, text)) < 900


@for_each_notebook
def test_markdown_reads_well_without_the_site(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"^:::|^```\{|\{[a-z:]+\}`", cell.source, re.MULTILINE)


@for_each_notebook
def test_set_up_comes_first_and_installs_from_the_books_repository(path):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert code_cells(path)[0].source == (
        "import sys\n\n"
        'if "google.colab" in sys.modules:\n'
        f'    %pip install --quiet "git+{config["repository"]["url"]}"'
    )


class TestTool:
    def test_stamping_follows_the_configuration(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tool, "repository_url", lambda: "https://example.org/fork")
        files = []
        for original in (ROOT / "book" / "01_dataset.py", ROOT / "CITATION.cff"):
            files.append(tmp_path / original.name)
            files[-1].write_text(original.read_text(encoding="utf-8"), encoding="utf-8")
        tool.stamp_address(files)
        assert '"git+https://example.org/fork"' in files[0].read_text(encoding="utf-8")
        assert 'repository-code: "https://example.org/fork"' in files[1].read_text(
            encoding="utf-8"
        )

    def test_all_addresses_are_stamped(self):
        sheets = (ROOT / "exercises").glob("*.py")
        for file in (*tool.chapters(), *sheets, ROOT / "CITATION.cff"):
            found = tool.ADDRESS.findall(file.read_text(encoding="utf-8"))
            assert [url for _, url in found] == [tool.repository_url()]

    def test_running_stores_outputs_but_not_what_is_heard(self, tmp_path):
        source = tmp_path / "new.py"
        source.write_text(
            '# %% tags=["listen"]\nprint("recording")\n\n# %%\nprint(1 + 1)\n',
            encoding="utf-8",
        )
        notebook = tool.run(tool.merge(source), tmp_path)
        listened, computed = notebook.cells
        assert listened.outputs == []
        assert computed.outputs[0].text == "2\n"
        assert [cell.execution_count for cell in notebook.cells] == [1, 2]

    def test_merging_keeps_the_ids_of_cells(self):
        for path in NOTEBOOKS:
            before = [cell.id for cell in nbformat.read(path, as_version=4).cells]
            merged = tool.merge(path.with_suffix(".py"))
            assert [cell.id for cell in merged.cells] == before


def test_the_site_is_built_from_what_a_passing_chapter_has_shown(tmp_path):
    """What nbval runs is not run again; what it rejects is."""
    made = {}
    shown = nbformat.v4.new_output("stream", text="something else\n")
    for name, comment in (("passes", "# NBVAL_IGNORE_OUTPUT"), ("differs", "")):
        cell = nbformat.v4.new_code_cell(
            f"{comment}\nprint(6 * 7)", execution_count=1, outputs=[shown]
        )
        made[name] = nbformat.v4.new_notebook(cells=[cell])
        nbformat.write(made[name], tmp_path / f"{name}.ipynb")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    options = f"--nbval --nbval-current-env --rootdir={tmp_path}"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tools")},
        capture_output=True,
        text=True,
    )
    assert "1 failed, 1 passed" in result.stdout, result.stdout + result.stderr
    cache = get_cache(results_folder(tmp_path / "_build"))
    found = cache.match_cache_notebook(made["passes"])
    (cell,) = cache.get_cache_bundle(found.pk).nb.cells
    assert cell.outputs[0].text == "42\n"
    with pytest.raises(KeyError):
        cache.match_cache_notebook(made["differs"])
    cache.db.dispose()


def test_results_from_other_recordings_are_kept_apart(cache, monkeypatch, tmp_path):
    folders = {results_folder(tmp_path)}
    own = tmp_path / "pumps"
    own.mkdir()
    monkeypatch.setenv("ESA4_RECORDINGS", str(own))
    for content in (b"a clip", b"another clip"):
        (own / "train_0.wav").write_bytes(content)
        folders.add(results_folder(tmp_path))
    assert len(folders) == 3


def test_pages_say_so_where_clips_are_not_the_courses(cache, monkeypatch, tmp_path):
    assert banner_for("recordings") == banner_for("anomaly_mini") == ""
    assert "synthetic clips" in banner_for("synthetic")
    monkeypatch.setenv("ESA4_RECORDINGS", str(tmp_path / "<pumps>.zip"))
    assert "other recordings, &lt;pumps&gt;:" in banner_for("recordings")
    assert banner_for("anomaly_mini") == ""
