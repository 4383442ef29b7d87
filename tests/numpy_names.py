"""docs/reference/numpy.md: what `symdiff.numpy` does with each of NumPy's names.

In: the installed NumPy. Out: the page's text. Invariant: every public name of `numpy`,
`numpy.linalg` and `numpy.fft` is told once; what takes no symbolic tensor has a reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

import symdiff as sd
from symdiff.numpy.members import public_names
from symdiff.ops.core.operands import API
from symdiff.ops.surface import protocol
from symdiff.ops.surface.writes import WRITERS

INTRODUCTION = """# NumPy's names

`import symdiff.numpy as np` has every public name of the NumPy that is installed.
Without symbolic tensors each is NumPy's own. This page says which functions take
tensors while a function is traced; most of these do so under plain `import numpy` too.
It is made for NumPy {version}, by `pytest tests/test_numpy_names.py --update-golden`.
Classes, constants and modules are NumPy's; so is `symdiff.numpy.random`, for draws
outside of traced functions.
"""
PLAIN = "for plain values alone"
# Why functions take no tensors: words, and the names they are for.
REASONS = {
    f"{PLAIN}: they make arrays of numbers, or places": """
        asfortranarray bartlett blackman diag_indices diag_indices_from fftfreq
        from_dlpack frombuffer fromfile fromfunction fromiter frompyfunc fromregex
        fromstring genfromtxt hamming hanning indices ix_ kaiser load loadtxt
        mask_indices ravel_multi_index require rfftfreq tril_indices
        tril_indices_from triu_indices triu_indices_from unravel_index
    """,
    f"{PLAIN}: they answer about types, memory or settings": """
        asarray_chkfinite broadcast_shapes can_cast common_type einsum_path get_include
        get_printoptions getbufsize geterr geterrcall info isdtype isfortran isscalar
        issubdtype iterable may_share_memory min_scalar_type mintypecode nested_iters
        printoptions promote_types result_type set_printoptions setbufsize seterr
        seterrcall shares_memory show_config show_runtime test typename
    """,
    f"{PLAIN}: they write text or files": """
        array2string array_repr array_str base_repr binary_repr datetime_as_string
        format_float_positional format_float_scientific save savetxt savez
        savez_compressed
    """,
    f"{PLAIN}: dates, matrices, bits and whole numbers": """
        asmatrix bitwise_count bitwise_left_shift bitwise_right_shift bmat busday_count
        busday_offset datetime_data gcd is_busday isnat lcm left_shift packbits
        right_shift unpackbits
    """,
    "no: how long the result is depends on values": """
        argwhere flatnonzero histogram histogram2d histogram_bin_edges
        histogramdd intersect1d nonzero setdiff1d setxor1d trim_zeros union1d unique
        unique_all unique_counts unique_inverse unique_values
    """,
    "no: complex numbers": """
        angle fft fft2 fftn hfft ifft ifft2 ifftn ihfft imag irfft irfft2 irfftn rfft
        rfft2 rfftn sort_complex eig eigvals poly roots
    """,
    "no: in which order they leave elements is not fixed": "argpartition partition",
    "no: a step function of values, without a derivative": """
        frexp ldexp lexsort matrix_rank nextafter spacing
    """,
    "not yet": "choose i0 place polydiv polyfit put_along_axis resize",
}


def modules() -> dict[str, ModuleType]:
    """Return the modules whose names are told."""
    return {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}


def functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the names and functions of a module, without classes and constants."""
    for name in public_names(module):
        found = getattr(module, name)
        if callable(found) and not isinstance(found, type):
            yield name, found


def reasons() -> dict[str, str]:
    """Return why names take no tensors."""
    return {name: why for why, names in REASONS.items() for name in names.split()}


def takes_tensors(prefix: str, name: str, theirs: Any) -> bool:
    """Whether there is something that NumPy's function is for a tensor."""
    sd.tanh  # noqa: B018 - loads the functions
    own = getattr(theirs, "__name__", name)  # np.pow is np.power
    tries = {name, own, protocol.renamed(own)}
    room = f"{prefix.partition('.')[2]}." if "." in prefix else ""
    if any(f"{room}{t}" in API or (hasattr(np, t) and t in API) for t in tries):
        return True
    return bool(tries & protocol.answered()) or name in WRITERS or name in _OWN


_OWN = frozenset(
    ["array", "asanyarray", "asarray", "ascontiguousarray", "empty", "empty_like"]
)


def page() -> str:
    """Return the page's text."""
    parts = [INTRODUCTION.format(version=".".join(np.__version__.split(".")[:2]))]
    why = reasons()
    for prefix, module in modules().items():
        told: dict[str, list[str]] = {"yes": []}
        for name, _ in functions(module):
            told.setdefault(why.get(name, "yes"), []).append(f"`{name}`")
        words = [w for w in ("yes", *REASONS) if told.get(w)]
        rows = [f"| {w} | {', '.join(told[w])} |" for w in words]
        head = [f"## {prefix}", "", "| takes tensors | names |", "|---|---|"]
        parts.append("\n".join([*head, *rows]) + "\n")
    return "\n".join(parts)
