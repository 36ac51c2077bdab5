"""The rules of the house: what a module may be, import and keep."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "codegen_ad"
LONGEST_MODULE = 400
LONGEST_TEMPLATE = 60

# From the ground to the roof. A part may import from its own layer and from those below it.
# fmt: off
LAYERS = (
    {"errors", "source", "options", "signature", "paths"},
    {"ir"},
    {"ops"},
    {"frontend", "derive", "passes"},
    {"plan"},
    {"emit"},
    {"backends"},
    {"runtime"},
    {"fit", "interop", "sparsity"},
    {"modes"},
    {"stages", "derivation", "sizing"},
    {"build"},
    {
        "api",
        "differentiable",
        "minimizing",
        "custom",
        "functional",
        "explain",
        "testing",
        "wiring",
        "cli",
        "profile",
        "__init__",
        "__main__",
    },
)
HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in layer}
NEIGHBOURS = {"frontend", "derive", "passes"}  # never import each other
ONLY = {"runtime": LAYERS[0]}  # a warm start loads nothing else

# Who may import what from outside.
IMPORTERS = {
    "sympy": ("derive/scalar.py", "explain*"),
    "jinja2": ("emit/render.py",),
    "numba": ("backends/*", "runtime/*", "fit/*"),
    "llvmlite": ("backends/*", "runtime/*", "fit/*"),
    "click": ("cli*",),
    "cuda": ("runtime/cuda/*",),
    "greenlet": ("testing/lockstep/*",),
}
LEAN = ("numba", "llvmlite", "sympy", "jinja2", "rich", "tqdm", "scipy", "matplotlib", "click",
        "cuda", "greenlet")  # fmt: skip
STANDALONE = {"numpy", "numba"} | sys.stdlib_module_names

MUTABLE_CALLS = {"dict", "list", "set", "bytearray", "defaultdict", "OrderedDict", "Counter",
                 "deque", "WeakKeyDictionary", "WeakValueDictionary"}  # fmt: skip
MUTATORS = {"append", "add", "update", "setdefault", "pop", "popitem", "clear", "extend", "insert",
            "remove", "discard"}  # fmt: skip

MODULES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.jinja"))
GENERATED = sorted((ROOT / "generated").rglob("*.py"))


def name_of(path: Path) -> str:
    """Path as a test prints it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """Syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def part_of(path: Path) -> str:
    """First folder or module below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """Every imported name, absolute, with its line: at any depth and under `TYPE_CHECKING` too."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name
            case _:
                pass


def imports_of_module(path: Path) -> Iterator[tuple[int, str]]:
    """Imports of a module of the package."""
    return imports_of(tree_of(path), ".".join(path.relative_to(ROOT).parent.parts))


def part_imported(name: str) -> str:
    """Part of the package that an absolute import of it reaches."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in HEIGHT else "__init__"


def wrong_way(importer: str, imported: str) -> bool:
    """Whether an import from one part to another breaks the order of the house."""
    if importer == imported:
        return False
    if importer in ONLY:
        return imported not in ONLY[importer]
    if {importer, imported} <= NEIGHBOURS:
        return True
    return HEIGHT[imported] > HEIGHT[importer]


