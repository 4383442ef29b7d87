"""The one table of op samples. Adding an op touches its own file and one line here.

Each module of this package holds a list ``SAMPLES`` for one file of symdiff/ops; they
are found by discovery and joined into `SAMPLES`. A line is one variant of one op::

    Sample("tanh", [(3, 4)])  # reference: NumPy's function of the same name
    Sample("log", [(3, 4)], domain="positive")
    Sample("sum", [(2, 3, 4)], {"axis": (0, 2), "keepdims": True})
    Sample("where", [B((3, 4)), (3, 4), (3, 4)])
    Sample("take", [(5, 3), I((4,), 5)], {"axis": 0})
    Sample("softplus", [(3,)], reference=lambda x: np.logaddexp(x, 0))
    Sample(lambda x: x[1:, None], [(5, 3)], label="x[1:]")  # NumPy runs it too
    Sample(raw("scatter_add"), [...], {...}, reference=...)  # has no public function

``fn``         public function by name, or a callable of tensors (inside: ``sd.name``)
``args``       per operand: a shape (float), ``A(shape, domain)``, ``I(shape, high)``
               integers, ``B(shape)`` booleans, ``Given(array)`` these very values, or a
               Python number
``attrs``      keyword arguments of the function and of the reference
``reference``  NumPy's name ("linalg.inv") or a callable on NumPy arrays; by default
               NumPy's function of that name, or ``fn`` itself where it is a callable
``domain``     where float operands are drawn from: normal, positive, fraction (0, 1),
               unit (-1, 1), above_one, nonzero, distinct (no ties, no zeros), spd,
               symmetric (eigenvalues apart; tangents symmetric too), invertible, lower
``tolerance``  of the value in float64, relative; ``slope_tolerance`` of differences
``differentiable=False``  the result carries no derivative (comparisons, argmax)
``second=False``          second order is not to be checked; say why in a comment
``symbolic=False``        lengths are written out in ``attrs`` or ``fn``: the leading
               length of the first operand cannot be made a dim. Otherwise every axis of
               that length, in all operands, becomes ``sd.dim("N")`` and runs at lengths
               L, 1 and 0, so give unrelated axes unrelated lengths
``complex_ok`` whether the reference takes complex operands for a complex step; by
               default when every op in the graph says it is analytic
``specials=False``        elementwise: leave out 0, ±inf, nan (errors in NumPy, say)

Lengths of a few elements are enough: every suite runs over every line. A test fails if
an op of `symdiff.ops.core.record.OPS` occurs in no sample.
"""

from __future__ import annotations

import importlib
import pkgutil

import symdiff.derive
import symdiff.ops
import symdiff.ops.surface.operators  # attaches the operators

for _room in (symdiff.ops, symdiff.derive):
    for _module in pkgutil.walk_packages(_room.__path__, f"{_room.__name__}."):
        importlib.import_module(_module.name)

from samples.table import A, B, Given, I, Sample, draw, raw, sd  # noqa: E402

__all__ = ["SAMPLES", "A", "B", "Given", "I", "Sample", "draw", "raw", "sd"]

SAMPLES: list[Sample] = []
for _module in pkgutil.iter_modules(__path__):
    SAMPLES += getattr(
        importlib.import_module(f"samples.{_module.name}"), "SAMPLES", []
    )
