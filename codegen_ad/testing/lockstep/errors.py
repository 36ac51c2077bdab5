"""What the simulator finds: one error for each way in which a kernel is wrong on a device."""

from __future__ import annotations

from codegen_ad.errors import CodegenError


class LockstepError(CodegenError):
    """A kernel does what a device does not define, or gives other results in another order."""


class RaceFound(LockstepError):
    """Two threads touch one element, at least one writes it, and nothing orders them."""


class OutOfBounds(LockstepError):
    """An index lies outside its array."""


class UnwrittenRead(LockstepError):
    """Shared or local memory is read before anything was written there."""


class Divergence(LockstepError):
    """Threads that must meet at one barrier or exchange are at different ones, or have returned."""


class Deadlock(LockstepError):
    """No thread can go on."""


class OrderMatters(LockstepError):
    """Two run orders give different bits."""
