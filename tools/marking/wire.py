"""What passes between the process of a submission and the one that marks it.

Only numbers, texts, arrays and lists of them, never code and never pickles.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

# All clips of a sheet, as numbers of eight bytes, are half of it.
LARGEST_MESSAGE = 2**25
LARGEST_VALUE = 2**21


def encode(value: Any) -> Any:
    """Turn a value into what JSON can hold."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"plain": value}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufU":
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        return {"array": base64.b64encode(buffer.getvalue()).decode()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return {"list": [encode(item) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(item) for key, item in value.items()}}
    if value is Ellipsis:
        return {"dots": True}
    if not callable(value) and (array := np.asarray(value)).dtype.kind in "biufU":
        # What pandas and TensorFlow make, a range, and so on.
        return encode(array)
    if callable(value):
        return {"function": True}
    return {"other": type(value).__name__}


def decode(message: Any, other: Callable[[str, Any], Any]) -> Any:
    """Undo `encode`; functions and other things are left to the caller."""
    ((kind, content),) = message.items()
    if kind == "plain":
        return content
    if kind == "array":
        data = io.BytesIO(base64.b64decode(content))
        array = np.load(data, allow_pickle=False)
        return array if array.ndim else array[()]
    if kind == "list":
        return [decode(item, other) for item in content]
    if kind == "dict":
        return {key: decode(item, other) for key, item in content.items()}
    return ... if kind == "dots" else other(kind, content)


def send(connection: Connection, message: Any) -> None:
    """Send what JSON can hold."""
    connection.send_bytes(json.dumps(message).encode())
