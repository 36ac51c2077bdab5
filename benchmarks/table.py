"""The workloads of the table, in its order: sizes, peers, and what is to be reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import contenders as by
from benchmarks.peers import bundle as bundle_peers
from benchmarks.peers import curves as curve_peers
from benchmarks.peers import dynamics as dynamics_peers
from benchmarks.peers import filters as filter_peers
from benchmarks.peers import heat as heat_peers
from benchmarks.peers import mixture as mixture_peers
from benchmarks.peers import networks as network_peers
from benchmarks.peers import recurrent as recurrent_peers
from benchmarks.peers import regression as regression_peers
from benchmarks.workload import Peer, Workload
from benchmarks.workloads import (
    bundle,
    curves,
    dynamics,
    filters,
    heat,
    mixture,
    networks,
    recurrent,
    regression,
)

SUMS, ARRAYS, PRODUCTS, ANY = 1.5, 2.0, 3.1, 4.0
"""What a gradient may cost relative to the value: of elementwise losses that are sums; gradients
of the data's size, fused; matrix products; anything."""


def common(peers: Any, name: str, places: tuple[int, ...] = (0,)) -> dict[str, Peer]:
    """JAX, PyTorch and autograd, where all three do it with arrays alone."""
    return {
        "JAX, jitted": by.jax(peers.in_numpy, name, places),
        "PyTorch": by.torch(peers.in_torch, name, places),
        "autograd": by.autograd(peers.in_numpy, name, places),
    }


def peaks() -> Iterator[Workload]:
    """The Gaussian peak, from a thousand points to a hundred million."""
    for dtype, short in (("float64", ""), ("float32", "-f4")):
        for exponent in (3, 6, 8):
            points = 10**exponent
            yield Workload(
                key=f"peak{short}-1e{exponent}",
                title=f"Gaussian peak, 10^{exponent} points, {dtype}, per point",
                function=curves.peak,
                wrt=("p",),
                data=curves.peak_data,
                sizes={"points": points, "dtype": dtype},
                quick={"points": min(points, 10**5), "dtype": dtype},
                tiny={"points": 50, "dtype": dtype},
                peers=common(curve_peers, "peak") | {"C, polynomial exp": curve_peers.peak_in_c},
                targets={
                    "C, polynomial exp": 1 / 1.3,
                    **({"JAX, jitted": 8.0} if exponent == 6 else {}),
                },
                limit=SUMS,
                per="points",
                rtol=1e-8 if dtype == "float64" else 5e-3,
            )


def regressions() -> Iterator[Workload]:
    rows = {"points": 1_000_000, "columns": 20}
    for name, title, places in (
        ("logistic", "Logistic regression", (0,)),
        ("poisson", "Poisson regression", (0,)),
        ("student_t", "Robust regression, Student's t", (0, 1)),
    ):
        yield Workload(
            key=name.replace("_", "-"),
            title=f"{title}, 10^6 rows of 20",
            function=getattr(regression, name),
            wrt=("w", "log_scale")[: len(places)],
            data=getattr(regression, f"{name}_data"),
            sizes=rows,
            quick=rows | {"points": 20_000},
            tiny={"points": 5, "columns": 20},
            peers={
                "JAX, jitted": by.jax(regression_peers.in_numpy, name, places),
                "PyTorch": by.torch(regression_peers.in_torch, name, places),
            },
            targets={"JAX, jitted": 4.0},
            limit=SUMS,
        )


def mixtures() -> Iterator[Workload]:
    for points, dimensions, parts, threads in (
        (1024, 10, 25, 1),
        (1024, 10, 25, 2),
        (10240, 10, 25, 1),
        (1024, 64, 10, 1),
    ):
        size = {"points": points, "dimensions": dimensions, "parts": parts}
        two = threads == 2
        yield Workload(
            key=f"gmm-{points}-{dimensions}-{parts}{'-two' if two else ''}",
            title=f"Gaussian mixture of ADBench, n={points} d={dimensions} k={parts}"
            + (", two threads" if two else ""),
            function=mixture.mixture,
            wrt=("alphas", "means", "icf"),
            data=mixture.mixture_data,
            sizes=size,
            quick=size | {"points": 256},
            tiny={"points": 5, "dimensions": 9, "parts": 9},
            peers={
                "JAX, jitted": by.jax(mixture_peers.in_jax, "mixture", (0, 1, 2)),
                "PyTorch": by.torch(mixture_peers.in_torch, "mixture", (0, 1, 2)),
                "C, tiles of rows, one thread": mixture_peers.in_c,
            },
            targets={"JAX, jitted": 4.0, "C, tiles of rows, one thread": 1 / 1.5},
            threads=threads,
            limit=PRODUCTS,
        )


