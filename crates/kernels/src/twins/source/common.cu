// What all kernels share. `REAL` is float or double.
//
// Arguments come in one order: arrays that are read, arrays that are written, sizes, numbers. No kernel adds from several
// threads to one place: every sum has a fixed order, so that results have the same bits each time.

typedef REAL real;
// 32 bits: a division of 64 takes longer than the memory that most kernels wait for.
typedef unsigned count;

#define KERNEL extern "C" __global__ void

// This thread's place among all.
__device__ count thread_of_all() { return blockIdx.x * blockDim.x + threadIdx.x; }

// This warp's place among all, and this thread's in its warp.
__device__ count warp_of_all() { return thread_of_all() / 32; }
__device__ count lane() { return threadIdx.x % 32; }

// The sum over a warp, the same bits in each lane: at every stage both of a pair add the same two numbers.
__device__ real warp_sum(real x)
{
    for (int half = 16; half > 0; half /= 2) x += __shfl_xor_sync(0xffffffffu, x, half);
    return x;
}

__device__ real warp_largest(real x)
{
    for (int half = 16; half > 0; half /= 2) {
        real other = __shfl_xor_sync(0xffffffffu, x, half);
        // A NaN stays: it is larger than nothing, and nothing is larger.
        x = x < other || other != other ? other : x;
    }
    return x;
}
