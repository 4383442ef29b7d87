"""What `explain` says is true: its formulas, evaluated, are the gradients."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from sample_checks import as_list, problem
from samples import SAMPLES

import symdiff as sd
from symdiff.derive.reverse import reverse_sweep
from symdiff.explain.computed import computed
from symdiff.explain.contributions import Contributions
from symdiff.explain.explanation import derivation_of
from symdiff.explain.report import report
from symdiff.explain.values import evaluated
from symdiff.graph.interpret import evaluate
from symdiff.graph.node import topological
from symdiff.ops.shape.broadcasting import ones_like

# by_mode is resolved before anything is derived
DERIVED = [s for s in SAMPLES if s.differentiable and s.fn != "by_mode"]


def close(ours, theirs):
    """Compare arrays to rounding; what is not finite has to be so in both."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    assert ours.shape == theirs.shape
    scale = max(np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0.0), 1e-3)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11 * scale)


def composed_value(gradient, derivation, values):
    """The value of a gradient's composed formula."""
    owners = {t.node: name for name, t in derivation.cotangents.items()}
    known = {}

    def value(name):
        if name in known:
            return known[name]
        tensor = gradient.tensors.get(name)
        if tensor is None:  # a result's, or told above
            known[name] = values.cotangents[name]
            return known[name]
        feed = {}
        for node in topological([tensor.node]):
            if node in derivation.lent:
                feed[node] = Contributions(
                    derivation,
                    {
                        e.tensor.node: values.forward[e.name]
                        for e in derivation.entries
                        if e.role
                    },
                    {},
                    values.forward,
                    values.cotangents,
                ).of(derivation.lent[node].contribution)
            if str(node.attrs.get("name")).startswith("d_") and node not in owners:
                feed[node] = np.ones(node.shape)  # what is given for a result
            if node in derivation.stands:
                feed[node] = np.asarray(values.forward[derivation.stands[node]])
            elif node in owners:
                feed[node] = np.asarray(value(owners[node]))
        for entry in derivation.entries:
            if entry.role:
                feed.setdefault(entry.tensor.node, values.forward[entry.name])
        known[name] = evaluate([tensor.node], feed)[tensor.node]
        return known[name]

    return value(gradient.cotangent) if gradient.tensors else None


def balanced(formula):
    """Whether braces, \\left and \\begin are closed, and everything is ASCII.

    As MathML it is well-formed, and nothing of the TeX was unknown.
    """
    ElementTree.fromstring(formula.mathml)
    assert "\\" not in formula.mathml
    latex = formula.latex
    assert latex.isascii()
    plain = re.sub(r"\\[{}]", "", latex)
    assert plain.count("{") == plain.count("}")
    assert len(re.findall(r"\\left\b", latex)) == len(re.findall(r"\\right\b", latex))
    assert latex.count(r"\begin{") == latex.count(r"\end{")


@pytest.mark.parametrize("sample", DERIVED, ids=lambda s: s.id)
def test_every_op_is_explained_by_what_is_so(sample):
    p = problem(sample)
    outputs = as_list(p.outputs)
    leaves = [t for t in p.leaves if isinstance(t, sd.Tensor)]
    smooth = [outputs[i] for i in p.smooth_outputs]
    if not smooth or not p.variables:
        pytest.skip("nothing is differentiated")
    function = sd.Function("f", leaves, outputs)
    derivation = derivation_of(function)
    arrays = {t.node.attrs["name"]: p.feed[t.node] for t in leaves}
    found = computed(derivation, sd.compile(function, optimize=1))
    values = evaluated(derivation, found, arrays)
    wanted = reverse_sweep(smooth, [ones_like(t) for t in smooth], p.variables)
    with np.errstate(all="ignore"):
        for gradient, tensor, variable in zip(
            derivation.gradients, wanted, p.variables, strict=True
        ):
            balanced(gradient.formula)
            if tensor is None:
                assert gradient.formula.text == "0"
                continue
            theirs = evaluate([tensor.node], p.feed)[tensor.node]
            theirs = np.broadcast_to(theirs, p.feed[variable.node].shape)
            close(values.cotangents[gradient.cotangent], theirs)
            close(composed_value(gradient, derivation, values), theirs)
    for entry in derivation.entries:
        if entry.formula is not None:
            assert entry.formula.text
            balanced(entry.formula)
        for share in entry.hands:
            balanced(share.formula)
    told = report(derivation, {}, values)
    for text in (told.text(), told.markdown(), told.html(), told.latex()):
        assert " object at 0x" not in text
