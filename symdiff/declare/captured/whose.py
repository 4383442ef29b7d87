"""Whose code it is that a function reads: the user's, or a library's.

In: files, modules and classes. Out: yes or no. Invariant: code of Python, of installed
packages and of symdiff is a library's, and counts as constant.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

from symdiff.graph.provenance import PACKAGE

_PATHS = ("stdlib", "platstdlib", "purelib", "platlib")
_LIBRARIES = (PACKAGE, *(sysconfig.get_path(p) + os.sep for p in _PATHS))
_BUILTIN = frozenset([*sys.builtin_module_names, "_frozen_importlib"])
# What is called when an object is made or shown, not when it is read.
MAKING = frozenset(["__init__", "__new__", "__post_init__"])
_SHOWING = frozenset(["__repr__", "__str__", "__del__", "__init_subclass__"])


@functools.lru_cache(maxsize=1024)
def is_library(filename: str) -> bool:
    return filename.startswith(_LIBRARIES)


def is_library_module(name: str, module: Any) -> bool:
    path = getattr(module, "__file__", None)
    return name in _BUILTIN if path is None else is_library(path)


def is_library_class(kind: type) -> bool:
    return is_library_module(kind.__module__, sys.modules.get(kind.__module__))


@functools.lru_cache(maxsize=1024)
def is_users(kind: type) -> bool:
    """Whether a class, or one that it inherits from, is the user's."""
    return not all(is_library_class(k) for k in kind.__mro__)


def operators_of(kind: type) -> frozenset[str]:
    """Return a user's class's special methods: operators call them without a name."""
    found = {
        name
        for k in kind.__mro__
        if not is_library_class(k)
        for name, value in vars(k).items()
        if name[:2] == name[-2:] == "__" and isinstance(value, types.FunctionType)
    }
    return frozenset(found - MAKING - _SHOWING)


def advances(value: Any) -> bool:
    """Whether a value is a running iterator, so that each read gives another value."""
    if isinstance(value, types.GeneratorType):
        return True
    library = type(value).__module__ in ("builtins", "itertools")
    return library and isinstance(value, Iterator)
