"""`scipy.linalg`, by name: SciPy is never imported here.

What differs from `np.linalg`: the upper triangle is the default, and functions of one matrix take
no stacks, except for `inv`, `det` and `expm`.
"""

from __future__ import annotations

import sys

from codegen_ad.frontend.context import Handler, Value
from codegen_ad.frontend.library.arrays import as_float, unify
from codegen_ad.frontend.library.binding import Call, signature
from codegen_ad.frontend.library.factors import (
    cutoff,
    factored,
    least_squares,
    settle_square,
    singular_values,
    symmetric,
)
from codegen_ad.frontend.library.linalg import matrix, single, solved, square
from codegen_ad.frontend.library.norms import norm_of
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make, matrices
from codegen_ad.ops.determinants import DET
from codegen_ad.ops.exponential import EXPM, FRECHET
from codegen_ad.ops.factors import QR, SPACING, SVD
from codegen_ad.ops.least_squares import PINV
from codegen_ad.ops.linalg import CHOLESKY, INV, SOLVE, SOLVE_TRIANGULAR, Triangle

_UNCHANGED = "Leave it out."


def _matrix(call: Call, name: str = "a") -> Node:
    """A matrix in floating point, or a stack of them."""
    return matrix(call, call.node(name))


def _square(call: Call, name: str = "a") -> Node:
    """A square matrix in floating point, or a stack of them."""
    return square(call, _matrix(call, name))


def _system(call: Call) -> tuple[Node, Node]:
    """A square matrix, or a stack of them, and its right sides."""
    a, right = call.ctx.promote(call.value("a"), call.value("b"), floating=True)
    return square(call, a), right


def _triangle(call: Call, a: Node, *, lower: bool) -> Node:
    """The symmetric matrix of which one triangle is given."""
    return matrices.mirrored(call.b, a if lower else matrices.transposed(call.b, a))


def _with_cholesky(call: Call, factor: Node, right: Node, *, lower: bool) -> Node:
    """The solution of the system whose matrix has this Cholesky factor."""
    b = call.b
    if right.array.rank == 1 and factor.array.rank > 2:  # one vector for each matrix
        column = make.expand_dims(b, right, 1)
        found = _with_cholesky(call, factor, column, lower=lower)
        return make.reshape(b, found, found.array.shape[:-1])
    turned = matrices.transposed(call.b, factor)
    first, second = (factor, turned) if lower else (turned, factor)
    half = solved(call, SOLVE_TRIANGULAR, first, right, Triangle(lower=True))
    return solved(call, SOLVE_TRIANGULAR, second, half, Triangle(lower=False))


def _cholesky(call: Call, a: Node, *, lower: bool) -> Node:
    """The factor of a positive definite matrix of which one triangle is read."""
    if lower:
        return call.b.node(CHOLESKY, (a,))
    return matrices.transposed(call.b, call.b.node(CHOLESKY, (matrices.transposed(call.b, a),)))


@signature(
    "scipy.linalg.solve: a b lower=False overwrite_a=False overwrite_b=False check_finite=True"
    " assume_a=None transposed=False"
)
def solve(call: Call) -> Value:
    """The solution of a system of linear equations, of which the structure may be given."""
    a, right = _system(call)
    kind, lower = call.static("assume_a"), call.flag("lower")
    if call.flag("transposed"):
        if kind not in (None, "gen", "general"):
            call.refuse("`scipy.linalg.solve` has both `assume_a` and `transposed`.", "Pass `a.T`.")
        a = matrices.transposed(call.b, a)
    match kind:
        case None | "gen" | "general":
            out = solved(call, SOLVE, a, right)
        case "sym" | "symmetric" | "her" | "hermitian":
            out = solved(call, SOLVE, _triangle(call, a, lower=lower), right)
        case "pos" | "positive definite":
            out = _with_cholesky(call, _cholesky(call, a, lower=lower), right, lower=lower)
        case "upper triangular" | "lower triangular":
            params = Triangle(lower=kind == "lower triangular")
            out = solved(call, SOLVE_TRIANGULAR, a, right, params)
        case _:
            call.refuse(
                f"`scipy.linalg.solve` with `assume_a={kind!r}` is not supported.",
                "Use 'gen', 'sym', 'pos', 'upper triangular' or 'lower triangular'.",
            )
    return call.fresh(out)


