"""Kernels of random programs for a GPU, which the simulator runs thread by thread.

They are held to the numbers that the processor's kernels gave for the same arguments; what they
refuse is named, so that it can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from codegen_ad.backends.reference import evaluate
from codegen_ad.errors import UnsupportedOnDevice
from codegen_ad.testing.lockstep import ORDERS
from tests.cuda.device_runs import run
from tests.end_to_end.cases import Case
from tests.end_to_end.checks import inputs_of, stages_of
from tests.property.noise import assert_near, roundings
from tests.property.sources import Outcome

MOST = 1500
"""Elements of arguments and results: beyond, threads of Python take too long."""
PRODUCTS = ("jvp", "vjp", "jacobian:forward", "jacobian:reverse", "hessian:forward")
ALWAYS = frozenset({"value_and_grad", "hvp"})


@dataclass(slots=True)
class Simulator:
    """Runs kernels of some modes.

    Attributes
    ----------
    modes : those that it runs; of others it says nothing.
    ran : modes that gave the same numbers.
    refused : why others can't run on a GPU.
    """

    modes: frozenset[str] = frozenset()
    ran: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])

    def check(
        self,
        case: Case,
        args: tuple[Any, ...],
        mode: str,
        wanted: Sequence[Any],
        given: Sequence[Any] = (),
        *,
        rtol: float = 1e-8,
    ) -> None:
        """Hold the kernels of a mode to what is known of its outputs, if it is one of those.

        Parameters
        ----------
        wanted : the outputs.
        given : tangents or cotangents.
        """
        if mode not in self.modes or sum(map(np.size, (*args, *wanted))) > MOST:
            return
        try:
            stages = stages_of(case, args, mode, target="cuda")
        except UnsupportedOnDevice as error:
            if error.where is None:
                raise AssertionError("refused without its place") from error
            self.refused.append(error.message.splitlines()[0])
            return
        inputs = [*inputs_of(case, args, stages), *given]
        names = [p.name for p in stages.kernel.parameters]
        arguments = dict(zip(names, map(as_passed, inputs), strict=True))
        found = run(stages.text, arguments, orders=ORDERS[:2])

        def noise(k: int) -> Callable[[], Any]:
            return lambda: roundings(lambda: evaluate(stages.optimized, inputs))[k]

        what = f"{mode} on the simulator"
        outputs = stages.optimized.outputs
        for k, (one, two, node) in enumerate(zip(found, wanted, outputs, strict=True)):
            assert one.dtype == node.array.dtype.numpy_name, f"{what}: {one.dtype}"
            array = one if node.array.shape else one.reshape(())  # a number is its only element
            assert_near(array, two, noise(k), rtol=rtol, what=what)
        self.ran.append(mode)

    def outcome(self, found: Outcome) -> Outcome:
        """What became of a program, with what became of its kernels here."""
        return replace(found, simulated=tuple(self.ran), no_gpu=tuple(self.refused))


def simulator_of(seed: int, every: int) -> Simulator:
    """What runs the kernels of a seed's program: one of so many, and none for 0."""
    if not every or (seed // 8 + seed) % every:
        return Simulator()
    return Simulator(ALWAYS | {PRODUCTS[seed // 8 % len(PRODUCTS)]})


def as_passed(value: Any) -> Any:
    """An argument as kernels find it: arrays one element after the other, and NumPy's numbers."""
    return np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)[()]
