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
from io import StringIO

import click
import pytest

from esa4_helpers import detector_names
from esa4_helpers.cli import _shared, main

detectors = importlib.import_module("esa4_helpers.cli.detectors")
fit = importlib.import_module("esa4_helpers.cli.fit")


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


class TestOptions:
    """What is given to them is understood, or refused in a sentence."""

    @pytest.mark.parametrize(
        ("option", "text", "expected"),
        [
            ("--channel", "0", 0),
            ("--channel", "10", 10),
            ("--channel", "mean", "mean"),
            ("--clip", "0.001", 0.001),
            ("--clip", "1e3", 1000.0),
            ("--false-alarms", "0.25", 0.25),
            ("--false-alarms", " 1 % ", 0.01),
            ("--false-alarms", "99.5%", 0.995),
        ],
    )
    def test_is_understood(self, monkeypatch, esa4, option, text, expected):
        asked = []
        monkeypatch.setattr(fit, "_fit_each", lambda *given: asked.append(given[2]))
        assert esa4("fit", "x", "--each", "-o", "y", option, text).exit_code == 0
        parameter = {"--clip": "clip_seconds", "--false-alarms": "false_alarm_rate"}
        (settings,) = asked
        assert getattr(settings, parameter.get(option, "channel")) == expected

    @pytest.mark.parametrize(
        ("option", "text", "sentence"),
        [
            ("--channel", "left", "left is neither 'mean' nor a number from 0 on"),
            ("--channel", "right", "right is neither 'mean' nor a number from 0 on"),
            ("--channel", "-1", "-1 is neither 'mean' nor a number from 0 on"),
            ("--clip", "long", "long is no number"),
            ("--clip", "0", "0 is not above 0"),
            ("--clip", "inf", "inf is not above 0"),
            ("--hop", "-1", "-1 is not above 0"),
            ("--false-alarms", "few", "few is no number"),
            *(
                (
                    "--false-alarms",
                    text,
                    f"{text} is no share between 0 and 1: write 0.01, or 1%, for one "
                    "normal clip in a hundred",
                )
                for text in ("0", "1", "100 %", "-0.1", "nan")
            ),
        ],
    )
    def test_is_refused(self, esa4, option, text, sentence):
        result = esa4("fit", "x", "-o", "y", option, text)
        assert result.exit_code == 2
        said = result.stderr.splitlines()[-1]
        assert said.endswith(f": {sentence}")
        assert option in said


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

    @pytest.mark.parametrize("number", [errno.EIO, errno.ENAMETOOLONG])
    def test_errors_of_the_system_do_so_whatever_their_number(self, ends_in, number):
        result = ends_in(OSError(number, "of no use"))
        assert (result.exit_code, result.output) == (
            1,
            f"Error: [Errno {number}] of no use\n",
        )

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


class TestJson:
    def test_is_indented_and_holds_nothing_that_json_lacks(self, capsys):
        _shared.print_json({"a": [1]})
        assert capsys.readouterr().out == '{\n  "a": [\n    1\n  ]\n}\n'
        with pytest.raises(ValueError, match="not JSON compliant"):
            _shared.print_json(float("nan"))


class TestProgress:
    """It is for people who look on."""

    class Terminal(StringIO):
        is_one = True

        def isatty(self) -> bool:
            return self.is_one

    def shown(self, monkeypatch, quiet: bool) -> str:
        terminal = self.Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert [*_shared.progress("ab", quiet=quiet)] == ["a", "b"]
        return terminal.getvalue()

    def test_it_is_wiped_at_the_end(self, monkeypatch):
        shown = self.shown(monkeypatch, quiet=False)
        assert "0it" in shown or "0/2" in shown
        assert shown.endswith("\r")
        assert self.shown(monkeypatch, quiet=True) == ""
        monkeypatch.setattr(self.Terminal, "is_one", False)
        assert self.shown(monkeypatch, quiet=False) == ""


def test_a_detector_that_knows_nothing_of_its_training_is_refused(
    tmp_path, monkeypatch
):
    class Old:
        training_ = None

    monkeypatch.setattr(_shared, "load_detector", lambda file: Old())
    with pytest.raises(click.ClickException) as caught:
        _shared.load("m.esa4")
    assert caught.value.message == (
        "m.esa4 holds no record of its training, so that its clips' rate and length are "
        "not known: renew it with esa4 fit"
    )


def test_without_dask_a_scheduler_is_refused_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(click.ClickException) as caught:
        next(_shared.run_each(abs, [(1,)], 1, "tcp://nowhere"))
    assert caught.value.message == (
        "--scheduler takes Dask, which is not installed: pip install "
        "'distributed>=2024.8'"
    )
    assert [*_shared.run_each(max, [(1, 2), (4, 3)], 1, None)] == [2, 4]


class TestPlaces:
    """Where results may go, and machines come from."""

    @staticmethod
    def refusal(check, *arguments: object) -> str:
        with pytest.raises(click.ClickException) as caught:
            check(*arguments)
        assert caught.value.exit_code == 1
        return caught.value.message

    def test_a_file_goes_into_a_folder_that_is_there(self, tmp_path):
        _shared.check_place(tmp_path / "new")
        (tmp_path / "old").touch()
        _shared.check_place(tmp_path / "old")
        nowhere = tmp_path / "no" / "new"
        assert self.refusal(_shared.check_place, nowhere) == (
            f"{nowhere} can't be written: there is no folder {tmp_path / 'no'}"
        )
        assert self.refusal(_shared.check_place, tmp_path) == (
            f"{tmp_path} can't be written: it is a folder or a device, not a file"
        )

    @pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.ENAMETOOLONG])
    def test_only_a_full_disk_is_told_in_other_words(self, tmp_path, number):
        file = tmp_path / "s.csv"
        is_full = number == errno.ENOSPC
        expected = click.ClickException if is_full else OSError
        with pytest.raises(expected) as caught, _shared.written(file):
            raise OSError(number, "of no use")
        if is_full:
            assert caught.value.message == f"{file} was not written: of no use"
        assert [*tmp_path.iterdir()] == []

    def test_machines_are_the_folders_that_are_not_hidden(self, tmp_path):
        for name in ("fan 10", "fan 2", ".cache"):
            (tmp_path / name).mkdir()
        (tmp_path / "notes.txt").touch()
        expected = [("fan 2", tmp_path / "fan 2"), ("fan 10", tmp_path / "fan 10")]
        assert [*_shared.machines_in(tmp_path).items()] == expected
        (empty, nowhere) = (tmp_path / "fan 2", tmp_path / "no")
        assert self.refusal(_shared.machines_in, empty) == (
            f"{empty} has no sub-folders: --each takes one for each machine"
        )
        assert (
            self.refusal(_shared.machines_in, nowhere)
            == f"there is no folder {nowhere}"
        )


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
