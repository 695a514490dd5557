"""What holds for all commands."""

from __future__ import annotations

import errno
import importlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator

import click
import pytest

from esa4_helpers import detector_names
from esa4_helpers.cli import main

detectors = importlib.import_module("esa4_helpers.cli.detectors")


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


@pytest.mark.parametrize("command", [*commands(main)], ids=" ".join)
def test_every_help_has_an_example(esa4, command):
    result = esa4(*command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n      esa4 {' '.join(command)}" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["upload"]])
def test_anything_else_shows_the_usage(esa4, arguments):
    result = esa4(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert result.stdout == ""


class TestDetectors:
    def test_lists_all_in_their_order_with_a_line_each(self, esa4):
        lines = esa4("detectors").stdout.splitlines()
        assert [line.split()[0] for line in lines] == [*detector_names()]
        assert all(len(line) < 100 for line in lines)

    def test_prints_the_same_for_programs(self, esa4):
        lines = json.loads(esa4("detectors", "--json").stdout)
        assert list(lines) == [*detector_names()]
        assert lines == detectors.ONE_LINE


class TestEndings:
    """Whatever happens in a command ends in one line."""

    @pytest.fixture
    def ends_in(self, monkeypatch, esa4):
        def run(error: BaseException):
            def names() -> None:
                raise error

            monkeypatch.setattr(detectors, "detector_names", names)
            return esa4("detectors")

        return run

    @pytest.mark.parametrize(
        "error",
        [ValueError("of\nno use"), OSError("of\nno use"), MemoryError("of\nno use")],
    )
    def test_errors_take_one_line(self, ends_in, error):
        result = ends_in(error)
        assert (result.exit_code, result.stderr) == (1, "Error: of\\nno use\n")

    def test_an_interruption_is_quiet(self, ends_in):
        result = ends_in(KeyboardInterrupt())
        assert (result.exit_code, result.output) == (130, "")

    def test_a_reader_who_has_had_enough_is_no_error(self, ends_in):
        result = ends_in(BrokenPipeError(errno.EPIPE, "Broken pipe"))
        assert (result.exit_code, result.output) == (1, "")

    def test_warnings_are_plain_lines(self, monkeypatch, esa4):
        def names() -> tuple[str, ...]:
            warnings.warn("look at\nthis", UserWarning, stacklevel=1)
            return ("gmm",)

        monkeypatch.setattr(detectors, "detector_names", names)
        result = esa4("detectors")
        assert result.stderr == "Warning: look at\\nthis\n"
        assert result.stdout.startswith("gmm ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
def test_runs_as_a_module_and_a_full_disk_takes_one_line():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "esa4_helpers", "detectors"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 1
    assert result.stderr == "Error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("options", [(), ("--csv", "-"), ("--json",)])
def test_without_any_standard_output_nothing_is_printed(
    monkeypatch, machine, clean, options
):
    monkeypatch.setattr(sys, "stdout", None)
    arguments = ["score", str(machine), str(clean / "day 1.wav"), *options]
    assert not main.main(arguments, standalone_mode=False)
