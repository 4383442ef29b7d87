"""What fuzzing found, and what it must never find: hostile specs are told, quickly.

Fuzzing itself is in test_toml_fuzz.py.
"""

import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from toml_corpus import EVIL
from toml_specs import SPECS

import symdiff as sd
from symdiff.declare.spec import load_spec

HEAD = """\
[function]
name = "f"
[inputs]
x = { shape = ["N", 4] }
"""
SECONDS = 8.0  # of a processor that others use as well


def read(text, folder):
    """The spec, or its error; neither may take long."""
    path = folder / "spec.toml"
    path.write_text(text, "utf-8")
    began = time.process_time()
    try:
        found = load_spec(path)
    except sd.SymdiffError as error:
        found = error
    assert time.process_time() - began < SECONDS
    if isinstance(found, sd.SymdiffError):
        assert str(path) in str(found)
        assert len(str(found)) < 2000
    return found


@pytest.mark.parametrize("equation", EVIL)
def test_equations(equation, tmp_path):
    text = f'{HEAD}[outputs]\nv = {json.dumps(equation)}\nw = "x"\n'
    found = read(text, tmp_path)
    if not isinstance(found, sd.SymdiffError):
        with suppress(sd.SymdiffError):  # a function of a length has no number
            sd.compile(found.model, optimize=1)
    assert not (tmp_path / "owned").exists()
    assert not Path("owned").exists()


def test_a_metric_may_be_a_number(tmp_path):
    for number in ("1e308*1e308", "2", "sqrt(2)", "N + 0 * sum(x)"):
        text = SPECS["svm"].replace('"accuracy(scores, y)"', f'"{number}"')
        assert sd.compile(read(text, tmp_path).model)


def test_sums_of_dims_are_not_multiplied_out_for_ever(tmp_path):
    dims = ", ".join(f'"A{i} + B{i} + C{i}"' for i in range(12))
    first = ", ".join(f'"{c}{i}"' for i in range(12) for c in "ABC")
    text = HEAD.replace('x = { shape = ["N", 4] }', f"y = [{dims}]")
    found = read(f'{text}[outputs]\nv = "ravel(y)"\n', tmp_path)
    assert isinstance(found, sd.SpecError)
    assert first


def test_a_graph_without_end_is_stopped(tmp_path):
    lines = ['v0 = "x"']
    lines += [f'v{i} = "tanh(sin(v{i - 1}) * v{i - 1} + {i})"' for i in range(1, 1500)]
    lines += ['slope = "grad(sum(v1499), x)"', 'again = "grad(sum(slope), x)"']
    text = HEAD + "[equations]\n" + "\n".join(lines) + '\n[outputs]\nv = "again"\n'
    path = tmp_path / "spec.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(sd.SpecError, match="more than 20,000 operations"):
        load_spec(path)


def test_many_names_and_many_patterns(tmp_path):
    names = "\n".join(f"p{i} = [1]" for i in range(3000))
    found = read(f'{HEAD}[params]\n{names}\n[outputs]\nv = "x"\n', tmp_path)
    assert "at most 2,000 names" in str(found)
    text = SPECS["mlp"].replace("lr = 1e-3", f"frozen = ['{'*a' * 40}']")
    assert "pattern is too long" in str(read(text, tmp_path))


CHAIN = 'c0 = "x * 2"\n' + "\n".join(
    f'c{i} = "tanh(c{i - 1}) * {i}"' for i in range(1, 400)
)
REPEATED = {
    "all parameters": "[" + ", ".join(["weights()"] * 40) + "]",
    "those of a tensor": "[" + ", ".join(["params(c399)"] * 40) + "]",
    "the same gradient": "grad(sum(c399), x)",
    "the same differences": "diff(pad(x, 900), 900, axis=0)",
    "a long product": f"einsum('{','.join(['ij'] * 60)}->i', {', '.join('x' * 60)})",
    "many names": "nothing",
}


@pytest.mark.parametrize("name", REPEATED)
def test_what_is_cheap_once_stays_cheap(name, tmp_path):
    """What makes no new node must not be had for nothing again and again."""
    lines = [f'e{i} = "{REPEATED[name]}"' for i in range(400)]
    text = f"{HEAD}[params]\nW = [4]\n[equations]\n{CHAIN}\n" + "\n".join(lines)
    read(f'{text}\n[outputs]\nv = "x"\n', tmp_path)


def test_what_a_terminal_would_obey_is_escaped(tmp_path):
    found = read(f'{HEAD}"\\u001b[2J" = 1\n[outputs]\nv = "x"\n', tmp_path)
    assert "\x1b" not in str(found)
    found = read(f'{HEAD}[outputs]\nv = "\\u009b2J"\n', tmp_path)
    assert "\x9b" not in str(found)
