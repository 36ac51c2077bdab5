"""Random programs give NumPy's value, the reference's numbers, and the slopes of the function.

`python -m tests.property --minutes 30` tries many more, and larger ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.end_to_end.cases import Case
from tests.property import meetings, row_programs, small_arrays
from tests.property.forms import HELPERS
from tests.property.other_modes import in_single, kernel
from tests.property.programs import PARAMETERS, Writer
from tests.property.running import Depth, arguments, function_of, run, text_of
from tests.property.ways import dtype_of_all

SEEDS_FOUND = ((43, 4), (358, 4), (1023, 6), (1298, 6))
"""Programs that once came out wrong, by seed and number of statements."""

WIDE_FOUND = sorted((Path(__file__).parent / "found").glob("*.txt"))
"""The same of wide programs, whose seeds give others when the grammar grows: their texts."""

BODIES_FOUND = {
    "sizes with a common divisor, and one that its floor division is as large as": (
        "v = A[:, 0] + A.reshape(3, -1)[1]",
        "v = v + x * A.reshape(3, -1)[0] * A[:, 2]",
        "return np.sum(v) + np.sum(np.average(A.reshape(3, -1).T, axis=1, weights=w) * x)",
    ),
    "a size that the run knows, made of what loops with and without checkpoints find": (
        "v = np.sin(A[:, 0])",
        "if first_above(x, v[0]) > 99.0:",
        "    return np.sum(A)",
        "for i in range(2):",
        "    A[:, :-1] *= np.sin(A[:, :-1])",
        "k = int(abs(np.sum(np.concatenate([A[:, 0][p[0]:], y[:p[0]]]))))",
        "v[:k] += 0.5",
        "return np.sum(v) + np.sum(A)",
    ),
    "the masked cotangent of sums of slices of several lengths": (
        "v = np.sin(min(x.sum() + x[1:].sum() + x[2:].sum(), 0.5)) * x",
        "for i in range(2):",
        "    v[:i] += min(v[2:].sum() + v.sum(), 0.5)",
        "return np.sum(v)",
    ),
    "a gradient inside, of a slice whose size the run knows": (
        "return np.sum(grad(energy)(x[p[0]:], s))",
    ),
    "adjoints of slices whose places the run knows, added to one array": (
        "v, k = A @ A[1], len(x)",
        "while k > 1:",
        "    k = k // 2",
        "    v[0] += np.sin(np.sum(v[k:]))",
        "return np.sum(v)",
    ),
    "sizes in a loop that is run once more, in a branch": (
        "v = np.sin(x)",
        "if s > 9.0:",
        "    return s",
        "while v[0] < 1.0:",
        "    v[0] += 0.7 + x[1] * v[0] ** 2",
        "return np.sum(A[v > 0.1] * w) * v[0]",
    ),
    "a loop that is run once more for nothing that is needed": (
        "v = np.sin(x)",
        "if s < 9.0:",
        "    i = 0",
        "    while i < 2:",
        "        i, k = i + 1, p[0] + 2",
        "        while k > 1:",
        "            k = k // 2",
        "            v[k] = np.sum(v[:k])",
        "return np.sum(np.sin(v))",
    ),
    "sizes that the run knows, of an array whose own size is found to be another one's": (
        "v = np.exp(-A[:, 0] ** 2) + np.concatenate([y[p[0]:], y[::-1][:p[0]]])",
        "return np.dot(x, v[::-1])",
    ),
    "parts of what was picked, added where the run says": (
        "v, m = x * 1.0, x > 0.0",
        "for _ in range(p[0]):",
        "    v[m] = np.sort(v[m])[::-1] * 0.9",
        "    m = v > 0.1",
        "return np.sum(v * np.arange(v.size))",
    ),
    "steps between checkpoints that record nothing that is needed": (
        "v = np.sin(x)",
        "for i in p:",
        "    k = p[0] + 2",
        "    while k > 0:",
        "        k = k - 2",
        "        v[:k] += np.sin(np.max(np.cos(A)))",
        "return np.sum(np.sin(v))",
    ),
    "numbers that only one side writes to, in memory": (
        "v = np.arange(3)",
        "if s > 0.0:",
        "    v[-1] = s * 3.0",
        "return np.sum(np.sin(v) * w)",
    ),
    "a size that the run knows, by loops that value and gradient both run": (
        "for i in x:",
        "    return s",
        "v = int(first_above(y, s))",
        "x[:v] += 0.5",
        "return np.sum(x)",
    ),
    "a dict that holds the same arrays throughout a loop": (
        "d = {'a': x[0], 'b': y, 'c': y[1:], 'd': x}",
        "for i in range(3):",
        "    d['a'] = d['a'] * np.sin(d['b'][i])",
        "    d['c'][0] += d['a']",
        "    if d['a'] > 0.1:",
        "        d['d'] = np.sin(d['d'])",
        "return d['a'] + np.sum(d['b'] ** 2) + np.sum(y * d['d']) + np.sum(x)",
    ),
    "the largest of rows of which a mask picks none": (
        "z = np.max(A[A[:, 0] > 99.0], axis=0, initial=0.5)",
        "return np.sum(A * z) + np.min(x[x > 99.0], initial=0.25) * x[0]",
    ),
    "several of a size that the run knows, together with fewer": (
        "v = np.concatenate([y[p[0]:], y[:p[0]]])",
        "t = 0.5",
        "for a, b in zip(x, v[1:]):",
        "    t = np.sin(t) * a + b",
        "return t",
    ),
    "a size that the run knows and checks, where a branch is merged with its adjoint": (
        "v = np.linalg.solve(np.eye(len(x)), np.concatenate([x[p[0]:], x[:p[0]]]))",
        "if v[0] <= 0.0:",
        "    A[...] -= s",
        "return np.sum(A)",
    ),
    "a range over a size that only the run knows, between two others": (
        "v = np.concatenate([x[p[0]:], y[:p[1]]])",
        "t = 0.0",
        "for i in range(len(v)):",
        "    t = t * s + v[i]",
        "for i in range(1, len(v) - 1):",
        "    t = t * s + v[i - 1] * v[i + 1]",
        "return t",
    ),
}
"""Wide programs that once came out wrong, made smaller."""

LONG_BODIES_FOUND = {
    "places written to several times, beside a loop of fewer trips": (
        "v = np.sin(x)",
        "v[p // 4] = x * y",
        "return np.sum(np.sin(v)) + np.sum(y[1:-1] * x[1:-1])",
    ),
}
"""The same of vectors that are too long to be written out."""

SECOND_BODIES_FOUND = {
    "reverse over reverse: rows of a loop before which the loop that counts them must stand": (
        "v, u = y + capped(s), 1.0",
        "for _ in range(p[0]):",
        "    u = u * y",
        "return np.sum(v) + np.sum(u)",
    ),
}
"""The same of products with Hessians."""


@pytest.fixture(autouse=True)
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_AD_CHECK", "1")


@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)
@given(data=st.data())
def test_random_programs(data: st.DataObject):
    """The kernel's text, run by Python: nothing is compiled, so many programs can be tried."""
    wide = data.draw(st.booleans())
    text = Writer(lambda options: data.draw(st.sampled_from(options)), wide=wide).program(3)
    run(text, data.draw(st.integers(4, 7)), data.draw(st.integers(0, 100)), Depth(simulate_every=3))


