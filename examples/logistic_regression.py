"""Logistic regression on 569 breast masses: `python examples/logistic_regression.py`.

The model is p = σ(x·w + b); the loss is the mean cross-entropy plus λ‖w‖² (without it
the weights would grow for ever where a plane parts the classes). The gradient is Xᵀ(p −
y)/N + 2λw and the Hessian Xᵀ diag(p(1−p)) X/N + 2λI: positive definite, so there is one
minimum, and Newton's method, here iteratively reweighted least squares (Hastie,
Tibshirani & Friedman, "The Elements of Statistical Learning", section 4.4.1), doubles
the right digits with each step. Gradient descent by the generated `fit` comes to the
same weights in a few hundred steps. Look at the picture: how the two approach the
minimum, and how the held-out masses are told apart.

Source of the data: Wolberg, Mangasarian, Street & Street, UCI, 1993 (data/README.md).
Over 20 draws of the held-out quarter, 95.8 to 100 % of it is told right.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small

import symdiff as sd

LAMBDA = 5e-3
FEATURES = 30

N = sd.dim("N")
x = sd.input("x", (N, FEATURES))
y = sd.input("y", N)  # 1 benign, 0 malignant
w = sd.param("w", (FEATURES,))
b = sd.param("b", ())
z = x @ w + b


def objective(z: sd.Tensor, w: sd.Tensor) -> sd.Tensor:
    """Return the mean cross-entropy plus λ‖w‖²."""
    return sd.nn.sigmoid_cross_entropy(z, y) + LAMBDA * sd.nn.l2(w)


model = sd.Model(
    "logistic_regression",
    inputs=[x],
    targets=[y],
    outputs={"benign": sd.sigmoid(z)},
    loss=objective(z, w),
    metrics={"accuracy": sd.nn.binary_accuracy(z, y)},
    optimizer=sd.optim.Momentum(0.3, 0.9, nesterov=True),
)
training = sd.Training(epochs=400, batch_size=427, seed=0)


def data(seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """Return three quarters to learn from and one held out, columns standardised."""
    path = Path(__file__).parent / "data" / "breast_cancer.csv.gz"
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    rows = rows[np.random.default_rng(seed).permutation(len(rows))]
    X, benign = rows[:, :FEATURES], rows[:, FEATURES]
    known, held_out = slice(142, None), slice(142)
    X = (X - X[known].mean(axis=0)) / X[known].std(axis=0)
    return {
        "train": {"x": X[known], "y": benign[known]},
        "test": {"x": X[held_out], "y": benign[held_out]},
    }


def newton(part: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Newton's method with the generated gradient and Hessian; return its path.

    Both are compared, on the way, with the formulas above.
    """
    v = sd.input("v", (FEATURES + 1,))  # w and b as one vector
    loss = objective(x @ v[:FEATURES] + v[FEATURES], v[:FEATURES])
    both = {"slope": sd.grad(loss, v), "curvature": sd.hessian(loss, v)}
    forward = sd.compile(sd.Function("newton", [v, x, y], both)).load().forward.forward

    X = np.column_stack([part["x"], np.ones(len(part["x"]))])
    penalty = 2 * LAMBDA * np.append(np.ones(FEATURES), 0)  # b is not penalised
    path, errors = [np.zeros(FEATURES + 1)], []
    for _ in range(9):
        found = forward(path[-1], **part)
        p = 1 / (1 + np.exp(-X @ path[-1]))
        slope = X.T @ (p - part["y"]) / len(X) + penalty * path[-1]
        curvature = (X.T * (p * (1 - p))) @ X / len(X) + np.diag(penalty)
        errors.append(np.abs(found.slope - slope).max())
        errors.append(np.abs(found.curvature - curvature).max())
        path.append(path[-1] - np.linalg.solve(found.curvature, found.slope))
    at_most(
        "gradient and Hessian are the formulas', within",
        1e-12,
        max(errors),
        when_small=1e-12,
    )
    at_most(
        "after 9 Newton steps the gradient vanishes",
        1e-12,
        np.abs(forward(path[-1], **part).slope).max(),
        when_small=1e-12,
    )
    return path


def learn() -> None:
    """Newton and gradient descent, and what the weights are worth."""
    parts = data()
    generated = sd.compile(model).load()
    path = newton(parts["train"])

    def value(weights: np.ndarray) -> float:
        params = {"w": weights[:FEATURES], "b": np.array(weights[FEATURES])}
        return generated.evaluate(params, **parts["train"])["loss"]

    least = value(path[-1])
    gap = np.array([value(point) for point in path]) - least
    check("with w = 0 the loss is log 2", np.log(2), gap[0] + least)
    state = generated.init_state(generated.init_params(dtype=np.float64))
    steps = 150 if small() else training.epochs
    history = generated.fit(state, parts["train"], epochs=steps, batch_size=427)
    gaps = np.array([record["loss"] for record in history]) - least
    error = np.abs(state.params["w"] - path[-1][:FEATURES]).max()
    at_most(
        "gradient descent ends at Newton's weights, within", 1e-4, error, when_small=0.2
    )

    told = generated.predict(state.params, parts["test"]["x"])
    truth = parts["test"]["y"]
    accuracy = generated.evaluate(state.params, **parts["test"])["accuracy"]
    at_least("held-out accuracy", 0.94, accuracy, when_small=0.94)
    benign, malignant = told[truth == 1], told[truth == 0]
    ranked = np.mean(benign[:, None] > malignant)
    at_least(
        "a benign mass is ranked above a malignant one, in",
        0.97,
        ranked,
        when_small=0.97,
    )

    picture = Picture("logistic_regression", "Benign or malignant, by thirty features")
    panel = picture.panel(
        "distance of the loss from its minimum",
        x="step",
        y="gap",
        log_y=True,
        log_x=True,
        ylim=(1e-14, 1),
    )
    panel.line(np.arange(1, steps + 1), gaps, "gradient descent")
    panel.line(np.arange(1, len(gap) + 1), gap, "Newton", marks=True)
    panel = picture.panel(
        f"held out: {accuracy:.1%} right", x="told: benign", y="masses", log_y=False
    )
    edges = np.linspace(0, 1, 21)
    panel.histogram(benign, edges, "benign")
    panel.histogram(malignant, edges, "malignant")
    picture.save()


if __name__ == "__main__":
    learn()
    finish()
