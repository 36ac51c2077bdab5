"""Kernels on a device: their machine code loaded once, and launched with as little as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codegen_ad.errors import InvalidArgument
from codegen_ad.runtime.cuda.ahead import Image
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.packing import Layout, Packer
from codegen_ad.runtime.cuda.table import Kernel


class LoadedKernel:
    """A kernel that can be launched on one device.

    Parameters
    ----------
    driver : of the device, which must be the one in use.
    kernel : how it is launched.
    image : its machine code, for the device's architecture.
    """

    def __init__(self, driver: Driver, kernel: Kernel, image: Image) -> None:
        self.kernel = kernel
        self.driver = driver
        self._module = driver.load(image.code)
        self._function = driver.function(self._module, image.entry)
        self._packer = Packer(kernel.parameters)

    def launch(self, values: Sequence[Any], stream: int = 0, blocks: int | None = None) -> None:
        """Start the kernel.

        Parameters
        ----------
        values : a `View` for each array and a number for each other parameter.
        stream : what it is given to.
        blocks : of the grid, where the kernel leaves that open.
        """
        table = self._packer.pack(values)
        self.driver.launch(*self.arguments(table, stream, blocks))

    def lay(self, values: Sequence[Any]) -> Layout:
        """The parameters, laid out in memory of their own."""
        return self._packer.lay(values)

    def arguments(self, table: int, stream: int, blocks: int | None) -> tuple[Any, ...]:
        """What the driver's `launch` takes, with parameters that lie there."""
        kernel = self.kernel
        return (
            self._function,
            blocks or kernel.blocks,
            kernel.threads,
            kernel.shared,
            stream,
            table,
            kernel.cooperative,
        )

    def together(self) -> int:
        """How many blocks of the kernel run at once on the device."""
        return self.driver.together(self._function, self.kernel.threads)

    def blocks(self, sizes: Mapping[str, int]) -> int:
        """How many blocks are launched; if they wait for each other, as many as run at once."""
        found = self.kernel.grid(sizes)
        return min(found, self.together()) if self.kernel.cooperative else found

    def check(self, values: Sequence[Any]) -> None:
        """Raise unless arrays have the dtypes, axes and layout that the kernel is compiled for.

        Raises
        ------
        InvalidArgument
            With the number of the parameter that does not fit.
        """
        for k, (p, value) in enumerate(zip(self.kernel.parameters, values, strict=True)):
            if not p.is_array:
                continue
            if value.dtype != p.dtype or len(value.shape) != p.ndim:
                raise InvalidArgument(
                    f"argument {k} of {self.kernel.name} must be {p.text}, not an array of "
                    f"{len(value.shape)} axes and dtype {value.dtype}"
                )
            if not value.is_contiguous:
                raise InvalidArgument(f"argument {k} of {self.kernel.name} must be contiguous")
