"""Specs that are explored: the digits of the examples, and one of hostile text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from symdiff.declare.spec import load_spec
from symdiff.explain.explorer.exploration import explored
from symdiff.explain.explorer.page import Explorer

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits_mlp.py"


def explorer_of(path: Path, **options: Any) -> Explorer:
    spec = load_spec(path)
    first = str(path.absolute())
    return explored(spec.model, base=str(path.parent), main=first, **options)


HOSTILE = '''"""</script><script>window.broken = 1</script>"""
import symdiff as sd

# </script><img src=x onerror="window.broken = 2"> <!-- {{forward}} {{title}}
x = sd.input("x</script><script>window.broken=3</script>", 3)
W = sd.param('"onmouseover="window.broken=4', 3)
with sd.scope("<img src=x onerror='window.broken=5'>"):
    loss = sd.sum(sd.tanh(x * W))  # \u2028 \u2029 ]]> &lt;
model = sd.Model("hostile", inputs=[x], targets=[], outputs={"loss": loss},
                 loss=loss, optimizer=sd.optim.SGD(0.1))
'''


def hostile(folder: Path) -> Explorer:
    spec = folder / "hostile.py"
    spec.write_text(HOSTILE, "utf-8")
    return explorer_of(spec, values="random")
