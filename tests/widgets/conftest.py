"""One browser for all tests of the widgets, and pages with widgets in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from browser import chromium, complaints

from .pages import FEW, MAKERS, SCRIPTS

# Opening a page of one's own takes longer than most tests: who changes nothing for good
# shares one with its neighbours.


@pytest.fixture(scope="package")
def fragments() -> dict[str, str]:
    """Each widget's HTML, with clips to be heard, by its id."""
    widgets = [make() for make in MAKERS]
    return {widget.id: widget._repr_html_() for widget in widgets}


@pytest.fixture(scope="package")
def small() -> dict[str, str]:
    """The same of a few clips of a quarter of a second, which take less time."""
    widgets = [make(FEW) for make in MAKERS]
    return {widget.id: widget._repr_html_() for widget in widgets}


@pytest.fixture(scope="package")
def browser() -> Iterator:
    with chromium() as browser:
        yield browser


@contextmanager
def opening(browser) -> Iterator[Callable]:
    contexts, wrong = [], []

    def open_page(*fragments: str, **settings: object):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        wrong.append(complaints(page))
        page.set_content(
            '<!doctype html><html lang="en"><head><title>Test</title>'
            '<meta name="viewport" content="width=device-width"></head>'
            f"<body><main>{''.join(fragments)}</main></body></html>"
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not any(wrong)


@pytest.fixture
def show(browser) -> Iterator[Callable]:
    """Open a page with this HTML; nothing may go wrong there, nor be loaded."""
    with opening(browser) as show:
        yield show


@pytest.fixture(scope="module")
def shared(browser) -> Iterator[Callable]:
    """As `show`, for pages that the tests of one file share."""
    with opening(browser) as show:
        yield show


@pytest.fixture(scope="module")
def browser_script(shared) -> Callable:
    """Evaluate an expression beside the functions of all scripts."""
    page = shared()
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)

    def evaluate(expression: str, argument: object = None):
        return page.evaluate(
            f"(argument) => {{ {scripts}; return {expression}; }}", argument
        )

    return evaluate
