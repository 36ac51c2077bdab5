"""What the template of many least-squares fits on a device is handed: one thread's fit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.least_squares_view import RESERVED
from codegen_ad.emit.spell import spell_literal, spell_text
from codegen_ad.emit.view import About, code_only, head, tuple_of, types_of
from codegen_ad.ir.types import DType
from codegen_ad.plan.access import unrolled_points
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.device.loops import Refused
from codegen_ad.plan.kernel import Allocate, Kernel, Parameter, Statement, walk

THREADS = 128
"""Threads of a block: a fit takes up to 255 registers."""

_MOST_BLOCKS = 2**31 - 1
_DIGITS = re.compile(r"(?<![\w.])\d+\.\d*(?:e-?\d+)?|(?<![\w.])\d+e-?\d+|math\.inf")


@dataclass(frozen=True, slots=True)
class CoreView:
    """The normal equations of one fit, as a function."""

    head: tuple[str, ...]
    body: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KernelView:
    """The kernel, and how it is launched."""

    name: str
    head: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...]
    rows: str
    blocks: int
    threads: int
    cooperative: bool = False


@dataclass(frozen=True, slots=True)
class FileView:
    """The file around it; the tables' values are source already."""

    source: str
    summary: str
    types: tuple[str, ...]
    cost: tuple[str, ...]
    passes: tuple[KernelView, ...]
    arrays: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, str], ...]
    outputs: str
    failures: str


@dataclass(frozen=True, slots=True)
class ManyFitsView:
    """A thread's fit as text; numbers are literals of the kernel's dtype."""

    helpers: tuple[str, ...]
    core: CoreView
    fits: str
    count: int
    zero: str
    two: str
    little: str
    nothing: str
    start: tuple[str, ...]
    evaluate: tuple[str, ...]
    move: tuple[str, ...]
    keep: tuple[str, ...]
    finish: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Element:
    """One number that is fitted: where it lies in its own array, and its place among all."""

    array: str
    point: str
    place: int


def device_many_view(
    kernel: Kernel,
    about: About,
    cost: Cost,
    targets: Sequence[int],
    each: Collection[int],
    name: str,
    helpers: Sequence[str],
) -> tuple[FileView, ManyFitsView]:
    """The file and a thread's part of it.

    `targets` and `each` number parameters of the kernel, which computes normal equations: those
    that are fitted, and others of which each fit has its own.

    Raises
    ------
    Refused
        If a thread can't compute the normal equations by itself.
    """
    _check(kernel)
    dtype = kernel.output_dtypes[2]
    real = "float32" if dtype is DType.FLOAT32 else "float64"
    names = {k: _free(p.name) for k, p in enumerate(kernel.parameters)}
    elements = list(_elements(kernel, targets, names))
    count = len(elements)
    failures = Failures()
    core = _core(kernel, about, failures)
    own = [names[t] for t in targets]

    def literal(value: float) -> str:
        return spell_literal(value, dtype)

    def local(array: str, shape: str, kind: str = real) -> str:
        return f"{array} = cuda.local.array({shape}, np.{kind})"

    start = [
        local(f"own_{names[t]}", _extents(p), p.dtype.numpy_name)
        for t in targets
        for p in (kernel.parameters[t],)
    ]
    start += [local(v, str(count)) for v in ("point", "trial", "scale", "step", "rest")]
    start += [local(v, str(count)) for v in ("slope", "next_slope")]
    start += [local(v, f"({count}, {count})") for v in ("bend", "next_bend", "lower")]
    for e in elements:
        start.append(f"own_{e.array}[{e.point}] = {e.array}[fit, {e.point}]")
        start.append(f"point[{e.place}] = own_{e.array}[{e.point}]")
    start += [f"scale[{k}] = {literal(0.0)}" for k in range(count)]
    start.append(f"damping = {literal(0.0)}")

    def call(value: str, prefix: str, depth: int) -> list[str]:
        taken: list[str] = []
        for k, p in enumerate(kernel.parameters):
            if k in targets:
                taken.append(f"own_{names[k]}" if p.rank else f"own_{names[k]}[0]")
            else:
                taken.append(f"{names[k]}[fit]" if k in each else names[k])
        taken += [f"{prefix}slope", f"{prefix}bend", *(["failed"] if failures.known else [])]
        line = f"{value}, residuals = {kernel.name}({', '.join(taken)})"
        return broken(line, WIDTH - depth * len(INDENT))

    move: list[str] = []
    for e in elements:
        step = f"point[{e.place}] + step[{e.place}] / scale[{e.place}]"
        move.append(f"own_{e.array}[{e.point}] = {step}")
        move.append(f"trial[{e.place}] = own_{e.array}[{e.point}]")
    keep = [
        "value = found",
        f"for i in range({count}):",
        f"{INDENT}point[i], slope[i] = trial[i], next_slope[i]",
        f"{INDENT}for j in range({count}):",
        f"{INDENT * 2}bend[i, j] = next_bend[i, j]",
        "size = widen(scale, bend, point)",
    ]
    finish = [f"{e.array}_out[fit, {e.point}] = point[{e.place}]" for e in elements]
    finish += [
        "inverse_curvature(bend, scale, least, lower, next_bend)",
        f"for i in range({count}):",
        f"{INDENT}gradient[fit, i] = slope[i]",
        f"{INDENT}for j in range({count}):",
        f"{INDENT * 2}covariance[fit, i, j] = next_bend[i, j]",
        "cost[fit], outcome[fit] = value, status",
        "counts[fit, 0], counts[fit, 1], counts[fit, 2] = iteration, iteration + 1, residuals",
    ]
    outputs = [
        *((f"{names[t]}_out", _shape(kernel.parameters[t]), kernel.parameters[t].dtype.numpy_name)
          for t in targets),
        ("gradient", (count,), real), ("covariance", (count, count), real),
        ("counts", (3,), "int64"), ("cost", (), real), ("outcome", (), "int64"),
    ]  # fmt: skip
    arguments = [("steps", "int64")]
    for k, p in enumerate(kernel.parameters):
        rank = max(p.rank, 1) + 1 if k in targets else p.rank + (k in each)
        arguments.append((names[k], _type(p.dtype.numpy_name, rank)))
    arguments += [("limits", _type(real, 1))]
    arguments += [(n, _type(kind, len(shape) + 1)) for n, shape, kind in outputs]
    arguments += [("failed", "int32[::1]")] if failures.known else []
    arrays = [(n, _described("output", kind, ("fits", *shape))) for n, shape, kind in outputs]
    arrays += [("failed", _described("status", "int32", (1,)))] if failures.known else []
    launched = KernelView(
        name, head(name, [n for n, _ in arguments]), tuple(arguments), spell_text("fits"),
        _MOST_BLOCKS, THREADS,
    )  # fmt: skip
    file = FileView(
        about.source,
        about.summary,
        types_of(kernel),
        cost.lines(),
        (launched,),
        tuple(arrays),
        (("fits", f'("{own[0]}", 0)'),),
        f"({', '.join(spell_text(n) for n, _, _ in outputs)})",
        "\n".join(
            ["(", *(f"    ({spell_text(e)}, {spell_text(m)})," for e, m in failures.known), ")"]
            if failures.known
            else ["()"]
        ),
    )
    view = ManyFitsView(
        tuple(h if real == "float64" else in_single(h) for h in helpers),
        core,
        f"{own[0]}.shape[0]",
        count,
        literal(0.0),
        literal(2.0),
        literal(0.0001),
        "-math.inf" if real == "float64" else "np.float32(-math.inf)",
        tuple(start),
        tuple(call("value", "", 1)),
        (
            *move,
            *call("found", "next_", 2),
            "is_finite = all_finite(found, next_slope, next_bend)",
        ),
        tuple(keep),
        tuple(finish),
    )
    return file, view


