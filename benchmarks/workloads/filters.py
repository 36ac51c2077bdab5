"""Likelihoods of sequences, by recursions over time."""

import numpy as np


def kalman(F, log_q, log_r, H, start, y):
    """Negative log-likelihood, but a constant, of numbers seen of a linear Gaussian state.

    Parameters
    ----------
    F : what takes the state to the next one, `(s, s)`.
    log_q, log_r : logarithms of the variances of the state's noise, `(s,)`, and of what is seen.
    H : what is seen of a state, `(s,)`.
    start : the mean at the beginning, `(s,)`; the covariance is the identity.
    y : what was seen, `(n,)`.
    """
    Q = np.diag(np.exp(log_q))
    r = np.exp(log_r)
    mean, P = start, np.eye(start.size)
    total = 0.0
    for t in range(len(y)):
        mean = F @ mean
        P = F @ P @ F.T + Q
        PH = P @ H
        variance = H @ PH + r
        innovation = y[t] - H @ mean
        gain = PH / variance
        mean = mean + gain * innovation
        P = P - np.outer(gain, PH)
        total += np.log(variance) + innovation**2 / variance
    return 0.5 * total


def kalman_data(steps):
    random = np.random.default_rng(0)
    F = np.array([[1.0, 0.1, 0.0], [0.0, 0.9, 0.1], [0.0, 0.0, 0.8]])
    y = np.cumsum(0.1 * random.normal(size=steps)) + 0.1 * random.normal(size=steps)
    return F, np.array([-3.0, -2.5, -2.0]), -2.0, np.array([1.0, 0.0, 0.0]), np.zeros(3), y


def hmm(logits, emission, start, seen):
    """Negative log-likelihood of a hidden Markov model, by the scaled forward algorithm.

    Parameters
    ----------
    logits : of the transitions, `(s, s)`.
    emission : logits of what each state shows, `(s, m)`.
    start : probabilities at the beginning, `(s,)`.
    seen : numbers below m, `(n,)`.
    """
    A = np.exp(logits - logits.max(axis=1, keepdims=True))
    A = A / A.sum(axis=1, keepdims=True)
    B = np.exp(emission - emission.max(axis=1, keepdims=True))
    B = B / B.sum(axis=1, keepdims=True)
    alpha = start
    total = 0.0
    for t in range(len(seen)):
        alpha = (alpha @ A) * B[:, seen[t]]
        scale = alpha.sum()
        alpha = alpha / scale
        total += np.log(scale)
    return -total


def hmm_data(steps, states, symbols):
    random = np.random.default_rng(1)
    return (
        random.normal(size=(states, states)),
        random.normal(size=(states, symbols)),
        np.full(states, 1 / states),
        random.integers(0, symbols, steps),
    )
