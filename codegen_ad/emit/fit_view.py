"""What the template of a whole fit is handed: the optimiser's loop around a kernel, as lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.emit.spell import spell_dim
from codegen_ad.emit.view import KernelView, head, imports
from codegen_ad.ir.dims import ONE
from codegen_ad.plan.elements import Split
from codegen_ad.plan.free import apart
from codegen_ad.plan.kernel import Kernel, Parameter

_Element = Callable[[str], str]
_Lines = Callable[[_Element], list[str]]

RESERVED = frozenset(
    (
        "first", "steps", "hyper", "trace", "progress", "stop", "best", "previous",
        "status", "step", "value", "norm", "results", "gtol", "ftol", "math", "np", "abs",
        "max", "range", "njit",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """A method as text: one step of one element `x` with gradient `g`, by names.

    `once` runs before the elements of a step, `each` for each element.
    """

    title: str
    numbers: tuple[str, ...]
    state: tuple[str, ...]
    once: tuple[str, ...]
    each: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Once:
    """A kernel that computes the last parameters of a step's kernel, before the first step.

    `inputs` are the numbers of the step's parameters that it takes.
    """

    kernel: Kernel
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FitView:
    """A fit as text."""

    title: str
    imports: tuple[str, ...]
    head: tuple[str, ...]
    start: tuple[str, ...]
    evaluate: tuple[str, ...]
    evaluate_last: tuple[str, ...]
    keep: tuple[str, ...]
    step: tuple[str, ...]
    restore: tuple[str, ...]
    finish: tuple[str, ...]


def fit_view(
    kernel: Kernel,
    core: KernelView,
    recipe: Recipe,
    targets: Sequence[int],
    splits: Mapping[int, Split],
    name: str,
    once: KernelView | None = None,
    inputs: Sequence[int] = (),
) -> FitView:
    """The loop around `core`, which computes value and gradient.

    `targets` are the numbers of the parameters of `kernel` that are fitted, in the order of the
    gradients; `core` takes those in `splits` element by element, and returns their gradients. All
    parameters, best points, gradients and states come in as arrays; scalars as arrays of one
    element. The last parameters are what `once` computes from the data with the numbers `inputs`.
    """
    names = apart([kernel.parameters[t].name for t in targets], lambda n: n in RESERVED)
    fitted = {
        t: _fitted(kernel.parameters[t], n, splits.get(t))
        for t, n in zip(targets, names, strict=True)
    }
    kinds = ("", "best_", "d_", *(f"{s}_" for s in recipe.state))
    own = {f.argument(k) for f in fitted.values() for k in kinds}
    own |= {n for f in fitted.values() for k in kinds for n in f.locals(k)}
    others = {k: p.name for k, p in enumerate(kernel.parameters) if k not in fitted}
    free = apart(list(others.values()), lambda n: n in RESERVED or n in own)
    data = dict(zip(others, free, strict=True))
    start = [f"{n} = hyper[{i}]" for i, n in enumerate(recipe.numbers)]
    count = len(recipe.numbers)
    start += [f"gtol, ftol = hyper[{count}], hyper[{count + 1}]"]
    for f in fitted.values():
        start += [line for k in kinds if k != "d_" for line in f.load(k)]
    given = list(data.values())
    if once is not None:
        given, kept = given[: -len(once.outputs)], given[-len(once.outputs) :]
        taken = ", ".join(data[k] for k in inputs)
        start += call_lines(kept, f"{once.name}({taken})", 1)
    call: list[str] = []
    for k in range(len(kernel.parameters)):
        call += fitted[k].locals("") if k in fitted else [data[k]]
    call += [f.argument("d_") for f in fitted.values() if f.elements is None]
    results = ["value", *(n for f in fitted.values() if f.elements for n in f.locals("d_"))]
    evaluate = call_lines(results, f"{core.name}({', '.join(call)})", 2)
    evaluate_last = call_lines(results, f"{core.name}({', '.join(call)})", 1)
    norm = ["norm = 0.0"]
    step = list(recipe.once)
    keep: list[str] = []
    restore: list[str] = []
    for f in fitted.values():
        norm += f.loop(lambda e: [f"norm += {e('d_')} * {e('d_')}"])
        step += f.loop(lambda e: [_renamed(line, e, recipe.state) for line in recipe.each])
        keep += f.loop(lambda e: [f"{e('best_')} = {e('')}"])
        restore += f.loop(lambda e: [f"{e('')} = {e('best_')}"])
    finish = ["progress[3] = value"]
    for f in fitted.values():
        finish += [line for k in kinds if k != "best_" for line in f.store(k)]
    arguments = [f.argument(k) for k in kinds for f in fitted.values()]
    taken_in = ["first", "steps", *arguments, *given, "hyper", "trace", "progress", "stop"]
    lines = (*core.body, core.returned, *(h.text for h in core.helpers), "math.")
    return FitView(
        recipe.title,
        imports(lines if once is None else (*lines, *once.body, once.returned)),
        head(name, taken_in),
        tuple(start),
        (*evaluate, *norm),
        (*evaluate_last, *norm),
        tuple(keep),
        tuple(step),
        tuple(restore),
        tuple(finish),
    )


def call_lines(results: list[str], call: str, depth: int) -> list[str]:
    """A call and names for its results, which are unpacked one by one where they are many."""
    room = WIDTH - len(INDENT) * depth
    together = f"{', '.join(results)} = "
    if len(together) <= room // 2:
        return broken(together + call, room)
    parts = [f"{name} = results[{number}]" for number, name in enumerate(results)]
    return [*broken(f"results = {call}", room), *parts]


def _fitted(parameter: Parameter, name: str, split: Split | None) -> _Fitted:
    if split is not None:
        places = [f"[{', '.join(str(d) for d in point)}]" for point in split.points]
        return _Fitted(parameter, name, tuple(zip(split.names, places, strict=True)))
    return _Fitted(parameter, name, None if parameter.rank else ((name, "[0]"),))


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A fitted parameter: an array, or scalars that come in as elements of an array.

    `elements` are the scalars' names with their places, or None for an array.
    """

    parameter: Parameter
    name: str
    elements: tuple[tuple[str, str], ...] | None

    def argument(self, kind: str) -> str:
        """The array that comes in."""
        return f"{kind}{self.name}" if self.parameter.rank else f"{kind}{self.name}_box"

    def locals(self, kind: str) -> list[str]:
        """The variables inside: the array, or a scalar for each element."""
        if self.elements is None:
            return [f"{kind}{self.name}"]
        return [f"{kind}{name}" for name, _ in self.elements]

    def load(self, kind: str) -> list[str]:
        """Lines that take the scalars out of the array."""
        return [f"{kind}{n} = {self.argument(kind)}{place}" for n, place in self.elements or ()]

    def store(self, kind: str) -> list[str]:
        """Lines that put the scalars back."""
        return [f"{self.argument(kind)}{place} = {kind}{n}" for n, place in self.elements or ()]

    def loop(self, body: _Lines) -> list[str]:
        """Lines for each element: written out, or in loops over the array's axes."""
        lines: list[str] = []
        if self.elements is not None:
            for name, _ in self.elements:
                for line in body(lambda kind, name=name: f"{kind}{name}"):
                    lines += broken(line, WIDTH - len(INDENT * 3))
            return lines
        shape = self.parameter.shape
        free = iter("ijklmopq")
        names = ["0" if dim == ONE else next(free) for dim in shape]
        index = f"[{', '.join(names)}]"
        for axis, (name, dim) in enumerate(zip(names, shape, strict=True)):
            if dim != ONE:
                extent = spell_dim(dim) if dim.is_constant else f"{self.name}.shape[{axis}]"
                lines.append(f"{INDENT * len(lines)}for {name} in range({extent}):")
        margin = INDENT * len(lines)
        room = WIDTH - len(INDENT * 3) - len(margin)
        for line in body(lambda kind: f"{kind}{self.name}{index}"):
            lines += [margin + part for part in broken(line, room)]
        return lines


def _renamed(line: str, element: _Element, state: Sequence[str]) -> str:
    names: Mapping[str, str] = {
        "x": element(""),
        "g": element("d_"),
        **{s: element(f"{s}_") for s in state},
    }
    return re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda m: names.get(m[0], m[0]), line)
