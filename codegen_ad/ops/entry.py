"""What the tables hold: one entry for each operation.

An elementwise entry is a formula; a structural entry is an operation with named functions beside
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch, not_wrapping
from codegen_ad.ir.types import ArrayType, DType, Type, broadcast_shapes

Array = NDArray[Any]
Sizes = Mapping[str, int]
Evaluate = Callable[[Sequence[Array], Any, Sizes], Array]
UNKNOWN = "unknown"
"""The partial derivative in an argument by which differentiating is refused."""

Pullback = Callable[[Builder, Node, Node], Sequence[Node | None]]
"""`(builder, node, g)` gives the cotangent of each argument, or None where there is none."""

EvaluateSeveral = Callable[[Sequence[Array], Any, Sizes], Sequence[Array]]
PullbackSeveral = Callable[[Builder, Node, Sequence[Node | None]], Sequence[Node | None]]
"""The same for several results: it is given the cotangent of each result, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class Elementwise:
    """An elementwise operation.

    Attributes
    ----------
    arguments : one letter for each argument.
    formula : the value as a SymPy expression; its derivatives come from here. None for operations
        without a derivative and for those with given `partials`.
    partials : the derivative in each argument as text over the arguments, `out`, and the names of
        elementwise operations; "" where there is none.
    spelling : the value as a Python expression over the arguments, for scalar code.
    at : points where the operation is interesting, for the tests.
    policy : what the derivative is at a kink, and why.
    carried : whether the spelling calls a function that generated files bring along, which
        computes in double precision.
    """

    op: Op
    arguments: str
    spelling: str
    functions: tuple[Callable[..., object], ...]
    evaluate: Callable[..., Any]
    formula: str | None = None
    partials: tuple[str, ...] | None = None
    reuse_output: bool = False
    at: tuple[tuple[float, ...], ...] = ()
    policy: str = ""
    carried: bool = False

    @property
    def differentiable(self) -> bool:
        """Whether any derivative exists."""
        return self.formula is not None or self.partials is not None


@dataclass(frozen=True, slots=True, eq=False)
class Structural:
    """An operation of any other kind: its meaning in NumPy, and its adjoint."""

    op: Op
    evaluate: Evaluate
    pullback: Pullback | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Several:
    """An operation with several results, like a factorisation."""

    op: Op
    evaluate: EvaluateSeveral
    pullback: PullbackSeveral | None = None


def same(types: Sequence[ArrayType]) -> DType:
    """Result dtype of arithmetic: all arguments have one dtype, and so has the result."""
    return _common(types)


def floating(types: Sequence[ArrayType]) -> DType:
    """Result dtype of functions of real numbers: the one floating dtype of all arguments."""
    dtype = _common(types)
    if not dtype.is_float:
        raise TypeMismatch(f"needs floating point, got {dtype}")
    return dtype


def comparison(types: Sequence[ArrayType]) -> DType:
    """Result dtype of a comparison of values of one dtype."""
    _common(types)
    return DType.BOOL


def logical(types: Sequence[ArrayType]) -> DType:
    """Result dtype of a logical operation on booleans."""
    if _common(types) is not DType.BOOL:
        raise TypeMismatch("needs booleans")
    return DType.BOOL


def bits(types: Sequence[ArrayType]) -> DType:
    """Result dtype of an operation on the bits of integers."""
    if _common(types) is not DType.INT64:
        raise TypeMismatch("needs integers of 64 bits")
    return DType.INT64


def selection(types: Sequence[ArrayType]) -> DType:
    """Result dtype of `where`: a boolean, then values of one dtype."""
    if types[0].dtype is not DType.BOOL:
        raise TypeMismatch("needs a boolean first")
    return _common(types[1:], computes=False)


def _common(types: Sequence[ArrayType], *, computes: bool = True) -> DType:
    dtypes = {t.dtype for t in types}
    if len(dtypes) != 1:
        raise TypeMismatch(f"mixes dtypes {', '.join(sorted(d.value for d in dtypes))}")
    if computes:
        not_wrapping(types)
    return dtypes.pop()


def elementwise(
    name: str,
    arguments: str,
    spelling: str,
    typing: Callable[[Sequence[ArrayType]], DType] = floating,
    *,
    numpy: str | Callable[..., Any] | None = None,
    also: tuple[Callable[..., object], ...] = (),
    formula: str | None = None,
    partials: tuple[str, ...] | None = None,
    reuse_output: bool = False,
    at: tuple[tuple[float, ...], ...] = (),
    policy: str = "",
) -> Elementwise:
    """One entry of the elementwise table; `numpy` defaults to the NumPy function of that name."""

    def infer(types: Sequence[Type], _: Params | None) -> Type:
        arrays = [t for t in types if isinstance(t, ArrayType)]
        if len(arrays) != len(arguments):
            raise TypeMismatch(f"{name} takes {len(arguments)} arguments, got {len(types)}")
        return ArrayType(typing(arrays), broadcast_shapes(*(t.shape for t in arrays)))

    function: Callable[..., Any] = (
        getattr(np, name)
        if numpy is None
        else (getattr(np, numpy) if isinstance(numpy, str) else numpy)
    )
    functions = (function, *also) if getattr(function, "__module__", "") != __name__ else also
    return Elementwise(
        Op(name, Kind.ELEMENTWISE, infer),
        arguments,
        spelling,
        functions,
        function,
        formula,
        partials,
        reuse_output,
        at,
        policy,
    )


def carried(
    name: str,
    arguments: str,
    function: Callable[..., float],
    partials: tuple[str, ...],
    *,
    also: tuple[Callable[..., object], ...] = (),
    at: tuple[tuple[float, ...], ...] = (),
    policy: str = "",
) -> Elementwise:
    """One entry whose meaning is a function of plain arithmetic, which generated files carry."""

    def of_doubles(*numbers: float) -> float:
        # NumPy's numbers divide by zero and overflow as compiled code does; Python's raise.
        return function(*(np.float64(number) for number in numbers))

    entry = elementwise(
        name,
        arguments,
        f"{function.__name__}({', '.join(arguments)})",
        numpy=np.vectorize(of_doubles, otypes=[np.float64]),
        partials=partials,
        at=at,
        policy=policy,
    )
    return replace(entry, functions=also, carried=True)
