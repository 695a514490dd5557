"""Sheet 6: your own machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ..datasets import make_synthetic_dataset
from ..evaluation import auc_interval
from ..features import level
from ..machines import make_synthetic_machine
from ..recipes import make_detector
from ..scoring import anomaly_score
from . import Wrong, as_numbers, call, compare, question
from ._choices import choose, own_answer

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
    # Texts are compared sign by sign: "10" comes before "2", and "T" before "d".
    numbers = rng.permutation([1, 2, 3, 10, 11, 20, 100])[: n_files - 3].tolist()
    names = ["Test_1.wav", *(f"day_{number}.wav" for number in (*numbers, 4, 30))]
    rates = rng.permutation(np.resize([48000, 44100, 32000], n_files))
    channels = rng.permutation(np.resize([2, 1], n_files))
    seconds = 0.2 + 0.02 * rng.permutation(8)[:n_files]
    return [
        _Recording(
            name, int(rate), float(length), tuple(rng.uniform(200, 1500, n_channels))
        )
        for name, rate, length, n_channels in zip(
            sorted(names), rates, seconds, channels, strict=True
        )
    ]


def _as_people_count(recording: _Recording) -> tuple[str, int]:
    """What orders names by the number in them, 2 before 10."""
    stem, number = Path(recording.name).stem.split("_")
    return stem, int(number)


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
    sr = (8000, 16000)[seed % 2]
    recordings = _recordings(rng)
    with tempfile.TemporaryDirectory() as folder:
        _write(recordings, folder)
        got = call(answer, folder, sr)
    rows = _as_rows(got)
    if rows is not None and np.abs(rows).max() > 2:
        raise Wrong(
            "samples should lie between -1 and 1: these look like the whole numbers that "
            "a WAV file stores"
        )

    def mixed(rate: int | None = sr, mix: Any = np.mean) -> list[np.ndarray]:
        return [mix(r.channels(rate or r.rate), axis=0) for r in recordings]

    expected = _cut(mixed(), rows)
    counted = sorted(recordings, key=_as_people_count)
    without_case = sorted(recordings, key=lambda r: r.name.lower())

    def mistakes() -> dict[str, np.ndarray]:
        return {
            "the clips are right, but in the order of the numbers in their names: as "
            "Python's `sorted` puts texts, 10 comes before 2": (
                expected[[recordings.index(r) for r in counted]]
            ),
            "the clips are right, but upper and lower case letters are taken for the "
            "same: as Python's `sorted` puts texts, T comes before d": (
                expected[[recordings.index(r) for r in without_case]]
            ),
            "the clips are right, but in the order of the names turned round": (
                expected[::-1]
            ),
            "the clips are right, but not in the order of the files' names: a folder "
            "lists them in any order": _rearranged(expected, rows),
            "these clips have 22050 Hz, as librosa makes them unless told otherwise: "
            "hand `sr` on": _cut(mixed(_LIBROSAS_RATE), rows),
            "these clips have the sample rates of the files themselves: resample each "
            "to `sr`": _cut(mixed(None), rows),
            "these clips have 16000 Hz, whatever is asked for: hand `sr` on": (
                _cut(mixed(16000), rows)
            ),
            "of stereo files this takes the left channel only: mix both": (
                _cut(mixed(mix=lambda x, axis: x[0]), rows)
            ),
            "of stereo files this takes the right channel only: mix both": (
                _cut(mixed(mix=lambda x, axis: x[-1]), rows)
            ),
            "of stereo files this is the sum of the channels, which may be louder than "
            "full scale: take their mean": _cut(mixed(mix=np.sum), rows),
            "each clip is scaled to its loudest sample: leave it as loud as it is": (
                _cut([x / np.abs(x).max() for x in mixed()], rows)
            ),
            "these are the ends of the clips: cut each at its end, so that its "
            "beginning remains": _cut([x[::-1] for x in mixed()], rows)[:, ::-1],
            "short clips are padded here, and a detector would hear the silence: cut "
            "the others to the length of the shortest": _pad(mixed()),
            "this is one file only: read all of them": _cut(mixed(), rows)[0],
            "this is turned on its side: there should be one row for each file": (
                expected.T
            ),
        }

    compare(
        got,
        expected,
        mistakes,
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
    n_samples = int(rng.integers(4, 9))
    n_recordings, n_each = rng.integers((2, 2), (4, 5)).tolist()
    n_recordings = 1 if seed % 8 == 5 else n_recordings
    n_each = 1 if seed % 8 == 6 else n_each
    # It fits exactly, or there is a rest, little or nearly one more clip.
    rest = (0, n_samples - 1, 1, n_samples // 2 + 1)[seed % 4]
    recordings = rng.standard_normal((n_recordings, n_each * n_samples + rest))

    full = n_each * n_samples
    expected = _clips_at(recordings, range(0, full, n_samples), n_samples)
    everything = recordings.reshape(1, -1)
    n_in_all = everything.size // n_samples
    by_recording = np.array(np.split(expected, n_recordings))
    from_end = _clips_at(recordings, range(rest, full + rest, n_samples), n_samples)
    compare(
        call(answer, recordings, n_samples),
        expected,
        {
            "the rest of each recording is padded with zeros: drop it, as a detector "
            "would hear the silence": _clips_at(
                recordings, range(0, full + rest, n_samples), n_samples
            ),
            "these clips overlap: each should begin where the one before it ends": (
                _clips_at(
                    recordings,
                    range(0, full + rest - n_samples + 1, n_samples // 2),
                    n_samples,
                )
            ),
            "there is a clip at each sample here: each should begin where the one "
            "before it ends": _clips_at(
                recordings, range(full + rest - n_samples + 1), n_samples
            ),
            "of each recording this is one too few: its last clip fits exactly": (
                _clips_at(recordings, range(0, full - n_samples, n_samples), n_samples)
            ),
            "where a recording fits exactly, its last clip is missing: it may end where "
            "the recording ends": _clips_at(
                recordings, range(0, full + rest - n_samples, n_samples), n_samples
            ),
            "some clips begin in one recording and end in the next: cut each recording "
            "by itself": _clips_at(
                everything, range(0, n_in_all * n_samples, n_samples), n_samples
            ),
            "the first clips of all recordings come first here: keep the clips of a "
            "recording together": np.concatenate(by_recording.swapaxes(0, 1)),
            "the clips are right, but the array should have two dimensions, with the "
            "clips of all recordings one under the other": by_recording,
            "the beginning of each recording is dropped: drop what is left at its "
            "end": from_end,
            "this is the first clip of each recording: return all": (
                recordings[:, :n_samples]
            ),
            "these are the clips of the first recording: return those of all": (
                by_recording[0]
            ),
            "`n_samples` is taken for the number of clips: it is the length of each": (
                _in_parts(recordings, n_samples)
            ),
            "each clip holds every so many samples: samples of a clip follow each "
            "other": np.concatenate(
                [row[:full].reshape(n_samples, n_each).T for row in recordings]
            ),
            "this is turned on its side: there should be one row for each clip": (
                expected.T
            ),
        },
        what="the array of clips",
        hint="How many whole clips fit into one recording, and where does each begin?",
    )


def _in_parts(recordings: np.ndarray, n_parts: int) -> np.ndarray:
    length = max(1, recordings.shape[1] // n_parts)
    return recordings[:, : n_parts * length].reshape(-1, length)


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
def _right_scores(seed: int) -> dict[str, np.ndarray]:
    train, test, _ = _two_sorts(seed)
    return _scores(test, train)


def _scores(test: np.ndarray, *known: np.ndarray) -> dict[str, np.ndarray]:
    clips = np.concatenate(known)
    return {
        name: anomaly_score(make_detector(name, sr=8000).fit(clips), test)
        for name in _COMPARED
    }


@lru_cache(maxsize=4)
def _wrong_tables(seed: int) -> dict[str, np.ndarray]:
    """Those that mistakes give."""
    train, test, faulty = _two_sorts(seed)
    right = _right_scores(seed)
    labels = {
        name: -1.0 * make_detector(name, sr=8000).fit(train).predict(test)
        for name in _COMPARED
    }
    return {
        "an AUC below a half ranks normal clips as more anomalous: turn the sign of "
        "`score_samples`, or use `anomaly_score`": _table(
            {name: -values for name, values in right.items()}, faulty
        ),
        "the lower end comes second, after the AUC": np.fliplr(_table(right, faulty)),
        "this is the interval, its lower and its upper end: the AUC comes first": (
            np.column_stack(
                [_table(right, faulty)[:, 1], _table(right, faulty, 1)[:, 1]]
            )
        ),
        "this is the AUC alone: add the lower end of its interval": (
            _table(right, faulty)[:, 0]
        ),
        "this is the AUC with both ends of its interval: leave the upper one out": (
            np.column_stack([_table(right, faulty), _table(right, faulty, 1)[:, 1]])
        ),
        "this is half the width of the interval in the place of its lower end": (
            np.column_stack(
                [
                    _table(right, faulty)[:, 0],
                    np.subtract(
                        _table(right, faulty, 1)[:, 1], _table(right, faulty)[:, 1]
                    )
                    / 2,
                ]
            )
        ),
        "this is in percent: return shares between 0 and 1": (
            100 * _table(right, faulty)
        ),
        "this is the upper end of each interval: the lower one says what you can count "
        "on": _table(right, faulty, end=1),
        "`predict` gives labels, not scores: with only two values most pairs of clips "
        "are ties": _table(labels, faulty),
        "the detectors were fitted to the test clips: fit to `train`": _table(
            _scores(test, test), faulty
        ),
        "the detectors have heard the test clips before: fit to `train` only": _table(
            _scores(test, train, test), faulty
        ),
        "the detectors were fitted to the normal test clips, too: fit to `train` only": (
            _table(_scores(test, train, test[~faulty]), faulty)
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
    if not hasattr(got, "keys"):
        raise Wrong(f"the result should be a dict, and is a {type(got).__name__}")
    got = dict(got)
    if set(got) != set(names):
        raise Wrong(
            f"the dict should have one entry for each of the names, {names}, and has "
            f"entries for {list(got)}"
        )
    expected = _table(_right_scores(seed), _two_sorts(seed)[2])
    compare(
        [got[name] for name in _COMPARED],
        expected,
        lambda: _wrong_tables(seed),
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
    what = f"the array of True or False for each of the {n_clips} new clips"
    alarms = as_numbers(answer, what, truth=True)
    if alarms.shape != (n_clips,):
        raise Wrong(
            f"{what} has the shape {alarms.shape}, and should have {(n_clips,)}"
        )
    return alarms


def _judge(
    alarms: np.ndarray,
    among: Callable[[np.ndarray], np.ndarray],
    fault: np.ndarray,
    rate: float,
) -> None:
    """Compare alarms with what they promised; `among` gives those of some clips only."""
    false_alarms = alarms[fault == ""].mean()
    heard = {kind: alarms[fault == kind].mean() for kind in set(fault.tolist()) - {""}}
    if false_alarms > 0.5 and max(heard.values()) < false_alarms:
        raise Wrong(
            "normal clips raise more alarms than faulty ones: this is the wrong way "
            "round. Higher anomaly scores are more anomalous, higher `score_samples` "
            "more normal"
        )
    if alarms.all() or not alarms.any():
        raise Wrong(
            f"{'every' if alarms.any() else 'no'} clip raises an alarm: where does the "
            "threshold lie among the scores of normal clips?"
        )
    if false_alarms > rate + 0.25:
        raise Wrong(
            f"{false_alarms:.0%} of the normal clips raise an alarm, where {rate:.0%} are "
            "accepted. Either the threshold does not follow from `per_day` and `every`, "
            "or it comes from clips that the detector knows, which score lower than new "
            "ones"
        )
    if min(heard.values()) >= 0.7:
        return
    if among(~alarms).any():
        raise Wrong(
            "the answer for a clip changes when other new clips are left out: it seems "
            "that the threshold was taken from the new clips. It must come from normal "
            "ones, as half of the new ones may be faulty"
        )
    kind = min(heard, key=heard.get)
    raise Wrong(
        f"only {heard[kind]:.0%} of the clips with {kind} raise an alarm, and 70 % are "
        "asked for: your detector is nearly deaf to this fault, or the threshold is too "
        "high. Break some normal clips yourself and look which detector hears it"
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

        def among(some: np.ndarray, per_day: int = per_day) -> np.ndarray:
            got = call(answer, normal, new[some], 8000, every, per_day)
            return _as_alarms(got, some.sum())

        alarms[per_day] = among(np.ones(len(new), dtype=bool))
        _judge(alarms[per_day], among, fault, per_day / n_in_a_day)
    if np.array_equal(*alarms.values()):
        raise Wrong(
            "the alarms are the same however many are accepted: set the threshold by "
            "`per_day` and `every`. (The threshold of `predict` has a rate of its own.)"
        )


@question(
    "6.5",
    points=2,
    level="practice",
    trains="telling what a detector hears from the way it works",
    is_function=False,
)
def hearing(answer: Any, seed: int) -> None:
    choose(
        answer,
        {1, 3},
        [
            "without its click a clip is quieter, so these clips get the *lowest* scores "
            "of all: such a detector hears only what is too loud",
            "What becomes of the peak when the click is gone, and does this detector mind, "
            "whether above or below?",
            "a click lasts less than half of the time, so a median over time never "
            "knew that there was one",
            "Which of the others catches the click in each band, however short it is?",
        ],
    )


@question(
    "6.6",
    points=2,
    level="design",
    trains="recordings that tell a fault from another day",
    is_function=False,
)
def missing(answer: Any, seed: int) -> None:
    choose(
        answer,
        {0, 2},
        [
            "Would it keep quiet if the day and the window were others, but the paper was "
            "never there?",
            "more of Monday tells more about Monday, and nothing about what another day "
            "changes",
            "Would it raise an alarm if nothing but the paper had changed: Monday's room, "
            "with the paper alone?",
            "if the window is what it hears, a network has also heard the window: both "
            "differ between the two recordings",
            "an interval says how sure a difference between the recordings is, and not "
            "what causes it: here the paper and the window",
            "more and shorter clips are cut from the same two recordings, and window and "
            "paper still change together",
        ],
    )


_PER_DAY = 24 * 60 * 60
# Some of them are no whole number of recordings.
_ALLOWED = (0.05, 0.03, 0.1, 0.15, 0.25)


@question(
    "6.7",
    points=2,
    level="practice",
    trains="what a threshold promises in a day, and what that takes",
)
def read_report(answer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, 67])
    allowed = _ALLOWED[seed % len(_ALLOWED)]
    needed = _recordings_for(allowed)
    # Fewer recordings than the promise takes, just enough, or more.
    n_recordings = (max(2, needed // 2), needed, 2 * needed + 1)[seed % 3]
    threshold = float(rng.uniform(1, 5))
    scores = rng.normal(threshold, 2, int(rng.integers(30, 60)))
    scores[:3] = threshold
    scores[3 : 3 + int(rng.integers(4, 9))] = np.nan
    report = {
        "scores": rng.permutation(scores),
        "threshold": threshold,
        "n_recordings": n_recordings,
        "clip_seconds": float(rng.choice([1.0, 2.0, 2.5, 10.0])),
        "allowed": allowed,
    }
    _compare_with_report(call(answer, *report.values()), report)


def _recordings_for(allowed: float) -> int:
    """How many it takes at least, whatever is lost by rounding."""
    return int(np.ceil(1 / allowed - 1e-9)) - 1


def _compare_with_report(answer: Any, report: Mapping[str, Any]) -> None:
    """Look whether four numbers follow from what is in a report."""
    got = as_numbers(answer, "the list of four numbers")
    if got.shape != (4,):
        raise Wrong(
            f"the result should be a list of four numbers, and has the shape {got.shape}"
        )
    alarms, promised, a_day, needed = got
    scores = np.asarray(report["scores"], dtype=float)
    threshold, allowed = report["threshold"], report["allowed"]
    n, a_clip = report["n_recordings"], report["clip_seconds"]
    compare(
        alarms,
        np.sum(scores > threshold),
        {
            "a score just at the threshold raises no alarm": np.sum(
                scores >= threshold
            ),
            "clips without a score are counted as alarms: NaN is not above the threshold": (
                np.sum(~(scores <= threshold))
            ),
            "these are the clips that raise none": np.sum(~(scores > threshold)),
            "this is the share of the clips: count them": np.mean(scores > threshold),
        },
        what="the number of alarms",
    )
    best = 1 / (n + 1)
    compare(
        promised,
        max(allowed, best),
        {
            "so few recordings can't promise what was asked for: even the highest of n "
            "scores is exceeded by a new one with a chance of 1 in n + 1": allowed,
            "a promise is no better than what was asked for, however many recordings "
            "there are": min(allowed, best),
            "with n recordings it is 1 in n + 1: the new one counts, too": (
                max(allowed, 1 / n)
            ),
        },
        what="the promised share",
    )
    compare(
        a_day,
        max(allowed, best) * _PER_DAY / a_clip,
        {
            "a day brings the alarms that are promised, not those that were asked for": (
                allowed * _PER_DAY / a_clip
            ),
            "these are the false alarms of an hour": max(allowed, best) * 3600 / a_clip,
            "these are all clips of a day: which share of them raises an alarm?": (
                _PER_DAY / a_clip
            ),
            "this is the share of the seconds: how many clips has a day?": (
                max(allowed, best) * _PER_DAY
            ),
        },
        what="the number of false alarms in a day",
    )
    compare(
        needed,
        _recordings_for(allowed),
        {
            "with n recordings the promise is 1 in n + 1, so it takes one fewer": (
                _recordings_for(allowed) + 1
            ),
        },
        what="the number of recordings that it takes",
    )


# How far levels may be apart that come from the same samples, in dB.
_ROUNDING_DB = 0.01
_FEWEST_RECORDINGS = 3


@question(
    "6.8",
    points=1,
    level="practice",
    trains="a report whose numbers fit together, and belong to the recordings",
    is_function=False,
)
def own_report(answer: Any, seed: int) -> None:
    number, given = own_answer(answer)
    try:
        report, told = dict(given["report"]), given["told"]
        levels = np.asarray(given["levels"], dtype=float)
        quietest, loudest = given["trained_on"]
        scores = np.asarray(report["scores"], dtype=float)
        if given["simulated"]:
            _demand_own_machine(levels, number, report["clip_seconds"])
        _demand_own_recordings(levels, report["n_recordings"])
        _demand_same_training(levels, float(quietest), float(loudest))
        _demand_same_report(scores, report, told)
        answers = given["answers"]
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise Wrong(
            "the second in the list should be a dict: all that is in `evidence`, as the "
            'cells above have made it, and "answers", what your function of 6.7 '
            f"returns for it ({type(error).__name__}: {error})"
        ) from error
    _compare_with_report(answers, report)


def _demand_own_machine(levels: np.ndarray, number: int, clip_seconds: float) -> None:
    """A simulated machine has to be the one that the student's number makes."""
    made = make_synthetic_machine(
        14, 4, duration=5.0, noise_spread_db=1.0, random_state=number
    ).train
    n_samples = round(clip_seconds * made.sr)
    n_each = made.audio.shape[1] // n_samples
    cut = made.audio[:, : n_each * n_samples].reshape(-1, n_samples)
    expected = level(cut)[:, 0].reshape(-1, n_each).mean(axis=1)
    if levels.shape != expected.shape or not np.allclose(
        np.sort(levels), np.sort(expected), atol=_ROUNDING_DB
    ):
        raise Wrong(
            "these are not the recordings that your number makes: run all cells from "
            "`my_number` on again"
        )


