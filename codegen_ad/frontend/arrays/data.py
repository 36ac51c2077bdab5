"""Values as nodes: literals, stacking, NumPy's promotion of dtypes, and writing into arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from codegen_ad.errors import ShapeMismatch
from codegen_ad.frontend.arrays import views
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import growth
from codegen_ad.frontend.values import Array, Cell, Complex, List, Maybe, Range, Rows, Unbound
from codegen_ad.frontend.words import count
from codegen_ad.ir.dims import ONE, ZERO, Dim, as_dim
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType, Shape
from codegen_ad.ops import make

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def node_of(m: Machine, value: Value, what: str = "argument") -> Node:
    """The value as an array node."""
    b = m.b
    raw: Any = value
    match value:
        case Array():
            return m.read(value)
        case Dim():
            growth.check_size(m, value)
            return make.size(b, value)
        case Range(start, length, step):
            return m.iota(start, length, step)
        case Complex():
            m.refuse(
                f"The {what} is complex, where a real number or array is needed.",
                "Use its real part, imaginary part or absolute value.",
            )
        case List(cell) if isinstance(m.store[cell], Rows):
            return rows_node(m, m.store[cell])
        case tuple() | List():
            return stacked(m, m.items(raw), what)
        case bool() | int() | float() | np.bool_() | np.integer() | np.floating():
            dtype = dtype_of(m, value, what)
            assert dtype is not None
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                m.refuse(
                    f"The {what} is {value}, which does not fit into 64 bits.",
                    "Write it as a float, for example 1e30.",
                )
            return make.constant(b, raw.item() if isinstance(value, np.generic) else raw, dtype)
        case Unbound():
            m.unbound(value)
        case Maybe():
            return node_of(m, m.certain(value, f"The {what}"), what)
        case _:
            m.refuse(
                f"The {what} must be a number or an array, not {m.describe(value)}.",
                "Pass a number, an array, or a list or tuple of them.",
            )


def dtype_of(m: Machine, value: Value, what: str = "argument") -> DType | None:
    """The dtype of a number or array; None where there is none."""
    match value:
        case Array():
            return m.type_of(value).dtype
        case bool():
            return DType.BOOL
        case np.generic():
            return dtype_named(m, cast("np.generic[Any]", value).dtype, what)
        case int() | Dim() | Range():
            return DType.INT64
        case float():
            return DType.FLOAT64
        case _:
            return None


def dtype_named(m: Machine, dtype: object, what: str = "dtype") -> DType:
    """Our name of a NumPy dtype; others are refused."""
    name = np.dtype(dtype).str.lstrip("<>|=")  # pyright: ignore
    if name in DTYPES:
        return DTYPES[name]
    m.refuse(
        f"The {what} has dtype {np.dtype(dtype)}, which codegen_ad does not compute with.",  # pyright: ignore
        "Use float64, float32, int64, int32 or bool.",
    )


WIDE = {DType.FLOAT32: DType.FLOAT64, DType.INT32: DType.INT64}
DTYPES = {d.value: d for d in DType}


def rows_node(m: Machine, rows: Rows) -> Node:
    """All items of a list whose length is not known, as one array."""
    if rows.growth is not None and rows.growth.filled is not None:
        from codegen_ad.frontend.containers.filling import settled

        rows = settled(m, rows)
    if rows.growth is not None:
        refuse_whole(m)
    return m.read(rows.array)


def refuse_whole(m: Machine) -> NoReturn:
    """Refuse what needs all items of a list while it gets longer."""
    m.refuse(
        "This uses a whole list that the loop around it is still making longer.",
        "Use it after the loop, or single items of it: `items[-1]`.",
    )


def stacked(m: Machine, items: Sequence[Value], what: str) -> Node:
    """`np.array(items)`."""
    if not items:
        return make.full(m.b, (ZERO,), 0, DType.FLOAT64)
    # In a list Python numbers have 64 bits: `np.array([np.float32(1), 2.0])` is float64.
    own = [dtype_of(m, item, what) or node_of(m, item, what).array.dtype for item in items]
    dtype = joined(
        [WIDE.get(d, d) if is_weak(i) else d for i, d in zip(items, own, strict=True)], []
    )
    nodes = [make.cast(m.b, node_of(m, item, what), dtype) for item in items]
    shapes = {n.array.shape for n in nodes}
    while len(shapes) > 1:
        one, other = sorted(shapes, key=str)[:2]
        if len(one) != len(other):
            m.refuse(
                f"The items of the {what} have different numbers of axes.",
                "Make them arrays of one shape.",
                error=ShapeMismatch,
            )
        for a, b in zip(one, other, strict=True):
            m.equate(a, b, m.text())
    rows = [make.expand_dims(m.b, n, 0) for n in nodes]
    return make.concatenate(m.b, rows, 0)


def is_weak(value: Value) -> bool:
    """Whether the value is a Python number, which does not take part in promotion."""
    if isinstance(value, Array):
        return value.weak
    return isinstance(value, Dim) or (
        isinstance(value, bool | int | float) and not isinstance(value, np.generic)
    )


def common_dtype(m: Machine, values: Sequence[Value], *, floating: bool = False) -> DType:
    """The dtype NumPy computes in."""
    strong: list[DType] = []
    weak: list[DType] = []
    for value in values:
        if is_weak(value):
            dtype = dtype_of(m, value)
            assert dtype is not None
            weak.append(dtype)
        else:
            strong.append(dtype_of(m, value) or node_of(m, value).array.dtype)
    found = joined(strong, weak)
    return _real(m, strong) if floating and not found.is_float else found


def _real(m: Machine, integers: Sequence[DType]) -> DType:
    """The dtype in which NumPy's functions of real numbers take integers and booleans.

    Those of booleans are in half precision there, and in double precision here.
    """
    if all(dtype is DType.BOOL for dtype in integers):
        return DType.FLOAT64
    name = np.result_type(np.float16, *(d.value for d in integers)).str.lstrip("<>|=")
    if name not in DTYPES:
        m.refuse(
            f"NumPy computes `{m.text()}` of integers of 8 bits in half precision, which "
            "codegen_ad does not have.",
            "Convert: `x.astype(float)`.",
        )
    return DTYPES[name]


def joined(strong: Sequence[DType], weak: Sequence[DType]) -> DType:
    """NumPy's common dtype, where Python numbers only bring their kind."""
    kind = max(weak, key=_rank, default=None)
    if not strong:
        assert kind is not None
        return kind
    found = reduce(promoted, strong)
    return kind if kind is not None and _rank(kind) > _rank(found) else found


