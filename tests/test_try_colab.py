"""What the trial with Colab's versions is made from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from try_colab import snapshot


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
