"""Sheet 6: your own machine."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ..datasets import make_synthetic_dataset
from ..detectors import anomaly_score
from ..evaluation import auc_interval
from ..recipes import make_detector
from . import Wrong, call, compare, question

# What librosa resamples to if nobody asks for anything else.
_LIBROSAS_RATE = 22050
# Both are fitted within a second.
_COMPARED = ("level", "mahalanobis")


@dataclass(frozen=True)
class _Recording:
    """A recording that can be computed at any sample rate, so nothing is resampled."""

    name: str
    rate: int
    seconds: float
    tones: tuple[float, ...]  # one frequency in Hz for each channel

    def channels(self, sr: int) -> np.ndarray:
        """The recording at a sample rate, of shape (n_channels, n_samples)."""
        time = np.arange(round(self.seconds * sr)) / sr
        # It begins and ends softly, where resamplers would differ.
        fade = np.sin(np.pi * time / self.seconds) ** 2
        high = 9500 if sr > 2 * 9500 else 0
        tones = np.outer(self.tones, time)
        return fade * (
            0.3 * np.sin(2 * np.pi * tones) + 0.1 * np.sin(2 * np.pi * high * time)
        )


def _recordings(rng: np.random.Generator) -> list[_Recording]:
    """Five to seven recordings in the order of their names."""
    n_files = int(rng.integers(5, 8))
    days = rng.choice(["fri", "mon", "sat", "sun", "thu", "tue", "wed"], n_files, False)
    rates = rng.permutation(np.resize([48000, 44100, 32000], n_files))
    channels = rng.permutation(np.resize([2, 1], n_files))
    seconds = 0.5 + 0.02 * rng.permutation(20)[:n_files]
    return [
        _Recording(
            f"{day}_{rng.integers(10, 24)}h.wav",
            int(rate),
            float(length),
            tuple(rng.uniform(200, 1500, n_channels)),
        )
        for day, rate, length, n_channels in zip(
            sorted(days.tolist()), rates, seconds, channels, strict=True
        )
    ]


def _write(recordings: list[_Recording], folder: str) -> None:
    """Write them in another order, next to a file that is no recording."""
    Path(folder, "about.txt").write_text("recorded in the hall\n", encoding="utf-8")
    for recording in sorted(recordings, key=lambda recording: recording.seconds):
        soundfile.write(
            Path(folder, recording.name),
            recording.channels(recording.rate).T,
            recording.rate,
        )


def _cut(clips: list[np.ndarray], rows: np.ndarray | None) -> np.ndarray:
    """Cut clips to the shortest, or where the answer does if that is a sample off."""
    length = min(map(len, clips))
    if rows is not None and abs(rows.shape[1] - length) == 1:
        length = rows.shape[1]
    return np.stack([np.pad(clip, (0, 1))[:length] for clip in clips])


def _pad(clips: list[np.ndarray]) -> np.ndarray:
    padded = np.zeros((len(clips), max(map(len, clips))))
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = clip
    return padded


def _as_rows(answer: Any) -> np.ndarray | None:
    """The answer as numbers in rows, if that is what it is."""
    try:
        rows = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return rows if rows.ndim == 2 and rows.size else None


def _rearranged(expected: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    """The expected rows in the order of the answer, if it holds each of them once."""
    if rows is None or rows.shape != expected.shape:
        return expected
    distance = np.abs(rows[:, np.newaxis] - expected).mean(axis=2)
    order = np.argmin(distance, axis=1)
    return expected[order] if len(np.unique(order)) == len(order) else expected


@question(
    "6.1",
    points=2,
    level="practice",
    trains="getting recordings into one clean array",
    data_sets=4,
)
def read_folder(answer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, 61])
    for sr in [(8000, 16000)[seed % 2]]:
        recordings = _recordings(rng)
        with tempfile.TemporaryDirectory() as folder:
            _write(recordings, folder)
            got = call(answer, folder, sr)
        rows = _as_rows(got)
        if rows is not None and np.abs(rows).max() > 2:
            raise Wrong(
                "samples should lie between -1 and 1: these look like the whole numbers "
                "that a WAV file stores"
            )
        clips = [r.channels(sr).mean(axis=0) for r in recordings]
        usual = [r.channels(_LIBROSAS_RATE).mean(axis=0) for r in recordings]
        unchanged = [r.channels(r.rate).mean(axis=0) for r in recordings]
        left = [r.channels(sr)[0] for r in recordings]
        both = [r.channels(sr).sum(axis=0) for r in recordings]
        expected = _cut(clips, rows)
        compare(
            got,
            expected,
            {
                "the clips are right, but not in the order of the files' names: a "
                "folder lists them in any order": _rearranged(expected, rows),
                "these clips have 22050 Hz, as librosa makes them unless told "
                "otherwise: hand `sr` on": _cut(usual, rows),
                "these clips have the sample rates of the files themselves: resample "
                "each to `sr`": _cut(unchanged, rows),
                "of stereo files this takes the left channel only: mix both": (
                    _cut(left, rows)
                ),
                "of stereo files this is the sum of the channels, which may be louder "
                "than full scale: take their mean": _cut(both, rows),
                "short clips are padded here, and a detector would hear the silence: "
                "cut the others to the length of the shortest": _pad(clips),
                "this is turned on its side: there should be one row for each file": (
                    expected.T
                ),
            },
            what="the array of clips",
            hint="Listen to a file and to its row: are they the same sound?",
            tolerance=0.02,
        )


def _clips_at(recordings: np.ndarray, starts: range, n_samples: int) -> np.ndarray:
    """The clips of each recording at some starts; beyond its end there are zeros."""
    padded = np.pad(recordings, ((0, 0), (0, n_samples)))
    return np.array([row[i : i + n_samples] for row in padded for i in starts])


@question(
    "6.2",
    points=1,
    level="first steps",
    trains="clips of equal length, none of which mixes two recordings",
)
def cut_clips(answer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, 62])
    for fits in (True, False):
        n_samples = 2 * int(rng.integers(10, 30))
        n_recordings, n_each = rng.integers((2, 3), (5, 7)).tolist()
        rest = 0 if fits else int(rng.integers(n_samples // 2 + 1, n_samples))
        recordings = rng.standard_normal((n_recordings, n_each * n_samples + rest))

        full = n_each * n_samples
        expected = _clips_at(recordings, range(0, full, n_samples), n_samples)
        everything = recordings.reshape(1, -1)
        n_in_all = everything.size // n_samples
        by_recording = np.array(np.split(expected, n_recordings))
        compare(
            call(answer, recordings, n_samples),
            expected,
            {
                "the rest of each recording is padded with zeros: drop it, as a "
                "detector would hear the silence": _clips_at(
                    recordings, range(0, full + rest, n_samples), n_samples
                ),
                "these clips overlap: each should begin where the one before it "
                "ends": _clips_at(
                    recordings,
                    range(0, full + rest - n_samples + 1, n_samples // 2),
                    n_samples,
                ),
                "of each recording this is one too few: its last clip fits "
                "exactly": _clips_at(
                    recordings, range(0, full - n_samples, n_samples), n_samples
                ),
                "some clips begin in one recording and end in the next: cut each "
                "recording by itself": _clips_at(
                    everything, range(0, n_in_all * n_samples, n_samples), n_samples
                ),
                "the first clips of all recordings come first here: keep the clips of "
                "a recording together": np.concatenate(by_recording.swapaxes(0, 1)),
                "the clips are right, but the array should have two dimensions, with "
                "the clips of all recordings one under the other": by_recording,
                "this is turned on its side: there should be one row for each clip": (
                    expected.T
                ),
            },
            what="the array of clips",
            hint="How many whole clips fit into one recording, and where does each begin?",
        )


@lru_cache(maxsize=4)
def _two_sorts(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training clips and, mixed, test clips with faults of which some are hard to hear."""
    rng = np.random.default_rng([seed, 63])
    n_train, n_normal, n_faulty = rng.integers((20, 11, 11), (25, 16, 16)).tolist()
    clips = make_synthetic_dataset(
        n_train,
        n_normal,
        n_faulty,
        sr=8000,
        kinds=("late click", "hiss", "double click", "weak click"),
        random_state=int(rng.integers(2**31)),
    )
    mixed = rng.permutation(n_normal + n_faulty)
    return clips.train.audio, clips.test.audio[mixed], clips.test.is_anomaly[mixed]


