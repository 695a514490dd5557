"""Makes the report that the site shows, of a machine that turns in a computer only.

Nothing in it is recorded, so it comes with no licence but that of the code.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sphinx.application import Sphinx

import esa4_helpers
from esa4_helpers import (
    make_detector,
    make_synthetic_machine,
    read_recordings,
    write_report,
)

REPORT = "_static/report.html"
SR = 16000
CLIP_SECONDS = 2.0
# Two of the new recordings; the others are as in training.
FAULTY, FAILING = "day 8", "day 9"


def record(folder: Path) -> None:
    """Put down 20 recordings for training, and 9 new ones of which two are odd."""
    clips = make_synthetic_machine(29, 1, duration=10.0, sr=SR, random_state=1)
    normal, faulty = clips.audio[~clips.is_anomaly], clips.audio[clips.is_anomaly]
    for name in ("training", "new"):
        (folder / name).mkdir()
    for day, sound in enumerate(normal[:20], 1):
        soundfile.write(folder / f"training/day {day}.flac", sound, SR)
    new = {f"day {day}": sound for day, sound in enumerate(normal[20:], 1)}
    new[FAULTY] = np.concatenate([new[FAULTY][: 4 * SR], faulty[0][4 * SR :]])
    new[FAILING] = np.concatenate([new[FAILING][: 6 * SR], np.zeros(4 * SR)])
    for name, sound in new.items():
        soundfile.write(folder / f"new/{name}.flac", sound, SR)


def write_example(file: Path) -> None:
    """Train on what was recorded, and report on what is new."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record(folder)
        normal = read_recordings(folder / "training", CLIP_SECONDS)
        new = read_recordings(folder / "new", CLIP_SECONDS, keep_silent=True)
        detector = make_detector("mahalanobis", SR, false_alarm_rate=0.05).fit(normal)
        write_report(detector, new, file, title="A simulated machine, days 1 to 9")


def write_if_old(app: Sphinx, error: Exception | None) -> None:
    """Make the report unless there is one that is newer than all that makes it."""
    if error or app.builder.format != "html":
        return
    file = Path(app.outdir, REPORT)
    package = Path(esa4_helpers.__file__).parent
    sources = [Path(__file__), *package.rglob("*.*")]
    newest = max(path.stat().st_mtime for path in sources if path.suffix != ".pyc")
    if not file.exists() or file.stat().st_mtime < newest:
        write_example(file)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the report once the pages are there."""
    app.connect("build-finished", write_if_old)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
