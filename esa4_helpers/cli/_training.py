"""What ``esa4 fit`` does with recordings."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from .._clip_files import shown
from ..health import check_recordings
from ..recipes import make_detector
from ..recordings import Recordings, find_recordings, read_recordings
from ..scoring import anomaly_score
from ..sensor import sensor_fault
from ..storage import save_detector
from ..thresholds import FewRecordingsWarning, _least_recordings, own_threshold
from ..training import Training, _hash_of
from . import _shared
from .check import told

# In bytes: so much sound is in memory at a time, and about as much again for features.
_MOST_AUDIO = 2**28
_SECONDS_PER_DAY = 86400
# New recordings are left out in so many parts in turn, each of which takes a fit.
_FOLDS = 3
# With so few, nobody can tell how much one recording differs from the next.
_FEW = 5


@dataclass
class Settings:
    """What a new detector is to be like."""

    detector: str
    clip_seconds: float
    hop_seconds: float | None
    false_alarm_rate: float
    channel: int | str
    sr: int
    seed: int
    level: bool
    n_clips: int | None


@dataclass
class Outcome:
    """What came of a training."""

    file: Path
    training: Training
    # Of how many new clips, how many the old detector calls abnormal, and the new one.
    added: tuple[int, int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        told = {"file": str(self.file), "training": self.training.as_dict()}
        if self.added:
            names = ("clips", "alarms_before", "alarms_after")
            told["added"] = dict(zip(names, self.added, strict=True))
        return told

    def lines(self) -> list[str]:
        """For people: what was done, and what the detector promises."""
        known = self.training
        lines = []
        if self.added:
            n, before, after = self.added
            lines.append(
                f"False alarms on the {n} new clips: {before} before "
                f"({_percent(before / n)}), {after} now ({_percent(after / n)}), by copies "
                "that were fitted to all but their recordings."
            )
        lines.append(
            f"{self.file} knows {known.n_clips} clips of {known.clip_seconds:g} s from "
            f"{known.n_recordings} recordings."
        )
        a_day = known.promised_rate * _SECONDS_PER_DAY / known.clip_seconds
        lines.append(
            "It promises nothing about false alarms."
            if known.promised_rate >= 1
            else f"It promises that of normal clips like these, {_percent(known.promised_rate)} "
            f"at most raise an alarm on average: about {a_day:.0f} false alarms a day, if "
            "it listens without a pause."
        )
        if known.promised_rate > known.false_alarm_rate:
            least = _least_recordings(known.false_alarm_rate)
            lines.append(
                f"It can't promise {_percent(known.false_alarm_rate)}: that takes {least} "
                "recordings, into however many clips they are cut."
            )
        if known.n_recordings <= _FEW:
            lines.append(
                f"From {known.n_recordings} recordings nobody can tell how much they "
                "differ from day to day. Record on other days before you trust it."
            )
        return lines


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def fit_recordings(
    folder: Path, output: Path, settings: Settings, quiet: bool
) -> Outcome:
    """Fit a detector to a folder of recordings, and write it."""
    clips = read_recordings(
        folder,
        settings.clip_seconds,
        settings.hop_seconds,
        settings.sr,
        settings.channel,
    )
    findings = _look_at(folder, clips, quiet)
    clips, n_thinned = _chosen(
        clips, settings.n_clips, settings.false_alarm_rate, quiet
    )
    detector = make_detector(
        settings.detector,
        settings.sr,
        settings.seed,
        level=settings.level,
        false_alarm_rate=settings.false_alarm_rate,
    )
    _fit(detector, clips, n_thinned, findings, quiet)
    save_detector(detector, output)
    return Outcome(output, detector.training_)


def fit_machine(
    folder: Path, output: Path, settings: Settings, force: bool, quiet: bool
) -> tuple[Outcome | str, list[str]]:
    """Do the same for one of many, in any process: what came of it, and what was said."""
    with redirect_stderr(io.StringIO()) as said, _shared.plain_warnings():
        try:
            _shared.check_place_of_detector(output, force)
            outcome: Outcome | str = fit_recordings(folder, output, settings, quiet)
        except _shared.FAILURES as error:
            outcome = str(error)
    return outcome, said.getvalue().splitlines()


def add_recordings(
    folder: Path,
    old_file: Path,
    output: Path,
    moved_to: Path | None,
    n_clips: int | None,
    quiet: bool,
) -> Outcome:
    """Fit a detector anew, to its recordings and new ones, and write it."""
    old = _shared.load(old_file)
    known: Training = old.training_
    files = _files_of(known, old_file, moved_to)
    found, _ = find_recordings(folder)
    seen = {path.resolve() for path in files}
    added = [path for path in found.values() if path.resolve() not in seen]
    if not added:
        _shared.fail(f"{folder} holds no recording that {old_file} does not know")
    clips = read_recordings(
        [*files, *added],
        known.clip_seconds,
        known.source["hop_seconds"],
        int(known.sr),
        known.source["channel"],
    )
    is_new = np.isin(clips.recordings, [shown(path) for path in added])
    if is_new.all():
        _shared.fail(
            f"the recordings that {old_file} was fitted to can't be used any more"
        )
    if not is_new.any():
        reasons = "; ".join(f"{name} ({why})" for name, why in clips.skipped.items())
        known_too = len(found) - len(added)
        others = f"; the other {known_too} are known to {old_file}" if known_too else ""
        _shared.fail(f"no new recording in {folder} can be used: {reasons}{others}")
    _check_unchanged(clips.select(~is_new), files, known)
    findings = _look_at([*files, *added], clips, quiet)
    clips, n_thinned = _chosen(clips, n_clips, known.false_alarm_rate, quiet)
    detector = clone(old)
    _fit(detector, clips, n_thinned, findings, quiet)
    is_new = np.isin(clips.recordings, [shown(path) for path in added])
    new = clips.audio[is_new]
    added = (len(new), _alarms(old, new), _alarms_without(old, clips, is_new))
    history = _history(known, Outcome(output, known, added))
    detector.training_ = replace(detector.training_, history=history)
    save_detector(detector, output)
    return Outcome(output, detector.training_, added)


def _look_at(
    folder: Path | Sequence[Path], clips: Recordings, quiet: bool
) -> tuple[str, ...]:
    """Say what is wrong with recordings, each file that can't be used once."""
    lost = clips.skipped.keys()
    findings = [
        finding
        for finding in check_recordings(folder, clips.cut.channel)
        if finding.kind != "unusable"
        and not (finding.files and lost >= set(finding.files))
    ]
    said = (
        *(f"problem: {name} can't be used: {clips.skipped[name]}" for name in lost),
        *map(told, findings),
    )
    for line in said:
        _shared.remark(line, quiet)
    return said


