"""What the names of generated code tell, read off the listings of modules.

In: a listing. Out: its anonymous names, and those that are numbered for nothing.
"""

from __future__ import annotations

import re

from symdiff.emit.listing import Listing, Region

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


def set_names(region: Region) -> list[str]:
    """Return the names that a function computes, one for each line that does."""
    lines = [x for x in region.lines if x.tensors and not x.is_compound]
    return [name for x in lines for name in x.targets if name != "_"]


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
        if base and number.isdigit() and not known:
            found.append(name)
    return found


def _given(listing: Listing) -> set[str]:
    nodes = {n: x for r in listing.functions.values() for n, x in r.nodes.items()}
    return {n for n, x in nodes.items() if x.op.leaf and not x.op.facts.draws}


def anonymous(listing: Listing) -> tuple[list[str], int]:
    """Return the anonymous names that lines set, and the number of all."""
    names = [n for r in listing.functions.values() for n in set_names(r)]
    given = _given(listing)
    bare = [n.removeprefix("d_") for n in names]
    return [
        n
        for n, b in zip(names, bare, strict=True)
        if b not in given and ANONYMOUS.fullmatch(b)
    ], len(names)
