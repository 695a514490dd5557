"""Renders what our extensions add to pages, from one template for each in parts/."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

PARTS = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("parts")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(name: str, **values: object) -> str:
    """Fill in one of the templates; what it is given is escaped."""
    return PARTS.get_template(name).render(values)
