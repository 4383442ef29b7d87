"""Subscripts of `einsum` as users write them, made explicit.

In: ``"ij,jk"``, ``"...i,i->..."`` or lists of ints. Out: one term of letters per
operand and the output's letters, with ``...`` spelled out. Invariant: every letter of
the output occurs in a term, and stands for one length.
"""

from __future__ import annotations

import operator
import string
from collections.abc import Sequence
from typing import Any

from symdiff.graph.errors import ShapeError
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import Dim, Shape, unify
from symdiff.ops.core.work import Work


def split(subscripts: str) -> tuple[list[str], str]:
    """Return the terms and the output of explicit subscripts."""
    terms, output = subscripts.split("->")
    return terms.split(","), output


def sizes(terms: Sequence[str], shapes: Sequence[Shape]) -> dict[str, Dim]:
    """Return the length of each letter; raise `ShapeError` where two differ."""
    sizes: dict[str, Dim] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, length in zip(term, shape, strict=True):
            common = unify(sizes.setdefault(letter, length), length)
            if common is None:
                raise ShapeError(
                    f"subscript {letter!r} has lengths {sizes[letter]} and {length}"
                )
            sizes[letter] = common
    return sizes


def work_of(terms: Sequence[str], output: str, operands: Sequence[Node]) -> Work:
    """A multiplication for each further factor, an addition where terms are summed."""
    lengths = sizes(terms, [i.shape for i in operands])
    is_sum = len(output) < len(lengths)
    return [(tuple(lengths.values()), len(terms) - 1 + is_sum)]


def interleaved(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return the subscripts and operands of ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    Without an output list, the axes named once follow in the order of their numbers,
    after those of ``...``. This output is written out here, because implicit subscripts
    are ordered by letter.
    """
    pairs = len(operands) // 2
    lists = [_labels(operands[2 * i + 1]) for i in range(pairs)]
    if len(operands) % 2:
        output = _labels(operands[-1])
    else:
        everywhere = [n for labels in lists for n in labels]
        hidden = [Ellipsis] if Ellipsis in everywhere else []
        numbers = sorted(n for n in everywhere if n is not Ellipsis)
        output = [*hidden, *(n for n in numbers if numbers.count(n) == 1)]
    terms = ",".join(map(_letters, lists))
    return f"{terms}->{_letters(output)}", [operands[2 * i] for i in range(pairs)]


def _labels(entries: Any) -> list[Any]:
    """Return a list of labels as Python's ints and Ellipsis; raise `ShapeError`."""
    labels: list[Any] = []
    for entry in entries:
        try:
            label = entry if entry is Ellipsis else operator.index(entry)
        except TypeError:
            label = -1
        if label is not Ellipsis and (
            isinstance(entry, bool) or not 0 <= label < len(string.ascii_letters)
        ):
            raise ShapeError(
                f"an axis of einsum is named by a number from 0 to "
                f"{len(string.ascii_letters) - 1} or by ..., got {entry!r}."
            )
        labels.append(label)
    return labels


def _letters(labels: Sequence[Any]) -> str:
    """Return labels as subscripts: one letter for each number."""
    return "".join("..." if n is Ellipsis else string.ascii_letters[n] for n in labels)


def read_subscripts(
    subscripts: str, tensors: Sequence[Tensor]
) -> tuple[list[str], str]:
    """Return explicit terms and output, the axes of ``...`` named by fresh letters."""
    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ShapeError(
            f"einsum {subscripts!r} has {len(terms)} terms for {len(tensors)} operands."
        )
    wrong = set(text.replace("...", "").replace("->", "")) - set(
        string.ascii_letters + ","
    )
    if wrong:
        raise ShapeError(f"einsum {subscripts!r} holds {''.join(sorted(wrong))!r}.")
    spare = [c for c in string.ascii_letters if c not in text]
    counts = []
    for term, tensor in zip(terms, tensors, strict=True):
        count = tensor.ndim - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term):
            raise ShapeError(
                f"einsum term {term!r} does not name the {tensor.ndim} axes of "
                f"{tensor.shape}."
            )
        counts.append(count)
    widest = max(counts)
    hidden = "".join(spare[:widest])
    named = [
        t.replace("...", hidden[widest - n :])
        for t, n in zip(terms, counts, strict=True)
    ]
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        return named, hidden + "".join(once)
    if widest and "..." not in output:
        raise ShapeError(f"einsum {subscripts!r}: the output needs '...' too.")
    output = output.replace("...", hidden)
    unknown = set(output) - set("".join(named))
    if unknown or len(set(output)) < len(output):
        raise ShapeError(
            f"einsum {subscripts!r}: the output must name subscripts of operands, each "
            "once."
        )
    return named, output
