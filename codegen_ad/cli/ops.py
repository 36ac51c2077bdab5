"""`codegen-ad ops`: every operation with its derivative."""

from __future__ import annotations

import click


@click.command()
@click.argument("part", required=False, default="")
def ops(part: str) -> None:
    """List the operations and their derivatives, or those whose name contains PART.

    Elementwise operations show the derivative in each argument, in terms of the arguments and of
    the result, `out`. Other operations have a rule in the package, below `codegen_ad/ops`.
    """
    from codegen_ad.derive.scalar import partials
    from codegen_ad.ops import ELEMENTWISE, SEVERAL, STRUCTURAL

    shown = 0
    for op, entry in ELEMENTWISE.items():
        if part not in op.name:
            continue
        shown += 1
        click.echo(f"{op.name}({', '.join(entry.arguments)}) = {entry.spelling}")
        if not entry.differentiable:
            click.echo("    no derivative")
            continue
        for letter, text in zip(entry.arguments, partials(entry), strict=True):
            if text:
                click.echo(f"    d/d{letter} = {text}")
        if entry.policy:
            click.echo(f"    {entry.policy}")
    for op, rule in (*STRUCTURAL.items(), *SEVERAL.items()):
        if part in op.name:
            shown += 1
            known = "differentiable" if rule.pullback is not None else "no derivative"
            click.echo(f"{op.name}: {op.kind.value}, {known}")
    if not shown:
        raise click.UsageError(f"no operation's name contains {part!r}")
