"""The steps of the Levenberg-Marquardt method, as functions that generated files bring along.

The damping is found as in J. J. Moré, The Levenberg-Marquardt algorithm: implementation and theory
(Lecture Notes in Mathematics 630, 1978), with MINPACK's constants: a step stays within a radius, in
which the quadratic model of the cost has proved right, and the damping is what it takes for that.
The equations are those of J. Nocedal and S. J. Wright, Numerical Optimization (2006), algorithm
4.3, on the matrix J^T J whose rows and columns are divided by the norms of the columns of J. What
rounding errors hide in the difference of two costs is found from slopes, as in W. W. Hager and
H. Zhang, A new conjugate gradient method with guaranteed descent and an efficient line search
(SIAM Journal on Optimization 16, 2005), whose approximate Wolfe conditions rest on the same.

The text is copied into the files that use it: each function uses `np`, `math`, functions that stand
before it, and nothing else. Arrays have the number of parameters along each axis.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


def gather(part: Array, vector: Array, first: int) -> None:
    """Copy an array of rank 1 into the vector of all parameters."""
    for i in range(part.size):
        vector[first + i] = part[i]


def spread(vector: Array, first: int, part: Array) -> None:
    """Copy a part of a vector into an array of rank 1."""
    for i in range(part.size):
        part[i] = vector[first + i]


def all_finite(value: float, gradient: Array, curvature: Array) -> bool:
    """Return whether a cost, its gradient and its curvature are finite."""
    total = abs(value)
    for i in range(gradient.size):
        total += abs(gradient[i]) + abs(curvature[i, i])
    return total < math.inf


def widen(scale: Array, curvature: Array, point: Array) -> Any:
    """Let the scale of each parameter be the largest norm of its column of J so far, or 1.

    Returns the norm of the point in units of the scale.
    """
    total = 0.0
    for i in range(scale.size):
        scale[i] = max(scale[i], math.sqrt(curvature[i, i]))
        if scale[i] == 0.0:
            scale[i] = 1.0
        part = scale[i] * point[i]
        total += part * part
    return math.sqrt(total)


def steepness(value: float, gradient: Array, curvature: Array) -> Any:
    """Return the gradient's norm, and the largest cosine of the residuals and a column of J."""
    total = 0.0
    largest = 0.0
    for i in range(gradient.size):
        if gradient[i] != 0.0:
            total += gradient[i] * gradient[i]
            bound = math.sqrt(2.0 * value * curvature[i, i])
            largest = max(largest, abs(gradient[i]) / bound)
    return math.sqrt(total), largest


def factorised(curvature: Array, scale: Array, damping: float, least: float, out: Array) -> bool:
    """Put L into `out`, where L L^T = curvature / (scale scale^T) + damping.

    Returns whether the matrix is positive definite: no pivot is below `least`.
    """
    for j in range(scale.size):
        for i in range(j, scale.size):
            total = curvature[i, j] / (scale[i] * scale[j])
            if i == j:
                total += damping
            for k in range(j):
                total -= out[i, k] * out[j, k]
            if i > j:
                out[i, j] = total / out[j, j]
            elif total >= least:
                out[j, j] = math.sqrt(total)
            else:
                return False
    return True


def damped_step(lower: Array, scale: Array, gradient: Array, step: Array, rest: Array) -> Any:
    """Put -(L L^T)^-1 (gradient / scale) into `step`; return the norms of it and of L^-1 step."""
    count = scale.size
    for i in range(count):
        total = -gradient[i] / scale[i]
        for k in range(i):
            total -= lower[i, k] * step[k]
        step[i] = total / lower[i, i]
    length = 0.0
    for i in range(count - 1, -1, -1):
        total = step[i]
        for k in range(i + 1, count):
            total -= lower[k, i] * step[k]
        step[i] = total / lower[i, i]
        length += step[i] * step[i]
    bend = 0.0
    for i in range(count):
        total = step[i]
        for k in range(i):
            total -= lower[i, k] * rest[k]
        rest[i] = total / lower[i, i]
        bend += rest[i] * rest[i]
    return math.sqrt(length), math.sqrt(bend)


