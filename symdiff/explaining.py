"""The derivation of what is declared: the front door of the explain room.

In: a `Model` or `Function`, or a spec. Out: a `Derivation`. Invariant: the program that
is explained is the one that is compiled, before anything is simplified.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from symdiff.declare.model import Function, Model
from symdiff.explain.derivation import Derivation, derive
from symdiff.graph.provenance import at_site
from symdiff.pipeline import _chosen, function_program, model_program


def derivation_of(
    declared: Model | Function, wrt: Any = None, base: str | None = None
) -> Derivation:
    """Return how the gradients of a model or function by ``wrt`` come about."""
    frames = declared.site.frames
    origin = frames[0][0].co_filename if frames else "<unknown>"
    with at_site(declared.site):
        variables = _chosen(declared, wrt)
        if isinstance(declared, Model):
            program = model_program(declared, variables)
        else:
            program = function_program(declared, variables)
        return derive(program, str(PurePath(origin).parent) if base is None else base)
