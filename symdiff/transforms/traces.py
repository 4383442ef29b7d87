"""Tracing one call of a transformed function, and compiling its graph to a module.

In: a rule on tensors and concrete arguments. Out: a `Variant` around generated code.
Invariant: float arrays with axes that a function closes over are inputs of the code
like its arguments, and read at every call; other values around it are constants, for
which the variant's snapshot is checked. Graphs of one structure share one module.
"""

from __future__ import annotations

import functools
import itertools
import linecache
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from symdiff.compiler.compile import compile_
from symdiff.declare.captured.draws import keeps_nothing, states
from symdiff.declare.captured.scanning import snapshot
from symdiff.declare.captured.values import ATOMS, Snapshot, frozen
from symdiff.declare.captured.whose import advances
from symdiff.declare.leaves import input_
from symdiff.declare.model import Function
from symdiff.declare.tracing import RETIRED, UNSEEN, Namer, argument_names
from symdiff.declare.trees import Path, builder, kinds, leaves, tree_map
from symdiff.graph.arrays import require_plain
from symdiff.graph.asked import WIDTH
from symdiff.graph.body import Body
from symdiff.graph.errors import DeclarationError, DTypeError, TracingError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor, tensor_topological
from symdiff.ops.core.leaf import RANDOM
from symdiff.ops.core.operands import LIFT, constant
from symdiff.ops.surface.writes import entered
from symdiff.transforms.variants import Variant, is_array

MOST_MODULES = 512

_serial = itertools.count()


class Trace:
    """The inputs that stand for the arrays of one call while a rule is traced."""

    def __init__(self, seen: Snapshot) -> None:
        self.namer = Namer()
        self.inputs: list[Tensor] = []
        self.values: list[Any] = []
        self.lifted: list[tuple[Tensor, Callable[[], Any]]] = []
        self._captured = {
            id(a): (a, name, get)
            for name, get, a in reversed(seen.arrays)
            if a.dtype.kind == "f" and a.ndim
        }
        self._made: dict[int, Tensor] = {}

    def enter(self, path: Path, leaf: Any) -> Any:
        """Return the input for an array of the arguments; other leaves stay."""
        if not isinstance(leaf, np.ndarray) and not is_array(leaf):
            return leaf
        tensor = self._declare(path, leaf)
        entered(tensor, ".".join(path), leaf)
        self.inputs.append(tensor)
        self.values.append(leaf)
        return tensor

    def lift(self, value: Any) -> Tensor | None:
        """Return the input for an array that the function closes over."""
        found = self._captured.get(id(value))
        if found is None or found[0] is not value:
            return None
        if id(value) not in self._made:
            tensor = self._declare((found[1],), value)
            self._made[id(value)] = tensor
            self.lifted.append((tensor, found[2]))
        return self._made[id(value)]

    def _declare(self, path: Path, value: Any) -> Tensor:
        require_plain(".".join(path), value)
        array = np.asarray(value)
        if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
            raise DTypeError(
                f"{'.'.join(path)} is {array.dtype}; use float32 or float64."
            )
        kind = "float" if array.dtype.kind == "f" else array.dtype.newbyteorder("=")
        return input_(self.namer.leaf(path), array.shape, kind)

    def arguments(self) -> list[Tensor]:
        """Return every input, those of arguments first."""
        return [*self.inputs, *(t for t, _ in self.lifted)]


@contextmanager
def _tracing(trace: Trace) -> Iterator[None]:
    unseen = UNSEEN.set(frozenset(t.node for t in trace.inputs))
    lift = LIFT.set(trace.lift)
    width = WIDTH.set(_width(trace) if len(_widths(trace)) < 2 else None)
    try:
        yield
    finally:
        RETIRED.update(t.node for t in trace.arguments())
        WIDTH.reset(width)
        UNSEEN.reset(unseen)
        LIFT.reset(lift)


def statics(given: Any) -> list[Any]:
    """Return the objects among arguments: fixed values, whose attributes may be read.

    The class of a container counts too: a named tuple may have methods.
    """
    fixed = (*ATOMS, np.ndarray, Tensor)
    plain = (tuple, list, dict)
    objects = [v for v in leaves(given) if not isinstance(v, fixed)]
    return objects + [kind for kind in kinds(given) if kind not in plain]


