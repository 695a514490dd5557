from __future__ import annotations

import re

import numpy as np
import pytest
from browser import barriers, overflow
from bs4 import BeautifulSoup

from esa4_helpers import ResultTable

from .test_shared import NASTY, THEMES

ROWS = {
    "level": {"squeak": 0.5, "hiss": None, "clips": 12, "hears": "neither"},
    "gmm": {"squeak": 1.0, "hiss": np.float32(0.25), "clips": 7, "hears": "both"},
}
WIDE = {f"detector {i}": {f"fault {k}": i * k / 49 for k in range(8)} for i in range(8)}


def table(rows: object = ROWS, **changes: object) -> ResultTable:
    return ResultTable(rows, **{"caption": "AUC", "corner": "detector"} | changes)


def parsed(table: ResultTable) -> BeautifulSoup:
    return BeautifulSoup(table._repr_html_(), "html.parser")


def cells(rows: object, **changes: object) -> list[str]:
    """The texts of all cells but the names of the rows."""
    return [cell.text for cell in parsed(table(rows, **changes)).find_all("td")]


def shares(rows: object, **changes: object) -> list[float | None]:
    """How much of the full colour each cell gets."""
    styles = [cell.get("style") for cell in parsed(table(rows, **changes)).select("td")]
    return [style and float(style.removeprefix("--share: ")) for style in styles]


def test_text_form_aligns_numbers_to_the_right_and_texts_to_the_left():
    assert repr(table()).splitlines() == [
        "AUC",
        "",
        "detector  squeak  hiss  clips  hears",
        "level       0.50     -     12  neither",
        "gmm         1.00  0.25      7  both",
    ]


@pytest.mark.parametrize("yes", [True, np.bool_(True)])
def test_yes_and_no_are_texts(yes):
    rows = {"a": {"a long question": yes}, "b": {"a long question": None}}
    assert repr(table(rows)).splitlines()[3] == "a         yes"


def test_html_form_is_a_table_whose_headers_say_what_they_head():
    page = parsed(table())
    assert page.caption.text == "AUC"
    columns = [th.text for th in page.find_all("th", scope="col")]
    assert columns == ["detector", "squeak", "hiss", "clips", "hears"]
    assert [th.text for th in page.find_all("th", scope="row")] == ["level", "gmm"]
    assert [td.text for td in page.find_all("td")][:4] == ["0.50", "-", "12", "neither"]
    assert "<script" not in str(page)
    assert "://" not in str(page)


def test_both_forms_are_the_same_each_time():
    assert table()._repr_html_() == table()._repr_html_()
    assert repr(table()) == repr(table())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.125, "0.12"),
        (-0.001, "0.00"),
        (-1.5, "-1.50"),
        (3, "3"),
        (np.int64(-3), "-3"),
        (np.float64("nan"), "-"),
        (None, "-"),
        (float("inf"), "inf"),
        (True, "yes"),
        (np.bool_(False), "no"),
        ("text", "text"),
    ],
)
def test_values_are_written_for_people(value, text):
    assert cells({"a": {"b": value}}) == [text]
    assert text in repr(table({"a": {"b": value}}))


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (".3f", ["0.500", "3.000", "x"]),
        ({"rate": ".0%"}, ["50%", "3", "x"]),
        ({"count": "+d"}, ["0.50", "+3", "x"]),
    ],
)
def test_formats_are_for_all_columns_or_for_some(formats, expected):
    rows = {"a": {"rate": 0.5, "count": 3, "text": "x"}}
    assert cells(rows, formats=formats) == expected


def test_shading_runs_between_its_ends_and_no_further():
    rows = {str(v): {"b": v} for v in (-9, 0.5, 0.75, 1, 9, np.nan, None, "x", True)}
    assert shares({"a": {"b": 1}}, shade=(0, 3)) == [0.33]
    full = [0, 0, 0.5, 1, 1, None, None, None, None]
    assert shares(rows, shade=(0.5, 1)) == full
    assert shares(rows, shade=(1, 0.5)) == [v if v is None else 1 - v for v in full]
    assert shares(rows) == [None] * 9


def test_shading_is_for_all_columns_or_for_some():
    rows = {"a": {"b": 1, "c": 1}}
    assert shares(rows, shade=(0, 2)) == [0.5, 0.5]
    assert shares(rows, shade={"c": (0, 4)}) == [None, 0.25]


