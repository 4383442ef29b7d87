"""Layers over sequences: embedding, recurrent layers, attention.

In: tensors of shape (N, T, ...), batch first, and which steps are there: ``lengths`` of
shape (N,), or a boolean ``mask`` of shape (N, T). Out: tensors (N, T, units), and the
state after the last step. Invariant: a step that is not there leaves the state as it is
and gives 0; products with the inputs are taken for all steps at once, outside the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from symdiff.declare.init import normal
from symdiff.declare.leaves import param
from symdiff.declare.nn.activations import activation_of, float_tensor
from symdiff.declare.nn.layers import count, dense, known_length, weight_of
from symdiff.graph.errors import DeclarationError, DTypeError, ShapeError
from symdiff.graph.lengths import may_agree
from symdiff.graph.origin import hinted
from symdiff.graph.provenance import public, scope
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.operands import as_bool, as_tensor
from symdiff.ops.surface.operators import API

where, sigmoid, tanh = API["where"], API["sigmoid"], API["tanh"]

# The score of a key that a mask hides: below any other in both widths, so that it gets
# no share, but finite, so that a query with no key left averages the values that it
# would see without the mask. A share of -inf alone would be NaN.
LOWEST = -3e38


@public
def embedding(
    ids: Any,
    vocabulary: int,
    units: int,
    name: str = "embedding",
    init: Any = None,
    weight: Any = None,
) -> Tensor:
    """Row ``id`` of a table, for integer ids of any shape: (...,) to (..., units).

    Declares ``name.W`` of shape (vocabulary, units), which starts as normal(0.02).
    ``weight`` takes its place.
    """
    index = as_tensor(ids)
    count("embedding", "vocabulary", vocabulary)
    count("embedding", "units", units)
    if not index.dtype.is_integer:
        raise DTypeError(f"embedding needs integer ids, got {index.type}.")
    with scope(name):
        start = normal(0.02) if init is None else init
        table = weight_of("W", weight, (vocabulary, units), start)
        return API["take"](table, index, axis=0)


# --- recurrent layers ----------------------------------------------------------------


@public
def rnn(
    x: Any,
    units: int,
    activation: str | Callable[[Any], Any] = "tanh",
    lengths: Any = None,
    mask: Any = None,
    initial: Any = None,
    reverse: bool = False,
    name: str = "rnn",
    init: Any = None,
) -> tuple[Tensor, Tensor]:
    """h_t = tanh(x_t W + h_{t−1} U + b): returns all h, (N, T, units), and the last.

    Declares ``name.W`` (in, units), ``name.U`` (units, units), orthogonal at first, and
    ``name.b``. ``initial`` is h_0, zeros by default; ``reverse`` runs from the last
    step to the first. Elman, Cognitive Science 1990.
    """
    act, usual = activation_of(activation)
    cell = _Cell("rnn", x, units, 1, lengths, mask, name, init or usual)

    def turn(h: Any, x_W_plus_b: Any, u: Any) -> Any:
        new = hinted(x_W_plus_b + h @ u, "z")
        return new if act is None else hinted(act(new), "h")

    ys, h = cell.run(turn, {"h": cell.start(initial, "h")}, "x_W_plus_b", reverse)
    return ys, h[0]


@public
def lstm(
    x: Any,
    units: int,
    lengths: Any = None,
    mask: Any = None,
    initial: Any = None,
    reverse: bool = False,
    forget_bias: float = 1.0,
    name: str = "lstm",
    init: Any = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Long short-term memory: returns all h, (N, T, units), and the last (h, c).

    [i f g o] = x_t W + h_{t−1} U + b; c_t = σ(f)·c_{t−1} + σ(i)·tanh(g); h_t =
    σ(o)·tanh(c_t). Hochreiter & Schmidhuber, Neural Computation 1997, with the forget
    gate of Gers et al., 2000. Declares ``name.W`` (in, 4·units), ``name.U`` (units,
    4·units) and ``name.b``, in PyTorch's order of gates; the forget gate's bias starts
    at ``forget_bias`` (Jozefowicz et al., ICML 2015). ``initial`` is a pair (h_0, c_0).
    """
    bias = [0.0] * units + [float(forget_bias)] * units + [0.0] * (2 * units)
    cell = _Cell("lstm", x, units, 4, lengths, mask, name, init, bias)

    def turn(h: Any, c: Any, x_W_plus_b: Any, u: Any) -> Any:
        z = hinted(x_W_plus_b + h @ u, "z")
        zi, zf, zg, zo = _gates(z, "z", "ifgo", units)
        i, f = hinted(sigmoid(zi), "i"), hinted(sigmoid(zf), "f")
        g, o = hinted(tanh(zg), "g"), hinted(sigmoid(zo), "o")
        c = hinted(f * c + i * g, "c")
        return hinted(o * tanh(c), "h"), c

    h0, c0 = initial if initial is not None else (None, None)
    starts = {"h": cell.start(h0, "h"), "c": cell.start(c0, "c")}
    ys, (h, c) = cell.run(turn, starts, "x_W_plus_b", reverse)
    return ys, (h, c)


