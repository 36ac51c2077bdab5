"""What random programs are made of beyond arithmetic: expressions as templates, and helpers.

In a template `{n}`, `{t}`, `{r}`, `{k}`, `{s}` stand for an expression of a vector, a table, a row,
a vector shorter by one, a number; `{v}` for a name that nothing else has, the same one throughout.
"""

from __future__ import annotations

from tests.property import library_forms

HELPERS = """
def damped(a, c):
    for i in range(len(a)):
        if a[i] > c:
            continue
        a[i] *= 0.5
        if a[i] < -2.0:
            break
    return a.sum()


def first_above(a, c):
    if c > 0.9:
        return a[0]
    for b in a:
        if b > c:
            return b * c
    return c - 1.0


def smoothed(a):
    a[1:] += 0.5 * a[:-1]
    a[0] = a[-1]
    return a[::-1]


def shifted(a, c):
    b = np.zeros_like(a)
    b[1:] = a[:-1]
    b[0] = c
    return b


def rooted(a):
    return np.where(a > 0, np.sqrt(a), 0.5)


def settled(c):
    b, k = c, 0
    while abs(b - np.cos(b)) > 0.3 and k < 9:
        b = 0.5 * (b + np.cos(b))
        k += 1
    return b


def row_doubled(T, i):
    T[i] *= 2.0
    T[i][1] += 1.0
    return T[:, 1]


def energy(u, c):
    return np.sum(np.sin(u) ** 2 * c) + u[0] * u[-1]


@custom_derivative
def capped(u):
    return np.tanh(u)


@capped.backward
def _(residuals, g):
    return g * (1.0 - np.tanh(residuals[0]) ** 2)
"""

MATRIX = library_forms.MATRIX

