"""What the report says and where its figures put things, without a page."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import librosa
import numpy as np
import pytest
import soundfile
from sklearn.pipeline import make_pipeline

from esa4_helpers import (
    anomaly_map,
    log_mel_spectrogram,
    make_detector,
    read_recordings,
)
from esa4_helpers.alarms import Judged
from esa4_helpers.report import _media, page
from esa4_helpers.report._contents import (
    Group,
    Heard,
    Recording,
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
from esa4_helpers.report._figures import (
    Axis,
    Column,
    axis,
    columns,
    line,
    mel_axis,
    stems,
    steps,
    time_axis,
)
from esa4_helpers.report._promise import (
    Drift,
    Promise,
    Tally,
    clips_of_a_day,
    counted,
    drift_since,
    in_words,
    promise_of,
    promise_of_stream,
)
from esa4_helpers.training import band_levels
from esa4_helpers.widgets._shared import map_pictures

ROWS = [
    Judged("pump", "a.wav", 0.0, 10.0, 1.5, 2.0, False, None),
    Judged("pump", "a.wav", 10.0, 20.0, None, 2.0, False, "silence"),
    Judged("pump", "a.wav", 60.0, 70.5, None, 2.0, False, "silence"),
    Judged("pump", "b.wav", 0.0, 10.0, 2.5, 2.0, True, None),
]
TEN = Axis("score", 0, 10, [])


def test_times_are_told_as_on_a_clock():
    times = {0: "0:00:00", 59.999: "0:01:00", 125.5: "0:02:05.50", 3600: "1:00:00"}
    assert {seconds: clock(seconds) for seconds in times} == times


def test_an_axis_has_round_numbers_where_they_belong_and_none_beyond():
    places, texts = zip(*axis("score", 0, 1).ticks, strict=True)
    assert texts == ("0", "0.2", "0.4", "0.6", "0.8", "1")
    assert places == pytest.approx((0, 20, 40, 60, 80, 100))
    ticks = axis("score", -1.9, 2.1).ticks
    assert [text for _, text in ticks] == ["-1", "0", "1", "2"]
    assert [place for place, _ in ticks] == pytest.approx([22.5, 47.5, 72.5, 97.5])
    same = axis("score", 3, 3)
    assert (same.low, same.high) == (2.5, 3.5)


@pytest.mark.parametrize(
    ("high", "texts"),
    [
        (6, "0 1 2 3 4 5 6"),
        (7, "0 2 4 6"),
        (15, "0 2.5 5 7.5 10 12.5 15"),
        (30, "0 5 10 15 20 25 30"),
        (60, "0 10 20 30 40 50 60"),
    ],
)
def test_an_axis_has_up_to_seven_numbers_at_steps_of_1_2_2_5_or_5(high, texts):
    assert " ".join(text for _, text in axis("score", 0, high).ticks) == texts


def test_what_is_beyond_an_axis_stands_at_its_end():
    assert TEN.place(np.array([-1, 0, 2.5, 10, 11])).tolist() == [0, 0, 25, 100, 100]


def test_clips_share_columns_where_there_are_too_many():
    assert columns(np.array([3.0, np.nan, 4.0]))[::2] == [(0, 0, 3, 3), (2, 2, 4, 4)]
    assert columns(np.arange(480.0))[-1] == (479, 479, 479, 479)
    values = np.arange(960.0)
    values[[0, 2, 3]] = np.nan
    found = columns(values)
    assert len(found) == 480
    assert found[0] == (0, 1, 1, 1)
    assert str(found[1]) == "Column(first=2, last=3, low=nan, high=nan)"
    assert found[-1] == (958, 959, 958, 959)
    of_all = columns(np.arange(1001.0))
    assert of_all[0].first == 0
    assert of_all[-1].last == 1000
    assert [c.first for c in of_all[1:]] == [c.last + 1 for c in of_all[:-1]]


def test_lines_are_drawn_from_the_top_of_a_figure():
    drawn = [Column(0, 0, 1, 1), Column(1, 1, np.nan, np.nan), Column(2, 3, 2, 8)]
    assert stems(drawn, [10, 50, 90], TEN) == "M10 90V90M90 80V20"
    assert line(np.array([0, 50, 100]), np.array([0, 25, 100])) == "M0 100L50 75L100 0"
    assert steps([0, 50, 100], [20, 60]) == "M0 100V80H50V40H100V100"


def figure_of(values, names):
    """Of clips of 2 s, each half a second after the one before."""
    cut = SimpleNamespace(hop=8000, n_samples=32000)
    made = SimpleNamespace(cut=cut, sr=16000, recordings=np.array(list(names)))
    return stems_of(np.array(values, float), made, TEN)


def test_a_figure_shows_one_recording_after_the_other():
    figure = figure_of([1, 9, np.nan, 4], "aabb")
    assert (figure.x.low, figure.x.high) == (0, 2)
    assert figure.places.tolist() == [12.5, 37.5, 62.5, 87.5]
    assert figure.borders == "M50 0V100"
    assert figure.path == "M12.5 90V90M37.5 10V10M87.5 60V60"
    assert dots(figure, np.array([True, False, False, True])) == "M12.5 90h0M87.5 60h0"
    assert strokes(figure, np.array([False, True, True, False])) == (
        "M37.5 100v-6M62.5 100v-6"
    )


def test_many_clips_of_many_recordings_show_no_borders_and_lose_no_mark():
    assert figure_of(range(41), range(41)).borders.count("M") == 40
    figure = figure_of(np.arange(960) / 96, np.arange(960) // 23)
    assert figure.borders == ""
    assert figure.places[[0, -1]] == pytest.approx([100 / 960, 100 - 100 / 960])
    chosen = np.arange(960) == 3
    assert strokes(figure, chosen) == "M0.3125 100v-6"
    assert dots(figure, chosen) == "M0.3125 99.69h0"
    assert strokes(figure, np.arange(960) == 4) == "M0.52083 100v-6"


@pytest.mark.parametrize(
    ("scores", "threshold", "ends"),
    [
        ([0, np.nan, 1], 0.5, (-0.05, 1.1)),
        ([0, 1.5], 0.5, (-0.075, 1.65)),
        # A score far away would press all others together.
        ([0, 100], 1, (-0.15, 3.3)),
        # There is no room below: what is above is to be seen.
        ([2, 6], 2, (1.8, 6.4)),
        ([np.nan], 2, (1.5, 2.5)),
    ],
)
def test_an_axis_of_scores_ends_where_most_are(scores, threshold, ends):
    found = score_axis(np.array(scores), threshold)
    assert (found.low, found.high) == pytest.approx(ends)


def test_a_histogram_counts_what_lies_beyond_at_its_end():
    found = histogram(np.array([0.0, 0, 0, 1]), np.array([50.0]), 0.5)
    assert (found["x"].low, found["x"].high) == pytest.approx((-0.075, 1.65))
    assert (found["y"].low, found["y"].high) == (0, 105)
    training, new = np.zeros((2, 30))
    # Bars are 0.0575 wide.
    training[1], training[18], new[29] = 75 / 1.05, 25 / 1.05, 100 / 1.05
    edges = np.linspace(0, 100, 31)
    assert found["training"] == steps(edges, training)
    assert found["new"] == steps(edges, new)
    assert found["threshold"] == pytest.approx(100 / 3)
    none = histogram(np.array([0.0, 1]), np.array([]), 0.5)
    assert none["new"] == steps(edges, np.zeros(30))


def test_two_spectra_are_drawn_in_one_frame():
    training = SimpleNamespace(spectrum=np.array([-50.0, -60]), sr=16000)
    found = spectra(training, np.array([-62.0, -54]))
    assert (found["x"].low, found["x"].high) == (0, 8)
    assert (found["y"].low, found["y"].high) == (-64, -48)
    assert found["training"] == "M25 12.5L75 75"
    assert found["new"] == "M25 87.5L75 37.5"


def test_of_each_clip_a_few_numbers_are_kept():
    clips = np.array([[0.5, -0.5], [0.0, -1.0], [0.1, 0.1]])
    for with_spectra in (True, False):
        heard = Heard(with_spectra)
        heard.listen(clips[:2])
        heard.listen(clips[2:])
        assert heard.levels == pytest.approx(20 * np.log10([0.5, np.sqrt(0.5), 0.1]))
        assert heard.peaks.tolist() == [0.5, 1, 0.1]
    long = np.random.default_rng(0).uniform(-1, 1, (2, 2000))
    heard = Heard(with_spectra=True)
    heard.listen(long[:1])
    heard.listen(long[1:])
    np.testing.assert_array_equal(heard.spectra, np.float32(band_levels(long)))


def test_a_training_keeps_its_scores_in_the_detector_or_in_its_last_step():
    def judge(**known):
        return SimpleNamespace(**known)

    own = make_pipeline("passthrough", "passthrough", judge(normal_scores_=[1, 2]))
    assert training_scores(own).tolist() == [1, 2]
    assert training_scores(judge(normal_scores_=[3])).tolist() == [3]
    assert training_scores(judge()) is None
    assert training_scores(make_pipeline("passthrough", judge())) is None


@pytest.mark.parametrize(
    ("seconds", "unit", "length"),
    [(180, "s", 1), (181, "min", 60), (10800, "min", 60), (10801, "h", 3600)],
)
def test_time_has_the_unit_that_suits_it(seconds, unit, length):
    found, n_seconds = time_axis("time", seconds)
    assert (found.label, n_seconds) == (f"time ({unit})", length)
    assert (found.low, found.high) == (0, seconds / length)


@pytest.mark.parametrize(
    ("sr", "texts"),
    [
        # 1 kHz, at 0.45 of this rate, would stand on the end.
        (1000 / 0.45, "0.5"),
        (16000, "0.5 1 2 5"),
        (44100, "0.5 1 2 5 10"),
        (200_000, "0.5 1 2 5 10 20 50"),
    ],
)
def test_frequencies_stand_at_their_mel_bands(sr, texts):
    found = mel_axis(sr)
    assert [text for _, text in found.ticks] == texts.split()
    assert (found.low, found.high) == (0, librosa.hz_to_mel(sr / 2))
    for place, text in found.ticks:
        mel = librosa.hz_to_mel([1000 * float(text), sr / 2])
        assert place == pytest.approx(100 * mel[0] / mel[1])


def test_sensor_faults_are_told_from_their_first_clip_to_their_last():
    last = Judged("pump", "b.wav", 10.0, 20.0, None, 2.0, False, "NaN")
    assert sensor_groups([*ROWS, last]) == [
        Group("a.wav", "silence", 2, 10.0, 70.5),
        Group("b.wav", "NaN", 1, 10.0, 20.0),
    ]


def test_recordings_are_told_in_short():
    off = Judged("pump", "c.wav", 0.0, 10.0, None, 2.0, False, "silence")
    quiet = ROWS[0]._replace(score=1.0)
    assert by_recording([quiet, *ROWS, off]) == [
        Recording("a.wav", 4, 0, 2, 1.25, 1.5),
        Recording("b.wav", 1, 1, 0, 2.5, 2.5),
        Recording("c.wav", 1, 0, 1, None, None),
    ]


@pytest.mark.parametrize(
    ("scores", "middle"),
    [([], []), ([5], [0]), ([5, 1, 3], [2]), ([5, 1, 4, 3], [2]), ([1, 5], [1])],
)
def test_a_typical_clip_has_the_middle_score_of_the_normal_ones(scores, middle):
    normal = [ROWS[0]._replace(score=score) for score in scores]
    # Neither an alarm nor a sensor that failed is normal.
    assert page._most_typical([*normal, *ROWS[1:]]) == middle


def test_marks_stand_in_the_middle_of_their_clips_time():
    scores = np.array([0.0, np.nan, np.nan, 10])
    cut = SimpleNamespace(hop=16000, n_samples=16000)
    names = np.array([row.recording for row in ROWS])
    made = SimpleNamespace(cut=cut, sr=16000, recordings=names)
    found = page._scores(scores, ROWS, made, 2.0)
    top = 6 * 1.1
    assert found["figure"].y.high == pytest.approx(top)
    assert found["threshold"] == pytest.approx(100 * 2.3 / (top + 0.3))
    assert (found["above"], found["highest"]) == (1, 10)
    assert found["alarms"] == "M87.5 0h0"
    assert found["failing"] == "M37.5 100v-6M62.5 100v-6"
    assert found["place"](3) == (87.5, 100)
    assert found["place"](0) == pytest.approx((12.5, 100 * 0.3 / (top + 0.3)))
    assert found["readings"][3]["text"] == "b.wav, 0:00:00 to 0:00:10: score 2.5; alarm"
    none = page._scores(np.full(4, np.nan), ROWS, made, 2.0)
    assert (none["above"], none["highest"]) == (0, None)


@pytest.mark.parametrize(("hop", "seconds"), [(4000, 1.0), (12000, 2.0)])
def test_in_short_what_was_heard_counts_once(hop, seconds):
    cut = SimpleNamespace(hop=hop, n_samples=8000)
    skipped, partial = {"x.wav": "empty"}, {"y.wav": "breaks off"}
    made = SimpleNamespace(cut=cut, sr=16000, skipped=skipped, partial=partial)
    promise = Promise(0.1, 0.2, False, ("drift",))
    assert page._in_short(ROWS, made, 2, promise) == {
        "clips": 4,
        "recordings": 2,
        "seconds": seconds,
        "alarms": 1,
        "sensor_faults": 2,
        "unusable": skipped,
        "partial": partial,
        "threshold": 2.0,
        "promised_rate": 0.1,
        "expected_false_alarms": 0.2,
        "false_alarms_a_day": pytest.approx(0.1 * 2 * 86400),
        "promise_kept": False,
        "reasons": ["drift"],
    }


@pytest.mark.parametrize(
    ("training", "ends", "place"),
    [
        (None, (-51, -39), []),
        (SimpleNamespace(levels=(-45, -30)), (-51, -29), [100 * 6 / 22, 100 * 21 / 22]),
    ],
)
def test_levels_stand_beside_the_range_of_the_training(training, ends, place):
    cut = SimpleNamespace(hop=16000, n_samples=16000)
    made = SimpleNamespace(cut=cut, sr=16000, recordings=np.array(["a", "a", "b"]))
    found = page._levels(np.array([-50, np.nan, -40.0]), made, training)
    y = found["figure"].y
    assert (y.low, y.high) == ends
    assert found["range"] == pytest.approx(place)


def test_a_column_says_where_its_clips_are():
    columns = [Column(first, last, 0, 1) for first, last in ((0, 0), (0, 2), (2, 3))]
    figure = SimpleNamespace(columns=columns, places=[12.34567, 20, 30])
    assert list(readings(figure, ROWS)) == [
        {"x": 12.346, "text": "a.wav, 0:00:00 to 0:00:10: score 1.5"},
        {
            "x": 20,
            "text": "a.wav, 0:00:00 to 0:01:10.50: highest of 3 scores 1.5; "
            "sensor: silence (2 clips)",
        },
        {
            "x": 30,
            "text": "a.wav, 0:01:00 to b.wav, 0:00:10: highest of 2 scores 2.5; "
            "1 alarm; sensor: silence (1 clip)",
        },
    ]


LEARNED = {
    "typical_level": -40.0,
    "levels": (-41.0, -39.0),
    "spectrum": np.zeros(4),
    "unevenness": 1.0,
    "edge": None,
    "sr": 16000,
    "promised_rate": 0.1,
}
# Uneven by exactly so many dB.
EVEN, AT_THE_LIMIT, ODD = (np.array([-x, -x, x, x]) for x in (0.5, 1.5, 1.5001))


@pytest.mark.parametrize(
    ("levels", "spectra", "sensor", "drift"),
    [
        ([-41, -40, -39], [EVEN, AT_THE_LIMIT, EVEN], 3 * [None], (0, 0, 0, ())),
        (
            [-41.001, -40, -38.999, -40],
            [ODD, EVEN, ODD, EVEN],
            4 * [None],
            (0, 0.5, 0.5, ()),
        ),
        (
            [-40, -42, -42],
            [EVEN] * 3,
            3 * ["level"],
            (
                -2,
                2 / 3,
                0,
                ("the new recordings are 2.0 dB quieter than those of the training",),
            ),
        ),
        (
            [-38],
            [ODD],
            ["band limit"],
            (
                2,
                1,
                1,
                (
                    "the new recordings are 2.0 dB louder than those of the training",
                    "100 % of the new clips have a spectrum much further from the typical "
                    "one than any in training: another microphone, place or machine, or "
                    "a fault that lasts",
                    "in 100 % of the new clips, the band ends elsewhere than in training",
                ),
            ),
        ),
        (
            [-38.001, -40, -38.001],
            [EVEN] * 3,
            ["level", None, None],
            (
                1.999,
                2 / 3,
                0,
                (
                    "33 % of the new clips differ by their level alone from those of the "
                    "training",
                ),
            ),
        ),
    ],
)
def test_drift_is_what_is_so_of_the_clips_as_a_whole(levels, spectra, sensor, drift):
    training = SimpleNamespace(**LEARNED)
    found = drift_since(training, np.array(levels), np.array(spectra), sensor)
    *numbers, reasons = drift
    assert found[:3] == pytest.approx(numbers)
    assert found == Drift(*found[:3], reasons)


@pytest.mark.parametrize(
    ("faults", "n", "reasons"),
    [
        # One in twenty and every second are not too many, of clips with sound.
        ({"level": 5, "band limit": 50, "silence": 10, "NaN": 1}, 111, ()),
        (
            {"level": 6},
            100,
            (
                "6 % of the new clips differ by their level alone from those of the "
                "training",
            ),
        ),
        (
            {"band limit": 51, "clipping": 1, "dropouts": 2},
            103,
            ("in 51 % of the new clips, the band ends elsewhere than in training",),
        ),
    ],
)
def test_a_stream_is_promised_a_share_of_its_sound(faults, n, reasons):
    training = SimpleNamespace(**LEARNED)
    n_judged = n - sum(faults.values())
    assert promise_of_stream(training, True, Counter(faults), n) == Promise(
        0.1, pytest.approx(0.1 * n_judged), not reasons, reasons
    )


@pytest.mark.parametrize(
    ("known", "is_own", "why"),
    [
        (None, True, "this detector does not know how its threshold came about"),
        (
            LEARNED,
            False,
            "the threshold was set by hand, and is not the detector's own",
        ),
        (
            LEARNED | {"promised_rate": 1},
            True,
            "it takes several recordings, and this detector knows one or none apart",
        ),
    ],
)
def test_nothing_is_promised_of_what_is_not_known(known, is_own, why):
    training = SimpleNamespace(**known) if known else None
    found = promise_of(training, is_own, ("drift",), 10)
    assert found == Promise(None, None, False, (why,))
    assert in_words(found) == f"No promise holds: {why}."


def test_a_promise_is_told_in_one_sentence():
    nearly = SimpleNamespace(**LEARNED | {"promised_rate": 0.5})
    assert promise_of(nearly, True, (), 3) == Promise(0.5, 1.5, True, ())
    for n_judged, words in (
        (2, "1 false alarm"),
        (3, "1.5 false alarms"),
        (0, "0 fal"),
    ):
        told = in_words(promise_of(nearly, True, (), n_judged))
        assert told.startswith(f"Promised: about {words}")
        assert told.endswith("alarm." if n_judged == 2 else "alarms.")
    assert in_words(Promise(0.1, 1, False, ("a", "b"))) == "No promise holds: a; b."
    assert [counted(n, "clip") for n in (0, 1, 2)] == ["0 clips", "1 clip", "2 clips"]
    assert clips_of_a_day(10) == 8640


def test_a_tally_counts_what_sounds():
    rng = np.random.default_rng(0)
    clips = 0.01 * rng.standard_normal((6, 4000))
    known = {"typical_level": -40, "levels": (-41, -39), "unevenness": 9.0}
    training = SimpleNamespace(**LEARNED | known | {"spectrum": band_levels(clips)[0]})
    tally, more = Tally(), Tally()
    assert tally.promise(training) == Promise(0.1, 0, True, ())
    tally.hear(training, clips[:4], [None, "silence", "level", None])
    more.hear(training, clips[:2], ["NaN", "dropouts"])
    more.hear(training, clips[4:], [None, None])
    tally.add(more)
    assert tally.levels == pytest.approx([-40] * 5, abs=1)
    assert len(tally.uneven) == 5
    assert tally.uneven[0] == 0
    assert tally.sensor == [None, "level", None, None, None]
    why = "20 % of the new clips differ by their level alone from those of the training"
    assert tally.promise(training) == Promise(0.1, 0.4, False, (why,))


def shown(folder, *amplitudes: float, n_samples: int = 16000, detector=None):
    """What is shown of clips of noise that reach so far."""
    noise = np.random.default_rng(0).uniform(-1, 1, n_samples)
    for i, amplitude in enumerate(amplitudes):
        sound = amplitude * noise / np.abs(noise).max()
        soundfile.write(folder / f"{i}.wav", sound, 16000, subtype="FLOAT")
    clips = read_recordings(folder, n_samples / 16000, keep_silent=True)
    wanted = list(range(len(amplitudes)))
    return _media.media_of(detector, clips, wanted, np.array(amplitudes))


@pytest.fixture(scope="module")
def mapping():
    """A detector that has maps."""
    clips = 0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    return make_detector("mahalanobis", 16000).fit(clips)


@pytest.mark.parametrize(
    ("amplitudes", "gain"),
    [((0.1, 0.01), 19), ((0.001,), 40), ((1.0,), -1), ((0.0,), 40)],
)
def test_the_loudest_clip_is_played_just_below_full_scale(tmp_path, amplitudes, gain):
    media = shown(tmp_path, *amplitudes)
    assert media.gain_db == pytest.approx(gain)
    assert not media.is_full
    assert all(c.sound.startswith("data:audio/mpeg") for c in media.clips.values())


def test_pictures_compare_as_their_colours_end_at_the_rarest_cells(tmp_path, mapping):
    media = shown(tmp_path, 0.5, 0.05, detector=mapping)
    clips = np.vstack([clip for _, clip in read_recordings(tmp_path, 1.0).blocks(1)])
    levels = log_mel_spectrogram(clips, 16000, n_mels=64)
    maps = anomaly_map(mapping, clips)
    ends = np.percentile(levels, (0.5, 99.5))
    assert media.db_range == pytest.approx(ends)
    assert media.map_end == pytest.approx(np.percentile(maps, 99.5))
    assert [clip.spectrogram for clip in media.clips.values()] == map_pictures(
        levels, *ends
    )
    assert [clip.map for clip in media.clips.values()] == map_pictures(
        maps, 0, media.map_end
    )


def test_a_map_with_little_in_it_ends_at_one(tmp_path, monkeypatch):
    cells = np.zeros((1, 8, 400))
    cells[0, 3, 5] = 0.5
    monkeypatch.setattr(_media, "has_anomaly_map", lambda detector: True)
    monkeypatch.setattr(_media, "anomaly_map", lambda detector, clips: cells)
    media = shown(tmp_path, 0.5, detector=make_pipeline("passthrough"))
    assert media.map_end == 0
    assert [media.clips[0].map] == map_pictures(cells, 0, 1)


def test_a_detector_without_maps_shows_none(tmp_path):
    level = make_detector("level", 16000).fit(
        0.01 * np.random.default_rng(0).standard_normal((20, 16000))
    )
    media = shown(tmp_path, 0.5, detector=level)
    assert media.clips[0].map == ""
    assert media.map_end == 0


def test_where_nothing_is_wanted_nothing_is_shown():
    nothing = _media.Media({}, 0.0, (0.0, 0.0), 0.0)
    assert _media.media_of(None, None, [], np.zeros(0)) == nothing


class Says:
    """A detector that always says the same, and maybe what the level alone would say."""

    def __init__(self, score: float, of_level: float | None = None) -> None:
        self.score = score
        if of_level is not None:
            self.level_ = Says(of_level)

    def score_samples(self, X):
        return np.full(len(X), -self.score)


@pytest.mark.parametrize(
    ("of_level", "is_by_level"), [(None, False), (1.9, False), (2, True), (3, True)]
)
def test_a_clip_is_odd_by_its_level_where_that_alone_is_as_odd(
    tmp_path, of_level, is_by_level
):
    media = shown(tmp_path, 0.5, detector=Says(2, of_level))
    assert media.clips[0].by_level is is_by_level


@pytest.mark.parametrize(("n_samples", "is_drawn"), [(2047, False), (2048, True)])
def test_a_clip_shorter_than_a_window_has_no_picture(tmp_path, n_samples, is_drawn):
    [clip] = shown(tmp_path, 0.5, n_samples=n_samples).clips.values()
    assert bool(clip.spectrogram) == is_drawn
    assert clip.sound


def test_once_a_page_is_full_no_more_is_put_in(tmp_path, monkeypatch, mapping):
    first = shown(tmp_path, 0.5, 0.5, 0.5, detector=mapping).clips[0]
    n_bytes = len(first.sound) + len(first.spectrogram) + len(first.map)
    for most, n_shown in ((n_bytes - 1, 0), (n_bytes, 1), (2 * n_bytes, 2)):
        monkeypatch.setattr(_media, "MOST_BYTES", most)
        media = shown(tmp_path, 0.5, 0.5, 0.5, detector=mapping)
        assert media.is_full
        shows = [clip == first for clip in media.clips.values()]
        assert shows == [True] * n_shown + [False] * (3 - n_shown)
        assert media.clips[2] == _media.ClipMedia(by_level=first.by_level)


def test_a_wide_picture_keeps_what_is_brief_and_strong():
    wide = np.zeros((3, 1001))
    wide[0, 777], wide[1, 1000], wide[2, 0] = 5, 3, 1
    narrow = _media._narrow(wide)
    assert narrow.shape == (3, 400)
    assert narrow.max(axis=1).tolist() == [5, 3, 1]
    assert narrow.argmax(axis=1).tolist() == [777 * 400 // 1001, 399, 0]
    np.testing.assert_array_equal(_media._narrow(wide[:, :400]), wide[:, :400])
