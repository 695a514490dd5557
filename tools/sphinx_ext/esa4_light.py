"""Makes pages open at once (a Sphinx extension).

In Colab an output must hold all it needs. On the site, the same sounds, pictures,
scripts and styles are files: written once, named by their content, and loaded when they
are needed. Of the theme's icons, only those that are used are left.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from itertools import count
from pathlib import Path
from typing import Any

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx_ext._parts import render

DATA = re.compile(r"data:((?:audio|image)/[\w.+-]+);base64,([A-Za-z0-9+/]+=*)")
INLINE = re.compile(r"<(style|script)>\n?(.*?)</\1>\n?", re.DOTALL)
PICTURE = re.compile(r"<img (?![^>]*\bloading=)")
FIGURE = re.compile(r'<img (?=[^>]*\bsrc="[^"]*\b_images/([^"/]+)")(?![^>]*\bwidth=)')
LENGTHS = re.compile(r'<svg\b[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"')
# Browsers show so many pixels a point.
PIXELS = 4 / 3
FORMULA = re.compile(r'class="(?:[^"]* )?math[ "]')
# The search has scripts of its own, which wait for nothing and need these.
FOR_SEARCH = ("documentation_options", "doctools", "sphinx_highlight")
# What stands at the top is seen at once.
EAGER = 2

# Those of the theme's buttons and lists; its boxes name theirs by their characters.
ICONS = {
    "solid-900": [
        "angle-left",
        "angle-right",
        "arrow-up",
        "bars",
        "chevron-down",
        "circle-half-stroke",
        "lightbulb",
        "list",
        "magnifying-glass",
        "moon",
        "sun",
    ],
    "brands-400": ["github"],
}


def write_file(app: Sphinx, content: bytes, suffix: str) -> str:
    """Keep the content in a file named by it; return its path below _static."""
    name = f"media/{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
    path = Path(app.outdir, "_static", name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return name


def move_into_files(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put what a page's outputs hold into files, the same content once."""

    def data(match: re.Match[str]) -> str:
        suffix = mimetypes.guess_extension(match[1], strict=False)
        name = write_file(app, base64.b64decode(match[2]), suffix)
        return context["pathto"](f"_static/{name}", True)

    def inline(match: re.Match[str]) -> str:
        content = match[2].encode()
        if match[1] == "style":
            app.builder.add_css_file(write_file(app, content, ".css"))
        else:
            app.builder.add_js_file(write_file(app, content, ".js"))
        return ""

    if "body" in context:
        body = INLINE.sub(inline, DATA.sub(data, context["body"]))
        place = count()
        context["body"] = PICTURE.sub(
            lambda match: (
                match[0] if next(place) < EAGER else f'{match[0]}loading="lazy" '
            ),
            body,
        )


def keep_room_for_figures(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Say how large figures are, so that text does not move when they arrive."""
    files = {name: Path(app.srcdir, file) for file, name in app.builder.images.items()}

    def figure(match: re.Match[str]) -> str:
        file = files[match[1]]
        lengths = (
            LENGTHS.search(file.read_text("utf-8")) if file.suffix == ".svg" else None
        )
        if lengths is None:
            return match[0]
        width, height = (round(PIXELS * float(length)) for length in lengths.groups())
        return f'{match[0]}width="{width}" height="{height}" '

    if "body" in context:
        context["body"] = FIGURE.sub(figure, context["body"])


def let_nothing_wait(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Run scripts once the page is there, and that for formulas only where one is."""
    scripts = context["script_files"]
    scripts[:] = [
        script
        for script in scripts
        # It would need another script at once, for a menu of versions that we lack.
        if "DOCUMENTATION_OPTIONS" not in script.attributes.get("body", "")
        and (
            "mathjax" not in str(script).lower()
            or FORMULA.search(context.get("body", ""))
        )
    ]
    for script in scripts:
        if script.filename and "async" not in script.attributes:
            needed = page == "search" and any(n in script.filename for n in FOR_SEARCH)
            script.attributes["defer"] = None if needed else "defer"


def write_icons(app: Sphinx) -> None:
    """Cut the theme's fonts down to the icons that are used."""
    if app.builder.format != "html":
        return
    (static,) = (
        Path(folder, "static")
        for folder in app.builder.theme.get_theme_dirs()
        if Path(folder, "static/vendor/fontawesome").exists()
    )
    (source,) = static.glob("vendor/fontawesome/*")
    names = (source / "css/all.min.css").read_text(encoding="utf-8")
    boxes = (static / "styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    target = Path(app.outdir, "_static/icons")
    target.mkdir(parents=True, exist_ok=True)
    codes = {}
    for font, icons in ICONS.items():
        found = {
            icon: re.search(rf'\.fa-{icon}:before[^}}]*content:"\\(\w+)"', names)[1]
            for icon in icons
        }
        codes |= found
        characters = [int(code, 16) for code in found.values()]
        characters += [ord(c) for c in boxes if "\ue000" <= c <= "\uf8ff"]
        shrunk = TTFont(source / f"webfonts/fa-{font}.ttf", recalcTimestamp=False)
        subsetter = Subsetter(Options(notdef_outline=True))
        subsetter.populate(unicodes=characters)
        subsetter.subset(shrunk)
        shrunk.flavor = "woff"
        shrunk.save(target / f"{font}.woff")
    styles = render("icons.css", codes=codes)
    (target / "icons.css").write_text(styles, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to Sphinx."""
    app.connect("builder-inited", write_icons)
    # After all others, which add to the page.
    app.connect("html-page-context", move_into_files, priority=900)
    app.connect("html-page-context", keep_room_for_figures, priority=900)
    app.connect("html-page-context", let_nothing_wait, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
