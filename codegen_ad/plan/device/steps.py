"""What a team of threads does, one step after another: the words that its plans are written in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codegen_ad.plan.device.whole import Own, Total
from codegen_ad.plan.kernel import For, If, Load, Statement, Var, While


@dataclass(frozen=True, slots=True)
class Uniform:
    """A statement about numbers, which every thread runs."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class Share:
    """A loop that is shared out; behind it every thread knows the totals.

    `atomic` are the arrays to which threads add in any order.
    With `held`, lanes keep the totals instead, one in each, in a variable for each 32 of them.
    `again` is an index, 0, at which trips read what all of them share (`registers.py`).
    `columns` is a loop that stands alone in it, with others between the two or none: its trips are
    shared out, too.
    """

    loop: For
    totals: tuple[Total, ...]
    own: tuple[Own, ...]
    atomic: frozenset[str] = frozenset()
    held: tuple[str, ...] = ()
    again: str = ""
    columns: For | None = None

    @property
    def words_of_row(self) -> int:
        """How many registers of 32 bits arrays take that each trip fills anew."""
        totals = {t.own for t in self.totals}
        return sum(o.words for o in self.own if o.name not in totals)


@dataclass(frozen=True, slots=True)
class Alone:
    """What one thread does; the numbers `told` are then handed to all."""

    statements: tuple[Statement, ...]
    told: tuple[Var, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """All threads wait for each other."""


@dataclass(frozen=True, slots=True)
class Around:
    """A loop or a branch that all threads take together, with steps in its blocks."""

    statement: For | While | If
    blocks: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """The elements at one place of each row, in an array of the thread's own."""

    name: str
    load: Load


@dataclass(frozen=True, slots=True)
class Kept:
    """A shared loop over rows that threads keep from one step to the next.

    Attributes
    ----------
    share : the loop as it is where rows are read again.
    rows : how many each thread keeps.
    full : how many of the first of them are there in every thread.
    row : the variable that counts them.
    columns : what is kept.
    always : what is computed for each of them, there or not.
    inside : what only rows that are there have a share in.
    """

    share: Share
    rows: int
    row: str
    columns: tuple[KeptColumn, ...]
    always: tuple[Statement, ...]
    inside: tuple[Statement, ...]
    full: int = 0


Step = Uniform | Share | Kept | Alone | Wait | Around


def every(steps: Sequence[Step]) -> Iterator[Step]:
    """Steps, and those within them."""
    for step in steps:
        yield step
        if isinstance(step, Around):
            for block in step.blocks:
                yield from every(block)
