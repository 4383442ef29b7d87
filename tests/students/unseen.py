"""Mistakes that tell how the grader does on what it was not made for: they were written
before it had seen them.

Of a model: old text, new text, causes that may be named, and nodes.
"""

from __future__ import annotations

Row = tuple[str, str, str | tuple[str, ...], str]

ROWS: dict[str, list[Row]] = {
    "logistic": [
        ("/ n\n", "\n", "missing mean", "d_z|product"),
        ("(prob - t)", "prob", ("fan-out", "term", "regulariser"), "d_z"),
        ("(prob - t)", "(t - prob)", "sign", "d_z"),
        ("(prob - t)", "(prob - t) * prob * (1 - prob)", "unknown", "d_z"),
        (" + 0.02 * d_loss * w", "", "regulariser", "d_w"),
        ("0.02", "0.01", "factor 2", "d_w"),
        ("db = dz.sum()", "db = dz", "not summed", "d_b"),
        ("db = dz.sum()", "db = dz.mean()", "mean instead of sum", "d_b"),
        ("d_loss * (prob", "(prob", "d_loss", "d_z|product"),
    ],
    "attention": [
        (
            "p * (dp - (dp * p).sum(axis=-1, keepdims=True))",
            "p * (1 - p) * dp",
            "not summed",
            "d_s",
        ),
        ("dp - (dp * p).sum(axis=-1, keepdims=True)", "dp", ("fan-out", "term"), "d_s"),
        ("axis=-1", "axis=1", "wrong axis", "d_s"),
        ("ds @ k / 2", "ds @ k", "wrong cotangent", "d_Q|d_q"),
        ("ds.transpose(0, 2, 1) @ q", "ds @ q", "transposed", "d_K|d_k"),
        ("p.transpose(0, 2, 1) @ dy", "p @ dy", "transposed", "d_V|d_v"),
        ("/ difference.size", "/ n", "factor", "d_y"),
        ("dp - (dp", "dp + (dp", "sign", "d_s"),
        ("dq = ds @ k / 2", "dq = ds @ q / 2", "wrong value", "d_Q|d_q"),
        ("p * (dp -", "(dp -", "local derivative", "d_s"),
    ],
    "pooled": [
        ("best * (dm", "1.0 * (dm", "mask", "d_h"),
        ("dh * (h > 0)", "dh", "mask", "d_W"),
        ("2 * difference", "difference", "factor 2", "d_y"),
        ("* d_loss / n", "* d_loss / (2 * n)", "factor 2", "d_y"),
        ("* d_loss / n", "* d_loss", "missing mean", "d_y"),
        (
            '"nti,ntj->ij", x, da',
            '"nti,ntj->ij", x, da / x.shape[1]',
            ("extra mean", "mean instead of sum"),
            "d_W",
        ),
    ],
    "gated": [
        ("dg = dy * c", "dg = dy * g", "wrong value", "d_g"),
        ("dc = dy * g", "dc = dy", "local derivative", "d_c"),
        ("dg = dy * c", "dg = dy", "local derivative", "d_g"),
        ("(1 - c ** 2)", "(1 - c)", "local derivative", "d_U"),
        ("dg * g * (1 - g)", "dg * (1 - g)", "local derivative", "d_W"),
        ("dg * g * (1 - g)", "dg * g * (1 - c)", "wrong value", "d_W"),
        (
            "dc * (1 - c ** 2)",
            "dy * (1 - c ** 2)",
            ("wrong cotangent", "local derivative"),
            "d_U|d_c",
        ),
        ("difference * d_loss", "2 * difference * d_loss", "twice", "d_y"),
        (
            "x.T @ du",
            "x.T @ dc",
            ("wrong cotangent", "local derivative"),
            "d_U",
        ),
    ],
    "normal": [
        (
            "dhat - mean1 - normalized * mean2",
            "dhat - mean1",
            ("fan-out", "term"),
            "d_norm_centred",
        ),
        (
            "dhat - mean1 - normalized * mean2",
            "dhat - normalized * mean2",
            ("fan-out", "term"),
            "d_a",
        ),
        (
            "dhat - mean1 - normalized * mean2",
            "dhat",
            ("fan-out", "term"),
            "d_norm_centred|d_a",
        ),
        (" / root\n", "\n", "local derivative", "d_norm_centred"),
        ('dn * params["norm.gamma"]', "dn", "local derivative", "d_norm_normalized"),
        ("(dn * normalized).sum", "(dn * n).sum", "wrong value", "d_norm_gamma"),
        (
            "(dn * normalized).sum(axis=0)",
            "dn.sum(axis=0)",
            "local derivative",
            "d_norm_gamma",
        ),
        (
            "dbeta = dn.sum(axis=0)",
            "dbeta = (dn * params['norm.gamma']).sum(axis=0)",
            "wrong cotangent",
            "d_norm_beta",
        ),
        (
            "dbeta = dn.sum(axis=0)",
            "dbeta = dn.sum(axis=1)",
            "wrong axis",
            "d_norm_beta",
        ),
        ("n.T @ dz", "normalized.T @ dz", "wrong value", "d_last_W"),
        (".copy()", "", "in place", "residuals.p"),
    ],
    "area": [
        (" + d_out * r * np.cos(x)", "", "fan-out", "d_x"),
        ("dr * x / r +", "", "fan-out", "d_x"),
        ("np.cos(x)", "-np.cos(x)", "sign", "d_x|product"),
        ("dr * y / r", "dr * y / (2 * r)", ("factor 2", "fan-out"), "d_y"),
        ("dr * y / r", "dr * x / r", "wrong value", "d_y"),
        ("dr * y / r", "dr * y", "local derivative", "d_y|d_total_x"),
        ("dr = d_out * s", "dr = s", "d_loss", "d_r"),
    ],
    "digits_mlp": [
        (
            "/ n * d_loss\n    dW2 = h.T @ dz + 2e-4 * d_loss * W2",
            "* d_loss\n    dW2 = h.T @ dz",
            ("missing mean",),
            "d_z",
        ),
        (
            "dz1 = dh * (h > 0)\n    dW1 = x.T @ dz1 + 2e-4 * d_loss * W1",
            "dz1 = dh\n    dW1 = x.T @ dz1",
            "mask",
            "d_hidden_z",
        ),
    ],
}

