"""The interactive parts: what Python writes, and what a browser makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import combinations
from math import comb
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from browser import barriers, chromium, complaints, overflow

import esa4_helpers
from esa4_helpers import alarm_report, auc, make_synthetic_dataset, permutation_p_value
from esa4_helpers.interactive import (
    ClipGallery,
    ErrorMapViewer,
    ListeningTest,
    ThresholdExplorer,
    _lanes,
    _thresholds,
)

STATIC = Path(esa4_helpers.__file__).parent / "static"
CLIPS = make_synthetic_dataset(n_train=2, sr=22050)
TEST = CLIPS.test
N = len(TEST)
RANDOM = np.random.default_rng(0)
SCORES = {
    "ties": np.array([2.0, 1, 1, 0.5, 1, 1, 0, 0.5, 1, 0.25]),
    "negative": -np.arange(N) / 3,
    "same": np.full(N, 1e16),
}
MAPS = RANDOM.random((N, 8, 10))
NASTY = '</script><b onclick="alert(1)">&amp; it\'s'


def gallery(**changes: object) -> ClipGallery:
    arguments = {
        "audio": CLIPS.audio,
        "sr": CLIPS.sr,
        "names": CLIPS.names,
        "groups": {"train": CLIPS.is_train, "test": ~CLIPS.is_train},
        "sort_keys": {"age": np.arange(len(CLIPS))[::-1] % 5 - 2.0},
    }
    return ClipGallery(**arguments | changes)


def explorer(**changes: object) -> ThresholdExplorer:
    arguments = {
        "labels": TEST.is_anomaly,
        "scores": SCORES,
        "audio": TEST.audio,
        "sr": TEST.sr,
        "names": TEST.names,
        "maps": {"negative": MAPS},
    }
    return ThresholdExplorer(**arguments | changes)


def listening(**changes: object) -> ListeningTest:
    arguments = {
        "train_audio": CLIPS.train.audio,
        "test_audio": TEST.audio,
        "sr": TEST.sr,
        "labels": TEST.is_anomaly,
        "scores": SCORES,
    }
    return ListeningTest(**arguments | changes)


def errormaps(**changes: object) -> ErrorMapViewer:
    arguments = {
        "spectrograms": MAPS,
        "reconstructions": 1 - MAPS,
        "errors": (2 * MAPS - 1) ** 2,
        "audio": TEST.audio,
        "sr": TEST.sr,
        "names": TEST.names,
    }
    return ErrorMapViewer(**arguments | changes)


MAKERS = (gallery, explorer, listening, errormaps)


@pytest.fixture(scope="module")
def fragments() -> dict[str, str]:
    """Each widget's HTML, by its id."""
    widgets = [make() for make in MAKERS]
    return {widget.id: widget._repr_html_() for widget in widgets}


# What Python writes.


@pytest.mark.parametrize("make", MAKERS)
def test_same_input_gives_the_same_bytes_whatever_the_style(make, fragments):
    esa4_helpers.set_style()
    plt.rcParams["font.size"] = 20
    again = make()
    plt.rcdefaults()
    assert again._repr_html_() == fragments[again.id]
    assert plt.get_fignums() == []


def test_styles_and_script_stay_small():
    sizes = {path.name: path.stat().st_size for path in STATIC.glob("interactive.*")}
    assert set(sizes) == {"interactive.css", "interactive.js"}
    assert sum(sizes.values()) < 30_000


READ_OUT = ("alt", "aria-label")