@signature(
    "scipy.linalg.solve_triangular: a b trans=0 lower=False unit_diagonal=False"
    " overwrite_b=False check_finite=True"
)
def solve_triangular(call: Call) -> Value:
    """The solution of a system of which one triangle is read."""
    a, right = _system(call)
    trans, lower = call.static("trans"), call.flag("lower")
    if trans not in (0, 1, 2, "N", "T", "C"):
        call.refuse(f"`{call.name}` has `trans={trans!r}`.", "Use 0 or 1.")
    if trans not in (0, "N"):
        a, lower = matrices.transposed(call.b, a), not lower
    params = Triangle(lower, call.flag("unit_diagonal"))
    return call.fresh(solved(call, SOLVE_TRIANGULAR, a, right, params))


@signature("scipy.linalg.inv: a overwrite_a=False check_finite=True * assume_a=None lower=False")
def inv(call: Call) -> Value:
    """The inverse."""
    call.only_default("assume_a", "lower", instead=_UNCHANGED)
    return call.fresh(call.b.node(INV, (square(call, call.node("a")),)))


@signature("scipy.linalg.det: a overwrite_a=False check_finite=True")
def det(call: Call) -> Value:
    """The determinant, in double precision."""
    a = make.cast(call.b, square(call, call.node("a")), DType.FLOAT64)
    return call.fresh(call.b.node(DET, (a,)))


@signature("scipy.linalg.cholesky: a lower=False overwrite_a=False check_finite=True")
def cholesky(call: Call) -> Value:
    """The triangular factor of a positive definite matrix."""
    return call.fresh(_cholesky(call, _square(call), lower=call.flag("lower")))


@signature("scipy.linalg.cho_factor: a lower=False overwrite_a=False check_finite=True")
def cho_factor(call: Call) -> Value:
    """The triangular factor, with the matrix's own elements in the other triangle; which it is."""
    b, a, lower = call.b, _square(call), call.flag("lower")
    factor = _cholesky(call, a, lower=lower)
    below = matrices.below_diagonal(b, *a.array.shape[-2:])
    other = below if not lower else matrices.transposed(b, below)
    return call.fresh(make.where(b, other, a, factor)), lower


@signature("scipy.linalg.cho_solve: c_and_lower b overwrite_b=False check_finite=True")
def cho_solve(call: Call) -> Value:
    """The solution for what `cho_factor` gives."""
    items = call.items("c_and_lower")
    if len(items) != 2:
        call.refuse("`scipy.linalg.cho_solve` takes a factor and a flag.", "Pass `(c, lower)`.")
    factor, right = call.ctx.promote(items[0], call.value("b"), floating=True)
    factor = square(call, factor)
    lower = bool(call.ctx.static(items[1], "lower"))
    return call.fresh(_with_cholesky(call, factor, right, lower=lower))


@signature("scipy.linalg.expm: A")
def expm(call: Call) -> Value:
    """The exponential of a matrix, or of each of a stack."""
    return call.fresh(call.b.node(EXPM, (square(call, call.node("A")),)))


@signature("scipy.linalg.expm_frechet: A E method=None compute_expm=True check_finite=True")
def expm_frechet(call: Call) -> Value:
    """The exponential of a matrix and its derivative in a direction."""
    a, direction = call.ctx.promote(call.value("A"), call.value("E"), floating=True)
    call.ignore("method")
    a, direction = (square(call, single(call, x)) for x in (a, direction))
    unify(call, a.array.shape[0], direction.array.shape[0])
    found = call.fresh(call.b.node(FRECHET, (a, direction)))
    return (call.fresh(call.b.node(EXPM, (a,))), found) if call.flag("compute_expm") else found


@signature("scipy.linalg.norm: a ord=None axis=None keepdims=False check_finite=True")
def norm(call: Call) -> Value:
    """The norm of a vector or matrix."""
    return call.fresh(norm_of(call, as_float(call.b, call.node("a"))))


@signature(
    "scipy.linalg.lstsq: a b cond=None overwrite_a=False overwrite_b=False check_finite=True"
    " lapack_driver=None"
)
def lstsq(call: Call) -> Value:
    """The shortest solution of least squares, the squared residuals, the rank, singular values."""
    call.ignore("lapack_driver")
    a, right = call.ctx.promote(call.value("a"), call.value("b"), floating=True)
    params = cutoff(call, "cond", default=SPACING[a.array.dtype])
    return least_squares(call, a, right, params)