def _table(
    scores: Mapping[str, np.ndarray], is_anomaly: np.ndarray, end: int = 0
) -> np.ndarray:
    """For each detector the AUC, counted pair by pair, and one end of its interval."""
    return np.array(
        [
            (
                np.mean(
                    np.heaviside(
                        np.subtract.outer(values[is_anomaly], values[~is_anomaly]), 0.5
                    )
                ),
                auc_interval(is_anomaly, values)[end],
            )
            for values in scores.values()
        ]
    )


@lru_cache(maxsize=4)
def _tables(seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The right table, and those that mistakes give."""
    train, test, faulty = _two_sorts(seed)

    def scores(*known: np.ndarray) -> dict[str, np.ndarray]:
        clips = np.concatenate(known)
        return {
            name: anomaly_score(make_detector(name, sr=8000).fit(clips), test)
            for name in _COMPARED
        }

    right = scores(train)
    labels = {
        name: -1.0 * make_detector(name, sr=8000).fit(train).predict(test)
        for name in _COMPARED
    }
    return _table(right, faulty), {
        "an AUC below a half ranks normal clips as more anomalous: turn the sign of "
        "`score_samples`, or use `anomaly_score`": _table(
            {name: -values for name, values in right.items()}, faulty
        ),
        "this is the upper end of each interval: the lower one says what you can count "
        "on": _table(right, faulty, end=1),
        "`predict` gives labels, not scores: with only two values most pairs of clips "
        "are ties": _table(labels, faulty),
        "the detectors have heard the test clips before: fit to `train` only": _table(
            scores(train, test), faulty
        ),
        "the detectors were fitted to the normal test clips, too: fit to `train` only": (
            _table(scores(train, test[~faulty]), faulty)
        ),
    }


@question(
    "6.3",
    points=2,
    level="practice",
    trains="the same clips for all detectors, and an interval beside each AUC",
    data_sets=2,
)
def compare_detectors(answer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, 630])
    names = rng.permutation(_COMPARED).tolist()
    got = call(answer, names, *_two_sorts(seed), 8000)
    if not isinstance(got, dict):
        raise Wrong(f"the result should be a dict, and is a {type(got).__name__}")
    if set(got) != set(names):
        raise Wrong(
            f"the dict should have one entry for each of the names, {names}, and has "
            f"entries for {list(got)}"
        )
    expected, mistakes = _tables(seed)
    compare(
        [got[name] for name in _COMPARED],
        expected,
        mistakes,
        what="the table of AUC and lower end",
        hint="Chapter 5 computes both for one detector; do the same for each name.",
    )


@lru_cache(maxsize=4)
def _machine(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal clips, new ones, and the fault of each new one ("" for none)."""
    rng = np.random.default_rng([seed, 64])
    n_normal, n_missing, n_whistling = rng.integers((40, 18, 18), (50, 25, 25)).tolist()
    clips = make_synthetic_dataset(
        80,
        n_normal + n_whistling,
        n_missing,
        sr=8000,
        kinds="missing click",
        random_state=int(rng.integers(2**31)),
    )
    healthy = clips.test.audio[~clips.test.is_anomaly]
    time = np.arange(healthy.shape[1]) / 8000
    pitch = rng.uniform(1500, 3000, (n_whistling, 1))
    # Far below the clicks, so that no level of the whole clip shows it.
    whistling = healthy[n_normal:] + 0.003 * np.sin(2 * np.pi * pitch * time)
    new = np.concatenate(
        [healthy[:n_normal], clips.audio[clips.is_anomaly], whistling]
    ).astype(np.float32)
    fault = np.repeat(
        ["", "missing clicks", "a faint whistle"], [n_normal, n_missing, n_whistling]
    )
    mixed = rng.permutation(len(new))
    return clips.train.audio, new[mixed], fault[mixed]


def _as_alarms(answer: Any, n_clips: int) -> np.ndarray:
    try:
        alarms = np.asarray(answer)
    except ValueError:
        alarms = np.empty(0)
    if alarms.dtype != bool or alarms.shape != (n_clips,):
        raise Wrong(
            f"the result should be an array of True or False for each of the {n_clips} "
            f"new clips, and is {alarms.dtype} of the shape {alarms.shape}"
        )
    return alarms


def _judge(alarms: np.ndarray, fault: np.ndarray, rate: float) -> None:
    """Compare alarms with what they promised."""
    false_alarms = alarms[fault == ""].mean()
    heard = {kind: alarms[fault == kind].mean() for kind in set(fault.tolist()) - {""}}
    if max(heard.values()) < false_alarms:
        raise Wrong(
            "normal clips raise more alarms than faulty ones: this is the wrong way "
            "round. Higher anomaly scores are more anomalous, higher `score_samples` "
            "more normal"
        )
    if false_alarms > rate + 0.25:
        raise Wrong(
            f"{false_alarms:.0%} of the normal clips raise an alarm, where {rate:.0%} are "
            "accepted: such a threshold comes from clips that the detector knows, which "
            "score lower than new ones"
        )
    if min(heard.values()) >= 0.7:
        return
    if abs(alarms.mean() - rate) < 1.5 / len(alarms):
        raise Wrong(
            f"just the accepted share, {rate:.0%}, of all new clips raises an alarm: it "
            "seems that the threshold was taken from the new clips. It must come from "
            "normal ones, as half of the new ones may be faulty"
        )
    kind = min(heard, key=heard.get)
    raise Wrong(
        f"only {heard[kind]:.0%} of the clips with {kind} raise an alarm: your detector is "
        "nearly deaf to this fault, or the threshold is too high. Break some normal clips "
        "yourself and look which detector hears it"
    )


@question(
    "6.4",
    points=3,
    level="design",
    trains="choosing a detector and a threshold by what the job asks for",
    data_sets=2,
)
def keep_watch(answer: Any, seed: int) -> None:
    normal, new, fault = _machine(seed)
    rng = np.random.default_rng([seed, 640])
    n_in_a_day = int(rng.choice([96, 144, 288]))
    every = 24 * 60 * 60 // n_in_a_day
    few, many = rng.uniform((0.06, 0.28), (0.09, 0.32)) * n_in_a_day
    alarms = {}
    for per_day in (round(few), round(many)):
        got = call(answer, normal, new, 8000, every, per_day)
        alarms[per_day] = _as_alarms(got, len(new))
        _judge(alarms[per_day], fault, per_day / n_in_a_day)
    if np.array_equal(*alarms.values()):
        raise Wrong(
            "the alarms are the same however many are accepted: set the threshold by "
            "`per_day` and `every`. (The threshold of `predict` has a rate of its own.)"
        )
