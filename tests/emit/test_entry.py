"""Every module of every spec is imported, and its entry called with good and bad data.

A bound of an input may be a length: ``high=V`` says that labels lie below V.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from toml_specs import SPECS

import symdiff as sd
from symdiff.compiler.dims import length_of
from symdiff.compiler.drawing import draw_argument, lengths_of
from symdiff.declare.spec import load_spec

N, V = sd.dim("N"), sd.dim("V")


def _rows() -> sd.Function:
    s = sd.input("s", (N,), dtype="int64", low=0, high=V)
    x = sd.input("x", (V, 3))
    return sd.Function("rows", [s, x], [sd.take(x, s, axis=0)])


def _expressions() -> sd.Function:
    x = sd.input("x", (V, N))
    k = sd.input("k", (2,), dtype="int32", low=V - 2, high=2 * V + 1)
    m = sd.input("m", (), dtype="int64", high=N // 2 + 1)
    return sd.Function("expressions", [k, m, x], [sd.sum(x), k + 1, m * 2])


def _target_tells() -> sd.Model:
    """The length that bounds an input is an axis of a target alone."""
    s = sd.input("s", (N,), dtype="int64", low=0, high=V)
    y = sd.input("y", (V,))
    w = sd.param("w", (1,), init=1.0)
    score = w * sd.cast(s, "float")
    loss = sd.mean(score**2) + sd.mean(y)
    optimizer = sd.optim.SGD()
    return sd.Model("tells", [s], [y], score, loss=loss, optimizer=optimizer)


def _named_bounds() -> sd.Function:
    x = sd.input("BOUNDS", (V,))
    k = sd.input("lengths", (), dtype="int64", high=V)
    return sd.Function("named", [x, k], [x * 2, k + 1])


OWN = {f.__name__: f for f in (_rows, _expressions, _target_tells, _named_bounds)}


def _declared(name: str, folder: Path) -> Any:
    if name in OWN:
        return OWN[name]()
    path = folder / "spec.toml"
    path.write_text(SPECS[name], "utf-8")
    return load_spec(path).model


def _modules(compiled: Any, single: bool) -> Iterator[ModuleType]:
    package = compiled.load()
    if single:
        yield package
        return
    for file in compiled.files:
        if file.endswith(".py") and "__" not in file:
            yield importlib.import_module(f"{package.__name__}.{Path(file).stem}")


def _bad(spec: Any, good: np.ndarray, sizes: dict[str, int]) -> Iterator[np.ndarray]:
    """Yield data that does not fit what is declared, in one way at a time."""
    _, dims, *bounds = spec
    yield good.astype("U5")
    yield good[None]
    if any(isinstance(d, int) and d > 1 for d in dims):
        yield good[tuple(slice(1) for _ in dims)]
    low, high = (length_of(b, sizes) if isinstance(b, str) else b for b in bounds)
    if low is not None:
        yield np.full_like(good, low - 1)
    if high is not None:
        yield np.full_like(good, high)


@pytest.mark.parametrize("single", [False, True], ids=["package", "single file"])
@pytest.mark.parametrize("name", [*SPECS, *OWN])
def test_entries_take_good_data_and_refuse_bad(name, single, tmp_path):
    declared = _declared(name, tmp_path)
    compiled = sd.compile(declared, single_file=single)
    checked = 0
    for module in _modules(compiled, single):
        if not hasattr(module, "_check") or not hasattr(module, "ARGUMENTS"):
            continue
        rng, sizes = np.random.default_rng(0), lengths_of(module)
        specs = module.ARGUMENTS
        good = {k: draw_argument(s, sizes, rng) for k, s in specs.items()}
        params = {
            k: draw_argument(s, sizes, rng)
            for k, s in getattr(module, "PARAMS", {}).items()
        }
        fitted = module._check(params, **good)
        for found, given in zip(fitted, good.values(), strict=True):
            np.testing.assert_array_equal(found, given)
        known = {d for s in specs.values() for d in s[1]}
        for argument, spec in specs.items():
            if any(isinstance(b, str) and b not in known for b in spec[2:]) and (
                name == "_target_tells"
            ):
                continue  # forward.py has no target that tells the length
            for value in _bad(spec, good[argument], sizes):
                with pytest.raises((TypeError, ValueError), match=argument):
                    module._check(params, **{**good, argument: value})
                checked += 1
    assert checked


def test_a_bound_is_held_wherever_its_length_is_known():
    s, x = np.array([0, 3]), np.ones((4, 3))
    module = sd.compile(_rows(), single_file=True).load()
    np.testing.assert_array_equal(module.forward(s, x), x[s])
    for value in (-1, 4):
        with pytest.raises(ValueError, match=rf"s: expected .* got {value}"):
            module.forward(np.array([0, value]), x)
    package = sd.compile(_target_tells()).load()
    params = {"w": np.ones(1)}
    assert package.forward.forward(params, np.array([7])) == 7  # nothing to hold it to
    with pytest.raises(ValueError, match="s: expected values < 4, got 7"):
        package.backward.value_and_grad(params, np.array([7]), np.ones(4))
    with pytest.raises(ValueError, match="s: expected values >= 0, got -1"):
        package.forward.forward(params, np.array([-1]))


@pytest.mark.parametrize("name", OWN)
def test_the_self_check_draws_within_the_bounds(name):
    compiled = sd.compile(OWN[name]())
    main = importlib.import_module(f"{compiled.load().__name__}.__main__")
    assert main.main([]) == 0


def test_a_length_that_no_input_has_is_an_error_with_the_remedy():
    k = sd.input("k", (3,), dtype="int64", high=2 * V)
    x = sd.input("x", (2 * V,))
    function = sd.Function("f", [k, x], [x[k]])
    with pytest.raises(sd.DeclarationError, match=r"input 'k': high=2\*V needs .* V"):
        sd.compile(function)
