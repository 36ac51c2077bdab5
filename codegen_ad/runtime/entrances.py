"""Ways into compiled functions: Python's for the one that it calls, and no others.

numba gives each function a wrapper for Python and one for C, which are built, optimised and
translated like the function itself. Nothing calls a kernel from C, and a kernel's helpers are
called by compiled code alone: without these wrappers a kernel compiles in about nine tenths of the
time. Without Python's wrapper a call from Python would end the process, so helpers forget what they
were compiled to; called from Python after all, they are compiled afresh.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from codegen_ad.runtime.lean import is_kernel
from codegen_ad.runtime.shared import sharing

_FOR_C = "no_cfunc_wrapper"
_FOR_PYTHON = "no_cpython_wrapper"
_DEPTH = 100_000
"""Calls in each other while numba looks, block by block, for where a variable got its value."""


def compile_entrance(function: Any, types: Sequence[object]) -> None:
    """Compile a function of a kernel's module, which Python calls, for these argument types."""
    lock: Any = import_module("numba.core.compiler_lock").global_compiler_lock
    with lock:
        values = tuple(function.py_func.__globals__.values())
        helpers = [f for f in values if f is not function and _is_helper(f)]
        for helper in helpers:
            helper.targetoptions |= {_FOR_C: True, _FOR_PYTHON: True}
        function.targetoptions[_FOR_C] = True
        try:
            with deep_calls(), sharing(f for f in helpers if not is_kernel(f)):
                function.compile(tuple(types))
        finally:
            # The machine code of the function still refers to what its helpers own.
            function.compiled_helpers = [(f, _forgotten(f)) for f in helpers]
            for helper in helpers:
                del helper.targetoptions[_FOR_C], helper.targetoptions[_FOR_PYTHON]


@contextmanager
def deep_calls() -> Generator[None]:
    """Let a compiler go through long functions: Python's own limit is about 500 of its blocks."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _is_helper(value: Any) -> bool:
    """Whether this is a function of which numba keeps no machine code, and that nobody called."""
    return (
        hasattr(value, "targetoptions")
        and not value.overloads
        and type(value._cache).__name__ == "NullCache"
    )


def _forgotten(helper: Any) -> dict[Any, Any]:
    """What a helper was compiled to, which it then knows no more."""
    found = dict(helper.overloads)
    helper.overloads.clear()
    helper._reset_overloads()
    return found
