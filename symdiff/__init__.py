"""symdiff: compile a symbolic model into plain, readable NumPy modules.

In: nothing. Out: the public names, each loaded when it is first asked for (PEP 562), so
that `import symdiff` and `symdiff --help` load neither NumPy nor SymPy. Invariant: a
name is either declared in `_DECLARED`, or it is a public function of the op table,
``sd.tanh`` for ``API["tanh"]`` and ``sd.linalg.solve`` for ``API["linalg.solve"]``;
adding an op adds its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from symdiff._version import __version__ as __version__
from symdiff.graph.display import DOORS as _DOORS

# isort: off
if TYPE_CHECKING:
    from symdiff.declare import init as init, optim as optim
    from symdiff.declare.nn import functional as nn
    from symdiff.declare.leaves import (
        constant as constant,
        dim as dim,
        input_ as input,
        param as param,
        params as params,
        scope as scope,
        state as state,
    )
    from symdiff.declare.model import (
        Function as Function,
        Model as Model,
    )
    from symdiff.declare.settings import Training as Training
    from symdiff.declare.tracing import spec as spec, trace as trace
    from symdiff.declare.own.elementwise import elementwise as elementwise
    from symdiff.declare.own.primitives import primitive as primitive
    from symdiff.declare.readers.formulas import to_sympy as to_sympy
    from symdiff.declare.readers.sympy import from_sympy as from_sympy
    from symdiff.derive.forward import jvp as jvp
    from symdiff.derive.reverse import grad as grad, vjp as vjp
    from symdiff.graph.errors import (
        ArgumentError as ArgumentError,
        DeclarationError as DeclarationError,
        DerivativeError as DerivativeError,
        DTypeError as DTypeError,
        OutputError as OutputError,
        ShapeError as ShapeError,
        SpecError as SpecError,
        SymdiffError as SymdiffError,
        SymdiffWarning as SymdiffWarning,
        TracingError as TracingError,
    )
    from symdiff.graph.interpret import interpret as interpret
    from symdiff.graph.tensor import Tensor as Tensor
    from symdiff.ops.control.mode import (
        by_mode as by_mode,
        resolve_mode as resolve_mode,
    )
    from symdiff.compiler.compile import compile_ as compile

    # Beside the names that are imported as themselves.
    __all__ = ["compile", "input", "nn"]
# isort: on

_ERRORS = [
    "ArgumentError",
    "DTypeError",
    "DeclarationError",
    "DerivativeError",
    "OutputError",
    "ShapeError",
    "SpecError",
    "SymdiffError",
    "SymdiffWarning",
    "TracingError",
]

# public name: module, or module and the name in it
_DECLARED: dict[str, tuple[str, str]] = {
    **{name: ("symdiff.graph.errors", name) for name in _ERRORS},
    **{
        name: ("symdiff.declare.leaves", name)
        for name in ("constant", "dim", "param", "params", "scope", "state")
    },
    **{name: ("symdiff.declare.model", name) for name in ("Function", "Model")},
    **{name: ("symdiff.declare.tracing", name) for name in ("spec", "trace")},
    "Tensor": ("symdiff.graph.tensor", "Tensor"),
    "Training": ("symdiff.declare.settings", "Training"),
    "compile": ("symdiff.compiler.compile", "compile_"),
    "elementwise": ("symdiff.declare.own.elementwise", "elementwise"),
    "from_sympy": ("symdiff.declare.readers.sympy", "from_sympy"),
    "init": ("symdiff.declare.init", ""),
    "input": ("symdiff.declare.leaves", "input_"),
    "interpret": ("symdiff.graph.interpret", "interpret"),
    "nn": ("symdiff.declare.nn.functional", ""),
    "optim": ("symdiff.declare.optim", ""),
    "primitive": ("symdiff.declare.own.primitives", "primitive"),
    "to_sympy": ("symdiff.declare.readers.formulas", "to_sympy"),
}

# Known before the ops are loaded, for `dir` alone; `_functions` is what holds.
_KNOWN = (
    "abs absolute acos acosh add all amax amin any arange arccos arccosh arcsin "
    "arcsinh arctan arctan2 arctanh argmax argmin argsort argwhere around asin "
    "asinh astype at atan atan2 atanh broadcast_to by_mode cast cbrt ceil clip "
    "compress concat concatenate convolve copysign correlate cos cosh count_nonzero "
    "cross cumprod cumsum deg2rad degrees diff digamma divide divmod dot einsum "
    "equal erf erfc exp exp2 expand_dims expm1 extract fix flatnonzero float_power "
    "floor floor_divide fmax fmin fmod full full_like gammaln getitem grad greater "
    "greater_equal heaviside hypot inner isclose isfinite isinf isnan isneginf "
    "isposinf jvp kron less less_equal linear_recurrence log log10 log1p log2 "
    "log_sigmoid log_softmax logaddexp logaddexp2 logical_and logical_not "
    "logical_or logical_xor logsumexp matmul max maximum mean min minimum mod modf "
    "moveaxis multiply nan_to_num negative nonzero not_equal one_hot ones ones_like "
    "outer permute_dims pick piecewise polygamma positive power prod psi rad2deg "
    "radians ravel reciprocal relu remainder reshape resolve_mode rint round "
    "searchsorted select sigmoid sigmoid_cross_entropy sign signbit sin sinc sinh "
    "softmax softmax_cross_entropy softplus sort sqrt square squeeze stack "
    "stop_gradient subtract sum swapaxes take take_along_axis tan tanh tensordot "
    "transpose true_divide trunc unique vdot vecdot vjp where xlogy zeros "
    "zeros_like "
)
_NAMESPACES = ("fft", "linalg", "random")


def _opening(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a module that is loaded when it is first called."""

    def opened(*args: Any, **options: Any) -> Any:
        from importlib import import_module

        return getattr(import_module(module), name)(*args, **options)

    return opened


