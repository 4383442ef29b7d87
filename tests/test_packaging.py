"""What is built carries what is needed, and runs away from the checkout.

The distributions are built from a copy of the tree, by the build backend that is
installed here, and the wheel goes into a fresh virtual environment that borrows this
one's dependencies. So none of this needs a network, and nothing is written beside the
sources.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SCRATCH = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "venv"
)

# What an installed symdiff is asked, wherever it comes from.
PROBE = """
from importlib.resources import files
import symdiff, symdiff._version
names = sorted(p.name for p in files("symdiff.templates").iterdir())
print(symdiff._version.__version__)
print(symdiff.__file__)
print(*[name for name in names if name.endswith(".j2")])
print(files("symdiff").joinpath("py.typed").is_file())
"""


def _run(*command: str | Path, cwd: Path, **env: str) -> str:
    """What the command printed; its error output is the failure's message."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**inherited, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def _templates() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix() for path in ROOT.glob("templates/**/*.j2")
    }


def test_pyproject_lists_every_package():
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in ROOT.glob("symdiff/**/__init__.py")
    }
    assert listed == found | {"symdiff.templates"}


def test_the_readme_is_the_description():
    assert (ROOT / "README.md").exists() == ("readme" in PROJECT["project"])


def test_there_are_templates():
    assert _templates()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the sdist, and the wheel that was made from it."""
    pytest.importorskip("build", reason="extra [test]")
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=SCRATCH)
    _run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "-o",
        folder,
        source,
        cwd=folder,
    )
    return folder


def _fresh(folder: Path) -> Path:
    """The interpreter of a new environment that sees this one's dependencies.

    A folder named in a .pth file is searched last, and its own .pth files are not read,
    so an editable symdiff installed here stays out of sight.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    variables = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=variables))
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    return Path(sysconfig.get_path("scripts", "venv", vars=variables)) / "python"


def _install(python: Path, *what: str | Path, cwd: Path) -> None:
    quiet = ["-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    pip = [sys.executable, "-m", "pip", "--python", python, "install", *quiet]
    _run(*pip, "--ignore-installed", *what, cwd=cwd)


def _assets() -> set[str]:
    """What the explorer's page is made of."""
    folder = ROOT / "symdiff" / "explain" / "explorer" / "assets"
    return {path.relative_to(ROOT).as_posix() for path in folder.iterdir()}


def test_wheel_holds_templates_and_types(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert len(_assets()) > 15
    assert _assets() <= names
    assert {f"symdiff/{name}" for name in _templates()} <= names
    assert {"symdiff/py.typed", "symdiff/templates/__init__.py"} <= names
    assert "symdiff/declare/toml/spec.schema.json" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"symdiff"}


def test_sdist_holds_templates_types_and_tests(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert _templates() <= names
    assert _assets() <= names
    assert {
        "LICENSE",
        "examples/data/digits.csv.gz",
        "pyproject.toml",
        "symdiff/py.typed",
        "templates/__init__.py",
        "tests/test_packaging.py",
    } <= names


def test_wheel_runs_from_an_empty_folder(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    python = _fresh(tmp_path / "venv")
    _install(python, wheel, cwd=tmp_path)
    (empty := tmp_path / "empty").mkdir()
    version, file, templates, typed = _run(python, "-c", PROBE, cwd=empty).splitlines()
    assert Path(file).is_relative_to(tmp_path / "venv")
    assert templates.split() == sorted(Path(name).name for name in _templates())
    assert typed == "True"
    command = python.with_name("symdiff")
    assert version in _run(command, "--version", cwd=empty)


def test_wheel_compiles_a_model(built, tmp_path):
    """From an empty folder, and from the checkout's root, whose packages shadow it."""
    (wheel,) = built.glob("*.whl")
    python = _fresh(tmp_path / "venv")
    _install(python, wheel, cwd=tmp_path)
    spec = tmp_path / "spec.py"
    spec.write_text(
        "import symdiff as sd\n"
        'x = sd.input("x", (3,))\n'
        'model = sd.Function("double", [x], [2 * x])\n'
    )
    made = []
    for number, folder in enumerate([tmp_path / "venv", built / "source"]):
        out = tmp_path / f"out{number}"
        start = (
            "import sys; sys.path.insert(0, ''); from symdiff.cli import main; main()"
        )
        _run(python, "-c", start, "compile", spec, "-o", out, cwd=folder)
        made.append({p.relative_to(out): p.read_text() for p in out.rglob("*.py")})
    assert made[0]
    assert made[0] == made[1]


def test_editable_install_runs_from_an_empty_folder(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=SCRATCH)
    python = _fresh(tmp_path / "venv")
    _install(python, "--no-build-isolation", "-e", source, cwd=tmp_path)
    (empty := tmp_path / "empty").mkdir()
    _, file, templates, typed = _run(python, "-c", PROBE, cwd=empty).splitlines()
    assert Path(file).is_relative_to(source)
    assert templates.split() == sorted(Path(name).name for name in _templates())
    assert typed == "True"


def test_a_checkout_lays_out_its_own_templates(tmp_path):
    """Where another checkout is installed, code and templates still belong together."""
    shutil.copytree(ROOT / "symdiff", tmp_path / "symdiff", ignore=SCRATCH)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "own.j2").write_text("of {{ place }}\n", "utf-8")
    module = "symdiff.emit.modules.render"
    probe = f"from {module} import render; print(render('own', place='here'))"
    said = _run(sys.executable, "-c", probe, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert said.strip() == "of here"
