"""What the template of a whole fit is handed: the optimiser's loop around a kernel, as lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.emit.spell import spell_dim
from codegen_ad.emit.view import KernelView, head, imports
from codegen_ad.ir.dims import ONE
from codegen_ad.plan.kernel import Kernel, Parameter

_Element = Callable[[str], str]
_Lines = Callable[[_Element], list[str]]

RESERVED = frozenset(
    (
        "first", "steps", "hyper", "trace", "progress", "stop", "best", "previous", "status",
        "step", "value", "norm", "gtol", "ftol", "math", "np", "abs", "max", "range", "njit",
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
class FitView:
    """A fit as text."""

    title: str
    imports: tuple[str, ...]
    head: tuple[str, ...]
    start: tuple[str, ...]
    evaluate: tuple[str, ...]
    keep: tuple[str, ...]
    step: tuple[str, ...]
    restore: tuple[str, ...]
    finish: tuple[str, ...]


def fit_view(
    kernel: Kernel, core: KernelView, recipe: Recipe, targets: Sequence[int], name: str
) -> FitView:
    """The loop around `core`, which computes value and gradient into given arrays.

    `targets` are the numbers of the parameters that are fitted, in the order of the gradients. All
    parameters, best points, states and gradients come in as arrays; scalars as arrays of one
    element.
    """
    fitted = [_Fitted(kernel.parameters[t], _free(kernel.parameters[t].name), o)
              for t, o in zip(targets, core.outputs[1:], strict=True)]  # fmt: skip
    data = [p for k, p in enumerate(kernel.parameters) if k not in targets]
    arguments: list[str] = []
    for kind in ("", "best_", "d_", *(f"{s}_" for s in recipe.state)):
        arguments += [f.argument(kind) for f in fitted]
    arguments += [_free(p.name) for p in data]
    start = [f"{n} = hyper[{i}]" for i, n in enumerate(recipe.numbers)]
    count = len(recipe.numbers)
    start += [f"gtol, ftol = hyper[{count}], hyper[{count + 1}]"]
    for f in fitted:
        if f.is_scalar:
            start += [f"{f.local(k)} = {f.argument(k)}[0]"
                      for k in ("", "best_", *(f"{s}_" for s in recipe.state))]  # fmt: skip
    call = [_free(p.name) for p in kernel.parameters]
    call += [f.local("d_") for f in fitted if not f.is_scalar]
    results = ["value", *(f.local("d_") for f in fitted if f.is_scalar)]
    evaluate = [f"{', '.join(results)} = {kernel.name}({', '.join(call)})", "norm = 0.0"]
    for f in fitted:
        evaluate += f.loop(lambda e: [f"norm += {e('d_')} * {e('d_')}"])
    step = list(recipe.once)
    for f in fitted:
        step += f.loop(lambda e: [_renamed(line, e, recipe.state) for line in recipe.each])
    keep = [line for f in fitted for line in f.loop(lambda e: [f"{e('best_')} = {e('')}"])]
    restore = [line for f in fitted for line in f.loop(lambda e: [f"{e('')} = {e('best_')}"])]
    finish = ["progress[3] = value"]
    finish += [
        f"{f.argument(k)}[0] = {f.local(k)}"
        for f in fitted
        if f.is_scalar
        for k in ("", "d_", *(f"{s}_" for s in recipe.state))
    ]
    names = ["first", "steps", *arguments, "hyper", "trace", "progress", "stop"]
    return FitView(
        recipe.title,
        imports((*core.body, core.returned, *(h.text for h in core.helpers), "math.")),
        head(name, names),
        tuple(start),
        tuple(evaluate),
        tuple(keep),
        tuple(step),
        tuple(restore),
        tuple(finish),
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A fitted parameter: an array, or a scalar that comes in as an array of one element."""

    parameter: Parameter
    name: str
    gradient: str

    @property
    def is_scalar(self) -> bool:
        return self.parameter.rank == 0

    def local(self, kind: str) -> str:
        return f"{kind}{self.name}"

    def argument(self, kind: str) -> str:
        return f"{kind}{self.name}_box" if self.is_scalar else f"{kind}{self.name}"

    def loop(self, body: _Lines) -> list[str]:
        """Lines for each element, in loops over the array's axes."""
        shape = self.parameter.shape
        free = iter("ijklmopq")
        names = ["0" if dim == ONE else next(free) for dim in shape]
        index = f"[{', '.join(names)}]" if names else ""
        lines: list[str] = []
        for axis, (name, dim) in enumerate(zip(names, shape, strict=True)):
            if dim != ONE:
                extent = spell_dim(dim) if dim.is_constant else f"{self.name}.shape[{axis}]"
                lines.append(f"{INDENT * len(lines)}for {name} in range({extent}):")
        margin = INDENT * len(lines)
        room = WIDTH - len(INDENT * 3) - len(margin)
        for line in body(lambda kind: f"{self.local(kind)}{index}"):
            lines += [margin + part for part in broken(line, room)]
        return lines


def _renamed(line: str, element: _Element, state: Sequence[str]) -> str:
    names: Mapping[str, str] = {
        "x": element(""),
        "g": element("d_"),
        **{s: element(f"{s}_") for s in state},
    }
    return re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda m: names.get(m[0], m[0]), line)


def _free(name: str) -> str:
    return f"{name}_" if name in RESERVED else name
