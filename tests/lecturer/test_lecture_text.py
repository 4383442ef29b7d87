"""What the generated gradients of loops say, and how: as a lecturer writes it."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from generated import module
from lecturer.rows import ROWS

import symdiff as sd


@functools.cache
def backward_file(name: str) -> str:
    (row,) = (r for r in ROWS if r.by_hand.stem == name)
    return sd.compile(row.model())["backward"]


def body(name: str, function: str = "backward") -> str:
    text = backward_file(name)
    return re.search(rf"def {function}\(.*?(?=\n\n\n)", text, re.S)[0]  # type: ignore[index]


@pytest.mark.parametrize("name", ["lstm", "lstm_scan"])
def test_what_a_step_starts_from_is_the_previous_value(name: str) -> None:
    forward = body(name, "loss_and_residuals")
    assert "h_prev_steps[t], c_prev_steps[t] = h, c" in forward
    backward = body(name)
    assert re.search(r"d_(lstm_)?U .*r\.h_prev_steps.*(, d_z|\.T @ d_z)", backward)
    assert re.search(
        r"d_h = .*  # \[N, 5\]   h_prev @ (lstm_)?U(, by h_prev)?\n", backward
    )


def test_values_of_a_step_have_the_names_of_the_user() -> None:
    forward, backward = body("kalman", "loss_and_residuals"), body("kalman")
    assert "m_prev_steps[t], P_prev_steps[t] = m, P" in forward
    assert "m = m_steps[t] = A @ m" in forward
    assert "P = P_steps[t] = AP @ A.T + Q" in forward
    assert "P, e, S_inv, K = r.P_steps[t], r.e_steps[t], r.S_inv_" in backward
    assert not re.search(r"\b[mP]_t\b|_steps_2|from_diagonal", forward + backward)
    assert "d_Q += " in backward
    assert "np.diagonal(d_R)" in backward


def test_the_last_hidden_state_is_the_end_of_the_loop() -> None:
    text = backward_file("lstm")
    assert "guess = h @ out_W + out_b" in text
    assert "d_h_last = d_guess @ out_W.T" in body("lstm")
    assert " h_steps" not in text
    assert "np.zeros((N, T" not in text


def test_the_pre_activation_of_a_gate_is_z() -> None:
    text = backward_file("lstm")
    assert "z = x_W_plus_b[t] + h @ lstm_U" in text
    assert "d_z = d_z_steps[t] = np.concatenate((d_z_i, d_z_f, d_z_g, d_z_o)" in text
    text = backward_file("lstm_scan")
    assert "z = xW[t] + h @ U + b" in text
    assert "i, f, g, o = np.split(z, 4, axis=1)" in text
    assert "d_z = np.concatenate((d_i, d_f, d_g, d_o), axis=1)" in text


@pytest.mark.parametrize("name", ["lstm", "lstm_scan"])
def test_sigmoid_is_written_once(name: str) -> None:
    text = backward_file(name)
    assert text.count("def _sigmoid(z") == 1
    assert text.count("_sigmoid(") == 4
    assert text.count("np.exp(") == 1


def test_a_loop_with_two_sigmoids_writes_them_out() -> None:
    x = sd.input("x", (3, 4))

    def step(c: sd.Tensor, row: sd.Tensor) -> tuple[sd.Tensor, None]:
        return sd.sigmoid(c) * sd.sigmoid(row), None

    end, _ = sd.scan(step, sd.ones(4), x)
    text = sd.compile(sd.Function("two", [x], [end]))["forward"]
    assert "_sigmoid" not in text


def test_the_function_sigmoid_has_the_bits_of_the_formula() -> None:
    z = sd.input("z", (2, 5))

    def stacked(count: int) -> sd.Tensor:
        def step(c: sd.Tensor, row: sd.Tensor) -> tuple[sd.Tensor, sd.Tensor]:
            each = [sd.sigmoid(row * (1.0 + i)) for i in range(count)]
            return c, sd.stack(each)

        return sd.scan(step, sd.zeros(()), z)[1]

    rows = np.array([[0.0, -0.0, 800, -800, 1e-30], [np.inf, -np.inf, np.nan, -37, 3]])
    for width in ("float32", "float64"):
        found = []
        for count in (2, 3):
            made = sd.compile(sd.Function("f", [z], [stacked(count)]))
            assert ("_sigmoid(" in made["forward"]) is (count == 3)
            with np.errstate(over="raise"):
                found.append(module(made, "forward").forward(rows.astype(width)))
        np.testing.assert_array_equal(found[0], found[1][:, :2])


def test_a_cotangent_that_is_one_number_is_not_stacked() -> None:
    backward = body("kalman")
    assert "np.full" not in backward
    before, loop = backward.split("    for t in ")
    assert "half_dloss = d_loss / 2\n" in before
    assert loop.count("half_dloss") == 3
    assert "d_loss / 2" not in loop
    assert "d_nll" not in backward


def test_signs_and_transposes_join_in_sums() -> None:
    backward = body("kalman")
    assert "d_C += d_S.T @ r.CP_steps[t]  # [2, 3]   CP @ C.T, by C" in backward
    assert "d_C += d_PCT.T @ P  # [2, 3]   P @ C.T, by C" in backward
    assert "d_m = d_m - C.T @ d_e" in backward
    assert not re.search(r"= -\w+  #", backward), "a name for a sign"


def test_a_crf_reads_as_its_loss() -> None:
    forward, backward = body("crf", "loss_and_residuals"), body("crf")
    assert "index 0 of an axis of length T needs" in forward
    assert "scores[t + 1]" in forward
    assert "A[y[:-1], y[1:]]" in forward
    assert ".copy()" not in backward
    assert "_part" not in backward
    path = backward.index("# path = ")
    assert path < backward.index("np.subtract.at(d_A, np.s_[y[:-1], y[1:]]")
    assert path < backward.index("d_scores[np.arange(T), y] -= ")


def test_what_was_divided_by_is_not_multiplied_again() -> None:
    assert "d_log_sigma = -(d_z * z).sum(axis=0) - " in body("gmm")
    (row,) = (r for r in ROWS if r.by_hand.stem == "gmm")
    found = module(sd.compile(row.model()), "backward")
    params = {
        "logits": np.zeros(4),
        "mu": np.zeros(4),
        "log_sigma": np.array([0.0, 0.0, 0.0, 800.0]),
    }
    with np.errstate(over="ignore"):
        _, grads = found.value_and_grad(params, np.array([[0.5], [1.0]]))
    assert np.isfinite(grads["log_sigma"]).all()
    assert grads["log_sigma"][3] == 0


def test_what_a_line_goes_through_is_one_formula() -> None:
    """Uses whose cotangents are added stand apart."""
    lstm, kalman = body("lstm"), body("kalman")
    assert "* o * (1 - o)  # [N, 5]   sigmoid(z_o) * tanh_c" in lstm
    assert "d_c = d_c * f  # [N, 5]   f * c_prev, by c_prev\n" in lstm
    assert (
        "# [N, 2]   (guess_minus_y**2).mean(): 2 / (2 * N) is 1 / N\n    d_guess = "
        in lstm
    )
    assert "# [3]   np.diag(np.exp(log_q))" in kalman
    assert (
        "        # [2]   e @ S_inv; eS_inv @ e / 2, each by e\n        d_e = S_inv @"
        in kalman
    )


def test_no_line_of_the_attention_lacks_its_rule_for_want_of_room() -> None:
    backward = body("attention")
    above = (
        "    # [16, 16]   seen @ attention_v_W, by attention_v_W, summed over N and T\n"
        "    d_attention_v_W ="
    )
    assert above in backward
    above = (
        "    # [16]   attention_v_b was broadcast\n    d_attention_v_b = d_attention_v."
    )
    assert above in backward
    assert (
        "   softmax: (diag(p) - p p.T) d_p along axis 3, p = attention_shares\n"
        in backward
    )
    assert "d_attention_scores / 2  # [N, 4, T, T]   attention_dots / sqrt(4)\n" in (
        backward
    )
    assert "# [16]   norm_gamma * norm_normalized, norm_gamma was br" in backward


def test_what_a_turn_reads_twice_is_named_where_there_is_room() -> None:
    assert "i, f, g, o = r.i_steps[t], r.f_steps[t], r.g_steps[t], r.o" in body("lstm")
    assert body("lstm_scan").count("r.tanh_g_steps[t]") == 1


@pytest.mark.parametrize(
    ("name", "carried", "ends"),
    [
        ("lstm", "d_h, d_c from what follows, by the h, c", "h_prev, c_prev"),
        ("lstm_scan", "d_h, d_c from what follows, by the h, c", "h_prev, c_prev"),
        ("kalman", "d_m, d_P from what follows, by the m, P", "m_prev, P_prev"),
    ],
)
def test_a_turn_says_what_its_cotangents_are_of(
    name: str, carried: str, ends: str
) -> None:
    told = " ".join(body(name).replace("# ", "").split())
    between = {"kalman": "; in between they are by the m, P kept in m_steps, P_steps"}
    begins = f"A turn begins with {carried} that step t hands on"
    ends_with = f"it ends with those by the {ends} that step t starts from."
    assert f"{begins}{between.get(name, '')}; {ends_with}" in told


def test_stacks_say_which_value_of_a_step_they_keep() -> None:
    """The user's step gives one name to several values, one after the other."""
    text = backward_file("kalman")
    assert "    m_prev_steps: np.ndarray  # [T, 3]   m before each step\n" in text
    assert "    m_steps: np.ndarray  # [T, 3]   m = A @ m\n" in text
    assert "    P_steps: np.ndarray  # [T, 3, 3]   P = A @ P @ A.T + Q\n" in text
    assert "    K_steps: np.ndarray  # [T, 3, 2]\n" in text
    rows, w = sd.input("rows", (sd.dim("T"), 3)), sd.param("w", (3,))

    def step(h: sd.Tensor, row: sd.Tensor) -> tuple[sd.Tensor, None]:
        h = sd.nn.silu(h * w) + sd.nn.silu(h * row) + sd.nn.silu(h * w * row * w * row)
        return sd.sin(h) * sd.exp(h), None

    h, _ = sd.scan(step, sd.ones(3), rows)
    text = sd.compile(sd.Model("m", [rows], [], h, loss=sd.sum(h * h)))["backward"]
    assert "    h_prev_steps: np.ndarray  # [T, 3]   h before each step\n" in text
    assert "    h_steps: np.ndarray  # [T, 3]   h within each step\n" in text


