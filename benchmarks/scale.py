"""How fit and score grow with the recordings: python -m benchmarks.scale

Recordings are made on the fly. Those that are scored are deleted hour by hour; those that
are fitted take 115 MB an hour, all at once. ``--hours 1 10 100`` takes an hour or two.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from time import process_time

import numpy as np
import soundfile
from tabulate import tabulate

from benchmarks.run import digits, peak_memory_mib
from esa4_helpers.cli import main as esa4

SAMPLE_RATE, FILES_PER_HOUR, FILE_SECONDS = 16000, 12, 300
# Only reading grows with the recordings. From some hours on, training always takes as
# many clips; here it takes few of the first hour, too, so that it does not hide the rest.
OPTIONS = ("--detector", "gmm", "--clip", "10", "--clips", "60", "-q", "--force")


def make_hour(folder: Path, hour: int) -> None:
    """Write an hour of recordings, unlike those of any other hour."""
    folder.mkdir(exist_ok=True)
    n_samples = FILE_SECONDS * SAMPLE_RATE
    time = np.arange(n_samples, dtype=np.float32) / SAMPLE_RATE
    hum = 0.05 * np.sin(2 * np.pi * 120 * time)
    for i in range(FILES_PER_HOUR):
        rng = np.random.default_rng([hour, i])
        noise = 0.02 * rng.standard_normal(n_samples, dtype=np.float32)
        soundfile.write(folder / f"{hour} {i}.wav", hum + noise, SAMPLE_RATE)


def run(*arguments: object) -> float:
    """Run a command, and say how many seconds of the processor it took."""
    start = process_time()
    with redirect_stdout(StringIO()):
        esa4([str(part) for part in arguments], standalone_mode=False)
    return process_time() - start


def measure_fit(hours: int) -> tuple[float, float]:
    """Seconds of the processor and MiB that it takes to fit a detector to so many hours."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        warm_up(folder)
        for hour in range(hours):
            make_hour(folder / "hours", hour)
        seconds = run("fit", folder / "hours", "-o", folder / "m.esa4", *OPTIONS)
    return seconds, peak_memory_mib()


def measure_score(hours: int) -> tuple[float, float]:
    """Seconds of the processor and MiB that it takes to score so many hours."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        warm_up(folder)
        seconds = 0.0
        for hour in range(hours):
            make_hour(folder / "hour", hour)
            table = folder / "scores.csv"
            seconds += run("score", folder / "m.esa4", folder / "hour", "--csv", table)
            for file in (folder / "hour").iterdir():
                file.unlink()
    return seconds, peak_memory_mib()


def warm_up(folder: Path) -> None:
    """Do what takes longer the first time."""
    rng = np.random.default_rng(0)
    for i in range(10):
        noise = 0.02 * rng.standard_normal(20 * SAMPLE_RATE)
        (folder / "few").mkdir(exist_ok=True)
        soundfile.write(folder / "few" / f"{i}.wav", noise, SAMPLE_RATE)
    run("fit", folder / "few", "-o", folder / "m.esa4", *OPTIONS)
    run("score", folder / "m.esa4", folder / "few")


def measure_alone(
    measure: Callable[[int], tuple[float, float]], hours: int
) -> tuple[float, float]:
    """Measure in a new process, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(measure, hours).result()


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--hours", type=int, nargs="+", default=[1, 10])
    asked = parser.parse_args(arguments)
    rows = []
    for name, measure in (("fit", measure_fit), ("score", measure_score)):
        measured = [(hours, *measure_alone(measure, hours)) for hours in asked.hours]
        per_hour = [seconds / hours for hours, seconds, _ in measured]
        for (hours, _, memory), rate in zip(measured, per_hour, strict=True):
            ratios = (rate / per_hour[0], memory / measured[0][2])
            numbers = (rate, ratios[0], memory, ratios[1])
            rows.append((name, hours, *map(digits, numbers)))
    columns = ("command", "hours", "s per hour", "ratio", "memory (MiB)", "ratio")
    print(tabulate(rows, columns, tablefmt="pipe", disable_numparse=True))


if __name__ == "__main__":
    main()
