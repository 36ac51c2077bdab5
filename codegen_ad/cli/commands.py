"""The commands of `codegen-ad`, one function each. Imported only where click is installed."""

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="codegen-ad", prog_name="codegen-ad")
def commands() -> None:
    """Turn NumPy functions into the source code of their gradients."""
