"""Kernel files on disk: saved at once or not at all, and checked when they are found again.

An entry is `<name>_<primary>_<deps>.py` with a `.json` of the same stem beside it. The `.json` is
written last and makes the entry; the checksum in it tells whether the `.py` is still what was
generated. This module never imports a kernel and never decides whether one is up to date.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from codegen_ad.errors import CacheWarning
from codegen_ad.runtime.folder import (
    TEMPORARY,
    make_folder,
    private_folder,
    refuse_if_shared,
    replace_content,
)

FORMAT = 1
GENERATOR = "codegen_ad"
DIGITS = 12
"""How much of a digest stands in a file name; the whole of it stands in the metadata."""

_STEM = re.compile(rf"[A-Za-z0-9_]+_[0-9a-f]{{{DIGITS}}}_[0-9a-f]{{{DIGITS}}}")
_LONGEST_NAME = 60
_WRITING_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Entry:
    """A kernel file that was found, or has just been saved, with its metadata."""

    stem: str
    source_path: Path
    metadata: Mapping[str, object]


class Store:
    """The entries of one cache folder.

    Parameters
    ----------
    folder
        Where the entries lie. It is made when something is saved.

    Raises
    ------
    UnsafeCacheFolder
        Here and when entries are read, if others may write to the folder or to an entry.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        refuse_if_shared(folder)
        refuse_if_shared(folder / "__pycache__")

    def candidates(self, name: str, primary: str) -> list[Entry]:
        """Return the sound entries of a function and primary key, newest first.

        A damaged or foreign entry is left out and taken off the list for good; one `CacheWarning`
        names the file and what is wrong with it.
        """
        found: list[Entry] = []
        for path in self._metadata_files(f"{_file_name(name)}_{primary[:DIGITS]}_"):
            try:
                entry = _read(path)
            except _GoneError:
                continue
            except _DamagedError as error:
                # Only the .json: another process may be importing a .py it has just rebuilt.
                with contextlib.suppress(OSError):
                    path.unlink()
                warnings.warn(
                    f"cached kernel {error.path}: {error}; it will be rebuilt",
                    CacheWarning,
                    stacklevel=2,
                )
                continue
            if entry.metadata.get("name") == name and entry.metadata.get("primary") == primary:
                found.append(entry)
        return found

    def save(
        self, name: str, primary: str, deps: str, source: str, metadata: Mapping[str, object]
    ) -> Entry:
        """Write an entry and return it as `candidates` will.

        Parameters
        ----------
        name, primary, deps
            The function's name, the primary key and the digest of what else it depends on.
        source
            The text of the kernel file.
        metadata
            More to remember, in values that JSON can hold. Format, generator, keys, checksum and
            length are added.

        Where the folder can't be written to any more, the entry goes to a private temporary folder,
        with one `CacheWarning`.
        """
        stem = f"{_file_name(name)}_{primary[:DIGITS]}_{deps[:DIGITS]}"
        assert _STEM.fullmatch(stem), f"{stem}: primary and deps must be hexadecimal digests"
        code = source.encode()
        own = {
            "format": FORMAT,
            "generator": GENERATOR,
            "name": name,
            "primary": primary,
            "deps": deps,
            "sha256": hashlib.sha256(code).hexdigest(),
            "length": len(code),
        }
        assert not own.keys() & metadata.keys(), "these names in the metadata are the store's"
        notes = json.dumps({**metadata, **own}, indent=2, sort_keys=True) + "\n"
        try:
            path = _write(self.folder, stem, code, notes.encode())
        except OSError as error:
            spare = private_folder(f"{self.folder}: {error.strerror}")
            path = _write(spare, stem, code, notes.encode())
        return Entry(stem, path, cast("dict[str, object]", json.loads(notes)))

    def entries(self) -> list[Entry]:
        """Return all sound entries, newest first; the others are left as they are."""
        found: list[Entry] = []
        for path in self._metadata_files(""):
            with contextlib.suppress(_GoneError, _DamagedError):
                found.append(_read(path))
        return found

    def size_in_bytes(self) -> int:
        """Return how much room the entries take, numba's machine code included."""
        total = 0
        for path in self._own_files():
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def clear(self) -> int:
        """Remove all entries and their machine code, and return how many entries there were.

        Files that do not carry the name of an entry stay, and so does the folder.
        """
        stems = 0
        for path in sorted(self._own_files(), key=lambda path: path.suffix != ".json"):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                stems += path.suffix == ".json"
        with contextlib.suppress(OSError):  # missing, or holds something that is not ours
            (self.folder / "__pycache__").rmdir()
        return stems

    def _metadata_files(self, prefix: str) -> list[Path]:
        """Return the `.json` files whose name starts so, newest first."""
        dated: list[tuple[int, str, Path]] = []
        for path in _files_in(self.folder):
            if path.suffix == ".json" and path.name.startswith(prefix) and _is_entry(path.stem):
                with contextlib.suppress(FileNotFoundError):
                    dated.append((-path.stat().st_mtime_ns, path.name, path))
        return [path for _, _, path in sorted(dated)]

    def _own_files(self) -> Iterator[Path]:
        """Yield the files that this store, or numba on behalf of its entries, has made."""
        for path in _files_in(self.folder):
            ours = path.suffix in {".py", ".json"} and _is_entry(path.stem)
            if ours or (path.name.startswith(TEMPORARY) and _is_abandoned(path)):
                yield path
        for path in _files_in(self.folder / "__pycache__"):
            if _is_entry(path.name.partition(".")[0]):
                yield path


