"""Graphs and transport."""

import numpy as np

from tests.models.model import Field

model = Field()


def web_data(rng, n, links):
    source, target = rng.integers(0, n, size=(2, links))
    return 0.1 * rng.normal(size=links), np.float64(0.85), source, target, rng.random(n)


@model(web_data, {"n": 5, "links": 9}, {"n": 500, "links": 4000}, wrt=("score", "damping"))
def pagerank(score, damping, source, target, wanted):
    """The rank of pages by power iteration; links have weights, and pages without any are fair."""
    n = len(wanted)
    weight = np.exp(score)
    out = np.zeros(n)
    np.add.at(out, source, weight)
    share = weight / out[source]
    dangling = out == 0
    rank = np.full(n, 1.0 / n)
    for _ in range(100):
        new = np.bincount(target, weights=share * rank[source], minlength=n)
        new = damping * (new + rank[dangling].sum() / n) + (1 - damping) / n
        done = np.abs(new - rank).sum() < 1e-10
        rank = new
        if done:
            break
    return np.sum((rank - wanted / wanted.sum()) ** 2)


def clouds_data(rng, n, m, d):
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 1.0, 0.5, 30


@model(clouds_data, {"n": 4, "m": 3, "d": 2}, {"n": 150, "m": 120, "d": 3}, wrt=("x", "y"),
       peer="autograd")  # fmt: skip
def sinkhorn(x, y, eps, iterations):
    """Entropic transport between two clouds, in the logarithmic domain."""
    n, m = len(x), len(y)
    cost = np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)
    f, g = np.zeros(n), np.zeros(m)
    for _ in range(iterations):
        s = (g[None, :] - cost) / eps
        top = s.max(axis=1)
        f = -eps * (top + np.log(np.mean(np.exp(s - top[:, None]), axis=1)))
        s = (f[:, None] - cost) / eps
        top = s.max(axis=0)
        g = -eps * (top + np.log(np.mean(np.exp(s - top[None, :]), axis=0)))
    plan = np.exp((f[:, None] + g[None, :] - cost) / eps) / (n * m)
    return np.sum(plan * cost)


def bandit_data(rng, rounds, arms):
    return np.zeros(arms), np.float64(0.0), rng.integers(0, arms, rounds), rng.normal(size=rounds)


@model(
    bandit_data, {"rounds": 6, "arms": 3}, {"rounds": 2000, "arms": 5}, wrt=("start", "log_rate")
)
def bandit(start, log_rate, choices, rewards):
    """The likelihood of what somebody chose, who learns values of arms by the error of each."""
    values = start.copy()
    rate = 1 / (1 + np.exp(-log_rate))
    perseverance = np.zeros(len(start))
    log_likelihood = 0.0
    for choice, reward in zip(choices, rewards):
        logits = 3.0 * values + 0.2 * perseverance
        log_likelihood += logits[choice] - np.log(np.sum(np.exp(logits)))
        values[choice] += rate * (reward - values[choice])
        perseverance[:] = 0.0
        perseverance[choice] = 1.0
    return -log_likelihood
