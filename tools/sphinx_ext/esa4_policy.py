"""Let browsers run and load nothing on a page but what is the site's (a Sphinx extension).

A page says so itself, as GitHub Pages sends no such words along with it. Scripts are files
of the site, or the theme's few lines in a page, each known by its digest.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx_ext._parts import render

INLINE = re.compile(r"<script\b(?![^>]*\bsrc=)([^>]*)>(.*?)</script>", re.DOTALL)
HEAD = re.compile(r"<head\b[^>]*>\s*<meta charset=[^>]*>")
# Of an earlier build, in which the page was not written anew.
EARLIER = re.compile(r'\n<meta [^>]*"Content-Security-Policy"[^>]*>')
# Who opens a page from the disk has no server that 'self' could mean; on the web, no page
# may load from the disk.
SITE = "'self' file:"
POLICY = {
    "default-src": "'none'",
    # Formulas and the theme's boxes set styles one by one.
    "style-src": f"{SITE} 'unsafe-inline'",
    # The theme's marks are pictures in its styles.
    "img-src": f"{SITE} data:",
    "font-src": SITE,
    "media-src": SITE,
    # The example of a report is a page within a page.
    "frame-src": SITE,
    "connect-src": SITE,
    "form-action": SITE,
    "base-uri": "'none'",
}


def digest(script: str) -> str:
    """What a browser knows a script by that stands in a page."""
    code = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(code).decode()}'"


def policy(html: str) -> str:
    """What a page may run and load."""
    digests = {
        digest(script)
        for attributes, script in INLINE.findall(html)
        # Data only, which no browser runs.
        if "application/json" not in attributes
    }
    scripts = " ".join([SITE, *sorted(digests)])
    rules = {**POLICY, "script-src": scripts}
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def protect(html: str) -> str:
    """Write its policy into a page, before anything is run or loaded."""
    html = EARLIER.sub("", html)
    tag = render("policy.html", policy=policy(html)).rstrip()
    return HEAD.sub(lambda match: f"{match[0]}\n{tag}", html, count=1)


def protect_all(app: Sphinx, exception: Exception | None) -> None:
    """Write its policy into each page, once all scripts are in there."""
    if exception or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        if "_static" not in page.parts:
            html = page.read_text(encoding="utf-8")
            page.write_text(protect(html), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the function above to Sphinx."""
    # After all others, which write pages and copies of them.
    app.connect("build-finished", protect_all, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
