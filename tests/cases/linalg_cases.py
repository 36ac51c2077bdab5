"""`np.linalg` and `scipy.linalg`: systems of equations, factors, spectra, norms.

Eigenvectors and singular vectors are unique up to their signs, which squares do not see.
"""

from __future__ import annotations

from tests.cases.engine import cases_of

NUMPY = """
np.linalg.solve: np.linalg.solve(P, G[:, :3])
": np.linalg.solve(P, v[:3])
": np.linalg.solve(S, G[:, :3])
": np.linalg.solve(E, P)
": np.linalg.solve(J, A)
": np.linalg.solve(H, A)
": np.linalg.solve(nil, nil)
": np.linalg.solve(S, S[0])
": np.linalg.solve(S, A)
": np.linalg.solve(Q, B)
np.linalg.inv: np.linalg.inv(P)
": np.linalg.inv(E)
": np.linalg.inv(J)
": np.linalg.inv(H)
": np.linalg.inv(Q.T)
": np.linalg.inv(nil)
": np.linalg.inv(S)
np.linalg.det: np.linalg.det(P)
": np.linalg.det(E)
": np.linalg.det(nil)
": np.linalg.det(Q)
np.linalg.slogdet: np.linalg.slogdet(P)
": np.linalg.slogdet(-P).logabsdet
": np.linalg.slogdet(Q)
": np.linalg.slogdet(-S)
": np.linalg.slogdet(1e200 * S)
np.linalg.cholesky: np.linalg.cholesky(P)
": np.linalg.cholesky(P, upper=True)
": np.linalg.cholesky(np.triu(S) + np.tril(Q[:3, :3], -1), upper=True)
": np.linalg.cholesky(S)
": np.linalg.cholesky(S, upper=True)
np.linalg.matrix_power: np.linalg.matrix_power(P, 3)
": np.linalg.matrix_power(P, 0)
": np.linalg.matrix_power(P, -2)
": np.linalg.matrix_power(Q, 0)
": np.linalg.matrix_power(Q, 1)
": np.linalg.matrix_power(Q, 5)
": np.linalg.matrix_power(S, -2)
np.linalg.tensorsolve: np.linalg.tensorsolve(np.reshape(Q, (2, 2, 4)), v[:4].reshape(2, 2))
": np.linalg.tensorsolve(np.reshape(Q, (2, 4, 2)), v[:4].reshape(2, 2), axes=(1,))
np.linalg.tensorinv: np.linalg.tensorinv(np.reshape(Q, (2, 2, 4)))
": np.linalg.tensorinv(np.reshape(Q, (4, 2, 2)), ind=1)
np.linalg.multi_dot: np.linalg.multi_dot([A, B, w])
": np.linalg.multi_dot([A, B, B.T, v[:4]])
": np.linalg.multi_dot([v[:3], A, B])
": np.linalg.multi_dot([v[:3], A, A.T, X[:3], X.T])
np.linalg.norm: np.linalg.norm(v)
": np.linalg.norm(A)
": np.linalg.norm(T)
": np.linalg.norm(v, 1)
": np.linalg.norm(v, 3)
": np.linalg.norm(v, np.inf)
": np.linalg.norm(v, -np.inf)
": np.linalg.norm(v, 0)
": np.linalg.norm(A, axis=0)
": np.linalg.norm(A, axis=1, keepdims=True)
": np.linalg.norm(A, 'fro')
": np.linalg.norm(A, 1)
": np.linalg.norm(A, -1)
": np.linalg.norm(A, np.inf)
": np.linalg.norm(T, axis=(1, 2))
": np.linalg.norm(T, 1, axis=(2, 0))
": np.linalg.norm(T, np.inf, axis=(0, 2), keepdims=True)
": np.linalg.norm(i)
": np.linalg.norm(f)
": np.linalg.norm(0 * v)
": np.linalg.norm(A, 2)
": np.linalg.norm(X, 2)
": np.linalg.norm(X, -2)
": np.linalg.norm(A, 'nuc')
": np.linalg.norm(X, 'nuc', keepdims=True)
": np.linalg.norm(T, 2, axis=(2, 0))
": np.linalg.norm(T, 'nuc', axis=(0, 1), keepdims=True)
": np.linalg.norm(A, 'f')
": np.linalg.norm(T, None, axis=(0, 1))
np.linalg.vector_norm: np.linalg.vector_norm(T, axis=(0, 1))
": np.linalg.vector_norm(T, ord=3, axis=1)
np.linalg.matrix_norm: np.linalg.matrix_norm(T)
": np.linalg.matrix_norm(T, ord=2)
": np.linalg.matrix_norm(T, ord='nuc', keepdims=True)
": np.linalg.matrix_norm(T, ord=-1)
np.linalg.trace: np.linalg.trace(Q)
": np.linalg.trace(P)
np.linalg.qr: np.abs(np.linalg.qr(X)[1])
": np.linalg.qr(X)[0] @ np.linalg.qr(X)[1] ** 2
": np.linalg.qr(X).R ** 2
": np.linalg.qr(X, mode='r') ** 2
": np.linalg.qr(G).Q ** 2
": np.linalg.qr(S, mode='complete')[0] ** 2
": np.linalg.qr(np.ones((2, 3)) * A[:2, :3])[1] ** 2
": np.linalg.qr(np.ones((2, 3)) * A[:2, :3])[0] ** 2
np.linalg.eigh: np.linalg.eigh(S)[0]
": np.linalg.eigh(S)[1] ** 2
": np.linalg.eigh(P).eigenvectors ** 2
": np.linalg.eigh(P, UPLO='U').eigenvalues
": np.linalg.eigh(Q)[0]
": np.linalg.eigh(Q, 'U')[1] ** 2
np.linalg.eigvalsh: np.linalg.eigvalsh(Q)
": np.linalg.eigvalsh(J)
": np.linalg.eigvalsh(H)
np.linalg.svd: np.linalg.svd(X, full_matrices=False)[0] ** 2
": np.linalg.svd(X, full_matrices=False).S
": np.linalg.svd(X, full_matrices=False).Vh ** 2
": np.linalg.svd(Q)[0] ** 2
": np.linalg.svd(G, full_matrices=False)[0] ** 2
": np.linalg.svd(X, compute_uv=False)
": np.linalg.svd(np.ones((2, 3)) * A[:2, :3], full_matrices=False)[2] ** 2
np.linalg.svdvals: np.linalg.svdvals(G)
": np.linalg.svdvals(O)
np.linalg.pinv: np.linalg.pinv(X)
": np.linalg.pinv(A)
": np.linalg.pinv(G)
": np.linalg.pinv(X, rcond=1e-10)
": np.linalg.pinv(X, rtol=None)
": np.linalg.pinv(S, hermitian=True)
": np.linalg.pinv(O)
": np.linalg.pinv(np.outer(v, w))
np.linalg.lstsq: np.linalg.lstsq(X, v)[0]
": np.linalg.lstsq(A, B[:3], rcond=None)[0]
": np.linalg.lstsq(X, np.stack([v, w], axis=1), rcond=-1)[0]
": np.linalg.lstsq(np.outer(v, w), p, rcond=None)[0]
": np.linalg.lstsq(np.ones((5, 3)) * X, v, rcond=None)[2:]
np.linalg.matrix_rank: np.linalg.matrix_rank(X)
": np.linalg.matrix_rank(np.outer(v, w))
": np.linalg.matrix_rank(G)
": np.linalg.matrix_rank(X, tol=2.0)
": np.linalg.matrix_rank(v)
np.linalg.cond: np.linalg.cond(X)
": np.linalg.cond(G, -2)
": np.linalg.cond(P, 'fro')
": np.linalg.cond(Q, 1)
np.polyfit: np.polyfit(v, p, 2)
": np.polyfit(v, np.stack([p, w], axis=1), 1, w=u)
": np.polyfit(v, p, 2, cov=True)
": np.polyfit(v, p, 1, w=u, cov='unscaled')
": np.polyfit(f, f, 1)
": np.polyfit(i, v, 1)
np.vander: np.vander(v, 3)
np.linalg.cross: np.linalg.cross(A[:, :3], X[:3])
np.linalg.outer: np.linalg.outer(v, w)
np.linalg.diagonal: np.linalg.diagonal(P, offset=1)
np.linalg.vecdot: np.linalg.vecdot(A, C)
np.linalg.matmul: np.linalg.matmul(P, S)
np.linalg.matrix_transpose: np.linalg.matrix_transpose(P)
np.linalg.tensordot: np.linalg.tensordot(A, B, axes=1)
"""

