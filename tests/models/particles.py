"""Particles, spins and springs."""

import numpy as np
from scipy.special import erfc

from tests.models.model import Field

model = Field()


def spring_data(rng, n, edges):
    pairs = np.sort(rng.permutation(n * (n - 1) // 2)[:edges])
    i, j = np.triu_indices(n, 1)
    i, j = i[pairs], j[pairs]
    x = rng.normal(size=(n, 2))
    return x, np.ones(edges), i, j, np.full(edges, 1.3)


@model(
    spring_data,
    {"n": 5, "edges": 7},
    {"n": 200, "edges": 1000},
    wrt=("x", "stiffness"),
    quick=False,
)
def spring_network(x, stiffness, i, j, rest):
    """Some damped steps of a net of springs that is held at its first node."""
    x = x.copy()
    v = np.zeros_like(x)
    anchor = x[0].copy()
    for _ in range(10):
        d = x[j] - x[i]
        length = np.sqrt(np.sum(d * d, axis=1))
        pull = (stiffness * (length - rest) / length)[:, None] * d
        f = np.zeros_like(x)
        np.add.at(f, i, pull)
        np.subtract.at(f, j, pull)
        f[:, 1] -= 0.1
        v = 0.95 * (v + 0.02 * f)
        x += 0.02 * v
        x[0] = anchor
    d = x[j] - x[i]
    length = np.sqrt(np.sum(d * d, axis=1))
    return 0.5 * np.sum(stiffness * (length - rest) ** 2) + 0.1 * x[:, 1].sum()


def fluid_data(rng, side, steps):
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3) * 1.2
    return grid + 0.05 * rng.normal(size=grid.shape), 1.0, 1.0, side * 1.2, steps


def neighbours(x, box, cutoff):
    """Pairs whose cells are the same or touch, each once."""
    n = len(x)
    cells = max(int(box / cutoff), 1)
    where = np.floor(x / box * cells).astype(int) % cells
    apart = np.abs(where[:, None, :] - where[None, :, :])
    apart = np.minimum(apart, cells - apart)
    touching = np.all(apart <= 1, axis=2) & (np.arange(n)[:, None] < np.arange(n))
    return np.nonzero(touching)


@model(
    fluid_data,
    {"side": 2, "steps": 2},
    {"side": 5, "steps": 20},
    wrt=("x", "epsilon", "sigma"),
    rtol=1e-5,
)
def lennard_jones(x, epsilon, sigma, box, steps, cutoff=2.0, dt=0.002):
    """Velocity Verlet of a fluid in a periodic box; the list of neighbours is made once."""
    first, second = neighbours(x, box, cutoff)
    shift = 4 * ((1 / cutoff) ** 12 - (1 / cutoff) ** 6)

    def forces(x):
        d = x[first] - x[second]
        d = d - box * np.round(d / box)
        r2 = np.sum(d**2, axis=1)
        near = r2 < cutoff**2
        s6 = (sigma**2 / r2) ** 3
        energy = np.sum(np.where(near, epsilon * (4 * (s6**2 - s6) - shift), 0.0))
        pair = np.where(near, 24 * epsilon * (2 * s6**2 - s6) / r2, 0.0)[:, None] * d
        f = np.zeros_like(x)
        np.add.at(f, first, pair)
        np.add.at(f, second, -pair)
        return energy, f

    v = np.zeros_like(x)
    energy, f = forces(x)
    for _ in range(steps):
        v = v + 0.5 * dt * f
        x = x + dt * v
        energy, f = forces(x)
        v = v + 0.5 * dt * f
    return energy + 0.5 * np.sum(v**2)


def ions_data(rng, n, kmax):
    x = rng.random((n, 3))
    q = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    side = np.arange(-kmax, kmax + 1.0)
    k = np.stack(np.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3)
    k = k[np.any(k != 0, axis=1)]
    return x, q, 2 * np.pi * k


@model(ions_data, {"n": 4, "kmax": 1}, {"n": 60, "kmax": 4}, wrt=("x", "q"), rtol=1e-5, quick=False)
def ewald(x, q, waves, alpha=5.0):
    """The energy of ions in a periodic box, near and far part."""
    n = len(x)
    real = 0.0
    for i in range(n - 1):
        d = x[i] - x[i + 1 :]
        d -= np.rint(d)
        r = np.linalg.norm(d, axis=1)
        real += q[i] * np.sum(q[i + 1 :] * erfc(alpha * r) / r)
    k2 = np.sum(waves**2, axis=1)
    structure = np.exp(1j * waves @ x.T) @ q
    far = 2 * np.pi * np.sum(np.exp(-k2 / (4 * alpha**2)) / k2 * np.abs(structure) ** 2)
    return real + far - alpha / np.sqrt(np.pi) * np.sum(q**2)


def spins_data(rng, n):
    J = rng.normal(size=(n, n)) / n
    return 0.3 * rng.normal(size=n), (J + J.T) / 2, np.float64(0.7)


@model(spins_data, {"n": 5}, {"n": 200}, wrt=("h", "J", "beta"))
def ising_mean_field(h, J, beta):
    """The free energy at the fixed point of damped mean-field equations."""
    m = np.tanh(beta * h)
    for sweep in range(200):
        new = 0.5 * m + 0.5 * np.tanh(beta * (J @ m + h))
        change = np.abs(new - m).max()
        m = new
        if change < 1e-10:
            break
    p, q = (1 + m) / 2, (1 - m) / 2
    entropy = -np.sum(p * np.log(p) + q * np.log(q))
    return -0.5 * m @ J @ m - h @ m - entropy / beta
