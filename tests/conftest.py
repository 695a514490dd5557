"""Fixtures that several test files use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import pytest
from common import eager_tensorflow
from hypothesis import HealthCheck, settings

from esa4_helpers import (
    Dataset,
    datasets,
    load_dataset,
    load_machines,
    make_synthetic_dataset,
)
from esa4_helpers.datasets import DatasetUnreachableError

# The same examples on each computer, however busy it is; no folder of earlier ones.
settings.register_profile(
    "quick",
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=300)
settings.load_profile("quick")

# Those that take longest come first, so that no process waits at the end for another.
LONGEST = (
    *("04_autoencoder.ipynb", "06_faults.ipynb", "test_site.py", "marking"),
    *("test_chapters.py", "07_travel.ipynb", "03_gmm.ipynb", "05_evaluation.ipynb"),
    *("08_own_machine.ipynb", "test_recipes.py", "test_benchmarks.py"),
    *("test_autoencoder.py", "test_exercises.py"),
)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name no test by a file's bytes: the time in them differs from process to process."""
    return "file" if isinstance(val, bytes) and len(val) > 20 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next(
            (i for i, n in enumerate(LONGEST) if n in item.path.parts), len(LONGEST)
        )

    items.sort(key=place)


@pytest.fixture(scope="session")
def recordings() -> Dataset:
    """The real recordings; tests that need them are skipped where they can't be had."""
    try:
        return load_dataset("anomaly_mini")
    except DatasetUnreachableError:
        if os.environ.get("ESA4_DATASET") in ("recordings", "anomaly_mini"):
            raise
        pytest.skip("the recordings can't be reached")


@pytest.fixture(scope="session")
def synthetic() -> Dataset:
    """The synthetic clips that stand in for the recordings."""
    return make_synthetic_dataset()


@pytest.fixture(scope="session")
def mimii_machines() -> dict[str, Dataset]:
    """The eight real machines of chapter 7; only from a folder, never fetched."""
    if not os.environ.get("ESA4_MIMII"):
        pytest.skip("ESA4_MIMII names no folder with the clips of other machines")
    return load_machines("mimii")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty folder for downloads, and no other setting, nor a fork's recordings."""
    for name in [name for name in os.environ if name.startswith("ESA4_")]:
        monkeypatch.delenv(name)
    none = tmp_path / "no_recordings.toml"
    none.write_text('url = ""\nsha256 = ""')
    monkeypatch.setattr(datasets, "OWN_RECORDINGS", none)
    folder = tmp_path / "cache"
    monkeypatch.setenv("ESA4_DATA_HOME", str(folder))
    return folder


@pytest.fixture(scope="class", params=["anomaly_mini", "synthetic"])
def course_clips(request: pytest.FixtureRequest) -> Dataset:
    """Each data set in turn on which the course must tell its story."""
    name = "recordings" if request.param == "anomaly_mini" else request.param
    return request.getfixturevalue(name)


@pytest.fixture(scope="module")
def eagerly() -> Iterator[None]:
    """Let no network be compiled in a whole file."""
    with eager_tensorflow():
        yield


@pytest.fixture(autouse=True)
def _close_figures() -> None:
    yield
    plt.close("all")


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Leave room for so many bytes in each file, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource", reason="needs limits of a process")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
