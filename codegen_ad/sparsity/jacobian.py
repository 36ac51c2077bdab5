"""Sparse Jacobians of calls: pattern, colours and kernel are found once, the values each time.

What builds and reads programs is handed in, as for other kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from codegen_ad.derive.forward import has_forward_rules, has_reverse_rules
from codegen_ad.errors import InvalidArgument, MissingDependency
from codegen_ad.frontend.reader import Leaf
from codegen_ad.ir.node import Node, Program
from codegen_ad.paths import targets, value_at
from codegen_ad.runtime.arguments import leaves_of, prepared, rebuild
from codegen_ad.runtime.compiled import flat
from codegen_ad.runtime.dependencies import resolve
from codegen_ad.runtime.dispatch import Kernels, Prepared
from codegen_ad.runtime.structures import mapped
from codegen_ad.signature import Signature
from codegen_ad.sparsity.colouring import Colouring, coloured
from codegen_ad.sparsity.trace import pattern

Array = NDArray[Any]
PLANS = 8
"""How many patterns are kept for each kind of arguments."""

MANY = 8
"""From so many colours on these are the innermost axis, for which loops use vectors."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A function as a program, before anything is derived.

    Attributes
    ----------
    program : its one output is what is differentiated.
    leaves : what its inputs are.
    wrt : the inputs in which it is differentiated.
    """

    program: Program
    leaves: tuple[Leaf, ...]
    wrt: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """The part of a pattern in one of the differentiated inputs.

    Attributes
    ----------
    indptr, indices : compressed sparse rows.
    entries : where each entry stands among the products, in C order.
    size : how many columns there are.
    shape : of the input.
    """

    indptr: Array
    indices: Array
    entries: Array
    size: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the Jacobian is computed at some sizes and integers.

    Attributes
    ----------
    colouring : its lines are all columns, one input after another, or all rows.
    blocks : one for each input.
    seeds : the directions of each colour, as the kernel takes them.
    """

    colouring: Colouring
    blocks: tuple[Block, ...]
    seeds: tuple[Array, ...]

    @property
    def kernel(self) -> str:
        """The mode of the kernel that computes the products."""
        mode = "compressed:forward" if self.colouring.is_forward else "compressed:reverse"
        return f"{mode}:last" if self.is_last else mode

    @property
    def is_last(self) -> bool:
        """Whether the colours are the last axis of directions and products, not the first."""
        return _is_last(self.colouring)


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
            for block, data in zip(plan.blocks, _entries_of(plan, products), strict=True)
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
            indptr, columns = pattern(program, subject.wrt, leaves)
        except InvalidArgument:
            self._kernels.prepare("compressed:forward", arguments)  # says so in the user's terms
            raise
        shapes = [np.shape(leaves[program.inputs.index(w)]) for w in subject.wrt]
        rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
        whole = (len(indptr) - 1, sum(sizes))
        colouring = coloured(rows, columns, whole, forward=forward, reverse=reverse)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        blocks = tuple(
            _block(rows, columns, whole[0], int(start), size, shape, colouring)
            for start, size, shape in zip(starts, sizes, shapes, strict=False)
        )
        return Plan(colouring, blocks, _seeds(program, subject.wrt, colouring, blocks, leaves))


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


def _is_last(colouring: Colouring) -> bool:
    return colouring.count >= MANY


def _block(
    rows: Array,
    columns: Array,
    count: int,
    start: int,
    size: int,
    shape: tuple[int, ...],
    colouring: Colouring,
) -> Block:
    """The columns from `start` on."""
    inside = (columns >= start) & (columns < start + size)
    own_rows, own = rows[inside], columns[inside] - start
    indptr = np.concatenate([[0], np.cumsum(np.bincount(own_rows, minlength=count))])
    largest = max(size, len(own), count)
    kind = np.int32 if largest <= np.iinfo(np.int32).max else np.int64
    lines, places, length = (
        (start + own, own_rows, count) if colouring.is_forward else (own_rows, own, size)
    )
    colours = colouring.colours[lines].astype(np.intp)
    last = _is_last(colouring)
    entries = places * colouring.count + colours if last else colours * length + places
    return Block(indptr.astype(kind), own.astype(kind), entries, size, shape)


def _seeds(
    program: Program,
    wrt: Sequence[Node],
    colouring: Colouring,
    blocks: Sequence[Block],
    leaves: Sequence[Any],
) -> tuple[Array, ...]:
    """For each colour the sum of its unit vectors."""
    if not colouring.is_forward:
        (output,) = program.outputs
        shape = _output_shape(program, leaves)
        return (_one_hot(colouring, colouring.colours, output, shape),)
    ends = np.cumsum([b.size for b in blocks])[:-1]
    parts = np.split(colouring.colours, ends)
    return tuple(
        _one_hot(colouring, part, node, block.shape)
        for part, node, block in zip(parts, wrt, blocks, strict=True)
    )


def _one_hot(colouring: Colouring, colours: Array, node: Node, shape: tuple[int, ...]) -> Array:
    dtype, count, every = node.array.dtype.numpy_name, colouring.count, np.arange(len(colours))
    if _is_last(colouring):
        seeds = np.zeros((len(colours), count), dtype)
        seeds[every, colours] = 1
        return seeds.reshape(*shape, count)
    seeds = np.zeros((count, len(colours)), dtype)
    if count:
        seeds[colours, every] = 1
    return seeds.reshape(count, *shape)


def _output_shape(program: Program, leaves: Sequence[Any]) -> tuple[int, ...]:
    sizes = {
        d.name: n
        for i, leaf in zip(program.inputs, leaves, strict=True)
        for d, n in zip(i.array.shape, np.shape(leaf), strict=True)
        if d.name is not None
    }
    return tuple(d.evaluate(sizes) for d in program.outputs[0].array.shape)


def _entries_of(plan: Plan, products: Sequence[Array]) -> list[Array]:
    """The entries of each block."""
    of = [products[0]] * len(plan.blocks) if plan.colouring.is_forward else products
    return [p.ravel().take(block.entries) for p, block in zip(of, plan.blocks, strict=True)]


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
