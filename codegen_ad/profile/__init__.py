"""Where the time goes: the fused kernel as a whole, and the function's arithmetic, unfused.

A fused kernel has no time for each operation, so there are two measurements, and this room never
mixes them: (a) the compiled kernels as they run; (b) the program, value and gradient, run operation
by operation in NumPy. (b) shows where the arithmetic is, not what a line of the fused kernel costs.
"""

from __future__ import annotations

from codegen_ad.profile.measure import profile
from codegen_ad.profile.report import Event, Profile, Row, Timing

__all__ = ["Event", "Profile", "Row", "Timing", "profile"]
