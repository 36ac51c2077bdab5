"""The kernel of a device's whole fit, part by part, as lines of Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import replace

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.emit.device_lines import DeviceWriter, Failures
from codegen_ad.emit.device_reduce import WARP
from codegen_ad.emit.device_spell import typed
from codegen_ad.emit.device_view import parameter_type, size_text, type_text
from codegen_ad.emit.exchanges import Exchange, Grid, element
from codegen_ad.emit.fit_view import Recipe
from codegen_ad.emit.spell import spell, spell_literal, spell_text
from codegen_ad.emit.team_lines import TeamWriter
from codegen_ad.emit.view import About, code_only
from codegen_ad.ir.types import DType
from codegen_ad.plan.device.empty import measured
from codegen_ad.plan.device.fit import MOST, FitPlan, Fitted
from codegen_ad.plan.device.whole import Buffer
from codegen_ad.plan.free import fresh, names_of

STATE = ("point", "best", "best_gradient", "record", "counts")
RESERVED = frozenset(
    (
        *STATE, "ahead", "arrived", "best_own", "best_slope", "best_value", "columns", "expected",
        "finite", "first", "fit", "fits", "ftol", "gtol", "hyper", "inverse", "is_best", "judged",
        "large", "last", "more", "norm", "outcome", "own", "place", "previous", "quotient", "slack",
        "slope", "small", "step", "total", "trace", "traced", "until", "weights", "math", "abs",
    )
)  # fmt: skip


def reserved(recipe: Recipe) -> frozenset[str]:
    """Names that a fit needs beside those of `device_view.RESERVED`."""
    state = (*recipe.state, *(f"{s}_all" for s in recipe.state))
    method = {*recipe.numbers, *state, *(line.split(" = ")[0] for line in recipe.once)}
    kept = {"own", "slope", "best_own", "best_slope", *recipe.state}
    kept |= {f"{name}_before" for name in ("own", *recipe.state)}
    return (
        RESERVED | kept | method | {f"{name}_{k}" for name in kept for k in range(1, MOST // WARP)}
    )


def _plus(name: str, number: int) -> str:
    return f"{name} + {number}" if number > 0 else f"{name} - {-number}" if number else name


class FitWriter:
    """Writes the parts of one fit."""

    def __init__(
        self, plan: FitPlan, about: About, recipe: Recipe, exchange: Exchange, per_fit: Set[str]
    ) -> None:
        self.plan = plan
        self.recipe = recipe
        self.exchange = exchange
        self.per_fit = per_fit
        self.failures = Failures(measured(plan.kernel.sizes))
        self.writer = DeviceWriter(about.function, self.failures)
        plans = [plan.step, *([plan.once] if plan.once is not None else [])]
        self.taken = {n for p in plans for n in names_of(p.kernel)}
        self.taken |= {b.name for p in plans for b in p.buffers} | names_of(plan.kernel)
        self.writer.counts = plan.counts
        self.team = TeamWriter(self.writer, plans, exchange, self.taken)
        self.state = [f"{s}_all" for s in recipe.state]
        # What a lane keeps, and the array in which it is handed on.
        self.held = [("own", "point"), *((s, f"{s}_all") for s in recipe.state)]
        self.held += [("best_own", "best"), ("best_slope", "best_gradient")]
        scratch = [b for p in plans for b in p.buffers]
        # Each fit has its own row of these.
        self.rows = {b.name for b in scratch} | {p.name for p in plan.data if p.name in per_fit}
        self.scratch = scratch
        self.at = fresh("at", self.taken)
        self.whole = [f for f in plan.fitted if not f.names]

    def literal(self, value: float) -> str:
        """A number of the fit's dtype."""
        return spell_literal(value, self.plan.dtype)

    @property
    def endings(self) -> list[str]:
        """What the names of a lane's parameters end with: a lane keeps every 32nd."""
        return [f"_{k}" if k else "" for k in range(-(-self.plan.count // WARP))]

    def slots(self, lines: Callable[[str], Sequence[str]]) -> list[str]:
        """Lines for each parameter that a lane keeps."""
        found: list[str] = []
        for ending in self.endings:
            for line in lines(ending):
                found += broken(line, WIDTH - 2 * len(INDENT))
        return found

    def _in_lanes(self, depth: int, lines: Callable[[str, str], Sequence[str]]) -> list[str]:
        """Lines for each parameter that a lane keeps, in those lanes that keep one."""
        found: list[str] = []
        margin = INDENT * depth
        for k, ending in enumerate(self.endings):
            count = min(self.plan.count - WARP * k, WARP)
            place = f"lane + {WARP * k}" if k else "lane"
            inner = [f"{margin}{line}" for line in lines(ending, f"[fit, {place}]")]
            if count < WARP:
                inner = [f"{margin}if lane < {count}:", *(INDENT + line for line in inner)]
            found += inner
        return found

    @property
    def value(self) -> str:
        """The variable that holds the value of the point that is judged."""
        return self.plan.value.name

    @property
    def judged(self) -> str:
        """The variable of whether there is such a point; empty where there always is."""
        return ""

    @property
    def weights_row(self) -> str:
        """The row of what the host computed for a step."""
        return "step - first"

    @property
    def evaluated(self) -> str:
        """What the parameter's variable was called at that point."""
        return "own"

    # Before the loop ------------------------------------------------------------------------------

    def begin(self) -> list[str]:
        """Who a thread is, its arrays, and which fit it works on."""
        w = self.writer
        self.team.start(sums=True)
        for f in self.whole:
            self._room(f)
        w.line("fit = 0" if isinstance(self.exchange, Grid) else "fit = cuda.blockIdx.x", 0)
        return w.lines[:]

    def _room(self, f: Fitted) -> None:
        """The array through which the lanes of a warp tell each other a parameter."""
        name, kind = f.parameter.name, self.plan.dtype.numpy_name
        shape = tuple(d.value for d in f.parameter.shape)
        warps = self.exchange.threads // WARP
        if warps == 1:
            text = str(shape[0]) if len(shape) == 1 else str(shape)
            self.writer.line(f"{name} = cuda.shared.array({text}, np.{kind})", 0)
            return
        rows = fresh(f"{name}_warps", self.taken)
        self.writer.line(f"{rows} = cuda.shared.array({(warps, *shape)}, np.{kind})", 0)
        self.writer.line(f"{name} = {rows}[warp]", 0)

    def start(self) -> list[str]:
        """What it is given, and what is computed once."""
        w = self.writer
        mark = len(w.lines)
        lines = [] if self.is_late else self._numbers()
        lines.append("step, outcome = counts[fit, 0], counts[fit, 1]")
        lines += ["columns = trace.shape[0] // counts.shape[0]", "place = fit * columns + step"]
        lines += ["previous, norm, best_value = record[fit, 0], record[fit, 1], record[fit, 2]"]
        lines += [f"{n}{e} = {self.literal(0.0)}" for e in self.endings for n, _ in self.held]
        lines += self._in_lanes(
            0, lambda e, at: [f"{n}{e} = {array}{at}" for n, array in self.held]
        )
        for line in lines:
            w.line(line, 0)
        self._once()
        self.team.keep(self.plan.step.steps, 0)
        return w.lines[mark:]

    def _once(self) -> None:
        """What no parameter changes: computed by the first launch, and kept."""
        once, w = self.plan.once, self.writer
        if once is None:
            return
        w.line("if step == 0:", 0)
        w.line("# What no parameter changes is computed once, before the first step.", 1)
        for step in once.steps:
            self.team.step(step, 1)
        self.team.wait(0)
        for parameter, made in self.plan.aliases:
            if not parameter.rank:
                w.line(f"{parameter.name} = {made}[0]", 0)
            elif parameter.name != made:
                w.line(f"{parameter.name} = {made}", 0)

    def views(self, lines: Sequence[str]) -> list[str]:
        """The rows of a fit and the sizes that lines use."""
        used = set(re.findall(r"\w+", "\n".join(code_only(lines))))
        sizes = [s for s in self.plan.kernel.sizes if s.symbol in used]
        used |= {s.array for s in sizes}
        found = [f"{name} = {name}[fit]" for name in sorted(self.rows & used)]
        return [*found, *(str(s) for s in sizes)]

    # In the loop ----------------------------------------------------------------------------------

    def evaluate(self) -> list[str]:
        """Value, the squared norm of the gradient, and the slope of a lane's parameter."""
        w, plan = self.writer, self.plan
        mark = len(w.lines)
        if not self.is_late:
            self._weights()
        self._point()
        for step in plan.step.steps:
            self.team.step(step, 1)
        w.line(f"norm = {self.literal(0.0)}", 1)
        for f in plan.fitted:
            for slope in f.slopes:
                w.line(f"norm += {slope.name} * {slope.name}", 1)
            if not f.names:
                w.line(f"for {self.at} in range({f.count}):", 1)
                at = element(f.gradient, f.parameter.shape, self.at)
                w.line(f"norm += {at} * {at}", 2)
        for number, ending in enumerate(self.endings):
            self._slope(number, ending)
        if self.is_late:
            w.line("# Read in each step: registers are short before.", 1)
            for line in self._numbers():
                w.line(line, 1)
            self._weights()
        return [line.removeprefix(INDENT) for line in w.lines[mark:]]

    def step(self) -> list[str]:
        """The method's step of each parameter that a lane keeps."""
        each = [typed(line, self.plan.dtype) for line in self.recipe.each]
        return self.slots(lambda ending: [self._renamed(line, ending) for line in each])

    def _renamed(self, line: str, ending: str) -> str:
        names = {"x": f"own{ending}", "g": f"slope{ending}"}
        names |= {s: f"{s}{ending}" for s in self.recipe.state}
        return re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda m: names.get(m[0], m[0]), line)

    @property
    def is_late(self) -> bool:
        """Whether the method's numbers are read in each step, behind the rows."""
        return self.plan.is_short and self.plan.ahead is None

    def _numbers(self) -> list[str]:
        """The method's numbers, and those of the end."""
        names = (*self.recipe.numbers, "gtol", "ftol")
        return [f"{name} = hyper[{k}]" for k, name in enumerate(names)]

    def _weights(self) -> None:
        """What the host computed for the method's step."""
        for k, line in enumerate(self.recipe.once):
            name = line.split(" = ")[0]
            self.writer.line(f"{name} = weights[{self.weights_row}, {k}]", 1)

    def _point(self) -> None:
        """All threads learn the parameters: by shuffles, or each warp through an array."""
        w = self.writer
        for f in self.plan.fitted:
            for k, name in enumerate(f.names, f.first):
                w.line(f"{name} = {self._told('own', k)}", 1)
        if not self.whole:
            return
        w.line("cuda.syncwarp()", 1)
        for f in self.whole:
            for slot, condition, place in self._parts(f):
                depth = 1 + self._if(condition)
                target = element(f.parameter.name, f.parameter.shape, place)
                w.line(f"{target} = own{self.endings[slot]}", depth)
        w.line("cuda.syncwarp()", 1)

    def _if(self, condition: str) -> int:
        """Ask for a condition, if there is one; by how much deeper what follows stands."""
        if condition:
            self.writer.line(f"if {condition}:", 1)
        return int(bool(condition))

    def _told(self, name: str, k: int) -> str:
        ending = self.endings[k // WARP]
        return f"cuda.shfl_sync(ALL, {name}{ending}, {k % WARP})"

    def _parts(self, f: Fitted) -> list[tuple[int, str, str]]:
        """The elements of a parameter by the number of the lanes' variable.

        Which lanes keep one, as a condition, and the number of a lane's element.
        """
        found: list[tuple[int, str, str]] = []
        k = f.first
        while k < f.first + f.count:
            end = min((k // WARP + 1) * WARP, f.first + f.count)
            low, high = k % WARP, (end - 1) % WARP + 1
            bounds = [f"lane >= {low}"] if low else []
            bounds += [f"lane < {high}"] if high < WARP else []
            text = f"({bounds[0]}) & ({bounds[1]})" if len(bounds) == 2 else "".join(bounds)
            place = _plus("lane", k - f.first - low)
            is_simple = place == "lane" or f.parameter.rank == 1
            found.append((k // WARP, text, place if is_simple else f"({place})"))
            k = end
        return found

    def _slope(self, number: int, ending: str) -> None:
        """The derivative in what a lane keeps."""
        w = self.writer
        name = f"slope{ending}"
        begun = False
        for f in self.plan.fitted:
            for k, slope in enumerate(f.slopes, f.first):
                if k // WARP != number:
                    continue
                value = slope.name
                if slope.dtype is not self.plan.dtype:
                    value = f"np.{self.plan.dtype.numpy_name}({value})"
                if begun:
                    value = f"cuda.selp(lane == {k % WARP}, {value}, {name})"
                w.line(f"{name} = {value}", 1)
                begun = True
            for slot, condition, place in self._parts(f) if not f.names else ():
                if slot != number:
                    continue
                if not begun and condition:
                    w.line(f"{name} = {self.literal(0.0)}", 1)
                begun = True
                depth = 1 + self._if(condition)
                value = element(f.gradient, f.parameter.shape, place)
                if f.parameter.dtype is not self.plan.dtype:
                    value = f"np.{self.plan.dtype.numpy_name}({value})"
                w.line(f"{name} = {value}", depth)

    def roll(self) -> list[str]:
        """The last lines of the loop."""
        return []

    def finish(self) -> list[str]:
        """What is left for the next launch, or for the caller."""
        first_warp = self.exchange.first_warp
        lines = list(self.exchange.wait())
        inner = self._in_lanes(
            int(bool(first_warp)), lambda e, at: [f"{array}{at} = {n}{e}" for n, array in self.held]
        )
        if first_warp:
            lines.append(f"if {first_warp}:")
        return [*lines, *inner]

    # The tables -----------------------------------------------------------------------------------

    def buffers(self) -> list[Buffer]:
        """The arrays beside the user's and what the caller passes."""
        kind = self.plan.dtype
        own = [Buffer(n, ("fits", str(self.plan.count)), kind, "state") for n in STATE[:3]]
        own.append(Buffer("record", ("fits", "3"), kind, "state"))
        own.append(Buffer("counts", ("fits", "2"), DType.INT64, "state"))
        own += [Buffer(n, ("fits", str(self.plan.count)), kind, "state") for n in self.state]
        for b in self.scratch:
            own.append(Buffer(b.name, ("fits", *map(str, b.shape)), b.dtype, "scratch"))
        own += self.team.buffers()
        own.append(Buffer("arrived", ("1",), DType.INT32, "barrier"))
        own.append(Buffer("status", ("1",), DType.INT32, "status"))
        return own

    def arguments(self, used: Set[str]) -> list[tuple[str, str]]:
        """The parameters of the kernel with their types."""
        kind = self.plan.dtype
        given: list[tuple[str, str]] = []
        for p in self.plan.data:
            if p.name in used:
                own = type_text(p.dtype, p.rank + 1)
                given.append((p.name, own if p.name in self.rows else parameter_type(p)))
        given.append(("hyper", type_text(kind, 1)))
        if self.recipe.once:
            given.append(("weights", type_text(kind, 2)))
        given.append(("trace", type_text(kind, 1)))
        given += [(n, "int64") for n in (("first",) if self.recipe.once else ())]
        given += [(n, "int64") for n in ("until", "total")]
        state = {*STATE, *self.state}
        mine = [(b.name, type_text(b.dtype, len(b.shape))) for b in self.buffers()]
        return [
            *((n, t) for n, t in mine if n in state),
            *given,
            *((n, t) for n, t in mine if n not in state and n in used),
        ]

    def sizes(self, given: Set[str]) -> tuple[tuple[str, str], ...]:
        """Where sizes are read, of arrays that are given, and how others are found from these."""
        found = [("fits", '("counts", 0)')]
        for size in self.plan.kernel.sizes:
            if size.array not in given:
                continue
            shifted = replace(size, axis=size.axis + (size.array in self.rows))
            found.append((size.symbol, size_text(shifted)))
        plans = [self.plan.step, *([self.plan.once] if self.plan.once is not None else [])]
        counts = {n: e for p in plans for n, e in p.counts}
        return (*found, *((n, spell_text(spell(e))) for n, e in counts.items()))
