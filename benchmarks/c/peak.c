/* Gaussian peak, mean squared error and gradient, one loop (see benchmarks/workloads/curves.py). */

#include "vector_exp.h"

/* An argument so far below 0 that the exponential is nothing is cut off: this keeps the exponent
   of the result in range. */
#define PEAK(NAME, T, EXP, LEAST)                                                                \
    T NAME(const T *p, const T *x, const T *y, long n, T *gradient)                              \
    {                                                                                            \
        const T height = p[0], place = p[1], inverse = 1 / p[2], ground = p[3];                  \
        T error = 0, d_height = 0, d_place = 0, d_width = 0, d_ground = 0;                       \
        for (long i = 0; i < n; i++) {                                                           \
            T u = (x[i] - place) * inverse, v = -u * u / 2;                                      \
            T e = EXP(v < LEAST ? LEAST : v);                                                    \
            T r = height * e + ground - y[i], re = r * e;                                        \
            error += r * r;                                                                      \
            d_height += re;                                                                      \
            d_place += re * u;                                                                   \
            d_width += re * u * u;                                                               \
            d_ground += r;                                                                       \
        }                                                                                        \
        const T scale = (T)2 / n, slope = scale * height * inverse;                              \
        gradient[0] = scale * d_height;                                                          \
        gradient[1] = slope * d_place;                                                           \
        gradient[2] = slope * d_width;                                                           \
        gradient[3] = scale * d_ground;                                                          \
        return error / n;                                                                        \
    }

PEAK(peak_f8, double, vector_exp, -700.0)
PEAK(peak_f4, float, vector_expf, -87.0f)
