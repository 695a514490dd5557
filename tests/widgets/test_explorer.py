from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from esa4_helpers import alarm_report, auc
from esa4_helpers.widgets.explorer import _lanes, _thresholds

from .pages import (
    FEW,
    MAPS,
    RANDOM,
    SCORES,
    TEST,
    address_of,
    explorer,
    heads,
    heard,
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
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        explorer(FEW, **changes)


@pytest.fixture(scope="module")
def page(shared, fragments):
    page = shared(fragments["explorer"])
    page.evaluate(
        """() => {
            const one = (selector) => document.querySelector(`#explorer ${selector}`);
            window.shown = () => {
                const numbers = {};
                for (const row of document.querySelectorAll("#explorer tbody tr")) {
                    numbers[row.querySelector("th").textContent] =
                        [...row.querySelectorAll("td")].map((cell) => cell.textContent);
                }
                const point = one(".esa4-point");
                return {
                    detector: one("select").selectedOptions[0].text,
                    numbers,
                    point: [point.getAttribute("cx"), point.getAttribute("cy")].map(Number),
                    spoken: one("input").getAttribute("aria-valuetext"),
                };
            };
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
    for shown, threshold in zip(seen, _thresholds(scores), strict=True):
        assert shown["detector"] == detector
        assert shown["numbers"] == expected_numbers(scores, threshold)
        assert shown["spoken"].startswith(f"threshold {threshold:.4g}: ")
        report = alarm_report(TEST.is_anomaly, scores, threshold)
        assert shown["point"] == [report["false_alarm_rate"], report["recall"]]


def test_it_agrees_with_python_at_every_threshold_by_keyboard(page):
    detector = "negative"
    select, slider = page.get_by_label("Detector:"), page.get_by_label("Threshold:")
    select.select_option("ties")
    select.press("ArrowDown")
    slider.press("Home")
    # After the widget's own listener, which shows the numbers.
    slider.evaluate(
        """slider => {
            window.seen = [shown()];
            slider.addEventListener("input", () => seen.push(shown()));
        }"""
    )
    for _ in _thresholds(SCORES[detector])[1:]:
        page.keyboard.press("ArrowRight")
    assert_agrees(page.evaluate("seen"), detector)


@pytest.mark.parametrize("detector", ["ties", "same"])
def test_it_agrees_with_python_at_every_threshold(page, detector):
    page.get_by_label("Detector:").select_option(detector)
    seen = page.get_by_label("Threshold:").evaluate(
        """slider => [...Array(Number(slider.max) + 1).keys()].map((place) => {
            slider.value = place;
            slider.dispatchEvent(new Event("input"));
            return shown();
        })"""
    )
    assert_agrees(seen, detector)


def test_it_follows_the_mouse(page):
    page.get_by_label("Detector:").select_option("ties")
    box = page.get_by_label("Threshold:").bounding_box()
    thresholds = _thresholds(SCORES["ties"])
    for share, threshold in ((0.01, thresholds[0]), (0.99, thresholds[-1])):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        shown = page.evaluate("shown().numbers")
        assert shown == expected_numbers(SCORES["ties"], threshold)


def test_dots_right_of_the_line_are_the_alarms(page):
    page.get_by_label("Detector:").select_option("negative")
    n_right = page.locator('[data-axis="1"]').evaluate(
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
    page.wait_for_selector('[aria-pressed="true"]', state="attached")
    assert dot.get_attribute("aria-pressed") == "true"
    assert heard(page, "explorer") == address_of(TEST, 7)
    assert page.get_by_alt_text(f"Log-mel spectrogram of {TEST.names[7]}").is_visible()
    anomaly_map = page.get_by_alt_text(f"Anomaly map of {TEST.names[7]}")
    assert anomaly_map.is_visible()
    both = heads(page, "explorer")
    assert len(both) == 2
    assert both[0] == both[1]
    dot.press("Enter")
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    # The other detectors have no map.
    page.get_by_label("Detector:").select_option("ties")
    assert not anomaly_map.is_visible()
    assert page.get_by_alt_text(f"Log-mel spectrogram of {TEST.names[7]}").is_visible()
