"""Small sizes that a kernel is made for: which ones a call wants, and how many kernels that makes.

A build finds out which sizes a kernel gains by having as constants, whatever they are
(`codegen_ad.plan.fixed`), and notes them in its metadata. All kernels of a signature agree on them,
so any of them tells which constants the kernel for a call would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast

from codegen_ad.options import FIXED
from codegen_ad.signature import ArrayForm, Signature, leaves

T = TypeVar("T")

MOST = 3
"""How many kernels with constants a process makes of one signature; those who walk over many sizes
get the general one then, and wait for no more compilations."""

Place = tuple[str, int, int]
"""A size: its symbol, and the leaf and the axis where a call tells it."""


def wanted(signature: Signature, places: Iterable[Place]) -> dict[str, int]:
    """The constants of the kernel for a call: those of the sizes `places` that are small."""
    if signature.is_general:
        return {}
    forms = [form for _, form in leaves(signature)]
    found: dict[str, int] = {}
    for symbol, leaf, axis in places:
        form = forms[leaf] if leaf < len(forms) else None  # others are arrays from outside
        if isinstance(form, ArrayForm) and axis < len(form.sizes) and 1 < form.sizes[axis] <= FIXED:
            found[symbol] = form.sizes[axis]
    return found


def places_of(metadata: Mapping[str, Any]) -> tuple[Place, ...]:
    """The sizes that kernels like this one gain by having as constants."""
    gaining = set(cast("list[str]", metadata.get("fixable", ())))
    sizes = cast("list[tuple[str, int, int, int]]", metadata.get("sizes", ()))
    return tuple((symbol, leaf, axis) for symbol, leaf, axis, _ in sizes if symbol in gaining)


def fits(metadata: Mapping[str, Any], signature: Signature) -> bool:
    """Whether a kernel has the constants that a call wants, and no others."""
    return metadata.get("fixed", {}) == wanted(signature, places_of(metadata))


class Variants(Generic[T]):
    """The kernels of one signature in this process, by the sizes that they are made for.

    Which kernel a call gets follows from the calls before it in the process, never from what lies
    on disk, so that a program gives the same bits each time that it runs.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[tuple[str, int], ...], T] = {}
        self._places: tuple[Place, ...] | None = None
        self.latest: T | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self._made.values())

    def find(self, signature: Signature) -> T | None:
        """The kernel for a call, if it has been made."""
        if self._places is None:
            return None
        found = self._made.get(_key(wanted(self.allowed(signature), self._places)))
        self.latest = found or self.latest
        return found

    def allowed(self, signature: Signature) -> Signature:
        """The signature of a call; a general one if it needs constants more than there may be."""
        key = _key(wanted(signature, self._places or ()))
        special = sum(1 for made in self._made if made)
        if not key or key in self._made or special < MOST:
            return signature
        return replace(signature, is_general=True)

    def add(self, metadata: Mapping[str, Any], made: T) -> None:
        """Keep a kernel."""
        self._places = places_of(metadata)
        self._made[_key(metadata.get("fixed", {}))] = made
        self.latest = made


def _key(fixed: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(fixed.items()))
