"""Columns of numbers from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


def read_columns(path: Path, names: Sequence[str]) -> list[Any]:
    """The named columns of a CSV file with a header line, as arrays of floats.

    Lines that are empty or begin with `#` are skipped.
    """
    import numpy as np

    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [line for line in file if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise click.UsageError(f"{path} is empty")
    rows = list(csv.reader(lines, skipinitialspace=True))
    header = [name.strip() for name in rows[0]]
    places: list[int] = []
    for name in names:
        if name not in header:
            raise click.UsageError(f"{path} has no column {name!r}; it has {', '.join(header)}")
        places.append(header.index(name))
    if len(rows) == 1:
        raise click.UsageError(f"{path} has a header and no data")
    columns: list[Any] = []
    for name, place in zip(names, places, strict=True):
        values = [_number(path, k, name, row, place) for k, row in enumerate(rows[1:], start=1)]
        columns.append(np.array(values))
    return columns


def _number(path: Path, number: int, name: str, row: Sequence[str], place: int) -> float:
    if place >= len(row):
        raise click.UsageError(f"{path}, row {number}: there is no value for {name}")
    try:
        return float(row[place])
    except ValueError:
        raise click.UsageError(
            f"{path}, row {number}: {name} is {row[place]!r}, no number"
        ) from None
