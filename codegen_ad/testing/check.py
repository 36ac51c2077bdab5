"""One check: compiled kernels against the plain function, row by row."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import BoundArguments
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from codegen_ad.errors import CheckFailed, InvalidArgument, NotDifferentiable
from codegen_ad.paths import places, targets, value_at
from codegen_ad.runtime.arguments import leaves_of, rebuild
from codegen_ad.runtime.structures import mapped
from codegen_ad.signature import ArrayForm
from codegen_ad.signature import leaves as signature_leaves
from codegen_ad.testing.differences import slope_at_zero
from codegen_ad.testing.report import FAIL, OK, CheckReport, Row, compared, skipped
from codegen_ad.testing.subject import Subject

Array = NDArray[Any]

DIRECTIONS = 2  # for each leaf
ELEMENTS = 32  # a leaf of at most as many is checked element by element
USELESS = 0.1  # an expected derivative with a larger relative error says nothing


def checked(
    found: Subject,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    second: bool = False,
    raise_on_failure: bool = True,
) -> CheckReport:
    """The report of all comparisons at one point; see `codegen_ad.testing.check_grad`."""
    for name, value in cast("tuple[tuple[str, Any], ...]", (("rtol", rtol), ("atol", atol))):
        if value is not None and not (isinstance(value, float | int | np.number) and value >= 0):
            raise InvalidArgument(f"{name} is a number from 0 on, or None, not {value!r}")
    number: Any = seed
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or seed < 0:
        raise InvalidArgument(f"seed is a whole number from 0 on, not {seed!r}")
    check = Check(found, args, kwargs, rtol, atol, np.random.default_rng(int(seed)))
    with np.errstate(all="ignore"):
        rows = [*check.run(), *(check.second_rows() if second else ())]
    report = CheckReport(found.kernels.binder.name, tuple(rows))
    if raise_on_failure and not report.ok:
        raise CheckFailed(repr(report))
    return report


class Check:
    """A call, its differentiated leaves, and the tolerances."""

    def __init__(
        self,
        found: Subject,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        rtol: float | None,
        atol: float | None,
        rng: np.random.Generator,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        binder = found.kernels.binder
        if arguments is not None:
            bound = BoundArguments(binder.signature, dict(arguments))  # pyright: ignore[reportArgumentType]
            args, kwargs = bound.args, bound.kwargs
        self.found = found
        self.args = args
        self.kwargs = kwargs
        self.rng = rng
        self.has_reverse = True
        self.arguments = binder.bind(args, kwargs)
        self.signature = binder.form(self.arguments)
        self.forms = dict(self.signature.parameters)
        self.targets = targets(self.signature, found.wrt)
        self.parts = [value_at(self.arguments, t, self.signature) for t in self.targets]
        every = list(signature_leaves(self.signature))
        self.places = [
            (position, where)
            for target in self.targets
            for position, (where, _) in zip(
                [k for k, (path, _) in enumerate(every) if target.holds(path)],
                places(target.form, target.text),
                strict=True,
            )
        ]
        self.leaves = self.leaves_of(self.parts)
        single = any(isinstance(form, ArrayForm) and form.dtype == "f4" for _, form in every)
        self.eps = float(np.finfo(np.float32 if single else np.float64).eps)
        self.rtol = (1e-3 if single else 1e-6) if rtol is None else rtol
        self.atol = (1e-6 if single else 1e-12) if atol is None else atol

    def run(self, *, derivatives: bool = True) -> Iterator[Row]:
        """All comparisons, or those of the value alone."""
        value = self.plain(self.arguments)
        compiled = self.found.value(*self.args, **self.kwargs)
        data = self.found.kernels.prepare("value", self.arguments)[0].compiled.metadata
        tree = data["output"]
        try:
            wanted = list(_numbers(tree, value))
        except (AttributeError, KeyError, TypeError, ValueError):
            structure = f"result: {type(value).__name__} of another structure than compiled"
            yield Row("value", structure, np.nan, np.nan, np.nan, 0.0, FAIL)
            return
        yield from self.value_rows("value", wanted, _numbers(tree, compiled))
        if not derivatives:
            return

        outputs = [(k, np.asarray(a)) for k, (_, a) in enumerate(wanted)]
        chosen = tree[2][0] if data["has_aux"] else tree
        derived = len(list(_numbers(chosen, value[0] if data["has_aux"] else value)))
        floats = [(k, a) for k, a in outputs[:derived] if a.dtype.kind == "f"]
        is_number = derived == 1 and not outputs[0][1].ndim
        weights = {k: np.ones(()) if is_number else self.normal(a.shape) for k, a in floats}
        compiled, gradients = self.derivatives(chosen, weights, is_number)
        yield from self.value_rows("value with derivative", wanted, _numbers(tree, compiled))

        def weighted(arguments: Mapping[str, Any]) -> tuple[Any, float]:
            numbers = [np.asarray(a) for _, a in _numbers(tree, self.plain(arguments))]
            terms = [(w * numbers[k]).ravel() for k, w in weights.items()]
            whole = np.concatenate(terms)
            return whole.sum(), float(np.abs(whole).sum())

        for k, gradient in enumerate(gradients):
            yield from self.leaf_rows(k, gradient, weighted)
        yield self.dot_row(chosen, weights, gradients)

    def value_rows(
        self, what: str, wanted: Sequence[tuple[str, Any]], given: Iterator[tuple[str, Any]]
    ) -> Iterator[Row]:
        """One row for each array or number of the result."""
        for (where, a), (_, b) in zip(wanted, given, strict=True):
            yield self.value_row(what, where, np.asarray(a), np.asarray(b))

    def value_row(self, what: str, where: str, expected: Array, found: Array) -> Row:
        """The compared value: its worst element."""
        if expected.shape != found.shape:
            shapes = f"{where}: shape {found.shape}, not {expected.shape}"
            return Row(what, shapes, np.nan, np.nan, np.nan, 0.0, FAIL)
        if not expected.size:
            return Row(what, where, np.nan, np.nan, 0.0, 0.0, OK)
        a, b = expected.astype(float), found.astype(float)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        difference = np.where(same, 0.0, np.abs(a - b))
        difference = np.where(np.isnan(difference), np.inf, difference)
        at = np.unravel_index(int(difference.argmax()), a.shape)
        finite = np.abs(a[np.isfinite(a)])
        tolerance = max(self.rtol * float(finite.max(initial=0.0)), self.atol)
        if expected.dtype.kind != "f":
            tolerance = 0.0
        return compared(what, _at(where, at), float(a[at]), float(b[at]), tolerance)

    def leaf_rows(
        self, k: int, gradient: Array, weighted: Callable[..., tuple[Any, float]]
    ) -> Iterator[Row]:
        """The derivative in one leaf: each element if they are few, and random directions."""
        leaf, where = self.leaves[k], self.places[k][1]
        scale = np.abs(leaf)
        size = float(np.sqrt(np.mean(scale**2))) if leaf.size else 0.0
        scale = np.where(scale > 0, scale, size or 1.0)
        floor = 1e-4 * self.rtol * _sum(np.abs(gradient * scale))
        moves = [
            (f"{where}, direction {n + 1}", scale * self.normal(leaf.shape), 1.0)
            for n in range(DIRECTIONS if leaf.ndim else 0)
        ]
        for at in np.ndindex(leaf.shape if leaf.size <= ELEMENTS else (0,)):
            unit = np.zeros(leaf.shape)
            unit[at] = scale[at]
            moves.append((_at(where, at), unit, float(scale[at])))
        for place, direction, unit in moves:

            def along(t: complex, direction: Array = direction) -> tuple[Any, float]:
                return weighted(self.moved(k, t * direction))

            expected = slope_at_zero(along, self.rtol, self.eps)
            terms = np.where(direction == 0, 0.0, gradient * direction)
            size = max(_sum(np.abs(terms)), abs(expected.value))
            error = 10 * expected.error
            tolerance = max(self.rtol * size, floor, error) / unit
            known = error <= max(USELESS * size, self.rtol * expected.size, self.atol * unit)
            yield compared(
                f"derivative ({expected.how})",
                place,
                expected.value / unit,
                float(terms.sum()) / unit,
                max(tolerance, self.atol),
                known=known,
            )

    def second_rows(self) -> Iterator[Row]:
        """The Hessian times a direction in each leaf, against differences of the gradient."""
        signature = self.found.kernels.binder.signature
        names = [target.text for target in self.targets]
        weights = [self.normal(leaf.shape) for leaf in self.leaves]

        def slope(arguments: Mapping[str, Any]) -> tuple[float, float]:
            bound = BoundArguments(signature, dict(arguments))  # pyright: ignore[reportArgumentType]
            gradient = self.found.value_and_grad(*bound.args, **bound.kwargs)[1]
            found = self.leaves_of((gradient,) if len(names) == 1 else gradient)
            terms = [w * g for w, g in zip(weights, found, strict=True)]
            return sum(_sum(t) for t in terms), sum(_sum(np.abs(t)) for t in terms)

        for k, leaf in enumerate(self.leaves):
            scale = np.where(leaf == 0, 1.0, np.abs(leaf))
            directions = [np.zeros(other.shape) for other in self.leaves]
            directions[k] = scale * self.normal(leaf.shape)
            tangent = self.structured(directions)
            product = self.found.hvp(*self.args, tangent=tangent, **self.kwargs)
            found = self.leaves_of((product,) if len(names) == 1 else product)
            terms = [w * h for w, h in zip(weights, found, strict=True)]

            def along(t: complex, k: int = k, d: Array = directions[k]) -> tuple[Any, float]:
                return slope(self.moved(k, t * d))

            expected = slope_at_zero(along, self.rtol, self.eps)
            size = max(sum(_sum(np.abs(t)) for t in terms), abs(expected.value))
            error = 10 * expected.error
            yield compared(
                f"second derivative ({expected.how})",
                f"{self.places[k][1]}, a direction",
                expected.value,
                sum(_sum(t) for t in terms),
                max(self.rtol * size, error, self.atol),
                known=error <= max(USELESS * size, self.rtol * expected.size, self.atol),
            )

    def dot_row(self, tree: Any, weights: Mapping[int, Array], gradients: Sequence[Array]) -> Row:
        """⟨Jv, w⟩ against ⟨v, Jᵀw⟩ along a random direction in all leaves together."""
        what = "forward and reverse"
        directions = [self.normal(leaf.shape) for leaf in self.leaves]
        where = ", ".join(self.found.wrt)
        if not self.has_reverse:
            return skipped(what, where)
        try:
            _, tangents = self.along(tree, directions)
        except NotDifferentiable:  # a custom derivative is given for reverse only
            return skipped(what, where)
        forward = [w * t for w, t in zip(weights.values(), tangents, strict=True)]
        reverse = [v * g for v, g in zip(directions, gradients, strict=True)]
        size = sum(_sum(np.abs(term)) for term in (*forward, *reverse))
        a, b = (sum(float(term.sum()) for term in terms) for terms in (forward, reverse))
        known = bool(np.isfinite(a) or np.isfinite(b))
        return compared(what, where, a, b, max(self.rtol * size, self.atol), known=known)

    def derivatives(
        self, tree: Any, weights: Mapping[int, Array], is_number: bool
    ) -> tuple[Any, list[Array]]:
        """The compiled value and derivative in each leaf; forward where reverse can't be."""
        try:
            return self.reverse(tree, weights, is_number)
        except NotDifferentiable:  # a custom derivative is given for forward only
            self.has_reverse = False
        try:
            return self.forward(tree, weights)
        except NotDifferentiable:
            return self.reverse(tree, weights, is_number)

    def reverse(
        self, tree: Any, weights: Mapping[int, Array], is_number: bool
    ) -> tuple[Any, list[Array]]:
        """The compiled value, and the gradient or vector-Jacobian product in each leaf."""
        if is_number:
            value, gradient = self.found.value_and_grad(*self.args, **self.kwargs)
        else:
            cotangent = mapped(tree, weights.get)
            value, gradient = self.found.vjp(*self.args, cotangent=cotangent, **self.kwargs)
        return value, self.leaves_of((gradient,) if len(self.targets) == 1 else gradient)

    def forward(self, tree: Any, weights: Mapping[int, Array]) -> tuple[Any, list[Array]]:
        """The same by the columns of the Jacobian."""
        gradients = [np.zeros(leaf.shape) for leaf in self.leaves]
        value, _ = self.along(tree, gradients)
        for k, gradient in enumerate(gradients):
            for at in np.ndindex(gradient.shape):
                units = [np.zeros(leaf.shape) for leaf in self.leaves]
                units[k][at] = 1.0
                value, tangents = self.along(tree, units)
                terms = zip(weights.values(), tangents, strict=True)
                gradient[at] = sum(float((w * t).sum()) for w, t in terms)
        return value, gradients

    def along(self, tree: Any, directions: Sequence[Array]) -> tuple[Any, list[Array]]:
        """The compiled value and the tangents of the floating point results, in order."""
        tangent = self.structured(directions)
        value, found = self.found.jvp(*self.args, tangent=tangent, **self.kwargs)
        return value, [np.asarray(t) for _, t in _numbers(tree, found) if t is not None]

    def structured(self, leaves: Sequence[Array]) -> Any:
        """The leaves in the structure of what is differentiated."""
        given = iter(leaves)
        parts = zip(self.targets, self.parts, strict=True)
        found = [rebuild(target.form, part, given) for target, part in parts]
        return found[0] if len(found) == 1 else tuple(found)

    def leaves_of(self, parts: Sequence[Any]) -> list[Array]:
        """The leaves of what is differentiated, or of gradients, in double precision."""
        return [
            np.asarray(leaf, dtype=np.float64)
            for target, part in zip(self.targets, parts, strict=True)
            for leaf in leaves_of(part, target.form, target.text)
        ]

    def moved(self, which: int, step: Array) -> dict[str, Any]:
        """The arguments with one leaf moved, and all float32 data in double precision."""
        every = [
            _double(leaf)
            for name, form in self.forms.items()
            for leaf in leaves_of(self.arguments[name], form, name)
        ]
        position = self.places[which][0]
        every[position] = _plus(every[position], step)
        leaves = iter(every)
        return {n: rebuild(f, self.arguments[n], leaves) for n, f in self.forms.items()}

    def plain(self, arguments: Mapping[str, Any]) -> Any:
        """The plain function's result; it may write to its arguments, so it gets copies."""
        signature = self.found.kernels.binder.signature
        bound = BoundArguments(signature, copy.deepcopy(dict(arguments)))  # pyright: ignore[reportArgumentType]
        return self.found.__wrapped__(*bound.args, **bound.kwargs)

    def normal(self, shape: tuple[int, ...]) -> Array:
        """Random numbers that float32 holds exactly."""
        return np.asarray(self.rng.normal(size=shape), dtype=np.float32).astype(np.float64)


