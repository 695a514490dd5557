"""Is there anything wrong with recordings, before a detector learns it as normal?

Each finding is a sentence for people and a kind and a number for programs. The limits are
such that the healthy recordings that the course knows give none; each says its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from .duplicates import _join_marks, _marks_of
from .recordings import (
    _FLOATS,
    Recordings,
    _clips_of,
    _Cut,
    _DamagedError,
    _frames_of,
    _natural_order,
    _open,
    _RefusedError,
    find_recordings,
)
from .sensor import _DROPOUT_SAMPLES, _Rests, edge_of_band
from .thresholds import _least_recordings

SEVERITIES = ("note", "warning", "problem")

# Below this, 16 bits hold their own rounding and dither, and no sound of a machine.
_SILENCE_DB = -90.0
# A constant of a tenth of the sound's own amplitude shifts its level by 0.04 dB.
_LARGEST_DC = 0.1
# Motors hum, too: only lines that hold a tenth of all power are worth a word.
_HUM_SHARE = 0.1
_HUM_LINES = 3
_HUM_PROMINENCE_DB = 15.0
# A gain of ±3 dB made half of all normal clips raise an alarm; 2 dB is the first that shows
# beyond how machines vary from day to day.
_DRIFT_DB = 2.0
_SPREAD_DB = 4.0
# Half the distance, or another range of the recorder: a recording of another kind.
_OTHER_LEVEL_DB = 6.0
# Findings of one kind in more recordings than this become one.
_MANY = 3
# In s: drift and copies are looked for piece by piece.
_PIECE_SECONDS = 10.0
_SHORTEST_SECONDS = 1.0
# Of a recording's marks, every fourth will do, and ten hours of them stay small.
_MARKS_KEPT = 4
_HOURS_OF_MARKS = 10
# Of more hours, fewer, so that memory stays flat; with every 41st, shared halves still show.
_FEWEST_MARKS_KEPT = 41
_RATE_FOR_MARKS = 16000
_FALSE_ALARM_RATE = 0.1
# Of files in any order, neighbours differ in level as much as others do: their mean square is
# twice the variance. In series of twenty, it is below 0.8 of it in one of several hundred.
_LEAST_SERIES = 20
_ALIKE = 0.8


@dataclass(frozen=True)
class Finding:
    """Something about recordings that a person should know.

    Parameters
    ----------
    kind : str
        What it is, in one word: ``"clipping"``, ``"drift"`` and so on.
    severity : {"note", "warning", "problem"}
        A problem spoils training, a warning may, and a note is good to know.
    files : tuple of str
        The recordings that it is about.
    sentence : str
        All of it, for people.
    number : float
        How much of it there is, in the unit that the sentence says.

    Examples
    --------
    >>> finding = Finding("empty", "problem", ("a.wav",), "a.wav is empty.", 0.0)
    >>> print(finding)
    problem: a.wav is empty.
    """

    kind: str
    severity: str
    files: tuple[str, ...]
    sentence: str
    number: float

    def __str__(self) -> str:
        return f"{self.severity}: {self.sentence}"


@dataclass(eq=False)
class _Measured:
    """What one pass over a recording leaves, a few numbers for each second."""

    name: str
    sr: int
    channels: int
    is_float: bool
    seconds: float
    levels: np.ndarray
    peak: float
    n_clipped: int
    dropouts: list[float]
    dc: float
    spectrum: np.ndarray
    damage: str

    @property
    def power(self) -> np.ndarray:
        return 10 ** (self.levels / 10)

    @property
    def level(self) -> float:
        return float(10 * np.log10(self.power.mean()))


def check_recordings(
    folder: str | Path | Sequence[str | Path] | Recordings, channel: int | str = "mean"
) -> list[Finding]:
    """Look for what would spoil training, before any training.

    Parameters
    ----------
    folder : str or path, or a sequence of them, or Recordings
        A folder, a file, or several of them. Their natural order is taken for the order in
        time. Of `Recordings`, all files that were found, by their own channel.
    channel : int or "mean"
        Which channel of each file to look at, counted from 0, or the mean of all.

    Returns
    -------
    list of Finding
        The worst first; none for recordings without fault. Files that can't be used or
        are damaged; rates, channels and lengths that differ; silence, clipping, dropouts,
        a constant offset, hum and missing bands; a level that drifts; recordings that
        share their sound, or seem to be pieces of a few takes; and too few recordings.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.

    Examples
    --------
    >>> import tempfile
    >>> rng = np.random.default_rng(0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for day in range(12):
    ...         audio = 0.05 * 1.1**day * rng.standard_normal(32000)
    ...         soundfile.write(Path(folder, f"day{day}.wav"), audio, 16000)
    ...     findings = check_recordings(folder)
    >>> [finding.kind for finding in findings]
    ['drift']
    """
    where: object = folder
    if isinstance(folder, Recordings):
        files, channel, where = folder.files, folder.cut.channel, "these recordings"
        skipped = {n: why for n, why in folder.skipped.items() if n not in files}
    else:
        files, skipped = find_recordings(folder)
    measured = []
    for name, path in files.items():
        try:
            measured.append(_measure(name, path, channel))
        except _RefusedError as error:
            skipped[name] = str(error)
    findings = [
        Finding("unusable", "problem", (name,), f"{name} can't be used: {why}.", 0.0)
        for name, why in sorted(
            skipped.items(), key=lambda item: _natural_order(item[0])
        )
    ]
    findings += _merged([f for m in measured for f in _of_one(m)])
    sounding = [m for m in measured if not _is_silent(m.level)]
    if not sounding:
        what = "sound" if measured else "recording"
        nothing = f"In {where} there is no {what}."
        findings.append(Finding("empty", "problem", (), nothing, 0.0))
    else:
        findings += _of_all(sounding)
        every = _marks_kept(sum(m.seconds for m in sounding))
        sounding_files = {m.name: files[m.name] for m in sounding}
        findings += _shared_sound(sounding_files, channel, every)
    return sorted(findings, key=lambda f: -SEVERITIES.index(f.severity))


def _merged(findings: list[Finding]) -> Iterator[Finding]:
    """Say what holds for many recordings once."""
    for kind in dict.fromkeys(f.kind for f in findings):
        first, *others = alike = [f for f in findings if f.kind == kind]
        if kind == "damaged" or len(others) < _MANY:
            yield from alike
        else:
            files = tuple(name for f in alike for name in f.files)
            more = f"{first.sentence} It is alike in {len(others)} more recordings."
            yield replace(first, files=files, sentence=more)


def _measure(name: str, path: Path, channel: int | str) -> _Measured:
    levels, sums, peaks, dropouts = [], [], [], []
    begun = np.empty(0, np.float32)
    n_clipped, n_samples, damage = 0, 0, ""
    with _open(path) as sound:
        sr = sound.samplerate
        window, spectrum = np.hanning(sr), np.zeros(sr // 2 + 1)
        try:
            for second in _seconds(sound, channel):
                peaks.append(float(np.abs(second).max()))
                n_clipped += _Rests.of(second).n_clipped(len(second))
                level = _db(second.var(dtype=np.float64))
                levels.append(level)
                sums.append(second.sum(dtype=np.float64))
                if len(second) == sr:
                    spectrum += np.abs(np.fft.rfft(window * second)) ** 2
                joined = np.concatenate([begun, second])
                first = (n_samples - len(begun)) / sr
                dropouts += [first + time for time in _dropouts(joined, sr)]
                # What stands still at the end may go on, but not through silence.
                still = len(joined) if _is_silent(level) else _end_of_change(joined)
                begun = joined[still:]
                n_samples += len(second)
        except _DamagedError as error:
            damage = str(error)
        if not levels:
            raise _RefusedError(damage or "empty: it holds no sample")
        if n_samples < _SHORTEST_SECONDS * sr:
            why = damage or f"too short: {n_samples / sr:.3g} s"
            raise _RefusedError(why)
        return _Measured(
            name=name,
            sr=sr,
            channels=sound.channels,
            is_float=sound.subtype in _FLOATS,
            seconds=n_samples / sr,
            levels=np.array(levels),
            peak=max(peaks),
            n_clipped=n_clipped,
            dropouts=dropouts,
            dc=float(np.sum(sums) / n_samples),
            spectrum=spectrum,
            damage=damage,
        )


def _seconds(sound: soundfile.SoundFile, channel: int | str) -> Iterator[np.ndarray]:
    """A recording second by second; of the last one, what there is of it."""
    waiting = np.empty(0, np.float32)
    damage = None
    try:
        for frames in _frames_of(sound, channel):
            waiting = np.concatenate([waiting, frames.mean(axis=1)])
            while len(waiting) >= sound.samplerate:
                yield waiting[: sound.samplerate]
                waiting = waiting[sound.samplerate :]
    except _DamagedError as error:
        damage = error
    # A few samples have no level to speak of.
    if len(waiting) > 0.1 * sound.samplerate:
        yield waiting
    if damage:
        raise damage


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, 1e-12)))


def _is_silent(level: float | np.ndarray) -> bool | np.ndarray:
    return level < _SILENCE_DB


def _dropouts(samples: np.ndarray, sr: int) -> list[float]:
    """When, in s, sound is missing, with sound before and after."""
    rests = _Rests.of(samples)
    inside = (rests.starts > 0) & (rests.starts + rests.lengths < len(samples))
    return (_Rests(*(part[inside] for part in rests)).dropouts() / sr).tolist()


def _end_of_change(samples: np.ndarray) -> int:
    """The last sample that another one follows."""
    return np.flatnonzero(np.diff(samples))[-1]


def _of_one(m: _Measured) -> Iterator[Finding]:
    def found(kind: str, severity: str, sentence: str, number: float) -> Finding:
        return Finding(kind, severity, (m.name,), f"{m.name} {sentence}.", number)

    if m.damage:
        yield found("damaged", "warning", f"is {m.damage}", m.seconds)
    silent = np.flatnonzero(_is_silent(m.levels))
    if len(silent) == len(m.levels):
        yield found(
            "silence", "problem", "holds no sound, as if the sensor was off", m.seconds
        )
        return
    if silent.size:
        yield found(
            "silence",
            "warning",
            f"is silent for {silent.size} s in all, first after {silent[0]} s: less than "
            f"{_SILENCE_DB:g} dB is what 16 bits make of nothing",
            float(silent.size),
        )
    if m.n_clipped:
        share = m.n_clipped / (m.seconds * m.sr)
        yield found(
            "clipping",
            "warning",
            f"is clipped: {share:.2g} of its samples rest at the largest value. Turn "
            "the recorder down; what is cut off can't be brought back",
            share,
        )
    if m.is_float and m.peak > 1:
        yield found(
            "beyond full scale",
            "note",
            f"reaches {m.peak:.3g}, beyond full scale, as only files of floats can",
            m.peak,
        )
    if m.dropouts:
        n = len(m.dropouts)
        yield found(
            "dropouts",
            "warning",
            f"drops out {n} time{'s' * (n > 1)}, first after {m.dropouts[0]:.3g} s: its "
            f"samples stay the same for {_DROPOUT_SAMPLES} samples or more amid sound, as "
            "when a recorder loses data",
            float(n),
        )
    offset = abs(m.dc) / np.sqrt(m.power.mean())
    if offset > _LARGEST_DC:
        yield found(
            "dc",
            "warning",
            f"has a constant offset of {m.dc:.3g}, {offset:.0%} of its RMS amplitude: it "
            "counts as level, and leaves less room before clipping. Look at the sensor's "
            "supply",
            m.dc,
        )
    yield from _hum(m, found)
    edge = _edge_of_band(m.spectrum)
    if edge is not None:
        yield found(
            "missing bands",
            "warning",
            f"holds nothing above {edge / 1000:.3g} kHz, of {m.sr / 2000:.3g} kHz that its "
            "sample rate has room for: it was an MP3 or the like, or was recorded at a "
            "lower rate. Train only on recordings made in the same way as those to come",
            float(edge),
        )


def _hum(m: _Measured, found: type) -> Iterator[Finding]:
    total = m.spectrum[1:].sum()
    for mains in (50, 60):
        lines, n_lines = 0.0, 0
        for line in range(mains, min(10 * mains, len(m.spectrum) - 20) + 1, mains):
            around = np.median(
                m.spectrum[np.r_[line - 15 : line - 4, line + 5 : line + 16]]
            )
            power = m.spectrum[line - 1 : line + 2].sum() - 3 * around
            if power > 3 * around * 10 ** (_HUM_PROMINENCE_DB / 10):
                lines, n_lines = lines + power, n_lines + 1
        if n_lines >= _HUM_LINES and lines > _HUM_SHARE * total:
            share = float(lines / total)
            yield found(
                "hum",
                "note",
                f"hums: {mains} Hz and its multiples hold {share:.0%} of its power. If that "
                "is not the machine, look for a ground loop or a cable beside the mains",
                share,
            )


def _edge_of_band(spectrum: np.ndarray) -> float | None:
    """In Hz."""
    width = len(spectrum) // 100
    n_bands = len(spectrum) // width
    bands = spectrum[: n_bands * width].reshape(n_bands, width)
    edge = edge_of_band(10 * np.log10(np.median(bands, axis=1) + 1e-20))
    return None if edge is None else round(edge * n_bands) * width


def _of_all(measured: list[_Measured]) -> Iterator[Finding]:
    names = tuple(m.name for m in measured)
    rates = Counter(m.sr for m in measured)
    if len(rates) > 1:
        yield Finding(
            "rates",
            "warning",
            names,
            f"Sample rates differ: {_listed(rates, ' Hz')}. Above {min(rates) / 2000:g} kHz "
            "some recordings hold nothing, so that they differ by more than their sound: "
            f"read all at sr={min(rates)} at most.",
            float(len(rates)),
        )
    channels = Counter(m.channels for m in measured)
    if len(channels) > 1:
        yield Finding(
            "channels",
            "warning",
            names,
            f"Numbers of channels differ: {_listed(channels)}. The mean of more "
            "channels is quieter where their sound differs: choose one, such as channel=0.",
            float(len(channels)),
        )
    lengths = np.array([m.seconds for m in measured])
    if len(measured) > 2 and lengths.max() > lengths.sum() / 2:
        longest = names[int(lengths.argmax())]
        yield Finding(
            "lengths",
            "note",
            (longest,),
            f"{longest} holds more than half of all sound, {lengths.max():.4g} s of "
            f"{lengths.sum():.4g} s: a detector learns mostly how that one recording sounds.",
            float(lengths.max() / lengths.sum()),
        )
    usual = float(np.median([m.level for m in measured]))
    others = [m for m in measured if abs(m.level - usual) > _OTHER_LEVEL_DB]
    if 4 * len(others) > len(measured):
        # So many are no strays: that is a drift.
        others = []
    for m in others:
        if m.n_clipped:
            # It is named as such, which says why it is loud.
            continue
        yield Finding(
            "level",
            "warning",
            (m.name,),
            f"{m.name} has a level of {m.level:.1f} dB, far from {usual:.1f} dB, the usual "
            "one of these recordings: was its gain or distance another one?",
            m.level - usual,
        )
    yield from _drift([m for m in measured if m not in others])
    yield from _pieces(measured)
    needed = _least_recordings(_FALSE_ALARM_RATE)
    if len(measured) < needed:
        n = len(measured)
        yield Finding(
            "few recordings",
            "note",
            names,
            f"{n} recording{'s' * (n > 1)} can't promise fewer false alarms than 1 in "
            f"{n + 1}, however long they are; {_FALSE_ALARM_RATE:.0%} takes {needed}, made "
            "independently.",
            1 / (n + 1),
        )


def _listed(counts: Counter[int], unit: str = "") -> str:
    return ", ".join(
        f"{value}{unit} ({n} file{'s' * (n > 1)})"
        for value, n in sorted(counts.items())
    )


def _drift(measured: list[_Measured]) -> Iterator[Finding]:
    """Compare the level of the first and the last third, and look how far it wanders."""
    names = tuple(m.name for m in measured)
    by_piece = np.array([level for m in measured for level in _levels_of_pieces(m)])
    third = len(by_piece) // 3
    if not third:
        return
    first, last = by_piece[:third], by_piece[-third:]
    before, after = np.median(first), np.median(last)
    change = float(after - before)
    # Of three standard errors, one in some hundred steady series is beyond.
    scatter = np.sqrt((first.var() + last.var()) / third)
    low, high = np.percentile(by_piece, [5, 95])
    if abs(change) >= max(_DRIFT_DB, 3 * scatter):
        yield Finding(
            "drift",
            "warning",
            names,
            f"The level drifts: the last third is {abs(change):.1f} dB "
            f"{'louder' if after > before else 'quieter'} than the first. If gain or distance "
            "were changed, that is no property of the machine, and its false alarms can't "
            "be promised: record anew, or make the detector with level=False.",
            change,
        )
    elif high - low >= _SPREAD_DB and len(measured) > 1:
        yield Finding(
            "drift",
            "warning",
            names,
            f"The level wanders by {high - low:.1f} dB from recording to recording. If gain "
            "or distance were changed, a drift like that to come will look like a fault: "
            "keep them fixed, or make the detector with level=False.",
            float(high - low),
        )


def _pieces(measured: list[_Measured]) -> Iterator[Finding]:
    """Notice takes that were cut into files, by neighbours that are as loud."""
    levels = np.array([m.level for m in measured])
    if len(levels) < _LEAST_SERIES or not levels.std():
        return
    change = float(np.mean(np.diff(levels) ** 2) / levels.var())
    if change < _ALIKE:
        yield Finding(
            "pieces",
            "warning",
            tuple(m.name for m in measured),
            "Each file is about as loud as the one before it, far more so than the rest: "
            "these may be pieces of a few long takes, or one long change. As recordings of "
            "their own they promise too few false alarms: keep each take in one file.",
            change,
        )


def _levels_of_pieces(m: _Measured) -> list[float]:
    n_pieces = max(1, round(m.seconds / _PIECE_SECONDS))
    return [_db(piece.mean()) for piece in np.array_split(m.power, n_pieces)]


def _shared_sound(
    files: dict[str, Path], channel: int | str, every: int
) -> Iterator[Finding]:
    """Find copies and overlapping pieces, by marks at one rate for all."""
    n_samples = round(_shortest(files) * _RATE_FOR_MARKS)
    cut = _Cut(_RATE_FOR_MARKS, n_samples, n_samples, channel)
    names, marks = [], []
    for name, path in files.items():
        try:
            for clip in _clips_of(path, cut):
                found = _marks_of(clip.sound)
                names.append(name)
                marks.append(found[found[:, 1] % every == 0])
        except (_RefusedError, _DamagedError):
            continue
    if not marks:
        return
    first = _join_marks(marks, n_samples)
    together = np.array(names)
    reported = set()
    for start in np.flatnonzero(np.bincount(first) > 1):
        alike = tuple(dict.fromkeys(together[first == start].tolist()))
        if alike in reported:
            continue
        reported.add(alike)
        shown = ", ".join(alike[:5]) + (" and others" if len(alike) > 5 else "")
        yield Finding(
            "duplicates",
            "problem",
            alike,
            f"{shown} share the same sound: copies, or pieces of one take. They count as one "
            "recording, and training on them as several promises too few false alarms."
            if len(alike) > 1
            else f"{shown} repeats itself: its repetitions tell nothing new about the "
            "machine, and training on them promises too few false alarms.",
            float(np.count_nonzero(first == start)),
        )


def _marks_kept(seconds: float) -> int:
    """Every which mark to keep, by its number; odd, as numbers are made of powers of 2."""
    wanted = int(_MARKS_KEPT * seconds / (3600 * _HOURS_OF_MARKS)) | 1
    return min(max(_MARKS_KEPT, wanted), _FEWEST_MARKS_KEPT)


def _shortest(files: dict[str, Path]) -> float:
    """A length of pieces, in s, that every recording has."""
    lengths = [_PIECE_SECONDS]
    for path in files.values():
        with _open(path) as sound:
            lengths.append(sound.frames / sound.samplerate)
    return max(_SHORTEST_SECONDS, min(lengths))
