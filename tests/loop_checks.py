"""What every test of loops and branches asks: values, three orders, and both texts.

In: a program over a namespace of `loop_systems`. Out: nothing, or an assertion.
Invariant: the first derivative is held to differences of a NumPy run that shares
nothing with symdiff, each further order to differences of the one before.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from generated import names_of
from loop_systems import Numeric, Symbolic, tree

import symdiff as sd
from symdiff.graph.tensor import Tensor

STEP = 1e-3


@dataclass(frozen=True)
class Loop:
    """A program with operands: ``run(xp, *arrays)`` returns a tensor or a tuple of
    them.

    ``symbolic`` names the operand axes of that length as a dim; ``jax`` says which
    orders JAX can do in reverse mode; ``differences`` whether NumPy's run is smooth
    enough to compare.
    """

    run: Callable[..., Any]
    shapes: Sequence[Any]
    positive: bool = False
    symbolic: int | None = None
    jax: bool = True
    orders: int = 3
    differences: bool = True
    scale: float = 0.6
    empty: bool = True

    @property
    def id(self) -> str:
        """The program's name."""
        return f"{self.run.__name__}{list(self.shapes)}".replace(" ", "")


@dataclass
class Built:
    """A program as a graph: leaves, outputs, operands and directions."""

    loop: Loop
    leaves: list[Tensor]
    outputs: list[Tensor]
    loss: Tensor
    values: list[np.ndarray]
    moves: list[list[np.ndarray]]
    directions: list[list[Tensor]] = field(default_factory=list)

    def feed(self, values: Sequence[Any] | None = None) -> dict[Any, Any]:
        """Return the arrays of the leaves and of all directions."""
        found = dict(
            zip(self.leaves, self.values if values is None else values, strict=True)
        )
        for tensors, arrays in zip(self.directions, self.moves, strict=True):
            found |= dict(zip(tensors, arrays, strict=True))
        return found

    def at(self, h: float) -> dict[Any, Any]:
        """Return the feed moved along the first direction."""
        pairs = zip(self.values, self.moves[0], strict=True)
        return self.feed([a + h * t for a, t in pairs])


def flat(result: Any) -> list[Any]:
    """Return the arrays of nested containers."""
    found: list[Any] = []
    tree(found.append, result)
    return found


def weighted(xp: Any, outputs: Sequence[Any]) -> Any:
    """Return a scalar of the outputs in which nothing cancels by symmetry."""
    total: Any = 0.0
    for k, y in enumerate(outputs):
        if "int" in str(y.dtype) or "bool" in str(y.dtype):
            continue
        total = total + (1.3 - 0.4 * k) * xp.sum(xp.sin(y + 0.3) * (1.0 + 0.5 * y))
    return total


def leaf(name: str, shape: Sequence[int], symbolic: int | None) -> Tensor:
    """Return an input; axes of length ``symbolic`` are the dim T."""
    return sd.input(name, tuple(sd.dim("T") if d == symbolic else d for d in shape))


def built(loop: Loop, symbolic: bool = False, seed: int = 0) -> Built:
    """Return a program's graph with operands and three directions."""
    rng = np.random.default_rng(seed)
    values = [np.asarray(loop.scale * rng.normal(size=s)) for s in loop.shapes]
    if loop.positive:
        values = [np.abs(v) + 0.4 for v in values]
    at = loop.symbolic if symbolic else None
    leaves = [leaf(f"x{i}", s, at) for i, s in enumerate(loop.shapes)]
    outputs = flat(loop.run(Symbolic(), *leaves))
    loss = weighted(Symbolic(), outputs)
    moves = [[rng.normal(size=s) for s in loop.shapes] for _ in range(2)]
    moves = [[np.asarray(m) for m in ms] for ms in moves]
    directions = [
        [leaf(f"t{k}_{i}", s, at) for i, s in enumerate(loop.shapes)] for k in range(2)
    ]
    return Built(loop, leaves, outputs, loss, values, moves, directions)


def numeric_loss(loop: Loop, values: Sequence[Any]) -> float:
    """Return the loss by plain NumPy."""
    xp = Numeric()
    found = [np.asarray(y) for y in flat(loop.run(xp, *values))]
    return float(weighted(xp, found))


