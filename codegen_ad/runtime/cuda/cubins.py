"""Machine code on disk: found by what it was made from, or made; never half of it.

An entry is `<kernel>_<key>_<architecture>.cubin` with a `.json` beside it, which is written last,
makes the entry, and holds the checksum of the code. numba's own key would leave out constants,
globals, `fastmath` and launch bounds; ours holds the whole text of the file.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from codegen_ad.errors import CacheWarning
from codegen_ad.runtime.cuda.ahead import Capability, Image, Resources, architecture
from codegen_ad.runtime.cuda.table import Kernel
from codegen_ad.runtime.folder import (
    make_folder,
    private_folder,
    refuse_if_shared,
    replace_content,
)

FORMAT = 2
DIGITS = 16
FOLDER = "cubins"
"""Where in the cache folder the entries lie."""

_ENTRY = re.compile(rf"\w+_[0-9a-f]{{{DIGITS}}}_sm_\d+\.(cubin|json)")

Compile = Callable[[Kernel, Capability], Image]


@dataclass(frozen=True, slots=True)
class Request:
    """A kernel of a file, for an architecture.

    Attributes
    ----------
    source : the text of the generated file.
    kernel : what its table says of the kernel.
    capability : of the device.
    """

    source: str
    kernel: Kernel
    capability: Capability

    def key(self) -> str:
        """A digest of everything that decides the machine code, the compiler's versions apart."""
        k = self.kernel
        options = [k.signature, k.launch_bounds, k.cooperative, k.fastmath]
        held = [FORMAT, self.source, k.name, options, architecture(self.capability)]
        return hashlib.sha256(json.dumps(held).encode()).hexdigest()

    def stem(self) -> str:
        """The entry's file name, without its ending."""
        return f"{self.kernel.name}_{self.key()[:DIGITS]}_{architecture(self.capability)}"


class Cubins:
    """The machine code in one folder.

    Parameters
    ----------
    folder : where the entries lie; it is made when something is kept.
    versions : of the compiler that would be used; empty if there is none. Code by another compiler
        is taken only where there is none.

    Raises
    ------
    UnsafeCacheFolder
        Here and when entries are read, if others may write to the folder or to an entry.
    """

    def __init__(self, folder: Path, versions: Callable[[], dict[str, str]]) -> None:
        self.folder = folder
        self._versions = versions
        refuse_if_shared(folder)

    def get(self, request: Request, compile: Compile) -> Image:
        """The machine code of a kernel: what lies in the folder, or what `compile` makes."""
        found = self.find(request)
        if found is not None:
            return found
        image = compile(request.kernel, request.capability)
        self.keep(request, image)
        return image

    def find(self, request: Request) -> Image | None:
        """The machine code that lies in the folder, or None.

        A damaged entry counts as none; one `CacheWarning` says what is wrong with it.
        """
        path = self.folder / f"{request.stem()}.json"
        refuse_if_shared(path)
        refuse_if_shared(path.with_suffix(".cubin"))
        try:
            notes = cast("dict[str, Any]", json.loads(path.read_bytes()))
            if notes["format"] != FORMAT or notes["key"] != request.key():
                return None
            code = path.with_suffix(".cubin").read_bytes()
            if hashlib.sha256(code).hexdigest() != notes["sha256"]:
                raise ValueError("its code was cut short or changed")
            image = Image(notes["entry"], code, Resources(**notes["resources"]), notes["versions"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            warnings.warn(
                f"cached machine code {path.with_suffix('.cubin')}: it cannot be used ({error}); "
                "it will be built again",
                CacheWarning,
                stacklevel=3,
            )
            return None
        present = self._versions()
        return image if not present or image.versions == present else None

    def keep(self, request: Request, image: Image) -> Path:
        """Write an entry and return the path of its code."""
        notes = {
            "format": FORMAT,
            "key": request.key(),
            "kernel": request.kernel.name,
            "signature": request.kernel.signature,
            "architecture": architecture(request.capability),
            "entry": image.entry,
            "resources": asdict(image.resources),
            "versions": image.versions,
            "sha256": hashlib.sha256(image.code).hexdigest(),
        }
        try:
            return self._write(self.folder, request.stem(), image.code, notes)
        except OSError as error:
            spare = private_folder(f"{self.folder}: {error.strerror}")
            return self._write(spare, request.stem(), image.code, notes)

    def files(self) -> list[Path]:
        """The machine code of all entries."""
        return sorted(
            p for p in self.folder.glob("*_sm_*.cubin") if p.with_suffix(".json").exists()
        )

    def clear(self) -> None:
        """Remove all entries; files that are none stay, and so does the folder."""
        for path in self.folder.glob("*_sm_*.*"):
            if _ENTRY.fullmatch(path.name):
                path.unlink(missing_ok=True)

    @staticmethod
    def _write(folder: Path, stem: str, code: bytes, notes: dict[str, Any]) -> Path:
        make_folder(folder)
        path = folder / f"{stem}.cubin"
        replace_content(path, code)
        text = json.dumps(notes, indent=2, sort_keys=True) + "\n"
        replace_content(path.with_suffix(".json"), text.encode())
        return path
