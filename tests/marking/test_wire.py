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
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    message = {"array": base64.b64encode(buffer.getvalue()).decode()}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        decode(message, lambda *_: None)


def test_what_libraries_make_counts_as_arrays():
    series = pd.Series([1.5, 2.5])
    np.testing.assert_array_equal(decode(encode(series), lambda *_: None), [1.5, 2.5])
    assert encode(range(3)) == encode(np.arange(3))
    assert encode(pd.Series([object()])) == {"other": "Series"}
    assert encode(b"x") == {"other": "bytes"}
