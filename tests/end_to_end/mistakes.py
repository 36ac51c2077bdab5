"""What other tools got wrong, one function for each mistake, named after it."""

from __future__ import annotations

import numpy as np
from numpy import abs, max, sum

# ruff: noqa


def read_after_in_place(x, y):
    y[1:] *= x[:-1]
    z = y * y
    y += z
    return np.sum(y * z)


def dynamic_loop_replayed(x, k):
    total = 1.0
    for i in range(k[3]):
        total = total * x[i] + np.sin(total)
    return total


def helper_writes_a_row(A, s):
    for i in range(1, len(A)):
        _row(A, i)
    return np.sum(A) * s


def _row(T, i):
    T[i] *= T[i - 1]
    T[i, 1:] += 1
    return T


def helper_augments_its_argument(x, s):
    y = _aug(x, s)
    y[0] = 5
    z = _aug(x[1:], s * 2)
    return np.sum(x**2) + z[0]


def _aug(v, c):
    v += c
    return v


def helper_augments_a_number(s, t):
    u = _aug_scalar(s, t)
    return u * s


def _aug_scalar(v, c):
    v += c
    v *= v
    return v


def integers_stored_into_floats(x, s):
    v = np.zeros(4)
    v[0] = 1
    v[1] = s
    v[2] = 3 // 2
    v[3] = True
    w = np.full(3, 2)
    q = w / 4
    return np.sum(v * x[:4]) + np.sum(q) * s


def dict_argument(d):
    d["a"][0] = d["b"]
    return np.sum(d["a"] ** 2) * d["b"]


def returned_array_written(x, s):
    def make(v):
        return v * 2

    a = make(x)
    b = a
    a[1:] += s
    return np.sum(b * x)


def returned_view_written(x, s):
    def tail(v):
        return v[2:]

    a = tail(x)
    a *= s
    return np.sum(x**2)


def negative_steps(x, s):
    v = x[::-2]
    v[0] = s
    w = x[4:0:-1]
    w += v[1]
    x[-1:-4:-2] *= s
    return np.sum(x * np.arange(6)) + np.sum(w**2)


def fortran_order(F, s):
    v = F.T.reshape(-1)
    v2 = F.ravel()
    v2 = v2 * s
    G = F.reshape(3, 4)
    return np.sum(v * v2) + np.sum(G[0] * G[1]) + np.sum(F.flatten("F") * np.arange(F.size))


def fortran_like(F, s):
    G = np.zeros_like(F)
    G[:] = F * s
    return np.sum(G.ravel() * np.arange(F.size)) + np.sum(G.T.ravel() ** 2 * np.arange(F.size))


def reversed_input(R, s):
    R[1:] *= R[:-1]
    return np.sum(R * np.arange(6)) * s


def scalar_against_vector(x, s):
    return np.sum(s / (x + 3)) + np.sum((x + 3) / s) + np.sum((x + 3.0) ** s) + np.sum(s**x)


def argument_rebound(x):
    x = x[0]
    x = x * x
    return x * 3


def arguments_rebound(x, y):
    x = x * y
    y = x[1:]
    x, y = y, x
    x += 1
    return np.sum(x * y[:-1])


def r_and_c(x, y, s):
    return (
        np.sum(np.r_[x, s, 0, y[::2]] ** 2)
        + np.sum(np.c_[x, y] @ np.array([1.0, s]))
        + np.sum(np.r_[x[0] : x[3] : 5j] ** 2)
    )


def stacked_matrices(S, w):
    return (
        np.sum(np.linalg.det(S))
        + np.sum(np.linalg.inv(S) ** 2)
        + np.sum(np.linalg.solve(S, w))
        + np.sum(np.linalg.solve(S, S[::-1]))
    )


def matmul_leading_one(S, B):
    return np.sum((B[None] @ S) ** 2) + np.sum((S[:1] @ S) ** 2) + np.sum((B @ S) * S)


def einsum_transposed(A, B):
    return (
        np.einsum("ij,kj->", A, B.T)
        + np.sum(np.einsum("ij,jk->ki", A, B).T * A)
        + np.einsum("ii", B)
        + np.sum(np.einsum("...i,i", A, B[0]) ** 2)
    )


def names_shadow_builtins(x, s):
    return sum(abs(x - s)) + max(x) * abs(s)


def continue_in_dynamic_loop(x, k, s):
    t = s
    for i in range(k[0]):
        if x[i] < 0:
            continue
        for j in range(k[i]):
            if j == 2:
                break
            t *= x[j] + 0.5
            x[j] /= t + 3
    return t + np.sum(x)


def elements_times_and_divided(x, y):
    for i in range(len(x)):
        x[i] *= y[i]
        x[i] /= y[i - 1] + 2
        y[i] -= x[i] * y[i]
        y[-1 - i] **= 2
    return np.sum(x * y)


def read_then_overwritten(x, y):
    a = x[0] * y[0]
    x[0] = y[1]
    b = x[0] * a
    x[0] = x[0] ** 2
    y[:] = x
    x[:] = 0
    return a + b + np.sum(y**2)


def aliases(x, s):
    y = x
    z = y[1:4]
    z += s
    y = y * 1
    y[0] = 100
    x[2] *= z[1]
    return np.sum(x) + np.sum(z * z) + y[1]


def repeated_places(x, k, y):
    t = np.zeros(6)
    t[k] += y
    np.add.at(t, k, y * x)
    t[[0, 0, 1]] *= 2
    t[k] = x
    return np.sum(t**2 * np.arange(6))


def broadcast_to_size_one(A, w):
    return np.sum((A[:, :1] * w) ** 2) + np.sum((A[:1] - A) ** 2 * w)


def zero_dimensional(z0, x):
    z = z0[...] * 2
    b = np.sum(x).reshape(())
    return x[0] * z + b + np.float64(2) * z0**2 + z0.item()


def the_side_not_taken(x, s):
    with np.errstate(invalid="ignore"):
        root = np.where(x > 0, np.sqrt(x), 0.0) + np.where(x <= 0, s, np.log(x))
        picked = np.select([x > 1, x > 0], [x**1.5, np.sqrt(x)], default=s)
    masked = np.sqrt(x, where=x > 0, out=np.zeros(6))
    parts = np.piecewise(x, [x > 0], [lambda v: v**0.5, lambda v: v * s])
    single = sum([v**0.5 if v > 0 else v * s for v in x])
    return np.sum(root + picked + masked + parts) * s + single


def axes_of_length_zero(e, E, x, s):
    added = np.sum(E, axis=0) + np.sum(e) + np.prod(E, axis=0)
    joined = np.concatenate([e, x * s, x[:0], E.ravel()])
    product = (E.T @ E).sum() + np.sum(E @ np.ones((3, 2)) * s)
    for v in e:
        s = s * v
    return np.sum(added) * s + np.sum(joined**2) + product + np.cumsum(e).sum()


def scalars_of_both(x, s):
    a = np.float64(0.5) * s + 2 * x[0] - np.float64(x[1])
    b = float(x[2]) ** 2 + np.int64(3) / s + int(2.7) * s
    c = np.float64(s) if s > 0 else np.float64(0.0)
    return a * b + (c + True) * np.sum(x * np.float64(1.5)) + s ** np.int64(3)
