"""What holds for the package as a whole."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import esa4_helpers

FOLDER = Path(esa4_helpers.__file__).parent
# The order in which data flows: no module imports a later one.
ORDER = (
    "_checks",
    "synthesis",
    "datasets",
    "features",
    "detectors",
    "networks",
    "autoencoder",
    "recipes",
    "explanation",
    "storage",
    "evaluation",
    "plotting",
    "widgets",
    "exercises",
    "__main__",
)


def files_of(module: str) -> list[Path]:
    """The file of a module, or the files of a package."""
    return sorted(FOLDER.glob(f"{module}/*.py")) or [FOLDER / f"{module}.py"]


def public_things() -> dict[str, object]:
    """Every public function and class of every module, and their own methods."""
    things = {}
    for file in (file for module in ORDER for file in files_of(module)):
        if file.stem.startswith("_") and file.stem != "__main__":
            continue
        path = ".".join(file.relative_to(FOLDER).with_suffix("").parts)
        module, module_name = import_module(f"esa4_helpers.{path}"), path.split(".")[0]
        for name, thing in vars(module).items():
            if (
                name.startswith("_")
                or getattr(thing, "__module__", "") != module.__name__
            ):
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


def test_every_module_has_its_place_in_the_order():
    modules = {file.stem for file in FOLDER.glob("*.py")}
    assert modules | {"widgets"} == {*ORDER, "__init__"}


@pytest.mark.parametrize("module", ORDER)
def test_no_module_imports_a_later_one(module):
    imported = {
        node.module
        for file in files_of(module)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.level == len(file.relative_to(FOLDER).parts)
    }
    assert imported <= set(ORDER[: ORDER.index(module)])


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
    if name != "detectors.OutlierDetector" and not (
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
