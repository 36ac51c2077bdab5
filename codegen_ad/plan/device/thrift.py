"""How sparing a pass is with registers, where the estimates of plans left a compiler too few.

Only a compiler knows what a kernel takes. The planner says what else could be done for a loop, in
order: read what all rows share when it is used; keep arrays of a row in memory as well; add up in
more passes. What does the asking stands above (`backends/sparing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

PARTS = (2, 3, 4, 6, 8)
"""How many loops are made of one by estimate."""

MORE_PARTS = (*PARTS, 12, 16, 24, 32)
"""How many may be made of it at most."""


class Held(IntEnum):
    """What a thread holds in registers while its loop runs."""

    ESTIMATED = 0
    ROW = 1
    """The values of a row; numbers that all rows share are read when they are used."""
    NUMBERS = 2
    """Of a row the numbers alone: its arrays lie in memory, and long loops over them stay loops."""


@dataclass(frozen=True, slots=True)
class Thrift:
    """How a loop is planned: in so many parts (0: as many as estimated), which hold so much."""

    parts: int = 0
    held: Held = Held.ESTIMATED


AS_ESTIMATED = Thrift()
NO_THRIFT: Mapping[int, Thrift] = MappingProxyType({})


def others(parts: int) -> Iterator[Thrift]:
    """What to try for a loop that was estimated to take so many parts, the cheapest first."""
    for count in (parts, *(c for c in MORE_PARTS if c > parts)):
        for held in Held:
            if (count, held) != (parts, Held.ESTIMATED):
                yield Thrift(count, held)
