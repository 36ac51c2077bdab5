"""What the library refuses: each message in the user's terms, with what to write instead."""

from __future__ import annotations

import pytest
from library_cases import reading_of

from codegen_ad.errors import SourceError

REFUSED = [
    ("np.sum(v, axs=0)", "`np.sum` has no argument `axs`", "Its arguments are (a, axis=None"),
    ("np.sum()", "`np.sum` needs the argument `a`", "Its arguments are (a, axis=None"),
    ("np.sum(v, 0, axis=0)", "`np.sum` gets `axis` twice", "Give it once"),
    ("np.diff(v, 1, 0, 0.0, 0.0, 1)", "`np.diff` takes at most 5 arguments", "(a, n=1"),
    ("np.argmax(v, axis=1)", "`axis=1`, but the array has 1 axis", "Use an axis from -1 to 0"),
    ("np.cumsum(A, axis=i[0])", "axis depends on data", ""),
    ("np.sum(A, axis=5)", "axis is 5, and the array has 2 axes", ""),
    ("np.cumsum(v, axis='x')", "`axis` of `np.cumsum` must be an integer", "literal integer"),
    ("np.zeros(3, dtype=np.uint8) * s", "the dtype `uint8`", "Use one of np.float64"),
    ("np.zeros((2, 2), order='F') * s", "`order='F'`", "Leave `order` out"),
    ("np.mean(v, dtype=int)", "holds no fractions", "convert the result"),
    ("np.max(v, where=m)", "`np.max` with `where=` needs `initial=`", "Give `initial`"),
    ("np.where(v > 0, v)", "`np.where` takes one argument or three", "Give both arrays"),
    ("np.nonzero(s)", "`np.nonzero` of a single number", "Give an array"),
    ("np.compress(A > 0, A)", "condition of `np.compress` has one axis", "vector of booleans"),
    ("np.unique(v, equal_nan=False)", "equal_nan", ""),
    ("np.union1d(v, v)", "`np.union1d` is not supported", "outside the function"),
    ("np.linalg.eig(S)", "matrix that is not symmetric", "np.linalg.eigh"),
    ("np.linalg.svd(np.ones((2, 3)) * s)", "is no function of the matrix", "full_matrices=False"),
    ("np.linalg.qr(np.ones((3, 2)), mode='complete')", "is no function of the", "mode='reduced'"),
    ("np.linalg.eigvalsh(S, UPLO='x')", "has `UPLO='x'`", "Use 'L' or 'U'"),
    ("np.linalg.inv(v)", "needs a matrix", "at least two axes"),
    ("np.linalg.lstsq(T, v)", "works on one matrix", "loop over the first axis"),
    ("np.linalg.lstsq(A, v[:3])[1]", "residuals that `np.linalg.lstsq` returns", "np.sum((b -"),
    ("np.linalg.lstsq(A, v[:3])[3]", "as many as the smaller size", "np.linalg.svdvals"),
    ("scipy.linalg.lu_factor(S)", "`scipy.linalg.lu_factor` is not", "custom_derivative"),
    ("scipy.linalg.solve(S, v, assume_a='banded')", "`assume_a='banded'`", "Use 'gen'"),
    ("scipy.linalg.solve(S, T)", "a right side of 3 axes", "matrix of columns"),
    ("scipy.linalg.qr(np.ones((3, 2)))", "is no function of the matrix", "mode='economic'"),
    ("scipy.linalg.cholesky(T)", "works on one matrix", "loop over the first axis"),
    ("scipy.linalg.block_diag(T)", "takes matrices", "Loop over the first axis"),
    ("scipy.linalg.toeplitz(A)", "takes vectors", "Ravel"),
    ("scipy.linalg.eigh(S, S, type=2)", "with `type=2` is not", "Use 1"),
    ("np.polyfit(v, w, -1)", "asked for the degree -1", "Give 0 or more"),
    ("np.linalg.norm(A, 7)", "with `ord=7` has no meaning", "'nuc'"),
    ("np.linalg.norm(v, 'fro')", "`ord='fro'` is for matrices", "Use a number"),
    ("v @ s", "second operand of `np.matmul` is a scalar", "with `*`"),
    ("m @ m", "`np.matmul` of booleans", ".astype(int)"),
    ("np.einsum('ij,jk->ik', A)", "for 2 operands, and 1 are given", "separated by commas"),
    ("np.einsum('ijk->i', A)", "name 3 axes; the operand has 2", "one letter for each axis"),
    ("np.einsum('ij->iz', A)", "repeats a label, or has one that no operand has", "once"),
    ("np.tensordot(A, B, axes=([0, 1], [0]))", "2 axes of one operand, 1 of the other", "same"),
    ("np.concatenate([A, v])", "arrays of 2 and of 1 axes", "same number of axes"),
    ("np.split(v, 2.5)", "must be an integer known when the function is compiled", "literal"),
    ("np.split(np.ones(5) * s, 2)", "5 elements into 2 parts", "np.array_split"),
    ("np.pad(v, 1, mode='median')", "`mode='median'` is not supported", "'edge'"),
    ("np.pad(i, 1, mode='mean')", "of integers with a statistic", "astype(float)"),
    ("np.pad(A, ((1, 1), (1, 1), (1, 1)))", "widths for 3 axes", "for each axis"),
    ("np.transpose(A, (0, 0))", "axes (0, 0) for an array of 2", "Name each axis once"),
    ("A.reshape(-1, -1)", "Two sizes of a reshape are -1", "Leave one size"),
    ("np.arange(0, s)", "only known when the function runs", "np.linspace"),
    ("np.arange(s)", "only known when the function runs", "start + step * np.arange(n)"),
    ("np.arange(0, 3, 0) * s", "step of 0", "another step"),
    ("np.zeros(s) * s", "shape must be an integer", "Convert it"),
    ("np.clip(v, 0, 1, where=m)", "`where=`, which codegen_ad does not support here", "np.where"),
    ("np.reciprocal(i)", "`np.reciprocal` of integers", "Use `1 / x`"),
    ("np.gradient(v, edge_order=3)", "`edge_order=3`", "Use 1 or 2"),
    ("np.interp(v, grid, w, period=grid)", "`period` of `np.interp` is one number", "a number"),
    ("np.convolve(v, w, mode='half')", "`mode='half'`", "'full', 'same' or 'valid'"),
    ("np.quantile(v, 1.5)", "must lie in the range", "Check `q`"),
    ("np.cumsum(v, out=i)", "cannot write float64 into an array of int64", "floating point dtype"),
    ("np.sum(A, out=v)", "`out` of `np.sum` has 1 axis, and the result has 0", "the shape"),
    ("np.average(A, weights=v)", "one axis of weights for each", "Give `axis`"),
    ("np.take(v, w)", "`indices` of `np.take` must be integers", "astype(int)"),
    ("np.diff(m)", "`np.diff` of booleans", "astype(int)"),
    ("np.cov(T)", "`np.cov` takes a vector or a matrix", "Reshape it"),
    ("np.polymul(v, w)", "drops leading or trailing zeros", "np.convolve"),
    ("np.random.normal(size=3) * s", "Random numbers change", "pass them in"),
    ("np.random.default_rng(0).normal() * s", "Random numbers change", "pass them in"),
    ("np.unstack(A)", "as many arrays as the axis is long", "Use a loop"),
    ("v.tolist()", "is not known when the function is compiled", "loop over it"),
    ("np.delete(v, [0, -1])", "counted from both ends", "Call it twice"),
    ("np.quantile(v, 0.3, method='best')", "`method='best'`", "hazen"),
    ("np.r_['-1', A, A]", "says how to stack", "np.concatenate"),
    ("np.block([[v], w])", "lists of one depth", "Nest all blocks alike"),
    ("np.exp(v, where=m)", "leaves memory as it is found", "Give `out=`"),
    ("np.add(v, w, dtype=int)", "asks for what NumPy does not compute in", "astype"),
    ("np.vectorize(lambda a, b: a)(v, b=w)", "arguments by name", "by position"),
    ("np.tril_indices(v.size, 1)[0] * s", "a triangle that is cut off", "np.where(np.tri"),
    ("np.diagonal(Q).sort()", "read-only", "x.copy()"),
    ("np.einsum('ij->ji', A, dtype=np.float32)", "`dtype=`", "astype"),
    ("np.polynomial.Polynomial([1.0, s])(v)", "object with methods", "chebval"),
    ("np.put(v, w, 1.0)", "`ind` of `np.put` must be integers", "astype(int)"),
    ("scipy.special.jve(v, 1.0)", "`scipy.special.jve` is not supported", "custom_derivative"),
    ("scipy.stats.levy.logpdf(v)", "`scipy.stats", "custom_derivative"),
    ("scipy.special.logsumexp(v, return_sign=True)", "`return_sign=`", "signs yourself"),
    ("np.median(v, axis=0, out=w, overwrite_input=i[0] > 0)", "overwrite_input", ""),
]

MISMATCHED = [
    ("np.dot(np.ones(3), np.ones(4)) * s", "np.dot"),
    ("np.concatenate([np.ones((2, 3)), np.ones((2, 4))]) * s", "np.concatenate"),
    ("np.ones((2, 3)).reshape(4, 2) * s", "reshape"),
    ("np.linalg.solve(np.ones((2, 3)), np.ones(2)) * s", "np.linalg.solve"),
    ("np.max(np.zeros(0)) * s", "np.max"),
    ("np.broadcast_to(np.ones(3), (2, 4)) * s", "np.broadcast_to"),
]


@pytest.mark.parametrize(("text", "message", "instead"), REFUSED)
def test_refused_by_name(text: str, message: str, instead: str) -> None:
    with pytest.raises(SourceError) as caught:
        reading_of(text)
    assert message in caught.value.message
    assert instead in caught.value.message
    assert "<case " in str(caught.value)


@pytest.mark.parametrize(("text", "name"), MISMATCHED)
def test_sizes_that_do_not_fit(text: str, name: str) -> None:
    with pytest.raises(SourceError) as caught:
        reading_of(text)
    assert f"`{name}` needs" in caught.value.message
