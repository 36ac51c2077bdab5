"""Networks of dense layers."""

import itertools
import math

import numpy as np


def relu_net(w1, w2, x, y):
    """Sum of squared errors of a network with one hidden layer, without biases."""
    return ((np.maximum(x @ w1, 0) @ w2 - y) ** 2).sum()


def relu_net_data(batch, inputs, hidden, outputs):
    random = np.random.default_rng(0)
    return (
        random.normal(size=(inputs, hidden)),
        random.normal(size=(hidden, outputs)),
        random.normal(size=(batch, inputs)),
        random.normal(size=(batch, outputs)),
    )


def classifier(layers, x, labels):
    """Mean cross-entropy of a network with ReLU between its layers.

    Parameters
    ----------
    layers : weights and biases, `[(W, b), ...]`.
    x : a picture in each row.
    labels : numbers of classes.
    """
    (W1, b1), (W2, b2), (W3, b3) = layers
    first = np.maximum(x @ W1 + b1, 0)
    second = np.maximum(first @ W2 + b2, 0)
    scores = second @ W3 + b3
    highest = scores.max(axis=1, keepdims=True)
    logs = scores - highest - np.log(np.exp(scores - highest).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(labels)), labels].mean()


def classifier_data(batch, sizes):
    random = np.random.default_rng(1)
    layers = [
        (random.normal(size=(m, n)) / math.sqrt(m), 0.1 * random.normal(size=n))
        for m, n in itertools.pairwise(sizes)
    ]
    return layers, random.random((batch, sizes[0])), random.integers(0, sizes[-1], batch)
