"""NumPy's own functions build the graph that symdiff's build, or say why not."""

import numpy as np
import pytest

import symdiff as sd

RNG = np.random.default_rng(0)
A = RNG.uniform(0.2, 0.8, (3, 4))
B = RNG.uniform(0.2, 0.8, (4, 2))
V = RNG.uniform(0.2, 0.8, 4)

# Each runs on arrays as on tensors, and must give the same numbers.
PROGRAMS = {
    "ufunc": lambda a, b, v: np.tanh(a @ b),
    "array op tensor": lambda a, b, v: V * a + A[0] - v,
    "scalar op tensor": lambda a, b, v: np.float64(2) * v / np.float32(0.5),
    "np.matmul": lambda a, b, v: np.matmul(a, b),
    "array @ tensor": lambda a, b, v: A @ b,
    "tensor @ array": lambda a, b, v: a @ B,
    "np.sum": lambda a, b, v: np.sum(a, axis=0) + np.sum(v),
    "keyword operand": lambda a, b, v: np.sum(a=a, axis=1, keepdims=True),
    "np.mean": lambda a, b, v: np.mean(a, axis=(0, 1)),
    "np.max": lambda a, b, v: np.max(a, axis=-1) + np.amin(a),
    "np.dot": lambda a, b, v: np.dot(a, v),
    "np.where": lambda a, b, v: np.where(a > 0.5, a, 0),
    "np.maximum": lambda a, b, v: np.maximum(a, 0.5),
    "np.stack": lambda a, b, v: np.stack([v, 2 * v], axis=1),
    "np.concatenate": lambda a, b, v: np.concatenate((a, V[None]), axis=0),
    "np.reshape": lambda a, b, v: np.reshape(a, (2, 6)),
    "np.transpose": lambda a, b, v: np.transpose(a) + a.T,
    "np.expand_dims": lambda a, b, v: np.expand_dims(v, 0) * np.squeeze(a[:1]),
    "np.broadcast_to": lambda a, b, v: np.broadcast_to(v, (2, 4)) * 1.0,
    "np.zeros_like": lambda a, b, v: np.zeros_like(a) + np.ones_like(v),
    "np.shape": lambda a, b, v: a * (np.ndim(a) + np.shape(a)[0] + np.size(v)),
    "np.add.reduce": lambda a, b, v: np.add.reduce(a),
    "np.maximum.reduce": lambda a, b, v: np.maximum.reduce(a, axis=1),
    "np.multiply.outer": lambda a, b, v: np.multiply.outer(v, a),
    "np.subtract.outer": lambda a, b, v: np.subtract.outer(v, V),
    "logic": lambda a, b, v: np.where((a > 0.3) & np.logical_not(a > 0.6), a, v),
    "idle arguments": lambda a, b, v: np.add(a, v, out=None, where=True, dtype=None),
    "np.copy": lambda a, b, v: np.copy(a) + np.real(a),
    "positions of NumPy": lambda a, b, v: (
        np.sum(a, 0, None, None, True) + np.mean(a, 0)
    ),
    "axes=": lambda a, b, v: np.transpose(a, axes=(1, 0)),
    "order of keywords": lambda a, b, v: np.take(indices=[2, 0], axis=1, a=a),
    "np.einsum": lambda a, b, v: np.einsum("ij,j->i", a, v),
    "np.clip": lambda a, b, v: np.clip(a, 0.3, 0.6) + np.clip(v, a_min=0.4, a_max=None),
    "np.full_like": lambda a, b, v: np.full_like(a, 2.5) * np.moveaxis(a, 0, 1).T,
    "np.linalg.solve": lambda a, b, v: np.linalg.solve(a @ a.T, a),
    "defaults written out": lambda a, b, v: np.sort(a, axis=1, kind=None, order=None),
    "np.round": lambda a, b, v: np.round(a * 3) + np.rint(v),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_numpy_program_builds_graph(program):
    leaves = [sd.input(name, x.shape) for name, x in zip("abv", (A, B, V), strict=True)]
    graph = program(*leaves)
    assert isinstance(graph, sd.Tensor)
    value = sd.interpret(graph, dict(zip(leaves, (A, B, V), strict=True)))
    np.testing.assert_allclose(value, program(A, B, V), rtol=1e-13)


def test_a_numpy_call_is_the_statement_it_stands_in():
    x = sd.input("x", (3,))
    h = np.tanh(x)
    total = np.sum(h)
    for tensor in (h, total):
        assert tensor.site.location.startswith(__file__)
        assert tensor.origin.result == 0


REFUSED = {
    "out": (lambda x: np.add(x, 1, out=np.zeros(3)), "out=: assign"),
    "where": (lambda x: np.add(x, 1, where=np.array([True, False, True])), "where"),
    "dtype": (lambda x: np.add(x, 1, dtype=np.float32), r"dtype=: use sd\.cast"),
    "np.sum out": (lambda x: np.sum(x, out=np.zeros(())), "out"),
    "reduceat": (lambda x: np.add.reduceat(x, [0, 1]), r"np\.add\.reduceat"),
    "at": (lambda x: np.add.at(x, [0], 1.0), r"np\.add\.at"),
    "divide.reduce": (lambda x: np.divide.reduce(x), r"np\.divide\.reduce"),
    "where of one": (lambda x: np.where(x > 0), "one operand"),
    "unknown ufunc": (lambda x: np.frexp(x), r"np\.frexp"),
    "unknown function": (lambda x: np.packbits(x), r"np\.packbits"),
    "fft": (lambda x: np.fft.fft(x), r"np\.fft\.fft"),
    "bad argument": (lambda x: np.sum(x, axes=0), "axes"),
    "too many operands": (lambda x: np.reshape(x, 1, "C", 3, 4), "reshape"),
    "np.array": (lambda x: np.array([x, x]), "np.stack"),
    "in-place add on an array": (
        lambda x: np.add(np.zeros(3), x, out=np.zeros(3)),
        "out",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_says_so(case):
    program, message = case
    with pytest.raises((sd.TracingError, TypeError), match=message):
        program(sd.input("x", (3,)))


def test_the_error_names_the_line():
    x = sd.input("x", (3,))
    with pytest.raises(sd.TracingError, match="frexp") as caught:
        np.frexp(x)
    assert f"at {__file__}:" in str(caught.value)
    with pytest.raises(sd.ShapeError) as caught:
        np.add(x, sd.input("y", (4,)))
    assert f"at {__file__}:" in str(caught.value)
