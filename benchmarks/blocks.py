"""The Jacobian of bundle adjustment: for each observation a block of two residuals by 15 numbers.

`codegen_ad` finds out by itself which entries there are, and returns a sparse matrix. Told that a
residual depends on the camera and the point of its own observation alone, one computes the blocks
by one Jacobian-vector product for each of the 15; `jacfwd`, vmapped, does the same.
"""

import time
from collections.abc import Callable

import numpy as np

from benchmarks import memory
from benchmarks.contenders import own
from benchmarks.peers import bundle as peers
from benchmarks.report import Facts, Row, Section, absent
from benchmarks.timing import installed, interleaved
from benchmarks.workload import Workload
from benchmarks.workloads import bundle
from codegen_ad import differentiate

RESIDUALS = Workload(
    key="bundle-jacobian",
    title="Bundle adjustment of ADBench, 31,843 observations, sparse Jacobian",
    function=bundle.reprojection,
    wrt=("camera", "point", "weight"),
    data=bundle.reprojection_data,
    sizes={"observations": 31843, "cameras": 49, "points": 7776},
    quick={"observations": 2000, "cameras": 49, "points": 7776},
    tiny={"observations": 9, "cameras": 2, "points": 4},
)
OWN = "codegen_ad, jacobian(sparse=True)"
PRODUCTS = "codegen_ad, 15 products"


def by_products(function, camera, point, weight, seen) -> np.ndarray:
    """The blocks, `(n, 2, 15)`: derivatives by 11 numbers of a camera, 3 of a point, the weight."""
    blocks = np.empty((len(camera), 2, 15))
    for k in range(15):
        tangent = [np.zeros_like(a) for a in (camera, point, weight[:, None])]
        part, column = (0, k) if k < 11 else (1, k - 11) if k < 14 else (2, 0)
        tangent[part][:, column] = 1.0
        directions = (tangent[0], tangent[1], tangent[2][:, 0])
        _, blocks[:, :, k] = function.jvp(camera, point, weight, seen, tangent=directions)
    return blocks


def times_vector(blocks, which, cameras, vector) -> np.ndarray:
    """What the Jacobian that the blocks are of makes of a vector, without the weights' own rows."""
    points = (len(vector) - 11 * cameras - len(which)) // 3
    end = 11 * cameras + 3 * points
    columns = [
        vector[: 11 * cameras].reshape(cameras, 11)[which[:, 0]],
        vector[11 * cameras : end].reshape(points, 3)[which[:, 1]],
        vector[end:, None],
    ]
    return np.einsum("nrc,nc->nr", blocks, np.concatenate(columns, axis=1)).ravel()


def with_jax(camera, point, weight, seen) -> Callable[[], object]:
    """`jacfwd` of one observation, vmapped and jitted."""
    import jax
    import jax.numpy as jnp

    model = peers.in_numpy(jnp)["reprojection"]

    def one(numbers, seen):
        camera, point, weight = numbers[None, :11], numbers[None, 11:14], numbers[14:]
        return model(camera, point, weight, seen[None])[0]

    run = jax.jit(jax.vmap(jax.jacfwd(one)))
    numbers = jnp.concatenate([camera, point, weight[:, None]], axis=1)
    seen = jnp.asarray(seen)
    return lambda: jax.block_until_ready(run(numbers, seen))


def measure(*, quick: bool) -> Section:
    sizes = RESIDUALS.quick if quick else RESIDUALS.sizes
    arguments = bundle.reprojection_data(**sizes)
    function = own(RESIDUALS)
    expected = by_products(function, *arguments)
    all_numbers = bundle.residuals_data(**sizes)
    numbers, cameras, _, which, _ = all_numbers
    whole = differentiate(bundle.residuals, wrt="numbers")
    start = time.perf_counter()
    matrix = whole.jacobian(*all_numbers, sparse=True)
    first = time.perf_counter() - start
    vector = np.random.default_rng(0).normal(size=len(numbers))
    product = times_vector(expected, which, cameras, vector)
    np.testing.assert_allclose((matrix @ vector)[: len(product)], product, rtol=1e-8, atol=1e-8)
    cases: dict[str, Callable[[], object]] = {
        OWN: lambda: whole.jacobian(*all_numbers, sparse=True),
        PRODUCTS: lambda: by_products(function, *arguments),
        "codegen_ad, residuals alone": lambda: function.value(*arguments),
    }
    rows: list[Row] = []
    if installed("jax"):
        cases["JAX, vmapped jacfwd"] = with_jax(*arguments)
        np.testing.assert_allclose(cases["JAX, vmapped jacfwd"](), expected, rtol=1e-7, atol=1e-9)
    else:
        rows.append(absent("JAX, vmapped jacfwd"))
    used = {name: memory.of_call(run) for name, run in cases.items()}
    times = interleaved(cases, rounds=3 if quick else 7, budget=20)
    for name, seconds in times.items():
        ratio = seconds / times[OWN]
        target, reached = ("at least 5", ratio >= 5) if name.startswith("JAX") else ("", None)
        rows.append(Row(name, seconds, "s", ratio, "", target, reached, used[name]))
    text = str(function.source(*arguments, mode="jvp"))
    facts = Facts(
        ratio=times[OWN] / times["codegen_ad, residuals alone"],
        limit=15.0,
        compile_seconds=first - times[OWN],
        lines=text.count("\n"),
        bytes=len(text.encode()),
        process_bytes=memory.of_process(),
    )
    return Section(RESIDUALS.title, tuple(rows), RESIDUALS.key, facts)
