"""Peers of `workloads.networks`."""

import numpy


def in_jax(np):
    import jax

    def relu_net(w1, w2, x, y):
        return ((jax.nn.relu(x @ w1) @ w2 - y) ** 2).sum()

    def classifier(layers, x, labels):
        (W1, b1), (W2, b2), (W3, b3) = layers
        hidden = jax.nn.relu(jax.nn.relu(x @ W1 + b1) @ W2 + b2)
        logs = jax.nn.log_softmax(hidden @ W3 + b3, axis=1)
        return -logs[np.arange(len(labels)), labels].mean()

    return {"relu_net": relu_net, "classifier": classifier}


def in_torch():
    import torch
    from torch.nn import functional

    def relu_net(w1, w2, x, y):
        return ((torch.relu(x @ w1) @ w2 - y) ** 2).sum()

    def classifier(layers, x, labels):
        (W1, b1), (W2, b2), (W3, b3) = layers
        hidden = torch.relu(torch.relu(x @ W1 + b1) @ W2 + b2)
        return functional.cross_entropy(hidden @ W3 + b3, labels)

    return {"relu_net": relu_net, "classifier": classifier}


def relu_net_by_hand(w1, w2, x, y):
    """Forward and backward pass in NumPy, as the textbook has it."""

    def run():
        hidden = x @ w1
        active = numpy.maximum(hidden, 0)
        error = active @ w2 - y
        d_error = 2.0 * error
        d_w2 = active.T @ d_error
        d_hidden = d_error @ w2.T
        d_hidden[hidden < 0] = 0
        return (error**2).sum(), x.T @ d_hidden, d_w2

    return run
