"""The commands of `codegen-ad`, put together. Imported only where click is installed."""

from __future__ import annotations

from typing import Any

import click

from codegen_ad.cli.cache import cache
from codegen_ad.cli.doctor import doctor
from codegen_ad.cli.fit import fit
from codegen_ad.cli.ops import ops
from codegen_ad.cli.show import show
from codegen_ad.errors import CodegenError


class Commands(click.Group):
    """A group whose commands say what is wrong without a traceback, and end with status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what `codegen_ad` raises on purpose is printed as its message."""
        try:
            return super().invoke(ctx)
        except CodegenError as error:
            click.echo(str(error), err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="codegen-ad", prog_name="codegen-ad")
def commands() -> None:
    """Turn NumPy functions into the source code of their gradients."""


for command in (show, fit, cache, doctor, ops):
    commands.add_command(command)
