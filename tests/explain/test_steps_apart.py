"""One step's formula tells its operation, in text, in LaTeX and in MathML.

The class: every operation that the samples, and both of their derivatives, are made of,
over operands that are named, and constants. Of two that are written alike over operands
of the same types, each has the value of the other on what either was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from sample_checks import derivatives, problem
from samples import SAMPLES

import symdiff as sd
from symdiff.explain.formulas import Formula, named, over_operands
from symdiff.graph.interpret import evaluate
from symdiff.graph.node import Node, make_node
from symdiff.graph.types import TensorType
from symdiff.ops.core.leaf import INPUT, PARAM
from symdiff.ops.core.operands import LITERAL

Step = tuple[Node, list[Any]]  # an operation on leaves, and what they were given


@cache
def operand(place: int, kind: TensorType) -> Node:
    """Return the leaf that stands for an operand of a type."""
    attrs = {"name": f"a{place}", "shape": kind.shape, "dtype": kind.dtype}
    return make_node(INPUT, (), attrs)


def steps_of(node_values: dict[Node, Any]) -> Iterator[Step]:
    """Yield each operation over leaves of its operands' types, with their values."""
    for node in node_values:
        kinds = [i.type for i in node.inputs]
        if node.op.leaf or not all(isinstance(k, TensorType) for k in kinds):
            continue
        operands = [
            i if i.op is LITERAL else operand(at, i.type)
            for at, i in enumerate(node.inputs)
        ]
        over = make_node(node.op, operands, node.attrs)
        yield over, [node_values[i] for i in node.inputs]


def sampled() -> Iterator[Step]:
    """Yield the steps of all samples and of their derivatives."""
    rng = np.random.default_rng(0)
    for sample in SAMPLES:
        p = problem(sample)
        outputs, feed = list(p.outputs), p.feed
        if sample.differentiable and p.smooth_outputs and p.varied:
            found = derivatives(p)
            outputs += [*found.vjp, *found.jvp]
            for leaf in (*found.cotangents, *found.tangents):
                feed[leaf.node] = rng.normal(size=leaf.shape)
        with np.errstate(all="ignore"):
            values = evaluate([t.node for t in outputs], feed)
        yield from steps_of(values)


def constants() -> Iterator[Step]:
    """Yield arrays of several sizes, shapes and dtypes, some of which differ little."""
    for size in (0, 1, 2, 3, 8, 9, 64, 1000):
        first = np.linspace(0.1, 0.9, size)
        nudged = first.copy()
        nudged[-1:] += 1e-9
        for array in (
            first,
            nudged,
            first[::-1],
            -first,
            first * 0,
            first * 0 + np.inf,
        ):
            yield sd.constant(array).node, []
            yield sd.constant(array[:, None]).node, []
        for kind in ("int64", "bool", "int32"):
            yield sd.constant((first * 10).astype(kind)).node, []


def written(node: Node) -> Formula:
    terms = {i: named(i.attrs["name"]) for i in node.inputs if i.op in (INPUT, PARAM)}
    return over_operands(node, terms)


FORMS = {
    "text": lambda f: f.text,
    "latex": lambda f: f.latex,
    "mathml": lambda f: f.mathml,
}


@cache
def groups(form: str) -> dict[Any, dict[Node, list[list[Any]]]]:
    """Return the operations that are written alike over operands of the same types."""
    found: dict[Any, dict[Node, list[list[Any]]]] = {}
    for node, given in [*sampled(), *constants()]:
        key = FORMS[form](written(node)), tuple(i.type for i in node.inputs)
        found.setdefault(key, {}).setdefault(node, []).append(given)
    return found


def value(node: Node, given: list[Any]) -> Any:
    feed = {i: a for i, a in zip(node.inputs, given, strict=True) if i.op is INPUT}
    try:
        with np.errstate(all="ignore"):
            return evaluate([node], feed)[node]
    except (ValueError, IndexError, np.linalg.LinAlgError) as error:
        return type(error)


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal; that of a dtype is not compared."""
    if isinstance(a, type) or isinstance(b, type):
        return a is b
    if isinstance(a, tuple):
        return all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, 1e-12, 0, equal_nan=True))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_alike_has_the_same_value(form: str) -> None:
    wrong = []
    for (text, _), members in groups(form).items():
        first, *others = members
        for other in others:
            given = [*members[first][:3], *members[other][:3]]
            if not all(same(value(first, g), value(other, g)) for g in given):
                wrong.append(f"{text}: {dict(first.attrs)} and {dict(other.attrs)}")
                break
    assert not wrong, "\n".join(f"{w:.300}" for w in wrong)
