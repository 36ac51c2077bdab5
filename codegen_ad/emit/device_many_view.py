"""What the template of many least-squares fits on a device is handed."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from codegen_ad.emit.device_lines import Failures
from codegen_ad.emit.device_many_core import CoreView, lanes_core, shared_plan, thread_core
from codegen_ad.emit.device_many_lines import LAYOUTS, FitLines, elements_of, free_names
from codegen_ad.emit.device_view import (
    PassView,
    array_text,
    failures_text,
    tuple_text,
    type_text,
)
from codegen_ad.emit.spell import spell_literal, spell_text
from codegen_ad.emit.view import About, head, types_of
from codegen_ad.ir.types import DType
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.device.empty import measured
from codegen_ad.plan.device.thread import ThreadPlan, thread_plan
from codegen_ad.plan.kernel import Kernel

TILE_THREADS = 256
"""Threads of a block that transposes 32 by 32 elements."""

_MOST_BLOCKS = 2**31 - 1
_DIGITS = re.compile(r"(?<![\w.])\d+\.\d*(?:e-?\d+)?|(?<![\w.])\d+e-?\d+|math\.inf")


@dataclass(frozen=True, slots=True)
class FileView:
    """The file around the kernels; the tables' values are source already."""

    source: str
    summary: str
    types: tuple[str, ...]
    cost: tuple[str, ...]
    passes: tuple[PassView, ...]
    arrays: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, str], ...]
    outputs: str
    failures: str
    brought: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManyFitsView:
    """A fit as text; numbers are literals of the kernel's dtype."""

    order: tuple[str, ...]
    helpers: tuple[str, ...]
    core: CoreView
    count: int
    zero: str
    two: str
    little: str
    nothing: str
    residuals: str
    start: tuple[str, ...]
    evaluate: tuple[str, ...]
    move: tuple[str, ...]
    keep: tuple[str, ...]
    finish: tuple[str, ...]
    transposed: tuple[str, ...]


def device_many_view(
    kernel: Kernel,
    about: About,
    cost: Cost,
    targets: Sequence[int],
    each: Collection[int],
    name: str,
    helpers: Sequence[str],
    team: str,
) -> tuple[FileView, ManyFitsView]:
    """The file and a fit's part of it.

    `targets` and `each` number parameters of the kernel, which computes normal equations: those
    that are fitted, and others of which each fit has its own. `team` is "thread", or "warp", which
    is a thread where lanes have nothing to share.

    Raises
    ------
    Refused
        If a fit needs memory of its own.
    """
    names = dict(enumerate(parameter_names(kernel)))
    elements = list(elements_of(kernel, targets, names))
    failures = Failures(measured(kernel.sizes))
    lanes = shared_plan(kernel) if team == "warp" else None
    alone: ThreadPlan | None = None
    if lanes is not None:
        core = lanes_core(kernel, lanes, about, failures)
    else:
        alone = thread_plan(kernel)
        team, core = "thread", thread_core(kernel, alone, about, failures)
    layout = LAYOUTS[team]
    real = DType.FLOAT32 if kernel.output_dtypes[2] is DType.FLOAT32 else DType.FLOAT64
    one = FitLines(
        kernel, targets, each, names, elements, layout, real, bool(failures.known), alone
    )
    buffers = one.buffers()
    arguments = one.arguments(buffers)
    taken = [n for n, _ in arguments]
    launched = PassView(
        name, head(name, taken), (), tuple(arguments), spell_text(layout.rows),
        _MOST_BLOCKS, layout.threads,
    )  # fmt: skip
    transposed = one.transposed() if layout.last else ()
    file = FileView(
        about.source,
        about.summary,
        types_of(kernel),
        cost.lines(),
        (launched, *map(_transposing, transposed)),
        tuple((b.name, array_text(b)) for b in buffers),
        one.sizes(),
        tuple_text([spell_text(b.name) for b in buffers if b.role == "output"]),
        failures_text(failures),
    )

    def literal(value: float) -> str:
        return spell_literal(value, real)

    is_double = real is DType.FLOAT64
    view = ManyFitsView(
        layout.order,
        tuple(h if is_double else in_single(h) for h in helpers),
        core,
        len(elements),
        literal(0.0),
        literal(2.0),
        literal(0.0001),
        "-math.inf" if is_double else "np.float32(-math.inf)",
        "residuals" if is_double else "np.float32(residuals)",
        tuple(one.start()),
        tuple(one.evaluate()),
        tuple(one.move()),
        tuple(one.keep()),
        tuple(one.finish()),
        tuple(d.numpy_name for d in transposed),
    )
    return file, view


def parameter_names(kernel: Kernel) -> list[str]:
    """What the kernel of many least-squares fits calls its parameters."""
    given = [p.name for p in kernel.parameters]
    free = free_names(given)
    return [free[name] for name in given]


def in_single(text: str) -> str:
    """A function's text with literals of single precision; its docstring stays."""
    parts = text.split('"""')
    code = [_DIGITS.sub(lambda m: f"np.float32({m[0]})", part) for part in parts[0::2]]
    mixed = [part for pair in zip(code, [*parts[1::2], ""], strict=True) for part in pair]
    return '"""'.join(mixed[: len(parts)])


def _transposing(dtype: DType) -> PassView:
    """How the kernel that transposes is launched: a block for each tile."""
    kind = type_text(dtype, 2)
    rows = f"{TILE_THREADS} * ((rows + 31) // 32) * ((columns + 31) // 32)"
    given = (("source", kind), ("target", kind))
    name = f"transposed_{dtype.numpy_name}"
    return PassView(name, (), (), given, spell_text(rows), _MOST_BLOCKS, TILE_THREADS)
