"""The Gaussian mixture of ADBench: weights, means, and inverse covariances as triangular factors.

F. Srajer, Z. Kukelova, A. Fitzgibbon: A benchmark of selected algorithmic differentiation tools on
some problems in computer vision and machine learning. Optimization Methods and Software 33 (2018).
"""

import math

import numpy as np


def mixture(alphas, means, icf, x, gamma, m):
    """Log-likelihood of the points `x`, with a Wishart prior, but a constant.

    Parameters
    ----------
    alphas : logarithms of the weights, `(k,)`.
    means : `(k, d)`.
    icf : the factors' logarithms of diagonals, and what is below them, column by column:
        `(k, d * (d + 1) / 2)`.
    x : the points, `(n, d)`.
    gamma, m : of the prior.
    """
    n, d = x.shape
    k = alphas.size
    logs = icf[:, :d]
    diagonals = np.exp(logs)
    column, row = np.triu_indices(d, 1)
    lower = np.zeros((k, d, d))
    lower[:, row, column] = icf[:, d:]
    centred = x[:, None, :] - means
    scaled = diagonals * centred + np.einsum("kij,nkj->nki", lower, centred)
    terms = alphas + logs.sum(axis=1) - 0.5 * (scaled**2).sum(axis=2)
    highest = terms.max(axis=1)
    rows = highest + np.log(np.exp(terms - highest[:, None]).sum(axis=1))
    weights = np.log(np.exp(alphas - alphas.max()).sum()) + alphas.max()
    squares = (diagonals**2).sum() + (icf[:, d:] ** 2).sum()
    prior = 0.5 * gamma**2 * squares - m * logs.sum()
    return rows.sum() - n * weights - prior


def mixture_data(points, dimensions, parts):
    random = np.random.default_rng(0)
    triangle = dimensions * (dimensions + 1) // 2
    return (
        random.normal(size=parts),
        random.random((parts, dimensions)),
        random.normal(size=(parts, triangle)) / math.sqrt(dimensions),
        random.normal(size=(points, dimensions)),
        1.0,
        0,
    )
