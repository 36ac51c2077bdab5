"""Is a kernel in memory still up to date? Asked at every call, so it must cost next to nothing.

This module compares objects that it has seen before. What is compared, and how a changed one is
judged, is the business of `dependencies` and `fingerprint`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FunctionType, MethodType, ModuleType
from typing import Any, cast

from codegen_ad.runtime.dependencies import Dependency, Path, Step, follow, plain_function
from codegen_ad.runtime.fingerprint import fingerprint, is_immutable
from codegen_ad.source import code_digest


class Watch:
    """Notices, at every call, when something that a kernel depends on has changed.

    Parameters
    ----------
    root
        The user's function.
    dependencies
        What was recorded when the kernel was built.
    """

    def __init__(self, root: object, dependencies: Sequence[Dependency]) -> None:
        self._root = root
        self._dependencies = tuple(dependencies)
        self._current = False
        self._code = self._root_code()
        self._look()

    def _root_code(self) -> str | None:
        """What the user's own function does; tools that reload modules replace its code."""
        function = plain_function(self._root)
        return None if function is None else code_digest(function.__code__)

    def unchanged(self) -> bool:
        """Tell whether all values are those that the kernel was built from.

        Only identities are compared, and the content of what can change in place. Something that
        was rebound is compared by fingerprint, so an equal value does no harm.
        """
        if self._current:
            for function, code, defaults, keywords in self._functions:
                if (
                    function.__code__ is not code
                    or function.__defaults__ is not defaults
                    or function.__kwdefaults__ is not keywords
                ):
                    return self._look()
            for names, name, known in self._names:
                found = names.get(name, _GONE)
                if found is not known and not _equal(found, known):
                    return self._look()
            return self._is_plain or self._is_rest_unchanged()
        return self._look()

    def _is_rest_unchanged(self) -> bool:
        """The same for what few functions depend on: attributes, items, what changes in place."""
        for owner, name, known in self._attributes:
            found = getattr(owner, name, _GONE)
            if found is not known and not _equal(found, known):
                return self._look()
        for owner, step, known in self._others:
            if not _leads_to(owner, step, known):
                return self._look()
        for value, text in self._mutable:
            if fingerprint(value) != text:
                return self._look()
        return True

    def _look(self) -> bool:
        """Compare every fingerprint, and note which objects to compare from now on."""
        # In this order, so that what changes meanwhile is noticed at the next call.
        if self._root_code() != self._code:
            self._current = False
            return False
        names: dict[tuple[int, str | int], tuple[dict[str, object], Any, object]] = {}
        attributes: dict[tuple[int, str | int], tuple[object, str, object]] = {}
        others: dict[tuple[int, Step], tuple[object, Step, object]] = {}
        mutable: list[tuple[object, str]] = []
        values: dict[Path, object] = {(): self._root}
        functions: dict[int, FunctionType] = {}
        try:
            for dependency in self._dependencies:
                for end in range(1, len(dependency.path) + 1):
                    before, path = dependency.path[: end - 1], dependency.path[:end]
                    if path not in values:
                        values[path] = follow(values[before], path[-1])
        except LookupError:
            self._current = False
            return False
        for path, value in values.items():
            function = plain_function(value)
            if function is not None:
                functions[id(function)] = function
            if not path:
                continue
            owner, step = values[path[:-1]], path[-1]
            kind, name = step
            if kind == "global":
                function = plain_function(owner)
                assert function is not None
                if name in function.__globals__:
                    names[id(function.__globals__), name] = (function.__globals__, name, value)
                else:
                    builtins = cast("dict[str, object]", function.__builtins__)
                    names[id(function.__globals__), name] = (function.__globals__, name, _GONE)
                    names[id(builtins), name] = (builtins, name, value)
            elif kind == "class" and "." not in (short := str(name).rpartition(":")[2]):
                held = vars(sys.modules[str(name).partition(":")[0]])
                names[id(held), short] = (held, short, value)
            elif kind == "module":
                loaded = cast("dict[str, object]", sys.modules)
                names[id(loaded), name] = (loaded, str(name), value)
            elif kind == "attribute" and isinstance(owner, ModuleType) and name in vars(owner):
                names[id(vars(owner)), name] = (vars(owner), name, value)
            elif kind == "attribute":
                attributes[id(owner), name] = (owner, str(name), value)
            else:
                others[id(owner), step] = (owner, step, value)
        seen = tuple((f, f.__code__, f.__defaults__, f.__kwdefaults__) for f in functions.values())
        for dependency in self._dependencies:
            value = values[dependency.path]
            text = fingerprint(value)
            if text != dependency.fingerprint:
                self._current = False
                return False
            if not is_immutable(value):
                mutable.append((value, text))
        self._functions = seen
        self._names = tuple(names.values())
        self._attributes = tuple(attributes.values())
        self._others = tuple(others.values())
        self._mutable = tuple(mutable)
        self._is_plain = not (attributes or others or mutable)
        self._current = True
        return True


_GONE = object()


def _leads_to(owner: object, step: Step, known: object) -> bool:
    try:
        found = follow(owner, step)
    except LookupError:
        return False
    return found is known or _equal(found, known)


def _equal(found: object, known: object) -> bool:
    """Tell whether two objects are surely the same to a kernel, where that is quickly said."""
    kind = type(found)
    if kind is not type(known):
        return False
    if kind is int or kind is str or kind is MethodType:
        return found == known
    return kind is float and found == known and found != 0.0  # 0.0 == -0.0
