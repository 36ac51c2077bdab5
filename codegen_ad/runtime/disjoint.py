"""Arrays that can't share memory, told to LLVM.

numba says nothing of it, so after each store LLVM reads again what it had read of other arrays, and
before a loop it compares the ends of all of them. What a kernel allocates is its own: no argument
lies in it, and nothing that was allocated elsewhere. So each place where an array is allocated is a
scope of LLVM's, all arguments together are one, and a load or a store says which of them it may
touch (`alias.scope`) and which not (`noalias`).

Where an array comes from is read from numba's own form of the function, by its definitions alone: a
view is where its whole is, and a variable that loops or branches assign may be in all that they
assign to it. What comes from anywhere else, such as a function's result, says nothing and may be
anywhere. Only functions that Python calls are told, and they are never put into others: a scope is
true for one call, in which arguments don't become what it allocates. Kernels whose parts threads
share are left alone: a part knows less of its arguments than the function that numba puts it into,
and both must come to the same bits.

Run by itself, a file has none of this; the last bits may differ, as multiplications and additions
meet in other ways. This module knows how numba lowers a function; where numba has changed, kernels
are compiled as numba would.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, cast

import numpy as np

from codegen_ad.runtime.lean import is_kernel

_ALLOCATE = (np.empty, np.zeros, np.ones, np.full)
_BROUGHT = "with_more_room"
"""A function of a kernel's own file whose result is a new array."""

_ARGUMENTS = "the arguments"
_ANYWHERE = "anywhere"


def tell(module: ModuleType) -> None:
    """Let LLVM know of the arrays of a kernel's module, once its functions are compiled."""
    for function in vars(module).values():
        compiler: Any = getattr(function, "_compiler", None)
        base: Any = getattr(compiler, "pipeline_class", None)
        if base is not None and _is_called_by_python(function) and not hasattr(base, "is_told"):
            compiler.pipeline_class = _pipeline(base)


def _is_called_by_python(function: Any) -> bool:
    return is_kernel(function) and type(function._cache).__name__ != "NullCache"


@cache
def _pipeline(base: Any) -> Any:
    """A way through numba whose lowering tells LLVM; as it is where numba changed."""
    try:
        lowering: Any = import_module("numba.core.typed_passes").NativeLowering
        _lowering(lowering)
    except (ImportError, AttributeError):
        return base

    class TellingCompiler(base):
        is_told = True

        def define_pipelines(self) -> Any:
            pipelines: Any = base.define_pipelines(self)
            for pipeline in pipelines:
                pipeline.passes = [
                    (_lowering(s) if isinstance(s, type) and issubclass(s, lowering) else s, why)
                    for s, why in pipeline.passes
                ]
                pipeline.finalize()
            return pipelines

    return TellingCompiler


@cache
def _lowering(base: Any) -> Any:
    """A pass of numba that lowers functions as another one does, and tells LLVM."""
    register: Any = import_module("numba.core.compiler_machinery").register_pass

    @register(mutates_CFG=True, analysis_only=False)
    class TellingLowering(base):
        _name = f"telling_{base._name}"

        @property
        def lowering_class(self) -> Any:
            return _lower(base.lowering_class.fget(self))

    return TellingLowering


