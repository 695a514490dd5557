from __future__ import annotations

import numpy as np
import pytest
from bs4 import BeautifulSoup

from .pages import FEW, MAPS, TEST, address_of, errormaps, heads, heard, wait_for_sound

FOUR = MAPS[:4]


def test_its_colours_mean_the_same_as_in_the_other_widgets():
    page = BeautifulSoup(errormaps(FEW)._repr_html_(), "html.parser")
    scales = [scale.text for scale in page.select(".esa4-scale")]
    largest = ((2 * FOUR - 1) ** 2).max()
    ends = ["-80  -10 dB", "-80  -10 dB", f"0  {largest:.4g} squared error"]
    assert scales == ends


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
