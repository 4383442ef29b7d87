"""A layer or loss beside PyTorch's: values and every gradient, in both widths.

In: a function that declares it over symdiff inputs, one that computes it with torch,
arrays for the inputs and for the parameters by name. Out: nothing; an assertion says
what differs. Outputs are weighted with fixed numbers before they are added up, so that
no gradient is hidden by a symmetry.
"""

from __future__ import annotations

import numpy as np
import pytest

import symdiff as sd

TOLERANCE = {"float64": 1e-10, "float32": 2e-4}
WIDTHS = tuple(TOLERANCE)


def wide(array, width):
    array = np.asarray(array)
    return array.astype(width) if array.dtype.kind == "f" else array


def several(value):
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in several(v)]
    return [value]


def declared(arrays):
    """Return inputs for arrays: the first axis is N, the rest is known."""
    n = sd.dim("N")
    kinds = {"i": "int64", "b": "bool", "f": "float"}
    return [
        sd.input(f"a{i}", (n, *np.shape(a)[1:]), kinds[np.asarray(a).dtype.kind])
        for i, a in enumerate(arrays)
    ]


def against_torch(declare, reference, arrays, params=None, width="float64", mode=None):
    """Compare ``declare(*inputs)`` with ``reference(torch, *tensors, **params)``.

    Names of parameters lose what stands before their last two parts, and the dot:
    ``q_W``.
    """
    torch = pytest.importorskip("torch", reason="extra [oracles]")
    params = params or {}
    arrays = [wide(a, width) for a in arrays]
    inputs = declared(arrays)
    outputs = several(declare(*inputs))
    if mode:
        outputs = sd.resolve_mode(outputs, mode)
    leaves = {str(p.name): p for p in sd.params(outputs)}
    assert sorted(leaves) == sorted(params)
    found = []
    tensors = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    given = {
        k.replace(".", "_"): torch.tensor(wide(v, width), requires_grad=True)
        for k, v in params.items()
    }
    expected = several(reference(torch, *tensors, **given))
    assert len(outputs) == len(expected)
    total, torch_total = None, None
    for i, (mine, theirs) in enumerate(zip(outputs, expected, strict=True)):
        weights = np.cos(np.arange(theirs.numel()) + i).reshape(tuple(theirs.shape))
        term = sd.sum(mine * sd.constant(weights))
        total = term if total is None else total + term
        term = (theirs * torch.tensor(weights, dtype=theirs.dtype)).sum()
        torch_total = term if torch_total is None else torch_total + term
    torch_total.backward()
    smooth = [x for x in inputs if x.dtype.is_float]
    variables = [*smooth, *leaves.values()]
    gradients = sd.grad(total, variables)
    feed = dict(zip(inputs, arrays, strict=True))
    feed |= {leaves[k]: wide(v, width) for k, v in params.items()}
    found = sd.interpret([*outputs, *gradients], feed)
    wanted = [t.detach().numpy() for t in expected]
    wanted += [t.grad.numpy() for t in tensors if t.requires_grad]
    wanted += [given[k.replace(".", "_")].grad.numpy() for k in leaves]
    names = [f"output {i}" for i in range(len(outputs))] + [v.name for v in variables]
    for name, mine, theirs in zip(names, found, wanted, strict=True):
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        limit = TOLERANCE[width]
        np.testing.assert_allclose(
            mine, theirs, rtol=limit, atol=limit * scale, err_msg=str(name)
        )
        narrow = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
        if width == "float32" and narrow:
            assert mine.dtype == np.float32, name
