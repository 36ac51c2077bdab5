"""Sizes that a kernel gains by having as constants: of short loops inside of loops over steps.

Where steps wait for each other, each of them runs through short loops, and what these cost is their
beginning and end. With the size known, the compiler writes them out. It then uses no vectors for
less than 16 trips, so loops that call a mathematical function, which need them, gain nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from codegen_ad.plan.kernel import For, Kernel, MatrixVector, Statement, Tiles, While, blocks, walk
from codegen_ad.plan.tiling.distribute import is_costly


def in_products(kernel: Kernel, sizes: Collection[str]) -> bool:
    """Whether functions multiply matrices of these sizes, which constants reach in loops alone."""
    products = (s for s in walk(kernel.body) if isinstance(s, MatrixVector))
    return any(not set(p.terms.symbols()).isdisjoint(sizes) for p in products)


_Nest = tuple[For, ...]
"""Loops, each in the body of the one before."""


def fixable(kernel: Kernel, rows: Collection[str]) -> tuple[str, ...]:
    """The symbols of sizes that may be constants where they are small; `rows` count rows of data.

    Nothing is said of how large they are: that is for a call to tell. Loops over a long axis and
    what is in them gain nothing.
    """
    steps = [s for s in walk(kernel.body) if is_over_steps(s)]
    counted = (loop.extent for loop in steps if isinstance(loop, For | Tiles))
    losing = {*rows, *(symbol for extent in counted for symbol in extent.symbols())}
    nests = [nest for loop in steps for nest in _nests(loop, ())]
    for nest in nests:
        if any(map(is_costly, nest[-1].body)):
            losing |= _sizes(nest)
    found = {symbol for nest in nests for symbol in _sizes(nest)}
    while True:
        more = {s for n in nests if not losing.isdisjoint(_sizes(n)) for s in _sizes(n)} - losing
        if not more:
            return tuple(
                s.symbol for s in kernel.sizes if s.divisor == 1 and s.symbol in found - losing
            )
        losing |= more


def _sizes(nest: _Nest) -> set[str]:
    return {symbol for loop in nest for symbol in loop.extent.symbols()}


def is_over_steps(statement: Statement) -> bool:
    """Whether it is a loop whose trips wait for each other, and may be many."""
    if isinstance(statement, For | Tiles):
        return statement.carried and not statement.extent.is_constant
    return isinstance(statement, While)


def _nests(statement: Statement, around: _Nest) -> Iterator[_Nest]:
    """The loops in a statement that do not wait for each other's trips, with those around them."""
    inner: Sequence[Statement] = [s for block in blocks(statement) for s in block]
    for each in inner:
        nest = around
        if isinstance(each, For) and not each.carried:
            nest = (*around, each)
            yield nest
        elif isinstance(each, MatrixVector):
            yield (*around, For("", each.terms, [], each.note))
        yield from _nests(each, nest)
