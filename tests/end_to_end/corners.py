"""Corners of Python and NumPy, one a function: aliases, integers, kinks, structures, jumps."""

from __future__ import annotations

import math

import numpy as np
# ruff: noqa


def kahan(x):
    s = 0.0
    c = 0.0
    for v in x:
        y = v - c
        t = s + y
        c = t - s - y
        s = t
    return s


def augsum(x):
    y = x
    y += x
    return np.sum(y * x)


def swap(x):
    x[0], x[1] = (x[1], x[0])
    return np.sum(x * np.arange(x.size))


def rev(x):
    x[:] = x[::-1]
    return np.sum(x * np.arange(x.size))


def overlap(x):
    x[1:] = x[:-1]
    return np.sum(x * np.arange(x.size))


def overlap2(x):
    x[1:] += x[:-1]
    return np.sum(x**2 * np.arange(x.size))


def fancy(x, i):
    y = x.copy()
    y[i] += 1.0 * x[0]
    return np.sum(y**2)


def fancyassign(x, i):
    y = x.copy()
    y[i] = x[:5] * 2
    return np.sum(y**2)


def mask(x):
    y = x.copy()
    y[x > 0] = 0.0
    return np.sum(y**2)


def mask2(x):
    y = x.copy()
    y[x > 0] *= 2.0
    return np.sum(y**2)


def mx(x):
    return np.max(np.stack([x, x]))


def absz(x):
    return np.sum(np.abs(x - x[0]))


def pw(x):
    return np.sum(np.abs(x) ** 1.5) + np.sum(x**3) + np.sum(x**2.0)


def negstep(x):
    return np.sum(x[::-2] * np.arange(len(x[::-2])))


def clip(x):
    return np.sum(np.clip(x, -0.5, 0.5) * x)


def mod(x):
    return np.sum(x % 0.3) + np.sum(np.floor(x) * x)


def lists(x):
    out = []
    for i in range(4):
        out.append(x[i] * i)
    return sum(out) + max(out) + out[-1]


def dicts(x):
    d = {"a": x[0], "b": x[1:]}
    d["c"] = d["a"] * d["b"]
    return sum((np.sum(v) for v in d.values()))


def enum(x):
    return sum((i * v**2 for i, v in enumerate(x)))


def ternary(x):
    return np.sum(x) if x[0] > 0 and x[1] > -9 or x[2] > 5 else np.sum(x**2)


def chain(x):
    return np.sum(x) if -1 < x[0] < 1 else 0.0


def nested(x):

    def g(y):
        return y * x[0]

    f = lambda z: g(z) + x[1]
    return np.sum(f(x))


def matpow(x):
    A = np.outer(x[:3], x[:3])
    return np.trace(A @ A @ A)


def prodz2(x):
    return np.prod(x - x[3] * np.eye(12)[3])


def cumprodz(x):
    return np.sum(np.cumprod(x - x[3]))


def argm(x):
    return x[np.argmax(x)] ** 2 + x[np.argmin(x)]


def med(x):
    return np.median(x) + np.percentile(x, 30)


def quant(x):
    return np.quantile(x, 0.25)


def interp(x):
    return np.sum(np.interp(x, np.linspace(-1, 1, 5), np.array([0.0, 1.0, 0.0, 2.0, 1.0])))


def conv(x):
    return np.sum(np.convolve(x, x[:3]) ** 2)


def trapz(x):
    return np.trapezoid(x**2)


def mesh(x):
    a, b = np.meshgrid(x[:3], x[3:7])
    return np.sum(a * b**2)


def bcast(x):
    return np.sum(np.broadcast_to(x, (3, x.size)) ** 2)


def tensordot(x):
    A = x.reshape(3, 4)
    return np.sum(np.tensordot(A, A, axes=([1], [1])) ** 2)


def outerm(x):
    return np.sum(np.outer(x, x).max(axis=1))


def softplus(x):
    return np.sum(np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0))


def sinc(x):
    return np.sum(np.sinc(x))


def hyp(x):
    return np.sum(np.hypot(x, x[::-1])) + np.sum(np.arctan2(x, x[::-1]))


def tril(x):
    return np.sum(np.tril(x.reshape(3, 4)) ** 3)


