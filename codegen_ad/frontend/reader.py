"""From a function and a signature to a program, and to what must be known to call it."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any, cast

from codegen_ad.errors import (
    CodegenError,
    InternalError,
    NotDifferentiable,
    ShapeMismatch,
    UnsupportedSyntax,
)
from codegen_ad.frontend import expressions, statements
from codegen_ad.frontend.arrays.data import DTYPES, dtype_named
from codegen_ad.frontend.calls import calling, functions
from codegen_ad.frontend.calls.derived import name_of
from codegen_ad.frontend.calls.nested import Transform
from codegen_ad.frontend.calls.outside import import_
from codegen_ad.frontend.containers import filling
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.control import checks, wholes
from codegen_ad.frontend.machine import Machine
from codegen_ad.frontend.output import OutputTree, flatten
from codegen_ad.frontend.sizes.naming import size_symbols, taken_names
from codegen_ad.frontend.sizes.symbolic import Facts, Requirement, Restart
from codegen_ad.frontend.values import (
    Array,
    Cell,
    Complex,
    Dict,
    Outside,
    Provenance,
    Record,
    own_ways,
)
from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import AxisSize, Dim, as_dim
from codegen_ad.ir.node import Access, Node, Program
from codegen_ad.ir.types import ArrayType
from codegen_ad.signature import (
    PARTS,
    ArrayForm,
    Form,
    MappingForm,
    Path,
    ScalarForm,
    SequenceForm,
    Signature,
    StaticForm,
    path_text,
)
from codegen_ad.source import SourceText, source_of

_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Leaf:
    """A parameter of the kernel: an argument of the user's function, or an array outside.

    A captured array is passed at every call; `source` says how it is reached from the function.
    """

    name: str
    path: Path
    node: Node
    captured: bool
    source: Provenance = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was found out about a function for one signature.

    `sizes` says from which axis of which leaf each size symbol is read; symbols that turned out to
    be equal to others are among them, because `requirements` speak of them. Arguments are taken to
    be distinct arrays: writing to one does not change another. `places` says where each failure of
    the program's checks is in the user's code, `accesses` which places that data name are not known
    to lie within their axes.
    """

    program: Program
    builder: Builder
    leaves: tuple[Leaf, ...]
    output: OutputTree
    sizes: tuple[AxisSize[int], ...]
    requirements: tuple[Requirement, ...]
    dependencies: tuple[Provenance, ...]
    source: SourceText
    notes: tuple[str, ...]
    places: tuple[checks.Place, ...] = ()
    accesses: frozenset[Access] = frozenset()


def read(
    function: object,
    signature: Signature,
    *,
    taps: tuple[str, ...] = (),
    transform: Transform | None = None,
    visited: frozenset[Access] = frozenset(),
) -> Reading:
    """Read a Python function for arguments of these forms.

    `transform` makes the derivatives that the function takes of others. The places of the `visited`
    accesses get checks that stay where nothing is read or written there any more.

    Raises
    ------
    UnsupportedSyntax, UnknownFunction, ShapeMismatch
        If the function holds what codegen_ad does not translate; the error points at it.
    """
    plain = _plain(function)
    source = source_of(plain)
    assert isinstance(plain, FunctionType)
    tree = functions.parse(source)
    if isinstance(tree, ast.AsyncFunctionDef):
        raise UnsupportedSyntax("`async def` is not translated.\nWrite an ordinary function.")
    facts = Facts(frozenset(signature.untrue), visited)
    for _ in range(_ATTEMPTS):
        attempt = _Attempt(function, plain, signature, taps, source, tree, facts, transform)
        try:
            return attempt.run()
        except Restart:
            continue
        except CodegenError as error:
            if not isinstance(error, ShapeMismatch) or not any(facts.guesses.values()):
                raise
            facts = Facts(facts.untrue, visited, guesses=dict.fromkeys(facts.guesses, False))
        except checks.Over as over:
            raise UnsupportedSyntax(
                "The function raises an exception for these arguments.", where=over.where
            ) from None
        except RecursionError as error:
            raise UnsupportedSyntax(
                f"`{plain.__name__}` is nested too deeply for codegen_ad to read.\n"
                "Split long expressions over several statements."
            ) from error
        except Exception as error:
            raise InternalError(attempt.last_words(error)) from error
    raise InternalError("reading the function does not come to an end")