class Reader(HTMLParser):
    """Collects the tags of a page, and all texts and descriptions to be read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append(tag)
        self.texts += [value for name, value in attributes if name in READ_OUT]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("make", [gallery, explorer, errormaps])
def test_names_are_text_and_never_html(make, fragments):
    n_clips = len(CLIPS) if make is gallery else N
    widget = make(names=[NASTY] * n_clips)
    page = Reader(widget._repr_html_())
    assert page.tags == Reader(fragments[widget.id]).tags
    assert any(NASTY in text for text in page.texts)


def test_names_of_groups_keys_and_detectors_are_text_too(fragments):
    one = np.ones(len(CLIPS))
    widgets = [
        gallery(groups={NASTY: one}, sort_keys={NASTY: one}),
        explorer(scores={NASTY: SCORES["ties"], "$_$": SCORES["same"]}, maps={}),
        listening(scores={NASTY: SCORES["ties"]}),
        errormaps(unit=NASTY, error_unit=NASTY),
    ]
    for widget in widgets:
        page = Reader(widget._repr_html_())
        assert "b" not in page.tags
        assert page.tags.count("script") == 2
        assert any(NASTY in text for text in page.texts)


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_in_it_leads_elsewhere(make, fragments):
    widget = make()
    page = fragments[widget.id]
    assert "://" not in page
    assert all(
        address.startswith("data:")
        for address in re.findall(r'\b(?:src|href)="([^"]*)', page)
    )
    assert repr(widget) == f"{type(widget).__name__}(id='{widget.id}')"


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


ONE_BAD = np.where(np.arange(N) == 3, np.nan, 1.0)


@pytest.mark.parametrize(
    ("make", "changes", "error", "message"),
    [
        (gallery, {"id": "a b"}, ValueError, "id must start with a letter"),
        (gallery, {"id": 3}, TypeError, "id must be a text"),
        (gallery, {"audio": CLIPS.audio[0]}, ValueError, "audio must have the shape"),
        (gallery, {"sr": 0}, ValueError, "sr must be above 0"),
        (gallery, {"names": ["a"]}, ValueError, "names has 1 entries for 12 clips"),
        (gallery, {"names": "abc"}, TypeError, "names must be a sequence of texts"),
        (gallery, {"groups": ["train"]}, TypeError, "groups must map"),
        (gallery, {"groups": {"a": [1]}}, ValueError, r"groups\['a'\] must have one"),
        (gallery, {"groups": {"a": CLIPS.is_train}}, ValueError, "each clip once"),
        (gallery, {"sort_keys": {"a": [1]}}, ValueError, r"sort_keys\['a'\] must have"),
        (gallery, {"vmin": 0.0}, ValueError, "vmin must not be above vmax"),
        (gallery, {"vmax": np.inf}, ValueError, "vmax must be finite"),
        (gallery, {"gain_db": 60.0}, ValueError, "at a gain of 60 dB"),
        (explorer, {"labels": [0, 2]}, ValueError, "labels must have one entry"),
        (explorer, {"labels": np.zeros(N)}, ValueError, "normal and abnormal"),
        (explorer, {"scores": {}}, ValueError, "scores must hold at least one"),
        (explorer, {"scores": {"a": ONE_BAD}}, ValueError, r"scores\['a'\] holds NaN"),
        (explorer, {"maps": {"x": MAPS}}, ValueError, "one of 'x'"),
        (explorer, {"maps": {"ties": MAPS[:3]}}, ValueError, r"maps\['ties'\] has 3"),
        (listening, {"train_audio": CLIPS.audio[:, :9]}, ValueError, "the same length"),
        (listening, {"scores": {1: [0]}}, TypeError, "scores must map a text"),
        (errormaps, {"errors": MAPS[:, :2]}, ValueError, "errors must have the shape"),
        (errormaps, {"reconstructions": MAPS[0]}, ValueError, "reconstructions must"),
        (errormaps, {"max_error": -1.0}, ValueError, "vmin must not be above vmax"),
    ],
)
def test_bad_input_is_named(make, changes, error, message):
    with pytest.raises(error, match=message):
        make(**changes)


def test_no_listening_test_that_a_browser_could_not_count():
    audio = np.zeros((22, 4096))
    labels = np.arange(22) % 2
    with pytest.raises(ValueError, match=f"{comb(22, 11)} ways, more than"):
        ListeningTest(audio[:1], audio, 16000, labels, {"a": labels})


# What a browser makes of it.

THEMES = {
    "light": ("", "#fff"),
    "site, dark": ('data-theme="dark"', "#14181e"),
    "Colab, dark": ('theme="dark"', "#383838"),
}


def whole_page(*fragments: str, theme: str = "light") -> str:
    attribute, ground = THEMES[theme]
    return (
        f'<!doctype html><html lang="en" {attribute}><head><title>Test</title>'
        '<meta name="viewport" content="width=device-width"></head>'
        f'<body style="background: {ground}"><main>{"".join(fragments)}</main></body></html>'
    )


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with chromium() as browser:
        yield browser


@pytest.fixture
def show(browser, fragments) -> Iterator[Callable]:
    """Open a page with these widgets; nothing may go wrong there, nor be loaded."""
    contexts, wrong = [], []

    def open_page(*ids: str, theme: str = "light", **settings: object):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(5000)
        wrong.append(complaints(page))
        page.set_content(whole_page(*(fragments[id] for id in ids), theme=theme))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not any(wrong)


def wait_for_sound(page, id: str) -> None:
    """Wait until the widget's clip has got on a little."""
    page.wait_for_function(
        f"""() => {{
            const audio = document.querySelector("#{id} audio");
            return !audio.paused && audio.currentTime > 0.05;
        }}"""
    )


