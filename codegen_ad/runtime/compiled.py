"""A loaded kernel: which leaves it takes, what must hold, how results are put together.

Everything comes from the entry's metadata, so that a warm process needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from codegen_ad.errors import InternalError, InvalidArgument
from codegen_ad.runtime.arguments import prepared
from codegen_ad.runtime.dependencies import Path, resolve
from codegen_ad.runtime.failures import Failures
from codegen_ad.runtime.foreign import is_on_device
from codegen_ad.runtime.lean import shorten
from codegen_ad.runtime.load import call_or_rebuild, load
from codegen_ad.runtime.lowering import lower_as_numpy
from codegen_ad.runtime.store import Entry
from codegen_ad.runtime.threads import LARGE, Team

if TYPE_CHECKING:
    from codegen_ad.runtime.cuda.fits import DeviceFit
    from codegen_ad.runtime.cuda.function import DeviceFunction
    from codegen_ad.runtime.cuda.many_fits import ManyFits


@dataclass(frozen=True, slots=True)
class Leaf:
    """A parameter of a kernel: its shape as size expressions, and where it is found if captured."""

    name: str
    shape: tuple[CodeType, ...]
    texts: tuple[str, ...]
    captured: Path | None


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition on sizes, checked at the first call with new shapes.

    `case` is what it says, if arguments that do not fulfil it have a kernel of their own.
    """

    kind: str
    first: CodeType
    second: CodeType
    message: str
    case: str | None


class _AxisSize(NamedTuple):
    """Where a size is read: from which axis of which leaf, and what it is divided by."""

    symbol: str
    leaf: int
    axis: int
    divisor: int


class OtherCase(InvalidArgument):
    """Arguments for which there is another kernel: the comparison `case` does not hold.

    Where `is_remainder`, the other kernel is for another remainder, and says why there is none.
    """

    def __init__(self, message: str, case: str, *, is_remainder: bool) -> None:
        super().__init__(message)
        self.case = case
        self.is_remainder = is_remainder


