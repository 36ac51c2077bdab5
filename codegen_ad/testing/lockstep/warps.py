"""What lanes of a warp do together: shuffles, votes, matches, and the barrier of the warp.

Semantics: CUDA C++ Programming Guide, "Warp Shuffle Functions", "Warp Vote Functions" and "Warp
Match Functions". A lane that reads from one that takes no part gets a poisoned value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from codegen_ad.testing.lockstep.clocks import meet
from codegen_ad.testing.lockstep.errors import Divergence
from codegen_ad.testing.lockstep.memory import poison
from codegen_ad.testing.lockstep.threads import WARP, Thread, described

FULL = (1 << WARP) - 1

# From the asking lane and its argument to the lane that is read.
SOURCES: Mapping[str, Callable[[int, Any], int]] = {
    "shfl_sync": lambda lane, source: int(source) % WARP,
    "shfl_xor_sync": lambda lane, mask: lane ^ int(mask),
    "shfl_up_sync": lambda lane, delta: lane - int(delta) if lane >= delta else lane,
    "shfl_down_sync": lambda lane, delta: lane + int(delta) if lane + delta < WARP else lane,
}


def resolve(warp: Sequence[Thread]) -> bool:
    """Let those lanes go on whose operation all of its lanes have reached; whether there are any.

    Raises
    ------
    Divergence
        If lanes that one operation names are at another one.
    """
    waiting = [t for t in warp if t.wait is not None and t.wait.kind == "warp" and not t.done]
    groups: dict[tuple[str, int], list[Thread]] = {}
    for thread in waiting:
        assert thread.wait is not None
        _refuse_stranger(thread)
        groups.setdefault((thread.wait.operation, thread.wait.mask), []).append(thread)
    moved, incomplete = False, ""
    for (operation, mask), group in groups.items():
        named = [t for t in warp if mask >> t.lane & 1 and not t.done]
        if len(named) == len(group):
            _answer(operation, group)
            moved = True
        elif all(t.wait is not None and t.wait.kind != "turn" for t in named):
            incomplete = (
                f"{group[0].wait} is not reached by all lanes of its mask 0x{mask:08x}: "
                f"{described(named)}"
            )
    if incomplete and not moved:
        raise Divergence(incomplete)
    return moved


def _refuse_stranger(thread: Thread) -> None:
    wait = thread.wait
    assert wait is not None
    if not wait.mask >> thread.lane & 1:
        raise Divergence(
            f"thread {thread.number} (lane {thread.lane}) calls {wait} with mask "
            f"0x{wait.mask:08x}, which leaves it out"
        )


def _answer(operation: str, group: Sequence[Thread]) -> None:
    waits = {t.lane: t.wait for t in group}
    values = {lane: wait.value for lane, wait in waits.items() if wait is not None}
    arguments = {lane: wait.argument for lane, wait in waits.items() if wait is not None}
    if operation == "syncwarp":
        meet([t.timeline for t in group])
    for thread in group:
        lane = thread.lane
        if operation in SOURCES:
            source = SOURCES[operation](lane, arguments[lane])
            thread.answer = values[source] if source in values else _undefined(values[lane])
        else:
            thread.answer = _vote(operation, lane, values)
        thread.wait = None


def _vote(operation: str, lane: int, values: Mapping[int, Any]) -> Any:
    match operation:
        case "all_sync":
            return all(values.values())
        case "any_sync":
            return any(values.values())
        case "eq_sync":
            return len({bool(v) for v in values.values()}) == 1
        case "ballot_sync":
            return _bits(k for k, v in values.items() if v)
        case "match_any_sync":
            return _bits(k for k, v in values.items() if v == values[lane])
        case "match_all_sync":
            same = all(v == values[lane] for v in values.values())
            return (_bits(values) if same else 0), same
        case _:
            return None


def _bits(lanes: Any) -> int:
    return sum(1 << lane for lane in lanes)


def _undefined(like: Any) -> Any:
    return poison(1, np.asarray(like).dtype)[0]
