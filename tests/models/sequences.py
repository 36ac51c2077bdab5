"""Sequences: dynamic programs over letters, states and trees."""

import numpy as np

from tests.models.model import Field

model = Field()


def log_sum_exp(a, axis=0):
    top = np.max(a, axis=axis, keepdims=True)
    return np.squeeze(top, axis=axis) + np.log(np.sum(np.exp(a - top), axis=axis))


def hmm_data(rng, t, states, symbols):
    A = rng.random((states, states)) + 0.2
    B = rng.random((states, symbols)) + 0.2
    pi = np.ones(states) / states
    observed = rng.integers(0, symbols, size=t)
    return A / A.sum(1, keepdims=True), B / B.sum(1, keepdims=True), pi, observed


@model(
    hmm_data,
    {"t": 6, "states": 2, "symbols": 3},
    {"t": 500, "states": 5, "symbols": 12},
    wrt=("A", "B"),
    quick=False,
)
def baum_welch(A, B, pi, observed):
    """One step of expectation and maximisation, then the likelihood of what it finds."""
    T, n = len(observed), len(pi)
    alpha = np.empty((T, n))
    scale = np.empty(T)
    alpha[0] = pi * B[:, observed[0]]
    scale[0] = alpha[0].sum()
    alpha[0] /= scale[0]
    for t in range(1, T):
        alpha[t] = (alpha[t - 1] @ A) * B[:, observed[t]]
        scale[t] = alpha[t].sum()
        alpha[t] /= scale[t]
    beta = np.ones((T, n))
    for t in range(T - 2, -1, -1):
        beta[t] = A @ (B[:, observed[t + 1]] * beta[t + 1]) / scale[t + 1]
    gamma = alpha * beta
    xi = np.zeros((n, n))
    for t in range(T - 1):
        xi += alpha[t][:, None] * A * (B[:, observed[t + 1]] * beta[t + 1]) / scale[t + 1]
    new_A = xi / xi.sum(axis=1, keepdims=True)
    new_B = np.zeros_like(B)
    for t in range(T):
        new_B[:, observed[t]] += gamma[t]
    new_B /= gamma.sum(axis=0)[:, None]
    f = gamma[0] / gamma[0].sum() * new_B[:, observed[0]]
    log_likelihood = np.log(f.sum())
    f = f / f.sum()
    for symbol in observed[1:]:
        f = (f @ new_A) * new_B[:, symbol]
        log_likelihood += np.log(f.sum())
        f = f / f.sum()
    return -log_likelihood


def crf_data(rng, sentences, t, tags, d):
    X = rng.normal(size=(sentences, t, d))
    y = rng.integers(0, tags, size=(sentences, t))
    lengths = rng.integers(max(t // 2, 1), t + 1, size=sentences)
    return {"w": rng.normal(size=(d, tags)), "trans": rng.normal(size=(tags, tags))}, X, y, lengths


@model(
    crf_data,
    {"sentences": 3, "t": 5, "tags": 3, "d": 2},
    {"sentences": 50, "t": 30, "tags": 9, "d": 20},
)
def crf(params, X, y, lengths):
    """Negative log likelihood of tagged sentences of different lengths."""
    total = 0.0
    for s in range(len(X)):
        T = lengths[s]
        emit = X[s, :T] @ params["w"]
        tags = y[s, :T]
        score = emit[np.arange(T), tags].sum() + params["trans"][tags[:-1], tags[1:]].sum()
        alpha = emit[0]
        for t in range(1, T):
            alpha = emit[t] + log_sum_exp(alpha[:, None] + params["trans"])
        total += log_sum_exp(alpha) - score
    return total / len(X)


def series_data(rng, n, m, d):
    return rng.normal(size=(n, d)).cumsum(0), rng.normal(size=(m, d)).cumsum(0)


@model(series_data, {"n": 5, "m": 4, "d": 2}, {"n": 100, "m": 120, "d": 3}, smooth=False)
def dtw(a, b):
    """Dynamic time warping within a band."""
    n, m = len(a), len(b)
    window = max(n // 2, abs(n - m))
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(max(1, i - window), min(m, i + window) + 1):
            cost = np.sqrt(np.sum((a[i - 1] - b[j - 1]) ** 2))
            D[i, j] = cost + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return D[n, m]


def letters_data(rng, n, m, letters):
    return (
        rng.normal(size=(letters, letters)),
        np.float64(-1.5),
        rng.integers(0, letters, size=n),
        rng.integers(0, letters, size=m),
        1.0,
    )


@model(
    letters_data,
    {"n": 5, "m": 4, "letters": 3},
    {"n": 150, "m": 130, "letters": 20},
    wrt=("scores", "gap"),
)
def needleman_wunsch(scores, gap, a, b, temperature):
    """The soft maximum over all alignments of two sequences."""

    def soft_max(x, y, z):
        top = max(x, y, z)
        return top + temperature * np.log(
            np.exp((x - top) / temperature)
            + np.exp((y - top) / temperature)
            + np.exp((z - top) / temperature)
        )

    rows, columns = len(a) + 1, len(b) + 1
    F = np.zeros((rows, columns))
    F[:, 0] = gap * np.arange(rows)
    F[0, :] = gap * np.arange(columns)
    for i in range(1, rows):
        for j in range(1, columns):
            F[i, j] = soft_max(
                F[i - 1, j - 1] + scores[a[i - 1], b[j - 1]], F[i - 1, j] + gap, F[i, j - 1] + gap
            )
    return F[-1, -1]


def tree_data(rng, leaves, sites):
    nodes = 2 * leaves - 1
    children = np.full((nodes, 2), -1)
    free = list(range(leaves))
    for node in range(leaves, nodes):
        children[node] = free.pop(0), free.pop(0)
        free.append(node)
    alignment = rng.integers(0, 4, size=(leaves, sites))
    return np.log(0.2 * rng.random(nodes) + 0.05), np.float64(0.7), children, alignment


@model(
    tree_data,
    {"leaves": 3, "sites": 4},
    {"leaves": 16, "sites": 500},
    wrt=("log_lengths", "log_kappa"),
    quick=False,
)
def felsenstein(log_lengths, log_kappa, children, alignment):
    """Pruning on a tree, Kimura's two rates, branch lengths on a log scale."""
    leaves, sites = alignment.shape
    lengths, kappa = np.exp(log_lengths), np.exp(log_kappa)
    beta = 1.0 / (2.0 + kappa)
    partial = np.zeros((len(lengths), sites, 4))
    for leaf in range(leaves):
        partial[leaf, np.arange(sites), alignment[leaf]] = 1.0
    log_scale = np.zeros(sites)
    for node in range(leaves, len(lengths)):
        product = np.ones((sites, 4))
        for child in children[node]:
            slow = np.exp(-4.0 * beta * lengths[child])
            fast = np.exp(-2.0 * beta * (1.0 + kappa) * lengths[child])
            P = np.empty((4, 4))
            for i in range(4):
                for j in range(4):
                    if i == j:
                        P[i, j] = 0.25 + 0.25 * slow + 0.5 * fast
                    elif abs(i - j) == 2:
                        P[i, j] = 0.25 + 0.25 * slow - 0.5 * fast
                    else:
                        P[i, j] = 0.25 - 0.25 * slow
            product *= partial[child] @ P.T
        top = product.max(axis=1)
        partial[node] = product / top[:, None]
        log_scale += np.log(top)
    return -np.sum(np.log(partial[-1].mean(axis=1)) + log_scale)
