"""The explorer's page, read as text: what it shows, escaped, and repeatable."""

from __future__ import annotations

import json
import re
from contextlib import chdir
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from explain.explorer_specs import DIGITS, HOSTILE, explorer_of, hostile

import symdiff as sd
from symdiff.cli import main
from symdiff.declare.spec import load_spec
from symdiff.explain.explorer.page import Explorer


def test_the_code_is_what_compile_writes(digits: Explorer) -> None:
    compiled = sd.compile(load_spec(DIGITS).model, inline=True)
    for name, (text, _) in digits.modules.items():
        assert text == compiled.files[f"digits_mlp/{name}"]


def test_numbers_are_those_of_the_gradient() -> None:
    x, y, z = (sd.input(name, ()) for name in "xyz")
    f = (x + y) * z
    compiled = sd.compile(sd.Function("circuit", [x, y, z], f))
    page = compiled.explore(values={"x": -2, "y": 5, "z": -4})
    nodes = {n["n"]: n for n in page.data["nodes"]}
    assert nodes["f"]["v"]["x"] == -12
    assert {n: nodes[n]["g"]["x"] for n in "xyz"} == {"x": -4, "y": -4, "z": 3}


# --- hostile text ---------------------------------------------------------------------


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.found: list[str] = []
        self.data: str | None = None
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.inside = ("id", "data") in attrs
        self.found += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.data = (self.data or "") + data

    def handle_endtag(self, tag: str) -> None:
        self.inside = False


def test_no_text_of_the_users_breaks_out(tmp_path: Path) -> None:
    page = hostile(tmp_path)
    reader = _Scripts()
    reader.feed(page.html())
    assert reader.found.count("script") == 2  # the data and the page's own
    assert "img" not in reader.found
    assert not [x for x in reader.found if x.startswith("on")]
    data = json.loads(reader.data or "")
    assert any("</script>" in n.get("own", "") for n in data["nodes"])
    # the spec's own marks are text: what is generated stands in its pane
    assert re.search(r'aria-label="forward.py"><div class="tabs"', page.html())
    assert "{{forward}} {{title}}" in page.html()


def test_nothing_is_loaded(digits: Explorer) -> None:
    text = digits.html()
    assert "default-src 'none'" in text
    bare = re.sub(r"http://www\.w3\.org/[\w/]+", "", text)
    assert not re.findall(
        r"""(?:src|href)\s*=\s*(?!\s|["']?(?:#|data:))\S+|https?://|@import""", bare
    )


def test_a_notebook_shows_it_in_a_frame(tmp_path: Path) -> None:
    reader = _Scripts()
    reader.feed(hostile(tmp_path)._repr_html_())
    assert reader.found == ["iframe"]


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    first = hostile(tmp_path).html()
    assert first == hostile(tmp_path).html()


def test_arrays_that_are_not_finite_are_counted() -> None:
    x = sd.input("x", 3)
    compiled = sd.compile(sd.Function("roots", [x], sd.sum(sd.sqrt(x))))
    page = compiled.explore(values={"x": np.array([-1.0, 0.0, 4.0])})
    root = next(n for n in page.data["nodes"] if n["op"] == "sqrt")
    assert root["v"]["nan"] == 1
    assert next(n for n in page.data["nodes"] if n["n"] == "x")["g"]["inf"] == 1
    assert json.dumps(page.data, allow_nan=False)


def test_a_toml_file_is_shown_as_it_is(tmp_path: Path) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text(
        '[model]\nname = "line"\n\n[inputs]\nx = { shape = ["N"] }\n\n[targets]\n'
        't = { shape = ["N"] }\n\n[params]\nw = { shape = [] }\n\n[equations]\n'
        'p = "w * x"\nloss = "mean((p - t)**2)"\n\n[outputs]\ny = "p"\n',
        "utf-8",
    )
    page = explorer_of(spec, values="random")
    assert page.sources.files[0].text == spec.read_text("utf-8")
    rows = page.sources.files[0].text.splitlines()
    names = [n["n"] for n in page.data["nodes"]]
    found = {
        rows[s.start[0] - 1][s.start[1] : s.end[1]]: {names[i] for i in s.entries}
        for s in page.sources.spans
    }
    assert found["w * x"] == {"p"}
    assert "loss" in found["mean((p - t)**2)"]


def test_without_gradients_it_says_so() -> None:
    x = sd.input("x", 3, dtype="int64")
    compiled = sd.compile(sd.Function("counts", [x], x + 1))
    with pytest.raises(sd.SymdiffError, match="no gradient"):
        compiled.explore(values="random")


# --- command line ---------------------------------------------------------------------


def test_the_command_writes_a_page(tmp_path: Path) -> None:
    (tmp_path / "hostile.py").write_text(HOSTILE, "utf-8")
    with chdir(tmp_path):
        done = CliRunner().invoke(main, ["explore", "hostile.py"])
        assert (done.exit_code, done.output) == (0, "wrote hostile_explorer.html\n")
        more = ["graph", "hostile.py", "--values", "random", "-o", "graph.html"]
        assert CliRunner().invoke(main, more).exit_code == 0
        bare = ["explore", "hostile.py", "--values", "none", "-o", "bare.html"]
        assert CliRunner().invoke(main, bare).exit_code == 0
    pages = [tmp_path / f"{n}.html" for n in ("hostile_explorer", "graph", "bare")]
    texts = [p.read_text("utf-8") for p in pages]
    assert texts[0] == texts[1]
    assert '"values":null' in texts[2]


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "spec.py").write_text(
        'import symdiff as sd\nx = sd.input("x", 3, dtype="int64")\n'
        'model = sd.Function("counts", [x], x + 1)\n',
        "utf-8",
    )
    done = CliRunner().invoke(main, ["explore", str(tmp_path / "spec.py")])
    assert done.exit_code == 1
    assert done.output.startswith("error: 'counts' has no gradient")
    page = tmp_path / "page.txt"
    done = CliRunner().invoke(main, ["explore", str(DIGITS), "-o", str(page)])
    assert (done.exit_code, page.exists()) == (1, False)
    assert "must end in .html" in done.output


def test_without_source_the_rest_is_shown() -> None:
    names: dict[str, Any] = {}
    text = "import symdiff as sd\nx = sd.input('x', 3)\ny = sd.sum(x**2)\n"
    exec(compile(text, "<nowhere>", "exec"), names)
    page = sd.compile(sd.Function("square", [names["x"]], names["y"])).explore()
    assert page.modules["backward.py"][1].lines
    assert [f.name for f in page.sources.files] in ([], ["test_explorer.py"])
    assert page.html()
