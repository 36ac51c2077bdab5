"""How the special functions are spelled on a device, where NumPy's functions have no meaning.

The same text otherwise: a file for a GPU brings what a file for the processor brings. They count in
double precision there, too, whatever the precision of the kernel.
"""

from __future__ import annotations

import math
import re

from codegen_ad.backends.brought import Functions, helpers

_IN_MATH = re.compile(r"\bnp\.(copysign|cos|exp|expm1|log|log1p|sin|sqrt|tan)\(")
_ROUNDED = {"np.floor(": "whole_below(", "np.rint(": "whole_nearest("}


def whole_below(x: float) -> float:
    """Return the largest whole number that is not larger; from 2**52 on every number is whole."""
    return x // 1.0 if abs(x) < 4503599627370496.0 else x


def whole_nearest(x: float) -> float:
    """Return the whole number that is nearest, the even one of two."""
    size = (abs(x) + 4503599627370496.0) - 4503599627370496.0
    return math.copysign(size, x) if abs(x) < 4503599627370496.0 else x


ROUNDING: Functions = ((whole_below, ""), (whole_nearest, ""))


def functions_for(text: str) -> tuple[str, ...]:
    """The functions that `text` calls, as a device compiles them; what they call stands before."""
    found = [_IN_MATH.sub(r"math.\1(", helper.text) for helper in helpers(text)]
    for name, other in _ROUNDED.items():
        found = [function.replace(name, other) for function in found]
    rounding = (helper.text for helper in helpers("\n".join(found), ROUNDING))
    return (*rounding, *found)
