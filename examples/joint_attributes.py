"""Two attributes, one combination rare: two classifiers, or a joint one: `python
examples/joint_attributes.py`.

The lecture's case (Hung-yi Lee, "Deep Learning Tutorial", 2016, "Why deep?
Modularization"): people are boys or girls, with long or short hair, and boys with long
hair are rare. One classifier of four classes has few examples of the rare one; two
classifiers, of boy or girl and of long or short hair, have examples enough, as every
picture is one of each attribute.

Here a picture shows two digits, a 4 or 9 on the left and a 3 or 8 on the right, with
noise. Of (4,3), (4,8) and (9,3) there are 200 to learn from, of (9,8) only a few. The
attributes are the digits: the 9s of (9,3) and the 8s of (4,8) teach their classifiers
what (9,8) is made of. Both sides see the same pictures and have as many hidden units.
Look at the picture: with the number of rare examples the advantage goes, and with 200
of them it is gone. (It is no magic: where the attributes come together in the examples,
the classifiers learn that too, and the rare pair is told worse than the others.)

Over ten seeds, with three rare examples, two classifiers tell 58 to 80 % of the
held-out rare pairs, the joint one 0 to 16 %.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small
from digits_mlp import data as digits

import symdiff as sd

COMMON = 200
RARE = [1, 3, 10, 30, 200]
LEFT, RIGHT = (4, 9), (3, 8)
UNITS = 32

N = sd.dim("N")
x = sd.input("x", (N, 128))
left = sd.input("left", N, "int64", high=2)
right = sd.input("right", N, "int64", high=2)
both = sd.input("both", N, "int64", high=4)


def scores(name: str, units: int, classes: int) -> sd.Tensor:
    """Return the scores of a net with one hidden layer."""
    h = sd.nn.dense(x, units, "relu", name=f"{name}.hidden")
    return sd.nn.dense(h, classes, name=f"{name}.out")


z_left, z_right = scores("left", UNITS // 2, 2), scores("right", UNITS // 2, 2)
z_both = scores("joint", UNITS, 4)

separate = sd.Model(
    "separate",
    inputs=[x],
    targets=[left, right],
    outputs={"left": z_left, "right": z_right},
    loss=sd.nn.softmax_cross_entropy(z_left, left)
    + sd.nn.softmax_cross_entropy(z_right, right)
    + 1e-3 * sd.nn.l2(sd.params([z_left, z_right], "*.W")),
    optimizer=sd.optim.Adam(0.01),
)
joint = sd.Model(
    "joint",
    inputs=[x],
    targets=[both],
    outputs={"both": z_both},
    loss=sd.nn.softmax_cross_entropy(z_both, both)
    + 1e-3 * sd.nn.l2(sd.params(z_both, "*.W")),
    optimizer=sd.optim.Adam(0.01),
)


def pairs(part: dict[str, np.ndarray], counts: list[int], seed: int) -> dict:
    """Return pictures of two digits: so many of (4,3), (4,8), (9,3) and (9,8)."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(4), counts)
    halves = []
    for kinds, of in ((LEFT, classes // 2), (RIGHT, classes % 2)):
        places = [np.flatnonzero(part["y"] == digit) for digit in kinds]
        halves.append(part["x"][[rng.choice(places[kind]) for kind in of]])
    pictures = np.concatenate(halves, axis=1)
    noise = 0.25 * rng.normal(size=pictures.shape)
    found = {"x": (pictures + noise).astype(np.float32), "both": classes}
    return {**found, "left": classes // 2, "right": classes % 2}


def told(
    generated: ModuleType,
    model: sd.Model,
    part: dict,
    unseen: dict,
    seed: int,
    epochs: int,
) -> np.ndarray:
    """Train a model; return the share of held-out pictures it tells, by class."""
    state = generated.init_state(generated.init_params(seed=seed))
    names = [t.name for t in (*model.inputs, *model.targets)]
    generated.fit(
        state, {n: part[n] for n in names}, epochs=epochs, batch_size=64, seed=seed
    )
    found = generated.predict(state.params, unseen["x"])
    if model is separate:
        guess = 2 * found.left.argmax(axis=1) + found.right.argmax(axis=1)
    else:
        guess = found.argmax(axis=1)
    return np.array([np.mean(guess[unseen["both"] == k] == k) for k in range(4)])


def compare(numbers: list[int], seeds: range, epochs: int) -> dict[str, np.ndarray]:
    """Return the shares, [rare examples, seed, class], of both sides."""
    parts = digits()
    found = {}
    for name, model in (("separate", separate), ("joint", joint)):
        generated = sd.compile(model).load()
        rows = []
        for rare in numbers:
            counts = [COMMON, COMMON, COMMON, rare]
            known = [pairs(parts["train"], counts, seed) for seed in seeds]
            unseen = [pairs(parts["test"], [COMMON] * 4, 1000 + seed) for seed in seeds]
            rows.append(
                [
                    told(generated, model, k, u, s, epochs)
                    for k, u, s in zip(known, unseen, seeds, strict=True)
                ]
            )
        found[name] = np.array(rows)
    return found


def judge() -> None:
    """Compare both sides, with few examples of the rare pair and with many."""
    numbers = [3, 200] if small() else RARE
    found = compare(numbers, range(1 if small() else 3), 4 if small() else 25)
    mean = {name: shares.mean(axis=1) for name, shares in found.items()}
    print("examples of (9,8)    told (9,8): two, joint    told the others: two, joint")
    for i, rare in enumerate(numbers):
        two, one = (mean[name][i] for name in ("separate", "joint"))
        print(
            f"{rare:17}{two[3]:19.0%}{one[3]:7.0%}{two[:3].mean():24.0%}"
            f"{one[:3].mean():7.0%}"
        )
    print()
    check("classes of the joint classifier", 4, len(mean["joint"][0]))
    at = numbers.index(3)
    two, one = mean["separate"][at], mean["joint"][at]
    at_least("3 examples: two classifiers tell the rare pair", 0.4, two[3])
    at_most("the joint one hardly does", 0.2, one[3])
    at_least("two classifiers are better at it, by", 0.25, two[3] - one[3])
    at_most(
        "at the common pairs both do as well: difference",
        0.06,
        abs(two[:3].mean() - one[:3].mean()),
    )
    two, one = mean["separate"][-1], mean["joint"][-1]
    at_most(
        "with 200 of each pair both do as well: difference",
        0.06,
        abs(two.mean() - one.mean()),
    )
    at_least("and tell them, in", 0.85, one.mean(), when_small=0.5)
    draw(numbers, mean)


def draw(numbers: list[int], mean: dict[str, np.ndarray]) -> None:
    """Draw the shares over the number of rare examples, and some pictures."""
    picture = Picture(
        "joint_attributes", "Two classifiers of attributes, or a joint one"
    )
    panel = picture.panel(
        "the rare pair (9,8), held out",
        x="examples of it to learn from",
        y="told right",
        log_x=True,
        ylim=(0, 1.02),
    )
    for name, label in (
        ("separate", "two classifiers"),
        ("joint", "one joint classifier"),
    ):
        panel.line(numbers, mean[name][:, 3], label, marks=True)
    shown = pairs(digits()["test"], [2] * 4, seed=0)["x"].reshape(8, 2, 8, 8)
    captions = [f"({a},{b})" for a in LEFT for b in RIGHT for _ in range(2)]
    captions[6:] = ["rare", "rare"]
    picture.gallery(
        "what they see",
        [np.hstack(list(pair)) for pair in shown],
        captions=captions,
        columns=4,
        side=96,
        low=0,
        high=1,
    )
    picture.save()


if __name__ == "__main__":
    judge()
    finish()
