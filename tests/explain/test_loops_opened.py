"""Loops and branches are opened: what is said of each step is so."""

import re

import numpy as np
import pytest
from explain.loop_models import LOOPS, close, lecturer, nested
from explain.test_derivation import balanced

import symdiff as sd
from symdiff.explain.contributions import Contributions
from symdiff.explain.explanation import derivation_of, explained, values_at
from symdiff.explain.replay import replayed
from symdiff.explain.stepwise import LISTED, at_step, tables
from symdiff.explain.values import shown
from symdiff.graph.interpret import evaluate


def steps_of(make, seed=0):
    """The derivation, its values, and the steps of each loop, replayed."""
    declared = make()
    derivation = derivation_of(declared)
    values = values_at(derivation, sd.compile(declared), "random", seed)
    leaves = {
        e.tensor.node: values.forward[e.name] for e in derivation.entries if e.role
    }
    found = {}
    for name, opened in derivation.opened.items():
        node = opened.tensor.node
        computed = evaluate(node.inputs, leaves)
        items = {
            e.tensor.node.attrs["index"]: e.cotangent
            for e in derivation.entries
            if e.op == "item" and e.tensor.node.inputs[0] is node
        }
        cotangents = [
            values.cotangents.get(items.get(i)) for i in range(len(node.type.items))
        ]
        found[name] = replayed(
            opened, [computed[n] for n in node.inputs], cotangents, leaves
        )
    return derivation, values, found


def received(derivation, values, source):
    """What each reader hands back to a value, by evaluating the rule's own graph."""
    known = {
        e.tensor.node: values.forward[e.name] for e in derivation.entries if e.role
    }
    made = Contributions(derivation, known, {}, values.forward, values.cotangents)
    entry = derivation.entry(source)
    return [(s, made.of(s.tensor)) for s in entry.received]


