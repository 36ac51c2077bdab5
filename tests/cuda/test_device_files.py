"""Kernels for a GPU, run thread by thread, give what the processor's kernels give.

Every file is a golden file too, beside the processor's.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.workloads import curves, dynamics, filters, heat, mixture
from codegen_ad import differentiate
from codegen_ad.errors import InvalidArgument, UnsupportedOnDevice
from examples import polynomial_fit as fit
from tests.cuda.device_runs import run

if TYPE_CHECKING:
    from conftest import Golden

pytest.importorskip("greenlet", reason="the simulator needs it")

RANDOM = np.random.default_rng(5)


def polynomial() -> tuple[Any, ...]:
    x = RANDOM.uniform(-1, 1, (300, 1))
    return RANDOM.normal(size=(5, 1)), x, np.sin(x)


def logistic(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    return np.mean(np.logaddexp(0, z) - y * z)


def labelled(rows: int, features: int, dtype: str) -> tuple[Any, ...]:
    x = RANDOM.normal(size=(rows, features)).astype(dtype)
    weights = RANDOM.normal(size=features).astype(dtype)
    return weights, x, (x[:, 0] > 0).astype(dtype)


# Name of the golden file, function, mode, arguments.
FILES: tuple[tuple[str, Any, str, tuple[Any, ...]], ...] = (
    ("polynomial_loss", fit.loss, "value_and_grad", polynomial()),
    ("peak", differentiate(curves.peak), "value_and_grad", curves.peak_data(300)),
    ("rosenbrock", differentiate(curves.rosenbrock), "value_and_grad", curves.rosenbrock_data(200)),
    ("heat", differentiate(heat.heat, wrt=("u", "c")), "value_and_grad", heat.heat_data(12, 1)),
    (
        "leapfrog",
        differentiate(dynamics.leapfrog, wrt=("q", "p")),
        "value_and_grad",
        dynamics.leapfrog_data(3),
    ),
    (
        "mixture",
        differentiate(mixture.mixture, wrt=("alphas", "means", "icf")),
        "value_and_grad",
        mixture.mixture_data(5, 9, 9),
    ),
    (
        "kalman",
        differentiate(filters.kalman, wrt=("F", "log_q", "log_r")),
        "value_and_grad",
        filters.kalman_data(6),
    ),
    (
        "hmm",
        differentiate(filters.hmm, wrt=("logits", "emission")),
        "value_and_grad",
        filters.hmm_data(6, 3, 4),
    ),
    ("logistic_f4", differentiate(logistic), "value_and_grad", labelled(300, 12, "f4")),
    ("peak_f4", differentiate(curves.peak), "value_and_grad", curves.peak_data(300, "float32")),
)


@pytest.mark.parametrize(("name", "function", "mode", "arguments"), FILES)
def test_a_file_gives_what_the_processor_gives(
    name: str, function: Any, mode: str, arguments: tuple[Any, ...], golden: Golden
) -> None:
    text = function.source(*arguments, mode=mode, target="cuda").plain
    golden.check(f"generated/cuda/{name}_{mode}.py", text)
    found = run(text, named(function, arguments), orders=("forward", 3))
    expected = flat(getattr(function, mode)(*arguments))
    assert len(found) == len(expected)
    narrow = any(getattr(a, "dtype", "") == "f4" for a in arguments)
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(
            ours.reshape(np.shape(theirs)), theirs, rtol=0, atol=(2e-6 if narrow else 1e-14) * scale
        )


def named(function: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Arguments by the names of a function's parameters."""
    return dict(zip(inspect.signature(function).parameters, arguments, strict=True))


def flat(value: Any) -> list[Any]:
    """The arrays of a result, in order."""
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in flat(item)]
    return [np.asarray(value)]


def test_few_rows_and_many() -> None:
    text = fit.loss.source(*polynomial(), target="cuda").plain
    for rows in (0, 1, 257, 1200):
        x = np.linspace(-1, 1, rows)[:, None]
        given = {"w": np.ones((5, 1)), "x": x, "y": np.cos(x)}
        value, gradient = run(text, given, orders=("forward", 3))
        if not rows:
            assert np.isnan(value[0])
            assert np.isnan(gradient).all()
            continue
        expected, direction = fit.loss.value_and_grad(*given.values())
        assert value[0] == pytest.approx(expected, rel=1e-13)
        np.testing.assert_allclose(gradient, direction, rtol=1e-12, atol=1e-14)


def test_a_target_that_is_not_known_is_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r"target must be one of .cpu., .cuda., .auto., not 'tpu'"
    ):
        fit.loss.on("tpu")


# Name of the golden file, if there is one, function, mode, arguments.
OTHERS: tuple[tuple[str, Any, str, tuple[Any, ...]], ...] = (
    ("peak", differentiate(curves.peak), "jvp", curves.peak_data(300)),
    ("logistic", differentiate(logistic), "hvp", labelled(300, 12, "f8")),
    ("poly", differentiate(wrt="w")(fit.poly), "jacobian", polynomial()[1::-1]),
    ("", differentiate(logistic), "jacobian", labelled(70, 3, "f8")),
    ("", differentiate(logistic), "hessian", labelled(70, 3, "f8")),
)


