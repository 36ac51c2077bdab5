"""Structured operations that own regions: loop, while, branch, and calls with a given derivative.

Arguments of each are listed with its parameters; every region is closed and takes the captured
outer values after its own inputs. The reference backend and the planner run them; they have no
NumPy function of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Op, Params, Region, RegionParams, TypeMismatch
from codegen_ad.ir.types import ArrayType, DType, TupleType, Type


@dataclass(frozen=True, slots=True)
class Loop(RegionParams):
    """`for i in range(trip)`; arguments `(trip, *carried, *captured)`.

    The body takes `(i, *carried, *captured)` and yields the next `carried` values, then `stacked`
    ones. Results: the final carried values, then each stacked value of every iteration, on a new
    leading axis of size `length`, which is the value of `trip`.
    """

    carried: int
    stacked: int
    length: Dim
    body: Region

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in order."""
        return (self.body,)

    def with_regions(self, regions: tuple[Region, ...]) -> Loop:
        """The same parameters around other regions."""
        return replace(self, body=regions[0])


@dataclass(frozen=True, slots=True)
class While(RegionParams):
    """`while cond`; arguments `(*carried, *captured)`, as for both regions.

    `cond` yields one boolean; `body` yields the next carried values, then `stacked` ones. Results:
    the final carried values, the stacked ones on a leading axis of size `length`, and the trip
    count, which is the value of the symbol `length`.
    """

    carried: int
    stacked: int
    length: Dim
    cond: Region
    body: Region

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in order."""
        return (self.cond, self.body)

    def with_regions(self, regions: tuple[Region, ...]) -> While:
        """The same parameters around other regions."""
        return replace(self, cond=regions[0], body=regions[1])


@dataclass(frozen=True, slots=True)
class Branch(RegionParams):
    """`if cond`; arguments `(cond, *captured)`; both regions take `captured` and yield results."""

    then: Region
    otherwise: Region

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in order."""
        return (self.then, self.otherwise)

    def with_regions(self, regions: tuple[Region, ...]) -> Branch:
        """The same parameters around other regions."""
        return replace(self, then=regions[0], otherwise=regions[1])


@dataclass(frozen=True, slots=True)
class Custom(RegionParams):
    """A call whose derivative the user gave; arguments are `forward`'s inputs.

    `forward` yields `outputs` values and then the residuals; `backward` takes the residuals, then
    one cotangent for each output, and yields the cotangent of each argument; `tangent` takes the
    arguments, then a tangent of each floating one, and yields that of each floating output. One of
    the two may be missing.
    """

    name: str
    outputs: int
    forward: Region
    backward: Region | None
    tangent: Region | None = None

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in order."""
        return tuple(r for r in (self.forward, self.backward, self.tangent) if r is not None)

    def with_regions(self, regions: tuple[Region, ...]) -> Custom:
        """The same parameters around other regions."""
        forward, *rules = regions
        backward = rules[0] if self.backward is not None else None
        tangent = rules[-1] if self.tangent is not None else None
        return replace(self, forward=forward, backward=backward, tangent=tangent)


def _types(region: Region) -> tuple[ArrayType, ...]:
    return tuple(o.array for o in region.outputs)


def _check_inputs(region: Region, types: Sequence[Type]) -> None:
    if [i.type for i in region.inputs] != list(types):
        wanted = ", ".join(str(i.type) for i in region.inputs)
        raise TypeMismatch(f"region takes ({wanted}), gets ({', '.join(map(str, types))})")


def _check_carried(carried: Sequence[Type], outputs: Sequence[Type]) -> None:
    if list(carried) != list(outputs):
        raise TypeMismatch(
            f"carried values change type: {', '.join(map(str, carried))} "
            f"to {', '.join(map(str, outputs))}"
        )


def _stack(types: Sequence[ArrayType], length: Dim) -> tuple[ArrayType, ...]:
    return tuple(t.with_shape((length, *t.shape)) for t in types)


def _infer_loop(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Loop)
    integer = ArrayType(DType.INT64)
    if types[0] != integer:
        raise TypeMismatch(f"a trip count is {integer}, not {types[0]}")
    _check_inputs(params.body, (integer, *types[1:]))
    out = _types(params.body)
    _check_carried(types[1 : 1 + params.carried], out[: params.carried])
    return TupleType(out[: params.carried] + _stack(out[params.carried :], params.length))


def _infer_while(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, While)
    _check_inputs(params.cond, types)
    _check_inputs(params.body, types)
    out = _types(params.body)
    _check_carried(types[: params.carried], out[: params.carried])
    stacked = _stack(out[params.carried :], params.length)
    return TupleType((*out[: params.carried], *stacked, ArrayType(DType.INT64)))


def _infer_branch(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Branch)
    if types[0] != ArrayType(DType.BOOL):
        raise TypeMismatch(f"a condition is a boolean, not {types[0]}")
    _check_inputs(params.then, types[1:])
    _check_inputs(params.otherwise, types[1:])
    if _types(params.then) != _types(params.otherwise):
        raise TypeMismatch("the two sides of a branch yield different types")
    return TupleType(_types(params.then))


def _infer_custom(types: Sequence[Type], params: Params | None) -> Type:
    assert isinstance(params, Custom)
    _check_inputs(params.forward, types)
    return TupleType(_types(params.forward))


LOOP = Op("loop", Kind.LOOP, _infer_loop)
WHILE = Op("while", Kind.WHILE, _infer_while)
BRANCH = Op("branch", Kind.BRANCH, _infer_branch)
CUSTOM = Op("custom", Kind.CALL, _infer_custom)