def isn(x):
    return np.sum(np.nan_to_num(x) ** 2) + np.nansum(x)


def sgn(x):
    return np.sum(np.sign(x) * x)


def var1(x):
    return np.var(x, ddof=1) * 2


def einsum3(x):
    A = x.reshape(3, 4)
    return np.einsum("ij,kj,ik", A, A, A @ A.T)


def diagx(x):
    return np.sum(np.diag(x[:4]) @ np.ones(4)) + np.sum(np.diag(x[:4], 1) ** 2)


def kron(x):
    return np.sum(np.kron(x[:2], x[2:5]) ** 2)


def cross(x):
    return np.sum(np.cross(x[:3], x[3:6]) ** 2)


def vander(x):
    return np.sum(np.vander(x[:3], 4) ** 2)


def poly(x):
    return np.polyval(x[:4], x[5])


def roll2(x):
    return np.sum(np.roll(x.reshape(3, 4), 1, axis=1) * x.reshape(3, 4))


def grad_(x):
    return np.sum(np.gradient(x) ** 2)


def mathf(x):
    return (
        math.sin(x[0]) * math.exp(x[1])
        + math.sqrt(abs(x[2]))
        + math.pi * x[3]
        + math.hypot(x[4], x[5])
    )


def whilearr(x):
    n = 0
    while np.sum(x**2) > 0.01:
        x = x * 0.5
        n += 1
    return np.sum(x) * n


def shadow(x):
    for i in range(3):
        i = i * 2
        x = x * (i + 1)
    return np.sum(x) * i


def forelse(x):
    for v in x:
        if v > 100:
            break
    else:
        x = x * 3
    return np.sum(x)


def walrus(x):
    if (s := np.sum(x)) > 0:
        return s * 2
    return s


def star(x):
    a, *b = (x[0], x[1], x[2])
    return a * b[0] + b[-1]


def augattr(x):
    x2 = x.copy()
    x2.T[0] += x[1]
    return np.sum(x2**2)


def readonly(x):
    y = np.asarray(x)
    y[0] = 5.0 * x[1]
    return np.sum(x**2)


def accum_bool(x):
    c = 0
    for v in x:
        if v > 0:
            c += 1
    return c * np.sum(x) / len(x)


def empty(x):
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = x[i] ** 2
    return y.sum()


