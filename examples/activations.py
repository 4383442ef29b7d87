"""Activations compared: values, slopes, training: `python examples/activations.py`.

CS231n (lecture 6, and the notes "Neural Networks Part 1",
https://cs231n.github.io/neural-networks-1/) asks of an activation: does it saturate, so
that its slope vanishes? Are its values centred on 0? Is it cheap? Can a unit die? Here
each is drawn with the derivative that symdiff found, compared with the formula on
paper; the questions are put as numbers; and the same net learns the digits with each.
Over four seeds sigmoid ends at 89 to 93 %, the others at 93 to 98 %. Look at the
picture: slopes that reach 0 on one side or on both, and what that costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd


def sigma(v: np.ndarray) -> np.ndarray:
    """The logistic function, in NumPy."""
    return 1 / (1 + np.exp(-v))


def normal(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Φ and φ, distribution and density of the normal distribution."""
    distribution = np.array([0.5 * (1 + math.erf(u / math.sqrt(2))) for u in v])
    return distribution, np.exp(-(v**2) / 2) / math.sqrt(2 * math.pi)


def gelu_slope(v: np.ndarray) -> np.ndarray:
    """Φ(v) + v φ(v)."""
    distribution, density = normal(v)
    return distribution + v * density


ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805  # SELU's
Slope = Callable[[np.ndarray], np.ndarray]

# name: what symdiff is given, the derivative on paper, and that in words
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Slope, str]] = {
    "sigmoid": (sd.sigmoid, lambda v: sigma(v) * (1 - sigma(v)), "σ (1 − σ)"),
    "tanh": (sd.tanh, lambda v: 1 - np.tanh(v) ** 2, "1 − tanh²"),
    "relu": (sd.relu, lambda v: (v > 0) * 1.0, "1 if v > 0 else 0"),
    "leaky_relu": (
        sd.nn.leaky_relu,
        lambda v: np.where(v > 0, 1, 0.01),
        "1 if v > 0 else 0.01",
    ),
    "elu": (sd.nn.elu, lambda v: np.exp(np.minimum(v, 0)), "1 if v > 0 else eᵛ"),
    "selu": (
        sd.nn.selu,
        lambda v: SCALE * np.where(v > 0, 1, ALPHA * np.exp(np.minimum(v, 0))),
        "λ, or λ α eᵛ",
    ),
    "softplus": (sd.softplus, sigma, "σ"),
    "silu": (
        sd.nn.silu,
        lambda v: sigma(v) * (1 + v * (1 - sigma(v))),
        "σ (1 + v (1 − σ))",
    ),
    "gelu": (lambda v: sd.nn.gelu(v, approximate=False), gelu_slope, "Φ + v φ"),
}

N = sd.dim("N")
x = sd.input("x", (N, 64))
y = sd.input("y", (N,), dtype="int64", high=10)


