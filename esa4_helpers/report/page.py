"""From judged clips to the page: all that the report says, gathered and written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import check_count
from ..alarms import Judged, judge_recordings
from ..health import check_recordings
from ..recordings import Recordings
from ..sensor import SENSOR_FAULTS
from ..thresholds import own_threshold
from ..training import Training, _versions
from ..widgets._shared import render
from ._contents import (
    Heard,
    by_recording,
    clock,
    dots,
    histogram,
    readings,
    score_axis,
    sensor_groups,
    spectra,
    stems_of,
    strokes,
    training_scores,
)
from ._figures import axis, mel_axis, time_axis
from ._media import MOST_BYTES, media_of
from ._promise import (
    NO_SOUND,
    Promise,
    about,
    clips_of_a_day,
    counted,
    drift_since,
    percent,
    promise_of,
)

# Rows of a table beyond these are counted and not shown.
_MOST_ROWS = 100
# What a health check says of training only, and what reading has said already.
_SAID_ELSEWHERE = ("few recordings", "unusable", "damaged")
_FOR_THE_PAGE = {
    "about": about,
    "clock": clock,
    "counted": counted,
    "percent": percent,
    "most_bytes": MOST_BYTES,
    "most_rows": _MOST_ROWS,
    "sensor_faults": SENSOR_FAULTS,
}


def write_report(
    detector: Any,
    recordings: Recordings,
    file: str | Path,
    *,
    threshold: float | None = None,
    title: str | None = None,
    most_alarms: int = 20,
) -> dict[str, Any]:
    """Judge recordings, and write what came of it to an HTML file.

    Parameters
    ----------
    detector : fitted estimator with ``score_samples``
        From `make_detector` or `load_detector`, or any other that takes clips.
    recordings : Recordings
        From `read_recordings`, with the sample rate and clip length of the training. With
        ``keep_silent=True``, a sensor that was off shows as such.
    file : str or path
        Where to write, a name that ends in ``.html``; a file of that name is replaced once
        all is written.
    threshold : float, optional
        Anomaly score above which a clip raises an alarm. By default the detector's own.
    title : str, optional
        The heading.
    most_alarms : int
        How many alarms to show with sound and pictures, the worst first.

    Returns
    -------
    dict
        The same in short, in types that JSON knows: how many clips, recordings, alarms and
        sensor faults there are, the threshold, and what is promised.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the detector has not been fitted.
    ValueError
        If the file's name does not end in ``.html``, the recordings do not fit the
        detector, there is no threshold, or a number is out of its range.
    TypeError
        If ``recordings`` are none, or the title is no text.
    FileNotFoundError
        If there is no folder to write to.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> from esa4_helpers import make_detector, read_recordings
    >>> rng = np.random.default_rng(0)
    >>> detector = make_detector("level").fit(0.01 * rng.standard_normal((20, 16000)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(Path(folder, "new.wav"), 0.01 * rng.standard_normal(48000), 16000)
    ...     new = read_recordings(folder, clip_seconds=1.0)
    ...     told = write_report(detector, new, Path(folder, "report.html"))
    >>> told["clips"], told["sensor_faults"]
    (3, 0)
    """
    file = _check_file(file)
    if not isinstance(recordings, Recordings):
        raise TypeError(
            "recordings must be what read_recordings returns, got "
            f"{type(recordings).__name__}"
        )
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a text, got {title!r}")
    most_alarms = check_count(most_alarms, "most_alarms")
    training: Training | None = getattr(detector, "training_", None)
    heard = Heard(with_spectra=training is not None)
    used = own_threshold(detector) if threshold is None else threshold
    rows = judge_recordings(detector, recordings, used, listen=heard.listen)
    sounding = np.array([row.sensor not in NO_SOUND for row in rows])
    drift = None
    if training is not None and sounding.any():
        drift = drift_since(
            training,
            heard.levels[sounding],
            heard.spectra[sounding],
            [row.sensor for row in rows if row.sensor not in NO_SOUND],
        )
    reasons = drift.reasons if drift else ()
    promise = promise_of(training, threshold is None, reasons, _n_judged(rows))
    told = _in_short(rows, recordings, used, promise)
    html = render(
        "report",
        package=__package__,
        title=title or "What the machine sounded like",
        told=told,
        rows=rows,
        training=training,
        drift=drift,
        promise=promise,
        sensor=sensor_groups(rows),
        recordings=by_recording(rows),
        now=datetime.now(UTC),
        versions=_versions_now(training),
        **_clips_shown(detector, recordings, rows, heard.peaks, most_alarms),
        **_figures(detector, recordings, rows, heard, sounding, used),
        **_health(recordings, training),
        **_FOR_THE_PAGE,
    )
    _write(html, file)
    return told


def _check_file(file: str | Path) -> Path:
    """Refuse early what could not be written, or would replace something else."""
    file = Path(file)
    if file.suffix.lower() not in (".html", ".htm"):
        raise ValueError(
            f"a report is an HTML file, and {file} would replace something else: give a "
            "name that ends in .html"
        )
    if file.is_dir():
        raise ValueError(f"{file} is a folder: name a file to write the report to")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {file.parent} to write to")
    return file


def _write(html: str, file: Path) -> None:
    unfinished = file.with_name(f"{file.name}.part")
    try:
        # Bytes that are no text, as file names can hold them, become question marks.
        unfinished.write_text(html, encoding="utf-8", errors="replace")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _versions_now(training: Training | None) -> dict[str, str]:
    """Of all that took part in the training, or of this package alone."""
    known = training.versions if training else {"esa4-helpers": ""}
    return _versions([name for name in known if name != "python"])


def _n_judged(rows: Sequence[Judged]) -> int:
    return sum(not row.sensor for row in rows)


def _clip_seconds(recordings: Recordings) -> float:
    return recordings.cut.n_samples / recordings.sr


def _in_short(
    rows: Sequence[Judged],
    recordings: Recordings,
    threshold: float,
    promise: Promise,
) -> dict[str, Any]:
    a_day = clips_of_a_day(_clip_seconds(recordings))
    return {
        "clips": len(rows),
        "recordings": len({row.recording for row in rows}),
        "seconds": len(rows)
        * min(recordings.cut.hop, recordings.cut.n_samples)
        / recordings.sr,
        "alarms": sum(row.alarm for row in rows),
        "sensor_faults": len(rows) - _n_judged(rows),
        "unusable": dict(recordings.skipped),
        "partial": dict(recordings.partial),
        "threshold": float(threshold),
        "promised_rate": promise.rate,
        "expected_false_alarms": promise.expected,
        "false_alarms_a_day": None if promise.rate is None else promise.rate * a_day,
        "promise_kept": promise.kept,
        "reasons": list(promise.reasons),
    }


def _clips_shown(
    detector: Any,
    recordings: Recordings,
    rows: Sequence[Judged],
    peaks: np.ndarray,
    most_alarms: int,
) -> dict[str, Any]:
    """The worst alarms, and a normal clip to compare them with."""
    alarms = sorted(
        (i for i, row in enumerate(rows) if row.alarm), key=lambda i: -rows[i].score
    )[:most_alarms]
    typical = _most_typical(rows) if alarms else []
    return {
        "alarms": alarms,
        "typical": typical,
        "media": media_of(detector, recordings, [*typical, *alarms], peaks),
        "mel": mel_axis(recordings.sr),
        "clip_time": time_axis("time", _clip_seconds(recordings))[0],
        "clip_seconds": _clip_seconds(recordings),
        "sr": recordings.sr,
    }


def _most_typical(rows: Sequence[Judged]) -> list[int]:
    """The normal clip whose score is in the middle."""
    normal = [i for i, row in enumerate(rows) if not (row.alarm or row.sensor)]
    in_order = sorted(normal, key=lambda i: rows[i].score)
    return in_order[len(in_order) // 2 :][:1]


def _health(recordings: Recordings, training: Training | None) -> dict[str, Any]:
    """What is wrong with the recordings, each file that is not used named once."""
    findings = check_recordings(recordings)
    learned = set(training.source.get("files", ()) if training else ())
    return {
        "known": [
            name
            for name in dict.fromkeys(recordings.recordings.tolist())
            if str(recordings.files[name].resolve()) in learned
        ],
        "skipped": list(recordings.skipped.items()),
        "partial": list(recordings.partial.items()),
        "findings": [f for f in findings if f.kind not in _SAID_ELSEWHERE],
    }


def _figures(
    detector: Any,
    recordings: Recordings,
    rows: Sequence[Judged],
    heard: Heard,
    sounding: np.ndarray,
    threshold: float,
) -> dict[str, Any]:
    """All that is drawn of all clips together; none where there is nothing to draw."""
    training: Training | None = getattr(detector, "training_", None)
    scores = np.array([np.nan if row.score is None else row.score for row in rows])
    known, sounds = training_scores(detector), sounding.any()
    new = scores[np.isfinite(scores)]
    levels = np.where(sounding, heard.levels, np.nan)
    return {
        "scores": _scores(scores, rows, recordings, threshold),
        "histogram": None if known is None else histogram(known, new, threshold),
        "levels": _levels(levels, recordings, training) if sounds else None,
        "spectra": spectra(training, np.median(heard.spectra[sounding], axis=0))
        if sounds and training is not None
        else None,
    }


def _scores(
    scores: np.ndarray,
    rows: Sequence[Judged],
    recordings: Recordings,
    threshold: float,
) -> dict[str, Any]:
    figure = stems_of(scores, recordings, score_axis(scores, threshold))
    middles = 100 * (np.arange(len(rows)) + 0.5) / len(rows)
    return {
        "figure": figure,
        "threshold": float(figure.y.place(threshold)),
        "above": int(np.sum(scores > figure.y.high)),
        "highest": None if np.isnan(scores).all() else float(np.nanmax(scores)),
        "alarms": dots(figure, np.array([row.alarm for row in rows])),
        "failing": strokes(figure, np.array([row.sensor is not None for row in rows])),
        "place": lambda i: (float(middles[i]), float(figure.y.place(scores[i]))),
        "readings": list(readings(figure, rows)),
    }


def _levels(
    levels: np.ndarray, recordings: Recordings, training: Training | None
) -> dict[str, Any]:
    """The level of each clip that holds sound, and the range of the training's."""
    known = training.levels if training else ()
    ends = [np.nanmin(levels), np.nanmax(levels), *known]
    y = axis("level (dB)", float(min(ends)) - 1, float(max(ends)) + 1)
    return {
        "figure": stems_of(levels, recordings, y),
        "range": [float(y.place(end)) for end in known],
    }
