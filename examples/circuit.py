"""CS231n's circuits, with the numbers of the lecture: `python examples/circuit.py`.

Backpropagation on paper: gates in topological order, each knowing its local derivative;
gradients flow back through them, multiply along a path and add where a value fans out.
The notes are "Backpropagation, Intuitions", https://cs231n.github.io/optimization-2/.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _report import check, finish

import symdiff as sd

# The lecture's first circuit as a spec: `symdiff explain examples/circuit.py`.
x, y, z = (sd.input(name, ()) for name in "xyz")
q = x + y
f = q * z
model = sd.Function("three_gates", [x, y, z], f)


@dataclass(eq=False)
class Gate:
    """One gate: a function of its inputs' values, and its derivative in each of them.

    The lecture writes the local derivatives of every gate by hand; here symdiff derives
    them.
    """

    function: Callable[..., sd.Tensor] | None
    inputs: tuple[Gate, ...]
    value: Any = None
    gradient: Any = 0.0
    slots: list[sd.Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.function is not None:
            self.slots = [sd.input(f"in{i}", ()) for i in range(len(self.inputs))]
            self.output = self.function(*self.slots)
            self.local = sd.grad(self.output, self.slots)

    def _feed(self) -> dict[sd.Tensor, Any]:
        return {s: g.value for s, g in zip(self.slots, self.inputs, strict=True)}

    def forward(self) -> None:
        """Compute the gate's value from the values of its inputs."""
        if self.inputs:
            self.value = sd.interpret(self.output, self._feed())

    def backward(self) -> None:
        """Chain rule: hand every input gradient × local derivative; what meets,
        adds.
        """
        if self.inputs:
            local = sd.interpret(self.local, self._feed())
            for source, derivative in zip(self.inputs, local, strict=True):
                source.gradient = source.gradient + self.gradient * derivative


class Circuit:
    """The lecture's graph object: gates in topological order, forward() and
    backward().
    """

    def __init__(self) -> None:
        self.gates: list[Gate] = []

    def input(self, value: float) -> Gate:
        """Add a wire that carries a value into the circuit."""
        self.gates.append(Gate(None, (), value))
        return self.gates[-1]

    def gate(self, function: Callable[..., sd.Tensor], *inputs: Gate) -> Gate:
        """Add a gate; its inputs exist already, so the order of adding is
        topological.
        """
        self.gates.append(Gate(function, inputs))
        return self.gates[-1]

    def forward(self) -> float:
        """Evaluate every gate, in topological order; return the last value."""
        for gate in self.gates:
            gate.forward()
        return float(self.gates[-1].value)

    def backward(self) -> None:
        """Propagate d(last)/d(gate) through the gates in reverse order."""
        for gate in self.gates:
            gate.gradient = 0.0
        self.gates[-1].gradient = 1.0
        for gate in reversed(self.gates):
            gate.backward()


def three_gates() -> None:
    """f = (x + y) z at (-2, 5, -4), the first circuit of the lecture."""
    circuit = Circuit()
    x, y, z = map(circuit.input, (-2.0, 5.0, -4.0))
    q = circuit.gate(sd.add, x, y)
    circuit.gate(sd.multiply, q, z)
    check("f = (x + y) z at (-2, 5, -4)", -12, circuit.forward())
    circuit.backward()
    check("its gradient in x, y, z", [-4, -4, 3], [g.gradient for g in (x, y, z)])


def three_gates_compiled() -> None:
    """The same circuit as one function, and the NumPy code generated for its
    gradient.
    """
    compiled = sd.compile(model)
    code = compiled["backward"]
    start = code.index("def backward(")
    print(code[start : code.index("\n\n\n", start)], end="\n\n")

    reverse = compiled.load().backward
    value, residuals = reverse.forward_with_residuals(-2.0, 5.0, -4.0)
    check("the generated forward agrees", -12, value)
    check("the generated backward agrees", [-4, -4, 3], reverse.backward(residuals))


