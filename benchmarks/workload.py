"""One workload: a function, its data, the peers that do the same, and what is to be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Run = Callable[[], Any]
Peer = Callable[..., Run]
"""Takes the arguments of the function; returns what computes value and gradients of them."""


@dataclass(frozen=True)
class Workload:
    """A row of the table.

    Attributes
    ----------
    key : what it is asked for by.
    function : as the user wrote it.
    wrt : what is differentiated.
    data : makes the arguments from sizes.
    sizes, quick, tiny : of the data: measured, measured by `--quick`, and tested. The generated
        code is the same for all three: parameters that are arrays of variable sizes stay such.
    peers : by the names they have in the table.
    fewer : peers that are too slow for all `steps`: they take so many, and their time is scaled.
    targets : peers, and how often their time is that of `codegen_ad` at least.
    limit : what value and gradient may take relative to the value.
    threads : how many processors everyone has.
    per : the size that a time is divided by, for times per point.
    checkpoint : how loops save memory.
    memory : bytes that value and gradient may take beside the arguments, from the sizes.
    rtol : how far results may differ, relative to the largest element of each.
    """

    key: str
    title: str
    function: Callable[..., Any]
    wrt: tuple[str, ...]
    data: Callable[..., tuple[Any, ...]]
    sizes: Mapping[str, Any]
    quick: Mapping[str, Any]
    tiny: Mapping[str, Any]
    peers: Mapping[str, Peer] = field(default_factory=dict)
    fewer: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)
    limit: float = 4.0
    threads: int = 1
    per: str | None = None
    checkpoint: str | None = None
    memory: Callable[..., float] | None = None
    rtol: float = 1e-8


def flat(result: Any) -> list[np.ndarray]:
    """The arrays and numbers of a result, in order, whatever structure and library they are of."""
    if isinstance(result, dict):
        return [leaf for value in result.values() for leaf in flat(value)]
    if isinstance(result, list | tuple):
        return [leaf for value in result for leaf in flat(value)]
    if hasattr(result, "detach"):
        result = result.detach().numpy()
    return [np.asarray(result)]


def assert_same(found: Any, expected: Any, rtol: float, name: str) -> None:
    """Check a result against another one, leaf by leaf; one may be the value alone."""
    for k, (a, b) in enumerate(zip(flat(found), flat(expected), strict=False)):
        scale = max(float(np.abs(b).max(initial=0)), 1e-300)
        np.testing.assert_allclose(
            a, b, rtol=rtol, atol=rtol * scale, err_msg=f"{name}, result {k}"
        )
