"""Finds pairs of submissions whose code is alike: a hint to look, never a verdict.

Code is compared by the shape of its syntax trees. Names that a student has chosen,
constants, docstrings, comments and type hints don't count, nor does what everybody was
given: the sheet and its published solution. A shape counts the less, the more of the class
have it, so that the usual way to answer a short question makes nobody alike.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import itertools
import json
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
from scipy.sparse import csr_array

from marking.grading import Grade

ROOT = Path(__file__).resolve().parents[2]
# Found with honest answers to all questions and with copies in disguise; see the tests.
ALIKE = 0.6
# Shapes of fewer nodes stand in everybody's code; two pairs of lines are no evidence.
SMALLEST = 5
LEAST_SHARED = 10
# What a submission can make the grader read.
MOST_CODE = 100_000
MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
SKIPPED = {"annotation", "returns", "type_comment", "ctx", "type_params", "asname"}
# Where a name that was chosen is a text and no node.
CHOSEN = (ast.FunctionDef, ast.ClassDef, ast.ExceptHandler, ast.arg)


@dataclass(frozen=True)
class Pair:
    """Two submissions for one sheet, and which share of their own shapes is the same."""

    sheet: int
    first: str
    second: str
    likeness: float


def shapes(code: Iterable[str]) -> set[bytes]:
    """The shapes of all parts of the code that are large enough."""
    trees = list(_trees(code))
    names = _own_names(trees)
    found: set[bytes] = set()
    for tree in trees:
        try:
            _digest(tree, names, found)
        except RecursionError:
            continue
    return found


def _trees(code: Iterable[str]) -> Iterator[ast.Module]:
    left = MOST_CODE
    for cell in code:
        left -= len(cell)
        if left < 0:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield ast.parse(MAGIC.sub("", cell))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue


def _own_names(trees: Iterable[ast.Module]) -> dict[str, str]:
    """What each name becomes: one for all that are chosen, the real one of imports."""
    names = {}
    for node in itertools.chain.from_iterable(map(ast.walk, trees)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names[node.id] = "_"
        elif isinstance(node, CHOSEN):
            names[getattr(node, "arg", None) or getattr(node, "name", "")] = "_"
        elif isinstance(node, ast.alias):
            names[node.asname or node.name] = node.name
    return names


def _digest(
    node: Any, names: Mapping[str, str], found: set[bytes]
) -> tuple[bytes, int]:
    """The digest of a tree's shape and its number of nodes; the large ones are kept."""
    if isinstance(node, list):
        parts = [_digest(item, names, found) for item in node]
        label = "list"
    elif isinstance(node, ast.Constant):
        parts, label = [], type(node.value).__name__
    elif isinstance(node, ast.Name):
        parts, label = [], names.get(node.id, node.id)
    elif isinstance(node, ast.AST):
        parts = [
            _digest(value, names, found)
            for field, value in ast.iter_fields(_without_docstring(node))
            if field not in SKIPPED
            and not (isinstance(node, CHOSEN) and isinstance(value, str))
        ]
        label = type(node).__name__
    else:
        parts, label = [], str(node)
    size = sum(part[1] for part in parts) + isinstance(node, ast.AST)
    text = label.encode("utf-8", "replace") + b"(" + b"".join(p[0] for p in parts)
    digest = hashlib.blake2b(text, digest_size=8).digest()
    if size >= SMALLEST and isinstance(node, (ast.expr, ast.stmt)):
        found.add(digest)
    return digest, size


def _without_docstring(node: ast.AST) -> ast.AST:
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and _is_text(body[0]):
        node.body = body[1:]
    return node


def _is_text(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@functools.cache
def published(sheet: int) -> frozenset[bytes]:
    """The shapes that everybody was given: the sheet's and its solution's."""
    solved = next((ROOT / "exercises").glob(f"sheet{sheet}_*.py"))
    given = ROOT / "book" / "exercises" / f"{solved.stem}.ipynb"
    cells = [
        cell.source for cell in jupytext.read(solved).cells if cell.cell_type == "code"
    ]
    cells += [
        "".join(cell["source"])
        for cell in json.loads(given.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    return frozenset(shapes(cells))


def alike(rows: Iterable[Grade]) -> list[Pair]:
    """Pairs of different students who share most of what is their own, the most first."""
    of_sheet = defaultdict(list)
    for row in rows:
        if row.sheet:
            of_sheet[row.sheet].append(row)
    pairs = []
    for sheet, several in of_sheet.items():
        own = [shapes(row.code) - published(sheet) for row in several]
        for i, j, likeness in _near(own):
            first, second = sorted((several[i].student, several[j].student))
            if first != second:
                pairs.append(Pair(sheet, first, second, likeness))
    return sorted(pairs, key=lambda p: (-p.likeness, p.sheet, p.first, p.second))


def _near(own: Sequence[set[bytes]]) -> Iterator[tuple[int, int, float]]:
    """Weighted Jaccard: the weight of what two share, of all that either has."""
    numbers: dict[bytes, int] = {}
    columns = [numbers.setdefault(s, len(numbers)) for one in own for s in sorted(one)]
    if not columns:
        return
    ends = np.cumsum([0] + [len(one) for one in own])
    has = csr_array(
        (np.ones(len(columns)), columns, ends), shape=(len(own), len(numbers))
    )
    # As if ten more had answered in other ways: two of a small class are no majority.
    weights = np.log((len(own) + 10) / has.sum(axis=0))
    shared = (has.multiply(weights) @ has.T).toarray()
    counts = (has @ has.T).toarray()
    alone = shared.diagonal()
    either = alone[:, None] + alone[None, :] - shared
    likeness = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    rows, columns_ = np.nonzero((likeness >= ALIKE) & (counts >= LEAST_SHARED))
    for i, j in zip(rows.tolist(), columns_.tolist(), strict=True):
        if i < j:
            yield i, j, float(likeness[i, j])
