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
    ("np.zeros(3, dtype='c16') * s", "the dtype `c16`, which is not supported", "np.float64"),
    ("np.zeros(3, dtype=np.uint8) * s", "the dtype `uint8`", "Use one of np.float64"),
    ("np.zeros((2, 2), order='F') * s", "`order='F'`", "Leave `order` out"),
    ("np.mean(v, dtype=int)", "holds no fractions", "convert the result"),
    ("np.max(v, where=m)", "`np.max` with `where=` needs `initial=`", "Give `initial`"),
    ("np.where(v > 0)", "`np.where` with one argument", "Use a mask"),
    ("np.nonzero(v)", "size of its result depends on data", "Use a mask"),
    ("v.nonzero()", "size of its result depends on data", "Use a mask"),
    ("np.unique(v)", "`np.unique` is not supported", "outside the function"),
    ("np.linalg.svd(A)", "`np.linalg.svd` is not supported", "np.linalg.solve"),
    ("np.linalg.eigh(S)", "`np.linalg.eigh` is not supported", "np.linalg.cholesky"),
    ("np.fft.rfft(v)", "complex numbers", "pass the transform in"),
    ("np.linalg.norm(A, 2)", "singular value decomposition", "Use `ord='fro'`"),
    ("np.linalg.solve(T, v)", "works on one matrix here", "loop over the first axis"),
    ("np.linalg.norm(v, 'fro')", "`ord='fro'` is for matrices", "Use a number"),
    ("v @ s", "second operand of `np.matmul` is a scalar", "with `*`"),
    ("m @ m", "`np.matmul` of booleans", ".astype(int)"),
    ("np.einsum('ij,jk->ik', A)", "for 2 operands, and 1 are given", "separated by commas"),
    ("np.einsum('ijk->i', A)", "name 3 axes; the operand has 2", "one letter for each axis"),
    ("np.einsum('ij->iz', A)", "repeats a label, or has one that no operand has", "once"),
    ("np.tensordot(A, B, axes=([0, 1], [0]))", "2 axes of one operand, 1 of the other", "same"),
    ("np.concatenate([A, v])", "arrays of 2 and of 1 axes", "same number of axes"),
    ("np.split(v, 2.5)", "must be an integer known when the function is compiled", "literal"),
    ("np.split(v, 2)", "not known when the function is compiled that they divide", "as a list"),
    ("np.pad(v, 1, mode='linear_ramp')", "`mode='linear_ramp'` is not supported", "'edge'"),
    ("np.pad(A, ((1, 1), (1, 1), (1, 1)))", "widths for 3 axes", "for each axis"),
    ("np.transpose(A, (0, 0))", "axes (0, 0) for an array of 2", "Name each axis once"),
    ("A.reshape(-1, -1)", "Two sizes of a reshape are -1", "Leave one size"),
    ("np.arange(0, s)", "stop depends on data", ""),
    ("np.arange(0, 3, 0) * s", "step of 0", "another step"),
    ("np.zeros(i[0]) * s", "depends on data", ""),
    ("np.clip(v, 0, 1, where=m)", "`where=`, which codegen_ad does not support here", "np.where"),
    ("np.reciprocal(i)", "`np.reciprocal` of integers", "Use `1 / x`"),
    ("np.gradient(v, edge_order=3)", "`edge_order=3`", "Use 1 or 2"),
    ("np.interp(v, grid, w, period=1.0)", "`period=`", "with `%`"),
    ("np.convolve(v, w, mode='half')", "`mode='half'`", "'full', 'same' or 'valid'"),
    ("np.quantile(v, 1.5)", "must lie in the range", "Check `q`"),
    ("np.cumsum(v, out=i)", "cannot write float64 into an array of int64", "floating point dtype"),
    ("np.sum(A, out=v)", "`out` of `np.sum` has 1 axis, and the result has 0", "the shape"),
    ("np.average(A, weights=v)", "a vector and one `axis`", "Give `axis`"),
    ("np.take(v, w)", "`indices` of `np.take` must be integers", "astype(int)"),
    ("np.diff(m)", "`np.diff` of booleans", "astype(int)"),
    ("np.cov(v, w)", "There is no operation for it yet", "outside the function"),
    ("scipy.special.jv(v, 1.0)", "`scipy.special.jv` is not supported", "custom_derivative"),
    ("scipy.stats.norm.logpdf(v)", "`scipy.stats", "custom_derivative"),
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