def quotient(f: Callable[[float], Any], step: float = STEP) -> Any:
    """Return df(h)/dh at 0 by central differences of fourth order."""
    near, far = (f(step), f(-step)), (f(2 * step), f(-2 * step))
    return (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * step)


def inner(left: Sequence[Tensor], right: Sequence[Tensor]) -> Any:
    """Return the inner product of two lists of tensors."""
    total: Any = 0.0
    for a, b in zip(left, right, strict=True):
        total = total + sd.sum(a * b)  # type: ignore[operator]
    return total


def near(got: Any, wanted: Any, tolerance: float, what: str) -> None:
    """Fail where arrays differ by more than a part of the largest element."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, not {wanted.shape}"
    scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
    np.testing.assert_allclose(
        got, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=what
    )


def derivatives(b: Built) -> dict[str, list[Tensor]]:
    """Return gradient, Hessian products by three routes, and the third order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sd.SymdiffWarning)
        t, s = b.directions
        found = {"grad": sd.grad(b.loss, b.leaves)}
        found["jvp"] = [sd.jvp(b.loss, b.leaves, t)]
        if b.loop.orders > 1:
            found["rev"] = sd.grad(inner(found["grad"], t), b.leaves)
            found["fwd"] = sd.jvp(found["grad"], b.leaves, t)
            found["ff"] = [sd.jvp(found["jvp"][0], b.leaves, s)]
            found["rf"] = sd.grad(found["jvp"][0], b.leaves)
        if b.loop.orders > 2:
            found["third"] = sd.grad(inner(found["rev"], s), b.leaves)
            found["third_ffr"] = sd.jvp(found["fwd"], b.leaves, s)
            found["third_rf"] = sd.jvp(found["rf"], b.leaves, s)
    return found


def check_orders(loop: Loop, symbolic: bool = False) -> None:
    """Hold values and every order to what does not share a rule with it."""
    b = built(loop, symbolic)
    values = sd.interpret(b.outputs, b.feed())
    reference = flat(loop.run(Numeric(), *b.values))
    for got, wanted in zip(values, reference, strict=True):
        tolerance = 1e-12 if loop.differences else 1e-8
        near(got, wanted, tolerance, f"{loop.id}: value")
    if not loop.orders:
        return
    d = derivatives(b)
    names = list(d)
    everything = sd.interpret([t for n in names for t in d[n]], b.feed())
    found: dict[str, list[Any]] = {}
    for n in names:
        found[n], everything = everything[: len(d[n])], everything[len(d[n]) :]
    pairs = zip(b.values, b.moves[0], strict=True)
    pairs = list(pairs)
    if loop.differences:
        wanted = quotient(lambda h: numeric_loss(loop, [a + h * t for a, t in pairs]))
    else:
        wanted = quotient(lambda h: sd.interpret(b.loss, b.at(h)))
    got = sum(
        float(np.sum(g * t)) for g, t in zip(found["grad"], b.moves[0], strict=True)
    )
    near(got, wanted, 1e-7, f"{loop.id}: gradient")
    near(found["jvp"][0], got, 1e-11, f"{loop.id}: forward mode")
    if loop.orders < 2:
        return

    def slope(tensors: list[Tensor]) -> list[Any]:
        return [quotient(lambda h, t=t: sd.interpret(t, b.at(h))) for t in tensors]

    for wanted, *others in zip(
        slope(d["grad"]), *(found[n] for n in ("rev", "fwd", "rf")), strict=True
    ):
        for got in others:
            near(got, wanted, 1e-6, f"{loop.id}: Hessian product")
    dots = sum(
        float(np.sum(g * t)) for g, t in zip(found["rev"], b.moves[1], strict=True)
    )
    near(found["ff"][0], dots, 1e-9, f"{loop.id}: forward over forward")
    if loop.orders < 3:
        return
    pairs = list(zip(b.values, b.moves[1], strict=True))

    def second(h: float) -> Any:
        moved = b.feed([a + h * t for a, t in pairs])
        return [np.asarray(a) for a in sd.interpret(d["rev"], moved)]

    grid = {h: second(h) for h in (STEP, -STEP, 2 * STEP, -2 * STEP)}
    for i in range(len(b.leaves)):
        wanted = quotient(lambda h, i=i: grid[h][i])
        for name in ("third", "third_ffr", "third_rf"):
            near(found[name][i], wanted, 1e-5, f"{loop.id}: third order, {name}")


