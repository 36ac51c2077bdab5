"""What users see when what they pass cannot work: the whole text of each message."""

from __future__ import annotations

import re
import traceback
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen_ad import differentiate, grad
from codegen_ad.errors import (
    CodegenError,
    InvalidArgument,
    NotDifferentiable,
    ShapeMismatch,
    UnknownFunction,
    UnsupportedSyntax,
)

X, Y, W = np.ones((4, 3)), np.ones(4), np.ones(3)
HERE = "tests/test_bad_input.py"
GIVE = (
    "Compute it outside the function and pass the result in, or give its derivative with "
    "@codegen_ad.custom_derivative."
)


def mean_of_squares(w, X, y):
    return np.mean((X @ w - y) ** 2)


def sum_of_squares(w, X, y):
    return np.sum((X @ w - y) ** 2)


def largest(w, x):
    return (w[0] * x).max()


def residuals(w, X):
    return X @ w


def calls_an_extension(w, x):
    return zlib.crc32(w) * x.sum()


def shapes_that_never_fit(w):
    a = np.ones((3, 4))
    return np.sum(a @ np.ones((3, 2))) * w.sum()


def undefined_name(w):
    return np.sum(w * no_such_name)  # noqa: F821


def returns_nothing(w):
    w.sum()


def returns_two(w):
    return w.sum(), w.max()


def returns_a_place(w):
    return np.argmax(w)


def element(w, place):
    return np.sum(w[place])


def inverse(A):
    return np.sum(np.linalg.inv(A))


def no_parameters():
    return 1.0


async def asynchronous(w):
    return w.sum()


def generator(w):
    yield w


def line_of(function: Callable[..., Any], offset: int = 1) -> int:
    return function.__code__.co_firstlineno + offset


def message_of(error: type[Exception], call: Callable[[], object]) -> str:
    """The text of the error; nothing of the machinery below shows in its traceback."""
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, CodegenError)
    shown = "".join(traceback.format_exception(caught.value))
    assert not re.search(r"site-packages.(numba|sympy|jinja2)", shown)
    return str(caught.value).replace("\\", "/")


def gradient(function: Callable[..., Any], *args: Any, **options: Any) -> Callable[[], object]:
    return lambda: differentiate(function, **options).grad(*args)


# The function ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "name"), [(np.sin, "sin"), (len, "len"), (int, "int")], ids=["sin", "len", "int"]
)
def test_function_without_source(function: Callable[..., Any], name: str):
    assert message_of(UnsupportedSyntax, gradient(function, W)) == (
        f"codegen_ad cannot see into `{name}`: it has no Python source (it is a built-in, a "
        f"compiled extension or not a function).\n{GIVE}"
    )


def test_function_made_by_exec():
    space: dict[str, Any] = {}
    exec("def made(w): return w.sum()", space)
    assert message_of(UnsupportedSyntax, gradient(space["made"], W)) == (
        "codegen_ad cannot see into `made`: it has no Python source (it was made by exec or by "
        "another tool, from <string>).\n"
        "Write the function in a file, or in a notebook cell, and import it from there."
    )


def test_no_function():
    found = message_of(InvalidArgument, lambda: differentiate(3))  # pyright: ignore
    assert found == "differentiate takes a function, not 3"


def test_function_without_parameters():
    found = message_of(InvalidArgument, gradient(no_parameters))
    assert found == "no_parameters() has no parameters to differentiate"


def test_unknown_call():
    assert message_of(UnknownFunction, gradient(calls_an_extension, W, W)) == (
        f"{HERE}:{line_of(calls_an_extension)}, in calls_an_extension\n"
        "    return zlib.crc32(w) * x.sum()\n"
        "           ^^^^^^^^^^\n"
        "codegen_ad cannot see into `crc32`: it has no Python source (it is a built-in or a "
        f"compiled extension).\n{GIVE}"
    )


def test_undefined_name():
    assert message_of(UnsupportedSyntax, gradient(undefined_name, W)) == (
        f"{HERE}:{line_of(undefined_name)}, in undefined_name\n"
        "    return np.sum(w * no_such_name)  # noqa: F821\n"
        "                      ^^^^^^^^^^^^\n"
        "The name `no_such_name` is not defined.\n"
        "Define it, or pass it as an argument."
    )


