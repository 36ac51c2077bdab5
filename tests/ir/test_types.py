"""Types and broadcasting: symbolic shapes broadcast as NumPy's do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_ad.ir.dims import ONE, Dim, as_dim
from codegen_ad.ir.types import (
    ArrayType,
    BroadcastError,
    DType,
    Shape,
    TupleType,
    broadcast_shapes,
)

N, D = Dim.symbol("n"), Dim.symbol("d")
F8, I8 = DType.FLOAT64, DType.INT64

SIZES = {"n": 5, "d": 3}
shapes = st.lists(st.sampled_from([ONE, N, D, as_dim(2)]), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("type", "text"),
    [
        (ArrayType(F8), "f8"),
        (ArrayType(F8, (N, as_dim(3))), "f8[n, 3]"),
        (ArrayType(DType.BOOL, (N - 2, D * N)), "b1[n - 2, d*n]"),
        (TupleType((ArrayType(F8, (N,)), ArrayType(I8))), "(f8[n], i8)"),
        (TupleType(()), "()"),
    ],
    ids=str,
)
def test_text(type: ArrayType | TupleType, text: str) -> None:
    assert str(type) == text


@pytest.mark.parametrize("dtype", DType, ids=str)
def test_dtypes_are_numpys(dtype: DType) -> None:
    real = np.dtype(getattr(np, dtype.numpy_name))
    assert dtype.numpy_name == real.type.__name__ or dtype is DType.BOOL
    assert real.str[1:] == str(dtype)
    assert real.itemsize == dtype.size
    assert (real.kind == "f") == dtype.is_float


def test_types_are_values() -> None:
    matrix = ArrayType(F8, (N, D))
    assert matrix == ArrayType(F8, (Dim.symbol("n"), Dim.symbol("d")))
    assert hash(matrix) == hash(ArrayType(F8, (N, D)))
    assert matrix.rank == 2
    assert matrix.with_dtype(I8) == ArrayType(I8, (N, D))
    assert matrix.with_shape(()) == ArrayType(F8)


@given(st.lists(shapes, max_size=3))
def test_broadcasting_is_numpys(some: list[Shape]) -> None:
    numbers = [tuple(dim.evaluate(SIZES) for dim in shape) for shape in some]
    try:
        expected = np.broadcast_shapes(*numbers)
    except ValueError:
        with pytest.raises(BroadcastError):
            broadcast_shapes(*some)
    else:
        assert tuple(dim.evaluate(SIZES) for dim in broadcast_shapes(*some)) == expected


def test_the_dimensions_that_clash_are_named() -> None:
    with pytest.raises(BroadcastError, match="n and d cannot be broadcast together") as error:
        broadcast_shapes((N, as_dim(3)), (D, ONE))
    assert (error.value.first, error.value.second) == (N, D)


def test_a_symbol_is_not_one() -> None:
    assert broadcast_shapes((N,), (ONE,)) == (N,)
    with pytest.raises(BroadcastError):
        broadcast_shapes((N,), (as_dim(5),))
