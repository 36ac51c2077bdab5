"""Arrays that lie on a GPU, told from all other values without importing anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from codegen_ad.errors import InvalidArgument


def device_interface(value: object, where: str = "an argument") -> Mapping[str, Any] | None:
    """What an array on a GPU says of itself, or None for anything else.

    Raises
    ------
    InvalidArgument
        If it is a tensor that records its own gradient.
    """
    if isinstance(value, float | int):
        return None
    try:
        return cast("Mapping[str, Any]", getattr(value, "__cuda_array_interface__", None))
    except (RuntimeError, TypeError, ValueError) as error:
        # Libraries that have arrays on the processor too differ in how they say so.
        if "requires grad" in str(error):
            raise InvalidArgument(
                f"{where} is a tensor that records its own gradient: pass {where}.detach()"
            ) from None
        return None


def is_on_device(value: object) -> bool:
    """Whether a value is an array on a GPU."""
    return device_interface(value) is not None
