from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bs4 import BeautifulSoup

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


@pytest.fixture(scope="module")
def page(shared, fragments):
    return shared(fragments["gallery"])


def groups_of(html: str) -> dict[str, list[str]]:
    """The names of the clips below each title."""
    page = BeautifulSoup(html, "html.parser")
    return {
        page.find(id=tiles["aria-labelledby"]).text: [
            name.text for name in tiles.select("span[aria-hidden]")
        ]
        for tiles in page.find_all("ul")
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


@pytest.mark.parametrize("how", ["click", "Enter", "Space"])
def test_it_plays_one_clip_at_a_time(page, how):
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
    assert heard(page, "gallery") == address_of(CLIPS, 5)
    assert len(heads(page, "gallery")) == 1
    choose(5)
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    assert not playing(page, "gallery")


def test_playhead_leaves_at_the_end(page):
    page.locator('[data-clip="0"]').click()
    wait_for_sound(page, "gallery")
    page.evaluate("document.querySelector('audio').currentTime = 2.4")
    page.wait_for_function("document.querySelector('audio').ended")
    page.wait_for_selector('[aria-pressed="true"]', state="detached")
    assert heads(page, "gallery") == []


def test_it_sorts_each_group(page, fragments):
    def names(group: int) -> list[str]:
        return texts(page, f"#gallery-group-{group} + ul span[aria-hidden]")

    groups = list(groups_of(fragments["gallery"]).values())
    assert [names(i) for i in range(3)] == [sorted(group) for group in groups]
    page.get_by_label("Sort by").select_option("age (low to high)")
    age = dict(zip(CLIPS.names, np.arange(len(CLIPS))[::-1] % 5 - 2, strict=True))
    assert [names(i) for i in range(3)] == [sorted(g, key=age.get) for g in groups]
    shown = texts(page, "#gallery-group-1 + ul .esa4-value")
    assert list(map(float, shown)) == sorted(age[name] for name in groups[1])


def test_playhead_moves_steadily_or_in_jumps_where_that_is_wished(page):
    def places(motion: str) -> set[float]:
        page.emulate_media(reduced_motion=motion)
        page.locator('[data-clip="1"]').click()
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
        page.locator('[data-clip="2"]').click()
        return set(seen)

    half_second = 100 * 0.5 / 2.5
    assert places("reduce") == {0.0, half_second}
    assert len(places("no-preference")) > 5
