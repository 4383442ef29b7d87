"""Recurrent layers and attention equal PyTorch's, padding and causality included."""

import importlib

import numpy as np
import pytest
from layer_checks import WIDTHS, against_torch, declared

import symdiff as sd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 4))
LENGTHS = np.array([4, 6, 1])
U = 5


def f(torch):
    return torch.nn.functional


def weights(gates, layer, inner=False):
    shapes = {"W": (4, gates * U), "U": (U, gates * U), "b": (gates * U,)}
    if inner:
        shapes["c"] = (U,)
    return {f"{layer}.{k}": RNG.normal(size=s) * 0.5 for k, s in shapes.items()}


def torch_layer(torch, kind, x, w, u, b, b_hidden):
    """Return torch's layer; its weights are transposed, its bias is in two parts."""
    layer = getattr(torch.nn, kind.upper())(4, U, batch_first=True, dtype=x.dtype)
    values = {"weight_ih_l0": w.T, "weight_hh_l0": u.T}
    values |= {"bias_ih_l0": b, "bias_hh_l0": b_hidden}
    return lambda *a: torch.func.functional_call(layer, values, a)


def reference(kind, lengths=None, reverse=False, initial=False):
    def run(torch, x, *rest, **w):
        extra = list(rest)
        names = [w[f"{kind}_{k}"] for k in "WUb"]
        b_hidden = torch.zeros_like(names[2])
        if kind == "gru":
            b_hidden = torch.cat([b_hidden[: 2 * U], w["gru_c"]])
        layer = torch_layer(torch, kind, x, *names, b_hidden)
        start = [h[None] for h in extra if h.dtype == x.dtype]
        if lengths is None and not reverse:
            state = tuple(start) if kind == "lstm" else start[0] if start else None
            ys, last = layer(x, state) if start else layer(x)
        else:
            ys, last = by_row(torch, layer, x, lengths, reverse)
        last = last if isinstance(last, tuple) else (last,)
        return [ys, *(t[0] for t in last)]

    return run


def by_row(torch, layer, x, lengths, reverse):
    """Each sequence by itself, cut to its length, turned round, and padded again."""
    rows, lasts = [], []
    for i, n in enumerate(lengths if lengths is not None else [x.shape[1]] * len(x)):
        row = x[i : i + 1, :n]
        ys, last = layer(row.flip(1) if reverse else row)
        ys = ys.flip(1) if reverse else ys
        rows.append(f(torch).pad(ys, (0, 0, 0, x.shape[1] - n)))
        lasts.append(last if isinstance(last, tuple) else (last,))
    return torch.cat(rows), tuple(torch.cat(t, 1) for t in zip(*lasts, strict=True))


LAYERS = {"rnn": (1, False), "lstm": (4, False), "gru": (3, True)}


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_recurrent_layer_equals_torch(kind, reverse, width):
    layer = getattr(sd.nn, kind)
    against_torch(
        lambda x: layer(x, U, reverse=reverse),
        reference(kind, reverse=reverse),
        [X],
        weights(*LAYERS[kind][:1], kind, LAYERS[kind][1]),
        width,
    )


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("kind", LAYERS)
def test_padding_changes_nothing(kind, reverse, width):
    """As if each sequence ran alone: zeros at padding, the state of its own end."""
    layer = getattr(sd.nn, kind)
    against_torch(
        lambda x, n: layer(x, U, lengths=n, reverse=reverse),
        lambda t, x, n, **w: reference(kind, LENGTHS, reverse)(t, x, **w),
        [X, LENGTHS],
        weights(*LAYERS[kind][:1], kind, LAYERS[kind][1]),
        width,
    )


@pytest.mark.oracle
@pytest.mark.parametrize("kind", LAYERS)
def test_the_first_state_may_be_given(kind):
    layer = getattr(sd.nn, kind)
    starts = list(RNG.normal(size=(2 if kind == "lstm" else 1, 3, U)))

    def declare(x, *h):
        return layer(x, U, initial=h if kind == "lstm" else h[0])

    against_torch(
        declare,
        reference(kind),
        [X, *starts],
        weights(*LAYERS[kind][:1], kind, LAYERS[kind][1]),
    )


