"""Full batch against mini-batches: `python examples/batch_noise.py`.

A mini-batch's gradient is an estimate of the full one: right on average, with a
variance of 1/B of that of a single example for B examples drawn with replacement, and
of (1/B)·(n − B)/(n − 1) of it without, as an epoch draws them (any book on sampling;
Goodfellow et al., Deep Learning, section 8.1.3, for what it means here). So four times
the work halves the noise, and that is a bad bargain: in the same number of examples
seen, small batches get much further. Look at the picture: the variance by batch size,
and the loss by examples seen and by steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 64))
y = sd.input("y", (N,), dtype="int64", high=10)
h = sd.nn.dense(x, 32, "relu", name="hidden")
z = sd.nn.dense(h, 10, name="out")

model = sd.Model(
    "batch_noise",
    inputs=[x],
    targets=[y],
    outputs=z,
    loss=sd.nn.softmax_cross_entropy(z, y),
    metrics={"accuracy": sd.nn.accuracy(z, y)},
    optimizer=sd.optim.SGD(0.2),
)
Part = dict[str, np.ndarray]


def gradient(package: Any, params: Part, part: Part, rows: Any) -> np.ndarray:
    """Return the gradient of a batch, as one vector."""
    batch = {name: values[rows] for name, values in part.items()}
    _, found = package.value_and_grad(params, **batch)
    return np.concatenate([g.ravel() for g in found.values()])


def noise(package: Any, params: Part, part: Part, picture: Picture) -> None:
    """The variance of a batch's gradient, summed over parameters, by batch size."""
    count = len(part["y"])
    rng = np.random.default_rng(0)
    singles = np.array([gradient(package, params, part, [i]) for i in range(count)])
    full = gradient(package, params, part, slice(None))
    check(
        "the mean of all examples' gradients is the full one",
        full,
        singles.mean(axis=0),
    )
    variance = float(singles.var(axis=0).sum())

    sizes = [1, 4, 16, 64, 256]
    draws = 100 if small() else 400
    measured: dict[bool, list[float]] = {True: [], False: []}
    for replace in (True, False):
        for size in sizes:
            estimates = np.array([
                gradient(package, params, part, rng.choice(count, size, replace))
                for _ in range(draws)
            ])  # fmt: skip
            measured[replace].append(
                float(((estimates - full) ** 2).sum(axis=1).mean())
            )
            if size == 16 and replace:
                bias = np.linalg.norm(estimates.mean(axis=0) - full)
                bias /= np.sqrt(variance / size / draws)
                at_most(
                    "batches of 16: bias, in standard errors", 2, bias, when_small=2
                )
    print(
        "variance of the gradient, in parts of a single example's: measured, expected"
    )
    sizes_, ratios = np.array(sizes), {}
    for replace, words in ((True, "with"), (False, "without")):
        expected = 1 / sizes_ if replace else (count - sizes_) / (count - 1) / sizes_
        found = np.array(measured[replace]) / variance
        ratios[words] = found / expected
        for size, a, b in zip(sizes, found, expected, strict=True):
            print(f"    B = {size:3}, {words:7} replacement {a:9.5f} {b:9.5f}")
    print()
    for words, ratio in ratios.items():
        for name, value in (("smallest", ratio.min()), ("largest", 1 / ratio.max())):
            told = f"{words} replacement, measured against expected, the {name}"
            at_least(told, 0.75, value, when_small=0.6)
    slope = np.polyfit(np.log(sizes), np.log(measured[True]), 1)[0]
    at_most("slope in the logarithms: its distance from −1", 0.1, abs(slope + 1),
            when_small=0.15)  # fmt: skip

    panel = picture.panel(
        "noise of a batch's gradient", x="batch size B", y="variance", log_x=True,
        log_y=True,
    )  # fmt: skip
    more = np.geomspace(1, count, 200)
    panel.line(more, variance / more, "σ²/B", dashed=True, colour=0)
    panel.points(sizes, measured[True], "drawn with replacement", colour=0)
    panel.line(more, variance * (count - more) / (count - 1) / more,
               "σ²/B · (n−B)/(n−1)", dashed=True, colour=1)  # fmt: skip
    panel.points(sizes, measured[False], "without", colour=1)


def training(package: Any, part: Part, test: Part, picture: Picture) -> None:
    """The same examples seen, in batches of many sizes and all at once."""
    count = len(part["y"])
    epochs = 3 if small() else 20
    panels = [
        picture.panel("loss on all data", x="epochs", y="cross-entropy", log_y=True),
        picture.panel("the same, by steps", x="steps", y="cross-entropy", log_x=True,
                      log_y=True),
    ]  # fmt: skip
    last, roughness = {}, {}
    for size in (4, 32, 256, count):
        state = package.init_state(package.init_params(seed=0))
        losses, seen = [package.evaluate(state.params, **part)["loss"]], [0.0]
        batches = -(-count // size)
        every = max(1, batches // 20)

        def watch(
            epoch: int, step: int, steps: int, found: dict,
            state: Any = state, losses: list = losses, seen: list = seen,
            every: int = every,
        ) -> None:  # fmt: skip
            if (step + 1) % every == 0:
                losses.append(package.evaluate(state.params, **part)["loss"])
                seen.append(epoch + (step + 1) / steps)

        package.fit(state, part, epochs=epochs, batch_size=size, callback=watch)
        name = "full batch" if size == count else f"B = {size}"
        panels[0].line(seen, losses, name)
        panels[1].line(np.array(seen[1:]) * batches, losses[1:], name)
        last[name] = losses[-1]
        changes = np.diff(losses)
        roughness[name] = float(changes[changes > 0].sum())
        accuracy = package.evaluate(state.params, **test)["accuracy"]
        told = f"loss {losses[-1]:.3f}, {accuracy:.1%} of held-out digits"
        print(
            f"{name:11}{batches * epochs:7} steps: {told}, rises {roughness[name]:.3f}"
        )
    print()
    at_least("loss of full batch over that of B = 32, after as many examples", 3,
             last["full batch"] / last["B = 32"])  # fmt: skip
    at_most("full batch never rises: sum of its rises", 1e-6, roughness["full batch"],
            when_small=1e-6)  # fmt: skip
    at_least("B = 4 does: sum of its rises", 0.05, roughness["B = 4"], when_small=0.01)


def main() -> None:
    """Measure the noise, then train."""
    parts = digits()
    package = sd.compile(model).load()
    picture = Picture("batch_noise", "Full batch against mini-batches", 3)
    exact = {name: v.astype(np.float64) if v.ndim > 1 else v
             for name, v in parts["train"].items()}  # fmt: skip
    params = package.init_params(seed=0, dtype=np.float64)
    noise(package, params, exact, picture)
    training(package, parts["train"], parts["test"], picture)
    picture.save()


if __name__ == "__main__":
    main()
    finish()
