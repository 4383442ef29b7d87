"""The examples' pictures are valid XML, the same each time, and show what is there."""

import importlib
import re
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def drawing(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    yield importlib.import_module("_drawing")
    for name in ("_drawing", "_panel", "_svg"):
        sys.modules.pop(name, None)


def everything(drawing):
    rng = np.random.default_rng(0)
    picture = drawing.Picture("all", 'a < b & "c"')
    panel = picture.panel("lines", x="x", y="y", log_x=True, log_y=True)
    panel.line([0, 1, 10, 100], [1, np.nan, 1e-3, np.inf], "gaps", marks=True)
    panel.level(0.5, "level")
    panel = picture.panel("square", square=True)
    panel.image(rng.normal(size=(3, 4)), (-1, 1, -1, 1), signed=True)
    panel.points([0, 1], [0, 1], "points", opacity=0.5)
    panel = picture.panel("bars", log_y=True)
    panel.bars(["one", "two"], [1, 100], "p")
    panel.bars(["one", "two"], [0, 10], "q")
    picture.panel("histogram").histogram([1, 2, 2], [0, 1, 2, 3])
    picture.panel("empty", log_x=True)
    picture.gallery("images", rng.random((5, 2, 2)), captions="abcde", columns=3)
    return picture.svg()


def test_every_kind_is_valid_and_the_same_each_time(drawing):
    text = everything(drawing)
    root = xml.etree.ElementTree.fromstring(text)
    assert text == everything(drawing)
    assert 'a < b & "c"' in [t.text for t in root.iter() if t.tag.endswith("text")]
    assert len(re.findall("<image ", text)) == 1 + 5
    assert not re.search(r"\b(nan|inf)\b", text)
    identities = re.findall(r' id="([^"]+)"', text)
    assert len(identities) == len(set(identities)) == 5


def test_places_are_those_of_the_numbers(drawing):
    panel = drawing.Panel("a", xlim=(0, 1), ylim=(1, 100), log_y=True)
    panel.points([0, 0.5, 1], [1, 10, 100])
    found = re.findall(r'<circle cx="([0-9.]+)" cy="([0-9.]+)"', panel.svg(0, 0, "a"))
    x, y = np.array(found, float).T
    left, top = x[0], y[2]
    np.testing.assert_allclose(x, [left, (left + x[2]) / 2, 428], atol=0.1)
    np.testing.assert_allclose(y, [320 - 44, (y[0] + top) / 2, top], atol=0.1)


def test_an_image_has_its_colours(drawing):
    svg = importlib.import_module("_svg")
    import base64
    import zlib

    link = svg.png(np.array([[0.0, 1.0], [2.0, 4.0]]), None, None, False)
    data = base64.b64decode(link.partition(",")[2])
    start = data.index(b"IDAT") + 4
    rows = zlib.decompressobj().decompress(data[start:])
    shades = [0, 64, 128, 255]
    expected = [b"\0" + bytes(np.repeat(shades[i : i + 2], 3).tolist()) for i in (0, 2)]
    assert rows == b"".join(expected)
