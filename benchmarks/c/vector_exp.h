/* exp(x) for finite results, in plain arithmetic: Cody and Waite's reduction to |r| <= log(2) / 2
   and the polynomials of codegen_ad, of degree 12 in double precision and 6 in single. Loops with it
   vectorise. Nothing here survives being reordered by more than a rounding. */

#include <stdint.h>
#include <string.h>

static inline double vector_exp(double x)
{
    double k = __builtin_rint(x * 1.4426950408889634);
    double shifted = k + 6755399441055744.0, scale; /* k in the lowest bits */
    int64_t bits;
    memcpy(&bits, &shifted, 8);
    bits = (bits + 1023) << 52;
    memcpy(&scale, &bits, 8);
    double r = x - k * 0.6931471803691238 - k * 1.9082149292705877e-10;
    double r2 = r * r, r4 = r2 * r2;
    double low = (0.5 + r * 0.16666666666666682)
               + r2 * (0.04166666666666609 + r * 0.00833333333331698);
    double middle = (0.001388888888911643 + r * 0.000198412698965197)
                  + r2 * (2.4801586925622793e-05 + r * 2.7557234723813175e-06);
    double high = (2.7557582338831296e-07 + r * 2.5112085745614437e-08)
                + r2 * 2.08265703839266e-09;
    return scale * (1.0 + (r + r2 * (low + r4 * (middle + r4 * high))));
}

static inline float vector_expf(float x)
{
    float k = __builtin_rintf(x * 1.44269504f);
    float shifted = k + 12582912.0f, scale;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    bits = (bits + 127) << 23;
    memcpy(&scale, &bits, 4);
    float r = x - k * 0.693145752f - k * 1.42860677e-6f;
    float r2 = r * r;
    float low = 0.49999994f + r * 0.16666518f;
    float high = (0.041668408f + r * 0.008368927f) + r2 * 0.0013814162f;
    return scale * (1.0f + (r + r2 * (low + r2 * high)));
}