def test_names_and_texts_are_text_and_never_html():
    page = parsed(ResultTable({NASTY: {NASTY: NASTY}}, NASTY, corner=NASTY))
    assert page.find("b") is None
    assert page.div["aria-label"] == NASTY
    assert [cell.text for cell in page.find_all(["caption", "th", "td"])] == [NASTY] * 5


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rows": {}}, ValueError, "at least one row"),
        ({"rows": {"a": {}}}, ValueError, r"rows\['a'\] must hold at least one column"),
        (
            {"rows": {"a": {"b": 1}, "c": {"d": 1}}},
            ValueError,
            r"the same columns: rows\['a'\] has \['b'\], rows\['c'\] has \['d'\]$",
        ),
        ({"rows": [1]}, TypeError, "rows must map a text"),
        ({"rows": {"a": 1}}, TypeError, r"rows\['a'\] must map a text"),
        ({"rows": {"a": {"b": [1]}}}, TypeError, "a number or a text, got \\[1\\]"),
        ({"caption": None}, TypeError, "caption must be a text"),
        ({"corner": 3}, TypeError, "corner must be a text"),
        ({"formats": {"x": ".1f"}}, ValueError, r"formats names \['x'\]"),
        ({"shade": {"x": (0, 1)}}, ValueError, r"shade names \['x'\]"),
        ({"shade": (1, 1)}, ValueError, "different numbers, got 1"),
        ({"shade": (0, np.nan)}, ValueError, "shade must be finite"),
        ({"shade": 3}, TypeError, "shade must be two numbers"),
        ({"shade": (0, 1, 2)}, TypeError, "shade must be two numbers"),
    ],
)
def test_bad_input_is_named(changes, error, message):
    with pytest.raises(error, match=message):
        table(**changes)


# What a browser makes of it.


@pytest.fixture(scope="module")
def phone(shared):
    page = shared(
        table(WIDE, shade=(0, 1))._repr_html_(), viewport={"width": 390, "height": 800}
    )
    page.evaluate("document.body.style.margin = 0")
    return page


def contrast(one: list[float], other: list[float]) -> float:
    """The ratio of two colours' luminances, as WCAG reckons it."""
    luminances = []
    for colour in (one, other):
        c = np.asarray(colour) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        luminances.append(linear @ [0.2126, 0.7152, 0.0722])
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def colour(text: str) -> np.ndarray:
    """Red, green and blue of a computed colour, and how opaque it is."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", text)]
    return np.array((*numbers, 1.0)[:4])


@pytest.mark.parametrize("theme", THEMES)
def test_everyone_can_read_it_by_day_and_by_night(phone, theme):
    attributes, ground = THEMES[theme]
    phone.evaluate(
        """([attributes, ground]) => {
            const root = document.documentElement;
            for (const name of ["data-theme", "theme"]) root.removeAttribute(name);
            for (const [name, value] of Object.entries(attributes)) {
                root.setAttribute(name, value);
            }
            // As the site's theme names it.
            root.style.setProperty("--pst-color-background", ground);
            document.body.style.background = ground;
        }""",
        [attributes, ground],
    )
    assert barriers(phone) == []
    # Over a ground that is drawn, axe does not reckon contrasts.
    styles = phone.eval_on_selector_all(
        "td, th, caption",
        """cells => cells.map(cell => {
            const style = getComputedStyle(cell);
            const region = getComputedStyle(cell.closest(".esa4-table"));
            return [style.color, style.backgroundColor, region.backgroundColor];
        })""",
    )
    seen = set()
    for text, shade, under in styles:
        *shade, share = colour(shade)
        seen.add(round(share, 2))
        mixed = share * np.array(shade) + (1 - share) * colour(under)[:3]
        assert contrast(colour(text)[:3], mixed) >= 4.5
    assert len(seen) > 10


def test_it_scrolls_inside_itself_and_keeps_the_names_of_its_rows(phone):
    assert overflow(phone) <= 0
    region = phone.get_by_role("region", name="AUC")
    wide = region.evaluate("region => region.scrollWidth > region.clientWidth + 100")
    assert wide
    name = phone.get_by_role("rowheader", name="detector 3")
    last = phone.locator("tbody tr:nth-child(4) td").last
    before = name.bounding_box()
    assert last.bounding_box()["x"] > 390
    phone.keyboard.press("Tab")
    for _ in range(30):
        phone.keyboard.press("ArrowRight")
    phone.wait_for_function(
        """() => {
            const region = document.querySelector(".esa4-table");
            return region.scrollLeft + region.clientWidth >= region.scrollWidth - 1;
        }"""
    )
    box = last.bounding_box()
    assert box["x"] + box["width"] <= 391
    assert name.bounding_box() == before


def test_its_edge_shows_that_there_is_more(phone):
    """The last pixels of the region differ from its ground, until all has been seen."""

    def edge(left: int) -> bytes:
        region = phone.locator(".esa4-table")
        region.evaluate("(region, left) => region.scrollLeft = left", left)
        box = region.bounding_box()
        # Beside the header's bottom line, where there is no text.
        clip = {"x": box["x"] + box["width"] - 4, "y": box["y"] + 4, "width": 4}
        return phone.screenshot(clip=clip | {"height": 12})

    assert edge(0) != edge(10_000)


def test_focus_can_be_seen(show):
    page = show(table()._repr_html_())
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert "3px" in outline
    assert "solid" in outline