def traced(
    function: Any, rule: Callable[..., Any], args: Any, kwargs: Any
) -> tuple[Trace, Snapshot, Any]:
    """Return the trace of a call, what it read besides, and its result as tensors."""
    given = leaves([args, kwargs])
    if any(map(advances, given)):
        raise TracingError(
            "an argument is an iterator, of which each call reads another value: pass "
            "the value, such as next(batches)."
        )
    seen = snapshot(function, statics([args, kwargs]))
    trace = Trace(seen)
    names = argument_names(function, len(args))
    pairs = zip(names, args, strict=True)
    symbolic = [tree_map(trace.enter, a, (n,)) for n, a in pairs]
    named = {k: tree_map(trace.enter, v, (k,)) for k, v in kwargs.items()}
    before = states(seen.generators)
    arrays = [(name, a, frozen(a)) for name, _, a in seen.arrays]
    with _tracing(trace):
        call = functools.partial(rule, *symbolic, **named)
        result = keeps_nothing(seen, function, call)
    if states(seen.generators) != before:
        raise TracingError(
            "the function draws random numbers while it is traced: every later call "
            "would see the same ones. Draw outside and pass them as an argument."
        )
    written = [name for name, a, was in arrays if not was.same(a)]
    if written:
        raise TracingError(
            f"the function writes into {', '.join(written)}, which it reads from "
            "around it, and generated code writes only what it makes: work on a copy, "
            "and return what is to be kept."
        )
    return trace, seen, result


def foreign(trace: Trace, outputs: Sequence[Tensor]) -> bool:
    """Whether the outputs read leaves of a graph around the call."""
    known = {t.node for t in trace.arguments()}
    found = [t.node for t in tensor_topological(outputs) if t.node.op.leaf]
    if any(n.op is RANDOM for n in found):
        raise DeclarationError(
            "the function draws with sd.random, whose generated code takes a key; draw "
            "outside and pass the numbers as an argument, or compile an sd.trace of it."
        )
    others = [n for n in found if n not in known]
    if any(n in RETIRED for n in others):
        raise TracingError(
            "the function reads a symbolic value that an earlier call has left in "
            "something around it: return such values and keep what the call returns."
        )
    return bool(others)


def closed(trace: Trace) -> dict[Node, Tensor]:
    """Return the constants that stand for the inputs of a trace, by node."""
    values = [*trace.values, *(get() for _, get in trace.lifted)]
    pairs = zip(trace.arguments(), values, strict=True)
    return {t.node: constant(np.asarray(v)) for t, v in pairs}


class Slot:
    """The place of a computed result in the containers of a call's results."""

    def __init__(self, number: int) -> None:
        self.number = number


