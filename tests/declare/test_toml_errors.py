"""Whatever is wrong with a TOML spec is told with file, line, column and a caret."""

from pathlib import Path

import pytest
from toml_specs import SPECS

import symdiff as sd
from symdiff.declare.spec import load_spec

HEAD = """\
[model]
name = "m"
[inputs]
x = { shape = ["N", 4] }
[targets]
y = { shape = ["N"], dtype = "int64", high = 3 }
[params]
W = { shape = [4, 3], init = "glorot_uniform" }
b = [3]
[equations]
"""
TAIL = """
loss = "softmax_cross_entropy(x @ W + b, y)"
[outputs]
z = "x @ W"
"""


def error_of(text, folder):
    path = folder / "spec.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(sd.SpecError) as caught:
        load_spec(path)
    return str(caught.value)


def pointed(message):
    """The place in the file, and what stands above the caret and its tail."""
    first, *_, line, caret = message.splitlines()
    at = caret.index("^")
    assert caret[4:at].strip() == ""
    _, number, column = first.split(": ")[0].rsplit(":", 2)
    return int(number), int(column), line[at : at + len(caret.strip())]


EQUATIONS = [
    ("dens(x, 3)", "dens", "no function `dens`; did you mean `dense`?"),
    ("dense(x, 3, unit=3)", "dense(x, 3, unit=3)", "it takes (x, units, activation"),
    ("relu(x @ W.T) + 1", "x @ W.T", "contracts 4 with 3"),
    ("x @ b", "x @ b", "inner lengths differ"),
    ("x + zz * 2", "zz", "nothing is called `zz`"),
    ("loss + 1", "loss", "`loss` is not known yet: it is declared at line 12"),
    ("x[:, 9]", "x[:, 9]", "9"),
    ("softmax(x", "(", "'(' was never closed"),
    ("__import__('os')", "__import__", "no function"),
    ("x.__class__", "x.__class__", "names start with a letter"),
    ("x.foo()", "x.foo", "no method `foo`"),
    ("x.real", "x.real", "there are T, mT"),
    ("(lambda: 1)()", "lambda: 1", "only functions can be called"),
    ("[i for i in x]", "[i for i in x]", "comprehension"),
    ("f'{x}'", "f'{x}'", "f-string"),
    ("dense(*x)", "*x", "star"),
    ("dense(**x)", "**x", "star"),
    ("x if x else x", "x if x else x", "use where"),
    ("x and b", "x and b", "use & and |"),
    ("not x", "not x", "use ~"),
    ("1 < x < 2", "1 < x < 2", "chained"),
    ("x << 2", "x << 2", "`<<` is no operator"),
    ("x := 1", ":=", "the name stands before the string"),
    ("q = x", "=", "the name stands before the string"),
    ("relu", "relu", "is a function; call it"),
    ("b(x)", "b", "no function; is an operator missing"),
    ("scan(x)", "scan", "takes functions"),
    ("fft.fft(x)", "fft.fft", "complex"),
    ("dense(x, 3, name='a b')", "'a b'", "must be letters"),
    ("dense(x, 3, activation='rel')", "dense(x, 3, activation='rel')", "rel"),
    ("sum(x, axis='a')", "'a'", "sum(axis=) is no string"),
    ("sum(x, axis=x)", "sum(x, axis=x)", "an array stands where a number or a name"),
    ("random.normal(x)", "random.normal(x)", "an array stands where"),
    ("x + 'a'", "x + 'a'", "not the string 'a'"),
    ("x # what", "#", "comment"),
    ("x; 1", ";", "no meaning"),
    ("sin(\u0445)", "\u0445", "CYRILLIC SMALL LETTER HA"),
    ("1j * x", "1j", "complex"),
    ("1 / 0", "1 / 0", "divided by 0"),
    ("9**9**9", "9**9**9", "does not fit 64 bits"),
    ("params('q*')", "params('q*')", "no parameter is called 'q*'"),
    ("hidden.W", "hidden.W", "nothing is called `hidden.W`"),
    ("relu(b, 3)", "relu(b, 3)", "too many positional arguments"),
    ("conv2d(x, 3, 3)", "conv2d(x, 3, 3)", "needs 4 axes"),
]