def test_asynchronous_function():
    assert message_of(UnsupportedSyntax, gradient(asynchronous, W)) == (
        "`async def` is not translated.\nWrite an ordinary function."
    )


def test_generator():
    assert message_of(UnsupportedSyntax, gradient(generator, W)) == (
        f"{HERE}:{line_of(generator)}, in generator\n"
        "    yield w\n"
        "    ^^^^^^^\n"
        "The function returns an iterator, which compiled code cannot.\n"
        "Return numbers and arrays, in tuples, lists, dicts or dataclasses."
    )


# What it returns ----------------------------------------------------------------------------------


def test_loss_that_returns_an_array():
    assert message_of(NotDifferentiable, gradient(residuals, W, X)) == (
        f"{HERE}:{line_of(residuals, 0)}, in residuals\n"
        "    def residuals(w, X):\n"
        "    ^^^^^^^^^^^^^^^^^^^^\n"
        "residuals() returns f8[n], and a gradient needs one number.\n"
        "Return a sum or a mean, or use vjp(..., cotangent=g) or jacobian(...)."
    )


def test_loss_that_returns_two_numbers():
    assert message_of(NotDifferentiable, gradient(returns_two, W)) == (
        f"{HERE}:{line_of(returns_two, 0)}, in returns_two\n"
        "    def returns_two(w):\n"
        "    ^^^^^^^^^^^^^^^^^^^\n"
        "returns_two() returns f8, f8, and a gradient needs one number.\n"
        "Return a sum or a mean, or use vjp(..., cotangent=g) or jacobian(...)."
    )


def test_loss_that_returns_nothing():
    assert message_of(NotDifferentiable, gradient(returns_nothing, W)) == (
        f"{HERE}:{line_of(returns_nothing, 0)}, in returns_nothing\n"
        "    def returns_nothing(w):\n"
        "    ^^^^^^^^^^^^^^^^^^^^^^^\n"
        "returns_nothing() returns no numbers, and a gradient needs one number.\n"
        "Return a sum or a mean, or use vjp(..., cotangent=g) or jacobian(...)."
    )


def test_loss_that_returns_an_integer():
    assert message_of(NotDifferentiable, gradient(returns_a_place, W)) == (
        f"{HERE}:{line_of(returns_a_place, 0)}, in returns_a_place\n"
        "    def returns_a_place(w):\n"
        "    ^^^^^^^^^^^^^^^^^^^^^^^\n"
        "returns_a_place() returns i8, which has no derivative.\nReturn a floating point number."
    )


# Shapes -------------------------------------------------------------------------------------------


def test_shapes_that_never_fit():
    assert message_of(ShapeMismatch, gradient(shapes_that_never_fit, W)) == (
        f"{HERE}:{line_of(shapes_that_never_fit, 2)}, in shapes_that_never_fit\n"
        "    return np.sum(a @ np.ones((3, 2))) * w.sum()\n"
        "                  ^^^^^^^^^^^^^^^^^^^\n"
        "`np.matmul` needs 4 and 3 to be the same size, and they are not.\n"
        "Check the shapes of the arrays, for example by printing them."
    )


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((np.ones(4), X, Y), "line 2: np.matmul needs X.shape[1] == 4 (found 3 and 4)"),
        ((W, X, np.ones(5)), "line 2: X @ w - y needs X.shape[0] == y.shape[0] (found 4 and 5)"),
        (
            (np.ones(20), np.ones((4, 19)), Y),
            "line 2: np.matmul needs X.shape[1] == w.shape[0] (found 19 and 20)",
        ),
    ],
    ids=["parameters", "rows", "many"],
)
def test_shapes_that_do_not_fit(args: tuple[Any, ...], text: str):
    """Found at the call, before the kernel runs, whether or not it was compiled before."""
    compiled = differentiate(sum_of_squares)
    assert message_of(InvalidArgument, lambda: compiled.grad(*args)) == text
    compiled.grad(W, X, Y)
    assert message_of(InvalidArgument, lambda: compiled.grad(*args)) == text


