"""Who computes a value and its gradients: codegen_ad, and the adaptors of the peers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.workload import Peer, Run, Workload
from codegen_ad import differentiate

Models = Callable[[Any], dict[str, Callable[..., Any]]]
"""Functions of a library that has NumPy's names, by their own names."""


def own(workload: Workload) -> Any:
    """The function with its derivatives."""
    return differentiate(workload.function, wrt=workload.wrt, checkpoint=workload.checkpoint)


def jax(models: Models, name: str, places: Sequence[int] = (0,)) -> Peer:
    """`jax.value_and_grad`, jitted; whole numbers and numbers of steps are static."""

    def make(*arguments: Any) -> Run:
        import jax
        import jax.numpy as jnp

        model = models(jnp)[name]
        static = tuple(k for k, a in enumerate(arguments) if isinstance(a, int))
        compiled = jax.jit(jax.value_and_grad(model, tuple(places)), static_argnums=static)
        given = [
            a if k in static else jax.tree_util.tree_map(jnp.asarray, a)
            for k, a in enumerate(arguments)
        ]
        return lambda: jax.block_until_ready(compiled(*given))

    return make


def autograd(models: Models, name: str, places: Sequence[int] = (0,)) -> Peer:
    """HIPS autograd: NumPy, traced anew in each call."""

    def make(*arguments: Any) -> Run:
        import autograd
        import autograd.numpy

        run = autograd.value_and_grad(models(autograd.numpy)[name], tuple(places))
        return lambda: run(*arguments)

    return make


def torch(models: Callable[[], dict[str, Callable[..., Any]]], name: str, places=(0,)) -> Peer:
    """PyTorch, eagerly, with its autograd."""

    def make(*arguments: Any) -> Run:
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        model = models()[name]
        given = [_tensors(a, torch) for a in arguments]
        for k in places:
            if isinstance(given[k], float):
                given[k] = torch.tensor(given[k], dtype=torch.float64)
        leaves = [leaf for k in places for leaf in _leaves(given[k])]
        for leaf in leaves:
            leaf.requires_grad_(True)

        def run() -> Any:
            value = model(*given)
            return value, torch.autograd.grad(value, leaves)

        return run

    return make


def _tensors(value: Any, torch: Any) -> Any:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value).clone()
    if isinstance(value, list | tuple):
        return type(value)(_tensors(v, torch) for v in value)
    return value


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in _leaves(v)]
    return [value]
