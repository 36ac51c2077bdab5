"""Arrays by DLPack: the address, shape and type in the capsule that another library fills.

Layout of the structures: the DLPack specification, version 1.0, `DLManagedTensor` (unversioned,
which every library can give).
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from codegen_ad.errors import InvalidArgument

LEGACY = 1
"""The legacy default stream, in the terms of `__cuda_array_interface__`."""

_KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


def imported(value: Any) -> dict[str, Any]:
    """What `__cuda_array_interface__` would say of an array that speaks DLPack.

    The capsule owns the memory: it stays untouched, so that whoever made it frees it. What is
    there is written before anything on the legacy default stream that comes later.
    """
    capsule = value.__dlpack__()
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    tensor = _Tensor.from_address(get(capsule, b"dltensor"))
    kind = _KINDS.get(tensor.code)
    if kind is None or tensor.lanes != 1:
        raise InvalidArgument(f"arrays of this type cannot be passed to a kernel: {value!r}")
    dtype = np.dtype("?" if kind == "b" else f"{kind}{tensor.bits // 8}")
    shape = tuple(tensor.shape[k] for k in range(tensor.ndim))
    strides = None
    if tensor.strides:
        strides = tuple(tensor.strides[k] * dtype.itemsize for k in range(tensor.ndim))
    return {
        "shape": shape,
        "typestr": dtype.str,
        "data": ((tensor.data or 0) + tensor.byte_offset, False),
        "strides": strides,
        "version": 3,
        "stream": LEGACY,
        "owner": capsule,
    }
