"""Uses of functions that autograd and JAX differentiate too, in the classes of shapes they test.

The ideas are those of autograd's tests (each function in every order of its arguments and every way
of broadcasting, reductions over every axis, ties, indexing in every form, linear algebra in stacks)
and of JAX's (functions of `lax` with a derivative in each argument, NumPy functions with options).
The texts are expressions over `library_cases.DATA`. JAX is asked where autograd lacks the function,
the option or its derivative, or has another: it does not undo the broadcasting of `np.where`, and
finds NaN for a norm of order infinity.
"""

from __future__ import annotations

AUTOGRAD = r"""
np.exp(v) * 2.0
np.sin(A) + np.cos(R)
np.tanh(K) * np.sinh(R)
np.log(np.abs(A) + 0.5)
np.log1p(p) / np.expm1(p)
np.sqrt(p) * np.log2(p) + np.log10(p)
np.arctan(v) + np.arcsin(u) * np.arccos(u)
np.arctan2(v, w) + np.arctan2(s, w)
np.arcsinh(v) * np.arctanh(u)
np.arccosh(p + 1.5)
np.abs(v) * np.sign(w)
np.square(v) - np.reciprocal(p)
np.sinc(v)
np.exp2(v)
np.hypot(v, w)
np.logaddexp(v, w)
np.logaddexp2(v, w)
np.maximum(A, C) + np.minimum(A, R)
np.maximum(v, 0.0) * w
np.fmax(v, w) - np.fmin(v, w)
np.clip(A, -0.5, 0.7)
np.where(v > w, v * w, np.sin(v))
np.nan_to_num(v) * 2.0
np.real(v) * np.conj(w)
np.mod(v, 1.3)
np.remainder(v * 5, 0.7)
np.power(p, v)
p ** w + 2.0 ** v
s ** 3 - v ** 2 + p ** 0.5
p ** s
A / (R * R + 1.0)
K / (R * R + 1.0)
s / (v * v + 1.0) - (v / s)
v - (s - w) * -v
A * K + R
T * A
T * K
np.deg2rad(v) + np.radians(w) + np.degrees(v)
np.sum(A ** 2)
np.sum(A, axis=0)
np.sum(A, axis=1, keepdims=True) * A
np.sum(T, axis=(0, 2))
np.sum(T ** 2, axis=-1)
np.mean(A)
np.mean(T, axis=(1, 2), keepdims=True)
np.prod(v)
np.prod(A, axis=1)
np.var(A)
np.var(A, axis=0, ddof=1)
np.std(A, axis=1)
np.std(v, ddof=2)
np.max(A)
np.max(A, axis=1)
np.max(T, axis=(0, 1), keepdims=True)
np.min(A, axis=0)
np.amax(v) - np.amin(w)
np.max(np.stack([v, v]), axis=0) * w
np.max(np.array([1.0, 3.0, 3.0, 3.0]) * s)
np.min(np.array([1.0, 1.0, 3.0]) * s)
np.count_nonzero(v > 0) * s
np.cumsum(v)
np.cumsum(A, axis=1)
np.cumsum(A)
np.diff(v)
np.diff(v, n=2)
np.diff(A, axis=0)
np.gradient(v)
np.gradient(A, axis=1)
np.cross(v[:3], w[:3])
np.cross(S, Q[:3, :3])
np.reshape(A, (2, 6)) ** 2
np.reshape(A, (-1,)) ** 2
np.ravel(A) ** 2
A.flatten() ** 2
np.ravel(A, order='F') ** 2
np.transpose(T) ** 2
np.transpose(T, (1, 0, 2)) ** 2
np.swapaxes(T, 0, 2) ** 2
np.moveaxis(T, 0, -1) ** 2
np.rollaxis(T, 2) ** 2
np.expand_dims(A, 1) ** 2
np.squeeze(R) ** 2
np.broadcast_to(R, (3, 4)) ** 2
np.concatenate([A, C]) ** 2
np.concatenate([A, C * 2], axis=1) ** 2
np.append(v, w) ** 2
np.append(A, C, axis=1) ** 2
np.stack([v, w], axis=1) ** 2
np.vstack([v, w]) ** 2
np.hstack([A, C]) ** 2
np.dstack([A, C]) ** 2
np.column_stack([v, w]) ** 2
np.array([v, w * 2]) ** 2
np.array([s, s * v[0], 2.0]) ** 2
np.split(np.reshape(A, (12,)), 3)[1] ** 2
np.array_split(v, 2)[0] ** 2
np.hsplit(A, 2)[1] ** 2
np.repeat(v, 3) ** 2
np.repeat(A, 2, axis=1) ** 2
np.tile(v, 2) ** 2
np.tile(A, (2, 1)) ** 2
np.flipud(A) * np.fliplr(C)
np.roll(v, 2) * w
np.roll(A, 1, axis=1) * C
np.rot90(A) ** 2
np.rot90(A, 3) ** 2
np.tril(Q) ** 2
np.triu(Q, 1) ** 2
np.diag(v) ** 2
np.diag(Q) ** 2
np.diag(Q, 1) ** 2
np.trace(Q, 1) * s
np.trace(S)
np.kron(S, A)
np.kron(v, w)
np.outer(v, w) ** 2
np.atleast_2d(v) ** 2
np.linspace(s, 5.0, 7) ** 2
np.full((3,), s) ** 2
np.ones_like(v) * v + np.zeros_like(v)
np.sort(v) * np.arange(5)
np.select([v > 0, w > 0], [v ** 2, w], 0.0)
v[2] * w[-1]
v[1:4] ** 2
v[::-1] * w
v[::2] ** 2
v[-1:0:-2] ** 2
v[i % 5] * w
v[np.array([0, 0, 1])] ** 2
v[m] ** 2
A[M] ** 2
A[1] ** 2
A[:, 2] ** 2
A[1:, ::2] ** 2
A[..., 0] ** 2
A[None, :, 1:] ** 2
A[:, None] * C[None]
A[np.array([0, 2, 0])] ** 2
A[[0, 2, 0], [1, 1, 3]] ** 2
A[1, [0, 0, 2]] ** 2
A[:, [3, 0, 3]] ** 2
A[np.ix_(np.array([0, 2]), np.array([1, 3]))] ** 2
T[0, :, [1, 2]] ** 2
T[:, [1, 2], 1:3] ** 2
T[..., 1] * T[..., 2]
A[I % 3, 1] ** 2
A.T[2] ** 2
np.dot(v, w)
np.dot(A, B)
np.dot(A, Q[0])
np.dot(v, X)
np.dot(T, B)
np.dot(s, A)
np.inner(v, w)
np.inner(A, C)
np.matmul(A, B)
np.matmul(T, B)
np.matmul(T, G)
np.matmul(Q[0], B)
A @ B @ w
np.tensordot(A, B, axes=1)
np.tensordot(T, G, axes=([1, 2], [2, 1]))
np.tensordot(A, C, axes=0)
np.einsum('ij,jk->ik', A, B)
np.einsum('ij,ij', A, C)
np.einsum('ij->j', A)
np.einsum('i,j->ji', v, w)
np.einsum('...ij,jk->...ik', T, B)
np.einsum('ijk,ikl->ijl', T, G)
np.einsum('ij,kj,kl->il', A, Q, B)
np.linalg.inv(S)
np.linalg.inv(P)
np.linalg.solve(S, v[:3])
np.linalg.solve(S, A)
np.linalg.solve(P, T[:, :, :2])
np.linalg.det(S)
np.linalg.det(P)
np.linalg.slogdet(S)[1]
np.linalg.slogdet(P)[1]
np.linalg.cholesky(S @ S.T)
np.linalg.eigh((S + S.T) / 2.0)[0]
np.abs(np.linalg.eigh((S + S.T) / 2.0)[1])
np.linalg.svd(X, full_matrices=False)[1]
np.abs(np.linalg.svd(X, full_matrices=False)[0])
np.linalg.norm(v)
np.linalg.norm(v, 3)
np.linalg.norm(A)
np.linalg.norm(A, axis=1)
np.linalg.norm(A, 'nuc')
np.linalg.norm(T, axis=(1, 2))
np.linalg.pinv(X)
np.linalg.multi_dot([A, B, v])
np.real(np.fft.fft(v)) ** 2 + np.imag(np.fft.fft(v)) ** 2
np.real(np.fft.ifft(v)) * w
np.fft.irfft(np.fft.rfft(R[0])) * Q[0]
np.real(np.fft.fft2(A)) ** 2
np.abs(np.exp(1j * v) * w)
np.angle(v + 1j * w)
scipy.special.expit(v)
scipy.special.logit(u)
scipy.special.logsumexp(v)
scipy.special.logsumexp(A, axis=1)
scipy.special.logsumexp(A, axis=0, keepdims=True)
scipy.special.erf(v) + scipy.special.erfc(w)
scipy.special.erfinv(u)
scipy.special.gammaln(p)
scipy.special.gamma(p)
scipy.special.digamma(p)
scipy.special.polygamma(1, p)
scipy.special.beta(p, u)
scipy.special.i0(v) + scipy.special.i1(v)
scipy.special.j0(v) + scipy.special.j1(v)
scipy.special.y0(p) + scipy.special.y1(p)
scipy.special.gammainc(2.5, p)
scipy.special.gammaincc(2.5, p)
scipy.special.betainc(1.5, 2.5, u)
scipy.special.multigammaln(p + 2.0, 2)
scipy.linalg.solve_triangular(S, A, lower=True)
scipy.stats.norm.logpdf(v, w, p)
scipy.stats.norm.cdf(v, w, p)
scipy.stats.norm.logcdf(v)
scipy.stats.norm.pdf(v, s, 2.0)
scipy.stats.t.logpdf(v, 3.5)
scipy.stats.t.logpdf(v, p + 1.0, w, p)
scipy.stats.gamma.logpdf(p, 2.5)
scipy.stats.beta.logpdf(u, p + 1, 2.0)
scipy.stats.chi2.logpdf(p, 3.0)
scipy.stats.poisson.logpmf(places, p[:4])
scipy.stats.multivariate_normal.logpdf(v[:3], Q[0, :3], (S + S.T) / 2.0)
scipy.stats.dirichlet.logpdf(p / np.sum(p), p + 1.0)
""".strip().splitlines()

