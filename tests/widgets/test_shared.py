"""What all widgets keep to, and what happens where several share a page."""

from __future__ import annotations

import ast
import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from inspect import getdoc, signature
from pathlib import Path

import librosa
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from browser import barriers, overflow
from bs4 import BeautifulSoup
from jinja2 import UndefinedError
from matplotlib import colormaps
from matplotlib.figure import Figure
from nbconvert import HTMLExporter
from PIL import Image

import esa4_helpers
from esa4_helpers import ClipPlayer, Dataset, log_mel_spectrogram, widgets
from esa4_helpers.widgets import _shared
from esa4_helpers.widgets._shared import (
    _environment,
    check_page,
    encode_sound,
    figure_picture,
    map_pictures,
    render,
    scaled_maps,
    sound_data,
    spectrogram_pictures,
    svg_points,
    two_digits,
)

from .pages import (
    CLIPS,
    FEW,
    MAKERS,
    STATIC,
    Reader,
    errormaps,
    explorer,
    gallery,
    hear_all,
    listening,
    pixels,
    playing,
    scores_for,
    wait_for_sound,
)

PACKAGE = Path(esa4_helpers.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
STATIC_FILES = sorted(path for path in STATIC.iterdir() if path.is_file())
NASTY = '</script><b onclick="alert(1)">&amp; it\'s'


# What Python writes.


@cache
def small(make: Callable) -> str:
    return make(FEW)._repr_html_()


@pytest.mark.parametrize("make", MAKERS)
def test_same_input_gives_the_same_bytes_whatever_the_style(make):
    page = small(make)
    esa4_helpers.set_style()
    plt.rcParams["font.size"] = 20
    again = make(FEW, gain_db=0.0)._repr_html_()
    plt.rcdefaults()
    assert again == page
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("n_clips", "n_samples"), [(201, 100), (20, 31 * 16000)], ids=["clips", "seconds"]
)
@pytest.mark.parametrize("kind", ["gallery", "explorer", "errormaps", "listening"])
def test_more_than_a_page_can_carry_is_refused_at_once(kind, n_clips, n_samples):
    odd = np.arange(n_clips) % 2 == 1
    names = [f"clip {i}" for i in range(n_clips)]
    audio = np.full((n_clips, n_samples), 0.1, np.float32)
    many = Dataset(audio, 16000, names, ~odd, odd)
    maps = np.zeros((n_clips, 2, 2))
    makers = {
        "gallery": lambda: widgets.ClipGallery(many),
        "explorer": lambda: widgets.ThresholdExplorer(many, {"a": odd * 1.0}),
        "errormaps": lambda: widgets.ErrorMapViewer(many, maps, maps, maps),
        "listening": lambda: widgets.ListeningTest(many, {"a": odd[odd] * 1.0}),
    }
    with pytest.raises(ValueError, match=f"^{n_clips} clips of .* 200 clips and 600 s"):
        makers[kind]()


def test_a_recording_of_hours_is_refused():
    hours = np.full(601 * 1000, 0.1, np.float32)
    with pytest.raises(ValueError, match="1 clips of 601 s"):
        ClipPlayer(hours, 1000, "all day")
    long = Dataset([hours, hours], 1000, ["a", "b"], [0, 0], [0, 1])
    with pytest.raises(ValueError, match="2 clips of 601 s"):
        widgets.ClipQuiz(long, "Which?")


def test_a_page_carries_200_clips_and_600_s():
    check_page(200, 3)
    check_page(1, 600)
    for n_clips, duration in ((201, 0.1), (1, 600.1), (200, 3.01)):
        why = f"^{n_clips} clips of {duration} s would .* 200 clips and 600 s at most"
        with pytest.raises(ValueError, match=why):
            check_page(n_clips, duration)


def test_templates_are_read_once_and_their_commands_leave_no_gap():
    assert _environment() is _environment()
    text = "  {% if true %}\n<p>\n  {% endif %}\n"
    assert _environment().from_string(text).render() == "<p>\n"


