"""How objects show themselves in notebooks; loaded when one is first shown.

In: a tensor, a model or function, or a compiled package. Out: HTML, LaTeX
or text. Invariant:
nothing is differentiated or generated for it.
"""

from __future__ import annotations

from typing import Any

from symdiff.compiler.compilation import Compilation
from symdiff.compiler.programs import output_names
from symdiff.declare.model import Function, Model
from symdiff.explain import notebook
from symdiff.explain.derivation import Derivation
from symdiff.explain.explanation import forward_of
from symdiff.graph.tensor import Tensor, tensor_topological


def html(thing: Any) -> str | None:
    """Return the HTML that a notebook shows, or None for any other object."""
    match thing:
        case Tensor():
            return notebook.tensor_html(thing)
        case Model() | Function():
            size = len(tensor_topological(thing.roots))
            drawn: Derivation | None = None
            if size <= 4 * notebook.DRAWN:  # some nodes have no box
                drawn = forward_of(thing)
            return notebook.declared_html(thing, output_names(thing), drawn, size)
        case Compilation():
            return notebook.package_html(thing.name, thing.files)
    return None


def text(thing: Any) -> str | None:
    """Return the equations as text, for terminals and where nothing typesets them."""
    match thing:
        case Tensor():
            return notebook.tensor_text(thing)
        case Model() | Function():
            return notebook.declared_text(thing, output_names(thing))
    return None


def latex(thing: Any) -> str | None:
    """Return the LaTeX to typeset where HTML is not shown, as in a PDF."""
    match thing:
        case Tensor():
            return notebook.tensor_latex(thing)
        case Model() | Function():
            return notebook.declared_latex(thing, output_names(thing))
    return None
