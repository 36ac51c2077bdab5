"""What each element of each value depends on, as a graph; and what that comes to in the inputs.

An element is known by the number of a vertex: 0 depends on nothing, `1 … width` are the elements
that are differentiated, and every other vertex depends on those that its edges lead to. Values that
only move elements about need no vertices of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Vertices = NDArray[np.int64]
"""The vertex of each element of a value, in the value's shape."""


class Graph:
    """A growing graph of dependences on `width` elements."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._count = width + 1
        self._from: list[Ints] = []
        self._to: list[Ints] = []
        self._has_cycles = False

    def fresh(self, count: int) -> Vertices:
        """New vertices."""
        first = self._count
        self._count += count
        return np.arange(first, self._count)

    def add(self, vertices: Vertices, others: Vertices) -> None:
        """Let each of the vertices depend on the other at its place, too."""
        self._from.append(vertices.ravel())
        self._to.append(others.ravel())

    def close(self, vertices: Vertices, others: Vertices) -> None:
        """The same, where the others may depend on the vertices already."""
        self._has_cycles = True
        self.add(vertices, others)

    def both(self, first: Vertices, second: Vertices) -> Vertices:
        """What depends on both at each place, broadcast."""
        if not first.ndim and not second.ndim:
            return self._one(first, second)
        first, second = np.broadcast_arrays(first, second)
        result = np.where(first == 0, second, first)
        differ = (first != 0) & (second != 0) & (first != second)
        count = int(np.count_nonzero(differ))
        if count:
            result[differ] = new = self.fresh(count)
            self.add(new, first[differ])
            self.add(new, second[differ])
        return result

    def _one(self, first: Vertices, second: Vertices) -> Vertices:
        """The same for two elements, as loops over elements ask for it."""
        if not first or first == second:
            return second
        if not second:
            return first
        new = self.fresh(1).reshape(())
        self.add(new, first)
        self.add(new, second)
        return new

    def grouped(self, vertices: Vertices, groups: Ints, count: int) -> Vertices:
        """For each of `count` groups, what depends on all vertices with its number."""
        vertices, groups = vertices.ravel(), groups.ravel()
        held = vertices != 0
        vertices, groups = vertices[held], groups[held]
        low = np.full(count, self._count)
        high = np.zeros(count, np.int64)
        np.minimum.at(low, groups, vertices)
        np.maximum.at(high, groups, vertices)
        several = low < high
        high[several] = self.fresh(int(np.count_nonzero(several)))
        chosen = several[groups]
        self.add(high[groups[chosen]], vertices[chosen])
        return high

    def along(self, vertices: Vertices, axes: tuple[int, ...]) -> Vertices:
        """What depends on all elements along these axes, which have size 1 then."""
        shape = vertices.shape
        kept = tuple(1 if a in axes else s for a, s in enumerate(shape))
        count = int(np.prod(kept, dtype=np.int64))
        groups = np.broadcast_to(np.arange(count).reshape(kept), shape)
        return self.grouped(vertices, groups, count).reshape(kept)

    def before(self, vertices: Vertices, axis: int) -> Vertices:
        """For each element, what depends on it and all before it along an axis."""
        rows = np.moveaxis(vertices, axis, 0).copy()
        for k in range(1, len(rows)):
            rows[k] = self.both(rows[k - 1], rows[k])
        return np.moveaxis(rows, 0, axis)

    def rows(self, vertices: Vertices) -> tuple[Ints, Ints]:
        """The elements that each vertex depends on in the end: `indptr` and sorted `indices`."""
        below, above = self._edges()
        targets = vertices.ravel()
        if self._has_cycles:
            targets, below, above, names = self._condensed(targets, below, above)
        else:
            names = np.arange(self.width + 1)
        return _reached(targets, below, above, names)

    def _edges(self) -> tuple[Ints, Ints]:
        none = np.zeros(0, np.int64)
        below, above = np.concatenate([none, *self._from]), np.concatenate([none, *self._to])
        used = above != 0
        return below[used], above[used]

    def _condensed(self, targets: Ints, below: Ints, above: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """The same graph with each cycle as one vertex; 0 and the inputs keep their numbers."""
        import scipy.sparse as library  # pyright: ignore[reportMissingTypeStubs]
        import scipy.sparse.csgraph as graphs  # pyright: ignore[reportMissingTypeStubs]

        sparse: Any = library
        csgraph: Any = graphs
        size = self._count
        matrix: Any = sparse.coo_array((np.ones(len(below), np.int8), (below, above)), (size, size))
        found: Any = csgraph.connected_components(matrix.tocsr(), connection="strong")
        count, label = int(found[0]), np.asarray(found[1], np.int64)
        # Inputs and 0 are in no cycle; numbering them first keeps their names.
        first = label[: self.width + 1]
        number = np.full(count, -1)
        number[first] = np.arange(len(first))
        others = number < 0
        number[others] = np.arange(len(first), count)
        label = number[label]
        below, above = label[below], label[above]
        apart = below != above
        return label[targets], below[apart], above[apart], np.arange(self.width + 1)


def _reached(targets: Ints, below: Ints, above: Ints, names: Ints) -> tuple[Ints, Ints]:
    """The inputs that each target reaches, without cycles: level after level, from the inputs."""
    size = int(max(targets.max(initial=0), below.max(initial=0), len(names) - 1)) + 1
    by_below = _Adjacency(below, above, size)
    is_live = _live(targets, by_below, size)
    used = is_live[below]
    below, above = below[used], above[used]
    by_above = _Adjacency(above, below, size)
    by_below = _Adjacency(below, above, size)
    table = _Table(size)
    table.put(names[1:], np.ones(len(names) - 1, np.int64), names[1:] - 1)
    missing = np.bincount(below, minlength=size)
    frontier = names[1:]
    # A vertex without edges of its own depends on nothing, and what waits for it need not.
    empty = np.flatnonzero(is_live & (missing == 0))
    frontier = np.concatenate([frontier, empty[empty >= len(names)]])
    while len(frontier):
        _, following = by_above.of(frontier)
        vertices, counts = _distinct(following)
        missing[vertices] -= counts
        frontier = vertices[missing[vertices] == 0]
        if not len(frontier):
            break
        groups, sources = by_below.of(frontier)
        table.join(frontier, groups, sources, len(names))
    _, indptr, indices = table.get(targets)
    return indptr, indices


def _live(targets: Ints, edges: _Adjacency, size: int) -> NDArray[np.bool_]:
    """Which vertices the targets lead to."""
    seen = np.zeros(size, np.bool_)
    frontier, _ = _distinct(targets)
    while len(frontier):
        seen[frontier] = True
        _, found = edges.of(frontier)
        frontier, _ = _distinct(found[~seen[found]])
    return seen


class _Adjacency:
    """The other ends of the edges at each vertex."""

    def __init__(self, ends: Ints, others: Ints, size: int) -> None:
        self._others = others[np.argsort(ends, kind="stable")]
        self._start = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=size))])

    def of(self, vertices: Ints) -> tuple[Ints, Ints]:
        """The other ends, one vertex after another, with the place of the vertex in `vertices`."""
        start = self._start[vertices]
        counts = self._start[vertices + 1] - start
        return np.repeat(np.arange(len(vertices)), counts), self._others[_ranges(start, counts)]


class _Table:
    """The sorted inputs of each vertex, in one growing array."""

    def __init__(self, size: int) -> None:
        self._start = np.zeros(size, np.int64)
        self._counts = np.zeros(size, np.int64)
        self._held = np.zeros(1024, np.int64)
        self._used = 0

    def put(self, vertices: Ints, counts: Ints, inputs: Ints) -> None:
        """Keep the inputs of the vertices, one after another."""
        needed = self._used + len(inputs)
        if needed > len(self._held):
            self._held = np.resize(self._held, max(needed, 2 * len(self._held)))
        self._held[self._used : needed] = inputs
        self._start[vertices] = self._used + np.cumsum(counts) - counts
        self._counts[vertices] = counts
        self._used = needed

    def get(self, vertices: Ints) -> tuple[Ints, Ints, Ints]:
        """For each vertex its count; where its inputs begin in the last array, with the end."""
        counts = self._counts[vertices]
        inputs = self._held[_ranges(self._start[vertices], counts)]
        return counts, np.concatenate([[0], np.cumsum(counts)]), inputs

    def join(self, vertices: Ints, groups: Ints, sources: Ints, width: int) -> None:
        """Keep for each vertex the inputs of all sources of its group."""
        counts, _, inputs = self.get(sources)
        keys, _ = _distinct(np.repeat(groups, counts) * width + inputs)
        self.put(vertices, np.bincount(keys // width, minlength=len(vertices)), keys % width)


def _distinct(numbers: Ints) -> tuple[Ints, Ints]:
    """The numbers in order, each once, and how often each was there."""
    numbers = np.sort(numbers)
    first = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)])
    return numbers[first], np.diff(first, append=len(numbers))


def _ranges(start: Ints, counts: Ints) -> Ints:
    """The integers `start … start + count - 1` of each pair, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(start - (ends - counts), counts) + np.arange(total)
