"""What the trial with the lowest and the newest versions says of what it has tried."""

from __future__ import annotations

from pathlib import Path

import pytest
import try_versions
from pythons import is_version
from try_versions import main


@pytest.fixture
def failing(monkeypatch) -> set[str]:
    """Words of commands that fail; nothing is run, and there is no Python 3.13."""
    words = set()
    monkeypatch.setattr(
        try_versions, "find_python", lambda v: None if v == "3.13" else f"python{v}"
    )
    monkeypatch.setattr(
        try_versions, "run", lambda *command: not words & set(map(str, command))
    )
    return words


def said(capsys: pytest.CaptureFixture) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_python_that_is_not_there_is_named_and_the_others_are_tried(failing, capsys):
    main(["--pythons", "3.12", "3.13"])
    first, second, third, fourth = said(capsys)
    assert first == "Python 3.12, lowest: passed"
    assert second == "Python 3.12, newest: passed"
    assert third.startswith("Python 3.13, lowest: NOT TRIED")
    assert fourth.startswith("Python 3.13, newest: NOT TRIED")


def test_what_could_not_be_tried_at_all_has_not_passed(failing):
    with pytest.raises(SystemExit):
        main(["--pythons", "3.13"])


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("book", "package and chapters failed"),
        ("tests/course", "course failed"),
        ("pytest", "package and chapters and course failed"),
        ("lowest-direct", "can't be installed"),
    ],
)
def test_what_fails_is_named_and_the_rest_is_tried(failing, capsys, word, result):
    failing.add(word)
    with pytest.raises(SystemExit):
        main(["--pythons", "3.11", "--versions", "lowest"])
    assert said(capsys) == [f"Python 3.11, lowest: {result}"]


def test_another_versions_command_is_no_python_of_this_one(tmp_path: Path):
    fake = tmp_path / "python3.12"
    fake.write_text("#!/bin/sh\necho 3.11\n")
    fake.chmod(0o755)
    assert is_version(fake, "3.11")
    assert not is_version(fake, "3.12")
    assert not is_version(tmp_path / "none", "3.12")
