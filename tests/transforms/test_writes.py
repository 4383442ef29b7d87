"""Writes in place in traced functions: NumPy's answer, or an error with the line.

A program is text: a value, another name for it (or a part, or a copy), a write through
one of the two, and what is returned. NumPy runs it as it is; traced, it gives the same
numbers or refuses. So are the caller's arrays: a program that changes them is refused.
"""

from __future__ import annotations

import functools
import itertools
import linecache
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff import transforms as T  # noqa: N812 - as autograd's users would

# NumPy warns of what is shuffled beside arrays.
pytestmark = pytest.mark.filterwarnings("ignore:you are shuffling:UserWarning")

STARTS = ("y = x * 1.0", "y = x.copy()", "y = x", "y = np.concatenate([x, x])[:2]")
ALIASES = (
    "z = y",
    "z = [y][0]",
    "z = y[:2]",
    "z = y[::-1]",
    "z = y[...]",
    "z = y[None]",
    "z = y[0]",
    "z = y[0, ...]",
    "z = y[1:, None]",
    "z = y[::-1][:1]",
    "z = y[1:].reshape(-1)[::-1]",
    "z = y.reshape(2, -1).T",
    "z = y.reshape(2, -1)[:, 0]",
    "z = y.T.ravel()",
    "z = y.reshape(2, -1).ravel('F')",
    "z = y[:, None].ravel(order='F')",
    "z = y[::-1].ravel('F')",
    "z = np.stack([y, y])[:, 0].ravel('F')",
    "z = np.stack([y, y])[:, 0].reshape(-1)",
    "z = np.reshape(y, (2, -1), order='F')[0]",
    "z = np.rollaxis(y[None], 1)",
    "z = y.T.reshape(-1)",
    "z = y[:, None].swapaxes(0, 1)[0]",
    "z = np.moveaxis(y[None], 0, -1)",
    "z = np.expand_dims(y, 0)",
    "z = np.flip(y[::-1], 0)",
    "z = y[[0, 1]]",
    "z = y[np.array([True, False])]",
    "z = list(y)[1]",
    "z = y.reshape(-1)",
    "z = y.ravel()",
    "z = y.flatten()",
    "z = y.T",
    "z = y.copy()",
    "z = y.astype(float)",
    "z = +y",
    "z = y.squeeze()",
    "z = np.real(y)",
    "z = np.transpose(y)",
    "z = np.flip(y)",
    "z = np.atleast_1d(y)",
    "z = np.broadcast_to(y, y.shape).copy()",
    "z = np.split(y, 2)[0]",
    "z = np.sort(y)",
    "z = np.where(y > 0, y, 0.0)",
    "z = np.diff(y, n=0)",
    "z = np.round(y, 6)",
    "z = np.clip(y, -99.0, 99.0)",
    "z = np.nan_to_num(y)",
    "z = np.sum(y)",
    "z = np.sum(y).reshape(())",
    "z = np.concatenate([y])",
    "z = np.pad(y, 0)",
    "z = np.repeat(y, 1, axis=0)",
    "z = np.tile(y, 1)",
)
WRITES = (
    "t += 1.0",
    "t *= 2.0",
    "t -= y",
    "t += z",
    "t **= 2",
    "t @= np.eye(2)",
    "t += np.ones((3, 1, 2))",
    "t.sort()",
    "t.fill(0.0)",
    "t.put(0, 5.0)",
    "t.partition(1)",
    "t.clip(0.0, 1.0, out=t)",
    "t.flat[0] = 2.0",
    "t[0] = 3.0",
    "t[0] = x[1] * t[0]",
    "t[-1] += y[0]",
    "t[:] += 3.0",
    "t[...] = z",
    "t[[1, 0]] *= 2.0",
    "t[::2] = t[::-2]",
    "t[t > 0] = 9.0",
    "t[t > 0] += x[0]",
    "t[t < 0] = np.sin(t[t < 0]) * 2",
    "t[1:], t[:1] = t[:1], t[1:]",
    "a = t[0]; t[0] = t[1]; t[1] = a",
    "for i in range(2): t[i] = t[i] * x[i]",
    "np.put(t, 0, 5.0)",
    "np.place(t, t > 0, 1.0)",
    "np.putmask(t, t > 0, 1.0)",
    "np.copyto(t, 0.0)",
    "np.fill_diagonal(t, 0.0)",
    "np.put_along_axis(t, np.zeros_like(t, dtype=int), 1.0, 0)",
    "np.nan_to_num(t, copy=False)",
    "np.copyto(t, y, where=t > 0)",
    "np.add.at(t, 0, 1.0)",
    "np.add.at(t, [0, 0, 1], x[0])",
    "np.multiply.at(t, [1, 1], 0.5)",
    "np.add(t, 1.0, out=t)",
    "np.add(t, 1.0, t)",
    "np.multiply(t, y, out=t[:])",
    "np.sum(t * 2, axis=0, out=t[0])",
    "np.maximum.accumulate(t, out=t)",
    "helper(t)",
    "for row in t: row += 1.0",
    "np.random.default_rng(0).shuffle(t)",
)
AFTER = ("y, z", "c, y", "c, z", "y * z", "np.sum(y) + c")
INPUTS = (np.array([3.0, -1.5]), np.array([[3.0, np.inf], [-2.0, 0.5]]))


