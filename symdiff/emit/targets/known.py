"""The targets by the names that ``compile(target=...)`` knows them by."""

from __future__ import annotations

from symdiff.emit.targets import Target
from symdiff.emit.targets.numba.target import NUMBA
from symdiff.emit.targets.numpy import NUMPY

TARGETS: dict[str, Target] = {t.name: t for t in (NUMPY, NUMBA)}