def make_variant(
    trace: Trace, seen: Snapshot, result: Any, name: str, field: Callable[[Path], Path]
) -> Variant:
    """Return the compiled code of a trace."""
    outputs: dict[str, Tensor] = {}
    namer = Namer()

    def place(path: Path, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            _require_concrete(leaf)
            return leaf
        outputs[namer.field(field(path))] = leaf
        return Slot(len(outputs) - 1)

    template = tree_map(place, result)
    build: Callable[[Any], Any] | None = builder(template, _is_slot)
    convert, lifted = _conversions(trace)
    if not outputs:
        made = build
        return Variant(lambda *_: None, made, convert, lifted, seen, "")
    module = _module(name, trace.arguments(), outputs)
    if len(outputs) == 1:
        inner: Any = build
        bare = isinstance(template, Slot)
        build = None if bare else lambda found: inner((found,))
    elif type(template) is tuple and all(isinstance(t, Slot) for t in template):
        build = tuple
    return Variant(module.forward, build, convert, lifted, seen, module.source)


def _require_concrete(leaf: Any) -> None:
    """Raise where a result such as a set, an object or a closure holds symbols."""
    if isinstance(leaf, (*ATOMS, np.ndarray)):
        return
    held = [*getattr(leaf, "__dict__", {}).values()]
    if isinstance(leaf, functools.partial):
        held += [*leaf.args, *leaf.keywords.values()]
    held += [getattr(leaf, n, None) for n in getattr(type(leaf), "__slots__", ())]
    held += [*leaf] if isinstance(leaf, (set, frozenset, deque)) else []
    held += [c.cell_contents for c in getattr(leaf, "__closure__", None) or ()]
    if advances(leaf) or any(isinstance(v, Tensor) for h in held for v in leaves(h)):
        raise TracingError(
            f"the function returns {type(leaf).__name__} {leaf!r:.60}, which holds "
            "symbolic values: return arrays, in tuples, lists, dicts and named tuples."
        )


def _is_slot(value: Any) -> bool:
    return isinstance(value, Slot)


def _widths(trace: Trace) -> set[Any]:
    """Return the float dtypes of the arguments of a call; a Python float has none."""
    return {
        v.dtype.newbyteorder("=")
        for v in trace.values
        if isinstance(v, (np.ndarray, np.floating)) and v.dtype.kind == "f"
    }


def _width(trace: Trace) -> Any:
    """Return the float dtype that the code of a call computes in."""
    return np.result_type(*(_widths(trace) or {np.dtype("float64")}))


def _conversions(trace: Trace) -> tuple[list[Any], list[Any]]:
    """Return the casts of arguments and captured arrays to one float width.

    A cast is None where a value fits as it is. Scalars become NumPy scalars.
    """
    width = _width(trace)

    def cast(value: Any) -> Callable[[Any], Any] | None:
        array = np.asarray(value)
        to = width if array.dtype.kind == "f" else array.dtype.newbyteorder("=")
        if not array.ndim:
            return None if type(value) is to.type else to.type
        if array.dtype == to and type(value) is np.ndarray:
            return None
        return functools.partial(np.asarray, dtype=to)

    casts = [(i, cast(v)) for i, v in enumerate(trace.values)]
    convert = [(i, c) for i, c in casts if c is not None]
    return convert, [(get, cast(get())) for _, get in trace.lifted]


# --- modules --------------------------------------------------------------------------


class _Module:
    """A generated module, and the graph it was generated from."""

    def __init__(self, forward: Any, source: str, graph: Body) -> None:
        self.forward = forward
        self.source = source
        self.graph = graph  # kept alive: its key in _MODULES holds ids of nodes


_MODULES: OrderedDict[str, _Module] = OrderedDict()


def _module(name: str, inputs: Sequence[Tensor], outputs: dict[str, Tensor]) -> _Module:
    """Return the module of a graph; graphs of equal structure share one."""
    graph = Body(tuple(inputs), tuple(outputs.values()))
    found = _MODULES.get(graph.key)
    if found is not None:
        _MODULES.move_to_end(graph.key)
        return found
    compiled = compile_(
        Function(name, inputs, outputs), only=("forward",), single_file=True
    )
    source = str(compiled[name])
    if len(compiled.files) > 1:  # constants beside it
        space = vars(compiled.load())
    else:
        space = _executed(name, source)
    space["_check"] = _trusting(space)
    made = _Module(space["forward"], source, graph)
    _MODULES[graph.key] = made
    while len(_MODULES) > MOST_MODULES:
        _MODULES.popitem(last=False)
    return made


def _executed(name: str, source: str) -> dict[str, Any]:
    """Execute a module's text, and let tracebacks and debuggers show it."""
    filename = f"<symdiff {name} {next(_serial)}>"
    module = types.ModuleType(f"symdiff_generated_{name}")
    space = vars(module)
    exec(compile(source, filename, "exec"), space)
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    weakref.finalize(space["forward"], linecache.cache.pop, filename, None)
    return space


def _trusting(space: dict[str, Any]) -> Callable[..., Any]:
    """Return an entry check of ranges alone: shapes and dtypes fit already."""
    specs = space["ARGUMENTS"]
    ranged = [n for n, s in specs.items() if s[2] is not None or s[3] is not None]

    def check(params: Any, /, **arguments: Any) -> Any:
        for name in ranged:
            space["_check_range"](name, arguments[name], *specs[name][2:])
        return arguments.values()

    return check
