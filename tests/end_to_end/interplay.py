"""Features that meet in one function: masks in loops, derivatives in branches, sizes of the run."""

from __future__ import annotations

import numpy as np

from codegen_ad import custom_derivative, grad, value_and_grad

# ruff: noqa


def mask_in_loop(x, y):
    for i in range(3):
        m = x > y[i]
        x[m] *= 0.5 + y[m]
        y = y[::-1]
    return np.sum(x * y)


def mask_size_in_loop(x, y):
    t = 0.0
    for i in range(len(x)):
        v = x[x > y[i]]
        t += np.sum(v**2) * len(v)
    return t


def complex_loop_return(x, s):
    z = complex(s, 0.3)
    for v in x:
        z = z * z + complex(v, 0.1)
        if abs(z) > 2.0:
            return abs(z) * s
    return z.real


def view_in_branch(x, s):
    if s > 0.5:
        v = x[1:]
        v[0] = s * 2
    else:
        v = x[:-1]
        v[0] = s
    return np.sum(x * np.arange(6)) + 0 * s


def while_runtime_slices(x, s):
    n = len(x)
    while n > 1:
        h = n // 2
        x[:h] += s * x[n - h : n]
        n = n - h
    return x[0]


def list_nested_loops(x, y):
    out = []
    for a in x:
        for b in y:
            out.append(a * b)
    return np.sum(np.array(out) ** 2)


def list_in_inner(x, y):
    t = 0.0
    for a in x:
        row = []
        for b in y:
            row.append(np.sin(a * b))
        t += np.sum(np.array(row)) * row[-1]
    return t


@custom_derivative
def _cube(v):
    return v**3


@_cube.backward
def _(residuals, g):
    return g * 3 * residuals[0] ** 2


def custom_in_branch(x, s):
    t = 0.0
    for v in x:
        if v > 0:
            t += _cube(v) * s
        else:
            t -= _cube(v * s)
    return t


def empties(x, e, E):
    return (
        np.sum(e)
        + np.sum(np.concatenate([x, e]))
        + np.sum(E @ np.ones(3))
        + np.prod(e) * x[0]
        + np.sum(E.T @ E)
        + len(e) * x[1]
        + np.linalg.norm(e)
    )


def empty_loops(x, e, s):
    t = s
    for v in e:
        t = t * v
    for i in range(len(e)):
        t += x[i]
    out = [v**2 for v in e]
    return t + sum(out) + np.sum(np.array(out))


def empty_slice(x, s):
    v = x[4:2]
    x[3:3] = s
    return np.sum(v) + np.sum(x[5:]) * s + np.sum(x[:0] * s)


def mask_none(x, s):
    v = x[x > 100]
    return np.sum(v) + np.prod(v) * s + np.sum(np.sort(v)) + np.linalg.norm(v)


def size_one(o, O, x):
    return (
        np.sum(o * x)
        + np.sum(O * x)
        + np.sum(O @ o)
        + np.max(o) * np.std(o)
        + np.cumsum(o)[0]
        + np.sum(np.diff(o))
    )


def keepdims_one(A, s):
    return (
        np.sum(A / np.linalg.norm(A, axis=0, keepdims=True))
        + np.sum(A[:, :1] * A)
        + np.sum(A[:1] * A)
    )


def nested_runtime(x, k):
    t = 0.0
    for i in range(len(k)):
        v = x[: k[i]]
        for j in range(len(v)):
            w = v[j:]
            w[0] += 0.1 * np.sum(w)
        t += np.sum(v**2)
    return t


def runtime_concat(x, k):
    a, b = x[: k[0]], x[k[3] :]
    c = np.concatenate([b, a, b])
    return (
        np.sum(c * np.arange(len(c)))
        + np.sum(np.sort(c)[::-1] * np.arange(len(c)))
        + np.max(np.outer(a, b))
    )


def runtime_mat(A, k):
    B = A[: k[0], : k[2] + 1]
    C = B.T @ B + np.eye(k[2] + 1)
    return np.linalg.det(C) + np.sum(np.linalg.inv(C)) + np.sum(B.sum(axis=0, keepdims=True) * B)