def _demand_own_recordings(levels: np.ndarray, n_recordings: int) -> None:
    if len(levels) < _FEWEST_RECORDINGS:
        raise Wrong(
            f"{len(levels)} normal recordings show hardly what is normal: make "
            f"{_FEWEST_RECORDINGS} at least, and better ten"
        )
    if len(levels) != n_recordings:
        raise Wrong(
            f"there are {len(levels)} normal recordings, and the promise was made with "
            f"{n_recordings}: run the cells from `read_recordings` on again"
        )
    if np.diff(np.sort(levels)).min() < 1e-6:
        raise Wrong(
            "two of the normal recordings are exactly as loud as each other: copies of "
            "one recording tell nothing new"
        )


def _demand_same_training(levels: np.ndarray, quietest: float, loudest: float) -> None:
    if levels.min() < quietest - _ROUNDING_DB or levels.max() > loudest + _ROUNDING_DB:
        raise Wrong(
            f"the detector was trained on clips of {quietest:.1f} to {loudest:.1f} dB, and "
            f"these recordings have {levels.min():.1f} to {levels.max():.1f} dB: it comes "
            "from other recordings. Run the cells from `read_recordings` on again"
        )


def _demand_same_report(
    scores: np.ndarray, report: Mapping[str, Any], told: Mapping[str, Any]
) -> None:
    if told["clips"] != len(scores):
        raise Wrong(
            f"the report tells of {told['clips']} clips, and here are the scores of "
            f"{len(scores)}: run the cells from the report on again"
        )
    alarms = int(np.sum(scores > report["threshold"]))
    if told["alarms"] != alarms:
        raise Wrong(
            f"the report counts {told['alarms']} alarms, and these scores and this threshold "
            f"give {alarms}: run the cells from the report on again"
        )
    promised = max(report["allowed"], 1 / (report["n_recordings"] + 1))
    a_day = promised * _PER_DAY / report["clip_seconds"]
    if not np.allclose(
        [told["promised_rate"], told["false_alarms_a_day"]], [promised, a_day]
    ):
        raise Wrong(
            f"the report promises {told['promised_rate']:.3g}, and so many recordings and "
            f"`allowed` make {promised:.3g}: run the cells from `make_detector` on again"
        )