def in_single(text: str) -> str:
    """A function's text with literals of single precision; its docstring stays."""
    parts = text.split('"""')
    code = [_DIGITS.sub(lambda m: f"np.float32({m[0]})", part) for part in parts[0::2]]
    mixed = [part for pair in zip(code, [*parts[1::2], ""], strict=True) for part in pair]
    return '"""'.join(mixed[: len(parts)])


def _check(kernel: Kernel) -> None:
    """Refuse what needs memory that a thread does not have."""
    outputs = set(kernel.outputs[2:])
    for statement in walk(kernel.body):
        if isinstance(statement, Allocate) and (
            statement.buffer not in outputs or statement.fill is not None
        ):
            raise Refused(statement, "each fit would need an array of its own for this")


def _core(kernel: Kernel, about: About, failures: Failures) -> CoreView:
    writer = DeviceWriter(about.function, failures)
    statements: list[Statement] = [s for s in kernel.body if not isinstance(s, Allocate)]
    writer.block(statements, 0)
    gradient, curvature = kernel.outputs[2:]
    assert isinstance(gradient, str) and isinstance(curvature, str)
    results = [o if isinstance(o, str) else writer.spell(o) for o in kernel.outputs[:2]]
    used = set(re.findall(r"\w+", "\n".join(code_only([*writer.lines, *results]))))
    sizes = [f"{s} = {p}.shape[{axis}]" for s, p, axis in kernel.sizes if s in used]
    body = [re.sub(r"\bstatus\b", "failed", line) for line in writer.lines]
    names = [*(p.name for p in kernel.parameters), gradient, curvature]
    names += ["failed"] if failures.known else []
    return CoreView(head(kernel.name, names), (*sizes, *body, f"return {tuple_of(results)}"))


def _elements(kernel: Kernel, targets: Sequence[int], names: dict[int, str]) -> Iterator[_Element]:
    place = 0
    for t in targets:
        parameter = kernel.parameters[t]
        if not all(d.is_constant for d in parameter.shape):
            raise Refused(kernel.body[0], "more parameters are fitted than fit into registers")
        for point in unrolled_points(parameter.shape) if parameter.rank else [()]:
            yield _Element(names[t], ", ".join(map(str, point)) or "0", place)
            place += 1


def _shape(parameter: Parameter) -> tuple[int, ...]:
    return tuple(d.value for d in parameter.shape) or (1,)


def _extents(parameter: Parameter) -> str:
    shape = _shape(parameter)
    return str(shape[0]) if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def _type(dtype: str, rank: int) -> str:
    kind = "boolean" if dtype == "bool" else dtype
    return f"{kind}[{', '.join([*[':'] * (rank - 1), '::1'])}]" if rank else kind


def _described(role: str, dtype: str, shape: tuple[object, ...]) -> str:
    texts = [spell_text(str(d)) for d in shape]
    dims = f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
    return f'{{"role": {spell_text(role)}, "dtype": {spell_text(dtype)}, "shape": {dims}}}'


def _free(name: str) -> str:
    while name in RESERVED or name in ("outcome", "cost", "failed", "cuda", "u64", "fits", "j"):
        name += "_"
    return name
