"""One factorisation for all systems, inverses and determinants of a matrix."""

from __future__ import annotations

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Node
from codegen_ad.ir.verify import verify
from codegen_ad.ops import matrices
from codegen_ad.ops.determinants import DET, SLOGDET
from codegen_ad.ops.linalg import INV, SOLVE, SOLVE_TRIANGULAR, Triangle
from codegen_ad.passes.factors import factors
from tests.derive.programs import K, N, f8, program

RNG = np.random.default_rng(5)
STACK = RNG.normal(size=(2, 4, 4))
RIGHT, VECTORS = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4))


def everything(b: Builder, a: Node, x: Node, v: Node) -> tuple[Node, ...]:
    """One of each, of the matrices and of the transposed ones."""
    turned = matrices.transposed(b, a)
    found = [b.node(SOLVE, (m, right)) for m in (a, turned) for right in (x, v)]
    found += [b.node(op, (m,)) for m in (a, turned) for op in (INV, DET)]
    found += [b.node(SOLVE_TRIANGULAR, (a, v), Triangle(lower=True))]
    return (*found, *b.results(b.node(SLOGDET, (turned,))))


@pytest.mark.parametrize("stack", [(), (2,)])
def test_factored_once_and_nothing_changed(stack: tuple[int, ...]) -> None:
    plain = program(everything, a=f8(*stack, N, N), x=f8(*stack, N, K), v=f8(*stack, N))
    shared = factors(plain)
    verify(shared)
    names = [node.op.name for node in shared.nodes()]
    assert names.count("lu") == 1
    assert not {"solve", "inv", "det", "slogdet"} & set(names)
    args = [x if stack else x[0] for x in (STACK, RIGHT, VECTORS)]
    for found, expected in zip(evaluate(shared, args), evaluate(plain, args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_singular_matrices_have_determinants_and_no_solutions() -> None:
    ones = np.ones((3, 3))

    def determinants(b: Builder, a: Node) -> tuple[Node, ...]:
        return (b.node(DET, (a,)), *b.results(b.node(SLOGDET, (a,))))

    def inverse(b: Builder, a: Node) -> tuple[Node, ...]:
        return (b.node(INV, (a,)),)

    det, sign, size = evaluate(factors(program(determinants, a=f8(N, N))), [ones])
    assert (det, sign, size) == (0.0, 0.0, -np.inf)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        evaluate(factors(program(inverse, a=f8(N, N))), [ones])
