"""`python -m benchmarks`: contenders agree at small sizes; what a run is made into."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import symdiff as sd

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed

from benchmarks import agree, chart, lines, page, suite, table, threads, workloads
from benchmarks.__main__ import main, parsed
from benchmarks.contenders import Generated, Plain, contenders, installed

LIBRARIES = ("torch", "jax", "autograd")
CASES = [
    # the same functions at other sizes
    pytest.param(c.name, marks=pytest.mark.slow) if c.heavy else c.name
    for c in workloads.chosen(small=True)
]
BRIEF = suite.Effort(seconds=0.01, turn=1e-4, left_out=LIBRARIES)


def small(name: str) -> Any:
    (case,) = (c for c in workloads.chosen([name], small=True) if c.name == name)
    return case


@pytest.fixture
def wide_jax() -> Iterator[ModuleType]:
    jax = pytest.importorskip("jax", reason="extra [oracles]")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", CASES)
def test_contenders_take_the_same_steps(name: str) -> None:
    found = contenders(small(name), left_out=("jax", "autograd", "readable"))
    assert ("torch" in found) == installed("torch")
    agree.check(found, small(name).dtype)


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_traced_contenders_take_the_same_steps(name: str, wide_jax: ModuleType) -> None:
    found = contenders(small(name), left_out=("torch", "readable"))
    assert "jax" in found
    agree.check(found, small(name).dtype)


def test_a_contender_that_differs_is_an_error() -> None:
    case = small("W1")
    found = contenders(case, LIBRARIES)

    def wrong(params: Any, batch: Any) -> Any:
        loss, grads = case.plain(params, batch)
        return loss, grads | {"l2.b": grads["l2.b"] * 1.1}

    start = {k: v.copy() for k, v in found["symdiff"].params().items()}
    found["plain"] = Plain(wrong, case.rule, start, case.batch)
    with pytest.raises(agree.DisagreementError, match=r"plain: gradient of l2\.b"):
        agree.check(found, case.dtype)
    found["plain"] = Plain(case.plain, case.rule, start, case.batch)
    found["plain"].step()
    with pytest.raises(agree.DisagreementError):
        agree.check(found, case.dtype)


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return suite.run([small("W1"), replace(small("W2"), heavy=True)], BRIEF)


def test_a_run_is_plain_data(run: dict[str, Any]) -> None:
    assert json.loads(json.dumps(run)) == run
    assert set(run) >= {"format", "machine", "versions", "load", "rows"}
    assert run["versions"]["numpy"] == np.__version__
    for row in run["rows"]:
        assert set(row["contenders"]) == {"symdiff", "best", "plain", "readable"}
        assert set(row["ratios"]) == {
            "symdiff/best",
            "plain/symdiff",
            "readable/symdiff",
        }
        assert all(0 < r["cpu"] < 1000 for r in row["ratios"].values())
        assert row["allocated"] >= 0
        assert row["rounds"] >= 3


def test_quick_runs_leave_out_what_is_heavy() -> None:
    heavy = replace(small("W1"), heavy=True)
    assert suite.run([heavy], replace(BRIEF, heavy=False))["rows"] == []


def test_the_table_has_a_row_for_each_case(run: dict[str, Any]) -> None:
    header, *rows = table.cells(run)
    assert header == [
        *("", "best", "symdiff", "symdiff/best", "plain/symdiff", "readable/symdiff"),
        "allocated",
    ]
    assert [row[0] for row in rows] == ["W1", "W2"]
    lines = table.text(run).splitlines()
    assert lines[1].startswith("W1 ")
    assert all(
        line.count("|") == len(header) + 1 for line in table.markdown(run).splitlines()
    )


def test_a_contender_that_a_row_lacks_is_a_dash(run: dict[str, Any]) -> None:
    first, second = run["rows"]
    kept = {k: v for k, v in second["ratios"].items() if not k.startswith("plain")}
    cells = table.cells(run | {"rows": [first, second | {"ratios": kept}]})
    assert cells[2][4] == "–"


def test_times_and_sizes_are_words() -> None:
    assert [table.seconds(s) for s in (2.5, 0.0031, 4.2e-5)] == [
        "2.5 s",
        "3.1 ms",
        "42 µs",
    ]
    assert [table.size(n) for n in (12, 2048, 3 << 20)] == [
        "12 B",
        "2.0 KiB",
        "3.0 MiB",
    ]


def test_the_chart_is_a_picture(run: dict[str, Any]) -> None:
    root = ET.fromstring(chart.svg(run))
    words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("symdiff") == 2
    assert {"W1", "W2", "plain", "1×"} <= set(words)


def test_the_page_is_made_from_a_run(run: dict[str, Any], tmp_path: Path) -> None:
    kept = tmp_path / "run.json"
    kept.write_text(json.dumps(run), encoding="utf-8")
    slow = run["rows"][0]["ratios"] | {"jax/symdiff": {"cpu": 0.5, "wall": 0.5}}
    changed = run | {"rows": [run["rows"][0] | {"ratios": slow}, run["rows"][1]]}
    found, picture = page.write(changed, tmp_path)
    text = found.read_text(encoding="utf-8")
    assert table.markdown(changed) in text
    assert f"({picture.relative_to(tmp_path).as_posix()})" in text
    assert text.endswith("- W1: jax 2.00 times\n")
    assert max(len(row) for row in text.splitlines() if row[:1] != "|") <= 120
    kept.write_text("[1]", encoding="utf-8")
    assert main(["--write-docs", str(kept)]) == 2
    assert main(["--write-docs", str(tmp_path / "none.json")]) == 2


def test_statements_of_a_planned_step_are_timed() -> None:
    case = small("W6")  # it has loops
    compiled = sd.compile(case.declare())
    package = compiled.load()
    made = Generated(package, package.init_params(0), case.batch)
    before = made.step()
    planned = import_module(f"{package.__name__}._planned")
    (text,) = (t for path, t in compiled.files.items() if path.endswith("_planned.py"))
    best = lines.smallest(lines.timed(planned, text), made.step, seconds=0)
    assert made.step() < before
    header, *rows = lines.report(text, best, top=1000)
    assert header.endswith(f"in {len(rows)} statements")
    assert any("lstm_U" in row for row in rows)  # inside a loop


def test_workloads_are_chosen_by_name() -> None:
    assert [c.name for c in workloads.chosen(["w3"], True)] == ["W3", "W3 Adam"]
    assert [c.name for c in workloads.chosen(["W1", "w3 adam"], True)] == [
        "W1",
        "W3 Adam",
    ]
    with pytest.raises(ValueError, match="'W99' is no workload"):
        list(workloads.chosen(["W99"]))


def test_threads_are_set_before_numpy() -> None:
    with pytest.raises(RuntimeError, match="before NumPy"):
        threads.pin()


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    options = parsed(["--only", "W1,W4", "--quick", "--json", "a.json"])
    assert (options.only, options.quick, options.json) == (
        "W1,W4",
        True,
        Path("a.json"),
    )
    with pytest.raises(SystemExit):
        main(["compile", "--help"])
    assert "--programs" in capsys.readouterr().out
