"""The table of first-order methods: one entry is the whole story of one method.

A method's step is written here as plain assignments, which the code generator puts into the loop.
This room never prints a loop and never runs one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import InvalidArgument
from codegen_ad.fit import checks


@dataclass(frozen=True, slots=True)
class Number:
    """A number that the kernel reads when it runs: a rate, a decay.

    Attributes
    ----------
    check : gives the number as a float, or raises `InvalidArgument`.
    default : what it is where the user says nothing; None where the user must say it.
    """

    name: str
    check: Callable[[str, object], float]
    default: float | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A choice that changes the step which is generated."""

    name: str
    default: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step, as Python assignments.

    They read the method's numbers, `step` (1 for the first) and `math`; those in `each` also read
    `x`, one element of the parameters, `g`, its derivative, and one element of each state.

    Attributes
    ----------
    once : run once a step, before the elements.
    each : run for each element of the parameters; changes `x` and the state.
    """

    once: tuple[str, ...]
    each: tuple[str, ...]

    def renamed(self, names: Mapping[str, str]) -> Step:
        """The same step with names replaced, by other names or by elements such as `w[i]`."""

        def rename(line: str) -> str:
            return re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda m: names.get(m[0], m[0]), line)

        return Step(tuple(map(rename, self.once)), tuple(map(rename, self.each)))


@dataclass(frozen=True, slots=True)
class Method:
    """A first-order method.

    Attributes
    ----------
    state : the names of its state arrays: shaped like the parameters, zero before the first step.
    step : the step for these values of the flags, in the order of `flags`.
    source : where the method was published.
    """

    name: str
    title: str
    numbers: tuple[Number, ...]
    flags: tuple[Flag, ...]
    state: tuple[str, ...]
    step: Callable[..., Step]
    source: str

    @property
    def options(self) -> tuple[str, ...]:
        """The names of all that the user may set."""
        return tuple(option.name for option in (*self.numbers, *self.flags))


@dataclass(frozen=True, slots=True)
class Choice:
    """A method with all options settled.

    Attributes
    ----------
    values : the method's numbers, in order: the kernel's `hyper` array.
    flags : the names of the flags that are on: with the method they say which kernel it is.
    """

    method: Method
    values: tuple[float, ...]
    flags: tuple[str, ...]
    step: Step

    def weights(self, first: int, until: int) -> NDArray[np.float64]:
        """What `step.once` computes, a row for each step behind the first ones, up to `until`."""
        numbers = (n.name for n in self.method.numbers)
        known = dict(zip(numbers, self.values, strict=True))
        steps = np.arange(first + 1, until + 1, dtype=np.float64)
        rows = np.empty((len(steps), len(self.step.once)))
        for k, line in enumerate(self.step.once):
            # The lines are those of the table below.
            rows[:, k] = eval(line.split(" = ")[1], {"__builtins__": {}}, {**known, "step": steps})
        return rows


def choose(method: str, options: Mapping[str, object]) -> Choice:
    """The method of that name with these options, checked, and the defaults of the others.

    Raises
    ------
    InvalidArgument
        If there is no such method or option, a value is out of its range, or one is missing.
    """
    entry = next((entry for entry in METHODS if entry.name == method), None)
    if entry is None:
        known = ", ".join(entry.name for entry in METHODS)
        raise InvalidArgument(
            f"there is no method {method!r}; the methods are {known}{_instead(method)}"
        )
    for name in options:
        if name not in entry.options:
            allowed = ", ".join(entry.options)
            raise InvalidArgument(f"the method {method} has no option `{name}`; it has {allowed}")
    values: list[float] = []
    for option in entry.numbers:
        value = options.get(option.name)
        value = option.default if value is None else value
        if value is None:
            raise InvalidArgument(
                f"the method {method} needs `{option.name}`: {option.meaning}\n"
                f"Pass it by name: {option.name}=..."
            )
        values.append(option.check(option.name, value))
    flags: list[bool] = []
    for option in entry.flags:
        value = options.get(option.name)
        flags.append(checks.flag(option.name, option.default if value is None else value))
    on = tuple(f.name for f, value in zip(entry.flags, flags, strict=True) if value)
    return Choice(entry, tuple(values), on, entry.step(*flags))


def _instead(method: object) -> str:
    """Where a method that is none of ours is to be had."""
    name = str(method).lower().replace("-", "").replace("_", "")
    if name in {entry.name for entry in METHODS}:
        return f".\nWrite method={name!r}"
    if name in ("lm", "levenbergmarquardt", "leastsq", "gaussnewton", "trf", "dogbox"):
        return ".\nFor residuals there is `least_squares`"
    if name in SCIPY_METHODS:
        return (
            ".\nSciPy's methods take our gradients: "
            "scipy.optimize.minimize(f.value_and_grad, x0, args, jac=True, method=...)"
        )
    return ""


SCIPY_METHODS = frozenset(
    ("cg", "bfgs", "lbfgs", "lbfgsb", "newtoncg", "tnc", "cobyla", "cobyqa", "slsqp", "trustconstr",
     "dogleg", "trustncg", "trustexact", "trustkrylov", "neldermead", "powell", "newton")
)  # fmt: skip
"""SciPy's, in lower case and without hyphens."""


def _descent_step() -> Step:
    return Step((), ("x -= learning_rate * g",))


def _momentum_step(nesterov: bool) -> Step:
    move = "g + momentum * velocity" if nesterov else "velocity"
    move = f"({move})" if nesterov else move
    return Step((), ("velocity = momentum * velocity + g", f"x -= learning_rate * {move}"))


def _adam_step() -> Step:
    # The state starts at zero; dividing by 1 - beta**step takes out the bias (section 3).
    return Step(
        ("mean_weight = 1.0 - beta1**step", "square_weight = 1.0 - beta2**step"),
        (
            "mean = beta1 * mean + (1.0 - beta1) * g",
            "square = beta2 * square + (1.0 - beta2) * g * g",
            "x -= learning_rate * (mean / mean_weight)"
            " / (math.sqrt(square / square_weight) + epsilon)",
        ),
    )


_RATE = Number(
    "learning_rate", checks.positive, None, "how far a step goes along the negative gradient."
)

METHODS = (
    Method(
        "gd",
        "gradient descent",
        (_RATE,),
        (),
        (),
        _descent_step,
        "A.-L. Cauchy, Comptes rendus 25 (1847), 536-538.",
    ),
    Method(
        "momentum",
        "gradient descent with momentum",
        (
            _RATE,
            Number("momentum", checks.decay, 0.9, "how much of the last velocity is kept."),
        ),
        (Flag("nesterov", False, "take the gradient's part of the step ahead of the velocity."),),
        ("velocity",),
        _momentum_step,
        "B. T. Polyak, USSR Comput. Math. Math. Phys. 4 (1964), 1-17; Nesterov's form after "
        "I. Sutskever et al., ICML (2013), with the learning rate outside the velocity.",
    ),
    Method(
        "adam",
        "Adam",
        (
            Number("learning_rate", checks.positive, 1e-3, "about how far a step moves a number."),
            Number("beta1", checks.decay, 0.9, "how much of the mean gradient is kept."),
            Number("beta2", checks.decay, 0.999, "how much of the mean squared gradient is kept."),
            Number("epsilon", checks.positive, 1e-8, "keeps the division away from zero."),
        ),
        (),
        ("mean", "square"),
        _adam_step,
        "D. P. Kingma and J. Ba, Adam: A Method for Stochastic Optimization, ICLR (2015), "
        "algorithm 1.",
    ),
)
