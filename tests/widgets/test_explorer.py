from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from bs4 import BeautifulSoup

from esa4_helpers import alarm_report, auc
from esa4_helpers.widgets._shared import scaled_maps
from esa4_helpers.widgets.explorer import _Axis, _lanes, _thresholds

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
    texts,
    wait_for_sound,
)


@pytest.mark.parametrize(
    "scores",
    [
        *SCORES.values(),
        [1.0, np.nextafter(1, 2), 1e300],
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
        ({"maps": {"x": MAPS[:4]}}, ValueError, "one of 'x'"),
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
    both = heads(page, "explorer")
    assert len(both) == 2
    assert both[0] == both[1]
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
