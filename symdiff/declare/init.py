"""Initial values of parameters: descriptions that can be drawn, or printed as NumPy.

In: a distribution by name or by hand. Out: an `Init`, whose `draw_text(shape)` is a
Python expression over ``rng`` (a `numpy.random.Generator`) and ``np`` for one concrete
shape, in float64. Invariant: `draw` evaluates that very text, so what is tested is what
is generated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from symdiff.graph.arrays import require_plain
from symdiff.graph.errors import DeclarationError, ShapeError
from symdiff.graph.provenance import public

__all__ = [
    "Init",
    "as_init",
    "constant",
    "from_array",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "uniform",
    "zeros",
]


@dataclass(frozen=True, eq=False)
class Init:
    """An initial value: a ``name`` for people and a ``text`` rule from shape to NumPy.

    ``array`` is the value itself where it is an array too large for a literal; its text
    is then the name ``_array``, which the caller binds.
    """

    name: str
    text: Callable[[tuple[int, ...]], str]
    array: np.ndarray | None = field(default=None, repr=False)
    # the text rule for a weight of shape (out, in, ...), as of a convolution
    text_outputs_first: Callable[[tuple[int, ...]], str] | None = field(
        default=None, repr=False
    )

    def draw_text(self, shape: tuple[int, ...]) -> str:
        """Return a NumPy expression over ``rng`` for a float64 array of ``shape``."""
        return self.text(tuple(shape))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Return the array that `draw_text` describes."""
        names = {"np": np, "rng": rng, "_array": self.array}
        text = self.draw_text(shape)
        return np.asarray(eval(text, {"__builtins__": {}}, names))  # our own text

    def __call__(self, *_given: Any, **_named: Any) -> NoReturn:
        """Raise: an `Init` has its arguments already."""
        raise DeclarationError(
            f"sd.{self!r} is an initial value already, and is not called; write "
            f"init=sd.{self!r}."
        )

    def __repr__(self) -> str:
        return f"init.{self.name}"


def _number(value: Any, what: str, *, low: float | None = None) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise DeclarationError(f"{what} must be a number, got {value!r}.")
    number = float(value)
    if not math.isfinite(number) or (low is not None and number < low):
        limit = "finite" if low is None else f"finite and at least {low:g}"
        raise DeclarationError(f"{what} must be {limit}, got {value!r}.")
    return number


def _shape(shape: tuple[int, ...]) -> str:
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan in, fan out) of a weight of shape (..., in, out).

    Leading axes are a receptive field, as of a convolution. Both are at least 1.
    """
    if len(shape) < 2:
        return max(math.prod(shape), 1), max(math.prod(shape), 1)
    field_size = math.prod(shape[:-2])
    return max(field_size * shape[-2], 1), max(field_size * shape[-1], 1)


zeros = Init("zeros", lambda shape: f"np.zeros({_shape(shape)})")
ones = Init("ones", lambda shape: f"np.ones({_shape(shape)})")


@public
def constant(value: float) -> Init:
    """Every element is ``value``."""
    number = _number(value, "constant")
    return Init(
        f"constant({number!r})", lambda shape: f"np.full({_shape(shape)}, {number!r})"
    )


@public
def normal(std: float = 0.01, mean: float = 0.0) -> Init:
    """Independent normal draws with mean ``mean`` and standard deviation ``std``."""
    scale, centre = _number(std, "std", low=0), _number(mean, "mean")
    return Init(
        f"normal({scale!r}{f', {centre!r}' if centre else ''})",
        lambda shape: f"rng.normal({centre!r}, {scale!r}, {_shape(shape)})",
    )


@public
def uniform(low: float = -0.05, high: float = 0.05) -> Init:
    """Independent uniform draws from [low, high)."""
    a, b = _number(low, "low"), _number(high, "high")
    if not a < b:
        raise DeclarationError(f"uniform needs low < high, got {a!r} and {b!r}.")
    return Init(
        f"uniform({a!r}, {b!r})",
        lambda shape: f"rng.uniform({a!r}, {b!r}, {_shape(shape)})",
    )


def _scaled(name: str, numerator: int, fan: str, kind: str) -> Init:
    """Variance ``numerator / fan``. Uniform draws of variance v lie within √(3v)."""

    def text(shape: tuple[int, ...], seen: tuple[int, ...] | None = None) -> str:
        fan_in, fan_out = fans(shape if seen is None else seen)
        size = {"in": fan_in, "sum": fan_in + fan_out}[fan]
        if kind == "normal":
            return f"rng.normal(0.0, np.sqrt({numerator} / {size}), {_shape(shape)})"
        bound = f"np.sqrt({3 * numerator} / {size})"
        return f"rng.uniform(-1.0, 1.0, {_shape(shape)}) * {bound}"

    def outputs_first(shape: tuple[int, ...]) -> str:
        return text(shape, (*shape[2:], *shape[1::-1]))

    return Init(name, text, text_outputs_first=outputs_first)


# Glorot & Bengio, AISTATS 2010, eq. 16; He et al., ICCV 2015, eq. 10; LeCun et al.,
# Efficient BackProp, 1998, section 4.6.
glorot_uniform = _scaled("glorot_uniform", 2, "sum", "uniform")
glorot_normal = _scaled("glorot_normal", 2, "sum", "normal")
he_uniform = _scaled("he_uniform", 2, "in", "uniform")
he_normal = _scaled("he_normal", 2, "in", "normal")
lecun_uniform = _scaled("lecun_uniform", 1, "in", "uniform")
lecun_normal = _scaled("lecun_normal", 1, "in", "normal")


def _orthogonal_text(shape: tuple[int, ...], split: int = -1) -> str:
    if len(shape) < 2:
        raise ShapeError(f"orthogonal needs at least two axes, got shape {shape}.")
    rows, columns = math.prod(shape[:split]), math.prod(shape[split:])
    size = f"({max(rows, columns)}, {min(rows, columns)})"
    tall = f"np.linalg.qr(rng.normal(size={size}))[0]"
    if rows < columns:
        tall += ".T"
    return tall if len(shape) == 2 else f"{tall}.reshape{shape}"


# Saxe, McClelland & Ganguli, ICLR 2014: orthonormal rows or columns, whichever fit.
orthogonal = Init(
    "orthogonal",
    _orthogonal_text,
    text_outputs_first=lambda shape: _orthogonal_text(shape, 1),
)


@public
def from_array(value: Any) -> Init:
    """The array ``value`` itself; it must have the parameter's shape."""
    require_plain("sd.init.from_array", value)
    array = np.array(value, dtype=np.float64)
    array.setflags(write=False)

    def text(shape: tuple[int, ...]) -> str:
        if shape != array.shape:
            raise ShapeError(
                f"an initial array of shape {array.shape} does not fit {shape}."
            )
        if _prints(array):
            return f"np.array({array.tolist()!r})"
        return _repeated(array) or "_array"

    return Init(f"from_array(shape {array.shape})", text, array)


