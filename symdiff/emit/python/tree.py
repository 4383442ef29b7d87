"""The tree of the Python we emit: frozen expression and statement nodes.

In go the decisions of the lowering (which call, which operator, which name), out comes
a value that says nothing about layout: no parentheses, no line breaks, no spaces. The
invariant: a node means the same whatever it is nested in; the printer adds the
parentheses that keep it so. Import these names from `symdiff.emit.python.code`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from symdiff.graph.node import scalar_text

Scalar = int | float | bool | str | None


class Expr:
    """Base class of expressions."""

    __slots__ = ()


class Mark:
    """Base class of marks: facts about a statement that are not in its text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stmt:
    """Base class of statements; marks do not count where they are compared."""

    mark: Mark | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """An identifier, without dots."""

    id: str


@dataclass(frozen=True, slots=True, eq=False)
class Lit(Expr):
    """A scalar literal; two are equal if type and text are (`1`, `1.0`, `True`)."""

    value: Scalar

    def _key(self) -> tuple[type, Scalar]:
        value = self.value  # floats by text: 0.0 == -0.0, and a NaN is not itself
        told = scalar_text(value) if isinstance(value, float) else value
        return type(value), told

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lit) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


@dataclass(frozen=True, slots=True)
class Attr(Expr):
    """`value.name`."""

    value: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """`func(*args, **kwargs)`; keyword arguments keep their order."""

    func: Expr
    args: tuple[Expr, ...] = ()
    kwargs: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Slice(Expr):
    """`lo:hi:step`, only as an item of `Index`."""

    lo: Expr | None = None
    hi: Expr | None = None
    step: Expr | None = None


@dataclass(frozen=True, slots=True)
class Ellipsis_(Expr):
    """`...`."""


