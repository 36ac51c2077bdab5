"""Which folder the kernels are kept in, and whether it can be trusted.

What lies in the folder is imported, so it must be writable by its owner only. This module finds and
checks folders; it never looks at what a kernel file says.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import stat
import sys
import tempfile
import warnings
from pathlib import Path

from codegen_ad.errors import CacheWarning, UnsafeCacheFolder

VARIABLE = "CODEGEN_AD_CACHE"
TEMPORARY = ".codegen_ad-"
"""How the name of a file begins that is still being written."""


def open_folder() -> Path:
    """Return the cache folder, made if it was missing, and known to be writable.

    `CODEGEN_AD_CACHE` names it; without that it is the user's cache folder of the platform. Where
    it cannot be made or written to, one `CacheWarning` says so and a private temporary folder,
    removed at exit, takes its place.

    Raises
    ------
    UnsafeCacheFolder
        If others than the current user may write to the folder, because its content is executed.
    """
    try:
        folder = _wanted_folder()
        make_folder(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        return private_folder(_reason(error))
    refuse_if_shared(folder)
    try:
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        return private_folder(_reason(error))


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that only the current user may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@functools.cache
def private_folder(why: str) -> Path:
    """Return a temporary folder of this process, and warn that kernels will not be kept.

    Asking again for the same reason gives the same folder, without a second warning.
    """
    folder = Path(tempfile.mkdtemp(prefix="codegen_ad-"))
    atexit.register(_remove, folder, os.getpid())
    warnings.warn(
        f"generated kernels cannot be kept: {why}. They go to a temporary folder and are built "
        f"again next time. Set {VARIABLE} to a folder that you can write to.",
        CacheWarning,
        stacklevel=3,
    )
    return folder


def refuse_if_shared(path: Path) -> None:
    """Check that nobody but the current user may write to a file or folder of the cache.

    Raises
    ------
    UnsafeCacheFolder
        If the group or others may write to it, or if it belongs to somebody else. Where the
        platform has no such permissions, nothing is refused; a missing path isn't either.
    """
    if sys.platform == "win32":
        return
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    what = "folder" if stat.S_ISDIR(status.st_mode) else "file"
    if status.st_uid != os.geteuid():
        why, mend = "it belongs to another user", f"chown {os.geteuid()} '{path}'"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        why, mend = "others may write to it", f"chmod go-w '{path}'"
    else:
        return
    raise UnsafeCacheFolder(
        f"codegen_ad does not use the cache {what} {path}: {why}, and its content is executed.\n"
        f"If you trust what is in it, run: {mend}\n"
        f"Otherwise set {VARIABLE} to a folder of your own."
    )


def replace_content(path: Path, content: bytes) -> None:
    """Give a file new content in one step, so that no reader ever sees half of it."""
    handle, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        # Windows refuses while another process reads the file; the other writer wrote the same.
        if not (isinstance(error, PermissionError) and _holds(path, content)):
            raise


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _wanted_folder() -> Path:
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("codegen_ad", appauthor=False).absolute()


def _reason(error: OSError | RuntimeError) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _remove(folder: Path, owner: int) -> None:
    """Remove the temporary folder, unless this is a forked child of the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
