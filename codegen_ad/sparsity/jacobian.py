"""Sparse Jacobians of calls: pattern, colours and kernel are found once, the values each time.

What builds and reads programs is handed in, as for other kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

import numpy as np

from codegen_ad.derive.forward import has_forward_rules, has_reverse_rules
from codegen_ad.errors import InvalidArgument, MissingDependency
from codegen_ad.paths import targets, value_at
from codegen_ad.runtime.arguments import leaves_of, prepared, rebuild
from codegen_ad.runtime.compiled import flat
from codegen_ad.runtime.dependencies import resolve
from codegen_ad.runtime.dispatch import Kernels, Prepared
from codegen_ad.runtime.structures import mapped
from codegen_ad.signature import Signature
from codegen_ad.sparsity.plans import Plan, Subject, entries_of, planned

PLANS = 8
"""How many patterns are kept for each kind of arguments."""


@dataclass(slots=True)
class _Entry:
    """What is known for one signature."""

    subject: Subject
    kernels: dict[str, Prepared] = field(default_factory=dict[str, Prepared])
    plans: dict[bytes, Plan] = field(default_factory=dict[bytes, Plan])

    def is_current(self) -> bool:
        """Whether all that the program was read from is as it was: its kernels watch that."""
        kernels = self.kernels.values()
        return bool(kernels) and all(kernel.watch.unchanged() for kernel in kernels)


class SparseJacobians:
    """The sparse Jacobians of one function in this process."""

    def __init__(self, kernels: Kernels, read: Callable[[Signature], Subject]) -> None:
        self._kernels = kernels
        self._read = read
        self._entries: dict[tuple[str, Signature], _Entry] = {}

    def __call__(self, mode: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The Jacobian, structured like the dense one, of `scipy.sparse.csr_array`.

        Raises
        ------
        MissingDependency
            If there is no SciPy.
        NotDifferentiable
            If there are several results, or their sizes depend on floating point numbers.
        """
        sparse = _scipy_sparse()
        arguments = self._kernels.binder.bind(args, kwargs)
        signature = self._kernels.binder.form(arguments)
        key = (mode, signature)
        entry = self._entries.get(key)
        if entry is None or not entry.is_current():
            entry = self._entries[key] = _Entry(self._read(signature))
        leaves = self._leaves(entry.subject, signature, arguments)
        digest = _digest(leaves)
        plan = entry.plans.get(digest)
        if plan is None:
            plan = self._plan(entry.subject, leaves, mode, arguments)
            while len(entry.plans) >= PLANS:
                entry.plans.pop(next(iter(entry.plans)))
            entry.plans[digest] = plan
        ready, leaves = self._kernels.prepare(plan.kernel, arguments)
        entry.kernels[plan.kernel] = ready
        products = [np.asarray(p) for p in flat(ready.compiled.call([*leaves, *plan.seeds]))]
        blocks = [
            sparse.csr_array(
                (data, block.indices.copy(), block.indptr.copy()),
                shape=(len(block.indptr) - 1, block.size),
            )
            for block, data in zip(plan.blocks, entries_of(plan, products), strict=True)
        ]
        return _structured(ready, arguments, blocks)

    def _leaves(
        self, subject: Subject, signature: Signature, arguments: Mapping[str, Any]
    ) -> list[Any]:
        """The value of every input of the program."""
        values: list[Any] = []
        for (name, form), value in zip(signature.parameters, arguments.values(), strict=True):
            values.extend(leaves_of(value, form, name))
        captured = [leaf.source for leaf in subject.leaves if leaf.captured]
        root = self._kernels.root
        return values + [prepared(resolve(root, path), "a captured array") for path in captured]

    def _plan(
        self, subject: Subject, leaves: Sequence[Any], mode: str, arguments: Mapping[str, Any]
    ) -> Plan:
        program, option = subject.program, mode.partition(":")[2]
        forward = option == "forward" or (option == "" and has_forward_rules(program))
        reverse = option == "reverse" or (option == "" and has_reverse_rules(program))
        reverse = reverse or not forward
        if len(program.outputs) != 1:
            self._kernels.prepare("compressed:forward", arguments)  # refuses
        try:
            return planned(subject, leaves, forward=forward, reverse=reverse)
        except InvalidArgument:
            self._kernels.prepare("compressed:forward", arguments)  # says so in the user's terms
            raise


def _scipy_sparse() -> Any:
    try:
        from scipy import sparse  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise MissingDependency("scipy", "blas", "for sparse=True") from None
    return sparse


def _digest(leaves: Sequence[Any]) -> bytes:
    """What a pattern depends on: the sizes, and all that is no floating point number."""
    state = blake2b(digest_size=16)
    for leaf in leaves:
        array = np.asarray(leaf)
        state.update(repr((array.shape, array.dtype.str)).encode())
        if array.dtype.kind != "f":
            state.update(np.ascontiguousarray(array).data)
    return state.digest()


def _structured(ready: Prepared, arguments: Mapping[str, Any], blocks: Sequence[Any]) -> Any:
    """The blocks in the structure of what is differentiated, in that of the result."""
    data = ready.compiled.metadata
    chosen = data["output"][2][0] if data["has_aux"] else data["output"]
    found = targets(ready.signature, cast("list[str]", data["wrt"]))
    leaves = iter(blocks)
    parts = [
        rebuild(t.form, value_at(arguments, t, ready.signature), cast("Any", leaves)) for t in found
    ]
    whole = parts[0] if len(parts) == 1 else tuple(parts)
    floats = data["floats"]
    return mapped(chosen, lambda k: whole if k in floats else None)
