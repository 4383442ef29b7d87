"""Names for generated code: the user's own where there is one, and always unique.

In: tensors and the resolver of their statements. Out: Python identifiers. Invariant:
names depend on the declaration alone (not on ids, hashes or what was compiled before),
leaves and dims are named first, and no name shadows a keyword, a builtin or a name the
templates use.
"""

from __future__ import annotations

import builtins
import copy
import keyword
import re
import unicodedata
from collections.abc import Iterable

from symdiff.emit.lower.source import Resolver
from symdiff.graph.counted import is_counted
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import dim
from symdiff.ops.core.tuples import ITEM

# Names that generated modules use for themselves: modules, functions, classes, tables.
_OWN = """
np math json os sys pathlib functools threading zipfile zlib
contextlib glob hashlib
params grads residuals state key self
forward backward loss_and_residuals value_and_grad forward_with_residuals metrics
evaluate init_params init_state train_step compute_grads apply_update fit save load
verify predict main save_checkpoint load_checkpoint Residuals Outputs Gradients
TrainState annotations
PARAMS ARGUMENTS INPUTS TARGETS BUFFERS HYPER SLOTS DATA FROZEN GROUPS MAX_NORM SMOOTH
averaged_params BOUNDS IGNORED
MODEL KINDS CHECKSUM PROGRESS
"""
# Locals of the functions of train.py that take a model's arguments.
LOCALS = frozenset(
    [
        "name",
        "file",
        "value",
        "found",
        "lengths",
        "plan",
        "scratch",
        "flat",
        "loss",
        "updates",
        "gradients",
        "gradient",
        "hyper",
        "slots",
        "planned",
        "parts",
        "data",
        "total",
    ]
)
RESERVED = frozenset(_OWN.split()) | frozenset(
    [*keyword.kwlist, *keyword.softkwlist, *dir(builtins)]
)


def identifier(text: str, avoid: frozenset[str] = RESERVED) -> str:
    """Return the nearest valid identifier to any text, never a keyword or builtin."""
    name = re.sub(r"\W", "_", unicodedata.normalize("NFKC", text))
    name = re.sub(r"_{3,}", "__", name)
    if not name.strip("_"):
        name = "value"
    name = name.lstrip("_") if name.startswith("_") else name
    if not name or not (name[0].isalpha() or name[0] == "_"):
        name = f"v{name}"
    if not name.isidentifier():
        name = "".join(c if f"a{c}".isidentifier() else "_" for c in name)
        name = name if name.isidentifier() else f"v_{name}"
    return f"{name}_" if name in avoid else name


def user_name(tensor: Tensor, resolver: Resolver) -> str | None:
    """Return the name the user gave a tensor: name=, or the target of its statement."""
    if tensor.node.op.leaf:
        return str(tensor.node.attrs["name"])
    return tensor.label or resolver.target(tensor)


class Names:
    """The names of one generated package, handed out on first use."""

    def __init__(
        self,
        resolver: Resolver,
        leaves: Iterable[Tensor],
        dims: Iterable[str],
        arguments: Iterable[Tensor] = (),
        words: Iterable[str] = (),
    ) -> None:
        """Name the leaves.

        ``arguments`` are those that train.py's functions take; ``words`` are names that
        are already used for something else.
        """
        self._resolver = resolver
        self._used: set[str] = set(words)
        self._counts: dict[str, int] = {}  # keeps claiming linear when a name recurs
        self._by_node: dict[Node, str] = {}
        self._dims: dict[str, str] = {}
        taken = {t.node for t in arguments}
        for leaf in leaves:
            avoid = RESERVED | LOCALS if leaf.node in taken else RESERVED
            wanted = identifier(leaf.node.attrs["name"] or "draw", avoid)
            self._by_node[leaf.node] = self.claim(wanted)
        for length in dims:
            self._dims[length] = self.claim(identifier(length))

    def claim(self, name: str) -> str:
        """Take ``name``, or the first of name_2, name_3, … that is free; return it."""
        unique, count = name, self._counts.get(name, 1)
        while unique in self._used or unique in RESERVED:
            count += 1
            unique = f"{name}_{count}"
        self._counts[name] = count
        self._used.add(unique)
        return unique

    def copy(self, taken: frozenset[str]) -> Names:
        """Return a copy of these names, to which more can be added.

        A leaf or dim that has one of the ``taken`` names gets another one in the copy.
        """
        made = copy.copy(self)
        made._used, made._counts = set(self._used), dict(self._counts)
        made._by_node, made._dims = dict(self._by_node), dict(self._dims)
        made._rename(taken)
        return made

    def _rename(self, taken: frozenset[str]) -> None:
        for named in (self._by_node, self._dims):
            for key, name in named.items():
                if name in taken:
                    named[key] = self.claim(f"{name}_")  # type: ignore[index]

    def dim(self, name: str) -> str:
        """Return the variable that holds a symbolic length."""
        if name not in self._dims:
            wish = "steps" if is_counted(dim(name)) else name
            self._dims[name] = self.claim(identifier(wish))
        return self._dims[name]

    def of(self, tensor: Tensor) -> str:
        """Return the tensor's name, claiming one at the first call."""
        node = tensor.node
        if node not in self._by_node:
            self._by_node[node] = self.claim(identifier(self.wish(tensor)))
        return self._by_node[node]

    def prefer(self, tensor: Tensor, name: str) -> None:
        """Give a tensor that has no name yet this one, or the next that is free."""
        if tensor.node not in self._by_node:
            self._by_node[tensor.node] = self.claim(name)

    def nodes(self) -> dict[str, Node]:
        """Return the values that have been named so far, by name."""
        return {name: node for node, name in self._by_node.items()}

    def known(self, tensor: Tensor) -> str | None:
        """Return the name a tensor has been given, if any."""
        return self._by_node.get(tensor.node)

    def user_name(self, tensor: Tensor) -> str | None:
        """Return the name the user gave a tensor: name=, or its statement's target."""
        return user_name(tensor, self._resolver)

    def wish(self, tensor: Tensor) -> str:
        """Return the name a tensor should have if it is free."""
        own = self.user_name(tensor)
        if own:
            return own
        if tensor.cotangent_of:
            prefix, primal = self._best_primal(tensor)
            known = self._by_node.get(primal.node)
            return f"{prefix}_{known or identifier(self.wish(primal))}"
        source = tensor.parents[0].node if tensor.parents else None
        if tensor.node.op is ITEM and source and "carries" in source.attrs:
            return self._loop_result(tensor)
        op = tensor.node.op
        base = tensor.hint or op.hint or op.facts.word or op.name
        return "_".join((*tensor.scope, base))

    def _loop_result(self, tensor: Tensor) -> str:
        """Return the name of a loop's result: its carry's, or its stacked value's."""
        attrs, index = tensor.parents[0].node.attrs, tensor.node.attrs["index"]
        body, carries = attrs["body"], attrs["carries"]
        if index < carries:
            return str(body.params[index].name)
        if "steps" in attrs:
            return f"{body.params[index - carries].name}_steps"
        return f"{self.wish(body.outputs[index])}_steps"

    def _best_primal(self, tensor: Tensor) -> tuple[str, Tensor]:
        """Return the first primal that the user named, else the first of all."""
        named = [c for c in tensor.cotangent_of if self.user_name(c[1])]
        return (named or tensor.cotangent_of)[0]

    def is_cotangent_of_named(self, tensor: Tensor) -> bool:
        """Whether a tensor is the whole cotangent of something the user named."""
        return any(self.user_name(primal) for _, primal in tensor.cotangent_of)
