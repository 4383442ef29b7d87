"""What the equations of a TOML spec may name: functions, methods and constants.

In: the functions that elementwise ops have. Out: tables from name to function, all
others written out one by one. Invariant: an equation can call nothing else; a function
of symdiff is in one of these lists or among those that `ABSENT` gives a reason for (a
test compares them with what there is).
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from symdiff.declare import init
from symdiff.declare.nn import functional
from symdiff.declare.schedules import constant as constant_schedule
from symdiff.declare.schedules import (
    cosine,
    exponential,
    one_cycle,
    piecewise,
    step,
    warmup,
)
from symdiff.derive import higher, reverse  # noqa: F401 - they complete API
from symdiff.graph import arguments
from symdiff.ops.core.operands import API
from symdiff.ops.surface import operators  # noqa: F401 - so does this


def _words(text: str) -> list[str]:
    return text.split()


# Functions with NumPy's names, and those that differentiate.
_WRITTEN = _words(
    """
    all allclose amax amin any append arange argmax argmin argsort around
    array_equal array_equiv array_split astype atleast_1d atleast_2d atleast_3d
    average avg_pool1d avg_pool2d bincount block broadcast_arrays broadcast_to
    by_mode cast ceil clip column_stack concat concatenate conv1d conv2d convolve
    corrcoef correlate count_nonzero cov cross cummax cummin cumprod cumsum
    cumulative_prod cumulative_sum deg2rad degrees delete diag diagflat diagonal
    diff digitize divmod dot dsplit dstack ediff1d einsum expand_dims eye
    fft.fftshift fft.ifftshift fix flip fliplr flipud float_power floor full
    full_like geomspace gnvp grad gradient hessian hsplit hstack hvp identity inner
    insert interp isclose iscomplex isin isneginf isposinf isreal jacobian jvp kron
    linalg.cholesky linalg.cofactors linalg.cond linalg.cross linalg.det
    linalg.diagonal linalg.eigh linalg.eigvalsh linalg.inv linalg.lstsq
    linalg.matmul linalg.matrix_norm linalg.matrix_power linalg.matrix_transpose
    linalg.multi_dot linalg.norm linalg.outer linalg.pinv linalg.qr linalg.slogdet
    linalg.solve linalg.solve_triangular linalg.svd linalg.svdvals linalg.tensordot
    linalg.tensorinv linalg.tensorsolve linalg.trace linalg.vecdot
    linalg.vector_norm linear_recurrence linspace log_softmax logspace logsumexp
    matmul matrix_transpose matvec max max_pool1d max_pool2d mean median meshgrid
    min modf moveaxis nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax
    nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar
    one_hot ones ones_like outer pad percentile permute_dims pick piecewise polyadd
    polyder polygamma polyint polymul polysub polyval positive power prod ptp
    quantile rad2deg radians random.bernoulli random.normal random.uniform ravel
    real_if_close reciprocal repeat reshape rint roll rollaxis rot90 round row_stack
    searchsorted select sigmoid_cross_entropy sliding_window_view softmax
    softmax_cross_entropy sort split squeeze stack std stop_gradient sum swapaxes
    take take_along_axis tensordot tile trace transpose trapezoid trapz tri tril
    triu trunc unstack unwrap update_state vander var vdot vecdot vecmat vjp vsplit
    vstack where xlogy zeros zeros_like
    """
)
# With them, the functions of elementwise ops, which take and return tensors only.
OPS = sorted({*_WRITTEN, *(name for name, f in API.items() if hasattr(f, "op"))})

# Layers, activations, losses and penalties.
LAYERS = _words(
    """
    accuracy attention avg_pool1d avg_pool2d batch_norm binary_accuracy
    binary_cross_entropy binary_hinge conv1d conv2d cosine cosine_embedding
    cosine_similarity dense dropout elastic_net elu embedding flatten gaussian_nll gelu
    global_avg_pool group_norm gru hard_sigmoid hard_swish hard_tanh hinge huber kl
    kl_normal l1 l2 layer_norm leaky_relu log_sigmoid log_softmax lstm mae max_pool1d
    max_pool2d maxout mse multi_head_attention nll poisson polynomial_features prelu
    relu relu6 rms_norm rnn selu sigmoid sigmoid_cross_entropy sign silu softmax
    softmax_cross_entropy softplus step tanh triplet
    """
)

_TAKES_FUNCTION = "takes functions, which a TOML spec cannot define"
_COMPLEX = "gives complex numbers or a result of unknown length"
ABSENT = {
    **dict.fromkeys(["cond", "map", "scan", "while_loop"], _TAKES_FUNCTION),
    **dict.fromkeys(
        ["apply_along_axis", "apply_over_axes", "vectorize"], _TAKES_FUNCTION
    ),
    **dict.fromkeys(["feature_map", "residual"], _TAKES_FUNCTION),
    **dict.fromkeys(
        _words(
            """
            argwhere compress extract flatnonzero linalg.eig linalg.eigvals nonzero
            roots unique
            """
        ),
        _COMPLEX,
    ),
    **dict.fromkeys(
        _words(
            """
            fft.fft fft.fft2 fft.fftn fft.hfft fft.ifft fft.ifft2 fft.ifftn
            fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn
            """
        ),
        _COMPLEX,
    ),
    "at": "is written as where(...) or one_hot(...)",
    "getitem": "is written with brackets, x[0]",
    "resolve_mode": "is the compiler's matter",
}

INITS = ["constant", "from_array", "normal", "uniform"]
INIT_NAMES = _words(
    """
    zeros ones glorot_uniform glorot_normal he_uniform he_normal lecun_uniform
    lecun_normal orthogonal
    """
)

SCHEDULES: dict[str, Callable[..., Any]] = {
    "constant": constant_schedule,
    "step": step,
    "exponential": exponential,
    "cosine": cosine,
    "warmup": warmup,
    "one_cycle": one_cycle,
    "piecewise": piecewise,
}

# Methods of tensors, as in NumPy; each calls the function of that name.
METHODS = _words(
    """
    all any argmax argmin argsort astype clip cumprod cumsum diagonal dot max mean min
    prod ptp ravel repeat reshape round searchsorted sort squeeze std sum swapaxes take
    trace transpose var
    """
)
ATTRIBUTES = ("T", "mT", "ndim", "shape", "size")

CONSTANTS: dict[str, Any] = {
    "pi": math.pi,
    "e": math.e,
    "inf": math.inf,
    "nan": math.nan,
    "newaxis": None,
}

# Prefixes that a function may have, as in Python.
PREFIXES = ("symdiff.nn.", "sd.nn.", "nn.", "symdiff.", "sd.", "numpy.", "np.")

# Arguments that may be strings; everywhere else a string is a mistake.
TEXTS = frozenset(
    _words(
        """
        activation dtype init bias_init indexing kind method mode name order ord padding
        reduction side UPLO
        """
    )
)


@functools.cache
def functions() -> dict[str, Callable[..., Any]]:
    """Return every function that an equation may call, by its name there."""
    found: dict[str, Callable[..., Any]] = {n: API[n] for n in OPS}
    found |= {f"init.{n}": vars(init)[n] for n in INITS}
    return found | {n: vars(functional)[n] for n in LAYERS}


@functools.cache
def plain_ops() -> dict[str, Callable[..., Any]]:
    """Return the functions that may be written with ``np.`` or ``sd.``."""
    return {**functions(), **{n: API[n] for n in OPS}}


def find(name: str) -> Callable[..., Any] | None:
    """Return the function of a name, with or without a prefix."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            table = functions() if prefix.endswith("nn.") else plain_ops()
            return table.get(name.removeprefix(prefix))
    return functions().get(name)


def bare(name: str) -> str:
    """Return the name of a function without its prefix."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def nearest(name: str, known: Iterable[str]) -> str:
    """Return words that suggest a known name, or name a letter that is not ASCII."""
    foreign = [c for c in name if not c.isascii()]
    if foreign:
        shown = unicodedata.name(foreign[0], f"U+{ord(foreign[0]):04X}")
        return f" ({foreign[0]!r} is {shown})"
    close = arguments.nearest(name, known)
    return f"; did you mean `{close}`?" if close else ""
