"""The built site: these tests build it first, which is quick if nothing changed."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from browser import barriers, chromium, complaints, cut_off, overflow, pale
from bs4 import BeautifulSoup
from sphinx_ext.esa4_policy import digest

from esa4_helpers import alarm_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
JUPYTER_BOOK = Path(sys.executable).with_name("jupyter-book")
SITE = ROOT / "_build" / "html"
CHAPTERS = [path.stem for path in sorted((ROOT / "book").glob("[0-9]*.ipynb"))]
SHEETS = [path.stem for path in sorted((ROOT / "book/exercises").glob("*.ipynb"))]
# Where the site is published.
BASE = "https://machinelistening.github.io/esa4/"
BASE_PATH = urlsplit(BASE).path
# Source code, of which lines are longer than a phone is wide.
LISTING = "_modules/esa4_helpers/autoencoder"
MATH_SCRIPT = re.compile("mathjax", re.IGNORECASE)
CONTENT = [
    *(f"book/{name}" for name in ("index", *CHAPTERS, "listening_test")),
    *(f"book/exercises/{name}" for name in SHEETS),
    *(
        str(path.relative_to(ROOT).with_suffix(""))
        for folder in ("exercises", "reference")
        for path in sorted((ROOT / "book" / folder).rglob("*.md"))
    ),
]


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def pages() -> dict[str, BeautifulSoup]:
    result = build(ROOT)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return {
        str(path.relative_to(SITE).with_suffix("")): BeautifulSoup(
            path.read_text(encoding="utf-8"), "html.parser"
        )
        for path in SITE.rglob("*.html")
        if "_static" not in path.parts
    }


def test_every_page_is_there(pages):
    assert set(CONTENT) <= set(pages)


def test_the_front_door_is_the_landing_page_itself(pages):
    door, landing = pages["index"], pages["book/index"]
    assert door.find("article").get_text() == landing.find("article").get_text()
    assert not door.find("meta", attrs={"http-equiv": "refresh"})
    assert door.find("article").find("a", href="book/01_dataset.html")
    assert [(SITE / player["src"]).resolve() for player in door.find_all("audio")] == [
        (SITE / "book" / player["src"]).resolve()
        for player in landing.find_all("audio")
    ]


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_name_that_a_chapter_imports_leads_to_its_page(pages, name):
    source = (ROOT / "book" / f"{name}.py").read_text(encoding="utf-8")
    lines = re.findall(
        r"^from esa4_helpers import (\([^)]*\)|.*)", source, re.MULTILINE
    )
    imported = set(re.findall(r"\w+", " ".join(lines)))
    links = pages[f"book/{name}"].find_all("a", class_="sphinx-codeautolink-a")
    assert imported
    assert imported <= {link.get_text() for link in links}


@pytest.mark.parametrize("name", CONTENT)
def test_all_images_have_alt_text(pages, name):
    for image in pages[name].find_all("img"):
        alt = image.get("alt", "")
        assert len(alt) > (20 if image.find_parent("article") else 0), image
        # Sphinx puts the file's name where no text was given.
        assert Path(image["src"]).name not in alt


@pytest.mark.parametrize("name", [*CONTENT, "search"])
def test_nothing_is_loaded_from_elsewhere(pages, name):
    loading = {
        "script": "src",
        "img": "src",
        "audio": "src",
        "iframe": "src",
        "source": "src",
        "video": "src",
        "embed": "src",
        "object": "data",
    }
    addresses = [
        element[attribute]
        for tag, attribute in loading.items()
        for element in pages[name].find_all(tag, attrs={attribute: True})
    ]
    for link in pages[name].find_all("link", href=True):
        if {"stylesheet", "icon", "preload", "preconnect", "prefetch"} & set(
            link["rel"]
        ):
            addresses.append(link["href"])
    assert addresses
    for address in addresses:
        assert not re.match(r"(https?:)?//", address), address


def test_each_page_says_that_it_runs_and_loads_nothing_but_the_sites(pages):
    for name, page in pages.items():
        (tag,) = page.find_all("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert not tag.find_previous(["script", "link", "style"]), name
        rules = dict(rule.split(" ", 1) for rule in tag["content"].split("; "))
        assert rules["default-src"] == rules["base-uri"] == "'none'"
        assert rules.pop("style-src") == "'self' file: 'unsafe-inline'"
        scripts = page.find_all("script", src=False, type=None)
        assert rules.pop("script-src").split() == [
            *("'self'", "file:"),
            *sorted({digest(script.string) for script in scripts}),
        ]
        others = {word for rule in rules.values() for word in rule.split()}
        assert others == {"'none'", "'self'", "file:", "data:"}


def test_styles_load_nothing_from_elsewhere():
    styles = list((SITE / "_static").rglob("*.css"))
    assert any(path.name == "esa4.css" for path in styles)
    for path in styles:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text), path


@pytest.mark.parametrize("name", [*CONTENT, "index"])
def test_internal_links_lead_somewhere(pages, name):
    page = (SITE / name).with_suffix(".html")
    links = pages[name].find_all(["a", "link", "script", "img", "audio"])
    for link in links:
        target = urlsplit(link.get("href") or link.get("src") or "")
        if target.scheme or target.netloc:
            continue
        file = (page.parent / unquote(target.path)) if target.path else page
        assert file.exists(), link
        other = pages.get(str(file.resolve().relative_to(SITE).with_suffix("")))
        if target.fragment and other:
            anchor = unquote(target.fragment)
            assert other.find(id=anchor) or other.find(attrs={"name": anchor}), link


@pytest.mark.parametrize("name", [*CHAPTERS, *(f"exercises/{s}" for s in SHEETS)])
def test_every_notebook_opens_in_colab_from_the_right_file(pages, name):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    repository = config["repository"]["url"].removeprefix("https://github.com/")
    branch = config["repository"]["branch"]
    expected = f"https://colab.research.google.com/github/{repository}/blob/{branch}/book/{name}.ipynb"
    below_title = pages[f"book/{name}"].find("article").h1.find_next_sibling()
    assert below_title.get_text() == "Open in Colab"
    assert below_title.find("a")["href"] == expected


@pytest.mark.parametrize("name", ["book/index", "book/listening_test"])
def test_no_page_offers_a_notebook_that_is_none(pages, name):
    assert "colab.research.google.com" not in str(pages[name])


def test_on_the_landing_page_one_hears_and_guesses_first(pages):
    article = pages["book/index"].find("article")
    players = article.find_all("audio")
    assert [player["aria-label"] for player in players] == ["clip A", "clip B"]
    answer = article.find("details")
    assert not answer.has_attr("open")
    assert all(player in answer.find_all_previous("audio") for player in players)
    assert "A: " in answer.get_text()
    assert all(player["src"].endswith(".mp3") for player in players)
    assert len(article.find_all("img")) == 2
    first_heading = article.find("h2")
    assert all(player in first_heading.find_all_previous("audio") for player in players)


def test_the_lecture_page_shows_what_went_wrong(pages):
    images = pages["book/reference/lecture"].find("article").find_all("img")
    # Each has a twin for dark pages.
    assert len({image["alt"] for image in images}) == 2


def test_the_report_shows_what_its_page_says(pages):
    (frame,) = pages["book/reference/report"].find("article").find_all("iframe")
    file = SITE / "book/reference" / frame["src"]
    report = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
    alarms = report.find(id="alarms").find("tbody").find_all("tr")
    assert {row.td.get_text() for row in alarms} == {"day 8.flac"}
    failing = report.find(id="sensor").find("tbody").find_all("tr")
    assert [row.th.get_text() for row in failing] == ["day 9.flac"]
    assert "The promise is kept" in report.find(id="promise").get_text()


def test_chapter_1_lets_one_listen(pages):
    assert len(pages["book/01_dataset"].find_all("audio")) == 6


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_figure_has_a_twin_for_dark_pages(pages, name):
    figures = pages[f"book/{name}"].select("article img.only-light")
    assert figures
    for figure in figures:
        twin = figure.find_next_sibling("img")
        assert "only-dark" in twin["class"]
        assert twin["alt"] == figure["alt"]
        file = SITE / "book" / twin["src"]
        assert "#ffffff" not in file.read_text(encoding="utf-8")


def test_definitions_on_the_benchmark_page_are_a_list_of_them(pages):
    names = [term.get_text() for term in pages["book/reference/benchmark"].select("dt")]
    assert "memory" in names


def test_math_is_drawn_by_the_sites_own_script(pages):
    sources = [s["src"] for s in pages["book/03_gmm"].find_all("script", src=True)]
    math = [s for s in sources if "mathjax" in s.lower()]
    assert len(math) == 1
    assert (SITE / "book" / math[0].split("?")[0]).exists()


@pytest.mark.parametrize("name", CONTENT)
def test_a_banner_stands_on_every_page_if_and_only_if_the_clips_are_synthetic(
    pages, name
):
    synthetic = os.environ.get("ESA4_DATASET") == "synthetic"
    assert ("built with synthetic clips" in pages[name].get_text()) == synthetic


@cache
def zipped(file: Path) -> int:
    return len(gzip.compress(file.read_bytes()))


def test_little_is_loaded_before_a_page_shows(pages):
    for name, page in pages.items():
        waiting = [
            *page.find_all("link", rel="stylesheet"),
            *page.find_all("link", rel="preload"),
            *(
                script
                for script in page.find("head").find_all("script", src=True)
                if not {"defer", "async"} & set(script.attrs)
                and script.get("type") != "module"
            ),
        ]
        addresses = [urlsplit(tag.get("href") or tag["src"]).path for tag in waiting]
        folder = (SITE / name).parent
        files = {
            # The page for the lost stands at any depth.
            SITE / address.removeprefix(BASE_PATH)
            if address.startswith("/")
            else folder / address
            for address in addresses
        }
        assert len(files) > 5, name
        assert sum(map(zipped, files)) < 120_000, name


def test_the_script_for_formulas_is_only_where_one_is(pages):
    loading = {
        name for name, page in pages.items() if page.find("script", src=MATH_SCRIPT)
    }
    assert loading == {name for name, page in pages.items() if page.find(class_="math")}
    assert loading


def test_sounds_pictures_scripts_and_styles_are_files_and_loaded_once(pages):
    for name, page in pages.items():
        assert not re.search("data:(audio|image)/", str(page)), name
        if article := page.find("article"):
            assert not article.find(["style", "link"]), name
            scripts = article.find_all("script")
            assert {script.get("type") for script in scripts} <= {"application/json"}
        loaded = [
            tag.get("src") or tag["href"]
            for tag in page.select("script[src], link[rel=stylesheet]")
        ]
        assert len(loaded) == len(set(loaded)), name
    media = {path.suffix for path in (SITE / "_static" / "media").iterdir()}
    assert {".mp3", ".png", ".js", ".css"} <= media


def test_pictures_further_down_are_loaded_when_they_are_needed(pages):
    for name in CONTENT:
        pictures = pages[name].find("article").find_all("img")
        assert all(image.get("loading") == "lazy" for image in pictures[2:]), name


@pytest.mark.parametrize("name", [*CHAPTERS, "reference/lecture"])
def test_figures_have_room_before_they_are_loaded(pages, name):
    figures = pages[f"book/{name}"].select("article img[src*=_images]")
    assert figures
    for figure in figures:
        drawn = (SITE / "_images" / Path(figure["src"]).name).read_text("utf-8")
        points = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn).groups()
        pixels = [round(float(length) * 4 / 3) for length in points]
        assert [int(figure["width"]), int(figure["height"])] == pixels


def test_every_icon_is_there(pages):
    styles = (SITE / "_static/icons/icons.css").read_text(encoding="utf-8")
    for name, page in pages.items():
        for icon in page.select("[class*=fa-]"):
            for word in set(icon["class"]) - {"fa-solid", "fa-brands", "fa-lg"}:
                if word.startswith("fa-"):
                    assert f".{word}::before" in styles, (name, word)


def meta(page: BeautifulSoup, key: str) -> list[str]:
    return [
        tag["content"]
        for tag in page.find_all("meta")
        if key in (tag.get("name"), tag.get("property"))
    ]


@pytest.mark.parametrize("name", [*CONTENT, "search", "404"])
def test_every_page_says_what_it_is_to_those_who_search_and_share(pages, name):
    page = pages[name]
    (description,) = meta(page, "description")
    assert 15 <= len(description) <= 200
    assert meta(page, "og:description") == [description]
    assert meta(page, "og:title")
    assert meta(page, "og:type") == ["website"]
    (picture,) = meta(page, "og:image")
    assert (SITE / picture.removeprefix(BASE)).stat().st_size < 100_000
    (canonical,) = page.find_all("link", rel="canonical")
    assert [canonical["href"]] == meta(page, "og:url") == [f"{BASE}{name}.html"]
    assert len(meta(page, "viewport")) == 1


def test_descriptions_differ(pages):
    descriptions = [meta(pages[name], "description")[0] for name in CONTENT]
    assert len(set(descriptions)) == len(CONTENT)


def test_the_sitemap_lists_every_page(pages):
    sitemap = ElementTree.parse(SITE / "sitemap.xml")
    listed = [loc.text for loc in sitemap.iterfind(".//{*}loc")]
    assert sorted(listed) == sorted(f"{BASE}{name}.html" for name in CONTENT)


def test_no_page_is_heavy_and_our_own_scripts_and_styles_are_small(pages):
    for name in pages:
        assert (SITE / name).with_suffix(".html").stat().st_size < 1e6, name
    ours = [
        *(ROOT / "_static").glob("esa4.*"),
        *(ROOT / "esa4_helpers/widgets/static").iterdir(),
    ]
    assert sum(path.stat().st_size for path in ours) < 60_000


WIDGETS = {
    "book/01_dataset": ["gallery"],
    "book/03_gmm": ["explorer"],
    "book/04_autoencoder": ["errormaps", "explorer"],
    "book/05_evaluation": ["explorer"],
    "book/listening_test": ["listening"],
}


@pytest.fixture(scope="module")
def address(pages) -> Iterator[str]:
    """Where the site is served, as on the web, with its page for those who are lost."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def translate_path(self, path: str) -> str:
            inside = path.removeprefix(BASE_PATH.rstrip("/"))
            file = super().translate_path(inside)
            lost = inside.endswith(".html") and not Path(file).exists()
            return str(SITE / "404.html") if lost else file

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def tab(browser, address) -> tuple[Page, list[str]]:
    """One for all tests, as opening another takes longer than most pages, and what is wrong."""
    page = browser.new_page()
    return page, complaints(page, site=address)


