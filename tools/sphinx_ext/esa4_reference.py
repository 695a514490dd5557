"""Ties chapters, API pages and glossary to each other (a Sphinx extension).

The chapters are plain Markdown that must read well in Colab too. So what only the
site can show is added here: links from words to the glossary, and from code to the API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

import esa4_helpers

GLOSSARY = "book/reference/glossary"
CHAPTER = re.compile(r"book/(\d\d)_\w+")
IMPORT = re.compile(r"^from esa4_helpers import (\([^)]*\)|.*)", re.MULTILINE)
SETTINGS = {
    "autodoc_default_options": {
        "members": True,
        # What our own base classes give, but not what those of others do.
        "inherited-members": "BaseEstimator, OutlierMixin, Pipeline, TransformerMixin, "
        "BaseException, object",
        "member-order": "bysource",
        # scikit-learn's own machinery, which it adds to every class.
        "exclude-members": ", ".join(
            f"set_{method}_request"
            for method in ("fit", "predict", "decision_function", "score", "transform")
        ),
    },
    # The docstrings say it in words, with shapes and units.
    "autodoc_typehints": "none",
    "add_module_names": False,
    "default_role": "py:obj",
    # Types such as "array of shape (n_clips,)" are no names that could be looked up.
    "napoleon_use_param": False,
    "napoleon_use_rtype": False,
    "napoleon_custom_sections": [
        ("Attributes", "params_style"),
        ("Raises", "returns_style"),
    ],
    # In a notebook, a name comes from whichever cell above has imported or made it.
    "codeautolink_concat_default": True,
    # What docstrings mention that has no page here.
    "nitpick_ignore_regex": [("py:obj", r"librosa\..+|Pipeline|predict|score_samples")],
}
# Sheets leave gaps and guides quote parts: code that is not whole keeps its names unlinked.
NOT_WHOLE = ("codeautolink.parse_block", "codeautolink.match_block")
# Where a link would disturb, or where there is one.
NO_PROSE = (
    nodes.title,
    nodes.caption,
    nodes.reference,
    nodes.literal,
    nodes.math,
    nodes.FixedTextElement,
)


def configure(app: Sphinx, config: Config) -> None:
    """Make the extensions used here understand this package's docstrings."""
    for name, value in SETTINGS.items():
        config[name] = value
    config.suppress_warnings = [*config.suppress_warnings, *NOT_WHOLE]


def imported_names(source: Path) -> list[str]:
    """List what a chapter imports from the package."""
    imports = IMPORT.findall(source.read_text(encoding="utf-8"))
    return sorted({name for line in imports for name in re.findall(r"\w+", line)})


def say_where_used(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Put the chapters that use a function or class below its summary."""
    if what not in ("function", "class", "exception"):
        return
    module, _, name = name.rpartition(".")
    chapters = []
    for source in sorted(Path(app.srcdir).glob("book/[0-9]*.py")):
        app.env.note_dependency(str(source))
        page = f"book/{source.stem}"
        if page in app.env.found_docs and name in imported_names(source):
            chapters.append(f":doc:`chapter {int(source.stem[:2])} </{page}>`")
    notes = [f"Used in: {', '.join(chapters)}."] if chapters else []
    if name not in esa4_helpers.__all__:
        notes.append(f"Import it from ``{module}``.")
    lines[1:1] = ["", " ".join(notes)]


def note_sources(app: Sphinx, doctree: nodes.document) -> None:
    """Read a chapter anew when what its links are made from has changed."""
    if CHAPTER.fullmatch(app.env.docname):
        for file in (app.env.doc2path(GLOSSARY), __file__):
            if Path(file).exists():
                app.env.note_dependency(str(file))


def link_what_is_written(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Link code in pages too that are written anew though their source is the same."""
    # Before 0.20, sphinx-codeautolink goes by the source's date alone. Else all chapters
    # would lose their links when the glossary or the package changes.
    for listener in app.events.listeners["build-finished"]:
        linker = getattr(listener.handler, "__self__", None)
        if hasattr(linker, "outdated_docs"):
            linker.outdated_docs.add(str(Path(page)))


def find_in_package(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, text: nodes.Element
) -> nodes.Element | None:
    """Let a function or class lead to its page by its name alone, without its module."""
    name = node["reftarget"].partition(".")[0]
    domain = env.get_domain("py")
    found = [
        target
        for target, entry in domain.objects.items()
        if target.startswith("esa4_helpers.")
        and target.endswith(f".{name}")
        and entry.objtype in ("function", "class", "exception")
    ]
    if node.get("refdomain") != "py" or len(found) != 1:
        return None
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, "obj", found[0], node, text
    )


def read_glossary(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """For each name of each term, its entry's anchor and the first sentence there."""
    terms = {}
    for entry in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        definition = entry.next_node(nodes.paragraph).astext().replace("\n", " ")
        first_sentence = re.match(r".*?\.(?=\s|$)|.*", definition)[0]
        names = list(entry.findall(nodes.term))
        for name in names:
            terms[name.astext().lower()] = (names[0]["ids"][0], first_sentence)
    return terms


def find_any(names: list[str]) -> re.Pattern[str]:
    """Match any of the names, in singular or plural; the group's number says which."""
    patterns = []
    for name in names:
        words = r"\s+".join(map(re.escape, name.removesuffix("y").split()))
        patterns.append(words + ("(?:y|ies)" if name.endswith("y") else "(?:s|es)?"))
    either = "|".join(f"({pattern})" for pattern in patterns)
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE)


def link_terms(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link each term's first use in a chapter to the glossary."""
    if not CHAPTER.fullmatch(page) or GLOSSARY not in app.env.found_docs:
        return
    terms = read_glossary(app.env)
    # The first that fits is taken: "anomaly score" must come before "anomaly".
    names = sorted(terms, key=len, reverse=True)
    pattern = find_any(names)
    seen = set()

    def link_words(text: str) -> Iterator[nodes.Node]:
        end = 0
        for match in pattern.finditer(text):
            anchor, sentence = terms[names[match.lastindex - 1]]
            if anchor in seen:
                continue
            seen.add(anchor)
            yield nodes.Text(text[end : match.start()])
            word = nodes.inline("", match[0])
            link = make_refnode(app.builder, page, GLOSSARY, anchor, word, sentence)
            link["classes"].append("glossary-term")
            yield link
            end = match.end()
        yield nodes.Text(text[end:])

    def walk(node: nodes.Element) -> None:
        children = []
        # A line break in the source begins a new text, even within a term.
        for is_text, group in groupby(node, lambda n: isinstance(n, nodes.Text)):
            if is_text:
                children += link_words("".join(group))
                continue
            for child in group:
                if "cell" not in child.get("classes", []) and not isinstance(
                    child, NO_PROSE
                ):
                    walk(child)
                children.append(child)
        node[:] = children

    walk(doctree)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above to Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.setup_extension("sphinx_codeautolink")
    app.connect("config-inited", configure)
    # After napoleon, which takes the docstring apart.
    app.connect("autodoc-process-docstring", say_where_used, priority=900)
    app.connect("doctree-read", note_sources)
    app.connect("html-page-context", link_what_is_written)
    app.connect("missing-reference", find_in_package)
    app.connect("doctree-resolved", link_terms)
    # In another process, nobody would hear which pages are written.
    return {"parallel_read_safe": True, "parallel_write_safe": False}
