from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from bs4 import BeautifulSoup

from esa4_helpers import alarm_report, auc
from esa4_helpers.widgets._shared import scaled_maps, spectrogram_pictures
from esa4_helpers.widgets.explorer import (
    _Axis,
    _detector_data,
    _drawing,
    _lanes,
    _thresholds,
)

from .pages import (
    FEW,
    MAPS,
    RANDOM,
    SCORES,
    TEST,
    THRESHOLDS,
    address_of,
    explorer,
    heads,
    heard,
    pixels,
    texts,
    wait_for_sound,
)


@pytest.mark.parametrize(
    "scores",
    [
        *SCORES.values(),
        [1.0, np.nextafter(1, 2), 1e300],
        # Halfway between the first two lies no number, and it rounds to the second.
        [1 + 2**-52, 1 + 2**-51, 2.0],
        [-1e308, 1e308],
        [0.0, 5e-324],
    ],
)
def test_thresholds_reach_every_outcome_once(scores):
    scores = np.asarray(scores)
    alarms = {tuple(scores > threshold) for threshold in _thresholds(scores)}
    possible = {tuple(scores > value) for value in (-np.inf, *scores)}
    assert alarms == possible
    assert len(_thresholds(scores)) == len(possible)


def test_thresholds_lie_halfway_and_a_twentieth_beyond_the_ends():
    assert _thresholds(np.array([4.0, 1, 2])) == pytest.approx([0.85, 1.5, 3, 4.15])
    assert _thresholds(np.array([3.0, 3])) == [2, 4]


def test_a_dot_takes_the_first_lane_where_it_has_room():
    assert _lanes(np.array([36.0, 0, 10, 20, 26])).tolist() == [1, 0, 1, 2, 0]


def test_dots_never_touch_and_use_no_more_lanes_than_needed():
    places = RANDOM.uniform(0, 300, 40)
    lanes = _lanes(places)
    for i, j in combinations(range(40), 2):
        assert lanes[i] != lanes[j] or abs(places[i] - places[j]) >= 26
    assert max(_lanes(np.arange(5) * 26.0)) == 0


