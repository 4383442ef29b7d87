"""Valid Python identifiers, none of which generated modules use for themselves.

In: any text. Out: an identifier. Invariant: it is no keyword, builtin, or name that the
templates use.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from functools import lru_cache

# Names that generated modules use for themselves: modules, functions, classes, tables.
_OWN = """
np math json os sys pathlib functools threading zipfile zlib
contextlib glob hashlib
params grads residuals state key self
forward backward loss_and_residuals value_and_grad forward_with_residuals metrics
evaluate init_params init_state train_step compute_grads apply_update fit save load
verify predict main save_checkpoint load_checkpoint Residuals Outputs Gradients
TrainState annotations
PARAMS ARGUMENTS INPUTS TARGETS BUFFERS HYPER SLOTS DATA FROZEN GROUPS MAX_NORM SMOOTH
averaged_params BOUNDS IGNORED
MODEL KINDS CHECKSUM PROGRESS LOOP State
"""
# Locals of the functions of train.py that take a model's arguments.
LOCALS = frozenset(
    [
        "name",
        "file",
        "value",
        "found",
        "given",
        "fitted",
        "lengths",
        "plan",
        "plans",
        "scratch",
        "flat",
        "loss",
        "updates",
        "gradients",
        "gradient",
        "hyper",
        "slots",
        "planned",
        "parts",
        "data",
        "total",
    ]
)
RESERVED = frozenset(_OWN.split()) | frozenset(
    [*keyword.kwlist, *keyword.softkwlist, *dir(builtins)]
)


@lru_cache(maxsize=8192)
def identifier(text: str, avoid: frozenset[str] = RESERVED) -> str:
    """Return the nearest valid identifier to any text, never a keyword or builtin."""
    name = re.sub(r"\W", "_", unicodedata.normalize("NFKC", text))
    name = re.sub(r"_{3,}", "__", name)
    if not name.strip("_"):
        name = "value"
    name = name.lstrip("_") if name.startswith("_") else name
    if not name or not (name[0].isalpha() or name[0] == "_"):
        name = f"v{name}"
    if not name.isidentifier():
        name = "".join(c if f"a{c}".isidentifier() else "_" for c in name)
        name = name if name.isidentifier() else f"v_{name}"
    return f"{name}_" if name in avoid else name
