"""The lines that read sizes from the shapes of arrays, and that say what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen_ad.ir.dims import ONE, AxisSize
from codegen_ad.ir.types import Shape
from codegen_ad.plan.kernel import For, Statement, While, walk
from codegen_ad.plan.strides import strides


def size_line(size: AxisSize[str], repeated: set[str]) -> str:
    """`n = x.shape[0]`, or that and that it is not negative, for those `repeated`.

    numba counts negative indices from the end. LLVM has to know that a loop's index is none, or
    the loop gathers its elements one by one instead of using vectors. Of a single loop over `n` it
    finds that out itself; of several in a loop over steps often only if `n` is known.
    """
    line = str(size)
    if size.symbol not in repeated:
        return line
    symbol, value = line.split(" = ")
    return f"{symbol} = max({value}, 0)  # so that loops use vectors"


def repeated_sizes(statements: Sequence[Statement]) -> set[str]:
    """The symbols in extents of loops that stand in other loops."""
    found: set[str] = set()
    for outer in statements:
        for statement in walk([outer]):
            if isinstance(statement, For | While):
                inner = (s for s in walk(statement.body) if isinstance(s, For))
                found.update(name for loop in inner for name in loop.extent.symbols())
    return found


def known_strides(arrays: Mapping[str, Shape], statements: Sequence[Statement]) -> list[str]:
    """Lines that tell LLVM the constant sizes from which loops over rows know where to read.

    `arrays` come from outside of the function, with their shapes.
    """
    found = {
        (name, axis): arrays[name][axis].value
        for name, axis in dict.fromkeys(strides(statements))
        if name in arrays and arrays[name][axis].is_constant and arrays[name][axis] != ONE
    }
    if not found:
        return []
    lines = [f"assert {name}.shape[{axis}] == {size}" for (name, axis), size in found.items()]
    return ["# LLVM knows these sizes then, and loops over rows use vectors.", *lines]