def neuron() -> None:
    """A sigmoid neuron, gate by gate: w = (2, -3, -3), x = (-1, -2)."""
    circuit = Circuit()
    w0, w1, w2, x0, x1 = map(circuit.input, (2.0, -3.0, -3.0, -1.0, -2.0))
    weighted = circuit.gate(
        sd.add,
        circuit.gate(sd.multiply, w0, x0),
        circuit.gate(sd.multiply, w1, x1),
    )
    total = circuit.gate(sd.add, weighted, w2)
    exponential = circuit.gate(sd.exp, circuit.gate(sd.negative, total))
    circuit.gate(sd.reciprocal, circuit.gate(lambda e: e + 1, exponential))
    check("a sigmoid neuron gives 0.73", 0.73, round(circuit.forward(), 2))
    circuit.backward()
    found = [round(float(g.gradient), 2) for g in (w0, w1, w2, x0, x1)]
    check("its gradient in w0, w1, w2, x0, x1", [-0.2, -0.39, 0.2, 0.39, -0.59], found)

    w, x = sd.input("w", (3,)), sd.input("x", (2,))
    f = sd.sigmoid(w[:2] @ x + w[2])
    at = {w: np.array([2.0, -3.0, -3.0]), x: np.array([-1.0, -2.0])}
    whole = np.concatenate(sd.interpret(sd.grad(f, [w, x]), at))
    gates = [g.gradient for g in (w0, w1, w2, x0, x1)]
    check("the sigmoid as one gate gives the same", gates, whole)


def patterns() -> None:
    """2 (x y + max(z, w)): add distributes, max routes, multiply switches."""
    circuit = Circuit()
    x, y, z, w = map(circuit.input, (3.0, -4.0, 2.0, -1.0))
    product = circuit.gate(sd.multiply, x, y)
    largest = circuit.gate(sd.maximum, z, w)
    circuit.gate(lambda s: 2 * s, circuit.gate(sd.add, product, largest))
    check("2 (x y + max(z, w)) at (3, -4, 2, -1)", -20, circuit.forward())
    circuit.backward()
    check("multiply swaps its inputs", [-8, 6], [x.gradient, y.gradient])
    check("max routes everything to the larger", [2, 0], [z.gradient, w.gradient])


def fan_out() -> None:
    """x goes into two gates: gradients that meet are added."""
    circuit = Circuit()
    x, y = map(circuit.input, (3.0, 4.0))
    circuit.gate(sd.add, circuit.gate(sd.multiply, x, y), circuit.gate(sd.square, x))
    check("x y + x² at (3, 4)", 21, circuit.forward())
    circuit.backward()
    check("both paths add up in x: y + 2x", [10, 3], [x.gradient, y.gradient])


def vector_circuit() -> None:
    """f = ‖W x‖², with the numbers of the lecture's vectorised example."""
    W, x = sd.input("W", (2, 2)), sd.input("x", (2,))
    q = W @ x
    f = sd.sum(q**2)
    at = {W: np.array([[0.1, 0.5], [-0.3, 0.8]]), x: np.array([0.2, 0.4])}
    value, d_W, d_x, q_value = sd.interpret([f, *sd.grad(f, [W, x]), q], at)
    check("‖W x‖²", 0.116, value)
    check("its gradient in W is 2 q xᵀ", [[0.088, 0.176], [0.104, 0.208]], d_W)
    check("its gradient in x is 2 Wᵀ q", [-0.112, 0.636], d_x)
    check("and that is the formula", 2 * at[W].T @ q_value, d_x)


def elementwise_max() -> None:
    """max(0, x) on 4,096 values: the Jacobian is a mask, never a matrix."""
    n = 4096
    rng = np.random.default_rng(0)
    x, d_f = sd.input("x", (n,)), sd.input("d_f", (n,))
    at = {x: rng.normal(size=n), d_f: rng.normal(size=n)}
    d_x = sd.vjp(sd.maximum(x, 0), x, d_f)
    tracemalloc.start()
    found = sd.interpret(d_x, at)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    check(
        "elementwise max passes d_f where x > 0", np.where(at[x] > 0, at[d_f], 0), found
    )
    print(
        f"    peak memory {peak / 1e6:.1f} MB; a 4096×4096 Jacobian has "
        f"{8 * n * n / 1e6:.0f} MB"
    )
    check("its 4096×4096 Jacobian is never formed", True, peak < 8 * n * n / 100)


if __name__ == "__main__":
    three_gates()
    three_gates_compiled()
    neuron()
    patterns()
    fan_out()
    vector_circuit()
    elementwise_max()
    finish()
