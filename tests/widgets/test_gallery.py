from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from bs4 import BeautifulSoup

from esa4_helpers.widgets.gallery import _by_number, _style

from .pages import (
    CLIPS,
    FEW,
    address_of,
    gallery,
    heads,
    heard,
    playing,
    texts,
    wait_for_sound,
)

NAME = ".esa4-symbol + span"
AGE = dict(zip(CLIPS.names, np.arange(len(CLIPS))[::-1] % 5 - 2.0, strict=True))


@pytest.fixture(scope="module")
def page(shared, fragments):
    return shared(fragments["gallery"])


def groups_of(html: str) -> dict[str, list[str]]:
    """The names of the clips below each title."""
    page = BeautifulSoup(html, "html.parser")
    return {
        page.find(id=tiles["aria-labelledby"]).text: [
            name.text for name in tiles.select(NAME)
        ]
        for tiles in page.select("[data-group] ul")
    }


@pytest.mark.parametrize(
    ("clips", "groups"),
    [
        (
            FEW,
            {
                "training, normal": ["clip e"],
                "test, normal": ["clip a", "clip c"],
                "test, abnormal": ["clip b", "clip d"],
            },
        ),
        (FEW.train, {"training, normal": ["clip e"]}),
        (
            replace(FEW, is_train=[0, 1, 0, 0, 0]),
            {
                "training, abnormal": ["clip b"],
                "test, normal": ["clip a", "clip c", "clip e"],
                "test, abnormal": ["clip d"],
            },
        ),
    ],
)
def test_each_clip_is_in_its_group_and_no_group_is_empty(clips, groups):
    shown = groups_of(gallery(clips)._repr_html_())
    assert shown == groups
    assert list(shown) == list(groups)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"a": [1]}, ValueError, r"sort_keys\['a'\] must have one entry for each of"),
        ({"a": [0, 1, 2, 3, np.nan]}, ValueError, r"sort_keys\['a'\] holds NaN"),
        ({1: np.zeros(5)}, TypeError, "sort_keys must map a text"),
        ([], TypeError, "sort_keys must map a text"),
    ],
)
def test_bad_sort_keys_are_named(keys, error, message):
    with pytest.raises(error, match=message):
        gallery(FEW, sort_keys=keys)


@pytest.mark.parametrize(
    ("largest", "style"),
    [
        (0, ".0f"),
        (0.0001, ".3g"),
        (0.001, ".5f"),
        (1, ".2f"),
        (99.9, ".1f"),
        (999, ".0f"),
        (99_999, ".0f"),
        (999_999, ".0f"),
        (1e6, ".3g"),
    ],
)
def test_of_the_largest_number_three_digits_are_shown(largest, style):
    assert _style(largest) == style


@pytest.mark.parametrize("how", ["click", "Enter", "Space"])
def test_it_plays_one_clip_at_a_time(page, how):
    def choose(clip: int) -> None:
        tile = page.locator(f'[data-clip="{clip}"]')
        tile.locator(NAME).click() if how == "click" else tile.press(how)

    choose(3)
    wait_for_sound(page, "gallery")
    assert len(heads(page, "gallery")) == 1
    choose(5)
    wait_for_sound(page, "gallery")
    pressed = page.locator('[aria-pressed="true"]')
    assert pressed.get_attribute("data-clip") == "5"
    assert heard(page, "gallery") == address_of(CLIPS, 5)
    assert len(heads(page, "gallery")) == 1
    choose(5)
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    assert not playing(page, "gallery")


def test_playhead_leaves_at_the_end(page):
    page.locator('[data-clip="0"]').press("Enter")
    wait_for_sound(page, "gallery")
    page.evaluate("document.querySelector('audio').currentTime = 2.4")
    page.wait_for_function("document.querySelector('audio').ended")
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    assert heads(page, "gallery") == []


def test_it_sorts_all_clips_or_each_group(page, fragments):
    def names(place: str) -> list[str]:
        return texts(page, f"#gallery {place} {NAME}")

    groups = list(groups_of(fragments["gallery"]).values())
    assert [names(f'[data-group="{i}"]') for i in range(3)] == groups
    sort = page.get_by_label("Sort by")
    sort.press("ArrowDown")
    assert sort.locator("option:checked").text_content() == "age (s) (low to high)"
    in_order = sorted(
        chain(*groups), key=lambda name: (AGE[name], CLIPS.names.index(name))
    )
    assert names("[data-part=all]") == in_order
    assert names("[data-group]") == []
    assert page.locator(".esa4-heading:visible").count() == 0
    shown = texts(page, "[data-part=all] .esa4-value")
    assert shown == [
        f"{AGE[name]:.2f} s".replace("-", "\N{MINUS SIGN}") for name in in_order
    ]
    kinds = {
        (train, abnormal): f"{'training' if train else 'test'}, "
        f"{'abnormal' if abnormal else 'normal'}"
        for train in (True, False)
        for abnormal in (True, False)
    }
    clips = [CLIPS.names.index(name) for name in in_order]
    said = [text.strip() for text in texts(page, "[data-part=all] .esa4-kind")]
    assert said == [kinds[CLIPS.is_train[i], CLIPS.is_anomaly[i]] for i in clips]
    assert page.locator(".esa4-kind:visible").count() == len(CLIPS)
    marks = page.locator("[data-part=all] .esa4-tile").evaluate_all(
        "tiles => tiles.map((tile) => tile.querySelector('.esa4-abnormal') !== null)"
    )
    assert marks == [CLIPS.is_anomaly[i] for i in clips]
    sort.select_option("name")
    assert [names(f'[data-group="{i}"]') for i in range(3)] == groups
    assert page.locator(".esa4-kind:visible").count() == 0


