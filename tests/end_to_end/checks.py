"""How a case is checked: its parts, each against plain NumPy."""

from __future__ import annotations

import ast
import copy
import dataclasses
import math
import sys
import types
import unittest.mock
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from codegen_ad import build, differentiate
from codegen_ad.backends.reference import evaluate
from codegen_ad.errors import InvalidArgument
from codegen_ad.frontend.reader import Reading
from codegen_ad.frontend.sizes.symbolic import Requirement
from codegen_ad.runtime.arguments import leaves_of, rebuild
from codegen_ad.runtime.compiled import flat
from codegen_ad.stages import Stages
from tests.end_to_end.cases import Case
from tests.end_to_end.doors import types_with_doors

ROUNDING = {"f8": 1e-12, "f4": 2e-5}


def plain_value(case: Case, args: Sequence[Any]) -> Any:
    """What NumPy makes of the function, on copies of the arguments."""
    with np.errstate(all="ignore"):
        return case.function(*copy.deepcopy(args))


def derivatives(case: Case) -> Any:
    return differentiate(
        case.function, wrt=case.wrt, static=case.static, checkpoint=case.checkpoint
    )


def reference(
    case: Case,
    args: Sequence[Any],
    mode: str = "value_and_grad",
    given: Sequence[Any] = (),
    stages: build.Stages | None = None,
) -> list[Any]:
    """Value and gradients as the reference backend finds them in the optimised program.

    `given` are the tangents or cotangents that a mode takes besides the arguments.
    """
    stages = stages_of(case, args, mode) if stages is None else stages
    return evaluate(stages.optimized, [*inputs_of(case, args, stages), *given])


def stages_of(
    case: Case,
    args: Sequence[Any],
    mode: str = "value_and_grad",
    *,
    opened: bool = False,
    target: str = "cpu",
) -> build.Stages:
    """What each stage makes of a case for these arguments.

    Where the kernel is for sizes that compare in another way, it is the one for theirs. `opened`
    ones know no size but 1.
    """
    found = derivatives(case)
    binder = found.kernels.binder
    signature = binder.form(binder.bind(args, {}))
    signature = signature.opened() if opened else signature
    options = dataclasses.replace(found.options, target=target)
    while True:
        stages = build.run(case.function, signature, mode, options, binder.wrt)
        other = _broken(stages.reading, inputs_of(case, args, stages))
        if other is None:
            return stages
        assert other not in signature.untrue
        signature = signature.without(other)


def _broken(reading: Reading, inputs: Sequence[Any]) -> str | None:
    """The comparison of sizes that a reading takes to hold and that does not.

    Raises
    ------
    InvalidArgument
        If sizes do not fit together at all.
    """
    sizes = {s.symbol: s.of(np.shape(inputs[s.array])) for s in reading.sizes}
    broken: list[Requirement] = []
    for requirement in reading.requirements:
        first, second = (d.evaluate(sizes) for d in (requirement.first, requirement.second))
        if first < second if requirement.kind == "at_least" else first != second:
            broken.append(requirement)
    for requirement in sorted(broken, key=lambda r: r.case is None):
        if requirement.case is None:
            raise InvalidArgument(requirement.message)
        return requirement.case
    return None


def inputs_of(case: Case, args: Sequence[Any], stages: build.Stages) -> list[Any]:
    """The inputs of a case's program: the leaves of copies of the arguments, and what it reads."""
    kernels = derivatives(case).kernels
    arguments = kernels.binder.bind(args, {})
    signature = kernels.binder.form(arguments)
    leaves: list[Any] = []
    for name, form in signature.parameters:
        leaves.extend(leaves_of(copy.deepcopy(arguments[name]), form, name))
    return [*leaves, *_outside(kernels.root, stages)]


def _outside(root: Any, stages: Stages) -> Iterator[Any]:
    from codegen_ad.runtime.dependencies import resolve

    for leaf in stages.reading.leaves:
        if leaf.captured:
            yield resolve(root, leaf.source)


def numeric_gradients(case: Case, args: Sequence[Any], step: float = 1e-6) -> list[Any]:
    """Central differences of the plain function, in float64, one array for each leaf of `wrt`."""
    names = list(derivatives(case).kernels.binder.names)
    wrt = derivatives(case).wrt
    found: list[Any] = []
    wide = [_widened(a) for a in args]
    for name in wrt:
        place = names.index(name)
        for path, leaf in leaves_in(wide[place]):
            base = np.asarray(leaf, dtype="f8")
            gradient = np.zeros(base.shape)
            for index in np.ndindex(*base.shape):
                sides: list[Any] = []
                for sign in (1, -1):
                    moved = base.copy()
                    moved[index] += sign * step
                    new = list(wide)
                    new[place] = replaced(
                        wide[place], path, moved if base.shape else _number(leaf, moved)
                    )
                    sides.append(plain_value(case, new))
                gradient[index] = (sides[0] - sides[1]) / (2 * step)
            found.append(gradient)
    return found


def _number(leaf: Any, value: Any) -> Any:
    return float(value) if type(leaf) is float else np.float64(value)


def _widened(value: Any) -> Any:
    """float32 made float64, everywhere."""
    new = value
    for path, leaf in leaves_in(value):
        if getattr(leaf, "dtype", None) == np.float32:
            new = replaced(new, path, leaf.astype("f8"))
    return new