# --- generated text -------------------------------------------------------------------


def module(text: str) -> SimpleNamespace:
    """Run a generated module that imports nothing but NumPy."""
    return SimpleNamespace(**names_of(text))


def as_list(result: Any) -> list[Any]:
    """Return results as a list."""
    return list(result) if isinstance(result, tuple) else [result]


def check_text(
    outputs: Sequence[Tensor],
    leaves: Sequence[Tensor],
    feeds: Sequence[Sequence[np.ndarray]],
    level: int,
    tolerance: float = 1e-11,
    widths: Sequence[str] = ("float64", "float32"),
) -> Any:
    """Compile, run forward and backward in both widths, compare with the graph."""
    compiled = sd.compile(sd.Function("f", leaves, list(outputs)), optimize=level)
    forward, backward = module(compiled["forward"]), None
    smooth = [o for o in outputs if o.dtype.is_float]
    variables = [x for x in leaves if x.dtype.is_float]
    if "f/backward.py" in compiled.files:
        backward = module(compiled["backward"])
    seeds = [sd.input(f"seed{i}", o.shape) for i, o in enumerate(smooth)]
    pulled = sd.vjp(list(smooth), variables, seeds)
    for values in feeds:
        for width in widths:
            near_by = tolerance if width == "float64" else 2e-3
            given = [
                np.asarray(a).astype(width) if np.asarray(a).dtype.kind == "f" else a
                for a in values
            ]
            before = [np.array(a) for a in given]
            feed = dict(zip(leaves, given, strict=True))
            wanted = sd.interpret(list(outputs), feed)
            got = as_list(forward.forward(*given))
            _compare(got, wanted, outputs, width, near_by, "forward")
            _apart(got, given, "forward")
            if backward is None:
                continue
            found, residuals = backward.forward_with_residuals(*given)
            found = as_list(found)
            _compare(found, wanted, outputs, width, near_by, "forward_with_residuals")
            _apart(found, [*given, *residuals], "forward_with_residuals")
            rng = np.random.default_rng(5)
            kinds = [
                w for w, o in zip(wanted, outputs, strict=True) if o.dtype.is_float
            ]
            cts = [
                np.asarray(rng.normal(size=np.shape(w))).astype(width) for w in kinds
            ]
            kept = [np.array(r) for r in residuals]
            gradients = as_list(backward.backward(residuals, *cts))
            wanted = sd.interpret(pulled, feed | dict(zip(seeds, cts, strict=True)))
            _compare(gradients, wanted, variables, width, near_by, "backward")
            _apart(gradients, [*given, *residuals, *cts], "backward")
            again = as_list(backward.backward(residuals, *cts))
            for a, b in zip(gradients, again, strict=True):
                np.testing.assert_array_equal(a, b, err_msg="backward twice")
            for a, b in zip([*given, *residuals], [*before, *kept], strict=True):
                np.testing.assert_array_equal(a, b, err_msg="an argument was written")
    return compiled


def _compare(
    got: Sequence[Any],
    wanted: Sequence[Any],
    tensors: Sequence[Tensor],
    width: str,
    tolerance: float,
    what: str,
) -> None:
    for i, (a, b, t) in enumerate(zip(got, wanted, tensors, strict=True)):
        kind = width if t.dtype.name == "float" else t.dtype.name
        assert isinstance(a, (np.ndarray, np.generic)), f"{what} {i}: {type(a)}"
        assert a.dtype == kind, f"{what} {i}: {a.dtype}, not {kind}"
        near(a, b, tolerance, f"{what} {i} in {width}")


def _apart(results: Sequence[Any], others: Sequence[Any], what: str) -> None:
    arrays = [a for a in results if isinstance(a, np.ndarray) and a.size]
    for i, a in enumerate(arrays):
        for b in [*others, *arrays[:i]]:
            assert not np.may_share_memory(a, b), f"{what}: result {i} is a view"
