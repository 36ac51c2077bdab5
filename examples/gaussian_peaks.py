r"""Fit thousands of small camera images at once: where single molecules are, and how sure that is.

    python examples/gaussian_peaks.py

Each image is 5 by 5 pixels with one Gaussian peak, five parameters and noise, the case that Gpufit
was published with (A. Przybylski et al., Scientific Reports 7, 2017). `fit_many` runs the
Levenberg-Marquardt method for all of them in one compiled kernel. The noise is known, so errors
divided by what the fits say that they are have a normal distribution, which the plot shows.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codegen_ad import differentiate, fit_many, least_squares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUTPUT = Path(__file__).parent / "output"

PIXELS = np.arange(5.0)
NOISE = 0.2
NAMES = ("height", "x", "y", "width", "background")
START = (9.0, 2.0, 2.0, 1.0, 1.0)


@differentiate(wrt="peak")
def residuals(peak, pixels, noise, image):
    height, x, y, width, background = peak
    square = (pixels[None, :] - x) ** 2 + (pixels[:, None] - y) ** 2
    model = height * np.exp(-square / (2 * width**2)) + background
    return (model - image) / noise


def images(count, seed=0):
    """Parameters drawn at random, and noisy images of them."""
    random = np.random.default_rng(seed)
    low, high = (8.0, 1.6, 1.6, 0.8, 0.5), (12.0, 2.4, 2.4, 1.4, 1.5)
    peaks = random.uniform(low, high, size=(count, 5))
    exact = np.stack([residuals(peak, PIXELS, 1.0, 0.0) for peak in peaks])
    return peaks, exact + NOISE * random.normal(size=exact.shape)


EXAMPLE_ARGUMENTS = {
    "residuals": lambda: (np.array(START), PIXELS, NOISE, images(1)[1][0]),
}


def fit(data):
    """All fits, each with own pixels and the same start."""
    starts = np.tile(START, (len(data), 1))
    return fit_many(residuals, starts, (PIXELS, NOISE, data), per_fit="image", absolute_sigma=True)


def plot(peaks, found) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3), layout="constrained")
    z = np.linspace(-4, 4, 200)
    score = (found.x - peaks) / found.errors
    for k, axes in enumerate(figure.subplots(1, 5, sharey=True)):
        axes.hist(score[:, k], bins=60, range=(-4, 4), density=True, color="C0")
        axes.plot(z, np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), "k", linewidth=1)
        axes.set_title(NAMES[k])
    figure.supxlabel("error / standard error")
    return figure


def main():
    peaks, data = images(20_000)
    one = least_squares(residuals, START, (PIXELS, NOISE, data[0]), absolute_sigma=True)
    print(f"{one}\n")
    found = fit(data)
    print(found)
    score = (found.x - peaks) / found.errors
    for name, spread in zip(NAMES, score.std(axis=0), strict=True):
        print(f"  {name:<10}  errors are {spread:.3f} times the standard errors")
    assert found.success.all()
    OUTPUT.mkdir(exist_ok=True)
    plot(peaks, found).savefig(OUTPUT / "gaussian_peaks.png", dpi=120)
    print(f"\nplot: {OUTPUT / 'gaussian_peaks.png'}")


if __name__ == "__main__":
    main()
