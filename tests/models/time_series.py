"""Time series: recursions, filters and smoothers."""

from typing import NamedTuple

import numpy as np

from tests.models.model import Field

model = Field()


def returns_data(rng, n):
    return np.array([0.05, 0.1, 0.85]), 0.1 * rng.standard_t(5, size=n)


@model(returns_data, {"n": 9}, {"n": 5000}, peer=None)
def garch(params, returns):
    """Student's GARCH(1, 1) with the sample's variance at the start."""
    omega, alpha, beta = params
    variance = np.var(returns)
    nu = 5.0
    nll = 0.0
    for r in returns:
        nll += 0.5 * np.log(variance) + 0.5 * (nu + 1) * np.log1p(r**2 / (variance * (nu - 2)))
        variance = omega + alpha * r**2 + beta * variance
    return nll / len(returns)


def arma_data(rng, n, p, q):
    return (
        0.3 * rng.normal(size=p) / p,
        0.3 * rng.normal(size=q),
        np.float64(0.1),
        rng.normal(size=n),
    )


@model(arma_data, {"n": 9, "p": 2, "q": 1}, {"n": 3000, "p": 4, "q": 3}, wrt=("phi", "theta", "c"))
def arma(phi, theta, c, x):
    """The conditional sum of squares of an ARMA(p, q)."""
    p, q = len(phi), len(theta)
    e = np.zeros_like(x)
    for t in range(p, len(x)):
        mean = c
        for k in range(p):
            mean += phi[k] * x[t - 1 - k]
        for k in range(q):
            if t - 1 - k >= 0:
                mean += theta[k] * e[t - 1 - k]
        e[t] = x[t] - mean
    return 0.5 * len(x) * np.log(np.sum(e**2) / len(x))


def events_data(rng, n, kinds):
    times = np.cumsum(rng.exponential(0.5, size=n))
    params = {
        "mu": np.log(0.3 * np.ones(kinds)),
        "alpha": rng.normal(-2.0, 0.3, (kinds, kinds)),
        "decay": 0.2,
    }
    return params, times, rng.integers(0, kinds, size=n)


@model(events_data, {"n": 7, "kinds": 2}, {"n": 3000, "kinds": 4})
def hawkes(params, times, kinds):
    """Events of several kinds that excite each other, by Ogata's recursion."""
    mu, alpha, decay = np.exp(params["mu"]), np.exp(params["alpha"]), np.exp(params["decay"])
    excitement = np.zeros(len(mu))
    log_intensity = 0.0
    last = 0.0
    for t, k in zip(times, kinds):
        excitement *= np.exp(-decay * (t - last))
        log_intensity += np.log(mu[k] + decay * (alpha[k] @ excitement))
        excitement[k] += 1.0
        last = t
    survived = 1.0 - np.exp(-decay * (times[-1] - times))
    compensator = mu.sum() * times[-1] + np.sum(alpha.sum(axis=0)[kinds] * survived)
    return compensator - log_intensity


class LinearModel(NamedTuple):
    """A linear and Gaussian model of a state that is seen through noise."""

    F: np.ndarray
    H: np.ndarray
    Q: np.ndarray
    R: np.ndarray


def kalman_data(rng, t, d, m):
    system = LinearModel(
        0.9 * np.eye(d) + 0.05 * rng.normal(size=(d, d)),
        rng.normal(size=(m, d)),
        0.1 * np.eye(d),
        0.2 * np.eye(m),
    )
    return system, rng.normal(size=(t, m)), rng.normal(size=(t, d))


@model(kalman_data, {"t": 4, "d": 2, "m": 1}, {"t": 300, "d": 4, "m": 2}, peer=None, quick=False)
def kalman_smoother(system, y, truth):
    """Rauch, Tung and Striebel's smoother against what the states were."""
    F, H, Q, R = system
    T, d = len(y), F.shape[0]
    means = np.zeros((T, d))
    covs = np.zeros((T, d, d))
    m, P = np.zeros(d), np.eye(d)
    for t in range(T):
        m = F @ m
        P = F @ P @ F.T + Q
        S = H @ P @ H.T + R
        K = np.linalg.solve(S, H @ P).T
        m = m + K @ (y[t] - H @ m)
        P = P - K @ S @ K.T
        means[t], covs[t] = m, P
    for t in reversed(range(T - 1)):
        ahead = F @ covs[t] @ F.T + Q
        G = covs[t] @ F.T @ np.linalg.inv(ahead)
        means[t] += G @ (means[t + 1] - F @ means[t])
        covs[t] += G @ (covs[t + 1] - ahead) @ G.T
    error = means - truth
    return np.mean(error**2) + 0.01 * np.trace(covs.sum(axis=0)) / T


def tracking_data(rng, t):
    angle = np.linspace(0, 1, t)
    measured = np.stack([5 + angle + 0.1 * rng.normal(size=t), angle], axis=1)
    return {"q": -2.0, "r": np.array([-2.0, -3.0]), "x0": np.array([5.0, 0.1, 0.3, 0.2])}, measured


@model(tracking_data, {"t": 4}, {"t": 500}, quick=False)
def extended_kalman(params, measured, dt=0.05):
    """Range and bearing of something that flies straight on, linearised at each step."""
    F = np.eye(4)
    F[0, 2] = F[1, 3] = dt
    Q = np.exp(params["q"]) * np.diag([dt**2, dt**2, dt, dt])
    R = np.diag(np.exp(params["r"]))
    x, P = params["x0"], np.eye(4)
    nll = 0.0
    for z in measured:
        x = F @ x
        P = F @ P @ F.T + Q
        px, py = x[0], x[1]
        distance = np.hypot(px, py)
        H = np.array(
            [
                [px / distance, py / distance, 0.0, 0.0],
                [-py / distance**2, px / distance**2, 0.0, 0.0],
            ]
        )
        innovation = z - np.array([distance, np.arctan2(py, px)])
        S = H @ P @ H.T + R
        nll += 0.5 * (innovation @ np.linalg.solve(S, innovation) + np.log(np.linalg.det(S)))
        K = P @ H.T @ np.linalg.inv(S)
        x = x + K @ innovation
        P = (np.eye(4) - K @ H) @ P
    return nll


def volatility_data(rng, t, particles):
    noise = rng.normal(size=(t, particles))
    return {"mu": -1.0, "phi": 1.5, "sigma": -1.0}, rng.normal(size=t), noise


@model(volatility_data, {"t": 5, "particles": 4}, {"t": 200, "particles": 500}, peer="autograd")
def stochastic_volatility(params, returns, noise):
    """Particles' weights by sequential importance sampling with common random numbers."""
    mu, phi, sigma = params["mu"], np.tanh(params["phi"]), np.exp(params["sigma"])
    h = mu + sigma / np.sqrt(1 - phi**2) * noise[0]
    log_w = np.zeros(noise.shape[1])
    evidence = 0.0
    for t in range(len(returns)):
        if t > 0:
            h = mu + phi * (h - mu) + sigma * noise[t]
        log_w = log_w - 0.5 * (np.log(2 * np.pi) + h + returns[t] ** 2 * np.exp(-h))
        top = np.max(log_w)
        total = top + np.log(np.mean(np.exp(log_w - top)))
        evidence = evidence + total
        log_w = 0.5 * (log_w - total)
    return -evidence
