"""How the tests run a command: in their own process, as that is quick."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from esa4_helpers.cli import main


@pytest.fixture(scope="session")
def esa4() -> Callable[..., Result]:
    """Run a command, which never ends in a traceback."""

    def run(*arguments: object, input: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(main, [str(part) for part in arguments], input)
        # All else that is raised here would be a traceback on a terminal.
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result

    return run
