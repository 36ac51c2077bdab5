"""Which sizes count the rows of data, and how loops over sizes nest: read off the arguments."""

from __future__ import annotations

from collections.abc import Sequence

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.types import Shape


def nesting(data: Sequence[Shape], shapes: Sequence[Shape]) -> list[Dim]:
    """Sizes in the order of nesting: rows of the data, then its other sizes, then the parameters'.

    A size counts rows if it is a first axis of data and never another axis of anything. `data` are
    the shapes of what is not differentiated, `shapes` those of all arguments.
    """
    inner = {d for s in shapes for d in s[1:]}
    rows = [s[0] for s in (*data, *shapes) if s and s[0] not in inner]
    found = rows + [d for s in (*data, *shapes) for d in s]
    return [d for d in found if not d.is_constant]


def rows_of_data(data: Sequence[Shape], shapes: Sequence[Shape]) -> list[Dim]:
    """The sizes that count rows of data, or of the parameters where there is no other array."""
    inner = {d for s in shapes for d in s[1:]}
    arrays = [s for s in data if s] or [s for s in shapes if s]
    return list(dict.fromkeys(s[0] for s in arrays if s[0] not in inner and not s[0].is_constant))