def promoted(first: DType, second: DType) -> DType:
    """NumPy's common dtype of two."""
    return DTYPES[np.promote_types(first.value, second.value).str.lstrip("<>|=")]


def _rank(dtype: DType) -> int:
    return 0 if dtype is DType.BOOL else 2 if dtype.is_float else 1


def promote(m: Machine, values: Sequence[Value], *, floating: bool = False) -> list[Node]:
    """The values as nodes of one dtype."""
    dtype = common_dtype(m, values, floating=floating)
    return [make.cast(m.b, node_of(m, v), dtype) for v in values]


def write(m: Machine, target: Array, value: Value) -> None:
    """`target[...] = value`: broadcast, cast, and seen by every view of the storage."""
    check_writable(m, target)
    place = m.type_of(target)
    node = make.cast(m.b, node_of(m, value, "value written"), place.dtype)
    node = fitted(m, node, place.shape)
    m.store[target.cell] = views.write(m.b, m.store[target.cell], target.steps, node)


def fitted(m: Machine, node: Node, shape: Shape) -> Node:
    """`node` broadcast to the shape of the place it is written to."""
    have = node.array.shape
    while len(have) > len(shape) and have[0] == ONE:
        have = have[1:]
    node = make.reshape(m.b, node, have)
    if len(have) > len(shape):
        m.refuse(
            f"An array of {count(len(have), 'axis')} does not fit where one of {len(shape)} is "
            "written.",
            "Write an array that NumPy can broadcast there.",
            error=ShapeMismatch,
        )
    for dim, place in zip(reversed(have), reversed(shape), strict=False):
        if dim not in (ONE, place):
            m.equate(place, dim, m.text())
    return make.broadcast_to(m.b, node, shape)


