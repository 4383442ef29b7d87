"""Maxout, the activation that is learnt: `python examples/maxout.py`.

A maxout unit is the largest of k affine maps, max_j (w_j·x + b_j) (Goodfellow,
Warde-Farley, Mirza, Courville & Bengio, ICML 2013, eq. 2). With one piece of weight 0
it is ReLU; with v and 0.01 v it is a leaky ReLU; with v and −v it is |v|. One unit is
a convex function with k linear pieces; the difference of two approximates any
continuous function (their theorem 4.3). Look at the picture: the pieces that single
units have learnt for a parabola, and two units that make a wave.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

N = sd.dim("N")


def special_cases() -> None:
    """max(v, 0), max(v, v/100) and max(v, −v), to the last bit."""
    v = sd.input("v", (N,))
    of_v = {
        "ReLU": (sd.relu(v), 0.0),
        "leaky ReLU": (sd.nn.leaky_relu(v), 0.01),
        "|·|": (sd.abs(v), -1.0),
    }
    points = np.random.default_rng(0).normal(size=1000)
    for name, (activated, second) in of_v.items():
        h = sd.nn.maxout(sd.stack([v, second * v], axis=-1), 2)[:, 0]
        outputs = {"h": h, "slope": sd.grad(sd.sum(h), v), "activated": activated}
        outputs["usual"] = sd.grad(sd.sum(activated), v)
        module = sd.compile(sd.Function("special", [v], outputs)).load()
        found = module.predict(points)
        check(f"maxout is {name}, exactly", found.activated, found.h, 0)
        check("and so is its slope", found.usual, found.slope, 0)
        if name == "ReLU":
            found = module.predict(np.zeros(1))
            told = "at the kink slopes are a convention: ReLU's 0, maxout's shared"
            check(told, [0, 0.5], [found.usual[0], found.slope[0]])


def relu_net_is_maxout_net() -> None:
    """A net of 20 ReLU units, and one of 20 maxout units with pieces (W, 0)."""
    x, y = sd.input("x", (N, 64)), sd.input("y", (N,), dtype="int64", high=10)
    W, b, V = sd.param("W", (64, 20)), sd.param("b", (20,)), sd.param("V", (20, 10))
    z = sd.relu(x @ W + b) @ V
    loss = sd.nn.softmax_cross_entropy(z, y)
    relu = sd.compile(sd.Model("relu", [x], [y], z, loss)).load()

    W, b = sd.param("W", (64, 40)), sd.param("b", (40,))  # unit i has 2i and 2i + 1
    z = sd.nn.maxout(x @ W + b, 2) @ V
    loss = sd.nn.softmax_cross_entropy(z, y)
    maxout = sd.compile(sd.Model("maxout", [x], [y], z, loss)).load()

    rng = np.random.default_rng(0)
    data = rng.normal(size=(30, 64)), rng.integers(0, 10, 30)
    params = {"W": rng.normal(size=(64, 20)), "b": rng.normal(size=20)}
    pieces = {"W": np.zeros((64, 40)), "b": np.zeros(40)}
    for name, value in params.items():
        pieces[name][..., ::2] = value
    params["V"] = pieces["V"] = rng.normal(size=(20, 10))
    loss, gradients = relu.value_and_grad(params, *data)
    loss2, gradients2 = maxout.value_and_grad(pieces, *data)
    check("the loss of a ReLU net, as a maxout net", loss, loss2)
    check("its gradient in W", gradients["W"], gradients2["W"][:, ::2])


def train_curve(units: int, pieces: int, wanted: Any) -> tuple[Any, dict[str, Any]]:
    """Fit a function of one variable with one maxout unit, or with one minus
    another.

    A piece that is nowhere the largest gets no gradient and stays dead, so they start
    as tangents of u²/2, each the largest somewhere.
    """
    u, t = sd.input("u", (N, 1)), sd.input("t", (N,))
    slopes = np.tile(np.linspace(-1, 1, pieces), units)
    v = sd.nn.dense(
        u, units * pieces, name="pieces", init=slopes[None], bias_init=-(slopes**2) / 2
    )
    curve = sd.nn.maxout(v, pieces) @ sd.constant(np.array([1.0, -1.0][:units]))
    loss = sd.nn.mse(curve, t)
    lr = sd.optim.schedules.cosine(0.02, 1000)
    model = sd.Model("curve", [u], [t], curve, loss, optimizer=sd.optim.Adam(lr))
    generated = sd.compile(model).load()
    state = generated.init_state(generated.init_params(dtype=np.float64))
    points = np.linspace(-1, 1, 200)[:, None]
    data = {"u": points, "t": wanted(points[:, 0])}
    generated.fit(state, data, epochs=100 if small() else 1000, batch_size=200)
    return generated, state.params


def curves() -> None:
    """One unit is convex and fits u²; two units fit a wave."""
    points = np.linspace(-1, 1, 401)[:, None]
    picture = Picture("maxout", "Maxout units learn their activation", columns=3)
    error = {}
    for pieces in (2, 4):
        generated, params = train_curve(1, pieces, np.square)
        found = generated.predict(params, points)
        error[pieces] = np.sqrt(np.mean((found - points[:, 0] ** 2) ** 2))
        panel = picture.panel(f"one unit of {pieces} pieces", x="u", ylim=(-0.5, 1.1))
        panel.line(points, points**2, "u²", colour=7, dashed=True)
        slopes, offsets = params["pieces.W"][0], params["pieces.b"]
        for j, (slope, offset) in enumerate(zip(slopes, offsets, strict=True)):
            label = "its pieces" if j == 0 else ""
            panel.line(points, slope * points + offset, label, colour=1, width=1)
        panel.line(points, found, "the unit", colour=0, width=3)
        bend = np.diff(found, 2).min()
        at_least(f"{pieces} pieces: convex, second differences", -1e-9, bend,
                 when_small=-1e-9)  # fmt: skip
    print(f"root mean square error for u²: {error[2]:.4f} and {error[4]:.4f}\n")
    ratio = error[4] / error[2]
    at_most("twice the pieces, a quarter of the error: its share", 0.3, ratio)

    def wave(points: np.ndarray) -> np.ndarray:
        return np.sin(4 * points)

    generated, params = train_curve(2, 4, wave)
    found = generated.predict(params, points)
    halves = points @ params["pieces.W"] + params["pieces.b"]
    up, down = halves[:, :4].max(axis=1), halves[:, 4:].max(axis=1)
    panel = picture.panel("a difference of two units", x="u")
    panel.line(points, wave(points), "sin 4u", colour=7, dashed=True)
    panel.line(points, up, "unit 1, convex", colour=1, width=1)
    panel.line(points, down, "unit 2, convex", colour=2, width=1)
    panel.line(points, found, "1 − 2", colour=0, width=3)
    picture.save()
    check("the net is the difference of two maxima", up - down, found)
    rms = np.sqrt(np.mean((found - wave(points)[:, 0]) ** 2))
    at_most("root mean square error of the wave", 0.1, rms)


def on_digits() -> None:
    """A hidden layer of 32 units with 3 pieces reads the digits."""
    x, y = sd.input("x", (N, 64)), sd.input("y", (N,), dtype="int64", high=10)
    h = sd.nn.maxout(sd.nn.dense(x, 96, name="pieces"), 3)
    z = sd.nn.dense(h, 10, name="out")
    model = sd.Model(
        "maxout_digits",
        inputs=[x],
        targets=[y],
        outputs=z,
        loss=sd.nn.softmax_cross_entropy(z, y),
        metrics={"accuracy": sd.nn.accuracy(z, y)},
        optimizer=sd.optim.Adam(2e-3),
    )
    parts = digits()
    generated = sd.compile(model).load()
    state = generated.init_state(generated.init_params(seed=0))
    generated.fit(state, parts["train"], epochs=3 if small() else 20)
    accuracy = generated.evaluate(state.params, **parts["test"])["accuracy"]
    at_least("accuracy on held-out digits", 0.94, accuracy, when_small=0.8)


if __name__ == "__main__":
    special_cases()
    relu_net_is_maxout_net()
    curves()
    on_digits()
    finish()
