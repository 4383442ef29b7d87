"""Gradients that vanish on their way down: `python examples/vanishing_gradients.py`.

Ten layers, s_l = W_l h_{l-1} + b_l and h_l = σ(s_l). The recursion δ_l = (W_{l+1}ᵀ
δ_{l+1}) * σ'(s_l) multiplies by σ' once a layer. A sigmoid's slope is at most 1/4
(Hochreiter 1991; Glorot & Bengio, AISTATS 2010), so that little is left at layer 1 of
what leaves layer 10, and layer 1 hardly learns. ReLU's slope is 1 where a unit is
active; with the initial variance that makes up for the others (2/n, He et al., ICCV
2015) the gradient keeps its size. So it does with sigmoids where each layer adds to the
one below, h_l = h_{l-1} + σ(s_l) (He et al., CVPR 2016): σ' is no factor of everything
then. Over four seeds sigmoids stay at 9 % of the digits, ReLU gets 92 to 97 %, residual
sigmoids 93 to 95 %. Look at the picture: the norm of ∂loss/∂W_l by layer, and the loss
while training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

DEPTH, WIDTH = 10, 64
EPOCHS = 20
STEPS = 43 * EPOCHS  # the learning rate is 0 at the last

N = sd.dim("N")
x = sd.input("x", (N, 64))
y = sd.input("y", (N,), dtype="int64", high=10)

# each with the initial values that were made for it
NETS = {
    "sigmoid": ("sigmoid", "glorot_uniform"),
    "tanh": ("tanh", "glorot_uniform"),
    "relu": ("relu", "he_normal"),
}


def net(name: str, residual: bool = False) -> sd.Model:
    """Return ten layers with an activation; `residual` ones add to their input."""
    activation, init = NETS[name]
    h = x
    for layer in range(1, DEPTH):
        new = sd.nn.dense(h, WIDTH, activation, name=f"layer{layer}", init=init)
        h = h + new if residual else new
    z = sd.nn.dense(h, 10, name=f"layer{DEPTH}", init="glorot_uniform")
    return sd.Model(
        name,
        inputs=[x],
        targets=[y],
        outputs=z,
        loss=sd.nn.softmax_cross_entropy(z, y),
        metrics={"accuracy": sd.nn.accuracy(z, y)},
        optimizer=sd.optim.SGD(sd.optim.schedules.cosine(0.1, STEPS)),
    )


def norms(generated: Any, part: dict[str, np.ndarray], seed: int) -> np.ndarray:
    """Return ‖∂loss/∂W_l‖ for l = 1, ..., 10, with fresh weights."""
    params = generated.init_params(seed=seed, dtype=np.float64)
    batch = {"x": part["x"][:256].astype(float), "y": part["y"][:256]}
    _, gradients = generated.value_and_grad(params, **batch)
    return np.array(
        [np.linalg.norm(gradients[f"layer{k}.W"]) for k in range(1, DEPTH + 1)]
    )


def main() -> None:
    """Measure the gradients by layer, then train."""
    parts = digits()
    generated = {name: sd.compile(net(name)).load() for name in NETS}
    generated["residual sigmoid"] = sd.compile(net("sigmoid", residual=True)).load()

    picture = Picture("vanishing_gradients", "Ten layers: what reaches the first", 2)
    panel = picture.panel("by layer", x="layer", y="norm of ∂loss/∂W", log_y=True)
    layers, found, spread = np.arange(1, DEPTH + 1), {}, {}
    for name, package in generated.items():
        by_seed = np.array([norms(package, parts["train"], seed) for seed in range(5)])
        found[name] = np.exp(np.log(by_seed).mean(axis=0))
        spread[name] = by_seed
        panel.line(layers, found[name], name, marks=True)
    print("norm of the gradient by layer (geometric mean of five initial values)")
    print("layer" + "".join(f"{name:>18}" for name in found))
    for k in range(DEPTH):
        print(f"{k + 1:5}" + "".join(f"{norm[k]:18.1e}" for norm in found.values()))
    print()

    ratios = spread["sigmoid"][:, 0] / spread["relu"][:, 0]
    print(f"first layer, sigmoid over ReLU, five seeds: {ratios.round(9)}\n")
    at_most(
        "first layer: the largest of them", 1e-2, float(ratios.max()), when_small=1e-2
    )
    steps = found["sigmoid"][:-2] / found["sigmoid"][1:-1]
    at_most(
        "sigmoid: factor to the next layer below, about 1/4",
        0.35,
        steps.max(),
        when_small=0.35,
    )
    for name in ("relu", "residual sigmoid"):
        kept = found[name][0] / found[name][-2]
        at_least(
            f"{name}: first layer's norm over the ninth's", 0.05, kept, when_small=0.05
        )

    s = np.linspace(-8, 8, 1001)
    v = sd.input("v", (sd.dim("M"),))
    slope = sd.compile(sd.Function("slope", [v], sd.grad(sd.sum(sd.sigmoid(v)), v)))
    largest = slope.load().forward.forward(s).max()
    check("the largest slope of a sigmoid", 0.25, largest)

    epochs, accuracy = 2 if small() else EPOCHS, {}
    panel = picture.panel("while training", x="epoch", y="loss", log_y=True)
    for name, package in generated.items():
        state = package.init_state(package.init_params(seed=0))
        history = package.fit(state, parts["train"], epochs=epochs, batch_size=32)
        panel.line(np.arange(1, epochs + 1), [r["loss"] for r in history], name)
        accuracy[name] = package.evaluate(state.params, **parts["test"])["accuracy"]
        print(
            f"{name:20} after {epochs} epochs: {accuracy[name]:6.1%} of held-out digits"
        )
    print()
    picture.save()
    at_most("accuracy with sigmoid: guessing", 0.2, accuracy["sigmoid"], when_small=0.3)
    at_least("accuracy with ReLU", 0.85, accuracy["relu"])
    at_least("accuracy of the residual one", 0.85, accuracy["residual sigmoid"])


if __name__ == "__main__":
    main()
    finish()
