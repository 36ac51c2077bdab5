"""Shapes, parts put together and taken apart, new arrays, places, subscripts and writes."""

from __future__ import annotations

from tests.cases.engine import cases_of

SHAPES = """
np.reshape: np.reshape(A, (2, 6), order='F')
": A.reshape(-1, 6)
": v[:4].reshape(2, -1)
": Z.reshape(-1)
np.ravel: A.ravel()
": np.ravel(A, order='F')
.flatten: A.T.flatten()
np.transpose: np.transpose(T, (1, 0, 2))
": T.transpose(2, 0, 1)
": T.T
": T.mT
np.permute_dims: np.permute_dims(T, (2, 1, 0))
np.matrix_transpose: np.matrix_transpose(T)
np.swapaxes: np.swapaxes(T, 0, -1)
": T.swapaxes(1, 2)
np.moveaxis: np.moveaxis(T, [0, 1], [-1, -2])
np.rollaxis: np.rollaxis(T, 2, 1)
np.expand_dims: np.expand_dims(v, (0, -1))
np.squeeze: np.squeeze(U)
": K.squeeze(-1)
np.broadcast_to: np.broadcast_to(K, (2, 3, 4))
np.broadcast_arrays: np.broadcast_arrays(K, R)
np.atleast_1d: np.atleast_1d(s, v)
np.atleast_2d: np.atleast_2d(v, A, s)
np.atleast_3d: np.atleast_3d(A)
np.flip: np.flip(T, (0, -1))
": v[::-1]
np.fliplr: np.fliplr(A)
np.flipud: np.flipud(A)
np.rot90: np.rot90(A, 3)
": np.rot90(T, axes=(1, 2))
np.roll: np.roll(v, 2)
": np.roll(A, (1, -2), axis=(0, 1))
": np.roll(v, i[0])
": np.roll(A, (-7, 9), axis=(0, 1))
": np.roll(v[m], 4)
": np.roll(z, 2)
": np.roll(A, (i[0], -1), axis=(0, 1))
": np.roll(A, (i[0], i[1]))
np.tril: np.tril(A, -1)
": np.tril(v)
np.triu: np.triu(T, 1)
np.diag: np.diag(v, 1)
": np.diag(Q, -1)
np.diagflat: np.diagflat(K)
np.diagonal: np.diagonal(np.stack([S, S], axis=-1))
": np.diagonal(T)
": np.diagonal(T, 2, axis1=1, axis2=-1)
": np.diagonal(T, -3, 0, 2)
": np.diagonal(B, 1, 1, 0)
": Q.diagonal(1)
np.linalg.diagonal: np.linalg.diagonal(np.stack([Q, Q]))
.flat: A.flat[3]
.tolist: np.array([[s, 2.0], [3.0, 4.0]]).tolist()[0][0]
.item: A.item((1, 2))
np.shape: v.reshape(np.shape(v)) * s
": np.zeros(np.broadcast_shapes((2, 1), np.shape(v))) + s
np.size: np.size(A, 1) * s
np.ndim: np.ndim(A) * s
np.isscalar: np.isscalar(v)
dtypes: np.float64(s) * np.float32(2.0)
": np.int64(v) + np.int32(w)
": np.int8(i) * np.int16(s) + np.uint8(v * v) - np.uint16(w * w) + v
": v * np.uint32(v * v) + w * np.uint64(w * w)
": np.finfo(float).eps * v + np.iinfo(np.int32).max
": np.astype(v, np.float32)
.astype: v.astype(np.float32)
": i.astype(float) * v
.copy: v.copy()
"""

