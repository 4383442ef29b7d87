"""The form of a line of the sample table, and the arrays its words stand for.

In: shapes, domains and a seed. Out: `Sample` records and the operands they describe.
Invariant: the same sample and seed give the same arrays, so a failure repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np

from symdiff.graph.tensor import Tensor, apply
from symdiff.ops.core.operands import API
from symdiff.ops.core.record import OPS

Shape = tuple[int, ...]


class _Namespace(SimpleNamespace):
    """``sd.name`` inside a sample's lambda: the public function of that name."""

    def __getattr__(self, name: str) -> Any:
        try:
            return API[name]
        except KeyError:
            raise AttributeError(f"no public function sd.{name}") from None


sd = _Namespace()


@dataclass(frozen=True)
class A:
    """A float operand with a domain of its own: ``A((3, 4), "positive")``."""

    shape: Shape
    domain: str = ""


@dataclass(frozen=True)
class I:  # noqa: E742 - read as a word of the table
    """An integer operand with values in low..high-1: ``I((4,), 5)``."""

    shape: Shape
    high: int
    low: int = 0
    dtype: str = "int64"


@dataclass(frozen=True)
class B:
    """A boolean operand: ``B((3, 4))``."""

    shape: Shape


@dataclass(frozen=True)
class Given:
    """An operand with these very values; floats are differentiated as any other."""

    value: Any

    @property
    def array(self) -> np.ndarray:
        """The values as an array."""
        return np.asarray(self.value)

    @property
    def shape(self) -> Shape:
        """The shape of the values."""
        return self.array.shape


Arg = Shape | A | I | B | Given | float | int


@dataclass(frozen=True)
class Sample:
    """One variant of one op. The fields are explained in `samples/__init__.py`."""

    fn: str | Callable[..., Any]
    args: Sequence[Arg]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    reference: str | Callable[..., Any] | None = None
    domain: str = "normal"
    tolerance: float = 1e-12
    slope_tolerance: float = 1e-7
    differentiable: bool = True
    second: bool = True
    symbolic: bool = True
    complex_ok: bool | None = None
    specials: bool = True
    label: str = ""

    def build(self, operands: Sequence[Any]) -> Any:
        """Return the tensor (or tensors) of the sample on symbolic operands."""
        function = API[self.fn] if isinstance(self.fn, str) else self.fn
        return function(*operands, **self.attrs)

    def refer(self, operands: Sequence[Any]) -> Any:
        """Return the reference's value on NumPy operands."""
        reference = self.reference
        if reference is None:
            reference = self.fn
        if isinstance(reference, str):
            reference = _numpy(reference)
        return reference(*operands, **self.attrs)

    @property
    def id(self) -> str:
        """A short name for pytest."""
        name = self.fn if isinstance(self.fn, str) else getattr(self.fn, "__name__", "")
        name = self.label or ("expression" if name == "<lambda>" else name)
        shown = [*map(_show, self.args), *(f"{k}={v}" for k, v in self.attrs.items())]
        return f"{name}({','.join(shown)})".replace(" ", "")[:90]


def _numpy(name: str) -> Callable[..., Any]:
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _show(arg: Arg) -> str:
    if isinstance(arg, tuple):
        return "x".join(map(str, arg)) or "scalar"
    if isinstance(arg, (A, I, B, Given)):
        return "x".join(map(str, arg.shape)) or "scalar"
    return repr(arg)


def raw(name: str) -> Callable[..., Tensor]:
    """Return the op ``name`` as a function; for records that nothing public exposes."""

    def call(*operands: Tensor, **attrs: Any) -> Tensor:
        return apply(OPS[name], *operands, **attrs)

    call.__name__ = name
    return call


# --- domains ----------------------------------------------------------------------

SYMMETRIC = {"spd", "symmetric"}  # tangents of these are symmetric too
_Draw = Callable[[np.random.Generator, Shape], np.ndarray]


def _distinct(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Values at least 0.1 apart, none within 0.05 of 0, in random order."""
    size = int(np.prod(shape))
    values = 0.2 * (np.arange(size) - size // 2) + 0.1 + rng.uniform(-0.04, 0.04, size)
    return rng.permutation(values).reshape(shape)


def _symmetric(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Symmetric matrices with eigenvalues at least 0.5 apart."""
    n = shape[-1]
    q = np.linalg.qr(rng.normal(size=shape))[0]
    values = np.arange(n) - n / 2 + rng.uniform(0, 0.5, shape[:-1])
    return (q * values[..., None, :]) @ np.swapaxes(q, -1, -2)


def _spd(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    n = shape[-1]
    a = _symmetric(rng, shape)
    return a @ a + 0.5 * np.eye(n)


def _invertible(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return rng.normal(size=shape) + 3 * np.eye(shape[-2], shape[-1])


def _lower(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return np.tril(rng.normal(size=shape), -1) + np.eye(shape[-1]) * rng.uniform(
        1, 2, shape
    )


DOMAINS: dict[str, _Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "positive": lambda rng, shape: rng.uniform(0.3, 2.0, shape),
    "fraction": lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    "unit": lambda rng, shape: rng.uniform(-0.9, 0.9, shape),
    "above_one": lambda rng, shape: rng.uniform(1.2, 3.0, shape),
    "nonzero": lambda rng, shape: (
        rng.uniform(0.3, 2.0, shape) * rng.choice([-1, 1], shape)
    ),
    "distinct": _distinct,
    "spd": _spd,
    "symmetric": _symmetric,
    "invertible": _invertible,
    "lower": _lower,
}


def domain_of(sample: Sample, arg: Arg) -> str:
    """Return the domain an operand is drawn from ('' where it is not float)."""
    if isinstance(arg, tuple):
        return sample.domain
    return (arg.domain or sample.domain) if isinstance(arg, A) else ""


def draw(sample: Sample, seed: int = 0) -> list[Any]:
    """Return a sample's operands: float64, integer, boolean arrays, numbers."""
    rng = np.random.default_rng([seed, crc32(sample.id.encode())])
    return [_draw(sample, arg, rng) for arg in sample.args]


def _draw(sample: Sample, arg: Arg, rng: np.random.Generator) -> Any:
    match arg:
        case tuple() | A():
            shape = arg if isinstance(arg, tuple) else arg.shape
            return np.asarray(DOMAINS[domain_of(sample, arg)](rng, shape))
        case I():
            return rng.integers(arg.low, arg.high, arg.shape).astype(arg.dtype)
        case B():
            return rng.random(arg.shape) < 0.5
        case Given():
            return arg.array
        case _:
            return arg


def redraw_shape(arg: Arg, old: int, new: int) -> Arg:
    """Return an operand with every axis of length ``old`` made ``new`` long."""
    if isinstance(arg, (int, float, Given)):
        return arg
    shape = arg if isinstance(arg, tuple) else arg.shape
    changed = tuple(new if d == old else d for d in shape)
    match arg:
        case A():
            return A(changed, arg.domain)
        case I():
            return I(changed, arg.high, arg.low, arg.dtype)
        case B():
            return B(changed)
    return changed
