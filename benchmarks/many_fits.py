"""Many small least-squares fits: Gaussian peaks in images of 5 by 5 pixels, five parameters each.

The case of Gpufit (A. Przybylski et al., Scientific Reports 7, 2017), on one thread. Peers that
take long fit fewer images, and times are those of one fit. All are compared with SciPy's results.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.report import Row, Section, absent
from benchmarks.timing import installed, interleaved
from codegen_ad import differentiate, fit_many

PIXELS = np.arange(5.0)
START = np.array([9.0, 2.0, 2.0, 1.0, 1.0])
MANY, FEW = 20_000, 200
TOLERANCE = 1e-4  # of parameters, relative to the start: what peers' stopping rules leave

Fits = Callable[[np.ndarray], np.ndarray]


def data(count: int) -> np.ndarray:
    random = np.random.default_rng(0)
    low, high = (8.0, 1.6, 1.6, 0.8, 0.5), (12.0, 2.4, 2.4, 1.4, 1.5)
    exact = [residuals(p, PIXELS, 0.0) for p in random.uniform(low, high, size=(count, 5))]
    return np.stack(exact) + 0.2 * random.normal(size=(count, 5, 5))


@differentiate
def residuals(p, pixels, image):
    square = (pixels[None, :] - p[1]) ** 2 + (pixels[:, None] - p[2]) ** 2
    return p[0] * np.exp(-square / (2 * p[3] ** 2)) + p[4] - image


def by_codegen_ad(images: np.ndarray) -> np.ndarray:
    starts = np.broadcast_to(START, (len(images), 5))
    return fit_many(residuals, starts, (PIXELS, images), per_fit="image").x


def with_curve_fit() -> Fits:
    """MINPACK with finite differences, as most people call it."""
    from scipy.optimize import curve_fit

    x, y = (axis.ravel() for axis in np.meshgrid(PIXELS, PIXELS))

    def model(place, height, left, top, width, background):
        square = (place[0] - left) ** 2 + (place[1] - top) ** 2
        return height * np.exp(-square / (2 * width**2)) + background

    def fits(images: np.ndarray) -> np.ndarray:
        return np.stack([curve_fit(model, (x, y), image.ravel(), START)[0] for image in images])

    return fits


def with_jax() -> Fits:
    """Marquardt's damping by factors of 10, `vmap` over fits, 12 steps of all of them."""
    import jax
    import jax.numpy as jnp

    pixels = jnp.asarray(PIXELS)

    def differences(p, image):
        square = (pixels[None, :] - p[1]) ** 2 + (pixels[:, None] - p[2]) ** 2
        return (p[0] * jnp.exp(-square / (2 * p[3] ** 2)) + p[4] - image).ravel()

    def fit(image):
        def step(state, _):
            p, damping = state
            r, jacobian = differences(p, image), jax.jacfwd(differences)(p, image)
            normal = jacobian.T @ jacobian
            damped = normal + damping * jnp.diag(jnp.diag(normal))
            trial = p - jnp.linalg.solve(damped, jacobian.T @ r)
            better = (differences(trial, image) ** 2).sum() < (r**2).sum()
            p = jnp.where(better, trial, p)
            return (p, jnp.where(better, damping / 10, damping * 10)), None

        return jax.lax.scan(step, (jnp.asarray(START), 1e-3), length=12)[0][0]

    all_fits = jax.jit(jax.vmap(fit))
    return lambda images: np.asarray(all_fits(images))


def measure(*, quick: bool) -> Section:
    images = data(MANY // 10 if quick else MANY)
    few = images[: FEW // 4 if quick else FEW]
    fits: dict[str, tuple[Fits, np.ndarray]] = {"codegen_ad.fit_many": (by_codegen_ad, images)}
    rows: list[Row] = []
    if installed("jax"):
        fits["JAX, vmap of 12 steps"] = (with_jax(), images)
    else:
        rows.append(absent("JAX"))
    if installed("scipy"):
        fits["scipy.optimize.curve_fit"] = (with_curve_fit(), few)
    else:
        rows.append(absent("SciPy"))
    own = by_codegen_ad(few)
    for name, (run, _) in fits.items():
        found = run(few)
        assert np.abs((found - own) / START).max() < TOLERANCE, name
    times = interleaved(
        {name: (lambda run=run, taken=taken: run(taken)) for name, (run, taken) in fits.items()},
        rounds=3 if quick else 7,
    )
    each = {name: times[name] / len(taken) for name, (_, taken) in fits.items()}
    own_time = each["codegen_ad.fit_many"]
    found_rows = [Row(n, t, "s", t / own_time) for n, t in each.items()]
    return Section(
        "Gaussian peaks of 5 by 5 pixels, least squares, per fit", tuple(found_rows + rows),
        key="many-fits",
    )  # fmt: skip