def neg_runtime(x, k):
    return (
        np.sum(x[-k[0] :])
        + np.sum(x[-k[1] :] ** 2)
        + np.sum(x[: -k[1]])
        + np.sum(x[k[4] : k[0]])
        + np.sum(x[k[4] : k[0] : -1])
        + np.sum(x[-100 : k[0]])
        + np.sum(x[k[3] : 1000])
    )


def mask_rt_store(x, y, s):
    v = x[x > 0]
    v[0] = s
    v[1:] *= v[:-1]
    w = y[x > 0]
    w += v
    return np.sum(w * v) + np.sum(x)


def mask_2d(A, w, s):
    m = A > 0
    v = A[m]
    A[m] = v**2
    A[A[:, 0] > 0, 1] = s
    A[:, w > 0] *= 2
    return np.sum(A * np.arange(12).reshape(4, 3)) + np.sum(A[np.any(m, axis=1)])


def argsorted(x, y):
    i = np.argsort(y)
    z = x[i]
    z[i] = z
    x[i[:3]] = z[:3] * 2
    return np.sum(z * x) + x[np.argmax(np.abs(y))]


def three_level(x, s):
    def f1(u):
        def f2(v):
            def f3(w):
                return np.sin(w * v * u)

            return grad(f3)(s) * v

        return grad(f2)(u * s)

    return grad(f1)(x[0]) + np.sum(x)


def newton_inside(s, t):
    def h(u):
        return u**3 + t * u - s

    u = 1.0
    k = 0
    while abs(h(u)) > 1e-13 and k < 50:
        val, d = value_and_grad(h)(u)
        u = u - val / d
        k += 1
    return u


def grad_in_branch(x, s):
    if grad(lambda u: np.sum(np.sin(u * x)))(s) > 0:
        return np.sum(x) * s
    return grad(lambda u: np.sum(np.sin(u * x)))(s) * s


def checks_in_loop(x, s):
    t = s
    for i, v in enumerate(x):
        assert t < 1e8, f"{i}"
        if v < -1:
            if t > 1e3:
                raise ValueError("t")
            continue
        t = t * (1 + v * v)
    return t


def while_return(x, s):
    i = 0
    while True:
        s = s + x[i] ** 2
        if s > 3:
            return s * x[i]
        i += 1
        if i >= len(x):
            break
    return s


def inplace_chain(x):
    a = x.reshape(2, 3)
    b = a.T
    c = b[::-1]
    c[0] += b[2]
    a[:, 1:] *= c[:2].T
    x[-1] = np.sum(b)
    return np.sum(c * np.arange(6).reshape(3, 2))


def comp_closure(x, s):
    fs = [lambda v, i=i: v * x[i] for i in range(3)]
    gs = [lambda v: v * x[j] for j in range(3)]
    t = s
    for f in fs:
        t = f(t) + 1
    return t + gs[0](s)


def fft_runtime(x, k):
    v = x[: k[0] + 2]
    z = np.fft.fft(v)
    return np.sum(np.abs(z) ** 2) + np.sum(np.fft.ifft(z * np.exp(1j * np.arange(len(v)))).real * v)


def quantile_ties(zz, s):
    return (
        np.quantile(np.append(zz, zz), 0.4) + np.median(np.append(zz, s)) + np.quantile(zz, s * 0.5)
    )


def select_alias(x, y, s):
    v = x if s > 0 else y
    return np.sum(v * v) + np.sum(x)


def while_list(x, s):
    out = []
    for v in x:
        u = v
        while abs(u) > 0.2:
            u *= 0.5 * s
        out.append(u)
    return np.sum(np.array(out) * x)


def deep_nest(A, s):
    t = 0.0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            if j == i:
                continue
            if A[i, j] > 1.0:
                break
            A[i, j] = A[i - 1, j] * s + A[i, j - 1]
            t += A[i, j]
        else:
            t *= 0.9
    return t + np.sum(A)


def return_in_nested(A, s):
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            s += A[i, j] ** 2
            if s > 4:
                return s * A[i, j]
        A[i] *= 2
    return s


