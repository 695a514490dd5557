"""The order in which data flows through the package, as `_toc.yml` alone lists it."""

from __future__ import annotations

import re
from pathlib import Path

import esa4_helpers

PACKAGE = Path(esa4_helpers.__file__).parent
TOC = PACKAGE.parent / "_toc.yml"

# The modules and subpackages that have a page in the reference.
PUBLIC = tuple(
    re.findall(r"file: book/reference/api/(\w+)$", TOC.read_text("utf-8"), re.MULTILINE)
)
# With those that have none, before and after them.
ORDER = ("_checks", "_files", "_clip_files", "_relations", *PUBLIC, "__main__")


def places() -> set[str]:
    """All modules and subpackages that there are; each is one place in the order."""
    files = [*PACKAGE.glob("*.py"), *PACKAGE.glob("*/__init__.py")]
    return {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in files}


def sources(place: str) -> list[Path]:
    """The file of a module, or all those of a subpackage."""
    folder = PACKAGE / place
    return (
        sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{place}.py"]
    )
