"""How make finds a Python, and makes and keeps the environment that all else runs in."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import environment
import pytest
import yaml
from alone import alone

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = ROOT / "Makefile"


def test_all_speak_of_the_same_pythons():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    made = re.search("^PYTHONS = (.*)", MAKEFILE.read_text("utf-8"), re.MULTILINE)[1]
    minors = [int(version.removeprefix("3.")) for version in made.split()]
    assert minors == [*range(minors[0], minors[-1] + 1)]
    limits = f">=3.{minors[0]},<3.{minors[-1] + 1}"
    assert project["requires-python"] == limits
    text = (ROOT / ".github/workflows/tests.yml").read_text("utf-8")
    matrix = yaml.safe_load(text)["jobs"]["versions"]["strategy"]["matrix"]
    assert matrix["python"] == made.split()
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"You need Python 3.{minors[0]} to 3.{minors[-1]} " in readme


@pytest.fixture
def course(tmp_path) -> SimpleNamespace:
    """A folder with a difficult name, and a make that knows no variable from here."""
    folder = tmp_path / "Töne & Räume"
    folder.mkdir()
    shutil.copy(MAKEFILE, folder)
    log = tmp_path / "log"

    def pretend(place: Path, version: str) -> Path:
        """A Python that says its version, and notes what else it is asked for."""
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            f'#!/bin/sh\n[ "$1" != -c ] || {{ echo {version}; exit; }}\n'
            f'echo "$HOME: {place.name} $*" >> {log}\n'
        )
        place.chmod(0o755)
        return place

    def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", ".venv/site", *arguments],
            cwd=folder,
            env={"PATH": f"{tmp_path}/bin:{os.defpath}", "HOME": "/", **variables},
            capture_output=True,
            text=True,
        )

    return SimpleNamespace(
        folder=folder, bin=tmp_path / "bin", pretend=pretend, make=make, log=log
    )


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7", "nothing; exit 1"])
def test_a_python_that_does_not_fit_is_named_in_a_line_and_changes_nothing(
    course, version
):
    course.pretend(course.bin / "python3", version)
    result = course.make()
    assert result.returncode != 0
    line, end = result.stderr.splitlines()
    assert line.startswith(f"python3 is {version.partition(';')[0]}; ")
    assert "PYTHON=python3" in line
    assert end.startswith("make: ***")
    assert [path.name for path in course.folder.iterdir()] == ["Makefile"]
    assert not course.log.exists()


def test_a_python_that_is_not_there_is_named_too(course):
    result = course.make("PYTHON=python3.99")
    assert result.stderr.startswith("python3.99 is no Python that runs; ")


def test_after_a_try_with_a_wrong_python_the_named_one_makes_the_environment(course):
    course.pretend(course.bin / "python3", "3.10")
    assert course.make().returncode != 0
    named = course.pretend(course.bin / "python3.12", "3.12")
    assert course.make(f"PYTHON={named}").returncode == 0
    assert course.log.read_text() == "/: python3.12 tools/environment.py .venv/site\n"


@pytest.mark.parametrize(("old", "asked"), [("3.12", "python"), ("3.10", "python3")])
def test_an_environment_of_a_python_that_fits_is_not_left_for_python3(
    course, old, asked
):
    course.pretend(course.bin / "python3", "3.11")
    course.pretend(course.folder / ".venv/bin/python", old)
    assert course.make().returncode == 0
    assert course.log.read_text().startswith(f"/: {asked} ")


def test_who_has_no_home_gets_one_in_the_folder(course):
    course.pretend(course.bin / "python3", "3.11")
    assert course.make("-rR", HOME="/no/such/home").returncode == 0
    home = course.folder / "_build" / "home"
    assert course.log.read_text().startswith(f"{home}: ")
    assert home.is_dir()


@pytest.fixture
def made(tmp_path, monkeypatch) -> list[str]:
    """What is done to make an environment, of which only its Python is real."""
    monkeypatch.chdir(tmp_path)
    for file in environment.SOURCES:
        file.write_text("as it was")
    done = []

    class Builder:
        def __init__(self, **_: bool) -> None:
            pass

        def create(self, folder: Path) -> None:
            done.append("create")
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "bin").mkdir(parents=True)
            (folder / "pyvenv.cfg").touch()
            (folder / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(environment, "EnvBuilder", Builder)
    monkeypatch.setattr(environment, "run", lambda *command: done.append(command[-1]))
    environment.main(".venv/installed")
    assert done == ["create", "uv", "test"]
    done.clear()
    return done


def test_a_whole_environment_is_left_as_it_is(made):
    for name in ("installed", "site"):
        environment.main(f".venv/{name}")
    assert made == []


def test_what_is_asked_for_anew_is_installed_into_it(made):
    Path("pyproject.toml").write_text("changed")
    environment.main(".venv/site")
    assert made == ["uv", "site"]
    # What only tests need may have changed as well.
    environment.main(".venv/installed")
    assert made == ["uv", "site", "uv", "test"]


def end_early() -> None:
    def cut_off(*_: str) -> None:
        raise KeyboardInterrupt

    Path("constraints.txt").write_text("changed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "run", cut_off)
        with pytest.raises(KeyboardInterrupt):
            environment.main(".venv/installed")


def break_python() -> None:
    python = Path(".venv/bin/python")
    python.unlink()
    python.symlink_to("/no/such/python")


def exchange_python() -> None:
    python = Path(".venv/bin/python")
    python.unlink()
    python.write_text("#!/bin/sh\necho cpython-310\n")
    python.chmod(0o755)


def move_folder() -> None:
    Path("elsewhere").mkdir()
    Path(".venv").rename("elsewhere/.venv")
    for file in environment.SOURCES:
        shutil.copy(file, "elsewhere")
    os.chdir("elsewhere")


def forget_that_it_ended() -> None:
    for name in ("site", "installed"):
        Path(".venv", name).write_bytes(b"")


@pytest.mark.parametrize(
    "spoil",
    [end_early, break_python, exchange_python, move_folder, forget_that_it_ended],
)
def test_one_that_does_not_fit_is_made_anew(made, spoil):
    spoil()
    environment.main(".venv/installed")
    assert made == ["create", "uv", "test"]
    environment.main(".venv/installed")
    assert made == ["create", "uv", "test"]


def test_a_folder_that_is_no_environment_is_left_as_it_is(made):
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("years of work")
    with pytest.raises(SystemExit, match=r"mine is no environment.*VENV="):
        environment.main("mine/site")
    assert Path("mine/thesis.tex").exists()
    assert made == []


def test_of_two_at_once_one_makes_it_and_the_other_waits(made, capsys):
    forget_that_it_ended()
    with alone(Path(".venv.lock")):
        both = [Thread(target=environment.main, args=[".venv/site"]) for _ in range(2)]
        for one in both:
            one.start()
        while "waiting for it" not in capsys.readouterr().out:
            time.sleep(0.01)
        assert made == []
    for one in both:
        one.join()
    assert made == ["create", "uv", "site"]


def test_who_is_killed_lets_go(tmp_path):
    script = ROOT / "tools" / "alone.py"
    with subprocess.Popen(
        [sys.executable, script, "sh", "-c", "echo started; exec sleep 60"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        first.stdout.readline()
        with subprocess.Popen(
            [sys.executable, script, "echo", "second"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        ) as second:
            assert "waiting for it" in second.stdout.readline()
            first.send_signal(signal.SIGKILL)
            assert second.stdout.readline() == "second\n"
