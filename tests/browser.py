"""What tests in a real browser share: finding Chromium, and listening to its complaints.

Playwright and axe are imported when they are used: without them, the other tests run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CONTRAST = "color-contrast"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium, or skip the test where there is none.

    Who names one in the environment variable CHROMIUM wants these tests to run: then
    nothing is skipped.
    """
    wanted = os.environ.get("CHROMIUM")
    program = wanted or next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        if wanted:
            raise
        pytest.skip("the Python package playwright is not installed")
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


def complaints(page: Page, site: str = "file:") -> list[str]:
    """Return a list that fills with a page's errors, and requests beyond the site."""
    found = []
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on(
        "console",
        lambda message: (
            found.append(f"console: {message.text}")
            if message.type == "error"
            else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("data:", "blob:", "about:", site))
            else found.append(f"request: {request.url}")
        ),
    )
    return found


def barriers(
    page: Page, within: str | None = None, *, colours: bool = True, others: bool = True
) -> list[str]:
    """Name what axe finds to be serious or critical for readers with disabilities.

    It looks within what a selector finds, if one is given; at whether colours can be told
    from each other, at all others, or at both.
    """
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        if os.environ.get("CHROMIUM"):
            raise
        pytest.skip("the Python package axe-playwright-python is not installed")
    # Reading ahead, axe would look for imported styles in the wrong place.
    options = {"preload": False, "resultTypes": ["violations"]}
    if not others:
        options["runOnly"] = [CONTRAST]
    elif not colours:
        options["rules"] = {CONTRAST: {"enabled": False}}
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in Axe().run(page, within, options).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


# What is painted the same way, on grounds that are, can be read as well on any page.
MARK_WHAT_IS_PAINTED_ANEW = """
(known) => {
  const seen = new Set(known), fresh = new Set();
  const look = (box, around) => {
    const { color, opacity, fontSize, fontWeight, backgroundColor, backgroundImage }
      = getComputedStyle(box);
    const painted = [around, color, opacity, fontSize, fontWeight, backgroundColor,
                     backgroundImage].join();
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim();
    if (box.matches("input, select, textarea") || [...box.childNodes].some(isText)) {
      const visible = box.checkVisibility({ opacityProperty: true, visibilityProperty: true });
      const isFresh = visible && !seen.has(painted) && !fresh.has(painted);
      box.toggleAttribute("data-painted-anew", isFresh);
      if (isFresh) fresh.add(painted);
    }
    for (const part of box.children) look(part, painted);
  };
  look(document.body, "");
  return [...fresh];
}
"""


def pale(page: Page, known: set[str]) -> list[str]:
    """Name what is hard to tell from its ground, and is not known from other pages."""
    fresh = page.evaluate(MARK_WHAT_IS_PAINTED_ANEW, [*known])
    known.update(fresh)
    return barriers(page, "[data-painted-anew]", others=False) if fresh else []


def overflow(page: Page) -> int:
    """How many pixels a page is wider than its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


# A box that scrolls must show it; one that hides what is too wide must not do so. What is
# there for screen readers only has no room of its own.
CUT_OFF = """
() => [...document.querySelectorAll("main, main *:not(mjx-container *)")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 1)
  .filter((box) => box.checkVisibility({ visibilityProperty: true }))
  .filter((box) => {
    const { overflowX, maskImage, backgroundImage } = getComputedStyle(box);
    if (overflowX === "visible") return false;
    // A fading edge, or a shadow there.
    const shows = maskImage !== "none" || backgroundImage.includes("radial-gradient");
    return overflowX === "hidden" || overflowX === "clip" || box.tabIndex < 0 || !shows;
  })
  .map((box) => box.outerHTML.slice(0, 200))
"""


def cut_off(page: Page) -> list[str]:
    """Name what is too wide for its place, and hidden or scrolled without a sign of it."""
    return page.evaluate(CUT_OFF)
