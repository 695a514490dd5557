"""Recording a machine, in a browser that asks first or on this computer."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from esa4_helpers import record_sound, recorder
from esa4_helpers.sources import Block, SourceError


@pytest.fixture
def colab(monkeypatch) -> Callable[[dict[str, Any]], list[str]]:
    """Let Colab's browser give an answer; what it was asked to run is returned."""

    def pretend(answer: dict[str, Any], waits: list[float] | None = None) -> list[str]:
        asked = []
        waits = [] if waits is None else waits

        def eval_js(script: str, timeout_sec: float) -> dict[str, Any]:
            asked.append(script)
            waits.append(timeout_sec)
            return answer

        module = ModuleType("google.colab")
        module.output = SimpleNamespace(eval_js=eval_js)
        monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
        monkeypatch.setitem(sys.modules, "google.colab", module)
        return asked

    return pretend


@pytest.fixture
def microphone(monkeypatch) -> Callable[[list[Block]], None]:
    """Let this computer's microphone hear some blocks, and then end."""

    def pretend(blocks: list[Block]) -> None:
        source = SimpleNamespace(name="a test", blocks=(block for block in blocks))
        monkeypatch.setattr(recorder, "open_microphone", lambda sr: source)

    return pretend


class TestInColab:
    def test_writes_what_the_browser_has_heard_at_its_rate(self, colab, tmp_path):
        samples = np.arange(-44100, 44100, 2, dtype="<i4").clip(-32768, 32767)
        sent = b64encode(samples.astype("<i2").tobytes()).decode()
        asked = colab({"rate": 44100, "samples": sent})
        file = record_sound(tmp_path / "normal" / "monday 1.wav", seconds=1)
        written, rate = soundfile.read(file, dtype="int16")
        assert rate == 44100
        np.testing.assert_array_equal(written, samples)
        assert "getUserMedia" in asked[0]
        assert asked[0].endswith(")(1)")

    def test_says_why_the_browser_does_not_record(self, colab, tmp_path):
        waits: list[float] = []
        asked = colab({"error": "NotAllowedError: Permission denied"}, waits)
        with pytest.raises(SourceError, match=r"NotAllowedError.*microphone"):
            record_sound(tmp_path / "a.wav")
        assert list(tmp_path.iterdir()) == []
        assert asked[0].endswith(")(20.0)")
        # Two minutes are left to find where the browser asks.
        assert waits == [20 + 120]


class TestOnThisComputer:
    def test_writes_as_much_as_is_asked_for(self, microphone, tmp_path):
        sound = np.linspace(-0.5, 0.5, 30000, dtype=np.float32)
        microphone([Block(sound), Block(sound), Block(sound)])
        written, rate = soundfile.read(record_sound(tmp_path / "a.wav", seconds=1))
        assert rate == len(written) == 48000
        assert written[:30000] == pytest.approx(sound, abs=1e-4)

    def test_holds_no_gap(self, microphone, tmp_path):
        before, after = np.full(30000, 0.1), np.full(50000, 0.2)
        microphone([Block(before), Block(after, lost=0.3)])
        written, _ = soundfile.read(record_sound(tmp_path / "a.wav", seconds=1))
        assert written == pytest.approx(np.full(48000, 0.2), abs=1e-4)

    @pytest.mark.parametrize("sizes", [[48000], [47999, 1], [1, 47999]])
    @pytest.mark.parametrize("begins_again", [False, True])
    def test_it_ends_with_the_last_sample_that_is_asked_for(
        self, microphone, tmp_path, sizes, begins_again
    ):
        blocks = [Block(np.full(n, 0.25), lost=0.0) for n in sizes]
        if begins_again:
            blocks[0] = Block(blocks[0].sound, lost=0.1)
            blocks.insert(0, Block(np.full(2400, 0.75)))
        microphone([*blocks, None])
        file = record_sound(tmp_path / "deeper" / "still" / "A.WAV", seconds=1)
        written, _ = soundfile.read(file)
        np.testing.assert_array_equal(written, np.full(48000, 0.25))

    def test_of_a_microphone_that_stops_nothing_is_kept(self, microphone, tmp_path):
        microphone([Block(np.zeros(24000))])
        with pytest.raises(SourceError, match=r"a test stopped after 0\.5 s"):
            record_sound(tmp_path / "a.wav", seconds=1)
        assert list(tmp_path.iterdir()) == []


class TestRefuses:
    def test_to_overwrite_a_recording(self, tmp_path):
        file = tmp_path / "a.wav"
        file.write_bytes(b"precious")
        with pytest.raises(FileExistsError, match=r"a\.wav is there already"):
            record_sound(file)
        assert file.read_bytes() == b"precious"

    @pytest.mark.parametrize(
        ("file", "seconds", "told"),
        [
            ("a.mp3", 1, "should end in .wav"),
            ("a.zip", 1, "should end in .wav"),
            ("a.wav", 0.99, "seconds must be at least 1, got 0.99"),
            ("a.wav", float("nan"), "seconds"),
        ],
    )
    def test_what_can_only_be_a_slip(self, file, seconds, told, tmp_path):
        with pytest.raises(ValueError, match=told):
            record_sound(Path(tmp_path, file), seconds)