# Written when the grader had seen those above.
ROWS_LATER: dict[str, list[Row]] = {
    "attention": [
        ("x, dk)", "x, dq)", "wrong cotangent", "d_K"),
        ("ds @ k / 2", "ds @ k / 4", ("factor 2", "factor"), "d_Q|d_q|d_product"),
        ("dy @ v.transpose(0, 2, 1)", "-(dy @ v.transpose(0, 2, 1))", "sign", "d_p"),
        (
            "ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))",
            "ds = dp - (dp * p).sum(axis=-1, keepdims=True)",
            "local derivative",
            "d_s",
        ),
        ("(dp * p).sum(axis=-1", "dp.sum(axis=-1", "local derivative", "d_s"),
        (
            '"nti,ntj->ij", x, dv)',
            '"nti,ntj->ij", x, dv) / steps',
            ("extra mean", "mean instead of sum"),
            "d_V",
        ),
    ],
    "pooled": [
        ("m.T @ dy", "h.mean(axis=1).T @ dy", ("unknown", "wrong value"), "d_V"),
        ("m.T @ dy", "m.T @ dy / n", "extra mean", "d_V"),
        ("dm = dy @", "dm = -dy @", "sign", "d_m"),
    ],
    "scanned": [
        (
            "db += da.sum(axis=0)",
            "db += da.mean(axis=0)",
            "mean instead of sum",
            "d_b|d_b_2",
        ),
        ("dU += before[i].T @ da", "dU -= before[i].T @ da", "sign", "d_U|d_U_2"),
        (
            "for i in reversed(range(steps))",
            "for i in range(steps)",
            "unknown",
            "",  # the first wrong turn of a loop is not looked for
        ),
        ("dW += x[i].T @ da", "dW += x[i].T @ dh", "wrong cotangent", "d_W_2|d_W"),
        ("dh = dy @ V.T", "dh = 2 * dy @ V.T", "twice", "d_h|d_tanh"),
        ("dV = last.T @ dy", "dV = last.T @ dy / n", "extra mean", "d_V"),
    ],
    "conv": [
        (
            "dc = da.sum(axis=(0, 2, 3))",
            "dc = da.sum(axis=(0, 1, 2))",
            "wrong axis",
            "d_conv_b",
        ),
        ("dh = df.reshape(h.shape)", "dh = -df.reshape(h.shape)", "sign", "d_h"),
        (
            'np.einsum("nohw,nhw->o", da, patch)',
            'np.einsum("nohw,nhw->o", dh, patch)',
            "wrong cotangent",
            "d_conv_W",
        ),
        ("dz *= d_loss / n", "dz *= 1 / n", "d_loss", "d_z"),
        (
            "x[:, 0, i : i + 3, j : j + 4]",
            "x[:, 0, j : j + 3, i : i + 4]",
            "rearranged",
            "d_conv_W",
        ),
    ],
    "normal": [
        (
            "(dhat - mean1 - normalized * mean2) / root",
            "(dhat - mean1 + normalized * mean2) / root",
            "sign",
            "d_norm_centred",
        ),
        ("/ root\n", "* root\n", ("unknown", "local derivative"), "d_norm_centred"),
        (
            "mean1 = dhat.mean(axis=1, keepdims=True)",
            "mean1 = dhat.mean(axis=0, keepdims=True)",
            "wrong axis",
            "d_a",
        ),
        (
            "mean1 = dhat.mean(axis=1, keepdims=True)",
            "mean1 = dhat.sum(axis=1, keepdims=True)",
            ("sum instead of mean", "factor", "local derivative"),
            "d_a",
        ),
        (
            "(dhat * normalized).mean",
            "(dhat * normalized).sum",
            ("sum instead of mean", "factor"),
            "d_norm_centred|d_a",
        ),
    ],
    "dropped": [
        (
            'np.dot(dz, params["out.W"].T)',
            'np.dot(dz, params["out.W"].T) / n',
            "extra mean",
            "d_h",
        ),
        (
            "dh = dd * mask",
            "dh = dd * mask * mask",
            ("factor", "mask scale", "unknown"),
            "d_h",
        ),
        ("x.T @ da", "x.T @ dh", "wrong cotangent", "d_hidden_W"),
        (
            "product.T @ dz",
            "product.T @ p",
            ("wrong cotangent", "one-hot", "wrong value", "unknown"),
            "d_out_W",
        ),
    ],
    "logistic": [
        (
            "prob = 1 / (1 + np.exp(-np.clip(z, -700, 700)))",
            "prob = 1 / (1 + np.exp(np.clip(z, -700, 700)))",
            ("sign", "inverted mask", "unknown", "local derivative"),
            "d_z",
        ),
        ("x.T @ dz", "x.T @ (dz / n)", "extra mean", "d_w"),
        ("0.02 * d_loss * w", "0.02 * w", "d_loss", "d_w"),
    ],
    "area": [
        ("dr = d_out * s", "dr = -d_out * s", "sign", "d_r"),
        ("d_out * r * np.cos(x)", "d_out * np.cos(x)", "local derivative", "d_x"),
        ("np.cos(x)", "np.sin(x)", "local derivative", "d_x"),
    ],
}

