"""Complex numbers on the way to real ones, and the transforms of `np.fft`."""

from __future__ import annotations

from tests.cases.engine import cases_of

TRANSFORMS = """
np.fft.fft: np.abs(np.fft.fft(v)) ** 2
": np.fft.fft(A + 2j * C, axis=0).imag ** 2
": np.fft.fft([s, s * s, 1.0], 5, norm='ortho').real ** 2
": np.fft.fft([s, 2.0, s * s, 1.0], 3, norm='forward').imag
": np.fft.fft(A, 2).real ** 2
": np.fft.fft(i).real * v
np.fft.ifft: np.fft.ifft(v + 1j * w).real ** 2
": np.fft.ifft(S * [[s], [2.0], [1.0]], axis=0).imag ** 2
np.fft.rfft: np.abs(np.fft.rfft(v)) ** 2
": np.fft.rfft(A, axis=1).imag ** 2
": np.fft.rfft(T, axis=1).real ** 2
np.fft.irfft: np.fft.irfft(np.fft.rfft(A[0]) * p[0]) ** 2
": np.fft.irfft([s, 2j * s, s * s], 5) ** 2
": np.fft.irfft(v) ** 2
np.fft.hfft: np.fft.hfft(v[:3] + 1j * w[:3], 5) ** 2
np.fft.ihfft: np.fft.ihfft(v).imag ** 2
np.fft.fft2: np.abs(np.fft.fft2(A)) ** 2
": np.fft.fft2(T, axes=(0, 2)).imag ** 2
np.fft.ifft2: np.fft.ifft2(A + 1j * C).real ** 2
np.fft.rfft2: np.fft.rfft2(A).imag ** 2
np.fft.irfft2: np.fft.irfft2(np.fft.rfft2(S) * K, s=(3, 3)) ** 2
np.fft.fftn: np.abs(np.fft.fftn(T)) ** 2
np.fft.ifftn: np.fft.ifftn(T, axes=(1,)).imag ** 2
np.fft.rfftn: np.fft.rfftn(T).real ** 2
np.fft.irfftn: np.fft.irfftn(T[:, :, :3], s=(3, 4), axes=(1, 2)) ** 2
np.fft.fftshift: np.fft.fftshift(A) ** 2
": np.fft.fftshift(A, axes=1) ** 2
np.fft.ifftshift: np.fft.ifftshift(v) ** 2
np.fft.fftfreq: np.fft.fftfreq(v.size, 0.5) * v
": np.fft.fftfreq(6, s)
np.fft.rfftfreq: np.fft.rfftfreq(v.size) * s
"""

NUMBERS = """
1j, complex(a, b): (complex(s, 2.0) * v).imag
": (complex(s, 2.0) * (1 + 2j)).imag
": (s * (2 - 1j) / (3 + s * 1j) - 1j**2).real
": abs(v + 1j * w)
": np.array([s + 1j, 2.0]).imag
z.real, z.imag, z.conj(): ((v + 1j * w).conj() * (w + 1j)).imag
": (z := v * 1j + w).real * z.imag
": z = np.zeros(5, complex)\\nz.real = v\\nz.imag[1:] = w[:4] ** 2\\nreturn np.abs(z + 1) ** 2
np.imag: np.imag(v * (1 + 2j)) * np.real(v * 1j + w)
np.angle: np.angle(v + 1j * w)
": np.angle(v + 1j * w, deg=True)
functions of complex numbers: np.exp(v + 1j * w).real
": np.log(v + 1j * w).imag
": np.sqrt(v + 1j * w).imag
": np.sin(v + 1j * w).imag
": np.cos(v + 1j * w).real
": np.tan(0.3 * v + 1j * w).imag
": np.sinh(v + 1j * w).real
": np.cosh(v + 1j * w).imag
": np.tanh(v + 1j * w).imag
": ((p + 1j * w) ** 2.5).imag
": ((p + 1j * w) ** -2).real
": np.square(v + 1j * w).imag
": np.prod([s + 1j, s * 2j, 3.0]).real
": np.var(v + 1j * w) + np.std(v + 1j * w)
": np.linalg.norm(v + 1j * w)
cmath functions: cmath.sqrt(s * 1j).real * f
": cmath.sqrt(s * 1j).real
": cmath.exp(s * 1j).imag
": cmath.log(s + 1j).imag
": cmath.sin(s + 1j).imag + cmath.cos(s + 1j).imag + cmath.tan(s + 1j).imag
": cmath.sinh(s + 1j).imag + cmath.cosh(s + 1j).imag + cmath.tanh(s + 1j).imag
": cmath.phase(s + 1j) * s
arrays of complex numbers: ((A + 1j * C) @ (B - 2j)).imag
": np.einsum('ij,jk->ik', A + 1j * C, B).imag
": np.vdot(v + 1j * w, v * w + 2j).imag
": np.outer(v + 1j, w * 1j).real
": np.cumsum(v * 1j + w).imag ** 2
": np.where(v > 0, v * 1j, w).imag
": np.stack([v * 1j, w + 2j]).imag.T
": (A + 1j * C).T[1:, ::-1].imag
": z = v + 1j * w\\nz[1:] *= 2j\\nz[0] = s\\nreturn z.imag * z.real
np.iscomplexobj: np.iscomplexobj(v * 1j)
np.isrealobj: np.isrealobj(v)
"""

CASES = (
    *cases_of("Fourier transforms", TRANSFORMS),
    *cases_of("Complex numbers", NUMBERS),
)

NOTES = {
    "np.fft.fft": "of any length, in place of zeros or cut with `n=`; every `norm=`",
    "np.angle": "0 at 0",
    "functions of complex numbers": "`exp log sqrt sin cos tan sinh cosh tanh square`, powers",
}
