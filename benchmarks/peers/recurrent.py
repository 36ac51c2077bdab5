"""Peers of `workloads.recurrent`."""


def in_jax(np):
    import jax

    def cell_of(weight, bias, hidden, cell, x):
        b = x.size
        forget = jax.nn.sigmoid(x * weight[:b] + bias[:b])
        ingate = jax.nn.sigmoid(hidden * weight[b : 2 * b] + bias[b : 2 * b])
        outgate = jax.nn.sigmoid(x * weight[2 * b : 3 * b] + bias[2 * b : 3 * b])
        change = np.tanh(hidden * weight[3 * b :] + bias[3 * b :])
        cell = cell * forget + ingate * change
        return outgate * np.tanh(cell), cell

    def lstm(main, extra, state, sequence):
        n, b = sequence.shape

        def step(state, both):
            now, then = both
            x = now * extra[0]
            new = []
            for k in range(0, len(main), 2):
                x, cell = cell_of(main[k], main[k + 1], state[k], state[k + 1], x)
                new += [x, cell]
            prediction = x * extra[1] + extra[2]
            logs = prediction - np.log(np.exp(prediction).sum() + 2)
            return np.stack(new), (then * logs).sum()

        _, gains = jax.lax.scan(step, state, (sequence[:-1], sequence[1:]))
        return -gains.sum() / ((n - 1) * b)

    def two_layers(W, b, U, c, V, x, y):
        def step(state, both):
            now, wanted = both
            first, second = state
            first = np.tanh(W @ np.concatenate([now, first]) + b)
            second = np.tanh(U @ np.concatenate([first, second]) + c)
            return (first, second), ((V @ second - wanted) ** 2).sum()

        _, errors = jax.lax.scan(step, (np.zeros(b.size), np.zeros(c.size)), (x, y))
        return errors.sum() / len(x)

    return {"lstm": lstm, "two_layers": two_layers}


def in_torch():
    import torch

    def lstm(main, extra, state, sequence):
        n, b = sequence.shape
        state = list(state)
        total = 0.0
        for t in range(n - 1):
            x = sequence[t] * extra[0]
            for k in range(0, len(main), 2):
                w1, w2, w3, w4 = main[k].reshape(4, b)
                b1, b2, b3, b4 = main[k + 1].reshape(4, b)
                hidden, cell = state[k], state[k + 1]
                kept = cell * torch.sigmoid(x * w1 + b1)
                change = torch.tanh(hidden * w4 + b4)
                cell = kept + torch.sigmoid(hidden * w2 + b2) * change
                x = torch.sigmoid(x * w3 + b3) * torch.tanh(cell)
                state[k], state[k + 1] = x, cell
            prediction = x * extra[1] + extra[2]
            logs = prediction - torch.log(torch.exp(prediction).sum() + 2)
            total = total + (sequence[t + 1] * logs).sum()
        return -total / ((n - 1) * b)

    def two_layers(W, b, U, c, V, x, y):
        first, second = torch.zeros_like(b), torch.zeros_like(c)
        total = 0.0
        for t in range(len(x)):
            first = torch.tanh(W @ torch.cat([x[t], first]) + b)
            second = torch.tanh(U @ torch.cat([first, second]) + c)
            total = total + ((V @ second - y[t]) ** 2).sum()
        return total / len(x)

    return {"lstm": lstm, "two_layers": two_layers}
