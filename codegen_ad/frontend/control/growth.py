"""Python's integers have no largest one, those of programs do: what may outgrow them is checked.

A loop makes an integer large by multiplying it by another one in every trip (`f *= k`) or by adding
several carried ones up (`a, b = b, a + b`). What adds something else to a counter does not get
there. Reading starts again with such a loop, and its arithmetic of Python integers is checked.
Outside of such loops products and sums are, unless they are known to be small: those of counters,
sizes, remainders and integers of 32 bits, and sums with one of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from codegen_ad.frontend.control import checks
from codegen_ad.frontend.sizes.symbolic import Requirement, Restart
from codegen_ad.ir.builder import Result
from codegen_ad.ir.dims import Dim, as_dim
from codegen_ad.ir.node import Kind, Node
from codegen_ad.ir.types import DType
from codegen_ad.ops import make
from codegen_ad.ops.constants import Size
from codegen_ad.ops.control import Branch, Loop, While

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine

_BITS = 62
_LARGEST = 2**_BITS
_OF_COUNTERS = 31
_OF_TYPES = {DType.BOOL: 1} | {t: 8 * t.size for t in DType if t.wraps and t.size < 8}
_OPERATIONS = frozenset({"add", "subtract", "multiply"})
_SAME = frozenset({"add", "subtract", "negative", "absolute", "floor_divide", "remainder", "cast"})
_EITHER = frozenset({"where", "minimum", "maximum"})
_INSTEAD = "begin with a float, as in `f = 1.0`, or keep it small: `% m`"

Reach = tuple[Counter[Node], frozenset[Node]]
"""How often carried integers are added up in a value, and which ones are factors in it."""


def watch(m: Machine, carried: Mapping[Node, Node]) -> None:
    """Look at the Python integers that a loop carries; one that may outgrow 64 bits is news.

    Of each it is told what it is at the end of a trip.
    """
    key = m.rolled[-1][0]
    if not carried or key in m.facts.growing or m.log.closed:
        return
    memo: dict[Node, Reach] = {node: (Counter((node,)), frozenset()) for node in carried}
    found = {target: _reach(end, memo) for target, end in carried.items()}
    if any(_grows(target, found) for target in found):
        m.facts.growing.add(key)
        raise Restart


def _grows(target: Node, found: dict[Node, Reach]) -> bool:
    """Whether a carried integer is a factor of itself, or adds several of its circle up."""
    circle = {n for n in _behind(target, found) if target in _behind(n, found)}
    if any(found[n][1] & circle for n in circle):
        return True
    edges = sum(times for n in circle for other, times in found[n][0].items() if other in circle)
    return edges > len(circle)


def _behind(target: Node, found: dict[Node, Reach]) -> set[Node]:
    """The carried integers that this one is made of, in any number of trips."""
    seen: set[Node] = set()
    todo = [target]
    while todo:
        counted, factors = found[todo.pop()]
        new = {*counted, *factors} - seen
        seen |= new
        todo += new
    return seen


def _nothing() -> Reach:
    return Counter(), frozenset()


def _reach(node: Node, memo: dict[Node, Reach]) -> Reach:
    if node not in memo:
        memo[node] = _nothing()
        memo[node] = _reached(node, memo)
    return memo[node]


def _reached(node: Node, memo: dict[Node, Reach]) -> Reach:
    name, args = node.op.name, node.args
    if node.op.kind is Kind.RESULT:
        return _of_result(node, memo)
    if name == "multiply":
        for one, other in (args, args[::-1]):
            if make.constant_value(one) in (0, 1, -1):
                return _reach(other, memo)
    parts = [_reach(a, memo) for a in (args[1:] if name == "where" else args)]
    counts, factors = [p[0] for p in parts], frozenset[Node]().union(*(p[1] for p in parts))
    joined: Counter[Node] = Counter()
    for count in counts:
        joined = joined | count if name in _EITHER else joined + count
    if name in _SAME or name in _EITHER or node.op.kind is Kind.MOVEMENT:
        return joined, factors
    return Counter(), factors | frozenset(joined)


def _of_result(node: Node, memo: dict[Node, Reach]) -> Reach:
    """What a branch or a loop inside gives: that of either side, or what goes into it."""
    (made,) = node.args
    assert isinstance(node.params, Result)
    place = node.params.index
    if isinstance(made.params, Loop | While):
        # An inner loop has been looked at by itself: here it adds to what it begins with.
        carried = made.args[isinstance(made.params, Loop) :][: made.params.carried]
        inside = [_reach(a, memo) for a in made.args if a not in carried]
        start = _reach(carried[place], memo) if place < len(carried) else _nothing()
        return start[0], start[1].union(*({*c, *f} for c, f in inside))
    if not isinstance(made.params, Branch):
        return _nothing()
    joined, factors = Counter[Node](), frozenset[Node]()
    for region in made.params.regions:
        inner = dict(memo)
        for known, given in zip(region.inputs, made.args[1:], strict=True):
            inner[known] = _reach(given, memo)
        count, factor = _reach(region.outputs[place], inner)
        joined, factors = joined | count, factors | factor
    return joined, factors


def is_open(m: Machine) -> bool:
    """Whether a loop is being read in which integers may outgrow 64 bits."""
    return bool(m.facts.growing) and any(key in m.facts.growing for key, _ in m.rolled)


def is_checked(m: Machine, name: str, args: Sequence[Node]) -> bool:
    """Whether this arithmetic of Python integers may need more than 64 bits."""
    if is_open(m):
        return True
    bits = [_bits(m, a) for a in args if a.array.dtype is DType.INT64]
    known = [n for n in bits if n is not None]
    if len(known) < len(bits):
        return name == "multiply" or not known or any(n > _OF_COUNTERS for n in known)
    return (sum(known) if name == "multiply" else max(known, default=0)) > _BITS


def check(m: Machine, name: str, args: Sequence[Node], found: Node) -> None:
    """Raise where the result of a Python integer's arithmetic does not fit."""
    if name not in _OPERATIONS or found.array.rank or found.array.dtype is not DType.INT64:
        return
    bits = _bits(m, found)
    if bits is not None and bits <= _BITS:
        return
    # The integers themselves have gone round where they are too large.
    _refuse_large(m, make.apply(m.b, name, *(make.cast(m.b, a, DType.FLOAT64) for a in args)))


