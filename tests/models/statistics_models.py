"""Statistics: likelihoods as they stand in papers."""

import numpy as np
from scipy import special
from scipy.stats import norm

from tests.models.model import Field

model = Field()


def ranked_data(rng, n, d):
    return rng.normal(size=d), rng.normal(size=(n, d)), rng.integers(0, 3, size=n), 0.1


@model(ranked_data, {"n": 6, "d": 3}, {"n": 300, "d": 20}, smooth=False)
def ranking_svm(w, X, grade, penalty):
    """Hinge losses of all pairs in which one row is to stand above the other."""
    scores = X @ w
    first, second = np.where(grade[:, None] > grade[None, :])
    margins = scores[first] - scores[second]
    return 0.5 * penalty * w @ w + np.maximum(0, 1 - margins).sum() / max(len(margins), 1)


def gp_data(rng, n, d):
    X = rng.normal(size=(n, d))
    hyper = {"scales": np.zeros(d), "amplitude": 0.1, "noise": -1.0}
    return hyper, X, np.sin(X.sum(axis=1)) + 0.1 * rng.normal(size=n)


def kernel(hyper, A, B):
    a, b = A / np.exp(hyper["scales"]), B / np.exp(hyper["scales"])
    d2 = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :] - 2 * a @ b.T
    r = np.sqrt(5.0 * np.maximum(d2, 1e-12))
    return np.exp(2 * hyper["amplitude"]) * (1 + r + r**2 / 3) * np.exp(-r)


@model(gp_data, {"n": 5, "d": 2}, {"n": 200, "d": 3}, smooth=False, peer="jax", rtol=1e-5)
def gaussian_process(hyper, X, y):
    """The marginal likelihood with Matérn's kernel, by Cholesky's factor."""
    n = len(y)
    K = kernel(hyper, X, X) + (np.exp(2 * hyper["noise"]) + 1e-8) * np.eye(n)
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return 0.5 * y @ alpha + np.sum(np.log(np.diag(L))) + 0.5 * n * np.log(2 * np.pi)


