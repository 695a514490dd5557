"""``python -m esa4_helpers`` is ``esa4``, for where that is not on the path."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
