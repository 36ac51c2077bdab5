"""Steps between kept states read and fill the rows themselves; where they may not, they copy."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.kernel import (
    Allocate,
    Apply,
    Assign,
    Check,
    For,
    Index,
    Kernel,
    Let,
    Load,
    Note,
    Number,
    Statement,
    Store,
    Var,
    walk,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.on_stacks import run_on_stacks

rng = np.random.default_rng(14)
COPY = re.compile(r"kept_\w+\[\w+, \w+\] = |= kept_\w+\[\w+, \w+\]$", re.MULTILINE)


def waves(u, v, c, steps):
    """Two arrays that need each other's last state, and a number."""
    u, v, t = u.copy(), v.copy(), 0.1
    for _ in range(steps):
        before = u.copy()
        u[1:-1] = u[1:-1] + 0.1 * v[1:-1] * u[:-2] + t * v[2:]
        v[1:-1] = v[1:-1] + c * (before[2:] - 2 * before[1:-1] * v[:-2] + before[:-2])
        t = 0.9 * t + 0.01 * np.sin(t)
    return np.sum(u * v) + t


def burgers(u, c, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += c * (u[2:] - 2 * u[1:-1] + u[:-2]) - 0.05 * u[1:-1] ** 2
    return np.sum(u**2)


@pytest.mark.parametrize("kept", [1, 2, 3, 7])
def test_all_lengths_of_runs_have_the_same_gradient(kept: int) -> None:
    """Runs of one, two, three and more steps: the first and the last are treated differently."""
    plain, checked = differentiate(burgers), differentiate(burgers, checkpoint=kept)
    u = rng.random(20)
    for steps in range(26):
        value, gradient = plain.value_and_grad(u, 0.1, steps)
        found, d_u = checked.value_and_grad(u, 0.1, steps)
        assert found == value
        np.testing.assert_allclose(d_u, gradient, rtol=1e-13, atol=1e-15)
    text = str(checked.source(u, 0.1, 9))
    assert text.count("# the last trip fills the row that is kept") == 2
    assert len(COPY.findall(text)) == 2  # the state before the loop, and that before its last step


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_several_states(dtype: Any) -> None:
    u, v = rng.random(20).astype(dtype), rng.random(20).astype(dtype)
    plain = differentiate(waves, wrt=("u", "v", "c"))
    checked = differentiate(waves, wrt=("u", "v", "c"), checkpoint=3)
    for steps in (0, 1, 2, 5, 12, 41):
        value, wanted = plain.value_and_grad(u, v, 0.1, steps)
        found, gradients = checked.value_and_grad(u, v, 0.1, steps)
        rtol = 1e-12 if dtype is np.float64 else 1e-4
        np.testing.assert_allclose(found, value, rtol=rtol)
        for one, other in zip(gradients, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
    text = str(checked.source(u, v, 0.1, 9))
    assert len(re.findall(r"(kept_[uv]\[\w+\]), (\w+)$", text, re.MULTILINE)) == 4


NOTE, F8, I8 = Note(), DType.FLOAT64, DType.INT64


def _copied(to: str, at: tuple[str, ...], of: str, where: tuple[str, ...], loop: str) -> For:
    place, found = (tuple(map(Dim.symbol, (*row, loop))) for row in (at, where))
    return For(loop, Dim.symbol("n"), [Store(to, place, Load(of, found, F8), NOTE)], NOTE)


def _kernel() -> Kernel:
    """A kernel that runs from row `first` to row `last`, which are neighbours."""
    n, i = Dim.symbol("n"), Dim.symbol("@i")
    step = For("@i", n, [Store("@new", (i,), Load("@old", (i,), F8), NOTE)], NOTE)
    swap = Assign(("@old", "@new"), (Var("@new", F8), Var("@old", F8)), NOTE)
    two, more, less = Number("2", I8), Var("asked", I8), Var("length", I8)
    body: list[Statement] = [
        Allocate("@old", (n,), F8, None, NOTE),
        Allocate("@new", (n,), F8, None, NOTE),
        Assign(("rows",), (_larger(two, more),), NOTE),
        Allocate("@stack", (Dim.symbol("rows"), n), F8, None, NOTE),
        Assign(("@first",), (Var("top", I8),), NOTE),
        Check("@first", Dim.symbol("rows"), 0, NOTE),
        _copied("@old", (), "@stack", ("@first",), "@j"),
        Assign(("@last",), (Index(Dim.symbol("top") + 1),), NOTE),
        Check("@last", Dim.symbol("rows"), 0, NOTE),
        Let("@trips", _larger(Number("1", I8), less), None, NOTE),
        Assign(("steps",), (Var("@trips", I8),), NOTE),
        For("@k", Dim.symbol("steps"), [step, swap], NOTE, carried=True),
        _copied("@stack", ("@last",), "@old", (), "@l"),
    ]
    return Kernel("kernel", (), (), body, (), (), (), ())


def _larger(x: Any, y: Any) -> Apply:
    return Apply("where", (Apply("less", (x, y), DType.BOOL), y, x), I8)


def _runs_on_rows(kernel: Kernel) -> bool:
    names = Names(count=100)
    run_on_stacks(kernel, names)
    is_free = not any(isinstance(s, Allocate) and s.buffer == "@old" for s in walk(kernel.body))
    assert is_free == any(isinstance(s, For) and bool(s.remark) for s in kernel.body)
    return is_free


def _put(kernel: Kernel, position: int, statement: Statement) -> Kernel:
    kernel.body[position : position + 1] = [statement]
    return kernel


def test_rows_are_read_and_filled_where_they_stand() -> None:
    assert _runs_on_rows(_kernel())


def test_another_name_for_the_state_keeps_the_copies() -> None:
    kernel = _kernel()
    loop = kernel.body[11]
    assert isinstance(loop, For)
    swap = loop.body[1]
    assert isinstance(swap, Assign)
    swap.names, swap.exprs = (*swap.names, "@before"), (*swap.exprs, Var("@old", F8))
    assert not _runs_on_rows(kernel)


BACK = Store("@stack", (Dim.symbol("@last"), Dim.constant(0)), Number("0.0", F8), NOTE)


@pytest.mark.parametrize(
    ("position", "other"),
    [
        pytest.param(9, Let("@trips", Var("length", I8), None, NOTE), id="perhaps no steps"),
        pytest.param(7, Assign(("@last",), (Var("top", I8),), NOTE), id="the same row"),
        pytest.param(7, Assign(("@last",), (Var("other", I8),), NOTE), id="another number"),
        pytest.param(2, Assign(("rows",), (Var("asked", I8),), NOTE), id="perhaps one row"),
        pytest.param(2, Assign(("rows",), (Number("1", I8),), NOTE), id="one row"),
        pytest.param(
            7, Assign(("@last",), (Index(Dim.symbol("top") + 2),), NOTE), id="as far as rows"
        ),
        pytest.param(8, Check("@last", Dim.symbol("more"), 0, NOTE), id="of other rows"),
        pytest.param(6, _copied("@old", (), "@other", (), "@j"), id="begins elsewhere"),
        pytest.param(12, _copied("@other", (), "@old", (), "@l"), id="ends elsewhere"),
    ],
)
def test_what_is_not_known_to_be_right_is_copied(position: int, other: Statement) -> None:
    assert not _runs_on_rows(_put(_kernel(), position, deepcopy(other)))


@pytest.mark.parametrize(
    ("position", "more"),
    [
        pytest.param(7, Assign(("top",), (Var("other", I8),), NOTE), id="the number changes"),
        pytest.param(11, deepcopy(BACK), id="the row changes before the steps"),
        pytest.param(12, deepcopy(BACK), id="the row changes behind the steps"),
        pytest.param(13, _copied("@other", (), "@old", (), "@m"), id="the state is read later"),
        pytest.param(7, _copied("@old", (), "@other", (), "@m"), id="the state changes"),
        pytest.param(13, Assign(("steps",), (Number("0", I8),), NOTE), id="other steps"),
        pytest.param(13, Assign(("@first",), (Var("top", I8),), NOTE), id="other rows"),
    ],
)
def test_what_happens_in_between_is_looked_at(position: int, more: Statement) -> None:
    kernel = _kernel()
    kernel.body.insert(position, deepcopy(more))
    assert not _runs_on_rows(kernel)