@cache
def _lower(base: Any) -> Any:
    """What lowers a function statement by statement, with the scopes of its loads and stores."""
    form: Any = import_module("numba.core.ir")
    types: Any = import_module("numba.core.types")
    marked: Any = import_module("llvmlite.ir")
    data = (marked.LoadInstr, marked.StoreInstr)
    steps = (marked.GEPInstr, marked.CastInstr)

    class TellingLower(base):
        def lower_normal_function(self, fndesc: Any) -> None:
            self.origins = _origins(self.blocks, self.typeof)
            self.scopes = _Scopes(self.module, fndesc.mangled_name, self.origins.values())
            base.lower_normal_function(self, fndesc)
            self.function.attributes.add("noinline")

        def lower_inst(self, inst: Any) -> None:
            name = self.touched(inst)
            if name is None:
                base.lower_inst(self, inst)
                return
            block, before = self.builder.block, len(self.builder.block.instructions)
            base.lower_inst(self, inst)
            if self.builder.block is block:
                for made in block.instructions[before:]:
                    if isinstance(made, data) and self.is_of_an_array(made.operands[-1]):
                        self.scopes.mark(made, self.origins[name])

        def touched(self, inst: Any) -> str | None:
            """The array of which a statement reads or writes a number, if its origins are known."""
            if isinstance(inst, form.Assign):
                value = inst.value
                if getattr(value, "op", None) not in ("getitem", "static_getitem"):
                    return None
                name, number, at = value.value.name, inst.target.name, value.index
            elif isinstance(inst, form.SetItem | form.StaticSetItem):
                name, number, at = inst.target.name, inst.value.name, inst.index
            else:
                return None
            is_plain = isinstance(self.typeof(number), types.Number | types.Boolean)
            is_known = _ANYWHERE not in self.origins.get(name, {_ANYWHERE})
            return name if is_plain and is_known and self.is_one_place(at) else None

        def is_one_place(self, index: Any) -> bool:
            """Whether an index is whole numbers, so that nothing else is read for it."""
            if not isinstance(index, form.Var):
                parts = cast("tuple[Any, ...]", index if isinstance(index, tuple) else (index,))
                return all(isinstance(part, int) for part in parts)
            kind: Any = self.typeof(index.name)
            kinds: Any = kind.types if isinstance(kind, types.BaseTuple) else (kind,)
            return all(isinstance(one, types.Integer) for one in kinds)

        def is_of_an_array(self, pointer: Any) -> bool:
            """Whether a pointer goes into data, not into what describes an array."""
            while isinstance(pointer, steps):
                pointer = pointer.operands[0]
            return not isinstance(pointer, marked.AllocaInstr)

    return TellingLower


class _Scopes:
    """The metadata of a function's loads and stores."""

    def __init__(self, module: Any, function: str, origins: Iterable[frozenset[str]]) -> None:
        self._module = module
        self._of: dict[str, Any] = {}
        self._marks: dict[frozenset[str], list[tuple[str, Any]]] = {}
        domain = module.add_metadata([function])
        for origin in sorted(frozenset[str]().union(*origins) - {_ANYWHERE}):
            self._of[origin] = module.add_metadata([f"{function} {origin}", domain])

    def mark(self, access: Any, origins: frozenset[str]) -> None:
        """Say which arrays a load or a store may touch, and which it does not."""
        if origins not in self._marks:
            self._marks[origins] = [
                (kind, self._module.add_metadata(scopes))
                for kind, inside in (("alias.scope", True), ("noalias", False))
                if (scopes := [s for name, s in self._of.items() if (name in origins) == inside])
            ]
        for kind, scopes in self._marks[origins]:
            access.set_metadata(kind, scopes)


def _origins(blocks: Any, typeof: Any) -> dict[str, frozenset[str]]:
    """Where each array of a function may lie: the variables that allocations are assigned to."""
    form: Any = import_module("numba.core.ir")
    types: Any = import_module("numba.core.types")
    sources: dict[str, set[str]] = {}  # what a variable's value is a view of, or is
    found: dict[str, set[str]] = {}
    for block in blocks.values():
        for assign in block.find_insts(form.Assign):
            name, value = assign.target.name, assign.value
            if not isinstance(typeof(name), types.Array):
                continue
            own, whole = found.setdefault(name, set()), sources.setdefault(name, set())
            if isinstance(value, form.Arg):
                own.add(_ARGUMENTS)
            elif isinstance(value, form.Var):
                whole.add(value.name)
            elif isinstance(value, form.Expr) and _is_view(value):
                whole.add(value.value.name)
            elif isinstance(value, form.Expr) and _allocates(value, typeof):
                own.add(name)
            else:
                own.add(_ANYWHERE)
    todo = list(found)
    users: dict[str, list[str]] = {}
    for name, wholes in sources.items():
        for whole in wholes:
            users.setdefault(whole, []).append(name)
            if whole not in found:  # part of what is no array
                found[name].add(_ANYWHERE)
    while todo:
        whole = todo.pop()
        for name in users.get(whole, ()):
            if not found[whole] <= found[name]:
                found[name] |= found[whole]
                todo.append(name)
    return {name: frozenset(places) for name, places in found.items()}


def _is_view(value: Any) -> bool:
    """Whether an expression is a part of an array, or the array with other axes."""
    if value.op in ("getitem", "static_getitem", "cast"):
        return True
    return value.op == "getattr" and value.attr == "T"


def _allocates(value: Any, typeof: Any) -> bool:
    """Whether an expression makes a new array."""
    if value.op != "call":
        return False
    kind = typeof(value.func.name)
    called = getattr(kind, "typing_key", None)
    if any(called is cast("Any", function) for function in _ALLOCATE):
        return True
    brought = getattr(getattr(kind, "dispatcher", None), "py_func", None)
    return getattr(brought, "__name__", None) == _BROUGHT