@public
def gru(
    x: Any,
    units: int,
    lengths: Any = None,
    mask: Any = None,
    initial: Any = None,
    reverse: bool = False,
    name: str = "gru",
    init: Any = None,
) -> tuple[Tensor, Tensor]:
    """Gated recurrent unit: returns all h, (N, T, units), and the last.

    r = σ(x W_r + h U_r + b_r); u = σ(x W_u + h U_u + b_u);
    n = tanh(x W_n + b_n + r·(h U_n + c)); h_t = (1 − u)·n + u·h_{t−1}.
    Cho et al., EMNLP 2014, with the reset gate after the product, as cuDNN and PyTorch
    have it. Declares ``name.W`` (in, 3·units), ``name.U`` (units, 3·units), ``name.b``
    and ``name.c`` (units,), in the order r, u, n. ``initial`` is h_0.
    """
    cell = _Cell("gru", x, units, 3, lengths, mask, name, init, inner_bias=True)

    def turn(h: Any, z: Any, u: Any, c: Any) -> Any:
        zr, zu, zn = _gates(z, "z", "run", units)
        hr, hu, hn = _gates(hinted(h @ u, "turned"), "h", "run", units)
        r, update = hinted(sigmoid(zr + hr), "r"), hinted(sigmoid(zu + hu), "u")
        n = hinted(tanh(zn + r * (hn + c)), "n")
        return hinted((1 - update) * n + update * h, "h")

    ys, h = cell.run(turn, {"h": cell.start(initial, "h")}, "z", reverse)
    return ys, h[0]


class _Cell:
    """What recurrent layers share: their weights, and the loop over the steps."""

    def __init__(
        self,
        layer: str,
        x: Any,
        units: int,
        gates: int,
        lengths: Any,
        mask: Any,
        name: str,
        init: Any,
        bias: Any = None,
        inner_bias: bool = False,
    ) -> None:
        tensor = float_tensor(layer, x)
        self.layer, self.units = layer, count(layer, "units", units)
        if tensor.ndim != 3:
            raise ShapeError(
                f"{layer} needs x of shape (N, T, features), got {tensor.shape}."
            )
        features = known_length(layer, tensor, -1, "its weights have one row each")
        self.shape = tensor.shape
        self.mask = _mask_of(layer, tensor, lengths, mask)
        width = gates * units
        with scope(name):
            w = param("W", (features, width), init=init or "glorot_uniform")
            self.weights = [param("U", (units, width), init="orthogonal")]
            b = param("b", (width,), init=bias)
            if inner_bias:
                self.weights.append(param("c", (units,)))
        self.rows = tensor @ w + b

    def start(self, given: Any, name: str) -> Any:
        """Return the first value of a carry, (N, units)."""
        shape = (self.shape[0], self.units)
        if given is None:
            return hinted(API["zeros"](shape), name)
        tensor = float_tensor(f"initial of {self.layer}", given)
        if tensor.shape != shape:
            raise ShapeError(
                f"{self.layer}: initial must have shape {shape}, got {tensor.shape}."
            )
        return tensor

    def run(
        self, turn: Callable[..., Any], starts: dict[str, Any], row: str, reverse: bool
    ) -> tuple[Any, list[Any]]:
        """Return the stacked first carries, batch first, and the last carries.

        ``row`` is what the input's part of a step is called.
        """
        rows: Any = {row: hinted(API["swapaxes"](self.rows, 0, 1), row)}
        if self.mask is not None:
            rows["there"] = API["expand_dims"](API["swapaxes"](self.mask, 0, 1), -1)

        def body(carry: Any, at: Any) -> Any:
            old = list(carry.values())
            found = turn(*old, at[row], *self.weights)
            new = list(found) if isinstance(found, tuple) else [found]
            y = new[0]
            if "there" in at:
                there = at["there"]
                y = hinted(where(there, new[0], 0), "y")
                new = [where(there, a, b) for a, b in zip(new, old, strict=True)]
            return dict(zip(carry, new, strict=True)), y

        last, ys = API["scan"](body, starts, rows, reverse=reverse)
        return API["swapaxes"](ys, 0, 1), list(last.values())


def _gates(z: Any, name: str, gates: str, units: int) -> list[Any]:
    """Return the blocks of ``units`` columns, one for each letter of ``gates``."""
    parts = [z[:, i * units : (i + 1) * units] for i in range(len(gates))]
    return [hinted(p, f"{name}_{g}") for p, g in zip(parts, gates, strict=True)]


