"""What the numbers of a fit must be, and the messages where they are not.

Each check returns the number in its plain Python type. Nothing here knows what it is used for.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

from codegen_ad.errors import InvalidArgument


def number(name: str, value: object) -> float:
    """`value` as a finite float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidArgument(f"`{name}` must be a number, not {_shown(value)}")
    plain = float(value)
    if not math.isfinite(plain):
        raise InvalidArgument(f"`{name}` must be a finite number, not {plain}")
    return plain


def positive(name: str, value: object) -> float:
    """`value` as a float above 0."""
    plain = number(name, value)
    if plain <= 0:
        raise InvalidArgument(f"`{name}` must be positive, not {_shown(value)}")
    return plain


def decay(name: str, value: object) -> float:
    """`value` as a float with 0 <= value < 1: the part of an average that is kept each step."""
    plain = number(name, value)
    if not 0 <= plain < 1:
        raise InvalidArgument(f"`{name}` must be at least 0 and below 1, not {_shown(value)}")
    return plain


def flag(name: str, value: object) -> bool:
    """`value`, which must be True or False."""
    if not isinstance(value, bool):
        raise InvalidArgument(f"`{name}` must be True or False, not {_shown(value)}")
    return value


def step_count(name: str, value: object) -> int:
    """`value` as an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
        raise InvalidArgument(f"`{name}` must be a positive whole number, not {_shown(value)}")
    return int(value)


def tolerance(name: str, value: object) -> float | None:
    """`value` as a float of at least 0; None is no tolerance."""
    if value is None:
        return None
    plain = number(name, value)
    if plain < 0:
        raise InvalidArgument(f"`{name}` must not be negative, not {_shown(value)}")
    return plain


def time_limit(name: str, value: object) -> float | None:
    """`value` as a positive number of seconds; None is no limit."""
    return None if value is None else positive(name, value)


def callback(value: object) -> None:
    """Refuse a callback that can't be called, before anything is compiled or run."""
    if value is not None and not callable(value):
        raise InvalidArgument(f"`callback` must be a function, not {_shown(value)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"
