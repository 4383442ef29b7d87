"""Linear regression on 442 patients: `python examples/linear_regression.py`.

The loss ½ mean (x·w + b − y)² has its minimum where its gradient Xᵀ(Xw − y) vanishes:
the normal equations XᵀX w = Xᵀy (Gauss; Hastie, Tibshirani & Friedman, "The Elements of
Statistical Learning", section 3.2). Gradient descent by the generated `fit` comes to
the same weights. The ten measurements are standardised first: their columns of
cholesterol nearly repeat each other, and the Hessian XᵀX/N tells how slow that makes
the descent: the slowest direction loses a factor 1 − η λ_min a step. Look at the
picture: after a few steps the loss falls at that rate.

The data is that of Efron, Hastie, Johnstone & Tibshirani, "Least Angle Regression",
2004 (data/README.md); the coefficients are those that are printed for it everywhere.
Over 20 draws of the held-out quarter R² is 0.37 to 0.58 there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small

import symdiff as sd

RATE = 0.4  # below 2 / (the largest eigenvalue, 4.0)

N = sd.dim("N")
x = sd.input("x", (N, 10))
y = sd.input("y", N)
w = sd.param("w", (10,))
b = sd.param("b", ())
prediction = x @ w + b
loss = sd.nn.mse(prediction, y) / 2

model = sd.Model(
    "linear_regression",
    inputs=[x],
    targets=[y],
    outputs={"prediction": prediction},
    loss=loss,
    metrics={"mae": sd.nn.mae(prediction, y)},
    optimizer=sd.optim.SGD(RATE),
)
training = sd.Training(epochs=3000, batch_size=331, seed=0)


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return the measurements (442, 10) and the progression a year later."""
    path = Path(__file__).parent / "data" / "diabetes.csv.gz"
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    return rows[:, :10], rows[:, 10]


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return three quarters to learn from and one held out, columns standardised."""
    X, t = table()
    order = np.random.default_rng(0).permutation(len(X))
    held_out, known = order[:111], order[111:]
    mean, deviation = X[known].mean(axis=0), X[known].std(axis=0)
    X = (X - mean) / deviation
    return {
        "train": {"x": X[known], "y": t[known]},
        "test": {"x": X[held_out], "y": t[held_out]},
    }


def explained(residual: np.ndarray, t: np.ndarray) -> float:
    """Return R², the share of the variance that is explained."""
    return float(1 - residual @ residual / np.sum((t - t.mean()) ** 2))


def published() -> None:
    """All 442 patients, columns of length 1, as the paper scales them: the normal
    equations, from the generated gradient and Hessian.
    """
    X, t = table()
    X = X - X.mean(axis=0)
    X = X / np.sqrt(np.sum(X**2, axis=0))
    both = {"slope": sd.grad(loss, w), "curvature": sd.hessian(loss, w)}
    compiled = sd.compile(sd.Function("normal", [w, b, x, y], both))
    forward = compiled.load().forward.forward
    found = forward(np.zeros(10), np.array(t.mean()), X, t)
    error = np.abs(found.curvature - X.T @ X / 442).max()
    at_most("the Hessian is XᵀX / N, within", 1e-15, error, when_small=1e-15)
    weights = -np.linalg.solve(found.curvature, found.slope)
    known = [-10.0, -239.8, 519.8, 324.4, -792.2, 476.7, 101.0, 177.1, 751.3, 67.6]
    check("the coefficients that are published", known, np.round(weights, 1), 1e-9)
    check("the intercept, the mean of y", 152.13, round(t.mean(), 2))
    check(
        "R² on all patients", 0.518, round(explained(X @ weights + t.mean() - t, t), 3)
    )


def learn() -> None:
    """Gradient descent against the closed form, on three quarters of the patients."""
    parts = data()
    X, t = parts["train"]["x"], parts["train"]["y"]
    exact = np.linalg.solve(X.T @ X, X.T @ t)  # the columns have mean 0: b is apart
    least = np.mean((X @ exact + t.mean() - t) ** 2) / 2
    slow, *_, fast = np.linalg.eigvalsh(X.T @ X / len(X))
    print(f"eigenvalues of the Hessian: {slow:.4f} to {fast:.2f}")
    print(f"the slowest direction loses a factor {1 - RATE * slow:.5f} a step\n")

    generated = sd.compile(model).load()
    state = generated.init_state(generated.init_params(dtype=np.float64))
    steps = 600 if small() else training.epochs
    history = generated.fit(
        state, parts["train"], epochs=steps, batch_size=len(X), shuffle=False
    )
    gaps = np.array([record["loss"] for record in history]) - least
    check(
        "from w = 0: half the mean square of y", np.mean(t**2) / 2, history[0]["loss"]
    )
    scale = np.abs(exact).max()
    error = np.abs(state.params["w"] - exact).max() / scale
    at_most("the weights are the closed form's, within", 1e-4, error, when_small=0.2)
    check("b is the mean of y", t.mean(), state.params["b"], 1e-9)
    _, slope = generated.value_and_grad(state.params, X, t)
    at_most("the gradient vanishes", 1e-3, np.abs(slope["w"]).max(), when_small=0.5)
    ratio = (gaps[steps // 2 + 100] / gaps[steps // 2]) ** (1 / 100)
    expected = (1 - RATE * slow) ** 2
    check("the loss falls by (1 − η λ_min)² a step", expected, ratio, 1e-4)

    guess = generated.predict(state.params, parts["test"]["x"])
    share = explained(guess - parts["test"]["y"], parts["test"]["y"])
    at_least("R² on the patients held out", 0.35, share, when_small=0.35)

    picture = Picture(
        "linear_regression", "Progression of diabetes, by ten measurements"
    )
    panel = picture.panel(
        "distance of the loss from its minimum", x="step", y="gap", log_y=True
    )
    panel.line(np.arange(steps), gaps, "gradient descent")
    panel.line(
        [0, steps],
        gaps[-1] * expected ** np.array([1.0 - steps, 1]),
        "(1 − η λ_min)²ᵏ",
        dashed=True,
    )
    panel = picture.panel(f"held out: R² = {share:.2f}", x="predicted", y="measured")
    panel.points(guess, parts["test"]["y"])
    panel.line([50, 300], [50, 300], dashed=True, colour=7)
    picture.save()


if __name__ == "__main__":
    published()
    learn()
    finish()
