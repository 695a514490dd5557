"""Record a machine with the microphone at hand: the browser's in Colab, or this computer's."""

from __future__ import annotations

import sys
from base64 import b64decode
from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile

from ._checks import check_number
from .sources import SourceError, open_microphone

# In Hz, of a microphone on this computer. A browser has its own rate.
_RATE = 48000
# In s: what is shorter is a slip, and how long a person may think about letting the browser listen.
_SHORTEST = 1.0
_PATIENCE = 120.0


def record_sound(file: str | Path, seconds: float = 20.0) -> Path:
    """Record some seconds of sound into a new WAV file.

    In Google Colab, the browser records, after it has asked whether it may; elsewhere
    this computer does, by way of the package sounddevice. Automatic gain and noise
    suppression are switched off where that can be done from here.

    Parameters
    ----------
    file : str or path
        What to write, a name that ends in ``.wav``. Its folder is made if it is missing.
    seconds : float
        For how long.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileExistsError
        If there is such a file: no recording is ever overwritten.
    ValueError, TypeError
        If the name has another ending, or ``seconds`` is out of its range.
    SourceError
        If there is no microphone, or it may not be used.

    Examples
    --------
    >>> record_sound("my_machine/normal/monday 1.wav")  # doctest: +SKIP
    PosixPath('my_machine/normal/monday 1.wav')
    """
    file = Path(file)
    if file.suffix.lower() != ".wav":
        raise ValueError(f"{file} should end in .wav")
    if file.exists():
        raise FileExistsError(f"{file} is there already: choose another name")
    if check_number(seconds, "seconds") < _SHORTEST:
        raise ValueError(f"seconds must be at least {_SHORTEST:g}, got {seconds!r}")
    in_colab = "google.colab" in sys.modules
    sound, sr = _in_browser(seconds) if in_colab else _here(seconds)
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, sound, sr, subtype="PCM_16")
    return file


def _in_browser(seconds: float) -> tuple[np.ndarray, int]:
    from google.colab import output

    script = files(__package__).joinpath("recorder.js").read_text(encoding="utf-8")
    answer = output.eval_js(f"({script})({seconds})", timeout_sec=seconds + _PATIENCE)
    if "error" in answer:
        raise SourceError(
            f"the browser does not record ({answer['error']}): let this page use the "
            "microphone, which a sign beside the page's address shows"
        )
    return np.frombuffer(b64decode(answer["samples"]), "<i2"), int(answer["rate"])


def _here(seconds: float) -> tuple[np.ndarray, int]:
    source = open_microphone(_RATE)
    wanted, found = round(seconds * _RATE), 0
    sounds: list[np.ndarray] = []
    for block in source.blocks:
        if block.lost:
            # Nothing that has a gap is kept: begin again.
            sounds, found = [], 0
        sounds.append(block.sound)
        found += len(block.sound)
        if found >= wanted:
            break
    source.blocks.close()
    if found < wanted:
        raise SourceError(f"{source.name} stopped after {found / _RATE:.1f} s")
    return np.concatenate(sounds)[:wanted], _RATE
