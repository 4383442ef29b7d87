"""The explorer's page, read as text: what is linked, escaped, and repeatable."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symdiff as sd
from symdiff.declare.spec import load_spec
from symdiff.explain.explorer.linked import Linked
from symdiff.explain.explorer.page import Explorer
from symdiff.exploring import explored

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits_mlp.py"


def explorer_of(path: Path, **options: Any) -> Explorer:
    spec = load_spec(path)
    main = str(path.absolute())
    return explored(spec.model, base=str(path.parent), main=main, **options)


@pytest.fixture(scope="module")
def digits() -> Explorer:
    return explorer_of(DIGITS, values="random")


def items(explorer: Explorer, module: str, line: str) -> set[str]:
    """The items of the line of a module that begins so, by name."""
    text, links = explorer.modules[module]
    names = [n["n"] for n in explorer.data["nodes"]]
    for number, row in enumerate(text.splitlines(), 1):
        if row.strip().startswith(line):
            found = links.lines.get(number, ())
            return {f"{x[0]}:{names[int(x[1:])]}" if x != "u" else x for x in found}
    raise AssertionError(f"{module} has no line {line!r}")


def test_the_code_is_what_compile_writes(digits: Explorer) -> None:
    compiled = sd.compile(load_spec(DIGITS).model)
    for name, (text, _) in digits.modules.items():
        assert text == compiled.files[f"digits_mlp/{name}"]


@pytest.mark.parametrize(
    ("module", "line", "expected"),
    [
        ("forward.py", "h = np", "v:h v:hidden_z v:hidden_product"),
        ("forward.py", "z = h @", "v:z v:out_product"),
        ("backward.py", "d_hidden_z =", "g:hidden_z g:hidden_product r:h"),
        ("backward.py", "d_h =", "g:h r:out_product"),
        ("backward.py", "d_out_b =", "g:out_b r:z"),
        ("backward.py", "d_z *=", "g:z g:out_product r:softmax_cross_entropy"),
        ("backward.py", "total = ", "v:total v:square"),
        ("train.py", "m[...] =", "u"),
    ],
)
def test_a_line_is_linked_to_what_it_computes(
    digits: Explorer, module: str, line: str, expected: str
) -> None:
    found = items(digits, module, line)
    own = {x for x in found if x == x.lower() or x[0].islower()}
    assert own == set(expected.split())


def test_a_gradient_is_linked_to_the_rules_on_its_way(digits: Explorer) -> None:
    found = items(digits, "backward.py", "d_hidden_W =")
    assert {"g:hidden_W", "r:hidden_product", "r:square"} <= found
    assert "r:square_2" not in found


def test_every_value_and_every_gradient_has_a_line(digits: Explorer) -> None:
    lines = [{x.lower() for x in f} for f in _all_lines(digits)]
    known = set().union(*lines)
    for i, node in enumerate(digits.data["nodes"]):
        if not node.get("role"):
            assert f"v{i}" in known, node["n"]
        if "ct" in node and not node.get("seed"):
            assert f"g{i}" in known, node["n"]


def _all_lines(explorer: Explorer) -> list[tuple[str, ...]]:
    links: list[Linked] = [links for _, links in explorer.modules.values()]
    return [found for x in links for found in x.lines.values()]


def test_an_expression_of_the_spec_is_linked_to_what_it_declared(
    digits: Explorer,
) -> None:
    """Of `loss = a(z) + 1e-4 * b(weights)` each part is linked by itself."""
    source = digits.sources.files[0].text.splitlines()
    names = [n["n"] for n in digits.data["nodes"]]
    found = {
        source[s.start[0] - 1][s.start[1] : s.end[1]]: {names[i] for i in s.entries}
        for s in digits.sources.spans
        if s.start[0] == s.end[0]
    }
    assert found["sd.nn.l2(weights)"] == {
        *("square", "total", "square_2", "total_2", "total_3")
    }
    assert found["sd.nn.softmax_cross_entropy(z, y)"] == {"softmax_cross_entropy"}
    assert found["1e-4 * sd.nn.l2(weights)"] == {"product"}


def test_code_that_is_called_is_linked_to_the_call(tmp_path: Path) -> None:
    spec = tmp_path / "spec.py"
    spec.write_text(
        "import symdiff as sd\n"
        "def double(x):\n"
        "    return 2 * x\n"
        'x = sd.input("x", 3)\n'
        "y = double(x)\n"
        'model = sd.Function("twice", [x], y)\n'
    )
    page = explorer_of(spec)
    calls = [s for s in page.sources.spans if s.calls]
    assert [(s.start, s.end) for s in calls] == [((5, 4), (5, 13))]


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


HOSTILE = '''"""</script><script>window.broken = 1</script>"""
import symdiff as sd

# </script><img src=x onerror="window.broken = 2"> <!-- {{forward}} {{title}}
x = sd.input("x</script><script>window.broken=3</script>", 3)
W = sd.param('"onmouseover="window.broken=4', 3)
with sd.scope("<img src=x onerror='window.broken=5'>"):
    loss = sd.sum(sd.tanh(x * W))  # \u2028 \u2029 ]]> &lt;
model = sd.Model("hostile", inputs=[x], targets=[], outputs={"loss": loss},
                 loss=loss, optimizer=sd.optim.SGD(0.1))
'''


def hostile(folder: Path) -> Explorer:
    spec = folder / "hostile.py"
    spec.write_text(HOSTILE, "utf-8")
    return explorer_of(spec, values="random")


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
        r"""(?:src|href)\s*=\s*["']?(?!#)\S+|https?://|@import""", bare
    )


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


def test_loops_are_linked_as_a_whole(tmp_path: Path) -> None:
    xs = sd.input("xs", (5, 3))
    W = sd.input("W", (3, 3))
    start = sd.input("start", 3)

    def body(h: Any, x: Any) -> Any:
        h = sd.tanh(h @ W + x)
        return h, h

    last, _ = sd.scan(body, start, xs)
    compiled = sd.compile(sd.Function("loop", [start, xs, W], sd.sum(last)))
    page = compiled.explore(values="random")
    text, links = page.modules["backward.py"]
    rows = text.splitlines()
    loops = [n for n, row in enumerate(rows, 1) if row.strip().startswith("for ")]
    linked = [n for n in loops if links.lines.get(n)]
    assert linked, "no loop is linked"


def test_without_gradients_it_says_so() -> None:
    x = sd.input("x", 3, dtype="int64")
    compiled = sd.compile(sd.Function("counts", [x], x + 1))
    with pytest.raises(sd.SymdiffError, match="no gradient"):
        compiled.explore(values="random")