def test_shapes_are_checked_after_a_fast_call():
    compiled = differentiate(sum_of_squares)
    for _ in range(3):
        compiled.value_and_grad(W, X, Y)
    assert message_of(InvalidArgument, lambda: compiled.value_and_grad(W, X, np.ones(9))) == (
        "line 2: X @ w - y needs X.shape[0] == y.shape[0] (found 4 and 9)"
    )


def test_no_rows_for_a_mean():
    none = (W, np.ones((0, 3)), np.ones(0))
    assert message_of(InvalidArgument, gradient(mean_of_squares, *none)) == (
        "line 2: np.mean needs X.shape[0] >= 1 (found 0)"
    )
    assert message_of(InvalidArgument, gradient(largest, W, np.ones(0))) == (
        "line 2: np.max needs x.shape[0] >= 1 (found 0)"
    )


def test_no_rows_for_a_sum():
    value, found = differentiate(sum_of_squares).value_and_grad(W, np.ones((0, 3)), np.ones(0))
    assert value == 0.0
    np.testing.assert_array_equal(found, np.zeros(3))


@pytest.mark.parametrize("place", [3, -4])
def test_place_outside_of_an_array(place: int):
    with pytest.raises(IndexError) as caught:
        differentiate(element).grad(W, np.array([0, place]))
    assert str(caught.value) == "line 2: index is out of bounds for axis 0"
    assert "test_bad_input.py" in caught.value.__notes__[0]


def test_singular_matrix():
    with pytest.raises(np.linalg.LinAlgError) as caught:
        differentiate(inverse).grad(np.zeros((3, 3)))
    assert str(caught.value).startswith("line 2: a matrix is singular: return np.sum")
    assert "test_bad_input.py" in caught.value.__notes__[0]


# Kinds of arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int64", "int32", "bool"])
def test_parameters_that_are_no_floats(kind: str):
    name = "bool_" if kind == "bool" else kind
    found = message_of(InvalidArgument, gradient(sum_of_squares, W.astype(kind), X, Y))
    assert found == (
        f"w has dtype {name}: only floating point can be differentiated; pass it as float64, for "
        "example w.astype(float)"
    )


@pytest.mark.parametrize("kind", ["O", "M8[D]", "f2", "U1"])
def test_dtypes_that_no_kernel_has(kind: str):
    y = np.ones(4, "i8").astype(kind)
    assert message_of(InvalidArgument, gradient(sum_of_squares, W, X, y)) == (
        f"y has dtype {y.dtype}: use float64, float32, an integer dtype or bool"
    )


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [np.matrix, np.ma.MaskedArray])
def test_arrays_with_operators_of_their_own(kind: Any):
    assert message_of(InvalidArgument, gradient(sum_of_squares, W, kind(X), Y)) == (
        f"X is a {kind.__name__}, whose operators mean something else; pass a plain array: "
        "np.asarray(...)"
    )


def test_list_of_strings():
    assert message_of(UnsupportedSyntax, gradient(sum_of_squares, W, ["a", "b"], Y)) == (
        f"{HERE}:{line_of(sum_of_squares)}, in sum_of_squares\n"
        "    return np.sum((X @ w - y) ** 2)\n"
        "                   ^^^^^\n"
        "The argument must be a number or an array, not 'a'.\n"
        "Pass a number, an array, or a list or tuple of them."
    )


def test_set():
    assert message_of(InvalidArgument, gradient(sum_of_squares, W, {1, 2}, Y)) == (
        "X is a set: a compiled function takes arrays, numbers, and tuples, lists, dicts and "
        "dataclasses of them"
    )


def test_keys_that_are_no_strings():
    found = message_of(InvalidArgument, gradient(sum_of_squares, {1: W}, X, Y))
    assert found == "w: the keys of a dict must be str, not 1"


def test_not_a_number_propagates():
    value, found = differentiate(mean_of_squares).value_and_grad(W, X * np.nan, Y)
    assert np.isnan(value)
    assert np.isnan(found).all()