def sequences() -> Iterator[Workload]:
    """Loops over time."""
    yield Workload(
        key="lstm",
        title="LSTM of ADBench, 1,024 steps, two layers of 14",
        function=recurrent.lstm,
        wrt=("main", "extra"),
        data=recurrent.lstm_data,
        sizes={"steps": 1024, "width": 14, "layers": 2},
        quick={"steps": 128, "width": 14, "layers": 2},
        tiny={"steps": 5, "width": 9, "layers": 2},
        peers={
            "JAX, lax.scan": by.jax(recurrent_peers.in_jax, "lstm", (0, 1)),
            "PyTorch": by.torch(recurrent_peers.in_torch, "lstm", (0, 1)),
        },
        fewer={"PyTorch": 256},
        targets={"JAX, lax.scan": 2.0},
    )
    yield Workload(
        key="recurrent",
        title="Two recurrent layers of 64, 200 steps",
        function=recurrent.two_layers,
        wrt=("W", "b", "U", "c", "V"),
        data=recurrent.two_layers_data,
        sizes={"steps": 200, "inputs": 16, "width": 64, "outputs": 4},
        quick={"steps": 50, "inputs": 16, "width": 64, "outputs": 4},
        tiny={"steps": 4, "inputs": 9, "width": 11, "outputs": 3},
        peers={
            "JAX, lax.scan": by.jax(recurrent_peers.in_jax, "two_layers", (0, 1, 2, 3, 4)),
            "PyTorch": by.torch(recurrent_peers.in_torch, "two_layers", (0, 1, 2, 3, 4)),
        },
        targets={"JAX, lax.scan": 2.0},
    )
    yield Workload(
        key="lotka-volterra",
        title="Lotka-Volterra by RK4, 2,000 steps",
        function=dynamics.lotka_volterra,
        wrt=("p",),
        data=dynamics.lotka_volterra_data,
        sizes={"steps": 2000},
        quick={"steps": 500},
        tiny={"steps": 6},
        peers={
            "JAX, lax.scan": by.jax(dynamics_peers.in_jax, "lotka_volterra"),
            "numba by hand, value alone": dynamics_peers.lotka_volterra_in_numba,
        },
        targets={"numba by hand, value alone": 1 / 4},
    )
    for name, wrt, peers, sizes, quick, tiny, title in (
        (
            "leapfrog", ("q", "p"), dynamics_peers,
            {"steps": 10_000}, {"steps": 500}, {"steps": 6},
            "Leapfrog, 10,000 steps",
        ),
        (
            "kalman", ("F", "log_q", "log_r"), filter_peers,
            {"steps": 5_000}, {"steps": 300}, {"steps": 5},
            "Kalman filter, 3 states, 5,000 steps",
        ),
        (
            "hmm", ("logits", "emission"), filter_peers,
            {"steps": 10_000, "states": 8, "symbols": 6},
            {"steps": 300, "states": 8, "symbols": 6},
            {"steps": 5, "states": 8, "symbols": 6},
            "Hidden Markov model, 8 states, 10,000 steps",
        ),
    ):  # fmt: skip
        places = tuple(range(len(wrt)))
        module = dynamics if name == "leapfrog" else filters
        yield Workload(
            key=name,
            title=title,
            function=getattr(module, name),
            wrt=wrt,
            data=getattr(module, f"{name}_data"),
            sizes=sizes,
            quick=quick,
            tiny=tiny,
            peers={
                "JAX, lax.scan": by.jax(peers.in_jax, name, places),
                "autograd": by.autograd(peers.in_autograd, name, places),
            },
            fewer={"autograd": 200},
            targets={"JAX, lax.scan": 20.0},
        )


def nets() -> Iterator[Workload]:
    batch = {"batch": 64, "inputs": 1000, "hidden": 100, "outputs": 10}
    yield Workload(
        key="relu-net",
        title="ReLU net, 64 x 1000 x 100 x 10",
        function=networks.relu_net,
        wrt=("w1", "w2"),
        data=networks.relu_net_data,
        sizes=batch,
        quick=batch,
        tiny={"batch": 4, "inputs": 12, "hidden": 9, "outputs": 3},
        peers={
            "NumPy by hand": network_peers.relu_net_by_hand,
            "JAX, jitted": by.jax(network_peers.in_jax, "relu_net", (0, 1)),
            "PyTorch": by.torch(network_peers.in_torch, "relu_net", (0, 1)),
        },
        targets={"NumPy by hand": 1 / 1.05, "PyTorch": 1.0},
        limit=PRODUCTS,
    )
    wide = {"batch": 4096, "sizes": (784, 512, 256, 10)}
    yield Workload(
        key="classifier",
        title="Classifier, 4096 x 784-512-256-10, cross-entropy",
        function=networks.classifier,
        wrt=("layers",),
        data=networks.classifier_data,
        sizes=wide,
        quick=wide | {"batch": 256},
        tiny={"batch": 5, "sizes": (11, 10, 9, 10)},
        peers={
            "JAX, jitted": by.jax(network_peers.in_jax, "classifier"),
            "PyTorch": by.torch(network_peers.in_torch, "classifier"),
        },
        targets={"JAX, jitted": 1.0, "PyTorch": 1.0},
        limit=PRODUCTS,
    )


