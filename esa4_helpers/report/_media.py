"""Sound and pictures of the clips that the report shows, within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ..explanation import anomaly_map, has_anomaly_map
from ..features import log_mel_spectrogram
from ..recordings import Recordings
from ..scoring import anomaly_score
from ..widgets._shared import (
    MAP_PERCENTILE,
    SOUND_SR,
    address,
    encode_sound,
    map_pictures,
)

# Mail programs take attachments of 20 MB, and browsers open this at once.
MOST_BYTES = 10**7
_N_MELS = 64
_WINDOW = 2048
# A picture is no wider on the page, however long its clip.
_MOST_FRAMES = 400
# In dB: how loud the loudest clip is played, and how far quiet ones are turned up at most.
_PLAYED_DB = -1.0
_MOST_GAIN_DB = 40.0


@dataclass
class ClipMedia:
    """What there is to hear and to see of one clip; empty where it takes too much room."""

    sound: str = ""
    spectrogram: str = ""
    map: str = ""
    by_level: bool = False


@dataclass
class Media:
    """Sound and pictures of clips by their number, and what all of them share."""

    clips: dict[int, ClipMedia]
    gain_db: float
    db_range: tuple[float, float]
    map_end: float
    sound_sr: int = SOUND_SR
    is_full: bool = False


def media_of(
    detector: Any, recordings: Recordings, wanted: list[int], peaks: np.ndarray
) -> Media:
    """Turn clips into sounds and pictures; the first wanted get the room there is.

    All are played at one gain, and drawn in one scale, so that they compare.
    """
    if not wanted:
        return Media({}, 0.0, (0.0, 0.0), 0.0)
    # Silence beside a loud clip is no reason to divide by zero.
    loudest = max(float(peaks[wanted].max()), 1e-6)
    gain_db = float(np.clip(_PLAYED_DB - 20 * np.log10(loudest), None, _MOST_GAIN_DB))
    maps_it = isinstance(detector, Pipeline) and has_anomaly_map(detector)
    sounds, spectra, maps, by_level = {}, {}, {}, {}
    for i, clip in _clips(recordings, wanted):
        sounds[i] = encode_sound(clip, recordings.sr, f"clip {i}", gain_db)
        if len(clip) >= _WINDOW:
            [spectrum] = log_mel_spectrogram(
                clip[np.newaxis], recordings.sr, n_mels=_N_MELS
            )
            spectra[i] = _narrow(spectrum)
        if maps_it:
            [cells] = anomaly_map(detector, clip[np.newaxis])
            maps[i] = _narrow(cells)
        by_level[i] = _is_by_level(detector, clip)
    low, high = _percentiles(spectra, 100 - MAP_PERCENTILE, MAP_PERCENTILE)
    (map_end,) = _percentiles(maps, MAP_PERCENTILE)
    drawn, mapped = _pictures(spectra, low, high), _pictures(maps, 0.0, map_end or 1.0)
    media = Media({}, gain_db, (low, high), map_end)
    n_bytes = 0
    for i in wanted:
        found = ClipMedia(
            address(sounds[i], "audio/mpeg"),
            drawn.get(i, ""),
            mapped.get(i, ""),
            by_level[i],
        )
        n_bytes += len(found.sound) + len(found.spectrogram) + len(found.map)
        media.is_full |= n_bytes > MOST_BYTES
        media.clips[i] = ClipMedia(by_level=by_level[i]) if media.is_full else found
    return media


def _clips(
    recordings: Recordings, wanted: list[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Read some clips, one at a time, with their numbers."""
    keep = np.zeros(len(recordings), bool)
    keep[wanted] = True
    blocks = recordings.select(keep).blocks(1)
    for number, (_, [clip]) in zip(np.flatnonzero(keep), blocks, strict=True):
        yield int(number), clip


def _narrow(values: np.ndarray) -> np.ndarray:
    """Bring a picture to the width of the page; what is brief and strong stays."""
    if values.shape[1] <= _MOST_FRAMES:
        return values
    edges = np.linspace(0, values.shape[1], _MOST_FRAMES + 1).astype(int)[:-1]
    return np.maximum.reduceat(values, edges, axis=1)


def _percentiles(values: Mapping[int, np.ndarray], *percent: float) -> list[float]:
    """Where the colours of pictures end, which is the same for all."""
    if not values:
        return [0.0] * len(percent)
    cells = np.concatenate([v.ravel() for v in values.values()])
    return np.percentile(cells, percent).tolist()


def _pictures(
    values: Mapping[int, np.ndarray], low: float, high: float
) -> dict[int, str]:
    return dict(
        zip(values, map_pictures(list(values.values()), low, high), strict=True)
    )


def _is_by_level(detector: Any, clip: np.ndarray) -> bool:
    """Whether it is the level of the clip as a whole that surprises most."""
    part = getattr(detector, "level_", None)
    if part is None:
        return False
    [score], [of_level] = (
        anomaly_score(judge, clip[np.newaxis]) for judge in (detector, part)
    )
    return bool(of_level >= score)
