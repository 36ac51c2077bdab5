"""What each stage made of a function, and what a call of its kernel must know of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from codegen_ad.derive.structured import Checkpoints
from codegen_ad.emit.cut_view import sharing
from codegen_ad.emit.view import About
from codegen_ad.frontend.output import (
    OutputArray,
    OutputConstant,
    OutputMapping,
    OutputSequence,
    OutputTree,
)
from codegen_ad.frontend.reader import Reading
from codegen_ad.ir.node import Node, Program
from codegen_ad.options import Options
from codegen_ad.plan.chunking.chunks import Cut
from codegen_ad.plan.cost import Cost
from codegen_ad.plan.kernel import Check, Kernel, LibraryCall, Raise, walk
from codegen_ad.plan.width import gains_by_width


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
    parts: Cut | None = None
    fixable: tuple[str, ...] = ()
    fixed: Mapping[str, int] = field(default_factory=dict[str, int])


def metadata(stages: Stages, wrt: Sequence[str], options: Options) -> dict[str, Any]:
    """What is kept beside a kernel's file, in values that JSON can hold."""
    reading, kernel = stages.reading, stages.kernel
    known = {s.symbol for s in reading.sizes}
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
        "sizes": [astuple(s) for s in reading.sizes],
        "fixable": list(stages.fixable),
        "fixed": dict(stages.fixed),
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
        "wide": gains_by_width(kernel),
        "threads": sharing(stages.parts, known) if stages.parts is not None else None,
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
