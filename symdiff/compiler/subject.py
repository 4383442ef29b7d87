"""A generated module as the subject of a check: called in one width, at points.

In: a generated module that has a backward pass, and points in float64 or complex
numbers. Out: its results, and its gradients in a fixed order. Invariant: the module's
own text is what runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from symdiff.compiler.lifting import lifted


@dataclass(frozen=True)
class Point:
    """Arguments of a module in float64, and what reports call them."""

    label: str
    params: Mapping[str, np.ndarray]
    arguments: Mapping[str, np.ndarray]
    drawn: bool = True


class Subject:
    """A generated module that has a backward pass, called with float64 arrays.

    Its text runs in float64 whatever widths were declared, or in complex numbers at a
    complex point. Its own check of arguments, which would refuse these, is skipped.
    ``holding`` are its two modules that return the values that stop_gradient hides, and
    the results from these.
    """

    def __init__(
        self,
        module: ModuleType,
        key: int = 0,
        holding: tuple[ModuleType, ModuleType] | None = None,
    ) -> None:
        self.module, self._holding, self._key = module, holding, key
        self.is_model = hasattr(module, "loss_and_residuals")
        primal = "loss_and_residuals" if self.is_model else "forward_with_residuals"
        self._primal = getattr(module, primal)
        self._backward = module.backward
        self._primal_key = _takes_key(self._primal, key)
        self._backward_key = _takes_key(self._backward, key)
        self.names: list[str] = []
        self.targets: list[tuple[str, str]] = []  # (group, key in the point)

    def lifted(self, point: Point) -> AbstractContextManager[None]:
        """Return the context in which the modules run in the one width of a point."""
        arrays = (*point.params.values(), *point.arguments.values())
        is_complex = any(map(np.iscomplexobj, arrays))
        modules = (self.module, *(self._holding or ()))
        return lifted(modules, np.complex128 if is_complex else np.float64)

    def results(self, point: Point) -> tuple[list[Any], Any]:
        """Return the float results and the residuals at a point."""
        first = [dict(point.params)] if self.is_model else []
        arguments = [point.arguments[n] for n in self.module.ARGUMENTS]
        with self.lifted(point):
            found = self._primal(*first, *arguments, **self._primal_key)
        value, residuals, *_ = found
        several = isinstance(value, tuple)
        values = list(value) if several else [value]
        return [v for v in values if np.asarray(v).dtype.kind in "fc"], residuals

    def weights(self, point: Point, rng: np.random.Generator) -> list[np.ndarray]:
        """Return random cotangents of the results; for a loss a number other than 1."""
        if self.is_model:
            return [np.asarray(2.0)]
        return [rng.standard_normal(np.shape(v)) for v in self.results(point)[0]]

    def hidden(self, point: Point) -> list[Any]:
        """Return the values at a point that stop_gradient hides from the gradient."""
        if self._holding is None:
            return []
        return self._called(self._holding[0], point)

    def value(self, point: Point, weights: list[np.ndarray], hidden: Any = ()) -> Any:
        """Return the loss, or the results contracted with their cotangents.

        ``hidden`` are the values that stop_gradient hides, if there are any.
        """
        if hidden and self._holding is not None:
            values = self._called(self._holding[1], point, hidden)
            values = [v for v in values if np.asarray(v).dtype.kind in "fc"]
        else:
            values = self.results(point)[0]
        if self.is_model:
            return values[0]
        return sum(np.sum(v * w) for v, w in zip(values, weights, strict=True))

    def _called(self, module: ModuleType, point: Point, more: Any = ()) -> list[Any]:
        first = [dict(point.params)] if self.is_model else []
        arguments = [point.arguments[n] for n in self.module.ARGUMENTS]
        key = _takes_key(module.forward, self._key)
        with self.lifted(point):
            value = module.forward(*first, *arguments, *more, **key)
        return list(value) if isinstance(value, tuple) else [value]

    def gradients(self, point: Point, weights: list[np.ndarray]) -> list[np.ndarray]:
        """Return the derived gradients, of a loss over its cotangent.

        They come in the order of `targets`. backward is called twice, and the second
        result is returned: backward must not change the residuals.
        """
        residuals = self.results(point)[1]
        given: list[Any] = [dict(point.params)] if self.is_model else []
        with self.lifted(point):
            for _ in range(2):
                found = self._backward(
                    *given, residuals, *weights, **self._backward_key
                )
        if self.is_model:
            return [np.asarray(g) / float(weights[0]) for g in found.values()]
        return [np.asarray(g) for g in found]

    def name_targets(self, point: Point) -> None:
        """Find the variables of differentiation by a call at a point."""
        if not self.is_model:
            fields = self.module.Gradients._fields
            taken = inspect.signature(self._primal).parameters
            pairs = zip(taken, self.module.ARGUMENTS, strict=False)  # then, a key
            declared = {f"d_{safe}": name for safe, name in pairs}
            self.names = [declared[name] for name in fields]
            self.targets = [("arguments", n) for n in self.names]
            return
        _, residuals = self.results(point)
        with self.lifted(point):
            found = self._backward(dict(point.params), residuals, **self._backward_key)
        self.names = list(found)
        self.targets = [
            ("params" if n in point.params else "arguments", n) for n in found
        ]

    def moved(self, point: Point, target: tuple[str, str], by: Any) -> Point:
        """Return a point with one array moved; all floats are complex if ``by`` is."""
        groups = {"params": dict(point.params), "arguments": dict(point.arguments)}
        group, name = target
        if np.iscomplexobj(by):
            for arrays in groups.values():
                for k, a in arrays.items():
                    arrays[k] = a.astype(complex) if a.dtype.kind == "f" else a
        groups[group][name] = groups[group][name] + by
        return Point(point.label, groups["params"], groups["arguments"], point.drawn)

    def array(self, point: Point, target: tuple[str, str]) -> np.ndarray:
        """Return the array at a point that a target names."""
        group, name = target
        return np.asarray(getattr(point, group)[name])


def _takes_key(function: Callable[..., Any], key: int) -> dict[str, int]:
    return {"key": key} if "key" in inspect.signature(function).parameters else {}
