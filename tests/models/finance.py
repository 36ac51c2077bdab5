"""Prices, trees, paths and portfolios."""

import numpy as np
from scipy.special import ndtr

from tests.models.model import Field

model = Field()


def options_data(rng, n):
    strike = rng.uniform(80, 120, n)
    return (
        np.array([0.2, -0.1, 0.3]),
        np.full(n, 100.0),
        strike,
        rng.uniform(0.1, 2, n),
        rng.random(n),
    )


@model(options_data, {"n": 5}, {"n": 20000})
def black_scholes(smile, spot, strike, maturity, market, rate=0.02):
    """Calls with a quadratic smile, calibrated to the market."""
    moneyness = np.log(strike / spot)
    sigma = smile[0] + smile[1] * moneyness + smile[2] * moneyness**2
    root = sigma * np.sqrt(maturity)
    d1 = (-moneyness + rate * maturity) / root + 0.5 * root
    price = spot * ndtr(d1) - strike * np.exp(-rate * maturity) * ndtr(d1 - root)
    return np.mean((price - market) ** 2)


def put_data(rng, steps):
    return np.float64(100.0), np.float64(0.25), np.float64(0.03), 103.0, 1.0, steps


@model(put_data, {"steps": 5}, {"steps": 300}, wrt=("spot", "sigma", "rate"), smooth=False)
def american_put(spot, sigma, rate, strike, maturity, steps):
    """Cox, Ross and Rubinstein's tree, exercised whenever that pays."""
    dt = maturity / steps
    up = np.exp(sigma * np.sqrt(dt))
    down = 1.0 / up
    q = (np.exp(rate * dt) - down) / (up - down)
    discount = np.exp(-rate * dt)
    k = np.arange(steps + 1)
    value = np.maximum(strike - spot * up ** (2.0 * k - steps), 0.0)
    for step in range(steps - 1, -1, -1):
        live = slice(0, step + 1)
        price = spot * up ** (2.0 * np.arange(step + 1) - step)
        held = discount * (q * value[1 : step + 2] + (1 - q) * value[live])
        value[live] = np.maximum(held, strike - price)
    return value[0]


def paths_data(rng, paths, steps):
    return np.float64(36.0), np.float64(0.2), 0.06, 40.0, rng.normal(size=(steps, paths))


@model(
    paths_data, {"paths": 12, "steps": 3}, {"paths": 5000, "steps": 50}, wrt=("spot", "sigma"),
    smooth=False, rtol=1e-5,
)  # fmt: skip
def longstaff_schwartz(spot, sigma, rate, strike, noise, maturity=1.0):
    """Least squares decide on each path whether a put is held; its price by the mean."""
    steps, paths = noise.shape
    dt = maturity / steps
    drift = (rate - 0.5 * sigma**2) * dt
    S = spot * np.exp(np.cumsum(drift + sigma * np.sqrt(dt) * noise, axis=0))
    cash = np.maximum(strike - S[-1], 0.0)
    for t in range(steps - 2, -1, -1):
        cash = cash * np.exp(-rate * dt)
        payoff = np.maximum(strike - S[t], 0.0)
        x = S[t] / strike
        A = np.stack([np.ones(paths), x, x**2], axis=1)
        w = (payoff > 0).astype(float)
        coef = np.linalg.solve(A.T @ (w[:, None] * A) + 1e-8 * np.eye(3), A.T @ (w * cash))
        cash = np.where((payoff > A @ coef) & (payoff > 0), payoff, cash)
    return np.exp(-rate * dt) * cash.mean()


def assets_data(rng, n, days):
    returns = 0.001 + 0.01 * rng.normal(size=(days, n))
    return rng.normal(size=n), returns, np.zeros(n), rng.integers(0, 3, size=n)


@model(assets_data, {"n": 4, "days": 9}, {"n": 50, "days": 1000})
def portfolio(z, returns, held, sector):
    """Weights by softmax: variance and shortfall, with penalties for sectors and turnover."""
    w = np.exp(z - z.max())
    w /= w.sum()
    daily = returns @ w
    shortfall = -np.mean(np.sort(daily)[: max(len(daily) // 20, 1)])
    exposure = np.bincount(sector, weights=w, minlength=3)
    penalty = np.sum(np.maximum(exposure - 0.5, 0.0) ** 2)
    cost = np.sum(np.sqrt((w - held) ** 2 + 1e-6))
    risk = daily.var(ddof=1)
    return -daily.mean() + 5 * risk + 0.1 * shortfall + 10 * penalty + 1e-4 * cost


def curve_data(rng, bonds, coupons):
    times = np.cumsum(np.full((bonds, coupons), 0.5), axis=1)
    last = rng.integers(1, coupons + 1, size=bonds)
    flows = np.where(np.arange(coupons) < last[:, None], 2.0, 0.0)
    flows[np.arange(bonds), last - 1] += 100.0
    return np.array([0.04, -0.02, 0.01, 0.005, 0.3, 1.2]), times, flows, 95 + 10 * rng.random(bonds)


@model(
    curve_data, {"bonds": 4, "coupons": 5}, {"bonds": 200, "coupons": 60}, peer="jax", quick=False
)
def nelson_siegel(p, times, flows, prices):
    """Svensson's yield curve fitted to prices of bonds."""
    b0, b1, b2, b3, t1, t2 = p
    x1, x2 = times / np.exp(t1), times / np.exp(t2)
    load1 = (1 - np.exp(-x1)) / x1
    load2 = load1 - np.exp(-x1)
    load3 = (1 - np.exp(-x2)) / x2 - np.exp(-x2)
    rates = b0 + b1 * load1 + b2 * load2 + b3 * load3
    model_prices = np.sum(flows * np.exp(-rates * times), axis=1)
    duration = np.sum(flows * times * np.exp(-rates * times), axis=1) / model_prices
    return np.mean(((model_prices - prices) / duration) ** 2)