@pytest.mark.every(3)
@pytest.mark.parametrize("seed", range(5))
def test_random_programs_compiled(seed: int):
    assert run(text_of(10_000 + seed, 4), 5, seed, Depth(compiled=True)).kind != "refused"


@pytest.mark.parametrize(("seed", "statements"), SEEDS_FOUND)
def test_programs_that_were_wrong(seed: int, statements: int):
    run(text_of(seed, statements), 4 + seed % 4, seed)


@pytest.mark.every(3)
@pytest.mark.parametrize("path", WIDE_FOUND, ids=lambda p: p.stem)
def test_wide_programs_that_were_wrong(path: Path):
    seed = int(path.stem)
    run(f"{HELPERS}\n{path.read_text()}", 4 + seed % 4, seed, Depth(checkpoint="sqrt"))


@pytest.mark.parametrize("name", [*BODIES_FOUND, *LONG_BODIES_FOUND])
def test_bodies_that_were_wrong(name: str):
    size = 6 if name in BODIES_FOUND else 13
    body = (BODIES_FOUND | LONG_BODIES_FOUND)[name]
    lines = [HELPERS, f"def f({PARAMETERS}):", *(f"    {line}" for line in body)]
    assert run("\n".join(lines) + "\n", size, 1, Depth(checkpoint="sqrt")).kind == "same"


