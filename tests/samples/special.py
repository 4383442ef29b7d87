"""Samples of symdiff/ops/elementwise/special.py. The values are SciPy's."""

from __future__ import annotations

import numpy as np
from scipy import special

from samples.table import A, Given, Sample, sd

SAMPLES = [
    Sample("logit", [(3, 4)], domain="fraction", reference=special.logit),
    Sample("erf", [(3, 4)], reference=special.erf, complex_ok=False),
    Sample("erfc", [(3, 4)], reference=special.erfc, complex_ok=False),
    Sample(
        "gammaln",
        [(3, 4)],
        reference=special.gammaln,
        domain="positive",
        complex_ok=False,
        specials=False,  # SciPy has -inf at -inf
    ),
    Sample(
        "gammaln",
        [Given(np.array([-0.5, -1.3, -7.25]))],
        reference=special.gammaln,
        complex_ok=False,
        specials=False,
    ),
    Sample(
        "digamma",
        [(3, 4)],
        reference=special.digamma,
        domain="positive",
        complex_ok=False,
        specials=False,  # SciPy tells 0.0 and -0.0 apart
    ),
    *(
        Sample(
            lambda x, n: sd.polygamma(n, x),
            [(3, 4)],
            {"n": n},
            reference=lambda x, n: special.polygamma(n, x),
            domain="positive",
            complex_ok=False,
            specials=False,
            label="polygamma",
        )
        for n in (0, 1, 3)
    ),
    Sample("xlogy", [(3, 4), A((4,), "positive")], reference=special.xlogy),
    Sample(  # smooth in x where x = 0
        "xlogy",
        [Given([0.0, 0.0, -1.5]), Given([0.5, 3.0, 2.0])],
        reference=special.xlogy,
    ),
]