ONE_BAD = [1, 1, np.nan, 1]
ONLY_NORMAL = replace(FEW, is_anomaly=np.zeros(5), kinds=None).test


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"dataset": FEW},
            ValueError,
            r"scores\['ties'\] must have one .* the 5 clips",
        ),
        ({"dataset": ONLY_NORMAL}, ValueError, "normal and abnormal"),
        ({"scores": {}}, ValueError, "scores must hold at least one"),
        ({"scores": [0, 1]}, TypeError, "scores must map a text"),
        ({"scores": {"a": ONE_BAD}}, ValueError, r"scores\['a'\] holds NaN"),
        (
            {"maps": {"y": MAPS[:4], "x": MAPS[:4]}},
            ValueError,
            r"scores, \['negative', 'same', 'ties'\], got one of 'x'$",
        ),
        ({"maps": {"ties": MAPS[:3]}}, ValueError, r"maps\['ties'\] has 3 entries"),
        ({"maps": []}, TypeError, "maps must map a text"),
        ({"thresholds": {"x": {}}}, ValueError, "thresholds must be of .* one of 'x'"),
        ({"thresholds": {"ties": [1]}}, TypeError, r"thresholds\['ties'\] must map"),
        (
            {"thresholds": {"ties": {"a": np.inf}}},
            ValueError,
            r"thresholds\['ties'\]\['a'\] must be finite",
        ),
        ({"thresholds": {"ties": {"a": "1"}}}, TypeError, "must be a number"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        explorer(FEW, **changes)


def test_there_is_something_to_gain_at_first():
    is_anomaly = FEW.test.is_anomaly
    scores = {
        "perfect": is_anomaly * 1.0,
        "upside down": is_anomaly * -1.0,
        "good": np.array([0.0, 3, 2, 1]),
    }
    widget = explorer(FEW, scores=scores, maps={}, thresholds=None)
    page = BeautifulSoup(widget.html, "html.parser")
    shown = [option.text for option in page.select("option")]
    assert shown == ["good", "upside down", "perfect"]


def test_scores_far_from_the_normal_ones_leave_these_apart():
    is_anomaly = np.arange(10) < 5
    scores = np.array([56.0, 69, 52, 185, 54, -0.2, 1.4, -0.7, -0.5, -0.5])
    axis = _Axis(is_anomaly, scores, {"gamma": 2.4})
    assert np.ptp(axis.place_of(scores[~is_anomaly])) > 26
    texts = [float(tick["text"]) for tick in axis.ticks()]
    assert {0.0, 1.0, 10.0, 100.0} <= set(texts)
    places = axis.place_of(sorted([*scores, 2.4]))
    assert (np.diff(places) >= 0).all()
    assert _Axis(is_anomaly, np.arange(10.0), {}).stretch is None


@pytest.mark.parametrize(
    ("normal", "stretch"),
    [((0, 11), None), ((0, 10.9), 5.45), ((0, 1), 0.5), ((1, 1), None)],
)
def test_normal_scores_that_would_be_one_heap_get_more_room(normal, stretch):
    # The axis then reaches 110 to each side of its middle.
    scores = np.array([*normal, 0.0, 200])
    axis = _Axis(np.array([False, False, True, True]), scores, {})
    assert axis.ends == (-10, 210)
    assert axis.centre == np.mean(normal)
    assert axis.stretch == (stretch and pytest.approx(stretch))
    if stretch is None:
        assert axis.place_of([-10, 100, 210]).tolist() == [18, 170, 322]
    else:
        low, at, high = np.arcsinh((np.array([-10, 10, 210]) - axis.centre) / stretch)
        place = 18 + 304 * (at - low) / (high - low)
        assert axis.place_of([-10, 10, 210]) == pytest.approx(
            [18, place, 322], abs=0.06
        )


@pytest.mark.parametrize(
    ("scores", "named", "ticks"),
    [
        (
            (0, 11, 200),
            {},
            "0 at 31.8, 50 at 100.9, 100 at 170, 150 at 239.1, 200 at 308.2",
        ),
        # At both ends, too.
        (
            (0, 4, 5),
            {"a": -5, "b": 20},
            "-5 at 18, 0 at 78.8, 5 at 139.6, 10 at 200.4, 15 at 261.2, 20 at 322",
        ),
        (
            (0, 4, 5),
            {"a": -6, "b": 6},
            "-5 at 43.3, -2.5 at 106.7, 0 at 170, 2.5 at 233.3, 5 at 296.7",
        ),
        # Stretched: those furthest out come first, and the others where there is room.
        ((0, 10.9, 200), {}, "0 at 62.2, 100 at 283.5, 10 at 144.2, -10 at 18"),
        (
            (0, 0.0002, 1),
            {},
            "0 at 126.7, 1 at 321.1, 0.1 at 279.6, 0.01 at 237.9, "
            "-0.01 at 46.9, 0.001 at 194.7",
        ),
        ((0, 2e-6, 1), {}, "0 at 142, 1 at 321.4, 0.01 at 267.7, -0.01 at 36.8"),
        (
            (0, 1000, 1e18),
            {},
            "0 at 159.4, 1e+15 at 291.3, -1e+15 at 35.3, "
            "1e+10 at 240.5, -1e+10 at 86.1",
        ),
        (
            (0, 1, -300),
            {},
            "0 at 186.8, -100 at 48.9, 10 at 308.7, -10 at 109.8, "
            "1 at 234.4, -1 at 161.5",
        ),
    ],
)
def test_an_axis_has_as_many_round_numbers_as_there_is_room_for(scores, named, ticks):
    axis = _Axis(np.array([False, False, True]), np.array(scores, float), named)
    shown = [f"{tick['text']} at {tick['x']:g}" for tick in axis.ticks()]
    assert ", ".join(shown) == ticks


def test_names_stand_above_their_thresholds_in_the_first_line_with_room():
    # Places are 18 more than scores; a letter takes 7, and names stand so far apart.
    named = {
        "right end": 304,
        "zero": 0,
        "b": 24.4,
        "c": 24.5,
        "x" * 50: 150,
        "y" * 20: 200,
    }
    axis = _Axis(np.array([False, True]), np.array([20.0, 284]), named)
    assert [tuple(mark.values()) for mark in axis.marks()] == [
        (18, "zero", 18, 0),
        (42.4, "b", 42.4, 1),
        (42.5, "c", 42.5, 0),
        (168, "x" * 50, 175, 2),
        (218, "y" * 20, 218, 0),
        (322, "right end", 308.5, 1),
    ]


def test_all_of_a_detector_is_drawn_and_told():
    clips = FEW.test
    scores = np.array([0.0, 4, 1, 4])
    axis = _Axis(clips.is_anomaly, scores, {"known": 0.5, "far": 5})
    drawn = _drawing(clips, scores, axis)
    texts = [
        "clip a, normal, score 0",
        "clip b, abnormal, score 4",
        "clip c, normal, score 1",
        "clip d, abnormal, score 4",
    ]
    places = [round(18 + 304 * (score + 0.2) / 5.2, 1) for score in scores]
    dots = [
        [(0, places[0], 17, texts[0]), (2, places[2], 17, texts[2])],
        [(1, places[1], 34 + 17, texts[1]), (3, places[3], 34 + 43, texts[3])],
    ]
    bands = drawn.pop("bands")
    assert [(band["abnormal"], band["top"]) for band in bands] == [
        (False, 0),
        (True, 34),
    ]
    assert [[tuple(dot.values()) for dot in band["dots"]] for band in bands] == dots
    assert drawn == {
        "height": 34 + 60,
        "ticks": axis.ticks(),
        "marks": axis.marks(),
        "marks_height": 15,
        "line_height": 15,
        "presets": {"known": 0.5, "far": 5},
        "stretched": False,
    }
    told = _detector_data(clips, scores, axis, None)
    cuts = told.pop("cuts")
    assert told == {
        "auc": "1.00",
        "roc": "1,1 0.5,1 0,1 0,0",
        "values": [0, 1, 4],
        "stops": [-0.2, 0.5, 2.5, 4.2, 5],
        "first": 0.5,
        "ends": (-0.2, 5),
        "centre": 0.5,
        "stretch": None,
        "dots": texts,
    }
    assert cuts[1] == {
        "at": 0.5,
        "point": [0.5, 1],
        "texts": {
            "precision": "0.67",
            "recall": "1.00",
            "f1": "0.80",
            "false_alarm_rate": "0.50",
            "quiet": "1",
            "false_alarms": "1",
            "missed": "0",
            "found": "2",
        },
        "summary": "2 of 2 abnormal clips found, 1 of 2 normal clips raise a false alarm",
    }
    unnamed = _Axis(clips.is_anomaly, scores, {})
    assert _drawing(clips, scores, unnamed)["marks_height"] == 0
    assert _detector_data(clips, scores, unnamed, None)["first"] == 2.5
    apart = _Axis(clips.is_anomaly, np.array([0.0, 90, 1, 4]), {})
    assert _drawing(clips, scores, apart)["stretched"]


def test_before_a_detector_is_chosen_there_is_a_picture_of_each():
    # Louder noise would be as bright as a picture gets.
    quiet = replace(FEW, audio=0.001 * FEW.audio)
    page = BeautifulSoup(explorer(quiet, maps=None).html, "html.parser")
    assert pixels(page.img["src"]).shape == (900, 400, 3)
    assert page.select_one(".esa4-hit")["r"] == "13"
    shown = page.select_one("[data-part=spectrogram]")["src"]
    first, *_, last = spectrogram_pictures(quiet.test.audio, FEW.sr)
    assert shown == first != last
    assert not page.select("[data-part=map]")
    one = explorer(FEW, scores={"one": np.arange(4.0)}, maps=None, thresholds=None)
    page = BeautifulSoup(one.html, "html.parser")
    assert pixels(page.img["src"]).shape == (300, 400, 3)


def test_names_of_thresholds_never_overlap():
    named = {"known": 0.0, "a longer name": 0.01, "gamma": 0.02, "far": 1.0}
    marks = _Axis(np.arange(4) < 2, np.arange(4.0), named).marks()
    assert [mark["name"] for mark in marks] == list(named)
    for one, other in combinations(marks, 2):
        room = 7 * (len(one["name"]) + len(other["name"])) / 2
        apart = abs(one["middle"] - other["middle"])
        assert one["line"] != other["line"] or apart >= room


@pytest.fixture(scope="module")
def page(shared, fragments):
    page = shared(fragments["explorer"], has_touch=True)
    page.evaluate(
        """() => {
            const one = (selector) => document.querySelector(`#explorer ${selector}`);
            const middle = (element) => {
                const { x, width } = element.getBoundingClientRect();
                return x + width / 2;
            };
            window.shown = () => {
                const numbers = {};
                for (const row of document.querySelectorAll("#explorer tbody tr")) {
                    numbers[row.querySelector("th").textContent] =
                        [...row.querySelectorAll("td")].map((cell) => cell.textContent);
                }
                const point = one(".esa4-point");
                const slider = one("input");
                const share = (slider.value - slider.min) / (slider.max - slider.min);
                const { x, width, height } = slider.getBoundingClientRect();
                return {
                    detector: one("select").selectedOptions[0].text,
                    numbers,
                    point: [point.getAttribute("cx"), point.getAttribute("cy")].map(Number),
                    spoken: slider.getAttribute("aria-valuetext"),
                    line: middle(one("[data-axis]:not([hidden]) .esa4-threshold")),
                    // The handle is as wide as the slider is high.
                    handle: x + height / 2 + share * (width - height),
                };
            };
            window.places = () =>
                [...document.querySelectorAll("[data-axis]:not([hidden]) .esa4-dot")].map(
                    (dot) => [dot.getAttribute("aria-label"), middle(dot)]);
        }"""
    )
    return page


def expected_numbers(scores: np.ndarray, threshold: float) -> dict[str, list[str]]:
    report = alarm_report(TEST.is_anomaly, scores, threshold)
    precision = report["precision"]
    alarm, abnormal = scores > threshold, TEST.is_anomaly
    return {
        "normal": [str((~alarm & ~abnormal).sum()), str((alarm & ~abnormal).sum())],
        "abnormal": [str((~alarm & abnormal).sum()), str((alarm & abnormal).sum())],
        "Precision": ["NaN (no alarm)" if np.isnan(precision) else f"{precision:.2f}"],
        "Recall": [f"{report['recall']:.2f}"],
        "F1": [f"{report['f1']:.2f}"],
        "False-alarm rate": [f"{report['false_alarm_rate']:.2f}"],
        "AUC (any threshold)": [f"{auc(abnormal, scores):.2f}"],
    }


def assert_agrees(seen: list[dict], detector: str) -> None:
    """Compare what was shown at each threshold, from the lowest up, with Python."""
    scores = SCORES[detector]
    for shown, threshold in zip(seen, _stops(detector), strict=True):
        assert shown["detector"] == detector
        assert shown["numbers"] == expected_numbers(scores, threshold)
        assert shown["spoken"].startswith(f"threshold {threshold:.4g}: ")
        report = alarm_report(TEST.is_anomaly, scores, threshold)
        assert shown["point"] == [report["false_alarm_rate"], report["recall"]]
        assert shown["handle"] == pytest.approx(shown["line"], abs=0.6)


def _stops(detector: str) -> list[float]:
    named = THRESHOLDS.get(detector, {}).values()
    return sorted({*_thresholds(SCORES[detector]), *named})


@pytest.mark.parametrize("detector", SCORES)
def test_it_agrees_with_python_at_every_stop_by_keyboard(page, detector):
    page.get_by_label("Detector:").select_option(detector)
    slider = page.get_by_label("Threshold:")
    slider.press("Home")
    seen = [page.evaluate("shown()")]
    for _ in _stops(detector)[1:]:
        page.keyboard.press("ArrowRight")
        seen.append(page.evaluate("shown()"))
    assert_agrees(seen, detector)
    slider.press("ArrowLeft")
    slider.press("End")
    assert page.evaluate("shown()") == seen[-1]
    slider.press("ArrowDown")
    assert page.evaluate("shown()") == seen[-2]


def assert_line_at(page, x: float) -> None:
    """The line stands where the pointer is, and the numbers are those of that place."""
    shown = page.evaluate("shown()")
    assert shown["line"] == pytest.approx(x, abs=1)
    assert shown["handle"] == pytest.approx(x, abs=1)
    right = [label for label, place in page.evaluate("places()") if place > x]
    found = sum(", abnormal," in label for label in right)
    assert shown["numbers"]["abnormal"][1] == str(found)
    assert shown["numbers"]["normal"][1] == str(len(right) - found)


def axis_box(page) -> dict[str, float]:
    return page.locator("[data-axis]:visible svg").bounding_box()


# Not in the middle between two scores, and not at a score.
SHARES = (0.33, 0.78, 0.12)


@pytest.mark.parametrize("detector", ["ties", "negative"])
def test_the_line_can_be_dragged_and_follows_a_click(page, detector):
    page.get_by_label("Detector:").select_option(detector)
    box = axis_box(page)
    y = box["y"] + 3
    page.mouse.move(page.evaluate("shown().line"), y)
    page.mouse.down()
    for share in SHARES:
        x = box["x"] + share * box["width"]
        page.mouse.move(x, y + 40, steps=3)
        assert_line_at(page, x)
    page.mouse.up()
    page.mouse.move(box["x"] + 0.9 * box["width"], y)
    assert_line_at(page, x)
    page.mouse.click(box["x"] + 0.55 * box["width"], y)
    assert_line_at(page, box["x"] + 0.55 * box["width"])


def test_the_slider_is_the_axis(page):
    page.get_by_label("Detector:").select_option("ties")
    box = page.get_by_label("Threshold:").bounding_box()
    for share in SHARES:
        x = box["x"] + share * box["width"]
        page.mouse.click(x, box["y"] + box["height"] / 2)
        assert_line_at(page, x)


def test_fingers_move_the_line(page):
    page.get_by_label("Detector:").select_option("ties")
    box = axis_box(page)
    x, y = box["x"] + 0.37 * box["width"], box["y"] + 3
    page.touchscreen.tap(x, y)
    assert_line_at(page, x)
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict) -> None:
        finger.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)}
        )

    touch("touchStart", {"x": x, "y": y})
    for share in (0.45, 0.55, 0.68):
        x = box["x"] + share * box["width"]
        touch("touchMove", {"x": x, "y": y})
    touch("touchEnd")
    assert_line_at(page, x)


