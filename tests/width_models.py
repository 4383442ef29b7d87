"""Models whose leaves are declared with a width: every kind of leaf, many mixtures.

In: the name of a case. Out: a spec's text, the model, arrays that fit it. Invariant:
all are one model of two layers but for the widths in their declarations, so what
differs between them comes of the widths alone.
"""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import symdiff as sd
from symdiff.compiler.compilation import Compilation

EITHER = ("float32", "float64")  # the widths of floats that are declared without one
ADAM = "sd.optim.Adam(0.01)"
# The widths of a case, by leaf; other floats are of either width.
CASES: dict[str, dict[str, str]] = {
    "neutral": {},
    **{
        f"{leaf}_{width[5:]}": {leaf: width}
        for leaf in ("x", "t", "W", "b", "seen", "constant", "cast")
        for width in EITHER
    },
    "data_32": dict.fromkeys("xt", "float32"),
    "data_64": dict.fromkeys("xt", "float64"),
    "params_32": dict.fromkeys("WbV", "float32"),
    "params_64": dict.fromkeys("WbV", "float64"),
    "kept_32": dict.fromkeys([*"WbV", "seen"], "float32"),
    "kept_64": dict.fromkeys([*"WbV", "seen"], "float64"),
    "all_32": dict.fromkeys([*"xtWbV", "seen"], "float32"),
    "all_64": dict.fromkeys([*"xtWbV", "seen"], "float64"),
    "x_32_W_64": {"x": "float32", "W": "float64"},
    "W_32_b_64": {"W": "float32", "b": "float64"},
    "data_64_params_32": {
        **dict.fromkeys("xt", "float64"),
        **dict.fromkeys("WbV", "float32"),
    },
    "seen_64_cast_32": {"seen": "float64", "cast": "float32"},
    "W_64_cast_32": {"W": "float64", "cast": "float32"},
}
DATA = {"x": (5, 3), "t": (5, 2)}
PARAMS = {"W": (3, 4), "b": (4,), "V": (4, 2), "seen": (4,)}
TRAINED = ("W", "b", "V")


def spec(case: str, optimizer: str = ADAM) -> str:
    """Return the text of a spec."""
    widths = CASES[case]

    def of(leaf: str) -> str:
        return f', dtype="{widths[leaf]}"' if leaf in widths else ""

    layer = "x @ W + b"
    if "cast" in widths:
        layer = f'sd.cast({layer}, "{widths["cast"]}")'
    return f"""import numpy as np
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 3){of("x")})
t = sd.input("t", (N, 2){of("t")})
W = sd.param("W", (3, 4), "glorot_normal"{of("W")})
b = sd.param("b", 4, 0.1{of("b")})
V = sd.param("V", (4, 2), "glorot_normal"{of("V")})
seen = sd.state("seen", 4, 1.0{of("seen")})
scale = sd.constant([0.5, 1.1, 0.9, 1.3]{of("constant")})
h = sd.tanh({layer}) * scale
z = (h * seen) @ V
loss = sd.mean((z - t) ** 2) + 0.01 * sd.sum(W**2)
now = sd.cast(sd.mean(sd.stop_gradient(h), axis=0), "{widths.get("seen", "float")}")
model = sd.Model(
    "widths",
    inputs=[x],
    targets=[t],
    outputs={{"z": z}},
    loss=loss,
    metrics={{"far": sd.max(abs(z - t))}},
    optimizer={optimizer},
    updates={{seen: 0.9 * seen + 0.1 * now}},
)


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    rows = {{"x": x, "t": np.tanh(x[:, :2])}}
    parts = {{"train": slice(30), "test": slice(30, 40)}}
    return {{k: {{n: a[s] for n, a in rows.items()}} for k, s in parts.items()}}


training = sd.Training(epochs=2, batch_size=10)
"""


def written(folder: Path, case: str, optimizer: str = ADAM) -> Path:
    """Write the spec of a case into a folder; return its path."""
    path = folder / "spec.py"
    path.write_text(spec(case, optimizer))
    return path


@functools.cache
def compiled(case: str, optimizer: str = ADAM, **options: Any) -> Compilation:
    """Return what a case compiles to."""
    names: dict[str, Any] = {}
    exec(spec(case, optimizer), names)
    return sd.compile(names["model"], **options)


def module_of(case: str, name: str, optimizer: str = ADAM) -> ModuleType:
    """Return a module of a case's package."""
    package = compiled(case, optimizer, planned="exact").load()
    return importlib.import_module(f"{package.__name__}.{name}")


def width(case: str, leaf: str, neutral: str) -> str:
    """Return the width of a leaf in a run whose other floats are ``neutral``."""
    return CASES[case].get(leaf, neutral)


def params(case: str, neutral: str) -> dict[str, np.ndarray]:
    """Return parameters in the widths of a case."""
    rng = np.random.default_rng(0)
    pairs = PARAMS.items()
    return {n: rng.normal(size=s).astype(width(case, n, neutral)) for n, s in pairs}


def data(case: str, neutral: str, seed: int = 1) -> list[np.ndarray]:
    """Return a batch in the widths of a case."""
    rng = np.random.default_rng(seed)
    pairs = DATA.items()
    return [rng.normal(size=s).astype(width(case, n, neutral)) for n, s in pairs]


def widths_of(arrays: dict[str, np.ndarray]) -> dict[str, str]:
    """Return the dtypes of arrays by name."""
    return {name: np.asarray(array).dtype.name for name, array in arrays.items()}


def expected(case: str, neutral: str, names: Any = tuple(PARAMS)) -> dict[str, str]:
    """Return the dtypes that arrays of these names have in a case."""
    return {name: width(case, name, neutral) for name in names}
