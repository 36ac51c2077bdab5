"""What each kind of derivative is as a program: gradients, products, Jacobians, Hessians.

A mode is a word, with options after colons: `jacobian:forward`, `fit:adam`. Kernels are built from
what this module makes, and derivatives that are taken inside of a function are, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_ad.derive.compressed import compressed
from codegen_ad.derive.forward import has_forward_rules, pushforward
from codegen_ad.derive.jacobian import jacobian
from codegen_ad.derive.normal_equations import normal_equations
from codegen_ad.derive.reverse import differentiate, free_names
from codegen_ad.derive.structured import Checkpoints
from codegen_ad.errors import InvalidArgument, NotDifferentiable
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import AxisSize
from codegen_ad.ir.node import Node, Program
from codegen_ad.ops import make
from codegen_ad.passes import pipeline

SCALAR = frozenset({"value_and_grad", "fit", "taps", "hessian", "hvp"})
"""Modes that need one number to differentiate."""

FITS = frozenset({"fit", "least_squares", "fit_many"})
"""Modes whose kernel runs whole fits."""

SUMS_OF_THREAD = 112
"""How many registers of 32 bits sums of normal equations may take on a GPU: a thread has 255, and
its row takes some."""

TITLES = {
    "vjp": "Value of `{call}` and its vector-Jacobian product.",
    "jvp": "Value of `{call}` and its Jacobian-vector product.",
    "jacobian": "Jacobian of `{call}` with respect to {names}.",
    "normal_equations": "Normal equations of `{call}` in {names}.",
    "compressed": "Jacobian of `{call}` with respect to {names}, times the directions in s.",
    "hessian": "Hessian of `{call}` with respect to {names}.",
    "hvp": "Product of the Hessian of `{call}` with respect to {names} and a vector.",
    "elementwise_grad": "Derivative of each element of `{call}` with respect to {names}.",
    "taps": "Value of `{call}` and its gradient with respect to {taps}.",
    "value_and_grad": "Value of `{call}` and its gradient with respect to {names}.",
    "fit": "Value of `{call}` and its gradient with respect to {names}.",
    "least_squares": "Normal equations of `{call}` in {names}.",
    "fit_many": "Normal equations of `{call}` in {names}.",
}


def is_fit(mode: str) -> bool:
    """Whether kernels of this mode run whole fits."""
    return mode.partition(":")[0] in FITS


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivative as a program.

    Attributes
    ----------
    program : takes the inputs of the function, then the tangents or cotangents.
    values : how many of its outputs, the first ones, are results of the function itself.
    sizes : where sizes are read that the function does not have.
    """

    program: Program
    values: int
    sizes: tuple[AxisSize[int], ...] = ()


def derive(
    program: Program,
    targets: Sequence[Node],
    mode: str,
    *,
    taps: Sequence[str] = (),
    has_aux: bool = False,
    checkpoints: Checkpoints | None = None,
) -> Derived:
    """The derivative of a program in some of its inputs.

    With `has_aux` the first output alone is differentiated, and the others come along. Loops record
    what reverse mode needs, or keep `checkpoints`.

    Raises
    ------
    NotDifferentiable
        If there is no such derivative.
    """
    kind, _, option = mode.partition(":")
    if kind == "value":
        return Derived(program, len(program.outputs))
    of = [0] if has_aux else list(range(len(program.outputs)))
    if kind in SCALAR:
        _check_scalar(program, of)
    match kind:
        case "vjp":
            given = _cotangents(program, of)
            derived = differentiate(
                program, targets, cotangents=given, of=of, checkpoints=checkpoints
            )
        case "jvp":
            derived = pushforward(program, targets, of=of)
        case "jacobian":
            only = _only(program, of)
            return Derived(jacobian(only, targets, option or "auto", checkpoints), 0)
        case "normal_equations" | "least_squares" | "fit_many":
            # Of many fits the option ends in what works on each, if that is part of a GPU.
            room = SUMS_OF_THREAD if ":" in option else None
            return Derived(normal_equations(_only(program, of), targets, checkpoints, room), 2)
        case "compressed":
            made, sizes = compressed(_only(program, of), targets, option, checkpoints)
            return Derived(made, 0, sizes)
        case "hessian":
            gradient = pipeline.before(_gradient(_only(program, of), targets, checkpoints))
            second = _second_mode(gradient, option or "auto", checkpoints)
            return Derived(jacobian(gradient, targets, second), 0)
        case "hvp":
            return Derived(_hessian_product(_only(program, of), targets, checkpoints), 0)
        case "elementwise_grad":
            return Derived(_elementwise(_only(program, of), targets, checkpoints), 0)
        case "taps":
            derived = differentiate(program, [], taps=taps, of=of, checkpoints=checkpoints)
        case "fit":
            derived = differentiate(_only(program, of), targets, checkpoints=checkpoints)
            return Derived(derived, 1)
        case "value_and_grad":
            derived = differentiate(program, targets, of=of, checkpoints=checkpoints)
        case _:
            known = ", ".join(map(repr, ("value", *TITLES)))
            raise InvalidArgument(f"mode={mode!r}: choose one of {known}")
    return Derived(derived, len(program.outputs))


