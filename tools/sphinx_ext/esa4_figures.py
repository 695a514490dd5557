"""Give each figure of a notebook a twin for dark pages (a Sphinx extension).

Figures are stored once, as SVG on white, as Colab and others show them. The site knows
whether its page is light or dark: there, the twin has the page's own ground and light
ink. Curves, dots and spectrograms keep their colours, which can be told from both.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

# Of the style sheet esa4_helpers/esa4.mplstyle, and what takes its place.
INK, LIGHT_INK = "#222832", "#e3e6ea"
GROUND = "#ffffff"


def darken(svg: str) -> str:
    """Exchange the ink of a figure, and take its ground away."""
    svg = re.sub(rf"\b(fill|stroke): {INK}", rf"\1: {LIGHT_INK}", svg)
    return re.sub(rf"\bfill: {GROUND}", "fill: none", svg)


def add_twins(app: Sphinx, doctree: nodes.document) -> None:
    """Put a dark twin beside each figure that a cell has drawn."""
    for image in list(doctree.findall(nodes.image)):
        if not re.search(r"jupyter_execute/.*\.svg$", image["uri"]):
            continue
        file = Path(app.srcdir, image["uri"].lstrip("/"))
        twin = file.with_stem(f"{file.stem}-dark")
        twin.write_text(darken(file.read_text(encoding="utf-8")), encoding="utf-8")
        dark = image.deepcopy()
        dark["uri"] = image["uri"].replace(file.name, twin.name)
        image["classes"].append("only-light")
        dark["classes"].append("only-dark")
        image.parent.insert(image.parent.index(image) + 1, dark)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the function above to Sphinx."""
    # Before Sphinx collects the images, which it does at the default priority.
    app.connect("doctree-read", add_twins, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
