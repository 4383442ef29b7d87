"""Turning Python functions and derived graphs into closed bodies.

In: bound leaves and tensors computed from them, which may read any tensor outside. Out:
a body's outputs, with everything it reads from outside as an explicit operand.
Invariant: a value that depends on no carry and no sequence is computed once, outside
the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from symdiff.graph.body import substitute
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.node import Node
from symdiff.graph.order import Order
from symdiff.graph.origin import give, mark
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import TensorType, unify
from symdiff.ops.core.leaf import BOUND
from symdiff.ops.core.operands import CONSTANT, LITERAL, float_operand
from symdiff.ops.elementwise.casts import cast

# The sweep of its own mode, which a rule that differentiates a body is given.
Sweep = Callable[
    [Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]], list[Tensor | None]
]

Pack = Callable[[list[Any]], tuple[Any, ...]]
Leaf = Callable[[Any], Tensor]

# Whether the body of a loop is being traced. What is declared there and does not depend
# on the step is one value for all steps.
IN_LOOP: ContextVar[bool] = ContextVar("symdiff_in_loop", default=False)


@contextmanager
def in_body() -> Iterator[None]:
    """Note that the block calls a function of the user's that is the body of a loop."""
    token = IN_LOOP.set(True)
    try:
        yield
    finally:
        IN_LOOP.reset(token)


def check_carry(i: int, start: TensorType, end: TensorType) -> None:
    """Raise where a carry changes its type from one step to the next."""
    same = len(start.shape) == len(end.shape) and all(
        unify(a, b) is not None for a, b in zip(start.shape, end.shape, strict=True)
    )
    if not same:
        raise ShapeError(
            f"carry {i} starts as {start} and becomes {end}; give it one shape, for "
            "example with sd.broadcast_to or sd.zeros."
        )
    if start.dtype != end.dtype:
        raise DTypeError(
            f"carry {i} starts as {start} and becomes {end}; convert it with sd.cast."
        )


def swept_back(
    sweep: Sweep,
    outputs: Sequence[Tensor],
    seeds: Sequence[Tensor],
    leaves: Sequence[Tensor],
) -> list[Tensor | None]:
    """Return the cotangents of a body's leaves, each in its leaf's own dtype.

    A value combined with a wider one gets a wider cotangent, but a carry must not
    change its dtype.
    """
    found = sweep(outputs, seeds, leaves)
    pairs = zip(found, leaves, strict=True)
    return [None if g is None else cast(g, leaf.dtype) for g, leaf in pairs]


def bound(t: TensorType, name: str) -> Tensor:
    """Return a fresh bound leaf of a type."""
    return apply(BOUND, name=name, shape=t.shape, dtype=t.dtype)


def bound_like(tensor: Tensor, prefix: str = "") -> Tensor:
    """Return a fresh bound leaf of a tensor's type, named after it."""
    base = tensor.name or tensor.hint or tensor.node.op.name
    leaf = bound(tensor.node.tensor_type, f"{prefix}{base}")
    if prefix:
        return mark(leaf, cotangent_of=((prefix.rstrip("_"), tensor),))
    return give(leaf, tensor.origin.of_same_name(leaf.site))


def bound_apart(
    outside: Mapping[Node, Tensor], taken: Sequence[str] = ()
) -> dict[Node, Tensor]:
    """Return a bound leaf for each tensor, no two with the same name.

    Comparing bodies ignores the names, but a listing of a body needs distinct ones.
    """
    names = set(taken)
    found: dict[Node, Tensor] = {}
    for node, tensor in outside.items():
        base = tensor.name or tensor.hint or node.op.name
        name, count = base, 1
        while name in names:
            count += 1
            name = f"{base}_{count}"
        names.add(name)
        leaf = bound(node.tensor_type, name)
        found[node] = give(leaf, tensor.origin.of_same_name(leaf.site))
    return found


