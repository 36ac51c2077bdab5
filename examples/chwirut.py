r"""Fit a model to measurements: NIST's Chwirut2, an ultrasonic calibration, by Adam.

    python examples/chwirut.py

NIST certifies the least-squares solution to 11 digits and gives two starting points, one of them
farther away. Adam steps by about its learning rate whatever the slope is, so the rate is lowered
tenfold twice; each run starts from the best point of the one before. See examples/data/SOURCE.md.

The same from the command line, with the model of this file or with a formula:

    codegen-ad fit examples/data/Chwirut2.csv --model examples/chwirut.py:model \
        --start b1=0.1,b2=0.01,b3=0.02
    codegen-ad fit examples/data/Chwirut2.csv --formula "exp(-b1*x) / (b2 + b3*x)" \
        --start b1=0.15,b2=0.008,b3=0.01 --plot examples/output/chwirut_formula.png
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codegen_ad import differentiate, minimize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
DATA = HERE / "data" / "Chwirut2.csv"
OUTPUT = HERE / "output"

STARTS = ((0.1, 0.01, 0.02), (0.15, 0.008, 0.010))
CERTIFIED = (1.6657666537e-01, 5.1653291286e-03, 1.2150007096e-02)
CERTIFIED_SQUARES = 5.1304802941e02
RATES = (1e-3, 1e-4, 1e-5)
STEPS = 5_000  # at each rate


def model(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


@differentiate
def squares(b, x, y):
    residual = y - model(b, x)
    return (residual**2).sum()


def data():
    """Metal distance and ultrasonic response."""
    return np.loadtxt(DATA, delimiter=",", skiprows=1).T.copy()


EXAMPLE_ARGUMENTS = {"squares": lambda: (np.array(STARTS[0]), *data())}


def fit(start, rates=RATES, steps=STEPS):
    """One result for each rate."""
    x, y = data()
    results, b = [], np.array(start)
    for rate in rates:
        result = minimize(
            squares, b, args=(x, y), method="adam", learning_rate=rate, steps=steps, trace=True
        )
        results.append(result)
        b = result.x
    return results


def digits(found, expected):
    """How many digits of a number are right."""
    difference = abs(found / expected - 1)
    return 11.0 if difference == 0 else min(11.0, -np.log10(difference))


def plot(fits) -> "Figure":
    from matplotlib.figure import Figure

    x, y = data()
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    fine = np.linspace(x.min(), x.max(), 200)
    left.plot(x, y, "k.", markersize=5, label="measured")
    for k, start in enumerate(STARTS, 1):
        left.plot(fine, model(start, fine), "--", linewidth=1, label=f"start {k}")
    left.plot(fine, model(fits[0][-1].x, fine), "C3", label="fit")
    left.set_xlabel("metal distance x")
    left.set_ylabel("ultrasonic response y")
    left.legend(frameon=False)
    for k, results in enumerate(fits, 1):
        trace = np.concatenate([r.trace for r in results])
        # Eleven digits are certified: less is no excess.
        excess = np.maximum(np.minimum.accumulate(trace) / CERTIFIED_SQUARES - 1, 1e-11)
        right.loglog(np.arange(1, len(trace) + 1), excess, label=f"from start {k}")
    right.set_xlabel("step")
    right.set_ylabel("excess over the certified sum of squares")
    right.legend(frameon=False)
    return figure


def main():
    fits = [fit(start) for start in STARTS]
    for start, results in zip(STARTS, fits, strict=True):
        best = results[-1]
        steps, seconds = sum(r.nit for r in results), sum(r.seconds for r in results)
        right = digits(best.fun, CERTIFIED_SQUARES)
        print(f"from {start}: {steps:,} steps in {seconds:.3f} s")
        print(f"  sum of squares {best.fun:.10e}, {right:.1f} digits right")
        for name, found, expected in zip(("b1", "b2", "b3"), best.x, CERTIFIED, strict=True):
            print(f"  {name} = {found:.10e}, {digits(found, expected):.1f} digits right")
        assert right > 6
    print(f"\n{fits[-1][-1]}")
    OUTPUT.mkdir(exist_ok=True)
    plot(fits).savefig(OUTPUT / "chwirut.png", dpi=120)
    print(f"\nplot: {OUTPUT / 'chwirut.png'}")


if __name__ == "__main__":
    main()
