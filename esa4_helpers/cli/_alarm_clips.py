"""Keep the sound around each alarm, without filling the disk."""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from ..recordings import _Recent
from ..sources import Block
from ..streaming import StreamEvent

# What is written here, and may be deleted for a newer one; a clip with another name stays.
_OWN_NAME = re.compile(r"alarm_(\d{8}T\d{9}Z|.+_\d{6,}\.\d{3}s)\.flac")


class AlarmClips:
    """Writes the sound around each alarm into a folder, as FLAC of 16 bits.

    No more sound is kept in memory than one such clip and a block, and no more than the
    newest ``n_kept`` clips are kept in the folder.
    """

    def __init__(
        self, folder: Path, sr: float, window_seconds: float, around: float, n_kept: int
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sr = sr
        self._around = round(around * sr)
        self._recent = _Recent(round(window_seconds * sr) + 2 * self._around)
        self._n_kept = n_kept
        self._wanted: deque[tuple[int, int, str]] = deque()

    def hear(self, block: Block) -> None:
        """Take the next block of the stream."""
        self._recent.hear(block.sound, round(block.lost * self._sr))

    def want(self, event: StreamEvent, name: str) -> None:
        """Ask for the sound around a window of the latest block."""
        start = max(0, round(event.time * self._sr) - self._around)
        self._wanted.append((start, round(event.end * self._sr) + self._around, name))

    def write(self, is_over: bool = False) -> None:
        """Write the clips that have been heard to their end, or all that are left."""
        end = self._recent.end
        while self._wanted and (is_over or self._wanted[0][1] <= end):
            start, stop, name = self._wanted.popleft()
            self._save(self._recent.cut(start, min(stop, end)), name)

    def _save(self, sound: np.ndarray, name: str) -> None:
        encoded = BytesIO()
        soundfile.write(encoded, np.nan_to_num(sound), round(self._sr), format="FLAC")
        file = self._folder / f"alarm_{name}.flac"
        unfinished = file.with_name(f".{file.name}.part")
        try:
            unfinished.write_bytes(encoded.getvalue())
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
        own = [
            path for path in self._folder.iterdir() if _OWN_NAME.fullmatch(path.name)
        ]
        own.sort(key=lambda path: path.stat().st_mtime_ns)
        for path in own[: -self._n_kept]:
            path.unlink()


def clip_name(event: StreamEvent, start: datetime | None, heard: str) -> str:
    """By the clock, or by the recording and the place in it."""
    if start is None:
        return f"{Path(heard).stem}_{event.time:010.3f}s"
    return f"{start:%Y%m%dT%H%M%S}{start.microsecond // 1000:03}Z"
