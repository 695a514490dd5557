"""What may pass between the process of a submission and the one that marks."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from marking.worker import decode, encode


def test_nothing_is_ever_unpickled():
    data = np.array([lambda: 3], dtype=object)
    assert encode(data) == {"other": "ndarray"}
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    message = {"array": base64.b64encode(buffer.getvalue()).decode()}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        decode(message, lambda *_: None)
