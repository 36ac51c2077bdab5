"""Networks: layers as they are written when one wants to see what happens in them."""

import numpy as np

from tests.models.model import Field

model = Field()


def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x, gain, bias, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return gain * (x - mean) / np.sqrt(var + eps) + bias


def gelu(x):
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))


def transformer_data(rng, t, d, heads, vocab):
    def dense(*shape):
        return rng.normal(size=shape) / np.sqrt(shape[0])

    params = {
        "embed": rng.normal(size=(vocab, d)),
        "qkv": dense(d, 3 * d),
        "out": dense(d, d),
        "up": dense(d, 4 * d),
        "down": dense(4 * d, d),
        "ln1": (np.ones(d), np.zeros(d)),
        "ln2": (np.ones(d), np.zeros(d)),
    }
    tokens = rng.integers(0, vocab, size=t + 1)
    return params, tokens[:-1], tokens[1:], heads


@model(
    transformer_data,
    {"t": 5, "d": 10, "heads": 2, "vocab": 12},
    {"t": 128, "d": 64, "heads": 4, "vocab": 200},
    peer="jax",
    quick=False,
)
def transformer_block(params, tokens, targets, heads):
    """Next-token loss of one pre-norm block with causal attention and tied embeddings."""
    t = tokens.shape[0]
    x = params["embed"][tokens]
    d = x.shape[1]
    hd = d // heads
    h = layer_norm(x, *params["ln1"])
    q, k, v = np.split(h @ params["qkv"], 3, axis=1)
    q = q.reshape(t, heads, hd).transpose(1, 0, 2)
    k = k.reshape(t, heads, hd).transpose(1, 0, 2)
    v = v.reshape(t, heads, hd).transpose(1, 0, 2)
    mask = np.tril(np.ones((t, t))) == 0
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(hd)
    weights = softmax(np.where(mask, -1e9, scores))
    mixed = (weights @ v).transpose(1, 0, 2).reshape(t, d)
    x = x + mixed @ params["out"]
    x = x + gelu(layer_norm(x, *params["ln2"]) @ params["up"]) @ params["down"]
    logits = x @ params["embed"].T
    top = logits.max(axis=1, keepdims=True)
    norm = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    return np.mean(norm - logits[np.arange(t), targets])


def cnn_data(rng, n, size, channels, classes):
    images = rng.normal(size=(n, size, size))
    labels = rng.integers(0, classes, size=n)
    params = {
        "k1": 0.4 * rng.normal(size=(channels, 3, 3)),
        "b1": 0.1 * rng.normal(size=channels),
        "k2": 0.3 * rng.normal(size=(channels, channels, 3, 3)),
        "b2": 0.1 * rng.normal(size=channels),
        "w": 0.3 * rng.normal(size=(channels, classes)),
    }
    return params, images, labels


@model(
    cnn_data,
    {"n": 2, "size": 8, "channels": 2, "classes": 3},
    {"n": 16, "size": 28, "channels": 8, "classes": 10},
    quick=False,
)
def cnn_by_taps(params, images, labels):
    """Two layers of convolutions added tap by tap, pooling by views, cross entropy."""
    n, height, width = images.shape
    channels = params["k1"].shape[0]
    out = np.zeros((n, channels, height - 2, width - 2))
    for i in range(3):
        for j in range(3):
            patch = images[:, None, i : height - 2 + i, j : width - 2 + j]
            out += params["k1"][:, i, j][None, :, None, None] * patch
    out += params["b1"][None, :, None, None]
    out = np.maximum(out, 0.01 * out)
    h, w = out.shape[2] // 2, out.shape[3] // 2
    pooled = out[:, :, : 2 * h, : 2 * w].reshape(n, channels, h, 2, w, 2).mean(axis=(3, 5))
    second = np.zeros((n, channels, h - 2, w - 2))
    for i in range(3):
        for j in range(3):
            patch = pooled[:, :, i : h - 2 + i, j : w - 2 + j]
            second += np.einsum("oc,nchw->nohw", params["k2"][:, :, i, j], patch)
    features = np.tanh(second + params["b2"][:, None, None]).mean(axis=(2, 3))
    p = softmax(features @ params["w"])
    return -np.log(p[np.arange(n), labels]).mean()