JOINING = """
np.concatenate: np.concatenate([A, C], axis=1)
": np.concatenate([v, i])
": np.concatenate([A, v], axis=None)
": np.concatenate([v, z])
np.concat: np.concat([v, w])
np.stack: np.stack([A, C], axis=-1)
": np.stack((s, 2.0, s * s))
np.vstack: np.vstack([A, C, R])
np.hstack: np.hstack([A, K])
": np.hstack((s, v))
": np.hstack([f, 1])
np.dstack: np.dstack([v, w])
np.column_stack: np.column_stack([A, A[:, 0]])
np.block: np.block([[A, K], [R, np.ones((1, 1))]])
": np.block([v, w])
np.append: np.append(A, R, axis=0)
": np.append(f, 1.0)
np.r_: np.r_[v, 1.0, 2:4]
": np.r_[s, 0:1:5j]
np.c_: np.c_[v, w]
": np.c_[A, K]
np.split: np.split(A, [1, 2], axis=1)
": np.split(A, 3)
np.array_split: np.array_split(v, 3)
np.hsplit: np.hsplit(A, [3])
np.vsplit: np.vsplit(A, [1])
np.dsplit: np.dsplit(T, [1, 2])
np.unstack: np.unstack(np.stack([A, C]))
np.tile: np.tile(A, (2, 1, 3))
np.repeat: np.repeat(A, 2, axis=1)
": np.repeat(v[:3], [1, 0, 2])
": v.repeat(3)
np.resize: np.resize(v, (2, 4))
np.delete: np.delete(A, [0, 2], axis=1)
": np.delete(A, slice(0, 2), axis=1)
": np.delete(v, -1)
np.insert: np.insert(v, [1, 3], [s, 2.0])
": np.insert(A, 1, A[0], axis=0)
": np.insert(A, -1, [1.0, 2.0, 3.0], axis=1)
np.pad: np.pad(v, (1, 3), constant_values=7.5)
": np.pad(A, ((1, 2), (0, 1)), constant_values=((1.0, s), (3.0, 4.0)))
": np.pad(A, 1, mode='edge')
": np.pad(v, 9, mode='reflect')
": np.pad(v, 12, mode='symmetric')
": np.pad(v, 2, mode='reflect', reflect_type='odd')
": np.pad(v, (3, 7), 'wrap')
": np.pad(A, ((1, 2), (0, 3)), mode='linear_ramp', end_values=((0.0, s), (1.0, 2.0)))
": np.pad(v, 2, mode='mean', stat_length=2)
": np.pad(A, 2, mode='maximum', stat_length=((1, 2), (3, 1)))
": np.pad(A, {-1: (1, 2)}, mode='minimum')
np.meshgrid: np.meshgrid(v, A[0], indexing='ij')
": np.meshgrid(v, A[0], sparse=True)
np.lib.stride_tricks.sliding_window_view: np.lib.stride_tricks.sliding_window_view(v, 3) * w[:3]
": np.lib.stride_tricks.sliding_window_view(A, (2, 3))
": np.lib.stride_tricks.sliding_window_view(T, 2, axis=1).max(axis=-1)
": np.lib.stride_tricks.sliding_window_view(A, (2, 2, 1), axis=(1, 1, 0))
np.apply_along_axis: np.apply_along_axis(lambda r: r.max() - r.min(), 1, A)
": np.apply_along_axis(lambda r, c: np.outer(r, r) * c, 0, A, 2.0)
np.apply_over_axes: np.apply_over_axes(np.sum, T, [0, 2])
"""

CREATION = """
np.zeros: np.zeros((2, v.size)) + s
np.ones: np.ones(len(v)) * v
np.full: np.full((2, 3), s)
": np.full((2, 3), v[:3])
np.empty: np.empty(3) * 0 + s
np.zeros_like: np.zeros_like(A, shape=(2, 2)) + s
np.ones_like: np.ones_like(F, dtype=float) * s
np.full_like: np.full_like(A, s)
np.empty_like: np.empty_like(v) * 0 + v
np.eye: np.eye(2, 4, 1) * s
np.identity: np.identity(v.size) * v
np.tri: np.tri(3, 4, 1) * A
np.array: np.array([[s, 0.0], [1.0, s]])
": np.array([v, w])
": np.array([v[:2], [1.0, s]])
np.asarray: np.asarray([s, 1])
": np.asanyarray(v) * np.ascontiguousarray(w) + np.asfortranarray(w) * np.asarray_chkfinite(w)
np.copy: np.copy(v)
np.arange: np.arange(v.size) * v
": np.arange(0.0, 2.0, 0.25) * s
": np.zeros(len(np.arange(0, 1, 0.3))) + s * np.arange(1.0, 5.0).tolist()[1]
": np.arange(s)
": np.arange(-s, 2 * s, s / 2.9) ** 2
": np.arange(s, -3, -0.75)
": np.arange(0, v.size, 0.5) * s
": np.arange(0.5, 5, 1.5, dtype=int) * s
": np.arange(7, -2, int(-s)) * s
": np.arange(np.float32(0.3), f[0] ** 2 + 2, dtype=np.float32)
np.linspace: np.linspace(v, w, 4, axis=-1)
": np.linspace(0, s, 7, retstep=True)
": np.linspace(s, 2 * s, num=6, endpoint=False)
np.logspace: np.logspace(0, s, 5, base=s)
np.geomspace: np.geomspace(p, 10 * p, 3, axis=1)
": np.geomspace(-1.0, -s, 4)
np.fromfunction: np.fromfunction(lambda i, j: i + 2 * j, (2, 3)) * s
np.hanning: np.hanning(v.size) * v
np.hamming: np.hamming(6) * s
np.blackman: np.blackman(v.size) * v
np.bartlett: np.bartlett(7) * s
"""

