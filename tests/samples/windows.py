"""Samples of symdiff/ops/windows/views.py, convolution.py and pooling.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from samples.table import A, Given, I, Sample, raw


def _pads(padding: Any, lengths: Any, window: Any, stride: Any, dilation: Any) -> Any:
    """(before, after) per axis, written anew."""
    if padding == "valid":
        return [(0, 0)] * len(lengths)
    if padding == "same":
        found = []
        for n, k, s, d in zip(lengths, window, stride, dilation, strict=True):
            total = max(0, (int(np.ceil(n / s)) - 1) * s + (k - 1) * d + 1 - n)
            found.append((total // 2, total - total // 2))
        return found
    return [(p, p) if isinstance(p, int) else p for p in _tuple(padding, len(lengths))]


def _tuple(value: Any, n: int) -> tuple[Any, ...]:
    return (value,) * n if isinstance(value, int) else tuple(value)


def _convolution(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The definition, one output element at a time."""
    n = x.ndim - 2
    stride, dilation = _tuple(stride, n), _tuple(dilation, n)
    pads = _pads(padding, x.shape[2:], w.shape[2:], stride, dilation)
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    counts = [
        (m - e) // s + 1 for m, e, s in zip(x.shape[2:], spans, stride, strict=True)
    ]
    found = np.zeros((len(x), len(w), *counts), np.result_type(x, w))
    own, inner = len(w) // groups, w.shape[1]
    for place in np.ndindex(*counts):
        index = tuple(
            slice(p * s, p * s + e, d)
            for p, s, e, d in zip(place, stride, spans, dilation, strict=True)
        )
        for o in range(len(w)):
            start = o // own * inner
            part = x[(slice(None), slice(start, start + inner), *index)]
            found[(slice(None), o, *place)] = (part * w[o]).sum(tuple(range(1, x.ndim)))
    return found if bias is None else found + bias.reshape(-1, *[1] * n)


def _pool(reduce: Any, fill: float, spatial: int) -> Any:
    def reference(
        x: Any,
        window: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        count_include_pad: bool = True,
    ) -> Any:
        window, dilation = _tuple(window, spatial), _tuple(dilation, spatial)
        stride = window if stride is None else _tuple(stride, spatial)
        pads = _pads(padding, x.shape[-spatial:], window, stride, dilation)
        outer = [(0, 0)] * (x.ndim - spatial)
        inside = np.pad(np.ones(x.shape), outer + pads)
        x = np.pad(x, outer + pads, constant_values=fill)
        spans = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
        counts = [
            (m - e) // s + 1
            for m, e, s in zip(x.shape[-spatial:], spans, stride, strict=True)
        ]
        found = np.zeros((*x.shape[:-spatial], *counts), x.dtype)
        last = tuple(range(-spatial, 0))
        for place in np.ndindex(*counts):
            index = (
                ...,
                *(
                    slice(p * s, p * s + e, d)
                    for p, s, e, d in zip(place, stride, spans, dilation, strict=True)
                ),
            )
            value = reduce(x[index], axis=last)
            if not count_include_pad:
                value = value / inside[index].mean(axis=last)
            found[(..., *place)] = value
        return found

    return reference


_view = np.lib.stride_tricks.sliding_window_view
MAX1, MAX2 = _pool(np.max, -np.inf, 1), _pool(np.max, -np.inf, 2)
AVG1, AVG2 = _pool(np.mean, 0.0, 1), _pool(np.mean, 0.0, 2)


STEPS = {"axes": (1,), "window": (3,), "stride": (2,), "dilation": (1,)}


def _adjoint(x: Any, linear: Any, shape: Any) -> Any:
    """Apply the transpose of a linear map, column by column of its matrix."""
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.array([(linear(u) * x).sum() for u in units]).reshape(shape)


def _picked(x: Any, index: Any) -> Any:
    return np.take_along_axis(_view(x, 3, axis=1)[:, ::2], index[..., None], -1)[..., 0]


def conv(name: str, x: Any, w: Any, attrs: Any = None, bias: bool = False) -> Sample:
    """A sample of a convolution."""
    args = [x, w, (w[0],)] if bias else [x, w]
    return Sample(name, args, attrs or {}, _convolution, label=name)