@pytest.fixture
def visit(tab, address) -> Iterator[Callable]:
    """Open a page of the site; nothing may go wrong there, nor come from elsewhere."""
    page, wrong = tab
    wrong.clear()

    def open_page(name: str, width: int = 390, height: int = 844):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{address}/{name}.html")
        return page

    yield open_page
    assert wrong == []


# After which a page is laid out anew, and has answered to its size.
TWO_FRAMES = "new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"

# Playwright's own way of waiting is one that the site's policy forbids.
IT_PLAYS = """
(audio) => new Promise((go) => {
  const look = () => audio.currentTime > 0.05 ? go() : requestAnimationFrame(look);
  look();
})
"""

# Of what cells print, as nobody scrolls through numbers.
TOO_WIDE_FOR_A_PHONE = """
[...document.querySelectorAll(".stream pre")]
  .filter((printed) => printed.scrollWidth > printed.clientWidth + 1)
  .map((printed) => printed.textContent)
"""


class TestInABrowser:
    @pytest.fixture(scope="class")
    @classmethod
    def painted(cls) -> set[str]:
        """The ways in which text was painted on the pages so far."""
        return set()

    @pytest.mark.parametrize("name", [*CONTENT, "search", "genindex", LISTING])
    def test_everyone_can_read_it_by_day_and_by_night(self, visit, painted, name):
        page = visit(name)
        assert page.evaluate(TOO_WIDE_FOR_A_PHONE) == []
        assert barriers(page, colours=False) == []
        # Colours change slowly, and a sidebar slides out of sight: they would still be on
        # their way.
        page.add_style_tag(content="* { transition: none !important }")
        # Only colours depend on the theme.
        for theme in ("light", "dark"):
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            assert pale(page, painted) == []
        for width in (390, 820, 1400):
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate(TWO_FRAMES)
            assert overflow(page) <= 0, width
            assert cut_off(page) == [], width

    def test_who_is_lost_finds_back_from_any_depth(self, visit):
        page = visit(f"{BASE_PATH.strip('/')}/book/no/such/page", width=1400)
        page.get_by_role("link", name="Start at the front page").click()
        page.wait_for_url("**/esa4/book/index.html")
        assert page.locator("h1").first.text_content().startswith("Hear when")

    def test_no_page_runs_what_was_slipped_into_it(self, browser, address):
        page = browser.new_page()
        page.goto(f"{address}/book/03_gmm.html")
        slipped = """() => {
          const script = document.createElement("script");
          script.textContent = "window.slipped = true";
          const image = document.createElement("img");
          image.setAttribute("onerror", "window.slipped = true");
          const done = new Promise((go) => image.addEventListener("error", go));
          image.src = "none.png";
          document.body.append(script, image);
          return done.then(() => Boolean(window.slipped));
        }"""
        assert page.evaluate(slipped) is False
        assert page.locator("mjx-container").count() > 0
        page.close()

    def test_the_search_finds_something(self, visit, address):
        page = visit("search")
        page.goto(f"{address}/search.html?q=mixture")
        page.locator("#search-results li").first.wait_for()

    def test_the_sidebar_fits_a_small_laptop(self, visit):
        bar = visit("book/05_evaluation", 1400, 900).locator(".bd-sidebar-primary")
        assert bar.evaluate("bar => bar.scrollHeight - bar.clientHeight") <= 0

    def test_captions_are_centred_on_their_players(self, visit):
        player = visit("book/01_dataset", width=1400).locator(".esa4-player").first
        caption, sound = player.evaluate(
            """player => [player.querySelector("figcaption").firstChild, player.querySelector("audio")]
              .map((what) => {
                const range = document.createRange();
                range.selectNode(what);
                const box = range.getBoundingClientRect();
                return (box.left + box.right) / 2;
              })"""
        )
        assert abs(caption - sound) < 2

    def test_first_sound_is_on_the_first_screen_of_a_phone(self, visit):
        box = visit("book/index").locator("audio").first.bounding_box()
        assert box["y"] + box["height"] < 844

    @pytest.mark.parametrize("name", CHAPTERS)
    def test_each_chapter_opens_with_a_question_to_hear(self, visit, name):
        page = visit(f"book/{name}", width=1400, height=900)
        assert page.locator("audio").first.bounding_box()["y"] < 1.5 * 900

    def test_no_cell_hides_the_shadow_at_the_edge_of_a_wide_table(self, visit):
        page = visit("book/reference/benchmark")
        covering = """box => [...box.querySelectorAll("table, table *")]
          .filter((part) => !part.matches("tr > :first-child"))
          .map(getComputedStyle)
          .filter((style) => style.boxShadow !== "none"
                          || style.backgroundColor !== "rgba(0, 0, 0, 0)").length"""
        for theme in ("light", "dark"):
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            for box in page.locator(".pst-scrollable-table-container").all():
                assert box.evaluate(covering) == 0

    def test_the_magnifying_glass_is_not_on_the_words(self, visit):
        form = visit("search").locator(".bd-search-container .bd-search")
        glass = form.locator(".fa-magnifying-glass").bounding_box()
        words = form.locator("input").evaluate(
            """input => input.getBoundingClientRect().left
              + parseFloat(getComputedStyle(input).paddingLeft)"""
        )
        assert glass["x"] + glass["width"] <= words

    def test_figures_keep_their_shape(self, visit):
        for figure in visit("book/02_features").locator("img.only-light").all():
            figure.scroll_into_view_if_needed()
            figure.evaluate("image => image.decode()")
            stretch = figure.evaluate(
                """({ width, height, naturalWidth, naturalHeight }) =>
                  (width / height) / (naturalWidth / naturalHeight)"""
            )
            assert abs(stretch - 1) < 0.02

    def test_no_word_is_broken_in_the_links_to_the_neighbours(self, visit):
        titles = visit("book/03_gmm").locator(".prev-next-title")
        for title in titles.all():
            # As narrow as its longest word.
            assert title.evaluate(
                """title => {
                  const word = title.parentNode.appendChild(title.cloneNode());
                  word.style.cssText = "position: absolute; white-space: nowrap";
                  return title.textContent.split(" ").every((text) => {
                    word.textContent = text;
                    return word.offsetWidth <= title.clientWidth + 1;
                  });
                }"""
            )

    @pytest.mark.parametrize("name", WIDGETS)
    def test_what_moves_is_where_it_belongs(self, visit, name):
        page = visit(name, width=1400)
        for id in WIDGETS[name]:
            assert page.locator(f"#{id}").count() == 1
            play = page.locator(f"#{id} button:visible, #{id} [role=button]:visible")
            play.first.press("Enter")
            page.locator(f"#{id} audio").first.evaluate(IT_PLAYS)

    @pytest.mark.parametrize("name", [n for n in WIDGETS if "explorer" in WIDGETS[n]])
    def test_thresholds_agree_with_python(self, visit, name):
        page = visit(name, width=1400)
        select = page.locator("#explorer select").first
        for detector in select.locator("option").all_text_contents():
            select.select_option(detector)
            dots = page.locator("#explorer .esa4-dot:visible").all()
            said = [dot.get_attribute("aria-label").split(", ") for dot in dots]
            labels = np.array([kind == "abnormal" for _, kind, *_ in said])
            scores = np.array([float(score.split()[-1]) for *_, score in said])
            assert (labels.sum(), len(labels)) == (5, 10)
            slider = page.locator("#explorer input[type=range]")
            slider.press("Home")
            for _ in range(4):
                slider.press("ArrowRight")
            text = slider.get_attribute("aria-valuetext")
            threshold = float(re.match(r"threshold (\S+):", text)[1])
            report = alarm_report(labels, scores, threshold)
            shown = page.locator("#explorer tr:has-text('Recall') td").text_content()
            assert shown == f"{report['recall']:.2f}"


