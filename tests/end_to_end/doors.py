"""numba's doors to BLAS and LAPACK, for the text of kernels that Python runs.

numba's own `types.ExternalFunction` can be called in Python, too, and does nothing there: products
would be left out. These do what the library does, on the arrays behind the addresses.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types as numba_types


def gemm(
    kind: int, first: int, second: int, columns: int, rows: int, terms: int,
    scale: Any, right: Any, right_step: int, left: Any, left_step: int,
    keep: Any, out: Any, out_step: int,
) -> int:  # fmt: skip
    """`out = keep * out + scale * left @ right`, for the transpose of `left` if `second` says so.

    In Fortran order, so `right` comes first; its own transpose is asked for by no kernel.
    """
    assert first == ord("n")
    a, b, c = left._arr, right._arr, out._arr
    assert all(kind == ord("d" if x.itemsize == 8 else "s") for x in (a, b, c))
    for array, step in ((a, left_step), (b, right_step), (c, out_step)):
        assert step * array.itemsize == array.strides[0]
    a = a.T if second == ord("t") else a
    assert (a.shape, b.shape, c.shape) == ((rows, terms), (terms, columns), (rows, columns))
    c[...] = keep._arr[0] * c + scale._arr[0] * (a @ b)
    return 0


def potrf(kind: int, triangle: int, n: int, matrix: Any, step: int) -> int:
    """Cholesky's factor in place of the lower triangle; not 0 where there is none."""
    a = matrix._arr
    assert (triangle, a.shape, step) == (ord("U"), (n, n), n)
    assert kind == ord("d" if a.itemsize == 8 else "s")
    try:
        factor = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return 1
    lower = np.tril_indices(n)
    a[lower] = factor[lower]
    return 0


DOORS: dict[str, Callable[..., int]] = {"numba_xxgemm": gemm, "numba_xxpotrf": potrf}


def types_with_doors() -> types.ModuleType:
    """`numba.types`, whose external functions are those above."""
    found = types.ModuleType("types")
    vars(found).update(vars(numba_types))
    vars(found).update(ExternalFunction=lambda name, _: DOORS[name])
    return found
