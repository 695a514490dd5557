"""What holds for the package as a whole."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path

import pytest
from order import ORDER, PACKAGE, places, sources
from order import PUBLIC as PUBLIC_PLACES

import esa4_helpers


def public_things() -> dict[str, object]:
    """Every public function and class of every module, and their own methods."""
    things = {}
    for module_name in (*PUBLIC_PLACES, "__main__"):
        module = import_module(f"esa4_helpers.{module_name}")
        for name, thing in vars(module).items():
            # A subpackage shows what its own modules define.
            home = f"{getattr(thing, '__module__', '')}."
            if name.startswith("_") or not home.startswith(f"{module.__name__}."):
                continue
            if inspect.isfunction(thing):
                things[f"{module_name}.{name}"] = thing
            elif inspect.isclass(thing):
                things[f"{module_name}.{name}"] = thing
                for method_name, method in vars(thing).items():
                    if not method_name.startswith("_") and inspect.isfunction(method):
                        things[f"{module_name}.{name}.{method_name}"] = method
    return things


PUBLIC = public_things()
FUNCTIONS = {name: f for name, f in PUBLIC.items() if inspect.isfunction(f)}


def imported_places(source: Path) -> set[str]:
    """The modules and subpackages of this package that one of its files imports."""
    package = ".".join(source.relative_to(PACKAGE.parent).parent.parts)
    names = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = resolve_name("." * node.level + (node.module or ""), package)
            names |= {f"{start}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("esa4_helpers.")}


def test_every_module_has_its_place_in_the_order():
    assert places() == {*ORDER, "__init__"}
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("place", ORDER)
def test_no_module_imports_a_later_one(place):
    earlier = ORDER[: ORDER.index(place)]
    own = {place} if (PACKAGE / place).is_dir() else set()
    for source in sources(place):
        assert imported_places(source) <= {*earlier, *own}, source


def test_importing_it_loads_neither_tensorflow_nor_keras():
    code = "import sys, esa4_helpers; print({'tensorflow', 'keras'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


def test_its_face_is_sorted_and_exists():
    assert sorted(esa4_helpers.__all__) == esa4_helpers.__all__
    for name in esa4_helpers.__all__:
        assert hasattr(esa4_helpers, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_document_what_they_take_return_and_raise(name):
    function, doc = FUNCTIONS[name], inspect.getdoc(FUNCTIONS[name]) or ""
    parameters = [p for p in inspect.signature(function).parameters if p != "self"]
    if len(parameters) > 0:
        section = doc.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
        described = re.findall(r"^\*?(\w+(?:, \w+)*) : ", section, re.MULTILINE)
        assert ", ".join(described).split(", ") == parameters
    if inspect.signature(function).return_annotation not in (None, "None"):
        assert "Returns\n-------\n" in doc
    source = inspect.getsource(function)
    if "raise " in source or "check_" in source:
        assert "Raises\n------\n" in doc


@pytest.mark.parametrize("name", [name for name in PUBLIC if name.count(".") == 1])
def test_public_names_have_a_summary_and_an_example(name):
    thing = PUBLIC[name]
    doc = inspect.getdoc(thing) or ""
    summary = doc.split("\n\n")[0]
    assert "\n" not in summary
    assert summary.endswith(".")
    # Base classes and exceptions are met through what builds on them.
    bases = ("detectors.OutlierDetector", "detectors.FeatureDetector")
    if name not in bases and not (
        inspect.isclass(thing) and issubclass(thing, Exception)
    ):
        assert "Examples\n--------\n" in doc
        assert ">>> " in doc


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_have_type_hints(name):
    signature = inspect.signature(FUNCTIONS[name])
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        if parameter.name != "self":
            assert parameter.annotation is not inspect.Parameter.empty