def check_writable(m: Machine, target: Array) -> None:
    """Refuse a write whose effect on other views cannot be told."""
    if target.read_only:
        m.refuse(
            "NumPy makes this view (of a broadcast array, or of a diagonal) read-only, and this "
            "writes to it.",
            "Write to a copy: `x = x.copy()`.",
        )
    cell = target.cell
    if cell in m.foreign:
        m.refuse(
            f"This writes to `{m.foreign[cell]}`, which lives outside the function.",
            "Write to a copy: `x = x.copy()`.",
        )
    reason = tangled_with(m, cell)
    if reason is not None:
        m.refuse(reason, "Make a copy first: `x = x.copy()`.")
    seen = list(reachable(m))
    doubtful = [a for a in [target, *seen] if a.cell is cell and _doubt(a) is not None]
    if doubtful:
        prefix = doubtful[0].steps[: _doubt(doubtful[0])]
        if any(a.cell is cell and a.steps[: len(prefix)] != prefix for a in [target, *seen]):
            m.refuse(
                "Whether NumPy made a copy for this array or a view (in `reshape`, `ravel`, "
                "`ascontiguousarray`, `asfortranarray`) depends on the layout in memory, so it "
                "cannot be told who sees this write.",
                "Make a copy first: `y = x.reshape(...).copy()`, `y = x.ravel().copy()`.",
            )


def _doubt(array: Array) -> int | None:
    """The number of steps up to the first that may have been a copy."""
    for place, step in enumerate(array.steps):
        if isinstance(step, views.Reshaped) and not step.certain:
            return place + 1
    return None


def tangled_with(m: Machine, cell: Cell) -> str | None:
    """Why it can't be told who sees a change of this storage; None if it can."""
    partners = m.tangled.get(cell)
    if not partners:
        return None
    if m.repeated_items in partners:
        return (
            "One array or list may stand at several places of a list whose length is not known, so "
            "it cannot be told which of them see this write."
        )
    cells = {getattr(value, "cell", None) for value in _in_use(m)}
    return next((reason for other, reason in partners.items() if other in cells), None)


def reachable(m: Machine) -> list[Array]:
    """All arrays that a name, or a container that a name holds, leads to."""
    return [value for value in _in_use(m) if isinstance(value, Array)]


def _in_use(m: Machine) -> Iterator[Value]:
    """All values that a name, or a container that a name holds, leads to."""
    seen: set[int] = set()
    todo: list[Value] = []
    for frame in m.frames:
        around = frame
        while around is not None:
            todo.extend(around.env.values())
            around = around.parent
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        if not isinstance(value, Array):
            todo.extend(parts_of(m, value))


def parts_of(m: Machine, value: Value) -> list[Value]:
    """The values a container holds."""
    cell = getattr(value, "cell", None)
    if isinstance(cell, Cell):
        held = m.store.get(cell)
        if isinstance(held, dict):
            return list(held.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        if isinstance(held, Rows):
            return [held.array]
        return list(held) if isinstance(held, tuple) else []  # pyright: ignore
    if isinstance(value, tuple):
        return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    parts: list[Value] = []
    for name in ("array", "of", "parts", "args", "defaults", "function"):
        inner = getattr(value, name, None) if type(value).__module__.endswith("values") else None
        parts.extend(inner if isinstance(inner, tuple) else [inner] if inner is not None else [])  # pyright: ignore
    frame = getattr(value, "frame", None)
    return [*parts, *frame.env.values()] if hasattr(frame, "env") else parts  # pyright: ignore


def index_node(m: Machine, value: Value) -> Node:
    """An integer scalar as an i8 node."""
    return make.cast(m.b, node_of(m, value, "index"), DType.INT64)


def size_of(value: int | Dim) -> Dim:
    """A Python int or symbolic size as a size."""
    return as_dim(value)
