from __future__ import annotations

from pathlib import Path

import click
import mutate_package
import pytest
from mutate_package import PACKAGE, ROOT, Verdict

KILLED = Verdict("a.py", True, "-a\n+b\n")
SURVIVED = Verdict("a.py", False, "--- a.py\n+++ a.py\n@@ @@\n  x\n-    a\n+    b\n")


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)


def test_each_module_has_tests_that_are_there():
    modules = mutate_package.modules()
    assert PACKAGE / "evaluation.py" in modules
    assert not any("exercises" in module.parts for module in modules)
    for module in modules:
        doctests, *own = mutate_package.tests_of(module)
        assert own
        assert all(Path(file).exists() for file in (doctests, *own))


def test_a_seed_draws_the_places_and_no_place_twice():
    modules = [PACKAGE / "sensor.py", PACKAGE / "training.py"]
    drawn = mutate_package.sample(1, 12, modules)
    assert drawn == mutate_package.sample(1, 12, modules)
    assert drawn != mutate_package.sample(2, 12, modules)
    assert len({(one.module_path, one.start_pos) for one in drawn}) == 12


def test_hints_and_guards_are_no_places(tmp_path):
    module = tmp_path / "a.py"
    module.write_text(
        "def f(x: int | None) -> int | None:\n    return x | 1\n\n\n"
        "pairs = zip([], [], strict=True)\n"
        "try:\n    pass\nexcept (OSError, *ERRORS, io.Error):\n    pass\n"
    )
    places = {one.start_pos for one in mutate_package.sample(0, 99, [module])}
    assert places == {(2, 13), (2, 15), (8, 8)}


def test_a_change_is_known_by_its_lines():
    assert SURVIVED.change == ("-a", "+b")
    for module, change in mutate_package.equivalent():
        assert (ROOT / module).is_file()
        assert change[0] != change[1]


def test_an_equivalent_that_is_no_more_is_named(tmp_path, monkeypatch):
    stale = tmp_path / "stale.toml"
    entry = {"module": "esa4_helpers/sensor.py", "old": "gone", "new": "", "reason": ""}
    lines = [f'{key} = "{value}"' for key, value in entry.items()]
    stale.write_text("\n".join(["[[equivalent]]", *lines]))
    monkeypatch.setattr(mutate_package, "EQUIVALENT", stale)
    with pytest.raises(click.ClickException, match="no line 'gone' any more"):
        mutate_package.equivalent()


@pytest.mark.parametrize("n_killed", [92, 93])
def test_too_many_survivors_are_a_failure(n_killed, capsys):
    verdicts = [KILLED] * n_killed + [SURVIVED] * (100 - n_killed)
    if n_killed < 93:
        with pytest.raises(click.ClickException, match="at least 93%"):
            mutate_package.report(verdicts)
    else:
        mutate_package.report(verdicts)
    assert f"{n_killed}/100" in capsys.readouterr().out
