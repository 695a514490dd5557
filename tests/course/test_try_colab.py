"""What the trial with Colab's versions is made from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nbformat
import pytest
import try_colab
from try_colab import demand_same_lines, snapshot


def git(folder: Path, *arguments: str) -> str:
    name = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    result = subprocess.run(
        ["git", *name, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout in which something of every kind has changed since the last commit."""
    folder = tmp_path / "checkout"
    (folder / "deep").mkdir(parents=True)
    for name in ("same.txt", "changed.txt", "deleted.txt", "deep/forced.log"):
        (folder / name).write_text("committed")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "all")
    (folder / "changed.txt").write_text("changed")
    (folder / "deleted.txt").unlink()
    for name in ("added.txt", "untracked.txt", "ignored.log"):
        (folder / name).write_text("new")
    git(folder, "add", "added.txt")
    return folder


def test_a_snapshot_takes_tracked_files_only_and_as_they_are_now(checkout, tmp_path):
    repository = tmp_path / "copies" / "snapshot"
    for _ in range(2):
        snapshot(checkout, repository)
        tracked = git(repository, "ls-tree", "-r", "--name-only", "HEAD").split()
        assert tracked == [
            ".gitignore",
            "added.txt",
            "changed.txt",
            "deep/forced.log",
            "same.txt",
        ]
        assert git(repository, "show", "HEAD:changed.txt") == "changed"
        assert git(repository, "status", "--porcelain", "--ignored") == ""


@pytest.fixture
def chapter(tmp_path, monkeypatch) -> Path:
    """A stored chapter; its executed copy is what the test makes of it."""
    monkeypatch.setattr(try_colab, "FOLDER", tmp_path)
    (tmp_path / "executed").mkdir()
    write(tmp_path / "chapter.ipynb", "AUC 1.00")
    return tmp_path / "chapter.ipynb"


def write(file: Path, line: str, *tags: str) -> None:
    shown = nbformat.v4.new_output("stream", text=f"{line}\n")
    warned = nbformat.v4.new_output("stream", name="stderr", text="only there")
    cell = nbformat.v4.new_code_cell("...", outputs=[shown, warned])
    cell.metadata["tags"] = list(tags)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), file)


def test_a_chapter_must_print_the_same_there(chapter, tmp_path):
    write(tmp_path / "executed" / chapter.name, "AUC 1.00")
    demand_same_lines(chapter)
    write(tmp_path / "executed" / chapter.name, "AUC 0.99")
    with pytest.raises(SystemExit, match=r"(?s)chapter.ipynb.*- AUC 1.00.*\+ AUC 0.99"):
        demand_same_lines(chapter)


def test_what_depends_on_the_computer_need_not_be_the_same(chapter, tmp_path):
    write(chapter, "AUC 1.00", "nbval-ignore-output")
    write(tmp_path / "executed" / chapter.name, "AUC 0.99")
    demand_same_lines(chapter)
