"""What of Python is translated: tables of constructs, each with a function that uses it."""

from __future__ import annotations

from tests.frontend import (
    constructs_calls,
    constructs_flow,
    constructs_iteration,
    constructs_writes,
)
from tests.frontend.construct import Table

CONSTRUCTS: tuple[Table, ...] = (
    constructs_flow.uses,
    constructs_iteration.uses,
    constructs_calls.uses,
    constructs_writes.uses,
)
