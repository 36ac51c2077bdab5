"""What is known of integers is worked out once for each of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from codegen_ad.backends.reference import evaluate
from codegen_ad.derive.integers import Known
from codegen_ad.derive.reverse import differentiate
from codegen_ad.frontend.reader import read
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.ir.verify import verify
from codegen_ad.ops import make
from codegen_ad.passes import pipeline
from tests.frontend.running import signature_of


def test_a_condition_on_an_integer_asks_for_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these is asked for four times by the next one: twice by its condition."""
    b = Builder()
    symbol = b.input("k", ArrayType(DType.INT64, ()))
    outside = Known()
    known = outside.region({symbol: outside.symbols.new()})
    node = symbol
    for bound in range(7):
        limit = make.constant(b, bound, DType.INT64)
        more = make.add(b, node, limit)
        node = make.where(b, make.apply(b, "less", node, limit), more, node)
    asked = []
    where = Known._where
    monkeypatch.setattr(Known, "_where", lambda self, *args: asked.append(1) or where(self, *args))
    assert known.of(node) is not None
    assert len(asked) == 7


def spectrum(x):  # type: ignore[no-untyped-def]
    """The fast Fourier transform of x, in place; its places are those of nested loops."""
    n = len(x)
    re, im = x.copy(), np.zeros(n)
    m = 1
    while m < n:
        for k in range(0, n, 2 * m):
            for j in range(m):
                c, s = math.cos(math.pi * j / m), -math.sin(math.pi * j / m)
                to = k + j + m
                a, b = re[to] * c - im[to] * s, re[to] * s + im[to] * c
                re[to], im[to] = re[k + j] - a, im[k + j] - b
                re[k + j] += a
                im[k + j] += b
        m *= 2
    return np.sum(np.log(re**2 + im**2 + 1))


def test_a_transform_that_is_written_out() -> None:
    x = np.random.default_rng(1).uniform(0.1, 1.0, 8)
    program = pipeline.before(read(spectrum, signature_of(spectrum, x)).program)
    made = differentiate(program, program.inputs)
    verify(made)
    value, gradient = evaluate(made, [x])
    reversed_bits = x[[0, 4, 2, 6, 1, 5, 3, 7]]
    expected = np.sum(np.log(np.abs(np.fft.fft(reversed_bits)) ** 2 + 1))
    assert value == pytest.approx(expected, rel=1e-13)
    assert value == pytest.approx(spectrum(x), rel=1e-13)
    moved: list[Any] = [spectrum(x + 1e-6 * e) - spectrum(x - 1e-6 * e) for e in np.eye(8)]
    np.testing.assert_allclose(gradient, np.array(moved) / 2e-6, rtol=1e-7)
