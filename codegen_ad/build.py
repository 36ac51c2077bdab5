"""All stages in a row, from a function and a signature to a kernel file; for cold starts only.

This and `explain` are the modules that know every stage; neither does any work of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from codegen_ad.backends import numba_cpu, numba_cuda
from codegen_ad.derivation import check_aux, checked, derivation, inputs_of, is_within, placed
from codegen_ad.emit.fit_view import Once, Recipe
from codegen_ad.emit.matrix_calls import needs_lapack
from codegen_ad.emit.view import About
from codegen_ad.errors import (
    MissingDependency,
    UnsupportedOnDevice,
)
from codegen_ad.fit.methods import METHODS
from codegen_ad.frontend.reader import Reading
from codegen_ad.ir.dims import AxisSize
from codegen_ad.ir.node import Program
from codegen_ad.modes import check_targets, is_fit
from codegen_ad.options import Options
from codegen_ad.passes import pipeline
from codegen_ad.passes.invariants import Divided, divide
from codegen_ad.paths import targets as find_targets
from codegen_ad.plan.build import plan
from codegen_ad.plan.chunking.chunks import Cut, cut
from codegen_ad.plan.cost import Cost, cost
from codegen_ad.plan.fixed import fixable, in_products
from codegen_ad.plan.free import names_of
from codegen_ad.plan.kernel import Kernel
from codegen_ad.plan.outer import nesting, rows_of_data
from codegen_ad.plan.tidying.flatten import flatten
from codegen_ad.plan.turns import take_turns
from codegen_ad.runtime.cuda.spills import spills
from codegen_ad.runtime.dispatch import Built
from codegen_ad.runtime.entrances import deep_calls
from codegen_ad.runtime.fixed import wanted
from codegen_ad.signature import ArrayForm, Signature, leaves, path_text
from codegen_ad.sizing import read_for
from codegen_ad.sparsity.plans import Subject
from codegen_ad.stages import Stages, metadata

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
    known = metadata(stages, wrt, options)
    if is_fit(mode):
        many = "_many" if mode.startswith("fit_many") else ""
        known["function"] = fit_name(stages.reading.program.name) + many
        if "device" in known:
            known["device"] |= {"fit": "one"}
            if many:
                names = numba_cuda.parameter_names(stages.kernel)
                known["device"] |= {"fit": "many", "parameters": names}
    reading = stages.reading
    captured = [(*leaf.source, ("layout", "")) for leaf in reading.leaves if leaf.captured]
    return Built(stages.text, known, [*reading.dependencies, *captured])


def program_of(
    function: Callable[..., object], signature: Signature, options: Options, wrt: Sequence[str]
) -> Subject:
    """The program of a function; with `has_aux` its first output alone."""
    reading = read_for(function, signature, (), frozenset(), options)
    program = checked(pipeline.before(reading.program))
    targets = find_targets(signature, wrt)
    if options.has_aux:
        check_aux(reading.output, program.name)
        program = program.with_outputs(program.outputs[:1], program.output_names[:1])
    nodes = inputs_of(reading, program, targets)
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
    """Every stage of a build, kept; `on_stage` is handed each as soon as it is there.

    Where values come from each other in a long chain, the stages go down it in calls of each other:
    then they are run again with room for these.
    """
    stages = partial(_stages, function, signature, mode, options, wrt, on_stage)
    try:
        return stages()
    except RecursionError:
        with deep_calls():
            return stages()


def _stages(
    function: Callable[..., object],
    signature: Signature,
    mode: str,
    options: Options,
    wrt: Sequence[str],
    on_stage: OnStage,
) -> Stages:
    targets = find_targets(signature, wrt)
    made = derivation(function, signature, mode, options, targets, on_stage)
    reading, derived, optimized = made.reading, made.derived, made.optimized
    checkpoints = made.checkpoints
    segmented = {} if checkpoints is None else checkpoints.segmented
    name = reading.program.name
    sizes = [*_sizes(reading), *derived.sizes]
    divided = Divided(None, optimized)
    if is_fit(mode) and not (options.target == "cuda" and mode.startswith("fit_many:")):
        divided = divide(optimized, inputs_of(reading, optimized, targets), sizes)
        optimized = checked(divided.each)
    shapes = [x.node.array.shape for x in reading.leaves]
    data = [x.node.array.shape for x in reading.leaves if not any(is_within(x, t) for t in targets)]
    on_device = options.target == "cuda"
    blas = has_blas() and not on_device
    # The edges of a sweep are loops of a few trips, for which a device would leave its grid.
    rows = rows_of_data(data, shapes)
    planned = partial(
        plan,
        outer=nesting(data, shapes),
        rows=rows,
        tiled=not on_device,
        blas=blas,
        swept=not on_device,
        single=not on_device and options.math == "vector" and _is_contiguous(signature, reading),
        orders=_orders(signature),
        least=_least(reading),
    )
    reserved = numba_cuda.RESERVED if on_device else frozenset[str]()
    if on_device and mode.startswith("fit:"):
        reserved |= numba_cuda.reserved(recipe_of(mode))
    kernel = planned(optimized, name=_kernel_name(name, mode), sizes=sizes, reserved=reserved)
    hardship_of = partial(numba_cuda.hardship, atomics=options.atomics)
    if on_device and not is_fit(mode) and (hardship := hardship_of(kernel)):
        # Sums with more terms than threads keep are often products of matrices.
        named = partial(planned, name=kernel.name, sizes=sizes, reserved=reserved)
        again = named(optimized, blas=True)
        kernel = again if hardship_of(again) < hardship else kernel
    if not blas and not on_device and needs_lapack(kernel):
        raise MissingDependency("scipy", "blas", "to compile linear algebra: it brings LAPACK")
    on_stage("plan", kernel)
    value = planned(
        pipeline.run(made.simplified, factored=not on_device), name=name, sizes=_sizes(reading)
    )
    counted = cost(kernel, value if mode != "value" else None, segmented)
    shown = getattr(function, "__name__", name)
    about = About(
        f"{function.__module__}:{getattr(function, '__qualname__', name)}", shown, made.summary
    )
    vectorise = options.math == "vector"
    parts: Cut | None = None
    gaining: tuple[str, ...] = ()
    fixed: dict[str, int] = {}
    if is_fit(mode):
        varied = [optimized.inputs.index(t) for t in inputs_of(reading, optimized, targets)]
        # What is computed once stands in a device's kernel with the step, and shares parameters.
        given = {p.name for p in kernel.parameters} | {s.symbol for s in sizes}
        own = reserved | names_of(kernel) - given if on_device else reserved
        once = _once(divided, f"{name}_once", sizes, partial(planned, reserved=own))
        shared = (varied, fit_name(name), once)
        if on_device:
            with _placing(reading):
                each = set(_each(reading, mode) or ()) - set(varied)
                planned_fit = (kernel, about, counted)
                text = _fit_on_device(mode, planned_fit, shared, each, atomics=options.atomics)
        elif mode.startswith("fit:"):
            text = numba_cpu.fit_source(
                kernel, about, counted, recipe_of(mode), *shared, vectorise=vectorise
            )
        else:
            text = numba_cpu.least_squares_source(
                kernel, about, counted, _each(reading, mode), *shared, vectorise=vectorise
            )
    elif on_device:
        with _placing(reading):
            text = numba_cuda.source(
                kernel, about, counted, atomics=options.atomics, spilled=spills()
            )
    else:
        counting = {s for d in rows for s in d.symbols()}
        parts = cut(kernel, counting)
        if parts is None and options.fixed_sizes:
            gaining = fixable(kernel, counting)
        places = [(s.symbol, s.array, s.axis) for s in reading.sizes if s.symbol in gaining]
        fixed = wanted(signature, places)
        if in_products(kernel, fixed):
            kernel = planned(optimized, name=kernel.name, sizes=sizes, small=fixed)
            counted = cost(kernel, value if mode != "value" else None, segmented)
        take_turns(kernel, fixed)
        bodies = [kernel.body] if parts is None else [part.body for part in parts.parts]
        flatten(kernel, bodies, _orders(signature))
        text = numba_cpu.source(
            kernel, about, counted, vectorise=vectorise, parts=parts, fixed=fixed
        )
    on_stage("code", text)
    program, values = derived.program, derived.values
    return Stages(
        reading, made.simplified, program, values, optimized, kernel, counted, about, text,
        made.fired, checkpoints, parts, gaining, fixed,
    )  # fmt: skip


def _once(
    divided: Divided,
    name: str,
    sizes: Sequence[AxisSize[int]],
    planned: Callable[..., Kernel],
) -> Once | None:
    """The kernel of what a fit computes before its first step, and the data that it takes."""
    if divided.once is None:
        return None
    places = {k: place for place, k in enumerate(divided.inputs)}
    own = [replace(s, array=places[s.array]) for s in sizes if s.array in places]
    return Once(planned(checked(divided.once), name=name, sizes=own), divided.inputs)


def has_blas() -> bool:
    """Whether numba finds the BLAS and LAPACK it needs: they come with SciPy."""
    from importlib.util import find_spec

    return find_spec("scipy") is not None


def _kernel_name(name: str, mode: str) -> str:
    if mode == "value":
        return name
    kind = mode.replace(":", "_")
    if is_fit(mode):
        kind = "value_and_grad" if mode.startswith("fit:") else "normal_equations"
    return f"{name}_{kind}"


def _is_contiguous(signature: Signature, reading: Reading) -> bool:
    """Whether all arrays that a kernel reads are known to be in C order."""
    given = (form.layout for _, form in leaves(signature) if isinstance(form, ArrayForm))
    captured = any(x.captured and x.node.array.shape for x in reading.leaves)
    return not captured and all(layout.startswith("C") for layout in given)


def _orders(signature: Signature) -> dict[str, str]:
    """The orders in which arrays lie, by the names of the kernel's parameters."""
    arrays = ((p, form) for p, form in leaves(signature) if isinstance(form, ArrayForm))
    return {path_text(path): form.layout[:1] for path, form in arrays}


