"""What the template of a device's whole fit is handed: the optimiser's loop, as lines."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from codegen_ad.emit.device_fit_ahead import AheadWriter
from codegen_ad.emit.device_fit_lines import STATE, FitWriter
from codegen_ad.emit.device_view import (
    DeviceView,
    PassView,
    array_text,
    failures_text,
    tuple_text,
)
from codegen_ad.emit.exchanges import GRID, Block, Exchange, Grid, Warp
from codegen_ad.emit.fit_view import Recipe
from codegen_ad.emit.spell import spell_text
from codegen_ad.emit.view import About, code_only, head, types_of
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.device.fit import FitPlan
from codegen_ad.plan.device.steps import Share

KEPT = range(1, 9)
"""How many rows each thread may keep."""


def _keeping(team: str, rows: int) -> str:
    count = "the row" if rows == 1 else f"{rows} rows"
    return f"{team} for each fit, whose threads keep {count} that they read"


TEAMS: dict[str, tuple[Exchange, str]] = {
    "warp": (Warp(), "one warp for each fit"),
    "block": (Block(), "one block of {threads} threads for each fit"),
    **{f"warp{k}": (Warp(rows=k), _keeping("one warp", k)) for k in KEPT},
    **{f"block{k}": (Block(rows=k), _keeping("one block of {threads} threads", k)) for k in KEPT},
    "grid": (Grid(), f"{GRID} blocks of {{threads}} threads, which wait for each other"),
}
"""The kinds of teams that run a fit, by name, and what the file says of them. A number is that of
the rows that each thread keeps; such a team is for no more."""

_SLACK = 2e-15
_MOST_BLOCKS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DeviceFitView:
    """A fit as text: lines around which the template writes the loop."""

    title: str
    start: tuple[str, ...]
    evaluate: tuple[str, ...]
    value: str
    judged: str
    infinity: str
    slack: str
    zero: str
    one: str
    keep: tuple[str, ...]
    leader: str
    step: tuple[str, ...]
    finish: tuple[str, ...]

    def also(self, condition: str) -> str:
        """A condition that holds of a point that is judged, where there may be none."""
        return f"{self.judged} & ({condition})" if self.judged else condition


def device_fit_view(
    plan: FitPlan,
    about: About,
    cost: Cost,
    recipe: Recipe,
    name: str,
    team: str,
    per_fit: Set[str] = frozenset(),
) -> tuple[DeviceView, DeviceFitView]:
    """The file and the loop.

    Parameters
    ----------
    team : which of `TEAMS` runs a fit.
    per_fit : the parameters of the user's function that each fit has its own of.
    """
    exchange, how = TEAMS[team]
    count = exchange.threads * (GRID if team == "grid" else 1)
    writer, begin, start, evaluate = _written(plan, about, recipe, exchange, per_fit)
    start = [*begin, *writer.views((*start, *evaluate)), *start]
    keep = writer.slots(
        lambda s: [
            f"best_{n}{s} = cuda.selp(is_best, {now}{s}, best_{n}{s})"
            for n, now in (("own", writer.evaluated), ("slope", "slope"))
        ]
    )
    finish = writer.finish()
    number = writer.literal
    loop = DeviceFitView(
        recipe.title,
        tuple(start),
        tuple(evaluate),
        writer.value,
        writer.judged,
        number(float("inf")),
        number(_SLACK),
        number(0.0),
        number(1.0),
        tuple(keep),
        exchange.leader,
        tuple(writer.roll() if writer.judged else writer.step()),
        tuple(finish),
    )
    used = set(re.findall(r"\w+", "\n".join(code_only((*start, *evaluate, *finish)))))
    arguments = writer.arguments(used)
    buffers = [b for b in writer.buffers() if b.name in used | {*STATE, *writer.state}]
    blocks = GRID if team == "grid" else _MOST_BLOCKS
    rows = _rows(plan) if team == "grid" else spell_text(f"{exchange.threads} * fits")
    kernel = PassView(
        name, head(name, [n for n, _ in arguments]), (), tuple(arguments), rows, blocks,
        exchange.threads, cooperative=team == "grid", kept=_kept(plan, exchange),
    )  # fmt: skip
    view = DeviceView(
        about.source,
        about.summary,
        types_of(plan.kernel),
        cost.lines(),
        (
            f"The whole fit runs in one launch: {how.format(threads=exchange.threads)}.",
            f"Order of sums: thread t takes rows t, t + {count}, ...; then lanes in pairs"
            + ("" if isinstance(exchange, Warp) else ", warps")
            + (", blocks" if team == "grid" else "")
            + ".",
        ),
        True,
        (kernel,),
        tuple((b.name, array_text(b)) for b in buffers),
        writer.sizes({name for name, _ in arguments}),
        tuple_text([spell_text(n) for n in STATE[1:]]),
        failures_text(writer.failures),
    )
    return view, loop


def _written(
    plan: FitPlan, about: About, recipe: Recipe, exchange: Exchange, per_fit: Set[str]
) -> tuple[FitWriter, list[str], list[str], list[str]]:
    """The writer of a fit, and what it wrote: who a thread is, the beginning, and a step.

    A step that may fail is not begun before it is known that there is one.
    """
    kinds = (AheadWriter, FitWriter) if plan.ahead is not None else (FitWriter,)
    for kind in kinds:
        writer = kind(plan, about, recipe, exchange, per_fit)
        begin, start, evaluate = writer.begin(), writer.start(), writer.evaluate()
        if kind is FitWriter or not writer.failures.known:
            return writer, begin, start, evaluate
    raise AssertionError("the last kind is taken")


def _rows(plan: FitPlan) -> str:
    """How many rows a grid shares out, as the table has it: no more blocks are launched."""
    known = {s.symbol for s in plan.kernel.sizes}
    for step in plan.step.steps:
        if isinstance(step, Share) and known.issuperset(step.loop.extent.symbols()):
            return spell_text(str(step.loop.extent))
    return "None"


def _kept(plan: FitPlan, exchange: Exchange) -> str:
    """The least and the largest that sizes may be over whose rows threads keep what they read."""
    least, most = plan.rows_full * exchange.threads, exchange.rows * exchange.threads
    items = [f"{spell_text(size)}: ({least}, {most})" for size in plan.sizes_kept]
    return f"{{{', '.join(items)}}}" if items else ""
