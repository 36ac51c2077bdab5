"""Branches, loops, jumps and what they carry, against the function itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from running import check

from codegen_ad import differentiate

X = np.linspace(0.1, 2.0, 7)
A = np.arange(12.0).reshape(3, 4) + 0.5


def sum_of_squares(x: Any) -> Any:
    s = 0
    for i in range(len(x)):
        s += x[i] ** 2
    return s


def left_early(x: Any) -> Any:
    s = 0.0
    for v in x:
        if v > 1:
            break
        s = s * 0.5 + v
    else:
        s = -1.0
    return s


def not_left_early(x: Any) -> Any:
    s = 0.0
    for v in x:
        if v > 100:
            break
        s += v
    else:
        s = -s
    return s


def diffusion(x: Any) -> Any:
    t = x.copy()
    for _ in range(5):
        t[1:-1] += 0.1 * (t[2:] - 2 * t[1:-1] + t[:-2])
    return t


def two_buffers(x: Any) -> Any:
    u = x.copy()
    v = np.zeros_like(x)
    for _ in range(4):
        v[1:] = u[:-1] * 2
        u, v = v, u
    return u, v


def until(x: Any) -> Any:
    y = x[0]
    while y < 10:
        y = y * 2 + 1
    return y


def endless_with_return(x: Any) -> Any:
    y = x[0]
    while True:
        y = y * 2 + 1
        if y > 50:
            return y


def endless_with_break(x: Any) -> Any:
    y = x[0]
    k = 0
    while True:
        y = y * 2 + 1
        k += 1
        if y > 50 or k > 3:
            break
    return y, k


def search(x: Any) -> Any:
    for i in range(len(x)):
        if x[i] > 1:
            return x[i] * 2
    return -1.0


def search_in_vain(x: Any) -> Any:
    for v in x:
        if v > 100:
            return v
    return -1.0


def rows_and_numbers(a: Any) -> Any:
    s = 0
    for i, r in enumerate(a):
        for v in r:
            if v < 3:
                continue
            s += v * i
    return s


def rebound_in_a_loop(x: Any) -> Any:
    a = x
    for _ in range(3):
        a = a * 2
    a += 1
    return a, x


def items_of_a_list(x: Any) -> Any:
    p = [1.0, 2.0, 3.0]
    s = 0.0
    for i in range(3):
        s = s * x + p[i]
    return s


def list_that_grows(x: Any) -> Any:
    out = []
    for i in range(3):
        out.append(x * i)
    return np.stack(out)


def bound_in_the_loop(x: Any) -> Any:
    for i in range(len(x)):
        last = x[i] * 2
    return last + i


def names_of_one_side(x: Any) -> Any:
    if x[0] > 5:
        return 1.0
    elif x[1] > 0.2:
        if x[2] > 100:
            return 2.0
        z = x.sum()
    else:
        z = 3.0
    return z


def alias_on_one_side(x: Any) -> Any:
    y = x * 1
    if x[0] > 0:
        y[0] = 5
        z = y
    else:
        z = y * 2
    return y, z


def triangle(x: Any) -> Any:
    n = x.shape[0]
    t = 0.0
    for i in range(n):
        for j in range(i):
            t += x[i] * x[j]
    return t / n


def conditions(x: Any) -> Any:
    return x if (x[0] > 1 and x[1] > 1) or not (x[2] < 0) else -x


def values_of_and_or(x: Any) -> Any:
    return x[0] and 2.0, x[0] or 3.0, 0.0 or x[1], 1.0 and x[1], 0 < x[0] < 1, 0 < x[6] < 1


def steps_of_ranges(x: Any) -> Any:
    s = 0.0
    for i in range(2, len(x), 2):
        s += x[i] * i
    for i in range(len(x) - 1, -1, -1):
        s = s * 0.5 + x[i]
    for i in reversed(range(len(x))):
        s = s * 0.5 + x[i]
    for a, b in zip(x[1:], x[:-1], strict=False):
        s += a * b
    for a in reversed(x):
        s -= a
    for k, (a, b) in enumerate(zip(x, x * 2, strict=True), start=3):
        s += k * a - b
    return s


def range_of_data(x: Any, k: Any) -> Any:
    s = 0.0
    for i in range(k):
        s += x[i]
    for i in range(k, 0, -2):
        s += x[i] * 3
    return s


def range_in_steps(x: Any, start: Any, stop: Any, step: Any) -> Any:
    s, trips = 0.0, range(start, stop, step)
    for i in trips:
        s = s * 0.5 + x[i]
    for k, (i, v) in enumerate(zip(range(start, stop, step), x, strict=False)):
        s += x[i] * v * k
    return s + len(trips), np.array([x[i] for i in range(start, stop, step)])


def one_name_for_loops_that_may_not_run(x: Any, k: Any) -> Any:
    s = 0.0
    for v in x[:k]:
        s += v
    for v in x[x > 100]:
        s += v**2
    return s + np.array([2 * v for v in x[k:]]).sum() + sum(v for v in x)


def last_item_of_a_part(x: Any, k: Any) -> Any:
    for v in x[:k]:  # noqa: B007
        pass
    return v**2


def counters(x: Any) -> Any:
    k = 0
    y = x[0]
    while y < 100 and k < 50:
        if k == 3:
            k += 2
            continue
        y = y * 1.5 + k
        k += 1
    return y, k


def jumps_out_of_nested_loops(x: Any) -> Any:
    total = 0.0
    for i in range(3):
        t = x * i
        for j in range(2):
            if t[j] > 1.0:
                break
            total = total + t[j]
        else:
            total += 100.0
        if total > 150:
            return total
    return -total


def containers(x: Any) -> Any:
    acc = (0.0, x)
    for _ in range(4):
        acc = (acc[0] + acc[1].sum(), acc[1] * 0.5)
    d = {"a": 0.0}
    for i in range(len(x)):
        d["a"] = d["a"] + x[i]
    items = [0.0, 1.0]
    for v in x:
        items[0] += v
        items[1] *= v
    return acc, d, items


def element_by_element(a: Any) -> Any:
    n, d = a.shape
    out = np.zeros((n, d))
    for i in range(n):
        for j in range(d):
            out[i, j] = a[i, j] * i
            if j > 0:
                out[i, j] += out[i, j - 1]
    return out


def row_written_through_a_name(a: Any) -> Any:
    for r in a:
        r *= 2.0
        r[0] = 1.0
    return a


def arrays_in_branches(x: Any) -> Any:
    y = np.zeros(3)
    z = x[:3] * 1.0
    if x[0] > 0:
        y[0] = 1.0
        y[1:] = z[1:]
        z = z + 1.0
    else:
        y = z * 2
    return y, z


def dtypes_meet(x: Any) -> Any:
    a = 1 if x[0] > 0 else 2.5
    b = x[0] if x[0] > 1 else 0
    k = 0
    for v in x:
        k = k + 1 if v > 1 else k
    return a, b, k


def newton(a: Any) -> Any:
    x = a
    for _ in range(20):
        step = (x * x - a) / (2 * x)
        x = x - step
        if abs(step) < 1e-12:
            break
    return x


def recursion(x: Any) -> Any:
    def power(v: Any, k: int) -> Any:
        return 1.0 if k == 0 else v * power(v, k - 1)

    return power(x, 4)


def early_returns_in_helpers(x: Any) -> Any:
    def soft(v: Any) -> Any:
        if v > 1.0:
            return v - 1.0
        if v < -1.0:
            return v + 1.0
        return 0.0

    total = 0.0
    for v in x:
        total += soft(v) * 2
    return total


def returns_of_structures(x: Any) -> Any:
    if x[0] > 1:
        return x, {"s": x.sum(), "k": 1}
    return x * 2, {"s": 0.0, "k": 2}


def continue_with_names(x: Any) -> Any:
    s = 0.0
    for v in x:
        if v < 0.5:
            continue
        w = v * 2
        if w > 3:
            s -= w
            continue
        s += w
    return s


def while_else(x: Any) -> Any:
    k = 0
    while k < len(x):
        if x[k] > 1.5:
            break
        k += 1
    else:
        k = -1
    return k


def nothing_to_do(x: Any) -> Any:
    for _ in range(0):
        x = x * 2
    for _ in []:
        x = x * 3
    while False:
        x = x * 4
    return x


def fibonacci(x: Any) -> Any:
    a, b = 0.0, x[0]
    for _ in range(10):
        a, b = b, a + b
    return a


def scan_into_array(x: Any) -> Any:
    h = np.empty(len(x))
    state = 0.0
    for t in range(len(x)):
        state = np.tanh(0.5 * state + x[t])
        h[t] = state
    return h, state


CASES = [
    *((f, (X,)) for f in (
        sum_of_squares, left_early, not_left_early, diffusion, two_buffers, until,
        endless_with_return, endless_with_break, search, search_in_vain, rebound_in_a_loop,
        items_of_a_list, list_that_grows, bound_in_the_loop, names_of_one_side, alias_on_one_side,
        triangle, conditions, values_of_and_or, steps_of_ranges, counters,
        jumps_out_of_nested_loops, containers, arrays_in_branches, dtypes_meet, recursion,
        early_returns_in_helpers, returns_of_structures, continue_with_names, while_else,
        nothing_to_do, fibonacci, scan_into_array,
    )),
    *((f, (A,)) for f in (rows_and_numbers, element_by_element, row_written_through_a_name)),
    (range_of_data, (X, 3)),
    (range_of_data, (X, 0)),
    *((one_name_for_loops_that_may_not_run, (X, k)) for k in (0, 3)),
    (last_item_of_a_part, (X, 2)),
    *((range_in_steps, (X, *bounds)) for bounds in (
        (0, 7, 3), (6, -1, -2), (6, 0, -3), (0, 7, -1), (5, 2, 3), (1, 7, 100), (7, 7, -4),
    )),
    (newton, (2.0,)),
    (names_of_one_side, (X * 10,)),
    (names_of_one_side, (X * 0,)),
    (returns_of_structures, (X + 5,)),
    (until, (X + 50,)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "args"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_control_flow_does_what_python_does(function: Any, args: tuple[Any, ...]) -> None:
    check(function, *args)


def test_a_step_of_data_is_not_0() -> None:
    with pytest.raises(ValueError, match=r"range\(\) arg 3 must not be zero"):
        differentiate(range_in_steps).jvp(X, 0, 3, 0, tangent=X)


def test_a_name_that_no_iteration_bound_is_missed_as_in_python() -> None:
    with pytest.raises(UnboundLocalError, match="cannot access local variable 'v'"):
        differentiate(last_item_of_a_part).grad(X, 0)