PLACES = """
np.indices: np.indices(A.shape) * s
": np.indices((2, 3), sparse=True)
np.mgrid: np.mgrid[0:3, 0:2] * s
": np.mgrid[0:1:3j, 0:2] * s
np.ogrid: np.ogrid[0:3, 0:2]
np.ix_: A[np.ix_([0, 2], [1, 3])]
np.tril_indices: Q[np.tril_indices(4, -1)]
": np.tril_indices(4, 1)
np.triu_indices: Q[np.triu_indices(4)]
": np.triu_indices(4, -1)
np.tril_indices_from: Q[np.tril_indices_from(Q)]
np.triu_indices_from: Q[np.triu_indices_from(Q, 1)]
np.diag_indices: Q[np.diag_indices(4)]
np.diag_indices_from: Q[np.diag_indices_from(Q)]
np.unravel_index: np.unravel_index(np.argmax(A), A.shape)
": np.unravel_index(places, (2, 3))
np.ravel_multi_index: np.ravel_multi_index((places % 2, places), (2, 4))
": np.ravel_multi_index((places, places), (2, 3), mode='wrap')
x[i]: v[2]
": A[-1, 0]
": T[1, ..., 2]
x[a:b:c]: A[1:, ::-2]
": v[-3:-1]
": v[::2]
": v[5:]
": T[:, 1:, None, ::-1]
x[array]: v[places]
": A[places % 3, places]
": A[:, places]
": A[places % 3][:, 1:3]
": T[0, [1, 0], :2]
": T[:, [1, 0, 1], [0, 3, 3]]
": T[[0, 1], :, [0, 3]]
": A[np.arange(len(A)), np.argmax(A, axis=1)]
": v[[[0, 1], [2, -1]]]
x[mask]: v[m] * w[m]
": A[A > 0]
": A[:, np.array([True, False, True, True])] ** 2
x[i, j] = y: a = A.copy()\\na[0, 1] = s\\nreturn a * a
x[a:b] = y: a = A.copy()\\na[1:, 1:3] = w[:2]\\nreturn a * a
": a = np.zeros((3, 4))\\na[:, 1:] = A[:, :-1] ** 2\\nreturn a
x[a:b] += y: a = v.copy()\\na[1:] += a[:-1] ** 2\\nreturn a
": a = A.copy()\\na[1:-1] *= s\\nreturn a * A
x[array] = y: a = v.copy()\\na[places] = w[:4] ** 2\\nreturn a
x[mask] = y: a = v.copy()\\na[a > 0] = s\\nreturn a * a
": a = A.copy()\\na[M] *= 2.0\\nreturn a * a
writing through views: a = v.copy()\\nb = a[1:]\\nb[0] = s\\nreturn a * b.sum()
": a = A.copy()\\nb = a.T\\nb[1] = s\\nreturn a * a
": a = Q.copy()\\nd = np.diagonal(a)\\na[0, 0] = s\\nreturn d * d
": a = Q.copy()\\nd = np.einsum('ii->i', a)\\nd[1:] = s\\nreturn a * a
": a = A.copy()\\na.flat[3] = s\\nreturn a * a
np.put: a = A.copy()\\nnp.put(a, places, v)\\nreturn a * a
np.put_along_axis: a = A * 1\\nnp.put_along_axis(a, I[:, :1], s, 1)\\nreturn a * a
np.putmask: a = A.copy()\\nnp.putmask(a, a > 0, w)\\nreturn a * a
np.place: a = A.copy()\\nnp.place(a, a > 0, [s, 2.0])\\nreturn a * a
np.copyto: a = A.copy()\\nnp.copyto(a, R, where=M)\\nreturn a * a
np.fill_diagonal: a = B.T.copy()\\nnp.fill_diagonal(a, [s, 2.0])\\nreturn a * a
.fill: a = np.zeros(3)\\na.fill(s)\\nreturn a
out=: a = np.zeros(v.shape)\\nnp.cumsum(v, out=a)\\nreturn a * a
"""

CASES = (
    *cases_of("Shapes", SHAPES),
    *cases_of("Putting together and taking apart", JOINING),
    *cases_of("New arrays", CREATION),
    *cases_of("Places, subscripts and writes", PLACES),
)

NOTES = {
    "np.empty": "zeros, so that results do not depend on chance",
    "np.empty_like": "zeros, so that results do not depend on chance",
    "np.diagonal": "a read-only view",
    "np.diag": "of a matrix: a read-only view",
    "np.unstack": "the size of the axis must be known",
    ".tolist": "all sizes must be known",
    "np.split": "whether the parts are equal is checked when called",
    "np.resize": "a new array",
    "x[mask] = y": "one value, or an array under the same mask",
}
