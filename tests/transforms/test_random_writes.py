"""Random programs of views and writes: NumPy's answer, or an error with the line.

Each program makes an array, takes views and copies of it and of those, and writes
through any of them. NumPy runs the same text. Slopes are compared with differences of
what NumPy computes.
"""

from __future__ import annotations

import linecache
import random
from collections.abc import Callable
from typing import Any

import numpy
import pytest

import symdiff as sd
import symdiff.numpy as np

X = numpy.array([[1.5, -2.0, 0.45], [3.0, 0.25, -1.0]])
STARTS = (
    *("np.zeros((2, 3))", "np.zeros(6)", "np.ones(4)", "np.full((3, 2), 2.0)"),
    *("np.zeros((2, 2, 2))", "x * 1.0", "np.tanh(x)", "x[0] + 0.0", "x.T + 0.0"),
    *("np.array([x[0], x[1]])", "np.zeros((2, 3)) + x", "np.concatenate([x, x])"),
)
VIEWS = (
    *("{a}", "{a}[{i}]", "{a}[{s}]", "{a}[{s}, {s}]", "{a}[..., {s}]", "{a}[None]"),
    *("{a}.T", "{a}.reshape(-1)", "{a}.reshape({r})", "{a}.ravel()", "np.flip({a})"),
    *("np.flip({a}, 0)", "{a}.swapaxes(0, -1)", "np.transpose({a})", "{a}[:, {i}]"),
    *("np.squeeze({a})", "np.expand_dims({a}, -1)", "np.atleast_2d({a})", "{a}.copy()"),
    *("np.moveaxis({a}, 0, -1)", "np.asarray({a})", "np.array({a})", "{a} * 1.0"),
    *("{a}.ravel('F')", "{a}.flatten()", "{a}[{s}][{i}]", "{a}[[0, -1]]"),
)
WRITES = (
    *("{v} += {c}", "{v} *= {c}", "{v} -= {a}", "{v}[{i}] = {c}", "{v}[{s}] = {c}"),
    *("{v}[{i}] += {c}", "{v}[..., {i}] = {c}", "{v}[:, {i}] *= {c}", "{v}[:] = {a}"),
    *("{v}[{v} > 0.3] = {c}", "{v}[{v} > 0.3] += {c}", "{v}[{i}] = {v}[{j}]"),
    *("{v}.fill({c})", "{v}.sort()", "{v}[...] = {v}[::-1]", "{v}[::2] = {c}"),
    *(
        "np.copyto({v}, {c})",
        "np.add({v}, {c}, out={v})",
        "np.add.at({v}, [0, 0], {c})",
    ),
    *("np.putmask({v}, {v} < 0, {c})", "np.fill_diagonal({v}, {c})"),
)
PARTS = {
    "i": ("0", "-1", "1"),
    "j": ("0", "-1"),
    "s": (":", "1:", ":1", "::-1", "::2", "-1:", ":2"),
    "r": ("(2, -1)", "(-1, 2)", "(1, -1)", "(3, -1)"),
    "c": ("2.0", "-0.5", "x[0, 1]", "x[1]", "x[0, 0] * x[1, 2]", "np.sum(a)"),
}


def lines_of(seed: int) -> list[str]:
    """Return a random program, line by line."""
    draw = random.Random(seed)
    lines, names = [f"a = {draw.choice(STARTS)}"], ["a"]

    def filled(text: str) -> str:
        parts = {name: draw.choice(found) for name, found in PARTS.items()}
        return text.format(a=draw.choice(names), v=draw.choice(names), **parts)

    for _ in range(draw.randint(3, 8)):
        if draw.random() < 0.45 and len(names) < 5:
            name = "abcde"[len(names)]
            lines.append(f"{name} = {filled(draw.choice(VIEWS))}")
            names.append(name)
        else:
            lines.append(filled(draw.choice(WRITES)))
    return [*lines, f"return {', '.join(names)},"]


def program(lines: list[str], np: Any, name: str) -> Callable[[Any], Any]:
    """Return the function of the lines over a namespace; its source can be quoted."""
    text = "\n    ".join(["def f(x):", *lines]) + "\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"np": np}
    exec(compile(text, name, "exec"), space)
    function: Callable[[Any], Any] = space["f"]
    return function


def numpys(lines: list[str], x: Any) -> Any:
    """Return what NumPy gives, or None where it raises or leaves the finite numbers."""
    try:
        with numpy.errstate(all="ignore"):
            found = program(lines, numpy, "<numpys>")(x.copy())
    except (ValueError, TypeError, IndexError):
        return None
    return found if all(numpy.isfinite(f).all() for f in found) else None


def weighed(results: Any) -> Any:
    """Return one number of all results, in which each element has a weight."""
    return sum(
        numpy.sum(r * numpy.cos(numpy.arange(numpy.size(r)).reshape(numpy.shape(r))))
        for r in results
    )


def agrees(seed: int) -> bool:
    """Compare one program; return whether both computed it."""
    lines = lines_of(seed)
    expected, shown = numpys(lines, X), "\n".join(lines)
    if expected is None:
        return False
    name = f"<written {seed}>"
    try:
        made = sd.trace(program(lines, np, name), numpy.zeros(X.shape))
    except sd.SymdiffError as error:
        if name not in str(error):
            raise
        return False
    (x,), outputs = made.inputs, list(made.outputs)
    for mine, theirs in zip(sd.interpret(outputs, {x: X}), expected, strict=True):
        assert numpy.shape(mine) == numpy.shape(theirs), shown
        numpy.testing.assert_allclose(
            mine, theirs, rtol=1e-12, atol=1e-12, err_msg=shown
        )
    total = sum(
        sd.sum(t * numpy.cos(numpy.arange(t.size).reshape(t.shape))) for t in outputs
    )
    found = sd.interpret(sd.grad(total, x), {x: X}).ravel()
    near, far = differences(lines, 1e-6), differences(lines, 1e-5)
    smooth = numpy.isclose(near, far, rtol=1e-3, atol=1e-3)  # no mask changes there
    close = numpy.isclose(found, near, rtol=1e-5, atol=1e-5)
    assert (close | ~smooth).all(), f"{found} is not {near}\n{shown}"
    return True


def differences(lines: list[str], step: float) -> Any:
    """Return the slopes of all results, weighed, of what NumPy computes."""
    steps = step * numpy.eye(X.size).reshape(X.size, *X.shape)
    ends = [(numpys(lines, X + s), numpys(lines, X - s)) for s in steps]
    return numpy.array([weighed(a) - weighed(b) for a, b in ends]) / (2 * step)


@pytest.mark.parametrize("part", range(16))
@pytest.mark.filterwarnings("ignore::symdiff.SymdiffWarning")
def test_views_and_writes_are_those_of_numpy(part: int) -> None:
    computed = sum(agrees(seed) for seed in range(part, 640, 16))
    assert computed >= 10, "nothing but errors"
