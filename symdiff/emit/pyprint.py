"""From statements to lines of text, as black and ruff would lay them out."""

from __future__ import annotations

from collections.abc import Sequence
from symdiff.emit.pytree import *
from symdiff.emit.pytree import Stmt, Expr
from symdiff.emit.pytext import expr_text


def print_stmts(stmts: Sequence[Stmt], indent: int = 4, width: int = 88) -> str:
    """Return the statements as lines indented by `indent` spaces, each ended by a
    newline; lines stay within `width` columns where they can be broken."""
    out: list[str] = []
    pad = " " * indent
    def tup(x: Expr) -> str:
        if isinstance(x, Tuple_) and len(x.items) > 1:
            return ", ".join(expr_text(i) for i in x.items)
        return expr_text(x)
    def put(text: str, comment: str = "") -> None:
        out.append(pad + text + (f"  # {comment}" if comment else "") + "\n")
    def block(body: Sequence[Stmt]) -> None:
        out.append(print_stmts(body or (RawStmt("pass"),), indent + 4, width))
    for s in stmts:
        match s:
            case Assign(targets, value, comment):
                if len(targets) > 1:
                    left = ", ".join(expr_text(t) for t in targets)
                elif isinstance(targets[0], Starred):
                    left = f"({expr_text(targets[0])},)"
                else:
                    left = tup(targets[0])
                put(f"{left} = {tup(value) if len(targets) > 1 else expr_text(value)}", comment)
            case AugAssign(target, op, value, comment):
                put(f"{expr_text(target)} {op}= {expr_text(value)}", comment)
            case ExprStmt(value, comment):
                put(expr_text(value), comment)
            case Return(None, comment):
                put("return", comment)
            case Return(value, comment):
                put("return " + tup(value), comment)
            case Raise(value, comment):
                put("raise " + expr_text(value), comment)
            case Comment(text):
                for line in text.split("\n"):
                    put(("# " + line).rstrip())
            case Blank():
                out.append("\n")
            case RawStmt(text):
                for line in text.split("\n"):
                    out.append((pad + line).rstrip() + "\n")
            case For(target, it, body):
                put(f"for {tup(target)} in {expr_text(it)}:")
                block(body)
            case While(test, body):
                put(f"while {expr_text(test)}:")
                block(body)
            case If(test, body, orelse):
                word = "if"
                while True:
                    put(f"{word} {expr_text(test)}:")
                    block(body)
                    match orelse:
                        case (If(test, body, orelse),):
                            word = "elif"
                            continue
                    break
                if orelse:
                    put("else:")
                    block(orelse)
            case With(items, body):
                texts = [
                    f"{expr_text(i[0])} as {expr_text(i[1])}" if isinstance(i, tuple) else expr_text(i)
                    for i in items
                ]
                put(f"with {', '.join(texts)}:")
                block(body)
            case FuncDef(fname, params, body, docstring):
                put(f"def {fname}({', '.join(params)}):")
                if docstring:
                    out.append(f'{pad}    """{docstring}"""\n')
                block(body)
            case _:
                raise TypeError(type(s).__name__)
    return "".join(out)
