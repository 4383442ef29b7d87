"""What is said of a batch's parts, held to what the ops compute.

The class: every op of the sample table with rows along any of its axes. A rule that
says "rows stay rows" or "parts add up" is compared with the op run on parts.
"""

import functools

import numpy as np
import pytest
from sample_checks import leaf_like, outputs_of
from samples import SAMPLES
from samples.table import draw

import symdiff as sd
from symdiff.graph.errors import SymdiffError
from symdiff.graph.node import topological
from symdiff.graph.tensor import tensor_topological
from symdiff.graph.types import collecting_constraints
from symdiff.ops.core.operands import literal
from symdiff.ops.core.record import OPS
from symdiff.ops.core.rows import Mixed, Rows, Sums, Whole
from symdiff.plan.parts import Split, parts_of
from symdiff.plan.rows import row_axes, row_dim

N = sd.dim("N")


def lengths(sample):
    """The lengths of a sample's operands that rows may have."""
    shapes = [getattr(a, "shape", a) for a in sample.args if not np.isscalar(a)]
    return sorted({d for s in shapes for d in s if d > 1})


def symbolic(sample, length):
    """Leaves with N for a length, arrays, outputs; None where N cannot be that."""
    values = draw(sample)
    leaves = [leaf_like(f"a{i}", v, length) for i, v in enumerate(values)]
    try:
        with collecting_constraints() as found:
            outputs = outputs_of(sample, leaves)
    except (SymdiffError, TypeError, NotImplementedError):
        return None
    pairs = [(x, v) for x, v in zip(leaves, values, strict=True) if v is not x]
    axes = row_axes([x for x, _ in pairs], N)
    twice = any(x.node not in axes and N in x.shape for x, _ in pairs)
    held = any(c.right is not None for c in found)  # N must be a certain number
    return None if twice or held or not axes else (outputs, pairs, axes)


def taken(part, array, chosen):
    """The chosen rows of a value, which may share their axis with other things."""
    shape, axis = array.shape, part.axis
    outer, inner = int(part.outer), int(part.inner)
    split = (*shape[:axis], outer, -1, inner, *shape[axis + 1 :])
    found = array.reshape(split).take(chosen, axis + 1)
    merged = outer * len(chosen) * inner
    return found.reshape(*shape[:axis], merged, *shape[axis + 1 :])


def check(outputs, pairs, axes, length):
    """Compare what is said of each output with its values on two parts."""
    given = {a: Rows(i) for a, i in axes.items()}
    found = Split(N).classes([t.node for t in outputs], given)
    if any(isinstance(found[t.node], Mixed) for t in outputs):
        return
    tensors = {t.node: t for t in tensor_topological(outputs)}
    count = literal(N)

    def divisor(part):
        by = part.by if isinstance(part, Sums) else None
        found = literal(1) if by is None else tensors.get(by, count)
        return found * count if getattr(part, "counted", False) else found

    wanted = [*outputs, *(divisor(found[t.node]) for t in outputs)]

    def run(chosen):
        feed = {
            x: v.take(chosen, axes[x.node]) if x.node in axes else v for x, v in pairs
        }
        values = list(map(np.asarray, sd.interpret(wanted, feed)))
        return list(zip(values[: len(outputs)], values[len(outputs) :], strict=True))

    halves = [np.arange(1), np.arange(1, length)]
    whole, parts = run(np.arange(length)), [run(rows) for rows in halves]
    for i, t in enumerate(outputs):
        part, (value, by) = found[t.node], whole[i]
        close = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-11)
        match part:
            case Rows():
                for rows, values in zip(halves, parts, strict=True):
                    if value.size:
                        close(values[i][0], taken(part, value, rows))
            case Whole():
                close(parts[0][i][0], value)
            case Sums(None, True):
                pass  # said to be refused
            case Sums():
                weighed = [p[i] for p in parts if p[i][1]]  # a mean over nothing is nan
                close(sum(v * w for v, w in weighed) / by, value)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.id)
def test_what_is_said_of_rows_is_what_an_op_does(sample):
    for length in lengths(sample):
        made = symbolic(sample, length)
        if made is not None:
            with np.errstate(all="ignore"):
                check(*made, length)


Z = sd.input("z", (N, 3))
Y = sd.input("y", N, "int64", high=3)
W = sd.input("w", N)
IMAGES = sd.reshape(Z, (N, 1, 1, 3)) * W[:, None, None, None]
FURTHER = {
    "padded": lambda: sd.pad(Z, ((0, 0), (1, 2))),
    "padded windows": lambda: sd.nn.max_pool2d(IMAGES, 3, 1, padding=1),
    "own elements": lambda: Z[sd.arange(N), Y],
    "own elements, behind an axis": lambda: sd.stack([Z, -Z])[:, sd.arange(N), Y],
    "own elements, before an axis": lambda: sd.stack([Z, -Z], 2)[sd.arange(N), Y],
    "own elements set": lambda: Z.at[sd.arange(N), Y].set(0.0),
    "own elements set to rows": lambda: Z.at[sd.arange(N), Y].set(W),
    "own elements added to": lambda: Z.at[sd.arange(N), Y].add(W),
    "own elements less one": lambda: Z.at[sd.arange(N), Y].subtract(1.0),
    "own elements times": lambda: Z.at[sd.arange(N), Y].multiply(W),
    "own elements at most": lambda: Z.at[sd.arange(N), Y].min(0.5),
    "own elements at least": lambda: Z.at[sd.arange(N), Y].max(W),
    "own elements behind an axis times": lambda: (
        sd.stack([Z, -Z]).at[:, sd.arange(N), Y].multiply(sd.stack([W, 2 * W]))
    ),
    "branch": lambda: sd.cond(True, lambda: 2 * Z, lambda: Z + 1),
    "weights": lambda: sd.sum(W * Z[:, 0]) / sd.sum(W),
    "guarded": lambda: (
        sd.sum(W * Z[:, 0]) / sd.where(sd.equal(sd.sum(W), 0), 1, sd.sum(W))
    ),
    "kept": lambda: sd.mean(Z[:, 0], where=Y > 0),
    "weights as means": lambda: sd.mean(W * Z[:, 0]) / sd.mean(W),
    "weights as means, of more": lambda: (
        2 * sd.mean(sd.abs(Z) * W[:, None]) / sd.mean(W[:, None] * sd.ones((1, 3))) + 1
    ),
    "weights as means, guarded": lambda: (
        sd.mean(W * Z[:, 0]) / sd.where(sd.equal(sd.mean(W), 0), 1, sd.mean(W))
    ),
    "weights as means, twice": lambda: (
        sd.mean(W * Z[:, 0]) / sd.mean(W) - sd.mean(W * Z[:, 1]) / sd.mean(W)
    ),
}


