// The losses of `cases.py` and their gradients, as one writes them by hand in CUDA C++: one pass,
// sums in registers, a row of partial sums for each block, added by the last block in order.
// NUMBER is float or double.

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / 32;

template <int P>
__device__ void finish(NUMBER (&sums)[P], NUMBER *partial, NUMBER *out, unsigned *counter,
                       long long n)
{
    __shared__ NUMBER rows[WARPS][P];
    __shared__ bool last;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int k = 0; k < P; ++k) {
        for (int step = 16; step > 0; step /= 2)
            sums[k] += __shfl_down_sync(0xffffffffu, sums[k], step);
        if (lane == 0)
            rows[warp][k] = sums[k];
    }
    __syncthreads();
    if (threadIdx.x < P) {
        NUMBER total = 0;
        for (int w = 0; w < WARPS; ++w)
            total += rows[w][threadIdx.x];
        partial[blockIdx.x * P + threadIdx.x] = total;
    }
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
        last = atomicAdd(counter, 1u) == gridDim.x - 1;
    __syncthreads();
    if (!last)
        return;
    __threadfence();
    if (threadIdx.x < P) {
        NUMBER total = 0;
        for (unsigned b = 0; b < gridDim.x; ++b)
            total += partial[b * P + threadIdx.x];
        out[threadIdx.x] = total / NUMBER(n);
    }
    if (threadIdx.x == 0)
        *counter = 0;
}

#define LOSS(name)                                                                                 \
    extern "C" __global__ void __launch_bounds__(THREADS)                                          \
        name(const NUMBER *__restrict__ w, const NUMBER *__restrict__ x,                           \
             const NUMBER *__restrict__ y, long long n, NUMBER *__restrict__ partial,              \
             NUMBER *__restrict__ out, unsigned *__restrict__ counter)

#define EACH_ROW                                                                                   \
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;                    \
         i += (long long)gridDim.x * blockDim.x)

LOSS(peak)
{
    const NUMBER height = w[0], place = w[1], width = w[2], ground = w[3];
    NUMBER sums[5] = {};
    EACH_ROW {
        const NUMBER z = (x[i] - place) / width;
        const NUMBER bell = exp(-z * z / 2);
        const NUMBER r = height * bell + ground - y[i];
        const NUMBER slope = 2 * r * height * bell * z / width;
        sums[0] += r * r;
        sums[1] += 2 * r * bell;
        sums[2] += slope;
        sums[3] += slope * z;
        sums[4] += 2 * r;
    }
    finish(sums, partial, out, counter, n);
}

template <int P>
__device__ void polynomial(const NUMBER *w, const NUMBER *x, const NUMBER *y, long long n,
                           NUMBER *partial, NUMBER *out, unsigned *counter)
{
    NUMBER own[P], sums[P + 1] = {};
#pragma unroll
    for (int k = 0; k < P; ++k)
        own[k] = w[k];
    EACH_ROW {
        const NUMBER at = x[i];
        NUMBER model = own[0];
#pragma unroll
        for (int k = 1; k < P; ++k)
            model = model * at + own[k];
        const NUMBER r = model - y[i];
        NUMBER term = 2 * r;
        sums[0] += r * r;
#pragma unroll
        for (int k = P; k > 0; --k) {
            sums[k] += term;
            term *= at;
        }
    }
    finish(sums, partial, out, counter, n);
}

LOSS(cubic) { polynomial<4>(w, x, y, n, partial, out, counter); }
LOSS(septic) { polynomial<8>(w, x, y, n, partial, out, counter); }

// Parameters are all heights, then all places, then all widths.
template <int K>
__device__ void peaks(const NUMBER *w, const NUMBER *x, const NUMBER *y, long long n,
                      NUMBER *partial, NUMBER *out, unsigned *counter)
{
    NUMBER own[3 * K], sums[3 * K + 1] = {};
#pragma unroll
    for (int k = 0; k < 3 * K; ++k)
        own[k] = w[k];
    EACH_ROW {
        NUMBER bells[K], model = 0;
#pragma unroll
        for (int k = 0; k < K; ++k) {
            const NUMBER t = (x[i] - own[K + k]) * own[2 * K + k];
            bells[k] = exp(-t * t);
            model += own[k] * bells[k];
        }
        const NUMBER r = model - y[i];
        sums[0] += r * r;
#pragma unroll
        for (int k = 0; k < K; ++k) {
            const NUMBER from = x[i] - own[K + k], width = own[2 * K + k];
            const NUMBER term = 2 * r * bells[k];
            const NUMBER slope = 2 * term * own[k] * from * width;
            sums[1 + k] += term;
            sums[1 + K + k] += slope * width;
            sums[1 + 2 * K + k] -= slope * from;
        }
    }
    finish(sums, partial, out, counter, n);
}

LOSS(peaks2) { peaks<2>(w, x, y, n, partial, out, counter); }
LOSS(peaks8) { peaks<8>(w, x, y, n, partial, out, counter); }
