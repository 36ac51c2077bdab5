"""The kernel of many least-squares fits, part by part, as lines of Python.

A fit can be left after any iteration, and the next launch goes on with it: what was found so far
lies among the results, what the method remembers beside it in `scales` and `record`. The normal
equations stand at one place of the kernel, so that they have the same bits in every launch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.emit.device_reduce import WARP
from codegen_ad.emit.device_view import parameter_type, size_text, type_text
from codegen_ad.emit.least_squares_view import RESERVED
from codegen_ad.emit.spell import spell, spell_literal, spell_text
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType
from codegen_ad.plan.access import unrolled_points
from codegen_ad.plan.device.loops import Refused
from codegen_ad.plan.device.thread import ThreadPlan
from codegen_ad.plan.device.whole import Buffer, words
from codegen_ad.plan.free import apart
from codegen_ad.plan.kernel import Kernel, Parameter
from codegen_ad.plan.tidying.rename import rename_dim, rename_expr

THREADS = 128
"""Threads of a block, where each has a fit of its own: one takes up to 255 registers."""

REGISTERS = 150
"""Matrices that take at most so many registers of 32 bits are kept there. Larger ones lie in the
thread's memory, and loops over them run to a bound that the compiler does not know: it would write
them out, and spill what it takes into registers."""

_OWN = frozenset(
    (
        "outcome", "cost", "failed", "cuda", "u64", "fits", "j", "begun", "until", "points", "best",
        "scales", "record", "running", "is_first", "is_better", "lane", "ALL", "count",
    )
)  # fmt: skip
"""Names of the kernel beside those of the processor's."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What works on a fit, and where arrays have their axis over fits.

    Attributes
    ----------
    threads : of a block.
    fit : the number of a thread's fit, as text.
    writer : the condition that a thread is the one that writes results; empty for all.
    last : whether the axis over fits is the last one, so that neighbours read neighbours.
    rows : how many threads there are in all, as text over the sizes.
    order : what the file says of it.
    """

    threads: int
    fit: str
    writer: str
    last: bool
    rows: str
    order: tuple[str, ...]

    def at(self, array: str, *indices: str) -> str:
        """An element of what a fit has its own of."""
        return f"{array}[{', '.join((*indices, 'fit') if self.last else ('fit', *indices))}]"

    def shape(self, *own: int) -> tuple[str, ...]:
        """The shape of an array over fits."""
        dims = [str(n) for n in own]
        return (*dims, "fits") if self.last else ("fits", *dims)


LAYOUTS = {
    "thread": Layout(
        THREADS, "cuda.grid(1)", "", True, "fits",
        ("One thread for each fit: arrays over fits have these along their last axis.",),
    ),
    "warp": Layout(
        WARP, "cuda.blockIdx.x", "cuda.threadIdx.x == 0", False, f"{WARP} * fits",
        (
            "One warp for each fit. Order of sums: lane t takes rows t, t + 32, ...; then lanes in",
            "pairs. The rest each lane computes for itself, from the same numbers.",
        ),
    ),
}  # fmt: skip
"""By name, what can work on a fit."""


@dataclass(frozen=True, slots=True)
class Element:
    """One number that is fitted: where it lies in its own array, and its place among all."""

    array: str
    point: str
    place: int


@dataclass(frozen=True, slots=True)
class FitLines:
    """Writes the parts of one fit's kernel."""

    kernel: Kernel
    targets: Sequence[int]
    each: Collection[int]
    names: dict[int, str]
    elements: Sequence[Element]
    layout: Layout
    real: DType
    may_fail: bool
    alone: ThreadPlan | None

    @property
    def count(self) -> int:
        """How many numbers are fitted."""
        return len(self.elements)

    @property
    def is_large(self) -> bool:
        """Whether the three matrices are too large for registers."""
        return 3 * words(self.real) * self.count**2 > REGISTERS

    @property
    def bound(self) -> str:
        """The number of parameters as loops over them have it."""
        return "count" if self.is_large else str(self.count)

    def _made(self, name: str, rank: int) -> str:
        """A vector or a matrix of the thread."""
        shape = str(self.count) if rank == 1 else f"({self.count}, {self.count})"
        part = f"[{', '.join([':count'] * rank)}]" if self.is_large else ""
        return f"{name} = cuda.local.array({shape}, np.{self.real.numpy_name}){part}"

    def start(self) -> list[str]:
        """Which fit it is, the thread's arrays, and where the last launch left the fit."""
        at, nothing = self.layout.at, spell_literal(0.0, self.real)
        lines = [
            f"fit = u64({self.layout.fit})",
            f"if fit >= u64(points.shape[{int(self.layout.last)}]):",
            f"{INDENT}return",
        ]
        for t in self.targets:
            parameter = self.kernel.parameters[t]
            shape, kind = _extents(parameter), parameter.dtype.numpy_name
            lines.append(f"own_{self.names[t]} = cuda.local.array({shape}, np.{kind})")
        if self.is_large:
            lines.append(f"count = points.shape[{1 - int(self.layout.last)}]")
        vectors = ("point", "trial", "scale", "step", "rest", "slope", "next_slope")
        lines += [self._made(name, 1) for name in vectors]
        lines += [self._made(name, 2) for name in ("bend", "next_bend", "lower")]
        lines += [
            f"value = radius = damping = length = predicted = size = {nothing}",
            f"first_value, least, iteration = {nothing}, limits[3], 0",
            "if begun > 0:",
            f"{INDENT}if {at('outcome')} != 2:",
            f"{INDENT * 2}return",
            f"{INDENT}iteration = {at('counts', '0')}",
            f"{INDENT}first_value, radius, damping = "
            + ", ".join(at("record", str(k)) for k in range(3)),
            f"for i in range({self.bound}):",
            f"{INDENT}if begun > 0:",
            f"{INDENT * 2}trial[i], scale[i] = {at('best', 'i')}, {at('scales', 'i')}",
            f"{INDENT}else:",
            f"{INDENT * 2}trial[i], scale[i] = {at('points', 'i')}, {nothing}",
        ]
        return [*lines, *(f"own_{e.array}[{e.point}] = trial[{e.place}]" for e in self.elements)]

    def evaluate(self) -> list[str]:
        """The call that finds the normal equations at a trial."""
        taken: list[str] = []
        for k, p in enumerate(self.kernel.parameters):
            if k in self.targets:
                taken.append(f"own_{self.names[k]}" if p.rank else f"own_{self.names[k]}[0]")
            elif k in self.each:
                slices = [":"] * p.rank if self.layout.last else []
                taken.append(self.layout.at(self.names[k], *slices))
            else:
                taken.append(self.names[k])
        taken += ["next_slope", "next_bend", *(["failed"] if self.may_fail else [])]
        for b in self.scratch():
            taken.append(self.layout.at(b.name, *([":"] * (len(b.shape) - 1))))
        line = f"found, residuals = {self.kernel.name}({', '.join(taken)})"
        return broken(line, WIDTH - 2 * len(INDENT))

    def move(self) -> list[str]:
        """The next trial."""
        lines: list[str] = []
        for e in self.elements:
            step = f"point[{e.place}] + step[{e.place}] / scale[{e.place}]"
            lines.append(f"own_{e.array}[{e.point}] = {step}")
            lines.append(f"trial[{e.place}] = own_{e.array}[{e.point}]")
        return lines

    def keep(self) -> list[str]:
        """A trial that is better, or the first one."""
        return [
            "value = found",
            f"for i in range({self.bound}):",
            f"{INDENT}point[i], slope[i] = trial[i], next_slope[i]",
            f"{INDENT}for j in range({self.bound}):",
            f"{INDENT * 2}bend[i, j] = next_bend[i, j]",
            "size = widen(scale, bend, point)",
        ]

    def finish(self) -> list[str]:
        """Results, and what the next launch goes on with."""
        at, count = self.layout.at, self.bound
        state = [f"{at('record', str(k))}" for k in range(3)]
        kept = [
            "if status == 2:",
            f"{INDENT}cuda.atomic.add(running, 0, 1)",
            f"{INDENT}{', '.join(state)} = first_value, radius, damping",
            f"{INDENT}for i in range({count}):",
            f"{INDENT * 2}{at('scales', 'i')} = scale[i]",
        ]
        results = [
            f"for i in range({count}):",
            f"{INDENT}{at('best', 'i')} = point[i]",
            f"{INDENT}for j in range({count}):",
            f"{INDENT * 2}{at('covariance', 'i', 'j')} = next_bend[i, j]",
            f"{at('cost')}, {at('outcome')} = value, status",
            f"{at('counts', '0')}, {at('counts', '1')} = iteration, residuals",
        ]
        inverse = "inverse_curvature(bend, scale, least, lower, next_bend)"
        if not self.layout.writer:
            return [*kept, inverse, *results]
        writing = f"if {self.layout.writer}:"
        return [
            "cuda.syncwarp()",
            *(writing, *(INDENT + line for line in kept)),
            inverse,
            *(writing, *(INDENT + line for line in results)),
        ]

    def scratch(self) -> list[Buffer]:
        """The arrays in memory of which each fit has its own."""
        found = self.alone.scratch if self.alone is not None else ()
        names = free_names([b.name for b in found], self.names.values())
        told = self._told()
        made: list[Buffer] = []
        for b in found:
            own = (rename_dim(d, told) if isinstance(d, Dim) else d for d in b.shape)
            made.append(replace(b, name=names[b.name], shape=(*own, "fits")))
        return made

    def _told(self) -> Callable[[str], str]:
        """What the tables call a number or a size: `fits` is one of theirs."""
        given = {p.name: self.names[k] for k, p in enumerate(self.kernel.parameters)}
        counts = self.alone.counts if self.alone is not None else ()
        sizes = [*(s.symbol for s in self.kernel.sizes), *(name for name, _ in counts)]
        known = given | free_names(sizes, given.values())
        return lambda name: known.get(name, name)

    def sizes(self) -> tuple[tuple[str, str], ...]:
        """Where sizes are read, and how others are found from these."""
        fits = ("fits", f'("points", {int(self.layout.last)})')
        if self.alone is None or not self.alone.scratch:
            return (fits,)
        numbers = {p.name: k for k, p in enumerate(self.kernel.parameters)}
        told = self._told()
        read = [
            (told(s.symbol), size_text(replace(s, array=self.names[numbers[s.array]])))
            for s in self.kernel.sizes
            if numbers[s.array] not in self.targets
        ]
        counts = ((told(n), spell(rename_expr(e, told))) for n, e in self.alone.counts)
        return (fits, *read, *((name, spell_text(text)) for name, text in counts))

    def buffers(self) -> list[Buffer]:
        """The arrays beside the user's."""
        shape, count, real = self.layout.shape, self.count, self.real
        found = [
            Buffer("best", shape(count), real, "output"),
            Buffer("covariance", shape(count, count), real, "output"),
            Buffer("cost", shape(), real, "output"),
            Buffer("counts", shape(2), DType.INT32, "output"),
            Buffer("outcome", shape(), DType.INT32, "output"),
            Buffer("scales", shape(count), real, "state"),
            Buffer("record", shape(3), real, "state"),
            *self.scratch(),
            Buffer("running", ("1",), DType.INT32, "unfinished"),
        ]
        return [*found, *([Buffer("failed", ("1",), DType.INT32, "status")] * self.may_fail)]

    def arguments(self, buffers: Sequence[Buffer]) -> list[tuple[str, str]]:
        """The kernel's parameters with their types."""
        found = [("begun", "int64"), ("until", "int64"), ("steps", "int64")]
        found.append(("points", type_text(self.real, 2)))
        for k, p in enumerate(self.kernel.parameters):
            if k in self.each:
                found.append((self.names[k], type_text(p.dtype, p.rank + 1)))
            elif k not in self.targets:
                found.append((self.names[k], parameter_type(p)))
        found.append(("limits", type_text(self.real, 1)))
        return [*found, *((b.name, type_text(b.dtype, len(b.shape))) for b in buffers)]

    def transposed(self) -> tuple[DType, ...]:
        """The dtypes of arrays that come and go with the axis over fits in front."""
        given = [p.dtype for k, p in enumerate(self.kernel.parameters) if k in self.each and p.rank]
        return tuple(dict.fromkeys([self.real, *given]))


def elements_of(kernel: Kernel, targets: Sequence[int], names: dict[int, str]) -> Iterator[Element]:
    """The numbers that are fitted, in order.

    Raises
    ------
    Refused
        If a thread has no room for them.
    """
    place = 0
    for t in targets:
        parameter = kernel.parameters[t]
        if not all(d.is_constant for d in parameter.shape):
            raise Refused(kernel.body[0], "more parameters are fitted than fit into registers")
        for point in unrolled_points(parameter.shape) if parameter.rank else [()]:
            yield Element(names[t], ", ".join(map(str, point)) or "0", place)
            place += 1


def _extents(parameter: Parameter) -> str:
    shape = tuple(d.value for d in parameter.shape) or (1,)
    return str(shape[0]) if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def free_names(names: Sequence[str], others: Collection[str] = ()) -> dict[str, str]:
    """For each of the user's names one that is none of the kernel's, and none of the others'."""
    free = apart(names, lambda n: n in RESERVED or n in _OWN or n in others)
    return dict(zip(names, free, strict=True))