def playing(page, id: str) -> bool:
    return page.evaluate(f'!document.querySelector("#{id} audio").paused')


def heads(page, id: str) -> list[str]:
    return page.eval_on_selector_all(
        f"#{id} .esa4-head:not([hidden])", "heads => heads.map(head => head.style.left)"
    )


def texts(page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


@pytest.mark.parametrize("how", ["click", "Enter", "Space"])
def test_gallery_plays_one_clip_at_a_time(show, how):
    page = show("gallery")

    def choose(clip: int) -> None:
        tile = page.locator(f'[data-clip="{clip}"]')
        tile.click() if how == "click" else tile.press(how)

    choose(3)
    wait_for_sound(page, "gallery")
    assert len(heads(page, "gallery")) == 1
    choose(5)
    wait_for_sound(page, "gallery")
    pressed = page.locator('[aria-pressed="true"]')
    assert pressed.get_attribute("data-clip") == "5"
    assert len(heads(page, "gallery")) == 1
    choose(5)
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    assert not playing(page, "gallery")


def test_playhead_leaves_at_the_end(show):
    page = show("gallery")
    page.locator('[data-clip="0"]').click()
    wait_for_sound(page, "gallery")
    page.evaluate("document.querySelector('audio').currentTime = 2.4")
    page.wait_for_function("document.querySelector('audio').ended")
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    assert heads(page, "gallery") == []


def test_gallery_sorts_each_group(show):
    page = show("gallery")

    def names(group: int) -> list[str]:
        return texts(page, f"#gallery-group-{group} + ul span[aria-hidden]")

    train = [
        name for name, first in zip(CLIPS.names, CLIPS.is_train, strict=True) if first
    ]
    test = sorted(set(CLIPS.names) - set(train))
    assert (names(0), names(1)) == (train, test)
    page.get_by_label("Sort by").select_option("age (low to high)")
    age = dict(zip(CLIPS.names, np.arange(len(CLIPS))[::-1] % 5 - 2, strict=True))
    assert (names(0), names(1)) == tuple(sorted(g, key=age.get) for g in (train, test))
    shown = texts(page, "#gallery-group-1 + ul .esa4-value")
    assert list(map(float, shown)) == sorted(age[name] for name in test)


def shown_numbers(page) -> dict[str, str]:
    rows = page.locator("#explorer table tr:has(th[scope=row])").all()
    return {
        row.locator("th").text_content(): row.locator("td").all_text_contents()
        for row in rows
    }


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


def test_explorer_agrees_with_python_at_every_threshold_by_keyboard(show):
    page = show("explorer")
    slider, select = page.get_by_label("Threshold:"), page.get_by_label("Detector:")
    page.keyboard.press("Tab")
    for detector, scores in SCORES.items():
        assert select.evaluate("select => select.selectedOptions[0].text") == detector
        slider.press("Home")
        for threshold in _thresholds(scores):
            assert shown_numbers(page) == expected_numbers(scores, threshold)
            spoken = slider.get_attribute("aria-valuetext")
            assert spoken.startswith(f"threshold {threshold:.4g}: ")
            report = alarm_report(TEST.is_anomaly, scores, threshold)
            point = page.locator("#explorer .esa4-point")
            place = [float(point.get_attribute(name)) for name in ("cx", "cy")]
            assert place == [report["false_alarm_rate"], report["recall"]]
            slider.press("ArrowRight")
        select.press("ArrowDown")


def test_explorer_follows_the_mouse(show):
    page = show("explorer")
    box = page.get_by_label("Threshold:").bounding_box()
    thresholds = _thresholds(SCORES["ties"])
    for share, threshold in ((0.01, thresholds[0]), (0.99, thresholds[-1])):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert shown_numbers(page) == expected_numbers(SCORES["ties"], threshold)
    page.get_by_label("Detector:").select_option("negative")
    dots = page.locator('[data-axis="1"] .esa4-dot')
    x = page.locator('[data-axis="1"] .esa4-threshold').bounding_box()["x"]
    n_right = sum(
        dot.bounding_box()["x"] + dot.bounding_box()["width"] / 2 > x
        for dot in dots.all()
    )
    numbers = shown_numbers(page)
    assert n_right == int(numbers["normal"][1]) + int(numbers["abnormal"][1])


@pytest.mark.parametrize("how", ["click", "Enter", "Space"])
def test_dots_play_their_clip_and_show_its_pictures(show, how):
    page = show("explorer")
    page.get_by_label("Detector:").select_option("negative")
    dot = page.get_by_role("button", name=f"{TEST.names[7]}, normal, score -2.333")
    dot.click() if how == "click" else dot.press(how)
    wait_for_sound(page, "explorer")
    assert dot.get_attribute("aria-pressed") == "true"
    assert page.get_by_alt_text(f"Log-mel spectrogram of {TEST.names[7]}").is_visible()
    anomaly_map = page.get_by_alt_text(f"Anomaly map of {TEST.names[7]}")
    assert anomaly_map.is_visible()
    both = heads(page, "explorer")
    assert len(both) == 2
    assert both[0] == both[1]
    # The other detectors have no map.
    page.get_by_label("Detector:").select_option("ties")
    assert not anomaly_map.is_visible()
    assert page.get_by_alt_text(f"Log-mel spectrogram of {TEST.names[7]}").is_visible()


@pytest.mark.parametrize("ratings", [[90, 10, 50, 80, 50, 50, 20, 80, 0, 0], [50] * 10])
def test_listening_agrees_with_python(show, ratings):
    page = show("listening")
    compare = page.get_by_role("button", name="Compare")
    rows = page.locator("[data-row]")
    for row in rows.all():
        assert compare.is_disabled()
        row.get_by_role("button").click()
    page.wait_for_selector("[data-part=compare]:enabled")
    for row, rating in zip(rows.all(), ratings, strict=True):
        row.get_by_role("slider").fill(str(rating))
    assert texts(page, "[data-row] output") == list(map(str, ratings))
    assert rows.first.get_attribute("data-clip") is None
    compare.click()
    order = [int(row.get_attribute("data-clip")) for row in rows.all()]
    assert sorted(order) == list(range(N))
    labels = TEST.is_anomaly[order]
    p = permutation_p_value(labels, ratings)
    sentence = page.locator("[data-part=sentence]").text_content()
    assert f"Your AUC is {auc(labels, ratings):.2f}. There are 252 ways" in sentence
    assert f"in {round(p * 252)} of 252 ways: p = {p:.3f}." in sentence
    assert [
        text.endswith("was abnormal") for text in texts(page, ".esa4-truth")
    ] == list(labels)
    assert texts(page, "#listening td") == [
        f"{auc(labels, ratings):.2f}",
        *(f"{auc(TEST.is_anomaly, scores):.2f}" for scores in SCORES.values()),
    ]
    assert rows.first.get_by_role("slider").is_disabled()
    assert compare.is_disabled()


def test_listening_works_with_the_keyboard_alone(show):
    page = show("listening")
    for i in range(len(CLIPS.train)):
        page.keyboard.press("Tab")
        assert (
            page.evaluate("document.activeElement.textContent")
            == f"Play normal clip {i + 1}"
        )
    for _ in range(N):
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        wait_for_sound(page, "listening")
        page.keyboard.press("Tab")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
    assert texts(page, "[data-row] output") == ["99"] * N
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    # Who can't see the result appear is taken to it.
    assert page.evaluate("document.activeElement.dataset.part") == "results"
    assert page.locator("[data-part=results]").is_visible()


def test_listening_comes_in_another_order_each_time(show):
    def order() -> list[str]:
        page = show("listening")
        for row in page.locator("[data-row]").all():
            row.get_by_role("button").click()
        page.wait_for_selector("[data-part=compare]:enabled")
        page.locator("[data-part=compare]").click()
        return page.eval_on_selector_all(
            "[data-row]", "rows => rows.map(r => r.dataset.clip)"
        )

    assert order() != order()


def test_error_maps_follow_the_clip_and_the_sound(show):
    page = show("errormaps")
    images = page.locator("#errormaps img")

    def addresses() -> list[str]:
        return [image.get_attribute("src") for image in images.all()]

    first = addresses()
    assert len(set(first)) == 3
    page.get_by_label("Clip").select_option(TEST.names[4])
    assert not set(first) & set(addresses())
    for image in images.all():
        assert image.get_attribute("alt").endswith(f" of {TEST.names[4]}")
    button = page.get_by_role("button")
    button.press("Space")
    wait_for_sound(page, "errormaps")
    assert button.text_content() == "Pause"
    linked = heads(page, "errormaps")
    assert len(linked) == 3
    assert len(set(linked)) == 1
    page.get_by_label("Clip").select_option(TEST.names[0])
    page.wait_for_function("document.querySelector('audio').paused")
    assert button.text_content() == "Play"
    assert addresses() == first


def test_playhead_moves_steadily_or_in_jumps_where_that_is_wished(show):
    def places(motion: str) -> set[float]:
        page = show("gallery", reduced_motion=motion)
        page.locator('[data-clip="0"]').click()
        wait_for_sound(page, "gallery")
        found = set()
        for _ in range(16):
            found |= {float(left.rstrip("%")) for left in heads(page, "gallery")}
            page.wait_for_timeout(40)
        return found

    half_second = 100 * 0.5 / 2.5
    assert all(place % half_second == 0 for place in places("reduce"))
    assert len(places("no-preference")) > 5


def test_widgets_share_a_page_and_one_voice(show):
    page = show("gallery", "explorer", "errormaps", "listening")
    assert page.locator("audio").count() == 4
    page.locator('#gallery [data-clip="0"]').click()
    wait_for_sound(page, "gallery")
    page.locator("#errormaps button").click()
    wait_for_sound(page, "errormaps")
    assert not playing(page, "gallery")


@pytest.mark.parametrize("id", ["gallery", "explorer", "listening", "errormaps"])
def test_without_scripts_a_picture_with_a_description_remains(show, id):
    page = show(id, java_script_enabled=False)
    images = [image for image in page.locator(f"#{id} img").all() if image.is_visible()]
    assert images
    assert all(len(image.get_attribute("alt")) > 20 for image in images)
    # What would not answer is not shown.
    assert not any(c.is_visible() for c in page.locator("select, input").all())


@pytest.fixture(params=THEMES)
def used_page(request, show):
    """A page on a phone with all widgets, in which everything has been opened."""
    page = show(
        "gallery",
        "explorer",
        "listening",
        "errormaps",
        theme=request.param,
        viewport={"width": 390, "height": 800},
    )
    page.get_by_label("Detector:").select_option("negative")
    page.locator('[data-axis="1"] .esa4-dot').first.press("Enter")
    for row in page.locator("[data-row]").all():
        row.get_by_role("button").click()
    page.wait_for_selector("[data-part=compare]:enabled")
    page.locator("[data-part=compare]").click()
    return page


def test_everyone_can_use_it_on_a_phone(used_page):
    assert barriers(used_page) == []
    assert overflow(used_page) <= 0
    controls = used_page.locator("button, select, input, [role=button]")
    for control in controls.all():
        if control.is_visible():
            box = control.bounding_box()
            assert min(box["width"], box["height"]) >= 24, control.evaluate(
                "e => e.outerHTML"
            )


def test_focus_can_be_seen(show):
    page = show("gallery", "explorer", "errormaps", "listening")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        kind, drawn = page.evaluate(
            """() => {
                const focused = document.activeElement;
                const hit = focused.querySelector(".esa4-hit");
                const style = getComputedStyle(hit ?? focused);
                const drawn = hit ? style.strokeWidth : style.outlineWidth;
                return [focused.localName, drawn];
            }"""
        )
        if kind != "body":
            assert drawn == "3px", kind
            seen.add(kind)
    assert seen == {"button", "select", "input", "g"}
