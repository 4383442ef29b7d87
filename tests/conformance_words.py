"""What docs/conformance.md says in words: sections, conditions, gaps.

Facts that no table holds. A test fails where one of them names a function that is gone.
"""

from __future__ import annotations

SECTIONS = {
    "Elementwise": (
        *(
            "core.operands",
            "elementwise.arithmetic",
            "elementwise.kinks",
            "elementwise.comparisons",
            "elementwise.casts",
            "elementwise.exponential",
            "elementwise.trigonometry",
            "elementwise.special",
        ),
        "elementwise.activations",
        *("elementwise.rounding", "elementwise.nonfinite", "elementwise.selection"),
    ),
    "Reductions, running and ordered": (
        *(
            "reduce.sums",
            "reduce.extremes",
            "reduce.cumulative",
            "reduce.statistics",
            "reduce.quantiles",
            "indexing.sorting",
        ),
        *(
            "reduce.running",
            "reduce.running_extremes",
            "reduce.nan_ranks",
            "reduce.agreement",
        ),
        *("reduce.normalize", "reduce.losses"),
    ),
    "Shape": (
        "shape.broadcasting",
        "shape.views",
        "shape.rearrange",
        "shape.joining",
        "shape.padding",
        "shape.ranges",
        *("shape.centring", "shape.realness", "indexing.editing"),
    ),
    "Indexing and updates": (
        *("indexing.expressions", "indexing.taking"),
        *("indexing.one_hot", "indexing.updates", "indexing.membership"),
    ),
    "Linear algebra": (
        *(
            "linalg.matmul",
            "linalg.contraction",
            "linalg.products",
            "shape.diagonals",
            "reduce.norms",
            "linalg.solvers",
            "linalg.determinants",
        ),
        *("linalg.decompose", "linalg.singular", "linalg.pseudoinverse"),
        *("linalg.tensors", "linalg.covariance"),
    ),
    "Windows and samples": (
        "windows.views",
        "windows.convolution",
        "windows.pooling",
        *("indexing.interpolation", "indexing.differences", "indexing.polynomials"),
    ),
    "Loops and branches": (
        "control.repeat",
        "control.while_loops",
        "control.branches",
        "control.mode",
        "control.along_axes",
    ),
}

# Functions that no sample can show, and what holds them instead.
ELSEWHERE = {
    "grad": "every suite of derivatives, `test_random_graphs.py`",
    "vjp": "every suite of derivatives, `test_random_graphs.py`",
    "jvp": "every suite of derivatives, `test_random_graphs.py`",
    "jacobian": "`derive/test_higher.py`, `transforms`",
    "hessian": "`derive/test_higher.py`, `transforms`",
    "hvp": "`derive/test_higher.py`, `transforms` against JAX",
    "gnvp": "`derive/test_higher.py`",
    "random.uniform": "a keyed draw: `ops/test_random.py`",
    "random.normal": "a keyed draw: `ops/test_random.py`",
    "random.bernoulli": "a keyed draw: `ops/test_random.py`",
    "resolve_mode": "settles `by_mode`: `derive/test_modes.py`",
    "update_state": "an update of the training step: `declare/test_norms.py`",
}
# Their results depend on no operand's values; samples multiply them by one that is.
CONSTANTS = (
    *("zeros", "ones", "full", "zeros_like", "ones_like", "full_like"),
    *("arange", "eye", "identity", "tri"),
)
REFUSED = ("Out of scope", "Not available")  # how their docstrings begin

# What has to hold for a derivative to exist, beside the conventions at kinks.
CONDITIONS = {
    "linalg.solve": "regular matrices",
    "linalg.inv": "regular matrices",
    "linalg.matrix_power": "negative powers: regular matrices",
    "linalg.det": "second derivatives take regular matrices (they use the inverse)",
    "linalg.cofactors": "the derivative takes regular matrices (it uses the inverse)",
    "linalg.slogdet": "regular matrices",
    "linalg.cholesky": "one triangle is read, and gets all of the gradient",
    "linalg.qr": "independent columns; modes 'complete' and 'raw' are refused",
    "linalg.eigh": "distinct eigenvalues; one triangle is read and gets the gradient",
    "linalg.eigvalsh": "distinct eigenvalues; one triangle is read",
    "linalg.svd": "distinct nonzero singular values; else inf or nan",
    "linalg.svdvals": "distinct nonzero singular values",
    "linalg.cond": "distinct nonzero singular values; other orders: regular matrices",
    "linalg.tensorsolve": "regular as a matrix",
    "linalg.tensorinv": "regular as a matrix",
    "linalg.pinv": "constant rank",
    "linalg.lstsq": "full rank",
    "interp": "at a sample, the slope of the segment to its right; xp ascends strictly",
    "sort": "equal elements: the derivative follows their order",
    "max_pool1d": "the first largest element of a window gets the cotangent",
    "max_pool2d": "the first largest element of a window gets the cotangent",
    "prod": "exact where factors are 0, in every order",
    "while_loop": "reverse mode keeps the carries of all steps",
    "update_state": "nothing flows to the new value",
    "stop_gradient": "derivative 0, by intent",
    "getitem": "boolean masks must be constants",
    "cummax": "of elements that tie, the first gets the cotangents of all",
    "cummin": "of elements that tie, the first gets the cotangents of all",
    "unwrap": "that of the angles, also where they jump",
    "corrcoef": "variables that vary",
    "ptp": "ties share the cotangent equally",
    "cast": "flows between float types only",
    "xlogy": "0 where x = 0; so is its derivative in x where log(y) is not a number",
}

INTRODUCTION = """\
# Conformance

What is checked of each public function (`sd.<name>`), generated from the tests. The
checks run over the lines of `tests/samples`, one per variant of a function's arguments.
A test fails where this page is stale;
`pytest -m slow tests/test_conformance.py --update-golden` writes it anew.

✓ the check runs over every sample that it makes sense for · k/n over k of n · 0 the
derivative is 0 wherever it exists, which is checked · – does not apply: the result is
boolean or integer, or there is no float operand. A suite that runs over a sample must
pass; there are no expected failures. Files are those of `tests/`.

"""

GAPS = """
What a tick does not say: the checks are made at random points, in float64 unless the
column says otherwise, at lengths of a few elements. They find wrong derivatives and do
not prove right ones; where the formula can be evaluated on symbols,
`ops/test_exact.py` proves the gradient equal to SymPy's, and `test_mutation.py` breaks
every rule on purpose to see that a check notices. Special values and kinks are tested
one by one in `ops/test_special.py`, `ops/test_masks.py` and on the page of
[traps](traps.md).

Where a tick is missing: under **N**, a length is written out in the function's
arguments, or the sample's values are given; under **out=**, NumPy has no form of it
that writes into an array (views need none); under **complex**, the function is not
analytic, or NumPy's takes no complex numbers; under **rev∘rev**, **fwd∘rev** and
**3rd**, the sample lies at a kink, where there is no second derivative to compare with.
"""

OUTSIDE = """
## Not in the sample table

"""

REFUSALS = """
## Refused

These names of NumPy's raise an error that says what to write instead.

"""