def test_colours_of_a_picture_are_a_palette_of_256():
    shares = np.linspace(0, 1, 256)
    values = np.append(3 * shares - 1, [-9, 9])[np.newaxis]
    indices = np.append(np.arange(256), [0, 255]).astype(np.uint8)[np.newaxis]
    # Low frequencies, which come first, are at the bottom.
    picture = Image.fromarray(np.concatenate([indices[:, ::-1], indices]), "P")
    picture.putpalette(colormaps["magma"](shares, bytes=True)[:, :3].tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    drawn = map_pictures([np.concatenate([values, values[:, ::-1]])], -1, 2)
    assert [base64.b64decode(one.partition(",")[2]) for one in drawn] == [
        buffer.getvalue()
    ]


def test_small_spectrograms_show_what_is_heard():
    # Neither so loud nor so quiet that it would be of one colour.
    heard = 1e-3 * np.random.default_rng(0).standard_normal((1, 12_000))
    [drawn] = spectrogram_pictures(heard, 48000)
    at_16000 = librosa.resample(heard, orig_sr=48000, target_sr=16000)
    levels = log_mel_spectrogram(at_16000, 16000, n_mels=64, hop_length=512)
    assert [drawn] == map_pictures(levels, -80, -10)
    assert pixels(drawn).shape == (64, 8, 3)


def test_a_figure_has_a_hundred_dots_to_the_inch():
    assert pixels(figure_picture(Figure(figsize=(2, 1)))).shape == (100, 200, 3)


def test_maps_end_at_their_rarest_cells_and_at_nothing_where_none_is_below():
    maps = np.stack([np.arange(-100.0, 101), np.arange(201.0)])[:, np.newaxis]
    drawn = scaled_maps(maps)
    assert drawn["own"]["ends"] == [["-99", "99"], ["0", "199"]]
    low, high = np.percentile(maps, (0.5, 99.5))
    assert drawn["common"]["ends"] == [[f"{low:.4g}", f"{high:.4g}"]] * 2
    assert drawn["common"]["pictures"] == map_pictures(maps, low, high)
    assert drawn["own"]["pictures"] == [
        *map_pictures(maps[:1], -99, 99),
        *map_pictures(maps[1:], 0, 199),
    ]


def test_what_just_fits_is_heard_and_not_turned_over(monkeypatch):
    written = []
    monkeypatch.setattr(
        _shared.soundfile, "write", lambda file, *given, **more: written.append(given)
    )
    full = np.where(np.arange(8820) % 882 < 441, 1.0, -1.0)
    encode_sound(full, 44100, "full", 0.0)
    [(samples, sr)] = written
    assert (samples.min(), samples.max(), sr) == (-1, 1, 16000)
    assert len(samples) == 3200
    why = "^the clip 'full' reaches 1.01 at a gain of 0.1 dB, beyond .-1, 1.: turn the gain"
    with pytest.raises(ValueError, match=why):
        encode_sound(full, 44100, "full", 0.1)


def test_sounds_have_the_length_of_their_clips():
    assert sound_data(FEW, 0.0)["duration"] == 0.25


def test_numbers_are_written_for_people_and_for_a_drawing():
    assert [two_digits(x) for x in (0.125, np.nan)] == ["0.12", "NaN (no alarm)"]
    assert svg_points([(0, 1), (1 / 3, 2)]) == "0,1 0.3333,2"


def test_styles_and_scripts_stay_small():
    assert {path.suffix for path in STATIC_FILES} == {".css", ".js"}
    assert sum(path.stat().st_size for path in STATIC_FILES) < 48_000


def test_a_widget_embeds_what_it_needs_and_no_more(fragments):
    embedded = {
        id: {path.name for path in STATIC_FILES if path.read_text().strip() in page}
        for id, page in fragments.items()
    }
    common = {"widget.css", "page.js", "voice.js", "audio.js"}
    assert embedded == {
        "gallery": common
        | {
            "playhead.js",
            "state.js",
            "roving.js",
            "gallery.js",
            "tiles.css",
            "gallery.css",
        },
        "explorer": common
        | {
            "playhead.js",
            "state.js",
            "maps.js",
            "explorer.js",
            "diagrams.css",
            "explorer.css",
        },
        "listening": common
        | {
            "playhead.js",
            "roving.js",
            "statistics.js",
            "listening.js",
            "diagrams.css",
            "tiles.css",
            "listening.css",
        },
        "errormaps": common | {"playhead.js", "state.js", "maps.js", "errormaps.js"},
    }
    # No widget reckons in the browser yet; tables and quizzes have tests of their own.
    others = {"signal.js", "table.css", "quiz.css", "quiz.js"}
    assert others.union(*embedded.values()) == {path.name for path in STATIC_FILES}


def test_each_widget_has_its_template():
    modules = {path.stem for path in (PACKAGE / "widgets").glob("[!_]*.py")}
    templates = (PACKAGE / "widgets" / "templates").glob("[!_]*.html")
    assert {path.stem for path in templates} == modules


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in (PACKAGE, ROOT / "tools", ROOT / "benchmarks")
        for path in sorted(folder.rglob("*.py"))
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_python_string_holds_html(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # What is looked for in a page is no page.
    patterns = [
        argument
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.")
        for argument in node.args
    ]
    strings = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node not in patterns
    ]
    assert [
        text for text in strings if re.search(r"</?[a-z]+[ >]|<!(--|[A-Z])", text)
    ] == []


def test_a_template_that_lacks_a_value_says_so():
    with pytest.raises(UndefinedError, match="'sound' is undefined"):
        render("player", label="a tone")


def test_data_for_scripts_can_neither_end_them_nor_hold_what_no_browser_reads():
    write = _environment().from_string("{{ data | tojson }}").render
    assert "<" not in write(data=NASTY)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(data=[0.0, np.nan])


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_widget_takes_at_most_six_things_and_documents_them(name):
    widget = getattr(widgets, name)
    parameters = list(signature(widget).parameters)
    assert len(parameters) <= 6
    doc = getdoc(widget)
    section = doc.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    assert re.findall(r"^(\w+) : ", section, re.MULTILINE) == parameters
    assert "Raises\n------\nValueError\n" in doc


@pytest.mark.parametrize("make", [gallery, explorer, errormaps])
def test_names_are_text_and_never_html(make):
    nasty = replace(FEW, names=[f"{name}{NASTY}" for name in FEW.names])
    page = Reader(make(nasty)._repr_html_())
    assert page.tags == Reader(small(make)).tags
    assert any(NASTY in text for text in page.texts)


def test_names_of_keys_and_detectors_are_text_too():
    one, two, _ = scores_for(FEW.test).values()
    for widget in (
        gallery(FEW, sort_keys={NASTY: np.ones(5)}),
        explorer(
            FEW,
            scores={NASTY: one, "$_$": two},
            maps={},
            thresholds={NASTY: {NASTY: 0.0}},
        ),
        listening(FEW, scores={NASTY: one}),
    ):
        page = Reader(widget._repr_html_())
        assert "b" not in page.tags
        assert page.tags.count("script") == 2
        assert any(NASTY in text for text in page.texts)


@pytest.mark.parametrize("make", MAKERS)
def test_each_picture_has_an_address_and_a_description(make):
    for image in BeautifulSoup(small(make), "html.parser").select("img"):
        assert len(image["alt"]) > 20
        assert image["src"].startswith("data:image/")


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_in_it_leads_elsewhere(make):
    page = small(make)
    assert "://" not in page
    assert all(
        address.startswith("data:")
        for address in re.findall(r'\b(?:src|href)="([^"]*)', page)
    )


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"dataset": FEW.audio},
            TypeError,
            "dataset must be a Dataset, .* got ndarray",
        ),
        ({"id": "a b"}, ValueError, "id must start with a letter"),
        ({"id": 3}, TypeError, "id must be a text"),
        ({"gain_db": 60.0}, ValueError, "at a gain of 60 dB, beyond"),
        ({"gain_db": np.nan}, ValueError, "gain_db must be finite"),
    ],
)
def test_bad_input_is_named(make, changes, error, message):
    with pytest.raises(error, match=message):
        make(FEW, **changes)


