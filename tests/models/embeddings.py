"""Factors, components and embeddings: what is learnt stands in for the data."""

import numpy as np
from scipy.special import gammaln, logsumexp

from tests.models.model import Field

model = Field()


def words_data(rng, vocab, d, pairs, negatives):
    centre, context = rng.integers(0, vocab, size=(2, pairs))
    noise = rng.integers(0, vocab, size=(pairs, negatives))
    return rng.normal(size=(vocab, d)), rng.normal(size=(vocab, d)), centre, context, noise


@model(
    words_data,
    {"vocab": 6, "d": 3, "pairs": 7, "negatives": 2},
    {"vocab": 2000, "d": 32, "pairs": 5000, "negatives": 5},
    wrt=("inside", "outside"),
    peer="jax",
)
def word2vec(inside, outside, centre, context, noise):
    """Skip-grams with negative samples."""
    u = inside[centre]
    positive = np.sum(u * outside[context], axis=1)
    negative = np.einsum("pd,pkd->pk", u, outside[noise])
    return np.mean(np.logaddexp(0, -positive) + np.logaddexp(0, negative).sum(axis=1))


def tsne_data(rng, n, d):
    x = rng.normal(size=(n, d))
    d2 = ((x[:, None] - x[None]) ** 2).sum(-1)
    p = np.exp(-d2 / d)
    np.fill_diagonal(p, 0.0)
    return rng.normal(size=(n, 2)), p / p.sum()


@model(tsne_data, {"n": 6, "d": 3}, {"n": 300, "d": 10}, peer="jax")
def tsne(y, p):
    """Kullback and Leibler's distance between neighbours in high and low dimension."""
    n = y.shape[0]
    squares = np.sum(y**2, axis=1)
    d2 = squares[:, None] + squares[None, :] - 2.0 * y @ y.T
    q = 1.0 / (1.0 + d2)
    q = q * (1.0 - np.eye(n))
    q = np.maximum(q / q.sum(), 1e-12)
    return np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / q), 0.0))


def ratings_data(rng, users, items, rank):
    ratings = rng.normal(3.0, 1.0, size=(users, items))
    ratings[rng.random(size=(users, items)) < 0.4] = np.nan
    params = {
        "u": rng.normal(size=(users, rank)),
        "v": rng.normal(size=(items, rank)),
        "bu": np.zeros(users),
        "bi": np.zeros(items),
        "mu": 3.0,
    }
    return params, ratings, 0.1


@model(ratings_data, {"users": 5, "items": 4, "rank": 2}, {"users": 300, "items": 200, "rank": 8})
def matrix_factorisation(params, ratings, penalty):
    """Ratings with holes, biases and a ridge."""
    seen = ~np.isnan(ratings)
    guess = params["mu"] + params["bu"][:, None] + params["bi"] + params["u"] @ params["v"].T
    error = np.where(seen, np.nan_to_num(ratings) - guess, 0.0)
    ridge = np.sum(params["u"] ** 2) + np.sum(params["v"] ** 2)
    return np.sum(error**2) / seen.sum() + penalty * ridge / ratings.size


def nmf_data(rng, m, n, rank):
    return rng.random((m, rank)) + 0.1, rng.random((rank, n)) + 0.1, rng.random((m, n)) + 0.1, 5


@model(nmf_data, {"m": 5, "n": 4, "rank": 2}, {"m": 100, "n": 80, "rank": 8}, wrt=("W", "H"))
def nmf(W, H, V, sweeps):
    """How the start decides where Lee and Seung's updates arrive."""
    eps = 1e-9
    W = W.copy()
    H = H.copy()
    for _ in range(sweeps):
        H *= (W.T @ V) / (W.T @ W @ H + eps)
        W *= (V @ H.T) / (W @ (H @ H.T) + eps)
    fitted = W @ H
    return np.sum(V * np.log(V / fitted) - V + fitted)


def sources_data(rng, n, d):
    mixed = rng.laplace(size=(n, d)) @ rng.normal(size=(d, d))
    return np.eye(d) + 0.1 * rng.normal(size=(d, d)), mixed


@model(sources_data, {"n": 9, "d": 3}, {"n": 5000, "d": 6}, peer="jax")
def ica(W, X):
    """Maximum likelihood with a logistic density of the sources."""
    S = X @ W.T
    _, logdet = np.linalg.slogdet(W)
    return -logdet + np.mean(np.sum(2.0 * np.log(np.cosh(S / 2.0)), axis=1))


def pca_data(rng, n, d):
    return rng.normal(size=(n, d)) * np.linspace(3, 1, d), rng.normal(size=d), 20


@model(pca_data, {"n": 7, "d": 4}, {"n": 1000, "d": 20}, wrt=("X",), peer="autograd")
def pca_by_power_iteration(X, start, iterations):
    """The share of the first two components, the second one found by deflation."""
    centred = X - X.mean(axis=0)
    C = centred.T @ centred / (len(X) - 1)
    total = np.trace(C)
    found = 0.0
    for _ in range(2):
        v = start / np.linalg.norm(start)
        for _ in range(iterations):
            v = C @ v
            v = v / np.sqrt(v @ v)
        value = v @ C @ v
        C = C - value * np.outer(v, v)
        found = found + value
    return found / total


def topics_data(rng, documents, words, topics):
    counts = rng.poisson(1.5, size=(documents, words)).astype(float)
    return rng.normal(size=(documents, topics)), rng.normal(size=(topics, words)), counts, 1.2


@model(
    topics_data,
    {"documents": 4, "words": 6, "topics": 2},
    {"documents": 200, "words": 300, "topics": 8},
    wrt=("eta", "beta", "alpha"),
)
def topics(eta, beta, counts, alpha):
    """Dirichlet and multinomial topics, both simplices by softmax."""
    log_theta = eta - logsumexp(eta, axis=1, keepdims=True)
    log_phi = beta - logsumexp(beta, axis=1, keepdims=True)
    log_p = logsumexp(log_theta[:, :, None] + log_phi[None, :, :], axis=1)
    n = counts.sum(axis=1)
    likelihood = np.sum(gammaln(n + 1)) - np.sum(gammaln(counts + 1)) + np.sum(counts * log_p)
    K = eta.shape[1]
    prior = len(eta) * (gammaln(K * alpha) - K * gammaln(alpha)) + (alpha - 1) * log_theta.sum()
    return -(likelihood + prior)