class Compiled:
    """One kernel, loaded.

    Attributes
    ----------
    entry : the cache entry.
    metadata : what the build recorded.
    function : the compiled function.
    """

    def __init__(self, entry: Entry, root: object, team: Team | None = None) -> None:
        self.entry = entry
        self.metadata = cast("Mapping[str, Any]", entry.metadata)
        device: Mapping[str, Any] | None = self.metadata.get("device")
        self.function: Callable[..., Any] = (
            getattr(_module(entry), self.metadata["function"])
            if device is None
            else _device_function(entry, device)
        )
        self.leaves = tuple(_leaf(x) for x in self.metadata["leaves"])
        self.sizes = [_AxisSize(*s) for s in self.metadata["sizes"]]
        self.requirements = tuple(_requirement(x) for x in self.metadata["requirements"])
        self.captured = tuple(leaf.captured for leaf in self.leaves if leaf.captured is not None)
        self.failures = Failures(
            root, self.metadata.get("failures", ()), self.metadata.get("def_row", 0)
        )
        self._alone = self._entrance(self.function)
        self._alone.is_ready = device is not None  # numba is asked for nothing
        self._shared = self._alone
        self._work: list[tuple[int, CodeType]] = []
        threads = self.metadata.get("threads")
        if threads is not None and team is not None:
            self._shared = self._entrance(partial(getattr(load(entry), threads["function"]), team))
            self._work = [(weight, _code(text)) for weight, text in threads["work"]]

    def check(self, leaves: Sequence[Any]) -> None:
        """Raise unless the sizes of all leaves fit together.

        Raises
        ------
        InvalidArgument
            With the sentence that the frontend wrote for the condition that does not hold.
        OtherCase
            The same, where another kernel is for arguments like these.
        """
        sizes = self.sizes_of(leaves)
        broken = [(r, a, b) for r, a, b in self._compared(sizes) if not _is_fulfilled(r, a, b)]
        # Which kernel it is comes first: the others speak of sizes as they are in this one.
        broken.sort(key=lambda found: found[0].case is None)
        for requirement, first, second in broken:
            if requirement.kind == "room":
                raise InvalidArgument(f"{requirement.message}: it takes {second} bytes")
            found = f"{first} and {second}" if requirement.kind == "equal" else str(first)
            message = f"{requirement.message} (found {found})"
            if requirement.case is not None:
                is_remainder = requirement.kind == "remainder"
                raise OtherCase(message, requirement.case, is_remainder=is_remainder)
            raise InvalidArgument(message)
        for leaf, value in zip(self.leaves, leaves, strict=True):
            for axis, (code, text) in enumerate(zip(leaf.shape, leaf.texts, strict=True)):
                wanted, found = _size(code, sizes), int(np.shape(value)[axis])
                if wanted != found:
                    raise InvalidArgument(
                        f"{leaf.name} has size {found} along axis {axis}, where {text} = {wanted} "
                        "is needed"
                    )

    def _compared(self, sizes: Mapping[str, int]) -> Iterator[tuple[Requirement, int, int]]:
        return ((r, _size(r.first, sizes), _size(r.second, sizes)) for r in self.requirements)

    def sizes_of(self, leaves: Sequence[Any]) -> dict[str, int]:
        """The value of each size symbol."""
        return {s.symbol: np.shape(leaves[s.leaf])[s.axis] // s.divisor for s in self.sizes}

    def shape(
        self, texts: Sequence[str | None], sizes: Mapping[str, int]
    ) -> tuple[int | None, ...]:
        """A shape of size expressions as numbers; None for what only the kernel's run knows."""
        return tuple(None if text is None else _size(_code(text), sizes) for text in texts)

    def outside(self, root: object) -> list[Any]:
        """The present values of the arrays that the function finds outside its arguments."""
        return [prepared(resolve(root, path), "a captured array") for path in self.captured]

    def _entrance(self, function: Callable[..., Any]) -> _Entrance:
        raises = self.metadata.get("raises", False)
        return _Entrance(function, self.failures.guarded(function) if raises else function)

    def _for(self, leaves: Sequence[Any]) -> _Entrance:
        """How the kernel is called for leaves of such sizes: large ones are for several threads."""
        if not self._work:
            return self._alone
        sizes = self.sizes_of(leaves)
        work = sum(weight * _size(code, sizes) for weight, code in self._work)
        return self._shared if work >= LARGE else self._alone

    def run_for(self, leaves: Sequence[Any]) -> Callable[..., Any]:
        """The function to call for leaves like these, with which the kernel has been called.

        What it raises is in the user's terms. It may take other leaves for what they are not.
        """
        if self.metadata.get("device") is None:
            return self._entrance(_machine_code(self._for(leaves).function)).run
        return self._entrance(cast("DeviceFunction", self.function).repeated(leaves)).run

    def call(self, leaves: Sequence[Any]) -> Any:
        """Run the kernel on leaves that have been checked."""
        entrance = self._for(leaves)
        if entrance.is_ready:
            return entrance.run(*leaves)
        try:
            result = call_or_rebuild(self.entry, entrance.function, *leaves)
        except Exception as error:
            if not type(error).__module__.startswith("numba."):
                entrance.is_ready = True
                raise self.failures.explained(error) from None
            why = str(error).strip().splitlines()[0]
            raise InternalError(
                f"numba cannot compile {self.entry.source_path} ({type(error).__name__}: {why})"
            ) from error
        entrance.is_ready = True
        return result


@dataclass(slots=True)
class _Entrance:
    """A way to call a kernel: `run` is `function` with what it raises in the user's terms."""

    function: Callable[..., Any]
    run: Callable[..., Any]
    is_ready: bool = False


def _machine_code(function: Callable[..., Any]) -> Callable[..., Any]:
    """What numba compiled a function to, if for one signature: it asks for no types any more.

    A tenth of a microsecond is spared so. Other functions stay as they are.
    """
    overloads = cast("Mapping[Any, Any]", getattr(function, "overloads", {}))
    if len(overloads) != 1:
        return function
    (compiled,) = overloads.values()
    return getattr(compiled, "entry_point", None) or function


def rebuild_output(tree: Any, values: Sequence[Any]) -> Any:
    """The structure that the user's function returns, from the kernel's values.

    `tree` is JSON: `["array", index, dtype or None for a Python number]`, `["constant", value]`,
    `["sequence", class, items]` or `["mapping", class, keys, items]`, classes as `module:qualname`.
    """
    kind = tree[0]
    if kind == "array":
        value = values[tree[1]]
        if tree[2] is None or getattr(value, "ndim", 0) or is_on_device(value):
            return value
        return np.dtype(tree[2]).type(value)
    if kind == "constant":
        return tree[1]
    if kind == "sequence":
        items = [rebuild_output(t, values) for t in tree[2]]
        cls = class_of(tree[1])
        if cls is complex:
            return complex_of(items[0], items[1])
        return cls(*items) if hasattr(cls, "_fields") else cls(items)
    held = {k: rebuild_output(t, values) for k, t in zip(tree[2], tree[3], strict=True)}
    cls = class_of(tree[1])
    return held if cls is dict else cls(**held)


def _module(entry: Entry) -> ModuleType:
    """The module of an entry, not compiled yet, or not again."""
    module = load(entry)
    shorten(module)
    lower_as_numpy(module, wide=bool(entry.metadata.get("wide")))
    if entry.metadata.get("threads") is None:
        from codegen_ad.runtime.disjoint import tell

        tell(module)
    return module


def _device_function(
    entry: Entry, device: Mapping[str, Any]
) -> DeviceFunction | DeviceFit | ManyFits:
    """What runs an entry's kernels on a GPU; see `codegen_ad.build` for what the metadata says."""
    if device.get("fit") == "one":
        from codegen_ad.runtime.cuda.fits import DeviceFit

        return DeviceFit(entry.source_path, device["parameters"])
    if device.get("fit") == "many":
        from codegen_ad.runtime.cuda.many_fits import ManyFits

        return ManyFits(entry.source_path, device["parameters"])
    from codegen_ad.runtime.cuda.function import DeviceFunction

    numbers = [not shape for shape in device["shapes"]]
    return DeviceFunction(entry.source_path, device["parameters"], numbers)


def complex_of(real: Any, imag: Any) -> Any:
    """A complex number or array from its parts, which may be infinite; structures stay pairs."""
    numbers = isinstance(real, float) or hasattr(real, "dtype")
    if not numbers:
        return real, imag
    if not np.ndim(real):
        whole = complex(real, imag)
        return np.complex64(whole) if getattr(real, "dtype", None) == np.float32 else whole
    array = np.empty(np.shape(real), np.result_type(real, np.complex64))
    array.real, array.imag = real, imag
    return array


def class_of(name: str) -> Any:
    """The class that a kernel's metadata names as `module:qualname`."""
    module, _, path = name.partition(":")
    value: Any = import_module(module)
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _leaf(value: Mapping[str, Any]) -> Leaf:
    texts = tuple(cast("Sequence[str]", value["shape"]))
    captured = value["captured"]
    path = tuple((str(k), n) for k, n in captured) if captured is not None else None
    return Leaf(value["name"], tuple(map(_code, texts)), texts, path)


def _requirement(value: Mapping[str, Any]) -> Requirement:
    first, second = _code(value["first"]), _code(value["second"])
    return Requirement(value["kind"], first, second, value["message"], value.get("case"))


def _is_fulfilled(requirement: Requirement, first: int, second: int) -> bool:
    return first == second if requirement.kind in ("equal", "remainder") else first >= second


@cache
def _code(text: str) -> CodeType:
    return compile(text, "<size>", "eval")


def _size(code: CodeType, sizes: Mapping[str, int]) -> int:
    # The text comes from an entry whose kernel is executed anyway, and it is a size expression.
    return int(eval(code, {"__builtins__": {"max": max, "min": min}}, dict(sizes)))


def flat(result: Any) -> Iterator[Any]:
    """The values a kernel returned, one or several."""
    if isinstance(result, tuple):
        yield from cast("tuple[Any, ...]", result)
    else:
        yield result