@signature("scipy.linalg.pinv: a * atol=None rtol=None return_rank=False check_finite=True")
def pinv(call: Call) -> Value:
    """The pseudoinverse."""
    call.only_default("atol", instead="Use `rtol`.")
    call.only_default("return_rank", instead="Use `np.linalg.matrix_rank`.")
    x = _matrix(call)
    params = cutoff(call, "rtol", default=-SPACING[x.array.dtype])
    return call.fresh(call.b.node(PINV, (x,), params))


def _eigh(call: Call) -> tuple[Node, Node]:
    """The eigenvalues and eigenvectors, also relative to a second, positive definite matrix."""
    call.only_default("subset_by_index", "subset_by_value", instead="Slice the result.")
    b, lower = call.b, call.flag("lower")
    if not call.has("b"):
        w, v = symmetric(call, _matrix(call), lower=lower)
        return w, v
    if call.integer("type") != 1:
        call.refuse(f"`{call.name}` with `type={call.integer('type')}` is not supported.", "Use 1.")
    # With B = L L^T, A v = w B v is an ordinary problem of L^-1 A L^-T and L^T v.
    a, other = (square(call, single(call, x)) for x in call.ctx.promote(
        call.value("a"), call.value("b"), floating=True
    ))  # fmt: skip
    unify(call, a.array.shape[0], other.array.shape[0])
    a = _triangle(call, a, lower=lower)
    factor = b.node(CHOLESKY, (other if lower else matrices.transposed(b, other),))

    def divided(x: Node) -> Node:
        return b.node(SOLVE_TRIANGULAR, (factor, x), Triangle(lower=True))

    w, y = symmetric(call, divided(matrices.transposed(b, divided(a))), lower=True)
    turned = matrices.transposed(b, factor)
    return w, b.node(SOLVE_TRIANGULAR, (turned, y), Triangle(lower=False))


_EIGH = (
    " overwrite_a=False overwrite_b=False type=1 check_finite=True subset_by_index=None"
    " subset_by_value=None driver=None"
)


@signature(f"scipy.linalg.eigh: a b=None * lower=True eigvals_only=False{_EIGH}")
def eigh(call: Call) -> Value:
    """The eigenvalues, rising, and the eigenvectors of a symmetric matrix."""
    w, v = _eigh(call)
    return call.fresh(w) if call.flag("eigvals_only") else (call.fresh(w), call.fresh(v))


@signature(f"scipy.linalg.eigvalsh: a b=None * lower=True{_EIGH}")
def eigvalsh(call: Call) -> Value:
    """The eigenvalues of a symmetric matrix, rising."""
    return call.fresh(_eigh(call)[0])


@signature(
    "scipy.linalg.svd: a full_matrices=True compute_uv=True overwrite_a=False check_finite=True"
    " lapack_driver='gesdd'"
)
def svd(call: Call) -> Value:
    """The singular value decomposition, reduced; or the singular values alone."""
    call.ignore("lapack_driver")
    x = _matrix(call)
    if not call.flag("compute_uv"):
        return call.fresh(singular_values(call, x))
    if call.flag("full_matrices"):
        settle_square(call, x, "full_matrices=False")
    return tuple(call.fresh(part) for part in factored(call, SVD, x))


@signature("scipy.linalg.svdvals: a overwrite_a=False check_finite=True")
def svdvals(call: Call) -> Value:
    """The singular values, falling."""
    return call.fresh(singular_values(call, _matrix(call)))


@signature(
    "scipy.linalg.qr: a overwrite_a=False lwork=None mode='full' pivoting=False check_finite=True"
)
def qr(call: Call) -> Value:
    """The factors with orthonormal columns and with an upper triangle."""
    call.only_default("pivoting", instead=_UNCHANGED)
    x, mode = _matrix(call), call.static("mode")
    if mode not in ("full", "r", "economic"):
        call.refuse(f"`{call.name}` with `mode={mode!r}` is not supported.", "Use 'economic'.")
    if mode != "economic":
        settle_square(call, x, "mode='economic'")
    q, r = factored(call, QR, x)
    if mode == "r":  # of a stack, SciPy gives the factors alone
        return (call.fresh(r),) if x.array.rank == 2 else call.fresh(r)
    return call.fresh(q), call.fresh(r)


