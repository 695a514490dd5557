"""What the tests of marking share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from marking.sandbox import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process from which those of submissions are forked."""
    with Zygote("tabnanny", "no_such_library") as zygote:
        yield zygote
