"""What is declared has an order without a clock: a path through parts of parts."""

import contextvars
import threading

import symdiff as sd
from symdiff.graph.order import Part, open_part, part_here
from symdiff.graph.tensor import tensor_topological


def test_what_is_made_in_a_part_lies_between_what_is_made_around_it():
    x = sd.input("x", ())
    before = sd.sin(x)
    with part_here() as inside:
        first, second = sd.cos(x), sd.tan(x)
        with part_here() as deeper:
            deep = sd.exp(x)
    after = sd.tanh(x)
    made = [before, first, second, deep, after]
    assert sorted(made, key=lambda t: t.order) == made
    assert [inside.holds(t.order) for t in made] == [False, True, True, True, False]
    assert [deeper.holds(t.order) for t in made] == [False, False, False, True, False]


def test_what_stands_for_a_tensor_comes_where_it_came():
    x = sd.input("x", ())
    old, later = sd.sin(x), sd.cos(x)
    with Part(old.order):
        inner = sd.exp(x)
        new = sd.log(inner)
    names = [t.node.op.name for t in tensor_topological([later + new])]
    assert names[1:4] == ["exp", "log", "cos"]


def test_two_parts_hold_nothing_of_each_other():
    with part_here() as one:
        a = sd.input("a", ())
    with part_here() as two:
        b = sd.input("b", ())
    assert one.holds(a.order)
    assert two.holds(b.order)
    assert not one.holds(b.order)
    assert not two.holds(a.order)


def test_a_part_is_closed_after_an_error():
    before = open_part()
    try:
        with part_here():
            raise ValueError
    except ValueError:
        pass
    assert open_part() is before


def test_a_thread_declares_in_a_part_of_its_own_context():
    x = sd.input("x", ())
    found = []
    with part_here() as inside:
        thread = threading.Thread(target=lambda: found.append(sd.sin(x)))
        thread.start()
        thread.join()
        contextvars.copy_context().run(lambda: found.append(sd.cos(x)))
    assert [inside.holds(t.order) for t in found] == [False, True]


def test_a_branch_computes_what_its_sides_made_and_reads_the_rest():
    x = sd.input("x", (3,))
    outside = sd.exp(x)
    y = sd.cond(sd.sum(x) > 0, lambda: sd.sin(outside), lambda: outside * 2)
    branch = y.node.inputs[0]
    assert outside.node in branch.inputs
    inner = {n.op.name for n in branch.attrs["then"].nodes}
    assert "sin" in inner
    assert "exp" not in inner
