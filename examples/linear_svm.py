"""A linear classifier with the SVM loss, as CS231n teaches it: `python
examples/linear_svm.py`.

Scores are W x + b, one row of W per class; the loss is the mean over the images of
Σ_{j≠y} max(0, s_j − s_y + 1), plus λ‖W‖². Checked against the numbers of the notes
"Linear classification" (cs231n.github.io/linear-classify) and its lecture slides, and
against the numeric gradient. `symdiff train examples/linear_svm.py` trains it.
"""

import numpy as np

import symdiff as sd

LAMBDA = 1e-3

N = sd.dim("N")
x = sd.input("x", (N, 2))
y = sd.input("y", (N,), dtype="int64", high=3)
W = sd.param("W", (2, 3), init=sd.init.normal(0.01))
b = sd.param("b", (3,))
scores = x @ W + b
loss = sd.nn.hinge(scores, y) + LAMBDA * sd.nn.l2(W)

model = sd.Model(
    "linear_svm",
    inputs=[x],
    targets=[y],
    outputs={"scores": scores},
    loss=loss,
    metrics={"accuracy": sd.nn.accuracy(scores, y)},
    optimizer=sd.optim.SGD(0.1),
)
training = sd.Training(epochs=20, batch_size=32, seed=0)


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return three clouds of points around the corners of a triangle."""
    rng = np.random.default_rng(0)
    corners = 3 * np.array([[0.0, 1.0], [-0.87, -0.5], [0.87, -0.5]])
    parts = {}
    for name, count in (("train", 300), ("test", 150)):
        labels = rng.integers(0, 3, count)
        points = corners[labels] + 0.5 * rng.normal(size=(count, 2))
        parts[name] = {"x": points.astype(np.float32), "y": labels}
    return parts


def losses_of_the_lecture() -> None:
    """Three images, three classes: losses 2.9, 0 and 12.9, mean 5.27."""
    s, label = sd.input("s", (3, 3)), sd.input("label", (3,), "int64")
    at = {
        s: np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]]),
        label: np.array([0, 1, 2]),
    }
    rows = sd.interpret(sd.nn.hinge(s, label, reduction="none"), at)
    check("losses of cat, car and frog", [2.9, 0, 12.9], rows)
    mean = sd.interpret(sd.nn.hinge(s, label), at)
    check("their mean", 5.27, round(float(mean), 2))


def margin_of_the_notes() -> None:
    """Scores (13, -7, 11), the first class right, Δ = 10: the loss is 8."""
    s, label = sd.input("s", (1, 3)), sd.input("label", (1,), "int64")
    at = {s: np.array([[13.0, -7.0, 11.0]]), label: np.array([0])}
    loss_10 = sd.nn.hinge(s, label, delta=10.0)
    value, gradient = sd.interpret([loss_10, sd.grad(loss_10, s)], at)
    check("scores (13, -7, 11) with a margin of 10", 8, value)
    check("only the class inside the margin pushes", [[-1, 0, 1]], gradient)


def penalty_of_the_notes() -> None:
    """(1, 0, 0, 0) and (¼, ¼, ¼, ¼) score alike; the penalty prefers the second."""
    w = sd.input("w", (4,))
    penalty = sd.nn.l2(w)
    found = [
        sd.interpret(penalty, {w: np.array(v)}) for v in ([1.0, 0, 0, 0], [0.25] * 4)
    ]
    check("‖w‖² of (1, 0, 0, 0) and of (¼, ¼, ¼, ¼)", [1, 0.25], found)


def gradient_check() -> None:
    """The gradient equals the numeric one, and the formula that people write by
    hand.
    """
    part = data()["test"]
    rng = np.random.default_rng(1)
    at = {
        x: part["x"].astype(float),
        y: part["y"],
        W: rng.normal(size=(2, 3)),
        b: rng.normal(size=3),
    }
    d_W, d_b = sd.interpret(sd.grad(loss, [W, b]), at)

    h, numeric = 1e-5, np.zeros((2, 3))
    for i in np.ndindex(2, 3):
        for sign in (1, -1):
            moved = at[W].copy()
            moved[i] += sign * h
            numeric[i] += sign * sd.interpret(loss, {**at, W: moved}) / (2 * h)
    check("the numeric gradient in W", numeric, d_W, 1e-7)

    margins = at[x] @ at[W] + at[b]
    margins = margins - margins[np.arange(150), at[y]][:, None] + 1
    d_scores = (margins > 0).astype(float)
    d_scores[np.arange(150), at[y]] = 0
    d_scores[np.arange(150), at[y]] = -d_scores.sum(axis=1)
    d_scores /= 150
    check("the formula by hand, in W", at[x].T @ d_scores + 2 * LAMBDA * at[W], d_W)
    check("the formula by hand, in b", d_scores.sum(axis=0), d_b)


def descent() -> None:
    """Plain gradient descent, the derived gradient evaluated node by node."""
    parts = data()
    gradients = sd.grad(loss, [W, b])
    at = {x: parts["train"]["x"].astype(float), y: parts["train"]["y"]}
    weights = {W: np.zeros((2, 3)), b: np.zeros(3)}
    start = sd.interpret(loss, {**at, **weights})
    check("with W = 0 the loss is the number of wrong classes", 2, start)
    for _ in range(100):
        steps = sd.interpret(gradients, {**at, **weights})
        weights = {
            p: v - 0.1 * g for (p, v), g in zip(weights.items(), steps, strict=True)
        }
    test = {x: parts["test"]["x"].astype(float), y: parts["test"]["y"]}
    found = sd.interpret(model.metrics["accuracy"], {**test, **weights})
    check("three separated clouds are told apart", True, bool(found > 0.98))


if __name__ == "__main__":
    from _report import check, finish

    losses_of_the_lecture()
    margin_of_the_notes()
    penalty_of_the_notes()
    gradient_check()
    descent()
    finish()