# And last, these.
ROWS_LAST: dict[str, list[Row]] = {
    "embed": [
        ("np.add.at(dE, k, share)", "dE[k] += share", "repeated index", "d_E"),
        (
            " / steps, steps",
            ", steps",
            ("factor", "extra mean", "missing mean", "local derivative"),
            "d_E|d_m",
        ),
        (
            '0.1 * d_loss * params["E"]',
            'np.zeros_like(params["E"])',
            "regulariser",
            "d_E",
        ),
        ("0.1 * d_loss", "0.05 * d_loss", "factor 2", "d_E"),
        ("dm = du * (1 - u**2)", "dm = du", "local derivative", "d_m"),
        ("(1 - u**2)", "(1 - u)", "local derivative", "d_m"),
        ("    np.add.at(dE, k, share)\n", "", ("term", "fan-out"), "d_E"),
        ("u.T @ dz", "-u.T @ dz", "sign", "d_W"),
        ("d_loss / n", "d_loss", "missing mean", "d_z"),
        ("np.eye(3)[y]", "np.eye(3)[y - 1]", "unknown", "d_z"),
    ],
    "batch": [
        ("dhat - dhat.mean(axis=0) - hat", "dhat - hat", ("fan-out", "term"), "d_a"),
        (" - hat * (dhat * hat).mean(axis=0)", "", ("fan-out", "term"), "d_d"),
        ("do * g\n", "do\n", "local derivative", "d_d_over_s"),
        ("(do * hat).sum", "(do * d).sum", "wrong value", "d_g"),
        ("dc = do.sum", "dc = dh.sum", "wrong cotangent", "d_c"),
        ("dh * (h > 0)", "dh", "mask", "d_dover_s_g_plus_c"),
        ("2 * e", "e", "factor 2", "d_e"),
        (
            "dg = (do * hat).sum(axis=0)",
            "dg = (do * hat).mean(axis=0)",
            "mean instead of sum",
            "d_g",
        ),
        (" / s\n", "\n", ("unknown", "local derivative"), "d_d"),
        ("h.T @ de", "hat.T @ de", "wrong value", "d_v"),
    ],
    "twins": [
        ("db = -dd", "db = dd", "sign", "d_W|d_v|d_product"),
        ("+ q.T @ db", "", "fan-out", "d_W"),
        ("p.T @ da +", "", "fan-out", "d_W"),
        ("2 * dr", "dr", ("factor 2", "fan-out"), "d_d"),
        ("q.T @ db", "p.T @ db", "wrong value", "d_W"),
        ("(1 - w**2)", "(1 - u**2)", "wrong value", "d_W|d_product"),
        ("+ q.T @ db", "- q.T @ db", "sign", "d_W|d_v|d_product"),
        ("d_loss / n", "d_loss", "missing mean", "d_r"),
        ("dr[:, None]", "dr", "broadcast", "d_d"),
    ],
}

