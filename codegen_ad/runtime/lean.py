"""A shorter way through numba for kernels, which are long and plain.

Two of numba's passes look for what a kernel never has: functions inside of functions, arithmetic
on whole arrays. Each goes through the whole text several times. A third one gives variables that
are assigned twice new names, and for each goes through all blocks; here it goes through those that
mention it. The machine code is the same; kernels of a thousand lines and more compile in 0.55 to
0.8 of the time. Other functions, and all of them where numba has changed, are compiled as usual.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import defaultdict
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

_NEEDLESS = (
    ("numba.core.untyped_passes", "InlineClosureLikes"),
    ("numba.core.typed_passes", "NopythonRewrites"),
)

_KNOWN = "d20accd92757fef663a43e78d0ee88fe01d9333379eda463c9e15f0e7785e490"
"""The checksum of numba's text of what `_single_assignments` does: one from 0.61 up to 0.68."""


def shorten(module: ModuleType) -> None:
    """Let the kernels of a module take the shorter way, once they are compiled."""
    for function in vars(module).values():
        compiler: Any = getattr(function, "_compiler", None)
        if is_kernel(function) and hasattr(compiler, "pipeline_class"):
            compiler.pipeline_class = pipeline()


def is_kernel(function: Any) -> bool:
    """Whether a function is the text of a plan, not a helper that a file brings along."""
    return bool(getattr(function, "targetoptions", {}).get("nogil"))


@cache
def pipeline() -> Any:
    """How numba compiles, without what a kernel has no need of."""
    base: Any = import_module("numba.core.compiler").Compiler

    class LeanCompiler(base):
        def define_pipelines(self) -> Any:
            pipelines: Any = base.define_pipelines(self)
            others = _others()
            for found in pipelines:
                steps = [(others.get(step, step), why) for step, why in found.passes]
                found.passes = [(step, why) for step, why in steps if step is not None]
                found.finalize()
            return pipelines

    return LeanCompiler


@cache
def _others() -> dict[Any, Any]:
    """What stands in the place of passes of numba, None for nothing; empty where numba changed."""
    try:
        found: dict[Any, Any] = {getattr(import_module(r), name): None for r, name in _NEEDLESS}
        if _is_known():
            single: Any = import_module("numba.core.untyped_passes").ReconstructSSA
            found[single] = _quick_pass(single)
    except (ImportError, AttributeError, OSError):
        return {}
    return found


def _is_known() -> bool:
    """Whether numba names variables in the way that is known here."""
    text = inspect.getsource(import_module("numba.core.ssa"))
    return hashlib.sha256(text.encode()).hexdigest() == _KNOWN


def _quick_pass(single: Any) -> Any:
    """The pass of numba that gives each assignment its own variable, with the work done here."""
    register: Any = import_module("numba.core.compiler_machinery").register_pass
    passes: Any = import_module("numba.core.untyped_passes")
    slow = passes.reconstruct_ssa

    @register(mutates_CFG=False, analysis_only=False)
    class QuickSingleAssignments(single):
        _name = "quick_single_assignments"

        def run_pass(self, state: Any) -> bool:
            # The pass takes this function from its module; numba's lock is held meanwhile.
            passes.reconstruct_ssa = _reconstructed
            try:
                return bool(single.run_pass(self, state))
            finally:
                passes.reconstruct_ssa = slow

    return QuickSingleAssignments


def _reconstructed(function: Any) -> Any:
    """A function of numba's, each of whose variables is assigned once."""
    function.blocks = _single_assignments(function.blocks)
    return function


def _single_assignments(blocks: dict[int, Any]) -> dict[int, Any]:
    """What numba's `_run_ssa` returns: for each variable only blocks that mention it are rewritten.

    A block that does not mention a variable stays as it is but for the phi nodes that join its
    values there, and these mention no other variable: so where each is mentioned is known at once.
    """
    ssa: Any = import_module("numba.core.ssa")
    graph = ssa.compute_cfg_from_blocks(blocks)
    frontiers = ssa._iterated_domfronts(graph)
    mentions = _mentions(blocks, ssa._find_defs_violators(blocks, graph))
    variables = ssa._CacheListVars()
    blocks = dict(blocks)
    for name, labels in mentions.items():
        own, assigned = ssa._fresh_vars({label: blocks[label] for label in labels}, name)
        joined: dict[int, list[Any]] = defaultdict(list)
        states = ssa._make_states(own) | {
            "varname": name,
            "defmap": assigned,
            "phimap": joined,
            "cfg": graph,
            "phi_locations": ssa._compute_phi_locations(frontiers, assigned),
        }
        blocks |= ssa._run_block_rewrite(own, states, ssa._FixSSAVars(variables))
        for label, nodes in joined.items():
            if nodes:
                blocks[label].body = nodes + blocks[label].body
    return blocks


def _mentions(blocks: dict[int, Any], names: Any) -> dict[str, list[int]]:
    """The blocks that mention each of the variables, both in the order that they are in."""
    found: dict[str, list[int]] = {name: [] for name in names}
    for label, block in blocks.items():
        here = {v.name for statement in block.body for v in statement.list_vars()}
        for name in here & found.keys():
            found[name].append(label)
    return found
