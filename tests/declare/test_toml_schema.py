"""The JSON Schema of TOML specs says what the reader says."""

import json
import tomllib

import pytest
from toml_specs import SPECS

from symdiff.declare.toml.schema import FILE, schema, schema_text

jsonschema = pytest.importorskip("jsonschema", reason="extra [test]")


@pytest.fixture(scope="module")
def valid():
    found = schema()
    jsonschema.Draft7Validator.check_schema(found)
    return jsonschema.Draft7Validator(found).is_valid


def test_the_file_is_current(pytestconfig):
    if pytestconfig.getoption("--update-golden"):
        FILE.write_text(schema_text(), "utf-8")
    assert FILE.read_text("utf-8") == schema_text(), "pytest --update-golden writes it"
    assert json.loads(schema_text()) == schema()


@pytest.mark.parametrize("name", SPECS)
def test_specs_that_are_right(name, valid):
    assert valid(tomllib.loads(SPECS[name]))


GOOD = SPECS["cnn"]
BAD = {
    "no model": GOOD.replace("[model]", "[modell]"),
    "no name": GOOD.replace('name = "cnn"', ""),
    "two heads": GOOD + '[function]\nname = "f"\n',
    "no outputs": GOOD.replace("[outputs]", "[metrics.more]"),
    "an unknown key": GOOD.replace("epochs", "epoch"),
    "a wrong type": GOOD.replace("epochs = 2", 'epochs = "2"'),
    "an unknown optimiser": GOOD.replace('"adamw"', '"adm"'),
    "an option of another": GOOD.replace("clip_norm", "momentum"),
    "a wrong dtype": GOOD.replace('"int64"', '"integer"'),
    "a wrong shape": GOOD.replace('["N", 1, 8, 8]', '["N", 1.5]'),
    "a negative length": GOOD.replace('["N", 1, 8, 8]', '["N", -1]'),
    "no shape": GOOD.replace('shape = ["N"], ', ""),
    "an equation that is a number": GOOD.replace('"flatten', "3 # ").replace(
        '"max_pool2d(b, 2)"', "3"
    ),
    "a name that is none": GOOD.replace("\na = ", '\n"1a" = '),
    "a mode that is none": GOOD.replace("patience = 3", 'mode = "up"'),
    "a function that trains": SPECS["function"] + "[training]\nepochs = 1\n",
}


@pytest.mark.parametrize("name", BAD)
def test_specs_that_are_wrong(name, valid, tmp_path):
    from symdiff.declare.spec import load_spec
    from symdiff.graph.errors import SymdiffError

    try:
        values = tomllib.loads(BAD[name])
    except tomllib.TOMLDecodeError:
        pytest.fail("the case itself is no TOML")
    assert not valid(values)
    (tmp_path / "spec.toml").write_text(BAD[name], "utf-8")
    with pytest.raises(SymdiffError, match=r"spec\.toml"):
        load_spec(tmp_path / "spec.toml")
