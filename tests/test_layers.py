"""The house stays in order: who imports whom, how long files are, what names mean.

Read from the syntax trees of `symdiff/`, so nothing has to be imported for it, and a
room that has not been built yet does not fail it. Imports under `if TYPE_CHECKING:` do
not count; imports inside functions do.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "symdiff"
TEMPLATES = ROOT / "templates"

# A room may import only from rooms before it.
ROOMS = [
    *("graph", "ops", "derive", "declare", "rewrite", "plan", "emit", "compiler"),
    *("explain", "review", "transforms", "numpy", "training", "grading", "cli"),
]
FRONT_DOORS = len(ROOMS)  # `__init__`, `__main__`: they may know every room
OPEN_TO_ALL = {"symdiff._version", "symdiff.templates"}

MAX_FILE = 400
MAX_TEMPLATE = 60

# What is imported when a function runs, and why.
COMMANDS = "symdiff.cli."  # `--help` loads neither NumPy nor SymPy
LAZY = {
    "symdiff": "`import symdiff` is quick: what a name needs is loaded with it",
    "symdiff.training.screen": "rich is optional",
    "symdiff.explain.formats.terminal": "rich is optional",
    "symdiff.emit.modules.writing": "fcntl is Unix's alone",
    "symdiff.grading.keeper": "resource is Unix's alone",
    "symdiff.grading.runner": "resource is Unix's alone",
}

FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def _module(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in FILES}


@dataclass(frozen=True)
class Import:
    """One imported name: a module of symdiff where it is one, else as it is written."""

    target: str
    line: int
    lazy: bool
    name: str = ""  # what is taken from the target, if one thing is


def _is_type_checking(node: ast.If) -> bool:
    match node.test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _statements(body: list[ast.stmt], lazy: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Every import statement below `body`, and whether it runs only when called."""
    stack = [(node, lazy) for node in reversed(body)]
    while stack:
        node, inside = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
            continue
        if isinstance(node, ast.If) and _is_type_checking(node):
            children: list[ast.AST] = list(node.orelse)
        else:
            children = list(ast.iter_child_nodes(node))
        inside = inside or isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        )
        stack += [(child, inside) for child in reversed(children)]


def _imports(name: str, path: Path) -> Iterator[Import]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, lazy in _statements(ast.parse(path.read_text("utf-8")).body, False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, lazy)
            continue
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            module = inner in MODULES
            target, taken = (inner, "") if module else (base, alias.name)
            yield Import(target, node.lineno, lazy, taken)


IMPORTS = {name: list(_imports(name, path)) for name, path in MODULES.items()}


def _room(module: str) -> int:
    parts = module.split(".")
    if len(parts) > 1 and parts[1] in ROOMS:
        return ROOMS.index(parts[1])
    return FRONT_DOORS


def _ours(module: str) -> bool:
    return module == "symdiff" or module.startswith("symdiff.")


def _place(name: str, line: int) -> str:
    return f"{MODULES[name].relative_to(ROOT)}:{line}"


def test_every_folder_is_a_room_of_the_design():
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    assert not folders - {*ROOMS}, "a new room needs its place in ROOMS"


def test_nothing_of_substance_lies_at_the_root():
    loose = {p.name for p in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py", "_version.py"}


def test_a_room_imports_only_from_rooms_above_it():
    wrong = [
        f"{_place(name, found.line)}: {name} imports {found.target}"
        for name, imports in IMPORTS.items()
        for found in imports
        if _ours(found.target)
        and found.target not in OPEN_TO_ALL
        and _room(found.target) > _room(name)
    ]
    assert not wrong, "\n".join(wrong)


def _leads_back(name: str, uses: dict[str, set[str]]) -> bool:
    """Whether a module imports itself, by way of others."""
    seen: set[str] = set()
    stack = list(uses[name])
    while stack:
        module = stack.pop()
        if module == name:
            return True
        if module not in seen:
            seen.add(module)
            stack += uses[module]
    return False


def test_no_module_imports_itself_by_way_of_others():
    """Imports inside functions count, so that a module can be read by itself."""
    uses = {
        name: {found.target for found in imports if found.target in MODULES} - {name}
        for name, imports in IMPORTS.items()
    }
    circle = {name for name in MODULES if _leads_back(name, uses)}
    assert not circle, sorted(circle)


def test_no_file_takes_what_another_keeps_to_itself():
    taken = {
        (name, found.target, found.name)
        for name, imports in IMPORTS.items()
        for found in imports
        if _ours(found.target) and found.name.startswith("_")
    }
    wrong = sorted(t for t in taken if not t[2].startswith("__"))
    assert not wrong, wrong


def test_imports_stand_at_the_top_but_for_a_reason():
    wrong = [
        f"{_place(name, found.line)}: {found.target}"
        for name, imports in IMPORTS.items()
        for found in imports
        if found.lazy and name not in LAZY and not name.startswith(COMMANDS)
    ]
    assert not wrong, "\n".join(wrong)


def test_one_module_imports_jinja2():
    users = {
        name
        for name, imports in IMPORTS.items()
        for found in imports
        if found.target.split(".")[0] == "jinja2"
    }
    assert len(users) <= 1, users
    for name in users:
        loader = MODULES[name].read_text("utf-8")
        for setting in ("StrictUndefined", "trim_blocks=True", "lstrip_blocks=True"):
            assert setting in loader, f"{name} lacks {setting}"


def test_no_two_files_define_a_class_of_one_name():
    """Who reads a name knows which class is meant, wherever it stands."""
    where: dict[str, set[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                where.setdefault(node.name, set()).add(str(path.relative_to(ROOT)))
    twice = {name: sorted(paths) for name, paths in where.items() if len(paths) > 1}
    assert not twice, twice


def test_no_module_has_the_name_of_a_public_function():
    """Importing a module sets its name in its package, over the function's."""
    import symdiff

    stems = {name.partition(".")[2] for name in MODULES} - {""}
    public = stems & set(dir(symdiff))
    hidden = [name for name in public if callable(getattr(symdiff, name))]
    assert not hidden, sorted(hidden)


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda path: _module(path))
def test_files_are_short(path):
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MAX_FILE, f"{path.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.js")) + sorted(PACKAGE.rglob("*.css"))
)
def test_scripts_and_styles_are_short(path):
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MAX_FILE, f"{path.relative_to(ROOT)} has {lines} lines"


def test_templates_are_short_and_decide_nothing():
    for path in sorted(TEMPLATES.rglob("*.j2")):
        text = path.read_text("utf-8")
        lines = len(text.splitlines())
        assert lines <= MAX_TEMPLATE, f"{path.name} has {lines} lines"
        assert not re.search(r"{%-?\s*(set|macro|import)\b", text), (
            f"{path.name}: Python builds statements, templates lay them out"
        )


# Modules that are NumPy's own whatever the target: the self-check draws its data with
# it, and arrays are stored in its files.
OF_NUMPY = {"symdiff.emit.modules.entry", "symdiff.emit.modules.assembly"}


def test_only_a_target_spells_its_library():
    """No other module of the emitter writes a name of NumPy's into generated code."""
    wrong = [
        f"{_place(name, node.lineno)}: {node.value!r}"
        for name, path in MODULES.items()
        if name.startswith("symdiff.emit.") and ".targets." not in name
        if name not in OF_NUMPY
        for node in _strings(ast.parse(path.read_text("utf-8")))
        if re.search(r"\bnp\.\w", node.value)
    ]
    assert not wrong, "\n".join(wrong)


def _strings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the strings of a module that are no docstrings."""
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if text and id(node) not in told:
            yield node
