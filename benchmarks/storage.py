"""How large saved detectors are, and how long it takes: python -m benchmarks.storage"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median

from tabulate import tabulate

from benchmarks.run import digits, is_network, timed
from esa4_helpers import (
    detector_names,
    load_detector,
    make_detector,
    make_synthetic_dataset,
    save_detector,
)

SAMPLE_RATE, CLIP_SECONDS, N_TRAIN, RUNS = 16000, 10, 20, 5


def size_and_times(name: str, runs: int = RUNS) -> tuple[int, float, float]:
    """Bytes of a saved detector, and seconds to save and to load it."""
    clips = make_synthetic_dataset(N_TRAIN, 0, 0, sr=SAMPLE_RATE, duration=CLIP_SECONDS)
    detector = make_detector(name, SAMPLE_RATE)
    if is_network(name):
        # How well it is trained has no bearing on how long it takes.
        detector[-1].set_params(n_updates=10)
    detector.fit(clips.audio)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "machine.esa4")
        # The first time, libraries prepare themselves.
        saving, loading = (
            [timed(function)[1] for _ in range(runs + 1)][1:]
            for function in (
                lambda: save_detector(detector, file),
                lambda: load_detector(file),
            )
        )
        return file.stat().st_size, median(saving), median(loading)


def main() -> None:
    """Measure all detectors, and print a table."""
    # Else TensorFlow says even more in between.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = []
    for name in detector_names():
        size, saving, loading = size_and_times(name)
        numbers = (size / 1024, 1e3 * saving, 1e3 * loading)
        rows.append((name, *map(digits, numbers)))
    columns = ("detector", "size (KiB)", "saving (ms)", "loading (ms)")
    print(tabulate(rows, columns, tablefmt="pipe", disable_numparse=True))
    print(
        f"\nFitted to {N_TRAIN} clips of {CLIP_SECONDS} s at {SAMPLE_RATE} Hz. Both times "
        "hold what it takes to try the detector out."
    )


if __name__ == "__main__":
    main()
