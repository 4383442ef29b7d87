"""Samples of symdiff/ops/elementwise/arithmetic.py."""

from __future__ import annotations

import numpy as np
from scipy import special

from samples.table import A, B, Given, I, Sample, raw
from symdiff.graph.types import FLOAT

PAIR = [(3, 4), (3, 4)]
SPREAD = [(3, 1, 4), (2, 1)]


def _gelu(x):  # type: ignore[no-untyped-def]
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


SAMPLES = [
    Sample("add", PAIR),
    Sample("add", SPREAD),
    Sample("add", [(3, 4), 2]),
    Sample("subtract", PAIR),
    Sample("subtract", SPREAD),
    Sample("subtract", [1.5, (3, 4)]),
    Sample("multiply", PAIR),
    Sample("multiply", SPREAD),
    Sample("multiply", [(3,), ()]),
    Sample("multiply", [B((3,)), B((3,))], differentiable=False),
    Sample("divide", PAIR, domain="nonzero"),
    Sample("divide", [(3, 4), (4,)], domain="nonzero"),
    Sample("divide", [2, (3, 4)], domain="nonzero"),
    Sample("divide", [(3, 4), 3]),
    Sample("negative", [(3, 4)]),
    Sample("negative", [I((3,), 9, -9)], differentiable=False),
    Sample("positive", [(3, 4)]),
    Sample("power", PAIR, domain="positive"),
    Sample("power", [(3, 4), (4,)], domain="positive"),
    Sample("power", [(3, 4), 3]),
    Sample("power", [(3, 4), 1]),
    Sample("power", [(3, 4), 0]),
    Sample("power", [(3, 4), -2], domain="nonzero"),
    Sample("power", [(3, 4), 0.5], domain="positive"),
    Sample("power", [2, (3, 4)]),
    Sample("power", [0.5, (3, 4)]),
    # An exponent of 0 takes part in mixed derivatives.
    Sample("power", [Given([2.0, 0.7, 1.5, 3.0]), Given([0.0, 0.0, 1.0, 2.0])]),
    Sample("float_power", [(3, 4), 2], complex_ok=False),
    Sample("square", [(3, 4)]),
    Sample("reciprocal", [(3, 4)], domain="nonzero"),
    Sample("exp", [(3, 4)]),
    Sample("expm1", [(3, 4)]),
    Sample("log", [(3, 4)], domain="positive"),
    Sample("log1p", [(3, 4)], domain="positive"),
    Sample("sqrt", [(3, 4)], domain="positive"),
    Sample("sin", [(3, 4)]),
    Sample("cos", [(3, 4)]),
    Sample("tanh", [(3, 4)]),
    *(
        Sample(name, PAIR, differentiable=False)
        for name in (
            "greater",
            "greater_equal",
            "less",
            "less_equal",
            "equal",
            "not_equal",
        )
    ),
    Sample("equal", [I((3, 4), 3), I((4,), 3)], differentiable=False),
    *(
        Sample(name, [B((3, 4)), B((3, 4))], differentiable=False)
        for name in ("logical_and", "logical_or", "logical_xor")
    ),
    Sample("logical_not", [B((3, 4))], differentiable=False),
    Sample("where", [B((3, 4)), (3, 4), (3, 4)]),
    Sample("where", [B((4,)), (3, 1), (1, 4)]),
    Sample("where", [B((3, 4)), (3, 4), 0]),
    Sample("sign", [(3, 4)], differentiable=False),
    Sample("abs", [(3, 4)], domain="nonzero"),
    Sample("maximum", PAIR, domain="distinct"),
    Sample("maximum", [(3, 4), 0], domain="distinct"),
    Sample("maximum", [(3, 4), A((4,), "normal")], domain="distinct"),
    # At ties central differences share equally, as the convention does; second
    # differences do not exist there.
    *(
        Sample(name, [Given([1.0, 2.0, 3.0]), Given([1.0, 2.5, 3.0])], second=False)
        for name in ("maximum", "minimum", "fmax", "fmin")
    ),
    Sample("minimum", PAIR, domain="distinct"),
    Sample("minimum", [(3, 4), 0.25], domain="distinct"),
    Sample("relu", [(3, 4)], domain="nonzero", reference=lambda x: np.maximum(x, 0)),
    Sample("sigmoid", [(3, 4)], reference=special.expit),
    Sample("softplus", [(3, 4)], reference=lambda x: np.logaddexp(x, 0)),
    Sample("log_sigmoid", [(3, 4)], reference=special.log_expit),
    Sample(raw("gelu"), [(3, 4)], reference=_gelu),
    Sample(raw("silu"), [(3, 4)], reference=lambda x: x * special.expit(x)),
    Sample(
        "cast",
        [(3, 4)],
        {"dtype": "float64"},
        reference=lambda x, dtype: x.astype(dtype),
    ),
    Sample(raw("cast"), [(3, 4)], {"dtype": FLOAT}, reference=lambda x, dtype: x),
    Sample(
        "cast",
        [(3, 4)],
        {"dtype": "int64"},
        reference=lambda x, dtype: x.astype(dtype),
        differentiable=False,
        specials=False,
    ),
    Sample("stop_gradient", [(3, 4)], reference="positive", differentiable=False),
]
