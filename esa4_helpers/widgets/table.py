"""Results side by side, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from numbers import Integral, Real

import numpy as np

from .._checks import check_number
from ._shared import check_mapping, render

Value = float | str | None

_NOTHING = "-"


class ResultTable:
    """Numbers and texts side by side, shaded by value.

    Notebooks and the website show it as HTML: the names of the rows stay in view
    where a narrow screen has to scroll the columns. Printed, it is plain text.

    Parameters
    ----------
    rows : mapping of str to mapping of str to float, int, bool, str or None
        The cells of each row by their column; all rows have the same columns. NaN
        and None, for what there is no result of, are shown as a dash; True and
        False as yes and no.
    caption : str
        What is shown.
    corner : str
        What the rows are, above their names.
    formats : str or mapping of str to str
        How numbers are written, as in f-strings: in all columns, or by column. Whole
        numbers in a column without a format stay as they are, others get two digits.
    shade : tuple of two float, or mapping of str to that, optional
        The numbers whose cells get no colour and the full one, in all columns or by
        column; what lies beyond is shaded like the nearer one. The second may be
        the lower one.

    Raises
    ------
    ValueError
        If there is no row or no column, rows differ in their columns, a column to be
        formatted or shaded does not exist, or both ends of a shade are the same.
    TypeError
        If something is of another type than above.

    Examples
    --------
    >>> aucs = {"level": {"squeak": 0.5, "hiss": None}, "gmm": {"squeak": 1.0, "hiss": 0.97}}
    >>> ResultTable(aucs, "AUC by fault", corner="detector", shade=(0.5, 1))
    AUC by fault
    <BLANKLINE>
    detector  squeak  hiss
    level       0.50     -
    gmm         1.00  0.97
    """

    def __init__(
        self,
        rows: Mapping[str, Mapping[str, Value]],
        caption: str,
        *,
        corner: str = "",
        formats: str | Mapping[str, str] = "",
        shade: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        columns = _columns(rows)
        for name, text in (("caption", caption), ("corner", corner)):
            if not isinstance(text, str):
                raise TypeError(f"{name} must be a text, got {text!r}")
        formats = _by_column(formats, columns, "formats")
        shade = _by_column(shade, columns, "shade")
        ends = {column: _ends(pair) for column, pair in shade.items() if pair}
        self.caption = caption
        self._header = [corner, *columns]
        self._rows = [
            [name, *(_text(row[column], formats.get(column)) for column in columns)]
            for name, row in rows.items()
        ]
        self._shares = [
            [_share(row[column], ends.get(column)) for column in columns]
            for row in rows.values()
        ]
        self._numeric = [
            all(_is_number(row[column]) or row[column] is None for row in rows.values())
            for column in columns
        ]

    def _repr_html_(self) -> str:
        return render(
            "table",
            caption=self.caption,
            header=self._header,
            rows=self._rows,
            shares=self._shares,
            numeric=self._numeric,
        )

    def __repr__(self) -> str:
        lines = [self._header, *self._rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        right = [False, *self._numeric]
        table = (
            "  ".join(
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in lines
        )
        return "\n".join([self.caption, "", *table])


def _columns(rows: Mapping[str, Mapping[str, Value]]) -> list[str]:
    """The columns that all rows have, in the order of the first row."""
    check_mapping(rows, "rows")
    for name, row in rows.items():
        check_mapping(row, f"rows[{name!r}]")
    if not rows:
        raise ValueError("rows must hold at least one row, got none")
    first, columns = next((name, list(row)) for name, row in rows.items())
    if not columns:
        raise ValueError(f"rows[{first!r}] must hold at least one column, got none")
    for name, row in rows.items():
        if set(row) != set(columns):
            raise ValueError(
                f"all rows must have the same columns: rows[{first!r}] has {columns}, "
                f"rows[{name!r}] has {list(row)}"
            )
    return columns


def _by_column(setting: object, columns: list[str], name: str) -> dict:
    """What was set for all columns, or for some of them, by column."""
    if not isinstance(setting, Mapping):
        return dict.fromkeys(columns, setting)
    unknown = [column for column in setting if column not in columns]
    if unknown:
        raise ValueError(f"{name} names {unknown}, of the columns {columns}")
    return dict(setting)


def _ends(pair: tuple[float, float]) -> tuple[float, float]:
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(f"shade must be two numbers, got {pair!r}")
    low, high = (check_number(end, "shade") for end in pair)
    if low == high:
        raise ValueError(f"shade must begin and end with different numbers, got {low}")
    return low, high


def _is_number(value: Value) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _text(value: Value, format: str | None) -> str:
    if value is None or (isinstance(value, Real) and isnan(value)):
        return _NOTHING
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if not _is_number(value):
        raise TypeError(f"a cell must hold a number or a text, got {value!r}")
    # The z is for a zero that was rounded from below.
    return f"{value:{format or ('d' if isinstance(value, Integral) else 'z.2f')}}"


def _share(value: Value, ends: tuple[float, float] | None) -> float | None:
    """How much of the full colour a cell gets."""
    if ends is None or not _is_number(value):
        return None
    low, high = ends
    share = (float(value) - low) / (high - low)
    return None if isnan(share) else round(min(max(share, 0.0), 1.0), 2)