def test_a_mask_is_what_lengths_stand_for():
    x, n = declared([X, LENGTHS])
    there = sd.input("there", (sd.dim("N"), 6), "bool")
    by_length, by_mask = sd.nn.rnn(x, U, lengths=n)[0], sd.nn.rnn(x, U, mask=there)[0]
    at = {x: X, n: LENGTHS, there: np.arange(6) < LENGTHS[:, None]}
    values = weights(1, "rnn")
    found = []
    for y in (by_length, by_mask):
        at |= {p: values[str(p.name)] for p in sd.params(y)}
        found.append(sd.interpret(y, at))
    np.testing.assert_array_equal(*found)


def test_the_forget_gate_starts_open():
    (x,) = declared([X])
    ys, _ = sd.nn.lstm(x, 2)
    (b,) = sd.params(ys, "*.b")
    drawn = b.node.attrs["init"].draw(None, (8,))
    np.testing.assert_array_equal(drawn, [0, 0, 1, 1, 0, 0, 0, 0])


# --- attention -----------------------------------------------------------------------

Q = RNG.normal(size=(2, 3, 4, 5))
K, V = RNG.normal(size=(2, 2, 3, 4, 5))


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_torch(causal, width):
    against_torch(
        lambda q, k, v: sd.nn.attention(q, k, v, causal=causal),
        lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k, v, is_causal=causal),
        [Q, K, V],
        width=width,
    )


PADDED = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]], bool)


@pytest.mark.oracle
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_multi_head_attention_equals_torch(causal, padded, width):
    made = {}
    for k in ("q", "k", "v", "out"):
        made[f"attention.{k}.W"] = RNG.normal(size=(4, 4))
        made[f"attention.{k}.b"] = RNG.normal(size=4)

    def reference(t, x, *mask, **w):
        p = {k.removeprefix("attention_"): v for k, v in w.items()}
        blocked = t.triu(t.ones(6, 6, dtype=t.bool), 1) if causal else None
        return (
            f(t)
            .multi_head_attention_forward(
                *[x.transpose(0, 1)] * 3,
                embed_dim_to_check=4,
                num_heads=2,
                in_proj_weight=t.cat([p["q_W"].T, p["k_W"].T, p["v_W"].T]),
                in_proj_bias=t.cat([p["q_b"], p["k_b"], p["v_b"]]),
                bias_k=None,
                bias_v=None,
                add_zero_attn=False,
                dropout_p=0.0,
                out_proj_weight=p["out_W"].T,
                out_proj_bias=p["out_b"],
                key_padding_mask=~mask[0] if mask else None,
                attn_mask=blocked,
                need_weights=False,
            )[0]
            .transpose(0, 1)
        )

    against_torch(
        lambda x, *mask: sd.nn.multi_head_attention(
            x, 2, causal=causal, mask=mask[0] if mask else None
        ),
        reference,
        [X, PADDED] if padded else [X],
        made,
        width,
    )


def test_attention_over_another_sequence():
    x, c = declared([X, RNG.normal(size=(3, 7, 2))])
    y = sd.nn.multi_head_attention(x, 2, context=c, units=6)
    assert y.shape == x.shape
    shapes = {p.name.split(".", 1)[1]: p.shape for p in sd.params(y, "*.W")}
    assert shapes == {"q.W": (4, 6), "k.W": (2, 6), "v.W": (2, 6), "out.W": (6, 4)}


def test_a_query_without_keys_has_a_finite_gradient():
    q, m = declared([Q, np.zeros((2, 1, 1, 4), bool)])
    y = sd.sum(sd.nn.attention(q, q, q, mask=m) ** 2)
    at = {q: Q, m: np.zeros((2, 1, 1, 4), bool)}
    assert all(np.isfinite(v).all() for v in sd.interpret([y, sd.grad(y, q)], at))


