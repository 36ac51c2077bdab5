"""The special functions that generated files bring along, and how they are compiled.

Their text stands in `ops`, because they are what the operations mean. They have branches and loops,
so they are compiled as functions, never inlined by force: a loop that calls one uses no vectors.
"""

from __future__ import annotations

from collections.abc import Callable

from codegen_ad.ops.special import FUNCTIONS

AS_WRITTEN = 'fastmath={"contract"}'

SPECIAL: tuple[tuple[Callable[..., float], str], ...] = tuple(
    (function, AS_WRITTEN) for function in FUNCTIONS
)
"""Each function with the options of its compilation; what others call comes first."""
