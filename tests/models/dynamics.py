"""Ordinary differential equations: steps by hand, doses, Newton's method inside."""

import numpy as np

from tests.models.model import Field

model = Field()


def epidemic_data(rng, days):
    return np.log([0.5, 0.2, 0.1]), rng.random(days) * 0.01, 1.0


def seir(state, beta, sigma, gamma):
    s, e, i, _ = state
    new = beta * s * i
    return np.array([-new, new - sigma * e, sigma * e - gamma * i, gamma * i])


@model(epidemic_data, {"days": 4}, {"days": 300}, peer="autograd", quick=False)
def epidemic(log_rates, observed, dt):
    """SEIR by Runge and Kutta, four steps a day, against the share of the ill."""
    beta, sigma, gamma = np.exp(log_rates)
    state = np.array([0.99, 0.0, 0.01, 0.0])
    loss = 0.0
    h = dt / 4
    for day in range(len(observed)):
        for _ in range(4):
            k1 = seir(state, beta, sigma, gamma)
            k2 = seir(state + h / 2 * k1, beta, sigma, gamma)
            k3 = seir(state + h / 2 * k2, beta, sigma, gamma)
            k4 = seir(state + h * k3, beta, sigma, gamma)
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        loss = loss + (state[2] - observed[day]) ** 2
    return loss


def doses_data(rng, n, doses):
    params = {"ka": 0.2, "ke": -1.5, "k12": -1.0, "k21": -1.2, "V": 1.0}
    sampled = np.sort(rng.random(n) * 48)
    given = np.arange(doses) * 48.0 / doses
    return params, sampled, rng.random(n), given, np.full(doses, 5.0)


@model(doses_data, {"n": 5, "doses": 2}, {"n": 40, "doses": 6}, quick=False)
def pharmacokinetics(log_params, sampled, measured, dose_times, doses, dt=0.5):
    """Gut, blood and tissue between doses; concentrations where blood was drawn."""
    p = {name: np.exp(value) for name, value in log_params.items()}

    def rates(a):
        gut, blood, tissue = a
        back = p["k21"] * tissue
        return np.array(
            [
                -p["ka"] * gut,
                p["ka"] * gut - (p["ke"] + p["k12"]) * blood + back,
                p["k12"] * blood - back,
            ]
        )

    amounts = np.zeros(3)
    t, next_dose = 0.0, 0
    log_likelihood = 0.0
    for k in range(len(sampled)):
        while t < sampled[k]:
            if next_dose < len(dose_times) and t >= dose_times[next_dose]:
                amounts[0] += doses[next_dose]
                next_dose += 1
            h = min(dt, sampled[k] - t)
            middle = amounts + 0.5 * h * rates(amounts)
            amounts = amounts + h * rates(middle)
            t += h
        error = np.log(measured[k]) - np.log(amounts[1] / p["V"] + 1e-6)
        log_likelihood -= 0.5 * error**2
    return -log_likelihood / len(sampled)


def enzyme_data(rng, steps):
    return np.array([2.0, 1.0, 0.5]), rng.random(steps), 0.2


@model(enzyme_data, {"steps": 4}, {"steps": 400})
def enzyme(k, product, dt):
    """Michaelis and Menten's mechanism by implicit Euler, each step by Newton's method."""
    kf, kr, kcat = k
    y = np.array([1.0, 0.0])
    loss = 0.0
    for target in product:
        new = y.copy()
        for _ in range(20):
            s, c = new
            free = 0.3 - c
            residual = np.array(
                [
                    s - y[0] - dt * (-kf * s * free + kr * c),
                    c - y[1] - dt * (kf * s * free - (kr + kcat) * c),
                ]
            )
            jac = np.array(
                [
                    [1 + dt * kf * free, -dt * (kf * s + kr)],
                    [-dt * kf * free, 1 + dt * (kf * s + kr + kcat)],
                ]
            )
            step = np.linalg.solve(jac, residual)
            new = new - step
            if np.max(np.abs(step)) < 1e-12:
                break
        y = new
        loss += (1.0 - y[0] - y[1] - target) ** 2
    return loss


def chain_data(rng, links, steps):
    return 0.3 * rng.normal(size=links), np.ones(links), np.ones(links), steps


@model(
    chain_data,
    {"links": 2, "steps": 3},
    {"links": 4, "steps": 400},
    wrt=("angles", "lengths", "masses"),
    rtol=1e-5,
    quick=False,
)
def pendulum_chain(angles, lengths, masses, steps, dt=0.005, g=9.81):
    """Links that hang on each other; the mass matrix is solved at each step."""
    n = len(angles)
    tail = np.cumsum(masses[::-1])[::-1]
    theta, omega = angles.copy(), np.zeros(n)
    for _ in range(steps):
        M = np.zeros((n, n))
        force = np.zeros(n)
        for i in range(n):
            for j in range(n):
                m = tail[max(i, j)]
                M[i, j] = m * lengths[i] * lengths[j] * np.cos(theta[i] - theta[j])
                force[i] -= (
                    m * lengths[i] * lengths[j] * np.sin(theta[i] - theta[j]) * omega[j] ** 2
                )
            force[i] -= tail[i] * g * lengths[i] * np.sin(theta[i])
        omega += dt * np.linalg.solve(M, force)
        theta += dt * omega
    x, y = np.sum(lengths * np.sin(theta)), -np.sum(lengths * np.cos(theta))
    return x**2 + (y + 1.0) ** 2


def policy_data(rng, episodes, horizon):
    params = {"w": 0.1 * rng.normal(size=(3, 4)), "b": np.zeros(4), "v": 0.1 * rng.normal(size=4)}
    starts = np.stack([np.pi + 0.3 * rng.normal(size=episodes), np.zeros(episodes)], axis=1)
    return params, starts, 0.1 * rng.normal(size=(horizon, episodes))


@model(policy_data, {"episodes": 2, "horizon": 4}, {"episodes": 64, "horizon": 100}, quick=False)
def policy_rollout(params, starts, noise, dt=0.05):
    """The return of a small policy that swings a pendulum up, through the dynamics."""
    state = starts.copy()
    value = 0.0
    discount = 1.0
    for t in range(len(noise)):
        theta, omega = state[:, 0], state[:, 1]
        seen = np.stack([np.cos(theta), np.sin(theta), omega], axis=1)
        torque = 2.0 * np.tanh(np.tanh(seen @ params["w"] + params["b"]) @ params["v"]) + noise[t]
        angle = (theta + np.pi) % (2 * np.pi) - np.pi
        value -= discount * np.mean(angle**2 + 0.1 * omega**2 + 0.001 * torque**2)
        omega = np.clip(omega + dt * (15.0 * np.sin(theta) + 3.0 * torque), -8.0, 8.0)
        state[:, 1] = omega
        state[:, 0] += dt * omega
        discount *= 0.99
    return -value
