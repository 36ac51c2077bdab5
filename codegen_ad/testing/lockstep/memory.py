"""Arrays as a kernel sees them: bounds, poison, and who touched which element last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from codegen_ad.testing.lockstep.clocks import Clock, Timeline
from codegen_ad.testing.lockstep.errors import OutOfBounds, RaceFound, UnwrittenRead

Now = Callable[[], Timeline]


class Store:
    """The elements of one allocation, and the history that finds races.

    Parameters
    ----------
    name : what messages call it.
    values : the elements, flat.
    now : the timeline of the thread that is running.
    written : which elements hold something, for memory that begins undefined; None for all.
    private : one thread's own, without a history.
    """

    def __init__(
        self,
        name: str,
        values: npt.NDArray[Any],
        now: Now,
        *,
        written: npt.NDArray[np.bool_] | None = None,
        private: bool = False,
    ) -> None:
        self.name = name
        self.values = values
        self.now = now
        self.written = written
        self.private = private
        self._writes: dict[int, tuple[int, int]] = {}
        self._reads: dict[int, dict[int, int]] = {}
        self._atomics: dict[int, Clock] = {}

    def read(self, place: int) -> Any:
        """The element at a place."""
        if self.written is not None and not self.written[place]:
            raise UnwrittenRead(f"element {place} of {self.name} is read before it is written")
        if not self.private:
            me = self.now()
            self._refuse_write(place, me, "reads")
            self._reads.setdefault(place, {})[me.number] = me.tick
        return self.values[place]

    def write(self, place: int, value: Any) -> None:
        """Set the element at a place."""
        if not self.private:
            me = self.now()
            self._refuse_write(place, me, "writes")
            self._refuse_reads(place, me)
            self._writes[place] = (me.number, me.tick)
        self._put(place, value)

    def change(self, place: int, update: Callable[[Any], Any]) -> Any:
        """Replace an element in one step and return what it was: an atomic operation."""
        if self.written is not None and not self.written[place]:
            raise UnwrittenRead(f"element {place} of {self.name} is changed before it is written")
        me = self.now()
        self._refuse_write(place, me, "changes")
        self._refuse_reads(place, me)
        self._atomics[place] = me.exchange(self._atomics.get(place))
        old = self.values[place]
        self._put(place, update(old))
        return old

    def _put(self, place: int, value: Any) -> None:
        self.values[place] = value
        if self.written is not None:
            self.written[place] = True

    def _refuse_write(self, place: int, me: Timeline, does: str) -> None:
        last = self._writes.get(place)
        if last is not None and not me.follows(*last):
            raise RaceFound(
                f"thread {me.number} of the grid {does} element {place} of {self.name}, which "
                f"thread {last[0]} wrote, and no barrier or fence lies between the two"
            )

    def _refuse_reads(self, place: int, me: Timeline) -> None:
        readers = self._reads.pop(place, None)
        for number, tick in (readers or {}).items():
            if not me.follows(number, tick):
                raise RaceFound(
                    f"thread {me.number} of the grid overwrites element {place} of {self.name}, "
                    f"which thread {number} reads, and no barrier lies between the two"
                )


class Memory:
    """An array on the device, or a part of one: what a kernel indexes.

    Parameters
    ----------
    store : the allocation.
    places : where in it each element of this array lies.
    """

    def __init__(self, store: Store, places: npt.NDArray[np.int64]) -> None:
        self.store = store
        self.places = places
        self.shape: tuple[int, ...] = places.shape
        self.ndim = places.ndim
        self.size = places.size
        self.dtype = store.values.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        found = self._find(index)
        return Memory(self.store, found) if is_array(found) else self.store.read(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        found = self._find(index)
        if is_array(found):
            for place in found.flat:
                self.store.write(int(place), value)
        else:
            self.store.write(found, value)

    def change(self, index: Any, update: Callable[[Any], Any]) -> Any:
        """Do an atomic operation on one element and return what it was."""
        found = self._find(index)
        assert isinstance(found, int), "an atomic operation takes the index of one element"
        return self.store.change(found, update)

    def _find(self, index: Any) -> Any:
        """The place of one element, or the places of a part."""
        indices = cast("tuple[Any, ...]", index if isinstance(index, tuple) else (index,))
        if len(indices) > self.ndim:
            raise OutOfBounds(f"{self.store.name} of shape {self.shape} takes no index {indices}")
        for axis, k in enumerate(indices):
            if not isinstance(k, slice) and not 0 <= k < self.shape[axis]:
                raise OutOfBounds(
                    f"index {int(k)} along axis {axis} of {self.store.name}, whose shape is "
                    f"{self.shape}" + (" (a device wraps nothing around)" if k < 0 else "")
                )
        whole = tuple(cast("Any", k) if isinstance(k, slice) else int(k) for k in indices)
        found: Any = self.places[whole]
        return found if is_array(found) else int(found)


def global_memory(name: str, array: npt.NDArray[Any], now: Now) -> Memory:
    """An argument of a kernel; what the kernel writes is found in `array` afterwards."""
    flat = array.reshape(-1)
    if array.size and not np.shares_memory(flat, array):
        raise ValueError(f"{name} must be contiguous: a kernel's results are written into it")
    return Memory(Store(name, flat, now), _places(array.shape))


def poisoned(name: str, shape: Any, dtype: Any, now: Now, *, private: bool = False) -> Memory:
    """Shared or local memory, in which nothing is defined before it is written."""
    values: Any = poison(shape, dtype)
    unwritten = np.zeros(values.size, np.bool_)
    store = Store(name, values.reshape(-1), now, written=unwritten, private=private)
    return Memory(store, _places(values.shape))


def poison(shape: Any, dtype: Any) -> Any:
    """An array whose elements spoil every result that they get into."""
    kind = np.dtype(dtype)
    if kind.kind in "fc":
        value: Any = np.nan
    else:
        value = True if kind.kind == "b" else np.iinfo(kind).min or np.iinfo(kind).max
    return np.full(shape, value, kind)


def is_array(value: Any) -> bool:
    """Whether a value is an array of NumPy, which a kernel finds in the memory of the device."""
    return isinstance(value, np.ndarray)


def _places(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    return np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(shape)
