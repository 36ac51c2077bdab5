"""Checkpointed loops, compiled: values, memory, and what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codegen_ad import differentiate, minimize
from codegen_ad.errors import InvalidArgument

rng = np.random.default_rng(3)


def burgers(u, c, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += c * (u[2:] - 2 * u[1:-1] + u[:-2]) - 0.05 * u[1:-1] ** 2
    return np.sum(u**2)


def flames(u, c, steps):
    """Steps that cost more than their records."""
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += c * np.tanh(u[2:] - 2 * u[1:-1] + u[:-2]) - 0.05 * np.sin(u[1:-1])
    return np.sum(u**2)


def escape(p, x0, steps):
    """Steps of an iteration until it has gone too far."""
    x = x0.copy()
    gone = 0.0
    for k in range(steps):
        if k % 3 == 1:
            continue
        x = x + 0.05 * np.sin(p[0] * x) * p[1]
        gone += np.sum(x**2)
        if gone > 100.0:
            break
    return gone + x[0]


def names(segments_1, steps_1, snapshots_1, top):
    """Parameters and variables that are called like the kernel's own counts."""
    x = segments_1
    for kept_at in range(steps_1):
        x = np.sin(x * snapshots_1) + top * kept_at
    return np.sum(x)


def test_the_same_gradient_from_every_schedule():
    u, c = rng.random(40), 0.1
    for steps in (137, 1, 0):
        value, gradient = differentiate(burgers).value_and_grad(u, c, steps)
        for asked in ("sqrt", "2 kB"):
            checked = differentiate(burgers, checkpoint=asked)
            found, d_u = checked.value_and_grad(u, c, steps)
            np.testing.assert_allclose(found, value, rtol=1e-13)
            np.testing.assert_allclose(d_u, gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("asked", ["sqrt", 3])
def test_loops_that_are_left_early(asked):
    p, x0 = np.array([0.9, 0.4]), rng.random(5)
    plain, checked = differentiate(escape), differentiate(escape, checkpoint=asked)
    for steps in (500, 7):
        for found, wanted in zip(
            checked.value_and_grad(p, x0, steps), plain.value_and_grad(p, x0, steps), strict=True
        ):
            np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_names_of_counts_are_the_users():
    x = rng.random(3)
    wanted = differentiate(names).grad(x, 6, 1.1, 0.2)
    for asked in ("sqrt", 2):
        checked = differentiate(names, checkpoint=asked)
        np.testing.assert_allclose(checked.grad(x, 6, 1.1, 0.2), wanted, rtol=1e-13)


def test_float32_and_strides():
    u = rng.random((2, 40)).astype(np.float32)[:, ::2][0]
    c = np.float32(0.1)
    wanted = differentiate(burgers).grad(u, c, 11)
    found = differentiate(burgers, checkpoint="sqrt").grad(u, c, 11)
    assert found.dtype == wanted.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_fit_through_a_checkpointed_loop():
    def misfit(p, times):
        x = p[0]
        total = 0.0
        for t in times:
            x = x + 0.1 * p[1] * np.sin(x)
            total += (x - t) ** 2
        return total

    times = np.linspace(1.0, 1.5, 12)
    start = np.array([0.5, 0.1])
    runs = [
        minimize(differentiate(misfit, checkpoint=asked), start, (times,), steps=50,
                 method="gd", learning_rate=0.005)
        for asked in (None, "sqrt")
    ]  # fmt: skip
    np.testing.assert_allclose(runs[0].x, runs[1].x, rtol=1e-10)
    assert runs[1].fun < differentiate(misfit)(start, times)


def test_a_file_says_that_nothing_is_checkpointed():
    def total(x):
        s = 0.0
        for v in x:
            s += v**2
        return s

    x = rng.normal(size=50)
    words = "No loop is checkpointed"
    assert words in differentiate(total, checkpoint="sqrt").source(x)
    assert words not in differentiate(total).source(x)


def test_a_budget_that_is_too_small_says_how_much_it_takes():
    checked = differentiate(burgers, checkpoint="1 kB")
    with pytest.raises(InvalidArgument) as caught:
        checked.grad(np.ones(1000), 0.1, 5)
    assert str(caught.value) == (
        "line 3: checkpoint='1 kB' is too little memory for two states of this loop: "
        "it takes 16000 bytes"
    )


MEASURE = """
from pathlib import Path
import numpy as np
from codegen_ad import differentiate
from tests.end_to_end.test_checkpoints import burgers, flames

def megabytes(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(what))

u, steps = np.random.default_rng(0).random(8_000), 3_000
for function, asked in ((burgers, "sqrt"), (burgers, None), (flames, None)):
    f = differentiate(function, checkpoint=asked)
    f.grad(u, 0.1, 3)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = megabytes("VmRSS:")
    f.grad(u, 0.1, steps)
    print(megabytes("VmHWM:") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's counters")
def test_memory_does_not_grow_with_the_steps():
    """3,000 states of 64 kB are 192 MB; 55 states and 55 records are 7 MB.

    Steps that are cheaper run again than recorded keep states without being asked to.
    """
    made = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    )
    root, alone, recorded = (float(line) for line in made.stdout.split())
    assert root < 12
    assert alone < 12
    assert recorded > 150