@pytest.mark.parametrize(("equation", "under", "words"), EQUATIONS)
def test_equations(equation, under, words, tmp_path):
    message = error_of(f'{HEAD}v = "{equation}"{TAIL}', tmp_path)
    assert words in message
    line, column, found = pointed(message)
    assert (line, found) == (11, under)
    assert column == len('v = "') + equation.index(under) + 1
    assert message.startswith(f"{tmp_path}/spec.toml:11:{column}: ")


def test_the_caret_finds_its_way_through_escapes_and_lines(tmp_path):
    text = f'{HEAD}v = "relu(\\u0078) + \\"a\\" + nope"{TAIL}'
    assert pointed(error_of(text, tmp_path))[2] == 'relu(\\u0078) + \\"a\\"'
    text = f"{HEAD}v = '''\n    relu(x) +\n\t  tanh(nope)\n'''{TAIL}"
    assert pointed(error_of(text, tmp_path)) == (13, 9, "nope")
    text = f'{HEAD}v = """relu(x) + \\\n    nope"""{TAIL}'
    assert pointed(error_of(text, tmp_path)) == (12, 5, "nope")
    text = f"{HEAD}v = '''{'x + ' * 30}nope'''{TAIL}"
    assert pointed(error_of(text, tmp_path))[2] == "nope"
    text = f"{HEAD}v = '''relu(\"\u6f22\u5b57\") + x'''{TAIL}"
    assert "relu" in error_of(text, tmp_path)


TABLES = [
    ("[modell]", "modell", "no section `modell`; did you mean `model`?"),
    ("[optimizer]\nkind = 'adm'", "'adm'", "did you mean `adam`?"),
    ("[optimizer]\nlr = 1", "optimizer", "`kind` is missing"),
    ("[optimizer]\nkind = 'adam'\nlrr = 1", "lrr", "did you mean `lr`?"),
    ("[optimizer]\nkind = 'adam'\nlr = true", "true", "not true or false"),
    ("[optimizer]\nkind = 'adam'\nlr = 'cosin(1)'", "cosin", "`cosine`"),
    ("[optimizer]\nkind = 'adam'\nlr = '1 + 1'", "1 + 1", "a schedule is needed"),
    ("[optimizer]\nkind = 'adam'\nlr = -1.0", "-1.0", "needs 0 <= lr"),
    (
        "[optimizer]\nkind = 'adam'\nlr = 'cosine(1, steps=0)'",
        "cosine(1, steps=0)",
        "st",
    ),
    ("[optimizer]\nkind = 'sgd'\ngroups = 3", "3", "a table"),
    ("[optimizer]\nkind = 'sgd'\ngroups = {a = 1}", "1", "a table"),
    ("[training]\nepoch = 3", "epoch", "did you mean `epochs`?"),
    ("[training]\nepochs = 1.5", "1.5", "an integer, not a number"),
    ("[training]\nepochs = -1", "-1", "must be 0 or more"),
    ("[training]\nmode = 'up'", "'up'", "one of min, max"),
    ("[training]\nplateau = { factor = 2 }", "{ factor = 2 }", "plateau"),
    ("[data]\ntrain = '../x.npz'", "'../x.npz'", "leads out of the spec's folder"),
    ("[data]\ntrain = '/etc/passwd'", "'/etc/passwd'", "no relative path"),
    ("[data]\ntrain = 'x=~/x.npy'", "'x=~/x.npy'", "leads out"),
    ("[data]\ntrain = 'C:\\x.npz'", "'C:\\x.npz'", "no relative path"),
    ("[data]\ntest = 'x.npz'", "data", "`train` is missing"),
    ("[metrics]\na = 'x'", "'x'", "reduce it to a scalar"),
    ("[metrics]\nloss = 'mean(x)'", "'mean(x)'", "cannot be called 'loss'"),
    ("[updates]\nW = 'W'", "W", "is no state"),
    ("[states]\ns = { shape = ['N'] }", "['N']", "symbolic axis"),
    ("[states]\ns = { shape = [2], init = 'he_norm' }", "'he_norm'", "he_normal"),
    ("[states]\ns = { shape = [2], init = [1, 2, 3] }", "[1, 2, 3]", "does not fit"),
    ("[states]\ns = { shape = [2], init = 'normal(-1)' }", "normal(-1)", "at least 0"),
    ("[states]\ns = { shape = [2], dtype = 'flaot' }", "'flaot'", "`float`"),
    ("[states]\ns = { shapes = [2] }", "shapes", "did you mean `shape`?"),
    ("[states]\ns = 1.5", "1.5", "a shape"),
    ("[states]\nx = [2]", "x", "declared at line 4 already"),
    ("[states]\nN = [2]", "N", "a dim of a shape already"),
    ("[states]\nlambda = [2]", "lambda", "a keyword"),
    ("[states]\n'../x' = [2]", "'../x'", "is no name"),
    ("[states]\n_x = [2]", "_x", "is no name"),
    ("[states]\n'\u017f' = [2]", "'\u017f'", "Python reads"),
    ("[states]\ns = [1, 'N if']", "N", "no expression"),
    ("[states]\ns = [1, -2]", "-2", "negative"),
    ("[states]\ns = [1, 2.5]", "2.5", "an integer or a dim"),
    ("[constants]\nc = ['a']", "'a'", "arrays hold numbers"),
    ("[constants]\nc = [[1, 2], [3]]", "[[1, 2], [3]]", "rectangular"),
    ("[constants]\nc = 1979-05-27", "1979-05-27", "a date"),
    ("[function]\nname = 'f'", "function", "there is a [model] already"),
]


