"""Models of blocks on top of one another, from layers by name."""

from __future__ import annotations

from collections.abc import Callable

import symdiff as sd

N, T = sd.dim("N"), sd.dim("T")
WIDTH = 4
Layer = Callable[[sd.Tensor, dict[str, sd.Tensor], int], sd.Tensor]


def _loop(h: sd.Tensor, name: str) -> sd.Tensor:
    w = sd.param(name, (WIDTH, WIDTH))
    rows = sd.transpose(h, (1, 0, 2))
    _, made = sd.scan(lambda c, r: 2 * (sd.tanh(c @ w + r),), rows[0] * 0, rows)
    return sd.transpose(made, (1, 0, 2))


LAYERS: dict[str, Layer] = {
    "dense": lambda h, _, at: sd.nn.dense(h, WIDTH, "tanh", name=f"d{at}"),
    "residual": lambda h, _, at: h + sd.nn.dense(h, WIDTH, "relu", name=f"r{at}"),
    "norm": lambda h, _, at: sd.nn.layer_norm(h, name=f"n{at}"),
    "batch": lambda h, _, at: sd.nn.batch_norm(h, name=f"b{at}"),
    "gelu": lambda h, _, at: sd.nn.dense(h, WIDTH, "gelu", name=f"g{at}"),
    "attention": lambda h, _, at: sd.nn.multi_head_attention(
        h, 2, causal=True, name=f"a{at}"
    ),
    "dropout": lambda h, *_: sd.nn.dropout(h, 0.3),
    "lstm": lambda h, _, at: sd.nn.lstm(h, WIDTH, name=f"l{at}")[0],
    "scan": lambda h, _, at: _loop(h, f"s{at}.w"),
    "shared": lambda h, s, _: h @ s["weight"] + s["bias"],
    "skip": lambda h, s, _: sd.where(s["x"] > 0, h, -0.5 * h) + s["x"],
    "softmax": lambda h, *_: sd.nn.softmax(h) * h,
    "number": lambda h, _, at: 0.5 * h + at,
    "square": lambda h, *_: sd.sqrt(1 + h**2) - sd.sum(h, axis=-1, keepdims=True),
}


def tower(
    layers: list[str],
    depth: int,
    name: str = "block{}",
    *,
    first: bool = True,
    last: bool = False,
) -> sd.Model:
    """Return a model of blocks on top of one another.

    ``first`` says that a layer is before them, without which nothing is derived by what
    the first block is given; ``last`` that what the last one gives is read in part.
    """
    x, y = sd.input("x", (N, T, WIDTH)), sd.input("y", (N, T, WIDTH))
    shared = {
        "x": x,
        "weight": sd.param("weight", (WIDTH, WIDTH)),
        "bias": sd.param("bias", (WIDTH,)),
    }
    h = sd.nn.dense(x, WIDTH, name="first") if first else x
    for i in range(depth):
        with sd.scope(name.format(i)):
            for at, layer in enumerate(layers):
                h = LAYERS[layer](h, shared, at)
    if last:
        h = sd.mean(h, axis=1, keepdims=True) + x
    guess = sd.nn.dense(h, WIDTH, name="last")
    loss = sd.mean((guess - y) ** 2) + 1e-3 * sd.sum(shared["weight"] ** 2)
    return sd.Model(
        "tower",
        inputs=[x],
        targets=[y],
        outputs=guess,
        loss=loss,
        metrics={"far": sd.max(abs(guess - y))},
        optimizer=sd.optim.Adam(1e-3),
    )