def plates() -> Iterator[Workload]:
    source = "2-D heat with a source"
    for key, title, function, data, name, checkpoint, states in (
        ("heat", "2-D heat", heat.heat, heat.heat_data, "heat", None, _no_states),
        ("burning", source, heat.burning, heat.burning_data, "burning", None, _states_of_segments),
        (
            "burning-budget", f"{source} in 2 MB", heat.burning, heat.burning_data, "burning",
            "2 MB", _states_in_budget,
        ),
    ):  # fmt: skip
        yield Workload(
            key=key,
            title=f"{title}, 128 x 128, 500 steps",
            function=function,
            wrt=("u",),
            data=data,
            sizes={"side": 128, "steps": 500},
            quick={"side": 128, "steps": 50},
            tiny={"side": 6, "steps": 4},
            peers={"JAX, lax.scan": by.jax(heat_peers.in_jax, name)},
            targets={"JAX, lax.scan": 5.0},
            limit=ARRAYS if name == "heat" else ANY,
            checkpoint=checkpoint,
            memory=lambda side, steps, states=states: 8 * side**2 * (states(side, steps) + PLATES),
        )


PLATES = 6
"""Arrays of a plate's size that a gradient takes beside its states: two for each of three loops."""


def _no_states(side: int, steps: int) -> float:
    return 0


def _states_of_segments(side: int, steps: int) -> float:
    return (2 * steps) ** 0.5 + (steps / 2) ** 0.5 + 2


def _states_in_budget(side: int, steps: int) -> float:
    return 2e6 / (8 * side**2)


def others() -> Iterator[Workload]:
    """Bundle adjustment, bodies, and curves with other models."""
    seen = {"observations": 31843, "cameras": 49, "points": 7776}
    yield Workload(
        key="bundle",
        title="Bundle adjustment of ADBench, 31,843 observations, gradient",
        function=bundle.bundle,
        wrt=("cameras", "points", "weights"),
        data=bundle.bundle_data,
        sizes=seen,
        quick=seen | {"observations": 2000},
        tiny={"observations": 9, "cameras": 2, "points": 8},
        peers={
            "JAX, jitted": by.jax(bundle_peers.in_numpy, "bundle", (0, 1, 2)),
            "PyTorch": by.torch(bundle_peers.in_torch, "bundle", (0, 1, 2)),
        },
        targets={"JAX, jitted": 5.0},
        limit=ARRAYS,
    )
    yield Workload(
        key="nbody",
        title="N-body energy, 1,000 bodies",
        function=dynamics.nbody,
        wrt=("x",),
        data=dynamics.nbody_data,
        sizes={"bodies": 1000},
        quick={"bodies": 200},
        tiny={"bodies": 6},
        peers=common(dynamics_peers, "nbody"),
        targets=dict.fromkeys(("JAX, jitted", "PyTorch", "autograd"), 3.0),
        limit=ARRAYS,
    )
    for name, title, wrt, sizes, limit in (
        ("spline", "Cubic spline, 20 coefficients, 10^6 points", ("c",),
         {"points": 10**6, "knots": 20}, SUMS),
        ("decays", "Three exponential decays, 10^6 points", ("amplitudes", "rates"),
         {"points": 10**6}, SUMS),
        ("rosenbrock", "Rosenbrock of 10^6 variables", ("x",), {"variables": 10**6}, ARRAYS),
    ):  # fmt: skip
        first = next(iter(sizes))
        yield Workload(
            key=name,
            title=title,
            function=getattr(curves, name),
            wrt=wrt,
            data=getattr(curves, f"{name}_data"),
            sizes=sizes,
            quick=sizes | {first: 20_000},
            tiny=sizes | {first: 30},
            peers=common(curve_peers, name, tuple(range(len(wrt)))),
            targets=dict.fromkeys(("JAX, jitted", "PyTorch", "autograd"), 3.0),
            limit=limit,
        )


WORKLOADS: tuple[Workload, ...] = (
    *peaks(), *regressions(), *mixtures(), *sequences(), *nets(), *plates(), *others(),
)  # fmt: skip


def asked(word: str) -> list[Workload]:
    """The workloads of a key, or those whose keys begin with it: `gmm`."""
    return [w for w in WORKLOADS if w.key == word] or [
        w for w in WORKLOADS if w.key.startswith(f"{word}-")
    ]
