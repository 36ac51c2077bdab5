"""Derivatives of linear algebra, single matrices and stacks, to second order, forward and reverse.

What eigenvectors and singular vectors give is squared, so that their signs do not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.forward import pushforward
from codegen_ad.derive.reverse import differentiate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node, Program, TypeMismatch
from codegen_ad.ir.types import ArrayType, BroadcastError
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make, matrices
from codegen_ad.ops.determinants import COFACTORS, DET, SLOGDET
from codegen_ad.ops.exponential import EXPM, FRECHET
from codegen_ad.ops.factors import EIGH, QR, SVD
from codegen_ad.ops.least_squares import LSTSQ, PINV, Cutoff
from codegen_ad.ops.linalg import (
    CHOLESKY,
    INV,
    SOLVE,
    SOLVE_TRIANGULAR,
    Triangle,
)
from tests.derive.programs import K, M, N, ap, f8, program, total

RNG = np.random.default_rng(11)
SQUARE = RNG.normal(size=(2, 3, 3))
DEFINITE = SQUARE @ SQUARE.transpose(0, 2, 1) + 2 * np.eye(3)
TALL, WIDE = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 2, 3))
RIGHT, VECTOR = RNG.normal(size=(2, 3, 2)), RNG.normal(size=(2, 3))
# Rank 2 wherever the two arguments are.
LEFT_FACTOR, RIGHT_FACTOR = RNG.normal(size=(2, 5, 2)), RNG.normal(size=(2, 2, 3))
CUTOFF = Cutoff(1e-12)

Build = Callable[..., Node]
Case = tuple[Build, tuple[np.ndarray, ...]]


def op(which: Any, params: Any = None) -> Build:
    return lambda b, *args: b.node(which, args, params)


def part(which: Any, index: int, *, squared: bool = False) -> Build:
    def build(b: Builder, *args: Node) -> Node:
        found = b.results(b.node(which, args))[index]
        return ap(b, "square", found) if squared else found

    return build


def low_rank(which: Any) -> Build:
    def build(b: Builder, x: Node, y: Node, *rest: Node) -> Node:
        return b.node(which, (matrices.product(b, x, y), *rest), CUTOFF)

    return build


CASES: dict[str, Case] = {
    "solve": (op(SOLVE), (SQUARE, RIGHT)),
    "solve vectors": (op(SOLVE), (SQUARE, VECTOR)),
    "solve lower": (op(SOLVE_TRIANGULAR, Triangle(lower=True)), (DEFINITE, RIGHT)),
    "solve upper": (op(SOLVE_TRIANGULAR, Triangle(lower=False)), (DEFINITE, VECTOR)),
    "solve unit": (op(SOLVE_TRIANGULAR, Triangle(lower=True, unit=True)), (SQUARE, RIGHT)),
    "solve upper unit": (op(SOLVE_TRIANGULAR, Triangle(lower=False, unit=True)), (SQUARE, VECTOR)),
    "inv": (op(INV), (SQUARE,)),
    "det": (op(DET), (SQUARE,)),
    "cofactors": (op(COFACTORS), (SQUARE,)),
    "slogdet": (part(SLOGDET, 1), (SQUARE,)),
    "cholesky": (op(CHOLESKY), (DEFINITE,)),
    "q": (part(QR, 0), (TALL,)),
    "r": (part(QR, 1), (TALL,)),
    "q of wide": (part(QR, 0), (WIDE,)),
    "r of wide": (part(QR, 1), (WIDE,)),
    "q of square": (part(QR, 0), (SQUARE,)),
    "eigenvalues": (part(EIGH, 0), (DEFINITE,)),
    "eigenvectors": (part(EIGH, 1, squared=True), (DEFINITE,)),
    "u": (part(SVD, 0, squared=True), (TALL,)),
    "s": (part(SVD, 1), (TALL,)),
    "vt": (part(SVD, 2, squared=True), (TALL,)),
    "u of wide": (part(SVD, 0, squared=True), (WIDE,)),
    "vt of wide": (part(SVD, 2, squared=True), (WIDE,)),
    "u of square": (part(SVD, 0, squared=True), (SQUARE,)),
    "pinv": (op(PINV, CUTOFF), (TALL,)),
    "pinv of wide": (op(PINV, CUTOFF), (WIDE,)),
    "pinv of low rank": (low_rank(PINV), (LEFT_FACTOR, RIGHT_FACTOR)),
    "lstsq": (op(LSTSQ, CUTOFF), (TALL, RNG.normal(size=(2, 5, 2)))),
    "lstsq of vectors": (op(LSTSQ, CUTOFF), (TALL, RNG.normal(size=(2, 5)))),
    "lstsq of wide": (op(LSTSQ, CUTOFF), (WIDE, RNG.normal(size=(2, 2)))),
    "lstsq of low rank": (
        low_rank(LSTSQ), (LEFT_FACTOR, RIGHT_FACTOR, RNG.normal(size=(2, 5, 2))),
    ),
    "expm": (op(EXPM), (SQUARE,)),
    "expm, squared often": (op(EXPM), (8 * SQUARE - 20 * np.eye(3),)),
    "expm_frechet": (op(FRECHET), (SQUARE, DEFINITE)),
}  # fmt: skip


def type_of(value: np.ndarray) -> ArrayType:
    return f8(*value.shape)


def scalar_program(build: Build, values: tuple[np.ndarray, ...]) -> Program:
    """A number that every element of the result enters in its own way, not linearly."""

    def weighed(b: Builder, *inputs: Node) -> Node:
        out = build(b, *inputs)
        flat = make.reshape(b, out, (make.reduction.product(out.array.shape),))
        weights = make.cast(b, make.iota(b, flat.array.shape[0]), make.DType.FLOAT64)
        weights = ap(b, "sin", ap(b, "add", weights, 1.0))
        both = make.multiply(b, weights, make.add(b, flat, ap(b, "square", flat)))
        return total(b, both)

    names = {f"x{k}": type_of(v) for k, v in enumerate(values)}
    return program(weighed, **names)


def slope(run: Callable[[float], float], step: float) -> float:
    """The derivative at 0, by differences of fourth order."""
    first = (run(step) - run(-step)) / (2 * step)
    second = (run(2 * step) - run(-2 * step)) / (4 * step)
    return (4 * first - second) / 3


def moved(values: Any, directions: Any, amount: float) -> list[np.ndarray]:
    return [v + amount * d for v, d in zip(values, directions, strict=True)]


def dot(xs: Any, ys: Any) -> float:
    return float(sum(np.sum(x * y) for x, y in zip(xs, ys, strict=True)))


@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str, stacked: bool) -> None:
    build, values = CASES[name]
    values = values if stacked else tuple(v[0] for v in values)
    step = 1e-4 / max(1.0, *(float(np.abs(v).max()) for v in values))
    rng = np.random.default_rng(1)
    u, v = ([rng.normal(size=x.shape) for x in values] for _ in range(2))
    primal = scalar_program(build, values)
    verify(primal)
    gradient = differentiate(primal, primal.inputs)
    verify(gradient)

    def gradient_at(point: Any) -> list[np.ndarray]:
        return evaluate(gradient, point)[1:]

    found = dot(gradient_at(values), v)
    expected = slope(lambda h: float(evaluate(primal, moved(values, v, h))[0]), step)
    assert found == pytest.approx(expected, rel=1e-7)
    forward = pushforward(primal, primal.inputs)
    verify(forward)
    assert float(evaluate(forward, [*values, *v])[1]) == pytest.approx(found, rel=1e-9)

    only = gradient.with_outputs(gradient.outputs[1:], gradient.output_names[1:])
    hessian_u = evaluate(pushforward(only, only.inputs), [*values, *u])[len(values) :]
    backwards = differentiate(only, only.inputs)
    verify(backwards)
    hessian_v = evaluate(backwards, [*values, *v])[len(values) :]
    assert dot(hessian_u, v) == pytest.approx(dot(hessian_v, u), rel=1e-8)
    expected = slope(lambda h: dot(gradient_at(moved(values, u, h)), v), step)
    assert dot(hessian_u, v) == pytest.approx(expected, rel=1e-6)


def test_symbolic_sizes() -> None:
    """Nothing depends on sizes being known."""
    primal = program(lambda b, x: total(b, part(SVD, 0, squared=True)(b, x)), x=f8(K, N, M))
    gradient = differentiate(primal, primal.inputs)
    verify(gradient)
    assert evaluate(gradient, [TALL])[1].shape == TALL.shape


def test_repeated_eigenvalues_leave_their_own_derivative() -> None:
    """The sum of squares of eigenvalues is the trace of the square, whatever they are."""
    value = np.diag([1.0, 1.0, 2.0])
    primal = program(lambda b, x: total(b, ap(b, "square", part(EIGH, 0)(b, x))), x=f8(3, 3))
    found = evaluate(differentiate(primal, primal.inputs), [value])[1]
    np.testing.assert_allclose(found, 2 * value, atol=1e-14)
    vectors = program(lambda b, x: total(b, part(EIGH, 1, squared=True)(b, x)), x=f8(3, 3))
    assert np.isfinite(evaluate(differentiate(vectors, vectors.inputs), [value])[1]).all()
    singular = program(lambda b, x: total(b, part(SVD, 2, squared=True)(b, x)), x=f8(3, 3))
    for matrix in (np.eye(3), np.zeros((3, 3))):
        found = evaluate(differentiate(singular, singular.inputs), [matrix])[1]
        assert np.isfinite(found).all()


def test_the_determinant_of_a_singular_matrix_has_a_derivative() -> None:
    """The cofactors: of rank 1 beside one dependent row, and none beside two."""
    primal = program(lambda b, x: total(b, op(DET)(b, x)), x=f8(3, 3))
    gradient = differentiate(primal, primal.inputs)
    one, two = np.arange(9.0).reshape(3, 3), np.ones((3, 3))
    found = evaluate(gradient, [one])[1]
    np.testing.assert_allclose(found, [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]], atol=1e-13)
    np.testing.assert_allclose(evaluate(gradient, [two])[1], np.zeros((3, 3)), atol=1e-14)


def test_the_triangle_that_is_not_read_has_no_derivative() -> None:
    for which in (EIGH, CHOLESKY):
        build = part(which, 0) if which is EIGH else op(which)
        primal = program(lambda b, x, build=build: total(b, build(b, x)), x=f8(3, 3))
        found = evaluate(differentiate(primal, primal.inputs), [DEFINITE[0]])[1]
        assert np.all(found[np.triu_indices(3, 1)] == 0)


@pytest.mark.parametrize("which", [op(SOLVE), op(LSTSQ, CUTOFF)])
def test_types_that_do_not_fit(which: Build) -> None:
    b = Builder()
    matrix = b.input("a", f8(2, 3, 3))
    for other, error in [
        (f8(2, 4, 1), BroadcastError), (f8(3, 3, 1), BroadcastError), (f8(3), TypeMismatch),
    ]:  # fmt: skip
        with pytest.raises(error):
            which(b, matrix, b.input("b", other))
    with pytest.raises(TypeMismatch):
        which(b, b.input("a", f8(3)), b.input("b", f8(3)))
    with pytest.raises(BroadcastError):
        b.node(INV, (b.input("a", f8(2, 3)),))


@pytest.mark.parametrize("size", [0, 1])
def test_small_matrices(size: int) -> None:
    value = np.full((2, size, size), 2.0)
    for name in ("inv", "det", "slogdet", "cholesky", "q", "eigenvalues", "s", "pinv", "expm"):
        build, _ = CASES[name]
        primal = program(lambda b, x, build=build: total(b, build(b, x)), x=f8(2, N, N))
        assert evaluate(differentiate(primal, primal.inputs), [value])[1].shape == value.shape
