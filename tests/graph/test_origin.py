"""An origin is frozen, and one place in the house changes which one a tensor has."""

import ast
from pathlib import Path

import pytest

import symdiff as sd
from symdiff.graph.origin import Declared, Origin, Site, hinted, mark

PACKAGE = Path(sd.__file__).parent
SLOTS = {*Origin._fields, *Site.__slots__, "order", "origin"}


def _assigned(tree):
    """Yield the attributes that a module assigns, but those of ``self``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            yield node


def test_nothing_else_writes_what_a_tensor_was_declared_as():
    writers = {
        f"{path.relative_to(PACKAGE)}: .{node.attr}"
        for path in PACKAGE.rglob("*.py")
        for node in _assigned(ast.parse(path.read_text()))
        if node.attr in SLOTS
    }
    assert {w for w in writers if not w.startswith("grading")} == {
        "graph/origin.py: .origin",
        "graph/provenance.py: .site",  # of an error
    }


def test_an_origin_is_frozen():
    x = sd.input("x", ())
    for name in Origin._fields:
        with pytest.raises(AttributeError):
            setattr(x.origin, name, None)
    for name in ("site", "scope", "order", "label", "hint", "cotangent_of"):
        with pytest.raises(AttributeError):
            setattr(x, name, None)


def test_another_name_leaves_the_origin_that_others_read():
    x = sd.input("x", ())
    before = x.origin
    assert hinted(x, "h") is x
    assert (x.hint, before.hint) == ("h", None)
    assert isinstance(x, Declared)


def test_names_of_its_own_come_before_those_of_what_it_replaces():
    x = sd.input("x", ())
    y, z = mark(sd.sin(x), label="y"), mark(sd.cos(x), label="z", hint="inner")
    both = y.origin.or_else(z.origin, "op")
    assert (both.label, both.hint) == ("y", "inner")
    assert both.site is y.site
    assert y.origin.or_else(x.origin, "op").hint == "op"


def test_a_primal_that_both_are_derivatives_of_is_told_once():
    x = sd.input("x", ())
    y, z = sd.sin(x), sd.cos(x)
    mark(y, cotangent_of=(("d", x),))
    mark(z, cotangent_of=(("d", x), ("t", x)))
    assert y.origin.or_else(z.origin).cotangent_of == (("d", x), ("t", x))
