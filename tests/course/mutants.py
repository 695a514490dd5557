"""Changes a piece of code in one place at a time, as a slip of the pen would."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

OPERATORS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Pow: (ast.Mult, ast.Div),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Eq: (ast.NotEq,),
}
NAMES = {
    "mean": ("median", "sum", "max"),
    "median": ("mean", "max"),
    "sum": ("mean", "prod"),
    "prod": ("sum",),
    "min": ("max", "mean"),
    "max": ("min", "mean"),
    "std": ("var", "ptp"),
    "argmax": ("argmin",),
    "log": ("log10",),
    "log10": ("log", "log2"),
    "maximum": ("minimum",),
    "ceil": ("floor", "round"),
    "append": ("subtract",),
}
# A call of these may be left out, so that its argument remains.
LEFT_OUT = ("abs", "sqrt", "sort", "log", "log10", "sorted", "ceil", "len")


class Mutant(NamedTuple):
    """Code with one change, and what the change is."""

    change: str
    code: str


def mutants(code: str) -> Iterator[Mutant]:
    """Every change of an operator, constant, axis, comparison or reduction in turn."""
    original = ast.unparse(ast.parse(code))
    seen = {original}
    for place, node in enumerate(ast.walk(ast.parse(code))):
        for changed in _changes(node):
            tree = ast.parse(code)
            target = list(ast.walk(tree))[place]
            mutant = ast.unparse(
                ast.fix_missing_locations(_Put(target, changed).visit(tree))
            )
            if mutant not in seen:
                seen.add(mutant)
                yield Mutant(f"{ast.unparse(node)} -> {ast.unparse(changed)}", mutant)


class _Put(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, target: ast.AST, node: ast.AST) -> None:
        self.target, self.node = target, node

    def visit(self, node: ast.AST) -> ast.AST:
        return self.node if node is self.target else self.generic_visit(node)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """All that may stand in the place of a node."""
    match node:
        case ast.BinOp(op=operator):
            for other in OPERATORS.get(type(operator), ()):
                yield _with(node, op=other())
        case ast.Compare(ops=[operator]):
            for other in OPERATORS.get(type(operator), ()):
                yield _with(node, ops=[other()])
        case ast.UnaryOp():
            yield node.operand
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(value=float(value)):
            yield from (ast.Constant(value * 2), ast.Constant(value / 2))
        case ast.Slice(lower=lower, upper=upper, step=None) if not (lower and upper):
            yield ast.Slice(lower=upper, upper=lower)
        case ast.Call():
            yield from _changed_calls(node)


def _changed_calls(call: ast.Call) -> Iterator[ast.AST]:
    for i, option in enumerate(call.keywords):
        if option.arg in ("axis", "ddof"):
            yield _with(call, keywords=call.keywords[:i] + call.keywords[i + 1 :])
    match call.func:
        case ast.Name(id=name):
            for other in NAMES.get(name, ()):
                yield _with(call, func=ast.Name(other))
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            for other in NAMES.get(name, ()):
                yield _with(call, func=_numpy(other))
        case ast.Attribute(value=array, attr=name):
            # Not each function of numpy is a method, so call them as functions.
            for other in NAMES.get(name, ()):
                yield _with(call, func=_numpy(other), args=[array, *call.args])
        case _:
            return
    if name in LEFT_OUT and len(call.args) == 1:
        yield call.args[0]


def _numpy(name: str) -> ast.Attribute:
    return ast.Attribute(ast.Name("np"), name)


def _with(node: ast.AST, **changed: object) -> ast.AST:
    copy = deepcopy(node)
    for field, value in changed.items():
        setattr(copy, field, deepcopy(value))
    return copy
