"""`codegen-ad cache`: where generated kernels lie, how much room they take, and removing them."""

from __future__ import annotations

from collections import Counter

import click


@click.group()
def cache() -> None:
    """Look after the folder that keeps generated kernels."""


@cache.command()
def path() -> None:
    """Print the folder."""
    from codegen_ad.runtime.folder import open_folder

    click.echo(open_folder())


@cache.command()
def info() -> None:
    """Print how many kernels there are, of which functions, and their size."""
    from codegen_ad.runtime.cuda.cubins import FOLDER, Cubins
    from codegen_ad.runtime.folder import VARIABLE, open_folder
    from codegen_ad.runtime.store import Store

    store = Store(open_folder())
    entries = store.entries()
    click.echo(f"folder   {store.folder}")
    click.echo(f"kernels  {len(entries)}")
    click.echo(f"size     {_size(store.size_in_bytes())}")
    codes = Cubins(store.folder / FOLDER, dict)
    if count := len(codes.files()):
        click.echo(f"for GPUs {count}, {_size(sum(p.stat().st_size for p in codes.files()))}")
    names = Counter(str(entry.metadata.get("name")) for entry in entries)
    for name, count in sorted(names.items()):
        click.echo(f"  {name}: {count}")
    click.echo(f"Set {VARIABLE} to use another folder.")


@cache.command()
def clear() -> None:
    """Remove all kernels and their machine code."""
    from codegen_ad.runtime.cuda.cubins import FOLDER, Cubins
    from codegen_ad.runtime.folder import open_folder
    from codegen_ad.runtime.store import Store

    store = Store(open_folder())
    Cubins(store.folder / FOLDER, dict).clear()
    count = store.clear()
    click.echo(f"removed {count} {'kernel' if count == 1 else 'kernels'}")


def _size(count: int) -> str:
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.1f} KiB" if count < 1024**2 else f"{count / 1024**2:.1f} MiB"
