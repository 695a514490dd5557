"""What the site's build needs beyond its configuration (a Sphinx extension)."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from html import escape
from pathlib import Path
from typing import Any

from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_ext._parts import render

from esa4_helpers.datasets import recordings_title

ROOT = Path(__file__).resolve().parents[2]
SYNTHETIC = (
    "This copy of the site was built with synthetic clips, not with the recordings: "
    "what you hear and all results differ from the course's."
)
OTHERS = (
    "This copy of the site was built with other recordings, {title}: what you hear and all "
    "results are theirs, and what the text says of the valve need not hold."
)
END_OF_TITLE = re.compile("</h1>")


def results_folder(build: Path) -> Path:
    """Where results are kept that hold for this package and these clips only."""
    digest = hashlib.sha256()
    package = sorted((ROOT / "esa4_helpers").rglob("*"))
    code = [file for file in package if file.is_file() and file.suffix != ".pyc"]
    for file in (*code, ROOT / "constraints.txt"):
        digest.update(file.read_bytes())
    # Those that the repository names are part of the package's files.
    for name in ("ESA4_RECORDINGS", "ESA4_RECORDINGS_SHA256"):
        digest.update(os.environ.get(name, "").encode())
    if others := os.environ.get("ESA4_RECORDINGS"):
        place = Path(others).expanduser()
        for file in sorted([place, *place.rglob("*")]):
            digest.update(file.read_bytes() if file.is_file() else b"")
    dataset = os.environ.get("ESA4_DATASET") or "recordings"
    machines = os.environ.get("ESA4_MACHINES") or "mimii"
    name = f"{dataset}-{machines}-{digest.hexdigest()[:12]}"
    return build / ".jupyter_cache" / name


def configure(app: Sphinx, config: Config) -> None:
    """Keep results of other data or of another package apart, and name the data."""
    # A changed path also makes Sphinx read all pages anew.
    config.nb_execution_cache_path = str(results_folder(Path(app.outdir).parent))
    # Without it the theme's script complains on each page.
    config.html_context.setdefault("default_mode", "auto")
    config.html_theme_options["use_download_button"] = False
    config.html_theme_options["use_fullscreen_button"] = False
    if banner := banner_for(os.environ.get("ESA4_DATASET") or "recordings"):
        config.html_theme_options["announcement"] = banner


def banner_for(dataset: str) -> str:
    """Say on every page which clips it was made with, unless they are the course's."""
    title = recordings_title() if dataset == "recordings" else dataset
    if title == "anomaly_mini":
        return ""
    return SYNTHETIC if title == "synthetic" else OTHERS.format(title=escape(title))


def run_chapters(app: Sphinx) -> None:
    """Run the chapters that lack results, as many at a time as there are cores."""
    # MyST-NB runs one after the other. What fails here it runs again, and reports.
    chapters = [*map(str, sorted(Path(app.srcdir).glob("book/[0-9]*.ipynb")))]
    if chapters and app.builder.format == "html":
        cache = get_cache(app.config.nb_execution_cache_path)
        for chapter in chapters:
            cache.add_nb_to_project(chapter)
        # Threads of a matrix product would wait for those of another chapter.
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
        executor = load_executor("local-parallel", cache, logging.getLogger(__name__))
        timeout = app.config.nb_execution_timeout
        executor.run_and_cache(filter_uris=chapters, timeout=timeout)


def leave_out_thebe(app: Sphinx) -> None:
    """Cells are not run in the page, and the theme would add its script twice."""
    for listeners in app.events.listeners.values():
        for listener in [*listeners]:
            if listener.handler.__module__.startswith("sphinx_thebe"):
                app.disconnect(listener.id)


def offer_colab(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put the way to Colab under a notebook's title, in place of the theme's menu."""
    buttons = context.get("header_buttons", [])
    launch = [button for button in buttons if button.get("label") == "launch-buttons"]
    context["header_buttons"] = [button for button in buttons if button not in launch]
    # Some pages are executed but are no notebooks that Colab could open.
    if launch and app.env.doc2path(page).endswith(".ipynb"):
        (address,) = (button["url"] for button in launch[0]["buttons"])
        link = render("colab.html", address=address)
        context["body"] = END_OF_TITLE.sub(
            lambda match: f"{match[0]}\n{link}", context["body"], count=1
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to Sphinx."""
    app.connect("config-inited", configure, priority=100)
    app.connect("builder-inited", leave_out_thebe)
    app.connect("builder-inited", run_chapters)
    # After the theme, which adds the buttons at the default priority.
    app.connect("html-page-context", offer_colab, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