class _GoneError(Exception):
    """Another process removed the entry while it was being read."""


class _DamagedError(Exception):
    """An entry isn't what was saved."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(why)
        self.path = path


def _read(path: Path) -> Entry:
    """Return the entry of a `.json` file, checked against its `.py`."""
    refuse_if_shared(path)
    source_path = path.with_suffix(".py")
    refuse_if_shared(source_path)
    try:
        raw: object = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise _GoneError from error
    except (OSError, ValueError, RecursionError) as error:
        raise _DamagedError(path, "it cannot be read as JSON") from error
    if not isinstance(raw, dict):
        raise _DamagedError(path, "it was not written by codegen_ad")
    metadata = cast("dict[str, object]", raw)
    if metadata.get("generator") != GENERATOR:
        raise _DamagedError(path, "it was not written by codegen_ad")
    if metadata.get("format") != FORMAT:
        raise _DamagedError(path, "another version of codegen_ad wrote it, in another format")
    if not _fits(path.stem, metadata):
        raise _DamagedError(path, "its name and its content do not belong together")
    try:
        code = source_path.read_bytes()
    except FileNotFoundError as error:
        if not path.exists():
            raise _GoneError from error
        raise _DamagedError(source_path, "it is missing") from error
    except OSError as error:
        raise _DamagedError(source_path, f"it cannot be read ({error.strerror})") from error
    if len(code) != metadata.get("length"):
        raise _DamagedError(source_path, "it was cut short or edited")
    if hashlib.sha256(code).hexdigest() != metadata.get("sha256"):
        raise _DamagedError(source_path, "it was edited or damaged")
    return Entry(path.stem, source_path, metadata)


def _fits(stem: str, metadata: Mapping[str, object]) -> bool:
    name, primary, deps = (str(metadata.get(key)) for key in ("name", "primary", "deps"))
    return stem == f"{_file_name(name)}_{primary[:DIGITS]}_{deps[:DIGITS]}"


def _write(folder: Path, stem: str, code: bytes, notes: bytes) -> Path:
    """Write both files of an entry and return the path of the `.py`."""
    make_folder(folder)
    # Made here, because numba would make it with the permissions of the user's umask.
    make_folder(folder / "__pycache__")
    path = folder / f"{stem}.py"
    replace_content(path, code)
    replace_content(path.with_suffix(".json"), notes)
    return path


def _files_in(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return


def _is_abandoned(path: Path) -> bool:
    """Tell whether a temporary file is left over from a process that was killed."""
    try:
        return time.time() - path.stat().st_mtime > _WRITING_SECONDS
    except FileNotFoundError:
        return False


def _is_entry(stem: str) -> bool:
    return _STEM.fullmatch(stem) is not None


def _file_name(name: str) -> str:
    """Return a function's name in the letters that any file system and any import takes."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:_LONGEST_NAME] or "function"