# Arguments and options ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "keywords", "text"),
    [
        ((W, X), {}, "missing a required argument: 'y'"),
        ((W, X, Y), {"z": Y}, "got an unexpected keyword argument 'z'"),
        ((W, X, Y), {"w": W}, "multiple values for argument 'w'"),
        ((W, X, Y, Y), {}, "too many positional arguments"),
    ],
    ids=["missing", "unknown", "twice", "many"],
)
def test_arguments_that_do_not_fit(args: tuple[Any, ...], keywords: dict[str, Any], text: str):
    compiled = differentiate(sum_of_squares)
    found = message_of(InvalidArgument, lambda: compiled.value_and_grad(*args, **keywords))
    assert found == f"sum_of_squares(w, X, y): {text}"


@pytest.mark.parametrize(
    ("argnums", "text"),
    [
        (3, "argnums=3: sum_of_squares() takes 3 arguments"),
        (-4, "argnums=-4: sum_of_squares() takes 3 arguments"),
        (1.5, "a parameter is given by name or position, not by 1.5"),
        (True, "a parameter is given by name or position, not by True"),
        (b"w", "a parameter is given by name or position, not by b'w'"),
        (bytearray(b"w"), "a parameter is given by name or position, not by bytearray(b'w')"),
        ((0, "w"), "w is given twice: name each parameter once"),
        ((), "argnums is empty: name at least one argument to differentiate"),
    ],
)
def test_argnums(argnums: Any, text: str):
    assert message_of(InvalidArgument, lambda: grad(sum_of_squares, argnums)) == text


@pytest.mark.parametrize("option", ["wrt", "static"])
def test_option_that_names_no_parameter(option: str):
    found = message_of(InvalidArgument, gradient(sum_of_squares, W, X, Y, **{option: "q"}))
    assert found == (
        f"{option}='q': sum_of_squares() has no parameter of that name; its parameters are w, X, y"
    )


def test_taps_that_name_no_variable():
    compiled = differentiate(sum_of_squares, taps="q")
    assert message_of(NotDifferentiable, lambda: compiled.taps(W, X, Y)) == (
        "`q` is not assigned an array in `sum_of_squares`, so there is no gradient of it.\n"
        "Name variables that the function assigns."
    )
    plain = differentiate(sum_of_squares)
    assert message_of(InvalidArgument, lambda: plain.taps(W, X, Y)) == (
        'name the intermediate values when decorating: @differentiate(taps=("y", "z"))'
    )


def test_cotangents_that_do_not_fit():
    compiled = differentiate(residuals)
    calls = {
        "a cotangent has shape (3,), where (4,) is needed": np.ones(3),
        "a cotangent has shape (2, 4), where (4,) is needed": (Y, Y),
        "a cotangent has dtype complex128, where f8 is needed": Y * 1j,
        "a cotangent is tuple of parts that make no array of f8: setting an array element with a "
        "sequence. The requested array has an inhomogeneous shape after 1 dimensions. The detected "
        "shape was (2,) + inhomogeneous part.": (Y, 1.0),
    }
    for text, cotangent in calls.items():
        call = lambda g=cotangent: compiled.vjp(W, X, cotangent=g)  # noqa: E731
        assert message_of(InvalidArgument, call) == text


def test_source_before_anything_is_compiled():
    def fresh(w):
        return w.sum()

    assert message_of(InvalidArgument, lambda: differentiate(fresh).source()) == (
        "fresh has not been compiled yet: call fresh.value_and_grad(...) first, or pass arguments "
        "like those you will use: fresh.source(...)"
    )


def test_a_mode_that_there_is_not():
    compiled = differentiate(sum_of_squares)
    for ask in (compiled.source, compiled.explain):
        found = message_of(InvalidArgument, lambda a=ask: a(W, X, Y, mode="gradient"))
        assert found.startswith("mode='gradient': choose one of 'value', 'vjp', 'jvp', ")


def test_an_integer_of_more_than_64_bits():
    def power(x, k):
        return (x**k).sum()

    assert message_of(InvalidArgument, lambda: differentiate(power).grad(W, 2**70)) == (
        "k is 1180591620717411303424, which does not fit into 64 bits: pass a float"
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: f.hvp(x),
        lambda f, x: f.hvp(x, v=x),
        lambda f, x: f.hvp(x, x, vector=x),
    ],
)
def test_hvp_says_where_the_vector_goes(call: Any) -> None:
    cubes = differentiate(lambda x: (x**3).sum())
    with pytest.raises(InvalidArgument, match="or the vector as tangent=v"):
        call(cubes, np.ones(3))
