"""Which values of a traced function share memory, as their arrays would under NumPy.

In: tensors that a function made, and writes in place into them. Out: the value that a
tensor has now. Invariant: a tensor that a write may have changed shows the change, or
raises when it is next read; what was computed before a write keeps what it read.

A view knows the tensor whose memory it shares, how it is read from that one and how it
is written back. Where it is not known whether NumPy would make a view, a write through
one of the two spoils the other.

Outside of tracing no tensor has a memory, and nothing here happens.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from symdiff.graph.errors import TracingError
from symdiff.graph.tensor import Tensor


class Storage:
    """Memory that several tensors may share, with weak references to them.

    ``argument`` names the argument of the traced function whose array this is, if any.
    ``handed_out`` is set where NumPy took the values as an array: it sees no write.
    """

    __slots__ = ("_holders", "argument", "handed_out")

    def __init__(self, argument: str | None = None) -> None:
        self.argument = argument
        self.handed_out = False
        self._holders: list[weakref.ref[Tensor]] = []

    def add(self, tensor: Tensor) -> None:
        """Let a tensor share this memory."""
        self._holders.append(weakref.ref(tensor))

    def holders(self) -> list[Tensor]:
        """Return the tensors that may share this memory and are alive, oldest first."""
        alive = (ref() for ref in self._holders)
        return [t for t in alive if t is not None]


class Showing(NamedTuple):
    """How a tensor is read from another one, and how a new value is written back.

    ``show`` takes the value of ``base``; ``put`` that value and the view's new one, and
    returns the new value of ``base``. ``index`` is what stood in brackets, if anything.
    ``layout`` is an array of the same strides, where they are known, for nothing else.
    """

    base: Tensor
    show: Callable[[Tensor], Tensor]
    put: Callable[[Tensor, Tensor], Tensor]
    index: Any = None
    layout: Any = None


class Memory:
    """The state of one tensor's memory.

    ``current`` is the value after the last write into the tensor. ``spoiled`` says
    where another tensor that shares the memory was written. ``scalar`` is True where
    NumPy returns an immutable scalar, and None where a tensor without axes may be
    either a scalar or an array. ``view`` is how a view is read. ``layout`` is as there.
    """

    __slots__ = ("buffer", "current", "layout", "scalar", "spoiled", "view")

    def __init__(self, buffer: Storage) -> None:
        self.buffer = buffer
        self.current: Tensor | None = None
        self.spoiled: str | None = None
        self.scalar: bool | None = False
        self.view: Showing | None = None
        self.layout: Any = None


def memory_of(tensor: Tensor) -> Memory:
    """Return a tensor's memory, a new one where it has none yet."""
    if tensor.memory is None:
        tensor.memory = Memory(Storage())
        tensor.memory.buffer.add(tensor)
    return tensor.memory


def share(tensor: Tensor, base: Tensor, view: Showing | None) -> None:
    """Let ``tensor`` share the memory of ``base``; without a view, perhaps."""
    buffer = memory_of(base).buffer
    tensor.memory = Memory(buffer)
    tensor.memory.view = view
    buffer.add(tensor)


def store(tensor: Tensor, value: Tensor, where: str) -> None:
    """Give a tensor a value, and let all that share its memory show what is in it now.

    What may or may not share it is spoiled. ``where`` says where the write stands.
    """
    root, found = tensor, value
    while (view := memory_of(root).view) is not None:
        root, found = view.base, view.put(current(view.base), found)
    memory_of(root).current = found
    for other in memory_of(root).buffer.holders():  # a base before its views
        memory = memory_of(other)
        view = memory.view
        if other is root:
            continue
        if view is None or memory_of(view.base).spoiled is not None:
            memory.spoiled = where
        else:
            memory.current = value if other is tensor else view.show(current(view.base))


def current(tensor: Tensor) -> Tensor:
    """Return the value of a tensor now; raise `TracingError` where it is not known."""
    memory = tensor.memory
    if memory is None:
        return tensor
    if memory.spoiled is not None:
        raise TracingError(
            f"{tensor!r} is read after {memory.spoiled}, which under NumPy may have "
            "changed it, as the two may share memory. Work on a copy (y = y.copy() "
            "before the write), write y = y + 1 instead of y += 1, or take the view "
            "after the write."
        )
    return tensor if memory.current is None else memory.current


def read(value: Any) -> Any:
    """Return ``value`` with every tensor in it, however nested, as it is now."""
    if isinstance(value, Tensor):
        return current(value)
    if isinstance(value, (tuple, list)):
        parts = [read(v) for v in value]
        if all(a is b for a, b in zip(parts, value, strict=True)):
            return value
        if hasattr(value, "_fields"):
            return type(value)(*parts)
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, dict) and any(read(v) is not v for v in value.values()):
        made = type(value)()
        made.update({k: read(v) for k, v in value.items()})
        return made
    if isinstance(value, slice):
        ends = (value.start, value.stop, value.step)
        return slice(*map(read, ends))
    return value
