"""What is known of the integers of a program: polynomials, and inequalities between them.

Each is a polynomial in sizes and in symbols that begin with `%`: indices of loops, which have
bounds, and `max(a, b)` and the like, which are one or the other. An inequality is proved by putting
bounds in place of symbols, the newest first; what can't be proved is taken not to hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from codegen_ad.ir.builder import RESULT, Result
from codegen_ad.ir.dims import ZERO, Atom, Dim, FloorDivision
from codegen_ad.ir.node import Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.constants import IOTA, RUN_SIZE, SAME_SIZE, SIZE, Size
from codegen_ad.ops.control import Branch, Loop, While
from codegen_ad.ops.movement import BROADCAST_TO, RESHAPE

LARGER = ("maximum", "larger")
SMALLER = ("minimum", "smaller")
TRIES = 400
"""How many substitutions a proof may take."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """A symbol is at least each of `lower`, at most each of `upper`, and one of `cases`, if any."""

    lower: tuple[Dim, ...] = ()
    upper: tuple[Dim, ...] = ()
    cases: tuple[Dim, ...] = ()


class Symbols:
    """The symbols so far, older ones first: bounds of a symbol speak of older ones alone."""

    def __init__(self) -> None:
        self._bounds: dict[str, _Bounds] = {}
        self._age: dict[str, int] = {}

    def new(self, lower: Sequence[Dim] = (), upper: Sequence[Dim] = ()) -> Dim:
        """A new one, between bounds."""
        name = f"%{len(self._bounds)}"
        return self._with(name, _Bounds(tuple(lower), tuple(upper)))

    def one_of(self, name: str, *cases: Dim, lower: Sequence[Dim] = ()) -> Dim:
        """The one called so of these; it is the same one wherever they are the same."""
        name = f"%{name}({', '.join(map(str, cases))})"
        upper = cases if name.startswith("%min") else ()
        return self._with(name, _Bounds(tuple(lower), upper, cases))

    def _with(self, name: str, bounds: _Bounds) -> Dim:
        if name not in self._bounds:
            self._age[name] = len(self._bounds)
            self._bounds[name] = bounds
        return Dim.symbol(name)

    def cases(self, dim: Dim) -> tuple[Dim, ...]:
        """What a symbol is one of."""
        bounds = self._bounds.get(dim.name or "")
        return () if bounds is None else bounds.cases

    def is_positive(self, dim: Dim) -> bool:
        """Whether it is certain, for all values of symbols and sizes, that it is at least 0."""
        left = [TRIES]
        return self._holds(dim, left)

    def _holds(self, dim: Dim, left: list[int]) -> bool:
        left[0] -= 1
        if left[0] < 0:
            return False
        atom = self._newest(dim)
        if atom is None:
            return all(
                coefficient > 0 and all(self._is_size(a, left) for a in monomial)
                for monomial, coefficient in dim.terms
            )
        parted = _part(dim, atom)
        if parted is None:
            return False
        slope, rest = parted
        if self._holds(slope, left):
            grows = True
        elif self._holds(-slope, left):
            grows = False
        else:
            return False
        if isinstance(atom, FloorDivision):
            # divisor * (p // divisor) is p - divisor + 1 at least and p at most.
            most, by = atom.numerator, atom.divisor
            if grows and self._holds(rest, left) and self._holds(most, left):
                return True
            return self._holds(slope * (most - (by - 1) if grows else most) + rest * by, left)
        bounds = self._bounds[atom]
        sides = bounds.lower if grows else bounds.upper
        if any(self._holds(slope * side + rest, left) for side in sides):
            return True
        cases = bounds.cases
        return bool(cases) and all(self._holds(slope * case + rest, left) for case in cases)

    def _newest(self, dim: Dim) -> Atom | None:
        """What is to be replaced next: quotients, then the newest symbol."""
        found, age = None, -1
        for monomial, coefficient in dim.terms:
            for atom in monomial:
                if isinstance(atom, FloorDivision):
                    if coefficient < 0 or any(s[0] == "%" for s in atom.numerator.symbols()):
                        return atom
                elif atom[0] == "%" and self._age[atom] > age:
                    found, age = atom, self._age[atom]
        return found

    def _is_size(self, atom: Atom, left: list[int]) -> bool:
        return isinstance(atom, str) or self._holds(atom.numerator, left)


def _part(dim: Dim, atom: Atom) -> tuple[Dim, Dim] | None:
    """The slope of an atom in a polynomial, and the rest; None if it is not linear."""
    slope = rest = ZERO
    for monomial, coefficient in dim.terms:
        others = tuple(a for a in monomial if a != atom)
        if len(others) < len(monomial) - 1:
            return None
        term = Dim(((others, coefficient),))
        if len(others) < len(monomial):
            slope = slope + term
        else:
            rest = rest + term
    return slope, rest


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at a place in a program: outside of all loops, or in a region.

    Attributes
    ----------
    fixed : the symbols of sizes that are the same wherever they are compared.
    values : scalars.
    sizes : what the symbols of run-time sizes stand for.
    facts : what is at least 0 here.
    apart : what is not 0 here.
    """

    symbols: Symbols = field(default_factory=Symbols)
    fixed: frozenset[str] = frozenset()
    values: Mapping[Node, Dim] = field(default_factory=dict[Node, Dim])
    sizes: Mapping[str, Dim] = field(default_factory=dict[str, Dim])
    facts: tuple[Dim, ...] = ()
    apart: tuple[Dim, ...] = ()
    _unknown: dict[Node | str, Dim] = field(default_factory=dict["Node | str", Dim])
    _asked: dict[Node, Dim | None] = field(init=False, default_factory=dict["Node", "Dim | None"])

    def region(
        self,
        values: Mapping[Node, Dim],
        *,
        sizes: Mapping[str, Dim] | None = None,
        facts: Iterable[Dim] = (),
        apart: Iterable[Dim] = (),
    ) -> Known:
        """What is known in a region whose inputs have these values."""
        return replace(
            self,
            values=values,
            sizes=self.sizes if sizes is None else sizes,
            facts=(*self.facts, *facts),
            apart=(*self.apart, *apart),
            _unknown={},
        )

    def is_at_least(self, dim: Dim, bound: int) -> bool:
        """Whether that is certain here."""
        rest = dim - bound
        return any(self.symbols.is_positive(d) for d in (rest, *(rest - f for f in self.facts)))

    def are_apart(self, x: Dim, y: Dim) -> bool:
        """Whether one is certainly larger than the other, always the same one."""
        more = x - y
        least = 0 if more in self.apart or -more in self.apart else 1
        return self.is_at_least(more, least) or self.is_at_least(-more, least)

    def of(self, node: Node) -> Dim | None:
        """A scalar, if it is known."""
        if node in self.values:
            return self.values[node]
        if node not in self._asked:  # conditions ask for the same again, on each level
            self._asked[node] = self._found(node)
        return self._asked[node]

    def _found(self, node: Node) -> Dim | None:
        if node.array.shape or node.array.dtype is not DType.INT64:
            return None
        value = make.constant_value(node)
        if value is not None:
            return Dim.constant(int(value))
        if node.op is SIZE and isinstance(node.params, Size):
            return self.size(node.params.dim, node)
        if node.op in (RUN_SIZE, SAME_SIZE):
            return self.of(node.args[-1])
        if node.op.name == "where":
            return self._where(*node.args)
        args = [self.of(a) for a in node.args] if node.op.name in _NAMES else [None]
        known = [a for a in args if a is not None]
        return self._computed(node.op.name, known) if len(known) == len(args) else None

    def _computed(self, name: str, args: Sequence[Dim]) -> Dim | None:
        x, y = args[0], args[-1]
        if name in LARGER or name in SMALLER:
            first = x if name in LARGER else y
            if self.is_at_least(x - y, 0):
                return first
            if self.is_at_least(y - x, 0):
                return x + y - first
            kind = "max" if name in LARGER else "min"
            return self.symbols.one_of(kind, x, y, lower=args if name in LARGER else ())
        if name == "absolute":
            return self.symbols.one_of("abs", x, -x, lower=(ZERO, x, -x))
        if name == "floor_divide":
            return x // y.value if y.is_constant and y.value > 0 else None
        if name == "negative":
            return -x
        return x + y if name == "add" else x - y if name == "subtract" else x * y

    def _where(self, condition: Node, x: Node, y: Node) -> Dim | None:
        first, second = self.of(x), self.of(y)
        for case, holds in ((first, True), (second, False)):
            # Of a condition with parts, some may not be known.
            facts = [*facts_of(condition, self, holds=holds)]
            is_known = bool(facts) and condition.op.name in _OPPOSITE
            if is_known and all(self.is_at_least(f, 0) for f in facts):
                return case
        if first is None or second is None:
            return None
        return self.symbols.one_of("one", first, second)

    def scalar(self, node: Node) -> Dim | None:
        """An integer, by a symbol of its own if nothing else is known of it."""
        if node.array.shape or node.array.dtype is not DType.INT64:
            return None
        found = self.of(node)
        return self._named(node) if found is None else found

    def _named(self, what: Node | str) -> Dim:
        if what not in self._unknown:
            self._unknown[what] = self.symbols.new()
        return self._unknown[what]

    def size(self, dim: Dim, node: Node) -> Dim:
        """A size that a node's parameters speak of."""
        run = {s.array.size: self.scalar(s) for s in node.sizes if isinstance(s.array.size, str)}
        dim = dim.substitute({s: d for s, d in run.items() if d is not None})
        dim = dim.substitute(self.sizes)
        # What the run finds out inside of a loop may be another number in each iteration.
        free = {s for s in dim.symbols() if s[0] != "%" and s not in self.fixed}
        return dim.substitute({s: self._named(s) for s in free}) if free else dim

    def index(self, length: Dim) -> Dim:
        """A new index, from 0 up to a length."""
        return self.symbols.new([ZERO], [self.if_any(length) - 1])

    def if_any(self, length: Dim) -> Dim:
        """A length that is negative in no place where it matters, where `max(length, 0)` is it."""
        cases = self.symbols.cases(length)
        if len(cases) == 2 and ZERO in cases:
            return cases[1] if cases[0] == ZERO else cases[0]
        return length

    def places(self, node: Node) -> Dim | None:
        """All elements of an array of indices, by indices of their own where they differ."""
        if node.op in (RESHAPE, BROADCAST_TO):
            return self.places(node.args[0])
        if node.op is IOTA and isinstance(node.params, Size):
            return self.index(self.size(node.params.dim, node))
        if node.array.shape and node.op.name in ("add", "subtract", "multiply"):
            x, y = map(self.places, node.args)
            return None if x is None or y is None else self._computed(node.op.name, (x, y))
        return None if node.array.shape else self.of(node)


