"""Which functions generated files bring along, how each is compiled, and their text."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from codegen_ad.backends import matrix_systems, vector_trigonometry
from codegen_ad.backends.fourier import (
    bluestein,
    dft,
    inverse_dft,
    roots_of_unity,
    stockham,
    transformed,
)
from codegen_ad.backends.matrix_functions import (
    add_matrix_vector,
    add_outer_products,
    add_product,
    add_vector_matrix,
    matrix_eigh,
    matrix_finite,
    matrix_lstsq,
    matrix_pinv,
    matrix_put,
    matrix_qr,
    matrix_svd,
    tile_product,
    with_more_room,
)
from codegen_ad.backends.matrix_systems import (
    matrix_cholesky,
    matrix_cofactors,
    matrix_lu,
    matrix_lu_det,
    matrix_lu_slogdet,
    matrix_lu_solve,
    matrix_solve_triangular,
    matrix_substitute,
    subtract_product,
    swap_rows,
)
from codegen_ad.backends.special_math import SPECIAL
from codegen_ad.backends.trust_region import (
    all_finite,
    bounded_step,
    cost_rounding,
    damped_step,
    decrease,
    factorised,
    gather,
    inverse_curvature,
    judged,
    spread,
    steepness,
    widen,
)
from codegen_ad.backends.vector_error import (
    vector_erf,
    vector_erf_near,
    vector_erfc,
    vector_erfc_far,
)
from codegen_ad.backends.vector_gamma import (
    vector_digamma,
    vector_gammaln,
    vector_gammaln_far,
    vector_gammaln_near,
)
from codegen_ad.backends.vector_hyperbolic import (
    vector_acosh,
    vector_asinh,
    vector_atanh,
    vector_cosh,
    vector_sinh,
    vector_tanh,
)
from codegen_ad.backends.vector_math import (
    plus,
    vector_exp,
    vector_exp2,
    vector_exp2_part,
    vector_exp_parts,
    vector_expit,
    vector_expm1,
    vector_log,
    vector_log1p,
    vector_log2,
    vector_log10,
    vector_log_ends,
    vector_log_part,
    vector_logaddexp,
    vector_power_of_two,
    vector_scaled,
    vector_softplus,
    vector_split,
)
from codegen_ad.backends.vector_powers import (
    vector_cbrt,
    vector_hypot,
    vector_leading,
    vector_pow,
)
from codegen_ad.backends.vector_single import vector_exp_single
from codegen_ad.backends.vector_trigonometry import (
    vector_acos,
    vector_angle,
    vector_arc,
    vector_asin,
    vector_atan,
    vector_atan2,
    vector_cos,
    vector_sin,
    vector_tan,
    vector_turn_cos,
    vector_turn_sin,
    vector_turns,
)
from codegen_ad.emit.view import Helper, head
from codegen_ad.ops.exponential import matrix_exponential, matrix_exponential_derivative

# LLVM would call long functions that are used twice, and a loop with calls does not vectorise.
EXACT = 'fastmath={"contract"}, forceinline=True'
ANY_ORDER = 'fastmath={"contract", "nsz", "reassoc"}'
CALLED = 'fastmath={"contract"}'
# Of the two products with a vector one is inlined: with both, rows from memory take a sixth longer.

Functions = tuple[tuple[Callable[..., Any], str], ...]
"""Functions and the options of their compilation; what others call comes first."""

TABLE: Functions = (
    (plus, ANY_ORDER),
    (vector_power_of_two, EXACT),
    (vector_scaled, EXACT),
    (vector_exp_parts, EXACT),
    (vector_exp, EXACT),
    (vector_exp_single, EXACT),
    (vector_exp2_part, EXACT),
    (vector_exp2, EXACT),
    (vector_expit, EXACT),
    (vector_split, EXACT),
    (vector_log_part, EXACT),
    (vector_log_ends, EXACT),
    (vector_log, EXACT),
    (vector_log2, EXACT),
    (vector_log10, EXACT),
    (vector_log1p, EXACT),
    (vector_logaddexp, EXACT),
    (vector_softplus, EXACT),
    (vector_expm1, EXACT),
    (vector_sinh, EXACT),
    (vector_cosh, EXACT),
    (vector_tanh, EXACT),
    (vector_asinh, EXACT),
    (vector_acosh, EXACT),
    (vector_atanh, EXACT),
    (vector_leading, EXACT),
    (vector_pow, EXACT),
    (vector_cbrt, EXACT),
    (vector_hypot, EXACT),
    (vector_erf_near, EXACT),
    (vector_erfc_far, EXACT),
    (vector_erf, EXACT),
    (vector_erfc, EXACT),
    (vector_gammaln_near, EXACT),
    (vector_gammaln_far, EXACT),
    (vector_gammaln, EXACT),
    (vector_digamma, EXACT),
    (vector_turns, EXACT),
    (vector_turn_sin, EXACT),
    (vector_turn_cos, EXACT),
    (vector_sin, EXACT),
    (vector_cos, EXACT),
    (vector_tan, EXACT),
    (vector_arc, EXACT),
    (vector_asin, EXACT),
    (vector_acos, EXACT),
    (vector_angle, EXACT),
    (vector_atan, EXACT),
    (vector_atan2, EXACT),
    (tile_product, CALLED),
    (add_product, CALLED),
    (add_outer_products, CALLED),
    (add_matrix_vector, EXACT),
    (add_vector_matrix, CALLED),
    (with_more_room, CALLED),
    (matrix_put, CALLED),
    (matrix_finite, CALLED),
    (subtract_product, CALLED),
    (swap_rows, CALLED),
    (matrix_lu, CALLED),
    (matrix_substitute, CALLED),
    (matrix_lu_solve, CALLED),
    (matrix_lu_det, CALLED),
    (matrix_lu_slogdet, CALLED),
    (matrix_cofactors, CALLED),
    (matrix_solve_triangular, CALLED),
    (matrix_cholesky, CALLED),
    (matrix_qr, CALLED),
    (matrix_eigh, CALLED),
    (matrix_svd, CALLED),
    (matrix_pinv, CALLED),
    (matrix_lstsq, CALLED),
    (matrix_exponential, CALLED),
    (matrix_exponential_derivative, CALLED),
    (roots_of_unity, CALLED),
    (stockham, CALLED),
    (bluestein, CALLED),
    (transformed, CALLED),
    (dft, CALLED),
    (inverse_dft, CALLED),
    (gather, CALLED),
    (spread, CALLED),
    (all_finite, CALLED),
    (widen, CALLED),
    (steepness, CALLED),
    (factorised, CALLED),
    (damped_step, CALLED),
    (bounded_step, CALLED),
    (cost_rounding, CALLED),
    (decrease, CALLED),
    (judged, CALLED),
    (inverse_curvature, CALLED),
)
"""Each function with the options of its compilation; what others call comes first."""

CONSTANTS: tuple[tuple[str, ModuleType], ...] = (
    ("TWO_OVER_PI", vector_trigonometry),
    ("blas_gemm", matrix_systems),
    ("lapack_potrf", matrix_systems),
)
"""What the functions read or call from outside, and the modules that hold the text of it."""

_CALL = re.compile(r"\b(\w+)\(")
_HEAD = re.compile(r"def \w+\(.*?:\n", re.S)
_ANNOTATION = re.compile(r"(: | -> )(tuple\[[\w, ]*\]|(float|int|bool|str|Array|Any|None)\b)")


def helpers(text: str, table: Functions = (*SPECIAL, *TABLE)) -> tuple[Helper, ...]:
    """The functions of the table that `text` calls, as text without annotations.

    What they call stands before them, what they read behind.
    """
    found: list[Helper] = []
    called = set(_CALL.findall(text))
    for function, options in reversed(table):
        if function.__name__ in called:
            text = _HEAD.sub(lambda m: _bare(m[0]), inspect.getsource(function).rstrip(), count=1)
            found.append(Helper(options, text))
            called.update(_CALL.findall(found[-1].text))
    return tuple(h for helper in reversed(found) for h in (helper, *_constants(helper)))


def _bare(found: str) -> str:
    """The head of a function without annotations, as formatters break it."""
    name, _, inside = _ANNOTATION.sub("", found).removeprefix("def ").partition("(")
    parameters = (part.strip() for part in inside.rpartition(")")[0].split(","))
    return "\n".join(head(name, [p for p in parameters if p])) + "\n"


def _constants(helper: Helper) -> Iterator[Helper]:
    """What a function reads stands behind it: nothing is compiled before the file is read."""
    for name, module in CONSTANTS:
        if re.search(rf"\b{name}\b", helper.text):
            yield Helper("", _constant(name, module))


def _constant(name: str, module: ModuleType) -> str:
    """The text of an assignment, from the comment above it on."""
    match = re.search(
        rf"^# [^\n]*\n{name} = .*?^[\])][^\n]*$", inspect.getsource(module), re.M | re.S
    )
    assert match is not None
    return match[0]