def program(lines: list[str], name: str) -> Callable[[Any], Any]:
    """Return the function of the lines, whose source can be quoted."""
    text = "\n    ".join(["def f(x):", *lines]) + "\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"np": np, "helper": helper}
    exec(compile(text, name, "exec"), space)
    function: Callable[[Any], Any] = space["f"]
    return function


def helper(array: Any) -> None:
    array += 1.0


def numpys(function: Callable[[Any], Any], x: np.ndarray) -> Any:
    """Return what NumPy gives, and whether the caller's array stays; None on errors."""
    own = x.copy()
    try:
        with np.errstate(all="ignore"):
            result = function(own)
    except Exception:
        return None
    return result, np.array_equal(own, x, equal_nan=True)


def traced(function: Callable[[Any], Any], x: np.ndarray) -> Any:
    """Return what the traced function gives, or the error."""
    try:
        made = sd.trace(function, np.zeros(x.shape))
        with np.errstate(all="ignore"):
            values = sd.interpret(list(made.outputs), {made.inputs[0]: x})
    except sd.SymdiffError as error:
        return error
    return values


def agree(lines: list[str], x: np.ndarray, name: str, sloped: bool = True) -> bool:
    """Compare the two; return whether the traced program gives values."""
    function = program(lines, name)
    expected = numpys(function, x)
    if expected is None:
        return False
    result, kept = expected
    found = traced(function, x)
    shown = "\n".join(lines)
    if isinstance(found, sd.SymdiffError):
        assert (
            name in str(found)
            or "def helper" in str(found)
            or "array += 1.0" in str(found)
        ), f"no line in: {found}\n{shown}"
        return False
    assert kept, f"the caller's array changes under NumPy alone:\n{shown}"
    results = result if isinstance(result, tuple) else (result,)
    assert len(results) == len(found), shown
    for a, b in zip(results, found, strict=True):
        np.testing.assert_allclose(b, a, err_msg=shown)
    if sloped and np.isfinite(x).all() and not any("round" in s for s in lines):
        slopes_agree(function, x, shown)
    return True


def slopes_agree(function: Callable[[Any], Any], x: np.ndarray, shown: str) -> None:
    """Compare the derivatives of what a program returns with differences of NumPy's.

    All is weighed and added, so that a rule that reads a value as it was later, not as
    it was when it was used, gives another slope.
    """

    def total(x: Any) -> Any:
        result = function(x)
        parts = result if isinstance(result, tuple) else (result,)
        return sum(np.sum(np.sin(p) * (k + 1.0)) for k, p in enumerate(parts))

    def slope(f: Callable[[Any], Any]) -> Any:
        steps = np.eye(x.size).reshape(x.size, *x.shape) * 1e-5
        with np.errstate(all="ignore"):
            ahead, behind = ([f(x + k * s) for s in steps] for k in (1, -1))
        found = [(a - b) / 2e-5 for a, b in zip(ahead, behind, strict=True)]
        return np.reshape(found, (*x.shape, *np.shape(found[0])))

    expected = slope(total)
    if not np.isfinite(expected).all():
        return
    gradient = T.grad(total)
    close = functools.partial(
        np.testing.assert_allclose, rtol=1e-6, atol=1e-6, err_msg=shown
    )
    close(gradient(x), expected)
    along = np.arange(1.0, x.size + 1).reshape(x.shape)
    close(T.jvp(total)(x, along), np.sum(expected * along))
    close(T.grad(T.jit(total))(x), expected)
    curvature = np.tensordot(along, slope(gradient), x.ndim)
    close(T.hvp(total)(x, along), curvature)