@pytest.mark.parametrize("make", FURTHER.values(), ids=FURTHER)
def test_what_is_said_of_rows_holds_in_formulas(make):
    rng = np.random.default_rng(0)
    pairs = [
        (Z, rng.normal(size=(6, 3))),
        (Y, rng.integers(0, 3, 6)),
        (W, rng.random(6)),
    ]
    axes = row_axes([Z, Y, W], N)
    (found,) = [make()]
    assert not isinstance(
        Split(N).classes([found.node], {a: Rows(i) for a, i in axes.items()})[
            found.node
        ],
        Mixed,
    )
    check([found], pairs, axes, 6)


MIXING = {
    "a statistic": lambda: sd.mean(sd.square(Z - sd.mean(Z, axis=0))),
    "a root": lambda: sd.sqrt(sd.mean(Z**2)),
    "places": lambda: sd.mean(Z[:, 0] * sd.cast(sd.arange(N), "float")),
    "order": lambda: sd.sum(sd.cumsum(Z, axis=0)),
    "neighbours": lambda: sd.sum(Z[1:] * Z[:-1]),
    "draws": lambda: sd.mean(Z * sd.random.uniform((N, 3))),
    "several divisors": lambda: sd.sum(W * Z[:, 0]) / sd.sum(W) + sd.mean(Z),
    "a mean by a sum": lambda: sd.mean(W * Z[:, 0]) / sd.sum(W),
    "a sum by a mean": lambda: sd.sum(W * Z[:, 0]) / sd.mean(W),
    "a mean by one of parameters": lambda: sd.mean(Z) / sd.mean(W * sd.param("p", ())),
    "means by a sum and by a mean": lambda: (
        sd.sum(W * Z[:, 0]) / sd.sum(W) + sd.mean(W * Z[:, 0]) / sd.mean(W)
    ),
    "a sum and a penalty": lambda: sd.sum(Z) + sd.sum(sd.param("p", 3) ** 2),
    "rows by number": lambda: sd.mean(sd.take(Z, Y, axis=0)),
    "a fixed divisor": lambda: sd.sum(Z) / (N - 1),
    "rounded": lambda: sd.cast(sd.cast(sd.sum(Z), "int64"), "float"),
    "extreme": lambda: sd.max(Z),
    "extreme of own elements": lambda: sd.sum(
        sd.max(sd.stack([Z, -Z])[:, sd.arange(N), Y], axis=1)
    ),
    "elements by number": lambda: sd.mean(Z.at[Y, Y].set(0.0)),
    "elements written at a place": lambda: sd.mean(Z.at[0, 1].set(0.0)),
    "weights as means, in a branch": lambda: sd.cond(
        True,
        lambda: sd.mean(W * Z[:, 0]) / sd.mean(W),
        lambda: sd.mean(W * Z[:, 1]) / sd.mean(W),
    ),
}


@pytest.mark.parametrize("make", MIXING.values(), ids=MIXING)
def test_what_needs_the_whole_batch_is_not_divided(make):
    axes = row_axes([Z, Y, W], N)
    (found,) = parts_of([make()], N, axes)
    assert isinstance(found, Mixed)
    assert found.why


def test_the_dim_of_rows_is_the_one_that_most_arguments_have():
    e, t = sd.dim("E"), sd.dim("T")
    nodes, edges, label = (
        sd.input("a", (N, 4)),
        sd.input("b", (e, 2)),
        sd.input("c", N),
    )
    assert row_dim([nodes, edges, label]) == N
    assert row_dim([edges, nodes, label]) == N
    steps = sd.input("s", (t, N, 3))
    assert row_dim([steps, label]) == N
    assert row_axes([steps, label], N) == {steps.node: 1, label.node: 0}
    assert row_dim([sd.input("f", (8, 2)), sd.input("g", 8)]) == 8
    assert row_dim([sd.input("f", (8, 2)), sd.input("g", ())]) is None
    assert row_dim([nodes, sd.input("temperature", ())]) == N


def test_every_rule_is_held_to_a_sample():
    seen = set()
    for sample in SAMPLES:
        for length in lengths(sample):
            made = symbolic(sample, length)
            if made is None:
                continue
            outputs, _, axes = made
            roots = [t.node for t in outputs]
            given = {a: Rows(i) for a, i in axes.items()}
            for node, part in Split(N).classes(roots, given).items():
                if not isinstance(part, Mixed) and node in topological(roots):
                    seen.add(node.op.name)
    ruled = {name for name, op in OPS.items() if op.facts.rows is not None}
    further = {"cond", "scatter_add", "multiply_at", "max_at", "min_at"}
    assert ruled - seen == further  # which are in FURTHER
