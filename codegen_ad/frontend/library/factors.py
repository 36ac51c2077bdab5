"""`np.linalg`: QR, symmetric eigenvalues, singular values, and what is made of them.

Where only a call tells which side of a matrix is longer, tall and wide ones get a kernel each.
"""

from __future__ import annotations

import numpy as np

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import apply, as_bool, like, nonempty, pick, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.linalg import matrix, named, several, sides, single, square
from codegen_ad.frontend.library.reductions import reduced
from codegen_ad.frontend.values import Unbound
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import ZERO
from codegen_ad.ir.node import Node, Op
from codegen_ad.ir.types import DType
from codegen_ad.ops import make, matrices
from codegen_ad.ops.factors import EIGH, QR, SPACING, SVD, Wide
from codegen_ad.ops.least_squares import LSTSQ, PINV, Cutoff
from codegen_ad.ops.reduction import ALL, MAX


def is_wide(x: Node) -> bool | None:
    """Whether a matrix has more columns than rows; None where that is not known now."""
    difference = x.array.shape[-2] - x.array.shape[-1]
    return difference.value < 0 if difference.is_constant else None


def factored(call: Call, op: Op, x: Node) -> tuple[Node, ...]:
    """The factors of a matrix, as many rows or columns as its smaller size has."""
    rows, columns = x.array.shape[-2:]
    if is_wide(x) is not None:
        return several(call, op, x)
    if call.ctx.is_run_time(rows - columns):
        call.ctx.require(rows, columns, f"{call.name} (of a matrix, or of the transpose of a wide)")
        return several(call, op, x)
    tall = call.ctx.holds(rows, columns, call.name)
    return several(call, op, x, None if tall else Wide())


def settle_square(call: Call, x: Node, reduced: str) -> None:
    """Require a square matrix, where the full factor of any other is no function of it."""
    rows, columns = x.array.shape[-2:]
    if (rows - columns).is_constant and rows != columns:
        call.refuse(
            f"`{call.name}` completes the vectors of a matrix that is not square to a basis, which "
            "is no function of the matrix.",
            f"Pass `{reduced}`.",
        )
    if rows != columns:
        call.ctx.equate(rows, columns, f"{call.name} without {reduced}")


def singular_values(call: Call, x: Node) -> Node:
    """The singular values, falling."""
    return factored(call, SVD, x)[1]


@signature("np.linalg.qr: a mode='reduced'")
def qr(call: Call) -> Value:
    """The factors with orthonormal columns and with an upper triangle."""
    x, mode = matrix(call, call.node("a")), call.static("mode")
    if mode == "complete" and not is_wide(x):
        settle_square(call, x, "mode='reduced'")
    if mode not in ("reduced", "complete", "r"):
        call.refuse(f"`{call.name}` with `mode={mode!r}` is not supported.", "Use 'reduced'.")
    q, r = factored(call, QR, x)
    return call.fresh(r) if mode == "r" else named(np.linalg.qr, [call.fresh(q), call.fresh(r)])


def symmetric(call: Call, x: Node, *, lower: bool) -> tuple[Node, ...]:
    """The eigenvalues and eigenvectors of symmetric matrices, of which one triangle is read."""
    x = square(call, x)
    return several(call, EIGH, x if lower else matrices.transposed(call.b, x))


def _reads_lower(call: Call) -> bool:
    side = call.static("UPLO")
    if not isinstance(side, str) or side.upper() not in ("L", "U"):
        call.refuse(f"`{call.name}` has `UPLO={side!r}`.", "Use 'L' or 'U'.")
    return side.upper() == "L"


@signature("np.linalg.eigh: a UPLO='L'")
def eigh(call: Call) -> Value:
    """The eigenvalues, rising, and the eigenvectors of a symmetric matrix."""
    found = symmetric(call, call.node("a"), lower=_reads_lower(call))
    return named(np.linalg.eigh, [call.fresh(x) for x in found])


@signature("np.linalg.eigvalsh: a UPLO='L'")
def eigvalsh(call: Call) -> Value:
    """The eigenvalues of a symmetric matrix, rising."""
    return call.fresh(symmetric(call, call.node("a"), lower=_reads_lower(call))[0])


@signature("np.linalg.svd: a full_matrices=True compute_uv=True hermitian=False")
def svd(call: Call) -> Value:
    """The singular value decomposition, reduced; or the singular values alone."""
    call.only_default("hermitian", instead="Use `np.linalg.eigh`.")
    x = matrix(call, call.node("a"))
    if not call.flag("compute_uv"):
        return call.fresh(singular_values(call, x))
    if call.flag("full_matrices"):
        settle_square(call, x, "full_matrices=False")
    return named(np.linalg.svd, [call.fresh(part) for part in factored(call, SVD, x)])


@signature("np.linalg.svdvals: x")
def svdvals(call: Call) -> Value:
    """The singular values, falling."""
    return call.fresh(singular_values(call, matrix(call, call.node("x"))))


def cutoff(call: Call, *names: str, default: float) -> Cutoff:
    """The cutoff of singular values among the arguments, which must be known now."""
    for name in names:
        if call.has(name):
            return Cutoff(float(call.number(name)))
    return Cutoff(default)


def lower_mirrored(call: Call, x: Node) -> Node:
    """The symmetric matrices with the lower triangles of `x`."""
    return matrices.mirrored(call.b, square(call, x))