def curves(points: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each activation's values and slopes."""
    v = sd.input("v", (sd.dim("M"),))
    found = {}
    for name, (function, _, _) in ACTIVATIONS.items():
        value = function(v)
        slope = sd.grad(sd.sum(value), v)
        one = sd.Function(f"{name}_curve", [v], {"value": value, "slope": slope})
        found[name] = tuple(sd.compile(one, only="forward").load().predict(points))
    return found


def values_and_slopes(picture: Picture) -> None:
    """The derived slopes are those on paper; which saturate, which are centred."""
    points = np.linspace(-6, 6, 600)  # 0, where some have a kink, is not among them
    found = curves(points)
    panels = [
        picture.panel(f"{what}", x="v", y=y, xlim=(-6, 6), ylim=limits)
        for what, y, limits in (
            ("values", "f(v)", (-2, 3)),
            ("slopes", "f'(v)", (-0.2, 1.25)),
        )
    ]
    for name, (value, slope) in found.items():
        _, paper, words = ACTIVATIONS[name]
        check(f"{name}: f' = {words}", paper(points), slope)
        if name in ("sigmoid", "tanh", "relu", "elu", "softplus", "silu", "gelu"):
            for panel, curve in zip(panels, (value, slope), strict=True):
                panel.line(points, curve, name)

    far = curves(np.array([-20.0, 20.0]))
    print("slopes at −20 and 20: what is 0 on a side saturates there")
    for name, (_, slope) in far.items():
        print(f"    {name:12}{slope[0]:10.1e}{slope[1]:10.1e}")
    print()
    both = [name for name, (_, slope) in far.items() if np.abs(slope).max() < 1e-6]
    check("sigmoid and tanh alone saturate on both sides", True,
          both == ["sigmoid", "tanh"])  # fmt: skip

    sample = curves(np.random.default_rng(0).normal(size=100_000))
    means = {name: float(value.mean()) for name, (value, _) in sample.items()}
    print("mean value for normal inputs")
    print("".join(f"    {name:12}{mean:7.3f}\n" for name, mean in means.items()))
    check("sigmoid is centred on a half", 0.5, round(means["sigmoid"], 2))
    check("tanh, and selu by its design, on 0", [0, 0],
          [round(abs(means["tanh"]), 1), round(abs(means["selu"]), 1)])  # fmt: skip


def one_unit() -> None:
    """Inputs of one sign push all weights one way; a dead ReLU gets nothing."""
    u, w, b = sd.input("u", (5,)), sd.input("w", (5,)), sd.input("b", ())
    slopes = {}
    for name in ("relu", "leaky_relu"):
        unit = ACTIVATIONS[name][0](w @ u + b)
        of_unit = sd.Function(f"{name}_unit", [u, w, b], sd.grad(unit, w))
        slopes[name] = sd.compile(of_unit, only="forward").load().forward.forward
    rng = np.random.default_rng(0)
    inputs, weights = rng.random(5), rng.normal(size=5)  # as after a sigmoid: all > 0
    signs = np.sign(slopes["leaky_relu"](inputs, weights, 3.0))
    check("positive inputs: all weights move one way", 1, len(set(signs)))
    dead = slopes["relu"](inputs, weights, -10.0)
    check("a ReLU far below 0 gets no gradient", np.zeros(5), dead)
    leaking = slopes["leaky_relu"](inputs, weights, -10.0)
    check("a leaky one gets a hundredth of the inputs", 0.01 * inputs, leaking)


def training(picture: Picture) -> None:
    """Three hidden layers on the digits, with each activation in turn."""
    parts = digits()
    epochs = 2 if small() else 20
    panel = picture.panel("training: 3 hidden layers", x="epoch", y="loss", log_y=True)
    print(f"accuracy on held-out digits after {epochs} epochs, and the loss by then")
    accuracy, early = {}, {}
    for name, (function, _, _) in ACTIVATIONS.items():
        h = x
        for layer in range(1, 4):
            h = sd.nn.dense(h, 48, function, name=f"layer{layer}", init="lecun_normal")
        z = sd.nn.dense(h, 10, name="out")
        model = sd.Model(
            name,
            inputs=[x],
            targets=[y],
            outputs=z,
            loss=sd.nn.softmax_cross_entropy(z, y),
            metrics={"accuracy": sd.nn.accuracy(z, y)},
            optimizer=sd.optim.Adam(2e-3),
        )
        generated = sd.compile(model).load()
        state = generated.init_state(generated.init_params(seed=0))
        history = generated.fit(state, parts["train"], epochs=epochs)
        losses = [record["loss"] for record in history]
        found = generated.evaluate(state.params, **parts["test"])
        accuracy[name], early[name] = found["accuracy"], losses[min(epochs, 3) - 1]
        print(f"    {name:12}{accuracy[name]:7.1%}{losses[-1]:9.4f}")
        if name in ("sigmoid", "tanh", "relu", "elu", "softplus", "silu", "gelu"):
            panel.line(np.arange(1, epochs + 1), losses, name)
    print()
    at_least("the worst accuracy", 0.8, min(accuracy.values()))
    at_least("the best accuracy", 0.94, max(accuracy.values()))
    ratio = early["sigmoid"] / early["relu"]
    at_least("sigmoid is slow: its loss after 3 epochs over ReLU's", 2, ratio)
    at_most("and tanh is not: its loss over ReLU's", 2, early["tanh"] / early["relu"])


if __name__ == "__main__":
    drawing = Picture("activations", "Activations: values, slopes, training", columns=3)
    values_and_slopes(drawing)
    one_unit()
    training(drawing)
    drawing.save()
    finish()
