"""Memory that a program keeps between calls: scratch, counters, and room for arrays of the host.

Calls on one stream use one workspace, one after the other; another stream has another.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from codegen_ad.runtime.cuda.arrays import DeviceArray, Shape, View
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.table import Array

CLEARED = ("status", "barrier", "needed")
"""What arrays are for that are zero before each call."""


class Workspace:
    """The arrays of one program, on one stream of one device.

    Parameters
    ----------
    driver : of the device.
    arrays : what the program's file says of them.
    stream : what all work is given to.

    Attributes
    ----------
    lock : held while the kernels of one call are given to the stream.
    version : another number whenever an array lies at another address.
    rooms : for how many rows there is room that only kernels count, by name; 0 where none is named.
    """

    def __init__(self, driver: Driver, arrays: Mapping[str, Array], stream: int) -> None:
        self.lock = threading.Lock()
        self.version = 0
        self.rooms: dict[str, int] = {}
        self._driver = driver
        self._arrays = arrays
        self._stream = stream
        self._held: dict[str, DeviceArray] = {}
        self._views: dict[str, View] = {}

    def own(self, name: str, shape: Shape) -> View:
        """A scratch, counter or status array, ready for the first kernel of a call."""
        what = self._arrays[name]
        array, is_new = self._array(name, shape, what.dtype)
        # A counter is zero again after each launch.
        if array.nbytes and (what.role in CLEARED or (what.role == "counter" and is_new)):
            self._driver.fill(array.address, 0, array.nbytes, self._stream)
        return self._views[name]

    def upload(self, name: str, values: np.ndarray[Any, Any]) -> View:
        """A copy of an array of the host."""
        values = np.ascontiguousarray(values)
        array, _ = self._array(name, values.shape, values.dtype)
        if array.nbytes:
            self._driver.to_device(array.address, values.ctypes.data, array.nbytes, self._stream)
        return self._views[name]

    def output(self, name: str, shape: Shape) -> View:
        """Room for a result that is copied to the host before the next call."""
        self._array(name, shape, self._arrays[name].dtype)
        return self._views[name]

    def room(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> View:
        """Memory for what kernels leave there, of no particular content."""
        self._array(name, shape, dtype)
        return self._views[name]

    def held(self, name: str) -> DeviceArray:
        """An array as the last call left it."""
        return self._held[name]

    def _array(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> tuple[DeviceArray, bool]:
        """The array of a name, and whether it was made just now."""
        array = self._held.get(name)
        if array is not None and array.shape == shape and array.dtype == dtype:
            return array, False
        self.version += 1
        # Given back first, so that both need not fit.
        self._held.pop(name, None)
        self._views.pop(name, None)
        del array
        made = self._held[name] = DeviceArray(self._driver, shape, dtype)
        self._views[name] = made.view()
        return made, True
