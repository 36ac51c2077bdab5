"""Machine code that numba keeps on disk, with a checksum at the end of each file.

numba runs whatever it reads: a byte that a disk or a person changed in the middle of machine code
can give a wrong number, and nobody would know. The checksum stands behind the pickle, where the
reader of a pickle does not look, so that a file with its seal is a file of numba's all the same.
This module never decides what happens to a broken file: `runtime.load` does.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

_LENGTH = hashlib.sha256().digest_size


class BrokenSealError(Exception):
    """A file of machine code is not the one that was saved."""


def seal(functions: Iterable[Any]) -> None:
    """Let numba check the files of these functions as it reads them, and sign what it writes.

    A function of which numba keeps no files is left alone.
    """
    found = (getattr(getattr(f, "_cache", None), "_cache_file", None) for f in functions)
    for file in [file for file in found if file is not None]:
        plain = import_module("numba.core.caching").IndexDataCacheFile
        if type(file) is plain:
            file.__class__ = _sealed(plain)


@cache
def _sealed(plain: Any) -> type:
    """Return numba's reader and writer of an index and its data, with seals."""

    class SealedFile(plain):
        def _dump(self, obj: object) -> bytes:
            content = cast("bytes", super()._dump(obj))
            return content + hashlib.sha256(content).digest()

        def _load_index(self) -> object:
            path = Path(self._index_path)
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                # numba puts its version in front, and takes a file of another for none at all.
                if pickle.load(file) == self._version:
                    _check(path, file.read())
            return cast("object", super()._load_index())

        def _load_data(self, name: str) -> object:
            path = Path(self._data_path(name))
            _check(path, path.read_bytes())
            return cast("object", super()._load_data(name))

    return SealedFile


def _check(path: Path, content: bytes) -> None:
    """Raise unless the end of the content is the checksum of what stands before it."""
    if hashlib.sha256(content[:-_LENGTH]).digest() != content[-_LENGTH:]:
        raise BrokenSealError(f"{path.name} is not the file that was saved")
