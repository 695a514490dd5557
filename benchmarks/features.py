"""How long log-mel spectrograms take, next to the Fourier transforms inside them."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

from esa4_helpers import log_mel_spectrogram, make_synthetic_dataset

SAMPLE_RATE, N_FFT, HOP_LENGTH = 16000, 2048, 512
N_CLIPS, SECONDS = 30, 10
RUNS = 7


def bare_transforms(audio: np.ndarray) -> np.ndarray:
    """The Fourier transform of each frame of a spectrogram, and nothing else."""
    padded = np.pad(audio, ((0, 0), (N_FFT // 2, N_FFT // 2)))
    return fft.rfft(sliding_window_view(padded, N_FFT, axis=1)[:, ::HOP_LENGTH])


def cpu_seconds(function: Callable[[], object]) -> float:
    """The processor time that a function takes, over all threads."""
    start = process_time()
    function()
    return process_time() - start


def ratio_to_bare_transforms() -> float:
    """How many times the bare transforms' time the spectrograms of 30 clips take."""
    clips = make_synthetic_dataset(
        N_CLIPS, 0, 0, sr=SAMPLE_RATE, duration=SECONDS, random_state=0
    )
    ways = (
        lambda: log_mel_spectrogram(
            clips.audio, clips.sr, n_fft=N_FFT, hop_length=HOP_LENGTH
        ),
        lambda: bare_transforms(clips.audio),
    )
    # The first time, libraries prepare themselves. Then in turn, so that a slow moment
    # of the computer hits both alike.
    runs = [[cpu_seconds(way) for way in ways] for _ in range(RUNS + 1)][1:]
    ours, bare = (median(times) for times in zip(*runs, strict=True))
    return ours / bare