def test_a_dot_can_be_dragged_across_and_then_does_not_play(page):
    page.get_by_label("Detector:").select_option("negative")
    box = axis_box(page)
    dot = page.locator("[data-axis]:visible .esa4-dot").nth(2)
    dot_box = dot.bounding_box()
    page.mouse.move(dot_box["x"] + 13, dot_box["y"] + 13)
    page.mouse.down()
    x = box["x"] + 0.42 * box["width"]
    page.mouse.move(x, dot_box["y"] + 13, steps=4)
    page.mouse.up()
    assert_line_at(page, x)
    assert dot.get_attribute("aria-pressed") == "false"


def curve_place(page, false_alarm_rate: float, recall: float) -> tuple[float, float]:
    box = page.locator(".esa4-roc").bounding_box()
    scale = box["width"] / 240
    return (
        box["x"] + scale * (32 + 200 * false_alarm_rate),
        box["y"] + scale * (208 - 200 * recall),
    )


@pytest.mark.parametrize("how", ["mouse", "finger"])
@pytest.mark.parametrize("detector", ["ties", "negative"])
def test_a_point_of_the_roc_sets_its_threshold(page, detector, how):
    page.get_by_label("Detector:").select_option(detector)
    scores = SCORES[detector]
    for threshold in _thresholds(scores):
        report = alarm_report(TEST.is_anomaly, scores, threshold)
        place = curve_place(page, report["false_alarm_rate"], report["recall"])
        press = page.mouse.click if how == "mouse" else page.touchscreen.tap
        press(*place)
        shown = page.evaluate("shown()")
        assert shown["numbers"] == expected_numbers(scores, threshold)
        assert shown["spoken"].startswith(f"threshold {threshold:.4g}: ")


