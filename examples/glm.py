"""A generalised linear model: visits to a doctor, by Poisson regression: `python
examples/glm.py`.

A count y has mean μ = exp(x·β): a Poisson distribution with the logarithm as link
(McCullagh & Nelder, "Generalized Linear Models", 1989, chapter 6). The negative
log-likelihood Σ (μ − y x·β) is convex, its Hessian Xᵀ diag(μ) X; Newton's method on it
is the iteratively reweighted least squares of the book, and the inverse of the Hessian
at the end is the covariance of the estimates, so standard errors come with the
derivative.

Look at the second picture: counts of 0 and above 15 are far more frequent than the
model says. The variance is not the mean, as it is for Poisson; the standard errors are
too small by the square root of the dispersion, Pearson's χ² by its degrees of freedom,
and the first picture shows both kinds.

The data is that of the RAND Health Insurance Experiment (data/README.md); coefficients
and standard errors are compared with those in the documentation of statsmodels
("Discrete choice models"), which shares no code with this.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from _drawing import Picture
from _report import at_least, at_most, check, finish, small

import symdiff as sd

NAMES = ["const", "lncoins", "idp", "lpi", "fmde"]
NAMES += ["physlm", "disea", "hlthg", "hlthf", "hlthp"]
PUBLISHED = [0.7004, -0.0525, -0.2471, 0.0353, -0.0346, 0.2717, 0.0339, -0.0126]
PUBLISHED += [0.0541, 0.2061]
ERRORS = [0.011, 0.003, 0.011, 0.002, 0.002, 0.012, 0.001, 0.009, 0.015, 0.026]

N = sd.dim("N")
X = sd.input("X", (N, 10))
y = sd.input("y", N)
beta = sd.param("beta", (10,))
eta = X @ beta
loss = sd.nn.poisson(eta, y)  # the mean of exp η − y η

model = sd.Model(
    "glm",
    inputs=[X],
    targets=[y],
    outputs={"mean": sd.exp(eta)},
    loss=loss,
    optimizer=sd.optim.Momentum(0.05, 0.9, nesterov=True),
)


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return all person-years: a column of ones and nine variables, and the visits."""
    path = Path(__file__).parent / "data" / "doctor_visits.csv.gz"
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    ones = np.ones((len(rows), 1))
    return {"train": {"X": np.hstack([ones, rows[:, 1:]]), "y": rows[:, 0]}}