def swap_arrays_loop(x, y):
    a, b = x.copy(), y.copy()
    for i in range(5):
        a[1:] += 0.1 * b[:-1] ** 2
        a, b = b, a
    return np.sum(a) - np.sum(b * b)


def carried_int(x, k):
    j = 0
    t = 1.0
    for i in range(8):
        t = t * 0.5 + x[j] ** 2
        j = (j + k[j]) % len(x)
    return t


def carried_bool(x):
    up = True
    t = 0.0
    for v in x:
        if up and v > 1:
            up = False
        elif not up and v < 0:
            up = True
        t = t * 0.9 + (v if up else -v * v)
    return t


def complex_carried(x, s):
    z = np.exp(1j * x)
    w = z[0]
    for i in range(len(x)):
        z[i] = z[i - 1] * z[i] + s
        w = w * z[i] / (1 + abs(w))
        if w.real > 3:
            break
    return np.sum(np.abs(z)) + w.imag


def complex_mask(x, s):
    z = x * (1 + 2j)
    z[x > 0] *= 1j * s
    z[z.real < -0.5] = 0
    return np.sum(np.abs(z) ** 2) + np.sum(z[x < 0].imag)


def solve_loop(B, w, s):
    v = w
    for i in range(3):
        M = B + i * s * np.outer(v, v)
        v = np.linalg.solve(M, w)
        M[0] = 0
    return v @ w


def chol_runtime(A, k):
    C = A[: k[0] + 1]
    L = np.linalg.cholesky(C @ C.T + 2 * np.eye(k[0] + 1))
    return np.sum(np.log(np.diag(L))) + np.sum(L)


def sort_runtime(x, y, k):
    v = np.sort(x[: k[4]])
    i = np.argsort(y[: k[4]])
    v[i] *= 2
    return np.sum(v * np.arange(len(v))) + v[-1] + np.median(v) + np.quantile(v, 0.3)


def unique_etc(x, zz):
    u = np.unique(np.append(zz, zz))
    return (
        np.sum(u * np.arange(len(u)))
        + np.sum(np.extract(x > 0, x) ** 2)
        + np.sum(np.compress(x > 0, x))
    )


def nonzero_write(x, y):
    i = np.nonzero(x > 0)[0]
    x[i] = y[i] * 2
    x[i[::-1]] += np.arange(len(i)) * y[0]
    return np.sum(x**2) + len(i) * x[0]


def arange_runtime(x, k, s):
    v = np.arange(k[4]) * s
    w = np.zeros(k[4])
    w[1:] = v[:-1]
    w[0] = x[k[0]]
    q = np.linspace(0, s, k[4])
    return np.sum(w * v) + np.sum(q**2)


def helper_two_args_alias(x, s):
    def move(a, b):
        a[:] = b + a
        b[0] = a[1]
        return a[0] * b[0]

    return move(x[1:4], x[2:5]) + np.sum(x * np.arange(6)) * s


def recursion(x, s):
    def go(v, depth):
        if depth == 0:
            return v * s
        return go(v * v, depth - 1) + go(v + s, depth - 1)

    return np.sum(go(x, 3))


def dict_of_arrays_loop(x, s):
    st = {"p": x.copy(), "m": np.zeros_like(x)}
    for i in range(4):
        st["m"] = 0.9 * st["m"] + 2 * st["p"]
        st["p"] = st["p"] - s * 0.1 * st["m"]
        st["p"][i] += 1
    return np.sum(st["p"] ** 2)


def assert_runtime(x, k, s):
    n = k[0]
    assert n <= len(x)
    v = x[:n]
    if len(v) == 0:
        raise ValueError("e")
    assert np.all(np.isfinite(v))
    return np.mean(v) * s


def transposed_self(B):
    B += B.T
    B[:] = B[::-1].T
    B[0], B[1] = B[1], B[0] * 1
    return np.sum(B**2 * np.arange(9).reshape(3, 3))


def sorted_beside_joined(x, k):
    v = x[: k[0]]
    return np.sum(np.sort(v)) + np.sum(np.concatenate([v, x]))