class GRU:
    """A cell whose matrices are what is learnt."""

    def __init__(self, wx, wh, b):
        self.wx = wx
        self.wh = wh
        self.b = b

    def step(self, h, x):
        d = h.shape[-1]
        gx = x @ self.wx + self.b
        gh = h @ self.wh
        r = 1.0 / (1.0 + np.exp(-(gx[:, :d] + gh[:, :d])))
        z = 1.0 / (1.0 + np.exp(-(gx[:, d : 2 * d] + gh[:, d : 2 * d])))
        new = np.tanh(gx[:, 2 * d :] + r * gh[:, 2 * d :])
        return (1 - z) * new + z * h


def gru_data(rng, steps, batch, inputs, hidden):
    def dense(*shape):
        return rng.normal(size=shape) / np.sqrt(shape[0])

    xs = rng.normal(size=(steps, batch, inputs))
    ys = rng.normal(size=(batch,))
    wx, wh = dense(inputs, 3 * hidden), dense(hidden, 3 * hidden)
    return wx, wh, np.zeros(3 * hidden), dense(hidden), xs, ys


@model(
    gru_data,
    {"steps": 4, "batch": 3, "inputs": 2, "hidden": 3},
    {"steps": 100, "batch": 16, "inputs": 8, "hidden": 32},
    wrt=("wx", "wh", "b", "head"),
    peer="autograd",
)
def gru(wx, wh, b, head, xs, ys):
    """A recurrent regression on the last state."""
    cell = GRU(wx, wh, b)
    h = np.zeros((xs.shape[1], wh.shape[0]))
    for x in xs:
        h = cell.step(h, x)
    return np.mean((h @ head - ys) ** 2)


def memory_data(rng, steps, d, slots):
    xs = rng.normal(size=(steps, d))
    return rng.normal(size=(d, d)) / d, rng.normal(size=(d, d)) / d, xs, np.roll(xs, 1, 0), slots


@model(
    memory_data,
    {"steps": 6, "d": 3, "slots": 3},
    {"steps": 200, "d": 16, "slots": 8},
    wrt=("wq", "wk"),
)
def attention_in_steps(wq, wk, xs, targets, slots):
    """Decoding with a ring buffer of the last keys and values, one step at a time."""
    d = xs.shape[1]
    keys = np.zeros((slots, d))
    values = np.zeros((slots, d))
    loss = 0.0
    for t in range(xs.shape[0]):
        keys[t % slots] = wk @ xs[t]
        values[t % slots] = xs[t]
        scores = keys @ (wq @ xs[t]) / np.sqrt(d)
        live = np.arange(slots) <= t
        e = np.where(live, np.exp(scores - scores.max()), 0.0)
        read = (e / e.sum()) @ values
        loss += np.sum((read - targets[t]) ** 2)
    return loss / xs.shape[0]


def graph_data(rng, nodes, edges, d):
    source = rng.integers(0, nodes, size=edges)
    target = rng.integers(0, nodes, size=edges)
    layers = [
        {"self": rng.normal(size=(d, d)) / d, "other": rng.normal(size=(d, d)) / d, "b": np.ones(d)}
        for _ in range(2)
    ]
    x = rng.normal(size=(nodes, d))
    return layers, x, source, target, rng.normal(size=nodes)


@model(
    graph_data,
    {"nodes": 6, "edges": 11, "d": 3},
    {"nodes": 1000, "edges": 5000, "d": 16},
)
def graph_network(layers, x, source, target, y):
    """Messages along edges, averaged by degree, and a readout of each node."""
    n = x.shape[0]
    degree = np.bincount(target, minlength=n)
    h = x
    for layer in layers:
        total = np.zeros_like(h)
        np.add.at(total, target, h[source])
        mean = total / np.maximum(degree, 1)[:, None]
        h = np.tanh(h @ layer["self"] + mean @ layer["other"] + layer["b"])
    return np.mean((h.sum(axis=1) - y) ** 2)
