"""A variational autoencoder with two hidden numbers per digit: `python
examples/vae.py`; `symdiff train examples/vae.py` trains it as well.

Kingma & Welling, "Auto-encoding variational Bayes", 2014. An encoder says for an image
x where its code may lie, q(z|x) = N(μ, σ²); a decoder says of a code how probable each
pixel is to be ink. Both learn from one bound on log p(x),

    ELBO = E[log p(x|z)] − KL(q(z|x) ‖ N(0, 1)),    z = μ + σ·ε,    ε ~ N(0, 1).

Because the draw ε does not depend on the weights, the gradient goes through it: the
reparametrisation. Draws are keyed: the same key gives the same ε in every pass.

Checked: the KL against a mean over draws, its gradient against the paper's form, the
gradient through ε against differences and, over many keys, against the integral; that
training raises the bound, and that an estimate of log p(x) lies above it. The picture:
the images that codes on a grid stand for, and where the digits went, unlabelled.
"""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import numpy as np
from _drawing import Picture
from _report import at_least, check, finish, small
from mnist_cnn import mnist

import symdiff as sd

CODES, UNITS, PIXELS = 2, 256, 784

N = sd.dim("N")
x = sd.input("x", (N, PIXELS), low=0, high=1.01)
hidden = sd.nn.dense(x, UNITS, "relu", name="encoder")
mean = sd.nn.dense(hidden, CODES, name="mean")
log_variance = sd.nn.dense(hidden, CODES, name="log_variance")
noise = sd.random.normal((N, CODES))
z = mean + sd.exp(log_variance / 2) * noise

with sd.scope("decoder"):
    W1 = sd.param("W1", (CODES, UNITS), init="he_normal")
    b1 = sd.param("b1", (UNITS,))
    W2 = sd.param("W2", (UNITS, PIXELS), init="glorot_uniform")
    b2 = sd.param("b2", (PIXELS,))


def decoded(code: sd.Tensor) -> sd.Tensor:
    """Return the logits of the pixels that a code stands for."""
    return sd.relu(code @ W1 + b1) @ W2 + b2


surprise = sd.sum(sd.sigmoid_cross_entropy(decoded(z), x, reduction="none"), axis=1)
divergence = sd.nn.kl_normal(mean, log_variance)
loss = sd.mean(surprise) + divergence  # −ELBO, nats an image

model = sd.Model(
    "vae",
    inputs=[x],
    targets=[],
    outputs={
        "image": sd.sigmoid(decoded(mean)),
        "mean": mean,
        "log_variance": log_variance,
    },
    loss=loss,
    metrics={"kl": divergence},
    optimizer=sd.optim.Adam(sd.optim.schedules.cosine(2e-3, steps=30 * 63, final=0.05)),
)
training = sd.Training(epochs=30, batch_size=64, seed=0)

code = sd.input("code", (N, CODES))
decoder = sd.Function("vae_decoder", [code, W1, b1, W2, b2], {"logits": decoded(code)})


def data() -> dict[str, dict[str, np.ndarray]]:
    """Return 4,000 images to learn from and 1,000 held out; no labels."""
    images, _ = mnist()
    order = np.random.default_rng(0).permutation(5000)
    rows = images.reshape(5000, PIXELS)[order]
    return {"train": {"x": rows[1000:]}, "test": {"x": rows[:1000]}}


# --- the parts of the bound ----------------------------------------------------------


def divergences() -> None:
    """KL(N(μ, σ²) ‖ N(0, 1)), and the gradients of the paper's appendix B."""
    m, s = sd.input("m", (3, 2)), sd.input("s", (3, 2))
    kl = sd.nn.kl_normal(m, s, reduction="none")
    slopes = sd.grad(sd.sum(kl), [m, s])
    generated = sd.compile(
        sd.Function("kl", [m, s], {"kl": kl, "d_m": slopes[0], "d_s": slopes[1]})
    )
    rng = np.random.default_rng(0)
    mu, log_var = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    closed, d_m, d_s = generated.load().forward.forward(mu, log_var)

    draws = 20_000 if small() else 500_000
    sigma = np.exp(log_var / 2)
    eps = rng.normal(size=(draws, 3, 2))
    codes = mu + sigma * eps
    ratios = ((codes**2 - eps**2) / 2 - log_var / 2).sum(axis=2)  # log q(z) − log p(z)
    error = ratios.std(axis=0) / np.sqrt(draws)
    off = (ratios.mean(axis=0) - closed) / error
    print(f"KL: closed {closed.round(4)}, mean of {draws:,} draws ", end="")
    print(f"{ratios.mean(axis=0).round(4)}\n")
    check(
        "they differ by less than four standard errors",
        True,
        bool((abs(off) < 4).all()),
    )
    check("dKL/dμ = μ", mu, d_m)
    check("dKL/d log σ² = (σ² − 1)/2", (sigma**2 - 1) / 2, d_s)


