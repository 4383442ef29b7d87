"""The explorer in a real browser: links, folds, keys, replay, 1,000 nodes."""

from __future__ import annotations

from explain.explorer_page import Page, on

# --- links ----------------------------------------------------------------------------


def test_a_node_lights_its_lines_everywhere(page: Page) -> None:
    page.hover(page.box("h"))
    computed = 'h = np.maximum(x @ params["hidden.W"] + params["hidden.b"], 0)'
    assert page.hits("p-forward") == f"    {computed}  # [N, 128]"
    assert "d_h = d_z @ out_W.T" in page.hits("p-backward")
    assert "sd.nn.dense(x, 128" in "".join(page.texts("#p-spec span.hit"))
    before = {"x", "hidden_W", "hidden_b", "hidden_xW", "hidden_z"}
    assert set(page.texts(".box.from .name")) == before | {"out_W"}  # d_h reads it
    assert page.count(".box.to") >= 4
    page.hover("#p-graph #svg")
    assert page.count(".ln.hit") == 0


def test_a_line_of_the_spec_lights_its_nodes(page: Page) -> None:
    page.hover("#p-spec span[data-s]", "l2")
    lit = set(page.texts(".box.hit .name"))
    assert lit == {
        *("hidden_W_squared", "sum_hidden_W_squared", "out_W_squared"),
        *("sum_out_W_squared", "total"),
    }
    assert "sum_hidden_W_squared = (hidden_W**2).sum()" in page.hits("p-backward")


def test_a_line_of_the_backward_pass_lights_its_node_and_its_way(page: Page) -> None:
    page.hover("#p-backward .ln", "d_hidden_W = x.T @ d_hidden_z + d_loss")
    assert page.texts(".box.hit .name")[-1:] != []
    assert "hidden_W" in page.texts(".box.hit .name")
    assert {"hidden_xW", "h", "z", "loss"} <= set(page.texts(".box.to .name"))
    marked = page.js("return document.querySelectorAll('.gutter path').length")
    assert marked >= 2


def test_a_name_in_a_line_is_more_exact_than_the_line(page: Page) -> None:
    page.hover("#p-backward .ln span[data-i]", "d_out_b")
    assert page.texts(".box.hit .name") == ["out_b"]


def test_a_click_pins_until_escape(page: Page) -> None:
    page.click(page.box("hidden_W"))
    page.hover(page.box("loss"))
    page.hover("#p-graph #svg")
    assert page.texts(".box.hit .name") == ["hidden_W"]
    page.keys("Escape")
    assert page.count(".box.hit") == 0


def test_the_update_is_linked_to_the_gradients(page: Page) -> None:
    page.click(".tab", "train.py")
    page.hover("#p-backward .code:not([hidden]) .ln", "p[...] = p -")
    assert "d_hidden_W" in page.js(
        "return [...document.querySelectorAll('.gutter .from')].length"
        " ? document.querySelector('#p-backward').textContent : ''"
    )
    assert "rate_m / (root + eps)" in page.hits("p-backward")


# --- folding, keys --------------------------------------------------------------------


def test_layers_fold_and_unfold(page: Page) -> None:
    before = page.count(".box")
    page.click(".hull text", "hidden")
    folded = page.count(".box")
    assert folded == before - 4
    assert "▸ hidden" in page.texts(".box.group .name")
    page.click(".box.group", "hidden")
    assert page.count(".box") == before


def test_the_graph_is_walked_by_arrows(page: Page) -> None:
    page.js("document.getElementById('svg').focus()")
    page.keys("ArrowDown")  # begins at the result
    focused = "return document.activeElement.querySelector('.name').textContent"
    assert page.js(focused) == "loss"
    up = "ArrowUp"
    page.keys(up)
    assert page.js(focused) in ("scaled_total", "softmax_cross_entropy")
    page.keys("ArrowDown")
    assert page.js(focused) == "loss"
    page.keys("Enter")
    assert page.texts(".box.pin .name") == ["loss"]
    label = page.js("return document.activeElement.getAttribute('aria-label')")
    assert label.startswith("loss, = ")
    assert "gradient 1" in label


def test_a_layer_is_folded_by_key(page: Page) -> None:
    before = page.count(".box")
    page.js("document.querySelector(arguments[0]).focus()", page.box("h"))
    page.keys("f")
    assert page.count(".box") == before - 4
    page.keys("u")
    assert page.count(".box") == before


