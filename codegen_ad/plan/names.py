"""Names for a kernel's variables: the user's own where there is one, `d_name` for its adjoint.

Unnamed parts of a statement are `r_1`, `r_2`, … after the statement's target, so that an edit of
one statement renames nothing elsewhere. Elements of a small array end in their index: `w_0`.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Collection

from codegen_ad.ir.builder import INPUT, Input
from codegen_ad.ir.dims import ONE
from codegen_ad.ir.node import Kind, Node, Notes, Origin, Program
from codegen_ad.ops.special import FUNCTIONS as CARRIED
from codegen_ad.plan.access import Point
from codegen_ad.plan.kernel import (
    Allocate,
    Assign,
    For,
    Kernel,
    Let,
    LibraryCall,
    Load,
    Statement,
    Tiles,
    View,
    blocks,
)
from codegen_ad.plan.provisional import Names
from codegen_ad.plan.tidying.rename import rename_dim, rename_expr, rename_statement

LOOP_NAMES = "ijklm"
TAKEN = {
    # Modules, and variables that lines of the library bring along.
    "failed",
    "found",
    "math",
    "njit",
    "np",
    "numba",
    "types",
    # What files may define and kernels call (`backends/brought.py`).
    "TWO_OVER_PI",
    "add_matrix_vector",
    "add_outer_products",
    "add_product",
    "add_vector_matrix",
    "blas_gemm",
    "bluestein",
    "dft",
    "inverse_dft",
    "lapack_potrf",
    "matrix_cholesky",
    "matrix_cofactors",
    "matrix_eigh",
    "matrix_exponential",
    "matrix_exponential_derivative",
    "matrix_finite",
    "matrix_lstsq",
    "matrix_lu",
    "matrix_lu_det",
    "matrix_lu_slogdet",
    "matrix_lu_solve",
    "matrix_pinv",
    "matrix_put",
    "matrix_qr",
    "matrix_solve_triangular",
    "matrix_substitute",
    "matrix_svd",
    "plus",
    "roots_of_unity",
    "stockham",
    "subtract_product",
    "swap_rows",
    "tile_product",
    "transformed",
    "vector_acos",
    "vector_acosh",
    "vector_angle",
    "vector_arc",
    "vector_asin",
    "vector_asinh",
    "vector_atan",
    "vector_atan2",
    "vector_atanh",
    "vector_cbrt",
    "vector_cos",
    "vector_cosh",
    "vector_digamma",
    "vector_erf",
    "vector_erf_near",
    "vector_erfc",
    "vector_erfc_far",
    "vector_exp",
    "vector_exp2",
    "vector_exp2_part",
    "vector_exp_parts",
    "vector_exp_single",
    "vector_expit",
    "vector_expm1",
    "vector_gammaln",
    "vector_gammaln_far",
    "vector_gammaln_near",
    "vector_hypot",
    "vector_leading",
    "vector_log",
    "vector_log10",
    "vector_log1p",
    "vector_log2",
    "vector_log_ends",
    "vector_log_part",
    "vector_logaddexp",
    "vector_pow",
    "vector_power_of_two",
    "vector_scaled",
    "vector_sin",
    "vector_sinh",
    "vector_softplus",
    "vector_split",
    "vector_tan",
    "vector_tanh",
    "vector_turn_cos",
    "vector_turn_sin",
    "vector_turns",
    "with_more_room",
    *(f.__name__ for f in CARRIED),
    *keyword.kwlist,
    *dir(builtins),
}


def usable(name: str, taken: Collection[str] = ()) -> str:
    """The user's name of a function or parameter, unless generated code needs it for its own."""
    return f"{name}_" if name in TAKEN or name in taken else name


def assign(kernel: Kernel, provisional: Names, notes: Notes, program: Program) -> None:
    """Give every provisional name of a kernel its final name."""
    namer = _Namer(provisional, notes, _heirs(program, notes))
    namer.taken |= {p.name for p in kernel.parameters} | {s.symbol for s in kernel.sizes}
    namer.taken |= provisional.reserved
    for name, output in zip(kernel.output_names, kernel.outputs, strict=True):
        known = output if isinstance(output, str) else getattr(output, "name", None)
        if isinstance(known, str) and known.startswith("@") and known not in namer.final:
            namer.final[known] = namer.unique(name)
    namer.block(kernel.body)
    rename = namer.rename
    for statement in kernel.body:
        rename_statement(statement, rename)
    kernel.outputs = tuple(
        rename(o) if isinstance(o, str) else rename_expr(o, rename) for o in kernel.outputs
    )


def _heirs(program: Program, notes: Notes) -> dict[Node, str]:
    """Sums that are a gradient but for a factor bear the gradient's name."""
    users = Counter(a for n in program.nodes() for a in n.args)
    found: dict[Node, str] = {}
    for output, name in zip(program.outputs, program.output_names, strict=True):
        if output not in notes.gradients:
            continue
        stack = [output]
        while stack:
            node = stack.pop()
            if node.op.kind in (Kind.REDUCE, Kind.CONTRACT):
                found[node] = name
            elif node.op.name in ("multiply", "negative", "divide", "reshape"):
                stack += [a for a in node.args if users[a] == 1 and a not in notes.names]
    return found