def _plain(function: Any) -> object:
    """The Python function itself, of a method or of what was differentiated."""
    while getattr(function, "__codegen_form__", False) is True:
        function = function.derivatives.__wrapped__
    return function.__func__ if isinstance(function, MethodType) else function


class _Attempt:
    """One attempt at reading, with what is known from earlier ones."""

    def __init__(
        self,
        root: object,
        function: FunctionType,
        signature: Signature,
        taps: tuple[str, ...],
        source: SourceText,
        tree: ast.FunctionDef | ast.Lambda,
        facts: Facts,
        transform: Transform | None,
    ) -> None:
        self.root = root
        self.function = function
        self.signature = signature
        self.source = source
        self.tree = tree
        self.symbols = size_symbols(signature, tree)
        if not facts.order:
            facts.order = tuple(s.name for s in self.symbols)
            facts.taken = frozenset(taken_names(signature, tree))
        self.machine = Machine(
            Builder(), facts, expressions.evaluate, statements.execute, calling.call,
            expressions.perhaps, taps,
            {s.name: s.text for s in self.symbols},
        )  # fmt: skip
        checks.start(self.machine)
        self.machine.transform = transform
        self.is_form = getattr(root, "__codegen_form__", False) is True
        name = name_of(Outside(root, ()))
        self.name = name if name.isidentifier() else "function"
        self.leaves: list[Leaf] = []

    def run(self) -> Reading:
        m = self.machine
        env = self._parameters()
        if self.is_form:
            value = self._derivative(env)
        else:
            value = functions.enter(m, self.function, (), self.tree, self.source, env)
        filling.settle(m)
        missing = [t for t in m.taps if t not in m.tapped]
        if missing:
            raise NotDifferentiable(
                f"`{missing[0]}` is not assigned an array in `{self.function.__name__}`, so there "
                "is no gradient of it.\nName variables that the function assigns."
            )
        m.frames.append(functions.frame_for(self.function, (), self.tree, self.source, {}))
        with m.spot(
            self.tree.body[-1] if isinstance(self.tree, ast.FunctionDef) else self.tree.body
        ):
            outputs, names, output = flatten(m, value, {leaf.name for leaf in self.leaves})
        self._captured()
        failures = checks.finish(m)
        checked = () if failures is None else (failures.code, *failures.values)
        wholes.settle(m, (*outputs, *checked))
        program = Program(
            self.name,
            tuple(leaf.node for leaf in self.leaves),
            tuple(outputs),
            tuple(names),
            m.b.notes,
            failures,
        )
        return Reading(
            program,
            m.b,
            tuple(self.leaves),
            output,
            self._sizes(),
            tuple(m.facts.requirements.values()),
            tuple(m.dependencies),
            self.source,
            tuple(m.remarks),
            tuple(m.log.places.values()) if program.checks is not None else (),
            frozenset(m.log.accesses),
        )

    def _derivative(self, env: dict[str, Value]) -> Value:
        """The value of a root that is itself a derivative: `codegen_ad.grad(f)`."""
        m = self.machine
        m.frames.append(functions.frame_for(self.function, (), self.tree, self.source, {}))
        args: list[Value] = []
        named: dict[str, Value] = {}
        for name, parameter in inspect.signature(cast("Any", self.root)).parameters.items():
            match parameter.kind:
                case parameter.VAR_POSITIONAL:
                    args += m.items(env[name])
                case parameter.VAR_KEYWORD:
                    named |= m.store[cast("Dict", env[name]).cell]
                case parameter.KEYWORD_ONLY:
                    named[name] = env[name]
                case _:
                    args.append(env[name])
        with m.spot(self.tree.body if isinstance(self.tree, ast.Lambda) else self.tree):
            value = m.call(Outside(self.root, ()), args, named)
        m.frames.pop()
        return value

    def last_words(self, error: Exception) -> str:
        """Where an unexpected error came up, and which."""
        m = self.machine
        line = f" on line {m.line()} of `{m.frame.name}`" if m.frames and m.spots else ""
        return f"{type(error).__name__}{line}: {error}"

    def _parameters(self) -> dict[str, Value]:
        env: dict[str, Value] = {}
        if isinstance(self.root, MethodType):
            first = (*self.tree.args.posonlyargs, *self.tree.args.args)[0].arg
            env[first] = import_(self.machine, self.root.__self__, (("attribute", "__self__"),))
        for name, form in self.signature.parameters:
            env[name] = self._argument((name,), form)
        given = self.tree.args
        if given.kwarg is not None and given.kwarg.arg not in env:
            env[given.kwarg.arg] = self.machine.dict_of({})
        if given.vararg is not None and given.vararg.arg not in env:
            env[given.vararg.arg] = ()
        return self._defaults(env)

    def _defaults(self, env: dict[str, Value]) -> dict[str, Value]:
        """Parameters that the signature lacks have their default."""
        given = self.tree.args
        positional = [a.arg for a in (*given.posonlyargs, *given.args)]
        defaults = self.function.__defaults__ or ()
        pairs = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
        for name, default in (pairs | (self.function.__kwdefaults__ or {})).items():
            if name not in env:
                env[name] = import_(self.machine, default, (("default", name),))
        return env

    def _argument(self, path: Path, form: Form) -> Value:
        m = self.machine
        match form:
            case ArrayForm(dtype, shape):
                kind = DTYPES.get(dtype) or dtype_named(m, dtype)
                dims = tuple(
                    self._size(path, axis) if size is None else as_dim(size)
                    for axis, size in enumerate(shape)
                )
                return self._leaf(path, ArrayType(kind, dims), weak=False)
            case ScalarForm(kind):
                dtype = DTYPES["f8" if kind is float else "i8"]
                return self._leaf(path, ArrayType(dtype), weak=True)
            case StaticForm(value):
                return import_(m, value, ())
            case SequenceForm(cls, items) if cls is complex:
                real, imag = (
                    self._argument((*path, k), f) for k, f in zip(PARTS, items, strict=True)
                )
                return Complex(real, imag)
            case SequenceForm(cls, items):
                values = [self._argument((*path, i), item) for i, item in enumerate(items)]
                if own_ways(cast("Any", cls)) and cls is not list:
                    raise UnsupportedSyntax(
                        f"`{cast('Any', cls).__name__}` is a tuple with a "
                        f"`{own_ways(cast('Any', cls))[0]}` of its own.\n"
                        "Make a dataclass of it, or pass a plain tuple."
                    )
                if cls is list:
                    return m.list_of(values)
                return cast("Any", cls)._make(values) if hasattr(cls, "_make") else tuple(values)
            case MappingForm(cls, keys, items):
                held = {
                    k: self._argument((*path, k), item) for k, item in zip(keys, items, strict=True)
                }
                if cls is dict:
                    return m.dict_of(held)
                cell = Cell()
                m.store[cell] = held
                return Record(cls, cell)

    def _size(self, path: Path, axis: int) -> Dim:
        (name,) = [s.name for s in self.symbols if s.path == path and s.axis == axis]
        return self.machine.facts.substitution.get(name, Dim.symbol(name))

    def _leaf(self, path: Path, kind: ArrayType, *, weak: bool) -> Array:
        name = path_text(path)
        node = self.machine.b.input(name, kind)
        self.leaves.append(Leaf(name, path, node, captured=False))
        return self.machine.fresh(node, weak=weak, label=name)

    def _captured(self) -> None:
        m = self.machine
        for path, (value, _) in m.captured.items():
            self.leaves.append(
                Leaf(
                    value.cell.label,
                    (value.cell.label,),
                    m.roots[value.cell],
                    captured=True,
                    source=path,
                )
            )

    def _sizes(self) -> tuple[AxisSize[int], ...]:
        place = {leaf.path: i for i, leaf in enumerate(self.leaves)}
        found = [AxisSize(s.name, place[s.path], s.axis) for s in self.symbols]
        for leaf in self.leaves:
            if leaf.captured:
                source = next(a for p, (_, a) in self.machine.captured.items() if p == leaf.source)
                found += [
                    AxisSize(f"{leaf.name}_{axis}", place[leaf.path], axis)
                    for axis, size in enumerate(source.shape)
                    if size != 1
                ]
        by_name = {size.symbol: size for size in found}
        for name, made in self.machine.facts.splits.items():
            whole = by_name[name]
            divisor = whole.divisor * made.divisor
            by_name[made.part] = replace(whole, symbol=made.part, divisor=divisor)
        return tuple(by_name.values())
