"""Grids: fluids, waves, diffusion and elements."""

import numpy as np

from tests.models.model import Field

model = Field()

VELOCITIES = np.array(
    [[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [-1, -1], [1, -1]]
)
WEIGHTS = np.array([4 / 9, *[1 / 9] * 4, *[1 / 36] * 4])
OPPOSITE = np.array([0, 3, 4, 1, 2, 7, 8, 5, 6])


def channel_data(rng, nx, ny, steps):
    solid = np.zeros((nx, ny), dtype=bool)
    solid[nx // 3, ny // 3 : 2 * ny // 3] = True
    return np.float64(0.8), 0.05 + 0.01 * rng.random(ny), solid, steps


def equilibrium(rho, u, v):
    eu = VELOCITIES[:, 0, None, None] * u + VELOCITIES[:, 1, None, None] * v
    return WEIGHTS[:, None, None] * rho * (1 + 3 * eu + 4.5 * eu**2 - 1.5 * (u**2 + v**2))


@model(
    channel_data,
    {"nx": 6, "ny": 5, "steps": 2},
    {"nx": 60, "ny": 40, "steps": 50},
    wrt=("tau", "inflow"),
    quick=False,
)
def lattice_boltzmann(tau, inflow, solid, steps):
    """A channel with an obstacle, D2Q9, bounced back from what is solid."""
    nx, ny = solid.shape
    f = equilibrium(np.ones((nx, ny)), np.tile(inflow, (nx, 1)), np.zeros((nx, ny)))
    u = np.zeros((nx, ny))
    for _ in range(steps):
        for k in range(9):
            f[k] = np.roll(f[k], (VELOCITIES[k, 0], VELOCITIES[k, 1]), axis=(0, 1))
        bounced = f[OPPOSITE][:, solid]
        rho = f.sum(axis=0)
        u = (VELOCITIES[:, 0, None, None] * f).sum(axis=0) / rho
        v = (VELOCITIES[:, 1, None, None] * f).sum(axis=0) / rho
        u[0, :] = inflow
        f = f - (f - equilibrium(rho, u, v)) / tau
        f[:, solid] = bounced
    return np.mean(u[-1] ** 2) + 0.1 * np.mean((u[:, 1:] - u[:, :-1]) ** 2)


def plate_data(rng, n, sweeps):
    return rng.normal(size=(n, n)), rng.normal(size=n), rng.normal(size=(n, n)), sweeps


@model(plate_data, {"n": 5, "sweeps": 3}, {"n": 60, "sweeps": 100}, wrt=("source", "edge"))
def poisson_by_jacobi(source, edge, measured, sweeps):
    """Jacobi's sweeps with a given edge, against measurements inside."""
    n = source.shape[0]
    u = np.zeros((n, n))
    u[0, :] = edge
    h2 = 1.0 / (n - 1) ** 2
    for _ in range(sweeps):
        new = u.copy()
        new[1:-1, 1:-1] = 0.25 * (
            u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - h2 * source[1:-1, 1:-1]
        )
        u = new
    return np.sum((u - measured)[1:-1, 1:-1] ** 2)


@model(plate_data, {"n": 5, "sweeps": 2}, {"n": 30, "sweeps": 20}, wrt=("source", "edge"))
def poisson_by_gauss_seidel(source, edge, measured, sweeps, omega=1.5):
    """The same with over-relaxation, point by point in place."""
    n = source.shape[0]
    u = np.zeros_like(source)
    u[0] = edge
    h2 = 1.0 / (n - 1) ** 2
    for _ in range(sweeps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                star = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
                u[i, j] += omega * (star - 0.25 * h2 * source[i, j] - u[i, j])
    return np.sum((u - measured) ** 2)


def heat_data(rng, n):
    return np.exp(0.3 * rng.normal(size=n + 1)), rng.normal(size=n), rng.normal(size=n)


@model(heat_data, {"n": 5}, {"n": 400}, wrt=("conductivity", "source"), rtol=1e-5, quick=False)
def conjugate_gradients(conductivity, source, measured):
    """Steady heat in a rod by conjugate gradients without a matrix, until it is exact."""

    def apply(u):
        padded = np.concatenate(([0.0], u, [0.0]))
        flux = conductivity * np.diff(padded)
        return -np.diff(flux)

    u = np.zeros_like(source)
    r = source - apply(u)
    p = r.copy()
    rs = r @ r
    for _ in range(3 * len(source)):
        Ap = apply(p)
        alpha = rs / (p @ Ap)
        u = u + alpha * p
        r = r - alpha * Ap
        new = r @ r
        if new < 1e-22:
            break
        p = r + new / rs * p
        rs = new
    return np.mean((u - measured) ** 2)


def lake_data(rng, n, steps):
    x = np.linspace(-1, 1, n)
    bump = np.exp(-8 * (x[:, None] ** 2 + x[None] ** 2))
    return 0.1 * bump, np.float64(0.05), 1.0 + 0.01 * rng.random((n, n)), steps


@model(
    lake_data,
    {"n": 6, "steps": 3},
    {"n": 64, "steps": 100},
    wrt=("surface", "drag"),
    smooth=False,
)
def shallow_water(surface, drag, observed, steps, g=9.81, dt=0.002):
    """Heights and velocities on staggered grids, written in place."""
    n = surface.shape[0]
    dx = 2.0 / n
    h = 1.0 + surface
    u = np.zeros((n + 1, n))
    v = np.zeros((n, n + 1))
    for _ in range(steps):
        u[1:-1] -= dt * (g * (h[1:] - h[:-1]) / dx + drag * u[1:-1])
        v[:, 1:-1] -= dt * (g * (h[:, 1:] - h[:, :-1]) / dx + drag * v[:, 1:-1])
        flux_x = np.zeros_like(u)
        flux_y = np.zeros_like(v)
        flux_x[1:-1] = np.where(u[1:-1] > 0, h[:-1], h[1:]) * u[1:-1]
        flux_y[:, 1:-1] = np.where(v[:, 1:-1] > 0, h[:, :-1], h[:, 1:]) * v[:, 1:-1]
        h = h - dt / dx * (flux_x[1:] - flux_x[:-1] + flux_y[:, 1:] - flux_y[:, :-1])
    return np.mean((h - observed) ** 2) + 0.1 * (u**2).mean() + 0.1 * (v**2).mean()


def layers_data(rng, n, steps):
    return 1.0 + rng.random(n), rng.normal(size=steps), steps


@model(layers_data, {"n": 8, "steps": 4}, {"n": 300, "steps": 600})
def maxwell_1d(permittivity, received, steps):
    """Yee's leapfrog with a soft source, a lossy end and a receiver."""
    n = len(permittivity)
    E = np.zeros(n)
    H = np.zeros(n - 1)
    loss = 0.0
    courant = 0.5
    for t in range(steps):
        H += courant * (E[1:] - E[:-1])
        E[1:-1] += courant / permittivity[1:-1] * (H[1:] - H[:-1])
        E[n // 4] += np.exp(-(((t - 30.0) / 10.0) ** 2))
        E[0] = 0.5 * E[1]
        E[-1] = 0.5 * E[-2]
        loss += (E[3 * n // 4] - received[t]) ** 2
    return loss / steps


def cavity_data(rng, n, steps):
    return 1.0 + 0.5 * rng.random((n, n)), steps


@model(cavity_data, {"n": 6, "steps": 3}, {"n": 80, "steps": 100})
def maxwell_2d(permittivity, steps):
    """A transverse field in a cavity, and the energy in its far corner."""
    n = permittivity.shape[0]
    fields = {"E": np.zeros((n, n)), "Hx": np.zeros((n, n - 1)), "Hy": np.zeros((n - 1, n))}
    c = 0.5
    for t in range(steps):
        E, Hx, Hy = fields["E"], fields["Hx"], fields["Hy"]
        Hx -= c * (E[:, 1:] - E[:, :-1])
        Hy += c * (E[1:, :] - E[:-1, :])
        curl = Hy[1:, 1:-1] - Hy[:-1, 1:-1] - Hx[1:-1, 1:] + Hx[1:-1, :-1]
        E[1:-1, 1:-1] += c * curl / permittivity[1:-1, 1:-1]
        E[n // 4, n // 4] += np.sin(0.3 * t)
    half = n // 2
    return np.sum(permittivity[half:, half:] * fields["E"][half:, half:] ** 2) + np.sum(Hx**2)


def mesh_data(rng, n):
    points = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), -1)
    points = points.reshape(-1, 2) + 0.1 * rng.normal(size=(n * n, 2))
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    return np.zeros(len(triangles)), points, triangles, rng.normal(size=n * n)


@model(mesh_data, {"n": 3}, {"n": 12}, wrt=("log_k", "points"), rtol=1e-5)
def finite_elements(log_k, points, triangles, load):
    """Heat on triangles: elements' matrices are assembled and the system is solved."""
    corners = points[triangles]
    x, y = corners[:, :, 0], corners[:, :, 1]
    b = np.stack([y[:, 1] - y[:, 2], y[:, 2] - y[:, 0], y[:, 0] - y[:, 1]], axis=1)
    c = np.stack([x[:, 2] - x[:, 1], x[:, 0] - x[:, 2], x[:, 1] - x[:, 0]], axis=1)
    area = 0.5 * np.abs(b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    local = b[:, :, None] * b[:, None, :] + c[:, :, None] * c[:, None, :]
    local *= (np.exp(log_k) / (4 * area))[:, None, None]
    n = len(points)
    K = np.zeros((n, n))
    np.add.at(K, (triangles[:, :, None], triangles[:, None, :]), local)
    K[0, :] = 0.0
    K[0, 0] = 1.0
    f = load.copy()
    f[0] = 0.0
    u = np.linalg.solve(K, f)
    return f @ u


def beam_data(rng, boxes):
    return np.linspace(6.0, 2.0, boxes), np.full(boxes, 0.5), 50.0


@model(beam_data, {"boxes": 6}, {"boxes": 6}, wrt=("side", "wall"))
def beam_of_boxes(side, wall, load, length=100.0, E=2e3):
    """The weight of a cantilever of hollow boxes, with penalties for bending and stress."""
    n = len(side)
    inner = side - 2 * wall
    inertia = (side**4 - inner**4) / 12.0
    weight = np.sum(side**2 - inner**2) * length / n
    deflection, slope = 0.0, 0.0
    penalty = 0.0
    piece = length / n
    for k in range(n):
        arm = length - (k + 1) * piece
        moment = load * arm
        EI = E * inertia[k]
        deflection += slope * piece + load * piece**3 / (3 * EI) + moment * piece**2 / (2 * EI)
        slope += load * piece**2 / (2 * EI) + moment * piece / EI
        stress = load * (arm + piece) * side[k] / 2 / inertia[k]
        penalty += max(stress - 100.0, 0.0) ** 2
    return weight + 10.0 * max(deflection - 2.5, 0.0) ** 2 + 0.1 * penalty