def test_the_roc_answers_to_the_keyboard(page):
    page.get_by_label("Detector:").select_option("ties")
    curve = page.locator(".esa4-roc")
    curve.press("Home")
    assert page.evaluate("shown().point") == [0, 0]
    for threshold in _thresholds(SCORES["ties"])[-2::-1]:
        page.keyboard.press("ArrowRight")
        shown = page.evaluate("shown()")
        assert shown["numbers"] == expected_numbers(SCORES["ties"], threshold)
        report = alarm_report(TEST.is_anomaly, SCORES["ties"], threshold)
        assert curve.get_attribute("aria-valuetext") == (
            f"recall {report['recall']:.2f} at a false-alarm rate of "
            f"{report['false_alarm_rate']:.2f}"
        )
    assert curve.get_attribute("aria-valuenow") == curve.get_attribute("aria-valuemax")


@pytest.mark.parametrize("how", ["click", "tap", "Enter"])
def test_named_thresholds_are_one_press_away(page, how):
    page.get_by_label("Detector:").select_option("ties")
    assert page.locator("[data-preset]:visible").count() == 0
    page.get_by_label("Detector:").select_option("negative")
    # The first one is where it opens.
    expected = list(THRESHOLDS["negative"].items())
    first = page.get_by_role("button", name=expected[0][0])
    assert first.get_attribute("aria-pressed") == "true"
    marks = texts(page, "[data-axis]:not([hidden]) text")
    assert sorted(marks) == sorted(THRESHOLDS["negative"])
    for name, threshold in reversed(expected):
        button = page.get_by_role("button", name=name)
        button.press(how) if how == "Enter" else getattr(button, how)()
        shown = page.evaluate("shown()")
        assert shown["numbers"] == expected_numbers(SCORES["negative"], threshold)
        assert shown["spoken"].startswith(f"threshold {threshold:.4g}: ")
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator('[data-preset][aria-pressed="true"]:visible').count() == 1