@signature("scipy.linalg.block_diag: *arrs")
def block_diag(call: Call) -> Value:
    """The matrix with the arrays on its diagonal; vectors are rows."""
    b = call.b
    parts = [call.node_of(value) for value in call.rest]
    if not parts:
        call.refuse("`scipy.linalg.block_diag` is given nothing.", "Give at least one array.")
    if any(part.array.rank > 2 for part in parts):
        call.refuse("`scipy.linalg.block_diag` takes matrices.", "Loop over the first axis.")
    parts = call.ctx.promote(*(call.fresh(p) for p in parts))
    parts = [make.reshape(b, p, ((make.ONE,) * (2 - p.array.rank)) + p.array.shape) for p in parts]
    rows: list[Node] = []
    for k, part in enumerate(parts):
        height = part.array.shape[0]
        row = [
            part if j == k else make.full(b, (height, p.array.shape[1]), 0, part.array.dtype)
            for j, p in enumerate(parts)
        ]
        rows.append(make.concatenate(b, row, 1))
    return call.fresh(make.concatenate(b, rows, 0))


def _vectors(call: Call, *names: str) -> list[Node]:
    """The vectors given, of one dtype."""
    nodes = call.ctx.promote(*(call.value(n) for n in names if call.has(n)))
    for node in nodes:
        if node.array.rank != 1:
            call.refuse(f"`{call.name}` takes vectors.", "Ravel the array.")
        call.ctx.require(node.array.shape[0], 1, call.name)
    return nodes


def _grid(call: Call, rows: Node, columns: Node, how: str) -> Node:
    """`how` of the row and the column number, at each place of a matrix."""
    b = call.b
    row = make.expand_dims(b, make.iota(b, rows.array.shape[0]), 1)
    return make.apply(b, how, row, make.iota(b, columns.array.shape[0]))


@signature("scipy.linalg.toeplitz: c r=None")
def toeplitz(call: Call) -> Value:
    """The matrix of one column and one row, the same along each diagonal."""
    b = call.b
    first, *rest = _vectors(call, "c", "r")
    row = rest[0] if rest else first
    # The row backwards without its first element, then the column: element i - j + n - 1.
    n = row.array.shape[0]
    spans = [matrices.Span(n - 1, -1, n - 1)]
    line = make.concatenate(b, (make.slice_(b, row, spans), first), 0)
    places = make.add(b, _grid(call, first, row, "subtract"), make.size(b, n - 1))
    return call.fresh(make.gather(b, line, places))


@signature("scipy.linalg.hankel: c r=None")
def hankel(call: Call) -> Value:
    """The matrix of one column and one last row, the same along each antidiagonal."""
    b = call.b
    first, *rest = _vectors(call, "c", "r")
    row = rest[0] if rest else make.zeros_like(b, first)
    n = row.array.shape[0]
    tail = make.slice_(b, row, [matrices.Span(make.ONE, 1, n - 1)])
    line = make.concatenate(b, (first, tail), 0)
    return call.fresh(make.gather(b, line, _grid(call, first, row, "add")))


@signature("scipy.linalg.circulant: c")
def circulant(call: Call) -> Value:
    """The matrix whose columns are one vector, rolled on by one each."""
    b = call.b
    (c,) = _vectors(call, "c")
    apart = _grid(call, c, c, "subtract")
    before = make.apply(b, "less", apart, make.constant(b, 0, DType.INT64))
    wrapped = make.add(b, apart, make.size(b, c.array.shape[0]))
    return call.fresh(make.gather(b, c, make.where(b, before, wrapped, apart)))


NAMES: dict[str, Handler] = {
    "solve": solve,
    "solve_triangular": solve_triangular,
    "inv": inv,
    "det": det,
    "cholesky": cholesky,
    "cho_factor": cho_factor,
    "cho_solve": cho_solve,
    "expm": expm,
    "expm_frechet": expm_frechet,
    "norm": norm,
    "lstsq": lstsq,
    "pinv": pinv,
    "eigh": eigh,
    "eigvalsh": eigvalsh,
    "svd": svd,
    "svdvals": svdvals,
    "qr": qr,
    "block_diag": block_diag,
    "toeplitz": toeplitz,
    "hankel": hankel,
    "circulant": circulant,
}


def handler_of(function: object) -> Handler | None:
    """The meaning of a function of `scipy.linalg`; None for anything else."""
    name = str(getattr(function, "__name__", ""))
    module = sys.modules.get("scipy.linalg")
    if module is None or not name or getattr(module, name, None) is not function:
        return None
    return NAMES.get(name)