SCIPY = """
scipy.linalg.solve: scipy.linalg.solve(S, A)
": scipy.linalg.solve(Q, v[:4], transposed=True)
": scipy.linalg.solve(np.tril(S) + 5 * np.eye(3) + X[:3], A, assume_a='sym', lower=True)
": scipy.linalg.solve(X[:3] + 9 * np.eye(3), v[:3], assume_a='pos')
": scipy.linalg.solve(X[:3] + 9 * np.eye(3), v[:3], assume_a='pos', lower=True)
": scipy.linalg.solve(S, v[:3], assume_a='upper triangular')
": scipy.linalg.solve(P, T)
": scipy.linalg.solve(P, v[:3], assume_a='pos')
scipy.linalg.solve_triangular: scipy.linalg.solve_triangular(S, A)
": scipy.linalg.solve_triangular(S, A, lower=True)
": scipy.linalg.solve_triangular(S, v[:3], trans=1)
": scipy.linalg.solve_triangular(S, v[:3], trans='T', lower=True, unit_diagonal=True)
": scipy.linalg.solve_triangular(P, T)
": scipy.linalg.solve_triangular(P, X[:3], lower=True, trans=1, unit_diagonal=True)
": scipy.linalg.solve_triangular(S, T, lower=True)
": scipy.linalg.solve_triangular(P, v[:3], trans='T')
": scipy.linalg.solve_triangular(E, T, lower=True)
scipy.linalg.inv: scipy.linalg.inv(P)
": scipy.linalg.inv(H)
scipy.linalg.det: scipy.linalg.det(P)
scipy.linalg.cholesky: scipy.linalg.cholesky(S)
": scipy.linalg.cholesky(X[:3] + 9 * np.eye(3), lower=True)
": scipy.linalg.cholesky(P)
scipy.linalg.cho_factor: scipy.linalg.cho_factor(S)[0]
": scipy.linalg.cho_factor(X[:3] + 9 * np.eye(3), lower=True)[0]
scipy.linalg.cho_solve: scipy.linalg.cho_solve(scipy.linalg.cho_factor(S), A)
": scipy.linalg.cho_solve(scipy.linalg.cho_factor(S, lower=True), v[:3])
": scipy.linalg.cho_solve((np.linalg.cholesky(S), True), v[:3])
": scipy.linalg.cho_solve(scipy.linalg.cho_factor(P), T)
": scipy.linalg.cho_solve((np.linalg.cholesky(P), True), v[:3])
scipy.linalg.expm: scipy.linalg.expm(Q)
": scipy.linalg.expm(P)
": scipy.linalg.expm(H / 5)
": scipy.linalg.expm(J)
": scipy.linalg.expm(nil)
scipy.linalg.expm_frechet: scipy.linalg.expm_frechet(Q, Q.T)
": scipy.linalg.expm_frechet(S, X[:3], compute_expm=False)
scipy.linalg.norm: scipy.linalg.norm(A)
": scipy.linalg.norm(X, 2)
": scipy.linalg.norm(A, 1, axis=0)
scipy.linalg.lstsq: scipy.linalg.lstsq(X, v)[0]
": scipy.linalg.lstsq(X, np.stack([v, w], axis=1), cond=1e-9)[0]
scipy.linalg.pinv: scipy.linalg.pinv(X)
": scipy.linalg.pinv(A, rtol=1e-8)
": scipy.linalg.pinv(G)
scipy.linalg.eigh: scipy.linalg.eigh(S)[0]
": scipy.linalg.eigh(Q, lower=False)[1] ** 2
": scipy.linalg.eigh(Q, eigvals_only=True)
": scipy.linalg.eigh(P)[1] ** 2
": scipy.linalg.eigh(X[:3], S)[0]
": scipy.linalg.eigh(X[:3], S, lower=False)[1] ** 2
scipy.linalg.eigvalsh: scipy.linalg.eigvalsh(S, S + np.diag(v[:3] ** 2))
scipy.linalg.svd: scipy.linalg.svd(X, full_matrices=False)[0] ** 2
": scipy.linalg.svd(Q)[1]
": scipy.linalg.svd(X, compute_uv=False)
scipy.linalg.svdvals: scipy.linalg.svdvals(X)
scipy.linalg.qr: scipy.linalg.qr(X, mode='economic')
": scipy.linalg.qr(S)
scipy.linalg.block_diag: scipy.linalg.block_diag(A, v, X, s)
": scipy.linalg.block_diag(A)
scipy.linalg.toeplitz: scipy.linalg.toeplitz(v)
": scipy.linalg.toeplitz(v, p[:3])
": scipy.linalg.toeplitz(i)
scipy.linalg.hankel: scipy.linalg.hankel(v)
": scipy.linalg.hankel(v, w)
": scipy.linalg.hankel(v, w[:2])
scipy.linalg.circulant: scipy.linalg.circulant(v)
"""

CASES = cases_of("Linear algebra", NUMPY + SCIPY.lstrip())

NOTES = {
    "np.linalg.norm": "0 at the origin",
    "np.linalg.cholesky": "of the other triangle: 0",
    "np.linalg.qr": "`mode='complete'` of square matrices only",
    "np.linalg.svd": "`full_matrices=True` of square matrices only",
    "np.linalg.lstsq": "no residuals; rank and singular values where sizes are known",
    "np.linalg.matrix_rank": "a step of the data",
}
