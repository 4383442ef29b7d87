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
from collections.abc import Iterable, Set

from symdiff.emit.lower.source import Resolver
from symdiff.graph.counted import is_counted
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, in_order
from symdiff.graph.types import dim
from symdiff.ops.core.leaf import BOUND
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
MODEL KINDS CHECKSUM PROGRESS LOOP State
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
    if tensor.node.op.leaf and tensor.node.op is not BOUND:
        return str(tensor.node.attrs["name"])
    return tensor.label or resolver.target(tensor)


class Names:
    """The names of one function, or those that all functions of a package share.

    The leaves and lengths of a package are named first, and `function` returns the
    names of one of its functions. There a name stands for one value, except that
    `inside` loops, one after the other, names are used again.
    """

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
        self._used: set[str] = set(words)  # at the place that is being written
        self._ever: set[str] = set(words)  # anywhere in the function
        self._counts: dict[str, int] = {}  # keeps claiming linear when a name recurs
        self._by_node: dict[Node, str] = {}
        self._dims: dict[str, str] = {}
        self._values: Names | None = None
        self._every: dict[Node, str] = {}  # values of the whole function by node,
        self._marks: dict[int, str] = {}  # and by the marks of their declarations
        self._stacked: dict[Node, str] = {}  # what a stack stacks
        # values without a statement, whose cotangents have one
        self._unwritten: dict[Node, str] = {}
        self._listed: dict[str, Node] = {}
        taken = {t.node for t in arguments}
        for leaf in leaves:
            avoid = RESERVED | LOCALS if leaf.node in taken else RESERVED
            wanted = identifier(leaf.node.attrs["name"] or "draw", avoid)
            self._give(leaf, self.claim(wanted))
        for length in dims:
            self._dims[length] = self.claim(identifier(length))

    # --- scopes -----------------------------------------------------------------------

    def copy(self, taken: frozenset[str] = frozenset()) -> Names:
        """Return a copy of these names, to which more can be added.

        A leaf or dim that has one of the ``taken`` names gets another one in the copy.
        """
        made = copy.copy(self)
        made._used, made._counts = set(self._used), dict(self._counts)
        made._ever = set(self._ever)
        made._by_node, made._dims = dict(self._by_node), dict(self._dims)
        made._every, made._marks = dict(self._every), dict(self._marks)
        made._unwritten = dict(self._unwritten)
        made._listed, made._stacked = dict(self._listed), dict(self._stacked)
        made._rename(taken)
        return made

    def function(self, values: Names | None = None) -> Names:
        """Return the names of a further function.

        ``values`` are those of a function of the same file, which computes values whose
        cotangents this one computes. Such a value has one name in both.
        """
        made = self.copy()
        made._values = values
        return made

    def inside(self) -> Names:
        """Return the names inside a loop or branch, which can be used again after it.

        What is looked up later, such as the values of a listing, is in both.
        """
        made = copy.copy(self)
        made._used, made._counts = set(self._used), dict(self._counts)
        made._by_node = dict(self._by_node)
        return made

    def _rename(self, taken: frozenset[str]) -> None:
        for named in (self._by_node, self._dims):
            for key, name in named.items():
                if name in taken:
                    named[key] = self.claim(f"{name}_")  # type: ignore[index]
        self._listed = {name: node for node, name in self._by_node.items()}

    # --- claiming ---------------------------------------------------------------------

    def claim(self, name: str) -> str:
        """Take ``name``, or the first of name_2, name_3, … that is free; return it.

        It is free if nothing in the whole function has it.
        """
        return self._claim(name, self._ever)

    def counter(self, name: str) -> str:
        """Take a name for a variable of a loop, which other loops may use as well."""
        return self._claim(name, frozenset())

    def _claim(self, name: str, avoid: Set[str]) -> str:
        unique, count = name, self._counts.get(name, 1)
        while unique in self._used or unique in RESERVED or unique in avoid:
            count += 1
            unique = f"{name}_{count}"
        self._counts[name] = count
        self._used.add(unique)
        self._ever.add(unique)
        return unique

    def _local(self, name: str) -> str:
        """Take a name for a value, which no other value of the file has."""
        others = frozenset() if self._values is None else self._values._ever
        return self._claim(name, others)

    def _give(self, tensor: Tensor, name: str) -> str:
        self._by_node[tensor.node] = name
        self._every.setdefault(tensor.node, name)
        for told in tensor.origin.marks:
            self._marks.setdefault(told, name)
        self._listed.setdefault(name, tensor.node)
        return name

    def dim(self, name: str) -> str:
        """Return the variable that holds a symbolic length."""
        if name not in self._dims:
            wish = "steps" if is_counted(dim(name)) else name
            self._dims[name] = self.claim(identifier(wish))
        return self._dims[name]

    def of(self, tensor: Tensor) -> str:
        """Return the tensor's name, claiming one at the first call."""
        node = tensor.node
        if node in self._by_node:
            return self._by_node[node]
        known = self._of_value(tensor)
        if known is not None and known not in self._used:
            self._used.add(known)
            self._ever.add(known)
            return self._give(tensor, known)
        return self._give(tensor, self._local(identifier(self.wish(tensor))))

    def prefer(self, tensor: Tensor, name: str) -> None:
        """Give a tensor that has no name yet this one, or the next that is free."""
        if tensor.node not in self._by_node:
            self._give(tensor, self._claim(name, frozenset()))

    def reserve(self, tensors: Iterable[Tensor]) -> None:
        """Name those of some tensors that the user named, before any other value."""
        for t in in_order(tensors):
            if not t.node.op.leaf and self.user_name(t):
                self.of(t)

    def is_free(self, name: str) -> bool:
        """Whether nothing has a name at this place."""
        return name not in self._used

    def take(self, tensor: Tensor, name: str) -> None:
        """Give a tensor the name of a variable whose value it replaces."""
        self._give(tensor, name)

    def alias(self, tensor: Tensor, name: str, *, anew: bool = False) -> None:
        """Note the name under which a tensor is read, such as that of an operand.

        With ``anew`` it had another name before.
        """
        if anew or tensor.node not in self._every:
            self._every[tensor.node] = name
            self._marks.update(dict.fromkeys(tensor.origin.marks, name))

    def has_own_name(self, tensor: Tensor) -> bool:
        """Whether the user named a tensor, or the value whose cotangent it is."""
        return bool(self.user_name(tensor)) or bool(tensor.cotangent_of)

    def wanted(self, tensor: Tensor) -> str:
        """Return the name that a tensor gets if it is free."""
        known = None if tensor.cotangent_of else self._of_value(tensor)
        return known or identifier(self.wish(tensor))

    def stack(self, tensor: Tensor, row: str) -> None:
        """Name the stack of a value of all steps after the value, its row."""
        self._stacked[tensor.node] = row
        if tensor.node not in self._by_node:
            self._give(tensor, self.claim(f"{row}_steps"))

    def stacked(self, tensor: Tensor) -> str | None:
        """Return the name of the value whose stack a tensor is, if it is one."""
        found = self._stacked.get(tensor.node)
        if found is None and self._values is not None:
            found = self._values._stacked.get(tensor.node)
        return found

    # --- looking up -------------------------------------------------------------------

    def _of_value(self, tensor: Tensor) -> str | None:
        """Return the name that a value has in this function or in that of the values.

        A pass may have replaced it: then it is known by the mark of its declaration.
        """
        for names in (self, self._values):
            if names is None:
                continue
            if tensor.node in names._every:
                return names._every[tensor.node]
            for told in tensor.origin.marks:
                if told in names._marks:
                    return names._marks[told]
        return None

    def nodes(self) -> dict[str, Node]:
        """Return the values that have been named so far, by name."""
        return dict(self._listed)

    def known(self, tensor: Tensor) -> str | None:
        """Return the name a tensor has been given, if any."""
        return self._by_node.get(tensor.node) or self._of_value(tensor)

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
            return f"{prefix}_{self._value(primal)}"
        if tensor.node.op is BOUND:
            return str(tensor.node.attrs["name"])
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
            leaf = body.params[index]
            part = leaf.node in body.outputs[index].node.inputs and leaf.cotangent_of
            return f"{self.wish(leaf)}_part" if part else self.wish(leaf)
        if "steps" in attrs:
            return f"{body.params[index - carries].name}_steps"
        return f"{self.wish(body.outputs[index])}_steps"

    def _value(self, tensor: Tensor) -> str:
        """Return the name of a value; one that has none gets it for its cotangent."""
        known = self._of_value(tensor) or self._unwritten.get(tensor.node)
        if known is not None:
            return known
        others = frozenset() if self._values is None else self._values._ever
        name = identifier(self.wish(tensor))
        unique, count = name, 1
        while unique in self._ever or unique in others or unique in RESERVED:
            count += 1
            unique = f"{name}_{count}"
        self._ever.add(unique)
        self._unwritten[tensor.node] = unique
        return unique

    def _best_primal(self, tensor: Tensor) -> tuple[str, Tensor]:
        """Return the first primal that the user named, else the first of all."""
        named = [c for c in tensor.cotangent_of if self.user_name(c[1])]
        return (named or tensor.cotangent_of)[0]

    def is_cotangent_of_named(self, tensor: Tensor) -> bool:
        """Whether a tensor is the whole cotangent of something the user named."""
        return any(self.user_name(primal) for _, primal in tensor.cotangent_of)