def test_the_line_touches_no_label(page):
    page.get_by_label("Detector:").select_option("negative")
    touched = """() => {
        const axis = document.querySelector("[data-axis]:not([hidden])");
        const line = axis.querySelector(".esa4-threshold").getBoundingClientRect();
        return [...axis.querySelectorAll("text")].filter((text) => {
            const { left, right, bottom } = text.getBoundingClientRect();
            return left <= line.right && right >= line.left && bottom > line.top;
        }).length;
    }"""
    for name in THRESHOLDS["negative"]:
        page.get_by_role("button", name=name).click()
        assert page.evaluate(touched) == 0


def test_slider_and_numbers_are_in_one_view_on_a_phone(show, fragments):
    page = show(fragments["explorer"], viewport={"width": 390, "height": 800})
    top = page.locator("[data-axis]:visible").bounding_box()["y"]
    slider = page.get_by_label("Threshold:").bounding_box()
    last = page.locator("tr:has-text('AUC')").bounding_box()
    assert top < slider["y"] < last["y"] + last["height"] < top + 800


@pytest.mark.parametrize(
    "number",
    [
        0,
        -1,
        0.1,
        1234.56,
        -12345.6,
        99999,
        0.0001,
        0.00012345,
        0.000099999,
        5e-324,
        1e16,
    ],
)
def test_numbers_are_written_as_in_python(browser_script, number):
    assert browser_script(f"fourDigits({number!r})") == f"{number:.4g}"