@signature("np.linalg.pinv: a rcond=None hermitian=False * rtol=None")
def pinv(call: Call) -> Value:
    """The pseudoinverse; its derivative is for matrices near by that have the same rank."""
    x = matrix(call, call.node("a"))
    if call.flag("hermitian"):
        x = lower_mirrored(call, x)
    # NumPy's defaults: 1e-15 without `rtol`, and what depends on the size for `rtol=None`.
    by_size = -SPACING[x.array.dtype]
    params = cutoff(call, "rcond", "rtol", default=by_size if "rtol" in call.given else 1e-15)
    return call.fresh(call.b.node(PINV, (x,), params))


@signature("np.linalg.lstsq: a b rcond=None")
def lstsq(call: Call) -> Value:
    """The shortest solution of least squares, the squared residuals, the rank, singular values."""
    a, right = sides(call)
    spacing = SPACING[a.array.dtype]
    params = cutoff(call, "rcond", default=-spacing)
    if call.has("rcond") and params.relative < 0:
        params = Cutoff(spacing)
    return least_squares(call, a, right, params)


def least_squares(call: Call, a: Node, right: Node, params: Cutoff) -> tuple[Value, ...]:
    """What `lstsq` returns; the residuals only where it is known now that there are none."""
    a = single(call, a)
    if right.array.rank not in (1, 2):
        call.refuse(
            f"`{call.name}` is given a right side of {count(right.array.rank, 'axis')}.",
            "Give a vector, or a matrix of columns.",
        )
    unify(call, a.array.shape[0], right.array.shape[0])
    x = call.b.node(LSTSQ, (a, right), params)
    return (call.fresh(x), _residuals(call, a, right, x), *_rank(call, a, params))


def _residuals(call: Call, a: Node, right: Node, x: Node) -> Value:
    """The squared lengths of the residuals; none for a matrix that is not tall."""
    difference = a.array.shape[0] - a.array.shape[1]
    if difference.is_constant and difference.value <= 0:
        return call.fresh(make.full(call.b, (ZERO,), 0, a.array.dtype))
    return Unbound(
        f"The residuals that `{call.name}` returns are empty where the rank of the matrix is "
        "less than its columns, which only the run knows.",
        instead="Compute them: `np.sum((b - a @ x) ** 2, axis=0)`.",
    )


def _rank(call: Call, a: Node, params: Cutoff) -> tuple[Value, Value]:
    """The rank, and the singular values, whose number must be known."""
    if is_wide(a) is None:
        unknown = Unbound(
            f"The rank and the singular values that `{call.name}` returns are as many as the "
            "smaller size of the matrix, which only the run knows.",
            instead="Use `np.linalg.svdvals`, and `np.linalg.matrix_rank`.",
        )
        return unknown, unknown
    s = several(call, SVD, a)[1]
    b = call.b
    relative = like(b, abs(params.relative), s)
    if params.relative < 0:
        relative = make.multiply(b, relative, _longer(call, a))
    above = apply(b, "greater", s, make.multiply(b, relative, pick(b, s, 0, 0)))
    rank = make.cast(b, make.sum_(b, make.cast(b, above, DType.INT64), (0,)), DType.INT32)
    return call.fresh(rank), call.fresh(s)


def _longer(call: Call, x: Node) -> Node:
    """The larger size of a matrix, in its dtype."""
    b, dtype = call.b, x.array.dtype
    rows, columns = (make.cast(b, make.size(b, d), dtype) for d in x.array.shape[-2:])
    return make.apply(b, "maximum", rows, columns)


@signature("np.linalg.matrix_rank: A tol=None hermitian=False * rtol=None")
def matrix_rank(call: Call) -> Value:
    """The number of singular values that are not 0 to rounding."""
    b, x = call.b, call.node("A")
    if x.array.rank < 2:
        some = apply(b, "logical_not", _all_zero(call, x))
        return call.fresh(make.cast(b, some, DType.INT64))
    x = matrix(call, x)
    if call.flag("hermitian"):
        x = lower_mirrored(call, x)
    s = singular_values(call, x)
    if call.has("tol"):
        limit = apply(b, "multiply", like(b, 1, s), float(call.number("tol")))
    else:
        last = s.array.rank - 1
        nonempty(call, s, (last,))
        largest = reduced(b, MAX, s, (last,), keepdims=True)
        if call.has("rtol"):
            limit = apply(b, "multiply", largest, float(call.number("rtol")))
        else:
            relative = apply(b, "multiply", _longer(call, x), SPACING[s.array.dtype])
            limit = make.multiply(b, largest, relative)
    above = apply(b, "greater", s, limit)
    return call.fresh(make.sum_(b, make.cast(b, above, DType.INT64), (s.array.rank - 1,)))


def _all_zero(call: Call, x: Node) -> Node:
    zero = apply(call.b, "logical_not", as_bool(call.b, x))
    return reduced(call.b, ALL, zero, tuple(range(x.array.rank)))


FUNCTIONS: dict[object, Handler] = {
    np.linalg.qr: qr,
    np.linalg.eigh: eigh,
    np.linalg.eigvalsh: eigvalsh,
    np.linalg.svd: svd,
    np.linalg.svdvals: svdvals,
    np.linalg.pinv: pinv,
    np.linalg.lstsq: lstsq,
    np.linalg.matrix_rank: matrix_rank,
}