_DOORS |= {
    "html": _opening("symdiff.explain.showing", "html"),
    "latex": _opening("symdiff.explain.showing", "latex"),
    "text": _opening("symdiff.explain.showing", "text"),
    "report": _opening("symdiff.explain.explanation", "explained"),
    "explorer": _opening("symdiff.explain.explorer.exploration", "explored"),
}


class Namespace:
    """Public functions with a dotted name, such as ``sd.linalg.solve``."""

    def __init__(self, name: str) -> None:
        self._prefix = f"{name}."

    def __getattr__(self, name: str) -> Any:
        found = None if name.startswith("__") else _functions().get(self._prefix + name)
        if found is None:
            raise AttributeError(f"symdiff has no {self._prefix}{name}")
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        start = len(self._prefix)
        return sorted(n[start:] for n in _functions() if n.startswith(self._prefix))

    def __repr__(self) -> str:
        return f"<namespace symdiff.{self._prefix[:-1]}: {', '.join(dir(self))}>"


def _functions() -> dict[str, Any]:
    """Return the public functions by name, all modules that add some loaded."""
    import pkgutil
    from importlib import import_module

    from symdiff.ops.core.operands import API

    if "_loaded" not in globals():
        import_module("symdiff.ops.surface.operators")
        derive = import_module("symdiff.derive")
        for found in pkgutil.iter_modules(derive.__path__, "symdiff.derive."):
            import_module(found.name)
        globals()["_loaded"] = True
    return API


def _find(name: str) -> Any:
    from importlib import import_module

    if name in _DECLARED:
        place, inner = _DECLARED[name]
        _functions()  # operators and rules are part of what a declaration means
        module = import_module(place)
        return getattr(module, inner) if inner else module
    if name == "__all__":
        _functions()
        return [n for n in _listed() if not n.startswith("_")]
    if name.startswith("_"):
        return None
    functions = _functions()
    if [n for n in functions if n.startswith(f"{name}.")]:
        return Namespace(name)
    return functions.get(name)


def __getattr__(name: str) -> Any:
    found = _find(name)
    if found is None:
        from symdiff.graph.arguments import nearest

        special = name.startswith("__") and name.endswith("__")  # Python asks for many
        close = None if special else nearest(name, _listed())
        hint = f"; did you mean sd.{close}?" if close else ""
        raise AttributeError(f"module 'symdiff' has no attribute {name!r}{hint}")
    # From here on the name hides a builtin of that name in this file: any, sum, ...
    globals()[name] = found
    return found


def _listed() -> list[str]:
    import sys

    operands = sys.modules.get("symdiff.ops.core.operands")
    loaded = list(operands.API) if operands else _KNOWN.split()
    functions = {n for n in loaded if "." not in n}
    return sorted({*_DECLARED, *functions, *_NAMESPACES, "__version__"})


def __dir__() -> list[str]:
    return _listed()
