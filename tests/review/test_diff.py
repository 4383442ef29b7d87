"""`symdiff diff`: what differs between two specs or generated modules."""

from pathlib import Path

from cli_runs import printed as run
from review_commands import SPEC, edit, spec


def changed(old, new, name="new.py"):
    """What `diff` says of the spec and of the spec with something replaced."""
    text = SPEC
    for before, after in zip(old, new, strict=True):
        assert before in text
        text = text.replace(before, after)
    return run("diff", spec(), spec(text, name), code=1)


def test_nothing_differs(package):
    said = run("diff", "model.py", spec("# a comment\n" + SPEC, "commented.py"))
    assert "compute the same" in said
    assert "compute the same" in run("diff", package, "model.py")
    assert "compute the same" in run(
        "diff", package / "backward.py", package / "backward.py"
    )


def test_another_operation_and_its_rule():
    said = changed(["sd.tanh"], ["sd.sigmoid"])
    assert "~ h = tanh(xV)" in said
    assert "gets d_h * (1 - h**2)" in said
    assert "gets d_h * h * (1 - h)" in said
    assert "more read a changed value" in said
    assert "shape" not in said.split("generated")[0]


def test_another_shape_and_its_cost():
    said = changed(["(4, 5)", "(5, 3)"], ["(4, 7)", "(7, 3)"])
    assert "~ parameter V: float[4, 5] → float[4, 7]" in said
    assert "shape  [N, 5] → [N, 7]" in said
    assert "flops  40*N → 56*N" in said
    assert "\nnodes\n" in said
    assert "nodes  " not in said  # there are as many
    assert "flops  " in said.split("\ncost\n")[1]


def test_nodes_added_and_removed():
    said = changed(["loss = "], ["loss = 0.1 * sd.sum(h**2) + "])
    assert "+ h_squared = h**2" in said
    assert "d_h gets d_h_squared * (2 * h)" in said
    assert "\n  - " not in said.split("generated")[0]
    back = run("diff", "new.py", "model.py", code=1)
    assert "- h_squared = h**2" in back


def test_a_setting_of_the_optimiser():
    assert "~ setting lr: 0.1 → 0.2" in changed(["SGD(0.1)"], ["SGD(0.2)"])


def test_generated_modules(package):
    run("compile", spec(SPEC.replace("tanh", "relu"), "new.py"), "-o", "new")
    said = run("diff", package, "new/small", code=1)
    assert "np.where(h > 0, d_h, 0)" in said
    edit(package / "backward.py", "d_h * (1 - h**2)", "d_h * (2 - h**2)")
    said = run("diff", package / "backward.py", "model.py", code=1)
    assert "edited after it was generated" in said
    assert "(2 - h**2)" in said


def test_what_cannot_be_compared(package):
    assert "does not exist" in run("diff", "model.py", "nothing.py", code=2)
    Path("empty").mkdir()
    assert "holds no generated package" in run("diff", "model.py", "empty", code=2)
    edit(package / "forward.py", "def forward(", "def forward((")
    assert "is no Python at line" in run("diff", "model.py", package, code=2)


TOWER = """
import symdiff as sd

N = sd.dim("N")
x, y = sd.input("x", (N, 4)), sd.input("y", (N, 4))
h = sd.nn.dense(x, 4, name="first")
for i in range(3):
    with sd.scope(f"block{i}"):
        a = sd.nn.dense(sd.nn.layer_norm(h), 8, "tanh", name="up")
        h = h + sd.nn.dense(a, 4, name="down")
model = sd.Model("tower", [x], [y], outputs=h, loss=sd.mean((h - y) ** 2))
"""


def test_the_statements_of_blocks_that_repeat_are_compared():
    said = run(
        *("diff", spec(TOWER), spec(TOWER.replace("tanh", "relu"), "new.py")), code=1
    )
    generated = said.split("generated")[1].split("\ncost\n")[0]
    for function in ("forward.py block", "backward.py block_forward"):
        assert f"  {function}\n    ~ a = np.tanh(" in generated
    assert "backward.py block_backward\n    ~ d_up_z = d_a * (1 - r.a**2)" in generated
