"""Backward passes that are right, and written in other ways: model and text."""

from __future__ import annotations

from students.solutions import CONV_FORWARD

ALTERNATIVES = [
    (
        "digits_mlp",
        """\
def backward(params, residuals, d_loss=1.0):
    \"\"\"An example at a time.\"\"\"
    x, h, p, y = residuals
    found = {name: np.zeros_like(array) for name, array in params.items()}
    for i in range(len(x)):
        e = p[i].copy()
        e[y[i]] -= 1
        e = e * d_loss / len(x)
        found["out.W"] += np.outer(h[i], e)
        found["out.b"] += e
        back = (params["out.W"] @ e) * np.sign(h[i])
        found["hidden.W"] += np.outer(x[i], back)
        found["hidden.b"] += back
    for name in ("hidden.W", "out.W"):
        found[name] += d_loss * 2e-4 * params[name]
    return found
""",
    ),
    (
        "digits_mlp",
        """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    delta = d_loss * (p - (y[:, None] == np.arange(10))) / len(y)
    hidden = np.where(h != 0, np.einsum("nk,hk->nh", delta, params["out.W"]), 0.0)
    return dict(
        [
            ("out.b", np.ones(len(x)) @ delta),
            ("out.W", h.T.dot(delta) + params["out.W"] * d_loss / 5e3),
            ("hidden.W", np.tensordot(x, hidden, (0, 0))
             + 1e-4 * (params["hidden.W"] + params["hidden.W"]) * d_loss),
            ("hidden.b", np.add.reduce(hidden)),
        ]
    )
""",
    ),
    (
        "digits_mlp",
        """\
def loss_and_residuals(params, x, y):
    z1 = x @ params["hidden.W"] + params["hidden.b"]
    a1 = np.where(z1 > 0, z1, 0)
    z2 = a1 @ params["out.W"] + params["out.b"]
    shifted = z2 - z2.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    penalty = sum((params[n] ** 2).sum() for n in ("hidden.W", "out.W"))
    loss = -log_p[np.arange(len(x)), y].mean() + 1e-4 * penalty
    return loss, {"x": x, "y": y, "z1": z1, "a1": a1, "log_p": log_p}


def backward(params, residuals, d_loss=1.0):
    kept = residuals
    n = len(kept["x"])
    g = np.exp(kept["log_p"])
    g[np.arange(n), kept["y"]] -= 1
    g *= d_loss / n
    grads = {"out.W": kept["a1"].T @ g, "out.b": g.sum(0)}
    g = g @ params["out.W"].T
    g[kept["z1"] <= 0] = 0
    grads["hidden.W"], grads["hidden.b"] = kept["x"].T @ g, g.sum(0)
    for n in ("hidden.W", "out.W"):
        grads[n] = grads[n] + 2 * 1e-4 * d_loss * params[n]
    return grads
""",
    ),
    (
        "linear_svm",
        """\
def backward(params, residuals, d_loss=1.0):
    x, margins, one_hot, y = residuals
    gW, gb = np.zeros((2, 3)), np.zeros(3)
    for i in range(len(x)):
        for j in range(3):
            if j != y[i] and margins[i, j] > 0:
                gW[:, j] += x[i]
                gW[:, y[i]] -= x[i]
                gb[j] += 1
                gb[y[i]] -= 1
    return {
        "b": d_loss * gb / len(x),
        "W": d_loss * (gW / len(x) + 0.002 * params["W"]),
    }
""",
    ),
    (
        "residual",
        """\
def backward(params, residuals, d_loss=1.0):
    x, h, s, r, difference = residuals
    up = np.ones_like(difference) * (d_loss / difference.shape[0]) * difference
    g = {}

    def affine(name, value, cotangent):
        g[name + ".W"] = np.einsum("ni,nj->ij", value, cotangent)
        g[name + ".b"] = np.einsum("nj->j", cotangent)
        return np.einsum("nj,ij->ni", cotangent, params[name + ".W"])

    up = affine("last", r, up)
    side = affine("middle", h, up * (s - s * s))
    up += side
    affine("first", x, up / np.cosh(np.arctanh(h)) ** 2)
    return g
""",
    ),
    (
        "scanned",
        """\
def backward(params, residuals, d_loss=1.0):
    x, before, after, last, difference = residuals
    grads = {k: np.zeros_like(v) for k, v in params.items()}
    g = difference * d_loss / len(difference)
    grads["V"] = last.T @ g
    g = g @ params["V"].T
    deltas = []
    for h in after[::-1]:
        g = g - g * h * h
        deltas.insert(0, g)
        g = g @ params["U"].T
    deltas = np.array(deltas)
    grads["W"] = np.einsum("tni,tnj->ij", x, deltas)
    grads["U"] = np.einsum("tni,tnj->ij", before, deltas)
    grads["b"] = deltas.sum((0, 1))
    return grads
""",
    ),
    (
        "conv",
        CONV_FORWARD
        + """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    n = len(x)
    g = d_loss / n * (p - np.eye(3)[y])
    flat = h.reshape(n, 24)
    back = (g @ params["out.W"].T).reshape(n, 2, 3, 4) * (h > 0)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return {
        "conv.W": np.einsum("nohw,nchwij->ocij", back, windows),
        "conv.b": np.einsum("nohw->o", back),
        "out.W": flat.T @ g,
        "out.b": g.sum(0),
    }
""",
    ),
]
