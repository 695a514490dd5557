"""What search engines, messengers and lost readers need (a Sphinx extension)."""

from __future__ import annotations

import posixpath
import re
import textwrap
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from docutils import nodes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_ext._parts import render

# Of a description, in characters.
LENGTH = 200
VIEWPORT = re.compile(r'<meta [^>]*name="viewport"[^>]*>')
CARD = "_static/card.png"
# An address in an attribute, unless it is a whole one or leads to the page itself.
ADDRESS = re.compile(r'( (?:href|src|action)=")((?![a-z]+:|#|/)[^"]+)')


def configure(app: Sphinx, config: Config) -> None:
    """Say once where the site is published: where GitHub puts this repository's."""
    owner, repository = config.html_theme_options["repository_url"].split("/")[-2:]
    if not config.html_baseurl:
        config.html_baseurl = f"https://{owner}.github.io/{repository}/"


def first_sentences(doctree: nodes.document | None) -> str:
    """What a page says first, as far as it fits into a result of a search."""
    text = ""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        if isinstance(paragraph.parent, nodes.section):
            text += " ".join(paragraph.astext().split()) + " "
    sentences = re.split(r"(?<=[.?!]) ", text[:LENGTH])
    whole = " ".join(sentences[:-1] if len(text) > LENGTH else sentences)
    return whole.strip() or textwrap.shorten(text, LENGTH, placeholder=" …")


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Say what is found where someone searches for a page or shares it."""
    site = app.config.html_title
    title = unescape(re.sub("<.*?>", "", context.get("title") or page))
    description = first_sentences(doctree) or f"{title}: a page of {site}"
    tags = render(
        "meta.html",
        named={"description": description, "twitter:card": "summary_large_image"},
        shared={
            "og:title": title,
            "og:description": description,
            "og:type": "website",
            "og:url": context["pageurl"],
            "og:site_name": site,
            "og:image": app.config.html_baseurl + CARD,
            "og:image:alt": "A signal of regular clicks, of which one is missing",
        },
    )
    # Sphinx itself says how wide a page is, and lets docutils say it again.
    once = VIEWPORT.sub("", context.get("metatags") or "")
    context["metatags"] = f"{once}\n{tags}"


def page_for_the_lost(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Say what can be done where there is no page."""
    uri = app.builder.get_target_uri
    body = render("lost.html", start=uri(app.config.root_doc), search=uri("search"))
    yield "404", {"title": "Page not found", "body": body}, "page.html"


def rewrite(page: Path, target: Path, move: Callable[[str], str]) -> None:
    """Copy a page to another place, from where its links still lead on."""
    html = page.read_text(encoding="utf-8")
    target.write_text(ADDRESS.sub(lambda m: m[1] + move(m[2]), html), encoding="utf-8")


def write_front_door(app: Sphinx) -> None:
    """Open the site with its landing page itself, wherever that is in the book."""
    root = app.config.root_doc
    page = Path(app.builder.get_outfilename(root))
    folder = posixpath.dirname(root)
    target = Path(app.outdir, "index.html")
    rewrite(page, target, lambda to: posixpath.normpath(posixpath.join(folder, to)))
    # Scripts know other addresses: of sounds and pictures, and of the site's root.
    html = target.read_text(encoding="utf-8")
    up = posixpath.relpath(".", folder) + "/"
    html = html.replace(f'content_root="{up}"', 'content_root="./"')
    html = html.replace(f'"{up}_static/', '"_static/')
    target.write_text(html, encoding="utf-8")


def write_sitemap(app: Sphinx) -> None:
    """List all pages that were written by hand."""
    addresses = [
        app.config.html_baseurl + app.builder.get_target_uri(page)
        for page in sorted(app.env.found_docs)
    ]
    sitemap = render("sitemap.xml", addresses=addresses)
    Path(app.outdir, "sitemap.xml").write_text(sitemap, encoding="utf-8")


def draw_card(app: Sphinx) -> None:
    """Draw what is shown where someone shares a link: the title, and a click missing."""
    time = np.linspace(0, 4, 2401)
    clicks = np.abs(time[:, np.newaxis] - [0.5, 1.5, 3.5])
    trace = (np.exp(-clicks * 12) * np.cos(clicks * 90)).sum(axis=1)
    figure = Figure(figsize=(12, 6.3), facecolor="#0b2033")
    ax = figure.add_axes((0, 0.05, 1, 0.5))
    ax.axis("off")
    ax.plot(time, trace, color="#56b4e9", linewidth=3)
    ax.plot(2.5, 0, "o", color="#e69f00", fillstyle="none", ms=60, mew=3)
    name, _, topic = app.config.html_title.partition(": ")
    figure.text(0.06, 0.78, name, color="white", size=54, weight="bold")
    figure.text(0.06, 0.65, topic, color="white", size=32)
    figure.savefig(Path(app.outdir, CARD), dpi=100)


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write what can only be made from the finished pages."""
    if exception or app.builder.name != "html":
        return
    path = urlsplit(app.config.html_baseurl).path
    lost = Path(app.builder.get_outfilename("404"))
    # It is shown at addresses of any depth.
    rewrite(lost, lost, lambda to: path + to)
    write_front_door(app)
    write_sitemap(app)
    if not Path(app.outdir, CARD).exists():
        draw_card(app)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to Sphinx."""
    app.connect("config-inited", configure)
    app.connect("html-page-context", describe, priority=900)
    app.connect("html-collect-pages", page_for_the_lost)
    # After the links in code are written, and before an empty front door would be.
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
