"""The signal path in the browser gives the numbers that Python gives."""

from __future__ import annotations

from collections.abc import Callable

import librosa
import numpy as np
import pytest

from esa4_helpers import features, log_mel_spectrogram, make_synthetic_dataset
from esa4_helpers.widgets._shared import _environment

from .pages import RANDOM, STATIC

TIME = np.arange(24000) / 16000
CLIPS = {
    "noise": RANDOM.uniform(-1, 1, 9000),
    "sweep": 0.5 * np.sin(2 * np.pi * (50 + 2400 * TIME) * TIME),
    "click": np.eye(1, 5000, 2500)[0],
    "silence": np.zeros(4096),
    "quiet": 1e-6 * RANDOM.normal(size=4097),
    "valve": make_synthetic_dataset(
        n_train=1, n_test_normal=1, n_test_anomaly=1, sr=16000
    ).audio[0],
}


@pytest.fixture(scope="module")
def signal(shared) -> Callable:
    """Evaluate an expression beside the functions of the signal path."""
    page = shared()
    script = _environment().get_template("_signal.html").render()

    def evaluate(expression: str, *arguments: object):
        given = [
            argument.tolist() if isinstance(argument, np.ndarray) else argument
            for argument in arguments
        ]
        return page.evaluate(f"(given) => {{ {script}; return {expression}; }}", given)

    return evaluate


def in_browser(signal: Callable, clip: np.ndarray, sr: float, **settings: int):
    names = {"n_mels": "nMels", "n_fft": "nFft", "hop_length": "hopLength"}
    S = signal(
        "logMelSpectrogram(...given).map((band) => [...band])",
        clip.astype(np.float64),
        sr,
        {names[name]: value for name, value in settings.items()},
    )
    return np.array(S)


@pytest.mark.parametrize(
    ("name", "sr"),
    [
        *((name, 16000) for name in CLIPS),
        *(("noise", sr) for sr in (8000, 11025.5, 22050, 44100)),
    ],
)
def test_spectrograms_agree_to_a_millionth_of_a_db(signal, monkeypatch, name, sr):
    # In Python, what is loud enough is computed in 32 bits: here, let nothing be.
    monkeypatch.setattr(features, "_TOO_QUIET_FOR_32_BITS", 1e30)
    clip = CLIPS[name]
    expected = log_mel_spectrogram([clip.astype(np.float64)], sr)[0]
    np.testing.assert_allclose(
        in_browser(signal, clip, sr), expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"n_mels": 64, "n_fft": 1024, "hop_length": 256},
        {"n_mels": 40, "n_fft": 512, "hop_length": 500},
        {"n_mels": 128, "n_fft": 256, "hop_length": 64},
        {"n_mels": 1, "n_fft": 4, "hop_length": 700},
    ],
)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_spectrograms_agree_with_other_settings(signal, monkeypatch, settings):
    monkeypatch.setattr(features, "_TOO_QUIET_FOR_32_BITS", 1e30)
    expected = log_mel_spectrogram([CLIPS["sweep"]], 16000, **settings)[0]
    seen = in_browser(signal, CLIPS["sweep"], 16000, **settings)
    np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-6)


def test_spectrograms_agree_with_the_faster_ones_of_python_too(signal):
    seen = in_browser(signal, CLIPS["valve"], 16000)
    expected = log_mel_spectrogram([CLIPS["valve"]], 16000)[0]
    np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-3)


def test_each_step_agrees_with_librosa(signal):
    hann = signal("[...hannWindow(given[0])]", 64)
    np.testing.assert_allclose(hann, librosa.filters.get_window("hann", 64), atol=1e-15)
    mel = np.array([0.0, 3.0, 14.99, 15.0, 40.5])
    hz = signal("given[0].map(melToHz)", mel)
    np.testing.assert_allclose(hz, librosa.mel_to_hz(mel), rtol=1e-12)
    np.testing.assert_allclose(signal("given[0].map(hzToMel)", np.array(hz)), mel)
    filters = signal(
        "melFilters(...given).map(({ first, weights }) => [first, [...weights]])",
        22050,
        1024,
        40,
    )
    dense = np.zeros((40, 513))
    for band, (first, weights) in zip(dense, filters, strict=True):
        band[first : first + len(weights)] = weights
    expected = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=40, dtype=np.float64)
    np.testing.assert_allclose(dense, expected, rtol=1e-9, atol=1e-15)
    powers = np.array([0.0, 1e-11, 1.0, 100.0])
    assert signal("given[0].map(powerToDb)", powers) == [-100, -100, 0, 20]


def test_what_others_wrote_comes_with_its_licence():
    vendored = STATIC / "vendor"
    names = {path.name for path in vendored.iterdir()}
    assert names == {"fft.js", "fft.js-LICENSE.txt"}
    licence = (vendored / "fft.js-LICENSE.txt").read_text(encoding="utf-8")
    assert "MIT License" in licence
    assert "Copyright Fedor Indutny" in licence
