"""A kernel file as the simulator runs it: its text, with other modules behind its imports.

Neither numba nor a device is needed; what the file says is executed as it stands.
"""

from __future__ import annotations

import builtins
import linecache
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from codegen_ad.testing.lockstep.arithmetic import device_math
from codegen_ad.testing.lockstep.device import Device
from codegen_ad.testing.lockstep.memory import Memory

TYPES = (
    "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
)  # fmt: skip


class KernelFile:
    """The names that a kernel file defines.

    Attributes
    ----------
    device : the `cuda` that its kernels know.
    names : what stands at its top level.
    """

    def __init__(self, device: Device, names: dict[str, Any]) -> None:
        self.device = device
        self.names = names

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """A kernel by its name."""
        return self.names[name]


def load(source: str | Path) -> KernelFile:
    """Execute a kernel file, given as text or by its path, for the simulator."""
    if isinstance(source, Path):
        text, name = source.read_text(encoding="utf-8"), str(source)
    else:
        text, name = source, f"<kernel {abs(hash(source)):x}>"
        # So that a traceback shows its lines.
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    device = Device()
    stand_ins = _stand_ins(device)

    def import_(module: str, *args: Any, **kwargs: Any) -> Any:
        if module in stand_ins:
            return stand_ins[module]
        return builtins.__import__(module, *args, **kwargs)

    names: dict[str, Any] = {
        "__name__": "kernels",
        "__builtins__": {**vars(builtins), "__import__": import_},
    }
    exec(compile(text, name, "exec"), names)
    return KernelFile(device, names)


def _stand_ins(device: Device) -> dict[str, Any]:
    numba, types, extending = (ModuleType(n) for n in ("numba", "types", "extending"))
    for name in TYPES:
        setattr(types, name, getattr(np, name))
        setattr(numba, name, getattr(np, name))
    types.boolean = numba.boolean = np.bool_  # type: ignore[attr-defined]
    numba.cuda, numba.types = device, types  # type: ignore[attr-defined]
    extending.intrinsic = lambda function: _VECTOR.get(function.__name__, function)  # type: ignore[attr-defined]
    modules: dict[str, Any] = {"numba": numba, "numba.types": types, "math": device_math()}
    modules["numba.cuda"] = device
    modules["numba.cuda.extending"] = extending
    return modules


def load_vector(array: Memory, first: int) -> tuple[Any, ...]:
    """Neighbours that one load of 16 bytes brings, which must begin at a multiple of 16 bytes."""
    count = 16 // array.dtype.itemsize
    assert first % count == 0, f"a vector of {count} elements begins at {first}"
    return tuple(array[first + k] for k in range(count))


_VECTOR = {"load_vector": load_vector}