def _sum(terms: Array) -> float:
    """The sum of what is finite."""
    return float(terms[np.isfinite(terms)].sum())


def _at(where: str, index: Sequence[Any]) -> str:
    return f"{where}[{', '.join(map(str, index))}]" if index else where


def _double(leaf: object) -> object:
    if isinstance(leaf, np.ndarray | np.generic):
        array = cast("Array", leaf)
        return array.astype(np.float64) if array.dtype == np.float32 else array
    return leaf


def _plus(leaf: Any, step: Array) -> object:
    """A leaf and a step, of the leaf's kind: a Python number stays one."""
    if isinstance(leaf, np.ndarray | np.generic):
        return cast("Any", leaf + (step if np.ndim(step) else step[()]))
    return leaf + step.item()


def _numbers(tree: Any, value: Any, where: str = "result") -> Iterator[tuple[str, Any]]:
    """The numbers in a result, by the structure that the kernel's metadata describes."""
    match tree:
        case ["array", *_]:
            yield where, value
        case ["sequence", _, items]:
            for index, (item, inner) in enumerate(zip(items, value, strict=True)):
                yield from _numbers(item, inner, f"{where}[{index}]")
        case ["mapping", _, keys, items]:
            for key, item in zip(keys, items, strict=True):
                is_dict = isinstance(value, dict)
                inner = cast("Any", value)[key] if is_dict else getattr(value, key)
                yield from _numbers(item, inner, f"{where}[{key!r}]")
        case _:
            pass
