"""The points that a backward pass is graded at, small ones and adversarial ones.

In: a `Reference`. Out: `Case`s with the derived gradients and the error that rounding
may cause in each. Invariant: every case is valid for the declarations; one at which the
gradient is a convention (a tie, an exact zero of a relu) is marked as such.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from symdiff.compiler.dims import length_of, symbols_of
from symdiff.compiler.drawing import draw_argument, lengths_of
from symdiff.declare.init import Init
from symdiff.declare.model import Function, Model
from symdiff.emit.modules.lengths import LengthError
from symdiff.grading.reference import Case, Reference

# Values of symbolic lengths, all different; the larger ones for models that need them.
LENGTHS = ((5, 3, 7, 4, 6, 11, 13), (11, 13, 9, 17, 19, 23), (33, 35, 37, 41, 43, 47))
TRIES = 6
AT_ZERO = ("zeros as inputs", "all zeros, exactly at kinks")
Arrays = dict[str, np.ndarray]
Change = Callable[[Arrays, Arrays], None]


def cases(
    reference: Reference, declared: Model | Function, seed: int = 0
) -> list[Case]:
    """Return the cases at which the derived gradient is finite."""
    drawer = _Drawer(reference, declared)
    first = drawer.batch
    recipes: list[tuple[str, dict[str, int], Change | None, float, bool]] = [
        ("a small random batch", {}, None, 1.0, False),
        ("a batch of 2", {first: 2}, None, 1.0, False),
        ("another random batch", {first: 4}, None, 1.0, False),
        ("a batch of 1", {first: 1}, None, 1.0, False),
        ("the cotangent of the result is not 1", {}, None, -2.5, False),
        ("equal rows and repeated labels", {}, drawer.repeat, 1.0, False),
        ("negative inputs", {}, drawer.negative, 1.0, False),
        ("zeros as inputs", {}, drawer.zeros, 1.0, False),
        ("whole numbers, which make ties", {}, drawer.whole, 1.0, False),
        ("all zeros, exactly at kinks", {}, drawer.nothing, 1.0, False),
        ("large inputs", {}, drawer.large, 1.0, False),
        ("float32", {}, None, 1.0, True),
        ("a batch of 1 in float32", {first: 1}, None, 1.0, True),
    ]
    found: list[Case] = []
    for i, (name, sizes, change, weight, narrow) in enumerate(recipes):
        for attempt in range(TRIES):
            rng = np.random.default_rng([seed, i, attempt])
            case = drawer.case(name, sizes, change, weight, narrow, rng)
            if case is None:
                continue
            if change is None and case.kink and attempt < TRIES - 1:
                continue
            # Nearby points do not reveal a kink whose branch is taken at 0 alone.
            case.kink = case.kink or name in AT_ZERO
            found.append(case)
            break
    return found


class _Drawer:
    def __init__(self, reference: Reference, declared: Model | Function) -> None:
        self.reference = reference
        targets = declared.targets if isinstance(declared, Model) else ()
        self.samples = {
            name: leaf.node.attrs.get("sample")
            for name, leaf in zip(
                reference.arguments, (*declared.inputs, *targets), strict=True
            )
        }
        dims: dict[str, None] = {}
        fixed: set[int] = set()
        shapes = [spec[1] for spec in reference.arguments.values()]
        for shape in [*shapes, *(spec[1] for spec in reference.params.values())]:
            for d in shape:
                if isinstance(d, int):
                    fixed.add(d)
                else:
                    dims.update((name, None) for name in symbols_of(d))
        self.batch = "N" if "N" in dims else next(iter(dims), "")
        for lengths in LENGTHS:
            free = [n for n in lengths if n not in fixed] + list(lengths)
            self.sizes = {d: free[i % len(free)] for i, d in enumerate(dims)}
            rng = np.random.default_rng(0)
            if self.case("", {}, None, 1.0, False, rng) is not None:
                return
        with contextlib.suppress(LengthError):  # then no point is found
            self.sizes = lengths_of(reference.module, wishes=LENGTHS[0])

    def free(self, name: str) -> bool:
        """Whether an argument may hold any floats."""
        kind, _, low, high = self.reference.arguments[name]
        bounded = low is not None or high is not None
        return kind.startswith("float") and not bounded and self.samples[name] is None

    # --- changes ----------------------------------------------------------------------

    def _each(self, arguments: Arrays, change: Callable[[Any], Any]) -> None:
        for name in arguments:
            if self.free(name):
                arguments[name] = np.asarray(change(arguments[name]))

    def repeat(self, params: Arrays, arguments: Arrays) -> None:
        for name, array in arguments.items():
            if array.ndim and array.shape[0] > 1:
                arguments[name] = np.repeat(array[:1], array.shape[0], axis=0)

    def negative(self, params: Arrays, arguments: Arrays) -> None:
        self._each(arguments, lambda a: -np.abs(a))

    def zeros(self, params: Arrays, arguments: Arrays) -> None:
        self._each(arguments, np.zeros_like)

    def whole(self, params: Arrays, arguments: Arrays) -> None:
        self._each(arguments, np.round)
        for name, array in params.items():
            if array.dtype.kind == "f":
                params[name] = np.round(2 * array) / 2

    def nothing(self, params: Arrays, arguments: Arrays) -> None:
        self.zeros(params, arguments)
        for name, array in params.items():
            if array.dtype.kind == "f":
                params[name] = np.zeros_like(array)

    def large(self, params: Arrays, arguments: Arrays) -> None:
        self._each(arguments, lambda a: 1e3 * a)

    # --- a case -----------------------------------------------------------------------

    def case(
        self,
        name: str,
        sizes: Mapping[str, int],
        change: Change | None,
        weight: float,
        narrow: bool,
        rng: np.random.Generator,
    ) -> Case | None:
        """Return a case, or None where the model raises or gives no finite numbers."""
        lengths = {**self.sizes, **{d: n for d, n in sizes.items() if d}}
        drawn = self.reference.check._draw(rng)
        params = {n: np.asarray(drawn[f"params[{n!r}]"]) for n in self.reference.params}
        arguments = {n: self._draw(n, lengths, rng) for n in self.reference.arguments}
        if change is not None:
            change(params, arguments)
        for arrays, specs in (
            (params, self.reference.params),
            (arguments, self.reference.arguments),
        ):
            for n, array in arrays.items():
                arrays[n] = _cast(array, specs[n][0], narrow)
        case = Case(name, params, arguments, [], lengths, narrow)
        try:
            return self._filled(case, weight, rng)
        except (ValueError, TypeError, ArithmeticError, LookupError):
            return None

    def _draw(
        self, name: str, lengths: Mapping[str, int], rng: np.random.Generator
    ) -> np.ndarray:
        spec, sample = self.reference.arguments[name], self.samples[name]
        if isinstance(sample, Init) and sample.array is None:
            shape = tuple(
                d if isinstance(d, int) else length_of(d, lengths) for d in spec[1]
            )
            names = {**vars(self.reference.check), "rng": rng, "np": np}
            return np.asarray(eval(sample.draw_text(shape), names))
        return draw_argument(spec, lengths, rng)

    def _filled(
        self, case: Case, weight: float, rng: np.random.Generator
    ) -> Case | None:
        """Return the case with its right values and gradients; None if not finite."""
        reference = self.reference
        case.values, case.residuals = reference.forward(case)
        if reference.is_model:
            case.seeds = [weight]
        else:
            smooth = [v for v in case.values if v.dtype.kind == "f"]
            case.seeds = [
                np.asarray(weight * rng.standard_normal(v.shape), v.dtype)
                for v in smooth
            ]
        found, case.locals = reference.backward(case)
        case.gradients = {n: np.asarray(g, float) for n, g in found.items()}
        if not all(np.all(np.isfinite(g)) for g in case.gradients.values()):
            return None
        if not all(np.all(np.isfinite(v)) for v in case.values):
            return None
        self._measure(case)
        return case

    def _measure(self, case: Case) -> None:
        """Estimate the error of rounding, and whether the point is at a kink."""
        held = [*case.locals.values(), *case.params.values()]
        arrays = [np.asarray(v) for v in held if isinstance(v, (np.ndarray, float))]
        floats = [a for a in arrays if a.dtype.kind == "f" and a.size]
        level = max((float(np.max(np.abs(a))) for a in floats), default=1.0)
        tiny, near = (1e-4, 1e-3) if case.narrow else (1e-11, 1e-7)
        for n, g in case.gradients.items():
            largest = float(np.max(np.abs(g), initial=0.0))
            share, floor = (1e-3, 1e-5) if case.narrow else (1e-8, 1e-12)
            case.slack[n] = share * largest + floor * level
        moved = self._moved(case, tiny, 0)
        for n, g in case.gradients.items():
            gap = float(np.max(np.abs(moved[n] - g), initial=0.0))
            case.slack[n] += gap if case.narrow else 0.1 * gap
            case.kink = case.kink or not np.isfinite(gap)
        if not case.narrow:
            case.kink = case.kink or any(self._jumps(case, near, i) for i in (1, 2, 3))

    def _jumps(self, case: Case, step: float, direction: int) -> bool:
        """Whether a gradient jumps: a ten times smaller step changes it as much."""
        far = self._moved(case, step, direction)
        near = self._moved(case, step / 10, direction)
        for n, g in case.gradients.items():
            wide = float(np.max(np.abs(far[n] - g), initial=0.0))
            close = float(np.max(np.abs(near[n] - g), initial=0.0))
            if not np.isfinite(wide) or (wide > case.slack[n] and close > wide / 2):
                return True
        return False

    def _moved(self, case: Case, step: float, direction: int) -> dict[str, np.ndarray]:
        """Return the gradients at a point nearby."""
        rng = np.random.default_rng([31, direction])

        def move(name: str, a: np.ndarray) -> np.ndarray:
            if a.dtype.kind != "f":
                return a
            size = np.max(np.abs(a), initial=0.0) or 1.0
            if name in case.arguments and not self.free(name):
                size = 0.0  # it might leave its range
            return np.asarray(a + step * size * rng.standard_normal(a.shape), a.dtype)

        params = {n: move(n, a) for n, a in case.params.items()}
        arguments = {n: move(n, a) for n, a in case.arguments.items()}
        near = replace(case, params=params, arguments=arguments)
        _, near.residuals = self.reference.forward(near)
        found, _ = self.reference.backward(near)
        return {n: np.asarray(g, float) for n, g in found.items()}


def _cast(array: np.ndarray, kind: str, narrow: bool) -> np.ndarray:
    if kind == "float" and array.dtype.kind == "f":
        return array.astype(np.float32 if narrow else np.float64)
    if kind in ("float32", "float64"):
        return array.astype(kind)
    return array