def leaves_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The arrays and floats of a structure, with where they stand."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from leaves_in(v, (*path, k))
    elif isinstance(value, list | tuple):
        for k, v in enumerate(value):
            yield from leaves_in(v, (*path, k))
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves_in(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, float | np.ndarray | np.generic):
        yield path, value


def replaced(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    """The structure with another leaf at `path`."""
    if not path:
        return leaf
    head, *rest = path
    if isinstance(value, dict):
        return {k: replaced(v, tuple(rest), leaf) if k == head else v for k, v in value.items()}
    if dataclasses.is_dataclass(value):
        inner = replaced(getattr(value, head), tuple(rest), leaf)
        return dataclasses.replace(value, **{head: inner})
    items = [replaced(v, tuple(rest), leaf) if k == head else v for k, v in enumerate(value)]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def assert_close(found: Any, wanted: Any, *, rtol: float, what: str) -> None:
    """Equal up to rounding of the largest entry, NaN for NaN."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, f"{what}: shape {found.shape}, not {wanted.shape}"
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = float(finite.max()) if finite.size else 1.0
    np.testing.assert_allclose(
        found, wanted, rtol=rtol, atol=rtol * max(scale, 1e-300), err_msg=what
    )


def interpreted(
    case: Case,
    args: Sequence[Any],
    mode: str = "value_and_grad",
    stages: build.Stages | None = None,
) -> Any:
    """A function of the arguments that runs the kernel's text in plain Python, uncompiled.

    It costs no compilation, so it is for the sizes and signatures that need a kernel of their own.
    """
    kernels = derivatives(case).kernels
    signature = kernels.binder.form(kernels.binder.bind(args, {}))
    stages = stages_of(case, args, mode) if stages is None else stages
    space = executed(stages.text)
    count = len(stages.reading.program.outputs)
    kernel = space[stages.kernel.name]
    forms = dict(signature.parameters)

    def run(*given: Any) -> Any:
        arguments = kernels.binder.bind(given, {})
        leaves: list[Any] = []
        for name, form in signature.parameters:
            leaves.extend(leaves_of(arguments[name], form, name))
        leaves += list(_outside(kernels.root, stages))
        with np.errstate(all="ignore"):
            values = list(flat(kernel(*leaves)))
        if mode == "value":
            return values[0]
        rest = iter(values[count:])
        gradients = tuple(rebuild(forms[n], arguments[n], rest) for n in kernels.binder.wrt)
        return values[0], gradients if len(gradients) > 1 else gradients[0]

    return run


_DIVIDES = ast.Div | ast.Mod | ast.FloorDiv | ast.Pow


class _LikeNumPy(ast.NodeTransformer):
    """Quotients and powers of Python's numbers have NumPy's results, as compiled ones have."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        self.generic_visit(node)
        if isinstance(node.op, _DIVIDES):
            node.left = _like_numpy(node.left)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if not (isinstance(node.op, _DIVIDES) and isinstance(node.target, ast.Name)):
            return node  # items of an array are NumPy's
        number = _like_numpy(ast.Name(node.target.id, ast.Load()))
        return [ast.Assign([node.target], number), node]


def _like_numpy(number: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("_like_numpy", ast.Load()), [number], [])


def executed(text: str) -> dict[str, Any]:
    """The functions of a kernel file, without numba: `njit` gives back what it is given.

    What `np.empty` gives holds NaN and huge integers, so that nothing unwritten is read unseen.
    """

    def njit(*args: Any, **options: Any) -> Any:
        return args[0] if args else lambda function: function

    numba = types.ModuleType("numba")
    vars(numba).update(njit=njit, prange=range, types=types_with_doors())
    space: dict[str, Any] = {
        "__name__": "interpreted_kernel",
        "_like_numpy": lambda value: np.float64(value) if type(value) is float else value,
    }
    tree = ast.fix_missing_locations(_LikeNumPy().visit(ast.parse(text)))
    with unittest.mock.patch.dict(
        sys.modules, numba=numba, numpy=_poisoned_numpy(), math=_compiled_math()
    ):
        exec(compile(tree, "<kernel>", "exec"), space)
    return space


def _poisoned_numpy() -> types.ModuleType:
    """NumPy whose new arrays hold what no program computes."""
    found = types.ModuleType("numpy")
    vars(found).update(vars(np))

    def empty(shape: Any, dtype: Any = np.float64) -> Any:
        made = np.empty(shape, dtype)
        if made.dtype.kind in "iu":
            made.fill(np.iinfo(made.dtype).max)
        elif made.dtype.kind != "b":
            made.fill(np.nan)
        return made

    vars(found).update(empty=empty)
    return found


def _compiled_math() -> types.ModuleType:
    """`math` as numba compiles it: NaN or infinity where Python raises; numbers like NumPy's."""
    found = types.ModuleType("math")
    names = {"acos": "arccos", "asin": "arcsin", "acosh": "arccosh", "atanh": "arctanh"}
    for name, value in vars(math).items():
        of_numpy = getattr(np, names.get(name, name), None)
        vars(found)[name] = _without_errors(value, of_numpy) if callable(of_numpy) else value
    return found


def _without_errors(function: Any, of_numpy: Any) -> Any:
    def run(*args: Any) -> Any:
        try:
            found = function(*args)
        except (ValueError, OverflowError, ZeroDivisionError):
            return of_numpy(*args)
        return np.float64(found) if isinstance(found, float) else found

    return run
