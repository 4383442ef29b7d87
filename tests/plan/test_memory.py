"""The memory plan on small graphs: who lies where, how long, and what it prints."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sample_checks import leaf

from symdiff.graph.node import Node, topological
from symdiff.graph.types import dim
from symdiff.ops.core.operands import API, CONSTANT, LITERAL
from symdiff.plan.buffers import Destination, MemoryPlan
from symdiff.plan.known import known_numbers
from symdiff.plan.memory import plan_memory

N = dim("N")
tanh, exp, where, matmul = API["tanh"], API["exp"], API["where"], API["matmul"]


def planned(*results: Any, **named: Any) -> MemoryPlan:
    """Plan results that are kept, and destinations by name: (value, leaf or None)."""
    goals = [
        Destination(name, value.node, None if old is None else old.node)
        for name, (value, old) in named.items()
    ]
    roots = [*(t.node for t in results), *(g.value for g in goals)]
    order = [n for n in topological(roots) if not n.op.leaf]
    order = [n for n in order if n.op is not LITERAL and n.op is not CONSTANT]
    return plan_memory(order, goals, [t.node for t in results])


def homes(plan: MemoryPlan) -> dict[Node, str]:
    """Return the name of each written node's buffer."""
    return {p.node: p.buffer.name for p in plan.places if p.buffer is not None}


def overwritten(plan: MemoryPlan) -> list[str]:
    """Return the names of the ops that write over an operand."""
    return [p.node.op.name for p in plan.places if p.over is not None]


def test_a_chain_takes_one_buffer() -> None:
    """Each step of a chain of functions is written over the one before."""
    x = leaf("x", (N, 8))
    plan = planned(API["sum"](exp(tanh(x) * 2 + 1)))
    assert len(plan.buffers) == 1
    assert plan.peak == 8 * N * sp.Symbol("float_bytes", positive=True)


def test_arguments_are_never_written() -> None:
    """The first step of a chain is not written over an argument."""
    x = leaf("x", (4,))
    plan = planned(tanh(x), exp(x))
    assert overwritten(plan) == []
    assert len(plan.buffers) == 2


def test_a_value_read_later_keeps_its_memory() -> None:
    """tanh(x) is read by two; only the second may write over it."""
    x = leaf("x", (4,))
    h = tanh(x)
    e = exp(h)
    plan = planned(API["sum"](e * h))
    assert homes(plan)[h.node] != homes(plan)[e.node]
    assert overwritten(plan) == ["multiply"]


def test_a_view_keeps_what_it_is_a_view_of() -> None:
    """A transpose and a slice are read after their source's last own reading."""
    x = leaf("x", (5, 5))
    h = tanh(x)
    view = h.T[1:]
    other = exp(h)
    plan = planned(API["sum"](matmul(view, other)))
    assert homes(plan)[other.node] != homes(plan)[h.node]


def test_nothing_is_written_over_an_operand_seen_through_a_view_too() -> None:
    """h + h.T may not be written over h: elements move between reading and writing."""
    h = tanh(leaf("x", (5, 5)))
    plan = planned(API["sum"](h + h.T))
    assert "add" not in overwritten(plan)


def test_what_broadcasts_is_not_overwritten() -> None:
    """A row is too small for the sum of a matrix and the row."""
    row = tanh(leaf("x", (5,)))
    plan = planned(API["sum"](leaf("y", (3, 5)) + row))
    assert overwritten(plan) == []


def test_a_product_is_not_written_over_its_operands() -> None:
    """A matrix product reads elements after it has written others."""
    h = tanh(leaf("x", (5, 5)))
    plan = planned(API["sum"](matmul(h, h)))
    assert overwritten(plan) == []


def test_types_do_not_share_memory() -> None:
    """A mask is no place for a float."""
    h = tanh(leaf("x", (5,)))
    mask = h > 0
    plan = planned(API["sum"](where(mask, h, 1.0)))
    assert sorted(str(b.dtype) for b in plan.buffers) == ["bool", "float"]


