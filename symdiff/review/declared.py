"""What a spec declares, including what its generated code may not show.

In: a spec. Out: facts by name, and the names of the same facts in generated files.
Invariant: included are bounds that follow from use, samples that no check draws, and
the settings of training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

import sympy as sp

from symdiff.declare.init import Init
from symdiff.declare.model import Model
from symdiff.declare.spec import SpecFile
from symdiff.graph.node import array_digest
from symdiff.graph.tensor import Tensor

# Declared facts of a leaf, and the facts of generated files that show the same.
_TELLING = {
    "bounds of {}": "argument {}",
    "sample of {}": "drawn by checks: {}",
    "init of {}": "initial {}",
}


def declared_facts(spec: SpecFile) -> dict[str, str]:
    """Return the facts that a spec declares, by name."""
    model = spec.model
    kept = (*model.params.values(), *(model.states.values()))
    targets = model.targets if isinstance(model, Model) else ()
    found = dict(f for leaf in (*model.inputs, *targets, *kept) for f in _of(leaf))
    for setting in fields(spec.training):
        found[f"training {setting.name}"] = repr(getattr(spec.training, setting.name))
    return found | {f"files of {n}": ", ".join(f) for n, f in spec.files.items()}


def told_by(fact: str) -> str:
    """Return the fact of generated files that shows a change of this one, or ''."""
    for own, generated in _TELLING.items():
        start = own.format("")
        if fact.startswith(start):
            return generated.format(fact.removeprefix(start))
    return ""


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    """Return the names of facts that differ."""
    return {n for n in {*old, *new} if old.get(n) != new.get(n)}


def _of(leaf: Tensor) -> Iterator[tuple[str, str]]:
    attrs, name = leaf.node.attrs, str(leaf.name)
    low, high = attrs.get("low"), attrs.get("high")
    said = [f"from {low}"] if low is not None else []
    said += [f"below {high}"] if high is not None else []
    if said:
        yield f"bounds of {name}", " ".join(said)
    for attr in ("sample", "init"):
        if isinstance(value := attrs.get(attr), Init):
            yield f"{attr} of {name}", _drawn(value, leaf)


def _drawn(value: Init, leaf: Tensor) -> str:
    """Return the draw of an initial value; as NumPy text where lengths are known."""
    if value.array is not None:
        return f"array {array_digest(value.array)[:16]}"
    lengths = [d for d in leaf.shape if isinstance(d, sp.Expr)]
    return repr(value) if lengths else value.draw_text(tuple(map(int, leaf.shape)))
