"""Residuals: what a least-squares solver or Newton's method is given."""

import numpy as np

from tests.models.model import Field

model = Field()


def calibration_data(rng, views, points):
    world = np.column_stack([rng.uniform(-1, 1, (points, 2)), np.zeros(points)])
    camera = np.array([800.0, 810.0, 320.0, 240.0, -0.1, 0.02])
    pose = np.column_stack([0.2 * rng.normal(size=(views, 3)), 0.1 * rng.normal(size=(views, 2)),
                            np.full(views, 4.0)])  # fmt: skip
    return camera, pose, world, 300 + 50 * rng.normal(size=(views, points, 2))


def rotation(v):
    theta = np.sqrt(v @ v + 1e-12)
    x, y, z = v / theta
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(theta) * K + (1 - np.cos(theta)) * K @ K


@model(
    calibration_data,
    {"views": 2, "points": 3},
    {"views": 10, "points": 50},
    wrt=("camera", "pose"),
)
def camera_calibration(camera, pose, world, seen):
    """Reprojection errors of a flat target, with two terms of radial distortion."""
    fx, fy, cx, cy, k1, k2 = camera
    residuals = np.empty_like(seen)
    for v in range(len(pose)):
        in_camera = world @ rotation(pose[v, :3]).T + pose[v, 3:]
        x, y = in_camera[:, 0] / in_camera[:, 2], in_camera[:, 1] / in_camera[:, 2]
        r2 = x**2 + y**2
        bend = 1 + k1 * r2 + k2 * r2**2
        residuals[v, :, 0] = fx * x * bend + cx - seen[v, :, 0]
        residuals[v, :, 1] = fy * y * bend + cy - seen[v, :, 1]
    return residuals


def rod_data(rng, n):
    return 0.5 * np.ones(n), np.float64(1.2), rng.random(n)


@model(rod_data, {"n": 5}, {"n": 200}, wrt=("u", "k"))
def nonlinear_rod(u, k, source):
    """Residuals of a rod that conducts better where it is hot and radiates."""
    n = len(u)
    r = np.empty(n)
    r[0] = u[0] - 1.0
    r[-1] = u[-1] - 0.5
    conductivity = 1.0 + k * u**2
    mean = 0.5 * (conductivity[1:] + conductivity[:-1])
    flux = mean * (u[1:] - u[:-1]) * (n - 1)
    r[1:-1] = (flux[1:] - flux[:-1]) * (n - 1) + source[1:-1] - 0.1 * u[1:-1] ** 4
    return r


def kinetics_data(rng, times):
    t = np.linspace(0.1, 3, times)
    return np.array([1.0, 0.6, 0.3]), t, rng.random((times, 3))


@model(kinetics_data, {"times": 4}, {"times": 50})
def reaction_residuals(rates, t, measured, inner=10):
    """A to B to C and back to B, by the midpoint rule between samples, and what mass is lost."""
    k1, k2, k3 = rates

    def f(c):
        a, b, d = c
        return np.stack([-k1 * a, k1 * a - k2 * b**2 + k3 * d, k2 * b**2 - k3 * d])

    c = np.array([1.0, 0.0, 0.0])
    out = np.zeros_like(measured)
    now = 0.0
    for row, until in enumerate(t):
        h = (until - now) / inner
        for _ in range(inner):
            c = c + h * f(c + 0.5 * h * f(c))
        out[row] = c - measured[row]
        now = until
    return {"species": out, "mass": np.sum(c) - 1.0}
