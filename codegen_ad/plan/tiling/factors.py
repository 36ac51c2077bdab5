"""What expressions in a loop are made of: through the names that it computes, and as factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from codegen_ad.plan.kernel import Apply, Expr, Let, Statement, Var
from codegen_ad.plan.tidying.rename import names_in, rename_expr

Lets = dict[str, Let]
"""Names, in order, and the statements that compute them."""


def lets_of(body: Sequence[Statement], before: Statement | None = None) -> dict[str, Let]:
    """The names that a block itself computes, up to a statement."""
    found: dict[str, Let] = {}
    for statement in body:
        if statement is before:
            break
        if isinstance(statement, Let):
            found[statement.name] = statement
    return found


def expanded(expr: Expr, lets: Lets) -> Expr:
    """The expression with names replaced by what they stand for."""
    match expr:
        case Var(name) if name in lets:
            return expanded(lets[name].expr, lets)
        case Apply(args=args):
            return replace(expr, args=tuple(expanded(a, lets) for a in args))
        case _:
            return expr


def needed(expr: Expr, lets: Lets) -> list[Let]:
    """What an expression is computed from, in order."""
    names = set(names_in(expr))
    found: list[Let] = []
    for name, let in reversed(lets.items()):
        if name in names:
            found.insert(0, let)
            names.update(names_in(let.expr))
    return found


def renamed_in(expr: Expr, names: Mapping[str, str]) -> Expr:
    """The expression with some names replaced by others."""
    return rename_expr(expr, lambda n: names.get(n, n))


def factors(expr: Expr, lets: Lets, variables: set[str]) -> list[Expr]:
    """The factors of a product; a name that depends on all `variables` is looked into.

    A sign goes to the first factor that does not depend on all of them.
    """

    def depends(factor: Expr) -> bool:
        return variables.issubset(names_in(expanded(factor, lets)))

    match expr:
        case Apply("multiply", (first, second)):
            return [*factors(first, lets, variables), *factors(second, lets, variables)]
        case Apply("negative", (inner,)):
            found = factors(inner, lets, variables)
            place = next((k for k, f in enumerate(found) if not depends(f)), 0)
            found[place] = Apply("negative", (found[place],), found[place].dtype)
            return found
        case Var(name) if name in lets and depends(expr):
            return factors(lets[name].expr, lets, variables)
        case _:
            return [expr]


def multiplied(expressions: Sequence[Expr]) -> Expr:
    """The product of factors, in order."""
    product, *others = expressions
    for factor in others:
        product = Apply("multiply", (product, factor), product.dtype)
    return product