SAMPLES = [
    Sample("sliding_window_view", [(5,)], {"window_shape": 3}, _view, symbolic=False),
    Sample("sliding_window_view", [(3, 5)], {"window_shape": 2, "axis": 1}, _view),
    Sample(
        "sliding_window_view", [(4, 5)], {"window_shape": (2, 3)}, _view, symbolic=False
    ),
    Sample(
        "sliding_window_view",
        [(2, 4, 5)],
        {"window_shape": (3, 2), "axis": (-1, 1)},
        _view,
    ),
    conv("conv1d", (8, 2, 6), (4, 2, 3)),
    conv("conv1d", (8, 2, 7), (4, 2, 3), {"stride": 2, "padding": 1, "dilation": 2}),
    conv("conv1d", (8, 2, 6), (4, 2, 3), {"padding": "same"}, bias=True),
    conv("conv1d", (8, 4, 6), (4, 1, 2), {"groups": 4, "padding": "same"}),
    conv("conv1d", (8, 2, 6), (4, 2, 2), {"padding": ((2, 1),)}),
    conv("conv1d", (8, 2, 6), (4, 2, 1)),
    conv("conv2d", (8, 3, 5, 4), (4, 3, 3, 2)),
    conv("conv2d", (8, 3, 5, 4), (4, 3, 1, 1), bias=True),
    conv("conv2d", (8, 3, 5, 4), (4, 3, 1, 1), {"stride": 2}),
    conv("conv2d", (8, 1, 6, 5), (3, 1, 2, 3), {"stride": (2, 1), "padding": (1, 2)}),
    conv(
        "conv2d", (8, 1, 6, 5), (3, 1, 2, 2), {"dilation": (2, 3), "padding": "valid"}
    ),
    conv("conv2d", (8, 1, 6, 5), (3, 1, 3, 2), {"padding": "same", "stride": 2}),
    conv("conv2d", (8, 4, 4, 3), (6, 2, 2, 2), {"groups": 2}, bias=True),
    *(
        Sample(name, [A(shape, "distinct")], attrs, reference)
        for name, shape, reference, cases in (
            (
                "max_pool1d",
                (3, 7),
                MAX1,
                (
                    {"window": 2},
                    {"window": 3, "stride": 2},
                    {"window": 5, "stride": 1, "padding": 2},
                    {"window": 2, "dilation": 3, "stride": 1},
                    {"window": 3, "padding": "same", "stride": 1},
                    {"window": 1},
                    {"window": 1, "stride": 2},
                ),
            ),
            (
                "max_pool2d",
                (2, 3, 5, 4),
                MAX2,
                (
                    {"window": 2},
                    {"window": (3, 2), "stride": (1, 2)},
                    {"window": 3, "stride": 2, "padding": 1},
                    {"window": (3, 2), "stride": 1, "dilation": (2, 1)},
                    {"window": (2, 3), "stride": 1, "dilation": (2, 1)},
                ),
            ),
            (
                "avg_pool1d",
                (3, 7),
                AVG1,
                (
                    {"window": 2},
                    {"window": 5, "stride": 1, "padding": 2},
                    {"window": 3, "padding": 1, "count_include_pad": False},
                    {"window": 1, "stride": 3},
                ),
            ),
            (
                "avg_pool2d",
                (2, 3, 5, 4),
                AVG2,
                (
                    {"window": 2},
                    {"window": (3, 2), "stride": (2, 1)},
                    {"window": 3, "stride": 1, "padding": 1},
                ),
            ),
        )
        for attrs in cases
    ),
    Sample(
        raw("window_argmax"),
        [
            Given(np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 0.0, 0.0]])),
            Given(np.array([[3.0, 3.0], [5.0, 0.0]])),
        ],
        {"axes": (1,), "window": (2,), "stride": (2,), "dilation": (1,)},
        lambda x, y, **_: np.array([[1, 0], [0, 0]], np.uint8),
        differentiable=False,
        symbolic=False,
    ),
    Sample(
        raw("add_windows"),
        [(3, 4, 3)],
        {"shape": (3, 9), **STEPS},
        lambda x, **_: _adjoint(x, lambda v: _view(v, 3, axis=1)[:, ::2], (3, 9)),
        symbolic=False,
        label="add_windows",
    ),
    Sample(
        raw("add_columns"),
        [(6, 8)],
        {"shape": (2, 9, 2), **STEPS},
        lambda x, **_: _adjoint(
            x,
            lambda v: _view(v, 3, axis=1)[:, ::2].transpose(0, 3, 1, 2).reshape(6, 8),
            (2, 9, 2),
        ),
        symbolic=False,
        label="add_columns",
    ),
    Sample(
        raw("window_spread"),
        [(3, 4)],
        {"shape": (3, 9), **STEPS},
        lambda x, **_: _adjoint(
            x, lambda v: _view(v, 3, axis=1)[:, ::2].sum(-1), (3, 9)
        ),
        symbolic=False,
        label="window_spread",
    ),
    Sample(
        raw("window_pick"),
        [(3, 9), I((3, 4), 3)],
        STEPS,
        lambda x, i, **_: _picked(x, i),
        symbolic=False,
        label="window_pick",
    ),
    Sample(
        raw("window_place"),
        [(3, 4), I((3, 4), 3)],
        {"shape": (3, 9), **STEPS},
        lambda x, i, **_: _adjoint(x, lambda v: _picked(v, i), (3, 9)),
        symbolic=False,
        label="window_place",
    ),
]
