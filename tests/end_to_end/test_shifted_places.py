"""What a loop asks for at several shifted places is computed once, where that is less work.

The kernels' text is run uncompiled and compared with NumPy and with differences; the same without
what is kept gives the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codegen_ad.plan import shifted
from codegen_ad.plan.kernel import Allocate, Apply, Expr, Kernel, walk
from codegen_ad.plan.tidying.rename import expressions
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import interpreted, leaves_in, numeric_gradients, stages_of

RNG = np.random.default_rng(8)
NEVER = 10**9


def layers(w, v, images):
    """Two convolutions: what the first one gives is kept for each image."""
    n, m = images.shape[1] - 2, images.shape[2] - 2
    h = 0.0
    for i in range(3):
        for j in range(3):
            h = h + w[i, j] * images[:, i : n + i, j : m + j]
    h = np.tanh(h)
    o = 0.0
    for i in range(2):
        for j in range(3):
            o = o + v[i, j] * h[:, i : n - 1 + i, j : m - 2 + j]
    return np.sum(o**2)


def blurs(x):
    """Cheap sums that are many when they meet."""
    for _ in range(5):
        x = x[:-2] + x[1:-1] * 0.5 + x[2:]
    return np.sum(x**2)


def blurs_of_planes(x):
    for _ in range(2):
        y = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
        x = (y[:-2] + y[1:-1] + y[2:]) / 9.0
    return np.sum(x * x)


def laplacian(u):
    v = np.exp(np.sin(u))
    at_place = v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * v[1:-1, 1:-1]
    return np.sum(at_place**2)


def differences(x):
    return np.sum(np.diff(x / (1 + x * x), 3) ** 2)


def turned(u):
    """What is moved before it is shifted."""
    v = np.tanh(u).T
    return np.sum((v[2:] + v[1:-1] * v[:-2]) ** 2)


def along_rows(u):
    """Shifts within rows: each row keeps its own."""
    v = np.tanh(u)
    return np.sum((v[:, 2:] + v[:, 1:-1] * v[:, :-2]) ** 2 * v[:, 1:-1])


def steps(u, c):
    for _ in range(3):
        f = np.sin(u) * np.exp(-u)
        u = u.copy()
        u[1:-1] = u[1:-1] + c * (f[2:] - 2 * f[1:-1] + f[:-2])
    return np.sum(u**3)


def thirds(x):
    """Places that no two trips have in common."""
    v = np.tanh(x)
    n = len(x) // 3
    return np.sum(v[: 3 * n : 3] * v[1 : 3 * n : 3] * v[2 : 3 * n : 3])


def cheap(x):
    """Little more than loads."""
    v = 2.0 * x
    return np.sum((v[2:] + v[1:-1] + v[:-2]) ** 2)


def some(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) * 0.5


CASES: list[tuple[Any, tuple[Any, ...]]] = [
    *((layers, (some(3, 3), some(2, 3), some(k, n, m)))
      for k, n, m in ((2, 12, 13), (1, 5, 6), (0, 12, 12))),
    *((blurs, (some(n),)) for n in (11, 12, 30)),
    *((blurs_of_planes, (some(n, m),)) for n, m in ((12, 13), (5, 6), (9, 5))),
    *((laplacian, (some(n, m),)) for n, m in ((12, 11), (3, 3), (4, 9), (9, 4))),
    *((differences, (some(n),)) for n in (4, 5, 25)),
    *((turned, (some(n, m),)) for n, m in ((10, 12), (2, 4))),
    *((along_rows, (some(n, m),)) for n, m in ((10, 12), (2, 4))),
    *((steps, (some(n), 0.1)) for n in (3, 4, 25)),
    *((thirds, (some(n),)) for n in (3, 25)),
    *((cheap, (some(n),)) for n in (3, 25)),
]  # fmt: skip


def case_of(function: Any) -> Case:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return Case(function, lambda n, rng: (), tuple(names))


@pytest.mark.every(3)
@pytest.mark.parametrize(
    ("function", "args"), CASES, ids=[f"{f.__name__}-{np.shape(a[-1])}" for f, a in CASES]
)
def test_values_and_gradients(
    function: Any, args: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, made = case_of(function), list[Any]()
    for worth in (shifted.WORTH, NEVER):
        monkeypatch.setattr(shifted, "WORTH", worth)
        made.append(interpreted(case, args)(*args))
    (value, gradients), (other, others) = made
    np.testing.assert_allclose(value, function(*args), rtol=1e-12)
    np.testing.assert_allclose(value, other, rtol=1e-13)
    leaves = ([leaf for _, leaf in leaves_in(g)] for g in (gradients, others))
    for found, without, near in zip(*leaves, numeric_gradients(case, args), strict=True):
        np.testing.assert_allclose(found, without, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(found, near, rtol=1e-6, atol=1e-7)


def kernel_of(function: Any, mode: str = "value") -> Kernel:
    args = max((a for f, a in CASES if f is function), key=lambda a: a[0].size)
    return stages_of(case_of(function), args, mode).kernel


def operations(kernel: Kernel, names: set[str]) -> int:
    """How many operations of these names the kernel's text has."""

    def count(expr: Expr) -> int:
        if not isinstance(expr, Apply):
            return 0
        return (expr.op in names) + sum(map(count, expr.args))

    return sum(count(e) for s in walk(kernel.body) for e in expressions(s))


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (layers, {"tanh"}),
        (laplacian, {"exp", "sin"}),
        (turned, {"tanh"}),
        (along_rows, {"tanh"}),
        (differences, {"divide"}),
        (steps, {"exp"}),
    ],
)
def test_costly_functions_are_computed_once(
    function: Any, names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operations(kernel_of(function), names) == len(names)
    monkeypatch.setattr(shifted, "WORTH", NEVER)
    assert operations(kernel_of(function), names) >= 3 * len(names)


def test_sums_that_meet_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [operations(kernel_of(f, "value_and_grad"), {"add"}) for f in (blurs, blurs_of_planes)]
    monkeypatch.setattr(shifted, "WORTH", NEVER)
    more = [operations(kernel_of(f, "value_and_grad"), {"add"}) for f in (blurs, blurs_of_planes)]
    assert all(3 * some < many for some, many in zip(found, more, strict=True))


@pytest.mark.parametrize("function", [thirds, cheap])
def test_what_costs_as_much_either_way_stays_in_its_loop(function: Any) -> None:
    assert not any(isinstance(s, Allocate) for s in walk(kernel_of(function).body))


@pytest.mark.parametrize("mode", ["value", "value_and_grad"])
def test_images_keep_their_own_part_alone(mode: str) -> None:
    """Nothing as long as the data is stored, and value and gradient share what is kept."""
    args = next(a for f, a in CASES if f is layers)
    case = Case(layers, lambda n, rng: (), ("w", "v"))
    kernel = stages_of(case, args, mode).kernel
    made = [s for s in walk(kernel.body) if isinstance(s, Allocate)]
    assert made
    rows = next(s.symbol for s in kernel.sizes if (s.array, s.axis) == ("images", 0))
    assert not any(rows in d.symbols() for s in made for d in s.shape)
    assert operations(kernel, {"tanh"}) == 1
