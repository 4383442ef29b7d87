"""A backward pass for each model, as people write it, not as it is generated."""

from __future__ import annotations

# What is kept of a convolution is up to the compiler, so students keep their own.
CONV_FORWARD = """\
def loss_and_residuals(params, x, y):
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    z1 = np.einsum("nchwij,ocij->nohw", windows, params["conv.W"])
    h = np.maximum(z1 + params["conv.b"][:, None, None], 0)
    z = h.reshape(len(x), -1) @ params["out.W"] + params["out.b"]
    z = z - z.max(axis=1, keepdims=True)
    total = np.exp(z).sum(axis=1, keepdims=True)
    loss = (np.log(total)[:, 0] - z[np.arange(len(x)), y]).mean()
    return loss, (x, h, np.exp(z) / total, y)


"""

SOLUTIONS = {
    "digits_mlp": """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    W1, W2 = params["hidden.W"], params["out.W"]
    n = x.shape[0]
    onehot = np.zeros_like(p)
    onehot[np.arange(n), y] = 1
    dz = (p - onehot) / n * d_loss
    dW2 = h.T @ dz + 2e-4 * d_loss * W2
    db2 = dz.sum(axis=0)
    dh = dz @ W2.T
    dz1 = dh * (h > 0)
    dW1 = x.T @ dz1 + 2e-4 * d_loss * W1
    db1 = dz1.sum(axis=0)
    return {"hidden.W": dW1, "hidden.b": db1, "out.W": dW2, "out.b": db2}
""",
    "linear_svm": """\
def backward(params, residuals, d_loss=1.0):
    x, margins, one_hot, y = residuals
    W = params["W"]
    n = len(x)
    inside = (margins > 0) & ~one_hot
    ds = inside.astype(x.dtype)
    ds[np.arange(n), y] = -ds.sum(axis=1)
    ds = d_loss * ds / n
    dW = x.T @ ds + 2e-3 * d_loss * W
    db = ds.sum(axis=0)
    return {"W": dW, "b": db}
""",
    "dropped": """\
def backward(params, residuals, d_loss=1.0):
    x, h, mask, product, p, y = residuals
    n = x.shape[0]
    dz = p.copy()
    dz[range(n), y] -= 1
    dz = d_loss * dz / n
    dW2 = product.T @ dz
    db2 = np.sum(dz, 0)
    dd = np.dot(dz, params["out.W"].T)
    dh = dd * mask
    da = dh * (h > 0)
    dW1 = x.T @ da
    db1 = np.sum(da, 0)
    return {"hidden.W": dW1, "hidden.b": db1, "out.W": dW2, "out.b": db2}
""",
    "residual": """\
def backward(params, residuals, d_loss=1.0):
    x, h, s, r, difference = residuals
    dy = 2 * difference / difference.size * d_loss
    dW3 = r.T @ dy
    db3 = dy.sum(axis=0)
    dr = dy @ params["last.W"].T
    da2 = dr * s * (1 - s)
    dW2 = h.T @ da2
    db2 = da2.sum(axis=0)
    dh = dr + da2 @ params["middle.W"].T
    da1 = dh * (1 - h**2)
    dW1 = x.T @ da1
    db1 = da1.sum(axis=0)
    return {
        "first.W": dW1,
        "first.b": db1,
        "middle.W": dW2,
        "middle.b": db2,
        "last.W": dW3,
        "last.b": db3,
    }
""",
    "conv": CONV_FORWARD
    + """\
def backward(params, residuals, d_loss=1.0):
    x, h, p, y = residuals
    n = x.shape[0]
    dz = p.copy()
    dz[np.arange(n), y] -= 1
    dz *= d_loss / n
    f = h.reshape(n, -1)
    dW = f.T @ dz
    db = dz.sum(axis=0)
    df = dz @ params["out.W"].T
    dh = df.reshape(h.shape)
    da = dh * (h > 0)
    dK = np.zeros_like(params["conv.W"])
    for i in range(3):
        for j in range(3):
            patch = x[:, 0, i : i + 3, j : j + 4]
            dK[:, 0, i, j] = np.einsum("nohw,nhw->o", da, patch)
    dc = da.sum(axis=(0, 2, 3))
    return {"conv.W": dK, "conv.b": dc, "out.W": dW, "out.b": db}
""",
    "scanned": """\
def backward(params, residuals, d_loss=1.0):
    x, before, after, last, difference = residuals
    U, V = params["U"], params["V"]
    steps, n, _ = x.shape
    dy = 2 * difference / (2 * n) * d_loss
    dV = last.T @ dy
    dh = dy @ V.T
    dW, dU, db = np.zeros((3, 4)), np.zeros((4, 4)), np.zeros(4)
    for i in reversed(range(steps)):
        da = dh * (1 - after[i] ** 2)
        dW += x[i].T @ da
        dU += before[i].T @ da
        db += da.sum(axis=0)
        dh = da @ U.T
    return {"W": dW, "U": dU, "b": db, "V": dV}
""",
    "normed": """\
def backward(params, residuals, d_loss=1.0):
    x, root, r, difference = residuals
    n = len(x)
    dy = difference * d_loss / n
    dW2 = r.T @ dy
    db2 = dy.sum(axis=0)
    dr = dy @ params["last.W"].T
    droot = -(dr * r).sum(axis=1, keepdims=True) / root
    da = dr / root + droot * r / 4
    dW1 = x.T @ da
    db1 = da.sum(axis=0)
    return {"first.W": dW1, "first.b": db1, "last.W": dW2, "last.b": db2}
""",
    "logistic": """\
def backward(params, residuals, d_loss=1.0):
    x, z, e, t = residuals
    w = params["w"]
    n = len(z)
    prob = 1 / (1 + np.exp(-np.clip(z, -700, 700)))
    dz = d_loss * (prob - t) / n
    dw = x.T @ dz + 0.02 * d_loss * w
    db = dz.sum()
    return {"w": dw, "b": db}
""",
    "attention": """\
def backward(params, residuals, d_loss=1.0):
    x, q, k, v, p, difference = residuals
    n, steps, _ = x.shape
    dy = 2 * d_loss * difference / difference.size
    dv = p.transpose(0, 2, 1) @ dy
    dp = dy @ v.transpose(0, 2, 1)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    dq = ds @ k / 2
    dk = ds.transpose(0, 2, 1) @ q / 2
    dQ = np.einsum("nti,ntj->ij", x, dq)
    dK = np.einsum("nti,ntj->ij", x, dk)
    dV = np.einsum("nti,ntj->ij", x, dv)
    return {"Q": dQ, "K": dK, "V": dV}
""",
    "pooled": """\
def backward(params, residuals, d_loss=1.0):
    x, h, m, difference = residuals
    n = len(x)
    dy = 2 * difference * d_loss / n
    dV = m.T @ dy
    dm = dy @ params["V"].T
    best = h == m[:, None, :]
    dh = best * (dm / best.sum(axis=1))[:, None, :]
    da = dh * (h > 0)
    dW = np.einsum("nti,ntj->ij", x, da)
    return {"W": dW, "V": dV}
""",
    "gated": """\
def backward(params, residuals, d_loss=1.0):
    x, g, c, difference = residuals
    dy = difference * d_loss / x.shape[0]
    dg = dy * c
    dc = dy * g
    du = dc * (1 - c ** 2)
    dw = dg * g * (1 - g)
    return {"W": x.T @ dw, "U": x.T @ du}
""",
    "normal": """\
def backward(params, residuals, d_loss=1.0):
    x, root, normalized, n, p, y = residuals
    size = len(x)
    dz = p.copy()
    dz[np.arange(size), y] -= 1
    dz *= d_loss / size
    dW2 = n.T @ dz
    db2 = dz.sum(axis=0)
    dn = dz @ params["last.W"].T
    dgamma = (dn * normalized).sum(axis=0)
    dbeta = dn.sum(axis=0)
    dhat = dn * params["norm.gamma"]
    mean1 = dhat.mean(axis=1, keepdims=True)
    mean2 = (dhat * normalized).mean(axis=1, keepdims=True)
    da = (dhat - mean1 - normalized * mean2) / root
    dW1 = x.T @ da
    db1 = da.sum(axis=0)
    return {"first.W": dW1, "first.b": db1, "norm.gamma": dgamma, "norm.beta": dbeta,
            "last.W": dW2, "last.b": db2}
""",
    "area": """\
def backward(residuals, d_out=1.0):
    x, y, r, s = residuals
    dr = d_out * s
    dx = dr * x / r + d_out * r * np.cos(x)
    dy = dr * y / r
    return Gradients(dx, dy)
""",
    "embed": """\
def backward(params, residuals, d_loss=1.0):
    k, u, p, y = residuals
    n, steps = k.shape
    dz = p - np.eye(3)[y]
    dz = dz * d_loss / n
    dW = u.T @ dz
    db = dz.sum(axis=0)
    du = dz @ params["W"].T
    dm = du * (1 - u**2)
    dE = 0.1 * d_loss * params["E"]
    share = np.repeat(dm[:, None, :] / steps, steps, axis=1)
    np.add.at(dE, k, share)
    return {"E": dE, "W": dW, "b": db}
""",
    "batch": """\
def backward(params, residuals, d_loss=1.0):
    x, d, s, hat, h, e = residuals
    g, v = params["g"], params["v"]
    n = len(x)
    de = 2 * e * d_loss / n
    dv = h.T @ de
    dh = np.outer(de, v)
    do = dh * (h > 0)
    dg = (do * hat).sum(axis=0)
    dc = do.sum(axis=0)
    dhat = do * g
    da = (dhat - dhat.mean(axis=0) - hat * (dhat * hat).mean(axis=0)) / s
    return {"W": x.T @ da, "g": dg, "c": dc, "v": dv}
""",
    "twins": """\
def backward(params, residuals, d_loss=1.0):
    p, q, u, w, d, diff = residuals
    n = len(p)
    dr = 2 * diff * d_loss / n
    dd = 2 * dr[:, None] * d
    da = dd * (1 - u**2)
    db = -dd * (1 - w**2)
    dW = p.T @ da + q.T @ db
    return {"W": dW}
""",
    "gates": """\
def backward(params, residuals, d_loss=1.0):
    r = residuals
    U, V = params["cell.U"], params["V"]
    n, steps, _ = r.x.shape
    dy = r.y_minus_t * d_loss / n
    dV = r.h_last.T @ dy
    dh = dy @ V.T
    dc = 0.0
    dW, dU, db = np.zeros((3, 16)), np.zeros((4, 16)), np.zeros(16)
    for k in reversed(range(steps)):
        i, f, g, o = r.i_steps[k], r.f_steps[k], r.g_steps[k], r.o_steps[k]
        tanh_c = r.tanh_c_steps[k]
        dc = dc + dh * o * (1 - tanh_c**2)
        di = dc * g * i * (1 - i)
        df = dc * r.c_prev_steps[k] * f * (1 - f)
        dg = dc * i * (1 - g**2)
        do = dh * tanh_c * o * (1 - o)
        da = np.hstack([di, df, dg, do])
        dW += r.x[:, k].T @ da
        dU += r.h_prev_steps[k].T @ da
        db += da.sum(axis=0)
        dh = da @ U.T
        dc = dc * f
    return {"V": dV, "cell.W": dW, "cell.U": dU, "cell.b": db}
""",
}
