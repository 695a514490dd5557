"""How the tests run a command, and what they run it on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from esa4_helpers.cli import main

# Sample rate, subtype, channels and seconds of each.
GOOD = {
    "run 2.wav": (16000, "PCM_16", 1, 2.0),
    "run 10.wav": (48000, "PCM_24", 2, 3.5),
    "Prüfstand ä/lauf 1.WAV": (44100, "FLOAT", 1, 2.0),
    "pump.flac": (22050, "PCM_24", 3, 2.2),
    "pump.ogg": (32000, "VORBIS", 1, 2.5),
    "-x.wav": (16000, "PCM_16", 2, 1.0),
    "two\nlines.wav": (16000, "PCM_16", 1, 1.2),
    "truncated.wav": (16000, "PCM_16", 1, 4.0),
}
BAD = {
    "empty.wav": "0 bytes",
    "short.wav": "too short",
    "silent.wav": "sound|silen",
    "text.flac": "no sound file",
}
CLIPPED = "clipped.wav"


def machine_sound(seconds: float, sr: int = 16000, seed: int = 0) -> np.ndarray:
    """A hum with its harmonics in noise."""
    time = np.arange(round(seconds * sr)) / sr
    hum = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in (1, 2, 3))
    return 0.05 * hum + 0.02 * np.random.default_rng(seed).standard_normal(len(time))


def write(path: Path, audio: np.ndarray, sr: int = 16000, **options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, sr, **options)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory) -> Path:
    """Recordings as engineers bring them, good and bad."""
    root = tmp_path_factory.mktemp("Meine Anlage äöü")
    for seed, (name, (sr, subtype, n_channels, seconds)) in enumerate(GOOD.items()):
        audio = machine_sound(seconds, sr, seed)
        channels = np.repeat(audio[:, np.newaxis], n_channels, axis=1)
        write(root / name, channels, sr, subtype=subtype)
    cut_short = root / "truncated.wav"
    cut_short.write_bytes(cut_short.read_bytes()[:70_000])
    write(root / CLIPPED, np.clip(30 * machine_sound(2), -1, 1))
    write(root / "silent.wav", np.zeros(32000))
    write(root / "short.wav", machine_sound(0.3))
    (root / "empty.wav").touch()
    (root / "text.flac").write_text("no sound at all")
    return root


@pytest.fixture(scope="session")
def clean(tmp_path_factory) -> Path:
    """Ten recordings without fault, of 2 s each."""
    root = tmp_path_factory.mktemp("clean")
    for seed in range(10):
        write(root / f"day {seed}.wav", machine_sound(2, seed=seed))
    return root


@pytest.fixture(scope="session")
def esa4() -> Callable[..., Result]:
    """Run a command, which never ends in a traceback."""

    def run(*arguments: object, input: bytes | BinaryIO | None = None) -> Result:
        result = CliRunner().invoke(main, [str(part) for part in arguments], input)
        # All else that is raised here would be a traceback on a terminal.
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result

    return run


@pytest.fixture(scope="session")
def machine(esa4, clean, tmp_path_factory) -> Path:
    """A detector of the simplest kind, for clips of 1 s."""
    file = tmp_path_factory.mktemp("detectors") / "machine.esa4"
    result = esa4("fit", clean, "-o", file, "--detector", "level", "--clip", 1)
    assert result.exit_code == 0, result.stderr
    return file
