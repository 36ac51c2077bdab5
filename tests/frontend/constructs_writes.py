"""Arrays that change in place: a function for each construct."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.frontend.construct import A, Table, X

uses = Table("Arrays that change in place")


@uses("`a[i] = v`")
def elements(x: Any) -> Any:
    y = np.zeros(len(x))
    y[0] = x[0] ** 2
    for i in range(1, len(x)):
        y[i] = y[i - 1] * x[i] + x[0]
    return y


@uses("`a[i, j] += v`", a=A)
def two_axes(a: Any) -> Any:
    b = a.copy()
    for i in range(1, a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] += b[i - 1, j] ** 2 * a[0, j]
    return b.sum() * b[-1, 0]


@uses("slices, with steps and from the end")
def slices(x: Any) -> Any:
    y = x**2
    y[1:3] *= x[:2]
    y[::2] += y[0] ** 2
    y[-1:] = x[1] * y[-2]
    y[::-1][:2] -= x[3:]
    return y


@uses("index arrays", "written and read; the last one counts")
def fancy(x: Any) -> Any:
    y = x.copy()
    y[np.array([0, 2, 0])] = x[1:4] ** 2
    y[[1, 3]] *= x[0]
    return y[np.array([0, 0, 2, 3])] ** 2


@uses("masks")
def masks(x: Any) -> Any:
    y = x**2
    y[x > 0.9] *= x[0]
    y[y < 0.5] = x[1]
    return (y * y[x > 0.5].sum()).sum()


@uses("`np.add.at`")
def scattered(x: Any) -> Any:
    y = np.zeros(3)
    np.add.at(y, np.array([0, 2, 0, 1, 2]), x**2)
    return y[0] * y[2] + y[1]


@uses("`out=`")
def out_parameters(x: Any) -> Any:
    y = np.empty_like(x)
    np.multiply(x, x, out=y)
    np.sin(y, out=y)
    return (y * x).sum()


@uses("`where=` of operations and sums")
def where_parameters(x: Any) -> Any:
    y = x.copy()
    np.multiply(y, x, out=y, where=x > 0.8)
    return np.sum(y**2, where=x > 0.5)


@uses("`+=` and its kin", "change the array that every name sees")
def in_place(x: Any) -> Any:
    y = x.copy()
    z = y
    z *= x[0]
    y += z**2
    return z.sum() * y[1]


@uses("views and views of views")
def views(x: Any) -> Any:
    y = x**2
    inner = y[1:][::2]
    inner[0] = x[0] * 3
    y[3] *= inner[0]
    return inner.prod() * y.sum()


@uses("transposes, reshapes, diagonals", "a transpose is written through", a=A)
def reshaped(a: Any) -> Any:
    b = a.copy()
    b.T[0] *= 2.0
    b.T[1:3].T[2] += b[0, 1] ** 2
    flat = b.reshape(-1)
    return (flat[::5] ** 2).sum() * np.diagonal(b[:, :3])[1] * b.reshape(2, 6)[1].sum()


@uses("writes through reshapes", "of arrays that are in C order: `np.zeros`, `.copy()`", a=A)
def written_through_reshapes(a: Any) -> Any:
    b = a.copy()
    halves = b.reshape(2, 6)
    halves[1, ::2] += a[0, 0]
    line = b.ravel()
    line[3] *= halves[0, 1]
    c = np.zeros((3, 4))
    for k in range(3):
        c.reshape(-1)[4 * k] = b.T[1, k] ** 2
    c.reshape(2, 2, 3)[1] += a[0, 1]
    return (b**2).sum() * halves[1, 0] + (c * line.reshape(3, 4)).sum()


@uses("`x.reshape(k, -1)` with `k` of data", "whether they fill it is checked", a=A, k=2)
def reshaped_by_data(a: Any, k: Any) -> Any:
    s = 0.0
    for j in range(2):
        s += (a.reshape(k + j, -1)[0] ** 2).sum() * s + 1
    return s * (a.reshape(-1, k).sum(axis=0) ** 2).prod()


@uses("rows as views", a=A)
def rows(a: Any) -> Any:
    b = a.copy()
    for row in b:
        row[0] = row[1] * row[2]
        row /= row.sum()
    return (b**2).sum()


@uses("swapped buffers", "their names change places in a loop")
def buffers(x: Any) -> Any:
    u, v = x.copy(), np.zeros_like(x)
    for _ in range(3):
        v[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) * u[1:-1]
        u, v = v, u
    return (u**2).sum()


@uses("time steps in place")
def steps(x: Any) -> Any:
    u = x.copy()
    for _ in range(4):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) - 0.05 * u[1:-1] ** 2
    return (u**2).sum()


@uses("arguments that are written to", "the caller's array stays as it is")
def written(x: Any) -> Any:
    x[0] = x[1] ** 2
    x *= x[2]
    return (x**2).sum()


@uses("writes in branches")
def in_branches(x: Any) -> Any:
    y = x**2
    if x[0] > 0.5:
        y[1:] *= x[0]
    else:
        y[0] = x[1]
    return y


@uses("compensated arithmetic", "rounding errors are kept", x=X)
def kahan(x: Any) -> Any:
    total = 0.0
    lost = 0.0
    for v in x:
        y = v**2 - lost
        t = total + y
        lost = (t - total) - y
        total = t
    return total * x[0]


@uses("arrays without axes", "`np.array(0.0)`, `np.zeros(())`: written in place, for all names")
def without_axes(x: Any) -> Any:
    total = np.array(0.0)
    seen = total
    product = np.ones(())
    last = np.empty(())
    for v in x:
        total += v**2
        product *= np.asarray(v) * seen
        last[()] = v
    np.add(last, seen, out=last)
    if product > 0:
        total *= last
    return seen * product.item() + last[()]


@uses("views without axes", "`x[0, ...]`, `x[:1].squeeze()`, `x[:1].reshape(())`")
def views_without_axes(x: Any) -> Any:
    y = x**2
    first = y[0, ...]
    first += x[1]
    second = y[1:2].squeeze()
    second *= first
    third = y[2:3].reshape(())
    third[...] = second * x[3]
    return (y**2).sum()
