"""Rendering templates: the one place that imports Jinja.

In: template names and the strings to fill in. Out: the text of a file. Invariant:
templates decide nothing about a model; an undefined name is an error.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

# The folder beside the package, where this file is part of a checkout.
_CHECKOUT = Path(__file__).resolve().parents[3]


def _source(name: str) -> str:
    """Return a template's text; code in a checkout uses the checkout's own templates.

    Looked up by its name, `symdiff.templates` would be the installed package, which may
    be another checkout.
    """
    if (_CHECKOUT / "pyproject.toml").is_file():
        return (_CHECKOUT / "templates" / name).read_text(encoding="utf-8")
    packaged = importlib.resources.files("symdiff.templates").joinpath(name)
    return packaged.read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


@lru_cache(maxsize=256)
def _template(name: str) -> Callable[..., str]:
    """Return what fills a template in; one that is text alone is left to no engine."""
    source = _source(name)
    if any(mark in source for mark in ("{{", "{%", "{#")):
        return _environment().get_template(name).render
    return lambda **values: source


def render(template: str, **values: Any) -> str:
    """Return a template's text with values filled in, one newline at its end.

    Runs of blank lines, which empty values leave, are shortened to two.
    """
    text = _template(f"{template}.j2")(**values)
    while "\n\n\n\n" in text:
        text = text.replace("\n\n\n\n", "\n\n\n")
    return text.strip("\n") + "\n"
