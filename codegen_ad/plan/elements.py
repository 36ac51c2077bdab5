"""A kernel whose small parameters and gradients are scalars: a fit keeps them in registers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import DType, Shape
from codegen_ad.plan.access import Point, unrolled_points
from codegen_ad.plan.kernel import (
    Allocate,
    Apply,
    Expr,
    Kernel,
    Let,
    Load,
    Parameter,
    Statement,
    Store,
    Var,
    walk,
)
from codegen_ad.plan.tidying.rename import expressions, names_in, replace_expressions, written

LARGEST = 16
"""Parameters of at most so many elements become scalars."""


@dataclass(frozen=True, slots=True)
class Split:
    """A parameter of the original kernel, and the scalars for its elements, in C order."""

    parameter: Parameter
    names: tuple[str, ...]
    points: tuple[Point, ...]


def split(
    kernel: Kernel, targets: Sequence[int], *, largest: int = LARGEST
) -> tuple[Kernel, dict[int, Split]]:
    """The kernel with scalars for those of the parameters numbered `targets` that are small.

    Those have at most `largest` elements. The gradients are the outputs behind the first, in the
    order of `targets`. A parameter is split if it is read by known places only, and its gradient
    written once at each, outside loops.
    """
    found: dict[int, Split] = {}
    parameters = kernel.parameters
    for target, gradient in zip(targets, kernel.outputs[1:], strict=True):
        parameter = parameters[target]
        if isinstance(gradient, str) and _is_small(parameter.shape, largest):
            values = _stored(kernel, gradient, parameter.shape)
            if values is not None and _is_read_by_place(kernel, parameter.name):
                kernel, names = _split_one(kernel, parameter, gradient, values)
                points = tuple(unrolled_points(parameter.shape))
                found[target] = Split(parameter, names, points)
    return kernel, found


def _is_small(shape: Shape, largest: int) -> bool:
    total = 1
    for dim in shape:
        if not dim.is_constant:
            return False
        total *= dim.value
    return bool(shape) and 0 < total <= largest


def _mentions(statement: Statement, name: str) -> Iterator[object]:
    """Uses of a name outside of the elements that expressions read."""
    for value in (getattr(statement, f) for f in statement.__dataclass_fields__):
        if value == name or (isinstance(value, tuple) and name in value):
            yield value


def _is_read_by_place(kernel: Kernel, name: str) -> bool:
    if any(s.array == name for s in kernel.sizes):
        return False
    for statement in walk(kernel.body):
        if any(True for _ in _mentions(statement, name)):
            return False
        if not all(_known_places(e, name) for e in expressions(statement)):
            return False
    return all(isinstance(o, str) or _known_places(o, name) for o in kernel.outputs)


def _known_places(expr: Expr, name: str) -> bool:
    match expr:
        case Load(buffer, indices):
            return buffer != name or all(d.is_constant for d in indices)
        case Apply(args=args):
            return all(_known_places(a, name) for a in args)
        case _:
            return True


def _stored(kernel: Kernel, buffer: str, shape: Shape) -> dict[tuple[Dim, ...], Expr] | None:
    """The expression stored at each place of a buffer, if nothing else is done with it."""
    values: dict[tuple[Dim, ...], Expr] = {}
    top = {id(s) for s in kernel.body}
    for statement in walk(kernel.body):
        match statement:
            case Allocate(fill=None) if statement.buffer == buffer:
                continue
            case Store(indices=indices, expr=expr) if statement.buffer == buffer:
                if id(statement) not in top or indices in values:
                    return None
                values[indices] = expr
                continue
            case _:
                pass
        reads = (n for e in expressions(statement) for n in names_in(e))
        if buffer in reads or buffer in written(statement):
            return None
        if any(True for _ in _mentions(statement, buffer)):
            return None
    places = set(unrolled_points(shape))
    return values if set(values) == places else None


def _split_one(
    kernel: Kernel, parameter: Parameter, gradient: str, values: dict[tuple[Dim, ...], Expr]
) -> tuple[Kernel, tuple[str, ...]]:
    points = list(unrolled_points(parameter.shape))
    known = {
        s.expr.indices: s
        for s in kernel.body
        if isinstance(s, Let) and isinstance(s.expr, Load) and s.expr.buffer == parameter.name
    }
    taken = {p.name for p in kernel.parameters} | {s.symbol for s in kernel.sizes}
    for statement in walk(kernel.body):
        taken.update(written(statement))
        taken.update(n for e in expressions(statement) for n in names_in(e))
        if isinstance(statement, Let):
            taken.add(statement.name)
    names: list[str] = []
    for number, point in enumerate(points):
        name = known[point].name if point in known else f"{parameter.name}_{number}"
        while point not in known and name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    place = dict(zip(points, names, strict=True))

    def scalar(expr: Expr) -> Expr:
        match expr:
            case Load(buffer, indices, dtype) if buffer == parameter.name:
                return Var(place[indices], dtype)
            case Apply(args=args):
                return replace(expr, args=tuple(scalar(a) for a in args))
            case _:
                return expr

    gone = {id(s) for s in known.values()}
    body = [
        s
        for s in kernel.body
        if id(s) not in gone and not (isinstance(s, Allocate | Store) and s.buffer == gradient)
    ]
    for statement in walk(body):
        replace_expressions(statement, scalar)
    outputs: list[Expr | str] = []
    known_as: list[tuple[str, Shape, DType]] = []
    for output, own, shape, dtype in zip(
        kernel.outputs, kernel.output_names, kernel.output_shapes, kernel.output_dtypes, strict=True
    ):
        if output == gradient:
            outputs += [scalar(values[p]) for p in points]
            known_as += [(f"d_{n}", (), dtype) for n in names]
        else:
            outputs.append(output if isinstance(output, str) else scalar(output))
            known_as.append((own, shape, dtype))
    parameters: list[Parameter] = []
    for p in kernel.parameters:
        if p is parameter:
            parameters += [Parameter(n, p.dtype, (), 0) for n in names]
        else:
            parameters.append(p)
    split_kernel = replace(
        kernel,
        parameters=tuple(parameters),
        body=body,
        outputs=tuple(outputs),
        output_names=tuple(name for name, _, _ in known_as),
        output_shapes=tuple(shape for _, shape, _ in known_as),
        output_dtypes=tuple(dtype for _, _, dtype in known_as),
    )
    return split_kernel, tuple(names)
