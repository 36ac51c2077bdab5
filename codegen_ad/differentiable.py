"""A function with its derivatives: what `differentiate` makes.

Importing this imports nothing heavy; a call of a compiled function imports NumPy and numba, and a
cold one the stages that build a kernel.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from codegen_ad.errors import InvalidArgument
from codegen_ad.options import Options, target_of
from codegen_ad.paths import Names, names_of
from codegen_ad.wiring import device_source, kernels_of, sparse_of

if TYPE_CHECKING:
    from codegen_ad.explain import Explanation, SourceText
    from codegen_ad.profile.cost_report import CostReport
    from codegen_ad.runtime.dispatch import Kernels, Prepared
    from codegen_ad.sparsity.jacobian import SparseJacobians
    from codegen_ad.testing import CheckReport

P = ParamSpec("P")
R = TypeVar("R")
Method = TypeVar("Method", bound=Callable[..., Any])
MODES = ("auto", "forward", "reverse")


def inside(kind: str) -> Callable[[Method], Method]:
    """Mark what the frontend takes for a derivative where a function that it reads calls it."""

    def mark(method: Method) -> Method:
        method.__codegen_derivative__ = kind  # pyright: ignore[reportFunctionMemberAccess]
        return method

    return mark


class Differentiable(Generic[P, R]):
    """A function and its derivatives; calling it calls the function itself.

    Made by `differentiate`. The derivatives are compiled on their first call for each combination
    of dtypes, ranks and layouts, and kept on disk.
    """

    __codegen_function__ = True
    __codegen_differentiable__ = True

    def __init__(self, function: Callable[P, R], options: Options) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self.options = options
        self._kernels: Kernels | None = None
        self._sparse: SparseJacobians | None = None
        self._twins: dict[Options, Differentiable[P, R]] = {}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the user's own function; nothing is compiled."""
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """A method's derivatives, with `self` bound."""
        if instance is None:
            return self
        return Differentiable(self.__wrapped__.__get__(instance, owner), self.options)

    def __repr__(self) -> str:
        return f"<differentiable {getattr(self, '__name__', 'function')}>"

    @inside("value_and_grad")
    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The value and its gradient.

        Returns
        -------
        value : float; with `has_aux` the pair that the function returns.
        gradient : shaped and structured like what is differentiated; a tuple, in the order of
            `wrt`, where that is several things. What is known before the call (None, booleans and
            strings in a structure) stays as it is.

        Raises
        ------
        InvalidArgument
            If arguments are missing or do not fit together, or `wrt` leads nowhere.
        NotDifferentiable
            If the function does not return one floating point number.
        SourceError
            If the function holds what cannot be translated; the error points at the line.
        """
        if not kwargs and self._kernels is not None:
            call = self._kernels.fast("value_and_grad", args)
            if call is not None:
                return call(*args)
        return self._run("value_and_grad", args, kwargs)

    @inside("grad")
    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient alone, with `has_aux` beside the other results; see `value_and_grad`."""
        value, gradient = self.value_and_grad(*args, **kwargs)
        return (gradient, value[1]) if self.options.has_aux else gradient

    @inside("value")
    def value(self, *args: Any, **kwargs: Any) -> Any:
        """The value, compiled; structured as the function returns it."""
        if not kwargs and self._kernels is not None:
            call = self._kernels.fast("value", args)
            if call is not None:
                return call(*args)
        return self._run("value", args, kwargs)

    @inside("vjp")
    def vjp(self, *args: Any, cotangent: Any = None, **kwargs: Any) -> tuple[Any, Any]:
        """The value and the vector-Jacobian product.

        Parameters
        ----------
        cotangent : structured and shaped like the function's result (like its first part with
            `has_aux`); None in place of a part stands for zeros. What is not floating point has
            none. If it is left out, a function of the cotangent is returned in place of the
            product.
        """
        if cotangent is None:
            value = self.value(*args, **kwargs)

            def pullback(g: Any) -> Any:
                return self._call("vjp", args, kwargs, g)[1]

            return value, pullback
        return self._call("vjp", args, kwargs, cotangent)

    @inside("jvp")
    def jvp(self, *args: Any, tangent: Any, **kwargs: Any) -> tuple[Any, Any]:
        """The value and the Jacobian-vector product.

        Parameters
        ----------
        tangent : structured and shaped like what is differentiated; a tuple for several. None in
            place of a part stands for zeros.

        Returns
        -------
        value : what the function returns.
        product : structured like it (like its first part with `has_aux`), with None for what is not
            floating point.
        """
        return self._call("jvp", args, kwargs, tangent)

    @inside("jacobian")
    def jacobian(self, *args: Any, mode: str = "auto", sparse: bool = False, **kwargs: Any) -> Any:
        """The Jacobian: of shape `out.shape + in.shape`.

        Parameters
        ----------
        mode : "forward" computes it by columns, "reverse" by rows, "auto" chooses by the shapes.
        sparse : return `scipy.sparse.csr_array`s of shape `(out.size, in.size)`, in C order, for a
            function of one array. Which entries there are is read off the operations, and holds
            for all floating point data; columns without a common row are computed together, or
            rows without a common column, whichever takes fewer products. Pattern and products are
            found again when sizes or integer data change.

        Returns
        -------
        Structured like the result; in place of each of its arrays stands one block, or, where a
        structure is differentiated, a structure of blocks.
        """
        kind = _with_option("jacobian", mode)
        if not sparse:
            return self._call(kind, args, kwargs)
        if self._sparse is None:
            self._sparse = sparse_of(self.__wrapped__, self.options, self.kernels)
        return self._sparse(kind, args, kwargs)

    @inside("hessian")
    def hessian(self, *args: Any, mode: str = "auto", **kwargs: Any) -> Any:
        """The Hessian, of shape `in.shape + in.shape`.

        Parameters
        ----------
        mode : "forward" differentiates the gradient in forward mode, "reverse" in reverse mode,
            "auto" chooses by the shapes.

        Returns
        -------
        For several things in `wrt`, or a structure, nested: structured like it, and in place of
        each array a structure of the second derivatives in that array and each other one.
        """
        return self._call(_with_option("hessian", mode), args, kwargs)

    @inside("hvp")
    def hvp(self, *args: Any, tangent: Any = None, **kwargs: Any) -> Any:
        """The product of the Hessian and a vector, by forward over reverse mode.

        It costs a small multiple of a gradient, and no Hessian is made.

        Parameters
        ----------
        *args : the function's arguments; after them the vector, unless it is given by name.
        tangent : the vector, structured and shaped like what is differentiated.

        Returns
        -------
        Structured and shaped like what is differentiated.
        """
        if tangent is None:
            if not args:
                raise InvalidArgument("hvp(*args, v) takes the arguments and then the vector")
            *given, tangent = args
            try:
                return self._call("hvp", given, kwargs, tangent)
            except InvalidArgument as error:
                if self.kernels.binder.fits(given, kwargs):
                    raise
                raise InvalidArgument(
                    f"{error}\nhvp(*args, v) takes the function's arguments and then the vector, "
                    "or the vector as tangent=v."
                ) from None
        return self._call("hvp", args, kwargs, tangent)

    @inside("elementwise_grad")
    def elementwise_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The derivative of each element of the result in the element that it is made of.

        This is the gradient of the sum of the result, as in autograd: what is said above holds
        where each element of the result depends on the one at its place alone.
        """
        return self._call("elementwise_grad", args, kwargs)

    def taps(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The gradients of the value in the intermediate values named by `taps=`, by name."""
        if not self.options.taps:
            raise InvalidArgument(
                'name the intermediate values when decorating: @differentiate(taps=("y", "z"))'
            )
        return self._run("taps", args, kwargs)

    def on(self, target: str) -> Differentiable[P, R]:
        """The same function for another target: "cpu", "cuda" or "auto"; see `differentiate`."""
        if target == self.options.target:
            return self
        return self.with_options(replace(self.options, target=target_of(target)))

    def with_options(self, options: Options) -> Differentiable[P, R]:
        """The same function with other options, made once: its kernels are found only once, too."""
        if options == self.options:
            return self
        if options not in self._twins:
            self._twins[options] = Differentiable(self.__wrapped__, options)
        return self._twins[options]

    def source(
        self, *args: Any, mode: str = "value_and_grad", target: str | None = None, **kwargs: Any
    ) -> SourceText:
        """The text of the generated file, which prints highlighted in a terminal and a notebook.

        With arguments, the file for arguments like these; without, the one that was used last. With
        `target`, the file for another target, which need not be at hand.
        """
        from codegen_ad.explain import source_text

        other = self if target is None else self.on(target)
        if other.options.target != "cpu":
            return device_source(
                other.__wrapped__, other.options, other.kernels, mode, args, kwargs
            )
        return source_text(self._prepared(mode, args, kwargs))

    def source_path(self, *args: Any, mode: str = "value_and_grad", **kwargs: Any) -> str:
        """Where the generated file lies."""
        prepared = self._prepared(mode, args, kwargs)
        return os.fspath(prepared.compiled.entry.source_path)

    def explain(self, *args: Any, mode: str = "value_and_grad", **kwargs: Any) -> Explanation:
        """Program, gradient, optimised program, plan and code, each a text, for such arguments."""
        from codegen_ad.explain import explain

        return explain(self, args, kwargs, mode)

    def profile(self, *args: Any, repeat: int = 100, **kwargs: Any) -> Any:
        """Where the time goes: one row for each operation of the user's function.

        See `codegen_ad.profile`.
        """
        from codegen_ad.profile import profile

        return profile(self, args, kwargs, repeat=repeat)

    def cost(self, *args: Any, repeat: int = 100, **kwargs: Any) -> CostReport:
        """What value and gradient cost beside the value alone: predicted, and measured.

        See `codegen_ad.profile.cost_report`.
        """
        from codegen_ad.profile.cost_report import measure_cost

        return measure_cost(self, args, kwargs, repeat=repeat)

    def check(
        self,
        *args: Any,
        wrt: Names | None = None,
        rtol: float | None = None,
        atol: float | None = None,
        seed: int = 0,
        second: bool = False,
        raise_on_failure: bool = True,
        **kwargs: Any,
    ) -> CheckReport:
        """Compare the derivatives with the plain function; see `codegen_ad.testing.check_grad`."""
        from codegen_ad.testing.check import checked

        return checked(
            self if wrt is None else self._in(wrt), args, kwargs,
            rtol=rtol, atol=atol, seed=seed, second=second, raise_on_failure=raise_on_failure,
        )  # fmt: skip

    @property
    def wrt(self) -> tuple[str, ...]:
        """The parameters, and paths into them, that are differentiated."""
        return self.kernels.binder.wrt

    @property
    def kernels(self) -> Kernels:
        """The kernels of this function in this process."""
        if self._kernels is None:
            # What is asked of all targets alike is asked of the processor's kernels.
            options = self.options
            options = replace(options, target="cpu") if options.target == "auto" else options
            self._kernels = kernels_of(self.__wrapped__, options, self._unchecked)
        return self._kernels

    def _in(self, wrt: Names) -> Differentiable[P, R]:
        """The same function, differentiated in something else."""
        names = names_of(self.__wrapped__, wrt)
        return self.with_options(replace(self.options, wrt=names))

    def _unchecked(self) -> Differentiable[P, R]:
        """The same function, whose kernels are kept without a check."""
        return self.with_options(replace(self.options, check=False))

    def _prepared(self, mode: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Prepared:
        if args or kwargs:
            return self.kernels.prepare(mode, self.kernels.binder.bind(args, kwargs))[0]
        latest = self.kernels.latest(mode)
        if latest is None:
            name = self.kernels.binder.name
            raise InvalidArgument(
                f"{name} has not been compiled yet: call {name}.{mode}(...) first, or pass "
                f"arguments like those you will use: {name}.source(...)"
            )
        return latest

    def _call(
        self, mode: str, args: Sequence[Any], kwargs: Mapping[str, Any], direction: Any = None
    ) -> Any:
        """A derivative from memory where there was a call like this one, or by the long way."""
        if not kwargs and self._kernels is not None:
            given = args if direction is None else (*args, direction)
            call = self._kernels.fast(mode, given, len(given) - len(args))
            if call is not None:
                return call(*given)
        return self._run(mode, args, kwargs, direction)

    def _run(
        self, mode: str, args: Sequence[Any], kwargs: Mapping[str, Any], direction: Any = None
    ) -> Any:
        from codegen_ad.runtime import results

        kernels = self.kernels
        if self.options.target == "auto" and results.any_on_device(args, kwargs):
            kernels = self.on("cuda").kernels
            call = None if kwargs or direction is not None else kernels.fast(mode, args)
            if call is not None:
                return call(*args)
        return results.run(kernels, mode, args, kwargs, direction)


def _with_option(kind: str, mode: str) -> str:
    if mode not in MODES:
        raise InvalidArgument(f"mode={mode!r}: choose one of {', '.join(map(repr, MODES))}")
    return kind if mode == "auto" else f"{kind}:{mode}"
