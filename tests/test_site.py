"""The built site: these tests build it first, which is quick if nothing changed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parent.parent
JUPYTER_BOOK = Path(sys.executable).with_name("jupyter-book")
SITE = ROOT / "_build" / "html"
CHAPTERS = [path.stem for path in sorted((ROOT / "book").glob("[0-9]*.ipynb"))]
SHEETS = [path.stem for path in sorted((ROOT / "book/exercises").glob("*.ipynb"))]
CONTENT = [
    *(f"book/{name}" for name in ("index", *CHAPTERS)),
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


def test_front_door_leads_to_the_landing_page():
    assert "book/index.html" in (SITE / "index.html").read_text(encoding="utf-8")


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


def test_styles_load_nothing_from_elsewhere():
    styles = list((SITE / "_static").rglob("*.css"))
    assert any(path.name == "esa4.css" for path in styles)
    for path in styles:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", text), path


@pytest.mark.parametrize("name", CONTENT)
def test_internal_links_lead_somewhere(pages, name):
    page = (SITE / name).with_suffix(".html")
    for link in pages[name].find_all("a", href=True):
        target = urlsplit(link["href"])
        if target.scheme or target.netloc or not target.path:
            continue
        assert (page.parent / unquote(target.path)).exists(), link["href"]


@pytest.mark.parametrize("name", [*CHAPTERS, *(f"exercises/{s}" for s in SHEETS)])
def test_every_notebook_opens_in_colab_from_the_right_file(pages, name):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    repository = config["repository"]["url"].removeprefix("https://github.com/")
    branch = config["repository"]["branch"]
    expected = f"https://colab.research.google.com/github/{repository}/blob/{branch}/book/{name}.ipynb"
    links = [a["href"] for a in pages[f"book/{name}"].find_all("a", href=True)]
    assert expected in links


def test_the_landing_page_offers_no_notebook_that_is_none(pages):
    assert "colab.research.google.com" not in str(pages["book/index"])


def test_the_landing_page_lets_one_hear_and_see_both_valves_first(pages):
    article = pages["book/index"].find("article")
    players = article.find_all("audio")
    assert [player["aria-label"] for player in players] == [
        "normal valve",
        "abnormal valve",
    ]
    assert all(
        player["src"].startswith("data:audio/mpeg;base64,") for player in players
    )
    assert len(article.find_all("img")) == 2
    first_heading = article.find("h2")
    assert all(player in first_heading.find_all_previous("audio") for player in players)


def test_chapter_1_lets_one_listen(pages):
    assert len(pages["book/01_dataset"].find_all("audio")) == 4


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
        for name in ("anomaly_mini", "synthetic", "anomaly_mini"):
            result = build(book, ESA4_DATASET=name)
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
            html = page.read_text(encoding="utf-8")
            assert f"clips: {name}" in html
            assert ("built with synthetic clips" in html) == (name == "synthetic")
