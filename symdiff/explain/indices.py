"""Names of the values in loops and branches: with the indices of the steps.

In: the graph around, and a body. Out: for each value its name with its indices, such as
``h[t]``, and its term. Invariant: what does not change from step to step has no index
and the name that it has outside; names that differ are written differently.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from symdiff.emit.lower.identifiers import identifier
from symdiff.emit.lower.naming import Names
from symdiff.emit.modules.bodies import Unit
from symdiff.emit.python import code as py
from symdiff.explain.formulas import Term
from symdiff.explain.symbols import apart, symbol
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.tex import Tex

LETTERS = "tskrjmn"
Indices = tuple[str, ...]


def letter(taken: Collection[str]) -> str:
    """Return the index of a loop, which nothing else is called."""
    free = (f"{c}{n}" for n in ("", *range(1, 99)) for c in LETTERS)
    return next(name for name in free if name not in taken)


@dataclass
class Labels:
    """Names with indices; ``symbols`` gets the TeX of each."""

    symbols: dict[str, str]
    _bases: dict[str, str] = field(default_factory=dict)  # the TeX of bare names alike

    def tell_apart(self, backs: Mapping[str, str]) -> None:
        """Note which bare names look alike; ``backs`` has them by their cotangents."""
        self._bases.update(apart(backs.values(), backs))

    def of(self, base: str, indices: Sequence[str]) -> str:
        """Return a name with its indices."""
        tex = self._bases.get(base) or symbol(base).tex
        if not indices:
            if base in self._bases:
                self.symbols[base] = tex
            return base
        found = f"{base}[{', '.join(indices)}]"
        self.symbols[found] = below(tex, indices)
        return found

    def term(self, base: str, indices: Sequence[str]) -> Term:
        """Return the term of a name with its indices."""
        return called(self.of(base, indices))


def apart_from(name: str) -> tuple[str, Indices]:
    """Return a name without its indices, and these."""
    base, _, rest = name.partition("[")
    return base, tuple(rest[:-1].split(", ")) if rest else ()


def called(name: str) -> Term:
    """Return the term of a name that may have indices."""
    return Term(py.Name(name), Tex(symbol(name).tex))


def below(tex: str, indices: Sequence[str]) -> str:
    """Return TeX with indices, after those that it has."""
    told = ", ".join(
        rf"\mathrm{{{i}}}" if len(i) > 1 and i.isalpha() else i for i in indices
    )
    start = _script(tex)
    if start is None:
        return f"{tex}_{{{told}}}"
    return f"{tex[:start]}_{{{tex[start + 2 : -1]}, {told}}}"


def _script(tex: str) -> int | None:
    """Return where the index of a symbol begins, which is the last thing in it."""
    if not tex.endswith("}"):
        return None
    depth = 0
    for at in range(len(tex) - 1, 0, -1):
        depth += {"}": 1, "{": -1}.get(tex[at], 0)
        if not depth:
            return at - 1 if tex[at - 1] == "_" else None
    return None


class Bases:
    """The bare names of a body's values, none of which a value around it has."""

    def __init__(self, unit: Unit, taken: Collection[str]) -> None:
        """Take the names that are used around the body."""
        self._taken = {apart_from(name)[0] for name in taken}
        self._names = Names(unit.resolver, (), ())
        self.of: dict[Node, str] = {}

    def outer(self, leaf: Tensor, name: str) -> None:
        """Give a leaf the name that its operand has outside."""
        self._names.claim(name) if self._names.is_free(name) else None
        self._names.take(leaf, name)
        self.of[leaf.node] = name

    def give(self, tensor: Tensor, wish: str) -> str:
        """Give a value a name of its own."""
        found = self._names.claim(identifier(wish))
        self._names.take(tensor, found)
        self.of[tensor.node] = found
        return found

    def same(self, tensor: Tensor, name: str) -> None:
        """Give a value the name of another one, which has other indices."""
        self._names.take(tensor, name)
        self.of[tensor.node] = name

    def wanted(self, tensor: Tensor) -> str | None:
        """Return the name that the user gave a value."""
        return self._names.user_name(tensor)

    def rest(self, order: Sequence[Tensor], varying: Collection[Node]) -> None:
        """Name all other values."""
        self._names.reserve([t for t in order if t.node not in self.of])
        for tensor in order:
            if tensor.node in self.of:
                continue
            name = self._names.of(tensor)
            while tensor.node not in varying and name in self._taken:
                name = self._names.claim(f"{name}_2")
            self.of[tensor.node] = name

    def backs(self) -> dict[Node, str]:
        """Return bare names for the cotangents of values."""
        taken = set(self.of.values())
        found: dict[Node, str] = {}
        for node, name in self.of.items():
            back = f"d_{name}"
            while back in taken:
                back += "_"
            found[node] = back
        return found
