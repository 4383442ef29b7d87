"""Large graphs as pictures: folded by scope, equal scopes as one, in columns."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from explain.conftest import DEEP
from explain.conftest import TOWER as SMALL_TOWER
from explain.explorer_specs import DIGITS

import symdiff as sd
from symdiff.cli import main
from symdiff.declare.spec import load_spec
from symdiff.explain.columns import columns
from symdiff.explain.derivation import Derivation
from symdiff.explain.explanation import derivation_of
from symdiff.explain.folding import MOST, ROOM, fold
from symdiff.explain.layout import Box
from symdiff.explain.picture import dot, mermaid
from symdiff.explain.svg import svg
from symdiff.explain.vertices import vertices

TOWER = SMALL_TOWER.replace("range(9)", "range(12)")


def chain(count: int) -> Derivation:
    """Return a derivation without scopes."""
    h = x = sd.input("x", ())
    for _ in range(count // 2):
        h = sd.sin(h) * x
    return derivation_of(sd.Function("chain", [x], h), None, None)


def spec(folder: Path, text: str) -> Derivation:
    (folder / "spec.py").write_text(text, "utf-8")
    return derivation_of(load_spec(folder / "spec.py").model, None, str(folder))


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Derivation:
    return spec(tmp_path_factory.mktemp("deep"), DEEP.format(layers=40))


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Derivation:
    return spec(tmp_path_factory.mktemp("tower"), TOWER)


def test_every_entry_is_in_one_part(deep: Derivation, tower: Derivation) -> None:
    for derivation in (deep, tower, chain(200)):
        for most in (ROOM, 5, 1):
            parts = fold(derivation.entries, most)
            told = [e.name for p in parts for e in p.members]
            assert sorted(told) == sorted(e.name for e in derivation.entries)
            assert len({p.name for p in parts}) == len(parts)
        assert len(fold(derivation.entries)) <= ROOM


def test_a_small_graph_is_drawn_whole() -> None:
    derivation = derivation_of(load_spec(DIGITS).model, None, None)
    assert len(derivation.entries) <= MOST
    assert [v.name for v in vertices(derivation)] == [
        e.name for e in derivation.entries
    ]
    assert "translate" not in svg(derivation)


def test_as_much_is_unfolded_as_fits(tower: Derivation) -> None:
    names = [p.name for p in fold(tower.entries, 64)]
    assert {"part_a/inner", "part_c/inner", "h"} <= set(names)
    names = [p.name for p in fold(tower.entries, 10)]
    assert names == ["x", "part_a", "part_b", "odd", "part_c", names[-1]]


def test_equal_scopes_in_a_row_are_one_part(
    tower: Derivation, deep: Derivation
) -> None:
    """Another number makes another part; a mask that the first makes for all, none."""
    names = [p.name for p in fold(tower.entries, 5)]
    assert names[1:4] == ["part, 2 times", "odd", "part_c"]
    (layers,) = (p for p in fold(deep.entries) if p.times > 1)
    assert (layers.name, layers.times) == ("layer, 40 times", 40)
    shown = next(v for v in vertices(deep) if v.name == layers.name)
    assert shown.lines == ("layer, 40 times", "40 × 7 nodes", "→ [N, 8]")
    assert shown.reads == ("x",)


def test_what_has_no_scope_is_gathered_in_rows() -> None:
    found = fold(chain(200).entries)
    assert len(found) <= ROOM
    assert all(" … " in p.name for p in found[:-1])


def test_every_read_is_drawn(tower: Derivation, deep: Derivation) -> None:
    for derivation, whole in ((tower, False), (deep, True), (deep, False)):
        found = vertices(derivation, whole=whole)
        drawn = svg(derivation, whole=whole)
        ElementTree.fromstring(drawn)
        lines = sum(len(set(v.reads)) for v in found)
        assert drawn.count("marker-end") == lines
        assert mermaid(derivation, whole=whole).count(" --> ") == lines
        assert dot(derivation, whole=whole).count(" -> ") == lines


def test_columns_hold_each_box_once_and_apart(deep: Derivation) -> None:
    boxes = [Box(v.name, 90.0, 60.0, v.reads) for v in vertices(deep, whole=True)]
    found = columns(boxes, few=False)
    assert len(found) > 2
    told = [name for c in found for name in c.boxes]
    assert sorted(told) == sorted(b.name for b in boxes)
    column = {name: k for k, c in enumerate(found) for name in c.boxes}
    for box in boxes:
        for read in box.reads:
            assert column[read] <= column[box.name]
            again = read in found[column[box.name]].again
            assert again == (column[read] < column[box.name])
    for c in found:
        for (ax, ay), (bx, by) in itertools.combinations(
            [c.drawing.centres[name] for name in c.boxes], 2
        ):
            assert abs(ax - bx) >= 90 or abs(ay - by) >= 60
    width = found[-1].left + found[-1].drawing.width
    assert max(c.drawing.height for c in found) < 2 * width


def test_the_command_folds_and_unfolds(tmp_path: Path) -> None:
    path = tmp_path / "tower.py"
    path.write_text(TOWER, "utf-8")
    folded = CliRunner().invoke(main, ["graph", str(path)])
    assert '[["odd<br/>' in folded.output or '[["odd/inner<br/>' in folded.output
    whole = CliRunner().invoke(main, ["graph", str(path), "--unfold"])
    assert len(re.findall(r"<br/>", whole.output)) > len(
        re.findall(r"<br/>", folded.output)
    )
    assert "subgraph" in whole.output


def test_names_of_scopes_stay_text(tmp_path: Path) -> None:
    hostile = TOWER.replace('"odd"', "'<b onload=\"x\">'")
    derivation = spec(tmp_path, hostile)
    for e in ElementTree.fromstring(svg(derivation)).iter():
        assert not e.tag.endswith("}b")
    assert "<b " not in mermaid(derivation)
