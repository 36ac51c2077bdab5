"""The functions of `itertools`, and `np.ndindex` and `np.ndenumerate`: loops, written out.

What gives tuples of items is a generator expression over positions or items. The pools of `product`
and its kin are looked at when they are made, as in Python; `chain` and `starmap` look at theirs as
they are gone through.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from codegen_ad.frontend.arrays.access import subscript
from codegen_ad.frontend.containers import iterators, rows
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import comprehensions, counting, iteration
from codegen_ad.frontend.library.applied import part
from codegen_ad.frontend.library.refused import refusal
from codegen_ad.frontend.values import (
    Array,
    DynamicRange,
    Endless,
    List,
    Nested,
    Outside,
    Range,
    Repeated,
)
from codegen_ad.ir.dims import as_dim

Args = Sequence[Value]
Named = Mapping[str, Value]

MOST_KNOWN = 4096
"""How many tuples of items are written out."""

_SEEN = (
    "What `itertools.pairwise` goes through is written to, and it has read one item of it already."
)


def _pool(m: Any, value: Value) -> Value:
    """What `tuple(value)` holds, which writes to an array of numbers do not change."""
    if isinstance(value, Array) and m.type_of(value).rank == 1:
        return m.fresh(m.read(value))
    if (
        isinstance(value, Array | Range | DynamicRange | Nested)
        or rows.rows_of(m, value) is not None
    ):
        return value
    return tuple(m.items(value, "argument"))


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _loop(target: str, over: ast.expr, *ifs: ast.expr) -> ast.comprehension:
    return ast.comprehension(ast.Name(target, ast.Store()), over, list(ifs), 0)


def _range(*args: ast.expr) -> ast.expr:
    return ast.Call(_name("%range"), list(args), [])


def _tuple(items: Sequence[ast.expr]) -> ast.expr:
    return ast.Tuple(list(items), ast.Load())


def _counter(place: int) -> str:
    return f"%{'ijklmn'[place] if place < 6 else f'i_{place}'}"


def _known(m: Any, pools: Sequence[Value], number: int, tuples: Callable[..., Any]) -> Any:
    """The tuples, if all items and not too many are known now."""
    if number > MOST_KNOWN or any(m.try_items(p) is None for p in pools):
        return None
    return tuple(tuples(*(m.items(p, "argument") for p in pools)))


def _chosen(tuples: Callable[..., Any], chosen: int, pool: Sequence[Value]) -> Any:
    return tuples(pool, chosen)


def _product(m: Any, args: Args, kwargs: Named) -> Value:
    repeat = m.static(kwargs.get("repeat", 1), "argument `repeat`")
    pools = [_pool(m, a) for a in args] * repeat
    sizes = [len(i) if (i := m.try_items(p)) is not None else 0 for p in pools]
    known = _known(m, pools, math.prod(sizes), itertools.product)
    if known is not None and not (pools and all(iteration.is_data(m, p) for p in pools)):
        return known
    names = tuple(f"%pool_{k}" for k in range(len(pools)))
    loops = tuple(_loop(_counter(k), _name(n)) for k, n in enumerate(names))
    item = _tuple([_name(_counter(k)) for k in range(len(pools))])
    return Nested(loops, item, names, tuple(pools), known)


def _positions(name: str, tuples: Callable[..., Any]) -> Callable[..., Value]:
    """The handler of a function that picks `r` positions of one pool."""

    def handler(m: Any, args: Args, kwargs: Named) -> Value:
        pool, *more = args
        pool = _pool(m, pool)
        items: list[Value] | None = m.try_items(pool)
        chosen = _number(m, name, more[0] if more else kwargs.get("r"), items)
        number = math.comb(len(items) + chosen, chosen) if items is not None else 0
        number *= math.factorial(chosen) if name == "permutations" else 1
        known = _known(m, [pool], number, partial(_chosen, tuples, chosen))
        if known is not None and (not iteration.is_data(m, pool) or not chosen):
            return known
        if not chosen or not iteration.is_data(m, pool):
            m.items(pool, f"argument of itertools.{name}")
            m.refuse(
                f"`itertools.{name}` gives more than {MOST_KNOWN} tuples here.",
                "Make an array of the items, or loop over `range(n)`.",
            )
        return _of_positions(m, name, pool, chosen, known)

    return handler


def _number(m: Any, name: str, given: Value, items: list[Value] | None) -> int:
    """How many items each tuple has."""
    chosen: Any = m.static(given, "number of items")
    if chosen is None and items is not None:
        return len(items)
    if not isinstance(chosen, int) or chosen < 0:
        m.refuse(
            f"`itertools.{name}` needs to know how many items each tuple has.",
            "Give the number: `r=2`.",
        )
    return cast("int", chosen)


def _of_positions(m: Any, name: str, pool: Value, chosen: int, known: Any) -> Nested:
    if isinstance(pool, DynamicRange):
        if pool.start != 0 or pool.step != 1:
            m.refuse(
                f"`itertools.{name}` of a range that data sets, which does not count from 0.",
                "Take positions of `range(n)`, and add to them inside.",
            )
        size, pool = pool.stop, Range(as_dim(0), as_dim(0))
    else:
        size = m.call(Outside(len, ()), [pool], {})
    loops: list[ast.comprehension] = []
    counters = [_counter(k) for k in range(chosen)]
    for k, counter in enumerate(counters):
        before = [_name(c) for c in counters[:k]]
        if name == "permutations":
            tests = [ast.Compare(_name(counter), [ast.NotEq()], [c]) for c in before]
            loops.append(_loop(counter, _range(_name("%size")), *tests))
            continue
        start: list[ast.expr] = [*before[-1:]]
        if start and name == "combinations":
            start = [ast.BinOp(start[0], ast.Add(), ast.Constant(1))]
        loops.append(_loop(counter, _range(*start, _name("%size"))))
    item = _tuple([_at(pool, c) for c in counters])
    names, parts = ("%range", "%size"), (Outside(range, ()), size)
    if isinstance(pool, Range):
        extra = (pool.start.value if pool.start.is_constant else pool.start, pool.step)
        return Nested(tuple(loops), item, (*names, "%start", "%step"), (*parts, *extra), known)
    return Nested(tuple(loops), item, (*names, "%pool"), (*parts, pool), known)


def _at(pool: Value, counter: str) -> ast.expr:
    """The item at a position."""
    if not isinstance(pool, Range):
        return ast.Subscript(_name("%pool"), _name(counter), ast.Load())
    if pool.start == as_dim(0) and pool.step == 1:
        return _name(counter)
    scaled = ast.BinOp(_name("%step"), ast.Mult(), _name(counter))
    return ast.BinOp(_name("%start"), ast.Add(), scaled)


def _ndindex(m: Any, args: Args, _: Named) -> Value:
    sizes = list(m.items(args[0], "shape")) if len(args) == 1 and _is_several(args[0]) else args
    ranges = [m.call(Outside(range, ()), [s], {}) for s in sizes]
    return _product(m, ranges, {}) if ranges else ((),)


def _is_several(value: Value) -> bool:
    return isinstance(value, tuple | List)


def _ndenumerate(m: Any, args: Args, _: Named) -> Value:
    array = args[0] if isinstance(args[0], Array) else m.fresh(m.node(args[0]))
    shape = m.type_of(array).shape
    if not shape:
        return (((), m.fresh(m.read(array))),)
    places = _ndindex(m, [d.value if d.is_constant else d for d in shape], {})
    if not isinstance(places, Nested):
        return tuple((p, subscript(m, array, p)) for p in cast("tuple[Value, ...]", places))
    at = ast.Subscript(_name("%array"), places.item, ast.Load())
    item = _tuple([places.item, at])
    names, parts = (*places.names, "%array"), (*places.parts, array)
    if places.known is None:
        return Nested(places.generators, item, names, parts)
    known = tuple((p, subscript(m, array, p)) for p in places.known)
    return Nested(places.generators, item, names, parts, known)


def _chain(m: Any, args: Args, _: Named) -> Value:
    return _chained(m, tuple(iterators.drawn(m, a) for a in args))


def _from_iterable(m: Any, args: Args, _: Named) -> Value:
    return _chained(m, args[0])


def _chained(m: Any, parts: Value) -> Value:
    outer = m.try_items(parts)
    inner = None if outer is None else [m.try_items(p) for p in outer]
    long = outer is None or any(iteration.is_data(m, p) for p in outer)
    known = None if inner is None else _joined(inner)
    if known is not None and not long:
        return known
    loops = (_loop("%part", _name("%parts")), _loop("%item", _name("%part")))
    return Nested(loops, _name("%item"), ("%parts",), (parts,), known)


def _joined(parts: Sequence[list[Value] | None]) -> tuple[Value, ...] | None:
    if any(p is None for p in parts):
        return None
    found = tuple(item for p in parts for item in p or ())
    return found if len(found) <= MOST_KNOWN else None


def _pairwise(m: Any, args: Args, _: Named) -> Value:
    given = args[0]
    if isinstance(given, Array) and m.type_of(given).rank == 1:
        copied = m.fresh(m.read(given))
        m.tangle(copied.cell, given.cell, _SEEN)
        given = copied
    if not isinstance(given, Array | Range) and rows.rows_of(m, given) is None:
        items = m.items(given, "argument of itertools.pairwise")
        return tuple(itertools.pairwise(items))
    return counting.zip_(m, [given, subscript(m, given, slice(1, None))], {})


def _zip_longest(m: Any, args: Args, kwargs: Named) -> Value:
    fill = kwargs.get("fillvalue")
    columns = [m.try_items(a) for a in args]
    if any(c is None for c in columns):
        m.refuse(
            "`itertools.zip_longest` needs lengths that are known.",
            "Make them equally long first: `np.pad(x, (0, n - len(x)))`.",
        )
    return tuple(itertools.zip_longest(*columns, fillvalue=fill))


def _repeat(m: Any, args: Args, kwargs: Named) -> Value:
    value, *times = args
    number = times[0] if times else kwargs.get("times")
    if number is None:
        return Endless(value)
    return Repeated(value, m.call(Outside(range, ()), [m.static(number, "times")], {}).length)


def _count(m: Any, args: Args, kwargs: Named) -> Value:
    start = args[0] if args else kwargs.get("start", 0)
    return Endless(start, args[1] if len(args) > 1 else kwargs.get("step", 1))


def _cycle(m: Any, args: Args, _: Named) -> Value:
    items = m.items(args[0], "argument of itertools.cycle")
    if not items:
        m.refuse("`itertools.cycle` of nothing.", "Give it an item.")
    return Endless(None, cycle=tuple(items))


def _islice(m: Any, args: Args, _: Named) -> Value:
    given, *bounds = args
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    known = [m.static(0 if b is None else b, "bound of itertools.islice") for b in (start, step)]
    if any(not isinstance(b, int) or b < 0 for b in known) or step == 0:
        m.refuse("A bound of `itertools.islice` is negative.", "Count from the front.")
    start, step = known[0], known[1] or 1
    if isinstance(given, Endless):
        end = m.dim(stop, "bound of itertools.islice")
        given = counting.first_of_endless(m, given, end)
    if isinstance(given, Array | Range) or rows.rows_of(m, given) is not None:
        return subscript(m, given, slice(start, stop, step))
    last = None if stop is None else m.static(stop, "bound of itertools.islice")
    return tuple(m.items(given, "argument of itertools.islice")[start:last:step])


def _starmap(m: Any, args: Args, _: Named) -> Value:
    function, iterable = args
    items = m.try_items(iterable)
    if items is None and iteration.is_data(m, iterable):
        return comprehensions.mapped(m, function, iterable, starred=True)
    found = m.items(iterable, "argument of itertools.starmap")
    return tuple(m.call(function, m.items(row), {}) for row in found)


@part
def accumulated(items: Any, function: Any, total: Any) -> Any:
    """List the results of a function of the result before and the next item."""
    found = [total]
    for item in items:
        total = function(total, item)
        found.append(total)
    return found


def _accumulate(m: Any, args: Args, kwargs: Named) -> Value:
    given, *more = args
    function = more[0] if more else kwargs.get("func")
    function = Outside(np.add, ()) if function is None else function
    total = kwargs.get("initial")
    if total is None:
        items = m.try_items(given)
        if items is not None and not items:
            return ()
        if items is not None:
            total, given = items[0], tuple(items[1:])
        elif isinstance(given, Array | Range) or rows.rows_of(m, given) is not None:
            total, given = subscript(m, given, 0), subscript(m, given, slice(1, None))
        else:
            m.refuse(
                "`itertools.accumulate` over something whose length is not known needs a value to "
                "start with.",
                "Give it `initial=...`.",
            )
    return m.call(Outside(accumulated, ()), [given, function, total], {})


def _refused(name: str, why: str, instead: str) -> Callable[..., Value]:
    return cast("Any", refusal(f"itertools.{name}", why, instead))


TOOLS: dict[Any, Callable[..., Value]] = {
    itertools.product: _product,
    itertools.combinations: _positions("combinations", itertools.combinations),
    itertools.combinations_with_replacement: _positions(
        "combinations_with_replacement", itertools.combinations_with_replacement
    ),
    itertools.permutations: _positions("permutations", itertools.permutations),
    itertools.chain: _chain,
    itertools.chain.from_iterable: _from_iterable,
    itertools.pairwise: _pairwise,
    itertools.zip_longest: _zip_longest,
    itertools.repeat: _repeat,
    itertools.count: _count,
    itertools.cycle: _cycle,
    itertools.islice: _islice,
    itertools.starmap: _starmap,
    itertools.accumulate: _accumulate,
    itertools.tee: _refused(
        "tee", "Its iterators share what they have gone through.", "Go through the items twice."
    ),
    np.ndindex: _ndindex,
    np.ndenumerate: _ndenumerate,
    np.nditer: cast(
        "Any",
        refusal(
            "np.nditer",
            "It goes through an array as it lies in memory.",
            "Write `for v in x.flat`, or `for i in np.ndindex(x.shape)` to write at `x[i]`.",
        ),
    ),
}