@pytest.mark.parametrize("name", SECOND_BODIES_FOUND)
def test_products_with_hessians_that_were_wrong(name: str):
    lines = [HELPERS, f"def f({PARAMETERS}):", *(f"    {s}" for s in SECOND_BODIES_FOUND[name])]
    assert run("\n".join(lines) + "\n", 6, 1, Depth(second=True, kernels=True)).kind == "same"


@pytest.mark.parametrize("seed", range(4))
def test_small_arrays_are_the_same_in_variables_and_in_memory(seed: int):
    small_arrays.run(small_arrays.text_of(seed), seed)


@pytest.mark.parametrize("seed", [52, 53, 58, 59])
def test_steps_in_which_rows_meet(seed: int):
    """Where copies of tiles once overwrote what other steps had kept."""
    meetings.run(meetings.text_of(seed), seed)


@pytest.mark.parametrize("seed", [1, 4])
def test_small_arrays_on_the_simulator(seed: int):
    found = small_arrays.run(small_arrays.text_of(seed), seed, 1)
    assert found.simulated == ("value_and_grad",) * 3


@pytest.mark.parametrize("seed", [5, 10])
def test_steps_in_which_rows_meet_on_the_simulator(seed: int):
    found = meetings.run(meetings.text_of(seed), seed, 1)
    assert found.simulated == ("value_and_grad",)


@pytest.mark.parametrize(("seed", "modes"), [(1, {"jvp"}), (5, {"jvp", "value_and_grad", "hvp"})])
def test_rows_of_data_on_the_simulator(seed: int, modes: set[str]):
    found = row_programs.run(row_programs.text_of(seed), seed, 1)
    assert set(found.simulated) == modes


def test_what_a_gpu_cannot_do_is_counted():
    body = "return np.sum(np.sort(x) * y)"
    found = run(f"def f({PARAMETERS}):\n    {body}\n", 13, 8, Depth(simulate_every=1))
    assert found.kind == "same"
    assert not found.simulated
    assert found.no_gpu == (
        "This can't run on a GPU: it calls a library (argsort) for whole arrays.",
    )


def test_few_programs_are_refused():
    kinds = [run(text_of(seed, 4), 5, seed).kind for seed in range(20_000, 20_010)]
    assert kinds.count("same") >= 9


def test_a_result_in_single_precision_has_the_dtype_of_all_ways_together():
    body = (
        "v = 0.5 * x[0]",
        "for u in y:",
        "    if u > 0.3:",
        "        break",
        "else:",
        "    v = np.mean(p * x)",
        "return v",
    )
    lines = [f"def f({PARAMETERS}):", *(f"    {line}" for line in body)]
    text = "\n".join(lines) + "\n"
    assert run(text, 6, 1, Depth(single=True, wrt=("x",))).kind == "same"
    single = in_single(arguments(6, 1))
    found = dtype_of_all(text, {"np": np}, lambda seed: in_single(arguments(6, seed)))
    assert np.asarray(function_of(text)(*single)).dtype == "f4"
    assert found == "f8"


def test_a_way_that_is_seldom_taken_is_found():
    """As behind three decisions in a loop and two more (seed 20728)."""
    body = (
        "v = 0.5 * x[0]",
        *("for i in range(3):", "    if x[0] > 2:", "        return v"),
        *("if x[1] > 2:", "    if x[2] > 2:", "        if x[3] > 2:"),
        "            return np.mean(p * x)",
        "return v",
    )
    text = "\n".join([f"def f({PARAMETERS}):", *(f"    {line}" for line in body)]) + "\n"
    found = dtype_of_all(text, {"np": np}, lambda seed: in_single(arguments(6, seed)))
    assert found == "f8"


def test_a_tangent_without_axes_is_not_written_to():
    """The text of a kernel adds to it in place where it is an array (seed 31045)."""

    def f(x, s):
        total = s + 0.0
        for i in range(len(x)):
            total += np.sin(x[i])
        return total

    case, args = Case(f, lambda *_: (), wrt=("x", "s")), (np.arange(3.0), np.array(0.5))
    tangents = [np.ones(3), np.array(2.0)]
    _, along = kernel(case, args, "jvp")(args, tangents)
    np.testing.assert_allclose(along, 2 + np.cos(args[0]).sum(), rtol=1e-12)
    assert tangents[1] == 2.0
