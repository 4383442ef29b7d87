"""Names of leaves are keys of arrays: what files cannot hold is refused at once."""

import numpy as np
import pytest
from generated import beside
from hypothesis import given, settings
from hypothesis import strategies as st

import symdiff as sd

MAKERS = (sd.input, sd.param, sd.state)
REFUSED = [
    *("__metadata__", "W.npy", ".npy", "a\0b", "\ud800", "a\udfff", "W\x7f", "W\u2028"),
    *("W" * 1001, "π" * 501),
]


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_names_that_files_cannot_hold_are_refused(name):
    for declare in MAKERS:
        with pytest.raises(sd.DeclarationError, match="name"):
            declare(name, (2,))


@pytest.mark.parametrize("name", ["a\0", "\ud800", "W" * 994, "a\n"], ids=ascii)
def test_the_scope_counts(name):
    with sd.scope(name), pytest.raises(sd.DeclarationError, match="name"):
        sd.param("weight", (2,))


TOML = """\
[model]
name = "small"
[inputs]
x = {{ shape = ["N", 2] }}
[params]
"{name}" = {{ shape = [2] }}
[outputs]
z = "x"
"""


@pytest.mark.parametrize(
    "name", ["__metadata__", "W.npy", "a\\u0000", ".".join(["abc"] * 251)]
)
def test_names_in_toml_are_refused_at_their_line(tmp_path, name):
    from symdiff.declare.spec import load_spec

    (tmp_path / "small.toml").write_text(TOML.format(name=name), "utf-8")
    with pytest.raises(sd.SymdiffError, match=r"small\.toml:6"):
        load_spec(tmp_path / "small.toml")


@pytest.fixture(scope="module")
def train():
    x = sd.input("x", (sd.dim("N"), 2))
    model = sd.Model(
        "m",
        [x],
        outputs=x,
        loss=sd.mean(sd.param("W", 2) * x),
        optimizer=sd.optim.SGD(1),
    )
    return sd.compile(model).load().train


NAMES = st.one_of(
    st.text(max_size=12),
    st.text("Wnpy./\\_'\" \x00π\ud800{}%", min_size=1, max_size=12),
    st.sampled_from(
        ["W.npy", "../W", "/W", "file", "C:W", "W.npz", "🙂" * 63, "a" * 1000]
    ),
)


@settings(max_examples=200, deadline=None)
@given(name=NAMES)
def test_what_is_declared_can_be_written_and_read(train, tmp_path_factory, name):
    """The class: any name at all is refused, or goes through every kind of file."""
    try:
        sd.param(name, (2,))
    except sd.DeclarationError:
        return
    folder = tmp_path_factory.mktemp("names")
    arrays = {name: np.float32([1, 2]), "W": np.float32([3])}
    most, files = dict.fromkeys(arrays, 8), beside(train, "_files")
    for kind in ("npz", "safetensors"):
        path = str(folder / f"w.{kind}")
        files._write(path, arrays)
        found = files._read(path, most)
        assert {k: a.tolist() for k, a in found.items()} == {
            k: a.tolist() for k, a in arrays.items()
        }
    with np.load(folder / "w.npz") as file:
        assert {k: file[k].tolist() for k in file.files} == {
            k: a.tolist() for k, a in arrays.items()
        }
