"""The numeric checks that a user's op passes when it is declared.

In: an op's value, its text or graph for generated code, and its rules. Out: nothing, a
warning, or an error that shows two numbers. Invariant: a rule is compared with
differences of the value, of fourth order in float64.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import numpy as np

from symdiff.derive.forward import forward_sweep
from symdiff.derive.reverse import reverse_sweep
from symdiff.graph.errors import DeclarationError, DerivativeError, SymdiffWarning
from symdiff.graph.interpret import evaluate
from symdiff.graph.tensor import Tensor, apply
from symdiff.graph.types import dtype
from symdiff.ops.core.helpers import HELPERS
from symdiff.ops.core.leaf import INPUT
from symdiff.ops.core.operands import as_tensor

TOLERANCE = 1e-6
STEP = 1e-3
FAR = (30.0, 100.0, 1000.0)  # where exponentials overflow, in either width
Domain = tuple[float, float]


def leaf_of(name: str, array: Any) -> Tensor:
    """Return an input leaf for an array, of its shape and kind."""
    array = np.asarray(array)
    kind = dtype("float") if array.dtype.kind == "f" else dtype(array.dtype)
    return apply(INPUT, name=name, shape=array.shape, dtype=kind)


def values_of(tensors: Sequence[Tensor], feed: dict[Tensor, Any]) -> list[Any]:
    """Return the values of tensors, NumPy's warnings muted."""
    with np.errstate(all="ignore"):
        found = evaluate(
            [t.node for t in tensors], {t.node: a for t, a in feed.items()}
        )
    return [found[t.node] for t in tensors]


def _slope(f: Callable[[float], Any], h: float) -> Any:
    with np.errstate(all="ignore"):
        return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


# --- elementwise ops ------------------------------------------------------------------


def check_elementwise(
    name: str, call: Callable[..., Tensor], symbols: Sequence[str], domain: list[Domain]
) -> None:
    """Compare each partial with differences of the value, over the symbols' domain.

    Raises `DeclarationError` where the op has no finite value, and `DerivativeError`
    where a partial is wrong; warns where it is not finite though the value is.
    """
    rng = np.random.default_rng(0)
    points = [rng.uniform(a, b, 64) for a, b in domain]
    leaves = [leaf_of(s, p) for s, p in zip(symbols, points, strict=True)]
    y = call(*leaves)
    seed = leaf_of("seed", points[0])
    pulled = reverse_sweep([y], [seed], leaves)
    ones = np.ones(64)

    def value(at: Sequence[Any]) -> Any:
        return values_of([y], dict(zip(leaves, at, strict=True)))[0]

    here = value(points)
    finite = np.isfinite(here)
    if not finite.any():
        raise DeclarationError(
            f"{name} has no finite value for {_shown(symbols, domain)}; say where it "
            f"has some with domain={{{symbols[0]!r}: (low, high)}}."
        )
    for i, (symbol, d) in enumerate(zip(symbols, pulled, strict=True)):
        feed = dict(zip(leaves, points, strict=True)) | {seed: ones}
        got = np.zeros(64) if d is None else values_of([d], feed)[0]
        h = STEP * min(1.0, (domain[i][1] - domain[i][0]) / 10)

        def moved(by: float, i: int = i) -> Any:
            return value([p + by * (j == i) for j, p in enumerate(points)])

        wanted, rough = _slope(moved, h), _slope(moved, 0.7 * h)
        scale = 1 + np.abs(wanted)
        smooth = np.abs(wanted - rough) < 1e-6 * scale  # no kink or pole nearby
        where = finite & smooth & np.isfinite(wanted)
        wrong = where & ~(np.abs(got - wanted) <= TOLERANCE * scale)
        if wrong.any():
            k = int(np.argmax(wrong))
            at = ", ".join(
                f"{s}={p[k]:.6g}" for s, p in zip(symbols, points, strict=True)
            )
            raise DerivativeError(
                f"the partial of {name} in {symbol} is {got[k]:.9g} at {at}, where "
                f"differences of its value give {wanted[k]:.9g}."
            )
    _warn_far(name, symbols, domain, leaves, seed, y, pulled)


