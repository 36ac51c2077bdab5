"""Arrays that lie on a GPU, told from all other values without importing anything.

Any array that speaks `__cuda_array_interface__` or DLPack is one. Asking costs microseconds, so the
arrays of the libraries that people use most are asked in their own terms where calls repeat.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from codegen_ad.errors import InvalidArgument

CUDA = 2
"""The number of CUDA devices in DLPack."""


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
        found = cast("Mapping[str, Any] | None", getattr(value, "__cuda_array_interface__", None))
    except (RuntimeError, TypeError, ValueError) as error:
        # Libraries that have arrays on the processor too differ in how they say so.
        if "requires grad" in str(error):
            raise InvalidArgument(
                f"{where} is a tensor that records its own gradient: pass {where}.detach()"
            ) from None
        return None
    return _by_dlpack(value) if found is None else found


def _by_dlpack(value: object) -> Mapping[str, Any] | None:
    """The same of an array that speaks DLPack only."""
    device = getattr(value, "__dlpack_device__", None)
    if device is None or isinstance(value, type) or device()[0] != CUDA:
        return None
    from codegen_ad.runtime.cuda.dlpack import imported

    return imported(value)


def is_on_device(value: object) -> bool:
    """Whether a value is an array on a GPU."""
    return device_interface(value) is not None


@dataclass(frozen=True, slots=True)
class Access:
    """How arrays of one library are asked, in its own terms.

    Attributes
    ----------
    layout : library, shape, strides, dtype and device of an array, or None for one that does not
        lie on a GPU or is not taken.
    address : where it lies.
    """

    layout: Callable[[Any], Hashable]
    address: Callable[[Any], int]


@cache
def access_of(kind: type[Any]) -> Access | None:
    """How arrays of a type are asked; None if that is not known better than by a protocol."""
    module = sys.modules.get(kind.__module__.partition(".")[0])
    if kind is getattr(module, "Tensor", None):
        return Access(_torch_layout, cast("Any", kind).data_ptr)
    if kind.__module__.startswith("cupy") and kind is getattr(module, "ndarray", None):
        return Access(_cupy_layout, lambda array: array.data.ptr)
    if getattr(kind, "__codegen_device_array__", False):
        return Access(lambda a: ("codegen_ad", a.shape, a.dtype), lambda a: a.address)
    return None


def _torch_layout(tensor: Any) -> Hashable:
    if not tensor.is_cuda or tensor.requires_grad:
        return None
    return "torch", tensor.shape, tensor.stride(), tensor.dtype, tensor.device


def _cupy_layout(array: Any) -> Hashable:
    return "cupy", array.shape, array.strides, array.dtype, array.data.device_id
