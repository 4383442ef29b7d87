"""Dropout trains an ensemble: `python examples/dropout_ensemble.py`.

Each mask of dropout leaves a smaller net, and all of them share their weights. At test
time one would average the predictions of all 2ⁿ; instead the whole net is used once,
scaled: the lectures multiply activations by the share p that was kept, inverted dropout
divides by p while training and leaves prediction alone (Srivastava, Hinton, Krizhevsky,
Sutskever & Salakhutdinov, JMLR 2014, sections 1 and 10; CS231n, lecture 7). For a
linear net that is the average exactly; for a softmax it is the geometric mean of the
members exactly (Goodfellow et al., Deep Learning, section 7.12); for deeper nets it is
an approximation. Look at the picture: averages over more and more masks approach the
scaled net.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

N = sd.dim("N")
UNITS, RATE = 10, 0.4


def members(kept: float) -> tuple[np.ndarray, np.ndarray]:
    """Return all masks of the hidden units, and how probable each is."""
    masks = np.array(list(product((0.0, 1.0), repeat=UNITS)))
    ones = masks.sum(axis=1)
    return masks, kept**ones * (1 - kept) ** (UNITS - ones)


def exact_averages() -> None:
    """All 2¹⁰ members of small nets, against the net that `forward` is."""
    x = sd.input("x", (N, 6))
    masks, weights = members(1 - RATE)
    check("the members' probabilities add up", 1, weights.sum())
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 6))
    for inverted in (False, True):
        form = "inverted" if inverted else "the lecture's"
        h = sd.nn.dropout(sd.nn.dense(x, UNITS, name="hidden"), RATE, inverted)
        z = sd.nn.dense(h, 3, name="out")
        compiled = sd.compile(sd.Model("linear", [x], outputs={"z": z}))
        steps = [t.strip() for t in compiled["forward"].splitlines() if " @ " in t]
        steps = [t for t in steps if not t.startswith("#")]
        print(f"prediction, {form} form:", *steps, sep="\n    ", end="\n\n")
        package = compiled.load()
        params = {
            "hidden.W": rng.normal(size=(6, UNITS)),
            "hidden.b": rng.normal(size=UNITS),
            "out.W": rng.normal(size=(UNITS, 3)),
            "out.b": rng.normal(size=3),
        }
        hidden = points @ params["hidden.W"] + params["hidden.b"]
        scale = 1 - RATE if inverted else 1
        nets = (hidden * masks[:, None] / scale) @ params["out.W"] + params["out.b"]
        average = np.tensordot(weights, nets, axes=1)
        scaled = package.predict(params, points)
        check(f"{form}: linear, the average of 1,024 nets", average, scaled)

        logs = nets - np.log(np.exp(nets).sum(axis=-1, keepdims=True))
        geometric = np.exp(np.tensordot(weights, logs, axes=1))
        geometric /= geometric.sum(axis=-1, keepdims=True)
        softmax = np.exp(scaled) / np.exp(scaled).sum(axis=-1, keepdims=True)
        check(f"{form}: softmax, their geometric mean", geometric, softmax)


def net(rate: float, inverted: bool) -> sd.Model:
    """Return a net for the digits with dropout on its hidden layer."""
    x, y = sd.input("x", (N, 64)), sd.input("y", (N,), dtype="int64", high=10)
    h = sd.nn.dense(x, 128, "relu", name="hidden")
    h = sd.nn.dropout(h, rate, inverted)
    z = sd.nn.dense(h, 10, name="out")
    return sd.Model(
        "dropout",
        inputs=[x],
        targets=[y],
        outputs=z,
        loss=sd.nn.softmax_cross_entropy(z, y),
        metrics={"accuracy": sd.nn.accuracy(z, y)},
        optimizer=sd.optim.SGD(0.1),
    )


def forms_agree() -> None:
    """The two forms are one net with W of the next layer scaled by p."""
    part = digits()["train"]
    x, y = part["x"][:64].astype(float), part["y"][:64]
    lecture, inverted = (sd.compile(net(0.5, form)).load() for form in (False, True))
    params = lecture.init_params(seed=0, dtype=np.float64)
    halved = {**params, "out.W": params["out.W"] * 0.5}
    check(
        "prediction: the lecture's form is inverted with W2 · p",
        lecture.predict(params, x),
        inverted.predict(halved, x),
    )
    loss, gradients = lecture.value_and_grad(params, x, y, key=7)
    loss2, gradients2 = inverted.value_and_grad(halved, x, y, key=7)
    check("training, with the same key and so the same mask: the loss", loss, loss2)
    check("and the gradient in W1", gradients["hidden.W"], gradients2["hidden.W"])
    check("and in W2, times p", gradients["out.W"], gradients2["out.W"] * 0.5)


def monte_carlo(picture: Picture) -> None:
    """A trained ReLU net: averages over masks approach the scaled prediction."""
    parts = digits()
    few = {name: values[:300] for name, values in parts["train"].items()}
    package = sd.compile(net(0.5, True)).load()
    state = package.init_state(package.init_params(seed=0), seed=0)
    package.fit(state, few, epochs=5 if small() else 100)
    params = {name: value.astype(float) for name, value in state.params.items()}
    x, y = parts["test"]["x"].astype(float), parts["test"]["y"]
    scaled = package.predict(params, x)

    rng = np.random.default_rng(0)
    hidden = np.maximum(x @ params["hidden.W"] + params["hidden.b"], 0)
    count = 50 if small() else 400
    total, gaps, single, together = np.zeros_like(scaled), [], [], []
    probabilities = np.zeros_like(scaled)
    for k in range(1, count + 1):
        mask = (rng.random(hidden.shape) >= 0.5) / 0.5
        z = hidden * mask @ params["out.W"] + params["out.b"]
        total += z
        gaps.append(np.sqrt(np.mean((total / k - scaled) ** 2)))
        e = np.exp(z - z.max(axis=1, keepdims=True))
        probabilities += e / e.sum(axis=1, keepdims=True)
        single.append(float((z.argmax(axis=1) == y).mean()))
        together.append(float((probabilities.argmax(axis=1) == y).mean()))

    panel = picture.panel(
        "distance of the members' average from the scaled net",
        x="masks averaged", y="rms of the difference of scores", log_x=True, log_y=True,
    )  # fmt: skip
    counts = np.arange(1, count + 1)
    panel.line(counts, gaps, "averages of the trained ReLU net")
    panel.line(counts, gaps[0] / np.sqrt(counts), "∝ 1/√masks", dashed=True)
    panel = picture.panel(
        "accuracy on held-out digits", x="masks averaged", y="accuracy", log_x=True
    )
    accuracy = float((scaled.argmax(axis=1) == y).mean())
    panel.points(counts, single, "one member", size=1.5)
    panel.line(counts, together, "their average")
    panel.level(accuracy, "the scaled net")
    print(f"one member gets {np.mean(single):.1%}, their average {together[-1]:.1%}, "
          f"the scaled net {accuracy:.1%}\n")  # fmt: skip

    # scores are linear in the mask, so that one layer of dropout averages exactly;
    # what is left after k masks is the noise of k draws, 1/√k of that of one
    at_most("the difference after all masks, times √masks, over that of one", 1.5,
            gaps[-1] * np.sqrt(count) / gaps[0], when_small=1.5)  # fmt: skip
    at_most("accuracy: the scaled net and the average differ by", 0.02,
            abs(accuracy - together[-1]), when_small=0.05)  # fmt: skip
    at_least("the scaled net beats the members' mean accuracy by", 0.002,
             accuracy - float(np.mean(single)))  # fmt: skip


def masks() -> None:
    """What training draws: zeros as often as asked, the rest 1 or 1/p."""
    v = sd.input("v", (N,))
    for inverted, value in ((False, 1), (True, 2)):
        dropped = sd.nn.dropout(v, 0.5, inverted)
        loss = sd.sum(sd.param("w", ()) * dropped)
        package = sd.compile(sd.Model("mask", [v], outputs=v, loss=loss)).load()
        ones = np.ones(10_000)
        kept, _ = package.loss_and_residuals({"w": np.ones(())}, ones, key=1)
        again, _ = package.loss_and_residuals({"w": np.ones(())}, ones, key=1)
        told = "inverted" if inverted else "the lecture's"
        at_most(
            f"{told}: |mean of the mask − {value * 0.5:g}|", 0.03,
            abs(kept / 10_000 - 0.5 * value), when_small=0.03,
        )  # fmt: skip
        check("the same key draws the same mask", kept, again, 0)


def main() -> None:
    """Run the parts in turn."""
    masks()
    exact_averages()
    forms_agree()
    picture: Any = Picture("dropout_ensemble", "Dropout averages an ensemble", 2)
    monte_carlo(picture)
    picture.save()


if __name__ == "__main__":
    main()
    finish()