class _Namer:
    def __init__(self, provisional: Names, notes: Notes, heirs: dict[Node, str]) -> None:
        self.provisional = provisional
        self.heirs = heirs
        self.notes = notes
        self.taken: set[str] = set(TAKEN)
        self.final: dict[str, str] = {}
        self.known: dict[tuple[Node, Point], str] = {}
        self.loops: set[str] = set()
        self.open: list[str] = []
        self.targets: dict[Origin, str] = {}
        for node, name in notes.names.items():
            origin = notes.origins.get(node)
            if origin is not None and node not in notes.gradients:
                self.targets.setdefault(origin, name)

    def rename(self, name: str) -> str:
        return self.final.get(name, name)

    def numbered(self, name: str) -> str:
        count = 1
        while f"{name}_{count}" in self.taken:
            count += 1
        self.taken.add(f"{name}_{count}")
        return f"{name}_{count}"

    def unique(self, name: str) -> str:
        candidate, count = name, 0
        while candidate in self.taken:
            count += 1
            candidate = f"{name}_{count}"
        self.taken.add(candidate)
        return candidate

    def block(self, body: list[Statement]) -> None:
        for statement in body:
            match statement:
                case For(variable=variable):
                    self.open.append(self.loop(variable))
                    self.block(statement.body)
                    self.open.pop()
                case Tiles(first=first, rows=rows, row=row):
                    for name in (first, rows, row):
                        self.define(name, load=False)
                    self.block(statement.body)
                case Let(name=name):
                    self.define(name, load=isinstance(statement.expr, Load))
                case Assign(names=names):
                    for name in names:
                        self.define(name, load=False)
                case Allocate(buffer=name) | View(buffer=name):
                    self.define(name, load=False)
                case LibraryCall(results=names):
                    for name in names:
                        self.define(name, load=False)
                case _:
                    for inner in blocks(statement):
                        self.block(inner)

    def loop(self, variable: str) -> str:
        """The name of a loop variable: the user's, or a letter that no open loop has."""
        if variable in self.final or not variable.startswith("@"):
            return self.rename(variable)
        node, _ = self.provisional.meaning.get(variable, (None, ()))
        wish = self.notes.names.get(node) if node is not None else None
        for name in (*((wish,) if wish else ()), *LOOP_NAMES):
            if name not in self.open and (name not in self.taken or name in self.loops):
                break
        else:
            name = self.unique("i")
        self.loops.add(name)
        self.taken.add(name)
        self.final[variable] = name
        return name

    def define(self, name: str, *, load: bool) -> None:
        """Name a variable where it is first assigned.

        The same element, computed again in another loop, may share the name; variables that change
        have one of their own.
        """
        if not name.startswith("@") or name in self.final:
            return
        if name in self.provisional.copies:
            original = self.provisional.copies[name]
            self.define(original, load=load)
            self.final[name] = self.rename(original)
            return
        meaning = self.provisional.meaning.get(name)
        if meaning is None:
            wishes = self.provisional.wishes.get(name, ("t",))
            free = [wish for wish in wishes if wish not in self.taken]
            self.final[name] = self.unique((*free, wishes[0])[0])
            return
        node, point = meaning
        if name in self.provisional.tiles | self.provisional.blocks:
            kind = "tile" if name in self.provisional.tiles else "block"
            self.final[name] = self.unique(
                f"{self.wish(node, (), load=False) or self.base(node)}_{kind}"
            )
            return
        shared = name in self.provisional.shared
        key = node, tuple(rename_dim(d, self.rename) for d in point)
        if shared and key in self.known:
            self.final[name] = self.known[key]
            return
        wish = self.wish(node, point, load=load)
        self.final[name] = self.unique(wish) if wish else self.numbered(self.base(node))
        if shared:
            self.known[key] = self.final[name]

    def wish(self, node: Node, point: Point, *, load: bool) -> str | None:
        base = self.notes.names.get(node) or self.heirs.get(node)
        if base is None and node.op is INPUT:
            assert isinstance(node.params, Input)
            base = node.params.name
        if base is not None:
            return base + self.suffix(node, point, loops=load)
        return None

    def base(self, node: Node) -> str:
        """What the unnamed parts of a node's statement are called."""
        origin = self.notes.origins.get(node)
        target = self.targets.get(origin) if origin is not None else None
        if target is None:
            target = "value" if origin is None or origin.text.startswith("return") else "part"
        target = re.sub(r"\W", "_", target)
        if node in self.notes.gradients:
            target = f"d_{target}" if not target.startswith("d_") else target
        return target

    def suffix(self, node: Node, point: Point, *, loops: bool) -> str:
        parts: list[str] = []
        for dim, position in zip(node.array.shape, point, strict=False):
            if dim == ONE:
                continue
            if position.is_constant:
                parts.append(str(position.value))
            elif loops and position.name is not None:
                parts.append(self.rename(position.name).replace("@", ""))
        return "".join(f"_{p}" for p in parts)