class TestSmallBook:
    """Builds of a book of one page, to see what the configuration does."""

    @pytest.fixture
    def book(self, tmp_path) -> Path:
        for name in (
            "_config.yml",
            "_static",
            "book/references.bib",
            "constraints.txt",
            "esa4_helpers",
            "tools",
        ):
            target = tmp_path / name
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(ROOT / name)
        (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: page\n")
        return tmp_path

    @staticmethod
    def write_page(book: Path, code: str) -> None:
        front = (
            "---\njupytext: {text_representation: {extension: .md, format_name: myst}}\n"
            "kernelspec: {display_name: Python 3, language: python, name: python3}\n---\n"
        )
        cell = f"# Page\n\n```{{code-cell}} ipython3\n{code}\n```\n"
        (book / "page.md").write_text(front + cell, encoding="utf-8")

    def test_an_exception_in_a_cell_fails_the_build(self, book):
        self.write_page(book, "1 / 0")
        result = build(book)
        assert result.returncode != 0
        assert "ZeroDivisionError" in result.stdout + result.stderr

    def test_another_data_set_never_gets_stored_results(self, book):
        self.write_page(
            book, "import os\nprint('clips:', os.environ.get('ESA4_DATASET'))"
        )
        page = book / "_build" / "html" / "page.html"
        for name in ("synthetic", "anomaly_mini"):
            result = build(book, ESA4_DATASET=name)
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
            html = page.read_text(encoding="utf-8")
            assert f"clips: {name}" in html
            assert ("built with synthetic clips" in html) == (name == "synthetic")
