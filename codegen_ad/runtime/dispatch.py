"""From a call to the right kernel: found in this process, in the cache folder, or built.

The fast path looks at the arguments' shapes, strides and dtypes only, and at whether everything
that the kernel depends on is still the same object. What builds a kernel is handed in, so that this
room never imports the stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from codegen_ad.errors import CodegenError, InternalError, InvalidArgument
from codegen_ad.runtime.arguments import Binder, leaves_of
from codegen_ad.runtime.compiled import Compiled, OtherCase
from codegen_ad.runtime.dependencies import Dependency, digest, holds, manifest
from codegen_ad.runtime.fingerprint import primary_key
from codegen_ad.runtime.fixed import Variants, fits
from codegen_ad.runtime.folder import open_folder
from codegen_ad.runtime.garbage import fewer_collections
from codegen_ad.runtime.repeated import nested_key, plain_key
from codegen_ad.runtime.store import Entry, Store
from codegen_ad.runtime.threads import Team
from codegen_ad.runtime.watch import Watch
from codegen_ad.signature import Signature

T = TypeVar("T")

Nested = Callable[[Sequence[Any], Sequence[Any]], Any]
"""A remembered call with structures: it takes the arguments, and the arrays and numbers in them."""

FAST_ENTRIES = 4096
"""How many argument patterns a function remembers before it starts afresh."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build hands over: the file's text, its metadata, and the paths it depends on."""

    source: str
    metadata: Mapping[str, Any]
    dependencies: Sequence[Any]


class Build(Protocol):
    """Whatever turns a function, for one signature and mode, into a kernel file."""

    def __call__(self, signature: Signature, mode: str) -> Built:
        """Build the kernel file."""
        ...


class Inspect(Protocol):
    """Whatever looks at a new kernel before it is kept, and may refuse it or write into it."""

    def __call__(self, built: Built, mode: str, arguments: Mapping[str, Any]) -> Built:
        """The kernel file to keep."""
        ...


class Versions(Protocol):
    """Whatever tells the versions that a kernel depends on, once."""

    def __call__(self) -> Mapping[str, str]:
        """Names and versions."""
        ...


@dataclass(slots=True)
class Prepared:
    """A kernel ready for one signature, with its leaves in order."""

    compiled: Compiled
    signature: Signature
    watch: Watch