_USUAL: dict[str, tuple[str, ...]] = {
    "s": (
        "np.sum({n}[int(p[0]):])", "np.sum({n}[:p[1]])", "np.sum({n}[p[0]:p[1]])",
        "np.sum({n}[{n} > 0.1])", "np.sum({n}[{n} > 0.1] * {s})", "{n}[{n} < 9.0][-1]",
        "sum({v} * {s} for {v} in {n})", "max({v} ** 2 for {v} in {n})",
        "sum([{v} ** 2 for {v} in {n} if {v} > 0.1])",
        "np.std({n})", "np.var({t})", "np.quantile({n}, 0.3)", "np.median({n})", "np.min({t})",
        "np.prod(np.tanh({r}))", "np.linalg.norm({t})", "np.linalg.det(" + MATRIX + ")",
        "np.linalg.slogdet(" + MATRIX + ")[1]", "np.trace(" + MATRIX + ")",
        "np.abs(np.sum(np.exp(1j * {n})))", "np.sum(np.abs(np.fft.fft({n})) ** 2)",
        "(({s}) * (1.0 + 2j * ({s}))).imag", "np.real(np.vdot({n} + 1j, {n} * 1j))",
        "({s} if {s} > 0.1 else {s})", "({s} if {n}[0] > 0.1 and {s} < 0.7 else 0.3)",
        "np.max({t}, where={t} < 0.5, initial=-1.0)", "np.sum({n}, where={n} > 0)",
        "np.einsum('ij,j,i->', {t}, {r}, {n})", "np.einsum('ij,ij->', {t}, {t})",
        "special.gammaln(1.5 + np.tanh({s}))", "special.erf({s})", "special.logsumexp({n})",
        "{r}[np.argmax({r})]", "{n}[np.argmin({n})]", "np.trapezoid({n})", "np.mean({n}[p % 2])",
        "np.interp({s}, np.arange(3), {r})", "np.logaddexp({s}, {s})", "np.hypot({s}, 1.0)",
        "first_above({n}, {s})", "settled({s})", "capped({s})", "energy({n}, {s})",
        "np.sum(grad(energy)({n}, {s}))", "grad(lambda {v}: {s} * np.sin({v}))({s})",
        "float({n}.sum())", "min({s}, {s}, 0.5)", "abs({s})", "np.sum(({n})[:, None] * {n})",
        "np.sum(np.triu({t}))", "np.average({n}, weights=np.exp({n}))", "stats.norm.logpdf({s})",
        "stats.norm.logpdf({n}, {s}, 1.5).sum()", "np.ptp({n})", "np.sum(np.zeros(0)) + {s}",
        "sum([{s}, {s}] * 2)", "sum(({s},) * 3)", "(({v} := {s}) * {v} + {v})",
        "sum({n}[{v}] * {s} for {v} in range(0, len(x), 2))", "divmod(len(x), 3)[1] * {s}",
        "{n}[len(x) // 2]", "{n}[(len(x) - 1) % 3]", "np.sum(np.repeat({n}, p))",
        "np.sum(np.tile({n}, 2)[1:] ** 2)", "np.sum({n}[np.where({n} > 0.1)])",
        "np.sum({n}[np.flatnonzero({n} < 0.2)])", "{'a': {s}, 'b': {s}}['b']",
        "np.sum(np.where({n} > 9.0, np.log({n}), np.log(np.abs({n}) + 0.1)))",
        "(lambda {v}, {v}w={s}: {v} * {v}w)({s})", "sum({n}[{v}:].sum() for {v} in range(3))",
        "np.dot({n}[::2], {n}[::2])", "np.sum({n}[len(x) - 2:0:-1] * {s})", "{t}.shape[0] * {s}",
        "np.sum({n}[1::2]) / (len(x) // 2)", "np.sum({n}[-1:-4:-2])",
        "np.sum(grad(lambda {v}: np.sum({v} ** 3) * {v}[0])({n}))",
    ),
    "n": (
        "np.sort({n})", "np.cumprod(np.tanh({n}))", "np.array([{v} ** 2 + {s} for {v} in {n}])",
        "np.array([{v} if {v} > 0.2 else {s} for {v} in {n}])",
        "np.array([{v} * {v}w for {v}, {v}w in zip({n}, {n})])",
        "np.real(np.fft.ifft(np.fft.fft({n}) * np.fft.fft({n})))", "np.abs({n} + 1j * {n})",
        "np.fft.irfft(np.fft.rfft({n}), len(x))", "np.angle(2.5 + np.tanh({n}) * 1j)",
        "np.take({n}, p)", "np.take({n}, p[::-1])", "np.einsum('ij,j->i', {t}, {r})",
        "np.linalg.solve(np.eye(len(x)) + 0.05 * np.outer({n}, {n}), {n})",
        "np.maximum.accumulate({n})", "np.convolve({n}, {r}, 'same')", "{t}.T[0]", "{t}.T[::-1][1]",
        "{t}.reshape(-1)[:len(x)]", "{t}.reshape(3, -1)[1]",
        "np.select([{n} > 0.3, {n} < -0.2], [{n}, {s} * {n}], 0.1)",
        "np.piecewise({n}, [{n} > 0.3], [lambda {v}: {v} ** 2, lambda {v}: 0.5 * {v}])",
        "special.erf({n})", "special.expit({n})", "special.gammaln(2.5 + np.tanh({n}))",
        "np.pad({k}, (1, 0))", "np.r_[{k}, {s}]", "np.r_[{s}, {k}]", "np.insert({k}, 1, {s})",
        "np.delete(np.append({n}, {s}), 0)", "np.gradient({n})", "np.roll({n}, int(p[0]))",
        "np.roll({n}, -2)", "np.clip({n}, -0.5, 0.6)", "np.clip({n}, {s}, None)",
        "np.interp({n}, np.arange(3), {r})", "np.power(np.abs({n}) + 0.5, {s})",
        "2.0 ** np.tanh({n})",
        "{s} / (2.0 + np.tanh({n}))", "{n} / (2.0 + np.tanh({s}))", "shifted({n}, {s})",
        "capped({n})",
        "np.linalg.norm({t}, axis=1)", "np.prod(np.tanh({t}), axis=1)", "{t}.std(axis=1)",
        "{t}.min(axis=1)", "{t}.sum(axis=1, where={t} > 0)", "np.quantile({t}, 0.6, axis=1)",
        "grad(energy)({n}, {s})", "jacobian(lambda {v}: np.sin({v}) * {s})({n}) @ {n}",
        "np.where({n} > 0.1, {n}, {s})", "rooted({n})", "np.unwrap({n})",
        "np.array([{s}] * len(x))", "np.concatenate([{n}[p[0]:], {n}[:p[0]]])",
        "np.nan_to_num({n})", "np.copysign({n}, {n})", "np.mod({n}, 0.7)", "np.trunc({n}) + {n}",
        "np.vectorize(lambda {v}: {v} * 2 if {v} > 0 else {v})({n})", "np.fmax({n}, {n})",
        "np.apply_along_axis(lambda {v}: {v} @ {v}, 1, {t})", "special.log_softmax({n})",
        "np.repeat({s}, len(x))", "np.repeat({n}, 2)[::2]", "np.tile({n}, 2)[:len(x)]",
        "np.tile({n}, 3)[len(x):-len(x)]", "np.concatenate([{n}[::2], {n}[1::2]])",
        "{n}[np.argsort({n}, kind='stable')]",
        "np.array([{v} for {v} in reversed({n})])",
        "np.array([{n}[{v}] * {n}[len(x) - 1 - {v}] for {v} in range(len(x))])",
        "np.array([{n}[{v} // 2] for {v} in range(len(x))])", "np.choose(p % 2, [{n}, {n}])",
        "np.array([{s} * {v} for {v} in range(len(x))])", "np.cumsum({n}[::-1])[::-1]",
        "np.fft.fftshift({n})",
        "np.where({n} > 0.1, np.where({n} < 0.5, {n}, {s}), {n} * 2)",
        "np.bincount(p, weights={n}, minlength=len(x))[:len(x)]",
        "np.repeat({n}[:len(x) // 2 + 1], 2)[:len(x)]",
    ),
    "n-1": (
        "np.diff({n})", "np.delete({n}, 2)", "{n}[1:] * {n}[:-1]", "{n}[:0:-1]", "np.ediff1d({n})",
        "np.concatenate([{n}[2::2], {n}[1::2]])",
        "np.array([{v}w - {v} for {v}, {v}w in zip({n}, {n}[1:])])",
    ),
    "table": (
        "np.sort({t}, axis=0)", "np.sort({t}, axis=1)", "np.einsum('i,j->ij', {n}, {r})",
        "np.where({t} > {r}, {t}, {s})", "np.where(({n} > 0.1)[:, None], {t}, {r})",
        "np.linalg.solve(" + MATRIX + ", {t}.T).T",
        "{t} @ " + MATRIX, "{t} @ np.linalg.inv(" + MATRIX + ")",
        "np.column_stack([{n}, {n}, {n}])", "np.c_[{n}, {n}, {n}]",
        "np.hstack([{t}[:, 1:], {n}[:, None]])",
        "np.concatenate([{t}[:, 1:], {t}[:, :1]], axis=1)", "np.tile({r}, (len(x), 1))",
        "np.broadcast_to({r}, (len(x), 3)) * {t}", "np.array([{v} * {r} for {v} in {n}])",
        "np.take_along_axis({t}, np.argsort({t}, axis=0), axis=0)", "np.flip({t}, 1)",
        "{t} - {t}.mean(axis=1, keepdims=True)", "np.stack([{n}, {n}, {n}]).T",
        "np.array(({n}, {n}, {n})).T",
        "np.repeat({r}[None], len(x), axis=0)", "np.repeat({n}, 3).reshape(-1, 3)",
        "np.tile({n}, 3).reshape(3, -1).T", "{t}[::-1][:, ::-1]",
        "{t}[np.argsort({t}[:, 0], kind='stable')]",
        "np.array([[{v}w * {v} for {v}w in {r}] for {v} in {n}])", "np.meshgrid({r}, {n})[0]",
        "np.array([{r}, {r}] + [{r} for {v} in range(len(x) - 2)])",
        "np.repeat({t}, 2, axis=0)[::2]",
        "np.vstack([{r}, {t}[1:]])", "np.diff({t}, axis=1, prepend=0.0)",
        "special.softmax({t}, axis=1)",
        "np.cross({t}, {r})", "np.roll({t}, 1, axis=1)", "np.cumprod(np.tanh({t}), axis=1)",
        "np.swapaxes({t}.T, 0, 1)", "np.outer({n}, {r})[p]", "np.array([{v} for {v} in {t}])",
        "np.real(np.fft.fft({t}, axis=0))", "np.imag(np.exp(1j * {t}) * {r})",
        "np.linalg.cholesky(0.1 * np.einsum('i,j->ij', {n}, {n}) + np.eye(len(x)))[:, :3]",
    ),
    "row": (
        "np.array(({s},) * 3)", "{t}[len(x) // 2]", "np.array([{s}, {s}] * 2)[:3]",
        "np.bincount(p % 3, weights={n}, minlength=3)", "np.repeat({s}, 3)",
        "{t}[::-1][:, ::-1][1]",
        "{t}[int(p[0])]", "{t}[p[1]]", "{t}[-1, ::-1]", "np.linalg.solve(" + MATRIX + ", {r})",
        "{t}.sum(axis=0, where={t} > 0)", "np.linalg.eigvalsh(" + MATRIX + " * np.arange(1, 4))",
        "np.linalg.norm({t}, axis=0)", "np.std({t}, axis=0)", "np.median({t}, axis=0)",
        "{t}[{n} > 0.1].sum(axis=0)", "np.max({t}[{n} > 0.1], axis=0, initial=0.0)",
        "np.cumsum({r})", "np.sort({r})", "np.einsum('ij,i->j', {t}, {n})", "{t}.T @ {n}",
        "np.array([{s}, 0.5, {s}])", "np.array([{s}, {s}, {s}])[::-1]", "np.roll({r}, 2)",
        "np.linalg.inv(" + MATRIX + ")[1]", "np.interp({r}, np.arange(3), {r})", "{n}[:3]",
        "{n}[-3:]",
        "np.convolve({r}, {r})[1:4]", "np.linalg.lstsq({t} + np.eye(len(x))[:, :3] * 4, {n})[0]",
    ),
}  # fmt: skip

EXPRESSIONS = {kind: (*usual, *library_forms.EXPRESSIONS[kind]) for kind, usual in _USUAL.items()}
