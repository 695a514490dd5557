"""What the tests of the widgets share: clips, widgets made of them, and ways to look."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from esa4_helpers import (
    ClipGallery,
    ClipPlayer,
    Dataset,
    ErrorMapViewer,
    ListeningTest,
    ThresholdExplorer,
    make_synthetic_dataset,
    widgets,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATIC = Path(widgets.__file__).parent / "static"
# Those of the widgets, which all start by themselves.
SCRIPTS = [path for path in sorted(STATIC.glob("*.js")) if path.name != "signal.js"]
RANDOM = np.random.default_rng(0)
# To be heard in a browser.
CLIPS = make_synthetic_dataset(n_train=2, sr=16000)
TEST = CLIPS.test
# For all else: a quarter of a second each, at the players' own rate.
FEW = Dataset(
    audio=RANDOM.uniform(-0.5, 0.5, (5, 4000)),
    sr=16000,
    names=tuple(f"clip {letter}" for letter in "abcde"),
    is_train=[0, 0, 0, 0, 1],
    is_anomaly=[0, 1, 0, 1, 0],
)
SCORES = {
    "ties": np.array([2.0, 1, 1, 0.5, 1, 1, 0, 0.5, 1, 0.25]),
    "negative": -np.arange(10) / 3,
    "same": np.full(10, 1e16),
}
THRESHOLDS = {"negative": {"known": -2.5, "held out": -0.1, "far": 1.25}}
MAPS = RANDOM.random((10, 8, 10))


def scores_for(dataset: Dataset) -> dict[str, np.ndarray]:
    return {name: scores[: len(dataset)] for name, scores in SCORES.items()}


def gallery(clips: Dataset = CLIPS, **changes: object) -> ClipGallery:
    age = np.arange(len(clips))[::-1] % 5 - 2.0
    return ClipGallery(**{"dataset": clips, "sort_keys": {"age (s)": age}} | changes)


def explorer(clips: Dataset = CLIPS, **changes: object) -> ThresholdExplorer:
    test = clips.test
    arguments = {
        "dataset": test,
        "scores": scores_for(test),
        "maps": {"negative": MAPS[: len(test)]},
        "thresholds": THRESHOLDS,
    }
    return ThresholdExplorer(**arguments | changes)


def listening(clips: Dataset = CLIPS, **changes: object) -> ListeningTest:
    arguments = {"dataset": clips, "scores": scores_for(clips.test)}
    return ListeningTest(**arguments | changes)


def errormaps(clips: Dataset = CLIPS, **changes: object) -> ErrorMapViewer:
    share = MAPS[: len(clips.test)]
    arguments = {
        "dataset": clips.test,
        "spectrograms": -80 + 70 * share,
        "reconstructions": -10 - 70 * share,
        "errors": (2 * share - 1) ** 2,
    }
    return ErrorMapViewer(**arguments | changes)


MAKERS = (gallery, explorer, listening, errormaps)


class Reader(HTMLParser):
    """Collects the tags of a page, and all texts and descriptions to be read."""

    READ_OUT = ("alt", "aria-label")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append(tag)
        self.texts += [value for name, value in attributes if name in self.READ_OUT]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def pixels(address: str) -> np.ndarray:
    """The colours of a picture, low frequencies first."""
    png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[::-1]


def wait_for_sound(page: Page, id: str) -> None:
    """Wait until the widget's clip has got on a little."""
    page.wait_for_function(
        f"""() => {{
            const audio = document.querySelector("#{id} audio");
            return !audio.paused && audio.currentTime > 0.05;
        }}"""
    )


def address_of(clips: Dataset, clip: int) -> str:
    """Where a widget must find the sound of one clip."""
    mp3 = ClipPlayer(clips.audio[clip], clips.sr, "").mp3
    return f"data:audio/mpeg;base64,{base64.b64encode(mp3).decode('ascii')}"


def heard(page: Page, id: str) -> str:
    """The address of what was played last."""
    return page.evaluate(f'document.querySelector("#{id} audio").src')


def playing(page: Page, id: str) -> bool:
    return page.evaluate(f'!document.querySelector("#{id} audio").paused')


def heads(page: Page, id: str) -> list[str]:
    """Where the playheads are that can be seen."""
    return page.eval_on_selector_all(
        f"#{id} .esa4-head:not([hidden])", "heads => heads.map(head => head.style.left)"
    )


def texts(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


def play_fast(page: Page, id: str = "listening") -> None:
    """Let a widget's clips take a sixteenth of their time."""
    page.evaluate(f"document.querySelector('#{id} audio').defaultPlaybackRate = 16")


def hear_all(page: Page) -> None:
    """Play each clip of the listening test, the next once the last one counts."""
    play_fast(page)
    page.evaluate(
        """async () => {
            const status = document.querySelector("[data-part=status]");
            for (const _ of document.querySelectorAll("[data-row]")) {
                const before = status.textContent;
                document.querySelector("[data-part=next]").click();
                while (status.textContent === before) await new Promise(requestAnimationFrame);
            }
        }"""
    )
