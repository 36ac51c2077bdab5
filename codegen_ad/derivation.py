"""The first stages in a row: from a function and a signature to the program that is planned.

They are run twice where the derivative lost sight of places that NumPy looks at: see `passes.lost`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen_ad.derive.structured import Checkpoints
from codegen_ad.errors import InvalidArgument, NotDifferentiable, ProgramError
from codegen_ad.frontend.output import OutputArray, OutputSequence, OutputTree
from codegen_ad.frontend.reader import Leaf, Reading
from codegen_ad.ir.node import Access, Node, Origin, Program
from codegen_ad.ir.verify import verify
from codegen_ad.modes import TITLES, Derived, check_targets, derive
from codegen_ad.options import Options, is_checking
from codegen_ad.passes import pipeline
from codegen_ad.passes.lost import lost
from codegen_ad.paths import Target
from codegen_ad.signature import Signature
from codegen_ad.sizing import read_for

_NOT_CHECKPOINTED = "No loop is checkpointed: none records more than its states would take."


_FIRST = ("value_and_grad", "vjp")
"""Modes that nothing is differentiated after, so that loops may run again in place of recording."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """What the stages before the plan made of a function, and a summary of it in words."""

    reading: Reading
    simplified: Program
    derived: Derived
    summary: str
    optimized: Program
    checkpoints: Checkpoints | None
    fired: Counter[str]


def derivation(
    function: Callable[..., object],
    signature: Signature,
    mode: str,
    options: Options,
    targets: Sequence[Target],
    on_stage: Callable[[str, Program], None],
) -> Derivation:
    """The program of a derivative, ready to be planned; `on_stage` is handed each stage."""
    made = _attempt(function, signature, mode, options, targets, on_stage, frozenset())
    sizes = {s.symbol for s in (*made.reading.sizes, *made.derived.sizes)}
    unseen = lost(
        made.reading.program, made.simplified, made.optimized, made.reading.accesses, sizes
    )
    if not unseen:
        return made
    return _attempt(function, signature, mode, options, targets, on_stage, unseen)


def _attempt(
    function: Callable[..., object],
    signature: Signature,
    mode: str,
    options: Options,
    targets: Sequence[Target],
    on_stage: Callable[[str, Program], None],
    visited: frozenset[Access],
) -> Derivation:
    """The stages, where the places of the `visited` accesses are checked in so many words."""
    taps = options.taps if mode == "taps" else ()
    reading = read_for(function, signature, taps, visited, options)
    on_stage("program", reading.program)
    fired: Counter[str] = Counter()
    simplified = checked(pipeline.before(reading.program, fired=fired))
    on_stage("simplified", simplified)
    asked = options.checkpoint
    alone = mode in _FIRST and options.target == "cpu"
    checkpoints = Checkpoints(asked) if asked is not None or alone else None
    derived, summary = _derive(reading, simplified, mode, options, targets, checkpoints)
    on_stage("gradient", derived.program)
    distributed = asked is None and options.target == "cpu"
    optimized = checked(
        pipeline.run(
            checked(derived.program),
            fired=fired,
            distributed=distributed,
            factored=options.target == "cpu",
        )
    )
    on_stage("optimized", optimized)
    return Derivation(reading, simplified, derived, summary, optimized, checkpoints, fired)


def checked(program: Program) -> Program:
    """The program, verified if that was asked for."""
    if is_checking():
        verify(program)
    return program


def placed(error: ProgramError, reading: Reading) -> ProgramError:
    """The error with its place: its line, or the function's first where that is not in its body."""
    if error.where is not None:
        return error
    origin, source = error.origin, reading.source
    if not isinstance(origin, Origin):
        error.where = source.line_of_def(1)
    elif origin.function == source.function:
        error.where = source.line_of_def(origin.line)
    else:
        message = f"{error.message}\nIt is about this line of `{origin.function}`: {origin.text}"
        return type(error)(message, where=source.line_of_def(1), origin=origin)
    return error


def _derive(
    reading: Reading,
    program: Program,
    mode: str,
    options: Options,
    targets: Sequence[Target],
    checkpoints: Checkpoints | None,
) -> tuple[Derived, str]:
    call = f"{program.name}({', '.join(i.name for i in reading.leaves)})"
    if mode == "value":
        return derive(program, [], mode), f"Value of `{call}`."
    if options.has_aux:
        check_aux(reading.output, program.name)
    wrt = [t.text for t in targets]
    nodes = inputs_of(reading, program, targets)
    check_targets(program, nodes, wrt)
    try:
        derived = derive(
            program, nodes, mode, taps=options.taps, has_aux=options.has_aux,
            checkpoints=checkpoints,
        )  # fmt: skip
    except NotDifferentiable as error:
        raise placed(error, reading) from None
    names = ", ".join(str(program.notes.names.get(t, "")) for t in nodes) or ", ".join(wrt)
    title = TITLES[mode.partition(":")[0]]
    summary = title.format(call=call, names=names, taps=", ".join(options.taps))
    if options.checkpoint is not None and checkpoints is not None and not checkpoints.loops:
        summary += f"\n\n{_NOT_CHECKPOINTED}"
    return derived, summary


def check_aux(output: OutputTree, name: str) -> None:
    """Refuse `has_aux=True` for a function that does not return a pair."""
    items = output.items if isinstance(output, OutputSequence) else ()
    if len(items) != 2 or not isinstance(items[0], OutputArray):
        raise InvalidArgument(
            f"has_aux=True: {name}() must return a pair, the value to differentiate and anything "
            "beside it: return value, more"
        )


def inputs_of(reading: Reading, program: Program, targets: Sequence[Target]) -> list[Node]:
    """The inputs that are differentiated, in the order of `wrt`."""
    return [
        program.inputs[k]
        for target in targets
        for k, leaf in enumerate(reading.leaves)
        if is_within(leaf, target)
    ]


def is_within(leaf: Leaf, target: Target) -> bool:
    """Whether a leaf is, or is part of, what is differentiated."""
    return not leaf.captured and target.holds(leaf.path)