def test_causal_attention_sees_nothing_that_comes_later():
    (x,) = declared([X])
    y = sd.nn.multi_head_attention(x, 2, causal=True)
    at = {p: RNG.normal(size=p.shape) for p in sd.params(y)}
    changed = X.copy()
    changed[:, 3:] = 7
    found = [sd.interpret(y, {**at, x: v}) for v in (X, changed)]
    np.testing.assert_array_equal(found[0][:, :3], found[1][:, :3])


# --- generated modules ---------------------------------------------------------------


def steps(n, t):
    return sd.input("x", (n, t, 4)), sd.input("n", n, "int64", low=1, high=7)


def recurrent(kind):
    n, t = sd.dim("N"), sd.dim("T")
    x, lengths = steps(n, t)
    y = sd.input("y", (n, 2))
    _, last = getattr(sd.nn, kind)(x, 3, lengths=lengths)
    z = sd.nn.dense(last[0] if kind == "lstm" else last, 2, name="out")
    return sd.Model(
        kind, [x, lengths], [y], z, sd.nn.mse(z, y), optimizer=sd.optim.Adam()
    )


def transformer():
    n, t = sd.dim("N"), sd.dim("T")
    ids = sd.input("ids", (n, t), "int64", high=9)
    y = sd.input("y", (n, t), "int64", low=0, high=9)
    h = sd.nn.embedding(ids, 9, 8)
    with sd.scope("block"):
        h = sd.nn.residual(
            h,
            lambda h: sd.nn.dropout(
                sd.nn.multi_head_attention(sd.nn.layer_norm(h), 2, causal=True), 0.1
            ),
        )
        h = sd.nn.residual(
            h,
            lambda h: sd.nn.dense(
                sd.nn.dense(sd.nn.rms_norm(h), 16, "gelu"), 8, name="down"
            ),
        )
    z = sd.nn.dense(h, 9, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y, ignore_index=0, label_smoothing=0.1)
    return sd.Model("gpt", [ids], [y], z, loss, optimizer=sd.optim.AdamW(clip_norm=1.0))


@pytest.mark.parametrize("kind", [*LAYERS, "transformer"])
def test_generated_modules_check_themselves_and_train(kind):
    model = transformer() if kind == "transformer" else recurrent(kind)
    made = sd.compile(model, check=True, planned="exact").load()
    train = importlib.import_module(f"{made.__name__}.train")
    states = [train.init_state(train.init_params(0)) for _ in range(2)]
    if kind == "transformer":
        data = (np.arange(12).reshape(2, 6) % 9, np.arange(2, 14).reshape(2, 6) % 9)
    else:
        data = (X.astype("float32"), LENGTHS, np.ones((3, 2), "float32"))
    losses = []
    for _ in range(20):
        for state, planned in zip(states, (False, True), strict=True):
            found = train.train_step(state, *data, planned=planned)
        losses.append(found["loss"])
    assert losses[-1] < losses[0]
    for name in states[0].params:
        np.testing.assert_array_equal(states[0].params[name], states[1].params[name])


BAD = {
    "two axes": lambda x, n: sd.nn.rnn(x[:, 0], 3),
    "both": lambda x, n: sd.nn.rnn(x, 3, lengths=n, mask=x[:, :, 0] > 0),
    "float lengths": lambda x, n: sd.nn.lstm(x, 3, lengths=x[:, 0, 0]),
    "mask": lambda x, n: sd.nn.gru(x, 3, mask=x[:, :3, 0] > 0),
    "initial": lambda x, n: sd.nn.gru(x, 3, initial=x[:, 0]),
    "units": lambda x, n: sd.nn.gru(x, 0),
    "heads": lambda x, n: sd.nn.multi_head_attention(x, 3),
    "causal": lambda x, n: sd.nn.attention(x, x[:, :3], x[:, :3], causal=True),
    "key mask": lambda x, n: sd.nn.multi_head_attention(x, 2, mask=x > 0),
}


@pytest.mark.parametrize("declare", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_at_their_line(declare):
    with pytest.raises(sd.SymdiffError) as caught:
        declare(*declared([X, LENGTHS]))
    assert __file__ in str(caught.value)
