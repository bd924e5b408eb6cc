// Runs kernels on a CPU: the threads of a block in turn, up to where they wait for each other.
#include <cmath>
#include <csetjmp>
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

// A thread of a block has a stack of its own and lives on for all blocks.
struct Thread {
    jmp_buf place;
    bool begun = false, done;
    std::vector<char> stack;
};

static std::vector<Thread> threads(MOST);
static jmp_buf scheduler;
static double exchanged[MOST];
static void (*kernel)(void **);
static void **arguments;

// Every other thread runs up to its own wait before this one goes on. Unlike swapcontext this asks the system nothing.
static void wait()
{
    if (_setjmp(threads[threadIdx.x].place) == 0) _longjmp(scheduler, 1);
}

static void body()
{
    for (;;) {
        kernel(arguments);
        threads[threadIdx.x].done = true;
        wait();
    }
}

static void begin(Thread &thread)
{
    thread.begun = true;
    thread.stack.resize(STACK);
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = thread.stack.data();
    context.uc_stack.ss_size = STACK;
    makecontext(&context, body, 0);
    setcontext(&context);
}

static void go_on(unsigned i)
{
    threadIdx.x = i;
    if (_setjmp(scheduler) != 0) return;
    if (threads[i].begun) _longjmp(threads[i].place, 1);
    begin(threads[i]);
}

static void block()
{
    for (unsigned i = 0; i < blockDim.x; ++i) threads[i].done = false;
    for (bool all = false; !all;) {
        all = true;
        for (unsigned i = 0; i < blockDim.x; ++i) {
            if (threads[i].done) continue;
            go_on(i);
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
