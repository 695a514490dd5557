from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile
from bs4 import BeautifulSoup

from esa4_helpers import ClipPlayer

SR = 44100
TONE = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(2 * SR) / SR)


def heard(player: ClipPlayer) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(player.mp3))


def test_what_is_heard_is_the_clip():
    audio, sr = heard(ClipPlayer(TONE, SR, "tone"))
    assert sr == 16000
    assert len(audio) / sr == pytest.approx(2, abs=0.2)
    spectrum = np.abs(np.fft.rfft(audio))
    assert np.fft.rfftfreq(len(audio), 1 / sr)[spectrum.argmax()] == pytest.approx(
        1000, abs=2
    )
    assert np.abs(audio[4000:-4000]).max() == pytest.approx(0.1, rel=0.1)


def test_gain_is_in_db():
    plain, loud = (
        np.std(heard(ClipPlayer(TONE, SR, "", gain_db=g))[0]) for g in (0, 6)
    )
    assert 20 * np.log10(loud / plain) == pytest.approx(6, abs=0.2)


def test_html_holds_the_whole_sound_and_a_label_for_everyone():
    player = ClipPlayer(TONE, SR, 'a <"tone">')
    html = player._repr_html_()
    page = BeautifulSoup(html, "html.parser")
    data = page.audio["src"].removeprefix("data:audio/mpeg;base64,")
    assert base64.b64decode(data) == player.mp3
    assert page.audio["aria-label"] == page.figcaption.text == 'a <"tone">'
    assert "http" not in html


def test_is_small_and_the_same_each_time():
    first, again = (ClipPlayer(TONE, SR, "tone").mp3 for _ in range(2))
    assert first == again
    assert len(first) < 20_000


def test_text_form_names_the_clip_and_holds_no_sound():
    assert repr(ClipPlayer(TONE, SR, "train_0")) == "ClipPlayer('train_0')"


@pytest.mark.parametrize(
    ("clip", "arguments", "message"),
    [
        (np.zeros((2, 100)), {}, r"one channel, \(n_samples,\), got \(2, 100\)"),
        (np.float64(0.5), {}, "one channel"),
        (TONE, {"gain_db": np.nan}, "gain_db must be finite"),
        (TONE, {"gain_db": -np.inf}, "gain_db must be finite"),
        (np.zeros(0), {}, "length zero"),
        (np.full(100, np.nan), {}, "NaN"),
        (TONE, {"gain_db": 30}, r"'tone' reaches 3\.16 at a gain of 30 dB"),
        (TONE, {"sr": 0}, "sr must be at least 1000 Hz"),
        (np.zeros(601_000), {"sr": 1000}, "1 clips of 601 s .* 600 s at most"),
    ],
)
def test_bad_input_is_named(clip, arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipPlayer(clip, **({"sr": SR, "label": "tone"} | arguments))


@pytest.mark.parametrize("arguments", [{"label": 3}, {"gain_db": "6"}, {"sr": None}])
def test_wrong_types_are_refused(arguments):
    with pytest.raises(TypeError, match=f"{next(iter(arguments))} must be"):
        ClipPlayer(TONE, **({"sr": SR, "label": "tone"} | arguments))
