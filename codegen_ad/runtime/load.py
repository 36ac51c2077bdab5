"""Import kernel files as real modules, and live with damage to numba's machine code.

numba keeps machine code in `__pycache__` beside the kernel and trusts what it finds there. A file
that changed is found by its seal (`runtime.sealed`); where the seal cannot be reached, EOFError,
UnpicklingError or whatever else unpickling runs into surfaces in the middle of the first call. Such
an error is known here by where it was raised, never by its type.
This module never imports numba: the kernel does.

Two processes that compile the same function for the same argument types at once are safe: numba
replaces its files in one step, and both write the same. For *different* argument types they are
not: both may give their code the same number, and a later process would then run one type's code on
the other's data. So a kernel file is for one signature, which belongs into its primary key, and
`call_or_rebuild` checks that what was loaded is for the types at hand before it is run.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from codegen_ad.errors import CacheWarning, CodegenError, InternalError
from codegen_ad.runtime.entrances import compile_entrance
from codegen_ad.runtime.garbage import fewer_collections
from codegen_ad.runtime.sealed import seal
from codegen_ad.runtime.store import Entry

PACKAGE = "codegen_ad_kernels"

T = TypeVar("T")

_importing = threading.RLock()


class DamagedEntry(CodegenError):
    """A kernel file was removed or changed since it was found; it must be built again."""


def load(entry: Entry) -> ModuleType:
    """Import the kernel file of an entry and return the module, the same one for the same text.

    What is executed is exactly the text that the metadata's checksum vouches for. No `.pyc` file is
    read or written: it would be trusted by time and size only.

    Raises
    ------
    DamagedEntry
        If the file is gone or is not what was saved.
    InternalError
        If the file is what was saved and can't be imported all the same.
    """
    name = f"{PACKAGE}.{entry.stem}"
    with _importing:
        loaded = sys.modules.get(name)
        if loaded is not None and getattr(loaded, "__loader__", None) == _KernelLoader(entry):
            return loaded
        _kernel_package()
        loader = _KernelLoader(entry)
        spec = importlib.util.spec_from_file_location(name, entry.source_path, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            if isinstance(error, CodegenError) or not isinstance(error, Exception):
                raise
            raise InternalError(
                f"the kernel file {entry.source_path} cannot be imported "
                f"({type(error).__name__}: {error})"
            ) from error
        return module


def discard_machine_code(entry: Entry) -> int:
    """Remove what numba has kept on disk for an entry, and return how many files that were."""
    removed = 0
    for folder in _machine_code_folders(entry):
        for path in folder.glob(f"{entry.stem}.*.nb[ic]*"):
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
    return removed


def call_or_rebuild(entry: Entry, function: Callable[..., T], *args: object) -> T:
    """Return `function(*args)`, for the first call of a function of the entry's module.

    Where numba's machine code for it can't be read or kept, or is for other types than those of the
    arguments, it is removed, one `CacheWarning` says so, and the function is compiled afresh. An
    error that the function itself raises, or the compiler, passes through.
    """
    try:
        _make_ready(function, args)
        return function(*args)
    except Exception as error:
        if not _comes_from_numba_cache(error):
            raise
        why = f"{type(error).__name__}: {error}".splitlines()[0]
    discard_machine_code(entry)
    warnings.warn(
        f"machine code of cached kernel {entry.source_path}: it cannot be used ({why}); "
        "it will be rebuilt",
        CacheWarning,
        stacklevel=2,
    )
    return function(*args)


class _MixedUpCodeError(Exception):
    """The machine code that numba loaded is for other argument types than it was asked for."""


class _KernelLoader(SourceLoader):
    """Gives the import system the text of one entry; an abstract base filled in, without `.pyc`."""

    def __init__(self, entry: Entry) -> None:
        self._path = entry.source_path
        self._sha256 = entry.metadata.get("sha256")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _KernelLoader):
            return NotImplemented
        return (self._path, self._sha256) == (other._path, other._sha256)

    def __hash__(self) -> int:
        return hash((self._path, self._sha256))

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        try:
            code = self._path.read_bytes()
        except OSError as error:
            raise DamagedEntry(f"{self._path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(code).hexdigest() != self._sha256:
            raise DamagedEntry(f"{self._path} is not the file that was saved")
        return code


@runtime_checkable
class _Dispatcher(Protocol):
    """What is used of a function that numba compiles for the CPU."""

    overloads: dict[Any, Any]
    targetoptions: dict[str, Any]

    def typeof_pyval(self, val: object) -> object: ...


def _make_ready(function: Callable[..., object], args: tuple[object, ...]) -> None:
    """Compile a function or load its code, without running it, and check what has been loaded.

    One that Python runs, which deals parts out to threads, is left to compile what it calls.
    """
    if not isinstance(function, _Dispatcher):
        plain = function.func if isinstance(function, partial) else function
        seal(cast("dict[str, Any]", getattr(plain, "__globals__", {})).values())
        return
    if function.overloads:
        return
    code: Any = function
    seal((function, *code.py_func.__globals__.values()))
    types = tuple(function.typeof_pyval(arg) for arg in args)
    with fewer_collections():
        compile_entrance(function, types)
    if types not in function.overloads:
        raise _MixedUpCodeError("it is for other argument types")


def _comes_from_numba_cache(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it was raised from, passed through numba's disk cache."""
    while error is not None:
        if isinstance(error, _MixedUpCodeError):
            return True
        step = error.__traceback__
        while step is not None:
            module = str(step.tb_frame.f_globals.get("__name__"))
            if module.startswith("numba.") and module.endswith(".caching"):
                return True
            step = step.tb_next
        error = error.__cause__ or error.__context__
    return False


def _machine_code_folders(entry: Entry) -> Iterator[Path]:
    """Yield where numba keeps an entry's machine code: beside it, or where NUMBA_CACHE_DIR says."""
    folders = {entry.source_path.parent / "__pycache__"}
    module = sys.modules.get(f"{PACKAGE}.{entry.stem}")
    for value in () if module is None else tuple(vars(module).values()):
        path = getattr(getattr(value, "stats", None), "cache_path", None)
        if isinstance(path, str):
            folders.add(Path(path))
    yield from sorted(folders)


def _kernel_package() -> None:
    """Register the empty package that the kernels are modules of, so that pickles can name them."""
    if PACKAGE not in sys.modules:
        package = ModuleType(PACKAGE, "Kernels that codegen_ad generated, imported by file.")
        package.__path__ = cast("Any", [])
        sys.modules[PACKAGE] = package
