// Runs kernels on a CPU: the threads of a block in turn, up to where they wait for each other.
#include <cmath>
#include <ucontext.h>
#include <cstddef>
#include <utility>
#include <vector>

#define __global__
#define __device__ static inline

using std::erf, std::exp, std::expm1, std::log1p, std::sqrt, std::tanh;

struct Place { unsigned x; };
static Place threadIdx, blockIdx, blockDim;

namespace emulated {

constexpr size_t STACK = 64 << 10, MOST = 1024;

struct Thread {
    ucontext_t context;
    bool done;
    std::vector<char> stack = std::vector<char>(STACK);
};

static std::vector<Thread> threads(MOST);
static ucontext_t scheduler;
static double exchanged[MOST];
static void (*kernel)(void **);
static void **arguments;

// Every other thread runs up to its own wait before this one goes on.
static void wait() { swapcontext(&threads[threadIdx.x].context, &scheduler); }

static void body()
{
    kernel(arguments);
    threads[threadIdx.x].done = true;
}

static void block()
{
    for (unsigned i = 0; i < blockDim.x; ++i) {
        Thread &thread = threads[i];
        getcontext(&thread.context);
        thread.context.uc_stack.ss_sp = thread.stack.data();
        thread.context.uc_stack.ss_size = STACK;
        thread.context.uc_link = &scheduler;
        thread.done = false;
        makecontext(&thread.context, body, 0);
    }
    for (bool all = false; !all;) {
        all = true;
        for (unsigned i = 0; i < blockDim.x; ++i) {
            if (threads[i].done) continue;
            threadIdx.x = i;
            swapcontext(&scheduler, &threads[i].context);
            all = all && threads[i].done;
        }
    }
}

template <class... A, size_t... I>
void call(void (*f)(A...), void **at, std::index_sequence<I...>)
{
    f(*static_cast<A *>(at[I])...);
}

template <class... A>
void call(void (*f)(A...), void **at)
{
    call(f, at, std::index_sequence_for<A...>{});
}

static void launch(void (*f)(void **), unsigned blocks, unsigned size, bool waits, void **at)
{
    kernel = f, arguments = at, blockDim.x = size;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
        if (waits)
            block();
        else
            for (threadIdx.x = 0; threadIdx.x < size; ++threadIdx.x) f(at);
    }
}

} // namespace emulated

template <class T>
T __shfl_xor_sync(unsigned, T x, unsigned mask)
{
    unsigned me = threadIdx.x;
    emulated::exchanged[me] = x;
    emulated::wait();
    T other = T(emulated::exchanged[me ^ mask]);
    emulated::wait();
    return other;
}

// What is called for the kernel `name`, whose threads wait for each other or not.
#define EMULATED(name)                                                                          \
    extern "C" void emulated_##name(unsigned blocks, unsigned size, bool waits, void **at)       \
    {                                                                                           \
        emulated::launch([](void **at) { emulated::call(name, at); }, blocks, size, waits, at);  \
    }
