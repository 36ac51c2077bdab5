"""A kernel that one thread runs by itself: small arrays are its own, others lie in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codegen_ad.plan.device.arrays import by_element, counts_of, exchanged
from codegen_ad.plan.device.loops import Refused
from codegen_ad.plan.device.whole import LARGEST_OWN, Buffer, Own
from codegen_ad.plan.free import names_of
from codegen_ad.plan.kernel import Allocate, Expr, For, If, Kernel, Statement, While, copied, walk


@dataclass(frozen=True, slots=True)
class ThreadPlan:
    """What one thread does.

    Attributes
    ----------
    body : in which no array is made.
    own : its arrays, beside those of the results.
    scratch : arrays in memory, of which each thread has its own.
    counts : numbers that their sizes are made of.
    """

    body: tuple[Statement, ...]
    own: tuple[Own, ...]
    scratch: tuple[Buffer, ...]
    counts: tuple[tuple[str, Expr], ...]


def thread_plan(kernel: Kernel) -> ThreadPlan:
    """The kernel for one thread, which brings the arrays of the results along.

    Raises
    ------
    Refused
        If an array has a size that only the run finds.
    """
    kernel = replace(kernel, body=[copied(s) for s in kernel.body])
    results = {o for o in kernel.outputs if isinstance(o, str)}
    made: dict[str, Allocate] = {}
    for statement in walk(kernel.body):
        if not isinstance(statement, Allocate):
            continue
        if made.setdefault(statement.buffer, statement).shape != statement.shape:
            raise Refused(statement, "an array is made in two sizes")
    if moved := exchanged(kernel.body, made) & results:
        raise Refused(made[min(moved)], "a result changes places with another array")
    own: list[Own] = []
    scratch: list[Buffer] = []
    for name, array in made.items():
        if name in results:
            continue
        if is_small(array):
            own.append(Own(name, array.shape, array.dtype))
        else:
            scratch.append(Buffer(name, array.shape, array.dtype, "scratch"))
    counts = counts_of(tuple(scratch), kernel)
    body = _made_before(by_element(kernel, names_of(kernel)))
    return ThreadPlan(tuple(body), tuple(own), tuple(scratch), counts)


def is_small(array: Allocate) -> bool:
    """Whether every thread may have such an array for itself."""
    size = 1
    for dim in array.shape:
        if not dim.is_constant:
            return False
        size *= dim.value
    return 0 < size <= LARGEST_OWN


def _made_before(body: list[Statement]) -> list[Statement]:
    """The statements without those that make arrays: these are there from the beginning."""
    found: list[Statement] = []
    for statement in body:
        match statement:
            case Allocate():
                continue
            case For(body=inner):
                found.append(replace(statement, body=_made_before(inner)))
            case While(test=test, body=inner):
                changed = _made_before(test), _made_before(inner)
                found.append(replace(statement, test=changed[0], body=changed[1]))
            case If(then=then, otherwise=otherwise):
                sides = _made_before(then), _made_before(otherwise)
                found.append(replace(statement, then=sides[0], otherwise=sides[1]))
            case _:
                found.append(statement)
    return found