@pytest.mark.parametrize(("table", "under", "words"), TABLES)
def test_tables(table, under, words, tmp_path):
    message = error_of(f"{HEAD}v = 'x'{TAIL}{table}\n", tmp_path)
    assert words in message
    assert pointed(message)[2] == under


TEXTS = [
    (b"", ":1:1: ", "needs a section [model]"),
    (b"\xff", ":1:1: ", "no UTF-8"),
    (b"[model]\nname = 'a\xff'", ":2:10: ", "byte 0xff is no UTF-8"),
    (b"[model", ":1:7: ", "no TOML"),
    (b"[model]\nname = 1\nname = 2", ":3:", "overwrite"),
    (b"[model]\nname = 'm'\x00", ":2:", "no TOML"),
    (b"a = " + b"[" * 5000, ": ", "nested too deeply"),
    (b"a = 1" + b"0" * 9000, ": ", "cannot be"),
    (b"a." * 4000 + b"a = 1", ":1:1: ", "no section"),
    (b"a" * 10_001, ":1:", "at most 10,000 characters"),
    (b"#" * 300_000, ": ", "at most 262,144 bytes"),
    (b"model = 3", ":1:9: ", "[model] is a table, not an integer"),
    (b"[model]\nname = 'm'", ":1:2: ", "needs outputs"),
    (b"[[model]]\nname = 'm'", ":1:3: ", "a table, not an array"),
    (b"[model]\nname = '../m'\n[outputs]\nz = '1.0'", ":2:8: ", "cannot name a Python"),
    (b"[model]\nname = 'os'\n[outputs]\nz = '1.0'", ":2:8: ", "would hide the module"),
    (b"[model]\nname = 7\n[outputs]\nz = '1.0'", ":2:8: ", "a string, not an integer"),
]


@pytest.mark.parametrize(("text", "where", "words"), TEXTS)
def test_texts(text, where, words, tmp_path):
    message = error_of(text, tmp_path)
    assert words in message
    assert where in message
    assert len(message) < 1000


def test_a_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.npz").symlink_to(tmp_path / "x.npz")
    text = f"{HEAD}v = 'x'{TAIL}[data]\ntrain = 'x.npz'\n"
    assert "a link that leads out" in error_of(text, tmp_path / "in")


def test_an_unused_target_is_pointed_at(tmp_path):
    text = HEAD + 'v = "x"\n[outputs]\nz = "v"\n'
    message = error_of(text, tmp_path)
    assert "used by neither the loss nor a metric" in message
    assert pointed(message) == (6, 1, "y")


def test_what_compiling_finds_names_the_equation(tmp_path):
    path = Path(tmp_path / "spec.toml")
    path.write_text(SPECS["function"].replace('wrt = ["w"]', 'wrt = ["q"]'))
    with pytest.raises(sd.SpecError, match=r"spec.toml:3:8: 'q' is no input"):
        load_spec(path)