def _mask_of(layer: str, x: Any, lengths: Any, mask: Any) -> Any:
    """Return which steps count, as booleans (N, T), or None for all of them."""
    if mask is not None and lengths is not None:
        raise DeclarationError(f"{layer}: give lengths= or mask=, not both.")
    rows = x.shape[:2]
    if lengths is not None:
        n = as_tensor(lengths)
        if not n.dtype.is_integer or n.ndim != 1:
            raise DTypeError(
                f"{layer}: lengths are integers of shape (N,), got {n.type}."
            )
        steps = API["arange"](rows[1])
        return hinted(steps < API["expand_dims"](n, 1), "there")
    if mask is None:
        return None
    found = as_bool(mask)
    if found.shape != rows:
        raise ShapeError(f"{layer}: mask must have shape {rows}, got {found.shape}.")
    return found


# --- attention -----------------------------------------------------------------------


@public
def attention(q: Any, k: Any, v: Any, causal: bool = False, mask: Any = None) -> Tensor:
    """softmax(q kᵀ/√d) v, for q (..., T, d), k (..., S, d) and v (..., S, e).

    ``causal`` hides from step t what comes later, s > t (which needs T = S); ``mask``
    is boolean, of a shape that broadcasts to (..., T, S), and false where a key is
    hidden. What is hidden has no share, however low the other scores are. A query from
    which ``mask`` hides all keys gets the mean of v over S (of v up to t if
    ``causal``), which is finite, as its gradient is. Vaswani et al., NeurIPS 2017,
    eq. 1.
    """
    query, key, value = (float_tensor("attention", t) for t in (q, k, v))
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError("attention needs q, k and v of shape (..., steps, features).")
    d = known_length("attention", query, -1, "scores are divided by its root")
    dots = hinted(query @ API["swapaxes"](key, -1, -2), "dots")
    root = hinted(as_tensor(math.sqrt(d)), f"sqrt({d})")
    scores = hinted(dots / root, "scores")
    if mask is not None:
        scores = hinted(where(as_bool(mask), scores, LOWEST), "scores")
    if causal:  # last: what comes later stays hidden where the mask leaves nothing
        t, s = query.shape[-2], key.shape[-2]
        if t != s:
            raise ShapeError(
                f"causal attention needs as many queries as keys, got {t} and {s}."
            )
        visible = hinted(API["tri"](t, dtype=bool), "visible")
        scores = hinted(where(visible, scores, -math.inf), "scores")
    return hinted(API["softmax"](scores), "shares") @ value


@public
def multi_head_attention(
    x: Any,
    heads: int,
    context: Any = None,
    causal: bool = False,
    mask: Any = None,
    units: int | None = None,
    use_bias: bool = True,
    name: str = "attention",
    init: Any = None,
) -> Tensor:
    """Attention by several heads at once, for x of shape (N, T, features).

    Queries come from x, keys and values from ``context``, (N, S, ...), which is x
    itself by default. Each head attends with units / heads of the ``units`` features
    (x's by default); their results, side by side, are projected to x's features.
    Declares dense layers ``name.q``, ``name.k``, ``name.v`` and ``name.out``. ``mask``
    is boolean of shape (N, S), false at padding; ``causal`` is as in `attention`.
    Vaswani et al., NeurIPS 2017, section 3.2.2.
    """
    tensor = float_tensor("multi_head_attention", x)
    source = tensor if context is None else float_tensor("context", context)
    count("multi_head_attention", "heads", heads)
    if tensor.ndim != 3 or source.ndim != 3:
        raise ShapeError(
            f"multi_head_attention needs (N, T, features), got {tensor.shape} and "
            f"{source.shape}."
        )
    features = known_length("multi_head_attention", tensor, -1, "it has weights")
    width = features if units is None else units
    if width % heads:
        raise ShapeError(
            f"multi_head_attention: {heads} heads cannot share {width} features."
        )
    hidden = None
    if mask is not None:
        hidden = as_bool(mask)
        if hidden.ndim != 2:
            raise ShapeError(f"mask must have shape (N, S), got {hidden.shape}.")
        pairs = zip(hidden.shape, source.shape[:2], strict=True)
        if not all(may_agree(a, b) for a, b in pairs):
            raise ShapeError(f"mask {hidden.shape} does not fit keys {source.shape}.")
        hidden = API["expand_dims"](hidden, (1, 2))

    def split(t: Any, letter: str) -> Any:
        parts = API["reshape"](t, (*t.shape[:2], heads, width // heads))
        turned = API["transpose"](parts, (0, 2, 1, 3))
        return hinted(turned, f"{letter}_heads")

    def projected(t: Any, letter: str) -> Any:
        made = dense(t, width, use_bias=use_bias, name=letter, init=init)
        return split(made, letter)

    with scope(name):
        q, k, v = projected(tensor, "q"), projected(source, "k"), projected(source, "v")
        found = hinted(attention(q, k, v, causal, hidden), "attended")
        joined = API["reshape"](
            API["transpose"](found, (0, 2, 1, 3)), (*tensor.shape[:2], width)
        )
        return dense(
            hinted(joined, "joined"), features, use_bias=use_bias, name="out", init=init
        )
