"""Which storages may be the same memory, where that depends on data.

Two storages are tangled if they may be one; the relation is kept pair by pair. It is not
transitive: after `u, v = v, u` in a loop each may be either of two arrays, and still they are never
the same. A write to a storage is refused while one that it is tangled with can still be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from codegen_ad.frontend.values import Cell

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

Tangled = Mapping[Cell, Mapping[Cell, str]]
Key = tuple[object, int]
"""Which of the arrays that a loop carries: a name or container, and the place in it."""


def may_be(tangled: Tangled, one: Cell, other: Cell) -> bool:
    """Whether two storages may be the same memory."""
    return one is other or other in tangled.get(one, ())


def may_be_any(tangled: Tangled, cell: Cell, outer: Iterable[Cell]) -> Iterator[Cell]:
    """Those of `outer` that a storage may be."""
    return (o for o in outer if may_be(tangled, cell, o))


@dataclass(frozen=True, slots=True)
class Joined:
    """A new storage for what was one storage on each path; None where a path does not count."""

    cell: Cell
    of: tuple[Cell | None, Cell | None]
    name: str


def tangle_joined(
    m: Machine, joined: Iterable[Joined], paths: tuple[Tangled, Tangled], outer: set[Cell]
) -> None:
    """Tangle new storages with each other and with older ones, wherever one path says so."""
    before: list[Joined] = []
    for new in joined:
        name = "this array" if new.name.startswith("%") else f"`{new.name}`"
        reason = (
            f"Whether {name} shares memory with another array that is still used depends on "
            "data, so it cannot be told who sees this write."
        )
        for tangled, cell in zip(paths, new.of, strict=True):
            if cell is not None:
                for old in may_be_any(tangled, cell, outer):
                    m.tangle(new.cell, old, reason)
        for other in before:
            pairs = zip(paths, new.of, other.of, strict=True)
            if new.cell is not other.cell and any(
                a is not None and b is not None and may_be(t, a, b) for t, a, b in pairs
            ):
                m.tangle(new.cell, other.cell, reason)
        before.append(new)


@dataclass(slots=True)
class Knots:
    """What the arrays that a loop carries may be at the start of an iteration."""

    outer: dict[Key, set[Cell]] = field(default_factory=dict[Key, set[Cell]])
    twins: set[frozenset[Key]] = field(default_factory=set[frozenset[Key]])

    def enter(self, m: Machine, starts: Mapping[Key, Cell], entries: Mapping[Key, Cell]) -> None:
        """Tangle the storages at the start of an iteration."""
        outer = set(m.store) - set(starts.values())
        for key, entry in entries.items():
            self.outer.setdefault(key, set()).update(may_be_any(m.tangled, entry, outer))
        for one, other in _pairs(entries):
            if may_be(m.tangled, entries[one], entries[other]):
                self.twins.add(frozenset((one, other)))
        for key, start in starts.items():
            for cell in self.outer.get(key, ()):
                m.tangle(start, cell, _REASON)
        for one, other in _pairs(starts):
            if frozenset((one, other)) in self.twins and starts[one] is not starts[other]:
                m.tangle(starts[one], starts[other], _REASON)

    def leave(self, tangled: Tangled, ends: Mapping[Key, Cell], outer: set[Cell]) -> bool:
        """Learn from the end of an iteration; True if there is something new."""
        changed = False
        for key, end in ends.items():
            found = set(may_be_any(tangled, end, outer))
            known = self.outer.setdefault(key, set())
            changed = changed or not found <= known
            known |= found
        for one, other in _pairs(ends):
            pair = frozenset((one, other))
            if pair not in self.twins and may_be(tangled, ends[one], ends[other]):
                self.twins.add(pair)
                changed = True
        return changed

    def finish(
        self,
        m: Machine,
        results: Mapping[Key, Cell],
        ends: Mapping[Key, Cell],
        entries: Mapping[Key, Cell],
        tangled: Tangled,
        *,
        certain: bool,
    ) -> None:
        """Tangle the results with what they may be; without `certain`, the loop may not run."""
        outer = set(m.store) - set(results.values())
        for key, result in results.items():
            found = list(may_be_any(tangled, ends[key], outer)) if key in ends else []
            if key in entries and not certain:
                found += may_be_any(m.tangled, entries[key], outer)
            for cell in found:
                m.tangle(result, cell, _REASON)
        for one, other in _pairs(results):
            same = one in ends and other in ends and may_be(tangled, ends[one], ends[other])
            if one in entries and other in entries and not certain:
                same = same or may_be(m.tangled, entries[one], entries[other])
            if same and results[one] is not results[other]:
                m.tangle(results[one], results[other], _REASON)
        for cell in outer:
            for other in may_be_any(tangled, cell, outer):
                if other is not cell:
                    m.tangle(cell, other, _REASON)


_REASON = (
    "Whether this array shares memory with another one that is still used depends on how often a "
    "loop runs, so it cannot be told who sees this write."
)


def _pairs(cells: Mapping[Key, Cell]) -> Iterator[tuple[Key, Key]]:
    keys = list(cells)
    return ((a, b) for i, a in enumerate(keys) for b in keys[:i])
