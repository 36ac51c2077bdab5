/* exp(x) for finite results, in plain arithmetic: Cody and Waite's reduction to |r| <= log(2) / 2
   and a Taylor polynomial, of degree 13 in double precision and 6 in single. Loops with it
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
    double low = (1.0 / 2 + r * (1.0 / 6)) + r2 * (1.0 / 24 + r * (1.0 / 120));
    double middle = (1.0 / 720 + r * (1.0 / 5040)) + r2 * (1.0 / 40320 + r * (1.0 / 362880));
    double high = (1.0 / 3628800 + r * (1.0 / 39916800))
                + r2 * (1.0 / 479001600 + r * (1.0 / 6227020800.0));
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
    float low = 0.5f + r * (1.0f / 6), high = (1.0f / 24 + r * (1.0f / 120)) + r2 * (1.0f / 720);
    return scale * (1.0f + (r + r2 * (low + r2 * high)));
}