def close(
    variables: Sequence[Tensor], outputs: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Return outputs over bound leaves alone, the new leaves, and their operands.

    A tensor that does not depend on ``variables`` is read from outside through a new
    leaf; scalars and repeated scalars stay inside, where they can be folded.
    """
    first = min((v.order for v in variables), default=())
    varying = _varying(variables, outputs, first)
    frontier: dict[Node, Tensor] = {}
    read = [p for tensor in varying.values() for p in tensor.parents]
    for tensor in (*read, *outputs):
        while tensor.node not in varying and _is_view(tensor):
            (tensor,) = tensor.parents  # its base is read; the view is taken inside
        if tensor.node not in varying and not _stays(tensor):
            frontier.setdefault(tensor.node, tensor)
    leaves = bound_apart(frontier, [str(v.name) for v in variables])
    closed = substitute(outputs, leaves) if leaves else list(outputs)
    return closed, list(leaves.values()), list(frontier.values())


def _varying(
    variables: Sequence[Tensor], outputs: Sequence[Tensor], first: Order
) -> dict[Node, Tensor]:
    """Return the nodes that depend on a variable; none is older than ``first``."""
    found: dict[Node, Tensor] = {v.node: v for v in variables}
    seen: set[Tensor] = set()
    stack = [t for t in outputs if t.order >= first]
    inside: list[Tensor] = []
    while stack:
        tensor = stack.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        inside.append(tensor)
        stack.extend(p for p in tensor.parents if p.order >= first)
    for tensor in sorted(inside, key=lambda t: t.order):
        if any(p.node in found for p in tensor.parents):
            found.setdefault(tensor.node, tensor)
    return found


def _is_view(tensor: Tensor) -> bool:
    return tensor.node.op.view


def _stays(tensor: Tensor) -> bool:
    """Whether a constant is small enough to be written inside the body."""
    op = tensor.node.op
    return op is LITERAL or (op is CONSTANT and tensor.node.attrs["value"].ndim == 0)


# --- nested containers ----------------------------------------------------------------


def flatten(value: Any, leaf: Leaf = float_operand) -> tuple[list[Tensor], Any]:
    """Return the tensors in nested containers, and the form to rebuild these.

    ``leaf`` makes a tensor of what is no container.
    """
    if isinstance(value, (tuple, list)):
        if type(value) not in (tuple, list) and hasattr(value, "_fields"):
            return _gather(value, ("named", type(value)), leaf)
        return _gather(value, ("list" if isinstance(value, list) else "tuple",), leaf)
    if isinstance(value, dict):
        return _gather(value.values(), ("dict", tuple(value)), leaf)
    if value is None:
        return [], None
    return [leaf(value)], "leaf"


def _gather(values: Any, kind: tuple[Any, ...], leaf: Leaf) -> tuple[list[Tensor], Any]:
    tensors, forms = [], []
    for v in values:
        found, form = flatten(v, leaf)
        tensors += found
        forms.append((form, len(found)))
    return tensors, (*kind, forms)


def unflatten(form: Any, tensors: Sequence[Any], pack: Pack = tuple) -> Any:
    """Return the container that `flatten` took apart, around other tensors.

    ``pack`` makes a tuple.
    """
    if form is None:
        return None
    if form == "leaf":
        return tensors[0]
    parts, start = [], 0
    for inner, count in form[-1]:
        parts.append(unflatten(inner, tensors[start : start + count], pack))
        start += count
    match form[0]:
        case "list":
            return parts
        case "dict":
            return dict(zip(form[1], parts, strict=True))
        case "named":
            return form[1](*parts)
    return pack(parts)


def flatten_like(
    form: Any, value: Any, what: str, leaf: Leaf = float_operand
) -> list[Tensor]:
    """Return the tensors of a value in the order of a form, dicts by their keys.

    ``leaf`` makes a tensor of what is no container. Raises `DeclarationError` where the
    value has other containers or keys.
    """
    if form is None or form == "leaf":
        if (value is None) != (form is None) or isinstance(value, (tuple, list, dict)):
            raise _differs(what, form, value)
        return [] if value is None else [leaf(value)]
    parts = _parts_like(form, value)
    if parts is None:
        raise _differs(what, form, value)
    pairs = zip(form[-1], parts, strict=True)
    return [
        tensor
        for (inner, _), part in pairs
        for tensor in flatten_like(inner, part, what, leaf)
    ]


def _parts_like(form: Any, value: Any) -> list[Any] | None:
    """Return what a container holds, in the order of a form; None if it differs."""
    match form[0]:
        case "dict":
            same = isinstance(value, dict) and value.keys() == set(form[1])
            return [value[key] for key in form[1]] if same else None
        case "named":
            same = type(value) is form[1]
        case "list":
            same = isinstance(value, list)
        case _:
            same = isinstance(value, tuple) and not hasattr(value, "_fields")
    return list(value) if same and len(value) == len(form[-1]) else None


def _differs(what: str, form: Any, value: Any) -> DeclarationError:
    return DeclarationError(
        f"{what}: the containers differ in structure: {_shown(form)} was to be "
        f"returned, and {_shown(flatten(value)[1])} came."
    )


def _shown(form: Any) -> str:
    if not isinstance(form, tuple):
        return "a tensor" if form == "leaf" else "None"
    if form[0] == "dict":
        return f"a dict of {', '.join(map(repr, form[1])) or 'nothing'}"
    kind = form[1].__name__ if form[0] == "named" else form[0]
    return f"a {kind} of {len(form[-1])}"


def argument_names(function: Any, count: int, default: str) -> list[str]:
    """Return names for a body's leaves, from the function's own parameters."""
    code = getattr(function, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    return [names[i] if i < len(names) else f"{default}{i}" for i in range(count)]


def names_in(container: Any, name: str, count: int) -> list[str]:
    """Return one name for each tensor of a container: the keys of a dict of tensors."""
    if isinstance(container, dict):
        nested = (dict, list, tuple, type(None))
        if not any(isinstance(v, nested) for v in container.values()):
            return [str(key) for key in container]
    return spread_names(name, count)


def spread_names(name: str, count: int) -> list[str]:
    """Return one name for each tensor of a container."""
    return [name] if count == 1 else [f"{name}{i}" for i in range(count)]
