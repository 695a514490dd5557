"""What one gets who installs the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "esa4_helpers").rglob("*")
    if path.is_file() and path.suffix != ".pyc"
}


def run(*arguments: str | Path, cwd: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def build_wheel(source: Path, folder: Path) -> zipfile.ZipFile:
    """Build from a folder or an archive, with the backend that is installed."""
    options = ("--no-build-isolation", "--no-deps", "--no-index")
    run("pip", "wheel", *options, "--wheel-dir", folder, source, cwd=folder.parent)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with what earlier builds and runs have left in it."""
    folder = tmp_path_factory.mktemp("wheel") / "source"
    shutil.copytree(ROOT / "esa4_helpers", folder / "esa4_helpers")
    for name in (".gitignore", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for left in ("build/lib/esa4_helpers", "esa4_helpers/__pycache__"):
        (folder / left).mkdir(parents=True, exist_ok=True)
        (folder / left / "deleted_long_ago.py").write_text("", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path) -> zipfile.ZipFile:
    with build_wheel(source, source.parent / "wheels") as file:
        yield file


def contents(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    """All files but the list of them, which is ordered as it comes."""
    return {
        name: wheel.read(name)
        for name in wheel.namelist()
        if not name.endswith(("/", "/RECORD"))
    }


def test_it_holds_the_package_as_it_is_in_the_tree_and_nothing_else(wheel):
    held = contents(wheel)
    notes = {name for name in held if ".dist-info/" in name}
    assert held.keys() - notes == PACKAGE
    assert {name.split("/", 1)[1] for name in notes} == {
        "METADATA",
        "entry_points.txt",
        "WHEEL",
        "licenses/LICENSE",
    }
    for name in PACKAGE:
        assert held[name] == (ROOT / name).read_bytes()


def test_it_says_what_it_is(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode("utf-8"))
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_payload().startswith("# ESA 4")


def test_the_source_distribution_makes_the_same_wheel(source, wheel):
    folder = source.parent / "sdist"
    run("hatchling", "build", "--target", "sdist", "--directory", folder, cwd=source)
    (archive,) = folder.glob("*.tar.gz")
    with build_wheel(archive, source.parent / "from_sdist") as again:
        assert contents(again) == contents(wheel)
