"""Which sizes a function is read with: small parameters' as constants, or none.

Constants are written out, element by element, which suits few numbers and makes long files of many.
So do loops over them whose trips differ in shape (`A[k:, k]`), which are read trip by trip.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from codegen_ad.errors import ShapeMismatch, SourceError
from codegen_ad.frontend.reader import Reading, read
from codegen_ad.ir.node import Access
from codegen_ad.modes import nested
from codegen_ad.options import UNROLL_TOTAL, Options
from codegen_ad.plan.extents import count_nodes, most_written_out
from codegen_ad.signature import Signature

_LONG = 200
_TIMES_LONGER = 2
"""Of so many operations, and so often as many as with loops, a program is not written out.

An elimination with pivots of 5 rows is 335 and 112; its kernel took 40 s to compile, and 5 s with
loops, for the same speed.
"""


def read_for(
    function: Callable[..., object],
    signature: Signature,
    taps: tuple[str, ...],
    visited: frozenset[Access],
    options: Options,
) -> Reading:
    """What a function does, for arguments of a signature.

    A small parameter can make the axes of larger arrays constant, too. Where these would be written
    out, and the function can be read without constants, its kernel has loops. So it has where no
    sizes of the other arrays are found to fit the constants: 7 rows, and `n*d//3` of a reshape.
    """
    read_with = partial(read, function, taps=taps, transform=nested, visited=visited)
    try:
        reading = read_with(signature)
    except ShapeMismatch:
        if options.target == "cuda" or signature == signature.opened():
            raise
        with suppress(SourceError):
            return read_with(signature.opened())
        raise
    if options.target == "cuda" or signature == signature.opened():
        return reading
    count = count_nodes(reading.program)
    many = most_written_out(reading.program) > UNROLL_TOTAL
    if not many and count <= _LONG:
        return reading
    try:
        with_loops = read_with(signature.opened())
    except SourceError:  # only constants will do, as where a parameter is unpacked
        return reading
    if many or count >= _TIMES_LONGER * count_nodes(with_loops.program):
        return with_loops
    return reading
