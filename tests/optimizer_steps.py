"""An optimiser's equations run step by step, and PyTorch's beside them."""

import numpy as np
import pytest

import symdiff as sd
from symdiff.declare.optim import hyper_leaves

START = np.array([1.5, -2.0, 0.3, 4.0])
SCALE = np.array([1.0, 10.0, 0.1, 3.0])


def gradient(p, step):
    """Of a badly scaled quartic whose minimum moves, so that every term matters."""
    return SCALE * (p - 0.1 * np.sin(step)) + 0.1 * p**3


def one_step(optimizer, p, g, slots, t, hyper=None):
    """Return the parameter and the slots after the equations' step number ``t``."""
    p, g = np.asarray(p), np.asarray(g)
    leaves = [sd.input("p", p.shape), sd.input("g", g.shape)]
    states = {name: sd.state(name, p.shape) for name in optimizer.slots}
    values, step = hyper_leaves(optimizer)
    new, kept = optimizer.update(*leaves, states, values, step)
    assert list(kept) == list(optimizer.slots)
    feed = {leaves[0]: p, leaves[1]: g, step: np.asarray(t, p.dtype)}
    feed |= {states[name]: slots[name] for name in states}
    for name, value in {**optimizer.hyper, **(hyper or {})}.items():
        feed[values[name]] = np.asarray(value, p.dtype)
    found, *rest = sd.interpret([new, *kept.values()], feed)
    return found, dict(zip(kept, rest, strict=True))


def run(optimizer, steps=100):
    """Return the parameters after each step, from slots of zero."""
    p, g = sd.input("p", (4,)), sd.input("g", (4,))
    slots = {name: sd.state(name, (4,)) for name in optimizer.slots}
    hyper, t = hyper_leaves(optimizer)
    new, kept = optimizer.update(p, g, slots, hyper, t)
    values, held = START.copy(), {name: np.zeros(4) for name in slots}
    trace = []
    for step in range(1, steps + 1):
        feed = {p: values, g: gradient(values, step), t: float(step)}
        feed |= {slots[name]: held[name] for name in slots}
        feed |= {hyper[name]: value for name, value in optimizer.hyper.items()}
        values, *moved = sd.interpret([new, *kept.values()], feed)
        held = dict(zip(slots, moved, strict=True))
        trace.append(values)
    return np.array(trace)


def torch_run(make, steps=100):
    """Return the same of ``make(torch.optim, [p])``."""
    torch = pytest.importorskip("torch", reason="extra [oracles]")
    p = torch.tensor(START, requires_grad=True)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # of the scalars that NAdam keeps
    try:
        optimizer = make(torch.optim, [p])
        trace = []
        for step in range(1, steps + 1):
            p.grad = torch.tensor(gradient(p.detach().numpy(), step))
            optimizer.step()
            trace.append(p.detach().numpy().copy())
    finally:
        torch.set_default_dtype(usual)
    return np.array(trace)
