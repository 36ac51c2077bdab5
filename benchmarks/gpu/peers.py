"""The same losses by others on the same device, where they are installed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.gpu.cases import Case

ROUNDS = 7


@dataclass(frozen=True)
class Peer:
    """A library that gives value and gradient.

    Attributes
    ----------
    name : as the table calls it.
    package : what must be installed.
    make : from a case and its arguments to what computes them, and what waits for that.
    """

    name: str
    package: str
    make: Callable[[Case, tuple[Any, ...]], tuple[Callable[[], Any], Callable[[Any], Any]]]

    def is_installed(self) -> bool:
        """Whether the library is there."""
        return find_spec(self.package) is not None

    def seconds(self, case: Case, arguments: tuple[Any, ...]) -> float:
        """Time of one call, with the data on the device."""
        work, wait = self.make(case, arguments)
        wait(work())
        begin = time.perf_counter()
        wait(work())
        once = time.perf_counter() - begin
        count = max(1, min(200, int(0.05 / max(once, 1e-6))))
        found: list[float] = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            for _ in range(count):
                last = work()
            wait(last)
            found.append((time.perf_counter() - begin) / count)
        return sorted(found)[ROUNDS // 2]


def _losses(xp: Any) -> dict[str, Callable[..., Any]]:
    """The functions of the cases, by name, in another library's operations."""

    def peak(p: Any, x: Any, y: Any) -> Any:
        model = p[0] * xp.exp(-(((x - p[1]) / p[2]) ** 2) / 2) + p[3]
        return ((model - y) ** 2).mean()

    def polynomial(w: Any, x: Any, y: Any) -> Any:
        model = w[0]
        for k in range(1, len(w)):
            model = model * x + w[k]
        return ((model - y) ** 2).mean()

    def peaks(heights: Any, places: Any, widths: Any, x: Any, y: Any) -> Any:
        model = 0.0 * x
        for k in range(len(heights)):
            model = model + heights[k] * xp.exp(-(((x - places[k]) * widths[k]) ** 2))
        return ((model - y) ** 2).mean()

    return {"peak": peak, "cubic": polynomial, "septic": polynomial, "peaks": peaks}


def _torch(case: Case, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    torch = import_module("torch")
    if not torch.cuda.is_available():
        raise RuntimeError("torch finds no device")
    varied = len(arguments) - case.arrays
    tensors = [torch.from_numpy(np.ascontiguousarray(a)).cuda() for a in arguments]
    for tensor in tensors[:varied]:
        tensor.requires_grad_()
    loss = torch.compile(_losses(torch)[case.function.__name__])

    def work() -> Any:
        return torch.autograd.grad(loss(*tensors), tensors[:varied])

    return work, lambda _: torch.cuda.synchronize()


def _jax(case: Case, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    jax: Any = import_module("jax")
    if all(d.platform == "cpu" for d in jax.devices()):
        raise RuntimeError("JAX finds no device")
    jax.config.update("jax_enable_x64", True)
    varied = tuple(range(len(arguments) - case.arrays))
    held = [jax.device_put(a) for a in arguments]
    loss = _losses(jax.numpy)[case.function.__name__]
    compiled = jax.jit(jax.value_and_grad(loss, varied))
    return lambda: compiled(*held), jax.block_until_ready


def _cupy(case: Case, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    """The value alone: CuPy differentiates nothing."""
    cupy: Any = import_module("cupy")
    held = [cupy.asarray(a) for a in arguments]
    loss = _losses(cupy)[case.function.__name__]
    return lambda: loss(*held), lambda _: cupy.cuda.get_current_stream().synchronize()


PEERS = (
    Peer("torch.compile", "torch", _torch),
    Peer("JAX", "jax", _jax),
    Peer("CuPy, the value alone", "cupy", _cupy),
)
