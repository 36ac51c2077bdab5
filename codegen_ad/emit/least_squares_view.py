"""What the template of a least-squares fit is handed: one kernel's call in the loop, as lines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from codegen_ad.emit.breaking import INDENT, WIDTH, broken
from codegen_ad.emit.fit_view import call_lines
from codegen_ad.emit.view import KernelView, head, imports
from codegen_ad.ir.dims import product
from codegen_ad.ir.types import DType
from codegen_ad.plan.free import apart
from codegen_ad.plan.kernel import Kernel, Parameter

CALLED = (
    "gather", "spread", "all_finite", "widen", "steepness", "bounded_step", "cost_rounding",
    "decrease", "judged", "inverse_curvature",
)  # fmt: skip
"""The functions of `backends/trust_region.py` that the template calls."""

RESERVED = frozenset(
    (
        "steps", "limits", "gradient", "covariance", "counts", "trace", "progress", "stop",
        "least", "point", "trial", "scale", "step", "rest", "slope", "next_slope", "bend",
        "next_bend", "lower", "value", "found", "residuals", "radius", "damping", "length",
        "status", "results", "iteration", "is_finite", "predicted", "actual", "steep", "cosine",
        "first_value", "size", "rounding", "is_small", "first", "last", "fit", "i", "math", "np",
        "abs", "range", "njit",
        *CALLED,
    )
)  # fmt: skip

RESULTS = ("limits", "gradient", "covariance", "counts", "trace", "progress", "stop")
EACH = frozenset(("gradient", "covariance", "counts", "progress"))
"""Of the results, those of which each of many fits has its own."""


@dataclass(frozen=True, slots=True)
class ManyView:
    """The function that runs many fits: its head, and the call of one fit."""

    head: tuple[str, ...]
    call: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeastSquaresView:
    """A fit as text; `many` runs it for many starts."""

    options: str
    imports: tuple[str, ...]
    head: tuple[str, ...]
    start: tuple[str, ...]
    evaluate: tuple[str, ...]
    move: tuple[str, ...]
    evaluate_trial: tuple[str, ...]
    finish: tuple[str, ...]
    many: ManyView | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A fitted parameter, and where its elements begin in the vector of all of them."""

    parameter: Parameter
    name: str
    place: str

    @property
    def argument(self) -> str:
        """What the kernel takes."""
        return self.name if self.parameter.rank else f"{self.name}[0]"

    @property
    def flat(self) -> str:
        """All elements, along one axis."""
        return f"{self.name}_flat" if self.parameter.rank > 1 else self.name

    def read(self, vector: str) -> str:
        """A line that puts the parameter into a vector."""
        return f"gather({self.flat}, {vector}, {self.place})"

    def write(self, vector: str) -> str:
        """A line that takes the parameter out of a vector."""
        return f"spread({vector}, {self.place}, {self.flat})"


def least_squares_view(
    kernel: Kernel,
    core: KernelView,
    targets: Sequence[int],
    each: Collection[int] | None,
    name: str,
    once: KernelView | None = None,
    inputs: Sequence[int] = (),
) -> LeastSquaresView:
    """The loop around `core`, which computes the normal equations of residuals.

    `targets` are the numbers of the parameters of `kernel` that are fitted. They come in as arrays,
    numbers as arrays of one element. With `each` there are many fits, and the other parameters with
    these numbers have a leading axis over them, as the fitted ones do. The last parameters are what
    `once` computes from the data with the numbers `inputs`.
    """
    names = dict(enumerate(apart([p.name for p in kernel.parameters], _is_own)))
    parts, start, count = _parts(kernel, targets, names)
    given = [names[k] for k in range(len(kernel.parameters)) if k not in targets]
    start += [f"{p.flat} = {p.name}.ravel()" for p in parts if p.parameter.rank > 1]
    start += [f"{v} = np.empty({count})" for v in ("point", "trial", "step", "rest")]
    start += [f"scale = np.zeros({count})", f"lower = np.empty(({count}, {count}))"]
    start += [part.read("point") for part in parts]
    slope, bend = (_dtype(t) for t in kernel.output_dtypes[2:])
    for prefix in ("", "next_"):
        start.append(f"{prefix}slope = np.empty({count}{slope})")
        start.append(f"{prefix}bend = np.empty(({count}, {count}){bend})")
    if once is not None:
        given, kept = given[: -len(once.outputs)], given[-len(once.outputs) :]
        taken = ", ".join(names[k] for k in inputs)
        start += call_lines(kept, f"{once.name}({taken})", 1)
    fitted = dict(zip(targets, parts, strict=True))
    arguments = [fitted[k].argument if k in fitted else n for k, n in names.items()]

    def call(value: str, prefix: str, depth: int) -> list[str]:
        taken = ", ".join((*arguments, f"{prefix}slope", f"{prefix}bend"))
        line = f"{value}, residuals = {core.name}({taken})"
        return broken(line, WIDTH - len(INDENT) * depth)

    move = [*(part.write("trial") for part in parts)]
    move += [p.read("trial") for p in parts if p.parameter.dtype is not DType.FLOAT64]
    finish = [part.write("point") for part in parts]
    finish += ["spread(slope, 0, gradient)", "progress[1], progress[3] = value, value"]
    finish += ["inverse_curvature(bend, scale, least, lower, covariance)", "return status"]
    own = ["steps", *(p.name for p in parts), *given, *RESULTS]
    many = None
    if each is not None:
        many = _many(name, own, {names[k] for k in each} | {p.name for p in parts} | EACH)
    lines = [*core.body, core.returned, *(h.text for h in core.helpers), "math.", "np."]
    if once is not None:
        lines += [*once.body, once.returned]
    return LeastSquaresView(
        "cache=True, " if many is None else "",
        imports(tuple(lines)),
        head(name, own),
        tuple(start),
        tuple(call("value", "", 1)),
        tuple(move),
        tuple(call("found", "next_", 2)),
        tuple(finish),
        many,
    )


def _many(name: str, own: list[str], apart: set[str]) -> ManyView:
    """The loop over fits; each has its own element of what is `apart`."""
    arguments = ", ".join(f"{n}[fit]" if n in apart else n for n in own)
    call = f"status[fit] = {name}({arguments})"
    return ManyView(
        head(f"{name}_many", ["first", "last", *own, "status"]),
        tuple(broken(call, WIDTH - 2 * len(INDENT))),
    )


def _parts(
    kernel: Kernel, targets: Sequence[int], names: dict[int, str]
) -> tuple[list[_Part], list[str], str]:
    """The fitted parameters, lines that number their elements, and how many there are."""
    parts: list[_Part] = []
    lines: list[str] = []
    at = "0"
    for number, k in enumerate(targets):
        parameter = kernel.parameters[k]
        size = product(parameter.shape)
        if size.is_constant and at.isdigit():
            end = str(int(at) + size.value)
        else:
            end = f"end_{number}"
            lines.append(f"{end} = {'' if at == '0' else f'{at} + '}{names[k]}.size")
        parts.append(_Part(parameter, names[k], at))
        at = end
    return parts, lines, at


def _dtype(dtype: DType) -> str:
    return "" if dtype is DType.FLOAT64 else f", dtype=np.{dtype.numpy_name}"


def _is_own(name: str) -> bool:
    """Whether the function of a fit needs a name for itself."""
    return name in RESERVED or name.startswith("end_") or name.endswith("_flat")
