"""How soon a stream's scores are there: python -m benchmarks.streaming"""

from __future__ import annotations

import os

import numpy as np
from tabulate import tabulate

from benchmarks.run import digits, is_network, timed
from esa4_helpers import (
    StreamScorer,
    detector_names,
    make_detector,
    make_synthetic_dataset,
)

SAMPLE_RATE, CLIP_SECONDS, HOP_SECONDS, BLOCK_SECONDS = 16000, 10, 1, 0.02
N_TRAIN, N_CLIPS = 20, 6
# The first windows prepare the libraries.
N_WARM_UP = 3


def latencies(name: str, n_clips: int = N_CLIPS) -> tuple[np.ndarray, float]:
    """Seconds from each window's last block to its score, and the share of real time."""
    clips = make_synthetic_dataset(
        N_TRAIN + n_clips, 0, 0, sr=SAMPLE_RATE, duration=CLIP_SECONDS
    )
    detector = make_detector(name, SAMPLE_RATE)
    if is_network(name):
        # How well it is trained has no bearing on how long it takes.
        detector[-1].set_params(n_updates=10)
    scorer = StreamScorer(detector.fit(clips.audio[:N_TRAIN]), hop_seconds=HOP_SECONDS)
    blocks = clips.audio[N_TRAIN:].reshape(-1, round(BLOCK_SECONDS * SAMPLE_RATE))
    pushed = [timed(lambda block=block: scorer.push(block)) for block in blocks]
    of_windows = np.array([seconds for events, seconds in pushed if events])
    total = sum(seconds for _, seconds in pushed)
    return of_windows[N_WARM_UP:], total / (n_clips * CLIP_SECONDS)


def main() -> None:
    """Measure all detectors, and print a table."""
    # Else TensorFlow says even more in between.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = []
    for name in detector_names():
        seconds, share = latencies(name)
        numbers = (1e3 * np.median(seconds), 1e3 * seconds.max(), 1e2 * share)
        rows.append((name, *map(digits, numbers)))
    columns = ("detector", "median (ms)", "maximum (ms)", "of real time (%)")
    print(tabulate(rows, columns, tablefmt="pipe", disable_numparse=True))
    print(
        f"\nFrom a window's last block to its score: windows of {CLIP_SECONDS} s, one "
        f"every {HOP_SECONDS} s, in blocks of {1000 * BLOCK_SECONDS:.0f} ms at "
        f"{SAMPLE_RATE} Hz."
    )


if __name__ == "__main__":
    main()
