"""Peers of `workloads.mixture`."""

import ctypes

import numpy

from benchmarks import c_library


def in_jax(np):
    from jax.scipy.special import logsumexp

    def mixture(alphas, means, icf, x, gamma, m):
        n, d = x.shape
        k = alphas.size
        logs = icf[:, :d]
        diagonals = np.exp(logs)
        column, row = numpy.triu_indices(d, 1)
        lower = np.zeros((k, d, d)).at[:, row, column].set(icf[:, d:])
        centred = x[:, None, :] - means
        scaled = diagonals * centred + np.einsum("kij,nkj->nki", lower, centred)
        terms = alphas + logs.sum(axis=1) - 0.5 * (scaled**2).sum(axis=2)
        squares = (diagonals**2).sum() + (icf[:, d:] ** 2).sum()
        prior = 0.5 * gamma**2 * squares - m * logs.sum()
        return logsumexp(terms, axis=1).sum() - n * logsumexp(alphas) - prior

    return {"mixture": mixture}


def in_torch():
    import torch

    def mixture(alphas, means, icf, x, gamma, m):
        n, d = x.shape
        k = alphas.numel()
        logs = icf[:, :d]
        diagonals = torch.exp(logs)
        column, row = map(torch.from_numpy, numpy.triu_indices(d, 1))
        lower = torch.zeros((k, d, d), dtype=x.dtype)
        lower[:, row, column] = icf[:, d:]
        centred = x[:, None, :] - means
        scaled = diagonals * centred + torch.einsum("kij,nkj->nki", lower, centred)
        terms = alphas + logs.sum(dim=1) - 0.5 * (scaled**2).sum(dim=2)
        squares = (diagonals**2).sum() + (icf[:, d:] ** 2).sum()
        prior = 0.5 * gamma**2 * squares - m * logs.sum()
        rows = torch.logsumexp(terms, dim=1).sum()
        return rows - n * torch.logsumexp(alphas, dim=0) - prior

    return {"mixture": mixture}


def in_c(alphas, means, icf, x, gamma, m):
    """`c/mixture.c`: tiles of rows, the innermost loops over the rows of one."""
    n, d = x.shape
    run = c_library.function("mixture", "mixture")
    gradients = [numpy.empty_like(a) for a in (alphas, means, icf)]
    given = (
        *map(c_library.pointer, (alphas, means, icf, x)),
        *map(ctypes.c_long, (n, d, alphas.size)),
        ctypes.c_double(gamma),
        ctypes.c_double(m),
        *map(c_library.pointer, gradients),
    )
    return lambda: (run(*given), *gradients)
