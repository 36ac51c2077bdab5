"""Networks that read a sequence, step by step."""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(main, extra, state, sequence):
    """The LSTM of ADBench (see `mixture`): mean log-loss of predicting the next character.

    Parameters
    ----------
    main : for each layer the weights and the biases of its four gates, `(2 * layers, 4 * b)`.
    extra : weights of the input, weights and biases of the output, `(3, b)`.
    state : for each layer what is hidden and the cell at the beginning, `(2 * layers, b)`.
    sequence : a character in each row, `(n, b)`.
    """
    n, b = sequence.shape
    layers = len(main) // 2
    state = state.copy()
    total = 0.0
    for t in range(n - 1):
        x = sequence[t] * extra[0]
        for layer in range(layers):
            weight, bias = main[2 * layer], main[2 * layer + 1]
            hidden, cell = state[2 * layer], state[2 * layer + 1]
            forget = sigmoid(x * weight[:b] + bias[:b])
            ingate = sigmoid(hidden * weight[b : 2 * b] + bias[b : 2 * b])
            outgate = sigmoid(x * weight[2 * b : 3 * b] + bias[2 * b : 3 * b])
            change = np.tanh(hidden * weight[3 * b :] + bias[3 * b :])
            cell = cell * forget + ingate * change
            x = outgate * np.tanh(cell)
            state[2 * layer], state[2 * layer + 1] = x, cell
        prediction = x * extra[1] + extra[2]
        logs = prediction - np.log(np.exp(prediction).sum() + 2)
        total += (sequence[t + 1] * logs).sum()
    return -total / ((n - 1) * b)


def lstm_data(steps, width, layers):
    random = np.random.default_rng(0)
    sequence = np.zeros((steps, width))
    sequence[np.arange(steps), random.integers(0, width, steps)] = 1.0
    return (
        random.uniform(-1, 1, (2 * layers, 4 * width)),
        random.uniform(-1, 1, (3, width)),
        random.uniform(-1, 1, (2 * layers, width)),
        sequence,
    )


def two_layers(W, b, U, c, V, x, y):
    """Two recurrent layers with tanh; the mean squared error of what is read off the second.

    `W` takes an input and the first layer to the first layer, `U` the first and the second layer
    to the second, `V` the second to the prediction.
    """
    first, second = np.zeros(b.size), np.zeros(c.size)
    total = 0.0
    for t in range(len(x)):
        first = np.tanh(W @ np.concatenate([x[t], first]) + b)
        second = np.tanh(U @ np.concatenate([first, second]) + c)
        total += ((V @ second - y[t]) ** 2).sum()
    return total / len(x)


def two_layers_data(steps, inputs, width, outputs):
    random = np.random.default_rng(1)
    scale = 1 / math.sqrt(2 * width)
    return (
        scale * random.normal(size=(width, inputs + width)),
        0.1 * random.normal(size=width),
        scale * random.normal(size=(width, 2 * width)),
        0.1 * random.normal(size=width),
        scale * random.normal(size=(outputs, width)),
        random.normal(size=(steps, inputs)),
        random.normal(size=(steps, outputs)),
    )