def _least(reading: Reading) -> dict[str, int]:
    """The least that sizes are in a call for which the kernel is meant, by their symbols."""
    found: dict[str, int] = {}
    for needed in reading.requirements:
        size, least = needed.first.name, needed.second
        if needed.kind == "at_least" and size is not None and least.is_constant:
            found[size] = max(least.value, found.get(size, 0))
    return found


def _each(reading: Reading, mode: str) -> list[int] | None:
    """The leaves of which each of many fits has its own; None where there is one fit."""
    if not mode.startswith("fit_many:"):
        return None
    own = mode.split(":")[1].split(",")
    return [k for k, x in enumerate(reading.leaves) if not x.captured and x.path[0] in own]


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


def team_of(mode: str) -> tuple[str, tuple[int, ...]]:
    """What runs a fit of a mode like `fit:adam:warp:each=1,2` on a device.

    Returns the kind of team, and the numbers of the leaves that each fit has its own of.
    """
    flags = mode.split(":")[2:]
    team = next((f for f in flags if f in numba_cuda.TEAMS), "block")
    own = next((f.removeprefix("each=") for f in flags if f.startswith("each=")), "")
    return team, tuple(int(k) for k in own.split(",") if k)


def _fit_on_device(
    mode: str,
    planned: tuple[Kernel, About, Cost],
    shared: tuple[Sequence[int], str, Once | None],
    each: Collection[int],
    *,
    atomics: bool,
) -> str:
    """The file of a fit for a device; of many least-squares fits, `each` has its own leaves."""
    kernel, about, counted = planned
    if mode.startswith("fit_many:"):
        varied, name, _ = shared
        team = "warp" if mode.endswith(":warp") else "thread"
        return numba_cuda.fit_many_source(
            kernel, about, counted, varied, each, f"{name}_many", team
        )
    if not mode.startswith("fit:"):
        raise UnsupportedOnDevice(
            "One fit by Levenberg and Marquardt is not written for a GPU, which runs many: "
            "fit_many.\n"
            'Leave target="cuda" out: it then runs on the processor.'
        )
    team, numbers = team_of(mode)
    per_fit = {kernel.parameters[k].name for k in numbers}
    return numba_cuda.fit_source(
        kernel, about, counted, recipe_of(mode), *shared,
        team=team, per_fit=per_fit, atomics=atomics, spilled=spills(),
    )  # fmt: skip


@contextmanager
def _placing(reading: Reading) -> Generator[None]:
    """Say where in the function stands what a device can't do."""
    try:
        yield
    except UnsupportedOnDevice as error:
        raise placed(error, reading) from None


def _sizes(reading: Reading) -> list[AxisSize[int]]:
    """Where the sizes that the program uses are read: equated ones have gone."""
    return [
        size
        for size in reading.sizes
        if size.symbol in reading.program.inputs[size.array].array.shape[size.axis].symbols()
    ]
