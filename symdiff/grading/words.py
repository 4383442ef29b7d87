"""The causes of a wrong gradient, in words that a student reads.

In: the key of a cause. Out: its name, and a hint. Invariant: every cause of a `Fault`
or a `Relation` has its words here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# What went wrong, and the hint that goes with it.
CAUSES: dict[str, tuple[str, str]] = {
    "missing mean": (
        "the division by {n} is missing",
        "The loss is a mean, so each example's share of the gradient is one {n}-th.",
    ),
    "extra mean": (
        "it is divided by {n} once too often",
        (
            "The mean's 1/{n} belongs to the gradient once; a sum over the batch "
            "needs no other."
        ),
    ),
    "d_loss": (
        "the cotangent that is handed in is left out",
        "backward returns the gradient times d_loss, whatever that is, not only 1.",
    ),
    "sign": ("its sign is flipped", "Look at which of the two is subtracted."),
    "factor 2": (
        "a factor 2 is missing",
        "The derivative of w**2 is 2 * w: look at squares.",
    ),
    "twice": (
        "it is 2 times too large",
        "Look for a square's 2 that a mean or a 1/2 takes away.",
    ),
    "factor": ("it is off by the constant factor {c}", "Look at the constants."),
    "mask": (
        "the mask is missing",
        (
            "Where the activation is off, or a unit was dropped, nothing flows back: "
            "keep the cotangent only where the mask says so."
        ),
    ),
    "inverted mask": (
        "the mask is inverted",
        "The cotangent passes where the forward pass let the value through.",
    ),
    "applied twice": (
        "{f} is taken of {needed}, which is its result already",
        (
            "The forward pass keeps the result: the derivative is written by it, "
            "without the function."
        ),
    ),
    "mask scale": (
        "the mask is applied without its scale",
        "Dropout divides what it keeps by 1 - rate; the gradient is scaled alike.",
    ),
    "fan-out": (
        "one of its contributions is left out",
        (
            "This value is read more than once, so what each reader hands back adds "
            "up: accumulate instead of overwriting."
        ),
    ),
    "regulariser": (
        "the regulariser's gradient is left out",
        "The penalty in the loss depends on this parameter too; add its derivative.",
    ),
    "strength": (
        "the regulariser's strength is left out",
        "The penalty is multiplied by a constant in the loss, and so is its gradient.",
    ),
    "one-hot": (
        "the one-hot labels are not subtracted",
        (
            "The gradient of softmax with cross-entropy is the probabilities minus 1 "
            "at the label."
        ),
    ),
    "not summed": (
        "it is not summed",
        "What was broadcast in the forward pass is summed over in the backward pass.",
    ),
    "wrong axis": (
        "it is summed over the wrong axis",
        "Sum over the axis that the forward pass broadcast along; the shape tells.",
    ),
    "mean instead of sum": (
        "a mean is taken where a sum is needed",
        "Contributions add up; the loss's own 1/N is in the cotangent already.",
    ),
    "sum instead of mean": ("a sum is taken where a mean is needed", ""),
    "transposed": (
        "an operand is transposed, or is not",
        "For z = x @ W: d_W = x.T @ d_z and d_x = d_z @ W.T; the shapes must fit.",
    ),
    "elementwise": (
        "an elementwise product stands where a matrix product is needed",
        "For z = x @ W the rule has @ in it, not *.",
    ),
    "wrong value": (
        "{used} is used where {needed} is needed",
        "Look at which value of the forward pass the rule is about.",
    ),
    "wrong cotangent": (
        "{used} flows back where {needed} should",
        "Each step starts from the cotangent of its own result.",
    ),
    "local derivative": (
        "the local derivative is wrong or missing",
        "The chain rule multiplies what flows back with the derivative of this step.",
    ),
    "upstream": (
        "what flows back is not multiplied in",
        "The local derivative alone is no gradient: multiply with the cotangent.",
    ),
    "last step": (
        "only one step of the loop counts",
        "A parameter that every step reads collects a contribution from each: use +=.",
    ),
    "carry": (
        "nothing flows back from step to step",
        "The state's cotangent is handed from each step to the one before it.",
    ),
    "repeated index": (
        "where an index is repeated, only one contribution counts",
        "a[index] += b adds once for each place: use np.add.at(a, index, b).",
    ),
    "broadcast": (
        "an axis of length 1 is missing or too many",
        "Shapes (N,) and (N, 1) broadcast differently; keepdims=True keeps them apart.",
    ),
    "epsilon": (
        "the small constant is not the one of the forward pass",
        "Use the same epsilon as the forward pass does, in the same place.",
    ),
    "flipped": (
        "it is reversed along an axis, or is not",
        "A kernel that slides forward is flipped on the way back.",
    ),
    "rearranged": ("its elements are in another order", "Look at reshapes and axes."),
    "term": (
        "one of its terms is left out",
        "The value is read in more than one place; each adds a term.",
    ),
    "zero": ("it is 0 where something flows back", "A contribution is missing."),
    "in place": (
        "what was handed in is changed in place",
        "Work on a copy: p.copy() before p[...] -= 1. What is handed in is read again.",
    ),
    "overflow": (
        "it is not finite for large values",
        "Naive exponentials overflow: subtract the maximum first, or use the residual.",
    ),
    "random": (
        "it is not the same each time",
        "A gradient depends on its arguments alone: no random numbers, no globals.",
    ),
    "returns": (
        "backward does not return the gradients as it should",
        "Return one array for each gradient, under the names of the parameters.",
    ),
    "precision": (
        "it is computed in too few digits",
        "Keep the dtype of the arguments: float32 or float64.",
    ),
    "not written": ("it is not written yet", "Put an expression in place of the ..."),
    "raises": ("the code raises an error", ""),
    "unknown": ("no single mistake that is known explains it", ""),
}


def said(cause: str, values: dict[str, str]) -> tuple[str, str]:
    """Return the words for a cause and its hint, filled in."""
    what, hint = CAUSES[cause]
    filled = {**_NONE, **values}
    return f"{filled['where']}{what}".format(**filled), hint.format(**filled)


_NONE = {"where": "", "n": "N", "c": "?", "used": "another value", "needed": "this"}


def cause_of(message: str) -> str:
    """Return the likely cause of an error of shapes, from NumPy's message."""
    if "matmul" in message or "not aligned" in message:
        return "transposed"
    if "broadcast" in message:
        shapes = [s.strip("(),") for s in re.findall(r"\([\d, ]*\)", message)]
        pairs = [tuple(s.replace(" ", "").split(",")) for s in shapes]
        turned = len(pairs) == 2 and pairs[0] == pairs[1][::-1] and len(pairs[0]) > 1
        return "transposed" if turned else "broadcast"
    return "raises"


def exception_words(error: Mapping[str, Any]) -> str:
    """Return an error of a student's code in plain words."""
    where = f"line {error['line']}: " if error.get("line") else ""
    kind, message = error.get("type"), error.get("message") or ""
    if kind == "SystemExit":
        return f"{where}it calls sys.exit({message})"
    if kind == "MemoryError":
        return f"{where}it runs out of memory"
    if kind == "RecursionError":
        return f"{where}a function calls itself without end"
    if "ellipsis" in message.lower():
        return f"{where}it reads a value that is still ..., not written yet"
    if kind == "EOFError":
        return f"{where}it asks for input, and there is nobody to answer"
    if kind == "NotImplementedError":
        return f"{where}it is not written yet ({message})"
    return f"{where}{kind}: {message}"
