"""The discrete Fourier transform of pairs: the last axis holds real and imaginary part.

As a map of real pairs the transform is a real matrix, and its transpose is the transform with the
other sign: each is the other's adjoint. Neither is scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codegen_ad.ir.builder import Builder
from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Node, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, Type
from codegen_ad.ops.entry import Array, Sizes, Structural


def _infer(types: Sequence[Type], _: Params | None) -> Type:
    (source,) = types
    assert isinstance(source, ArrayType)
    if source.rank < 2 or source.shape[-1] != Dim.constant(2) or not source.dtype.is_float:
        raise TypeMismatch(f"needs pairs of floating point numbers, got {source}")
    return source


def _dft(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return _as_pairs(np.fft.fft(_as_complex(args[0])), args[0])


def _inverse_dft(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return _as_pairs(np.fft.ifft(_as_complex(args[0]), norm="forward"), args[0])


def _as_complex(x: Array) -> Array:
    return x[..., 0] + 1j * x[..., 1]


def _as_pairs(z: Array, like: Array) -> Array:
    return np.stack([np.real(z), np.imag(z)], -1).astype(like.dtype)


def dft_pullback(b: Builder, _: Node, g: Node) -> tuple[Node, ...]:
    return (b.node(INVERSE_DFT, (g,)),)


def inverse_dft_pullback(b: Builder, _: Node, g: Node) -> tuple[Node, ...]:
    return (b.node(DFT, (g,)),)


DFT = Op("dft", Kind.LINALG, _infer)
INVERSE_DFT = Op("inverse_dft", Kind.LINALG, _infer)

TABLE = (
    Structural(DFT, _dft, dft_pullback),
    Structural(INVERSE_DFT, _inverse_dft, inverse_dft_pullback),
)
