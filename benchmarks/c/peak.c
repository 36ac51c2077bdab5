/* Gaussian peak, mean squared error and gradient, one loop (see benchmarks/workloads/curves.py). */

#include "vector_exp.h"

/* Rows whose sums are kept in T: a sum of all rows in single precision would lose some of 10^8. */
#define BLOCK 65536

/* An argument so far below 0 that the exponential is nothing is cut off: this keeps the exponent
   of the result in range. */
#define PEAK(NAME, T, EXP, LEAST)                                                                \
    T NAME(const T *p, const T *x, const T *y, long n, T *gradient)                              \
    {                                                                                            \
        const T height = p[0], place = p[1], inverse = 1 / p[2], ground = p[3];                  \
        double sums[5] = {0};                                                                    \
        for (long first = 0; first < n; first += BLOCK) {                                        \
            const long last = first + BLOCK < n ? first + BLOCK : n;                             \
            T error = 0, d_height = 0, d_place = 0, d_width = 0, d_ground = 0;                   \
            for (long i = first; i < last; i++) {                                                \
                T u = (x[i] - place) * inverse, v = -u * u / 2;                                  \
                T e = EXP(v < LEAST ? LEAST : v);                                                \
                T r = height * e + ground - y[i], re = r * e;                                    \
                error += r * r;                                                                  \
                d_height += re;                                                                  \
                d_place += re * u;                                                               \
                d_width += re * u * u;                                                           \
                d_ground += r;                                                                   \
            }                                                                                    \
            sums[0] += error;                                                                    \
            sums[1] += d_height;                                                                 \
            sums[2] += d_place;                                                                  \
            sums[3] += d_width;                                                                  \
            sums[4] += d_ground;                                                                 \
        }                                                                                        \
        const double scale = 2.0 / n, slope = scale * height * inverse;                          \
        gradient[0] = (T)(scale * sums[1]);                                                      \
        gradient[1] = (T)(slope * sums[2]);                                                      \
        gradient[2] = (T)(slope * sums[3]);                                                      \
        gradient[3] = (T)(scale * sums[4]);                                                      \
        return (T)(sums[0] / n);                                                                 \
    }

PEAK(peak_f8, double, vector_exp, -700.0)
PEAK(peak_f4, float, vector_expf, -87.0f)
