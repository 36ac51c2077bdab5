"""What every test gets: a private kernel cache, golden files, reproducible random examples."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path, PurePosixPath
from typing import Any

import hypothesis
import pytest

from tests.compile_times import CompileTimes

CACHE_VARIABLE = "CODEGEN_AD_CACHE"
CACHE_KEY = pytest.StashKey[tuple[Path, str | None]]()
BOOK_KEY = pytest.StashKey["GoldenBook"]()

GOLDEN_FOLDERS = ("tests/golden", "generated")
REPOSITORY_PATHS = ("generated", "docs", "README.md")
HAND_WRITTEN = ("README.md", "__init__.py", "conftest.py", "cases.py", "test_*.py")

hypothesis.settings.register_profile(
    "ci", max_examples=25, derandomize=True, deadline=None, database=None
)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


# Golden files -------------------------------------------------------------------------------------


class Golden:
    """Compares text with files that a person has reviewed."""

    def __init__(self, root: Path, *, update: bool) -> None:
        self.root = root
        self.update = update
        self.checked: set[str] = set()
        self.changed: set[str] = set()

    def check(self, path: str, text: str) -> None:
        """Fail unless the golden file holds exactly `text`; with `--update-golden`, rewrite it.

        `path` is relative to `tests/golden`, or to the repository where it begins with
        `generated/` or `docs/` or is `README.md`.
        """
        file = self._place(path)
        name = file.relative_to(self.root).as_posix()
        self.checked.add(name)
        found = file.read_bytes().decode() if file.is_file() else None
        if found == text:
            return
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
            self.changed.add(name)
            return
        pytest.fail(_difference(name, found, text), pytrace=False)

    def _place(self, path: str) -> Path:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise ValueError(f"a golden path is relative and stays in its folder, not {path!r}")
        if pure.parts[0] in REPOSITORY_PATHS:
            return self.root / pure
        return self.root / "tests" / "golden" / pure


def _difference(name: str, found: str | None, text: str) -> str:
    hint = "If the change is meant: pytest --update-golden, and review the diff."
    if found is None:
        return f"{name} does not exist. {hint}"
    lines = unified_diff(
        found.splitlines(keepends=True), text.splitlines(keepends=True), name, "this run"
    )
    shown = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    return f"{name} differs from what this run makes. {hint}\n{shown}"


class GoldenBook:
    """Plugin that knows at the end of a run which golden files changed, and which nothing checks.

    Orphans can be told only from a run of the whole suite in which every test of golden files
    passed. With xdist, each worker sends what it learned and the controller decides.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.golden = Golden(config.rootpath, update=bool(config.getoption("--update-golden")))
        self.tests: set[str] = set()
        self.passed: set[str] = set()
        self.orphans: list[str] = []

    @pytest.hookimpl(tryfirst=True)  # before `-m golden` selects
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if "golden" in getattr(item, "fixturenames", ()):
                item.add_marker("golden")
                self.tests.add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        learned: dict[str, list[str]] = getattr(node, "workeroutput", {}).get("golden", {})
        self.tests.update(learned.get("tests", ()))
        self.golden.checked.update(learned.get("checked", ()))
        self.golden.changed.update(learned.get("changed", ()))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if _is_worker(self.config):
            output: dict[str, Any] = self.config.workeroutput  # pyright: ignore
            output["golden"] = {
                "tests": sorted(self.tests),
                "checked": sorted(self.golden.checked),
                "changed": sorted(self.golden.changed),
            }
            return
        ran = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if ran and self._whole_suite() and self.tests <= self.passed:
            self.orphans = sorted(_golden_files(self.config.rootpath) - self.golden.checked)
        if self.golden.update:
            for name in self.orphans:
                (self.config.rootpath / name).unlink()
        if (self.golden.changed or self.orphans) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not (self.golden.changed or self.orphans):
            return
        terminalreporter.section("golden files")
        for name in sorted(self.golden.changed):
            terminalreporter.write_line(f"rewritten: {name}")
        for name in self.orphans:
            fate = "removed" if self.golden.update else "no test makes this file"
            terminalreporter.write_line(f"{fate}: {name}")
        terminalreporter.write_line(
            "This run fails so that a person looks: review the diff, then run the tests again."
            if self.golden.update
            else "Remove them with pytest --update-golden, and review the diff."
        )

    def _whole_suite(self) -> bool:
        option = self.config.getoption
        return self.config.args_source is not pytest.Config.ArgsSource.ARGS and not any(
            option(name, default=None)
            for name in ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf")
        )


def _golden_files(root: Path) -> set[str]:
    return {
        file.relative_to(root).as_posix()
        for folder in GOLDEN_FOLDERS
        for file in (root / folder).rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not any(file.match(pattern) for pattern in (*HAND_WRITTEN, "*.nb[ic]"))
    }


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden.check(path, text)` compares text with a reviewed file."""
    return request.config.stash[BOOK_KEY].golden


# The run ------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden` and `--thorough`."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite golden files, remove orphans, list both, and fail: a person accepts the diff",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="also what the marks `every` and `thorough` leave out, in about twice the time",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Open the golden book, and give the run a kernel cache of its own that its workers share."""
    # A shell's background jobs start with Ctrl-C ignored; tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[BOOK_KEY] = GoldenBook(config)
    config.pluginmanager.register(config.stash[BOOK_KEY], "golden-book")
    config.pluginmanager.register(CompileTimes(config), "compile-times")
    if _is_worker(config):  # inherits the environment of the process that started it
        return
    folder = Path(tempfile.mkdtemp(prefix="codegen_ad-tests-"))  # mode 0700
    config.stash[CACHE_KEY] = (folder, os.environ.get(CACHE_VARIABLE))
    os.environ[CACHE_VARIABLE] = str(folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only a thorough run does, and begin with what takes long.

    What takes long comes first, so that no worker is left with it while the others are done.
    """
    named = any("::" in arg for arg in config.args)
    if not (named or config.getoption("--thorough")):
        _leave_out(config, items)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests marked `thorough`, and of those marked `every(n)` all but each n-th.

    Tests of golden files all run: only then can be told which files nothing makes any more.
    """
    seen: dict[str, int] = {}
    kept: list[pytest.Item] = []
    for item in items:
        every = item.get_closest_marker("every")
        left_out = item.get_closest_marker("thorough") is not None
        if every is not None:
            test = item.nodeid.partition("[")[0]
            place = seen[test] = seen.get(test, -1) + 1
            left_out = left_out or place % every.args[0] != 0
        if not left_out or "golden" in getattr(item, "fixturenames", ()):
            kept.append(item)
    if len(kept) < len(items):
        stay = set(map(id, kept))
        config.hook.pytest_deselected(items=[item for item in items if id(item) not in stay])
        items[:] = kept


def pytest_collection_finish() -> None:
    """Let the garbage collector look less often, and not at what was there before the first test.

    Programs and kernels are many small objects, for which it took a fifth of the run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put the environment back, and remove the run's cache."""
    if (entry := config.stash.get(CACHE_KEY, None)) is None:
        return
    folder, before = entry
    if before is None:
        os.environ.pop(CACHE_VARIABLE, None)
    else:
        os.environ[CACHE_VARIABLE] = before
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def cache_folder() -> Iterator[Path]:
    """Kernel cache of this run: private, shared by all its tests, so each kernel compiles once."""
    folder = Path(os.environ[CACHE_VARIABLE])
    yield folder
    assert os.environ.get(CACHE_VARIABLE) == str(folder), f"a test left {CACHE_VARIABLE} changed"
