"""Early stopping on a small noisy set: `python examples/early_stopping.py`.

200 digits, a fifth of them with a wrong label, and a net that can learn them by heart.
Its training loss falls to the end, and its loss on held-out images falls, then rises:
from there on it learns the noise. `fit(..., validation=..., patience=15)` watches the
latter, ends when it has not improved for 15 epochs, and brings the best weights back
(Prechelt, "Early Stopping, but when?", 1998; Goodfellow et al., Deep Learning,
algorithm 7.1). Over six draws of the noise the held-out loss ends 1.5 to 2 times as
high as it was. Look at the picture: where it stopped, and what going on would have
bought.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

EPOCHS = 60 if small() else 300
PATIENCE = 15

N = sd.dim("N")
x = sd.input("x", (N, 64))
y = sd.input("y", (N,), dtype="int64", high=10)
h = sd.nn.dense(x, 100, "relu", name="hidden")
z = sd.nn.dense(h, 10, name="out")

model = sd.Model(
    "early_stopping",
    inputs=[x],
    targets=[y],
    outputs=z,
    loss=sd.nn.softmax_cross_entropy(z, y),
    metrics={"accuracy": sd.nn.accuracy(z, y)},
    optimizer=sd.optim.Adam(2e-3),
)
Part = dict[str, np.ndarray]


def parts(seed: int = 0) -> tuple[Part, Part, Part]:
    """Return 200 noisy images to learn from, 300 to watch and 449 to judge by."""
    found = digits(seed)
    images, labels = found["train"]["x"], found["train"]["y"].copy()
    rng = np.random.default_rng(seed)
    wrong = rng.random(200) < 0.2
    labels[:200][wrong] = (labels[:200][wrong] + rng.integers(1, 10, wrong.sum())) % 10
    train = {"x": images[:200], "y": labels[:200]}
    return train, {"x": images[200:500], "y": labels[200:500]}, found["test"]


def train(package: Any, part: Part, watched: Part, patience: int | None) -> Any:
    """Return the weights, and the history of losses."""
    state = package.init_state(package.init_params(seed=0))
    history = package.fit(
        state,
        part,
        epochs=EPOCHS,
        batch_size=20,
        validation=watched,
        patience=patience,
    )
    return state.params, history


def main() -> None:
    """Train to the end and with patience; compare on images that neither saw."""
    package = sd.compile(model).load()
    part, watched, test = parts()
    long, history = train(package, part, watched, None)
    best, stopped = train(package, part, watched, PATIENCE)

    held_out = np.array([record["val_loss"] for record in history])
    falling = np.array([record["loss"] for record in history])
    turn = int(np.argmin(held_out[: len(stopped)]))
    print(
        f"the best epoch is number {turn + 1}; training stopped after {len(stopped)}\n"
    )

    at_most("epochs that patience needed", EPOCHS // 2, len(stopped), when_small=EPOCHS)
    check("it stopped as many epochs after the best as told", PATIENCE,
          len(stopped) - 1 - turn)  # fmt: skip
    same = [record["val_loss"] for record in stopped]
    check("until then both runs are the same", held_out[: len(stopped)], same, 0)
    found = package.evaluate(best, **watched)["loss"]
    check("the weights are those of the best epoch", held_out[turn], found, 0)

    at_most("training loss: the last over that of the best epoch", 0.2,
            falling[-1] / falling[turn], when_small=0.8)  # fmt: skip
    at_least("held-out loss: the last over the best", 1.3,
             held_out[-1] / held_out[turn])  # fmt: skip
    scores = {
        name: package.evaluate(params, **test)
        for name, params in (("to the end", long), ("stopped early", best))
    }
    for name, score in scores.items():
        print(
            f"{name:14} test loss {score['loss']:.3f}, accuracy {score['accuracy']:.1%}"
        )
    print()
    ratio = scores["to the end"]["loss"] / scores["stopped early"]["loss"]
    at_least("test loss: to the end over stopped early", 1.2, ratio)

    picture = Picture("early_stopping", "Early stopping on a small noisy set", 2)
    epochs = np.arange(1, EPOCHS + 1)
    panel = picture.panel("loss", x="epoch", y="cross-entropy", log_y=True)
    panel.line(epochs, falling, "training")
    panel.line(epochs, held_out, "held out")
    panel.points([turn + 1], [held_out[turn]], "best", colour=2, size=5)
    panel.points(
        [len(stopped)], [held_out[len(stopped) - 1]], "stopped", colour=3, size=5
    )
    panel = picture.panel("accuracy", x="epoch", y="accuracy")
    panel.line(epochs, [record["accuracy"] for record in history], "training")
    panel.line(epochs, [record["val_accuracy"] for record in history], "held out")
    panel.level(0.8, "right labels in the training set", colour=7)
    picture.save()


if __name__ == "__main__":
    main()
    finish()
