"""Docstrings of the public API are numpydoc, and say what is so."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from docstrings import HEADING, PROSE, SECTIONS, entries, parameters, public, sections

import symdiff as sd
from symdiff import transforms

PUBLIC = public()
# What needs no words: operands, and arguments that are NumPy's.
WORDS = """x y a b other value values tensors operands shape dtype axis axes keepdims
    name init where size index indices"""
PLAIN = frozenset(WORDS.split())
GREEK = {"alpha": "α", "delta": "δ", "beta": "β", "eps": "ε", "gamma": "γ"}
# The docstring of a room explains what its functions share.
ROOMS = {
    "functional": str(inspect.getdoc(sd.nn)),
    "optim": str(inspect.getdoc(sd.optim)),
    "schedules": str(inspect.getdoc(sd.optim.schedules)),
    "transforms": str(inspect.getdoc(transforms)),
}
# Classes whose objects other functions make.
MADE_INSIDE = {
    "sd.Tensor",
    "symdiff.declare.init.Init",
    "symdiff.declare.optim.hyper_leaves",
    "transforms.Transformed",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_summary_line(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    summary = text.split("\n\n")[0]
    assert summary, f"{name} has no docstring"
    assert summary.endswith((".", ":")), f"{name}: {summary!r} is no sentence"
    assert summary.count("\n") < 3, f"{name}: a summary of more than two lines"


@pytest.mark.parametrize("name", PUBLIC)
def test_sections_are_numpydocs(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    for title, rule in HEADING.findall(text):
        assert title in SECTIONS, f"{name}: {title!r} is no section of numpydoc"
        assert len(rule) == len(title), f"{name}: the rule below {title!r}"
    assert not PROSE.search(text), f"{name}: say what it raises in a section"


@pytest.mark.parametrize("name", PUBLIC)
def test_parameters_are_those_of_the_signature(name: str) -> None:
    known = parameters(PUBLIC[name])
    found = sections(inspect.getdoc(PUBLIC[name]) or "")
    told = entries(found.get("Parameters", []))
    if not told:
        return
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
    names = [stars.get(p.kind.name, "") + n for n, p in known.items()]
    assert list(told) == names
    for parameter, said in told.items():
        assert said, f"{name}: nothing is said of {parameter}"


@pytest.mark.parametrize("name", [n for n in PUBLIC if n not in MADE_INSIDE])
def test_every_parameter_is_explained_or_plain(name: str) -> None:
    last = name.rpartition(".")[2]
    if hasattr(np, last) or hasattr(np.linalg, last) or hasattr(np, last[3:]):
        return  # its arguments are NumPy's
    text = _read(name)
    silent = [
        n
        for n in parameters(PUBLIC[name])
        if n not in PLAIN and not n.startswith("_") and not _mentioned(n, text)
    ]
    assert not silent, f"{name} does not say what {', '.join(silent)} is"


def _read(name: str) -> str:
    """Return a docstring with what it refers to: its room, its update, `others`."""
    thing = PUBLIC[name]
    text = inspect.getdoc(thing) or ""
    others = [PUBLIC.get(f"sd.{n}") for n in re.findall(r"`(\w+)`", text)]
    more = [thing, *filter(None, others), getattr(thing, "update", None)]
    told = [inspect.getdoc(t) for t in more if t is not None]
    return "\n".join([*map(str, told), ROOMS.get(name.split(".")[-2], "")])


def _mentioned(name: str, text: str) -> bool:
    """Whether a text has a name, as it is, in words or as the letter of a formula."""
    words = name.replace("_", "[ _-]?")
    letter = GREEK.get(name, "")
    found = re.search(rf"\b{words}(?:s|es)?\b", text, re.I)
    return bool(found) or (bool(letter) and letter in text)
