/* The fit of benchmarks/polynomial.py: forward and backward pass of each step in one loop. */

void fit(const double *x, const double *y, long n, double rate, double *trace, long steps)
{
    double w0 = 0, w1 = 0, w2 = 0, w3 = 0, w4 = 0;
    const double scale = -2.0 * rate / n;
    for (long step = 0; step < steps; step++) {
        double error = 0, g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4 = 0;
        for (long i = 0; i < n; i++) {
            double x1 = x[i], x2 = x1 * x1, x3 = x2 * x1, x4 = x2 * x2;
            double r = y[i] - (w0 + x1 * w1 + x2 * w2 + x3 * w3 + x4 * w4);
            error += r * r;
            g0 += r;
            g1 += r * x1;
            g2 += r * x2;
            g3 += r * x3;
            g4 += r * x4;
        }
        trace[step] = error / n;
        w0 -= scale * g0;
        w1 -= scale * g1;
        w2 -= scale * g2;
        w3 -= scale * g3;
        w4 -= scale * g4;
    }
}