# And of a loop whose parts are joined in one line, whose residuals are r.NAME.
ROWS_JOINED: dict[str, list[Row]] = {
    "gates": [
        ("[di, df, dg, do]", "[df, di, dg, do]", "rearranged", "d_z"),
        ("[di, df, dg, do]", "[di, df, do, dg]", "rearranged", "d_z"),
        ("[di, df, dg, do]", "[0 * di, df, dg, do]", "term", "d_z"),
        ("[di, df, dg, do]", "[di, df, -dg, do]", "sign", "d_z_g|d_z"),
        ("(1 - tanh_c**2)", "(1 - tanh_c)", "local derivative", "d_c"),
        ("dh * o * (1 - tanh_c**2)", "dh * o", "local derivative", "d_c"),
        ("dc = dc + dh * o", "dc = dh * o", ("fan-out", "carry"), "d_c"),
        ("r.c_prev_steps[k] * f", "g * f", "wrong value", "d_z_f"),
        ("dc * i * (1 - g**2)", "dc * i * g * (1 - g)", "local derivative", "d_z_g"),
        ("dh * tanh_c * o * (1 - o)", "dh * tanh_c", "local derivative", "d_z_o"),
        ("r.h_prev_steps", "r.c_prev_steps", "wrong value", "d_cell_U"),
        ("dU +=", "dU =", "last step", "d_cell_U"),
        ("dW +=", "dW =", "last step", "d_cell_W"),
        ("db += da.sum(axis=0)", "db = da.sum(axis=0)", "last step", "d_cell_b"),
        ("        dc = dc * f\n", "", ("carry", "local derivative"), "d_c"),
        ("        dh = da @ U.T\n", "", "carry", "d_h"),
        ("dh = da @ U.T", "dh = da @ U.T + dh", "unknown", ""),
        ("d_loss / n", "d_loss", "missing mean", "d_y"),
    ],
}

UNSEEN = [*ROWS.items(), *ROWS_LATER.items(), *ROWS_LAST.items(), *ROWS_JOINED.items()]