def bounded_step(
    curvature: Array,
    gradient: Array,
    scale: Array,
    radius: float,
    damping: float,
    least: float,
    lower: Array,
    step: Array,
    rest: Array,
) -> Any:
    """Put the step to the least cost within the radius into `step`, in units of the scale.

    Returns the damping, the length of the step, which is right to a tenth of the radius, and by how
    much the quadratic model says that it lowers the cost. `lower` and `rest` are memory.
    """
    count = scale.size
    steepest = 0.0
    for i in range(count):
        slope = gradient[i] / scale[i]
        steepest += slope * slope
        step[i] = 0.0
    high = math.sqrt(steepest) / radius
    low = 0.0
    length = 0.0
    used = 0.0
    # Newton's iteration for 1 / length = 1 / radius, from no damping, takes two or three rounds.
    for trip in range(30):
        if factorised(curvature, scale, used, least, lower):
            length, bend = damped_step(lower, scale, gradient, step, rest)
            is_near = abs(length - radius) <= 0.1 * radius
            if is_near or (used == 0.0 and length < radius):
                break
            newton = used + (length / radius - 1.0) * (length / bend) * (length / bend)
            if length > radius:
                low = max(low, newton if trip == 0 else used)
            used = max(low, newton)
        elif trip > 0:
            low = max(10.0 * used, least)
            used = low
        if trip == 0:
            used = min(max(damping, low), high)
            if used == 0.0:
                used = 0.001 * high
    predicted = 0.0
    for i in range(count):
        predicted += 0.5 * step[i] * (used * step[i] - gradient[i] / scale[i])
    return used, length, predicted


def cost_rounding(value: float, size: float, count: float, least: float) -> Any:
    """Return how large the rounding errors of a cost may be.

    Those of a sum of `count` squares grow with the root of their number; those of a residual are
    as large as the model's values are, of which `size`, the scaled norm of the point, is the norm.
    """
    return least * (math.sqrt(count) * value + math.sqrt(2.0 * value) * size)


def decrease(
    value: float,
    found: float,
    predicted: float,
    rounding: float,
    slope: Array,
    next_slope: Array,
    point: Array,
    trial: Array,
) -> Any:
    """Return by how much a step from `point` to `trial` lowers the cost from `value` to `found`.

    Where rounding errors may hide that, it is the decrease of the parabola that has the slopes at
    both ends: gradients have no error that is large beside a small step.
    """
    difference = value - found
    if predicted > rounding or abs(difference) > rounding:
        return difference
    total = 0.0
    for i in range(point.size):
        total -= 0.5 * (slope[i] + next_slope[i]) * (trial[i] - point[i])
    return total


def judged(
    actual: float,
    predicted: float,
    rounding: float,
    value: float,
    length: float,
    damping: float,
    radius: float,
    size: float,
    limits: Array,
) -> Any:
    """Return the status of a fit after a step, the next radius, and a first guess of the damping.

    `actual` and `predicted` are decreases of the cost, `rounding` bounds its errors, `value` is the
    cost before the step, `size` the scaled norm of the point. The status is 1 to go on; 3, 4, 5 and
    7 are ends.
    """
    ftol, xtol, least = limits[0], limits[1], limits[3]
    ratio = actual / predicted if predicted > 0.0 else 0.0
    after, used = radius, damping
    if ratio <= 0.25:
        # To the minimum of the parabola through both costs and the slope, within bounds.
        shrink = 0.5
        if actual == -math.inf:
            shrink = 0.1
        elif actual < 0.0:
            slope = damping * length * length - 2.0 * predicted
            shrink = max(0.1, 0.5 * slope / (slope + actual))
        after, used = shrink * min(radius, 10.0 * length), damping / shrink
    elif ratio >= 0.75 or damping == 0.0:
        after, used = 2.0 * length, 0.5 * damping
    if abs(actual) <= ftol * value and predicted <= ftol * value and ratio <= 2.0:
        return 5, after, used
    if after > xtol * size:
        return 1, after, used
    if damping == 0.0 and ratio > 0.0001:
        return 4, after, used
    # A step within a small radius was bad, or the radius has been small. That is an end only if
    # rounding can explain it.
    if predicted > rounding:
        return 1, after, used
    if actual == -math.inf:
        return 3, after, used
    # A slope as steep as this is none of rounding: the gradient is not that of the residuals.
    root = math.sqrt(2.0 * value)
    is_exact = least * size < 1e-6 * root
    return 7 if is_exact and predicted > 0.001 * root * length else 4, after, used


def inverse_curvature(
    curvature: Array, scale: Array, least: float, lower: Array, out: Array
) -> bool:
    """Put the inverse of the curvature into `out`, infinity where it is singular."""
    count = scale.size
    for i in range(count):
        scale[i] = 1.0
        if curvature[i, i] > 0.0:
            scale[i] = math.sqrt(curvature[i, i])
    is_definite = factorised(curvature, scale, 0.0, least, lower)
    for column in range(count):
        for i in range(count):
            total = 1.0 if i == column else 0.0
            for k in range(i):
                total -= lower[i, k] * out[k, column]
            out[i, column] = total / lower[i, i] if is_definite else math.inf
        if is_definite:
            for i in range(count - 1, -1, -1):
                total = out[i, column]
                for k in range(i + 1, count):
                    total -= lower[k, i] * out[k, column]
                out[i, column] = total / lower[i, i]
    for i in range(count):
        for j in range(count):
            out[i, j] /= scale[i] * scale[j]
    return is_definite
