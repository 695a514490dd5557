"""What a widget shows can be put into the page's address, and passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from browser import complaints

from .pages import FEW, scores_for, texts

HEAD = '<!doctype html><meta charset="utf-8"><title>Test</title>'


@pytest.fixture(scope="module")
def visit(browser, small, tmp_path_factory) -> Iterator[Callable]:
    """Open all widgets from a file, with something after the # of its address."""
    file = tmp_path_factory.mktemp("state") / "page.html"
    file.write_text(HEAD + "".join(small.values()), encoding="utf-8")
    context = browser.new_context()
    pages, wrong = [], []

    def visit(fragment: str = ""):
        for page in pages:
            page.close()
        pages[:] = [context.new_page()]
        pages[0].set_default_timeout(10_000)
        wrong.append(complaints(pages[0]))
        pages[0].goto(f"{file.as_uri()}{fragment}")
        return pages[0]

    yield visit
    context.close()
    assert not any(wrong)


def shown(page) -> dict[str, object]:
    return {
        "detector": page.get_by_label("Detector:").input_value(),
        "spoken": page.get_by_label("Threshold:").get_attribute("aria-valuetext"),
        "numbers": texts(page, "#explorer td"),
        "tiles": texts(page, ".esa4-tile:visible .esa4-symbol + span"),
        "clip": page.get_by_label("Clip:").input_value(),
        "scale": page.locator("#errormaps-scale").input_value(),
    }


def wait_for_address(page, *parts: str) -> str:
    for part in parts:
        page.wait_for_function("part => location.hash.includes(part)", arg=part)
    return urlsplit(page.url).fragment


def test_a_link_shows_what_was_shown(visit):
    page = visit()
    first = shown(page)
    page.get_by_label("Detector:").select_option("negative")
    page.get_by_label("Threshold:").press("Home")
    page.get_by_label("Threshold:").press("ArrowRight")
    page.get_by_label("Sort by").select_option(index=1)
    page.get_by_label("Clip:").select_option(index=3)
    page.locator("#errormaps-scale").select_option(index=1)
    fragment = wait_for_address(page, "explorer:", "gallery:sort=1", "scale=1")
    assert sorted(fragment.split(";"))[0] == "errormaps:clip=3&scale=1"
    seen = shown(page)
    assert all(seen[part] != first[part] for part in seen)
    page = visit(f"#{fragment}")
    assert shown(page) == seen
    page.reload()
    assert shown(page) == seen


def test_a_link_leads_to_a_value(visit):
    page = visit("#explorer:detector=2&threshold=0.75")
    state = shown(page)
    assert state["detector"] == "2"
    name = page.locator("#explorer-detector option:checked").text_content()
    scores = scores_for(FEW.test)[name]
    assert state["spoken"].startswith("threshold 0.75: ")
    assert state["numbers"][3] == str((scores[FEW.test.is_anomaly] > 0.75).sum())
    # The widget is what the reader sees first.
    top = page.locator("#explorer").evaluate("it => it.getBoundingClientRect().top")
    assert -10 < top < 200


def test_it_follows_a_change_of_the_address(visit):
    page = visit()
    page.evaluate("location.hash = '#gallery:sort=1'")
    page.wait_for_function("document.querySelector('#gallery-sort').value === '1'")
    assert page.locator(".esa4-heading:visible").first.is_visible()
    assert page.locator("[data-part=all]").is_visible()


@pytest.fixture(scope="module")
def untouched(visit) -> dict[str, object]:
    return shown(visit())


@pytest.mark.parametrize(
    "fragment",
    [
        "#a-heading",
        "#explorer:detector=9&threshold=none;gallery:sort=-1",
        "#explorer:;:;errormaps:clip=%E0%A4%A;gallery:sort=1e9",
        "#explorer:threshold=1e999",
    ],
)
def test_an_address_that_means_nothing_does_no_harm(visit, untouched, fragment):
    assert shown(visit(fragment)) == untouched


def test_a_threshold_beyond_the_axis_stays_on_it(visit):
    page = visit("#explorer:detector=0&threshold=1e300")
    spoken = shown(page)["spoken"]
    page.get_by_label("Threshold:").press("End")
    assert shown(page)["spoken"] == spoken


def test_the_output_of_a_notebook_keeps_its_address(show, small):
    page = show()
    page.evaluate(
        """html => {
            const frame = document.body.appendChild(document.createElement("iframe"));
            frame.setAttribute("sandbox", "allow-scripts");
            frame.srcdoc = html;
        }""",
        HEAD + small["gallery"],
    )
    frame = page.frame_locator("iframe")
    frame.get_by_label("Sort by").select_option(index=1)
    frame.locator("[data-part=all] .esa4-tile").first.press("Enter")
    page.wait_for_timeout(250)
    assert page.evaluate("location.hash") == ""