# What a browser makes of it.


def test_widgets_share_a_page_and_one_voice(show, fragments):
    page = show(*fragments.values(), fragments["gallery"])
    # Of two with one id, each is started once; neither the other's script.
    assert page.locator("audio").count() == 5
    assert page.locator("[data-started]").count() == 5
    page.locator('#gallery [data-clip="0"]').first.click()
    wait_for_sound(page, "gallery")
    page.locator("#errormaps button").click()
    wait_for_sound(page, "errormaps")
    assert not playing(page, "gallery")


def test_players_of_the_browser_share_that_voice(show, fragments):
    clip = CLIPS.audio[0]
    players = [ClipPlayer(clip, CLIPS.sr, name)._repr_html_() for name in "ab"]
    page = show(*players, fragments["gallery"])
    sounds = page.locator("audio")
    playing = (
        "() => [...document.querySelectorAll('audio')].map((sound) => !sound.paused)"
    )
    for i in (0, 1, 2, 0):
        if i == 2:
            page.locator("#gallery .esa4-tile").first.press("Enter")
        else:
            sounds.nth(i).evaluate("sound => sound.play()")
        page.wait_for_function(
            f"({playing})().join() === '{str([j == i for j in range(3)])[1:-1]}'"
            ".toLowerCase().replaceAll(' ', '')"
        )


