"""Names of values after what they are: ``z_minus_t``, ``x_W1``, ``tanh_c``.

In: a tensor that nobody named, and the names of its operands. Out: a name made of its
op's word and of theirs, if that is short. Invariant: it says what is computed, in the
words of the op's record; there is no list of ops here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import LITERAL, is_given
from symdiff.ops.core.text import op_text
from symdiff.ops.core.tuples import ITEM

LONGEST = 20  # characters of a name that is made of others
_NUMBERS = {0.5: "half", 1: "one", 2: "two", 3: "three"}

_COTANGENT = re.compile(r"^((?:d_)+)")
_LETTER = re.compile("[A-Za-z][A-Z]*")  # as in `x @ W`, `K @ C @ P`
NameOf = Callable[[Tensor], "str | None"]


def described(tensor: Tensor, name_of: NameOf) -> str | None:
    """Return a name made of the op's word and the operands' names, None if long."""
    made = _made(tensor, _short(name_of), 0)
    return made if made is not None and len(made) <= LONGEST else None


def root_of(tensor: Tensor, name_of: NameOf) -> str | None:
    """Return the name of the first named value that a tensor is computed from."""
    found = _first_named(tensor, _apart_from(tensor, name_of))
    return _first_named(tensor, name_of) if found in (None, tensor.hint) else found


def _first_named(tensor: Tensor, name_of: NameOf) -> str | None:
    waiting, seen = list(tensor.parents), set[Tensor]()
    while waiting and len(seen) < LONGEST:
        current = waiting.pop(0)
        name = None if is_given(current.node) else _short(name_of)(current)
        if name is not None:
            return name if len(name) <= LONGEST else None
        if current not in seen:
            seen.add(current)
            waiting = [*current.parents, *waiting]
    return None


def _apart_from(tensor: Tensor, name_of: NameOf) -> NameOf:
    """Return names, but for those of parts of the composite that a tensor is part of.

    The e and the s of a softmax are called after what it is the softmax of. A scope
    says that already.
    """
    primal = tensor.site.primal
    sites = (tensor.site, tensor.site if primal is None else primal.site)

    def known(other: Tensor) -> str | None:
        part = other.hint and not tensor.scope and other.site in sites
        return None if part else name_of(other)

    return known


def varies(tensor: Tensor) -> bool:
    """Whether a value is one of a loop's body."""
    waiting, seen = [tensor], set[Node]()
    while waiting:
        current = waiting.pop()
        if current.node.op is BOUND:
            return True
        if current.node not in seen:
            seen.add(current.node)
            waiting += current.parents
    return False


def loop_result(tensor: Tensor, wish: Callable[[Tensor], str]) -> str:
    """Return the name of a loop's result: its carry's, or its stacked value's."""
    attrs, index = tensor.parents[0].node.attrs, tensor.node.attrs["index"]
    body, carries = attrs["body"], attrs["carries"]
    if index < carries:
        leaf = body.params[index]
        part = leaf.node in body.outputs[index].node.inputs and leaf.cotangent_of
        return f"{wish(leaf)}_part" if part else wish(leaf)
    if "steps" in attrs:
        return f"{body.params[index - carries].name}_steps"
    return f"{wish(body.outputs[index])}_steps"


def _short(name_of: NameOf) -> NameOf:
    """Return names in which a cotangent d_h is written dh: a product of it is none."""

    def short(tensor: Tensor) -> str | None:
        name = name_of(tensor)
        if name is None or not name.startswith("d_"):
            return name
        return _COTANGENT.sub(_joined, name)

    return short


def _joined(match: re.Match[str]) -> str:
    return match.group(1).replace("_", "")


def _made(tensor: Tensor, name_of: NameOf, depth: int) -> str | None:
    node = tensor.node
    facts = node.op.facts
    if node.op is ITEM:
        return _part(tensor, name_of, depth)
    told = [_operand(p, name_of, depth) for p in tensor.parents]
    numbers = [i for i, p in enumerate(tensor.parents) if _number(p) is not None]
    if len(told) == 2 and len(numbers) == 1:
        return _with_number(tensor, numbers[0], told[1 - numbers[0]])
    if not told or any(t is None for t in told):
        return None
    if node.op.text == "_0 @ _1" and _LETTER.fullmatch(str(told[0])):
        joined = str(told[1])[:1].isupper()  # d_xW is of x @ W, d_x_W may be d_x @ W
        return f"{told[0]}{told[1]}" if joined else f"{told[0]}_{told[1]}"
    form = facts.called if facts.row is None else facts.row(node)
    if not form and len(told) == 1:
        form = f"{facts.word or node.op.title}_{{0}}"
    return form.format(*told) if form and form.count("{") == len(told) else None


def _with_number(tensor: Tensor, place: int, other: str | None) -> str | None:
    """Return ``half_z``, ``z_squared`` or ``scaled_z``."""
    facts, value = tensor.node.op.facts, _number(tensor.parents[place])
    if other is None:
        return None
    for known, form in facts.with_numbers:
        if known == value and place == 1:
            return form.format(other)
    if value == 2 and place == 1 and tensor.node.op.infix == "/":
        return f"half_{other}"
    word = _NUMBERS.get(value) if isinstance(value, (int, float)) else None
    if word is not None and facts.called:
        first = place == 0 or tensor.node.op.infix in ("+", "*")  # half_z
        return facts.called.format(*((word, other) if first else (other, word)))
    if not facts.called or facts.with_numbers:
        return None
    return f"scaled_{other}" if facts.scales else f"shifted_{other}"


def _number(tensor: Tensor) -> object:
    """Return the number that a tensor is, None if it is no number."""
    node = tensor.node
    while node.op.facts.repeats:
        node = node.inputs[0]
    if node.op is LITERAL:
        return node.attrs["value"]
    if is_given(node) and not node.shape and "value" in node.attrs:
        return node.attrs["value"].item()
    return None


def _part(tensor: Tensor, name_of: NameOf, depth: int) -> str | None:
    """Return the name of one of several results, as in ``logdet_S``."""
    (source,) = tensor.parents
    words: Sequence[str] = source.node.op.facts.results
    index = tensor.node.attrs["index"]
    if index >= len(words) or not source.parents:
        return None
    operand = _operand(source.parents[0], name_of, depth)
    return None if operand is None else f"{words[index]}_{operand}"


def _operand(tensor: Tensor, name_of: NameOf, depth: int) -> str | None:
    """Return the name of an operand, or what it is called where it has none."""
    turned = ""
    for current in _through_views(tensor):
        name = None if is_given(current.node) else name_of(current)
        if name is not None:
            return name + turned if len(name) <= LONGEST else None
        if current.node.op.view and op_text(current.node) == "_0.T":
            turned = "" if turned else "T"  # A_BT is not A_B
    if depth > 3 or not current.parents:
        return None
    return _made(current, name_of, depth + 1)


def _through_views(tensor: Tensor) -> Iterator[Tensor]:
    """Yield a tensor, and what it is a view of."""
    yield tensor
    while (tensor.node.op.view or tensor.node.op.facts.repeats) and tensor.parents:
        tensor = tensor.parents[0]
        yield tensor
