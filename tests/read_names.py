"""What the names of generated code tell, read off the listings of modules.

In: a listing. Out: its anonymous names, and those that are numbered for nothing.
"""

from __future__ import annotations

import re

from symdiff.emit.listing import Listing
from symdiff.emit.lower.naming import user_name
from symdiff.emit.lower.source import Resolver
from symdiff.graph.tensor import Tensor

RESOLVER = Resolver()

# Words that say what kind of thing a value is, but not which.
WORDS = (
    *("abs", "add", "array", "broadcast", "cast", "concatenate", "difference"),
    *("divide", "einsum", "expand", "exponent", "greater", "item", "less", "matmul"),
    *("maximum", "minimum", "multiply", "negative", "number", "part", "pick", "place"),
    *("power", "prod", "product", "ratio", "reshape", "slice", "solve", "square"),
    *("squeeze", "stack", "subtract", "sum", "take", "total", "transpose", "unslice"),
    *("value", "where"),
)
ANONYMOUS = re.compile(
    rf"(?:.*_)?(?:{'|'.join(WORDS)}|(?:state|carry|arg|s)\d+|item\d*)"
    r"(?:_steps)?(?:_\d+)*|.*_\d+"
)


def stray_numbers(listing: Listing) -> list[str]:
    """Return names such as z_2 where the module has no z."""
    names: set[str] = set()
    for region in listing.functions.values():
        names |= {p.text for p in region.parameters}
        names |= {n for x in region.lines for n in x.targets}
    found, given = [], _given(listing)
    for name in sorted(names - given):
        base, _, number = name.rpartition("_")
        known = base in names or base.removeprefix("d_") in names
        known = known or any(
            name.endswith((n, n.replace("d_", "d", 1)))
            for n in names - {name}
            if "_" in n
        )  # log_m_2 of m_2, scaled_dh_2 of d_h_2
        if base and number.isdigit() and not known:
            found.append(name)
    return found


def _given(listing: Listing) -> set[str]:
    nodes = {n: x for r in listing.functions.values() for n, x in r.nodes.items()}
    return {n for n, x in nodes.items() if x.op.leaf and not x.op.facts.draws}


def anonymous(listing: Listing) -> tuple[list[str], int]:
    """Return the anonymous names that lines set, and the number of all."""
    lines = [x for r in listing.functions.values() for x in r.lines]
    lines = [x for x in lines if x.tensors and not x.is_compound]
    pairs = [(n, x) for x in lines for n in x.targets if n != "_"]
    given = _given(listing)
    found = [
        name
        for name, line in pairs
        if (bare := name.removeprefix("d_")) not in given
        and ANONYMOUS.fullmatch(bare)
        and not any(_is_users(t) for t in line.tensors)
    ]
    return found, len(pairs)


def _is_users(tensor: Tensor) -> bool:
    """Whether the user named a value, or the value whose cotangent it is."""
    values = [tensor, *(primal for _, primal in tensor.cotangent_of)]
    return any(user_name(t, RESOLVER) for t in values)