JAX = r"""
np.fmod(v * 5, 0.7)
np.heaviside(v, 0.5) * w
np.ptp(v)
np.median(v)
np.median(A, axis=1)
np.percentile(A, 30.0, axis=0)
np.quantile(v, 0.3)
np.quantile(A, np.array([0.2, 0.9]), axis=1)
np.quantile(v, 0.3, method='lower')
np.quantile(v, 0.3, method='midpoint')
np.nansum(np.where(M, np.nan, A * s))
np.nanmean(np.where(M, np.nan, A * s), axis=1)
np.nanmax(np.where(M, np.nan, A * s))
np.average(v, weights=p)
np.average(A, axis=0, weights=K[:, 0] ** 2)
np.cumprod(v)
np.cumprod(A, axis=0)
np.ediff1d(v)
np.gradient(v, 0.5)
np.trapezoid(v, dx=0.3)
np.trapezoid(v, w)
np.interp(v, grid, w)
np.interp(u + 0.05, grid, w)
np.convolve(v, w)
np.convolve(v, w, mode='same')
np.convolve(v, w[:3], mode='valid')
np.correlate(v, w)
np.pad(v, 2) ** 2
np.pad(A, ((1, 0), (0, 2))) ** 2
np.pad(v, 2, mode='edge') ** 2
np.pad(v, 2, mode='reflect') ** 2
np.flip(A, 1) ** 2
np.diagonal(P, 0, 1, 2) ** 2
np.meshgrid(v, w)[0] * np.meshgrid(v, w)[1]
np.vander(v, 4)
np.polyval(v, w)
np.sort(A, axis=0) * C
np.sort(A, axis=None) ** 2
np.take(v, i % 5) ** 2
np.take(A, places, axis=1) ** 2
np.take_along_axis(A, np.argsort(A, axis=1), axis=1) * C
np.piecewise(v, [v < 0, v >= 0], [lambda x: -x, lambda x: x ** 2])
np.unwrap(v * 3.0)
np.cov(A)
np.corrcoef(A)
np.digitize(v, grid) * v
np.vdot(A, C)
np.einsum('ii->i', Q)
np.einsum('ii', Q)
np.linalg.eigvalsh((P + np.swapaxes(P, 1, 2)) / 2.0)
np.linalg.qr(X)[1] ** 2
np.linalg.norm(v, 1)
np.linalg.norm(A, 1)
np.linalg.norm(A, 2)
np.linalg.lstsq(X, v)[0]
np.linalg.matrix_power(S, 3)
np.abs(np.fft.rfft(v))
scipy.special.logsumexp(v, b=p)
scipy.special.softmax(A, axis=1)
scipy.special.log_softmax(v)
scipy.special.ndtr(v) + scipy.special.log_ndtr(w)
scipy.special.ndtri(u)
scipy.special.xlogy(p, u) + scipy.special.xlog1py(p, u)
scipy.special.entr(p)
scipy.special.rel_entr(p, u)
scipy.special.kl_div(p, u)
scipy.special.i0e(v) + scipy.special.i1e(v)
scipy.linalg.cho_solve((np.linalg.cholesky(S @ S.T), True), v[:3])
scipy.linalg.expm(S * 0.1)
scipy.linalg.block_diag(S, A)
scipy.stats.expon.logpdf(p, scale=2.0)
scipy.stats.laplace.logpdf(v, w, p)
scipy.stats.logistic.logpdf(v)
scipy.stats.cauchy.logpdf(v, s, 2.0)
np.where(A > 0, A, R)
np.linalg.norm(v, np.inf)
""".strip().splitlines()
