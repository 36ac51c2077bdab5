"""What templates are handed: frozen, with finished strings only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.emit.breaking import WIDTH
from codegen_ad.emit.lines import Writer
from codegen_ad.emit.sizes import known_strides, repeated_sizes, size_line
from codegen_ad.emit.spell import spell
from codegen_ad.ir.dims import AxisSize
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.free import fixed_names
from codegen_ad.plan.kernel import Allocate, Kernel, Parameter, walk


@dataclass(frozen=True, slots=True)
class Helper:
    """A function that a file brings along, with the options of its compilation, or a constant."""

    options: str
    text: str


Helpers = Callable[[str], tuple[Helper, ...]]
"""Gives the functions that a text calls."""


@dataclass(frozen=True, slots=True)
class About:
    """What a kernel file says of itself.

    `source` is `module:function`, `summary` the docstring's first line.
    """

    source: str
    function: str
    summary: str


@dataclass(frozen=True, slots=True)
class KernelView:
    """A kernel as text."""

    name: str
    source: str
    summary: str
    types: tuple[str, ...]
    fixed: str
    cost: tuple[str, ...]
    imports: tuple[str, ...]
    helpers: tuple[Helper, ...]
    head: tuple[str, ...]
    body: tuple[str, ...]
    returned: str
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]


def view(
    kernel: Kernel,
    about: About,
    cost: Cost,
    helpers: Helpers,
    *,
    outputs_given: bool = False,
    vectorise: bool = True,
    fixed: Mapping[str, int] | None = None,
) -> KernelView:
    """The kernel as text for a template; `helpers` gives the functions that it calls.

    With `outputs_given`, output arrays are further parameters, `value` alone is returned, and
    nothing is allocated for them. `vectorise` calls functions that let loops use vectors. `fixed`
    are sizes that the kernel is made for.
    """
    fixed = fixed or {}
    parameters = frozenset(p.name for p in kernel.parameters)
    writer = Writer(about.function, parameters, fixed_names(kernel), vectorise=vectorise)
    arrays = [o for o in kernel.outputs if isinstance(o, str)]
    statements = kernel.body
    copied: list[str] = []
    if outputs_given:
        allocated = {
            s.buffer: s for s in statements if isinstance(s, Allocate) and s.buffer in arrays
        }
        unfilled = {b for b, s in allocated.items() if s.fill is None}
        copied = [a for a in arrays if a not in unfilled]
        statements = [
            s for s in statements if not (isinstance(s, Allocate) and s.buffer in unfilled)
        ]
    if statements:
        writer.block(statements, 0)
    for buffer, shape in zip(kernel.outputs, kernel.output_shapes, strict=True):
        if isinstance(buffer, str) and buffer in copied:
            writer.copy(f"{buffer}_out", buffer, shape, 0)
    names = [p.name for p in kernel.parameters]
    if outputs_given:
        names += [f"{a}_out" if a in copied else a for a in arrays]
    returned = [
        o if isinstance(o, str) else spell(o)
        for o in kernel.outputs
        if not (outputs_given and isinstance(o, str))
    ]
    used = symbols_of("\n".join(code_only(writer.lines)))
    sizes: list[str] = []
    repeated = repeated_sizes(statements)
    for size in kernel.sizes:
        if size.symbol in fixed:
            sizes += _fixed_size(size, fixed[size.symbol])
        elif size.symbol in used:
            sizes.append(size_line(size, repeated))
    shapes = {p.name: p.shape for p in kernel.parameters}
    if outputs_given:
        made = zip(kernel.outputs, kernel.output_shapes, strict=True)
        shapes |= {o: shape for o, shape in made if isinstance(o, str)}
    body = (*sizes, *known_strides(shapes, statements), *writer.lines)
    found = helpers("\n".join((*body, *returned)))
    return KernelView(
        kernel.name,
        about.source,
        about.summary,
        types_of(kernel),
        _made_for(fixed),
        cost.lines(),
        imports((*body, *returned, *(h.text for h in found))),
        found,
        head(kernel.name, names),
        body,
        tuple_of(returned),
        tuple(names),
        tuple(o if isinstance(o, str) else spell(o) for o in kernel.outputs),
    )


def _fixed_size(size: AxisSize[str], number: int) -> list[str]:
    """A size that is a constant: other arrays are refused, because nothing else would notice."""
    return [
        f"if {size.array}.shape[{size.axis}] != {number}:",
        f'    raise ValueError("this file is made for {size.symbol} = {number}")',
        f"{size.symbol} = {number}",
    ]


def _made_for(fixed: Mapping[str, int]) -> str:
    found = ", ".join(f"{symbol} = {size}" for symbol, size in fixed.items())
    return f"Made for {found}." if fixed else ""


def tuple_of(values: Sequence[str]) -> str:
    """The values behind `return`, one a line where they are long."""
    line = ", ".join(values)
    if len(f"    return {line}") <= WIDTH:
        return line
    return "\n".join(["(", *(f"        {v}," for v in values), "    )"])


def symbols_of(line: str) -> set[str]:
    """The words of a line."""
    return set(re.findall(r"\w+", line))


def types_of(kernel: Kernel) -> tuple[str, ...]:
    """The parameters with their types, in lines."""
    return wrapped([_type(p) for p in kernel.parameters])


def code_only(lines: Sequence[str]) -> list[str]:
    """The lines that are not comments."""
    return [line for line in lines if not line.lstrip().startswith("#")]


def imports(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The import lines that the text needs, sorted as formatters do."""
    text = "\n".join(code_only("\n".join(lines).splitlines()))
    found: list[str] = []
    if "math." in text:
        found += ["import math", ""]
    if "np." in text:
        found.append("import numpy as np")
    names = "njit, types" if "types." in text else "njit"
    return (*found, f"from numba import {names}")


def head(name: str, parameters: list[str]) -> tuple[str, ...]:
    """The `def` line, one parameter a line where it gets too long."""
    line = f"def {name}({', '.join(parameters)}):"
    if len(line) <= WIDTH:
        return (line,)
    inside = ", ".join(parameters)
    if len(inside) + 4 <= WIDTH:
        return (f"def {name}(", f"    {inside}", "):")
    return (f"def {name}(", *(f"    {p}," for p in parameters), "):")


def wrapped(items: list[str], gap: str = "    ") -> tuple[str, ...]:
    """Items in lines of at most `WIDTH`."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(gap) + len(item) <= WIDTH:
            lines[-1] += gap + item
        else:
            lines.append(item)
    return tuple(lines)


def _type(parameter: Parameter) -> str:
    sizes = f"[{', '.join(map(str, parameter.shape))}]" if parameter.shape else ""
    return f"{parameter.name}: {parameter.dtype}{sizes}"


def uses_loops(kernel: Kernel) -> bool:
    """Whether the kernel has any loop."""
    return any(type(s).__name__ in ("For", "While") for s in walk(kernel.body))
