"""What all test runs share, those of the notebooks included."""

from __future__ import annotations

import os

import pytest

# The sources of the notebooks are no modules: no doctests in there. A sheet is no
# notebook to compare: it has no outputs until a student runs it.
collect_ignore_glob = ["book/*.py", "exercises/*.py", "book/exercises/*"]


def pytest_collectstart(collector: pytest.Collector) -> None:
    # nbval leaves out figures stored as PNG: the last digits of a curve depend on the
    # computer. Ours are SVG; what they show is tested where it is computed.
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml",)


def pytest_configure(config: pytest.Config) -> None:
    # The stored outputs come from the recordings: with other clips the notebooks
    # must run, but can't print the same.
    if os.environ.get("ESA4_DATASET") == "synthetic":
        config.option.nbval_lax = True
