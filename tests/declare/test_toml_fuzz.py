"""Generated, poisoned and mutated specs: none executes, hangs, dies or goes untold."""

import pytest
from toml_survey import survey


def told(found):
    shown = {k: v for k, v in found.items() if k != "failures"}
    return "\n".join([str(shown), *found["failures"][:20]])


def test_a_thousand_specs():
    found = survey(0, 1000, compile_every=40)
    assert found["specs"] == 1000
    assert found["declared"] > 50
    assert not found["failures"], told(found)


@pytest.mark.slow
def test_four_thousand_specs_and_their_compilation():
    found = survey(1_000_000, 4_000, compile_every=4)
    assert found["specs"] == 4_000
    assert not found["failures"], told(found)
