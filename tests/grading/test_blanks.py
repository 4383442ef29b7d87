"""What an exercise leaves of backward: names, headings and shapes, nothing derived."""

import pytest

import symdiff as sd
from symdiff.grading.exercise import exercise_files


def branched() -> sd.Function:
    """Return a function with a branch in a loop, whose statements are long."""
    x = sd.input("x", (5,))

    def step(total, row):
        some = sd.cond(row > 0.0, lambda a, b: a * b, lambda a, b: a - b, total, row)
        return sd.tanh(total) * row + some * some * some * 0.125 + row * row * 2.0, None

    total, _ = sd.scan(step, sd.sum(x) * 0.1, x)
    return sd.Function("branched", [x], [total])


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("hints", ["none", "shapes", "rules"])
def test_no_statement_of_the_derivation_is_left(hints: str, level: int):
    compiled = sd.compile(branched(), optimize=level)
    text = exercise_files(compiled, hints)["branched/backward.py"]
    assert isinstance(text, str)
    text = text.partition("\ndef backward(")[2]  # a row is read alike on the way there
    listing = compiled.listed("backward")
    region = listing.functions["backward"]
    derived = [x for x in region.lines if x.tensors and not x.is_compound]
    assert len(derived) > 8
    for line in derived:
        for row in listing.source(line):
            assert row.split("  #")[0].strip() in ("(", ")") or row not in text


def test_headings_are_quoted_whole_and_rules_are_hints():
    compiled = sd.compile(branched())
    files = {h: exercise_files(compiled, h) for h in ("none", "shapes", "rules")}
    texts = {h: str(f["branched/backward.py"]) for h, f in files.items()}
    region = compiled.listed("backward").functions["backward"]
    for _, heading in region.headings:
        assert f"\n    # {heading.text}     [" in texts["shapes"]
        assert heading.text not in texts["none"].partition("def backward")[2]
    first = {x.targets[0]: x for x in reversed(region.lines) if x.targets}
    rules = {x.rule for name, x in first.items() if x.rule and name[:2] == "d_"}
    assert rules
    for rule in rules:
        assert f"   {rule}\n" in texts["rules"]
        assert f"   {rule}\n" not in texts["shapes"]
