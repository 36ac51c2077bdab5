"""A folder with all that the measurement needs: generated files, machine code, expected results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.cases import CASES, Case, derivatives, named
from benchmarks.workload import flat
from codegen_ad.errors import CodegenError
from codegen_ad.runtime.cuda.cubins import FOLDER, Cubins, Request
from codegen_ad.runtime.cuda.devices import Compile
from codegen_ad.runtime.cuda.table import DeviceFile, Kernel, read

HAND_WRITTEN = Path(__file__).parent / "ceilings_kernels.py"
CEILINGS = "ceilings"
CHECKED = (1, 1000, 70_001)
"""Numbers of points for which the bundle holds what must come out."""

INDEX = "cases.json"


@dataclass(frozen=True)
class Member:
    """A case of a bundle.

    Attributes
    ----------
    case : what it is.
    file : its generated file; None where it was refused.
    parameters : of the function, in order.
    numbers : for each result whether it is a number.
    why : the reason it was refused for.
    """

    case: Case
    file: DeviceFile | None
    parameters: tuple[str, ...]
    numbers: tuple[bool, ...]
    why: str


class Bundle:
    """A bundle that was made by `build`.

    Parameters
    ----------
    folder : where it lies.
    versions : of the compiler; without one, all machine code of the bundle is taken.
    """

    def __init__(
        self, folder: Path, versions: Callable[[], dict[str, str]], compile: Compile | None = None
    ) -> None:
        self.folder = folder
        self._compile = compile
        self._cubins = Cubins(folder / FOLDER, versions)

    def members(self) -> Iterator[Member]:
        """All cases."""
        index = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
        for name, what in index.items():
            file = read(self._text(name)) if what["why"] == "" else None
            yield Member(
                named(name), file, tuple(what["parameters"]), tuple(what["numbers"]), what["why"]
            )

    def ceilings(self) -> DeviceFile:
        """The kernels that show what the device can do."""
        return read(self._text(CEILINGS))

    def image_of(self, file: DeviceFile, name: str) -> Callable[..., Any]:
        """What gives machine code of a file's kernels."""

        def compile(kernel: Kernel, capability: tuple[int, int]) -> Any:
            if self._compile is None:
                raise CodegenError(
                    f"the bundle has no machine code of {kernel.name} for {capability}: "
                    "make it again with --build"
                )
            return self._compile(self.folder / f"{name}.py", kernel, capability)

        def image(kernel: Kernel, capability: tuple[int, int]) -> Any:
            return self._cubins.get(Request(file.source, kernel, capability), compile)

        return image

    def expected(self, name: str, points: int) -> list[np.ndarray]:
        """What a case must give, in double precision."""
        with np.load(self.folder / f"{name}_{points}.npz") as held:
            return [held[key] for key in sorted(held.files)]

    def _text(self, name: str) -> str:
        return (self.folder / f"{name}.py").read_text(encoding="utf-8")


def build(
    folder: Path,
    compile: Compile,
    versions: Callable[[], dict[str, str]],
    capabilities: tuple[tuple[int, int], ...],
    *,
    points: tuple[int, ...] = CHECKED,
    fits: Callable[[Path], list[tuple[str, DeviceFile]]] = lambda folder: [],
    say: Callable[[str], object] = print,
) -> None:
    """Make a bundle; `fits` writes the files of whole fits into it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / f"{CEILINGS}.py").write_text(HAND_WRITTEN.read_text(encoding="utf-8"))
    index: dict[str, Any] = {}
    for case in CASES:
        index[case.name] = _written(folder, case, points)
        say(f"{case.name}: {index[case.name]['why'] or 'written'}")
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
    bundle = Bundle(folder, versions, compile)
    files = [(CEILINGS, bundle.ceilings())]
    files += [(m.case.name, m.file) for m in bundle.members() if m.file is not None]
    files += fits(folder)
    for name, file in files:
        for kernel in file.kernels.values():
            for capability in capabilities:
                bundle.image_of(file, name)(kernel, capability)
        say(f"{name}: compiled")


def _written(folder: Path, case: Case, points: tuple[int, ...]) -> dict[str, Any]:
    """Write a case's file and expected results; what the index says of it."""
    arguments = case.data(1000, case.dtype)
    function = derivatives(case)
    binder = function.kernels.binder
    bound = binder.bind(arguments, {})
    try:
        text = function.source(*arguments).plain
    except CodegenError as error:
        lines = str(error).strip().splitlines()
        why = next((t for t in lines if t.startswith("This can")), lines[-1])
        return {"parameters": [], "numbers": [], "why": why}
    (folder / f"{case.name}.py").write_text(text)
    for n in points:
        exact = [np.asarray(v, np.float64) for v in case.data(n, case.dtype)]
        results = flat(function.on("cpu").value_and_grad(*exact))
        held = {f"{k:02}": np.asarray(v) for k, v in enumerate(results)}
        np.savez(folder / f"{case.name}_{n}.npz", **held)
    return {
        "parameters": list(bound),
        "numbers": [np.ndim(v) == 0 for v in results],
        "why": "",
    }