_NAMES = (
    *LARGER, *SMALLER, "absolute", "floor_divide", "negative", "add", "subtract", "multiply",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Iteration:
    """One iteration of a loop: its index, and the integers among what it carries and captures."""

    known: Known
    index: Dim
    inputs: Sequence[Dim | None]

    def inside(self, *inputs: Node, index: Node | None) -> Known:
        """What is known in the body, if these stand for its inputs."""
        found = {x: d for x, d in zip(inputs, self.inputs, strict=True) if d is not None}
        return self.known.region(found if index is None else {**found, index: self.index})


def iteration(
    known: Known, params: Loop | While, trip: Node | None, args: Sequence[Node], after: Dim = ZERO
) -> Iteration:
    """Any iteration from `after` on; `args` are carried and captured, `trip` how many there are."""
    trips = None if trip is None else known.of(trip)
    upper = [] if trips is None else [known.if_any(trips) - 1]
    index = known.symbols.new([after], upper)
    sizes = dict(known.sizes)
    if params.length.name is not None:
        sizes.pop(params.length.name, None)
        if trips is not None:
            sizes[params.length.name] = known.if_any(trips)
    first = 1 if isinstance(params, Loop) else 0
    inputs = [None if k < params.carried else known.scalar(a) for k, a in enumerate(args)]
    for k in counters(params.body.inputs[first:][: params.carried], params.body.outputs):
        start = known.scalar(args[k])
        inputs[k] = None if start is None else start + index
    # There is an iteration, so there is a first one and a last one.
    facts = [*known.facts, *(last - after for last in upper)]
    return Iteration(replace(known, sizes=sizes, facts=tuple(facts)), index, inputs)


def counters(carried: Sequence[Node], outputs: Sequence[Node]) -> Iterator[int]:
    """The positions of carried integers that grow by one in each iteration."""
    for k, (own, after) in enumerate(zip(carried, outputs, strict=False)):
        if own.array.shape or own.array.dtype is not DType.INT64 or after.op.name != "add":
            continue
        x, y = after.args
        if (x is own and make.constant_value(y) == 1) or (y is own and make.constant_value(x) == 1):
            yield k


def side(known: Known, node: Node, inputs: Sequence[Node], *, holds: bool) -> Known:
    """What is known in a side of a branch, which takes these inputs."""
    values = {
        x: value
        for x, a in zip(inputs, node.args[1:], strict=True)
        if (value := known.scalar(a) if not a.array.shape else None) is not None
    }
    facts = facts_of(node.args[0], known, holds=holds)
    return known.region(values, facts=facts, apart=apart_of(node.args[0], known, holds=holds))


def facts_of(condition: Node, known: Known, *, holds: bool) -> Iterator[Dim]:
    """What is at least 0 where a condition on integers holds, or where it does not."""
    for x, name, y in _comparisons(condition, known, holds=holds):
        if name in ("greater", "greater_equal", "equal"):
            yield x - y - (name == "greater")
        if name in ("less", "less_equal", "equal"):
            yield y - x - (name == "less")


def apart_of(condition: Node, known: Known, *, holds: bool) -> Iterator[Dim]:
    """What is not 0 there."""
    for x, name, y in _comparisons(condition, known, holds=holds):
        if name == "not_equal":
            yield x - y


_OPPOSITE = {
    "greater": "less_equal", "greater_equal": "less", "less": "greater_equal",
    "less_equal": "greater", "equal": "not_equal", "not_equal": "equal",
}  # fmt: skip


def _comparisons(condition: Node, known: Known, *, holds: bool) -> Iterator[tuple[Dim, str, Dim]]:
    name = condition.op.name
    if name == "logical_not":
        yield from _comparisons(condition.args[0], known, holds=not holds)
    elif name == ("logical_and" if holds else "logical_or"):
        for part in condition.args:
            yield from _comparisons(part, known, holds=holds)
    elif condition.op is RESULT:
        yield from _comparisons_of_branch(condition, known, holds=holds)
    elif name in _OPPOSITE and not condition.array.shape:
        x, y = (known.scalar(a) for a in condition.args)
        if x is not None and y is not None:
            yield x, name if holds else _OPPOSITE[name], y


def _comparisons_of_branch(
    condition: Node, known: Known, *, holds: bool
) -> Iterator[tuple[Dim, str, Dim]]:
    """The same for `a and b`, a branch: `b` if `a` holds, else `a`; for `a or b` where not."""
    branch = condition.args[0]
    if not isinstance(branch.params, Branch) or not isinstance(condition.params, Result):
        return
    number = condition.params.index
    taken, other = branch.params.regions if holds else branch.params.regions[::-1]
    last = other.outputs[number]
    captured = dict(zip(other.inputs, branch.args[1:], strict=True))
    if captured.get(last) is not branch.args[0] and make.constant_value(last) is not (not holds):
        return
    yield from _comparisons(branch.args[0], known, holds=holds)
    inside = side(known, branch, taken.inputs, holds=holds)
    yield from _comparisons(taken.outputs[number], inside, holds=holds)
