"""Listen without end: blocks of sound go in, scores and alarms come out."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._checks import LARGEST_SAMPLE, check_count, check_number, check_sample_rate
from .alarms import judge_clips
from .thresholds import own_threshold

# Time stamps of recorders waver by less, and the blocks that they lose are mostly longer.
_JITTER_SECONDS = 0.004


class StreamEvent(NamedTuple):
    """What came of one window of a stream.

    Parameters
    ----------
    time : float
        When the window begins, in s since the stream began.
    score : float
        Its anomaly score, higher for more anomalous. NaN if the sensor fails, so that the
        window tells nothing about the machine.
    alarm : bool
        Whether an alarm is to be raised now. Never while the sensor fails.
    end : float
        When the window ends, in s since the stream began.
    fault : str or None
        What is wrong with the sensor, or has changed since training, as `judge_clips`
        names it. A level that drifts away is told like that, too.

    Examples
    --------
    >>> event = StreamEvent(time=4.0, score=1.5, alarm=True, end=5.0, fault=None)
    >>> time, score, alarm, *_ = event
    """

    time: float
    score: float
    alarm: bool
    end: float
    fault: str | None


class StreamScorer:
    """Score sound as it comes in, in blocks of any size.

    The stream is cut into windows as long as the clips that the detector was fitted to.
    Each gets the score that `judge_clips` gives to the same clip, as soon as its last
    sample is there. How the stream is cut into blocks changes nothing. No more sound is
    kept than one window, however long the stream.

    Parameters
    ----------
    detector : fitted estimator with ``score_samples``
        From `make_detector` or `load_detector`, or any other that takes clips.
    sr : float, optional
        Sample rate in Hz. Needed only for a detector that does not know its own.
    clip_seconds : float, optional
        Length of a window in s. Needed only for a detector that does not know its own.
    hop_seconds : float, optional
        Step from the start of one window to the start of the next, in s. By default the
        length of a window.
    threshold : float, optional
        Anomaly score above which a window counts for an alarm. By default the one
        of the detector's ``predict``.
    k, n : int
        An alarm takes ``k`` of the latest ``n`` windows. Windows in which the sensor
        failed are among them, but never count. While so many are above the
        threshold, the alarm is repeated with each window.
    hold_off_seconds : float
        After an alarm, no other one for so long, from window start to window start.

    Attributes
    ----------
    sr : float
        Sample rate of the stream in Hz.
    threshold : float
        As an anomaly score.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the detector has not been fitted.
    ValueError
        If a number is out of its range, does not fit the detector, or is missing and the
        detector does not know it.
    TypeError
        If the detector has no ``score_samples``, or a number is none.

    Examples
    --------
    >>> from esa4_helpers import make_detector
    >>> rng = np.random.default_rng(0)
    >>> detector = make_detector("gmm").fit(0.01 * rng.standard_normal((20, 16000)))
    >>> scorer = StreamScorer(detector, hop_seconds=0.5)
    >>> events = []
    >>> for _ in range(100):
    ...     events += scorer.push(0.01 * rng.standard_normal(320))
    >>> [event.time for event in events]
    [0.0, 0.5, 1.0]
    """

    def __init__(
        self,
        detector: Any,
        *,
        sr: float | None = None,
        clip_seconds: float | None = None,
        hop_seconds: float | None = None,
        threshold: float | None = None,
        k: int = 1,
        n: int = 1,
        hold_off_seconds: float = 0.0,
    ) -> None:
        if not hasattr(detector, "score_samples"):
            raise TypeError(
                f"detector must have the method score_samples, got {detector!r}"
            )
        if isinstance(detector, BaseEstimator):
            check_is_fitted(detector)
        first = detector[0] if isinstance(detector, Pipeline) else detector
        self.detector = detector
        self.sr = check_sample_rate(
            _agreed(sr, getattr(first, "sr", None), "sr", "Hz"), at_least=1
        )
        length = _agreed(
            None if clip_seconds is None else self._count(clip_seconds, "clip_seconds"),
            getattr(first, "n_features_in_", None),
            "clip_seconds",
            "samples",
        )
        self._hop = (
            length if hop_seconds is None else self._count(hop_seconds, "hop_seconds")
        )
        self.threshold = (
            own_threshold(detector)
            if threshold is None
            else float(check_number(threshold, "threshold"))
        )
        self._k = check_count(k, "k", at_least=1)
        self._n = check_count(n, "n", at_least=1)
        if self._k > self._n:
            raise ValueError(f"k of n windows: k must be at most n={n}, got k={k}")
        self._hold_off = self._count(hold_off_seconds, "hold_off_seconds", at_least=0)
        self._window = np.empty(length)
        # Below zero: samples to pass over before the next window begins.
        self._n_filled = 0
        # Times are counted in whole samples, which stay exact over any number of days.
        self._position = 0
        self._above: deque[int] = deque()
        self._held_off_until = 0

    def push(self, block: ArrayLike, time: float | None = None) -> list[StreamEvent]:
        """Take the next block of the stream, and judge the windows that it completes.

        Parameters
        ----------
        block : array of shape (n_samples,)
            One channel at the detector's sample rate, floats in [-1, 1]; any number of
            samples, even none.
        time : float, optional
            When the block begins, in s since the stream began, as the recorder counts
            it: a clock on the wall drifts against it. By default where the last block
            ended. A later time leaves a gap, as `skip` does; up to 4 ms are taken for
            jitter.

        Returns
        -------
        list of StreamEvent
            One for each window that ends within the block, in the order of time.

        Raises
        ------
        ValueError
            If the block has more than one channel, reaches beyond what floats in [-1, 1]
            can, or begins before the last one ended. It is refused as a whole then, and
            the stream may go on.
        TypeError
            If the block does not hold floats, or ``time`` is no number.
        """
        block = _check_block(block)
        if time is not None:
            self._go_to(time)
        events = []
        while len(block):
            n = min(self._n_missing, len(block))
            if self._n_filled >= 0:
                self._window[self._n_filled : self._n_filled + n] = block[:n]
            block = block[n:]
            self._n_filled += n
            self._position += n
            if self._n_filled == len(self._window):
                events.append(self._judge())
                self._move_on()
        return events

    def skip(self, seconds: float) -> None:
        """Leave a gap: so much of the stream was lost.

        No window spans it. The next one begins where the gap ends.

        Parameters
        ----------
        seconds : float
            How long the gap is, in s.

        Raises
        ------
        ValueError
            If it is below 0 or not finite.
        TypeError
            If it is no number.
        """
        n_samples = self._count(seconds, "seconds", at_least=0)
        if seconds > 0:
            self._leave_gap(n_samples)

    @property
    def _n_missing(self) -> int:
        """How many samples there are until the window is full, or begins."""
        return (len(self._window) if self._n_filled >= 0 else 0) - self._n_filled

    def _count(self, seconds: float, name: str, at_least: int = 1) -> int:
        """How many samples some seconds take."""
        n_samples = round(check_number(seconds, name) * self.sr)
        if n_samples < at_least:
            limit = "0 or more" if at_least == 0 else "at least one sample"
            raise ValueError(f"{name} must be {limit}, got {seconds!r}")
        return n_samples

    def _go_to(self, time: float) -> None:
        ahead = round(check_number(time, "time") * self.sr) - self._position
        if ahead < -_JITTER_SECONDS * self.sr:
            raise ValueError(
                f"the block begins at {time} s, and the stream has come to "
                f"{self._position / self.sr} s already: blocks must come in the order of "
                "time, and time must count the recorder's samples"
            )
        if ahead > _JITTER_SECONDS * self.sr:
            self._leave_gap(ahead)

    def _leave_gap(self, n_samples: int) -> None:
        self._position += n_samples
        self._n_filled = 0

    def _move_on(self) -> None:
        """Keep of this window what belongs to the next one."""
        kept = self._window[self._hop :]
        self._window[: len(kept)] = kept
        self._n_filled -= self._hop

    def _judge(self) -> StreamEvent:
        start = self._position - len(self._window)
        window = self._window[np.newaxis]
        (verdict,) = judge_clips(self.detector, window, self.threshold)
        if verdict.alarm:
            self._above.append(start)
        return StreamEvent(
            time=start / self.sr,
            score=verdict.score,
            alarm=verdict.fault is None and self._is_alarm(start),
            end=self._position / self.sr,
            fault=verdict.fault,
        )

    def _is_alarm(self, start: int) -> bool:
        # By time and not by number, so that windows before a long gap count no more.
        while self._above and self._above[0] <= start - self._n * self._hop:
            self._above.popleft()
        if len(self._above) < self._k or start < self._held_off_until:
            return False
        self._held_off_until = start + self._hold_off
        return True


def _agreed(given: Any, known: Any, name: str, unit: str) -> Any:
    """What the caller says, or what the detector knows; both, if they are the same."""
    if given is None and known is None:
        raise ValueError(f"the detector does not know its {name}: give {name}=")
    if given is not None and known is not None and given != known:
        raise ValueError(
            f"{name} is {given} {unit}, and the detector was fitted to {known} {unit}: "
            f"leave {name} out, and resample the stream if it has another rate"
        )
    return known if given is None else given


def _check_block(block: ArrayLike) -> np.ndarray:
    block = np.asarray(block)
    if not np.issubdtype(block.dtype, np.floating):
        raise TypeError(
            f"block must hold floats, got {block.dtype} (divide 16-bit samples by 32768)"
        )
    if block.ndim != 1:
        raise ValueError(
            f"block must be one channel, of shape (n_samples,), got {block.shape}: take "
            "one channel, block[:, 0], or the mean of all, block.mean(axis=1)"
        )
    # A broken sensor may send infinity, which is no reason to stop.
    largest = np.abs(block).max(initial=0, where=np.isfinite(block))
    if largest > LARGEST_SAMPLE:
        raise ValueError(
            f"block should lie in [-1, 1] and reaches {largest:g}: these look like "
            "integer samples; divide 16-bit ones by 32768"
        )
    return block
