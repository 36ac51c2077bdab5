"""The stream that calls give their kernels to, for a piece of the program."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_CHOSEN: ContextVar[object] = ContextVar("cuda_stream", default=None)


@contextmanager
def cuda_stream(chosen: object) -> Generator[None]:
    """Give the kernels of all calls inside to a stream.

    Without it, kernels go to the stream that torch or CuPy works on now where their arrays are
    passed, and to the default stream otherwise.

    Parameters
    ----------
    chosen : a stream of torch, CuPy, numba or `cuda.core`, or its address.
    """
    token = _CHOSEN.set(chosen)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def current_stream() -> object:
    """The stream that was chosen; None if none was."""
    return _CHOSEN.get()
