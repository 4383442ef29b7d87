"""Generated functions as Python's own trees, for what runs parts or variants of them.

In: a listing. Out: trees of `ast` on the rows of the module. Invariant: a tree is its
caller's own, to be changed at will.
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
