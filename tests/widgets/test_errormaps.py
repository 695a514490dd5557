from __future__ import annotations

import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib import colormaps

from esa4_helpers import Dataset, ErrorMapViewer
from esa4_helpers.widgets._shared import map_pictures, scaled_maps

from .pages import (
    FEW,
    MAPS,
    RANDOM,
    TEST,
    address_of,
    errormaps,
    heads,
    heard,
    pixels,
    texts,
    wait_for_sound,
)

FOUR = MAPS[:4]


def test_its_colours_mean_the_same_as_in_the_other_widgets():
    page = BeautifulSoup(errormaps(FEW)._repr_html_(), "html.parser")
    scales = [scale.text for scale in page.select(".esa4-scale")]
    end = np.percentile((2 * FOUR - 1) ** 2, 99.5)
    ends = ["-80  -10 dB", "-80  -10 dB", f"0  {end:.4g}"]
    assert scales == ends
    assert (
        "Its colours end at the 99.5th percentile of the values of all clips"
        in " ".join(page.text.split())
    )


def test_an_error_can_be_none_and_each_picture_is_in_its_place():
    one = Dataset(FEW.audio[:1], FEW.sr, ["a"], [False], [True])
    widget = ErrorMapViewer(one, FOUR[:1] - 40, FOUR[:1] - 20, np.zeros((1, 8, 10)))
    page = BeautifulSoup(widget.html, "html.parser")
    drawn = [map_pictures(FOUR[:1] - by, -80, -10)[0] for by in (40, 20)]
    black = map_pictures(np.zeros((1, 8, 10)), 0, 1)
    assert [image["src"] for image in page.select("img")] == [*drawn, *black]


def coloured(values: np.ndarray, low: float, high: float) -> np.ndarray:
    shares = np.clip((values - low) / (high - low), 0, 1)
    return np.round(255 * colormaps["magma"](np.round(255 * shares) / 255)[..., :3])


def test_one_bright_cell_does_not_blacken_the_maps():
    maps = RANDOM.random((3, 20, 40))
    maps[0] *= 0.1
    maps[1, 3, 4] = 1000
    drawn = scaled_maps(maps)
    for i, values in enumerate(maps):
        common = coloured(values, 0, np.percentile(maps, 99.5))
        own = coloured(values, 0, np.percentile(values, 99.5))
        assert np.abs(pixels(drawn["common"]["pictures"][i]) - common).max() <= 1
        assert np.abs(pixels(drawn["own"]["pictures"][i]) - own).max() <= 1
    assert pixels(drawn["own"]["pictures"][0]).mean() > 80


def test_maps_of_a_single_value_can_be_drawn():
    drawn = scaled_maps(np.zeros((2, 4, 5)))
    assert drawn["own"]["ends"] == [["0", "0"]] * 2


def test_scales_can_be_switched(shared, fragments):
    page = shared(fragments["errormaps"])
    drawn = scaled_maps((2 * MAPS - 1) ** 2)
    page.get_by_label("Clip").select_option(index=3)
    scale = page.get_by_label("Colours of the map")
    for press, kind, words in (
        ("ArrowDown", "own", "this clip"),
        ("ArrowUp", "common", "all clips"),
    ):
        scale.press(press)
        shown = page.get_by_alt_text("Map of the squared error")
        assert shown.get_attribute("src") == drawn[kind]["pictures"][3]
        ends = texts(page, "[data-part=maplow], [data-part=maphigh]")
        assert ends == drawn[kind]["ends"][3]
        assert texts(page, "[data-part=cells]") == [words]


def test_a_click_in_a_picture_seeks(shared, fragments):
    page = shared(fragments["errormaps"])
    box = page.locator("#errormaps img").last.bounding_box()
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 20)
    wait_for_sound(page, "errormaps")
    time = page.evaluate("document.querySelector('audio').currentTime")
    assert 1.45 < time < 2.2


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"spectrograms": FOUR[:3]}, ValueError, "spectrograms has 3 entries for 4"),
        (
            {"spectrograms": FOUR.astype(int)},
            TypeError,
            "spectrograms must hold floats",
        ),
        (
            {"reconstructions": FOUR[0]},
            ValueError,
            "reconstructions must have the shape",
        ),
        ({"errors": FOUR[:, :2]}, ValueError, "errors must have the shape of the spec"),
        ({"errors": FOUR - 2}, ValueError, "errors must be 0 or more, got -1.99"),
        ({"errors": np.full_like(FOUR, np.nan)}, ValueError, "errors holds NaN"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        errormaps(FEW, **changes)


def test_pictures_follow_the_clip_and_the_sound(show, fragments):
    page = show(fragments["errormaps"])
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
    assert heard(page, "errormaps") == address_of(TEST, 4)
    linked = heads(page, "errormaps")
    assert len(linked) == 3
    assert len(set(linked)) == 1
    page.get_by_label("Clip").select_option(TEST.names[0])
    page.wait_for_function("document.querySelector('audio').paused")
    assert button.text_content() == "Play"
    assert addresses() == first
