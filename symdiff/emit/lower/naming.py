"""Names for generated code: the user's own where there is one, and always unique.

In: tensors and the resolver of their statements. Out: Python identifiers. Invariant:
names depend on the declaration alone (not on ids, hashes or what was compiled before),
and leaves and dims are named first.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Set

from symdiff.emit.lower.describing import (
    LONGEST,
    described,
    loop_result,
    root_of,
    varies,
)
from symdiff.emit.lower.identifiers import LOCALS, RESERVED, identifier
from symdiff.emit.lower.source import Resolver
from symdiff.graph.counted import is_counted
from symdiff.graph.node import Node
from symdiff.graph.origin import FAN_OUT
from symdiff.graph.tensor import Tensor, in_order
from symdiff.graph.types import dim
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.tuples import ITEM


def user_name(tensor: Tensor, resolver: Resolver) -> str | None:
    """Return the name the user gave a tensor: name=, or the target of its statement."""
    op = tensor.node.op
    if op.leaf and op is not BOUND and not op.facts.draws:
        return str(tensor.node.attrs["name"])
    return tensor.label or resolver.target(tensor)


def _is_of_scope(tensor: Tensor, name: str | None) -> bool:
    """Whether a name is that of the innermost scope: the value is the scope's own."""
    return bool(tensor.scope) and name == tensor.scope[-1]


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
        self._turns = False  # whether this is the body of a loop
        self._every: dict[Node, str] = {}  # values of the whole function by node,
        self._marks: dict[int, str] = {}  # and by the marks of their declarations
        self._stacked: dict[Node, str] = {}  # what a stack stacks
        self._before: set[str] = set()  # names of carries before a step
        self._unwritten: dict[Node, str] = {}  # only their cotangents have a statement
        self.rows: dict[object, str] = {}  # by mark: rows that are read as x[t]
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
        made._before = set(self._before)
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

    def inside(self, *, turns: bool = True) -> Names:
        """Return the names inside a loop or branch, which can be used again after it.

        A listing's values are in both. What a turn of a loop (``turns``) adds to the
        cotangent of a value from outside is a part.
        """
        made = copy.copy(self)
        made._used, made._counts = set(self._used), dict(self._counts)
        made._by_node, made._turns = dict(self._by_node), turns or self._turns
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
        return self._give(tensor, self._local(self._said(tensor)))

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
        """Give a tensor the name of a variable, such as one whose value it replaces."""
        self._used.add(name)
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

    def previous(self, tensor: Tensor, carry: str) -> None:
        """Name the stack of a carry as it is before each step: ``h_prev``."""
        self._before.add(f"{carry}_prev")
        self.stack(tensor, f"{carry}_prev")

    def before(self, name: str) -> str:
        """Return the name of a carry as it is before a step, h_prev if there is one."""
        known = self._before | (self._values._before if self._values else set())
        return wanted if (wanted := f"{name}_prev") in known else name

    def share(self, tensor: Tensor, stack: Tensor) -> None:
        """Give a stack the name of another one of the same values."""
        self._stacked[tensor.node] = self._stacked[stack.node]
        self._give(tensor, self.of(stack))

    def stacked(self, tensor: Tensor) -> str | None:
        """Return the name of the value whose stack a tensor is, if it is one."""
        found = self._stacked.get(tensor.node)
        if found is None and self._values is not None:
            found = self._values._stacked.get(tensor.node)
        return found

    def reserve_results(self, results: Iterable[tuple[str, Tensor]]) -> None:
        """Name results that have no name after what they are returned as."""
        for key, t in results:
            name, op = identifier(key), t.node.op
            told = op.leaf or t.hint or op.hint or t.node in self._by_node
            if not told and self.is_free(name):
                self._give(t, self._claim(name, frozenset()))

    # --- looking up -------------------------------------------------------------------

    def _of_value(self, tensor: Tensor) -> str | None:
        """Return the name that a value has in this function or in that of the values.

        A pass may have replaced it: then it is known by the mark of its declaration.
        """
        for names in filter(None, (self, self._values)):
            if tensor.node in names._every:
                return names._every[tensor.node]
            for told in tensor.origin.marks:
                if told in names._marks:
                    return names._marks[told]
        same = tensor.node.op.text == "_0" and not self.user_name(tensor)
        same = same and not self._is_row(tensor)
        return self._of_value(tensor.parents[0]) if same else None

    def _is_row(self, tensor: Tensor) -> bool:
        """Whether a value is a row of another one, and has no name of its own."""
        is_row = tensor.node.op.facts.row is not None
        return is_row and not self.user_name(tensor.parents[0])

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
            turn = self._turns and tensor.node.op is not BOUND
            turn = turn and not varies(primal)
            return f"{prefix}_{self._value(primal)}" + "_t" * turn
        if tensor.node.op is BOUND:
            return str(tensor.node.attrs["name"])
        source = tensor.parents[0].node if tensor.parents else None
        if tensor.node.op is ITEM and source and "carries" in source.attrs:
            return loop_result(tensor, self.wish)
        base = tensor.hint or tensor.node.op.hint or self._described(tensor)
        if not base:
            op, root = tensor.node.op, self._root(tensor)
            word = op.facts.word or op.title
            several = len(tensor.parents) > 1  # of one, it would name the operand
            base = f"{word}_{root}" if several and root is not None else word
            base = base if len(base) <= LONGEST else word
        whole = _is_of_scope(tensor, base)
        return "_".join(tensor.scope if whole else (*tensor.scope, base))

    def _root(self, tensor: Tensor) -> str | None:
        """Return the name of what a tensor is computed from first, if it is short."""
        root = root_of(tensor, self._bare_in(tensor.scope))
        return None if root is None or root[-1].isdigit() else root

    def _described(self, tensor: Tensor) -> str | None:
        """Return a name that says what a tensor is, without its scope."""
        bare = self._bare_in(tensor.scope)
        was = tensor.origin.was
        found = None if was is None else described(was, bare)
        return found or described(tensor, bare) or self._on_the_way(tensor)

    def _on_the_way(self, tensor: Tensor) -> str | None:
        """Return a name of a part of a cotangent, after the rule that it belongs to."""
        site = tensor.site
        if site.primal is None:
            return None
        bare = self._bare_in(tensor.scope)
        of = bare(site.primal) or described(site.primal, bare)
        if of is None or len(of) > LONGEST:
            return None
        return f"{of}_share" if site.rule == FAN_OUT else f"via_{of}"

    def _bare_in(self, scope: tuple[str, ...]) -> Callable[[Tensor], str | None]:
        """Return a function to the names of values without the prefix of a scope."""
        prefix = identifier("_".join(scope)) + "_" if scope else ""

        def bare(tensor: Tensor) -> str | None:
            found = self.known(tensor) or self.user_name(tensor) or tensor.hint
            return None if found is None else identifier(found).removeprefix(prefix)

        return bare

    def _said(self, tensor: Tensor) -> str:
        """Return the name to claim: if its wish is taken, that with what it is of."""
        name = identifier(self.wish(tensor))
        if self.is_open(name) or tensor.cotangent_of or self.user_name(tensor):
            return name
        if _is_of_scope(tensor, tensor.hint) and self.is_open(f"{name}_z"):
            return f"{name}_z"  # the user's name for what is made of it
        if self._turns and self.is_open(f"{name}_t"):
            return f"{name}_t"  # of this step
        root = self._root(tensor) if tensor.hint or tensor.node.op.hint else None
        if root is None or name.endswith(root) or len(name + root) > 2 * LONGEST:
            return name
        longer = identifier(f"{name}_{root}")
        return longer if self.is_open(longer) else name

    def is_open(self, name: str) -> bool:
        """Whether nothing in the file has a name."""
        taken = name in self._used or name in RESERVED
        return not taken and (self._values is None or name not in self._values._ever)

    def _value(self, tensor: Tensor) -> str:
        """Return the name of a value; one that has none gets it for its cotangent."""
        known = self._of_value(tensor) or self._unwritten.get(tensor.node)
        if known is not None:
            return known
        others = frozenset() if self._values is None else self._values._ever
        name = identifier(self.wish(tensor))
        if name in self._ever | others and _is_of_scope(tensor, tensor.hint):
            name = f"{name}_z"
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