def test_two_comes_before_ten(shared):
    names = ["a_10", "2_b", "a_2", "a", "10"]
    page = shared(gallery(replace(FEW, names=names))._repr_html_())
    groups = [texts(page, f'[data-group="{i}"] {NAME}') for i in range(3)]
    assert groups == [["10"], ["a_2", "a_10"], ["2_b", "a"]]


@pytest.mark.parametrize(
    ("key", "values", "shown"),
    [
        (
            "RMS level (dB)",
            [-32.08, -5.0],
            ["\N{MINUS SIGN}32.1 dB", "\N{MINUS SIGN}5.0 dB"],
        ),
        ("score", [-132.08, 0.5], ["\N{MINUS SIGN}132", "0"]),
        ("f (max) (kHz)", [0.5, 0.25], ["0.500 kHz", "0.250 kHz"]),
        ("length (s)", [12345.0, 2], ["12345 s", "2 s"]),
        ("p (a) of", [1e-9, 0.0], ["1e\N{MINUS SIGN}09", "0"]),
        ("large (m)", [1.5e7, 1.0], ["1.5e+07 m", "1 m"]),
        ("nothing (m)", [0.0, 0.0], ["0 m", "0 m"]),
    ],
)
def test_values_have_their_units(key, values, shown):
    assert _by_number(key, np.array(values))["values"] == shown


def test_it_is_one_tab_stop_with_arrow_keys(page):
    page.get_by_label("Sort by").select_option("name")

    def focused() -> str:
        return page.evaluate("document.activeElement.dataset.clip")

    in_order = page.locator(".esa4-tile").evaluate_all(
        "tiles => tiles.map((tile) => tile.dataset.clip)"
    )
    page.get_by_label("Sort by").focus()
    page.keyboard.press("Tab")
    assert focused() == in_order[0]
    for clip in in_order[1:]:
        page.keyboard.press("ArrowRight")
        assert focused() == clip
    page.keyboard.press("ArrowRight")
    assert focused() == in_order[-1]
    page.keyboard.press("Home")
    assert focused() == in_order[0]
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert focused() == in_order[-2]
    # Where it was left, it is entered again; what follows is out of it.
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.localName") == "select"
    page.keyboard.press("Tab")
    assert focused() == in_order[-2]
    assert page.locator('.esa4-tile[tabindex="0"]').count() == 1


def test_arrow_keys_go_up_and_down_the_rows(page):
    page.get_by_label("Sort by").select_option(index=1)
    page.locator(".esa4-tile").first.focus()

    def place() -> list[float]:
        return page.evaluate(
            """() => {
                const { x, y } = document.activeElement.getBoundingClientRect();
                return [x, y + scrollY];
            }"""
        )

    x, y = place()
    page.keyboard.press("ArrowDown")
    below = place()
    assert below[0] == x
    assert below[1] > y
    page.keyboard.press("ArrowUp")
    assert place() == [x, y]
    page.keyboard.press("ArrowUp")
    assert place() == [x, y]


@pytest.mark.parametrize("how", ["click", "tap"])
def test_a_press_in_a_picture_seeks(shared, fragments, how):
    page = shared(fragments["gallery"], has_touch=True)
    picture = page.locator('[data-clip="4"] .esa4-picture')
    box = picture.bounding_box()
    for share in (0.7, 0.2):
        place = {"x": share * box["width"], "y": box["height"] / 2}
        getattr(picture, how)(position=place)
        wait_for_sound(page, "gallery")
        time, place = page.evaluate(
            """async () => {
                await new Promise(requestAnimationFrame);
                const head = document.querySelector(".esa4-head:not([hidden])");
                return [document.querySelector("audio").currentTime, head.style.left];
            }"""
        )
        assert share * 2.5 - 0.02 <= time < share * 2.5 + 0.6
        assert float(place[:-1]) == pytest.approx(100 * time / 2.5, abs=8)
    assert heard(page, "gallery") == address_of(CLIPS, 4)
    # Its name lets it pause there, and go on.
    name = page.locator(f'[data-clip="4"] {NAME}')
    getattr(name, how)()
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    paused = page.evaluate("document.querySelector('audio').currentTime")
    getattr(name, how)()
    wait_for_sound(page, "gallery")
    assert page.evaluate("document.querySelector('audio').currentTime") >= paused


def test_playhead_moves_steadily_or_in_jumps_where_that_is_wished(page):
    def places(motion: str) -> set[float]:
        page.emulate_media(reduced_motion=motion)
        page.locator('[data-clip="1"]').press("Enter")
        seen = page.evaluate(
            """async () => {
                const audio = document.querySelector("audio");
                const head = document.querySelector('[data-clip="1"] .esa4-head');
                const seen = [];
                while (audio.paused || audio.currentTime < 0.6) {
                    await new Promise(requestAnimationFrame);
                    if (!head.hidden) seen.push(parseFloat(head.style.left));
                }
                return seen;
            }"""
        )
        # So that the next one starts from the beginning.
        page.locator('[data-clip="2"]').press("Enter")
        return set(seen)

    half_second = 100 * 0.5 / 2.5
    assert places("reduce") == {0.0, half_second}
    assert len(places("no-preference")) > 5
