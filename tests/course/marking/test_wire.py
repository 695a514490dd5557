"""What may pass between the process of a submission and the one that marks it."""

from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
import pytest
from marking.wire import decode, encode


def test_nothing_is_ever_unpickled():
    data = np.array([lambda: 3], dtype=object)
    assert encode(data) == {"other": "ndarray"}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        decode(saved(np.array([{}], dtype=object)), lambda *_: None)


def saved(array: np.ndarray) -> dict[str, str]:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return {"array": base64.b64encode(buffer.getvalue()).decode()}


@pytest.mark.parametrize("dtype", ["V4", "M8[s]", "c16", [("a", "f8")]])
def test_only_numbers_and_texts_are_taken_whatever_is_sent(dtype):
    with pytest.raises(ValueError, match="never sent"):
        decode(saved(np.zeros(3, dtype)), lambda *_: None)


def test_a_short_message_is_no_endless_array():
    buffer = io.BytesIO()
    header = {"descr": "<U0", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(buffer, header)
    message = {"array": base64.b64encode(buffer.getvalue()).decode()}
    with pytest.raises(ValueError, match="never sent"):
        decode(message, lambda *_: None)


def test_what_libraries_make_counts_as_arrays():
    series = pd.Series([1.5, 2.5])
    np.testing.assert_array_equal(decode(encode(series), lambda *_: None), [1.5, 2.5])
    assert encode(range(3)) == encode(np.arange(3))
    assert encode(pd.Series([object()])) == {"other": "Series"}
    assert encode(b"x") == {"other": "bytes"}