def reparametrised(generated: ModuleType, rows: np.ndarray) -> None:
    """The gradient through the draw: against differences, and on average."""
    params = generated.init_params(seed=0, dtype=np.float64)
    rows = rows.astype(float)
    loss, gradients = generated.value_and_grad(params, rows, 7)
    again, _ = generated.value_and_grad(params, rows, 7)
    other, _ = generated.value_and_grad(params, rows, 8)
    check("the same key gives the same draw, another another", [True, False],
          [loss == again, loss == other])  # fmt: skip
    rng = np.random.default_rng(0)
    way = {k: rng.normal(size=v.shape) for k, v in params.items()}
    ends = [
        generated.value_and_grad(
            {k: v + h * way[k] for k, v in params.items()}, rows, 7
        )[0]
        for h in (-1e-6, 1e-6)
    ]
    along = sum((gradients[k] * way[k]).sum() for k in params)
    check(
        "along a random direction, by differences",
        (ends[1] - ends[0]) / 2e-6,
        along,
        1e-6,
    )

    mu, s = sd.input("mu", ()), sd.input("s", ())
    count = 4_000 if small() else 200_000
    value = sd.mean(sd.cos(mu + sd.exp(s) * sd.random.normal((count,))))
    at = {mu: np.array(0.5), s: np.array(-0.3)}
    found = sd.interpret(sd.grad(value, [mu, s]), at, key=1)
    spread = np.exp(-0.3)
    bell = np.exp(-(spread**2) / 2)  # E cos(μ + σε) = cos(μ)·exp(−σ²/2)
    integrals = [-np.sin(0.5) * bell, -np.cos(0.5) * bell * spread**2]
    print(f"E cos: slopes of the integral {np.round(integrals, 4)}, ", end="")
    print(f"of the mean of {count:,} draws {np.round(found, 4)}\n")
    near = np.abs(np.subtract(found, integrals)) < 5 / np.sqrt(count)
    check("they differ by less than five standard errors", [True, True], near)


# --- training ------------------------------------------------------------------------


def trained(
    generated: ModuleType, parts: dict[str, dict[str, np.ndarray]]
) -> tuple[dict[str, np.ndarray], list[float], list[float]]:
    """Train; return the weights and, by epoch, the bounds on what was held out and
    on what was learnt from.
    """
    rows = {k: v[::4] if small() else v for k, v in parts["train"].items()}
    state = generated.init_state(generated.init_params(seed=0))
    at_first = -generated.evaluate(state.params, **parts["test"], key=0)["loss"]
    start = time.perf_counter()
    history = generated.fit(
        state,
        rows,
        epochs=3 if small() else training.epochs,
        batch_size=64,
        validation=parts["test"],
    )
    seconds = time.perf_counter() - start
    held_out = [at_first, *(-record["val_loss"] for record in history)]
    print(
        f"{state.step} steps in {seconds:.0f} s; ELBO {at_first:.0f} at first, ", end=""
    )
    kl = history[-1]["val_kl"]
    print(f"{held_out[-1]:.1f} in the end, of which the KL takes {kl:.1f} nats\n")
    return state.params, held_out, [-record["loss"] for record in history]