def test_results_are_made_where_they_must_end() -> None:
    """A product plus a penalty is computed in the gradient's own memory."""
    x, d, W = leaf("x", (N, 3)), leaf("d", (N, 4)), leaf("W", (3, 4))
    gradient = matmul(x.T, d) + 0.5 * W
    plan = planned(dW=(gradient, None))
    assert plan.copies == ()
    assert [p.buffer.name for p in plan.places if p.buffer][-1] == "dW"
    assert len(plan.buffers) == 1


def test_one_value_for_two_destinations() -> None:
    """It is computed in the first and copied into the second."""
    value = tanh(leaf("x", (4,)))
    plan = planned(a=(value, None), b=(value, None))
    assert [(target.name, aside) for target, _, aside in plan.copies] == [("b", False)]


def test_an_update_is_written_over_its_old_value_once_that_is_dead() -> None:
    """The old slot is read by its own update alone, the parameter last of all."""
    p, g, m = leaf("p", (N,)), leaf("g", (N,)), leaf("m", (N,))
    new_m = 0.9 * m + g
    plan = planned(m=(new_m, m), p=(p - 0.1 * new_m, p))
    assert plan.copies == ()
    assert len(plan.buffers) == 1


def test_swapped_destinations_are_copied_aside() -> None:
    """a, b ← b, a, and a view of the old value, survive the first copy."""
    a, b, c = leaf("a", (4,)), leaf("b", (4,)), leaf("c", (4,))
    plan = planned(a=(b, a), b=(a, b), c=(c[::-1], c))
    assert [(t.name, aside) for t, _, aside in plan.copies] == [
        ("a", True),
        ("b", True),
        ("c", True),
    ]


def test_a_kept_value_outlives_an_update() -> None:
    """What is returned is read after the updates: the state is not written over."""
    s = leaf("s", (4,))
    plan = planned(s[1:], s=(s * 2, s))
    assert [(t.name, aside) for t, _, aside in plan.copies] == [("s", False)]
    assert overwritten(plan) == []


def test_numbers_need_no_memory() -> None:
    """Scalars are Python or NumPy numbers."""
    x = leaf("x", (4,))
    plan = planned(API["sum"](x) * 2 + API["max"](x))
    assert plan.buffers == ()


def test_known_numbers() -> None:
    """A seed of 1 makes products with it their other operand; arithmetic is folded."""
    seed, x = leaf("d", ()), leaf("x", (4,))
    scaled, doubled = seed * x, seed * 0.25 * x
    order = topological([scaled.node, doubled.node])
    numbers, same = known_numbers(order, {seed.node: 1.0})
    assert same == {scaled.node: x.node}
    assert sorted(numbers.values()) == [0.25, 1.0]


def test_the_plan_prints_itself() -> None:
    """Statements with their memory, buffers with what they hold, and the sum."""
    x = leaf("x", (N, 8))
    shown = str(planned(API["sum"](exp(tanh(x)))))
    assert shown.splitlines() == [
        "memory plan",
        "  %0 = tanh(x) -> buffer0",
        "  %1 = exp(%0) -> buffer0, over operand 0",
        "  %2 = sum(%1) -> plain",
        "  buffer buffer0: float[N, 8], 8*N*float_bytes bytes, holds %0, %1",
        "  scratch: 8*N*float_bytes bytes",
    ]


def test_memory_aside_is_free_for_the_next_statement() -> None:
    """What a pool has aside takes the next result of that shape, never its own."""
    images = [tanh(leaf(name, (2, 4, 4))) for name in "xy"]
    plan = planned(*(API["max_pool2d"](image, 2) for image in images))
    assert len(plan.buffers) == 4
    assert sum(len(p.asides) for p in plan.places) == 2
    assert all(p.buffer not in p.asides for p in plan.places)