@pytest.mark.parametrize("alias", ALIASES)
def test_a_write_through_one_name_is_seen_through_the_other_or_refused(
    alias: str,
) -> None:
    right = 0
    choices = itertools.product(WRITES, ("y", "z"), enumerate(INPUTS))
    for number, (write, target, (k, x)) in enumerate(choices):
        start = STARTS[number % len(STARTS)] if number % 3 else STARTS[0]
        lines = [start, alias, "c = y + 0.5", *aimed(write, target)]
        lines += [f"return {AFTER[number % len(AFTER)]}"]
        right += agree(lines, x, f"<writes {alias} {number} {k}>", number // 2 % 3 == 0)
    assert right >= 3, "nothing but refusals"


def aimed(write: str, target: str) -> list[str]:
    """Return a write through a name: ``t`` is it."""
    return [f"t = {target}", write, "del t"] if write[:2] != "t " else [
        write.replace("t ", f"{target} ", 1)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_programs_of_several_aliases_and_writes(seed: int) -> None:
    draw = random.Random(seed)
    lines = [draw.choice(STARTS[:2]), "z = y", "w = y[:1]"]
    for _ in range(draw.randint(2, 5)):
        name = draw.choice("yzw")
        if draw.random() < 0.5:
            alias = draw.choice(ALIASES).replace("z =", f"{name} =", 1)
            lines.append(alias.replace("y", draw.choice("yzw"), 1))
        else:
            write = draw.choice(WRITES[:8] + WRITES[21:22] + WRITES[27:28])
            lines += aimed(write.replace("y", draw.choice("yzw")), name)
    lines.append(f"return {draw.choice(('y, z, w', 'np.sum(y) + np.sum(w)', 'z, w'))}")
    for k, x in enumerate(INPUTS):
        agree(lines, x, f"<programs {seed} {k}>")


# --- in functions that are handed to others -------------------------------------------


def cubed(v: Any) -> Any:
    """v * v * v, by a write through another name."""
    h = v * v
    k = h
    h *= v
    return k


CALLED_BACK: dict[str, Callable[[Any, Any], Any]] = {
    "scan": lambda f, x: sd.scan(lambda c, r: (f(c) * r, f(c)), x / 2, x),
    "cond": lambda f, x: sd.cond(x[0] > 0, f, lambda v: v, x),
    "while_loop": lambda f, x: sd.while_loop(lambda c: np.sum(c) < 99.0, f, x),
    "map": lambda f, x: sd.map(f, np.outer(x, x)),
    "feature_map": lambda f, x: sd.nn.feature_map(x[None], f, lambda v: v),
    "residual": lambda f, x: sd.nn.residual(x, f),
    "jit": lambda f, x: T.jit(f)(x),
    "gradient": lambda f, x: T.grad(lambda v: np.sum(f(v) * x))(x),
    "jvp": lambda f, x: T.jvp(f)(x, x),
}


@pytest.mark.parametrize("form", CALLED_BACK)
def test_a_function_that_is_handed_on_may_write_too(form: str) -> None:
    call, x = CALLED_BACK[form], np.array([1.2, 1.1, 1.3])

    def total(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: sum(np.sum(np.sin(r)) for r in _flat(call(f, x)))

    for transform in (T.jit, T.grad, T.hessian, T.jacobian):
        found, expected = transform(total(cubed)), transform(total(lambda v: v * v * v))
        np.testing.assert_allclose(found(x), expected(x), rtol=1e-12)


def _flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]
