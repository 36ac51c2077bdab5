"""Algorithms in place: elimination, orthogonalisation, exchanges, shortest paths, slices."""

from __future__ import annotations

import numpy as np

# ruff: noqa


def slices_in_a_branch(x, k, s):
    v = x[: k[0] + 1]
    if s > 0.5:
        v[0] *= s
        x[1] = v[0]
    w = x[k[3] :]
    w += v[0]
    return np.sum(v**2) + np.sum(x * w[0])


def overlapping_slices(x, k):
    n = k[0]
    x[n : n + 3] = x[n - 1 : n + 2]
    x[n : n + 3] *= x[1:4]
    x[n:] += x[n:][::-1]
    return np.sum(x**2 * np.arange(6))


def shrinking_slices(x, y):
    for i in range(1, len(x)):
        x[i:] -= x[i - 1] * y[: len(x) - i]
        y[:i] *= x[i]
    return np.sum(x * y)


def elimination(B, w):
    n = len(B)
    for i in range(n):
        for j in range(i + 1, n):
            B[j, i] /= B[i, i]
            B[j, i + 1 :] -= B[j, i] * B[i, i + 1 :]
    for i in range(n):
        w[i] -= B[i, :i] @ w[:i]
    for i in range(n - 1, -1, -1):
        w[i] = (w[i] - B[i, i + 1 :] @ w[i + 1 :]) / B[i, i]
    return np.sum(w**2)


def gram_schmidt(A):
    Q = A.copy()
    for j in range(A.shape[1]):
        for i in range(j):
            Q[:, j] -= (Q[:, i] @ A[:, j]) * Q[:, i]
        Q[:, j] /= np.linalg.norm(Q[:, j])
    return np.sum(Q * np.arange(12).reshape(4, 3))


def exchanges(x):
    for i in range(len(x)):
        for j in range(len(x) - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
    return np.sum(x * np.arange(6) ** 2)


def shortest_path(A):
    D = np.full(A.shape, 9.0)
    D[0, 0] = A[0, 0]
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            if i > 0:
                D[i, j] = min(D[i, j], D[i - 1, j] + A[i, j] ** 2)
            if j > 0:
                D[i, j] = min(D[i, j], D[i, j - 1] + abs(A[i, j]))
    return D[-1, -1]


def best_sums(x):
    best = np.full(4, -np.inf)
    best[0] = x[0]
    for v in x:
        new = np.full(4, -np.inf)
        for s in range(1, 4):
            if best[s - 1] > -1e9:
                new[s] = max(best[s], best[s - 1] + v * s)
        new[0] = best[0]
        best = new
    return best[3]


def viterbi(A, B):
    s = A[0]
    path = []
    for t in range(1, len(A)):
        m = s[:, None] + B
        path.append(np.argmax(m, axis=0))
        s = np.max(m, axis=0) + A[t]
    last = np.argmax(s)
    back = np.array(path)
    k = last
    total = s[last]
    for t in range(len(back) - 1, -1, -1):
        k = back[t, k]
        total += A[t, k] ** 2
    return total


def masks_that_change(x, y):
    for i in range(3):
        v = x[x > y[i]]
        if len(v) > 1:
            x[x > y[i]] = v[::-1] * 0.9
        y = y * 0.9
    return np.sum(x * np.arange(6))


def complex_list(x, s):
    out = []
    for v in x:
        out.append(np.exp(1j * v) * s)
    z = np.array(out)
    return np.sum(np.abs(np.cumsum(z)))


def masked_spectrum(x, y):
    z = (x + 1j * y)[x > 0]
    return np.sum(np.abs(z * z.conj() + 1)) + np.sum(np.fft.fft(z).real * 0.5)


def return_between_slices(x, k, s):
    for i in range(k[0]):
        v = x[i:]
        if np.sum(v) > 2:
            return np.sum(v * v) * s
        x[i] += s
    assert s > 0
    return np.sum(x)


def while_else(x, s):
    i = 0
    while i < len(x):
        if x[i] > 2.5:
            break
        x[i] = x[i] * s + x[i - 1]
        i += 1
    else:
        s = s * x[-1]
    return s + np.sum(x)


def bisection(x):
    lo, hi = 0, len(x)
    while hi - lo > 1:
        mid = (lo + hi) // 2
        if x[mid] > 0.5:
            hi = mid
        else:
            lo = mid
    return x[lo] * x[hi - 1] + np.sum(x[lo:hi])
