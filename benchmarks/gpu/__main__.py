"""The measurement's command line.

python -m benchmarks.gpu --build FOLDER     machine code and expected results, without a GPU
python -m benchmarks.gpu --bundle FOLDER    measure, with that folder and a GPU
python -m benchmarks.gpu --dry              everything up to the launch, in the simulator
python -m benchmarks.gpu --static           registers, spills and modelled cycles of all files
python -m benchmarks.gpu --parameters       registers and spills by the number of parameters
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks import report
from benchmarks.gpu import (
    ceilings,
    correctness,
    fits,
    many_fits,
    overhead,
    parameters,
    sweep,
    written_in_c,
)
from benchmarks.gpu.bundle import CHECKED, Bundle, build
from benchmarks.gpu.device import Device, Prepared
from benchmarks.report import Row, Section
from codegen_ad.runtime.cuda.devices import SYSTEM, using
from codegen_ad.runtime.cuda.driver import Driver
from codegen_ad.runtime.cuda.table import DeviceFile

SECONDS = 540
"""How long a measurement may take: a machine may be lent for ten minutes."""

DRY = (1, 300)
"""Numbers of points of a dry run."""

IN_C = "The same loops in CUDA C++, by NVIDIA's compiler"

ROOT = Path(__file__).parent.parent.parent
GENERATED = ROOT / "generated" / "cuda"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 0 if nothing failed."""
    parser = argparse.ArgumentParser("python -m benchmarks.gpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--build", type=Path, metavar="FOLDER")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--parameters", action="store_true")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--out", type=Path, help="where JSON and table go (default: results/)")
    parser.add_argument("--only", choices=("small", "once"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.static:
        return static()
    if options.parameters:
        for line in parameters.tables():
            print(line, flush=True)
        return 0
    if options.build is not None:
        from codegen_ad.testing.machine_code.examine import CAPABILITIES

        write = partial(written, dry=False)
        build(options.build, SYSTEM.compile, SYSTEM.versions, CAPABILITIES, fits=write)
        print(f"loops in CUDA C++: {written_in_c.write(options.build, CAPABILITIES) or 'compiled'}")
        return 0
    if options.dry:
        return dry(options.out)
    if options.bundle is None:
        parser.error("give --bundle FOLDER, made by --build FOLDER; or --dry, or --static")
    driver = SYSTEM.driver()
    with tempfile.TemporaryDirectory() as private:
        return on_device(driver, owned(options.bundle, Path(private)), options)


def written(folder: Path, dry: bool) -> list[tuple[str, DeviceFile]]:
    """Write the files of whole fits; their names and what they say."""
    return [*fits.write(folder, dry), *many_fits.write(folder, dry)]


def owned(bundle: Path, private: Path) -> Path:
    """A copy of a bundle that is ours alone: what was carried here may belong to anybody."""
    copied = Path(shutil.copytree(bundle, private / "bundle", copy_function=shutil.copyfile))
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return copied


def on_device(driver: Driver, folder: Path, options: argparse.Namespace) -> int:
    """Measure, or do the part of it that a process of its own does."""
    # The bundle's machine code is taken as it is, whatever compiler is installed here.
    bundle = Bundle(folder, dict)
    device = Device(driver, is_dry=False, until=time.monotonic() + options.seconds)
    if options.only == "small":
        return int(any(r.reached is False for r in correctness.rows(device, bundle, (1, 1000))))
    if options.only == "once":
        return once(device, bundle)
    return measure(device, bundle, folder, options.out)


def measure(device: Device, bundle: Bundle, folder: Path, out: Path | None) -> int:
    """All sections, in the order in which they would be missed; each is kept once it is there."""
    book = _begun(device, bundle, CHECKED, out)
    best = book.largest("copy") or 3000.0
    times: sweep.Times = {}
    for section in sweep.sections(device, bundle, best * 1e9, times):
        book.keep(section)
    book.add(IN_C, lambda: written_in_c.rows(device, bundle, times))
    book.add("Start", lambda: overhead.start(folder))
    left = min(120.0, device.left() - 10)
    if left > 20:
        book.add("Sanitizer", lambda: correctness.sanitized(folder, left))
    for section in sweep.others(device, bundle, times):
        book.keep(section)
    book.finish()
    return int(book.failed)


def _begun(device: Device, bundle: Bundle, points: tuple[int, ...], out: Path | None) -> Book:
    """The sections that a dry run has too."""
    book = Book(device, out)
    book.add("Device and kernels", lambda: loading(device, bundle))
    book.add(
        "Correctness: difference from double precision",
        lambda: correctness.rows(device, bundle, points),
    )
    book.add("Ceilings", lambda: ceilings.Ceilings(device, bundle).rows())
    book.add("Beside the kernel", lambda: overhead.rows(device, bundle))
    book.add("Many least-squares fits", lambda: many_fits.rows(device, bundle))
    book.add("Whole fits", lambda: fits.rows(device, bundle))
    return book


class Book:
    """The sections so far, printed and written after each, so that a cut run leaves them."""

    def __init__(self, device: Device, out: Path | None) -> None:
        self.failed = False
        self._device = device
        self._out = out
        self._sections: list[Section] = []
        self._begin = time.monotonic()

    def add(self, title: str, rows: Callable[[], Iterable[Row]]) -> None:
        """Measure a section; an error becomes a row."""
        found: list[Row] = []
        try:
            found.extend(rows())
            if self._device.is_dry:
                found = [replace(row, value=_known(row.value)) for row in found]
        except Exception as error:
            traceback.print_exc()
            why = (str(error).strip().splitlines() or [""])[0]
            found.append(Row("FAILED", None, "", note=f"{type(error).__name__}: {why}"[:200]))
            self.failed = True
        self.keep(Section(title, tuple(found), title))

    def keep(self, section: Section) -> None:
        """Print a section and write all of them."""
        self._sections.append(section)
        self.failed = self.failed or any(row.reached is False for row in section.rows)
        print(report.text([section]), f"\n  [{time.monotonic() - self._begin:.0f} s]", flush=True)
        if self._out is not None or not self._device.is_dry:
            self._write()

    def largest(self, prefix: str) -> float | None:
        """The largest value of all rows whose name begins so."""
        rows = (row for section in self._sections for row in section.rows)
        return max((r.value for r in rows if r.name.startswith(prefix) and r.value), default=None)

    def finish(self) -> None:
        """Say how it went."""
        took = time.monotonic() - self._begin
        print(f"\n{len(self._sections)} sections in {took:.0f} s")

    def _write(self) -> None:
        folder = self._out or report.RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        properties = self._device.properties
        content = {
            "machine": report.machine(),
            "device": asdict(properties),
            "driver": self._device.driver.version(),
            "dry": self._device.is_dry,
            "sections": [asdict(s) for s in self._sections],
        }
        file = folder / "gpu.json"
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        head = f"{properties.name}, driver for CUDA {self._device.driver.version() / 1000:g}\n\n"
        text = head + report.text(self._sections) + "\n"
        file.with_suffix(".txt").write_text(text, encoding="utf-8")


def loading(device: Device, bundle: Bundle) -> Iterable[Row]:
    """What the device is, and whether all machine code of the bundle loads on it."""
    p = device.properties
    major, minor = p.capability
    yield Row(p.name, None, "", note=f"compute capability {major}.{minor}, "
              f"{p.multiprocessors} multiprocessors, {p.memory / 1e9:.0f} GB")  # fmt: skip
    yield Row("driver", device.driver.version() / 1000, "")
    for member in bundle.members():
        if member.file is None:
            yield Row(member.case.name, None, "", note=f"refused: {member.why}")
            continue
        given = dict(zip(member.parameters, member.case.data(1, member.case.dtype), strict=True))
        begin = time.perf_counter()
        Prepared(device, member.file, bundle.image_of(member.file, member.case.name), given)
        yield Row(f"{member.case.name} loads", 1e3 * (time.perf_counter() - begin), "ms")


def once(device: Device, bundle: Bundle) -> int:
    """Load one kernel and run it: what a new process does."""
    member = next(m for m in bundle.members() if m.file is not None)
    assert member.file is not None
    given = dict(zip(member.parameters, member.case.data(1000, member.case.dtype), strict=True))
    program = Prepared(device, member.file, bundle.image_of(member.file, member.case.name), given)
    program()
    print(program.results()[0])
    return 0


def dry(out: Path | None) -> int:
    """Everything on a simulated device: a bundle is made and measured, at small sizes."""
    from benchmarks.gpu import mutations
    from codegen_ad.testing.simulated_driver import SimulatedDriver

    simulated = SimulatedDriver()
    platform = simulated.platform()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "bundle"
        write = partial(written, dry=True)
        with using(platform):
            build(folder, platform.compile, platform.versions, ((9, 0),), points=DRY, fits=write)
        print(f"loops in CUDA C++: {written_in_c.write(folder, ((9, 0),)) or 'compiled'}")
        bundle = Bundle(folder, platform.versions, platform.compile)
        device = Device(simulated, is_dry=True, until=time.monotonic() + SECONDS)
        book = _begun(device, bundle, DRY, out)
        for section in sweep.sections(device, bundle, 3e12, {}):
            book.keep(section)
        book.add(IN_C, lambda: written_in_c.rows(device, bundle, {}))
        book.add("Mistakes in kernels of fits", mutations.rows)
        book.finish()
    print("A dry run: the simulator stands for the device, so no time means anything.")
    return int(book.failed)


STEPS = 200_000
"""Of a fit, where a model says how many there are in a second."""


def static() -> int:
    """The table of resources of all generated files; 1 if something is wrong with one."""
    from codegen_ad.testing.machine_code import examine, problems, table

    found = [f for path in sorted(GENERATED.glob("*.py")) for f in examine(path)]
    print(table(found), end="")
    for f in found:
        if f.share is not None and "_fit_" in f.file and "warp" in f.file and "many" not in f.file:
            print(
                f"{f.file}: {f.share.warps} warps at once on a multiprocessor, "
                f"{f.share.cycles:.0f} of its cycles a step ({f.share.limit}); by the model "
                f"{f.share.fits(STEPS):,.0f} fits of {STEPS:,} steps a second, a warp each"
            )
    for line in many_fits.modelled(GENERATED):
        print(line)
    wrong = [p for f in found for p in problems(f)]
    for problem in wrong:
        print(f"problem: {problem}")
    return int(bool(wrong))


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


if __name__ == "__main__":
    sys.exit(main())
