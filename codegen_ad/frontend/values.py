"""What a name may be bound to while a function is read.

A value is one of these, or a plain Python object that is known now: a number, a string, None, a
tuple of values, a NamedTuple of values, a dtype, `np.newaxis`. Symbolic sizes are `Dim`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from codegen_ad.frontend.arrays.views import Step
from codegen_ad.frontend.context import Value
from codegen_ad.ir.dims import ZERO, Dim
from codegen_ad.ir.types import ArrayType, DType
from codegen_ad.source import SourceText

PathStep = tuple[str, str | int]
Provenance = tuple[PathStep, ...]
"""How an object outside is reached from the function being read: `(("global", "config"), …)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """The identity of something that can change; what it holds is in the `Store`.

    `ordered` tells an array that lies in memory in C order for certain.
    """

    label: str = ""
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Array:
    """An array or a scalar whose numbers are not known now: a view of a storage.

    `weak` marks a Python number, which does not take part in NumPy's promotion of dtypes. Without
    axes, `boxed` tells an array, which is written in place, from a number, which isn't; None where
    that depends on the path.
    """

    cell: Cell
    steps: tuple[Step, ...] = ()
    weak: bool = False
    read_only: bool = False
    boxed: bool | None = False


class Complex(NamedTuple):
    """A complex number or array: two real ones of one shape. Programs hold real numbers only.

    Containers of values are carried through branches and loops item by item, and so is this one.
    """

    real: Value
    imag: Value


@dataclass(frozen=True, slots=True)
class List:
    """A list made in the function; its items are in the store."""

    cell: Cell


@dataclass(slots=True, eq=False)
class Growth:
    """How a loop makes a list longer, by one item in every iteration.

    `item` is the type of an item, inside of `lists`. The iteration number `counter` finds
    `start` items before those of the loop. `found` is the dtype that all items met have in common.
    An item that is in `outer` at the start of an iteration may be the item of several of them.

    Of a list that some paths only make longer, `filled` holds how many items there are.
    """

    item: ArrayType
    weak: bool
    lists: tuple[type[Any], ...]
    mixed: bool = False
    start: Dim = ZERO
    counter: Any = None
    found: DType = DType.FLOAT64
    outer: frozenset[Cell] = frozenset()
    filled: Cell | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What a list holds whose length is not known: its items are the rows of an array.

    `lists` says whether an item is a list or a tuple, and what its items are, down to the row.
    Items that are `mixed` had several precisions before they became an array. In a loop that makes
    the list longer, `added` items of this iteration are there already. `before` and `last` tell
    what the list was before an item was appended to it outside of such a loop.
    """

    array: Array
    weak: bool
    lists: tuple[type[Any], ...]
    mixed: bool = False
    growth: Growth | None = None
    added: int = 0
    before: Rows | None = None
    last: Value = None


@dataclass(frozen=True, slots=True)
class Dict:
    """A dict made in the function or passed to it; its items are in the store."""

    cell: Cell


class DictView(tuple[Any, ...]):
    """`keys()`, `values()` or `items()` of a dict: the tuple of what there was when it was made.

    What goes through it asks the dict in `cell` again, by the method `name`.
    """

    cell: Cell
    name: str

    def __new__(cls, cell: Cell, held: Mapping[Any, Value], name: str) -> DictView:
        """The view of a dict that holds this."""
        view = super().__new__(cls, getattr(held, name)())
        view.cell, view.name = cell, name
        return view

    def of(self, held: Mapping[Any, Value]) -> list[Value]:
        """The items of what the dict holds now."""
        return list(getattr(held, self.name)())


@dataclass(frozen=True, slots=True)
class Record:
    """A dataclass instance passed to the function or made in it; its fields are in the store."""

    cls: type
    cell: Cell


@dataclass(frozen=True, slots=True)
class Range:
    """`range(start, start + step * length, step)`, where start and length may be symbolic."""

    start: Dim
    length: Dim
    step: int = 1


@dataclass(frozen=True, slots=True)
class DynamicRange:
    """A range whose length depends on data: good for a `for` loop only."""

    start: Array | int | Dim
    stop: Array | int | Dim
    step: Array | int = 1


@dataclass(frozen=True, slots=True)
class Outside:
    """An object that the function found outside: a module, function, class, or any instance."""

    object: Any
    path: Provenance

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outside) and other.object is self.object

    def __hash__(self) -> int:
        return id(self.object)


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A `def` or `lambda` inside the function, with the frame it sees."""

    name: str
    node: ast.FunctionDef | ast.Lambda
    frame: Any
    defaults: tuple[Value, ...]
    kw_defaults: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True, slots=True)
class Bound:
    """A function with arguments already given: a bound method, a `functools.partial`."""

    function: Value
    args: tuple[Value, ...] = ()
    kwargs: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivative of a function, to be called: `codegen_ad.grad(f)`.

    `method` is a method of a differentiable function, or `pullback`; `wrt` are names, positions and
    paths; `many` says that derivatives come as a tuple though there is one.
    """

    function: Value
    method: str
    wrt: tuple[Any, ...] = (0,)
    many: bool = False
    has_aux: bool = False


@dataclass(frozen=True, slots=True)
class Frozen:
    """An object of a library whose methods have parameters already given, by name."""

    of: Any
    kwargs: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Super:
    """`super()`: `owner`, of class `cls`, as the classes behind `after` see it."""

    after: type[Any]
    cls: type[Any]
    owner: Value


@dataclass(frozen=True, slots=True)
class ArrayMethod:
    """`array.name`, to be called."""

    array: Value
    name: str


@dataclass(frozen=True, slots=True)
class Zipped:
    """`zip(...)` or `enumerate(...)` over at least one thing of symbolic length."""

    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Reversed:
    """`reversed(...)` of something of symbolic length."""

    of: Value


@dataclass(frozen=True, slots=True)
class Repeated:
    """One value, given `length` times."""

    of: Value
    length: Dim


@dataclass(frozen=True, slots=True)
class Endless:
    """An iterator without an end: `start, start + step, …`, or the items of `cycle` in turn."""

    start: Value
    step: Value = 0
    cycle: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Picked:
    """The items at some places of what a loop of the program goes through."""

    of: Value
    places: Array


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """What loops one inside the other give: `itertools.product`, `np.ndindex`, and their kin.

    The loops are those of a generator expression, whose `names` stand for `parts`. A name that it
    binds or that stands for a part begins with `%`. `known` are the items, if they are known now.
    """

    generators: tuple[ast.comprehension, ...]
    item: ast.expr
    names: tuple[str, ...]
    parts: tuple[Value, ...]
    known: tuple[Value, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Once:
    """An iterator, whose items can be gone through once: that of a `zip`, a generator, a `map`.

    `cell` holds whether that has happened, or how many items have been taken. `depth` is how many
    loops were open when it was made, `store` and `env` what there was then, and `seen` the storages
    that its items are made of, which must stay as they are while it is gone through. What `acts`
    changes something with every item.
    """

    of: Value
    cell: Cell
    depth: int
    store: Mapping[Cell, Any]
    frame: Frame
    env: Mapping[str, Value]
    seen: frozenset[Cell] = frozenset()
    acts: bool = False


@dataclass(frozen=True, slots=True)
class Unbound:
    """What a name holds that is bound on some paths only; the reason is part of the refusal.

    `equal` are two sizes, and where they meet, that must be the same for there to be a value.
    `loop` is the key of a loop that carries a value if its first iteration is by itself.
    `key` stands for the name in `Facts.maybe`, if it is only asked on which paths it has a value.
    `short` is the key of a loop that gives a value if its iterations are written out.
    `differs` says that there is a value on each path, but no one value for all of them.
    """

    reason: str
    equal: tuple[Dim, Dim, str] | None = None
    instead: str = "Give it a value on every path."
    loop: object = None
    key: object = None
    short: object = None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value on some paths only: `present` is a truth value that says whether it is there.

    Where it is not, there is None or, without `none`, the name has no value at all.
    """

    value: Value
    present: Array
    none: bool


@dataclass(slots=True, eq=False)
class Frame:
    """One call being read: its names, its source, and the frame around it.

    `shared` are names that it binds for a frame around it (`nonlocal`), and `depth` says how many
    regions were open when it was called.
    """

    name: str
    source: SourceText
    env: dict[str, Value]
    parent: Frame | None = None
    globals: Mapping[str, Any] = field(default_factory=dict[str, Any])
    closure: Mapping[str, Any] = field(default_factory=dict[str, Any])
    path: Provenance = ()
    locals: frozenset[str] = frozenset()
    tree: ast.FunctionDef | ast.Lambda | None = None
    shared: dict[str, Frame] = field(default_factory=dict[str, "Frame"])
    depth: int = 0


NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


_OF_TUPLES = (
    "__len__", "__iter__", "__getitem__", "__contains__", "__bool__", "__eq__", "__ne__", "__lt__",
    "__le__", "__gt__", "__ge__", "__hash__", "__getattribute__", "__getattr__",
)  # fmt: skip


def own_ways(cls: type[Any]) -> list[str]:
    """The methods that make a named tuple something else than the tuple of its fields."""
    return [n for n in _OF_TUPLES if getattr(cls, n, None) is not getattr(tuple, n, None)]


def remade(cls: Any, items: Iterable[Value]) -> Value:
    """A tuple or NamedTuple of this class."""
    return cls._make(items) if hasattr(cls, "_make") else tuple(items)


def is_number(value: Value) -> bool:
    """Whether the value is a real number known now."""
    return isinstance(value, NUMBERS)
