"""Loops that are given rows of an array read the array itself."""

from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Program, toposort
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.passes.rows import rows
from tests.derive.programs import F8, I8, M, N, const, f8, loop, program, total

X = np.random.default_rng(0).standard_normal((4, 3))


def over_rows(b: Builder, X: Node, *, place: Any, inside: Any) -> Node:
    """A sum over a loop inside of a loop, which is given the row `place(b, i)` of `X`."""

    def outer(i: Node, s: Node) -> Any:
        row = make.gather(b, X, place(b, i))

        def inner(j: Node, t: Node) -> Any:
            return [make.add(b, make.multiply(b, t, const(b, 0.5)), inside(b, row, j))], []

        return loop(b, make.size(b, M), M, [s], inner), []

    return loop(b, make.size(b, N), N, [const(b, 0.0)], outer)[0]


def inner_loop(found: Program) -> Node:
    (outer,) = (n for n in toposort(found.results) if n.op.kind is Kind.LOOP)
    nodes = toposort(outer.regions[0].outputs)
    (inner,) = (n for n in nodes if n.op.kind is Kind.LOOP)
    return inner


def backwards(b: Builder, i: Node) -> Node:
    one = make.constant(b, 1, I8)
    return make.subtract(b, make.subtract(b, make.size(b, N), one), i)


def element(b: Builder, row: Node, j: Node) -> Node:
    return make.gather(b, row, j)


def other(b: Builder, i: Node) -> Node:
    return make.apply(b, "remainder", make.add(b, i, i), make.size(b, N))


@pytest.mark.parametrize(
    ("place", "inside", "taken"),
    [
        (lambda _, i: i, element, True),
        (backwards, element, True),
        # Somewhere in the array: it would have to be checked in each trip of the loop inside.
        (other, element, False),
        # All of the row is used at once.
        (lambda _, i: i, lambda b, row, j: make.add(b, element(b, row, j), total(b, row)), False),
    ],
    ids=["forwards", "backwards", "anywhere", "whole"],
)
def test_rows_are_read_from_the_array(place: Any, inside: Any, taken: bool) -> None:
    plain = program(lambda b, X: over_rows(b, X, place=place, inside=inside), X=f8(N, M))
    changed = rows(plain)
    verify(changed)
    assert evaluate(changed, (X,)) == evaluate(plain, (X,))
    ranks = [a.array.rank for a in inner_loop(changed).args]
    assert (2 in ranks) == taken
    assert (1 in ranks) != taken


def test_what_a_loop_changes_is_not_read_later() -> None:
    """A row is of the array as it was."""

    def build(b: Builder, X: Node) -> Node:
        def outer(i: Node, A: Node) -> Any:
            row = make.gather(b, A, i)

            def inner(j: Node, B: Node) -> Any:
                value = make.multiply(b, make.gather(b, row, j), make.constant(b, 2.0, F8))
                return [make.scatter(b, B, value, i, backwards_m(b, j), accumulate=True)], []

            return loop(b, make.size(b, M), M, [A], inner), []

        return loop(b, make.size(b, N), N, [X], outer)[0]

    def backwards_m(b: Builder, j: Node) -> Node:
        return make.subtract(b, make.size(b, M - Dim.constant(1)), j)

    plain = program(build, X=f8(N, M))
    changed = rows(plain)
    np.testing.assert_array_equal(evaluate(changed, (X,))[0], X + 2 * X[:, ::-1])
    assert 1 in [a.array.rank for a in inner_loop(changed).args]
