"""The two sides of a branch as one state again: names, containers and storages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from codegen_ad.frontend.arrays import data
from codegen_ad.frontend.containers import filling
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import maybe, states
from codegen_ad.frontend.control.aliases import Joined, tangle_joined
from codegen_ad.frontend.control.sides import Side
from codegen_ad.frontend.sizes.run_time import is_run_time
from codegen_ad.frontend.values import (
    Array,
    Cell,
    Dict,
    Growth,
    List,
    Maybe,
    Record,
    Rows,
    Unbound,
    is_number,
    remade,
)
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, toposort
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.control import BRANCH, Branch

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


ABSENT = Unbound("")


@dataclass(slots=True)
class Merge:
    """The results of a branch, as they are collected."""

    m: Machine
    then: Side
    otherwise: Side
    condition: Node
    outputs: list[tuple[Node, Node, Cell]] = field(default_factory=list[tuple[Node, Node, Cell]])
    pairs: dict[tuple[Cell, Cell], Cell] = field(default_factory=dict[tuple[Cell, Cell], Cell])
    made: set[Cell] = field(default_factory=set[Cell])
    outer: set[Cell] = field(default_factory=set[Cell])
    joined: list[Joined] = field(default_factory=list[Joined])

    def name(self, name: str) -> Value:
        """What a name is bound to after the branch."""
        one = self.then.env.get(name, ABSENT)
        other = self.otherwise.env.get(name, ABSENT)
        if one is other:
            return one
        if ABSENT in (one, other) or isinstance(one, Unbound) or isinstance(other, Unbound):
            if name == "%value":
                # Where nothing is returned yet there is no value. Where returned values are not
                # one, whoever reads the result must know.
                several = [v for v in (one, other) if isinstance(v, Unbound) and v.differs]
                return several[0] if several else self._filled(one, other)
            if self._over(one, other):
                return self._filled(one, other)
            key = maybe.key_of(self.m.frame, name) if ABSENT in (one, other) else None
            key = key or getattr(one, "key", None) or getattr(other, "key", None)
            reason = Unbound(f"`{name}` has a value on one path only, and is read here.", key=key)
            return self._maybe(one, other, name) or reason
        if one is None or other is None or isinstance(one, Maybe) or isinstance(other, Maybe):
            found = self._maybe(one, other, name)
            return self.value(one, other, name) if found is None else found
        return self.value(one, other, name)

    def _maybe(self, one: Value, other: Value, name: str) -> Value | None:
        """The value of a name that has none, or holds None, on one of the paths."""
        m = self.m
        pair = [(self.then, one), (self.otherwise, other)]
        kinds = {v.none for _, v in pair if isinstance(v, Maybe)}
        kinds |= {v is None for _, v in pair if v is None or v is ABSENT}
        there = [(s, v) for s, v in pair if v is not None and v is not ABSENT]
        inner = [(s, v.value if isinstance(v, Maybe) else v) for s, v in there]
        is_new = not all(isinstance(v, Maybe) for _, v in there)
        if (is_new and not maybe.is_kept(m, name)) or len(kinds) != 1 or not there:
            return None
        if len(inner) == 2:
            value = self.value(inner[0][1], inner[1][1], name)
        else:
            value = self._beside_nothing(*inner[0])
        if isinstance(value, Unbound):
            return value
        flags = [
            s.node(m, v.present, DType.BOOL)
            if isinstance(v, Maybe)
            else make.constant(m.b, v is not None and v is not ABSENT, DType.BOOL)
            for s, v in pair
        ]
        cell = Cell()
        self._output(flags[0], flags[1], cell)
        return Maybe(value, Array(cell, weak=True), kinds.pop())

    def _beside_nothing(self, side: Side, value: Value) -> Value:
        """A value of one path, where there is none on the other."""
        m = self.m
        shapes = [leaf.type.shape for leaf in states.leaves(states.form_of(m, value, side))]
        if any(is_run_time(m, d) for shape in shapes for d in shape):
            return Unbound(
                "This array has a size that only one path knows, and is read after both.",
                instead="Give it a value on every path.",
            )
        if maybe.is_shared(m, value):
            return Unbound(
                "Whether this is a list or dict that has other names too depends on data.",
                instead="Make a copy: `list(items)`, `dict(items)`.",
            )
        return self._with_zeros(side, value)

    def value(self, one: Value, other: Value, name: str) -> Value:
        """One value for those of both sides."""
        if one is other or (not isinstance(one, float) and _same(one, other)):
            return one
        boxed = isinstance(one, Array) and isinstance(other, Array) and one.boxed and other.boxed
        scalars = [
            _is_scalar(self.m, side, value)
            for side, value in ((self.then, one), (self.otherwise, other))
        ]
        if all(scalars) and not boxed:
            return self._scalar(one, other)
        if isinstance(one, Array) and isinstance(other, Array):
            return self._array(one, other, name)
        match one, other:
            case tuple(), tuple() if len(cast("Any", one)) == len(cast("Any", other)) and type(
                cast("Any", one)
            ) is type(cast("Any", other)):
                parts = [
                    self.value(a, b, name)
                    for a, b in zip(cast("Any", one), cast("Any", other), strict=True)
                ]
                return remade(type(cast("Any", one)), parts)
            case (List(a), List(b)) | (Dict(a), Dict(b)) | (Record(_, a), Record(_, b)):
                if type(one) is type(other) and a not in self.m.store and b not in self.m.store:
                    held = self._contents(self.then.store[a], self.otherwise.store[b], name)
                    cell = self.pairs.setdefault((a, b), Cell())
                    self._join(cell, a, b, name)
                    self.m.store[cell] = held
                    return (
                        List(cell)
                        if isinstance(one, List)
                        else (Dict(cell) if isinstance(one, Dict) else Record(one.cls, cell))
                    )
            case _:
                pass
        first, second = self._words(self.then, one), self._words(self.otherwise, other)
        instead = "Give it values of one kind, for example numbers, on both paths."
        if first == second and isinstance(one, List | Dict | Record):
            second = "another one"
            instead = "Write `if` and `else`, and in each what is done with the one that is meant."
        return Unbound(
            f"`{name}` is {first} on one path and {second} on another, and is read here.",
            instead=instead,
            key=maybe.key_of(self.m.frame, name) if one is None or other is None else None,
            differs=True,
        )

    def _words(self, side: Side, value: Value) -> str:
        if isinstance(value, Array):
            held = side.nodes.get(value)
            return f"an array {next(iter(held.values())).array if held else self.m.type_of(value)}"
        return self.m.describe(value)

    def _scalar(self, one: Value, other: Value) -> Value:
        dtype = _joint_dtype(self.m, [(self.then, one), (self.otherwise, other)])
        pair = self.then.node(self.m, one, dtype), self.otherwise.node(self.m, other, dtype)
        cell = Cell()
        self._output(*pair, cell)
        boxes = {v.boxed if isinstance(v, Array) else False for v in (one, other)}
        boxed = boxes.pop() if len(boxes) == 1 else None
        return Array(cell, weak=data.is_weak(one) and data.is_weak(other), boxed=boxed)

    def _array(self, one: Array, other: Array, name: str) -> Value:
        store = self.m.store
        if one.steps == other.steps and one.cell not in store and other.cell not in store:
            base = self.then.store[one.cell], self.otherwise.store[other.cell]
            if base[0].type == base[1].type:
                known = self.pairs.get((one.cell, other.cell))
                if known is None:
                    known = Cell(name)
                    self._join(known, one.cell, other.cell, name)
                    self.pairs[one.cell, other.cell] = known
                    self._output(*base, known)
                read_only = one.read_only or other.read_only
                return Array(known, one.steps, read_only=read_only, boxed=one.boxed)
        nodes = [
            next(iter(side.nodes[value].values())) if value in side.nodes else self.m.read(value)
            for side, value in ((self.then, one), (self.otherwise, other))
        ]
        if nodes[0].type != nodes[1].type:
            return self._unequal(name, nodes)
        cell = Cell(name)
        self._join(cell, one.cell, other.cell, name)
        self._output(nodes[0], nodes[1], cell)
        return Array(cell, boxed=one.boxed)

    def _join(self, cell: Cell, one: Cell | None, other: Cell | None, name: str) -> None:
        """Remember which storages a new one stands for; a path that is over does not count."""
        gone = [side.env.get("%return") is True for side in (self.then, self.otherwise)]
        of = (None if gone[0] else one, None if gone[1] else other)
        self.joined.append(Joined(cell, of, name))

    def _unequal(self, name: str, nodes: list[Node]) -> Value:
        one, other = nodes[0].array, nodes[1].array
        reason = f"`{name}` is {one} on one path and {other} on another, and is read here."
        equal = states.unequal(one, other, f"{name} on both paths")
        instead = "Give it the same shape and dtype on both paths."
        return Unbound(reason, equal, instead, differs=True)

    def held(self, cell: Cell) -> None:
        """Merge what a storage that existed before holds now."""
        m = self.m
        if cell not in self.then.store or cell not in self.otherwise.store:
            return
        one, other = self.then.store[cell], self.otherwise.store[cell]
        if one is other:
            m.store[cell] = one
        elif isinstance(one, Node):
            self._output(one, other, cell)
        elif isinstance(one, int):  # how far an iterator has been gone through
            m.store[cell] = True
        else:
            if _asks_data(m, self.condition):
                filling.begin_on_one_side(m, cell, (one, self.then), (other, self.otherwise))
            m.store[cell] = self._contents(one, other, "an item")

    def _contents(self, one: Any, other: Any, name: str) -> Any:
        if isinstance(one, Rows) and one == other:
            return one
        sizes = [len(c) if isinstance(c, tuple) else None for c in (one, other)]  # pyright: ignore
        if sizes[0] is not None and sizes[0] == sizes[1]:
            return tuple(self.value(a, b, name) for a, b in zip(one, other, strict=True))  # pyright: ignore
        if isinstance(one, dict) and list(one) == list(other):  # pyright: ignore
            return {k: self.value(one[k], other[k], str(k)) for k in one}  # pyright: ignore
        self.m.unroll()  # the condition may be known for each iteration
        if isinstance(one, tuple | Rows):
            self.m.refuse(
                "How many items a list has depends on data: one path appends, another does not.",
                "Append on both paths, or write into an array at the places that count.",
            )
        self.m.refuse(
            "A list or dict has other items on one path than on the other, depending on data.",
            "Give it the same items on both paths, or use an array.",
        )

    def _over(self, one: Value, other: Value) -> bool:
        """Whether the function is over on the path where the value is missing."""
        missing = self.then if one is ABSENT or isinstance(one, Unbound) else self.otherwise
        present = other if missing is self.then else one
        return not isinstance(present, Unbound) and missing.env.get("%return") is True

    def _filled(self, one: Value, other: Value) -> Value:
        """The value returned on one path; on the other path nothing is returned yet."""
        side, value = (self.otherwise, other) if isinstance(one, Unbound) else (self.then, one)
        return self._with_zeros(side, value)

    def _with_zeros(self, side: Side, value: Value) -> Value:
        m = self.m
        match value:
            case Array():
                node = (
                    next(iter(side.nodes[value].values())) if value in side.nodes else m.read(value)
                )
                zero = make.full(m.b, node.array.shape, 0, node.array.dtype)
                cell = Cell()
                pair = (node, zero) if side is self.then else (zero, node)
                cells = (value.cell, None) if side is self.then else (None, value.cell)
                self._join(cell, *cells, "%")
                self._output(*pair, cell)
                return Array(cell, weak=value.weak, boxed=value.boxed)
            case Maybe(inner, present, none):
                flag = self._with_zeros(side, present)
                return Maybe(self._with_zeros(side, inner), cast("Array", flag), none)
            case tuple():
                parts = [self._with_zeros(side, v) for v in cast("tuple[Value, ...]", value)]
                return remade(type(cast("Any", value)), parts)
            case List(cell) | Dict(cell) | Record(_, cell):
                held: Any = side.store[cell]
                if isinstance(held, Rows):
                    array = cast("Array", self._with_zeros(side, held.array))
                    growth = held.growth and self._filled_with_zeros(side, held.growth)
                    return m.list_of_rows(replace(held, array=array, growth=growth))
                keys, parts = (list(held), held.values()) if hasattr(held, "keys") else (None, held)
                made = [self._with_zeros(side, v) for v in parts]
                new = Cell()
                self._join(new, *((cell, None) if side is self.then else (None, cell)), "%")
                self.m.store[new] = (
                    tuple(made) if keys is None else dict(zip(keys, made, strict=True))
                )
                return (
                    List(new)
                    if isinstance(value, List)
                    else (Dict(new) if isinstance(value, Dict) else Record(value.cls, new))
                )
            case _:
                return value

    def _filled_with_zeros(self, side: Side, growth: Growth) -> Growth:
        """How long a list is that one path has filled, and that has no items on the other."""
        if growth.filled is None:
            return growth
        number, none = side.store[growth.filled], make.constant(self.m.b, 0, DType.INT64)
        cell = Cell("count")
        self._output(*((number, none) if side is self.then else (none, number)), cell)
        found = replace(growth, filled=cell)
        self.m.fillings[cell] = replace(self.m.fillings[growth.filled], growth=found)
        return found

    def _output(self, one: Node, other: Node, cell: Cell) -> None:
        if one is other:
            self.m.store[cell] = one
            return
        assert one.type == other.type
        self.outputs.append((one, other, cell))
        self.made.add(cell)

    def finish(self) -> None:
        """Make the branch, and put its results where they belong."""
        paths = (self.then.tangled, self.otherwise.tangled)
        tangle_joined(self.m, self.joined, paths, self.outer)
        if not self.outputs:
            return
        b = self.m.b
        ones, captured = self.then.scope.close([o for o, _, _ in self.outputs])
        others, more = self.otherwise.scope.close([o for _, o, _ in self.outputs])
        outer = list(dict.fromkeys([*captured, *more]))
        with b.at(None):  # each node keeps the line it came from
            params = Branch(b.enclose((), ones, outer), b.enclose((), others, outer))
        node = b.node(BRANCH, (self.condition, *outer), params)
        for result, (_, _, cell) in zip(b.results(node), self.outputs, strict=True):
            self.m.store[cell] = result


def _asks_data(m: Machine, condition: Node) -> bool:
    """Whether a condition is about more than which iteration of a loop it is."""
    inputs = [n for n in toposort((condition,)) if n.op.kind is Kind.INPUT]
    return any(n not in m.log.counters for n in inputs)


def _same(one: Value, other: Value) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        two = cast("tuple[Value, ...]", other)
        return len(cast("tuple[Value, ...]", one)) == len(two) and all(
            a is b or _same(a, b) for a, b in zip(cast("tuple[Value, ...]", one), two, strict=True)
        )
    return bool(one == other)


def _is_scalar(m: Machine, side: Side, value: Value) -> bool:
    if isinstance(value, Array):
        if value in side.nodes:
            return not next(iter(side.nodes[value].values())).array.rank
        return not m.type_of(value).rank
    return is_number(value) or isinstance(value, Dim)


def _joint_dtype(m: Machine, values: Sequence[tuple[Side, Value]]) -> DType:
    """NumPy's common dtype of scalars from both sides."""
    strong: list[DType] = []
    weak: list[DType] = []
    for side, value in values:
        if isinstance(value, Array):
            dtype = next(iter(side.nodes[value])) if value in side.nodes else m.type_of(value).dtype
        else:
            dtype = data.dtype_of(m, value) or DType.FLOAT64
        (weak if data.is_weak(value) else strong).append(dtype)
    return data.joined(strong, weak)
