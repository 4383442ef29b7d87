"""What a function reads from around it is read anew: no way of baking it goes stale.

Every way in which a value becomes a part of the generated code (an index, an exponent,
a shape, ...) is crossed with every way in which an array can be held. After the array
has changed, the compiled function must give what NumPy gives then.
"""

from __future__ import annotations

import array
import types
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdiff import transforms as T  # noqa: N812 - as autograd's users would

X = np.array([1.5, 2.5, 3.5, 4.5])

# A way of holding two integers: the object that the function reads, how it gets the
# array from that, and what changes the array.
Held = tuple[Any, Callable[[Any], Any], Callable[[], None]]


def own(folder: Path) -> Held:
    a = np.array([1, 2])
    return a, lambda held: held, lambda: a.__setitem__(slice(None), [2, 3])


def view(folder: Path) -> Held:
    a = np.array([0, 1, 2])
    return a[1:], lambda held: held, lambda: a.__setitem__(slice(1, None), [2, 3])


def read_only_view(folder: Path) -> Held:
    a = np.array([0, 1, 2])
    part = a[1:]
    part.setflags(write=False)
    return part, lambda held: held, lambda: a.__setitem__(slice(1, None), [2, 3])


def read_only_view_of_a_view(folder: Path) -> Held:
    a = np.array([0, 0, 1, 2])
    part = np.broadcast_to(a[1:], (1, 3))[0, 1:]
    return part, lambda held: held, lambda: a.__setitem__(slice(2, None), [2, 3])


def locked_for_a_while(folder: Path) -> Held:
    a = np.array([1, 2])
    a.setflags(write=False)

    def change() -> None:
        a.setflags(write=True)
        a[:] = [2, 3]

    return a, lambda held: held, change


def memmap(folder: Path) -> Held:
    a = np.memmap(folder / "a.bin", dtype=np.int64, mode="w+", shape=(2,))
    a[:] = [1, 2]
    return a, lambda held: held, lambda: a.__setitem__(slice(None), [2, 3])


def memmap_for_reading(folder: Path) -> Held:
    a = np.memmap(folder / "a.bin", dtype=np.int64, mode="w+", shape=(2,))
    a[:] = [1, 2]
    reader = np.memmap(folder / "a.bin", dtype=np.int64, mode="r", shape=(2,))
    return reader, lambda held: held, lambda: a.__setitem__(slice(None), [2, 3])


def buffer(folder: Path) -> Held:
    raw = bytearray(np.array([1, 2]).tobytes())
    a = np.frombuffer(raw, dtype=np.int64)
    new = np.array([2, 3]).tobytes()
    return a, lambda held: held, lambda: raw.__setitem__(slice(None), new)


def raw_bytearray(folder: Path) -> Held:
    raw = bytearray(np.array([1, 2]).tobytes())
    new = np.array([2, 3]).tobytes()
    read = lambda held: np.frombuffer(held, dtype=np.int64)  # noqa: E731
    return raw, read, lambda: raw.__setitem__(slice(None), new)


def array_of_python(folder: Path) -> Held:
    a = array.array("q", [1, 2])
    return (
        a,
        lambda held: np.array(held),
        lambda: a.__setitem__(1, 3) or a.__setitem__(0, 2),
    )


def in_a_list(folder: Path) -> Held:
    a = np.array([1, 2])
    return [a], lambda held: held[0], lambda: a.__setitem__(slice(None), [2, 3])


def in_nested_containers(folder: Path) -> Held:
    a = np.array([1, 2])
    held = {"k": ([a],)}
    return held, lambda h: h["k"][0][0], lambda: a.__setitem__(slice(None), [2, 3])


def in_a_deque(folder: Path) -> Held:
    held = deque([np.array([1, 2])])
    return held, lambda h: h[0], lambda: held[0].__setitem__(slice(None), [2, 3])


def an_attribute(folder: Path) -> Held:
    held = types.SimpleNamespace(value=np.array([1, 2]))
    return held, lambda h: h.value, lambda: setattr(held, "value", np.array([2, 3]))


def an_attribute_written(folder: Path) -> Held:
    held = types.SimpleNamespace(value=np.array([1, 2]))
    return held, lambda h: h.value, lambda: held.value.__setitem__(slice(None), [2, 3])


class Slotted:
    __slots__ = ("value",)


def a_slot(folder: Path) -> Held:
    held = Slotted()
    held.value = np.array([1, 2])
    return held, lambda h: h.value, lambda: setattr(held, "value", np.array([2, 3]))


def an_object_in_a_list(folder: Path) -> Held:
    held = [types.SimpleNamespace(value=np.array([1, 2]))]
    return (
        held,
        lambda h: h[0].value,
        lambda: held[0].value.__setitem__(slice(None), [2, 3]),
    )


HOLDERS = (
    own, view, read_only_view, read_only_view_of_a_view, locked_for_a_while, memmap,
    memmap_for_reading, buffer, raw_bytearray, array_of_python, in_a_list,
    in_nested_containers, in_a_deque, an_attribute, an_attribute_written, a_slot,
    an_object_in_a_list,
)  # fmt: skip

# A way of using two small integers, of which none is lifted out of the code.
BAKED = {
    "index": lambda x, a: x[a],
    "one index": lambda x, a: x[a[0]],
    "slice": lambda x, a: x[: int(a[1])],
    "exponent": lambda x, a: x ** a[0],
    "int": lambda x, a: x * int(a[0]),
    "float": lambda x, a: x * float(a[1]),
    "item": lambda x, a: x * a[0].item(),
    "scalar": lambda x, a: x * a[1],
    "shape": lambda x, a: np.ones(tuple(a)) * x[0],
    "length": lambda x, a: x * len(a[a > 1]),
    "constant": lambda x, a: x[:2] * a,
    "float constant": lambda x, a: x[:2] * (a + 0.5),
    "branch": lambda x, a: x * 2.0 if a[0] > 1 else x * 3.0,
    "loop": lambda x, a: sum((x**k for k in range(a[1])), 0.0 * x),
    "axis": lambda x, a: np.sum(np.ones((2, 3, 4, 5)) * x[0], axis=a[0]),
    "mask": lambda x, a: np.where(a > 1, x[:2], 0.0),
}


@pytest.mark.parametrize("use", BAKED)
@pytest.mark.parametrize("hold", HOLDERS)
def test_a_captured_value_is_read_anew(hold: Any, use: str, tmp_path: Path) -> None:
    held, read, change = hold(tmp_path)
    using = BAKED[use]

    def f(x: Any) -> Any:
        return using(x, read(held))

    compiled = T.jit(f)
    np.testing.assert_allclose(compiled(X), f(X))
    change()
    np.testing.assert_allclose(compiled(X), f(X))
    np.testing.assert_allclose(compiled(X), f(X))


def test_an_array_that_nobody_can_write_is_not_compared() -> None:
    """Bytes, and arrays that own their memory and are locked, are known by identity."""
    from symdiff.declare.captured.values import frozen

    locked = np.arange(3)
    locked.setflags(write=False)
    for constant in (locked, np.frombuffer(b"12345678", dtype=np.int64), locked[1:]):
        seen = frozen(constant)
        seen.copy = None
        assert seen.same(constant)


def test_a_set_is_read_anew() -> None:
    chosen = {1, 2}
    compiled = T.jit(lambda x: sum(x[i] for i in sorted(chosen)))
    assert compiled(X) == X[1] + X[2]
    chosen.add(3)
    assert compiled(X) == X[1] + X[2] + X[3]
