"""Watching specs in TOML be read.

`survey` reads the specs of many seeds in a child process whose memory is bounded, with
a time for each, and an audit hook that sees anything the reading would execute, open or
import. A spec is read well where it is declared, or where the error is a `SymdiffError`
that names the file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from toml_fuzz import SEEDS, make

WATCHED = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.remove"),
    *("os.rename", "os.mkdir", "os.chdir", "subprocess.Popen", "socket.", "shutil."),
    *("open", "exec", "import", "ctypes.", "pickle.", "marshal."),
)
SECONDS = 10.0  # for one spec
IDLE = 77  # exit code of a child that read nothing
MEMORY = 1 << 30  # bytes beyond what an idle child has


def survey(first: int, count: int, compile_every: int = 0) -> dict[str, object]:
    """Read the specs of ``count`` seeds in children; return counts and failures."""
    total: dict[str, object] = {"specs": 0, "declared": 0, "compiled": 0}
    failures: list[str] = []
    slowest = (0.0, -1)
    start, end = first, first + count
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    while start < end:
        child = subprocess.Popen(
            [sys.executable, __file__, str(start), str(end), str(compile_every)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert child.stdout is not None
        for line in child.stdout:
            told = json.loads(line)
            start = told["seed"] + 1
            total["specs"] = int(str(total["specs"])) + 1
            for key in ("declared", "compiled"):
                total[key] = int(str(total[key])) + told[key]
            slowest = max(slowest, (told["seconds"], told["seed"]))
            if told["failure"]:
                failures.append(f"seed {told['seed']}: {told['failure']}")
        words = child.communicate()[1][-2000:]
        if child.returncode == IDLE:
            raise RuntimeError(f"the child could not start: {words}")
        if start < end:
            failures.append(f"seed {start}: died with {child.returncode}: {words}")
            start += 1
    return {**total, "slowest": slowest, "failures": failures}


def _child(first: int, last: int, compile_every: int) -> None:
    import faulthandler
    import resource
    import signal
    import tempfile
    import traceback
    import warnings

    import numpy.polynomial  # noqa: F401 - NumPy imports it when erfc reads it

    import symdiff as sd
    from symdiff.declare.spec import load_spec
    from symdiff.graph.errors import SymdiffError

    warnings.simplefilter("ignore")
    scratch = tempfile.TemporaryDirectory(prefix="symdiff_fuzz_")
    folder = Path(scratch.name)
    os.chdir(folder)
    spec = folder / "spec.toml"
    try:
        for text in SEEDS:  # whatever is imported lazily is imported now
            spec.write_text(text, "utf-8")
            sd.compile(load_spec(spec).model)
    except Exception:
        traceback.print_exc()
        sys.exit(IDLE)
    seen: list[str] = []
    watching = False

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching and event.startswith(WATCHED) and not _harmless(event, args):
            seen.append(f"{event} {str(args)[:120]}")

    class Late(BaseException):
        pass

    def late(*_: object) -> None:
        raise Late

    sys.addaudithook(hook)
    signal.signal(signal.SIGALRM, late)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for seed in range(first, last):
        data = make(seed)
        spec.write_bytes(data)
        seen.clear()
        failure, declared, compiled = "", 0, 0
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        began = time.perf_counter()
        watching = True
        try:
            found = load_spec(spec)
            declared = 1
            watching = False
            if compile_every and seed % compile_every == 0:
                sd.compile(found.model)
                compiled = 1
        except SymdiffError as error:
            if not declared and str(spec) not in str(error):
                failure = f"an error that does not name the file: {error}"
        except Late:
            failure = f"not done after {SECONDS} s, declared {declared}"
        except BaseException as error:
            failure = f"declared {declared}: {type(error).__name__}: {str(error)[:200]}"
        finally:
            watching = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        seconds = time.perf_counter() - began
        if seen:
            failure = f"{failure} events {seen[:3]}"
        print(
            json.dumps(
                {
                    "seed": seed,
                    "failure": failure,
                    "declared": declared,
                    "compiled": compiled,
                    "seconds": seconds,
                }
            ),
            flush=True,
        )
    os.chdir("/")
    scratch.cleanup()


def _harmless(event: str, args: tuple[object, ...]) -> bool:
    """Whether an event is the reading of the spec itself, or of Python's own files."""
    if event == "open":
        path, mode = str(args[0]), args[1]
        reading = mode is None or (isinstance(mode, str) and set(mode) <= set("rbt"))
        return reading and (path.endswith("spec.toml") or ".py" in path)
    return False


if __name__ == "__main__":
    _child(*(int(a) for a in sys.argv[1:4]))