def test_players_of_the_browser_share_a_voice_without_any_widget(show):
    clip = CLIPS.audio[0]
    page = show(*(ClipPlayer(clip, CLIPS.sr, name)._repr_html_() for name in "ab"))
    for sound in (page.locator("audio").first, page.locator("audio").last):
        sound.evaluate("sound => sound.play()")
    page.wait_for_function("document.querySelectorAll('audio')[0].paused")
    assert not page.locator("audio").last.evaluate("sound => sound.paused")


def test_without_scripts_a_picture_with_a_description_remains(show):
    page = show(*map(small, MAKERS), java_script_enabled=False)
    for id in ("gallery", "explorer", "errormaps", "listening"):
        images = page.locator(f"#{id} img:visible").all()
        assert images
        assert all(len(image.get_attribute("alt")) > 20 for image in images)
    # What would not answer is not shown.
    assert page.locator("select:visible, input:visible").count() == 0


@pytest.fixture(scope="module")
def used_page(shared):
    """A page on a phone with all widgets, in which everything has been opened."""
    size = {"width": 390, "height": 800}
    page = shared(*map(small, MAKERS), viewport=size, has_touch=True)
    page.get_by_label("Detector:").select_option("negative")
    page.locator('[data-axis="1"] .esa4-dot').first.tap()
    page.wait_for_selector("#explorer [data-part=pictures]:visible")
    hear_all(page)
    page.wait_for_selector("[data-part=compare]:enabled")
    page.locator("[data-part=compare]").tap()
    return page


THEMES = {
    "light": ({}, "#fff"),
    "site, dark": ({"data-theme": "dark"}, "#14181e"),
    "Colab, dark": ({"theme": "dark"}, "#383838"),
}


@pytest.mark.parametrize("theme", THEMES)
def test_everyone_can_read_it_by_day_and_by_night(used_page, theme):
    used_page.evaluate(
        """([attributes, ground]) => {
            for (const name of ["data-theme", "theme"]) {
                document.documentElement.removeAttribute(name);
            }
            for (const [name, value] of Object.entries(attributes)) {
                document.documentElement.setAttribute(name, value);
            }
            document.body.style.background = ground;
        }""",
        THEMES[theme],
    )
    assert barriers(used_page) == []


def test_fingers_find_everything_on_a_phone(used_page):
    assert used_page.locator("[data-part=results]").is_visible()
    assert overflow(used_page) <= 0
    small = used_page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, [role=button]")]
            .filter((control) => control.checkVisibility())
            .filter((control) => {
                const { width, height } = control.getBoundingClientRect();
                return Math.min(width, height) < 24;
            })
            .map((control) => control.outerHTML)"""
    )
    assert small == []


def test_focus_can_be_seen(show):
    page = show(*map(small, MAKERS))
    page.evaluate(
        """() => {
            window.seen = [];
            document.addEventListener("focusin", ({ target }) => {
                const hit = target.querySelector(".esa4-hit");
                const style = getComputedStyle(hit ?? target);
                const drawn = hit
                    ? `${style.strokeWidth} ${style.stroke === "none" ? "none" : "solid"}`
                    : `${style.outlineWidth} ${style.outlineStyle}`;
                seen.push([target.localName, drawn]);
            });
        }"""
    )
    for _ in range(
        page.locator("button, select, input, [role=button], [role=slider]").count()
    ):
        page.keyboard.press("Tab")
    seen = {tuple(pair) for pair in page.evaluate("seen")}
    assert seen == {
        (kind, "3px solid") for kind in ("button", "select", "input", "g", "svg")
    }


def test_lists_and_tables_look_the_same_in_a_notebook(show, fragments):
    empty, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook())
    styles = re.findall("<style.*?</style>", empty, re.DOTALL)
    output = '<div class="jp-RenderedHTMLCommon jp-RenderedHTML">'
    page = show(*styles, output, *fragments.values(), "</div>")
    look = """boxes => boxes.map((box) => {
      const style = getComputedStyle(box);
      return [style.listStyleType, style.paddingLeft, style.textAlign,
              style.backgroundColor];
    })"""
    ground = "rgba(0, 0, 0, 0)"
    lists = page.eval_on_selector_all(".esa4-tiles, .esa4-said", look)
    names = page.eval_on_selector_all(".esa4-widget th[scope=row]", look)
    rows = page.eval_on_selector_all(".esa4-widget tr", look)
    assert {tuple(style[:2]) for style in lists} == {("none", "0px")}
    assert {style[2] for style in names} == {"left"}
    assert {style[3] for style in rows} == {ground}
