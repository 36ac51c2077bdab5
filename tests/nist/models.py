"""The 27 problems of NIST's reference data sets: the model of each, as a user writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "data" / "nist_strd"


def bennett5(b: Any, x: Any) -> Any:
    return b[0] * (b[1] + x) ** (-1 / b[2])


def saturation(b: Any, x: Any) -> Any:
    return b[0] * (1 - np.exp(-b[1] * x))


def chwirut(b: Any, x: Any) -> Any:
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def dan_wood(b: Any, x: Any) -> Any:
    return b[0] * x ** b[1]


def enso(b: Any, x: Any) -> Any:
    b1, b2, b3, b4, b5, b6, b7, b8, b9 = b
    year = b2 * np.cos(2 * np.pi * x / 12) + b3 * np.sin(2 * np.pi * x / 12)
    first = b5 * np.cos(2 * np.pi * x / b4) + b6 * np.sin(2 * np.pi * x / b4)
    return b1 + year + first + b8 * np.cos(2 * np.pi * x / b7) + b9 * np.sin(2 * np.pi * x / b7)


def eckerle4(b: Any, x: Any) -> Any:
    return b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def two_peaks(b: Any, x: Any) -> Any:
    decay = b[0] * np.exp(-b[1] * x)
    first = b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2)
    return decay + first + b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)


def cubic_over_cubic(b: Any, x: Any) -> Any:
    above = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return above / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def kirby2(b: Any, x: Any) -> Any:
    return (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2)


def lanczos(b: Any, x: Any) -> Any:
    first = b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x)
    return first + b[4] * np.exp(-b[5] * x)


def mgh09(b: Any, x: Any) -> Any:
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def mgh10(b: Any, x: Any) -> Any:
    return b[0] * np.exp(b[1] / (x + b[2]))


def mgh17(b: Any, x: Any) -> Any:
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def misra1b(b: Any, x: Any) -> Any:
    return b[0] * (1 - (1 + b[1] * x / 2) ** -2)


def misra1c(b: Any, x: Any) -> Any:
    return b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5)


def misra1d(b: Any, x: Any) -> Any:
    return b[0] * b[1] * x / (1 + b[1] * x)


def nelson(b: Any, x: Any) -> Any:
    x1, x2 = x
    return b[0] - b[1] * x1 * np.exp(-b[2] * x2)


def rat42(b: Any, x: Any) -> Any:
    return b[0] / (1 + np.exp(b[1] - b[2] * x))


def rat43(b: Any, x: Any) -> Any:
    return b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3])


def roszman1(b: Any, x: Any) -> Any:
    return b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi


MODELS: dict[str, Callable[..., Any]] = {
    "Bennett5": bennett5,
    "BoxBOD": saturation,
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": dan_wood,
    "ENSO": enso,
    "Eckerle4": eckerle4,
    "Gauss1": two_peaks,
    "Gauss2": two_peaks,
    "Gauss3": two_peaks,
    "Hahn1": cubic_over_cubic,
    "Kirby2": kirby2,
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": mgh09,
    "MGH10": mgh10,
    "MGH17": mgh17,
    "Misra1a": saturation,
    "Misra1b": misra1b,
    "Misra1c": misra1c,
    "Misra1d": misra1d,
    "Nelson": nelson,
    "Rat42": rat42,
    "Rat43": rat43,
    "Roszman1": roszman1,
    "Thurber": cubic_over_cubic,
}


@dataclass(frozen=True)
class Problem:
    """A data set: two starting points, certified results with standard errors, and the data."""

    name: str
    starts: tuple[np.ndarray, np.ndarray]
    certified: np.ndarray
    errors: np.ndarray
    rss: float
    x: np.ndarray
    y: np.ndarray


def problem(name: str) -> Problem:
    """Read a file, the lines of which its own header names."""
    lines = (FOLDER / f"{name}.dat").read_text().splitlines()
    table = [line.split("=", 1)[1].split() for line in lines[:60] if _is_parameter(line)]
    rows = np.array([[float(v) for v in line.split()] for line in lines[60:] if line.split()])
    columns = np.array([[float(v) for v in row] for row in table])
    (rss,) = (line.split(":")[1] for line in lines if line.startswith("Residual Sum of Squares"))
    x = rows[:, 1] if rows.shape[1] == 2 else np.ascontiguousarray(rows[:, 1:].T)
    y = np.log(rows[:, 0]) if name == "Nelson" else rows[:, 0].copy()
    starts = columns[:, 0].copy(), columns[:, 1].copy()
    return Problem(
        name, starts, columns[:, 2].copy(), columns[:, 3].copy(), float(rss), x.copy(), y
    )


def _is_parameter(line: str) -> bool:
    name, equals, rest = line.partition("=")
    return bool(equals) and name.strip()[:1] == "b" and len(rest.split()) == 4
