"""One core and one thread for everybody, set before anything numerical is imported.

Libraries read these settings once, when they are loaded, so `pin` must run first. More
threads make small steps slower and their times bimodal; on a busy machine a call of a
threaded BLAS waits for the core that another process has.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

COUNTS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
XLA = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
SHOWN = ("symdiff", "numpy", "torch", "jax", "autograd", "numba", "casadi", "pytensor")


def pin(all_cores: bool = False) -> None:
    """Keep this process to one core and its libraries to one thread each.

    ``all_cores`` leaves both as they are. JAX computes in 64 bits where asked either
    way.
    """
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if all_cores:
        return
    if "numpy" in sys.modules:
        raise RuntimeError("threads are set before NumPy is imported")
    for name in COUNTS:
        os.environ[name] = "1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {XLA}".strip()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def load() -> float | None:
    """Return how many processes wanted a core during the last minute, if known."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def versions() -> dict[str, str]:
    """Return the versions of Python and of what is installed of the contenders."""
    found = {"python": platform.python_version()}
    for name in SHOWN:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine(all_cores: bool) -> dict[str, object]:
    """Return what a reader must know of the machine: processor, cores, threads."""
    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": "as each library likes" if all_cores else 1,
        "blas": _blas(),
    }


def _blas() -> str:
    """Return NumPy's BLAS and the processor that its kernels are for.

    On a processor that it does not know, OpenBLAS takes older kernels, which may be
    half as fast; OPENBLAS_CORETYPE names others.
    """
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown"
    found = [i for i in threadpool_info() if i["user_api"] == "blas"]
    words = (
        f"{i['internal_api']} {i['version']} {i.get('architecture')}" for i in found
    )
    return ", ".join(dict.fromkeys(words)) or "unknown"


def _processor() -> str:
    """Return the processor's own name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        named = [line for line in lines if line.startswith("model name")]
        return named[0].split(":", 1)[1].strip()
    except (OSError, IndexError):
        return platform.processor() or "unknown"