def _shown(symbols: Sequence[str], domain: list[Domain]) -> str:
    return ", ".join(
        f"{a:g} < {s} < {b:g}" for s, (a, b) in zip(symbols, domain, strict=True)
    )


def _warn_far(
    name: str,
    symbols: Sequence[str],
    domain: list[Domain],
    leaves: Sequence[Tensor],
    seed: Tensor,
    y: Tensor,
    pulled: Sequence[Tensor | None],
) -> None:
    """Warn where the value is finite and a partial is not.

    Tried are the ends of the domain, 0 and, with the default domain, large numbers.
    """
    known = [d for d in pulled if d is not None]
    for i, (low, high) in enumerate(domain):
        ends = [low, high, *((s * x) for x in FAR for s in (1, -1)), 0.0]
        inside = [x for x in ends if _wide(low, high) or low <= x <= high]
        at = [
            np.resize(np.asarray(inside if j == i else [a + 0.37 * (b - a)]), 64)
            for j, (a, b) in enumerate(domain)
        ]
        feed = dict(zip(leaves, at, strict=True)) | {seed: np.ones(64)}
        value, *partials = values_of([y, *known], feed)
        for d in partials:
            bad = np.isfinite(value) & ~np.isfinite(d)
            if bad.any():
                warnings.warn(
                    f"a partial of {name} is not finite at {symbols[i]} = "
                    f"{at[i][int(np.argmax(bad))]:g}, where its value is; give "
                    "partials= in a form that does not overflow, or domain=.",
                    SymdiffWarning,
                    stacklevel=5,
                )
                return


def _wide(low: float, high: float) -> bool:
    return (low, high) == DEFAULT


DEFAULT: Domain = (-2.5, 2.5)

# --- primitives -----------------------------------------------------------------------


def check_primitive(
    name: str, call: Callable[..., Tensor], value: Callable[..., Any], sample: list[Any]
) -> None:
    """Compare both rules of a primitive with differences of its value, by operand.

    Raises `DeclarationError` where the value does not fit its declared type, is not
    what generated code computes, or changes an operand, and `DerivativeError` where a
    rule is wrong.
    """
    rng = np.random.default_rng(1)
    leaves = [leaf_of(f"x{i}", a) for i, a in enumerate(sample)]
    y = call(*leaves)
    here = _untouched(name, "evaluate", value, sample)
    if here.shape != tuple(y.shape):
        raise DeclarationError(
            f"{name}: evaluate returns shape {here.shape} where shape= says {y.shape}."
        )
    narrow = [a.astype("float32") if a.dtype.kind == "f" else a for a in sample]
    small = _untouched(name, "evaluate", value, narrow)
    if y.dtype.is_float and small.dtype != np.float32:
        raise DeclarationError(
            f"{name}: evaluate returns {small.dtype} for float32 operands; keep their "
            "dtype."
        )
    _check_text(name, y, sample, here)
    _check_text(name, y, narrow, small)
    _check_expand(name, y, leaves, sample, here)
    if y.node.op.vjp is None:  # declared to have no derivative
        return
    ct = leaf_of("ct", here)
    g = np.asarray(rng.normal(size=here.shape))
    smooth = [i for i, a in enumerate(sample) if a.dtype.kind == "f"]
    pulled = reverse_sweep([y], [ct], [leaves[i] for i in smooth])
    feed = dict(zip(leaves, sample, strict=True)) | {ct: g}
    for i, d in zip(smooth, pulled, strict=True):
        t = np.asarray(rng.normal(size=sample[i].shape))
        tangent = leaf_of("t", t)

        def moved(h: float, i: int = i, t: Any = t) -> Any:
            at = [a + h * t if j == i else a for j, a in enumerate(sample)]
            return np.asarray(value(*at), dtype=float)

        wanted = _slope(moved, STEP)
        if d is not None and tuple(d.shape) != sample[i].shape:
            raise DerivativeError(
                f"{name}: vjp gives operand {i} a cotangent of shape {d.shape}; its "
                f"own is {sample[i].shape}."
            )
        back = 0.0 if d is None else float(np.sum(values_of([d], feed)[0] * t))
        _compare(name, "vjp", i, back, float(np.sum(g * wanted)))
        (push,) = forward_sweep([y], [leaves[i]], [tangent])
        got = np.zeros_like(here)
        if push is not None:
            (got,) = values_of([push], feed | {tangent: t})
        _compare(name, "jvp", i, got, wanted)


