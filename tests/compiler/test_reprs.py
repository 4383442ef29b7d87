"""What a session shows of a value is one line: str() and its methods show it all."""

import pytest

import symdiff as sd

N = sd.dim("N")
LONGEST = 300


@pytest.fixture(scope="module")
def compiled():
    x, y = sd.input("x", (N, 8)), sd.input("y", (N,), "int64", high=4)
    h = x
    for i in range(6):
        h = sd.nn.dense(h, 8, "tanh", name=f"layer{i}")
    z = sd.nn.dense(h, 4, name="out")
    loss = sd.nn.softmax_cross_entropy(z, y)
    optimizer = sd.optim.Adam(1e-3)
    return sd.compile(sd.Model("deep", [x], [y], z, loss, optimizer=optimizer))


def values(compiled):
    """Everything that a reader of a compilation takes out of it."""
    yield compiled
    yield from compiled.stages.values()
    yield from compiled.stages["schedule"].routines.values()
    for module in ("forward", "backward", "train"):
        listing = compiled.listed(module)
        yield listing
        yield from listing.functions.values()
    yield compiled.explain()
    yield compiled.explore()


def test_every_value_is_shown_in_a_line(compiled):
    for value in values(compiled):
        shown = repr(value)
        assert len(shown) <= LONGEST, (type(value), len(shown))
        assert "\n" not in shown
        assert type(value).__name__ in shown


def test_it_says_what_it_is_of(compiled):
    assert repr(compiled).startswith("<Compilation of deep: ")
    assert "backward" in repr(compiled.stages["schedule"])
    assert "deep" in repr(compiled.stages["derive"])
    assert "deep" in repr(compiled.explain())


def test_a_dict_of_stages_is_short(compiled):
    assert len(repr(compiled.stages)) <= LONGEST * len(compiled.stages)
