"""Any machine of MIMII, from a folder in its layout (to be merged from elsewhere)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from .datasets import Dataset, DatasetUnreachableError


def load_mimii(
    machine: str,
    model: str,
    snr_db: int = 6,
    n_normal: int | None = None,
    n_abnormal: int | None = None,
    channel: int = 0,
) -> Dataset:
    """Load clips of one of MIMII's machines, to train on and to test with.

    Parameters
    ----------
    machine, model : str
        As in MIMII.
    snr_db : int
        Nominal signal-to-noise ratio in dB.
    n_normal, n_abnormal : int, optional
        How many clips to load.
    channel : int
        Which microphone.

    Returns
    -------
    Dataset
        At 16 000 Hz.

    Raises
    ------
    DatasetUnreachableError
        If ``ESA4_MIMII`` is not set.

    Examples
    --------
    >>> load_mimii("fan", "id_00")  # doctest: +SKIP
    """
    folder = os.environ.get("ESA4_MIMII")
    if not folder:
        raise DatasetUnreachableError("MIMII can't be reached.")
    names, audio = [], []
    for label, count in (("normal", n_normal), ("abnormal", n_abnormal)):
        files = sorted((Path(folder) / machine / model / label).glob("*.wav"))
        for file in files[:count]:
            names.append(f"{label}_{file.stem}")
            audio.append(soundfile.read(file, dtype="float32")[0])
    is_anomaly = [name.startswith("abnormal") for name in names]
    n_test = sum(is_anomaly)
    return Dataset(
        audio=np.stack(audio),
        sr=16000,
        names=names,
        is_train=[not bad and i >= n_test for i, bad in enumerate(is_anomaly)],
        is_anomaly=is_anomaly,
        title=f"mimii {machine} {model} {snr_db} dB",
    )