def nested(program: Program, count: int, mode: str, has_aux: bool) -> tuple[Program, int]:
    """A derivative that a function takes of another, in the first inputs of its program."""
    smaller = pipeline.before(program)
    made = derive(smaller, smaller.inputs[:count], mode, has_aux=has_aux)
    return pipeline.before(made.program), made.values


def _only(program: Program, of: Sequence[int]) -> Program:
    return program.with_outputs(
        [program.outputs[k] for k in of], [program.output_names[k] for k in of]
    )


def _gradient(
    program: Program, targets: Sequence[Node], checkpoints: Checkpoints | None
) -> Program:
    """The gradients alone."""
    both = differentiate(program, targets, checkpoints=checkpoints)
    names = ["gradient"] if len(targets) == 1 else both.output_names[1:]
    return both.with_outputs(both.outputs[1:], names)


def _second_mode(gradient: Program, mode: str, checkpoints: Checkpoints | None) -> str:
    """The mode for the Jacobian of a gradient: reverse mode would record what runs again in it."""
    if checkpoints is None or checkpoints.option is None or not checkpoints.loops:
        return mode
    if mode == "reverse" or not has_forward_rules(gradient):
        raise NotDifferentiable(
            f"the Hessian in reverse mode would record all that {checkpoints.option.text} avoids.\n"
            "Leave `checkpoint` out, or take the Hessian in forward mode, which needs functions "
            "without derivatives of your own."
        )
    return "forward"


def _hessian_product(
    program: Program, targets: Sequence[Node], checkpoints: Checkpoints | None
) -> Program:
    """Forward over reverse; reverse over reverse where a custom derivative has no forward rule."""
    gradient = pipeline.before(_gradient(program, targets, checkpoints))
    names = [f"h_{program.notes.names.get(t, 'wrt')}" for t in targets]
    if _second_mode(gradient, "auto", checkpoints) == "forward" or has_forward_rules(gradient):
        both = pushforward(gradient, targets)
        return both.with_outputs(both.outputs[len(targets) :], names)
    b = Builder()
    vectors = [f"t_{program.notes.names.get(t, 'wrt')}" for t in targets]
    free = free_names(program, vectors)
    given = [b.input(name, t.array) for name, t in zip(free, targets, strict=True)]
    both = differentiate(gradient, targets, cotangents=given)
    return both.with_outputs(both.outputs[len(targets) :], names)


def _elementwise(
    program: Program, targets: Sequence[Node], checkpoints: Checkpoints | None
) -> Program:
    """The gradient of the sum of the one output."""
    if len(program.outputs) != 1 or not program.outputs[0].array.dtype.is_float:
        shown = ", ".join(str(o.type) for o in program.outputs) or "no numbers"
        raise NotDifferentiable(
            f"{program.name}() returns {shown}, and elementwise_grad is of one floating point "
            "array.\nReturn that array alone."
        )
    (output,) = program.outputs
    one = make.full(Builder(), output.array.shape, 1.0, output.array.dtype)
    both = differentiate(program, targets, cotangents=[one], checkpoints=checkpoints)
    return both.with_outputs(both.outputs[1:], both.output_names[1:])


def _cotangents(program: Program, of: Sequence[int]) -> list[Node]:
    """An input for the cotangent of each floating point output, of a single number too."""
    b = Builder()
    named = [(program.output_names[k], program.outputs[k].array) for k in of]
    floats = [(name, kind) for name, kind in named if kind.dtype.is_float]
    names = [f"g_{name}" if len(floats) > 1 else "g" for name, _ in floats]
    free = free_names(program, names)
    return [b.input(name, kind) for name, (_, kind) in zip(free, floats, strict=True)]


def _check_scalar(program: Program, of: Sequence[int]) -> None:
    outputs = [program.outputs[k] for k in of if k < len(program.outputs)]
    if len(outputs) != 1 or outputs[0].array.shape:
        shown = ", ".join(str(o.type) for o in outputs) or "no numbers"
        names = [program.output_names[k] for k in of if k < len(program.outputs)]
        if names == ["value_real", "value_imag"]:
            raise NotDifferentiable(
                f"{program.name}() returns a complex number, and a gradient needs a real one.\n"
                "Return its absolute value, real part or imaginary part."
            )
        raise NotDifferentiable(
            f"{program.name}() returns {shown}, and a gradient needs one number.\n"
            "Return a sum or a mean, or use vjp(..., cotangent=g) or jacobian(...)."
        )
    if not outputs[0].array.dtype.is_float:
        raise NotDifferentiable(
            f"{program.name}() returns {outputs[0].type}, which has no derivative.\n"
            "Return a floating point number."
        )


def check_targets(program: Program, targets: Sequence[Node], wrt: Sequence[str]) -> None:
    """Refuse what has no derivative, in the user's terms."""
    if not targets:
        raise InvalidArgument(
            f"there is no array or number in {', '.join(wrt)} to differentiate: name a parameter "
            "that holds floating point numbers"
        )
    for target in targets:
        if not target.array.dtype.is_float:
            name = str(program.notes.names.get(target, "the argument"))
            dtype = target.array.dtype.numpy_name
            instead = (
                f"pass it as float64, for example {name}.astype(float)"
                if target.array.rank
                else f"pass a float, for example float({name})"
            )
            raise InvalidArgument(
                f"{name} has dtype {dtype}: only floating point can be differentiated; {instead}"
            )