def test_dots_right_of_the_line_are_the_alarms(page):
    page.get_by_label("Detector:").select_option("negative")
    n_right = page.locator("[data-axis]:visible").evaluate(
        """axis => {
            const line = axis.querySelector(".esa4-threshold").getBoundingClientRect().x;
            return [...axis.querySelectorAll(".esa4-dot")].filter((dot) => {
                const { x, width } = dot.getBoundingClientRect();
                return x + width / 2 > line;
            }).length;
        }"""
    )
    numbers = page.evaluate("shown().numbers")
    assert n_right == int(numbers["normal"][1]) + int(numbers["abnormal"][1])


@pytest.mark.parametrize("how", ["click", "Enter", "Space"])
def test_dots_play_their_clip_and_show_its_pictures(page, how):
    page.get_by_label("Detector:").select_option("negative")
    dot = page.get_by_role("button", name=f"{TEST.names[7]}, normal, score -2.333")
    dot.click() if how == "click" else dot.press(how)
    wait_for_sound(page, "explorer")
    # Before all else, as the clip takes 2.5 s only.
    both = heads(page, "explorer")
    assert len(both) == 2
    assert both[0] == both[1]
    page.wait_for_selector('.esa4-dot[aria-pressed="true"]', state="attached")
    assert dot.get_attribute("aria-pressed") == "true"
    assert heard(page, "explorer") == address_of(TEST, 7)
    assert page.get_by_alt_text(f"Log-mel spectrogram of {TEST.names[7]}").is_visible()
    anomaly_map = page.get_by_alt_text(f"Anomaly map of {TEST.names[7]}")
    assert anomaly_map.is_visible()
    drawn = scaled_maps(MAPS)
    for i, kind in ((1, "own"), (0, "common")):
        page.get_by_label("Colours of the map").select_option(index=i)
        assert anomaly_map.get_attribute("src") == drawn[kind]["pictures"][7]
    dot.press("Enter")
    page.wait_for_selector('.esa4-dot[aria-pressed="true"]', state="detached")
    # What is shown below stays marked.
    page.keyboard.press("Tab")
    ring = dot.locator(".esa4-hit")
    assert ring.evaluate("ring => getComputedStyle(ring).stroke") != "none"
    assert page.locator(".esa4-dot.esa4-chosen:visible").count() == 1
    # The other detectors have no map.
    page.get_by_label("Detector:").select_option("ties")
    assert not anomaly_map.is_visible()
    assert page.get_by_alt_text(f"Log-mel spectrogram of {TEST.names[7]}").is_visible()
