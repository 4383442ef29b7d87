"""The explorer looks into loops: their data, and the slider in a browser."""

import base64

import numpy as np
import pytest
from explain.explorer_page import Page, on
from explain.loop_models import LOOPS, close

import symdiff as sd
from symdiff.explain.explorer import stepping
from symdiff.explain.explorer.exploration import explored

KINDS = {"f4": np.float32, "f8": np.float64}


def array_of(found, data):
    """The array that the page holds."""
    if "x" in found:
        return np.float64(found["x"])
    kind, text = data["arrays"][found["data"]]
    return np.frombuffer(base64.b64decode(text), KINDS[kind]).reshape(found["shape"])


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_what_steps_add_is_the_whole_contribution(make):
    """The parts that the page lists add up to what the loop hands back."""
    data = explored(make(), values="random").data
    listed = [s for s in data["shares"] if "steps" in s]
    for share in listed:
        steps = share["steps"]
        parts = [array_of(v, data) for v in steps["v"]]
        if "rest" in steps:
            parts.append(array_of(steps["rest"], data))
        close(sum(parts), array_of(share["v"], data))
        assert data["nodes"][steps["loop"]]["op"] in ("scan", "while_loop")
    loops = [x for x in data["loops"] if x["index"]]
    assert listed or not any(
        s["w"] == "added up over the steps"
        for x in loops
        for side in x["sides"]
        for s in side["back"]
    )


def test_of_many_steps_some_are_kept(monkeypatch):
    """The rest is one sum, and all together is the gradient."""
    monkeypatch.setattr(stepping, "ARRAYS", 150)
    data = explored(LOOPS["lstm"](), values="random").data
    (loop,) = data["loops"]
    assert loop["kept"][0] == 0
    assert loop["kept"][-1] == loop["count"] - 1
    assert len(loop["kept"]) < loop["count"]
    for share in data["shares"]:
        if "steps" in share:
            steps = share["steps"]
            assert steps["others"] == loop["count"] - len(loop["kept"])
            parts = [array_of(v, data) for v in (*steps["v"], steps["rest"])]
            close(sum(parts), array_of(share["v"], data))


def test_a_page_without_numbers_shows_the_inside():
    data = explored(LOOPS["nested"]()).data
    (loop,) = data["loops"]
    assert "kept" not in loop
    assert loop["sides"][0]["entries"]


def test_a_branch_says_which_side_is_taken():
    declared = LOOPS["chosen"]()
    values = {"x": np.ones(3), "a": 1.0, "b": 2.0}
    (branch,) = explored(declared, values=values).data["loops"]
    assert [side["taken"] for side in branch["sides"]] == [True, False]


@on("lstm")
def test_the_slider_shows_the_values_of_a_step(page: Page) -> None:
    page.click(page.box("scan_start"))
    assert page.count("#detail .slider input") == 1
    value = (
        "return document.querySelector('#detail .step[data-name=\"h[t]\"] .num.V')"
        ".textContent"
    )
    shown = []
    for at in (0, 3, 5):
        page.js(
            "const r = document.querySelector('#detail .slider input');"
            "r.value = arguments[0]; r.dispatchEvent(new Event('input'));",
            at,
        )
        said = page.texts("#detail .slider output")[0]
        assert said.startswith(f"t = {at}")
        shown.append(page.js(value))
    assert len(set(shown)) == 3


@on("lstm")
def test_why_a_gradient_of_a_loop_has_its_value(page: Page) -> None:
    """Contributions per step, the largest first, which add up; each leads there."""
    page.click(page.box("W"))
    parts = page.js(
        "const all = '#detail .element .steps td:first-child';"
        "return [...document.querySelectorAll(all)]"
        ".map((e) => +e.textContent.replaceAll('−', '-'))"
    )
    assert len(parts) == 6
    assert [abs(p) for p in parts] == sorted(map(abs, parts), reverse=True)
    whole = page.js(
        "return +document.querySelector('#detail .element .num.G').textContent"
        ".replaceAll('−', '-')"
    )
    assert sum(parts) == pytest.approx(whole, rel=2e-3)
    page.click("#detail .element .steps .linkto", "step t = 2")
    assert page.texts(".box.pin .name") == ["scan_start"]
    assert page.texts("#detail .slider output")[0].startswith("t = 2")


def test_a_number_too_is_explained_step_by_step():
    w, x = sd.input("w", ()), sd.input("x", (3,))
    last, _ = sd.scan(lambda h, row: (w * h + row, None), sd.constant(0.0), x)
    declared = sd.Function("recurrence", [w, x], last)
    data = explored(declared, values={"w": 2.0, "x": np.ones(3)}).data
    (share,) = [s for s in data["shares"] if "steps" in s]
    assert [v["x"] for v in share["steps"]["v"]] == [0.0, 2.0, 3.0]