def _prints(array: np.ndarray) -> bool:
    """Whether an array is written as a literal: small, finite and not empty."""
    return array.size <= 64 and bool(np.isfinite(array).all()) and 0 not in array.shape


def _repeated(array: np.ndarray) -> str:
    """Return the text of a vector of a few long runs of one number, else ''."""
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        return ""
    starts = np.flatnonzero(np.append(True, array[1:] != array[:-1]))
    if len(starts) > 8 or np.signbit(array[array == 0]).any():
        return ""
    counts = np.diff(np.append(starts, array.size)).tolist()
    return f"np.repeat({array[starts].tolist()!r}, {counts!r})"


_BY_NAME = {
    init.name: init
    for init in (
        zeros, ones, glorot_uniform, glorot_normal, he_uniform, he_normal,
        lecun_uniform, lecun_normal, orthogonal,
    )
}  # fmt: skip


def _by_name(name: str) -> Init:
    if name not in _BY_NAME:
        raise DeclarationError(
            f"unknown init {name!r}; use one of {', '.join(sorted(_BY_NAME))}, or "
            "sd.init.normal(std) and the like."
        )
    return _BY_NAME[name]


@public
def outputs_first(init: Init | str) -> Init:
    """Return an initial value for weights of shape (out, in, ...), as of `sd.conv2d`.

    Initial values that scale by a fan otherwise read a shape as (..., in, out).
    """
    if isinstance(init, str):
        init = _by_name(init)
    if not isinstance(init, Init):
        raise DeclarationError(
            f"outputs_first takes an init or its name, got {type(init).__name__}."
        )
    if init.text_outputs_first is None:
        return init
    return Init(init.name, init.text_outputs_first)


def as_init(value: Any, shape: tuple[int, ...]) -> Init:
    """Return what a user gave as ``init=``: an `Init`, a name, a number or an array.

    Raises
    ------
    DeclarationError
        For anything else.
    ShapeError
        Where it does not fit.
    """
    match value:
        case None:
            found = zeros
        case Init():
            found = value
        case str():
            found = _by_name(value)
        case bool():
            raise DeclarationError(f"init {value!r} is not a number.")
        case int() | float() | np.number():
            found = constant(float(value))
        case np.ndarray() | list() | tuple():
            found = from_array(value)
        case _ if value in (normal, uniform, constant, from_array):
            raise DeclarationError(
                f"init={value.__name__} lacks its arguments; write "
                f"sd.init.{value.__name__}(...)."
            )
        case _:
            raise DeclarationError(
                f"cannot use {type(value).__name__} {value!r:.60} as an initial value; "
                "use sd.init.normal(std) and the like, a number, or an array of the "
                "shape."
            )
    # a description that does not fit fails here, at the declaration
    found.draw_text(shape)
    return found