@pytest.mark.parametrize(("name", "function", "mode", "arguments"), OTHERS)
def test_other_derivatives(
    name: str, function: Any, mode: str, arguments: tuple[Any, ...], golden: Golden
) -> None:
    given = named(function, arguments)
    more: dict[str, Any] = {}
    if mode in ("jvp", "hvp"):
        first = next(iter(given))
        given[f"t_{first}"] = more["tangent"] = np.cos(np.arange(len(given[first])))
    text = function.source(*arguments, mode=mode, target="cuda").plain
    if name:
        golden.check(f"generated/cuda/{name}_{mode}.py", text)
    found = run(text, given, orders=("forward", 3) if name else ("forward",))
    expected = flat(getattr(function, mode)(*arguments, **more))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-12)


def test_segments_of_steps() -> None:
    """Records of segments have room for the longest, whatever the number of steps is."""
    function = differentiate(wrt=("u", "rate"), checkpoint="sqrt")(heat.burning)
    text = function.source(*heat.burning_data(4, 1), target="cuda").plain
    for steps in (0, 1, 7):
        arguments = heat.burning_data(4, steps)
        found = run(text, named(heat.burning, arguments), orders=("forward",))
        for ours, theirs in zip(found, flat(function.value_and_grad(*arguments)), strict=True):
            np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-12, atol=1e-14)


def test_as_many_parameters_as_are_too_many_for_one_thread() -> None:
    weights, x, y = labelled(40, 130, "f8")
    function = differentiate(logistic)
    text = function.source(weights, x, y, target="cuda").plain
    found = run(text, {"w": weights, "x": x, "y": y}, orders=("forward",))
    for ours, theirs in zip(found, function.value_and_grad(weights, x, y), strict=True):
        np.testing.assert_allclose(ours.reshape(np.shape(theirs)), theirs, rtol=1e-10, atol=1e-15)


def solved(a: Any, b: Any) -> Any:
    x = np.linalg.solve(a, b)
    return (x**2).sum()


def test_what_a_gpu_cannot_do_is_refused_with_its_line() -> None:
    with pytest.raises(UnsupportedOnDevice) as caught:
        differentiate(solved).source(np.eye(20), np.ones(20), target="cuda")
    assert str(caught.value).splitlines()[1:] == [
        "    x = np.linalg.solve(a, b)",
        "    ^^^^^^^^^^^^^^^^^^^^^^^^^",
        "This can't run on a GPU: it calls a library (solve) for whole arrays.",
        'Leave target="cuda" out: it then runs on the processor.',
    ]


def solved_elsewhere(a: Any, b: Any) -> Any:
    return np.sum(solved(a, b))


def test_what_a_called_function_cannot_do_is_refused_with_both_lines() -> None:
    with pytest.raises(UnsupportedOnDevice) as caught:
        differentiate(solved_elsewhere).source(np.eye(20), np.ones(20), target="cuda")
    assert str(caught.value).splitlines()[1:] == [
        "    def solved_elsewhere(a: Any, b: Any) -> Any:",
        "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        "This can't run on a GPU: it calls a library (solve) for whole arrays.",
        'Leave target="cuda" out: it then runs on the processor.',
        "It is about this line of `solved`: x = np.linalg.solve(a, b)",
    ]


def neighbours(w: Any, x: Any) -> Any:
    return x[::2] * x[1::2] * w[0]


def test_sizes_of_which_a_part_is_read() -> None:
    """Half of the elements of an array, whose number is even."""
    w, x = np.ones(3), RANDOM.normal(size=40)
    text = differentiate(neighbours).source(w, x, mode="jacobian", target="cuda").plain
    (found,) = run(text, {"w": w, "x": x}, orders=("forward",))
    np.testing.assert_allclose(found, np.outer(x[::2] * x[1::2], [1, 0, 0]))


def own_arrays(c: Any, w: Any, i: Any, d_c_own: Any) -> Any:
    return np.sum((c[i] * w) ** 2) * d_c_own[0]


def passes(c: Any, w: Any, j: Any, i: Any, sum_total: Any, partial_1: Any) -> Any:
    return np.sum((c[j] * w) ** 2) * sum_total * i + np.max(w) * partial_1


def team(c: Any, w: Any, j: Any, i: Any, sum_own: Any, sums_1: Any) -> Any:
    total = 1.0
    for _ in range(3):
        total = total + np.sum((c[j] * w) ** 2) * sum_own * i + np.max(w * total) * sums_1[0]
    return total


@pytest.mark.parametrize("function", [own_arrays, passes, team])
def test_parameters_may_have_any_names(function: Any) -> None:
    c, w, picked = RANDOM.normal(size=5), RANDOM.normal(size=300), RANDOM.integers(0, 5, 300)
    few = RANDOM.normal(size=3)
    arguments = {
        own_arrays: (c, w, picked, few),
        passes: (c, w, picked, 1.5, 2.5, 0.3),
        team: (c, w, picked, 1.5, 0.25, few),
    }[function]
    differentiated = differentiate(function, wrt=("c", "w"))
    text = differentiated.source(*arguments, target="cuda").plain
    found = run(text, named(function, arguments), orders=("forward",))
    for ours, theirs in zip(found, flat(differentiated.value_and_grad(*arguments)), strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-11, atol=1e-13)
