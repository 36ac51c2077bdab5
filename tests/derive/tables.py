"""Functions that fill tables in nested loops: those that need no record of it, and those that do.

Each takes three parameters and data; with `n` data a table has some `n` by `n` elements.
"""

from typing import Any

import numpy as np


def edit_distance(p: Any, y: Any) -> Any:
    n = len(y)
    D = np.zeros((n + 1, n + 1))
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            cost = (y[i - 1] * p[0] - np.sin(j) * p[1]) ** 2
            D[i, j] = cost + min(D[i - 1, j] + p[2], D[i, j - 1] + 0.3, D[i - 1, j - 1])
    return D[n, n] * p[1]


def warping(p: Any, y: Any) -> Any:
    """Within a band, which touches the borders."""
    n = len(y)
    w = max(n // 3, 1)
    D = np.full((n + 1, n + 1), np.inf)
    D[0, 0] = p[0]
    for i in range(1, n + 1):
        for j in range(max(1, i - w), min(n, i + w) + 1):
            cost = np.abs(y[i - 1] * p[1] - y[j - 1] ** 2)
            D[i, j] = cost + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return D[n, n] * p[2]


def soft_paths(p: Any, y: Any) -> Any:
    """From the last corner to the first, in products."""
    n = len(y)
    D = np.zeros((n + 1, n + 1))
    D[n, n] = p[0]
    for i in range(n - 1, -1, -1):
        for j in range(n - 1, -1, -1):
            D[i, j] = np.tanh(p[1] * D[i + 1, j] * D[i, j + 1] + p[2] * D[i + 1, j + 1]) + y[i]
    return np.sum(D**2)


def matrix_of(p: Any, y: Any) -> Any:
    n = len(y)
    A = np.outer(y, y) * p[0]
    for i in range(n):
        A[i, i] += 2.0 + p[1]
    return A


def cholesky_by_rows(p: Any, y: Any) -> Any:
    n = len(y)
    A = matrix_of(p, y)
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            if i == j:
                L[i, j] = np.sqrt(s)
            else:
                L[i, j] = s / L[j, j]
    return np.sum(np.log(np.diag(L))) * p[2] + np.sum(L**3)


def cholesky_by_columns(p: Any, y: Any) -> Any:
    n = len(y)
    A = matrix_of(p, y)
    L = np.zeros((n, n))
    for j in range(n):
        s = A[j, j]
        for k in range(j):
            s -= L[j, k] ** 2
        L[j, j] = np.sqrt(s)
        for i in range(j + 1, n):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = s / L[j, j]
    return np.sum(L**3) * p[2]


def cholesky_by_products(p: Any, y: Any) -> Any:
    n = len(y)
    A = matrix_of(p, y)
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            L[i, j] = (A[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
        L[i, i] = np.sqrt(A[i, i] - L[i, :i] @ L[i, :i])
    return np.sum(L**3) * p[2]


def solves(p: Any, y: Any) -> Any:
    """Many right-hand sides, forward and back, in one array each."""
    n = len(y)
    L = np.tril(matrix_of(p, y))
    X = np.zeros((n, 2))
    Z = np.zeros((n, 2))
    for i in range(n):
        for c in range(2):
            s = y[i] * (c + p[2])
            for k in range(i):
                s -= L[i, k] * np.sin(X[k, c])
            X[i, c] = s / L[i, i]
    for i in range(n - 1, -1, -1):
        for c in range(2):
            s = X[i, c]
            for k in range(i + 1, n):
                s -= L[k, i] * Z[k, c] ** 2
            Z[i, c] = s / L[i, i]
    return np.sum(Z**2)


def elimination(p: Any, y: Any) -> Any:
    """Factors in place of the matrix: what is overwritten is only added to."""
    n = len(y)
    A = matrix_of(p, y)
    for k in range(n):
        for i in range(k + 1, n):
            A[i, k] = A[i, k] / A[k, k]
            for j in range(k + 1, n):
                A[i, j] -= A[i, k] * A[k, j]
    return np.sum(A**2) * p[2]


def flat(p: Any, y: Any) -> Any:
    """A table in a vector, row after row."""
    n = len(y)
    D = np.zeros((n + 1) * (n + 1))
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            up = D[(i - 1) * (n + 1) + j]
            D[i * (n + 1) + j] = np.tanh(p[0] * up + p[1] * D[i * (n + 1) + j - 1] ** 2 + y[j - 1])
    return np.sum(D**2) * p[2]


def intervals(p: Any, y: Any) -> Any:
    """By length: the best way to take an interval apart."""
    n = len(y)
    D = np.zeros((n, n))
    for i in range(n):
        D[i, i] = p[0] * y[i]
    for length in range(1, n):
        for i in range(n - length):
            best = p[2] * y[i] + 9.0
            for k in range(i, i + length):
                best = min(best, D[i, k] * p[1] + D[k + 1, i + length] ** 2)
            D[i, i + length] = best
    return np.sum(D**2)


def diagonals(p: Any, y: Any) -> Any:
    n = len(y)
    D = np.ones((n + 1, n + 1)) * p[0]
    for d in range(2, 2 * n + 1):
        for i in range(max(1, d - n), min(n, d - 1) + 1):
            j = d - i
            D[i, j] = np.tanh(D[i - 1, j] * D[i, j - 1] * p[1] + y[i - 1] * D[i - 1, j - 1])
    return np.sum(D**2) * p[2]


def in_twos(p: Any, y: Any) -> Any:
    """Steps of two, each from the row two before."""
    n = len(y)
    D = np.ones((n + 2, n + 2)) * p[0]
    for i in range(2, n, 2):
        for j in range(n - 1, 1, -2):
            D[i, j] = np.sin(D[i - 2, j] * p[1]) + D[i, j + 2] ** 2 * y[j]
    return np.sum(D**2) * p[2]


def two_tables(p: Any, y: Any) -> Any:
    """Gaps of their own: one table needs the other one."""
    n = len(y)
    M, G = np.zeros((n + 1, n + 1)), np.full((n + 1, n + 1), p[0])
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            G[i, j] = np.tanh(G[i - 1, j] * p[1] + M[i - 1, j] ** 2)
            M[i, j] = np.sin(M[i - 1, j - 1] * G[i, j] + y[i - 1]) * p[2] + M[i, j - 1] ** 2 * 0.1
    return np.sum(M * G)


def with_total(p: Any, y: Any) -> Any:
    """The loop that fills the table carries something else too."""
    n = len(y)
    D = np.zeros((n + 1, n + 1))
    total = p[0]
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            D[i, j] = np.sin(D[i - 1, j] * p[1] + D[i, j - 1] ** 2 + y[j - 1])
            total = np.tanh(total + D[i, j] * D[i - 1, j - 1] * p[2])
    return total


def guarded(p: Any, y: Any) -> Any:
    """Conditions spare what lies outside."""
    n = len(y)
    D = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            s = p[0] * y[i]
            if i > 0 and j > 0:
                s += np.sin(D[i - 1, j - 1]) * p[1]
            if not (j < 2):
                s += D[i, j - 2] ** 2 * p[2]
            D[i, j] = np.tanh(s)
    return np.sum(D**2)


def middle_rows(p: Any, y: Any) -> Any:
    """A part of each row is written, another one read."""
    n = len(y)
    D = np.ones((n + 1, 4)) * p[0]
    for i in range(1, n + 1):
        D[i, 1:3] = np.sin(D[i - 1, 1:3] * p[1]) + y[i - 1] * D[i, 0] ** 2 + D[i - 1, 3] * p[2]
    return np.sum(D**2)


def below(p: Any, y: Any) -> Any:
    """Reads what is overwritten in the next row."""
    n = len(y)
    D = np.outer(y, y) * p[0]
    for i in range(n - 1):
        for j in range(1, n):
            D[i, j] = np.sin(D[i + 1, j] * p[1]) * D[i, j - 1] + p[2]
    return np.sum(D**2)


def zeros_before(p: Any, y: Any) -> Any:
    """Reads zeros that are overwritten later in the row."""
    n = len(y)
    D = np.zeros((n + 2, n + 2))
    for i in range(1, n):
        for j in range(1, n):
            D[i, j] = np.exp(D[i, j + 1] * p[0]) + np.sin(D[i - 1, j] * p[1]) * p[2] * y[i]
    return np.sum(D**2)


def two_sweeps(p: Any, y: Any) -> Any:
    """All is written again."""
    n = len(y)
    D = np.outer(y, y) * p[0]
    for _ in range(2):
        for i in range(1, n):
            for j in range(1, n):
                D[i, j] = np.sin(D[i - 1, j] * p[1]) + D[i, j - 1] ** 2 * p[2]
    return np.sum(D**2)


def second_write(p: Any, y: Any) -> Any:
    """The loop behind writes to what the loop before has read."""
    n = len(y)
    D = np.outer(y, y) * p[0]
    for i in range(1, n):
        for j in range(n):
            D[i, j] = np.sin(D[i - 1, j] * p[1]) + y[j]
        for j in range(n):
            D[i - 1, j] = D[i, j] * p[2]
    return np.sum(D**2)


def wide_band(p: Any, y: Any) -> Any:
    """The band may begin below 0, which is at the end of the row."""
    n = len(y)
    D = np.outer(y, y) * p[0]
    for i in range(1, n):
        for j in range(i - 2, n):
            D[i, j] = np.sin(D[i, j - 1] * p[1]) + D[i - 1, j] * p[2]
    return np.sum(D**2)


def mirrored(p: Any, y: Any) -> Any:
    """What is written below the diagonal is read above it."""
    n = len(y)
    D = np.outer(y, y) * p[0]
    for i in range(n):
        for j in range(n):
            D[i, j] = np.sin(D[j, i] * p[1]) + p[2] * y[j]
    return np.sum(D**2)


def other_guard(p: Any, y: Any) -> Any:
    """The condition is not the one that would spare the diagonal."""
    n = len(y)
    D = np.outer(y, y) * p[0]
    for i in range(n):
        for j in range(i + 1):
            if i == j:
                D[i, j] = np.sin(D[j, j] * p[1]) * p[2]
            else:
                D[i, j] = D[i, j] ** 2 * p[1]
    return np.sum(D**2)


def swapped_guard(p: Any, y: Any) -> Any:
    """The same, in the side where the condition does not hold."""
    n = len(y)
    D = np.outer(y, y) * p[0]
    for i in range(n):
        for j in range(i + 1):
            if i != j:
                D[i, j] = y[i] * p[1]
            else:
                D[i, j] = np.sin(D[j, j] * p[1]) * p[2]
    return np.sum(D**2)


def sliding(p: Any, y: Any) -> Any:
    """The place to begin at goes back as the rows go on."""
    n = len(y)
    x = np.ones(3 * n) * p[0]
    for i in range(n):
        for j in range(2):
            x[n - i + j] = np.sin(x[n - i + j + 1] * p[1]) + y[i] * p[2] * x[n - i + j]
    return np.sum(x**2)


def as_long_as_picked(p: Any, y: Any) -> Any:
    """The place is how many elements a slice has, which grows in jumps and comes again."""
    n = len(y)
    x = np.ones(n + 2) * p[0]
    for i in range(n):
        at = len(y[: (i * i) % (n + 1)])
        for j in range(1):
            x[at + j + 1] = np.sin(x[at + j] * p[1]) + y[i] * p[2]
    return np.sum(x**2)


KEPT = (
    edit_distance, warping, soft_paths, cholesky_by_rows, cholesky_by_columns,
    cholesky_by_products, solves, elimination, flat, intervals, diagonals, in_twos, two_tables,
    with_total, guarded, middle_rows,
)  # fmt: skip
RECORDED = (
    below, zeros_before, two_sweeps, second_write, wide_band, mirrored, other_guard,
    swapped_guard, sliding, as_long_as_picked,
)  # fmt: skip
