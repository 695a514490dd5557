"""What can be said of wrong numbers, whatever the mistake was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Of a single number, any other factor would only give the right one away.
_TELLING = (-1, 2, 1 / 2, 10, 1 / 10, 60, 1 / 60, 100, 1 / 100, 1000, 1 / 1000)


def relations(got: np.ndarray, expected: np.ndarray, allowed: float) -> Iterator[str]:
    """Say how wrong numbers of the right shape relate to the right ones, best first."""
    if expected.dtype.kind == "b":
        yield from _of_truth_values(got, expected)
        return
    if got.dtype.kind == "b":
        yield "holds True and False, where numbers are asked for"
    got, expected = got.astype(float), expected.astype(float)
    if not (np.isfinite(got).all() and np.isfinite(expected).all() and got.size):
        return
    off = got - expected
    if any(np.array_equal(got, np.round(expected, digits)) for digits in range(5)):
        yield "is rounded: leave it as it is"
    if got.size > 1:
        yield from _of_arrays(got, expected, allowed)
    factors = got[expected != 0] / expected[expected != 0]
    is_telling = (
        got.size > 1 or np.isin(np.round(factors, 6), np.round(_TELLING, 6)).any()
    )
    if is_telling and _are_alike(factors, 1e-3 * np.abs(factors).max(initial=0)):
        yield f"is {factors.flat[0]:.4g} times what it should be"
        if got.size > 2:
            yield "has all numbers too high or too low by the same factor"
    if got.size > 1 and _are_alike(off, allowed):
        yield f"is off by {off.flat[0]:.4g}"
        if got.size > 2:
            yield "has all numbers off by the same amount"
    everywhere = " everywhere" * (got.size > 1)
    if (off > 0).all():
        yield f"is too high{everywhere}"
    if (off < 0).all():
        yield f"is too low{everywhere}"
    right = np.abs(off) <= allowed
    if right.any() and got.size <= 3:
        ordinals = ("first", "second", "third")
        some = " and ".join(ordinals[place] for place in np.flatnonzero(right))
        yield f"has only its {some} number right"
    elif right.any():
        yield "is right in some places only"
    elif got.size > 1:
        yield "is too high in some places, and too low in others"


def _of_truth_values(got: np.ndarray, expected: np.ndarray) -> Iterator[str]:
    if np.array_equal(got, ~expected):
        yield "is turned round: True and False have changed places"
    elif not (got & ~expected).any():
        yield "is False in some places where it should be True"
    elif not (expected & ~got).any():
        yield "is True in some places where it should be False"
    else:
        yield "is True in some places where it should be False, and the reverse in others"


def _of_arrays(got: np.ndarray, expected: np.ndarray, allowed: float) -> Iterator[str]:
    if _agree(np.sort(got, axis=None), np.sort(expected, axis=None), allowed):
        yield "holds the right numbers, but not in the right places"
    elif _agree(np.abs(got), np.abs(expected), allowed):
        yield "has the right sizes, but not the right signs"
    elif _are_alike(got, 0) and not _are_alike(expected, allowed):
        yield "holds the same number everywhere"


def _agree(a: np.ndarray, b: np.ndarray, allowed: float) -> bool:
    return bool((np.abs(a - b) <= allowed).all())


def _are_alike(numbers: np.ndarray, allowed: float) -> bool:
    return bool(numbers.size and np.ptp(numbers) <= 2 * allowed)
