"""`import` inside of a function: the module is found now, as it would be when the function runs.

What is read of a module is a dependency, as it is of one that the file imports at its top.
"""

from __future__ import annotations

import ast
import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from codegen_ad.frontend.calls.outside import TRUSTED, import_
from codegen_ad.frontend.context import Value
from codegen_ad.frontend.values import Outside, Provenance

if TYPE_CHECKING:
    from codegen_ad.frontend.machine import Machine


def import_modules(m: Machine, node: ast.Import) -> None:
    """`import a.b`, `import a.b as c`."""
    for alias in node.names:
        whole = _module(m, alias.name)
        top = alias.name.partition(".")[0]
        bound = whole if alias.asname is not None else _module(m, top)
        m.frame.env[alias.asname or top] = _outside(m, bound)


def import_parts(m: Machine, node: ast.ImportFrom) -> None:
    """`from a import b`, `from . import b`, `from a import b as c`."""
    name = "." * node.level + (node.module or "")
    module = _module(m, name)
    for alias in node.names:
        if not hasattr(module, alias.name):
            part = _module(m, f"{name}{'' if name.endswith('.') else '.'}{alias.name}")
            found: Value = _outside(m, part)
        else:
            owner = _outside(m, module)
            path = (*owner.path, ("attribute", alias.name))
            found = import_(m, getattr(module, alias.name), path)
        m.frame.env[alias.asname or alias.name] = found


def _module(m: Machine, name: str) -> ModuleType:
    package = m.frame.globals.get("__package__")
    try:
        return importlib.import_module(name, package)
    except ImportError as error:
        m.fails(error)


def _outside(m: Machine, module: ModuleType) -> Outside:
    path: Provenance = (("module", module.__name__),)
    top = module.__name__.partition(".")[0]
    # Of a library it is enough to know the version.
    m.dependencies[(("module", top),) if top in TRUSTED else path] = None
    return Outside(module, path)
