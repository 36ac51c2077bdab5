"""The parts of a device's fit whose next point is evaluated while the last one is judged."""

from __future__ import annotations

from collections.abc import Sequence, Set

from codegen_ad.emit.breaking import INDENT
from codegen_ad.emit.device_fit_lines import FitWriter
from codegen_ad.emit.device_reduce import SHUFFLE, WARP, above
from codegen_ad.emit.exchanges import Exchange
from codegen_ad.emit.fit_view import Recipe
from codegen_ad.emit.view import About
from codegen_ad.plan.device.ahead import OWN, Ahead
from codegen_ad.plan.device.arrays import NOTHING
from codegen_ad.plan.device.fit import FitPlan
from codegen_ad.plan.kernel import Let
from codegen_ad.plan.tidying.rename import names_in, rename_expr


class AheadWriter(FitWriter):
    """Writes the parts of one fit whose step is divided."""

    def __init__(
        self, plan: FitPlan, about: About, recipe: Recipe, exchange: Exchange, per_fit: Set[str]
    ) -> None:
        super().__init__(plan, about, recipe, exchange, per_fit)
        assert plan.ahead is not None
        self.ahead: Ahead = plan.ahead

    @property
    def value(self) -> str:
        """The variable that holds the value of the point that is judged."""
        return self.ahead.value.name

    @property
    def judged(self) -> str:
        """The variable of whether there is such a point."""
        return "judged"

    @property
    def weights_row(self) -> str:
        """The row of what the host computed for the step behind the one that is taken."""
        return "ahead"

    @property
    def evaluated(self) -> str:
        """What the parameter's variable was called at that point."""
        return "own_before"

    def start(self) -> list[str]:
        """What it is given and computed once, and that nothing has been evaluated yet."""
        found = super().start()
        w, plan = self.writer, self.ahead
        mark = len(w.lines)
        self._lets(plan.fixed, 0)
        # Whatever is made of these is thrown away: numbers of NumPy, which may be divided by.
        unknown = [(name, self.plan.dtype) for name in plan.held]
        unknown += [(x.name, x.dtype) for x in plan.later if isinstance(x.source, str)]
        for name, dtype in unknown:
            w.line(f"{name} = np.{dtype.numpy_name}(0)", 0)
        w.line("judged = False", 0)
        for line in self.recipe.once:
            w.line(f"{line.split(' = ')[0]} = {self.literal(1.0)}", 0)
        if self.recipe.once:
            w.line("ahead = 0", 0)
        return found + w.lines[mark:]

    def evaluate(self) -> list[str]:
        """The step from the point before, the sums of the next one, and what that before was."""
        w, plan = self.writer, self.ahead
        mark = len(w.lines)
        w.line("# The step from the point before, by its sums; the first time there is none.", 1)
        first = {n for e in (plan.slope, *(let.expr for let in plan.first)) for n in names_in(e)}
        self._tell(first)
        self._lets(plan.first, 1)
        self._own_slopes()
        self._step()
        self._point()
        for step in plan.steps:
            self.team.step(step, 1)
        w.line("# Meanwhile the point before is judged.", 1)
        used = {n for let in plan.rest for n in names_in(let.expr)} | {plan.value.name}
        self._tell(used - first)
        self._lets(plan.rest, 1)
        self._norm_of_own()
        return [line.removeprefix(INDENT) for line in w.lines[mark:]]

    def roll(self) -> list[str]:
        """The point that was evaluated is the last one of the next round."""
        plan = self.ahead
        found = [f"{old} = {new}" for old, new in zip(plan.held, plan.coming, strict=True)]
        found += [f"{x.name} = {x.source}" for x in plan.later if isinstance(x.source, str)]
        return [*found, "judged = True"]

    def _lets(self, lets: Sequence[Let], depth: int) -> None:
        for let in lets:
            self.writer.comment(let, depth)
            self.writer.statement(let, depth)

    def _tell(self, wanted: Set[str]) -> None:
        """All lanes learn the sums that are wanted of the last point."""
        for what in self.ahead.later:
            if what.name in wanted and isinstance(what.source, int):
                held = self.ahead.held[what.source // WARP]
                self.writer.line(
                    f"{what.name} = cuda.shfl_sync(ALL, {held}, {what.source % WARP})", 1
                )

    def _own_slopes(self) -> None:
        plan = self.ahead
        for ending, held in zip(self.endings, plan.held, strict=False):
            names = {plan.held[0]: held, OWN: f"{OWN}{ending}"}
            expr = rename_expr(plan.slope, lambda n, names=names: names.get(n, n))
            self.writer.statement(Let(f"slope{ending}", expr, None, NOTHING), 1)

    def _step(self) -> None:
        """The method's step, which is none where nothing has been evaluated."""
        w = self.writer
        kept = [OWN, *self.recipe.state]
        for e in self.endings:
            for name in kept:
                w.line(f"{name}_before{e} = {name}{e}", 1)
        for line in self.step():
            w.line(line, 1)
        for e in self.endings:
            for name in kept:
                w.line(f"{name}{e} = cuda.selp(judged, {name}{e}, {name}_before{e})", 1)
        self._weights()  # of the next step: they take long to come
        if self.recipe.once:
            w.line("ahead += cuda.selp(first + ahead + 1 < until, 1, 0)", 1)

    def _norm_of_own(self) -> None:
        """The squared norm of the gradient, of which each lane has one number or some."""
        w, zero, count = self.writer, self.literal(0.0), self.plan.count
        period = above(min(self.ahead.sums, WARP))
        for k, e in enumerate(self.endings):
            here = min(count - WARP * k, WARP)
            lane = "lane" if period == WARP else f"(lane & {period - 1})"
            square = f"slope{e} * slope{e}"
            if here < period:
                square = f"cuda.selp({lane} < {here}, {square}, {zero})"
            w.line(f"norm {'+=' if k else '='} {square}", 1)
        distance = period // 2
        while distance:
            w.line(f"norm += {SHUFFLE.format(value='norm', distance=distance)}", 1)
            distance //= 2
        # All lanes have it; told by one of them, the compiler knows that they stay together.
        w.line("norm = cuda.shfl_sync(ALL, norm, 0)", 1)
