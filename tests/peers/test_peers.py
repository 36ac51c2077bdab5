"""Gradients, forward mode and second derivatives against autograd and JAX."""

from __future__ import annotations

import functools
import os
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.cases.engine import Run, check_value, inner
from tests.frontend.library.library_cases import DATA
from tests.peers.peer_cases import AUTOGRAD, JAX

pytestmark = pytest.mark.peers
EVERYTHING = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
FAST = {"xla_backend_optimization_level": 0}
"""JAX compiles each case: with less care, since that is what these tests spend their time on."""

Found = tuple[Sequence[Any], Sequence[Any]]


def test_there_are_many() -> None:
    assert len({*AUTOGRAD, *JAX}) >= 250


@pytest.mark.parametrize("text", AUTOGRAD)
def test_as_autograd_does(text: str) -> None:
    pytest.importorskip("autograd", reason="autograd is a peer to compare with")
    compare(text, by_autograd)


@pytest.mark.parametrize("text", [*JAX, *(AUTOGRAD if EVERYTHING else ())])
def test_as_jax_does(text: str) -> None:
    jax = pytest.importorskip("jax", reason="JAX is a peer to compare with")
    jax.config.update("jax_enable_x64", True)
    if "[m]" not in text and "[M]" not in text:  # JAX refuses masks that it has not seen
        compare(text, by_jax)


def compare(text: str, peer: Callable[[Run], Found]) -> None:
    """Fail unless the peer finds the same derivatives."""
    case = Run(text, DATA)
    check_value(case)
    gradients = case.gradients()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers' own
        first, second = peer(case)
    for ours, theirs in zip(gradients, first, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)
    forward = inner(case.tangents(), case.weights)
    size = inner([np.abs(g) for g in gradients], [np.abs(d) for d in case.directions])
    assert abs(forward - inner(first, case.directions)) <= 1e-9 * (1 + size)
    for ours, theirs in zip(case.second(), second, strict=True):
        scale = float(np.max(np.abs(theirs), initial=1.0))
        np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-8 * scale)


def total(case: Run, numpy: Any, scipy: Any) -> Callable[..., Any]:
    """The weighted sum of the results as a function of what is varied, in a peer's words."""
    source = f"lambda {', '.join(case.names)}: {case.text}"
    function = eval(source, {"np": numpy, "scipy": scipy})

    def weighted(*moved: Any) -> Any:
        given = [numpy.array(DATA[name]) for name in case.names]
        for k, value in zip(case.varied, moved, strict=True):
            given[k] = value
        out = function(*given)
        several = out if isinstance(out, tuple | list) else (out,)
        return sum(numpy.sum(o * w) for o, w in zip(several, case.weights, strict=True))

    return weighted


def by_autograd(case: Run) -> Found:
    """Gradients, and gradients of their products with the directions."""
    import autograd.numpy
    import autograd.scipy.linalg
    import autograd.scipy.special
    import autograd.scipy.stats
    from autograd import grad

    function = total(case, autograd.numpy, autograd.scipy)
    at = [np.array(DATA[case.names[k]]) for k in case.varied]
    gradients = [grad(function, k) for k in range(len(at))]

    def product(*moved: Any) -> Any:
        pairs = zip(gradients, case.directions, strict=True)
        return sum(autograd.numpy.sum(g(*moved) * d) for g, d in pairs)

    return [g(*at) for g in gradients], [grad(product, k)(*at) for k in range(len(at))]


def by_jax(case: Run) -> Found:
    """Gradients and their tangents along the directions."""
    import jax

    scipy = jax_scipy()
    function = total(case, jax.numpy, scipy)
    at = tuple(jax.numpy.array(DATA[case.names[k]]) for k in case.varied)
    directions = tuple(map(jax.numpy.array, case.directions))
    gradient = jax.grad(function, argnums=tuple(range(len(at))))
    both = jax.jit(functools.partial(jax.jvp, gradient)).lower(at, directions)
    return both.compile(compiler_options=FAST)(at, directions)


def jax_scipy() -> types.ModuleType:
    """`jax.scipy`, with the parts that the cases use."""
    import jax.scipy
    import jax.scipy.linalg
    import jax.scipy.special
    import jax.scipy.stats

    return jax.scipy