def test_zoom_turn_help_and_theme_have_keys(page: Page) -> None:
    world = "return document.getElementById('world').getAttribute('transform')"
    fitted = page.js(world)
    page.keys("+", "+")
    assert page.js(world) != fitted
    page.keys("0")
    assert page.js(world) == fitted
    page.keys("r")
    assert page.js(world) != fitted
    page.keys("t")
    assert page.js("return document.documentElement.className") == "dark"
    page.keys("?")
    assert page.js("return document.getElementById('help').open")


def test_the_search_finds_and_pins(page: Page) -> None:
    page.keys("/")
    page.js(
        "const e = document.getElementById('search'); e.value = 'out_b';"
        "e.dispatchEvent(new Event('input'));"
    )
    assert page.texts("#found li")[0].startswith("out_b")
    page.keys("Enter")
    assert page.texts(".box.pin .name") == ["out_b"]
    page.keys("/")
    page.js(
        "const e = document.getElementById('search'); e.value = 'np.arange(N), y] -=';"
        "e.dispatchEvent(new Event('input'));"
    )
    page.keys("Enter")  # a line, where no node is called so
    assert page.texts(".ln.cursor code") == ["    d_z[np.arange(N), y] -= 1"]
    assert page.texts(".box.pin .name") != ["out_b"]


# --- replay ---------------------------------------------------------------------------


@on("circuit")
def test_the_replay_goes_forward_then_backward(page: Page) -> None:
    page.keys("p")
    assert page.texts("#s-phase") == ["forward 1 / 4"]
    assert page.texts(".tag text.on") == ["2", "3"]
    page.keys("n")
    assert "=6" in page.texts("#said")[0].replace("  ", "")
    page.keys("n", "n", "n")
    assert page.texts("#s-phase") == ["backward 1 / 3"]
    page.keys("n", "n")
    said = page.texts("#said")[0]
    assert "Fan-out adds" in said  # q is read twice by q * q, once by + q
    assert said.count("local") == 2
    assert page.count(".tag text.on") == page.count(".tag text")
    page.keys("b")
    assert page.texts("#s-phase") == ["backward 2 / 3"]
    page.keys("Escape")
    assert page.count("#svg.stepping") == 0


@on("circuit")
def test_values_stand_above_gradients(page: Page) -> None:
    """As in a lecture: a = 2, b = 3, q = 6; q² + q has the slope 13 in q."""
    tags = page.js(
        "return [...document.querySelectorAll('.tag')].map((t) =>"
        " [...t.querySelectorAll('text')].map((e) => [e.textContent,"
        "  +e.getAttribute('y'), getComputedStyle(e).fill]))"
    )
    into = [[t[0][0], t[1][0]] for t in tags if len(t) == 2]
    assert ["2", "39"] in into  # a, and 13 · b
    assert ["3", "26"] in into
    assert all(t[0][1] < t[1][1] for t in tags if len(t) == 2)
    assert {t[0][2] for t in tags} == {"rgb(11, 122, 62)"}
    assert {t[1][2] for t in tags if len(t) == 2} == {"rgb(195, 39, 31)"}


# --- 1,000 nodes ----------------------------------------------------------------------


@on("deep")
def test_a_thousand_nodes_can_be_used(page: Page) -> None:
    """Painted at once, lit while the pointer moves, opened on demand.

    The bounds are far above what two busy cores needed: 0.2 s to paint, 0.9 s until it
    answers, 40 to 60 ms from the pointer to the picture, 1.2 s to open everything.
    """
    count = page.js(
        "return JSON.parse(document.getElementById('data').textContent).nodes.length"
    )
    assert count >= 1000
    paint = page.js(
        "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
    )
    assert paint < 3000
    assert "▸ layer, 145 times" in page.texts(".box.group .name")
    page.click(".box.group", "layer, 145 times")
    assert page.count(".box") < 40  # 16 layers a box
    page.hover(".box.group", "layer64 … layer79")
    lit = page.js("return performance.getEntriesByName('hover')[0].duration")
    assert lit < 500
    assert page.count(".box.hit, .over") >= 1
    start = page.js("return performance.now()")
    page.keys("U")
    opened_in = page.js("return performance.now()") - start
    assert page.count(".box") >= 1000
    assert opened_in < 15_000
    page.hover("#p-backward .ln", "d_layer70_W =")
    assert "layer70_W" in page.texts(".box.hit .name")