def check_power(m: Machine, base: Node, exponent: int) -> None:
    """Raise where a Python integer to a whole power does not fit."""
    bits = _bits(m, base)
    if bits is None or bits * exponent > _BITS:
        power = make.constant(m.b, exponent, DType.FLOAT64)
        real = make.apply(m.b, "power", make.cast(m.b, base, DType.FLOAT64), power)
        _refuse_large(m, real)


def _refuse_large(m: Machine, real: Node) -> None:
    most = make.constant(m.b, float(_LARGEST), DType.FLOAT64)
    large = make.apply(m.b, "greater", make.apply(m.b, "absolute", real), most)
    text = f"an integer is larger than 2**{_BITS}: {_INSTEAD}"
    checks.refuse_when(m, large, "OverflowError", text)


def _bits(m: Machine, node: Node) -> int | None:
    """How many bits a value has at most; None where nothing is known."""
    value = make.constant_value(node)
    if value is not None:
        return int(abs(value)).bit_length()
    if node in m.log.counters or node.op.kind is Kind.SIZE:
        return _OF_COUNTERS
    if isinstance(node.params, Size):
        terms = node.params.dim.terms
        few = all(len(monomial) < 2 and abs(times) < 16 for monomial, times in terms)
        return _OF_COUNTERS if few else _BITS  # `check_size` sees to that
    name = node.op.name
    if name == "remainder":
        return _bits(m, node.args[1])
    if name == "cast":
        return _OF_TYPES.get(node.args[0].array.dtype) or _bits(m, node.args[0])
    if name not in _OPERATIONS and name not in _SAME and name not in _EITHER:
        return None
    parts = [_bits(m, a) for a in (node.args[1:] if name == "where" else node.args)]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if name in _EITHER:
        return max(known)
    return sum(known) if name == "multiply" else max(known) + (name in _OPERATIONS)


def check_size(m: Machine, size: Dim) -> None:
    """Require a polynomial of sizes that is used as a number to fit; asked when called."""
    if all(len(monomial) < 3 and abs(times) < 2**20 for monomial, times in size.terms):
        return
    most = Dim(tuple((monomial, abs(times)) for monomial, times in size.terms))
    if most.is_constant or m.is_run_time(most):
        return
    message = (
        f"line {m.line()}: `{m.text()}` is larger than 2**{_BITS} for arrays of these sizes; "
        "make it a float first: `n = float(len(x))`"
    )
    m.facts.demand(Requirement("at_least", as_dim(_LARGEST), most, message))
