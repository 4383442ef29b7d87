"""How long the functions of a generated package take, measured in turn.

In: a loaded package, lengths for its symbolic dims, a dtype. Out: a `Timing` for each
of its functions. Invariant: all functions are timed in one interleaved run, each on a
copy of the same arguments, after the planned step has given the readable step's values.
"""

from __future__ import annotations

import importlib
import inspect
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from symdiff.compiler.dims import symbols_of
from symdiff.compiler.drawing import draw_argument, lengths_of
from symdiff.graph.errors import DeclarationError
from symdiff.graph.widths import numpy_dtype

SLICE = 0.01  # seconds that one measurement takes at least
LENGTH = 64  # of a symbolic dim that is not given

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a call of one function takes, by rounds of an interleaved run."""

    name: str
    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The least disturbed round."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The round in the middle."""
        return statistics.median(self.seconds)


@dataclass(frozen=True, slots=True)
class Bench:
    """A package's timings, and what they were measured at."""

    dims: dict[str, int]
    dtype: str
    timings: tuple[Timing, ...]


def bench(
    package: ModuleType,
    dims: Mapping[str, int],
    dtype: str = "float32",
    rounds: int = 9,
    seed: int = 0,
) -> Bench:
    """Time a package's functions on random arguments that its declarations allow.

    ``dims`` gives lengths of symbolic dims by name; others are 64, or what the model
    asks for. ``dtype`` is that of floats that are declared without a width. Raises
    `DeclarationError` for a name that is no dim of the package, and where the planned
    step does not give the readable step's values; `LengthError` where lengths do not
    fit the model.
    """
    rng = np.random.default_rng(seed)
    module = getattr(package, "backward", None) or package.forward
    unknown = sorted(set(dims) - _symbols(module))
    if unknown:
        known = ", ".join(sorted(_symbols(module))) or "none"
        raise DeclarationError(f"{unknown[0]!r} is no dim of the model ({known}).")
    sizes = lengths_of(module, dims, (LENGTH,))
    arguments = {
        n: draw_argument(s, sizes, rng, neutral=dtype)
        for n, s in module.ARGUMENTS.items()
    }
    calls = _calls(package, arguments, dtype, rng)
    timings = _interleaved(calls, rounds)
    return Bench(sizes, dtype, timings)


def _symbols(module: ModuleType) -> set[str]:
    specs = module.ARGUMENTS.values()
    texts = {d for _, dims, *_ in specs for d in dims if isinstance(d, str)}
    return {name for text in texts for name in symbols_of(text)}


def _keyed(function: Callable[..., Any], *arguments: Any) -> Call:
    """Return a call of a function, with a key if it draws numbers."""
    draws = "key" in inspect.signature(function).parameters
    named = {"key": 0} if draws else {}
    return lambda: function(*arguments, **named)


def _calls(
    package: ModuleType,
    arguments: Mapping[str, Any],
    dtype: str,
    rng: np.random.Generator,
) -> dict[str, Call]:
    forward = package.forward
    inputs = [arguments[n] for n in forward.ARGUMENTS]
    values = list(arguments.values())
    params = [_params(package, dtype, rng)] if hasattr(forward, "PARAMS") else []
    calls = {"forward": _keyed(forward.forward, *params, *inputs)}
    if not hasattr(package, "backward"):
        return calls
    backward = package.backward
    if hasattr(backward, "value_and_grad"):
        primal = backward.loss_and_residuals
        calls["loss_and_residuals"] = _keyed(primal, *params, *values)
        residuals = calls["loss_and_residuals"]()[1]
        calls["backward"] = _keyed(backward.backward, *params, residuals)
        calls["value_and_grad"] = _keyed(backward.value_and_grad, *params, *values)
    else:
        primal = backward.forward_with_residuals
        calls["forward_with_residuals"] = _keyed(primal, *values)
        found, residuals = calls["forward_with_residuals"]()
        several = found if isinstance(found, tuple) else (found,)
        ones = [np.ones_like(v) for v in several if np.asarray(v).dtype.kind == "f"]
        calls["backward"] = _keyed(backward.backward, residuals, *ones)
    if hasattr(package, "train"):
        calls |= _steps(package, values, dtype)
    return calls


def _params(
    package: ModuleType, dtype: str, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return parameters as the package's check draws them, near their first values.

    So a variance is none below 0. A package that has no check draws them about 0.
    """
    module = getattr(package, "backward", package.forward)
    specs: Mapping[str, Any] = module.PARAMS
    if module is package.forward:
        return {n: draw_argument(s, {}, rng, 0.1, dtype) for n, s in specs.items()}
    drawn = importlib.import_module(f"{package.__name__}.__main__")._draw(rng)
    return {
        n: np.asarray(drawn[f"params[{n!r}]"], numpy_dtype(s[0], dtype))
        for n, s in specs.items()
    }


def _steps(package: ModuleType, values: list[Any], dtype: str) -> dict[str, Call]:
    """Return the training step as it is run, and in its readable form."""
    train = package.train
    params = train.init_params(0, dtype)
    if not inspect.signature(train.train_step).parameters["planned"].default:
        state = train.init_state(params)
        return {"train_step": lambda: train.train_step(state, *values)}
    _require_alike(package)
    states = {planned: train.init_state(params) for planned in (True, False)}

    def step(planned: bool) -> Call:
        return lambda: train.train_step(states[planned], *values, planned=planned)

    return {"train_step": step(True), "train_step, readable": step(False)}


def _require_alike(package: ModuleType) -> None:
    """Raise where the planned step does not give the readable step's values.

    The package's own check tells: to the last bit, or within the bound of its module.
    """
    check = importlib.import_module(f"{package.__name__}.__main__")
    said: list[str] = []
    with np.errstate(all="ignore"):
        code = check._verify_planned(out=said.append)
    if code == 1:
        raise DeclarationError(f"{said[-1]}: a fault.")


def _interleaved(calls: Mapping[str, Call], rounds: int) -> tuple[Timing, ...]:
    repeats = {name: _repeats(call) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            seconds[name].append((time.perf_counter() - start) / repeats[name])
    return tuple(Timing(name, tuple(s)) for name, s in seconds.items())


def _repeats(call: Call) -> int:
    """Return how many calls take about `SLICE` seconds, after a call to warm up."""
    call()
    start = time.perf_counter()
    call()
    return max(1, round(SLICE / max(time.perf_counter() - start, 1e-9)))
