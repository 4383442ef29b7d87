"""What is known of the lines of blocks: in listings, headings and headers.

In: towers of blocks. Out: the listing and the text of their modules. Invariant: a line
of a block stands for the values of all blocks, a call for the user's call.
"""

from __future__ import annotations

from block_towers import WIDTH, N, tower

import symdiff as sd
from symdiff.emit.lower.alike import effects
from symdiff.emit.python import code as py

# --- what the listing says ------------------------------------------------------------


def test_a_line_of_a_block_names_the_values_of_all_blocks() -> None:
    compiled = sd.compile(tower(["norm", "gelu", "residual"], 3))
    listing = compiled.listed("backward")
    for name in ("block_forward", "block_backward"):
        lines = [x for x in listing.functions[name].lines if x.tensors]
        assert len(lines) > 6
        assert all(len(x.tensors) == 3 for x in lines)
        assert all(x.statement is not None for x in lines[:-1])
    calls = [
        x
        for x in listing.functions["backward"].lines
        if "block_backward(" in " ".join(listing.source(x))
    ]
    assert [x.targets[-1] for x in calls] == ["d_block2", "d_block1", "d_block0"]
    assert all(x.place for x in calls)


def test_the_heading_of_a_call_is_the_users_call() -> None:
    def block(h: sd.Tensor, name: str) -> sd.Tensor:
        with sd.scope(name):
            h = sd.nn.layer_norm(h)
            return h + sd.nn.dense(h, WIDTH, "gelu")

    x, y = sd.input("x", (N, WIDTH)), sd.input("y", (N, WIDTH))
    h = sd.nn.dense(x, WIDTH, name="first")
    for i in range(2):
        h = block(h, f"block{i}")
    model = sd.Model("m", [x], [y], h, sd.mean((h - y) ** 2))
    text = sd.compile(model)["backward"]
    assert text.count('# h = block(h, f"block{i}")') == 2  # one above each run of calls
    assert text.count("# h = layer_norm(h)") == 2  # in block_forward and block_backward


def test_the_option_is_in_the_header_and_on_the_command_line() -> None:
    plain = sd.compile(tower(["norm", "gelu"], 2), inline=True)
    assert "wrt=params, inline; graph" in plain["backward"]
    assert "block_backward" not in plain["backward"]


# --- what a statement reads and sets --------------------------------------------------


def test_effects_of_statements() -> None:
    a, b, i = py.Name("a"), py.Name("b"), py.Name("i")
    loop = py.For(i, py.call("range", 3), (py.Assign((a,), b), py.Assign((b,), a)))
    found = effects(loop)
    assert found.reads == {"range", "b"}  # `a` is set before it is read
    assert found.sets == {"i", "a", "b"}
    assert not found.sure  # the loop may not run
    branch = py.If(b, (py.Assign((a,), i),), (py.Assign((a,), b), py.Assign((i,), b)))
    assert effects(branch).sure == {"a"}
    assert effects(py.AugAssign(py.Index(a, (i,)), "+", b)).changes == {"a"}
    assert effects(py.ExprStmt(py.call("np.add.at", a, i, b))).changes >= {"a"}
    assert effects(py.Assign((py.Index(a, (i,)),), b)).reads == {"a", "i", "b"}