def _untouched(
    name: str, what: str, function: Callable[..., Any], sample: Sequence[Any]
) -> np.ndarray:
    """Return a function's value; raise where it writes into an operand."""
    given = [np.array(a) for a in sample]
    with np.errstate(all="ignore"):
        found = np.array(function(*given))
    for i, (a, b) in enumerate(zip(sample, given, strict=True)):
        if a.tobytes() != b.tobytes():
            raise DeclarationError(
                f"{name}: {what} writes into operand {i}, which is an array of the "
                "caller's; let it work on a copy."
            )
    return found


def _check_text(name: str, y: Tensor, sample: Sequence[Any], wanted: Any) -> None:
    """Compare the NumPy expression of generated code with the value."""
    text = y.node.op.text
    if text is None:
        return
    code: CodeType = compile(str(text), f"<text of {name}>", "eval")
    known = {"np": np, **{f"_help_{k}": f for k, f in HELPERS.items()}}

    def computed(*operands: Any) -> Any:
        return eval(code, known | {f"_{i}": a for i, a in enumerate(operands)})

    try:
        found = _untouched(name, "text", computed, sample)
    except DeclarationError:
        raise
    except Exception as error:  # of the user's expression
        raise DeclarationError(
            f"{name}: text {text!r} fails where evaluate does not: "
            f"{type(error).__name__}: {error}."
        ) from error
    if found.dtype != wanted.dtype:
        raise DeclarationError(
            f"{name}: text gives {found.dtype} where evaluate gives {wanted.dtype}."
        )
    _same_value(name, "text", found, wanted)


def _check_expand(
    name: str,
    y: Tensor,
    leaves: Sequence[Tensor],
    sample: Sequence[Any],
    wanted: np.ndarray,
) -> None:
    """Compare the graph that generated code is made from with the value."""
    expand = y.node.op.expand
    if expand is None:
        return
    made = as_tensor(expand(*leaves))
    if made.type != y.type:
        raise DeclarationError(f"{name}: expand gives {made.type}, not {y.type}.")
    feed = dict(zip(leaves, sample, strict=True))
    _same_value(name, "expand", values_of([made], feed)[0], wanted)


def _same_value(name: str, what: str, got: Any, wanted: np.ndarray) -> None:
    """Raise where generated code and `interpret` would compute different values."""
    if np.shape(got) != wanted.shape:
        raise DeclarationError(
            f"{name}: {what} gives shape {np.shape(got)} where evaluate gives "
            f"{wanted.shape}."
        )
    size = np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))
    same = np.isclose(got, wanted, 0, TOLERANCE * size + 1e-12, equal_nan=True)
    if same.all():
        return
    k = int(np.argmin(same))
    raise DeclarationError(
        f"{name}: {what} gives {np.ravel(got)[k]:.9g} where evaluate gives "
        f"{np.ravel(wanted)[k]:.9g}; generated code computes the one, sd.interpret the "
        "other."
    )


def _compare(name: str, rule: str, i: int, got: Any, wanted: Any) -> None:
    scale = 1 + float(np.max(np.abs(wanted), initial=0.0))
    if np.all(np.abs(np.asarray(got) - wanted) <= TOLERANCE * scale):
        return
    k = int(np.argmax(np.abs(np.asarray(got) - wanted)))
    a, b = np.ravel(got)[k], np.ravel(wanted)[k]
    raise DerivativeError(
        f"the {rule} of {name} is wrong in operand {i}: it gives {a:.9g} where "
        f"differences of evaluate give {b:.9g}. A slope that is deliberately that of "
        "another function s is written s + stop_gradient(y - s), whose value is y."
    )
