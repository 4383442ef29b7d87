"""What notebooks show: tensors, models and functions, generated packages.

In: the declaration or the files. Out: HTML to be embedded in the notebook's page.
Invariant: everything of the user's is escaped, styles do not affect the rest of the
page, and the length is bounded, however large the graph is.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import sympy as sp

from symdiff.declare.model import Function, Model
from symdiff.explain import listing
from symdiff.explain.derivation import Derivation
from symdiff.explain.equations import Equation, equation, system
from symdiff.explain.mathml import equations, mathml
from symdiff.explain.svg import svg
from symdiff.explain.symbols import ascii_only
from symdiff.graph.node import Node
from symdiff.graph.tensor import Tensor
from symdiff.graph.types import product

ROWS = 24  # rows of one kind in a table, at most
DRAWN = 150  # nodes in a picture, at most
LISTED = 200_000  # characters of code, at most
STYLE = """
.symdiff { text-align: left; color: inherit; max-width: 60rem; }
.symdiff table { border-collapse: collapse; margin: .4em 0; font-size: inherit; }
.symdiff th, .symdiff td { padding: .15em .8em .15em 0; text-align: left;
  border-top: 1px solid #8884; vertical-align: baseline; }
.symdiff td.sd-r { text-align: right; font-variant-numeric: tabular-nums; }
.symdiff code { font-family: ui-monospace, Menlo, Consolas, monospace; color: inherit;
  background: none; padding: 0; white-space: pre-wrap; }
.symdiff math { font-size: 1.1em; }
.symdiff math[display=block] { margin: .3em 0; width: max-content; }
.symdiff .sd-c { color: #808080; } .symdiff img { max-width: none; background: #fff; }
.symdiff .sd-g { overflow: auto; max-height: 40rem; }
.symdiff > div { overflow: auto hidden; } .symdiff summary { cursor: pointer; }
"""


def _page(parts: Iterable[str], style: str = "") -> str:
    return f'<div class="symdiff"><style>{STYLE}{style}</style>{"".join(parts)}</div>'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _soft(text: str) -> str:
    return f'<span class="sd-c">{escape(text)}</span>'


# --- tensors --------------------------------------------------------------------------


def tensor_html(tensor: Tensor) -> str:
    """Return a tensor's equation, with its type and where it was declared."""
    found = equation(tensor)
    own = tensor.name if tensor.node.op.leaf else None
    kind = f"{tensor.node.op.name} " if tensor.node.op.leaf else ""
    called = f" {_code(str(own))}" if own and own != found.name else ""
    place = f" {_soft(_place(found))}" if found.place else ""
    return _page(
        [
            f"<div{_title(found)}>{mathml(found.tex, display=True)}</div>",
            f"{escape(kind)}{_code(str(tensor.node.type))}{called}{place}",
        ]
    )


def _title(found: Equation) -> str:
    """Return the equation as text, which browsers show for the typeset one."""
    text = _as_text(found)
    return f' title="{escape(text)}"' if text else ""


def _place(found: Equation) -> str:
    text = found.statement
    return f"{found.place}  {text if len(text) <= 100 else f'{text[:96]} ...'}"


def tensor_text(tensor: Tensor) -> str | None:
    """Return a tensor's equation as it would stand in code; nothing for a leaf."""
    found = equation(tensor)
    if found.formula is None:
        return None
    return f"{_as_text(found)}  # {tensor.node.type}"


def _as_text(found: Equation) -> str:
    return "" if found.formula is None else f"{found.name} = {found.formula.text}"


def declared_text(declared: Model | Function, names: Sequence[str]) -> str:
    """Return the name, and below it the equations of the results."""
    found = [e for e in _system(declared, names) if e.formula is not None]
    title = f"{type(declared).__name__} {declared.name}"
    return "\n    ".join([title, *map(_as_text, found)])


def tensor_latex(tensor: Tensor) -> str:
    """Return a tensor's equation."""
    found = equation(tensor)
    return f"$\\displaystyle {ascii_only(found.tex)}$"


def declared_latex(declared: Model | Function, names: Sequence[str]) -> str:
    """Return the equations of the results, and of the named values they need."""
    rows = [f"{left} &{right}" for left, right in _equations(declared, names)]
    body = ascii_only(" \\\\\n".join(rows))
    return f"$\\displaystyle \\begin{{aligned}}\n{body}\n\\end{{aligned}}$"


def _equations(
    declared: Model | Function, names: Sequence[str]
) -> list[tuple[str, str]]:
    found = _system(declared, names)
    return [(e.left, f"= {e.formula.tex}") for e in found if e.formula is not None]


def _system(declared: Model | Function, names: Sequence[str]) -> list[Equation]:
    found = list(zip(names, declared.outputs, strict=True))
    if isinstance(declared, Model):
        found += [] if declared.loss is None else [("loss", declared.loss)]
        found += declared.metrics.items()
    return system(found)


# --- models and functions -------------------------------------------------------------


def declared_html(
    declared: Model | Function,
    names: Sequence[str],
    drawn: Derivation | None,
    size: int,
) -> str:
    """Return a table of a model's or function's inputs and results, and its picture.

    ``drawn`` is its forward graph, or None for no picture; ``size`` counts its nodes.
    """
    parts = [
        f"<strong>{escape(type(declared).__name__)} {_code(declared.name)}</strong>"
    ]
    parts.append(f"<div><table>{''.join(_rows(declared, names))}</table></div>")
    if isinstance(declared, Model) and declared.optimizer is not None:
        shown = repr(declared.optimizer)
        parts.append(f"<p>trained with {_code(_cut(shown))}</p>")
    rows = _equations(declared, names)
    if rows:
        table = f"<div>{equations(rows)}</div>"
        parts.append(f"<details><summary>Equations</summary>{table}</details>")
    parts.append(_picture(drawn, size))
    return _page(parts)


def _cut(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def _picture(drawn: Derivation | None, size: int) -> str:
    if drawn is None or len(drawn.entries) > DRAWN:
        return f"<p>{_soft(f'{size:,} nodes: too many to draw here')}</p>"
    data = b64encode(svg(drawn).encode()).decode()  # an image keeps its styles inside
    image = f'<img alt="its graph" src="data:image/svg+xml;base64,{data}">'
    summary = f"<summary>Graph, {len(drawn.entries)} nodes</summary>"
    return f'<details open>{summary}<p class="sd-g">{image}</p></details>'


def _rows(declared: Model | Function, names: Sequence[str]) -> Iterable[str]:
    named = list(zip(names, declared.outputs, strict=True))
    yield from _group("input", _by_name(declared.inputs))
    if isinstance(declared, Model):
        yield from _group("target", _by_name(declared.targets))
        params = list(declared.params.items())
        yield from _group("parameter", params, counted=True)
        if params:
            total = sum((_count(t.node) for _, t in params), sp.Integer(0))
            cells = "<td></td>" * 2, f'<td class="sd-r"><b>{_number(total)}</b></td>'
            yield f"<tr><td>{len(params):,} parameters</td>{cells[0]}{cells[1]}</tr>"
        yield from _group("state", list(declared.states.items()), counted=True)
    yield from _group("output", named)
    if isinstance(declared, Model):
        loss = declared.loss
        yield from _group("loss", [] if loss is None else [("loss", loss)])
        yield from _group("metric", list(declared.metrics.items()))


def _by_name(tensors: Iterable[Tensor]) -> list[tuple[str, Tensor]]:
    return [(str(t.name), t) for t in tensors]


def _group(
    role: str, members: Sequence[tuple[str, Tensor]], counted: bool = False
) -> Iterable[str]:
    for name, tensor in members[:ROWS]:
        count = _number(_count(tensor.node)) if counted else ""
        cells = [role, _code(_cut(name, 80)), _code(str(tensor.node.type))]
        row = "".join(f"<td>{c}</td>" for c in cells)
        yield f'<tr>{row}<td class="sd-r">{count}</td></tr>'
    if len(members) > ROWS:
        more = _soft(f"and {len(members) - ROWS:,} more")
        yield f"<tr><td>{escape(role)}</td><td colspan=3>{more}</td></tr>"


def _count(node: Node) -> Any:
    return sp.sympify(product(node.shape))


def _number(count: Any) -> str:
    return f"{int(count):,}" if count.is_number else escape(str(count))


# --- generated packages ---------------------------------------------------------------


def package_html(name: str, files: Mapping[str, str | bytes]) -> str:
    """Return a listing of generated files, each folded."""
    parts = [f"<strong>Compiled {_code(name)}</strong>, {len(files)} files"]
    room = LISTED
    for path, content in files.items():
        if isinstance(content, bytes):
            parts.append(f"<p>{_code(path)} {_soft(f'{len(content):,} bytes')}</p>")
            continue
        count = content.count("\n")
        shown = content[:room]
        room -= len(shown)
        lines = _soft(f"{count:,} lines")
        body = listing.listing(shown) if shown else ""
        if len(shown) < len(content):
            body += f"<p>{_soft('cut off here; the text is in .files')}</p>"
        summary = f"<summary>{_code(path)} {lines}</summary>"
        parts.append(f"<details>{summary}{body}</details>")
    return _page(parts, listing.STYLE)