def of_decoder(params: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the weights that the decoder's own module takes."""
    return [params[f"decoder.{name}"] for name in ("W1", "b1", "W2", "b2")]


def likelihood(
    params: dict[str, np.ndarray], found: Any, rows: np.ndarray, decode: Any
) -> tuple[float, float]:
    """Return the ELBO and an estimate of log p(x) from the same draws, as means over
    rows (Burda, Grosse & Salakhutdinov, ICLR 2016: weights p(x, z) / q(z|x)).
    """
    rng, logs = np.random.default_rng(0), []
    spread = np.exp(found.log_variance / 2)
    for _ in range(20 if small() else 200):
        eps = rng.normal(size=found.mean.shape).astype(np.float32)
        codes = found.mean + spread * eps
        logits = decode(codes, *of_decoder(params))
        inked = (rows * logits - np.logaddexp(0, logits)).sum(axis=1)
        logs.append(inked + ((eps**2 - codes**2) / 2 + np.log(spread)).sum(axis=1))
    table = np.array(logs, float)
    most = table.max(axis=0)
    estimate = most + np.log(np.exp(table - most).mean(axis=0))
    return float(table.mean()), float(estimate.mean())


# --- the picture ---------------------------------------------------------------------


def picture(
    generated: ModuleType,
    decode: Any,
    params: dict[str, np.ndarray],
    bounds: tuple[list[float], list[float]],
) -> None:
    """Draw the plane of codes, samples, and what becomes of held-out digits."""

    def images(codes: Any) -> np.ndarray:
        logits = decode(np.asarray(codes, np.float32), *of_decoder(params))
        return (1 / (1 + np.exp(-logits.astype(float)))).reshape(-1, 28, 28)

    drawing = Picture("vae", "A variational autoencoder, two numbers per digit", 2)
    side = 17
    steps = np.linspace(-2.4, 2.4, side)
    grid = images([(u, v) for v in steps for u in steps])[:, ::-1]  # row 0 lies below
    plane = grid.reshape(side, side, 28, 28).swapaxes(1, 2).reshape(side * 28, -1)
    edge = 2.4 + 0.15
    panel = drawing.panel(
        "What codes stand for", x="z0", y="z1", square=True, width=440, height=440
    )
    panel.image(plane, (-edge, edge, -edge, edge), low=0, high=1)

    panel = drawing.panel("The bound on log p(x)", x="epoch", y="nats", height=440)
    held_out, known = bounds
    panel.line(np.arange(1, len(known) + 1), known, label="learnt from")
    panel.line(np.arange(1, len(held_out)), held_out[1:], label="held out")

    all_images, labels = mnist()
    found = generated.predict(params, all_images.reshape(-1, PIXELS))
    for digits in (range(5), range(5, 10)):
        panel = drawing.panel(
            f"Codes of the digits {digits[0]} to {digits[-1]}",
            x="z0", y="z1", square=True, xlim=(-4, 4), ylim=(-4, 4), height=440,
        )  # fmt: skip
        for digit in digits:
            codes = found.mean[labels == digit][::4]
            panel.points(*codes.T, label=str(digit), size=2.5, opacity=0.7)

    rows = data()["test"]["x"][:12]
    pairs = [*rows.reshape(-1, 28, 28)]
    pairs += [*generated.predict(params, rows).image.reshape(-1, 28, 28)]
    title = "Held-out digits, and below what is left of them"
    drawing.gallery(title, pairs, columns=6, low=0, high=1)
    codes = np.random.default_rng(3).normal(size=(24, CODES))
    title = "Samples: decoded draws from N(0, 1)"
    drawing.gallery(title, images(codes), columns=6, low=0, high=1)
    drawing.save()


if __name__ == "__main__":
    generated = sd.compile(model).load()
    decode = sd.compile(decoder).load().forward.forward
    parts = data()
    divergences()
    reparametrised(generated, parts["test"]["x"][:5])
    params, held_out, known = trained(generated, parts)
    claim = "the bound on held-out digits, nats an image"
    at_least(claim, -165, held_out[-1], when_small=-230)
    at_least("raised by", 400, held_out[-1] - held_out[0], when_small=300)

    rows = parts["test"]["x"][:200]
    found = generated.predict(params, rows)
    bound, estimate = likelihood(params, found, rows, decode)
    print(f"ELBO {bound:.2f}, log p(x) about {estimate:.2f}, on 200 held-out digits\n")
    at_least("log p(x), estimated, above the bound by", 0, estimate - bound)
    image = decode(found.mean, *of_decoder(params))
    same = 1 / (1 + np.exp(-image.astype(float)))
    check(
        "the decoder's module draws what the model draws",
        same.ravel(),
        found.image.ravel(),
        1e-4,
    )
    picture(generated, decode, params, (held_out, known))
    finish()