def i_floor(x, k):
    return np.sum(x * (k // 3)) + np.sum(x * (k % 3)) + np.sum(x * (-k // 2)) + np.sum(x * (k % -4))


def i_div(x, k):
    return np.sum(x * (k / 4)) + np.sum(k) * x[0] + k.mean() * x[1]


def i_pow(x, k):
    return np.sum(x * k**2) + np.sum(x**k)


def i_powneg(x, k):
    return np.sum(np.abs(x) ** (-k))


def i_var(x, k):
    return np.var(k) * x[0] + np.cumsum(k)[-1] * x[1] + np.prod(k) * x[2] + k.max() * x[3]


def i_abs(x, k):
    return np.sum(np.abs(k) * x) + np.sum(np.minimum(k, 1) * x) + np.sign(k) @ x


def b_arith(x, m):
    return (
        np.sum(x * m)
        + np.sum(m) * x[0]
        + np.sum(x * ~m)
        + np.mean(m) * x[1]
        + np.sum(m & (x > 0)) * x[2]
        + np.any(m) * x[3]
        + np.all(m) * x[4]
    )


def b_where(x, m):
    return np.where(m.any(), x, -x).sum() + np.where(m.all(), 1.0, 2.0) * x[0]


def i_idx(x, k):
    return x[k[0] % 3] * x[len(x) - 1] * x[-2] + x[k * 7 % len(x)].sum()


def f_mod(x, k):
    return (
        np.sum(np.mod(x * 5, 1.3))
        + np.sum(x * 5 // 0.7) * x[0]
        + np.sum(np.fmod(x * 5, 1.3))
        + np.sum(np.remainder(x, -0.4))
    )


def i_shift(x, k):
    return np.sum((k * 2 + 1) * x[::-1])


def i_loop(x, k):
    t = 0.0
    for a in k:
        if a % 2 == 0 or a < -1:
            t += x[a % len(x)] * a
        else:
            t -= x[a % len(x)] ** 2 / (a * a + 1)
    return t


def i_while(x, k):
    n = 27
    c = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        c += 1
    return c * np.sum(x)


def i_where(x, k):
    return np.sum(np.where(k > 0, k, x))


def i_ones(x, k):
    return (
        np.sum(np.ones(len(x), dtype=int) * x)
        + np.sum(np.full(3, 2) * x[:3])
        + np.sum(np.eye(3, dtype=int) @ x[:3])
        + np.sum(np.zeros_like(k) + x)
    )


def minus(x, k):
    return -(k[0] ** 2) * x[0] + (-x[1]) ** 2 + 2 ** (-x[2]) - -x[3]


def prec(x, k):
    return (x[0] - (x[1] - x[2])) / (x[3] / (x[4] * x[5])) - (x[6] + x[7]) * -((x[0] - 1) ** 3)


def cmpc(x, k):
    return (
        np.sum((x > 0) == (x < 0.5)) * x[0]
        + np.sum((x > 0) ^ (x < 0.5)) * x[1]
        + np.sum(x[0] < x) * x[2]
    )


def intstore(x, k):
    y = k.copy()
    y[0] = 3
    y += 2
    y[1:] *= 2
    return np.sum(y * x)


def floatstore(x, k):
    y = np.zeros(len(x), dtype=int)
    y[:] = k
    y //= 2
    return np.sum(y * x)


def castt(x, k):
    return (
        np.sum(x.astype(int) * x)
        + int(x[0] * 10) * x[1]
        + float(k[0]) * x[2]
        + np.int64(x[3] * 7) * x[4]
    )


def truth(x, k):
    return (1 if k[0] else 2) * x[0] + (not k[1]) * x[1] + (k[2] and 3.0) * x[2] + (x[3] or 1.0)


def cmpchain(x, k):
    return np.sum(x) if 0 <= k[0] <= 10 and k[1] != k[2] else x[0] ** 2


def search(x, k):
    return np.sum(x * np.searchsorted(np.array([-2, 0, 2]), k))


def onehot(x, k):
    return np.sum((k[:, None] == np.arange(3)) * x[:, None])


def take(x, k):
    return np.take(x, [0, 2, 2]).sum() + np.sum(
        np.take_along_axis(x.reshape(3, 4), np.array([[0], [1], [3]]), axis=1)
    )


def count(x, k):
    return np.count_nonzero(k) * x[0] + np.count_nonzero(x > 0) * x[1]


def divmods(x, k):
    a, b = divmod(int(k[0]) + 7, 3)
    return a * x[0] + b * x[1]


def minmaxb(x, k):
    return (
        min(x[0], x[1]) * max(x[2], x[3], 0.1)
        + sum(x[:3])
        + abs(x[4])
        + min(k) * x[5]
        + pow(x[6], 2)
        + round(x[7])
    )


def lensl(x, k):
    return len(x[2:]) * x[0] + x[3:].size * x[1] + x.reshape(3, -1).shape[1] * x[2] + x.ndim


def columns_read_twice(x):
    y = x.reshape(3, 4) * 2.0
    return y.sum(axis=0)[1] ** 2 + y[0, 1] * y[1, 1]


def kept_rows_read_twice(x):
    y = x.reshape(3, 4) * 2.0
    rows = y.sum(axis=0, keepdims=True)[np.array([0, 0])]
    return np.sum(rows**2) + np.sum(y[np.array([0, 2, 0])] ** 3)


def left_before_its_condition(x):
    total, i = 0.0, 0
    while x[i] > -2.0:
        total += x[i] ** 2 * (i + 1)
        i += 1
        if i == x.size:
            break
    else:
        total *= 2
    return total


def returned_before_its_condition(x):
    total = 0.0
    for row in x.reshape(3, 4):
        i = 0
        while (v := row[i]) > -2.0:
            total += v**3 * (i + 1)
            i += 1
            if total > 1.0:
                return total * row[0]
            if i == 4:
                break
    return total


def raised_before_its_condition(x):
    total, i = x[0], 0
    while np.sqrt(x[i] + 1) > 0:
        total *= x[i]
        if i == x.size - 1:
            return total
        i += 1
        assert i < x.size
    return total
