/* The Gaussian mixture of benchmarks/workloads/mixture.py, value and gradients: tiles of rows, so
   that every innermost loop is over the rows of a tile and vectorises. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vector_exp.h"

#define TILE 64
#define LEAST -700.0

static double log_sum_exp(const double *a, long k)
{
    double highest = a[0], sum = 0;
    for (long j = 1; j < k; j++)
        highest = a[j] > highest ? a[j] : highest;
    for (long j = 0; j < k; j++)
        sum += exp(a[j] - highest);
    return highest + log(sum);
}

/* scaled = L (x - mean) for one part and one tile; both are [d][TILE]. */
static void scale(const double *mean, const double *diagonal, const double *below, long d,
                  double (*x)[TILE], double (*centred)[TILE], double (*scaled)[TILE])
{
    for (long i = 0; i < d; i++)
        for (long r = 0; r < TILE; r++) {
            centred[i][r] = x[i][r] - mean[i];
            scaled[i][r] = diagonal[i] * centred[i][r];
        }
    for (long j = 0; j < d; j++)
        for (long i = j + 1; i < d; i++, below++) {
            double l = *below;
            for (long r = 0; r < TILE; r++)
                scaled[i][r] += l * centred[j][r];
        }
}

double mixture(const double *alphas, const double *means, const double *icf, const double *x,
               long n, long d, long k, double gamma, double m,
               double *d_alphas, double *d_means, double *d_icf)
{
    const long t = d * (d + 1) / 2;
    double *diagonals = malloc(sizeof(double) * k * d), *offsets = malloc(sizeof(double) * k);
    double(*tile)[TILE] = malloc(sizeof(double) * d * TILE);
    double(*centred)[TILE] = malloc(sizeof(double) * d * TILE);
    double(*scaled)[TILE] = malloc(sizeof(double) * d * TILE);
    double(*adjoint)[TILE] = malloc(sizeof(double) * d * TILE);
    double(*terms)[TILE] = malloc(sizeof(double) * k * TILE);
    double value = 0, logs = 0, squares = 0;

    memset(d_alphas, 0, sizeof(double) * k);
    memset(d_means, 0, sizeof(double) * k * d);
    memset(d_icf, 0, sizeof(double) * k * t);
    for (long j = 0; j < k; j++) {
        offsets[j] = alphas[j];
        for (long i = 0; i < d; i++) {
            double q = icf[j * t + i];
            diagonals[j * d + i] = exp(q);
            offsets[j] += q;
            logs += q;
            squares += diagonals[j * d + i] * diagonals[j * d + i];
        }
        for (long i = d; i < t; i++)
            squares += icf[j * t + i] * icf[j * t + i];
    }
    for (long first = 0; first < n; first += TILE) {
        long rows = n - first < TILE ? n - first : TILE;
        double highest[TILE], sum[TILE];
        for (long i = 0; i < d; i++)
            for (long r = 0; r < TILE; r++)
                tile[i][r] = r < rows ? x[(first + r) * d + i] : 0;
        for (long j = 0; j < k; j++) {
            double square[TILE] = {0};
            scale(means + j * d, diagonals + j * d, icf + j * t + d, d, tile, centred, scaled);
            for (long i = 0; i < d; i++)
                for (long r = 0; r < TILE; r++)
                    square[r] += scaled[i][r] * scaled[i][r];
            for (long r = 0; r < TILE; r++) {
                terms[j][r] = offsets[j] - 0.5 * square[r];
                highest[r] = j == 0 || terms[j][r] > highest[r] ? terms[j][r] : highest[r];
            }
        }
        memset(sum, 0, sizeof sum);
        for (long j = 0; j < k; j++)
            for (long r = 0; r < TILE; r++) {
                double v = terms[j][r] - highest[r];
                terms[j][r] = vector_exp(v < LEAST ? LEAST : v);
                sum[r] += terms[j][r];
            }
        for (long r = 0; r < rows; r++)
            value += highest[r] + log(sum[r]);
        for (long r = 0; r < TILE; r++)
            sum[r] = r < rows ? 1 / sum[r] : 0; /* rows that are not there have no weight */
        for (long j = 0; j < k; j++) {
            double share = 0, *d_mean = d_means + j * d, *d_part = d_icf + j * t;
            const double *diagonal = diagonals + j * d;
            for (long r = 0; r < TILE; r++) {
                terms[j][r] *= sum[r];
                share += terms[j][r];
            }
            d_alphas[j] += share;
            scale(means + j * d, diagonal, icf + j * t + d, d, tile, centred, scaled);
            for (long i = 0; i < d; i++) {
                double product = 0;
                for (long r = 0; r < TILE; r++) {
                    scaled[i][r] *= terms[j][r];
                    product += scaled[i][r] * centred[i][r];
                    adjoint[i][r] = diagonal[i] * scaled[i][r];
                }
                d_part[i] += share - diagonal[i] * product;
            }
            long place = d;
            for (long a = 0; a < d; a++)
                for (long b = a + 1; b < d; b++, place++) {
                    double product = 0, l = icf[j * t + place];
                    for (long r = 0; r < TILE; r++) {
                        product += scaled[b][r] * centred[a][r];
                        adjoint[a][r] += l * scaled[b][r];
                    }
                    d_part[place] -= product;
                }
            for (long i = 0; i < d; i++) {
                double total = 0;
                for (long r = 0; r < TILE; r++)
                    total += adjoint[i][r];
                d_mean[i] += total;
            }
        }
    }
    double whole = log_sum_exp(alphas, k);
    for (long j = 0; j < k; j++) {
        d_alphas[j] -= n * exp(alphas[j] - whole);
        for (long i = 0; i < d; i++)
            d_icf[j * t + i] += m - gamma * gamma * diagonals[j * d + i] * diagonals[j * d + i];
        for (long i = d; i < t; i++)
            d_icf[j * t + i] -= gamma * gamma * icf[j * t + i];
    }
    free(diagonals);
    free(offsets);
    free(tile);
    free(centred);
    free(scaled);
    free(adjoint);
    free(terms);
    return value - n * whole - 0.5 * gamma * gamma * squares + m * logs;
}
