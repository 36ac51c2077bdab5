"""All stages in a row, from a function and a signature to a kernel file; for cold starts only.

This and `explain` are the modules that know every stage; neither does any work of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from codegen_ad.backends import numba_cpu, numba_cuda
from codegen_ad.derive.structured import Checkpoints
from codegen_ad.emit.fit_view import Recipe
from codegen_ad.emit.matrix_calls import needs_lapack
from codegen_ad.emit.view import About
from codegen_ad.errors import (
    InvalidArgument,
    MissingDependency,
    NotDifferentiable,
    ProgramError,
    UnsupportedOnDevice,
)
from codegen_ad.fit.methods import METHODS
from codegen_ad.frontend.output import (
    OutputArray,
    OutputConstant,
    OutputMapping,
    OutputSequence,
    OutputTree,
)
from codegen_ad.frontend.reader import Leaf, Reading, read
from codegen_ad.ir.node import Node, Origin, Program
from codegen_ad.ir.verify import verify
from codegen_ad.modes import TITLES, Derived, check_targets, derive, nested
from codegen_ad.options import Options, is_checking
from codegen_ad.passes import pipeline
from codegen_ad.paths import Target
from codegen_ad.paths import targets as find_targets
from codegen_ad.plan.build import plan
from codegen_ad.plan.cost import Cost, cost
from codegen_ad.plan.kernel import Check, Kernel, LibraryCall, Raise, walk
from codegen_ad.plan.outer import nesting, rows_of_data
from codegen_ad.runtime.dispatch import Built
from codegen_ad.signature import Signature
from codegen_ad.sparsity.jacobian import Subject


@dataclass(frozen=True, slots=True)
class Stages:
    """What each stage made of a function."""

    reading: Reading
    simplified: Program
    derived: Program
    values: int
    optimized: Program
    kernel: Kernel
    cost: Cost
    about: About
    text: str
    rewrites: Counter[str] = field(default_factory=Counter[str])
    checkpoints: Checkpoints | None = None


_NOT_CHECKPOINTED = "No loop is checkpointed: none records more than its states would take."

OnStage = Callable[[str, Program | Kernel | str], None]
"""Called with the name of a stage and what it made."""


def _ignore(stage: str, made: Program | Kernel | str) -> None:
    """Show nothing."""


def build(
    function: Callable[..., object],
    signature: Signature,
    mode: str,
    options: Options,
    wrt: Sequence[str],
    *,
    on_stage: OnStage = _ignore,
) -> Built:
    """The kernel file of a function for one signature.

    `mode` is one of those that `codegen_ad.modes` knows.
    """
    stages = run(function, signature, mode, options, wrt, on_stage=on_stage)
    metadata = _metadata(stages, wrt, options)
    if mode.startswith("fit:"):
        metadata["function"] = fit_name(stages.reading.program.name)
    reading = stages.reading
    captured = [(*leaf.source, ("layout", "")) for leaf in reading.leaves if leaf.captured]
    return Built(stages.text, metadata, [*reading.dependencies, *captured])


def program_of(
    function: Callable[..., object], signature: Signature, options: Options, wrt: Sequence[str]
) -> Subject:
    """The program of a function; with `has_aux` its first output alone."""
    reading = read(function, signature, transform=nested)
    program = _checked(pipeline.before(reading.program))
    targets = find_targets(signature, wrt)
    if options.has_aux:
        _check_aux(reading.output, program.name)
        program = program.with_outputs(program.outputs[:1], program.output_names[:1])
    nodes = _targets(reading, program, targets)
    check_targets(program, nodes, [t.text for t in targets])
    return Subject(program, reading.leaves, tuple(nodes))


def run(
    function: Callable[..., object],
    signature: Signature,
    mode: str,
    options: Options,
    wrt: Sequence[str],
    *,
    on_stage: OnStage = _ignore,
) -> Stages:
    """Every stage of a build, kept; `on_stage` is handed each as soon as it is there."""
    taps = options.taps if mode == "taps" else ()
    reading = read(function, signature, taps=taps, transform=nested)
    on_stage("program", reading.program)
    fired: Counter[str] = Counter()
    simplified = _checked(pipeline.before(reading.program, fired=fired))
    on_stage("simplified", simplified)
    targets = find_targets(signature, wrt)
    asked = options.checkpoint
    checkpoints = Checkpoints(asked) if asked is not None else None
    derived, summary = _derive(reading, simplified, mode, options, targets, checkpoints)
    on_stage("gradient", derived.program)
    optimized = _checked(pipeline.run(_checked(derived.program), fired=fired))
    on_stage("optimized", optimized)
    name = reading.program.name
    sizes = [*_sizes(reading), *derived.sizes]
    shapes = [x.node.array.shape for x in reading.leaves]
    data = [
        x.node.array.shape for x in reading.leaves if not any(_is_within(x, t) for t in targets)
    ]
    outer = nesting(data, shapes)
    on_device = options.target == "cuda"
    blas = has_blas() and not on_device
    reserved = numba_cuda.RESERVED if on_device else frozenset[str]()
    rows = () if on_device else rows_of_data(data, shapes)
    kernel = plan(
        optimized, name=_kernel_name(name, mode), sizes=sizes, outer=outer, rows=rows, blas=blas,
        reserved=reserved,
    )  # fmt: skip
    if not blas and not on_device and needs_lapack(kernel):
        raise MissingDependency("scipy", "blas", "to compile linear algebra: it brings LAPACK")
    on_stage("plan", kernel)
    value = plan(
        pipeline.run(simplified), name=name, sizes=_sizes(reading), outer=outer, rows=rows,
        blas=blas,
    )  # fmt: skip
    counted = cost(kernel, value if mode != "value" else None)
    shown = getattr(function, "__name__", name)
    about = About(
        f"{function.__module__}:{getattr(function, '__qualname__', name)}", shown, summary
    )
    vectorise = options.math == "vector"
    if on_device:
        try:
            text = numba_cuda.source(kernel, about, counted, mode)
        except UnsupportedOnDevice as error:
            raise _placed(error, reading) from None
    elif mode.startswith("fit:"):
        varied = [optimized.inputs.index(t) for t in _targets(reading, optimized, targets)]
        recipe = recipe_of(mode)
        text = numba_cpu.fit_source(
            kernel, about, counted, recipe, varied, fit_name(name), vectorise=vectorise
        )
    else:
        text = numba_cpu.source(kernel, about, counted, vectorise=vectorise)
    on_stage("code", text)
    program, values = derived.program, derived.values
    return Stages(
        reading, simplified, program, values, optimized, kernel, counted, about, text, fired,
        checkpoints,
    )  # fmt: skip


def has_blas() -> bool:
    """Whether numba finds the BLAS and LAPACK it needs: they come with SciPy."""
    from importlib.util import find_spec

    return find_spec("scipy") is not None


def _checked(program: Program) -> Program:
    if is_checking():
        verify(program)
    return program


def _kernel_name(name: str, mode: str) -> str:
    if mode == "value":
        return name
    kind = "value_and_grad" if mode.startswith("fit:") else mode.replace(":", "_")
    return f"{name}_{kind}"


def fit_name(name: str) -> str:
    """The name of the function that runs a whole fit."""
    return f"{name}_fit"


def recipe_of(mode: str) -> Recipe:
    """The optimiser of a mode like `fit:momentum:nesterov`, as text for the template."""
    _, name, *flags = mode.split(":")
    method = next(m for m in METHODS if m.name == name)
    step = method.step(*(f.name in flags for f in method.flags))
    title = method.title[0].upper() + method.title[1:]
    numbers = tuple(n.name for n in method.numbers)
    return Recipe(title, numbers, method.state, step.once, step.each)


def _placed(error: ProgramError, reading: Reading) -> ProgramError:
    """The error with its place, if that is in the function itself."""
    origin, source = error.origin, reading.source
    if error.where is None and isinstance(origin, Origin) and origin.function == source.function:
        error.where = source.line_of_def(origin.line)
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
        _check_aux(reading.output, program.name)
    wrt = [t.text for t in targets]
    nodes = _targets(reading, program, targets)
    check_targets(program, nodes, wrt)
    try:
        derived = derive(
            program, nodes, mode, taps=options.taps, has_aux=options.has_aux,
            checkpoints=checkpoints,
        )  # fmt: skip
    except NotDifferentiable as error:
        raise _placed(error, reading) from None
    names = ", ".join(str(program.notes.names.get(t, "")) for t in nodes) or ", ".join(wrt)
    title = TITLES[mode.partition(":")[0]]
    summary = title.format(call=call, names=names, taps=", ".join(options.taps))
    if checkpoints is not None and not checkpoints.loops:
        summary += f"\n\n{_NOT_CHECKPOINTED}"
    return derived, summary


def _check_aux(output: OutputTree, name: str) -> None:
    items = output.items if isinstance(output, OutputSequence) else ()
    if len(items) != 2 or not isinstance(items[0], OutputArray):
        raise InvalidArgument(
            f"has_aux=True: {name}() must return a pair, the value to differentiate and anything "
            "beside it: return value, more"
        )


def _targets(reading: Reading, program: Program, targets: Sequence[Target]) -> list[Node]:
    """The inputs that are differentiated, in the order of `wrt`."""
    return [
        program.inputs[k]
        for target in targets
        for k, leaf in enumerate(reading.leaves)
        if _is_within(leaf, target)
    ]


def _is_within(leaf: Leaf, target: Target) -> bool:
    return not leaf.captured and target.holds(leaf.path)


def _sizes(reading: Reading) -> list[tuple[str, int, int]]:
    """Where the sizes that the program uses are read: equated ones have gone."""
    return [
        (symbol, leaf, axis)
        for symbol, leaf, axis in reading.sizes
        if reading.program.inputs[leaf].array.shape[axis].name == symbol
    ]


def _metadata(stages: Stages, wrt: Sequence[str], options: Options) -> dict[str, Any]:
    reading, kernel = stages.reading, stages.kernel
    known = {symbol for symbol, _, _ in reading.sizes}
    return {
        "function": kernel.name,
        "leaves": [
            {
                "name": leaf.name,
                "shape": [str(d) for d in leaf.node.array.shape],
                "captured": [list(s) for s in leaf.source] if leaf.captured else None,
            }
            for leaf in reading.leaves
        ],
        "cotangents": [
            {
                # What only the run knows is checked there.
                "shape": [str(d) if known.issuperset(d.symbols()) else None for d in i.array.shape],
                "dtype": i.array.dtype.value,
            }
            for i in stages.derived.inputs[len(reading.leaves) :]
        ],
        "sizes": [list(s) for s in reading.sizes],
        "requirements": [
            {
                "kind": r.kind,
                "first": str(r.first),
                "second": str(r.second),
                "message": r.message,
                "case": r.case,
            }
            for r in reading.requirements
        ]
        + (stages.checkpoints.requirements() if stages.checkpoints is not None else []),
        "output": output_json(reading.output, reading.program.outputs),
        "floats": [k for k, o in enumerate(reading.program.outputs) if o.array.dtype.is_float],
        "output_names": list(kernel.output_names),
        "values": stages.values,
        "gradients": [
            {"shape": [str(d) for d in shape], "dtype": dtype.value}
            for shape, dtype in list(zip(kernel.output_shapes, kernel.output_dtypes, strict=True))[
                stages.values :
            ]
        ],
        "wrt": list(wrt),
        "has_aux": options.has_aux,
        "raises": any(isinstance(s, Check | Raise | LibraryCall) for s in walk(kernel.body)),
        "failures": _failures(stages),
        "def_row": reading.source.def_line - reading.source.first_line,
        "notes": list(reading.notes),
        **({"device": _device(stages)} if options.target == "cuda" else {}),
    }


def _device(stages: Stages) -> dict[str, Any]:
    """What the runtime calls the kernels of a GPU with, and what they leave."""
    kernel = stages.kernel
    return {
        "parameters": [p.name for p in kernel.parameters],
        "shapes": [[str(d) for d in shape] for shape in kernel.output_shapes],
    }


def _failures(stages: Stages) -> list[dict[str, Any]]:
    """What the kernel raises where a check of the user's fails, and where that is in the code."""
    reading, found = stages.reading, stages.optimized.checks
    failures = () if found is None else found.failures
    return [
        {
            "exception": f.exception,
            "message": f.message,
            "shown": len(f.shown),
            "class": [list(s) for s in place.cls] if place.cls else None,
            "function": [list(s) for s in place.function],
            "row": place.row,
            "name": f.origin.function,
            "text": f.origin.text,
        }
        for f, place in zip(failures, reading.places, strict=True)
    ]


def output_json(tree: OutputTree, outputs: Sequence[Node]) -> list[Any]:
    """How a result is put together, in values that JSON can hold."""
    match tree:
        case OutputArray(index, weak):
            dtype = outputs[index].array.dtype
            plain = weak or dtype.value == "f8"
            return ["array", index, None if plain else dtype.value]
        case OutputConstant(value):
            return ["constant", value]
        case OutputSequence(cls, items):
            return ["sequence", _class_name(cls), [output_json(i, outputs) for i in items]]
        case OutputMapping(cls, keys, items):
            inside = [output_json(i, outputs) for i in items]
            return ["mapping", _class_name(cls), list(keys), inside]


def _class_name(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"
