"""Mistakes of students: `MISTAKES` changes one place of a solution, and says the causes
that may be named for it and the node where it first shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from students.unseen import UNSEEN, Row


@dataclass(frozen=True)
class Mistake:
    """A change to a solution; ``causes`` and ``nodes`` that are right to name."""

    model: str
    old: str
    new: str
    causes: tuple[str, ...]
    nodes: tuple[str, ...]

    @property
    def label(self) -> str:
        """What tests call it."""
        return f"{self.model}: {self.old.strip()} -> {self.new.strip() or 'nothing'}"


def _mistakes(model: str, *rows: Row) -> list[Mistake]:
    return [
        Mistake(
            model,
            old,
            new,
            (causes,) if isinstance(causes, str) else causes,
            tuple(nodes.split("|")),
        )
        for old, new, causes, nodes in rows
    ]


MISTAKES = [
    *_mistakes(
        "digits_mlp",
        (" / n *", " *", "missing mean", "d_z"),
        ("(p - onehot)", "p", "one-hot", "d_z"),
        ("(p - onehot) / n * d_loss", "(p - onehot) / n", "d_loss", "d_z"),
        ("(p - onehot)", "(onehot - p)", "sign", "d_z"),
        ("+ 2e-4 * d_loss * W2", "", "regulariser", "d_out_W"),
        ("+ 2e-4 * d_loss * W1", "", "regulariser", "d_hidden_W"),
        ("2e-4 * d_loss * W1", "1e-4 * d_loss * W1", "factor 2", "d_hidden_W"),
        ("2e-4 * d_loss * W2", "2e-4 * W2", "d_loss", "d_out_W"),
        ("+ 2e-4 * d_loss * W2", "- 2e-4 * d_loss * W2", "sign", "d_out_W"),
        ("2e-4 * d_loss * W2", "2 * d_loss * W2", ("strength", "factor"), "d_out_W"),
        ("dh * (h > 0)", "dh", "mask", "d_hidden_z"),
        ("dh * (h > 0)", "dh * (h >= 0)", "mask", "d_hidden_z"),
        ("(h > 0)", "(h <= 0)", "inverted mask", "d_hidden_z"),
        ("dh * (h > 0)", "dh * h", "local derivative", "d_hidden_z"),
        ("dh * (h > 0)", "1.0 * (h > 0)", "upstream", "d_hidden_z"),
        ("db2 = dz.sum(axis=0)", "db2 = dz.sum(axis=1)", "wrong axis", "d_out_b"),
        ("db1 = dz1.sum(axis=0)", "db1 = dz1", "not summed", "d_hidden_b"),
        (
            "db1 = dz1.sum(axis=0)",
            "db1 = dz1.mean(axis=0)",
            "mean instead of sum",
            "d_hidden_b",
        ),
        ("db2 = dz.sum(axis=0)", "db2 = dz.sum()", "wrong axis", "d_out_b"),
        ("h.T @ dz +", "h.T @ dz / n +", "extra mean", "d_out_W"),
        ("dz @ W2.T", "dz @ W2", "transposed", "d_h"),
        ("x.T @ dz1 +", "dz1.T @ x +", ("broadcast", "transposed"), "d_hidden_W"),
        (
            """onehot = np.zeros_like(p)
    onehot[np.arange(n), y] = 1
    dz = (p - onehot) / n * d_loss""",
            "p[np.arange(n), y] -= 1\n    dz = p / n * d_loss",
            "in place",
            "residuals.p",
        ),
        (
            "db1 = dz1.sum(axis=0)",
            "db1 = dh.sum(axis=0)",
            "wrong cotangent",
            "d_hidden_b",
        ),
    ),
    *_mistakes(
        "linear_svm",
        ("ds / n", "ds", "missing mean", "d_scores|d_taken_scores"),
        ("d_loss * ds", "ds", "d_loss", "d_scores|d_taken_scores"),
        (
            "    ds[np.arange(n), y] = -ds.sum(axis=1)\n",
            "",
            ("term", "fan-out"),
            "d_scores|d_taken_scores",
        ),
        ("= -ds.sum", "= ds.sum", "sign", "d_scores|d_taken_scores"),
        (" + 2e-3 * d_loss * W", "", "regulariser", "d_W"),
        ("2e-3", "1e-3", "factor 2", "d_W"),
        ("db = ds.sum(axis=0)", "db = ds.sum(axis=1)", "wrong axis", "d_b"),
        ("db = ds.sum(axis=0)", "db = ds", "not summed", "d_b"),
        ("(margins > 0) & ~one_hot", "~one_hot", "mask", "d_scores|d_taken_scores"),
        ("(margins > 0)", "(margins <= 0)", "inverted mask", "d_scores|d_taken_scores"),
        ("x.T @ ds", "-x.T @ ds", "sign", "d_W"),
        ("x.T @ ds", "x.T @ ds / n", "extra mean", "d_W"),
    ),
    *_mistakes(
        "dropped",
        ("dd * mask", "dd", "mask", "d_h"),
        ("dd * mask", "dd * (mask > 0)", "mask scale", "d_h"),
        ("dh * (h > 0)", "dh", "mask", "d_hidden_z"),
        ("product.T @ dz", "h.T @ dz", "wrong value", "d_out_W"),
        ("    dz[range(n), y] -= 1\n", "", "one-hot", "d_z"),
        ("dz / n", "dz", "missing mean", "d_z"),
        ("np.sum(dz, 0)", "np.mean(dz, 0)", "mean instead of sum", "d_out_b"),
        ("np.sum(da, 0)", "np.sum(dh, 0)", "wrong cotangent", "d_hidden_b"),
        ("dd * mask", "dd / 0.75", ("mask", "local derivative"), "d_h"),
        ("-= 1", "+= 1", "sign", "d_z"),
        ("-= 1", "-= 2", ("factor", "twice"), "d_z"),
    ),
    *_mistakes(
        "residual",
        ("dr + da2 @", "da2 @", "fan-out", "d_h"),
        ('dr + da2 @ params["middle.W"].T', "dr", "fan-out", "d_h"),
        ("(1 - h**2)", "(1 - h)", "local derivative", "d_first_z"),
        ("(1 - h**2)", "h * (1 - h)", "local derivative", "d_first_z"),
        ("* s * (1 - s)", "* s", "local derivative", "d_middle_z"),
        ("* s * (1 - s)", "* (1 - s)", "local derivative", "d_middle_z"),
        ("2 * difference", "difference", "factor 2", "d_y"),
        ("difference.size", "len(x)", "twice", "d_y"),
        ("/ difference.size", "", "factor", "d_y"),
        ("* d_loss", "", "d_loss", "d_y"),
        ('params["middle.W"].T', 'params["middle.W"]', "transposed", "d_h"),
        ("h.T @ da2", "da2.T @ h", "transposed", "d_middle_W"),
        ("h.T @ da2", "r.T @ da2", "wrong value", "d_middle_W"),
        ("r.T @ dy", "h.T @ dy", "wrong value", "d_last_W"),
        ("dr + da2", "dr - da2", "sign", "d_h"),
        ("dy = 2 *", "dy = -2 *", "sign", "d_y"),
        ("da2.sum(axis=0)", "da2.sum(axis=1)", "wrong axis", "d_middle_b"),
        (
            "db3 = dy.sum(axis=0)",
            "db3 = dy.mean(axis=0)",
            "mean instead of sum",
            "d_last_b",
        ),
        ("= da1.sum(axis=0)", "= dh.sum(axis=0)", "wrong cotangent", "d_first_b"),
        ("da1 = dh * (1 - h**2)", "da1 = dh", "local derivative", "d_first_z"),
        ("da1 = dh * (1 - h**2)", "da1 = 1 - h**2", "upstream", "d_first_z"),
        ("x.T @ da1", "x.T @ da1 * 3", "factor", "d_first_W"),
        (
            "(1 - h**2)",
            "(1 - np.tanh(h)**2)",
            ("applied twice", "unknown"),
            "d_first_z",
        ),
    ),
    *_mistakes(
        "conv",
        ("dh * (h > 0)", "dh", "mask", "d_conv_z"),
        ("axis=(0, 2, 3)", "axis=(2, 3)", "not summed", "d_conv_b"),
        (
            "da.sum(axis=(0, 2, 3))",
            "da.mean(axis=(0, 2, 3))",
            "mean instead of sum",
            "d_conv_b",
        ),
        ("d_loss / n", "d_loss", "missing mean", "d_z"),
        ("    dz[np.arange(n), y] -= 1\n", "", "one-hot", "d_z"),
        ('"conv.W": dK', '"conv.W": dK[..., ::-1, ::-1]', "flipped", "d_conv_W"),
        ("df.reshape(h.shape)", 'df.reshape(h.shape, order="F")', "rearranged", "d_h"),
        (
            '"conv.W": dK',
            '"conv.W": dK.swapaxes(2, 3)',
            ("transposed", "rearranged"),
            "d_conv_W",
        ),
        (
            "da.sum(axis=(0, 2, 3))",
            "dh.sum(axis=(0, 2, 3))",
            "wrong cotangent",
            "d_conv_b",
        ),
        ("* (h > 0)", "* (h > 0) / n", "extra mean", "d_conv_z"),
    ),
    *_mistakes(
        "scanned",
        ("dW += x[i]", "dW = x[i]", "last step", "d_W"),
        ("db += da", "db = da", "last step", "d_b"),
        ("        dh = da @ U.T\n", "", "carry", "d_h"),
        ("da @ U.T", "da @ U", "transposed", "d_h"),
        ("(1 - after[i] ** 2)", "(1 - after[i])", "local derivative", "d_total_x_t"),
        ("before[i].T @ da", "after[i].T @ da", "wrong value", "d_U"),
        ("/ (2 * n)", "/ 2", "missing mean", "d_y"),
        ("2 * difference", "difference", "factor 2", "d_y"),
        ("da = dh * (1 - after[i] ** 2)", "da = dh", "local derivative", "d_total_x_t"),
        ("last.T @ dy", "before[-1].T @ dy", ("wrong value", "unknown"), "d_V"),
        ("dh = da @ U.T", "dh = dh @ U.T", "wrong cotangent", "d_h"),
    ),
    *_mistakes(
        "normed",
        (" + droot * r / 4", "", ("fan-out", "term"), "d_a"),
        ("= -(dr * r)", "= (dr * r)", "sign", "d_a"),
        ("keepdims=True) / root", "keepdims=True)", "local derivative", "d_a"),
        ("r / 4", "r", ("factor", "local derivative"), "d_a"),
        ("r / 4", "r / 8", ("factor 2", "fan-out"), "d_a|product"),
        ("dr / root +", "dr * root +", "local derivative", "d_a"),
        ("dr / root +", "dr +", "local derivative", "d_a"),
    ),
    *(m for model, rows in UNSEEN for m in _mistakes(model, *rows)),
]