class Kernels:
    """All kernels of one user function in this process."""

    def __init__(
        self,
        root: object,
        binder: Binder,
        build: Build,
        *,
        options: str,
        templates: Callable[[], str],
        versions: Versions,
        inspect: Inspect | None = None,
        threads: int | None = None,
    ) -> None:
        self.root = root
        self.binder = binder
        self._build = build
        self._options = options
        self._templates = templates
        self._versions = versions
        self._inspect = inspect
        self.team = Team(threads)
        self._by_signature: dict[tuple[str, Signature], Variants[Prepared]] = {}
        # With whether the arguments are all that the function takes, defaults left out.
        self._plain: dict[Any, tuple[Watch, Callable[..., Any], bool]] = {}
        self._nested: dict[Any, tuple[Watch, Nested]] = {}

    def prepare(self, mode: str, arguments: Mapping[str, Any]) -> tuple[Prepared, list[Any]]:
        """The kernel for a call and the leaves to call it with, checked.

        How sizes compare is found out by checking: a kernel that is for another case says so.
        """
        signature = self.binder.form(arguments)
        while True:
            try:
                return self._checked(mode, signature, arguments)
            except OtherCase as other:
                failed = other
            if failed.case in signature.untrue:
                raise InternalError(f"two kernels send arguments to each other ({failed})")
            signature = signature.without(failed.case)
            try:
                self._kernel(mode, signature, arguments)
            except CodegenError as error:
                if failed.is_remainder:
                    raise
                raise InvalidArgument(str(failed)) from error

    def _checked(
        self, mode: str, signature: Signature, arguments: Mapping[str, Any]
    ) -> tuple[Prepared, list[Any]]:
        """The kernel of one signature and its leaves, which fit it."""
        prepared = self._kernel(mode, signature, arguments)
        leaves: list[Any] = []
        for (name, form), value in zip(signature.parameters, arguments.values(), strict=True):
            leaves.extend(leaves_of(value, form, name))
        leaves.extend(prepared.compiled.outside(self.root))
        prepared.compiled.check(leaves)
        return prepared, leaves

    def _kernel(self, mode: str, signature: Signature, arguments: Mapping[str, Any]) -> Prepared:
        """The kernel of one signature, if nothing that it depends on has changed."""
        variants = self._by_signature.setdefault((mode, signature), Variants())
        prepared = variants.find(signature)
        if prepared is not None and prepared.watch.unchanged():
            return prepared
        self._plain.clear()
        self._nested.clear()
        if not all(p.watch.unchanged() for p in variants):
            variants = self._by_signature[mode, signature] = Variants()
        with fewer_collections():
            prepared = self._find(mode, variants.allowed(signature), arguments)
        variants.add(prepared.compiled.metadata, prepared)
        return prepared

    def fast(
        self, mode: str, args: Sequence[Any], directions: int = 0
    ) -> Callable[..., Any] | None:
        """The remembered call for positional arguments like these, if nothing has changed.

        The last of them may be `directions`: a cotangent or tangent, which is none of the
        function's own.
        """
        key = plain_key(mode, args)
        if key is None:
            return self._fast_nested(mode, args, directions)
        found = self._plain.get(key)
        if found is None:
            return None
        watch, call, is_whole = found
        return call if watch.unchanged() and (is_whole or self.binder.is_current()) else None

    def _fast_nested(
        self, mode: str, args: Sequence[Any], directions: int
    ) -> Callable[..., Any] | None:
        known = nested_key(mode, args) if self._nested else None
        if known is None:
            return None
        key, leaves = known
        found = self._nested.get(key)
        own = args[: len(args) - directions]
        if found is None or not found[0].unchanged() or not self._has_same_defaults(own):
            return None
        call = found[1]
        return lambda *args: call(args, leaves)

    def _has_same_defaults(self, args: Sequence[Any]) -> bool:
        """Whether what is left out is what it was; a default of another kind changes the kernel."""
        return self._are_whole(args) or self.binder.is_current()

    def _are_whole(self, args: Sequence[Any]) -> bool:
        """Whether arguments are all that the function takes."""
        return len(args) == len(self.binder.names) and not self.binder.is_open

    def remember(
        self, key: Any, args: Sequence[Any], prepared: Prepared, call: Callable[..., Any]
    ) -> None:
        """Let `fast` answer with `call` from now on for arguments with the plain key of `args`."""
        if self._may_remember(args, prepared):
            _keep(self._plain, key, (prepared.watch, call, self._are_whole(args)))

    def remember_nested(
        self, key: Any, args: Sequence[Any], prepared: Prepared, call: Nested
    ) -> None:
        """The same for calls with the nested key of `args`."""
        if self._may_remember(args, prepared):
            _keep(self._nested, key, (prepared.watch, call))

    def _may_remember(self, args: Sequence[Any], prepared: Prepared) -> bool:
        """Whether all that a call is made of is in its arguments, or can't change unseen."""
        whole = self._are_whole(args) or self.binder.has_fixed_defaults()
        return whole and not prepared.compiled.captured

    def _find(self, mode: str, signature: Signature, arguments: Mapping[str, Any]) -> Prepared:
        store = Store(open_folder())
        name = self.binder.name
        primary = primary_key(
            self.root,
            f"{mode}: {signature}",
            self._options,
            self._templates(),
            self._versions(),
        )
        for entry in store.candidates(name, primary):
            dependencies = [Dependency.from_json(d) for d in _list(entry)]
            if fits(entry.metadata, signature) and holds(self.root, dependencies):
                return self._prepared(entry, signature, dependencies)
        built = self._build(signature, mode)
        if self._inspect is not None:
            built = self._inspect(built, mode, arguments)
        found = manifest(self.root, [tuple(p) for p in built.dependencies])
        metadata = {**built.metadata, "dependencies": [d.to_json() for d in found]}
        key = digest(found, built.metadata.get("fixed"))
        entry = store.save(name, primary, key, built.source, metadata)
        return self._prepared(entry, signature, list(found))

    def _prepared(
        self, entry: Entry, signature: Signature, dependencies: Sequence[Dependency]
    ) -> Prepared:
        compiled = Compiled(entry, self.root, self.team)
        return Prepared(compiled, signature, Watch(self.root, dependencies))

    def latest(self, mode: str) -> Prepared | None:
        """The kernel used last for a mode."""
        found = [v.latest for (m, _), v in self._by_signature.items() if m == mode]
        return next((p for p in reversed(found) if p is not None), None)


def _list(entry: Entry) -> list[Any]:
    found = entry.metadata.get("dependencies", [])
    return list(found) if isinstance(found, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _keep(remembered: dict[Any, T], key: Any, call: T) -> None:
    if len(remembered) >= FAST_ENTRIES:
        remembered.clear()
    remembered[key] = call


def source_path(prepared: Prepared) -> Path:
    """Where a kernel's file lies."""
    return prepared.compiled.entry.source_path