def unfolded(text):
    """Text without its line breaks and alignment."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_the_steps_add_up_to_what_a_loop_hands_back(make):
    derivation, values, replays = steps_of(make)
    for replay in replays.values():
        node = replay.opened.tensor.node
        branch = not replay.opened.index
        rows = range(0) if branch else _spec(node).rows
        carries = range(0) if branch else _spec(node).carries
        names = {e.tensor.node: e.name for e in derivation.entries}
        for source in dict.fromkeys(n for n in node.inputs if n in names):
            places = [i for i, n in enumerate(node.inputs) if n is source]
            theirs = [
                value
                for share, value in received(derivation, values, names[source])
                if share.tensor.node in derivation.lent
            ]
            ours = []
            for i in places:
                parts = [
                    replay.turns[t].handed(i - branch)
                    for t in replay.steps
                    if i >= branch
                ]
                if not parts or parts[0] is None:
                    continue
                if i in rows:
                    ours.append(np.stack(parts))
                elif i in carries:
                    ours.append(parts[-1] if replay.opened.reverse else parts[0])
                else:
                    ours.append(sum(parts))
            if theirs:
                close(sum(ours), sum(theirs))


def _spec(node):
    from symdiff.graph.loops import LoopSpec

    return LoopSpec.of(node.attrs)


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_formulas_of_a_step_have_its_values(make):
    """Each composed formula of the recursion is the cotangent of that step."""
    _, _, replays = steps_of(make)
    for replay in replays.values():
        for step in replay.turns.values():
            derivation = step.side.derivation
            seeds = {n: step.seeds[n] for n in step.seeds}
            known = {**step.feed, **seeds}
            made = Contributions(
                derivation, known, step.known, step.forward, step.cotangents
            )
            for gradient in derivation.gradients:
                for name, tensor in gradient.tensors.items():
                    close(made.of(tensor), step.cotangents[name], 1e-10)


def test_a_network_by_hand():
    """The cotangents of each step of an LSTM, written out in NumPy."""
    _, values, replays = steps_of(lambda: lecturer("lstm_scan"))
    (replay,) = replays.values()
    W, U, b, x = (values.forward[n] for n in ("W", "U", "b", "x"))
    T, N, _ = x.shape
    h, c = np.zeros((N, 5)), np.zeros((N, 5))
    kept = []
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    for t in range(T):
        i, f, g, o = np.split(x[t] @ W + h @ U + b, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        kept.append((h, c, i, f, g, o))
        c = f * c + i * g
        h = o * np.tanh(c)
        step = replay.turns[t]
        close(step.forward["h[t]"], h)
        close(step.forward["c[t]"], c)
        close(step.forward["sigmoid_f[t]"], f)
    d_h, d_c = values.cotangents["d_h"], np.zeros((N, 5))
    for t in reversed(range(T)):
        h, c, i, f, g, o = kept[t]
        step = replay.turns[t]
        close(step.cotangents["d_h[t]"], d_h)
        new = np.tanh(f * c + i * g)
        d_c = d_h * o * (1 - new**2) + d_c
        close(step.cotangents["d_c[t]"], d_c)
        gates = (
            d_c * g * i * (1 - i),
            d_c * c * f * (1 - f),
            d_c * i * (1 - g**2),
            d_h * new * o * (1 - o),
        )
        d_gates = np.concatenate(gates, axis=1)
        close(step.cotangents["d_W[t]"], x[t].T @ d_gates)
        close(step.cotangents["d_U[t]"], h.T @ d_gates)
        close(step.cotangents["d_b[t]"], d_gates.sum(axis=0))
        d_h, d_c = d_gates @ U.T, d_c * f
        close(step.cotangents["d_h[t-1]"], d_h)
        close(step.cotangents["d_c_after[t-1]"], d_c)


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_every_format_opens_a_loop(make):
    told = explained(make())
    text = told.text()
    for found in (text, told.markdown(), told.latex(), told.html()):
        assert "body=" not in found
        assert r"\mathrm{body}" not in found
    for opened in told.derivation.opened.values():
        for side in opened.sides:
            for entry in side.derivation.entries:
                if not entry.role:
                    assert f" {entry.name} = {entry.formula.text}" in unfolded(text)
                    balanced(entry.formula)
                for share in entry.received:
                    balanced(share.formula)
            for gradient in side.derivation.gradients:
                told_as = f" {gradient.cotangent} = {gradient.formula.text}"
                assert told_as in unfolded(text)
                balanced(gradient.formula)


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_names_in_bodies_are_told_apart(make):
    """No two values, and no two cotangents, of a body have one name or one symbol."""
    told = explained(make())
    from symdiff.explain.symbols import symbol, telling_apart

    def every(derivation):
        yield derivation
        for opened in derivation.opened.values():
            for side in opened.sides:
                yield from every(side.derivation)

    with telling_apart(told.derivation.symbols):
        for derivation in every(told.derivation):
            names = [e.name for e in derivation.entries]
            backs = [e.cotangent for e in derivation.entries if e.cotangent]
            for found in (names, backs, [*names, *backs]):
                assert len(found) == len(set(found))
                tex = [symbol(n).tex for n in found]
                assert len(tex) == len(set(tex)), sorted(tex)


@pytest.mark.parametrize("make", LOOPS.values(), ids=LOOPS)
def test_reports_show_the_values_of_a_step(make):
    """Each value of the step that is shown, in every format, is that of its replay."""
    told = explained(make(), values="random")
    text = told.text()
    for name, replay in told.values.steps.items():
        found = at_step(replay, None)
        opened = told.derivation.opened[name]
        for side in opened.sides:
            for entry in side.derivation.entries:
                value = found.values.forward.get(entry.name)
                if (
                    entry.role
                    or value is None
                    or side is not replay.turns[found.step].side
                ):
                    continue
                line = re.escape(f" {entry.name} = {entry.formula.text} ")
                after = re.escape(f" = {shown(value)} ")
                assert re.search(f"{line}[^=]*{after}", unfolded(text))
        for made in (text, told.markdown(), told.latex(), told.html()):
            words = found.words if opened.index else "Taken at this point."
            assert words.split(",")[0] in made.replace("{-}", "-")


@pytest.mark.parametrize("name", ["lstm", "kalman", "crf", "stacked", "newton"])
def test_what_steps_add_is_listed_largest_first(name):
    told = explained(LOOPS[name](), values="random")
    for replay in told.values.steps.values():
        sections = list(tables(replay))
        assert sections
        for section in sections:
            if "largest first" not in section.title:
                continue
            norms = [
                abs(float(re.findall(r"norm ([^:]+):|$", r.value)[0] or r.value))
                for r in section.parts
                if "together" not in r.label
            ]
            assert norms == sorted(norms, reverse=True)
            assert len(section.parts) <= LISTED + 1


def test_a_step_can_be_asked_for():
    told = explained(lecturer("lstm_scan"), values="random", step=2)
    assert "Values at t = 2 of 0 to 5." in told.text()
    (replay,) = told.values.steps.values()
    assert f"= {shown(replay.turns[2].forward['tanh_c[t]'])}\n" in told.text()


def test_too_many_steps_are_not_replayed(monkeypatch):
    monkeypatch.setattr("symdiff.explain.replay.MOST", 20)
    told = explained(lecturer("lstm_scan"), values="random")
    assert not told.values.steps
    assert "step that adds most" not in told.text()


def test_a_loop_that_never_runs_has_no_values():
    x, w = sd.input("x", (sd.dim("T"),)), sd.input("w", ())
    last, _ = sd.scan(lambda h, row: (h * w + row, None), sd.constant(1.0), x)
    values = {"x": np.zeros(0), "w": 2.0}
    told = explained(sd.Function("f", [x, w], last), values=values)
    assert "for t in range(T):" in told.text()
    assert "Values at" not in told.text()


def test_the_recursion_of_an_lstm():
    text = explained(lecturer("lstm_scan")).text()
    for line in (
        "for t in range(T):",
        "h[-1] = start",
        "d_h[T-1] = d_h",
        "d_c_after[t-1] = d_c[t] * sigmoid_f[t]",
        "d_c[t] = d_h[t] * sigmoid_o[t] * (1 - tanh_c[t]**2) + d_c_after[t]",
    ):
        assert re.search(rf"^ *{re.escape(line)}( {{2}}|$)", text, re.MULTILINE), line
    latex = explained(lecturer("lstm_scan")).latex()
    assert r"\bar{h}_{t-1} &= " in latex
    assert r"\bar{W} &= \sum_{t} x_{t}^{\top} \, " in latex


def test_a_loop_in_a_loop_has_two_indices():
    text = explained(nested()).text()
    assert "for t in range(3):" in text
    found = re.search(r"for (\w) in range\(2\):", text)
    assert found is not None
    assert f"[t, {found[1]}] = tanh(" in text