def test_what_a_branch_computes_is_kept_with_its_shape() -> None:
    x = sd.input("x", (3,))
    y = sd.cond(sd.sum(x) > 0, lambda: sd.sin(x), lambda: sd.exp(x))
    text = sd.compile(sd.Function("f", [x], [y * y]))["backward"]
    assert re.search(r"^    y: np\.ndarray  # \[3\]$", text, re.M)


def test_parts_are_told_as_the_forward_pass_takes_them() -> None:
    for name, parts in (("lstm", "z_i, z_f, z_g, z_o"), ("lstm_scan", "i, f, g, o")):
        split = f"{parts} = np.split(z, 4, axis=1)\n"
        assert split in body(name, "loss_and_residuals")
        assert f"   {split}" in body(name)


def test_backward_says_which_params_it_takes() -> None:
    for row in ROWS:
        head = body(row.by_hand.stem).partition("    d_loss = ")[0]
        assert "\n\n    params must be those that gave the residuals.\n" in head


def test_the_kalman_filter_reads_backwards() -> None:
    backward = body("kalman")
    lines = [int(n) for n in re.findall(r"\[kalman\.py:(\d+)\]", backward)]
    assert lines == [28, 27, 24, 23, 22, 21, 20, 19, 18, 17, 12]
    assert "# nll.sum(): every summand gets the cotangent" in backward
    assert len(re.findall(r"#.* / 2(?=[,;])", backward)) == 3
    inverse = backward.split("# S_inv = inv(S) ")[1].split("\n\n")[0]
    assert "np.linalg.inv(S)" in inverse
    assert "d_eS_inv = " in backward


def test_comments_are_no_names_of_ops() -> None:
    for name in ("lstm", "lstm_scan", "kalman", "crf"):
        rules = re.findall(r"#.*\]   (.*)", body(name))
        assert rules
        assert not {"matmul", "subtract", "scan", "multiply", "add"} & {*rules}


def test_carries_stand_beside_carries() -> None:
    backward = body("lstm_scan")
    assert "    d_c = np.zeros((N, 5), r.x.dtype)\n" in backward
    assert "d_W, d_U = np.zeros((3, 20), r.x.dtype), np.zeros_like(U)" in backward
    assert "dtype=" not in backward
    assert "d_c = d_c + d_h * sigmoid_o" in backward


def test_the_state_of_a_layer_is_named_after_its_stack() -> None:
    N, T = sd.dim("N"), sd.dim("T")
    x = sd.input("x", (N, T, 3))
    h, _ = sd.nn.rnn(x, 4, name="rnn")
    text = sd.compile(sd.Model("m", [x], [], h, loss=sd.mean(h**2)))["backward"]
    assert "h_t_prev_steps[t] = h_t" in text
    assert "h = h_t_steps.swapaxes(0, 1)" in text
