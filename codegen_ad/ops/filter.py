"""The positions at which a mask holds. How many there are is a size that only the run knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen_ad.ir.dims import Dim
from codegen_ad.ir.node import Kind, Op, Params, TypeMismatch
from codegen_ad.ir.types import ArrayType, DType, Type
from codegen_ad.ops.entry import Array, Sizes, Structural


@dataclass(frozen=True, slots=True)
class Positions(Params):
    """How often the mask holds."""

    length: Dim


def _infer_positions(types: Sequence[Type], params: Params | None) -> Type:
    (mask,) = types
    assert isinstance(params, Positions) and isinstance(mask, ArrayType)
    if mask.dtype is not DType.BOOL or mask.rank != 1:
        raise TypeMismatch(f"a mask is a vector of booleans, not {mask}")
    return ArrayType(DType.INT64, (params.length,))


def _positions(args: Sequence[Array], _: Any, __: Sizes) -> Array:
    return np.flatnonzero(args[0])


POSITIONS = Op("positions", Kind.FILTER, _infer_positions)

TABLE = (Structural(POSITIONS, _positions),)
