"""NumPy's functions with complex results, which raise and say what to do instead."""

from __future__ import annotations

from typing import Any

from symdiff.graph.errors import DTypeError
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import api

_TRANSFORMS = (
    "fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft"
)


def _refuse(name: str, remedy: str) -> None:
    def refused(*_: Any, **__: Any) -> Tensor:
        raise DTypeError(
            f"{name} has complex results, and symdiff differentiates real arrays only; "
            f"{remedy}."
        )

    refused.__name__ = refused.__qualname__ = name.rpartition(".")[2]
    refused.__doc__ = "Out of scope: complex numbers."
    api(name)(refused)


for _name in _TRANSFORMS.split():
    _refuse(
        f"fft.{_name}",
        "a short transform can be written as a product with constant cosine and sine "
        "matrices",
    )
for _name in ("linalg.eig", "linalg.eigvals", "roots"):
    _refuse(_name, "for symmetric matrices use sd.linalg.eigh or sd.linalg.eigvalsh")
