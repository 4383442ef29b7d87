"""NumPy's namespace for functions that are traced: ``import symdiff.numpy as np``.

In: NumPy's names. Out: for plain numbers what NumPy itself returns; for symbolic
tensors graph, also where NumPy's protocols do not ask the tensor: lists of traced
numbers as in ``np.array([f(x), g(x)])``, ``np.r_``, ``np.full(n, x)``,
``np.float64(x)``, and ``np.eye(3)[t]`` with a traced integer. Invariant: a name is here
if the installed NumPy has it; classes, constants and modules are NumPy's own, but for
number types.

    import symdiff.numpy as np
    from symdiff.transforms import grad

    def f(x):
        return np.linalg.norm(np.array([np.sin(x), np.cos(2 * x)]))

    grad(f)(0.5)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from symdiff.numpy.members import member, public_names

if TYPE_CHECKING:
    from numpy import *  # noqa: F403
    from numpy import fft, linalg, random
else:
    from symdiff.numpy import fft as fft
    from symdiff.numpy import linalg as linalg
    from symdiff.numpy import random as random
    from symdiff.numpy.concatenators import c_ as c_
    from symdiff.numpy.concatenators import r_ as r_
    from symdiff.numpy.joining import array as array
    from symdiff.numpy.joining import asanyarray as asanyarray
    from symdiff.numpy.joining import asarray as asarray
    from symdiff.numpy.joining import ascontiguousarray as ascontiguousarray

__all__ = public_names(numpy)


def __getattr__(name: str) -> Any:
    """Return NumPy's name, a function of it as one that tensors may be passed to."""
    found = globals()[name] = member(numpy, name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