def newton(part: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimates and their covariance, by Newton's method on the generated
    derivatives; every step is compared with reweighted least squares.
    """
    total = sd.nn.poisson(eta, y, full=True, reduction="sum")  # −log likelihood
    v = sd.input("v", 10)
    wanted = {
        "value": total,
        "slope": sd.grad(total, beta),
        "curvature": sd.hessian(total, beta),
        "product": sd.hvp(total, beta, v),  # without the matrix
    }
    function = sd.Function("poisson", [beta, X, y, v], wanted)
    forward = sd.compile(function, only=("forward",)).load().forward.forward

    A, t = part["X"], part["y"]
    point = np.append(math.log(t.mean()), np.zeros(9))
    direction = np.random.default_rng(0).normal(size=10)
    null = forward(point, A, t, direction).value
    worst = products = 0.0
    for _ in range(7):
        found = forward(point, A, t, direction)
        mu = np.exp(A @ point)
        working = A @ point + (t - mu) / mu  # the book's adjusted variable
        reweighted = np.linalg.solve((A.T * mu) @ A, A.T @ (mu * working))
        point = point - np.linalg.solve(found.curvature, found.slope)
        worst = max(worst, np.abs(point - reweighted).max())
        product = found.curvature @ direction
        error = np.abs(found.product - product).max() / np.abs(product).max()
        products = max(products, error)
    end = forward(point, A, t, direction)
    at_most(
        "each Newton step is one of reweighted least squares, within",
        1e-9,
        worst,
        when_small=1e-9,
    )
    at_most(
        "hvp is the Hessian times the vector, relatively",
        1e-12,
        products,
        when_small=1e-12,
    )
    check("the log-likelihood with the constant alone", -66647, round(-null))
    check("and with the nine variables", -62420, round(-end.value))
    return point, np.linalg.inv(end.curvature)


def estimates(part: dict[str, np.ndarray]) -> np.ndarray:
    """Compare with the published table, then look at what the model assumes; return the
    estimates.
    """
    A, t = part["X"], part["y"]
    found, covariance = newton(part)
    errors = np.sqrt(np.diag(covariance))
    mu = np.exp(A @ found)
    dispersion = np.sum((t - mu) ** 2 / mu) / (len(t) - 10)
    print("variable     estimate   error   with dispersion")
    for name, b, e in zip(NAMES, found, errors, strict=True):
        print(f"{name:10}{b:11.4f}{e:8.4f}{e * math.sqrt(dispersion):13.4f}")
    print()
    check("the estimates that are published", PUBLISHED, np.round(found, 4), 1e-9)
    check("and their standard errors", ERRORS, np.round(errors, 3), 1e-9)
    check(
        "with the log link, the fitted means add up to the counts",
        t.sum(),
        mu.sum(),
        1e-9,
    )
    at_least("dispersion (1 if it were Poisson)", 5, dispersion, when_small=5)
    draw(found, errors, math.sqrt(dispersion), t, mu)
    return found


def draw(
    found: np.ndarray, errors: np.ndarray, wider: float, t: np.ndarray, mu: np.ndarray
) -> None:
    """Draw the estimates with their intervals, and the counts beside the model's."""
    picture = Picture("glm", "Visits to a doctor: a Poisson regression")
    panel = picture.panel(
        "estimates ± 2 standard errors, by variable",
        x="1 lncoins, 2 idp, 3 lpi, 4 fmde, 5 physlm, 6 disea, 7–9 health",
    )
    for i in range(1, 10):
        for c, e in ((0, 2 * errors[i]), (1, 2 * wider * errors[i])):
            shift = i + 0.12 * (2 * c - 1)
            label = ("Poisson", "with dispersion")[c] if i == 1 else ""
            panel.line([shift, shift], [found[i] - e, found[i] + e], label, colour=c)
            panel.points([shift], [found[i]], colour=c)
    panel.level(0, colour=7)
    counts = np.arange(26)
    seen = np.bincount(t.astype(int), minlength=26)[:26]
    logs = counts * np.log(mu)[:, None] - mu[:, None]
    logs -= np.array([math.lgamma(k + 1) for k in counts])
    told = np.exp(logs).sum(axis=0)
    panel = picture.panel(
        "how often", x="visits in a year", y="person-years", log_y=True, ylim=(1, 2e4)
    )
    panel.line(counts, seen, "seen", marks=True)
    panel.line(counts, told, "the model", marks=True)
    picture.save()
    at_least(
        "people with no visit, seen by those of the model",
        1.5,
        seen[0] / told[0],
        when_small=1.5,
    )


def descent(part: dict[str, np.ndarray], found: np.ndarray) -> None:
    """The generated training loop, on standardised columns, has the same means."""
    A, t = part["X"], part["y"]
    scaled = A.copy()
    scaled[:, 1:] = (A[:, 1:] - A[:, 1:].mean(axis=0)) / A[:, 1:].std(axis=0)
    generated = sd.compile(model).load()
    state = generated.init_state(generated.init_params(dtype=np.float64))
    steps = 60 if small() else 400
    generated.fit(
        state, {"X": scaled, "y": t}, epochs=steps, batch_size=len(t), shuffle=False
    )
    means = generated.predict(state.params, scaled)
    exact = np.exp(A @ found)
    error = np.abs(means / exact - 1).max()
    at_most(
        "gradient descent finds the same means, relatively", 1e-3, error, when_small=0.5
    )


if __name__ == "__main__":
    part = data()["train"]
    descent(part, estimates(part))
    finish()