def module_state(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and description of each thing at module level that can change."""
    constants: set[str] = set()
    for statement in tree.body:
        targets, value = _assignment(statement)
        for name in targets:
            constants.add(name)
            if name == name.lower() and not name.startswith("__") and _is_mutable(value):
                yield statement.lineno, f"`{name}` is a mutable value in a variable"
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"`global {', '.join(node.names)}`"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _changes_to(node, constants)


def _assignment(statement: ast.stmt) -> tuple[list[str], ast.expr | None]:
    match statement:
        case ast.Assign(targets=targets, value=value):
            names = (node for target in targets for node in ast.walk(target))
            return [node.id for node in names if isinstance(node, ast.Name)], value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return [name], value
        case _:
            return [], None


def _is_mutable(value: ast.expr | None) -> bool:
    match value:
        case ast.Dict() | ast.List() | ast.Set() | ast.DictComp() | ast.ListComp() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in MUTABLE_CALLS
        case ast.Call(func=ast.Subscript(value=ast.Name(id=name))):
            return name in MUTABLE_CALLS
        case _:
            return False


def _changes_to(
    function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, constants: set[str]
) -> Iterator[tuple[int, str]]:
    local = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)} | {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(function):
        match node:
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute)) if (
                attribute in MUTATORS
            ):
                pass
            case _:
                continue
        if name in constants - local:
            yield node.lineno, f"a function changes `{name}`"


# Tests --------------------------------------------------------------------------------------------


# One test looks at all modules: thousands of tests take longer to pass around than to run.


def test_a_module_is_short() -> None:
    lengths = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in MODULES)
    found = [f"{name_of(path)} has {n} lines" for path, n in lengths if n > LONGEST_MODULE]
    assert not found, "\n".join([*found, "make two rooms of it"])


def test_a_module_says_what_it_is_for() -> None:
    assert not [name_of(path) for path in MODULES if not ast.get_docstring(tree_of(path))]


def test_every_folder_is_a_package() -> None:
    folders = {folder for path in MODULES for folder in path.parents if folder != ROOT}
    inside = {folder for folder in folders if folder.is_relative_to(PACKAGE)}
    assert not [name_of(folder) for folder in inside if not (folder / "__init__.py").is_file()]


def test_every_part_has_a_layer() -> None:
    unknown = {part_of(path) for path in MODULES} - HEIGHT.keys()
    assert not unknown, f"give {sorted(unknown)} a place in LAYERS"


def test_imports_point_down() -> None:
    wrong = [
        f"{name_of(path)}:{line} imports {name}: {importer} may not import {part_imported(name)}"
        for path in MODULES
        for importer in [part_of(path)]
        for line, name in imports_of_module(path)
        if name.split(".")[0] == "codegen_ad" and wrong_way(importer, part_imported(name))
    ]
    assert not wrong, "\n".join(wrong)


def test_libraries_have_one_door() -> None:
    wrong = [
        f"{name_of(path)}:{line} imports {name}; only {', '.join(allowed)} may"
        for path in MODULES
        for line, name in imports_of_module(path)
        if (allowed := IMPORTERS.get(name.split(".")[0]))
        and not any(fnmatch(path.relative_to(PACKAGE).as_posix(), place) for place in allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_keeps_state() -> None:
    wrong = [
        f"{name_of(path)}:{line}: {what}"
        for path in MODULES
        for line, what in module_state(tree_of(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_template_fits_on_a_screen() -> None:
    lengths = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in TEMPLATES)
    assert not [f"{name_of(path)}: {n}" for path, n in lengths if n > LONGEST_TEMPLATE]


def test_a_generated_file_stands_alone() -> None:
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in GENERATED
        for _, name in imports_of(tree_of(path), "")
        if name.split(".")[0] not in STANDALONE
    ]
    assert not wrong, "\n".join(wrong)


def test_import_is_lean() -> None:
    code = "import sys, codegen_ad; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not set(result.stdout.split()) & set(LEAN)


def test_no_file_names_a_place_on_a_machine() -> None:
    place = re.compile(
        "|".join(rf"(?<![\w./~-]){re.escape(folder)}(?![\w-])" for folder in _places())
    )
    found = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in _files_of_the_repository()
        for number, line in enumerate(_lines(path), start=1)
        if place.search(line)
    ]
    assert not found, "\n".join(found)


def _places() -> list[str]:
    """Folders of this machine: the checkout, what it stands in, the user's home.

    `CODEGEN_AD_PLACES` adds more, for a run in a copy of the checkout.
    """
    system = {Path(p) for p in ("/", "/home", "/Users", "/opt", "/usr", "/usr/src", "/srv", "/tmp")}
    extra = os.environ.get("CODEGEN_AD_PLACES", "").split(os.pathsep)
    roots = [ROOT, *(Path(folder) for folder in extra if folder)]
    folders = {place for root in roots for place in (root, root.parent)} | {Path.home()}
    return sorted(str(folder) for folder in folders - system)


def _files_of_the_repository() -> list[Path]:
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:  # a picture
        return []


# The checks themselves ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("importer", "imported", "wrong"),
    [
        ("ir", "errors", False),
        ("ir", "ops", True),
        ("derive", "ops", False),
        ("derive", "frontend", True),
        ("passes", "passes", False),
        ("runtime", "options", False),
        ("runtime", "ir", True),
        ("plan", "__init__", True),
        ("cli", "api", False),
    ],
)
def test_the_order_of_the_house(importer: str, imported: str, wrong: bool) -> None:
    assert wrong_way(importer, imported) is wrong


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("from codegen_ad.ir import node", ["ir"]),
        ("from codegen_ad import ir, differentiate", ["ir", "__init__"]),
        ("from ..ops.table import OPS", ["ops"]),
        ("from . import scalar", ["derive"]),
        ("from .. import errors", ["errors"]),
        ("if TYPE_CHECKING:\n    import codegen_ad.plan.view", ["plan"]),
        ("def f():\n    import_module('codegen_ad.api')", ["api"]),
    ],
)
def test_imports_are_found(code: str, parts: list[str]) -> None:
    names = [name for _, name in imports_of(ast.parse(code), "codegen_ad.derive")]
    assert [part_imported(name) for name in names] == parts


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("TABLE = {}", 0),
        ("cache = {}", 1),
        ("cache: dict[str, int] = dict()", 1),
        ("first, second = 1, 2\n__all__ = ['a']", 0),
        ("seen = collections.defaultdict(list)", 1),
        ("def f():\n    global x\n    x = 1", 1),
        ("TABLE = {}\ndef f():\n    TABLE[1] = 2", 1),
        ("TABLE = []\ndef f():\n    TABLE.append(2)", 1),
        ("TABLE = []\ndef f(TABLE):\n    TABLE.append(2)", 0),
    ],
)
def test_state_is_found(code: str, count: int) -> None:
    assert len(list(module_state(ast.parse(code)))) == count