@dataclass(frozen=True, slots=True)
class Index(Expr):
    """`value[items]`; one item is that item, not a one-tuple."""

    value: Expr
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    """`-x`, `+x`, `~x`, `not x`."""

    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """An operator of two operands; `and` and `or` are operators here too."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Tuple_(Expr):
    """`(a, b)`."""

    items: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class List_(Expr):
    """`[a, b]`."""

    items: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Dict_(Expr):
    """`{key: value}`; where there is no key, `**value`."""

    items: tuple[tuple[Expr | None, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class IfExp(Expr):
    """`body if test else orelse`."""

    test: Expr
    body: Expr
    orelse: Expr


@dataclass(frozen=True, slots=True)
class Lambda(Expr):
    """`lambda params: body`."""

    params: tuple[str, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Starred(Expr):
    """`*value`, as a call argument, an item of a display or a target."""

    value: Expr


@dataclass(frozen=True, slots=True)
class FString(Expr):
    """An f-string: text and expressions in turn, `FString(("got ", name("x.shape")))`.

    An expression inside holds no backslash and, on Python before 3.12, no double quote;
    its strings are printed in single quotes.
    """

    parts: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True)
class Assign(Stmt):
    """`target = value`; several targets unpack: `a, b = value`.

    A lone `Tuple_` or `Starred` target unpacks too: `(N,) = value`. Each of `also` gets
    the whole value, as in `a = b[t] = value`; such a statement must fit on a line.
    """

    targets: tuple[Expr, ...]
    value: Expr
    comment: str = ""
    also: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class AugAssign(Stmt):
    """`target op= value`, `op` without the `=`."""

    target: Expr
    op: str
    value: Expr
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ExprStmt(Stmt):
    """An expression for its effect."""

    value: Expr
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Return(Stmt):
    """`return value`."""

    value: Expr | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Raise(Stmt):
    """`raise value`."""

    value: Expr
    comment: str = ""


@dataclass(frozen=True, slots=True)
class For(Stmt):
    """`for target in iter:`; a `Tuple_` target or iterable is printed bare."""

    target: Expr
    iter: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class While(Stmt):
    """`while test:`."""

    test: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class If(Stmt):
    """`if test:`; an `orelse` that is one `If` is printed as `elif`."""

    test: Expr
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...] = ()


@dataclass(frozen=True, slots=True)
class With(Stmt):
    """`with item:`; an item is an expression, or `(expression, target)` for `as`."""

    items: tuple[Expr | tuple[Expr, Expr], ...]
    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Try(Stmt):
    """`try:` and `except errors:`."""

    body: tuple[Stmt, ...]
    errors: Expr
    handler: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class FuncDef(Stmt):
    """`def name(params):`; a parameter is its text (`"d_loss=1.0"`, `"*"`)."""

    name: str
    params: tuple[str, ...]
    body: tuple[Stmt, ...]
    docstring: str = ""


@dataclass(frozen=True, slots=True)
class Comment(Stmt):
    """A comment on its own lines; the text has no `#`, a newline starts a new line."""

    text: str


@dataclass(frozen=True, slots=True)
class Blank(Stmt):
    """An empty line."""


@dataclass(frozen=True, slots=True)
class Pass(Stmt):
    """`pass`."""

    comment: str = ""


@dataclass(frozen=True, slots=True)
class Break(Stmt):
    """`break`."""


def lit(value: object) -> Expr:
    """Return `value` as a tree: scalars, tuples and lists of them; a tree is itself."""
    match value:
        case Expr():
            return value
        case None | bool() | int() | float() | str():
            return Lit(value)
        case tuple():
            return Tuple_(tuple(lit(v) for v in value))
        case list():
            return List_(tuple(lit(v) for v in value))
    raise TypeError(
        f"no literal for {type(value).__name__}: pass an Expr, a Python scalar, or a"
        " tuple or list of them (a NumPy scalar has .item())"
    )


def name(dotted: str) -> Expr:
    """Return the attribute chain `dotted` spells, `np.linalg.norm`."""
    first, *rest = dotted.split(".")
    result: Expr = Name(first)
    for part in rest:
        result = Attr(result, part)
    return result


def call(func: str | Expr, /, *args: object, **kwargs: object) -> Call:
    """Return the call of `func`, a dotted string or a tree, on trees or literals."""
    callee = name(func) if isinstance(func, str) else func
    keywords = tuple((key, lit(value)) for key, value in kwargs.items())
    return Call(callee, tuple(lit(a) for a in args), keywords)


def method(obj: Expr, attr: str, /, *args: object, **kwargs: object) -> Call:
    """Return `obj.attr(*args, **kwargs)`."""
    return call(Attr(obj, attr), *args, **kwargs)


def children(e: Expr) -> tuple[Expr, ...]:
    """Return the expressions directly inside `e`, in the order of the text."""
    match e:
        case Attr(value, _) | Starred(value) | Unary(_, value) | Lambda(_, value):
            return (value,)
        case Call(func, args, kwargs):
            return (func, *args, *(value for _, value in kwargs))
        case Index(value, items):
            return (value, *items)
        case Slice(lo, hi, step):
            return tuple(x for x in (lo, hi, step) if x is not None)
        case Binary(_, left, right):
            return (left, right)
        case Tuple_(items) | List_(items):
            return items
        case Dict_(items):
            return tuple(x for item in items for x in item if x is not None)
        case IfExp(test, body, orelse):
            return (body, test, orelse)
        case FString(parts):
            return tuple(p for p in parts if isinstance(p, Expr))
    return ()


def count_ops(e: Expr) -> int:
    """Return the number of operators and calls in `e`.

    Attributes, indexing and literals are free.
    """
    total, stack = 0, [e]
    while stack:
        node = stack.pop()
        total += isinstance(node, Call | Binary | Unary)
        stack.extend(children(node))
    return total


def names_in(e: Expr) -> frozenset[Expr]:
    """Return the names an expression reads."""
    found: set[Expr] = set()
    waiting: list[object] = [e]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Name):
            found.add(part)
        elif isinstance(part, tuple):
            waiting.extend(part)
        elif isinstance(part, Expr) and not isinstance(part, Lit):
            waiting.extend(getattr(part, f.name) for f in fields(part))  # type: ignore[arg-type]
    return frozenset(found)
