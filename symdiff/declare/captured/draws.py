"""What a function must not do while it is traced: draw numbers, or keep symbols.

In: a function of the user's, and how to run it on symbols. Out: its results, or an
error where it draws from a generator that lives outside it, gives another graph when it
is run again, or leaves a symbolic value in something around it. Invariant: a generator
that the function makes from a seed is allowed, since it gives the same graph each time.

Numbers that a library draws from a generator of its own are not noticed.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from symdiff.declare.captured.scanning import snapshot
from symdiff.declare.captured.values import Snapshot
from symdiff.declare.trees import leaves
from symdiff.graph.body import Body
from symdiff.graph.errors import TracingError
from symdiff.graph.node import Node, topological
from symdiff.graph.origin import Origin, Site
from symdiff.graph.tensor import Tensor
from symdiff.ops.core.leaf import RANDOM

_NOWHERE = Origin(Site(()), ())


@contextmanager
def no_draws() -> Iterator[None]:
    """Raise where the block draws from NumPy's or Python's global generator."""
    before = _states()
    yield
    after = _states()
    for name, state in before.items():
        if after[name] != state:
            raise _refused(f"draws from {name}")


def states(generators: Sequence[Any]) -> list[bytes]:
    """Return the states of generators, to be compared."""
    return [
        pickle.dumps(
            g.get_state() if hasattr(g, "get_state") else g.bit_generator.state
        )
        for g in generators
    ]


def _states() -> dict[str, Any]:
    state: Any = np.random.get_state(legacy=True)
    _, keys, position, has_gauss, _ = state
    numpys = (position, keys.tobytes(), has_gauss)
    return {"np.random": numpys, "Python's random": random.getstate()}


def _refused(what: str) -> TracingError:
    return TracingError(
        f"the function {what} while it is traced: every later call would see the same "
        "numbers. Draw outside and pass them as an argument."
    )


def keeps_nothing(before: Snapshot, function: Any, run: Callable[[], Any]) -> Any:
    """Return ``run()``; raise where it leaves a tensor in what outlives the call.

    ``before`` is what ``function`` reads beside its arguments.
    """
    held = before.tensors()
    result = run()
    known = {id(t) for _, t in held}
    after = snapshot(function, before.arguments).tensors()
    left = [name for name, t in after if id(t) not in known]
    if left:
        raise TracingError(
            f"the function leaves a symbolic value in {left[0]}, which lives longer "
            "than the call, so that later calls would read a symbol: return the value, "
            "with has_aux=True where there is a derivative, and keep what is returned."
        )
    return result


def steady(function: Any, run: Callable[[], Any]) -> Any:
    """Return ``run()``; raise where it draws, or keeps one of the tensors it makes.

    A function whose code names a source of random numbers or a clock is run twice, and
    must build the same graph.
    """
    seen = snapshot(function)
    if seen.iterator:
        raise _refused(f"reads {seen.iterator}, an iterator with a next value,")
    before = states(seen.generators)
    result = keeps_nothing(seen, function, run)
    if states(seen.generators) != before:
        raise _refused("draws random numbers")
    source = seen.source
    if source and _signature(result) != _signature(run()):
        raise _refused(f"uses {source} and gives other numbers")
    return result


def _signature(result: Any) -> Any:
    """Return what two runs of a function have in common if nothing is drawn."""
    found = leaves(result)
    tensors = [t for t in found if isinstance(t, Tensor)]
    others = [repr(v) for v in found if not isinstance(v, Tensor)]
    read = [n for n in topological([t.node for t in tensors]) if n.op.leaf]
    body = Body(tuple(map(_handle, read)), tuple(tensors))
    return body.key, [n for n in read if n.op is not RANDOM], others


def _handle(node: Node) -> Tensor:
    return Tensor(node, (), _NOWHERE, ())