@model(gp_data, {"n": 5, "d": 2}, {"n": 100, "d": 3}, smooth=False, rtol=1e-5)
def gaussian_process_by_hand(hyper, X, y):
    """The same, by a factor and a substitution that are written out."""
    n = len(y)
    K = kernel(hyper, X, X)
    L, z = np.zeros((n, n)), np.zeros(n)
    for i in range(n):
        for j in range(i + 1):
            s = K[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            if i == j:
                L[i, i] = np.sqrt(s + np.exp(2 * hyper["noise"]))
            else:
                L[i, j] = s / L[j, j]
    for i in range(n):
        s = y[i]
        for k in range(i):
            s -= L[i, k] * z[k]
        z[i] = s / L[i, i]
    return 0.5 * z @ z + np.log(np.diag(L)).sum()


def schools_data(rng, groups, n, d):
    params = {
        "mu": rng.normal(size=d),
        "log_tau": np.zeros(d),
        "z": rng.normal(size=(groups, d)),
        "log_sigma": 0.0,
    }
    X = np.column_stack([np.ones(n), rng.normal(size=(n, d - 1))])
    return params, X, rng.normal(size=n), rng.integers(0, groups, size=n)


@model(
    schools_data,
    {"groups": 3, "n": 8, "d": 2},
    {"groups": 50, "n": 5000, "d": 4},
)
def hierarchical_regression(params, X, y, group):
    """A coefficient for each group, not centred, with priors on all scales."""
    tau = np.exp(params["log_tau"])
    beta = params["mu"] + tau * params["z"]
    fitted = np.sum(X * beta[group], axis=1)
    sigma = np.exp(params["log_sigma"])
    lp = norm.logpdf(y, fitted, sigma).sum()
    lp += norm.logpdf(params["z"]).sum() + norm.logpdf(params["mu"], 0, 5).sum()
    lp += np.sum(np.log(2) - np.log(np.pi) - np.log1p(tau**2) + params["log_tau"])
    lp += norm.logpdf(params["log_sigma"], 0, 1)
    return -lp


def items_data(rng, persons, items):
    answers = (rng.random((persons, items)) < 0.6).astype(float)
    answers[rng.random((persons, items)) < 0.1] = np.nan
    nodes, weights = np.polynomial.hermite_e.hermegauss(11)
    return rng.normal(size=items), 0.2 * rng.normal(size=items), answers, nodes, weights


@model(
    items_data,
    {"persons": 5, "items": 3},
    {"persons": 1000, "items": 20},
    wrt=("difficulty", "log_slope"),
)
def item_response(difficulty, log_slope, answers, nodes, weights):
    """Two parameters an item, abilities integrated out by Gauss and Hermite."""
    z = np.exp(log_slope) * (nodes[:, None] - difficulty)
    log_p, log_q = -np.log1p(np.exp(-z)), -np.log1p(np.exp(z))
    answered = ~np.isnan(answers)
    right = np.where(answered, answers, 0.0)
    wrong = np.where(answered, 1.0 - right, 0.0)
    log_like = right @ log_p.T + wrong @ log_q.T + np.log(weights / weights.sum())
    return -np.sum(special.logsumexp(log_like, axis=1))


def survival_data(rng, n, d):
    times = np.sort(rng.exponential(size=n))
    return rng.normal(size=d) / d, rng.normal(size=(n, d)), times, rng.random(n) < 0.7


@model(survival_data, {"n": 7, "d": 2}, {"n": 2000, "d": 10})
def cox(beta, X, times, event):
    """The partial likelihood: those still at risk are a sum from the end."""
    order = np.argsort(-times)
    eta = X[order] @ beta
    top = eta.max()
    log_risk = np.log(np.cumsum(np.exp(eta - top))) + top
    return -np.sum((eta - log_risk)[event[order]]) / event.sum()


@model(survival_data, {"n": 7, "d": 2}, {"n": 20000, "d": 6}, peer="jax")
def weibull(beta, X, times, event):
    """Survival with censoring; the shape is the exponential of the first coefficient."""
    k = np.exp(beta[0])
    log_scale = X[:, 1:] @ beta[1:]
    z = k * (np.log(times) - log_scale)
    log_hazard = np.log(k) - np.log(times) + z
    return -np.sum(np.where(event, log_hazard, 0.0) - np.exp(z)) / len(times)


def counts_data(rng, n, d):
    X = rng.normal(size=(n, d))
    return {"beta": rng.normal(size=d) / d, "log_r": 0.5, "p": 0.3}, X, rng.poisson(2.0, size=n)


@model(counts_data, {"n": 6, "d": 2}, {"n": 5000, "d": 8})
def count_regressions(params, X, counts):
    """A negative binomial regression beside Tweedie's deviance of the same means."""
    mu = np.exp(X @ params["beta"])
    r = np.exp(params["log_r"])
    nb = special.gammaln(counts + r) - special.gammaln(r) - special.gammaln(counts + 1.0)
    nb += r * np.log(r / (r + mu)) + counts * np.log(mu / (r + mu))
    p = 1.0 + 1.0 / (1.0 + np.exp(-params["p"]))
    tweedie = counts * mu ** (1 - p) / (1 - p) - mu ** (2 - p) / (2 - p)
    return -nb.mean() - tweedie.mean()


def mixture_data(rng, n, d, k):
    return rng.normal(size=(k, d)), rng.normal(size=(n, d)) + 2 * rng.integers(0, 2, (n, 1)), 4


@model(mixture_data, {"n": 7, "d": 2, "k": 2}, {"n": 2000, "d": 3, "k": 4}, quick=False)
def mixture_em(means, X, steps):
    """How far the start of the means carries through some steps of EM with full covariances."""
    k, d = means.shape
    n = len(X)
    covs = np.tile(np.eye(d), (k, 1, 1))
    weights = np.full(k, 1.0 / k)
    log_p = np.zeros((n, k))
    for _ in range(steps):
        for j in range(k):
            diff = X - means[j]
            L = np.linalg.cholesky(covs[j])
            z = np.linalg.solve(L, diff.T)
            log_p[:, j] = np.log(weights[j]) - 0.5 * (z**2).sum(0) - np.log(np.diag(L)).sum()
        total = special.logsumexp(log_p, axis=1)
        resp = np.exp(log_p - total[:, None])
        nk = resp.sum(axis=0)
        weights = nk / n
        means = (resp.T @ X) / nk[:, None]
        for j in range(k):
            diff = X - means[j]
            covs[j] = (resp[:, j, None] * diff).T @ diff / nk[j] + 0.1 * np.eye(d)
    return -total.mean()


def surface_data(rng, n, a, b):
    x, y = rng.random(n), rng.random(n)
    return rng.normal(size=(a, b)), np.float64(0.1), x, y, np.sin(3 * x) * y


def b_splines(x, count):
    """Cubic B-splines on even knots, by Cox and de Boor."""
    knots = np.arange(-3, count + 1) / (count - 3)
    basis = ((x[:, None] >= knots[:-1]) & (x[:, None] < knots[1:])).astype(float)
    for k in range(1, 4):
        left = (x[:, None] - knots[: -k - 1]) / (knots[k:-1] - knots[: -k - 1])
        right = (knots[k + 1 :] - x[:, None]) / (knots[k + 1 :] - knots[1:-k])
        basis = left * basis[:, :-1] + right * basis[:, 1:]
    return basis


@model(
    surface_data,
    {"n": 7, "a": 5, "b": 4},
    {"n": 2000, "a": 12, "b": 10},
    wrt=("c", "log_lam"),
    quick=False,
)
def tensor_spline(c, log_lam, x, y, z):
    """Penalised splines in two directions."""
    Bx, By = b_splines(x, c.shape[0]), b_splines(y, c.shape[1])
    fitted = np.einsum("ni,ij,nj->n", Bx, c, By)
    rough = np.sum(np.diff(c, n=2, axis=0) ** 2) + np.sum(np.diff(c, n=2, axis=1) ** 2)
    lam = np.exp(log_lam)
    return np.mean((z - fitted) ** 2) + lam * rough / c.size - 1e-3 * log_lam
