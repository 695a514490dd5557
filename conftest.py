"""What all test runs share, those of the notebooks included."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbval.plugin import IPyNbCell, IPyNbFile
from sphinx_ext.esa4_site import results_folder

# The sources of the notebooks are no modules: no doctests in there. A sheet is no
# notebook to compare: it has no outputs until a student runs it.
collect_ignore_glob = ["book/*.py", "exercises/*.py", "book/exercises/*"]


def pytest_collectstart(collector: pytest.Collector) -> None:
    # nbval leaves out figures stored as PNG: the last digits of a curve depend on the
    # computer. Ours are SVG; what they show is tested where it is computed.
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml",)
        # Chapter 7 has machines of its own, which can be out of reach where the recordings
        # are not. Without them it goes on with synthetic ones, and can't print the same.
        has_machines = (
            os.environ.get("ESA4_MIMII") or os.environ.get("ESA4_MACHINES") == "mimii"
        )
        if collector.path.stem == "07_travel" and not has_machines:
            collector.compare_outputs = False


def pytest_configure(config: pytest.Config) -> None:
    # The stored outputs come from the recordings that the repository names: with other
    # clips the notebooks must run, but can't print the same.
    if os.environ.get("ESA4_DATASET") == "synthetic" or os.environ.get(
        "ESA4_RECORDINGS"
    ):
        config.option.nbval_lax = True


RAN = pytest.StashKey[set[int]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Hand a chapter's results to the site's build, once all its cells have passed."""
    yield
    if isinstance(item, IPyNbCell):
        chapter = item.parent
        item.cell.outputs = item.test_outputs
        ran = chapter.stash.setdefault(RAN, set())
        ran.add(item.cell_num)
        if len(ran) == sum(cell.cell_type == "code" for cell in chapter.nb.cells):
            keep_results(chapter)


def keep_results(chapter: IPyNbFile) -> None:
    """Put a chapter that has run where jupyter-book looks before it runs one."""
    folder = results_folder(chapter.config.rootpath / "_build")
    bundle = CacheBundleIn(chapter.nb, str(chapter.path))
    results = get_cache(folder)
    results.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    # Else Python 3.13 complains, at any time, that its database was never closed.
    results.db.dispose()