def _chosen(
    clips: Recordings, n_clips: int | None, rate: float, quiet: bool
) -> tuple[Recordings, int]:
    """The clips to train on, and how many they were with those of a failing sensor."""
    thinned = clips.thin(n_clips or _usual_clips(clips.cut.n_samples, rate))
    if len(thinned) < len(clips):
        _shared.remark(
            f"{len(thinned)} of {len(clips)} clips are used, spread evenly over the "
            "recordings; --clips takes more",
            quiet,
        )
    return _heard(thinned, quiet), len(thinned)


def _usual_clips(n_samples: int, rate: float) -> int:
    """How many clips fit into memory, or how many a rate of false alarms takes."""
    return max(_MOST_AUDIO // (4 * n_samples), _least_recordings(rate), _FEW)


def _heard(clips: Recordings, quiet: bool) -> Recordings:
    """Leave out clips that tell of the sensor, as no alarm will ever come from such."""
    faults = [
        fault or sensor_fault(clip)
        for fault, clip in zip(clips.faults, clips.audio, strict=True)
    ]
    for fault, n in Counter(filter(None, faults)).items():
        _shared.remark(
            f"{n} clips are left out, as the sensor fails in them: {fault}", quiet
        )
    if not any(faults):
        return clips
    if all(faults):
        _shared.fail(f"the sensor fails in every clip: {', '.join(sorted({*faults}))}")
    return clips.select([fault is None for fault in faults])


def _fit(
    detector: Pipeline,
    clips: Recordings,
    n_thinned: int,
    findings: tuple[str, ...],
    quiet: bool,
) -> None:
    _shared.remark(f"fitting a detector to {len(clips)} clips", quiet)
    with warnings.catch_warnings():
        # What is promised says the same.
        warnings.simplefilter("ignore", FewRecordingsWarning)
        detector.fit(clips)
    known: Training = detector.training_
    source = known.source | {"hashes": _hashes(clips), "n_thinned": n_thinned}
    detector.training_ = replace(known, source=source, findings=findings)


def _hashes(clips: Recordings) -> list[str]:
    """One for each recording, in the order of the source's files."""
    found = {name: hashlib.sha256() for name in clips.recordings.tolist()}
    for name, clip in zip(clips.recordings.tolist(), clips.audio, strict=True):
        found[name].update(clip)
    return [hash_.hexdigest() for hash_ in found.values()]


def _files_of(known: Training, file: Path, moved_to: Path | None) -> list[Path]:
    """Where the recordings are now that a detector was fitted to."""
    files = [Path(path) for path in known.source.get("files", ())]
    if not files:
        _shared.fail(
            f"{file} was fitted to clips of which it does not know the recordings: "
            "fit a new detector to the old and the new ones"
        )
    if moved_to:
        root = os.path.commonpath([path.parent for path in files])
        files = [moved_to / path.relative_to(root) for path in files]
    gone = [str(path) for path in files if not path.is_file()]
    if gone:
        _shared.fail(
            f"{len(gone)} of the {len(files)} recordings that {file} was fitted to are "
            f"gone: {', '.join(gone)}. If they have moved, say where with --from"
        )
    return files


def _check_unchanged(clips: Recordings, files: list[Path], known: Training) -> None:
    """Refuse what is no longer what a detector was fitted to."""
    if "hashes" in known.source:
        clips = _heard(clips.thin(known.source["n_thinned"]), quiet=True)
        there = dict.fromkeys(clips.recordings.tolist())
        hashes = dict(zip(there, _hashes(clips), strict=True))
        before = zip(files, known.source["hashes"], strict=True)
        changed = [str(f) for f, hash_ in before if hashes.get(shown(f)) != hash_]
    else:
        is_same = _hash_of(clips.audio) == known.data_hash
        changed = [] if is_same else [f"at least one of {', '.join(map(str, files))}"]
    if changed:
        _shared.fail(
            f"recordings have changed since the detector was fitted: {', '.join(changed)}"
        )


def _alarms(detector: Pipeline, audio: np.ndarray) -> int:
    """How many clips are above the threshold, whatever may explain it."""
    return int(np.sum(anomaly_score(detector, audio) > own_threshold(detector)))


def _alarms_without(detector: Pipeline, clips: Recordings, is_new: np.ndarray) -> int:
    """The same for new clips, by copies that are fitted to all but their recordings."""
    new = np.unique(clips.recordings[is_new])
    n_alarms = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewRecordingsWarning)
        for fold in range(min(_FOLDS, len(new))):
            left_out = np.isin(clips.recordings, new[fold::_FOLDS])
            rest = clips.audio[~left_out]
            copy = clone(detector).fit(rest, groups=clips.recordings[~left_out])
            n_alarms += _alarms(copy, clips.audio[left_out])
    return n_alarms


def _history(known: Training, outcome: Outcome) -> tuple[dict[str, Any], ...]:
    last = known.as_dict()
    del last["history"]
    last["until"] = datetime.now(UTC).isoformat(timespec="seconds")
    return (*known.history, last | {"added": outcome.as_dict()["added"]})
