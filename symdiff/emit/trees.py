"""Generated functions as trees of `ast`, for code that runs parts or variants of them.

In: a listing. Out: trees with the line numbers of the module. Invariant: every call
returns a new tree, which the caller may change.
"""

from __future__ import annotations

import ast

from symdiff.emit.listing import Listing


def function_tree(listing: Listing, name: str) -> ast.FunctionDef:
    """Return the tree of a generated function, on the rows that it has there."""
    region = listing.functions[name]
    rows = listing.rows[region.first - 1 : region.last]
    (tree,) = ast.parse("\n".join(rows)).body
    assert isinstance(tree, ast.FunctionDef)
    ast.increment_lineno(tree, region.first - 1)
    return tree
