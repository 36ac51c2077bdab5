"""Products of matrices between two kernels, by cuBLAS through CuPy (the extra `cuda-blas`)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codegen_ad.errors import MissingDependency

if TYPE_CHECKING:
    from codegen_ad.runtime.cuda.arrays import View

EXTRA = "cuda-blas"


def multiply(
    result: View, left: View, right: View, transposed: tuple[bool, bool], device: int, stream: int
) -> None:
    """Give a stream the product of two arrays of one or two axes.

    Parameters
    ----------
    result : is written.
    left, right : are read.
    transposed : which of the two go in transposed.
    device, stream : where the arrays lie, and what the product is given to.

    Raises
    ------
    MissingDependency
        If CuPy is not installed.
    """
    try:
        cupy: Any = import_module("cupy")
    except ImportError:
        raise MissingDependency("cupy", EXTRA, "for large products of matrices on a GPU") from None

    def array(view: View) -> Any:
        # What is empty may lie nowhere.
        if not view.nbytes:
            return cupy.empty(view.shape, view.dtype)
        memory = cupy.cuda.UnownedMemory(view.address, view.nbytes, view.owner, device)
        return cupy.ndarray(view.shape, view.dtype, cupy.cuda.MemoryPointer(memory, 0))

    with cupy.cuda.Device(device), cupy.cuda.ExternalStream(stream, device):
        a, b = array(left), array(right)
        cupy.matmul(a.T if transposed[0] else a, b.T if transposed[1] else b, out=array(result))
