"""A stream gives the scores of the batch, however it is cut, and alarms when it should."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture

from esa4_helpers import (
    GMMDetector,
    StreamEvent,
    StreamScorer,
    anomaly_score,
    judge_clips,
    make_detector,
)

pytestmark = pytest.mark.usefixtures("eagerly")

SR = 8000
SIZE = 2400


def noise(n_samples: int, seed: int = 0) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal(n_samples)


def fitted(name: str) -> object:
    detector = make_detector(name, sr=SR)
    if "n_updates" in detector[-1].get_params():
        detector[-1].set_params(n_updates=4)
    return detector.fit(noise(20 * SIZE).reshape(20, SIZE))


@pytest.fixture(scope="module")
def gmm() -> object:
    return fitted("gmm")


class Mean:
    """A stand-in whose anomaly score is the mean of the clip."""

    offset_ = -0.5

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        return -X.mean(axis=1)


def hearing(scores: Sequence[float], seed: int = 0) -> np.ndarray:
    """A stream of which `Mean` gives these scores to windows of 10 samples."""
    sound = np.random.default_rng(seed).uniform(-0.1, 0.1, (len(scores), 10))
    sound -= sound.mean(axis=1, keepdims=True)
    return (sound + np.array(scores)[:, np.newaxis]).ravel()


def mean_scorer(**settings: float) -> StreamScorer:
    """Windows of 1 s, each of 10 samples."""
    return StreamScorer(Mean(), **({"sr": 10, "clip_seconds": 1.0} | settings))


def cut(signal: np.ndarray, seed: int) -> list[np.ndarray]:
    """Blocks of any size, some of them empty."""
    rng = np.random.default_rng(seed)
    n_cuts = rng.integers(1, 40)
    return np.split(signal, np.sort(rng.integers(0, len(signal) + 1, n_cuts)))


def push_all(
    scorer: StreamScorer, blocks: Sequence[np.ndarray], **times: float
) -> list[StreamEvent]:
    return [event for block in blocks for event in scorer.push(block, **times)]


def alarms(pattern: str, **settings: float) -> str:
    """Which windows raise an alarm, of a stream of windows above the threshold or not."""
    scores = {"#": 1.0, ".": 0.0, "?": np.nan}
    stream = hearing([scores[window] for window in pattern])
    events = mean_scorer(**settings).push(stream)
    return "".join("!" if event.alarm else "-" for event in events)


class TestScores:
    @pytest.mark.parametrize(
        ("name", "dtype"),
        [
            ("level", np.float32),
            ("gmm", np.float64),
            ("gmm", np.float32),
            ("knn", np.float32),
            ("autoencoder", np.float32),
        ],
    )
    def test_they_are_those_of_the_batch(self, name, dtype):
        detector = fitted(name)
        stream = noise(6 * SIZE, seed=1).astype(dtype)
        stream[3 * SIZE :] *= 2
        hop = SIZE // 2
        scorer = StreamScorer(detector, hop_seconds=hop / SR)
        events = push_all(scorer, cut(stream, seed=2))
        windows = sliding_window_view(stream, SIZE)[::hop]
        expected = anomaly_score(detector, windows)
        scores = [event.score for event in events]
        np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-6)
        verdicts = judge_clips(detector, windows)
        assert [(e.alarm, e.fault) for e in events] == [v[1:] for v in verdicts]
        assert any(verdict.score > scorer.threshold for verdict in verdicts)
        assert [event.time for event in events] == (np.arange(11) * hop / SR).tolist()

    @pytest.mark.parametrize("seed", range(30))
    def test_how_the_stream_is_cut_changes_nothing(self, seed):
        rng = np.random.default_rng(seed)
        stream = hearing(rng.uniform(0, 1, 30), seed)
        if seed % 3 == 0:
            stream[100:105] = np.nan
        settings = {
            "sr": 10,
            "clip_seconds": rng.integers(5, 40) / 10,
            "hop_seconds": rng.integers(1, 60) / 10,
            "k": 2,
            "n": 3,
            "hold_off_seconds": 2.5,
        }
        whole = mean_scorer(**settings).push(stream)
        in_blocks = push_all(mean_scorer(**settings), cut(stream, seed))
        # As text, since NaN is not the same as itself.
        assert repr(in_blocks) == repr(whole)
        size, hop = (
            round(10 * settings[f"{name}_seconds"]) for name in ("clip", "hop")
        )
        windows = sliding_window_view(stream, size)[::hop]
        np.testing.assert_allclose([e.score for e in whole], windows.mean(axis=1))
        assert [e.time for e in whole] == [hop * i / 10 for i in range(len(windows))]
        assert [e.end for e in whole] == [
            (hop * i + size) / 10 for i in range(len(whole))
        ]

    def test_a_window_that_is_not_full_waits(self):
        scorer = mean_scorer()
        stream = hearing([0.2, 0.7])
        assert scorer.push(stream[:9]) == []
        (event,) = scorer.push(stream[9:19])
        assert event.score == pytest.approx(0.2)
        (event,) = scorer.push(stream[19:])
        assert event.score == pytest.approx(0.7)

    def test_times_are_exact_after_days(self):
        scorer = mean_scorer(sr=44100, clip_seconds=0.1)
        for _ in range(30):
            scorer.skip(86400)
        (event,) = scorer.push(noise(4410))
        assert (event.time, event.end) == (30 * 86400, 30 * 86400 + 0.1)


class TestGaps:
    @pytest.mark.parametrize("how", ["skip", "time"])
    def test_no_window_spans_one(self, how):
        scorer = mean_scorer()
        stream = hearing([0.1, 0.2, 0.3, 0.4])
        events = scorer.push(stream[:15])
        if how == "skip":
            scorer.skip(3.7)
            events += scorer.push(stream[20:])
        else:
            events += scorer.push(stream[20:], time=1.5 + 3.7)
        assert [event.time for event in events] == pytest.approx([0.0, 5.2, 6.2])
        scores = [event.score for event in events]
        assert scores == pytest.approx([0.1, 0.3, 0.4])

    def test_one_between_windows_that_don_t_touch_starts_a_new_one(self):
        scorer = mean_scorer(hop_seconds=4.0)
        scorer.push(hearing([0.1, 0.2]))
        scorer.skip(0.5)
        (event,) = scorer.push(hearing([0.3]))
        assert (event.time, event.score) == (2.5, pytest.approx(0.3))

    def test_none_leaves_all_as_it_was(self):
        scorer = mean_scorer()
        stream = hearing([0.1])
        scorer.push(stream[:5], time=0)
        scorer.skip(0)
        assert len(scorer.push(stream[5:], time=0.5)) == 1

    def test_time_stamps_may_waver_but_not_add_up(self, gmm):
        scorer = StreamScorer(gmm)
        seconds = SIZE / SR
        for i, jitter in enumerate([0.003, -0.003, 0.003]):
            (event,) = scorer.push(noise(SIZE), time=i * seconds + max(0, jitter))
            assert event.time == pytest.approx(i * seconds, abs=1e-12)
        assert scorer.push(noise(SIZE // 2), time=3 * seconds + 0.003) == []
        assert scorer.push(noise(SIZE // 2), time=3.5 * seconds + 0.005) == []

    @pytest.mark.parametrize(
        ("n_ahead", "start"), [(32, 0), (33, 133), (-32, 0), (-33, None)]
    )
    def test_jitter_is_4_ms_at_most(self, n_ahead, start):
        scorer = mean_scorer(sr=8000)
        scorer.push(noise(100))
        time = (100 + n_ahead) / 8000
        if start is None:
            with pytest.raises(ValueError, match="order of time"):
                scorer.push(noise(100), time=time)
        else:
            (event,) = scorer.push(noise(8000), time=time)
            assert event.time == start / 8000

    def test_a_stream_may_begin_at_any_time(self):
        (event,) = mean_scorer().push(hearing([0.1]), time=1.7e9)
        assert event.time == 1.7e9

    def test_time_never_goes_back(self):
        scorer = mean_scorer()
        scorer.push(hearing([0.1, 0.2]))
        with pytest.raises(ValueError, match=r"begins at 1\.5 s.* come to 2\.0 s"):
            scorer.push(hearing([0.3]), time=1.5)
        # The refused block has left no trace.
        assert scorer.push(hearing([0.4]))[0][:2] == (2.0, pytest.approx(0.4))

    @pytest.mark.parametrize("seconds", [-1, np.nan, np.inf])
    def test_one_is_0_s_or_more(self, seconds):
        with pytest.raises(ValueError, match="seconds must be"):
            mean_scorer().skip(seconds)


class TestAlarms:
    @pytest.mark.parametrize(
        ("k", "n", "windows", "expected"),
        [
            (1, 1, ".#..##.", "-!--!!-"),
            (2, 2, "#.##.###", "---!--!!"),
            (2, 3, "##.", "-!!"),
            (2, 3, "#.#..#", "--!---"),
            (2, 3, "#..#..#", "-------"),
            (3, 5, "#.#.#....", "----!----"),
            (3, 3, "######", "--!!!!"),
            # A window without sound takes a place, and never speaks against the machine.
            (1, 1, "#?#", "!-!"),
            (2, 2, "#?#", "---"),
            (2, 3, "#?#", "--!"),
            (2, 3, "##?.", "-!--"),
        ],
    )
    def test_they_take_k_of_n_windows(self, k, n, windows, expected):
        assert alarms(windows, k=k, n=n) == expected

    @pytest.mark.parametrize(
        ("hold_off", "windows", "expected"),
        [
            (0.0, "####", "!!!!"),
            (1.0, "####", "!!!!"),
            (1.1, "####", "!-!-"),
            (3.0, "########", "!--!--!-"),
            (3.0, "#..#.#", "!--!--"),
            (3.0, "#.#....#", "!------!"),
        ],
    )
    def test_others_are_held_off(self, hold_off, windows, expected):
        assert alarms(windows, hold_off_seconds=hold_off) == expected

    def test_windows_that_overlap_raise_one_each(self):
        events = mean_scorer(hop_seconds=0.5).push(hearing([1.0, 1.0]))
        assert [event.alarm for event in events] == [True, True, True]

    def test_windows_before_a_long_gap_no_longer_count(self):
        for gap, expected in ((0.5, True), (2.5, False)):
            scorer = mean_scorer(k=2, n=3)
            assert not scorer.push(hearing([1.0]))[0].alarm
            scorer.skip(gap)
            assert scorer.push(hearing([1.0]))[0].alarm == expected

    def test_the_threshold_is_the_detectors_or_what_is_given(self):
        assert mean_scorer().threshold == 0.5
        events = mean_scorer(threshold=0.8).push(hearing([0.7, 0.9]))
        assert [event.alarm for event in events] == [False, True]

    def test_a_score_on_the_threshold_raises_none(self):
        exact = np.tile([0.25, 0.75], 5)
        assert not mean_scorer().push(exact)[0].alarm
        assert mean_scorer(threshold=0.499).push(exact)[0].alarm


class TestSensor:
    @pytest.mark.parametrize(
        ("damage", "fault"),
        [
            (lambda sound: np.zeros_like(sound), "silence"),
            (lambda sound: np.clip(1000 * sound, -1, 1), "clipping"),
            (lambda sound: np.where(np.arange(SIZE) // 400 == 2, 0, sound), "dropouts"),
            (lambda sound: np.where(np.arange(SIZE) == 7, np.inf, sound), "NaN"),
        ],
    )
    def test_its_faults_are_none_of_the_machine(self, gmm, damage, fault):
        scorer = StreamScorer(gmm)
        good = noise(SIZE, seed=1)
        before, bad, after = scorer.push(np.concatenate([good, damage(good), good]))
        assert (bad.fault, bad.alarm) == (fault, False)
        assert np.isnan(bad.score)
        assert before.fault is after.fault is None
        assert before.score == after.score


class TestMemory:
    def blocks(self) -> Iterator[np.ndarray]:
        """20 ms at a time, made anew as a recorder does, with a fault now and then."""
        rng = np.random.default_rng(0)
        for i in count():
            scale = 0.0 if i % 5000 < 500 else 0.1
            yield 0.5 + scale * rng.standard_normal(20)

    def test_it_does_not_grow_with_the_stream(self):
        scorer = StreamScorer(
            Mean(), sr=1000, clip_seconds=10.0, hop_seconds=1.0, k=3, n=60
        )
        blocks = self.blocks()

        def listen(minutes: int) -> int:
            """The most memory in use meanwhile."""
            tracemalloc.reset_peak()
            for _ in range(minutes * 60 * 50):
                scorer.push(next(blocks))
            return tracemalloc.get_traced_memory()[1]

        tracemalloc.start()
        listen(minutes=2)
        at_first = listen(minutes=2)
        later = listen(minutes=10)
        tracemalloc.stop()
        # Of anything that is kept of each block, if only a number, there would be more:
        # 30,000 blocks of at least 8 bytes. A day has 144 times as many.
        assert abs(later - at_first) < 20_000


class TestErrors:
    @pytest.mark.parametrize(
        ("block", "error", "message"),
        [
            (np.zeros(10, np.int16), TypeError, "int16 .*divide .* by 32768"),
            (np.zeros((10, 2)), ValueError, r"one channel.*\(10, 2\).*mean\(axis=1\)"),
            (np.zeros((10, 1)), ValueError, r"block\[:, 0\]"),
            (np.float64(0.1), ValueError, "one channel"),
            (np.full(10, 1000.0), ValueError, "reaches 1000"),
            ([0.1, "a"], TypeError, "floats"),
        ],
    )
    def test_other_blocks_are_refused(self, block, error, message):
        scorer = mean_scorer()
        scorer.push(hearing([0.1])[:5])
        with pytest.raises(error, match=message):
            scorer.push(block, time=7.0)
        # They have left no trace.
        assert scorer.push(hearing([0.1])[5:])[0].time == 0

    def test_a_block_may_reach_far_beyond_1_but_not_like_integers(self):
        assert len(mean_scorer().push(np.tile([31.0, 32.0], 5))) == 1
        with pytest.raises(ValueError, match="reaches 32.1"):
            mean_scorer().push(np.full(10, -32.1))

    def test_settings_are_named_and_rates_are_1_hz_at_least(self):
        assert StreamScorer(detector=Mean(), sr=1, clip_seconds=10).sr == 1
        with pytest.raises(TypeError, match="positional"):
            StreamScorer(Mean(), 10, 1.0)
        with pytest.raises(ValueError, match="sr must be at least 1 Hz"):
            mean_scorer(sr=0.9)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"sr": None}, "does not know its sr: give sr="),
            ({"clip_seconds": None}, "give clip_seconds="),
            ({"clip_seconds": 0}, "clip_seconds must be at least one sample"),
            ({"hop_seconds": 0.01}, "hop_seconds must be at least one sample"),
            ({"hop_seconds": np.nan}, "hop_seconds must be finite"),
            ({"threshold": np.nan}, "threshold must be finite"),
            ({"k": 0}, "k must be at least 1"),
            ({"n": 0}, "n must be at least 1"),
            ({"k": 3, "n": 2}, "k must be at most n=2, got k=3"),
            ({"hold_off_seconds": -1}, "hold_off_seconds must be 0 or more"),
        ],
    )
    def test_settings_out_of_range_are_named(self, settings, message):
        with pytest.raises(ValueError, match=message):
            mean_scorer(**settings)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"sr": 44100}, "sr is 44100 Hz, and the detector was fitted to 8000 Hz"),
            ({"clip_seconds": 1.0}, "8000 samples.* fitted to 2400 samples"),
        ],
    )
    def test_settings_must_be_the_detectors(self, gmm, settings, message):
        StreamScorer(gmm, sr=SR, clip_seconds=SIZE / SR)
        with pytest.raises(ValueError, match=message):
            StreamScorer(gmm, **settings)

    def test_a_detector_must_be_one_and_fitted(self):
        with pytest.raises(TypeError, match="score_samples"):
            StreamScorer(object())
        for detector in (make_detector("gmm"), GMMDetector()):
            with pytest.raises(NotFittedError):
                StreamScorer(detector)

    def test_one_without_a_threshold_is_given_one(self):
        mixture = GaussianMixture().fit(noise(1000).reshape(100, 10))
        with pytest.raises(ValueError, match="threshold=.*conformal_threshold"):
            StreamScorer(mixture, sr=1000)
        scorer = StreamScorer(mixture, sr=1000, threshold=0.0)
        assert len(scorer.push(noise(20))) == 2
