"""The same spec gives the same bytes: whenever, after whatever, under any hash seed."""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import symdiff as sd
from symdiff.compiler.compilation import Compilation

SPEC = """
import symdiff as sd

N = sd.dim("N")
x = sd.input("x", (N, 6))
y = sd.input("y", (N,), dtype="int64", high=3)
h = sd.nn.dense(x, 5, activation="relu", name="hidden")
z = sd.nn.dense(h, 3, name="out")
weights = [p for p in sd.params(z) if p.ndim > 1]
loss = sd.nn.softmax_cross_entropy(z, y) + 1e-4 * sd.nn.l2(weights)
model = sd.Model(
    "small",
    inputs=[x],
    targets=[y],
    outputs={"probs": sd.nn.softmax(z)},
    loss=loss,
    metrics={"accuracy": sd.nn.accuracy(z, y)},
    optimizer=sd.optim.Adam(1e-2),
)
"""
OTHER = """
import symdiff as sd

x = sd.input("x", (3, 4))
h = sd.tanh(x)
z = sd.sum(h, axis=0) * h
model = sd.Function("other", [x], [z, sd.mean(h)])
"""


def compiled(text: str, folder: Path, name: str = "spec.py") -> Compilation:
    """Compile a spec from a file of its own."""
    path = folder / name
    path.write_text(text)
    scope: dict[str, Any] = {"__name__": path.stem}
    exec(compile(text, str(path), "exec"), scope)
    return sd.compile(scope["model"])


def body(text: str | bytes) -> str:
    """Return a module without its header."""
    assert isinstance(text, str)
    text = re.sub(r"^BUILD = .*\n", "", text, flags=re.M)  # a hash, as headers have
    return text[text.index('"""') :]


def uncommented(text: str | bytes) -> list[str]:
    """Return a module's lines without comments."""
    lines = [line.split("  # ")[0].strip() for line in body(text).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_twice(tmp_path: Path) -> None:
    assert compiled(SPEC, tmp_path).files == compiled(SPEC, tmp_path).files


def test_the_same_object_twice(tmp_path: Path) -> None:
    scope: dict[str, Any] = {}
    exec(SPEC, scope)
    assert sd.compile(scope["model"]).files == sd.compile(scope["model"]).files


def test_a_then_b_is_b_alone(tmp_path: Path) -> None:
    compiled(OTHER, tmp_path, "other.py")
    after = compiled(SPEC, tmp_path).files
    script = (
        "import sys, json, pathlib, symdiff as sd\n"
        f"scope = {{'__name__': 'spec'}}\npath = {str(tmp_path / 'spec.py')!r}\n"
        "exec(compile(open(path).read(), path, 'exec'), scope)\n"
        "print(json.dumps(dict(sd.compile(scope['model']).files)))\n"
    )
    for seed in ("0", "1", "4242"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == after, f"PYTHONHASHSEED={seed}"


def test_a_comment_in_the_spec_changes_headings_and_hashes_only(tmp_path: Path) -> None:
    before = compiled(SPEC, tmp_path).files
    after = compiled("# A comment.\n" + SPEC, tmp_path, "spec.py").files
    assert before.keys() == after.keys()
    for name, text in before.items():
        assert uncommented(text) == uncommented(after[name]), name
        assert isinstance(text, str)
        graphs = [t.split("graph ")[1][:16] for t in (text, str(after[name]))]
        assert graphs[0] == graphs[1], "the hash of the graph is about the graph"


def test_names_and_lines_do_not_change_the_hash_of_the_graph(tmp_path: Path) -> None:
    other = SPEC.replace("h =", "latent =").replace("(h,", "(latent,")
    other = other.replace('"hidden"', '"first"').replace('"x"', '"pixels"')
    other = other.replace('sd.dim("N")', 'sd.dim("B")')
    digests = [
        str(compiled(text, tmp_path)["forward"]).split("graph ")[1][:16]
        for text in (SPEC, other, SPEC.replace("1e-4", "1e-3"))
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("old", "new", "most"),
    [
        ('"relu"', '"tanh"', 12),
        ("1e-4", "1e-3", 20),  # 6 in the formulas that open the file, 4 in comments
        ('h, 3, name="out"', 'h, 3, name="last"', 44),
    ],
)
def test_a_change_of_one_layer_is_a_small_diff(
    old: str, new: str, most: int, tmp_path: Path
) -> None:
    texts = [
        body(compiled(text, tmp_path)["backward"])
        for text in (SPEC, SPEC.replace(old, new))
    ]
    changed = [
        line
        for line in difflib.unified_diff(*[t.splitlines() for t in texts], n=0)
        if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert 0 < len(changed) <= most, "\n".join(changed)
